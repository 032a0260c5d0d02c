"""The workers: order per key and only per key, no more calls than allowed, and what ends them."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import pytest
from hypothesis import given, settings, strategies as st

from destination_intercom import outcomes
from destination_intercom.delivery.ledger import Ledger
from destination_intercom.delivery.mailbox import Answered, Concluded, Failed, Mailbox
from destination_intercom.delivery.scheduler import Scheduler
from destination_intercom.delivery.tasks import CallTask, Pause, Step as TaskStep, Task, TaskSteps, WriteTask
from destination_intercom.errors import (
    AttemptError,
    ConfigurationError,
    DeliveryError,
    InternalError,
    MaybeSentError,
    StreamName,
)
from destination_intercom.events.mapping import EventPayload
from destination_intercom.intercom.answers import Answer, RateHeaders
from destination_intercom.intercom.calls import Call, PostEvent
from destination_intercom.intercom.classify import Judgement, Verdict
from destination_intercom.intercom.quota import Permit, Quota
from destination_intercom.outcomes import Outcome
from integration_tests.support.virtual_clock import START, VirtualClock
from unit_tests.keys import by_id
from unit_tests.scheduler_bench import AMPLE, closed_afterwards

Step: TypeAlias = Literal["ok", "retry", "throttle", "fatal", "bug", "pause"]
"""What becomes of one call of a task; `pause` is no call but a wait of the task's own."""

RESULTS: dict[Step, tuple[Answer | AttemptError, Judgement]] = {
    "ok": (Answer(202, "empty"), Judgement(Verdict.ANSWER)),
    "retry": (MaybeSentError("timeout"), Judgement(Verdict.RETRY, "timeout")),
    "throttle": (Answer(429, "json"), Judgement(Verdict.THROTTLED, "status 429")),
    "fatal": (Answer(401, "json"), Judgement(Verdict.FATAL, "status 401")),
}
STREAM = StreamName("events")
PAUSE_SECONDS = 20.0


@dataclass
class Made:
    """One call that was made: for which job, from when to when, in seconds from the start."""

    job: int
    key: str
    began: float
    ended: float


@dataclass
class Floor:
    """A scheduler whose jobs follow scripts; everything it does is written down."""

    concurrency: int = 4
    latency: float = 1.0
    pretend: Callable[[Call, StreamName | None], Answer | None] | None = None
    clock: VirtualClock = field(default_factory=VirtualClock)
    scripts: dict[int, list[Step]] = field(default_factory=dict)
    made: list[Made] = field(default_factory=list)
    jobs: list[WriteTask] = field(default_factory=list)
    done: list[tuple[int, float]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    failures: list[Failed] = field(default_factory=list)
    most_in_flight: int = 0

    def __post_init__(self) -> None:
        self._in_flight = 0
        self._ledger = Ledger(stop_after_rejected=0)
        self.quota = Quota(self.clock)
        self.settle_one(AMPLE)
        self.mailbox = Mailbox(self.clock)
        self.scheduler = Scheduler(
            attempt=self._attempt,
            make_steps=self._make_steps,
            quota=self.quota,
            mailbox=self.mailbox,
            clock=self.clock,
            concurrency=self.concurrency,
            pretend=self.pretend,
        )

    def settle_one(self, rate: RateHeaders) -> None:
        """Let the gate learn `rate` from a call of no job."""
        permit = self.quota.acquire()
        assert permit is not None
        self.quota.settle(permit, rate)

    @property
    def now(self) -> float:
        """Seconds from the start."""
        return round(self.clock.now() - START, 6)

    def send(self, key: str, *script: Step) -> None:
        """Send a job for `key` whose calls end as `script` says."""
        number = len(self.jobs)
        self.scripts[number] = list(script)
        entry = self._ledger.enter(STREAM, parts=1, size=1)
        self.jobs.append(WriteTask(entry, EventPayload(by_id(key), name=str(number), created_at=0, metadata={})))
        self.scheduler.send(entry, self.jobs[-1].payload)

    def collect(self, count: int | None = None) -> None:
        """Wait until `count` jobs (or all) are concluded, or a failure has come."""
        wanted = len(self.jobs) if count is None else count
        while len(self.done) < wanted and not self.failures:
            self.mailbox.wait(for_input=False, until=None)
            self.note()

    def note(self) -> None:
        """Take what the workers have posted."""
        for notice in self.mailbox.notices():
            if isinstance(notice, Concluded):
                assert notice.kind == "events"
                self.done.append((notice.entry.ordinal - 1, self.now))
            elif isinstance(notice, Failed):
                self.failures.append(notice)
            else:
                assert isinstance(notice, Answered)
                self.answers.append(notice.answer)

    def close(self) -> None:
        """End the workers; none may stay."""
        self.scheduler.stop()
        self.scheduler.join(self.clock.now() + 100.0)
        self.note()
        assert 0 == self.scheduler.workers

    def key_of(self, job: int) -> str:
        """The key of a job."""
        return self.jobs[job].payload.key.value

    def _make_steps(self, tasks: Sequence[Task]) -> TaskSteps:
        (task,) = tasks
        if isinstance(task, CallTask):
            return self._asking(task)
        assert isinstance(task, WriteTask)
        assert isinstance(task.payload, EventPayload)
        return self._sending(task.payload)

    def _asking(self, question: CallTask) -> Generator[Call, Answer, Answer]:
        return (yield question.call)

    def _sending(self, payload: EventPayload) -> Generator[TaskStep, Answer, list[Outcome]]:
        number = int(payload.name)
        for step in self.scripts[number]:
            if step == "pause":
                yield Pause(PAUSE_SECONDS)
            elif step not in {"retry", "throttle"}:
                answer = yield PostEvent({"job": number, "key": payload.key.value})
                assert answer.status == 202
        return [outcomes.DELIVERED]

    def _attempt(self, call: Call, permit: Permit) -> tuple[Answer | AttemptError, Judgement]:
        assert isinstance(call, PostEvent)
        number, began = call.payload["job"], self.now
        self._in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self._in_flight)
        if self.latency:
            self.clock.sleep(self.latency)
        self._in_flight -= 1
        self.made.append(Made(number, call.payload["key"], began, self.now))
        step = self._next_step(number)
        self.quota.settle(permit, AMPLE)
        if step == "bug":
            raise RuntimeError("canary")
        return RESULTS[step]

    def _next_step(self, number: int) -> Step:
        steps: list[Step] = [step for step in self.scripts[number] if step != "pause"]
        return steps[sum(made.job == number for made in self.made) - 1]


