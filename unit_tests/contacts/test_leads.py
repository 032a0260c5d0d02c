"""The creation of leads, driven by hand: nothing conflicts, so that nothing may be created twice."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from destination_intercom import outcomes
from destination_intercom.contacts.cache import SEARCH_LAG_SECONDS
from destination_intercom.contacts.leads import LOOKING_SECONDS, YOUNG_PAUSE_SECONDS, lead_query
from destination_intercom.contacts.lookup import search_query
from destination_intercom.contacts.lost_creates import UNCERTAIN_SECONDS, LostCreates
from destination_intercom.contacts.mapping import ContactChange
from destination_intercom.contacts.matching import NOTHING_FOUND, Found
from destination_intercom.contacts.policy import Policy
from destination_intercom.delivery.retry import GIVE_UP_SECONDS
from destination_intercom.delivery.tasks import Acquire, OutageError, Pause, Step, UndeliverableError
from destination_intercom.identity import Key
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import (
    Call,
    CreateContact,
    CreateLead,
    GetContact,
    SearchContacts,
    UpdateContact,
)
from destination_intercom.outcomes import Outcome, Refusal, Status, rejected
from unit_tests.task_bench import (
    ID,
    INVALID,
    MERGED,
    NOT_FOUND,
    OTHER_ID,
    Bench as TaskBench,
    FakeTime,
    contact,
    listed,
    refusal,
    shown,
)

ADDRESS = "k@example.com"
LEADS = Policy(create_as="lead")
LOST = Answer(0, "empty", is_lost=True)
LOST_502 = Answer(502, "other", request_id="r1", is_lost=True)
CREATE = CreateLead({"role": "lead", "email": ADDRESS, "name": "N"})
BARE = CreateLead({"role": "lead", "email": ADDRESS})
LOOK = SearchContacts(lead_query(ADDRESS), decisive=True)
ASK = SearchContacts(search_query("email", [ADDRESS]), decisive=True)
GET, GET_OTHER = GetContact(ID), GetContact(OTHER_ID)
UPDATE = UpdateContact(ID, {"name": "N"})
UNSURE = Found(is_certain=False)


def lead(contact_id: str = ID, **more: Any) -> dict[str, Any]:
    """A lead with the address, as a list shows it; its User ID is one that Intercom made up."""
    return {"id": contact_id, "role": "lead", "external_id": "uuid", "email": ADDRESS, **more}


def lead_shown(contact_id: str = ID, **more: Any) -> Answer:
    """The same as an answer."""
    return Answer(200, "json", lead(contact_id, **more))


def change(**fields: Any) -> ContactChange:
    """A change to the person with the address."""
    return ContactChange(Key("email", ADDRESS), fields, {})


NAMED = change(name="N")


class Bench(TaskBench):
    """Leads that are written by hand."""

    def write(
        self, *answers: Answer, changes: list[ContactChange] | None = None, found: Found | None = NOTHING_FOUND
    ) -> tuple[list[Outcome], list[Call], list[float]]:
        """Write `changes` as one."""
        return self.drive(self.upserter(LEADS).write(changes or [NAMED], found), *answers)

    def fall_silent(
        self, steps: Generator[Step, Answer, list[Outcome]], first: Answer, then: Answer | Exception
    ) -> tuple[list[Outcome], list[Call], list[float]]:
        """Answer the first call by one thing, and all others by another."""
        calls: list[Call] = []
        pauses: list[float] = []
        answer: Answer | Exception = first
        try:
            step = next(steps)
            while True:
                if isinstance(step, Pause):
                    pauses.append(step.seconds)
                    self.time.seconds += step.seconds
                    step = next(steps)
                elif isinstance(step, Call):
                    calls.append(step)
                    step = steps.throw(answer) if isinstance(answer, Exception) else steps.send(answer)
                    answer = then
                else:
                    step = next(steps)
        except StopIteration as stop:
            result: list[Outcome] = stop.value
            return result, calls, pauses


def test_lead_when_nobody_is_there_is_created_without_an_external_id() -> None:
    """By the address alone, and known as a lead from then on."""
    bench = Bench()
    (outcome,), calls, _ = bench.write(lead_shown(name="N"))
    assert (outcomes.DELIVERED, [CREATE]) == (outcome, calls)
    assert ID == bench.make_people().lead(NAMED.key)


def test_lead_when_another_record_comes_is_updated_though_no_search_shows_it() -> None:
    """As long as the run remembers what it has written; a lead stays a lead."""
    bench = Bench()
    bench.write(lead_shown(name="N"))
    (outcome,), calls, _ = bench.write(lead_shown(name="M"), changes=[change(name="M")])
    assert (outcomes.DELIVERED, [UpdateContact(ID, {"name": "M"})]) == (outcome, calls)


def test_lead_that_was_made_while_another_task_waited_for_the_address_is_updated() -> None:
    """Neither lookup has seen anybody; the address is one task's at a time."""
    bench = Bench()
    waiting = bench.upserter(LEADS).write([change(name="M")], NOTHING_FOUND)
    step = next(waiting)
    assert Acquire(Key("email", ADDRESS)) == step
    bench.write(lead_shown(name="N"))
    bench.held.append(Key("email", ADDRESS))
    ends, calls, _ = bench.drive(waiting, lead_shown(name="M"))
    assert ([outcomes.DELIVERED], [UpdateContact(ID, {"name": "M"})]) == (ends, calls)


