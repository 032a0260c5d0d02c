"""Airbyte's protocol on the wire: lines in, lines out, states as they came.

It knows nothing of Intercom. Bad input is told by its line number, never by its text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol, TypeAlias

import orjson

from destination_intercom.deep_json import parse_exactly
from destination_intercom.errors import InputError, IntercomDestinationError, StreamName
from destination_intercom.mailbox import EndOfInput, Lines, Mailbox

CHUNK_BYTES: Final = 65536

LONGEST_LINE: Final = 256 * 1024 * 1024
"""A line without an end is no protocol, and must not fill the memory."""

_DIGITS: Final = bytes(ord("0") if chr(byte).isdecimal() and byte < 128 else ord(" ") for byte in range(256))  # noqa: PLR2004
_LONG_NUMBER: Final = b"0" * 19
"""orjson turns integers beyond 64 bits into floats; a line with so many digits in a row is parsed exactly instead."""


class Stdin(Protocol):
    """What is read of the input: `read` returns what is there, up to `size` bytes, and b"" at its end."""

    def read(self, size: int, /) -> bytes | None:
        """Read some bytes, waiting only if there are none."""


@dataclass(frozen=True, slots=True)
class RecordMessage:
    """A record; `data` is the source's own object."""

    stream: str
    namespace: str | None
    data: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class StateMessage:
    """A state; `stream` is None where it covers all streams."""

    stream: StreamName | None


@dataclass(frozen=True, slots=True)
class StreamEnd:
    """The source says that it has finished a stream."""

    stream: StreamName


Message: TypeAlias = RecordMessage | StateMessage | StreamEnd


def read_lines(stdin: Stdin, mailbox: Mailbox) -> None:
    """Read `stdin` to its end, handing over complete lines as soon as they are there; for a thread of its own."""
    number, rest = 1, bytearray()
    try:
        while chunk := stdin.read(CHUNK_BYTES):
            end = chunk.rfind(b"\n")
            if end < 0:
                rest += chunk
                if len(rest) > LONGEST_LINE:
                    mailbox.offer(EndOfInput(InputError(f"Line {number} of the input is longer than any message.")))
                    return
                continue
            rest += chunk[:end]
            complete, rest = bytes(rest), bytearray(chunk[end + 1 :])
            lines = complete.split(b"\n")
            if not mailbox.offer(Lines(number, lines, len(complete))):
                return
            number += len(lines)
    except Exception:  # noqa: BLE001 - whatever ends this thread, the main thread must not wait for ever
        mailbox.offer(EndOfInput(InputError("The input could not be read to its end.")))
        return
    if chunk is None:
        # A stdin that does not block had nothing yet: to take that for the end would lose what follows.
        mailbox.offer(EndOfInput(InputError("The input could not be read to its end.")))
        return
    if rest and not mailbox.offer(Lines(number, [bytes(rest)], len(rest))):
        return
    mailbox.offer(EndOfInput())


def parse_line(line: bytes, number: int) -> Message | None:
    """Parse line `number` of the input; None for what a destination has no use for.

    Raises:
        InputError: it is no message of the protocol.
    """
    if not line.strip():
        return None
    document = _parse_json(line, number)
    if not isinstance(document, dict) or not isinstance(kind := document.get("type"), str):
        raise InputError(f"Line {number} of the input is JSON, but no Airbyte message.")
    if kind == "RECORD":
        return _record(document.get("record"), number)
    if kind == "STATE":
        return _state(document.get("state"), number)
    return _stream_end(document.get("trace")) if kind == "TRACE" else None


def _parse_json(line: bytes, number: int) -> Any:
    try:
        if _LONG_NUMBER not in line.translate(_DIGITS):
            try:
                return orjson.loads(line)
            except orjson.JSONDecodeError:
                # Lone surrogates, numbers such as 1e400 and more than 1,024 levels are JSON, but not to orjson.
                pass
        # Decoded here: what is no UTF-8 is no JSON.
        return parse_exactly(line.decode())
    except ValueError:
        raise InputError(f"Line {number} of the input is not JSON, is incomplete, or is nested too deeply.") from None


def _record(record: Any, number: int) -> RecordMessage:
    if isinstance(record, dict):
        stream, namespace, data = record.get("stream"), record.get("namespace"), record.get("data")
        if isinstance(stream, str) and isinstance(data, dict) and (namespace is None or isinstance(namespace, str)):
            return RecordMessage(stream, namespace, data)
    raise InputError(f"Line {number} of the input is a RECORD without a stream or without data.")


def _state(state: Any, number: int) -> StateMessage:
    if not isinstance(state, dict):
        raise InputError(f"Line {number} of the input is a STATE without a state.")
    # A legacy state has no type or LEGACY and its whole content in `data`: it covers all streams, as GLOBAL does.
    if state.get("type") != "STREAM":
        return StateMessage(None)
    stream = _descriptor(state.get("stream"))
    if stream is None:
        raise InputError(f"Line {number} of the input is a STATE of type STREAM without a stream.")
    return StateMessage(stream)


def _stream_end(trace: Any) -> StreamEnd | None:
    status = trace.get("stream_status") if isinstance(trace, dict) else None
    if not isinstance(status, dict) or status.get("status") != "COMPLETE":
        return None
    stream = _descriptor(status)
    return None if stream is None else StreamEnd(stream)


def _descriptor(holder: Any) -> StreamName | None:
    descriptor = holder.get("stream_descriptor") if isinstance(holder, dict) else None
    if not isinstance(descriptor, dict) or not isinstance(name := descriptor.get("name"), str):
        return None
    namespace = descriptor.get("namespace")
    return StreamName(name, namespace if isinstance(namespace, str) else None)


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


Level = Literal["INFO", "WARN", "ERROR"]


def log_line(level: Level, text: str) -> bytes:
    """Make a LOG message."""
    return orjson.dumps({"type": "LOG", "log": {"level": level, "message": _utf8(text)}})


def error_line(error: IntercomDestinationError, *, emitted_at: float) -> bytes:
    """Make the TRACE message of an error; `emitted_at` is a unix time in seconds."""
    message = _utf8(error.message)
    body: dict[str, Any] = {
        "message": message,
        "internal_message": f"{type(error).__name__}: {message}",
        "failure_type": error.failure_type,
    }
    if error.stream is not None:
        descriptor = {"name": _utf8(error.stream.name)}
        if error.stream.namespace is not None:
            descriptor["namespace"] = _utf8(error.stream.namespace)
        body["stream_descriptor"] = descriptor
    return orjson.dumps({"type": "TRACE", "trace": {"type": "ERROR", "emitted_at": emitted_at * 1000, "error": body}})


def spec_line(spec: dict[str, Any]) -> bytes:
    """Make the SPEC message."""
    return orjson.dumps({"type": "SPEC", "spec": spec})


def status_line(problem: str | None) -> bytes:
    """Make the CONNECTION_STATUS message: succeeded, or failed with `problem`."""
    status = {"status": "SUCCEEDED"} if problem is None else {"status": "FAILED", "message": _utf8(problem)}
    return orjson.dumps({"type": "CONNECTION_STATUS", "connectionStatus": status})


def _utf8(text: str) -> str:
    # A name may hold a lone surrogate, which is JSON but no UTF-8: the message must leave all the same.
    return text.encode("utf-8", "backslashreplace").decode()
