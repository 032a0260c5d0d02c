"""Who a record is about: whose absence is ordinary, and whose is a sign of a wrong path."""

from typing import Any

import pytest

from destination_intercom import outcomes
from destination_intercom.identity import IdentityRule, Key, identify
from destination_intercom.outcomes import Outcome, Status
from destination_intercom.paths import compile_null_check, compile_path

PATH = "customer.id"


def _identify(data: dict[str, Any], *, reject: bool = False, is_declared: bool = False) -> Key | Outcome:
    rule = IdentityRule(
        compile_path(PATH),
        "external_id",
        reject,
        is_declared=is_declared,
        leads_into_null=compile_null_check(PATH),
    )
    return identify(rule, data)


NONE: list[Any] = [None, "", " ", []]
ABSENT: list[dict[str, Any]] = [{}, {"customer": {}}, {"customer": 5}]
NULL: list[dict[str, Any]] = [{"customer": {"id": none}} for none in NONE]
NULL_AROUND: list[dict[str, Any]] = [{"customer": none} for none in NONE]


@pytest.mark.parametrize("data", [*ABSENT, *NULL, *NULL_AROUND])
def test_identity_that_the_schema_declares_when_it_is_missing_is_nobody(data: dict[str, Any]) -> None:
    """A guest's order is ordinary: the path is right."""
    assert outcomes.filtered(outcomes.ANONYMOUS) == _identify(data, is_declared=True)


@pytest.mark.parametrize(
    ("examples", "reason", "shown"),
    [
        (ABSENT, outcomes.NO_IDENTITY_PROPERTY, False),
        (NULL, outcomes.ANONYMOUS, True),
        (NULL_AROUND, outcomes.ANONYMOUS, False),
    ],
    ids=["absent", "null", "null around it"],
)
def test_identity_that_no_schema_declares_when_it_is_missing_tells_of_the_path_what_is_there(
    examples: list[dict[str, Any]], reason: str, *, shown: bool
) -> None:
    """Null in its place shows that the path is right; null around it, only that the record is about nobody."""
    for data in examples:
        outcome = _identify(data)
        assert isinstance(outcome, Outcome)
        assert (Status.FILTERED, reason, shown) == (outcome.status, outcome.reason, outcome.shows_identity)


@pytest.mark.parametrize("is_declared", [False, True])
def test_identity_that_must_be_there_when_it_is_missing_is_rejected(*, is_declared: bool) -> None:
    """That is what the user asked for."""
    for data in (*ABSENT, *NULL, *NULL_AROUND):
        assert outcomes.rejected(outcomes.MISSING_IDENTITY) == _identify(data, reject=True, is_declared=is_declared)


def test_identity_that_is_there_is_read_whatever_the_schema_says() -> None:
    """A schema is not needed to find somebody."""
    found = [_identify({"customer": {"id": 5}}, is_declared=is_declared) for is_declared in (False, True)]
    assert [Key("external_id", "5")] * 2 == found
