"""The settings: what is refused, what can change at run time, and that all of it is explained."""

import dataclasses
import threading
from typing import Any

import pytest

from intercom_emulator import Intercom, Settings
from intercom_emulator.settings import explain
from unit_tests.emulator.bench import Bench


@pytest.mark.parametrize(
    "values",
    [
        {"colour": "red"},
        {"limit": "1666"},
        {"limit": -1},
        {"limit": True},
        {"window_seconds": 0},
        {"retry_after": 1},
        {"put_of_merged": 400},
        {"create_with_known_email": "third"},
        {"app_version": "9.9"},
        {"tokens": {"t": ["root"]}},
        {"tokens": {"t": 5}},
        {"tokens": []},
        {"timezone": "Mars/Olympus"},
        {"search_in_limit": "many"},
        {"tag_people_limit": 1.5},
        {"deleted_conflict": "long"},
        {"deleted_conflict": True},
        {"limit": None},
        {"normalized_fields": ["shoe"]},
        {"refused_field": "everything"},
        {"faults": [{"endpoint": "*", "kind": "fire"}]},
    ],
    ids=str,
)
def test_settings_when_unknown_or_out_of_range_then_value_error(values: dict[str, Any]) -> None:
    """A setting that cannot be meant is refused, at the start and at run time, where it changes nothing."""
    bench = Bench()
    with pytest.raises((ValueError, KeyError)):
        Settings.from_dict(values)
    before = bench.intercom.settings
    with pytest.raises((ValueError, KeyError)):
        bench.intercom.change_settings({"latency": 1.0, **values})
    assert before == bench.intercom.settings


def test_settings_when_empty_then_the_defaults() -> None:
    """Every key is optional."""
    assert Settings() == Settings.from_dict({})


def test_settings_when_explained_then_each_is_named() -> None:
    """The help names every setting."""
    text = explain()
    for each in dataclasses.fields(Settings):
        assert f"  {each.name} = " in text


def test_settings_when_changed_then_the_rest_and_the_contents_stay() -> None:
    """A change at run time keeps what it does not name."""
    bench = Bench(limit=50)
    bench.create(external_id="42")
    bench.intercom.change_settings({"latency": 0.25, "keep_exchanges": 1})
    answer = bench.ask("GET", "/me")
    assert (answer.delay, answer.headers["X-RateLimit-Limit"]) == (0.25, "50")
    assert [each["path"] for each in bench.intercom.exchanges()] == ["/me"]
    assert 1 == len(bench.intercom.dump()["contacts"])


def test_reset_when_called_then_all_is_as_at_the_start() -> None:
    """An empty workspace, fresh counts, the first settings and faults."""
    bench = Bench(limit=50)
    fresh = bench.intercom.dump()
    bench.create(external_id="42")
    bench.send(user_id="42")
    bench.intercom.change_settings({"limit": 0, "faults": [{"endpoint": "*", "kind": "html"}]})
    bench.intercom.reset()
    assert fresh == bench.intercom.dump()
    assert "50" == bench.ask("GET", "/me").headers["X-RateLimit-Remaining"]


@pytest.mark.parametrize(
    "situation",
    [{"people": []}, {"contacts": [{"shoe": 1}]}, {"events": [{"user_id": "x", "event_name": "e", "created_at": 1}]}],
    ids=str,
)
def test_seed_when_it_makes_no_sense_then_value_error(situation: dict[str, Any]) -> None:
    """A situation that cannot be meant is refused."""
    with pytest.raises(ValueError, match=r"unknown|nobody"):
        Bench().intercom.seed(situation)


def test_seed_when_done_then_the_situation_is_there_despite_all_lags() -> None:
    """Seeded contacts are old: found at once, and their events taken."""
    bench = Bench(search_lag=60.0, event_lag=60.0)
    contact = {"id": "x", "external_id": "42", "role": "user", "custom_attributes": {"plan": "pro"}, "created_at": 9}
    event = {"user_id": "42", "event_name": "seen", "created_at": 1}
    bench.intercom.seed(
        {"contacts": [contact], "data_attributes": [{"name": "plan"}], "events": [event], "event_names": ["more"]}
    )
    assert bench.found("custom_attributes.plan", "=", "pro") == ["42"]
    assert bench.send(user_id="42").status == 202
    dump = bench.intercom.dump()
    assert dump["event_names"] == ["more", "seen", "ordered"]
    assert [each["event_name"] for each in dump["events"]] == ["seen", "ordered"]
    assert (9, 9) == (dump["contacts"][0]["created_at"], dump["contacts"][0]["updated_at"])


def test_handle_when_called_from_many_threads_then_counts_every_call() -> None:
    """One lock: no call is lost, no window overspent."""
    intercom = Intercom(Settings.from_dict({"limit": 100}), clock=lambda: 5.0)
    headers = {"authorization": "Bearer test-token"}
    statuses: list[int] = []

    def call() -> None:
        statuses.extend(intercom.handle("GET", "/me", headers, b"").status for _ in range(50))

    threads = [threading.Thread(target=call) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (statuses.count(200), statuses.count(429)) == (100, 300)
    assert intercom.dump()["calls"] == {"GET /me": 400}