@pytest.mark.parametrize("role", ["user", "lead"])
def test_person_who_is_found_is_updated_as_whatever_they_are(role: str) -> None:
    """No role is ever written to somebody who is there."""
    found = Found((contact(ID, role=role, email=ADDRESS),))
    (outcome,), calls, _ = Bench().write(shown(email=ADDRESS, role=role, name="N"), found=found)
    assert (outcomes.DELIVERED, [UPDATE]) == (outcome, calls)


def test_leads_when_several_have_the_address_are_none_of_them_written() -> None:
    """Nobody is guessed, and no further one is created."""
    found = Found((contact(ID, role="lead", email=ADDRESS), contact(OTHER_ID, role="lead", email=ADDRESS)))
    assert ([rejected(outcomes.AMBIGUOUS_EMAIL)], [], []) == Bench().write(found=found)


@pytest.mark.parametrize("lost", [LOST, LOST_502, NOT_FOUND])
def test_create_when_its_answer_is_lost_is_looked_for_and_goes_on_from_what_is_there(lost: Answer) -> None:
    """With growing pauses; what differs is written. A 404 to a create may come of a race, and says nothing."""
    bench = Bench()
    (outcome,), calls, pauses = bench.write(
        lost, listed(), listed(), listed(lead()), lead_shown(), lead_shown(name="N")
    )
    assert (outcomes.DELIVERED, [CREATE, LOOK, LOOK, LOOK, GET, UPDATE]) == (outcome, calls)
    assert [1.0, 2.0, 4.0] == pauses
    assert ID == bench.make_people().lead(NAMED.key)


def test_create_when_its_lead_is_shown_as_it_was_sent_is_unchanged() -> None:
    """The contact is read, for the search may be behind."""
    (outcome,), calls, _ = Bench().write(LOST, listed(lead()), lead_shown(name="N"))
    assert (outcomes.UNCHANGED, [CREATE, LOOK, GET]) == (outcome, calls)


@pytest.mark.parametrize(("lost", "told"), [(LOST, None), (LOST_502, Refusal(502, request_id="r1"))])
def test_create_when_no_lead_appears_for_five_minutes_is_uncertain_and_not_made_again(
    lost: Answer, told: Refusal | None
) -> None:
    """For ten minutes, whatever record comes; then whoever has the address is asked for once more."""
    bench = Bench()
    (outcome,), calls, pauses = bench.fall_silent(bench.upserter(LEADS).write([NAMED], NOTHING_FOUND), lost, listed())
    assert rejected(outcomes.UNCERTAIN, told) == outcome
    assert [CREATE] + [LOOK] * (len(calls) - 1) == calls
    assert LOOKING_SECONDS == sum(pauses)
    assert pauses == sorted(pauses[:-1]) + pauses[-1:]
    assert ([rejected(outcomes.UNCERTAIN, told)], [], []) == bench.write()
    bench.time.seconds += UNCERTAIN_SECONDS
    bench.cache.lost_creates.note_answered()
    (outcome,), calls, _ = bench.write(listed(), lead_shown(name="N"))
    assert (outcomes.DELIVERED, [ASK, CREATE]) == (outcome, calls)


