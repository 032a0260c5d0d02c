"""Events a second: the connector, `requests.post`, the python-intercom SDK and a dlt destination, in turn.

    .venv/bin/python benchmarks/events.py [--milliseconds 0 80 300] [--quick]

All against windows too large to limit, and the connector also in windows of 1,666 calls in 10 seconds by `quota.py`,
where the quota is the limit. The rate counts from the first call to the last, so that no start-up counts. The others
are in `contestants/`, each written as its own documentation shows; dlt twice, once as it comes and once so that it
loads twenty files at a time.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.connector import (
    DLT,
    DLT_FILES,
    REQUESTS,
    SDK,
    Connector,
    Contestant,
    Source,
    measure_ceiling,
    serving,
    show,
)
from benchmarks.figures import Found, Part, Row, show_rows
from benchmarks.scale import FULL, QUICK, Scale

LATENCIES: Final = (0, 80, 300)
"""Milliseconds a call."""

UNLIMITED: Final = 1_000_000_000
CONCURRENCY: Final = 64
GUESSED_RATE: Final = 600.0
"""Calls a second of one after another where latency is nothing, to choose how many are made; the ratio is measured."""

FEWEST: Final = 12
"""Calls of a loop, however long one takes: latencies differ."""

OTHERS: Final = {
    "requests": (REQUESTS, "`requests.post` in a loop"),
    "sdk": (SDK, "the `python-intercom` SDK in a loop"),
    "dlt": (DLT, "a dlt custom destination, as it comes"),
    "dlt-files": (DLT_FILES, "a dlt custom destination, ten events a file, twenty files at once"),
}


def choose_count(contestant: Contestant, milliseconds: int, scale: Scale) -> int:
    """Choose so many events that a contestant is busy for some seconds."""
    rate = contestant.in_flight / max(milliseconds / 1000, 1 / GUESSED_RATE)
    return max(min(int(scale.loop_seconds * rate), scale.loop_events), FEWEST)


def choose_events(milliseconds: int, scale: Scale) -> int:
    """Choose so many events that the connector is busy for some seconds."""
    return min(scale.events, int(scale.events * 100 / max(milliseconds, 1)))


def measure_other(contestant: Contestant, milliseconds: int, scale: Scale) -> float:
    """Tell the events a second of another program.

    Raises:
        SystemExit: it did not send all.
    """
    count = choose_count(contestant, milliseconds, scale)
    with serving(latency=milliseconds / 1000, limit=UNLIMITED) as server:
        contestant.run(server.url, count)
        account = server.account()
    if account.granted != count:
        sys.exit(f"{contestant.script} made {account.granted} calls of {count}")
    return account.per_second


def measure_connector(milliseconds: int, scale: Scale) -> float:
    """Tell the events a second of the connector."""
    with serving(latency=milliseconds / 1000, limit=UNLIMITED) as server:
        Connector(server.url, Source().events(choose_events(milliseconds, scale)), concurrency=CONCURRENCY).run()
        return server.account().per_second


def make_rows(scale: Scale, latencies: Iterable[int] = LATENCIES) -> list[Row]:
    """Say what is measured: each contestant against one `requests.post` after another."""
    rows = []
    for milliseconds in latencies:
        where = f"{milliseconds} ms a call, no limit"
        many = f"{choose_events(milliseconds, scale):,} events of some 1,900 bytes, of up to 5,000 people"
        rows.append(_make_row(milliseconds, "connector", f"the connector, {CONCURRENCY} calls at once", many, where))
        for name, (contestant, title) in OTHERS.items():
            some = f"{choose_count(contestant, milliseconds, scale):,} small events"
            rows.append(_make_row(milliseconds, name, title, some, where))
    return rows


def _make_row(milliseconds: int, name: str, title: str, data: str, where: str) -> Row:
    context = (f"{milliseconds}.{name}.rate", "count", "events a second")
    what = "as many events a second as `requests.post` in a loop"
    return Row(f"{milliseconds}.{name}", "ratio", what, data, title, where, context)


def measure(scale: Scale, _turn: int, latencies: Iterable[int] = LATENCIES) -> Found:
    """Measure all, one after the other, at each latency."""
    values = {}
    for milliseconds in latencies:
        rates = {name: measure_other(contestant, milliseconds, scale) for name, (contestant, _) in OTHERS.items()}
        rates["connector"] = measure_connector(milliseconds, scale)
        for name, rate in rates.items():
            values[f"{milliseconds}.{name}"] = rate / rates["requests"]
            values[f"{milliseconds}.{name}.rate"] = rate
    return Found(values)


PART: Final = Part("events", "Events a second", make_rows, measure, ("events.svg",))


def main() -> None:
    """Measure once."""
    parser = argparse.ArgumentParser(description="Measure events a second.")
    parser.add_argument("--milliseconds", type=int, nargs="+", default=LATENCIES, help="latencies of a call")
    parser.add_argument("--quick", action="store_true", help="only see that it works")
    parsed = parser.parse_args()
    scale = QUICK if parsed.quick else FULL
    found = measure(scale, 0, parsed.milliseconds)
    title = f"Events a second (the server's own ceiling at 80 ms: {measure_ceiling(0.08):,.0f} requests/s)"
    show(title, show_rows(make_rows(scale, parsed.milliseconds), found))


if __name__ == "__main__":
    main()
