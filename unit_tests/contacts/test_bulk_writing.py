"""People who are written in bulk: who goes there, and what is known of them afterwards; driven by hand."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from destination_intercom import outcomes
from destination_intercom.contacts.bulk import BulkWriter
from destination_intercom.contacts.bulk_writing import BulkContacts
from destination_intercom.contacts.deletions import ContactDeleter, DeletionLimit
from destination_intercom.contacts.departures import LiveRows
from destination_intercom.contacts.known import read_links
from destination_intercom.contacts.mapping import ContactChange, ContactDeletion
from destination_intercom.contacts.matching import NOTHING_FOUND, Found
from destination_intercom.contacts.memberships import Memberships
from destination_intercom.contacts.people import People
from destination_intercom.contacts.policy import Policy
from destination_intercom.contacts.tagging import ReplacedTags, Tagging
from destination_intercom.contacts.upsert import ContactUpserter
from destination_intercom.delivery.kinds import Notes
from destination_intercom.delivery.tasks import Step
from destination_intercom.identity import Key
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import (
    AttachCompany,
    Call,
    CreateContact,
    CreateContactsInBulk,
    CreateLead,
    DeleteContact,
    FindByExternalId,
    GetContact,
    ListTags,
    TagContacts,
    UntagContact,
    UpdateContact,
    UpdateContactsInBulk,
)
from destination_intercom.outcomes import DELIVERED, UNCHANGED, Outcome, Status
from unit_tests.contacts.test_memberships import FakeCompanies
from unit_tests.keys import by_email, by_id
from unit_tests.task_bench import CONFLICT, ID, INVALID, NOT_FOUND, OTHER_ID, READER, Bench, contact, shown

ADDRESS = "k@example.com"
DONE = Answer(202, "json", {"id": "job_v2_1", "state": "completed"})
ERRORS = Answer(202, "json", {"id": "job_v2_1", "state": "completed_with_errors"})
TAKEN = Answer(200, "json", {"type": "company", "id": "i"})


class Desk(Bench):
    """Contacts that are written in bulk, of which a cache is kept; companies belong to nobody unless a contact says."""

    def __init__(self, policy: Policy | None = None, companies: FakeCompanies | None = None) -> None:
        super().__init__()
        self.companies = companies or FakeCompanies()
        memberships = Memberships(self.companies, self.time.now)
        self.writer = BulkWriter(self.time.now, Notes())
        bulk = BulkContacts(self.writer, cache=self.cache, reader=READER, memberships=memberships)
        self._upserter = ContactUpserter(
            cache=self.cache, policy=policy or Policy(), reader=READER, memberships=memberships, bulk=bulk
        )

    def write(
        self, *changes: ContactChange, found: Found | None = NOTHING_FOUND, answers: Sequence[Answer] = ()
    ) -> tuple[list[Outcome], list[Call]]:
        """Write the changes of one person; return what came of them, and the calls."""
        steps: Generator[Step, Answer, list[Outcome]] = self._upserter.write(list(changes), found)
        outcomes_, calls, _ = self.drive(steps, *answers)
        assert [] == self.held
        return outcomes_, calls


def change(key: Key | None = None, attributes: Any = None, companies: Any = None, **fields: Any) -> ContactChange:
    """A change to a contact, `k` if no key is given."""
    return ContactChange(key or by_id("k"), fields, attributes or {}, companies=companies or {})


def known(**body: Any) -> Found:
    """A contact that the lookup has found as `k`."""
    return Found((contact(ID, external_id="k", **body),))


NAMED = change(name="N")
BULK_CREATE = CreateContactsInBulk(({"role": "user", "external_id": "k", "name": "N"},))
BULK_UPDATE = UpdateContactsInBulk(({"id": ID, "name": "N"},))
CREATE = CreateContact({"role": "user", "external_id": "k", "name": "N"})
UPDATE = UpdateContact(ID, {"name": "N"})


def test_update_when_the_job_has_ended_well_then_is_known_as_after_any_other_update() -> None:
    """The same values again are unchanged, others are a difference, and what was not written is as it was."""
    desk = Desk()
    before = known(name="M", custom_attributes={"plan": "pro"}, email=ADDRESS, phone="1")
    assert ([DELIVERED], [BULK_UPDATE]) == desk.write(NAMED, found=before, answers=[DONE])
    again = change(None, {"plan": "pro"}, name="N", email=ADDRESS, phone="1")
    assert ([UNCHANGED], []) == desk.write(again, found=None)
    other = UpdateContactsInBulk(({"id": ID, "name": "O"},))
    assert ([DELIVERED], [other]) == desk.write(change(name="O"), found=None, answers=[DONE])
    assert by_id("k") in desk.cache.written


def test_update_when_the_job_has_not_ended_well_then_the_contact_is_written_by_itself() -> None:
    """The same values again do no harm, and a refusal has its reason."""
    desk = Desk()
    assert ([DELIVERED], [BULK_UPDATE, UPDATE]) == desk.write(
        NAMED, found=known(name="M"), answers=[ERRORS, shown(name="N")]
    )
    ((outcome,), _) = desk.write(change(name="O"), found=None, answers=[ERRORS, INVALID])
    assert (("name", "refused"),) == outcome.trims


@pytest.mark.parametrize(
    ("wanted", "found", "expected"),
    [
        pytest.param(change(email=ADDRESS), known(email="old@example.com"), {"email": ADDRESS}, id="an address"),
        pytest.param(change(name=None), known(name="M"), {"name": None}, id="a null"),
        pytest.param(change(signed_up_at=5), known(signed_up_at=4), {"signed_up_at": 5}, id="ignored there"),
        pytest.param(
            change(unsubscribed_from_emails=True),
            known(unsubscribed_from_emails=False),
            {"unsubscribed_from_emails": True},
            id="an opt-out",
        ),
        pytest.param(
            replace(change(None, {"plan": "x"}), outside=frozenset({"plan"})),
            known(custom_attributes={"plan": "pro"}),
            {"custom_attributes": {"plan": "x"}},
            id="no option",
        ),
    ],
)
def test_update_when_it_does_not_fit_in_bulk_then_goes_by_itself(
    wanted: ContactChange, found: Found, expected: dict[str, Any]
) -> None:
    """And is counted so."""
    desk = Desk()
    body = {**expected, "external_id": "k"}
    assert ([DELIVERED], [UpdateContact(ID, expected)]) == desk.write(wanted, found=found, answers=[shown(**body)])
    assert "one by one: 1." in desk.writer.summary()


def test_update_when_what_does_not_fit_is_there_already_then_the_rest_goes_in_bulk() -> None:
    """Decided by what is to be written."""
    wanted = change(name="N", email=ADDRESS, signed_up_at=5)
    desk = Desk()
    assert ([DELIVERED], [BULK_UPDATE]) == desk.write(
        wanted, found=known(name="M", email=ADDRESS, signed_up_at=5), answers=[DONE]
    )


def test_update_of_a_lead_goes_by_itself() -> None:
    """Whatever bulk says of them."""
    found = Found((replace(contact(ID, email=ADDRESS, name="M"), role="lead"),))
    wanted = change(by_email(ADDRESS), name="N")
    answer = shown(email=ADDRESS, name="N", role="lead")
    assert ([DELIVERED], [UPDATE]) == Desk().write(wanted, found=found, answers=[answer])


def test_update_when_an_attribute_is_new_then_goes_by_itself_until_one_was_taken() -> None:
    """Intercom may refuse it for a while, and a job would not say that this is why."""
    desk = Desk()
    desk.cache.new_attributes.note_created(["plan"])
    wanted = change(None, {"plan": "x"})
    alone = UpdateContact(ID, {"custom_attributes": {"plan": "x"}})
    answer = shown(custom_attributes={"plan": "x"}, external_id="k")
    assert ([DELIVERED], [alone]) == desk.write(wanted, found=known(), answers=[answer])
    in_bulk = UpdateContactsInBulk(({"id": ID, "custom_attributes": {"plan": "y"}},))
    assert ([DELIVERED], [in_bulk]) == desk.write(change(None, {"plan": "y"}), found=None, answers=[DONE])


def test_records_of_one_person_when_they_differ_then_go_by_themselves_and_else_in_bulk() -> None:
    """One bad value must not take another one with it, and nobody would say which it was."""
    desk = Desk()
    answer = shown(external_id="k", name="N")
    assert ([DELIVERED] * 2, [UPDATE]) == desk.write(change(name="A"), NAMED, found=known(name="M"), answers=[answer])
    desk = Desk()
    assert ([DELIVERED] * 2, [BULK_UPDATE]) == desk.write(NAMED, NAMED, found=known(name="M"), answers=[DONE])


def test_create_when_the_job_has_ended_well_then_the_person_is_known_to_be_there() -> None:
    """Events for them need no id; the id is asked for when it is needed, once."""
    desk = Desk()
    people = People(cache=desk.cache, creator=None, batches=None)  # type: ignore[arg-type]
    people.note_unknown(by_id("k"), Outcome(Status.REJECTED, outcomes.UNKNOWN_USER))
    assert ([DELIVERED], [BULK_CREATE]) == desk.write(NAMED, answers=[DONE])
    assert (True, None) == (people.was_written(by_id("k")), people.unknown(by_id("k")))
    assert by_id("k") == desk.cache.made_for_sure
    find = FindByExternalId("k")
    there = shown(external_id="k", name="N")
    assert ([UNCHANGED], [find]) == desk.write(NAMED, answers=[there])
    assert ([UNCHANGED], []) == desk.write(NAMED, found=None)
    other = UpdateContactsInBulk(({"id": ID, "name": "O"},))
    assert ([DELIVERED], [other]) == desk.write(change(name="O"), found=None, answers=[DONE])


def test_create_when_the_search_shows_the_person_later_then_nobody_is_asked_again() -> None:
    """It has caught up."""
    desk = Desk()
    desk.write(NAMED, answers=[DONE])
    update = UpdateContactsInBulk(({"id": ID, "name": "O"},))
    assert ([DELIVERED], [update]) == desk.write(change(name="O"), found=known(name="N"), answers=[DONE])


def test_create_when_the_one_made_in_bulk_is_gone_then_is_made_anew_by_itself() -> None:
    """And may be in the way of themselves, which only the single call tells."""
    desk = Desk()
    desk.write(NAMED, answers=[DONE])
    created = shown(external_id="k", name="N")
    assert ([DELIVERED], [FindByExternalId("k"), CREATE]) == desk.write(NAMED, answers=[NOT_FOUND, created])


@pytest.mark.parametrize(
    ("there", "calls"),
    [
        pytest.param(shown(external_id="k", name="N"), [], id="made"),
        pytest.param(NOT_FOUND, [CREATE], id="refused"),
    ],
)
def test_create_when_the_job_has_not_ended_well_then_is_asked_for_and_made_by_itself(
    there: Answer, calls: list[Call]
) -> None:
    """Whoever was made is as they were sent: delivered, and not unchanged."""
    answers = [ERRORS, there, *[shown(external_id="k", name="N") for _ in calls]]
    assert ([DELIVERED], [BULK_CREATE, FindByExternalId("k"), *calls]) == Desk().write(NAMED, answers=answers)


def test_create_by_the_address_when_the_job_has_not_ended_well_then_goes_on_from_its_conflict() -> None:
    """The search lags; the create finds out."""
    wanted = change(by_email(ADDRESS), name="N")
    in_bulk = CreateContactsInBulk(({"role": "user", "email": ADDRESS, "name": "N"},))
    alone = CreateContact({"role": "user", "email": ADDRESS, "name": "N"})
    answers = [ERRORS, CONFLICT, shown(email=ADDRESS, name="N")]
    assert ([DELIVERED], [in_bulk, alone, GetContact(ID)]) == Desk().write(wanted, answers=answers)


def test_create_when_nothing_was_sent_then_goes_by_itself_at_once() -> None:
    """Nobody need be asked about."""
    answers = [INVALID, shown(external_id="k", name="N")]
    assert ([DELIVERED], [BULK_CREATE, CREATE]) == Desk().write(NAMED, answers=answers)


def test_create_only_when_somebody_is_found_after_the_job_then_is_unchanged() -> None:
    """They may have been there before."""
    desk = Desk(Policy(write_mode="create_only"))
    answers = [ERRORS, shown(external_id="k", name="M")]
    assert ([UNCHANGED], [BULK_CREATE, FindByExternalId("k")]) == desk.write(NAMED, answers=answers)


def test_create_when_somebody_made_in_bulk_has_the_address_then_that_one_is_found_first() -> None:
    """By the User ID they were made with; the person of the address is the same one."""
    desk = Desk()
    in_bulk = CreateContactsInBulk(({"role": "user", "external_id": "k", "email": ADDRESS},))
    assert ([DELIVERED], [in_bulk]) == desk.write(change(email=ADDRESS), answers=[DONE])
    update = UpdateContactsInBulk(({"id": ID, "name": "N"},))
    answers = [shown(external_id="k", email=ADDRESS), DONE]
    by_address = change(by_email(ADDRESS), name="N")
    assert ([DELIVERED], [FindByExternalId("k"), update]) == desk.write(by_address, answers=answers)


def test_create_when_somebody_was_made_in_bulk_by_the_address_alone_then_gets_the_user_id() -> None:
    """Else there could be two: the create of the same tells who it is."""
    desk = Desk()
    desk.write(change(by_email(ADDRESS)), answers=[DONE])
    there = shown(email=ADDRESS)
    calls: list[Call] = [
        CreateContact({"role": "user", "email": ADDRESS}),
        GetContact(ID),
        GetContact(ID),
        UpdateContact(ID, {"external_id": "k", "email": ADDRESS}),
    ]
    answers = [CONFLICT, there, there, shown(external_id="k", email=ADDRESS)]
    assert ([DELIVERED], calls) == desk.write(change(email=ADDRESS), answers=answers)


def test_create_when_somebody_was_found_by_the_address_then_goes_by_itself() -> None:
    """Bulk refuses any address that is there, and would take a hundred with it."""
    found = Found((), (contact(OTHER_ID, external_id="other", email=ADDRESS),))
    created = shown(external_id="k", email=ADDRESS)
    alone = CreateContact({"role": "user", "external_id": "k", "email": ADDRESS})
    assert ([DELIVERED], [alone]) == Desk().write(change(email=ADDRESS), found=found, answers=[created])


def test_create_when_this_run_has_made_somebody_with_the_address_then_goes_by_itself() -> None:
    """Two people may share one; bulk takes but one."""
    desk = Desk()
    other = change(by_id("o"), email=ADDRESS, email_verified=True)
    desk.write(other, answers=[shown(OTHER_ID, external_id="o", email=ADDRESS)])
    alone = CreateContact({"role": "user", "external_id": "k", "email": ADDRESS})
    created = shown(external_id="k", email=ADDRESS)
    assert ([DELIVERED], [alone]) == desk.write(change(email=ADDRESS), answers=[created])


def test_create_of_somebody_who_opted_out_goes_by_itself() -> None:
    """Their word is confirmed, or they are not created."""
    desk = Desk()
    desk.cache.opted_out.note(by_id("k"), None)
    alone = CreateContact({"role": "user", "external_id": "k", "name": "N", "unsubscribed_from_emails": True})
    assert ([DELIVERED], [alone]) == desk.write(NAMED, answers=[shown(external_id="k", name="N")])


def test_create_when_this_run_has_forgotten_whom_it_wrote_then_goes_by_itself() -> None:
    """They may be there."""
    desk = Desk()
    desk.cache.written._doubtful_until = desk.time.now() + 1
    assert ([DELIVERED], [CREATE]) == desk.write(NAMED, answers=[shown(external_id="k", name="N")])


def test_contact_when_an_update_finds_nobody_then_what_follows_goes_by_itself() -> None:
    """Somebody archived may be in the way."""
    desk = Desk()
    answers = [ERRORS, NOT_FOUND, shown(OTHER_ID, external_id="k", name="N")]
    assert ([DELIVERED], [BULK_UPDATE, UPDATE, CREATE]) == desk.write(NAMED, found=known(name="M"), answers=answers)


ACCOUNTS = {"a": "accounts", "b": "accounts"}


def companies_of(*ids: str, more: bool = False) -> dict[str, Any]:
    """What a contact shows of its companies."""
    return {"companies": {"type": "list", "data": [{"id": each} for each in ids], "has_more": more}}


class Joining(Desk):
    """The same, of people with companies; `shown` is what the contact shows of its own."""

    def found(self, *ids: str, more: bool = False) -> Found:
        """The contact that the lookup has found, as it shows its companies."""
        (one,) = known(name="M").by_identity
        return Found((replace(one, companies=read_links(companies_of(*ids, more=more)["companies"])),))


def test_companies_when_the_contact_goes_in_bulk_then_those_that_are_missing_ride_along() -> None:
    """By our own ids; what is so already costs nothing, then and the next time."""
    desk = Joining()
    wanted = change(companies=ACCOUNTS, name="N")
    update = UpdateContactsInBulk(({"id": ID, "name": "N", "companies": [{"company_id": "b"}]},))
    assert ([DELIVERED], [update]) == desk.write(wanted, found=desk.found("ia"), answers=[DONE])
    assert ([UNCHANGED], []) == desk.write(wanted, found=None)
    assert {"a", "b"} == desk.companies.with_people


def test_companies_when_nothing_else_is_to_be_written_then_go_in_bulk_too() -> None:
    """A hundred people join in one call."""
    desk = Joining()
    update = UpdateContactsInBulk(({"id": ID, "companies": [{"company_id": "a"}, {"company_id": "b"}]},))
    assert ([DELIVERED], [update]) == desk.write(change(companies=ACCOUNTS), found=desk.found(), answers=[DONE])


def test_companies_when_the_job_has_not_ended_well_then_are_attached_by_themselves() -> None:
    """After the contact."""
    desk = Joining()
    calls: list[Call] = [
        UpdateContactsInBulk(({"id": ID, "companies": [{"company_id": "b"}]},)),
        AttachCompany(ID, "ib"),
    ]
    assert ([DELIVERED], calls) == desk.write(
        change(companies=ACCOUNTS), found=desk.found("ia"), answers=[ERRORS, TAKEN]
    )


def test_companies_when_the_contact_has_more_than_it_shows_then_do_not_ride_along() -> None:
    """Intercom may have its limit, and passes over what is beyond."""
    desk = Joining()
    page = Answer(200, "json", {"type": "list", "data": [{"id": "ia"}]})
    answers = [DONE, page, TAKEN]
    (outcome, calls) = desk.write(
        change(companies=ACCOUNTS, name="N"), found=desk.found("i1", more=True), answers=answers
    )
    assert ([DELIVERED], BULK_UPDATE, AttachCompany(ID, "ib")) == (outcome, calls[0], calls[-1])


def test_companies_of_a_new_contact_ride_along_and_refused_ones_are_counted() -> None:
    """Whoever is made in bulk belongs to them at once."""
    desk = Joining(companies=FakeCompanies({"b"}))
    create = CreateContactsInBulk(
        ({"role": "user", "external_id": "k", "name": "N", "companies": [{"company_id": "a"}]},)
    )
    ((outcome,), calls) = desk.write(change(companies=ACCOUNTS, name="N"), answers=[DONE])
    assert ([create], Status.DELIVERED, (("accounts", "company_refused"),)) == (calls, outcome.status, outcome.trims)
    assert {"a"} == desk.companies.with_people


def _leave(desk: Desk, key: Key, *answers: Answer, found: Found = NOTHING_FOUND) -> tuple[Outcome, list[Call]]:
    """Delete a person whose row is deleted; nobody was found."""
    deleter = ContactDeleter("delete", cache=desk.cache, reader=READER, live=LiveRows(), limit=DeletionLimit(9))
    deletion = ContactDeletion(key)
    outcome, calls, _ = desk.drive(deleter.delete(deletion, found), *answers)
    return outcome, calls


GONE = Answer(200, "json", {"id": ID, "deleted": True})


def test_deletion_of_somebody_made_in_bulk_by_the_address_finds_them_though_the_search_lags() -> None:
    """Nobody was told the id; the create of the same tells it."""
    desk = Desk()
    desk.write(change(by_email(ADDRESS)), answers=[DONE])
    there = shown(email=ADDRESS)
    calls: list[Call] = [
        CreateContact({"role": "user", "email": ADDRESS}),
        GetContact(ID),
        GetContact(ID),
        DeleteContact(ID),
    ]
    assert (DELIVERED, calls) == _leave(desk, by_email(ADDRESS), CONFLICT, there, there, GONE)
    assert not desk.cache.was_written(by_email(ADDRESS))


def test_deletion_of_somebody_made_in_bulk_by_the_user_id_asks_for_that() -> None:
    """And nobody believes that they are there then; who comes again is created by themselves."""
    desk = Desk()
    desk.write(NAMED, answers=[DONE])
    there = shown(external_id="k", name="N")
    calls: list[Call] = [FindByExternalId("k"), GetContact(ID), DeleteContact(ID)]
    assert (DELIVERED, calls) == _leave(desk, by_id("k"), there, there, GONE)
    assert (False, None) == (desk.cache.was_written(by_id("k")), desk.cache.made_for_sure)
    created = shown(OTHER_ID, external_id="k", name="N")
    assert ([DELIVERED], [CREATE]) == desk.write(NAMED, answers=[created])


def test_lead_when_nobody_is_there_then_is_created_by_itself() -> None:
    """A second create makes a second lead."""
    desk = Desk(Policy(create_as="lead"))
    wanted = change(by_email(ADDRESS), name="N")
    alone = CreateLead({"role": "lead", "email": ADDRESS, "name": "N"})
    created = shown(email=ADDRESS, name="N", role="lead")
    assert ([DELIVERED], [alone]) == desk.write(wanted, answers=[created])


def test_create_when_no_lookup_has_told_whether_somebody_is_there_then_goes_by_itself() -> None:
    """Somebody may be, and bulk would refuse them."""
    created = shown(external_id="k", name="N")
    assert ([DELIVERED], [CREATE]) == Desk().write(NAMED, found=Found(is_certain=False), answers=[created])
    assert ([DELIVERED], [CREATE]) == Desk().write(NAMED, found=None, answers=[created])


PREFIX = "s: "
MADE = Answer(200, "json", {"type": "tag", "id": "t1"})
NO_TAGS = Answer(200, "json", {"type": "list", "data": []})
SOME_TAGS = Answer(
    200,
    "json",
    {"type": "list", "data": [{"id": "t1", "name": "s: A"}, {"id": "t2", "name": "s: B"}, {"id": "t3", "name": "VIP"}]},
)


class Tagged(Desk):
    """The same, of people with tags, all of which are named that begin with a prefix."""

    def __init__(self) -> None:
        super().__init__()
        replaced = {PREFIX: ReplacedTags("tags segments", "users.tags, entry 1")}
        tagging = Tagging(self.time.now, replaced=replaced, notes=Notes())
        bulk = BulkContacts(self.writer, cache=self.cache, reader=READER, memberships=None, tagging=tagging)
        self._upserter = ContactUpserter(cache=self.cache, policy=Policy(), reader=READER, tagging=tagging, bulk=bulk)

    def found(self, *ids: str, more: bool = False) -> Found:
        """The contact that the lookup has found, as it shows its tags."""
        (one,) = known(name="M").by_identity
        return Found((replace(one, tags=read_links(companies_of(*ids, more=more)["companies"])),))


def tagged(*tags: str, **fields: Any) -> ContactChange:
    """A change that names all tags of the contact with the prefix."""
    lists = {PREFIX: frozenset(name.casefold() for name in tags if name.startswith(PREFIX))}
    return ContactChange(by_id("k"), fields, {}, tags=dict.fromkeys(tags, "tags segments"), lists=lists)


def test_tags_when_the_contact_goes_in_bulk_then_are_put_on_and_taken_off_with_it() -> None:
    """By Intercom's ids; a tag that is not there yet is made first, and the next time nothing is left to do."""
    desk = Tagged()
    wanted = tagged("s: A", "new", name="N")
    member = {"id": ID, "name": "N", "tags": {"add": [{"id": "t9"}], "remove": [{"id": "t2"}]}}
    answers = [SOME_TAGS, Answer(200, "json", {"type": "tag", "id": "t9"}), DONE]
    calls: list[Call] = [ListTags(), TagContacts("new"), UpdateContactsInBulk((member,))]
    assert ([DELIVERED], calls) == desk.write(wanted, found=desk.found("t1", "t2", "t3"), answers=answers)
    assert ([UNCHANGED], []) == desk.write(wanted, found=None)


