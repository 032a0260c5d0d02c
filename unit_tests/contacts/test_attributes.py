"""The attributes to write against the ones that the workspace has."""

import contextlib
from typing import Any

import pytest
from hypothesis import given, strategies as st

from destination_intercom.contacts.attributes import MOST_ATTRIBUTES, Attributes, Workspace, check_attributes
from destination_intercom.errors import ConfigurationError
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import Call, CreateDataAttribute, ListDataAttributes
from destination_intercom.standard_fields import STANDARD_FIELDS
from unit_tests.strategies import JSON


def _attribute(name: str, data_type: str = "string", **fields: Any) -> dict[str, Any]:
    return {"name": name, "data_type": data_type, "archived": False, "api_writable": True, "custom": True, **fields}


def _workspace(wanted: dict[str, str | None], *attributes: Any, missing: str = "fail") -> Workspace:
    return check_attributes(wanted, {"type": "list", "data": list(attributes)}, missing=missing)


def _check(wanted: dict[str, str | None], *attributes: Any) -> dict[str, str]:
    return _workspace(wanted, *attributes).types


def _refusal(wanted: dict[str, str | None], *attributes: Any, missing: str = "fail") -> str:
    with pytest.raises(ConfigurationError) as caught:
        _workspace(wanted, *attributes, missing=missing)
    return caught.value.message


def test_attributes_that_all_exist_give_the_workspaces_types() -> None:
    """The workspace's type rules over the one that was wanted; standard fields have types of their own."""
    found = _check(
        {"plan": "integer", "age": None, "email": None},
        _attribute("plan"),
        _attribute("age", "integer"),
        _attribute("email"),
        _attribute("other", "date"),
    )
    assert {"plan": "string", "age": "integer"} == found


@pytest.mark.parametrize("field", sorted(STANDARD_FIELDS))
def test_attributes_that_are_standard_fields_need_not_be_listed(field: str) -> None:
    """They exist in every workspace, listed or not."""
    assert _check({field: None}) == {}


def test_attributes_that_are_missing_are_all_listed_with_the_types_they_would_get() -> None:
    """One look at the message is enough to create them."""
    message = _refusal({"plan": "string", "age": "integer", "odd": None, "here": "string"}, _attribute("here"))
    assert message.startswith("users.attributes: the workspace lacks the custom attributes ")
    assert '"plan" (string), "age" (integer), "odd" (its type is told by neither' in message
    assert "create them in Intercom" in message
    assert "here" not in message


def test_attributes_that_differ_only_in_case_are_missing_and_the_near_one_is_named() -> None:
    """Names are case-sensitive, and it is never guessed."""
    assert '"plan" (string; names are case-sensitive, and there is "Plan")' in _refusal(
        {"plan": "string"}, _attribute("Plan")
    )


@pytest.mark.parametrize("missing", ["fail", "create", "skip"])
def test_attributes_that_are_archived_are_refused(missing: str) -> None:
    """An archived attribute takes no value, and its name is not free."""
    message = _refusal({"plan": "string"}, _attribute("plan", archived=True), missing=missing)
    assert "archived in Intercom" in message
    assert '"plan"' in message


@pytest.mark.parametrize("missing", ["fail", "create", "skip"])
@pytest.mark.parametrize("name", ["plan", "last_seen_at"])
def test_attributes_that_the_api_cannot_write_are_refused(name: str, missing: str) -> None:
    """`api_writable` tells at run time, for standard fields too."""
    message = _refusal({name: None}, _attribute(name, api_writable=False), missing=missing)
    assert f'not writable through Intercom\'s API: "{name}"' in message


def test_attributes_with_several_faults_are_told_at_once() -> None:
    """Missing, archived and locked ones are in one message."""
    wanted: dict[str, str | None] = {"gone": "date", "old": None, "locked": None}
    message = _refusal(wanted, _attribute("old", archived=True), _attribute("locked", api_writable=False))
    assert all(f'"{name}"' in message for name in wanted)


@pytest.mark.parametrize("archived_first", [True, False])
def test_attributes_of_one_name_count_as_the_one_that_is_not_archived(*, archived_first: bool) -> None:
    """An archived namesake is in nobody's way."""
    both = [_attribute("plan", "integer", archived=True), _attribute("plan", "string")]
    assert {"plan": "string"} == _check({"plan": None}, *(both if archived_first else reversed(both)))


