"""A record -> the change to a company: what is converted, left out and counted, and which records are no companies."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given

from destination_intercom import outcomes
from destination_intercom.companies.mapping import CompanyChange, map_company
from destination_intercom.company_fields import COMPANY_FIELDS
from destination_intercom.outcomes import Outcome, filtered, rejected
from unit_tests.keys import by_company_id
from unit_tests.strategies import company_rule, records

ALL = [{"property": name} for name in COMPANY_FIELDS]


def mapped(data: dict[str, Any], *attributes: dict[str, Any], **section: Any) -> CompanyChange:
    """Map a record of the company `7` that becomes one."""
    types = section.pop("types", {})
    change = map_company(company_rule(*attributes, **section), {"id": 7, **data}, types)
    assert isinstance(change, CompanyChange)
    return change


@pytest.mark.parametrize(
    ("name", "value", "expected", "trim"),
    [
        ("name", 42, "42", None),
        ("name", "x" * 300, "x" * 255, "cut"),
        ("plan", " Pro ", " Pro ", None),
        ("plan", {"name": "Pro"}, None, "no_scalar"),
        ("size", "12", 12, None),
        ("size", 12.5, None, "no_integer"),
        ("website", "acme.example", "acme.example", None),
        ("website", "x" * 300, None, "long_url"),
        ("monthly_spend", "155.98", 155, "cut_spend"),
        ("monthly_spend", -155.98, -155, "cut_spend"),
        ("monthly_spend", 155.0, 155, None),
        ("monthly_spend", 2**31 - 1, 2**31 - 1, None),
        ("monthly_spend", 2**31, None, "large_spend"),
        ("monthly_spend", "much", None, "no_number"),
        ("remote_created_at", "2024-05-06", 1_714_953_600, None),
        ("remote_created_at", "0001-01-01T00:00:00Z", None, "far_time"),
    ],
)
def test_standard_field_when_converted_then_it_is_what_intercom_takes(
    name: str, value: Any, expected: Any, trim: str | None
) -> None:
    """Or it is left out; what could not be sent as it was is counted."""
    change = mapped({name: value}, {"property": name})
    assert ({} if expected is None else {name: expected}) == change.fields
    assert (() if trim is None else ((name, trim),)) == change.trims


def test_custom_attribute_when_the_workspace_has_a_type_then_it_counts() -> None:
    """Before the schema's; what does not convert is left out."""
    change = mapped({"tier": 7, "renews": "no"}, {"property": "tier"}, {"property": "renews"}, types={"tier": "string"})
    assert {"tier": "7", "renews": "no"} == change.attributes
    assert {"company_id": "7", "custom_attributes": {"tier": "7"}} == change.body(["tier"])


@pytest.mark.parametrize(("nulls", "expected"), [("ignore", {}), ("clear", {"name": None})])
def test_null_when_mapped_then_the_user_decides(nulls: str, expected: dict[str, Any]) -> None:
    """A blank is null."""
    assert expected == mapped({"name": " "}, {"property": "name"}, null_values=nulls).fields


def test_members_of_a_wildcard_when_mapped_then_named_entries_and_the_id_are_left_alone() -> None:
    """What is Intercom's own is never written by a wildcard."""
    data = {"name": "Acme", "tier": "gold", "user_count": 3, "other": 1}
    change = mapped(data, {"property": "*"}, {"property": "tier", "attribute": "name"}, types={"tier": "string"})
    assert ({"name": "gold"}, {"tier": "gold"}) == (change.fields, change.attributes)
    assert {("*", "not_by_wildcard"), ("*", "no_attribute")} == set(change.trims)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"id": None}, filtered(outcomes.ANONYMOUS)),
        ({"id": ["a"]}, rejected(outcomes.INVALID_IDENTITY)),
        ({"id": "a", "_ab_cdc_deleted_at": "2026-01-01"}, filtered(outcomes.DELETED)),
        ({"id": "a", "gone": True}, filtered(outcomes.DELETED)),
        ({"id": "a", "name": "Test"}, filtered(outcomes.FILTERED_OUT)),
        ({"id": "a", "kind": "internal"}, filtered(outcomes.FILTERED_OUT)),
    ],
)
def test_record_when_it_is_no_company_then_the_reason_says_why(data: dict[str, Any], expected: Outcome) -> None:
    """As for people; filters of the entry are added to those of the section."""
    internal = {"property": "kind", "operator": "is_not", "values": ["internal"]}
    rule = company_rule(
        entry={"deleted_property": "gone", "filters": [internal]},
        filters=[{"property": "name", "operator": "is_not", "values": ["Test"]}],
    )
    assert expected == map_company(rule, data, {})


def test_id_when_missing_and_that_is_to_be_rejected_then_it_is() -> None:
    """`identity.missing` speaks for companies, too."""
    rule = company_rule(identity={"missing": "reject"})
    assert rejected(outcomes.MISSING_IDENTITY) == map_company(rule, {"id": ""}, {})


def test_id_when_a_number_then_it_is_text_as_a_persons_is() -> None:
    """So that the ids of `member_of` are the same ones."""
    assert [by_company_id("42")] * 2 == [mapped({"id": each}).key for each in (42.0, "42")]


@given(records("id", *COMPANY_FIELDS))
def test_mapping_when_a_record_is_anything_then_it_raises_nothing_and_changes_nothing(data: dict[str, Any]) -> None:
    """A law."""
    before = copy.deepcopy(data)
    assert isinstance(map_company(company_rule(*ALL), data, {}), (CompanyChange, Outcome))
    assert repr(before) == repr(data)
