"""JSON as its definition has it: nested deeply, integers of any length, lone surrogates.

orjson refuses some of that, or rounds it. Pure: texts, and plain dictionaries, lists and scalars.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import orjson

DEEPEST: Final = 10_000
"""Levels of nesting: ten times what any source is known to send, and no load for the memory."""

_SPACE: Final = re.compile(r"[ \t\n\r]*")
_CLOSING: Final = {dict: "}", list: "]"}


def parse_exactly(text: str) -> Any:
    """Parse a document; the last of repeated keys counts.

    An integer of more digits than Python converts (4,300) is infinite, as 1e400 is for any parser of
    floats: nothing in Intercom could hold either.

    Raises:
        ValueError: it is not JSON, or is nested more than `DEEPEST` levels.
    """
    try:
        return _DECODER.decode(text)
    except RecursionError:
        # Without a recursion of our own: how deep Python's may go depends on its version and on the caller.
        return _parse_deep(text)


def dump_exactly(document: Any) -> bytes:
    """Write a document, integers beyond 64 bits and lone surrogates as they are."""
    try:
        return orjson.dumps(document)
    except TypeError:
        return json.dumps(document, separators=(",", ":"), allow_nan=False).encode()


def _integer(digits: str) -> int | float:
    try:
        return int(digits)
    except ValueError:
        return float(digits)


def _refuse_constant(_: str) -> float:
    raise ValueError("not JSON")


_DECODER: Final = json.JSONDecoder(parse_int=_integer, parse_constant=_refuse_constant)


def _parse_deep(text: str) -> Any:
    document: list[Any] = []
    stack: list[dict[str, Any] | list[Any]] = [document]
    at = _skip_space(text, 0)
    while True:
        at = _take_value(text, at, stack)
        while len(stack) > 1 and text[at : at + 1] == _CLOSING[type(stack[-1])]:
            stack.pop()
            at = _skip_space(text, at + 1)
        if len(stack) == 1:
            if at < len(text):
                raise ValueError("more than one document")
            return document[0]
        if stack[-1]:
            at = _skip_space(text, _expect(text, at, ","))


def _take_value(text: str, at: int, stack: list[dict[str, Any] | list[Any]]) -> int:
    """Add the value at `at` to the innermost container; one that is a container itself is only opened."""
    inner, key = stack[-1], ""
    if isinstance(inner, dict):
        key, at = _take_key(text, at)
    mark = text[at : at + 1]
    value: Any
    if mark in {"{", "["}:
        value, at = {} if mark == "{" else [], at + 1
        stack.append(value)
        if len(stack) > DEEPEST + 1:
            raise ValueError("nested too deeply")
    else:
        value, at = _DECODER.raw_decode(text, at)
    if isinstance(inner, dict):
        inner[key] = value
    else:
        inner.append(value)
    return _skip_space(text, at)


def _take_key(text: str, at: int) -> tuple[str, int]:
    _expect(text, at, '"')
    key, at = _DECODER.raw_decode(text, at)
    return str(key), _skip_space(text, _expect(text, _skip_space(text, at), ":"))


def _expect(text: str, at: int, mark: str) -> int:
    if text[at : at + 1] != mark:
        raise ValueError("not JSON")
    return at + 1


def _skip_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return at if match is None else match.end()
