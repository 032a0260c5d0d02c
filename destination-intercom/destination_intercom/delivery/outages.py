"""What is said of an outage while it lasts: that calls to an endpoint fail, until when they are tried, and their end.

It knows what to say and when, and nothing of why a call is tried again. Main thread only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Final

from destination_intercom.delivery.retry import GIVE_UP_SECONDS

TELL_AFTER: Final = 10.0
"""Seconds of nothing but failures before they are told: a call that succeeds when tried again is no outage."""


@dataclass(frozen=True, slots=True)
class Outage:
    """An endpoint to which nothing but failures came since `since` (seconds); `why` says how the last one failed."""

    since: float
    why: str


class Outages:
    """Knows which outages were told."""

    def __init__(self) -> None:
        self._told: dict[str, float] = {}

    def look(self, failing: Mapping[str, Outage], *, now: float, wall: float) -> Iterator[str]:
        """Tell the outages that have begun, and those that are over; `now` is the clock's time, `wall` unix time."""
        for endpoint, since in list(self._told.items()):
            if endpoint not in failing:
                del self._told[endpoint]
                yield f"Intercom answers {endpoint} again, after {write_length(now - since)}."
        for endpoint, each in failing.items():
            if endpoint not in self._told and now - each.since >= TELL_AFTER:
                self._told[endpoint] = each.since
                until = wall + each.since + GIVE_UP_SECONDS - now
                yield (
                    f"Intercom does not answer {endpoint} as it should ({each.why}): trying again until"
                    f" {write_moment(until)}, then the sync fails."
                )

    def due(self, failing: Mapping[str, Outage]) -> float | None:
        """Tell when there is something to say even if nothing happens."""
        untold = [each.since + TELL_AFTER for endpoint, each in failing.items() if endpoint not in self._told]
        return min(untold, default=None)


def write_moment(seconds: float) -> str:
    """Write a moment, in unix seconds, as a time of the day."""
    return datetime.fromtimestamp(seconds, tz=timezone.utc).strftime("%H:%M:%S UTC")


def write_length(seconds: float) -> str:
    """Write a length of time as a person says it."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    parts = [(hours, "hour"), (minutes, "minute"), (rest, "second")]
    told = [f"{count} {name}{'s' * (count != 1)}" for count, name in parts if count]
    return " ".join(told[:2]) or "less than a second"
