"""The attributes that this run has created, which Intercom may still refuse as unknown for a while.

Used by one step of any task at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Final

from destination_intercom.attributes.refusal_words import named_in
from destination_intercom.delivery.tasks import Pause
from destination_intercom.intercom.answers import Answer

GRACE_SECONDS: Final = 60.0
"""For so long after their creation a refusal may be for their newness alone (nobody knows of Intercom how long)."""

LONGEST_PAUSE: Final = 10.0


class NewAttributes:
    """Knows which attributes are new, and until when nobody need try them again; `now` tells seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._names: set[str] = set()
        self._grace_until = 0.0
        self._closed_until = 0.0
        self._pause = 0.5

    def note_created(self, names: Iterable[str]) -> None:
        """Note that attributes were created just now."""
        self._names.update(names)
        self._grace_until = self._now() + GRACE_SECONDS

    def note_taken(self, names: Iterable[str]) -> None:
        """Note that Intercom has taken values of these names: they are new no longer."""
        if self._names:
            self._names.difference_update(names)

    def are_new(self, names: Iterable[str]) -> bool:
        """Say whether any of these names is one that Intercom has taken no value of yet."""
        return not self._names.isdisjoint(names)

    def pause(self, names: Iterable[str]) -> Pause | None:
        """Tell how long to wait before values of these names are sent; None for not at all."""
        left = min(self._closed_until, self._grace_until) - self._now()
        return Pause(left) if left > 0 and not self._names.isdisjoint(names) else None

    def explain(self, answer: Answer, names: Collection[str]) -> bool:
        """Say whether a refusal of these names may be for a new one; then nobody tries any of them for a while."""
        now = self._now()
        named = named_in(answer, names)
        if now >= self._grace_until or self._names.isdisjoint(named or names):
            return False
        if now >= self._closed_until:
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
            self._closed_until = now + self._pause
        return True
