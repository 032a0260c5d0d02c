"""The list of attributes as text: what a line means, and that a message names it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, strategies as st

from destination_intercom.configuration.attribute_text import MOST_TOLD, TYPES
from destination_intercom.configuration.config import UsersEnabled, parse_config
from destination_intercom.errors import ConfigurationError
from unit_tests.strategies import base_config


def users(text: Any, *entries: dict[str, Any], **fields: Any) -> UsersEnabled:
    """Parse a configuration of users with this text, beside these entries of the list."""
    section = {"mode": "enabled", "streams": [{"stream": "users"}], "attributes": [*entries], "attributes_text": text}
    parsed = parse_config(base_config(users={**section, **fields})).users
    assert isinstance(parsed, UsersEnabled)
    return parsed


def refusal(text: Any, *entries: dict[str, Any]) -> str:
    """Tell what is said of a text."""
    with pytest.raises(ConfigurationError) as caught:
        users(text, *entries)
    return caught.value.message.removeprefix("The configuration is not valid: ")


@pytest.mark.parametrize(
    ("line", "name", "kind", "path"),
    [
        ("phone = contact.phone", "phone", None, "contact.phone"),
        ("mrr: float = billing.mrr", "mrr", "float", "billing.mrr"),
        (" \tmrr :float=billing.mrr  \t", "mrr", "float", "billing.mrr"),
        ("user_properties.plan", "plan", None, "user_properties.plan"),
        ("plan", "plan", None, "plan"),
        ("a name = a property", "a name", None, "a property"),
        ("stripe: plan = plan", "stripe: plan", None, "plan"),
        ("stripe:plan:string = plan", "stripe:plan", "string", "plan"),
        ("string = plan", "string", None, "plan"),
        ("n = a=b:c == d", "n", None, "a=b:c == d"),
        ("vip = {{ record.plan == 'pro' }}", "vip", None, "{{ record.plan == 'pro' }}"),
        ("vip: boolean = {{ record.a.b != 1 }}", "vip", "boolean", "{{ record.a.b != 1 }}"),
        ("day = {{ record.at | date('%H:%M') }}", "day", None, "{{ record.at | date('%H:%M') }}"),
        ("stripe_* = stripe.*", "stripe_*", None, "stripe.*"),
        ("user_properties.*", "*", None, "user_properties.*"),
        ("url = a:float", "url", None, "a:float"),
    ],
)
def test_attribute_text_of_one_line_is_read_by_its_first_equals_sign_and_a_type_before_it(
    line: str, name: str, kind: str | None, path: str
) -> None:
    """A line is a name, perhaps a type, and a property; or a property alone. Blanks around them are dropped."""
    [(place, attribute)] = users(line).attribute_lists.shared
    assert (name, kind, path) == (attribute.target, attribute.type, attribute.path)
    assert f'users.attributes_text, line 1 ("{path}")' == place


def test_attribute_text_of_several_lines_comes_after_the_list_and_is_counted_by_line() -> None:
    """Both lists count together, and blank lines count as lines."""
    text = "\n a = x\r\n\r\n  \t\rb: date = y\n"
    assert [
        ('users.attributes, entry 1 ("p")', "p"),
        ('users.attributes_text, line 2 ("x")', "a"),
        ('users.attributes_text, line 5 ("y")', "b"),
    ] == [(place, each.target) for place, each in users(text, {"property": "p"}).attribute_lists.shared]


@pytest.mark.parametrize("text", [None, "", " ", "\n \r\n\t"])
def test_attribute_text_that_is_blank_is_none(text: str | None) -> None:
    """The form leaves such a text behind."""
    assert users(None) == users(text)


def test_attribute_text_when_a_stream_has_its_own_list_does_not_count_for_it() -> None:
    """A stream's own list is in the place of both."""
    streams = [{"stream": "a"}, {"stream": "b", "attributes": [{"property": "own"}]}]
    parsed = users("x", {"property": "p"}, streams=streams)
    assert [["p", "x"], ["own"]] == [
        [each.target for _, each in parsed.attribute_lists.of(name)] for name, _ in parsed.named_streams
    ]
    assert ["p", "x", "own"] == [each.target for _, each in parsed.attribute_lists.all]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("= x", 'line 2: there is no name before "="'),
        (": float = x", 'line 2: there is no name before "="'),
        ("a =", 'line 2: there is no property after "="'),
        ("a: date = ", 'line 2: there is no property after "="'),
        ("a: float", "line 2: write the property after the type, as in name: type = property"),
        ("{{ record.a }}", "line 2: a template needs a name before it, as in name = {{ … }}"),
        ("{{ record.a == 'b' }}", "line 2: a template needs a name before it"),
        ("a: flaot = x", "line 2: the type must be one of string, integer, float, boolean, date"),
        ("a: Date = x", "line 2: the type must be one of string, integer, float, boolean, date"),
        ("a: number = x", "line 2: the type must be one of string, integer, float, boolean, date"),
        ("a = {{ record. }}", 'line 2 ("{{ record. }}"): '),
        ("role = x", 'line 2 ("x"): the field "role" of a contact is Intercom\'s own'),
        ("role = x", 'set another name before "=", such as job_role'),
        ("a_* = x", 'line 2 ("x"): the name before "=" can contain a * only if the property ends in one'),
        ("a_*: string = x.*", 'line 2 ("x.*"): members of * have neither a "type"'),
        (
            "p = x",
            'line 2 ("x") has the same name as users.attributes, entry 1 ("p"): give one of the two another name',
        ),
        ("ok = x", 'line 2 ("x") has the same name as line 1 ("ok"): give one of the two another name'),
        ("email_verified", 'line 2 ("email_verified"): email_verified is written only together with an email'),
    ],
)
def test_attribute_text_that_breaks_a_rule_is_refused_by_its_line_and_cure(line: str, said: str) -> None:
    """The rules are those of the list, in the words of a line."""
    message = refusal(f"ok\n{line}", {"property": "p"})
    assert message.startswith("users.attributes_text, line 2")
    assert said in message


