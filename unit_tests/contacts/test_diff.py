"""A wanted contact against a known one: the least change, or none."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import example, given, settings, strategies as st

from destination_intercom.attributes.values import convert_typed
from destination_intercom.contacts.diff import diff, merge
from destination_intercom.contacts.known import ContactReader, KnownContact, wanted_digest
from destination_intercom.contacts.mapping import ContactChange
from destination_intercom.standard_fields import FIELDS as TABLE, STANDARD_FIELDS
from destination_intercom.values import MISSING
from unit_tests.keys import by_email, by_id
from unit_tests.strategies import JSON
from unit_tests.task_bench import Names

TYPES = {
    "text": "string",
    "count": "integer",
    "ratio": "float",
    "active": "boolean",
    "since": "date",
    "moment": "datetime",
    "odd": "of a type to come",
}
READER = ContactReader(Names(TYPES))


def change(fields: dict[str, Any] | None = None, attributes: dict[str, Any] | None = None) -> ContactChange:
    """A change to the contact `k`."""
    return ContactChange(by_id("k"), fields=fields or {}, attributes=attributes or {})


def known(**body: Any) -> KnownContact:
    """A contact as Intercom shows it."""
    return READER.read({"id": "1", "role": "user", **body})


FIELDS: list[tuple[str, Any, Any, bool]] = [
    # name, wanted, what Intercom shows, whether they are equal
    ("name", "N", "N", True),
    ("name", "N", "n", False),
    ("name", "N", "N ", False),
    ("name", "", None, True),
    ("name", None, "", True),
    ("name", None, None, True),
    ("name", None, "N", False),
    ("name", "N", None, False),
    ("name", "7", 7, True),
    ("name", "N", {"a": 1}, False),
    ("name", "N", ["N"], False),
    ("email", "ada@example.com", "Ada@Example.COM ", True),
    ("email", "ada@example.com", "bob@example.com", False),
    ("email", "ada@example.com", "", False),
    ("email", "ada@example.com", None, False),
    ("email", "ada@example.com", 7, False),
    ("avatar", "https://a.example/1", {"type": "avatar", "image_url": "https://a.example/1"}, True),
    ("avatar", "https://a.example/1", {"type": "avatar", "image_url": "https://a.example/2"}, False),
    ("avatar", "https://a.example/1", {"type": "avatar", "image_url": None}, False),
    ("avatar", "https://a.example/1", {"type": "avatar"}, False),
    ("avatar", "https://a.example/1", "https://a.example/1", True),
    ("avatar", None, {"type": "avatar", "image_url": None}, True),
    ("avatar", "https://a.example/1", {"image_url": {"image_url": 1}}, False),
    ("signed_up_at", 1_714_953_600, 1_714_953_600, True),
    ("signed_up_at", 1_714_953_600, 1_714_953_600.0, True),
    ("signed_up_at", 1_714_953_600, "2024-05-06", True),
    ("signed_up_at", 1_714_953_600, "2024-05-06T00:00:01Z", False),
    ("signed_up_at", 1_714_953_600, "soon", False),
    ("last_seen_at", 0, None, False),
    ("last_seen_at", 0, 0, True),
    ("signed_up_at", 2_000_000_000, 2_000_000_000, True),
    ("signed_up_at", 1_714_953_600, -315_619_200, False),
    ("owner_id", "991267459", 991_267_459, True),
    ("owner_id", "991267459", "991267459", True),
    ("owner_id", "991267459", 5, False),
    ("unsubscribed_from_emails", True, True, True),
    ("unsubscribed_from_emails", False, 0, True),
    ("unsubscribed_from_emails", True, 1, True),
    ("unsubscribed_from_emails", True, 2, False),
    ("unsubscribed_from_emails", False, None, False),
]

ATTRIBUTES: list[tuple[str, Any, Any, bool]] = [
    ("count", 7, 7, True),
    ("count", 7, 7.0, True),
    ("count", 7, "7", True),
    ("count", 7, 8, False),
    ("count", 1, True, False),
    ("count", 0, False, False),
    ("count", True, 1, False),
    ("ratio", False, 0.0, False),
    ("ratio", 7.0, 7, True),
    ("ratio", 7.5, "7.5", True),
    ("ratio", 7.5, 7, False),
    ("ratio", 1.0, True, False),
    ("active", True, True, True),
    ("active", True, "true", True),
    ("active", True, 1, False),
    ("active", False, 0, False),
    ("active", False, None, False),
    ("active", None, False, False),
    ("since", 1_714_953_600, "2024-05-06", True),
    ("since", 1_714_953_600, 1_714_953_600, True),
    ("since", 1_714_953_600, "2024-05-06T02:00:00+02:00", True),
    ("since", 1_714_953_600, 1_714_953_601, False),
    ("since", -315_619_200, -315_619_200, True),
    ("since", -315_619_200, -315_619_201, False),
    ("since", 0, 0, True),
    ("since", 253_402_214_400, 253_402_214_400, True),
    ("moment", 2024, 2024, True),
    ("moment", 1_714_953_600, "2024-05-06T00:00:00.000Z", True),
    ("text", "pro", "pro", True),
    ("text", "pro", "Pro", False),
    ("text", "", None, True),
    ("text", None, "", True),
    ("text", None, None, True),
    ("text", None, "pro", False),
    ("text", "7", 7, True),
    ("text", "true", True, True),
    ("odd", "pro", "pro", True),
    ("odd", "pro", {"pro": 1}, False),
]


@pytest.mark.parametrize(("name", "wanted", "has", "equal"), FIELDS)
def test_field_when_compared_differs_or_does_not(name: str, wanted: Any, has: Any, equal: bool) -> None:
    """After conversion to what the field takes."""
    left = diff(change({name: wanted}), known(**{name: has}), READER)
    assert ({} if equal else {name: wanted}) == left.fields


@pytest.mark.parametrize(("name", "wanted", "has", "equal"), ATTRIBUTES)
def test_attribute_when_compared_differs_or_does_not(name: str, wanted: Any, has: Any, equal: bool) -> None:
    """After conversion to the attribute's own type."""
    left = diff(change(attributes={name: wanted}), known(custom_attributes={name: has}), READER)
    assert ({} if equal else {name: wanted}) == left.attributes


