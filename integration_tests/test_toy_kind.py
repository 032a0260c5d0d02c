"""A new kind of object is one file and one registration: the rest of the program takes it as it takes its own."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from destination_intercom import kinds
from integration_tests.support.fake_storage import S3_SECTION, FakeStorage
from integration_tests.support.harness import Probe, Result, build_response, catalog, config, record, state, write
from integration_tests.support.toy_kind import make_toys
from integration_tests.support.virtual_clock import VirtualClock
from intercom_emulator import Answer, Intercom, Settings

RATE = {"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": "900", "X-RateLimit-Reset": "1900000000"}


class Toyshop(Probe):
    """An Intercom that also has toys, and refuses the name `bad`."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(Intercom(Settings.from_dict({}), clock=clock.wall), clock)
        self.toys: list[tuple[str, str]] = []

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        if request.path_url != "/toys":
            return super().send(request, *args, **kwargs)
        toy = json.loads(request.body or b"{}")
        self.clock.sleep(0.1)
        if toy["name"] == "bad":
            errors = [{"code": "parameter_invalid", "message": "bad name"}]
            return build_response(
                request, Answer(400, RATE, json.dumps({"type": "error.list", "errors": errors}).encode())
            )
        self.toys.append((toy["user_id"], toy["name"]))
        return build_response(request, Answer(200, RATE, b'{"id": "1"}'))


def toy(user_id: str, name: str) -> dict[str, Any]:
    """A record of a toy."""
    return record("toys", user_id=user_id, name=name)


def play(shop: Toyshop, *messages: dict[str, Any], storage: FakeStorage | None = None, **sections: Any) -> Result:
    """Run a sync of toys."""
    return write(
        list(messages),
        configuration=config(**sections),
        configured_catalog=catalog("toys"),
        intercom=shop.intercom,
        clock=shop.clock,
        transport=shop,
        storage=storage,
    )


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Toyshop:
    """A shop, with toys registered."""
    monkeypatch.setattr(kinds, "KINDS", (*kinds.KINDS, make_toys))
    return Toyshop(VirtualClock())


def test_toys_when_delivered_keep_the_order_of_their_person_and_are_counted_by_their_name(shop: Toyshop) -> None:
    """Scheduled by key, one after the other; the summary names the kind; the state waits for all of them."""
    names = ["a", "b", "c", "d"]
    messages = [toy(person, name) for name in names for person in ("1", "2")]
    result = play(shop, *messages, toy("1", ""), state("toys", 1))
    assert result.error is None
    assert {"1": names, "2": names} == {
        person: [name for owner, name in shop.toys if owner == person] for person in ("1", "2")
    }
    assert result.logged("Parts: toys delivered 8, toys filtered 1.")
    assert [{"recordCount": 9, "rejectedRecordCount": 0}] == [each["destinationStats"] for each in result.states]
    assert result.logged("POST /toys 8")


def test_toy_when_it_is_refused_is_stored_whole_with_its_kind(shop: Toyshop) -> None:
    """And those behind it go on."""
    storage = FakeStorage(shop.clock)
    result = play(shop, toy("1", "bad"), toy("1", "good"), storage=storage, object_storage_config=S3_SECTION)
    assert result.error is None
    assert [("1", "good")] == shop.toys
    (row,) = storage.rows
    assert ("toys", "refused", {"user_id": "1", "name": "bad"}) == (row["part"], row["reason"], row["record"]["data"])


def test_toy_in_a_dry_run_is_never_made(shop: Toyshop) -> None:
    """It is counted by its label, beside what the other kinds count."""
    result = play(shop, toy("1", "a"), toy("2", "b"), delivery={"dry_run": True})
    assert [] == shop.toys
    assert result.logged("Dry run: 0 contacts would be created, 0 updated, 0 events sent, 2 toys made.")
