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

What a state counts is settled when it is due, by its place among the others: the records since the last
state of its stream, or of all streams, whichever of them leaves first.

Only the main thread uses a ledger. It knows nothing of threads, of Intercom, or of how a
state is written.
"""

from __future__ import annotations

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
    records: int = 0
    rejected: int = 0

    def add(self, other: _Counts) -> None:
        self.records += other.records
        self.rejected += other.rejected


@dataclass(slots=True)
class _Segment:
    """The records between two states, and the state that ends them once it was read."""

    records_out: int = 0
    counts: dict[StreamName, _Counts] = field(default_factory=dict)
    line: bytes = field(default=b"", repr=False)
    stream: StreamName | None = None


@dataclass(frozen=True, slots=True)
class _DueState:
    """A state that waits for no record any more; `number` is its place among the states."""

    number: int
    state: ReleasedState
    since: float

    @property
    def size(self) -> int:
        """Tell the bytes that it takes."""
        return len(self.state.line) + STATE_OVERHEAD


class Entry:
    """A record on its way: how many parts are still out, and what became of the others.

    `line` is the record as it was read, kept where it may have to be stored; `is_stored` says that it need
    not be any more.
    """

    __slots__ = ("is_stored", "line", "ordinal", "outcomes", "parts_out", "segment", "size", "stream")

    def __init__(
        self, stream: StreamName, ordinal: int, *, parts: int, size: int, segment: _Segment, line: bytes | None
    ) -> None:
        self.stream = stream
        self.ordinal = ordinal
        self.parts_out = parts
        self.size = size
        self.segment = segment
        self.line = line
        self.is_stored = False
        self.outcomes: list[Outcome] = []


@dataclass(frozen=True, slots=True)
class ReleasedState:
    """A state that may leave: its line as it came, and the counts that go with it."""

    line: bytes = field(repr=False)
    record_count: int
    rejected_record_count: int


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
            elif outcome.status is not Status.FILTERED:
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
    At most `max_held_bytes` of states are held back. `bytes_out` is what records that are on their way and
    states that have not left take together.
    """

    def __init__(
        self, *, stop_after_rejected: int, stores_rejected: bool = False, max_held_bytes: float = math.inf
    ) -> None:
        self._stop_after = stop_after_rejected
        self._stores_rejected = stores_rejected
        self._max_held_bytes = max_held_bytes
        self._open = _Segment()
        self._waiting: deque[_Segment] = deque()
        self._due: dict[StreamName | None, deque[_DueState]] = {}
        self._due_bytes = 0
        self._due_states = 0
        self._unreported: dict[StreamName, _Counts] = {}
        self._trials: dict[StreamName, _Trial] = {}
        self._input_ended = False
        self.records_read = 0
        self.records_out = 0
        self.bytes_out = 0

    def enter(
        self, stream: StreamName, *, parts: int, size: int, line: bytes | None = None, shows_identity: bool = False
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
        entry = Entry(stream, self.records_read, parts=parts, size=size, segment=segment, line=line)
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
        entry.segment.records_out -= 1
        if (counts := entry.segment.counts.get(entry.stream)) is None:
            counts = entry.segment.counts[entry.stream] = _Counts()
        counts.records += 1
        counts.rejected += entry.outcomes[0].status is Status.REJECTED

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
                f'The first {trial.bad_signs} records of the stream "{stream}" were all rejected, or lack the identity'
                f" property: the mapping looks wrong. {count} of them: {reason} ({REASONS[reason]}). {CURES[reason]}"
                " delivery.stop_after_rejected sets this number, 0 turns it off.",
                stream=stream,
            )

    def state(self, line: bytes, stream: StreamName | None) -> None:
        """Enter a state that was read; `stream` is None for one that covers all streams."""
        self._open.line, self._open.stream = line, stream
        self._waiting.append(self._open)
        self._open = _Segment()
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
            yield due.state

    def next_release(self) -> float | None:
        """Tell the moment at which a state that is held back leaves by itself; None where none is."""
        return min((states[0].since + HOLD_SECONDS for states in self._due.values()), default=None)

    def _note_due(self, now: float) -> None:
        # Each state's wait counts from its own moment, or one held back behind another would wait twice as long.
        while self._waiting and not self._waiting[0].records_out:
            segment = self._waiting.popleft()
            due = _DueState(self._due_states, self._counted(segment), now)
            self._due.setdefault(segment.stream, deque()).append(due)
            self._due_states += 1
            self._due_bytes += due.size

    def _take_leaving(self, now: float) -> Iterator[_DueState]:
        for stream in list(self._due):
            is_held, states = self._is_held(stream), self._due[stream]
            while stream in self._due and not (is_held and now - states[0].since < HOLD_SECONDS):
                yield self._take_first(stream)
        while self._due_bytes > self._max_held_bytes:
            yield self._take_first(min(self._due, key=lambda stream: self._due[stream][0].number))

    def _take_first(self, stream: StreamName | None) -> _DueState:
        states = self._due[stream]
        due = states.popleft()
        if not states:
            del self._due[stream]
        self._due_bytes -= due.size
        self.bytes_out -= due.size
        return due

    def _is_held(self, stream: StreamName | None) -> bool:
        if self._input_ended:
            return False
        trials = self._trials.values() if stream is None else [self._trial(stream)]
        return any(trial.holds for trial in trials)

    def _counted(self, segment: _Segment) -> ReleasedState:
        for stream, counts in segment.counts.items():
            self._unreported.setdefault(stream, _Counts()).add(counts)
        total = _Counts()
        for stream in list(self._unreported) if segment.stream is None else [segment.stream]:
            total.add(self._unreported.pop(stream, _Counts()))
        return ReleasedState(segment.line, total.records - total.rejected, total.rejected)

    def _trial(self, stream: StreamName) -> _Trial:
        if (trial := self._trials.get(stream)) is None:
            trial = self._trials[stream] = _Trial()
        return trial
