"""Random syncs against a naive model: one thread, no faults, one record after the other."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from hypothesis import given, settings as hypothesis_settings, strategies as st

from destination_intercom import pipeline
from integration_tests.support.harness import Probe, Result, ScriptedStdin, config, record, state, to_lines, write
from integration_tests.support.virtual_clock import VirtualClock
from intercom_emulator import Intercom, Settings

T0 = 1_700_000_000
USERS = {
    "mode": "enabled",
    "streams": [{"stream": "users"}],
    "attributes": [{"property": "name"}, {"property": "phone"}],
}
SEEDED = ("p0", "p1", "p2")
PEOPLE = st.sampled_from([*SEEDED, "p3", "p4", "p5", "p6"])
ENDPOINTS = (
    "*",
    "POST /contacts",
    "POST /contacts/search",
    "PUT /contacts/{id}",
    "GET /contacts/{id}",
    "GET /contacts/find_by_external_id/{external_id}",
    "POST /events",
)
KINDS: tuple[dict[str, Any], ...] = (
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 503, "after": True, "headers": {"Retry-After": "40"}},
    {"kind": "status", "status": 429},
    {"kind": "status", "status": 429, "after": True},
    {"kind": "html", "status": 403},
    {"kind": "html", "status": 200, "after": True},
    {"kind": "null"},
    {"kind": "redirect"},
    {"kind": "reset_before"},
    {"kind": "reset_after"},
    {"kind": "stall"},
    {"kind": "stall_after"},
    {"kind": "truncate"},
)
WHEN = st.one_of(
    st.integers(2, 6).map(lambda n: {"every": n, "until_time": 120.0}),
    st.integers(1, 3).map(lambda n: {"first": n}),
    st.lists(st.integers(1, 20), min_size=1, max_size=3).map(lambda at: {"at": at}),
    st.integers(1, 120).map(lambda end: {"until_time": float(end)}),
)
"""Faults that pass within less than the ten minutes after which the sync is given up."""


def faults_at(endpoints: Sequence[str]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Some faults of calls to these."""
    return st.lists(
        st.builds(
            lambda endpoint, kind, when: {"endpoint": endpoint, **kind, **when},
            st.sampled_from(endpoints),
            st.sampled_from(KINDS),
            WHEN,
        ),
        max_size=3,
    )


FAULTS = faults_at(ENDPOINTS)
IN_BULK = ("POST /contacts/bulk", "PUT /contacts/bulk", "GET /contacts/bulk/{id}")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("user"), PEOPLE, st.integers(0, 5)),
        st.tuples(st.just("event"), PEOPLE, st.integers(0, 3)),
        st.tuples(st.just("anonymous"), st.just(""), st.just(0)),
        st.tuples(st.sampled_from(["users state", "events state", "global state"]), st.just(""), st.just(0)),
    ),
    min_size=1,
    max_size=50,
)


ARRIVES_WITHIN = 300.0
LOST_AFTER = 1000.0
"""Seconds from an event to its person: below, it waits for them; beyond, it has waited in vain; between, nobody knows.

A wait lasts ten minutes, and what is read may be held up for minutes by the faults and by the quota.
"""


@dataclass
class Due:
    """What is to be so when a state leaves: its counts, and what Intercom holds at least."""

    records: int
    rejected: tuple[int, int]
    """At least, and at most."""
    names: dict[str, int | None]
    events: set[tuple[str, int]]


@dataclass
class Model:
    """Intercom and the counts, as one record after the other makes them.

    `moments` are the seconds at which the messages arrive; with `crowded` there may be no room to wait.
    """

    steps: Sequence[tuple[str, str, int]]
    moments: Sequence[float]
    crowded: bool = False
    names: dict[str, int | None] = field(default_factory=lambda: dict.fromkeys(SEEDED))
    phones: dict[str, str | None] = field(default_factory=lambda: dict.fromkeys(SEEDED))
    events: set[tuple[str, int]] = field(default_factory=set)
    """Events that are delivered."""
    late: set[tuple[str, int]] = field(default_factory=set)
    """Those of them that may be so after their people only, and hold no state of the users."""
    doubtful: set[tuple[str, int]] = field(default_factory=set)
    counted: dict[str, list[int]] = field(default_factory=lambda: {"users": [0, 0, 0], "events": [0, 0, 0]})

    def run(self) -> dict[int, Due]:
        """Carry out all steps; tell what is due of each state."""
        due: dict[int, Due] = {}
        for number, step in enumerate(self.steps):
            if step[0].endswith("state"):
                due[number] = self._count(step[0])
            else:
                self._take(step, number)
        return due

    def _take(self, step: tuple[str, str, int], number: int) -> None:
        """Carry out one record."""
        kind, person, second = step
        counted = self.counted["users" if kind == "user" else "events"]
        counted[0] += 1
        if kind == "user":
            self.names[person] = number if is_named(second) else self.names.get(person)
            self.phones[person] = phone(second)
        elif kind == "event" and person in self.names:
            self.events.add((person, second))
            self.late.discard((person, second))
        elif kind == "event":
            self._take_early((person, second), number)

    def _take_early(self, event: tuple[str, int], number: int) -> None:
        """Carry out an event that comes before its person, if they come at all."""
        comes = [at for at, step in enumerate(self.steps) if at > number and step[:2] == ("user", event[0])]
        seconds = self.moments[comes[0]] - self.moments[number] if comes else LOST_AFTER
        arrives = seconds < ARRIVES_WITHIN and not self.crowded
        if arrives and event not in self.events:
            self.late.add(event)
            self.events.add(event)
        elif seconds < LOST_AFTER and not arrives:
            self.doubtful.add(event)
        self.counted["events"][1] += seconds >= LOST_AFTER
        self.counted["events"][2] += not arrives

    def _count(self, kind: str) -> Due:
        """Give what is due of a state, and begin to count anew."""
        streams = list(self.counted) if kind == "global state" else [kind.partition(" ")[0]]
        total = [sum(self.counted[each][which] for each in streams) for which in (0, 1, 2)]
        for each in streams:
            self.counted[each] = [0, 0, 0]
        waited_for = self.events - self.late if kind == "users state" else self.events
        return Due(total[0], (total[1], total[2]), dict(self.names), set(waited_for))


