"""Tables without gaps: each status, each exception of a lower layer, each of Intercom's codes has its classification.

The tables below are written from the promises, not from the code, and walk what they are about: a class
that a new release of a library brings, or a code that joins the known ones, fails here until somebody has
said what it means.
"""

from __future__ import annotations

import builtins
import http.client
import inspect
import socket
import ssl
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
import requests.exceptions
import urllib3.exceptions
from requests.adapters import BaseAdapter

from destination_intercom.errors import (
    AttemptError,
    IntercomDestinationError,
    InternalError,
    MaybeSentError,
    NotSentError,
    UntrustedError,
)
from destination_intercom.intercom import calls
from destination_intercom.intercom.answers import Answer, BodyKind
from destination_intercom.intercom.calls import GetMe, ListDataAttributes, ListTags, PostEvent
from destination_intercom.intercom.classify import Verdict, judge
from destination_intercom.intercom.client import Client
from unit_tests.endpoints import CALLS
from unit_tests.intercom.known_codes import KNOWN_CODES

# ---------------------------------------------------------------- statuses

ENDPOINTS = CALLS
"""Every kind of call that there is."""


def make_call(kind: type[Any]) -> Any:
    """Make a call of any kind: each of its fields is a text or a document."""
    fields = [each for each in inspect.signature(kind).parameters.values() if each.default is inspect.Parameter.empty]
    return kind(*({} if "dict" in str(each.annotation) else "42" for each in fields))


def envelope(code: str | None) -> dict[str, Any]:
    """Make Intercom's error format."""
    return {"type": "error.list", "request_id": "r", "errors": [{"code": code, "message": "m"}]}


BODIES: dict[str, tuple[BodyKind, Any]] = {
    "envelope": ("json", envelope("some_code")),
    "no code": ("json", envelope(None)),
    "no error": ("json", {"type": "error.list", "errors": []}),
    "throttling": ("json", envelope("rate_limit_exceeded")),
    "version": ("json", envelope("intercom_version_invalid")),
    "closed job": ("json", envelope("forbidden")),
    "a job": ("json", {"type": "contacts.bulk.job", "id": "job_v2_1", "state": "running"}),
    "html": ("other", None),
    "empty": ("empty", None),
    "null": ("json", None),
    "an admin": ("json", {"type": "admin", "app": None}),
    "a list": ("json", {"type": "list", "data": []}),
    "a contact": ("json", {"type": "contact", "id": "6745"}),
    "an attribute": ("json", {"type": "data_attribute", "name": "plan"}),
    "other object": ("json", {"error": "Not Found"}),
    "other list": ("json", [{"code": "not_found"}]),
}
IN_ENVELOPE = ("envelope", "no code", "no error", "throttling", "version", "closed job")
REJECTING = (400, 404, 409, 410, 413, 422)
ABOUT_THE_WORKSPACE = (GetMe, ListDataAttributes, ListTags)
JOBS = (calls.CreateContactsInBulk, calls.UpdateContactsInBulk)
IN_BULK = (*JOBS, calls.GetBulkJob)

TABLE: tuple[tuple[str, Any, Verdict], ...] = (
    (
        "an event is taken",
        lambda s, b, c: s == 202 and c is PostEvent and b not in (*IN_ENVELOPE, "html"),
        Verdict.ANSWER,
    ),
    ("a job is taken", lambda s, b, c: s == 202 and c in JOBS and b == "a job", Verdict.ANSWER),
    ("what was asked for", lambda s, b, c: s == 200 and b in PROMISED.get(c, ()), Verdict.ANSWER),
    ("the quota", lambda s, b, _: s == 429 or b == "throttling", Verdict.THROTTLED),
    (
        "there is no bulk, or not in this job",
        lambda s, b, c: s in (400, 403) and c in IN_BULK and b in ("version", "closed job"),
        Verdict.ANSWER,
    ),
    ("the token is refused", lambda s, b, _: s == 401 and b != "html", Verdict.FATAL),
    ("a page of a load balancer", lambda s, b, _: s == 403 and b in ("html", "empty"), Verdict.RETRY),
    ("forbidden", lambda s, _, __: s == 403, Verdict.FATAL),
    ("the version", lambda _, b, __: b == "version", Verdict.FATAL),
    ("the subscription", lambda s, b, _: s == 402 and b in IN_ENVELOPE, Verdict.FATAL),
    (
        "the app itself",
        lambda s, b, c: s in REJECTING and b in IN_ENVELOPE and c in ABOUT_THE_WORKSPACE,
        Verdict.FATAL,
    ),
    ("the record is refused", lambda s, b, _: s in REJECTING and b in IN_ENVELOPE, Verdict.ANSWER),
    ("whatever else", lambda *_: True, Verdict.RETRY),
)
"""Section by section, the first row that holds decides: (what it is, when, what to do)."""

