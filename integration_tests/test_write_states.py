"""States: when they leave, in which order, with which bytes and counts; and when they must not."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from destination_intercom import destination
from destination_intercom.delivery.mailbox import Mailbox
from destination_intercom.errors import ConfigurationError, InputError
from integration_tests.support.harness import (
    EmulatorTransport,
    Probe,
    Result,
    ScriptedStdin,
    catalog,
    config,
    record,
    state,
    to_lines,
    write,
)
from integration_tests.support.virtual_clock import START, VirtualClock
from intercom_emulator import Intercom, Settings

T0 = 1_700_000_000
PEOPLE = [{"external_id": f"u{number}"} for number in range(20)]


def event(number: int, person: int | str = 0, **more: Any) -> dict[str, Any]:
    """An event of its own second, of a person that the seed holds."""
    who = person if isinstance(person, str) else f"u{person}"
    return record("events", user_id=who, name="Played", at=T0 + number, **more)


def stats(result: Result) -> list[tuple[int, int]]:
    """The counts of the states, in their order."""
    found = [each["destinationStats"] for each in result.states]
    return [(each["recordCount"], each["rejectedRecordCount"]) for each in found]


@pytest.mark.parametrize(
    ("concurrency", "delay"),
    [(1, lambda: 0.3), (2, lambda: 0.05), (64, lambda: 0.0), (64, lambda: 2.0), (8, random.Random(1).random)],
    ids=["one-slow", "two", "instant", "many-slow", "random"],
)
def test_state_at_any_latency_comes_after_its_records(concurrency: int, delay: Callable[[], float]) -> None:
    """At the moment a state is given out, Intercom holds every record that was read before it."""
    clock = VirtualClock()
    faults = [{"endpoint": "POST /events", "kind": "status", "status": 503, "every": 7}]
    intercom = Intercom(Settings.from_dict({"faults": faults}), clock=clock.wall)
    messages = []
    for number in range(120):
        messages.append(event(number, number % 20))
        if number % 9 == 8:
            messages.append(state("events", number))
    seen: list[int] = []

    def watch(line: bytes) -> None:
        message = json.loads(line)
        if message["type"] == "STATE":
            held = {each["created_at"] - T0 for each in intercom.dump()["events"]}
            assert set(range(message["state"]["id"] + 1)) <= held
            seen.append(message["state"]["id"])

    result = write(
        messages,
        seed={"contacts": PEOPLE},
        configuration=config(delivery={"concurrency": concurrency}),
        intercom=intercom,
        clock=clock,
        transport=Probe(intercom, clock, delay),
        watch=watch,
    )
    assert result.error is None
    assert [number for number in range(120) if number % 9 == 8] == seen


def test_state_waits_for_one_slow_record_while_later_states_queue_up_behind_it() -> None:
    """A record that Intercom keeps failing holds back its own state and all that follow, and no records."""
    clock = VirtualClock()
    faults = [{"endpoint": "POST /contacts", "kind": "status", "status": 500, "until_time": 100.0}]
    intercom = Intercom(Settings.from_dict({"faults": faults}), clock=clock.wall)
    messages = [record("users", user_id="new", email="n@example.com"), state("users", 1)]
    messages += [event(number, number % 20) for number in range(50)] + [state("events", 2)]
    at: dict[int, float] = {}

    def watch(line: bytes) -> None:
        message = json.loads(line)
        if message["type"] == "STATE":
            at[message["state"]["id"]] = clock.now() - START

    result = write(messages, seed={"contacts": PEOPLE}, intercom=intercom, clock=clock, watch=watch)
    assert result.error is None
    assert [1, 2] == list(at)
    assert at[1] >= 100.0
    last_event = max(each["time"] for each in result.exchanges if each["path"] == "/events")
    assert last_event < min(each["time"] for each in result.exchanges) + 60


def test_state_while_stdin_is_open_and_silent_leaves_within_a_second() -> None:
    """Nobody has to send more input, or end it, for a state to leave."""
    clock = VirtualClock()
    messages = to_lines([event(1), event(2, 1), state("events", 1)])
    later = to_lines([event(3), state("events", 2)])
    at: dict[int, float] = {}

    def watch(line: bytes) -> None:
        message = json.loads(line)
        if message["type"] == "STATE":
            at[message["state"]["id"]] = clock.now() - START

    stdin = ScriptedStdin(clock, (0.0, messages), (1000.0, later), (5000.0, b""))
    result = write(stdin, seed={"contacts": PEOPLE}, clock=clock, settings={"latency": 0.2}, watch=watch)
    assert result.error is None
    assert at[1] < 1.0
    assert 1000.0 <= at[2] < 1001.0


def test_state_cut_in_two_pieces_is_taken_when_its_line_is_whole() -> None:
    """A line may arrive in any pieces, and is one line."""
    clock = VirtualClock()
    whole = to_lines([event(1), state("events", 1)])
    pieces = [(number * 10.0, whole[at : at + 7]) for number, at in enumerate(range(0, len(whole), 7))]
    result = write(ScriptedStdin(clock, *pieces), seed={"contacts": PEOPLE}, clock=clock)
    assert result.error is None
    assert [1] == [each["id"] for each in result.states]


RAW_STATES = {
    "stream": b'{"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"events"},'
    b'"stream_state":{"cursor":123456789012345678901234567890,"f":1.10,"e":1e400,"u":"\\u00e9\\ud83d"}},"id":7,"new_key":{"a":[1, 2]}}}',
    "global": b'{"type": "STATE", "state": {"type": "GLOBAL", "global": {"shared_state": {"x": 18446744073709551616},'
    b' "stream_states": []}, "id": 9 , "sourceStats": {"recordCount": 2.0}}}',
    "legacy": b'{"state": {"data": {"bookmark": "2024-01-01", "n": 0.1e1}}, "type": "STATE", "other": null}',
    "pyairbyte": b'{"type":"STATE","state":{"type":"GLOBAL","global_":{"stream_states":[],"shared_state":{"k":1}},"data":null,"id":3}}',
    "with-stats": b'{"type":"STATE","state":{"destinationStats":{"recordCount":99.0},"type":"GLOBAL","id":1}}',
}


@pytest.mark.parametrize("name", RAW_STATES)
def test_state_of_any_kind_is_echoed_with_every_byte_kept(name: str) -> None:
    """But for `destinationStats`, a state is the same bytes: ids, unknown keys, large numbers, the order of keys."""
    raw = RAW_STATES[name]
    result = write([event(1), event(2), raw], seed={"contacts": PEOPLE})
    assert result.error is None
    (line,) = [line for line in result.lines if b'"STATE"' in line]
    stats_bytes = b'"destinationStats":{"recordCount":2,"rejectedRecordCount":0}'
    assert line.count(stats_bytes) == 1
    without = line.replace(b"," + stats_bytes, b"")
    if name == "with-stats":
        without = line.replace(stats_bytes, b'"destinationStats":{"recordCount":99.0}')
    assert raw == without


def test_states_leave_once_each_and_in_the_order_of_arrival() -> None:
    """Many states of two streams, some with nothing between them, come out as they came in."""
    messages: list[dict[str, Any] | bytes] = []
    for number in range(60):
        messages += [event(number, number % 20)] * (number % 3)
        messages.append(state(("events", "users")[number % 2], number))
    result = write(messages, seed={"contacts": PEOPLE}, settings={"latency": 0.1})
    assert list(range(60)) == [each["id"] for each in result.states]


def test_counts_of_stream_and_global_states_add_up_to_the_records_read() -> None:
    """A stream state counts its own stream since its last state, a global one all that no state has counted."""
    glob = {"type": "STATE", "state": {"type": "GLOBAL", "global": {"stream_states": []}, "id": 3}}
    legacy = {"type": "STATE", "state": {"data": {}}}
    messages = [
        event(1),
        record("users", user_id="u1", name="n"),
        record("users", user_id=["u1"], name="n"),
        state("events", 1),
        event(2, "stranger"),
        event(3),
        state("users", 2),
        event(1),
        glob,
        state("users", 4),
        record("users", name="n"),
        legacy,
        event(9),
    ]
    result = write(messages, seed={"contacts": PEOPLE})
    assert result.error is None
    assert [(1, 0), (1, 1), (2, 1), (0, 0), (1, 0)] == stats(result)


def test_state_with_namespace_counts_only_the_stream_of_that_namespace() -> None:
    """Two streams of one name are two streams, for records and for states."""
    configured = catalog("events", "events")
    for entry, namespace in zip(configured["streams"], ("a", "b"), strict=True):
        entry["stream"]["namespace"] = namespace
    streams = [
        {"stream": "events", "namespace": one, "event_name_property": "name", "created_at_property": "at"}
        for one in ("a", "b")
    ]
    events = {"mode": "enabled", "selected_events": ["*"], "streams": streams}
    messages: list[dict[str, Any] | bytes] = []
    for number, namespace in enumerate(("a", "b", "b")):
        message = event(number)
        message["record"]["namespace"] = namespace
        messages.append(message)
    for number, namespace in enumerate(("a", "b")):
        message = state("events", number)
        message["state"]["stream"]["stream_descriptor"]["namespace"] = namespace
        messages.append(message)
    result = write(
        messages,
        seed={"contacts": PEOPLE},
        configuration=config(events=events, users=None),
        configured_catalog=configured,
    )
    assert result.error is None
    assert [(1, 0), (2, 0)] == stats(result)


@pytest.mark.parametrize(
    ("declared", "told", "of_state"),
    [
        ("shop", None, None),
        ("shop", None, "shop"),
        ("shop", "shop", None),
        ("shop", "", "shop"),
        (None, "shop", None),
        (None, None, "shop"),
        (None, "shop", "shop"),
        ("", None, "shop"),
        ("", "", ""),
        (None, "", None),
    ],
)
def test_counts_where_only_one_side_tells_a_namespace_are_those_of_the_stream(
    declared: str | None, told: str | None, of_state: str | None
) -> None:
    """The catalog, the records and the states mean one stream, whichever of them leave the namespace out."""
    configured = catalog("events")
    configured["streams"][0]["stream"]["namespace"] = declared
    messages = [event(0), event(1, "nobody"), state("events", 1), event(2), state("events", 2)]
    for message in messages:
        if message["type"] == "RECORD":
            message["record"]["namespace"] = told
        else:
            message["state"]["stream"]["stream_descriptor"]["namespace"] = of_state
    result = write(messages, seed={"contacts": PEOPLE}, configuration=config(users=None), configured_catalog=configured)
    assert result.error is None
    assert [(1, 1), (1, 0)] == stats(result)


def test_record_of_another_namespace_than_the_catalogs_ends_the_sync() -> None:
    """It is of a stream that the catalog does not have; what came before it is delivered and checkpointed."""
    configured = catalog("events")
    configured["streams"][0]["stream"]["namespace"] = "shop"
    foreign = event(2)
    foreign["record"]["namespace"] = "other"
    result = write(
        [event(1), state("events", 1), foreign, state("events", 2)],
        seed={"contacts": PEOPLE},
        configuration=config(users=None),
        configured_catalog=configured,
    )
    assert isinstance(result.error, InputError)
    assert "Line 3 " in result.error.message
    assert [(1, 0)] == stats(result)
    assert 1 == len(result.events)


def test_states_behind_one_slow_record_fill_the_room_and_reading_goes_on_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """States that wait take memory as records do: reading stops, and goes on once the slow record is done."""
    monkeypatch.setattr("destination_intercom.pipeline.MAX_BYTES_IN_FLIGHT", 8000)
    monkeypatch.setattr("destination_intercom.pipeline.LINES_BETWEEN_NOTICES", 5)
    clock = VirtualClock()
    intercom = Intercom(Settings(), clock=clock.wall)
    intercom.seed({"contacts": PEOPLE})
    delays = iter([10.0])
    kept: list[int] = []

    class Watching(ScriptedStdin):
        def read(self, size: int, /) -> bytes:
            kept.append(round(clock.now() - START))
            return super().read(size)

    filler, unwanted = "x" * 300, record("events", user_id="u1", name="Paused", at=T0)
    pieces = [(0.0, to_lines([state("events", n, filler=filler), unwanted])) for n in range(1, 100)]
    monkeypatch.setattr("destination_intercom.delivery.mailbox.INPUT_BYTES", 1000)
    result = write(
        Watching(clock, (0.0, to_lines([event(0)])), *pieces),
        intercom=intercom,
        clock=clock,
        transport=Probe(intercom, clock, lambda: next(delays, 0.0)),
        configuration=config(
            users=None,
            events={
                "mode": "enabled",
                "streams": [{"stream": "events", "event_name_property": "name", "created_at_property": "at"}],
                "selected_events": ["Played"],
            },
        ),
    )
    assert result.error is None
    assert list(range(1, 100)) == [each["id"] for each in result.states]
    # Ten seconds long no more was read than fits: the room, the mailbox, and what is being handed over.
    assert 8 <= sum(second < 10 for second in kept) <= 20
    assert 101 == len(kept)


def test_states_that_are_held_for_their_stream_hold_up_no_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """What would speak for the stream comes after them: to wait for room then would be to wait for ever."""
    monkeypatch.setattr("destination_intercom.pipeline.MAX_BYTES_IN_FLIGHT", 3000)
    monkeypatch.setattr("destination_intercom.delivery.mailbox.INPUT_BYTES", 1000)
    clock = VirtualClock()
    filler = "x" * 300
    pieces = [(0.0, to_lines([event(n, "nobody"), state("events", n, filler=filler)])) for n in range(100)]
    result = write(
        ScriptedStdin(clock, *pieces, (1.0, to_lines([event(100)])), (60.0, b"")),
        seed={"contacts": PEOPLE},
        clock=clock,
        configuration=config(users=None, delivery={"stop_after_rejected": 1000}),
    )
    assert result.error is None
    assert [(0, 1)] * 100 == stats(result)


def complete(stream: str) -> dict[str, Any]:
    """What the source says when a stream is done."""
    status = {"stream_descriptor": {"name": stream}, "status": "COMPLETE"}
    return {"type": "TRACE", "trace": {"type": "STREAM_STATUS", "emitted_at": 1, "stream_status": status}}


@pytest.mark.parametrize(
    ("release", "moment"),
    [(to_lines([complete("events")]), 300.0), (b"", 300.0), (to_lines([event(1)]), 300.0)],
    ids=["end-of-stream", "end-of-input", "a-record-that-fares-better"],
)
def test_state_of_rejected_records_only_is_held_until_something_speaks_for_the_stream(
    release: bytes, moment: float
) -> None:
    """A stream whose records were all rejected so far may have a wrong mapping: its states wait."""
    clock = VirtualClock()
    first = to_lines([event(1, "nobody"), state("events", 1)])
    pieces = [(0.0, first), (moment, release)] + ([(550.0, b"")] if release else [])
    at: list[float] = []

    def watch(line: bytes) -> None:
        if json.loads(line)["type"] == "STATE":
            at.append(clock.now() - START)

    result = write(
        ScriptedStdin(clock, *pieces),
        seed={"contacts": PEOPLE},
        clock=clock,
        configuration=config(users=None),
        watch=watch,
    )
    assert result.error is None
    assert 1 == len(at)
    assert moment <= at[0] < moment + 2


PLATFORM_PATIENCE_SECONDS = 15 * 60.0
"""For so long the platform waits for a state of a destination that goes on reading."""


@pytest.mark.parametrize("person", ["nobody", "u0"], ids=["a-stranger", "someone-whose-events-are-not-taken-yet"])
def test_state_that_is_held_leaves_before_the_platform_loses_patience(person: str) -> None:
    """Held for ten minutes, after a record whose own rejection has taken a minute: it still leaves in time."""
    clock = VirtualClock()
    stdin = ScriptedStdin(clock, (0.0, to_lines([event(1, person), state("events", 1)])), (3000.0, b""))
    at: list[float] = []

    def watch(line: bytes) -> None:
        if json.loads(line)["type"] == "STATE":
            at.append(clock.now() - START)

    error = {"type": "error.list", "errors": [{"code": "not_found", "message": "User Not Found"}]}
    fault = {"endpoint": "POST /events", "kind": "status", "status": 404, "body": error}
    result = write(stdin, seed={"contacts": PEOPLE}, settings={"faults": [fault]}, clock=clock, watch=watch)
    assert [(0, 1)] == stats(result)
    assert 590 < at[0] < PLATFORM_PATIENCE_SECONDS


def test_states_of_a_healthy_stream_leave_while_those_of_one_that_looks_wrong_are_held() -> None:
    """Only a stream that looks wrong is held back, and with it what covers all streams."""
    clock = VirtualClock()
    everything = {"type": "STATE", "state": {"type": "GLOBAL", "global": {"stream_states": []}, "id": 2}}
    pieces = [
        (0.0, to_lines([event(1, "nobody"), state("events", 1), everything])),
        (10.0, to_lines([record("users", user_id="u1", name="n"), state("users", 3)])),
        (20.0, to_lines([event(2, "nobody"), record("users", user_id="u1", name="m"), state("users", 4)])),
        (300.0, b""),
    ]
    left: dict[int, float] = {}

    def watch(line: bytes) -> None:
        message = json.loads(line)
        if message["type"] == "STATE":
            left[message["state"]["id"]] = clock.now() - START

    result = write(ScriptedStdin(clock, *pieces), seed={"contacts": PEOPLE}, clock=clock, watch=watch)
    assert result.error is None
    assert [3, 4, 1, 2] == list(left)
    assert [(1, 0), (1, 0), (0, 1), (0, 0)] == stats(result)
    assert all(at < 25 for number, at in left.items() if number > 2)
    assert all(at >= 300 for number, at in left.items() if number < 3)


def test_states_that_are_held_and_too_many_leave_from_the_oldest_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the room is for them: the newest stay, and reading goes on."""
    monkeypatch.setattr("destination_intercom.pipeline.MAX_BYTES_IN_FLIGHT", 20_000)
    clock = VirtualClock()
    filler = "x" * 1000
    messages = [event(0, "nobody"), *(state("events", n, filler=filler) for n in range(30))]
    early: list[int] = []

    def watch(line: bytes) -> None:
        if json.loads(line)["type"] == "STATE" and clock.now() < START + 300:
            early.append(json.loads(line)["state"]["id"])

    result = write(
        ScriptedStdin(clock, (0.0, to_lines(messages)), (300.0, b"")),
        clock=clock,
        configuration=config(users=None),
        watch=watch,
    )
    assert result.error is None
    assert list(range(30)) == [each["id"] for each in result.states]
    assert 20 < len(early) < 26