def test_diff_when_the_contact_lacks_everything_is_the_whole_change() -> None:
    """Neither field nor custom attribute is there."""
    whole = change({"name": "N", "email": "a@example.com"}, {"text": "t", "count": 0, "active": False})
    assert whole == diff(whole, known(), READER)
    assert whole == diff(whole, known(custom_attributes=None), READER)


def test_diff_when_only_the_id_is_known_is_the_whole_change() -> None:
    """Nobody can tell whether the values are there."""
    whole = change({"name": "N"}, {"text": "t"})
    assert whole == diff(whole, KnownContact("1", "user", "k"), READER)


@pytest.mark.parametrize(
    ("has", "expected"),
    [
        ("a@example.com", {}),
        ("b@example.com", {"email": "a@example.com", "email_verified": True}),
        (None, {"email": "a@example.com", "email_verified": True}),
    ],
)
def test_email_verified_when_compared_goes_only_where_the_address_goes(has: Any, expected: dict[str, Any]) -> None:
    """It cannot be read, and Intercom takes it only beside an address."""
    wanted = change({"email": "a@example.com", "email_verified": True})
    assert expected == diff(wanted, known(email=has), READER).fields


def test_diff_when_made_keeps_who_it_is_and_what_was_trimmed() -> None:
    """Only fields and attributes become fewer."""
    wanted = ContactChange(by_email("k@example.com"), {"name": "N"}, {"text": "t"}, (("count", "no_integer"),))
    left = diff(wanted, known(name="N", custom_attributes={"text": "t"}), READER)
    assert ContactChange(by_email("k@example.com"), {}, {}, (("count", "no_integer"),)) == left


def test_merge_when_several_change_one_contact_lets_the_last_value_win() -> None:
    """Each property for itself; the changes stay as they are."""
    first, second = change({"name": "A", "phone": "1"}, {"text": "a"}), change({"name": "B"}, {"count": 1})
    assert change({"name": "B", "phone": "1"}, {"text": "a", "count": 1}) == merge([first, second])
    assert change({"name": "A", "phone": "1"}, {"text": "a"}) == first
    assert first == merge([first])


def test_merge_when_a_later_change_has_another_address_keeps_nothing_that_was_said_of_the_first() -> None:
    """That one address is verified says nothing of the next."""
    first = change({"email": "a@example.com", "email_verified": True, "name": "N"})
    assert change({"email": "b@example.com", "name": "N"}) == merge([first, change({"email": "b@example.com"})])
    assert {"email_verified": True} == {
        name: value for name, value in merge([first, change({"phone": "1"})]).fields.items() if name == "email_verified"
    }


