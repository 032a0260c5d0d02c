"""Types of attributes last: they are said before anything is created, and what looks like a mistake beside them."""

from __future__ import annotations

from typing import Any

import pytest

from destination_intercom.errors import ConfigurationError
from integration_tests.support.harness import TOKEN, Result, record, state, write
from integration_tests.support.virtual_clock import VirtualClock
from intercom_emulator import Intercom, Settings

COLUMNS = {"email": "string", "created": "integer", "updated_at": "string", "mrr": "string", "seats": "number"}
ATTRIBUTES = [
    {"property": "created", "attribute": "customer_since"},
    {"property": "updated_at", "attribute": "last_change"},
    {"property": "mrr"},
    {"property": "seats"},
]
TYPES = '"customer_since" (integer), "last_change" (string), "mrr" (string), "seats" (float)'
ADA = {
    "email": "ada@example.com",
    "created": 1646998902,
    "updated_at": "2022-11-16T16:01:40Z",
    "mrr": "38.00",
    "seats": 5,
}


def write_customers(
    *rows: dict[str, Any],
    attributes: list[dict[str, Any]] | None = None,
    columns: dict[str, Any] | None = None,
    dry_run: bool = False,
    missing: str = "create",
    **more: Any,
) -> Result:
    """Write rows of customers, whose columns are nullable, to a workspace that lacks attributes."""
    schema = {
        name: {"type": ["null", kind]} if isinstance(kind, str) else kind
        for name, kind in {**COLUMNS, **(columns or {})}.items()
    }
    stream = {"name": "customers", "json_schema": {"type": "object", "properties": schema}}
    users = {
        "mode": "enabled",
        "streams": [{"stream": "customers"}],
        "attributes": ATTRIBUTES if attributes is None else attributes,
        "missing_attributes": missing,
    }
    return write(
        [*(record("customers", **row) for row in rows), state("customers", 1)],
        configuration={
            "access_token": TOKEN,
            "identity": {"property": "email", "intercom_field": "email"},
            "users": users,
            "delivery": {"dry_run": dry_run},
        },
        configured_catalog={
            "streams": [
                {
                    "stream": {**stream, "supported_sync_modes": ["full_refresh", "incremental"]},
                    "sync_mode": "incremental",
                    "destination_sync_mode": "append",
                }
            ]
        },
        **more,
    )


def test_types_in_a_dry_run_are_all_named_with_those_that_look_like_times_by_their_names_and_values() -> None:
    """An epoch would be an integer, and a time a text, for good."""
    result = write_customers(ADA, {"email": "bob@example.com", "created": None, "mrr": "5"}, dry_run=True)

    assert isinstance(result.error, ConfigurationError)
    assert "POST /data_attributes" not in result.calls
    (first,) = [
        text for text in result.logs if "which would be created" in text and "Missing custom attributes" in text
    ]
    assert f"which would be created: {TYPES}. A type cannot be changed later." in first
    assert 'The names of these suggest times: "customer_since", "last_change".' in first
    (last,) = [text for text in result.logs if "all of their values look like times" in text]
    assert 'look like times: "customer_since" (integer), "last_change" (string). ' in last
    for text in (first, last):
        assert 'set the type of its entry in users.attributes to "date" before the first sync' in text


def test_types_in_a_dry_run_when_one_value_is_no_time_are_not_said_to_hold_times() -> None:
    """A name may still be one of a time; a text that is one by chance is not enough."""
    result = write_customers(ADA, {**ADA, "updated_at": "yesterday", "created": 7}, dry_run=True)

    assert result.logged('The names of these suggest times: "customer_since", "last_change"')
    assert not result.logged("all of their values look like times")