@pytest.fixture
def make_floor() -> Iterator[Callable[..., Floor]]:
    """Make floors whose workers are ended afterwards."""
    yield from closed_afterwards(Floor)


def failing(step: Step, times: int) -> list[Step]:
    """A script that ends well after `times` failures."""
    return [*itertools.repeat(step, times), "ok"]


def assert_ordered(floor: Floor) -> None:
    """Fail unless each job was concluded once, in the order of its key, with one call per key at a time."""
    concluded = [job for job, _ in floor.done]
    assert sorted(concluded) == sorted(set(concluded))
    for key in {job.payload.key.value for job in floor.jobs}:
        own = [job for job in concluded if floor.key_of(job) == key]
        assert sorted(own) == own
        calls = sorted((made for made in floor.made if made.key == key), key=lambda made: (made.began, made.ended))
        assert all(first.ended <= second.began for first, second in itertools.pairwise(calls))
        assert sorted(made.job for made in calls) == [made.job for made in calls]


def test_jobs_of_one_key_when_sent_are_delivered_in_their_order(make_floor: Callable[..., Floor]) -> None:
    """One at a time and in the order of arrival, while other keys go on beside them."""
    floor = make_floor(concurrency=8)
    for number in range(15):
        floor.send(f"k{number % 3}", "ok", "ok")
    floor.collect()
    assert_ordered(floor)
    assert 10.0 == floor.now
    assert 3 == floor.most_in_flight


def test_calls_when_many_keys_wait_use_all_workers_and_no_more(make_floor: Callable[..., Floor]) -> None:
    """The concurrency is used to the full and never exceeded."""
    floor = make_floor(concurrency=4)
    for number in range(50):
        floor.send(f"k{number}", "ok")
    floor.collect()
    assert 4 == floor.most_in_flight
    assert 13.0 == floor.now


def test_workers_when_few_keys_are_there_are_few(make_floor: Callable[..., Floor]) -> None:
    """No thread is started that has nothing to do."""
    floor = make_floor(concurrency=64)
    for number in range(10):
        floor.send("one", "ok")
        floor.collect(number + 1)
    assert floor.scheduler.workers <= 2


@pytest.mark.parametrize("first", ["retry", "pause"])
def test_key_that_waits_occupies_no_worker(make_floor: Callable[..., Floor], first: Step) -> None:
    """With one worker only, others are delivered while a key waits for its retry or its pause."""
    floor = make_floor(concurrency=1, latency=0.001)
    floor.send("waits", first, "ok")
    for number in range(5):
        floor.send(f"k{number}", "ok")
    floor.collect()
    assert_ordered(floor)
    assert 0 == floor.done[-1][0]
    assert floor.scheduler.workers == 1


