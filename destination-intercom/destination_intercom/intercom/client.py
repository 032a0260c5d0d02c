"""Intercom over HTTP: one attempt per call.

The only importer of `requests`, whose exceptions it turns into ours. It retries nothing, judges
nothing and starts no threads; one client serves all threads with one pool of connections.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Iterator
from http.client import HTTPException
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

import requests
from requests.adapters import DEFAULT_CA_BUNDLE_PATH, BaseAdapter, HTTPAdapter
from requests.auth import AuthBase
from requests.utils import get_environ_proxies, select_proxy
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, NameResolutionError, NewConnectionError, ReadTimeoutError

from destination_intercom.deep_json import dump_exactly
from destination_intercom.errors import (
    AnswerTooLargeError,
    AttemptError,
    ConfigurationError,
    IntercomDestinationError,
    InternalError,
    MaybeSentError,
    NotSentError,
    UntrustedError,
)
from destination_intercom.intercom.answers import Answer, read_answer
from destination_intercom.intercom.ca_certificates import make_context
from destination_intercom.intercom.calls import Call
from destination_intercom.intercom.response_limits import ResponseLimits, limited_pools
from destination_intercom.own_version import own_version

API_VERSION: Final = "2.16"
"""The newest version whose description was at hand when this was written."""

CONNECT_TIMEOUT: Final = 10.0
READ_TIMEOUT: Final = 30.0

ANSWER_TIMEOUT: Final = 60.0
"""From the end of the request to the end of the answer, in however many pieces that comes."""

LARGEST_BODY: Final = 32 * 1024 * 1024

LARGEST_ANSWER: Final = LARGEST_BODY + 1024 * 1024
"""As it comes in, with its headers and the lengths of its chunks."""

Transport: TypeAlias = BaseAdapter
"""What carries a prepared request and brings back the response; tests pass their own."""

# urllib3 warns of an odd answer with the request's URL, which may hold an identity.
logging.getLogger("urllib3").propagate = False


class _BearerAuth(AuthBase):
    """Sets the header itself: without an auth object, requests would let a .netrc replace the token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def __repr__(self) -> str:
        return "_BearerAuth(…)"


class _Session(requests.Session):
    """Looks at no redirect: told not to follow one, requests still reads its body to the end and parses its target."""

    def get_redirect_target(self, _resp: requests.Response) -> None:
        """Say that there is none."""


class _Adapter(HTTPAdapter):
    """Connections to one host, without retries, whose answers stay within limits; with a context only for https."""

    def __init__(self, *, connections: int, context: ssl.SSLContext | None, limits: ResponseLimits) -> None:
        self._context = context
        self._pools = limited_pools(
            limits, {"http": (HTTPConnection, HTTPConnectionPool), "https": (HTTPSConnection, HTTPSConnectionPool)}
        )
        self._pool: Any = None
        super().__init__(pool_connections=1, pool_maxsize=connections, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **more: Any) -> None:  # noqa: FBT001, FBT002 - as its parent
        """Let all connections have the same context: it holds every authority, and is costly to make."""
        super().init_poolmanager(connections, maxsize, block, ssl_context=self._context, **more)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **more: Any) -> Any:
        """Believe the same authorities on the way through a proxy, and of the proxy itself."""
        contexts = {"ssl_context": self._context, "proxy_ssl_context": self._context}
        manager = super().proxy_manager_for(proxy, **contexts, **more)
        manager.pool_classes_by_scheme = self._pools
        return manager

    def get_connection_with_tls_context(self, request: requests.PreparedRequest, *more: Any, **named: Any) -> Any:
        """Find the pool once: all requests go to one host, by one way."""
        if self._pool is None:
            self._pool = super().get_connection_with_tls_context(request, *more, **named)
        return self._pool

    def close(self) -> None:
        """Close the connections: urllib3 does so once nobody holds their pool any more."""
        self._pool = None
        super().close()

    def request_url(self, request: requests.PreparedRequest, proxies: Any) -> str:  # noqa: ARG002 - as its parent
        """Ask for the path alone: a proxy, which is only for https, gets the address by CONNECT."""
        return request.path_url

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:  # noqa: ARG002 - as its parent
        """Verify always; requests would load its own authorities once more for every connection."""
        conn.cert_reqs = "CERT_REQUIRED"


