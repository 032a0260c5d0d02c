"""Some cells of the matrix as they are in the world: the connector as a process, real sockets, real exit codes.

Chosen so that none has to wait for long: what takes ten minutes to be given up is in the matrix on a
clock of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from integration_tests.conftest import Workplace
from integration_tests.support.harness import config, state, to_lines, write
from integration_tests.support.local_s3 import Fault, LocalS3, local_s3
from integration_tests.support.people import EVENTS, event, make_sync, told_apart, user
from integration_tests.support.processes import CONNECTOR, DEADLINE, ROOT, Connector
from intercom_emulator import Server

MESSAGES: Final = make_sync(6, events_each=2, state_every=5)
ODD: Final = {"type": "odd"}
PASSING: Final[dict[str, dict[str, Any]]] = {
    "event-reset-before-fifth": {"endpoint": "POST /events", "kind": "reset_before", "every": 5},
    "event-reset-after-fifth": {"endpoint": "POST /events", "kind": "reset_after", "every": 5},
    "event-truncated-fifth": {"endpoint": "POST /events", "kind": "truncate", "every": 5},
    "event-502-html-fifth": {"endpoint": "POST /events", "kind": "html", "status": 502, "every": 5},
    "event-500-json-once": {"endpoint": "POST /events", "kind": "status", "status": 500, "at": [1]},
    "event-null-once": {"endpoint": "POST /events", "kind": "null", "after": True, "at": [2]},
    "event-no-fields-once": {"endpoint": "POST /events", "kind": "json", "body": ODD, "after": True, "at": [3]},
    "event-403-html-once": {"endpoint": "POST /events", "kind": "html", "status": 403, "at": [1]},
    "event-404-html-fifth": {"endpoint": "POST /events", "kind": "html", "status": 404, "every": 5},
    "event-408-once": {"endpoint": "POST /events", "kind": "status", "status": 408, "at": [4]},
    "create-reset-after-fifth": {"endpoint": "POST /contacts", "kind": "reset_after", "every": 5},
    "create-truncated-once": {"endpoint": "POST /contacts", "kind": "truncate", "at": [1]},
    "create-504-html-once": {"endpoint": "POST /contacts", "kind": "html", "status": 504, "after": True, "at": [2]},
    "create-404-html-once": {"endpoint": "POST /contacts", "kind": "html", "status": 404, "at": [1]},
    "create-null-fifth": {"endpoint": "POST /contacts", "kind": "null", "after": True, "every": 5},
    "update-reset-after-once": {"endpoint": "PUT /contacts/{id}", "kind": "reset_after", "at": [1]},
    "update-truncated-once": {"endpoint": "PUT /contacts/{id}", "kind": "truncate", "at": [1]},
    "search-reset-before-once": {"endpoint": "POST /contacts/search", "kind": "reset_before", "at": [1]},
    "search-truncated-once": {"endpoint": "POST /contacts/search", "kind": "truncate", "at": [1]},
    "search-no-fields-once": {"endpoint": "POST /contacts/search", "kind": "json", "body": ODD, "at": [1]},
    "attributes-503-html-once": {"endpoint": "GET /data_attributes", "kind": "html", "status": 503, "at": [1]},
    "attributes-truncated-once": {"endpoint": "GET /data_attributes", "kind": "truncate", "at": [1]},
}


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, Any]:
    """What Intercom holds after the sync that nothing has disturbed."""
    return told_apart(write(list(MESSAGES), configuration=config(events=EVENTS)).contents)


def expect_all(connector: Connector, code: int, place: Workplace, undisturbed: dict[str, Any]) -> None:
    """All arrived once, all states are out in their order, and nothing was said on stderr."""
    assert (0, b"", []) == (code, connector.stderr, connector.errors)
    assert undisturbed == told_apart(place.intercom.dump())
    wanted = [message["state"]["id"] for message in MESSAGES if message["type"] == "STATE"]
    assert wanted == [each["id"] for each in connector.states]


@pytest.mark.parametrize("name", PASSING)
def test_process_when_a_fault_passes_delivers_everything_once(
    make_workplace: Callable[..., Workplace], undisturbed: dict[str, Any], name: str
) -> None:
    """Over real sockets, too, what went wrong in between does not show in the end."""
    place = make_workplace(faults=[PASSING[name]])
    connector = place.write(events=EVENTS)
    code = connector.finish(to_lines(MESSAGES))
    expect_all(connector, code, place, undisturbed)
    assert any(each["fault"] for each in place.intercom.exchanges())


@pytest.mark.long
def test_process_when_it_is_refused_by_the_quota_delivers_everything_once(
    make_workplace: Callable[..., Workplace],
) -> None:
    """A 429 that tells nothing more: a window is waited for, and the call made once more."""
    fault = {"endpoint": "POST /events", "kind": "status", "status": 429, "at": [1]}
    place = make_workplace(headers="none", faults=[fault])
    connector = place.write(events=EVENTS)
    code = connector.finish(to_lines([user(1), event(1, 1), event(1, 2), state("events", 1)]))
    assert (0, b"", []) == (code, connector.stderr, connector.errors)
    assert [1] == [each["id"] for each in connector.states]
    contents = place.intercom.dump()
    assert 2 == len(contents["events"])
    assert 3 == contents["calls"]["POST /events"]


def test_process_when_connections_are_refused_for_a_while_delivers_everything_once(
    make_workplace: Callable[..., Workplace], undisturbed: dict[str, Any]
) -> None:
    """The host stays, nobody listens there, and later somebody does again."""
    place = make_workplace()
    with Server(place.intercom) as first:
        place.url = first.url
        address = urlsplit(first.url)
        connector = place.write(events=EVENTS)
        connector.send(to_lines(MESSAGES[:8]))
        connector.wait_for("STATE")
    connector.send(to_lines(MESSAGES[8:]))
    connector.close_stdin()
    time.sleep(1.5)
    assert connector.process.poll() is None
    with Server(place.intercom, port=address.port or 0):
        code = connector.join()
    expect_all(connector, code, place, undisturbed)


FATAL: Final[dict[str, tuple[str, int, str]]] = {
    "event-401": ("POST /events", 401, "token_revoked"),
    "create-401": ("POST /contacts", 401, "unauthorized"),
    "search-403": ("POST /contacts/search", 403, "api_plan_restricted"),
    "event-version": ("POST /events", 400, "intercom_version_invalid"),
}


@pytest.mark.parametrize("name", FATAL)
def test_process_when_a_failure_is_fatal_ends_with_one_error_and_the_states_of_what_was_delivered(
    workplace: Workplace, name: str
) -> None:
    """Exit code 1, one TRACE ERROR of the user's kind as the last word, and no traceback."""
    endpoint, status, code = FATAL[name]
    connector = workplace.write(events=EVENTS)
    connector.send(to_lines([user(1), event(1, 1), state("users", 1)]))
    connector.wait_for("STATE")
    body = {"type": "error.list", "errors": [{"code": code, "message": "canary"}]}
    workplace.intercom.set_faults([{"endpoint": endpoint, "kind": "status", "status": status, "body": body}])
    connector.send(to_lines([user(2), event(2, 2), state("users", 2)]))
    # The input stays open: a fatal error does not wait for its end.
    assert (1, b"") == (connector.join(), connector.stderr)
    assert ["config_error"] == [each["failure_type"] for each in connector.errors]
    assert "TRACE" == connector.messages[-1]["type"]
    assert [1] == [each["id"] for each in connector.states]


