"""Who may ask the emulator: DNS rebinding and other sites' pages, over real sockets and by rule."""

import contextlib
import http.client
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from intercom_emulator import Intercom, Server, Settings
from intercom_emulator.guard import Guard

GUARD = Guard("127.0.0.1", 8080)
FORM = "latency=0&search_lag=0&limit=5&share_429=0&share_502=0"


@pytest.fixture(name="server", scope="module")
def _server() -> Iterator[Server]:
    with Server(Intercom(Settings())) as server:
        yield server


def _ask(url: str, method: str, path: str, body: str | None = None, **headers: str) -> http.client.HTTPResponse:
    parts = urlsplit(url)
    with contextlib.closing(http.client.HTTPConnection(parts.netloc, timeout=10)) as connection:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, {"Authorization": "Bearer test-token", **sent})
        answer = connection.getresponse()
        answer.read()
        return answer


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:8080", "LocalHost:8080", "[::1]:8080", None])
def test_host_when_one_of_the_servers_own_then_known(host: str | None) -> None:
    """What a browser and a client send, and a client that sends none."""
    assert GUARD.knows_host({"host": host} if host else {})


@pytest.mark.parametrize(
    "host",
    ["evil.example:8080", "127.0.0.1", "localhost:80", "127.0.0.1.evil.example:8080", "localhost.:8080", "", "x@localhost:8080"],
)  # fmt: skip
def test_host_when_another_then_unknown(host: str) -> None:
    """A name that is made to resolve to the loopback is none of ours, nor is another port."""
    assert not GUARD.knows_host({"host": host})


def test_host_when_the_port_is_that_of_http_then_known_without_it() -> None:
    """Browsers leave it out."""
    assert Guard("127.0.0.1", 80).knows_host({"host": "localhost"})


@pytest.mark.parametrize(
    ("headers", "own", "elsewhere"),
    [
        ({}, False, False),
        ({"sec-fetch-site": "same-origin", "origin": "http://localhost:8080"}, True, False),
        ({"sec-fetch-site": "same-origin"}, True, False),
        ({"origin": "http://127.0.0.1:8080"}, True, False),
        ({"sec-fetch-site": "none"}, False, False),
        ({"sec-fetch-site": "cross-site"}, False, True),
        ({"sec-fetch-site": "same-site"}, False, True),
        ({"origin": "http://evil.example"}, False, True),
        ({"origin": "null"}, False, True),
        ({"origin": "https://localhost:8080"}, False, True),
        ({"origin": "http://localhost:3000"}, False, True),
        ({"sec-fetch-site": "same-origin", "origin": "http://evil.example"}, False, True),
        ({"sec-fetch-site": "cross-site", "origin": "http://localhost:8080"}, False, True),
    ],
)
def test_site_when_a_browser_names_it_then_own_or_elsewhere(
    headers: dict[str, str], own: bool, elsewhere: bool
) -> None:
    """Only a request that is surely of a page of ours is; one that surely is not is of another site."""
    assert (own, elsewhere) == (GUARD.is_from_own_page(headers), GUARD.is_from_elsewhere(headers))


@pytest.mark.parametrize("path", ["/", "/_page/contacts", "/_page/script.js", "/_emulator/state", "/me"])
def test_server_when_asked_under_another_name_then_answers_nothing(server: Server, path: str) -> None:
    """DNS rebinding reads neither the page nor the state nor, with the token that everybody knows, the API."""
    assert 421 == _ask(server.url, "GET", path, Host="evil.example").status
    assert 200 == _ask(server.url, "GET", path).status


@pytest.mark.parametrize("path", ["/_page/reset", "/_page/switches"])
def test_form_when_not_from_the_page_then_nothing_changes(server: Server, path: str) -> None:
    """Neither a form of another site nor a client without a browser; the page's own is carried out."""
    own = {"Origin": server.url, "Sec_Fetch_Site": "same-origin"}
    assert 303 == _ask(server.url, "POST", "/_page/switches", FORM, **own).status
    for headers in ({}, {"Sec_Fetch_Site": "cross-site", "Origin": "http://evil.example"}, {"Origin": "null"}):
        assert 403 == _ask(server.url, "POST", path, FORM.replace("limit=5", "limit=6"), **headers).status
        assert "5" == _ask(server.url, "GET", "/me").headers["X-RateLimit-Limit"]
    assert 303 == _ask(server.url, "POST", path, FORM.replace("limit=5", "limit=1666"), **own).status
    assert "1666" == _ask(server.url, "GET", "/me").headers["X-RateLimit-Limit"]


def test_control_when_another_site_calls_it_then_refused(server: Server) -> None:
    """It needs no token; a program that is no browser says nothing of sites, and is served."""
    headers = {"Origin": "http://evil.example", "Sec_Fetch_Site": "cross-site"}
    assert 403 == _ask(server.url, "POST", "/_emulator/settings", '{"limit": 1}', **headers).status
    assert 200 == _ask(server.url, "POST", "/_emulator/settings", '{"limit": 1666}').status


def test_page_when_answered_then_with_its_policy_on_every_kind_of_answer(server: Server) -> None:
    """Scripts and styles of our own only, nothing inline, nobody's frame, and the type that it says."""
    policies = set()
    for method, path in (
        ("GET", "/"),
        ("GET", "/_page/nothing"),
        ("GET", "/_page/style.css"),
        ("PUT", "/"),
        ("POST", "/_page/reset"),
    ):
        answer = _ask(server.url, method, path)
        policies.add(answer.headers["Content-Security-Policy"])
        assert "nosniff" == answer.headers["X-Content-Type-Options"]
    [policy] = policies
    rules = dict(each.split(" ", 1) for each in policy.split("; "))
    assert {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    } == rules  # fmt: skip
