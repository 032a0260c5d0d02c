"""The search for leaks itself: it finds what was planted, wherever, and lets pass what may be printed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from destination_intercom import destination
from destination_intercom.airbyte.output import log_line
from destination_intercom.errors import IntercomDestinationError
from integration_tests.support import processes
from integration_tests.support.harness import TOKEN, catalog, config, record, state, to_lines, write
from integration_tests.support.privacy import Leak, collect, refuse_leaks
from integration_tests.support.processes import Connector

IDENTITY, EMAIL, NUMBER = "canary/7", "Canary.Seven@Example.com", 987_654_321
RECORDS = [
    record(
        "users", user_id=IDENTITY, email=f" {EMAIL} ", name="Cañary Seven", age=NUMBER, deep=[{"b": ["canary deep"]}]
    ),
    record("events", user_id=IDENTITY, name="Song Played", at="2026-01-01T00:00:00Z", plan="gold", text="x" * 200),
    record("events", user_id=IDENTITY, name="canary unselected", at=1),
    record("elsewhere", word="canary of a stream that nobody knows"),
]
DOCUMENT: dict[str, Any] = {
    **config(),
    "object_storage_config": {"access_key_id": "AKIACANARY", "secret_access_key": "canary/secret"},
}
DOCUMENT["events"] = {**DOCUMENT["events"], "selected_events": ["Song *"]}
FED = to_lines([*RECORDS, state("users", 1, cursor=EMAIL), b'{"type": "RECORD", "broken-canary-line": '])


def log(text: object) -> dict[str, Any]:
    """A LOG message."""
    return {"type": "LOG", "log": {"level": "INFO", "message": text}}


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(log(f"sent {IDENTITY}."), id="identity"),
        pytest.param(log("GET /contacts/find_by_external_id/canary%2F7 HTTP/1.1"), id="identity in a URL"),
        pytest.param(log("sent canary.seven@example.com"), id="e-mail, trimmed and lowered"),
        pytest.param(log("CAÑARY SEVEN"), id="other case"),
        pytest.param(log("Ca\\xf1ary Seven"), id="escaped"),
        pytest.param(log(f"rejected: {NUMBER}"), id="number"),
        pytest.param(log(NUMBER), id="number as a number"),
        pytest.param(log("canary deep"), id="at depth"),
        pytest.param(log("plan gold is none"), id="short word"),
        pytest.param(log("x" * 100 + "…"), id="cut off"),
        pytest.param(log("'canary unselected' is not selected"), id="event name that nobody selects"),
        pytest.param(log("canary of a stream that nobody knows"), id="unknown stream"),
        pytest.param(log("line 5: broken-canary-line"), id="broken line"),
        pytest.param(log(f"Bearer {TOKEN}"), id="token"),
        pytest.param(log("key AKIACANARY"), id="access key"),
        pytest.param(log("canary/secret"), id="secret key"),
        pytest.param({"type": "LOG", "log": {EMAIL.lower(): 1}}, id="as a key"),
        pytest.param({"type": "STATE", "state": {"n": IDENTITY}}, id="state that nobody sent"),
        pytest.param({"type": "TRACE", "trace": {"error": {"internal_message": EMAIL}}}, id="trace"),
        pytest.param({"type": "CONNECTION_STATUS", "connectionStatus": {"message": EMAIL}}, id="status"),
    ],
)
def test_search_when_a_message_leaks_finds_it(message: dict[str, Any]) -> None:
    """Whatever form a value has, and wherever it stands."""
    canaries = collect(FED, DOCUMENT, catalog("users", "events"))
    refuse_leaks(canaries, [log("nothing")])
    with pytest.raises(Leak):
        refuse_leaks(canaries, [log("nothing"), message])


def test_search_when_only_allowed_words_are_printed_lets_them_pass() -> None:
    """Names of streams, fields and selected events, and states as they came."""
    stats = {"destinationStats": {"recordCount": 1}}
    messages = [
        log('Stream "events": "name" of "Song Played" is no time; "user_id" neither.'),
        {**state("users", 1, cursor=EMAIL), "state": {**state("users", 1, cursor=EMAIL)["state"], **stats}},
        {"type": "TRACE", "trace": {"emitted_at": NUMBER, "error": {"message": "no answer"}}},
        log("golden"),
    ]
    refuse_leaks(collect(FED, DOCUMENT, catalog("users", "events")), messages)


def chained() -> BaseException:
    """An error with a cause that tells an identity."""
    error = IntercomDestinationError("no answer")
    error.__cause__ = ValueError(f"no {IDENTITY}")
    return error


def in_context() -> BaseException:
    """An error that was raised while another one, which tells an e-mail, was handled."""
    error = IntercomDestinationError("no answer")
    error.__context__ = UnicodeDecodeError("utf-8", EMAIL.encode(), 0, 1, "no text")
    return error


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: IntercomDestinationError(f"no {IDENTITY}"), id="message"),
        pytest.param(lambda: KeyError(EMAIL), id="argument"),
        pytest.param(chained, id="cause"),
        pytest.param(in_context, id="context"),
    ],
)
def test_search_when_an_exception_leaks_finds_it(make: Callable[[], BaseException]) -> None:
    """What Python would print of it, and of those before it."""
    with pytest.raises(Leak):
        refuse_leaks(collect(FED, DOCUMENT), [], (), make())


def test_search_when_a_context_is_suppressed_does_not_look_there() -> None:
    """`raise … from None` keeps it from being printed."""
    error = in_context()
    error.__suppress_context__ = True
    refuse_leaks(collect(FED, DOCUMENT), [], (), error)


def test_search_counts_each_value_once() -> None:
    """Each value of the records but the selected event name, the words of the broken line, and the three secrets."""
    assert 11 + 3 == refuse_leaks(collect(FED, DOCUMENT, catalog("users", "events")), [])


def test_harness_when_the_connector_leaks_into_its_log_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test that runs the pipeline in one process searches its output."""

    def leak(*_arguments: Any, stdin: Any, **_more: Any) -> Iterator[bytes]:
        yield log_line("INFO", json.loads(stdin.read(65536).splitlines()[0])["record"]["data"]["user_id"])

    assert 4 <= write(RECORDS[:1], configuration=config(events={"mode": "disabled"})).searched
    monkeypatch.setattr(destination, "write", leak)
    with pytest.raises(Leak, match="stdout"):
        write(RECORDS[:1])


def test_harness_when_somebody_logs_a_value_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a library says through Python's logging counts, at any level."""

    def leak(*_arguments: Any, stdin: Any, **_more: Any) -> Iterator[bytes]:
        import logging

        logging.getLogger("urllib3.connectionpool").parent = logging.getLogger()
        logging.getLogger("some.library").debug("sent %r", stdin.read(65536))
        yield from ()

    monkeypatch.setattr(destination, "write", leak)
    with pytest.raises(Leak, match="log"):
        write(RECORDS[:1])


LEAKY = "import sys; print(sys.stdin.readline(), file=sys.stderr)"


def test_process_when_it_leaks_to_stderr_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test that starts the connector as a process searches its output."""
    config_file = tmp_path / "config.json"
    config_file.write_text(json.dumps(config()))
    monkeypatch.setattr(processes, "CONNECTOR", (sys.executable, "-c", LEAKY))
    connector = Connector("write", "--config", str(config_file))
    with pytest.raises(Leak, match="stderr"):
        connector.finish(to_lines(RECORDS[:1]))
