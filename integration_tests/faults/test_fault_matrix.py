"""Every fault of every endpoint, as rare and as lasting as can be, and what comes of the sync each time.

The pipeline runs in this process by its one function, with a clock whose hours cost nothing and a
transport that spoils the calls. What Intercom holds in the end is compared with what the records
say, and at each state with what the records before it say.
"""

from __future__ import annotations

import functools
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pytest
import requests

from destination_intercom import destination
from destination_intercom.errors import ConfigurationError, DeliveryError
from integration_tests.faults.faults import FAULTS, NEVER, SCHEDULES, Saboteur, Schedule
from integration_tests.faults.situations import (
    MEMBERS,
    PEOPLE,
    SITUATIONS,
    STORED,
    T0,
    Situation,
    account,
    calls,
    event,
    everything,
    someone,
    users,
)
from integration_tests.faults.store import BLOWS, Store, connect, storage_section
from integration_tests.support.harness import EmulatorTransport, Result, build_response, config, write
from integration_tests.support.virtual_clock import START, VirtualClock
from intercom_emulator import Answer, Intercom
from unit_tests.endpoints import CALLS

TABLE: Final = """
               check check-attr attributes new-attr search search-mail search-free search-event find find-late
reset-before   DDFF  DDFF       DDDT       DDDT     DDDT   DDDT        DDDT        DDDT         DDDT DDDT
reset-after    DDFF  DDFF       DDDT       DDDT     DDDT   DDDT        DDDT        DDDT         DDDT DDDT
stall          DDFF  DDFF       DDDT       DDDT     DDDT   DDDT        DDDT        DDDT         DDDT DDDT
truncated      DDFF  DDFF       DDDT       DDDT     DDDT   DDDT        DDDT        DDDT         DDDT DDDT
502-html       DDFF  DDFF       DDDT       DDDT     DDDT   DDDT        DDDT        DDDT         DDDT DDDT
503-html       DDFF  DDFF       DDDT       DDDT     DDDT   DDDT        DDDT        DDDT         DDDT DDDT
504-html       DDFF  DDFF       DDDT       DDDT     DDDT   DDDT        DDDT        DDDT         DDDT DDDT
500-json       DDFF  DDFF       DDDT       DDDT     DDDD   DDDT        DDDT        DDDT         DDDT DDDT
null           DDFF  DDFF       DDDT       DDDT     DDDT   DDDT        DDDT        DDDT         DDDT DDDT
no-fields      DDFF  DDFF       DDDT       DDDT     DDDT   DDDT        DDDT        DDDT         DDDT DDDT
429-storm      DDFF  DDFF       DDDT       DDDT     DDDT   DDDT        DDDT        DDDT         DDDT DDDT
429-bare       DDFF  DDFF       DDDT       DDDT     DDDT   DDDT        DDDT        DDDT         DDDT DDDT
429-lies       FFFF  FFFF       DDDT       DDDT     DDDT   DDDT        DDDT        DDDT         DDDT DDDT
lying-headers  DDDD  DDDD       DDDD       DDDD     DDDD   DDDD        DDDD        DDDD         DDDD DDDD
403-html       DDFF  DDFF       DDDT       DDDT     DDDT   DDDT        DDDT        DDDT         DDDT DDDT
404-html       DDFF  DDFF       DDDT       DDDT     DDDT   DDDT        DDDT        DDDT         DDDT DDDT
408-json       DDFF  DDFF       DDDT       DDDT     DDDT   DDDT        DDDT        DDDT         DDDT DDDT
no-address     DDFF  DDFF       DDDT       DDDT     DDDT   DDDT        DDDT        DDDT         DDDT DDDT
refused        DDFF  DDFF       DDDT       DDDT     DDDT   DDDT        DDDT        DDDT         DDDT DDDT

               get  create create-event update adopt adopt-read unarchive archive event
reset-before   DDDT DDDT   DDDT         DDDT   DDDT  DDDT       DDDT      DDDT    DDDT
reset-after    DDDT DDDT   DDDT         DDDT   DDDT  DDDT       DDDT      DDDT    DDDT
stall          DDDT DDDT   DDDT         DDDT   DDDT  DDDT       DDDT      DDDT    DDDT
truncated      DDDT DDDT   DDDT         DDDT   DDDT  DDDT       DDDT      DDDT    DDDT
502-html       DDDT DDDT   DDDT         DDDT   DDDU  DDDT       DDDT      DDDT    DDDT
503-html       DDDT DDDT   DDDT         DDDT   DDDU  DDDT       DDDT      DDDT    DDDT
504-html       DDDT DDDT   DDDT         DDDT   DDDU  DDDT       DDDT      DDDT    DDDT
500-json       DDDT DDDT   DDDT         DDDT   DDDU  DDDT       DDDR      DDDT    DDDT
null           DDDT DDDT   DDDT         DDDT   DDDU  DDDT       DDDT      DDDT    DDDT
no-fields      DDDT DDDT   DDDT         DDDT   DDDU  DDDT       DDDT      DDDT    DDDT
429-storm      DDDT DDDT   DDDT         DDDT   DDDT  DDDT       DDDT      DDDT    DDDT
429-bare       DDDT DDDT   DDDT         DDDT   DDDT  DDDT       DDDT      DDDT    DDDT
429-lies       DDDT DDDT   DDDT         DDDT   DDDT  DDDT       DDDT      DDDT    DDDT
lying-headers  DDDD DDDD   DDDD         DDDD   DDDD  DDDD       DDDD      DDDD    DDDD
403-html       DDDT DDDT   DDDT         DDDT   DDDU  DDDT       DDDT      DDDT    DDDT
404-html       DDDT DDDT   DDDT         DDDT   DDDU  DDDT       DDDT      DDDT    DDDT
408-json       DDDT DDDT   DDDT         DDDT   DDDU  DDDT       DDDT      DDDT    DDDT
no-address     DDDT DDDT   DDDT         DDDT   DDDT  DDDT       DDDT      DDDT    DDDT
refused        DDDT DDDT   DDDT         DDDT   DDDT  DDDT       DDDT      DDDT    DDDT

               company company-by-id attach companies-of archive-person delete-person
reset-before   DDDT    DDDT          DDDT   DDDT         DDDT           DDDT
reset-after    DDDT    DDDT          DDDT   DDDT         DDDT           DDDT
stall          DDDT    DDDT          DDDT   DDDT         DDDT           DDDT
truncated      DDDT    DDDT          DDDT   DDDT         DDDT           DDDT
502-html       DDDT    DDDT          DDDT   DDDT         DDDT           DDDT
503-html       DDDT    DDDT          DDDT   DDDT         DDDT           DDDT
504-html       DDDT    DDDT          DDDT   DDDT         DDDT           DDDT
500-json       DDDT    DDDT          DDDT   DDDT         DDDT           DDDT
null           DDDT    DDDT          DDDT   DDDT         DDDT           DDDT
no-fields      DDDT    DDDT          DDDT   DDDT         DDDT           DDDT
429-storm      DDDT    DDDT          DDDT   DDDT         DDDT           DDDT
429-bare       DDDT    DDDT          DDDT   DDDT         DDDT           DDDT
429-lies       DDDT    DDDT          DDDT   DDDT         DDDT           DDDT
lying-headers  DDDD    DDDD          DDDD   DDDD         DDDD           DDDD
403-html       DDDT    DDDT          DDDT   DDDT         DDDT           DDDT
404-html       DDDT    DDDT          DDDT   DDDT         DDDT           DDDT
408-json       DDDT    DDDT          DDDT   DDDT         DDDT           DDDT
no-address     DDDT    DDDT          DDDT   DDDT         DDDT           DDDT
refused        DDDT    DDDT          DDDT   DDDT         DDDT           DDDT

               create-lead
reset-before   LLLL
reset-after    DDDD
stall          DDDD
truncated      DDDD
502-html       LLLL
503-html       LLLL
504-html       DDDD
500-json       LLLL
null           DDDD
no-fields      LLLL
429-storm      DDDT
429-bare       DDDT
429-lies       DDDT
lying-headers  DDDD
403-html       LLLL
404-html       LLLL
408-json       LLLL
no-address     DDDT
refused        DDDT

               tag  tags tags-of untag
reset-before   DDDT DDDT DDDT    DDDT
reset-after    DDDT DDDT DDDT    DDDT
stall          DDDT DDDT DDDT    DDDT
truncated      DDDT DDDT DDDT    DDDT
502-html       DDDT DDDT DDDT    DDDT
503-html       DDDT DDDT DDDT    DDDT
504-html       DDDT DDDT DDDT    DDDT
500-json       DDDT DDDT DDDT    DDDT
null           DDDT DDDT DDDT    DDDT
no-fields      DDDT DDDT DDDT    DDDT
429-storm      DDDT DDDT DDDT    DDDT
429-bare       DDDT DDDT DDDT    DDDT
429-lies       DDDT DDDT DDDT    DDDT
lying-headers  DDDD DDDD DDDD    DDDD
403-html       DDDT DDDT DDDT    DDDT
404-html       DDDT DDDT DDDT    DDDT
408-json       DDDT DDDT DDDT    DDDT
no-address     DDDT DDDT DDDT    DDDT
refused        DDDT DDDT DDDT    DDDT

               bulk-create bulk-update bulk-job
reset-before   DDDD        DDDD        DDDD
reset-after    DDDD        DDDD        DDDD
stall          DDDD        DDDD        DDDD
truncated      DDDD        DDDD        DDDD
502-html       DDDD        DDDD        DDDD
503-html       DDDD        DDDD        DDDD
504-html       DDDD        DDDD        DDDD
500-json       DDDD        DDDD        DDDD
null           DDDD        DDDD        DDDD
no-fields      DDDD        DDDD        DDDD
429-storm      DDDT        DDDT        DDDT
429-bare       DDDT        DDDT        DDDT
429-lies       DDDT        DDDT        DDDT
lying-headers  DDDD        DDDD        DDDD
403-html       DDDD        DDDD        DDDD
404-html       DDDD        DDDD        DDDD
408-json       DDDD        DDDD        DDDD
no-address     DDDT        DDDT        DDDT
refused        DDDT        DDDT        DDDT

               store
reset-before   DDDT
reset-after    DDDT
stall          DDDT
truncated      DDDT
502-html       DDDT
503-html       DDDT
504-html       DDDT
500-json       DDDT
null           DDDT
no-fields      DDDT
429-storm      DDDT
429-bare       DDDT
429-lies       DDDT
lying-headers  DDDD
403-html       DDDT
404-html       DDDT
408-json       DDDT
no-address     DDDT
refused        DDDT
full-disk      DDDT
full-quota     DDDT
"""
"""How each cell ends, a letter for each schedule: once, every fifth call, a long outage, for ever.

D: all is delivered (a check: it succeeds). T: one transient error after about ten minutes, with the states
of what was delivered. R: as D, but what concerns the endpoint is rejected. U: so, but after five minutes, as
undeliverable. L: as D, but whoever's create was struck is rejected after five minutes, as uncertain. F: the check
fails within its time.

Bulk calls are never what a sync fails for: what they were for goes one by one, unless nothing of them can have arrived.
A check that is told by a 429 to wait for a day fails at once. Two more cells are not what their rows are: a search that Intercom answers 500 in its own words may be malformed,
and identities need no search (the create tells who is there); an unarchive that it answers so for many minutes
while it answers the rest says that the contact cannot be restored (recorded). And where the updates that give
a contact its identity fail by themselves, other updates show that the endpoint works: so these records are the
cause, and there are no more than twenty.
"""


