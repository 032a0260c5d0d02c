"""The gate for all calls: what it grants, when, and what headers, refusals and clocks do to it."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from destination_intercom.calls import PostEvent, RateHeaders
from destination_intercom.client import Client
from destination_intercom.quota import BLIND_PER_SECOND, FIRST_CALLS, LONGEST_WAIT, WINDOW_SECONDS, Quota
from destination_intercom.retry import attempt_once
from integration_tests.support.harness import TOKEN, EmulatorTransport
from integration_tests.support.virtual_clock import START, VirtualClock
from intercom_emulator import Intercom, Settings

AMPLE = RateHeaders(100_000, 100_000, 10.0)


def learned(clock: VirtualClock, rate: RateHeaders, **options: Any) -> Quota:
    """A gate that has seen one answer, and has nothing in flight."""
    quota = Quota(clock, **options)
    assert quota.acquire()
    quota.settle(rate)
    return quota


def grants(quota: Quota, clock: VirtualClock, count: int) -> list[float]:
    """Take `count` permits without settling any; return the seconds at which each was granted, from now."""
    began, moments = clock.now(), []
    for _ in range(count):
        assert quota.acquire()
        moments.append(round(clock.now() - began, 6))
    return moments


def test_gate_when_the_first_answer_is_out_grants_a_few_only() -> None:
    """Before anything is known of the quota a handful of calls feels the way; the rest wait for an answer."""
    clock = VirtualClock()
    quota = Quota(clock)
    assert [0.0] * FIRST_CALLS == grants(quota, clock, FIRST_CALLS)
    granted: list[float] = []

    def take_one_more() -> None:
        quota.acquire()
        granted.append(clock.now())

    clock.start("one more", take_one_more)
    clock.sleep(5.0)
    assert [] == granted
    quota.settle(AMPLE)
    clock.sleep(0.0)
    assert [START + 5.0] == granted


@pytest.mark.parametrize("remaining", [0, 1, 7])
def test_gate_when_a_header_told_what_is_left_grants_that_and_waits_for_the_reset(remaining: int) -> None:
    """Not one permit beyond what the last header left; the next one comes with the reset."""
    clock = VirtualClock()
    quota = learned(clock, RateHeaders(20, remaining, 6.0))
    moments = grants(quota, clock, remaining + 1)
    assert [0.0] * remaining == moments[:-1]
    assert 6.0 <= moments[-1] < 7.0


def test_gate_when_calls_are_in_flight_counts_them_as_spent() -> None:
    """An answer's header cannot know of calls that were under way when it was written."""
    clock = VirtualClock()
    quota = Quota(clock)
    grants(quota, clock, FIRST_CALLS)
    quota.settle(RateHeaders(20, 8, 6.0))
    left = 8 - (FIRST_CALLS - 1)
    moments = grants(quota, clock, left + 1)
    assert [0.0] * left == moments[:-1]
    assert moments[-1] >= 6.0


def test_gate_when_answers_of_one_window_overtake_each_other_keeps_the_least() -> None:
    """An older answer that comes late does not open the gate again."""
    clock = VirtualClock()
    quota = learned(clock, RateHeaders(20, 10, 6.0))
    grants(quota, clock, 2)
    quota.settle(RateHeaders(20, 4, 6.0))
    quota.settle(RateHeaders(20, 18, 6.0))
    # Three: of the four that the second answer left, one may have gone to the call that was still under way.
    moments = grants(quota, clock, 4)
    assert [0.0] * 3 == moments[:-1]
    assert moments[-1] >= 6.0


def test_gate_when_other_apps_spend_follows_the_header_down() -> None:
    """What other apps of the workspace took is gone for us, too."""
    clock = VirtualClock()
    quota = learned(clock, RateHeaders(20, 15, 6.0))
    grants(quota, clock, 1)
    quota.settle(RateHeaders(20, 0, 6.0))
    assert grants(quota, clock, 1)[0] >= 6.0


