"""`delivery.max_rejected_percent`: a sync of which too much is rejected ends as an error, with all else done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from destination_intercom.errors import ConfigurationError, DeliveryError
from integration_tests.support.harness import Result, config, record, state, write

SEED = {"contacts": [{"external_id": "1"}]}


def good(number: int) -> dict[str, Any]:
    """An event that Intercom takes; `number` tells it from the others."""
    return record("events", user_id="1", name="played", at=1_767_225_600 + number)


def bad() -> dict[str, Any]:
    """An event without a time: it is rejected."""
    return record("events", user_id="1", name="played", at="never")


def filtered() -> dict[str, Any]:
    """An event of nobody, as an anonymous visitor's."""
    return record("events", user_id=None, name="played", at=1_767_225_600)


def run(
    *messages: dict[str, Any], most: float | None, faults: Sequence[dict[str, Any]] = (), **delivery: Any
) -> Result:
    """Run a sync that may have so many percent rejected."""
    section = {"max_rejected_percent": most, "stop_after_rejected": 0, **delivery}
    return write(
        [*messages, state("events", 1)],
        seed=SEED,
        settings={"faults": list(faults)},
        configuration=config(users=None, delivery=section),
    )


@pytest.mark.parametrize("most", [0, 0.5, 24.99])
def test_sync_when_more_is_rejected_than_allowed_then_it_ends_as_an_error_with_its_states(most: float) -> None:
    """Everything else is delivered and acknowledged: the error is an alert, and no reason to send anything twice."""
    result = run(bad(), good(1), good(2), good(3), *[filtered()] * 50, most=most)
    assert isinstance(result.error, ConfigurationError)
    assert f"1 of 4 that were not filtered (limit: {most:g}%)" in result.error.message
    assert 3 == len(result.events)
    assert [53] == [each["destinationStats"]["recordCount"] for each in result.states]
    assert result.logged("rejected 1 (invalid_time 1)")


@pytest.mark.parametrize("most", [25, 25.5, 100, None])
def test_sync_when_no_more_is_rejected_than_allowed_then_it_succeeds(most: float | None) -> None:
    """Just as much as allowed is allowed; without a limit, all may be rejected."""
    result = run(bad(), good(1), good(2), good(3), *[filtered()] * 50, most=most)
    assert None is result.error


def test_sync_when_all_is_filtered_then_it_succeeds() -> None:
    """Nothing of nothing was rejected."""
    assert None is run(filtered(), most=0).error


def test_dry_run_when_more_would_be_rejected_then_it_ends_as_a_dry_run() -> None:
    """It has written nothing, and its summary counts the rejected."""
    result = run(bad(), most=0, dry_run=True)
    assert result.error is not None
    assert "Dry run finished" in result.error.message


def test_sync_when_it_fails_by_itself_then_that_failure_is_told() -> None:
    """An outage is no alert of rejected records, and Airbyte has to try again."""
    result = run(bad(), good(1), most=0, faults=[{"endpoint": "POST /events", "kind": "status", "status": 500}])
    assert isinstance(result.error, DeliveryError)
