"""Intercom's windows, other apps and our workers in one thread: a simulation that drives the real gate.

Events are taken in the order of their time: a call reaches the server, its answer reaches us, the
gate may grant again, demand begins or ends. The gate is asked as `Quota.acquire` asks it, but for
the waiting: the simulation goes on to the moment that the gate names, or to the next event.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from destination_intercom.intercom.answers import RateHeaders
from destination_intercom.intercom.quota import Permit, Quota

BEGIN = 50_000.0
SERVER_EPOCH = 1_700_000_000.0
TIGHTEST = 1e-6
"""By so much time moves on at least when the gate says to wait: less than that is lost in a float's last digits."""

Noise: TypeAlias = Callable[[RateHeaders, random.Random], RateHeaders | None]
Style: TypeAlias = Literal["even", "burst", "random"]


def exact(rate: RateHeaders, _: random.Random) -> RateHeaders:
    """Leave the headers as they are."""
    return rate


class StillClock:
    """A clock that stands still until it is moved; nobody may wait on it."""

    def __init__(self) -> None:
        self.moment = BEGIN

    def now(self) -> float:
        return self.moment

    def wall(self) -> float:
        return self.moment

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody sleeps here")

    def condition(self) -> StillCondition:
        return StillCondition()

    def start(self, name: str, target: Callable[[], None]) -> None:
        raise AssertionError("there is one thread")


class StillCondition:
    """A condition on which nobody waits."""

    def __enter__(self) -> bool:
        return True

    def __exit__(self, *_: object) -> None:
        return None

    def wait(self, timeout: float | None = None) -> bool:
        raise AssertionError("nobody waits here")

    def notify(self, n: int = 1) -> None:
        return None

    def notify_all(self) -> None:
        return None


@dataclass
class Server:
    """Fixed windows as Intercom deals them out, and the other apps of the workspace.

    `limits` are those of the windows in turn, the last for ever. The other apps want `others` (a share of the
    limit) of each window: evenly, all at once, or in portions at random moments. `skew` is the server's
    clock less ours; `offset` is how long after a window's end its reset lies. After `jump[0]` seconds all
    boundaries lie `jump[1]` seconds later than before.
    """

    limits: tuple[int, ...] = (1666,)
    period: float = 10.0
    phase: float = 3.37
    offset: float = 2.0
    skew: float = 0.0
    others: float = 0.0
    style: Style = "even"
    counts_this_call: bool = False
    headers: bool = True
    noise: Noise = exact
    jump: tuple[float, float] = (math.inf, 0.0)
    random: random.Random = field(default_factory=lambda: random.Random(5))
    mine: Counter[int] = field(default_factory=Counter)
    tried: Counter[int] = field(default_factory=Counter)
    theirs: Counter[int] = field(default_factory=Counter)
    refused: list[float] = field(default_factory=list)
    refused_theirs: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._wanted = 0
        self._seen = self.index(BEGIN)
        self._bursts = [1.0]

    def limit(self, index: int) -> int:
        """Give the limit of a window."""
        return self.limits[min(max(index - self.index(BEGIN), 0), len(self.limits) - 1)]

    def _shift(self, now: float) -> float:
        return self.phase + (self.jump[1] if now - BEGIN >= self.jump[0] else 0.0)

    def index(self, now: float) -> int:
        """Say which window a moment lies in."""
        return math.floor((now - self._shift(now)) / self.period)

    def end(self, now: float) -> float:
        """Say when the window of a moment ends."""
        return self._shift(now) + (self.index(now) + 1) * self.period

    def call(self, now: float) -> tuple[bool, RateHeaders | None]:
        """Take a call of ours; say whether it was granted, and what the headers tell."""
        index = self.index(now)
        self.let_others_spend(now)
        left = self.limit(index) - self.mine[index] - self.theirs[index]
        granted = left > 0
        self.tried[index] += 1
        if granted:
            self.mine[index] += 1
        else:
            self.refused.append(now)
        if not self.headers:
            return granted, None
        shown = left - 1 if granted and self.counts_this_call else left
        reset = math.ceil(self.end(now) + self.offset + self.skew + SERVER_EPOCH)
        date = math.floor(now + self.skew + SERVER_EPOCH)
        return granted, self.noise(
            RateHeaders(self.limit(index), shown, float(reset), float(reset - date)), self.random
        )

    def let_others_spend(self, now: float) -> None:
        """Let the other apps make the calls that they make until `now`."""
        if not self.others:
            return
        index = self.index(now)
        while self._seen < index:
            self._spend(self._seen, 1.0)
            self._seen, self._wanted = self._seen + 1, 0
            self._bursts = sorted(self.random.random() for _ in range({"burst": 1, "random": 6, "even": 1}[self.style]))
        self._spend(index, 1 - (self.end(now) - now) / self.period)

    def _spend(self, index: int, passed: float) -> None:
        if self.style != "even":
            passed = sum(passed >= each for each in self._bursts) / len(self._bursts)
        wanted = max(math.floor(self.others * self.limit(index) * passed), self._wanted)
        more, self._wanted = wanted - self._wanted, wanted
        taken = min(more, self.limit(index) - self.mine[index] - self.theirs[index])
        self.theirs[index] += taken
        self.refused_theirs[index] += more - taken


