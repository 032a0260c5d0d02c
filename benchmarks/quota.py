"""How much of each full window the connector uses, how often it is refused, and how it fares beside another app.

    .venv/bin/python benchmarks/quota.py [CASE ...]

A case is LATENCY-LIMIT, such as 80-1666: milliseconds a call, calls in 10 seconds; with -beside, beside another
app that asks for 30% of each window; with -busy, every third event is one person's. A case takes about 45
seconds. The share of a window is what both apps used of it; only windows that the connector was sending in from
begin to end are full. A busy case ends with 1 where it used less than 95%.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.connector import Account, Connector, Source, measure_ceiling, serving, show

PERIOD: Final = 10.0
PHASE: Final = 3.7
WINDOWS: Final = 4.4
"""So many windows' worth of events: the first is met in its middle, then come three full ones."""

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
    """One measurement: `latency` in seconds, `limit` a window."""

    name: str
    latency: float
    limit: int
    beside: bool
    busy: bool

    @property
    def concurrency(self) -> int:
        """Choose what is surely enough: in flight = rate × latency."""
        return 64 if self.limit / PERIOD * self.latency < 60 else 256


def parse_case(name: str) -> Case:
    """Read a case's name."""
    latency, limit, *more = name.split("-")
    return Case(name, int(latency) / 1000, int(limit), more == ["beside"], more == ["busy"])


def measure(case: Case, *, random: bool, reset_offset: float) -> Account:
    """Run the connector on enough events for some windows."""
    own_share = 1 - OTHER_SHARE if case.beside else 1.0
    with serving(
        latency=case.latency,
        limit=case.limit,
        period=PERIOD,
        phase=PHASE,
        reset_offset=reset_offset,
        other_share=OTHER_SHARE if case.beside else 0.0,
        other_random=random,
    ) as server:
        count = int(case.limit * own_share * WINDOWS)
        events = Source().events(count, busy_one_in=BUSY_SHARE if case.busy else 0)
        Connector(server.url, events, concurrency=case.concurrency).run()
        return server.account()


def full_windows(account: Account) -> list[dict[str, float]]:
    """Tell the windows that the connector was sending in from begin to end."""
    return [
        window
        for window in account.windows
        if account.first <= window["begins"] and window["begins"] + PERIOD <= account.last
    ]


def is_well(case: Case, account: Account) -> bool:
    """Say whether a busy person slowed nobody down; of the other cases nothing is asked."""
    full = full_windows(account)
    used = sum(window["granted"] for window in full)
    return not case.busy or (bool(full) and used >= LEAST_BUSY * case.limit * len(full))


def row(case: Case, account: Account) -> list[object]:
    """Say what became of the full windows."""
    full = full_windows(account)
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
        (case, measure(case, random=parsed.random, reset_offset=parsed.reset_offset))
        for case in parsed.cases or map(parse_case, CASES)
    ]
    rows += [row(case, account) for case, account in measured]
    show(f"Quota (the server's own ceiling: {measure_ceiling(0.08):,.0f} requests/s at 80 ms)", rows)
    return 0 if all(is_well(case, account) for case, account in measured) else 1


if __name__ == "__main__":
    sys.exit(main())
