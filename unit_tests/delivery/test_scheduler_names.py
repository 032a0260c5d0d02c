"""What tasks have to themselves: who waits for a name, in which order they get it, and what goes on meanwhile."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import pytest
from hypothesis import given, settings, strategies as st

from destination_intercom import outcomes
from destination_intercom.delivery.ledger import Ledger
from destination_intercom.delivery.mailbox import Concluded, Failed, Mailbox
from destination_intercom.delivery.scheduler import Scheduler
from destination_intercom.delivery.tasks import Acquire, Pause, Release, Step, Task, TaskSteps, WriteTask
from destination_intercom.errors import AttemptError, InternalError, MaybeSentError, StreamName
from destination_intercom.events.mapping import EventPayload
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import Call, PostEvent
from destination_intercom.intercom.classify import Judgement, Verdict
from destination_intercom.intercom.quota import Permit
from destination_intercom.outcomes import Outcome
from integration_tests.support.virtual_clock import START, VirtualClock
from unit_tests.keys import by_id
from unit_tests.scheduler_bench import AMPLE, ample_quota, closed_afterwards

End: TypeAlias = Literal["ok", "retry", "throttle", "stall"]
"""How one attempt of a call ends: `stall` as `ok`, but late."""

RESULTS: dict[End, tuple[Answer | AttemptError, Judgement]] = {
    "ok": (Answer(202, "empty"), Judgement(Verdict.ANSWER)),
    "stall": (Answer(202, "empty"), Judgement(Verdict.ANSWER)),
    "retry": (MaybeSentError("timeout"), Judgement(Verdict.RETRY, "timeout")),
    "throttle": (Answer(429, "json"), Judgement(Verdict.THROTTLED, "status 429")),
}
STREAM = StreamName("events")
STALL_SECONDS = 100.0
X, Y = Acquire("x"), Acquire("y")
END_X, END_Y = Release("x"), Release("y")


def call(*ends: End) -> PostEvent:
    """A call that ends so, attempt by attempt, and well in the end."""
    return PostEvent({"ends": [*ends, "ok"]})


@dataclass
class Lobby:
    """A scheduler whose tasks take the steps that they are given; who asks for a name, has it and gives it up is noted.

    What a name's tasks did is told in the order of the scheduler's own steps, each with its second from the start.
    """

    concurrency: int = 8
    latency: float = 1.0
    clock: VirtualClock = field(default_factory=VirtualClock)
    asked: dict[object, list[tuple[str, float]]] = field(default_factory=lambda: defaultdict(list))
    given: dict[object, list[tuple[str, float]]] = field(default_factory=lambda: defaultdict(list))
    freed: dict[object, list[tuple[str, float]]] = field(default_factory=lambda: defaultdict(list))
    calls: list[tuple[str, float]] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    failures: list[Failed] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._scripts: list[tuple[str, Sequence[Step]]] = []
        self._ledger = Ledger(stop_after_rejected=0)
        self.mailbox = Mailbox(self.clock)
        self._quota = ample_quota(self.clock)
        self.scheduler = Scheduler(
            attempt=self._attempt,
            make_steps=self._make_steps,
            quota=self._quota,
            mailbox=self.mailbox,
            clock=self.clock,
            concurrency=self.concurrency,
        )

    @property
    def now(self) -> float:
        """Seconds from the start."""
        return round(self.clock.now() - START, 6)

    def send(self, key: str, *steps: Step) -> None:
        """Send a task of `key` that takes these steps."""
        entry = self._ledger.enter(STREAM, parts=1, size=1)
        self._scripts.append((key, steps))
        payload = EventPayload(by_id(key), name=str(len(self._scripts) - 1), created_at=0, metadata={})
        self.scheduler.send(entry, payload)

    def collect(self, count: int | None = None) -> None:
        """Wait until `count` tasks (or all) have ended, or a failure has come; a wait for ever is an error at once."""
        wanted = len(self._scripts) if count is None else count
        while len(self.done) < wanted and not self.failures:
            self.mailbox.wait(for_input=False, until=None)
            self.note()

    def note(self) -> None:
        """Take what the workers have posted."""
        for notice in self.mailbox.notices():
            if isinstance(notice, Failed):
                self.failures.append(notice)
            else:
                assert isinstance(notice, Concluded)
                self.done.append(self._scripts[notice.entry.ordinal - 1][0])

    def close(self) -> None:
        """End the workers; none may stay."""
        self.scheduler.stop()
        self.scheduler.join(self.clock.now() + 2 * STALL_SECONDS)
        self.note()
        assert 0 == self.scheduler.workers

    def called(self, key: str) -> list[float]:
        """The seconds at which the calls of a key began."""
        return [began for who, began in self.calls if who == key]

    def holders(self, name: object) -> list[str]:
        """Who had a name, in their order."""
        return [who for who, _ in self.given[name]]

    def _make_steps(self, tasks: Sequence[Task]) -> TaskSteps:
        (task,) = tasks
        assert isinstance(task, WriteTask)
        assert isinstance(task.payload, EventPayload)
        return self._take(*self._scripts[int(task.payload.name)])

    def _take(self, key: str, script: Sequence[Step]) -> Generator[Step, Answer, list[Outcome]]:
        held: list[object] = []
        for step in script:
            if isinstance(step, Acquire):
                self.asked[step.name].append((key, self.now))
                yield step
                assert len(self.given[step.name]) == len(self.freed[step.name]), "two hold one name"
                self.given[step.name].append((key, self.now))
                held.append(step.name)
            elif isinstance(step, Release):
                if step.name in held:
                    held.remove(step.name)
                    self.freed[step.name].append((key, self.now))
                yield step
            elif isinstance(step, Pause):
                yield step
            else:
                assert isinstance(step, PostEvent)
                yield PostEvent({**step.payload, "key": key})
        for name in held:
            self.freed[name].append((key, self.now))
        return [outcomes.DELIVERED]

    def _attempt(self, call: Call, permit: Permit) -> tuple[Answer | AttemptError, Judgement]:
        assert isinstance(call, PostEvent)
        end: End = call.payload["ends"].pop(0)
        self.calls.append((call.payload["key"], self.now))
        seconds = STALL_SECONDS if end == "stall" else self.latency
        if seconds:
            self.clock.sleep(seconds)
        self._quota.settle(permit, AMPLE)
        return RESULTS[end]


@pytest.fixture
def make_lobby() -> Iterator[Callable[..., Lobby]]:
    """Make lobbies whose workers are ended afterwards."""
    yield from closed_afterwards(Lobby)


@pytest.mark.parametrize("before", [(), (Pause(60),)], ids=["all the time", "for a part"])
def test_wait_for_a_name_when_its_holder_is_held_up_counts_among_the_ten_minutes_of_a_record(
    make_lobby: Callable[..., Lobby], before: Sequence[Step]
) -> None:
    """Some minutes in the queue, while the holder's call fails, leave the rest for calls of one's own, which fail too."""
    lobby = make_lobby()
    fails: list[End] = ["retry"]
    lobby.send("a", X, call(*fails * 20), END_X)
    lobby.send("b", *before, X, END_X, call(*fails * 100))
    lobby.send("c", *[step for _ in range(100) for step in (Pause(15), call())])  # so that it is no outage
    lobby.collect()
    assert 1 == len(lobby.failures)
    assert 100 < lobby.freed["x"][0][1] < 500
    assert 600 <= lobby.now < 740


def test_name_when_several_want_it_goes_to_each_in_the_order_of_their_asking(make_lobby: Callable[..., Lobby]) -> None:
    """One after the other; another name goes its own way beside it."""
    lobby = make_lobby()
    for key in "abcd":
        lobby.send(key, X, call(), END_X)
    lobby.send("other", Y, call(), END_Y)
    lobby.collect()
    assert list("abcd") == lobby.holders("x")
    assert [[0.0], [1.0], [2.0], [3.0], [0.0]] == [lobby.called(key) for key in ("a", "b", "c", "d", "other")]


def test_name_when_it_is_released_goes_on_though_its_holder_has_more_to_do(make_lobby: Callable[..., Lobby]) -> None:
    """Even if what the holder does next takes long: whoever waited does not wait for that."""
    lobby = make_lobby(concurrency=2)
    lobby.send("a", X, call(), END_X, call("stall"))
    lobby.send("b", X, call(), END_X)
    lobby.collect()
    assert [[0.0, 1.0], [1.0]] == [lobby.called("a")[:2], lobby.called("b")]
    assert ["b", "a"] == lobby.done


def test_name_when_its_task_ends_without_releasing_it_is_free(make_lobby: Callable[..., Lobby]) -> None:
    """Whatever way a task ends: nothing stays held, of however many names."""
    lobby = make_lobby()
    lobby.send("both", X, Y, call())
    lobby.send("a", X, call(), END_X)
    lobby.send("b", Y, call(), END_Y)
    lobby.collect()
    lobby.send("later", X, Y, call())
    lobby.collect()
    assert [["both", "a", "later"], ["both", "b", "later"]] == [lobby.holders("x"), lobby.holders("y")]
    assert [[1.0], [1.0], [2.0]] == [lobby.called(key) for key in ("a", "b", "later")]


def test_name_when_its_holder_ends_is_not_held_by_the_next_task_of_the_same_key(
    make_lobby: Callable[..., Lobby],
) -> None:
    """What a task holds is the task's, not the key's."""
    lobby = make_lobby(concurrency=1)
    lobby.send("a", X, call())
    lobby.send("a", call(), X, call())
    lobby.send("b", X, call())
    lobby.collect()
    assert ["a", "b", "a"] == lobby.holders("x")


@pytest.mark.parametrize(
    ("meanwhile", "seconds"),
    [
        pytest.param(Pause(20.0), 20.0, id="pause"),
        pytest.param(call("retry"), 2.0, id="retry"),
        pytest.param(call("throttle"), 2.0, id="throttle"),
        pytest.param(call("stall"), STALL_SECONDS, id="stall"),
    ],
)
def test_name_while_its_holder_waits_or_tries_again_stays_held(
    make_lobby: Callable[..., Lobby], meanwhile: Step, seconds: float
) -> None:
    """Whatever the holder waits for: nobody else is let in between."""
    lobby = make_lobby()
    lobby.send("a", X, meanwhile, END_X)
    lobby.send("b", X, call(), END_X)
    lobby.collect()
    assert ["a", "b"] == lobby.holders("x")
    (_, freed), (_, given) = lobby.freed["x"][0], lobby.given["x"][1]
    assert freed == given
    assert freed >= seconds


def test_task_that_waits_for_a_name_occupies_no_worker(make_lobby: Callable[..., Lobby]) -> None:
    """With one worker only, others are delivered while ten wait for a name whose holder pauses."""
    lobby = make_lobby(concurrency=1)
    lobby.send("holder", X, Pause(50.0), END_X)
    for number in range(10):
        lobby.send(f"waits{number}", X, call(), END_X)
    for number in range(5):
        lobby.send(f"free{number}", call())
    lobby.collect(5)
    assert [f"free{number}" for number in range(5)] == lobby.done
    assert 5.0 == lobby.now
    assert 1 == lobby.scheduler.workers
    lobby.collect()
    assert ["holder", *(f"waits{number}" for number in range(10))] == lobby.holders("x")


def test_task_that_waits_for_a_name_keeps_its_place_in_its_key(make_lobby: Callable[..., Lobby]) -> None:
    """What is sent for the key meanwhile does not overtake it."""
    lobby = make_lobby()
    lobby.send("holder", X, Pause(50.0), END_X)
    lobby.send("a", X, call(), END_X)
    lobby.clock.sleep(10.0)
    lobby.send("a", call())
    lobby.collect()
    assert [50.0, 51.0] == lobby.called("a")


def test_stop_while_tasks_wait_for_a_name_ends_at_once_and_gives_it_to_nobody(
    make_lobby: Callable[..., Lobby],
) -> None:
    """A holder in a pause, others behind it: no attempt begins any more, none is concluded."""
    lobby = make_lobby(concurrency=2)
    lobby.send("holder", X, Pause(50.0), call(), END_X)
    lobby.send("a", X, call(), END_X)
    lobby.send("b", X, call(), END_X)
    lobby.clock.sleep(10.0)
    lobby.scheduler.stop()
    lobby.scheduler.join(lobby.clock.now() + 20.0)
    assert 0 == lobby.scheduler.workers
    assert 10.0 == lobby.now
    lobby.clock.sleep(100.0)
    lobby.note()
    assert ([], ["holder"], []) == (lobby.done, lobby.holders("x"), lobby.calls)


def test_stop_while_the_holder_makes_its_call_lets_that_end_and_begins_none_for_the_next(
    make_lobby: Callable[..., Lobby],
) -> None:
    """The holder is concluded and its name free; whoever gets it sends nothing."""
    lobby = make_lobby(concurrency=2, latency=5.0)
    lobby.send("holder", X, call(), END_X)
    lobby.send("a", X, call(), END_X)
    lobby.clock.sleep(1.0)
    lobby.scheduler.stop()
    lobby.scheduler.join(lobby.clock.now() + 20.0)
    lobby.note()
    assert (["holder"], [("holder", 0.0)]) == (lobby.done, lobby.calls)
    assert 5.0 == lobby.now


def test_task_that_releases_what_it_does_not_hold_ends_the_sync(make_lobby: Callable[..., Lobby]) -> None:
    """It is a bug, and whoever holds the name must not lose it for that."""
    lobby = make_lobby()
    lobby.send("holder", X, Pause(50.0), END_X)
    lobby.send("a", call(), END_X)
    lobby.send("b", X, call(), END_X)
    lobby.collect()
    assert [InternalError] == [type(failed.error) for failed in lobby.failures]
    assert ["holder"] == lobby.holders("x")


NAMES = ("x", "y", "z")
KEYS = 5
PAUSE_SECONDS = 20.0
INNER = st.lists(st.sampled_from(["ok", "retry", "throttle", "pause"]), max_size=3)
BLOCKS = st.lists(st.tuples(st.sampled_from([None, *NAMES]), INNER), min_size=1, max_size=4)
"""A task: what it does one after the other, each with a name or without; never with two names at once."""

TASKS = st.lists(st.tuples(st.integers(0, KEYS - 1), BLOCKS, st.booleans()), min_size=1, max_size=16)


def steps_of(blocks: list[tuple[str | None, list[End | Literal["pause"]]]], *, releases_last: bool) -> list[Step]:
    """Make the steps of a task; the last name may be given up by the task's end alone."""
    steps: list[Step] = []
    for number, (name, inner) in enumerate(blocks):
        own: list[Step] = [Pause(PAUSE_SECONDS) if each == "pause" else call(each) for each in inner]
        if name is None:
            steps += own
        else:
            is_last = number == len(blocks) - 1
            steps += [Acquire(name), *own, *([] if is_last and not releases_last else [Release(name)])]
    return steps


