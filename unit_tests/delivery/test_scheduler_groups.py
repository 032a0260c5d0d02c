"""The workers and contacts: what waits for a lookup, what goes together, and what goes on meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from destination_intercom.contacts.batches import ContactBatch
from destination_intercom.contacts.mapping import ContactChange
from destination_intercom.delivery.ledger import Ledger
from destination_intercom.delivery.mailbox import Concluded, Failed, LookedUp, Mailbox
from destination_intercom.delivery.scheduler import Scheduler
from destination_intercom.errors import AnswerTooLargeError, AttemptError, DeliveryError, MaybeSentError, StreamName
from destination_intercom.events.mapping import EventPayload
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import Call, CreateContact, PostEvent, SearchContacts, UpdateContact
from destination_intercom.intercom.classify import Judgement, Verdict, judge
from destination_intercom.intercom.quota import Permit
from destination_intercom.outcomes import Status
from integration_tests.support.virtual_clock import START, VirtualClock
from unit_tests.keys import by_id
from unit_tests.scheduler_bench import AMPLE, ample_quota, closed_afterwards, end_workers
from unit_tests.task_bench import listed, refusal, sync_parts

SEARCH_SECONDS = 10.0
CALL_SECONDS = 1.0
BAD = refusal(400, "parameter_invalid", "name is refused")


@dataclass
class Floor:
    """A scheduler of contacts and events whose calls are answered by a small Intercom; all it does is written down.

    A name in `bad` is refused. `searches` are the answers to searches, in their order; after them there is nobody.
    """

    concurrency: int = 8
    bad: frozenset[str] = frozenset()
    searches: list[Answer | AttemptError] = field(default_factory=list)
    clock: VirtualClock = field(default_factory=VirtualClock)
    made: list[tuple[float, str, str]] = field(default_factory=list)
    done: list[tuple[int, Status]] = field(default_factory=list)
    failures: list[Failed] = field(default_factory=list)
    looked_up: int = 0

    def __post_init__(self) -> None:
        kinds, _ = sync_parts(self.clock.now)
        self._ledger = Ledger(stop_after_rejected=0)
        self._sent = 0
        self.mailbox = Mailbox(self.clock)
        self.quota = ample_quota(self.clock)
        self.scheduler = Scheduler(
            attempt=self._attempt,
            make_steps=kinds.make_steps,
            quota=self.quota,
            mailbox=self.mailbox,
            clock=self.clock,
            concurrency=self.concurrency,
        )

    @property
    def now(self) -> float:
        """Seconds from the start."""
        return round(self.clock.now() - START, 6)

    def batch(self) -> ContactBatch:
        """A batch that is open."""
        return ContactBatch(self.clock.now())

    def change(self, key: str, batch: ContactBatch | None, name: str) -> None:
        """Send a change of a contact's name; it waits for `batch`."""
        if batch is not None:
            batch.emails[by_id(key)] = None
        self._send(ContactChange(by_id(key), fields={"name": name}, attributes={}), batch)

    def event(self, key: str, name: str) -> None:
        """Send an event."""
        self._send(EventPayload(by_id(key), name=name, created_at=self._sent, metadata={}), None)

    def _send(self, payload: ContactChange | EventPayload, batch: ContactBatch | None) -> None:
        self._sent += 1
        entry = self._ledger.enter(StreamName("s"), parts=1, size=1)
        self.scheduler.send(entry, payload, batch)

    def collect(self) -> None:
        """Wait until all is concluded, or a failure has come."""
        while len(self.done) < self._sent and not self.failures:
            self.mailbox.wait(for_input=False, until=None)
            self.note()

    def note(self) -> None:
        """Take what the workers have posted."""
        for notice in self.mailbox.notices():
            if isinstance(notice, Concluded):
                self.done.append((notice.entry.ordinal, notice.outcome.status))
            elif isinstance(notice, Failed):
                self.failures.append(notice)
            elif isinstance(notice, LookedUp):
                self.looked_up += 1

    def wait(self, seconds: float) -> None:
        """Let time pass, and take what was posted meanwhile."""
        self.clock.sleep(seconds)
        self.note()

    def close(self) -> None:
        """End the workers; none may stay."""
        end_workers(self.scheduler, self.clock)

    def told(self, key: str | None = None) -> list[str]:
        """What was written, of one person or of all, in the order of the answers."""
        return [f"{what} {whom}" for _, whom, what in self.made if key in {None, whom} and whom]

    def _attempt(self, call: Call, permit: Permit) -> tuple[Answer | AttemptError, Judgement]:
        self.clock.sleep(SEARCH_SECONDS if isinstance(call, SearchContacts) else CALL_SECONDS)
        result = self._answer(call)
        self.quota.settle(permit, AMPLE)
        return result, judge(call, result)

    def _answer(self, call: Call) -> Answer | AttemptError:
        if isinstance(call, SearchContacts):
            self.made.append((self.now, "", "search"))
            return self.searches.pop(0) if self.searches else listed()
        if isinstance(call, PostEvent):
            self.made.append((self.now, call.payload["user_id"], call.payload["event_name"]))
            return Answer(202, "empty")
        assert isinstance(call, (CreateContact, UpdateContact))
        key = call.payload["external_id"] if isinstance(call, CreateContact) else call.contact_id.removeprefix("id-")
        verb = "create" if isinstance(call, CreateContact) else "update"
        self.made.append((self.now, key, f"{verb}:{call.payload.get('name')}"))
        if call.payload.get("name") in self.bad:
            return BAD
        return Answer(200, "json", contact(key, call.payload.get("name")))


