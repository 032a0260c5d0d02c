"""Rejected records and their states, in virtual time: what a state counts is stored before it leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from destination_intercom.commands import LAST_WORDS_SECONDS
from destination_intercom.delivery.mailbox import INPUT_BYTES, Mailbox
from destination_intercom.errors import ConfigurationError, DeliveryError, InputError, StorageError
from destination_intercom.pipeline import (
    GRACE_SECONDS,
    MAX_BYTES_IN_FLIGHT,
    MAX_RECORDS_IN_FLIGHT,
    Terminated,
)
from destination_intercom.rejects.collector import AGE_SECONDS, OBJECT_BYTES
from integration_tests.support.fake_storage import DENIED, S3_SECTION, TIMEOUT, FakeStorage
from integration_tests.support.harness import TOKEN, Result, ScriptedStdin, config, record, state, to_lines, write
from integration_tests.support.virtual_clock import START, VirtualClock

SEED = {"contacts": [{"external_id": "1"}]}


def good(number: int) -> dict[str, Any]:
    """An event that Intercom takes; `number` tells it from the others."""
    return record("events", user_id="1", name="played", at=1_767_225_600 + number)


def bad(number: int, **more: Any) -> dict[str, Any]:
    """An event without a time."""
    return record("events", user_id="1", name="played", at="never", number=number, **more)


def settings(**storage: Any) -> dict[str, Any]:
    """A configuration of events alone, with a storage."""
    delivery = {"stop_after_rejected": 0}
    return config(users=None, delivery=delivery, object_storage_config={**S3_SECTION, **storage})


def run(messages: Any, storage: FakeStorage, clock: VirtualClock, *, configuration: Any = None, **more: Any) -> Result:
    """Run a sync with one known person."""
    return write(
        messages,
        seed=SEED,
        clock=clock,
        storage=storage,
        configuration=configuration or settings(),
        **more,
    )


def ordinals(storage: FakeStorage) -> set[int]:
    """The records that are in the storage."""
    return {row["ordinal"] for row in storage.rows}


@pytest.mark.parametrize("seconds", [0.0, 0.5, 25.0])
@pytest.mark.parametrize("failing", [lambda _: False, lambda number: number % 3 != 0], ids=["well", "failing"])
def test_state_when_it_leaves_then_every_rejected_record_before_it_is_stored(
    seconds: float, failing: Callable[[int], bool]
) -> None:
    """At the moment of each state the storage has all that it counts, however slow the storage is and often it fails."""
    clock = VirtualClock()
    storage = FakeStorage(clock, seconds=seconds, script=lambda number: TIMEOUT if failing(number) else None)
    pieces: list[tuple[float, bytes | Callable[[], None]]] = []
    rejected: set[int] = set()
    expected: dict[int, set[int]] = {}
    for number in range(1, 121):
        messages = [bad(number) if number % 3 == 0 else good(number)]
        if number % 3 == 0:
            rejected.add(number)
        if number % 10 == 0:
            messages.append(state("events", number))
            expected[number] = set(rejected)
        pieces.append((float(number), to_lines(messages)))
    seen: list[int] = []

    def watch(line: bytes) -> None:
        message = json.loads(line)
        if message["type"] == "STATE":
            seen.append(message["state"]["id"])
            assert expected[message["state"]["id"]] <= ordinals(storage)

    result = run(ScriptedStdin(clock, *pieces), storage, clock, watch=watch)
    assert None is result.error
    assert list(range(10, 130, 10)) == seen
    assert rejected == ordinals(storage)
    assert len(rejected) == sum(each["destinationStats"]["rejectedRecordCount"] for each in result.states)


def test_state_when_stdin_is_open_and_silent_then_it_leaves_after_the_objects_age() -> None:
    """Nothing more has to be read for a rejected record to be stored."""
    clock = VirtualClock()
    storage = FakeStorage(clock)
    stdin = ScriptedStdin(clock, (0.0, to_lines([good(1), bad(2), state("events", 1)])), (300.0, b""))
    at: list[float] = []
    run(stdin, storage, clock, watch=lambda line: at.append(clock.now() - START) if b'"STATE"' in line else None)
    assert [pytest.approx(AGE_SECONDS, abs=1.0)] == at


def test_input_when_it_has_ended_then_nothing_waits_for_the_objects_age() -> None:
    """Once only rejected records are left to wait for, they are stored at once."""
    clock = VirtualClock()
    storage = FakeStorage(clock)
    run([good(1), bad(2), state("events", 1)], storage, clock)
    assert (1, True) == (len(storage.rows), clock.now() - START < 1.0)


def test_object_when_many_records_are_rejected_then_it_holds_many() -> None:
    """Records of one stream share an object, so that a bucket is not filled with single lines."""
    clock = VirtualClock()
    storage = FakeStorage(clock)
    run([bad(number) for number in range(5000)], storage, clock)
    assert (1, 5000) == (len(storage.objects), len(storage.rows))


def test_object_when_it_is_large_then_the_next_one_begins() -> None:
    """Eight megabytes close an object, and all of the records are in one of them."""
    clock = VirtualClock()
    storage = FakeStorage(clock)
    run([bad(number, filler="x" * 500_000) for number in range(40)], storage, clock)
    sizes = [len(body) for body in storage.objects.values()]
    assert list(range(1, 41)) == [row["ordinal"] for row in storage.rows]
    assert 3 == len(sizes)
    assert max(sizes) < OBJECT_BYTES + 600_000


@pytest.mark.parametrize(
    ("count", "size", "most"),
    [
        pytest.param(24_000, 10, MAX_RECORDS_IN_FLIGHT + 1, id="records"),
        pytest.param(1_200, 40_000, (MAX_BYTES_IN_FLIGHT + INPUT_BYTES) // 40_000 + 101, id="bytes"),
    ],
)
def test_reading_when_the_storage_is_slow_then_it_waits_and_goes_on(count: int, size: int, most: int) -> None:
    """What is not stored is on its way: reading stops at the limits, and everything is stored in the end."""
    clock = VirtualClock()
    storage = FakeStorage(clock, seconds=40.0)
    unstored: list[int] = []
    pieces: list[tuple[float, bytes | Callable[[], None]]] = []
    for start in range(0, count, 100):
        numbers = range(start, start + 100)
        pieces.append((0.0, to_lines([bad(number, filler="x" * size) for number in numbers])))
        pieces.append((0.0, lambda read=start + 100: unstored.append(read - len(storage.rows))))  # type: ignore[misc]
    result = run(ScriptedStdin(clock, *pieces, (0.0, to_lines([state("events", 1)]))), storage, clock)
    assert None is result.error
    assert [{"recordCount": 0, "rejectedRecordCount": count}] == [each["destinationStats"] for each in result.states]
    assert count == len(storage.rows)
    assert max(body.count(b"\n") for body in storage.objects.values()) <= most
    assert size < 1000 or max(unstored) <= most
    assert clock.now() - START < 40.0 * 4


def test_storage_when_it_is_down_for_good_then_a_transient_error_and_only_the_states_of_what_was_stored() -> None:
    """Ten minutes of trying, then the platform tries again from the last state that left."""
    clock = VirtualClock()
    storage = FakeStorage(clock, script=lambda number: TIMEOUT if number > 1 else None)
    stdin = ScriptedStdin(
        clock,
        (0.0, to_lines([good(1), bad(2), state("events", 1), good(3), state("events", 2)])),
        (60.0, to_lines([bad(4), state("events", 3), good(5), state("events", 4)])),
        (9000.0, b""),
    )
    result = run(stdin, storage, clock)
    assert isinstance(result.error, DeliveryError)
    assert ("transient_error", [1, 2]) == (result.error.failure_type, [each["id"] for each in result.states])
    assert {2} == ordinals(storage)
    assert 660.0 <= clock.now() - START <= 760.0
    assert result.logged("Rejected records not stored: 1.")
    assert "ReadTimeoutError" in result.error.message


def test_storage_when_it_refuses_the_first_object_then_a_config_error_at_once() -> None:
    """The settings are wrong from the start: no retry can help, and no state leaves."""
    clock = VirtualClock()
    storage = FakeStorage(clock, script=lambda _: DENIED)
    result = run([bad(1), state("events", 1)], storage, clock)
    assert isinstance(result.error, ConfigurationError)
    assert (DENIED.refusal, []) == (result.error.message, result.states)
    assert 1 == len(storage.attempts)


def test_storage_when_it_refuses_in_the_middle_and_takes_it_again_then_nothing_is_lost() -> None:
    """Permissions change while a sync runs: what worked before is tried again, like a failure."""
    clock = VirtualClock()
    storage = FakeStorage(clock, script=lambda number: DENIED if 1 < number < 8 else None)
    stdin = ScriptedStdin(
        clock, (0.0, to_lines([bad(1), state("events", 1)])), (30.0, to_lines([bad(2), state("events", 2)]))
    )
    result = run(stdin, storage, clock)
    assert (None, [1, 2], {1, 2}) == (result.error, [each["id"] for each in result.states], ordinals(storage))


def test_storage_when_it_refuses_in_the_middle_for_good_then_a_transient_error_that_says_why() -> None:
    """The next attempt meets the refusal at its start, as a configuration error."""
    clock = VirtualClock()
    storage = FakeStorage(clock, script=lambda number: DENIED if number > 1 else None)
    stdin = ScriptedStdin(
        clock, (0.0, to_lines([bad(1), state("events", 1)])), (30.0, to_lines([bad(2), state("events", 2)]))
    )
    result = run(stdin, storage, clock)
    assert isinstance(result.error, DeliveryError)
    assert [1] == [each["id"] for each in result.states]
    assert "AccessDenied" in result.error.message


def test_stream_when_it_begins_with_nothing_but_rejected_records_then_they_are_stored_before_the_error() -> None:
    """The user finds in the storage what the error speaks of; no state leaves."""
    clock = VirtualClock()
    storage = FakeStorage(clock, seconds=2.0)
    configuration = {**settings(), "delivery": {"stop_after_rejected": 100}}
    messages = [message for number in range(300) for message in (bad(number), state("events", number))]
    result = run(messages, storage, clock, configuration=configuration)
    assert isinstance(result.error, ConfigurationError)
    assert "The first 100 records" in result.error.message
    assert [] == result.states
    assert set(range(1, 101)) <= ordinals(storage)


def test_sync_when_it_fails_at_intercom_then_what_was_rejected_before_is_stored_and_its_states_leave() -> None:
    """A fatal error of something else takes no rejected record with it."""
    clock = VirtualClock()
    storage = FakeStorage(clock, seconds=1.0)
    fault = {"endpoint": "POST /events", "kind": "status", "status": 401, "at": [3]}
    stdin = ScriptedStdin(
        clock,
        (0.0, to_lines([good(1), bad(2), state("events", 1)])),
        (1.0, to_lines([good(3), bad(4), state("events", 2)])),
        (2.0, to_lines([good(5), state("events", 3)])),
        (99.0, b""),
    )
    result = run(stdin, storage, clock, settings={"faults": [fault]})
    assert isinstance(result.error, ConfigurationError)
    assert ([1, 2], {2, 4}) == ([each["id"] for each in result.states], ordinals(storage))


def test_input_when_it_is_no_protocol_then_what_was_rejected_before_is_stored_first() -> None:
    """What was read before the bad line is done with, rejected records too."""
    clock = VirtualClock()
    storage = FakeStorage(clock)
    result = run([good(1), bad(2), state("events", 1), b"nonsense"], storage, clock)
    assert isinstance(result.error, InputError)
    assert ([1], {2}) == ([each["id"] for each in result.states], ordinals(storage))


def stopped(storage: FakeStorage, clock: VirtualClock, *, at: float) -> Result:
    """Run a sync that is told to stop while stdin is open."""
    mailbox = Mailbox(clock)

    def stop() -> None:
        clock.sleep(at)
        mailbox.stop()

    clock.start("signal", stop)
    stdin = ScriptedStdin(clock, (0.0, to_lines([good(1), bad(2), state("events", 1)])), (9000.0, b""))
    result = run(stdin, storage, clock, mailbox=mailbox)
    assert isinstance(result.error, Terminated)
    return result


def test_stop_when_records_were_rejected_then_they_are_stored_and_their_states_leave() -> None:
    """SIGTERM comes before the object's age; the rows are stored all the same."""
    clock = VirtualClock()
    storage = FakeStorage(clock, seconds=2.0)
    result = stopped(storage, clock, at=3.0)
    assert ([1], {2}) == ([each["id"] for each in result.states], ordinals(storage))
    assert clock.now() - START < 6.0


