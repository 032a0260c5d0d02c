"""Rejected records in an S3 that is spoken to over HTTP: the connector as a process, boto3, moto's server."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from integration_tests.conftest import Workplace
from integration_tests.support.harness import TOKEN, catalog, record, state, to_lines
from integration_tests.support.local_s3 import KEYS, Fault, LocalS3, local_s3
from integration_tests.support.processes import Connector

ROOT = Path(__file__).resolve().parents[1]
NUMBERS = count(1)


@pytest.fixture(scope="module")
def server() -> Iterator[LocalS3]:
    """Run one S3 for all tests of the module: moto takes seconds to load."""
    with local_s3() as running:
        yield running


@pytest.fixture
def s3(server: LocalS3) -> LocalS3:
    """Give out the server, on which nothing goes wrong."""
    server.script = lambda _: None
    server.writes.clear()
    return server


@pytest.fixture
def bucket(s3: LocalS3) -> str:
    """Make a bucket of the test's own."""
    name = f"refused-{os.getpid()}-{next(NUMBERS)}"
    s3.make_bucket(name)
    return name


@pytest.fixture
def known(workplace: Workplace) -> Workplace:
    """Make an emulator that knows the person of the events."""
    workplace.intercom.seed({"contacts": [{"external_id": "1"}]})
    return workplace


def bad(number: int, **more: Any) -> dict[str, Any]:
    """An event without a time."""
    return record("events", user_id="1", name="played", at="never", number=number, **more)


def fine(number: int) -> dict[str, Any]:
    """An event that Intercom takes, if it knows the person; `number` tells it from the others."""
    return record("events", user_id="1", name="played", at=1_767_225_600 + number)


def rejecting(count: int, *, number: int = 1) -> bytes:
    """Lines of `count` records that are rejected, behind one that is delivered, and a state."""
    return to_lines([fine(number), *(bad(each) for each in range(count)), state("events", number)])


@pytest.mark.parametrize("compression", [None, {"compression_type": "No Compression"}, {"compression_type": "GZIP"}])
def test_bucket_when_records_are_rejected_then_it_holds_exactly_these_whole(
    known: Workplace, s3: LocalS3, bucket: str, compression: dict[str, str] | None
) -> None:
    """Of both streams, the contents are the refused records and their reasons, in the folders of the sync."""
    section = {**s3.make_bucket(bucket), "compression": compression}
    configured = catalog("users", "events")
    for entry in configured["streams"]:
        entry["sync_id"] = 4711
    configured["streams"][1]["stream"]["namespace"] = "shop"
    arguments = ("--config", known.config(object_storage_config=section))
    connector = known.start("write", *arguments, "--catalog", known.file("catalog.json", configured))
    refused = [bad(number, big=12345678901234567890123, text="é\ud800") for number in range(20)]
    nobody = record("users", user_id=[1], email="a@example.com")
    mixed = [message for number, message in enumerate(refused) for message in (message, fine(number))]
    assert 0 == connector.finish(to_lines([*mixed, nobody, state("events", 1)]))
    assert b"" == connector.stderr

    objects = s3.objects(bucket)
    ending = r"\d{4}_\d\d_\d\d_\d{13}_\d_[0-9a-f]{12}\.jsonl" + (r"\.gz" if "GZIP" in str(compression) else "")
    assert 2 == len(objects)
    for key, folder in zip(sorted(objects), ("shop/events", "users"), strict=True):
        assert re.fullmatch(rf"refused/intercom/4711/{folder}/{ending}", key)
    rows = s3.rows(bucket)
    assert [message["record"] for message in [*refused, nobody]] == [row["record"] for row in rows]
    assert ["invalid_time"] * 20 + ["invalid_identity"] == [row["reason"] for row in rows]
    assert [{"recordCount": 20, "rejectedRecordCount": 20}] == [each["destinationStats"] for each in connector.states]


@pytest.mark.long
def test_states_when_the_sync_goes_on_then_each_finds_its_rejected_records_in_the_bucket(
    known: Workplace, s3: LocalS3, bucket: str
) -> None:
    """Looked at while stdin is open: when a state is out, the bucket holds what it counts."""
    connector = known.write(object_storage_config=s3.make_bucket(bucket))
    connector.send(rejecting(3))
    connector.wait_for("STATE")
    assert 3 == len(s3.rows(bucket))
    assert 0 == connector.finish(rejecting(3, number=2))
    assert (6, 2) == (len(s3.rows(bucket)), len(connector.states))