CONVERTED_FIELDS = st.dictionaries(st.sampled_from(sorted(STANDARD_FIELDS)), JSON, max_size=9)
CONVERTED_ATTRIBUTES = st.dictionaries(st.sampled_from(sorted(TYPES)), JSON, max_size=8)
BODIES = st.builds(
    lambda fields, custom, odd: {**odd, **fields, "id": "1", "custom_attributes": custom},
    st.dictionaries(st.sampled_from([*sorted(STANDARD_FIELDS), "role", "external_id"]), JSON, max_size=11),
    st.one_of(st.dictionaries(st.sampled_from(sorted(TYPES)), JSON, max_size=8), JSON),
    st.dictionaries(st.text(max_size=5), JSON, max_size=2),
)


def make_change(fields: dict[str, Any], attributes: dict[str, Any]) -> ContactChange:
    """A change as the mapping makes one: each value converted, null where it clears, what does not fit left out."""
    kept: dict[str, Any] = {}
    custom: dict[str, Any] = {}
    ways: list[tuple[dict[str, Any], str, Any, Callable[[Any], Any]]] = [
        *((kept, name, value, TABLE[name].convert) for name, value in fields.items()),
        *((custom, name, value, partial(convert_typed, TYPES.get(name))) for name, value in attributes.items()),
    ]
    for target, name, value, how in ways:
        try:
            converted = None if value is None else how(value)[0]
        except ValueError:
            continue
        if converted is not MISSING and not (converted is None and name in {"email", "email_verified"}):
            target[name] = converted
    if "email" not in kept:
        kept.pop("email_verified", None)
    return change(kept, custom)


CHANGES = st.builds(make_change, CONVERTED_FIELDS, CONVERTED_ATTRIBUTES)


def apply(wanted: ContactChange, body: dict[str, Any]) -> dict[str, Any]:
    """What Intercom shows after `wanted` was sent to the contact `body`."""
    own = body.get("custom_attributes")
    custom = {**(own if isinstance(own, dict) else {}), **wanted.attributes}
    fields = {name: value for name, value in wanted.fields.items() if name != "email_verified"}
    if fields.get("avatar") is not None:
        fields["avatar"] = {"type": "avatar", "image_url": fields["avatar"]}
    return {**body, **fields, "custom_attributes": custom}


@settings(deadline=None)
@given(CHANGES, BODIES)
def test_diff_when_the_change_is_applied_is_empty(wanted: ContactChange, body: dict[str, Any]) -> None:
    """What was just written needs no writing."""
    left = diff(wanted, READER.read(apply(wanted, body)), READER)
    assert {} == left.update_body


@settings(deadline=None)
@given(CHANGES, BODIES)
def test_diff_when_made_is_a_part_of_the_change(wanted: ContactChange, body: dict[str, Any]) -> None:
    """Nothing comes in that was not wanted, and nothing is another value."""
    left = diff(wanted, READER.read(body), READER)
    assert left.fields.items() <= wanted.fields.items()
    assert left.attributes.items() <= wanted.attributes.items()
    assert "email_verified" not in left.fields or "email" in left.fields
    assert (wanted.key, wanted.trims) == (left.key, left.trims)


@settings(deadline=None)
@example(make_change({"owner_id": 10**400 - 1}, {}), {"id": "1", "custom_attributes": {}})
@example(make_change({"owner_id": 10**400}, {}), {"id": "1", "custom_attributes": {}})
@given(CHANGES, BODIES)
def test_diff_when_applied_comes_to_the_same_as_the_change(wanted: ContactChange, body: dict[str, Any]) -> None:
    """As far as anybody can tell who compares: no difference to the change is left."""
    left = diff(wanted, READER.read(body), READER)
    by_diff = READER.read(apply(left, body))
    assert {} == diff(wanted, by_diff, READER).update_body
    assert {} == diff(left, by_diff, READER).update_body


@settings(deadline=None)
@given(CHANGES, BODIES)
def test_diff_when_made_changes_neither_side(wanted: ContactChange, body: dict[str, Any]) -> None:
    """Both are values that others hold, too."""
    shown, before = READER.read(body), repr((wanted, wanted.fields, wanted.attributes))
    values = (shown, shown.values)
    diff(wanted, shown, READER)
    assert before == repr((wanted, wanted.fields, wanted.attributes))
    assert values == (shown, shown.values)


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from([*sorted(STANDARD_FIELDS), "role", "external_id", "custom_attributes"]), JSON),
    CHANGES,
)
def test_contact_when_shown_in_any_shape_is_read_and_compared_without_an_error(
    body: dict[str, Any], wanted: ContactChange
) -> None:
    """As Intercom, or something on the way, may show it: an identity is a text or none."""
    shown = READER.read({**body, "id": "1"})
    assert isinstance(shown.external_id, (str, type(None)))
    assert shown.email is None or shown.email == shown.email.strip().lower() != ""
    diff(wanted, shown, READER)


