"""The scenarios of PyAirbyte's `pyab destination-smoke-test`, each with what must become of it.

The records are PyAirbyte's own; what is expected of them is written down here by hand. People and companies of each
scenario have IDs of their own, so that no two scenarios meet.

    python -m integration_tests.source.smoke_cases http://127.0.0.1:8080

prints the configuration for a local Intercom.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from typing import Any

from integration_tests.source.cases import FIXED_SECONDS, FIXED_TIME, Case, Entry, configure, map_users

PREFLIGHT = "_preflight_basic_types"
"""What `pyab` sends first, alone."""

_LONG_NAMES = (
    "a_very_long_column_name_that_exceeds_typical_database_limits_and_should_be_truncated_or_handled_gracefully_by_the_destination",
    "another_extremely_verbose_column_name_designed_to_test_the_absolute_maximum_length_that_any_reasonable_database_would_support",
)
_LONGEST = 255


def _read(stream: str, count: int, **others: int) -> tuple[Mapping[str, Mapping[str, int]], ...]:
    """Return the counts of one sync in which all records of a stream were delivered, or those of `others` were not."""
    numbers = {"read": count, "delivered": count - sum(others.values()), **others}
    return ({stream: {name: number for name, number in numbers.items() if number}},)


def _entry(stream: str, *properties: str, **renamed: str) -> Entry:
    """Return an entry of `users.streams`, as `map_users` does."""
    return map_users(stream, _identity(stream), *properties, **renamed)


def _identity(stream: str) -> str:
    return f"{stream}-{{{{ record.id }}}}"


def _people(stream: str, *each: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the people whom the records of a stream describe, whose IDs are 1, 2 and so on."""
    return {f"{stream}-{number}": values for number, values in enumerate(each, 1)}


def _basic(stream: str) -> Case:
    return Case(
        name=stream,
        users=[_entry(stream, "name", "amount", "is_active")],
        syncs=_read(stream, 3),
        contacts=_people(
            stream,
            {"name": "Alice", "amount": 100.5, "is_active": True},
            {"name": "Bob", "amount": 0.0, "is_active": False},
            {"amount": -99.99, "is_active": True},
        ),
        loss="A blank text is no value: the third person has no name.",
    )


def _named(stream: str, name: str) -> Case:
    return Case(
        name=stream,
        users=[_entry(stream, name="value")],
        syncs=_read(stream, 1),
        contacts=_people(stream, {"name": name}),
    )


