"""Groups of contacts, the calls and jobs they become, and what becomes of each contact; driven by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from destination_intercom.contacts.bulk import (
    EARLY,
    FIRST_POLL,
    LONGEST_AGE,
    LONGEST_FAILURE,
    LONGEST_GAP,
    LONGEST_JOB,
    LONGEST_POLL,
    LOOK,
    MOST_BYTES,
    MOST_CONTACTS,
    MOST_REFUSED,
    SHORTEST_AGE,
    BulkWriter,
    Ending,
    Make,
)
from destination_intercom.delivery.kinds import Notes
from destination_intercom.delivery.tasks import UndeliverableError
from destination_intercom.intercom.answers import Answer, Passage, RateHeaders
from destination_intercom.intercom.calls import (
    Call,
    CreateContactsInBulk,
    GetBulkJob,
    UpdateContactsInBulk,
)
from destination_intercom.intercom.costs import SURE_AFTER
from destination_intercom.outcomes import rejected
from unit_tests.contacts.crew import Crew, Made, Says
from unit_tests.task_bench import FakeTime, refusal

JOB = "job_v2_1"
DONE, PERHAPS, NOT_SENT = Ending.DONE, Ending.PERHAPS, Ending.NOT_SENT
NO_ANSWER = Answer(0, "empty", is_lost=True)
PAGE = Answer(502, "other")
WRONG_VERSION = refusal(400, "intercom_version_invalid", "The requested resource does not exist in this version")
NO_ROUTE = refusal(404, "not_found", "The requested resource does not exist")


def job(state: str = "completed", *, status: int = 202, contacts: int | None = None, **more: Any) -> Answer:
    """A job as an answer shows it."""
    task = {"id": "task_v2_1", "state": state} | ({} if contacts is None else {"item_count": contacts})
    body = {"type": "contacts.bulk.job", "id": JOB, "state": state, "tasks": [task], **more}
    return Answer(status, "json", body)


class Desk:
    """A writer of contacts in bulk, and an Intercom whose answers are given: for each call, the next of its endpoint."""

    def __init__(self, *answers: Says, polls: list[Says] | None = None, **options: Any) -> None:
        self.time = FakeTime()
        self.notes = Notes()
        self.writer = BulkWriter(self.time.now, self.notes, **options)
        self._answers = list(answers)
        self._polls = list(polls or [])
        self.crew = Crew(self._answer, time=self.time)

    def _answer(self, call: Call) -> Says:
        """The last answer is given again and again; a job that nobody scripted has ended at its first poll."""
        if isinstance(call, GetBulkJob):
            told = self._polls or [job(status=200)]
            return told.pop(0) if len(told) > 1 else told[0]
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0] if self._answers else job("running")

    def write(self, count: int, make: Make = UpdateContactsInBulk, *, after: float = 0.0, size: int = 1) -> None:
        """Let so many contacts join, each in a task of its own."""
        for number in range(count):
            self.crew.add(self.writer.write(make, {"id": str(number), "name": "n" * size}), after=after)

    def run(self) -> list[Ending]:
        """Carry out all tasks."""
        return self.crew.run()

    def made(self, kind: type[Call]) -> list[Made]:
        """The calls of a kind, with their moments."""
        return [each for each in self.crew.made if isinstance(each.call, kind)]

    @property
    def sizes(self) -> list[int]:
        """How many contacts each bulk call had."""
        calls = (each.call for each in self.crew.made if not isinstance(each.call, GetBulkJob))
        return [len((call.body or {})["contacts"]) for call in calls]

    @property
    def texts(self) -> list[str]:
        """What the user was told."""
        return [note.text for note in self.notes.take()]


def test_group_when_it_is_full_then_goes_at_once_and_all_of_it_in_one_call() -> None:
    """Nobody waits for two seconds in vain."""
    desk = Desk(job())
    desk.write(MOST_CONTACTS)
    assert [DONE] * MOST_CONTACTS == desk.run()
    (made,) = desk.made(UpdateContactsInBulk)
    assert [str(number) for number in range(MOST_CONTACTS)] == [
        each["id"] for each in (made.call.body or {})["contacts"]
    ]
    assert made.at < LONGEST_AGE / 2


def test_group_when_nobody_else_comes_then_goes_after_two_seconds() -> None:
    """Of its own age; one that is opened later goes later."""
    desk = Desk(job())
    desk.write(2)
    desk.write(1, after=1.5)
    desk.write(1, after=2.5)
    assert [DONE] * 4 == desk.run()
    assert [3, 1] == desk.sizes
    assert [LONGEST_AGE, 2.5 + LONGEST_AGE] == pytest.approx(
        [each.at for each in desk.made(UpdateContactsInBulk)], abs=0.01
    )


def test_group_when_another_change_of_one_of_its_contacts_waits_then_goes_sooner() -> None:
    """Whether it waits already or comes meanwhile: a person's second change must not wait for two seconds each time."""
    desk = Desk(job())
    desk.write(2)
    desk.crew.add(desk.writer.write(UpdateContactsInBulk, {"id": "x"}, lambda: desk.crew.now >= 1.0))
    assert [DONE] * 3 == desk.run()
    (made,) = desk.made(UpdateContactsInBulk)
    assert 3 == len((made.call.body or {})["contacts"])
    assert 1.0 == pytest.approx(made.at, abs=2 * LOOK)
    desk.crew.add(desk.writer.write(UpdateContactsInBulk, {"id": "x"}, lambda: True))
    began = desk.crew.now
    desk.run()
    assert SHORTEST_AGE == pytest.approx(desk.made(UpdateContactsInBulk)[1].at - began)


