"""The gate for all calls: who waits, who is woken, what a refusal does, and what `close` does."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from destination_intercom.delivery.retry import attempt_once
from destination_intercom.intercom.answers import RateHeaders
from destination_intercom.intercom.calls import PostEvent
from destination_intercom.intercom.client import Client
from destination_intercom.intercom.quota import (
    BLIND_PER_SECOND,
    FIRST_CALLS,
    LONGEST_PAUSE,
    LONGEST_RETRY_AFTER,
    Permit,
    Quota,
)
from destination_intercom.intercom.rate_windows import USUAL_PERIOD
from integration_tests.support.harness import TOKEN, EmulatorTransport
from integration_tests.support.virtual_clock import START, VirtualClock, VirtualCondition
from intercom_emulator import Intercom, Settings

RESET_AT = 1_700_000_010.0


def rate(limit: int, remaining: int, reset_in: float) -> RateHeaders:
    """Headers of a window whose reset lies at one moment, whatever the clocks say."""
    return RateHeaders(limit, remaining, RESET_AT, reset_in)


AMPLE = rate(1_000_000_000, 1_000_000_000, 10.0)


def take(quota: Quota) -> Permit:
    """Take a permit."""
    permit = quota.acquire()
    assert permit is not None
    return permit


def learned(clock: VirtualClock, told: RateHeaders, **options: Any) -> Quota:
    """A gate that has seen one answer, and has nothing in flight."""
    quota = Quota(clock, **options)
    quota.settle(take(quota), told)
    return quota


def grants(quota: Quota, clock: VirtualClock, count: int) -> list[float]:
    """Take `count` permits without settling any; return the seconds at which each was granted, from now."""
    began, moments = clock.now(), []
    for _ in range(count):
        take(quota)
        moments.append(round(clock.now() - began, 6))
    return moments


class CountingCondition(VirtualCondition):
    """Counts how often somebody begins to wait."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(clock)
        self.waits = 0

    def wait(self, timeout: float | None = None) -> bool:
        self.waits += 1
        return super().wait(timeout)


class CountingClock(VirtualClock):
    """Makes conditions that count; all of them are the gate's."""

    def __init__(self) -> None:
        super().__init__()
        self.counted: list[CountingCondition] = []

    def condition(self) -> VirtualCondition:
        self.counted.append(CountingCondition(self))
        return self.counted[-1]

    @property
    def waits(self) -> int:
        """How often somebody began to wait at the gate."""
        return sum(condition.waits for condition in self.counted)


def wait_in_line(quota: Quota, clock: VirtualClock, count: int) -> list[tuple[int | None, float]]:
    """Let `count` threads wait for a permit each; the list fills with what they got, and when."""
    told: list[tuple[int | None, float]] = []

    def wait_for_one() -> None:
        permit = quota.acquire()
        told.append((permit.number if permit else None, round(clock.now() - START, 6)))

    for number in range(count):
        clock.start(f"waiter {number}", wait_for_one)
    return told


def test_gate_when_the_first_answer_is_out_grants_a_few_only() -> None:
    """Before anything is known of the quota a handful of calls feels the way; the rest wait for an answer."""
    clock = VirtualClock()
    quota = Quota(clock)
    permits = [take(quota) for _ in range(FIRST_CALLS)]
    assert [Permit(number, START) for number in range(1, FIRST_CALLS + 1)] == permits
    told = wait_in_line(quota, clock, 1)
    clock.sleep(5.0)
    assert [] == told
    quota.settle(permits[0], AMPLE)
    clock.sleep(0.0)
    assert [(FIRST_CALLS + 1, 5.0)] == told


def test_gate_when_a_header_told_what_is_left_spreads_it_over_the_time_that_is_left() -> None:
    """One after the other until the window ends, all but a small reserve."""
    clock = VirtualClock()
    quota = learned(clock, rate(21, 20, 10.0))
    moments = grants(quota, clock, 19)
    gaps = [after - before for before, after in itertools.pairwise(moments)]
    assert [pytest.approx(10.0 / 19, abs=1e-4)] * 18 == gaps
    assert moments[-1] < 10.0


def test_gate_when_the_window_is_spent_waits_for_its_end() -> None:
    """What another app took is gone for us, too."""
    clock = VirtualClock()
    quota = Quota(clock)
    quota.settle(take(quota), rate(100, 100, 10.0))
    quota.settle(take(quota), rate(100, 0, 10.0))
    assert grants(quota, clock, 1)[0] >= 9.9


