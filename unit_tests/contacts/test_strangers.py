"""People who are unknown: for five minutes, in little memory, and each by their own key."""

from __future__ import annotations

import pytest

from destination_intercom import outcomes
from destination_intercom.contacts.strangers import STRANGER_SECONDS, Strangers
from destination_intercom.identity import Key
from destination_intercom.outcomes import LONGEST_MESSAGE_KEPT, Refusal, rejected
from unit_tests.keys import by_email, by_id
from unit_tests.task_bench import FakeTime


def test_stranger_when_five_minutes_have_passed_is_asked_for_again() -> None:
    """Whoever is unknown is so for now: the time counts from when Intercom said it last."""
    time = FakeTime()
    strangers = Strangers(time.now)
    outcome = rejected(outcomes.UNKNOWN_USER)
    strangers.note(by_id("k"), outcome)
    time.seconds += STRANGER_SECONDS - 1
    assert outcome == strangers.get(by_id("k"))
    strangers.note(by_id("k"), outcome)
    time.seconds += STRANGER_SECONDS - 1
    assert by_id("k") in strangers
    time.seconds += 1
    assert None is strangers.get(by_id("k"))
    assert by_id("k") not in strangers


def test_strangers_when_they_are_many_take_no_more_than_their_room() -> None:
    """Those whose time is over go first, then the oldest; a long identity or message takes no more than a short one."""
    time = FakeTime()
    strangers = Strangers(time.now, capacity=3)
    long = rejected(outcomes.UNKNOWN_USER, Refusal(404, "not_found", "x" * 100_000, "r"))
    for name in ("a", "b", "c", "d" * 10_000):
        strangers.note(by_id(name), long)
    assert [None, True, True, True] == [strangers.get(by_id(name)) and True for name in ("a", "b", "c", "d" * 10_000)]
    kept = strangers.get(by_id("b"))
    assert kept is not None
    assert kept.refusal == Refusal(404, "not_found", "x" * LONGEST_MESSAGE_KEPT, "r")
    time.seconds += STRANGER_SECONDS
    strangers.note(by_id("e"), long)
    assert 1 == len(strangers)


def test_strangers_when_one_is_met_again_then_others_go_first() -> None:
    """Whom Intercom has just said once more not to know is the newest."""
    strangers = Strangers(FakeTime().now, capacity=2)
    for name in "abac":
        strangers.note(by_id(name), rejected(outcomes.UNKNOWN_USER))
    assert [True, False, True] == [by_id(name) in strangers for name in "abc"]


@pytest.mark.parametrize("other", [by_id("K"), by_id("k "), by_email("k"), by_id("\ud800"), by_id("\\ud800")])
def test_stranger_when_another_key_is_asked_for_is_not_taken_for_it(other: Key) -> None:
    """One text as a User ID and as an address is two people; half a character is one, too."""
    strangers = Strangers(FakeTime().now)
    strangers.note(by_id("k"), rejected(outcomes.UNKNOWN_USER))
    strangers.note(other, rejected(outcomes.CONTACT_MERGED))
    assert outcomes.UNKNOWN_USER == (strangers.get(by_id("k")) or outcomes.DELIVERED).reason
    strangers.forget(other)
    assert by_id("k") in strangers
    assert other not in strangers
