"""One gate for all calls, led by what Intercom's headers say.

Every attempt takes a permit here, retries included, and brings it back with what its answer told
of the quota. What the headers teach of the windows is kept by `windows`; this module owns the
lock and the waiting. It knows nothing of HTTP.

What a window has left is spread over the time that it has left, with a small reserve, and the
last latency of it is left free. Before the first header a few calls feel the way; where headers
never come the gate keeps a pace that suits a small app. A 429 pauses everybody until the window
ends. Those that wait form a line: only the first of it watches the time, so that a waiting gate
costs no CPU, and the others are woken one by one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from destination_intercom.clock import Clock
from destination_intercom.intercom.answers import Passage, RateHeaders
from destination_intercom.intercom.rate_windows import USUAL_PERIOD, Permit, RateWindows

__all__ = ["Permit", "Quota"]

FIRST_CALLS: Final = 4
"""Calls in flight while nothing is known of the present window."""

BLIND_PER_SECOND: Final = 8.0
"""Pace without headers: the smallest allowance on record is 83 calls in ten seconds."""

SPRINT: Final = 2.0
"""By so much faster than evenly calls are made where demand comes late in a window: its end is not known exactly."""

SHORTEST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = USUAL_PERIOD + 2.0
"""A reset further away than a window and its two seconds of grace is a clock's fault."""

LONGEST_RETRY_AFTER: Final = 300.0
"""Of what an answer asks for: no window is longer, and a sync must not wait for a clock that is wrong."""

WORTH_WAKING: Final = 0.02
"""Seconds by which a wait must have become shorter for the one that waits to be told."""


@dataclass(frozen=True, slots=True)
class QuotaUse:
    """What is known of the quota: calls a minute that are allowed, and who took which share of the whole windows.

    `waits` says that calls wait for it at present. What is not known yet is None.
    """

    allowed_per_minute: float | None
    used_share: float | None
    others_share: float | None
    waits: bool


class Quota:
    """Grants permits; thread-safe. `max_per_minute` is the user's own ceiling, None for none."""

    def __init__(self, clock: Clock, *, max_per_minute: int | None = None) -> None:
        self._clock = clock
        self._changed = clock.condition()
        self._windows = RateWindows()
        self._spacing = 60.0 / max_per_minute if max_per_minute else 0.0
        self._next = self._spaced = clock.now()
        self._gap = 0.0
        self._granted = 0
        self._in_flight = 0
        self._paused_until = 0.0
        self._blind = False
        self._closed = False
        self._turns = clock.condition()
        self._turn = self._next_turn = 0
        self._wakes_at = math.inf
        self.refused = 0

    @property
    def used_share(self) -> float | None:
        """Tell the share of the whole windows so far that our calls took; None before there was one."""
        windows = self._windows
        allowed = windows.allowed_in_whole_windows
        return windows.granted_in_whole_windows / allowed if allowed else None

    @property
    def use(self) -> QuotaUse:
        """Tell what is known of the quota."""
        with self._turns:
            in_line = self._next_turn - self._turn
        with self._changed:
            windows, allowed = self._windows, self._windows.allowed_in_whole_windows
            others = windows.others_in_whole_windows / allowed if allowed else None
            waits = in_line > 0 and self._seconds_to_wait() > 0
            return QuotaUse(windows.allowed_per_minute, self.used_share, others, waits)

    def acquire(self) -> Permit | None:
        """Wait for a permit, first come first served, which must be settled; None if the gate was closed meanwhile."""
        if not self._take_turn():
            return None
        try:
            with self._changed:
                while not self._closed and (wait := self._seconds_to_wait()) > 0:
                    self._wakes_at = self._clock.now() + wait
                    self._changed.wait(wait)
                self._wakes_at = math.inf
                return None if self._closed else self._grant()
        finally:
            self._pass_turn()

    def _take_turn(self) -> bool:
        """Wait in line until nobody is in front; False if the gate was closed meanwhile."""
        with self._turns:
            mine, self._next_turn = self._next_turn, self._next_turn + 1
            while self._turn != mine and not self._closed:
                # Conditions wake who has waited longest, and all wait in the order of their turns.
                self._turns.wait()
            return self._turn == mine

    def _pass_turn(self) -> None:
        with self._turns:
            self._turn += 1
            self._turns.notify()

    def settle(
        self,
        permit: Permit,
        rate: RateHeaders | None = None,
        *,
        throttled: bool = False,
        retry_after: float | None = None,
    ) -> Passage:
        """Give a permit back with what the answer told; `throttled` for a 429, which pauses everybody.

        Return what was known when the permit was granted and when it came back: see `costs`.
        """
        with self._changed:
            now = self._clock.now()
            self._in_flight -= 1
            if rate is not None:
                self._windows.learn(rate, permit, granted=self._granted, now=now)
            if throttled:
                self.refused += 1
                self._pause(permit, rate, retry_after, now)
            elif rate is None and self._windows.limit is None:
                self._blind = True
            if now + self._seconds_to_wait() < self._wakes_at - WORTH_WAKING < math.inf:
                self._changed.notify()
            return Passage(
                number=permit.number,
                left=permit.left,
                mark=permit.mark,
                in_flight=permit.in_flight,
                granted=self._granted,
                awaited=self._in_flight,
            )

    def close(self) -> None:
        """Grant no more, and wake all that wait."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        with self._turns:
            self._turns.notify_all()

    def _pause(self, permit: Permit, rate: RateHeaders | None, retry_after: float | None, now: float) -> None:
        pause = min(retry_after or 0.0, LONGEST_RETRY_AFTER)
        if self._windows.spend(permit, now) and not self._windows.knows_phase:
            reset_in = USUAL_PERIOD if rate is None else rate.reset_in
            pause = max(pause, min(max(reset_in, SHORTEST_PAUSE), LONGEST_PAUSE))
        self._paused_until = max(self._paused_until, now + pause)

    def _seconds_to_wait(self) -> float:
        now = self._clock.now()
        if now < self._paused_until:
            return self._paused_until - now
        self._windows.roll(granted=self._granted, now=now)
        pace = self._windows.pace(granted=self._granted, now=now)
        if pace is None:
            blind = self._blind and self._windows.limit is None
            return max(self._next, self._spaced) - now if blind or self._in_flight < FIRST_CALLS else LONGEST_PAUSE
        if pace.budget <= 0:
            # The user's ceiling is asked for again when the window has ended.
            return pace.ends_at - now
        return max(min(self._next, pace.ends_at), self._spaced) - now

    def _grant(self) -> Permit:
        now = self._clock.now()
        pace = self._windows.pace(granted=self._granted, now=now)
        if pace is None:
            self._gap = 1 / BLIND_PER_SECOND if self._blind else self._windows.even_gap
        elif pace.until > now and pace.budget > 0:
            self._gap = max((pace.until - now) / pace.budget, pace.even / SPRINT)
        else:
            self._gap = pace.even
        self._windows.grant(now=now)
        self._next, self._spaced = now + self._gap, now + self._spacing
        left, mark = self._windows.told
        self._granted += 1
        self._in_flight += 1
        return Permit(self._granted, now, left, mark, self._in_flight - 1)