@pytest.mark.parametrize("own_first", [True, False])
def test_attributes_with_the_name_of_one_of_intercoms_own_are_the_custom_ones(*, own_first: bool) -> None:
    """A workspace may have a custom "country" beside Intercom's own, which nobody can write."""
    both = [_attribute("country", api_writable=False, custom=False), _attribute("country", "integer")]
    assert {"country": "integer"} == _check({"country": None}, *(both if own_first else reversed(both)))


def test_attributes_that_are_only_intercoms_own_are_not_writable() -> None:
    """Without a custom one of that name there is nothing to write to."""
    message = _refusal({"country": None}, _attribute("country", api_writable=False, custom=False))
    assert 'not writable through Intercom\'s API: "country"' in message


@pytest.mark.parametrize("own_first", [True, False])
def test_attributes_with_the_name_of_a_standard_field_are_the_standard_ones(*, own_first: bool) -> None:
    """What is written as a field of the contact is Intercom's own, whatever custom namesake there is."""
    both = [_attribute("phone", custom=False), _attribute("phone", "integer", api_writable=False)]
    assert {} == _check({"phone": None}, *(both if own_first else reversed(both)))


@pytest.mark.parametrize("odd", [None, "x", 5, [], {}, {"name": None}, {"name": 5}])
def test_attributes_among_entries_of_another_shape_are_still_found(odd: object) -> None:
    """New shapes may appear in Intercom's answers at any time."""
    assert {"plan": "string"} == _check({"plan": None}, odd, _attribute("plan"), odd)


def test_attributes_whose_answer_tells_little_are_taken_as_writable() -> None:
    """Absent flags refuse nothing; an absent type is no type."""
    assert _check({"plan": "string"}, {"name": "plan"}) == {}


@given(
    st.lists(
        JSON
        | st.fixed_dictionaries(
            {"name": st.just("plan")}, optional={"data_type": JSON, "archived": JSON, "api_writable": JSON}
        ),
        max_size=4,
    )
)
def test_attributes_of_any_listing_raise_only_configuration_errors(data: list[Any]) -> None:
    """Whatever Intercom lists, it is read or refused, and the listing stays as it was."""
    before = repr(data)
    with contextlib.suppress(ConfigurationError):
        assert all(isinstance(kind, str) for kind in _check({"plan": "string"}, *data).values())
    assert before == repr(data)


@pytest.mark.parametrize("missing", ["create", "skip"])
def test_attributes_that_are_missing_and_may_be_are_told_in_their_order(missing: str) -> None:
    """What is to be done about them is decided elsewhere."""
    found = _workspace(
        {"plan": None, "email": None, "age": "integer", "here": None}, _attribute("here"), missing=missing
    )
    assert ("plan", "age") == found.missing


def test_attributes_with_options_tell_them() -> None:
    """Options of another shape than text are none that a value could meet."""
    listing = [
        _attribute("plan", options=["free", "pro", 5]),
        _attribute("age", options=[]),
        _attribute("odd", options=7),
    ]
    found = _workspace({"plan": None, "age": None, "odd": None}, *listing)
    assert {"plan": frozenset({"free", "pro"})} == found.options


def _listed(*attributes: Any) -> Answer:
    return Answer(200, "json", {"type": "list", "data": list(attributes)})


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
    assert [] == _settle(Attributes("create", wanted={}), _listed())


def test_calls_when_nothing_is_missing_are_one() -> None:
    """One call at the start of a sync, whatever is to be done about missing ones."""
    for missing in ("fail", "create", "skip"):
        attributes = Attributes(missing, wanted={"plan": None, "email": None})
        assert [ListDataAttributes()] == _settle(attributes, _listed(_attribute("plan", "date", options=["a"])))
        assert ({"plan": "date"}, {"plan": frozenset({"a"})}) == (attributes.types, attributes.options)
        assert (frozenset(), []) == (attributes.skipped, attributes.warnings)


