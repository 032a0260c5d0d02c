"""From what is known of a contact to an outcome, driven by hand: one row each."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from destination_intercom import outcomes
from destination_intercom.contacts.cache import SEARCH_LAG_SECONDS, WrittenContacts
from destination_intercom.contacts.creating import MAX_CREATE_ATTEMPTS
from destination_intercom.contacts.known import ContactReader
from destination_intercom.contacts.mapping import ContactChange
from destination_intercom.contacts.matching import NOTHING_FOUND, Found
from destination_intercom.contacts.memberships import Memberships
from destination_intercom.contacts.policy import Policy
from destination_intercom.contacts.upsert import ContactUpserter
from destination_intercom.delivery.tasks import Acquire, Release, Step, UndeliverableError
from destination_intercom.identity import Key
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import (
    ArchiveContact,
    AttachCompany,
    Call,
    CreateContact,
    FindByExternalId,
    GetContact,
    UnarchiveContact,
    UpdateContact,
)
from destination_intercom.outcomes import Outcome, Status
from unit_tests.keys import by_email, by_id
from unit_tests.task_bench import (
    ARCHIVED_CONFLICT,
    CONFLICT,
    ID,
    INVALID,
    MERGED,
    NOT_FOUND,
    OTHER_ID,
    VAGUE_CONFLICT,
    Bench as TaskBench,
    Names,
    contact,
    refusal,
    shown,
)

ADDRESS = "k@example.com"
FIELDS: dict[str, Any] = {"name": "N", "email": ADDRESS}


def change(key: str = "k", *, by_email: bool = False, attributes: Any = None, **fields: Any) -> ContactChange:
    """A change to the contact `key`."""
    return ContactChange(Key("email" if by_email else "external_id", key), fields, attributes or {})


class Bench(TaskBench):
    """Contacts that are written by hand."""

    def write(
        self, changes: list[ContactChange], found: Found, policy: Policy, answers: list[Answer]
    ) -> tuple[list[Outcome], list[Call], list[float]]:
        """Write `changes` as one; return the outcomes, the calls and the pauses."""
        return self.drive(self.upserter(policy).write(changes, found), *answers)


NAMED = change(name="N")
WITH_EMAIL = change(**FIELDS)
BY_EMAIL = change(ADDRESS, by_email=True, name="N")
CREATE = CreateContact({"role": "user", "external_id": "k", "name": "N"})
CREATE_BARE = CreateContact({"role": "user", "external_id": "k"})
CREATE_BOTH = CreateContact({"role": "user", "external_id": "k", **FIELDS})
CREATE_EMAIL = CreateContact({"role": "user", "email": ADDRESS, "name": "N"})
UPDATE = UpdateContact(ID, {"name": "N"})
ADOPT = UpdateContact(ID, {"external_id": "k", **FIELDS})
UPGRADE = UpdateContact(ID, {"external_id": "k", "role": "user", **FIELDS})
GET_OTHER = GetContact(OTHER_ID)
GET, UNARCHIVE, ARCHIVE, FIND = GetContact(ID), UnarchiveContact(ID), ArchiveContact(ID), FindByExternalId("k")

SELF = shown(external_id="k", name="Old")
UPDATED = shown(external_id="k", name="N")
FREE = shown(external_id=None, email=ADDRESS)
ANOTHER = shown(external_id="other", email=ADDRESS)
LEAD = Answer(200, "json", {"id": ID, "role": "lead", "external_id": "made-up", "email": ADDRESS})
RESTORED = shown()
MERGED_INTO = replace(MERGED, canonical_id=OTHER_ID)
NOT_RESTORABLE = refusal(400, "bad_request", "User has been merged and is not restorable.")
VAGUE = refusal(400, "parameter_invalid")
BROKEN = refusal(500, "server_error", "Server Error")

OLD = Found((contact(external_id="k", name="Old"),))
EQUAL = Found((contact(external_id="k", name="N", email=ADDRESS),))
FREE_BY_EMAIL = Found((), (contact(email=ADDRESS),))
LEAD_BY_EMAIL = Found((), (contact(role="lead", external_id="made-up", email=ADDRESS),))
TAKEN_BY_EMAIL = Found((), (contact(external_id="other", email=ADDRESS),))

UPDATE_ONLY, CREATE_ONLY = Policy(write_mode="update_only"), Policy(write_mode="create_only")
SEND, UNARCHIVING, REJECTING = Policy(send_unchanged=True), Policy(unarchive=True), Policy(adopt=False)


@dataclass(frozen=True)
class Way:
    """What is found and answered; what is asked for it, and comes of it."""

    found: Found
    answers: list[Answer]
    calls: list[Call]
    status: Status
    reason: str = ""
    change: ContactChange = NAMED
    policy: Policy = field(default_factory=Policy)
    pauses: tuple[float, ...] = ()


D, U, R = Status.DELIVERED, Status.UNCHANGED, Status.REJECTED
WAYS: dict[str, Way] = {
    "found, equal": Way(EQUAL, [], [], U),
    "found, equal, sent all the same": Way(EQUAL, [UPDATED], [UPDATE], D, policy=SEND),
    "found, different": Way(OLD, [UPDATED], [UPDATE], D),
    "found, nothing wanted": Way(OLD, [], [], U, change=change()),
    "found, its only value refused": Way(OLD, [INVALID], [UPDATE], U),
    "found, conflict": Way(OLD, [VAGUE_CONFLICT], [UPDATE], R, outcomes.CONFLICT),
    "found, merged, follow": Way(
        OLD,
        [MERGED_INTO, shown(OTHER_ID), shown(OTHER_ID)],
        [UPDATE, GET_OTHER, UpdateContact(OTHER_ID, {"name": "N"})],
        D,
    ),
    "found, merged into one that is equal": Way(OLD, [MERGED_INTO, shown(OTHER_ID, name="N")], [UPDATE, GET_OTHER], U),
    "found, merged, nobody says into whom": Way(OLD, [MERGED], [UPDATE], R, outcomes.CONTACT_MERGED),
    "found, merged, and that one merged": Way(
        OLD,
        [MERGED_INTO, MERGED_INTO],
        [UPDATE, GET_OTHER],
        R,
        outcomes.CONTACT_MERGED,
    ),
    "found, gone, created": Way(OLD, [NOT_FOUND, shown(OTHER_ID)], [UPDATE, CREATE], D),
    "found, gone, archived": Way(
        OLD, [NOT_FOUND, ARCHIVED_CONFLICT, NOT_FOUND], [UPDATE, CREATE, GET], R, outcomes.CONTACT_ARCHIVED
    ),
    "found twice": Way(
        Found((contact(external_id="k"), contact(OTHER_ID, external_id="k"))), [], [], R, outcomes.AMBIGUOUS_EMAIL
    ),
    "found as a lead only": Way(Found((contact(role="lead", external_id="k"),)), [UPDATED], [CREATE], D),
    "found, create only": Way(OLD, [], [], U, policy=CREATE_ONLY),
    "not found, created": Way(NOTHING_FOUND, [UPDATED], [CREATE], D),
    "not found, create only": Way(NOTHING_FOUND, [UPDATED], [CREATE], D, policy=CREATE_ONLY),
    "not found, the identity refused": Way(
        NOTHING_FOUND, [INVALID, INVALID], [CREATE, CREATE_BARE], R, outcomes.REFUSED
    ),
    "not found, its only value refused": Way(NOTHING_FOUND, [INVALID, UPDATED], [CREATE, CREATE_BARE], D),
    "not found, a race in Intercom": Way(NOTHING_FOUND, [NOT_FOUND, UPDATED], [CREATE, CREATE], D, pauses=(1.0,)),
    "not found, a 404 again, and there": Way(
        NOTHING_FOUND,
        [NOT_FOUND, NOT_FOUND, SELF, UPDATED],
        [CREATE, CREATE, FIND, UPDATE],
        D,
        pauses=(1.0,),
    ),
    "not found, a 404 again, and not there": Way(
        NOTHING_FOUND,
        [NOT_FOUND, NOT_FOUND, NOT_FOUND],
        [CREATE, CREATE, FIND],
        R,
        outcomes.REFUSED,
        pauses=(1.0,),
    ),
    "not found, update only": Way(NOTHING_FOUND, [NOT_FOUND], [FIND], R, outcomes.NOT_FOUND, policy=UPDATE_ONLY),
    "not found by the lagging search": Way(NOTHING_FOUND, [SELF, UPDATED], [FIND, UPDATE], D, policy=UPDATE_ONLY),
    "not found by the lagging search, equal": Way(NOTHING_FOUND, [UPDATED], [FIND], U, policy=UPDATE_ONLY),
    "not found by the lagging search, gone": Way(
        NOTHING_FOUND, [SELF, NOT_FOUND], [FIND, UPDATE], R, outcomes.NOT_FOUND, policy=UPDATE_ONLY
    ),
    "not found, update only, merged": Way(NOTHING_FOUND, [MERGED], [FIND], R, outcomes.NOT_FOUND, policy=UPDATE_ONLY),
    "not found, update only, a path of dots": Way(
        NOTHING_FOUND, [], [], R, outcomes.NOT_FOUND, change=change("..", name="N"), policy=UPDATE_ONLY
    ),
    "not found, update only, e-mail": Way(
        NOTHING_FOUND, [], [], R, outcomes.NOT_FOUND, change=BY_EMAIL, policy=UPDATE_ONLY
    ),
    "found, gone, update only": Way(
        OLD, [NOT_FOUND, NOT_FOUND], [UPDATE, FIND], R, outcomes.NOT_FOUND, policy=UPDATE_ONLY
    ),
    "not found by the lagging search, equal, sent all the same": Way(
        NOTHING_FOUND, [UPDATED, UPDATED], [FIND, UPDATE], D, policy=replace(UPDATE_ONLY, send_unchanged=True)
    ),
    "conflict with oneself, gone by then": Way(
        NOTHING_FOUND,
        [CONFLICT, SELF, NOT_FOUND, VAGUE_CONFLICT],
        [CREATE, GET, UPDATE, CREATE],
        R,
        outcomes.CONFLICT,
    ),
    "conflict with nobody's, gone by then": Way(
        NOTHING_FOUND,
        [CONFLICT, FREE, NOT_FOUND, UPDATED],
        [CREATE_BOTH, GET, GET, CREATE_BOTH],
        D,
        change=WITH_EMAIL,
    ),
    "archived, create only": Way(
        NOTHING_FOUND,
        [ARCHIVED_CONFLICT, NOT_FOUND],
        [CREATE, GET],
        R,
        outcomes.CONTACT_ARCHIVED,
        policy=replace(CREATE_ONLY, unarchive=True),
    ),
    "archived, unarchived, seen late": Way(
        NOTHING_FOUND,
        [ARCHIVED_CONFLICT, NOT_FOUND, NOT_FOUND, RESTORED, NOT_FOUND, SELF, UPDATED],
        [CREATE, GET, GET, UNARCHIVE, GET, GET, UPDATE],
        D,
        policy=UNARCHIVING,
        pauses=(0.5,),
    ),
    "archived, unarchived, gone at its update": Way(
        NOTHING_FOUND,
        [ARCHIVED_CONFLICT, NOT_FOUND, NOT_FOUND, RESTORED, SELF, NOT_FOUND],
        [CREATE, GET, GET, UNARCHIVE, GET, UPDATE],
        R,
        outcomes.CONTACT_ARCHIVED,
        policy=UNARCHIVING,
    ),
    "conflict with oneself": Way(NOTHING_FOUND, [CONFLICT, SELF, UPDATED], [CREATE, GET, UPDATE], D),
    "conflict with oneself, equal": Way(NOTHING_FOUND, [CONFLICT, UPDATED], [CREATE, GET], U),
    "conflict with oneself, create only": Way(NOTHING_FOUND, [CONFLICT, SELF], [CREATE, GET], U, policy=CREATE_ONLY),
    "conflict with another": Way(
        NOTHING_FOUND,
        [CONFLICT, ANOTHER],
        [CREATE_BOTH, GET],
        R,
        outcomes.IDENTITY_CONFLICT,
        change=WITH_EMAIL,
        pauses=(1.0,),
    ),
    "conflict with nobody's, adopted": Way(
        NOTHING_FOUND, [CONFLICT, FREE, FREE, UPDATED], [CREATE_BOTH, GET, GET, ADOPT], D, change=WITH_EMAIL
    ),
    "conflict with nobody's, rejected": Way(
        NOTHING_FOUND,
        [CONFLICT, FREE],
        [CREATE_BOTH, GET],
        R,
        outcomes.EMAIL_TAKEN,
        change=WITH_EMAIL,
        policy=REJECTING,
    ),
    "conflict with nobody's of another address": Way(
        NOTHING_FOUND,
        [CONFLICT, shown(email="other@example.com")],
        [CREATE_BOTH, GET],
        R,
        outcomes.IDENTITY_CONFLICT,
        change=WITH_EMAIL,
        pauses=(1.0,),
    ),
    "conflict with a lead of the id": Way(
        NOTHING_FOUND,
        [CONFLICT, Answer(200, "json", {"id": ID, "role": "lead", "external_id": "k"})],
        [CREATE, GET],
        R,
        outcomes.IDENTITY_CONFLICT,
    ),
    "conflict without an id": Way(NOTHING_FOUND, [VAGUE_CONFLICT], [CREATE], R, outcomes.CONFLICT),
    "conflict with a merged one": Way(NOTHING_FOUND, [CONFLICT, MERGED], [CREATE, GET], R, outcomes.CONTACT_MERGED),
    "conflict with one that cannot be read": Way(
        NOTHING_FOUND, [CONFLICT, INVALID], [CREATE, GET], R, outcomes.REFUSED
    ),
    "conflict with one just made": Way(
        NOTHING_FOUND, [CONFLICT, NOT_FOUND, UPDATED], [CREATE, GET, GET], U, pauses=(1.0,)
    ),
    "conflict with one never seen": Way(
        NOTHING_FOUND, [CONFLICT, NOT_FOUND, NOT_FOUND], [CREATE, GET, GET], R, outcomes.CONTACT_ARCHIVED, pauses=(1.0,)
    ),
    "archived, rejected": Way(
        NOTHING_FOUND, [ARCHIVED_CONFLICT, NOT_FOUND], [CREATE, GET], R, outcomes.CONTACT_ARCHIVED
    ),
    "archived, unarchived": Way(
        NOTHING_FOUND,
        [ARCHIVED_CONFLICT, NOT_FOUND, NOT_FOUND, RESTORED, SELF, UPDATED],
        [CREATE, GET, GET, UNARCHIVE, GET, UPDATE],
        D,
        policy=UNARCHIVING,
    ),
    "archived, another person": Way(
        NOTHING_FOUND,
        [ARCHIVED_CONFLICT, NOT_FOUND, NOT_FOUND, RESTORED, ANOTHER, RESTORED],
        [CREATE_BOTH, GET, GET, UNARCHIVE, GET, ARCHIVE],
        R,
        outcomes.IDENTITY_CONFLICT,
        change=WITH_EMAIL,
        policy=UNARCHIVING,
    ),
    "archived, not restorable": Way(
        NOTHING_FOUND,
        [ARCHIVED_CONFLICT, NOT_FOUND, NOT_FOUND, NOT_RESTORABLE, NOT_FOUND],
        [CREATE, GET, GET, UNARCHIVE, GET],
        R,
        outcomes.NOT_RESTORABLE,
        policy=UNARCHIVING,
    ),
    "archived, not restorable by a 500": Way(
        NOTHING_FOUND,
        [ARCHIVED_CONFLICT, NOT_FOUND, NOT_FOUND, BROKEN, NOT_FOUND],
        [CREATE, GET, GET, UNARCHIVE, GET],
        R,
        outcomes.NOT_RESTORABLE,
        policy=UNARCHIVING,
    ),
    "archived, refused, but restored by an attempt whose answer was lost": Way(
        NOTHING_FOUND,
        [ARCHIVED_CONFLICT, NOT_FOUND, NOT_FOUND, NOT_RESTORABLE, SELF, UPDATED],
        [CREATE, GET, GET, UNARCHIVE, GET, UPDATE],
        D,
        policy=UNARCHIVING,
    ),
    "archived, unarchived, gone again": Way(
        NOTHING_FOUND,
        [ARCHIVED_CONFLICT, NOT_FOUND, NOT_FOUND, RESTORED, NOT_FOUND, NOT_FOUND, RESTORED],
        [CREATE, GET, GET, UNARCHIVE, GET, GET, ARCHIVE],
        R,
        outcomes.CONFLICT,
        policy=UNARCHIVING,
        pauses=(0.5,),
    ),
    "archived, live by the time that it is one's turn": Way(
        NOTHING_FOUND,
        [ARCHIVED_CONFLICT, NOT_FOUND, SELF, UPDATED],
        [CREATE, GET, GET, UPDATE],
        D,
        policy=UNARCHIVING,
    ),
    "archived, somebody else's and live by the time that it is one's turn": Way(
        NOTHING_FOUND,
        [ARCHIVED_CONFLICT, NOT_FOUND, ANOTHER],
        [CREATE_BOTH, GET, GET],
        R,
        outcomes.IDENTITY_CONFLICT,
        change=WITH_EMAIL,
        policy=UNARCHIVING,
    ),
    "e-mail match, adopted": Way(FREE_BY_EMAIL, [FREE, UPDATED], [GET, ADOPT], D, change=WITH_EMAIL),
    "e-mail match, rejected": Way(FREE_BY_EMAIL, [], [], R, outcomes.EMAIL_TAKEN, change=WITH_EMAIL, policy=REJECTING),
    "e-mail match, create only": Way(FREE_BY_EMAIL, [FREE], [GET], U, change=WITH_EMAIL, policy=CREATE_ONLY),
    "e-mail match, update only": Way(
        FREE_BY_EMAIL, [NOT_FOUND], [FIND], R, outcomes.NOT_FOUND, change=WITH_EMAIL, policy=UPDATE_ONLY
    ),
    "e-mail match, has an id by now": Way(
        FREE_BY_EMAIL,
        [ANOTHER, CONFLICT, ANOTHER],
        [GET, CREATE_BOTH, GET],
        R,
        outcomes.IDENTITY_CONFLICT,
        change=WITH_EMAIL,
        pauses=(1.0,),
    ),
    "e-mail match, another address by now": Way(
        FREE_BY_EMAIL, [shown(email="new@example.com"), UPDATED], [GET, CREATE_BOTH], D, change=WITH_EMAIL
    ),
    "e-mail match, gone by now": Way(FREE_BY_EMAIL, [NOT_FOUND, UPDATED], [GET, CREATE_BOTH], D, change=WITH_EMAIL),
    "e-mail match, somebody else has the id by now": Way(
        FREE_BY_EMAIL, [FREE, VAGUE_CONFLICT, UPDATED], [GET, ADOPT, CREATE_BOTH], D, change=WITH_EMAIL
    ),
    "e-mail match, gone between its reading and its writing": Way(
        FREE_BY_EMAIL, [FREE, NOT_FOUND, UPDATED], [GET, ADOPT, CREATE_BOTH], D, change=WITH_EMAIL
    ),
    "e-mail match of an address that another record of the batch has": Way(
        FREE_BY_EMAIL, [UPDATED], [CREATE], D, policy=REJECTING
    ),
    "e-mail match, the identity refused": Way(
        FREE_BY_EMAIL,
        [FREE, INVALID, INVALID],
        [GET, ADOPT, UpdateContact(ID, {"external_id": "k"})],
        R,
        outcomes.REFUSED,
        change=WITH_EMAIL,
    ),
    "e-mail of several without an id": Way(
        Found((), (contact(email=ADDRESS), contact(OTHER_ID, email=ADDRESS))),
        [],
        [],
        R,
        outcomes.AMBIGUOUS_EMAIL,
        change=WITH_EMAIL,
    ),
    "e-mail of one with an id and one without": Way(
        Found((), (contact(OTHER_ID, external_id="other", email=ADDRESS), contact(email=ADDRESS))),
        [FREE, UPDATED],
        [GET, ADOPT],
        D,
        change=WITH_EMAIL,
    ),
    "e-mail of another": Way(
        TAKEN_BY_EMAIL,
        [CONFLICT, ANOTHER],
        [CREATE_BOTH, GET],
        R,
        outcomes.IDENTITY_CONFLICT,
        change=WITH_EMAIL,
        pauses=(1.0,),
    ),
    "lead by e-mail, upgraded": Way(LEAD_BY_EMAIL, [LEAD, UPDATED], [GET, UPGRADE], D, change=WITH_EMAIL),
    "lead by e-mail, upgraded though users are not adopted": Way(
        LEAD_BY_EMAIL, [LEAD, UPDATED], [GET, UPGRADE], D, change=WITH_EMAIL, policy=REJECTING
    ),
    "several leads by e-mail": Way(
        Found((), (*LEAD_BY_EMAIL.by_email, contact(OTHER_ID, role="lead", email=ADDRESS))),
        [UPDATED],
        [CREATE_BOTH],
        D,
        change=WITH_EMAIL,
    ),
    "e-mail identity, created": Way(NOTHING_FOUND, [UPDATED], [CREATE_EMAIL], D, change=BY_EMAIL),
    "e-mail identity, found": Way(Found((contact(email=ADDRESS),)), [UPDATED], [UPDATE], D, change=BY_EMAIL),
    "e-mail identity, several": Way(
        Found((contact(email=ADDRESS), contact(OTHER_ID, external_id="x", email=ADDRESS))),
        [],
        [],
        R,
        outcomes.AMBIGUOUS_EMAIL,
        change=BY_EMAIL,
    ),
    "e-mail identity, lead, not upgraded": Way(
        Found((contact(role="lead", email=ADDRESS),)), [LEAD], [UPDATE], D, change=BY_EMAIL
    ),
    "e-mail identity, a user before a lead": Way(
        Found((contact(OTHER_ID, role="lead", email=ADDRESS), contact(email=ADDRESS))),
        [UPDATED],
        [UPDATE],
        D,
        change=BY_EMAIL,
    ),
    "e-mail identity, several leads": Way(
        Found((contact(role="lead", email=ADDRESS), contact(OTHER_ID, role="lead", email=ADDRESS))),
        [],
        [],
        R,
        outcomes.AMBIGUOUS_EMAIL,
        change=BY_EMAIL,
    ),
    "e-mail identity, conflict with oneself": Way(
        NOTHING_FOUND,
        [CONFLICT, shown(email=" K@Example.com"), UPDATED],
        [CREATE_EMAIL, GET, UPDATE],
        D,
        change=BY_EMAIL,
    ),
    "e-mail identity, conflict with another": Way(
        NOTHING_FOUND,
        [CONFLICT, shown(email="other@example.com")],
        [CREATE_EMAIL, GET],
        R,
        outcomes.IDENTITY_CONFLICT,
        change=BY_EMAIL,
        pauses=(1.0,),
    ),
}


@pytest.mark.parametrize("name", WAYS)
def test_contact_when_written_climbs_these_rungs_and_comes_to_this(name: str) -> None:
    """Its calls in their order, its outcome, and whether it is remembered as written."""
    way, bench = WAYS[name], Bench()
    (outcome,), calls, pauses = bench.write([way.change], way.found, way.policy, way.answers)
    assert way.calls == calls
    assert (way.status, way.reason) == (outcome.status, outcome.reason)
    assert list(way.pauses) == pauses
    # One that was read, and not only found, is known better than the search knows it, too.
    is_read = outcome.status is Status.UNCHANGED and (CONFLICT in way.answers or FIND in calls)
    # One that another was merged into bears another key.
    is_written = outcome.status is Status.DELIVERED and MERGED_INTO not in way.answers
    assert (is_written or is_read) == (way.change.key in bench.cache.written)
    assert [] == bench.held


def test_contact_when_this_run_wrote_it_is_compared_with_that_and_not_with_the_search() -> None:
    """A value that goes there and back is sent twice, whatever the search still shows."""
    bench = Bench()
    assert D is bench.write([NAMED], OLD, Policy(), [UPDATED])[0][0].status
    assert U is bench.write([NAMED], OLD, Policy(), [])[0][0].status
    back, calls, _ = bench.write([change(name="Old")], OLD, Policy(), [SELF])
    assert D is back[0].status
    assert [UpdateContact(ID, {"name": "Old"})] == calls


def test_contact_when_it_is_gone_and_cannot_be_made_again_is_not_remembered_as_it_was() -> None:
    """The same record once more is rejected again: who was written once is not "unchanged" ever after."""
    bench = Bench()
    assert D is bench.write([NAMED], OLD, Policy(), [UPDATED])[0][0].status
    archived = [ARCHIVED_CONFLICT, NOT_FOUND]
    assert R is bench.write([change(name="M")], OLD, Policy(), [NOT_FOUND, *archived])[0][0].status
    (again,), _, _ = bench.write([NAMED], NOTHING_FOUND, Policy(), archived)
    assert (R, outcomes.CONTACT_ARCHIVED) == (again.status, again.reason)


@pytest.mark.parametrize(("found", "policy"), [(EQUAL, Policy()), (OLD, CREATE_ONLY)], ids=["equal", "create only"])
def test_contact_when_found_is_no_stranger_any_more(found: Found, policy: Policy) -> None:
    """An event came before the person was there; those that follow are sent, though nothing is written."""
    bench = Bench()
    bench.cache.unknown.note(by_id("k"), outcomes.rejected(outcomes.UNKNOWN_USER))
    assert U is bench.write([NAMED], found, policy, [])[0][0].status
    assert by_id("k") not in bench.cache.unknown


def test_contact_when_an_answer_does_not_show_all_of_it_is_still_known_as_it_was_found() -> None:
    """What an update left alone is as it was: to send it again would change nothing."""
    bench = Bench()
    found = Found((contact(external_id="k", name="Old", phone="1", custom_attributes={"plan": "p"}),))
    bench.write([NAMED], found, Policy(), [UPDATED])
    assert U is bench.write([change(phone="1", attributes={"plan": "p"})], found, Policy(), [])[0][0].status


def test_contact_when_remembered_holds_only_what_is_ever_compared() -> None:
    """A workspace has up to 250 attributes; a run remembers a hundred thousand people."""
    bench = Bench()
    reader = ContactReader(Names({"plan": "string"}, frozenset({"name", "email"})))
    upserter = ContactUpserter(cache=bench.cache, policy=Policy(), reader=reader)
    answer = shown(external_id="k", name="N", phone="1", custom_attributes={"plan": "p", "seats": 7})
    bench.drive(upserter.write([NAMED], NOTHING_FOUND), answer)
    known = bench.cache.written.get(by_id("k"))
    assert known is not None
    assert 3 == len(known.values or ())


def test_contact_when_this_run_may_have_forgotten_what_it_wrote_is_always_sent() -> None:
    """Whether the search is right about it nobody can tell."""
    bench = Bench()
    bench.cache.written = WrittenContacts(bench.time.now, most_bytes=1)
    for number in range(2):
        bench.cache.written.note(by_id(f"other {number}"), contact(f"{number}", external_id=f"other {number}"))
    assert [UPDATE] == bench.write([NAMED], EQUAL, Policy(), [UPDATED])[1]


def test_contact_when_followed_after_a_merge_is_remembered_under_no_key() -> None:
    """Two keys write to it now: what one of them wrote says nothing of what it is when the other comes again."""
    bench = Bench()
    bench.cache.written.note(by_id("other"), contact(OTHER_ID, external_id="other", name="X"))
    other = shown(OTHER_ID, external_id="other", name="X")
    bench.write([NAMED], OLD, Policy(), [MERGED_INTO, other, shown(OTHER_ID, external_id="other", name="N")])
    assert by_id("k") not in bench.cache.written
    assert by_id("other") not in bench.cache.written


SOMEBODY = shown(external_id="somebody else", name="N")


def test_contact_when_it_became_somebody_elses_within_the_lag_is_known_as_theirs() -> None:
    """The search still showed the old owner; the answer to the write shows the new one, whom it is remembered for."""
    bench = Bench()
    (outcome,), calls, _ = bench.write([NAMED], OLD, Policy(), [SOMEBODY])
    assert [UPDATE] == calls
    assert (R, outcomes.IDENTITY_CONFLICT) == (outcome.status, outcome.reason)
    assert by_id("k") not in bench.cache.written
    assert contact(external_id="somebody else", name="N") == bench.cache.written.get(by_id("somebody else"))


def test_records_when_their_contact_became_somebody_elses_are_rejected_together_and_for_ten_minutes() -> None:
    """No value of one of them is at fault; then the person is looked up again."""
    bench = Bench()
    rejected, calls, _ = bench.write([NAMED, change(name="M")], OLD, Policy(), [SOMEBODY])
    assert [outcomes.IDENTITY_CONFLICT] * 2 == [outcome.reason for outcome in rejected]
    assert 1 == len(calls)
    bench.time.seconds += SEARCH_LAG_SECONDS - 1.0
    assert [] == bench.write([NAMED], OLD, Policy(), [])[1]
    bench.time.seconds += 1.0
    assert [CREATE] == bench.write([NAMED], NOTHING_FOUND, Policy(), [UPDATED])[1]


def test_contact_when_an_answer_has_shown_whose_it_is_is_written_to_under_no_other_key() -> None:
    """Whatever the search shows under another identity, within ten minutes."""
    bench = Bench()
    bench.write([NAMED], OLD, Policy(), [SOMEBODY])
    found = Found((contact(external_id="between", name="Old"),))
    (outcome,), calls, _ = bench.write([change("between", name="M")], found, Policy(), [])
    assert (outcomes.IDENTITY_CONFLICT, []) == (outcome.reason, calls)


def test_contact_when_the_first_of_several_calls_shows_somebody_else_gets_no_second_one() -> None:
    """Each call of a search for the bad value writes some of the values."""
    wanted = change(name="N", phone="1", attributes={"plan": "p", "seats": 7})
    (outcome,), calls, _ = Bench().write([wanted], OLD, Policy(), [VAGUE, SOMEBODY])
    assert outcomes.IDENTITY_CONFLICT == outcome.reason
    assert 2 == len(calls)


def test_contact_when_its_turn_with_an_archived_one_comes_later_waits() -> None:
    """Two tasks never restore and archive one contact at once."""
    steps = Bench().upserter(UNARCHIVING).write([NAMED], NOTHING_FOUND)
    assert CREATE == next(steps)
    assert GET == steps.send(ARCHIVED_CONFLICT)
    assert Acquire(ID) == steps.send(NOT_FOUND)
    assert GET == next(steps)


def test_contact_when_it_cannot_be_restored_is_not_tried_again_for_the_next_who_wants_it() -> None:
    """To learn it may have taken minutes; whoever waited for it asks what was learned."""
    bench = Bench()
    in_the_way = [ARCHIVED_CONFLICT, NOT_FOUND]
    bench.write([NAMED], NOTHING_FOUND, UNARCHIVING, [*in_the_way, NOT_FOUND, NOT_RESTORABLE, NOT_FOUND])
    (outcome,), calls, _ = bench.write([change("k2")], NOTHING_FOUND, UNARCHIVING, in_the_way)
    assert (R, outcomes.NOT_RESTORABLE) == (outcome.status, outcome.reason)
    assert [CreateContact({"role": "user", "external_id": "k2"}), GET] == calls


def test_contact_when_merged_is_compared_with_the_one_that_is_left() -> None:
    """What that one has is not what the merged one had."""
    found = Found((contact(external_id="k", name="N", phone="1"),))
    wanted = change(name="N", phone="2")
    left = shown(OTHER_ID, name="Other", phone="2")
    _, calls, _ = Bench().write([wanted], found, Policy(), [MERGED_INTO, left, shown(OTHER_ID)])
    assert [UpdateContact(ID, {"phone": "2"}), GET_OTHER, UpdateContact(OTHER_ID, {"name": "N"})] == calls


def test_changes_when_written_together_are_one_update_that_is_always_sent_if_they_differ() -> None:
    """The last equals what the search shows, but one before it does not: the search may be late."""
    changes = [change(name="Other"), change(name="Old")]
    written, calls, _ = Bench().write(changes, OLD, Policy(), [SELF])
    assert [D, D] == [outcome.status for outcome in written]
    assert [UpdateContact(ID, {"name": "Old"})] == calls


def test_changes_when_written_together_and_all_equal_cost_nothing() -> None:
    """Each says what Intercom has already."""
    written, calls, _ = Bench().write([NAMED, NAMED], EQUAL, Policy(), [])
    assert [U, U] == [outcome.status for outcome in written]
    assert [] == calls


SEEING = ContactReader(Names({"plan": "string"}), with_companies=True)
"""Reads the companies of contacts, too."""


class Attaching(Bench):
    """Contacts whose companies are attached, of which Intercom has no more than two of the letters."""

    def write(
        self, changes: list[ContactChange], found: Found, policy: Policy, answers: list[Answer]
    ) -> tuple[list[Outcome], list[Call], list[float]]:
        companies = FakeCompanies(refused={"c"})
        memberships = Memberships(companies, self.time.now)
        upserter = ContactUpserter(cache=self.cache, policy=policy, reader=SEEING, memberships=memberships)
        return self.drive(upserter.write(changes, found), *answers)


class FakeCompanies:
    """Companies whose ids in Intercom are ours in upper case."""

    def __init__(self, refused: set[str]) -> None:
        self._refused = refused

    def find(self, company_id: str) -> Generator[Step, Answer, str | None]:
        yield from ()
        return None if company_id in self._refused else company_id.upper()

    def forget(self, company_id: str) -> None:
        """Nothing is remembered."""

    def note_people(self, company_id: str) -> None:
        """Nobody is counted."""


def member(*companies: str, **fields: Any) -> ContactChange:
    """A change to the contact `k`, who belongs to these companies."""
    return replace(change(**fields), companies=dict.fromkeys(companies, "member_of account"))


ATTACHED = Answer(200, "json", {"type": "company", "id": "A"})
MEMBER = Found(
    (SEEING.read({"id": ID, "role": "user", "external_id": "k", "name": "N", "companies": {"data": [{"id": "A"}]}}),)
)


def test_companies_when_the_contact_shows_them_then_it_is_unchanged_and_else_delivered() -> None:
    """Whether a property has changed or not; a refused company is left out and counted."""
    written, calls, _ = Attaching().write([member("a", name="N")], MEMBER, Policy(), [])
    assert ([outcomes.UNCHANGED], []) == (written, calls)
    written, calls, _ = Attaching().write([member("a", "b", "c", name="N")], MEMBER, Policy(), [ATTACHED])
    assert [(D, (("member_of account", "company_refused"),))] == [(each.status, each.trims) for each in written]
    assert [AttachCompany(ID, "B")] == calls


def test_companies_when_the_contact_is_written_then_they_are_attached_afterwards() -> None:
    """To the contact that was created, updated, or that another was merged into."""
    for found, answers, expected in (
        (Found(), [UPDATED, ATTACHED], [CREATE, AttachCompany(ID, "A")]),
        (OLD, [UPDATED, ATTACHED], [UPDATE, AttachCompany(ID, "A")]),
        (OLD, [MERGED_INTO, shown(OTHER_ID), shown(OTHER_ID), ATTACHED], [AttachCompany(OTHER_ID, "A")]),
    ):
        written, calls, _ = Attaching().write([member("a", name="N")], found, Policy(), answers)
        assert [outcomes.DELIVERED] == written
        assert expected == calls[-len(expected) :]


def test_companies_when_records_are_merged_then_they_add_up_and_each_is_told_of_its_own() -> None:
    """Two of them name the company that is refused."""
    changes = [member("a", "c", name="N"), member("b", name="N"), member("c", name="N")]
    written, calls, _ = Attaching().write(changes, MEMBER, Policy(), [ATTACHED])
    assert [AttachCompany(ID, "B")] == calls
    refused = (("member_of account", "company_refused"),)
    assert [(D, refused), (D, ()), (D, refused)] == [(each.status, each.trims) for each in written]


@pytest.mark.parametrize(
    ("policy", "found", "answers"),
    [
        (CREATE_ONLY, MEMBER, []),
        (UPDATE_ONLY, Found(), [NOT_FOUND]),
        (Policy(), TAKEN_BY_EMAIL, [refusal(422, "no")] * 2),
    ],
)
def test_companies_when_the_contact_is_left_alone_or_rejected_then_nothing_is_attached(
    policy: Policy, found: Found, answers: list[Answer]
) -> None:
    """Not even found."""
    written, calls, _ = Attaching().write([member("b", name="N")], found, policy, answers)
    assert [D] != [each.status for each in written]
    assert not [each for each in calls if isinstance(each, AttachCompany)]


def test_companies_when_the_contact_turns_out_to_be_somebody_elses_then_nothing_is_attached_to_it() -> None:
    """It was found as the person's, and the answer to its update shows another one."""
    written, calls, _ = Attaching().write([member("b", name="N")], OLD, Policy(), [ANOTHER])
    assert [outcomes.rejected(outcomes.IDENTITY_CONFLICT)] == written
    assert [UPDATE] == calls


