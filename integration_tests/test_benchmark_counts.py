"""The counts of docs/performance.md, for fewer people: the same code as `make bench` runs, held to what it must count."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import partial

import pytest

from benchmarks import contacts, same_people
from benchmarks.connector import EPOCH, EVENTS, SELECTED
from destination_intercom import destination
from destination_intercom.delivery.mailbox import Mailbox
from integration_tests.support.harness import (
    EmulatorTransport,
    ScriptedStdin,
    catalog,
    config,
    record,
    state,
    to_lines,
)
from integration_tests.support.virtual_clock import VirtualClock
from intercom_emulator import Intercom, Settings

PEOPLE = 400
SEARCHES = math.ceil(PEOPLE / 150)
COUNTS = contacts.make_counts(PEOPLE, 1)
DISTINCT = contacts.COMPANIES
LINKED = SEARCHES + DISTINCT + 1
"""What people cost of whom nothing has changed: searches, a call for each company, and one for the names of tags."""

EXPECTED = {
    "none changed.connector": SEARCHES,
    "none changed.search": 2 * PEOPLE,
    "none changed.create": 2 * PEOPLE,
    "a tenth changed.connector": SEARCHES + PEOPLE // 10,
    "a tenth changed.search": 2 * PEOPLE,
    "a tenth changed.create": 2 * PEOPLE,
    "all changed.connector": SEARCHES + PEOPLE,
    "all changed.search": 2 * PEOPLE,
    "all changed.create": 2 * PEOPLE,
    "30% new, a tenth of all changed.connector": 2 * SEARCHES + PEOPLE * 4 // 10,
    "30% new, a tenth of all changed.search": 2 * PEOPLE,
    "30% new, a tenth of all changed.create": PEOPLE * 3 // 10 + PEOPLE * 7 // 10 * 2,
    "all new.connector": 2 * SEARCHES + PEOPLE,
    "all new.search": 2 * PEOPLE,
    "all new.create": PEOPLE,
    "linked, none changed.connector": LINKED,
    "linked, a hundredth enter a tag.connector": LINKED + 1,
    "linked, a hundredth leave a tag.connector": LINKED + PEOPLE // 100,
    "linked, a tenth change their company.connector": LINKED + PEOPLE // 10 * 2,
    "linked, none changed.search": 6 * PEOPLE + 2,
}
IN_BULK = {
    "bulk, a tenth changed, call.connector": 1,
    "bulk, all changed, call.connector": PEOPLE // 100,
    "bulk, all new, call.connector": PEOPLE // 100,
}


def test_counts_when_the_benchmark_makes_them_then_each_is_held_here() -> None:
    """A new row needs its number, or this fails; the one that costs a call a contact is held below."""
    assert COUNTS.keys() == {*EXPECTED, *IN_BULK, "bulk, all changed, item.connector"}


@pytest.mark.parametrize(("name", "expected"), EXPECTED.items())
def test_calls_when_contacts_are_written_then_are_as_many_as_the_page_says(name: str, expected: int) -> None:
    """Of the connector and of the two ways of others, whatever the order of the records."""
    assert expected == COUNTS[name]()


@pytest.mark.parametrize("links", contacts.make_links(100)[1:], ids=lambda links: links.name)
def test_calls_when_others_write_what_hangs_on_people_then_are_six_for_each(links: contacts.Links) -> None:
    """And those of each tag's name; whatever differs, and however little."""
    names = 3 if links.enter else 2
    # Whoever leaves a tag costs a call to take it off, and saves the one that would give it.
    expected = 600 + links.enter + names
    assert expected == contacts.count_other_links(contacts.search_then_write, links, 100)


@pytest.mark.parametrize(("name", "jobs"), IN_BULK.items())
def test_calls_when_contacts_are_written_in_bulk_then_are_one_for_a_hundred_and_what_asks_for_the_jobs(
    name: str, jobs: int
) -> None:
    """No more than the twenty calls besides that a job may take, and far fewer than one for each contact."""
    searches = SEARCHES * (2 if "new" in name else 1)
    assert searches + jobs < COUNTS[name]() <= searches + jobs + 20


def test_calls_when_a_bulk_call_costs_a_call_for_each_contact_then_contacts_go_one_by_one() -> None:
    """Once that is seen: so it costs little more calls than without bulk, and never more than one a contact."""
    assert SEARCHES < COUNTS["bulk, all changed, item.connector"]() <= SEARCHES + PEOPLE + 20