@pytest.mark.parametrize("shown_", [[lead(), lead(OTHER_ID)], [lead(email="other@example.com")]])
def test_create_when_the_search_does_not_tell_which_lead_it_made_is_uncertain(shown_: list[dict[str, Any]]) -> None:
    """Several leads, or one that turns out to have another address, are not written to."""
    bench = Bench()
    steps = bench.upserter(LEADS).write([NAMED], NOTHING_FOUND)
    step: Step | None = None
    answer: Answer | None = None
    with pytest.raises(StopIteration) as ended:  # noqa: PT012 - the steps are driven by hand
        while True:
            step = steps.send(answer) if answer is not None else next(steps)
            answer = None
            assert not isinstance(step, UpdateContact)
            if isinstance(step, Pause):
                bench.time.seconds += step.seconds
            elif isinstance(step, CreateLead):
                answer = LOST
            elif isinstance(step, SearchContacts):
                answer = listed(*shown_)
            elif isinstance(step, GetContact):
                answer = Answer(200, "json", shown_[0])
    assert [rejected(outcomes.UNCERTAIN)] == ended.value.value


def test_create_when_the_search_for_it_is_undeliverable_is_not_made_again_record_by_record() -> None:
    """Two records that were one: for neither of them is it known."""
    bench = Bench()
    steps = bench.upserter(LEADS).write([NAMED, change(name="M")], NOTHING_FOUND)
    ends, calls, _ = bench.fall_silent(steps, LOST, UndeliverableError(rejected(outcomes.UNDELIVERABLE)))
    assert [rejected(outcomes.UNCERTAIN)] * 2 == ends
    assert 1 == sum(isinstance(call, CreateLead) for call in calls)


def test_records_of_one_lead_when_their_create_is_uncertain_all_are() -> None:
    """They do not go one by one, as they do after a refusal."""
    bench = Bench()
    steps = bench.upserter(LEADS).write([NAMED, change(name="M")], NOTHING_FOUND)
    ends, calls, _ = bench.fall_silent(steps, LOST, listed())
    assert [rejected(outcomes.UNCERTAIN)] * 2 == ends
    assert 1 == sum(isinstance(call, CreateLead) for call in calls)


def test_create_when_refused_is_made_again_without_what_was_refused() -> None:
    """A refusal has made nothing; a later create whose answer is lost is the last one."""
    (outcome,), calls, _ = Bench().write(
        INVALID, LOST, listed(lead()), lead_shown(phone=None), lead_shown(name="N", phone="1"),
        changes=[change(name="N", phone="1")],
    )  # fmt: skip
    created = [call for call in calls if isinstance(call, CreateLead)]
    assert [{"name": "N", "phone": "1"}, {}] == [
        {name: value for name, value in call.payload.items() if name not in {"role", "email"}} for call in created
    ]
    assert Status.DELIVERED is outcome.status


def test_create_is_never_sent_without_an_opt_out_of_the_record() -> None:
    """Of leads as of users: it stays in each attempt after a refusal."""
    wanted = change(name="N", unsubscribed_from_emails=True)
    _, calls, _ = Bench().write(INVALID, INVALID, changes=[wanted])
    assert [True, True] == [
        call.payload["unsubscribed_from_emails"] for call in calls if isinstance(call, CreateLead)
    ]  # fmt: skip


@pytest.mark.parametrize("known", [NOTHING_FOUND, None])
def test_lead_that_this_run_made_long_ago_is_read_before_another_is_created(known: Found | None) -> None:
    """A lookup from before says nothing, and what was written is believed for ten minutes only."""
    bench = Bench()
    bench.write(lead_shown(name="N"))
    bench.time.seconds += SEARCH_LAG_SECONDS
    bench.cache.written.forget(NAMED.key)
    (outcome,), calls, _ = bench.write(lead_shown(name="N"), found=known)
    assert (outcomes.UNCHANGED, [GET]) == (outcome, calls)


def test_lead_that_was_looked_for_and_found_is_read_before_another_is_created() -> None:
    """It is this run's as one whose create was answered."""
    bench = Bench()
    bench.write(LOST, listed(lead()), lead_shown(name="N"))
    bench.cache.written.forget(NAMED.key)
    (outcome,), calls, _ = bench.write(lead_shown(name="N"))
    assert (outcomes.UNCHANGED, [GET]) == (outcome, calls)


