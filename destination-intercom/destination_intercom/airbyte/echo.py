"""A message given out as it came: members found, cut out and replaced in its bytes.

The platform wants its own keys of a state back (`state.id` among them), and numbers as they were.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final


def echo_state(line: bytes, *, record_count: int, rejected_record_count: int) -> bytes:
    """Return a state's line as it came, but for `destinationStats`: every other byte is kept.

    The platform wants its own keys back (`state.id` among them), and numbers as they were.
    """
    stats = b'{"recordCount":%d,"rejectedRecordCount":%d}' % (record_count, rejected_record_count)
    line = line.strip()
    start, end = _member(line, 0, b"state")
    try:
        old_start, old_end = _member(line, start, b"destinationStats")
    except KeyError:
        comma = b"" if line[start + 1 : end - 1].strip() == b"" else b","
        return line[: end - 1] + comma + b'"destinationStats":' + stats + line[end - 1 :]
    return line[:old_start] + stats + line[old_end:]


def record_of(line: bytes) -> bytes:
    """Cut the record out of the line of a RECORD message, byte for byte as it was read."""
    start, end = _member(line, 0, b"record")
    return line[start:end]


_MARK: Final = re.compile(rb'["{}\[\],:]')
_NESTING: Final = re.compile(rb'["{}\[\]]')


def _member(text: bytes, start: int, name: bytes) -> tuple[int, int]:
    """Find the span of the value of the last member `name` of the object that begins at `start`."""
    found: tuple[int, int] | None = None
    key, value_start = b"", -1
    for mark, begin, end in _marks_of_object(text, start):
        if mark == b'"' and value_start < 0:
            key = _plain(text[begin:end])
        elif mark == b":":
            value_start = end
        elif mark in {b",", b"}"}:
            if value_start >= 0 and key == name:
                found = _trimmed(text, value_start, begin)
            value_start = -1
    if found is None:
        raise KeyError(name)
    return found


def _marks_of_object(text: bytes, start: int) -> Iterator[tuple[bytes, int, int]]:
    """Give the marks and texts of the object itself, with their spans; what its values hold is passed over."""
    depth, at = 0, start
    while (match := (_MARK if depth == 1 else _NESTING).search(text, at)) is not None:
        mark, at = match[0], match.end()
        if mark == b'"':
            at = _end_of_text(text, at)
        if depth == 1 and mark not in {b"{", b"[", b"]"}:
            yield mark, match.start(), at
        if mark in {b"{", b"["}:
            depth += 1
        elif mark in {b"}", b"]"}:
            depth -= 1
            if depth == 0:
                return


def _end_of_text(text: bytes, at: int) -> int:
    """Find the end of the text whose first character stands at `at`; one pattern for it would fill the memory."""
    while True:
        end = text.index(b'"', at)
        piece = text[at:end]
        at = end + 1
        if (len(piece) - len(piece.rstrip(b"\\"))) % 2 == 0:
            return at


def _plain(quoted: bytes) -> bytes:
    return quoted[1:-1] if b"\\" not in quoted else str(json.loads(quoted)).encode("utf-8", "surrogatepass")


def _trimmed(text: bytes, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start : start + 1].isspace():
        start += 1
    while end > start and text[end - 1 : end].isspace():
        end -= 1
    return start, end