def test_stop_when_an_upload_waits_for_its_next_attempt_then_that_comes_at_once() -> None:
    """Within the grace there is no time for delays of half a minute."""
    clock = VirtualClock()
    storage = FakeStorage(clock, script=lambda _: TIMEOUT if clock.now() - START < 400.0 else None)
    result = stopped(storage, clock, at=400.0)
    assert ([1], {2}) == ([each["id"] for each in result.states], ordinals(storage))
    assert clock.now() - START < 402.0


def test_stop_when_the_last_attempt_is_refused_at_the_end_of_the_grace_then_that_is_stored_too() -> None:
    """An upload of its own takes a second or two, and has them: the record's state leaves."""
    clock = VirtualClock()
    storage = FakeStorage(clock, seconds=1.5)
    mailbox = Mailbox(clock)

    def stop() -> None:
        clock.sleep(5.0)
        mailbox.stop()

    clock.start("signal", stop)
    stdin = ScriptedStdin(clock, (0.0, to_lines([good(1), state("events", 1)])), (9000.0, b""))
    refused = {"endpoint": "POST /events", "kind": "status", "status": 422}
    slow = {"faults": [refused], "latency": 5.0 + GRACE_SECONDS - 1.0}
    result = run(stdin, storage, clock, mailbox=mailbox, settings=slow)
    assert isinstance(result.error, Terminated)
    assert ([1], {1}) == ([each["id"] for each in result.states], ordinals(storage))


