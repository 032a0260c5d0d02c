"""The connector through Airbyte's CDK: the same messages and exit codes as its own command line."""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integration_tests.support.harness import TOKEN, catalog, config, record, state, to_lines
from integration_tests.support.people import EVENTS, event, make_sync, refuse_marks, run_to_end, told_apart, user
from integration_tests.support.processes import DEADLINE, ROOT

REQUEST_ID = re.compile(rb"request id \w+")
SCRIPT = ROOT / "integration_tests" / "support" / "through_cdk.py"

REFUSED_VALUE = "canary-value"
CHECKS: dict[str, dict[str, Any]] = {
    "good": {},
    "wrong token": {"access_token": "canary-token"},
    "no token": {"access_token": None},
    "token of another type": {"access_token": [REFUSED_VALUE]},
    "unknown field": {"acces_token": REFUSED_VALUE},
    "field of another type": {"identity": {"property": [REFUSED_VALUE]}},
    "no variant": {"events": {"mode": REFUSED_VALUE}},
    "nothing selected": {"events": {"mode": "enabled"}},
    "nothing enabled": {"events": None, "users": None},
    "unknown attribute": {
        "users": {"mode": "enabled", "streams": [{"stream": "users"}], "attributes": [{"property": "shoe_size"}]}
    },
}
"""Changes of a configuration that is good."""

FILES = {"no JSON": b'{"access_token": "canary"', "no object": b'["canary"]'}
"""What a file may hold instead of a configuration."""

ONE_BY_ONE = {"events": EVENTS, "delivery": {"concurrency": 1}}
"""One call at a time: the order of calls, and so of a scripted fault, is the same in each run."""

REVOKED = {"endpoint": "POST /events", "kind": "status", "status": 401, "at": [7]}
WRITES: dict[str, dict[str, Any]] = {
    "well": {},
    "records refused": {"messages": [user(1), event(1, 1), event(2, 2), state("users", 1)]},
    "nothing": {"messages": []},
    "token revoked": {"settings": {"faults": [REVOKED]}},
    "no protocol": {"messages": [*make_sync(5), b'{"type": "RECORD", "canary"', *make_sync(5)]},
    "unknown shape": {"messages": [*make_sync(5), b'{"type": "RECORD", "record": "canary"}']},
    "unlisted stream": {"messages": [user(1), state("users", 1), record("canaries", a=1)]},
    "wrong mapping": {
        "sections": {"delivery": {"concurrency": 1, "stop_after_rejected": 3}},
        "messages": [*(event(number, 1) for number in range(3)), state("events", 1)],
    },
    "bad configuration": {"sections": {"acces_token": REFUSED_VALUE}},
    "bad catalog": {"catalog": b'{"streams": "canary"}'},
    "no catalog": {"catalog": b"canary"},
}


def through_cdk(folder: Path, jobs: Iterable[tuple[str, list[str], bytes]]) -> list[tuple[int, list[dict[str, Any]]]]:
    """Run jobs (a way, its arguments, its input) through the CDK; give the exit code and the messages of each."""
    rows: list[tuple[str, list[str], str, str]] = []
    for number, (way, arguments, stdin) in enumerate(jobs):
        given, taken = folder / f"{number}.in", folder / f"{number}.out"
        given.write_bytes(stdin)
        rows.append((way, arguments, str(given), str(taken)))
    done = run_to_end("-W", "ignore", str(SCRIPT), json.dumps(rows), command=[sys.executable])
    assert (0, b"") == (done.returncode, done.stderr)
    outputs = [Path(row[3]).read_bytes() for row in rows]
    refuse_marks(*outputs)
    return [(code, to_messages(output)) for code, output in zip(json.loads(done.stdout), outputs, strict=True)]


def to_messages(output: bytes) -> list[dict[str, Any]]:
    """The messages of an output, without request ids and the moments at which errors were told."""
    messages = [json.loads(line) for line in REQUEST_ID.sub(b"request id", output).splitlines()]
    for message in messages:
        message.get("trace", {}).pop("emitted_at", None)
    return messages


