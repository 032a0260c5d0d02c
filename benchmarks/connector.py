"""What the benchmarks share: the connector and the server as processes, input without end, and a table.

Nothing of the connector is imported: it is measured as Airbyte runs it.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import selectors
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, Any, Final, cast
from urllib.parse import urlsplit

ROOT: Final = Path(__file__).resolve().parents[1]
TOKEN: Final = "benchmark"
SELECTED: Final = "Checkout Completed"
EPOCH: Final = 1_767_225_600
PEOPLE: Final = 5_000
"""So many people take turns, so that the order of one person's events is not the limit."""

CATALOG: Final = {
    "streams": [
        {
            "stream": {"name": "events", "json_schema": {}, "supported_sync_modes": ["incremental"]},
            "sync_mode": "incremental",
            "destination_sync_mode": "append",
        }
    ]
}
SAMPLE_SECONDS: Final = 0.05

EVENTS: Final[Mapping[str, Any]] = {
    "events": {
        "mode": "enabled",
        "streams": [{"stream": "events", "event_name_property": "event_type", "created_at_property": "event_time"}],
        "selected_events": [SELECTED],
        "metadata": [{"property": "event_properties.plan"}, {"property": "event_properties.total"}],
    }
}
"""The part of the configuration that makes events of the records."""


@dataclass(frozen=True, slots=True)
class Account:
    """What the server counted; moments in seconds of CLOCK_MONOTONIC, `answered` by an event's `created_at`.

    `seconds` has what was granted to us and to the other app, and refused to both, in each second.
    """

    windows: list[dict[str, float]]
    seconds: dict[int, dict[str, int]]
    first: float
    last: float
    answered: dict[int, float]

    @property
    def granted(self) -> int:
        """Tell how many calls were granted."""
        return int(sum(window["granted"] for window in self.windows))

    @property
    def refused(self) -> int:
        """Tell how many calls were answered with 429."""
        return int(sum(window["refused"] for window in self.windows))

    @property
    def per_second(self) -> float:
        """Tell the calls a second between the first and the last."""
        return (self.granted + self.refused - 1) / (self.last - self.first)


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    url: str

    def account(self) -> Account:
        """Ask what it counted."""
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
        with contextlib.closing(connection):
            connection.request("GET", "/-/account")
            document = json.loads(connection.getresponse().read())
        return Account(
            document["windows"],
            {int(second): counts for second, counts in document["seconds"].items()},
            document["first"] or 0.0,
            document["last"],
            dict(map(tuple, document["answered"])),
        )