CASES = (
    _basic(PREFLIGHT),
    _basic("basic_types"),
    Case(
        name="timestamp_types",
        users=[
            {
                "stream": "timestamp_types",
                "identity_property": _identity("timestamp_types"),
                "attributes": [
                    {"property": "created_date"},
                    {"property": "updated_at", "attribute": "signed_up_at"},
                    {"property": "epoch_seconds", "type": "date"},
                    {"property": '{{ record.epoch_seconds | unix("s") }}', "attribute": "epoch", "type": "date"},
                ],
            }
        ],
        events=[
            {
                "stream": "timestamp_types",
                "event_name": "updated",
                "created_at_property": "updated_at",
                "identity_property": _identity("timestamp_types"),
            }
        ],
        syncs=_read("timestamp_types", 3),
        left_out={"timestamp_types": ['"epoch_seconds": 2 no_date']},
        contacts=_people(
            "timestamp_types",
            {
                "created_date": 1_705_276_800,
                "signed_up_at": 1_705_314_600,
                "epoch_seconds": 1_705_312_200,
                "epoch": 1_705_312_200,
            },
            {"created_date": 0, "signed_up_at": 0, "epoch": 0},
            {"created_date": 4_102_358_400, "signed_up_at": 4_102_444_799, "epoch": 4_102_444_799},
        ),
        made_events=[
            ("timestamp_types-1", "updated", 1_705_314_600, {}),
            ("timestamp_types-2", "updated", 0, {}),
            ("timestamp_types-3", "updated", 4_102_444_799, {}),
        ],
        loss="Intercom takes whole seconds: the fraction of a second is dropped. A bare number is a time from 1979 to 2033"
        " only, so 0 and the last second of 2099 are left out; a template with the filter `unix` reads them.",
    ),
    Case(
        name="large_decimals_and_numbers",
        users=[_entry("large_decimals_and_numbers", "big_integer", "precise_decimal", "small_decimal")],
        syncs=_read("large_decimals_and_numbers", 3),
        contacts=_people(
            "large_decimals_and_numbers",
            {"big_integer": 9_999_999_999_999_999, "precise_decimal": math.pi, "small_decimal": 0.000001},
            {"big_integer": -9_999_999_999_999_999, "precise_decimal": -0.1, "small_decimal": 1e-10},
            {"big_integer": 0, "precise_decimal": 99999999.99999999, "small_decimal": 0.0},
        ),
    ),
    Case(
        name="nested_json_objects",
        users=[
            _entry(
                "nested_json_objects",
                "metadata.source",
                "metadata.tags",
                deep_value="nested_deep.level1.level2.value",
                first_sku="items_array.0.sku",
            )
        ],
        syncs=_read("nested_json_objects", 2),
        contacts=_people(
            "nested_json_objects",
            {"source": "api", "tags": "a, b, c", "deep_value": "deep", "first_sku": "ABC"},
            {"source": "manual"},
        ),
        loss="Intercom's attributes are scalars: no object or list of objects is written whole. Paths select what is"
        " inside; a list of texts is written as one text.",
    ),
    Case(
        name="null_handling",
        users=[
            _entry(
                "null_handling",
                "nullable_string",
                "nullable_integer",
                "nullable_number",
                "nullable_boolean",
                "always_null",
                nullable_key="nullable_object.key",
            )
        ],
        syncs=_read("null_handling", 3),
        contacts=_people(
            "null_handling",
            {
                "nullable_string": "present",
                "nullable_integer": 42,
                "nullable_number": math.pi,
                "nullable_boolean": True,
                "nullable_key": "val",
            },
            {},
            {"nullable_integer": 0, "nullable_number": 0.0, "nullable_boolean": False},
        ),
        loss="A blank text is no value; 0 and false are. The source, like others that are built with Airbyte's Python CDK, does"
        " not print a property that is null, so nothing that is null can be cleared.",
    ),
    Case(
        name="column_naming_edge_cases",
        users=[_entry("column_naming_edge_cases", "*", **{"column with dots": "column.with.dots"})],
        syncs=_read("column_naming_edge_cases", 1),
        left_out={"column_naming_edge_cases": ['"*": 1 no_attribute', '"*": 1 not_by_wildcard']},
        contacts=_people(
            "column_naming_edge_cases",
            {
                "CamelCaseColumn": "camel",
                "ALLCAPS": "caps",
                "snake_case_column": "snake",
                "column-with-dashes": "dashes",
                "column with dots": "dots",
                "column with spaces": "spaces",
                "select": "reserved_select",
                "from": "reserved_from",
                "order": "reserved_order",
                "group": "reserved_group",
            },
        ),
        loss="Intercom takes no dot in the name of an attribute: `column.with.dots` needs an entry with another name. A"
        " wildcard does not write `id`, which is Intercom's own.",
    ),
    _named("table_naming_edge_cases", "table_name_test"),
    _named("CamelCaseStreamName", "camel_case_stream_test"),
    Case(
        name="wide_table_50_columns",
        users=[_entry("wide_table_50_columns", **{"wide_*": "*"})],
        events=[
            {
                "stream": "wide_table_50_columns",
                "event_name": "wide",
                "created_at_property": FIXED_TIME,
                "identity_property": _identity("wide_table_50_columns"),
                "metadata": [{"property": "*"}],
            }
        ],
        syncs=_read("wide_table_50_columns", 2),
        left_out={"wide_table_50_columns": ['"*": 1 too_many']},
        contacts=_people(
            "wide_table_50_columns",
            {"wide_id": 1, **{f"wide_col_{number:03}": f"val_{number}" for number in range(1, 50)}},
            {"wide_id": 2},
        ),
        made_events=[
            (
                "wide_table_50_columns-1",
                "wide",
                FIXED_SECONDS,
                {"id": 1, **{f"col_{number:03}": f"val_{number}" for number in range(1, 20)}},
            ),
            ("wide_table_50_columns-2", "wide", FIXED_SECONDS, {"id": 2}),
        ],
        loss="A contact takes all 50. An event has 20 metadata keys in Intercom: the first 20 are sent. The rows have no"
        " time, so one time is configured for all.",
    ),
    Case(
        name="empty_stream",
        users=[_entry("empty_stream", name="value")],
        syncs=({},),
    ),
    Case(
        name="single_record_stream",
        companies=[
            {
                "stream": "single_record_stream",
                "company_id_property": _identity("single_record_stream"),
                "attributes": [{"property": "value", "attribute": "name"}],
            }
        ],
        syncs=_read("single_record_stream", 1),
        made_companies=_people("single_record_stream", {"name": "only_record"}),
    ),
    Case(
        name="large_batch_stream",
        users=[_entry("large_batch_stream", "name", "category", batch_value="value")],
        syncs=_read("large_batch_stream", 1_000),
        contacts=_people(
            "large_batch_stream",
            *(
                {"name": f"record_{number:06}", "category": f"cat_{'abcde'[number % 5]}", "batch_value": number * 1.1}
                for number in range(1, 1_001)
            ),
        ),
    ),
    Case(
        name="unicode_and_special_strings",
        users=[_entry("unicode_and_special_strings", "special_chars", name="unicode_text")],
        syncs=_read("unicode_and_special_strings", 4),
        contacts=_people(
            "unicode_and_special_strings",
            {"name": "Hello World", "special_chars": "line1\nline2\ttab"},
            {"name": "Café naïve résumé", "special_chars": 'quote"inside'},
            {"name": "你好世界", "special_chars": "back\\slash"},
            {"name": "АБВГ"},
        ),
        loss="A blank text is no value.",
    ),
    Case(
        name="schema_with_no_primary_key",
        events=[
            {
                "stream": "schema_with_no_primary_key",
                "event_name_property": "event_type",
                "created_at_property": FIXED_TIME,
                "identity_property": "event_id",
                "metadata": [{"property": "payload"}],
            }
        ],
        syncs=_read("schema_with_no_primary_key", 3, duplicate=1),
        contacts={"evt_001": {}, "evt_002": {}},
        made_events=[
            ("evt_001", "click", FIXED_SECONDS, {"payload": "{}"}),
            ("evt_002", "view", FIXED_SECONDS, {"payload": '{"page": "home"}'}),
        ],
        loss="Nothing is appended twice: Intercom drops an event of the same person, name and second, so the second of two"
        " equal rows is not sent. The rows have no time, so one time is configured for all.",
    ),
    Case(
        name="long_column_names",
        users=[_entry("long_column_names", "*")],
        syncs=_read("long_column_names", 1),
        left_out={"long_column_names": ['"*": 1 not_by_wildcard']},
        contacts=_people("long_column_names", dict(zip(_LONG_NAMES, ("long_col_1", "long_col_2"), strict=True))),
        loss="A wildcard does not write `id`, which is Intercom's own.",
    ),
    Case(
        name="duplicate_primary_keys",
        users=[_entry("duplicate_primary_keys", "name", "updated_value")],
        syncs=_read("duplicate_primary_keys", 6),
        contacts=_people(
            "duplicate_primary_keys",
            {"name": "Alice", "updated_value": "third"},
            {"name": "Bob", "updated_value": "second"},
            {"name": "Charlie", "updated_value": "first"},
        ),
    ),
    Case(
        name="time_types",
        users=[_entry("time_types", "time_no_tz", "time_with_tz", "timestamp_no_tz")],
        syncs=_read("time_types", 3),
        contacts=_people(
            "time_types",
            {"time_no_tz": "10:30:00", "time_with_tz": "10:30:00+05:30", "timestamp_no_tz": 1_705_314_600},
            {"time_no_tz": "00:00:00", "time_with_tz": "00:00:00Z", "timestamp_no_tz": 0},
            {
                "time_no_tz": "23:59:59.999999",
                "time_with_tz": "23:59:59.999999-08:00",
                "timestamp_no_tz": 4_102_444_799,
            },
        ),
        loss="Intercom has no time of a day: it is a text. A timestamp without an offset is read as UTC, in whole seconds.",
    ),
    Case(
        name="union_types",
        users=[
            {
                "stream": "union_types",
                "identity_property": _identity("union_types"),
                "attributes": [
                    {"property": "string_or_integer", "type": "string"},
                    {"property": "number_or_null"},
                    {"property": "object_or_string", "type": "string"},
                ],
            }
        ],
        syncs=_read("union_types", 3),
        left_out={"union_types": ['"object_or_string": 2 no_string']},
        contacts=_people(
            "union_types",
            {"string_or_integer": "hello", "number_or_null": math.pi},
            {"string_or_integer": "42", "object_or_string": "just_a_string"},
            {"number_or_null": 0.0},
        ),
        loss="An attribute has one type in Intercom: a union of two scalars needs a `type` in the configuration, and an"
        " object is left out.",
    ),
    Case(
        name="array_of_primitives",
        users=[
            {
                "stream": "array_of_primitives",
                "identity_property": _identity("array_of_primitives"),
                "attributes": [
                    {"property": "string_array"},
                    {"property": "integer_array"},
                    {"property": "mixed_array", "type": "string"},
                    {"property": "empty_typed_array"},
                ],
            }
        ],
        syncs=_read("array_of_primitives", 3),
        left_out={"array_of_primitives": ['"mixed_array": 1 no_string']},
        contacts=_people(
            "array_of_primitives",
            {
                "string_array": "a, b, c",
                "integer_array": "1, 2, 3",
                "mixed_array": "text, 42, true, 3.141592653589793",
            },
            {"integer_array": "0, -1, 999999999", "empty_typed_array": "0, 10000000000, -99.99"},
            {"string_array": "normal", "empty_typed_array": "3.141592653589793"},
        ),
        loss="Intercom's attributes are scalars: a list is written as one text, without its blank and null members. A list"
        " that holds an object or a list is left out.",
    ),
    Case(
        name="large_string_values",
        users=[_entry("large_string_values", "short_value", "medium_value", "large_value")],
        syncs=_read("large_string_values", 2),
        left_out={"large_string_values": ['"large_value": 2 cut', '"medium_value": 2 cut', '"short_value": 1 cut']},
        contacts=_people(
            "large_string_values",
            {"short_value": "x" * _LONGEST, "medium_value": "y" * _LONGEST, "large_value": "z" * _LONGEST},
            {
                "short_value": "Hello, World!",
                "medium_value": ("The quick brown fox jumps over the lazy dog. " * 10)[:_LONGEST],
                "large_value": ("Pack my box with five dozen liquor jugs. " * 10)[:_LONGEST],
            },
        ),
        loss="Intercom takes 255 characters: longer texts are cut, and counted.",
    ),
    Case(
        name="sparse_records",
        companies=[
            {
                "stream": "sparse_records",
                "company_id_property": _identity("sparse_records"),
                "attributes": [{"property": f"col_{letter}"} for letter in "abcde"],
            }
        ],
        syncs=_read("sparse_records", 7),
        made_companies=_people(
            "sparse_records",
            {"col_a": "only_a"},
            {"col_b": 42},
            {"col_c": math.pi},
            {"col_d": True},
            {"col_e": "only_e"},
            {"col_a": "all", "col_b": 99, "col_c": 1.0, "col_d": False, "col_e": "present"},
            {},
        ),
    ),
    Case(
        name="special_number_values",
        users=[_entry("special_number_values", "float_value", "integer_value")],
        syncs=_read("special_number_values", 7),
        contacts=_people(
            "special_number_values",
            {"float_value": 1.7976931348623157e308, "integer_value": 1},
            {"float_value": 5e-324, "integer_value": -1},
            {"float_value": -1.7976931348623157e308, "integer_value": 0},
            {"float_value": -5e-324, "integer_value": 2**63 - 1},
            {"float_value": 0.0, "integer_value": -(2**63)},
            {"float_value": 1.0, "integer_value": 2**31 - 1},
            {"float_value": -1.0, "integer_value": -(2**31)},
        ),
    ),
)


def main(url: str) -> None:
    """Print the configuration of all scenarios, for the local Intercom at `url`."""
    sys.stdout.write(json.dumps(configure(CASES, url), indent=2) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
