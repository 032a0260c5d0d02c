"""Templates: what they give, what they refuse, and that none of them can cost much, whatever it and a record say."""

import inspect
import json
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import example, given, settings, strategies as st

from destination_intercom.deep_json import DEEPEST
from destination_intercom.paths import PathReader
from destination_intercom.properties import compile_property, is_template, read_paths
from destination_intercom.template_filters import FILTERS, TESTS
from destination_intercom.template_syntax import LONGEST
from destination_intercom.template_values import LARGEST, MOST_BITS, MOST_MEMBERS
from destination_intercom.values import MISSING
from unit_tests.strategies import JSON, KEYS

CANARY = "canary-7f3a"

ADA = {
    "first_name": "Ada",
    "last_name": "Lovelace",
    "email": "ada@example.com",
    "null": None,
    "blank": " ",
    "empty": "",
    "scientific": "1e5",
    "count": 5,
    "whole": 42.0,
    "half": 0.5,
    "yes": True,
    "no": False,
    "large": 2**70,
    "tags": ["a", None, "b"],
    "emails": [{"email": "ada@x.example", "primary": False}, {"email": "ada@y.example", "primary": True}],
    "customer": {"email": "c@example.com", "address": {"city": "London"}, "gone": None},
    "items": [1, 2],
    "get": "got",
    "dotted.name": "dotted",
}


def read(template: str, data: dict[str, Any] | None = None, **how: Any) -> Any:
    """Work a template out for a record of which none of its expressions fails."""

    def fail() -> None:
        pytest.fail("an expression failed")

    return compile_property(template, on_failure=fail, **how)(ADA if data is None else data)


def fail(template: str, data: dict[str, Any] | None = None) -> int:
    """Work a template out for a record with which it must have no value; tell how often it failed."""
    failures: Counter[str] = Counter()
    reader = compile_property(template, on_failure=lambda: failures.update(["entry"]))
    assert MISSING is reader(ADA if data is None else data)
    return failures["entry"]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ record.scientific }}", "1e5"),
        ("{{ record.count }}", 5),
        ("{{ record.whole }}", 42.0),
        ("{{ record.yes }}", True),
        ("{{ record.large }}", 2**70),
        ("{{ record.tags }}", ["a", None, "b"]),
        ("{{ record.customer.address }}", {"city": "London"}),
        ("{{ '5' }}", "5"),
        ("{{ 'True' }}", "True"),
        ("{{ '[1, 2]' }}", "[1, 2]"),
        ("{{ record.count == 5 }}", True),
        ("{{ [record.count, record.null] }}", [5, None]),
        ("{{ (record.first_name, record.yes) }}", ["Ada", True]),
        ("{{ {'a': record.count, 'b': record.null, 3: 4} }}", {"a": 5, "b": None, "3": 4}),
        ("{{ {record.null: 1, 'b': 2} }}", {"b": 2}),
        ("  {{ record.count }}\n", 5),
        ("{{- record.count -}}", 5),
        ("{# a comment #}{{ record.count }}", 5),
    ],
)
def test_template_when_it_is_one_expression_keeps_the_type_of_its_value(template: str, expected: object) -> None:
    """A text stays a text, a number a number; a list or an object that it writes holds plain values."""
    found = read(template)
    assert (expected, type(expected)) == (found, type(found))
    assert repr(expected) == repr(found)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("no {{ record.count }}", "no 5"),
        ("{{ record.whole }}{{ record.half }}", "420.5"),
        ("{{ record.yes }}, {{ record.no }}", "true, false"),
        ("{{ record.large }}!", f"{2**70}!"),
        ("{{ record.scientific }}x", "1e5x"),
        ("{{ record.first_name }} {{ record.last_name }}", "Ada Lovelace"),
        ("Order {{ record.count }}\r\n#{{ 2 }}", "Order 5\n#2"),
        ("{{ record.count }}{{ record.count }}", "55"),
        ("{{ record.whole ~ record.yes ~ 1.5 }}", "42true1.5"),
        ("a  {{- record.count -}}  b", "a5b"),
        ("%s {{ record.count }} %(x)s {0} $x", "%s 5 %(x)s {0} $x"),
        ("\ud800 {{ record.count }} \u2028", "\ud800 5"),
    ],
)
def test_template_when_anything_stands_around_it_is_a_text(template: str, expected: str) -> None:
    """Floats and booleans are written as everywhere in the connector."""
    assert expected == read(template)


@pytest.mark.parametrize(
    ("template", "elsewhere", "as_identity"),
    [
        ("{{ record.null }}", MISSING, MISSING),
        ("{{ record.blank }}", MISSING, MISSING),
        ("{{ record.empty }}", MISSING, MISSING),
        ("{{ record.absent }}", MISSING, MISSING),
        ("{{ record.customer.gone.below }}", MISSING, MISSING),
        ("{{ none }}", MISSING, MISSING),
        ("{{ '' }}", MISSING, MISSING),
        ("{{ record.first_name }} {{ record.null }}", "Ada", MISSING),
        ("{{ record.blank }} {{ record.last_name }}", "Lovelace", MISSING),
        ("{{ record.first_name }} {{ record.null }} {{ record.last_name }}", "Ada Lovelace", MISSING),
        ("{{ record.absent }} {{ record.empty }}", MISSING, MISSING),
        ("shop-{{ record.customer_id }}", MISSING, MISSING),
        ("shop-{{ record.count }}", "shop-5", "shop-5"),
        ("{{ 'shop-' ~ record.customer_id }}", MISSING, MISSING),
        ("{{ record.first_name ~ '-' ~ record.customer_id }}", "Ada-", MISSING),
        ("{{ 'shop-' + record.customer_id }}", MISSING, MISSING),
        ("{{ [record.first_name, record.null] | join('-') }}", "Ada", MISSING),
        ("{{ [[record.first_name, record.null]] | map('join', '-') | first }}", "Ada", MISSING),
        ("{{ record.customer_id or record.email }}", "ada@example.com", "ada@example.com"),
        ("{{ record.customer_id | default(record.email) }}", "ada@example.com", "ada@example.com"),
        ("{{ 'x' if record.customer_id }}", MISSING, MISSING),
        ("{{ record.email if record.count > 3 }}", "ada@example.com", "ada@example.com"),
        ("{{ record.absent > 3 }}", MISSING, MISSING),
        ("{{ record.absent * 100 }}", MISSING, MISSING),
        ("{{ -record.absent }}", MISSING, MISSING),
        ("{{ record.absent | upper }}", MISSING, MISSING),
        ("{{ record.absent | length }}", MISSING, MISSING),
        ("{{ record.absent[1:] }}", MISSING, MISSING),
        ("{{ record.first_name[record.absent:] }}", MISSING, MISSING),
        ("{{ record.first_name | replace('A', record.absent) }}", MISSING, MISSING),
        ("{{ record.first_name | replace(old='A', new=record.absent) }}", MISSING, MISSING),
        ("{{ record.first_name | replace('Ada', '') }}", MISSING, MISSING),
        ("{{ record.first_name[3:] }}", MISSING, MISSING),
        ("{{ [] | first }}", MISSING, MISSING),
        ("{{ [record.null] | first }}", MISSING, MISSING),
        ("{{ record.absent > 3 }}{{ record.count }}", "5", MISSING),
        ("{{ record.no }}", False, False),
        ("{{ record.count - 5 }}", 0, 0),
    ],
)
def test_template_when_expressions_have_no_value_follows_the_rule_of_its_place(
    template: str, elsewhere: object, as_identity: object
) -> None:
    """An identity or a time needs all of them; elsewhere one is enough, and leaves no blank where another is missing."""
    assert repr((elsewhere, as_identity)) == repr((read(template), read(template, needs_all=True)))


