"""Records that are the cause themselves, beside endpoints that are: each row with the right end.

A poisoned record's own call fails for ever, whatever is tried; all others are well. It must not hold up the
rest, and no record that is well may be taken for one. Time is virtual.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from destination_intercom.errors import DeliveryError
from destination_intercom.outcomes import REFUSED, UNCERTAIN, UNDELIVERABLE
from integration_tests.support.fake_storage import S3_SECTION, FakeStorage
from integration_tests.support.harness import Result, ScriptedStdin, config, record, to_lines, write
from integration_tests.support.virtual_clock import START, VirtualClock
from intercom_emulator import Intercom, Settings

T0: Final = 1_700_000_000
POISON: Final = "p0150n"
"""Part of what is poisoned, and of nothing else."""

EVENTS: Final = "POST /events"
CREATE: Final = "POST /contacts"
UPDATE: Final = "PUT /contacts/{id}"
SEARCH: Final = "POST /contacts/search"

UPSERT: Final = "POST /companies"
ATTACH: Final = "POST /contacts/{id}/companies"
ARCHIVE: Final = "POST /contacts/{id}/archive"
DELETE: Final = "DELETE /contacts/{id}"
TAG: Final = "POST /tags"
UNTAG: Final = "DELETE /contacts/{id}/tags/{tag_id}"

Message = dict[str, Any]


def person(number: int, *, poisoned: bool = False) -> str:
    """An identity."""
    return f"{POISON}-{number}" if poisoned else f"person-{number}"


def mail(number: int, *, poisoned: bool = False) -> str:
    """The address of a person."""
    return f"{person(number, poisoned=poisoned)}@example.com"


def user(number: int, *, poisoned: bool = False) -> Message:
    """An update of a person's name."""
    return record(
        "users", user_id=person(number, poisoned=poisoned), mail=mail(number, poisoned=poisoned), name=f"New {number}"
    )


def account(number: int, *, poisoned: bool = False) -> Message:
    """A company's name; what is poisoned is the name, and not the company."""
    return record("accounts", id=f"company-{number}", name=note(poisoned))


def member(number: int, *, poisoned: bool = False) -> Message:
    """A person as they are, and their company."""
    return record("users", user_id=person(number, poisoned=poisoned), name="Old", account=f"company-{number}")


def member_of_poisoned(number: int) -> Message:
    """A person whose company is poisoned."""
    return record("users", user_id=person(number), name="Old", account=f"{POISON}-company")


def tombstone(number: int, *, poisoned: bool = False) -> Message:
    """The end of a person's row, as a database's log tells of it."""
    return record("users", user_id=person(number, poisoned=poisoned), _ab_cdc_deleted_at="2026-01-31")


def bearer(number: int, *, poisoned: bool = False) -> Message:
    """A person as they are, and their tag."""
    return record("users", user_id=person(number, poisoned=poisoned), name="Old", segments=["VIP"])


def leaver(number: int, *, poisoned: bool = False) -> Message:
    """A person as they are, who is in no segment any more."""
    return record("users", user_id=person(number, poisoned=poisoned), name="Old", segments=[])


def event(number: int, *, poisoned: bool = False, people: int = 10) -> Message:
    """An event of one of some people; what is poisoned is its text, and not the person."""
    who = number % people
    return record("events", user_id=person(who), mail=mail(who), name="Played", at=T0 + number, note=note(poisoned))


def note(poisoned: bool) -> str:
    """The text of an event."""
    return f"<script>{POISON}</script>" if poisoned else "fine"


def seeded(count: int = 10, *, poisoned: int = 0) -> dict[str, Any]:
    """People who are contacts already, the poisoned ones with numbers from 0, too."""
    contacts = [(number, False) for number in range(count)] + [(number, True) for number in range(poisoned)]
    return {
        "contacts": [
            {"external_id": person(number, poisoned=bad), "email": mail(number, poisoned=bad), "name": "Old"}
            for number, bad in contacts
        ]
    }


def fault(endpoint: str, *, kind: str = "status", **more: Any) -> Message:
    """A fault of whatever is poisoned."""
    return {"endpoint": endpoint, "kind": kind, "matching": POISON, **more}


BROKEN: Final[Message] = {"status": 500}
NO_BODY: Final[Message] = {"status": 422, "body": ""}
RAILS: Final[Message] = {"status": 400, "body": {"status": 400, "error": "Bad Request"}}
NO_ERRORS: Final[Message] = {"status": 400, "body": {"type": "error.list", "errors": []}}
BY_ADDRESS: Final = {"property": "mail", "intercom_field": "email"}
USERS: Final = {"mode": "enabled", "streams": [{"stream": "users"}], "attributes": [{"property": "name"}]}
WITH_PHONE: Final = {**USERS, "attributes": [{"property": "name"}, {"property": "phone"}]}
WITH_ADDRESS: Final = {**USERS, "attributes": [{"property": "name"}, {"property": "mail", "attribute": "email"}]}


