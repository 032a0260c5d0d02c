"""The client of S3: what it sends, what it makes of answers, and what of the environment it listens to."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse  # type: ignore[import-untyped] # botocore's family brings no types
from botocore.exceptions import (  # type: ignore[import-untyped]
    ClientError,
    EndpointConnectionError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError  # type: ignore[import-untyped]

from destination_intercom.configuration.storage_config import S3
from destination_intercom.errors import ConfigurationError, StorageError
from destination_intercom.rejects import s3
from destination_intercom.rejects.s3 import Bucket

SECRET = "secret-canary-7f3a"
SECTION: dict[str, Any] = {
    "storage_type": "S3",
    "access_key_id": "AKIDEXAMPLE",
    "secret_access_key": SECRET,
    "s3_bucket_name": "refused",
    "s3_bucket_region": "eu-west-1",
}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let no setting of the machine's own reach the tests."""
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


def make_bucket(**changes: Any) -> Bucket:
    """Make a bucket of a section of the configuration."""
    return Bucket(S3.model_validate({**SECTION, **changes}))


def intercept(bucket: Bucket, answer: Callable[[Any], tuple[int, bytes]]) -> list[Any]:
    """Answer the requests of a bucket in the place of the network; return them."""
    requests: list[Any] = []

    def send(request: Any, **_: Any) -> AWSResponse:
        requests.append(request)
        status, body = answer(request)
        raw = io.BytesIO(body)
        raw.stream = lambda: iter([body])  # type: ignore[attr-defined] # as urllib3's
        headers = {"ETag": '"e"', "x-amz-request-id": "R1"} if status == 200 else {"x-amz-request-id": "R1"}
        return AWSResponse(request.url, status, headers, raw)

    bucket._client.meta.events.register("before-send.s3", send)
    return requests


@pytest.mark.parametrize(
    ("changes", "url"),
    [
        ({}, "https://refused.s3.eu-west-1.amazonaws.com/a%20b/k.jsonl"),
        ({"s3_bucket_name": "re.fused"}, "https://s3.eu-west-1.amazonaws.com/re.fused/a%20b/k.jsonl"),
        ({"s3_endpoint": "https://minio.example.com:9000/"}, "https://minio.example.com:9000/refused/a%20b/k.jsonl"),
        (
            {"s3_endpoint": "https://minio.example.com", "s3_bucket_region": None},
            "https://minio.example.com/refused/a%20b/k.jsonl",
        ),
    ],
)
def test_put_when_sent_then_it_is_one_plain_signed_request(changes: dict[str, Any], url: str) -> None:
    """Every store understands it: no sums behind the body, no name of a host for each bucket but Amazon's."""
    bucket = make_bucket(**changes)
    requests = intercept(bucket, lambda _: (200, b""))
    bucket.put("a b/k.jsonl", b"line\n", content_type="application/x-ndjson")
    (request,) = requests
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert ("PUT", url) == (request.method, request.url)
    assert b"application/x-ndjson" in {headers["content-type"], str(headers["content-type"]).encode()}
    assert [] == [name for name in headers if "checksum" in name or "trailer" in name or "encoding" in name]
    assert b"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/" in _bytes(headers["authorization"])
    assert SECRET.encode() not in b"".join(_bytes(value) for value in headers.values())


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def test_delete_when_sent_then_it_names_the_object() -> None:
    """What the test of the destination leaves behind is its own object."""
    bucket = make_bucket()
    requests = intercept(bucket, lambda _: (204, b""))
    bucket.delete("k.txt")
    assert [("DELETE", "https://refused.s3.eu-west-1.amazonaws.com/k.txt")] == [(r.method, r.url) for r in requests]


def test_read_when_sent_then_it_asks_for_the_piece_alone() -> None:
    """What was not asked for is never taken for it: a store that knows no ranges gives the beginning."""
    bucket = make_bucket()
    requests = intercept(bucket, lambda _: (200, b"0123456789"))
    assert b"0123" == bucket.read("k", 0, 4)
    with pytest.raises(StorageError, match="another one given"):
        bucket.read("k", 4, 4)
    assert ["bytes=0-3", "bytes=4-7"] == [_bytes(each.headers["Range"]).decode() for each in requests]


