"""What a record is whose parts became several things, and that no reason is without its words."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from destination_intercom import outcomes
from destination_intercom.outcomes import (
    CURES,
    FILTER_REASONS,
    REJECTION_REASONS,
    Outcome,
    Refusal,
    Status,
    combine,
    filtered,
    rejected,
)

DOCS = Path(__file__).resolve().parents[2] / "docs" / "intercom.md"
BY_STRENGTH = [Status.REJECTED, Status.DELIVERED, Status.UNCHANGED, Status.DUPLICATE, Status.FILTERED]


@pytest.mark.parametrize("parts", [parts for size in (1, 2, 3) for parts in itertools.product(Status, repeat=size)])
def test_combine_of_any_parts_is_the_strongest(parts: tuple[Status, ...]) -> None:
    """Rejected if any is, else delivered if any was, else unchanged, duplicate, filtered, in whatever order."""
    expected = next(status for status in BY_STRENGTH if status in parts)
    assert expected == combine(Outcome(status) for status in parts).status


def test_combine_of_equals_keeps_the_first() -> None:
    """The first refusal is the one that is told."""
    first, second = rejected(outcomes.REFUSED, Refusal(400)), rejected(outcomes.UNKNOWN_USER, Refusal(404))
    assert first is combine([outcomes.DELIVERED, first, second])


@pytest.mark.parametrize("flip", [False, True])
def test_combine_of_filtered_parts_lets_a_missing_identity_property_speak(*, flip: bool) -> None:
    """One part without the identity property is a sign of a wrong mapping, wherever it stands."""
    parts = [filtered(outcomes.NOT_SELECTED), filtered(outcomes.NO_IDENTITY_PROPERTY)]
    assert combine(reversed(parts) if flip else parts).lacks_identity


@pytest.mark.parametrize("part", [outcomes.DELIVERED, outcomes.UNCHANGED, outcomes.DUPLICATE])
def test_combine_with_a_part_that_fared_better_is_no_bad_sign(part: Outcome) -> None:
    """The identity property cannot be wrong for the whole record if a part went well."""
    assert not combine([filtered(outcomes.NO_IDENTITY_PROPERTY), part]).is_bad_sign


@pytest.mark.parametrize("reason", FILTER_REASONS)
def test_filtered_for_any_reason_but_the_missing_property_is_no_bad_sign(reason: str) -> None:
    """Anonymous records and unselected events are ordinary."""
    assert (reason == outcomes.NO_IDENTITY_PROPERTY) is filtered(reason).is_bad_sign


@pytest.mark.parametrize("reason", REJECTION_REASONS)
def test_rejected_for_any_reason_but_the_limit_of_deletions_is_a_bad_sign(reason: str) -> None:
    """A stream that begins with nothing else has a wrong mapping; who is not deleted for the limit was found by it."""
    assert (reason != outcomes.TOO_MANY_DELETIONS) is rejected(reason).is_bad_sign


def _reason_constants() -> dict[str, Any]:
    return {name: value for name, value in vars(outcomes).items() if name.isupper() and isinstance(value, str)}


def test_reason_constants_and_the_two_tables_are_the_same() -> None:
    """Each reason has its words in exactly one table, and no table knows another."""
    assert sorted(_reason_constants().values()) == sorted([*FILTER_REASONS, *REJECTION_REASONS])
    assert all(words for words in [*FILTER_REASONS.values(), *REJECTION_REASONS.values()])


@pytest.mark.parametrize("status", Status)
def test_status_is_in_the_modules_table_with_what_it_counts_as(status: Status) -> None:
    """Only a rejected record counts as one."""
    assert outcomes.__doc__ is not None
    (row,) = [line for line in outcomes.__doc__.splitlines() if line.startswith(f"| {status.value} ")]
    assert ("rejectedRecordCount" if status is Status.REJECTED else "recordCount") == row.split("|")[2].strip()


def test_refusal_when_printed_hides_intercoms_message() -> None:
    """Intercom's message may quote an address."""
    refusal = Refusal(409, "conflict", "canary@example.com exists", "req-1")
    assert repr(refusal) == "Refusal(status=409, code='conflict', request_id='req-1')"
    assert "canary" not in repr(rejected(outcomes.CONFLICT, refusal))


def test_cures_when_compared_with_the_docs_are_how_they_begin() -> None:
    """The error that stops a sync says what the page says; each reason that speaks against a mapping has one."""
    rows = [row.split(" | ") for row in DOCS.read_text(encoding="utf-8").splitlines() if row.startswith("| `")]
    # Some words come a second time, further down, for a value that is left out.
    told = {row[0].strip("| `"): row[2].replace("`", "") for row in reversed(rows) if len(row) > 2}
    assert {*REJECTION_REASONS, outcomes.NO_IDENTITY_PROPERTY} == set(CURES)
    assert {reason: told[reason][: len(cure)] for reason, cure in CURES.items()} == CURES


@pytest.mark.parametrize("status", Status)
def test_outcome_when_it_came_too_early_says_nothing_of_the_mapping(status: Status) -> None:
    """Nor is it a sign that all is well."""
    outcome = Outcome(status, is_early=True)
    assert not outcome.is_bad_sign
    assert (status not in {Status.REJECTED, Status.FILTERED}) is outcome.is_good_sign
