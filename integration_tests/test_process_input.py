"""The connector as a process that is given what is none of the protocol, or a configuration that cannot work."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from integration_tests.support.harness import catalog, config, record, state, to_lines
from integration_tests.support.people import EVENTS, MARK, event, refuse_marks_in, told_apart, user

CONFIG = "config_error"
SYSTEM = "system_error"


@pytest.fixture
def place(make_workplace: Callable[..., Any]) -> Iterator[Any]:
    """A workplace whose output is searched for personal data at the end."""
    made = make_workplace()
    yield made
    refuse_marks_in(made)


def only_error(connector: Any) -> dict[str, Any]:
    """The only TRACE ERROR of a connector that has ended, which must be its last message."""
    assert len(connector.errors) == 1
    assert connector.messages[-1]["type"] == "TRACE"
    assert b"" == connector.stderr
    error: dict[str, Any] = connector.errors[0]
    return error


BAD_LINES: dict[str, bytes] = {
    "half_a_line": to_lines([user(7)])[:-20],
    "no_utf8": b'{"type": "RECORD", "record": {"stream": "users", "data": {"user_id": "canary-\xff"}, "emitted_at": 1}}\n',
    "no_json": b"canary: this is no JSON\n",
    "nan": b'{"type": "RECORD", "record": {"stream": "users", "data": {"user_id": "canary", "name": NaN}}}\n',
    "json_list": b'["canary"]\n',
    "json_without_type": b'{"canary": "canary"}\n',
    "record_without_stream": b'{"type": "RECORD", "record": {"data": {"user_id": "canary"}, "emitted_at": 1}}\n',
    "record_without_data": b'{"type": "RECORD", "record": {"stream": "users", "data": "canary", "emitted_at": 1}}\n',
    "record_of_no_stream": to_lines([record("canaries", user_id="canary-7")]),
    "state_without_stream": b'{"type": "STATE", "state": {"type": "STREAM", "stream": {"canary": 1}}}\n',
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_input_when_a_line_is_bad_ends_after_what_came_before_it(place: Any, name: str) -> None:
    """What was read before a bad line is delivered and acknowledged; nothing after it is read; the line is not told."""
    connector = place.write(events=EVENTS)
    good = to_lines([user(1), event(1, 1), state("users", 1), user(2)])
    bad = BAD_LINES[name]
    after = to_lines([state("users", 2), user(3)]) if bad.endswith(b"\n") else b""
    assert connector.finish(good + bad + after) == 1
    error = only_error(connector)
    assert error["failure_type"] == SYSTEM
    assert "Line 5 " in error["message"]
    assert [1] == [each["id"] for each in connector.states]
    contents = told_apart(place.intercom.dump())
    assert [f"{MARK}-1", f"{MARK}-2"] == [contact[0] for contact in contents["contacts"]]
    assert 1 == len(contents["events"])


def test_input_when_its_last_line_has_no_end_is_taken_whole(place: Any) -> None:
    """A complete message without a newline is a message."""
    connector = place.write(events=EVENTS)
    assert connector.finish(to_lines([user(1), state("users", 1)])[:-1]) == 0
    assert [1] == [each["id"] for each in connector.states]


def test_input_when_empty_ends_well(place: Any) -> None:
    """A sync that brings nothing is no error."""
    connector = place.write(events=EVENTS)
    assert connector.finish() == 0
    assert [] == connector.errors
    assert b"" == connector.stderr


def test_records_when_their_overwrite_stream_is_in_no_list_end_the_sync(place: Any) -> None:
    """`Clear data` sends such a stream empty, so the error waits for the first record, and names the stream."""
    both = catalog("users")["streams"] + catalog("orders", destination_sync_mode="overwrite")["streams"]
    arguments = ("--config", place.config(events=EVENTS), "--catalog", place.file("both.json", {"streams": both}))
    connector = place.start("write", *arguments)
    connector.send(to_lines([user(1), state("users", 1)]))
    connector.wait_for("STATE")
    assert connector.finish(to_lines([record("orders", user_id=f"{MARK}-1")])) == 1
    error = only_error(connector)
    assert error["failure_type"] == CONFIG
    assert {"name": "orders"} == error["stream_descriptor"]
    assert "orders" in error["message"]
    assert [1] == [each["id"] for each in connector.states]


@dataclass(frozen=True)
class Files:
    """What is wrong with the files of a command: bytes as they are, a document, or None for no file."""

    configuration: Any
    catalog: Any
    failure_type: str
    told: str


GOOD_CONFIG = config(events=EVENTS)
GOOD_CATALOG = catalog("users", "events")
BAD_FILES: dict[str, Files] = {
    "no_config_file": Files(None, GOOD_CATALOG, CONFIG, "configuration file"),
    "config_no_json": Files(b'{"access_token": "canary', GOOD_CATALOG, CONFIG, "not JSON"),
    "config_no_utf8": Files(b'{"access_token": "canary\xff"}', GOOD_CATALOG, CONFIG, "not JSON"),
    "config_no_object": Files(["canary"], GOOD_CATALOG, CONFIG, "object"),
    "unknown_field": Files({**GOOD_CONFIG, "acces_token": "canary"}, GOOD_CATALOG, CONFIG, "acces_token"),
    "bad_value": Files({**GOOD_CONFIG, "api_endpoint": "canary"}, GOOD_CATALOG, CONFIG, "api_endpoint"),
    "bad_token": Files({**GOOD_CONFIG, "access_token": "canary token"}, GOOD_CATALOG, CONFIG, "access_token"),
    "no_catalog_file": Files(GOOD_CONFIG, None, CONFIG, "catalog file"),
    "catalog_no_json": Files(GOOD_CONFIG, b"canary", CONFIG, "not JSON"),
    "catalog_empty": Files(GOOD_CONFIG, {"streams": []}, CONFIG, "no streams"),
    "catalog_other": Files(GOOD_CONFIG, {"canary": []}, CONFIG, "catalog"),
    "stream_in_no_list": Files(GOOD_CONFIG, catalog("users", "orders"), CONFIG, '"orders"'),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_write_when_a_file_cannot_work_ends_before_the_first_call(place: Any, name: str) -> None:
    """One TRACE ERROR says which file or field is wrong, never what stood in it; nothing is sent."""
    case = BAD_FILES[name]
    paths = []
    for kind, document in (("config", case.configuration), ("catalog", case.catalog)):
        if isinstance(document, dict) and kind == "config":
            document = {**document, "api_base_url": place.url}  # noqa: PLW2901
        path = f"{place.folder}/{kind}.json"
        paths.append(path if document is None else place.file(f"{kind}.json", document))
    connector = place.start("write", "--config", paths[0], "--catalog", paths[1])
    assert connector.finish(to_lines([user(1), state("users", 1)])) == 1
    error = only_error(connector)
    assert error["failure_type"] == case.failure_type
    assert case.told in error["message"]
    assert [] == connector.states
    assert {} == place.intercom.dump()["calls"]


def test_files_when_they_begin_with_a_byte_order_mark_are_read(place: Any) -> None:
    """Some editors put one before everything that they save."""
    document = {**GOOD_CONFIG, "api_base_url": place.url}
    paths = [
        place.file(f"{name}.json", codecs.BOM_UTF8 + json.dumps(content).encode())
        for name, content in (("config", document), ("catalog", GOOD_CATALOG))
    ]
    connector = place.start("write", "--config", paths[0], "--catalog", paths[1])
    assert connector.finish(to_lines([user(1), state("users", 1)])) == 0
    assert [1] == [each["id"] for each in connector.states]
    assert [] == connector.errors


@pytest.mark.parametrize("command", ["check", "write"])
def test_command_when_its_configuration_is_a_folder_says_that_it_cannot_be_read(place: Any, command: str) -> None:
    """A path that is no file is an error of the configuration, not a bug."""
    catalog_option = ("--catalog", place.catalog()) if command == "write" else ()
    connector = place.start(command, "--config", str(place.folder), *catalog_option)
    assert connector.finish() == 1
    error = only_error(connector)
    assert error["failure_type"] == CONFIG
    assert str(place.folder) not in json.dumps(error)