def seconds_until_the_short_one(floor: Floor) -> float:
    """Let all workers be idle, one key wait long, and then another one fail once; its retry is due within a second."""
    for number in range(floor.concurrency):
        floor.send(f"warm {number}", "ok")
    floor.collect()
    floor.send("long", "pause", "ok")
    floor.clock.sleep(1.0)
    began = floor.now
    floor.send("short", "retry", "ok")
    floor.collect(len(floor.jobs) - 1)
    return floor.now - began


def test_key_that_waits_shortly_is_not_held_up_by_one_that_waits_long(make_floor: Callable[..., Floor]) -> None:
    """Whoever watches the time watches for the earliest moment, also if that came up later."""
    waited = {
        workers: seconds_until_the_short_one(make_floor(concurrency=workers, latency=0.25)) for workers in range(1, 9)
    }
    assert {} == {workers: seconds for workers, seconds in waited.items() if seconds > 1.5}


def test_throttled_call_when_granted_again_goes_first_and_costs_no_attempt(make_floor: Callable[..., Floor]) -> None:
    """A 429 is no failure of the call: no pause of its own, no retry counted."""
    floor = make_floor(concurrency=1)
    floor.send("a", "throttle", "throttle", "ok")
    floor.send("b", "ok")
    floor.collect()
    assert [0, 1] == [job for job, _ in floor.done]
    assert 4.0 == floor.now
    assert 0 == floor.scheduler.retries
    assert {"POST /events": 4} == floor.scheduler.calls


def test_retries_when_made_are_counted_apart(make_floor: Callable[..., Floor]) -> None:
    """Every attempt is a call; those after a failure are retries."""
    floor = make_floor()
    floor.send("a", "retry", "retry", "ok")
    floor.send("b", "ok")
    floor.collect()
    assert 4 == floor.scheduler.calls_made
    assert 2 == floor.scheduler.retries
    assert {"POST /events": 4} == floor.scheduler.calls


def test_stop_when_calls_are_in_flight_lets_them_end_and_begins_no_more(make_floor: Callable[..., Floor]) -> None:
    """What was begun is concluded, what was not stays; all workers end."""
    floor = make_floor(concurrency=2, latency=5.0)
    for number in range(10):
        floor.send(f"k{number}", "ok")
    floor.send("k0", "ok")
    floor.clock.sleep(1.0)
    floor.scheduler.stop()
    floor.scheduler.join(floor.clock.now() + 20.0)
    floor.note()
    assert [0, 1] == sorted(job for job, _ in floor.done)
    assert 2 == len(floor.made)
    assert 0 == floor.scheduler.workers
    assert 5.0 == floor.now
    assert [] == floor.failures


def test_stop_when_keys_wait_ends_at_once(make_floor: Callable[..., Floor]) -> None:
    """Neither a retry's pause nor an idle worker holds the end up."""
    floor = make_floor(concurrency=3, latency=0.0)
    for number in range(3):
        floor.send(f"k{number}", "pause", "ok")
    floor.send("idle", "ok")
    floor.collect(1)
    began = floor.now
    floor.scheduler.stop()
    floor.scheduler.join(floor.clock.now() + 20.0)
    assert 0 == floor.scheduler.workers
    assert began == floor.now


def test_join_when_a_call_does_not_end_gives_up_at_its_time(make_floor: Callable[..., Floor]) -> None:
    """The grace is a ceiling."""
    floor = make_floor(latency=50.0)
    floor.send("a", "ok")
    floor.clock.sleep(1.0)
    floor.scheduler.stop()
    floor.scheduler.join(floor.clock.now() + 20.0)
    assert 21.0 == floor.now
    assert 1 == floor.scheduler.workers


def test_stop_when_all_wait_for_the_quota_ends_at_once(make_floor: Callable[..., Floor]) -> None:
    """Workers that wait for a permit end without a call."""
    floor = make_floor(concurrency=3)
    floor.settle_one(RateHeaders(10, 0, 1_700_000_009.0, 9.0))
    for number in range(5):
        floor.send(f"k{number}", "ok")
    floor.clock.sleep(1.0)
    floor.scheduler.stop()
    floor.scheduler.join(floor.clock.now() + 20.0)
    assert 1.0 == floor.now
    assert [] == floor.made
    assert 0 == floor.scheduler.workers


