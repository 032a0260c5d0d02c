"""The connector as a process that is killed, told to stop, or loses its reader or Intercom."""

from __future__ import annotations

import array
import fcntl
import os
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from destination_intercom.commands import LAST_WORDS_SECONDS
from destination_intercom.pipeline import GRACE_SECONDS
from integration_tests.support.harness import config, state, to_lines, write
from integration_tests.support.people import (
    EVENTS,
    event,
    make_sync,
    refuse_marks,
    refuse_marks_in,
    told_apart,
    user,
)
from integration_tests.support.processes import CONNECTOR, DEADLINE, ROOT, Connector
from intercom_emulator import Server

SOON = 10.0
"""Seconds for what should take a moment: the machine may be busy, but nothing here may wait for a time-out."""

SLOW: dict[str, Any] = {"concurrency": 2}
BROKEN = {"kind": "html", "status": 502}


@pytest.fixture
def make_place(make_workplace: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """Make workplaces whose output is searched for personal data at the end."""
    made: list[Any] = []

    def make(**settings: Any) -> Any:
        made.append(make_workplace(**settings))
        return made[-1]

    yield make
    for place in made:
        refuse_marks_in(place)


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, Any]:
    """What Intercom holds after the sync of `make_sync(40)` that nothing has disturbed."""
    return told_apart(write(make_sync(40), configuration=config(events=EVENTS)).contents)


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for what another process brings about."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.005)


def calls(place: Any, endpoint: str) -> int:
    """How often an endpoint was called so far."""
    count: int = place.intercom.dump()["calls"].get(endpoint, 0)
    return count


def wait_for_calls(place: Any, endpoint: str, count: int = 1) -> None:
    """Wait until an endpoint was called `count` times."""
    wait_until(lambda: calls(place, endpoint) >= count)


def terminate(connector: Connector) -> float:
    """Send SIGTERM and wait for the end, which must be the exit code of SIGTERM; return the seconds that it took."""
    began = time.monotonic()
    connector.process.send_signal(signal.SIGTERM)
    assert 143 == connector.join()
    return time.monotonic() - began


def test_intercom_when_stopped_and_started_again_loses_nothing(
    make_place: Callable[..., Any], undisturbed: dict[str, Any]
) -> None:
    """Calls that find nobody are tried again until Intercom is back on the same port."""
    place, messages = make_place(latency=0.01), make_sync(40)
    server = Server(place.intercom)
    server.start()
    place.url = server.url
    port = int(server.url.rpartition(":")[2])
    connector = place.write(events=EVENTS, delivery={"concurrency": 4})
    try:
        connector.send(to_lines(messages))
        wait_for_calls(place, "POST /contacts", 15)
        server.stop()
        refuse_connections(port, 6)
        server = Server(place.intercom, port=port)
        server.start()
        assert connector.finish() == 0
    finally:
        server.stop()
    assert undisturbed == told_apart(place.intercom.dump())
    assert [] == connector.errors
    assert any("retries: " in each["log"]["message"] for each in connector.messages if each["type"] == "LOG")


