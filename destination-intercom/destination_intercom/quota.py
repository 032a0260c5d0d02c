"""One gate for all calls, led by what Intercom's headers say.

Every attempt takes a permit here, retries included, and brings back what its answer told of the
quota. It knows nothing of HTTP, and waits on its clock's condition only, so that a waiting gate
costs no CPU and ends at once when it is closed.

Intercom deals the quota out in fixed windows. Within one, the gate grants what the last header
left less what it has granted since. Before the first header a few calls feel the way; where
headers never come it keeps a pace that suits a small app.
"""

from __future__ import annotations

from typing import Final

from destination_intercom.calls import RateHeaders
from destination_intercom.clock import Clock

FIRST_CALLS: Final = 4
"""Calls in flight before the first answer has told the quota."""

BLIND_PER_SECOND: Final = 8.0
"""Pace without headers: the smallest allowance on record is 83 calls in ten seconds."""

WINDOW_SECONDS: Final = 10.0
"""The length of Intercom's windows (its developer pages); the pause after a 429 without headers."""

LONGEST_WAIT: Final = 15.0
"""A reset further away than a window and its two seconds of grace is a clock's fault."""


class Quota:
    """Grants permits; thread-safe. `max_per_minute` is the user's own ceiling, None for none."""

    def __init__(self, clock: Clock, *, max_per_minute: int | None = None) -> None:
        self._clock = clock
        self._changed = clock.condition()
        self._spacing = 60.0 / max_per_minute if max_per_minute else 0.0
        self._next_paced = clock.now()
        self._in_flight = 0
        self._limit: int | None = None
        self._left = 0
        self._resets_at = 0.0
        self._paused_until = 0.0
        self._answered = False
        self._closed = False
        self.refused = 0

    def acquire(self) -> bool:
        """Wait for a permit; False if the gate was closed meanwhile. Each permit must be settled."""
        with self._changed:
            while not self._closed:
                if (wait := self._seconds_to_wait()) <= 0:
                    self._grant()
                    return True
                self._changed.wait(wait)
        return False

    def settle(self, rate: RateHeaders | None, *, throttled: bool = False, retry_after: float | None = None) -> None:
        """Give a permit back with what the answer told; `throttled` for a 429, which pauses everybody."""
        with self._changed:
            self._in_flight -= 1
            now = self._clock.now()
            if rate is not None:
                self._learn(rate, now)
            elif not throttled:
                self._answered = True
            if throttled:
                self.refused += 1
                self._left = 0
                pause = retry_after if retry_after is not None else (rate.reset_in if rate else WINDOW_SECONDS)
                self._paused_until = max(self._paused_until, now + min(max(pause, 1.0), LONGEST_WAIT))
            self._changed.notify_all()

    def close(self) -> None:
        """Grant no more, and wake all that wait."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _learn(self, rate: RateHeaders, now: float) -> None:
        resets_at = now + min(max(rate.reset_in, 0.0), LONGEST_WAIT)
        left = max(rate.remaining - self._in_flight, 0)
        is_new_window = self._limit is None or resets_at > self._resets_at + WINDOW_SECONDS / 2
        self._limit = rate.limit
        self._left = left if is_new_window else min(self._left, left)
        if is_new_window:
            self._resets_at = resets_at

    def _grant(self) -> None:
        now = self._clock.now()
        self._in_flight += 1
        self._left -= 1
        pace = self._spacing if self._limit is not None else max(self._spacing, 1 / BLIND_PER_SECOND)
        self._next_paced = max(self._next_paced, now) + pace

    def _seconds_to_wait(self) -> float:
        now = self._clock.now()
        if now < self._paused_until:
            return self._paused_until - now
        if self._limit is None:
            if not self._answered:
                return 0.0 if self._in_flight < FIRST_CALLS else LONGEST_WAIT
            return self._next_paced - now
        if now >= self._resets_at:
            # The window has passed without an answer of the new one: its allowance is the old one's.
            self._left, self._resets_at = self._limit - self._in_flight, now + WINDOW_SECONDS
        if self._left <= 0:
            return self._resets_at - now
        return self._next_paced - now if self._spacing else 0.0
