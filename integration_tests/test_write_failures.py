"""Failures: what is tried again, what ends the sync and how, and that nothing is acknowledged that did not arrive."""

from __future__ import annotations

import functools
import io
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from destination_intercom.delivery.mailbox import Mailbox
from destination_intercom.errors import ConfigurationError, DeliveryError, InputError
from destination_intercom.pipeline import Terminated
from integration_tests.support.harness import Probe, Result, ScriptedStdin, config, record, state, to_lines, write
from integration_tests.support.virtual_clock import START, VirtualClock
from intercom_emulator import Intercom, Settings

T0 = 1_700_000_000
CANARY = "c4n4ry"
"""Part of every value of every record; never part of a line of the output."""

SEED = {"contacts": [{"external_id": f"{CANARY}-{n}", "email": f"{CANARY}{n}@example.com"} for n in range(4)]}
EMAIL = {"identity": {"property": "mail", "intercom_field": "email"}}
ENDPOINTS = [
    "GET /data_attributes",
    "POST /contacts",
    "GET /contacts/{id}",
    "PUT /contacts/{id}",
    "GET /contacts/find_by_external_id/{external_id}",
    "POST /contacts/search",
    "POST /events",
]
ENVELOPE = {"type": "error.list", "errors": [{"code": "odd", "message": f"{CANARY} is odd"}]}
FAULTS: dict[str, dict[str, Any]] = {
    "500": {"kind": "status", "status": 500},
    "503-after": {"kind": "status", "status": 503, "after": True},
    "408": {"kind": "status", "status": 408},
    "405-envelope": {"kind": "status", "status": 405, "body": ENVELOPE},
    "429": {"kind": "status", "status": 429},
    "too-many-requests": {
        "kind": "status",
        "status": 400,
        "body": {"type": "error.list", "errors": [{"code": "too_many_requests", "message": CANARY}]},
    },
    "200-html": {"kind": "html", "status": 200},
    "202-html": {"kind": "html", "status": 202},
    "401-html": {"kind": "html", "status": 401},
    "403-html": {"kind": "html", "status": 403},
    "404-html": {"kind": "html", "status": 404},
    "405-html": {"kind": "html", "status": 405},
    "502-html": {"kind": "html", "status": 502},
    "502-html-after": {"kind": "html", "status": 502, "after": True},
    "404-json-of-a-proxy": {"kind": "json", "status": 404, "body": {"error": CANARY}},
    "400-json-of-a-proxy": {"kind": "json", "status": 400, "body": {"errors": CANARY}, "edge": True},
    "302": {"kind": "redirect", "location": "https://example.com/login"},
    "307": {"kind": "redirect", "status": 307, "location": "https://api.intercom.io/"},
    "200-null": {"kind": "null"},
    "404-null": {"kind": "null", "status": 404},
    "200-list": {"kind": "json", "body": []},
    "200-envelope": {"kind": "json", "body": ENVELOPE},
    "reset-before": {"kind": "reset_before"},
    "reset-after": {"kind": "reset_after"},
    "stall": {"kind": "stall"},
    "stall-after": {"kind": "stall_after"},
    "truncate": {"kind": "truncate"},
}
FOR_EVER = [name for name in FAULTS if name != "truncate"]
"""An empty body, as that of an event, has no half: half of it is all of it."""


@pytest.fixture(autouse=True)
def _same_jitter() -> Iterator[None]:
    """The waits between attempts are the same in each run of a test."""
    before = random.getstate()
    random.seed(1)
    yield
    random.setstate(before)


def person(number: int) -> str:
    """An identity; those below 4 are seeded."""
    return f"{CANARY}-{number}"


def user(number: int, name: str = CANARY) -> dict[str, Any]:
    """An update of a person, by either identity."""
    return record("users", user_id=person(number), mail=f"{CANARY}{number}@example.com", name=name)


def event(number: int, second: int = 0) -> dict[str, Any]:
    """An event of a person, by either identity."""
    mail = f"{CANARY}{number}@example.com"
    return record("events", user_id=person(number), mail=mail, name="Played", at=T0 + second, secret=CANARY)