def test_gate_when_a_window_has_passed_without_an_answer_grants_one_allowance() -> None:
    """The new window's allowance is taken to be the old one's, less what is still in flight."""
    clock = VirtualClock()
    quota = learned(clock, RateHeaders(5, 2, 4.0))
    assert [0.0, 0.0] == grants(quota, clock, 2)
    quota.settle(None)
    assert [4.0] * 4 == grants(quota, clock, 4)
    for _ in range(5):
        quota.settle(None)
    assert [WINDOW_SECONDS] == grants(quota, clock, 1)


@pytest.mark.xfail(strict=True, reason="a late header of the window that has passed empties the new one's allowance")
def test_gate_when_an_answer_of_the_old_window_comes_late_keeps_the_new_allowance() -> None:
    """A header that belongs to the window that has passed says nothing of the one that has begun."""
    clock = VirtualClock()
    quota = learned(clock, RateHeaders(50, 2, 1.0))
    grants(quota, clock, 1)
    clock.sleep(1.5)
    assert quota.acquire()
    quota.settle(RateHeaders(50, 1, -0.5))
    assert [0.0] * 10 == grants(quota, clock, 10)


@pytest.mark.xfail(strict=True, reason="a guessed reset is never corrected by a header that tells an earlier one")
def test_gate_when_a_call_after_a_rest_tells_the_reset_waits_for_that_one() -> None:
    """After a rest the window's phase is not known; the first header says when it ends, and that counts."""
    clock = VirtualClock()
    quota = learned(clock, RateHeaders(20, 15, 2.0))
    clock.sleep(8.0)
    grants(quota, clock, 1)
    quota.settle(RateHeaders(20, 1, 4.0))
    assert [0.0, 4.0] == grants(quota, clock, 2)


@pytest.mark.parametrize(
    ("rate", "retry_after", "seconds"),
    [
        (RateHeaders(20, 0, 7.0), None, 7.0),
        (RateHeaders(20, 0, 7.0), 3.0, 7.0),
        (RateHeaders(20, 0, 7.0), 9.0, 9.0),
        (None, 4.0, 4.0),
        (None, None, WINDOW_SECONDS),
        (RateHeaders(20, 0, -5.0), None, 1.0),
        (RateHeaders(20, 0, 5000.0), None, LONGEST_WAIT),
    ],
)
def test_gate_when_a_call_was_refused_pauses_everybody(
    rate: RateHeaders | None, retry_after: float | None, seconds: float
) -> None:
    """A 429 holds all calls until the reset, or for Retry-After; at least a second, at most a window and its grace."""
    clock = VirtualClock()
    quota = learned(clock, RateHeaders(20, 15, 0.5))
    grants(quota, clock, 1)
    quota.settle(rate, throttled=True, retry_after=retry_after)
    assert 1 == quota.refused
    assert [pytest.approx(seconds)] == grants(quota, clock, 1)


def test_gate_when_refused_at_the_end_of_a_window_opens_with_the_next_one() -> None:
    """After the pause the new window's allowance is there, not a pace of its own."""
    clock = VirtualClock()
    quota = learned(clock, RateHeaders(20, 15, 5.0))
    grants(quota, clock, 1)
    quota.settle(RateHeaders(20, 0, 5.0), throttled=True)
    assert [5.0] * 10 == grants(quota, clock, 10)


def test_gate_when_headers_never_come_keeps_a_blind_pace() -> None:
    """Without headers the pace is one that the smallest account bears."""
    clock = VirtualClock()
    quota = Quota(clock)
    began = clock.now()
    for _ in range(41):
        assert quota.acquire()
        quota.settle(None)
    elapsed = clock.now() - began
    assert 40 / BLIND_PER_SECOND - 1 <= elapsed <= 40 / BLIND_PER_SECOND + 1