def test_companies_when_an_answer_does_not_show_them_then_they_are_known_as_they_were_found() -> None:
    """It may show less than all of a contact."""
    bench = Attaching()
    written, calls, _ = bench.write([member("a", name="Other")], MEMBER, Policy(), [shown(external_id="k")])
    assert ([outcomes.DELIVERED], [UpdateContact(ID, {"name": "Other"})]) == (written, calls)
    assert None is not bench.cache.written.get(by_id("k"))


def test_companies_when_nothing_is_to_be_attached_then_the_answer_is_not_asked_for_them() -> None:
    """A sync without `member_of` keeps no companies of anybody."""
    reader = ContactReader(Names({}))
    assert None is reader.read({"id": ID, "companies": {"data": [{"id": "A"}]}}).companies


@pytest.mark.parametrize("status", [400, 413, 422])
def test_changes_when_refused_together_go_one_by_one_in_their_order(status: int) -> None:
    """One bad value takes no other value with it; each is sent, none is concluded unchanged."""
    bad = refusal(status, "parameter_invalid", "The owner is not a member")
    changes = [change(name="A"), change(name="B", owner_id="5"), change(name="Old")]
    answers = [bad, *(shown(external_id="k", name="A"), bad, shown(external_id="k", name="B")), SELF]
    written, calls, _ = Bench().write(changes, OLD, Policy(), answers)
    assert [D, D, D] == [outcome.status for outcome in written]
    assert [(), (("owner_id", "refused"),), ()] == [outcome.trims for outcome in written]
    assert [
        UpdateContact(ID, {"name": "Old", "owner_id": "5"}),
        UpdateContact(ID, {"name": "A"}),
        UpdateContact(ID, {"name": "B", "owner_id": "5"}),
        UpdateContact(ID, {"name": "B"}),
        UpdateContact(ID, {"name": "Old"}),
    ] == calls


