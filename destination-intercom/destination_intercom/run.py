"""The process: signals, heeded before anything else is imported, and the exit code.

Exit codes: 0; 1 after a TRACE ERROR (or when nobody reads the output any more); 2 for arguments
that are none; 143 after SIGTERM and 130 after SIGINT. It knows nothing of what a command does.

In a container the connector is process 1, for which the kernel ignores a signal without a handler;
and the rest of the connector takes a third of a second to import. So the handler comes first.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from destination_intercom.clock import Clock, SystemClock

HEEDED: Final = (signal.SIGTERM, signal.SIGINT)
SIGNALLED: Final = 128
"""What a shell adds to the number of the signal that ended a process."""


class Signals:
    """Ends the process on SIGTERM and SIGINT: at once, or in order once `stop` is set; a second one always at once.

    They are heeded by a thread of their own, for the main thread may be in a call that no handler
    interrupts (an import, the resolution of an address), or hold any lock.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._first: int | None = None
        self._longest = 0.0
        self._stop: Callable[[str], None] | None = None

    @property
    def exit_code(self) -> int:
        """Tell the exit code after the signal that came first."""
        return SIGNALLED + (self._first or signal.SIGTERM)

    def stop_with(self, stop: Callable[[str], None], *, within: float) -> None:
        """Call `stop` with the name of the first signal; the process ends after `within` seconds at the latest."""
        self._longest, self._stop = within, stop

    def heed(self, signals: int) -> None:
        """Read signals from a pipe, a byte each, until it is closed."""
        with open(signals, "rb", buffering=0) as source:
            while piece := source.read(1):
                self._take(piece[0])

    def _take(self, number: int) -> None:
        if number not in HEEDED:
            # Another handler's: Python writes every signal that has one into the pipe.
            return
        if self._first is not None or self._stop is None:
            os._exit(SIGNALLED + number)
        self._first = number
        # Nobody may be reading the output, and a write to a full pipe cannot be called back.
        self._clock.start("deadline", self._end_at_last)
        self._stop(signal.Signals(number).name)

    def _end_at_last(self) -> None:
        self._clock.sleep(self._longest)
        os._exit(self.exit_code)


@contextlib.contextmanager
def heeded_signals(clock: Clock) -> Iterator[Signals]:
    """Heed signals for a while; those that were ignored (as under nohup) stay so."""
    signals = Signals(clock)
    read_end, write_end = _pipe()
    os.set_blocking(write_end, False)
    heeded = [number for number in HEEDED if signal.getsignal(number) is not signal.SIG_IGN]
    try:
        wakeup = signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    except ValueError:
        # Not in the main thread: whoever started this one heeds the signals of the process.
        os.close(read_end)
        os.close(write_end)
        yield signals
        return
    clock.start("signals", lambda: signals.heed(read_end))
    # A handler that does nothing: the number has gone into the pipe before it is called.
    before = {number: signal.signal(number, lambda *_: None) for number in heeded}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup)
        os.close(write_end)


def _pipe() -> tuple[int, int]:
    # Never in the place of a standard stream that is closed: it would take what is meant for that.
    ends = os.pipe()
    above = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 3) for end in ends]
    for end in ends:
        os.close(end)
    return above[0], above[1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    clock = SystemClock()
    with heeded_signals(clock) as signals:
        from destination_intercom.commands import run_command  # noqa: PLC0415 - see above

        return run_command(arguments, signals, clock=clock)


if __name__ == "__main__":
    sys.exit(main())
