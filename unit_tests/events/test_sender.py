"""Steps of events driven by hand: the calls that one event takes, and what each answer comes to."""

from __future__ import annotations

from typing import Any

import pytest

from destination_intercom import outcomes
from destination_intercom.bounded import Bounded
from destination_intercom.contacts.cache import LEAD_SECONDS
from destination_intercom.contacts.known import KnownContact
from destination_intercom.contacts.lookup import search_query
from destination_intercom.contacts.mapping import ContactChange
from destination_intercom.contacts.matching import NOTHING_FOUND, id_in
from destination_intercom.contacts.strangers import STRANGER_SECONDS
from destination_intercom.delivery.kinds import Notes
from destination_intercom.delivery.tasks import Aside, WaitEnd
from destination_intercom.events.mapping import EventPayload
from destination_intercom.events.sender import (
    NEW_CONTACT_RETRY_SECONDS,
    REFUSED_NAME_SECONDS,
    EventCache,
    EventSender,
)
from destination_intercom.identity import Key
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import (
    Call,
    CreateContact,
    FindByExternalId,
    GetContact,
    PostEvent,
    SearchContacts,
    UpdateContact,
)
from destination_intercom.intercom.classify import read_refusal
from destination_intercom.outcomes import LONGEST_MESSAGE_KEPT, Outcome, Refusal, Status
from unit_tests.keys import by_id
from unit_tests.task_bench import (
    CONFLICT,
    ID,
    INVALID,
    MERGED,
    NOT_FOUND,
    OTHER_ID,
    READER,
    VAGUE_CONFLICT,
    Bench as TaskBench,
    listed,
    refusal,
    shown,
)

CREATED = shown(external_id="k")
TAKEN = Answer(202, "empty")
CREATE_BARE = CreateContact({"role": "user", "external_id": "k"})
POST = PostEvent({"event_name": "did it", "created_at": 7, "user_id": "k"})
FIND = FindByExternalId("k")


class Bench(TaskBench):
    """Events and contacts whose tasks are driven by hand."""

    def __init__(self, *, create_unknown: bool = False) -> None:
        super().__init__()
        self.notes = Notes()
        self.events = EventCache()
        self.people = self.make_people(self.upserter() if create_unknown else None)
        self.sender = EventSender(cache=self.events, people=self.people, notes=self.notes, now=self.time.now)

    @property
    def said(self) -> list[str]:
        """Whatever the user is told of, by name where there is one."""
        return [note.name or note.text for note in self.notes.take()]

    def send(self, event: EventPayload, *answers: Answer) -> tuple[Outcome, list[Call], list[float]]:
        """Drive the steps of an event that waits for nobody."""
        outcome, calls, pauses = self.drive(self.sender.send(event), *answers)
        assert isinstance(outcome, Outcome)
        return outcome, calls, pauses

    def write(self, *answers: Answer) -> None:
        """Write the person `k` in this run."""
        self.drive(self.upserter().write([ContactChange(by_id("k"), {"name": "N"}, {})], NOTHING_FOUND), *answers)


def event(key: str = "k", *, email: bool = False, name: str = "did it", at: int = 7, **metadata: Any) -> EventPayload:
    """An event."""
    return EventPayload(Key("email" if email else "external_id", key), name, at, metadata)


def known(contact_id: str = ID) -> KnownContact:
    """The person `k` as this run has written them."""
    return KnownContact(contact_id, "user", "k")


def test_contact_when_written_is_no_stranger_any_more() -> None:
    """A person whose events were refused can be known later in the same run."""
    bench = Bench()
    refused, _, _ = bench.send(event(), NOT_FOUND, NOT_FOUND)
    assert refused.reason == outcomes.UNKNOWN_USER
    bench.write(CREATED)
    outcome, calls, _ = bench.send(event(), TAKEN)
    assert outcome == outcomes.DELIVERED
    assert [POST] == calls