def test_missing_attributes_when_to_be_created_are_with_their_types() -> None:
    """Each of them once, as an attribute of contacts, and it is said."""
    attributes = Attributes("create", wanted={"plan": "string", "here": None, "since": "date"})
    _, *created = _settle(attributes, _listed(_attribute("here", "float")))
    expected = [("plan", "string"), ("since", "date")]
    assert [
        CreateDataAttribute({"name": name, "model": "contact", "data_type": kind}) for name, kind in expected
    ] == created
    assert {"here": "float", **dict(expected)} == attributes.types
    assert [f'Created the custom attribute "{name}" ({kind}).' for name, kind in expected] == attributes.warnings


def test_missing_attributes_when_to_be_created_without_a_type_are_refused_before_any_is_created() -> None:
    """A type is never guessed, for it cannot be changed."""
    attributes = Attributes("create", wanted={"plan": "string", "odd": None})
    with pytest.raises(ConfigurationError, match='nobody tells the type of "odd"'):
        _settle(attributes, _listed())


@pytest.mark.parametrize(("there", "fits"), [(MOST_ATTRIBUTES - 2, True), (MOST_ATTRIBUTES - 1, False)])
def test_missing_attributes_when_there_is_no_room_are_refused_before_any_is_created(there: int, *, fits: bool) -> None:
    """A workspace has 250 custom attributes; archived ones and Intercom's own do not count."""
    listing = [
        *(_attribute(f"a{number}") for number in range(there)),
        _attribute("old", archived=True),
        _attribute("own", custom=False),
    ]
    attributes = Attributes("create", wanted={"plan": "string", "since": "date"})
    if fits:
        assert 3 == len(_settle(attributes, _listed(*listing)))
        return
    with pytest.raises(ConfigurationError, match=f"has {there} custom attributes and can have 250.*plan.*since"):
        _settle(attributes, _listed(*listing))


def test_missing_attributes_when_intercom_refuses_one_are_refused_in_its_words() -> None:
    """A name that it does not allow, or one that companies have."""
    envelope = {"type": "error.list", "errors": [{"code": "parameter_invalid", "message": "You already have 'plan'"}]}
    attributes = Attributes("create", wanted={"plan": "string"})
    with pytest.raises(ConfigurationError) as caught:
        _settle(attributes, _listed(), creation=Answer(400, "json", envelope))
    assert "does not create the custom attribute \"plan\": You already have 'plan'" in caught.value.message


@pytest.mark.parametrize(("kind", "fits"), [("string", True), ("integer", False)])
def test_missing_attributes_when_somebody_else_made_one_meanwhile_are_taken_as_they_are_wanted(
    kind: str, *, fits: bool
) -> None:
    """An attempt of ours whose answer was lost, or another app; of another type it would take none of the values."""
    attributes = Attributes("create", wanted={"plan": "string"})
    envelope = {"type": "error.list", "errors": [{"code": "parameter_invalid", "message": "You already have 'plan'"}]}
    refused, there = Answer(400, "json", envelope), _listed(_attribute("plan", kind))
    if fits:
        assert 3 == len(_settle(attributes, _listed(), there, creation=refused))
        return
    with pytest.raises(ConfigurationError, match="does not create"):
        _settle(attributes, _listed(), there, creation=refused)


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
    assert [ListDataAttributes()] == _settle(attributes, _listed())
    assert {"plan": "integer"} == attributes.types
    assert ['The custom attributes "plan" would be created.'] == attributes.warnings


def test_missing_attributes_when_to_be_skipped_are_warned_of() -> None:
    """Nothing is created, and the rest is written."""
    attributes = Attributes("skip", wanted={"plan": None, "here": None})
    assert [ListDataAttributes()] == _settle(attributes, _listed(_attribute("here")))
    assert frozenset({"plan"}) == attributes.skipped
    assert {"here": "string"} == attributes.types
    assert ['The workspace lacks the custom attributes "plan": they are left out.'] == attributes.warnings


@pytest.mark.parametrize(("kind", "fits"), [("boolean", True), ("string", False), ("integer", False)])
def test_attribute_of_which_only_a_true_is_written_must_be_a_boolean(kind: str, fits: bool) -> None:
    """Of another type no value is true; whether it is there, or would be created."""
    for missing, *there in (("fail", _attribute("vip", kind)), ("create",)):
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
    create = steps.send(Answer(200, "json", {"data": [_attribute("here")]}))
    assert isinstance(create, CreateDataAttribute)
    with contextlib.suppress(StopIteration):
        steps.send(Answer(200, "json", _attribute("plan")))
    assert ("plan",) == attributes.created