@pytest.mark.parametrize(
    ("step", "kind", "told"), [("bug", InternalError, "RuntimeError"), ("fatal", ConfigurationError, "access_token")]
)
def test_worker_when_it_fails_posts_so_once_and_ends_all(
    make_floor: Callable[..., Floor], step: Step, kind: type[Exception], told: str
) -> None:
    """The sync hears of it once; calls in flight are still concluded; no value is told."""
    floor = make_floor(concurrency=3)
    floor.send("bad", step)
    floor.send("good", "ok")
    for number in range(10):
        floor.send(f"k{number % 5}", "ok")
    floor.clock.sleep(30.0)
    floor.note()
    assert [kind] == [type(failed.error) for failed in floor.failures]
    assert told in str(floor.failures[0].error)
    assert "canary" not in str(floor.failures[0].error)
    assert 0 == floor.scheduler.workers
    assert 1 in [job for job, _ in floor.done]
    assert len(floor.made) <= 6


def test_worker_when_every_call_fails_gives_up_after_ten_minutes(make_floor: Callable[..., Floor]) -> None:
    """Without any success the patience ends; the error says where."""
    floor = make_floor(concurrency=2)
    for number in range(4):
        floor.send(f"k{number}", *failing("retry", 400))
    floor.collect()
    assert isinstance(floor.failures[0].error, DeliveryError)
    assert "POST /events" in floor.failures[0].error.message
    assert 600.0 <= floor.now < 700.0


def test_worker_when_a_steady_throttle_is_no_success_gives_up(make_floor: Callable[..., Floor]) -> None:
    """A 429 again and again is not Intercom answering as it should."""
    floor = make_floor(concurrency=1, latency=5.0)
    floor.send("a", *failing("throttle", 400))
    floor.collect()
    assert isinstance(floor.failures[0].error, DeliveryError)
    assert 600.0 <= floor.now < 700.0


def beat(floor: Floor, beats: int) -> None:
    """Let another key succeed every twenty seconds."""
    for _ in range(beats):
        floor.send("heart", "pause", "ok")


def test_call_when_it_fails_for_ten_minutes_among_successes_ends_all(make_floor: Callable[..., Floor]) -> None:
    """What gets no answer is never the record's fault, but no record holds up the others' states for longer."""
    floor = make_floor()
    floor.send("slow", *failing("retry", 400))
    beat(floor, 100)
    floor.collect()
    assert isinstance(floor.failures[0].error, DeliveryError)
    assert 'POST /events: timeout; stream "events", record 1 of the sync' in floor.failures[0].error.message
    assert 600.0 <= floor.now < 700.0


def test_call_when_it_is_throttled_among_successes_has_twenty_minutes(make_floor: Callable[..., Floor]) -> None:
    """The quota's refusals are not counted as the record's failures; for ever they are not borne all the same."""
    floor = make_floor(latency=5.0)
    floor.send("slow", *failing("throttle", 400))
    beat(floor, 100)
    floor.collect()
    assert isinstance(floor.failures[0].error, DeliveryError)
    assert 1200.0 <= floor.now < 1300.0


def test_calls_of_one_record_when_they_fail_share_its_time(make_floor: Callable[..., Floor]) -> None:
    """An answer in between is no reason to hold up the states behind the record for twice as long."""
    floor = make_floor()
    floor.send("slow", *failing("retry", 30), *failing("retry", 60))
    beat(floor, 200)
    floor.collect()
    assert isinstance(floor.failures[0].error, DeliveryError)
    assert 600.0 <= floor.now < 720.0


def test_calls_of_two_records_when_they_fail_have_their_own_time(make_floor: Callable[..., Floor]) -> None:
    """The next record of the key begins anew, its pauses short again."""
    floor = make_floor()
    floor.send("slow", *failing("retry", 30))
    floor.send("slow", *failing("retry", 30))
    beat(floor, 200)
    floor.collect()
    assert [] == floor.failures
    assert dict(floor.done)[1] > 600.0


def test_question_when_asked_is_tried_again_like_any_call_and_its_answer_is_posted(
    make_floor: Callable[..., Floor],
) -> None:
    """A call that belongs to no record has the same policy, and concludes no record."""
    floor = make_floor()
    floor.scripts[-1] = ["retry", "throttle", "ok"]
    floor.scheduler.ask(PostEvent({"job": -1, "key": ""}))
    floor.send("a", "ok")
    floor.collect()
    while not floor.answers:
        floor.mailbox.wait(for_input=False, until=None)
        floor.note()
    assert [RESULTS["ok"][0]] == floor.answers
    assert [0] == [job for job, _ in floor.done]
    assert 1 == floor.scheduler.retries