def test_group_when_creates_and_updates_come_then_each_have_their_own() -> None:
    """Two endpoints."""
    desk = Desk(job())
    desk.write(2)
    desk.write(3, CreateContactsInBulk)
    assert [DONE] * 5 == desk.run()
    assert [1, 1] == [len(desk.made(kind)) for kind in (UpdateContactsInBulk, CreateContactsInBulk)]


def test_group_when_its_contacts_are_large_then_goes_before_it_is_full() -> None:
    """What Intercom takes in one body is not known."""
    desk = Desk(job())
    desk.write(4, size=MOST_BYTES // 2)
    assert [DONE] * 4 == desk.run()
    assert [2, 2] == desk.sizes


def test_group_when_there_are_more_than_a_hundred_then_several_calls_take_them() -> None:
    """One job a call, and none is appended to."""
    desk = Desk(job())
    desk.write(2 * MOST_CONTACTS + 1)
    assert [DONE] * (2 * MOST_CONTACTS + 1) == desk.run()
    assert [MOST_CONTACTS, MOST_CONTACTS, 1] == desk.sizes
    assert all({"contacts"} == (each.call.body or {}).keys() for each in desk.made(UpdateContactsInBulk))


def test_job_when_it_takes_time_then_is_asked_for_at_growing_intervals() -> None:
    """Half a second, then twice as long each time, up to half a minute."""
    desk = Desk(polls=[*[job("running", status=200)] * 9, job(status=200)])
    desk.write(1)
    assert [DONE] == desk.run()
    moments = [each.at for each in desk.made(GetBulkJob)]
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert FIRST_POLL == pytest.approx(moments[0] - LONGEST_AGE, abs=0.01)
    assert [FIRST_POLL, 1, 2, 4, 8, 16] == pytest.approx([gaps[0], *gaps[1:6]], abs=LONGEST_GAP)
    assert sorted(gaps) == gaps
    assert LONGEST_POLL == pytest.approx(max(gaps), abs=0.01)


def test_job_when_the_last_one_took_long_then_is_not_asked_for_before_most_of_that_time_has_passed() -> None:
    """A job of ten seconds need not be asked for five times."""
    desk = Desk(polls=[*[job("running", status=200)] * 4, job(status=200)])
    desk.write(1)
    desk.run()
    before = desk.made(GetBulkJob)
    desk.write(1)
    assert [DONE, DONE] == desk.run()
    polls, (first, second) = desk.made(GetBulkJob), desk.made(UpdateContactsInBulk)
    assert len(before) + 1 == len(polls)
    assert EARLY * (before[-1].at - first.at) == pytest.approx(polls[-1].at - second.at)


@pytest.mark.parametrize(("limit", "most"), [(1666, 833), (167, 84), (5, 20), (None, 20)])
def test_polls_when_many_jobs_are_open_then_are_a_twentieth_of_the_calls_or_twenty_a_minute(
    limit: int | None, most: int
) -> None:
    """Of 10,000, of 1,000 and of thirty calls a minute, and where nobody tells."""
    rate = None if limit is None else RateHeaders(limit, limit, 10.0, 10.0)
    running = replace(job("running", status=200), rate=rate)
    desk = Desk(replace(job("running"), rate=rate), polls=[running])
    desk.write(60 * MOST_CONTACTS)
    assert {PERHAPS} == set(desk.run())
    moments = [each.at for each in desk.made(GetBulkJob)]
    busiest = max(sum(begin <= at < begin + 60 for at in moments) for begin in moments)
    assert busiest <= most + 1
    assert busiest > most / 4 or limit == 1666


@pytest.mark.parametrize(
    "ended",
    [
        job("completed_with_errors", status=200),
        job("completed", status=200, tasks=[{"state": "completed"}, {"state": "completed_with_errors"}]),
        job("completed", status=200, contacts=1),
        refusal(404, "job_not_found", f"job {JOB} not found"),
    ],
    ids=["errors", "errors of a task", "some are missing", "not found"],
)
def test_job_when_not_all_of_it_went_well_then_nobody_is_sure_of_any_contact(ended: Answer) -> None:
    """Intercom tells of no contact which one it was: all go alone."""
    desk = Desk(polls=[job("running", status=200), ended])
    desk.write(3)
    assert [PERHAPS] * 3 == desk.run()
    assert 1 == len(desk.made(UpdateContactsInBulk))


def test_job_when_an_answer_shows_it_as_ended_then_nobody_asks_for_it() -> None:
    """A call is saved."""
    desk = Desk(job(contacts=2))
    desk.write(2)
    assert [DONE] * 2 == desk.run()
    assert [] == desk.made(GetBulkJob)


@pytest.mark.parametrize("failure", [PAGE, NO_ANSWER, Answer(200, "json", None), refusal(500, "server_error")], ids=str)
def test_job_when_a_poll_fails_then_it_is_asked_for_again(failure: Answer) -> None:
    """That nobody answers says nothing of the job."""
    desk = Desk(polls=[failure, failure, job(status=200)])
    desk.write(1)
    assert [DONE] == desk.run()


def test_job_when_it_has_not_ended_after_five_minutes_then_its_contacts_and_all_others_go_alone() -> None:
    """No record waits for two such jobs, and the user is told once."""
    desk = Desk(polls=[job("running", status=200)])
    desk.write(2)
    desk.write(2, CreateContactsInBulk)
    desk.write(2, after=LONGEST_JOB + 30)
    assert [PERHAPS] * 4 + [NOT_SENT] * 2 == desk.run()
    assert 2 == len(desk.sizes)
    (text,) = desk.texts
    assert text.startswith("A bulk job had not ended after 5 minutes")
    assert LONGEST_JOB + LONGEST_AGE <= desk.crew.made[-1].at <= LONGEST_JOB + 2 * LONGEST_AGE + LONGEST_GAP


def test_call_when_it_has_too_many_contacts_then_the_limit_is_obeyed_from_then_on() -> None:
    """As Intercom names it; those of the call go in several."""
    many = refusal(422, "parameter_invalid", "maximum number of contacts per request is 30")
    desk = Desk(many, job())
    desk.write(MOST_CONTACTS)
    desk.write(35, after=10)
    assert [DONE] * (MOST_CONTACTS + 35) == desk.run()
    assert [MOST_CONTACTS, 30, 30, 30, 10, 30, 5] == desk.sizes
    assert ["Intercom takes no more than 30 contacts in a bulk call: so many are sent in each."] == desk.texts


@pytest.mark.parametrize("told", ["0", "100", "1000"])
def test_call_when_the_limit_it_is_told_does_not_explain_the_refusal_then_the_contacts_go_alone(told: str) -> None:
    """Nobody sends the same for ever."""
    many = refusal(422, "parameter_invalid", f"maximum number of contacts per request is {told}")
    desk = Desk(many, job())
    desk.write(MOST_CONTACTS)
    assert [NOT_SENT] * MOST_CONTACTS == desk.run()
    assert [MOST_CONTACTS] == desk.sizes


def test_call_when_its_contacts_take_several_jobs_then_not_longer_than_one_may_all_in_all() -> None:
    """What is left after five minutes goes alone."""
    many = refusal(422, "parameter_invalid", "maximum number of contacts per request is 40")
    slow = [*[job("running", status=200)] * 14, job(status=200)]
    desk = Desk(many, job("running"), polls=[*slow, *slow, *slow])
    desk.write(MOST_CONTACTS)
    endings = desk.run()
    assert [DONE] * 40 == endings[:40]
    assert NOT_SENT == endings[-1]


@pytest.mark.parametrize("absent", [WRONG_VERSION, NO_ROUTE, Answer(404, "other"), Answer(405, "empty")], ids=str)
def test_call_when_the_version_has_none_then_the_preview_and_then_nothing_is_tried(absent: Answer) -> None:
    """Each step is told once, and the rest goes by itself."""
    desk = Desk(absent)
    desk.write(MOST_CONTACTS)
    desk.write(5, CreateContactsInBulk)
    desk.write(5, after=60)
    assert {NOT_SENT} == set(desk.run())
    assert ["2.17", "Preview"] == [each.call.version for each in desk.crew.made]
    first, second = desk.texts
    assert "version 2.17" in first
    assert "no bulk endpoint to this workspace" in second
    assert desk.writer.is_off


def test_call_when_the_preview_has_it_then_stays_there() -> None:
    """Polls too."""
    desk = Desk(WRONG_VERSION, job("running"))
    desk.write(2)
    desk.write(2, after=30)
    assert [DONE] * 4 == desk.run()
    assert ["2.17", *["Preview"] * (len(desk.crew.made) - 1)] == [each.call.version for each in desk.crew.made]
    assert 1 == len(desk.texts)


def test_call_when_it_is_not_found_after_one_was_taken_then_bulk_goes_on() -> None:
    """Some proxy's 404 is no word on the version."""
    desk = Desk(job(), Answer(404, "other"), job())
    for number in range(3):
        desk.write(2, after=30 * number)
    assert [DONE] * 2 + [PERHAPS] * 2 + [DONE] * 2 == desk.run()
    assert [] == desk.texts


@pytest.mark.parametrize(
    ("message", "is_off"), [("job job_v2_1 is closed for new task updates", False), ("Forbidden", True)]
)
def test_call_when_it_is_forbidden_then_the_contacts_go_alone(message: str, is_off: bool) -> None:
    """A closed job says nothing of the next one; anything else of all."""
    desk = Desk(refusal(403, "forbidden", message), job())
    desk.write(2)
    desk.write(2, after=30)
    assert [NOT_SENT] * 2 + [NOT_SENT if is_off else DONE] * 2 == desk.run()
    assert is_off == desk.writer.is_off
    assert is_off == any("forbids" in text for text in desk.texts)


@pytest.mark.parametrize(
    "refused",
    [refusal(400, "parameter_invalid"), refusal(413, "too_large"), refusal(422, "type_mismatch")],
    ids=str,
)
def test_call_when_it_is_refused_then_the_contacts_go_alone_and_all_after_three_in_a_row(refused: Answer) -> None:
    """One bad contact may spoil a call, but not three calls."""
    desk = Desk(refused)
    for number in range(MOST_REFUSED + 1):
        desk.write(2, after=30 * number)
    assert {NOT_SENT} == set(desk.run())
    assert MOST_REFUSED == len(desk.sizes)
    (text,) = desk.texts
    assert f"status {refused.status}" in text


def test_call_when_every_other_one_is_refused_then_bulk_goes_on() -> None:
    """In a row, that is."""
    desk = Desk(*[refusal(400, "parameter_invalid"), job()] * 4)
    for number in range(8):
        desk.write(1, after=30 * number)
    assert [NOT_SENT, DONE] * 4 == desk.run()
    assert [] == desk.texts


@pytest.mark.parametrize("failure", [NO_ANSWER, PAGE, refusal(500, "server_error")], ids=str)
@pytest.mark.parametrize("make", [CreateContactsInBulk, UpdateContactsInBulk])
def test_call_when_it_failed_then_nobody_knows_of_any_contact_and_the_next_group_tries_again(
    failure: Answer, make: Make
) -> None:
    """The call is not made again: what it was for goes alone, and may have been written."""
    desk = Desk(failure, job())
    desk.write(3, make)
    desk.write(2, make, after=30)
    assert [PERHAPS] * 3 + [DONE] * 2 == desk.run()
    assert [3, 2] == desk.sizes


def test_call_when_all_fail_for_five_minutes_then_no_more_are_made() -> None:
    """Whatever else is well."""
    desk = Desk(PAGE)
    for number in range(6):
        desk.write(1, after=80 * number)
    assert [PERHAPS] * 5 + [NOT_SENT] == desk.run()
    (text,) = desk.texts
    assert "POST" not in text
    assert "PUT /contacts/bulk: status 502" in text
    assert 4 * 80 > LONGEST_FAILURE


@pytest.mark.parametrize("at_poll", [False, True])
def test_call_when_it_is_found_undeliverable_then_the_whole_group_goes_alone(at_poll: bool) -> None:
    """The record that led is no more to blame than any other, and nobody waits for ever."""
    blamed = UndeliverableError(rejected("undeliverable"))
    desk = Desk(job("running"), polls=[blamed]) if at_poll else Desk(blamed)
    desk.write(3)
    assert [PERHAPS] * 3 == desk.run()


def test_writer_when_it_only_pretends_then_makes_no_call_and_counts() -> None:
    """A dry run."""
    desk = Desk(pretends=True)
    desk.write(3)
    assert [NOT_SENT] * 3 == desk.run()
    desk.writer.count_ordinary()
    assert [] == desk.crew.made
    assert "Bulk: contacts that would go in bulk: 3; one by one: 1." == desk.writer.summary()


def test_summary_when_contacts_went_both_ways_then_tells_how_many() -> None:
    """In bulk, after a bulk call that did not take all, and by themselves from the start."""
    desk = Desk(job(), job("completed_with_errors"))
    desk.write(3)
    desk.write(2, after=30)
    desk.run()
    desk.writer.count_ordinary()
    expected = (
        "Bulk: contacts written in bulk: 3 (calls: 2, to ask for their jobs: 0);"
        " one by one: 3, of them sent in bulk before: 2."
    )
    assert expected == desk.writer.summary()


class Meter:
    """Answers bulk calls as an Intercom does where each costs `cost(contacts)` of a window's allowance."""

    def __init__(self, cost: Callable[[int], int], *, limit: int = 1000) -> None:
        self.left = limit
        self._limit = limit
        self._cost = cost
        self._granted = 0

    def answer(self, call: Call) -> Answer:
        """Take what the call costs, and tell what is left."""
        before, self._granted = self.left, self._granted + 1
        contacts = 1 if isinstance(call, GetBulkJob) else self._cost(len((call.body or {})["contacts"]))
        self.left = max(self.left - contacts, 0)
        passage = Passage(number=self._granted, left=before, mark=0.0, in_flight=0, granted=self._granted, awaited=0)
        shown = job(status=200) if isinstance(call, GetBulkJob) else job("running")
        return replace(shown, rate=RateHeaders(self._limit, self.left, 0.0, 1.0), passage=passage)


def _weighed(cost: Callable[[int], int], *, groups: int, **options: Any) -> tuple[Desk, Crew, list[Ending]]:
    desk = Desk()
    crew = Crew(Meter(cost, **options).answer, time=desk.time, latency=lambda: 0.5)
    desk.crew = crew
    desk.write(groups * MOST_CONTACTS)
    return desk, crew, desk.run()


def test_cost_when_a_call_counts_as_one_then_the_first_shows_it_and_the_others_go_at_once() -> None:
    """What is spent is less than its contacts: no other app can make it so."""
    desk, crew, endings = _weighed(lambda contacts: 1, groups=6)
    assert {DONE} == set(endings)
    begun = [each.at for each in crew.made if isinstance(each.call, UpdateContactsInBulk)]
    assert 2 == len(set(begun))
    assert [] == desk.texts


def test_cost_when_each_contact_counts_then_few_calls_show_it_and_the_rest_goes_alone() -> None:
    """One call at a time until it is known, so that no window is overdrawn; and it is told."""
    desk, crew, endings = _weighed(lambda contacts: contacts, groups=8)
    assert [DONE] * SURE_AFTER * MOST_CONTACTS == endings[: SURE_AFTER * MOST_CONTACTS]
    assert {NOT_SENT} == set(endings[SURE_AFTER * MOST_CONTACTS :])
    begun = [each.at for each in crew.made if isinstance(each.call, UpdateContactsInBulk)]
    assert SURE_AFTER == len(set(begun)) == len(begun)
    (text,) = desk.texts
    assert "bulk gains nothing" in text