def test_lead_that_is_looked_for_is_none_that_this_run_has_taken_away() -> None:
    """The search may show that one for minutes to come, beside the one that was made."""
    bench = Bench()
    bench.cache.departures.note(NAMED.key, OTHER_ID)
    both = listed(lead(OTHER_ID), lead())
    (outcome,), calls, _ = bench.write(LOST, both, lead_shown(name="N"))
    assert (outcomes.UNCHANGED, [CREATE, LOOK, GET]) == (outcome, calls)


def test_lead_that_this_run_made_and_that_has_gone_is_created_anew() -> None:
    """Somebody has archived or deleted it: asked twice, for it may have been made a moment ago."""
    bench = Bench()
    bench.write(lead_shown(name="N"))
    answers = [NOT_FOUND, NOT_FOUND, NOT_FOUND, listed(), lead_shown(OTHER_ID, name="M")]
    _, calls, pauses = bench.write(*answers, changes=[change(name="M")], found=None)
    create = CreateLead({"role": "lead", "email": ADDRESS, "name": "M"})
    assert [UpdateContact(ID, {"name": "M"}), GET, GET, ASK, create] == calls
    assert [YOUNG_PAUSE_SECONDS] == pauses


def test_lead_that_was_merged_into_a_user_is_followed_and_no_second_one_created() -> None:
    """A search that is behind shows the lead; an update of it says only that it is not there."""
    merged = Answer(410, "json", MERGED.body, canonical_id=OTHER_ID)
    user = shown(OTHER_ID, email=ADDRESS)
    found = Found((contact(ID, role="lead", email=ADDRESS),))
    (outcome,), calls, _ = Bench().write(NOT_FOUND, merged, user, shown(OTHER_ID, email=ADDRESS, name="N"), found=found)
    assert outcomes.DELIVERED == outcome
    assert [UPDATE, GET, GET_OTHER, UpdateContact(OTHER_ID, {"name": "N"})] == calls


@pytest.mark.parametrize(
    ("answers", "calls"),
    [
        pytest.param([listed(), lead_shown(name="N")], [ASK, CREATE], id="nobody"),
        pytest.param([listed(lead()), lead_shown(), lead_shown(name="N")], [ASK, GET, UPDATE], id="a lead"),
    ],
)
def test_lead_whose_lookup_failed_is_asked_for_alone_before_it_is_created(
    answers: list[Answer], calls: list[Call]
) -> None:
    """A user's create would have met a conflict."""
    (outcome,), made, _ = Bench().write(*answers, found=UNSURE)
    assert (outcomes.DELIVERED, calls) == (outcome, made)


def test_lead_whose_lookup_is_refused_is_not_created() -> None:
    """Nobody could tell whether there is one."""
    (outcome,), calls, _ = Bench().write(INVALID, found=UNSURE)
    assert (Status.REJECTED, outcomes.REFUSED, [ASK]) == (outcome.status, outcome.reason, calls)


def test_person_of_an_event_whose_search_is_refused_becomes_no_lead() -> None:
    """The event's person counts as unknown to whoever sends it, but nobody could tell."""
    bench = Bench()
    people = bench.make_people(bench.upserter(LEADS))
    bench.drive(people.find(NAMED.key, Refusal(404)), INVALID)
    outcome, calls, _ = bench.drive(people.create(NAMED.key), INVALID)
    assert outcome is not None
    assert (outcomes.REFUSED, [ASK]) == (outcome.reason, calls)


def test_person_of_an_event_becomes_a_lead_without_being_asked_for_twice() -> None:
    """The search that did not find them was answered."""
    bench = Bench()
    people = bench.make_people(bench.upserter(LEADS))
    assert (
        rejected(outcomes.UNKNOWN_USER, Refusal(404)) == bench.drive(people.find(NAMED.key, Refusal(404)), listed())[0]
    )
    assert (None, [BARE], []) == bench.drive(people.create(NAMED.key), lead_shown())
    assert ID == people.lead(NAMED.key)


def test_event_of_a_lead_that_this_run_made_and_no_search_shows_makes_no_second_one() -> None:
    """The run has forgotten what it wrote, for the search did not know them: the contact is read by its id."""
    bench = Bench()
    people = bench.make_people(bench.upserter(LEADS))
    bench.drive(people.create(NAMED.key), lead_shown())
    people.forget(NAMED.key)
    assert (None, [GET], []) == bench.drive(people.create(NAMED.key), lead_shown())


