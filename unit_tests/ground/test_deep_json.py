"""The exact parser against the standard library's, which recurses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from destination_intercom import deep_json
from destination_intercom.deep_json import DEEPEST, parse_exactly
from unit_tests.strategies import JSON

MARKS = st.lists(
    st.sampled_from(
        [
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            " ",
            "\n",
            '"a"',
            '"\\ud83d"',
            '"',
            "1",
            "-",
            "1e9",
            "true",
            "null",
            "NaN",
            "\x00",
        ]
    ),
    max_size=12,
).map("".join)


def _is_json(text: str) -> bool:
    try:
        json.loads(text, parse_constant=int)
    except ValueError:
        return False
    return True


@given(document=JSON, indent=st.sampled_from([None, 0, 3]), ascii_only=st.booleans())
def test_parsers_when_a_document_is_any_json_agree(document: Any, indent: int | None, *, ascii_only: bool) -> None:
    """With and without recursion, in whatever style it was written."""
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_only)
    if not _is_json(text):
        for parse in (parse_exactly, deep_json._parse_deep):
            with pytest.raises(ValueError, match=r".*"):
                parse(text)
        return
    expected = repr(json.loads(text))
    assert (expected, expected) == (repr(parse_exactly(text)), repr(deep_json._parse_deep(text)))


@given(text=MARKS)
def test_parser_without_recursion_takes_what_json_takes_and_nothing_else(text: str) -> None:
    """Every text of a few marks, most of them none: no other error, no hang, no other value."""
    if _is_json(text):
        assert repr(json.loads(text)) == repr(deep_json._parse_deep(text))
        return
    with pytest.raises(ValueError, match=r".*"):
        deep_json._parse_deep(text)


def _nested(levels: int, opening: str, closing: str) -> str:
    return opening * levels + "7" + closing * levels


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), (' { "a" : [ 1 , ', ' ] , "b" : 2 } ')])
def test_parser_when_a_document_is_nested_as_deeply_as_is_taken_reads_it_whole(opening: str, closing: str) -> None:
    """Ten thousand levels are read; their innermost value is there."""
    levels = DEEPEST // (2 if "[" in opening and "{" in opening else 1)
    level = parse_exactly(_nested(levels, opening, closing))
    depth = 0
    while not isinstance(level, int):
        level = level["a"] if isinstance(level, dict) else level[-1]
        depth += 1
    assert (DEEPEST, 7) == (depth, level)


def test_parser_when_a_document_is_nested_more_deeply_refuses_it() -> None:
    """A line of nothing but brackets must not fill the memory."""
    for text in (_nested(DEEPEST + 1, "[", "]"), "[" * 5_000_000):
        with pytest.raises(ValueError, match="deeply"):
            deep_json._parse_deep(text)


def test_parser_when_a_key_comes_again_keeps_its_last_value() -> None:
    """As every parser of Python does."""
    text = '{"a": 1, "b": {"a": 2, "a": 3}, "a": 4}'
    assert json.loads(text) == deep_json._parse_deep(text) == {"a": 4, "b": {"a": 3}}