@contextmanager
def serving(**settings: float) -> Iterator[Server]:
    """Run `server.py` with the given fields of its settings."""
    command = [sys.executable, str(Path(__file__).with_name("server.py")), json.dumps(settings)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            yield Server(json.loads(_pipe(process.stdout).readline())["url"])
        finally:
            process.kill()


def measure_ceiling(latency: float, *, seconds: float = 2.0, connections: int = 64, pipelined: int = 32) -> float:
    """Tell the requests a second that the server answers at `latency`, asked by raw sockets that pipeline."""
    body = b'{"event_name":"x","created_at":1,"user_id":"1"}'
    request = b"POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    answers = 0
    with serving(latency=latency, limit=10**9) as server, contextlib.ExitStack() as stack:
        address = urlsplit(server.url)
        selector = stack.enter_context(selectors.DefaultSelector())
        for _ in range(connections):
            connection = stack.enter_context(socket.create_connection((address.hostname or "", address.port or 0)))
            connection.sendall(request * pipelined)
            selector.register(connection, selectors.EVENT_READ)
        began = time.monotonic()
        while (spent := time.monotonic() - began) < seconds:
            for key, _ in selector.select(1.0):
                socket_of = cast(socket.socket, key.fileobj)
                # Each answer ends in an empty line, which two reads may share; the error is far below one percent.
                count = socket_of.recv(1 << 18).count(b"\r\n\r\n")
                answers += count
                socket_of.sendall(request * count)
    return answers / spent


@dataclass(frozen=True, slots=True)
class Sample:
    """Threads and sockets of the process at a moment."""

    threads: int
    sockets: int


@dataclass(frozen=True, slots=True)
class Run:
    """What a run of the connector took: `peak` is VmHWM in MiB; `output` has each line with its moment."""

    seconds: float
    cpu_seconds: float
    peak: float
    samples: list[Sample]
    output: list[tuple[float, bytes]]


class Connector:
    """The connector's `write` as a process that is fed by a thread and watched by another."""

    def __init__(
        self,
        url: str,
        pieces: Iterable[bytes],
        *,
        concurrency: int = 64,
        sections: Mapping[str, Any] = EVENTS,
        token: str = TOKEN,
    ) -> None:
        config = {
            "api_base_url": url,
            "access_token": token,
            "identity": {"property": "user_id"},
            "delivery": {"concurrency": concurrency},
            **sections,
        }
        self._folder = tempfile.TemporaryDirectory()
        paths = {name: Path(self._folder.name) / f"{name}.json" for name in ("config", "catalog")}
        paths["config"].write_text(json.dumps(config))
        paths["catalog"].write_text(json.dumps(CATALOG))
        command = [sys.executable, "-m", "destination_intercom.run", "write"]
        command += ["--config", str(paths["config"]), "--catalog", str(paths["catalog"])]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "destination-intercom")}
        self._pieces = pieces
        self._began = time.monotonic()
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, env=environment, cwd=self._folder.name
        )
        self._peak = 0.0
        self._samples: list[Sample] = []
        self._ended = threading.Event()
        self._output: list[tuple[float, bytes]] = []

    @property
    def pid(self) -> int:
        """Tell the process's id."""
        return self._process.pid

    def run(self) -> Run:
        """Feed the input to its end; return once the connector has ended.

        Raises:
            SystemExit: the connector failed.
        """
        threads = [threading.Thread(target=target, daemon=True) for target in (self._feed, self._watch)]
        for thread in threads:
            thread.start()
        with io.BufferedReader(cast(io.RawIOBase, _pipe(self._process.stdout))) as stdout:
            self._output = [(time.monotonic(), line) for line in stdout]
        _, status, usage = os.wait4(self._process.pid, 0)
        seconds = time.monotonic() - self._began
        self._process.returncode = os.waitstatus_to_exitcode(status)
        self._ended.set()
        for thread in threads:
            thread.join()
        self._folder.cleanup()
        if self._process.returncode:
            sys.exit(f"the connector ended with {self._process.returncode}: {self._output[-1:]}")
        return Run(seconds, usage.ru_utime + usage.ru_stime, self._peak, self._samples, self._output)

    def _feed(self) -> None:
        with contextlib.suppress(BrokenPipeError), _pipe(self._process.stdin) as stdin:
            for piece in self._pieces:
                view = memoryview(piece)
                while view:
                    view = view[stdin.write(view) or 0 :]

    def _watch(self) -> None:
        folder = Path("/proc") / str(self._process.pid)
        while not self._ended.wait(SAMPLE_SECONDS):
            with contextlib.suppress(OSError, KeyError):
                lines = (folder / "status").read_text().splitlines()
                status = dict(line.split(":", 1) for line in lines)
                self._peak = max(self._peak, int(status["VmHWM"].split()[0]) / 1024)
                links = [link.readlink().name for link in (folder / "fd").iterdir()]
                self._samples.append(Sample(int(status["Threads"]), sum(link.startswith("socket:") for link in links)))