def test_lead_that_this_run_made_is_upgraded_when_its_user_comes() -> None:
    """By a stream that knows people by their User ID, though no search shows the lead yet."""
    bench = Bench()
    bench.write(lead_shown(name="N"))
    user = ContactChange(Key("external_id", "k"), {"email": ADDRESS}, {})
    upgraded = shown(external_id="k", email=ADDRESS)
    ends, calls, _ = bench.drive(bench.upserter(Policy()).write([user], NOTHING_FOUND), lead_shown(), upgraded)
    assert [outcomes.DELIVERED] == ends
    assert [GET, UpdateContact(ID, {"external_id": "k", "role": "user", "email": ADDRESS})] == calls


def test_person_with_a_user_id_is_a_user_whatever_others_become() -> None:
    """A lead's is made up by Intercom."""
    bench = Bench()
    user = ContactChange(Key("external_id", "k"), {}, {})
    _, calls, _ = bench.drive(bench.upserter(LEADS).write([user], NOTHING_FOUND), shown(external_id="k"))
    assert [CreateContact({"role": "user", "external_id": "k"})] == calls


def test_conflict_of_a_lead_if_there_ever_is_one_is_climbed_as_a_users() -> None:
    """It has made nothing."""
    conflict = refusal(409, "conflict", f"A contact matching those details already exists with id={ID}")
    (outcome,), calls, _ = Bench().write(conflict, lead_shown(), lead_shown(name="N"))
    assert (outcomes.DELIVERED, [CREATE, GET, UPDATE]) == (outcome, calls)


class Gate:
    """Creates while none is answered."""

    def __init__(self) -> None:
        self.time = FakeTime()
        self.lost = LostCreates(self.time.now)

    def pass_on(self) -> float:
        """Wait until a create may be made; tell the seconds."""
        began = self.time.seconds
        while (pause := self.lost.pause()) is not None:
            self.time.seconds += pause
        return self.time.seconds - began


def test_creates_while_none_is_answered_go_one_by_one_and_ever_more_slowly() -> None:
    """Each that is lost may cost a record; one that is answered, be it refused, lets all go on."""
    gate = Gate()
    assert 0.0 == gate.pass_on()
    waits = []
    for _ in range(9):
        gate.lost.note_lost()
        waits.append(gate.pass_on())
    assert [1.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] == waits
    gate.lost.note_answered()
    assert [0.0, 0.0] == [gate.pass_on(), gate.pass_on()]


def test_create_while_none_is_answered_waits_for_the_one_that_goes_ahead() -> None:
    """Only one of those who wait at the same time may go."""
    gate = Gate()
    gate.lost.note_lost()
    gate.time.seconds += 1.0
    assert (None, 1.0, 1.0) == (gate.lost.pause(), gate.lost.pause(), gate.lost.pause())


def test_creates_when_none_is_answered_for_ten_minutes_end_the_sync() -> None:
    """Before another one is made: no record is lost by that. A single one that was lost long ago ends nothing."""
    gate = Gate()
    gate.lost.note_lost()
    gate.time.seconds += GIVE_UP_SECONDS * 2
    assert 0.0 == gate.pass_on()
    gate.lost.note_lost()
    with pytest.raises(OutageError, match="no creation of a lead was answered for 20 minutes"):
        gate.lost.pause()


@pytest.mark.parametrize(("answered", "most"), [(0, 20), (1900, 20), (5000, 50)])
def test_leads_when_too_many_are_uncertain_end_the_sync(answered: int, most: int) -> None:
    """Beyond twenty, once they are more than a hundredth: the next sync looks them up, and none of them is lost."""
    gate = Gate()
    for _ in range(answered):
        gate.lost.note_answered()
    for number in range(most):
        gate.lost.note_lost()
        gate.lost.note_uncertain(f"{number}@example.com", None)
    gate.lost.note_lost()
    with pytest.raises(OutageError, match="more than 20 leads and 1% of them"):
        gate.lost.note_uncertain(ADDRESS, None)


def test_lead_while_others_are_lost_waits_for_its_turn() -> None:
    """Nothing is created meanwhile; then its answer lets the others go on."""
    bench = Bench()
    bench.cache.lost_creates.note_lost()
    _, calls, pauses = bench.write(lead_shown(name="N"))
    assert ([CREATE], [1.0]) == (calls, pauses)
    assert None is bench.cache.lost_creates.pause()
