"""The scheduler, the batches, the mailbox and the ledger together, whatever is sent and whatever is answered.

The machine stands where the pipeline does. What becomes of a call is told by a script for its person, not
by the order in which threads happen to run; time is virtual, so that a deadlock is an error at once.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypeVar, cast

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from destination_intercom.contacts.batches import LARGEST_SIZE, LONGEST_AGE
from destination_intercom.contacts.mapping import ContactChange
from destination_intercom.delivery.ledger import Entry, Ledger
from destination_intercom.delivery.mailbox import Concluded, Failed, LookedUp, Mailbox
from destination_intercom.delivery.scheduler import Rules, Scheduler
from destination_intercom.delivery.tasks import Batch
from destination_intercom.errors import (
    AnswerTooLargeError,
    AttemptError,
    ConfigurationError,
    InternalError,
    MaybeSentError,
    NotSentError,
    StreamName,
)
from destination_intercom.events.mapping import EventPayload
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import (
    Call,
    CreateContact,
    FindByExternalId,
    GetContact,
    PostEvent,
    SearchContacts,
    UpdateContact,
)
from destination_intercom.intercom.classify import Judgement, Verdict, judge
from destination_intercom.intercom.quota import Permit, Quota
from destination_intercom.outcomes import Status
from integration_tests.support.virtual_clock import START, VirtualClock
from unit_tests.keys import by_id
from unit_tests.scheduler_bench import AMPLE, ample_quota
from unit_tests.task_bench import listed, refusal, sync_parts

Fate: TypeAlias = Literal[
    "ok", "refused", "invalid", "throttled", "broken", "html", "unsent", "lost", "young", "slow", "unauthorized", "bug"
]
"""What becomes of one call: `lost` is carried out and its answer is not received, `slow` takes longer than usual."""

PASSING: tuple[Fate, ...] = ("ok", "ok", "throttled", "broken", "html", "unsent", "lost", "young", "slow")
REFUSING: tuple[Fate, ...] = ("refused", "invalid")
FATAL: tuple[Fate, ...] = ("unauthorized", "bug")

SEEDED = ("a", "b", "c")
PEOPLE = (*SEEDED, "d", "e")
"""The first ones are contacts already."""

STREAMS = (StreamName("users"), StreamName("events"), StreamName("events", "shop"))
USUAL_SECONDS = 0.2
SLOW_SECONDS = 15.0
GRACE_SECONDS = 20.0

FATES = st.dictionaries(
    st.sampled_from(PEOPLE), st.lists(st.sampled_from((*PASSING, *REFUSING)), max_size=8), max_size=len(PEOPLE)
)
PASSING_FATES = st.dictionaries(
    st.sampled_from(PEOPLE), st.lists(st.sampled_from(PASSING), max_size=8), max_size=len(PEOPLE)
)


@dataclass
class SmallIntercom:
    """Contacts and events, and what becomes of each call by the script of its person: one step a call.

    All but `attempt` is for the thread of the test.
    """

    clock: VirtualClock
    quota: Quota
    fates: Mapping[str, list[Fate]]
    names: dict[str, str] = field(default_factory=lambda: dict.fromkeys(SEEDED, "old"))
    events: set[tuple[str, int]] = field(default_factory=set)
    calls: int = 0
    in_flight: Counter[str] = field(default_factory=Counter)
    writing: Counter[str] = field(default_factory=Counter)
    most_in_flight: int = 0
    overlaps: int = 0
    stopped: bool = False
    begun_after_stop: int = 0
    failed_at: float = math.inf
    begun_after_failure: int = 0
    met: dict[str, set[Fate]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._steps = {person: iter(fates) for person, fates in self.fates.items()}

    def attempt(self, call: Call, permit: Permit) -> tuple[Answer | AttemptError, Judgement]:
        """Carry out one call, as far as its fate lets it; in any thread."""
        person = self._person(call)
        fate: Fate = next(self._steps.get(person, iter(())), "ok")
        self.met.setdefault(person, set()).add(fate)
        self.calls += 1
        self.begun_after_stop += self.stopped
        self.begun_after_failure += self.clock.now() > self.failed_at
        lane = f"search {id(permit)}" if isinstance(call, SearchContacts) else person
        writes = isinstance(call, (CreateContact, UpdateContact))
        self.in_flight[lane] += 1
        self.writing[lane] += writes
        self.overlaps += self.in_flight[lane] > 1 and self.writing[lane] > 0
        self.most_in_flight = max(self.most_in_flight, self.in_flight.total())
        self.clock.sleep(SLOW_SECONDS if fate == "slow" else USUAL_SECONDS)
        if fate in FATAL:
            self.failed_at = min(self.failed_at, self.clock.now())
        result = self._result(call, fate)
        self.in_flight[lane] -= 1
        self.writing[lane] -= writes
        judgement = Judgement(Verdict.RETRY, result.kind) if isinstance(result, AttemptError) else judge(call, result)
        self.quota.settle(permit, AMPLE, throttled=judgement.verdict is Verdict.THROTTLED, retry_after=7.0)
        return result, judgement

    def _result(self, call: Call, fate: Fate) -> Answer | AttemptError:
        if fate == "bug":
            raise RuntimeError("canary")
        if fate in {"refused", "invalid"}:
            return refusal(400 if fate == "refused" else 422, "parameter_invalid")
        if fate == "young" and isinstance(call, PostEvent):
            return refusal(404, "not_found", "User Not Found")
        refused: dict[Fate, Answer | AttemptError] = {
            "throttled": refusal(429, "rate_limit_exceeded"),
            "broken": refusal(500, "server_error"),
            "html": Answer(502, "other"),
            "unsent": AnswerTooLargeError("large")
            if isinstance(call, SearchContacts)
            else NotSentError("no connection"),
            "unauthorized": refusal(401, "unauthorized"),
        }
        if fate in refused:
            return refused[fate]
        answer = self._answer(call)
        return MaybeSentError("timeout") if fate == "lost" else answer

    def _answer(self, call: Call) -> Answer:
        if isinstance(call, SearchContacts):
            return listed(*(self._shown(person) for person in self._asked(call) if person in self.names))
        person = self._person(call)
        if isinstance(call, PostEvent):
            if person not in self.names:
                return refusal(404, "not_found", "User Not Found")
            self.events.add((person, call.payload["created_at"]))
            return Answer(202, "empty")
        if isinstance(call, CreateContact) and person in self.names:
            return refusal(409, "conflict", f"A contact matching those details already exists with id=id-{person}")
        if isinstance(call, (CreateContact, UpdateContact)):
            self.names[person] = call.payload.get("name", "")
        elif person not in self.names:
            return refusal(404, "not_found", "User Not Found")
        return Answer(200, "json", self._shown(person))

    def _shown(self, person: str) -> dict[str, Any]:
        return {
            "id": f"id-{person}",
            "type": "contact",
            "role": "user",
            "external_id": person,
            "name": self.names[person],
        }

    @staticmethod
    def _person(call: Call) -> str:
        if isinstance(call, (UpdateContact, GetContact)):
            return call.contact_id.removeprefix("id-")
        if isinstance(call, SearchContacts):
            return next(SmallIntercom._asked(call))
        if isinstance(call, FindByExternalId):
            return call.external_id
        assert isinstance(call, (CreateContact, PostEvent))
        return str(call.payload["external_id" if isinstance(call, CreateContact) else "user_id"])

    @staticmethod
    def _asked(call: SearchContacts) -> Iterator[str]:
        filters = [call.query["query"]]
        while filters:
            value = filters.pop(0)["value"]
            if isinstance(value, str):
                yield value
            elif value and isinstance(value[0], str):
                yield from value
            else:
                filters = [*value, *filters]


@dataclass
class _Sent:
    """A record that was sent: its person, and the name that it gives or the second that it tells of."""

    entry: Entry
    person: str
    told: str | int
    statuses: list[Status] = field(default_factory=list)
    is_left_out: bool = False
    """Whether Intercom refused the name."""


Rule = TypeVar("Rule", bound=Callable[..., None])


def while_it_runs(method: Rule) -> Rule:
    """Let a rule do nothing once the sync has ended.

    That is no precondition: when a sync ends is a matter of threads, and what is drawn must not depend on it.
    """

    @functools.wraps(method)
    def run(self: WriterMachine, **drawn: Any) -> None:
        if not self.ended:
            method(self, **drawn)

    return cast(Rule, run)


class WriterMachine(RuleBasedStateMachine):
    """Everything that the pipeline may do with the scheduler, in any order, while calls meet their fates."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[_Sent] = []
        self.concluded: list[_Sent] = []
        self.states: list[int] = []
        self.released: list[int] = []
        self.acknowledged = 0
        self.looking_up = 0
        self.failures: list[Failed] = []
        self.ended = False

    @initialize(
        fates=st.one_of(FATES, PASSING_FATES),
        fatal=st.one_of(
            st.none(), st.none(), st.tuples(st.sampled_from(PEOPLE), st.integers(0, 8), st.sampled_from(FATAL))
        ),
        concurrency=st.integers(1, 5),
    )
    def begin(self, fates: dict[str, list[Fate]], fatal: tuple[str, int, Fate] | None, concurrency: int) -> None:
        if fatal is not None:
            person, position, fate = fatal
            own = fates.get(person, [])
            fates = {**fates, person: [*own[:position], fate, *own[position:]]}
        self.concurrency = concurrency
        self.clock = VirtualClock()
        self.mailbox = Mailbox(self.clock)
        kinds, parts = sync_parts(self.clock.now, self._look_up)
        self.kind, self.cache = parts.contacts, parts.contacts.cache
        self.batches = self.kind.batches
        self.ledger = Ledger(stop_after_rejected=0)
        quota = ample_quota(self.clock)
        self.intercom = SmallIntercom(self.clock, quota, fates)
        self.scheduler = Scheduler(
            attempt=self.intercom.attempt,
            make_steps=kinds.make_steps,
            quota=quota,
            mailbox=self.mailbox,
            clock=self.clock,
            concurrency=concurrency,
            rules=Rules(kinds.series, kinds.names, kinds.probes),
        )

    def _look_up(self, kind: str, batch: Batch) -> None:
        self.looking_up += 1
        self.scheduler.look_up(kind, batch)

    # -------------------------------------------------------- what the pipeline does

    @rule(
        stream=st.sampled_from(STREAMS),
        person=st.sampled_from(PEOPLE),
        sizes=st.lists(st.sampled_from((1, 1, LARGEST_SIZE // 2, LARGEST_SIZE)), min_size=1, max_size=3),
        event_at=st.sampled_from((None, 0, 1, 2)),
        is_twin=st.booleans(),
    )
    @while_it_runs
    def read_record(
        self, stream: StreamName, person: str, sizes: list[int], event_at: int | None, *, is_twin: bool
    ) -> None:
        """A record of one or more parts: contacts, and an event at the most, of one person."""
        entry = self.ledger.enter(stream, parts=len(sizes), size=1)
        # Of two events of one record, which go at once, nobody could tell which of them is concluded.
        for place, size in enumerate(sizes):
            if place != event_at:
                self._send_change(entry, person, size)
            else:
                self._send_event(entry, person, is_twin=is_twin)

    @rule(people=st.lists(st.sampled_from(PEOPLE), min_size=2, max_size=8), stream=st.sampled_from(STREAMS))
    @while_it_runs
    def read_many(self, people: list[str], stream: StreamName) -> None:
        """Changes of several people in a row, for one batch; those of one person become one update."""
        for person in people:
            self._send_change(self.ledger.enter(stream, parts=1, size=1), person, 1)

    @rule(
        person=st.sampled_from(PEOPLE), count=st.integers(2, 6), twins=st.lists(st.booleans(), min_size=6, max_size=6)
    )
    @while_it_runs
    def read_events(self, person: str, count: int, twins: list[bool]) -> None:
        """Several events of one person in a row."""
        for number in range(count):
            self._send_event(self.ledger.enter(STREAMS[1], parts=1, size=1), person, is_twin=twins[number])

    def _send_change(self, entry: Entry, person: str, size: int) -> None:
        name = f"name {len(self.sent)}"
        change = ContactChange(by_id(person), fields={"name": name}, attributes={})
        self.sent.append(_Sent(entry, person, name))
        batch = self.kind.batch(change, size=size, now=self.clock.now())
        self.scheduler.send(entry, change, batch)
        self.batches.close_if_full()

    def _send_event(self, entry: Entry, person: str, *, is_twin: bool) -> None:
        """Send an event of a second of its own, or of the second of the person's last one."""
        seconds = [part.told for part in self.sent if part.person == person and isinstance(part.told, int)]
        second = seconds[-1] if seconds and is_twin else len(self.sent)
        self.sent.append(_Sent(entry, person, second))
        event = EventPayload(by_id(person), name="did it", created_at=second, metadata={})
        self.scheduler.send(entry, event)

    @rule(stream=st.sampled_from((None, *STREAMS)))
    @while_it_runs
    def read_state(self, stream: StreamName | None) -> None:
        self.states.append(len(self.sent))
        self.ledger.state(b"%d" % (len(self.states) - 1), stream)

    @rule()
    @while_it_runs
    def close_the_batch(self) -> None:
        self.batches.close()

    @rule(seconds=st.sampled_from((0.01, USUAL_SECONDS, LONGEST_AGE, 3.0, SLOW_SECONDS, 100.0)))
    @while_it_runs
    def let_time_pass(self, seconds: float) -> None:
        self.clock.sleep(seconds)
        self._note()
        self.batches.close_if_due(self.clock.now())

    @rule()
    @while_it_runs
    def wait_for_something(self) -> None:
        if not self.sent:
            return
        due = self.batches.due
        self.mailbox.wait(for_input=True, until=self.clock.now() + 1.0 if due is None else due)
        self._note()
        self.batches.close_if_due(self.clock.now())

    @rule()
    @while_it_runs
    def deliver_all(self) -> None:
        if not self.sent:
            return
        self._deliver_all()

    @rule(seconds=st.sampled_from((0.0, 0.1, USUAL_SECONDS, 1.0)))
    @while_it_runs
    def stop(self, seconds: float) -> None:
        """The sync is told to stop; what is in flight has its time."""
        if len(self.sent) <= len(PEOPLE):
            return
        self.clock.sleep(seconds)
        self._end()

    @rule(seconds=st.sampled_from((1.0, 1000.0)))
    def look_again(self, seconds: float) -> None:
        """After the end nothing goes on by itself."""
        if not self.ended:
            return
        calls, concluded = self.intercom.calls, len(self.concluded)
        self.clock.sleep(seconds)
        self._note()
        assert (calls, concluded) == (self.intercom.calls, len(self.concluded))

    # -------------------------------------------------------- what is noted of it

    def _note(self) -> None:
        for notice in self.mailbox.notices():
            if isinstance(notice, Concluded):
                self._conclude(notice)
            elif isinstance(notice, LookedUp):
                self.looking_up -= 1
                assert self.looking_up >= 0
                self.batches.note_looked_up()
            elif isinstance(notice, Failed):
                self.failures.append(notice)
                assert len(self.failures) <= self.concurrency
        for state in self.ledger.release(self.clock.now()):
            self.released.append(int(state.line))
            self.acknowledged += state.record_count + state.rejected_record_count
        if self.failures and not self.ended:
            self._end()

    def _conclude(self, notice: Concluded) -> None:
        """Find the part that is concluded: of those of its record and kind, the first that is not."""
        kinds = {"contacts": str, "events": int}
        part = next(
            part
            for part in self.sent
            if part.entry is notice.entry and isinstance(part.told, kinds[notice.kind]) and not part.statuses
        )
        part.statuses.append(notice.outcome.status)
        part.is_left_out = bool(notice.outcome.trims)
        self.concluded.append(part)
        self.ledger.conclude(notice.entry, notice.outcome)

    def _deliver_all(self) -> None:
        """Do as the pipeline does at the end of the input; a wait for ever is a deadlock, and an error."""
        self.batches.close()
        while self.ledger.records_out and not self.ended:
            self.mailbox.wait(for_input=False, until=None)
            self._note()

    def _end(self) -> None:
        """Stop, as the pipeline does; whoever began an attempt may end it, and nobody begins another."""
        self.ended = True
        # Until all wait: a thread that was just woken may be on its way to an attempt.
        self.clock.sleep(0.0)
        self.scheduler.stop()
        self.intercom.stopped = True
        self.scheduler.join(self.clock.now() + GRACE_SECONDS)
        assert 0 == self.scheduler.workers
        self._note()

    # -------------------------------------------------------- what always holds

    @invariant()
    def nobody_has_a_call_in_flight_beside_a_write(self) -> None:
        if hasattr(self, "intercom"):
            assert 0 == self.intercom.overlaps
            assert self.intercom.most_in_flight <= self.concurrency
            assert self.scheduler.workers <= self.concurrency

    @invariant()
    def each_person_is_concluded_in_the_order_of_arrival(self) -> None:
        """But for events between two changes; of these, those of one second."""
        for person in PEOPLE:
            numbers = {id(part): number for number, part in enumerate(self.sent) if part.person == person}
            done = [part for part in self.concluded if part.person == person]
            order = [numbers[id(part)] for part in done]
            for place, part in enumerate(done):
                behind = [
                    number for number in numbers.values() if number < order[place] and number not in order[:place]
                ]
                if isinstance(part.told, str):
                    assert [] == behind
                    assert all(number > order[place] for number in order[place + 1 :])
                assert all(self.sent[number].told != part.told for number in behind)

    @invariant()
    def no_state_has_left_before_its_records(self) -> None:
        assert list(range(len(self.released))) == self.released
        for state in self.released:
            assert all(part.statuses for part in self.sent[: self.states[state]])
        if not self.released or len(self.released) < len(self.states):
            return
        assert self.ledger.next_release() is None

    @invariant()
    def what_is_told_to_be_delivered_is_there(self) -> None:
        for part in self.concluded:
            if isinstance(part.told, int):
                there = (part.person, part.told) in self.intercom.events
                assert there or part.statuses not in ([Status.DELIVERED], [Status.DUPLICATE])
        for event in {(part.person, part.told) for part in self.concluded if isinstance(part.told, int)}:
            told = [part.statuses for part in self.concluded if (part.person, part.told) == event]
            # A twin of one that was refused is sent, and one of one that was delivered is not.
            assert told.count([Status.DELIVERED]) <= 1
            if event in self.intercom.events and "lost" not in self.intercom.met[event[0]]:
                assert [Status.DELIVERED] in told

    @invariant()
    def nobody_is_rejected_without_a_refusal(self) -> None:
        for part in self.concluded:
            is_refused = bool({"refused", "invalid"} & self.intercom.met.get(part.person, set()))
            is_stranger = isinstance(part.told, int) and part.person not in SEEDED
            assert part.statuses != [Status.REJECTED] or is_refused or is_stranger

    def teardown(self) -> None:
        """Deliver what is left: nothing is lost, whatever the fates were; or, if it was stopped, only what was not begun."""
        if not hasattr(self, "scheduler"):
            return
        if not self.ended:
            self.ledger.state(b"%d" % len(self.states), None)
            self.states.append(len(self.sent))
            self._deliver_all()
            self._note()
        if not self.ended:
            self._check_a_whole_sync()
            self._end()
        self.each_person_is_concluded_in_the_order_of_arrival()
        self.no_state_has_left_before_its_records()
        self.what_is_told_to_be_delivered_is_there()
        self._check_the_end()

    def _check_a_whole_sync(self) -> None:
        assert len(self.sent) == len(self.concluded)
        assert list(range(len(self.states))) == self.released
        assert self.ledger.records_read == self.acknowledged
        assert 0 == self.looking_up
        for person in PEOPLE:
            names = [
                part.told
                for part in self.sent
                if part.person == person
                and isinstance(part.told, str)
                and part.statuses != [Status.REJECTED]
                and not part.is_left_out
            ]
            if names and "lost" not in self.intercom.met[person]:
                assert names[-1] == self.intercom.names[person]

    def _check_the_end(self) -> None:
        assert (0, 0) == (self.intercom.begun_after_stop, self.intercom.begun_after_failure)
        fatal = {fate for fates in self.intercom.met.values() for fate in fates if fate in FATAL}
        assert (len(fatal) > 0) == (len(self.failures) > 0)
        for failed in self.failures:
            assert isinstance(failed.error, (ConfigurationError, InternalError))
            assert "canary" not in str(failed.error)
        out = {id(part.entry) for part in self.sent if not part.statuses}
        assert len(out) == self.ledger.records_out
        assert self.clock.now() < START + 7 * 86_400.0


WriterMachine.TestCase.settings = settings(max_examples=300, stateful_step_count=30, deadline=None)
TestWriter = WriterMachine.TestCase


def test_small_intercom_when_asked_by_a_search_names_all_whom_it_asks_for() -> None:
    """The stand-in reads the questions that are really asked."""
    one = {"field": "external_id", "operator": "=", "value": "a"}
    several = {"field": "external_id", "operator": "IN", "value": ["b", "c"]}
    for query, expected in ((one, "a"), (several, "bc"), ({"operator": "OR", "value": [several, one]}, "bca")):
        assert expected == "".join(itertools.chain(SmallIntercom._asked(SearchContacts({"query": query}))))
