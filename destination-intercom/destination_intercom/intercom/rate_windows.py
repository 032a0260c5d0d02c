"""What the headers teach of Intercom's windows: their allowance, their length, and when they end.

Pure bookkeeping, with every moment passed in; `quota` owns the lock and the waiting.

Intercom deals its quota out in fixed windows. Each answer tells the window's allowance, what is
left of it, and a reset that names the window::

    boundary                                                        boundary, somewhere in here
       |                                                                 [  low      high  ]
    ---+-----------------------------------------------------------------+--------+--------+--->  our clock
       |  calls, spread evenly over the time that is left     | latency  |        |        |
       |                                                      |  free    |        |        |
       first permit                                          until                ends_at

    allowance = what we were granted + what other apps take + reserve

- The boundary. The reset's own value is not trusted: it may lie two seconds late, in the past or an
  hour ahead, and clocks differ. What counts is when it moves and when what is left goes up. An answer
  of the old window proves that the boundary came after its call was sent; one of the new window proves
  that it came before the answer was received. So each passage narrows the interval in which the
  boundaries lie (`low` to `high`), by our own monotonic clock.
- The end of a window. A call that is on its way when the boundary passes is counted in either window.
  So none is granted in the last latency before `low`, but for what the next window can bear (`late`,
  then `carried`); and a window counts as over only at `high`.
- What others take. What is gone of a window and is not ours was spent by other apps. The budget leaves
  them what they took in the window before, or at the pace that they have now, whichever is more.
- The reserve is a small share of the allowance, larger where latencies vary, for what no header can
  tell in time.
- Doubt. A reset that slides with the time names no window; an answer that contradicts a boundary takes
  it back. Then the end of the window is a guess on the late side, until a boundary is seen again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from destination_intercom.intercom.answers import RateHeaders

USUAL_PERIOD: Final = 10.0
"""Seconds of a window, says Intercom's developer site; learned anew where the headers say otherwise."""

RESET_DELAY: Final = 2.0
"""By so much a reset may lie after its window's end (recorded)."""

LONGEST_PERIOD: Final = 300.0

DRIFT: Final = 1e-4
"""By which two clocks may run apart, generously: ordinary quartz is off by half as much."""

RESERVE_SHARE: Final = 0.003
"""The share of a window that is left free, for what the headers cannot tell in time."""

SPREAD_RESERVE: Final = 0.25
"""The share of the calls within one mean deviation of the latency that is left free: they may cross a boundary."""

PROBES_PER_SECOND: Final = 4.0
"""Calls that are made although other apps may want all that is left, to see whether they do."""

ROUNDING: Final = 0.01

NOISE: Final = 5
"""By so many calls the order in which answers come may differ from the order in which they were counted."""

CLEAR: Final = 0.75
VAGUE: Final = 0.5
"""A boundary that is known no better than by this share of a period is not known."""

STEADY: Final = 0.25
"""By less than this share of a period resets may differ within a window: they are told in whole seconds, and late."""

SMOOTHING: Final = 0.1
PACE_SECONDS: Final = 1.0
"""Over so long the other apps' pace is measured."""


@dataclass(frozen=True, slots=True)
class Permit:
    """A call that may be made: the how manyth it is, and when it was granted (seconds).

    `left` is the least that was known to be left then of the window with the reset `mark`, None before the first
    header; the answers to `in_flight` other calls were awaited.
    """

    number: int
    granted_at: float
    left: int | None = field(default=None, compare=False)
    mark: float = field(default=0.0, compare=False)
    in_flight: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Pace:
    """What may be granted: `budget` calls, spread until `until`; the window ends at `ends_at` for sure.

    `even` is the gap, in seconds, of calls that are spread evenly over a whole window.
    """

    budget: int
    until: float
    ends_at: float
    even: float


@dataclass(slots=True)
class _Window:
    """One window as we see it: permits from number `first` on are in it.

    `end` bounds its end. `mark` is its reset and `lowest` the least that was left of it, once seen: at
    `lowest_at`, in the answer to the permit `lowest_by`.
    `late` permits were given out so late in it that their calls may be counted in the next one; `carried`
    is that number of the window before.
    """

    first: int
    opened_at: float
    end: tuple[float, float]
    mark: float | None = None
    lowest: int | None = None
    lowest_at: float = 0.0
    lowest_by: int = 0
    spent: bool = False
    late: int = 0
    carried: int = 0