@pytest.mark.parametrize("seconds", [0.0, 3600.0])
def test_stop_when_the_storage_does_not_answer_then_it_ends_in_time_and_the_state_stays(seconds: float) -> None:
    """The platform waits no longer; the next sync reads the record again."""
    clock = VirtualClock()
    storage = FakeStorage(clock, seconds=seconds, script=lambda _: TIMEOUT)
    result = stopped(storage, clock, at=30.0)
    assert [] == result.states
    # A second is left for the last lines, before the process is ended by force.
    assert clock.now() - START <= 30.0 + GRACE_SECONDS + LAST_WORDS_SECONDS - 1.0
    assert result.logged("Rejected records not stored: 1.")


def test_row_when_read_then_it_holds_the_record_byte_for_byte_and_intercoms_account() -> None:
    """Numbers beyond 64 bits, lone surrogates, spaces and doubled keys are as the source wrote them."""
    raw = (
        b'{"stream": "events",  "data": {"user_id": "99", "name": "x", "at": 1767225600, "big": 123456789012345678901234,'
        b' "tiny": 1.10, "odd": "\\ud800", "odd": "\xc3\xa9"}, "emitted_at": 1}'
    )
    clock = VirtualClock()
    storage = FakeStorage(clock)
    run([b' { "record":{"stream": "wrong"}, "type":"RECORD" , "record" : ' + raw + b"}  \r"], storage, clock)
    (body,) = storage.objects.values()
    (row,) = storage.rows
    assert body.startswith(b'{"record":' + raw + b',"part":"events",')
    assert ("events", "unknown_user", 404, "not_found", "User Not Found", 1) == tuple(
        row[key] for key in ("part", "reason", "status", "code", "message", "ordinal")
    )
    assert row["request_id"]
    assert row["rejected_at"].startswith("2023-11-26T12:00:0")
    assert row["rejected_at"].endswith("Z")