def contact(key: str, name: str | None) -> dict[str, Any]:
    """A contact as Intercom shows it."""
    return {"id": f"id-{key}", "role": "user", "external_id": key, "name": name}


@pytest.fixture
def make_floor() -> Iterator[Callable[..., Floor]]:
    """Make floors whose workers are ended afterwards."""
    yield from closed_afterwards(Floor)


def test_contact_when_its_batch_is_open_waits_and_what_follows_it_waits_too(make_floor: Callable[..., Floor]) -> None:
    """Until the lookup is answered nothing is written to the person; then all of it, in its order."""
    floor = make_floor()
    batch = floor.batch()
    floor.change("a", batch, "A")
    floor.event("a", "did")
    floor.wait(100.0)
    assert [] == floor.made
    floor.scheduler.look_up("contacts", batch)
    floor.wait(SEARCH_SECONDS - 0.1)
    assert [] == floor.told()
    floor.collect()
    assert ["create:A a", "did a"] == floor.told()
    assert 1 == floor.looked_up
    assert [(1, Status.DELIVERED), (2, Status.DELIVERED)] == floor.done


def test_contact_when_it_waits_holds_up_nobody_else(make_floor: Callable[..., Floor]) -> None:
    """Not even with one worker: another person's events and a contact that waits for nothing go on."""
    floor = make_floor(concurrency=1)
    floor.change("a", floor.batch(), "A")
    floor.event("b", "did")
    floor.change("c", None, "C")
    floor.wait(5.0)
    assert ["did b", "create:C c"] == floor.told()
    assert [(2, Status.DELIVERED), (3, Status.DELIVERED)] == floor.done


def test_contacts_of_one_batch_and_key_are_one_update(make_floor: Callable[..., Floor]) -> None:
    """The last value wins, and each record has its outcome."""
    floor = make_floor(searches=[listed(contact("a", "Old"))])
    batch = floor.batch()
    for name in ("A", "B", "C"):
        floor.change("a", batch, name)
    floor.change("b", batch, "X")
    floor.scheduler.look_up("contacts", batch)
    floor.collect()
    assert ["update:C a"] == floor.told("a")
    assert ["create:X b"] == floor.told("b")
    assert [(number, Status.DELIVERED) for number in (1, 2, 3, 4)] == sorted(floor.done, key=lambda each: each[0])


@pytest.mark.parametrize("found", [True, False])
def test_contacts_when_refused_together_go_one_by_one(make_floor: Callable[..., Floor], found: bool) -> None:
    """In their order, each sent; of the bad one nothing is left to be written."""
    floor = make_floor(bad=frozenset({"BAD"}), searches=[listed(contact("a", "C"))] if found else [])
    batch = floor.batch()
    for name in ("A", "C", "BAD"):
        floor.change("a", batch, name)
    floor.event("a", "did")
    floor.scheduler.look_up("contacts", batch)
    floor.collect()
    first = "update" if found else "create"
    assert [f"{first}:BAD a", f"{first}:A a", "update:C a", "update:BAD a", "did a"] == floor.told()
    assert [Status.DELIVERED, Status.DELIVERED, Status.UNCHANGED, Status.DELIVERED] == [each for _, each in floor.done]


def test_event_when_between_two_changes_keeps_its_place(make_floor: Callable[..., Floor]) -> None:
    """Changes are only merged where nothing is between them."""
    floor = make_floor()
    batch = floor.batch()
    floor.change("a", batch, "A")
    floor.change("a", batch, "B")
    floor.event("a", "did")
    floor.change("a", batch, "C")
    floor.change("a", batch, "D")
    floor.scheduler.look_up("contacts", batch)
    floor.collect()
    assert ["create:B a", "did a", "update:D a"] == floor.told()
    assert [1, 2, 3, 4, 5] == [number for number, _ in floor.done]


def test_changes_of_two_batches_are_two_updates_in_their_order(make_floor: Callable[..., Floor]) -> None:
    """The second waits for its own lookup, though it is answered before the first one's."""
    floor = make_floor()
    first, second = floor.batch(), floor.batch()
    floor.change("a", first, "A")
    floor.change("a", second, "B")
    floor.scheduler.look_up("contacts", second)
    floor.wait(SEARCH_SECONDS + 5.0)
    assert [] == floor.told()
    floor.scheduler.look_up("contacts", first)
    floor.collect()
    assert ["create:A a", "update:B a"] == floor.told()