@pytest.mark.parametrize(
    ("present", "words", "lines", "bracketed", "commas"),
    [
        ("abc", "A B C", "A\nB\nC", "(A) [B]", "A, B"),
        ("ab", "A B", "A\nB", "(A) [B]", "A, B"),
        ("ac", "A C", "A\nC", "(A) []", "A,"),
        ("bc", "B C", "B\nC", "() [B]", ", B"),
        ("a", "A", "A", "(A) []", "A,"),
        ("b", "B", "B", "() [B]", ", B"),
        ("c", "C", "C", MISSING, MISSING),
        ("", MISSING, MISSING, MISSING, MISSING),
    ],
)
def test_template_when_a_value_is_missing_leaves_no_blank_for_it(
    present: str, words: object, lines: object, bracketed: object, commas: object
) -> None:
    """Not at the ends, and no second one in the middle; whatever else the template writes stays."""
    data = {name: name.upper() for name in present}
    assert words == read("{{ record.a }} {{ record.b }} {{ record.c }}", data)
    assert words == read("{{ record.a ~ ' ' ~ record.b ~ ' ' ~ record.c }}", data)
    assert words == read("{{ [record.a, record.b, record.c] | join(' ') }}", data)
    assert lines == read("{{ record.a }}\n{{ record.b }}\n{{ record.c }}", data)
    assert bracketed == read("({{ record.a }}) [{{ record.b }}]", data)
    assert commas == read("{{ record.a }}, {{ record.b }}", data)
    assert words == read("{{ record.a }}{{ record.none }} {{ record.b }} {{ record.none }}{{ record.c }}", data)


def test_template_when_values_have_blanks_at_their_ends_keeps_them() -> None:
    """Only the template's own go with what is missing."""
    assert read("<{{ record.a }}> {{ record.b }}", {"a": " x ", "b": " y"}) == "< x >  y"
    assert read("{{ record.b }}{{ record.a }}", {"a": " x ", "b": " y"}) == " y x "


@pytest.mark.parametrize(
    "name", ["null", "blank", "empty", "absent", "customer.gone", "customer.gone.below", "count.below"]
)
def test_template_when_a_property_is_null_or_blank_takes_it_for_undefined_everywhere(name: str) -> None:
    """Null, blank and absent are one."""
    value = f"record.{name}"
    assert [False, True, True, True, False, "x", "x", "y", False, False, False] == [
        read(f"{{{{ {expression} }}}}")
        for expression in (
            f"{value} is defined",
            f"{value} is undefined",
            f"{value} == none",
            f"{value} == ''",
            f"{value} != none",
            f"{value} or 'x'",
            f"{value} | default('x')",
            f"'x' if {value} else 'y'",
            f"{value} == 'a'",
            f"{value} in 'abc'",
            f"'a' in {value}",
        )
    ]


@pytest.mark.parametrize(
    ("template", "data", "expected"),
    [
        ("{{ record.accepts == false }}", {"accepts": True}, False),
        ("{{ record.accepts == false }}", {"accepts": False}, True),
        ("{{ record.accepts == false }}", {}, False),
        ("{{ not record.accepts }}", {}, True),
        ("{{ {'p': 'Pro', 'b': 'Basic'}[record.plan] }}", {"plan": "p"}, "Pro"),
        ("{{ {'p': 'Pro', 'b': 'Basic'}[record.plan] }}", {"plan": "x"}, MISSING),
        ("{{ {'p': 'Pro'}[record.plan] | default('Other') }}", {"plan": "x"}, "Other"),
        ("{{ {1: 'Pro', '2': 'Basic'}[record.plan] }}", {"plan": 2}, "Basic"),
        ("{{ {1: 'Pro', '2': 'Basic'}[record.plan] }}", {"plan": 1.0}, "Pro"),
        ("{{ record.emails[0].email }}", ADA, "ada@x.example"),
        ("{{ record.emails.0.email }}", ADA, "ada@x.example"),
        ("{{ record.emails[-1].email }}", ADA, "ada@y.example"),
        ("{{ record.emails[7].email }}", ADA, MISSING),
        ("{{ (record.emails | selectattr('primary') | first).email }}", ADA, "ada@y.example"),
        ("{{ record.emails | map(attribute='email') | join('; ') }}", ADA, "ada@x.example; ada@y.example"),
        ("{{ record.user_id or record.email }}", ADA, "ada@example.com"),
        ("Order {{ record.status }}", {"status": "paid"}, "Order paid"),
        (
            "{{ (record.date ~ ' ' ~ record.time) | time('%Y-%m-%d %H:%M') }}",
            {"date": "2024-01-15", "time": "16:07"},
            1705334820,
        ),
        ("{{ record.amount * 100 }}", {"amount": 12.5}, 1250.0),
        ("{{ record['dotted.name'] }}", ADA, "dotted"),
        ("{{ (record.settings | fromjson).theme }}", {"settings": '{"theme": "dark"}'}, "dark"),
        ("{{ record.first_name[0] }}. {{ record.last_name }}", ADA, "A. Lovelace"),
    ],
)
def test_template_when_it_is_one_of_the_recipes_gives_what_a_person_expects(
    template: str, data: dict[str, Any], expected: object
) -> None:
    """What templates are for."""
    assert repr(expected) == repr(read(template, data))


