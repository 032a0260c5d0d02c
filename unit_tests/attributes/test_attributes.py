"""The attributes of one sync: settled with the workspace, and said before anything is created."""

import contextlib
from typing import Any

import pytest

from destination_intercom.attributes.attribute_types import Origin
from destination_intercom.attributes.attributes import MOST_ATTRIBUTES, Attributes
from destination_intercom.errors import ConfigurationError
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import Call, CreateDataAttribute, ListDataAttributes
from destination_intercom.standard_fields import FIELDS
from unit_tests.data_attributes import attribute, listing_of


def _said(attributes: Attributes) -> list[str]:
    """What there is to say, which is then said."""
    return [note.text for note in attributes.notes.take()]


def _settle(attributes: Attributes, *listings: Answer, creation: Answer | None = None) -> list[Call]:
    """Answer all of the calls, the last listing for ever, and give them back."""
    asked: list[Call] = []
    listing, *later = listings
    steps = attributes.settle()
    try:
        call = next(steps)
        while True:
            asked.append(call)
            if isinstance(call, CreateDataAttribute):
                made = {**call.payload, "type": "data_attribute"}
                call = steps.send(creation or Answer(200, "json", made))
            else:
                answer, listing = listing, later.pop(0) if later else listing
                call = steps.send(answer)
    except StopIteration:
        return asked


def test_calls_when_nothing_is_selected_are_none() -> None:
    """The identity alone needs no attribute."""
    assert [] == _settle(Attributes("create", wanted={}), listing_of())


def test_calls_when_nothing_is_missing_are_one() -> None:
    """One call at the start of a sync, whatever is to be done about missing ones."""
    for missing in ("fail", "create", "skip"):
        attributes = Attributes(missing, wanted={"plan": None, "email": None})
        assert [ListDataAttributes()] == _settle(attributes, listing_of(attribute("plan", "date", options=["a"])))
        assert ({"plan": "date"}, {"plan": frozenset({"a"})}) == (attributes.types, attributes.options)
        assert (frozenset(), []) == (attributes.skipped, _said(attributes))


def test_missing_attributes_when_to_be_created_are_with_their_types() -> None:
    """Each of them once, as an attribute of contacts, and it is said."""
    attributes = Attributes("create", wanted={"plan": "string", "here": None, "since": "date"})
    _, *created = _settle(attributes, listing_of(attribute("here", "float")))
    expected = [("plan", "string"), ("since", "date")]
    told = 'which are created: "plan" (string), "since" (date). A type cannot be changed later.'
    assert [
        CreateDataAttribute({"name": name, "model": "contact", "data_type": kind}) for name, kind in expected
    ] == created
    assert {"here": "float", **dict(expected)} == attributes.types
    assert [
        f"Missing custom attributes, {told}",
        *(f'Created the custom attribute "{name}" ({kind}).' for name, kind in expected),
    ] == _said(attributes)


def test_missing_attributes_when_to_be_created_without_a_type_are_refused_before_any_is_created() -> None:
    """A type is never guessed, for it cannot be changed."""
    attributes = Attributes("create", wanted={"plan": "string", "odd": None})
    with pytest.raises(ConfigurationError, match='does not have "odd", and the type is unknown'):
        _settle(attributes, listing_of())


@pytest.mark.parametrize(("there", "fits"), [(MOST_ATTRIBUTES - 2, True), (MOST_ATTRIBUTES - 1, False)])
def test_missing_attributes_when_there_is_no_room_are_refused_before_any_is_created(there: int, *, fits: bool) -> None:
    """A workspace has 250 custom attributes; archived ones and Intercom's own do not count."""
    listing = [
        *(attribute(f"a{number}") for number in range(there)),
        attribute("old", archived=True),
        attribute("own", custom=False),
    ]
    attributes = Attributes("create", wanted={"plan": "string", "since": "date"})
    if fits:
        assert 3 == len(_settle(attributes, listing_of(*listing)))
        return
    with pytest.raises(ConfigurationError, match=f"has {there} custom attributes and can have 250.*plan.*since"):
        _settle(attributes, listing_of(*listing))