class Client:
    """A client of one workspace at `base_url`; `transport` replaces the network in tests.

    `now` tells the seconds of a clock that never goes back; `wall` the unix time, used only where an answer
    has no `Date`. `read_timeout` is the seconds that Intercom may stay silent, before an answer and within
    it, `answer_timeout` those from the end of a request to the end of its answer.

    Raises:
        ConfigurationError: the address, or what the environment names of authorities or a proxy, cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        now: Callable[[], float],
        wall: Callable[[], float],
        read_timeout: float = READ_TIMEOUT,
        answer_timeout: float = ANSWER_TIMEOUT,
        connections: int = 1,
        transport: Transport | None = None,
    ) -> None:
        self._base_url = base_url
        self._host = urlsplit(base_url).hostname or ""
        self._wall = wall
        self._read_timeout = read_timeout
        self._session = _Session()
        self._session.auth = _BearerAuth(token)
        self._session.headers.update(
            {
                "Accept": "application/json",
                "Content-Type": "application/json",
                "Intercom-Version": API_VERSION,
                "User-Agent": f"airbyte-destination-intercom/{own_version()}",
            }
        )
        # The environment's proxies and authorities are looked up once, not for every call. Plain http is for this
        # machine alone, and no proxy stands between us and it.
        context = None
        if not base_url.startswith("http://") and transport is None:
            context = make_context(DEFAULT_CA_BUNDLE_PATH)
            self._session.proxies = _proxies(base_url)
        self._session.trust_env = False
        limits = ResponseLimits(now, answer_timeout, LARGEST_ANSWER)
        adapter = transport or _Adapter(connections=connections, context=context, limits=limits)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        # Prepared once is what all requests have in common: done for each, it costs a third of a call.
        try:
            self._blank = self._session.prepare_request(requests.Request("GET", base_url))
        except requests.RequestException:
            raise ConfigurationError("api_base_url is not an address that can be called: correct it.") from None
        self._root = (self._blank.url or "").rstrip("/")

    def __repr__(self) -> str:
        return f"Client({self._base_url!r})"

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def attempt(self, call: Call) -> Answer:
        """Make one attempt at `call`.

        Raises:
            AttemptError: no answer, or one that cannot be read; `NotSentError` if surely not sent.
            InternalError: the request could not be made.
        """
        try:
            response = self._session.send(
                self._prepare(call),
                timeout=(min(CONNECT_TIMEOUT, self._read_timeout), self._read_timeout),
                allow_redirects=False,
                stream=True,
                proxies=self._session.proxies,
            )
            try:
                content = _read(response)
            finally:
                response.close()
        except IntercomDestinationError:
            raise
        except Exception as error:  # noqa: BLE001 - any text may quote the request, as http.client's of a bad header does
            raise _translate(error, self._host) from None
        return read_answer(response.status_code, response.headers, content, wall=self._wall)

    def _prepare(self, call: Call) -> requests.PreparedRequest:
        request, payload = self._blank.copy(), call.body
        request.method, request.url = call.method, self._root + call.path
        if call.version:
            request.headers["Intercom-Version"] = call.version
        request.body = None if payload is None else dump_exactly(payload)
        request.prepare_content_length(request.body)
        return request


def _proxies(url: str) -> dict[str, str]:
    """Read the environment's proxy for `url`."""
    proxy = select_proxy(url, get_environ_proxies(url))
    if proxy is None:
        return {}
    # requests takes "localhost" in "localhost:3128" for the scheme.
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    try:
        parts = urlsplit(proxy)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigurationError(
            "The proxy in the environment (HTTPS_PROXY or ALL_PROXY) is not an http or https proxy: correct it, or list"
            " Intercom's host in NO_PROXY."
        )
    return {urlsplit(url).scheme: proxy}


