"""Made-up people whose every personal value is marked, so that a test can see whether one gets into an output."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from integration_tests.support.harness import TOKEN, record, state
from integration_tests.support.processes import CONNECTOR, DEADLINE, ROOT, Connector

MARK = "canary"
"""Part of each identity, address, name and property value below, and of nothing else."""

FIRST_SECOND = 1_700_000_000

EVENTS: dict[str, Any] = {
    "mode": "enabled",
    "streams": [{"stream": "events", "event_name_property": "name", "created_at_property": "at"}],
    "selected_events": ["did *"],
    "metadata": [{"property": "note"}],
}
"""The section `events` for the records that `event` makes."""


class Place(Protocol):
    """What of a workplace is needed here."""

    _started: list[Connector]

    def clean(self) -> None:
        """Kill what still runs."""


def user(number: int, *, version: int = 0) -> dict[str, Any]:
    """A RECORD of a person; `version` changes the name."""
    marked = f"{MARK}-{number}"
    return record("users", user_id=marked, email=f"{marked}@example.com", name=f"{MARK} name {number} v{version}")


def event(number: int, second: int, *, name: str = "did it") -> dict[str, Any]:
    """A RECORD of an event of the person `number`."""
    return record(
        "events", user_id=f"{MARK}-{number}", name=name, at=FIRST_SECOND + second, note=f"{MARK} note {second}"
    )


def make_sync(people: int, *, events_each: int = 2, state_every: int = 10) -> list[dict[str, Any]]:
    """Make a sync in which each person is followed by events and, later, by a change of the name."""
    records: list[dict[str, Any]] = []
    for number in range(people):
        records.append(user(number))
        records += [event(number, number * 100 + nth) for nth in range(events_each)]
        if number >= people // 2:
            records.append(user(number - people // 2, version=1))
    messages: list[dict[str, Any]] = []
    for ordinal, each in enumerate(records, start=1):
        messages.append(each)
        if ordinal % state_every == 0 or ordinal == len(records):
            messages.append(state("users", ordinal))
    return messages


def rest_after(messages: list[dict[str, Any]], states: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a source sends that goes on from the last of `states`: all messages if there is none."""
    if not states:
        return messages
    last = states[-1]["id"]
    at = next(index for index, each in enumerate(messages) if each["type"] == "STATE" and each["state"]["id"] == last)
    return messages[at + 1 :]


def told_apart(contents: Mapping[str, Any]) -> dict[str, Any]:
    """The emulator's contents without what differs between any two runs: ids and moments of writing."""
    owners = {contact["id"]: contact["external_id"] for contact in contents["contacts"]}
    people = [
        (contact["external_id"], contact["email"], contact["name"], contact["custom_attributes"])
        for contact in contents["contacts"]
    ]
    events = [
        (owners[each["contact_id"]], each["event_name"], each["created_at"], each["metadata"])
        for each in contents["events"]
    ]
    return {"contacts": sorted(people, key=repr), "events": sorted(events, key=repr)}


def refuse_marks(*outputs: object) -> None:
    """Fail if a personal value or the token is in an output: bytes as they are, anything else as JSON."""
    for output in outputs:
        raw = output if isinstance(output, bytes) else json.dumps(output, ensure_ascii=False).encode()
        assert MARK.encode() not in raw.lower()
        assert TOKEN.encode() not in raw


def refuse_marks_in(place: Place) -> None:
    """End all that a workplace started, and search all its output."""
    place.clean()
    for connector in place._started:
        refuse_marks(connector.messages, connector.stderr)


def run_to_end(
    *arguments: str, command: Iterable[str] = CONNECTOR, stdin: bytes = b"", **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """Run a command from the root to its end; `PYTHONPATH=""` takes the source root away."""
    variables = {**os.environ, "PYTHONPATH": str(ROOT / "destination-intercom"), **environment}
    done = subprocess.run(
        [*command, *arguments], input=stdin, capture_output=True, check=False, cwd=ROOT, env=variables, timeout=DEADLINE
    )
    refuse_marks(done.stdout, done.stderr)
    return done
