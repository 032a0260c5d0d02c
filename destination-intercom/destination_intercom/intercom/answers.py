"""What an answer says: status, headers and body read into an `Answer`, which nobody has judged yet.

It knows nothing of how the answer came.
"""

from __future__ import annotations

import email.utils
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

_CANONICAL = re.compile(r"</contacts/([A-Za-z0-9_-]+)>\s*;\s*rel=\"?canonical\"?")
_WORD = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")


BodyKind = Literal["json", "empty", "other"]


@dataclass(frozen=True, slots=True)
class RateHeaders:
    """The quota as an answer tells it.

    `limit` and `remaining` are calls, `reset_at` the reset as it stands there (unix seconds by Intercom's
    clock), `reset_in` the seconds from the answer until then, by that clock too.
    """

    limit: int
    remaining: int
    reset_at: float
    reset_in: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A call's way through the gate: what was known when it was granted, as the `number`th one, and when it came back.

    Before it, `left` calls were left of the window whose reset is `mark` (None for unknown), and the answers to
    `in_flight` others were awaited. When it came back `granted` calls had been, and `awaited` of them were out.
    """

    number: int
    left: int | None
    mark: float
    in_flight: int
    granted: int
    awaited: int


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of Intercom's, or of something between us and Intercom.

    `body` is the parsed JSON where `kind` is "json", else None. `canonical_id` is the contact that
    the `Link` header of a merged one points to. One that `is_lost` is no answer at all: the call may have been
    processed, and nobody knows (status 0 where nothing came). `passage` is told of calls that are weighed.
    """

    status: int
    kind: BodyKind
    body: Any = field(default=None, repr=False)
    request_id: str | None = None
    retry_after: float | None = None
    rate: RateHeaders | None = None
    canonical_id: str | None = None
    is_lost: bool = False
    passage: Passage | None = None


def read_answer(status: int, headers: Mapping[str, str], content: bytes, *, wall: Callable[[], float]) -> Answer:
    """Read an answer; `headers` take names in any case, `wall` tells the unix time where there is no `Date`."""
    kind, body = _parse(content)
    canonical = _CANONICAL.search(headers.get("Link", ""))
    return Answer(
        status=status,
        kind=kind,
        body=body,
        request_id=as_word(headers.get("X-Request-Id")),
        retry_after=_seconds(headers.get("Retry-After")),
        rate=_rate(headers, wall),
        canonical_id=canonical[1] if canonical else None,
    )


def as_word(value: Any) -> str | None:
    """Take a code or a request id for one only if it looks like one, for these reach the log; None otherwise."""
    return value if isinstance(value, str) and _WORD.match(value) else None


def _parse(content: bytes) -> tuple[BodyKind, Any]:
    if not content.strip():
        return "empty", None
    try:
        return "json", orjson.loads(content)
    except orjson.JSONDecodeError:
        pass
    try:
        # A lone surrogate that a record brought in comes back in the contact; orjson takes none.
        return "json", json.loads(content.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return "other", None


def _refuse_constant(_: str) -> float:
    raise ValueError("not JSON")


def _seconds(text: str | None) -> float | None:
    """Read `Retry-After`: only its form in seconds; a date would need a clock that both agree on."""
    try:
        seconds = float(text or "")
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _rate(headers: Mapping[str, str], wall: Callable[[], float]) -> RateHeaders | None:
    """Read the three headers of Intercom's quota; None unless all are there and are numbers.

    The reset is a moment by Intercom's clock, and so is `Date`: their difference needs no clock of ours.
    """
    try:
        limit, remaining, reset = (int(headers[f"X-RateLimit-{name}"]) for name in ("Limit", "Remaining", "Reset"))
        reset_at = float(reset)
    except (KeyError, ValueError, OverflowError):
        return None
    if limit <= 0:
        return None
    return RateHeaders(limit, max(remaining, 0), reset_at, reset_at - server_time(headers.get("Date"), wall))


def server_time(date: str | None, wall: Callable[[], float]) -> float:
    """Tell the unix time of an answer: its `Date`, or our own where that is none."""
    try:
        parsed = email.utils.parsedate_tz(date) if date else None
        return wall() if parsed is None else float(email.utils.mktime_tz(parsed))
    except (ValueError, OverflowError, TypeError, IndexError):
        return wall()


def first_error(answer: Answer) -> dict[str, Any] | None:
    """Read the first entry of Intercom's error envelope, empty where that lists no error; None where there is none."""
    body = answer.body
    if not isinstance(body, dict) or body.get("type") != "error.list" or not isinstance(body.get("errors"), list):
        return None
    first: Any = next(iter(body["errors"]), {})
    return first if isinstance(first, dict) else None