def is_named(variant: int) -> bool:
    """Say whether an update of this variant tells a name."""
    return variant < 2


def phone(variant: int) -> str:
    """Tell the phone of an update: one of two, so that it goes there and back."""
    return f"+{variant % 2}"


def message_of(step: tuple[str, str, int], number: int) -> dict[str, Any]:
    """Make the message of a step; a user's name is its number, so that the last of them shows."""
    kind, person, second = step
    if kind == "user":
        named = {"name": str(number)} if is_named(second) else {}
        return record("users", user_id=person, phone=phone(second), **named)
    if kind == "event":
        return record("events", user_id=person, name="Played", at=T0 + second)
    if kind == "anonymous":
        return record("events", user_id=None, name="Played", at=T0)
    if kind == "global state":
        return {"type": "STATE", "state": {"type": "GLOBAL", "global": {"stream_states": []}, "id": number}}
    return state(kind.partition(" ")[0], number)


def held(contents: dict[str, Any]) -> tuple[dict[str, int | None], set[tuple[str, int]]]:
    """Read the emulator's contents in the model's terms; nothing may be there twice."""
    people = [each["external_id"] for each in contents["contacts"]]
    assert len(set(people)) == len(people)
    names = {each["external_id"]: int(each["name"]) if each["name"] else None for each in contents["contacts"]}
    ids = {each["id"]: each["external_id"] for each in contents["contacts"]}
    events = [(ids[each["contact_id"]], each["created_at"] - T0) for each in contents["events"]]
    assert len(set(events)) == len(events)
    return names, set(events)


