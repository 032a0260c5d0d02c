"""Which steps does a task."""

from __future__ import annotations

from typing import Any

from destination_intercom import outcomes
from destination_intercom.contacts.lookup import question
from destination_intercom.contacts.mapping import ContactChange
from destination_intercom.contacts.matching import Found
from destination_intercom.contacts.upsert import ContactUpserter, Policy
from destination_intercom.delivery.ledger import Entry, Ledger
from destination_intercom.delivery.scheduler import Batch, CallTask, LookupTask, Task, WriteTask
from destination_intercom.dispatch import Dispatch
from destination_intercom.errors import StreamName
from destination_intercom.events.mapping import EventPayload
from destination_intercom.events.sender import EventSender
from destination_intercom.intercom.calls import Answer, CreateContact, GetMe, PostEvent, SearchContacts, UpdateContact
from unit_tests.task_bench import ID, INVALID, OTHER_ID, Bench, listed, shown


def make_dispatch(bench: Bench, *, email: bool = False, write_mode: str = "upsert") -> Dispatch:
    """The tasks of a run that writes as `write_mode` says."""
    upserter = ContactUpserter(memory=bench.memory, policy=Policy(write_mode=write_mode), types={})
    return Dispatch(
        memory=bench.memory, upserter=upserter, events=EventSender(memory=bench.memory, upserter=None), email=email
    )


def entry() -> Entry:
    """A record on its way."""
    return Ledger(stop_after_rejected=0).enter(StreamName("s"), parts=1, size=1)


def job(key: str, batch: Batch | None = None, *, email: bool = False, **fields: Any) -> Task:
    """A change to a contact that waits for `batch`."""
    return WriteTask(entry(), ContactChange(key, email=email, fields=fields, attributes={}), batch)


def batch(**emails: str | None) -> Batch:
    """A batch of these keys and their addresses."""
    made = Batch(0.0)
    made.emails.update(emails)
    return made


def test_question_when_dispatched_makes_its_call_and_returns_the_answer() -> None:
    """A question that belongs to no record is one call."""
    bench = Bench()
    answer = Answer(200, "json", {})
    result, calls, _ = bench.drive(make_dispatch(bench)([CallTask(GetMe())]), answer)
    assert answer == result
    assert [GetMe()] == calls


def test_event_when_dispatched_is_sent() -> None:
    """One event, one outcome."""
    bench = Bench()
    task = WriteTask(entry(), EventPayload("k", email=False, name="did it", created_at=7, metadata={}))
    result, calls, _ = bench.drive(make_dispatch(bench)([task]), Answer(202, "empty"))
    assert [outcomes.DELIVERED] == result
    assert isinstance(calls[0], PostEvent)


def test_changes_when_dispatched_together_use_what_their_batch_found() -> None:
    """One update of the contact that was found, an outcome for each."""
    bench, waited = Bench(), batch(k=None)
    steps = make_dispatch(bench)([LookupTask(waited)])
    found, calls, _ = bench.drive(steps, listed({"id": ID, "external_id": "k", "role": "user", "name": "Old"}))
    assert [SearchContacts(question("external_id", ["k"]), smallest=True)] == calls
    assert isinstance(found, dict)
    waited.found = found
    tasks = [job("k", waited, name="A"), job("k", waited, name="B")]
    result, calls, _ = bench.drive(make_dispatch(bench)(tasks), shown(external_id="k", name="B"))
    assert [outcomes.DELIVERED] * 2 == result
    assert [UpdateContact(ID, {"name": "B"})] == calls


def test_change_when_it_waited_for_no_batch_is_created() -> None:
    """Nothing was found, for nothing was asked."""
    bench = Bench()
    result, calls, _ = bench.drive(make_dispatch(bench)([job("k", name="A")]), shown(external_id="k"))
    assert [outcomes.DELIVERED] == result
    assert isinstance(calls[0], CreateContact)


def test_batch_when_looked_up_asks_for_the_addresses_of_those_who_were_not_found() -> None:
    """And tells for each key what was found by the identity and by the address."""
    bench, waited = Bench(), batch(a="a@example.com", b="b@example.com", c="c@example.com", d=None)
    by_identity = listed({"id": ID, "external_id": "a", "role": "user"})
    by_email = listed({"id": OTHER_ID, "email": "b@example.com", "role": "user"})
    found, calls, _ = bench.drive(make_dispatch(bench)([LookupTask(waited)]), by_identity, by_email)
    assert [
        SearchContacts(question("external_id", ["a", "b", "c", "d"])),
        SearchContacts(question("email", ["b@example.com", "c@example.com"]), decisive=True),
    ] == calls
    assert isinstance(found, dict)
    assert {"a": ([ID], []), "b": ([], [OTHER_ID]), "c": ([], []), "d": ([], [])} == {
        key: (ids(each.by_identity), ids(each.by_email)) for key, each in found.items() if isinstance(each, Found)
    }


def ids(contacts: tuple[Any, ...]) -> list[str]:
    """The ids of contacts."""
    return [contact.contact_id for contact in contacts]


def test_batch_when_nobody_is_created_is_looked_up_by_the_identity_only() -> None:
    """With update_only the address matches nobody."""
    bench = Bench()
    dispatch = make_dispatch(bench, write_mode="update_only")
    _, calls, _ = bench.drive(dispatch([LookupTask(batch(a="a@example.com"))]), listed())
    assert [SearchContacts(question("external_id", ["a"]), smallest=True)] == calls


def test_batch_when_the_identity_is_the_address_is_looked_up_by_that() -> None:
    """One question."""
    bench = Bench()
    dispatch = make_dispatch(bench, email=True)
    waited = batch(**{"a@example.com": None})
    found, calls, _ = bench.drive(dispatch([LookupTask(waited)]), listed({"id": ID, "email": "A@example.com"}))
    assert [SearchContacts(question("email", ["a@example.com"]), decisive=True, smallest=True)] == calls
    assert isinstance(found, dict)
    assert [ID] == ids(found["a@example.com"].by_identity)


def test_batch_when_it_cannot_be_looked_up_holds_nobody() -> None:
    """Every key has its entry all the same, so that its jobs go on."""
    bench = Bench()
    found, _, _ = bench.drive(make_dispatch(bench)([LookupTask(batch(a="a@example.com"))]), INVALID, INVALID)
    assert {"a": Found()} == found