def test_missing_attributes_when_intercom_refuses_one_are_refused_in_its_words() -> None:
    """A name that it does not allow, or one that companies have."""
    envelope = {"type": "error.list", "errors": [{"code": "parameter_invalid", "message": "You already have 'plan'"}]}
    attributes = Attributes("create", wanted={"plan": "string"})
    with pytest.raises(ConfigurationError) as caught:
        _settle(attributes, listing_of(), creation=Answer(400, "json", envelope))
    assert "does not create the custom attribute \"plan\": You already have 'plan'" in caught.value.message


@pytest.mark.parametrize(("kind", "fits"), [("string", True), ("integer", False)])
def test_missing_attributes_when_somebody_else_made_one_meanwhile_are_taken_as_they_are_wanted(
    kind: str, *, fits: bool
) -> None:
    """An attempt of ours whose answer was lost, or another app; of another type it would take none of the values."""
    attributes = Attributes("create", wanted={"plan": "string"})
    envelope = {"type": "error.list", "errors": [{"code": "parameter_invalid", "message": "You already have 'plan'"}]}
    refused, there = Answer(400, "json", envelope), listing_of(attribute("plan", kind))
    if fits:
        assert 3 == len(_settle(attributes, listing_of(), there, creation=refused))
        return
    with pytest.raises(ConfigurationError, match="does not create"):
        _settle(attributes, listing_of(), there, creation=refused)


def test_attributes_when_several_streams_write_one_have_the_type_that_one_of_them_tells() -> None:
    """A stream that does not know it takes nothing away; nor does a second opinion."""
    attributes = Attributes("create")
    for kind in (None, "date", None, "string"):
        attributes.want("since", kind)
    assert {"since": "date"} == attributes.wanted


def test_fields_that_are_written_are_known_and_the_address_is_always_one_of_them() -> None:
    """What goes only beside an address is compared with the address that there is, whoever gave it."""
    attributes = Attributes("fail")
    for name in ("email_verified", "name", "plan"):
        attributes.want(name, None)
    assert {"email", "email_verified", "name"} == attributes.fields


def test_missing_attributes_in_a_dry_run_are_only_said_to_be_created() -> None:
    """Their values are converted as they would be."""
    attributes = Attributes("create", create=False, wanted={"plan": "integer"})
    assert [ListDataAttributes()] == _settle(attributes, listing_of())
    assert {"plan": "integer"} == attributes.types
    (text,) = _said(attributes)
    assert text.startswith('Missing custom attributes, which would be created: "plan" (integer). A type')


def test_missing_attributes_when_to_be_skipped_are_warned_of() -> None:
    """Nothing is created, and the rest is written."""
    attributes = Attributes("skip", wanted={"plan": None, "here": None})
    assert [ListDataAttributes()] == _settle(attributes, listing_of(attribute("here")))
    assert frozenset({"plan"}) == attributes.skipped
    assert {"here": "string"} == attributes.types
    assert ['The workspace does not have these custom attributes, so they are left out: "plan".'] == _said(attributes)


@pytest.mark.parametrize(("kind", "fits"), [("boolean", True), ("string", False), ("integer", False)])
def test_attribute_of_which_only_a_true_is_written_must_be_a_boolean(kind: str, fits: bool) -> None:
    """Of another type no value is true; whether it is there, or would be created."""
    for missing, *there in (("fail", attribute("vip", kind)), ("create",)):
        attributes = Attributes(missing)
        attributes.want("vip", kind, only_true=True)
        steps = attributes.settle()
        next(steps)
        expected = contextlib.nullcontext() if fits else pytest.raises(ConfigurationError, match='these are not: "vip"')
        with expected, contextlib.suppress(StopIteration):
            steps.send(Answer(200, "json", {"data": there}))