class _Others:
    """What other apps spend: `spent` calls in this window as of `as_of`, `last` in the one before."""

    __slots__ = ("_checkpoint", "as_of", "last", "pace", "spent")

    def __init__(self) -> None:
        self.spent: float | None = None
        self.as_of = 0.0
        self.last = 0.0
        self.pace = 0.0
        self._checkpoint = (0.0, 0.0)

    def note(self, sample: float, as_of: float) -> None:
        """Note that by `as_of` about `sample` calls of others were gone; samples are rough."""
        if self.spent is None:
            self.spent, self.as_of, self._checkpoint = sample, as_of, (as_of, sample)
        elif as_of > self.as_of:
            expected = self.spent + self.pace * (as_of - self.as_of)
            weight = max(SMOOTHING, min(as_of - self.as_of, 1.0))
            self.spent = max(expected + (sample - expected) * weight, 0.0)
            self.as_of = as_of
            since, then = self._checkpoint
            if as_of - since >= PACE_SECONDS:
                self.pace = max((self.spent - then) / (as_of - since), 0.0)
                self._checkpoint = (as_of, self.spent)

    def expect(self, end: float, period: float) -> float:
        """Tell how many calls of others this window will have seen by its `end`."""
        if self.spent is None:
            return self.last
        left = max(end - self.as_of, 0.0)
        soon = min(left, period / 4)
        # The present pace may be that of a burst: it is not taken to last.
        average = self.spent / max(period - left, period / 4)
        coming = self.pace * soon + min(average, self.pace) * (left - soon)
        return self.spent + max(coming, (self.last - self.spent) * soon / (period / 4))

    def close(self, end: float) -> None:
        """Begin a window."""
        if self.spent is not None:
            self.last = self.spent + self.pace * max(end - self.as_of, 0.0)
        self.spent = None


