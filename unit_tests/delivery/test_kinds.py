"""The registry of kinds: whose steps carry out a task."""

from __future__ import annotations

from destination_intercom import outcomes
from destination_intercom.contacts.batches import ContactBatch
from destination_intercom.contacts.mapping import ContactChange
from destination_intercom.delivery.kinds import Note, Notes
from destination_intercom.delivery.ledger import Ledger
from destination_intercom.delivery.tasks import CallTask, LookupTask, Task, WriteTask
from destination_intercom.errors import StreamName
from destination_intercom.events.mapping import EventPayload
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import (
    CreateContact,
    CreateLead,
    GetMe,
    PostEvent,
    SearchContacts,
    UpdateContact,
)
from destination_intercom.payloads import Payload
from unit_tests.keys import by_id
from unit_tests.task_bench import Bench, listed, shown, sync_parts

EVENT = EventPayload(by_id("k"), "did it", 7, {})
CHANGE = ContactChange(by_id("k"), {"name": "N"}, {})


def write(payload: Payload, batch: ContactBatch | None = None) -> WriteTask:
    """A payload on its way."""
    return WriteTask(Ledger(stop_after_rejected=0).enter(StreamName("s"), parts=1, size=1), payload, batch)


def test_call_when_it_belongs_to_no_record_is_made_and_answered() -> None:
    """One call, and what came of it."""
    bench = Bench()
    kinds, _ = sync_parts(bench.time.now)
    result, calls, _ = bench.drive(kinds.make_steps([CallTask(GetMe())]), Answer(200, "json", {}))
    assert (Answer(200, "json", {}), [GetMe()]) == (result, calls)


def test_payload_when_it_is_delivered_goes_the_way_of_its_kind() -> None:
    """The scheduler knows none of them."""
    bench = Bench()
    kinds, _ = sync_parts(bench.time.now)
    for payload, answer, call in (
        (EVENT, Answer(202, "empty"), PostEvent),
        (CHANGE, shown(external_id="k"), CreateContact),
    ):
        tasks: list[Task] = [write(payload)]
        result, calls, _ = bench.drive(kinds.make_steps(tasks), answer)
        assert [outcomes.DELIVERED] == result
        assert isinstance(calls[0], call)


def test_lookup_when_it_is_made_is_that_of_its_kind() -> None:
    """What it finds stays with the batch."""
    bench, batch = Bench(), ContactBatch(0.0)
    batch.emails[by_id("k")] = None
    kinds, _ = sync_parts(bench.time.now)
    result, (call,), _ = bench.drive(kinds.make_steps([LookupTask("contacts", batch)]), listed())
    assert (None, True) == (result, batch.is_looked_up)
    assert isinstance(call, SearchContacts)


def test_payloads_when_written_together_are_of_one_kind_and_one_batch() -> None:
    """The steps of a kind are handed its own payloads, of one lookup; what waits for none goes alone."""
    batch = ContactBatch(0.0)
    first = write(CHANGE, batch)
    others: list[Task] = [
        write(CHANGE, batch),
        write(CHANGE, ContactBatch(0.0)),
        write(EVENT, batch),
        LookupTask("contacts", batch),
    ]
    assert [True, False, False, False] == [first.belongs_with(other) for other in others]
    assert not write(CHANGE).belongs_with(write(CHANGE))


def test_writes_when_a_dry_run_counts_them_are_those_of_all_kinds() -> None:
    """In the order of the kinds."""
    assert [CreateContact, UpdateContact, PostEvent] == sync_parts(lambda: 0.0)[0].writes
    identity = {"intercom_field": "email"}
    leads = sync_parts(lambda: 0.0, identity=identity, create_as="lead")[0]
    assert [CreateLead, UpdateContact, PostEvent] == leads.writes


def test_kinds_when_listed_come_in_the_order_of_a_records_parts() -> None:
    """The company before its people, the contact before the events that need it."""
    kinds, _ = sync_parts(lambda: 0.0)
    assert (["companies", "contacts", "events"], 3) == (list(kinds), len(kinds))
    assert [kinds["contacts"].batches] == kinds.batches


def test_notes_when_taken_are_given_up_once() -> None:
    """In their order."""
    notes = Notes()
    notes.add(Note("a"))
    notes.add(Note("b"))
    assert ["a", "b"] == [note.text for note in notes.take()]
    assert [] == list(notes.take())
