"""A busy person: as many events of one person as of many, and the time that each takes.

.venv/bin/python benchmarks/busy.py [--quick]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.connector import PEOPLE, Connector, Source, serving
from benchmarks.figures import Found, Part, Row, measure_once
from benchmarks.scale import Scale

LATENCY: Final = 0.08


def measure_rate(pieces: Iterator[bytes]) -> float:
    """Tell the events a second of the connector."""
    with serving(latency=LATENCY, limit=1_000_000) as server:
        Connector(server.url, pieces).run()
        return server.account().per_second


def make_rows(scale: Scale) -> list[Row]:
    """Say what is measured of each number of events."""
    where = f"{LATENCY * 1000:.0f} ms a call, no limit"
    return [
        Row(
            f"{count}",
            "ratio",
            f"the time of as many events of up to {PEOPLE:,} people",
            f"{count:,} events of one person",
            "the connector, up to 64 calls at once",
            where,
            (f"{count}.rate", "count", "events a second"),
        )
        for count in scale.busy
    ]


def measure(scale: Scale, _turn: int) -> Found:
    """Measure one person and many, in turn."""
    source = Source()
    values: dict[str, float] = {}
    for count in scale.busy:
        one, many = (measure_rate(source.events(count, busy_one_in=share)) for share in (1, 0))
        values |= {f"{count}": many / one, f"{count}.rate": one}
    return Found(values)


PART: Final = Part("busy", "A busy person", make_rows, measure)


if __name__ == "__main__":
    measure_once(PART)
