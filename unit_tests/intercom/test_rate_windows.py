"""What is learned of Intercom's windows, and what is made of it: simulations of server, other apps and workers."""

from __future__ import annotations

import math
import random
from typing import Final

import pytest
from hypothesis import given, settings, strategies as st

from destination_intercom.intercom.answers import RateHeaders
from destination_intercom.intercom.quota import FIRST_CALLS
from destination_intercom.intercom.rate_windows import Permit, RateWindows
from unit_tests.intercom.quota_simulation import BEGIN, Demand, Line, Noise, Server, Style, exact, play

STARTED: Final = 25.0
"""Seconds after which a full window was seen."""


def shifted(seconds: float) -> Noise:
    """Resets that lie elsewhere by `seconds`."""
    return lambda rate, _: RateHeaders(rate.limit, rate.remaining, rate.reset_at + seconds, rate.reset_in + seconds)


def jittering(rate: RateHeaders, chance: random.Random) -> RateHeaders:
    """Resets that differ by up to two seconds from answer to answer."""
    late = chance.choice([0.0, 1.0, 2.0])
    return RateHeaders(rate.limit, rate.remaining, rate.reset_at + late, rate.reset_in + late)


def sliding(rate: RateHeaders, _: random.Random) -> RateHeaders:
    """Resets that always lie ten seconds ahead."""
    return RateHeaders(rate.limit, rate.remaining, rate.reset_at - rate.reset_in + 10.0, 10.0)


def stuck(rate: RateHeaders, _: random.Random) -> RateHeaders:
    """A reset that never changes."""
    return RateHeaders(rate.limit, rate.remaining, 1_000.0, 5.0)


def missing(rate: RateHeaders, chance: random.Random) -> RateHeaders | None:
    """Headers that come with two answers of three."""
    return rate if chance.random() < 2 / 3 else None


NOISES: dict[str, Noise] = {
    "exact": exact,
    "late": shifted(2.0),
    "past": shifted(-100.0),
    "an hour ahead": shifted(3600.0),
    "jittering": jittering,
    "sliding": sliding,
    "stuck": stuck,
}


@pytest.mark.parametrize("others", [0.0, 0.3])
@pytest.mark.parametrize("latency", [0.08, 0.3])
@pytest.mark.parametrize("limit", [1666, pytest.param(4166, marks=pytest.mark.slow)])
def test_full_windows_are_used_to_the_last_percent_and_nobody_is_refused(
    limit: int, latency: float, others: float
) -> None:
    """Ninety-nine percent of each window, alone and beside an app that takes its share evenly."""
    server = Server((limit,), others=others)
    played = play(server, Line(latency), seconds=65.0)
    use = played.use(STARTED)
    assert len(use) >= 3
    assert min(use) >= 0.99
    assert 0 == played.refusals()
    assert 0 == sum(server.refused_theirs.values())


@pytest.mark.parametrize("others", [0.0, 0.3])
@pytest.mark.parametrize("noise", NOISES)
def test_windows_whatever_the_resets_say_are_used_and_not_exceeded(noise: str, others: float) -> None:
    """When a reset moves counts, not where it lies; and where it tells nothing, what is left does."""
    server = Server((500,), others=others, noise=NOISES[noise])
    played = play(server, seconds=75.0)
    assert min(played.use(STARTED)) >= 0.98
    assert 0 == played.refusals(STARTED)
    assert 10.0 == played.quota._windows._period


@pytest.mark.parametrize("skew", [-86_400.5, -3.3, 0.7, 3600.0])
@pytest.mark.parametrize("offset", [0.0, 0.9, 2.0])
def test_windows_when_clocks_differ_are_the_same(skew: float, offset: float) -> None:
    """No clock of ours is held against Intercom's."""
    played = play(Server((500,), skew=skew, offset=offset, phase=7.7), seconds=55.0)
    assert min(played.use(STARTED)) >= 0.99
    assert 0 == played.refusals()


