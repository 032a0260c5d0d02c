"""From a deleted row to an outcome, driven by hand: who is asked for, who is taken away, and what is remembered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from destination_intercom import outcomes
from destination_intercom.configuration.config import Deletion
from destination_intercom.contacts.creating import DELETED_PAUSES
from destination_intercom.contacts.deletions import ContactDeleter, DeletionLimit
from destination_intercom.contacts.departures import LiveRows
from destination_intercom.contacts.mapping import ContactChange, ContactDeletion
from destination_intercom.contacts.matching import NOTHING_FOUND, Found
from destination_intercom.contacts.policy import Policy
from destination_intercom.delivery.tasks import Acquire, UndeliverableError
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
    UnarchiveContact,
    UpdateContact,
)
from destination_intercom.outcomes import Outcome, Status
from unit_tests.keys import by_email, by_id
from unit_tests.task_bench import (
    ARCHIVED_CONFLICT,
    ID,
    INVALID,
    MERGED,
    NOT_FOUND,
    OTHER_ID,
    READER,
    VAGUE_CONFLICT,
    Bench as TaskBench,
    contact,
    listed,
    shown,
)

ADDRESS = "k@example.com"
K, MAIL = by_id("k"), by_email(ADDRESS)
SELF = shown(external_id="k", email=ADDRESS)
ANOTHER = shown(external_id="other", email="other@example.com")
LEAD = Answer(200, "json", {"id": ID, "role": "lead", "external_id": "k", "email": ADDRESS})
GONE = Answer(200, "json", {"id": ID})
FOUND = Found((contact(external_id="k", email=ADDRESS),))
TWO = Found((contact(external_id="k", email=ADDRESS), contact(OTHER_ID, external_id="k", email=ADDRESS)))
GET, FIND, ARCHIVE, DELETE = GetContact(ID), FindByExternalId("k"), ArchivePerson(ID), DeleteContact(ID)
GET_OTHER = GetContact(OTHER_ID)
D, U, R, F = Status.DELIVERED, Status.UNCHANGED, Status.REJECTED, Status.FILTERED


class Bench(TaskBench):
    """People who are taken away by hand."""

    def __init__(self, how: Deletion = "archive", *, most: int = 10) -> None:
        super().__init__()
        self.how = how
        self.live = LiveRows()
        self.limit = DeletionLimit(most)
        self.deleter = ContactDeleter(how, cache=self.cache, reader=READER, live=self.live, limit=self.limit)

    def delete(
        self, *answers: Answer, key: Key = K, found: Found | None = FOUND, is_mark: bool = False
    ) -> tuple[Outcome, list[Call]]:
        """Take a person away; return the outcome and the calls. Nothing may be held afterwards."""
        outcome, calls, _ = self.drive(self.deleter.delete(ContactDeletion(key, is_mark), found), *answers)
        assert [] == self.held
        return outcome, calls

    def write(self, *answers: Answer, key: Key = K, found: Found = NOTHING_FOUND) -> tuple[Outcome, list[Call]]:
        """Write a live row that comes afterwards."""
        steps = self.upserter(Policy(deletion=self.how)).write([ContactChange(key, {"name": "N"}, {})], found)
        (outcome,), calls, self.pauses = self.drive(steps, *answers)
        return outcome, calls


@dataclass(frozen=True)
class Way:
    """What is found and answered; what is asked for it, and comes of it."""

    found: Found | None
    answers: list[Answer]
    calls: list[Call]
    status: Status
    reason: str = ""
    key: Key = K
    how: Deletion = "archive"


def search(key: Key) -> SearchContacts:
    """The search for one person."""
    query = {"field": key.field, "operator": "=", "value": key.value}
    return SearchContacts({"query": query, "pagination": {"per_page": 150}}, decisive=True)


BODY: dict[str, Any] = {"id": ID, "role": "user", "email": ADDRESS}
WAYS: dict[str, Way] = {
    "found, archived": Way(FOUND, [SELF, GONE], [GET, ARCHIVE], D),
    "found, deleted": Way(FOUND, [SELF, GONE], [GET, DELETE], D, how="delete"),
    "found, gone when it is called": Way(FOUND, [SELF, NOT_FOUND], [GET, ARCHIVE], D),
    "found, refused": Way(FOUND, [SELF, INVALID], [GET, ARCHIVE], R, outcomes.REFUSED),
    "found, another by now": Way(FOUND, [ANOTHER, NOT_FOUND], [GET, FIND], U),
    "found, another by now, and there": Way(
        FOUND,
        [ANOTHER, shown(OTHER_ID, external_id="k"), shown(OTHER_ID, external_id="k"), shown(OTHER_ID)],
        [GET, FIND, GET_OTHER, ArchivePerson(OTHER_ID)],
        D,
    ),
    "found, a lead by now": Way(FOUND, [LEAD, NOT_FOUND], [GET, FIND], U),
    "found, gone": Way(FOUND, [NOT_FOUND, NOT_FOUND], [GET, FIND], U),
    "found, merged": Way(FOUND, [MERGED, MERGED], [GET, FIND], U),
    "found, not to be read": Way(FOUND, [INVALID], [GET], R, outcomes.REFUSED),
    "found twice": Way(TWO, [NOT_FOUND], [FIND], U),
    "found as a lead": Way(Found((contact(role="lead", external_id="k", email=ADDRESS),)), [NOT_FOUND], [FIND], U),
    "not found": Way(NOTHING_FOUND, [NOT_FOUND], [FIND], U),
    "not found, merged": Way(NOTHING_FOUND, [MERGED], [FIND], U),
    "not found, refused": Way(NOTHING_FOUND, [INVALID], [FIND], R, outcomes.REFUSED),
    "not found, young": Way(NOTHING_FOUND, [SELF, SELF, GONE], [FIND, GET, ARCHIVE], D),
    "not found, young, and gone at once": Way(NOTHING_FOUND, [SELF, NOT_FOUND], [FIND, GET], U),
    "not looked up": Way(None, [SELF, SELF, GONE], [FIND, GET, ARCHIVE], D),
    "a path of dots": Way(
        NOTHING_FOUND,
        [listed({**BODY, "external_id": ".."}), shown(external_id=".."), GONE],
        [search(by_id("..")), GET, ARCHIVE],
        D,
        key=by_id(".."),
    ),
    "e-mail, found": Way(FOUND, [SELF, GONE], [GET, ARCHIVE], D, key=MAIL),
    "e-mail, a lead": Way(
        Found((contact(role="lead", email=ADDRESS),)), [LEAD, GONE], [GET, DELETE], D, key=MAIL, how="delete"
    ),
    "e-mail, another address by now": Way(FOUND, [ANOTHER], [GET], U, key=MAIL),
    "e-mail, found twice": Way(TWO, [], [], R, outcomes.AMBIGUOUS_EMAIL, key=MAIL),
    "e-mail, not found": Way(NOTHING_FOUND, [], [], U, key=MAIL),
    "e-mail, not looked up": Way(None, [listed(BODY), SELF, GONE], [search(MAIL), GET, ARCHIVE], D, key=MAIL),
    "e-mail, not looked up, not there": Way(None, [listed()], [search(MAIL)], U, key=MAIL),
    "e-mail, not looked up, another's": Way(
        None, [listed({**BODY, "email": "other@example.com"})], [search(MAIL)], U, key=MAIL
    ),
    "e-mail, not looked up, several": Way(
        None, [listed(BODY, {**BODY, "id": OTHER_ID})], [search(MAIL)], R, outcomes.AMBIGUOUS_EMAIL, key=MAIL
    ),
    "e-mail, not looked up, refused": Way(None, [INVALID], [search(MAIL)], R, outcomes.REFUSED, key=MAIL),
}


@pytest.mark.parametrize("name", WAYS)
def test_deleted_row_when_its_person_is_looked_for_goes_its_way(name: str) -> None:
    """The calls, one after the other, and the outcome; nothing is held afterwards."""
    way = WAYS[name]
    outcome, calls = Bench(way.how).delete(*way.answers, key=way.key, found=way.found)
    assert (way.calls, way.status, way.reason) == (calls, outcome.status, outcome.reason)


def test_person_whom_this_run_has_written_is_found_by_that_and_read() -> None:
    """However long ago, and whatever the search shows."""
    bench = Bench()
    bench.cache.note_written(K, contact(external_id="k"))
    bench.time.seconds += 3600
    assert [GET, ARCHIVE] == bench.delete(SELF, GONE, found=NOTHING_FOUND)[1]


def test_contact_while_it_is_read_and_taken_away_is_held() -> None:
    """So that nobody writes to it in between."""
    steps = Bench().deleter.delete(ContactDeletion(K), FOUND)
    assert [Acquire(ID), GET] == [next(steps), next(steps)]


@pytest.mark.parametrize("how", ["archive", "delete"])
def test_person_who_was_taken_away_is_believed_to_be_there_by_nobody(how: Deletion) -> None:
    """Under no key that led to the contact, as a lead neither; a lookup that shows them is behind."""
    bench = Bench(how)
    for key in (K, MAIL):
        bench.cache.note_written(key, contact(external_id="k", email=ADDRESS))
        bench.cache.note_lead(key, ID)
    bench.delete(SELF, GONE)
    cache = bench.cache
    assert [None] * 4 == [cache.written.get(K), cache.written.get(MAIL), cache.lead(K), cache.lead(MAIL)]
    assert (True, True, ID) == (K in cache.departures, cache.departures.has_contact(ID), cache.departures.contact_of(K))
    # A second row finds nobody, though the search still shows the contact.
    outcome, calls = bench.delete(NOT_FOUND)
    assert (U, [FIND]) == (outcome.status, calls)


@pytest.mark.parametrize("gone", [NOT_FOUND, MERGED])
def test_person_whom_somebody_else_has_removed_is_believed_to_be_there_by_nobody(gone: Answer) -> None:
    """This run wrote them, and would take a live row that says the same for unchanged."""
    bench = Bench()
    bench.cache.note_written(K, contact(external_id="k", name="N"))
    bench.cache.note_lead(K, ID)
    bench.delete(gone, gone, found=None)
    assert (None, None) == (bench.cache.written.get(K), bench.cache.lead(K))


def test_contact_that_is_another_persons_by_now_is_known_as_such() -> None:
    """A live row that follows is not written to it, whatever the search shows."""
    bench = Bench()
    bench.delete(ANOTHER, NOT_FOUND)
    outcome, calls = bench.write(found=FOUND)
    assert (outcomes.IDENTITY_CONFLICT, []) == (outcome.reason, calls)


@pytest.mark.parametrize("is_mark", [True, False])
@pytest.mark.parametrize("key", [K, MAIL])
def test_mark_when_the_person_has_a_live_row_takes_nobody_away(key: Key, is_mark: bool) -> None:
    """Under the row's own key nobody is asked; under another one the contact tells. A log's row counts all the same."""
    bench = Bench()
    bench.live.note(key)
    answers = ([] if key == K else [SELF]) if is_mark else [SELF, GONE]
    outcome, calls = bench.delete(*answers, is_mark=is_mark)
    if is_mark:
        assert (outcomes.filtered(outcomes.DELETED), [GET] * (key == MAIL)) == (outcome, calls)
        assert ["People whose rows were deleted: 0 archived, 1 kept for a live row."] == [*bench.deleter.tally()]
    else:
        assert D is outcome.status


def test_limit_when_it_is_reached_rejects_those_who_are_there() -> None:
    """Who is not there, or is refused by Intercom, leaves the place to another one."""
    bench = Bench(most=1)
    assert [U, R, D, R, U] == [
        bench.delete(NOT_FOUND, found=NOTHING_FOUND)[0].status,
        bench.delete(SELF, INVALID)[0].status,
        bench.delete(SELF, GONE)[0].status,
        bench.delete(shown(OTHER_ID, external_id="b"), key=by_id("b"), found=found_as("b"))[0].status,
        bench.delete(NOT_FOUND, key=by_id("c"), found=NOTHING_FOUND)[0].status,
    ]
    error = bench.limit.error
    assert error is not None
    assert "allows: 1 in a sync" in error.message
    assert "too_many_deletions: 1." in error.message
    (text,) = bench.deleter.tally()
    assert "1 archived, 2 not in Intercom, 1 beyond delivery.max_deletions." in text


def found_as(name: str) -> Found:
    """Another contact that was found."""
    return Found((contact(OTHER_ID, external_id=name),))


def test_limit_when_it_is_not_reached_is_no_error_and_nothing_is_told_where_nothing_was_deleted() -> None:
    """Most syncs."""
    bench = Bench()
    assert (None, []) == (bench.limit.error, [*bench.deleter.tally()])
    bench.delete(SELF, GONE)
    assert None is bench.limit.error


def test_two_deletions_at_once_do_not_pass_the_limit_together() -> None:
    """A place is taken before the call is made."""
    bench = Bench(most=1)
    first = bench.deleter.delete(ContactDeletion(K), FOUND)
    assert [Acquire(ID), GET] == [next(first), next(first)]
    assert ARCHIVE == first.send(SELF)
    outcome, _ = bench.delete(shown(OTHER_ID, external_id="b"), key=by_id("b"), found=found_as("b"))
    assert outcomes.TOO_MANY_DELETIONS == outcome.reason


def test_deletion_that_is_undeliverable_leaves_nothing_held() -> None:
    """Others of the same person may go on."""
    bench = Bench()
    steps = bench.deleter.delete(ContactDeletion(K), FOUND)
    assert [Acquire(ID), GET] == [next(steps), next(steps)]
    steps.throw(UndeliverableError(outcomes.rejected(outcomes.UNDELIVERABLE)))
    with pytest.raises(UndeliverableError):
        next(steps)


UPDATE = UpdateContact(ID, {"name": "N"})
CREATE = CreateContact({"role": "user", "external_id": "k", "name": "N"})
NOT_RESTORABLE = Answer(400, "json", {"type": "error.list", "errors": [{"code": "bad_request"}]})


def test_live_row_after_an_archive_restores_the_contact_by_its_id() -> None:
    """And is written as any other; then the person may leave again."""
    bench = Bench()
    bench.delete(SELF, GONE)
    outcome, calls = bench.write(NOT_FOUND, shown(), SELF, SELF, found=FOUND)
    assert (D, [GET, UnarchiveContact(ID), GET, UPDATE]) == (outcome.status, calls)
    assert K not in bench.cache.departures
    assert [GET, ARCHIVE] == bench.delete(SELF, GONE)[1]


def test_live_row_after_an_archive_that_says_what_is_there_is_delivered_by_the_restoring() -> None:
    """It was archived, and is not any more."""
    bench = Bench()
    bench.delete(SELF, GONE)
    outcome, calls = bench.write(NOT_FOUND, shown(), shown(external_id="k", name="N"))
    assert (D, [GET, UnarchiveContact(ID), GET]) == (outcome.status, calls)


def test_live_row_after_an_archive_of_somebody_who_cannot_be_restored_makes_them_anew() -> None:
    """Somebody else has deleted them for good meanwhile."""
    bench = Bench()
    bench.delete(SELF, GONE)
    answers = [NOT_FOUND, NOT_RESTORABLE, NOT_FOUND, shown(OTHER_ID, external_id="k")]
    outcome, calls = bench.write(*answers)
    assert (D, [GET, UnarchiveContact(ID), GET, CREATE]) == (outcome.status, calls)


def test_live_row_of_another_key_after_an_archive_restores_the_contact_that_is_in_the_way() -> None:
    """It is by the conflict that the person is found out."""
    bench = Bench()
    bench.delete(SELF, GONE)
    create = CreateContact({"role": "user", "email": ADDRESS, "name": "N"})
    answers = [ARCHIVED_CONFLICT, NOT_FOUND, NOT_FOUND, shown(), SELF, SELF]
    outcome, calls = bench.write(*answers, key=MAIL)
    assert (D, [create, GET, GET, UnarchiveContact(ID), GET, UPDATE]) == (outcome.status, calls)


def test_live_row_of_another_person_with_the_address_of_one_who_was_archived_restores_nobody() -> None:
    """An archived contact keeps its address: it is in the way as any other one is."""
    bench = Bench()
    bench.delete(SELF, GONE)
    change = ContactChange(by_id("new"), {"email": ADDRESS}, {})
    steps = bench.upserter(Policy(deletion="archive")).write([change], NOTHING_FOUND)
    (outcome,), calls, _ = bench.drive(steps, ARCHIVED_CONFLICT, NOT_FOUND)
    assert (outcomes.CONTACT_ARCHIVED, GET) == (outcome.reason, calls[-1])


def test_live_row_of_somebody_whom_this_run_has_not_archived_meets_them_as_ever() -> None:
    """`archived_contacts` decides."""
    bench = Bench()
    outcome, calls = bench.write(ARCHIVED_CONFLICT, NOT_FOUND)
    assert (outcomes.CONTACT_ARCHIVED, [CREATE, GET]) == (outcome.reason, calls)


@pytest.mark.parametrize("found", [NOTHING_FOUND, FOUND])
def test_live_row_after_a_deletion_that_found_nobody_restores_whom_an_attempt_before_has_archived(found: Found) -> None:
    """A sync that was killed between the two rows and run again; the search may be behind, too."""
    bench = Bench()
    bench.delete(*([NOT_FOUND] if found is NOTHING_FOUND else [NOT_FOUND, NOT_FOUND]), found=found)
    restored = [NOT_FOUND, shown(), SELF, SELF]
    by_conflict = [] if found is FOUND else [ARCHIVED_CONFLICT, NOT_FOUND]
    outcome, calls = bench.write(*by_conflict, *restored, found=found)
    assert (D, [GET, UnarchiveContact(ID), GET, UPDATE]) == (outcome.status, calls[-4:])


def test_live_row_after_a_deletion_for_good_makes_the_person_anew_once_the_conflict_is_over() -> None:
    """With pauses, and no more than a minute of them; a contact that the search still shows is not written to."""
    bench = Bench("delete")
    bench.delete(SELF, GONE)
    conflict = [ARCHIVED_CONFLICT, NOT_FOUND]
    outcome, calls = bench.write(*conflict * 4, VAGUE_CONFLICT, shown(OTHER_ID, external_id="k"), found=FOUND)
    assert D is outcome.status
    assert [CREATE, GET] * 4 + [CREATE] * 2 == calls
    assert list(DELETED_PAUSES[:5]) == bench.pauses
    assert 60.0 == sum(DELETED_PAUSES)


@pytest.mark.parametrize(
    ("conflict", "reason"),
    [([ARCHIVED_CONFLICT, NOT_FOUND], outcomes.CONTACT_ARCHIVED), ([VAGUE_CONFLICT], outcomes.CONFLICT)],
)
def test_live_row_after_a_deletion_for_good_when_the_conflict_stays_is_rejected_for_it(
    conflict: list[Answer], reason: str
) -> None:
    """After a minute."""
    bench = Bench("delete")
    bench.delete(SELF, GONE)
    outcome, _ = bench.write(*conflict * (len(DELETED_PAUSES) + 1))
    assert (reason, list(DELETED_PAUSES)) == (outcome.reason, bench.pauses)


def test_conflict_of_somebody_whom_this_run_has_not_deleted_is_waited_for_by_nobody() -> None:
    """It is an ordinary one."""
    bench = Bench("delete")
    outcome, _ = bench.write(ARCHIVED_CONFLICT, NOT_FOUND)
    assert (outcomes.CONTACT_ARCHIVED, []) == (outcome.reason, bench.pauses)
