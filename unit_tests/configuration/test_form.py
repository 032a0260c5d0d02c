"""The configurations that Airbyte's form makes: the specification and the connector take them, and they mean the same."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped] # it comes with the CDK, and without types
import pytest
from hypothesis import given, settings, strategies as st

from destination_intercom.configuration import config as config_module
from destination_intercom.configuration.config import parse_config
from destination_intercom.errors import ConfigurationError
from unit_tests.configuration.airbyte_form import AirbyteForm, find_mark, find_variant, is_list_of_objects, walk

SPEC: dict[str, Any] = json.loads((Path(config_module.__file__).parents[1] / "spec.json").read_text(encoding="utf-8"))[
    "connectionSpecification"
]
FORMS = {"early": AirbyteForm(SPEC, fills_in=True), "late": AirbyteForm(SPEC, fills_in=False)}
each_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)

FILTERS = [{"property": "country", "operator": "is", "values": ["NL"]}, {"property": "email", "operator": "is_set"}]
METADATA = [
    {"property": "plan", "name": "Plan", "type": "text"},
    {"property": "{{ record.items | length }}", "name": "items"},
    {"property": "total", "type": "money", "currency_property": "currency", "unit": "cents"},
]
ATTRIBUTES = [
    {"property": "user_properties.plan", "attribute": "plan", "type": "string"},
    {"property": "email", "overwrite": "if_empty"},
]
COMPANY_ATTRIBUTES = [{"property": "name"}, {"property": "traits.tier", "attribute": "tier", "type": "string"}]
WHOLE: dict[str, Any] = {
    "api_endpoint": "eu",
    "access_token": "test-token",
    "api_base_url": "https://proxy.example.com",
    "identity": {"property": "id", "intercom_field": "email", "missing": "reject"},
    "events": {
        "mode": "enabled",
        "streams": [
            {
                "stream": "events",
                "event_name_property": "type",
                "created_at_property": "time",
                "identity_property": "who",
                "intercom_field": "external_id",
                "filters": FILTERS,
                "metadata": METADATA,
                "deleted_property": "gone",
                "namespace": "public",
            },
            {"stream": "orders", "event_name": "Order {{ record.status }}", "created_at_property": "at"},
        ],
        "selected_events": ["Song Played", "Checkout*"],
        "excluded_events": ["*internal*"],
        "renamed_events": [{"from": "$pageview", "to": "Page viewed"}],
        "not_before": "2026-01-01T00:00:00Z",
        "filters": FILTERS,
        "metadata": METADATA,
        "unknown_users": "create",
    },
    "users": {
        "mode": "enabled",
        "streams": [
            {"stream": "users"},
            {
                "stream": "people",
                "identity_property": "id",
                "intercom_field": "external_id",
                "filters": FILTERS,
                "attributes": ATTRIBUTES,
                "deleted_property": "gone",
                "namespace": "public",
            },
        ],
        "attributes": ATTRIBUTES,
        "attributes_text": "phone = contact.phone\n\nmrr: float = billing.mrr",
        "filters": FILTERS,
        "deleted_records": "archive",
        "missing_attributes": "create",
        "null_values": "clear",
        "write_mode": "update_only",
        "create_as": "user",
        "unchanged_contacts": "send",
        "archived_contacts": "unarchive",
        "email_match": "reject",
        "member_of": [{"property": "account_id"}],
        "tags": [{"property": "plan"}, {"property": "segments", "prefix": "Segment: ", "mode": "replace"}],
    },
    "companies": {
        "mode": "enabled",
        "streams": [
            {"stream": "accounts", "company_id_property": "id"},
            {
                "stream": "teams",
                "company_id_property": "team.id",
                "filters": FILTERS,
                "attributes": COMPANY_ATTRIBUTES,
                "deleted_property": "gone",
                "namespace": "public",
            },
        ],
        "attributes": COMPANY_ATTRIBUTES,
        "attributes_text": "plan\nseats: integer = billing.seats",
        "filters": FILTERS,
        "missing_attributes": "create",
        "null_values": "clear",
    },
    "delivery": {
        "max_calls_per_minute": 5000,
        "concurrency": 8,
        "stop_after_rejected": 0,
        "max_rejected_percent": 0.5,
        "max_deletions": 5,
        "contacts_api": "bulk",
        "dry_run": True,
    },
    "object_storage_config": {
        "storage_type": "S3",
        "access_key_id": "key",
        "secret_access_key": "secret",
        "s3_bucket_name": "rejected",
        "s3_bucket_region": "eu-west-1",
        "s3_endpoint": "https://minio.example.com",
        "bucket_path": "rejected/intercom",
        "format": {"format_type": "JSONL"},
        "compression": {"compression_type": "GZIP"},
    },
}
"""A value in every field of the form."""


@st.composite
def parts_of(draw: st.DrawFn, schema: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """Draw what somebody might have filled in of `whole`: some of its optional fields, sections and entries."""
    part: dict[str, Any] = {}
    for name, field in schema["properties"].items():
        if name not in whole or (name not in schema.get("required", []) and draw(st.integers(0, 3)) == 0):
            continue
        if "oneOf" in field:
            part[name] = draw(parts_of(find_variant(field, whole[name][find_mark(field)]), whole[name]))
            part[name].setdefault(find_mark(field), whole[name][find_mark(field)])
        elif field["type"] == "object":
            part[name] = draw(parts_of(field, whole[name]))
        elif is_list_of_objects(field):
            part[name] = [draw(parts_of(field["items"], each)) for each in whole[name]]
        else:
            part[name] = whole[name]
    return part


def fill_in(form: AirbyteForm, schema: dict[str, Any], values: dict[str, Any], document: dict[str, Any]) -> None:
    """Fill in the fields that a document has, as a person does; other fields stay as the form shows them."""
    for name, field in schema["properties"].items():
        if "oneOf" in field:
            mark = find_mark(field)
            wanted = (document.get(name) or {}).get(mark)
            if wanted is None:
                # A section of variants has one at any time: to leave it out is to choose the one that says so.
                [wanted] = [
                    variant["properties"][mark]["const"]
                    for variant in field["oneOf"]
                    if mark not in variant.get("required", [])
                ]
            values[name] = form.choose(field, values.get(name), wanted)
            fill_in(form, find_variant(field, wanted), values[name], document.get(name) or {})
        elif field["type"] == "object":
            fill_in(form, field, values.setdefault(name, {}), document.get(name, {}))
        elif is_list_of_objects(field):
            for entry in document.get(name, []):
                added = form.add(field["items"])
                fill_in(form, field["items"], added, entry)
                values.setdefault(name, []).append(added)
        elif name in document and "const" not in field:
            values[name] = copy.deepcopy(document[name])


def refusal(document: dict[str, Any]) -> str:
    """Tell what the connector says of a document; nothing if it takes it."""
    try:
        parse_config(document)
    except ConfigurationError as error:
        return error.message
    return ""


def assert_means(meant: dict[str, Any], saved: dict[str, Any]) -> None:
    """Compare what was saved with what was meant; what is refused is refused for the same reason."""
    assert refusal(meant) == refusal(saved)
    if not refusal(meant):
        jsonschema.validate(saved, SPEC)
        assert parse_config(meant) == parse_config(saved)


def test_form_has_a_value_for_every_field_in_these_tests() -> None:
    """A new field takes part in what follows, or this fails."""

    def missing(schema: dict[str, Any], values: list[dict[str, Any]], place: str) -> list[str]:
        found = []
        for name, field in schema["properties"].items():
            inner = [value[name] for value in values if name in value]
            if not inner:
                found.append(f"{place}{name}")
            elif "oneOf" in field:
                found += missing(find_variant(field, inner[0][find_mark(field)]), inner, f"{place}{name}.")
            elif field["type"] == "object":
                found += missing(field, inner, f"{place}{name}.")
            elif is_list_of_objects(field):
                found += missing(field["items"], [each for entries in inner for each in entries], f"{place}{name}[].")
        return found

    # One of the two ways of naming an amount's currency is enough.
    assert ["events.streams[].metadata[].currency", "events.metadata[].currency"] == missing(SPEC, [WHOLE], "")
    assert refusal(WHOLE) == ""


@each_form
def test_form_of_a_new_destination_when_saved_untouched_tells_what_is_missing(form: AirbyteForm) -> None:
    """The form begins with both sections enabled, and the connector says what they lack."""
    message = refusal({**form.save(form.begin()), "access_token": "t"})
    assert "selected_events is required" in message
    assert "name the streams whose records are users" in message


@each_form
@given(document=parts_of(SPEC, WHOLE))
def test_form_when_filled_in_and_saved_means_what_was_filled_in(form: AirbyteForm, document: dict[str, Any]) -> None:
    """The defaults that the form adds on its own change nothing."""
    values = form.begin()
    fill_in(form, SPEC, values, document)
    assert_means(document, form.save(values))


@each_form
@given(document=parts_of(SPEC, WHOLE))
def test_form_when_opened_and_saved_unchanged_means_the_same(form: AirbyteForm, document: dict[str, Any]) -> None:
    """Edit and Save, twice: empty objects come, and the meaning stays."""
    once = form.save(form.edit(document))
    assert_means(document, once)
    assert_means(document, form.save(form.edit(once)))


@each_form
@given(document=parts_of(SPEC, WHOLE), data=st.data())
@settings(max_examples=200)
def test_form_when_edited_and_saved_means_what_was_edited(
    form: AirbyteForm, document: dict[str, Any], data: st.DataObject
) -> None:
    """Look at lists, empty fields and lists, add entries, choose variants there and back, save in between."""
    values, meant = form.edit(document), copy.deepcopy(document)
    for _ in range(data.draw(st.integers(1, 5), "edits")):
        schema, shown, told = data.draw(st.sampled_from(list(walk(SPEC, values, meant))), "object")
        edit = data.draw(st.sampled_from(["look", "empty", "remove all", "add", "there and back", "leave", "save"]))
        if edit == "look":
            form.show(schema, shown)
        elif edit == "save":
            saved = form.save(values)
            assert_means(meant, saved)
            values = form.edit(saved)
        elif fields := [
            name for name in schema["properties"] if _takes(edit, schema["properties"][name], told.get(name))
        ]:
            name = data.draw(st.sampled_from(fields), "field")
            _edit(form, edit, schema["properties"][name], shown, told, name)
    assert_means(meant, form.save(values))


def _takes(edit: str, field: dict[str, Any], value: Any) -> bool:
    """Say whether a field that has this value can be edited so."""
    if "oneOf" in field:
        return edit in {"there and back", "leave"} and bool(value)
    if field["type"] == "array":
        return edit == "remove all" or (edit == "add" and is_list_of_objects(field) and bool(value))
    return edit == "empty" and field["type"] in {"string", "integer"} and "const" not in field and value is not None


def _edit(
    form: AirbyteForm, edit: str, field: dict[str, Any], shown: dict[str, Any], told: dict[str, Any], name: str
) -> None:
    """Edit one field as a person does, and what they mean by it in `told`."""
    if edit == "empty":
        shown[name] = ""
        del told[name]
    elif edit == "remove all":
        shown[name], told[name] = [], []
    elif edit == "add":
        added = form.add(field["items"])
        fill_in(form, field["items"], added, told[name][-1])
        shown[name].append(added)
        told[name].append(copy.deepcopy(told[name][-1]))
    else:
        mark = find_mark(field)
        constants = [variant["properties"][mark]["const"] for variant in field["oneOf"]]
        [other] = [constant for constant in constants if constant != told[name][mark]]
        shown[name] = form.choose(field, shown[name], other)
        if edit == "there and back":
            shown[name] = form.choose(field, shown[name], told[name][mark])
            fill_in(form, find_variant(field, told[name][mark]), shown[name], told[name])
        else:
            told[name] = {mark: other}
