"""Contacts as a kind: what is asked for a batch, and what its contacts make of the answer."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

import pytest

from destination_intercom import outcomes
from destination_intercom.companies.directory import CompanyDirectory
from destination_intercom.configuration.config import parse_config
from destination_intercom.configuration.plan import PlanChecks
from destination_intercom.contacts.batches import ContactBatch
from destination_intercom.contacts.kind import Contacts, make_policy
from destination_intercom.contacts.known import KnownContact
from destination_intercom.contacts.lookup import HALVE, search_query
from destination_intercom.contacts.mapping import ContactChange, ContactDeletion
from destination_intercom.contacts.matching import Found
from destination_intercom.contacts.policy import Policy
from destination_intercom.delivery.ledger import Ledger
from destination_intercom.delivery.tasks import Acquire, Batch, Release, Step, UndeliverableError, WriteTask
from destination_intercom.errors import ConfigurationError, StreamName
from destination_intercom.identity import Key
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import (
    ArchivePerson,
    Call,
    CreateContact,
    DeleteContact,
    FindByExternalId,
    GetContact,
    SearchContacts,
    UpdateContact,
)
from unit_tests.data_attributes import attribute, listing_of
from unit_tests.keys import by_email, by_id
from unit_tests.strategies import base_config, catalog_stream
from unit_tests.task_bench import ID, INVALID, OTHER_ID, Bench, FakeTime, listed, shown

T = TypeVar("T")


class Desk(Bench):
    """Contacts as one sync has them."""

    def __init__(self, **users: Any) -> None:
        super().__init__()
        section = {"mode": "enabled", "streams": [{"stream": "s"}], **users}
        config = parse_config(base_config(users=section))
        self.contacts = Contacts(config, now=self.time.now, look_up=_nobody, companies=CompanyDirectory(lambda: 0.0))
        self.contacts.attributes.want("name", None)

    def look_up(self, batch: ContactBatch, *answers: Answer) -> list[Call]:
        """Look up a batch; return the calls."""
        return self.drive(self.contacts.look_up(batch), *answers)[1]

    def deliver(self, tasks: list[WriteTask], *answers: Answer) -> tuple[list[outcomes.Outcome], list[Call]]:
        """Write what belongs together; return the outcomes and the calls."""
        steps: Generator[Step, Answer, list[outcomes.Outcome]] = self.contacts.deliver(tasks)
        result, calls, _ = self.drive(steps, *answers)
        return result, calls


def _nobody(_batch: Batch) -> None:
    """Take a batch that nobody looks up."""


def task(key: Key, batch: ContactBatch | None = None, **fields: Any) -> WriteTask:
    """A change to a contact that waits for `batch`."""
    entry = Ledger(stop_after_rejected=0).enter(StreamName("s"), parts=1, size=1)
    return WriteTask(entry, ContactChange(key, fields, {}), batch)


def batch(emails: dict[Key, str | None]) -> ContactBatch:
    """A batch of these keys and the addresses beside them."""
    made = ContactBatch(0.0)
    made.emails.update(emails)
    return made


def deletion(key: Key, batch: ContactBatch | None = None) -> WriteTask:
    """A deletion of a person that waits for `batch`."""
    entry = Ledger(stop_after_rejected=0).enter(StreamName("s"), parts=1, size=1)
    return WriteTask(entry, ContactDeletion(key), batch)


def ids(found: Found) -> tuple[list[str], list[str]]:
    """The ids of those who were found by the identity, and by the address."""
    by_identity, by_address = found.by_identity, found.by_email
    return [each.contact_id for each in by_identity], [each.contact_id for each in by_address]


def test_changes_when_written_together_use_what_their_batch_found() -> None:
    """One update of the contact that was found, an outcome for each."""
    desk, waited = Desk(), batch({by_id("k"): None})
    calls = desk.look_up(waited, listed({"id": ID, "external_id": "k", "role": "user", "name": "Old"}))
    assert [SearchContacts(search_query("external_id", ["k"]), gives_up=HALVE)] == calls
    tasks = [task(by_id("k"), waited, name="A"), task(by_id("k"), waited, name="B")]
    result, calls = desk.deliver(tasks, shown(external_id="k", name="B"))
    assert [outcomes.DELIVERED] * 2 == result
    assert [UpdateContact(ID, {"name": "B"})] == calls


def test_changes_and_deletions_of_one_batch_are_made_in_their_order() -> None:
    """Changes up to a deletion as one; those after it by what the deletion has left."""
    desk, waited = Desk(deleted_records="delete"), batch({by_id("k"): None})
    desk.look_up(waited, listed({"id": ID, "external_id": "k", "role": "user", "name": "Old"}))
    key, read = by_id("k"), shown(external_id="k")
    tasks = [
        task(key, waited, name="A"),
        task(key, waited, name="B"),
        deletion(key, waited),
        task(key, waited, name="C"),
    ]
    result, calls = desk.deliver(tasks, read, read, shown(), shown(OTHER_ID, external_id="k"))
    assert [outcomes.DELIVERED] * 4 == result
    create = CreateContact({"role": "user", "external_id": "k", "name": "C"})
    assert [UpdateContact(ID, {"name": "B"}), GetContact(ID), DeleteContact(ID), create] == calls


def test_deletion_that_is_undeliverable_takes_no_other_record_of_its_batch_with_it() -> None:
    """What came before it has its own outcome, and what follows is tried."""
    desk, waited, key = Desk(deleted_records="archive"), batch({by_id("k"): None}), by_id("k")
    desk.look_up(waited, listed({"id": ID, "external_id": "k", "role": "user", "name": "A"}))
    steps = desk.contacts.deliver([task(key, waited, name="A"), deletion(key, waited), task(key, waited, name="A")])
    assert [Acquire(ID), GetContact(ID), ArchivePerson(ID)] == [
        next(steps),
        next(steps),
        steps.send(shown(external_id="k")),
    ]
    undeliverable = outcomes.rejected(outcomes.UNDELIVERABLE)
    assert Release(ID) == steps.throw(UndeliverableError(undeliverable))
    with pytest.raises(StopIteration) as stop:
        next(steps)
    assert [outcomes.UNCHANGED, undeliverable, outcomes.UNCHANGED] == stop.value.value


def test_deletion_that_is_undeliverable_alone_says_so_itself() -> None:
    """The scheduler knows what to do then."""
    steps = Desk(deleted_records="archive").contacts.deliver([deletion(by_id("k"), batch({by_id("k"): None}))])
    assert FindByExternalId("k") == next(steps)
    with pytest.raises(UndeliverableError):
        steps.throw(UndeliverableError(outcomes.rejected(outcomes.UNDELIVERABLE)))


@pytest.mark.parametrize(("how", "write"), [("archive", ArchivePerson), ("delete", DeleteContact), ("ignore", None)])
def test_kind_when_people_are_taken_away_tells_by_which_call(how: str, write: type[Call] | None) -> None:
    """A dry run counts it, `check` names its permission, which others need, too, and `preview` shows it."""
    contacts = Desk(deleted_records=how).contacts
    assert ([] if write is None else [write]) == list(contacts.writes[2:])
    assert len(set(contacts.permissions)) == len(contacts.permissions)
    assert "Write users and companies" in contacts.permissions
    assert ("deletion", {"action": None if write is None else how, "email": "a@b"}) == contacts.show(
        ContactDeletion(by_email("a@b"))
    )
    assert contacts.takes_away(ContactDeletion(by_id("k")))
    assert not contacts.takes_away(ContactChange(by_id("k"), {}, {}))
    assert [] == list(contacts.names(ContactDeletion(by_id("k"))))


def test_contact_when_found_holds_only_what_is_ever_compared() -> None:
    """A batch holds 150 of them, and a contact may have 250 attributes."""
    waited = batch({by_id("k"): None})
    Desk().look_up(
        waited,
        listed({"id": ID, "external_id": "k", "name": "Old", "phone": "1", "custom_attributes": {"plan": "p"}}),
    )
    assert waited.found is not None
    (found,) = waited.found[by_id("k")].by_identity
    # A digest each of the name and the address.
    assert 2 == len(found.values or ())


@pytest.mark.parametrize("tags", [[], [{"property": "segments"}]])
def test_contact_when_found_holds_its_tags_only_where_people_are_tagged(tags: list[dict[str, Any]]) -> None:
    """And companies only where people are attached to some."""
    waited, links = batch({by_id("k"): None}), {"data": [{"id": "1"}]}
    Desk(tags=tags).look_up(waited, listed({"id": ID, "external_id": "k", "tags": links, "companies": links}))
    assert waited.found is not None
    (found,) = waited.found[by_id("k")].by_identity
    assert (bool(tags), None) == (found.tags is not None, found.companies)


def test_change_when_it_waited_for_no_batch_is_created() -> None:
    """Nothing was found, for nothing was asked."""
    result, calls = Desk().deliver([task(by_id("k"), name="A")], shown(external_id="k"))
    assert [outcomes.DELIVERED] == result
    assert isinstance(calls[0], CreateContact)


def test_batch_when_looked_up_asks_for_the_addresses_of_those_who_were_not_found() -> None:
    """And tells for each key what was found by the identity and by the address."""
    keys = {by_id(name): f"{name}@example.com" for name in "abc"}
    waited = batch({**keys, by_id("d"): None})
    by_identity = listed({"id": ID, "external_id": "a", "role": "user"})
    by_address = listed({"id": OTHER_ID, "email": "b@example.com", "role": "user"})
    calls = Desk().look_up(waited, by_identity, by_address)
    assert [
        SearchContacts(search_query("external_id", ["a", "b", "c", "d"]), gives_up=HALVE),
        SearchContacts(search_query("email", ["b@example.com", "c@example.com"]), decisive=True, gives_up=HALVE),
    ] == calls
    assert waited.found is not None
    expected = {"a": ([ID], []), "b": ([], [OTHER_ID]), "c": ([], []), "d": ([], [])}
    assert expected == {key.value: ids(found) for key, found in waited.found.items()}


def test_batch_when_nobody_is_created_is_looked_up_by_the_identity_only() -> None:
    """With update_only the address matches nobody."""
    calls = Desk(write_mode="update_only").look_up(batch({by_id("a"): "a@example.com"}), listed())
    assert [SearchContacts(search_query("external_id", ["a"]), gives_up=HALVE)] == calls


def test_batch_when_the_identity_is_the_address_is_looked_up_by_that() -> None:
    """One search: "not found" would make a second contact."""
    waited = batch({by_email("a@example.com"): None})
    calls = Desk().look_up(waited, listed({"id": ID, "email": "A@example.com"}))
    assert [SearchContacts(search_query("email", ["a@example.com"]), decisive=True, gives_up=HALVE)] == calls
    assert waited.found is not None
    assert ([ID], []) == ids(waited.found[by_email("a@example.com")])


def test_batch_of_both_kinds_of_identity_is_looked_up_by_each() -> None:
    """One text as a User ID and as an address is two people, as far as anybody knows."""
    text = "bob@x.example"
    waited = batch({by_id(text): None, by_email(text): None})
    as_user_id = listed({"id": ID, "external_id": text, "role": "user"})
    as_address = listed({"id": OTHER_ID, "email": text, "role": "user"})
    desk = Desk()
    desk.look_up(waited, as_user_id, as_address)
    assert waited.found is not None
    assert {by_id(text): ([ID], []), by_email(text): ([OTHER_ID], [])} == {
        key: ids(found) for key, found in waited.found.items()
    }
    _, calls = desk.deliver([task(by_email(text), waited, name="N")], shown(OTHER_ID, email=text))
    assert [UpdateContact(OTHER_ID, {"name": "N"})] == calls


@pytest.mark.parametrize(
    ("users", "policy"),
    [
        pytest.param(None, Policy(), id="disabled"),
        pytest.param({}, Policy("upsert", send_unchanged=False, unarchive=False, adopt=True), id="defaults"),
        pytest.param({"write_mode": "create_only"}, Policy("create_only"), id="write_mode"),
        pytest.param({"unchanged_contacts": "send"}, Policy(send_unchanged=True), id="unchanged_contacts"),
        pytest.param({"archived_contacts": "unarchive"}, Policy(unarchive=True), id="archived_contacts"),
        pytest.param({"email_match": "reject"}, Policy(adopt=False), id="email_match"),
        pytest.param({"deleted_records": "delete"}, Policy(deletion="delete"), id="deleted_records"),
        pytest.param(
            {"deleted_records": "delete", "write_mode": "create_only"}, Policy("create_only"), id="nobody is touched"
        ),
    ],
)
def test_policy_when_read_from_the_form_is_what_the_user_chose(users: dict[str, Any] | None, policy: Policy) -> None:
    """Each setting by itself, beside the defaults."""
    section = {"mode": "enabled", "streams": [{"stream": "s"}], **(users or {})}
    events = {"mode": "enabled", "selected_events": ["*"]}
    config = parse_config(base_config(events=events) if users is None else base_config(users=section))
    assert policy == make_policy(config)


@pytest.mark.parametrize(
    ("written", "names"), [("k@example.com", ["k@example.com"]), (None, []), ("other@example.com", [])]
)
def test_person_when_written_is_known_by_the_address_that_the_contact_has(
    written: str | None, names: list[str]
) -> None:
    """Not by one that was left out: nobody who waits for it would be taken."""
    desk = Desk()
    change = ContactChange(by_id("k"), {"email": "k@example.com"}, {})
    assert ["k@example.com"] == [key.value for key in desk.contacts.names(change)]
    desk.contacts.cache.note_written(by_id("k"), KnownContact(ID, email=written))
    assert names == [key.value for key in desk.contacts.names(change)]


def test_stranger_when_to_be_created_is_so_though_users_are_only_updated() -> None:
    """`unknown_users: create` is said of events; `write_mode` of the records of user streams."""
    people = Desk(write_mode="update_only").contacts.people(create_unknown=True)
    assert people.may_create(by_id("k"))
    assert CreateContact({"role": "user", "external_id": "k"}) == next(people.create(by_id("k")))


@pytest.mark.parametrize(("dry_run", "creates"), [(False, True), (True, False)])
def test_attributes_in_a_dry_run_are_not_created(dry_run: bool, creates: bool) -> None:
    """Nothing is; it is said that they would be."""
    users = {"mode": "enabled", "streams": [{"stream": "s"}]}
    config = parse_config(base_config(users=users, delivery={"dry_run": dry_run}))
    assert (
        creates
        == Contacts(config, now=lambda: 0.0, look_up=_nobody, companies=CompanyDirectory(lambda: 0.0)).attributes.create
    )


def test_batch_when_it_cannot_be_looked_up_holds_nobody() -> None:
    """Every key has its entry all the same, so that its contacts go on."""
    waited = batch({by_id("a"): "a@example.com"})
    Desk().look_up(waited, INVALID, INVALID)
    assert {by_id("a"): Found()} == waited.found


def test_values_in_a_dry_run_are_looked_at_as_they_would_be_written() -> None:
    """By the names of their attributes, of contacts only: a record that is filtered is none."""
    stream = catalog_stream(
        user_id={"type": "string"}, row={"properties": {"at": {"type": "string"}}}, n={"type": "integer"}
    )
    users = {
        "mode": "enabled",
        "streams": [{"stream": "s"}],
        "attributes": [{"property": "row.at", "attribute": "change"}, {"property": "n"}],
        "filters": [{"property": "user_id", "operator": "is_set"}],
        "missing_attributes": "create",
    }
    config = parse_config(base_config(users=users, delivery={"dry_run": True}))
    contacts = Contacts(config, now=lambda: 0.0, look_up=_nobody, companies=CompanyDirectory(lambda: 0.0))
    (rule,) = contacts.compile(stream, PlanChecks(config, [stream]))
    steps = contacts.prepare()
    next(steps)
    with pytest.raises(StopIteration):
        steps.send(listing_of())
    (note,) = contacts.notes.take()
    assert 'The names of these suggest times: "change"' in note.text
    for data in ({"user_id": "1", "row": {"at": "2024-01-02"}, "n": "5"}, {"row": {"at": "never"}}):
        rule.map_record(data)
    (text,) = contacts.summary()
    assert '"change" (string)' in text
    assert '"n"' not in text


@pytest.mark.parametrize("has_stream", [False, True])
def test_attribute_of_which_only_a_true_is_written_is_refused_where_the_workspace_has_another_type(
    has_stream: bool,
) -> None:
    """The check tells so by the entry alone, before the first sync does."""
    config = parse_config(
        base_config(
            users={
                "mode": "enabled",
                "streams": [{"stream": "s"}],
                "attributes": [{"property": "vip", "overwrite": "only_true"}],
            }
        )
    )
    contacts = Contacts(config, now=FakeTime().now, look_up=_nobody, companies=CompanyDirectory(lambda: 0.0))
    if has_stream:
        stream = catalog_stream("s")
        contacts.compile(stream, PlanChecks(config, (stream,)))
    steps = contacts.prepare() if has_stream else contacts.check()
    next(steps)
    with pytest.raises(ConfigurationError, match=r'only_true is for attributes .* these are not: "vip"'):
        steps.send(listing_of(attribute("vip", "string")))