@pytest.mark.parametrize(
    ("template", "how", "expected"),
    [
        ("Tags: {{ record.tags }}", {}, "Tags: a, b"),
        ("Tags: {{ record.none }}", {}, MISSING),
        ("Tags: {{ record.tags | join('/') }}", {"joins_lists": False}, "Tags: a/b"),
    ],
)
def test_template_when_a_list_stands_in_a_text_joins_its_members(
    template: str, how: dict[str, Any], expected: object
) -> None:
    """As everywhere where a text is wanted; those without a value are left out."""
    assert expected == read(template, {"tags": ["a", None, " ", "b"], "none": [None, ""]}, **how)


@pytest.mark.parametrize("how", [{"needs_all": True}, {"joins_lists": False}])
def test_template_when_a_list_stands_in_an_identity_or_a_name_fails(how: dict[str, Any]) -> None:
    """None of them is ever made of a list."""
    failures = []
    reader = compile_property("x-{{ record.tags }}", on_failure=lambda: failures.append(1), **how)
    assert MISSING is reader({"tags": ["a", "b"]})
    assert [1] == failures


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{{ record.get('a') }}", "write record.a"),
        ("{{ record.get('a b') }}", "write record['a b']"),
        ("{{ record.user['x'].get('y', 1) }}", "write record.user.x.y"),
        ("{{ record.name.upper() }}", "write record.name | upper"),
        ("{{ first_name }}", "write record.first_name"),
        ("{{ user.email }}", "write record.user"),
        ("{{ record.first-name }}", "write record.name"),
        ("{{ now() }}", "calls are not allowed"),
        ("{{ range(10**9) }}", "calls are not allowed"),
        ("{{ record.items() }}", "calls are not allowed"),
        ("{{ lipsum(1000000) }}", "calls are not allowed"),
        ("{{ lipsum }}", "write record.lipsum"),
        ("{{ cycler }}", "write record.cycler"),
        ("{{ self }}", "write record.self"),
        ("{{ self.__init__ }}", "write record.self"),
        ("{{ loop.index }}", "write record.loop"),
        ("{{ caller() }}", "calls are not allowed"),
        ("{{ super() }}", "calls are not allowed"),
        ("{{ namespace }}", "write record.namespace"),
        ("{{ (record | first)() }}", "calls are not allowed"),
        ("{{ record.a | upper() () }}", "calls are not allowed"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "calls are not allowed"),
        ("{{ '%s'.format(1) }}", "calls are not allowed"),
        ("{{ 9**9**9 }}", "the operator **"),
        ("{{ record.a ** record.b }}", "the operator **"),
        ("{{ 'a' * 1000000000 }}", "the operator * works only with numbers"),
        ("{{ 1000000000 * 'a' }}", "the operator * works only with numbers"),
        ("{{ [1] * 1000000000 }}", "the operator * works only with numbers"),
        ("{{ (1, 2) * 1000000000 }}", "the operator * works only with numbers"),
        ("{{ '%999999999d' % 5 }}", "the operator % works only with numbers"),
        ("{{ {} - 1 }}", "the operator - works only with numbers"),
        ("{{ 'a' / 2 }}", "the operator / works only with numbers"),
        ("{{ 'a' // 2 }}", "the operator // works only with numbers"),
        ("{{ 1e999 }}", "too large"),
        ("{% if record.a %}{{ record.a }}{% endif %}", "no statements"),
        ("{{ record.a }}{% set x = 1 %}", "no statements"),
        ("{% for i in record.l %}{{ i }}{% endfor %}", "no statements"),
        ("{% raw %}{{ record.a }}{% endraw %}", "no statements"),
        ("{%- raw -%}{{ record.a }}{% endraw %}", "no statements"),
        ("{% include 'x' %}{{ 1 }}", "no statements"),
        ("{{ 1 }}{% macro x() %}{% endmacro %}", "no statements"),
        ("{# {{ record.a }} #}", "must contain an expression"),
        ("{# {{ #}", "must contain an expression"),
        ("{{ }}", "at character"),
        ("{{", "at character"),
        ("{{ record.a", "at character"),
        ("{{ record.a }", "at character"),
        ("{{ record. }}", "at character"),
        ("{{ record.a b }}", "expected token '}}', got 'b'"),
        ("{{ record.a ! }}", "unexpected char '!'"),
        ("{{ 'a }}", "unexpected char"),
        ("{{ record.a[1:2, 3] }}", "one index or one slice"),
        ("{{ record.a[1, 2] }}", "one index or one slice"),
        ("{# {{ record.a }}", "at character"),
        ("{{ record.a | center(1000000000) }}", "no filter 'center'"),
        ("{{ record.a | format(1) }}", "no filter 'format'"),
        ("{{ record.a | indent(1000000000) }}", "no filter 'indent'"),
        ("{{ record.a | batch(2, 'x') }}", "no filter 'batch'"),
        ("{{ record.a | slice(1000000000) }}", "no filter 'slice'"),
        ("{{ record.a | attr('__class__') }}", "no filter 'attr'"),
        ("{{ record.a | pprint }}", "no filter 'pprint'"),
        ("{{ record.a | tojson }}", "no filter 'tojson'"),
        ("{{ record.a | random }}", "no filter 'random'"),
        ("{{ record.a | shuffle }}", "no filter 'shuffle'"),
        ("{{ record.a | xmlattr }}", "no filter 'xmlattr'"),
        ("{{ record.a | urlize }}", "no filter 'urlize'"),
        ("{{ record.a | wordwrap(1) }}", "no filter 'wordwrap'"),
        ("{{ record.a | groupby('x') }}", "no filter 'groupby'"),
        ("{{ record.a | filesizeformat }}", "no filter 'filesizeformat'"),
        ("{{ record.a | e }}", "no filter 'e'"),
        ("{{ record.a | _concatenate }}", "no filter '_concatenate'"),
        ("{{ record.a | _cut(1, 2, 3) }}", "no filter '_cut'"),
        ("{{ record.a | _list }}", "no filter '_list'"),
        ("{{ record.a | no.such }}", "no filter 'no.such'"),
        ("{{ record.a is callable }}", "no test 'callable'"),
        ("{{ record.a is sameas(1) }}", "no test 'sameas'"),
        ("{{ record.a is filter }}", "no test 'filter'"),
        ("{{ record.a | replace('x') }}", "missing a required argument: 'new'"),
        ("{{ record.a | upper(1) }}", "too many positional arguments"),
        ("{{ record.a | upper(x=1) }}", "unexpected keyword argument 'x'"),
        ("{{ record.a | join(needs_all=false) }}", "unexpected keyword argument"),
        ("{{ record.a | select(wanted=1) }}", "unexpected keyword argument"),
        ("{{ record.a | map('upper', filters=1) }}", "unexpected keyword argument"),
        ("{{ record.a | replace(value='x', old='y', new='z') }}", "multiple values for argument 'value'"),
        ("{{ record.a | replace(old='x', old='y', new='z') }}", "write each argument once"),
        ("{{ record.a | replace(*record.l) }}", "write each argument once"),
        ("{{ record.a | replace(**record.d) }}", "write each argument once"),
        ("{{ record.a is eq(*record.l) }}", "write each argument once"),
        ("{{ record.a is eq }}", "missing a required argument"),
        ("{{ record.a | map }}", "the name of a filter, or an attribute"),
        ("{{ record.a | map(default=1) }}", "the name of a filter, or an attribute"),
        ("{{ record.a | map('center', 9) }}", "no filter 'center'"),
        ("{{ record.a | map('_list') }}", "no filter '_list'"),
        ("{{ record.a | map(record.b) }}", "the filter's name stands in the template"),
        ("{{ record.a | map('map', 'center', 9) }}", "no filter 'center'"),
        ("{{ record.a | map('replace', 'x') }}", "missing a required argument: 'new'"),
        ("{{ record.a | select('callable') }}", "no test 'callable'"),
        ("{{ record.a | select(record.b) }}", "the test's name stands in the template"),
        ("{{ record.a | select('in', record.a) }}", "cannot apply the test 'in' to each member"),
        ("{{ record.a | rejectattr('x', 'in', record.a) }}", "cannot apply the test 'in' to each member"),
        ("{{ record.a | map('select', 'in', record.a) }}", "cannot apply the test 'in' to each member"),
        ("{{ record.a | selectattr('x', 'no') }}", "no test 'no'"),
        ("{{ record.a | time('%d.%m.') }}", "the format must contain a year"),
        ("{{ record.a | time('%Y %Z') }}", "%Z depends on the machine"),
        ("{{ record.a | time('%Y %c') }}", "%c is not a directive"),
        ("{{ record.a | time('%Y %Y') }}", "use each directive of a format only once"),
        ("{{ record.a | time('%Y %') }}", "not a directive"),
        ("{{ record.a | time('%Y', 'Berlin') }}", "'Berlin' is not a time zone"),
        ("{{ record.a | time('iso', '../../etc/passwd') }}", "is not a time zone"),
        ("{{ record.a | time('iso', zone='localtime') }}", "is not a time zone"),
        ("{{ record.a | time(5) }}", "a format is a text"),
        ("{{ record.a | time('iso', 5) }}", "5 is not a time zone"),
        ("{{ record.a | date('iso', none) }}", "None is not a time zone"),
        ("{{ record.a | map('time', '%d') }}", "the format must contain a year"),
        ("{{ record.a | date('%s') }}", "%s is not a directive"),
        ("{{ record.a | date('%9999999d') }}", "%9 is not a directive"),
        ("{{ record.a | date('%Y', 'Mars/Phobos') }}", "is not a time zone"),
        ("{{ record.a | unix('h') }}", "the unit must be one of s, ms, us, ns"),
        ("x" * (LONGEST - 12) + "{{ record.a }}", "at most 1,000 characters, and this one has 1,002"),
    ],
)
@pytest.mark.parametrize("needs_all", [False, True])
def test_template_when_it_holds_what_it_may_not_is_refused_with_the_way_out(
    template: str, problem: str, *, needs_all: bool
) -> None:
    """Before any record, and nothing of it is worked out on the way; whoever asks for its paths hears the same."""
    with pytest.raises(ValueError, match=r".") as error:
        compile_property(template, needs_all=needs_all)
    assert problem in str(error.value)
    assert type(error.value) is ValueError
    assert error.value.__cause__ is None
    with pytest.raises(ValueError, match=r".") as same:
        read_paths(template)
    assert str(error.value) == str(same.value)


