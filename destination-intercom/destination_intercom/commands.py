"""The command line: arguments, files, the standard streams and flushing. Knows nothing of Intercom."""

from __future__ import annotations

import argparse
import codecs
import contextlib
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol, TypeAlias

import orjson

from destination_intercom import destination
from destination_intercom.airbyte.output import as_text, error_line
from destination_intercom.clock import Clock
from destination_intercom.delivery.mailbox import Mailbox
from destination_intercom.errors import ConfigurationError, IntercomDestinationError, InternalError
from destination_intercom.outcomes import REJECTION_REASONS
from destination_intercom.own_version import own_version
from destination_intercom.pipeline import GRACE_SECONDS, Terminated
from destination_intercom.preview import preview
from destination_intercom.replaying import Replay

EXIT_ERROR: Final = 1

FOR_PEOPLE: Final = frozenset({"preview", "replay"})
"""Commands whose standard output holds no Airbyte messages: what they have to say goes to standard error."""

LAST_WORDS_SECONDS: Final = 5.0
"""For what may still leave once the attempts in flight have ended."""


class Stopper(Protocol):
    """What can end a command: see `run.Signals`."""

    @property
    def exit_code(self) -> int:
        """Tell the exit code of a command that was stopped."""

    def stop_with(self, stop: Callable[[str], None], *, within: float) -> None:
        """Say how to stop in order, in so many seconds."""


def run_command(arguments: Sequence[str] | None, stopper: Stopper, *, clock: Clock) -> int:
    """Run one command; return the exit code."""
    parsed = _parser().parse_args(arguments)
    put_error = _tell_person if parsed.command in FOR_PEOPLE else _put_error
    # Unbuffered, so that each message leaves at once, and so that no lock of a buffer is held by the
    # reader's thread while the interpreter ends.
    try:
        os.set_blocking(1, True)
        with (
            open(1, "wb", buffering=0, closefd=False) as stdout,
            contextlib.closing(_lines(parsed, stopper, clock)) as lines,
        ):
            return _run(lines, stdout, stopper, put_error=partial(put_error, clock=clock))
    except _OutputClosedError:
        return EXIT_ERROR
    except OSError:
        # No standard output at all.
        return EXIT_ERROR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="destination-intercom", description="Airbyte destination for Intercom")
    parser.add_argument("--version", action="version", version=f"destination-intercom {own_version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("spec", help="print the specification of the configuration")
    for name, purpose in (
        ("check", "check a configuration against Intercom; writes nothing to it"),
        ("write", "deliver the Airbyte messages on standard input to Intercom"),
        ("preview", "show what each record on standard input would become; needs no token and no network"),
        ("replay", "send rejected records once more, from where object_storage_config has kept them"),
    ):
        command = commands.add_parser(name, help=purpose)
        command.add_argument("--config", required=True, metavar="FILE", help="the configuration, as JSON")
        if name == "check":
            command.add_argument(
                "--save-attributes",
                metavar="FILE",
                help="save the definitions of the workspace's data attributes, as JSON, for the local Intercom",
            )
        else:
            command.add_argument("--catalog", required=True, metavar="FILE", help="the configured catalog, as JSON")
        if name == "preview":
            command.add_argument("--limit", type=_count, metavar="N", help="show at most this many records")
        if name == "replay":
            _add_replay_arguments(command)
    return parser


def _add_replay_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "objects",
        nargs="+",
        metavar="OBJECT",
        help="a file, a folder, s3://BUCKET/KEY, or s3://BUCKET/PREFIX/ of the configured storage; gzip or not",
    )
    command.add_argument(
        "--reason",
        action="append",
        default=[],
        choices=list(REJECTION_REASONS),
        metavar="REASON",
        help="send only records that were rejected for this reason; may be given several times",
    )
    command.add_argument(
        "--force",
        action="store_true",
        help="write contacts, too, that were updated in Intercom after the record was rejected, and parts that were not"
        " rejected",
    )
    command.add_argument(
        "--resume",
        type=_moment,
        metavar="TIME",
        help="continue a replay that began at this time: what was written to contacts since then counts as its own",
    )


