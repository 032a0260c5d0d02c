"""What a record's data means by its schema: names in another case, decimals that came as texts, and lost values."""

from typing import Any

import pytest
from hypothesis import given, strategies as st

from destination_intercom.airbyte.records import DamagedRecord, compile_loss_check, compile_repair
from destination_intercom.paths import compile_path
from destination_intercom.values import MISSING, to_identity
from unit_tests.strategies import JSON, KEYS, TEXTS


def _schema(**types: Any) -> dict[str, Any]:
    return {"properties": {name: kind if isinstance(kind, dict) else {"type": kind} for name, kind in types.items()}}


def _repair(
    schema: dict[str, Any], data: dict[str, Any], *paths: str, identity: str | None = None, lost: tuple[str, ...] = ()
) -> dict[str, Any]:
    identities = [] if identity is None else [identity]
    return compile_repair(schema, [*paths, *identities], identities=identities)(data, lost)


# ---------------------------------------------------------------- names

PEOPLE = _schema(userId="integer", planName="string", At="string")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"userid": 42, "planname": "pro"}, {"userId": 42, "planName": "pro"}),
        ({"USERID": 42, "PLANNAME": "pro"}, {"userId": 42, "planName": "pro"}),
        ({"userid": 4, "planName": "basic", "planname": "no"}, {"userId": 4, "planName": "basic", "planname": "no"}),
        ({"userid": 42, "USERID": 43}, {"userid": 42, "USERID": 43}),
        ({"userId": None, "userid": 42}, {"userId": None, "userid": 42}),
        ({"a": 1, "userid": 2, "b": 3}, {"a": 1, "userId": 2, "b": 3}),
        ({"user_id": 42}, {"user_id": 42}),
    ],
    ids=["lower", "upper", "exact wins", "two others", "exact null", "among others", "another name"],
)
def test_name_in_another_case_is_the_schemas_where_nothing_else_is(
    data: dict[str, Any], expected: dict[str, Any]
) -> None:
    """The exact name wins, and of several others none is guessed; the order stays."""
    repaired = _repair(PEOPLE, data, "userId", "planName")
    assert (expected, list(expected)) == (repaired, list(repaired))


def test_name_that_the_schema_has_in_two_cases_is_each_its_own() -> None:
    """Nobody could tell which of them a third one means."""
    data = {"USERID": 42, "plan": 1}
    assert data is _repair(_schema(userId="integer", userid="integer", Plan="string"), data, "userId", "userid")


def test_name_that_only_a_letter_beyond_ascii_tells_apart_is_another_name() -> None:
    """Databases fold ASCII alike, and each folds the rest in its own way."""
    data = {"é": 1, "straSSe": 2}
    assert {"é": 1, "strasse": 2} == _repair(_schema(É="integer", strasse="integer"), data, "É", "strasse")


@pytest.mark.parametrize("path", ["Customer.Id", "customer.Id"])
def test_name_is_found_in_another_case_at_the_top_level_only(path: str) -> None:
    """Below it a source's own objects begin, which no cache takes apart."""
    schema = _schema(customer={"type": "object", "properties": {"Id": {}}})
    assert compile_path(path)(_repair(schema, {"CUSTOMER": {"Id": 5}}, path)) == 5
    assert compile_path(path)(_repair(schema, {"CUSTOMER": {"id": 5}}, path)) is MISSING


def test_name_with_dots_is_found_in_another_case_too() -> None:
    """A literal key is one name."""
    repaired = _repair(_schema(**{"Ad.Metrics": {"type": "object"}}), {"ad.metrics": {"cost": 3}}, "Ad.Metrics.cost")
    assert compile_path("Ad.Metrics.cost")(repaired) == 3


@pytest.mark.parametrize(
    ("data", "expected"),
    [({"At": 1}, 1), ({"at": 2}, 2), ({"AT": 3}, 3), ({"At": 1, "at": 2}, 2), ({"At": 1, "AT": 3}, 1)],
)
def test_name_that_the_configuration_has_in_another_case_is_read_all_the_same(
    data: dict[str, Any], expected: int
) -> None:
    """First by its own spelling, then by the schema's, then by any."""
    assert expected == compile_path("at")(_repair(PEOPLE, data, "at"))


def test_names_when_all_are_wanted_are_all_the_schemas() -> None:
    """A wildcard takes each under the name that the source gave it."""
    data = {"userid": 42, "planname": "pro", "other": 1}
    assert {"userId": 42, "planName": "pro", "other": 1} == _repair(PEOPLE, data, "*")


# ---------------------------------------------------------------- decimals