def read_table(text: str) -> dict[tuple[str, str], str]:
    """Read the letters of each endpoint and fault."""
    cells: dict[tuple[str, str], str] = {}
    for block in text.strip("\n").split("\n\n"):
        head, *rows = block.splitlines()
        for row in rows:
            fault, *letters = row.split()
            cells |= {(endpoint, fault): each for endpoint, each in zip(head.split(), letters, strict=True)}
    return cells


ENDS: Final = read_table(TABLE)
CELLS: Final = [
    pytest.param(endpoint, fault, schedule, id=f"{endpoint}-{fault}-{schedule}")
    for endpoint, fault in ENDS
    for schedule in SCHEDULES
]
LONGEST_SILENCE: Final = 900.0
"""Seconds without a state after which the platform may end a sync."""

MOST_ATTEMPTS: Final = 500
"""Of the calls of six people and a stranger in ten minutes, with waits of up to half a minute between them."""


@pytest.fixture(autouse=True)
def _same_jitter() -> Iterator[None]:
    """The waits between attempts are the same in each run of a test."""
    before = random.getstate()
    random.seed(1)
    yield
    random.setstate(before)


@dataclass
class Run:
    """One sync, and what was seen of it."""

    situation: Situation = field(repr=False)
    result: Result = field(repr=False)
    schedule: Schedule = field(repr=False)
    store: Store = field(repr=False)
    given_up: float
    ahead: list[Any] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)

    @property
    def states(self) -> list[int]:
        """The ids of the states."""
        return [each["id"] for each in self.result.states]

    @property
    def counts(self) -> tuple[int, int]:
        """The sums of what the states count."""
        stats = [each["destinationStats"] for each in self.result.states]
        return sum(each["recordCount"] for each in stats), sum(each["rejectedRecordCount"] for each in stats)

    @property
    def silence(self) -> float:
        """The longest time without a state."""
        return max(later - earlier for earlier, later in zip(self.moments, self.moments[1:], strict=False))