def test_job_when_sent_while_its_key_is_busy_waits_for_its_turn(make_floor: Callable[..., Floor]) -> None:
    """A key that is on its way takes more work at any moment."""
    floor = make_floor(concurrency=4, latency=2.0)
    floor.send("a", "ok", "retry", "ok")
    floor.clock.sleep(1.0)
    floor.send("a", "ok")
    floor.clock.sleep(1.5)
    floor.send("a", "ok")
    floor.collect()
    assert_ordered(floor)
    assert [0, 1, 2] == [job for job, _ in floor.done]


def test_keys_when_one_has_much_to_do_get_their_turns(make_floor: Callable[..., Floor]) -> None:
    """A key with a hundred jobs does not keep another one waiting for all of them."""
    floor = make_floor(concurrency=1)
    for _ in range(100):
        floor.send("much", "ok")
    floor.send("little", "ok")
    floor.collect()
    finished = dict(floor.done)
    assert finished[100] <= 3.0


def test_call_when_it_is_pretended_is_never_made(make_floor: Callable[..., Floor]) -> None:
    """A dry run: its answer is that of whoever pretends, and the task goes on with it; the others are made."""
    asked: list[int] = []

    def pretend(call: Call, _: StreamName | None) -> Answer | None:
        assert isinstance(call, PostEvent)
        asked.append(call.payload["job"])
        return Answer(202, "empty") if call.payload["key"] == "pretended" else None

    floor = make_floor(pretend=pretend)
    floor.send("pretended", "ok", "pause", "ok")
    floor.send("real", "ok")
    floor.collect()
    assert [1, 0] == [job for job, _ in floor.done]
    assert ["real"] == [made.key for made in floor.made]
    assert [0, 0, 1] == sorted(asked)
    assert 1 == floor.scheduler.calls_made


def test_task_when_it_was_begun_makes_its_next_call_before_others_get_their_turn(
    make_floor: Callable[..., Floor],
) -> None:
    """A contact is read right before it is written: a thousand keys that are ready do not come between."""
    floor = make_floor(concurrency=1)
    floor.send("two", "ok", "ok", "ok")
    for number in range(50):
        floor.send(f"k{number}", "ok")
    floor.collect()
    assert [0, 0, 0, 1] == [made.job for made in floor.made[:4]]


STEPS: st.SearchStrategy[list[Step]] = st.builds(
    lambda before: [*before, "ok"], st.lists(st.sampled_from(["ok", "retry", "throttle", "pause"]), max_size=4)
)
KEYS = 5
SCRIPTED = st.lists(st.tuples(st.integers(0, KEYS - 1), STEPS), min_size=1, max_size=20)


@given(
    jobs=SCRIPTED,
    concurrency=st.integers(1, KEYS),
    latency=st.sampled_from([0.0, 0.01, 1.0]),
    gaps=st.lists(st.sampled_from([0.0, 0.005, 3.0]), max_size=20),
)
@settings(deadline=None, max_examples=150)
def test_jobs_whatever_happens_to_their_calls_are_each_concluded_once_and_in_order(
    jobs: Sequence[tuple[int, list[Step]]], concurrency: int, latency: float, gaps: list[float]
) -> None:
    """No job is lost, doubled or overtaken within its key, no key has two calls in flight, nothing hangs."""
    floor = Floor(concurrency=concurrency, latency=latency)
    for number, (key, script) in enumerate(jobs):
        floor.send(f"k{key}", *script)
        if number < len(gaps) and gaps[number]:
            floor.clock.sleep(gaps[number])
    floor.collect()
    floor.close()
    assert [] == floor.failures
    assert list(range(len(jobs))) == sorted(job for job, _ in floor.done)
    assert_ordered(floor)
    expected = Counter({number: sum(step != "pause" for step in script) for number, (_, script) in enumerate(jobs)})
    assert expected == Counter(made.job for made in floor.made)
    assert floor.most_in_flight <= concurrency
    if concurrency == KEYS:
        assert_prompt(floor, sum(gaps))


def assert_prompt(floor: Floor, began: float) -> None:
    """Fail if a key waited for anything but its own calls and pauses: there is a worker for each."""
    for key in {job.payload.key.value for job in floor.jobs}:
        own = [number for number in floor.scripts if floor.key_of(number) == key]
        steps = [step for number in own for step in floor.scripts[number]]
        # At most four retries in a row: up to 1, 2, 4 and 8 seconds.
        longest = len(steps) * floor.latency + steps.count("pause") * PAUSE_SECONDS + steps.count("retry") * 8.0
        finished = max(moment for job, moment in floor.done if job in own)
        assert finished <= began + longest + 0.01
