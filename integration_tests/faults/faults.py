"""What can go wrong with a call, and when: each fault strikes one endpoint by a schedule.

A fault is carried out by the transport in front of the emulator, so that it is what `requests` would
have made of it: exceptions of the real classes, and responses of the real shape. It says by itself
whether the call took effect. It knows nothing of the connector.
"""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, Final, Protocol

import requests
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.exceptions import MaxRetryError, NameResolutionError, NewConnectionError, ProtocolError, ReadTimeoutError

from integration_tests.support.harness import EmulatorTransport, build_response
from integration_tests.support.virtual_clock import VirtualClock
from intercom_emulator import Answer, Cut, Intercom

HOST: Final = "intercom.invalid"
WINDOW: Final = 10.0


@dataclass(frozen=True, slots=True)
class Strike:
    """One call that a fault happens to: the request, how to carry it out, and the time."""

    request: requests.PreparedRequest
    carry_out: Callable[[], requests.Response]
    clock: VirtualClock
    read_timeout: float
    number: int


class Blow(Protocol):
    """What becomes of the call: a response, or an exception of `requests`."""

    def __call__(self, strike: Strike, /) -> requests.Response: ...


def _respond(strike: Strike, status: int, body: bytes, **headers: str) -> requests.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return build_response(
        strike.request, Answer(status, {"Date": formatdate(strike.clock.wall(), usegmt=True), **named}, body)
    )


def _raise_reset(strike: Strike) -> requests.Response:
    cause = ProtocolError("Connection aborted.", ConnectionResetError(104, "Connection reset by peer"))
    raise requests.ConnectionError(cause, request=strike.request)


def _reset_before(strike: Strike) -> requests.Response:
    return _raise_reset(strike)


def _reset_after(strike: Strike) -> requests.Response:
    strike.carry_out()
    return _raise_reset(strike)


def _stall(strike: Strike) -> requests.Response:
    strike.carry_out()
    strike.clock.sleep(strike.read_timeout)
    path = strike.request.path_url
    cause = ReadTimeoutError(HTTPConnectionPool(HOST), path, f"Read timed out. (read timeout={strike.read_timeout})")
    raise requests.ReadTimeout(cause, request=strike.request)


def _truncate(strike: Strike) -> requests.Response:
    whole = strike.carry_out()
    body = whole.content
    if not body:
        # Nothing of an empty body can be missing: the head is cut.
        cause = ProtocolError("Connection aborted.", http.client.BadStatusLine("HTTP/1.1 2"))
        raise requests.ConnectionError(cause, request=strike.request)
    return build_response(strike.request, Answer(whole.status_code, dict(whole.headers), body, cut=Cut.TRUNCATE))


def _html(status: int, *, after: bool = False) -> Blow:
    """Answer with a page of something in front of Intercom; `after` it has passed the call on."""
    page = f"<html>\r\n<head><title>{status}</title></head>\r\n<body><h1>nginx</h1></body>\r\n</html>\r\n".encode()

    def blow(strike: Strike) -> requests.Response:
        if after:
            strike.carry_out()
        return _respond(strike, status, page, Content_Type="text/html")

    return blow


def _envelope(status: int, code: str, message: str) -> Blow:
    body = f'{{"type":"error.list","request_id":"r1","errors":[{{"code":"{code}","message":"{message}"}}]}}'.encode()
    return lambda strike: _respond(strike, status, body, Content_Type="application/json; charset=utf-8")


def _answer(body: bytes, *, after: bool = False) -> Blow:
    """Answer 200 with a body that is not the endpoint's; `after` the call is carried out all the same."""

    def blow(strike: Strike) -> requests.Response:
        if after:
            strike.carry_out()
        return _respond(strike, 200, body, Content_Type="application/json; charset=utf-8")

    return blow


