"""What a stream's JSON schema says of a path: declared or not, and of which type."""

from typing import Any

import pytest
from hypothesis import given, strategies as st

from destination_intercom.airbyte.schemas import (
    Undeclared,
    is_declared,
    json_types,
    nesting_in_schema,
    type_in_schema,
    undeclared,
)
from destination_intercom.paths import compile_path
from destination_intercom.values import MISSING
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
        "age": {"type": ["null", "integer"]},
        "emails": {"type": "array", "items": {"type": "object", "properties": {"email": {"type": "string"}}}},
        "matrix": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
        "distinct_ids": {"type": ["null", "array"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "tuple": {"items": [{"type": "string"}]},
        "settings": {"type": ["null", "string"]},
        "variant": {"type": ["null", "string", "integer"]},
        "customer": {"oneOf": [{"type": "null"}, {"type": "object", "properties": {"id": {"type": "integer"}}}]},
        "either": {
            "anyOf": [
                {"type": "integer"},
                {"type": "object", "properties": {"a": {"type": "integer"}, "c": {"type": "integer"}}},
                {"anyOf": [{"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "boolean"}}}]},
            ]
        },
        "mixed": {"type": ["object", "string"], "properties": {"a": {"type": "integer"}}},
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
        "emails.0",
        "emails.7.email",
        "matrix.0.1",
        "distinct_ids.0",
        "distinct_ids.0.id",
        "tags.0",
        "tags.0.name",
        "tuple.0.name",
        "settings.theme",
        "settings.tags.0",
        "variant.a",
        "customer.id",
        "either.a",
        "either.b",
        "mixed.a",
        "mixed.b",
    ],
)
def test_undeclared_for_a_path_that_the_schema_has_or_is_silent_about_says_nothing(path: str) -> None:
    """Literal keys with dots count, a number enters a list, and a bare object, list or text says nothing of its inside."""
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
        ("age.plan", '"age"'),
        ("emails.email", '"emails.0.email"'),
        ("emails.emial", '"emails.0.email"'),
        ("emails.0.emial", '"emails.0.email"'),
        ("emails.01.email", '"emails.0.email"'),
        ("emails.zzzz", '"emails.0"'),
        ("emails.-1", '"emails.0"'),
        ("distinct_ids.id", '"distinct_ids.0.id"'),
        ("distinct_ids.first", '"distinct_ids.0.first"'),
        ("tags.name", '"tags.0"'),
        ("matrix.first.1", '"matrix.0.0"'),
        ("matrix.0.1.2", '"matrix.0.1"'),
        ("matrix.0.first", '"matrix.0.0"'),
        ("customer.idd", '"customer.id"'),
        ("either.aa", '"either.a"'),
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
        ("distinct_ids.0", True),
        ("distinct_ids.0.id", True),
        ("emails.0.email", True),
        ("tags.0", True),
        ("mixed.a", True),
        ("customer.id", True),
        ("emails.0.id", False),
        ("emails.email", False),
        ("tags.0.name", False),
        ("settings.id", False),
        ("mixed.b", False),
        ("age.id", False),
        ("user.name", False),
        ("customer.name", False),
        ("nobody", False),
        ("nobody.id", False),
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
        ({"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "null"}]}}, "string"),
        ({"type": "array", "items": {"anyOf": [{"type": "string"}, {}]}}, None),
        ({"oneOf": [{"type": "null"}, {"type": "array", "items": {"type": "string"}}]}, "string"),
        ({"type": ["integer", "number"]}, "float"),
        ({"type": ["null", "number", "integer"]}, "float"),
        ({"oneOf": [{"type": "integer"}, {"type": "number"}, {"type": "null"}]}, "float"),
        ({"type": ["integer", "number"], "airbyte_type": "integer"}, "integer"),
        ({"oneOf": [{"type": "null"}, {"type": "boolean"}]}, "boolean"),
        ({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}, "date"),
        ({"anyOf": [{"oneOf": [{"type": "null"}, {"type": "integer"}]}, {"type": "null"}]}, "integer"),
        ({"anyOf": [{"type": "string"}, {"type": "string", "maxLength": 5}]}, "string"),
        ({"anyOf": [{"type": "string"}, {"type": "string", "format": "date"}]}, None),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, None),
        ({"anyOf": [{"type": "string"}, {"type": "object"}]}, None),
        ({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}, None),
        ({"anyOf": [{"type": "string"}, {"properties": {"a": {}}}]}, None),
        ({"anyOf": [{"type": "string"}, {}]}, None),
        ({"anyOf": [{"type": "string"}, True]}, None),
        ({"type": ["null", "string"], "anyOf": [{"required": ["a"]}, {"type": "integer"}]}, "string"),
        ({"anyOf": [], "oneOf": "string"}, None),
        ({"type": "null"}, None),
        ({"type": {}}, None),
        ({}, None),
    ],
)
def test_type_in_schema_is_told_only_where_it_is_sure(declared: dict[str, Any], expected: str | None) -> None:
    """A type cannot be changed afterwards, so it is never guessed."""
    schema = {"properties": {"a": {"properties": {"b.c": declared}}}}
    assert expected == type_in_schema("a.b.c", schema)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("emails.0.email", "string"),
        ("matrix.0.1", "float"),
        ("matrix.0", "string"),
        ("tags.7", "string"),
        ("customer.id", "integer"),
        ("either.a", "float"),
        ("either.b", "boolean"),
        ("emails.0", None),
        ("emails.email", None),
        ("distinct_ids.0", None),
        ("settings.theme", None),
        ("tags.0.name", None),
        ("mixed.a", None),
        ("variant.a", None),
    ],
)
def test_type_in_schema_of_what_is_inside_a_list_or_a_union_is_told_and_below_a_text_it_is_not(
    path: str, expected: str | None
) -> None:
    """Nobody knows what a text holds; of the branches of a union each may be in a record."""
    assert expected == type_in_schema(path, SCHEMA)