def run(situation: Situation, fault: str, kind: str) -> Run:
    """Run the sync in which the endpoint of `situation` is called again and again."""
    clock = VirtualClock()
    intercom = situation.make_intercom(clock)
    is_stored = situation is STORED
    like = FAULTS.get(fault, FAULTS["502-html"])
    schedule = Schedule(kind, clock, outage=like.outage, first=situation.first)
    store = Store(clock, blow=BLOWS.get(fault, BLOWS["null"]), schedule=schedule)
    transport = EmulatorTransport(intercom, clock)
    if not is_stored:
        transport = Saboteur(
            intercom, clock, blow=like.blow, schedule=schedule, aims_at=situation.aim, from_time=situation.armed_from
        )
    ahead: list[Any] = []
    moments = [START]

    def watch(line: bytes) -> None:
        message = json.loads(line)
        assert "TRACE" != message["type"]
        if message["type"] == "STATE":
            moments.append(clock.now())
            number = message["state"]["id"]
            ahead.extend(situation.missing(intercom.dump(), number))
            ahead.extend(unstored(situation, store, number) if is_stored else [])

    document = situation.make_config()
    result = write(
        situation.make_stdin(clock, intercom),
        configuration={**document, "object_storage_config": storage_section()} if is_stored else document,
        intercom=intercom,
        clock=clock,
        transport=transport,
        storage=connect(store) if is_stored else None,
        watch=watch,
    )
    return Run(situation, result, schedule, store, like.given_up, ahead, [*moments, clock.now()])


