"""How one contact is written: from what is known of it, through Intercom's conflicts, to an outcome.

Nobody is written to before it is sure that it is the same person: a search that finds nothing
proves nothing, and the id in a conflict may be another person's. The scheduler carries out one task of
a key at a time, and never two steps of any tasks at once, so that the cache needs no lock.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from destination_intercom import outcomes
from destination_intercom.contacts.cache import ContactCache
from destination_intercom.contacts.diff import diff, merge
from destination_intercom.contacts.known import ContactReader, KnownContact
from destination_intercom.contacts.mapping import ContactChange
from destination_intercom.contacts.matching import (
    CONFLICT_STATUS,
    NOTHING_FOUND,
    REFUSED_TRIM,
    Found,
    choose,
    id_in,
    is_another,
    is_free,
    is_refused_payload,
    is_same_person,
    without_named,
)
from destination_intercom.delivery.tasks import Acquire, Pause, Release, Step, Steps
from destination_intercom.identity import Key
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import (
    ArchiveContact,
    CreateContact,
    FindByExternalId,
    GetContact,
    UnarchiveContact,
    UpdateContact,
)
from destination_intercom.intercom.classify import read_refusal
from destination_intercom.outcomes import Outcome, Refusal, rejected

MAX_CREATE_ATTEMPTS: Final = 3
"""Creates of one contact: each that ends in a conflict with somebody who is gone by then is tried again."""

RESTORED_PAUSE_SECONDS: Final = 0.5
"""Before a contact that was just restored is read once more."""

GONE: Final = frozenset({404, 410})

NO_IDENTITY: Final[Mapping[str, Any]] = {}


@dataclass(frozen=True, slots=True)
class Policy:
    """What the user wants to happen to people whom Intercom knows, does not know, or has archived."""

    write_mode: str = "upsert"
    send_unchanged: bool = False
    unarchive: bool = False
    adopt: bool = True


class ContactUpserter:
    """Makes the steps that write contacts; `reader` keeps of those that are read what is compared."""

    def __init__(self, *, cache: ContactCache, policy: Policy, reader: ContactReader) -> None:
        self._cache = cache
        self._policy = policy
        self._reader = reader

    @property
    def looks_by_email(self) -> bool:
        """Say whether a person who is not found by the identity is looked for by the address."""
        return self._policy.write_mode != "update_only"

    def write(
        self, changes: Sequence[ContactChange], found: Found | None, *, always: bool = False
    ) -> Generator[Step, Answer, list[Outcome]]:
        """Write one person's `changes` as one; refused, they go one by one, so that one takes no other with it.

        `found` is None where this run knew the person, so that nobody was looked up. They are written although
        nothing differs where they differ among themselves, and `always` if that is wanted.
        """
        merged = merge(list(changes))
        differing = always or any(change.update_body != merged.update_body for change in changes)
        outcome = yield from self._write(merged, found, always=differing)
        if len(changes) == 1 or not is_refused_payload(outcome):
            return [outcome] * len(changes)
        alone: list[Outcome] = []
        for change in changes:
            outcome = yield from self._write(change, found, always=True)
            alone.append(outcome)
        return alone

    def _write(self, change: ContactChange, found: Found | None, *, always: bool) -> Steps:
        # Who was known when the batch was made is so still, however long ago that is by now.
        written = self._cache.written.get(change.key, of_any_age=found is None)
        found = found or NOTHING_FOUND
        always = always or self._cache.written.is_doubtful(change.key)
        known = written or choose(change, found)
        if isinstance(known, Outcome):
            return known
        if known is None:
            return (yield from self._write_unknown(change, found))
        return (yield from self._write_known(change, known, found, always=always))

    def _write_known(self, change: ContactChange, known: KnownContact, found: Found, *, always: bool) -> Steps:
        outcome = yield from self._update(change, known, always=always)
        if outcome is not None:
            return outcome
        self._cache.written.forget(change.key)
        return (yield from self._write_unknown(change, replace(found, by_identity=())))

    def _update(
        self, change: ContactChange, known: KnownContact, *, always: bool
    ) -> Generator[Step, Answer, Outcome | None]:
        """Bring a contact up to date; None if it is not there any more."""
        # An event may have come before the person was there: those that follow are sent.
        self._cache.unknown.forget(change.key)
        if self._policy.write_mode == "create_only":
            return outcomes.UNCHANGED
        always = always or self._policy.send_unchanged
        least = change if always else diff(change, known, self._reader)
        if not least.update_body:
            return outcomes.UNCHANGED
        answer, least = yield from self._put(known.contact_id, least)
        if answer is not None and answer.status == 410 and answer.canonical_id is not None:  # noqa: PLR2004
            # Intercom's own word that both are one person.
            answer, least = yield from self._put(answer.canonical_id, change)
            return self._written_to_canonical(least, answer)
        if answer is not None and answer.status == 404:  # noqa: PLR2004
            return None
        return self._written(least, answer, known)

    def _update_read(self, change: ContactChange, contact: KnownContact) -> Generator[Step, Answer, Outcome | None]:
        """Bring a contact up to date that was read just now: it may be ours, made by an attempt without an answer."""
        self._note(change.key, contact)
        outcome = yield from self._update(change, contact, always=False)
        if outcome is None:
            self._cache.written.forget(change.key)
        return outcome

    def _note(self, key: Key, contact: KnownContact) -> None:
        """Remember a contact, newer than the search has it."""
        self._cache.note_written(key, contact)

    def _write_unknown(self, change: ContactChange, found: Found) -> Steps:
        if self._policy.write_mode == "update_only":
            return (yield from self._update_unseen(change))
        # The batch looked for one address of each person; another record of theirs may name another one, or none.
        by_email = [contact for contact in found.by_email if contact.email == change.fields.get("email")]
        if not change.by_email and by_email:
            outcome = yield from self._match_email(change, by_email)
            if outcome is not None:
                return outcome
        return (yield from self._create(change))

    def _update_unseen(self, change: ContactChange) -> Steps:
        """Ask once more before a person counts as not there: the search lags."""
        if change.by_email or change.key.value in {".", ".."}:
            return rejected(outcomes.NOT_FOUND)
        call = FindByExternalId(change.key.value)
        answer = yield call
        if not call.is_answered_by(answer):
            return rejected(outcomes.NOT_FOUND, read_refusal(answer))
        contact = self._reader.read(answer.body)
        self._note(change.key, contact)
        least = change if self._policy.send_unchanged else diff(change, contact, self._reader)
        if not least.update_body:
            return outcomes.UNCHANGED
        put, least = yield from self._put(answer.body["id"], least)
        if put is not None and put.status in GONE:
            self._cache.written.forget(change.key)
            return rejected(outcomes.NOT_FOUND, read_refusal(put))
        return self._written(least, put, contact)

    def _create(self, change: ContactChange) -> Steps:
        creates = 0
        while True:
            call = CreateContact(change.create_body)
            answer = yield call
            if call.is_answered_by(answer):
                return self._written(change, answer)
            refusal = read_refusal(answer)
            if answer.status != CONFLICT_STATUS:
                smaller = without_named(change, refusal)
                if smaller is None:
                    return rejected(outcomes.REFUSED, refusal)
                change = smaller
                continue
            outcome = yield from self._resolve_conflict(change, refusal)
            if outcome is not None:
                return outcome
            creates += 1
            if creates == MAX_CREATE_ATTEMPTS:
                return rejected(outcomes.CONFLICT, refusal)

    def _resolve_conflict(self, change: ContactChange, conflict: Refusal) -> Generator[Step, Answer, Outcome | None]:
        """Find out who is in the way; None if nobody is any more."""
        contact_id = id_in(conflict)
        if contact_id is None:
            return rejected(outcomes.CONFLICT, conflict)
        call = GetContact(contact_id)
        answer = yield call
        if answer.status == 404 and "archived" not in (conflict.message or "").lower():  # noqa: PLR2004
            # It may have been made a moment ago, by an attempt of ours whose answer was lost.
            yield Pause(1.0)
            answer = yield call
        if answer.status == 404:  # noqa: PLR2004 - archived, since it exists and is not shown (recorded)
            return (yield from self._unarchive(change, contact_id, conflict))
        if answer.status == 410:  # noqa: PLR2004
            return rejected(outcomes.CONTACT_MERGED, conflict)
        if not call.is_answered_by(answer):
            return rejected(outcomes.REFUSED, read_refusal(answer))
        return (yield from self._settle_conflict(change, self._reader.read(answer.body), conflict))

    def _settle_conflict(
        self, change: ContactChange, contact: KnownContact, conflict: Refusal
    ) -> Generator[Step, Answer, Outcome | None]:
        if is_same_person(change, contact):
            return (yield from self._update_read(change, contact))
        has_email = contact.email is not None and contact.email == change.fields.get("email")
        if has_email and not change.by_email and is_free(contact):
            return (yield from self._match_email(change, (contact,)))
        return rejected(outcomes.IDENTITY_CONFLICT, conflict)

    def _unarchive(self, change: ContactChange, contact_id: str, conflict: Refusal) -> Steps:
        """Restore a contact, one task at a time; if it is another person's after all, archive it again."""
        if not self._policy.unarchive or self._policy.write_mode == "create_only":
            return rejected(outcomes.CONTACT_ARCHIVED, conflict)
        yield Acquire(contact_id)
        outcome = yield from self._unarchive_held(change, contact_id, conflict)
        yield Release(contact_id)
        return outcome

    def _unarchive_held(self, change: ContactChange, contact_id: str, conflict: Refusal) -> Steps:
        # Asked once the contact is held: whoever held it before may have learned it in minutes.
        if (refusal := self._cache.unrestorable.get(contact_id)) is not None:
            return rejected(outcomes.NOT_RESTORABLE, refusal)
        call = GetContact(contact_id)
        answer = yield call
        restored = not call.is_answered_by(answer)
        if restored:
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
        if call.is_answered_by(answer) and is_same_person(change, contact := self._reader.read(answer.body)):
            outcome = yield from self._update_read(change, contact)
            return rejected(outcomes.CONTACT_ARCHIVED, conflict) if outcome is None else outcome
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

    def _match_email(
        self, change: ContactChange, by_email: Sequence[KnownContact]
    ) -> Generator[Step, Answer, Outcome | None]:
        """Give a person without an external_id the one of `change`, where that is wanted; None to create."""
        free = [contact for contact in by_email if is_free(contact) and contact.role != "lead"]
        if len(free) > 1:
            return rejected(outcomes.AMBIGUOUS_EMAIL)
        candidates = free or [contact for contact in by_email if contact.role == "lead"]
        if len(candidates) != 1:
            return None
        if candidates[0].role != "lead" and not self._policy.adopt:
            return rejected(outcomes.EMAIL_TAKEN)
        return (yield from self._adopt(change, candidates[0].contact_id))

    def _adopt(self, change: ContactChange, contact_id: str) -> Generator[Step, Answer, Outcome | None]:
        """Read the contact right before it is written, one adoption of it at a time."""
        yield Acquire(contact_id)
        outcome = yield from self._adopt_held(change, contact_id)
        yield Release(contact_id)
        return outcome

    def _adopt_held(self, change: ContactChange, contact_id: str) -> Generator[Step, Answer, Outcome | None]:
        call = GetContact(contact_id)
        answer = yield call
        if not call.is_answered_by(answer):
            return None
        contact = self._reader.read(answer.body)
        if not is_free(contact) or contact.email != change.fields.get("email"):
            return None
        if self._policy.write_mode == "create_only":
            return outcomes.UNCHANGED
        identity: dict[str, Any] = {"external_id": change.key.value}
        if contact.role == "lead":
            identity["role"] = "user"
        put, change = yield from self._put(contact_id, change, identity=identity)
        if put is not None and put.status in {CONFLICT_STATUS, *GONE}:
            # Somebody has the id by now, or the contact has gone: creating one tells who.
            return None
        return self._written(change, put, contact)

    def _put(
        self, contact_id: str, change: ContactChange, *, identity: Mapping[str, Any] = NO_IDENTITY
    ) -> Generator[Step, Answer, tuple[Answer | None, ContactChange]]:
        """Update a contact, leaving out an attribute that Intercom refuses by name; no answer if none is left."""
        while body := {**identity, **change.update_body}:
            answer = yield UpdateContact(contact_id, body)
            smaller = without_named(change, read_refusal(answer)) if answer.status in {400, 422} else None
            if smaller is None:
                return answer, change
            change = smaller
        return None, change

    def _written(self, change: ContactChange, answer: Answer | None, known: KnownContact | None = None) -> Outcome:
        """Tell what writing `change` came to; no answer means that nothing of it was left to write."""
        trims = tuple(trim for trim in change.trims if trim[1] == REFUSED_TRIM)
        if answer is None:
            return replace(outcomes.UNCHANGED, trims=trims)
        if answer.status == 200:  # noqa: PLR2004
            if is_another(change, answer.body):
                # The search had not seen yet that the contact has become somebody else's.
                self._cache.written.forget(change.key)
                return rejected(outcomes.IDENTITY_CONFLICT)
            self._note(change.key, self._reader.fill(known, self._reader.read(answer.body)))
            return replace(outcomes.DELIVERED, trims=trims)
        refusal = read_refusal(answer)
        reasons = {404: outcomes.CONTACT_ARCHIVED, 410: outcomes.CONTACT_MERGED, 409: outcomes.CONFLICT}
        return rejected(reasons.get(answer.status, outcomes.REFUSED), refusal)

    def _written_to_canonical(self, change: ContactChange, answer: Answer | None) -> Outcome:
        """Tell what writing to the contact that another was merged into came to; it bears another key."""
        if answer is None or answer.status != 200:  # noqa: PLR2004
            return self._written(change, answer)
        contact = self._reader.read(answer.body)
        for key in (Key("external_id", contact.external_id or ""), Key("email", contact.email or "")):
            self._cache.written.forget(key)
        self._cache.written.forget(change.key)
        return outcomes.DELIVERED