EVENT_REFUSALS = [
    pytest.param(False, refusal(400, "parameter_invalid", "bad"), outcomes.REFUSED, id="400"),
    pytest.param(
        False, refusal(422, "422", "Cannot have more than 120 active event names"), "event_name_limit", id="name"
    ),
    pytest.param(False, refusal(422, "422", ""), outcomes.REFUSED, id="422 without words"),
    pytest.param(False, refusal(422, "422", "Event name is not valid"), outcomes.REFUSED, id="422 of the same code"),
    pytest.param(
        False, refusal(422, "limit", "Limit of 80 event names reached"), "event_name_limit", id="name, other words"
    ),
    pytest.param(
        False, refusal(422, "422", "Event names: 120 characters at most"), outcomes.REFUSED, id="422 of long names"
    ),
    pytest.param(
        False, refusal(400, "400", "Cannot have more than 120 active event names"), outcomes.REFUSED, id="400 of names"
    ),
    pytest.param(False, refusal(422, "unprocessable", "something else"), outcomes.REFUSED, id="another 422"),
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
    outcome, calls, pauses = bench.send(sent, answer)
    assert (Status.REJECTED, reason) == (outcome.status, outcome.reason)
    assert outcome.refusal is not None
    assert answer.status == outcome.refusal.status
    assert 1 == len(calls)
    assert [] == pauses
    assert sent.digest not in bench.events.delivered


def test_event_when_sent_before_is_a_duplicate_without_a_call() -> None:
    """The same person, name as Intercom files it, second and metadata; another of the three is another event."""
    bench = Bench()
    bench.send(event(name="Did.It", x=1), TAKEN)
    for name in ("did$it", "DID-IT"):
        assert (outcomes.DUPLICATE, [], []) == bench.send(event(name=name, x=1))
    for other in (event("k2", name="did.it"), event(name="did it"), event(name="did.it", at=8)):
        assert outcomes.DELIVERED == bench.send(other, TAKEN)[0]
    assert [] == bench.said
    assert [] == list(bench.sender.summary())


def test_events_of_one_second_that_differ_in_their_metadata_are_sent_counted_and_told_once() -> None:
    """Whether they are one event is Intercom's to decide; each of them again is a duplicate."""
    bench = Bench()
    for number in range(4):
        assert outcomes.DELIVERED == bench.send(event(x=number), TAKEN)[0]
    for number in range(4):
        assert outcomes.DUPLICATE == bench.send(event(x=number))[0]
    assert 1 == len({note for note in bench.said if "other metadata" in note})
    (summary,) = bench.sender.summary()
    assert "other metadata: 3." in summary


def test_event_that_differs_in_its_metadata_and_is_refused_is_not_counted_as_sent() -> None:
    """The summary counts what Intercom may have dropped, and what it refused is told as rejected."""
    bench = Bench()
    bench.send(event(x=1), TAKEN)
    assert outcomes.REFUSED == bench.send(event(x=2), INVALID)[0].reason
    assert [] == list(bench.sender.summary())
    assert outcomes.DELIVERED == bench.send(event(x=2), TAKEN)[0]
    assert 1 == len(list(bench.sender.summary()))


def test_event_when_a_hundred_thousand_others_were_delivered_since_is_no_duplicate_any_more() -> None:
    """The last 100,000 are remembered, and no more: memory stays flat however long a sync is."""
    bench, others = Bench(), 99_999
    bench.send(event(), TAKEN)
    for number in range(others):
        bench.events.delivered.note(number.to_bytes(16, "big"), None)
    assert outcomes.DUPLICATE == bench.send(event())[0]
    bench.events.delivered.note(others.to_bytes(16, "big"), None)
    assert outcomes.DELIVERED == bench.send(event(), TAKEN)[0]


def test_event_when_refused_before_is_sent_again() -> None:
    """Only what was delivered can be a duplicate."""
    bench = Bench()
    bench.send(event(), INVALID)
    assert outcomes.DELIVERED == bench.send(event(), TAKEN)[0]


NAMES_USED_UP = refusal(422, "422", "Cannot have more than 120 active event names")


def test_event_name_when_there_is_no_room_is_not_tried_again() -> None:
    """The first refusal of a name speaks for all its events, whoever's they are; it is told once."""
    bench = Bench()
    bench.send(event(name="New"), NAMES_USED_UP)
    outcome, calls, _ = bench.send(event("k2", name="new"))
    assert (Status.REJECTED, outcomes.EVENT_NAME_LIMIT) == (outcome.status, outcome.reason)
    assert [] == calls
    assert ["New"] == bench.said


def test_event_name_when_there_was_no_room_five_minutes_ago_is_tried_again() -> None:
    """Who reads the warning may make room: the events that come then are delivered, and so is every further one."""
    bench = Bench()
    bench.send(event(name="New"), NAMES_USED_UP)
    bench.time.seconds += REFUSED_NAME_SECONDS - 1
    assert [] == bench.send(event(name="New", at=8))[1]
    bench.time.seconds += 1
    assert outcomes.EVENT_NAME_LIMIT == bench.send(event(name="New", at=9), NAMES_USED_UP)[0].reason
    assert [] == bench.send(event(name="New", at=10))[1]
    bench.time.seconds += REFUSED_NAME_SECONDS
    assert outcomes.DELIVERED == bench.send(event(name="New", at=11), TAKEN)[0]
    assert outcomes.DELIVERED == bench.send(event("k2", name="NEW", at=12), TAKEN)[0]


def test_event_name_that_was_delivered_in_this_run_is_never_refused_unsent() -> None:
    """Intercom has room for it, whatever it says of one of its events: each is asked for."""
    bench = Bench()
    bench.send(event(name="did.it"), TAKEN)
    outcome, calls, _ = bench.send(event(name="DID-it", at=8), NAMES_USED_UP)
    assert (Status.REJECTED, outcomes.EVENT_NAME_LIMIT) == (outcome.status, outcome.reason)
    assert 1 == len(calls)
    assert outcomes.DELIVERED == bench.send(event(name="did$it", at=9), TAKEN)[0]


def test_event_name_that_was_refused_is_open_again_once_one_of_its_events_is_taken() -> None:
    """Two events of one name were on their way at once, and Intercom made up its mind between them."""
    bench = Bench()
    steps = bench.sender.send(event("k2", name="New"))
    next(steps)
    bench.send(event(name="New"), NAMES_USED_UP)
    with pytest.raises(StopIteration):
        steps.send(TAKEN)
    assert outcomes.DELIVERED == bench.send(event("k3", name="New"), TAKEN)[0]


def test_event_names_that_are_long_take_no_more_memory_than_short_ones() -> None:
    """A name may be as long as a record, and what Intercom says may quote it."""
    bench = Bench()
    long = refusal(422, "422", "Cannot have more than 120 active event names. " + "x" * 10_000)
    bench.send(event(name="y" * 10_000), long)
    outcome, _, _ = bench.send(event(name="Y" * 10_000, at=8))
    assert outcome.refusal is not None
    assert LONGEST_MESSAGE_KEPT == len(outcome.refusal.message or "")
    assert 10_000 > len(repr(bench.events.refused_names._entries))


def test_event_name_when_it_is_told_of_is_short_and_printable() -> None:
    """A name comes from the source: it may be a page long, and break a line of the log."""
    bench = Bench()
    bench.send(event(name="New\n\x1b[31m" + "x" * 500), NAMES_USED_UP)
    (note,) = bench.notes.take()
    assert note.name == "New[31m" + "x" * 113
    assert f'"{note.name}"' in note.text


def test_event_of_a_stranger_when_it_comes_again_costs_no_call() -> None:
    """Two calls for a thousand events of somebody whom Intercom does not know."""
    bench = Bench()
    outcome, calls, pauses = bench.send(event(), NOT_FOUND, NOT_FOUND)
    assert (Status.REJECTED, outcomes.UNKNOWN_USER) == (outcome.status, outcome.reason)
    assert [POST, FIND] == calls
    assert [] == pauses
    for second in range(3):
        again, further, _ = bench.send(event(at=100 + second))
        assert again == outcome
        assert [] == further


def test_event_of_a_stranger_after_five_minutes_is_sent_again() -> None:
    """Another app may have made the person meanwhile; what came before is not asked for again."""
    bench = Bench()
    bench.send(event(), NOT_FOUND, NOT_FOUND)
    bench.time.seconds += STRANGER_SECONDS - 1
    assert [] == bench.send(event(at=8))[1]
    bench.time.seconds += 1
    outcome, calls, _ = bench.send(event(at=9), NOT_FOUND, NOT_FOUND)
    assert outcomes.UNKNOWN_USER == outcome.reason
    assert 2 == len(calls)
    bench.time.seconds += STRANGER_SECONDS - 1
    assert [] == bench.send(event(at=10))[1]
    bench.time.seconds += 1
    assert outcomes.DELIVERED == bench.send(event(at=11), TAKEN)[0]


def test_event_of_a_merged_person_is_rejected_as_that() -> None:
    """What the question by identity says is the reason."""
    bench = Bench()
    outcome, calls, _ = bench.send(event(), NOT_FOUND, MERGED)
    assert (Status.REJECTED, outcomes.CONTACT_MERGED) == (outcome.status, outcome.reason)
    assert [POST, FIND] == calls


@pytest.mark.parametrize("tries", [1, 3, 6])
def test_event_of_a_young_contact_is_tried_again_until_it_is_seen(tries: int) -> None:
    """The contact exists, so the event waits for it, longer each time."""
    bench = Bench()
    answers = [NOT_FOUND, shown(external_id="k"), *[NOT_FOUND] * (tries - 1), TAKEN]
    outcome, calls, pauses = bench.send(event(), *answers)
    assert outcome == outcomes.DELIVERED
    assert [POST, FIND, *[POST] * tries] == calls
    assert [1.0, 2.0, 4.0, 8.0, 10.0, 10.0][:tries] == pauses


def test_event_of_a_contact_of_this_run_is_tried_again_without_a_question() -> None:
    """This run wrote the contact: nobody needs to be asked whether it exists."""
    bench = Bench()
    bench.cache.note_written(by_id("k"), known())
    outcome, calls, pauses = bench.send(event(), NOT_FOUND, TAKEN)
    assert outcome == outcomes.DELIVERED
    assert [POST, POST] == calls
    assert [1.0] == pauses


def test_event_when_its_contact_stays_unseen_for_a_minute_is_rejected_and_its_like_are_sent_once_each() -> None:
    """Sixty seconds, no longer; further events of the person are sent, and do not wait as long again."""
    bench = Bench()
    bench.cache.note_written(by_id("k"), known())
    outcome, calls, pauses = bench.send(event(), *[NOT_FOUND] * 10, CREATED)
    assert (Status.REJECTED, outcomes.UNKNOWN_USER) == (outcome.status, outcome.reason)
    assert [*[POST] * 10, FIND] == calls
    assert pytest.approx(NEW_CONTACT_RETRY_SECONDS) == sum(pauses)
    again, calls, pauses = bench.send(event(), NOT_FOUND, CREATED)
    assert (Status.REJECTED, outcomes.UNKNOWN_USER) == (again.status, again.reason)
    assert [POST, FIND] == calls
    assert [] == pauses
    seen, calls, _ = bench.send(event(), TAKEN)
    assert outcomes.DELIVERED == seen
    assert [POST] == calls
    assert by_id("k").digest not in bench.events.not_visible


def test_event_when_it_waited_in_vain_for_a_contact_that_exists_leaves_what_was_written_known() -> None:
    """The search may still show what the contact was before this run wrote to it."""
    bench = Bench()
    bench.cache.note_written(by_id("k"), known())
    bench.send(event(), *[NOT_FOUND] * 10, CREATED)
    assert known() == bench.cache.written.get(by_id("k"))


def test_event_when_its_contact_was_deleted_since_finds_nobody_and_says_so() -> None:
    """The contact that this run wrote is gone: the person is a stranger, and costs no more calls."""
    bench = Bench()
    bench.cache.note_written(by_id("k"), known())
    outcome, calls, _ = bench.send(event(), *[NOT_FOUND] * 11)
    assert (Status.REJECTED, outcomes.UNKNOWN_USER) == (outcome.status, outcome.reason)
    assert FIND == calls[-1]
    assert by_id("k") not in bench.cache.written
    assert [] == bench.send(event(at=8))[1]


def test_event_when_its_contact_was_deleted_since_makes_them_anew_with_create() -> None:
    """`unknown_users: create`: a new contact with the identity, and then the event."""
    bench = Bench(create_unknown=True)
    bench.cache.note_written(by_id("k"), known())
    created = shown(OTHER_ID, external_id="k")
    outcome, calls, pauses = bench.send(event(), *[NOT_FOUND] * 10, NOT_FOUND, created, NOT_FOUND, TAKEN)
    assert outcomes.DELIVERED == outcome
    assert [FIND, CREATE_BARE, POST, POST] == calls[10:]
    assert [0.0, 1.0] == pauses[9:]
    now_known = bench.cache.written.get(by_id("k"))
    assert now_known is not None
    assert OTHER_ID == now_known.contact_id


def test_event_when_it_is_refused_after_a_wait_is_rejected_as_that() -> None:
    """The wait is for the person only; another refusal ends it."""
    bench = Bench()
    bench.cache.note_written(by_id("k"), known())
    outcome, _, _ = bench.send(event(), NOT_FOUND, INVALID)
    assert (Status.REJECTED, outcomes.REFUSED) == (outcome.status, outcome.reason)


MAIL = "k@example.com"
USER: dict[str, Any] = {"id": OTHER_ID, "role": "user", "email": MAIL}
LEAD: dict[str, Any] = {"id": ID, "role": "lead", "email": MAIL}
BY_EMAIL = PostEvent({"event_name": "did it", "created_at": 7, "email": MAIL})
TO_LEAD = PostEvent({"event_name": "did it", "created_at": 7, "id": ID})
SEARCH = SearchContacts(search_query("email", [MAIL]), decisive=True)
NOBODY = listed()
MAILED = event(MAIL, email=True)


@pytest.mark.parametrize(
    ("found", "status"),
    [
        (listed(USER), Status.DELIVERED),
        (NOBODY, Status.REJECTED),
        (Answer(200, "json", {"type": "list", "total_count": 0}), Status.REJECTED),
        (listed({**USER, "email": "another@example.com"}), Status.REJECTED),
        (listed({"role": "user", "email": MAIL}), Status.REJECTED),
        (INVALID, Status.REJECTED),
    ],
)
def test_event_by_email_when_not_found_is_looked_for_by_a_search(found: Answer, status: Status) -> None:
    """A user with the address is young; without one, or where the search is refused, the person is unknown."""
    bench, answers = Bench(), [NOT_FOUND, found]
    outcome, calls, pauses = bench.send(MAILED, *answers, *([TAKEN] if status is Status.DELIVERED else []))
    assert status is outcome.status
    assert [BY_EMAIL, SEARCH] == calls[:2]
    assert (([BY_EMAIL], [1.0]) if status is Status.DELIVERED else ([], [])) == (calls[2:], pauses)


def test_event_of_a_lead_goes_by_intercoms_id_once_it_is_found() -> None:
    """The first event finds out, without a pause; those that follow need nothing else."""
    bench = Bench()
    outcome, calls, pauses = bench.send(MAILED, NOT_FOUND, listed(LEAD), TAKEN)
    assert outcomes.DELIVERED == outcome
    assert [BY_EMAIL, SEARCH, TO_LEAD] == calls
    assert [0.0] == pauses
    outcome, calls, _ = bench.send(event(MAIL, email=True, at=8), TAKEN)
    assert [PostEvent({**TO_LEAD.payload, "created_at": 8})] == calls


@pytest.mark.parametrize("role", ["lead", "user", None])
def test_event_of_a_contact_that_this_run_wrote_goes_by_what_it_is(role: str | None) -> None:
    """A lead's by Intercom's id, at once; a user's by the identity, and so where it is not known."""
    bench = Bench()
    bench.cache.note_written(Key("email", MAIL), KnownContact(ID, role, None, MAIL))
    assert [TO_LEAD if role == "lead" else BY_EMAIL] == bench.send(MAILED, TAKEN)[1]


@pytest.mark.parametrize("gone", [NOT_FOUND, MERGED, refusal(404, "contact_not_found")])
def test_event_of_a_lead_that_has_become_a_user_goes_by_the_identity_from_then_on(gone: Answer) -> None:
    """The id is gone; the address leads to who is left, at once and without a search."""
    bench = Bench()
    bench.cache.note_written(Key("email", MAIL), KnownContact(ID, "lead", None, MAIL))
    outcome, calls, pauses = bench.send(MAILED, gone, TAKEN)
    assert outcomes.DELIVERED == outcome
    assert ([TO_LEAD, BY_EMAIL], []) == (calls, pauses)
    assert 1 == len(bench.send(event(MAIL, email=True, at=8), TAKEN)[1])
    assert Key("email", MAIL) not in bench.cache.written


def test_event_of_a_lead_that_has_become_a_user_who_is_young_waits_for_the_user() -> None:
    """The search shows the user: the lead is not tried any more."""
    bench = Bench()
    bench.send(MAILED, NOT_FOUND, listed(LEAD), TAKEN)
    sent = event(MAIL, email=True, at=8)
    outcome, calls, pauses = bench.send(sent, NOT_FOUND, NOT_FOUND, listed(USER, LEAD), NOT_FOUND, TAKEN)
    assert outcomes.DELIVERED == outcome
    assert [PostEvent(sent.body)] * 2 == calls[3:]
    assert [0.0, 1.0] == pauses


def test_event_of_a_lead_whom_this_run_then_writes_as_a_user_goes_by_the_identity() -> None:
    """What an answer showed last counts for more than what was found before."""
    bench = Bench()
    bench.send(MAILED, NOT_FOUND, listed(LEAD), TAKEN)
    bench.cache.note_written(Key("email", MAIL), KnownContact(OTHER_ID, "user", None, MAIL))
    sent = event(MAIL, email=True, at=8)
    assert [PostEvent(sent.body)] == bench.send(sent, TAKEN)[1]


def test_event_of_a_lead_of_this_run_that_is_young_waits_for_the_lead() -> None:
    """It is not a user, so it will be seen: no search is needed."""
    bench = Bench()
    bench.cache.note_written(Key("email", MAIL), KnownContact(ID, "lead", None, MAIL))
    outcome, calls, pauses = bench.send(MAILED, NOT_FOUND, NOT_FOUND, NOT_FOUND, TAKEN)
    assert outcomes.DELIVERED == outcome
    assert [TO_LEAD, BY_EMAIL, TO_LEAD, TO_LEAD] == calls
    assert [1.0, 2.0] == pauses


def test_event_of_a_lead_that_stays_unseen_for_a_minute_is_rejected_and_its_like_are_sent_once_each() -> None:
    """As with any contact that Intercom shows, and whose events it does not take."""
    bench = Bench()
    outcome, _, pauses = bench.send(MAILED, NOT_FOUND, listed(LEAD), *[NOT_FOUND] * 10)
    assert outcomes.UNKNOWN_USER == outcome.reason
    assert pytest.approx(NEW_CONTACT_RETRY_SECONDS) == sum(pauses)
    outcome, calls, pauses = bench.send(MAILED, NOT_FOUND, NOT_FOUND, listed(LEAD))
    assert outcomes.UNKNOWN_USER == outcome.reason
    assert ([TO_LEAD, BY_EMAIL, SEARCH], []) == (calls, pauses)
    bench.time.seconds += LEAD_SECONDS
    outcome, calls, pauses = bench.send(MAILED, NOT_FOUND, listed(LEAD), NOT_FOUND)
    assert outcomes.UNKNOWN_USER == outcome.reason
    assert ([BY_EMAIL, SEARCH, TO_LEAD], 0.0) == (calls, sum(pauses))
    assert outcomes.DELIVERED == bench.send(MAILED, TAKEN)[0]


def test_event_of_a_lead_that_was_found_ten_minutes_ago_is_looked_for_anew() -> None:
    """The lead's address may be another person's by now, and this run has not written it."""
    bench = Bench()
    bench.send(MAILED, NOT_FOUND, listed(LEAD), TAKEN)
    bench.time.seconds += LEAD_SECONDS - 1
    assert 1 == len(bench.send(event(MAIL, email=True, at=8), TAKEN)[1])
    bench.time.seconds += 1
    sent = event(MAIL, email=True, at=9)
    assert [PostEvent(sent.body)] == bench.send(sent, TAKEN)[1]


@pytest.mark.parametrize("create_unknown", [False, True])
@pytest.mark.parametrize("found", [(LEAD, {**LEAD, "id": OTHER_ID}), (USER, {**USER, "id": ID}, LEAD)])
def test_event_of_one_of_several_with_an_address_is_ambiguous_and_nobody_is_created(
    found: tuple[dict[str, Any], ...], *, create_unknown: bool
) -> None:
    """Nobody is guessed, and no further contact is made; that is remembered as for a stranger."""
    bench = Bench(create_unknown=create_unknown)
    outcome, calls, _ = bench.send(MAILED, NOT_FOUND, listed(*found))
    assert (Status.REJECTED, outcomes.AMBIGUOUS_EMAIL) == (outcome.status, outcome.reason)
    assert [BY_EMAIL, SEARCH] == calls
    assert (outcome, [], []) == bench.send(event(MAIL, email=True, at=8))


def test_event_by_a_user_id_that_a_lead_bears_is_a_strangers() -> None:
    """A lead's external_id is one that Intercom made up (recorded): it names nobody of the source."""
    bench = Bench()
    outcome, _, _ = bench.send(event("."), NOT_FOUND, listed({"id": ID, "role": "lead", "external_id": "."}))
    assert outcomes.UNKNOWN_USER == outcome.reason


def test_event_of_a_stranger_when_strangers_are_created_creates_and_sends_it() -> None:
    """`unknown_users: create`: the contact has its identity only, and the event follows without a pause."""
    bench = Bench(create_unknown=True)
    outcome, calls, pauses = bench.send(event(), NOT_FOUND, NOT_FOUND, CREATED, TAKEN)
    assert outcome == outcomes.DELIVERED
    assert [POST, FIND, CREATE_BARE, POST] == calls
    assert [0.0] == pauses
    made = bench.cache.written.get(by_id("k"))
    assert made is not None
    assert ID == made.contact_id


def test_event_of_a_stranger_when_their_creation_is_refused_is_rejected_for_that() -> None:
    """The reason is the creation's, and it is remembered for the person's further events."""
    bench = Bench(create_unknown=True)
    outcome, calls, _ = bench.send(event(), NOT_FOUND, NOT_FOUND, INVALID)
    assert (Status.REJECTED, outcomes.REFUSED) == (outcome.status, outcome.reason)
    assert [POST, FIND, CREATE_BARE] == calls
    assert [] == bench.send(event(at=8))[1]


def test_event_of_a_created_stranger_when_not_visible_yet_waits() -> None:
    """The wait after a creation begins short and grows."""
    bench = Bench(create_unknown=True)
    answers = [NOT_FOUND, NOT_FOUND, CREATED, NOT_FOUND, NOT_FOUND, TAKEN]
    outcome, _, pauses = bench.send(event(), *answers)
    assert outcome == outcomes.DELIVERED
    assert [0.0, 1.0, 2.0] == pauses


def test_cache_of_a_sync_of_ten_thousand_forgets_nobody_whose_events_waited_in_vain() -> None:
    """Each who is forgotten waits a minute again, and each name without room costs a call again."""
    cache = EventCache()
    for number in range(10_000):
        cache.not_visible.note(by_id(f"k{number}").digest, None)
        cache.refused_names.note(event(name=f"name {number}").name_digest, (0.0, Refusal(422)))
    assert by_id("k0").digest in cache.not_visible
    assert event(name="name 0").name_digest in cache.refused_names


def test_event_when_it_was_forgotten_is_sent_again() -> None:
    """What is forgotten costs a call, and Intercom drops the second event itself."""
    bench = Bench()
    bench.events.delivered = Bounded(1)
    bench.send(event(), TAKEN)
    bench.send(event(at=8), TAKEN)
    outcome, calls, _ = bench.send(event(), TAKEN)
    assert outcomes.DELIVERED == outcome
    assert [POST] == calls
    assert [] == bench.said, "it is the same event, and differs in nothing"


def test_event_when_its_422_is_not_the_name_limit_rejects_only_its_record() -> None:
    """Another event with the same name is sent all the same."""
    bench = Bench()
    outcome, _, _ = bench.send(event(), refusal(422, "parameter_invalid", "metadata is wrong"))
    assert (Status.REJECTED, outcomes.REFUSED) == (outcome.status, outcome.reason)
    assert outcomes.DELIVERED == bench.send(event("k2"), TAKEN)[0]
    assert [] == bench.said


def test_event_of_a_created_stranger_when_they_are_there_already_updates_nobody() -> None:
    """Somebody made the contact meanwhile: the conflict names them, and the event follows."""
    bench = Bench(create_unknown=True)
    answers = [NOT_FOUND, NOT_FOUND, CONFLICT, shown(external_id="k"), TAKEN]
    outcome, calls, _ = bench.send(event(), *answers)
    assert outcomes.DELIVERED == outcome
    assert [POST, FIND, CREATE_BARE, GetContact(ID), POST] == calls
    assert not any(isinstance(call, UpdateContact) for call in calls)


@pytest.mark.parametrize("key", [".", ".."])
def test_event_of_a_person_whose_identity_is_no_part_of_a_path_is_looked_for_by_a_search(key: str) -> None:
    """Everything on the way would take such a path for a folder."""
    bench = Bench()
    outcome, calls, _ = bench.send(event(key), NOT_FOUND, Answer(200, "json", {"type": "list", "data": []}))
    assert outcomes.UNKNOWN_USER == outcome.reason
    search = calls[1]
    assert isinstance(search, SearchContacts)
    assert {"field": "external_id", "operator": "=", "value": key} == search.query["query"]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (f"exists with id={ID}", ID),
        ("exists with id=abc-1_2", "abc-1_2"),
        (f"exists with id=abc and id={ID}", ID),
        ("exists with grid=7", None),
        ("exists with id=", None),
        (None, None),
    ],
)
def test_id_when_read_from_a_conflict_is_the_contacts_or_none(message: str | None, expected: str | None) -> None:
    """An id in Intercom's usual form goes before anything else that looks like one."""
    assert expected == id_in(Refusal(409, "conflict", message))


