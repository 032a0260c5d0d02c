"""Who is the cause: a record, or the endpoint that its call is made to."""

from __future__ import annotations

import pytest

from destination_intercom.delivery.probes import (
    ALWAYS_PASSED_OVER,
    ATTEMPTS_OF_A_CAUSE,
    LEAST_SAME_SECONDS,
    PROOFS,
    RECORD_SECONDS,
    SAME_SECONDS,
    Endpoint,
    Endpoints,
    Trouble,
)
from destination_intercom.errors import MaybeSentError
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import CreateContact, PostEvent, UpdateContact
from unit_tests.keys import by_id
from unit_tests.task_bench import CONFLICT, INVALID, NOT_FOUND, refusal

BROKEN = refusal(500, "server_error")
GATEWAY = Answer(502, "other")
PAGE = Answer(500, "other")
TAKEN = Answer(202, "empty")
EVENT = PostEvent({})
GAP = 20.0
PROBE_SECONDS = 60.0


def fail(
    trouble: Trouble,
    endpoint: Endpoint,
    seconds: float,
    *,
    proven: bool = True,
    result: Answer | MaybeSentError = BROKEN,
) -> None:
    """Fail for so many seconds, an attempt each `GAP`, with another record's success between two of them, or none."""
    for _ in range(round(seconds / GAP)):
        if proven:
            endpoint.note_answer(EVENT, TAKEN, by_id("other"), now=0.0)
        trouble.note(endpoint, result, GAP)


def failing(seconds: float, *, held: float = 0.0, proven: bool = True) -> tuple[Trouble, Endpoint]:
    """A record whose call has failed for so many seconds."""
    trouble, endpoint = Trouble(held), Endpoint()
    trouble.note(endpoint, BROKEN, 0.0)
    fail(trouble, endpoint, seconds, proven=proven)
    return trouble, endpoint


def test_record_when_the_same_answer_has_come_for_five_minutes_is_the_cause() -> None:
    """Not a moment before."""
    trouble, endpoint = failing(SAME_SECONDS - GAP)
    assert not trouble.is_cause(endpoint)
    fail(trouble, endpoint, GAP)
    assert trouble.is_cause(endpoint)
    assert SAME_SECONDS == trouble.held


@pytest.mark.parametrize("other", [GATEWAY, PAGE, Answer(503, "json", {}), MaybeSentError("timeout")])
def test_record_when_another_answer_came_in_between_is_not_the_cause_for_five_minutes_more(
    other: Answer | MaybeSentError,
) -> None:
    """Another status, another kind of body, or none: something else is the matter."""
    trouble, endpoint = failing(SAME_SECONDS - GAP)
    trouble.note(endpoint, other, GAP)
    fail(trouble, endpoint, SAME_SECONDS)
    assert not trouble.is_cause(endpoint)
    fail(trouble, endpoint, GAP)
    assert trouble.is_cause(endpoint)


def test_record_when_its_call_gets_no_answer_is_never_the_cause() -> None:
    """A connection that breaks is nobody's fault."""
    trouble, endpoint = Trouble(0.0), Endpoint()
    fail(trouble, endpoint, RECORD_SECONDS, result=MaybeSentError("timeout"))
    assert not trouble.is_cause(endpoint)


def test_record_when_nothing_shows_that_the_endpoint_works_is_not_the_cause() -> None:
    """Three proofs, each between two attempts: many at once are one."""
    trouble, endpoint = failing(RECORD_SECONDS, proven=False)
    for _ in range(PROOFS - 1):
        for _ in range(5):
            endpoint.note_answer(EVENT, TAKEN, by_id("other"), now=0.0)
        trouble.note(endpoint, BROKEN, GAP)
        assert not trouble.is_cause(endpoint)
    fail(trouble, endpoint, GAP)
    assert trouble.is_cause(endpoint)


def test_record_when_others_were_answered_before_its_first_failure_is_not_the_cause() -> None:
    """What worked before says nothing of now."""
    endpoint = Endpoint()
    for _ in range(5):
        endpoint.note_answer(EVENT, TAKEN, by_id("other"), now=0.0)
    trouble = Trouble(0.0)
    trouble.note(endpoint, BROKEN, 0.0)
    fail(trouble, endpoint, RECORD_SECONDS, proven=False)
    assert not trouble.is_cause(endpoint)


