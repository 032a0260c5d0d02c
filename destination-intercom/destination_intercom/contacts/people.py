"""What other kinds of object may ask of contacts: whether a person is known, and to create one."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

from destination_intercom import outcomes
from destination_intercom.contacts.batches import ContactBatch, ContactBatches
from destination_intercom.contacts.cache import LEAD, ContactCache
from destination_intercom.contacts.known import KnownContact, read_identity
from destination_intercom.contacts.lookup import needs_search, search_query
from destination_intercom.contacts.mapping import ContactChange
from destination_intercom.contacts.matching import NOTHING_FOUND, Found, choose
from destination_intercom.contacts.upsert import ContactUpserter
from destination_intercom.delivery.tasks import Batch, Step
from destination_intercom.identity import Key
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import NEVER, FindByExternalId, SearchContacts
from destination_intercom.intercom.classify import read_refusal
from destination_intercom.outcomes import Outcome, Refusal, Status, rejected


class People:
    """The people of one run; `creator` writes new ones, None where that is not wanted.

    Those who are only asked about are looked up in the `batches` of those who are written. Used by one step of any
    task at a time, but for `batch`, which is the main thread's.
    """

    def __init__(self, *, cache: ContactCache, creator: ContactUpserter | None, batches: ContactBatches) -> None:
        self._cache = cache
        self._creator = creator
        self._batches = batches

    def batch(self, key: Key, *, size: int, now: float) -> Batch | None:
        """Tell the batch in which a person is looked up; None for one whom this run has written."""
        return self._batches.add(ContactChange(key, {}, {}), size=size, now=now)

    def is_absent(self, key: Key, batch: Batch | None) -> bool:
        """Say whether a person was looked up in `batch` and not found, or taken away, and was not written since."""
        if not isinstance(batch, ContactBatch) or batch.found is None or self.was_written(key):
            return False
        return key in self._cache.departures or not batch.found.get(key, NOTHING_FOUND).by_identity

    def may_create(self, key: Key) -> bool:
        """Say whether a person whom Intercom does not know is created; not one whose row was deleted in this run."""
        return self._creator is not None and key not in self._cache.departures

    def unknown(self, key: Key) -> Outcome | None:
        """Tell the outcome of what is meant for a person whom Intercom does not know; None for others."""
        return self._cache.unknown.get(key)

    def note_unknown(self, key: Key, outcome: Outcome) -> None:
        """Note that Intercom does not know a person, and what becomes of what is meant for them."""
        self._cache.unknown.note(key, outcome)

    def was_written(self, key: Key) -> bool:
        """Say whether this run has written the person, so that Intercom will show them soon."""
        return self._cache.was_written(key)

    def lead(self, key: Key) -> str | None:
        """Tell Intercom's id of a person who is known to be a lead; None for others."""
        written = self._cache.written.get(key)
        if written is not None and written.role is not None:
            return written.contact_id if written.role == LEAD else None
        return self._cache.lead(key)

    def forget(self, key: Key) -> None:
        """Note that a person is not there any more, or is another contact by now."""
        self._cache.written.forget(key)
        self._cache.forget_made_in_bulk(key)
        self._cache.leads.forget(key.digest)

    def find(self, key: Key, refusal: Refusal) -> Generator[Step, Answer, Outcome | None]:
        """Ask whether Intercom knows a person after all: None if so, and whether as a lead is known then.

        Else the outcome of what is meant for them; `refusal` is what spoke against the person so far.
        """
        if key in self._cache.departures:
            # The search may show them for minutes to come.
            return rejected(outcomes.UNKNOWN_USER, refusal)
        if needs_search(key):
            return (yield from self._search(key, refusal))
        call = FindByExternalId(key.value)
        answer = yield call
        if call.is_answered_by(answer):
            return None
        if answer.status == 410:  # noqa: PLR2004
            return rejected(outcomes.CONTACT_MERGED, read_refusal(answer))
        return rejected(outcomes.UNKNOWN_USER, refusal)

    def _search(self, key: Key, refusal: Refusal) -> Generator[Step, Answer, Outcome | None]:
        call = SearchContacts(search_query(key.field, [key.value]), decisive=True, gives_up=NEVER)
        answer = yield call
        is_answered = call.is_answered_by(answer)
        if not is_answered:
            # A create that conflicts with nothing would make a second contact.
            self._cache.search_size.note_failed(key.field, key.value, answer, now=self._cache.now())
        bodies = answer.body.get("data") if is_answered else None
        # As for a contact that is written: users before leads, and nobody is guessed.
        found = choose(ContactChange(key, {}, {}), Found(tuple(_who_are(key, bodies))))
        if found is None:
            return rejected(outcomes.UNKNOWN_USER, refusal)
        if isinstance(found, Outcome):
            return found
        if found.role == LEAD:
            self._cache.note_lead(key, found.contact_id)
        elif self.lead(key) is not None:
            self.forget(key)
        return None

    def create(self, key: Key) -> Generator[Step, Answer, Outcome | None]:
        """Create a person without any property: None if they are there then, else why they are not."""
        if self._creator is None:
            raise AssertionError("nobody is created in this sync")
        is_certain = not self._cache.search_size.fails(key.field, key.value, now=self._cache.now())
        outcome = (yield from self._creator.write([ContactChange(key, {}, {})], Found(is_certain=is_certain)))[0]
        return outcome if outcome.status is Status.REJECTED else None


def _who_are(key: Key, bodies: Any) -> Iterator[KnownContact]:
    """Read those of the contacts that a search shows who bear the identity."""
    for body in bodies if isinstance(bodies, list) else ():
        if isinstance(body, dict) and isinstance(body.get("id"), str):
            contact = read_identity(body)
            if key.value == (contact.email if key.field == "email" else contact.external_id):
                yield contact
