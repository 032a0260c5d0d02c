"""The counts of calls by window: what the page's plot and the counts of the state are made of."""

from collections import Counter

import pytest

from intercom_emulator import tally
from intercom_emulator.tally import Window
from unit_tests.emulator.bench import START, Bench


def _windows(bench: Bench) -> list[Window]:
    return bench.intercom.look(lambda sight: list(sight.tally))


def test_windows_when_calls_fall_into_them_then_count_by_endpoint_status_and_fault() -> None:
    """A window has the quota that was in force, and only its own calls."""
    bench = Bench(limit=3, other_apps_per_window=1, faults=[{"endpoint": "GET /me", "kind": "stall", "at": [2]}])
    for path in ("/me", "/me", "/contacts/x", "/nothing"):
        bench.ask("GET", path)
    bench.now += 10
    bench.ask("GET", "/me", Authorization=None)
    first, second = _windows(bench)
    assert (START - 5, START + 5, 3, 1) == (first.begin, first.end, first.limit, first.others)
    assert Counter(
        {
            ("GET /me", "200", None): 1,
            ("GET /me", "none", "stall"): 1,
            ("GET /contacts/{id}", "404", None): 1,
            ("other", "404", None): 1,
        }
    ) == first.counts  # fmt: skip
    assert Counter({("GET /me", "401", None): 1}) == second.counts


def test_window_when_the_quota_changes_within_it_then_it_has_the_new_one() -> None:
    """And goes on counting where it was."""
    bench = Bench(limit=3)
    bench.ask("GET", "/me")
    bench.intercom.change_settings({"limit": 7})
    bench.ask("GET", "/me")
    [window] = _windows(bench)
    assert (7, 2) == (window.limit, sum(window.counts.values()))


def test_window_when_windows_become_longer_then_the_next_call_falls_into_such_a_one() -> None:
    """Settings hold at once."""
    bench = Bench()
    bench.ask("GET", "/me")
    bench.intercom.change_settings({"window_seconds": 60})
    bench.ask("GET", "/me")
    assert [60.0] == [each.end - each.begin for each in _windows(bench) if each.end > START + 10]
    assert 2 == sum(sum(each.counts.values()) for each in _windows(bench))


def test_window_when_bulk_items_cost_then_holds_what_they_cost_beyond_the_call() -> None:
    """The plot shows them, for the quota is spent by them."""
    bench = Bench(bulk_cost="item")
    bench.bulk("POST", "", *({"external_id": str(number)} for number in range(5)))
    [window] = _windows(bench)
    assert (4, 1) == (window.extra, sum(window.counts.values()))


def test_windows_when_too_many_then_the_oldest_are_folded_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """A day's calls need no more memory than an hour's, and the state counts them all."""
    monkeypatch.setattr(tally, "_MOST_WINDOWS", 3)
    bench = Bench()
    for _ in range(10):
        bench.ask("GET", "/me")
        bench.now += 10
    assert [START - 5 + 10 * number for number in (7, 8, 9)] == [each.begin for each in _windows(bench)]
    dump = bench.intercom.dump()
    assert ({"GET /me": 10}, {"200": 10}) == (dump["calls"], dump["statuses"])


def test_look_when_it_reads_then_what_is_due_has_happened() -> None:
    """A bulk job that ends while nobody calls is seen to have ended."""
    bench = Bench(bulk_duration=5)
    bench.bulk("POST", "", {"external_id": "1"})
    bench.now += 6
    assert ["1"] == bench.intercom.look(lambda sight: [each.external_id for each in sight.workspace.contacts])