def test_tags_when_nothing_else_is_to_be_written_then_go_in_bulk_too() -> None:
    """One call for a hundred people, whatever their tags."""
    desk = Tagged()
    member = {"id": ID, "tags": {"remove": [{"id": "t2"}]}}
    calls: list[Call] = [ListTags(), UpdateContactsInBulk((member,))]
    assert ([DELIVERED], calls) == desk.write(tagged("s: A"), found=desk.found("t1", "t2"), answers=[SOME_TAGS, DONE])


def test_tags_when_the_job_has_not_ended_well_then_are_put_on_by_themselves() -> None:
    """After the contact; to repeat it is harmless."""
    desk = Tagged()
    member = {"id": ID, "tags": {"add": [{"id": "t1"}]}}
    calls: list[Call] = [TagContacts("s: A"), UpdateContactsInBulk((member,)), TagContacts("s: A", (ID,))]
    assert ([DELIVERED], calls) == desk.write(tagged("s: A"), found=desk.found(), answers=[MADE, ERRORS, MADE])


def test_tags_of_which_a_contact_shows_some_only_do_not_ride_along() -> None:
    """The others have to be asked for."""
    desk = Tagged()
    answers = [DONE, SOME_TAGS, SOME_TAGS, Answer(200, "json", {"type": "tag", "id": "t2"})]
    outcomes_, calls = desk.write(tagged("s: A", name="N"), found=desk.found("t1", more=True), answers=answers)
    assert ([DELIVERED], BULK_UPDATE, UntagContact(ID, "t2")) == (outcomes_, calls[0], calls[-1])