@pytest.mark.parametrize(
    ("template", "place"),
    [
        ("{{ record.a b }}", "at character 13 of the template, 'b }}'"),
        ("  \n{{ record.a b }}", "at character 13 of the template, 'b }}'"),
        ("Order {{ record.a }}\r\nand {{ b }}", "at character 29 of the template, 'b }}'"),
        ("a   {{- record.a -}}   b {{ c }}", "at character 29 of the template, 'c }}'"),
        ("{{ record.a | replace('x', 'y') | centre }}", "at character 35 of the template, 'centre }}'"),
        ("{{ record.a ? 1 }}", "at character 13 of the template, '? 1 }}': unexpected char '?'"),
        ("{{ [record.a) }}", "at character 13 of the template, ') }}'"),
        ("{{ record.a }}{% if %}", "at character 15 of the template, '{% if %}'"),
        ("{{ 'long enough' ~ 'to be cut' ~ b ~ record.some_long_name }}", "of the template, 'b ~ record.some_long'"),
    ],
)
def test_template_when_it_is_refused_says_where(template: str, place: str) -> None:
    """By the character, counted from one, and by what stands there."""
    with pytest.raises(ValueError, match=r".") as error:
        compile_property(template)
    assert place in str(error.value)


@pytest.mark.parametrize(
    ("before", "behind"),
    [
        ("(", ")"),
        ("[", "]"),
        ("{'a':", "}"),
        ("record.a[", "]"),
        ("(1 if record.a else ", ")"),
        ("not ", ""),
        ("-", ""),
        ("not(", ")"),
        ("1+(", ")"),
        ("1~(", ")"),
        ("1<(", ")"),
        ("1 or ", ""),
        ("record.a|default(", ")"),
        ("1 is eq(", ")"),
        ("1 in(", ")"),
        ("1 if 1 else ", ""),
    ],
)
def test_template_when_it_is_nested_as_deep_as_it_can_be_is_compiled_or_refused(before: str, behind: str) -> None:
    """A recursion that goes too far is the template's fault, and none of Python's errors comes out."""
    fitting = (LONGEST - 7) // len(before + behind)
    templates = [
        f"{{{{ {before * times}1{behind * times} }}}}" for times in (5, 20, 60, 90, 150, fitting) if times <= fitting
    ]
    refusals = [_refuse(template) for template in templates]
    assert "" == refusals[0]
    assert set(refusals) <= {"", "the template is nested too deeply"}


def _refuse(template: str) -> str:
    """Compile a template, use it and ask for its paths; tell why it was refused, if it was."""
    try:
        compile_property(template)({"a": 1})
        read_paths(template)
    except ValueError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    "template",
    [
        "{{ record" + ".a" * 490 + " }}",
        "{{ record.a" + "|abs" * 240 + " }}",
        "{{ record.a" + "+1" * 490 + " }}",
        "{{ record.a" + "[0]" * 320 + " }}",
        "{{ record.a" + "<1" * 490 + " }}",
    ],
)
def test_template_when_it_is_a_long_chain_is_compiled_or_refused(template: str) -> None:
    """What the parser reads in a loop is nested all the same."""
    assert _refuse(template) in {"", "the template is nested too deeply"}