def test_refusal_when_there_is_no_envelope_holds_the_status_and_the_request_id() -> None:
    """What Intercom did not say is not made up."""
    assert Refusal(409, request_id="r9") == read_refusal(Answer(409, "json", {}, request_id="r9"))
    assert "conflict" == read_refusal(VAGUE_CONFLICT).code


def test_steps_when_made_asks_nothing_before_it_is_driven() -> None:
    """Steps that nobody drives cost nothing and remember nothing."""
    bench = Bench()
    bench.sender.send(event()).close()
    assert event().digest not in bench.events.delivered
    assert [] == bench.said


# ------------------------------------------------------------------ people who come later


def test_event_when_nobody_knows_its_person_and_may_wait_waits_at_two_calls() -> None:
    """The second one, and whatever else is theirs, costs none."""
    bench = Bench()
    for answers in ([NOT_FOUND, NOT_FOUND], []):
        outcome, calls, _ = bench.drive(bench.sender.send(event(), wait_end=None), *answers)
        assert Aside() == outcome
        assert len(answers) == len(calls)
    assert [] == list(bench.sender.summary())


@pytest.mark.parametrize(
    ("wait_end", "is_early"), [(WaitEnd.NO_ROOM, True), (WaitEnd.TIME, True), (WaitEnd.NOBODY_COMES, False)]
)
def test_event_when_its_wait_ends_in_vain_is_rejected_and_a_bad_sign_only_if_nobody_comes(
    wait_end: WaitEnd, *, is_early: bool
) -> None:
    """Whose person may still come says nothing of the mapping."""
    bench = Bench()
    bench.drive(bench.sender.send(event(), wait_end=None), NOT_FOUND, NOT_FOUND)
    outcome, calls, _ = bench.drive(bench.sender.send(event(), wait_end=wait_end))
    assert isinstance(outcome, Outcome)
    assert ([], outcomes.UNKNOWN_USER, not is_early) == (calls, outcome.reason, outcome.is_bad_sign)
    assert is_early == any("waited for them: 1; 0 of them" in text for text in bench.sender.summary())