def attributes(**more: Any) -> dict[str, Any]:
    """A configuration that writes the name only, so that e-mails conflict with nobody."""
    users = {"mode": "enabled", "streams": [{"stream": "users"}], "attributes": [{"property": "name"}]}
    return config(users=users, **more)


def settings_for(endpoint: str) -> dict[str, Any]:
    """The configuration under which `endpoint` is called."""
    return attributes(**EMAIL) if endpoint == "POST /contacts/search" else attributes()


def make_intercom(endpoint: str, clock: VirtualClock, *faults: dict[str, Any]) -> Intercom:
    """Make an Intercom with the people of `SEED`; what `endpoint` asks for must be needed.

    A contact is read by its id only after a conflict: the people are so new that the search lags.
    """
    if endpoint != "GET /contacts/{id}":
        intercom = Intercom(Settings(), clock=clock.wall)
        intercom.seed(SEED)
    else:
        intercom = Intercom(Settings(search_lag=900.0), clock=clock.wall)
        headers = {"Authorization": "Bearer test-token", "Accept": "application/json", "Intercom-Version": "2.16"}
        headers["Content-Type"] = "application/json"
        for contact in SEED["contacts"]:
            body = json.dumps({"role": "user", **contact}).encode()
            assert 200 == intercom.handle("POST", "/contacts", headers, body).status
    intercom.set_faults(list(faults))
    return intercom


def scenario() -> list[dict[str, Any] | bytes]:
    """A sync that calls every endpoint several times: seeded people, new ones and strangers."""
    messages: list[dict[str, Any] | bytes] = []
    for n in range(8):
        messages += [user(n, f"{CANARY} a{n}"), event(n), user(n, f"{CANARY} b{n}"), event(n, 1)]
        messages += [event(100 + n), state("events", n)]
    return messages


def ending(result: Result) -> tuple[Any, ...]:
    """What Intercom holds, and what the states say; ids and times of arrival apart."""
    contacts = sorted(
        (each["external_id"] or "", each["email"] or "", each["name"] or "") for each in result.contents["contacts"]
    )
    names = {each["id"]: each["name"] for each in result.contents["contacts"]}
    events = sorted((names[each["contact_id"]], each["event_name"], each["created_at"]) for each in result.events)
    stats = [each["destinationStats"] for each in result.states]
    return contacts, events, stats


def refuse_canaries(result: Result) -> None:
    """No line of the output, and no error, holds a value of a record."""
    for line in result.lines:
        if json.loads(line)["type"] != "STATE":
            assert CANARY.encode() not in line
    assert CANARY not in str(result.error)
    assert CANARY not in repr(result.error)


@functools.cache
def calm(endpoint: str) -> Result:
    """The scenario without any fault, under the configuration by which `endpoint` is called."""
    clock = VirtualClock()
    intercom = make_intercom(endpoint, clock)
    result = write(scenario(), configuration=settings_for(endpoint), intercom=intercom, clock=clock)
    assert result.error is None
    assert endpoint in result.calls
    return result