def unstored(situation: Situation, store: Store, pieces: int) -> list[Any]:
    """Tell which rejected records among the first `pieces` are not in the storage, or more than once."""
    kept = store.records
    lost = [message["record"]["data"] for message in situation.lost(pieces)]
    return [data for data in lost if kept.count(data) != 1]


@functools.cache
def calm_calls(endpoint: str) -> int:
    """How often the endpoint is called where nothing goes wrong."""
    calm = run(SITUATIONS[endpoint], "null", NEVER)
    assert calm.result.error is None
    return calm.schedule.aimed_at


def expect_delivered(seen: Run) -> None:
    """All that can be delivered is, once, and each state is out with its counts and without a long silence."""
    assert seen.result.error is None
    assert list(range(1, len(seen.situation.pieces()) + 1)) == seen.states
    assert [] == seen.situation.missing(seen.result.contents, len(seen.states))
    assert seen.situation is not STORED or len(seen.store.records) == seen.counts[1]
    assert seen.situation.counts == seen.counts
    assert seen.silence < LONGEST_SILENCE


def expect_transient_error(seen: Run) -> None:
    """What was delivered before is checkpointed, nothing else is, and it took about ten minutes."""
    assert isinstance(seen.result.error, DeliveryError)
    assert "transient_error" == seen.result.error.failure_type
    assert ([] if seen.situation.at_start else [1]) == seen.states
    assert 590 < seen.moments[-1] - START - seen.situation.armed_from < seen.given_up
    assert seen.schedule.fired <= MOST_ATTEMPTS