SEEN = 1_700_000_000


@pytest.mark.parametrize("always", [False, True])
@pytest.mark.parametrize(
    ("wanted", "has", "expected"),
    [
        (SEEN, SEEN + 1, {}),
        (SEEN + 1, SEEN, {"last_seen_at": SEEN + 1}),
        (SEEN, None, {"last_seen_at": SEEN}),
        (0, None, {"last_seen_at": 0}),
        (-1, 0, {}),
        (None, SEEN, {"last_seen_at": None}),
        (SEEN, "soon", {"last_seen_at": SEEN}),
    ],
)
def test_moment_that_only_moves_on_when_compared_is_never_moved_back(
    wanted: int | None, has: Any, expected: dict[str, Any], always: bool
) -> None:
    """Also where everything is sent; what is cleared is cleared."""
    left = diff(change({"last_seen_at": wanted}), known(last_seen_at=has), READER, always=always)
    assert expected == left.fields


FILLS = frozenset({"name", "text"})


@pytest.mark.parametrize("always", [False, True])
@pytest.mark.parametrize(
    ("name", "text", "left"),
    [("", None, {"name", "text"}), (None, "", {"name", "text"}), ("N", "t", set()), ("Other", None, {"text"})],
)
def test_value_that_may_only_fill_when_compared_is_kept_where_there_is_none(
    name: Any, text: Any, left: set[str], always: bool
) -> None:
    """Whatever else is sent; a value that nobody can read is none to replace."""
    wanted = ContactChange(by_id("k"), {"name": "N", "phone": "1"}, {"text": "t"}, if_empty=FILLS)
    shown = known(name=name, phone="0", custom_attributes={"text": text})
    kept = diff(wanted, shown, READER, always=always)
    assert left == {*kept.fields, *kept.attributes} - {"phone"}
    assert "1" == kept.fields["phone"]
    odd = diff(wanted, known(name={"a": 1}, custom_attributes=None), READER, always=always)
    assert {"phone"} == {*odd.fields, *odd.attributes}


def test_value_when_the_contact_has_the_form_that_intercom_made_of_it_is_equal() -> None:
    """In that form only; and it is written where everything is."""
    wanted = change({"phone": "+31 20"})
    forms = {"phone": (wanted_digest("phone", "+31 20"), wanted_digest("phone", "+3120"))}
    shown = [known(phone="+3120"), known(phone="+31-20")]
    assert [{}, {"phone": "+31 20"}] == [diff(wanted, each, READER, forms=forms).fields for each in shown]
    assert {"phone": "+31 20"} == diff(wanted, shown[0], READER, forms=forms, always=True).fields
    assert {"phone": "+31 21"} == diff(change({"phone": "+31 21"}), shown[0], READER, forms=forms).fields


VALUES = st.sampled_from([None, "", "a", "b", "c"])
RECORDS = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from(["name", "phone"]), VALUES), st.frozensets(st.sampled_from(["name", "phone"]))
    ),
    min_size=1,
    max_size=5,
)


@settings(deadline=None)
@given(RECORDS, st.fixed_dictionaries({"name": VALUES, "phone": VALUES}))
def test_merge_when_applied_comes_to_the_same_as_each_change_after_the_other(
    records: list[tuple[dict[str, Any], frozenset[str]]], has: dict[str, Any]
) -> None:
    """Whatever the contact had, and whichever values may only fill."""
    changes = [
        ContactChange(
            by_id("k"), {n: v for n, v in values.items() if v is not None or n not in fills}, {}, if_empty=fills
        )
        for values, fills in records
    ]
    one_by_one = dict(has)
    for each in changes:
        one_by_one.update(diff(each, known(**one_by_one), READER).fields)
    merged = diff(merge(changes), known(**has), READER)
    at_once = {**has, **merged.fields}
    assert {name: value or None for name, value in one_by_one.items()} == {
        name: value or None for name, value in at_once.items()
    }