@pytest.mark.parametrize(
    "bad",
    [lambda n: event(n, "nobody"), lambda n: event(n, f"nobody{n}"), lambda n: record("events", name="Played", at=T0)],
    ids=["one-stranger", "strangers", "no-identity-property"],
)
def test_stop_after_rejected_when_a_stream_begins_with_nothing_else_ends_the_sync(
    bad: Callable[[int], dict[str, Any]],
) -> None:
    """The error is the user's to solve, names the stream, and no state of the stream was given out."""
    messages = [message for n in range(30) for message in (bad(n), state("events", n))]
    result = write(messages, configuration=config(delivery={"stop_after_rejected": 20}))
    assert isinstance(result.error, ConfigurationError)
    assert result.error.stream is not None
    assert "events" == result.error.stream.name
    assert [] == result.states


@pytest.mark.parametrize("delivery", [{"stop_after_rejected": 0}, {"stop_after_rejected": 31}])
def test_stop_after_rejected_when_off_or_not_reached_lets_the_sync_end_well(delivery: dict[str, int]) -> None:
    """Zero turns it off; one record fewer than the number is not enough."""
    messages = [message for n in range(30) for message in (event(n, "nobody"), state("events", n))]
    result = write(messages, configuration=config(delivery=delivery))
    assert result.error is None
    assert [(0, 1)] * 30 == stats(result)


