"""How much of each full window the connector uses, how often it is refused, and how it fares beside another app.

    .venv/bin/python benchmarks/quota.py [CASE ...]

A case is LATENCY-LIMIT, such as 80-1666: milliseconds a call, calls in 10 seconds; with -beside, beside another
app that asks for 30% of each window; with -busy, every third event is one person's. A case takes about 30
seconds. The share of a window is what both apps used of it; only windows that the connector was sending in from
begin to end are full. A busy case ends with 1 where it used less than 95%.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.connector import Account, Connector, Source, measure_ceiling, serving, show
from benchmarks.figures import Found, Part, Row
from benchmarks.scale import FULL, Scale

LEAD: Final = 4.0
"""Seconds from the start of the server to the begin of a window: the connector has then just begun to send."""

OTHER_SHARE: Final = 0.3
BUSY_SHARE: Final = 3
"""Of so many events one is the busy person's."""

LEAST_BUSY: Final = 0.95

CASES: Final = (
    *(f"{latency}-{limit}{beside}" for limit in (1666, 4166) for latency in (80, 300) for beside in ("", "-beside")),
    "80-1666-busy",
    "300-4166-busy",
)


@dataclass(frozen=True, slots=True)
class Case:
    """One measurement: `latency` in seconds, `limit` a window of `period` seconds."""

    name: str
    latency: float
    limit: int
    beside: bool = False
    busy: bool = False
    period: float = FULL.period

    @property
    def concurrency(self) -> int:
        """Choose what is surely enough: in flight = rate × latency."""
        return 64 if self.limit / self.period * self.latency < 60 else 256

    @property
    def windows(self) -> str:
        """Say what is allowed."""
        return f"{self.limit:,} calls in {self.period:.0f} s"


def parse_case(name: str) -> Case:
    """Read a case's name."""
    latency, limit, *more = name.split("-")
    return Case(name, int(latency) / 1000, int(limit), more == ["beside"], more == ["busy"])


def phase_of(period: float, *, lead: float = LEAD) -> float:
    """Choose the phase of windows of which one begins in so many seconds."""
    return (time.time() + lead) % period


def measure_case(
    case: Case, *, windows: float = FULL.windows, random: bool = False, reset_offset: float = 0.0
) -> Account:
    """Run the connector on events for so many windows."""
    own_share = 1 - OTHER_SHARE if case.beside else 1.0
    with serving(
        latency=case.latency,
        limit=case.limit,
        period=case.period,
        phase=phase_of(case.period),
        reset_offset=reset_offset,
        other_share=OTHER_SHARE if case.beside else 0.0,
        other_random=random,
    ) as server:
        count = int(case.limit * own_share * windows)
        events = Source().events(count, busy_one_in=BUSY_SHARE if case.busy else 0)
        Connector(server.url, events, concurrency=case.concurrency).run()
        return server.account()


def full_windows(account: Account, period: float) -> list[dict[str, float]]:
    """Tell the windows that the connector was sending in from begin to end."""
    return [
        window
        for window in account.windows
        if account.first <= window["begins"] and window["begins"] + period <= account.last
    ]


def is_well(case: Case, account: Account) -> bool:
    """Say whether a busy person slowed nobody down; of the other cases nothing is asked."""
    full = full_windows(account, case.period)
    used = sum(window["granted"] for window in full)
    return not case.busy or (bool(full) and used >= LEAST_BUSY * case.limit * len(full))


def row(case: Case, account: Account) -> list[object]:
    """Say what became of the full windows."""
    full = full_windows(account, case.period)
    shares = [f"{(window['granted'] + window['other']) / case.limit:.2%}" for window in full]
    others = [f"{window['other'] / case.limit:.1%}" for window in full]
    refused = int(sum(window["other_refused"] for window in account.windows))
    return [
        case.name,
        case.concurrency,
        " ".join(shares),
        account.refused,
        " ".join(others) if case.beside else "-",
        refused if case.beside else "-",
    ]


def choose_cases(scale: Scale) -> list[Case]:
    """Choose what is measured together: alone at two latencies, and beside another app."""
    return [
        Case("80", 0.08, scale.limit, period=scale.period),
        Case("300", 0.3, scale.limit, period=scale.period),
        Case("beside", 0.08, scale.limit, beside=True, period=scale.period),
    ]


