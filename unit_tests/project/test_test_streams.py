"""The public test streams of `make source-test`: the page says what is expected of them, and they are converted whole.

The streams themselves come with other packages, so they are sent in `integration_tests/source` alone.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from airbyte_cdk.models import AirbyteMessage, AirbyteMessageSerializer, AirbyteRecordMessage, Type

from destination_intercom.configuration.config import parse_config
from integration_tests.source import singer_cases, smoke_cases
from integration_tests.source.cases import Case, configure
from integration_tests.source.singer import convert
from unit_tests.project.test_docs import ROOT, read, rows, section

PAGE = "docs/test-streams.md"
TABLES = {"PyAirbyte's smoke test": smoke_cases.CASES, "Meltano's test streams": singer_cases.CASES}


@pytest.mark.parametrize(("heading", "cases"), TABLES.items())
def test_page_when_a_stream_is_sent_then_its_row_says_what_becomes_of_it(heading: str, cases: tuple[Case, ...]) -> None:
    """A row for each stream and no other, with the counts that the test holds, and what cannot hold."""
    assert [case.row() for case in cases] == rows(section(PAGE, heading))


@pytest.mark.parametrize("package", ["pyairbyte", "singer-sdk"])
def test_page_when_it_names_a_version_then_it_is_the_one_that_is_installed(package: str) -> None:
    """The one in the constraints of the package's environment."""
    constraints = (ROOT / "integration_tests" / "source" / f"{package}-constraints.txt").read_text(encoding="utf-8")
    name = {"pyairbyte": "airbyte"}.get(package, package)
    [version] = re.findall(rf"^{name}==(\S+)", constraints, flags=re.MULTILINE)

    assert [version] == re.findall(rf"{package} (\d[\d.]*\d)", read(PAGE), flags=re.IGNORECASE)


@pytest.mark.parametrize("cases", [smoke_cases.CASES, *([case] for case in singer_cases.CASES)])
def test_configuration_when_it_is_made_of_cases_then_it_names_each_stream_of_theirs(cases: list[Case]) -> None:
    """The connector refuses a catalog's stream that the configuration does not name."""
    document = configure(cases, "http://127.0.0.1:1")
    named = {
        entry["stream"]
        for section_ in ("users", "events", "companies")
        for entry in document.get(section_, {}).get("streams", ())
    }
    counted = {stream for case in cases for sync in case.syncs for stream in sync}

    assert counted <= named


def test_smoke_configuration_when_it_is_printed_then_the_connector_takes_it(capsys: pytest.CaptureFixture[str]) -> None:
    """The page tells how to run the smoke test by hand."""
    smoke_cases.main("http://127.0.0.1:8080")

    printed = json.loads(capsys.readouterr().out)
    assert "http://127.0.0.1:8080" == printed["api_base_url"]
    assert "enabled" == parse_config(printed).users.mode


def test_pages_when_they_say_that_sources_leave_null_out_then_the_cdk_does() -> None:
    """At the top level of a record, which is where it costs a property."""
    data = {"id": 1, "plan": None, "address": {"city": None}}
    record_ = AirbyteRecordMessage(stream="people", data=data, emitted_at=1)
    printed = AirbyteMessageSerializer.dump(AirbyteMessage(type=Type.RECORD, record=record_))

    assert {"id": 1, "address": {"city": None}} == printed["record"]["data"]
    assert all("Python CDK" in read(page) for page in (PAGE, "docs/intercom.md"))


def schema(stream: str, **properties: str) -> dict[str, Any]:
    """A SCHEMA message; properties by their types."""
    declared = {"type": "object", "properties": {name: {"type": kind} for name, kind in properties.items()}}
    return {"type": "SCHEMA", "stream": stream, "schema": declared, "key_properties": ["id"]}


def record(stream: str, **data: Any) -> dict[str, Any]:
    """A RECORD message."""
    return {"type": "RECORD", "stream": stream, "record": data, "version": 7, "time_extracted": "2026-01-01T00:00:00Z"}


def converted(*messages: dict[str, Any]) -> list[tuple[list[str], list[Any]]]:
    """The syncs that messages become: the names of the catalog's streams, and what each message carries."""
    syncs = convert(json.dumps(message).encode() for message in messages)
    return [
        (
            [each["stream"]["name"] for each in sync.catalog()["streams"]],
            [
                message["record"]["data"] if message["type"] == "RECORD" else message["state"]["global"]["shared_state"]
                for message in map(json.loads, sync.lines().splitlines())
            ],
        )
        for sync in syncs
    ]


def test_singer_when_schemas_come_before_their_records_then_all_is_one_sync() -> None:
    """A stream that joins late, and a schema that is said again, are no reason for another sync."""
    state = {"type": "STATE", "value": {"people": 1}}
    version = {"type": "ACTIVATE_VERSION", "stream": "people", "version": 7}
    people, places = schema("people", id="integer"), schema("places", id="integer")

    found = converted(people, record("people", id=1), state, places, people, version, record("places", id=2))

    assert [(["people", "places"], [{"id": 1}, {"people": 1}, {"id": 2}])] == found


def test_singer_when_a_schema_changes_after_records_then_another_sync_begins() -> None:
    """Airbyte's catalog does not change within a sync; the other streams go on."""
    old, new = schema("people", id="integer"), schema("people", id="integer", name="string")

    found = converted(schema("places", id="integer"), old, record("people", id=1), new, record("people", id=2))

    assert [(["places", "people"], [{"id": 1}]), (["places", "people"], [{"id": 2}])] == found


def test_singer_when_a_stream_has_keys_then_the_catalog_has_them() -> None:
    """With keys a stream is append_dedup, without them append."""
    [sync] = convert([json.dumps(schema("people", id="integer")).encode()])
    [keyed] = sync.catalog()["streams"]
    [sync] = convert([json.dumps({**schema("people", id="integer"), "key_properties": []}).encode()])
    [free] = sync.catalog()["streams"]

    assert ("append_dedup", [["id"]]) == (keyed["destination_sync_mode"], keyed["primary_key"])
    assert ("append", []) == (free["destination_sync_mode"], free["primary_key"])
    assert {"id": {"type": "integer"}} == keyed["stream"]["json_schema"]["properties"]


def test_singer_when_a_message_is_of_no_known_type_then_it_is_refused() -> None:
    """A message that a new version brings must not vanish."""
    with pytest.raises(ValueError, match="BATCH is no message of Singer's"):
        convert([b'{"type": "BATCH"}'])