NUMBERS = _schema(
    id=["null", "number"],
    total="number",
    count=["integer", "null"],
    either=["string", "number"],
    code="string",
    union={"oneOf": [{"type": "null"}, {"type": "number"}]},
    any={"anyOf": [{"type": "integer"}, {"type": "string"}]},
    cart={"type": "object", "properties": {"sum": {"type": "number"}, "code": {"type": "string"}}},
    prices={"type": ["null", "array"], "items": {"type": "number"}},
    lines={"type": "array", "items": {"type": "object", "properties": {"price": {"type": "number"}}}},
    anything={},
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("19.990000000", 19.99),
        ("7.000000000", 7),
        ("7", 7),
        ("-7.50", -7.5),
        ("0.000", 0),
        ("9007199254740993.000000000", 9007199254740993),
        ("1e3", 1000.0),
        ("1.5E-2", 0.015),
        ("007", "007"),
        ("1.", "1."),
        (".5", ".5"),
        ("+7", "+7"),
        (" 7", " 7"),
        ("1,5", "1,5"),
        ("1e999", "1e999"),
        ("\u0667", "\u0667"),
        ("NaN", "NaN"),
        ("", ""),
        ("9" * 401, "9" * 401),
        (7.5, 7.5),
        (None, None),
        (True, True),
        ([], []),
    ],
)
@pytest.mark.parametrize("name", ["total", "count", "union"])
def test_decimal_that_came_as_a_text_is_a_number_where_the_schema_has_one(
    name: str, text: object, expected: object
) -> None:
    """It is read as JSON's numbers are; a whole one is exact, and what is no number stays."""
    found = _repair(NUMBERS, {name: text}, name)[name]
    assert (expected, type(expected)) == (found, type(found))


@pytest.mark.parametrize("name", ["code", "either", "any", "anything", "undeclared"])
def test_decimal_where_the_schema_takes_a_text_stays_one(name: str) -> None:
    """A code may look like a number."""
    data = {name: "3.000000000"}
    assert data is _repair(NUMBERS, data, name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("42.000000000", "42"),
        ("42.0", "42"),
        ("0.0", "0"),
        ("-42.00", "-42"),
        ("9007199254740993.000000000", "9007199254740993"),
        ("42", "42"),
        ("007", "007"),
        ("007.0", "007.0"),
        ("42.50", "42.50"),
        ("42.", "42."),
        ("1e3", "1e3"),
        ("1.0e3", "1.0e3"),
        ("+1.0", "+1.0"),
        (" 42.0", " 42.0"),
        ("1" * 255 + ".0", "1" * 255),
        (42, "42"),
        (42.0, "42"),
    ],
)
def test_decimal_as_an_identity_loses_a_fraction_of_zeros_and_nothing_else(text: object, expected: str) -> None:
    """By its digits, never by a float; any other text may be somebody else's."""
    assert expected == to_identity(_repair(NUMBERS, {"id": text}, identity="id")["id"], email=False)
    assert text == _repair(NUMBERS, {"code": text}, identity="code")["code"]


def test_decimals_inside_of_objects_and_lists_are_numbers_as_far_as_they_are_read() -> None:
    """The schema is followed, and the record itself is not changed."""
    data = {
        "cart": {"sum": "1.50", "code": "1.50"},
        "prices": ["1.0", None, "2.5"],
        "lines": [{"price": "3.0"}, {}, 5],
        "total": "4.0",
    }
    before = repr(data)
    expected = {
        "cart": {"sum": 1.5, "code": "1.50"},
        "prices": [1, None, 2.5],
        "lines": [{"price": 3}, {}, 5],
        "total": "4.0",
    }
    assert expected == _repair(NUMBERS, data, "cart.sum", "prices", "lines.0.price")
    assert {**data, "cart": expected["cart"]} == _repair(NUMBERS, data, "cart")
    assert {**data, "cart": expected["cart"]} == _repair(NUMBERS, data, "cart.*")
    assert {**expected, "total": 4} == _repair(NUMBERS, data, "*")
    assert data is _repair(NUMBERS, data, "cart.code")
    assert before == repr(data)


def test_decimal_identity_inside_of_an_object_is_read_by_its_digits() -> None:
    """The rule for identities holds at their own path."""
    schema = _schema(customer={"properties": {"id": {"type": "number"}, "total": {"type": "number"}}})
    data = {"customer": {"id": "1e3", "total": "1e3"}}
    repaired = _repair(schema, data, "customer.total", identity="customer.id")
    assert {"customer": {"id": "1e3", "total": 1000.0}} == repaired


