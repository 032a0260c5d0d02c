"""The filters and tests of templates: Jinja's do what Jinja's do, and what differs does so on purpose."""

from typing import Any

import jinja2
import pytest
from hypothesis import given, strategies as st

from destination_intercom.properties import compile_property
from destination_intercom.template_filters import FILTERS, TESTS
from destination_intercom.values import MISSING

RECORD: dict[str, Any] = {
    "text": "the quick brown-fox (jumps) over",
    "shout": "SHOUT",
    "padded": "xx a xx",
    "url": "a b/c?d=é&f",
    "words": ["b", "A", "c", "a"],
    "numbers": [3, 1.5, 2],
    "people": [{"n": "Bo", "a": 2, "d": {"x": [7]}}, {"n": "al", "a": 1, "d": {"x": [8]}}],
    "n": 7,
    "f": 42.55,
    "neg": -3.2,
    "yes": True,
    "no": False,
    "zero": 0,
    "digits": "42.23",
    "object": {"a": 1, "b": 2},
}

AS_JINJA = [
    "record.neg | abs",
    "record.text | capitalize",
    "record.words | count",
    "record.absent | d('x')",
    "record.absent | default('x')",
    "record.zero | default('x')",
    "record.zero | default('x', true)",
    "record.zero | default(default_value='x', boolean=true)",
    "record.n | default('x')",
    "record.words | first",
    "record.text | first",
    "record.digits | float",
    "record.n | float",
    "record.yes | float",
    "'x' | float(1.5)",
    "record.digits | int",
    "record.neg | int",
    "record.yes | int",
    "'x' | int(default=5)",
    "record.words | join",
    "record.words | join(', ')",
    "record.words | join(d='-')",
    "record.people | join('/', attribute='n')",
    "record.words | last",
    "record.text | last",
    "record.text | length",
    "record.object | length",
    "record.words | list",
    "record.shout | lower",
    "record.words | map('upper') | list",
    "record.words | map('replace', 'a', 'x') | list",
    "record.people | map(attribute='n') | list",
    "record.people | map(attribute='d.x.0') | list",
    "record.people | map(attribute='z', default='none') | list",
    "record.numbers | max",
    "record.words | max",
    "record.words | max(case_sensitive=true)",
    "record.people | max(attribute='a')",
    "record.numbers | min",
    "record.people | min(attribute='a')",
    "record.numbers | reject('gt', 2) | list",
    "record.people | rejectattr('a', 'eq', 2) | list",
    "record.people | rejectattr('z') | list",
    "record.text | replace('o', '0')",
    "record.text | replace('o', '0', 1)",
    "record.text | replace('o', '0', 0)",
    "record.text | replace('', '.')",
    "record.text | replace(old='o', new='')",
    "record.text | reverse",
    "record.f | round",
    "record.f | round(1)",
    "record.f | round(1, 'floor')",
    "record.f | round(1, 'ceil')",
    "record.f | round(method='ceil')",
    "1234 | round(-2)",
    "record.numbers | select('ge', 2) | list",
    "[0, 1, 2] | select | list",
    "[1, 2, 3] | select('odd') | list",
    "record.people | selectattr('a', '>', 1) | list",
    "record.people | selectattr('d.x.0', 'equalto', 7) | list",
    "record.words | sort",
    "record.words | sort(true)",
    "record.words | sort(case_sensitive=true)",
    "record.people | sort(attribute='a')",
    "record.people | sort(attribute='n')",
    "record.people | sort(reverse=true, attribute='n')",
    "record.n | string",
    "record.numbers | sum",
    "record.numbers | sum(start=10)",
    "record.people | sum('a')",
    "record.text | title",
    "record.padded | trim('x')",
    "'  a ' | trim",
    "record.text | truncate(12)",
    "record.text | truncate(12, true)",
    "record.text | truncate(12, false, '..')",
    "record.text | truncate(30)",
    "record.text | truncate(30, leeway=0)",
    "record.words | unique | list",
    "record.words | unique(true) | list",
    "record.people | unique(attribute='a') | list",
    "record.shout | upper",
    "record.url | urlencode",
    "record.n is boolean",
    "record.yes is boolean",
    "record.absent is defined",
    "record.n is defined",
    "record.n is divisibleby 7",
    "record.n is divisibleby(2)",
    "record.n is eq 7",
    "record.n is even",
    "record.no is false",
    "record.zero is false",
    "record.f is float",
    "record.n is ge(7)",
    "record.n is in [6, 7]",
    "record.shout is in 'SHOUTING'",
    "record.n is integer",
    "record.yes is integer",
    "record.n is le 7",
    "record.shout is lower",
    "record.n is lt 7",
    "record.object is mapping",
    "record.n is ne 7",
    "record.n is none",
    "record.f is number",
    "record.n is odd",
    "record.words is sequence",
    "record.n is sequence",
    "record.text is string",
    "record.yes is true",
    "record.n is true",
    "record.absent is undefined",
    "record.shout is upper",
    "record.n is not string",
    "record.n + 1 - 2 * 3",
    "record.n // 2 + record.n % 2",
    "record.n / 2",
    "-record.n",
    "+record.n",
    "record.shout + 's'",
    "record.words + ['z']",
    "'a' ~ record.n ~ record.shout",
    "1 < record.n < 8",
    "record.n in [7] and record.n not in [8]",
    "'quick' in record.text",
    "'a' in record.object",
    "'z' not in record.object",
    "record.zero or record.n",
    "record.n and record.shout",
    "not record.n",
    "'x' if record.n > 5 else 'y'",
    "record.text[4:9]",
    "record.text[-4:]",
    "record.text[::-1]",
    "record.words[1:]",
    "record.words[::2]",
    "record.words[-1]",
    "record['people'][0]['n']",
    "record.people.0.n",
    "{'a': 1}['a']",
    "[1, [2, 3]][1][0]",
    "('a' 'b')",
]