@pytest.mark.long
def test_storage_when_it_fails_for_passing_reasons_then_nothing_is_lost(
    known: Workplace, s3: LocalS3, bucket: str
) -> None:
    """Slow down, a reset, the page of a proxy and an internal error are tried again, by our policy alone."""
    section = s3.make_bucket(bucket)
    faults = [Fault("status"), Fault("reset"), Fault("html", 502), Fault("status", 500, "InternalError")]
    s3.script = lambda number: faults[number - 1] if number <= len(faults) else None
    connector = known.write(object_storage_config=section)
    assert 0 == connector.finish(rejecting(5))
    assert (5, len(faults) + 1) == (len(s3.rows(bucket)), len(s3.writes))
    assert [1] == [each["id"] for each in connector.states]


def test_storage_when_it_denies_access_then_a_config_error_and_no_state(
    known: Workplace, s3: LocalS3, bucket: str
) -> None:
    """The user learns what to change; neither keys nor the store's own text are in any message."""
    section = s3.make_bucket(bucket)
    s3.script = lambda _: Fault("status", 403, "AccessDenied")
    connector = known.write(object_storage_config=section)
    assert 1 == connector.finish(rejecting(5))
    (error,) = connector.errors
    assert ("config_error", []) == (error["failure_type"], connector.states)
    assert "code AccessDenied, request id r-1" in error["message"]
    everything = json.dumps(connector.messages) + connector.stderr.decode()
    assert [] == [secret for secret in (*KEYS, TOKEN, "canary") if secret in everything]


def test_stop_when_records_were_rejected_then_they_are_in_the_bucket_and_their_state_is_out(
    known: Workplace, s3: LocalS3, bucket: str
) -> None:
    """SIGTERM before the object is due, with stdin open."""
    connector = known.write(object_storage_config=s3.make_bucket(bucket))
    connector.send(rejecting(5))
    connector.wait_for("LOG")
    while not known.intercom.dump()["events"]:
        time.sleep(0.02)
    connector.process.send_signal(signal.SIGTERM)
    assert 143 == connector.join()
    assert (5, [1]) == (len(s3.rows(bucket)), [each["id"] for each in connector.states])


def watch_peak(connector: Connector) -> int:
    """Wait for the end of a connector; return the most memory that it had, in megabytes."""
    peak = 0
    while connector.process.poll() is None:
        with contextlib.suppress(OSError, IndexError):
            status = Path(f"/proc/{connector.process.pid}/status").read_text(encoding="utf-8")
            peak = int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) // 1024
        time.sleep(0.02)
    return peak


@pytest.mark.long
def test_memory_when_a_hundred_megabytes_are_rejected_then_it_stays_bounded(
    known: Workplace, s3: LocalS3, bucket: str
) -> None:
    """What is on its way is bounded in bytes, however slow the storage is; all of it arrives."""
    section = s3.make_bucket(bucket)
    s3.script = lambda _: time.sleep(1.5)
    line = to_lines([bad(0, filler="x" * 100_000)])
    peaks = []
    for megabytes in (10, 110):
        connector = known.write(object_storage_config=section)
        connector.send(to_lines([fine(1)]))
        connector.send(line * (megabytes * 10))
        connector.close_stdin()
        peaks.append(watch_peak(connector))
        assert 0 == connector.join()
    assert 1200 == len(s3.rows(bucket))
    # Ten megabytes are on their way at once; of a hundred and ten no more than the 32 of the bound, some of them twice
    # while they are put together and sent.
    assert peaks[1] - peaks[0] < 80, peaks


# ------------------------------------------------------------------ check


def check(workplace: Workplace, section: dict[str, Any], **environment: str) -> tuple[dict[str, Any], list[str]]:
    """Run `check`; return the status, and the warnings of the log."""
    connector = workplace.start(
        "check", "--config", workplace.config(object_storage_config=section), environment=environment
    )
    assert 0 == connector.finish()
    assert b"" == connector.stderr
    (status,) = [
        message["connectionStatus"] for message in connector.messages if message["type"] == "CONNECTION_STATUS"
    ]
    logs = [message["log"] for message in connector.messages if message["type"] == "LOG"]
    return status, [log["message"] for log in logs if log["level"] == "WARN"]


