"""Errands driven by hand: the calls that one contact or event takes, and what each answer comes to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from destination_intercom import outcomes
from destination_intercom.calls import (
    Answer,
    Call,
    CreateContact,
    FindByExternalId,
    GetContact,
    PostEvent,
    SearchContacts,
    UpdateContact,
)
from destination_intercom.contacts import ContactChange
from destination_intercom.deliver import YOUNG_SECONDS, Bounded, Delivery, Errand, Memory, Pause, Question
from destination_intercom.events import EventPayload
from destination_intercom.outcomes import Outcome, Status

ID = "5da6f18e3d7cf967e4582d05"
OTHER_ID = "6064d5c43910cc082d903f6c"
FIELDS = {"name": "N"}


def refusal(status: int, code: str, message: str = "") -> Answer:
    """An answer in Intercom's envelope."""
    errors = [{"code": code, "message": message}]
    return Answer(status, "json", {"type": "error.list", "request_id": "r1", "errors": errors}, request_id="r1")


def shown(contact_id: str = ID, **more: Any) -> Answer:
    """A contact as an answer shows it."""
    return Answer(200, "json", {"type": "contact", "id": contact_id, "role": "user", **more})


CREATED = shown()
TAKEN = Answer(202, "empty")
NOT_FOUND = refusal(404, "not_found", "User Not Found")
MERGED = refusal(410, "contact_merged")
CONFLICT = refusal(409, "conflict", f"A contact matching those details already exists with id={ID}")
ARCHIVED_CONFLICT = refusal(409, "conflict", f"An archived contact matching those details already exists with id={ID}")
VAGUE_CONFLICT = refusal(409, "conflict", "A contact matching those details already exists")
INVALID = refusal(400, "parameter_invalid", "Custom attribute 'x' does not exist")


class FakeTime:
    """Moves on by what an errand pauses."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def now(self) -> float:
        return self.seconds


@dataclass
class Bench:
    """A delivery whose errands are driven by hand."""

    create_unknown: bool = False
    memory: Memory = field(default_factory=Memory)
    time: FakeTime = field(default_factory=FakeTime)

    @staticmethod
    def _errand(delivery: Delivery, payload: ContactChange | EventPayload) -> Errand:
        return delivery.contact(payload) if isinstance(payload, ContactChange) else delivery.event(payload)

    def drive(self, payload: ContactChange | EventPayload, *answers: Answer) -> tuple[Outcome, list[Call], list[float]]:
        """Answer the errand's calls one by one; return the outcome, the calls and the pauses."""
        delivery = Delivery(memory=self.memory, now=self.time.now, create_unknown=self.create_unknown)
        errand = self._errand(delivery, payload)
        calls: list[Call] = []
        pauses: list[float] = []
        left = list(answers)
        try:
            step = next(errand)
            while True:
                if isinstance(step, Pause):
                    pauses.append(step.seconds)
                    self.time.seconds += step.seconds
                    step = next(errand)
                else:
                    calls.append(step)
                    step = errand.send(left.pop(0))
        except StopIteration as stop:
            assert not left, "there were more answers than calls"
            outcome: Outcome = stop.value
            return outcome, calls, pauses


def change(key: str = "k", *, email: bool = False, fields: dict[str, Any] | None = None) -> ContactChange:
    """A change to a contact."""
    return ContactChange(key, email, FIELDS if fields is None else fields, {"plan": "p"} if fields is None else {})


def event(key: str = "k", *, email: bool = False, name: str = "did it", at: int = 7, **metadata: Any) -> EventPayload:
    """An event."""
    return EventPayload(key, email, name, at, metadata)