def test_record_when_several_of_its_parts_are_rejected_then_one_row_tells_of_each() -> None:
    """A record that is a contact and two events is stored once."""
    stream = {"stream": "events", "created_at_property": "at", "event_name": "a"}
    configuration = config(
        events={
            "mode": "enabled",
            "streams": [stream, {**stream, "event_name": "b", "created_at_property": "also_at"}],
        },
        users={"mode": "enabled", "streams": [{"stream": "events"}], "attributes": [{"property": "email"}]},
        object_storage_config=S3_SECTION,
    )
    clock = VirtualClock()
    storage = FakeStorage(clock)
    fault = {"endpoint": "POST /contacts", "kind": "status", "status": 422}
    messages = [record("events", user_id="7", at="never", also_at="never"), state("events", 1)]
    result = run(messages, storage, clock, configuration=configuration, settings={"faults": [fault]})
    (row,) = storage.rows
    parts = sorted((each["part"], each["reason"], each["status"]) for each in (row, *row["other_parts"]))
    assert [("contacts", "refused", 422), ("events", "invalid_time", None), ("events", "invalid_time", None)] == parts
    assert [{"recordCount": 0, "rejectedRecordCount": 1}] == [each["destinationStats"] for each in result.states]


def test_record_when_only_one_of_its_parts_is_rejected_then_it_is_stored_with_that_part() -> None:
    """What was delivered of it does no harm when it is sent again."""
    configuration = config(
        users={"mode": "enabled", "streams": [{"stream": "events"}], "attributes": [{"property": "email"}]},
        object_storage_config=S3_SECTION,
    )
    clock = VirtualClock()
    storage = FakeStorage(clock)
    run([bad(1)], storage, clock, configuration=configuration)
    assert [("events", [])] == [(row["part"], row["other_parts"]) for row in storage.rows]


