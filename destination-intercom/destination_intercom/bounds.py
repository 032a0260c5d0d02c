"""What an answer may cost: its seconds and its bytes, counted where the bytes come in.

A time-out of a socket bounds one silence, so an answer that trickles, or a header or a chunk that
never ends, would hold a worker for ever, or fill the memory. It knows nothing of what is asked.
"""

from __future__ import annotations

import io
import socket
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any

from destination_intercom.errors import AnswerTooLargeError


@dataclass(frozen=True, slots=True)
class Bounds:
    """An answer is here `seconds` after its request was sent, by the monotonic clock `now`, in at most `size` bytes."""

    now: Callable[[], float]
    seconds: float
    size: int


def bounded_response(bounds: Bounds) -> type[HTTPResponse]:
    """Make the class of responses that read no longer and no more than `bounds` allow, whatever does not end.

    Reading raises TimeoutError once the time is over, or the silence that the socket allows, and
    `AnswerTooLargeError` for an answer that is larger than it may be.
    """

    class BoundedResponse(HTTPResponse):
        def __init__(self, sock: socket.socket, *arguments: Any, **more: Any) -> None:
            super().__init__(sock, *arguments, **more)
            self.fp = io.BufferedReader(_BoundedReader(self.fp.detach(), sock, bounds))

    return BoundedResponse


class _BoundedReader(io.RawIOBase):
    """Reads from `raw`, which reads from `sock`."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, bounds: Bounds) -> None:
        self._raw = raw
        self._sock = sock
        self._silence = sock.gettimeout()
        self._now = bounds.now
        self._end = bounds.now() + bounds.seconds
        self._left = bounds.size

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        """Read what is there, waiting for it no longer than there is time."""
        seconds = self._end - self._now()
        if seconds <= 0:
            raise TimeoutError("the answer takes too long")
        self._sock.settimeout(seconds if self._silence is None else min(self._silence, seconds))
        count = self._raw.readinto(buffer)
        self._left -= count or 0
        if self._left < 0:
            raise AnswerTooLargeError("answer too large")
        return count

    def close(self) -> None:
        """Close what is read from, too."""
        self._raw.close()
        super().close()
