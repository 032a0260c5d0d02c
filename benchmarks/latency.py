"""The time from a state being due to its appearing on stdout.

    .venv/bin/python benchmarks/latency.py

A state is due when the server has sent the answer to the last of the records before it. Three ways to feed:
as fast as the connector takes it with no limit, so that it is busy all the time; the same in windows of
1,666 calls in 10 seconds; and a few records at a time on a stdin that stays open and silent after them.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.connector import EPOCH, Connector, Source, measure_ceiling, serving, show, state

LATENCY: Final = 0.08
STATE_EVERY: Final = 20
SILENCE_SECONDS: Final = 0.3
EVENTS: Final = 8_000
FEW_EVENTS: Final = 1_200


def pieces(count: int, *, pause: float) -> Iterator[bytes]:
    """Make records with a state after every few, and a pause (seconds) after each state."""
    source = Source()
    for begin in range(0, count, STATE_EVERY):
        records = b"".join(source.record(number) for number in range(begin, begin + STATE_EVERY))
        yield records + state(begin + STATE_EVERY)
        if pause:
            time.sleep(pause)


def delays(output: list[tuple[float, bytes]], answered: dict[int, float]) -> list[float]:
    """Tell the seconds by which each state came after it was due."""
    count = len(answered)
    due = list(accumulate((answered[EPOCH + number] for number in range(count)), max))
    late = []
    for moment, line in output:
        message = json.loads(line)
        if message["type"] == "STATE":
            records = message["state"]["stream"]["stream_state"]["records"]
            late.append(moment - due[records - 1])
    return late


def measure(title: str, count: int, *, limit: int, pause: float) -> list[object]:
    """Run the connector once."""
    with serving(latency=LATENCY, limit=limit, phase=3.7) as server:
        run = Connector(server.url, pieces(count, pause=pause)).run()
        account = server.account()
    late = [seconds * 1000 for seconds in delays(run.output, account.answered)]
    percentiles = statistics.quantiles(late, n=100, method="inclusive")
    return [title, len(late), *(f"{value:.1f}" for value in (percentiles[49], percentiles[98], max(late)))]


def main() -> None:
    """Measure the ways to feed, one after the other."""
    rows: list[list[object]] = [["", "states", "median ms", "99th percentile ms", "longest ms"]]
    rows.append(measure("flood, no limit", EVENTS, limit=1_000_000, pause=0.0))
    rows.append(measure("flood, 1,666 in 10 s", EVENTS // 2, limit=1666, pause=0.0))
    rows.append(measure("a few, then silence", FEW_EVENTS, limit=1666, pause=SILENCE_SECONDS))
    show(f"State due to stdout at 80 ms (the server's own ceiling: {measure_ceiling(LATENCY):,.0f} requests/s)", rows)


if __name__ == "__main__":
    main()