def test_attribute_text_with_several_wrong_lines_names_them_all_or_counts_them() -> None:
    """One look at the message is enough, and a pasted letter does not fill the log."""
    assert 'users.attributes_text, line 1: there is no name before "="; line 3: there is no property after "=".' == (
        refusal("= x\nok\na =")
    )
    message = refusal("= x\n" * (MOST_TOLD + 2))
    assert MOST_TOLD == message.count("no name before")
    assert "; and 2 more lines" in message


@pytest.mark.parametrize("text", [5, ["a"], {"a": "b"}, True])
def test_attribute_text_that_is_no_text_is_refused(text: Any) -> None:
    """The message says what it may be, and not what it was."""
    assert "users.attributes_text: must be a string." == refusal(text)


WORDS = st.text(st.characters(categories=["L", "N"], include_characters="_. -"), min_size=1).map(str.strip).filter(bool)


@given(
    st.lists(
        st.tuples(
            WORDS.filter(lambda word: word not in ("id", "role", "type")), st.sampled_from([None, *TYPES]), WORDS
        ),
        unique_by=lambda entry: entry[0],
    )
)
def test_attribute_text_of_any_names_means_what_the_list_means(entries: list[tuple[str, str | None, str]]) -> None:
    """A list written as text has the same names, types and properties."""
    text = "\n".join(f"{name}{f': {kind}' if kind else ''} = {path}" for name, kind, path in entries)
    listed = [{"property": path, "attribute": name, "type": kind} for name, kind, path in entries]
    try:
        expected = [each for _, each in users(None, *listed).attribute_lists.shared]
    except ConfigurationError as error:
        places = re.findall(r"entry (\d+)", str(error))
        assert all(f"line {place}" in refusal(text) for place in places[:1])
        return
    assert expected == [each for _, each in users(text).attribute_lists.shared]
