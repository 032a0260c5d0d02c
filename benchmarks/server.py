"""A local Intercom that is made for speed: it takes events and contacts, counts windows, and answers after a time.

It remembers no contact, so that nobody is ever found, and checks nothing of a request: for what is right, see the
emulator. One process,
one event loop. A request is counted half of the latency after it came in, as on a network, and answered
after the other half; what is pipelined on a connection is answered in order. Another app may spend from
the same windows, and what it is refused is counted. Each token is an app with windows of its own, and all apps
together may have a limit besides.

Run it as a process of its own: it prints its address as JSON. `GET /-/account` tells what it counted;
its moments are seconds of CLOCK_MONOTONIC, which all processes of a machine share.
"""

from __future__ import annotations

import argparse
import asyncio
import email.utils
import json
import math
import random
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, cast

BACKLOG: Final = 512
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_TOKEN: Final = re.compile(rb"\r\nauthorization: *([^\r]+)", re.IGNORECASE)
_CREATED_AT: Final = re.compile(rb'"created_at": ?([0-9]+)')


@dataclass(frozen=True, slots=True)
class Settings:
    """`limit` calls in each `period` (seconds); a window begins `phase` seconds after a multiple of it.

    `latency` (seconds) is drawn evenly from within `jitter`, a share of it, to both sides. A window's
    reset is told `reset_offset` seconds late. The other app asks for `other_share` of each window, at
    even distances, or with `other_random` at random ones. `workspace` calls are allowed in each period to all
    apps together (0: no limit); with `tells_workspace` the headers say what is left where that is less than what
    the app has left itself. Which of both Intercom's headers do is not known.
    """

    latency: float = 0.0
    jitter: float = 0.2
    limit: int = 1_000_000
    period: float = 10.0
    phase: float = 0.0
    reset_offset: float = 0.0
    other_share: float = 0.0
    other_random: bool = False
    workspace: int = 0
    tells_workspace: bool = False


@dataclass(slots=True)
class Window:
    """The calls of one window: those of our apps, by their tokens too, and the other app's, granted and refused."""

    begins: float
    apps: Counter[bytes] = field(default_factory=Counter)
    granted: int = 0
    refused: int = 0
    other: int = 0
    other_refused: int = 0


@dataclass(slots=True)
class Service:
    """The account: windows, first and last call, and when each event was answered."""

    settings: Settings
    now: Callable[[], float] = time.monotonic
    ahead: float = field(default_factory=lambda: time.time() - time.monotonic())
    windows: dict[int, Window] = field(default_factory=dict)
    seconds: dict[int, Counter[str]] = field(default_factory=dict)
    first: float | None = None
    last: float = 0.0
    answered: dict[int, float] = field(default_factory=dict)
    date: tuple[int, str] = (0, "")
    contacts: int = 0

    def reply_to(self, head: bytes, body: bytes) -> tuple[bytes, bytes]:
        """Make the status and the body of an answer: an event's by default."""
        if head.startswith(b"POST /contacts "):
            self.contacts += 1
            return b"200 OK", b'{"type":"contact","id":"%024x",%s' % (self.contacts, body[1:])
        if head.startswith(b"POST /contacts/search "):
            return b"200 OK", b'{"type":"list","data":[],"total_count":0}'
        if head.startswith(b"GET /data_attributes?"):
            return b"200 OK", _ATTRIBUTES
        if head.startswith(b"GET /me "):
            return b"200 OK", _ME
        return b"202 Accepted", b""

    def take(self, app: bytes = b"", *, other: bool = False) -> tuple[bool, Window, int]:
        """Count a call; tell whether it is granted, its window and what the headers say is left of that."""
        settings, now = self.settings, self.now()
        since = now + self.ahead - settings.phase
        index = math.floor(since / settings.period)
        if (window := self.windows.get(index)) is None:
            begins = index * settings.period + settings.phase - self.ahead
            window = self.windows[index] = Window(begins)
        left = settings.limit - window.apps[app] - window.other
        together = settings.workspace - window.granted - window.other if settings.workspace else left
        granted = min(left, together) > 0
        if other:
            window.other += granted
            window.other_refused += not granted
        else:
            window.apps[app] += granted
            window.granted += granted
            window.refused += not granted
        kind = ("other" if granted else "other_refused") if other else ("granted" if granted else "refused")
        self.seconds.setdefault(math.floor(now), Counter())[kind] += 1
        told = min(left, together) if settings.tells_workspace else left
        return granted, window, max(told - granted, 0)

    def answer(self, reply: tuple[bytes, bytes], app: bytes = b"") -> bytes:
        """Count a call of `app` and make its answer, a status and a body where it is granted."""
        granted, window, left = self.take(app)
        self.last = self.now()
        if self.first is None:
            self.first = self.last
        second = int(self.last + self.ahead)
        if second != self.date[0]:
            self.date = (second, email.utils.formatdate(second, usegmt=True))
        settings = self.settings
        reset = math.ceil(window.begins + settings.period + self.ahead + settings.reset_offset)
        status, body = reply if granted else (b"429 Too Many Requests", _REFUSAL)
        return (
            b"HTTP/1.1 %s\r\nDate: %s\r\nX-Request-Id: 0123456789abcdef\r\nX-RateLimit-Limit: %d\r\n"
            b"X-RateLimit-Remaining: %d\r\nX-RateLimit-Reset: %d\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%s"
        ) % (
            status,
            self.date[1].encode(),
            settings.limit,
            left,
            reset,
            len(body),
            body,
        )

    def account(self) -> bytes:
        """Tell what was counted."""
        windows = [
            {
                "begins": window.begins,
                "granted": window.granted,
                "refused": window.refused,
                "other": window.other,
                "other_refused": window.other_refused,
            }
            for _, window in sorted(self.windows.items())
        ]
        seconds = {str(second): dict(counts) for second, counts in sorted(self.seconds.items())}
        document = {
            "windows": windows,
            "seconds": seconds,
            "first": self.first,
            "last": self.last,
            "answered": list(self.answered.items()),
        }
        body = json.dumps(document).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)

    async def spend_as_another_app(self) -> None:
        """Take the other app's share for ever."""
        settings = self.settings
        gap = settings.period / (settings.other_share * settings.limit)
        due = self.now()
        while True:
            due += gap * (random.expovariate(1.0) if settings.other_random else 1.0)
            await asyncio.sleep(max(due - self.now(), 0.0))
            self.take(other=True)


