"""The object storage, on real sockets: held to the same as Intercom."""

from __future__ import annotations

import time

import pytest

from destination_intercom.configuration.storage_config import S3
from destination_intercom.errors import ConfigurationError, StorageError
from destination_intercom.rejects.s3 import LARGEST_ANSWER, Bucket
from integration_tests.security.test_sizes import ON_THE_WAY, SHAPES
from integration_tests.support.listener import Listener, answering, as_proxy, http, trickle
from integration_tests.support.tls import Authority

HERE = "127.0.0.1"
SECRET = "canary/secret+key"
RECORD = b'{"email":"canary@example.com"}\n'
DONE = http(b"", headers=['ETag: "1"'])


@pytest.fixture(autouse=True)
def _no_credentials_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def section(endpoint: str) -> S3:
    """Make the section of a configuration."""
    return S3(
        storage_type="S3",
        access_key_id="canary-id",  # type: ignore[arg-type] # as JSON has it
        secret_access_key=SECRET,  # type: ignore[arg-type]
        s3_bucket_name="rejected",
        s3_bucket_region="eu-west-1",
        s3_endpoint=endpoint,
    )


def put(endpoint: str, *, seconds: float = 30.0) -> None:
    """Store one object."""
    bucket = Bucket(section(endpoint), read_timeout=seconds)
    try:
        bucket.put("some/key.jsonl", RECORD, content_type="application/x-ndjson")
    finally:
        bucket.close()


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_certificate_when_its_authority_is_known_then_the_record_is_stored_and_the_secret_is_not_sent(
    monkeypatch: pytest.MonkeyPatch, authority: Authority, variable: str
) -> None:
    """A request is signed with the secret; neither an address nor a header holds it."""
    monkeypatch.setenv(variable, str(authority.path))
    with Listener(answering(DONE), context=authority.issue(HERE)) as server:
        put(server.url())
    assert server.heard.startswith(b"PUT /rejected/some/key.jsonl HTTP/1.1\r\n")
    assert RECORD in server.heard
    assert b"Expect:" not in server.heard
    assert SECRET.encode() not in server.heard


@pytest.mark.parametrize(
    ("host", "days"),
    [
        pytest.param(None, (-1, 7), id="unknown"),
        pytest.param("s3.amazonaws.com", (-1, 7), id="another host"),
        pytest.param(HERE, (-9, -2), id="expired"),
    ],
)
def test_certificate_when_it_is_not_to_be_believed_then_the_record_stays_here(
    monkeypatch: pytest.MonkeyPatch, authority: Authority, host: str | None, days: tuple[float, float]
) -> None:
    """Nobody hears a word."""
    if host is not None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.path))
    context = authority.issue(host or HERE, days=days)
    with Listener(answering(DONE), context=context) as server, pytest.raises(StorageError, match="SSLError"):
        put(server.url())
    assert b"" == server.heard
    assert server.accepted


def test_bundle_when_it_cannot_be_read_then_the_configuration_is_at_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for Intercom."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    with pytest.raises(ConfigurationError, match="REQUESTS_CA_BUNDLE"):
        Bucket(section("https://s3.example.com"))


def test_proxy_when_the_environment_names_one_then_it_hears_the_host_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, authority: Authority
) -> None:
    """It is asked to connect; records go through it encrypted. On this machine there is none in between."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.path))
    with (
        Listener(answering(DONE), context=authority.issue("s3.example.com")) as server,
        Listener(answering(DONE)) as plain,
        Listener(as_proxy(server.port)) as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", proxy.url())
        monkeypatch.setenv("HTTP_PROXY", proxy.url())
        put(f"https://s3.example.com:{server.port}")
        put(plain.url())
    assert RECORD in server.heard
    assert RECORD in plain.heard
    assert 1 == proxy.accepted
    assert proxy.heard.startswith(f"CONNECT s3.example.com:{server.port} HTTP/1.".encode())
    for word in (RECORD, b"rejected", b"canary-id"):
        assert word not in proxy.heard


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"])
def test_redirect_when_it_leads_elsewhere_then_nobody_else_hears_of_it(
    monkeypatch: pytest.MonkeyPatch, authority: Authority, status: str
) -> None:
    """Not to another host, not from https to http; whatever the body says of another region."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.path))
    body = b"<Error><Code>PermanentRedirect</Code><Endpoint>elsewhere.example.com</Endpoint></Error>"
    with Listener(answering(DONE)) as other:
        headers = [f"Location: {other.url()}/rejected/x", "x-amz-bucket-region: ap-south-1"]
        answer = answering(http(body, status=status, headers=headers))
        with Listener(answer, context=authority.issue(HERE)) as server, pytest.raises(StorageError):
            put(server.url())
    assert 0 == other.accepted
    assert server.heard


@pytest.mark.parametrize("shape", SHAPES)
def test_answer_when_it_does_not_end_then_it_is_not_read_on(shape: str) -> None:
    """The connection is closed after little more than the largest answer that there may be."""
    with Listener(SHAPES[shape]()) as server, pytest.raises(StorageError):
        put(server.url(), seconds=5.0)
    assert 0 < server.links[0].said <= LARGEST_ANSWER + ON_THE_WAY


def test_answer_when_it_trickles_then_it_ends_in_the_time_for_a_whole_one() -> None:
    """No silence is too long, and yet the thread is free again soon."""
    began = time.monotonic()
    answer = trickle(b"HTTP/1.1 500 No\r\nContent-Length: 1000\r\n\r\n", b" ")
    with Listener(answer) as server, pytest.raises(StorageError):
        put(server.url(), seconds=0.5)
    assert time.monotonic() - began < 10