def refuse_connections(port: int, count: int) -> None:
    """Take `count` connections on `port` and close each without an answer."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        listener.settimeout(DEADLINE)
        for _ in range(count):
            listener.accept()[0].close()


def test_sigterm_when_attempts_are_in_flight_lets_them_end(make_place: Callable[..., Any]) -> None:
    """The answer of a call that was made still counts: its state leaves before the end."""
    place = make_place(latency=0.7)
    connector = place.write(events=EVENTS)
    connector.send(to_lines([user(1), state("users", 1), user(2), event(2, 1), state("users", 2)]))
    wait_for_calls(place, "POST /contacts", 2)
    assert terminate(connector) < SOON
    # The event of the second person was not begun any more, so its state stays.
    assert [1] == [each["id"] for each in connector.states]
    assert 0 == calls(place, "POST /events")
    assert [] == connector.errors
    assert b"" == connector.stderr


def test_sigterm_when_much_is_waiting_begins_no_more(make_place: Callable[..., Any]) -> None:
    """What was read and not begun stays undone."""
    place = make_place(latency=0.3)
    connector = place.write(events=EVENTS, delivery=SLOW)
    connector.send(to_lines(make_sync(40)))
    wait_for_calls(place, "POST /contacts", 4)
    assert terminate(connector) < SOON
    assert calls(place, "POST /contacts") + calls(place, "POST /events") < 40
    assert [] == connector.errors


@pytest.mark.parametrize("fed", [False, True])
def test_sigterm_when_waiting_for_stdin_ends_at_once(make_place: Callable[..., Any], fed: bool) -> None:
    """A silent source does not hold the end up."""
    place = make_place()
    connector = place.write(events=EVENTS)
    if fed:
        connector.send(to_lines([user(1), state("users", 1)]))
        connector.wait_for("STATE")
    else:
        wait_for_calls(place, "GET /data_attributes")
    assert terminate(connector) < SOON
    assert ([1] if fed else []) == [each["id"] for each in connector.states]
    assert [] == connector.errors
    assert b"" == connector.stderr


def test_sigterm_when_waiting_to_retry_ends_at_once(make_place: Callable[..., Any]) -> None:
    """A pause before the next attempt does not hold the end up; what was delivered is acknowledged."""
    place = make_place(faults=[{"endpoint": "POST /events", **BROKEN}])
    connector = place.write(events=EVENTS)
    connector.send(to_lines([user(1), state("users", 1), event(1, 1), state("users", 2)]))
    wait_for_calls(place, "POST /events", 3)
    assert terminate(connector) < SOON
    assert [1] == [each["id"] for each in connector.states]
    assert [] == connector.errors


def test_sigterm_when_intercom_is_gone_ends_at_once(make_place: Callable[..., Any]) -> None:
    """Nobody listens any more: the connector waits between attempts, and stops there."""
    place = make_place()
    server = Server(place.intercom)
    server.start()
    place.url = server.url
    connector = place.write(events=EVENTS)
    connector.send(to_lines([user(1), state("users", 1)]))
    connector.wait_for("STATE")
    server.stop()
    connector.send(to_lines([user(2), state("users", 2)]))
    refuse_connections(int(server.url.rpartition(":")[2]), 2)
    assert terminate(connector) < SOON
    assert [1] == [each["id"] for each in connector.states]
    assert [] == connector.errors


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"faults": [{"endpoint": "GET /data_attributes", **BROKEN}]}, id="failing"),
        pytest.param({"limit": 0}, id="throttled"),
    ],
)
def test_sigterm_when_starting_up_ends_within_seconds(make_place: Callable[..., Any], settings: dict[str, Any]) -> None:
    """The question before the first record is given up like any other."""
    place = make_place(**settings)
    connector = place.write(events=EVENTS)
    connector.send(to_lines([user(1), state("users", 1)]))
    wait_for_calls(place, "GET /data_attributes")
    assert terminate(connector) < 5.0
    assert [] == connector.states
    assert [] == connector.errors
    assert b"" == connector.stderr


def test_second_sigterm_when_attempts_are_in_flight_ends_without_them(make_place: Callable[..., Any]) -> None:
    """Whoever asks twice does not wait for the grace."""
    place = make_place(faults=[{"endpoint": "POST /contacts", "kind": "stall"}])
    connector = place.write(events=EVENTS, users={"mode": "enabled", "streams": [{"stream": "users"}]})
    connector.send(to_lines([user(1), state("users", 1)]))
    wait_for_calls(place, "POST /contacts")
    began = time.monotonic()
    while connector.process.poll() is None:
        connector.process.send_signal(signal.SIGTERM)
        time.sleep(0.1)  # two signals at one moment are one
        assert time.monotonic() - began < SOON
    assert 143 == connector.join()
    assert [] == connector.states
    assert b"" == connector.stderr


def start_with_reader(*arguments: str, command: Iterable[str] = CONNECTOR) -> tuple[subprocess.Popen[bytes], int]:
    """Start a command whose stdout is a pipe; return it and the end that is read."""
    read_end, write_end = os.pipe()
    process = subprocess.Popen(
        [*command, *arguments],
        stdin=subprocess.PIPE,
        stdout=write_end,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "destination-intercom")},
    )
    os.close(write_end)
    return process, read_end


def test_write_when_nobody_reads_its_output_any_more_ends_without_a_traceback(make_place: Callable[..., Any]) -> None:
    """A closed stdout ends the sync soon, with an exit code that is none of a success."""
    place = make_place()
    config_file, catalog_file = place.config(events=EVENTS), place.catalog()
    process, read_end = start_with_reader("write", "--config", config_file, "--catalog", catalog_file)
    assert process.stdin is not None
    process.stdin.write(to_lines([user(1), state("users", 1)]))
    process.stdin.flush()
    first = os.read(read_end, 65536)
    while b'"STATE"' not in first:
        first += os.read(read_end, 65536)
    os.close(read_end)
    began = time.monotonic()
    process.stdin.write(to_lines([user(2), state("users", 2)]))
    process.stdin.flush()
    code = process.wait(timeout=DEADLINE)
    elapsed = time.monotonic() - began
    _, stderr = process.communicate()
    assert code == 1
    assert elapsed < SOON
    assert b"" == stderr
    refuse_marks(first)


def test_spec_when_nobody_reads_its_output_ends_without_a_traceback() -> None:
    """The shortest command, too, ends quietly."""
    process, read_end = start_with_reader("spec")
    os.close(read_end)
    _, stderr = process.communicate(timeout=DEADLINE)
    assert process.returncode == 1
    assert b"" == stderr


SHORTENED = """
import sys
from destination_intercom import commands, run
commands.GRACE_SECONDS, commands.LAST_WORDS_SECONDS = 1.0, 0.5
sys.exit(run.main())
"""
"""The connector with the same end as ever, only sooner."""


def wait_until_full(read_end: int) -> None:
    """Wait until nothing more goes into a pipe that nobody reads."""
    before = 0

    def is_full() -> bool:
        nonlocal before
        time.sleep(0.2)
        size = array.array("i", [0])
        fcntl.ioctl(read_end, termios.FIONREAD, size)
        was, before = before, size[0]
        return was == before > 0

    wait_until(is_full)


def test_sigterm_when_the_output_is_full_ends_within_the_grace_and_five_seconds(
    make_place: Callable[..., Any],
) -> None:
    """Nobody reads any more, so nothing more can be said; the process ends all the same, and by itself."""
    assert (20.0, 5.0) == (GRACE_SECONDS, LAST_WORDS_SECONDS)
    place = make_place()
    arguments = ("write", "--config", place.config(events=EVENTS), "--catalog", place.catalog())
    process, read_end = start_with_reader(*arguments, command=(sys.executable, "-c", SHORTENED))
    messages = to_lines([state("users", number, filler="x" * 500) for number in range(1000)])
    feeder = threading.Thread(target=process.communicate, args=(messages,), daemon=True)
    feeder.start()
    try:
        wait_until_full(read_end)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        feeder.join(timeout=DEADLINE)
        elapsed = time.monotonic() - began
    finally:
        process.kill()
        os.close(read_end)
    assert 143 == process.wait(timeout=DEADLINE)
    assert 1.4 <= elapsed < SOON


@pytest.mark.parametrize("command", ["spec", "write"])
def test_command_when_its_output_does_not_block_makes_it_block(make_place: Callable[..., Any], command: str) -> None:
    """A pipe that the platform left non-blocking would be written to again and again while it is full."""
    place = make_place()
    arguments = ("--config", place.config(events=EVENTS), "--catalog", place.catalog()) if command == "write" else ()
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    try:
        done = run_with_output(write_end, command, *arguments)
        assert os.get_blocking(write_end)
    finally:
        os.close(write_end)
        with os.fdopen(read_end, "rb") as output:
            lines = output.read().splitlines()
    assert 0 == done.returncode
    assert b"" == done.stderr
    assert lines


def run_with_output(stdout: Any, *arguments: str, command: Iterable[str] = CONNECTOR) -> Any:
    """Run a command to its end with an output of the test's own."""
    return subprocess.run(
        [*command, *arguments],
        input=to_lines([user(1), state("users", 1)]),
        stdout=stdout,
        stderr=subprocess.PIPE,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "destination-intercom")},
        timeout=DEADLINE,
    )


