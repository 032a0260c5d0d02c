"""What a line of the input says: records, states and the end of a stream. Bad input is told by its line number."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import orjson

from destination_intercom.deep_json import parse_exactly
from destination_intercom.errors import InputError, StreamName

_DIGITS: Final = bytes(ord("0") if chr(byte).isdecimal() and byte < 128 else ord(" ") for byte in range(256))  # noqa: PLR2004
LATEST: Final = 253_402_300_800_000
"""The year 10000 in unix milliseconds: no calendar goes on."""

_LONG_NUMBER: Final = b"0" * 19
"""orjson turns integers beyond 64 bits into floats; a line with so many digits in a row is parsed exactly instead."""


@dataclass(frozen=True, slots=True)
class RecordMessage:
    """A record; `data` is the source's own object, `changed` are the fields that were not kept as they had been.

    One that is sent again, after it was rejected, says when that was: `rejected_at`, in unix seconds, and of which
    `kinds` of object its parts are to be sent: None for all.
    """

    stream: str
    namespace: str | None
    data: dict[str, Any] = field(repr=False)
    changed: tuple[str, ...] = field(default=(), repr=False)
    emitted_at: int | None = None
    """When the source sent it, in unix milliseconds."""
    rejected_at: float | None = None
    kinds: frozenset[str] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class StateMessage:
    """A state; `stream` is None where it covers all streams."""

    stream: StreamName | None


@dataclass(frozen=True, slots=True)
class StreamEnd:
    """The source says that it has finished a stream."""

    stream: StreamName


Message: TypeAlias = RecordMessage | StateMessage | StreamEnd


def parse_line(line: bytes, number: int) -> Message | None:
    """Parse line `number` of the input; None for what a destination has no use for.

    Raises:
        InputError: it is no message of the protocol.
    """
    if not line.strip():
        return None
    document = _parse_json(line, number)
    if not isinstance(document, dict) or not isinstance(kind := document.get("type"), str):
        raise InputError(
            f"Line {number} of the input is JSON, but not an Airbyte message: check what the source sends."
        )
    if kind == "RECORD":
        return _record(document.get("record"), number)
    if kind == "STATE":
        return _state(document.get("state"), number)
    return _stream_end(document.get("trace")) if kind == "TRACE" else None


def parse_json(line: bytes) -> Any:
    """Parse a line of JSON, with its numbers exactly.

    Raises:
        ValueError: it is none.
    """
    if _LONG_NUMBER not in line.translate(_DIGITS):
        try:
            return orjson.loads(line)
        except orjson.JSONDecodeError:
            # Lone surrogates, numbers such as 1e400 and more than 1,024 levels are JSON, but not to orjson.
            pass
    # Decoded here: what is no UTF-8 is no JSON.
    return parse_exactly(line.decode())


def _parse_json(line: bytes, number: int) -> Any:
    try:
        return parse_json(line)
    except ValueError:
        raise InputError(
            f"Line {number} of the input is not JSON, is incomplete, or is nested too deeply: check what the source"
            " sends."
        ) from None


def read_record(record: Any) -> RecordMessage | None:
    """Read the record of a RECORD message; None for what is none."""
    if isinstance(record, dict):
        stream, namespace, data = record.get("stream"), record.get("namespace"), record.get("data")
        if isinstance(stream, str) and isinstance(data, dict) and (namespace is None or isinstance(namespace, str)):
            emitted_at = record.get("emitted_at")
            when = emitted_at if isinstance(emitted_at, int) and abs(emitted_at) < LATEST else None
            return RecordMessage(stream, namespace, data, _changed(record.get("meta")), when)
    return None


def _record(record: Any, number: int) -> RecordMessage:
    if (message := read_record(record)) is not None:
        return message
    raise InputError(
        f"Line {number} of the input is a RECORD without a stream or without data: check what the source sends."
    )


def _changed(meta: Any) -> tuple[str, ...]:
    changes = meta.get("changes") if isinstance(meta, dict) else None
    fields = (
        [change.get("field") for change in changes if isinstance(change, dict)] if isinstance(changes, list) else []
    )
    return tuple(each for each in fields if isinstance(each, str))


def _state(state: Any, number: int) -> StateMessage:
    if not isinstance(state, dict):
        raise InputError(f"Line {number} of the input is a STATE without a state: check what the source sends.")
    # A legacy state has no type or LEGACY and its whole content in `data`: it covers all streams, as GLOBAL does.
    if state.get("type") != "STREAM":
        return StateMessage(None)
    stream = _descriptor(state.get("stream"))
    if stream is None:
        raise InputError(
            f"Line {number} of the input is a STATE of type STREAM without a stream: check what the source sends."
        )
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