def test_message_when_intercom_quotes_the_token_then_the_row_does_not() -> None:
    """The storage holds the record and the refusal, and never a secret; the log holds no message at all."""
    error = {"code": "parameter_invalid", "message": f"Bearer {TOKEN} may not write canary@example.com"}
    fault = {
        "endpoint": "POST /events",
        "kind": "status",
        "status": 422,
        "body": {"type": "error.list", "request_id": "r-1", "errors": [error]},
    }
    clock = VirtualClock()
    storage = FakeStorage(clock)
    result = run([good(1)], storage, clock, settings={"faults": [fault]})
    (row,) = storage.rows
    assert "Bearer … may not write canary@example.com" == row["message"]
    assert not any("canary" in text or TOKEN in text for text in result.logs)


def test_object_when_gzip_is_chosen_then_its_name_and_content_say_so() -> None:
    """`GZIP` compresses: what comes out is what was put in, in far fewer bytes."""
    clock = VirtualClock()
    storage = FakeStorage(clock)
    configuration = settings(compression={"compression_type": "GZIP"})
    run([bad(number, filler="x" * 1000) for number in range(100)], storage, clock, configuration=configuration)
    ((key, body),) = storage.objects.items()
    assert (True, "application/gzip") == (key.endswith(".jsonl.gz"), storage.content_types[key])
    assert list(range(1, 101)) == [row["ordinal"] for row in storage.rows]
    assert len(body) < 20_000


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"sync_id": 4711}, "intercom/4711/"),
        ({}, "intercom/2023-11-26T12-00-00Z/"),
    ],
)
@pytest.mark.parametrize("namespace", [None, "shop/eu"])
def test_object_when_named_then_by_sync_namespace_and_stream(
    changes: dict[str, Any], expected: str, namespace: str | None
) -> None:
    """Airbyte links to the folder of the job's id; without an id the start of the run stands for it."""
    stream = {"name": "events", "json_schema": {}, "supported_sync_modes": ["incremental"]}
    entry = {"stream": stream, "sync_mode": "incremental", "destination_sync_mode": "append", **changes}
    message = bad(1)
    if namespace:
        stream["namespace"] = message["record"]["namespace"] = namespace
    clock = VirtualClock()
    storage = FakeStorage(clock)
    run([message], storage, clock, configured_catalog={"streams": [entry]})
    (key,) = storage.objects
    assert key.startswith(expected + ("shop%2Feu/" if namespace else "") + "events/2023_11_26_")
    assert key.endswith(".jsonl")