@dataclass(frozen=True)
class Case:
    """A sync, and the world that it meets."""

    steps: list[tuple[str, str, int]]
    faults: list[dict[str, Any]]
    concurrency: int
    event_lag: float
    search_lag: float
    search_malformed: int | None
    limit: int
    headers: str
    latency: float
    piece: int
    pause: float
    seed: int
    contacts_api: str = "standard"
    bulk: tuple[tuple[str, Any], ...] = ()
    """Settings of the emulator."""

    @property
    def text(self) -> bytes:
        """The input."""
        return to_lines([message_of(step, number) for number, step in enumerate(self.steps)])

    def moments(self) -> list[float]:
        """Tell the seconds at which the messages have arrived in full."""
        ends = [at for at, character in enumerate(self.text) if character == ord("\n")]
        return [self.pause * (end // self.piece) for end in ends]

    def play(self, watch: Callable[[bytes, Intercom], None]) -> tuple[Result, Probe]:
        """Run the sync."""
        chance, clock = random.Random(self.seed), VirtualClock()
        settings = {
            "faults": self.faults,
            "event_lag": self.event_lag,
            "search_lag": self.search_lag,
            # How many values of a list are too many is not documented by Intercom.
            "search_in_limit": 15 if self.search_malformed is None else 3,
            "search_malformed": self.search_malformed or 400,
            "limit": self.limit,
            "headers": self.headers,
            **dict(self.bulk),
        }
        intercom = Intercom(Settings.from_dict(settings), clock=clock.wall)
        intercom.seed({"contacts": [{"external_id": each} for each in SEEDED]})
        probe = Probe(intercom, clock, lambda: chance.random() * self.latency)
        text = self.text
        pieces = [(self.pause * n, text[at : at + self.piece]) for n, at in enumerate(range(0, len(text), self.piece))]
        result = write(
            ScriptedStdin(clock, *pieces),
            configuration=config(
                users=USERS, delivery={"concurrency": self.concurrency, "contacts_api": self.contacts_api}
            ),
            intercom=intercom,
            clock=clock,
            transport=probe,
            watch=lambda line: watch(line, intercom),
        )
        return result, probe


WORLD: dict[str, st.SearchStrategy[Any]] = {
    "steps": STEPS,
    "concurrency": st.sampled_from([1, 2, 3, 64]),
    "event_lag": st.sampled_from([0.0, 3.0, 20.0]),
    "search_lag": st.sampled_from([0.0, 30.0, 900.0]),
    "search_malformed": st.sampled_from([None, None, 400, 500]),
    "limit": st.sampled_from([5, 40, 1666]),
    "headers": st.sampled_from(["full", "none"]),
    "latency": st.sampled_from([0.0, 0.05, 1.0, 5.0]),
    "piece": st.integers(20, 3000),
    "pause": st.sampled_from([0.0, 0.3, 20.0]),
    "seed": st.integers(0, 1000),
}
CASES = st.builds(Case, faults=FAULTS, **WORLD)
BULK_CASES = st.builds(
    Case,
    faults=faults_at((*ENDPOINTS, *IN_BULK, *IN_BULK)),
    contacts_api=st.just("bulk"),
    bulk=st.tuples(
        st.tuples(st.just("bulk_duration"), st.sampled_from([0.0, 0.0, 4.0, 30.0])),
        st.tuples(st.just("bulk_version"), st.sampled_from(["2.17", "2.17", "2.17", "Preview", "none"])),
        st.tuples(st.just("bulk_limit"), st.sampled_from([2, 100, 100])),
        st.tuples(st.just("bulk_cost"), st.sampled_from(["call", "item"])),
    ),
    **WORLD,
)


def disorder(states: list[tuple[int, str]]) -> list[tuple[int, int]]:
    """Find the states that another one overtook (number and kind each), and that it must not."""
    return [
        (number, later)
        for place, (later, kind) in enumerate(states)
        for number, other in states[place + 1 :]
        # All rejected records are of events: what does not cover them is never held back.
        if number < later and (kind in ("global state", other) or other == "users state")
    ]


@hypothesis_settings(max_examples=60, derandomize=True, deadline=None, database=None)
@given(case=CASES)
def test_sync_under_any_faults_ends_as_if_there_were_none(case: Case) -> None:
    """Contacts, events and counts are those of the model, each state comes after its records, nothing hangs."""
    hold_to_model(case, Model(case.steps, case.moments()))


@hypothesis_settings(max_examples=60, derandomize=True, deadline=None, database=None)
@given(case=BULK_CASES)
def test_sync_in_bulk_under_any_faults_ends_as_if_there_were_none(case: Case) -> None:
    """The same, whatever becomes of bulk calls and their jobs."""
    hold_to_model(case, Model(case.steps, case.moments()))


@hypothesis_settings(max_examples=40, derandomize=True, deadline=None, database=None)
@given(case=CASES, most=st.integers(2, 8), most_bytes=st.sampled_from([1200, 2000, 10**6]))
def test_sync_when_there_is_little_room_ends_as_well_but_for_events_that_could_not_wait(
    case: Case, most: int, most_bytes: int
) -> None:
    """A million events before a million people, in small: those without room are rejected, and nothing else is wrong."""
    with (
        patch.object(pipeline, "MAX_RECORDS_IN_FLIGHT", most),
        patch.object(pipeline, "MAX_BYTES_IN_FLIGHT", most_bytes),
    ):
        hold_to_model(case, Model(case.steps, case.moments(), crowded=True))


def hold_to_model(case: Case, model: Model) -> None:
    """Run a sync and compare."""
    after = model.run()

    def watch(line: bytes, intercom: Intercom) -> None:
        message = json.loads(line)
        if message["type"] == "STATE":
            names, events = held(intercom.dump())
            due = after[message["state"]["id"]]
            assert due.events <= events
            for person, update in due.names.items():
                assert (names[person] or 0) >= (update or 0)

    result, probe = case.play(watch)
    assert result.error is None
    names, events = held(result.contents)
    assert model.names == names
    assert model.events <= events <= model.events | model.doubtful
    assert model.phones == {each["external_id"]: each["phone"] for each in result.contents["contacts"]}
    stats = {each["id"]: each["destinationStats"] for each in result.states}
    assert len(stats) == len(result.states)
    assert {number: due.records for number, due in after.items()} == {
        number: each["recordCount"] + each["rejectedRecordCount"] for number, each in stats.items()
    }
    for number, each in stats.items():
        least, most = after[number].rejected
        assert least <= each["rejectedRecordCount"] <= most
    assert [] == disorder([(each["id"], case.steps[each["id"]][0]) for each in result.states])
    assert 0 == probe.overlaps
    assert probe.most <= case.concurrency
