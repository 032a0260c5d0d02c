"""spec.json against the model that validates it, against Airbyte's form, and against the demo's configuration."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped] # it comes with the CDK, and without types
import pytest

from destination_intercom.configuration import config as config_module
from destination_intercom.configuration.config import Config, parse_config
from destination_intercom.configuration.entries import FORBIDDEN_IN_METADATA_NAMES

ROOT = Path(__file__).resolve().parents[2]
SPEC: dict[str, Any] = json.loads((Path(config_module.__file__).parents[1] / "spec.json").read_text(encoding="utf-8"))
FORM: dict[str, Any] = SPEC["connectionSpecification"]
MARKS = {"mode", "storage_type", "format_type", "compression_type"}
"""The constants by which the form tells the variants of a section apart."""
NEVER_RENDERED = {"anyOf", "allOf", "$ref", "if", "then", "else", "not", "patternProperties"}


def _fields(node: dict[str, Any], place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Walk all fields of the form: its own, those of nested objects, of variants and of elements."""
    for name, field in node.get("properties", {}).items():
        yield f"{place}{name}", field
        yield from _fields(field, f"{place}{name}.")
        for variant in field.get("oneOf", []):
            yield from _fields(variant, f"{place}{name}[{variant['title']}].")
        yield from _fields(field.get("items", {}), f"{place}{name}[].")