ESCAPES = ["__class__", "__init__", "__globals__", "items", "keys", "format", "upper", "real", "mro", "_undefined_name"]


@pytest.mark.parametrize("name", ESCAPES)
@pytest.mark.parametrize(
    "owner",
    [
        "record",
        "record.text",
        "record.number",
        "record.list",
        "record.nothing",
        "record.object",
        "''",
        "[]",
        "{}",
        "1",
        "none",
    ],
)
def test_template_when_it_names_an_attribute_of_python_finds_nothing(owner: str, name: str) -> None:
    """Names and brackets reach members of the record only, by whatever way they are written."""
    data = {"text": "x", "number": 5, "list": [1], "nothing": None, "object": {"a": 1}}
    for template in (
        f"{{{{ ({owner}).{name} }}}}",
        f"{{{{ ({owner})['{name}'] }}}}",
        f"{{{{ ({owner}).{name}.{name}.x }}}}",
        f"{{{{ [{owner}] | map(attribute='{name}') | first }}}}",
        f"{{{{ [{owner}] | map(attribute='{name}.{name}') | first }}}}",
        f"{{{{ [{owner}] | selectattr('{name}') | list | first }}}}",
    ):
        assert MISSING is read(template, data), template


@pytest.mark.parametrize("name", ESCAPES)
def test_template_when_the_record_has_a_member_named_so_reads_it(name: str) -> None:
    """`record.items` is the record's own."""
    assert read(f"{{{{ record.{name} }}}}", {name: "mine"}) == "mine"
    assert read(f"{{{{ record.inner.{name} }}}}", {"inner": {name: ["mine"]}}) == ["mine"]


BIG = {
    "text": "x" * (LARGEST - 1),
    "huge": "x" * (LARGEST * 4),
    "spread": "a b " * 10_000,
    "percent": "%" * 20_000,
    "eszett": "ß" * (LARGEST - 1),
    "widest": "\U0001f600" * 20_000,
    "number": 10**600,
    "largest": 10**4000,
    "list": list(range(MOST_MEMBERS)),
    "long": list(range(MOST_MEMBERS + 1)),
    "double": list(range(MOST_MEMBERS * 2)),
    "lists": [[0] * 100] * 1000,
    "texts": ["x" * 100] * 1000,
    "format": "%999999999d",
    "billion": 10**9,
    "one": 1,
    "quarter": 0.25,
    "yes": True,
}


@pytest.mark.parametrize(
    "expression",
    [
        "record.yes + 1",
        "[record.yes] | sum",
        "record.yes | abs",
        "record.format % 5",
        "record.format is even",
        "record.format is odd",
        "record.format is divisibleby 3",
        "[record.format] | select('divisibleby', 5)",
        "record.text * record.billion",
        "record.billion * record.text",
        "record.list * record.billion",
        "record.text + record.text",
        "record.text ~ record.text",
        "record.text ~ 'xx'",
        "record.list + record.list",
        "record.list + [1]",
        "record.number * record.number",
        "record.largest * 1",
        "record.largest + 1",
        "1 - record.largest",
        "-record.largest",
        "record.largest % 3",
        "record.largest // 3",
        "record.largest / 3",
        "record.quarter / 0",
        "record.billion % 0",
        "1e308 * 10",
        "record.one | round(record.billion)",
        "record.one | round(0 - record.billion)",
        "record.one | round(16)",
        "record.quarter | round(record.billion, 'ceil')",
        "record.quarter | round(record.billion, 'floor')",
        "record.largest | abs",
        "record.largest | round",
        "record.largest | int",
        "record.largest | float",
        "[record.largest] | sum",
        "[record.text, record.text] | sum",
        "record.lists | sum",
        "record.lists | sum(start=[])",
        "record.text | replace('x', 'yy')",
        "record.text | replace('', 'y')",
        "record.huge | replace('x', 'x')",
        "record.huge | replace('y', 'x')",
        "record.spread | replace('a', 'aa') | replace('a', 'aa') | replace('a', 'aa') | replace('a', 'aa')",
        "record.spread | join('x')",
        "[record.text, record.text] | join",
        "record.texts | join",
        "record.list | join(record.text)",
        "record.texts | map('replace', 'x', 'yyyyyyyyyy')",
        "record.texts | map('upper') | join",
        "record.texts | map('replace', 'x', record.text)",
        "record.list | map('join')",
        "record.lists | map('map', 'string')",
        "record.huge | upper",
        "record.eszett | upper",
        "record.huge | lower",
        "record.huge | title",
        "record.huge | capitalize",
        "record.huge | trim",
        "record.text | trim(record.text)",
        "record.huge | reverse",
        "record.huge | urlencode",
        "record.percent | urlencode | urlencode | urlencode",
        "record.widest | urlencode",
        "record.huge[1:]",
        "record.huge[::-1]",
        "record.long + []",
        "record.double[1:]",
        "record.double[::-1]",
        "record.double | reverse",
        "record.long | map('string')",
        "record.long | map(attribute='a')",
        "record.long | select",
        "record.long | reject('odd')",
        "record.long | sort",
        "record.long | unique",
        "record.long | sum",
        "record.long | max",
        "record.long | join",
        "7 in record.long",
        "7 is in(record.long)",
        "record.long | list",
        "record.text | list",
        "record.huge | truncate(record.billion * 2, leeway=0 - 5)",
        "record.huge | truncate(100000, true, leeway=5)",
        "record.huge | time('%Y')",
        "record.huge | time",
        "'2024' | time(record.huge)",
        "'2024' | time('iso', record.huge)",
        "1 | date(record.huge)",
        "1 | date('%Y', record.huge)",
        "record.texts | map(attribute=record.spread | replace(' ', '.'))",
    ],
)
def test_template_when_a_record_makes_a_bomb_of_it_fails_before_it_goes_off(expression: str) -> None:
    """Refused by calculation: it has no value, is counted once, and costs no memory worth the word."""
    size = 0
    for template in (f"{{{{ {expression} }}}}", f"a {{{{ {expression} }}}}"):
        failures: list[int] = []
        reader = compile_property(template, on_failure=lambda: failures.append(1))  # noqa: B023 - called in this round
        found, peak = _measure(lambda: reader(BIG))  # noqa: B023 - as above
        assert MISSING is found
        assert [1] == failures
        size = max(size, peak)
    assert size < 4_000_000


