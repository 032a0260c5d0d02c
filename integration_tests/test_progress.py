"""The lines on the progress of a long sync, in virtual time."""

from __future__ import annotations

from destination_intercom.delivery.progress import OFTEN_UNTIL, PROGRESS_SECONDS, RARE_PROGRESS_SECONDS
from integration_tests.support.harness import ScriptedStdin, config, record, to_lines, write
from integration_tests.support.virtual_clock import VirtualClock

EVENTS_ONLY = config(users=None)
SEED = {"contacts": [{"external_id": "u1"}]}


def progress_lines(seconds: float) -> list[str]:
    """Run a sync whose input brings one event and stays open for `seconds`."""
    clock = VirtualClock()
    stdin = ScriptedStdin(
        clock, (0.0, to_lines([record("events", user_id="u1", name="Played", at=1_700_000_000)])), (seconds, b"")
    )
    result = write(stdin, seed=SEED, configuration=EVENTS_ONLY, clock=clock)
    assert result.error is None
    return [text for text in result.logs if text.startswith("Progress:")]


def test_progress_of_a_short_sync_is_not_told() -> None:
    """A summary is enough."""
    assert [] == progress_lines(PROGRESS_SECONDS - 1)


def test_progress_while_stdin_is_silent_is_told_every_thirty_seconds() -> None:
    """It waits for nothing but the time."""
    lines = progress_lines(10 * PROGRESS_SECONDS + 1)
    assert 10 == len(lines)
    assert lines[0].startswith("Progress: 1 records read, 1 done, 0 of them rejected, 0 left to do; ")


def test_progress_after_an_hour_is_told_less_often() -> None:
    """A client that reads only at the end has a pipe that fills."""
    lines = progress_lines(OFTEN_UNTIL + 4 * RARE_PROGRESS_SECONDS + 1)
    assert OFTEN_UNTIL / PROGRESS_SECONDS + 4 == len(lines)