def test_check_when_the_storage_works_then_it_puts_and_deletes_a_small_object(
    workplace: Workplace, s3: LocalS3, bucket: str
) -> None:
    """The bucket is as it was."""
    assert ({"status": "SUCCEEDED"}, []) == check(workplace, s3.make_bucket(bucket))
    put, delete = s3.writes
    assert re.fullmatch(rf"PUT {bucket}/refused/intercom/check_[0-9a-f]{{12}}\.txt", put)
    assert put.removeprefix("PUT") == delete.removeprefix("DELETE")
    assert {} == s3.objects(bucket)


@pytest.mark.parametrize(
    ("changes", "fault", "parts"),
    [
        ({"s3_bucket_name": "there-is-none"}, None, ["NoSuchBucket", "there is no such bucket: check s3_bucket_name"]),
        ({}, Fault("status", 403, "AccessDenied"), ["AccessDenied", "s3:PutObject"]),
        ({}, Fault("status", 403, "InvalidAccessKeyId"), ["InvalidAccessKeyId", "check access_key_id"]),
        ({}, Fault("status", 403, "SignatureDoesNotMatch"), ["SignatureDoesNotMatch", "check secret_access_key"]),
        ({}, Fault("html", 403), ["status 403", "a firewall or a proxy is in the way"]),
        ({}, Fault("status", 503, "SlowDown"), ["SlowDown", "does not answer as it should"]),
    ],
    ids=["bucket", "denied", "key", "secret", "proxy", "slow"],
)
def test_check_when_the_storage_cannot_be_written_then_it_says_what_to_change(
    workplace: Workplace, s3: LocalS3, bucket: str, changes: dict[str, str], fault: Fault | None, parts: list[str]
) -> None:
    """In the user's words, with the store's code and without its text."""
    section = {**s3.make_bucket(bucket), **changes}
    s3.script = lambda _: fault
    status, _ = check(workplace, section)
    assert "FAILED" == status["status"]
    assert [] == [part for part in parts if part not in status["message"]]
    assert [] == [secret for secret in (*KEYS, "canary") if secret in status["message"]]


def test_check_when_only_deleting_is_denied_then_it_warns_and_succeeds(
    workplace: Workplace, s3: LocalS3, bucket: str
) -> None:
    """A sync deletes nothing, so it needs no such permission."""
    section = s3.make_bucket(bucket)
    s3.script = lambda _: Fault("status", 403, "AccessDenied") if s3.writes[-1].startswith("DELETE") else None
    status, (warning,) = check(workplace, section)
    assert {"status": "SUCCEEDED"} == status
    assert f"s3://{bucket}/refused/intercom/check_" in warning


def test_check_when_nobody_listens_at_the_endpoint_then_it_says_so(
    workplace: Workplace, s3: LocalS3, bucket: str
) -> None:
    """A closed port is refused at once, three times."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    status, _ = check(workplace, {**s3.make_bucket(bucket), "s3_endpoint": f"http://127.0.0.1:{port}"})
    assert "EndpointConnectionError" in status["message"]


@pytest.mark.parametrize("command", ["check", "write"])
def test_storage_when_boto3_is_not_installed_then_the_message_names_the_extra(
    workplace: Workplace, s3: LocalS3, bucket: str, command: str
) -> None:
    """Without the extra everything else works; a storage is refused before anything is read."""
    (workplace.folder / "boto3.py").write_text("raise ImportError('not here')", encoding="utf-8")
    environment = {"PYTHONPATH": f"{workplace.folder}:{ROOT / 'destination-intercom'}"}
    section = s3.make_bucket(bucket)
    if command == "check":
        status, _ = check(workplace, section, **environment)
        message = status["message"]
    else:
        connector = workplace.write(environment=environment, object_storage_config=section)
        assert 1 == connector.finish(rejecting(1))
        (error,) = connector.errors
        assert ("config_error", []) == (error["failure_type"], connector.states)
        message = error["message"]
    assert 'pip install "boto3>=1.40"' in message
