"""What can be switched on the emulator's page: faults, limits, lags, and the reset."""

from urllib.parse import urlencode

import pytest

from unit_tests.emulator.bench import Bench, refusal
from unit_tests.emulator.pages import Page, fields, read, send

RETRIES = 400


def _apply(bench: Bench, **changes: str | None) -> int:
    """Fill in the form as it is shown, but for some fields, and send it; None takes a field away."""
    form = {**fields(read(bench.intercom)), **changes}
    return send(bench.intercom, "/_page/switches", urlencode({key: each for key, each in form.items() if each})).status


def _statuses(bench: Bench) -> dict[int, int]:
    counts: dict[int, int] = {}
    for _ in range(RETRIES):
        status = bench.ask("GET", "/me").status
        counts[status] = counts.get(status, 0) + 1
    return counts


def test_form_when_nothing_is_touched_then_nothing_changes() -> None:
    """It shows what is, also what other means have set, and sending it sets that again."""
    plan = [{"endpoint": "GET /me", "kind": "status", "status": 500, "at": [1, 3]}]
    bench = Bench(latency=0.25, search_lag=90, limit=777, faults=plan, other_event_names=5)
    assert 500 == bench.ask("GET", "/me").status
    settings = bench.intercom.settings
    assert 303 == _apply(bench)
    assert settings == bench.intercom.settings
    assert [200, 500] == [bench.ask("GET", "/me").status for _ in range(2)]


def test_slow_when_switched_then_calls_take_so_long() -> None:
    """And no longer once it is switched back."""
    bench = Bench()
    assert 303 == _apply(bench, latency="1.5")
    assert 1.5 == bench.ask("GET", "/me").delay
    assert 303 == _apply(bench, latency="0")
    assert 0 == bench.ask("GET", "/me").delay


def test_search_lag_when_switched_then_the_search_is_late() -> None:
    """What is written is found later."""
    bench = Bench()
    assert 303 == _apply(bench, search_lag="60")
    bench.create(external_id="1")
    assert [] == bench.found("external_id", "=", "1")
    bench.now += 61
    assert ["1"] == bench.found("external_id", "=", "1")


def test_quota_when_switched_then_windows_grant_so_much() -> None:
    """A number of calls."""
    bench = Bench()
    assert 303 == _apply(bench, limit="2")
    assert [200, 200, 429] == [bench.ask("GET", "/me").status for _ in range(3)]


@pytest.mark.parametrize(("field", "status"), [("share_429", 429), ("share_502", 502)])
def test_share_when_switched_then_so_many_calls_fail_until_it_is_switched_off(field: str, status: int) -> None:
    """A fault beside those of a plan, which go on counting."""
    bench = Bench(faults=[{"endpoint": "GET /tags", "kind": "status", "status": 500, "at": [2]}])
    bench.ask("GET", "/tags")
    assert 303 == _apply(bench, **{field: "25"})
    assert "25" == fields(read(bench.intercom))[field]
    assert RETRIES / 8 < _statuses(bench)[status] < RETRIES / 2
    assert 303 == _apply(bench, **{field: "0"})
    assert {200: RETRIES} == _statuses(bench)
    assert 500 == bench.ask("GET", "/tags").status


def test_names_when_switched_full_then_a_new_one_is_refused_and_a_known_one_is_not() -> None:
    """As Intercom does at 120, whatever number is in use; switched back, there is room again."""
    bench = Bench()
    bench.create(external_id="1")
    bench.send(user_id="1", event_name="known")
    assert 303 == _apply(bench, names_full="yes")
    assert 202 == bench.send(user_id="1", event_name="Known", created_at=6).status
    assert (422, "422", "Cannot have more than 120 active event names") == refusal(
        bench.send(user_id="1", event_name="new")
    )
    assert "yes" == fields(read(bench.intercom))["names_full"]
    assert 303 == _apply(bench, names_full=None)
    assert 202 == bench.send(user_id="1", event_name="new").status


@pytest.mark.parametrize(
    "wrong",
    [{"latency": "-1"}, {"latency": "nan"}, {"search_lag": "inf"}, {"limit": "1.5"}, {"limit": "x"}, {"share_429": "101"}, {"share_502": None}, {"limit": "<script>"}],
)  # fmt: skip
def test_form_when_a_number_is_none_then_nothing_is_set_and_the_page_says_which(wrong: dict[str, str | None]) -> None:
    """Not even what is right of it."""
    bench = Bench()
    settings = bench.intercom.settings
    form = {
        "latency": "9",
        "search_lag": "9",
        "limit": "9",
        "share_429": "9",
        "share_502": "9",
        "names_full": "yes",
    } | wrong
    sent = urlencode({key: each for key, each in form.items() if each is not None})
    answer = send(bench.intercom, "/_page/switches", sent)
    page = Page(answer.body.decode())
    assert 400 == answer.status
    assert ["alert"] == [given["role"] for _, given in page.elements if given.get("role") == "alert"]
    assert "give a number from 0 to" in page.text
    assert settings == bench.intercom.settings
    assert 200 == bench.ask("GET", "/me").status


def test_reset_when_confirmed_then_everything_is_as_at_the_start() -> None:
    """Contacts, counts, settings and faults."""
    bench = Bench(limit=5)
    bench.create(external_id="1")
    _apply(bench, limit="9", share_502="100")
    answer = send(bench.intercom, "/_page/reset")
    assert (303, "/?done=reset") == (answer.status, answer.headers["Location"])
    dump = bench.intercom.dump()
    assert ([], {}, 5) == (dump["contacts"], dump["calls"], bench.intercom.settings.limit)
    assert "The workspace is empty." in read(bench.intercom, "/?done=reset").text
    assert 200 == bench.ask("GET", "/me").status


@pytest.mark.parametrize("path", ["/_page/reset", "/_page/switches", "/", "/_page/none"])
def test_form_when_no_page_of_ours_sends_it_then_refused(path: str) -> None:
    """Whatever it asks."""
    bench = Bench()
    bench.create(external_id="1")
    assert 403 == send(bench.intercom, path, "limit=1", is_own=False).status
    assert 1 == len(bench.intercom.dump()["contacts"])


def test_form_when_there_is_none_of_its_name_then_404() -> None:
    """Of the page itself."""
    assert 404 == send(Bench().intercom, "/_page/contacts").status