def _lines(parsed: argparse.Namespace, stopper: Stopper, clock: Clock) -> Generator[bytes, None, None]:
    if parsed.command == "spec":
        yield from destination.spec()
    elif parsed.command == "check":
        save = partial(_save, parsed.save_attributes) if parsed.save_attributes else None
        yield from destination.check(read_json(parsed.config, "configuration"), clock=clock, save=save)
    elif parsed.command == "preview":
        yield from _preview(parsed)
    elif parsed.command == "replay":
        yield from _replay(parsed, stopper, clock)
    else:
        yield from _write(parsed, stopper, clock)


def _write(parsed: argparse.Namespace, stopper: Stopper, clock: Clock) -> Iterator[bytes]:
    config, catalog = read_json(parsed.config, "configuration"), read_json(parsed.catalog, "catalog")
    mailbox = Mailbox(clock)
    stopper.stop_with(mailbox.stop, within=GRACE_SECONDS + LAST_WORDS_SECONDS)
    # The reader waits for input by reading; a pipe that its other end left non-blocking would look ended.
    os.set_blocking(0, True)
    with open(0, "rb", buffering=0, closefd=False) as stdin:
        yield from destination.write(config, catalog, stdin=stdin, clock=clock, mailbox=mailbox)


def _replay(parsed: argparse.Namespace, stopper: Stopper, clock: Clock) -> Iterator[bytes]:
    config, catalog = read_json(parsed.config, "configuration"), read_json(parsed.catalog, "catalog")
    with destination.find_rejected(config, parsed.objects, clock=clock, reasons=parsed.reason) as rows:
        # Until here nothing was sent, and a signal ends all at once.
        mailbox = Mailbox(clock)
        stopper.stop_with(mailbox.stop, within=GRACE_SECONDS + LAST_WORDS_SECONDS)
        replay = Replay(clock.wall(), resumed=parsed.resume, force=parsed.force)
        for line in destination.replay(config, catalog, rows=rows, replay=replay, clock=clock, mailbox=mailbox):
            _say(as_text(line))
    yield from ()


def _preview(parsed: argparse.Namespace) -> Iterator[bytes]:
    config, catalog = read_json(parsed.config, "configuration"), read_json(parsed.catalog, "catalog")
    os.set_blocking(0, True)
    with open(0, "rb", closefd=False) as stdin:
        lines = (line.rstrip(b"\n") for line in stdin)
        yield from preview(config, catalog, lines, limit=parsed.limit, warn=_say)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError("not a count")
    return number


def _moment(text: str) -> float:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if moment.tzinfo is None:
        raise ValueError("no time zone")
    return moment.timestamp()


def _say(text: str) -> None:
    """Tell a person at a terminal something, beside what a command gives out."""
    with contextlib.suppress(OSError):
        os.write(2, f"{text}\n".encode(errors="backslashreplace"))


def read_json(path: str, what: str) -> Any:
    """Read a file that an argument names; `what` it is, the message says.

    Raises:
        ConfigurationError: there is no such file, or no JSON in it.
    """
    try:
        return orjson.loads(Path(path).read_bytes().removeprefix(codecs.BOM_UTF8))
    except OSError as error:
        raise ConfigurationError(f"The {what} file cannot be read ({error.strerror}): check its path.") from None
    except orjson.JSONDecodeError:
        raise ConfigurationError(f"The {what} file is not JSON: correct it.") from None


def _save(path: str, content: bytes) -> None:
    try:
        Path(path).write_bytes(content + b"\n")
    except OSError as error:
        raise ConfigurationError(f"The attributes file cannot be written ({error.strerror}): check its path.") from None


PutError: TypeAlias = Callable[[BinaryIO, IntercomDestinationError], None]


def _put_error(stdout: BinaryIO, error: IntercomDestinationError, *, clock: Clock) -> None:
    _put(stdout, error_line(error, emitted_at=clock.wall()))


def _tell_person(_: BinaryIO, error: IntercomDestinationError, *, clock: Clock) -> None:  # noqa: ARG001 - as above
    _say(error.message)


def _run(lines: Iterator[bytes], stdout: BinaryIO, stopper: Stopper, *, put_error: PutError) -> int:
    """Write each line as soon as it is there; turn what ends the command into a message and an exit code."""
    try:
        for line in lines:
            _put(stdout, line)
    except _OutputClosedError:
        raise
    except Terminated:
        return stopper.exit_code
    except IntercomDestinationError as error:
        put_error(stdout, error)
        return EXIT_ERROR
    except Exception as error:  # noqa: BLE001 - a traceback may quote a record; this says where, not what
        put_error(stdout, InternalError.from_exception(error))
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
