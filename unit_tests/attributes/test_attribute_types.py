"""Which attributes look as if their type were a mistake, before they are created."""

from typing import Any

import pytest
from hypothesis import given, strategies as st

from destination_intercom.attributes.attribute_types import (
    MAY_BE_TIMES,
    UNFIT,
    Origin,
    TimeWatch,
    find_unfit,
    looks_like_time,
    read_origin,
)
from destination_intercom.values import to_time
from unit_tests.strategies import SCALARS, TEXTS

TIMES = [
    "created_at",
    "createdAt",
    "CREATED_AT",
    "Created At",
    "created-at",
    "created.at",
    "updatedAT",
    "created_at_2",
    "signed_up_on",
    "signup_date",
    "SignupDate",
    "customer_since",
    "valid until",
    "date",
    "time",
    "timestamp",
    "lastTimestamp",
    "birthday",
    "contact.birthdate",
    "dob",
    "date_joined",
    "dateOfBirth",
    "created",
    "Updated",
    "last_seen",
    "lastLogin",
    "created_at_utc",
]
OTHERS = [
    "",
    "2024",
    "__",
    "plan",
    "mrr",
    "seats",
    "update",
    "candidate",
    "lifetime",
    "format",
    "region",
    "station",
    "theDatebook",
    "at_risk",
    "time_zone",
    "on_trial",
    "rows_updated",
    "last_name",
    "名前",
]


@pytest.mark.parametrize("name", TIMES)
def test_name_when_it_is_one_of_times_looks_like_one(name: str) -> None:
    """By its words, in whatever style they are joined."""
    assert looks_like_time(name)


@pytest.mark.parametrize("name", OTHERS)
def test_name_when_it_is_of_something_else_does_not_look_like_a_time(name: str) -> None:
    """A part of a word is no word."""
    assert not looks_like_time(name)


@given(TEXTS)
def test_name_of_any_letters_raises_nothing(name: str) -> None:
    """A source names its columns as it likes."""
    assert looks_like_time(name) in {True, False}


def test_origin_when_read_has_what_entry_and_schema_say() -> None:
    """The entry's own type apart from the schema's."""
    schema = {"properties": {"a": {"properties": {"b": {"type": "object"}}}}}
    assert Origin("a.b", "string", "object") == read_origin("a.b", "string", schema)
    assert Origin("a.b", "string", None) == read_origin("a.b", "string", {})


@pytest.mark.parametrize(
    ("kind", "nestings", "expected"),
    [
        (None, [], None),
        (None, [None], None),
        (None, ["object"], "object"),
        (None, [None, "list"], "list"),
        ("string", ["object"], "object"),
        ("string", ["objects", "object"], "objects"),
        ("string", ["list"], None),
        ("string", ["object", None], None),
        ("string", ["object", "list"], None),
    ],
)
def test_schema_when_it_has_what_no_attribute_holds_makes_it_unfit_unless_something_else_may_come(
    kind: str | None, nestings: list[Any], expected: str | None
) -> None:
    """A stream whose schema says nothing else, or a type that the user has set, can still bring values."""
    assert expected == find_unfit(kind, [Origin("p", kind, nesting) for nesting in nestings])
    assert expected is None or expected in UNFIT


def test_values_when_one_is_no_time_are_none_however_many_follow() -> None:
    """And without any value nobody knows."""
    watch = TimeWatch({"a": "string", "b": "integer", "c": "string", "d": "date", "e": "string"})
    for values in ({"a": "2024-01-02", "b": 1_700_000_000, "c": "2024-01-02", "d": 1}, {"c": "x"}, {"c": "2024-01-02"}):
        watch.look(values)
    watch.look({"a": None, "other": "2024-01-02"})
    assert {"a": "string", "b": "integer"} == watch.find()


@given(st.sampled_from(["string", "integer", "float", "date", "boolean"]), st.lists(SCALARS, max_size=5))
def test_values_of_any_kind_when_looked_at_raise_nothing_and_count_as_times_only_together(
    kind: str, values: list[Any]
) -> None:
    """All of them, and at least one."""
    watch = TimeWatch({"a": kind})
    for value in values:
        watch.look({"a": value})
    present = [value for value in values if value is not None]
    expected = kind in MAY_BE_TIMES and bool(present) and all(map(_is_time, present))
    assert expected == ("a" in watch.find())


def _is_time(value: Any) -> bool:
    try:
        to_time(value)
    except ValueError:
        return False
    return True
