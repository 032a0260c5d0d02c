"""Signals at every moment of a process's life, and as process 1 of a container."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from destination_intercom.clock import SystemClock
from destination_intercom.run import Signals, main
from integration_tests.support.harness import state, to_lines
from integration_tests.support.listener import Link, Listener
from integration_tests.support.people import EVENTS, refuse_marks, user
from integration_tests.support.processes import CONNECTOR, DEADLINE, ROOT

SOON = 10.0
"""Seconds for what should take a moment; a container is killed after so many."""

SIGNALS = pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])

IMPORTING = """
import builtins, sys, time
from destination_intercom import run
real = builtins.__import__
def slow(name, *rest, **more):
    if name == "orjson":
        print("importing", file=sys.stderr, flush=True)
        time.sleep(60)
    return real(name, *rest, **more)
builtins.__import__ = slow
sys.exit(run.main())
"""
"""The connector on a machine that takes a minute to load a package."""
UNINTERRUPTED = """
import ctypes, socket, sys
from destination_intercom import run

def resolve(*_arguments, **_more):
    print("resolving", file=sys.stderr, flush=True)
    # With its signals blocked, the thread does not return to Python before its time.
    signals = ctypes.create_string_buffer(b"\\xff" * 128, 128)
    library = ctypes.CDLL(None)
    library.pthread_sigmask(0, signals, None)
    library.sleep(60)

socket.getaddrinfo = resolve
sys.exit(run.main())
"""
"""The connector where a name is not resolved for a minute, in a call that no signal interrupts."""


class Started:
    """A process whose stderr is waited for and whose end is timed."""

    def __init__(self, *command: str, stdin: Any = subprocess.DEVNULL) -> None:
        self.process = subprocess.Popen(
            command,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT / "destination-intercom")},
        )

    def wait_for_line(self) -> bytes:
        """Wait for a line of stderr."""
        assert self.process.stderr is not None
        return self.process.stderr.readline()

    def end_by(self, number: signal.Signals, pid: int | None = None) -> int:
        """Send a signal; return the exit code, which must come soon and without a word on stderr."""
        began = time.monotonic()
        os.kill(pid or self.process.pid, number)
        self.process.wait(timeout=DEADLINE)
        assert time.monotonic() - began < SOON
        out, err = self.process.communicate()
        assert b"" == err
        refuse_marks(out)
        return self.process.returncode


@pytest.fixture
def start() -> Iterator[Callable[..., Started]]:
    """Start processes that do not outlive the test."""
    started: list[Started] = []

    def begin(*command: str, **more: Any) -> Started:
        started.append(Started(*command, **more))
        return started[-1]

    yield begin
    for each in started:
        each.process.kill()
        each.process.communicate()


@SIGNALS
@pytest.mark.parametrize("command", ["spec", "check", "write"])
def test_signal_when_the_connector_is_still_being_loaded_then_it_ends_at_once(
    start: Callable[..., Started], number: signal.Signals, code: int, command: str
) -> None:
    """The handler is there before anything that takes long."""
    started = start(sys.executable, "-c", IMPORTING, command)
    assert b"importing\n" == started.wait_for_line()
    assert code == started.end_by(number)


def silent(link: Link) -> None:
    """Take a request and say nothing."""
    link.hear()
    link.hear()


@SIGNALS
def test_signal_when_a_check_waits_for_an_answer_then_it_ends_at_once(
    start: Callable[..., Started], make_workplace: Callable[..., Any], number: signal.Signals, code: int
) -> None:
    """There is nothing to finish."""
    place = make_workplace()
    with Listener(silent) as server:
        place.url = server.url()
        started = start(*CONNECTOR, "check", "--config", place.config())
        wait_until(lambda: bool(server.heard))
        assert code == started.end_by(number)


def test_signal_when_the_main_thread_is_in_a_call_that_nothing_interrupts_then_the_process_ends_at_once(
    start: Callable[..., Started], make_workplace: Callable[..., Any]
) -> None:
    """As in the resolution of a name: a handler in Python would wait for its return."""
    place = make_workplace()
    started = start(sys.executable, "-c", UNINTERRUPTED, "check", "--config", place.config())
    assert b"resolving\n" == started.wait_for_line()
    assert 143 == started.end_by(signal.SIGTERM)


@SIGNALS
def test_signal_when_a_sync_runs_then_it_ends_in_order(
    make_workplace: Callable[..., Any], number: signal.Signals, code: int
) -> None:
    """What was delivered is acknowledged; Ctrl-C is no other end than that of a container."""
    place = make_workplace()
    connector = place.write(events=EVENTS)
    connector.send(to_lines([user(1), state("users", 1)]))
    connector.wait_for("STATE")
    connector.process.send_signal(number)
    assert code == connector.join()
    assert [1] == [each["id"] for each in connector.states]
    assert ([], b"") == (connector.errors, connector.stderr)


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_second_signal_when_attempts_are_in_flight_then_the_process_ends_at_once(
    make_workplace: Callable[..., Any], second: signal.Signals
) -> None:
    """Whoever asks twice does not wait, whichever way is taken."""
    place = make_workplace(faults=[{"endpoint": "POST /contacts", "kind": "stall"}])
    connector = place.write(events=EVENTS, users={"mode": "enabled", "streams": [{"stream": "users"}]})
    connector.send(to_lines([user(1), state("users", 1)]))
    wait_until(lambda: place.intercom.dump()["calls"].get("POST /contacts", 0) > 0)
    began = time.monotonic()
    connector.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)  # two signals at one moment are one
    assert connector.process.poll() is None
    connector.process.send_signal(second)
    assert 128 + second == connector.join()
    assert time.monotonic() - began < SOON
    assert ([], b"") == (connector.states, connector.stderr)


def test_interrupt_when_it_was_ignored_from_the_start_then_it_still_is(
    start: Callable[..., Started], make_workplace: Callable[..., Any]
) -> None:
    """A job in the background, as of nohup, does not end by the terminal's Ctrl-C."""
    place = make_workplace()
    with Listener(silent) as server:
        place.url = server.url()
        started = start("sh", "-c", 'trap "" INT; exec "$@"', "sh", *CONNECTOR, "check", "--config", place.config())
        wait_until(lambda: bool(server.heard))
        started.process.send_signal(signal.SIGINT)
        time.sleep(0.5)  # it would have ended by now
        assert started.process.poll() is None
        assert 143 == started.end_by(signal.SIGTERM)


