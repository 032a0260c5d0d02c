"""The ledger against a naive account of the same sync, under any interleaving."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from destination_intercom import outcomes
from destination_intercom.delivery.ledger import HOLD_SECONDS, STATE_OVERHEAD, Entry, Ledger, ReleasedState
from destination_intercom.errors import ConfigurationError, StreamName
from destination_intercom.outcomes import Outcome, Status

STREAMS = (StreamName("events"), StreamName("users"), StreamName("events", "shop"))
OUTCOMES = (
    outcomes.DELIVERED,
    outcomes.UNCHANGED,
    outcomes.DUPLICATE,
    outcomes.filtered(outcomes.NOT_SELECTED),
    outcomes.filtered(outcomes.ANONYMOUS),
    outcomes.filtered(outcomes.NO_IDENTITY_PROPERTY),
    outcomes.rejected(outcomes.REFUSED),
    outcomes.rejected(outcomes.INVALID_IDENTITY),
)
FILTERED = OUTCOMES[3:6]
EARLY = replace(outcomes.rejected(outcomes.UNKNOWN_USER), is_early=True)
"""Rejected, though the person may still come: no sign of anything."""

LATE = (EARLY, *(outcome for outcome in OUTCOMES if outcome.status is not Status.FILTERED))
"""What a part may come to after the next record was read: nothing is filtered then any more."""

BAD_LATE = (*OUTCOMES[6:], EARLY)
LATE_IN_A_SYNC = 8
"""Messages after which a stream may end: no state is held back afterwards."""

NARROW, WIDE = 3 * STATE_OVERHEAD, 1000 * STATE_OVERHEAD
"""Bytes of states that may be held back: of two of these small ones, and of more than come up."""

RANK = (Status.REJECTED, Status.DELIVERED, Status.UNCHANGED, Status.DUPLICATE, Status.FILTERED)


@dataclass(eq=False)
class _Record:
    stream: StreamName
    entry: Entry
    parts: int
    size: int
    stores_rejected: bool
    shows_identity: bool = False
    outcomes: list[Outcome] = field(default_factory=list)
    stored: bool = False
    is_aside: bool = False
    is_kept: bool = True
    """Whether it was among the first ones when it was read."""

    @property
    def is_concluded(self) -> bool:
        return len(self.outcomes) == self.parts

    @property
    def is_to_be_stored(self) -> bool:
        return self.stores_rejected and self.is_concluded and self.status is Status.REJECTED and not self.stored

    @property
    def is_done(self) -> bool:
        return self.is_concluded and not self.is_to_be_stored

    @property
    def status(self) -> Status:
        return min((outcome.status for outcome in self.outcomes), key=RANK.index)

    @property
    def is_bad_sign(self) -> bool:
        return self.lacks_identity or (self.status is Status.REJECTED and not self.is_early)

    @property
    def is_good_sign(self) -> bool:
        return self.is_concluded and self.status not in {Status.REJECTED, Status.FILTERED}

    @property
    def is_early(self) -> bool:
        """Say whether it counts neither way; of several rejected parts the first speaks for the record."""
        refused = [outcome for outcome in self.outcomes if outcome.status is Status.REJECTED]
        return self.is_concluded and bool(refused) and refused[0] is EARLY

    @property
    def lacks_identity(self) -> bool:
        reasons = [outcome.reason for outcome in self.outcomes]
        return self.status is Status.FILTERED and outcomes.NO_IDENTITY_PROPERTY in reasons


@dataclass(eq=False)
class _State:
    line: bytes
    stream: StreamName | None
    due_since: float = math.inf
    released: bool = False

    @property
    def streams(self) -> tuple[StreamName, ...]:
        """The streams that it covers."""
        return STREAMS if self.stream is None else (self.stream,)


class LedgerMachine(RuleBasedStateMachine):
    """Everything that can happen to a ledger, in any order that a sync allows."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[_Record | _State] = []
        self.ended: set[StreamName] = set()
        self.input_ended = False
        self.now = 0.0
        self.acknowledged = 0

    @initialize(
        stop_after=st.sampled_from((0, 1, 2, 3, 4, 8)),
        stores_rejected=st.booleans(),
        most=st.sampled_from((NARROW, WIDE)),
    )
    def begin(self, stop_after: int, *, stores_rejected: bool, most: int) -> None:
        self.stop_after, self.stores_rejected, self.most = stop_after, stores_rejected, most
        self.ledger = Ledger(stop_after_rejected=stop_after, stores_rejected=stores_rejected, max_held_bytes=most)

    # -------------------------------------------------------- what happens

    @precondition(lambda self: not self.input_ended)
    @rule(
        stream=st.sampled_from((STREAMS[0], *STREAMS)),
        parts=st.integers(1, 3),
        size=st.sampled_from((0, 1, 9, STATE_OVERHEAD)),
        filtered=st.lists(st.sampled_from(FILTERED), max_size=3),
        shows_identity=st.booleans(),
    )
    def read_record(
        self, stream: StreamName, parts: int, size: int, filtered: list[Outcome], *, shows_identity: bool = False
    ) -> None:
        """What is not filtered at once is sent, for it has an identity."""
        shows = shows_identity or len(filtered) < parts
        entry = self.ledger.enter(stream, parts=parts, size=size, line=b"x" * size, shows_identity=shows)
        record = _Record(stream, entry, parts, size, self.stores_rejected, shows)
        record.is_kept = entry in self.ledger._trial(stream).unjudged
        self.log.append(record)
        assert (len(self.records), stream) == (entry.ordinal, entry.stream)
        for outcome in filtered[:parts]:
            self._conclude(record, outcome)

    @precondition(lambda self: not self.input_ended)
    @rule(stream=st.sampled_from((None, *STREAMS)))
    def read_state(self, stream: StreamName | None) -> None:
        state = _State(b"state %d" % len(self.log), stream)
        self.log.append(state)
        self.ledger.state(state.line, stream)

    @precondition(lambda self: not self.input_ended)
    @rule(stream=st.sampled_from(STREAMS), outcome=st.sampled_from(LATE))
    def overtake(self, stream: StreamName, outcome: Outcome) -> None:
        """A stream begins badly, and of its next two records the second is concluded first."""
        self.read_record(stream, 1, 1, [])
        self.conclude_all_that_is_out(outcomes.rejected(outcomes.REFUSED))
        for record in [record for record in self.records if record.is_to_be_stored]:
            self._store(record)
        self.read_state(stream)
        self.read_record(stream, 1, 1, [])
        self.read_record(stream, 1, 1, [])
        self._conclude(self.records[-1], outcome)
        self.release()

    @precondition(lambda self: not self.input_ended)
    @rule(wrong=st.sampled_from(STREAMS), other=st.sampled_from(STREAMS), shape=st.sampled_from(("stream", "global")))
    def hold_one_and_go_on_with_another(self, wrong: StreamName, other: StreamName, shape: str) -> None:
        """A stream looks wrong, a state of it or of all is held back, and another stream goes on behind it."""
        self.read_record(wrong, 1, 1, [])
        self._conclude(self.records[-1], outcomes.rejected(outcomes.REFUSED))
        self.read_state(wrong if shape == "stream" else None)
        self.read_record(other, 1, 1, [])
        self._conclude(self.records[-1], outcomes.DELIVERED)
        self.read_state(other)
        for record in [record for record in self.records if record.is_to_be_stored]:
            self._store(record)
        self.release()

    @precondition(lambda self: any(not record.is_concluded for record in self.records))
    @rule(data=st.data())
    def set_aside(self, data: st.DataObject) -> None:
        """A record waits for its person, one part of it or several."""
        record = data.draw(st.sampled_from([record for record in self.records if not record.is_concluded]))
        record.is_aside = True
        self.ledger.set_aside(record.entry)

    @precondition(lambda self: not self.input_ended)
    @rule(stream=st.sampled_from(STREAMS), other=st.sampled_from(STREAMS), shape=st.sampled_from(("stream", "global")))
    def wait_and_go_on_with_another(self, stream: StreamName, other: StreamName, shape: str) -> None:
        """A large record waits, a state of its stream or of all stays, and another stream goes on behind it."""
        self.read_record(stream, 1, NARROW, [])
        self.records[-1].is_aside = True
        self.ledger.set_aside(self.records[-1].entry)
        self.read_state(stream if shape == "stream" else None)
        self.read_record(other, 1, 1, [])
        self._conclude(self.records[-1], outcomes.DELIVERED)
        self.read_state(other)
        self.release()

    @precondition(lambda self: any(not record.is_concluded for record in self.records))
    @rule(data=st.data(), bad=st.booleans())
    def conclude(self, data: st.DataObject, *, bad: bool) -> None:
        record = data.draw(st.sampled_from([record for record in self.records if not record.is_concluded]))
        outcome = data.draw(st.sampled_from(BAD_LATE if bad else LATE))
        self._conclude(record, outcome)

    @rule(outcome=st.sampled_from(LATE))
    def conclude_all_that_is_out(self, outcome: Outcome) -> None:
        for record in [record for record in reversed(self.records) if not record.is_concluded]:
            while not record.is_concluded:
                self._conclude(record, outcome)

    @precondition(lambda self: any(not record.is_concluded for record in self.records))
    @rule(data=st.data(), bad=st.booleans())
    def conclude_a_merge(self, data: st.DataObject, *, bad: bool) -> None:
        """One part each of several records, of whatever streams, comes to the same in their order."""
        out = [record for record in self.records if not record.is_concluded]
        chosen = data.draw(st.sets(st.sampled_from(range(len(out))), min_size=1))
        outcome = data.draw(st.sampled_from(BAD_LATE if bad else LATE))
        for number in sorted(chosen):
            self._conclude(out[number], outcome)

    @precondition(lambda self: any(record.is_to_be_stored for record in self.records))
    @rule(data=st.data())
    def store(self, data: st.DataObject) -> None:
        """An object with some of the rejected records is in the storage; others may be on their way there."""
        waiting = [record for record in self.records if record.is_to_be_stored]
        for number in data.draw(st.sets(st.sampled_from(range(len(waiting))), min_size=1)):
            self._store(waiting[number])

    def _store(self, record: _Record) -> None:
        record.stored = True
        self.ledger.note_stored(record.entry)

    @precondition(lambda self: any(not record.is_to_be_stored for record in self.records))
    @rule(data=st.data())
    def store_what_is_not_to_be_stored(self, data: st.DataObject) -> None:
        """A bug that would count a record twice, or too early, is refused and changes nothing."""
        record = data.draw(st.sampled_from([record for record in self.records if not record.is_to_be_stored]))
        if record.is_concluded and record.status is Status.REJECTED and not record.stored:
            return  # nothing is stored in this sync: nobody could say so
        with pytest.raises(AssertionError):
            self.ledger.note_stored(record.entry)

    @precondition(lambda self: any(record.is_concluded for record in self.records))
    @rule(data=st.data(), outcome=st.sampled_from(OUTCOMES))
    def conclude_once_more(self, data: st.DataObject, outcome: Outcome) -> None:
        """So is one that would conclude a record twice."""
        record = data.draw(st.sampled_from([record for record in self.records if record.is_concluded]))
        with pytest.raises(AssertionError):
            self.ledger.conclude(record.entry, outcome)

    def _conclude(self, record: _Record, outcome: Outcome) -> None:
        record.outcomes.append(outcome)
        whole = self.ledger.conclude(record.entry, outcome)
        assert record.is_concluded == (whole is not None)
        if whole is None:
            return
        assert (record.status, record.is_bad_sign) == (whole.status, whole.is_bad_sign)
        try:
            self.ledger.judge(record.stream)
        except ConfigurationError as error:
            raised = error.stream
        else:
            raised = None
        assert (record.stream if self._is_condemned(record.stream) else None) == raised

    @precondition(lambda self: len(self.log) > LATE_IN_A_SYNC)
    @rule(stream=st.sampled_from(STREAMS))
    def end_stream(self, stream: StreamName) -> None:
        self.ended.add(stream)
        self.ledger.end_stream(stream)

    @precondition(lambda self: self.log and all(record.is_done for record in self.records))
    @rule()
    def end_input(self) -> None:
        self.input_ended = True
        self.ledger.end_input()

    @rule(seconds=st.sampled_from((1.0, HOLD_SECONDS / 2, HOLD_SECONDS - 1, HOLD_SECONDS)))
    def let_time_pass(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: any(not state.released for state in self.states))
    @rule(early=st.sampled_from((0.0, 1.0)))
    def let_the_moment_come(self, early: float) -> None:
        """The moment at which the first state that is held leaves by itself, or a second before it."""
        self.release()
        if held := self._held_by_themselves():
            self.now = max(self.now, held[0].due_since + HOLD_SECONDS - early)
            self.release()
            assert held[0].released or early

    @rule()
    def release(self) -> None:
        expected = self._expected_release()
        assert expected == list(self.ledger.release(self.now))
        self.acknowledged += sum(state.record_count + state.rejected_record_count for state in expected)
        assert all(self._is_held_back(state) for state in self._held_by_themselves())
        assert self._taken(self._held()) <= self.most or not self._held_by_themselves()
        free = {state.stream for state in self._held_by_themselves()}
        behind = [state for state in self._held() if state.stream not in free]
        assert self._size(behind) == self.ledger.bytes_behind_those_aside

    # -------------------------------------------------------- the naive account

    @property
    def records(self) -> list[_Record]:
        return [each for each in self.log if isinstance(each, _Record)]

    @property
    def states(self) -> list[_State]:
        return [each for each in self.log if isinstance(each, _State)]

    def _held(self) -> list[_State]:
        """The states that would have left but for a stream that looks wrong, in their order."""
        return [state for state in self.states if state.due_since <= self.now and not state.released]

    def _held_by_themselves(self) -> list[_State]:
        """Those of them that wait for no record."""
        return [state for state in self._held() if not self._is_behind_those_aside(state)]

    def _is_behind_those_aside(self, state: _State) -> bool:
        """Say whether a record that the state, or one before it, covers waits for its person."""
        before = self.log[: self.log.index(state)]
        return any(isinstance(each, _Record) and self._waits(each) and each.stream in state.streams for each in before)

    @staticmethod
    def _waits(record: _Record) -> bool:
        return record.is_aside and not record.is_done

    def _taken(self, states: list[_State]) -> int:
        """Tell what states take, and what waits for people."""
        return self._size(states) + sum(record.size for record in self.records if self._waits(record))

    @staticmethod
    def _size(states: list[_State]) -> int:
        return sum(len(state.line) + STATE_OVERHEAD for state in states)

    def _judged(self, stream: StreamName) -> tuple[int, bool]:
        """Count the bad signs that the stream began with, as far as is known, and tell whether one fared better."""
        bad = 0
        mine = [record for record in self.records if record.stream == stream]
        excused = any(record.shows_identity for record in mine)
        if any(record.is_early for record in mine):
            if any(record.is_good_sign for record in mine):
                return 0, True
            # What took the place of others said nothing.
            mine = [record for record in mine if record.is_kept]
        for record in mine:
            if not record.is_concluded or bad == self.stop_after:
                break
            if record.lacks_identity:
                bad += not excused
            elif record.is_bad_sign:
                bad += 1
            elif record.is_good_sign:
                return bad, True
        return bad, False

    def _is_condemned(self, stream: StreamName) -> bool:
        bad, fared_better = self._judged(stream)
        return 0 < self.stop_after == bad and not fared_better

    def _is_suspect(self, stream: StreamName) -> bool:
        bad, fared_better = self._judged(stream)
        return bad > 0 and not fared_better and stream not in self.ended

    def _is_held_back(self, state: _State) -> bool:
        waits = self.now - state.due_since < HOLD_SECONDS and not self.input_ended
        return waits and any(self._is_suspect(stream) for stream in state.streams)

    def _expected_release(self) -> list[ReleasedState]:
        self._note_due()
        leaving: list[_State] = []
        for state in self._held():
            # Nothing of a stream is overtaken by the same stream, and nothing at all by a state of all of them.
            held = [each for each in self._held() if each not in leaving]
            earlier = held[: held.index(state)]
            behind = earlier if state.stream is None else [each for each in earlier if each.stream == state.stream]
            if not behind and not self._is_held_back(state) and not self._is_behind_those_aside(state):
                leaving.append(state)
        staying = [state for state in self._held() if state not in leaving]
        free = [state for state in staying if not self._is_behind_those_aside(state)]
        while self._taken(staying) > self.most and free:
            leaving.append(free.pop(0))
            staying.remove(leaving[-1])
        leaving.sort(key=self.log.index)
        for state in leaving:
            state.released = True
        return [self._count(state) for state in leaving]

    def _note_due(self) -> None:
        for each in self.log:
            if isinstance(each, _Record):
                if not each.is_done and not each.is_aside:
                    return
            else:
                each.due_since = min(each.due_since, self.now)

    def _count(self, state: _State) -> ReleasedState:
        """Count each stream's records since the last state that covers it, whichever of them left first."""
        fresh: list[_Record] = []
        for stream in state.streams:
            since: list[_Record] = []
            for each in self.log[: self.log.index(state)]:
                if isinstance(each, _State):
                    since = [] if stream in each.streams else since
                elif each.stream == stream:
                    since.append(each)
            fresh += since
        rejected = sum(record.status is Status.REJECTED for record in fresh)
        return ReleasedState(state.line, len(fresh) - rejected, rejected)

    # -------------------------------------------------------- what always holds

    @invariant()
    def counts_are_those_of_the_records(self) -> None:
        if not hasattr(self, "ledger"):
            return
        out = [record for record in self.records if not record.is_done]
        assert (len(self.records), len(out)) == (self.ledger.records_read, self.ledger.records_out)
        waiting = self._size([state for state in self.states if not state.released])
        assert sum(record.size for record in out) + waiting == self.ledger.bytes_out

    @invariant()
    def few_records_are_kept_to_judge_the_mapping(self) -> None:
        if not hasattr(self, "ledger"):
            return
        assert all(len(self.ledger._trial(stream).unjudged) <= self.stop_after for stream in STREAMS)

    @invariant()
    def a_record_is_kept_as_it_was_read_until_it_is_done_with(self) -> None:
        for record in self.records:
            assert (None if record.is_done else b"x" * record.size) == record.entry.line

    @invariant()
    def a_state_that_is_held_has_a_moment_to_leave(self) -> None:
        if not hasattr(self, "ledger"):
            return
        held = self._held_by_themselves()
        assert (held[0].due_since + HOLD_SECONDS if held else None) == self.ledger.next_release()

    def teardown(self) -> None:
        """End the sync: all states have left then, once each, and the counts add up to the records read."""
        if not hasattr(self, "ledger"):
            return
        self.conclude_all_that_is_out(outcomes.DELIVERED)
        for record in self.records:
            if record.is_to_be_stored:
                self._store(record)
        self.read_state(None)
        self.end_input()
        self.release()
        assert all(state.released for state in self.states)
        assert [] == list(self.ledger.release(self.now))
        assert len(self.records) == self.acknowledged
        assert (0, 0) == (self.ledger.records_out, self.ledger.bytes_out)


LedgerMachine.TestCase.settings = settings(max_examples=250, stateful_step_count=40, deadline=None)
TestLedger = LedgerMachine.TestCase
