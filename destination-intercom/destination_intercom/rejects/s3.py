"""Objects in a bucket of Amazon's S3, or of anything that speaks its protocol: one attempt per call.

The only importer of `boto3`, which comes with the extra `s3` and is loaded only where it is configured. Its
exceptions become ours, without their texts. It retries nothing, and one storage serves all threads. Nothing
of the environment but credentials, authorities and proxies is listened to.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from destination_intercom.clock import SystemClock
from destination_intercom.configuration.storage_config import S3
from destination_intercom.errors import ConfigurationError, StorageError
from destination_intercom.intercom.answers import as_word
from destination_intercom.intercom.ca_certificates import make_context
from destination_intercom.intercom.response_limits import ResponseLimits, limited_pools

CONNECT_TIMEOUT: Final = 10.0
READ_TIMEOUT: Final = 30.0
CONNECTIONS: Final = 4

LARGEST_ANSWER: Final = 1024 * 1024
"""An answer to what is asked here is empty, or an error of a few lines."""

NAMES_AT_ONCE: Final = 500
"""Names, of 1,024 bytes at most, that an answer has room for."""

DEFAULT_REGION: Final = "us-east-1"
"""What stores of others take a request to be signed for, where they do not care."""

# They tell a request with its headers and its body, to whoever listens.
for _name in ("boto3", "botocore", "s3transfer"):
    logging.getLogger(_name).propagate = False

_MISSING: Final = (
    "object_storage_config needs the package boto3, which is not installed. The image has it; elsewhere, install it"
    ' beside the connector with pip install "boto3>=1.40".'
)
_KEYS: Final = "check access_key_id and secret_access_key, or the credentials of the machine if they are empty"
_REFUSALS: Final = {
    "AccessDenied": "the credentials may not write there: they need s3:PutObject for the bucket and its prefix",
    "AllAccessDisabled": "all access to the bucket is disabled",
    "AccountProblem": "there is a problem with the account that the credentials belong to",
    "AuthorizationHeaderMalformed": "check s3_bucket_region and the credentials",
    "ExpiredToken": "the credentials of the machine have expired",
    "IllegalLocationConstraintException": "check s3_bucket_region",
    "InvalidAccessKeyId": _KEYS,
    "InvalidBucketName": "check s3_bucket_name",
    "InvalidToken": _KEYS,
    "KMS.DisabledException": "the key that encrypts the bucket is disabled",
    "NoSuchKey": "there is no such object: check its name",
    "NoSuchBucket": "there is no such bucket: check s3_bucket_name, s3_bucket_region and s3_endpoint",
    "NotSignedUp": "the account of the credentials is not signed up for S3",
    "PermanentRedirect": "the bucket is in another region: check s3_bucket_region",
    "SignatureDoesNotMatch": "check secret_access_key, and s3_bucket_region with an s3_endpoint of your own",
}
"""Codes by which S3 says that it will never do it, with these settings (Amazon's list of its error codes)."""


class Bucket:
    """A storage in one bucket; `read_timeout` is the seconds that the store has for an answer.

    Raises:
        ConfigurationError: boto3 is not installed, or takes none of it.
    """

    def __init__(self, config: S3, *, read_timeout: float = READ_TIMEOUT) -> None:
        self._name = config.s3_bucket_name
        self._client = _make_client(config, read_timeout)
        self._failures = _failures()

    def __repr__(self) -> str:
        return f"Bucket({self._name!r})"

    @property
    def place(self) -> str:
        """Tell where the objects are."""
        return f"s3://{self._name}"

    def put(self, key: str, body: bytes, *, content_type: str) -> None:
        """Keep `body` under the name `key`.

        Raises:
            StorageError: it may not have been kept.
        """
        answer = self._call(self._client.put_object, Key=key, Body=body, ContentType=content_type)
        # What is on the way may answer 200 and keep nothing; S3 always tells the sum of what it has kept.
        if not answer.get("ETag"):
            raise StorageError("status 200 without an ETag")

    def delete(self, key: str) -> None:
        """Delete what is kept under the name `key`.

        Raises:
            StorageError: it may still be there.
        """
        self._call(self._client.delete_object, Key=key)

    def names(self, prefix: str) -> list[tuple[str, int]]:
        """Tell the names of the objects below a prefix, with their sizes in bytes.

        Raises:
            StorageError: they are not known.
        """
        found: list[tuple[str, int]] = []
        more: dict[str, str] = {}
        while True:
            answer = self._call(self._client.list_objects_v2, Prefix=prefix, MaxKeys=NAMES_AT_ONCE, **more)
            found += [(entry["Key"], entry["Size"]) for entry in answer.get("Contents", ())]
            if not answer.get("IsTruncated"):
                return found
            more = {"ContinuationToken": answer["NextContinuationToken"]}

    def size(self, key: str) -> int:
        """Tell the size of an object in bytes.

        Raises:
            StorageError: it is not known.
        """
        try:
            # A HEAD would be answered without a word on what is wrong.
            answer = self._call(self._client.get_object, Key=key, Range="bytes=0-0")
        except StorageError as error:
            if "InvalidRange" in error.kind:
                # It has no first byte.
                return 0
            raise
        answer["Body"].close()
        size = str(answer.get("ContentRange", "")).rpartition("/")[2]
        return int(size) if size.isdigit() else int(answer["ContentLength"])

    def read(self, key: str, offset: int, size: int) -> bytes:
        """Read `size` bytes of an object, or those that there are, from `offset` on.

        Raises:
            StorageError: they could not be read.
        """
        answer = self._call(self._client.get_object, Key=key, Range=f"bytes={offset}-{offset + size - 1}")
        # What does not know ranges gives all of it, from the beginning.
        if offset and not str(answer.get("ContentRange", "")).startswith(f"bytes {offset}-"):
            raise StorageError("a piece was asked for, and another one given")
        try:
            with answer["Body"] as body:
                piece: bytes = body.read(size)
        except self._failures as error:
            raise _translate(error, self.place) from None
        return piece

    def _call(self, method: Callable[..., Any], **arguments: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = method(Bucket=self._name, **arguments)
        except self._failures as error:
            raise _translate(error, self.place) from None
        return answer

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _make_client(config: S3, read_timeout: float) -> Any:
    # Loaded here: it is an extra, and takes half a second.
    try:
        import boto3  # type: ignore[import-untyped] # noqa: PLC0415
        from botocore.config import Config  # type: ignore[import-untyped] # noqa: PLC0415
        from botocore.exceptions import BotoCoreError  # type: ignore[import-untyped] # noqa: PLC0415
        from botocore.handlers import add_expect_header  # type: ignore[import-untyped] # noqa: PLC0415
    except ImportError:
        raise ConfigurationError(_MISSING) from None
    access_key, secret = config.keys or (None, None)
    try:
        session = boto3.session.Session(aws_access_key_id=access_key, aws_secret_access_key=secret)
        client = session.client(
            "s3",
            region_name=config.s3_bucket_region or DEFAULT_REGION,
            endpoint_url=config.endpoint,
            config=Config(
                signature_version="s3v4",
                connect_timeout=min(CONNECT_TIMEOUT, read_timeout),
                read_timeout=read_timeout,
                # Ours is the only policy of retries.
                retries={"total_max_attempts": 1, "mode": "standard"},
                # Not every store answers to a name for each bucket.
                s3={"addressing_style": "auto" if config.endpoint is None else "path"},
                # Sums that are sent after the body are unknown to some stores.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                # AWS_ENDPOINT_URL would send records elsewhere, and over http.
                ignore_configured_endpoint_urls=True,
                max_pool_connections=CONNECTIONS,
            ),
        )
        # Not asked for leave to send the body: over TLS botocore takes the server's session tickets for the answer and
        # waits on, where the store gives none; and where the connection ends after it, for ever.
        client.meta.events.unregister("before-call.s3", add_expect_header)
        client.meta.events.register("before-parameter-build.s3", _stay)
        _believe(client, read_timeout)
    except (BotoCoreError, ValueError) as error:
        raise ConfigurationError(
            f"object_storage_config cannot be used as it is ({type(error).__name__}): check the bucket, the region and"
            " the endpoint, and the settings of AWS in the environment."
        ) from None
    return client


def _stay(context: dict[str, Any], **_: Any) -> None:
    """Mark a request as redirected already: it goes where the configuration says, and nowhere else.

    Else botocore would ask for the bucket's region, and for ever where the answer to that is a redirect again.
    """
    context["s3_redirect"] = {**context.get("s3_redirect", {}), "redirected": True}


def _believe(client: Any, read_timeout: float) -> None:
    """Let the client of https believe the authorities that all of the connector's connections believe.

    botocore takes one file of authorities, and that in the place of the system's.
    """
    from botocore.httpsession import URLLib3Session  # type: ignore[import-untyped] # noqa: PLC0415
    from botocore.utils import get_environ_proxies  # type: ignore[import-untyped] # noqa: PLC0415
    from certifi import where  # noqa: PLC0415 - as all of it

    url = client.meta.endpoint_url
    is_tls = url.startswith("https://")
    context = make_context(where()) if is_tls else None
    # Plain http is for this machine alone, and no proxy stands between us and it.
    found = get_environ_proxies(url) if is_tls else {}
    proxy = found.get("https") or found.get("all")

    class Session(URLLib3Session):  # type: ignore[misc] # botocore brings no types
        """Connections that verify by one context."""

        def _get_ssl_context(self) -> Any:
            return context

        def _setup_ssl_cert(self, conn: Any, _url: str, _verify: Any) -> None:
            conn.cert_reqs = "CERT_REQUIRED"

        def _setup_proxy_ssl_context(self, _proxy_url: str) -> Any:
            return context

    client._endpoint.http_session.close()  # noqa: SLF001 - botocore has no other way in
    session = Session(
        proxies={"https": proxy} if proxy else {},
        timeout=(min(CONNECT_TIMEOUT, read_timeout), read_timeout),
        max_pool_connections=CONNECTIONS,
    )
    # Those of proxies are taken from the first when they are made.
    session._manager.pool_classes_by_scheme = session._pool_classes_by_scheme = _bounded_pools(read_timeout)  # noqa: SLF001
    client._endpoint.http_session = session  # noqa: SLF001


def _bounded_pools(seconds: float) -> dict[str, Any]:
    """Make botocore's classes of connections anew, with answers that stay within limits."""
    from botocore import awsrequest  # type: ignore[import-untyped] # noqa: PLC0415

    kinds = {
        "http": (awsrequest.AWSHTTPConnection, awsrequest.AWSHTTPConnectionPool),
        "https": (awsrequest.AWSHTTPSConnection, awsrequest.AWSHTTPSConnectionPool),
    }
    return limited_pools(ResponseLimits(SystemClock().now, seconds, LARGEST_ANSWER), kinds)


def _failures() -> tuple[type[Exception], ...]:
    """Tell what a call raises that fails; anything else is a bug."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
    from botocore.parsers import ResponseParserError  # type: ignore[import-untyped] # noqa: PLC0415

    return (BotoCoreError, ClientError, ResponseParserError, OSError)


def _translate(error: Exception, place: str) -> StorageError:
    """Turn an exception into ours, without its text, which may hold the request."""
    from botocore import exceptions  # noqa: PLC0415

    if isinstance(error, exceptions.ClientError):
        return _refused(error.response, place)
    name = type(error).__name__
    settings = (
        exceptions.NoCredentialsError,
        exceptions.PartialCredentialsError,
        exceptions.ProfileNotFound,
        exceptions.ParamValidationError,
    )
    if isinstance(error, settings):
        return StorageError(name, refusal=f"The object storage {place} cannot be used ({name}): {_KEYS}.")
    return StorageError(name)


def _refused(response: dict[str, Any], place: str) -> StorageError:
    """Read S3's own account of a refusal; only a code that is known says that it is final."""
    code = as_word(response.get("Error", {}).get("Code"))
    metadata = response.get("ResponseMetadata", {})
    request_id = as_word(metadata.get("RequestId"))
    kind = f"status {metadata.get('HTTPStatusCode')}"
    kind += f", code {code}" if code else ""
    kind += f", request id {request_id}" if request_id else ""
    why = _REFUSALS.get(code or "")
    return StorageError(kind, refusal=f"The object storage {place} refuses records ({kind}): {why}." if why else None)