def test_process_when_the_host_has_no_address_fails_the_check_in_time(workplace: Workplace) -> None:
    """A name that nobody has (RFC 2606): the check says what to look at."""
    document = {**config(events=EVENTS), "api_base_url": "https://intercom.invalid"}
    began = time.monotonic()
    connector = workplace.start("check", "--config", workplace.file("config.json", document))
    assert 0 == connector.finish()
    (status,) = [each["connectionStatus"] for each in connector.messages if each["type"] == "CONNECTION_STATUS"]
    assert "FAILED" == status["status"]
    assert "api_endpoint" in status["message"]
    assert time.monotonic() - began < 30


@pytest.mark.long
def test_process_when_intercom_stalls_once_passes_the_check(make_workplace: Callable[..., Workplace]) -> None:
    """The first answer never comes; the second does, within the check's time."""
    place = make_workplace(faults=[{"endpoint": "GET /me", "kind": "stall", "at": [1]}])
    connector = place.start("check", "--config", place.config(events=EVENTS))
    assert 0 == connector.finish()
    (status,) = [each["connectionStatus"] for each in connector.messages if each["type"] == "CONNECTION_STATUS"]
    assert "SUCCEEDED" == status["status"]


def run_into(place: Workplace, output: Any, messages: list[dict[str, Any]], *before: str) -> Any:
    """Run a sync whose standard output is `output`; `before` are words before the command."""
    arguments = ("write", "--config", place.config(events=EVENTS), "--catalog", place.catalog())
    return subprocess.run(
        [*before, *CONNECTOR, *arguments],
        input=to_lines(messages),
        stdout=output,
        stderr=subprocess.PIPE,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "destination-intercom")},
        timeout=DEADLINE,
    )


