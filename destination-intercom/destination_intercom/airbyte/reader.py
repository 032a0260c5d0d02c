"""Standard input, read in lines: bytes in, complete lines out. Knows no message."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

from destination_intercom.errors import InputError, IntercomDestinationError

CHUNK_BYTES: Final = 65536

LONGEST_LINE: Final = 256 * 1024 * 1024
"""A line without an end is no protocol, and must not fill the memory."""


class Stdin(Protocol):
    """What is read of the input: `read` returns what is there, up to `size` bytes, and b"" at its end."""

    def read(self, size: int, /) -> bytes | None:
        """Read some bytes, waiting only if there are none."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Complete lines of the input, without their ends; the first is line number `first` of the input."""

    first: int
    lines: list[bytes] = field(repr=False)
    size: int


@dataclass(frozen=True, slots=True)
class EndOfInput:
    """The input has ended; `error` says why no more of it can be read, if that is so."""

    error: IntercomDestinationError | None = None


Input: TypeAlias = Lines | EndOfInput


class InputSink(Protocol):
    """Takes what was read; see `delivery.mailbox`."""

    def offer(self, piece: Input) -> bool:
        """Take a piece of input, once there is room; False if nobody wants it any more."""


def read_lines(stdin: Stdin, sink: InputSink) -> None:
    """Read `stdin` to its end, handing over complete lines as soon as they are there; for a thread of its own."""
    number, rest = 1, bytearray()
    try:
        while chunk := stdin.read(CHUNK_BYTES):
            end = chunk.rfind(b"\n")
            if end < 0:
                rest += chunk
                if len(rest) > LONGEST_LINE:
                    sink.offer(
                        EndOfInput(
                            InputError(
                                f"Line {number} of the input is too long for a message: check what the source sends."
                            )
                        )
                    )
                    return
                continue
            rest += chunk[:end]
            complete, rest = bytes(rest), bytearray(chunk[end + 1 :])
            lines = complete.split(b"\n")
            if not sink.offer(Lines(number, lines, len(complete))):
                return
            number += len(lines)
    except Exception:  # noqa: BLE001 - whatever ends this thread, the main thread must not wait for ever
        sink.offer(
            EndOfInput(
                InputError(
                    "The input could not be read to its end: check whether the source failed, and run the sync again."
                )
            )
        )
        return
    if chunk is None:
        # A stdin that does not block had nothing yet: to take that for the end would lose what follows.
        sink.offer(
            EndOfInput(
                InputError(
                    "The input could not be read to its end: check whether the source failed, and run the sync again."
                )
            )
        )
        return
    if rest and not sink.offer(Lines(number, [bytes(rest)], len(rest))):
        return
    sink.offer(EndOfInput())
