"""Several connections at once: with one token, and as several apps of one workspace.

    .venv/bin/python benchmarks/together.py [--quick]

Airbyte runs each connection as a job of its own. With one token all of them spend one allowance; as apps of their own
each has an allowance, and the workspace has one for all of them. Whether Intercom's headers tell an app what the
workspace has left is not known, so four apps are measured in both worlds. The connectors send events
of different people.

Windows count in which all connectors were sending from begin to end; where one is so fast that there is none, those in
which any was. Fairness is the fewest calls that a connector made while all were sending, as a share of the most.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.connector import EPOCH, TOKEN, Account, Connector, Source, serving
from benchmarks.figures import Found, Part, Row, measure_once
from benchmarks.quota import phase_of
from benchmarks.scale import Scale

LATENCY: Final = 0.08
LEAD: Final = 6.0
"""See `quota.py`; eight connectors take longer to start."""

APART: Final = 1_000_000
"""The `created_at` of one connector's events are by so many seconds later than those of the one before."""


@dataclass(frozen=True, slots=True)
class Case:
    """So many connectors, with one token or each with its own; `told` as `tells_workspace` of the server."""

    name: str
    connectors: int
    apps: bool
    told: bool = True

    def allowed(self, scale: Scale) -> int:
        """Tell the calls of a window that all connectors may make together."""
        return min(self.connectors * scale.limit, scale.workspace) if self.apps else scale.limit

    def count_events(self, scale: Scale) -> int:
        """Tell the events of each connector: more with one token, where one can be much faster than another."""
        return int(self.allowed(scale) / self.connectors * (scale.windows + (0.2 if self.apps else 0.7)))


CASES: Final = (
    (Case("token-2", 2, apps=False), Case("token-4", 4, apps=False), Case("apps-2", 2, apps=True)),
    (Case("apps-4", 4, apps=True), Case("apps-4-untold", 4, apps=True, told=False)),
)
"""What is measured side by side, and after each other: so that two cores are enough."""


def measure_case(case: Case, scale: Scale) -> Account:
    """Run the connectors on events for some windows."""
    count = case.count_events(scale)
    with (
        serving(
            latency=LATENCY,
            limit=scale.limit,
            period=scale.period,
            phase=phase_of(scale.period, lead=LEAD),
            workspace=scale.workspace if case.apps else 0,
            tells_workspace=case.told,
        ) as server,
        ThreadPoolExecutor(case.connectors) as pool,
    ):
        connectors = [
            Connector(
                server.url,
                Source().events(count, first=number * APART),
                token=f"{TOKEN}{number}" if case.apps else TOKEN,
            )
            for number in range(case.connectors)
        ]
        for _ in pool.map(Connector.run, connectors):
            pass
        return server.account()


def sum_up(case: Case, scale: Scale, account: Account) -> dict[str, float]:
    """Make the figures of a case.

    Raises:
        SystemExit: no window was full.
    """
    moments: list[list[float]] = [[] for _ in range(case.connectors)]
    for created_at, moment in account.answered.items():
        if created_at >= EPOCH:
            moments[(created_at - EPOCH) // APART].append(moment)
    first, last = max(map(min, moments)), min(map(max, moments))
    for begin, end in ((first, last), (account.first, account.last)):
        full = [w for w in account.windows if begin <= w["begins"] and w["begins"] + scale.period <= end + LATENCY]
        if full:
            break
    else:
        sys.exit(f"{case.name}: no window was full")
    calls = [sum(first <= moment <= last for moment in own) for own in moments]
    return {
        f"{case.name}.used": sum(window["granted"] for window in full) / (case.allowed(scale) * len(full)),
        f"{case.name}.refused": account.refused / (account.refused + account.granted),
        f"{case.name}.refused.count": account.refused,
        f"{case.name}.fairness": min(calls) / max(calls),
    }


def make_rows(scale: Scale) -> list[Row]:
    """Say what is measured of each case."""
    rows = []
    for case in (each for group in CASES for each in group):
        where = f"{LATENCY * 1000:.0f} ms a call, {scale.limit:,} calls in {scale.period:.0f} s for each app"
        if case.apps:
            where += f", {scale.workspace:,} for all"
            where += "" if case.connectors * scale.limit < scale.workspace else _tell(case)
        setup = f"{case.connectors} connectors, {'each an app of its own' if case.apps else 'one token'}"
        data = f"{case.count_events(scale):,} events each, of different people"
        rows += [
            Row(f"{case.name}.used", "share", "of what is allowed used in each full window", data, setup, where),
            Row(
                f"{case.name}.refused",
                "share",
                "of all calls refused with 429",
                data,
                setup,
                where,
                (f"{case.name}.refused.count", "count", "calls"),
            ),
            Row(f"{case.name}.fairness", "share", "as many calls by the slowest as by the fastest", data, setup, where),
        ]
    return rows


def _tell(case: Case) -> str:
    return ", which the headers tell" if case.told else ", which no header tells"


def measure(scale: Scale, _turn: int) -> Found:
    """Measure all cases."""
    values: dict[str, float] = {}
    for group in CASES:
        with ThreadPoolExecutor(len(group)) as pool:
            accounts = list(pool.map(lambda case: measure_case(case, scale), group))
        for case, account in zip(group, accounts, strict=True):
            values |= sum_up(case, scale, account)
    return Found(values)


PART: Final = Part("together", "Several connections at once", make_rows, measure, ("together.svg",))


if __name__ == "__main__":
    measure_once(PART)