def test_process_when_the_disk_of_its_output_is_full_ends_without_a_traceback(workplace: Workplace) -> None:
    """Nothing can be said any more, so that the exit code must say it."""
    with Path("/dev/full").open("wb") as full:
        done = run_into(workplace, full, MESSAGES)
    assert (1, b"") == (done.returncode, done.stderr)


def test_process_when_the_disk_of_its_output_fills_up_has_acknowledged_only_what_arrived(workplace: Workplace) -> None:
    """The lines that found room are whole and true, and none follows the one that did not."""
    messages: list[dict[str, Any]] = []
    for number in range(1, 13):
        messages += [user(number), event(number, number), state("users", number, filler="x" * 1500)]
    path = workplace.folder / "output"
    limited = ("sh", "-c", 'ulimit -f 8; exec "$@"', "sh")
    with path.open("wb") as output:
        done = run_into(workplace, output, messages, *limited)
    assert (1, b"") == (done.returncode, done.stderr)
    *lines, rest = path.read_bytes().split(b"\n")
    told = [message["state"]["id"] for message in map(json.loads, lines) if message["type"] == "STATE"]
    assert list(range(1, len(told) + 1)) == told
    assert 1 <= len(told) < 12
    assert rest
    people = {each["external_id"] for each in workplace.intercom.dump()["contacts"]}
    seconds = {each["created_at"] for each in workplace.intercom.dump()["events"]}
    for number in told:
        assert user(number)["record"]["data"]["user_id"] in people
        assert event(number, number)["record"]["data"]["at"] in seconds


@pytest.fixture(scope="module")
def s3() -> Iterator[LocalS3]:
    """Run an S3: it takes seconds to load."""
    with local_s3() as running:
        yield running


def test_process_when_the_storage_is_full_for_a_while_stores_each_rejected_record_once(
    workplace: Workplace, s3: LocalS3
) -> None:
    """A state that counts a rejected record waits until the record is kept."""
    s3.script = lambda number: Fault("status", 507, "InsufficientStorage") if number <= 2 else None
    section = s3.make_bucket("full-for-a-while")
    connector = workplace.write(events=EVENTS, object_storage_config=section)
    code = connector.finish(to_lines([user(1), event(1, 1), event(9, 1), event(9, 2), state("events", 1)]))
    assert (0, b"", []) == (code, connector.stderr, connector.errors)
    assert [1_700_000_001, 1_700_000_002] == [row["record"]["data"]["at"] for row in s3.rows("full-for-a-while")]
    assert [1] == [each["id"] for each in connector.states]
    assert 3 == len(s3.writes)
