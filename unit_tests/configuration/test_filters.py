"""Names that match a list, and properties that meet a condition."""

import fnmatch
from typing import Any

import pytest
from hypothesis import given, strategies as st

from destination_intercom.configuration.entries import Filter
from destination_intercom.configuration.filters import MOST_NAMES, Names, compile_filter, compile_names
from destination_intercom.paths import compile_path
from destination_intercom.values import MISSING
from unit_tests.strategies import JSON, records

HOLDS_WITHOUT = {"is_not", "does_not_contain", "is_not_set"}
OPERATORS = ["is", "is_not", "contains", "does_not_contain", "is_set", "is_not_set", "greater_than", "less_than"]


def _filter(operator: str, *values: str) -> Filter:
    return Filter.model_validate({"property": "a.b", "operator": operator, "values": list(values)})


def _holds(operator: str, data: dict[str, Any], *values: str) -> bool:
    return compile_filter(_filter(operator, *values), compile_path("a.b")).holds(data)


def _values_for(operator: str) -> list[str]:
    return [] if operator.endswith("_set") else ["5"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Song Played", True),
        ("song played", False),
        ("Song Played Twice", False),
        ("Checkout", True),
        ("Checkout Done", True),
        ("My Checkout", False),
        ("[Intercom] Opened", True),
        ("$identify", True),
        ("", False),
    ],
)
def test_names_among_patterns_match_exactly_or_by_prefix(name: str, *, expected: bool) -> None:
    """A star at the end makes a prefix; brackets and dollars mean themselves."""
    assert expected is compile_names(["Song Played", "Checkout*", "[Intercom]*", "$identify"])(name)


def test_names_with_a_lone_star_match_all_and_with_nothing_none() -> None:
    """`*` says all in the user's own hand."""
    assert (True, False) == (compile_names(["*"])("any"), compile_names([])("any"))


def test_names_from_a_source_that_is_read_once_keep_their_prefixes() -> None:
    """Any iterable will do, a generator too."""
    assert compile_names(pattern for pattern in ["exact", "pre*"])("prefix")


@pytest.mark.parametrize(
    ("pattern", "names", "others"),
    [
        ("*internal*", ["internal", "an internal note", "internals"], ["intern al", ""]),
        ("a*b", ["ab", "aXb", "a*b", "abab"], ["a", "b", "abc", "Xab"]),
        ("*b", ["b", "ab", "*b"], ["ba", ""]),
        ("a*a", ["aa", "aba"], ["a"]),
        ("a**c*", ["ac", "abcd"], ["a", "bac"]),
        ("*", ["", "anything", "two\nlines"], []),
        ("a.b*", ["a.b", "a.bc"], ["aXb"]),
    ],
)
def test_names_with_a_star_anywhere_take_any_text_there(pattern: str, names: list[str], others: list[str]) -> None:
    """Any number of characters, none among them; every other character is itself."""
    wanted = compile_names([pattern])
    assert ([True] * len(names), [False] * len(others)) == ([*map(wanted, names)], [*map(wanted, others)])


@given(st.lists(st.sampled_from(["a", "b", "*", "ab"]), max_size=8), st.text("ab", max_size=12))
def test_names_with_stars_are_those_that_the_same_pattern_finds_elsewhere(pieces: list[str], name: str) -> None:
    """The standard library's own patterns know the star, too."""
    pattern = "".join(pieces)
    assert fnmatch.fnmatchcase(name, pattern) is compile_names([pattern])(name)


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("data", [{}, {"a": {}}, {"a": 5}, *({"a": {"b": none}} for none in (None, "", " ", [], [""]))])
def test_filter_on_an_absent_null_or_blank_property_holds_only_if_negative(operator: str, data: dict[str, Any]) -> None:
    """What is not there is not equal, does not contain, and is not set."""
    assert (operator in HOLDS_WITHOUT) is _holds(operator, data, *_values_for(operator))


