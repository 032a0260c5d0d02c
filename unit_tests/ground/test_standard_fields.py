"""The table of standard fields holds together, and says of bulk what Intercom says."""

from functools import cache
from typing import Any

import pytest
import yaml

from destination_intercom.standard_fields import FIELDS, RESERVED_FIELDS, STANDARD_FIELDS, StandardField
from destination_intercom.values import TRIM_REASONS
from integration_tests.contract import PREVIEW, require_data

REQUESTS = ("create_contact_request", "bulk_create_contacts_request", "bulk_update_contacts_request")


@cache
def _described() -> dict[str, set[str]]:
    """Read which fields of a contact each request takes, by Intercom's description."""
    description = yaml.load(require_data(PREVIEW).read_bytes(), yaml.CSafeLoader)
    schemas = {name: description["components"]["schemas"][name] for name in REQUESTS}
    return {name: set(_contact(schema)["properties"]) for name, schema in schemas.items()}


def _contact(schema: dict[str, Any]) -> dict[str, Any]:
    """Find the schema of one contact: a request in bulk holds a list of them."""
    contacts: dict[str, Any] = schema["properties"].get("contacts", {"items": schema})
    contact: dict[str, Any] = contacts["items"]
    return contact


def test_table_when_read_then_each_field_stands_under_its_own_name() -> None:
    """And the set of names is the table's."""
    assert {name: name for name in STANDARD_FIELDS} == {name: field.name for name, field in FIELDS.items()}


def test_table_when_read_then_no_field_is_reserved() -> None:
    """The configuration would refuse to write it."""
    assert set() == STANDARD_FIELDS & RESERVED_FIELDS


@pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)
def test_field_when_a_value_does_not_convert_then_the_reason_has_words(field: StandardField) -> None:
    """The summary and the docs explain every reason."""
    assert f"no_{field.kind}" in TRIM_REASONS


@pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)
def test_field_when_it_needs_an_address_then_it_cannot_be_read(field: StandardField) -> None:
    """`diff` sends such a field only where the address goes; one whose own difference can be seen would be lost."""
    assert not (field.needs_email and field.readable)


@pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)
def test_field_when_sent_in_bulk_then_it_is_taken_where_intercom_says_so(field: StandardField) -> None:
    """Bulk ignores without a word what its description does not list; a single contact takes every field."""
    one, create, update = (field.name in _described()[name] for name in REQUESTS)

    assert (True, field.in_bulk_create, field.in_bulk_update) == (one, create, update)
