"""What a connection and an answer may cost: seconds, and bytes, counted where they come in.

A time-out of a socket limits one silence, so an answer that trickles, or a header or a chunk that
never ends, would hold a worker for ever, or fill the memory; and it limits one address, of which a
host may have many. It knows nothing of what is asked, and of the libraries only what is handed in.
"""

from __future__ import annotations

import io
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any, Final

from destination_intercom.errors import AnswerTooLargeError

LEAST_TO_CONNECT: Final = 1.0
"""Seconds for each address of a host that has many."""


@dataclass(frozen=True, slots=True)
class ResponseLimits:
    """An answer is here `seconds` after its request was sent, by the monotonic clock `now`, in at most `size` bytes."""

    now: Callable[[], float]
    seconds: float
    size: int


def limited_pools(limits: ResponseLimits, kinds: Mapping[str, tuple[type, type]]) -> dict[str, Any]:
    """Make classes of pools, by scheme, whose connections and answers stay within limits.

    `kinds` are classes of urllib3, or made of them: of a connection and of its pool.
    """
    response = limited_response(limits)

    class Bounded:
        response_class = response

        def _new_conn(self: Any) -> Any:
            """Connect, with one time-out for all addresses of the host: urllib3 gives it to each."""
            seconds = self.timeout
            try:
                count = len(socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM))
            except (OSError, UnicodeError):
                count = 1  # as urllib3 will find out, too
            self.timeout = max(seconds / max(count, 1), LEAST_TO_CONNECT)
            try:
                connected = super()._new_conn()  # type: ignore[misc] # of the class that it is mixed into
            finally:
                self.timeout = seconds
            connected.settimeout(seconds)
            return connected

    return {
        scheme: type(pool.__name__, (pool,), {"ConnectionCls": type(connection.__name__, (Bounded, connection), {})})
        for scheme, (connection, pool) in kinds.items()
    }


def limited_response(limits: ResponseLimits) -> type[HTTPResponse]:
    """Make the class of responses that read no longer and no more than `limits` allow, whatever does not end.

    Reading raises TimeoutError once the time is over, or the silence that the socket allows, and
    `AnswerTooLargeError` for an answer that is larger than it may be.
    """

    class BoundedResponse(HTTPResponse):
        def __init__(self, sock: socket.socket, *arguments: Any, **more: Any) -> None:
            super().__init__(sock, *arguments, **more)
            self.fp = io.BufferedReader(_BoundedReader(self.fp.detach(), sock, limits))

    return BoundedResponse


class _BoundedReader(io.RawIOBase):
    """Reads from `raw`, which reads from `sock`."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, limits: ResponseLimits) -> None:
        self._raw = raw
        self._sock = sock
        self._silence = sock.gettimeout()
        self._now = limits.now
        self._end = limits.now() + limits.seconds
        self._left = limits.size

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