BODY = {"name": "N", "custom_attributes": {"plan": "p"}}
CREATE = CreateContact({"role": "user", "external_id": "k", **BODY})
CREATE_EMAIL = CreateContact({"role": "user", "email": "k@example.com", **BODY})
CREATE_BARE = CreateContact({"role": "user", "external_id": "k"})
UPDATE = UpdateContact(ID, BODY)
GET = GetContact(ID)
POST = PostEvent({"event_name": "did it", "created_at": 7, "user_id": "k"})
FIND = FindByExternalId("k")
SEARCH = SearchContacts(
    {
        "query": {
            "operator": "AND",
            "value": [
                {"field": "email", "operator": "=", "value": "k@example.com"},
                {"field": "role", "operator": "=", "value": "user"},
            ],
        }
    }
)


def listed(*ids: str) -> Answer:
    """What a search has found."""
    return Answer(200, "json", {"type": "list", "data": [{"id": each} for each in ids]})


@dataclass(frozen=True)
class Case:
    """The answers to a contact's errand; what it asks for them and comes to."""

    answers: list[Answer]
    calls: list[Call]
    status: Status
    reason: str = ""
    known: str | None = None
    remembered: str | None = None
    change: ContactChange = field(default_factory=change)
    pauses: list[float] = field(default_factory=list)


