"""How much is measured: all of it, or just enough to see that every part works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Scale:
    """Sizes of one run. `windows` is the quota's worth of events of a limited run, `period` the seconds of a window.

    A loop, which makes one call after another, makes as many as it can in `loop_seconds`, but no more than
    `loop_events`.
    """

    events: int
    loop_seconds: float
    loop_events: int
    windows: float
    period: float
    limit: int
    workspace: int
    people: int
    cpu_records: int
    records: Sequence[int]
    busy: Sequence[int]
    states: int
    starts: int
    shared: int


FULL: Final = Scale(
    events=4_000,
    loop_seconds=2.0,
    loop_events=2_000,
    windows=2.8,
    period=10.0,
    limit=1_666,
    workspace=4_166,
    people=10_000,
    cpu_records=6_000,
    records=(10_000, 100_000, 1_000_000),
    busy=(1_000, 10_000),
    states=90,
    starts=3,
    shared=500,
)
"""Some twenty minutes with three runs."""

QUICK: Final = Scale(
    events=200,
    loop_seconds=0.5,
    loop_events=20,
    windows=2.6,
    period=4.0,
    limit=200,
    workspace=500,
    people=300,
    cpu_records=200,
    records=(1_000, 2_000, 4_000),
    busy=(50, 100),
    states=8,
    starts=1,
    shared=40,
)
"""A minute or two, and its figures say nothing."""
