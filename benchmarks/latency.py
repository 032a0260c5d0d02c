"""The time from a state being due to its appearing on stdout.

    .venv/bin/python benchmarks/latency.py [--quick]

A state is due when the server has sent the answer to the last of the records before it. Three ways to feed:
as fast as the connector takes it with no limit, so that it is busy all the time; the same in windows of
1,666 calls in 10 seconds; and a few records at a time on a stdin that stays open and silent after them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.connector import EPOCH, Connector, Source, measure_ceiling, serving, show, state
from benchmarks.figures import Found, Part, Row, show_rows
from benchmarks.scale import FULL, QUICK, Scale

LATENCY: Final = 0.08
STATE_EVERY: Final = 20
SILENCE_SECONDS: Final = 0.3


@dataclass(frozen=True, slots=True)
class Case:
    """A way to feed: so many times the states of the scale, `pause` seconds after each, windows of `limit` calls."""

    name: str
    title: str
    states: float
    limit: int
    pause: float

    def count(self, scale: Scale) -> int:
        """Tell the states."""
        return max(int(scale.states * self.states), 4)


def choose_cases(scale: Scale) -> list[Case]:
    """Choose what is measured one after the other."""
    return [
        Case("flood", "as fast as it is read, no limit", 2, 1_000_000, 0.0),
        Case("limited", f"as fast as it is read, {scale.limit:,} calls in {scale.period:.0f} s", 1, scale.limit, 0.0),
        Case("silence", "then 0.3 s of silence on an open stdin", 0.25, scale.limit, SILENCE_SECONDS),
    ]


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


def measure_case(case: Case, scale: Scale) -> list[float]:
    """Run the connector once; return the seconds by which each state came after it was due."""
    with serving(latency=LATENCY, limit=case.limit, period=scale.period, phase=3.7) as server:
        run = Connector(server.url, pieces(case.count(scale) * STATE_EVERY, pause=case.pause)).run()
        account = server.account()
    return delays(run.output, account.answered)


def make_rows(scale: Scale) -> list[Row]:
    """Say what is measured of each way to feed."""
    rows = []
    for case in choose_cases(scale):
        data = f"{case.count(scale):,} states, each after {STATE_EVERY} events, {case.title}"
        where = f"{LATENCY * 1000:.0f} ms a call"
        for name, what in (("median", "half of the states are"), ("late", "99 of 100 states are")):
            context = (f"{case.name}.{name}.ms", "ms", "")
            text = f"the time of one call: {what} on stdout no later after the last answer that they wait for"
            rows.append(Row(f"{case.name}.{name}", "ratio", text, data, "the connector", where, context))
    return rows


def measure(scale: Scale, _turn: int) -> Found:
    """Measure the ways to feed, one after the other."""
    values: dict[str, float] = {}
    for case in choose_cases(scale):
        percentiles = statistics.quantiles(measure_case(case, scale), n=100, method="inclusive")
        for name, late in (("median", percentiles[49]), ("late", percentiles[98])):
            values |= {f"{case.name}.{name}": late / LATENCY, f"{case.name}.{name}.ms": late * 1000}
    return Found(values)


PART: Final = Part("latency", "From the last answer to the state", make_rows, measure)


def main() -> None:
    """Measure once."""
    parser = argparse.ArgumentParser(description="Measure how late states are.")
    parser.add_argument("--quick", action="store_true", help="only see that it works")
    scale = QUICK if parser.parse_args().quick else FULL
    title = f"State due to stdout at 80 ms (the server's own ceiling: {measure_ceiling(LATENCY):,.0f} requests/s)"
    show(title, show_rows(make_rows(scale), measure(scale, 0)))


if __name__ == "__main__":
    main()