@pytest.mark.parametrize(
    ("told", "retry_after", "seconds"),
    [
        (rate(20, 0, 7.0), None, 7.0),
        (rate(20, 0, 7.0), 3.0, 7.0),
        (rate(20, 0, 7.0), 9.0, 9.0),
        (rate(20, 0, 7.0), 60.0, 60.0),
        (rate(20, 0, 7.0), 10_000.0, LONGEST_RETRY_AFTER),
        (None, 4.0, USUAL_PERIOD),
        (None, 40.0, 40.0),
        (None, None, USUAL_PERIOD),
        (rate(20, 0, 0.1), None, 1.0),
        (rate(20, 0, -5.0), None, 1.0),
        (rate(20, 0, 5000.0), None, LONGEST_PAUSE),
    ],
)
@pytest.mark.parametrize("known", [False, True])
def test_gate_when_a_call_was_refused_pauses_everybody(
    told: RateHeaders | None, retry_after: float | None, seconds: float, *, known: bool
) -> None:
    """A 429 holds all calls until the window ends, with headers or without; Retry-After is a floor under a ceiling."""
    clock = VirtualClock()
    quota = learned(clock, rate(20, 15, 0.5)) if known else Quota(clock)
    quota.settle(take(quota), told, throttled=True, retry_after=retry_after)
    assert 1 == quota.refused
    paused = clock.now()
    waiters = wait_in_line(quota, clock, 3)
    clock.sleep(seconds - 0.01)
    assert [] == waiters
    clock.sleep(LONGEST_PAUSE)
    assert [] != waiters
    assert paused + seconds <= START + waiters[0][1] <= paused + max(seconds, LONGEST_PAUSE) + 0.01


def test_refusal_of_a_window_gone_by_pauses_nobody() -> None:
    """It came late: the window that has begun is not spent."""
    clock = VirtualClock()
    quota = Quota(clock)
    quota.settle(take(quota), RateHeaders(1000, 900, RESET_AT, 1.0))
    late = take(quota)
    clock.sleep(1.0)
    quota.settle(take(quota), RateHeaders(1000, 1000, RESET_AT + 10.0, 10.0))
    quota.settle(late, RateHeaders(1000, 0, RESET_AT, 0.0), throttled=True)
    assert grants(quota, clock, 1)[0] < 0.1


def test_gate_when_headers_never_come_keeps_a_blind_pace() -> None:
    """Without headers the pace is one that the smallest account bears."""
    clock = VirtualClock()
    quota = Quota(clock)
    for _ in range(41):
        quota.settle(take(quota))
    assert 40 / BLIND_PER_SECOND - 1 <= clock.now() - START <= 40 / BLIND_PER_SECOND + 1


def test_gate_when_headers_never_come_is_not_held_up_by_calls_that_hang() -> None:
    """What is in flight says nothing where nothing is told."""
    clock = VirtualClock()
    quota = Quota(clock)
    quota.settle(take(quota))
    assert [pytest.approx(number / BLIND_PER_SECOND) for number in range(20)] == grants(quota, clock, 20)


@pytest.mark.parametrize("told", [AMPLE, None])
def test_gate_when_the_user_set_a_ceiling_spaces_the_calls(told: RateHeaders | None) -> None:
    """`max_calls_per_minute` holds however much the headers leave, and where there are none."""
    clock = VirtualClock()
    quota = Quota(clock, max_per_minute=60)
    quota.settle(take(quota), told)
    assert [1.0, 2.0, 3.0, 4.0] == grants(quota, clock, 4)


def test_gate_when_the_user_set_a_ceiling_spaces_the_very_first_calls() -> None:
    """Before any answer, too."""
    clock = VirtualClock()
    assert [0.0, 1.0, 2.0, 3.0] == grants(Quota(clock, max_per_minute=60), clock, FIRST_CALLS)


def test_gate_when_closed_wakes_all_that_wait_and_grants_no_more() -> None:
    """Whoever waits is told at once that there is no permit to come."""
    clock = VirtualClock()
    quota = learned(clock, rate(20, 0, 11.0))
    told = wait_in_line(quota, clock, 64)
    clock.sleep(2.0)
    quota.close()
    clock.sleep(0.0)
    assert [(None, 2.0)] * 64 == told
    assert quota.acquire() is None


def test_permits_when_the_gate_is_closed_can_still_be_settled() -> None:
    """Calls in flight end after the close; what they tell is taken."""
    clock = VirtualClock()
    quota = Quota(clock)
    first, second, third = take(quota), take(quota), take(quota)
    quota.close()
    quota.settle(first, rate(20, 0, 11.0))
    quota.settle(second, rate(20, 0, 11.0), throttled=True, retry_after=5.0)
    quota.settle(third)
    assert 1 == quota.refused
    assert quota.acquire() is None


def test_waiting_gate_costs_no_cpu() -> None:
    """Sixty-four that wait for a window's end wake a few times each: one watches the time, and nobody polls."""
    clock = CountingClock()
    quota = learned(clock, rate(500, 499, 10.0))
    refused = take(quota)
    quota.settle(refused, rate(500, 0, 10.0), throttled=True)
    told = wait_in_line(quota, clock, 64)
    clock.sleep(9.0)
    assert [] == told
    assert clock.waits <= 64
    clock.sleep(5.0)
    assert FIRST_CALLS == len(told)
    quota.settle(Permit(3, clock.now()), RateHeaders(500, 499, RESET_AT + 10.0, 10.0))
    clock.sleep(5.0)
    assert 64 == len(told)
    assert clock.waits <= 64 * 6