def test_command_when_it_is_run_beside_the_main_thread_then_it_leaves_the_signals_alone(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A program that runs it in a thread of its own heeds the signals itself."""
    codes: list[int] = []
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    thread = threading.Thread(target=lambda: codes.append(main(["spec"])))
    thread.start()
    thread.join(DEADLINE)
    assert [0] == codes
    assert '"SPEC"' in capfd.readouterr().out
    assert before == [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]


def test_signal_when_it_is_another_than_the_heeded_ones_then_nothing_is_stopped() -> None:
    """Python writes every signal that has a handler into the pipe, those of the program around the connector too."""
    signals, stopped = Signals(SystemClock()), list[int]()
    signals.stop_with(lambda _: stopped.append(1), within=3600.0)
    read_end, write_end = os.pipe()
    os.write(write_end, bytes([signal.SIGALRM]))
    os.close(write_end)
    signals.heed(read_end)
    assert [] == stopped


def test_command_when_it_has_ended_then_the_signals_are_as_before(capfd: pytest.CaptureFixture[str]) -> None:
    """Whoever calls it in a process of its own keeps its handlers."""
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    files = len(list(Path("/proc/self/fd").iterdir()))
    assert 0 == main(["spec"])
    assert '"SPEC"' in capfd.readouterr().out
    assert before == [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    assert -1 == signal.set_wakeup_fd(-1)
    wait_until(lambda: files == len(list(Path("/proc/self/fd").iterdir())))


def may_unshare() -> bool:
    """Say whether this machine lets us make a process 1."""
    if shutil.which("unshare") is None:
        return False
    return 0 == subprocess.run(["unshare", "--pid", "--fork", "true"], check=False, capture_output=True).returncode


needs_unshare = pytest.mark.skipif(not may_unshare(), reason="this user may not make a process 1 (unshare --pid)")


def only_child(pid: int) -> int:
    """Wait for the child of a process."""
    children: list[str] = []

    def found() -> bool:
        children[:] = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return bool(children)

    wait_until(found)
    return int(children[0])


@needs_unshare
@SIGNALS
@pytest.mark.parametrize("moment", ["loading", "check", "write"])
def test_signal_when_the_connector_is_process_1_then_it_ends_all_the_same(
    start: Callable[..., Started],
    make_workplace: Callable[..., Any],
    number: signal.Signals,
    code: int,
    moment: str,
) -> None:
    """In a container: for process 1 the kernel ignores a signal that has no handler."""
    place = make_workplace()
    alone = ("unshare", "--pid", "--fork")
    with Listener(silent) as server:
        if moment == "loading":
            started = start(*alone, sys.executable, "-c", IMPORTING, "spec")
            assert b"importing\n" == started.wait_for_line()
        elif moment == "check":
            place.url = server.url()
            started = start(*alone, *CONNECTOR, "check", "--config", place.config())
            wait_until(lambda: bool(server.heard))
        else:
            files = ("--config", place.config(events=EVENTS), "--catalog", place.catalog())
            started = start(*alone, *CONNECTOR, "write", *files, stdin=subprocess.PIPE)
            wait_until(lambda: place.intercom.dump()["calls"].get("GET /data_attributes", 0) > 0)
        assert code == started.end_by(number, only_child(started.process.pid))


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for what another process brings about."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.005)
