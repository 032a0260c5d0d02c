"""Events of one person: which of them go at once, and what waits for what."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from destination_intercom.contacts.batches import ContactBatch
from destination_intercom.contacts.mapping import ContactChange
from destination_intercom.delivery.ledger import Ledger
from destination_intercom.delivery.mailbox import Concluded, Failed, Mailbox
from destination_intercom.delivery.scheduler import Rules, Scheduler
from destination_intercom.errors import AttemptError, MaybeSentError, StreamName
from destination_intercom.events.mapping import EventPayload
from destination_intercom.identity import Key
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import Call, CreateContact, FindByExternalId, PostEvent, SearchContacts
from destination_intercom.intercom.classify import Judgement, judge
from destination_intercom.intercom.quota import Permit
from destination_intercom.outcomes import Status
from integration_tests.support.virtual_clock import START, VirtualClock
from unit_tests.keys import by_email, by_id
from unit_tests.scheduler_bench import AMPLE, ample_quota, closed_afterwards, end_workers
from unit_tests.task_bench import INVALID, NOT_FOUND, listed, sync_parts

K = by_id("k")


@dataclass
class Floor:
    """A scheduler of contacts and events, each of whose calls takes a second; what was made is written down.

    `fates` tells what becomes of the calls of an event's name, one after the other, then it is taken; `there` are the
    contacts that a search finds.
    """

    concurrency: int = 64
    fates: dict[str, list[Answer | AttemptError]] = field(default_factory=dict)
    there: frozenset[str] = frozenset()
    clock: VirtualClock = field(default_factory=VirtualClock)
    made: list[tuple[float, float, str]] = field(default_factory=list)
    done: list[tuple[int, Status]] = field(default_factory=list)
    sent: int = 0
    most: int = 0

    def __post_init__(self) -> None:
        kinds, _ = sync_parts(self.clock.now)
        self._ledger = Ledger(stop_after_rejected=0)
        self._flying = 0
        self._guard = threading.Lock()
        self.mailbox = Mailbox(self.clock)
        self._quota = ample_quota(self.clock)
        self.scheduler = Scheduler(
            attempt=self._attempt,
            make_steps=kinds.make_steps,
            quota=self._quota,
            mailbox=self.mailbox,
            clock=self.clock,
            concurrency=self.concurrency,
            rules=Rules(kinds.series, kinds.names, kinds.probes),
        )

    def event(self, name: str, *, at: int | None = None, key: Key = K, **metadata: Any) -> None:
        """Send an event, of a second of its own unless it is told."""
        self.sent += 1
        entry = self._ledger.enter(StreamName("s"), parts=1, size=1)
        payload = EventPayload(key, name=name, created_at=self.sent if at is None else at, metadata=metadata)
        self.scheduler.send(entry, payload)

    def contact(self, name: str, *, key: Key = K, email: str | None = None) -> None:
        """Send a change of a contact that is looked up in a batch of its own."""
        self.sent += 1
        entry = self._ledger.enter(StreamName("s"), parts=1, size=1)
        batch = ContactBatch(self.clock.now())
        batch.emails[key] = email
        fields = {"name": name} if email is None else {"name": name, "email": email}
        self.scheduler.send(entry, ContactChange(key, fields=fields, attributes={}), batch)
        self.scheduler.look_up("contacts", batch)

    def collect(self) -> None:
        """Wait until all is concluded."""
        while len(self.done) < self.sent:
            self.mailbox.wait(for_input=False, until=None)
            for notice in self.mailbox.notices():
                assert not isinstance(notice, Failed)
                if isinstance(notice, Concluded):
                    self.done.append((notice.entry.ordinal, notice.outcome.status))

    def span(self, what: str) -> tuple[float, float]:
        """From when to when a call was made, the last one of that name."""
        return [(began, ended) for began, ended, made in self.made if made == what][-1]

    def close(self) -> None:
        """End the workers; none may stay."""
        end_workers(self.scheduler, self.clock)

    def _attempt(self, call: Call, permit: Permit) -> tuple[Answer | AttemptError, Judgement]:
        began, (what, result) = self.clock.now() - START, self._answer(call)
        with self._guard:
            self._flying += 1
            self.most = max(self.most, self._flying)
        self.clock.sleep(1.0)
        with self._guard:
            self._flying -= 1
            self.made.append((round(began, 3), round(self.clock.now() - START, 3), what))
        self._quota.settle(permit, AMPLE)
        return result, judge(call, result)

    def _answer(self, call: Call) -> tuple[str, Answer | AttemptError]:
        if isinstance(call, PostEvent):
            name = call.payload["event_name"] + call.payload.get("metadata", {}).get("mark", "")
            fates = self.fates.get(name, [])
            return name, fates.pop(0) if fates else Answer(202, "empty")
        if isinstance(call, SearchContacts):
            found = [{"id": f"id-{who}", "role": "user", "external_id": who, "name": "N"} for who in sorted(self.there)]
            return "search", listed(*found)
        if isinstance(call, FindByExternalId):
            return "find", NOT_FOUND
        assert isinstance(call, CreateContact)
        return call.payload["name"], Answer(200, "json", {"id": "id-k", **call.payload})


@pytest.fixture
def make_floor() -> Iterator[Callable[..., Floor]]:
    """Make floors whose workers are ended afterwards."""
    yield from closed_afterwards(Floor)


def test_events_of_one_person_when_the_first_was_accepted_go_at_once(make_floor: Callable[..., Floor]) -> None:
    """The first goes alone; then a thousand take no longer than of a thousand people."""
    busy, many = make_floor(), make_floor()
    for number in range(641):
        busy.event("e", key=by_id("k"))
        many.event("e", key=by_id(f"k{number}"))
    busy.collect()
    many.collect()
    assert 64 == busy.most
    first, second = sorted(began for began, _, _ in busy.made)[:2]
    assert (0.0, 1.0) == (first, second)
    assert [pytest.approx(11.0, abs=0.01)] * 2 == [floor.clock.now() - START for floor in (busy, many)]


def test_first_event_when_it_is_refused_is_followed_by_another_one_alone(make_floor: Callable[..., Floor]) -> None:
    """Only an accepted one shows that the person is there."""
    floor = make_floor(fates={"bad": [INVALID, INVALID]})
    for name in ("bad", "bad", "good", "a", "b"):
        floor.event(name)
    floor.collect()
    assert [0.0, 1.0, 2.0, 3.0, 3.0] == sorted(began for began, _, _ in floor.made)


def test_first_event_when_the_person_is_unknown_takes_two_calls_for_all(make_floor: Callable[..., Floor]) -> None:
    """A thousand events of a stranger in a row do not go at once."""
    floor = make_floor(fates={"e": [NOT_FOUND] * 1000})
    for _ in range(1000):
        floor.event("e")
    floor.collect()
    assert ["e", "find"] == [what for _, _, what in floor.made]


@pytest.mark.parametrize("there", [frozenset(), frozenset("k")], ids=["written", "read"])
def test_events_when_the_contact_was_written_or_read_go_at_once(
    make_floor: Callable[..., Floor], there: frozenset[str]
) -> None:
    """None of them needs to go alone: the person is there."""
    floor = make_floor(there=there)
    floor.contact("N")
    for number in range(10):
        floor.event(f"e{number}")
    floor.collect()
    assert 1 == len({floor.span(f"e{number}") for number in range(10)})
    assert floor.span("search" if there else "N")[1] <= floor.span("e0")[0]


def test_events_by_the_address_when_the_contact_was_written_with_it_go_at_once(
    make_floor: Callable[..., Floor],
) -> None:
    """The person is known under it, too."""
    floor = make_floor()
    floor.contact("N", key=by_id("k"), email="k@example.com")
    floor.collect()
    for number in range(3):
        floor.event(f"e{number}", key=by_email("k@example.com"))
    floor.collect()
    assert 1 == len({floor.span(f"e{number}") for number in range(3)})


def test_key_when_it_comes_back_later_is_still_known(make_floor: Callable[..., Floor]) -> None:
    """What was accepted in this run counts, also if nothing was under way for the person in between."""
    floor = make_floor()
    floor.event("first")
    floor.collect()
    for number in range(5):
        floor.event(f"e{number}")
    floor.collect()
    assert 5 == floor.most


def test_twins_of_one_second_when_in_flight_keep_their_order(make_floor: Callable[..., Floor]) -> None:
    """The same name and second: one after the other, also over a retry, while others of the person overtake them."""
    floor = make_floor(fates={"twin1": [MaybeSentError("timeout")] * 3})
    floor.event("first")
    for mark in "123":
        floor.event("twin", at=7, mark=mark)
    for number in range(5):
        floor.event(f"e{number}")
    floor.collect()
    order = [ordinal for ordinal, _ in floor.done]
    assert [2, 3, 4] == [ordinal for ordinal in order if ordinal in {2, 3, 4}]
    assert [Status.DELIVERED] * 3 == [status for ordinal, status in floor.done if ordinal in {2, 3, 4}]
    assert set(order[1:6]) == {5, 6, 7, 8, 9}
    assert {1.0} == {floor.span(f"e{number}")[0] for number in range(5)}


def test_twins_when_each_is_taken_or_refused_are_sent_one_after_the_other(make_floor: Callable[..., Floor]) -> None:
    """The second waits for the first whatever comes of it."""
    floor = make_floor(fates={"twin1": [INVALID], "twin2": [INVALID]})
    floor.event("first")
    for mark in "123":
        floor.event("twin", at=7, mark=mark)
    floor.collect()
    spans = [floor.span(f"twin{mark}") for mark in "123"]
    assert all(earlier[1] <= later[0] for earlier, later in itertools.pairwise(spans))


def test_events_of_one_second_and_other_names_are_no_twins(make_floor: Callable[..., Floor]) -> None:
    """Nor are those of one name and other seconds; names that mean the same to Intercom are one."""
    floor = make_floor()
    floor.event("first")
    for name, second in (("a", 7), ("b", 7), ("a", 8)):
        floor.event(name, at=second)
    floor.event("A", at=8)
    floor.collect()
    began = sorted((began, what) for began, _, what in floor.made)
    assert [(0.0, "first"), (1.0, "a"), (1.0, "a"), (1.0, "b")] == began
    assert (5, Status.DUPLICATE) in floor.done


def test_contact_between_two_events_waits_for_those_before_it_and_holds_those_after_it(
    make_floor: Callable[..., Floor],
) -> None:
    """A write never runs beside an event of its person."""
    floor = make_floor(fates={"slow": [MaybeSentError("timeout")] * 2})
    for name in ("first", "slow", "before"):
        floor.event(name)
    floor.contact("N")
    for name in ("after1", "after2"):
        floor.event(name)
    floor.collect()
    assert max(floor.span("slow")[1], floor.span("before")[1]) <= floor.span("N")[0]
    assert floor.span("N")[1] <= min(floor.span("after1")[0], floor.span("after2")[0])
    assert floor.span("after1") == floor.span("after2")


def test_contact_when_twins_wait_before_it_comes_after_the_last_of_them(make_floor: Callable[..., Floor]) -> None:
    """What waits for its twin came before it, too."""
    floor = make_floor(fates={"twin1": [INVALID]})
    floor.event("first")
    for mark in "12":
        floor.event("twin", at=7, mark=mark)
    floor.contact("N")
    floor.collect()
    assert floor.span("twin2")[1] <= floor.span("N")[0]


def test_key_that_waits_occupies_no_worker_and_holds_up_nobody_else(make_floor: Callable[..., Floor]) -> None:
    """With one worker only, others are delivered while all events of a person wait for a retry."""
    floor = make_floor(concurrency=1, fates={"slow": [MaybeSentError("timeout")] * 40})
    floor.event("first")
    floor.collect()
    for _ in range(5):
        floor.event("slow")
    for number in range(10):
        floor.event(f"e{number}", key=by_id(f"other {number}"))
    floor.collect()
    assert set(range(7, 17)) == {ordinal for ordinal, _ in floor.done[1:11]}


def test_keys_when_one_is_busy_get_their_turns(make_floor: Callable[..., Floor]) -> None:
    """A person with two hundred events, which may all go at once, does not keep another one waiting for all of them."""
    floor = make_floor(concurrency=2)
    floor.event("first")
    floor.collect()
    for _ in range(200):
        floor.event("much")
    floor.event("little", key=by_id("little"))
    floor.collect()
    assert floor.span("little")[1] <= 5.0
