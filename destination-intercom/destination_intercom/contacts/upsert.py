"""How one person's records are written: as one change, or one by one where a value of one of them is refused."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from destination_intercom import outcomes
from destination_intercom.contacts.bulk import IsFollowed, never
from destination_intercom.contacts.bulk_writing import BulkContacts
from destination_intercom.contacts.cache import ContactCache
from destination_intercom.contacts.creating import ContactCreation
from destination_intercom.contacts.diff import merge
from destination_intercom.contacts.known import ContactReader
from destination_intercom.contacts.mapping import ContactChange
from destination_intercom.contacts.matching import Found, choose, go_alone
from destination_intercom.contacts.memberships import NOTHING_ATTACHED, Attached, Memberships
from destination_intercom.contacts.policy import Policy
from destination_intercom.contacts.refusals import is_opt_out
from destination_intercom.contacts.tagging import NOTHING_TAGGED, Tagged, Tagging
from destination_intercom.contacts.turns import Waits
from destination_intercom.contacts.writing import ContactWrite, Neighbours
from destination_intercom.delivery.tasks import Pause, Step, Steps, UndeliverableError
from destination_intercom.intercom.answers import Answer
from destination_intercom.outcomes import Outcome, Status, rejected
from destination_intercom.values import Trim

ALONE_SECONDS: Final = 1.0
"""How long somebody without neighbours waits for an address that another person may be giving up."""


class Alone:
    """The neighbours of a person who was not looked up together with others."""

    def __init__(self, is_followed: IsFollowed = never) -> None:
        self.is_followed = is_followed

    def wait_for(self, contact_id: str) -> Waits:  # noqa: ARG002 - nobody knows who writes to it
        """Give others a moment."""
        yield Pause(ALONE_SECONDS)


class ContactUpserter:
    """Makes the steps that write contacts; `reader` keeps of those that are read what is compared."""

    def __init__(
        self,
        *,
        cache: ContactCache,
        policy: Policy,
        reader: ContactReader,
        memberships: Memberships | None = None,
        tagging: Tagging | None = None,
        bulk: BulkContacts | None = None,
    ) -> None:
        self._cache = cache
        self._policy = policy
        self._reader = reader
        self._memberships = memberships
        self._tagging = tagging
        self._bulk = bulk

    @property
    def looks_by_email(self) -> bool:
        """Say whether a person who is not found by the identity is looked for by the address."""
        return self._policy.write_mode != "update_only"

    def write(
        self, changes: Sequence[ContactChange], found: Found | None, neighbours: Neighbours | None = None
    ) -> Generator[Step, Answer, list[Outcome]]:
        """Write one person's `changes` as one; refused, they go one by one, so that one takes no other with it.

        `found` is None where this run knew the person, so that nobody was looked up.
        """
        neighbours = neighbours or Alone()
        # Left out before they are merged: a value that is not sent replaces no other.
        taken = [self._cache.refused_values.leave_out(change) for change in changes]
        merged = merge([change for change, _ in taken])
        if self._tagging is not None:
            # Before any is written: one by one, too, they take nothing off that another of them names.
            self._tagging.hear(merged)
        differing = any(change.update_body != merged.update_body for change, _ in taken)
        is_one = len(changes) == 1
        try:
            ends = yield from self._write(
                merged, found, neighbours, always=differing, whole=not is_one, bulk=self._bulk_for(differing=differing)
            )
            if is_one or not go_alone(changes, ends.outcome):
                return [self._end(ends, change, trims) for change, trims in taken]
        except UndeliverableError:
            # One of them may be the cause.
            if is_one:
                raise
        alone: list[Outcome] = []
        for each in changes:
            change, trims = self._cache.refused_values.leave_out(each)
            try:
                ends = yield from self._write(change, found, neighbours, always=True, whole=False)
                alone.append(self._end(ends, change, trims))
            except UndeliverableError as error:
                alone.append(error.outcome)
            alone[-1] = alone[-1].date(self._cache.now())
        return alone

    def _bulk_for(self, *, differing: bool) -> BulkContacts | None:
        """Tell what may write records in bulk: those that differ need to be told apart if they are refused."""
        if self._bulk is not None and differing:
            self._bulk.count_ordinary()
        return None if differing else self._bulk

    def _write(
        self,
        change: ContactChange,
        found: Found | None,
        neighbours: Neighbours,
        *,
        always: bool,
        whole: bool,
        bulk: BulkContacts | None = None,
    ) -> Generator[Step, Answer, _Ends]:
        write = ContactWrite(
            change,
            cache=self._cache,
            policy=self._policy,
            reader=self._reader,
            neighbours=neighbours,
            # Nor can anybody tell whether the search is right about somebody whom this run has forgotten.
            always=always or self._cache.written.is_doubtful(change.key),
            whole=whole,
            bulk=bulk,
        )
        try:
            outcome = yield from self._find_and_write(write, found)
        except UndeliverableError as error:
            yield from write.turn.leave()
            self._note_opt_out(change, error.outcome)
            raise
        yield from write.turn.leave()
        self._note_opt_out(change, outcome)
        return (yield from self._attach(write, outcome))

    def _attach(self, write: ContactWrite, outcome: Outcome) -> Generator[Step, Answer, _Ends]:
        """Attach the contact to its companies, and tag it, once it is there and as it is to be."""
        change, contact = write.change, write.contact
        if contact is None or outcome.status is Status.REJECTED:
            return _Ends(outcome, Attached(any=False, refused=write.refused_companies))
        attached, tagged = NOTHING_ATTACHED, NOTHING_TAGGED
        if self._memberships is not None and change.companies:
            attached = yield from self._memberships.attach(contact, change.companies)
        if self._tagging is not None:
            tagged = yield from self._tagging.settle(contact, change)
        if (attached.any or tagged.any) and outcome.status is Status.UNCHANGED:
            outcome = replace(outcome, status=Status.DELIVERED)
        return _Ends(outcome, attached, tagged)

    def _end(self, ends: _Ends, change: ContactChange, trims: tuple[Trim, ...]) -> Outcome:
        """Tell what came of one of the changes, `trims` of which were left out before."""
        refused = ends.attached.refused
        companies = [(entry, refused[each]) for each, entry in change.companies.items() if each in refused]
        tags = [] if self._tagging is None else self._tagging.trims(change, ends.tagged)
        added = (*trims, *companies, *tags)
        return replace(ends.outcome, trims=(*added, *ends.outcome.trims)) if added else ends.outcome

    def _note_opt_out(self, change: ContactChange, outcome: Outcome) -> None:
        """Remember an opt-out that could not be written, so that nobody creates the person without it."""
        if any(is_opt_out(change, name) for name in change.fields):
            if outcome.status is Status.REJECTED:
                self._cache.opted_out.note(change.key, None)
            else:
                self._cache.opted_out.forget(change.key)

    def _find_and_write(self, write: ContactWrite, found: Found | None) -> Steps:
        key = write.change.key
        if self._cache.is_stranger(key):
            return rejected(outcomes.IDENTITY_CONFLICT)
        # Who was known when the batch was made is so still, however long ago that is by now.
        written = self._cache.written.get(key, of_any_age=found is None)
        # Who was known, and is forgotten by now, was never looked up.
        found = self._without_departed(found or Found(is_certain=False))
        if (departed := self._cache.departures.contact_of(key)) is not None and self._policy.deletion == "archive":
            brought_back = yield from ContactCreation(write, found).bring_back(departed)
            if brought_back.reason != outcomes.NOT_RESTORABLE:
                return brought_back
        known = written or choose(write.change, found)
        if isinstance(known, Outcome):
            return known
        if known is None:
            return (yield from ContactCreation(write, found).run())
        outcome = yield from write.update(known)
        if outcome is not None:
            return outcome
        self._cache.written.forget(key)
        return (yield from ContactCreation(write, replace(found, by_identity=()), known.contact_id).run())

    def _without_departed(self, found: Found) -> Found:
        """Leave out whom this run has taken away since: the search lags."""
        departures = self._cache.departures
        return replace(
            found,
            by_identity=tuple(each for each in found.by_identity if not departures.has_contact(each.contact_id)),
            by_email=tuple(each for each in found.by_email if not departures.has_contact(each.contact_id)),
        )


@dataclass(frozen=True, slots=True)
class _Ends:
    """What came of a change, of the contact's companies, and of its tags."""

    outcome: Outcome
    attached: Attached = NOTHING_ATTACHED
    tagged: Tagged = NOTHING_TAGGED
