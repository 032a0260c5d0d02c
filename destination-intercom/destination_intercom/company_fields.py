"""The standard fields of a company, each written down once, as `standard_fields` has those of a contact. Pure."""

from __future__ import annotations

import math
from typing import Any, Final

from destination_intercom.standard_fields import StandardField, convert_date, convert_url
from destination_intercom.values import MISSING, Converted, convert_exactly, convert_text, to_integer, to_number

MOST_SPENT: Final = 2**31 - 1
"""The largest monthly spend that Intercom takes (its API description)."""


def _to_spend(value: Any) -> Converted:
    """Cut an amount to a whole number, as Intercom does (its API description), so that equal ones compare equal."""
    number = to_number(value)
    if not math.isfinite(number) or abs(number) > MOST_SPENT:
        return MISSING, "large_spend"
    whole = int(number)
    return whole, "" if whole == number else "cut_spend"


COMPANY_FIELDS: Final = {
    field.name: field
    for field in (
        StandardField(name="name", convert=convert_text, kind="scalar"),
        StandardField(name="plan", convert=convert_text, kind="scalar"),
        StandardField(name="size", convert=convert_exactly(to_integer), kind="integer"),
        StandardField(name="website", convert=convert_url, kind="scalar"),
        StandardField(name="industry", convert=convert_text, kind="scalar"),
        StandardField(name="monthly_spend", convert=_to_spend, kind="number"),
        StandardField(name="remote_created_at", convert=convert_date, kind="date"),
    )
}
"""The standard fields that the connector writes, by name."""

COMPANY_RESERVED: Final = frozenset(
    {
        "id",
        "company_id",
        "type",
        "app_id",
        "workspace_id",
        "created_at",
        "updated_at",
        "last_request_at",
        "session_count",
        "user_count",
        "tags",
        "segments",
        "notes",
        "custom_attributes",
    }
)
"""Fields of a company that are Intercom's own, or the identity: no property is written to them."""
