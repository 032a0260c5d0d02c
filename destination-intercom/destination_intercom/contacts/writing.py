"""One person's change on its way: the update of a contact that is known, and what has come of it so far.

Nobody is written to before it is sure that it is the same person, and nobody again who turned out to be
another one. The scheduler never carries out two steps of any tasks at once, so that the cache needs no lock.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import Any, Final, Protocol

from destination_intercom import outcomes
from destination_intercom.contacts.bulk import Ending
from destination_intercom.contacts.bulk_fields import NO_LINKS, Links
from destination_intercom.contacts.bulk_writing import NO_COMPANIES, BulkContacts
from destination_intercom.contacts.cache import LEAD, ContactCache
from destination_intercom.contacts.diff import diff
from destination_intercom.contacts.known import ContactReader, KnownContact, wanted_digest
from destination_intercom.contacts.mapping import ContactChange
from destination_intercom.contacts.matching import id_in, is_free, is_known_as_another, keys_of
from destination_intercom.contacts.policy import Policy, Role
from destination_intercom.contacts.refusals import Piece, only, pieces_of, trims_of
from destination_intercom.contacts.sending import ADDRESS, Sending
from destination_intercom.contacts.turns import Turn, Waits
from destination_intercom.delivery.tasks import Pause, Step, Steps
from destination_intercom.digests import UNKNOWN
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import NOT_FOUND, OK, GetContact
from destination_intercom.intercom.classify import read_refusal
from destination_intercom.outcomes import Outcome, Refusal, filtered, rejected
from destination_intercom.standard_fields import FIELDS
from destination_intercom.values import Trim

SUPERSEDED: Final = filtered(outcomes.SUPERSEDED)

NO_IDENTITY: Final[Mapping[str, Any]] = {}

Maybe = Generator[Step, Answer, Outcome | None]
"""Steps that come to an outcome, or to None where something else has to be tried."""


class Neighbours(Protocol):
    """Who else is written at the same time: other people, and the same person again."""

    def is_followed(self) -> bool:
        """Say whether another change of the person waits for this one."""

    def wait_for(self, contact_id: str) -> Waits:
        """Wait until a contact was written, if it is to be; never for somebody who waits for us."""


class ContactWrite:
    """One change, the contact that it is about, and what its task holds.

    With `always` nothing is concluded unchanged, since nobody is sure of it. With `whole` the change is several
    records', and nothing is left out of it: refused, they go one by one. With `bulk` it goes there first, once, if
    it may.
    """

    def __init__(
        self,
        change: ContactChange,
        *,
        cache: ContactCache,
        policy: Policy,
        reader: ContactReader,
        neighbours: Neighbours,
        always: bool,
        whole: bool,
        bulk: BulkContacts | None = None,
    ) -> None:
        self.change = change
        self.cache = cache
        self.policy = policy
        self.turn = Turn()
        self.neighbours = neighbours
        self._reader = reader
        self._always = always
        self._whole = whole
        self._bulk = bulk
        self.contact: KnownContact | None = None
        """The contact that the change went to, or that was as it says; None while nobody knows whose it is."""
        self.refused_companies = NO_COMPANIES
        """Why companies were left out of a bulk create, by our id of them."""
        self._trims: list[Trim] = []
        self._holder: str | None = None

    @property
    def role(self) -> Role:
        """Tell what the contact becomes, where nobody is there: an external_id is a user's alone."""
        return self.policy.create_as if self.change.by_email else "user"

    def read(self, answer: Answer) -> KnownContact:
        """Read a contact as an answer shows it."""
        return self._reader.read(answer.body)

    def read_body(self, body: Mapping[str, Any]) -> KnownContact:
        """Read a contact as a list shows it."""
        return self._reader.read(body)

    def update(self, known: KnownContact, *, is_fresh: bool = False) -> Maybe:
        """Bring a contact up to date; None if it is not there any more. One that is fresh was read just now."""
        self.cache.note_known(self.change.key, known)
        if known.role == LEAD:
            # Their events can go by the id at once, even if nothing is to be written.
            self.cache.note_lead(self.change.key, known.contact_id)
        if self.policy.write_mode == "create_only":
            return outcomes.UNCHANGED
        if self.is_superseded(known, is_fresh=is_fresh):
            return SUPERSEDED
        if not is_fresh and self.cache.earlier.is_to_be_read(known.contact_id, self.change.rejected_at):
            return (yield from self._update_once_read(known.contact_id))
        return (yield from self._update(known, is_fresh=is_fresh))

    def _update(self, known: KnownContact, *, is_fresh: bool) -> Maybe:
        always = (self._always and not is_fresh) or self.policy.send_unchanged
        least = self._least(known, always=always)
        self.contact = self.cache.written.by_id(known.contact_id) or known
        if isinstance(least, Outcome):
            return least
        links = yield from self._find_links(self.contact)
        if not least.update_body and not links:
            return self.conclude()
        yield from self.turn.take_contact(known.contact_id)
        # Somebody who led there by another key may have written to it meanwhile.
        least = self._least(known, always=always)
        if isinstance(least, Outcome):
            return least
        least = self._without_taken(least, known.contact_id)
        if (yield from self._update_in_bulk(known, least, links)):
            return self.conclude(outcomes.DELIVERED)
        sending = self.sending(least, known.contact_id)
        answer = yield from sending.send()
        if answer is not None and answer.status == NOT_FOUND:
            return None
        if answer is not None and answer.canonical_id is not None:
            # Intercom's own word that both are one person.
            return (yield from self.follow(answer.canonical_id))
        return (yield from self.finish(sending, answer, known))

    def _update_once_read(self, contact_id: str) -> Maybe:
        """Bring a contact up to date by what it is now, and not by what the search shows."""
        call = GetContact(contact_id)
        answer = yield call
        if answer.canonical_id is not None:
            return (yield from self.follow(answer.canonical_id))
        if not call.is_answered_by(answer):
            return None if answer.status == NOT_FOUND else reject(answer)
        return (yield from self.update(self.read(answer), is_fresh=True))

    def _find_links(self, contact: KnownContact) -> Generator[Step, Answer, Links]:
        """Tell what of companies and tags can ride along in bulk."""
        return NO_LINKS if self._bulk is None else (yield from self._bulk.find_links(contact, self.change))

    def _update_in_bulk(self, known: KnownContact, least: ContactChange, links: Links) -> Generator[Step, Answer, bool]:
        bulk, self._bulk = self._bulk, None
        if bulk is None or not (least.update_body or links):
            return False
        newest = self.cache.written.by_id(known.contact_id) or known
        is_followed = self.neighbours.is_followed
        if (yield from bulk.update(self.change.key, newest, least, links=links, is_followed=is_followed)):
            self.contact = self.cache.written.by_id(known.contact_id) or newest
            return True
        return False

    def go_alone(self) -> None:
        """Let nothing more of the change go in bulk: somebody is in the way, and has to be asked about."""
        self._bulk = None

    def create_in_bulk(self, change: ContactChange, address: str | None) -> Generator[Step, Answer, Ending]:
        """Create the contact in bulk, whose address is held, if it may go there and has not been tried there yet."""
        bulk, self._bulk = self._bulk, None
        if bulk is None:
            return Ending.NOT_SENT
        is_followed = self.neighbours.is_followed
        ending, self.refused_companies = yield from bulk.create(change, address, is_followed=is_followed)
        return ending

    def update_read(self, contact: KnownContact) -> Maybe:
        """Bring a contact up to date that was read just now: it may be ours, made by an attempt without an answer."""
        self.cache.note_written(self.change.key, contact)
        outcome = yield from self.update(contact, is_fresh=True)
        if outcome is None:
            self.cache.written.forget(self.change.key)
        return outcome

    def is_superseded(self, contact: KnownContact, *, is_fresh: bool = True) -> bool:
        """Say whether a contact was updated after the record had been rejected that is sent again now."""
        return self.cache.supersedes(contact, self.change.key, self.change.rejected_at, is_fresh=is_fresh)

    def claim_if_equal(self, contact: KnownContact) -> None:
        """Take a contact for one of the replay's own that is in the way of a create and is just as that one said."""
        if self.cache.earlier.remembers and not diff(self.change, contact, self._reader).update_body:
            self.cache.earlier.claim(contact)

    def _least(self, known: KnownContact, *, always: bool) -> ContactChange | Outcome:
        """Tell what is to be written, by what is known of the contact now; an outcome if it is another person's."""
        newest = self.cache.written.by_id(known.contact_id) or known
        if is_known_as_another(self.change, newest):
            self.cache.note_stranger(self.change.key, newest)
            return rejected(outcomes.IDENTITY_CONFLICT)
        forms = self.cache.written.forms(known.contact_id)
        return diff(self.change, newest, self._reader, forms=forms, always=always)

    def sending(
        self, change: ContactChange, contact_id: str | None = None, identity: Mapping[str, Any] = NO_IDENTITY
    ) -> Sending:
        """Make ready what sends a change to a contact, or creates one where no id is given."""
        sending = Sending(
            change,
            turn=self.turn,
            values=self.cache.refused_values,
            new_attributes=self.cache.new_attributes,
            whose=lambda answer: self._find_holder(sending, answer),
            contact_id=contact_id,
            role=self.role,
            identity=identity,
            whole=self._whole,
        )
        return sending

    def adoption(self, contact: KnownContact, identity: Mapping[str, Any]) -> Sending:
        """Make ready what gives a contact that was read just now an identity, and the properties."""
        if self._bulk is not None:
            self._bulk.count_ordinary()
        change = diff(self.change, contact, self._reader, always=True)
        return self.sending(change, contact.contact_id, identity)

    def finish(self, sending: Sending, answer: Answer | None, known: KnownContact | None = None) -> Steps:
        """Tell what sending has come to, and remember the contact as it is now."""
        contact = known
        if sending.shown is not None and not sending.may_be_another:
            contact = self._reader.fill(known, self._reader.read(sending.shown))
            if sending.is_anothers:
                # The search had not seen yet that the contact has become somebody else's.
                self.cache.note_stranger(self.change.key, contact)
                return rejected(outcomes.IDENTITY_CONFLICT)
            self._note(sending, contact)
        if contact is not None:
            self.contact = contact
        if answer is not None:
            return reject(answer)
        yield from self._offer_address_again(sending)
        self._trims += sending.trims
        if sending.has_lost_an_opt_out:
            return rejected(outcomes.REFUSED, sending.refusal)
        return self.conclude(outcomes.UNCHANGED if sending.shown is None else outcomes.DELIVERED)

    def conclude(self, outcome: Outcome = outcomes.UNCHANGED) -> Outcome:
        """Tell what came of the change, with what was left out of it."""
        return replace(outcome, trims=tuple(self._trims))

    def _note(self, sending: Sending, contact: KnownContact) -> None:
        """Remember a contact, newer than the search has it, and which values it has in a form of its own."""
        forms = dict(self.cache.written.forms(contact.contact_id))
        for name in (name for piece in sending.sent for name in piece):
            value = sending.change.fields.get(name, sending.change.attributes.get(name))
            wanted, shown = wanted_digest(name, value), self._reader.shown(contact, name)
            is_later = name in FIELDS and FIELDS[name].only_later
            if shown in {wanted, UNKNOWN} or is_later:
                forms.pop(name, None)
            else:
                self.cache.reshaped[name] += name not in forms
                forms[name] = (wanted, shown)
        self.cache.note_written(self.change.key, contact, forms)

    def follow(self, contact_id: str) -> Steps:
        """Write to the contact that another was merged into, whatever identity it bears."""
        yield from self.turn.take_contact(contact_id)
        call = GetContact(contact_id)
        answer = yield call
        if not call.is_answered_by(answer):
            return rejected(outcomes.CONTACT_MERGED, read_refusal(answer))
        contact = self.read(answer)
        if self.is_superseded(contact):
            return SUPERSEDED
        # Two keys lead to it now: what one of them wrote says nothing of what it is when the other comes again.
        for key in (self.change.key, *keys_of(contact)):
            self.cache.written.forget(key)
        least = diff(self.change, contact, self._reader, always=self.policy.send_unchanged)
        sending = self.sending(self._without_taken(least, contact_id), contact_id)
        sending.may_be_another = True
        ended = yield from sending.send()
        return (yield from self.finish(sending, ended, contact))

    def _without_taken(self, change: ContactChange, contact_id: str) -> ContactChange:
        """Leave out an address that is known to be somebody else's."""
        piece = address_of(change)
        taken = None if piece is None else self.cache.taken_addresses.get(contact_id, change.fields[ADDRESS])
        if piece is None or taken is None:
            return change
        self._trims += trims_of(piece, taken.reason)
        return only(change, [other for other in pieces_of(change) if other != piece])

    def _find_holder(self, sending: Sending, answer: Answer) -> Generator[Step, Answer, str]:
        """Find out whose an address is that an update was refused for: why it is left out."""
        address, conflict = sending.change.fields[ADDRESS], read_refusal(answer)
        holder, reason = id_in(conflict), outcomes.CONFLICT
        if holder is not None:
            held = yield from read_in_the_way(holder, conflict)
            reason = {404: outcomes.CONTACT_ARCHIVED, 410: outcomes.CONTACT_MERGED}.get(held.status, reason)
            if held.status == OK and self.read(held).email == address:
                reason = outcomes.EMAIL_TAKEN if is_free(self.read(held)) else outcomes.IDENTITY_CONFLICT
        self._holder = holder
        if sending.contact_id is not None:
            self.cache.taken_addresses.note(sending.contact_id, address, reason, holder=holder)
        return reason

    def _offer_address_again(self, sending: Sending) -> Waits:
        """Write an address once more that somebody else had, if that one has been given another one meanwhile."""
        piece, holder, contact_id = address_of(sending.change), self._holder, sending.contact_id
        if piece is None or holder is None or contact_id is None or sending.may_be_another:
            return
        if not (yield from self.wait_for_address(sending.change.fields[ADDRESS], holder)):
            return
        again = self.sending(only(sending.change, [piece]), contact_id)
        yield from again.send()
        if again.shown is not None and not again.is_anothers:
            sending.shown = again.shown
            sending.trims = [trim for trim in sending.trims if trim[0] not in piece]
            self._note(again, self._reader.read(again.shown))

    def wait_for_address(self, address: str, holder: str) -> Generator[Step, Answer, bool]:
        """Wait until the contact that has an address was written; say whether it has the address no longer."""
        yield from self.turn.leave()
        yield from self.neighbours.wait_for(holder)
        return self.cache.taken_addresses.is_given_up(address, holder)


def address_of(change: ContactChange) -> Piece | None:
    """Tell the piece of a change that is the address, with what stands beside it."""
    return next((piece for piece in pieces_of(change) if ADDRESS in piece), None)


def reject(answer: Answer) -> Outcome:
    """Tell why a change cannot be written that was answered so."""
    reasons = {404: outcomes.CONTACT_ARCHIVED, 410: outcomes.CONTACT_MERGED, 409: outcomes.CONFLICT}
    return rejected(reasons.get(answer.status, outcomes.REFUSED), read_refusal(answer))


def read_in_the_way(contact_id: str, conflict: Refusal) -> Generator[Step, Answer, Answer]:
    """Read the contact that a conflict names."""
    call = GetContact(contact_id)
    answer = yield call
    if answer.status == NOT_FOUND and "archived" not in (conflict.message or "").lower():
        # It may have been made a moment ago, by an attempt of ours whose answer was lost.
        yield Pause(1.0)
        answer = yield call
    return answer