def _measure(work: Callable[[], Any]) -> tuple[Any, int]:
    """Do some work; tell the most bytes that it took on top of what was there."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        return work(), tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("record.huge", BIG["huge"]),
        ("record.none or record.huge", BIG["huge"]),
        ("record.huge | truncate(10)", "xxxxxxx..."),
        ("record.huge[:3]", "xxx"),
        ("record.huge[1]", "x"),
        ("record.huge | length", LARGEST * 4),
        ("record.huge | replace('x', '') | default('gone')", "gone"),
        ("'xy' in record.huge", False),
        ("record.long | length", MOST_MEMBERS + 1),
        ("record.long | last", MOST_MEMBERS),
        ("record.long[2:4]", [2, 3]),
        ("record.text ~ 'x'", "x" * LARGEST),
        ("record.text | replace('x', 'yy', 1)", "yy" + "x" * (LARGEST - 2)),
        ("record.list | sum", sum(range(MOST_MEMBERS))),
        ("record.list | unique | length", MOST_MEMBERS),
        ("record.number + 1", 10**600 + 1),
        ("record.largest", 10**4000),
    ],
)
def test_template_when_a_value_of_the_record_is_large_still_reads_what_is_small_of_it(
    expression: str, expected: object
) -> None:
    """What a template makes is bounded; what it finds is the record's affair."""
    assert expected == read(f"{{{{ {expression} }}}}", BIG)


def test_template_when_a_long_list_stands_in_a_text_does_not_join_it() -> None:
    """Refused by calculation, too: what is joined may be the greater part of a record."""
    failures: list[int] = []
    data = {"texts": ["x" * 1_000_000] * 20}
    reader = compile_property("a {{ record.texts }}", on_failure=lambda: failures.append(1))
    found, size = _measure(lambda: reader(data))
    assert (MISSING, [1]) == (found, failures)
    assert size < 1_000_000


def test_environment_of_templates_when_made_has_no_globals() -> None:
    """Even a name that came through the checks would find nothing."""
    from destination_intercom.templates import _make_environment

    assert [{}, {}] == [dict(_make_environment(needs_all=needs_all).globals) for needs_all in (False, True)]


def test_template_when_the_stack_is_nearly_used_up_is_compiled_or_refused() -> None:
    """Wherever in the parser, the checks, the compiler or the search for paths a recursion ends, it is a refusal."""
    template = "{{ " + "(" * 8 + "record" + ".a" * 60 + ")" * 8 + " }}"
    limit, outcomes = sys.getrecursionlimit(), Counter[str]()
    try:
        for room in range(60, 400):
            sys.setrecursionlimit(_depth() + room)
            outcomes[_refuse(template)] += 1
    finally:
        sys.setrecursionlimit(limit)
    assert outcomes.keys() == {"", "the template is nested too deeply"}


def _depth() -> int:
    return len(inspect.stack(0))


def test_bounds_when_compared_with_the_design_are_its() -> None:
    """64 KiB of text and a thousand characters of template; a number has as many digits as any source may send."""
    assert (LARGEST, LONGEST) == (64 * 1024, 1_000)
    assert 2**MOST_BITS > 10**400


def test_unique_when_a_record_chooses_integers_of_one_hash_compares_none_of_them() -> None:
    """Ten thousand such integers in one table would be compared fifty million times: each is told by its text."""
    compared = 0

    class Colliding(int):
        def __hash__(self) -> int:
            return 7

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return super().__eq__(other)

    members = [Colliding(number % 100) for number in range(200)]
    assert list(range(100)) == read("{{ record.l | unique }}", {"l": members})
    compared -= 100  # by the line above
    assert compared <= 0
    assert read("{{ record.l | unique }}", {"l": [1, True, 1.0, "1", "true", "A", "a", 2]}) == [
        1,
        True,
        "1",
        "true",
        "A",
        2,
    ]


def _count_steps(work: Callable[[], Any]) -> int:
    """Count the calls of functions, Python's own too, that some work takes."""
    steps = 0

    def note(_frame: object, event: str, _argument: object) -> None:
        nonlocal steps
        steps += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return steps


