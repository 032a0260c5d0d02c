"""An object storage whose connections fail: what is below botocore's session, and nothing above it.

The connector's own client of S3 runs; the pool of urllib3 that it takes its connections from is ours.
"""

from __future__ import annotations

import functools
import http.client
import io
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from urllib3 import HTTPConnectionPool, HTTPResponse
from urllib3.connection import HTTPConnection
from urllib3.exceptions import NameResolutionError, NewConnectionError, ProtocolError, ReadTimeoutError

from destination_intercom.configuration.config import parse_config
from destination_intercom.configuration.storage_config import S3
from destination_intercom.rejects.s3 import Bucket
from integration_tests.faults.faults import Schedule
from integration_tests.support.fake_storage import S3_SECTION, read_rows
from integration_tests.support.harness import config
from integration_tests.support.virtual_clock import VirtualClock

HOST: Final = "storage.invalid"
KEPT: Final = {"ETag": '"d41d8cd98f00b204e9800998ecf8427e"', "x-amz-request-id": "R1"}


@dataclass(frozen=True, slots=True)
class Put:
    """One attempt to keep an object, and the means to carry it out."""

    carry_out: Callable[[], HTTPResponse]
    clock: VirtualClock


Blow = Callable[[Put], HTTPResponse]


def _respond(status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> HTTPResponse:
    return HTTPResponse(body=io.BytesIO(body), headers=headers, status=status, preload_content=False)


def _fail(make: Callable[[], Exception], *, after: bool = False) -> Blow:
    """Raise what urllib3 would; `after` the object is kept."""

    def blow(put: Put) -> HTTPResponse:
        if after:
            put.carry_out()
        raise make()

    return blow


def _html(status: int, *, after: bool = False) -> Blow:
    def blow(put: Put) -> HTTPResponse:
        if after:
            put.carry_out()
        return _respond(status, b"<html><body>nginx</body></html>", {"Content-Type": "text/html"})

    return blow


def _xml(status: int, code: str) -> Blow:
    body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>no</Message></Error>'.encode()
    return lambda _: _respond(status, body, {"Content-Type": "application/xml"})


def _stall(put: Put) -> HTTPResponse:
    put.carry_out()
    put.clock.sleep(30.0)
    raise ReadTimeoutError(HTTPConnectionPool(HOST), "/", "Read timed out.")


def _lie(put: Put) -> HTTPResponse:
    put.carry_out()
    lies = {"Date": "Thu, 01 Jan 1970 00:00:00 GMT", "Retry-After": "86400", "Content-Type": "text/html"}
    return _respond(200, b"", {**KEPT, **lies})


def _reset() -> Exception:
    return ProtocolError("Connection aborted.", ConnectionResetError(104, "Connection reset by peer"))


def _no_address() -> Exception:
    failure = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return NameResolutionError(HOST, HTTPConnection(HOST), failure)


BLOWS: Final[dict[str, Blow]] = {
    "reset-before": _fail(_reset),
    "reset-after": _fail(_reset, after=True),
    "stall": _stall,
    "truncated": _fail(
        lambda: ProtocolError("Connection aborted.", http.client.BadStatusLine("HTTP/1.1 2")), after=True
    ),
    "502-html": _html(502),
    "503-html": _html(503),
    "504-html": _html(504, after=True),
    "500-json": _xml(500, "InternalError"),
    # Something on the way answers 200 and keeps nothing: a login page, a cache.
    "null": lambda _: _respond(200, b"null", {"Content-Type": "application/json"}),
    "no-fields": lambda _: _respond(200, b"<html></html>", {"Content-Type": "text/html"}),
    "429-storm": _xml(503, "SlowDown"),
    "429-bare": lambda _: _respond(429),
    "429-lies": lambda _: _respond(429, b"", {"Retry-After": "86400"}),
    "lying-headers": _lie,
    "403-html": _html(403),
    "404-html": _html(404),
    "408-json": _xml(408, "RequestTimeout"),
    "no-address": _fail(_no_address),
    "refused": _fail(lambda: NewConnectionError(HTTPConnection(HOST), "Connection refused")),
    "full-disk": _xml(507, "InsufficientStorage"),
    "full-quota": _xml(403, "QuotaExceeded"),
}
"""In the order of the table's rows; what Intercom says in JSON a storage says in XML."""


class Store:
    """Keeps the objects that arrive; a pool of connections as far as botocore uses one."""

    def __init__(self, clock: VirtualClock, *, blow: Blow, schedule: Schedule) -> None:
        self.objects: dict[str, bytes] = {}
        self._clock = clock
        self._blow = blow
        self._schedule = schedule

    def connection_from_url(self, _url: str) -> Store:
        return self

    def urlopen(self, *, method: str, url: str, body: Any, **_: Any) -> HTTPResponse:
        """Take one request; called from several threads at once."""
        assert method == "PUT"
        content = body if isinstance(body, bytes) else body.read()

        def carry_out() -> HTTPResponse:
            self.objects[unquote(url.partition("?")[0])] = content
            return _respond(200, b"", KEPT)

        return self._blow(Put(carry_out, self._clock)) if self._schedule.strike() else carry_out()

    @property
    def records(self) -> list[dict[str, Any]]:
        """The data of all records that are kept."""
        return [row["record"]["data"] for row in read_rows(self.objects.items())]


def storage_section() -> dict[str, Any]:
    """The section of the configuration."""
    return {**S3_SECTION, "s3_endpoint": f"https://{HOST}"}


@functools.cache
def _bucket() -> Bucket:
    # One for all tests: to make one takes a quarter of a second.
    section = parse_config(config(object_storage_config=storage_section())).object_storage_config
    assert isinstance(section, S3)
    return Bucket(section)


def connect(store: Store) -> Bucket:
    """The connector's own client, whose connections go to `store`."""
    bucket = _bucket()
    bucket._client._endpoint.http_session._manager = store
    return bucket