def test_attributes_that_were_created_are_told() -> None:
    """Intercom may not know them yet when the first contact is written."""
    attributes = Attributes("create")
    attributes.want("plan", "string")
    attributes.want("here", "string")
    steps = attributes.settle()
    next(steps)
    create = steps.send(Answer(200, "json", {"data": [attribute("here")]}))
    assert isinstance(create, CreateDataAttribute)
    with contextlib.suppress(StopIteration):
        steps.send(Answer(200, "json", attribute("plan")))
    assert ("plan",) == attributes.created


def test_missing_attributes_when_to_be_created_are_all_named_before_the_first_is() -> None:
    """Whoever reads along can still stop it; the note is said however much was warned of."""
    attributes = Attributes("create", wanted={"plan": "string", "seats": "float"})
    steps = attributes.settle()
    next(steps)
    assert isinstance(steps.send(listing_of()), CreateDataAttribute)
    (note,) = attributes.notes.take()
    assert '"plan" (string), "seats" (float)' in note.text
    assert note.pressing


CURES = {
    True: ("which are created", "archive the new attribute in Intercom and write another one"),
    False: ("which would be created", "before the first sync"),
}


@pytest.mark.parametrize("create", [True, False])
def test_missing_attributes_when_their_names_are_those_of_times_are_pointed_out_with_the_cure(create: bool) -> None:
    """By their own names or by their properties', if they are to be texts or numbers; what is a date is in order."""
    attributes = Attributes("create", create=create)
    attributes.want("customer_since", "integer", origin=Origin("row.began"))
    attributes.want("change", "string", origin=Origin("row.updatedAt"))
    attributes.want("signup_date", "date", origin=Origin("created_at"))
    attributes.want("consent_date", "boolean", origin=Origin("consent_date"))
    attributes.want("templated", "string", origin=Origin("{{ record.created_at }}"))
    attributes.want("here_since", "string", origin=Origin("here_since"))
    _settle(attributes, listing_of(attribute("here_since")))
    (text,) = [each for each in _said(attributes) if "Missing custom attributes" in each]
    when, cure = CURES[create]
    assert when in text
    assert 'The names of these suggest times: "customer_since", "change". If one is a time, ' in text
    assert cure in text
    assert "type" in text.rpartition("If one is a time")[2]


def test_missing_attributes_in_a_dry_run_are_named_at_the_end_if_all_of_their_values_are_times() -> None:
    """Of those to be created as texts or numbers; never a value."""
    attributes = Attributes("create", create=False)
    kinds = {"since": "integer", "change": "string", "mrr": "string", "seats": "float", "day": "date", "none": "string"}
    for name, kind in kinds.items():
        attributes.want(name, kind)
    _settle(attributes, listing_of())
    assert attributes.watch is not None
    attributes.watch.look({"since": 1646998902, "change": "2022-11-16T16:01:40Z", "mrr": "38.00", "seats": 5.0})
    attributes.watch.look({"since": None, "day": 1646998902})
    (text,) = attributes.summary()
    assert '"since" (integer), "change" (string)' in text
    assert '"date" before the first sync' in text
    assert not [name for name in ("mrr", "seats", "day", "none", "1646998902", "2022") if f'"{name}' in text]


@pytest.mark.parametrize(("missing", "create"), [("create", True), ("skip", False), ("fail", False)])
def test_values_when_nothing_would_be_created_are_not_looked_at(missing: str, create: bool) -> None:
    """A sync has created the attributes already, and the rest has its type."""
    attributes = Attributes(missing, create=create)
    attributes.want("since", "string")
    _settle(attributes, listing_of(*([] if create else [attribute("since")])))
    assert (None, []) == (attributes.watch, list(attributes.summary()))


def _refusal(attributes: Attributes, *there: Any) -> str:
    """Refuse before anything is created; the same in a test of the destination, where that can know."""
    with pytest.raises(ConfigurationError) as caught:
        _settle(attributes, listing_of(*there))
    return caught.value.message


