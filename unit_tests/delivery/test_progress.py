"""What the log tells while a sync runs: outages, the quota, and how calls fail."""

from collections import Counter

import pytest

from destination_intercom.delivery.outages import TELL_AFTER, Outage, Outages, write_length
from destination_intercom.delivery.progress import PROGRESS_SECONDS, Progress, write_quota
from destination_intercom.intercom.quota import QuotaUse

WALL = 1_769_860_800.0
"""2026-01-31T12:00:00Z, at 0 of the clock."""


def _look(outages: Outages, now: float, **failing: Outage) -> list[str]:
    return list(outages.look(failing, now=now, wall=WALL + now))


def test_outage_when_it_has_lasted_ten_seconds_then_it_is_told_once_with_its_end() -> None:
    """Until when it is tried, and afterwards how long it was."""
    outages, failing = Outages(), Outage(100.0, "status 502")
    assert [] == _look(outages, 100.0 + TELL_AFTER - 1, posts=failing)
    assert 100.0 + TELL_AFTER == outages.due({"posts": failing})
    assert [
        "Intercom does not answer posts as it should (status 502): trying again until 12:11:40 UTC, then the sync fails."
    ] == _look(outages, 100.0 + TELL_AFTER, posts=failing)
    assert [] == _look(outages, 300.0, posts=failing)
    assert outages.due({"posts": failing}) is None
    assert ["Intercom answers posts again, after 5 minutes 12 seconds."] == _look(outages, 412.0)
    assert [] == _look(outages, 413.0)


def test_outage_when_it_is_over_sooner_then_nothing_is_said() -> None:
    """A call that succeeds when it is tried again is no outage."""
    outages = Outages()
    assert [] == _look(outages, 5.0, posts=Outage(0.0, "timeout"))
    assert [] == _look(outages, 20.0)


def test_outage_of_two_endpoints_then_each_has_its_own_line() -> None:
    """One may work while the other does not."""
    outages = Outages()
    assert 2 == len(_look(outages, 20.0, a=Outage(0.0, "timeout"), b=Outage(10.0, "status 500")))
    assert ["Intercom answers a again, after 30 seconds."] == _look(outages, 30.0, b=Outage(10.0, "status 500"))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "less than a second"),
        (1.0, "1 second"),
        (60.0, "1 minute"),
        (3599.7, "1 hour"),
        (3661.0, "1 hour 1 minute"),
        (7325.0, "2 hours 2 minutes"),
    ],
)
def test_length_of_time_when_written_then_a_person_says_it_so(seconds: float, text: str) -> None:
    """Two units are enough."""
    assert text == write_length(seconds)


@pytest.mark.parametrize(
    ("use", "text"),
    [
        (QuotaUse(None, None, None, waits=False), "Intercom has not yet said how many calls it allows."),
        (QuotaUse(10_000.0, None, None, waits=False), "Intercom allows 10,000 calls a minute."),
        (
            QuotaUse(10_000.0, 0.139, 0.832, waits=True),
            "Intercom allows 10,000 calls a minute; this sync used 13.9% of that, other apps 83.2%. Calls wait for the quota.",
        ),
    ],
)
def test_quota_when_written_then_it_says_who_took_it(use: QuotaUse, text: str) -> None:
    """A share of 13.9% alone would not tell that others took the rest."""
    assert text == write_quota(use)


def test_progress_when_calls_fail_then_each_line_has_the_failures_since_the_last() -> None:
    """The most frequent kinds by name; the pace is that since the last line as well."""
    progress = Progress(0.0)
    assert PROGRESS_SECONDS == progress.due({})
    assert TELL_AFTER == progress.due({"posts": Outage(0.0, "timeout")})
    assert (False, True) == (progress.is_due(PROGRESS_SECONDS - 1), progress.is_due(PROGRESS_SECONDS))
    failures = Counter({("POST /events", f"status {500 + number}"): 10 - number for number in range(6)})
    quota = QuotaUse(None, None, None, waits=False)
    line = progress.line("7 read", now=PROGRESS_SECONDS, calls=4500, quota=quota, failures=failures)
    assert line.startswith("Progress: 7 read; 150.0 calls a second. Intercom has not yet said")
    assert line.endswith(
        " Failed and retried since the last line: POST /events (status 500) 10, POST /events (status 501) 9,"
        " POST /events (status 502) 8, POST /events (status 503) 7, POST /events (status 504) 6, more 5."
    )
    line = progress.line("7 read", now=2 * PROGRESS_SECONDS, calls=4530, quota=quota, failures=Counter())
    assert "; 1.0 calls a second." in line
    assert "Failed" not in line
