"""A real source and a real client: PyAirbyte runs source-faker into the connector, against the emulator.

Three programs, each in an environment of its own: `make source-test` makes them. What must arrive is worked out
from what the source printed, without the connector's code.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from integration_tests.source.programs import (
    LOOPBACK,
    PYAIRBYTE,
    SOURCE_FAKER,
    THIS_CONNECTOR,
    make_environment,
    overhear,
    read_hosts,
    read_logs,
    read_messages,
    read_summaries,
    require,
)
from integration_tests.support.privacy import collect, refuse_leaks
from intercom_emulator import Intercom, Server, Settings

DRIVER = Path(__file__).with_name("sync.py")
USERS = 5_000
PIPE_OF_STATES = 300
"""So many states, given back, fill a pipe of 64 KiB: PyAirbyte before 0.35.2, which reads at the end, hung from about here."""

LONGEST_SYNC = 600.0
SETTINGS = {"limit": 1_000_000, "keep_exchanges": 0}
"""The quota is another test's subject."""

SOURCE_CONFIG = {"count": USERS, "seed": 42, "parallelism": 1}
"""One worker: each draws from a seed of its own."""

CUSTOM = {"age": "integer", "gender": "string", "height": "string", "occupation": "string", "town": "string"}
EVENTS = {"added to cart": "added_to_cart_at", "purchased": "purchased_at"}
DESTINATION_CONFIG = {
    "access_token": "test-token",
    "identity": {"property": "user_id"},
    "users": {
        "mode": "enabled",
        "streams": [{"stream": "users", "identity_property": "id"}],
        "attributes": [
            {"property": "email"},
            {"property": "name"},
            {"property": "telephone", "attribute": "phone"},
            {"property": "created_at", "attribute": "signed_up_at"},
            {"property": "age", "type": "integer"},
            {"property": "gender", "type": "string"},
            {"property": "height", "type": "string"},
            {"property": "occupation", "type": "string"},
            {"property": "address.city", "attribute": "town", "type": "string"},
        ],
        "missing_attributes": "create",
    },
    "events": {
        "mode": "enabled",
        "streams": [
            {
                "stream": "purchases",
                "event_name": name,
                "created_at_property": time_property,
                "filters": [{"property": time_property, "operator": "is_set"}],
                "metadata": [{"property": "id", "name": "purchase"}, {"property": "product_id"}],
            }
            for name, time_property in EVENTS.items()
        ],
    },
}

pytestmark = pytest.mark.source


class Run:
    """What the three programs said in one sync."""

    def __init__(self, folder: Path) -> None:
        self.counts = json.loads((folder / "result.json").read_bytes())
        self.records: dict[str, list[dict[str, Any]]] = {"users": [], "purchases": []}
        self.streams_read = 0
        for message in read_messages(folder / "source-read.jsonl"):
            if message["type"] == "RECORD":
                self.records[message["record"]["stream"]].append(message["record"]["data"])
        answers = read_messages(folder / "destination-write.jsonl")
        self.states = [message["state"] for message in answers if message["type"] == "STATE"]
        self.logs = read_logs(answers)
        self.errors = [message for message in answers if message["type"] == "TRACE"]
        self._read = (folder / "source-read.jsonl").read_bytes()
        self._told = [message for message in answers if message["type"] != "STATE"]

    def refuse_leaks(self, url: str) -> int:
        """Search the connector's output for every value of the source's records; tell how many were searched for.

        States are PyAirbyte's own words, or the source's.
        """
        document = {**DESTINATION_CONFIG, "api_base_url": url}
        streams = {"streams": [{"stream": {"name": name}} for name in self.records]}
        return refuse_leaks(collect(self._read, document, streams), self._told)

    def summary(self, stream: str) -> dict[str, int]:
        """Return the numbers of a stream's line in the connector's summary."""
        return read_summaries(self.logs)[stream]