@pytest.mark.parametrize("path", ["missing", "event_properties.plan", "open"])
def test_type_in_schema_for_what_it_does_not_declare_is_none(path: str) -> None:
    """Silence and absence tell no type."""
    assert type_in_schema(path, SCHEMA) is None


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ({"type": ["null", "object"]}, "object"),
        ({"properties": {"a": {}}}, "object"),
        ({"oneOf": [{"type": "null"}, {"type": "object"}]}, "object"),
        ({"type": "array", "items": {"type": "object"}}, "objects"),
        ({"type": ["null", "array"], "items": {"properties": {"a": {}}}}, "objects"),
        ({"items": {"type": "array", "items": {"type": "string"}}}, "objects"),
        ({"type": "array"}, "list"),
        ({"type": "array", "items": {}}, "list"),
        ({"type": "array", "items": {"type": ["string", "object"]}}, "list"),
        ({"type": "array", "items": {"type": ["null", "string"]}}, None),
        ({"type": ["object", "string"]}, None),
        ({"type": ["object", "array"], "items": {"type": "object"}}, None),
        ({"anyOf": [{"type": "object"}, {}]}, None),
        ({"type": "string"}, None),
        ({"type": "null"}, None),
        ({}, None),
        (True, None),
    ],
)
def test_nesting_in_schema_is_told_where_nothing_else_is_declared(declared: Any, expected: str | None) -> None:
    """What may as well be a text can be an attribute."""
    assert expected == nesting_in_schema("a.0.b", {"properties": {"a": {"items": {"properties": {"b": declared}}}}})


def test_json_types_of_a_union_are_those_of_all_of_its_branches() -> None:
    """However nested; null is none, and what names no type adds nothing."""
    union = {"anyOf": [{"oneOf": [{"type": ["null", "integer"]}, {}]}, {"type": "number"}, True, None]}
    assert ({"integer", "number"}, {"string"}) == (json_types(union), json_types({"type": "string", "anyOf": [union]}))
    assert (set(), set()) == (json_types(None), json_types([{"type": "string"}]))


PARTS = st.sampled_from(["a", "b", "c", "0", "1", "01", "properties", "type", ""])
PATHS = st.lists(PARTS, min_size=1, max_size=5).map(".".join)
TYPES = st.sampled_from(["null", "string", "integer", "number", "boolean", "object", "array", "any"])
SCHEMAS = st.recursive(
    JSON,
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "type": TYPES | st.lists(TYPES, max_size=3) | JSON,
            "properties": st.dictionaries(PATHS, inner, max_size=3),
            "items": inner,
            "anyOf": st.lists(inner, max_size=3),
            "oneOf": st.lists(inner, max_size=2),
            "additionalProperties": inner,
        },
    ),
    max_leaves=12,
)


@given(PATHS, st.dictionaries(PATHS, SCHEMAS, min_size=1, max_size=3), SCHEMAS)
def test_schema_of_any_shape_never_raises_and_stays_as_it_was(path: str, properties: Any, other: Any) -> None:
    """A source's schema is read as it comes."""
    schema = {"properties": properties, "type": other}
    before = repr((schema, other))
    missing, kind, nesting = undeclared(path, schema), type_in_schema(path, schema), nesting_in_schema(path, schema)
    assert missing is None or (kind, nesting) == (None, None)
    assert kind in {None, "string", "integer", "float", "boolean", "date"}
    assert None in {kind, nesting}
    is_declared(path, schema)
    json_types(other)
    assert before == repr((schema, other))


def test_schema_that_is_nested_as_deep_as_json_may_be_is_read_without_an_error() -> None:
    """A path may have as many parts; so deep nothing is said any more."""
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(400):
        schema = {"properties": {"a": {"items": {"anyOf": [{"type": "null"}, schema]}}}}
    path = ".".join(["a", "0"] * 400)
    assert (None, True, None) == (undeclared(path, schema), is_declared(path, schema), type_in_schema(path, schema))


def schema_of(value: Any) -> dict[str, Any]:
    """The closest schema of one value; what a list holds is a union."""
    if isinstance(value, dict):
        return {"type": "object", "properties": {name: schema_of(each) for name, each in value.items()}}
    if isinstance(value, list):
        return {"type": "array", "items": {"anyOf": [schema_of(each) for each in value]}}
    names = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}
    return {"type": names[type(value)]}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.sampled_from(["x", '{"a": {"b": 1}}', '[[1], {"0": 2}]']),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(PATHS, inner, max_size=3),
    max_leaves=15,
)


@given(PATHS, st.dictionaries(PATHS, VALUES, min_size=1, max_size=4))
def test_path_that_reads_something_of_a_record_is_undeclared_by_no_schema_of_that_record(
    path: str, data: dict[str, Any]
) -> None:
    """A schema is followed as a record is: lists by number, texts as JSON, literal keys before nesting."""
    if compile_path(path)(data) is not MISSING:
        assert undeclared(path, schema_of(data)) is None