@pytest.mark.parametrize("when", [{"at": [1]}, {"every": 5}], ids=["once", "every-fifth"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_fault_that_passes_changes_nothing_of_what_arrives(endpoint: str, fault: str, when: dict[str, Any]) -> None:
    """Nothing lost, nothing twice, nothing rejected, whatever went wrong in between and wherever."""
    clock = VirtualClock()
    intercom = make_intercom(endpoint, clock, {"endpoint": endpoint, **FAULTS[fault], **when})
    result = write(scenario(), configuration=settings_for(endpoint), intercom=intercom, clock=clock)
    assert result.error is None
    assert ending(calm(endpoint)) == ending(result)
    refuse_canaries(result)


FIRST: dict[str, dict[str, Any]] = {"POST /events": user(9)}
THEN: dict[str, dict[str, Any]] = {
    "POST /contacts": user(8),
    "GET /contacts/{id}": user(1),
    "PUT /contacts/{id}": user(1),
    "GET /contacts/find_by_external_id/{external_id}": event(100),
    "POST /contacts/search": event(100),
    "POST /events": event(1),
}


def one_after_the_other(endpoint: str, clock: VirtualClock) -> ScriptedStdin:
    """Make an input of a record that is delivered, and one, two seconds later, for which `endpoint` is called.

    A contact is looked up within a second: what is to be delivered first must come first.
    """
    return ScriptedStdin(
        clock,
        (0.0, to_lines([FIRST.get(endpoint, event(0)), state("events", 1)])),
        (2.0, to_lines([THEN.get(endpoint, event(2)), state("events", 2)])),
    )


@pytest.mark.parametrize("fault", FOR_EVER)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_fault_that_stays_ends_in_one_transient_error_after_about_ten_minutes(endpoint: str, fault: str) -> None:
    """States of what was delivered are out, that of the failing record is not, and the message tells no value."""
    clock = VirtualClock()
    intercom = make_intercom(endpoint, clock, {"endpoint": endpoint, **FAULTS[fault]})
    result = write(
        one_after_the_other(endpoint, clock), configuration=settings_for(endpoint), intercom=intercom, clock=clock
    )
    assert isinstance(result.error, DeliveryError)
    assert "transient_error" == result.error.failure_type
    assert 590 < clock.now() - START < 700
    assert ([] if endpoint == "GET /data_attributes" else [1]) == [each["id"] for each in result.states]
    refuse_canaries(result)


@pytest.mark.parametrize("fault", ["500", "400", "422"])
def test_lookup_that_is_refused_for_ever_ends_in_single_questions_and_then_in_plain_writes(fault: str) -> None:
    """An Intercom that takes no search of ours costs calls, and no record; that it refuses is said once."""
    envelope = {"kind": "status", "status": int(fault)} | ({} if fault == "500" else {"body": ENVELOPE})
    clock = VirtualClock()
    intercom = make_intercom("POST /contacts", clock, {"endpoint": "POST /contacts/search", **envelope})
    messages = [*(user(n, f"{CANARY} {n}") for n in range(8)), state("users", 1)]
    result = write(messages, configuration=attributes(), intercom=intercom, clock=clock)
    assert result.error is None
    assert {"recordCount": 8, "rejectedRecordCount": 0} == result.states[0]["destinationStats"]
    assert {f"{CANARY} {n}" for n in range(8)} == {each["name"] for each in result.contents["contacts"]}
    assert 4 == result.calls["GET /contacts/{id}"]
    # It is the keys that are refused, each by itself, and not their number.
    assert not [text for text in result.logs if "Intercom refuses to look up" in text]
    assert (fault != "500") == (1 == len([text for text in result.logs if "cannot look up some contacts" in text]))
    refuse_canaries(result)


@pytest.mark.parametrize(("status", "minutes"), [(500, 10), (429, 20)])
def test_endpoint_that_fails_for_minutes_ends_the_sync_though_others_succeed(status: int, minutes: int) -> None:
    """Success elsewhere is no reason to try a dead endpoint for ever; a 429 costs no attempt, but time."""
    clock = VirtualClock()
    pieces = [(n * 30.0, to_lines([event(0, n), state("events", n)])) for n in range(100)]
    pieces[3] = (90.0, to_lines([user(8), state("users", 3)]))
    faults = [{"endpoint": "POST /contacts", "kind": "status", "status": status}]
    result = write(
        ScriptedStdin(clock, *pieces), seed=SEED, configuration=attributes(), settings={"faults": faults}, clock=clock
    )
    assert isinstance(result.error, DeliveryError)
    assert "POST /contacts: status" in result.error.message
    assert 'stream "users", record 4 of the sync' in result.error.message
    assert 90 + minutes * 60 <= clock.now() - START < 150 + minutes * 60
    assert [0, 1, 2] == [each["id"] for each in result.states]


def fatal(status: int, code: str) -> dict[str, Any]:
    """A fault that answers with a code of Intercom's."""
    body = {"type": "error.list", "errors": [{"code": code, "message": CANARY}]}
    return {"kind": "status", "status": status, "body": body}


FATAL = [
    fatal(401, "unauthorized"),
    fatal(401, "token_unauthorized"),
    fatal(401, "token_revoked"),
    fatal(402, "api_plan_restricted"),
    fatal(403, "api_plan_restricted"),
    fatal(403, "forbidden"),
    fatal(400, "intercom_version_invalid"),
]


@pytest.mark.parametrize("plan", FATAL, ids=lambda plan: str(plan["body"]["errors"][0]["code"]) + str(plan["status"]))
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_refused_token_or_version_is_a_config_error_at_once(endpoint: str, plan: dict[str, Any]) -> None:
    """No second try, and what was delivered before is checkpointed."""
    clock = VirtualClock()
    result = write(
        one_after_the_other(endpoint, clock),
        configuration={**settings_for(endpoint), "delivery": {"concurrency": 1}},
        intercom=make_intercom(endpoint, clock, {"endpoint": endpoint, **plan}),
        clock=clock,
    )
    assert isinstance(result.error, ConfigurationError)
    assert clock.now() - START < 5
    assert 1 == result.calls[endpoint]
    assert ([] if endpoint == "GET /data_attributes" else [1]) == [each["id"] for each in result.states]
    refuse_canaries(result)


@pytest.mark.parametrize("status", [400, 404, 409, 410, 413, 422])
def test_refusal_of_the_question_before_the_first_record_is_one_config_error(status: int) -> None:
    """There is no record to reject, and without an answer none can be sent."""
    fault = {"endpoint": "GET /data_attributes", "kind": "status", "status": status}
    attributes = {"mode": "enabled", "streams": [{"stream": "users"}], "attributes": [{"property": "name"}]}
    messages = [record("users", user_id=CANARY, name=CANARY), state("users", 1)]
    result = write(messages, settings={"faults": [fault]}, configuration=config(users=attributes))
    assert isinstance(result.error, ConfigurationError)
    assert f"GET /data_attributes: status {status}" in result.error.message
    assert {"GET /data_attributes": 1} == result.calls
    assert [] == result.states


def test_wrong_token_never_shows_in_any_line() -> None:
    """Neither whole nor in part."""
    token = "dG9rOjEyMzQ1Njc4OTBhYmNkZWY"
    result = write([event(0)], configuration=config(access_token=token, users=None), seed=SEED)
    assert isinstance(result.error, ConfigurationError)
    assert token not in str(result.error)
    assert token.encode() not in b"".join(result.lines)


@pytest.mark.parametrize("headers", ["full", "none"])
@pytest.mark.parametrize("limit", [1, 7])
def test_storm_of_429_costs_no_record(limit: int, headers: str) -> None:
    """A quota of almost nothing slows the sync down, and that is all."""
    messages = [*(event(n % 4, n) for n in range(40)), state("events", 1)]
    result = write(messages, seed=SEED, configuration=config(users=None), settings={"limit": limit, "headers": headers})
    assert result.error is None
    assert 40 == len(result.events)
    assert {"recordCount": 40, "rejectedRecordCount": 0} == result.states[0]["destinationStats"]
    assert result.logged("retries: 0")


@pytest.mark.parametrize("more", [{}, {"headers": {"Retry-After": "7"}}], ids=["bare", "retry-after"])
def test_429_for_nine_minutes_is_outlasted_and_then_all_is_delivered(more: dict[str, Any]) -> None:
    """Refusals by the quota cost no attempts."""
    faults = [{"endpoint": "*", "kind": "status", "status": 429, "from_time": 1.0, "until_time": 540.0, **more}]
    clock = VirtualClock()
    stdin = ScriptedStdin(
        clock, (0.0, to_lines([event(0)])), (2.0, to_lines([*(event(n % 4, n) for n in range(20)), state("events", 1)]))
    )
    result = write(stdin, seed=SEED, configuration=config(users=None), settings={"faults": faults}, clock=clock)
    assert result.error is None
    assert 20 == len(result.events)
    assert result.logged("retries: 0")
    assert result.calls["POST /events"] < 20 + 64 * 540 / 7


def times_of(result: Result, path: str) -> list[float]:
    """When calls of a path were made."""
    return [each["time"] for each in result.exchanges if each["path"].startswith(path)]


@pytest.mark.parametrize("status", [500, 503, 408])
def test_retry_after_is_a_floor_for_the_next_attempt(status: int) -> None:
    """The same call is not made again before it."""
    faults = [
        {"endpoint": "POST /events", "kind": "status", "status": status, "headers": {"Retry-After": "120"}, "at": [1]}
    ]
    result = write([event(0)], seed=SEED, configuration=config(users=None), settings={"faults": faults})
    first, second = times_of(result, "/events")
    assert 120 <= second - first < 160


def test_retry_after_of_a_429_holds_back_every_call() -> None:
    """Where Intercom says how long to wait, nobody calls sooner."""
    faults = [
        {"endpoint": "POST /events", "kind": "status", "status": 429, "headers": {"Retry-After": "60"}, "at": [1]}
    ]
    clock = VirtualClock()
    stdin = ScriptedStdin(clock, (0.0, to_lines([event(0)])), (5.0, to_lines([event(1), event(2)])))
    result = write(stdin, seed=SEED, configuration=config(users=None), settings={"faults": faults}, clock=clock)
    times = times_of(result, "/events")
    assert 4 == len(times)
    assert times[1] - times[0] >= 60


def test_retry_after_is_a_floor_for_the_question_before_the_first_record_too() -> None:
    """The data attributes are asked for again no sooner than Intercom said."""
    plan = {"kind": "status", "status": 503, "headers": {"Retry-After": "120"}, "at": [1]}
    faults = [{"endpoint": "GET /data_attributes", **plan}]
    result = write([user(0)], seed=SEED, configuration=attributes(), settings={"faults": faults})
    first, second = times_of(result, "/data_attributes")
    assert second - first >= 120


@pytest.mark.parametrize("kind", ["reset_after", "stall_after", "truncate"])
def test_blind_retry_of_what_was_done_makes_no_second_contact_and_no_second_event(kind: str) -> None:
    """The create is tried again, meets its own contact, and updates it."""
    messages = [user(50), event(50), state("events", 1)]
    result = write(
        messages, configuration=attributes(), settings={"faults": [{"endpoint": "*", "kind": kind, "every": 2}]}
    )
    assert result.error is None
    assert 1 == len(result.contents["contacts"])
    assert 1 == len(result.events)


GOOD = [event(0), event(1), state("events", 1), event(2)]
BAD_INPUT = {
    "half-a-line": b'{"type": "RECORD", "record": {"stream": "events", "data": {"user_id": "c4n4ry',
    "not-utf-8": b'{"type": "RECORD", "record": {"stream": "events", "data": {"user_id": "c4n4ry\xff"}}}',
    "no-json": b"c4n4ry said: hello",
    "nan": b'{"type": "RECORD", "record": {"stream": "events", "data": {"user_id": "c4n4ry", "n": NaN}}}',
    "no-object": b'["c4n4ry"]',
    "no-type": b'{"record": {"stream": "events", "data": {"user_id": "c4n4ry"}}}',
    "type-no-text": b'{"type": {"c4n4ry": 1}}',
    "no-stream": b'{"type": "RECORD", "record": {"data": {"user_id": "c4n4ry"}}}',
    "no-data": b'{"type": "RECORD", "record": {"stream": "events", "data": "c4n4ry"}}',
    "no-record": b'{"type": "RECORD", "c4n4ry": 1}',
    "unknown-stream": b'{"type": "RECORD", "record": {"stream": "unknown", "data": {"user_id": "c4n4ry"}}}',
    "no-state": b'{"type": "STATE", "c4n4ry": 1}',
    "state-without-stream": b'{"type": "STATE", "state": {"type": "STREAM", "stream": {"c4n4ry": 1}}}',
    "deep": b'{"type": "RECORD", "record": {"stream": "events", "data": {"user_id": ' + b'["c4n4ry",' * 100_000,
}


@pytest.mark.parametrize("follows", [b"", b"\n" + to_lines([event(3), state("events", 2)])], ids=["last", "amidst"])
@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_input_is_told_by_its_line_number_after_all_before_it_was_delivered(name: str, follows: bytes) -> None:
    """What was read before is delivered and its states are sent; what follows is not read."""
    faults = [{"endpoint": "POST /events", "kind": "status", "status": 500, "at": [1, 3]}]
    result = write(
        io.BytesIO(to_lines(GOOD) + BAD_INPUT[name] + follows),
        seed=SEED,
        configuration=config(users=None),
        settings={"faults": faults, "latency": 0.5},
    )
    assert isinstance(result.error, InputError)
    assert "system_error" == result.error.failure_type
    assert "5" in result.error.message
    assert (name == "unknown-stream") == (
        'the stream "unknown", which the catalog does not have. Its streams are: events.' in result.error.message
    )
    assert [1] == [each["id"] for each in result.states]
    assert 3 == len(result.events)
    refuse_canaries(result)


@pytest.mark.parametrize(
    "harmless",
    [
        b"",
        b"   ",
        b"\r",
        b'{"type":"LOG","log":{"level":"INFO","message":"c4n4ry"}}',
        b'{"type":"TRACE","trace":{"type":"ESTIMATE"}}',
        b'{"type":"NEW","c4n4ry":1}',
    ],
)
def test_line_that_a_destination_has_no_use_for_is_passed_over(harmless: bytes) -> None:
    """PyAirbyte sends logs and traces too, and blank lines mean nothing."""
    result = write([event(0), harmless, event(1), state("events", 1)], seed=SEED, configuration=config(users=None))
    assert result.error is None
    assert 2 == len(result.events)
    refuse_canaries(result)


def test_lines_that_end_in_carriage_returns_are_lines() -> None:
    """A file from elsewhere may have them; the echoed state stays one line."""
    text = to_lines([event(0), state("events", 1)]).replace(b"\n", b"\r\n")
    result = write(io.BytesIO(text), seed=SEED, configuration=config(users=None))
    assert result.error is None
    assert [1] == [each["id"] for each in result.states]
    assert not any(b"\r" in line or b"\n" in line for line in result.lines)


def test_input_that_breaks_off_with_an_error_is_an_input_error_after_the_delivery() -> None:
    """An unreadable stdin is no end of the input."""
    clock = VirtualClock()

    def fail() -> None:
        raise OSError(CANARY)

    stdin = ScriptedStdin(clock, (0.0, to_lines(GOOD)), (1.0, fail))
    result = write(stdin, seed=SEED, configuration=config(users=None), clock=clock)
    assert isinstance(result.error, InputError)
    assert [1] == [each["id"] for each in result.states]
    assert 3 == len(result.events)
    refuse_canaries(result)


def test_all_rejected_stream_before_bad_input_keeps_its_counts_right() -> None:
    """A state that is held is not sent with wrong counts because the input broke."""
    result = write([event(100), state("events", 1), b"c4n4ry"], seed=SEED, configuration=config(users=None))
    assert isinstance(result.error, InputError)
    for each in result.states:
        assert {"recordCount": 0, "rejectedRecordCount": 1} == each["destinationStats"]


def test_message_of_a_refusal_is_never_logged() -> None:
    """Intercom's messages may quote the record."""
    body = {"type": "error.list", "errors": [{"code": "parameter_invalid", "message": f"{CANARY}@example.com is bad"}]}
    for endpoint in ("POST /events", "POST /contacts", "PUT /contacts/{id}"):
        for status in (400, 404, 409, 410, 413, 422):
            plan = {"endpoint": endpoint, "kind": "status", "status": status, "body": body}
            result = write(
                [user(0), user(1), event(2), state("events", 1)],
                seed=SEED,
                configuration=attributes(),
                settings={"faults": [plan]},
            )
            assert result.error is None
            assert 1 == len(result.states)
            refuse_canaries(result)


@pytest.mark.parametrize("status", [400, 404, 409, 410, 413, 422])
def test_refusal_in_the_envelope_rejects_the_record_and_no_other(status: int) -> None:
    """One call of many is refused: one record of many is rejected."""
    plan = {"endpoint": "POST /events", "kind": "status", "status": status, "body": ENVELOPE, "at": [5]}
    messages = [*(event(n % 4, n) for n in range(20)), state("events", 1)]
    result = write(messages, seed=SEED, configuration=config(users=None), settings={"faults": [plan]})
    assert result.error is None
    assert {"recordCount": 19, "rejectedRecordCount": 1} == result.states[0]["destinationStats"]
    assert 19 == len(result.events)
    assert 20 == result.calls["POST /events"]


def stop_at(moment: float, clock: VirtualClock, mailbox: Mailbox) -> None:
    """Tell the sync to stop, `moment` seconds after the start."""

    def stop() -> None:
        clock.sleep(moment)
        mailbox.stop()

    clock.start("stop", stop)


def test_stop_while_stdin_is_silent_ends_at_once_with_what_was_delivered() -> None:
    """A stop is a normal end."""
    clock = VirtualClock()
    mailbox = Mailbox(clock)
    stdin = ScriptedStdin(clock, (0.0, to_lines(GOOD)), (50.0, mailbox.stop), (99_999.0, to_lines(GOOD)))
    result = write(stdin, seed=SEED, configuration=config(users=None), clock=clock, mailbox=mailbox)
    assert isinstance(result.error, Terminated)
    assert [1] == [each["id"] for each in result.states]
    assert clock.now() - START < 51
    assert result.logged("read 3")


def test_stop_lets_attempts_in_flight_end_and_releases_what_they_allow() -> None:
    """Calls of eight seconds that have begun are waited for; none begins after the stop."""
    clock = VirtualClock()
    mailbox = Mailbox(clock)
    intercom = Intercom(Settings(), clock=clock.wall)
    probe = Probe(intercom, clock, lambda: 8.0)
    messages = [event(0), event(1), state("events", 1), event(0, 1), state("events", 2)]
    stdin = ScriptedStdin(clock, (0.0, to_lines(messages)), (3.0, mailbox.stop), (99_999.0, b""))
    result = write(
        stdin,
        seed=SEED,
        configuration=config(users=None),
        intercom=intercom,
        clock=clock,
        mailbox=mailbox,
        transport=probe,
    )
    assert isinstance(result.error, Terminated)
    assert [1] == [each["id"] for each in result.states]
    assert 2 == len(result.events)
    assert all(at < START + 3 for at, _, _ in probe.sent)
    assert clock.now() - START < 9


def test_stop_while_intercom_does_not_answer_ends_within_the_grace() -> None:
    """An attempt that stalls is not waited for beyond twenty seconds, and is not acknowledged."""
    clock = VirtualClock()
    mailbox = Mailbox(clock)
    faults = [{"endpoint": "POST /events", "kind": "stall", "at": [2]}]
    stdin = ScriptedStdin(
        clock,
        (0.0, to_lines([event(0), state("events", 1)])),
        (1.0, to_lines([event(1), state("events", 2)])),
        (3.0, mailbox.stop),
        (99_999.0, b""),
    )
    result = write(
        stdin, seed=SEED, configuration=config(users=None), settings={"faults": faults}, clock=clock, mailbox=mailbox
    )
    assert isinstance(result.error, Terminated)
    assert [1] == [each["id"] for each in result.states]
    assert 22 < clock.now() - START < 24


@pytest.mark.parametrize("moment", [100.5, 104.0, 107.5, 111.0, 115.5, 119.0])
@pytest.mark.parametrize(
    ("endpoint", "status"),
    [
        ("GET /data_attributes", 500),
        *((each, status) for each in ("POST /events", "POST /contacts") for status in (429, 500)),
    ],
)
def test_stop_while_calls_are_being_tried_again_ends_soon(endpoint: str, status: int, moment: float) -> None:
    """Nobody waits for the next attempt or for the quota."""
    clock = VirtualClock()
    mailbox = Mailbox(clock)
    faults = [{"endpoint": endpoint, "kind": "status", "status": status}]
    stop_at(moment, clock, mailbox)
    stdin = ScriptedStdin(clock, (0.0, to_lines([user(8), event(0), state("events", 1)])), (99_999.0, b""))
    result = write(
        stdin, seed=SEED, configuration=attributes(), settings={"faults": faults}, clock=clock, mailbox=mailbox
    )
    assert isinstance(result.error, Terminated)
    assert [] == result.states
    assert clock.now() - START < moment + 1


def test_stop_while_the_first_question_waits_for_the_quota_ends_at_once() -> None:
    """Before the first record, too, nobody waits for the quota once the sync is told to stop."""
    clock = VirtualClock()
    mailbox = Mailbox(clock)
    plan = {"kind": "status", "status": 429, "headers": {"Retry-After": "15"}}
    stop_at(5.0, clock, mailbox)
    result = write(
        [user(0)],
        configuration=attributes(),
        settings={"faults": [{"endpoint": "GET /data_attributes", **plan}]},
        clock=clock,
        mailbox=mailbox,
    )
    assert isinstance(result.error, Terminated)
    assert clock.now() - START < 6
    assert 1 == result.calls["GET /data_attributes"]