def test_stop_after_rejected_when_off_holds_no_state_back() -> None:
    """With 0 a state of rejected records leaves at once."""
    clock = VirtualClock()
    stdin = ScriptedStdin(clock, (0.0, to_lines([event(1, "nobody"), state("events", 1)])), (3000.0, b""))
    at: list[float] = []

    def watch(line: bytes) -> None:
        if json.loads(line)["type"] == "STATE":
            at.append(clock.now() - START)

    write(stdin, clock=clock, configuration=config(users=None, delivery={"stop_after_rejected": 0}), watch=watch)
    assert 1 == len(at)
    assert at[0] < 1


@pytest.mark.parametrize(
    "neutral",
    [{"user_id": None, "name": "Played"}, {"user_id": "u1", "name": "$identify"}, {"user_id": "  ", "name": "x"}],
    ids=["null-identity", "excluded", "blank-identity"],
)
def test_stop_after_rejected_counts_no_record_that_was_filtered_for_another_reason(neutral: dict[str, Any]) -> None:
    """Anonymous and unwanted records are ordinary: they neither count nor speak for the stream."""
    only = [record("events", at=T0 + n, **neutral) for n in range(40)]
    settings = config(delivery={"stop_after_rejected": 10})
    calm = write([*only, state("events", 1)], configuration=settings)
    assert calm.error is None
    assert [(40, 0)] == stats(calm)
    mixed = [message for n in range(12) for message in (event(n, "nobody"), only[n])]
    stopped = write([*mixed, state("events", 1)], configuration=settings)
    assert isinstance(stopped.error, ConfigurationError)
    assert [] == stopped.states


