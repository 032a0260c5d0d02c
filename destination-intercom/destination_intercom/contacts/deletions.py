"""How a person is archived or deleted whose row the source has deleted: found, read, and only if it is they.

The search lags, so that whoever it shows may be somebody else by now, or gone; a User ID is asked for without it.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from destination_intercom import outcomes
from destination_intercom.configuration.config import Deletion
from destination_intercom.contacts.cache import ContactCache
from destination_intercom.contacts.creating import find_made_in_bulk
from destination_intercom.contacts.departures import LiveRows
from destination_intercom.contacts.known import ContactReader, KnownContact, read_identity
from destination_intercom.contacts.leads import is_contact
from destination_intercom.contacts.lookup import needs_search, search_query
from destination_intercom.contacts.mapping import ContactChange, ContactDeletion
from destination_intercom.contacts.matching import NOTHING_FOUND, Found, choose, is_same_person, keys_of
from destination_intercom.contacts.turns import Turn
from destination_intercom.contacts.writing import SUPERSEDED
from destination_intercom.delivery.tasks import Step, Steps, UndeliverableError
from destination_intercom.errors import ConfigurationError
from destination_intercom.identity import Key
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import (
    NOT_FOUND,
    ArchivePerson,
    DeleteContact,
    FindByExternalId,
    GetContact,
    SearchContacts,
    WriteCall,
)
from destination_intercom.intercom.classify import read_refusal
from destination_intercom.outcomes import Outcome, filtered, rejected

GONE: Final = frozenset({NOT_FOUND, 410})
"""Answers by which a contact is not there: unknown, archived, deleted, or merged into another one."""

Seeks = Generator[Step, Answer, KnownContact | Outcome | None]
"""Steps that come to a contact, to None where there is none, or to the outcome of whoever looks for it."""


@dataclass(slots=True)
class DeletionLimit:
    """How many people one run may take away (0: none), and how many it has, or has been kept from."""

    most: int
    made: int = 0
    refused: int = 0

    def take(self) -> bool:
        """Take leave for one more; False if there is none."""
        if self.made < self.most:
            self.made += 1
            return True
        self.refused += 1
        return False

    @property
    def error(self) -> ConfigurationError | None:
        """Make the error that the sync ends with if it was kept from taking people away; None if it was not."""
        if not self.refused:
            return None
        return ConfigurationError(
            f"More people were to be archived or deleted than delivery.max_deletions allows: {self.most} in a sync."
            f" Deleted rows that were rejected as too_many_deletions: {self.refused}. All else is done, and all states"
            " are acknowledged. Look at the source: if so many people have left, raise delivery.max_deletions and sync"
            " these records again."
        )

    def give_back(self) -> None:
        """Note that nobody was taken away after all."""
        self.made -= 1


class _Seeking:
    """One person who is looked for: they themselves, held and read just now, and nobody else.

    `found` is None where this run knew them, so that nobody was looked up.
    """

    def __init__(self, key: Key, found: Found | None, *, cache: ContactCache, reader: ContactReader) -> None:
        self._who = ContactChange(key, {}, {})
        self._found = found
        self._cache = cache
        self._reader = reader
        self.turn = Turn()
        self.gone: str | None = None
        """The contact that was shown, and was not there: archived or deleted, maybe by an earlier attempt."""

    def run(self) -> Seeks:
        """Find the person."""
        who, found = self._who, self._present(self._found or NOTHING_FOUND)
        known = self._cache.written.get(who.key, of_any_age=True) or choose(who, found)
        if isinstance(known, Outcome) and who.by_email:
            return known
        contact_id = known.contact_id if isinstance(known, KnownContact) else self._made()
        if contact_id is not None:
            contact = yield from self._read(contact_id)
            if contact is not None:
                return contact
        if (maker := self._cache.maker_in_bulk(who.key)) is not None:
            made = yield from find_made_in_bulk(maker)
            return None if made is None else (yield from self._read(made.body["id"]))
        uncertain = self._cache.lost_creates.uncertain(who.key.value) if who.by_email else None
        if who.by_email and self._found is not None and self._found.is_certain and uncertain is None:
            # The search was answered, and nobody else knows addresses.
            return None
        # Whom the search has shown may have been somebody else, who has gone.
        found_id = yield from self._find()
        if found_id is None and uncertain is not None and self._cache.now() < uncertain.until:
            # The search may not show yet the lead that this run has made.
            return rejected(outcomes.UNCERTAIN, uncertain.refusal)
        if found_id is None or isinstance(found_id, Outcome):
            return found_id
        return (yield from self._read(found_id))

    def _made(self) -> str | None:
        """Tell whom this run has created with the address, which the search may not show yet."""
        key = self._who.key
        return self._cache.made_with.get(key.value) if key.field == "email" else None

    def _present(self, found: Found) -> Found:
        departures = self._cache.departures
        return Found(tuple(each for each in found.by_identity if not departures.has_contact(each.contact_id)))

    def _read(self, contact_id: str) -> Seeks:
        """Read a contact while nobody else writes to it; None if it is not there, or another person's."""
        yield from self.turn.take_contact(contact_id)
        call = GetContact(contact_id)
        answer = yield call
        if answer.status in GONE:
            self._cache.written.drop(contact_id)
            self.gone = contact_id if answer.status == NOT_FOUND else None
            return None
        if not call.is_answered_by(answer):
            return rejected(outcomes.REFUSED, read_refusal(answer))
        contact = self._reader.read(answer.body)
        if is_same_person(self._who, contact):
            return contact
        # Newer than the search has it, which may lead others there.
        self._cache.written.note(None, contact)
        return None

    def _find(self) -> Generator[Step, Answer, str | Outcome | None]:
        """Ask for a person by the identity: by the User ID without the search, which lags."""
        key = self._who.key
        if needs_search(key):
            return (yield from self._search())
        call = FindByExternalId(key.value)
        answer = yield call
        if call.is_answered_by(answer):
            contact_id: str = answer.body["id"]
            return contact_id
        return None if answer.status in GONE else rejected(outcomes.REFUSED, read_refusal(answer))

    def _search(self) -> Generator[Step, Answer, str | Outcome | None]:
        key = self._who.key
        call = SearchContacts(search_query(key.field, [key.value]), decisive=True)
        answer = yield call
        if not call.is_answered_by(answer):
            return rejected(outcomes.REFUSED, read_refusal(answer))
        contacts = [read_identity(each) for each in answer.body.get("data") or [] if is_contact(each)]
        same = tuple(contact for contact in contacts if is_same_person(self._who, contact))
        chosen = choose(self._who, self._present(Found(same)))
        return chosen.contact_id if isinstance(chosen, KnownContact) else chosen


