"""The workers and a call that fails for ever: what is tried to find out whose fault it is, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from destination_intercom import outcomes
from destination_intercom.delivery.ledger import Ledger
from destination_intercom.delivery.mailbox import Concluded, Failed, Mailbox
from destination_intercom.delivery.probes import PROOFS, RECORD_SECONDS, SAME_SECONDS, Probe, Taken
from destination_intercom.delivery.scheduler import Rules, Scheduler
from destination_intercom.delivery.tasks import (
    Batch,
    LookupTask,
    Pause,
    ProbeTask,
    Step,
    Task,
    TaskSteps,
    UndeliverableError,
    WriteTask,
)
from destination_intercom.errors import AttemptError, ConfigurationError, DeliveryError, MaybeSentError, StreamName
from destination_intercom.events.mapping import EventPayload
from destination_intercom.identity import Key
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import Call, PostEvent
from destination_intercom.intercom.classify import Judgement, judge
from destination_intercom.intercom.quota import Permit
from destination_intercom.outcomes import Outcome
from integration_tests.support.virtual_clock import START, VirtualClock
from unit_tests.keys import by_id
from unit_tests.scheduler_bench import AMPLE, ample_quota, closed_afterwards, end_workers
from unit_tests.task_bench import INVALID, NOT_FOUND, refusal

STREAM = StreamName("events")
BROKEN = refusal(500, "server_error")
TAKEN = Answer(202, "empty")
THROTTLED = refusal(429, "rate_limit_exceeded")
PROBE_SECONDS = 60.0
HARMLESS = PostEvent({"name": "harmless"})


@dataclass
class Floor:
    """A scheduler whose events are answered by their name; `probe` makes the harmless call, or none.

    What is named `bad…` is broken for ever; `harmless` is answered what comes next of `probed`, the last for ever.
    """

    probe: Callable[[Call, Sequence[Taken]], Iterable[Probe]] = lambda _call, _taken: [Probe(HARMLESS)]
    probed: list[Answer | AttemptError] = field(default_factory=lambda: [TAKEN])
    bad: Answer | AttemptError = BROKEN
    steps: Callable[[WriteTask], TaskSteps] | None = None
    lookup: Callable[[], TaskSteps] | None = None
    clock: VirtualClock = field(default_factory=VirtualClock)
    made: list[tuple[float, str]] = field(default_factory=list)
    done: list[tuple[int, Outcome, float]] = field(default_factory=list)
    failures: list[Failed] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ledger = Ledger(stop_after_rejected=0)
        self._sent = 0
        self.mailbox = Mailbox(self.clock)
        self._quota = ample_quota(self.clock)
        self.scheduler = Scheduler(
            attempt=self._attempt,
            make_steps=self._make_steps,
            quota=self._quota,
            mailbox=self.mailbox,
            clock=self.clock,
            concurrency=8,
            rules=Rules(find_probes=self.probe),
        )

    def send(self, key: str, name: str, batch: Batch | None = None) -> None:
        """Send an event, which may wait for a lookup."""
        self._sent += 1
        entry = self._ledger.enter(STREAM, parts=1, size=1)
        self.scheduler.send(entry, EventPayload(by_id(key), name=name, created_at=self._sent, metadata={}), batch)

    def collect(self) -> None:
        """Wait until all is concluded, or a failure has come."""
        while len(self.done) < self._sent and not self.failures:
            self.mailbox.wait(for_input=False, until=None)
            for notice in self.mailbox.notices():
                if isinstance(notice, Concluded):
                    self.done.append((notice.entry.ordinal, notice.outcome, self.now))
                elif isinstance(notice, Failed):
                    self.failures.append(notice)

    @property
    def now(self) -> float:
        """Seconds from the start."""
        return round(self.clock.now() - START, 6)

    def times_of(self, name: str) -> list[float]:
        """When an event was sent."""
        return [moment for moment, made in self.made if made == name]

    def close(self) -> None:
        """End the workers; none may stay."""
        end_workers(self.scheduler, self.clock)

    def _make_steps(self, tasks: Sequence[Task]) -> TaskSteps:
        (task,) = tasks
        if isinstance(task, ProbeTask):
            return self._ask(task.call)
        if isinstance(task, LookupTask):
            assert self.lookup is not None
            return self.lookup()
        assert isinstance(task, WriteTask)
        return self._sending(task) if self.steps is None else self.steps(task)

    def _ask(self, call: Call) -> Generator[Step, Answer, Answer]:
        return (yield call)

    def _sending(self, task: WriteTask) -> Generator[Step, Answer, list[Outcome]]:
        assert isinstance(task.payload, EventPayload)
        yield PostEvent({"name": task.payload.name})
        return [outcomes.DELIVERED]

    def _attempt(self, call: Call, permit: Permit) -> tuple[Answer | AttemptError, Judgement]:
        assert isinstance(call, PostEvent)
        name = call.payload["name"]
        self.made.append((self.now, name))
        self.clock.sleep(0.1)
        self._quota.settle(permit, AMPLE)
        result: Answer | AttemptError = TAKEN
        if name == "harmless":
            result = self.probed.pop(0) if len(self.probed) > 1 else self.probed[0]
        elif name.startswith("bad"):
            result = self.bad
        return result, judge(call, result)


@pytest.fixture
def make_floor() -> Iterator[Callable[..., Floor]]:
    """Make floors whose workers are ended afterwards."""
    yield from closed_afterwards(Floor)


def test_record_when_it_is_alone_and_probes_succeed_is_passed_over_after_five_minutes(
    make_floor: Callable[..., Floor],
) -> None:
    """A probe at most once a minute, each between two attempts, and none before the call has failed for one."""
    floor = make_floor()
    floor.send("a", "bad")
    floor.send("a", "next")
    floor.collect()
    (_, outcome, moment), (_, then, _) = floor.done
    assert (outcomes.UNDELIVERABLE, "POST /events") == (outcome.reason, outcome.refusal and outcome.refusal.endpoint)
    assert outcomes.DELIVERED == then
    assert SAME_SECONDS <= moment <= SAME_SECONDS + 60.0
    probes, attempts = floor.times_of("harmless"), floor.times_of("bad")
    assert PROOFS <= len(probes) <= SAME_SECONDS / PROBE_SECONDS
    assert probes[0] >= PROBE_SECONDS
    assert all(later - earlier >= PROBE_SECONDS for earlier, later in pairwise(probes))
    assert all(any(before < probe < after for before, after in pairwise(attempts)) for probe in probes)


@pytest.mark.parametrize("answer", [BROKEN, INVALID, MaybeSentError("timeout"), Answer(502, "other")])
def test_record_when_its_probes_fail_is_not_passed_over_and_the_sync_ends_as_an_outage(
    make_floor: Callable[..., Floor], answer: Answer | AttemptError
) -> None:
    """After ten minutes without a success of the endpoint."""
    floor = make_floor(probed=[answer])
    floor.send("a", "bad")
    floor.collect()
    assert [] == floor.done
    assert isinstance(floor.failures[0].error, DeliveryError)
    assert RECORD_SECONDS <= floor.now < RECORD_SECONDS + 60.0


def test_record_when_one_probe_fails_begins_anew(make_floor: Callable[..., Floor]) -> None:
    """Five minutes more, from when the endpoint works again."""
    floor = make_floor(probed=[TAKEN, TAKEN, BROKEN, NOT_FOUND])
    floor.send("a", "bad")
    floor.collect()
    assert [outcomes.UNDELIVERABLE] == [outcome.reason for _, outcome, _ in floor.done]
    third = floor.times_of("harmless")[2]
    assert third + SAME_SECONDS <= floor.now <= third + SAME_SECONDS + 150.0


def test_record_when_no_probe_can_be_made_is_not_passed_over(make_floor: Callable[..., Floor]) -> None:
    """It is an outage, as far as anybody can tell."""
    floor = make_floor(probe=lambda _call, _taken: [])
    floor.send("a", "bad")
    floor.collect()
    assert isinstance(floor.failures[0].error, DeliveryError)
    assert 'POST /events: status 500, code server_error; stream "events", record 1 of the sync' in str(
        floor.failures[0].error
    )
    assert RECORD_SECONDS <= floor.now < RECORD_SECONDS + 60.0


def test_record_when_no_probe_can_be_made_begins_anew_once_others_are_answered(
    make_floor: Callable[..., Floor],
) -> None:
    """Until then nobody knew."""
    floor = make_floor(probe=lambda _call, _taken: [])
    floor.send("a", "bad")
    floor.clock.sleep(200.0)
    for number in range(60):
        floor.send(f"k{number}", "fine")
        floor.clock.sleep(10.0)
    floor.collect()
    assert [1] == [ordinal for ordinal, outcome, _ in floor.done if outcome.reason == outcomes.UNDELIVERABLE]
    assert 200.0 + SAME_SECONDS <= floor.times_of("bad")[-1] <= 200.0 + SAME_SECONDS + 60.0


def test_record_when_others_are_answered_all_the_time_needs_no_probe(make_floor: Callable[..., Floor]) -> None:
    """Their answers are proof enough."""
    floor = make_floor()
    floor.send("a", "bad")
    for number in range(40):
        floor.send(f"k{number}", "fine")
        floor.clock.sleep(10.0)
    floor.collect()
    assert [] == floor.times_of("harmless")
    assert [1] == [ordinal for ordinal, outcome, _ in floor.done if outcome.reason == outcomes.UNDELIVERABLE]


def test_probe_when_throttled_is_made_again(make_floor: Callable[..., Floor]) -> None:
    """The quota says nothing of the endpoint."""
    floor = make_floor(probed=[THROTTLED, TAKEN])
    floor.send("a", "bad")
    floor.collect()
    assert [outcomes.UNDELIVERABLE] == [outcome.reason for _, outcome, _ in floor.done]
    assert floor.now <= SAME_SECONDS + 60.0


def test_probe_when_its_answer_is_fatal_ends_the_sync(make_floor: Callable[..., Floor]) -> None:
    """A token that is refused is refused to all."""
    floor = make_floor(probed=[refusal(401, "token_revoked")])
    floor.send("a", "bad")
    floor.collect()
    assert isinstance(floor.failures[0].error, ConfigurationError)


def test_probe_when_its_person_is_busy_is_another_ones(make_floor: Callable[..., Floor]) -> None:
    """Nothing may be written to a person beside what is on its way for them."""
    offered: list[Key] = []

    def offer(_call: Call, taken: Sequence[Taken]) -> Iterator[Probe]:
        for key in (by_id("busy"), by_id("free")):
            offered.append(key)
            yield Probe(HARMLESS, key)

    floor = make_floor(probe=offer)
    floor.send("busy", "bad")
    floor.collect()
    assert [outcomes.UNDELIVERABLE] == [outcome.reason for _, outcome, _ in floor.done]
    assert [by_id("busy"), by_id("free")] == offered[:2]


def test_probe_when_under_way_holds_up_what_comes_for_its_person(make_floor: Callable[..., Floor]) -> None:
    """So that it cannot undo what is written a moment later."""
    floor = make_floor(probe=lambda _call, _taken: [Probe(HARMLESS, by_id("k"))])
    floor.send("a", "bad")
    while not floor.times_of("harmless"):
        floor.clock.sleep(0.05)
    floor.send("k", "later")
    floor.clock.sleep(5.0)
    assert floor.times_of("later")[0] >= floor.times_of("harmless")[0] + 0.0999


def test_probes_when_asked_for_are_told_what_intercom_took(make_floor: Callable[..., Floor]) -> None:
    """The latest first, with the person of each."""
    told: list[list[tuple[str, str]]] = []

    def offer(_call: Call, taken: Sequence[Taken]) -> list[Probe]:
        told.append([(key.value, call.payload["name"]) for key, call in taken if isinstance(call, PostEvent)])
        return []

    floor = make_floor(probe=offer)
    for key, name in (("a", "one"), ("b", "two"), ("a", "three")):
        floor.send(key, name)
        floor.collect()
    floor.send("c", "bad")
    floor.collect()
    assert [("a", "three"), ("b", "two")] == told[0]


def test_record_when_throttled_in_between_is_passed_over_no_sooner(make_floor: Callable[..., Floor]) -> None:
    """What the quota takes is not counted."""
    floor = make_floor()
    floor.send("a", "bad")
    floor.clock.sleep(100.0)
    floor.bad = THROTTLED
    floor.clock.sleep(200.0)
    floor.bad = BROKEN
    floor.collect()
    assert [outcomes.UNDELIVERABLE] == [outcome.reason for _, outcome, _ in floor.done]
    assert floor.now >= 450.0


def test_record_when_it_has_waited_before_is_passed_over_after_what_is_left_of_ten_minutes(
    make_floor: Callable[..., Floor],
) -> None:
    """One deadline for a record, which all its waits share."""

    def steps(task: WriteTask) -> Generator[Step, Answer, list[Outcome]]:
        assert isinstance(task.payload, EventPayload)
        yield Pause(400.0)
        yield PostEvent({"name": task.payload.name})
        return [outcomes.DELIVERED]

    floor = make_floor(steps=steps)
    floor.send("a", "bad")
    floor.collect()
    assert [outcomes.UNDELIVERABLE] == [outcome.reason for _, outcome, _ in floor.done]
    assert RECORD_SECONDS <= floor.now <= RECORD_SECONDS + 90.0


@dataclass
class OneBatch:
    """A batch of one person."""

    keys: tuple[Key, ...] = (by_id("a"),)
    is_looked_up: bool = False


def test_record_when_its_lookup_was_held_up_before_is_passed_over_after_what_is_left_of_ten_minutes(
    make_floor: Callable[..., Floor],
) -> None:
    """The lookup is a wait of the record's, too; it is never the record's end."""
    batch = OneBatch()

    def look_up() -> Generator[Step, Answer, None]:
        answer = yield PostEvent({"name": "bad search"})
        assert BROKEN == answer
        batch.is_looked_up = True

    floor = make_floor(lookup=look_up)
    floor.bad = MaybeSentError("timeout")
    floor.send("a", "bad", batch)
    floor.scheduler.look_up("events", batch)
    floor.clock.sleep(160.0)
    floor.bad = BROKEN
    floor.collect()
    assert [outcomes.UNDELIVERABLE] == [outcome.reason for _, outcome, _ in floor.done]
    searched = floor.times_of("bad search")[-1]
    assert 160.0 + SAME_SECONDS <= searched <= 160.0 + SAME_SECONDS + 60.0
    assert RECORD_SECONDS <= floor.now <= RECORD_SECONDS + 60.0


def test_error_when_a_lookup_fails_names_a_record_that_waits_for_it(make_floor: Callable[..., Floor]) -> None:
    """It is made for many, and one of them tells which."""

    def look_up() -> Generator[Step, Answer, None]:
        yield PostEvent({"name": "bad search"})

    floor = make_floor(lookup=look_up, probe=lambda _call, _taken: [])
    floor.send("b", "fine")
    floor.send("a", "waits", batch := OneBatch())
    floor.scheduler.look_up("events", batch)
    floor.collect()
    assert 'stream "events", record 2 of the sync' in str(floor.failures[0].error)


def test_steps_when_their_record_is_the_cause_may_go_on(make_floor: Callable[..., Floor]) -> None:
    """What is raised in the place of the answer tells the outcome; a smaller call may do."""
    told: list[str] = []

    def steps(task: WriteTask) -> Generator[Step, Answer, list[Outcome]]:
        assert isinstance(task.payload, EventPayload)
        try:
            yield PostEvent({"name": task.payload.name})
        except UndeliverableError as error:
            told.append(error.outcome.reason)
            yield PostEvent({"name": "smaller"})
        return [outcomes.DELIVERED]

    floor = make_floor(steps=steps)
    floor.send("a", "bad")
    floor.collect()
    assert [outcomes.DELIVERED] == [outcome for _, outcome, _ in floor.done]
    assert [outcomes.UNDELIVERABLE] == told
    assert 1 == len(floor.times_of("smaller"))


def test_records_when_more_than_twenty_would_be_passed_over_end_the_sync(make_floor: Callable[..., Floor]) -> None:
    """Twenty-one bad records of twenty-one and some others are no bad luck."""
    floor = make_floor()
    for number in range(21):
        floor.send(f"bad {number}", "bad")
    for number in range(100):
        floor.send(f"fine {number}", "fine")
    floor.collect()
    assert 20 == sum(outcome.reason == outcomes.UNDELIVERABLE for _, outcome, _ in floor.done)
    (failed,) = floor.failures
    assert isinstance(failed.error, DeliveryError)
    for word in ("POST /events", "status 500", "more than 20 records and 1%", 'stream "events", record '):
        assert word in failed.error.message
    assert 500 == failed.error.status