@pytest.mark.parametrize(
    ("call", "answer", "proves"),
    [
        (EVENT, TAKEN, True),
        (EVENT, NOT_FOUND, True),
        (CreateContact({}), CONFLICT, True),
        (EVENT, INVALID, False),
        (EVENT, refusal(404, "resource_missing"), False),
        (EVENT, refusal(422, "422"), False),
        (EVENT, refusal(410, "contact_merged"), False),
    ],
)
def test_answer_when_it_is_intercoms_own_word_is_a_proof(call: PostEvent, answer: Answer, proves: bool) -> None:
    """What was asked for, `not_found`, a conflict; a refusal of a value proves nothing."""
    endpoint = Endpoint()
    endpoint.note_answer(call, answer, by_id("other"), now=0.0)
    assert proves == endpoint.words


def test_record_when_a_probe_fails_begins_anew_and_the_outage_is_not_counted() -> None:
    """For as long as nothing shows that it is over."""
    trouble, endpoint = failing(SAME_SECONDS - GAP)
    endpoint.note_outage()
    fail(trouble, endpoint, 10 * SAME_SECONDS, proven=False)
    assert SAME_SECONDS - GAP == trouble.held
    assert not trouble.is_cause(endpoint)
    fail(trouble, endpoint, SAME_SECONDS)
    assert not trouble.is_cause(endpoint)
    fail(trouble, endpoint, GAP)
    assert trouble.is_cause(endpoint)


def test_record_when_a_probe_failed_and_others_succeeded_between_two_attempts_begins_anew() -> None:
    """An endpoint that comes and goes is no proof."""
    trouble, endpoint = failing(SAME_SECONDS - GAP)
    endpoint.note_outage()
    fail(trouble, endpoint, GAP)
    assert not trouble.is_cause(endpoint)
    assert SAME_SECONDS - GAP == trouble.held


@pytest.mark.parametrize(
    ("held", "needed"),
    [(0.0, SAME_SECONDS), (200.0, SAME_SECONDS), (400.0, 200.0), (560.0, LEAST_SAME_SECONDS), (9999.0, 60.0)],
)
def test_record_when_it_was_held_up_before_needs_what_is_left_of_ten_minutes(held: float, needed: float) -> None:
    """One deadline for all its calls, but a minute at the least: a passing failure is nobody's fault."""
    trouble, endpoint = failing(needed - GAP, held=held)
    assert not trouble.is_cause(endpoint)
    fail(trouble, endpoint, GAP)
    assert trouble.is_cause(endpoint)


def test_record_when_found_to_be_the_cause_is_told_soon_of_its_next_call() -> None:
    """A smaller one that fails in the same way, but for an outage; in another way it has its own time."""
    trouble, endpoint = failing(SAME_SECONDS)
    trouble.note_cause()
    trouble.begin()
    for _ in range(ATTEMPTS_OF_A_CAUSE - 1):
        trouble.note(endpoint, BROKEN, 1.0)
        assert not trouble.is_cause(endpoint)
    trouble.note(endpoint, BROKEN, 1.0)
    assert trouble.is_cause(endpoint)
    endpoint.note_outage()
    assert not trouble.is_cause(endpoint)
    endpoint.note_answer(EVENT, TAKEN, by_id("other"), now=0.0)
    trouble.begin()
    for _ in range(ATTEMPTS_OF_A_CAUSE):
        trouble.note(endpoint, GATEWAY, 1.0)
    assert not trouble.is_cause(endpoint)


def overdue(seconds: float, *, held: float = 0.0, steady: bool = False) -> bool:
    """Say whether a record is overdue whose call has failed for so long, in ever other ways or in the same."""
    trouble, endpoint = Trouble(held), Endpoint()
    for number in range(round(seconds / GAP) + 1):
        trouble.note(endpoint, BROKEN if steady or number % 2 else GATEWAY, GAP)
    return trouble.is_overdue


def test_record_when_nobody_knows_the_cause_is_overdue_after_ten_minutes_and_a_minute_of_its_call() -> None:
    """However long it was held up before."""
    assert [False, True] == [overdue(RECORD_SECONDS - GAP), overdue(RECORD_SECONDS)]
    short = LEAST_SAME_SECONDS
    assert [False, True] == [overdue(short - GAP, held=RECORD_SECONDS), overdue(short, held=RECORD_SECONDS)]