def test_gate_when_the_user_set_a_ceiling_spaces_the_calls() -> None:
    """`max_calls_per_minute` holds however much the headers leave."""
    clock = VirtualClock()
    quota = learned(clock, AMPLE, max_per_minute=60)
    moments = grants(quota, clock, 4)
    assert [1.0, 2.0, 3.0, 4.0] == moments


def test_gate_when_closed_wakes_all_that_wait_and_grants_no_more() -> None:
    """Whoever waits is told at once that there is no permit to come."""
    clock = VirtualClock()
    quota = learned(clock, RateHeaders(20, 0, 14.0))
    told: list[tuple[bool, float]] = []

    def wait_for_one() -> None:
        told.append((quota.acquire(), clock.now() - START))

    for number in range(3):
        clock.start(f"waiter {number}", wait_for_one)
    clock.sleep(2.0)
    quota.close()
    clock.sleep(0.0)
    assert [(False, 2.0)] * 3 == told
    assert not quota.acquire()


@given(
    limit=st.integers(FIRST_CALLS, 50),
    remaining=st.integers(0, 50),
    reset_in=st.floats(0.5, 12.0),
    in_flight=st.integers(0, FIRST_CALLS - 1),
    later=st.lists(st.integers(0, 60), max_size=FIRST_CALLS - 1),
)
@settings(deadline=None, max_examples=150)
def test_gate_whatever_the_headers_say_grants_no_more_than_they_left(
    limit: int, remaining: int, reset_in: float, in_flight: int, later: list[int]
) -> None:
    """Until the reset the permits never outnumber what any header left beside the calls in flight."""
    clock = VirtualClock()
    quota = Quota(clock)
    grants(quota, clock, in_flight + 1)
    remaining = min(remaining, limit)
    quota.settle(RateHeaders(limit, remaining, reset_in))
    resets_at = clock.now() + reset_in
    allowed = remaining - in_flight
    for told in later[:in_flight]:
        quota.settle(RateHeaders(limit, told, reset_in))
        in_flight -= 1
        allowed = min(allowed, told - in_flight)
    granted = 0
    while granted <= max(allowed, 0):
        assert quota.acquire()
        if clock.now() >= resets_at:
            break
        granted += 1
        quota.settle(None)
    assert granted <= max(allowed, 0)


@pytest.mark.parametrize("skew", [0.0, 3600.0, -86400.0])
@pytest.mark.parametrize("counts_this_call", [False, True])
@pytest.mark.parametrize("workers", [1, 8])
def test_gate_when_led_by_an_emulated_intercom_is_never_refused_and_wastes_little(
    skew: float, counts_this_call: bool, workers: int
) -> None:
    """Once a window has told its limits no call is refused, whatever our clock thinks of Intercom's."""
    clock = VirtualClock()
    limit = 40
    intercom = Intercom(
        Settings.from_dict(
            {
                "limit": limit,
                "latency": 0.05,
                "server_clock_skew": skew,
                "remaining_counts_this_call": counts_this_call,
            }
        ),
        clock=clock.wall,
    )
    intercom.seed({"contacts": [{"external_id": "1", "role": "user"}]})
    client = Client(
        "http://localhost", TOKEN, wall=clock.wall, transport=EmulatorTransport(intercom, clock), connections=workers
    )
    quota = Quota(clock)
    seconds = itertools.count(1_600_000_000)
    until = START + 20 * WINDOW_SECONDS

    def call_on() -> None:
        while clock.now() < until and quota.acquire():
            call = PostEvent({"user_id": "1", "event_name": "e", "created_at": next(seconds)})
            attempt_once(client, call, quota)

    for number in range(workers):
        clock.start(f"caller {number}", call_on)
    clock.sleep(2 * WINDOW_SECONDS)
    refused_at_first = quota.refused
    taken_at_first = len(intercom.dump()["events"])
    clock.sleep(17 * WINDOW_SECONDS)
    taken = len(intercom.dump()["events"]) - taken_at_first
    quota.close()
    assert taken >= 0.9 * 17 * limit
    assert refused_at_first == quota.refused