@pytest.mark.parametrize(
    ("template", "data"),
    [
        ("{{ record.a < record.b }}", {"a": 1, "b": CANARY}),
        ("{{ record.a - record.b }}", {"a": CANARY, "b": 1}),
        ("{{ record.a | time('%Y') }}", {"a": CANARY}),
        ("{{ 1 | date('%Y', record.a) }}", {"a": CANARY}),
        ("{{ 1 | date(record.a) }}", {"a": f"%{CANARY}"}),
        ("{{ record.a | int }}", {"a": CANARY}),
        ("{{ record.a | fromjson }}", {"a": CANARY}),
        ("{{ record.a | upper }}", {"a": {CANARY: 1}}),
        ("{{ record.a | sort }}", {"a": [1, CANARY]}),
        ("{{ record.a | unique }}", {"a": [[CANARY]]}),
        ("{{ record[record.a] }}", {"a": [CANARY]}),
        ("{{ {record.a: 1} }}", {"a": [CANARY]}),
        ("{{ 5 in record.a }}", {"a": CANARY}),
        ("{{ 'x' in record.a }}", {"a": 5}),
        ("{{ record.a[::record.b] }}", {"a": CANARY, "b": 0}),
        ("{{ record.a | urlencode }}", {"a": f"\ud800{CANARY}"}),
        ("{{ record.a ~ 'x' }}", {"a": [CANARY]}),
        ("{{ record.a ~ 'x' }}", {"a": float("inf")}),
        ("{{ record.a }}!", {"a": {CANARY: 1}}),
        ("{{ record.a }}!", {"a": [[CANARY]]}),
        ("{{ record.a }}!", {"a": 10**5000}),
        ("{{ record.a | truncate(2) }}", {"a": CANARY}),
        ("{{ 'x' | truncate(record.a) }}", {"a": CANARY}),
        ("{{ 1.5 | round(1, record.a) }}", {"a": CANARY}),
        ("{{ 1.5 | round(record.a) }}", {"a": 1.5}),
        ("{{ record.a | first }}", {"a": {CANARY: 1}}),
        ("{{ record.a | join(record.a) }}", {"a": [CANARY]}),
        ("{{ 'a' | replace('a', record.a) }}", {"a": [CANARY]}),
        ("{{ 'a' | replace('a', 'b', record.a) }}", {"a": CANARY}),
    ],
)
def test_template_when_values_do_not_fit_fails_once_and_tells_nobody_of_them(
    template: str, data: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    """It has no value and is counted by whoever knows the entry; no exception and no output quotes a record."""
    assert fail(template, data) == 1
    assert MISSING is compile_property(template)(data)
    assert ("", "") == capfd.readouterr()


def test_template_when_it_fails_for_some_records_is_counted_for_those_alone() -> None:
    """The caller knows the entry by its number, and how many records it failed for."""
    failures: Counter[int] = Counter()
    templates = ["{{ record.a | int }}", "{{ record.b | int }}", "{{ record.c }} {{ record.a | int }}"]
    readers = [
        compile_property(template, on_failure=partial(failures.update, [entry]))
        for entry, template in enumerate(templates)
    ]
    records: list[dict[str, Any]] = [{"a": 1, "b": "x"}, {"a": "x", "b": "y"}, {}, {"a": None, "b": " "}]
    found = [[reader(record) for reader in readers] for record in records]
    assert {0: 1, 1: 2, 2: 1} == failures
    assert [[1, MISSING, "1"], [MISSING] * 3, [MISSING] * 3, [MISSING] * 3] == found


def test_template_when_memory_runs_out_does_not_take_it_for_a_wrong_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no fault of the record's values is not counted away."""
    from destination_intercom import templates

    def run_out(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(templates, "read_member", run_out)
    with pytest.raises(MemoryError):
        compile_property("{{ record.a }}")({"a": 1})


def test_template_when_records_are_as_deep_as_any_neither_raises_nor_loses_what_is_above() -> None:
    """Comparing two of them recurses in Python itself; that is a failure of the record's, not of the sync."""

    def nest(end: object) -> Any:
        level: Any = end
        for _ in range(DEEPEST):
            level = {"a": [level]}
        return level

    data = {"deep": nest(1), "same": nest(1), "text": '{"a":' * 5000 + "1" + "}" * 5000, "ok": "x"}
    assert read("{{ record.ok }}", data) == "x"
    assert fail("{{ record.deep == record.same }}", data) == 1
    assert fail("{{ record.deep ~ '' }}", data) == 1
    assert fail("{{ record.deep in [record.same] }}", data) == 1
    assert isinstance(read("{{ record.deep.a[0].a[0] }}", data), dict)
    assert isinstance(read("{{ (record.text | fromjson).a.a }}", data), dict)
    assert read("{{ [record.deep] | length }}", data) == 1


def test_template_when_it_leads_into_json_parses_it_once_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a path into the same column, too."""
    from destination_intercom import paths

    parsed: list[str] = []

    def parse(text: str) -> Any:
        parsed.append(text)
        return json.loads(text)

    monkeypatch.setattr(paths, "parse_exactly", parse)
    readers = [
        compile_property(text)
        for text in ("{{ (record.s | fromjson).a }}", "s.b", "{{ record.s | fromjson | length }}")
    ]
    for number in range(3):
        data = {"s": f'{{"a": {number}, "b": 7}}'}
        assert [number, 7, 2] == [reader(data) for reader in readers]
    assert ['{"a": 0, "b": 7}', '{"a": 1, "b": 7}', '{"a": 2, "b": 7}'] == parsed


def test_template_when_it_has_been_compiled_is_not_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, before the first record."""
    from destination_intercom import templates

    reader = compile_property("{{ record.a }}-{{ record.b | upper }}")
    monkeypatch.delattr(templates, "parse_template")
    monkeypatch.delattr(templates, "_compile")
    monkeypatch.setattr("builtins.compile", None)
    assert ["1-X", "2-Y"] == [reader({"a": 1, "b": "x"}), reader({"a": 2, "b": "y"})]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.b", ("a.b",)),
        ("{{ record.first_name }} {{ record.last_name }}", ("first_name", "last_name")),
        ("{{ record.user.email or record.user['id'] }}", ("user.email", "user.id")),
        ("{{ record.emails[0].email }}{{ record.emails.1.email }}", ("emails.0.email", "emails.1.email")),
        ("{{ record.emails[-1].email }}", ("emails",)),
        ("{{ record.a[record.b].c }}", ("a", "b")),
        ("{{ record.a[1:record.n] }}", ("a", "n")),
        ("{{ record.a if record.b else record.c }}", ("b", "a", "c")),
        ("{{ {'x': record.a}[record.b] }}", ("a", "b")),
        ("{{ (record.a | fromjson).x }}", ("a",)),
        ("{{ record.a | replace(record.b, new=record.c) }}", ("a", "b", "c")),
        ("{{ record.a is eq(record.b) and not record.c < record.d }}", ("a", "b", "c", "d")),
        ("{{ record.a ~ [record.b, (record.c, -record.d)] }}", ("a", "b", "c", "d")),
        ("{{ record.a }} {{ record.a }}", ("a",)),
        ("{{ record['a.b'] }}", ("a.b",)),
        ("{{ record[true] }}", ()),
        ("{{ record | length }}", ()),
        ("{{ 'fixed' }}", ()),
    ],
)
def test_paths_of_a_property_when_asked_for_are_those_that_it_reads(text: str, expected: tuple[str, ...]) -> None:
    """A schema can be asked for each."""
    assert sorted(expected) == sorted(read_paths(text))
    assert len(set(read_paths(text))) == len(read_paths(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("{{ record.a }}", True), ("x {{", True), ("a.b", False), ("{ a }", False), ("a}}", False), ("{% x %}", False)],
)
def test_property_when_it_has_the_mark_is_a_template(text: str, *, expected: bool) -> None:
    """Whatever else it holds; anything else is a path."""
    assert expected is is_template(text)


def test_property_when_it_is_a_path_reads_what_is_there_null_too() -> None:
    """Only a path can clear."""
    failures: list[int] = []
    readers: list[PathReader] = [
        compile_property("a.b", needs_all=needs_all, on_failure=lambda: failures.append(1))
        for needs_all in (False, True)
    ]
    assert [None, None, MISSING, MISSING] == [reader(data) for data in ({"a": {"b": None}}, {}) for reader in readers]
    assert [] == failures


# Whatever a template and a record say

