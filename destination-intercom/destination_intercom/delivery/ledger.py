"""Which states may leave now: the account of every record read, in the order of arrival.

The records between two states make a segment. A state is due when each record before it, of any
stream, has its final outcome, and then it leaves, unless it is held back: while every record of its
stream so far was rejected or lacks the identity property, the mapping may be wrong, and a state would
say that the records are done with. Such a stream holds back its own states and those of all streams,
and no others: a state that is held back may be overtaken by those of other streams, which is the only
way in which states do not leave in the order in which they came. It leaves when one record fares
better, when the stream or the input ends, or after `HOLD_SECONDS`, for the platform gives up on a
destination that acknowledges nothing for longer; or where states beyond `max_held_bytes` are held
back, the oldest first, for what would speak for the stream must still be read. Where rejected records
are stored, each of them is on its way until it is.

A record that waits for its person is set aside: the states that cover it stay until it has its outcome,
and those of other streams need not. What a state counts is settled by its place among the others: the
records since the last state of its stream, or of all streams, whichever of them leaves first.

Only the main thread uses a ledger. It knows nothing of threads, of Intercom, or of how a
state is written.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from destination_intercom.errors import ConfigurationError, StreamName
from destination_intercom.outcomes import CURES, NO_IDENTITY_PROPERTY, REASONS, Outcome, Status, combine

HOLD_SECONDS: Final = 600.0
"""Below the 15 minutes without a state after which the platform may end a sync."""

STATE_OVERHEAD: Final = 512
"""Bytes that a state takes beside its line, with the counts of a stream or two (measured)."""


@dataclass(slots=True)
class _Counts:
    """What became of the records of a stream that one state covers."""

    records: int = 0
    rejected: int = 0


@dataclass(slots=True)
class _Segment:
    """The records between two states, and the state that ends them once it was read; `number` is its place."""

    number: int
    records_out: int = 0
    line: bytes = field(default=b"", repr=False)
    stream: StreamName | None = None
    covered: list[_Counts] = field(default_factory=list)
    after: int = 0


@dataclass(frozen=True, slots=True)
class _DueState:
    """A state before which each record has its outcome, or is set aside."""

    segment: _Segment
    since: float

    @property
    def number(self) -> int:
        """Tell its place among the states."""
        return self.segment.number

    @property
    def size(self) -> int:
        """Tell the bytes that it takes."""
        return len(self.segment.line) + STATE_OVERHEAD

    @property
    def released(self) -> ReleasedState:
        """Count what it covers."""
        records = sum(counts.records for counts in self.segment.covered)
        rejected = sum(counts.rejected for counts in self.segment.covered)
        return ReleasedState(self.segment.line, records - rejected, rejected, self.segment.after)


class _Places:
    """The segments of a stream in which records are set aside."""

    __slots__ = ("_counts", "_heap")

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._heap: list[int] = []

    def add(self, number: int) -> None:
        if not self._counts[number]:
            heapq.heappush(self._heap, number)
        self._counts[number] += 1

    def remove(self, number: int) -> None:
        self._counts[number] -= 1
        while self._heap and not self._counts[self._heap[0]]:
            del self._counts[heapq.heappop(self._heap)]

    @property
    def first(self) -> float:
        return self._heap[0] if self._heap else math.inf


class Entry:
    """A record on its way: how many parts are still out, and what became of the others.

    `line` is the record as it was read, kept where it may have to be stored; `is_stored` says that it need
    not be any more. `is_aside` says that a part of it has waited for its person. What is sent again was `rejected_at`
    a unix time.
    """

    __slots__ = (
        "counts",
        "emitted_at",
        "is_aside",
        "is_stored",
        "line",
        "ordinal",
        "outcomes",
        "parts_out",
        "rejected_at",
        "segment",
        "size",
        "stream",
    )

    def __init__(
        self,
        stream: StreamName,
        ordinal: int,
        *,
        parts: int,
        size: int,
        segment: _Segment,
        counts: _Counts,
        line: bytes | None,
        emitted_at: int | None = None,
    ) -> None:
        self.stream = stream
        self.rejected_at: float | None = None
        self.emitted_at = emitted_at
        self.ordinal = ordinal
        self.parts_out = parts
        self.size = size
        self.segment = segment
        self.counts = counts
        self.line = line
        self.is_stored = False
        self.is_aside = False
        self.outcomes: list[Outcome] = []


@dataclass(frozen=True, slots=True)
class ReleasedState:
    """A state that may leave: its line as it came, and the counts that go with it."""

    line: bytes = field(repr=False)
    record_count: int
    rejected_record_count: int
    after: int = field(default=0, compare=False)
    """The ordinal of the last record before it."""


@dataclass(slots=True)
class _Trial:
    """Whether a stream's mapping looks right: its records in their order, until one speaks for it."""

    unjudged: deque[Entry] = field(default_factory=deque)
    rejected: Counter[str] = field(default_factory=Counter, repr=False)
    """How many of the first records were rejected, by reason."""
    lacking_identity: int = 0
    identity_shown: bool = False
    fared_better: bool = False
    ended: bool = False
    has_good_ones: bool = False
    has_early_ones: bool = False

    @property
    def bad_signs(self) -> int:
        """Count what speaks against the mapping: one record that has the identity property excuses those without."""
        return self.rejected.total() + (0 if self.identity_shown else self.lacking_identity)

    @property
    def commonest(self) -> tuple[str, int]:
        """Tell the reason that most of the bad signs have, and of how many."""
        reasons = Counter(self.rejected)
        reasons[NO_IDENTITY_PROPERTY] = 0 if self.identity_shown else self.lacking_identity
        return reasons.most_common(1)[0]

    def note(self, outcome: Outcome) -> None:
        """Note what became of any record, in whatever order."""
        self.has_good_ones = self.has_good_ones or outcome.is_good_sign
        self.has_early_ones = self.has_early_ones or outcome.is_early
        # Records that count neither way took the place of some that followed, which are not looked at.
        self.fared_better = self.fared_better or (self.has_good_ones and self.has_early_ones)

    def counts(self, outcome: Outcome) -> bool:
        """Say whether an outcome speaks against the mapping."""
        return outcome.is_bad_sign and not (outcome.lacks_identity and self.identity_shown)

    def judge(self, stop_after: int) -> None:
        """Look at the records at the head whose outcome is known, until `stop_after` of them are bad signs."""
        # What follows the first `stop_after` bad signs cannot acquit: its answer may just have been quicker.
        while not self.is_settled(stop_after) and self.unjudged and self.unjudged[0].parts_out == 0:
            outcome = self.unjudged.popleft().outcomes[0]
            if outcome.lacks_identity:
                self.lacking_identity += 1
            elif outcome.is_bad_sign:
                self.rejected[outcome.reason] += 1
            elif outcome.is_good_sign:
                self.fared_better = True
        if self.is_settled(stop_after):
            self.unjudged.clear()

    def is_settled(self, stop_after: int) -> bool:
        """Say whether no further record can change the judgement."""
        return self.fared_better or self.bad_signs >= stop_after

    @property
    def holds(self) -> bool:
        return self.bad_signs > 0 and not self.fared_better and not self.ended


