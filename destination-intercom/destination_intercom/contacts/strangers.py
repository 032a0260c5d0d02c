"""People whom Intercom does not know, for as long as that is believed. It asks nobody.

What it forgets costs calls, never correctness. Used by one step of any task at a time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from destination_intercom.identity import Key
from destination_intercom.outcomes import Outcome

STRANGER_SECONDS: Final = 300.0
"""For so long a person counts as unknown unasked: another app, or they themselves, may make the contact at any time."""

MAX_STRANGERS: Final = 100_000
"""More than can be met in that time: each costs two calls, and a workspace has 25,000 a minute at most."""


@dataclass(frozen=True, slots=True)
class _Stranger:
    until: float
    outcome: Outcome = field(repr=False)


class Strangers:
    """Who is unknown, with the outcome of what is meant for them; `now` tells seconds.

    Each takes the same few bytes, however long the identity is and whatever Intercom said.
    """

    def __init__(self, now: Callable[[], float], *, capacity: int = MAX_STRANGERS) -> None:
        self._now = now
        self._capacity = capacity
        self._strangers: OrderedDict[bytes, _Stranger] = OrderedDict()

    def __len__(self) -> int:
        return len(self._strangers)

    def __contains__(self, key: Key) -> bool:
        return self.get(key) is not None

    def get(self, key: Key) -> Outcome | None:
        """Tell the outcome of what is meant for a person who is unknown; None for others, and if it was long ago."""
        found = self._strangers.get(key.digest)
        return None if found is None or found.until <= self._now() else found.outcome

    def note(self, key: Key, outcome: Outcome) -> None:
        """Note that Intercom does not know a person now, and what becomes of what is meant for them."""
        now = self._now()
        self._strangers[key.digest] = _Stranger(now + STRANGER_SECONDS, outcome.shortened)
        self._strangers.move_to_end(key.digest)
        while len(self._strangers) > self._capacity or next(iter(self._strangers.values())).until <= now:
            self._strangers.popitem(last=False)

    def forget(self, key: Key) -> None:
        """Note that a person is known."""
        self._strangers.pop(key.digest, None)