PROMISED: dict[type[Any], tuple[str, ...]] = {
    **{
        kind: ("a contact", "a job")
        for kind in ENDPOINTS
        if "/contacts" in kind.endpoint or "/companies" in kind.endpoint
    },
    **dict.fromkeys(JOBS, ()),
    calls.GetBulkJob: ("a job",),
    GetMe: ("an admin",),
    ListDataAttributes: ("a list",),
    ListTags: ("a list",),
    calls.ListContactTags: ("a list",),
    calls.TagContacts: ("a contact", "a job"),
    calls.SearchContacts: ("a list",),
    calls.ListContactCompanies: ("a list",),
    # By itself in old pages, in a list in the description.
    calls.FindCompany: ("a contact", "a list", "a job"),
    calls.CreateDataAttribute: ("an attribute",),
}
"""What each call is answered with, if all is well: a company or a tag is as good as a contact, an object with an id."""


@pytest.mark.parametrize("kind", ENDPOINTS, ids=lambda kind: kind.__name__)
def test_answer_when_any_status_meets_any_body_then_the_first_row_of_the_table_decides(kind: type[Any]) -> None:
    """Each status from 100 to 599, with each kind of body, to each call."""
    call, wrong = make_call(kind), []
    for status in range(100, 600):
        for name, (body_kind, body) in BODIES.items():
            expected = next(verdict for _, holds, verdict in TABLE if holds(status, name, kind))
            judgement = judge(call, Answer(status, body_kind, body))
            if judgement.verdict is not expected:
                wrong.append((status, name, expected, judgement))
            if judgement.verdict is not Verdict.ANSWER:
                assert f"status {status}" in judgement.why
    assert [] == wrong


def test_table_when_walked_then_each_of_its_rows_decides_something() -> None:
    """A row that never decides says nothing."""
    decided = {
        next(title for title, holds, _ in TABLE if holds(status, name, kind))
        for status in range(100, 600)
        for name in BODIES
        for kind in ENDPOINTS
    }
    assert {title for title, _, _ in TABLE} == decided


# ---------------------------------------------------------------- exceptions