def expect_uncertain(seen: Run) -> None:
    """Each create that was lost is made no second time; its records are rejected, and all others are delivered."""
    assert seen.result.error is None
    assert list(range(1, len(seen.situation.pieces()) + 1)) == seen.states
    assert [] == seen.situation.missing(seen.result.contents, len(seen.states))
    made = sum(each["role"] == "lead" for each in seen.result.contents["contacts"])
    assert PEOPLE - seen.schedule.fired == made
    taken, rejected = seen.counts
    assert sum(seen.situation.counts) == taken + rejected
    # Two records of a lead's, and two events of theirs.
    assert 4 * seen.schedule.fired == rejected
    assert seen.silence < LONGEST_SILENCE


EXPECTATIONS: Final[dict[str, Callable[[Run], None]]] = {
    "D": expect_delivered,
    "T": expect_transient_error,
    "R": expect_delivered,
    "U": expect_delivered,
    "L": expect_uncertain,
}
CHANGES: Final[dict[str, dict[str, Any]]] = {
    "R": {"rejected": True},
    "U": {"undeliverable": True},
    "L": {"uncertain": True},
}
"""What cannot be delivered in the situations of these."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run some of the cells, and with `--all-faults` each: some meet every endpoint, fault and schedule."""
    if metafunc.function is test_fault_when_it_comes_ends_as_the_table_says:
        cells = CELLS if metafunc.config.getoption("--all-faults") else some_cells()
        metafunc.parametrize(("endpoint", "fault", "schedule"), cells)


def some_cells() -> list[Any]:
    """Choose a ninth of the cells, across rows and columns, and one of whatever these do not meet."""
    places = [list(dict.fromkeys(cell.values[part] for cell in CELLS)) for part in range(3)]
    chosen, met = [], set[object]()
    for cell in CELLS:
        numbers = [place.index(name) for place, name in zip(places, cell.values, strict=True)]
        if (numbers[0] + 2 * numbers[1] + numbers[2]) % 9 == 0:
            chosen.append(cell)
            met.update(cell.values)
    for cell in CELLS:
        if not met.issuperset(cell.values):
            chosen.append(cell)
            met.update(cell.values)
    return chosen


def test_fault_when_it_comes_ends_as_the_table_says(
    endpoint: str, fault: str, schedule: str, record_property: Callable[[str, object], None]
) -> None:
    """Delivered exactly what should be, no state ahead of it, or one error of the right type."""
    wanted = ENDS[endpoint, fault][SCHEDULES.index(schedule)]
    place = list(ENDS).index((endpoint, fault)) * len(SCHEDULES) + SCHEDULES.index(schedule)
    record_property("cell", (place, endpoint, fault, schedule, wanted))
    if endpoint in CHECKED:
        expect_check(endpoint, fault, schedule, succeeds=wanted == "D")
        return
    situation = SITUATIONS[endpoint]
    seen = run(replace(situation, **CHANGES[wanted]) if wanted in CHANGES else situation, fault, schedule)
    assert seen.schedule.fired
    assert [] == seen.ahead
    assert [] == seen.situation.complaints(seen.result.contents)
    EXPECTATIONS[wanted](seen)
    if schedule in {"once", "fifth"}:
        answered = fault in FAULTS and FAULTS[fault].answers
        # More would mean that there are retries below the ones that the policy knows of.
        most = calm_calls(endpoint) + situation.slack
        assert seen.schedule.aimed_at <= most + (0 if answered else seen.schedule.fired)


class Uneven(EmulatorTransport):
    """Carries one person's event out slowly, and refuses the token for another's at once."""

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        if b'"p1"' in (request.body or b""):
            return build_response(request, Answer(401, {"Content-Type": "application/json"}, b"{}"))
        self.clock.sleep(8.0)
        return super().send(request, *args, **kwargs)