def test_record_when_only_proofs_are_lacking_has_a_minute_more() -> None:
    """It is about to be found out."""
    more = RECORD_SECONDS + LEAST_SAME_SECONDS
    assert [False, True] == [overdue(more - GAP, steady=True), overdue(more, steady=True)]


def test_proof_when_little_time_is_left_is_asked_for_sooner() -> None:
    """Three of them must fit in."""
    trouble, endpoint = Trouble(RECORD_SECONDS), Endpoint()
    trouble.failing_since = 0.0
    trouble.note(endpoint, BROKEN, 0.0)
    assert [False, True] == [trouble.lacks_proof(endpoint, now) for now in (11.0, 12.0)]


def test_proof_when_nothing_was_heard_for_a_minute_is_asked_for() -> None:
    """A minute from the first failure, from the last word of the endpoint's and from the last probe; for an answer."""
    trouble, endpoint = Trouble(0.0), Endpoint()
    trouble.failing_since = 0.0
    trouble.note(endpoint, BROKEN, 0.0)
    assert not trouble.lacks_proof(endpoint, PROBE_SECONDS - 1)
    assert trouble.lacks_proof(endpoint, PROBE_SECONDS)
    endpoint.heard_at = PROBE_SECONDS
    assert not trouble.lacks_proof(endpoint, 2 * PROBE_SECONDS - 1)
    assert trouble.lacks_proof(endpoint, 2 * PROBE_SECONDS)
    endpoint.note_answer(EVENT, TAKEN, by_id("other"), now=70.0)
    assert not trouble.lacks_proof(endpoint, 129.0)
    endpoint.note_answer(EVENT, INVALID, by_id("other"), now=80.0)
    assert trouble.lacks_proof(endpoint, 130.0)
    trouble.note(endpoint, MaybeSentError("timeout"), GAP)
    assert not trouble.lacks_proof(endpoint, 130.0)


@pytest.mark.parametrize(
    ("records", "passed_over", "may"),
    [(1, 0, True), (20, 19, True), (1000, 20, False), (2000, 20, False), (2100, 20, True), (10**6, 9999, True)],
)
def test_record_when_many_were_passed_over_is_so_up_to_twenty_and_one_percent(
    records: int, passed_over: int, may: bool
) -> None:
    """Beyond twenty, as long as they are no more than a hundredth of the endpoint's records."""
    endpoint = Endpoint(records=records, passed_over=passed_over)
    assert may == endpoint.may_pass_over
    assert 20 == ALWAYS_PASSED_OVER


def test_endpoint_when_nobody_fails_there_any_more_has_no_outage() -> None:
    """Where the last call that failed is given up, nothing is known; an answer ends it in any case."""
    endpoint, first, second = Endpoint(), Trouble(0.0), Trouble(0.0)
    since: list[float | None] = []
    endpoint.note_failure(first, 10.0)
    endpoint.note_failure(second, 20.0)
    endpoint.note_end(first)
    since.append(endpoint.failing_since)
    endpoint.note_end(second)
    since.append(endpoint.failing_since)
    endpoint.note_failure(first, 30.0)
    since.append(endpoint.failing_since)
    endpoint.note_answer(EVENT, INVALID, by_id("other"), now=0.0)
    since.append(endpoint.failing_since)
    assert [10.0, None, 30.0, None] == since


def test_calls_when_taken_are_remembered_of_the_latest_few_people() -> None:
    """Each person's latest; what was refused, and what was nobody's, is none."""
    endpoints = Endpoints()
    updates = endpoints.of(UpdateContact.endpoint)
    for number, who in enumerate("abacd"):
        updates.note_answer(UpdateContact("1", {"n": number}), Answer(200, "json", {"id": "1"}), by_id(who), now=0.0)
    updates.note_answer(UpdateContact("1", {"n": 8}), NOT_FOUND, by_id("e"), now=0.0)
    updates.note_answer(UpdateContact("1", {"n": 9}), Answer(200, "json", {"id": "1"}), None, now=0.0)
    told = [(key.value, call.payload["n"]) for key, call in endpoints.taken if isinstance(call, UpdateContact)]
    assert [("d", 4), ("c", 3), ("a", 2)] == told