def test_tags_of_a_new_contact_ride_along_and_a_refused_one_lets_them_go_alone() -> None:
    """Nobody knows the id of whoever is made in bulk, so that nobody could tag them afterwards."""
    desk = Tagged()
    member = {"role": "user", "external_id": "k", "name": "N", "tags": {"add": [{"id": "t1"}]}}
    calls: list[Call] = [TagContacts("s: A"), CreateContactsInBulk((member,))]
    assert ([DELIVERED], calls) == desk.write(tagged("s: A", name="N"), answers=[MADE, DONE])
    other = replace(tagged("bad", name="N"), key=by_id("o"))
    created = shown(OTHER_ID, external_id="o", name="N")
    alone = CreateContact({"role": "user", "external_id": "o", "name": "N"})
    ((outcome,), calls) = desk.write(other, answers=[INVALID, created, NO_TAGS, INVALID, INVALID])
    assert [TagContacts("bad"), alone] == calls[:2]
    assert (Status.DELIVERED, (("tags segments", "tag_refused"),)) == (outcome.status, outcome.trims)
    once_more = replace(tagged("bad", name="N"), key=by_id("p"))
    created = shown("c" * 24, external_id="p", name="N")
    _, calls = desk.write(once_more, answers=[created, NO_TAGS])
    assert CreateContact({"role": "user", "external_id": "p", "name": "N"}) == calls[0]