@pytest.mark.parametrize(("operator", "contrary"), [("is", "is_not"), ("contains", "does_not_contain")])
def test_filter_that_looks_for_a_blank_finds_none(operator: str, contrary: str) -> None:
    """A blank is no text: it equals nothing, not even itself."""
    data = {"a": {"b": ""}}
    assert (False, True) == (_holds(operator, data, ""), _holds(contrary, data, ""))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("NL", True),
        ("BE", True),
        ("nl", False),
        ("NL ", False),
        (["DE", None, "NL"], True),
        (["DE"], False),
        ([["NL"]], False),
        ({"b": "NL"}, False),
    ],
)
def test_filter_is_when_any_value_equals_holds_and_is_not_is_its_contrary(value: object, *, expected: bool) -> None:
    """Equal means the same text; a list has several."""
    data = {"a": {"b": value}}
    assert (expected, not expected) == (_holds("is", data, "NL", "BE"), _holds("is_not", data, "NL", "BE"))


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (False, "false"), (42, "42"), (42.0, "42"), (0.5, "0.5"), (2**70, str(2**70))],
)
def test_filter_is_on_a_scalar_compares_its_text(value: object, text: str) -> None:
    """The form has only texts: numbers and booleans compare as JSON writes them."""
    assert _holds("is", {"a": {"b": value}}, text)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("premium plan", True),
        ("free plan", True),
        ("Premium", False),
        (["x", "free"], True),
        (["x", None, {}], False),
        ({"premium": 1}, False),
        (None, False),
    ],
)
def test_filter_contains_when_any_value_is_part_holds_and_its_contrary_not(value: object, *, expected: bool) -> None:
    """A list contains what one of its elements contains."""
    data = {"a": {"b": value}}
    found = (_holds("contains", data, "premium", "free"), _holds("does_not_contain", data, "premium", "free"))
    assert (expected, not expected) == found


@pytest.mark.parametrize(
    ("value", "expected"), [("", False), (" ", False), (0, True), (False, True), ([], False), ([0], True), ("x", True)]
)
def test_filter_is_set_for_blank_says_no(value: object, *, expected: bool) -> None:
    """Blank counts as not set, zero and false do not."""
    data = {"a": {"b": value}}
    assert (expected, not expected) == (_holds("is_set", data), _holds("is_not_set", data))


@pytest.mark.parametrize(
    ("value", "bound", "greater", "less"),
    [
        (11, "10", True, False),
        (9.5, "10", False, True),
        (10, "10", False, False),
        ("11", "10", True, False),
        ("9", "10", False, True),
        (2**70, "1180591620717411303423", True, False),
        (-1, "-0.5", False, True),
        (True, "0", False, False),
        ("many", "0", False, False),
        ([11], "10", True, False),
        ([9, "many", 11], "10", True, True),
        ([{}, None, "", 10], "10", False, False),
        (["2026-02-01"], "2026-01-31", True, False),
        ("2026-02-01", "2026-01-31T23:59:59Z", True, False),
        ("2026-01-31T23:00:00-05:00", "2026-01-31T23:59:59Z", True, False),
        (1_700_000_000_000, "2026-01-31", False, True),
        ("soon", "2026-01-31", False, False),
    ],
)
def test_filter_with_a_bound_compares_numbers_or_times(value: object, bound: str, *, greater: bool, less: bool) -> None:
    """The bound tells which; what cannot be compared is neither greater nor less."""
    data = {"a": {"b": value}}
    assert (greater, less) == (_holds("greater_than", data, bound), _holds("less_than", data, bound))


@given(st.sampled_from(OPERATORS), records("a", "a.b"), JSON)
def test_filter_over_any_record_never_raises_and_changes_nothing(
    operator: str, record: dict[str, Any], value: object
) -> None:
    """A filter may be asked about whatever a source sends."""
    record["a"] = {"b": value}
    before = repr(record)
    answers = [_holds(operator, record, *_values_for(operator))]
    if "than" in operator:
        answers.append(_holds(operator, record, "2026-01-31"))
    assert all(isinstance(answer, bool) for answer in answers)
    assert before == repr(record)


@given(st.sampled_from([("is", "is_not"), ("contains", "does_not_contain"), ("is_set", "is_not_set")]), JSON)
def test_filter_and_its_contrary_never_agree(pair: tuple[str, str], value: object) -> None:
    """A record that one lets pass the other holds back."""
    data = {"a": {"b": value}}
    one, other = (_holds(operator, data, *_values_for(operator)) for operator in pair)
    assert one is not other


def test_names_when_some_have_matched_tell_the_entries_that_matched_none() -> None:
    """However many names come, and how often."""
    names = Names(["signed up", "Check*", "*internal*", "gone"])
    assert [False] == [names.has_looked]
    for name in ["signed up", "Checkout", "other", "other", *(f"n{number}" for number in range(MOST_NAMES + 1))]:
        names.look(name)
    assert names.has_looked
    assert ["*internal*", "gone"] == names.unmatched
    # Those beyond what is remembered are looked at as well.
    names.look("gone")
    assert ["*internal*"] == names.unmatched


@pytest.mark.parametrize("value", [MISSING, None, " ", [], "x", 5])
def test_filter_of_a_row_that_may_hold_its_key_alone_holds_where_nothing_is_told(value: object) -> None:
    """What is told is judged as ever."""
    test = compile_filter(_filter("is", "x"), compile_path("a.b"))
    data: dict[str, Any] = {} if value is MISSING else {"a": {"b": value}}
    assert (value == "x") is test.holds(data)
    assert (value != 5) is test.holds_if_told(data)
