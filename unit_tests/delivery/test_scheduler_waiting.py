"""Tasks that wait for their person: who is let out of a lane, who passes, and when and how each comes back."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from destination_intercom import outcomes
from destination_intercom.contacts.mapping import ContactChange, ContactDeletion
from destination_intercom.delivery.ledger import Ledger
from destination_intercom.delivery.mailbox import Concluded, Failed, Mailbox, SetAside
from destination_intercom.delivery.scheduler import Rules, Scheduler
from destination_intercom.delivery.tasks import Aside, Step, Task, TaskSteps, WaitEnd, WriteTask
from destination_intercom.delivery.waiting import WAIT_SECONDS
from destination_intercom.errors import StreamName
from destination_intercom.events.mapping import EventPayload
from destination_intercom.identity import Key
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import Call, PostEvent
from destination_intercom.intercom.classify import Judgement, Verdict
from destination_intercom.intercom.quota import Permit
from destination_intercom.outcomes import Outcome
from destination_intercom.payloads import Payload
from integration_tests.support.virtual_clock import START, VirtualClock
from unit_tests.keys import by_email, by_id
from unit_tests.scheduler_bench import AMPLE, ample_quota, closed_afterwards, end_workers

UNKNOWN = outcomes.rejected(outcomes.UNKNOWN_USER)
K = by_id("k")


@dataclass
class Hall:
    """A scheduler whose events find their person or not, each with a call of a second; what is begun is noted.

    A change makes its person known, under the address that it writes, too.
    """

    concurrency: int = 8
    expects: bool = True
    clock: VirtualClock = field(default_factory=VirtualClock)
    begun: list[tuple[float, str, WaitEnd | None]] = field(default_factory=list)
    done: dict[str, tuple[float, Outcome]] = field(default_factory=dict)
    aside: list[str] = field(default_factory=list)
    known: set[Key] = field(default_factory=set)
    held: list[float] = field(default_factory=list)
    """For how many seconds each task had been held up that was begun."""

    def __post_init__(self) -> None:
        self._ledger = Ledger(stop_after_rejected=0)
        self._names: list[str] = []
        self.mailbox, self._quota = Mailbox(self.clock), ample_quota(self.clock)
        self.scheduler = Scheduler(
            attempt=self._attempt,
            make_steps=self._make_steps,
            quota=self._quota,
            mailbox=self.mailbox,
            clock=self.clock,
            concurrency=self.concurrency,
            rules=Rules(
                series=lambda payload: payload.created_at if isinstance(payload, EventPayload) else None,
                names=lambda payload: self._keys(payload)[1:],
                makes_people=lambda payload: isinstance(payload, ContactChange),
                takes_away=lambda payload: isinstance(payload, ContactDeletion),
            ),
        )
        if self.expects:
            self.scheduler.expect_people()

    def event(self, name: str, key: Key = K, *, second: int = 0, size: int = 1) -> None:
        """Send an event."""
        self._send(name, EventPayload(key, name, second, {}), size)

    def person(self, name: str, key: Key = K, *, email: str | None = None) -> None:
        """Send a change."""
        self._send(name, ContactChange(key, {"name": name} | ({"email": email} if email else {}), {}), 1)

    def deletion(self, name: str, key: Key = K) -> None:
        """Send a deletion."""
        self._send(name, ContactDeletion(key), 1)

    def _send(self, name: str, payload: Payload, size: int) -> None:
        self._names.append(name)
        self.scheduler.send(self._ledger.enter(StreamName("s"), parts=1, size=size), payload)

    @property
    def now(self) -> float:
        """Seconds from the start."""
        return round(self.clock.now() - START, 3)

    def run_until(self, moment: float) -> None:
        """Take what the workers post until this second."""
        while self.now < moment:
            self.mailbox.wait(for_input=False, until=START + moment)
            for notice in self.mailbox.notices():
                assert not isinstance(notice, Failed)
                if isinstance(notice, SetAside):
                    self.aside.append(self._names[notice.entry.ordinal - 1])
                if isinstance(notice, Concluded):
                    self.done[self._names[notice.entry.ordinal - 1]] = (self.now, notice.outcome)

    def close(self) -> None:
        """End the workers; none may stay."""
        end_workers(self.scheduler, self.clock)

    def _attempt(self, _call: Call, permit: Permit) -> tuple[Answer, Judgement]:
        self.clock.sleep(1.0)
        self._quota.settle(permit, AMPLE)
        return Answer(202, "empty"), Judgement(Verdict.ANSWER)

    @staticmethod
    def _keys(payload: Payload) -> list[Key]:
        email = payload.fields.get("email") if isinstance(payload, ContactChange) else None
        return [payload.key, *([by_email(email)] if email else [])]

    def _make_steps(self, tasks: Sequence[Task]) -> TaskSteps:
        (task,) = tasks
        assert isinstance(task, WriteTask)
        self.held.append(task.held)
        self.begun.append((self.now, self._names[task.entry.ordinal - 1], task.wait_end))
        return self._deliver(task)

    def _deliver(self, task: WriteTask) -> Generator[Step, Answer, list[Outcome | Aside]]:
        yield PostEvent({})
        if isinstance(task.payload, ContactChange):
            self.known.update(self._keys(task.payload))
        if isinstance(task.payload, ContactDeletion):
            self.known.discard(task.payload.key)
            return [outcomes.DELIVERED]
        if task.payload.key in self.known:
            return [outcomes.DELIVERED]
        return [Aside() if task.may_wait else UNKNOWN]


@pytest.fixture
def make_hall() -> Iterator[Callable[..., Hall]]:
    """Make halls, and close them."""
    yield from closed_afterwards(Hall)


def test_task_when_it_waits_lets_the_person_and_all_others_pass(make_hall: Callable[..., Hall]) -> None:
    """It has left its lane and its worker, and goes back once the person was written."""
    hall = make_hall(1)
    hall.event("early")
    hall.event("other", by_id("other"))
    hall.person("person")
    hall.run_until(10)
    assert ["early", "other"] == hall.aside
    assert [(0.0, "early", None), (1.0, "other", None), (2.0, "person", None), (3.0, "early", WaitEnd.WRITTEN)] == (
        hall.begun
    )
    assert (4.0, outcomes.DELIVERED) == hall.done["early"]
    assert "other" not in hall.done


def test_task_when_one_of_its_series_waits_waits_behind_it_unbegun(make_hall: Callable[..., Hall]) -> None:
    """Those of another series ask for themselves; when the person is there, each series goes in its order."""
    hall = make_hall()
    for name, second in (("a1", 1), ("a2", 1), ("b1", 2), ("a3", 1)):
        hall.event(name, second=second)
    hall.run_until(10)
    assert ["a1", "b1"] == [name for _, name, _ in hall.begun]
    assert {"a1", "a2", "b1", "a3"} == set(hall.aside)
    hall.person("person")
    hall.event("a4", second=1)
    hall.run_until(30)
    assert ["a1", "a2", "a3", "a4"] == [name for _, name, _ in hall.begun[3:] if name.startswith("a")]
    assert {outcomes.DELIVERED} == {outcome for _, outcome in hall.done.values()}


def test_task_when_its_person_is_written_under_another_key_meanwhile_waits_for_nobody(
    make_hall: Callable[..., Hall],
) -> None:
    """Whoever was written while it was under way is there now."""
    hall = make_hall()
    hall.person("person", email="k@example.com")
    hall.run_until(0.5)
    hall.event("early", by_email("k@example.com"))
    hall.known.clear()
    hall.run_until(1.2)
    hall.known.clear()
    hall.run_until(1.6)
    assert [] == hall.aside
    assert (1.5, "early", WaitEnd.WRITTEN) == hall.begun[-1]


def test_task_when_its_person_was_written_before_it_began_waits(make_hall: Callable[..., Hall]) -> None:
    """What was written then was asked for already: nobody asks without an end."""
    hall = make_hall()
    hall.person("person")
    hall.run_until(2)
    hall.known.clear()
    hall.event("late")
    hall.run_until(10)
    assert ["late"] == hall.aside
    assert 2 == len(hall.begun)


def test_waits_when_no_more_people_come_end_once_those_on_their_way_are_written(make_hall: Callable[..., Hall]) -> None:
    """A task whose person never came may wait no more, and neither may what comes after it."""
    hall = make_hall()
    hall.event("early")
    hall.event("vain", by_id("nobody"))
    hall.run_until(5)
    hall.person("first", by_id("somebody"))
    hall.run_until(5.5)
    hall.person("person")
    hall.scheduler.end_people()
    hall.run_until(20)
    assert (7.5, outcomes.DELIVERED) == hall.done["early"]
    assert (7.5, UNKNOWN) == hall.done["vain"]
    hall.event("later", by_id("nobody"))
    hall.run_until(22)
    assert (20.0, "later", WaitEnd.NOBODY_COMES) == hall.begun[-1]


def test_task_when_nobody_is_expected_may_not_wait(make_hall: Callable[..., Hall]) -> None:
    """A sync without streams of people."""
    hall = make_hall(expects=False)
    hall.event("event")
    hall.run_until(2)
    assert [(0.0, "event", WaitEnd.NOBODY_COMES)] == hall.begun
    assert UNKNOWN == hall.done["event"][1]


@pytest.mark.parametrize(("most", "most_bytes", "left"), [(2, 100, 2), (9, 25, 2), (9, 29, 2), (9, 30, 3), (0, 0, 0)])
def test_waits_when_there_is_no_room_for_them_end_the_oldest_first(
    make_hall: Callable[..., Hall], most: int, most_bytes: int, left: int
) -> None:
    """By their number or by their bytes."""
    hall = make_hall()
    for number in range(4):
        hall.event(str(number), by_id(str(number)), size=10)
        hall.run_until(number + 1.5)
    hall.run_until(6)
    hall.scheduler.end_waits(most=most, most_bytes=most_bytes)
    hall.run_until(10)
    assert [str(number) for number in range(4 - left)] == sorted(hall.done)
    assert {WaitEnd.NO_ROOM} == {end for moment, _, end in hall.begun if moment >= 6}


def test_wait_when_it_has_lasted_for_ten_minutes_ends(make_hall: Callable[..., Hall]) -> None:
    """Its moment is told, so that somebody can see to it; the task has no ten minutes more for what fails then."""
    hall = make_hall()
    before = hall.scheduler.next_wait_end
    hall.event("first")
    hall.run_until(100)
    hall.event("second", second=1)
    hall.run_until(200)
    assert START + 1 + WAIT_SECONDS == hall.scheduler.next_wait_end
    hall.run_until(WAIT_SECONDS + 1)
    hall.scheduler.end_waits(most=9, most_bytes=99)
    hall.run_until(WAIT_SECONDS + 10)
    assert ["first"] == list(hall.done)
    assert (WAIT_SECONDS + 1, "first", WaitEnd.TIME) == hall.begun[-1]
    assert [0.0, 0.0, WAIT_SECONDS] == hall.held
    assert (None, START + 101 + WAIT_SECONDS) == (before, hall.scheduler.next_wait_end)


def test_task_that_waits_for_its_person_is_not_begun_when_they_are_taken_away(make_hall: Callable[..., Hall]) -> None:
    """A deletion shows nobody, though it was delivered: the task waits on, for a row that may follow."""
    hall = make_hall()
    hall.event("early")
    hall.run_until(2.0)
    hall.deletion("deletion")
    hall.run_until(10.0)
    assert (["early"], {"deletion"}) == (hall.aside, set(hall.done))
    hall.person("person")
    hall.run_until(20.0)
    assert outcomes.DELIVERED == hall.done["early"][1]


def test_events_of_a_person_who_was_taken_away_go_one_after_the_other_again(make_hall: Callable[..., Hall]) -> None:
    """Until one of them has shown that the person is there; before, those of a known person go at once."""
    hall = make_hall(expects=False)
    hall.known.add(K)
    hall.person("person")
    for number in range(3):
        hall.event(f"before {number}", second=number)
    hall.deletion("deletion")
    for number in range(3):
        hall.event(f"after {number}", second=number)
    hall.run_until(20.0)
    begun = {name: moment for moment, name, _ in hall.begun}
    assert 1 == len({begun[f"before {number}"] for number in range(3)})
    assert begun["before 0"] + 1.0 == begun["deletion"]
    assert [1.0, 2.0, 3.0] == [begun[f"after {number}"] - begun["deletion"] for number in range(3)]


def test_lane_of_a_person_who_was_taken_away_and_comes_anew_is_not_open(make_hall: Callable[..., Hall]) -> None:
    """Nor is one that begins later: nobody knows them any more."""
    hall = make_hall(expects=False)
    hall.person("person")
    hall.deletion("deletion")
    hall.run_until(5.0)
    for number in range(2):
        hall.event(f"after {number}", second=number)
    hall.run_until(20.0)
    begun = {name: moment for moment, name, _ in hall.begun}
    assert 1.0 == begun["after 1"] - begun["after 0"]
