"""What calls cost of the quota, by what was left of it before and after. Pure.

Other apps of the workspace spend from the same quota, and so do our own calls that are made meanwhile: what a call
costs is known within bounds only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from destination_intercom.intercom.answers import Answer

SAME_WINDOW: Final = 2.5
"""Seconds by which the reset of one window may differ between two answers: it is told in whole seconds, and late."""

TELLING: Final = 10
"""Contacts that a call must hold, and calls that must be left, to tell whether each contact counts."""

LIKE_ONE, LIKE_MANY = 0.5, 0.8
"""Shares of the contacts: who costs less counts as one call, who costs more as so many."""

SURE_AFTER: Final = 3
"""So many calls in a row that seem to count for each contact make it sure: other apps may have been busy at one."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a call can have cost, in calls of the quota; no more than `left` could have shown, for no more was left."""

    least: int
    most: int
    left: int


def cost_between(first: Answer, last: Answer) -> Cost | None:
    """Tell what the call that `first` answers can have cost, if all is counted by the time of `last`.

    None where a window has ended between the two, or where nothing tells. What other apps spent is in both bounds.
    """
    before, after, rate = first.passage, last.passage, last.rate
    if before is None or after is None or rate is None or before.left is None:
        return None
    gone = before.left - rate.remaining
    if abs(rate.reset_at - before.mark) >= SAME_WINDOW or gone < 0:
        return None
    others_of_ours = after.granted - before.number
    least, most = gone - others_of_ours - before.in_flight, gone - others_of_ours + after.awaited
    return Cost(max(least, 0), max(most, 0), before.left)


class BulkCost:
    """Finds out whether a bulk call counts as one call, or as one for each of its contacts."""

    def __init__(self) -> None:
        self._seems_many = 0
        self._tries = 0
        self.per_contact: bool | None = None
        """Whether each contact counts; None while nobody knows."""

    @property
    def is_open(self) -> bool:
        """Say whether it is still worth finding out, one call at a time."""
        return self.per_contact is None and self._tries < 2 * SURE_AFTER

    def note(self, cost: Cost | None, *, contacts: int) -> None:
        """Note what a call with so many contacts can have cost; None where that could not be told."""
        if self.per_contact is not None:
            return
        self._tries += 1
        could_show = 0 if cost is None else min(contacts, cost.left)
        if cost is None or could_show < TELLING:
            return
        if cost.most < LIKE_ONE * could_show:
            self.per_contact = False
        elif cost.least >= LIKE_MANY * (could_show - 1):
            self._seems_many += 1
            self.per_contact = True if self._seems_many == SURE_AFTER else None