def test_changes_when_refused_together_at_the_create_go_one_by_one() -> None:
    """The first that is taken makes the contact, the next updates it."""
    changes = [change(name="A"), change(name="B", owner_id="5"), change(name="C")]
    bad = refusal(400, "parameter_invalid", "The owner is not a member")
    answers = [bad, *(shown(external_id="k", name=name) for name in "A"), bad]
    answers += [shown(external_id="k", name=name) for name in "BC"]
    written, calls, _ = Bench().write(changes, NOTHING_FOUND, Policy(), answers)
    assert [D, D, D] == [outcome.status for outcome in written]
    assert CreateContact({"role": "user", "external_id": "k", "name": "A"}) == calls[1]
    assert UpdateContact(ID, {"name": "C"}) == calls[-1]


def test_change_when_refused_with_others_is_sent_though_the_search_shows_it() -> None:
    """The search may be late, and the refused update has shown nothing."""
    changes = [change(name="Old"), change(name="B", owner_id="5")]
    answers = [INVALID, SELF, INVALID, shown(external_id="k", name="B")]
    written, calls, _ = Bench().write(changes, OLD, Policy(), answers)
    assert [D, D] == [outcome.status for outcome in written]
    assert UpdateContact(ID, {"name": "Old"}) == calls[1]