CONTACT_CASES: dict[str, Case] = {
    "created": Case([CREATED], [CREATE], Status.DELIVERED, remembered=ID),
    "create refused": Case([INVALID], [CREATE], Status.REJECTED, outcomes.REFUSED),
    "known": Case([CREATED], [UPDATE], Status.DELIVERED, known=ID, remembered=ID),
    "known, nothing to change": Case([], [], Status.UNCHANGED, known=ID, remembered=ID, change=change(fields={})),
    "known, update refused": Case([INVALID], [UPDATE], Status.REJECTED, outcomes.REFUSED, known=ID, remembered=ID),
    "known, update in conflict": Case(
        [VAGUE_CONFLICT], [UPDATE], Status.REJECTED, outcomes.CONFLICT, known=ID, remembered=ID
    ),
    "known, gone, created": Case(
        [NOT_FOUND, shown(OTHER_ID)], [UPDATE, CREATE], Status.DELIVERED, known=ID, remembered=OTHER_ID
    ),
    "known, merged, created": Case(
        [MERGED, shown(OTHER_ID)], [UPDATE, CREATE], Status.DELIVERED, known=ID, remembered=OTHER_ID
    ),
    "known, gone, refused": Case(
        [NOT_FOUND, INVALID], [UPDATE, CREATE], Status.REJECTED, outcomes.REFUSED, known=ID, remembered=None
    ),
    "conflict with oneself": Case(
        [CONFLICT, shown(external_id="k"), CREATED], [CREATE, GET, UPDATE], Status.DELIVERED, remembered=ID
    ),
    "conflict with oneself, nothing to change": Case(
        [CONFLICT, shown(external_id="k")],
        [CREATE_BARE, GET],
        Status.UNCHANGED,
        remembered=ID,
        change=change(fields={}),
    ),
    "conflict with another id": Case(
        [CONFLICT, shown(external_id="other")], [CREATE, GET], Status.REJECTED, outcomes.IDENTITY_CONFLICT
    ),
    "conflict with nobody's id": Case(
        [CONFLICT, shown(external_id=None, email="k@example.com")],
        [CREATE, GET],
        Status.REJECTED,
        outcomes.IDENTITY_CONFLICT,
    ),
    "conflict with a lead": Case(
        [CONFLICT, Answer(200, "json", {"id": ID, "role": "lead", "external_id": "k"})],
        [CREATE, GET],
        Status.REJECTED,
        outcomes.IDENTITY_CONFLICT,
    ),
    "conflict with an archived one": Case(
        [ARCHIVED_CONFLICT, NOT_FOUND], [CREATE, GET], Status.REJECTED, outcomes.CONTACT_ARCHIVED
    ),
    "conflict with one that is not seen yet": Case(
        [CONFLICT, NOT_FOUND, shown(external_id="k"), CREATED],
        [CREATE, GET, GET, UPDATE],
        Status.DELIVERED,
        remembered=ID,
        pauses=[1.0],
    ),
    "conflict with one that stays unseen": Case(
        [CONFLICT, NOT_FOUND, NOT_FOUND],
        [CREATE, GET, GET],
        Status.REJECTED,
        outcomes.CONTACT_ARCHIVED,
        pauses=[1.0],
    ),
    "conflict with one whose text has another id in a word": Case(
        [
            refusal(409, "conflict", "The valid=x contact exists with id=abc-1"),
            shown("abc-1", external_id="k"),
            CREATED,
        ],
        [CREATE, GetContact("abc-1"), UpdateContact("abc-1", BODY)],
        Status.DELIVERED,
        remembered=ID,
    ),
    "conflict with a merged one": Case([CONFLICT, MERGED], [CREATE, GET], Status.REJECTED, outcomes.CONTACT_MERGED),
    "conflict without an id": Case([VAGUE_CONFLICT], [CREATE], Status.REJECTED, outcomes.CONFLICT),
    "conflict with an id of another form": Case(
        [refusal(409, "conflict", "exists with id=abc-1"), shown("abc-1", external_id="k"), shown("abc-1")],
        [CREATE, GetContact("abc-1"), UpdateContact("abc-1", BODY)],
        Status.DELIVERED,
        remembered="abc-1",
    ),
    "conflict, then merged at the update": Case(
        [CONFLICT, shown(external_id="k"), MERGED],
        [CREATE, GET, UPDATE],
        Status.REJECTED,
        outcomes.CONTACT_MERGED,
        remembered=ID,
    ),
    "e-mail, created": Case(
        [CREATED], [CREATE_EMAIL], Status.DELIVERED, remembered=ID, change=change("k@example.com", email=True)
    ),
    "e-mail, conflict with oneself": Case(
        [CONFLICT, shown(email=" K@Example.com"), listed(ID), CREATED],
        [CREATE_EMAIL, GET, SEARCH, UPDATE],
        Status.DELIVERED,
        remembered=ID,
        change=change("k@example.com", email=True),
    ),
    "e-mail, conflict with oneself, not found by the search yet": Case(
        [CONFLICT, shown(email="k@example.com"), listed(), CREATED],
        [CREATE_EMAIL, GET, SEARCH, UPDATE],
        Status.DELIVERED,
        remembered=ID,
        change=change("k@example.com", email=True),
    ),
    "e-mail, conflict with one of several": Case(
        [CONFLICT, shown(email="k@example.com"), listed(ID, OTHER_ID)],
        [CREATE_EMAIL, GET, SEARCH],
        Status.REJECTED,
        outcomes.AMBIGUOUS_EMAIL,
        change=change("k@example.com", email=True),
    ),
    "e-mail, conflict with a lead": Case(
        [CONFLICT, Answer(200, "json", {"id": ID, "role": "lead", "email": "k@example.com"}), listed()],
        [CREATE_EMAIL, GET, SEARCH],
        Status.REJECTED,
        outcomes.IDENTITY_CONFLICT,
        change=change("k@example.com", email=True),
    ),
    "e-mail, conflict with another": Case(
        [CONFLICT, shown(email="other@example.com"), listed()],
        [CREATE_EMAIL, GET, SEARCH],
        Status.REJECTED,
        outcomes.IDENTITY_CONFLICT,
        change=change("k@example.com", email=True),
    ),
    "e-mail, conflict with one without": Case(
        [CONFLICT, shown(email=None), listed()],
        [CREATE_EMAIL, GET, SEARCH],
        Status.REJECTED,
        outcomes.IDENTITY_CONFLICT,
        change=change("k@example.com", email=True),
    ),
}


@pytest.mark.parametrize("name", CONTACT_CASES)
def test_contact_when_driven_makes_these_calls_and_comes_to_this(name: str) -> None:
    """Each rung of the ladder: its calls in their order, its outcome, and what is remembered of the person."""
    case, bench = CONTACT_CASES[name], Bench()
    if case.known is not None:
        bench.memory.note_contact(case.change.key, case.known)
    outcome, calls, pauses = bench.drive(case.change, *case.answers)
    assert case.calls == calls
    assert (case.status, case.reason) == (outcome.status, outcome.reason)
    assert case.remembered == bench.memory.contact_ids.get(case.change.key)
    assert case.pauses == pauses
    if case.status is Status.REJECTED:
        assert outcome.refusal is not None
        assert outcome.refusal.status in {400, 404, 409, 410}