class Ledger:
    """The account of one sync; `stop_after_rejected` bad signs and nothing else end it, 0 never does.

    With `stores_rejected` a rejected record is done with only when it is stored: `note_stored` says so.
    States that are held back and what is set aside take at most `max_held_bytes` together, as far as that can be
    had by letting states go. `bytes_out` is what records that are on their way and states that have not left
    take together.
    """

    def __init__(
        self, *, stop_after_rejected: int, stores_rejected: bool = False, max_held_bytes: float = math.inf
    ) -> None:
        self._stop_after = stop_after_rejected
        self._stores_rejected = stores_rejected
        self._max_held_bytes = max_held_bytes
        self._open = _Segment(0)
        self._waiting: deque[_Segment] = deque()
        self._due: dict[StreamName | None, deque[_DueState]] = {}
        self._due_bytes: Counter[StreamName | None] = Counter()
        self._uncovered: dict[StreamName, _Counts] = {}
        self._aside: dict[StreamName, _Places] = {}
        self._bytes_aside = 0
        self._trials: dict[StreamName, _Trial] = {}
        self._input_ended = False
        self.records_read = 0
        self.records_out = 0
        self.bytes_out = 0

    def enter(
        self,
        stream: StreamName,
        *,
        parts: int,
        size: int,
        line: bytes | None = None,
        shows_identity: bool = False,
        emitted_at: int | None = None,
    ) -> Entry:
        """Enter a record of `size` bytes that was read, with `parts` (1 or more) outcomes to come.

        The parts that are filtered are concluded before the next record is entered. `shows_identity` says that
        the record has the identity property, with or without a value.
        """
        self.records_read += 1
        self.records_out += 1
        self.bytes_out += size
        segment = self._open
        segment.records_out += 1
        counts = self._uncovered.setdefault(stream, _Counts())
        entry = Entry(
            stream,
            self.records_read,
            parts=parts,
            size=size,
            segment=segment,
            counts=counts,
            line=line,
            emitted_at=emitted_at,
        )
        trial = self._trial(stream)
        trial.identity_shown = trial.identity_shown or shows_identity
        # The first `stop_after` records decide, filtered ones aside: what follows them need not be kept.
        if not trial.is_settled(self._stop_after) and trial.bad_signs + len(trial.unjudged) < self._stop_after:
            trial.unjudged.append(entry)
        return entry

    def conclude(self, entry: Entry, outcome: Outcome) -> Outcome | None:
        """Note the outcome of one part; return the record's own once it was the last of them."""
        if entry.parts_out <= 0:
            raise AssertionError(f"record {entry.ordinal} was concluded twice")
        entry.outcomes.append(outcome)
        entry.parts_out -= 1
        if entry.parts_out > 0:
            return None
        whole = outcome if len(entry.outcomes) == 1 else combine(entry.outcomes)
        entry.outcomes = [whole]
        if not (self._stores_rejected and whole.status is Status.REJECTED):
            self._finish(entry)
        trial = self._trial(entry.stream)
        trial.note(whole)
        neither = whole.status is Status.FILTERED and not trial.counts(whole)
        if neither and trial.unjudged and trial.unjudged[-1] is entry:
            # It counts neither way, and there may be millions of them behind one record in flight.
            trial.unjudged.pop()
        return whole

    def note_stored(self, entry: Entry) -> None:
        """Note that a rejected record is stored: no state waits for it any longer."""
        if entry.parts_out or entry.is_stored or entry.outcomes[0].status is not Status.REJECTED:
            raise AssertionError(f"record {entry.ordinal} was not to be stored")
        entry.is_stored = True
        self._finish(entry)

    def _finish(self, entry: Entry) -> None:
        """Take a record that is done with out of what is on its way."""
        entry.line = None
        self.records_out -= 1
        self.bytes_out -= entry.size
        entry.counts.records += 1
        entry.counts.rejected += entry.outcomes[0].status is Status.REJECTED
        if entry.is_aside:
            self._aside[entry.stream].remove(entry.segment.number)
            self._bytes_aside -= entry.size
        else:
            entry.segment.records_out -= 1

    def set_aside(self, entry: Entry) -> None:
        """Note that a record waits for its person: until it has its outcome only the states that cover it stay."""
        if not entry.is_aside:
            entry.is_aside = True
            entry.segment.records_out -= 1
            self._aside.setdefault(entry.stream, _Places()).add(entry.segment.number)
            self._bytes_aside += entry.size

    @property
    def bytes_behind_those_aside(self) -> int:
        """Tell what the states take that wait for nothing but records that are set aside."""
        return sum(self._due_bytes[stream] for stream in self._due if self._is_behind_those_aside(stream))

    def judge(self, stream: StreamName) -> None:
        """Look whether the mapping of `stream` is wrong.

        Raises:
            ConfigurationError: the stream began with `stop_after_rejected` bad signs and nothing else.
        """
        trial = self._trial(stream)
        trial.judge(self._stop_after)
        if self._stop_after and not trial.fared_better and trial.bad_signs >= self._stop_after:
            reason, count = trial.commonest
            raise ConfigurationError(
                f'The first {trial.bad_signs} records of the stream "{stream}" were all rejected, or do not have the'
                f" identity property: the mapping looks wrong. {count} of them: {reason} ({REASONS[reason]})."
                f" {CURES[reason]} delivery.stop_after_rejected sets this number; 0 turns the check off.",
                stream=stream,
            )

    def state(self, line: bytes, stream: StreamName | None) -> None:
        """Enter a state that was read; `stream` is None for one that covers all streams."""
        segment = self._open
        segment.line, segment.stream, segment.after = line, stream, self.records_read
        covered = list(self._uncovered) if stream is None else [stream]
        segment.covered = [self._uncovered.pop(each) for each in covered if each in self._uncovered]
        self._waiting.append(segment)
        self._open = _Segment(segment.number + 1)
        self.bytes_out += len(line) + STATE_OVERHEAD

    def end_stream(self, stream: StreamName) -> None:
        """Note that the source has finished `stream`; its states are no longer held back."""
        self._trial(stream).ended = True

    def end_input(self) -> None:
        """Note that no more will be read; no state is held back any longer."""
        self._input_ended = True

    def release(self, now: float) -> Iterator[ReleasedState]:
        """Give up the states that may leave at `now` (seconds), each of them once, in the order in which they came."""
        self._note_due(now)
        for due in sorted(self._take_leaving(now), key=lambda due: due.number):
            yield due.released

    def next_release(self) -> float | None:
        """Tell the moment at which a state that is held back leaves by itself; None where none is."""
        heads = (states[0] for stream, states in self._due.items() if not self._is_behind_those_aside(stream))
        return min((head.since + HOLD_SECONDS for head in heads), default=None)

    def _note_due(self, now: float) -> None:
        # Each state's wait counts from its own moment, or one held back behind another would wait twice as long.
        while self._waiting and not self._waiting[0].records_out:
            due = _DueState(self._waiting.popleft(), now)
            self._due.setdefault(due.segment.stream, deque()).append(due)
            self._due_bytes[due.segment.stream] += due.size

    def _take_leaving(self, now: float) -> Iterator[_DueState]:
        for stream in list(self._due):
            is_held, states = self._is_held(stream), self._due[stream]
            while stream in self._due and not (is_held and now - states[0].since < HOLD_SECONDS):
                if self._is_behind_those_aside(stream):
                    break
                yield self._take_first(stream)
        while self._due_bytes.total() + self._bytes_aside > self._max_held_bytes:
            free = [stream for stream in self._due if not self._is_behind_those_aside(stream)]
            if not free:
                break
            yield self._take_first(min(free, key=lambda stream: self._due[stream][0].number))

    def _take_first(self, stream: StreamName | None) -> _DueState:
        states = self._due[stream]
        due = states.popleft()
        if not states:
            del self._due[stream]
        self._due_bytes[stream] -= due.size
        self.bytes_out -= due.size
        return due

    def _is_behind_those_aside(self, stream: StreamName | None) -> bool:
        """Say whether a record that is set aside keeps the first state of `stream` that has not left."""
        number = self._due[stream][0].number
        if stream is None:
            return any(places.first <= number for places in self._aside.values())
        return stream in self._aside and self._aside[stream].first <= number

    def _is_held(self, stream: StreamName | None) -> bool:
        if self._input_ended:
            return False
        trials = self._trials.values() if stream is None else [self._trial(stream)]
        return any(trial.holds for trial in trials)

    def _trial(self, stream: StreamName) -> _Trial:
        if (trial := self._trials.get(stream)) is None:
            trial = self._trials[stream] = _Trial()
        return trial
