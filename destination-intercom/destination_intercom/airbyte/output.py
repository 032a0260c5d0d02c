"""The messages that the connector itself gives out: logs, errors, the specification, the status of a check."""

from __future__ import annotations

from typing import Any, Literal

import orjson

from destination_intercom.errors import IntercomDestinationError

Level = Literal["INFO", "WARN", "ERROR"]


def log_line(level: Level, text: str) -> bytes:
    """Make a LOG message."""
    return orjson.dumps({"type": "LOG", "log": {"level": level, "message": _utf8(text)}})


def as_text(line: bytes) -> str:
    """Write a LOG message as a person reads it."""
    log = orjson.loads(line)["log"]
    return f"{'Warning: ' if log['level'] == 'WARN' else ''}{log['message']}"


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