_REFUSAL: Final = json.dumps(
    {
        "type": "error.list",
        "request_id": "0123456789abcdef",
        "errors": [{"code": "rate_limit_exceeded", "message": "Exceeded rate limit"}],
    }
).encode()


ATTRIBUTES: Final = 40
"""The custom attributes of the workspace, `attribute 0` and so on: texts."""

_ATTRIBUTES: Final = json.dumps(
    {
        "type": "list",
        "data": [
            {"name": f"attribute {number}", "data_type": "string", "custom": True, "api_writable": True}
            for number in range(ATTRIBUTES)
        ],
    }
).encode()


_ME: Final = json.dumps(
    {"type": "admin", "id": "1", "email": "admin@example.com", "app": {"type": "app", "id_code": "x", "region": "US"}}
).encode()


class Connection(asyncio.Protocol):
    """Reads requests and answers them in their order."""

    def __init__(self, service: Service, loop: asyncio.AbstractEventLoop) -> None:
        self._service = service
        self._loop = loop
        self._unread = bytearray()
        self._transport: asyncio.Transport | None = None
        self._answer_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Take requests, whole or in pieces."""
        self._unread += data
        while (end := self._unread.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._unread[:end])
            length = _LENGTH.search(head)
            size = end + 4 + (int(length[1]) if length else 0)
            if len(self._unread) < size:
                return
            body = bytes(self._unread[end + 4 : size])
            del self._unread[:size]
            self._begin(head, body)

    def _begin(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"GET /-/account "):
            self._write(self._service.account())
            return
        created_at = _CREATED_AT.search(body)
        event = int(created_at[1]) if created_at else 0
        token = _TOKEN.search(head)
        app = token[1] if token else b""
        settings, reply = self._service.settings, self._service.reply_to(head, body)
        if not settings.latency:
            self._reply(event, self._service.answer(reply, app))
            return
        half = settings.latency * (1 + settings.jitter * random.uniform(-1, 1)) / 2
        self._loop.call_later(half, self._count, event, half, partial(self._service.answer, reply, app))

    def _count(self, event: int, half: float, answer: Callable[[], bytes]) -> None:
        self._answer_at = max(self._answer_at, self._loop.time() + half)
        self._loop.call_at(self._answer_at, self._reply, event, answer())

    def _reply(self, event: int, answer: bytes) -> None:
        self._service.answered[event] = self._service.now()
        self._write(answer)

    def _write(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)


async def serve(settings: Settings) -> None:
    """Serve on a free loopback port until the process is ended."""
    loop = asyncio.get_running_loop()
    service = Service(settings)
    server = await loop.create_server(lambda: Connection(service, loop), "127.0.0.1", 0, backlog=BACKLOG)
    host, port = server.sockets[0].getsockname()[:2]
    print(json.dumps({"url": f"http://{host}:{port}"}), flush=True)
    if settings.other_share:
        await service.spend_as_another_app()
    await server.serve_forever()


def main() -> None:
    """Read the settings, as JSON, and serve."""
    parser = argparse.ArgumentParser(description="A local Intercom for benchmarks.")
    parser.add_argument("settings", nargs="?", default="{}", help="fields of Settings, as JSON")
    document: dict[str, Any] = json.loads(parser.parse_args().settings)
    asyncio.run(serve(Settings(**document)))


if __name__ == "__main__":
    main()
