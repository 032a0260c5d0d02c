"""Which steps does a task: a contact, an event, the lookup of a batch, or a question."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence

from destination_intercom.contacts.cache import Memory
from destination_intercom.contacts.lookup import look_up
from destination_intercom.contacts.mapping import ContactChange
from destination_intercom.contacts.matching import NOTHING_FOUND, Found
from destination_intercom.contacts.upsert import ContactUpserter
from destination_intercom.delivery.scheduler import Batch, CallTask, LookupTask, Task, Work, WriteTask
from destination_intercom.delivery.tasks import Step, Steps
from destination_intercom.events.sender import EventSender
from destination_intercom.intercom.calls import Answer, Call
from destination_intercom.outcomes import Outcome


class Dispatch:
    """Makes the tasks of one run; `email` says that the identity is the address."""

    def __init__(self, *, memory: Memory, upserter: ContactUpserter, events: EventSender, email: bool) -> None:
        self._memory = memory
        self._ladder = upserter
        self._events = events
        self._email = email

    def __call__(self, tasks: Sequence[Task]) -> Work:
        """Make the steps of one task, or of several changes to one contact."""
        first = tasks[0]
        if isinstance(first, CallTask):
            return _ask(first.call)
        if isinstance(first, LookupTask):
            return self._look_up(first.batch)
        if not isinstance(first.payload, ContactChange):
            return _single(self._events.send(first.payload))
        changes = [
            task.payload for task in tasks if isinstance(task, WriteTask) and isinstance(task.payload, ContactChange)
        ]
        batch = first.batch
        found = NOTHING_FOUND if batch is None or batch.found is None else batch.found.get(changes[0].key)
        return self._ladder.write(changes, found or NOTHING_FOUND)

    def _look_up(self, batch: Batch) -> Generator[Call, Answer, Mapping[str, Found]]:
        """Look up all people of a batch, and by their e-mail those who are not found by their identity."""
        size, now = self._memory.search_size, self._memory.now
        field_name = "email" if self._email else "external_id"
        trim = self._ladder.trim
        # By the address alone, "not there" must be known: a second contact would have it otherwise.
        found = (
            yield from look_up(field_name, list(batch.emails), size=size, now=now, trim=trim, decisive=self._email)
        ) or {}
        addresses = {address for key, address in batch.emails.items() if address is not None and key not in found}
        by_email = {}
        if addresses and not self._email and self._ladder.looks_by_email:
            # Nor may a person be created because nobody could tell that there is one to be given the identity.
            asked = sorted(addresses)
            by_email = (yield from look_up("email", asked, size=size, now=now, trim=trim, decisive=True)) or {}
        return {
            key: Found(tuple(found.get(key, ())), tuple(by_email.get(address or "", ())))
            for key, address in batch.emails.items()
        }


def _ask(call: Call) -> Generator[Step, Answer, Answer]:
    return (yield call)


def _single(steps: Steps) -> Generator[Step, Answer, list[Outcome]]:
    return [(yield from steps)]