@pytest.mark.parametrize(("nesting", "words"), [("object", "an object"), ("objects", "a list of objects")])
@pytest.mark.parametrize("kind", [None, "string"])
def test_missing_attribute_when_it_would_hold_objects_is_refused_whatever_type_it_has(
    nesting: Any, words: str, kind: str | None
) -> None:
    """No value of it could be written; all of them are named at once, with the way out."""
    attributes = Attributes("create")
    attributes.want("address", kind, origin=Origin("address", kind, nesting))
    attributes.want("second", None, origin=Origin("second", None, "object"))
    message = _refusal(attributes)
    assert f'no attribute is created for "address" ({words}' in message
    assert '"second" (an object)' in message
    assert "write what is inside, with a path such as address.city" in message


def test_missing_attribute_when_nobody_knows_what_its_list_holds_needs_a_type() -> None:
    """A list of scalars is sent as a text: whoever says so is believed."""
    attributes = Attributes("create")
    attributes.want("tags", None, origin=Origin("tags", None, "list"))
    assert "a list, and the schema does not say what it contains" in _refusal(attributes)
    attributes.want("tags", "string", origin=Origin("tags", "string", "list"))
    _, create = _settle(attributes, listing_of())
    assert isinstance(create, CreateDataAttribute)
    assert "string" == create.payload["data_type"]


def test_missing_attribute_when_one_stream_has_objects_and_another_one_texts_is_created_for_the_texts() -> None:
    """The first stream's are left out and counted."""
    attributes = Attributes("create")
    attributes.want("address", None, origin=Origin("address", None, "object"))
    attributes.want("address", "string", origin=Origin("address"))
    assert 2 == len(_settle(attributes, listing_of()))


def test_objects_when_the_attribute_is_there_are_no_reason_to_stop() -> None:
    """What cannot be sent is left out and counted."""
    attributes = Attributes("create")
    attributes.want("address", None, origin=Origin("address", None, "object"))
    assert [ListDataAttributes()] == _settle(attributes, listing_of(attribute("address")))


@pytest.mark.parametrize("kinds", [("integer", "float"), ("float", "integer"), (None, "integer", None, "float")])
def test_type_when_one_stream_has_whole_numbers_and_another_one_fractions_is_float(
    kinds: tuple[str | None, ...],
) -> None:
    """As in a union within one schema: an integer would take no fraction, for good."""
    attributes = Attributes("create")
    for kind in kinds:
        attributes.want("total", kind, origin=Origin("total"))
    assert {"total": "float"} == attributes.wanted
    attributes.want("total", "integer", origin=Origin("total", "integer"))
    assert {"total": "integer"} == attributes.wanted


def test_type_of_an_entry_when_streams_differ_goes_before_that_of_another_ones_schema() -> None:
    """The user has said it; in whichever order they come."""
    for order in ((0, 1), (1, 0)):
        attributes = Attributes("create")
        for kind, origin in [
            [("string", Origin("since")), ("date", Origin("since", "date"))][place] for place in order
        ]:
            attributes.want("since", kind, origin=origin)
        assert {"since": "date"} == attributes.wanted


@pytest.mark.parametrize(
    ("own", "there", "warns"),
    [
        ("date", "string", True),
        ("integer", "float", True),
        ("date", "date", False),
        ("date", "datetime", False),
        ("string", "string", False),
        (None, "float", False),
    ],
)
def test_type_of_an_entry_when_the_workspace_has_another_is_warned_of_once(
    own: str | None, there: str, warns: bool
) -> None:
    """The workspace's counts, for it cannot be changed; what a schema says is no promise of the user's."""
    attributes = Attributes("fail")
    for name in ("since", "since", "other"):
        attributes.want(name, own or "string", origin=Origin(f"a.{name}", own))
    _settle(attributes, listing_of(attribute("since", there), attribute("other", own or "float")))
    notes = list(attributes.notes.take())
    assert warns == (len(notes) == 1)
    if warns:
        assert f'"since" has the type {there} in the workspace' in notes[0].text
        assert f"the type {own} in its entry: the type in the workspace counts" in notes[0].text
        assert "since" == notes[0].name


