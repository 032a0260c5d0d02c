"""Redirects, on real sockets: none is followed, so the token goes nowhere else."""

from __future__ import annotations

import pytest

from destination_intercom.clock import SystemClock
from destination_intercom.intercom.calls import Call, FindByExternalId, GetMe, PostEvent
from destination_intercom.intercom.classify import Verdict, judge
from destination_intercom.intercom.client import Client
from integration_tests.support.harness import TOKEN
from integration_tests.support.listener import Listener, answering, as_intercom, http
from integration_tests.support.tls import Authority

STATUSES = [300, 301, 302, 303, 304, 305, 307, 308, 399]
CALLS: list[Call] = [GetMe(), FindByExternalId("42"), PostEvent({"user_id": "42"})]


def _client(url: str) -> Client:
    return Client(url, TOKEN, now=SystemClock().now, wall=SystemClock().wall)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: type(call).__name__)
@pytest.mark.parametrize("status", STATUSES)
def test_redirect_when_it_leads_to_another_host_or_to_http_then_nobody_else_hears_of_the_call(
    monkeypatch: pytest.MonkeyPatch, authority: Authority, status: int, call: Call
) -> None:
    """One request, to the host that was configured; the answer is judged as it is, and tried again."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.path))
    with Listener(as_intercom()) as plain, Listener(as_intercom(), context=authority.issue("localhost")) as other:
        for target in (plain.url(), other.url("localhost"), plain.url().removeprefix("http:")):
            location = http(b"{}", status=f"{status} Elsewhere", headers=[f"Location: {target}/me", "Refresh: 0"])
            with Listener(answering(location), context=authority.issue("127.0.0.1")) as server:
                client = _client(server.url())
                answer = client.attempt(call)
                client.close()
            assert (status, Verdict.RETRY) == (answer.status, judge(call, answer).verdict)
            assert 1 == server.heard.count(b"HTTP/1.1\r\n")
    assert (0, 0) == (plain.accepted, other.accepted)


@pytest.mark.parametrize("status", STATUSES)
def test_redirect_when_it_leads_to_the_same_host_then_it_is_not_followed_either(status: int) -> None:
    """There is none in Intercom's description, so one is a sign of something in between."""
    location = http(b"", status=f"{status} Elsewhere", headers=["Location: /elsewhere"])
    with Listener(answering(location)) as server:
        client = _client(server.url())
        assert status == client.attempt(GetMe()).status
        client.close()
    assert 1 == server.heard.count(b"HTTP/1.1\r\n")
    assert b"/elsewhere" not in server.heard
