"""Runs of the connector that end before their time, at a moment that is told by progress and not by a clock."""

from __future__ import annotations

import array
import contextlib
import fcntl
import random
import signal
import termios
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from integration_tests.support.processes import DEADLINE, Connector
from intercom_emulator import Answer, Intercom

CALLS, STATES, BYTES = "calls", "states", "bytes"


class Kind(Enum):
    """How a run ends before its time."""

    KILLED = "SIGKILL"
    TERMINATED = "SIGTERM"
    TERMINATED_TWICE = "SIGTERM twice"
    CUT = "stdin closed in the middle of a line"
    DEAF = "stdout closed by the reader"


MOMENTS = {
    Kind.KILLED: (CALLS, STATES, BYTES),
    Kind.TERMINATED: (CALLS, STATES, BYTES),
    Kind.TERMINATED_TWICE: (CALLS, STATES),
    Kind.CUT: (BYTES,),
    Kind.DEAF: (STATES,),
}


@dataclass(frozen=True, slots=True)
class Disturbance:
    """What happens after so many calls, states or bytes, and so many seconds more."""

    kind: Kind
    unit: str
    after: int
    jitter: float

    @classmethod
    def draw(cls, chance: random.Random, kind: Kind, *, size: int, states: int, calls: int) -> Disturbance:
        """Draw a disturbance of a run whose input has so many bytes and states and takes about so many calls."""
        unit = chance.choice(MOMENTS[kind])
        # A signal finds the connector's own answer to it only once that runs: after a call, or a state.
        after = chance.randrange(1, {CALLS: calls, STATES: states, BYTES: size}[unit] + 1)
        return cls(kind, unit, after, chance.choice([0.0, 0.0, 0.002, 0.008]))


class CountedIntercom(Intercom):
    """An Intercom that tells when it has had so many calls: as the call arrives, before it is answered."""

    calls = 0

    def handle(self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        answer = super().handle(method, target, headers, body)
        self.calls += 1
        return answer


class Listening(Connector):
    """A command whose output is closed after `until` states."""

    def __init__(self, *arguments: str, until: int | None) -> None:
        self._until = until
        super().__init__(*arguments)

    def _read_out(self) -> None:
        if self._until is None:
            super()._read_out()
            return
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._note(line)
            if len(self.states) >= self._until:
                break
        self.process.stdout.close()
        self._end()


class Run:
    """One run of `write` on `data`, to its end or to its disturbance."""

    def __init__(self, connector: Connector, intercom: CountedIntercom, data: bytes) -> None:
        self._connector = connector
        self._intercom = intercom
        self._before = intercom.calls
        self._data = data

    def play(self, disturbance: Disturbance | None) -> int:
        """Feed and disturb it; return the exit code."""
        is_fed_in_part = disturbance is not None and disturbance.unit == BYTES
        data = self._data[: disturbance.after] if disturbance is not None and is_fed_in_part else self._data
        stays_open = is_fed_in_part and disturbance is not None and disturbance.kind is not Kind.CUT
        feeder = threading.Thread(target=self._feed, args=(data,), kwargs={"close": not stays_open}, daemon=True)
        feeder.start()
        if disturbance is not None and disturbance.kind not in {Kind.CUT, Kind.DEAF}:
            self._wait_until(lambda: self._is_due(disturbance, feeder))
            self._signal(disturbance)
        self._connector.process.wait(timeout=DEADLINE)
        feeder.join(timeout=DEADLINE)
        return self._connector.join()

    def _feed(self, data: bytes, *, close: bool) -> None:
        self._connector.send(data)
        if close:
            self._connector.close_stdin()

    def _is_due(self, disturbance: Disturbance, feeder: threading.Thread) -> bool:
        """Say whether the moment has come; that of the bytes is when the connector has taken them."""
        if self._connector.process.poll() is not None:
            return True
        if disturbance.unit == CALLS:
            return self._intercom.calls - self._before >= disturbance.after
        if disturbance.unit == STATES:
            return len(self._connector.states) >= disturbance.after
        return not feeder.is_alive() and self._unread() == 0

    def _unread(self) -> int:
        """Tell the bytes of the input that the connector has not read yet."""
        assert self._connector.process.stdin is not None
        size = array.array("i", [0])
        fcntl.ioctl(self._connector.process.stdin, termios.FIONREAD, size)
        return size[0]

    def _signal(self, disturbance: Disturbance) -> None:
        time.sleep(disturbance.jitter)
        number = signal.SIGKILL if disturbance.kind is Kind.KILLED else signal.SIGTERM
        self._connector.process.send_signal(number)
        if disturbance.kind is Kind.TERMINATED_TWICE:
            time.sleep(0.02)  # two signals at one moment are one
            with contextlib.suppress(ProcessLookupError):
                self._connector.process.send_signal(number)

    def _wait_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < deadline, "the moment did not come"
            time.sleep(0.002)


def allowed_codes(kind: Kind, *, all_given: bool) -> set[int]:
    """Tell the exit codes of a run that ends so; one that was through before, with all its states, has its own."""
    codes = {
        Kind.KILLED: {-signal.SIGKILL},
        Kind.TERMINATED: {143},
        # The second signal may come while the interpreter ends, and nobody heeds it any more.
        Kind.TERMINATED_TWICE: {143, -signal.SIGTERM},
        Kind.DEAF: {1, 0},
    }[kind]
    return codes | {0, -signal.SIGTERM} if all_given else codes


def is_cut(disturbance: Disturbance | None, data: bytes) -> bool:
    """Say whether the input ends in the middle of a line."""
    if disturbance is None or disturbance.kind is not Kind.CUT:
        return False
    return b"\n" not in {
        data[disturbance.after - 1 : disturbance.after],
        data[disturbance.after : disturbance.after + 1],
    }