@pytest.mark.parametrize(
    ("found", "policy", "together"),
    [
        pytest.param(FREE_BY_EMAIL, REJECTING, [], id="nobody's, and not to be adopted"),
        pytest.param(
            Found((), (*FREE_BY_EMAIL.by_email, contact(OTHER_ID, email=ADDRESS))), Policy(), [], id="several"
        ),
        pytest.param(TAKEN_BY_EMAIL, Policy(), [CONFLICT, ANOTHER], id="another's"),
    ],
)
def test_change_when_merged_with_one_whose_address_is_in_the_way_is_written_all_the_same(
    found: Found, policy: Policy, together: list[Answer]
) -> None:
    """Whatever is wrong with the address costs the record that has it its address, and no other anything."""
    answers = [*together, shown(external_id="k", name="A"), VAGUE_CONFLICT]
    written, calls, _ = Bench().write([change(name="A"), change(email=ADDRESS)], found, policy, answers)
    assert [D, U] == [outcome.status for outcome in written]
    assert (("email", "conflict"),) == written[1].trims
    assert [
        CreateContact({"role": "user", "external_id": "k", "name": "A"}),
        UpdateContact(ID, {"email": ADDRESS}),
    ] == (calls[-2:])


def test_changes_when_one_of_them_has_a_value_that_was_refused_before_are_still_one() -> None:
    """It is left out beforehand, and replaces no value of another record."""
    bench = Bench()
    bench.cache.refused_values.note(change(owner_id="5"), ("owner_id",), "refused")
    changes = [change(owner_id="7"), change(name="N", owner_id="5")]
    written, calls, _ = bench.write(changes, OLD, Policy(), [UPDATED])
    assert [UpdateContact(ID, {"name": "N", "owner_id": "7"})] == calls
    assert [(), (("owner_id", "refused"),)] == [outcome.trims for outcome in written]


