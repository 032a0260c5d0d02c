"""The one place where the main thread waits: for input, for what the workers concluded, for time.

The reader's side is bounded in bytes: a full mailbox stops reading, and that is the
back-pressure. The workers' side is not, for what is in flight is bounded already; so a worker
never waits for the main thread.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final, TypeAlias

from destination_intercom.airbyte.reader import Input, Lines
from destination_intercom.clock import Clock
from destination_intercom.delivery.ledger import Entry
from destination_intercom.errors import IntercomDestinationError
from destination_intercom.intercom.answers import Answer
from destination_intercom.outcomes import Outcome

INPUT_BYTES: Final = 8 * 1024 * 1024
"""Input that may wait here; one longer line is taken all the same, alone."""


@dataclass(frozen=True, slots=True)
class Concluded:
    """A part of a record has its outcome."""

    entry: Entry
    outcome: Outcome
    kind: str


@dataclass(frozen=True, slots=True)
class SetAside:
    """A part of a record waits for its person."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class Answered:
    """A call that belongs to no record has its answer."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class LookedUp:
    """A batch of the kind `kind` was looked up: the next one may be."""

    kind: str


@dataclass(frozen=True, slots=True)
class Stored:
    """Rejected records are in the storage, whole."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """A worker met what ends the sync."""

    error: IntercomDestinationError


Notice: TypeAlias = Concluded | SetAside | Answered | LookedUp | Stored | Failed


class Mailbox:
    """Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._changed = clock.condition()
        self._clock = clock
        self._input: deque[Input] = deque()
        self._input_bytes = 0
        self._notices: deque[Notice] = deque()
        self._is_woken = False
        self.stopping = False
        self.told_to_stop = False
        self.stopped_by = ""

    def offer(self, piece: Input) -> bool:
        """Hand over a piece of input, once there is room; False if nobody wants it any more."""
        size = piece.size if isinstance(piece, Lines) else 0
        with self._changed:
            while self._input_bytes and self._input_bytes + size > INPUT_BYTES and not self.stopping:
                self._changed.wait()
            if self.stopping:
                return False
            self._input.append(piece)
            self._input_bytes += size
            self._changed.notify_all()
        return True

    def post(self, notice: Notice) -> None:
        """Hand over what a worker has to say; never waits."""
        with self._changed:
            self._notices.append(notice)
            self._changed.notify_all()

    def wake(self) -> None:
        """Let the one that waits look at what there is to do, though nothing is concluded; never waits."""
        with self._changed:
            self._is_woken = True
            self._changed.notify_all()

    def stop(self, by: str = "a signal") -> None:
        """Take no more input, and wake whoever waits: the sync is told to end, `by` a signal of that name."""
        with self._changed:
            self.told_to_stop = True
            self.stopped_by = self.stopped_by or by
        self.close()

    def close(self) -> None:
        """Take no more input, and wake whoever waits: the sync ends by itself."""
        with self._changed:
            self.stopping = True
            self._changed.notify_all()

    def notices(self) -> list[Notice]:
        """Take all that the workers had to say, without waiting."""
        if not self._notices:
            return []
        with self._changed:
            notices = list(self._notices)
            self._notices.clear()
        return notices

    def take_input(self) -> Input | None:
        """Take the next piece of input, without waiting."""
        with self._changed:
            if not self._input:
                return None
            piece = self._input.popleft()
            self._input_bytes -= piece.size if isinstance(piece, Lines) else 0
            self._changed.notify_all()
            return piece

    def _has_come(self, *, for_input: bool, for_news: bool) -> bool:
        is_wanted = (for_input and bool(self._input)) or (for_news and self._is_woken)
        return bool(self._notices) or is_wanted or self.stopping

    def wait(self, *, for_input: bool, until: float | None, for_news: bool = False) -> None:
        """Wait for a notice, for input or for other news if that is wanted, for a stop, or until `until` (seconds)."""
        with self._changed:
            while not self._has_come(for_input=for_input, for_news=for_news):
                left = None if until is None else until - self._clock.now()
                if left is not None and left <= 0:
                    return
                self._changed.wait(left)
            self._is_woken = False
