"""The workers beside a call that stalls: whoever is due does not wait for it."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from destination_intercom import outcomes
from destination_intercom.delivery.ledger import Ledger
from destination_intercom.delivery.mailbox import Concluded, Mailbox
from destination_intercom.delivery.scheduler import Scheduler
from destination_intercom.delivery.tasks import Pause, Step, Task, TaskSteps, WriteTask
from destination_intercom.errors import AttemptError, MaybeSentError, StreamName
from destination_intercom.events.mapping import EventPayload
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import Call, PostEvent
from destination_intercom.intercom.classify import Judgement, Verdict
from destination_intercom.intercom.quota import Permit
from destination_intercom.outcomes import Outcome
from integration_tests.support.virtual_clock import START, VirtualClock
from unit_tests.keys import by_id
from unit_tests.scheduler_bench import AMPLE, ample_quota

STREAM = StreamName("events")
STALL = 300.0
LONGEST_FIRST_DELAY = 1.0
"""The first retry of a call comes within a second."""


@dataclass
class Shop:
    """A scheduler whose calls are told by the key: `stall` hangs, `fail…` fails once, `pause…` pauses first."""

    concurrency: int
    clock: VirtualClock = field(default_factory=VirtualClock)
    sent: list[str] = field(default_factory=list)
    ended: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._tried: set[str] = set()
        self._ledger = Ledger(stop_after_rejected=0)
        self._mailbox = Mailbox(self.clock)
        self._quota = ample_quota(self.clock)
        self.scheduler = Scheduler(
            attempt=self._attempt,
            make_steps=self._make_steps,
            quota=self._quota,
            mailbox=self._mailbox,
            clock=self.clock,
            concurrency=self.concurrency,
        )

    def send(self, *keys: str) -> None:
        """Send a job for each key."""
        for key in keys:
            entry = self._ledger.enter(STREAM, parts=1, size=1)
            self.scheduler.send(entry, EventPayload(by_id(key), name=key, created_at=0, metadata={}))
            self.sent.append(key)

    def collect(self, count: int) -> None:
        """Wait until `count` jobs are concluded."""
        while len(self.ended) < count:
            self._mailbox.wait(for_input=False, until=None)
            for notice in self._mailbox.notices():
                assert isinstance(notice, Concluded)
                self.ended[self.sent[notice.entry.ordinal - 1]] = self.clock.now() - START

    def _make_steps(self, tasks: Sequence[Task]) -> TaskSteps:
        (task,) = tasks
        assert isinstance(task, WriteTask)
        assert isinstance(task.payload, EventPayload)
        return self._sending(task.payload.key.value)

    def _sending(self, key: str) -> Generator[Step, Answer, list[Outcome]]:
        if key.startswith("pause"):
            yield Pause(LONGEST_FIRST_DELAY)
        yield PostEvent({"key": key})
        return [outcomes.DELIVERED]

    def _attempt(self, call: Call, permit: Permit) -> tuple[Answer | AttemptError, Judgement]:
        assert isinstance(call, PostEvent)
        key = call.payload["key"]
        self.clock.sleep(STALL if key == "stall" else 0.1)
        self._quota.settle(permit, AMPLE)
        if key.startswith("fail") and key not in self._tried:
            self._tried.add(key)
            return MaybeSentError("timeout"), Judgement(Verdict.RETRY, "timeout")
        return Answer(202, "empty"), Judgement(Verdict.ANSWER)


@pytest.fixture(params=[2, 3, 8])
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    """A shop whose workers are ended afterwards."""
    made = Shop(request.param)
    yield made
    made.scheduler.stop()
    made.scheduler.join(made.clock.now() + 2 * STALL)
    assert 0 == made.scheduler.workers


@pytest.mark.parametrize("first", ["fail", "pause"])
def test_lane_when_it_is_due_beside_a_stalled_call_is_woken_by_another_worker(shop: Shop, first: str) -> None:
    """The only worker so far takes the call that stalls: it leaves somebody behind who watches the time."""
    shop.send(first)
    shop.clock.sleep(0.15)
    shop.send("stall")
    shop.collect(1)
    assert [first] == list(shop.ended)
    assert shop.ended[first] <= 0.1 + LONGEST_FIRST_DELAY + 0.2


def test_lanes_when_they_are_due_one_after_another_beside_a_stalled_call_are_all_woken(shop: Shop) -> None:
    """Each is watched for, not only the first."""
    keys = [f"{kind}{number}" for number in range(3) for kind in ("fail", "pause")]
    shop.send(*keys, "stall")
    shop.collect(len(keys))
    assert set(keys) == set(shop.ended)
    assert max(shop.ended.values()) < 5.0


def test_lanes_when_they_are_due_at_one_moment_are_taken_by_as_many_workers_as_there_are(shop: Shop) -> None:
    """Whoever watched the time takes one of them, and wakes the others."""
    keys = [f"pause{number}" for number in range(shop.concurrency)]
    shop.send(*(f"warm{number}" for number in range(shop.concurrency)), *keys)
    shop.collect(2 * shop.concurrency)
    ended = [shop.ended[key] for key in keys]
    assert pytest.approx([ended[0]] * len(keys), abs=0.01) == ended


def test_lane_when_it_is_sent_beside_a_stalled_call_and_a_watch_is_taken_at_once(shop: Shop) -> None:
    """The watch is a worker as any other: a new lane does not wait until the lane that it watches for is due."""
    shop.send("fail")
    shop.clock.sleep(0.15)
    shop.send("stall", "new")
    shop.collect(2)
    assert {"fail", "new"} == set(shop.ended)
    assert shop.ended["new"] <= 0.15 + 0.1 + 0.2