@pytest.mark.parametrize("method", ["read", "size", "names"])
def test_reading_when_it_is_denied_then_the_code_is_told_and_not_the_stores_text(method: str) -> None:
    """One attempt, as for a write."""
    bucket = make_bucket()
    requests = intercept(bucket, lambda _: (403, error_xml("AccessDenied")))
    with pytest.raises(StorageError) as caught:
        getattr(bucket, method)(*{"read": ("k", 0, 1), "size": ("k",), "names": ("k/",)}[method])
    assert ("status 403, code AccessDenied, request id R1", 1) == (caught.value.kind, len(requests))
    assert "canary" not in str(caught.value.refusal)


def test_names_when_there_are_more_than_an_answer_holds_then_all_are_told() -> None:
    """Page after page, each small enough for the limit of an answer."""
    bucket = make_bucket()
    pages = iter(
        f"<ListBucketResult><IsTruncated>{more}</IsTruncated><NextContinuationToken>t</NextContinuationToken>"
        f"<Contents><Key>{key}</Key><Size>{size}</Size></Contents></ListBucketResult>".encode()
        for more, key, size in (("true", "a", 1), ("false", "b%20c", 2))
    )
    requests = intercept(bucket, lambda _: (200, next(pages)))
    assert [("a", 1), ("b%20c", 2)] == bucket.names("p/")
    assert ["continuation-token=t" in each.url for each in requests] == [False, True]
    assert all(f"max-keys={s3.NAMES_AT_ONCE}" in each.url for each in requests)


def error_xml(code: str) -> bytes:
    """Write an error as S3 does, with a text that must stay here."""
    return f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>canary {SECRET}</Message></Error>'.encode()


