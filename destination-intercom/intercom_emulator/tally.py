"""The counts of calls: by the window of the quota that each fell into, its endpoint, its status and its fault."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from intercom_emulator.settings import Settings

Counted = tuple[str, str, str | None]
"""What a call is counted as: its endpoint, its status as text, and the kind of the fault that it met, if any."""

_MOST_WINDOWS = 1_000


@dataclass(slots=True)
class Window:
    """One window: its times (Intercom's clock, unix seconds), the quota in force, and what it held.

    `others` is what other apps spend of it; `extra` what bulk calls cost beyond one call each.
    """

    begin: float
    end: float
    limit: int
    others: int
    counts: Counter[Counted] = field(default_factory=Counter)
    extra: int = 0


class Tally:
    """Counts calls. Not thread-safe: the core's lock guards it."""

    def __init__(self) -> None:
        self._windows: dict[float, Window] = {}
        self._folded: Counter[Counted] = Counter()  # of windows too old to be told apart
        self._now = Window(math.inf, -math.inf, 0, 0)

    def window(self, settings: Settings, now: float) -> Window:
        """Return the window of a time, to count in."""
        if not self._now.begin <= now < self._now.end:
            self._open(settings, now)
        return self._now

    def turn(self, settings: Settings, now: float) -> None:
        """Count from now on under other settings."""
        if self._windows:
            self._open(settings, now)

    def _open(self, settings: Settings, now: float) -> None:
        """Begin a window, or go on with it; the oldest are folded into one."""
        length = settings.window_seconds
        begin = settings.window_phase + math.floor((now - settings.window_phase) / length) * length
        window = self._windows.setdefault(begin, Window(begin, begin + length, 0, 0))
        window.end, window.limit, window.others = begin + length, settings.limit, settings.other_apps_per_window
        self._now = window
        while len(self._windows) > _MOST_WINDOWS:
            self._folded += self._windows.pop(min(self._windows)).counts

    def __iter__(self) -> Iterator[Window]:
        """Return the windows in the order of time."""
        return iter(sorted(self._windows.values(), key=lambda each: each.begin))

    def totals(self) -> Counter[Counted]:
        """Return the counts of all windows, the folded ones too."""
        totals = Counter(self._folded)
        for each in self._windows.values():
            totals.update(each.counts)
        return totals