def test_changes_when_rejected_for_what_the_person_is_are_all_rejected_at_once() -> None:
    """That the contact was merged concerns no value of theirs."""
    written, calls, _ = Bench().write([NAMED, change(name="M")], NOTHING_FOUND, Policy(), [CONFLICT, MERGED])
    assert [outcomes.CONTACT_MERGED] * 2 == [outcome.reason for outcome in written]
    assert 2 == len(calls)


def test_changes_when_the_address_of_one_is_anothers_go_one_by_one() -> None:
    """The record that has it loses it, and takes no other's with it."""
    changes = [change(name="A", email="mine@example.com"), change(email="taken@example.com")]
    mine = shown(external_id="k", name="A", email="mine@example.com")
    written, calls, _ = Bench().write(changes, OLD, Policy(), [VAGUE_CONFLICT, mine, VAGUE_CONFLICT])
    assert [D, U] == [outcome.status for outcome in written]
    assert [(), (("email", "conflict"),)] == [outcome.trims for outcome in written]
    assert UpdateContact(ID, {"name": "A", "email": "mine@example.com"}) == calls[1]


def test_changes_when_the_address_of_one_is_in_the_way_of_their_create_go_one_by_one() -> None:
    """The other one makes the contact; by then it is an update that cannot have the address."""
    changes = [change(name="A"), change(email=ADDRESS)]
    holder = shown(OTHER_ID, external_id="other", email=ADDRESS)
    conflict = refusal(409, "conflict", f"A contact matching those details already exists with id={OTHER_ID}")
    made = shown(external_id="k", name="A")
    answers = [conflict, holder, made, conflict, holder]
    written, _, _ = Bench().write(changes, NOTHING_FOUND, Policy(), answers)
    assert [D, U] == [outcome.status for outcome in written]
    assert (("email", "identity_conflict"),) == written[1].trims