def test_change_when_its_predecessor_is_being_written_waits_for_its_own_batch(make_floor: Callable[..., Floor]) -> None:
    """The key is parked again once its first part is done."""
    floor = make_floor()
    first, second = floor.batch(), floor.batch()
    floor.change("a", first, "A")
    floor.scheduler.look_up("contacts", first)
    floor.wait(SEARCH_SECONDS + 0.5)
    floor.change("a", second, "B")
    floor.event("a", "did")
    floor.wait(50.0)
    assert ["create:A a"] == floor.told()
    floor.scheduler.look_up("contacts", second)
    floor.collect()
    assert ["create:A a", "update:B a", "did a"] == floor.told()


def test_lookups_of_several_batches_overlap(make_floor: Callable[..., Floor]) -> None:
    """Five take as long as one."""
    floor = make_floor()
    for number in range(5):
        batch = floor.batch()
        floor.change(f"k{number}", batch, "A")
        floor.scheduler.look_up("contacts", batch)
    floor.collect()
    assert 5 == floor.looked_up
    assert pytest.approx(SEARCH_SECONDS + CALL_SECONDS) == floor.now


def test_many_people_of_one_batch_are_written_side_by_side(make_floor: Callable[..., Floor]) -> None:
    """Eight workers, sixteen people: two rounds."""
    floor = make_floor()
    batch = floor.batch()
    for number in range(16):
        floor.change(f"k{number}", batch, "A")
    floor.scheduler.look_up("contacts", batch)
    floor.collect()
    assert pytest.approx(SEARCH_SECONDS + 2 * CALL_SECONDS) == floor.now
    assert 16 == len(set(floor.told()))


@pytest.mark.parametrize("failure", [MaybeSentError("timeout"), Answer(502, "other"), Answer(503, "json", {})])
def test_lookup_when_it_fails_is_tried_again_and_then_all_goes_on(
    make_floor: Callable[..., Floor], failure: Answer | AttemptError
) -> None:
    """The people of the batch wait meanwhile."""
    floor = make_floor(searches=[failure, failure, listed(contact("a", "A"))])
    batch = floor.batch()
    floor.change("a", batch, "A")
    floor.scheduler.look_up("contacts", batch)
    floor.collect()
    assert [] == floor.told()
    assert [(1, Status.UNCHANGED)] == floor.done
    assert 2 == floor.scheduler.retries


def test_lookup_when_it_fails_for_ever_ends_the_sync(make_floor: Callable[..., Floor]) -> None:
    """Nobody is written to, nothing is acknowledged; the error says that Intercom could not be reached."""
    floor = make_floor(searches=[Answer(502, "other")] * 200)
    batch = floor.batch()
    floor.change("a", batch, "A")
    floor.scheduler.look_up("contacts", batch)
    floor.collect()
    assert [] == floor.done
    assert [] == floor.told()
    (failed,) = floor.failures
    assert isinstance(failed.error, DeliveryError)


def test_lookup_when_it_ends_in_a_500_twice_is_asked_in_halves(make_floor: Callable[..., Floor]) -> None:
    """Once may be an accident; in Intercom's envelope twice, it may be an answer."""
    broken = refusal(500, "server_error", "Server Error")
    floor = make_floor(searches=[broken, broken, listed(contact("a", "A")), listed(contact("b", "A"))])
    batch = floor.batch()
    floor.change("a", batch, "A")
    floor.change("b", batch, "A")
    floor.scheduler.look_up("contacts", batch)
    floor.collect()
    assert 4 == sum(what == "search" for _, _, what in floor.made)
    assert [Status.UNCHANGED] * 2 == [status for _, status in floor.done]


def test_lookup_when_the_answer_is_too_large_is_asked_in_halves_at_once(make_floor: Callable[..., Floor]) -> None:
    """To ask the same again would bring the same."""
    floor = make_floor(
        searches=[AnswerTooLargeError("too_large"), listed(contact("a", "A")), listed(contact("b", "A"))]
    )
    batch = floor.batch()
    floor.change("a", batch, "A")
    floor.change("b", batch, "A")
    floor.scheduler.look_up("contacts", batch)
    floor.collect()
    assert 3 == sum(what == "search" for _, _, what in floor.made)
    assert 0 == floor.scheduler.retries
    assert [Status.UNCHANGED] * 2 == [status for _, status in floor.done]


def test_verdict_of_a_search_that_is_refused_is_an_answer() -> None:
    """So that the lookup may ask for less, where a refusal is in Intercom's envelope."""
    call = SearchContacts({"query": {}})
    assert Verdict.ANSWER is judge(call, refusal(400, "invalid_field")).verdict
    assert Verdict.RETRY is judge(call, Answer(400, "other")).verdict
