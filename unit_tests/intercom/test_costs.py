"""What a call costs of the quota: bounds from what was left before and after, and when they make it sure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from destination_intercom.intercom.answers import Answer, Passage, RateHeaders
from destination_intercom.intercom.costs import SURE_AFTER, BulkCost, Cost, cost_between
from destination_intercom.intercom.quota import Permit, Quota
from integration_tests.support.virtual_clock import VirtualClock

MARK = 1_700_000_010.0


def passage(number: int, **known: Any) -> Passage:
    """A call's way through the gate, with 1,000 left before it and nothing else under way."""
    values: dict[str, Any] = {"left": 1000, "mark": MARK, "in_flight": 0, "granted": number, "awaited": 0, **known}
    return Passage(number=number, **values)


def answer(way: Passage | None, remaining: int, *, reset_at: float = MARK) -> Answer:
    """An answer that tells what is left."""
    return Answer(202, "json", {}, rate=RateHeaders(1666, remaining, reset_at, 5.0), passage=way)


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        pytest.param(passage(7), answer(passage(8), 998), Cost(1, 1, 1000), id="two calls"),
        pytest.param(passage(7), answer(passage(8), 899), Cost(100, 100, 1000), id="a hundred, and the other"),
        pytest.param(passage(7), answer(passage(8), 999), Cost(0, 0, 1000), id="an answer does not count its own call"),
        pytest.param(
            passage(7, in_flight=5), answer(passage(8), 893), Cost(101, 106, 1000), id="five were on their way before"
        ),
        pytest.param(
            passage(7), answer(passage(28, granted=30, awaited=2), 877), Cost(100, 102, 1000), id="two are on their way"
        ),
        pytest.param(passage(7, in_flight=9), answer(passage(8), 995), Cost(0, 4, 1000), id="all may be of others"),
        pytest.param(passage(7, left=40), answer(passage(8), 0), Cost(39, 39, 40), id="no more was left"),
    ],
)
def test_cost_when_what_is_left_is_told_before_and_after_then_is_known_within_bounds(
    first: Passage, last: Answer, expected: Cost
) -> None:
    """Our own other calls are counted out: those that surely came between, and those that may have."""
    assert expected == cost_between(answer(first, 500), last)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        pytest.param(passage(7, left=None), answer(passage(8), 900), id="nothing was known before"),
        pytest.param(passage(7), answer(passage(8), 900, reset_at=MARK + 10), id="another window"),
        pytest.param(passage(7), answer(passage(8), 1001), id="more is left than before"),
        pytest.param(passage(7), replace(answer(passage(8), 900), rate=None), id="no headers"),
        pytest.param(passage(7), answer(None, 900), id="not weighed"),
        pytest.param(None, answer(passage(8), 900), id="the call was not weighed"),
    ],
)
def test_cost_when_nothing_tells_it_then_is_unknown(first: Passage | None, last: Answer) -> None:
    """Nobody guesses across the end of a window."""
    assert None is cost_between(answer(first, 500), last)


def test_bulk_when_one_call_costs_less_than_its_contacts_then_none_counts_for_each() -> None:
    """Other apps make a call look dearer, never cheaper."""
    cost = BulkCost()
    for _ in range(SURE_AFTER - 1):
        cost.note(Cost(100, 110, 1000), contacts=100)
    assert (None, True) == (cost.per_contact, cost.is_open)
    cost.note(Cost(0, 20, 1000), contacts=100)
    assert (False, False) == (cost.per_contact, cost.is_open)
    for _ in range(SURE_AFTER):
        cost.note(Cost(100, 110, 1000), contacts=100)
    assert cost.per_contact is False


@pytest.mark.parametrize("seen", [Cost(99, 99, 1000), Cost(60, 60, 61), Cost(85, 200, 1000)], ids=str)
def test_bulk_when_three_calls_cost_as_much_as_their_contacts_then_each_counts(seen: Cost) -> None:
    """One or two may be other apps that were busy; where little was left, no more could be seen to go."""
    cost = BulkCost()
    for number in range(SURE_AFTER):
        assert (None, True) == (cost.per_contact, cost.is_open), number
        cost.note(seen, contacts=100)
    assert (True, False) == (cost.per_contact, cost.is_open)


@pytest.mark.parametrize("seen", [None, Cost(10, 90, 1000), Cost(5, 5, 5)], ids=str)
def test_bulk_when_calls_tell_nothing_then_it_is_given_up_after_some(seen: Cost | None) -> None:
    """Nobody is held back for ever for the sake of knowing it."""
    cost = BulkCost()
    for _ in range(2 * SURE_AFTER):
        assert cost.is_open
        cost.note(seen, contacts=100)
    assert (None, False) == (cost.per_contact, cost.is_open)


def test_gate_when_a_call_passes_then_tells_what_was_known_on_both_sides() -> None:
    """What was left, and how many calls were on their way."""
    quota = Quota(VirtualClock())
    rate = RateHeaders(1666, 1000, MARK, 5.0)

    def take() -> Permit:
        permit = quota.acquire()
        assert permit is not None
        return permit

    quota.settle(take(), rate)
    beside = take()
    weighed = take()
    quota.settle(take(), rate)
    expected = Passage(number=3, left=1000, mark=MARK, in_flight=1, granted=4, awaited=1)
    assert expected == quota.settle(weighed, rate)
    assert replace(expected, number=2, in_flight=0, awaited=0) == quota.settle(beside, rate)
