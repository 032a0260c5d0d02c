"""The command line: arguments, files, signals, flushing and the exit code. Knows nothing of Intercom.

Exit codes: 0; 1 after a TRACE ERROR (or when nobody reads the output any more); 2 for arguments
that are none; 143 after SIGTERM.
"""

from __future__ import annotations

import argparse
import codecs
import contextlib
import os
import signal
import sys
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO, Final

import orjson

from destination_intercom import destination
from destination_intercom.clock import Clock, SystemClock
from destination_intercom.errors import ConfigurationError, IntercomDestinationError, InternalError
from destination_intercom.mailbox import Mailbox
from destination_intercom.pipeline import GRACE_SECONDS, Terminated
from destination_intercom.protocol import error_line

EXIT_ERROR: Final = 1
EXIT_TERMINATED: Final = 143

LAST_WORDS_SECONDS: Final = 5.0
"""For what may still leave once the attempts in flight have ended."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    parsed = _parser().parse_args(arguments)
    clock = SystemClock()
    # Unbuffered, so that each message leaves at once, and so that no lock of a buffer is held by the
    # reader's thread while the interpreter ends.
    try:
        os.set_blocking(1, True)
        with (
            open(1, "wb", buffering=0, closefd=False) as stdout,
            contextlib.closing(_lines(parsed, clock)) as lines,
        ):
            return _run(lines, stdout, clock)
    except _OutputClosedError:
        return EXIT_ERROR
    except OSError:
        # No standard output at all.
        return EXIT_ERROR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="destination-intercom", description="Airbyte destination for Intercom")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("spec", help="print the specification of the configuration")
    for name, purpose in (
        ("check", "check a configuration against Intercom; writes nothing to it"),
        ("write", "deliver the Airbyte messages on standard input to Intercom"),
    ):
        command = commands.add_parser(name, help=purpose)
        command.add_argument("--config", required=True, metavar="FILE", help="the configuration, as JSON")
        if name == "write":
            command.add_argument("--catalog", required=True, metavar="FILE", help="the configured catalog, as JSON")
    return parser


def _lines(parsed: argparse.Namespace, clock: Clock) -> Generator[bytes, None, None]:
    if parsed.command == "spec":
        yield from destination.spec()
    elif parsed.command == "check":
        yield from destination.check(_read_json(parsed.config, "configuration"), clock=clock)
    else:
        yield from _write(parsed, clock)


def _write(parsed: argparse.Namespace, clock: Clock) -> Iterator[bytes]:
    config, catalog = _read_json(parsed.config, "configuration"), _read_json(parsed.catalog, "catalog")
    mailbox = Mailbox(clock)

    signals = 0

    def end_at_last() -> None:
        clock.sleep(GRACE_SECONDS + LAST_WORDS_SECONDS)
        os._exit(EXIT_TERMINATED)

    def terminate(_signal: int, _frame: FrameType | None) -> None:
        nonlocal signals
        signals += 1
        if signals > 1:
            os._exit(EXIT_TERMINATED)
        mailbox.stop_from_signal()
        # Nobody may be reading the output, and a write to a full pipe cannot be called back.
        clock.start("deadline", end_at_last)

    signal.signal(signal.SIGTERM, terminate)
    # The reader waits for input by reading; a pipe that its other end left non-blocking would look ended.
    os.set_blocking(0, True)
    with open(0, "rb", buffering=0, closefd=False) as stdin:
        yield from destination.write(config, catalog, stdin=stdin, clock=clock, mailbox=mailbox)


def _read_json(path: str, what: str) -> Any:
    try:
        return orjson.loads(Path(path).read_bytes().removeprefix(codecs.BOM_UTF8))
    except OSError as error:
        raise ConfigurationError(f"The {what} file cannot be read ({error.strerror}).") from None
    except orjson.JSONDecodeError:
        raise ConfigurationError(f"The {what} file is not JSON.") from None


def _run(lines: Iterator[bytes], stdout: BinaryIO, clock: Clock) -> int:
    """Write each line as soon as it is there; turn what ends the command into a message and an exit code."""
    try:
        for line in lines:
            _put(stdout, line)
    except _OutputClosedError:
        raise
    except Terminated:
        return EXIT_TERMINATED
    except IntercomDestinationError as error:
        _put(stdout, error_line(error, emitted_at=clock.wall()))
        return EXIT_ERROR
    except Exception as error:  # noqa: BLE001 - a traceback may quote a record; this says where, not what
        _put(stdout, error_line(InternalError.from_exception(error), emitted_at=clock.wall()))
        return EXIT_ERROR
    return 0


class _OutputClosedError(Exception):
    """Nobody takes the output any more: its reader has gone, or its disk is full."""


def _put(stdout: BinaryIO, line: bytes) -> None:
    view = memoryview(line + b"\n")
    try:
        while view:
            view = view[stdout.write(view) or 0 :]
    except OSError:
        raise _OutputClosedError from None


if __name__ == "__main__":
    sys.exit(main())