EXCEPTIONS: dict[str, type[IntercomDestinationError]] = {
    "requests.exceptions.ChunkedEncodingError": MaybeSentError,
    "requests.exceptions.ConnectTimeout": NotSentError,
    "requests.exceptions.ConnectionError": MaybeSentError,
    "requests.exceptions.ContentDecodingError": MaybeSentError,
    "requests.exceptions.FileModeWarning": InternalError,
    "requests.exceptions.HTTPError": InternalError,
    "requests.exceptions.InvalidHeader": InternalError,
    "requests.exceptions.InvalidJSONError": InternalError,
    "requests.exceptions.InvalidProxyURL": InternalError,
    "requests.exceptions.InvalidSchema": InternalError,
    "requests.exceptions.InvalidURL": InternalError,
    "requests.exceptions.JSONDecodeError": InternalError,
    "requests.exceptions.MissingSchema": InternalError,
    "requests.exceptions.ProxyError": NotSentError,
    "requests.exceptions.ReadTimeout": MaybeSentError,
    "requests.exceptions.RequestException": InternalError,
    "requests.exceptions.RequestsDependencyWarning": InternalError,
    "requests.exceptions.RequestsWarning": InternalError,
    "requests.exceptions.RetryError": MaybeSentError,
    "requests.exceptions.SSLError": MaybeSentError,
    "requests.exceptions.StreamConsumedError": MaybeSentError,
    "requests.exceptions.Timeout": MaybeSentError,
    "requests.exceptions.TooManyRedirects": MaybeSentError,
    "requests.exceptions.URLRequired": InternalError,
    "requests.exceptions.UnrewindableBodyError": MaybeSentError,
    "urllib3.exceptions.BodyNotHttplibCompatible": MaybeSentError,
    "urllib3.exceptions.ClosedPoolError": MaybeSentError,
    "urllib3.exceptions.ConnectTimeoutError": MaybeSentError,
    "urllib3.exceptions.DecodeError": MaybeSentError,
    "urllib3.exceptions.DependencyWarning": InternalError,
    "urllib3.exceptions.EmptyPoolError": MaybeSentError,
    "urllib3.exceptions.FullPoolError": MaybeSentError,
    "urllib3.exceptions.HTTPError": MaybeSentError,
    "urllib3.exceptions.HTTPWarning": InternalError,
    "urllib3.exceptions.HeaderParsingError": MaybeSentError,
    "urllib3.exceptions.HostChangedError": MaybeSentError,
    "urllib3.exceptions.IncompleteRead": MaybeSentError,
    "urllib3.exceptions.InsecurePlatformWarning": InternalError,
    "urllib3.exceptions.InsecureRequestWarning": InternalError,
    "urllib3.exceptions.InvalidChunkLength": MaybeSentError,
    "urllib3.exceptions.InvalidHeader": MaybeSentError,
    "urllib3.exceptions.LocationParseError": MaybeSentError,
    "urllib3.exceptions.LocationValueError": MaybeSentError,
    "urllib3.exceptions.MaxRetryError": MaybeSentError,
    "urllib3.exceptions.NameResolutionError": NotSentError,
    "urllib3.exceptions.NewConnectionError": NotSentError,
    "urllib3.exceptions.NotOpenSSLWarning": InternalError,
    "urllib3.exceptions.PoolError": MaybeSentError,
    "urllib3.exceptions.ProtocolError": MaybeSentError,
    "urllib3.exceptions.ProxyError": MaybeSentError,
    "urllib3.exceptions.ProxySchemeUnknown": MaybeSentError,
    "urllib3.exceptions.ProxySchemeUnsupported": InternalError,
    "urllib3.exceptions.ReadTimeoutError": MaybeSentError,
    "urllib3.exceptions.RequestError": MaybeSentError,
    "urllib3.exceptions.ResponseError": MaybeSentError,
    "urllib3.exceptions.ResponseNotChunked": MaybeSentError,
    "urllib3.exceptions.SSLError": MaybeSentError,
    "urllib3.exceptions.SecurityWarning": InternalError,
    "urllib3.exceptions.SystemTimeWarning": InternalError,
    "urllib3.exceptions.TimeoutError": MaybeSentError,
    "urllib3.exceptions.TimeoutStateError": MaybeSentError,
    "urllib3.exceptions.URLSchemeUnknown": MaybeSentError,
    "urllib3.exceptions.UnrewindableBodyError": MaybeSentError,
    "http.client.BadStatusLine": MaybeSentError,
    "http.client.CannotSendHeader": MaybeSentError,
    "http.client.CannotSendRequest": MaybeSentError,
    "http.client.HTTPException": MaybeSentError,
    "http.client.ImproperConnectionState": MaybeSentError,
    "http.client.IncompleteRead": MaybeSentError,
    "http.client.InvalidURL": MaybeSentError,
    "http.client.LineTooLong": MaybeSentError,
    "http.client.NotConnected": MaybeSentError,
    "http.client.RemoteDisconnected": MaybeSentError,
    "http.client.ResponseNotReady": MaybeSentError,
    "http.client.UnimplementedFileMode": MaybeSentError,
    "http.client.UnknownProtocol": MaybeSentError,
    "http.client.UnknownTransferEncoding": MaybeSentError,
    "socket.gaierror": MaybeSentError,
    "socket.herror": MaybeSentError,
    "ssl.SSLCertVerificationError": UntrustedError,
    "ssl.SSLEOFError": MaybeSentError,
    "ssl.SSLError": MaybeSentError,
    "ssl.SSLSyscallError": MaybeSentError,
    "ssl.SSLWantReadError": MaybeSentError,
    "ssl.SSLWantWriteError": MaybeSentError,
    "ssl.SSLZeroReturnError": MaybeSentError,
    "builtins.BlockingIOError": MaybeSentError,
    "builtins.BrokenPipeError": MaybeSentError,
    "builtins.ConnectionAbortedError": MaybeSentError,
    "builtins.ConnectionError": MaybeSentError,
    "builtins.ConnectionRefusedError": MaybeSentError,
    "builtins.ConnectionResetError": MaybeSentError,
    "builtins.InterruptedError": MaybeSentError,
    "builtins.OSError": MaybeSentError,
    "builtins.TimeoutError": MaybeSentError,
    "builtins.MemoryError": InternalError,
    "builtins.RecursionError": InternalError,
    "builtins.UnicodeEncodeError": InternalError,
    "builtins.ValueError": InternalError,
}
"""What becomes of each class: surely not sent, perhaps processed, or a bug of ours (a warning is none that comes up)."""

