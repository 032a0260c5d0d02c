"""What a stream's JSON schema says of a path: declared or not, and of which type."""

from typing import Any

import pytest
from hypothesis import given, strategies as st

from destination_intercom.airbyte.schemas import Undeclared, is_declared, type_in_schema, undeclared
from unit_tests.strategies import JSON

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "user_id": {"type": ["null", "string"]},
        "event_type": {"type": "string"},
        "event_time": {"type": "string"},
        "event_properties": {"type": ["null", "object"]},
        "user": {"type": "object", "properties": {"plan": {"type": "string"}, "address.city": {"type": "string"}}},
        "ad.metrics": {"properties": {"cost": {"type": "number"}}},
        "ad": {"type": "object", "properties": {"metrics.clicks": {"type": "integer"}}},
        "anything": {},
        "open": True,
    },
}


@pytest.mark.parametrize(
    "path",
    [
        "user_id",
        "user",
        "user.plan",
        "user.address.city",
        "ad.metrics.cost",
        "ad.metrics.clicks",
        "event_properties.ad_metrics.cost",
        "anything.at.all",
        "open.too",
    ],
)
def test_undeclared_for_a_path_that_the_schema_has_or_is_silent_about_says_nothing(path: str) -> None:
    """Literal keys with dots count, and a bare object says nothing of what is in it."""
    assert undeclared(path, SCHEMA) is None


@pytest.mark.parametrize(
    "schema", [{}, {"type": "object"}, {"properties": {}}, {"properties": []}, {"properties": None}]
)
def test_undeclared_where_no_properties_are_declared_says_nothing(schema: dict[str, Any]) -> None:
    """A schema without properties is silent."""
    assert undeclared("user_id", schema) is None


@pytest.mark.parametrize(
    ("path", "nearest"),
    [
        ("userid", '"user_id"'),
        ("event_tim", '"event_time"'),
        ("user.plam", '"user.plan"'),
        ("evnt_properties.plan", '"event_properties"'),
        ("user_id.plan", '"user_id"'),
    ],
)
def test_undeclared_for_a_near_miss_offers_the_nearest_first(path: str, nearest: str) -> None:
    """A typing error is answered with the name that was meant, as a path from the record's root."""
    found = undeclared(path, SCHEMA)
    assert found is not None
    assert nearest == found.near[0]
    assert len(found.near) <= 3


def test_undeclared_for_a_name_like_no_other_offers_none() -> None:
    """A name far from all is not answered with a guess."""
    assert Undeclared([], is_open=False, is_nested=False) == undeclared("zzzz", SCHEMA)


@pytest.mark.parametrize(
    ("further", "is_open"),
    [
        ({}, False),
        ({"additionalProperties": False}, False),
        ({"additionalProperties": None}, False),
        ({"additionalProperties": True}, True),
        ({"additionalProperties": {}}, True),
    ],
)
@pytest.mark.parametrize(("path", "is_nested"), [("zzzz", False), ("user.zzzz", True)])
def test_undeclared_where_further_properties_are_allowed_in_words_says_so(
    path: str, further: dict[str, Any], *, is_nested: bool, is_open: bool
) -> None:
    """JSON Schema allows them where nothing is said, and nearly all sources say nothing: that is no permission."""
    inner = {"type": "object", "properties": {"a": {}}, **further}
    schema = {"properties": {"user": inner}} if is_nested else inner
    assert Undeclared([], is_open=is_open, is_nested=is_nested) == undeclared(path, schema)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("user_id", True),
        ("user.plan", True),
        ("ad.metrics.cost", True),
        ("event_properties.customer.id", True),
        ("anything.at.all", True),
        ("open", True),
        ("open.too", True),
        ("user.name", False),
        ("customer", False),
        ("customer.id", False),
        ("user_id.name", False),
    ],
)
def test_is_declared_for_what_the_schema_has_or_leaves_open_inside_of_something_says_so(
    path: str, *, expected: bool
) -> None:
    """A record without it is then no sign of a wrong path."""
    assert expected is is_declared(path, SCHEMA)


def test_is_declared_where_the_record_itself_is_open_says_no() -> None:
    """Any name would do then, a mistyped one, too; below an object that was declared it is another matter."""
    open_object = {"type": "object", "properties": {"id": {}}, "additionalProperties": True}
    schema = {**open_object, "properties": {"customer": open_object}}
    assert [False, True] == [is_declared(path, schema) for path in ("user_id", "customer.user_id")]
    assert (False, False) == (is_declared("user_id", {}), is_declared("user_id", {"properties": {}}))


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ({"type": "string"}, "string"),
        ({"type": ["null", "string"]}, "string"),
        ({"type": "string", "format": "date-time"}, "date"),
        ({"type": ["string", "null"], "format": "date"}, "date"),
        ({"type": "string", "format": "time"}, "string"),
        ({"type": "string", "format": "uuid"}, "string"),
        ({"type": "string", "format": ["date"]}, "string"),
        ({"type": "string", "format": {"date": 1}}, "string"),
        ({"type": "integer"}, "integer"),
        ({"type": "number"}, "float"),
        ({"type": "number", "airbyte_type": "integer"}, "integer"),
        ({"type": ["null", "boolean"]}, "boolean"),
        ({"type": ["string", "integer"]}, None),
        ({"type": "object"}, None),
        ({"type": "array"}, None),
        ({"type": "array", "items": {"type": "string"}}, "string"),
        ({"type": ["null", "array"], "items": {"type": ["null", "integer", "string"]}}, "string"),
        ({"type": "array", "items": {"type": "object"}}, None),
        ({"type": "array", "items": {"type": ["string", "array"]}}, None),
        ({"type": "array", "items": {"type": ["null"]}}, None),
        ({"type": "array", "items": {"type": {}}}, None),
        ({"type": "array", "items": [{"type": "string"}]}, None),
        ({"type": ["array", "string"], "items": {"type": "string"}}, None),
        ({"type": "null"}, None),
        ({"type": {}}, None),
        ({}, None),
    ],
)
def test_type_in_schema_is_told_only_where_it_is_sure(declared: dict[str, Any], expected: str | None) -> None:
    """A type cannot be changed afterwards, so it is never guessed."""
    schema = {"properties": {"a": {"properties": {"b.c": declared}}}}
    assert expected == type_in_schema("a.b.c", schema)


@pytest.mark.parametrize("path", ["missing", "event_properties.plan", "open"])
def test_type_in_schema_for_what_it_does_not_declare_is_none(path: str) -> None:
    """Silence and absence tell no type."""
    assert type_in_schema(path, SCHEMA) is None


@given(st.lists(st.sampled_from(["a", "b", "properties", "type"]), min_size=1, max_size=3).map(".".join), JSON, JSON)
def test_schema_of_any_shape_never_raises_and_stays_as_it_was(path: str, first: Any, second: Any) -> None:
    """A source's schema is read as it comes."""
    schema = {"properties": {"a": first, "b": {"type": second, "properties": {"a": second}}}, "type": first}
    before = repr(schema)
    undeclared(path, schema)
    is_declared(path, schema)
    type_in_schema(path, schema)
    assert before == repr(schema)