def test_crowd_at_the_gate_costs_a_few_wakes_a_call() -> None:
    """Answers come in while 256 wait: none of them wakes anybody but the one whose turn it is."""
    clock = CountingClock()
    quota = Quota(clock)
    calls = itertools.count(1)

    def call_twice() -> None:
        for _ in range(2):
            permit = take(quota)
            clock.sleep(0.01)
            quota.settle(permit, rate(4166, 4165 - next(calls), 10.0))

    for number in range(256):
        clock.start(f"caller {number}", call_twice)
    clock.sleep(9.0)
    assert 2 * 256 + 1 == next(calls)
    assert clock.waits <= 3 * 2 * 256
    assert 0 == quota.refused


def test_those_that_wait_are_woken_one_by_one_at_the_gates_pace() -> None:
    """Each has a permit of its own at a moment of its own, and nobody is forgotten."""
    clock = CountingClock()
    quota = learned(clock, rate(1000, 999, 10.0))
    told = wait_in_line(quota, clock, 64)
    clock.sleep(5.0)
    assert list(range(2, 66)) == sorted(number for number, _ in told if number)
    moments = sorted(moment for _, moment in told)
    assert all(after - before >= 0.005 for before, after in itertools.pairwise(moments))
    assert clock.waits <= 64 * 4


@given(
    answers=st.lists(
        st.tuples(
            st.floats(0.0, 3.0),
            st.sampled_from(["rate", "spent", "none", "throttled", "throttled blindly", "hangs"]),
            st.integers(0, 20),
        ),
        min_size=1,
        max_size=25,
    ),
    workers=st.integers(1, 8),
    ceiling=st.sampled_from([None, 30, 6000]),
)
@settings(deadline=None, max_examples=80, derandomize=True, database=None)
def test_no_schedule_deadlocks_and_permits_are_numbered_without_gaps(
    answers: list[tuple[float, str, int]], workers: int, ceiling: int | None
) -> None:
    """Whatever the answers are and whenever they come, every worker gets its next permit, each number once."""
    clock = VirtualClock()
    quota = Quota(clock, max_per_minute=ceiling)
    script = iter(answers)
    numbers: list[int] = []
    ended: list[int] = []

    def work() -> None:
        for latency, kind, remaining in script:
            permit = take(quota)
            numbers.append(permit.number)
            clock.sleep(40.0 if kind == "hangs" else latency)
            window = clock.now() // 10
            told = RateHeaders(20, 0 if kind == "spent" else remaining, 10 * window + 12, 12 - clock.now() % 10)
            quota.settle(
                permit,
                told if kind in {"rate", "spent", "throttled"} else None,
                throttled=kind.startswith("throttled"),
            )
        ended.append(1)

    for number in range(workers):
        clock.start(f"worker {number}", work)
    clock.sleep(25 * 60.0)
    assert workers == len(ended)
    assert list(range(1, len(answers) + 1)) == sorted(numbers)


@pytest.mark.slow
@pytest.mark.parametrize("skew", [0.0, 3600.0, -86400.0])
@pytest.mark.parametrize("counts_this_call", [False, True])
@pytest.mark.parametrize("workers", [1, 8])
def test_gate_when_led_by_an_emulated_intercom_is_never_refused_and_wastes_little(
    skew: float, counts_this_call: bool, workers: int
) -> None:
    """With real threads, too: no call is refused, whatever our clock thinks of Intercom's."""
    clock = VirtualClock()
    limit = 40
    told = {"limit": limit, "latency": 0.05, "server_clock_skew": skew, "remaining_counts_this_call": counts_this_call}
    intercom = Intercom(Settings.from_dict(told), clock=clock.wall)
    intercom.seed({"contacts": [{"external_id": "1", "role": "user"}]})
    client = Client(
        "http://localhost",
        TOKEN,
        now=clock.now,
        wall=clock.wall,
        transport=EmulatorTransport(intercom, clock),
        connections=workers,
    )
    quota = Quota(clock)
    seconds = itertools.count(1_600_000_000)

    def call_on() -> None:
        while (permit := quota.acquire()) is not None:
            call = PostEvent({"user_id": "1", "event_name": "e", "created_at": next(seconds)})
            attempt_once(client, call, quota, permit)

    for number in range(workers):
        clock.start(f"caller {number}", call_on)
    clock.sleep(2 * USUAL_PERIOD)
    taken_at_first = len(intercom.dump()["events"])
    clock.sleep(17 * USUAL_PERIOD)
    taken = len(intercom.dump()["events"]) - taken_at_first
    quota.close()
    assert taken >= 0.95 * 17 * limit
    assert 0 == quota.refused
