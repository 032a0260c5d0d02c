"""The creation of a contact, and what is in its way: a search that finds nothing proves nothing.

The id in a conflict may be another person's: it is read before anything is written to it.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any, Final

from destination_intercom import outcomes
from destination_intercom.contacts.bulk import Ending
from destination_intercom.contacts.cache import LEAD
from destination_intercom.contacts.known import KnownContact
from destination_intercom.contacts.leads import LeadCreation, is_contact, is_lost
from destination_intercom.contacts.lookup import needs_search, search_query
from destination_intercom.contacts.mapping import ContactChange
from destination_intercom.contacts.matching import CONFLICT_STATUS, Found, choose, id_in, is_free, is_same_person
from destination_intercom.contacts.sending import ADDRESS, Sending
from destination_intercom.contacts.writing import SUPERSEDED, ContactWrite, Maybe, read_in_the_way, reject
from destination_intercom.delivery.tasks import Pause, Step, Steps
from destination_intercom.identity import Key
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import (
    NOT_FOUND,
    OK,
    ArchiveContact,
    CreateContact,
    FindByExternalId,
    GetContact,
    SearchContacts,
    UnarchiveContact,
)
from destination_intercom.intercom.classify import read_refusal
from destination_intercom.outcomes import Outcome, Refusal, Status, rejected
from destination_intercom.standard_fields import FIELDS

MAX_CREATE_ATTEMPTS: Final = 3
"""Creates of one contact: each that ends in a conflict with somebody who is gone by then is tried again."""

NOT_FOUND_PAUSE_SECONDS: Final = 1.0
"""Before a create is made again that was answered 404: a race in Intercom, says its support."""

RESTORED_PAUSE_SECONDS: Final = 0.5
"""Before a contact that was just restored is read once more."""

DELETED_PAUSES: Final = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds before each further create of somebody whom this run has deleted: the conflict lasts a while (an issue)."""

MERGED: Final = 410


