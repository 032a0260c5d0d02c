"""The environment's proxies, on real sockets: which way a call goes, and what a proxy hears of it."""

from __future__ import annotations

import base64
import time
from pathlib import Path

import pytest

from destination_intercom.clock import SystemClock
from destination_intercom.errors import AttemptError
from destination_intercom.intercom.calls import GetMe
from destination_intercom.intercom.client import Client
from integration_tests.security.conftest import Check
from integration_tests.support.harness import TOKEN
from integration_tests.support.listener import Listener, as_intercom, as_proxy, http, trickle
from integration_tests.support.tls import Authority

ELSEWHERE = "intercom.example.com"
"""A host that only the proxy of a test can reach."""

HERE = "127.0.0.1"


@pytest.fixture(autouse=True)
def _believed(monkeypatch: pytest.MonkeyPatch, authority: Authority) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.path))


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("scheme", ["http", "https", ""])
def test_proxy_when_the_environment_names_one_then_it_hears_the_host_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, authority: Authority, check: Check, variable: str, scheme: str
) -> None:
    """It is asked to connect; the token and the call go through it encrypted. The proxy may speak TLS itself."""
    context = authority.issue("localhost") if scheme == "https" else None
    with (
        Listener(as_intercom(), context=authority.issue(ELSEWHERE)) as server,
        Listener(as_proxy(server.port), context=context) as proxy,
    ):
        monkeypatch.setenv(variable, f"{scheme}://localhost:{proxy.port}".removeprefix("://"))
        assert {"status": "SUCCEEDED"} == check(f"https://{ELSEWHERE}:{server.port}")
    assert proxy.heard.startswith(f"CONNECT {ELSEWHERE}:{server.port} HTTP/1.".encode())
    for secret in (TOKEN.encode(), b"Authorization", b"/me", b"Intercom-Version"):
        assert secret not in proxy.heard
        assert (secret in server.heard) == (secret != b"CONNECT")


def test_proxy_when_its_address_holds_a_password_then_it_alone_hears_it(
    monkeypatch: pytest.MonkeyPatch, authority: Authority, check: Check
) -> None:
    """Each side hears its own secret."""
    word = base64.b64encode(b"someone:canary").decode().encode()
    with (
        Listener(as_intercom(), context=authority.issue(ELSEWHERE)) as server,
        Listener(as_proxy(server.port)) as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", f"http://someone:canary@127.0.0.1:{proxy.port}")
        assert {"status": "SUCCEEDED"} == check(f"https://{ELSEWHERE}:{server.port}")
    assert b"Proxy-Authorization: Basic " + word in proxy.heard
    assert word not in server.heard
    assert TOKEN.encode() not in proxy.heard


@pytest.mark.parametrize("exception", [HERE, "*"])
def test_proxy_when_the_environment_excepts_the_host_then_it_is_not_asked(
    monkeypatch: pytest.MonkeyPatch, authority: Authority, check: Check, exception: str
) -> None:
    """NO_PROXY counts."""
    with (
        Listener(as_intercom(), context=authority.issue(HERE)) as server,
        Listener(as_proxy(server.port)) as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", proxy.url())
        monkeypatch.setenv("NO_PROXY", exception)
        assert {"status": "SUCCEEDED"} == check(server.url())
    assert (0, 1) == (proxy.accepted, server.accepted)


def test_proxy_when_the_address_is_http_then_it_is_not_asked(monkeypatch: pytest.MonkeyPatch, check: Check) -> None:
    """Plain http is for this machine alone: through a proxy the token would leave it in the clear."""
    with Listener(as_intercom()) as server, Listener(as_intercom()) as proxy:
        for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"):
            monkeypatch.setenv(variable, proxy.url())
        assert {"status": "SUCCEEDED"} == check(server.url())
    assert (0, 1) == (proxy.accepted, server.accepted)


@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "403 canary", "502 Bad Gateway"])
def test_proxy_when_it_refuses_then_the_check_says_so(
    monkeypatch: pytest.MonkeyPatch, check: Check, status: str
) -> None:
    """What it says itself may hold anything, and is not told."""
    with Listener(as_proxy(0, refusal=http(b"canary", status=status))) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url())
        message = check(f"https://{ELSEWHERE}")["message"]
    assert "proxy" in message
    assert "canary" not in message
    assert TOKEN.encode() not in proxy.heard


@pytest.mark.parametrize("who", ["intercom", "proxy"])
def test_answer_when_it_trickles_through_a_proxy_then_it_ends_in_the_time_for_a_whole_one(
    monkeypatch: pytest.MonkeyPatch, authority: Authority, who: str
) -> None:
    """Neither Intercom's answer nor the proxy's own holds a worker for ever."""
    slow = trickle(b"HTTP/1.1 200 OK\r\na: ", b"b")
    with (
        Listener(slow, context=authority.issue(ELSEWHERE)) as server,
        Listener(as_proxy(server.port) if who == "intercom" else slow) as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", proxy.url())
        url = f"https://{ELSEWHERE}:{server.port}"
        client = Client(url, TOKEN, now=SystemClock().now, wall=SystemClock().wall, answer_timeout=0.5)
        began = time.monotonic()
        with pytest.raises(AttemptError):
            client.attempt(GetMe())
        elapsed = time.monotonic() - began
        client.close()
    assert 0.4 < elapsed < 10


def test_proxy_when_it_inspects_with_an_unknown_authority_then_the_token_stays_here(
    monkeypatch: pytest.MonkeyPatch, check: Check, tmp_path: Path
) -> None:
    """A company's proxy that answers in Intercom's name: the check says how to make it known."""
    with (
        Listener(as_intercom(), context=Authority(tmp_path, "inspector").issue(ELSEWHERE)) as inspector,
        Listener(as_proxy(inspector.port)) as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", proxy.url())
        message = check(f"https://{ELSEWHERE}")["message"]
    assert "unknown authority" in message
    assert "REQUESTS_CA_BUNDLE" in message
    assert b"" == inspector.heard


@pytest.mark.parametrize(
    "address", ["socks5://127.0.0.1:1", "ftp://canary", "http://", "http://canary:port", "http://[canary", "canary:0"]
)
def test_proxy_when_it_is_none_of_http_then_the_configuration_is_at_fault(
    monkeypatch: pytest.MonkeyPatch, check: Check, address: str
) -> None:
    """A slip in the variable is found at once, and not quoted: it may hold a password."""
    monkeypatch.setenv("HTTPS_PROXY", address)
    message = check(f"https://{ELSEWHERE}")["message"]
    assert "HTTPS_PROXY" in message
    assert "canary" not in message


def test_token_when_a_netrc_knows_the_host_then_it_is_not_replaced(
    monkeypatch: pytest.MonkeyPatch, authority: Authority, check: Check, tmp_path: Path
) -> None:
    """The user's .netrc is for others."""
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login someone password canary\ndefault login someone password canary\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with Listener(as_intercom(), context=authority.issue(HERE)) as server:
        assert {"status": "SUCCEEDED"} == check(server.url())
    assert 1 == server.heard.count(b"Authorization:")
    assert f"Authorization: Bearer {TOKEN}".encode() in server.heard