def test_contact_when_written_is_no_stranger_any_more() -> None:
    """A person whose events were refused can be known later in the same run."""
    bench = Bench()
    refused, _, _ = bench.drive(event(), NOT_FOUND, NOT_FOUND)
    assert refused.reason == outcomes.UNKNOWN_USER
    bench.drive(change(), CREATED)
    outcome, calls, _ = bench.drive(event(), TAKEN)
    assert outcome == outcomes.DELIVERED
    assert [POST] == calls


EVENT_REFUSALS = [
    pytest.param(False, refusal(400, "parameter_invalid", "bad"), outcomes.REFUSED, id="400"),
    pytest.param(
        False, refusal(422, "422", "Cannot have more than 120 active event names"), "event_name_limit", id="name"
    ),
    pytest.param(False, refusal(422, "422"), "event_name_limit", id="name, without words"),
    pytest.param(
        False,
        refusal(422, "parameter_invalid", "Cannot have more than 200 active event names"),
        "event_name_limit",
        id="name, another number and code",
    ),
    pytest.param(
        False, refusal(422, "parameter_invalid", "The event name is invalid"), outcomes.REFUSED, id="another 422"
    ),
    pytest.param(False, refusal(422, "type_mismatch", "Something else"), outcomes.REFUSED, id="a third 422"),
    pytest.param(False, refusal(404, "resource_not_found"), outcomes.REFUSED, id="404 of another code"),
    pytest.param(False, refusal(413, "too_large"), outcomes.REFUSED, id="413"),
    pytest.param(True, refusal(409, "conflict", "Multiple existing users match"), outcomes.AMBIGUOUS_EMAIL, id="409"),
    pytest.param(True, refusal(400, "bad", "Multiple existing users match"), outcomes.AMBIGUOUS_EMAIL, id="400 once"),
    pytest.param(True, refusal(409, "conflict", "something else"), outcomes.REFUSED, id="another 409"),
    pytest.param(False, refusal(409, "conflict", "Multiple existing users"), outcomes.REFUSED, id="409 of an id"),
]


@pytest.mark.parametrize(("email", "answer", "reason"), EVENT_REFUSALS)
def test_event_when_refused_is_rejected_for_this_reason(email: bool, answer: Answer, reason: str) -> None:
    """One call, one refusal, one reason; it is not taken for sent."""
    bench, sent = Bench(), event("k@example.com" if email else "k", email=email)
    outcome, calls, pauses = bench.drive(sent, answer)
    assert (Status.REJECTED, reason) == (outcome.status, outcome.reason)
    assert outcome.refusal is not None
    assert answer.status == outcome.refusal.status
    assert 1 == len(calls)
    assert [] == pauses
    assert sent.fingerprint not in bench.memory.delivered_events


def test_event_when_sent_before_is_a_duplicate_without_a_call() -> None:
    """The same person, name as Intercom files it, and second; another of the three is another event."""
    bench = Bench()
    bench.drive(event(name="Did.It", x=1), TAKEN)
    assert outcomes.DUPLICATE == bench.drive(event(name="did$it", x=1))[0]
    assert 0 == bench.memory.differing_duplicates
    assert outcomes.DUPLICATE == bench.drive(event(name="DID-IT", x=2))[0]
    assert 1 == bench.memory.differing_duplicates
    for other in (event("k2", name="did.it"), event(name="did it"), event(name="did.it", at=8)):
        assert outcomes.DELIVERED == bench.drive(other, TAKEN)[0]


def test_event_when_refused_before_is_sent_again() -> None:
    """Only what was delivered can be a duplicate."""
    bench = Bench()
    bench.drive(event(), INVALID)
    assert outcomes.DELIVERED == bench.drive(event(), TAKEN)[0]


