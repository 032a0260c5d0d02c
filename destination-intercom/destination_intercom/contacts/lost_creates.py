"""Creates of leads whose answer was lost, and what follows for others. One step of any task at a time.

A lead is never created twice to be sure, so that each create that fails may cost a record. While creates are
not answered, therefore, one goes ahead now and then, and all others wait for what becomes of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from destination_intercom.bounded import Bounded
from destination_intercom.delivery.probes import ALWAYS_PASSED_OVER, MOST_PASSED_OVER
from destination_intercom.delivery.retry import GIVE_UP_SECONDS
from destination_intercom.delivery.tasks import OutageError
from destination_intercom.intercom.calls import CreateLead
from destination_intercom.outcomes import Refusal

FIRST_WAIT_SECONDS: Final = 1.0
LONGEST_WAIT_SECONDS: Final = 60.0
"""Between two creates, while none is answered: from one second, doubling."""

UNCERTAIN_SECONDS: Final = 600.0
"""For so long the search may not show a lead that was made (it lags by up to minutes, says Intercom)."""

MOST_ADDRESSES: Final = 100_000

ENDPOINT: Final = CreateLead.endpoint


@dataclass(frozen=True, slots=True)
class Uncertain:
    """That nobody knows, until a moment (seconds), whether a lead was made; `refusal` is what came in its place."""

    until: float
    refusal: Refusal | None = field(repr=False)


class LostCreates:
    """What one run knows of creates that were not answered; `now` tells seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lost_since: float | None = None
        self._lost_last = 0.0
        self._next_at = 0.0
        self._wait = FIRST_WAIT_SECONDS
        self._creates = 0
        self._uncertain_creates = 0
        self._uncertain: Bounded[str, Uncertain] = Bounded(MOST_ADDRESSES)

    def pause(self) -> float | None:
        """Tell for how many seconds no lead is to be created; None if the one who asks may do it now.

        Raises:
            OutageError: no create was answered for ten minutes.
        """
        now = self._now()
        if self._lost_since is None:
            return None
        if self._lost_last - self._lost_since >= GIVE_UP_SECONDS:
            minutes = round((now - self._lost_since) / 60)
            raise OutageError(f"{ENDPOINT}: no creation of a lead was answered for {minutes} minutes")
        if now < self._next_at:
            return self._next_at - now
        self._next_at = now + self._wait
        self._wait = min(self._wait * 2, LONGEST_WAIT_SECONDS)
        return None

    def note_answered(self) -> None:
        """Note that a create was answered, be it with a refusal."""
        self._creates += 1
        self._lost_since, self._wait = None, FIRST_WAIT_SECONDS

    def note_lost(self) -> None:
        """Note that a create was not answered."""
        self._creates += 1
        self._lost_last = self._now()
        if self._lost_since is None:
            self._lost_since = self._lost_last
            self._next_at = self._lost_last + FIRST_WAIT_SECONDS

    def note_uncertain(self, address: str, refusal: Refusal | None) -> None:
        """Note that nobody knows whether there is a lead with an address.

        Raises:
            OutageError: there are too many of them to go on; the next sync looks all of them up.
        """
        self._uncertain_creates += 1
        if self._uncertain_creates > max(ALWAYS_PASSED_OVER, MOST_PASSED_OVER * self._creates):
            raise OutageError(
                f"{ENDPOINT}: the creation of more than {ALWAYS_PASSED_OVER} leads and {MOST_PASSED_OVER:.0%} of them"
                " was not answered, and the search shows none of these"
            )
        refusal = None if refusal is None else refusal.shortened
        self._uncertain.note(address, Uncertain(self._now() + UNCERTAIN_SECONDS, refusal))

    def uncertain(self, address: str) -> Uncertain | None:
        """Tell whether nobody knew of an address, be it long ago."""
        return self._uncertain.get(address)
