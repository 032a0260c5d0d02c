"""Whose certificates are believed, on real sockets: of a known authority, for this host, and of today."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Any

import pytest

from integration_tests.security.conftest import Check
from integration_tests.support.harness import TOKEN
from integration_tests.support.listener import Listener, as_intercom, http
from integration_tests.support.tls import Authority

HERE = "127.0.0.1"


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_certificate_when_the_environment_names_its_authority_then_it_is_believed(
    monkeypatch: pytest.MonkeyPatch, authority: Authority, check: Check, variable: str
) -> None:
    """The variables of requests, and OpenSSL's own for where the system's authorities are."""
    monkeypatch.setenv(variable, str(authority.path))
    with Listener(as_intercom(), context=authority.issue(HERE)) as server:
        assert {"status": "SUCCEEDED"} == check(server.url())
    assert f"Bearer {TOKEN}".encode() in server.heard


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_DIR"])
def test_certificate_when_its_authority_is_in_the_folder_that_is_named_then_it_is_believed(
    monkeypatch: pytest.MonkeyPatch, authority: Authority, check: Check, tmp_path: Path, variable: str
) -> None:
    """A folder, as /etc/ssl/certs is one: files named by the hash of their subject."""
    (tmp_path / authority.hashed_name).write_bytes(authority.path.read_bytes())
    monkeypatch.setenv(variable, str(tmp_path))
    with Listener(as_intercom(), context=authority.issue(HERE)) as server:
        assert {"status": "SUCCEEDED"} == check(server.url())


@pytest.mark.parametrize(
    ("host", "days", "word"),
    [
        pytest.param(HERE, (-1, 7), "unknown authority", id="unknown"),
        pytest.param("api.intercom.io", (-1, 7), "another host", id="another host"),
        pytest.param("127.0.0.2", (-1, 7), "another host", id="another address"),
        pytest.param(HERE, (-9, -2), "expired", id="expired"),
        pytest.param(HERE, (2, 7), "not valid yet", id="not yet"),
    ],
)
def test_certificate_when_it_is_not_to_be_believed_then_the_token_stays_here(
    monkeypatch: pytest.MonkeyPatch, authority: Authority, check: Check, host: str, days: tuple[float, float], word: str
) -> None:
    """The check says what is wrong with it and what to do, and nobody hears a word."""
    if word != "unknown authority":
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.path))
    with Listener(as_intercom(), context=authority.issue(host, days=days)) as server:
        status = check(server.url())
    assert "FAILED" == status["status"]
    assert word in status["message"]
    assert "REQUESTS_CA_BUNDLE" in status["message"]
    assert b"" == server.heard
    assert server.accepted


def test_authorities_when_a_bundle_is_named_then_no_others_are_believed(
    monkeypatch: pytest.MonkeyPatch, authority: Authority, check: Check, tmp_path: Path
) -> None:
    """As for every program that uses requests: the bundle replaces the system's."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(Authority(tmp_path, "another").path))
    with Listener(as_intercom(), context=authority.issue(HERE)) as server:
        assert "unknown authority" in check(server.url())["message"]
    assert b"" == server.heard


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_bundle_when_it_cannot_be_read_then_the_configuration_is_at_fault(
    monkeypatch: pytest.MonkeyPatch, check: Check, tmp_path: Path, content: bytes | None
) -> None:
    """A variable with a slip in it is found at the check, and nothing is sent."""
    path = tmp_path / "canary.pem"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))
    with Listener(as_intercom()) as server:
        status = check(f"https://127.0.0.1:{server.port}")
    assert "FAILED" == status["status"]
    assert "REQUESTS_CA_BUNDLE" in status["message"]
    assert "canary" not in status["message"]
    assert 0 == server.accepted


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_protocol_when_it_is_of_today_then_it_is_spoken(
    monkeypatch: pytest.MonkeyPatch, authority: Authority, check: Check, version: ssl.TLSVersion
) -> None:
    """TLS 1.2 and 1.3; older ones are refused by Python itself."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.path))
    context = authority.issue(HERE)
    context.maximum_version = version
    with Listener(as_intercom(), context=context) as server:
        assert {"status": "SUCCEEDED"} == check(server.url())


def test_server_when_it_does_not_speak_tls_then_the_token_stays_here(check: Check) -> None:
    """An address of https that answers in the clear."""
    with Listener(lambda link: link.say(http())) as server:
        status = check(f"https://127.0.0.1:{server.port}")
    assert "FAILED" == status["status"]
    assert "TLS" in status["message"]
    assert TOKEN.encode() not in server.heard


@pytest.mark.parametrize(
    "url",
    [
        "http://api.intercom.io",
        "http://10.0.0.1:8080",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "https://user:canary@127.0.0.1",
        "https://127.0.0.1/?canary=1",
        "https://127.0.0.1/#canary",
        "ftp://127.0.0.1",
        "https://",
    ],
)
def test_address_when_it_is_not_safe_then_it_is_refused_without_quoting_it(check: Check, url: str) -> None:
    """Only https, or http on this machine; no user, query or fragment."""
    status = check(url)
    assert "FAILED" == status["status"]
    assert "api_base_url" in status["message"]
    assert "canary" not in status["message"]


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_process_when_the_environment_names_the_authority_then_it_is_believed(
    make_workplace: Any, authority: Authority, variable: str
) -> None:
    """The connector as Airbyte starts it."""
    place = make_workplace()
    with Listener(as_intercom(), context=authority.issue(HERE)) as server:
        place.url = server.url()
        path = place.config(users=None)
        connector = place.start("check", "--config", path, environment={variable: str(authority.path)})
        assert 0 == connector.finish()
        ignorant = place.start("check", "--config", path)
        assert 0 == ignorant.finish()
    assert ["SUCCEEDED", "FAILED"] == [
        each.messages[-1]["connectionStatus"]["status"] for each in (connector, ignorant)
    ]
    assert os.environ.get(variable) is None