def test_event_when_its_wait_ends_five_minutes_later_asks_again() -> None:
    """Another app may have made the contact."""
    bench = Bench()
    bench.drive(bench.sender.send(event(), wait_end=None), NOT_FOUND, NOT_FOUND)
    bench.time.seconds += 301.0
    outcome, calls, _ = bench.drive(bench.sender.send(event(), wait_end=WaitEnd.TIME), TAKEN)
    assert (outcomes.DELIVERED, [POST]) == (outcome, calls)
    assert any("waited for them: 1; 1 of them" in text for text in bench.sender.summary())


def test_event_when_its_person_was_written_is_tried_for_a_minute_whatever_the_search_shows() -> None:
    """By whichever key: what was refused before says nothing any more."""
    bench = Bench()
    bench.drive(bench.sender.send(event(), wait_end=None), NOT_FOUND, NOT_FOUND)
    outcome, calls, pauses = bench.drive(
        bench.sender.send(event(), wait_end=WaitEnd.WRITTEN), NOT_FOUND, NOT_FOUND, TAKEN
    )
    assert (outcomes.DELIVERED, [POST, POST, POST]) == (outcome, calls)
    assert [1.0, 2.0] == pauses


def test_person_when_they_are_to_be_created_is_so_after_the_wait() -> None:
    """With `unknown_users: create`: nobody who is waited for is made without their properties."""
    bench = Bench(create_unknown=True)
    outcome, calls, _ = bench.drive(bench.sender.send(event(), wait_end=None), NOT_FOUND, NOT_FOUND)
    assert (Aside(), [POST, FIND]) == (outcome, calls)
    answers = [NOT_FOUND, NOT_FOUND, shown(external_id="k"), TAKEN]
    outcome, calls, _ = bench.drive(bench.sender.send(event(), wait_end=WaitEnd.TIME), *answers)
    assert (outcomes.DELIVERED, [POST, FIND, CREATE_BARE, POST]) == (outcome, calls)


def test_person_when_written_is_no_stranger_under_any_of_their_keys() -> None:
    """The address, too, leads to the contact."""
    bench = Bench()
    for key in ("k", "k@example.com"):
        bench.people.note_unknown(Key("email" if "@" in key else "external_id", key), outcomes.rejected("unknown_user"))
    bench.cache.note_written(by_id("k"), READER.read({"id": ID, "external_id": "k", "email": "k@example.com"}))
    assert 0 == len(bench.cache.unknown)
