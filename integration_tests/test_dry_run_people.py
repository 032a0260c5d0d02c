"""A dry run looks up the people of events, many at a time, and tells how many events would find nobody."""

from __future__ import annotations

from typing import Any

import pytest

from destination_intercom.errors import ConfigurationError
from integration_tests.support.harness import Result, config, record, write
from intercom_emulator import Intercom, Settings

PEOPLE = {"contacts": [{"role": "user", "external_id": f"p{n}", "email": f"p{n}@example.com"} for n in range(300)]}
NOBODY = "would find nobody"


def event(person: object, at: int = 1_700_000_000, **more: Any) -> dict[str, Any]:
    """One event of a person."""
    return record("events", user_id=person, name="did it", at=at, **more)


def rehearse(*messages: dict[str, Any], intercom: Intercom | None = None, **sections: Any) -> Result:
    """Let a dry run read the messages."""
    if intercom is None:
        intercom = Intercom(Settings())
        intercom.seed(PEOPLE)
    result = write(list(messages), intercom=intercom, configuration=config(delivery={"dry_run": True}, **sections))
    assert isinstance(result.error, ConfigurationError)
    assert "Dry run finished" in result.error.message
    return result


def searches(result: Result) -> int:
    """How many searches were made, which were all the calls there were but for the workspace's attributes."""
    calls = [f"{each['method']} {each['path'].partition('?')[0]}" for each in result.exchanges]
    assert {"POST /contacts/search"} == set(calls) - {"GET /data_attributes", "GET /me"}
    return calls.count("POST /contacts/search")


def test_dry_run_when_events_have_people_looks_them_up_a_hundred_and_fifty_at_a_time() -> None:
    """300 people who are there, and 150 who are not, with two events each: three searches, and nobody asked for alone."""
    messages = [event(f"p{n}", at) for at in (1_700_000_000, 1_700_000_001) for n in range(450)]
    result = rehearse(*messages, users=None)
    assert 3 == searches(result)
    assert result.logged("600 events sent")
    assert result.logged(f"300 events {NOBODY}")
    assert result.logged("would be delivered 600, filtered 0, duplicate 0, rejected 300 (unknown_user 300)")
    assert 300 == len(result.contents["contacts"])


def test_dry_run_when_everybody_is_there_says_nothing_of_nobody() -> None:
    """No line that counts nothing."""
    result = rehearse(event("p1"), users=None)
    assert result.logged("1 events sent")
    assert not result.logged(NOBODY)


def test_dry_run_when_people_would_be_created_for_their_events_counts_them() -> None:
    """Once each, however many events they have."""
    messages = [event(f"p{n}", at) for at in (1_700_000_000, 1_700_000_001) for n in (1, 400, 401)]
    unknown = {**config()["events"], "unknown_users": "create"}
    result = rehearse(*messages, users=None, events=unknown)
    assert 1 == searches(result)
    assert result.logged("2 contacts would be created, 0 updated, 6 events sent")
    assert not result.logged(NOBODY)


@pytest.mark.parametrize("first", ["events", "people"])
def test_dry_run_when_people_come_in_the_same_sync_finds_them_for_their_events(first: str) -> None:
    """In either order; one event is of somebody whom nobody writes."""
    people = [record("users", user_id=f"p{n}", name="N") for n in (400, 401)]
    events = [event(f"p{n}") for n in (400, 401, 402)]
    messages = [*events, *people] if first == "events" else [*people, *events]
    result = rehearse(*messages)
    assert 1 == searches(result)
    assert result.logged("2 contacts would be created, 0 updated, 2 events sent")
    assert result.logged(f"1 events {NOBODY}")


def test_dry_run_when_events_name_people_by_their_address_finds_them() -> None:
    """In any case; a lead counts as somebody, and so does an address that two share."""
    intercom = Intercom(Settings())
    intercom.seed(
        {
            "contacts": [
                {"role": "user", "external_id": "1", "email": "ada@example.com"},
                {"role": "lead", "email": "lead@example.com"},
                {"role": "user", "external_id": "2", "email": "two@example.com"},
                {"role": "user", "external_id": "3", "email": "two@example.com"},
            ]
        }
    )
    people = ["Ada@example.com", "lead@example.com", "two@example.com", "nobody@example.org"]
    identity = {"property": "user_id", "intercom_field": "email"}
    result = rehearse(*map(event, people), intercom=intercom, users=None, identity=identity)
    assert 1 == searches(result)
    assert result.logged("3 events sent")
    assert result.logged(f"1 events {NOBODY}")


def test_dry_run_when_a_person_is_written_by_another_key_sends_the_event_that_waited_for_them() -> None:
    """The event names the address, the record of the person their id."""
    streams = [
        {
            "stream": "events",
            "event_name_property": "name",
            "created_at_property": "at",
            "identity_property": "mail",
            "intercom_field": "email",
        }
    ]
    messages = [event("p400", mail="p400@example.com"), record("users", user_id="p400", email="p400@example.com")]
    result = rehearse(*messages, events={**config()["events"], "streams": streams})
    assert result.logged("1 contacts would be created, 0 updated, 1 events sent")
    assert not result.logged(NOBODY)