def test_fatal_failure_while_a_call_is_in_flight_waits_for_it_and_releases_its_state() -> None:
    """What was on its way when the token was refused is delivered and acknowledged; nothing is begun any more."""
    clock = VirtualClock()
    intercom = Intercom(clock=clock.wall)
    intercom.seed({"contacts": [someone(0), someone(1), someone(2)]})
    messages = [event(0), everything(1), event(1), everything(2), event(2), event(2, 1), everything(3)]
    result = write(
        list(messages),
        configuration=config(users=None),
        intercom=intercom,
        clock=clock,
        transport=Uneven(intercom, clock),
    )
    assert isinstance(result.error, ConfigurationError)
    assert [1] == [each["id"] for each in result.states]
    arrived = {(each["user_id"], each["created_at"] - T0) for each in result.events}
    assert ("p0", 0) in arrived
    assert ("p2", 1) not in arrived


CHECKED: Final = {"check": calls("GET /me"), "check-attr": calls("GET /data_attributes")}
CHECK_SECONDS: Final = 15.0


def expect_check(endpoint: str, fault: str, kind: str, *, succeeds: bool) -> None:
    """The check says whether Intercom answers, within its time, and writes nothing."""
    clock = VirtualClock()
    intercom = Intercom(clock=clock.wall)
    schedule = Schedule(kind, clock, outage=FAULTS[fault].outage, first=1)
    saboteur = Saboteur(
        intercom, clock, blow=FAULTS[fault].blow, schedule=schedule, aims_at=CHECKED[endpoint], from_time=0.0
    )
    lines = list(destination.check(config(users=users()), clock=clock, transport=saboteur))
    last: dict[str, Any] = json.loads(lines[-1])["connectionStatus"]
    assert schedule.fired
    assert ("SUCCEEDED" if succeeds else "FAILED") == last["status"]
    assert clock.now() - START <= CHECK_SECONDS
    assert intercom.dump()["calls"].keys() <= {"GET /me", "GET /data_attributes"}


def test_table_names_every_fault_and_every_endpoint() -> None:
    """A fault or an endpoint that is not in the table would be tested by nobody."""
    stored = {("store", fault) for fault in BLOWS}
    called = {(endpoint, fault) for endpoint in (*CHECKED, *SITUATIONS) for fault in FAULTS}
    assert called | stored == ENDS.keys()
    assert all(len(SCHEDULES) == len(letters) for letters in ENDS.values())


def test_cells_that_run_every_day_meet_each_endpoint_fault_and_schedule() -> None:
    """The others run in CI."""
    for part in range(3):
        assert {cell.values[part] for cell in CELLS} == {cell.values[part] for cell in some_cells()}


def test_table_has_a_column_for_each_call_that_the_connector_can_make() -> None:
    """A new endpoint needs a situation in which it is called again and again."""
    aims = [*CHECKED.values(), *(situation.aim for situation in SITUATIONS.values())]
    aimed_at = {aim.template for aim in aims if isinstance(aim, calls)}
    assert {kind.endpoint for kind in CALLS} - IN_A_DRY_RUN == aimed_at


IN_A_DRY_RUN: Final = {"GET /companies"}
"""What no sync calls that writes, so that it has no column: the test below is its row."""


@pytest.mark.parametrize("schedule", ["once", "fifth", "outage"])
@pytest.mark.parametrize("fault", FAULTS)
def test_dry_run_when_its_question_fails_for_a_while_still_tells_what_a_sync_would_do(
    fault: str, schedule: str
) -> None:
    """Half of the companies are there; whatever fails is asked again."""
    clock = VirtualClock()
    intercom = Intercom(clock=clock.wall)
    intercom.seed({"contacts": [someone(1, companies=[{"company_id": f"c{number}"} for number in range(5)])]})
    planned = Schedule(schedule, clock, outage=FAULTS[fault].outage, first=2)
    saboteur = Saboteur(
        intercom, clock, blow=FAULTS[fault].blow, schedule=planned, aims_at=calls("GET /companies"), from_time=0.0
    )
    result = write(
        [account(number) for number in range(10)],
        configuration=config(**{**MEMBERS, "delivery": {"dry_run": True}}),
        intercom=intercom,
        clock=clock,
        transport=saboteur,
    )
    assert planned.fired
    assert isinstance(result.error, ConfigurationError), result.error
    assert result.logged("Dry run: 5 companies would be created, 5 companies updated")
