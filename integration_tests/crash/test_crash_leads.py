"""Syncs of leads that are killed at any call, and run on: each lead once, with what came last of it.

Intercom refuses no second lead, so that only its search can tell the next run of one. Here it does not lag: where it
does, a lead that was made right before the end may be made again, as the docs say.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integration_tests.conftest import Workplace
from integration_tests.crash.disturbances import CALLS, CountedIntercom, Disturbance, Kind, Run
from integration_tests.support.harness import config, hold_to_contract, record, to_lines
from intercom_emulator import Server, Settings

PEOPLE = 25
SECOND = 1_700_000_000


def mail(number: int) -> str:
    """The address of a person."""
    return f"p{number}@example.com"


def make_sync(chance: random.Random) -> list[dict[str, Any]]:
    """Two names and an event of each person, in any order, and a state behind every few records."""
    records = [record("users", mail=mail(number), name=f"N{number}") for number in range(PEOPLE) for _ in range(2)]
    records += [record("events", mail=mail(number), name="Played", at=SECOND + number) for number in range(PEOPLE)]
    chance.shuffle(records)
    messages: list[dict[str, Any]] = []
    for number, each in enumerate(records, start=1):
        messages.append(each)
        if chance.random() < 0.2 or number == len(records):
            content = {"type": "GLOBAL", "global": {"stream_states": []}, "id": number}
            messages.append({"type": "STATE", "state": content})
    return messages


def sections() -> dict[str, Any]:
    """Whoever is new becomes a lead, by an event as by a record of their own."""
    return {
        "identity": {"property": "mail", "intercom_field": "email"},
        "events": {**config()["events"], "unknown_users": "create"},
        "users": {**config()["users"], "attributes": [{"property": "name"}], "create_as": "lead"},
        "delivery": {"concurrency": 8},
    }


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Workplace]:
    """An emulator over HTTP that counts its calls, and takes some time for each."""
    intercom = CountedIntercom(Settings.from_dict({"latency": 0.01}), clock=time.time)
    server = Server(intercom)
    server.start()
    made = Workplace(tmp_path, intercom, server.url)
    yield made
    made.clean()
    server.stop()
    hold_to_contract(intercom.exchanges())


@pytest.mark.parametrize("seed", range(4))
def test_sync_of_leads_when_killed_and_run_on_makes_each_of_them_once(place: Workplace, seed: int) -> None:
    """Twice killed, in the middle of some call, and begun again at its last state."""
    chance = random.Random(seed)
    rest = make_sync(chance)
    intercom = place.intercom
    assert isinstance(intercom, CountedIntercom)
    for after in (chance.randrange(3, 30), chance.randrange(3, 30), None):
        connector = place.write(**sections())
        kill = None if after is None else Disturbance(Kind.KILLED, CALLS, after, 0.0)
        code = Run(connector, intercom, to_lines(rest)).play(kill)
        assert after is not None or 0 == code
        given = {each["id"] for each in connector.states}
        at = [number for number, each in enumerate(rest, start=1) if each.get("state", {}).get("id") in given]
        rest = rest[max(at, default=0) :]
    contents = intercom.dump()
    people = sorted((each["role"], each["email"], each["name"]) for each in contents["contacts"])
    assert sorted(("lead", mail(number), f"N{number}") for number in range(PEOPLE)) == people
    owners = {each["id"]: each["email"] for each in contents["contacts"]}
    assert sorted((mail(number), SECOND + number) for number in range(PEOPLE)) == sorted(
        (owners[each["contact_id"]], each["created_at"]) for each in contents["events"]
    )