@pytest.mark.parametrize("code", sorted(s3._REFUSALS))
def test_refusal_when_its_code_is_known_then_the_user_learns_what_to_change(code: str) -> None:
    """One attempt, and the code, the request id and the cure in the message; nothing of the store's own text."""
    bucket = make_bucket(s3_endpoint="https://minio.example.com")
    requests = intercept(bucket, lambda _: (400, error_xml(code)))
    with pytest.raises(StorageError) as caught:
        bucket.put("k", b"", content_type="text/plain")
    refusal = caught.value.refusal
    assert refusal is not None
    assert 1 == len(requests)
    assert f"(status 400, code {code}, request id R1): {s3._REFUSALS[code]}." in refusal
    assert "canary" not in refusal


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (503, error_xml("SlowDown"), "status 503, code SlowDown, request id R1"),
        (500, error_xml("InternalError"), "status 500, code InternalError, request id R1"),
        (400, error_xml("RequestTimeout"), "status 400, code RequestTimeout, request id R1"),
        (403, error_xml("RequestTimeTooSkewed"), "status 403, code RequestTimeTooSkewed, request id R1"),
        (403, b"<html>AccessDenied</html>", "status 403"),
        (404, b"", "status 404"),
        (502, b"<html>canary</html>", "status 502"),
        (200, b"", None),
    ],
)
def test_answer_when_it_is_no_known_refusal_then_it_may_be_tried_again(
    status: int, body: bytes, kind: str | None
) -> None:
    """What a proxy answers refuses nothing; botocore itself tries nothing again."""
    bucket = make_bucket(s3_endpoint="https://minio.example.com")
    requests = intercept(bucket, lambda _: (status, body))
    if kind is None:
        bucket.put("k", b"", content_type="text/plain")
    else:
        with pytest.raises(StorageError) as caught:
            bucket.put("k", b"", content_type="text/plain")
        assert None is caught.value.refusal
        assert caught.value.kind.startswith(kind)
        assert "canary" not in caught.value.message
    assert 1 == len(requests)


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url=f"https://{SECRET}"),
        ReadTimeoutError(endpoint_url=f"https://{SECRET}"),
        ResponseParserError(SECRET),
        OSError(SECRET),
        ClientError({"Error": {"Code": f"{SECRET} with blanks"}}, "PutObject"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_exception_when_botocore_raises_one_then_it_becomes_ours_without_its_text(error: Exception) -> None:
    """Its text may hold an address, a header or a body."""
    bucket = make_bucket()

    def fail(_: Any) -> tuple[int, bytes]:
        raise error

    intercept(bucket, fail)
    with pytest.raises(StorageError) as caught:
        bucket.put("k", b"", content_type="text/plain")
    assert (None, None) == (caught.value.refusal, caught.value.__cause__)
    assert SECRET not in f"{caught.value.message} {caught.value.kind}"


def test_bug_when_it_is_none_of_the_stores_then_it_goes_through() -> None:
    """A bug must not be tried again for ten minutes."""
    bucket = make_bucket()

    def fail(_: Any) -> tuple[int, bytes]:
        raise KeyError("x")

    intercept(bucket, fail)
    with pytest.raises(KeyError):
        bucket.put("k", b"", content_type="text/plain")


def test_credentials_when_there_are_none_anywhere_then_it_is_a_refusal() -> None:
    """Neither in the configuration nor in the machine: no retry can help."""
    bucket = make_bucket(access_key_id=None, secret_access_key=None)
    intercept(bucket, lambda _: (200, b""))
    with pytest.raises(StorageError) as caught:
        bucket.put("k", b"", content_type="text/plain")
    assert "NoCredentialsError" in (caught.value.refusal or "")


def test_credentials_when_the_configuration_has_none_then_the_machines_are_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As AWS's own tools do."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDMACHINE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    bucket = make_bucket(access_key_id=None, secret_access_key=None)
    (request,) = _sent(bucket)
    assert b"Credential=AKIDMACHINE/" in _bytes(request.headers["Authorization"])


def _sent(bucket: Bucket) -> list[Any]:
    requests = intercept(bucket, lambda _: (200, b""))
    bucket.put("k", b"", content_type="text/plain")
    return requests


def test_environment_when_it_names_another_endpoint_or_session_then_nobody_listens(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Records go to the address of the configuration only, under its own keys."""
    settings = tmp_path / "config"
    settings.write_text("[default]\nregion = us-west-2\nendpoint_url = http://evil.example.com\n", encoding="utf-8")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(settings))
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.setenv(name, "http://evil.example.com")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "foreign")
    (request,) = _sent(make_bucket())
    assert "https://refused.s3.eu-west-1.amazonaws.com/k" == request.url
    assert "X-Amz-Security-Token" not in request.headers


def test_environment_when_it_names_a_profile_that_is_none_then_the_configuration_is_at_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is told before anything is read."""
    monkeypatch.setenv("AWS_PROFILE", "there-is-none")
    with pytest.raises(ConfigurationError, match="ProfileNotFound"):
        make_bucket()


def test_bucket_when_shown_then_no_key_is_in_it() -> None:
    """It may end up in a trace."""
    bucket = make_bucket()
    assert ("Bucket('refused')", "s3://refused") == (repr(bucket), bucket.place)


class Ear(logging.Handler):
    """Hears what reaches the root."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record.getMessage())


def test_loggers_when_somebody_listens_to_all_then_they_hear_nothing_of_a_request() -> None:
    """At the level of debugging botocore tells headers and bodies."""
    ear, root = Ear(), logging.getLogger()
    level = root.level
    root.setLevel(logging.DEBUG)
    root.addHandler(ear)
    try:
        bucket = make_bucket()
        intercept(bucket, lambda _: (200, b""))
        bucket.put("k", b"canary", content_type="text/plain")
        logging.getLogger("somebody").debug("audible")
    finally:
        root.removeHandler(ear)
        root.setLevel(level)
    assert ["audible"] == ear.heard


def test_redirect_when_there_is_no_end_of_it_then_one_request_is_made() -> None:
    """A bucket in another region is the user's to name; asked for the region, such a store redirects again."""
    bucket = make_bucket()
    requests = intercept(bucket, lambda _: (301, b""))
    with pytest.raises(StorageError):
        bucket.put("k", b"", content_type="text/plain")
    assert 1 == len(requests)