def test_event_name_when_there_is_no_room_is_not_tried_again() -> None:
    """The first refusal of a name speaks for all its events, whoever's they are; it is told once."""
    bench = Bench()
    full = refusal(422, "422", "Cannot have more than 120 active event names")
    bench.drive(event(name="New"), full)
    outcome, calls, _ = bench.drive(event("k2", name="new"))
    assert (Status.REJECTED, outcomes.EVENT_NAME_LIMIT) == (outcome.status, outcome.reason)
    assert [] == calls
    assert ["New"] == bench.memory.refused_new_names


def test_event_name_when_it_is_refused_for_another_reason_is_tried_again() -> None:
    """A 422 that is not about the number of names concerns one record only, though it speaks of a name."""
    bench = Bench()
    bench.drive(event(name="New"), refusal(422, "parameter_invalid", "The event name is invalid"))
    outcome, calls, _ = bench.drive(event("k2", name="New"), TAKEN)
    assert outcome == outcomes.DELIVERED
    assert 1 == len(calls)
    assert [] == bench.memory.refused_new_names


def test_event_of_a_stranger_when_it_comes_again_costs_no_call() -> None:
    """Two calls for a thousand events of somebody whom Intercom does not know."""
    bench = Bench()
    outcome, calls, pauses = bench.drive(event(), NOT_FOUND, NOT_FOUND)
    assert (Status.REJECTED, outcomes.UNKNOWN_USER) == (outcome.status, outcome.reason)
    assert [POST, FIND] == calls
    assert [] == pauses
    for second in range(3):
        again, further, _ = bench.drive(event(at=100 + second))
        assert again == outcome
        assert [] == further


def test_event_of_a_merged_person_is_rejected_as_that() -> None:
    """What the question by identity says is the reason."""
    bench = Bench()
    outcome, calls, _ = bench.drive(event(), NOT_FOUND, MERGED)
    assert (Status.REJECTED, outcomes.CONTACT_MERGED) == (outcome.status, outcome.reason)
    assert [POST, FIND] == calls


@pytest.mark.parametrize("tries", [1, 3, 6])
def test_event_of_a_young_contact_is_tried_again_until_it_is_seen(tries: int) -> None:
    """The contact exists, so the event waits for it, longer each time."""
    bench = Bench()
    answers = [NOT_FOUND, shown(external_id="k"), *[NOT_FOUND] * (tries - 1), TAKEN]
    outcome, calls, pauses = bench.drive(event(), *answers)
    assert outcome == outcomes.DELIVERED
    assert [POST, FIND, *[POST] * tries] == calls
    assert [1.0, 2.0, 4.0, 8.0, 10.0, 10.0][:tries] == pauses


def test_event_of_a_contact_of_this_run_is_tried_again_without_a_question() -> None:
    """This run wrote the contact: nobody needs to be asked whether it exists."""
    bench = Bench()
    bench.memory.note_contact("k", ID)
    outcome, calls, pauses = bench.drive(event(), NOT_FOUND, TAKEN)
    assert outcome == outcomes.DELIVERED
    assert [POST, POST] == calls
    assert [1.0] == pauses


KNOWN = shown(external_id="k")
IN_VAIN = [NOT_FOUND] * 10
"""What sending an event again and again comes to, when its contact stays unseen for a minute."""


@pytest.mark.parametrize("written", [True, False])
def test_event_when_its_contact_stays_unseen_for_a_minute_is_rejected_and_its_like_at_once(written: bool) -> None:
    """Sixty seconds, no longer; each further event of the person is sent once, and does not wait again."""
    bench = Bench()
    if written:
        bench.memory.note_contact("k", ID)
    outcome, _, pauses = bench.drive(event(), *([*IN_VAIN, KNOWN] if written else [NOT_FOUND, KNOWN, *IN_VAIN[1:]]))
    assert (Status.REJECTED, outcomes.UNKNOWN_USER) == (outcome.status, outcome.reason)
    assert pytest.approx(YOUNG_SECONDS) == sum(pauses)
    for second in (8, 9):
        again, calls, pauses = bench.drive(event(at=second), NOT_FOUND, KNOWN)
        assert (Status.REJECTED, outcomes.UNKNOWN_USER) == (again.status, again.reason)
        assert ["POST /events", FIND.endpoint] == [call.endpoint for call in calls]
        assert [] == pauses
    assert outcomes.DELIVERED == bench.drive(event(at=10), TAKEN)[0]


