"""The connector as a process: a mixed stream of messages, and states that leave while stdin is open."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from integration_tests.support.harness import record, state, to_lines
from integration_tests.support.people import (
    EVENTS,
    FIRST_SECOND,
    MARK,
    event,
    make_sync,
    refuse_marks_in,
    told_apart,
    user,
)


@pytest.fixture
def place(make_workplace: Callable[..., Any]) -> Iterator[Any]:
    """A workplace whose output is searched for personal data at the end."""
    made = make_workplace()
    yield made
    refuse_marks_in(made)


def test_state_while_stdin_is_open_and_silent_comes_within_a_second_of_the_delivery(place: Any) -> None:
    """A state leaves by itself, flushed, soon after the last of its records was delivered."""
    connector = place.write(environment={"PYTHONUNBUFFERED": ""}, events=EVENTS)
    delays = []
    for number in range(1, 6):
        connector.send(to_lines([user(number), event(number, number), state("users", number)]))
        connector.wait_for("STATE", number)
        delays.append(time.time() - place.intercom.exchanges()[-1]["time"])
    assert connector.process.poll() is None
    # The best of five: the machine may be busy, the connector may not wait for anything.
    assert min(delays) < 1.0
    assert connector.finish() == 0
    assert [1, 2, 3, 4, 5] == [each["id"] for each in connector.states]


def test_state_when_nothing_precedes_it_comes_at_once(place: Any) -> None:
    """A state without records is echoed, not kept for company."""
    connector = place.write(events=EVENTS)
    connector.send(to_lines([state("users", 1)]))
    connector.wait_for("STATE")
    assert {"recordCount": 0, "rejectedRecordCount": 0} == connector.states[0]["destinationStats"]
    assert connector.finish() == 0


def test_state_when_echoed_keeps_what_the_connector_does_not_know(place: Any) -> None:
    """Unknown keys and numbers beyond 64 bits survive the echo exactly."""
    sent = state("users", 1, big=123456789012345678901234567890, unknown={"a": [1.50, None]})
    connector = place.write(events=EVENTS)
    assert connector.finish(to_lines([user(1), sent])) == 0
    expected = {**sent["state"], "destinationStats": {"recordCount": 1, "rejectedRecordCount": 0}}
    assert [expected] == connector.states


def test_mixed_stream_when_delivered_leaves_contacts_events_and_states(place: Any) -> None:
    """Each contact is written before its events; every state is echoed with what became of its records."""
    messages = [
        user(1),
        event(1, 1),
        record("events", user_id=None, name="did it", at=FIRST_SECOND),
        state("users", 1),
        user(2),
        event(2, 2, name="did it"),
        event(2, 3, name="not wanted"),
        event(2, 2, name="DID IT"),
        event(99, 4),
        {"type": "LOG", "log": {"level": "INFO", "message": f"{MARK} of the source"}},
        state("events", 2),
        user(1, version=1),
        event(1, 5),
        state("users", 3),
    ]
    connector = place.write(events={**EVENTS, "selected_events": ["did *", "DID *"]})
    assert connector.finish(to_lines(messages)) == 0
    contents = place.intercom.dump()
    expected = {
        "contacts": [
            (f"{MARK}-1", f"{MARK}-1@example.com", f"{MARK} name 1 v1", {}),
            (f"{MARK}-2", f"{MARK}-2@example.com", f"{MARK} name 2 v0", {}),
        ],
        "events": [
            (f"{MARK}-1", "did it", FIRST_SECOND + 1, {"note": f"{MARK} note 1"}),
            (f"{MARK}-1", "did it", FIRST_SECOND + 5, {"note": f"{MARK} note 5"}),
            (f"{MARK}-2", "did it", FIRST_SECOND + 2, {"note": f"{MARK} note 2"}),
        ],
    }
    assert expected == told_apart(contents)
    counts = [tuple(each["destinationStats"].values()) for each in connector.states]
    # A state of one stream counts that stream's records since its own last state.
    assert [(1, 0), (5, 1), (2, 0)] == counts
    assert [] == connector.errors
    assert b"" == connector.stderr


def test_contacts_when_events_follow_are_written_first(place: Any) -> None:
    """No event of a person reaches Intercom before the person does."""
    connector = place.write(events=EVENTS)
    assert connector.finish(to_lines(make_sync(40))) == 0
    seen: set[str] = set()
    for exchange in place.intercom.exchanges():
        if exchange["method"] == "POST" and exchange["path"] == "/contacts":
            seen.add(exchange["request_body"]["external_id"])
        elif exchange["path"] == "/events":
            assert exchange["request_body"]["user_id"] in seen
            assert 202 == exchange["status"]
    assert 40 == len(seen)


def test_states_when_a_sync_ends_come_all_and_in_order(place: Any) -> None:
    """The counts of all states add up to the records that were read."""
    messages = make_sync(40)
    connector = place.write(events=EVENTS)
    assert connector.finish(to_lines(messages)) == 0
    sent = [each["state"]["id"] for each in messages if each["type"] == "STATE"]
    assert sent == [each["id"] for each in connector.states]
    # These states are of the stream `users`: the records of `events` are not theirs to count.
    users = sum(each["type"] == "RECORD" and each["record"]["stream"] == "users" for each in messages)
    assert users == sum(each["destinationStats"]["recordCount"] for each in connector.states)