ALIASES = {
    "requests.exceptions.BaseHTTPError",
    "requests.exceptions.CompatJSONDecodeError",
    "urllib3.exceptions.ConnectionError",
    "urllib3.exceptions.MessageDefect",
    "urllib3.exceptions.httplib_IncompleteRead",
    "http.client.error",
    "socket.error",
    "socket.timeout",
    "ssl.CertificateError",
    "ssl.socket_error",
}
"""Other names, in these modules, of what is in the table or is no error."""


def _found(module: ModuleType) -> Iterator[str]:
    for name, each in inspect.getmembers(module, inspect.isclass):
        if issubclass(each, Exception) and not name.startswith("_"):
            yield f"{module.__name__}.{name}"


def test_exceptions_when_the_libraries_are_walked_then_each_class_is_in_the_table() -> None:
    """What a release brings anew is unknown until its row is written."""
    modules = (requests.exceptions, urllib3.exceptions, http.client, socket, ssl)
    found = {name for module in modules for name in _found(module)} - ALIASES
    assert found == {name for name in EXCEPTIONS if not name.startswith("builtins.")}


SECRET = "canary@example.com Bearer dG9rOmNhbmFyeQ"


def make_error(name: str) -> Exception:
    """Make an exception of a class, whatever it wants to be told; its text is what must not be told."""
    module, _, short = name.rpartition(".")
    kind = getattr(MODULES[module], short)
    error: Exception = (
        UnicodeEncodeError("latin-1", SECRET, 0, 1, SECRET) if kind is UnicodeEncodeError else kind.__new__(kind)
    )
    if kind is not UnicodeEncodeError:
        error.args = (SECRET,)
    if isinstance(error, ssl.SSLCertVerificationError):
        error.verify_code = 20
    return error


MODULES = {
    each.__name__: each for each in (builtins, requests.exceptions, urllib3.exceptions, http.client, socket, ssl)
}


class Body:
    """A body whose reading fails."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def stream(self, *_arguments: Any, **_more: Any) -> Iterator[bytes]:
        yield b"{"
        raise self._error

    def close(self) -> None:
        """Nothing is open."""

    release_conn = close


class Failing(BaseAdapter):
    """Fails when the request is made, or when the answer's body is read."""

    def __init__(self, error: Exception, *, late: bool) -> None:
        super().__init__()
        self._error, self._late = error, late

    def send(self, request: requests.PreparedRequest, *_arguments: Any, **_more: Any) -> requests.Response:
        if not self._late:
            raise self._error
        response = requests.Response()
        response.status_code, response.raw, response.request = 200, Body(self._error), request
        response.url = request.url or ""
        return response

    def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize("late", [False, True], ids=["in the request", "in the body"])