@given(
    tasks=TASKS,
    concurrency=st.integers(1, KEYS),
    latency=st.sampled_from([0.0, 0.01, 1.0]),
    gaps=st.lists(st.sampled_from([0.0, 0.005, 3.0]), max_size=16),
    stop_after=st.none() | st.sampled_from([0.0, 0.5, 10.0, 30.0]),
)
@settings(deadline=None, max_examples=200)
def test_names_whatever_tasks_do_with_one_at_a_time_are_held_by_one_and_reach_all_who_ask(
    tasks: list[tuple[int, list[Any], bool]],
    concurrency: int,
    latency: float,
    gaps: list[float],
    stop_after: float | None,
) -> None:
    """No two tasks hold a name, it goes by the order of asking, all tasks end; stopped, nothing begins any more."""
    lobby = Lobby(concurrency=concurrency, latency=latency)
    for number, (key, blocks, releases_last) in enumerate(tasks):
        lobby.send(f"k{key}", *steps_of(blocks, releases_last=releases_last))
        if number < len(gaps) and gaps[number]:
            lobby.clock.sleep(gaps[number])
    if stop_after is None:
        lobby.collect()
        assert sorted(f"k{key}" for key, _, _ in tasks) == sorted(lobby.done)
        assert lobby.asked.keys() == lobby.freed.keys()
    else:
        lobby.clock.sleep(stop_after)
    lobby.close()
    made = len(lobby.calls)
    assert [] == lobby.failures
    for name, asked in lobby.asked.items():
        given = lobby.given[name]
        assert [who for who, _ in asked][: len(given)] == [who for who, _ in given]
        assert stop_after is not None or len(given) == len(asked) == len(lobby.freed[name])
        if concurrency == KEYS:
            assert_prompt(asked, given, lobby.freed[name])
    lobby.clock.sleep(1000.0)
    assert made == len(lobby.calls)


def assert_prompt(
    asked: list[tuple[str, float]], given: list[tuple[str, float]], freed: list[tuple[str, float]]
) -> None:
    """Fail if somebody waited for a name that nobody held: there is a worker for each."""
    free_since = [0.0, *(moment for _, moment in freed)]
    for (_, wanted), (_, had), free in zip(asked, given, free_since, strict=False):
        assert had == max(wanted, free)
    assert all(first <= second for first, second in itertools.pairwise(moment for _, moment in given))