HOLDERS: dict[str, tuple[list[Answer], str]] = {
    "another person": ([shown(OTHER_ID, external_id="other", email=ADDRESS)], outcomes.IDENTITY_CONFLICT),
    "a user without an id": ([shown(OTHER_ID, email=ADDRESS)], outcomes.EMAIL_TAKEN),
    "somebody who has given it up": ([shown(OTHER_ID, external_id="other")], outcomes.CONFLICT),
    "an archived contact": ([NOT_FOUND, NOT_FOUND], outcomes.CONTACT_ARCHIVED),
    "a merged contact": ([MERGED], outcomes.CONTACT_MERGED),
    "one that cannot be read": ([INVALID], outcomes.CONFLICT),
}


@pytest.mark.parametrize("name", HOLDERS)
def test_address_when_an_update_cannot_have_it_is_left_out_with_whose_it_is(name: str) -> None:
    """The rest is written; for ten minutes nobody asks again, unless the holder was given another address."""
    read, reason = HOLDERS[name]
    conflict = refusal(409, "conflict", f"A contact matching those details already exists with id={OTHER_ID}")
    bench, wanted = Bench(), change(name="N", email=ADDRESS)
    (outcome,), calls, _ = bench.write([wanted], OLD, Policy(), [conflict, *read, UPDATED])
    assert (D, (("email", reason),)) == (outcome.status, outcome.trims)
    assert UPDATE == calls[-1]
    left = shown(external_id="k", name="M")
    (again,), calls, _ = bench.write([change(name="M", email=ADDRESS)], OLD, Policy(), [left])
    assert [UpdateContact(ID, {"name": "M"})] == calls
    assert (("email", reason),) == again.trims
    bench.cache.written.note(by_id("other"), contact(OTHER_ID, external_id="other", email="new@example.com"))
    _, calls, _ = bench.write([wanted], OLD, Policy(), [shown(external_id="k", name="N", email=ADDRESS)])
    assert [UpdateContact(ID, {"name": "N", "email": ADDRESS})] == calls