@pytest.mark.parametrize("expression", AS_JINJA)
def test_expression_when_the_record_has_what_it_reads_gives_what_jinja_gives(expression: str) -> None:
    """What Jinja's documentation says of it is so, to the type of the value."""
    expected = jinja2.Environment(autoescape=False).compile_expression(expression)(record=RECORD)  # noqa: S701 - no page
    found = compile_property(f"{{{{ {expression} }}}}")(RECORD)
    assert (repr(expected), type(expected)) == (repr(found), type(found))


def test_filters_and_tests_when_they_are_jinjas_are_tried_against_it() -> None:
    """None is believed to be alike without a look; four filters are ours."""
    texts = " ".join(AS_JINJA)
    own = {"date", "fromjson", "time", "unix"}
    assert own == FILTERS.keys() - jinja2.filters.FILTERS.keys()
    assert [] == [name for name in FILTERS.keys() - own if f"| {name}" not in texts]
    assert TESTS.keys() <= jinja2.tests.TESTS.keys()


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("'x' | int", MISSING),
        ("'x' | float", MISSING),
        ("'1e400' | float", MISSING),
        ("'1_000' | int", MISSING),
        ("'nan' | float", MISSING),
        ("'9007199254740993.0' | int", 9007199254740993),
        ("'9007199254740993' | int", 9007199254740993),
        ("[1] | int", MISSING),
        (f"'{'9' * 399}' | float(1.5)", 1.5),
        (f"'{'9' * 399}' | int", int("9" * 399)),
        (f"'{'9' * 401}' | int(7)", 7),
        ("(record.shout | replace('SHOUT', ' ')) or 'z'", "z"),
        ("('x' if record.absent) == none", True),
        ("['a', 'b'] | sum(start='x')", MISSING),
        ("[[1], [2]] | sum(start=[])", MISSING),
        ("['a', none, ''] | select('eq', '')", [None, ""]),
        ("['a', none, ' '] | select", ["a"]),
        ("1.0 | string", "1"),
        ("record.yes | upper", "TRUE"),
        ("record.yes ~ ''", "true"),
        ("[1.0, true] | join(' ')", "1 true"),
        ("record.text | join('-')", MISSING),
        ("record.text | list", MISSING),
        ("record.text | map('upper')", MISSING),
        ("record.object | first", MISSING),
        ("record.words | string", MISSING),
        ("record.words | upper", MISSING),
        ("record.object ~ ''", MISSING),
        ("record.n is divisibleby 0", MISSING),
        ("['a', none, '', ' ', 'b'] | join('-')", "a-b"),
        ("['b', none, '', 'a'] | sort", ["a", "b"]),
        ("['b', none, '', 'b'] | unique", ["b"]),
        ("[2, none, 3] | sum", 5),
        ("[2, none, 3] | max", 3),
        ("[none, 3] | min", 3),
        ("[none] | max", MISSING),
        ("['a', none, ''] | map('upper')", ["A", None, None]),
        ("['a', none, ''] | map('default', 'x')", ["a", "x", "x"]),
        ("[{'a': none}, {}, {'a': 1}] | map(attribute='a')", [None, None, 1]),
        ("[{'a': none}, {}, {'a': 1}] | map(attribute='a', default=0)", [0, 0, 1]),
        ("['a', none, ''] | select", ["a"]),
        ("['a', none, ''] | reject", [None, ""]),
        ("['a', none, ''] | select('defined')", ["a"]),
        ("['a', none, ''] | select('none')", [None, ""]),
        ("[1, none, 7] | select('gt', 5)", [7]),
        ("[1, none, 7] | select('eq', 1)", [1]),
        ("[{'a': 1}, {'a': none}] | selectattr('a')", [{"a": 1}]),
        ("['a b', 'c'] | map('replace', ' ', '_')", ["a_b", "c"]),
        ("[['a', 'b'], ['c']] | map('join', '+')", ["a+b", "c"]),
        ("[[1, 2], [3]] | map('map', 'string')", [["1", "2"], ["3"]]),
        ("'  ' | trim | default('x')", "x"),
        ("'xx' | trim('x') | default('x')", "x"),
        ("'a' in none", False),
        ("none in 'abc'", False),
        ("none in ['a', none]", True),
        ("record.n[0]", MISSING),
        ("record.words['0']", MISSING),
        ("record.words[true]", "A"),
        ("record.object[none]", MISSING),
        ("record.f.real", MISSING),
        ("'5' | fromjson", 5),
        ("'\"x\"' | fromjson", "x"),
        ("'null' | fromjson", MISSING),
        ("'[1, {\"a\": 18446744073709551617}]' | fromjson", [1, {"a": 18446744073709551617}]),
        ("'{broken' | fromjson", MISSING),
        ("'NaN' | fromjson", MISSING),
        ("record.object | fromjson", {"a": 1, "b": 2}),
        ("record.words | fromjson", ["b", "A", "c", "a"]),
        ("7 | fromjson", 7),
    ],
)
def test_expression_when_it_differs_from_jinja_does_so_on_purpose(expression: str, expected: object) -> None:
    """No number is made of what is none, texts are written as elsewhere, members without a value are passed over."""
    found = compile_property(f"{{{{ {expression} }}}}")(RECORD)
    assert (repr(expected), type(expected)) == (repr(found), type(found))


LISTS = st.lists(
    st.one_of(st.integers(), st.text(max_size=5), st.none(), st.booleans(), st.lists(st.integers(), max_size=2)),
    max_size=6,
)


@given(
    LISTS, st.sampled_from(sorted(FILTERS.keys() - {"map", "join", "replace", "time", "date", "unix", "int", "float"}))
)
def test_filter_of_a_list_when_it_gives_one_gives_another(members: list[Any], name: str) -> None:
    """The record's own list is never sorted, reversed or added to."""
    use = {"selectattr": "selectattr('a')", "rejectattr": "rejectattr('a')"}.get(name, name)
    data = {"l": members}
    before = repr(members)
    compile_property(f"{{{{ record.l | {use} }}}}")(data)
    compile_property(f"{{{{ (record.l | {use}) + [1] }}}}")(data)
    assert before == repr(members)
