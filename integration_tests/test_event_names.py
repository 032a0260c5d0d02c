"""The names of events: patterns, other names, and the characters that Intercom turns into hyphens."""

from __future__ import annotations

from typing import Any

from integration_tests.support.harness import config, record, state, write

EVENTS = {
    "mode": "enabled",
    "unknown_users": "create",
    "streams": [{"stream": "events", "event_name_property": "name", "created_at_property": "at"}],
    "selected_events": ["$*", "*note", " padded "],
    "excluded_events": ["*internal*"],
    "renamed_events": [{"from": "$pageview", "to": "Page viewed"}, {"from": " padded ", "to": "Padded"}],
}


def happened(second: int, name: str) -> dict[str, Any]:
    """A record of an event."""
    return record("events", user_id="7", name=name, at=1_700_000_000 + second)


def test_events_when_renamed_selected_and_excluded_arrive_under_their_names() -> None:
    """Selection goes by the source's name, blanks and all; one warning says what becomes of a $."""
    names = ["$pageview", "$autocapture", "an internal note", "a note", "note", " padded ", "padded", "else"]
    messages = [happened(second, name) for second, name in enumerate(names)]
    result = write([*messages, state("events", 1)], configuration=config(events=EVENTS, users=None))
    assert result.error is None
    assert ["-autocapture", "Padded", "Page viewed", "a note", "note"] == sorted(
        event["event_name"] for event in result.events
    )
    assert result.logged("(not_selected 2, excluded 1)")
    told = [text for text in result.logs if "renamed_events" in text]
    assert 1 == len(told)
    assert '"$autocapture"' in told[0]
    assert '"-autocapture"' in told[0]
    assert [{"recordCount": 8, "rejectedRecordCount": 0}] == [each["destinationStats"] for each in result.states]
