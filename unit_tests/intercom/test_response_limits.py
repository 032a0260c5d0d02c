"""How long a connection may take to be made; what answers may cost is shown on real sockets, in `security`."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from destination_intercom.intercom.response_limits import LEAST_TO_CONNECT, ResponseLimits, limited_pools


class Connected:
    """A socket that keeps its time-out."""

    timeout: float | None = None

    def settimeout(self, seconds: float | None) -> None:
        self.timeout = seconds


class Connection:
    """A connection as urllib3's are made; it keeps how long each address would have had."""

    _dns_host, port, timeout = "intercom.test", 443, 10.0
    fails = False
    given: float | None = None

    def _new_conn(self) -> Connected:
        self.given = self.timeout
        if self.fails:
            raise ConnectionError
        return Connected()


class Pool:
    """A pool as urllib3's are made."""

    ConnectionCls: Any = None


def connection() -> Any:
    """Make a connection of the bounded kind."""
    return limited_pools(ResponseLimits(lambda: 0.0, 60.0, 1000), {"https": (Connection, Pool)})[
        "https"
    ].ConnectionCls()


@pytest.mark.parametrize(("addresses", "seconds"), [(1, 10.0), (4, 2.5), (10, 1.0), (40, LEAST_TO_CONNECT), (0, 10.0)])
def test_connect_when_a_host_has_many_addresses_then_they_share_its_time(
    monkeypatch: pytest.MonkeyPatch, addresses: int, seconds: float
) -> None:
    """Each is tried in turn, and none may answer; TLS has the whole time again."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [None] * addresses)
    made = connection()
    connected = made._new_conn()
    assert (seconds, 10.0, 10.0) == (made.given, made.timeout, connected.timeout)


@pytest.mark.parametrize("error", [socket.gaierror, UnicodeError])
def test_connect_when_the_host_has_no_address_then_urllib3_is_who_says_so(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """Its exception is one that is known."""

    def resolve(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    made = connection()
    made.fails = True
    with pytest.raises(ConnectionError):
        made._new_conn()
    assert (10.0, 10.0) == (made.given, made.timeout)