PLAN = {"plan": "p", "seats": 7, "x": "y"}


def names(answer: str, status: int = 400, quote: str = "'") -> Answer:
    """A refusal that names an attribute."""
    return refusal(status, "parameter_invalid", f"Custom attribute {quote}{answer}{quote} must be one of its options")


@pytest.mark.parametrize(
    ("found", "first"),
    [(NOTHING_FOUND, []), (OLD, []), (FREE_BY_EMAIL, [FREE])],
    ids=["created", "updated", "adopted"],
)
def test_attribute_when_intercom_refuses_it_by_name_is_left_out_and_counted(found: Found, first: list[Answer]) -> None:
    """One after the other, as many as there are; the rest is sent."""
    answers = [*first, names("plan"), names("x", 422), names("seats", quote='"'), UPDATED]
    (outcome,), calls, _ = Bench().write([change(attributes=PLAN, **FIELDS)], found, Policy(), answers)
    assert (D, (("plan", "refused"), ("x", "refused"), ("seats", "refused"))) == (outcome.status, outcome.trims)
    assert {"seats": 7} == payload(calls[-2])["custom_attributes"]
    assert "custom_attributes" not in payload(calls[-1])
    assert "N" == payload(calls[-1])["name"]


def payload(call: Call) -> Mapping[str, Any]:
    """What a call sends."""
    assert isinstance(call, (CreateContact, UpdateContact))
    return call.payload