def test_types_in_a_sync_are_said_before_anything_is_created() -> None:
    """At the moment at which the line leaves, Intercom has none of them; and a sync says how to mend it."""
    clock = VirtualClock()
    intercom = Intercom(Settings(), clock=clock.wall)
    created: list[int] = []

    def note(line: bytes) -> None:
        if b"which are created: " in line:
            created.append(intercom.dump()["calls"].get("POST /data_attributes", 0))

    result = write_customers(ADA, intercom=intercom, clock=clock, watch=note)

    assert result.error is None
    assert [0] == created
    assert 4 == result.calls["POST /data_attributes"]
    assert result.logged(f"which are created: {TYPES}. A type cannot be changed later.")
    assert result.logged("archive the new attribute in Intercom and write another one")
    made = {each["name"]: each["data_type"] for each in result.contents["data_attributes"] if each["custom"]}
    assert {"customer_since": "integer", "last_change": "string", "mrr": "string", "seats": "float"} == made


def test_types_when_there_is_more_to_warn_of_than_the_log_takes_are_said_all_the_same() -> None:
    """Forty mistyped properties must not hide what lasts."""
    mistyped = [{"property": f"zzz{number}", "type": "string"} for number in range(60)]
    result = write_customers(ADA, attributes=[*ATTRIBUTES, *mistyped])

    assert result.error is None
    assert result.logged("There are more warnings")
    assert result.logged(f"which are created: {TYPES}, ")


NESTED = {"address": {"type": ["null", "object"]}, "lines": {"type": "array", "items": {"type": "object"}}}


@pytest.mark.parametrize("kind", [{}, {"type": "string"}])
def test_objects_and_lists_of_them_when_they_would_be_created_are_refused_in_clear_words(kind: dict[str, str]) -> None:
    """Nothing is created, not even what is in order."""
    entries = [{"property": "address", **kind}, {"property": "lines", **kind}, {"property": "mrr"}]
    result = write_customers(ADA, attributes=entries, columns=NESTED)

    assert isinstance(result.error, ConfigurationError)
    assert '"address" (an object), "lines" (a list of objects or lists)' in result.error.message
    assert "address.city" in result.error.message
    assert "POST /data_attributes" not in result.calls


def test_list_of_scalars_when_it_is_created_is_a_text() -> None:
    """Its members are joined; with a type of the entry's own a list of which nobody tells what it holds is one, too."""
    columns = {"tags": {"type": ["null", "array"], "items": {"type": "string"}}, "codes": {"type": "array"}}
    result = write_customers(
        {**ADA, "tags": ["a", "b"], "codes": [1, 2]},
        attributes=[{"property": "tags"}, {"property": "codes", "type": "string"}],
        columns=columns,
    )

    assert result.error is None
    (ada,) = result.contents["contacts"]
    assert {"tags": "a, b", "codes": "1, 2"} == ada["custom_attributes"]


@pytest.mark.parametrize("missing", ["fail", "create", "skip"])
@pytest.mark.parametrize(("name", "right"), [("Mrr", "mrr"), ("Revenue a month", "mrr"), ("Phone", "phone")])
def test_label_or_another_case_of_a_name_when_written_is_answered_with_the_right_one(
    missing: str, name: str, right: str
) -> None:
    """Intercom shows labels; a second attribute that looks like the first one is never created."""
    result = write_customers(
        ADA,
        attributes=[{"property": "mrr", "attribute": name}],
        missing=missing,
        seed={"data_attributes": [{"name": "mrr", "label": "Revenue a month"}]},
    )

    told = [*result.logs, *([result.error.message] if result.error else [])]
    assert [text for text in told if f'"{name}"' in text and f'"{right}"' in text]
    assert (missing != "skip") == isinstance(result.error, ConfigurationError)
    assert "POST /data_attributes" not in result.calls


def test_type_of_an_entry_when_the_workspace_has_another_is_warned_of_and_the_workspaces_counts() -> None:
    """Both types are said."""
    result = write_customers(
        ADA,
        attributes=[{"property": "created", "attribute": "customer_since", "type": "date"}],
        seed={"data_attributes": [{"name": "customer_since", "data_type": "integer"}]},
    )

    assert result.error is None
    assert result.logged('"customer_since" has the type integer in the workspace, but the type date in its entry')
    (ada,) = result.contents["contacts"]
    assert {"customer_since": ADA["created"]} == ada["custom_attributes"]
