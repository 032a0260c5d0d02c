"""Intercom over HTTP: one method per endpoint, one attempt per call.

The only importer of `requests`, whose exceptions it turns into ours. It retries nothing, judges
nothing and starts no threads; one client serves all threads with one pool of connections.
"""

from __future__ import annotations

import email.utils
import json
import logging
import math
import re
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, TypeAlias
from urllib.parse import quote

import orjson
import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError, NewConnectionError

from destination_intercom.calls import (
    Answer,
    ArchiveContact,
    BodyKind,
    Call,
    CreateContact,
    CreateDataAttribute,
    FindByExternalId,
    GetContact,
    GetMe,
    ListDataAttributes,
    PostEvent,
    RateHeaders,
    SearchContacts,
    UnarchiveContact,
    UpdateContact,
)
from destination_intercom.errors import AnswerTooLargeError, AttemptError, InternalError, MaybeSentError, NotSentError

API_VERSION: Final = "2.16"
"""The newest version whose description was at hand when this was written."""

CONNECT_TIMEOUT: Final = 10.0
READ_TIMEOUT: Final = 30.0
LARGEST_BODY: Final = 32 * 1024 * 1024

Transport: TypeAlias = BaseAdapter
"""What carries a prepared request and brings back the response; tests pass their own."""

_CANONICAL = re.compile(r"</contacts/([A-Za-z0-9_-]+)>\s*;\s*rel=\"?canonical\"?")
# urllib3 warns of an odd answer with the request's URL, which may hold an identity.
logging.getLogger("urllib3").propagate = False

_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")


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


class Client:
    """A client of one workspace at `base_url`; `transport` replaces the network in tests.

    `wall` tells the unix time in seconds; it is used only where an answer has no `Date`. `read_timeout`
    is the seconds that Intercom may stay silent, before an answer and within it.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        wall: Callable[[], float],
        read_timeout: float = READ_TIMEOUT,
        connections: int = 1,
        transport: Transport | None = None,
    ) -> None:
        self._base_url = base_url
        self._wall = wall
        self._read_timeout = read_timeout
        self._session = _Session()
        self._session.auth = _BearerAuth(token)
        self._session.headers.update(
            {
                "Accept": "application/json",
                "Content-Type": "application/json",
                "Intercom-Version": API_VERSION,
                "User-Agent": f"airbyte-destination-intercom/{_own_version()}",
            }
        )
        adapter = transport or HTTPAdapter(pool_connections=1, pool_maxsize=connections, max_retries=0)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        # The environment's proxies and authorities are looked up once, not for every call. Plain http is for this
        # machine alone, and no proxy stands between us and it.
        if not base_url.startswith("http://"):
            settings = self._session.merge_environment_settings(base_url, {}, None, None, None)
            self._session.proxies, self._session.verify = settings["proxies"], settings["verify"]
        self._session.trust_env = False

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
        return _METHODS[type(call)](self, call)

    def get_me(self, _: GetMe) -> Answer:
        """Ask who the token belongs to."""
        return self._send("GET", "/me")

    def list_data_attributes(self, _: ListDataAttributes) -> Answer:
        """Ask for the contact attributes, archived ones included."""
        return self._send("GET", "/data_attributes?model=contact&include_archived=true")

    def create_contact(self, call: CreateContact) -> Answer:
        """Create a contact."""
        return self._send("POST", "/contacts", call.payload)

    def update_contact(self, call: UpdateContact) -> Answer:
        """Update a contact."""
        return self._send("PUT", f"/contacts/{_quote(call.contact_id)}", call.payload)

    def get_contact(self, call: GetContact) -> Answer:
        """Read a contact."""
        return self._send("GET", f"/contacts/{_quote(call.contact_id)}")

    def archive_contact(self, call: ArchiveContact) -> Answer:
        """Archive a contact."""
        return self._send("POST", f"/contacts/{_quote(call.contact_id)}/archive", {})

    def unarchive_contact(self, call: UnarchiveContact) -> Answer:
        """Restore an archived contact."""
        return self._send("POST", f"/contacts/{_quote(call.contact_id)}/unarchive", {})

    def create_data_attribute(self, call: CreateDataAttribute) -> Answer:
        """Create a contact attribute."""
        return self._send("POST", "/data_attributes", call.payload)

    def find_by_external_id(self, call: FindByExternalId) -> Answer:
        """Read a user by the external_id."""
        return self._send("GET", f"/contacts/find_by_external_id/{_quote(call.external_id)}")

    def search_contacts(self, call: SearchContacts) -> Answer:
        """Search contacts."""
        return self._send("POST", "/contacts/search", call.query)

    def post_event(self, call: PostEvent) -> Answer:
        """Submit a data event."""
        return self._send("POST", "/events", call.payload)

    def _send(self, method: str, path: str, payload: dict[str, Any] | None = None) -> Answer:
        try:
            response = self._session.request(
                method,
                self._base_url + path,
                data=None if payload is None else _dump(payload),
                timeout=(min(CONNECT_TIMEOUT, self._read_timeout), self._read_timeout),
                allow_redirects=False,
                stream=True,
            )
            try:
                content = _read(response)
            finally:
                response.close()
        except (OSError, HTTPError, ValueError) as error:
            # A RequestException is an OSError; some of urllib3's come through as they are; http.client
            # puts a header that it refuses into the text of a ValueError.
            raise _translate(error) from None
        return _answer(response, content, self._wall)


_METHODS: Final[dict[type[Any], Callable[[Client, Any], Answer]]] = {
    GetMe: Client.get_me,
    ListDataAttributes: Client.list_data_attributes,
    CreateContact: Client.create_contact,
    CreateDataAttribute: Client.create_data_attribute,
    ArchiveContact: Client.archive_contact,
    UnarchiveContact: Client.unarchive_contact,
    UpdateContact: Client.update_contact,
    GetContact: Client.get_contact,
    FindByExternalId: Client.find_by_external_id,
    SearchContacts: Client.search_contacts,
    PostEvent: Client.post_event,
}


def _own_version() -> str:
    try:
        return version("destination-intercom")
    except PackageNotFoundError:
        return "0"


def _quote(text: str) -> str:
    # An id may hold a lone surrogate: JSON allows it, and one such record must not end the sync.
    return quote(text, safe="", errors="surrogatepass")


def _dump(payload: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(payload)
    except TypeError:
        # orjson knows no integers beyond 64 bits and no lone surrogates; JSON does.
        return json.dumps(payload, allow_nan=False).encode()


def _read(response: requests.Response) -> bytes:
    """Read the body; a larger one than any answer of Intercom's is not read to its end."""
    pieces, size = [], 0
    for piece in response.iter_content(65536):
        size += len(piece)
        if size > LARGEST_BODY:
            raise AnswerTooLargeError("answer too large")
        pieces.append(piece)
    return b"".join(pieces)


