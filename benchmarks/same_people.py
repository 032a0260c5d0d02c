"""Two connections that write the same people at once, and two that share them out, against one that is alone.

    .venv/bin/python benchmarks/same_people.py [--quick]

Both connectors are processes and read the same records, of people whom Intercom does not know. The Intercom is the
emulator, whose search shows nobody new for minutes: so neither connector learns from it what the other has written.
What Intercom holds in the end is counted, and the calls. To share people out each connection has a filter on the last
digit of their ids.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.connector import EPOCH, EVENTS, ROOT, SELECTED, Connector, Run, show, state
from benchmarks.figures import Found, Part, Row, show_rows
from benchmarks.scale import FULL, QUICK, Scale

TOKEN: Final = "test-token"
LAG: Final = 240.0
LATENCY: Final = 0.05
LISTING: Final = "GET /data_attributes"
HALVES: Final = ("02468", "13579")
LAST_DIGIT: Final = "{{ record.user_id | last }}"

Sections: TypeAlias = dict[str, Any]


@contextmanager
def emulating() -> Iterator[str]:
    """Run the emulator as a process; give its address."""
    settings = {"search_lag": LAG, "latency": LATENCY, "limit": 1_000_000, "keep_exchanges": 1}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "settings.json"
        path.write_text(json.dumps(settings))
        command = [sys.executable, "-m", "intercom_emulator", "--settings", str(path)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "destination-intercom")}
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
            try:
                if process.stdout is None:
                    raise LookupError("no pipe")
                yield json.loads(process.stdout.readline())["url"]
            finally:
                process.kill()


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
    return {"users": users, "identity": identity}


def make_records(people: int) -> Iterator[bytes]:
    """Make a record of each person, which has an event too, and a state after them."""
    for number in range(people):
        data = {
            "user_id": f"person {number}",
            "email": f"person{number}@example.com",
            "name": f"Name {number}",
            "phone": f"+1201555{number:04}",
            "event_type": SELECTED,
            "event_time": EPOCH + number,
        }
        message = {"type": "RECORD", "record": {"stream": "events", "data": data, "emitted_at": EPOCH * 1000}}
        yield json.dumps(message).encode() + b"\n"
    yield state(people)


def write_at_once(people: int, *connections: Sections) -> dict[str, Any]:
    """Let connectors write the same records at once; return what the emulator holds then, and its `calls`.

    Raises:
        SystemExit: a record was not taken.
    """
    with emulating() as url, ThreadPoolExecutor(len(connections)) as pool:
        connectors = [Connector(url, make_records(people), sections=each, token=TOKEN) for each in connections]
        for run in pool.map(Connector.run, connectors):
            check_all_taken(run)
        with urllib.request.urlopen(f"{url}/_emulator/state", timeout=60) as answer:  # noqa: S310 - the emulator's
            contents: dict[str, Any] = json.load(answer)
    contents["calls"].pop(LISTING, None)
    return contents


def check_all_taken(run: Run) -> None:
    """End the benchmark if a record was rejected, or never acknowledged."""
    states = [json.loads(line)["state"] for _, line in run.output if line.startswith(b'{"type": "STATE"')]
    if len(states) != 1 or states[0]["destinationStats"].get("rejectedRecordCount"):
        sys.exit("not every record was taken")


def count_calls(contents: dict[str, Any]) -> int:
    """Tell the calls, but for those that read the attributes."""
    return sum(contents["calls"].values())


def share_with(contacts: Sequence[dict[str, Any]], *attributes: str) -> float:
    """Tell the share of contacts that have all these attributes."""
    return sum(all(each.get(name) for name in attributes) for each in contacts) / len(contacts)


def make_rows(scale: Scale) -> list[Row]:
    """Say what is counted of each case."""
    where = f"the emulator, whose search lags by {LAG:.0f} s, {LATENCY * 1000:.0f} ms a call, no limit"
    people = f"{scale.shared:,} people whom Intercom does not know"
    same = "two connectors, all people by both: `name` by the one, `phone` by the other"
    leads = "two connectors with `create_as: lead`, all people by both"
    events = "two connectors, all events by both"
    split = "two connectors, all records to both, each with a filter on the last digit of the id"
    calls = "the calls of one connector for all"
    return [
        Row("same.contacts", "ratio", "contacts in Intercom for each person", people, same, where),
        Row("same.both", "share", "of them hold what both wrote", people, same, where),
        Row("same.calls", "ratio", calls, people, same, where, ("same.count", "count", "calls")),
        Row("leads.contacts", "ratio", "leads in Intercom for each person", people, leads, where),
        Row(
            "events.kept", "ratio", "events in Intercom for each event", f"an event of each of {people}", events, where
        ),
        Row("events.calls", "ratio", calls, f"an event of each of {people}", events, where),
        Row("split.contacts", "ratio", "contacts in Intercom for each person", people, split, where),
        Row("split.calls", "ratio", calls, people, split, where, ("split.count", "count", "calls")),
    ]


def measure(scale: Scale, _turn: int) -> Found:
    """Count all cases, one after the other."""
    people = scale.shared
    alone = write_at_once(people, make_users("name"))
    same = write_at_once(people, make_users("name"), make_users("phone"))
    leads = write_at_once(people, *[make_users("name", role="lead")] * 2)
    # Events need their people, who are therefore written by the same connections.
    with_events = [{**make_users("name"), **EVENTS} for _ in range(2)]
    one = write_at_once(people, with_events[0])
    both = write_at_once(people, *with_events)
    split = write_at_once(people, *(make_users("name", digits=digits) for digits in HALVES))
    return Found(
        {
            "same.contacts": len(same["contacts"]) / people,
            "same.both": share_with(same["contacts"], "name", "phone"),
            "same.calls": count_calls(same) / count_calls(alone),
            "same.count": count_calls(same),
            "leads.contacts": len(leads["contacts"]) / people,
            "events.kept": len(both["events"]) / people,
            "events.calls": count_calls(both) / count_calls(one),
            "split.contacts": len(split["contacts"]) / people,
            "split.calls": count_calls(split) / count_calls(alone),
            "split.count": count_calls(split),
        }
    )


PART: Final = Part("same-people", "Two connections and the same people", make_rows, measure)


def main() -> None:
    """Count once."""
    parser = argparse.ArgumentParser(description="Count what two connections make of the same people.")
    parser.add_argument("--quick", action="store_true", help="only see that it works")
    scale = QUICK if parser.parse_args().quick else FULL
    show("Two connections and the same people", show_rows(make_rows(scale), measure(scale, 0)))


if __name__ == "__main__":
    main()