@pytest.mark.parametrize(("period", "limit"), [(1.0, 166), (5.0, 833), (60.0, 1000)])
def test_windows_of_another_length_are_learned(period: float, limit: int) -> None:
    """Neither ten seconds nor any other length is taken for granted."""
    played = play(Server((limit,), period=period), seconds=40.0 + 5 * period)
    assert period == played.quota._windows._period
    use = played.use(30.0 + 2 * period)
    assert len(use) >= 2
    assert min(use) >= 0.98
    assert 0 == played.refusals()


def test_windows_when_latencies_jitter_and_calls_stall_are_used_without_a_refusal() -> None:
    """What crosses a boundary late is covered by the reserve."""
    played = play(Server(), Line(0.08, jitter=1.0, stalls=0.002), seconds=65.0)
    assert min(played.use(STARTED)) >= 0.98
    assert 0 == played.refusals()


@pytest.mark.parametrize("latency", [0.08, 0.3])
def test_windows_beside_an_app_that_spends_all_at_once_are_still_used(latency: float) -> None:
    """A burst is neither met with refusals of ours beyond what was in flight, nor taken to go on for ever."""
    server = Server((1666,), others=0.3, style="burst")
    played = play(server, Line(latency), seconds=95.0)
    use = played.use(STARTED)
    assert sum(use) / len(use) >= 0.9
    assert min(use) >= 0.8
    # Their share is kept for them until the last quarter, and no longer.
    assert sum(server.refused_theirs.values()) <= 0.05 * sum(server.theirs.values())
    assert all(server.tried[each] - server.mine[each] <= 2 * latency * 167 + 1 for each in server.tried)


def test_windows_beside_an_app_that_spends_in_portions_are_used() -> None:
    """A pace that is high for a moment does not stop us for the rest of the window."""
    played = play(Server(others=0.3, style="random"), Line(0.3), seconds=95.0)
    use = played.use(STARTED)
    assert sum(use) / len(use) >= 0.96
    assert min(use) >= 0.9


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 10])
def test_windows_of_a_tiny_limit_make_progress(limit: int) -> None:
    """The reserve never takes the last call."""
    played = play(Server((limit,)), seconds=95.0)
    assert min(played.use(STARTED)) >= max(1, limit - 1) / limit
    assert 0 == played.refusals(35.0)


def test_windows_when_their_limit_changes_are_each_used_to_theirs() -> None:
    """Each header tells the limit of its window."""
    server = Server((500, 500, 250, 1000, 83, 83, 1666, 400, 400))
    played = play(server, seconds=95.0)
    assert min(played.use(10.0)) >= 0.97
    assert 0 == played.refusals()


@pytest.mark.parametrize("moved", [-8.0, -4.0, -1.0, 1.0, 4.0, 8.0])
def test_windows_when_the_server_moves_their_boundaries_are_found_again(moved: float) -> None:
    """Two windows after a change of phase all is as before."""
    played = play(Server((500,), jump=(45.0, moved)), seconds=120.0)
    assert min(played.use(80.0)) >= 0.98
    assert 0 == played.refusals(80.0)
    assert 10.0 == played.quota._windows._period


@pytest.mark.parametrize("idle", [30.0, 333.3, 4 * 3600.0])
def test_windows_after_an_idle_time_are_known_still(idle: float) -> None:
    """The boundaries go on where nobody looks; the first window after is used without a refusal."""
    demand = Demand(wanted=((0.0, True), (45.0, False), (45.0 + idle, True)))
    played = play(Server((500,)), demand=demand, seconds=45.0 + idle + 45.0)
    assert 0 == played.refusals()
    assert min(played.use(45.0 + idle)) >= 0.95