def test_missing_attributes_when_skipped_are_told_with_what_may_be_meant() -> None:
    """A label, or another case."""
    attributes = Attributes("skip", wanted={"Plan": None, "SEATS": None, "odd": None})
    _settle(attributes, listing_of(attribute("subscription_plan", label="Plan"), attribute("Seats")))
    (text,) = _said(attributes)
    assert text.endswith(
        'left out: "Plan", "SEATS", "odd". "Plan": this is the label of "subscription_plan".'
        ' "SEATS": names are case-sensitive, and there is "Seats".'
    )


def _check(attributes: Attributes, *there: Any) -> list[str]:
    """Answer the one call that a test of the destination makes; what is said."""
    steps = attributes.check()
    assert ListDataAttributes() == next(steps)
    with contextlib.suppress(StopIteration):
        steps.send(listing_of(*there))
        pytest.fail("a test of the destination makes one call")
    return _said(attributes)


def test_test_of_the_destination_when_attributes_would_be_created_names_their_types_as_far_as_entries_tell() -> None:
    """It knows no streams, and so no schema."""
    attributes = Attributes("create")
    attributes.want("plan", "string", origin=Origin("plan", "string"))
    attributes.want("created_at", None, origin=Origin("created_at"))
    attributes.want("seen_at", "date", origin=Origin("seen_at", "date"))
    (text,) = _check(attributes)
    assert text.startswith(
        'Missing custom attributes, which the first sync creates: "plan" (string), "created_at" (the type'
        ' from the schema of its stream), "seen_at" (date). A type cannot be changed later.'
        ' The names of these suggest times: "created_at". If one is a time, '
    )


def test_test_of_the_destination_when_types_differ_or_names_are_near_says_so() -> None:
    """What entries alone show."""
    attributes = Attributes("create")
    attributes.want("since", "date", origin=Origin("since", "date"))
    (text,) = _check(attributes, attribute("since"))
    assert "the type string in the workspace" in text
    attributes.want("Since", None)
    with pytest.raises(ConfigurationError, match='there is "since"'):
        _check(attributes, attribute("since"))


def test_test_of_the_destination_when_an_attribute_cannot_be_created_says_so() -> None:
    """There is no room, or its type is not the one that only_true needs."""
    attributes = Attributes("create")
    attributes.want("vip", "string", only_true=True, origin=Origin("vip", "string"))
    with pytest.raises(ConfigurationError, match=r'these are not: "vip"; the workspace has 250 .* no room for "vip"'):
        _check(attributes, *(attribute(f"a{number}") for number in range(MOST_ATTRIBUTES)))


@pytest.mark.parametrize("missing", ["fail", "skip"])
def test_test_of_the_destination_when_nothing_would_be_created_names_no_types(missing: str) -> None:
    """There is nothing that lasts."""
    attributes = Attributes(missing)
    attributes.want("created_at", None, origin=Origin("created_at"))
    assert [] == _check(attributes, attribute("created_at"))


@pytest.mark.parametrize("missing", ["fail", "create", "skip"])
def test_workspace_when_it_is_full_and_lacks_nothing_is_no_reason_to_stop(missing: str) -> None:
    """More than 250 are there, whoever made them."""
    attributes = Attributes(missing, wanted={"a0": "string"})
    assert 1 == len(
        _settle(attributes, listing_of(*(attribute(f"a{number}") for number in range(MOST_ATTRIBUTES + 5))))
    )


def test_missing_attributes_when_they_are_made_by_hand_are_told_with_those_that_look_like_times() -> None:
    """Whoever makes them in Intercom makes them for good, too; a test of the destination does not know each type."""
    attributes = Attributes("fail")
    for name, kind in {"since": "integer", "plan": "string", "seen_at": "date"}.items():
        attributes.want(name, kind, origin=Origin(name, kind))
    attributes.want("address", None, origin=Origin("address_at", None, "object"))
    attributes.want("odd", None, origin=Origin("odd"))
    expected = '"since" (integer, but its name suggests a time), "plan" (string), "seen_at" (date), "address" (no type, because it is an object), "odd" ('
    message = _refusal(attributes)
    assert f"{expected}neither the entry nor" in message
    with pytest.raises(ConfigurationError) as caught:
        _check(attributes)
    assert f"{expected}the type from the schema of its stream)" in caught.value.message


