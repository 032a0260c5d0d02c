"""A sync that is told to stop, in virtual time: how long the end takes, wherever it is."""

from __future__ import annotations

from typing import Any

import pytest

from destination_intercom.delivery.mailbox import Mailbox
from destination_intercom.pipeline import GRACE_SECONDS, Terminated
from integration_tests.support.harness import Result, state, write
from integration_tests.support.people import user
from integration_tests.support.virtual_clock import START, VirtualClock

STOPPED_AT = 5.0


def stop_while(**settings: Any) -> Result:
    """Run a sync that is told to stop after five seconds; its input ends long before."""
    clock = VirtualClock()
    mailbox = Mailbox(clock)

    def stop() -> None:
        clock.sleep(STOPPED_AT)
        mailbox.stop()

    clock.start("signal", stop)
    result = write([user(1), state("users", 1)], settings=settings, clock=clock, mailbox=mailbox)
    assert isinstance(result.error, Terminated)
    return result


def seconds_to_end(result: Result) -> float:
    """Seconds from the stop to the end."""
    return result.clock.now() - START - STOPPED_AT


@pytest.mark.parametrize(
    ("settings", "seconds"),
    [
        pytest.param({"faults": [{"endpoint": "GET /data_attributes", "kind": "html"}]}, 0.1, id="start, failing"),
        pytest.param({"limit": 0, "retry_after": True}, 0.1, id="start, throttled"),
        pytest.param(
            {"faults": [{"endpoint": "GET /data_attributes", "kind": "stall"}]},
            GRACE_SECONDS,
            id="start, stalled",
        ),
        pytest.param({"latency": STOPPED_AT + 3.0}, 3.0, id="start, slow"),
        pytest.param({"faults": [{"endpoint": "POST /contacts", "kind": "html"}]}, 0.1, id="failing"),
        pytest.param({"faults": [{"endpoint": "POST /contacts", "kind": "stall"}]}, GRACE_SECONDS, id="stalled"),
        pytest.param(
            {
                "faults": [
                    {"endpoint": "POST /contacts", "kind": "status", "status": 429, "headers": {"Retry-After": "9"}}
                ]
            },
            0.1,
            id="throttled",
        ),
    ],
)
def test_sync_when_told_to_stop_ends_in_time_wherever_it_is(settings: dict[str, Any], seconds: float) -> None:
    """A pause ends at once, an attempt in flight within the grace; what was not delivered is not acknowledged."""
    result = stop_while(**settings)
    assert [] == result.states
    assert seconds_to_end(result) <= seconds + 0.01