NAMES = [
    "record.a",
    "record.b.c",
    "record.l",
    "record.l[0]",
    "record.t",
    "record.n",
    "record.j",
    "record['x y']",
    "record.j.a",
]
LITERALS = [
    "'x'",
    "' '",
    "''",
    "0",
    "1",
    "-7",
    "2.5",
    "1e300",
    "9" * 60,
    "true",
    "none",
    "[]",
    "[1, 'x']",
    "{'a': 1}",
    "record",
]
OPERATORS = ["+", "-", "*", "/", "//", "%", "~", "==", "!=", "<", ">=", "in", "not in", "and", "or"]
USES = """
abs | capitalize | count | d({0}) | date | date('%d.%m.%Y', 'Asia/Tokyo') | date({0}) | default({0}, true) | first | float | float({0})
fromjson | int | int({0}) | join | join({0}) | join(attribute='a') | last | length | list | lower | map('upper') | map(attribute='a')
map('replace', {0}, {1}) | map('join', {0}) | map('map', 'string') | map('default', {0}) | map('fromjson') | map('time', '%Y-%m-%d')
max | min | max(attribute='a') | reject | reject('eq', {0}) | rejectattr('a') | replace({0}, {1}) | replace({0}, {1}, 2) | replace('', {0})
reverse | round | round({0}) | round(1, 'ceil') | select | select('gt', {0}) | select('divisibleby', {0}) | selectattr('a', 'ne', {0})
sort | sort(true, attribute='a') | string | sum | sum(start={0}) | time('%Y-%m-%d') | time | time({0}, {1}) | title | trim | trim({0})
truncate({0}) | truncate(3, true, {0}, 0) | unique | unique(attribute='a') | unix | unix('ms') | upper | urlencode
"""
FILTER_USES = [use.strip() for line in USES.strip().splitlines() for use in line.split("|")]
TEST_USES = [*(name for name in sorted(TESTS) if name.isalpha())]
BINARY_TESTS = {"divisibleby", "eq", "equalto", "ge", "greaterthan", "gt", "in", "le", "lessthan", "lt", "ne"}


def test_uses_of_filters_when_listed_then_none_is_forgotten() -> None:
    """What follows tries them all."""
    assert FILTERS.keys() == {use.split("(")[0] for use in FILTER_USES}
    assert BINARY_TESTS < TESTS.keys()


def _grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.tuples(inner, inner)
    return st.one_of(
        st.builds("({0[0]} {1} {0[1]})".format, pair, st.sampled_from(OPERATORS)),
        st.builds(
            lambda subject, use, given: f"({subject} | {use.format(*given)})", inner, st.sampled_from(FILTER_USES), pair
        ),
        st.builds(lambda subject, use: f"({subject} | {use.format(1, 2)})", inner, st.sampled_from(FILTER_USES)),
        st.builds(
            lambda subject, name, other: (
                f"({subject} is {name}({other}))" if name in BINARY_TESTS else f"({subject} is not {name})"
            ),
            inner,
            st.sampled_from(TEST_USES),
            inner,
        ),
        st.builds("[{0[0]}, {0[1]}]".format, pair),
        st.builds("{{{0[0]}: {0[1]}}}".format, pair),
        st.builds("({0[0]})[{0[1]}]".format, pair),
        st.builds("({0})[{1}]".format, inner, st.sampled_from(["0", "-1", "1:", ":2", "::-1", "::3", "::0", "5:1:-2"])),
        st.builds("({0[0]})[{0[1]}:]".format, pair),
        st.builds("({0[0]} if {0[1]} else {1})".format, pair, inner),
        st.builds("(not {})".format, inner),
        st.builds("(-({}))".format, inner),
        st.builds("({}).__class__".format, inner),
    )


EXPRESSIONS = st.recursive(st.sampled_from([*NAMES, *NAMES, *LITERALS]), _grow, max_leaves=10)
PRINTED = EXPRESSIONS.map("{{{{ {} }}}}".format)
TEXTS_BETWEEN = st.sampled_from(["", "", " ", "x", "Order ", "\n", "%s"])
TEMPLATES = st.one_of(
    PRINTED, st.lists(st.one_of(PRINTED, TEXTS_BETWEEN), min_size=1, max_size=4).map("".join).filter(is_template)
)
MARKS = list("{}()[]|.,:~+-*/%<>=!'\" \n#\\\x00\ud800\u0660")
WORDS = "{{ }} {% %} {# #} -}} {{- ** // == is in not and or if else record record.a x 1 1.5 's' none true upper join map for raw endraw"
TOKENS = st.lists(st.sampled_from([*MARKS, *WORDS.split()]), max_size=30).map("".join)
LARGE_TEXTS = ["x" * 40_000, "ß" * 40_000, "a," * 20_000, " " * 50_000, "%" * 30_000]
LARGE_OTHERS = [10**500, 10**4000, list(range(3_000)), ["x" * 500] * 100, float("inf"), 1e308]
TELLING = [
    "2024-02-30",
    "2024-01-15",
    '{"a": [1, {"b": null}]}',
    "[[[[",
    [[1, 2], [3]],
    [{"a": 1}, {"a": None}, {}],
    -1,
    "abc",
    7,
]
VALUES = st.one_of(JSON, st.sampled_from([*LARGE_TEXTS, *LARGE_OTHERS, *TELLING, *TELLING]))
RECORDS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("a", "l", "t", "n", "j", "x y"), VALUES) | {"b": st.dictionaries(KEYS, VALUES, max_size=2)},
)


@settings(max_examples=400)
@given(TEMPLATES, RECORDS, st.booleans())
@example("{{ (record.t | replace('x', record.t)) ~ record.l }}", {"t": "x" * 40_000, "l": [1]}, False)
@example("{{ ([record.t, record.t] | map('replace', '', record.t)) }}", {"t": "x" * 200}, False)
def test_template_whatever_it_and_the_record_say_is_bounded_and_changes_nothing(
    template: str, data: dict[str, Any], needs_all: bool
) -> None:
    """It is refused, or has a plain value or none: no other exception, the same each time, little memory, few steps."""
    failures: list[int] = []
    try:
        reader = compile_property(template, needs_all=needs_all, on_failure=lambda: failures.append(1))
    except ValueError:
        return
    before = repr(data)
    found, memory = _measure(lambda: reader(data))
    steps = _count_steps(lambda: reader(data))
    assert before == repr(data)
    assert (repr(found), len(failures) % 2) == (repr(reader(data)) if not failures else repr(MISSING), 0)
    assert memory < 12_000_000
    assert steps < 400_000
    if found is not MISSING:
        assert not failures
        assert _is_plain(found)
        assert found is not None
        assert not (isinstance(found, str) and not found.strip())
        assert not isinstance(found, str) or len(found) <= LARGEST or found in repr(data)


def _is_plain(value: Any) -> bool:
    """Say whether a value is what JSON holds."""
    if isinstance(value, list):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(inner) for key, inner in value.items())
    return value is None or isinstance(value, (str, int, float, bool))


@settings(max_examples=400)
@given(TOKENS)
@example("{{ {{")
@example("{{ record.a }}" + "{#" * 100)
@example("{{'" + "\\" * 400)
@example("{{ " + "0." * 300)
@example("{{ '\\ud800\\x' }}")
@example("{{ '\\N{DIGIT ONE}' }}")
def test_template_whatever_its_characters_is_compiled_or_refused(soup: str) -> None:
    """Nothing but a ValueError comes out of the parser, the checks and Python's compiler."""
    for template in (soup, f"{{{{ {soup} }}}}"):
        _refuse(template)