def test_object_when_a_sync_is_tried_again_then_it_overwrites_nothing() -> None:
    """Two attempts have one id and, here, one clock: the fake fails if a name comes twice."""
    objects: dict[str, bytes] = {}
    for _ in range(2):
        clock = VirtualClock()
        storage = FakeStorage(clock)
        storage.objects = objects
        run([bad(1), bad(2)], storage, clock)
    assert 2 == len(objects)


def test_dry_run_when_records_are_rejected_then_nothing_is_stored() -> None:
    """A dry run writes nothing anywhere."""
    clock = VirtualClock()
    storage = FakeStorage(clock)
    result = run([bad(1), good(2)], storage, clock, configuration={**settings(), "delivery": {"dry_run": True}})
    assert ([], []) == (storage.attempts, result.states)
    assert result.logged("rejected 1 (invalid_time 1)")


def test_summary_when_records_were_stored_then_it_says_where() -> None:
    """The user need not look for the folder."""
    clock = VirtualClock()
    result = run([bad(1), bad(2)], FakeStorage(clock), clock)
    assert result.logged("Rejected records stored: 2 (objects: 1) below s3://refused/intercom/2023-11-26T12-00-00Z/")


def test_bug_of_the_storage_when_it_happens_then_the_sync_ends_without_the_state() -> None:
    """Whatever ends an upload ends the sync: nothing waits for ever."""

    def script(_: int) -> StorageError | None:
        raise KeyError("canary")

    clock = VirtualClock()
    result = run([bad(1), state("events", 1)], FakeStorage(clock, script=script), clock)
    assert result.error is not None
    assert ("system_error", [], False) == (result.error.failure_type, result.states, "canary" in result.error.message)


def test_stop_when_the_sync_has_failed_and_still_stores_then_it_ends_in_time_with_its_error() -> None:
    """SIGTERM in the minute that a failed sync has for its rows: the process is ended by force 25 seconds later."""
    clock = VirtualClock()
    storage = FakeStorage(clock, seconds=3600.0)
    mailbox = Mailbox(clock)

    def stop() -> None:
        clock.sleep(10.0)
        mailbox.stop()

    clock.start("signal", stop)
    fault = {"endpoint": "POST /events", "kind": "status", "status": 401, "at": [2]}
    stdin = ScriptedStdin(
        clock,
        (0.0, to_lines([good(1), bad(2), state("events", 1)])),
        (5.0, to_lines([good(3)])),
        (9000.0, b""),
    )
    result = run(stdin, storage, clock, settings={"faults": [fault]}, mailbox=mailbox)
    assert isinstance(result.error, ConfigurationError)
    assert clock.now() - START <= 10.0 + GRACE_SECONDS + LAST_WORDS_SECONDS - 1.0
