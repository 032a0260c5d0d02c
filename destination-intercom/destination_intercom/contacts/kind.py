"""Contacts as a kind of object: what `delivery` carries out, made of the modules of this folder."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any, ClassVar, Final

from destination_intercom.airbyte.catalog import CatalogStream
from destination_intercom.attributes.attributes import Attributes
from destination_intercom.configuration.config import Config, UsersEnabled
from destination_intercom.configuration.plan import PlanChecks
from destination_intercom.configuration.sections import name_entries
from destination_intercom.contacts.batches import ContactBatch, ContactBatches, Neighbourhood
from destination_intercom.contacts.bulk import BulkWriter
from destination_intercom.contacts.bulk_writing import BulkContacts
from destination_intercom.contacts.cache import LEAD, ContactCache
from destination_intercom.contacts.deletions import ContactDeleter, DeletionLimit, split_runs
from destination_intercom.contacts.departures import LiveRows
from destination_intercom.contacts.earlier import EarlierUpdates
from destination_intercom.contacts.known import ContactReader, KnownContact
from destination_intercom.contacts.lookup import LookUp
from destination_intercom.contacts.mapping import ContactChange, ContactDeletion, map_contact
from destination_intercom.contacts.matching import NOTHING_FOUND, Found
from destination_intercom.contacts.memberships import Companies, Memberships
from destination_intercom.contacts.people import People
from destination_intercom.contacts.policy import Policy
from destination_intercom.contacts.probes import find_probes
from destination_intercom.contacts.rules import (
    UserRule,
    compile_user_rules,
    name_tags,
    warn_of_no_deletions,
    warn_of_shared_properties,
)
from destination_intercom.contacts.tagging import ReplacedTags, Tagging
from destination_intercom.contacts.upsert import Alone, ContactUpserter
from destination_intercom.contacts.writing import SUPERSEDED, Neighbours
from destination_intercom.delivery.kinds import Batches, Kind, Notes
from destination_intercom.delivery.probes import Probe, Taken
from destination_intercom.delivery.tasks import Batch, Step, Task, UndeliverableError, WriteTask
from destination_intercom.errors import ConfigurationError
from destination_intercom.identity import IdentityField, Key
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import (
    ArchivePerson,
    AttachCompany,
    Call,
    CreateContact,
    CreateLead,
    DeleteContact,
    GetContact,
    ListDataAttributes,
    ListTags,
    SearchContacts,
    TagContacts,
    UntagContact,
    UpdateContact,
    UpsertCompany,
    WriteCall,
)
from destination_intercom.outcomes import Outcome
from destination_intercom.payloads import Payload, RecordRule

MOST_LOOKED_AT: Final = 8
"""Tasks of a lane, to see whether another change of the contact waits there."""


class Contacts(Kind):
    """The contacts of one sync; `look_up` has a batch looked up, `now` tells seconds, `companies` knows companies.

    `earlier` tells, in a replay, when contacts were updated before it.
    """

    name: ClassVar[str] = ContactChange.kind

    def __init__(
        self,
        config: Config,
        *,
        now: Callable[[], float],
        look_up: Callable[[Batch], None],
        companies: Companies,
        earlier: EarlierUpdates | None = None,
    ) -> None:
        super().__init__()
        self._users = config.users
        self.cache = ContactCache(now, earlier=earlier)
        self.notes = self.cache.search_size.notes
        missing = config.users.missing_attributes if isinstance(config.users, UsersEnabled) else "fail"
        self.attributes = Attributes(missing, create=not config.delivery.dry_run, notes=self.notes)
        self._policy = make_policy(config)
        self._attaches = isinstance(config.users, UsersEnabled) and bool(config.users.member_of)
        self._tagging = _make_tagging(config, now, self.notes)
        tags = self._tagging is not None
        self._reader = ContactReader(self.attributes, with_companies=self._attaches, with_tags=tags)
        memberships = Memberships(companies, now) if self._attaches else None
        self._bulk = None
        if isinstance(config.users, UsersEnabled) and config.delivery.contacts_api == "bulk":
            self._bulk = BulkWriter(now, self.notes, pretends=config.delivery.dry_run)
        bulk = None
        if self._bulk is not None:
            bulk = BulkContacts(
                self._bulk, cache=self.cache, reader=self._reader, memberships=memberships, tagging=self._tagging
            )
        self.upserter = ContactUpserter(
            cache=self.cache,
            policy=self._policy,
            reader=self._reader,
            memberships=memberships,
            tagging=self._tagging,
            bulk=bulk,
        )
        self._live = LiveRows()
        self._has_marks = (
            isinstance(config.users, UsersEnabled)
            and config.users.deletion is not None
            and any(entry.deleted_property is not None for entry in config.users.streams)
        )
        self._deletion_limit = DeletionLimit(config.delivery.max_deletions)
        self._deleter: ContactDeleter | None = None
        if self._policy.deletion is not None:
            self._deleter = ContactDeleter(
                self._policy.deletion,
                cache=self.cache,
                reader=self._reader,
                live=self._live,
                limit=self._deletion_limit,
            )
        self._batches = ContactBatches(written=self.cache.written, look_up=look_up)
        self._somebody: Key | None = None
        self._superseded = 0

    @property
    def makes_people(self) -> bool:
        """Say that contacts are created, unless only those are written that are there."""
        return isinstance(self._users, UsersEnabled) and self._policy.write_mode != "update_only"

    @property
    def writes(self) -> Sequence[type[WriteCall]]:
        """Tell what writes a contact, makes it a member of a company, tags it, or takes it away, where any does."""
        attaching: tuple[type[WriteCall], ...] = (UpsertCompany, AttachCompany) if self._attaches else ()
        tagging: tuple[type[WriteCall], ...] = () if self._tagging is None else (TagContacts, UntagContact)
        create = CreateLead if self._policy.create_as == LEAD else CreateContact
        return (create, UpdateContact, *attaching, *tagging, *self._deletes)

    @property
    def _deletes(self) -> Sequence[type[WriteCall]]:
        """Tell what takes people away, if they are."""
        if self._policy.deletion is None:
            return ()
        return (ArchivePerson,) if self._policy.deletion == "archive" else (DeleteContact,)

    @property
    def batches(self) -> Batches:
        """Give the contacts that wait to be looked up together."""
        return self._batches

    def people(self, *, create_unknown: bool) -> People:
        """Give other kinds what they may ask; with `create_unknown` people are created, whatever `write_mode` says."""
        creator = None
        if create_unknown:
            creator = ContactUpserter(
                cache=self.cache, policy=replace(self._policy, write_mode="upsert"), reader=self._reader
            )
        return People(cache=self.cache, creator=creator, batches=self._batches)

    def compile(self, stream: CatalogStream, checks: PlanChecks) -> Sequence[RecordRule]:
        """Compile the rules of `users.streams`, and note which attributes they write."""
        if not isinstance(self._users, UsersEnabled):
            return []
        warn_of_shared_properties(self._users, checks.catalog, checks)
        warn_of_no_deletions(self._users, checks.catalog, checks)
        rules = compile_user_rules(self._users, stream, checks)
        for rule in rules:
            self.attributes.want_rules(rule.attributes, rule.members)
        return [RecordRule(partial(self._map, rule), rule.entries) for rule in rules]

    def _map(self, rule: UserRule, data: dict[str, Any]) -> ContactChange | ContactDeletion | Outcome:
        known = self.attributes
        change = map_contact(rule, data, known.types, options=known.options, skipped=known.skipped)
        if known.watch is not None and isinstance(change, ContactChange):
            known.watch.look(change.attributes)
        return change

    def show(self, payload: Payload) -> tuple[str, Any]:
        """Tell the body that creates the contact, with its companies by our ids; of a deletion what is done to whom."""
        if isinstance(payload, ContactDeletion):
            return "deletion", {"action": self._policy.deletion, payload.key.field: payload.key.value}
        change = _change(payload)
        companies = {"companies": list(change.companies)} if change.companies else {}
        return "contact", {**change.create_body(self._policy.create_as), **companies}

    def show_beside(self, payload: Payload) -> Iterable[tuple[str, Any]]:
        """Tell the names of the tags that the contact is then given."""
        return [] if isinstance(payload, ContactDeletion) else [("tags", name) for name in _change(payload).tags]

    def assume(self) -> Iterable[str]:
        """Take the types of the entries and of the schemas for the workspace's."""
        return self.attributes.assume()

    def check(self) -> Generator[Call, Answer, None]:
        """Compare the attributes of the configuration with the workspace's; without a catalog, by the entries alone."""
        if isinstance(self._users, UsersEnabled):
            self.attributes.want_entries(entry for _, entry in self._users.attribute_lists.all)
            yield from self.attributes.check()

    @property
    def permissions(self) -> Sequence[str]:
        """Tell what looking up and writing contacts needs, and tagging them, where any are."""
        needing: list[type[Call]] = [GetContact, SearchContacts, CreateContact, ListDataAttributes, *self._deletes]
        needing += [] if self._tagging is None else [ListTags, TagContacts]
        return list(dict.fromkeys(call.permission for call in needing)) if isinstance(self._users, UsersEnabled) else []

    def prepare(self) -> Generator[Call, Answer, Sequence[str]]:
        """Settle which attributes there are."""
        yield from self.attributes.settle()
        self.cache.new_attributes.note_created(self.attributes.created)
        return ()

    def batch(self, payload: Payload, *, size: int, now: float) -> Batch | None:
        """Tell the batch in which the contact is looked up; None for one that this run has written."""
        self._note_live(payload)
        return self._batches.add(_contact(payload), size=size, now=now)

    def _note_live(self, payload: Payload) -> None:
        """Note who has a live row, before any mark is looked at that has come before it."""
        if self._has_marks and isinstance(payload, ContactChange):
            self._live.note(payload.key)

    def look_up(self, batch: Batch) -> Generator[Step, Answer, None]:
        """Look up all people of a batch, and by their e-mail those who are not found by their external_id."""
        contacts = _batch(batch)
        by_id = yield from self._search("external_id", [key.value for key in contacts.keys if key.field != "email"])
        addresses = {key.value for key in contacts.keys if key.field == "email"}
        if self.upserter.looks_by_email:
            # Nor may a person be created because nobody could tell that there is one to be given the identity.
            missing = [key for key in contacts.keys if key.field != "email" and key.value not in by_id]
            addresses |= {address for key in missing if (address := contacts.emails[key]) is not None}
        by_email = yield from self._search("email", sorted(addresses))
        self._somebody = _find_user("external_id", by_id) or _find_user("email", by_email) or self._somebody
        contacts.found = {key: self._found(key, contacts.emails[key], by_id, by_email) for key in contacts.keys}

    def _found(self, key: Key, address: str | None, by_id: _Contacts, by_email: _Contacts) -> Found:
        if key.field == "email":
            failed = self.cache.search_size.fails("email", key.value, now=self.cache.now())
            return Found(tuple(by_email.get(key.value, ())), is_certain=not failed)
        if key.value in by_id:
            return Found(tuple(by_id[key.value]))
        return Found((), tuple(by_email.get(address or "", ())))

    def _search(self, field: IdentityField, values: Sequence[str]) -> Generator[Call, Answer, _Contacts]:
        if not values:
            return {}
        # By the address, "not there" must be known: a second contact would have it otherwise.
        search = LookUp(
            field,
            size=self.cache.search_size,
            now=self.cache.now,
            read=self._reader.read,
            decisive=field == "email",
        )
        return (yield from search.run(values))

    def deliver(self, tasks: Sequence[WriteTask]) -> Generator[Step, Answer, list[Outcome]]:
        """Write one person's changes as one, up to a deletion; then that, and what follows."""
        ends = yield from self._deliver_tasks(tasks, [_contact_of(task) for task in tasks])
        self._superseded += sum(end.reason == SUPERSEDED.reason for end in ends)
        return ends

    def _deliver_tasks(
        self, tasks: Sequence[WriteTask], payloads: Sequence[ContactChange | ContactDeletion]
    ) -> Generator[Step, Answer, list[Outcome]]:
        def is_followed() -> bool:
            return _has_change(tasks[0].behind)

        if tasks[0].batch is None:
            return (yield from self._deliver(payloads, None, Alone(is_followed)))
        batch, key = _batch(tasks[0].batch), payloads[0].key
        found = (batch.found or {}).get(key, NOTHING_FOUND)
        try:
            return (yield from self._deliver(payloads, found, Neighbourhood(batch, key, is_followed)))
        finally:
            # Whatever has come of it, nobody need wait for it any longer.
            batch.note_written(key)

    def _deliver(
        self,
        payloads: Sequence[ContactChange | ContactDeletion],
        found: Found | None,
        neighbours: Neighbours,
    ) -> Generator[Step, Answer, list[Outcome]]:
        ends: list[Outcome] = []
        for run in split_runs(payloads):
            size = 1 if isinstance(run, ContactDeletion) else len(run)
            try:
                come_to = yield from self._deliver_run(run, found, neighbours)
            except UndeliverableError as error:
                if size == len(payloads):
                    raise
                # What came before it has its own outcome.
                come_to = [error.outcome] * size
            # What is written next makes the contact newer than what was rejected here.
            now = self.cache.now()
            ends += [end.date(now) for end in come_to]
        return ends

    def _deliver_run(
        self,
        run: Sequence[ContactChange] | ContactDeletion,
        found: Found | None,
        neighbours: Neighbours,
    ) -> Generator[Step, Answer, list[Outcome]]:
        if not isinstance(run, ContactDeletion):
            return (yield from self.upserter.write(run, found, neighbours))
        if self._deleter is None:
            raise AssertionError("nobody is taken away in this sync")
        return [(yield from self._deleter.delete(run, found))]

    def summary(self) -> Iterable[str]:
        """Tell what a dry run shows of types, and what each sync writes again."""
        yield from self.attributes.summary()
        if self.cache.reshaped and not self._policy.send_unchanged:
            told = ", ".join(f'"{name}" of {count}' for name, count in sorted(self.cache.reshaped.items()))
            yield (
                "Intercom keeps some values in another form than they are sent in, so each sync writes them again:"
                f" {told} contacts. Send them in Intercom's form, such as phone numbers without spaces."
            )

    def takes_away(self, payload: Payload) -> bool:
        """Say whether a person is not there any more once a payload is delivered."""
        return isinstance(payload, ContactDeletion)

    def tally(self) -> Iterable[str]:
        """Tell how many contacts went in bulk, and what has come of the people whose rows were deleted."""
        if self._bulk is not None:
            yield self._bulk.summary()
        if self._deleter is not None:
            yield from self._deleter.tally()
        if self._superseded:
            yield (
                f"Rows whose contacts were left as they are, because they had been updated after the rejection:"
                f" {self._superseded} (superseded). With --force they are written all the same."
            )

    def final_error(self) -> ConfigurationError | None:
        """Tell that people were not taken away, since they were too many."""
        return self._deletion_limit.error

    def names(self, payload: Payload) -> Iterable[Key]:
        """Tell that a person is known by the address, too, that is written; not by one that was left out."""
        if isinstance(payload, ContactDeletion):
            return []
        address, written = _change(payload).fields.get("email"), self.cache.written.get(payload.key)
        if not isinstance(address, str) or (written is not None and written.email != address):
            return []
        return [Key("email", address)]

    def probes(self, call: Call, taken: Iterable[Taken]) -> Iterable[Probe]:
        """Offer harmless calls to the endpoints of contacts."""
        tag = None if self._tagging is None else self._tagging.known_name
        somebody = self._somebody or self.cache.made_for_sure
        return find_probes(call, taken, somebody=somebody, contact_id=self._contact_id, tag=tag, is_so=self._is_so)

    def _is_so(self, contact_id: str, payload: Mapping[str, Any]) -> bool:
        known = self.cache.written.by_id(contact_id)
        return known is not None and self._reader.has(known, payload)

    def _contact_id(self, key: Key) -> str | None:
        known = self.cache.written.get(key)
        return None if known is None else known.contact_id