def _read(response: requests.Response) -> bytes:
    """Read the body; a larger one than any answer of Intercom's is not read to its end."""
    pieces, size = [], 0
    for piece in response.iter_content(65536):
        size += len(piece)
        if size > LARGEST_BODY:
            raise AnswerTooLargeError("answer too large")
        pieces.append(piece)
    return b"".join(pieces)


def _translate(error: Exception, host: str) -> AttemptError | InternalError:
    """Turn an exception of `requests` into ours, without its text, which may hold the request; `host` was called."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            certificate = _CERTIFICATES.get(cause.verify_code, "a certificate that is not valid")
            return UntrustedError(f"{host} shows {certificate}")
        if isinstance(cause, NameResolutionError):
            return NotSentError(f"no address found for {_of_proxy(error, host)}")
        if isinstance(cause, NewConnectionError):
            # requests has no class for it.
            return NotSentError(f"{_of_proxy(error, host)} accepts no connection")
        if isinstance(cause, ReadTimeoutError):
            return MaybeSentError("timeout")
    for kind, ours, word in _TRANSLATIONS:
        if isinstance(error, kind):
            return ours(word)
    if isinstance(error, OSError) and not isinstance(error, requests.RequestException):
        # The system's own: a broken connection, no route, no descriptor left.
        return MaybeSentError("connection error")
    return InternalError(f"The request could not be made ({type(error).__name__}): report this, it is a bug.")


def _of_proxy(error: Exception, host: str) -> str:
    return f"the proxy before {host}" if isinstance(error, requests.exceptions.ProxyError) else host


def _causes(error: Exception) -> Iterator[Exception]:
    """Walk through what requests and urllib3 have wrapped: they keep it in the arguments, or as the reason."""
    cause: Any = error
    for _ in range(_DEEPEST_CAUSE):
        if not isinstance(cause, Exception):
            return
        yield cause
        reason = getattr(cause, "reason", None)
        cause = reason if isinstance(reason, Exception) else next(iter(cause.args), None)


_DEEPEST_CAUSE: Final = 8

_CERTIFICATES: Final = {
    2: "a certificate of an unknown authority",
    9: "a certificate that is not valid yet",
    10: "an expired certificate",
    18: "a certificate of an unknown authority",
    19: "a certificate of an unknown authority",
    20: "a certificate of an unknown authority",
    21: "a certificate of an unknown authority",
    62: "a certificate of another host",
    64: "a certificate of another host",
}
"""What OpenSSL's codes (X509_V_ERR_…) say; its own texts quote the host."""

_TRANSLATIONS: Final[tuple[tuple[type[Exception], type[AttemptError], str], ...]] = (
    (requests.exceptions.ConnectTimeout, NotSentError, "connect timeout"),
    (requests.exceptions.ProxyError, NotSentError, "proxy error"),
    # The handshake may have been over: the connection can break in the middle of the answer, too.
    (requests.exceptions.SSLError, MaybeSentError, "TLS error"),
    (requests.exceptions.Timeout, MaybeSentError, "timeout"),
    (requests.exceptions.ConnectionError, MaybeSentError, "connection error"),
    (requests.exceptions.ChunkedEncodingError, MaybeSentError, "truncated answer"),
    (requests.exceptions.ContentDecodingError, MaybeSentError, "unreadable answer"),
    (requests.exceptions.RetryError, MaybeSentError, "connection error"),
    (requests.exceptions.TooManyRedirects, MaybeSentError, "redirects"),
    (requests.exceptions.StreamConsumedError, MaybeSentError, "unreadable answer"),
    (requests.exceptions.UnrewindableBodyError, MaybeSentError, "connection error"),
    (HTTPError, MaybeSentError, "connection error"),
    (HTTPException, MaybeSentError, "unreadable answer"),
    (TimeoutError, MaybeSentError, "timeout"),
    (ssl.SSLError, MaybeSentError, "TLS error"),
)