def _objects(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from _objects(value)
    elif isinstance(node, list):
        for value in node:
            yield from _objects(value)


FIELDS = dict(_fields(FORM))
SHOWN = {place: field for place, field in FIELDS.items() if "const" not in field}


def _essence(node: dict[str, Any]) -> dict[str, Any]:
    """Reduce a schema to what it accepts: names, required, defaults, values, limits, variants."""
    if "oneOf" in node:
        return {"oneOf": [_essence(variant) for variant in node["oneOf"]]}
    if "properties" in node:
        return {
            "fields": {name: _essence(field) for name, field in node["properties"].items()},
            "required": sorted(node.get("required", [])),
            "open": node.get("additionalProperties", True),
        }
    essence: dict[str, Any] = {
        key: node[key] for key in ("type", "default", "const", "enum", "minimum", "maximum") if key in node
    }
    if "items" in node:
        essence["items"] = _essence(node["items"])
    if "const" in essence:
        essence["enum"] = [essence.pop("const")]
        essence.pop("default", None)  # the form preselects the variant by it
    if node.get("airbyte_secret") or node.get("writeOnly"):
        essence["secret"] = True
    return essence


def _model_schema() -> dict[str, Any]:
    """Tell the model's own schema, with references and optional types resolved."""
    document = Config.model_json_schema(by_alias=True)

    def resolve(node: dict[str, Any]) -> dict[str, Any]:
        if "$ref" in node:
            return resolve(document["$defs"][node["$ref"].rpartition("/")[2]])
        if "anyOf" in node:
            (real,) = [option for option in node["anyOf"] if option != {"type": "null"}]
            default = {} if node.get("default") is None else {"default": node["default"]}
            return resolve({**real, **default})
        found = dict(node)
        if "properties" in node:
            found["properties"] = {name: resolve(field) for name, field in node["properties"].items()}
            for name, field in found["properties"].items():
                if "const" in field and name not in MARKS:
                    # A choice of which there is one so far.
                    field["enum"] = [field.pop("const")]
        if "oneOf" in node:
            found["oneOf"] = [resolve(option) for option in node["oneOf"]]
        if "items" in node:
            found["items"] = resolve(node["items"])
        return found

    return resolve(document)


MODEL = _essence(_model_schema())


def test_spec_and_model_walked_together_are_equal() -> None:
    """Fields, aliases, required, defaults, values, limits, nested objects and variants: one cannot change alone."""
    assert MODEL == _essence(FORM)


def _changes(node: Any) -> Iterator[Any]:
    """Make each copy of the form that differs by one thing that matters."""
    for place, part in enumerate(list(_objects(node))):
        if not isinstance(part.get("type"), str):
            continue  # a map of fields
        for key in (
            "default",
            "const",
            "enum",
            "minimum",
            "maximum",
            "airbyte_secret",
            "required",
            "additionalProperties",
        ):
            if key not in part or (key == "default" and "const" in part):
                continue
            changed = copy.deepcopy(node)
            del list(_objects(changed))[place][key]
            yield changed
        for key in ("enum", "required", "oneOf"):
            if isinstance(part.get(key), list):
                changed = copy.deepcopy(node)
                list(_objects(changed))[place][key].pop()
                yield changed
        for name in part.get("properties", {}):
            changed = copy.deepcopy(node)
            del list(_objects(changed))[place]["properties"][name]
            yield changed
        if part.get("type") in {"string", "integer"}:
            changed = copy.deepcopy(node)
            list(_objects(changed))[place]["type"] = "boolean"
            yield changed


def test_spec_changed_at_any_one_place_differs_from_the_model() -> None:
    """The comparison above overlooks no field, value, bound or default."""
    changes = list(_changes(FORM))
    assert len(changes) > 150
    assert [] == [change for change in changes if _essence(change) == MODEL]


@pytest.mark.parametrize("place", SHOWN)
def test_spec_field_has_title_description_and_order(place: str) -> None:
    """The form shows all three; the constants of variants are not shown."""
    field = SHOWN[place]
    assert all(isinstance(field.get(key), str) and field[key].strip() for key in ("title", "description"))
    assert isinstance(field.get("order"), int)


@pytest.mark.parametrize("place", SHOWN)
def test_spec_field_shows_an_example(place: str) -> None:
    """Nobody has to guess how a value looks."""
    field = SHOWN[place]
    assert re.search(r"\be\.g\.|\bExample\b|\bsuch as\b", field["description"]) or field.get("examples")


def test_spec_orders_are_unique_within_their_object() -> None:
    """Two fields of one place would swap at will."""
    holders = [
        node for node in _objects(FORM) if isinstance(node.get("properties"), dict) and node.get("type") == "object"
    ]
    assert len(holders) > 10
    for holder in holders:
        orders = [field["order"] for field in holder["properties"].values()]
        assert len(orders) == len(set(orders))


def test_spec_holds_nothing_that_the_form_cannot_show() -> None:
    """Airbyte renders no references and no unions but oneOf, and masks no secrets in them."""
    names = {key for node in _objects(FORM) for key in node}
    assert set() == names & NEVER_RENDERED
    assert not any(isinstance(node.get("type"), list) for node in _objects(FORM))


VARIANTS = {
    "companies": ("mode", ["disabled", "enabled"]),
    "events": ("mode", ["enabled", "disabled"]),
    "object_storage_config": ("storage_type", ["None", "S3"]),
    "object_storage_config[S3].compression": ("compression_type", ["No Compression", "GZIP"]),
    "users": ("mode", ["enabled", "disabled"]),
}


SECTIONS = [name for name, field in FORM["properties"].items() if field["type"] == "object"]


def test_spec_variants_are_objects_told_apart_by_a_constant() -> None:
    """The form draws oneOf only so."""
    holders = {place: field for place, field in FIELDS.items() if "oneOf" in field}
    assert sorted(VARIANTS) == sorted(holders)
    for place, holder in holders.items():
        assert holder["type"] == "object"
        name, values = VARIANTS[place]
        constants = [variant["properties"][name] for variant in holder["oneOf"]]
        assert values == [constant["const"] for constant in constants]
        assert all(each["type"] == "string" and each["default"] == each["const"] for each in constants)
        assert all(variant["type"] == "object" and variant["title"] for variant in holder["oneOf"])


def test_spec_sections_that_are_empty_objects_are_accepted() -> None:
    """Airbyte's form sends {} for a section that nobody filled in: it is the variant that stands for an absent one."""
    for place, absent in (("events", 1), ("object_storage_config", 0), ("users", 1)):
        variants = FORM["properties"][place]["oneOf"]
        accepting = [jsonschema.Draft7Validator(variant).is_valid({}) for variant in variants]
        assert [number == absent for number in range(2)] == accepting
    jsonschema.validate({"access_token": "t", **{name: {} for name in SECTIONS}}, FORM)


def test_spec_arrays_hold_texts_or_objects() -> None:
    """The form draws no other array."""
    arrays = {place: field["items"] for place, field in FIELDS.items() if field["type"] == "array"}
    assert len(arrays) > 8
    assert {"string", "object"} == {items["type"] for items in arrays.values()}
    assert all("properties" in items for items in arrays.values() if items["type"] == "object")


def test_spec_objects_are_never_free_maps() -> None:
    """An object has properties or variants."""
    objects = [field for field in FIELDS.values() if field["type"] == "object"]
    assert all("properties" in field or "oneOf" in field for field in objects)


ALWAYS_SHOWN = [
    "api_endpoint",
    "identity.property",
    "identity.intercom_field",
    "events[Enabled].streams",
    "events[Enabled].streams[].event_name",
    "events[Enabled].streams[].event_name_property",
    "events[Enabled].streams[].metadata[].name",
    "events[Enabled].streams[].metadata[].type",
    "events[Enabled].streams[].filters[].values",
    "events[Enabled].selected_events",
    "events[Enabled].not_before",
    "events[Enabled].metadata[].name",
    "events[Enabled].metadata[].type",
    "events[Enabled].filters[].values",
    "users[Enabled].streams",
    "users[Enabled].streams[].attributes[].attribute",
    "users[Enabled].streams[].attributes[].type",
    "users[Enabled].streams[].filters[].values",
    "users[Enabled].attributes",
    "users[Enabled].attributes[].attribute",
    "users[Enabled].attributes[].type",
    "users[Enabled].attributes_text",
    "users[Enabled].filters[].values",
    "companies[Enabled].streams",
    "companies[Enabled].streams[].attributes[].attribute",
    "companies[Enabled].streams[].attributes[].type",
    "companies[Enabled].streams[].filters[].values",
    "companies[Enabled].attributes",
    "companies[Enabled].attributes[].attribute",
    "companies[Enabled].attributes[].type",
    "companies[Enabled].attributes_text",
    "companies[Enabled].filters[].values",
    "object_storage_config[S3].s3_bucket_region",
    "object_storage_config[S3].access_key_id",
    "object_storage_config[S3].secret_access_key",
    "object_storage_config[S3].bucket_path",
]
"""What a first user needs of the optional fields; all others are folded away."""


def test_spec_shows_what_a_first_user_needs_and_folds_the_rest_away() -> None:
    """Airbyte's form folds an optional field away unless it says always_show."""
    assert ALWAYS_SHOWN == [place for place, field in FIELDS.items() if field.get("always_show")]


def test_spec_orders_fields_as_they_are_written_with_those_that_are_shown_first() -> None:
    """The order is that of the work, and nothing that is shown comes after something that is folded away."""
    for holder in _objects(FORM):
        if not isinstance(holder.get("properties"), dict):
            continue
        fields = {name: field for name, field in holder["properties"].items() if "airbyte_hidden" not in field}
        orders = [field["order"] for field in fields.values()]
        folded = [
            not ("oneOf" in field or "const" in field or field["type"] == "object" or field.get("always_show"))
            and name not in holder.get("required", [])
            for name, field in fields.items()
        ]
        assert sorted(orders) == orders
        assert sorted(folded) == folded


def test_spec_gives_each_section_a_card_with_a_title() -> None:
    """Airbyte's form shows no title of an object, but one of a group; the groups are in the order of the fields."""
    groups = [group["id"] for group in FORM["groups"]]
    assert all(group["title"].strip() for group in FORM["groups"])
    assert groups == list(dict.fromkeys(field["group"] for field in FORM["properties"].values()))


def test_spec_has_room_for_lines_where_lines_are_asked_for() -> None:
    """A field of one line would make one line of what is pasted."""
    expected = [f"{section}[Enabled].attributes_text" for section in ("users", "companies")]
    assert expected == [place for place, field in FIELDS.items() if field.get("multiline")]


def test_spec_masks_the_secrets_and_nothing_else() -> None:
    """A secret must be masked; a mask elsewhere hides what the user wants to read."""
    storage = "object_storage_config[S3]."
    expected = ["access_token", f"{storage}access_key_id", f"{storage}secret_access_key"]
    assert expected == [place for place, field in FIELDS.items() if field.get("airbyte_secret")]


def test_spec_hides_the_base_url_and_the_only_format() -> None:
    """One is for proxies and tests, the other leaves no choice."""
    expected = ["api_base_url", "object_storage_config[S3].format"]
    assert expected == [place for place, field in FIELDS.items() if field.get("airbyte_hidden")]


@pytest.mark.parametrize("place", [place for place, field in FIELDS.items() if "pattern" in field])
def test_spec_pattern_takes_its_examples(place: str) -> None:
    """A pattern that refuses its own example stops the user at the form."""
    field = FIELDS[place]
    assert field["examples"]
    for example in field["examples"]:
        assert re.search(field["pattern"], example)


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        ("events[Enabled].not_before", "2026-01-31", True),
        ("events[Enabled].not_before", "2026-01-31 12:00:00+02:00", True),
        ("events[Enabled].not_before", "soon", False),
        ("api_base_url", "https://proxy.example.com/path", True),
        ("api_base_url", "http://[::1]:80/", True),
        ("api_base_url", "http://localhost.example.com", False),
        ("api_base_url", "http://proxy.example.com", False),
        ("object_storage_config[S3].s3_endpoint", "https://minio.example.com", True),
        ("object_storage_config[S3].s3_endpoint", "http://127.0.0.1:9000", True),
        ("object_storage_config[S3].s3_endpoint", "", True),
        ("object_storage_config[S3].s3_endpoint", "http://minio.example.com", False),
        ("object_storage_config[S3].s3_bucket_name", "a bucket", False),
        ("object_storage_config[S3].s3_bucket_region", "us east", False),
        ("events[Enabled].metadata[].name", "ad cost", True),
        *[
            ("events[Enabled].metadata[].name", f"a{sign}b", False)
            for sign in sorted(FORBIDDEN_IN_METADATA_NAMES - {"*"})
        ],
    ],
)
def test_spec_pattern_draws_the_line_where_the_model_does(place: str, value: str, *, expected: bool) -> None:
    """What the form takes the connector takes, too."""
    assert expected is bool(re.search(FIELDS[place]["pattern"], value))