def test_schema_that_nests_for_ever_is_looked_into_so_far() -> None:
    """A source's schema may be any JSON; what is below is left as it is."""
    schema: dict[str, Any] = {"type": "number"}
    data: Any = "1.0"
    for _ in range(400):
        schema, data = {"properties": {"a": schema}}, {"a": data}
    assert data is _repair(schema, data, "a")


# ---------------------------------------------------------------- lost values


@pytest.mark.parametrize(
    ("data", "field", "expected", "lost"),
    [
        ({"a": None, "b": 1}, "a", {"b": 1}, True),
        ({"b": 1}, "a", {"b": 1}, True),
        ({"a": "cut", "b": 1}, "a", {"a": "cut", "b": 1}, False),
        ({"a": {"b": None, "c": 1}}, "a.b", {"a": {"c": 1}}, True),
        ({"a": None}, "a.b", {"a": None}, True),
        ({"a.b": None, "a": {"b": 1}}, "a.b", {"a": {"b": 1}}, False),
        ({"A": None}, "a", {}, True),
    ],
)
def test_null_of_a_lost_value_is_taken_out(
    data: dict[str, Any], field: str, expected: dict[str, Any], *, lost: bool
) -> None:
    """It says nothing of the source's value; what is there stays."""
    before = repr(data)
    repaired = _repair(_schema(a="string"), data, "a", lost=(field,))
    assert (expected, lost) == (dict(repaired), isinstance(repaired, DamagedRecord))
    assert before == repr(data)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a", True),
        ("a.b", True),
        ("A.b", True),
        ("ab", False),
        ("b", False),
        ("b.c", True),
        ("b.c.d", True),
        ("b.d", False),
    ],
)
def test_loss_at_a_path_or_around_it_is_told(path: str, *, expected: bool) -> None:
    """A null that stands for a customer whom nobody could read is no guest."""
    data = {"a": None, "b": {"c": None, "d": 1}}
    schema = _schema(a="object", b="object")
    is_lost = compile_loss_check([path], schema)
    assert (expected, False) == (is_lost(_repair(schema, data, path, lost=("a", "b.c"))), is_lost(data))


def test_loss_under_a_name_in_another_case_is_told_as_well() -> None:
    """The repairs go one after the other."""
    for field in ("userid", "userId"):
        repaired = _repair(PEOPLE, {"userid": None, "At": "x"}, "userId", "at", lost=(field,))
        assert compile_loss_check(["userId"], PEOPLE)(repaired)
        assert {"At": "x", "at": "x"} == dict(repaired)


def test_loss_in_a_field_of_endless_parts_is_left_alone() -> None:
    """Nobody has such a field, and a name of a megabyte must not stop a sync."""
    data = {"a": None}
    assert data is _repair(_schema(a="string"), data, "a", lost=("." * 100_000,))


def test_damaged_record_when_printed_hides_its_values() -> None:
    """It is as personal as any."""
    assert "canary" not in repr(DamagedRecord({"a": "canary"}, ("b",)))


# ---------------------------------------------------------------- all of them

TYPES = st.sampled_from(["string", "number", "integer", "object", "array", "null"])
SCHEMAS = st.recursive(
    st.fixed_dictionaries({}, optional={"type": st.one_of(TYPES, st.lists(TYPES, max_size=2), JSON)}),
    lambda inner: st.fixed_dictionaries(
        {"properties": st.one_of(st.dictionaries(KEYS, inner, max_size=4), JSON)},
        optional={"items": inner, "oneOf": st.lists(inner, max_size=2)},
    ),
    max_leaves=8,
)
PATHS = st.lists(st.one_of(st.sampled_from(["a", "A", "a.b", "*", "a.*", "B.c"]), TEXTS), max_size=3)


@given(SCHEMAS, PATHS, st.dictionaries(KEYS, JSON, max_size=4), st.lists(st.one_of(KEYS, TEXTS), max_size=2).map(tuple))
def test_repair_of_any_record_never_raises_and_changes_nothing(
    schema: Any, paths: list[str], data: dict[str, Any], lost: tuple[str, ...]
) -> None:
    """A source's schema and records are read as they come, and what is repaired needs it no second time."""
    before = repr(data)
    repair = compile_repair(schema, paths, identities=paths[:1])
    repaired = repair(data, lost)
    compile_loss_check(paths, schema)(repaired)
    assert before == repr(data)
    assert repr(dict(repaired)) == repr(dict(repair(repaired, ())))


@given(PATHS, st.dictionaries(KEYS, JSON, max_size=4))
def test_repair_by_a_schema_that_says_nothing_gives_the_record_itself(paths: list[str], data: dict[str, Any]) -> None:
    """What needs nothing costs nothing."""
    assert data is compile_repair({}, paths, identities=paths)(data, ())
