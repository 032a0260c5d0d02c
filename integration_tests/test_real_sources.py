"""Records as real sources send them, with the schemas that they declare, arrive as a person expects it."""

from __future__ import annotations

from typing import Any

from integration_tests.support.harness import TOKEN, Result, record, state, write


def declared(**types: Any) -> dict[str, Any]:
    """A schema that declares properties, each by its type, which null may stand for, or by a schema of its own."""
    properties = {name: kind if isinstance(kind, dict) else {"type": ["null", kind]} for name, kind in types.items()}
    return {"type": "object", "properties": properties}


def catalog_of(stream: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A configured catalog of one stream."""
    inner = {"name": stream, "json_schema": schema, "supported_sync_modes": ["full_refresh", "incremental"]}
    return {"streams": [{"stream": inner, "sync_mode": "incremental", "destination_sync_mode": "append"}]}


def configuration(**sections: Any) -> dict[str, Any]:
    """A configuration with a token; sections that have a mode are enabled."""
    enabled = {
        name: {"mode": "enabled", **each} if name in {"events", "users"} else each for name, each in sections.items()
    }
    return {"access_token": TOKEN, **enabled}


def metadata_of(result: Result) -> list[dict[str, Any]]:
    """The metadata of each event in Intercom."""
    return [each["metadata"] for each in result.events]


# ---------------------------------------------------------------- a sheet

GRACE = {
    "role": "user",
    "email": "grace@example.com",
    "name": "Grace",
    "phone": "+15550100",
    "custom_attributes": {"plan": "pro", "seats": 5, "renews": 1706745600},
}
SHEET_ATTRIBUTES = [
    {"name": "plan", "data_type": "string"},
    {"name": "seats", "data_type": "integer"},
    {"name": "renews", "data_type": "date"},
]
COLUMNS = ("name", "phone", "plan", "seats", "renews")


def write_row(null_values: str, **row: Any) -> Result:
    """Write one row of a sheet for Grace."""
    attributes = [{"property": name} for name in COLUMNS]
    users = {"streams": [{"stream": "rows"}], "attributes": attributes, "null_values": null_values}
    return write(
        [record("rows", email="grace@example.com", **row), state("rows", 1)],
        configuration=configuration(identity={"property": "email", "intercom_field": "email"}, users=users),
        configured_catalog=catalog_of("rows", declared(email="string", **dict.fromkeys(COLUMNS, "string"))),
        seed={"data_attributes": SHEET_ATTRIBUTES, "contacts": [GRACE]},
    )


BLANKS = {"name": "", "phone": " ", "plan": "", "seats": "", "renews": "\t"}


def test_row_of_blank_cells_when_nulls_are_ignored_then_changes_nothing() -> None:
    """A sheet has no null, and a blank cell is one: the contact is unchanged, and nothing is warned of."""
    result = write_row("ignore", **BLANKS)

    assert result.error is None
    assert result.logged("unchanged 1")
    assert not [message for message in result.messages if message.get("log", {}).get("level") == "WARN"]
    (grace,) = result.contents["contacts"]
    assert GRACE == {name: grace[name] for name in GRACE}


def test_row_of_blank_cells_when_nulls_clear_then_empties_each() -> None:
    """Whatever the type of the attribute is."""
    result = write_row("clear", **BLANKS)

    (grace,) = result.contents["contacts"]
    values = {**grace, **grace["custom_attributes"]}
    assert {None} == {values[name] or None for name in COLUMNS}
    assert "grace@example.com" == grace["email"]