def commands(place: Any) -> list[tuple[str, ...]]:
    """Each command with its arguments."""
    files = ("--config", place.config(events=EVENTS), "--catalog", place.catalog())
    return [("spec",), ("check", *files[:2]), ("write", *files)]


def test_command_when_the_disk_of_its_output_is_full_ends_without_a_traceback(make_place: Callable[..., Any]) -> None:
    """Not one line can leave: that is no success, and no bug."""
    for arguments in commands(make_place()):
        began = time.monotonic()
        with Path("/dev/full").open("wb") as full:
            done = run_with_output(full, *arguments)
        assert (1, b"") == (done.returncode, done.stderr)
        assert time.monotonic() - began < SOON


def test_command_when_its_output_is_closed_ends_without_a_traceback(make_place: Callable[..., Any]) -> None:
    """There is nothing to write to, so nothing is begun."""
    place = make_place()
    closed = ("sh", "-c", 'exec "$@" >&-', "sh", *CONNECTOR)
    for arguments in commands(place):
        done = run_with_output(None, *arguments, command=closed)
        assert (1, b"") == (done.returncode, done.stderr)
    assert {} == place.intercom.dump()["calls"]


def test_write_when_its_output_is_read_slowly_loses_no_line(make_place: Callable[..., Any]) -> None:
    """A full pipe holds the connector up, and nothing more."""
    place, messages = make_place(), [state("users", number, filler="x" * 500) for number in range(400)]
    config_file, catalog_file = place.config(events=EVENTS), place.catalog()
    process, read_end = start_with_reader("write", "--config", config_file, "--catalog", catalog_file)
    assert process.stdin is not None
    feeder = threading.Thread(target=process.communicate, args=(to_lines(messages),), daemon=True)
    feeder.start()
    with os.fdopen(read_end, "rb") as output:
        lines = output.read(1) + output.read()
    feeder.join(timeout=DEADLINE)
    assert process.returncode == 0
    assert 400 == sum(b'"STATE"' in line for line in lines.splitlines())