def as_classes_hold(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages without what the CDK's classes lack, without its own log lines and its stack traces."""
    kept = []
    for message in messages:
        log = message.get("log", {})
        if log.get("level") == "FATAL" or log.get("message", "").startswith(("MemoryMonitor", "Check ")):
            continue
        message.get("state", {}).pop("id", None)
        message.get("state", {}).get("destinationStats", {}).pop("rejectedRecordCount", None)
        message.get("trace", {}).get("error", {}).pop("stack_trace", None)
        kept.append(message)
    return kept


def test_checks_through_the_cdk_when_compared_give_the_same_results(make_workplace: Callable[..., Any]) -> None:
    """`spec`, and `check` of every kind of configuration: status, message, log, error and exit code."""
    place = make_workplace()
    good = config(events=EVENTS, api_base_url=place.url)
    commands = {"spec": ["spec"], "no file": ["check", "--config", f"{place.folder}/none.json"]}
    for name, changes in CHECKS.items():
        document = {key: value for key, value in {**good, **changes}.items() if value is not None}
        commands[name] = ["check", "--config", place.file(f"{name}.json", document)]
    for name, content in FILES.items():
        commands[name] = ["check", "--config", place.file(f"{name}.json", content)]

    jobs = [(way, name) for way in ("alone", "own run", "base run", "launch") for name in commands]
    results = through_cdk(place.folder, [(way, commands[name], b"") for way, name in jobs])
    alone, own, base, launched = (
        {name: result for (each, name), result in zip(jobs, results, strict=True) if each == way}
        for way in ("alone", "own run", "base run", "launch")
    )
    statuses = {name: told[-1].get("connectionStatus", {}).get("status") for name, (_, told) in alone.items()}
    assert {"spec": None, "no file": None, "no JSON": None, "good": "SUCCEEDED"} == {
        name: status for name, status in statuses.items() if status != "FAILED"
    }
    assert {"no file": 1, "no JSON": 1} == {name: code for name, (code, _) in alone.items() if code}
    assert alone == own
    assert held(alone) == held(base)
    assert held(alone) == held(launched)
    assert ["GET"] == sorted({call.split()[0] for call in place.intercom.dump()["calls"]})


def held(results: dict[str, tuple[int, list[dict[str, Any]]]]) -> dict[str, tuple[int, list[dict[str, Any]]]]:
    """The results as far as the CDK's classes hold them."""
    return {name: (code, as_classes_hold(messages)) for name, (code, messages) in results.items()}


def without_ports(result: tuple[int, list[dict[str, Any]]]) -> tuple[int, list[dict[str, Any]]]:
    """A result in which the log names no port of the local Intercom: each sync has its own."""
    code, messages = result
    return code, json.loads(re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1", json.dumps(messages)))


def test_writes_through_the_cdk_when_compared_give_the_same_results(make_workplace: Callable[..., Any]) -> None:
    """`write`, ending well or not: the same lines in the same order, exit code, and contents of Intercom."""
    jobs = [(way, name) for way in ("alone", "own run", "base run") for name in WRITES]
    places = [make_workplace(**WRITES[name].get("settings", {})) for _, name in jobs]

    def command(place: Any, case: dict[str, Any]) -> list[str]:
        catalog_file = place.file("catalog.json", case["catalog"]) if "catalog" in case else place.catalog()
        settings = place.config(**{**ONE_BY_ONE, **case.get("sections", {})})
        return ["write", "--config", settings, "--catalog", catalog_file]

    rows = [
        (way, command(place, WRITES[name]), to_lines(WRITES[name].get("messages", make_sync(10))))
        for (way, name), place in zip(jobs, places, strict=True)
    ]
    results = [without_ports(result) for result in through_cdk(places[0].folder, rows)]
    alone, own, base = (
        {name: result for (each, name), result in zip(jobs, results, strict=True) if each == way}
        for way in ("alone", "own run", "base run")
    )
    codes = {name: code for name, (code, _) in alone.items() if not code}
    assert {"well": 0, "records refused": 0, "nothing": 0} == codes
    assert alone == own
    assert held(alone) == held(base)
    ends = [told_apart(place.intercom.dump()) for place in places]
    assert ends[: len(WRITES)] * 3 == ends
    assert [20, 0] == [len(ends[list(WRITES).index(name)]["events"]) for name in ("well", "nothing")]


@pytest.fixture(scope="module")
def cdk() -> Any:
    """What of the CDK is needed; the import takes seconds."""
    from airbyte_cdk import models
    from airbyte_cdk.utils.traced_exception import AirbyteTracedException

    from destination_intercom import DestinationIntercom

    class Cdk:
        connector = DestinationIntercom()
        traced = AirbyteTracedException

        @staticmethod
        def message(document: dict[str, Any]) -> Any:
            return models.AirbyteMessageSerializer.load(document)

        @staticmethod
        def catalog(document: dict[str, Any]) -> Any:
            return models.ConfiguredAirbyteCatalogSerializer.load(document)

        @staticmethod
        def dump(message: Any) -> Any:
            return models.AirbyteMessageSerializer.dump(message)

    return Cdk


def pointed_at(place: Any) -> dict[str, Any]:
    """The configuration for an emulator."""
    return {**config(events=EVENTS), "api_base_url": place.url}


def test_write_through_the_cdk_when_a_state_is_due_yields_it_before_the_next_message(
    make_workplace: Callable[..., Any], cdk: Any
) -> None:
    """A state comes out after its records are in Intercom, while the input is open and gives nothing more."""
    place = make_workplace()
    released = threading.Event()

    def messages() -> Iterator[Any]:
        for document in (user(1), event(1, 1), state("users", 1)):
            yield cdk.message(document)
        assert released.wait(DEADLINE)
        for document in (user(2), state("users", 2)):
            yield cdk.message(document)

    counts = []
    texts = []
    for message in cdk.connector.write(pointed_at(place), cdk.catalog(catalog("users", "events")), messages()):
        if message.state is not None:
            counts.append((len(place.intercom.dump()["contacts"]), message.state.destinationStats.recordCount))
            released.set()
        else:
            texts.append(cdk.dump(message))
    assert [(1, 1.0), (2, 1.0)] == counts
    assert 1 == len(place.intercom.dump()["events"])
    refuse_marks(texts)


def test_write_through_the_cdk_when_the_input_is_bad_raises_a_traced_exception(
    make_workplace: Callable[..., Any], cdk: Any
) -> None:
    """Our errors keep their type and message on the way through the CDK."""
    place = make_workplace()
    messages = iter([cdk.message(user(1)), cdk.message(state("users", 1)), cdk.message(record("canaries", a=1))])
    given: list[Any] = []
    output = cdk.connector.write(pointed_at(place), cdk.catalog(catalog("users", "events")), messages)
    with pytest.raises(cdk.traced) as raised:
        given.extend(output)
    assert 1 == sum(message.state is not None for message in given)
    assert raised.value.failure_type.value == "system_error"
    refuse_marks(str(raised.value.message), str(raised.value.internal_message))


@pytest.mark.parametrize(("token", "status"), [(TOKEN, "SUCCEEDED"), ("canary-token", "FAILED")])
def test_check_through_the_cdk_when_run_tells_the_status(
    make_workplace: Callable[..., Any], cdk: Any, token: str, status: str
) -> None:
    """The status is the CDK's own object."""
    place = make_workplace()
    configuration = {**pointed_at(place), "access_token": token}
    told = cdk.connector.check(logging.getLogger("airbyte"), configuration)
    assert status == told.status.value
    refuse_marks(str(told.message))


def test_spec_through_the_cdk_when_read_has_every_section(cdk: Any) -> None:
    """The CDK's object holds the whole specification."""
    properties = cdk.connector.spec().connectionSpecification["properties"]
    assert {"access_token", "identity", "events", "users"} <= properties.keys()