@dataclass
class Line:
    """How calls travel: each takes `latency` seconds, more by an exponential share `jitter` of it.

    `stalls` of them take half a second more, `lost` of them bring no answer (and half of those do not arrive).
    """

    latency: float = 0.08
    jitter: float = 0.0
    stalls: float = 0.0
    lost: float = 0.0

    def trip(self, chance: random.Random) -> tuple[float, float]:
        """Draw the seconds until a call arrives, and until its answer is there."""
        if not self.jitter:
            return self.latency / 2, self.latency
        whole = self.latency * (1 + self.jitter * chance.expovariate(1))
        whole += 0.5 if chance.random() < self.stalls else 0.0
        return whole * chance.uniform(0.3, 0.7), whole


@dataclass(frozen=True)
class Demand:
    """`workers` that want to call, while `wanted` says so; each rests `rest` seconds after an answer.

    `wanted` is a list of (seconds from the start, whether there is work), the last for ever.
    """

    workers: int = 256
    rest: float = 0.0
    wanted: tuple[tuple[float, bool], ...] = ((0.0, True),)


@dataclass
class Played:
    """What was seen of a simulation."""

    quota: Quota
    server: Server
    permits: list[Permit]
    seconds: float
    most_in_flight_before_headers: int = 0
    longest_wait: float = 0.0

    def windows(self, after: float = 25.0) -> list[int]:
        """Give the full windows that began at least `after` seconds from the start."""
        first, last = (self.server.index(BEGIN + each) for each in (after, self.seconds))
        return list(range(first + 1, last))

    def use(self, after: float = 25.0) -> list[float]:
        """Give the share of each full window that was used, by us and by others."""
        server = self.server
        return [(server.mine[each] + server.theirs[each]) / server.limit(each) for each in self.windows(after)]

    def refusals(self, after: float = 0.0) -> int:
        """Count our refusals later than `after`."""
        return sum(moment >= BEGIN + after for moment in self.server.refused)


def play(
    server: Server,
    line: Line | None = None,
    demand: Demand | None = None,
    *,
    seconds: float = 60.0,
    seed: int = 1,
    max_per_minute: int | None = None,
) -> Played:
    """Let workers call through the gate for `seconds`."""
    clock = StillClock()
    quota = Quota(clock, max_per_minute=max_per_minute)
    played = Played(quota, server, [], seconds)
    play_on = _Play(clock, played, line or Line(), demand or Demand(), random.Random(seed))
    play_on.run(BEGIN + seconds)
    server.let_others_spend(BEGIN + seconds)
    return played


class _Play:
    def __init__(self, clock: StillClock, played: Played, line: Line, demand: Demand, chance: random.Random) -> None:
        self.clock, self.played, self.line, self.demand, self.chance = clock, played, line, demand, chance
        self.events: list[tuple[float, int, Callable[[], None]]] = []
        self.order: Iterator[int] = itertools.count()
        self.free = demand.workers
        self.in_flight = 0
        self.wanting_since: float | None = None
        for after, wanted in demand.wanted:
            self.at(BEGIN + after, lambda wanted=wanted: self.want(wanted=wanted))  # type: ignore[misc]
        self.wants = False

    def at(self, moment: float, then: Callable[[], None]) -> None:
        heapq.heappush(self.events, (moment, next(self.order), then))

    def want(self, *, wanted: bool) -> None:
        self.wants = wanted

    def run(self, until: float) -> None:
        while self.clock.moment < until:
            upcoming = self.events[0][0] if self.events else math.inf
            while self.events and self.events[0][0] <= self.clock.moment:
                heapq.heappop(self.events)[2]()
            upcoming = self.events[0][0] if self.events else math.inf
            while self.wants and self.free and (wait := self.played.quota._seconds_to_wait()) <= 0:
                self.begin()
            if self.wants and self.free:
                self.note_wait()
                upcoming = min(self.events[0][0] if self.events else math.inf, self.clock.moment + max(wait, TIGHTEST))
            else:
                self.wanting_since = None
                upcoming = self.events[0][0] if self.events else math.inf
            if math.isinf(upcoming):
                break
            self.clock.moment = max(upcoming, self.clock.moment)

    def note_wait(self) -> None:
        if self.wanting_since is None:
            self.wanting_since = self.clock.moment
        self.played.longest_wait = max(self.played.longest_wait, self.clock.moment - self.wanting_since)

    def begin(self) -> None:
        played, now = self.played, self.clock.moment
        permit = played.quota._grant()
        played.permits.append(permit)
        self.wanting_since = now
        self.free -= 1
        self.in_flight += 1
        if played.quota._windows.limit is None:
            played.most_in_flight_before_headers = max(played.most_in_flight_before_headers, self.in_flight)
        arrives, answered = self.line.trip(self.chance)
        if self.chance.random() < self.line.lost:
            if self.chance.random() < 0.5:
                self.at(now + arrives, self.arrive_in_vain)
            self.at(now + answered, lambda: self.answer(permit, granted=True, rate=None))
            return
        self.at(now + arrives, lambda: self.arrive(permit, now + answered))

    def arrive_in_vain(self) -> None:
        self.played.server.call(self.clock.moment)

    def arrive(self, permit: Permit, answered: float) -> None:
        granted, rate = self.played.server.call(self.clock.moment)
        self.at(answered, lambda: self.answer(permit, granted=granted, rate=rate))

    def answer(self, permit: Permit, *, granted: bool, rate: RateHeaders | None) -> None:
        self.in_flight -= 1
        self.played.quota.settle(permit, rate, throttled=not granted)
        if self.demand.rest:
            self.at(self.clock.moment + self.demand.rest, self.rested)
        else:
            self.rested()

    def rested(self) -> None:
        self.free += 1