def test_stop_after_rejected_when_one_early_record_fares_better_never_stops() -> None:
    """One delivered record among the first shows that the mapping works."""
    messages = [event(0, "nobody"), event(1, 1), *(event(n, "nobody") for n in range(2, 60)), state("events", 1)]
    result = write(
        messages, seed={"contacts": PEOPLE}, configuration=config(delivery={"stop_after_rejected": 5}), settings={}
    )
    assert result.error is None
    assert [(1, 59)] == stats(result)


def test_stop_after_rejected_of_one_stream_keeps_states_of_another() -> None:
    """What was delivered is checkpointed, whatever is wrong with another stream."""
    first = [record("users", user_id="u1", name="n"), state("users", 1)]
    then = [*(event(n, "nobody") for n in range(30)), state("events", 2), state("users", 3)]
    clock = VirtualClock()
    result = write(
        ScriptedStdin(clock, (0.0, to_lines(first)), (5.0, to_lines(then))),
        clock=clock,
        seed={"contacts": PEOPLE},
        configuration=config(delivery={"stop_after_rejected": 20}),
    )
    assert isinstance(result.error, ConfigurationError)
    assert [1, 3] == [each["id"] for each in result.states]


def test_reading_stops_while_too_much_is_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow Intercom stops the reading of the input: no more is held than the limits say, and nothing hangs."""
    monkeypatch.setattr("destination_intercom.pipeline.MAX_RECORDS_IN_FLIGHT", 5)
    monkeypatch.setattr("destination_intercom.delivery.mailbox.INPUT_BYTES", 500)
    clock = VirtualClock()
    read: list[int] = []

    class Counting(ScriptedStdin):
        def read(self, size: int, /) -> bytes:
            read.append(len(result_states))
            return super().read(size)

    result_states: list[bytes] = []

    def watch(line: bytes) -> None:
        if b'"STATE"' in line:
            result_states.append(line)

    pieces = [(0.0, to_lines([event(n, n % 20), state("events", n)])) for n in range(100)]
    result = write(
        Counting(clock, *pieces), seed={"contacts": PEOPLE}, clock=clock, settings={"latency": 1.0}, watch=watch
    )
    assert result.error is None
    assert list(range(100)) == [each["id"] for each in result.states]
    # A call of `read` may be ahead of the states by what is out, what waits, and what is being handed over.
    assert all(number - states <= 5 + 3 + 2 for number, states in enumerate(read))


def test_output_that_nobody_reads_any_more_ends_the_sync() -> None:
    """A consumer that goes away leaves no worker and no reader behind."""
    clock = VirtualClock()
    intercom = Intercom(Settings.from_dict({"latency": 1.0}), clock=clock.wall)
    intercom.seed({"contacts": PEOPLE})
    messages = [message for n in range(50) for message in (event(n, n % 20), state("events", n))]
    lines = destination.write(
        config(),
        catalog("users", "events"),
        stdin=ScriptedStdin(clock, (0.0, to_lines(messages)), (99_999.0, b"")),
        clock=clock,
        mailbox=Mailbox(clock),
        transport=EmulatorTransport(intercom, clock),
    )
    next(lines)
    lines.close()  # type: ignore[attr-defined]
    made = len(intercom.exchanges())
    clock.sleep(60)
    assert clock.now() - START < 65
    assert made == len(intercom.exchanges())