@pytest.mark.parametrize("name", EXCEPTIONS)
def test_exception_when_a_lower_layer_raises_it_then_it_becomes_the_tables_and_tells_nothing(
    name: str, late: bool
) -> None:
    """None comes up as it is, none is chained, and no text of it is kept: it may quote the request."""
    transport = Failing(make_error(name), late=late)
    client = Client("https://intercom.test", "t", now=lambda: 0.0, wall=lambda: 0.0, transport=transport)
    with pytest.raises(IntercomDestinationError) as caught:
        client.attempt(PostEvent({"email": SECRET}))
    assert EXCEPTIONS[name] is type(caught.value)
    assert (True, None) == (caught.value.__suppress_context__, caught.value.__cause__)
    for word in SECRET.split():
        assert word not in repr(caught.value) + str(caught.value) + caught.value.message
    if isinstance(caught.value, AttemptError):
        assert Verdict.RETRY is judge(PostEvent({}), caught.value).verdict


# ---------------------------------------------------------------- Intercom's codes

CODES: dict[str, dict[int, Verdict]] = {
    "unauthorized": {401: Verdict.FATAL},
    "token_unauthorized": {401: Verdict.FATAL},
    "token_not_found": {401: Verdict.FATAL},
    "token_revoked": {401: Verdict.FATAL},
    "token_expired": {401: Verdict.FATAL},
    "token_suspended": {401: Verdict.FATAL},
    "token_blocked": {401: Verdict.FATAL},
    "api_plan_restricted": {403: Verdict.FATAL, 402: Verdict.FATAL},
    "media_type_not_acceptable": {406: Verdict.RETRY},
    "request_timeout": {408: Verdict.RETRY},
    "rate_limit_exceeded": {429: Verdict.THROTTLED},
    "too_many_requests": {429: Verdict.THROTTLED},
    "server_error": dict.fromkeys((500, 502, 503, 504), Verdict.RETRY),
    "service_unavailable": dict.fromkeys((500, 502, 503, 504), Verdict.RETRY),
    "conflict": {409: Verdict.ANSWER, 400: Verdict.ANSWER},
    "parameter_invalid": {400: Verdict.ANSWER, 422: Verdict.ANSWER},
    "client_error": {400: Verdict.ANSWER},
    "not_found": {404: Verdict.ANSWER},
    "company_not_found": {404: Verdict.ANSWER},
    "parameter_not_found": {400: Verdict.ANSWER},
    "contact_company_limit_exceeded": {400: Verdict.ANSWER},
    "unique_company_constraint": {400: Verdict.ANSWER},
    "contact_merged": {410: Verdict.ANSWER},
    "bad_request": {400: Verdict.ANSWER},
    "invalid_field": {400: Verdict.ANSWER},
    "invalid_sort_order": {400: Verdict.ANSWER},
    "422": {422: Verdict.ANSWER},
    "intercom_version_invalid": {400: Verdict.FATAL},
    # To a bulk call these two are an answer: see the first table.
    "forbidden": {403: Verdict.FATAL},
    "job_not_found": {404: Verdict.ANSWER},
    "type_mismatch": {422: Verdict.ANSWER},
    "field_not_found": {422: Verdict.ANSWER},
}
"""What each code means at the statuses that it comes with."""


@pytest.mark.parametrize(("code", "status"), [(code, status) for code, rows in CODES.items() for status in rows])
def test_code_when_intercom_answers_with_it_then_it_is_the_tables(code: str, status: int) -> None:
    """The log line names status and code."""
    judgement = judge(PostEvent({}), Answer(status, "json", envelope(code)))
    assert (CODES[code][status], f"status {status}, code {code}") == (judgement.verdict, judgement.why)


def test_codes_when_one_of_our_endpoints_may_answer_it_then_the_table_says_what_it_means_and_of_no_other() -> None:
    """What is known of Intercom has been thought about, and what is not known is not made up."""
    known = {(each.code, each.status) for each in KNOWN_CODES}
    assert known == {(code, status) for code, verdicts in CODES.items() for status in verdicts}