def make_rows(scale: Scale) -> list[Row]:
    """Say what is measured of each case."""
    rows = []
    for case in choose_cases(scale):
        where = f"{case.latency * 1000:.0f} ms a call, {case.windows}"
        if case.beside:
            where += f", another app that asks for {OTHER_SHARE:.0%} of each window at even distances"
        own_share = 1 - OTHER_SHARE if case.beside else 1.0
        data = f"{int(case.limit * own_share * scale.windows):,} events of some 1,900 bytes"
        setup = f"the connector, up to {case.concurrency} calls at once"
        who = "both apps" if case.beside else "the connector"
        rows.append(Row(f"{case.name}.used", "share", f"of each full window used by {who}", data, setup, where))
        rows.append(Row(f"{case.name}.refused", "count", "calls of the connector refused with 429", data, setup, where))
        if case.beside:
            rows.append(
                Row(f"{case.name}.other", "share", "of each full window left to the other app", data, setup, where)
            )
            rows.append(
                Row(
                    f"{case.name}.other_refused", "count", "calls of the other app refused with 429", data, setup, where
                )
            )
    return rows


def sum_up(case: Case, account: Account) -> dict[str, float]:
    """Make the figures of a case.

    Raises:
        SystemExit: no window was full.
    """
    full = full_windows(account, case.period)
    if not full:
        sys.exit(f"{case.name}: no window was full")
    room = case.limit * len(full)
    return {
        f"{case.name}.used": sum(window["granted"] + window["other"] for window in full) / room,
        f"{case.name}.refused": account.refused,
        f"{case.name}.other": sum(window["other"] for window in full) / room,
        f"{case.name}.other_refused": sum(window["other_refused"] for window in account.windows),
    }


def draw_seconds(account: Account, period: float) -> list[list[float]]:
    """Make the points of a plot: second, granted to us, granted to the other app, refused to us, and to it.

    Second 0 is the begin of the first full window. The first and the last second are parts of one and left out.
    """
    begin = full_windows(account, period)[0]["begins"]
    kinds = ("granted", "other", "refused", "other_refused")
    seconds = [second for second in account.seconds if account.first <= second < account.last - 1]
    return [[second - begin, *(account.seconds[second].get(kind, 0) for kind in kinds)] for second in seconds]


def measure(scale: Scale, _turn: int) -> Found:
    """Measure all cases side by side: they are limited by their windows, and need less than one core together."""
    cases = choose_cases(scale)
    with ThreadPoolExecutor(len(cases)) as pool:
        accounts = list(pool.map(lambda case: measure_case(case, windows=scale.windows), cases))
    values: dict[str, float] = {}
    series: dict[str, Sequence[Sequence[float]]] = {}
    for case, account in zip(cases, accounts, strict=True):
        values |= sum_up(case, account)
        series[case.name] = draw_seconds(account, case.period)
        series[f"{case.name}.windows"] = [[case.limit, case.period]]
    return Found(values, series)


PART: Final = Part("quota", "The share of the quota that is used, and refusals", make_rows, measure, ("quota.svg",))


def main() -> int:
    """Measure the cases one after the other; 1 if one of them is not well."""
    parser = argparse.ArgumentParser(description="Measure the use of the quota.")
    parser.add_argument(
        "cases", nargs="*", metavar="CASE", type=parse_case, help=f"of {', '.join(CASES)}; all by default"
    )
    parser.add_argument("--random", action="store_true", help="the other app calls at random, not even, distances")
    parser.add_argument("--reset-offset", type=float, default=0.0, help="seconds by which resets are told late")
    parsed = parser.parse_args()
    rows: list[list[object]] = [["case", "concurrency", "share of each full window", "429s", "other app", "its 429s"]]
    measured = [
        (case, measure_case(case, random=parsed.random, reset_offset=parsed.reset_offset))
        for case in parsed.cases or map(parse_case, CASES)
    ]
    rows += [row(case, account) for case, account in measured]
    show(f"Quota (the server's own ceiling: {measure_ceiling(0.08):,.0f} requests/s at 80 ms)", rows)
    return 0 if all(is_well(case, account) for case, account in measured) else 1


if __name__ == "__main__":
    sys.exit(main())
