"""The connector through Airbyte's CDK: the same messages and exit codes as its own command line."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from integration_tests.support.harness import TOKEN, catalog, config, record, state, to_lines
from integration_tests.support.people import EVENTS, event, make_sync, refuse_marks, run_to_end, told_apart, user
from integration_tests.support.processes import DEADLINE

THROUGH_CDK = """
import json, sys
from destination_intercom import DestinationIntercom
connector = DestinationIntercom()
for arguments in json.loads(sys.argv[1]):
    connector.run(arguments)
"""


def to_messages(output: bytes) -> list[dict[str, Any]]:
    """The messages of an output, without the moments at which errors were told."""
    messages = [json.loads(line) for line in output.splitlines()]
    for message in messages:
        message.get("trace", {}).pop("emitted_at", None)
    return messages


def test_run_through_the_cdk_when_compared_gives_the_same_messages_and_exit_code(
    make_workplace: Callable[..., Any],
) -> None:
    """`spec`, `check`, `write` and an error are the same on both ways, line by line."""
    ours, theirs = make_workplace(), make_workplace()
    stdin = to_lines(make_sync(10))

    def commands(place: Any) -> list[list[str]]:
        files = ["--config", place.config(events=EVENTS), "--catalog", place.catalog()]
        return [["spec"], ["check", *files[:2]], ["write", *files], ["check", "--config", f"{place.folder}/none.json"]]

    each = [run_to_end(*arguments, stdin=stdin) for arguments in commands(ours)]
    through = run_to_end(
        "-W", "ignore", "-c", THROUGH_CDK, json.dumps(commands(theirs)), command=[sys.executable], stdin=stdin
    )
    assert [0, 0, 0, 1] == [done.returncode for done in each]
    assert through.returncode == 1
    assert b"" == through.stderr
    assert to_messages(b"".join(done.stdout for done in each)) == to_messages(through.stdout)
    assert told_apart(ours.intercom.dump()) == told_apart(theirs.intercom.dump())


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