def test_attribute_when_it_was_all_that_was_to_be_written_leaves_the_contact_unchanged() -> None:
    """Nothing is left to send, and the attribute is counted."""
    (outcome,), calls, _ = Bench().write([change(attributes={"plan": "p"})], OLD, Policy(), [names("plan")])
    assert (U, (("plan", "refused"),)) == (outcome.status, outcome.trims)
    assert 1 == len(calls)


def test_outcome_when_written_tells_only_of_what_intercom_refused() -> None:
    """What the mapping left out is counted when the record is read."""
    wanted = replace(change(attributes={"x": "y"}), trims=(("seats", "no_integer"),))
    (outcome,), _, _ = Bench().write([wanted], OLD, Policy(), [names("x")])
    assert (("x", "refused"),) == outcome.trims


@pytest.mark.parametrize("message", ["Custom attribute 'other' does not exist", ""])
def test_attribute_when_the_refusal_names_none_of_ours_is_found_by_halves(message: str) -> None:
    """What is taken on the way is written; the one that is left is the bad one."""
    answer = refusal(400, "parameter_invalid", message)
    wanted = change(attributes={"plan": "p", "seats": 7, "x": "y"})
    (outcome,), calls, _ = Bench().write([wanted], OLD, Policy(), [answer, UPDATED, answer, UPDATED])
    assert (D, (("seats", "refused"),)) == (outcome.status, outcome.trims)
    assert [{"plan": "p", "seats": 7, "x": "y"}, {"plan": "p"}, {"seats": 7}, {"x": "y"}] == [
        payload(call)["custom_attributes"] for call in calls
    ]


def test_create_when_each_conflict_is_with_somebody_gone_by_then_ends() -> None:
    """As a conflict, after three tries."""
    adoptable = [CONFLICT, FREE, NOT_FOUND]
    (outcome,), calls, _ = Bench().write([WITH_EMAIL], NOTHING_FOUND, Policy(), adoptable * MAX_CREATE_ATTEMPTS)
    assert (R, outcomes.CONFLICT) == (outcome.status, outcome.reason)
    assert MAX_CREATE_ATTEMPTS == sum(isinstance(call, CreateContact) for call in calls)


def test_contact_when_two_want_to_adopt_it_is_given_to_the_first() -> None:
    """The second waits, reads it with its new id, and is made a contact of its own."""
    bench = Bench()
    upserter = bench.upserter()
    first = upserter.write([WITH_EMAIL], FREE_BY_EMAIL)
    second = upserter.write([change("k2", **FIELDS)], FREE_BY_EMAIL)
    assert Acquire(ID) == next(first) == next(second)
    assert GET == next(first)
    assert ADOPT == first.send(FREE)
    assert Release(ID) == first.send(shown(external_id="k", email=ADDRESS))
    with pytest.raises(StopIteration) as stopped:
        next(first)
    assert D is stopped.value.value[0].status
    assert GET == next(second)
    assert Release(ID) == second.send(shown(external_id="k", email=ADDRESS))
    # Creates that share an address go one after the other, and nobody holds a contact while waiting for one.
    assert Acquire(by_email(ADDRESS)) == next(second)
    create = next(second)
    assert CreateContact({"role": "user", "external_id": "k2", **FIELDS}) == create
    second.close()


def test_contact_when_another_task_wrote_to_it_meanwhile_is_compared_with_that() -> None:
    """Two keys may lead to one contact: the second waits for its turn, and finds nothing left to write."""
    bench = Bench()
    steps = bench.upserter().write([NAMED], OLD)
    assert Acquire(ID) == next(steps)
    bench.cache.written.note(None, contact(external_id="k", name="N"))
    assert Release(ID) == next(steps)
    with pytest.raises(StopIteration) as stopped:
        next(steps)
    assert U is stopped.value.value[0].status


def test_person_when_this_run_made_one_with_the_address_meanwhile_is_given_that_one() -> None:
    """Also where Intercom would make a second contact with the address."""
    bench = Bench()
    bench.write([BY_EMAIL], NOTHING_FOUND, Policy(), [shown(email=ADDRESS, name="N")])
    _, calls, _ = bench.write([WITH_EMAIL], NOTHING_FOUND, Policy(), [FREE, UPDATED])
    assert [GET, ADOPT] == calls


def test_person_when_the_one_made_with_the_address_is_somebody_is_created() -> None:
    """Whether two may share it is Intercom's to say."""
    bench = Bench()
    bench.write([WITH_EMAIL], NOTHING_FOUND, Policy(), [shown(external_id="k", **FIELDS)])
    _, calls, _ = bench.write([change("k2", **FIELDS)], NOTHING_FOUND, Policy(), [shown(OTHER_ID, external_id="k2")])
    assert [CreateContact({"role": "user", "external_id": "k2", **FIELDS})] == calls


def test_record_when_it_is_undeliverable_itself_lets_go_what_it_held_and_takes_no_other_with_it() -> None:
    """Those that were merged with it go one by one; nobody waits for the contact that it held."""
    steps = Bench().upserter().write([NAMED, change(name="M")], OLD)
    cause = outcomes.rejected(outcomes.UNDELIVERABLE)
    assert Acquire(ID) == next(steps)
    assert UpdateContact(ID, {"name": "M"}) == next(steps)
    assert Release(ID) == steps.throw(UndeliverableError(cause))
    assert Acquire(ID) == next(steps)
    assert UPDATE == next(steps)
    assert Release(ID) == steps.throw(UndeliverableError(cause))
    assert Acquire(ID) == next(steps)
    assert UpdateContact(ID, {"name": "M"}) == next(steps)
    assert Release(ID) == steps.send(shown(external_id="k", name="M"))
    with pytest.raises(StopIteration) as stopped:
        next(steps)
    assert [R, D] == [outcome.status for outcome in stopped.value.value]


def test_record_when_it_is_undeliverable_alone_is_that_and_lets_go_what_it_held() -> None:
    """Whoever carries out the steps is told so."""
    steps = Bench().upserter().write([NAMED], OLD)
    assert Acquire(ID) == next(steps)
    assert UPDATE == next(steps)
    assert Release(ID) == steps.throw(UndeliverableError(outcomes.rejected(outcomes.UNDELIVERABLE)))
    with pytest.raises(UndeliverableError):
        next(steps)


def test_opt_out_when_its_create_is_undeliverable_is_in_every_later_create_of_the_person() -> None:
    """Nobody is created as subscribed by a record that does not mention it."""
    bench, out = Bench(), ContactChange(by_id("k"), {"unsubscribed_from_emails": True}, {})
    steps = bench.upserter().write([out], NOTHING_FOUND)
    next(steps)
    with pytest.raises(UndeliverableError):
        steps.throw(UndeliverableError(outcomes.rejected(outcomes.UNDELIVERABLE)))
    _, calls, _ = bench.write([NAMED], NOTHING_FOUND, Policy(), [UPDATED])
    assert True is payload(calls[0])["unsubscribed_from_emails"]
