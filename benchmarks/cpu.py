"""CPU: the connector against what `requests` alone costs for as many calls, on the same machine and in the same run.

    .venv/bin/python benchmarks/cpu.py [--quick]

What `requests` costs is one pooled Session that posts small events, one after the other and by 64 threads at once.
CPU is user and system time of the process; that of a process that makes no call, its start-up, is taken off both.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.connector import (
    EPOCH,
    EVENTS,
    SESSION,
    SESSIONS,
    Connector,
    Contestant,
    Source,
    serving,
    state,
)
from benchmarks.figures import Found, Part, Row, measure_once
from benchmarks.quota import phase_of
from benchmarks.scale import Scale

LATENCY: Final = 0.08
ATTRIBUTES: Final = 20
TEMPLATES: Final = 5
LIMITED_SHARE: Final = 0.4
"""Of the events so many are sent within the quota, which takes a while."""


Measured: TypeAlias = tuple[float, int]
"""CPU seconds, and calls."""


def make_contacts(count: int) -> Iterator[bytes]:
    """Make records of so many people whom Intercom does not know, and a state after them."""
    for number in range(count):
        data = {f"p{place}": f"value {number} {place}" for place in range(ATTRIBUTES)}
        data |= {"user_id": f"person {number}", "email": f"person{number}@example.com"}
        record = {"stream": "events", "data": data, "emitted_at": EPOCH * 1000}
        yield json.dumps({"type": "RECORD", "record": record}, separators=(",", ":")).encode() + b"\n"
    yield state(count)


def make_users(templates: int) -> dict[str, Any]:
    """Make the configuration of contacts with twenty attributes, so many of them templates of two values."""
    attributes = [
        {
            "property": f"{{{{ record.p{place} }}}} {{{{ record.email }}}}" if place < templates else f"p{place}",
            "attribute": f"attribute {place}",
        }
        for place in range(ATTRIBUTES)
    ]
    attributes.append({"property": "email", "attribute": "email"})
    return {"users": {"mode": "enabled", "streams": [{"stream": "events"}], "attributes": attributes}}


def measure_requests(contestant: Contestant, count: int, latency: float) -> float:
    """Tell the CPU seconds of a call with `requests` alone."""
    with serving(latency=latency) as server:
        idle = contestant.run(server.url, 0)
        return (contestant.run(server.url, count) - idle) / count


def measure_connector(pieces: Iterator[bytes], sections: Mapping[str, Any], limits: Mapping[str, float]) -> Measured:
    """Tell the CPU seconds of the connector, its start-up and all, and the calls that it made."""
    with serving(latency=LATENCY, **limits) as server:
        run = Connector(server.url, pieces, sections=sections).run()
        return run.cpu_seconds, server.account().granted


def make_rows(scale: Scale) -> list[Row]:
    """Say what is measured of events and contacts."""
    count, where = scale.cpu_records, f"{LATENCY * 1000:.0f} ms a call, no limit"
    some = int(count * LIMITED_SHARE)
    windows = f"{LATENCY * 1000:.0f} ms a call, {scale.limit:,} calls in {scale.period:.0f} s"
    contact = f"{count:,} new contacts of {ATTRIBUTES} attributes"
    subjects = (
        ("events", f"{count:,} events of some 1,900 bytes", "the connector", where, "events"),
        ("limited", f"{some:,} events of some 1,900 bytes", "the connector", windows, "events"),
        ("contacts", contact, "the connector, no template", where, "contacts"),
        ("templates", contact, f"the connector, {TEMPLATES} of the attributes templates", where, "contacts"),
    )
    against = "the CPU of `requests` alone for as many calls, one after the other"
    rows = [
        Row(name, "ratio", against, data, setup, place, (f"{name}.seconds", "seconds", f"for 10,000 {what}"))
        for name, data, setup, place, what in subjects
    ]
    rows.append(
        Row(
            "threads",
            "ratio",
            against,
            f"{count:,} small events",
            "one `requests.Session`, 64 threads",
            where,
            ("threads.seconds", "seconds", "for 10,000 calls"),
        )
    )
    rows.append(
        Row(
            "session",
            "ratio",
            against,
            f"{count:,} small events",
            "one `requests.Session`, one call after the other",
            "no latency, no limit",
            ("session.seconds", "seconds", "for 10,000 calls"),
        )
    )
    rows.append(
        Row(
            "templates.share",
            "ratio",
            "the CPU of the same contacts without templates",
            contact,
            f"the connector, {TEMPLATES} of the attributes templates",
            where,
        )
    )
    return rows


def measure(scale: Scale, _turn: int) -> Found:
    """Measure all, one after the other."""
    count, source = scale.cpu_records, Source()
    some = int(count * LIMITED_SHARE)
    base = measure_requests(SESSION, count, 0.0)
    threads = measure_requests(SESSIONS, count, LATENCY)
    windows = {"limit": scale.limit, "period": scale.period, "phase": phase_of(scale.period)}
    idle, _ = measure_connector(iter(()), EVENTS, {})
    measured = {
        "events": (count, measure_connector(source.events(count), EVENTS, {})),
        "limited": (some, measure_connector(source.events(some), EVENTS, windows)),
        "contacts": (count, measure_connector(make_contacts(count), make_users(0), {})),
        "templates": (count, measure_connector(make_contacts(count), make_users(TEMPLATES), {})),
    }
    values = {"threads": threads / base, "threads.seconds": threads * 10_000}
    values |= {"session": 1.0, "session.seconds": base * 10_000}
    for name, (records, (seconds, calls)) in measured.items():
        spent = seconds - idle
        values |= {name: spent / (base * calls), f"{name}.seconds": spent / records * 10_000}
    values["templates.share"] = values["templates.seconds"] / values["contacts.seconds"]
    return Found(values)


PART: Final = Part("cpu", "CPU", make_rows, measure, ("cpu.svg",))


if __name__ == "__main__":
    measure_once(PART)