COMPANIES: Final = {
    "mode": "enabled",
    "streams": [{"stream": "accounts", "company_id_property": "id"}],
    "attributes": [{"property": "name"}],
}
MEMBERS: Final = {"users": {**USERS, "member_of": [{"property": "account"}]}, "companies": COMPANIES}


TAGGED: Final = {"users": {**USERS, "tags": [{"property": "segments", "prefix": "s_", "mode": "replace"}]}}


def tagged(count: int = 10, *, poisoned: int = 0) -> dict[str, Any]:
    """People who are contacts already, and bear a tag."""
    contacts = seeded(count, poisoned=poisoned)["contacts"]
    return {"contacts": [{**each, "tags": [{"name": "s_old"}]} for each in contacts]}


EVERYTHING: Final = {"type": "STATE", "state": {"type": "GLOBAL", "global": {"stream_states": []}, "id": 1}}


@dataclass(frozen=True)
class Row:
    """A sync, what it meets, and how it ends.

    `passed_over` are the ordinals of the records that are rejected, for `reason`, because of `endpoint`; `held`
    is the seconds within which the last state has left, or the sync has failed.
    """

    records: list[Message]
    faults: list[Message]
    endpoint: str = ""
    passed_over: tuple[int, ...] = ()
    reason: str = UNDELIVERABLE
    ends: str = "delivered"
    held: tuple[float, float] = (0.0, 60.0)
    seed: dict[str, Any] = field(default_factory=seeded)
    sections: dict[str, Any] = field(default_factory=dict)
    apart: float = 0.0


FIVE_MINUTES: Final = (300.0, 600.0)
TEN_MINUTES: Final = (590.0, 780.0)


def amid(bad: Message, good: Callable[[int], Message], *, count: int = 10, at: int = 4) -> list[Message]:
    """Records that are well, with a poisoned one among them."""
    return [good(number) for number in range(at)] + [bad] + [good(number) for number in range(at, count)]


EVENT_ROWS: Final[dict[str, Row]] = {
    name: Row(
        amid(event(99, poisoned=True), event),
        [fault(EVENTS, **form)],
        EVENTS,
        (5,),
        reason=reason,
        held=FIVE_MINUTES if reason == UNDELIVERABLE else (0.0, 60.0),
    )
    for name, form, reason in (
        ("500 always", BROKEN, UNDELIVERABLE),
        ("403 HTML always", {"kind": "html", "status": 403}, UNDELIVERABLE),
        ("422 without a body, Intercom's own", NO_BODY, REFUSED),
        ("422 without a body, of something before it", {**NO_BODY, "edge": True}, UNDELIVERABLE),
        ("422 without a body, no request id", {**NO_BODY, "headers": {"X-Request-Id": None}}, UNDELIVERABLE),
        ("400 in another form, Intercom's own", RAILS, REFUSED),
        ("400 in another form, of something before it", {**RAILS, "edge": True}, UNDELIVERABLE),
        ("400 without an error in it", NO_ERRORS, REFUSED),
        ("404 of some proxy", {"kind": "html", "status": 404}, UNDELIVERABLE),
        ("200 that is no answer", {"kind": "html", "status": 200}, UNDELIVERABLE),
        ("a redirect", {"kind": "redirect"}, UNDELIVERABLE),
    )
}