def _too_many(strike: Strike) -> requests.Response:
    now = strike.clock.wall()
    headers = {
        "X_RateLimit_Limit": "1666",
        "X_RateLimit_Remaining": "0",
        "X_RateLimit_Reset": str(int(now // WINDOW * WINDOW + WINDOW + 2)),
    }
    body = b'{"type":"error.list","errors":[{"code":"rate_limit_exceeded","message":"Exceeded rate limit"}]}'
    return _respond(strike, 429, body, Content_Type="application/json", **headers)


def _too_many_and_lie(strike: Strike) -> requests.Response:
    lies: list[dict[str, str]] = [
        {"Retry_After": "86400"},
        {"X_RateLimit_Limit": "1", "X_RateLimit_Remaining": "99", "X_RateLimit_Reset": str(2**40)},
        {"Retry_After": "-1", "X_RateLimit_Limit": "0", "X_RateLimit_Remaining": "0", "X_RateLimit_Reset": "0"},
    ]
    return _respond(strike, 429, b"", **lies[(strike.number - 1) % len(lies)])


def _lies(now: float) -> list[dict[str, str]]:
    """Headers that no honest Intercom would send, at `now` (unix seconds)."""
    return [
        {"X-RateLimit-Limit": "1", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(now) + 86_400)},
        {"X-RateLimit-Limit": "1666", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "0"},
        {"X-RateLimit-Limit": "1000000000", "X-RateLimit-Remaining": "1000000000", "X-RateLimit-Reset": str(int(now))},
        {"X-RateLimit-Limit": "-1", "X-RateLimit-Remaining": "-1", "X-RateLimit-Reset": "-1"},
        {"X-RateLimit-Limit": "many", "X-RateLimit-Remaining": "0x10", "X-RateLimit-Reset": "tomorrow"},
        {"Date": "Thu, 01 Jan 1970 00:00:00 GMT", "Retry-After": "86400"},
        {"Date": "yesterday", "Retry-After": "nan", "Content-Type": "text/html"},
        {"Content-Type": "image/png", "Link": "<https://x.invalid/>; rel=next", "X-Request-Id": "a\tb" * 99},
    ]


def _lie(strike: Strike) -> requests.Response:
    response = strike.carry_out()
    lies = _lies(strike.clock.wall())
    response.headers = CaseInsensitiveDict({**response.headers, **lies[strike.number % len(lies)]})
    return response


def _unreachable(strike: Strike, reason: Exception) -> requests.Response:
    cause = MaxRetryError(HTTPConnectionPool(HOST), strike.request.path_url, reason)
    raise requests.ConnectionError(cause, request=strike.request)


def _no_address(strike: Strike) -> requests.Response:
    failure = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return _unreachable(strike, NameResolutionError(HOST, HTTPConnection(HOST), failure))


def _refuse(strike: Strike) -> requests.Response:
    words = "Failed to establish a new connection: [Errno 111] Connection refused"
    return _unreachable(strike, NewConnectionError(HTTPConnection(HOST), words))


@dataclass(frozen=True, slots=True)
class Fault:
    """A blow, the seconds of its long outage, and whether the answer is right all the same.

    `given_up` is the seconds within which the sync ends if it lasts for ever.
    """

    blow: Blow
    outage: float = 300.0
    answers: bool = False
    given_up: float = 780.0


FAULTS: Final[dict[str, Fault]] = {
    "reset-before": Fault(_reset_before),
    "reset-after": Fault(_reset_after),
    "stall": Fault(_stall),
    "truncated": Fault(_truncate),
    "502-html": Fault(_html(502)),
    "503-html": Fault(_html(503)),
    "504-html": Fault(_html(504, after=True)),
    "500-json": Fault(_envelope(500, "server_error", "Server Error")),
    "null": Fault(_answer(b"null", after=True)),
    "no-fields": Fault(_answer(b'{"type":"odd"}')),
    "429-storm": Fault(_too_many),
    "429-bare": Fault(_envelope(429, "rate_limit_exceeded", "Exceeded rate limit")),
    # It holds everybody up for five minutes; what others then succeed in leaves the twenty minutes of one call.
    "429-lies": Fault(_too_many_and_lie, given_up=1800.0),
    "lying-headers": Fault(_lie, answers=True),
    "403-html": Fault(_html(403)),
    "404-html": Fault(_html(404)),
    "408-json": Fault(_envelope(408, "request_timeout", "Request Timeout")),
    "no-address": Fault(_no_address),
    "refused": Fault(_refuse, outage=120.0),
}
"""In the order of the table's rows."""

SCHEDULES: Final = ("once", "fifth", "outage", "ever")
NEVER: Final = "never"


class Schedule:
    """Decides which calls a fault strikes; thread-safe.

    `once` strikes the `first`-th, `fifth` the first of each five, `outage` all of some minutes from the
    first on, `ever` all.
    """

    def __init__(self, kind: str, clock: VirtualClock, *, outage: float, first: int) -> None:
        self._kind = kind
        self._clock = clock
        self._outage = outage
        self._first = first
        self._began: float | None = None
        self._guard = threading.Lock()
        self.aimed_at = 0
        self.fired = 0

    def strike(self) -> int:
        """Count a call that may be struck; tell the number of the strike, 0 for none."""
        with self._guard:
            self.aimed_at += 1
            if not self._is_due():
                return 0
            self.fired += 1
            return self.fired

    def _is_due(self) -> bool:
        if self._began is None:
            self._began = self._clock.now()
        if self._kind == "once":
            return self.aimed_at == self._first
        if self._kind == "fifth":
            return self.aimed_at % 5 == 1
        return self._kind == "ever" or (self._kind == "outage" and self._clock.now() - self._began < self._outage)


class Saboteur(EmulatorTransport):
    """Lets `blow` happen to the calls that `aims_at` names, as scheduled, from `from_time` seconds after the start."""

    def __init__(
        self,
        intercom: Intercom,
        clock: VirtualClock,
        *,
        blow: Blow,
        schedule: Schedule,
        aims_at: Callable[[requests.PreparedRequest], bool],
        from_time: float,
    ) -> None:
        super().__init__(intercom, clock)
        self._blow = blow
        self._schedule = schedule
        self._aims_at = aims_at
        self._armed_at = clock.now() + from_time

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        def carry_out() -> requests.Response:
            return super(Saboteur, self).send(request, *args, **kwargs)

        is_meant = self.clock.now() >= self._armed_at and self._aims_at(request)
        number = self._schedule.strike() if is_meant else 0
        if not number:
            return carry_out()
        _, read_timeout = kwargs["timeout"]
        return self._blow(Strike(request, carry_out, self.clock, read_timeout, number))
