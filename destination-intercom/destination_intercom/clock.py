"""Time and threads: the one module that imports `threading` and `time`.

The pipeline measures, waits and starts its threads through a `Clock` that is passed in. A
test passes one whose time advances by itself as soon as every thread waits, so that a sync
of ten minutes takes milliseconds and a deadlock is an error at once. It knows nothing of
what is being waited for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol


class Condition(Protocol):
    """What is used of `threading.Condition`; its lock is re-entrant."""

    def __enter__(self) -> bool: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...
    def wait(self, timeout: float | None = None) -> bool:
        """Wait for a notification, `timeout` seconds at most; the lock is free meanwhile."""

    def notify(self, n: int = 1) -> None:
        """Wake `n` of those that wait."""

    def notify_all(self) -> None:
        """Wake all that wait."""


class Clock(Protocol):
    """Where time and threads come from."""

    def now(self) -> float:
        """Tell the seconds since some fixed moment; never goes back."""

    def wall(self) -> float:
        """Tell the unix time in seconds, as this machine believes it."""

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass in the calling thread."""

    def condition(self) -> Condition:
        """Make a condition with a lock of its own, whose waits follow this clock."""

    def start(self, name: str, target: Callable[[], None]) -> None:
        """Run `target` in a daemon thread."""


class SystemClock:
    """The real one."""

    def now(self) -> float:
        """Tell the seconds of the monotonic clock."""
        return time.monotonic()

    def wall(self) -> float:
        """Tell the unix time in seconds."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Sleep in the calling thread."""
        time.sleep(seconds)

    def condition(self) -> Condition:
        """Make a `threading.Condition`."""
        return threading.Condition()

    def start(self, name: str, target: Callable[[], None]) -> None:
        """Start a daemon thread."""
        threading.Thread(target=target, name=name, daemon=True).start()