def test_event_when_one_after_the_wait_in_vain_was_taken_may_wait_again() -> None:
    """A success shows that the contact has become visible: a later 404 is news, not the old story."""
    bench = Bench()
    bench.memory.note_contact("k", ID)
    bench.drive(event(), *IN_VAIN, KNOWN)
    bench.drive(event(at=8), TAKEN)
    outcome, _, pauses = bench.drive(event(at=9), NOT_FOUND, KNOWN, NOT_FOUND, TAKEN)
    assert outcome == outcomes.DELIVERED
    assert [1.0, 2.0] == pauses


def test_event_when_its_contact_was_deleted_since_is_rejected_and_its_like_without_a_call() -> None:
    """Nobody is there any more: after the wait the person is a stranger like any other."""
    bench = Bench()
    bench.memory.note_contact("k", ID)
    outcome, calls, _ = bench.drive(event(), *IN_VAIN, NOT_FOUND)
    assert (Status.REJECTED, outcomes.UNKNOWN_USER) == (outcome.status, outcome.reason)
    assert FIND == calls[-1]
    assert [] == bench.drive(event(at=8))[1]


@pytest.mark.parametrize("written", [True, False])
def test_event_when_its_contact_was_deleted_since_is_sent_to_one_made_anew(written: bool) -> None:
    """`unknown_users: create` holds for whoever is missing, also after a wait in vain; the event is not lost."""
    bench = Bench(create_unknown=True)
    if written:
        bench.memory.note_contact("k", ID)
        outcome, calls, pauses = bench.drive(event(), *IN_VAIN, NOT_FOUND, CREATED, TAKEN)
        assert pytest.approx(YOUNG_SECONDS) == sum(pauses)
    else:
        bench.drive(event(), NOT_FOUND, KNOWN, *IN_VAIN[1:])
        outcome, calls, pauses = bench.drive(event(), NOT_FOUND, NOT_FOUND, CREATED, TAKEN)
        assert [0.0] == pauses
    assert outcome == outcomes.DELIVERED
    assert [POST, FIND, CREATE_BARE, POST] == calls[-4:]
    assert outcomes.DELIVERED == bench.drive(event(at=8), TAKEN)[0]


def test_event_when_it_is_refused_after_a_wait_is_rejected_as_that() -> None:
    """The wait is for the person only; another refusal ends it."""
    bench = Bench()
    bench.memory.note_contact("k", ID)
    outcome, _, _ = bench.drive(event(), NOT_FOUND, INVALID)
    assert (Status.REJECTED, outcomes.REFUSED) == (outcome.status, outcome.reason)


@pytest.mark.parametrize(
    ("found", "status"), [([{"id": ID}], Status.DELIVERED), ([], Status.REJECTED), (None, Status.REJECTED)]
)
def test_event_by_email_when_not_found_is_looked_for_by_a_search(found: list[Any] | None, status: Status) -> None:
    """Only users count; a search without `data` has found nothing."""
    bench = Bench()
    listed = Answer(200, "json", {"type": "list"} if found is None else {"type": "list", "data": found})
    sent = event("k@example.com", email=True)
    outcome, calls, _ = bench.drive(sent, NOT_FOUND, listed, *([TAKEN] if found else []))
    assert status is outcome.status
    search = calls[1]
    assert isinstance(search, SearchContacts)
    assert {
        "operator": "AND",
        "value": [
            {"field": "email", "operator": "=", "value": "k@example.com"},
            {"field": "role", "operator": "=", "value": "user"},
        ],
    } == search.query["query"]


