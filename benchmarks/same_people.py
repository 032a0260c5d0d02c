"""Two connections that write the same people at once, and two that share them out, against one that is alone.

    .venv/bin/python benchmarks/same_people.py [--quick]

Calls are counted, not timed, as in `contacts.py`: the connectors run in this process at once, against one emulator,
and time is virtual. Both read the same records, of people whom Intercom does not know, and its search shows nobody new
for four minutes: so neither connector learns from it what the other has written. To share people out each connection
has a filter on the last digit of their ids.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "destination-intercom"))

from benchmarks.connector import EPOCH, EVENTS, SELECTED
from benchmarks.contacts import LAG, SECONDS_OF_A_CALL, UNLIMITED, all_calls, turn_around
from benchmarks.figures import Found, Part, Row, measure_once
from benchmarks.scale import Scale
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

HALVES: Final = ("02468", "13579")
LAST_DIGIT: Final = "{{ record.user_id | last }}"

Sections: TypeAlias = dict[str, Any]
"""Sections of a configuration, by their names."""


def make_users(attribute: str, *, role: str = "user", digits: str = "") -> Sections:
    """Make the configuration that writes one attribute of each person, or of those whose id ends in one of `digits`."""
    users: Sections = {
        "mode": "enabled",
        "streams": [{"stream": "events"}],
        "attributes": [{"property": attribute}, *([] if role == "lead" else [{"property": "email"}])],
        "create_as": role,
    }
    if digits:
        users["filters"] = [{"property": LAST_DIGIT, "operator": "is", "values": list(digits)}]
    identity = {"property": "email", "intercom_field": "email"} if role == "lead" else {"property": "user_id"}
    return {"users": users, "identity": identity, "events": None}


def make_people(people: int) -> list[dict[str, Any]]:
    """Make the data of a record of each person, which is an event too."""
    return [
        {
            "user_id": f"person {number}",
            "email": f"person{number}@example.com",
            "name": f"Name {number}",
            "phone": f"+1201555{number:04}",
            "event_type": SELECTED,
            "event_time": EPOCH + number,
        }
        for number in range(people)
    ]


def write_at_once(people: Sequence[dict[str, Any]], *connections: Sections) -> dict[str, Any]:
    """Let connectors write the same records at once; return what Intercom holds then, and its `calls`.

    Raises:
        SystemExit: a record was not taken.
    """
    clock = VirtualClock()
    settings = {"search_lag": LAG, "latency": SECONDS_OF_A_CALL, "limit": UNLIMITED, "keep_exchanges": 1}
    intercom = Intercom(Settings.from_dict(settings), clock=clock.wall)
    ended: list[list[bytes]] = []

    def write(sections: Sections) -> None:
        messages = [*(record("events", **person) for person in people), state("events", 1)]
        lines = destination.write(
            config(**sections),
            catalog("events"),
            stdin=ScriptedStdin(clock, (0.0, to_lines(messages))),
            clock=clock,
            mailbox=Mailbox(clock),
            transport=EmulatorTransport(intercom, clock),
        )
        ended.append(list(lines))

    for sections in connections:
        clock.start("connection", partial(write, sections))
    while len(ended) < len(connections):
        clock.sleep(1.0)
    for lines in ended:
        check_all_taken(lines)
    return {**intercom.dump(), "calls": all_calls(intercom)}


def check_all_taken(lines: Sequence[bytes]) -> None:
    """End the benchmark if a record was rejected, or never acknowledged."""
    states = [message["state"] for line in lines if (message := json.loads(line))["type"] == "STATE"]
    if len(states) != 1 or states[0]["destinationStats"].get("rejectedRecordCount"):
        sys.exit("not every record was taken")


def count_calls(contents: dict[str, Any]) -> int:
    """Tell all calls."""
    return sum(contents["calls"].values())


def share_with(contacts: Sequence[dict[str, Any]], *attributes: str) -> float:
    """Tell the share of contacts that have all these attributes."""
    return sum(all(each.get(name) for name in attributes) for each in contacts) / len(contacts)


def make_rows(scale: Scale) -> list[Row]:
    """Say what is counted of each case."""
    where = f"the emulator, whose search lags by {LAG:.0f} s; {SECONDS_OF_A_CALL * 1000:.0f} ms a call, in virtual time"
    people = f"{scale.shared:,} people whom Intercom does not know"
    of_each = f"an event of each of {people}, and the people"
    same = "two connectors, all people by both: `name` by the one, `phone` by the other"
    leads = "two connectors with `create_as: lead`, all people by both"
    events = "two connectors, all events and people by both"
    split = "two connectors, all records to both, each with a filter on the last digit of the id"
    calls = "the calls of one connector for all"
    return [
        Row("same.contacts", "ratio", "contacts in Intercom for each person", people, same, where),
        Row("same.both", "share", "of them hold what both wrote", people, same, where),
        Row("same.calls", "ratio", calls, people, same, where, ("same.count", "count", "calls")),
        Row("leads.contacts", "ratio", "leads in Intercom for each person", people, leads, where),
        Row("events.kept", "ratio", "events in Intercom for each event", of_each, events, where),
        Row("events.calls", "ratio", calls, of_each, events, where, ("events.count", "count", "calls")),
        Row("split.contacts", "ratio", "contacts in Intercom for each person", people, split, where),
        Row("split.calls", "ratio", calls, people, split, where, ("split.count", "count", "calls")),
    ]


def measure(scale: Scale, turn: int) -> Found:
    """Count all cases, one after the other."""
    people = turn_around(make_people(scale.shared), turn)
    count = len(people)
    alone = write_at_once(people, make_users("name"))
    same = write_at_once(people, make_users("name"), make_users("phone"))
    leads = write_at_once(people, *[make_users("name", role="lead")] * 2)
    # Events need their people, who are therefore written by the same connections.
    with_events: Sections = {**make_users("name"), **EVENTS}
    one, both = write_at_once(people, with_events), write_at_once(people, with_events, with_events)
    split = write_at_once(people, *(make_users("name", digits=digits) for digits in HALVES))
    return Found(
        {
            "same.contacts": len(same["contacts"]) / count,
            "same.both": share_with(same["contacts"], "name", "phone"),
            "same.calls": count_calls(same) / count_calls(alone),
            "same.count": count_calls(same),
            "leads.contacts": len(leads["contacts"]) / count,
            "events.kept": len(both["events"]) / count,
            "events.calls": count_calls(both) / count_calls(one),
            "events.count": count_calls(both),
            "split.contacts": len(split["contacts"]) / count,
            "split.calls": count_calls(split) / count_calls(alone),
            "split.count": count_calls(split),
        }
    )


PART: Final = Part("same-people", "Two connections and the same people", make_rows, measure)


if __name__ == "__main__":
    measure_once(PART)
