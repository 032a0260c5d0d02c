"""A clock whose time advances by itself as soon as every thread waits: real threads, no real waiting.

A thread of the pipeline either runs or waits on one of this clock's conditions. Once all wait,
the clock jumps to the earliest deadline and wakes whoever set it. If nobody has a deadline,
nothing can ever happen again: `Deadlock` is raised in every waiting thread, as it is after a
week, for a thread may wake in vain again and again.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from types import TracebackType

START = 1_000_000.0
UNIX_EPOCH_OFFSET = 1_700_000_000.0
LONGEST_SYNC = 7 * 86_400.0


class Deadlock(RuntimeError):  # noqa: N818 - the word for it
    """Every thread waits, and for ever."""


class _Waiter:
    def __init__(self, condition: VirtualCondition, deadline: float | None, order: int) -> None:
        self.condition = condition
        self.deadline = deadline
        self.order = order
        self.woken = False
        self.notified = False
        self.event = threading.Event()


class VirtualClock:
    """Time for a test; the thread that makes it takes part from the start."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = START
        self._running = 1
        self._waiters: list[_Waiter] = []
        self._order = itertools.count()
        self._dead = False
        self.threads_started = 0

    def now(self) -> float:
        return self._now

    def wall(self) -> float:
        return self._now + UNIX_EPOCH_OFFSET

    def sleep(self, seconds: float) -> None:
        condition = VirtualCondition(self)
        with condition:
            condition.wait(seconds)

    def condition(self) -> VirtualCondition:
        return VirtualCondition(self)

    def start(self, name: str, target: Callable[[], None]) -> None:
        with self._lock:
            self._running += 1
            self.threads_started += 1

        def run() -> None:
            try:
                target()
            except Deadlock:
                pass
            finally:
                with self._lock:
                    self._running -= 1
                    self._advance()

        threading.Thread(target=run, name=name, daemon=True).start()

    def _advance(self) -> None:
        """With the lock held: if nobody runs, wake the waiter with the earliest deadline."""
        if self._running > 0 or not self._waiters:
            return
        timed = [each for each in self._waiters if each.deadline is not None and each.deadline <= START + LONGEST_SYNC]
        if not timed:
            self._dead = True
            for waiter in list(self._waiters):
                self._wake(waiter, notified=False)
            return
        first = min(timed, key=lambda waiter: (waiter.deadline or 0.0, waiter.order))
        self._now = max(self._now, first.deadline or 0.0)
        self._wake(first, notified=False)

    def _wake(self, waiter: _Waiter, *, notified: bool) -> None:
        if waiter.woken:
            return
        waiter.woken, waiter.notified = True, notified
        self._waiters.remove(waiter)
        self._running += 1
        waiter.event.set()

    def wait(self, condition: VirtualCondition, timeout: float | None) -> bool:
        with self._lock:
            if self._dead:
                raise Deadlock("every thread waits, and for ever")
            deadline = None if timeout is None else self._now + max(timeout, 0.0)
            waiter = _Waiter(condition, deadline, next(self._order))
            self._waiters.append(waiter)
            self._running -= 1
        depth = condition.release_all()
        try:
            with self._lock:
                self._advance()
            waiter.event.wait()
        finally:
            condition.acquire_all(depth)
        self._refuse_if_dead(waiter)
        return waiter.notified

    def _refuse_if_dead(self, waiter: _Waiter) -> None:
        if self._dead and not waiter.notified:
            raise Deadlock("every thread waits, and for ever")

    def notify(self, condition: VirtualCondition, count: int | None) -> None:
        with self._lock:
            waiting = [waiter for waiter in self._waiters if waiter.condition is condition]
            for waiter in waiting if count is None else waiting[:count]:
                self._wake(waiter, notified=True)


class VirtualCondition:
    """A condition whose waits follow a `VirtualClock`."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._depth = 0

    def __enter__(self) -> bool:
        self._lock.acquire()
        self._depth += 1
        return True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._depth -= 1
        self._lock.release()

    def wait(self, timeout: float | None = None) -> bool:
        return self._clock.wait(self, timeout)

    def notify(self, n: int = 1) -> None:
        self._clock.notify(self, n)

    def notify_all(self) -> None:
        self._clock.notify(self, None)

    def release_all(self) -> int:
        depth, self._depth = self._depth, 0
        for _ in range(depth):
            self._lock.release()
        return depth

    def acquire_all(self, depth: int) -> None:
        for _ in range(depth):
            self._lock.acquire()
        self._depth = depth