class Source:
    """Records as a source prints them: `wide` as of Amplitude (some 1,900 bytes), else of some 300."""

    def __init__(self, *, wide: bool = True) -> None:
        data = _amplitude_record() if wide else {"event_properties": {"plan": "family", "total": 14.99}}
        data |= {"user_id": "<user>", "event_type": "<name>", "event_time": "<time>"}
        message = {"type": "RECORD", "record": {"stream": "events", "data": data, "emitted_at": EPOCH * 1000}}
        self._template = json.dumps(message, separators=(",", ":"))

    def record(self, number: int, *, selected: bool = True, person: str | None = None) -> bytes:
        """Make the line of record `number`, of `person` or one of many; its `created_at` is EPOCH + number."""
        moment = datetime.fromtimestamp(EPOCH + number, timezone.utc).isoformat()
        who = str(number % PEOPLE) if person is None else person
        line = self._template.replace("<user>", who, 1).replace("<time>", moment, 1)
        return line.replace("<name>", SELECTED if selected else "Page Viewed", 1).encode() + b"\n"

    def rejected(self) -> bytes:
        """Make the line of an event whose time is none: it is rejected without a call."""
        return self._template.replace("<time>", "never", 1).replace("<name>", SELECTED, 1).encode() + b"\n"

    def events(self, count: int, *, first: int = 0, busy_one_in: int = 0) -> Iterator[bytes]:
        """Make `count` records from `first` on, each an event to send; one in so many (0: none) is one person's."""
        for number in range(first, first + count):
            is_busy = busy_one_in > 0 and number % busy_one_in == 0
            yield self.record(number, person="busy" if is_busy else None)

    def mixed(self, count: int, *, one_in: int, state_every: int = 10_000) -> Iterator[bytes]:
        """Make `count` records of which one in `one_in` (none for 0) is an event to send; a piece for each state."""
        block = one_in or 1000
        filtered = b"".join(self.record(number, selected=False) for number in range(block - bool(one_in)))
        for begin in range(0, count, state_every):
            blocks = range(begin, begin + state_every, block)
            pieces = [filtered + (self.record(number) if one_in else b"") for number in blocks]
            yield b"".join(pieces) + state(begin + state_every)


def state(number: int) -> bytes:
    """Make the line of a state that says so many records came before it."""
    descriptor = {"stream_descriptor": {"name": "events"}, "stream_state": {"records": number}}
    return json.dumps({"type": "STATE", "state": {"type": "STREAM", "stream": descriptor}}).encode() + b"\n"


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise LookupError("no pipe")
    return pipe


def _amplitude_record() -> dict[str, Any]:
    path = ROOT / "integration_tests" / "demo" / "amplitude-messages.jsonl"
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            message = json.loads(line)
            if message["type"] == "RECORD" and "event_properties" in message["record"]["data"]:
                data: dict[str, Any] = message["record"]["data"]
                return data
    raise LookupError(path)


CONTESTANTS: Final = ROOT / ".venv-bench" / "bin" / "python"


@dataclass(frozen=True, slots=True)
class Contestant:
    """A script of `contestants/`, which makes calls as others do, in an environment of its own.

    `in_flight` is how many calls it makes at once.
    """

    script: str
    more: tuple[str, ...] = ()
    in_flight: int = 1

    def run(self, url: str, count: int) -> float:
        """Let it make `count` calls; return the CPU seconds that this took.

        Raises:
            SystemExit: it failed, or its environment is not there.
        """
        if not CONTESTANTS.exists():
            sys.exit("`make .venv-bench/.ready` builds the environment of what the connector is compared with")
        script = Path(__file__).with_name("contestants") / f"{self.script}.py"
        command = [str(CONTESTANTS), str(script), url, TOKEN, str(count), str(EPOCH), *self.more]
        with tempfile.TemporaryDirectory() as folder, subprocess.Popen(command, cwd=folder) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"{self.script} ended with {process.returncode}")
        return usage.ru_utime + usage.ru_stime


REQUESTS: Final = Contestant("requests_loop")
SESSION: Final = Contestant("requests_session", ("1",))
SESSIONS: Final = Contestant("requests_session", ("64",), 64)
SDK: Final = Contestant("sdk_loop")
DLT: Final = Contestant("dlt_destination", ("0",))
DLT_FILES: Final = Contestant("dlt_destination", ("10",), 20)


def start_up() -> Run:
    """Run the connector with an empty input."""
    return Connector("http://127.0.0.1:9", ()).run()


def show(title: str, rows: Sequence[Sequence[object]]) -> None:
    """Print a table under its title and the machine's load; the first row is its head."""
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in texts) for column in range(len(texts[0]))]
    print(f"{title}  [load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores]")
    for row in texts:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
