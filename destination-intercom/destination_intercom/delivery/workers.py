"""Threads that take turns: who stands in line for one, who waits for a moment, and who watches the time.

Whatever is handed in is a turn to it; what is done in a turn is not known here. All is done under one lock,
`changed`, which whoever calls holds, and nothing waits inside that lock but on its condition.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from destination_intercom.clock import Clock

T = TypeVar("T")


class Workers(Generic[T]):
    """Up to `concurrency` threads, each started when there is something for it; `work` is what a thread does."""

    def __init__(self, clock: Clock, *, concurrency: int, work: Callable[[], None]) -> None:
        self.changed = clock.condition()
        self.count = 0
        self.stopping = False
        self._clock = clock
        self._concurrency = concurrency
        self._work = work
        self._ready: deque[T] = deque()
        self._waiting: list[tuple[float, int, T]] = []
        self._sequence = 0
        self._idle = 0
        self._watched_until = math.inf

    def add(self, turn: T) -> None:
        """Let a turn stand in line, and see to it that somebody takes it."""
        self._ready.append(turn)
        if len(self._ready) > self._idle and self.count < self._concurrency:
            self._start()
        else:
            self.changed.notify()

    def add_own(self, turn: T, *, first: bool = False) -> None:
        """Let a turn stand in line, where the calling worker is about to look for its next one; `first` in front."""
        if first:
            self._ready.appendleft(turn)
        else:
            self._ready.append(turn)

    def wait(self, turn: T, seconds: float) -> None:
        """Let a turn stand in line after some seconds."""
        self._sequence += 1
        heapq.heappush(self._waiting, (self._clock.now() + seconds, self._sequence, turn))
        self.changed.notify()

    def take(self) -> T | None:
        """Wait for a turn; None when there are to be no more."""
        while not self.stopping:
            now = self._clock.now()
            while self._waiting and self._waiting[0][0] <= now:
                self._ready.append(heapq.heappop(self._waiting)[2])
            if self._ready:
                return self._ready.popleft()
            self._rest()
        return None

    def leave_a_watch(self) -> None:
        """See to it that somebody is there for the turns that are left, while the calling worker is busy."""
        if not self._ready and not self._waiting:
            return
        if not self._idle and self.count < self._concurrency:
            self._start()
        else:
            self.changed.notify()

    def stop(self) -> None:
        """Let no more turns be taken."""
        self.stopping = True
        self.changed.notify_all()

    def join(self, until: float) -> None:
        """Wait until all workers have ended, or until `until` (seconds)."""
        while self.count and (left := until - self._clock.now()) > 0:
            self.changed.wait(left)

    def note_end(self) -> None:
        """Note that the calling worker ends."""
        self.count -= 1
        self.changed.notify_all()

    def _start(self) -> None:
        self.count += 1
        self._clock.start(f"worker-{self.count}", self._work)

    def _rest(self) -> None:
        """Wait for a turn; an idle worker also watches the time for one that waits and that nobody watches for."""
        due = self._waiting[0][0] if self._waiting else math.inf
        watches = due < self._watched_until
        if watches:
            self._watched_until = due
        self._idle += 1
        self.changed.wait(due - self._clock.now() if watches else None)
        self._idle -= 1
        if watches and self._watched_until == due:
            self._watched_until = math.inf
