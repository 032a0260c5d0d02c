"""The connector as a process: what Airbyte starts, feeds, waits for and kills."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from integration_tests.support.privacy import Canaries, collect, read_arguments, refuse_leaks

ROOT = Path(__file__).resolve().parents[2]
CONNECTOR = (sys.executable, "-m", "destination_intercom.run")
DEADLINE = 60.0


class Running:
    """A running command; messages of its output can be waited for while its stdin is open."""

    deadline = DEADLINE

    def __init__(self, command: Sequence[str], *, environment: Mapping[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
        )
        self._fed = bytearray()
        self._is_searched = False
        self.messages: list[dict[str, Any]] = []
        self.stderr = b""
        self._changed = threading.Condition()
        self._ended = False
        self._threads = [threading.Thread(target=target, daemon=True) for target in (self._read_out, self._read_err)]
        for thread in self._threads:
            thread.start()

    def _read_out(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._note(line)
        self._end()

    def _note(self, line: bytes) -> None:
        with self._changed:
            self.messages.append(json.loads(line))
            self._changed.notify_all()

    def _end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _read_err(self) -> None:
        assert self.process.stderr is not None
        self.stderr = self.process.stderr.read()

    def send(self, *pieces: bytes) -> None:
        """Write to the connector's stdin, as far as it takes it."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            for piece in pieces:
                self._keep(piece)
                self.process.stdin.write(piece)
                self.process.stdin.flush()

    def _keep(self, piece: bytes) -> None:
        """Keep what is fed, to be searched for."""
        self._fed += piece

    def close_stdin(self) -> None:
        """End the connector's input."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()

    def wait_for(self, kind: str, count: int = 1, *, seconds: float | None = None) -> list[dict[str, Any]]:
        """Wait until `count` messages of `kind` have come; fail after `seconds`, or the deadline."""
        seconds = self.deadline if seconds is None else seconds

        def found() -> list[dict[str, Any]]:
            return [message for message in self.messages if message["type"] == kind]

        with self._changed:
            self._changed.wait_for(lambda: len(found()) >= count or self._ended, timeout=seconds)
            assert len(found()) >= count, f"{len(found())} of {count} messages of type {kind} within {seconds} s"
            return found()

    def finish(self, data: bytes = b"") -> int:
        """Send `data`, end the input, wait for the end; return the exit code."""
        if data:
            self.send(data)
        self.close_stdin()
        return self.join()

    def join(self) -> int:
        """Wait for the end, and search all output for what was fed; return the exit code."""
        try:
            code = self.process.wait(timeout=self.deadline)
        finally:
            self.process.kill()
        for thread in self._threads:
            thread.join(timeout=self.deadline)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None and not stream.closed:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        self._search()
        return code

    def _search(self) -> None:
        """Search all output for what was fed, once."""
        if not self._is_searched:
            self._is_searched = True
            refuse_leaks(self._canaries(), self._told(), [self.stderr.decode(errors="replace")])

    def _canaries(self) -> Canaries:
        """Collect what may not be told."""
        raise NotImplementedError

    def _told(self) -> list[dict[str, Any]]:
        """Give the messages that are searched."""
        return self.messages

    @property
    def states(self) -> list[dict[str, Any]]:
        """The states that were given out."""
        return [message["state"] for message in self.messages if message["type"] == "STATE"]

    @property
    def errors(self) -> list[dict[str, Any]]:
        """The TRACE ERRORs that were given out."""
        traces = [message["trace"] for message in self.messages if message["type"] == "TRACE"]
        return [trace["error"] for trace in traces if trace["type"] == "ERROR"]


class Connector(Running):
    """The connector, started as a command of this machine."""

    def __init__(self, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        self._arguments = arguments
        source = {"PYTHONPATH": str(ROOT / "destination-intercom")}
        super().__init__([*CONNECTOR, *arguments], environment={**source, **(environment or {})})

    def _canaries(self) -> Canaries:
        return collect(bytes(self._fed), *read_arguments(self._arguments))