def test_event_of_a_stranger_when_strangers_are_created_creates_and_sends_it() -> None:
    """`unknown_users: create`: the contact has its identity only, and the event follows without a pause."""
    bench = Bench(create_unknown=True)
    outcome, calls, pauses = bench.drive(event(), NOT_FOUND, NOT_FOUND, CREATED, TAKEN)
    assert outcome == outcomes.DELIVERED
    assert [POST, FIND, CREATE_BARE, POST] == calls
    assert [0.0] == pauses
    assert ID == bench.memory.contact_ids.get("k")


def test_event_of_a_stranger_when_their_creation_is_refused_is_rejected_for_that() -> None:
    """The reason is the creation's, and it is remembered for the person's further events."""
    bench = Bench(create_unknown=True)
    outcome, calls, _ = bench.drive(event(), NOT_FOUND, NOT_FOUND, INVALID)
    assert (Status.REJECTED, outcomes.REFUSED) == (outcome.status, outcome.reason)
    assert [POST, FIND, CREATE_BARE] == calls
    assert [] == bench.drive(event(at=8))[1]


def test_event_of_a_created_stranger_when_not_visible_yet_waits() -> None:
    """The wait after a creation begins short and grows."""
    bench = Bench(create_unknown=True)
    answers = [NOT_FOUND, NOT_FOUND, CREATED, NOT_FOUND, NOT_FOUND, TAKEN]
    outcome, _, pauses = bench.drive(event(), *answers)
    assert outcome == outcomes.DELIVERED
    assert [0.0, 1.0, 2.0] == pauses


def test_memory_when_full_forgets_the_oldest() -> None:
    """Noting again makes an entry the newest; beyond the capacity the oldest goes."""
    memory: Bounded[str, int] = Bounded(2)
    memory.note("a", 1)
    memory.note("b", 2)
    memory.note("a", 3)
    memory.note("c", 4)
    assert [3, None, 4] == [memory.get(key) for key in "abc"]
    assert [True, False, True] == [key in memory for key in "abc"]
    memory.forget("a")
    memory.forget("never there")
    memory.note("d", 5)
    assert [None, 4, 5] == [memory.get(key) for key in "acd"]


def test_memory_when_it_forgot_an_event_sends_it_again() -> None:
    """What is forgotten costs a call, and Intercom drops the second event itself."""
    bench = Bench(memory=Memory(delivered_events=Bounded(1)))
    bench.drive(event(), TAKEN)
    bench.drive(event(at=8), TAKEN)
    outcome, calls, _ = bench.drive(event(), TAKEN)
    assert outcome == outcomes.DELIVERED
    assert 1 == len(calls)


def test_memory_when_it_forgot_a_contact_climbs_from_the_conflict() -> None:
    """A forgotten id is learned again."""
    bench = Bench(memory=Memory(contact_ids=Bounded(1)))
    bench.drive(change(), CREATED)
    bench.drive(change("other"), shown(OTHER_ID))
    outcome, calls, _ = bench.drive(change(), CONFLICT, shown(external_id="k"), CREATED)
    assert outcome == outcomes.DELIVERED
    assert [CREATE, GET, UPDATE] == calls


def test_question_when_driven_makes_its_call_and_returns_the_answer() -> None:
    """A question that belongs to no record is one call."""
    bench = Bench()
    errand = Delivery(memory=bench.memory, now=bench.time.now, create_unknown=False).errand(Question(FIND))
    assert next(errand) == FIND
    with pytest.raises(StopIteration) as stopped:
        errand.send(NOT_FOUND)
    assert stopped.value.value == NOT_FOUND


@pytest.mark.parametrize("payload", [change(), event()])
def test_errand_when_made_asks_nothing_before_it_is_driven(payload: ContactChange | EventPayload) -> None:
    """An errand that nobody drives costs nothing and remembers nothing."""
    bench = Bench()
    Delivery(memory=bench.memory, now=bench.time.now, create_unknown=True).errand(payload).close()
    assert None is bench.memory.contact_ids.get("k")
    assert [] == bench.memory.refused_new_names