@pytest.mark.parametrize("noise", ["exact", "jittering", "stuck", "sliding"])
@pytest.mark.parametrize("every", [7.0, 33.0, 100.0])
def test_plenty_of_work_after_hours_of_little_is_neither_starved_nor_a_burst(every: float, noise: str) -> None:
    """RateWindows in which one call was made, or none, teach nothing wrong: neither a period nor a spent budget."""
    little = tuple(each for n in range(int(7200 / every)) for each in ((n * every, True), (n * every + 0.001, False)))
    played = play(
        Server((83,), noise=NOISES[noise]), demand=Demand(wanted=(*little, (7200.0, True))), seconds=7200.0 + 75.0
    )
    assert 0 == played.refusals()
    assert min(played.use(7200.0 + 25.0)) >= 0.9
    assert 10.0 == played.quota._windows._period


@pytest.mark.parametrize("before_the_end", [0.02, 0.1, 0.5])
def test_work_that_comes_just_before_a_boundary_is_no_burst_across_it(before_the_end: float) -> None:
    """A window's whole budget is not let go in its last moments: half of it would count in the next window."""
    ends = [BEGIN // 10 * 10 + 3.37 + n * 10 - BEGIN for n in range(5, 12)]
    wanted = [(0.0, True), (40.0, False)]
    for end in ends:
        wanted += [(end - before_the_end, True), (end + 4.0, False)]
    server = Server((500,))
    played = play(server, Line(0.3), Demand(wanted=tuple(wanted)), seconds=ends[-1] + 5.0)
    assert 0 == played.refusals()
    moments = [permit.granted_at for permit in played.permits]
    assert all(later - first >= 0.2 for first, later in zip(moments[500:], moments[525:], strict=False))


def test_start_before_the_first_header_has_a_few_calls_in_flight_only() -> None:
    """Nothing is known yet: a handful feels the way."""
    played = play(Server(), Line(2.0), seconds=20.0)
    assert FIRST_CALLS == played.most_in_flight_before_headers


def test_calls_are_spread_over_the_window() -> None:
    """What remains is spread over the time that remains: no tenth of a window sees much more than a tenth of it."""
    played = play(Server((1000,)), seconds=55.0)
    moments = [permit.granted_at - BEGIN for permit in played.permits if permit.granted_at - BEGIN >= STARTED]
    for second in range(int(STARTED), 54):
        # The last latency of a window is left free.
        assert 80 <= sum(second <= moment < second + 1 for moment in moments) <= 115


@pytest.mark.parametrize("headers", [True, False])
@pytest.mark.parametrize("ceiling", [6, 60, 600])
def test_the_users_ceiling_is_obeyed_whatever_the_headers_leave(ceiling: int, *, headers: bool) -> None:
    """`max_calls_per_minute` holds from the first call on."""
    played = play(Server((1666,), headers=headers), seconds=125.0, max_per_minute=ceiling)
    moments = [permit.granted_at for permit in played.permits]
    assert all(sum(first <= each < first + 59.999 for each in moments) <= ceiling for first in moments[::50])
    assert len(moments) >= min(2 * ceiling, 480 * 2 + 1)


def test_windows_before_the_first_header_tell_nothing() -> None:
    """What is not known is not guessed."""
    windows = RateWindows()
    assert windows.pace(granted=0, now=5.0) is None
    assert windows.limit is None
    assert not windows.knows_phase


def test_window_that_was_taken_for_over_is_taken_back_when_a_header_is_of_it_still() -> None:
    """Calls of both count as one window's then."""
    windows = RateWindows()
    windows.learn(RateHeaders(100, 60, 1010.0, 1.0), Permit(1, 8.9), granted=1, now=9.0)
    windows.learn(RateHeaders(100, 100, 1020.0, 10.0), Permit(2, 9.9), granted=2, now=10.0)
    known = windows.knows_phase
    assert known
    windows.learn(RateHeaders(100, 99, 1020.0, 10.0), Permit(3, 10.0), granted=3, now=10.1)
    windows.roll(granted=3, now=21.0)
    pace = windows.pace(granted=3, now=21.0)
    assert pace is not None
    assert 99 == pace.budget
    windows.learn(RateHeaders(100, 50, 1020.0, 1.0), Permit(4, 21.0), granted=4, now=21.1)
    assert not windows.knows_phase
    pace = windows.pace(granted=4, now=21.1)
    assert pace is not None
    assert pace.budget < 99


SERVERS = st.builds(
    Server,
    limits=st.lists(st.integers(30, 250), min_size=1, max_size=1).map(tuple),
    phase=st.floats(0.0, 10.0),
    offset=st.floats(0.0, 2.0),
    skew=st.sampled_from([0.0, 3600.0, -7.7]),
    others=st.sampled_from([0.0, 0.1, 0.3, 0.6]),
    style=st.sampled_from(["even", "burst", "random"]),
    counts_this_call=st.booleans(),
    noise=st.sampled_from([*NOISES.values(), missing]),
)
LINES = st.builds(
    Line,
    latency=st.sampled_from([0.01, 0.08, 0.3]),
    jitter=st.sampled_from([0.0, 0.3]),
    lost=st.sampled_from([0.0, 0.0, 0.02]),
)
WANTED = st.lists(st.floats(0.05, 12.0), max_size=12).map(
    lambda spans: tuple((sum(spans[:n]), n % 2 == 0) for n in range(len(spans) + 1))
)
DEMANDS = st.builds(Demand, workers=st.sampled_from([1, 3, 16, 64, 256]), wanted=WANTED)


@pytest.mark.slow
@given(server=SERVERS, line=LINES, demand=DEMANDS, seed=st.integers(0, 1000))
@settings(deadline=None, max_examples=120, derandomize=True, database=None)
def test_no_window_ever_sees_more_of_our_calls_than_it_allows(
    server: Server, line: Line, demand: Demand, seed: int
) -> None:
    """Under any interleaving, other apps and header noise.

    A few calls feel the way before a boundary was seen, and where resets name no window and we are idle.
    """
    played = play(server, line, demand, seconds=70.0, seed=seed)
    known = math.inf if server.noise in {stuck, sliding} else server.index(BEGIN + STARTED)
    for index, tried in server.tried.items():
        assert tried <= server.limit(index) + (0 if index > known else FIRST_CALLS)
    assert list(range(1, len(played.permits) + 1)) == [permit.number for permit in played.permits]
    assert played.longest_wait <= 13.0


@pytest.mark.slow
@given(
    limit=st.integers(100, 400),
    phase=st.floats(0.0, 10.0),
    offset=st.floats(0.0, 2.0),
    others=st.floats(0.0, 0.6),
    latency=st.floats(0.01, 0.3),
    workers=st.sampled_from([64, 256]),
)
@settings(deadline=None, max_examples=60, derandomize=True, database=None)
def test_nobody_is_refused_once_a_window_was_seen(
    limit: int, phase: float, offset: float, others: float, latency: float, workers: int
) -> None:
    """With truthful headers and other apps that spend evenly, neither we nor they meet a spent window."""
    server = Server((limit,), phase=phase, offset=offset, others=others)
    played = play(server, Line(latency), Demand(workers), seconds=75.0)
    assert 0 == played.refusals(STARTED)
    assert 0 == sum(server.refused_theirs[index] for index in played.windows(STARTED))
    # One call is up to a hundredth of a window here.
    assert min(played.use(STARTED)) >= 0.94


STYLES: tuple[Style, ...] = ("even", "burst", "random")


@pytest.mark.parametrize("style", STYLES)
def test_simulated_server_counts_what_others_take(style: Style) -> None:
    """The yardstick itself: each full window sees the others' whole share, whoever is refused."""
    server = Server((100,), others=0.5, style=style)
    play(server, demand=Demand(wanted=((0.0, False), (1.0, True), (1.5, False), (59.0, True))), seconds=60.0)
    for index in range(server.index(BEGIN) + 1, server.index(BEGIN + 60.0)):
        assert math.isclose(50, server.theirs[index] + server.refused_theirs[index], abs_tol=1)