class ContactDeleter:
    """Makes the steps that take people away, as `how` says; `live` tells who stays, whatever a mark says."""

    def __init__(
        self, how: Deletion, *, cache: ContactCache, reader: ContactReader, live: LiveRows, limit: DeletionLimit
    ) -> None:
        self._how = how
        self._cache = cache
        self._reader = reader
        self._live = live
        self._limit = limit
        self._kept = 0
        self._not_there = 0

    def delete(self, deletion: ContactDeletion, found: Found | None) -> Steps:
        """Take a person away; `found` is None where this run knew them, so that nobody was looked up."""
        if deletion.is_mark and self._live.has_any([deletion.key]):
            return self._keep()
        seeking = _Seeking(deletion.key, found, cache=self._cache, reader=self._reader)
        try:
            contact = yield from seeking.run()
            if isinstance(contact, KnownContact):
                outcome = yield from self._take_away(deletion, contact)
            elif contact is None:
                self._not_there += 1
                self._cache.leads.forget(deletion.key.digest)
                self._cache.departures.note(deletion.key, seeking.gone)
                outcome = outcomes.UNCHANGED
            else:
                outcome = contact
        except UndeliverableError:
            yield from seeking.turn.leave()
            raise
        yield from seeking.turn.leave()
        return outcome

    def _keep(self) -> Outcome:
        self._kept += 1
        return filtered(outcomes.DELETED)

    def _take_away(self, deletion: ContactDeletion, contact: KnownContact) -> Steps:
        """Archive or delete a contact that was read just now."""
        if deletion.is_mark and self._live.has_any(keys_of(contact)):
            return self._keep()
        # Intercom's seconds are whole: a later row may have come in the same one, and nobody can be brought back.
        second = None if deletion.rejected_at is None else math.floor(deletion.rejected_at) - 1
        if self._cache.supersedes(contact, deletion.key, second):
            return SUPERSEDED
        if not self._limit.take():
            return rejected(outcomes.TOO_MANY_DELETIONS)
        call: WriteCall = (ArchivePerson if self._how == "archive" else DeleteContact)(contact.contact_id)
        try:
            answer = yield call
        except UndeliverableError:
            self._limit.give_back()
            raise
        # Who is not there, and was a moment ago, was taken away by an attempt whose answer was lost.
        if not call.is_answered_by(answer) and answer.status != NOT_FOUND:
            self._limit.give_back()
            return rejected(outcomes.REFUSED, read_refusal(answer))
        self._cache.note_departed(deletion.key, contact)
        return outcomes.DELIVERED

    def tally(self) -> Iterator[str]:
        """Tell what has come of the people whose rows were deleted, if there were any."""
        done = "archived" if self._how == "archive" else "deleted"
        counts = {
            done: self._limit.made,
            "not in Intercom": self._not_there,
            "kept for a live row": self._kept,
            "beyond delivery.max_deletions": self._limit.refused,
        }
        if any(counts.values()):
            told = ", ".join(f"{count} {name}" for name, count in counts.items() if count or name == done)
            yield f"People whose rows were deleted: {told}."


def split_runs(payloads: Iterable[ContactChange | ContactDeletion]) -> Iterator[list[ContactChange] | ContactDeletion]:
    """Split the payloads of one person into changes that are written together, and single deletions.

    What is sent again goes by itself: of two rows one may be older than what the contact has, and the other not.
    """
    changes: list[ContactChange] = []
    for payload in payloads:
        if isinstance(payload, ContactChange) and payload.rejected_at is None:
            changes.append(payload)
            continue
        if changes:
            yield changes
            changes = []
        yield [payload] if isinstance(payload, ContactChange) else payload
    if changes:
        yield changes
