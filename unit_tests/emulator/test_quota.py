"""The windows, what is left of them, and whose clock they go by."""

import pytest

from intercom_emulator import Answer
from unit_tests.emulator.bench import START, Bench, refusal


def _calls(bench: Bench, count: int) -> list[Answer]:
    return [bench.ask("GET", "/me") for _ in range(count)]


def _remaining(answers: list[Answer]) -> list[str]:
    return [each.headers["X-RateLimit-Remaining"] for each in answers]


def test_quota_when_a_window_is_spent_then_429_until_the_next() -> None:
    """A window grants its limit, then refuses with Intercom's words; the next one grants again."""
    bench = Bench(limit=3)
    answers = _calls(bench, 5)
    assert [each.status for each in answers] == [200, 200, 200, 429, 429]
    assert refusal(answers[3]) == (429, "rate_limit_exceeded", "Exceeded rate limit of 3 in 10_seconds")
    assert bench.intercom.dump()["refused_by_quota"] == 2
    bench.now = START + 5
    assert [each.status for each in _calls(bench, 4)] == [200, 200, 200, 429]


@pytest.mark.parametrize(("counts", "expected"), [(False, ["3", "2", "1", "0"]), (True, ["2", "1", "0", "0"])])
def test_remaining_when_calls_are_made_then_counts_down(counts: bool, expected: list[str]) -> None:
    """As recorded the first call of a window shows the whole limit; a setting counts the call itself."""
    assert expected == _remaining(_calls(Bench(limit=3, remaining_counts_this_call=counts), 4))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, 1_700_000_012),
        ({"reset_offset": 0}, 1_700_000_010),
        ({"window_phase": 3.0, "reset_offset": 0}, 1_700_000_013),
        ({"window_seconds": 60, "reset_offset": 0}, 1_700_000_040),
        ({"server_clock_skew": 100, "reset_offset": 0}, 1_700_000_110),
    ],
)
def test_reset_when_told_then_is_the_windows_end_and_the_offset_by_intercoms_clock(
    settings: dict[str, float], expected: int
) -> None:
    """X-RateLimit-Reset is a whole unix second by Intercom's clock."""
    answer = Bench(**settings).ask("GET", "/me")
    assert str(expected) == answer.headers["X-RateLimit-Reset"]


def test_quota_when_the_clocks_differ_then_windows_go_by_intercoms() -> None:
    """A window ends when Intercom's clock says so."""
    bench = Bench(limit=1, server_clock_skew=4.0)
    assert [each.status for each in _calls(bench, 2)] == [200, 429]
    bench.now = START + 0.9
    assert [each.status for each in _calls(bench, 1)] == [429]
    bench.now = START + 1.0
    assert [each.status for each in _calls(bench, 1)] == [200]


def test_quota_when_other_apps_call_then_they_spend_evenly() -> None:
    """Half-way through the window half of the others' calls are gone."""
    bench = Bench(limit=10, other_apps_per_window=8)
    assert _remaining(_calls(bench, 2)) == ["6", "5"]
    bench.now = START + 4.99
    answers = _calls(bench, 2)
    assert _remaining(answers) == ["1", "0"]
    assert [each.status for each in answers] == [200, 429]


def test_headers_when_none_are_set_then_the_quota_still_holds() -> None:
    """Without headers a client must find the limit by being refused."""
    answers = _calls(Bench(limit=1, headers="none"), 2)
    assert [each.status for each in answers] == [200, 429]
    assert not any(name.startswith("X-RateLimit") for each in answers for name in each.headers)


@pytest.mark.parametrize(("on", "expected"), [(True, "5"), (False, None)])
def test_retry_after_when_so_set_then_tells_the_seconds_to_the_windows_end(on: bool, expected: str | None) -> None:
    """Retry-After comes with a 429 only, and only if asked for."""
    granted, refused = _calls(Bench(limit=1, retry_after=on), 2)
    assert "Retry-After" not in granted.headers
    assert expected == refused.headers.get("Retry-After")


def test_quota_when_calls_are_refused_for_other_reasons_then_they_count() -> None:
    """A 404 and a duplicate event spend like any call."""
    bench = Bench(limit=10)
    bench.create(external_id="42")
    for _ in range(2):
        bench.send(user_id="42")
    bench.ask("GET", "/contacts/nobody")
    assert bench.ask("GET", "/me").headers["X-RateLimit-Remaining"] == "6"