ROWS: Final[dict[str, Row]] = {
    **EVENT_ROWS,
    "an update, 500 always": Row(
        amid(user(0, poisoned=True), user),
        [fault(UPDATE, **BROKEN)],
        UPDATE,
        (5,),
        held=FIVE_MINUTES,
        seed=seeded(poisoned=1),
    ),
    "a create, 500 always": Row(
        amid(user(0, poisoned=True), user, at=0),
        [fault(CREATE, **BROKEN)],
        CREATE,
        (1,),
        held=FIVE_MINUTES,
        seed=seeded(5),
    ),
    "a lead's create, 500 always": Row(
        amid(user(0, poisoned=True), user, at=2),
        [fault(CREATE, **BROKEN)],
        CREATE,
        (3,),
        reason=UNCERTAIN,
        held=FIVE_MINUTES,
        seed={},
        sections={"users": {**USERS, "create_as": "lead"}, "identity": BY_ADDRESS},
    ),
    "a lead's search, 500 always": Row(
        amid(user(0, poisoned=True), user, at=2),
        [fault(SEARCH, **BROKEN)],
        SEARCH,
        (3,),
        held=FIVE_MINUTES,
        seed={},
        sections={"users": {**USERS, "create_as": "lead"}, "identity": BY_ADDRESS},
    ),
    "an update, last in the input": Row(
        amid(user(0, poisoned=True), user, at=10),
        [fault(UPDATE, **BROKEN)],
        UPDATE,
        (11,),
        held=FIVE_MINUTES,
        seed=seeded(poisoned=1),
        apart=20.0,
    ),
    "a create, last in the input": Row(
        amid(user(0, poisoned=True), user, at=10),
        [fault(CREATE, **BROKEN)],
        CREATE,
        (11,),
        held=FIVE_MINUTES,
        seed=seeded(5),
        apart=20.0,
    ),
    "a create, last behind nothing but updates": Row(
        amid(user(0, poisoned=True), user, at=10),
        [fault(CREATE, **BROKEN)],
        CREATE,
        (11,),
        held=FIVE_MINUTES,
        apart=20.0,
    ),
    "an event, last in the input": Row(
        amid(event(99, poisoned=True), event, at=10),
        [fault(EVENTS, **BROKEN)],
        EVENTS,
        (11,),
        held=FIVE_MINUTES,
        apart=20.0,
    ),
    "an event, alone": Row([event(0, poisoned=True)], [fault(EVENTS, **BROKEN)], EVENTS, (1,), held=FIVE_MINUTES),
    # Nothing harmless can be written where nothing was written: it may be an outage.
    "an update, alone": Row(
        [user(0, poisoned=True)],
        [fault(UPDATE, **BROKEN)],
        UPDATE,
        (1,),
        ends="transient error",
        held=TEN_MINUTES,
        seed=seeded(poisoned=1),
    ),
    "an update merged of three, one of them poisoned": Row(
        [user(4), record("users", user_id=person(4), phone=f"+{POISON}"), user(4), user(5)],
        [fault(UPDATE, **BROKEN)],
        UPDATE,
        (2,),
        held=FIVE_MINUTES,
        sections={"users": WITH_PHONE},
    ),
    "a company, 500 always": Row(
        amid(account(9, poisoned=True), account, count=5),
        [fault(UPSERT, **BROKEN)],
        UPSERT,
        (5,),
        held=FIVE_MINUTES,
        sections=MEMBERS,
    ),
    "a company's second name, 403 HTML always": Row(
        [account(1), account(1, poisoned=True), account(2)],
        [fault(UPSERT, kind="html", status=403)],
        UPSERT,
        (2,),
        held=FIVE_MINUTES,
        sections=MEMBERS,
    ),
    "a company that a person names, 500 always": Row(
        amid(member_of_poisoned(9), member, count=6),
        [fault(UPSERT, **BROKEN)],
        UPSERT,
        (5,),
        held=FIVE_MINUTES,
        sections=MEMBERS,
    ),
    "an attachment, 500 always": Row(
        amid(member(0, poisoned=True), member, count=6),
        [fault(ATTACH, **BROKEN)],
        ATTACH,
        (5,),
        held=FIVE_MINUTES,
        seed=seeded(poisoned=1),
        sections=MEMBERS,
    ),
    "an archive, 500 always": Row(
        amid(tombstone(0, poisoned=True), tombstone),
        [fault(ARCHIVE, **BROKEN)],
        ARCHIVE,
        (5,),
        held=FIVE_MINUTES,
        seed=seeded(poisoned=1),
        sections={"users": {**USERS, "deleted_records": "archive"}},
    ),
    # A deletion of nobody shows that others could be deleted.
    "a deletion, alone, 403 HTML always": Row(
        [tombstone(0, poisoned=True)],
        [fault(DELETE, kind="html", status=403)],
        DELETE,
        (1,),
        held=FIVE_MINUTES,
        seed=seeded(poisoned=1),
        sections={"users": {**USERS, "deleted_records": "delete"}},
    ),
    "an update before a deletion, 500 always": Row(
        [user(0), user(0, poisoned=True), tombstone(0, poisoned=True)],
        [fault(UPDATE, **BROKEN)],
        UPDATE,
        (2,),
        held=FIVE_MINUTES,
        seed=seeded(poisoned=1),
        sections={"users": {**USERS, "deleted_records": "archive"}},
    ),
    "a tag of ten people, 500 always for one": Row(
        amid(bearer(0, poisoned=True), bearer),
        [fault(TAG, **BROKEN)],
        TAG,
        (5,),
        held=FIVE_MINUTES,
        seed=seeded(poisoned=1),
        sections=TAGGED,
    ),
    "a tag, alone, 403 HTML always": Row(
        [bearer(0, poisoned=True)],
        [fault(TAG, kind="html", status=403)],
        TAG,
        (1,),
        held=FIVE_MINUTES,
        seed=seeded(poisoned=1),
        sections=TAGGED,
    ),
    "a tag that is taken off, 500 always": Row(
        amid(leaver(0, poisoned=True), leaver),
        [fault(UNTAG, **BROKEN)],
        UNTAG,
        (5,),
        held=FIVE_MINUTES,
        seed=tagged(poisoned=1),
        sections=TAGGED,
    ),
    "a tag that is taken off, alone, 500 always": Row(
        [leaver(0, poisoned=True)],
        [fault(UNTAG, **BROKEN)],
        UNTAG,
        (1,),
        held=FIVE_MINUTES,
        seed=tagged(poisoned=1),
        sections=TAGGED,
    ),
    "tags, 500 always for anybody": Row(
        [bearer(number) for number in range(10)],
        [{"endpoint": TAG, "kind": "status", "status": 500}],
        TAG,
        ends="transient error",
        held=TEN_MINUTES,
        sections=TAGGED,
    ),
    "three records a day, one poisoned": Row(
        [event(0), event(99, poisoned=True), event(2)], [fault(EVENTS, **BROKEN)], EVENTS, (2,), held=FIVE_MINUTES
    ),
    "three records a day, all poisoned": Row(
        [event(number, poisoned=True) for number in range(3)],
        [fault(EVENTS, **BROKEN)],
        EVENTS,
        (1, 2, 3),
        held=FIVE_MINUTES,
    ),
    "20 poisoned among 1,000": Row(
        [event(number, poisoned=number % 50 == 0, people=1000) for number in range(1000)],
        [fault(EVENTS, **BROKEN)],
        EVENTS,
        tuple(range(1, 1000, 50)),
        held=FIVE_MINUTES,
        seed=seeded(1000),
    ),
    # The first twenty might be passed over; but the sync fails, and the next one begins with them again.
    "30 poisoned among 1,000": Row(
        [event(number, poisoned=number % 34 == 0, people=1000) for number in range(1000)],
        [fault(EVENTS, **BROKEN)],
        EVENTS,
        (1,),
        ends="transient error",
        held=FIVE_MINUTES,
        seed=seeded(1000),
    ),
    "30 poisoned among 4,000": Row(
        [event(number, poisoned=number % 134 == 0, people=1000) for number in range(4000)],
        [fault(EVENTS, **BROKEN)],
        EVENTS,
        tuple(range(1, 4000, 134)),
        held=FIVE_MINUTES,
        seed=seeded(1000),
    ),
    "half of all updates failing": Row(
        [user(number) for number in range(100)],
        [{"endpoint": UPDATE, "kind": "status", "status": 503, "share": 0.5}],
        held=(0.0, 400.0),
        seed=seeded(100),
    ),
    "a dead endpoint beside a live one": Row(
        [each for number in range(60) for each in (event(number), user(number % 10))],
        [{"endpoint": UPDATE, "kind": "status", "status": 500, "from_time": 30.0}],
        UPDATE,
        ends="transient error",
        held=(620.0, 700.0),
        apart=15.0,
    ),
    "a dead endpoint beside a live one, from the start": Row(
        [each for number in range(60) for each in (event(number), user(number % 10))],
        [{"endpoint": UPDATE, "kind": "html", "status": 502}],
        UPDATE,
        ends="transient error",
        held=TEN_MINUTES,
        apart=15.0,
    ),
    "an outage of eight minutes": Row(
        [each for number in range(10) for each in (user(number), event(number))],
        [{"endpoint": "*", "kind": "status", "status": 500, "until_time": 480.0}],
        held=(480.0, 560.0),
    ),
    "an outage of eight minutes at one endpoint": Row(
        [each for number in range(60) for each in (event(number), user(number % 10))],
        [{"endpoint": UPDATE, "kind": "status", "status": 500, "from_time": 30.0, "until_time": 510.0}],
        apart=15.0,
    ),
    "an address whose search is always 500, as identity": Row(
        amid(user(0, poisoned=True), user),
        [fault(SEARCH, **BROKEN)],
        sections={"identity": BY_ADDRESS},
        held=(0.0, 600.0),
        seed=seeded(poisoned=1),
    ),
    "an address whose search is always 500, as an attribute": Row(
        amid(user(0, poisoned=True), user, at=0),
        [fault(SEARCH, **BROKEN)],
        sections={"users": WITH_ADDRESS},
        held=(0.0, 600.0),
        seed=seeded(5),
    ),
    "an address whose search is always 403 HTML, as identity": Row(
        amid(user(0, poisoned=True), user),
        [fault(SEARCH, kind="html", status=403)],
        sections={"identity": BY_ADDRESS},
        held=(0.0, 600.0),
        seed=seeded(poisoned=1),
    ),
}