@pytest.mark.parametrize("place", [place for place, field in SHOWN.items() if field.get("examples")])
def test_spec_example_is_valid_itself(place: str) -> None:
    """An example is something that one can type."""
    field = SHOWN[place]
    for example in field["examples"]:
        jsonschema.validate(example, field)


def test_spec_is_a_valid_schema() -> None:
    """The platform validates configurations with it."""
    jsonschema.Draft7Validator.check_schema(FORM)


def test_spec_declares_the_promised_sync_modes() -> None:
    """Append and append_dedup, and overwrite, which may not fail."""
    assert sorted(SPEC["supported_destination_sync_modes"]) == ["append", "append_dedup", "overwrite"]


def test_spec_is_loaded_by_the_cdk() -> None:
    """The CDK's own class takes the whole file."""
    from airbyte_cdk.models import ConnectorSpecificationSerializer

    loaded = ConnectorSpecificationSerializer.load(SPEC)
    assert FORM == loaded.connectionSpecification


def test_demo_config_is_accepted_by_the_form_and_by_the_model() -> None:
    """What the demo shows must work in the form as well."""
    document = json.loads((ROOT / "integration_tests" / "demo" / "config.json").read_text(encoding="utf-8"))
    jsonschema.validate(document, FORM)
    assert parse_config(document).users.mode == "enabled"