class ContactCreation:
    """Brings about a contact whom the search does not show; `found` are those who have the address.

    `gone` is the id of a contact that was theirs, and that could not be written to.
    """

    def __init__(self, write: ContactWrite, found: Found, gone: str | None = None) -> None:
        self._write = write
        self._change = write.change
        self._cache = write.cache
        self._policy = write.policy
        self._turn = write.turn
        self._found = found
        self._was_not_found = False
        self._has_waited = False
        self._lead = None if write.role != LEAD else LeadCreation(write, is_certain=found.is_certain, gone=gone)
        self._conflicts = 0
        self._deleted_pauses = iter(DELETED_PAUSES)
        self._was_sent = False

    @property
    def _address(self) -> str | None:
        """Tell the address that the contact will have."""
        address: str | None = self._change.key.value if self._change.by_email else self._change.fields.get(ADDRESS)
        return address

    def run(self) -> Steps:
        """Write to whoever it is after all, or create the contact."""
        outcome = yield from self._write_or_create()
        if self._was_sent and outcome.status is Status.UNCHANGED and self._policy.write_mode != "create_only":
            # It is as a bulk job has made it a moment ago.
            return replace(outcome, status=Status.DELIVERED)
        return outcome

    def _write_or_create(self) -> Steps:
        if self._policy.write_mode == "update_only":
            return (yield from self._update_unseen())
        # The batch looked for one address of each person; another record of theirs may name another one, or none.
        by_email = [contact for contact in self._found.by_email if contact.email == self._change.fields.get(ADDRESS)]
        if not self._change.by_email and by_email:
            outcome = yield from self._match_email(by_email)
            if outcome is not None:
                return outcome
        return (yield from self._create())

    def _update_unseen(self) -> Steps:
        """Ask once more before a person counts as not there: the search lags."""
        if needs_search(self._change.key):
            return rejected(outcomes.NOT_FOUND)
        call = FindByExternalId(self._change.key.value)
        answer = yield call
        if not call.is_answered_by(answer):
            return rejected(outcomes.NOT_FOUND, read_refusal(answer))
        contact = self._write.read(answer)
        if self._policy.deletion == "delete" and self._cache.departures.has_contact(contact.contact_id):
            # Only a dry run, in which nobody has gone, is shown them still.
            return rejected(outcomes.NOT_FOUND)
        outcome = yield from self._write.update_read(contact)
        return outcome or rejected(outcomes.NOT_FOUND)

    def _create(self) -> Steps:
        while True:
            yield from self._turn.take_address(self._address)
            outcome = yield from self._meet_one_made_meanwhile()
            if outcome is None and self._lead is not None:
                outcome = yield from self._lead.prepare()
            elif outcome is None:
                outcome = yield from self._create_in_bulk()
            if outcome is not None:
                return outcome
            sending = self._write.sending(self._with_opt_outs())
            answer = yield from sending.send()
            is_made = answer is None or sending.shown is not None
            if self._lead is not None:
                self._lead.note(None if is_made else answer)
            if answer is None or is_made:
                return (yield from self._finish(sending, answer))
            if self._lead is not None and is_lost(answer):
                return (yield from self._lead.find_lost(answer))
            self._conflicts += answer.status == CONFLICT_STATUS
            outcome = yield from self._resolve(answer)
            if outcome is not None:
                return outcome
            if self._conflicts == MAX_CREATE_ATTEMPTS:
                return reject(answer)

    def _create_in_bulk(self) -> Maybe:
        """Create the contact together with others; None if it has to be created by itself."""
        has_address = any(contact.email == self._address for contact in self._found.by_email)
        if has_address or not self._found.is_certain or self._change.key in self._cache.departures:
            # Bulk refuses whoever is there, or has somebody else's address, and a hundred would go alone with them.
            self._write.go_alone()
        ending = yield from self._write.create_in_bulk(self._with_opt_outs(), self._address)
        if ending is Ending.DONE:
            return self._write.conclude(outcomes.DELIVERED)
        if ending is Ending.NOT_SENT:
            return None
        self._was_sent = True
        return (yield from self._meet_one_made_in_bulk())

    def _meet_one_made_in_bulk(self) -> Maybe:
        """Write to the user whom a bulk job has made, if that is the person; any other one is known by the id then."""
        key, address = self._change.key, Key("email", self._address or "")
        maker = self._cache.maker_in_bulk(key) or self._cache.maker_in_bulk(address)
        if maker is None or (maker == key and maker.field == "email"):
            # Of an address the create itself finds out.
            return None
        answer = yield from find_made_in_bulk(maker)
        self._cache.forget_made_in_bulk(key, address, maker)
        if answer is None:
            self._write.go_alone()
            return None
        contact = self._write.read(answer)
        self._cache.note_written(maker, contact)
        self._cache.earlier.claim(contact)
        if contact.email is not None:
            self._cache.made_with.note(contact.email, contact.contact_id)
        return (yield from self._write.update_read(contact)) if is_same_person(self._change, contact) else None

    def _with_opt_outs(self) -> ContactChange:
        """Add to the change what the person has said before, and what could not be written."""
        if self._change.key not in self._cache.opted_out:
            return self._change
        said = {name: True for name, standard in FIELDS.items() if standard.is_opt_out}
        return replace(self._change, fields={**self._change.fields, **said})

    def _meet_one_made_meanwhile(self) -> Maybe:
        """Write to the contact that this run has created with the address, if it may be the person."""
        outcome = yield from self._meet_one_made_in_bulk()
        if outcome is not None:
            return outcome
        contact_id = self._cache.made_with.get(self._address or "")
        made = None if contact_id is None else self._cache.written.by_id(contact_id)
        if made is None or made.email != self._address:
            return None
        if self._change.by_email:
            return (yield from self._write.update(made))
        return (yield from self._match_email((made,))) if is_free(made) else None

    def _finish(self, sending: Sending, answer: Answer | None) -> Steps:
        outcome = yield from self._write.finish(sending, answer)
        if sending.shown is not None:
            self._cache.earlier.note_own(sending.shown["id"])
        if sending.shown is not None and self._address is not None:
            self._cache.made_with.note(self._address, sending.shown["id"])
        return outcome

    def _resolve(self, answer: Answer) -> Maybe:
        """Find out what is in the way of a create; None if nothing is any more."""
        if answer.status == CONFLICT_STATUS:
            return (yield from self._resolve_conflict(read_refusal(answer)))
        if answer.status != NOT_FOUND:
            return reject(answer)
        # It says nothing of the person: there is nobody yet whom it could mean.
        if self._was_not_found:
            return (yield from self._look_again(read_refusal(answer)))
        self._was_not_found = True
        yield Pause(NOT_FOUND_PAUSE_SECONDS)
        return None

    def _look_again(self, refusal: Refusal) -> Steps:
        """Ask whether the person is there who can be created by no call."""
        key, contacts = self._change.key, []
        if needs_search(key):
            search = SearchContacts(search_query(key.field, [key.value]), decisive=True)
            answer = yield search
            listed = answer.body.get("data") if search.is_answered_by(answer) else None
            contacts = [self._write.read_body(each) for each in listed or [] if is_contact(each)]
        else:
            find = FindByExternalId(key.value)
            answer = yield find
            contacts = [self._write.read(answer)] if find.is_answered_by(answer) else []
        same = tuple(contact for contact in contacts if is_same_person(self._change, contact))
        known = choose(self._change, Found(same))
        if isinstance(known, Outcome):
            return known
        outcome = None if known is None else (yield from self._write.update_read(known))
        return outcome or rejected(outcomes.REFUSED, refusal)

    def _resolve_conflict(self, conflict: Refusal) -> Maybe:
        """Find out who is in the way; None if nobody is any more."""
        contact_id = id_in(conflict)
        if contact_id is None:
            is_over = yield from self._wait_for_deletion(None)
            return None if is_over else rejected(outcomes.CONFLICT, conflict)
        answer = yield from read_in_the_way(contact_id, conflict)
        if answer.status == NOT_FOUND:  # Archived, since it exists and is not shown (recorded).
            if (yield from self._wait_for_deletion(contact_id)):
                return None
            return (yield from self._unarchive(contact_id, conflict))
        if answer.status == MERGED:
            return rejected(outcomes.CONTACT_MERGED, conflict)
        if answer.status != OK:
            return rejected(outcomes.REFUSED, read_refusal(answer))
        return (yield from self._settle_conflict(self._write.read(answer), conflict))

    def _settle_conflict(self, contact: KnownContact, conflict: Refusal) -> Maybe:
        if is_same_person(self._change, contact):
            # It may have been made by a create whose answer was lost.
            self._write.claim_if_equal(contact)
            return (yield from self._write.update_read(contact))
        has_address = contact.email is not None and contact.email == self._change.fields.get(ADDRESS)
        if has_address and not self._change.by_email and is_free(contact):
            return (yield from self._match_email((contact,)))
        if self._address is not None and not self._has_waited:
            # The address may be about to be handed over.
            self._has_waited = True
            if (yield from self._write.wait_for_address(self._address, contact.contact_id)):
                return None
        return rejected(outcomes.IDENTITY_CONFLICT, conflict)

    def _wait_for_deletion(self, contact_id: str | None) -> Generator[Step, Answer, bool]:
        """Wait a while for a contact to be gone that this run has deleted; False if there is none, or it stays."""
        departures = self._cache.departures
        is_deleted = self._change.key in departures or departures.has_contact(contact_id)
        if self._policy.deletion != "delete" or not is_deleted:
            return False
        if (pause := next(self._deleted_pauses, None)) is None:
            return False
        # It is nobody's conflict.
        self._conflicts -= 1
        yield Pause(pause)
        return True

    def bring_back(self, contact_id: str) -> Steps:
        """Restore the contact of a person whom this run has archived, and who has a live row now; write to it."""
        outcome = yield from self._unarchive(contact_id, None)
        return _as_delivered(outcome)

    def _has_archived(self, contact_id: str) -> bool:
        """Say whether this run, or maybe an attempt before it, has archived the person as this contact."""
        departures, key = self._cache.departures, self._change.key
        return self._policy.deletion == "archive" and (key in departures or departures.was(key, contact_id))

    def _unarchive(self, contact_id: str, conflict: Refusal | None) -> Steps:
        """Restore a contact, one task at a time; if it is another person's after all, archive it again."""
        by_policy = self._policy.unarchive and self._policy.write_mode != "create_only"
        if not (by_policy or self._has_archived(contact_id)):
            return rejected(outcomes.CONTACT_ARCHIVED, conflict)
        yield from self._turn.take_contact(contact_id)
        # Asked once the contact is held: whoever held it before may have learned it in minutes.
        if (refusal := self._cache.unrestorable.get(contact_id)) is not None:
            return rejected(outcomes.NOT_RESTORABLE, refusal)
        call = GetContact(contact_id)
        answer = yield call
        restored = not call.is_answered_by(answer)
        if restored:
            # To bring it back is an update, too; nobody is shown when an archived contact had its last one.
            self._cache.earlier.note_own(contact_id)
            restore = UnarchiveContact(contact_id)
            answer = yield restore
            if restore.is_answered_by(answer):
                answer = yield from self._read_restored(call)
            else:
                refusal = read_refusal(answer)
                # An attempt whose answer was lost may have restored it; and a refusal by a 500 counts only
                # while Intercom answers something else.
                answer = yield call
                if not call.is_answered_by(answer):
                    self._cache.unrestorable.note(contact_id, refusal)
                    return rejected(outcomes.NOT_RESTORABLE, refusal)
        if call.is_answered_by(answer) and is_same_person(self._change, contact := self._write.read(answer)):
            outcome = yield from self._write.update_read(contact)
            if outcome is None:
                return rejected(outcomes.CONTACT_ARCHIVED, conflict)
            return _as_delivered(outcome) if restored else outcome
        reason = outcomes.IDENTITY_CONFLICT if call.is_answered_by(answer) else outcomes.CONFLICT
        if restored:
            yield ArchiveContact(contact_id)
        return rejected(reason, conflict)

    def _read_restored(self, call: GetContact) -> Generator[Step, Answer, Answer]:
        answer = yield call
        if not call.is_answered_by(answer):
            yield Pause(RESTORED_PAUSE_SECONDS)
            answer = yield call
        return answer

    def _match_email(self, by_email: Sequence[KnownContact]) -> Maybe:
        """Give a person without an external_id the one of the change, where that is wanted; None to create."""
        free = [contact for contact in by_email if is_free(contact) and contact.role != "lead"]
        if len(free) > 1:
            return rejected(outcomes.AMBIGUOUS_EMAIL)
        candidates = free or [contact for contact in by_email if contact.role == "lead"]
        if len(candidates) != 1:
            return None
        if candidates[0].role != "lead" and not self._policy.adopt:
            return rejected(outcomes.EMAIL_TAKEN)
        return (yield from self._adopt(candidates[0].contact_id))

    def _adopt(self, contact_id: str) -> Maybe:
        """Read the contact right before it is written, one adoption of it at a time."""
        yield from self._turn.take_contact(contact_id)
        call = GetContact(contact_id)
        answer = yield call
        if not call.is_answered_by(answer):
            return None
        contact = self._write.read(answer)
        if not is_free(contact) or contact.email != self._change.fields.get(ADDRESS):
            return None
        if self._policy.write_mode == "create_only":
            return outcomes.UNCHANGED
        if self._write.is_superseded(contact):
            return SUPERSEDED
        identity: dict[str, Any] = {"external_id": self._change.key.value}
        if contact.role == "lead":
            identity["role"] = "user"
        sending = self._write.adoption(contact, identity)
        ended = yield from sending.send()
        if ended is not None and ended.status in {CONFLICT_STATUS, NOT_FOUND, MERGED}:
            # Somebody has the id by now, or the contact has gone: creating one tells who.
            return None
        return (yield from self._write.finish(sending, ended, contact))


def find_made_in_bulk(maker: Key) -> Generator[Step, Answer, Answer | None]:
    """Ask for the user whom a bulk job has made as `maker`, or may have; None if nobody is there.

    The search lags. A User ID is asked for without it; of an address the create of the same tells who has it.
    """
    if maker.field != "email":
        if needs_search(maker):
            return None
        find = FindByExternalId(maker.value)
        answer = yield find
        return answer if find.is_answered_by(answer) else None
    create = CreateContact({"role": "user", "email": maker.value})
    answer = yield create
    if create.is_answered_by(answer):
        return answer
    contact_id = id_in(read_refusal(answer))
    if contact_id is None:
        return None
    read = GetContact(contact_id)
    answer = yield read
    return answer if read.is_answered_by(answer) else None


def _as_delivered(outcome: Outcome) -> Outcome:
    """Tell that something was written, though no value was."""
    return replace(outcome, status=Status.DELIVERED) if outcome.status is Status.UNCHANGED else outcome
