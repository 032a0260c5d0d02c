"""What the log tells while a sync runs: how far it is, what the quota allows, and how calls fail. Main thread only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from destination_intercom.delivery.outages import Outage, Outages
from destination_intercom.intercom.quota import QuotaUse

PROGRESS_SECONDS: Final = 30.0
RARE_PROGRESS_SECONDS: Final = 300.0
OFTEN_UNTIL: Final = 3600.0
"""After an hour progress is told less often: a client that reads the output only at the end has a pipe to fill."""

MOST_KINDS: Final = 5
"""Kinds of failure that one line names."""

Failures = Counter[tuple[str, str]]
"""How many attempts failed, by the endpoint and how."""


class Progress:
    """Knows when the next line on the progress is due, and what was told in the last one."""

    def __init__(self, now: float) -> None:
        self._began = self._told = now
        self._calls = 0
        self._due = now + PROGRESS_SECONDS
        self._outages = Outages()

    def due(self, failing: Mapping[str, Outage]) -> float:
        """Tell when there is something to say even if nothing happens."""
        return min(self._due, self._outages.due(failing) or self._due)

    def outages(self, failing: Mapping[str, Outage], *, now: float, wall: float) -> Iterator[str]:
        """Tell of outages that have begun or are over; see `Outages`."""
        return self._outages.look(failing, now=now, wall=wall)

    def is_due(self, now: float) -> bool:
        """Say whether a line on the progress is due."""
        return now >= self._due

    def line(self, counts: str, *, now: float, calls: int, quota: QuotaUse, failures: Failures) -> str:
        """Write the line: `counts` of records, what is known of the quota, and the failures since the last line."""
        pace = (calls - self._calls) / max(now - self._told, 1.0)
        self._told, self._calls = now, calls
        self._due = now + (PROGRESS_SECONDS if now - self._began < OFTEN_UNTIL else RARE_PROGRESS_SECONDS)
        return f"Progress: {counts}; {pace:.1f} calls a second. {write_quota(quota)}{_write_failures(failures)}"


def write_quota(quota: QuotaUse) -> str:
    """Say what the quota allows, who took it, and whether calls wait for it."""
    if quota.allowed_per_minute is None:
        return "Intercom has not yet said how many calls it allows."
    text = f"Intercom allows {quota.allowed_per_minute:,.0f} calls a minute"
    if quota.used_share is not None:
        text += f"; this sync used {quota.used_share:.1%} of that"
    if quota.others_share is not None:
        text += f", other apps {quota.others_share:.1%}"
    return f"{text}. Calls wait for the quota." if quota.waits else f"{text}."


def _write_failures(failures: Failures) -> str:
    if not failures:
        return ""
    told = ", ".join(f"{endpoint} ({why}) {count}" for (endpoint, why), count in failures.most_common(MOST_KINDS))
    more = failures.total() - sum(count for _, count in failures.most_common(MOST_KINDS))
    return f" Failed and retried since the last line: {told}{f', more {more}' if more else ''}."