@pytest.fixture(autouse=True)
def _same_jitter() -> Iterator[None]:
    """The waits between attempts are the same in each run of a test."""
    before = random.getstate()
    random.seed(1)
    yield
    random.setstate(before)


@dataclass
class Seen:
    """A sync that is over: when its last state left, or when it failed, and what is in the storage."""

    result: Result
    storage: FakeStorage
    moment: float


def run(row: Row) -> Seen:
    """Run the sync of a row, with a state of all streams at the end."""
    clock = VirtualClock()
    intercom = Intercom(Settings.from_dict({"faults": row.faults}), clock=clock.wall)
    intercom.seed(row.seed)
    storage = FakeStorage(clock)
    left: list[float] = []
    pieces = [(row.apart * number, to_lines([each])) for number, each in enumerate(row.records)]
    metadata = {**config()["events"], "metadata": [{"property": "note"}]}
    sections = {"users": USERS, "events": metadata, "object_storage_config": S3_SECTION, **row.sections}
    result = write(
        ScriptedStdin(clock, *pieces, (row.apart * (len(pieces) - 1), to_lines([EVERYTHING]))),
        configuration=config(**sections),
        intercom=intercom,
        clock=clock,
        storage=storage,
        watch=lambda line: left.append(clock.now()) if json.loads(line)["type"] == "STATE" else None,
    )
    moment = left[-1] if left else clock.now()
    return Seen(result, storage, moment - START - row.apart * (len(row.records) - 1) * (row.ends == "delivered"))


