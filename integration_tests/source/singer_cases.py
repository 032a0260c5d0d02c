"""Meltano's public test streams for targets, each file with what must become of it.

The files are singer-sdk's own; what is expected of them is written down here by hand. In a file with several streams, the
people of each have IDs of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integration_tests.source.cases import FIXED_SECONDS, FIXED_TIME, Case, Entry, map_users

_NO_ID = "A record without an identity belongs to nobody:"


def _delivered(count: int) -> dict[str, int]:
    return {"read": count, "delivered": count}


def _counted(stream: str) -> Entry:
    """Return an entry of `events.streams` for rows that have an ID and a metric."""
    return {
        "stream": stream,
        "event_name": "counted",
        "created_at_property": FIXED_TIME,
        "metadata": [{"property": "metric"}],
    }


def _info(prefix: str, *infos: str) -> dict[str, Mapping[str, Any]]:
    return {f"{prefix}-{number}": {"info": info} for number, info in enumerate(infos, 1)}


_STRINGS = (
    "simple string 2837",
    "απλή συμβολοσειρά",
    "简单的字串",
    "chaîne simple",
    'quoted "string"',
    'various " \\ / \n escape sequences',
    "m",
    "ā",
    "ƙ",
    "Double quoting: \\u0000 \\u0041 \\u0001",
    "Control Characters in string: \x00 A \x01",
)
_IN_OBJECTS = (
    *_STRINGS[:9],
    " \\u0000 \\u0041 \\u0001",
    "\x00 A \x01",
)
_IN_ARRAYS = (
    "simple string, απλή συμβολοσειρά, 简单的字串",
    'chaîne simple, quoted "string"',
    'various " \\ / \n escape sequences',
    "m, ā, ƙ",
    "aaa, Double quoting: \\u0000 \\u0041 \\u0001",
    "bbb, Control Characters in string: \x00 A \x01",
)

_PLACES = ({"stream": "test_locations", "company_id_property": "id", "attributes": [{"property": "name"}]},)
_PEOPLE_IN_PLACES = (
    map_users("test_users", "id", "name"),
    map_users("test_user_in_location", "user_id", "info.weather", "info.mood"),
)

CASES = (
    Case(
        name="array_data",
        users=[map_users("test_array_data", "id", "fruits")],
        syncs=[{"test_array_data": _delivered(4)}],
        states=[(4, 0)],
        contacts={
            "1": {"fruits": "apple, orange, pear"},
            "2": {"fruits": "banana, apple"},
            "3": {"fruits": "pear"},
            "4": {"fruits": "orange, banana, apple, pear"},
        },
        loss="Intercom's attributes are scalars: a list is written as one text.",
    ),
    Case(
        name="camelcase",
        users=[map_users("TestCamelcase", "Id", "clientName")],
        syncs=[{"TestCamelcase": _delivered(2)}],
        contacts={"1": {"clientName": "Gitter Windows Desktop App"}, "2": {"clientName": "Gitter iOS App"}},
    ),
    Case(
        name="camelcase_complex_schema",
        users=[
            {
                "stream": "ForecastingTypeToCategory",
                "identity_property": "Id",
                "attributes": [{"property": "*"}, {"property": "CreatedDate", "type": "date"}],
            }
        ],
        syncs=[{}],
        types={
            "CreatedDate": "date",
            "IsDeleted": "boolean",
            "CreatedById": "string",
            "LastModifiedById": "string",
            "ForecastingTypeId": "string",
            "ForecastingItemCategory": "string",
            "DisplayPosition": "integer",
            "IsAdjustable": "boolean",
            "IsOwnerAdjustable": "boolean",
            "age": "integer",
            "NewCamelCasedAttribute": "string",
            "_attribute_startswith_underscore": "string",
        },
        loss="The file has schemas and no records, so only attributes are created. Where a schema says both a time and any"
        " text, as of `CreatedDate`, the type is not guessed: it needs an entry with a `type`, and a wildcard leaves such"
        " properties out.",
    ),
    Case(
        name="duplicate_records",
        users=[map_users("test_duplicate_records", "id", "metric")],
        syncs=[{"test_duplicate_records": _delivered(5)}],
        states=[(5, 0)],
        contacts={"1": {"metric": 100}, "2": {"metric": 20}},
    ),
    Case(
        name="encoded_string_data",
        users=[
            map_users("test_strings", "text-{{ record.id }}", "info"),
            map_users("test_strings_in_objects", "object-{{ record.id }}", info="info.value"),
            map_users("test_strings_in_arrays", "array-{{ record.id }}", info="strings"),
        ],
        syncs=[
            {
                "test_strings": _delivered(11),
                "test_strings_in_objects": _delivered(11),
                "test_strings_in_arrays": _delivered(6),
            }
        ],
        states=[(28, 0)],
        contacts={**_info("text", *_STRINGS), **_info("object", *_IN_OBJECTS), **_info("array", *_IN_ARRAYS)},
        loss="Nothing is known of how Intercom takes control characters such as U+0000; they are sent as they are.",
    ),
    Case(
        name="invalid_schema",
        users=[map_users("test_invalid_schema", "id")],
        syncs=[{}],
        loss="The schema declares no properties, so a Singer target must refuse it. In Airbyte such a schema is valid, and leaves"
        " open which properties there are: the connector takes it.",
    ),
    Case(
        name="multiple_state_messages",
        users=[
            map_users("test_multiple_state_messages_a", "a-{{ record.id }}", "metric"),
            map_users("test_multiple_state_messages_b", "b-{{ record.id }}", "metric"),
        ],
        syncs=[{"test_multiple_state_messages_a": _delivered(6), "test_multiple_state_messages_b": _delivered(6)}],
        states=[(1, 0), (2, 0), (2, 0), (3, 0), (3, 0)],
        contacts={
            **{f"a-{number}": {"metric": number * 100} for number in range(1, 7)},
            **{f"b-{number}": {"metric": number * 110} for number in range(1, 7)},
        },
    ),
    Case(
        name="no_primary_keys",
        events=[_counted("test_no_pk")],
        syncs=[{"test_no_pk": _delivered(3)}],
        states=[(3, 0)],
        contacts={"1": {}, "2": {}, "3": {}},
        made_events=[
            ("1", "counted", FIXED_SECONDS, {"metric": 11}),
            ("2", "counted", FIXED_SECONDS, {"metric": 22}),
            ("3", "counted", FIXED_SECONDS, {"metric": 33}),
        ],
        loss="The rows have no time, so one time is configured for all.",
    ),
    Case(
        name="no_primary_keys_append",
        after="no_primary_keys",
        events=[_counted("test_no_pk")],
        syncs=[{"test_no_pk": _delivered(5)}],
        states=[(5, 0)],
        contacts={"1": {}, "2": {}, "3": {}, "4": {}, "5": {}},
        made_events=[
            ("1", "counted", FIXED_SECONDS, {"metric": 11}),
            ("2", "counted", FIXED_SECONDS, {"metric": 22}),
            ("3", "counted", FIXED_SECONDS, {"metric": 33}),
            ("4", "counted", FIXED_SECONDS, {"metric": 404}),
            ("5", "counted", FIXED_SECONDS, {"metric": 505}),
        ],
        loss="Rows are to be appended to those of `no_primary_keys`. Intercom takes an event of the same person, name and"
        " second for one that it has, answers as if it took it, and drops it: with one time for all rows, the first three"
        " are lost. Rows that are events need a time of their own.",
    ),
    Case(
        name="optional_attributes",
        users=[map_users("test_optional_attributes", "id", "optional")],
        syncs=[{"test_optional_attributes": _delivered(4)}],
        states=[(4, 0)],
        contacts={"1": {"optional": "This is optional"}, "2": {}, "3": {"optional": "Also optional"}, "4": {}},
    ),
    Case(
        name="pk_updates",
        users=[map_users("example_stream", "id", "name", "email")],
        syncs=[{"example_stream": _delivered(1)}, {"example_stream": _delivered(1)}],
        contacts={
            "1": {"name": "Alice", "email": "alice@example.com"},
            "2": {"name": "Bob", "email": "bob@example.com"},
        },
        loss="The key changes in the middle. Airbyte's catalog cannot change within a sync, so the second half is a sync of"
        " its own; and the configuration says who a person is, never the stream's key.",
    ),
    Case(
        name="record_before_schema",
        users=[map_users("test_record_before_schema", "id", "metric")],
        syncs=[{}, {"test_record_before_schema": _delivered(1)}],
        errors=["The catalog has no streams: select at least one stream in the connection."],
        contacts={"2": {"metric": 3728}},
        loss="A Singer target must refuse a record without a schema. In Airbyte the catalog comes before all records, so this is a"
        " sync whose catalog has no streams: it is refused. The rest is a sync of its own.",
    ),
    Case(
        name="record_missing_fields",
        users=[map_users("record_missing_fields", "id", "optional")],
        syncs=[{"record_missing_fields": _delivered(2)}],
        states=[(2, 0)],
        contacts={"1": {"optional": "now you see me"}, "2": {}},
    ),
    Case(
        name="record_missing_key_property",
        users=[map_users("test_record_missing_key_property", "id", "metric")],
        syncs=[{"test_record_missing_key_property": {"read": 1, "filtered": 1, "anonymous": 1}}],
        loss=f"{_NO_ID} it is filtered as `anonymous`, and the sync goes on. A Singer target must fail.",
    ),
    Case(
        name="record_missing_required_property",
        users=[map_users("test_record_missing_required_property", "id", "metric")],
        identity={"missing": "reject"},
        syncs=[{"test_record_missing_required_property": {"read": 1, "rejected": 1, "missing_identity": 1}}],
        loss=f"{_NO_ID} with `identity.missing: reject` it is rejected as `missing_identity`.",
    ),
    Case(
        name="schema_no_properties",
        users=[
            map_users(
                "test_object_schema_with_properties",
                "with-{{ record.object_store.id }}",
                "object_store.metric",
            ),
            {
                "stream": "test_object_schema_no_properties",
                "identity_property": "without-{{ record.object_store.id }}",
                "attributes": [{"property": "object_store.metric", "type": "integer"}],
            },
        ],
        syncs=[
            {"test_object_schema_with_properties": _delivered(2), "test_object_schema_no_properties": _delivered(2)}
        ],
        contacts={
            "with-1": {"metric": 187},
            "with-2": {"metric": 203},
            "without-1": {"metric": 1},
            "without-2": {"metric": 2},
        },
        loss="An object is not written whole: a path selects what is inside. Where the schema does not say what that is, an"
        " attribute that is to be created needs a `type` in the configuration.",
    ),
    Case(
        name="schema_updates",
        users=[
            {
                "stream": "test_schema_updates",
                "attributes": [
                    {"property": "*"},
                    {"property": "a4.value", "attribute": "a4_value", "type": "integer"},
                ],
            }
        ],
        syncs=[
            {"test_schema_updates": _delivered(1)},
            {"test_schema_updates": _delivered(1)},
            {"test_schema_updates": _delivered(2)},
            {"test_schema_updates": _delivered(2)},
        ],
        states=[(2, 0)],
        contacts={
            "1": {"a1": 101.0, "a2": "string1"},
            "2": {"a1": 102.0, "a2": "string2", "a3": True},
            "3": {"a1": 103.0, "a2": "string3", "a3": False, "a4_value": 1, "a5": "banana, apple"},
            "4": {"a1": 104.0, "a2": "string4", "a3": True, "a4_value": 22, "a5": "orange, pear"},
            "5": {"a1": 105.0, "a2": "string5", "a3": False, "a4_value": 33, "a5": "apple", "a6": 985},
            "6": {"a1": 106.0, "a2": "string6", "a3": True, "a4_value": 444, "a5": "banana, orange", "a6": 341},
        },
        loss="Airbyte's catalog cannot change within a sync, so each new schema begins a sync of its own. A wildcard writes"
        " new properties by itself, but no object; its members need an entry.",
    ),
    Case(
        name="special_chars_in_attributes",
        users=[
            map_users(
                "test:SpecialChars!in?attributes",
                "_id",
                "d.env",
                agent_type="d.agent:type",
                agent_version="d.agent:os:version",
            )
        ],
        syncs=[{"test:SpecialChars!in?attributes": _delivered(1)}],
        contacts={"a2e98886": {"env": "prod", "agent_type": "desktop", "agent_version": "10.13.1"}},
        loss="Intercom takes no colon in the name of an attribute: such properties need an entry with another name.",
    ),
    Case(
        name="user_location_data",
        users=_PEOPLE_IN_PLACES,
        companies=_PLACES,
        users_section={"member_of": [{"property": "location_id"}]},
        syncs=[
            {
                "test_users": _delivered(5),
                "test_locations": _delivered(3),
                "test_user_in_location": _delivered(3),
            }
        ],
        states=[(11, 0)],
        contacts={
            "1": {"name": "Yannis", "weather": "sunny", "mood": "happy", "companies": ["1", "2", "3"]},
            "2": {"name": "Micael"},
            "3": {"name": "Jacob"},
            "4": {"name": "Josh"},
            "5": {"name": "Thomas"},
        },
        made_companies={"1": {"name": "Philadelphia"}, "2": {"name": "NY"}, "3": {"name": "SF"}},
    ),
    Case(
        name="user_location_upsert_data",
        after="user_location_data",
        users=_PEOPLE_IN_PLACES,
        companies=_PLACES,
        users_section={"member_of": [{"property": "location_id"}]},
        syncs=[
            {
                "test_users": _delivered(6),
                "test_locations": _delivered(4),
                "test_user_in_location": _delivered(4),
            }
        ],
        states=[(14, 0)],
        contacts={
            "1": {"name": "Johny", "weather": "rainy", "mood": "sad", "companies": ["1", "2", "3", "4"]},
            "2": {"name": "George", "weather": "sunny", "mood": "satisfied", "companies": ["3"]},
            "3": {"name": "Jacob", "weather": "sunny", "mood": "happy", "companies": ["2"]},
            "4": {"name": "Josh", "weather": "cloudy", "mood": "ok", "companies": ["1"]},
            "5": {"name": "Jim"},
            "8": {"name": "Thomas"},
            "12": {"name": "Paul"},
            "13": {"name": "Mary"},
        },
        made_companies={
            "1": {"name": "Philly"},
            "2": {"name": "NY"},
            "3": {"name": "San Francisco"},
            "4": {},
            "6": {"name": "Colorado"},
            "8": {"name": "Boston"},
        },
        loss="Nobody is taken out of a company: a row that names another place adds it. A place that has no row is made by"
        " its ID.",
    ),
)