class RateWindows:
    """The windows of one quota; not thread-safe. Moments are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self.limit: int | None = None
        self.granted_in_whole_windows = 0
        self.allowed_in_whole_windows = 0
        self.others_in_whole_windows = 0.0
        self._period = USUAL_PERIOD
        self._window: _Window | None = None
        self._before: _Window | None = None
        self._phase_known = False
        self._wobble = 0.0
        self._last_boundary: tuple[float, float] | None = None
        self._measured = 0.0
        self._last_sent = -math.inf
        self._latency = 0.0
        self._spread = 0.0
        self._others = _Others()

    @property
    def knows_phase(self) -> bool:
        """Say whether a boundary was seen, so that the coming ones are known."""
        return self._phase_known

    @property
    def even_gap(self) -> float:
        """Give the seconds between calls that are spread evenly over a whole window; 0 before the first header."""
        return self._period / self.limit if self.limit else 0.0

    @property
    def allowed_per_minute(self) -> float | None:
        """Tell how many calls a minute Intercom allows; None before the first header."""
        return self.limit * 60.0 / self._period if self.limit else None

    def learn(self, rate: RateHeaders, permit: Permit, *, granted: int, now: float) -> None:
        """Note what the answer to `permit` told at `now`; `granted` permits were given out so far."""
        latency = now - permit.granted_at
        self._note_latency(latency)
        self.limit = rate.limit
        window = self._place(rate, permit, granted, now)
        if window.mark is None or permit.number < window.first:
            return
        if not self._phase_known and now >= window.end[1]:
            window.end = self._guess(rate, now)
            # All that is gone of the present window bounds what is gone of it by us, whatever came before.
            window.first = max(
                window.first, permit.number - (rate.limit - rate.remaining) - min(NOISE, rate.limit // 4)
            )
            window.lowest = None
        if window.lowest is None or rate.remaining < window.lowest:
            window.lowest, window.lowest_at, window.lowest_by = rate.remaining, now, permit.number
        if latency <= 2 * self._latency:
            # Answers that took long say little of when they were counted.
            mine = permit.number - window.first + 1
            self._others.note(float(max(rate.limit - rate.remaining - mine, 0)), now - latency / 2)

    @property
    def told(self) -> tuple[int | None, float]:
        """Tell the least that is known to be left of the present window, None for unknown, and its reset."""
        window = self._window
        if window is None or window.mark is None or window.lowest is None:
            return None, 0.0
        return window.lowest, window.mark

    def _place(self, rate: RateHeaders, permit: Permit, granted: int, now: float) -> _Window:
        """Find the present window, which may be one that this answer is the first to tell of."""
        window = self._window
        if window is None:
            self._window = _Window(1, now, self._guess(rate, now), mark=rate.reset_at)
            self._last_sent = permit.granted_at
            return self._window
        last = self._before if window.mark is None and self._before is not None else window
        if last.mark is None or last.lowest is None:
            return window
        moved, rise = rate.reset_at - last.mark, rate.remaining - last.lowest
        later = permit.granted_at >= last.lowest_at
        if rise < 0 and abs(moved) <= self._period * (1 - STEADY):
            # Of one window, and yet it may have moved.
            self._wobble = max(self._wobble, abs(moved))
        if self._is_new(rate, moved, rise, behind=granted - permit.number, later=later):
            return self._pass_boundary(rate, window, permit, now)
        if rise <= 0 and self._is_steady(moved):
            self._last_sent = max(self._last_sent, permit.granted_at)
            if window.mark is None and permit.number >= window.first and later:
                self._correct(window, rate, now)
        return window

    def _is_steady(self, moved: float) -> bool:
        return self._marks_slide or moved < self._period * STEADY

    @property
    def _marks_slide(self) -> bool:
        """Say whether resets slide with the time, so that they name no window."""
        return self._wobble >= self._period * STEADY

    def _is_new(self, rate: RateHeaders, moved: float, rise: int, *, behind: int, later: bool) -> bool:
        """Say whether a header is of a later window than the last one that a header told of.

        Since then its reset has `moved` and what is left has gone up by `rise`; `behind` calls were granted
        since its own; `later` says that its own was granted when the least that was left had been told.
        """
        if later and rise > min(NOISE, rate.limit / 10):
            # No answer is that late: only a new window makes more of what is left.
            return True
        if self._is_steady(moved):
            return False
        # A late answer shows more than was left since, but no more than was granted since.
        return rise > behind + NOISE or moved >= self._period / 2

    def spend(self, permit: Permit, now: float) -> bool:
        """Note that the call of `permit` was refused; False if it belongs to a window gone by."""
        window = self._window
        if window is None:
            return True
        if permit.number >= window.first:
            window.spent = True
            if not self._phase_known:
                end = min(window.end[1], now + self._period + RESET_DELAY)
                window.end = (end, end)
        return window.spent

    def roll(self, *, granted: int, now: float) -> None:
        """Open the window that has surely begun by `now`, if the boundaries are known."""
        window = self._window
        if window is None or not self._phase_known or now < window.end[1]:
            return
        low, high = window.end
        passed = 1 + math.floor((now - high) / self._period)
        slack = DRIFT * self._period * passed
        end = (low + self._period * passed - slack, high + self._period * passed + slack)
        if end[1] - end[0] > self._period * VAGUE:
            self._phase_known, end = False, (now, now)
        carried = window.late if passed == 1 else 0
        self._open(_Window(granted + 1, now, end, carried=carried), consecutive=passed == 1)

    def grant(self, *, now: float) -> None:
        """Note that a permit is given out at `now`."""
        if self._window is not None and now >= self._window.end[0] - self._latency:
            self._window.late += 1

    def pace(self, *, granted: int, now: float) -> Pace | None:
        """Tell what may be granted at `now`; None before the first header, and once a guessed window has passed."""
        window = self._window
        if window is None or self.limit is None or (not self._phase_known and now >= window.end[1]):
            return None
        low, high = window.end
        until = max(low - self._latency, now)
        even = self.even_gap
        if window.spent:
            return Pace(0, until, high, even)
        reserve = self.limit * (RESERVE_SHARE + SPREAD_RESERVE * self._spread / self._period)
        reserve = min(math.ceil(reserve), self.limit - 1)
        room = self.limit - reserve - window.carried - (granted - window.first + 1)
        expected = self._others.expect(high, self._period)
        # Others who are there may have made one more call than we can know.
        budget = room - math.ceil(expected - ROUNDING + (1.0 if expected > 1.0 else 0.0))
        if budget <= 0:
            # What others may still take is a guess: a few calls keep it fresh.
            budget = min(room - round(self._others.spent or 0.0), math.ceil((until - now) * PROBES_PER_SECOND))
        if window.lowest is not None:
            budget = min(budget, window.lowest - (granted - window.lowest_by))
        return Pace(max(budget, 0), until, high, even)

    def _note_latency(self, latency: float) -> None:
        if not self._latency:
            self._latency = latency
        self._spread += (abs(latency - self._latency) - self._spread) * SMOOTHING
        self._latency += (latency - self._latency) * SMOOTHING

    def _guess(self, rate: RateHeaders, now: float) -> tuple[float, float]:
        # Too long a window is no harm: we are slow until its end comes, and that is seen.
        believed = 0.0 < rate.reset_in <= LONGEST_PERIOD + RESET_DELAY
        guess = now + (rate.reset_in if believed else self._period + RESET_DELAY)
        return guess, guess

    def _pass_boundary(self, rate: RateHeaders, window: _Window, permit: Permit, now: float) -> _Window:
        """Take in the first header of a window: the boundary lies between the last old call and now."""
        low, high = (self._last_sent if math.isfinite(self._last_sent) else now - self._period), now
        self._learn_period(rate, (low, high))
        if window.mark is None:
            # The window was opened on time; its first header confirms it, and may narrow its bounds.
            window.mark = rate.reset_at
            low, high = max(low, window.end[0] - self._period), min(high, window.end[1] - self._period)
            if low < high:
                window.end = (low + self._period, high + self._period)
            return window
        self._phase_known = high - low <= self._period * VAGUE
        end = (low + self._period, high + self._period) if self._phase_known else self._guess(rate, now)
        return self._open(_Window(permit.number, now, end, mark=rate.reset_at), consecutive=False)

    def _learn_period(self, rate: RateHeaders, boundary: tuple[float, float]) -> None:
        told = self._window if self._window and self._window.mark is not None else self._before
        moved = rate.reset_at - told.mark if told and told.mark is not None and not self._marks_slide else 0.0
        last, self._last_boundary = self._last_boundary, boundary
        narrow = boundary[1] - boundary[0]
        if last is None:
            # A longer period is taken on trust, for it errs on the slow side; a shorter one must be measured.
            # Where calls are far apart, windows may have passed between them.
            if self._period + RESET_DELAY < moved <= LONGEST_PERIOD and narrow < moved * VAGUE:
                self._period = float(round(moved))
            return
        width = narrow + last[1] - last[0]
        measured = (boundary[0] + boundary[1] - last[0] - last[1]) / 2
        told_too = self._wobble <= 0 and abs(moved - measured) <= width
        before, self._measured = self._measured, float(round(moved if told_too else measured))
        if width > min(measured, self._period) * CLEAR or not 1.0 <= self._measured <= LONGEST_PERIOD:
            return
        # Measured once, it may be a boundary that was moved or not seen; twice, it is the period.
        if abs(self._measured - before) < 1.0 and (told_too or abs(measured - self._period) > max(width, 0.5)):
            self._period = self._measured

    def _correct(self, window: _Window, rate: RateHeaders, now: float) -> None:
        """Go back: the window that we took for over is not. Trust no boundary until one is seen again."""
        before = self._before
        self._phase_known = False
        if before is not None and before.mark is not None:
            window.first, window.mark, window.lowest = before.first, rate.reset_at, before.lowest
        window.end = self._guess(rate, now)

    def _open(self, window: _Window, *, consecutive: bool) -> _Window:
        self._others.close(window.end[0] - self._period)
        before, self._window = self._window, window
        if before is not None and before.mark is not None:
            self._before = before
            if consecutive and self.limit is not None:
                self.granted_in_whole_windows += window.first - before.first
                self.allowed_in_whole_windows += self.limit
                self.others_in_whole_windows += min(self._others.last, max(self.limit - window.first + before.first, 0))
        return window