@pytest.mark.parametrize("name", ROWS)
def test_poisoned_record_when_its_call_fails_for_ever_ends_as_its_row_says(name: str) -> None:
    """Passed over once it is shown to be the cause, named and kept; else one error that names it and the endpoint."""
    row = ROWS[name]
    seen = run(row)
    result = seen.result
    assert row.held[0] <= seen.moment <= row.held[1]
    if row.ends == "transient error":
        assert isinstance(result.error, DeliveryError)
        assert row.endpoint in result.error.message
        assert "record " in result.error.message
        assert 'stream "' in result.error.message
        assert [] == result.states
        return
    assert result.error is None
    rejected = len(row.passed_over)
    stats = {"recordCount": len(row.records) - rejected, "rejectedRecordCount": rejected}
    assert [stats] == [each["destinationStats"] for each in result.states]
    assert list(row.passed_over) == [kept["ordinal"] for kept in seen.storage.rows]
    assert {row.reason} >= {kept["reason"] for kept in seen.storage.rows}
    wanted = {each["record"]["data"]["at"] for each in row.records if each["record"]["stream"] == "events"}
    assert len(wanted) - rejected * (row.endpoint == EVENTS) == len(result.events)
    if row.reason == UNDELIVERABLE:
        assert_named(row, result)


def assert_named(row: Row, result: Result) -> None:
    """Fail unless the log names each record that was passed over once, with endpoint and status."""
    for ordinal in row.passed_over:
        stream = row.records[ordinal - 1]["record"]["stream"]
        told = [text for text in result.logs if f'Stream "{stream}": record {ordinal} of the sync' in text]
        assert 1 == len(told)
        assert f"{row.endpoint}: status " in told[0]


def test_updates_when_one_of_those_merged_is_poisoned_are_each_sent_in_their_order() -> None:
    """What was carried out although it was answered by an error is written over by the later ones, as the source says."""
    clock = VirtualClock()
    intercom = Intercom(Settings.from_dict({"faults": [fault(UPDATE, **BROKEN, after=True)]}), clock=clock.wall)
    intercom.seed(seeded())
    messages = [
        user(5),
        record("users", user_id=person(4), name="New", phone=f"+{POISON}"),
        record("users", user_id=person(4), name="Old"),
        EVERYTHING,
    ]
    result = write(messages, configuration=config(users=WITH_PHONE), intercom=intercom, clock=clock)
    assert result.error is None
    assert [{"recordCount": 2, "rejectedRecordCount": 1}] == [each["destinationStats"] for each in result.states]
    assert "Old" == result.contact(person(4))["name"]