def _translate(error: Exception) -> AttemptError | InternalError:
    """Turn an exception of `requests` into ours, without its text, which may hold the request."""
    if _is_unconnected(error):
        return NotSentError("no connection")
    for kind, ours, word in _TRANSLATIONS:
        if isinstance(error, kind):
            return ours(word)
    return InternalError(f"The request could not be made ({type(error).__name__}).")


def _is_unconnected(error: Exception) -> bool:
    # No address, or connection refused: requests has no class for it, and keeps urllib3's in the arguments.
    cause = error.args[0] if error.args else None
    return isinstance(getattr(cause, "reason", None), NewConnectionError)


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
    (ConnectionError, MaybeSentError, "connection error"),
    (TimeoutError, MaybeSentError, "timeout"),
)


def _answer(response: requests.Response, content: bytes, wall: Callable[[], float]) -> Answer:
    kind, body = _parse(content)
    headers = response.headers
    request_id = headers.get("X-Request-Id", "")
    canonical = _CANONICAL.search(headers.get("Link", ""))
    return Answer(
        status=response.status_code,
        kind=kind,
        body=body,
        request_id=request_id if _REQUEST_ID.match(request_id) else None,
        retry_after=_seconds(headers.get("Retry-After")),
        rate=_rate(headers, wall),
        canonical_id=canonical[1] if canonical else None,
    )


def _parse(content: bytes) -> tuple[BodyKind, Any]:
    if not content.strip():
        return "empty", None
    try:
        return "json", orjson.loads(content)
    except orjson.JSONDecodeError:
        pass
    try:
        # A lone surrogate that a record brought in comes back in the contact; orjson takes none.
        return "json", json.loads(content.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return "other", None


def _refuse_constant(_: str) -> float:
    raise ValueError("not JSON")


def _seconds(text: str | None) -> float | None:
    """Read `Retry-After`: only its form in seconds; a date would need a clock that both agree on."""
    try:
        seconds = float(text or "")
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _rate(headers: Any, wall: Callable[[], float]) -> RateHeaders | None:
    """Read the three headers of Intercom's quota; None unless all are there and are numbers.

    The reset is a moment by Intercom's clock, and so is `Date`: their difference needs no clock of ours.
    """
    try:
        limit, remaining, reset = (int(headers[f"X-RateLimit-{name}"]) for name in ("Limit", "Remaining", "Reset"))
    except (KeyError, ValueError):
        return None
    if limit <= 0:
        return None
    return RateHeaders(limit, max(remaining, 0), float(reset), reset - _server_time(headers.get("Date"), wall))


def _server_time(date: str | None, wall: Callable[[], float]) -> float:
    try:
        parsed = email.utils.parsedate_tz(date) if date else None
        return wall() if parsed is None else float(email.utils.mktime_tz(parsed))
    except (ValueError, OverflowError, TypeError, IndexError):
        return wall()