class Place:
    """An empty Intercom, PyAirbyte's folders, and the syncs that ran there."""

    def __init__(self, folder: Path, intercom: Intercom, url: str) -> None:
        self.folder = folder
        self.intercom = intercom
        self.url = url
        self.runs: list[Run] = []

    def sync(self, *, cached: bool, writes: list[list[str]], records_per_slice: int) -> Run:
        """Let PyAirbyte write; it works in a folder that is this place's own, offline."""
        folder = self.folder / f"run-{len(self.runs) + 1}"
        folder.mkdir()
        job = {
            "source": overhear([str(SOURCE_FAKER)], folder / "source"),
            "source_config": {**SOURCE_CONFIG, "records_per_slice": records_per_slice},
            "destination": overhear(THIS_CONNECTOR, folder / "destination"),
            "destination_config": {**DESTINATION_CONFIG, "api_base_url": self.url},
            "cached": cached,
            "writes": writes,
            "result": str(folder / "result.json"),
        }
        (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
        started = time.monotonic()
        done = subprocess.run(
            [PYAIRBYTE / "python", DRIVER, folder / "job.json"],
            cwd=folder,
            env=make_environment(self.folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LONGEST_SYNC,
            check=False,
        )
        assert done.returncode == 0, done.stdout.decode()[-4000:]
        run = Run(folder)
        assert run.refuse_leaks(self.url) > USERS
        assert LOOPBACK == read_hosts(self.folder)
        self.runs.append(run)
        print(f"PyAirbyte: {run.counts}, {len(run.states)} states, {time.monotonic() - started:.0f} s")  # noqa: T201
        return run


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """An empty Intercom over HTTP."""
    require(PYAIRBYTE / "python", SOURCE_FAKER)
    intercom = Intercom(Settings.from_dict(SETTINGS), clock=time.time)
    with Server(intercom) as server:
        yield Place(tmp_path, intercom, server.url)


def seconds(text: str) -> int:
    """Return an ISO 8601 time with an offset as unix seconds."""
    return int(datetime.fromisoformat(text).timestamp())


def wanted_contacts(users: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return what must be in Intercom of each person, by the source's id."""
    return {
        str(user["id"]): {
            "role": "user",
            "email": user["email"].lower(),
            "name": user["name"],
            "phone": user["telephone"],
            "signed_up_at": seconds(user["created_at"]),
            "custom_attributes": {
                "age": user["age"],
                "gender": user["gender"],
                "height": user["height"],
                "occupation": user["occupation"],
                "town": user["address"]["city"],
            },
            "archived": False,
            "deleted": False,
        }
        for user in users
    }


def kept_contacts(contents: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what is in Intercom of each person, as far as `wanted_contacts` tells it."""
    fields = ("role", "email", "name", "phone", "signed_up_at", "custom_attributes", "archived", "deleted")
    return {each["external_id"]: {name: each[name] for name in fields} for each in contents["contacts"]}


def wanted_events(purchases: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Return the events of purchases: one when it was put into the cart, one when it was bought if it was."""
    return sorted(
        (str(each["user_id"]), name, seconds(each[time_property]), each["id"], each["product_id"])
        for each in purchases
        for name, time_property in EVENTS.items()
        if each.get(time_property) is not None
    )


def kept_events(contents: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Return the events in Intercom, with the person whose they are."""
    people = {each["id"]: each["external_id"] for each in contents["contacts"]}
    for each in contents["events"]:
        assert {"purchase", "product_id"} == each["metadata"].keys()
        assert people[each["contact_id"]] == each["user_id"]
    return sorted(
        (each["user_id"], each["event_name"], each["created_at"], *each["metadata"].values())
        for each in contents["events"]
    )


def hold_first_run(place: Place, run: Run) -> None:
    """All that the source printed is in Intercom, nothing else is, and all four programs count the same."""
    users, purchases = run.records["users"], run.records["purchases"]
    contents = place.intercom.dump()
    assert (USERS, USERS) == (len(users), len({each["id"] for each in users}))
    assert wanted_contacts(users) == kept_contacts(contents)
    assert USERS == len(contents["contacts"])
    assert wanted_events(purchases) == kept_events(contents)
    assert {"read": USERS, "delivered": USERS} == run.summary("users")
    assert {"read": len(purchases), "delivered": len(purchases)} == run.summary("purchases")
    types = {each["name"]: each["data_type"] for each in contents["data_attributes"] if each["custom"]}
    assert types == CUSTOM
    calls = {"POST /contacts": USERS, "POST /events": len(contents["events"])}
    assert calls == {name: contents["calls"][name] for name in calls}
    assert "PUT /contacts/{id}" not in contents["calls"]


def hold_second_run(place: Place, before: dict[str, Any], run: Run) -> None:
    """No contact was written, and Intercom has dropped every event that it had.

    The source draws the times of purchases between a past day and this moment, so that once in many runs some
    of them differ from the first run's: these, and no others, are there as well.
    """
    after = place.intercom.dump()
    both = [purchase for each in place.runs for purchase in each.records["purchases"]]
    assert before["contacts"] == after["contacts"]
    assert before["events"] == after["events"][: len(before["events"])]
    assert sorted(set(wanted_events(both))) == kept_events(after)
    if wanted_events(run.records["purchases"]) == wanted_events(place.runs[0].records["purchases"]):
        assert before["events"] == after["events"]
    assert {"read": USERS, "unchanged": USERS} == run.summary("users")
    purchases = len(run.records["purchases"])
    assert {"read": purchases, "delivered": purchases} == run.summary("purchases")
    for name in ("POST /contacts", "POST /data_attributes", "PUT /contacts/{id}"):
        assert before["calls"].get(name) == after["calls"].get(name)


def hold_counts(run: Run) -> None:
    """PyAirbyte counts what the source printed, and the states that came back confirm all of it."""
    printed = {stream: len(records) for stream, records in run.records.items()}
    assert sum(printed.values()) == run.counts["processed"]
    assert printed == run.counts["sent"]
    assert printed == run.counts["confirmed"]
    assert 0 == sum(state["destinationStats"]["rejectedRecordCount"] for state in run.states)
    assert [] == run.errors


def test_faker_when_written_through_the_cache_arrives_whole_and_once(place: Place) -> None:
    """With its cache, one write for the people and one for what they did, since it shuffles the streams of one write."""
    writes = [["users"], ["purchases"]]
    first = place.sync(cached=True, writes=writes, records_per_slice=1_000)
    hold_counts(first)
    hold_first_run(place, first)
    assert 2 == len(first.states), "the cache gives out one state a stream"

    before = place.intercom.dump()
    second = place.sync(cached=True, writes=writes, records_per_slice=1_000)
    hold_counts(second)
    hold_second_run(place, before, second)


def test_faker_when_written_without_the_cache_arrives_whole_and_once(place: Place) -> None:
    """Without the cache, in one write whose states would fill a pipe that nobody reads."""
    writes = [["users", "purchases"]]
    first = place.sync(cached=False, writes=writes, records_per_slice=20)
    hold_counts(first)
    hold_first_run(place, first)
    assert len(first.states) > PIPE_OF_STATES

    before = place.intercom.dump()
    second = place.sync(cached=False, writes=writes, records_per_slice=1_000)
    hold_counts(second)
    hold_second_run(place, before, second)