def _members(missing: str, **members: str | None) -> Attributes:
    """Attributes of one entry, "plan", and of a wildcard."""
    attributes = Attributes(missing)
    attributes.want("plan", "string", origin=Origin("plan"))
    for name, kind in members.items():
        attributes.want_members({name: kind})
    return attributes


THERE = [attribute("plan"), attribute("here", "integer", options=["x"]), attribute("old", archived=True)]


@pytest.mark.parametrize("missing", ["fail", "skip"])
def test_members_of_a_wildcard_when_the_workspace_lacks_them_are_left_out_with_one_warning(missing: str) -> None:
    """A column more in a source never fails a sync; what is there is written in the workspace's type."""
    attributes = _members(missing, here="string", gone="float", old="string", plan="float", odd=None)
    assert [ListDataAttributes()] == _settle(attributes, listing_of(*THERE))
    assert {"plan": "string", "here": "integer"} == attributes.types
    assert {"here": frozenset({"x"})} == attributes.options
    assert {"gone", "old", "odd"} == attributes.skipped
    (text,) = _said(attributes)
    assert text.endswith(': "gone" (float), "old" (archived, or not writable), "odd" (of unknown type).')


def test_members_of_a_wildcard_when_they_may_be_created_are_named_and_created_as_far_as_they_can_be() -> None:
    """What would be a second one of another, or has no type, is left out; standard fields are there."""
    attributes = _members(
        "create", here="string", a="float", A="float", HERE="string", Plan="string", odd=None, phone=None
    )
    attributes.want_members({"a": "string"})
    attributes.want_members({"since": "integer"})
    _, *created = _settle(attributes, listing_of(*THERE))
    assert [("a", "float"), ("since", "integer")] == [
        (call.payload["name"], call.payload["data_type"]) for call in created if isinstance(call, CreateDataAttribute)
    ]
    assert {"A", "HERE", "Plan", "odd"} == attributes.skipped
    # Whatever a record has may be among the members, but for what is written by its own name only.
    assert FIELDS.keys() - {"avatar", "owner_id", "unsubscribed_from_emails"} == attributes.fields
    assert {"plan": "string", "here": "integer", "a": "float", "since": "integer"} == attributes.types
    left_out, announced, *_ = _said(attributes)
    assert '"A" (another one differs only in case), "HERE" (names are case-sensitive, and there is "here")' in left_out
    assert 'which are created: "a" (float), "since" (integer).' in announced
    assert 'suggest times: "since"' in announced


def test_members_of_a_wildcard_when_there_is_little_room_leave_it_to_the_entries() -> None:
    """Those that do not fit are left out."""
    attributes = _members("create", a="string", b="string")
    there = [attribute(f"c{number}") for number in range(MOST_ATTRIBUTES - 2)]
    _, *created = _settle(attributes, listing_of(*there))
    assert ["plan", "a"] == [call.payload["name"] for call in created if isinstance(call, CreateDataAttribute)]
    assert {"b"} == attributes.skipped


def test_member_of_a_wildcard_when_intercom_refuses_to_create_it_is_left_out() -> None:
    """Its name may be none that an attribute can have."""
    attributes = Attributes("create")
    attributes.want_members({"a!": "string"})
    envelope = {"type": "error.list", "errors": [{"code": "parameter_invalid", "message": "alphanumeric"}]}
    _settle(attributes, listing_of(), creation=Answer(400, "json", envelope))
    assert (frozenset({"a!"}), {}) == (attributes.skipped, attributes.types)
    assert 'does not create the custom attribute "a!": alphanumeric. Its values from *' in _said(attributes)[-1]