@pytest.mark.parametrize("turn", [0, 1])
def test_two_connections_when_they_write_the_same_people_then_nothing_is_lost_and_only_leads_are_double(
    turn: int,
) -> None:
    """Users and events are one, whoever is first; people who are shared out cost what they cost one connection."""
    people = contacts.turn_around(same_people.make_people(60), turn)
    alone = same_people.write_at_once(people, same_people.make_users("name"))
    both = same_people.write_at_once(people, same_people.make_users("name"), same_people.make_users("phone"))
    leads = same_people.write_at_once(people, *[same_people.make_users("name", role="lead")] * 2)
    events = same_people.write_at_once(people, *[{**same_people.make_users("name"), **EVENTS}] * 2)
    split = same_people.write_at_once(
        people, *(same_people.make_users("name", digits=digits) for digits in same_people.HALVES)
    )
    kept = [len(contents["contacts"]) for contents in (alone, both, leads, events, split)]
    assert [60, 60, 120, 60, 60] == kept
    assert 60 == len(events["events"])
    assert 1.0 == same_people.share_with(both["contacts"], "name", "phone", "email")
    assert 62 == same_people.count_calls(alone)
    # A batch of its own for each of both, and no call more.
    assert 64 == same_people.count_calls(split)
    assert 2 * 62 <= same_people.count_calls(both) <= 4 * 62


@pytest.mark.parametrize(
    ("make_id", "property_", "halves"),
    [
        (lambda number: f"p{number}", "{{ record.user_id | last }}", [("is", "02468"), ("is", "13579")]),
        (lambda number: number, "{{ record.user_id % 2 }}", [("is", "0"), ("is", "1")]),
        (
            lambda number: f"{number}{'aBcdeF-_'[number % 8]}",
            "{{ record.user_id | last }}",
            [("is", "aBcd"), ("is_not", "aBcd")],
        ),
    ],
    ids=["digits", "numbers", "anything"],
)
def test_two_connections_when_people_are_shared_out_as_the_page_says_then_each_is_written_once(
    make_id: Callable[[int], str | int], property_: str, halves: list[tuple[str, str]]
) -> None:
    """The three sorts of filters of docs/performance.md: nobody is left out, and nobody is written twice."""
    people = [{**person, "user_id": make_id(number)} for number, person in enumerate(same_people.make_people(40))]
    connections = [same_people.make_users("name") for _ in halves]
    for connection, (operator, values) in zip(connections, halves, strict=True):
        connection["users"]["filters"] = [{"property": property_, "operator": operator, "values": list(values)}]
    contents = same_people.write_at_once(people, *connections)
    assert {str(person["user_id"]) for person in people} == {each["external_id"] for each in contents["contacts"]}
    assert 40 == contents["calls"]["POST /contacts"]


@pytest.mark.parametrize("connections", [2, 4])
def test_connections_when_they_share_a_token_then_use_one_allowance_and_are_hardly_refused(connections: int) -> None:
    """Each sees in the headers what the others take: no event is lost, one call in a hundred is refused at most."""
    clock, limit, count = VirtualClock(), 166, 1660
    intercom = Intercom(Settings.from_dict({"latency": 0.08, "limit": limit, "keep_exchanges": 1}), clock=clock.wall)
    intercom.seed({"contacts": [{"external_id": f"{number}"} for number in range(count)]})
    ended: list[int] = []

    def write(connection: int) -> None:
        numbers = range(connection, count, connections)
        events = [
            record("events", user_id=f"{number}", event_type=SELECTED, event_time=EPOCH + number) for number in numbers
        ]
        lines = destination.write(
            config(users=None, **EVENTS),
            catalog("events"),
            stdin=ScriptedStdin(clock, (0.0, to_lines([*events, state("events", 1)]))),
            clock=clock,
            mailbox=Mailbox(clock),
            transport=EmulatorTransport(intercom, clock),
        )
        ended.append(sum(json.loads(line)["type"] == "STATE" for line in lines))

    began = clock.now()
    for connection in range(connections):
        clock.start(f"connection {connection}", partial(write, connection))
    while len(ended) < connections:
        clock.sleep(1.0)
    contents = intercom.dump()
    assert [1] * connections == ended
    assert count == len(contents["events"])
    assert contents["refused_by_quota"] <= count // 100
    # Ten windows of ten seconds, and some at the end in which one is alone and others have gone.
    assert 90.0 <= clock.now() - began <= 140.0