def _find_user(field: IdentityField, found: _Contacts) -> Key | None:
    """Tell one of those found who is a user."""
    users = (value for value, contacts in found.items() if any(contact.role == "user" for contact in contacts))
    return next((Key(field, value) for value in users), None)


_Contacts = dict[str, list[KnownContact]]


def _change(payload: Payload) -> ContactChange:
    if not isinstance(payload, ContactChange):
        raise TypeError("not a contact")
    return payload


def _contact(payload: Payload) -> ContactChange | ContactDeletion:
    return payload if isinstance(payload, ContactDeletion) else _change(payload)


def _contact_of(task: WriteTask) -> ContactChange | ContactDeletion:
    payload, rejected_at = _contact(task.payload), task.entry.rejected_at
    return payload if rejected_at is None else replace(payload, rejected_at=rejected_at)


def _has_change(behind: Collection[Task]) -> bool:
    """Say whether another change of a contact is among the next tasks of its lane."""
    return any(
        isinstance(task, WriteTask) and task.payload.kind == Contacts.name for task in islice(behind, MOST_LOOKED_AT)
    )


def _batch(batch: Batch) -> ContactBatch:
    if not isinstance(batch, ContactBatch):
        raise TypeError("not a batch of contacts")
    return batch


def make_policy(config: Config) -> Policy:
    """Read from the configuration what is to happen to people whom Intercom knows, or does not know."""
    users = config.users
    if not isinstance(users, UsersEnabled):
        return Policy()
    return Policy(
        write_mode=users.write_mode,
        send_unchanged=users.unchanged_contacts == "send",
        unarchive=users.archived_contacts == "unarchive",
        adopt=users.email_match == "adopt",
        create_as=users.create_as,
        deletion=users.deletion,
    )


def _make_tagging(config: Config, now: Callable[[], float], notes: Notes) -> Tagging | None:
    """Make what tags people; None where nobody is to be tagged."""
    tags = config.users.tags if isinstance(config.users, UsersEnabled) else []
    named = name_entries("users.tags", tags, lambda each: each.path)
    replaced = {each.beginning: ReplacedTags(name_tags(each), place) for place, each in named if each.mode == "replace"}
    return Tagging(now, replaced=replaced, notes=notes) if tags else None
