"""The client: one request per call, exactly as described, and nothing of it in any error."""

import contextlib
import inspect
import io
import itertools
import json
import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import requests
import requests_mock
import urllib3.exceptions
from hypothesis import given, strategies as st
from requests.adapters import BaseAdapter

from destination_intercom.errors import AttemptError, ConfigurationError, InternalError, MaybeSentError, NotSentError
from destination_intercom.intercom.answers import Answer, RateHeaders, server_time
from destination_intercom.intercom.calls import (
    AttachCompany,
    Call,
    CreateContact,
    CreateContactsInBulk,
    CreateLead,
    FindByExternalId,
    FindCompany,
    GetBulkJob,
    GetContact,
    GetMe,
    ListContactCompanies,
    ListContactTags,
    ListDataAttributes,
    ListTags,
    PostEvent,
    SearchContacts,
    TagContacts,
    UntagContact,
    UpdateCompany,
    UpdateContact,
    UpdateContactsInBulk,
    UpsertCompany,
)
from destination_intercom.intercom.client import LARGEST_BODY, Client

BASE = "https://intercom.test"
TOKEN = "dG9rOmNhbmFyeQ=="
WALL = 1_700_000_000.0
CANARY = "canary@example.com"


def _client(transport: BaseAdapter | None = None, base: str = BASE) -> Client:
    return Client(base, TOKEN, now=lambda: 0.0, wall=lambda: WALL, transport=transport)


@contextmanager
def _mocked() -> Iterator[tuple[Client, requests_mock.Adapter]]:
    client, adapter = _client(), requests_mock.Adapter()
    client._session.mount("https://", adapter)
    yield client, adapter
    client.close()


def _ask(call: Call, **response: Any) -> tuple[Answer, list[Any]]:
    """Return the answer to `call`, and the requests that were made for it."""
    with _mocked() as (client, adapter):
        adapter.register_uri(requests_mock.ANY, requests_mock.ANY, **response)
        return client.attempt(call), adapter.request_history


BIG = 10**25
CALLS: list[tuple[Call, str, str, Any]] = [
    (GetMe(), "GET", "/me", None),
    (ListDataAttributes(), "GET", "/data_attributes?model=contact&include_archived=true", None),
    (ListDataAttributes("company"), "GET", "/data_attributes?model=company&include_archived=true", None),
    (UpsertCompany({"company_id": "a"}), "POST", "/companies", {"company_id": "a"}),
    (UpdateCompany({"company_id": "a"}, "6745"), "POST", "/companies", {"company_id": "a"}),
    (FindCompany("a&b=c/é"), "GET", "/companies?company_id=a%26b%3Dc%2F%C3%A9", None),
    (AttachCompany("67/45", "5da6"), "POST", "/contacts/67%2F45/companies", {"id": "5da6"}),
    (ListContactCompanies("67/45"), "GET", "/contacts/67%2F45/companies", None),
    (ListContactCompanies("6745", 2), "GET", "/contacts/6745/companies?page=2", None),
    (ListTags(), "GET", "/tags", None),
    (ListContactTags("67/45"), "GET", "/contacts/67%2F45/tags", None),
    (TagContacts("Ада", ("1", "2")), "POST", "/tags", {"name": "Ада", "users": [{"id": "1"}, {"id": "2"}]}),
    (TagContacts("a"), "POST", "/tags", {"name": "a"}),
    (UntagContact("67/45", "7/9"), "DELETE", "/contacts/67%2F45/tags/7%2F9", None),
    (CreateContact({"external_id": "42", "n": BIG}), "POST", "/contacts", {"external_id": "42", "n": BIG}),
    (CreateLead({"role": "lead", "email": "a@b"}), "POST", "/contacts", {"role": "lead", "email": "a@b"}),
    (UpdateContact("6745", {"name": "Ада"}), "PUT", "/contacts/6745", {"name": "Ада"}),
    (UpdateContact("a/b?c", {}), "PUT", "/contacts/a%2Fb%3Fc", {}),
    (GetContact("a/../b#c"), "GET", "/contacts/a%2F..%2Fb%23c", None),
    (FindByExternalId("x/é %41"), "GET", "/contacts/find_by_external_id/x%2F%C3%A9%20%2541", None),
    (FindByExternalId("half \ud83d"), "GET", "/contacts/find_by_external_id/half%20%ED%A0%BD", None),
    (SearchContacts({"query": {}}), "POST", "/contacts/search", {"query": {}}),
    (PostEvent({"metadata": {"n": -BIG, "t": "\ud83d"}}), "POST", "/events", {"metadata": {"n": -BIG, "t": "\ud83d"}}),
]


@pytest.mark.parametrize(("call", "method", "path", "body"), CALLS)
def test_call_when_attempted_then_it_is_one_request_as_described(call: Call, method: str, path: str, body: Any) -> None:
    """Method, path, body, headers and timeouts, once."""
    _, [request] = _ask(call, json={})
    assert (method, BASE + path) == (request.method, request.url)
    assert body == (None if request.body is None else json.loads(request.body))
    names = ("Authorization", "Intercom-Version", "Accept", "Content-Type")
    expected = (f"Bearer {TOKEN}", "2.16", "application/json", "application/json")
    assert expected == tuple(request.headers[name] for name in names)
    assert (10.0, 30.0) == request.timeout


@pytest.mark.parametrize(
    "call",
    [
        CreateContactsInBulk(({"external_id": "1"},)),
        UpdateContactsInBulk(({"id": "1"},)),
        GetBulkJob("job_v2_1"),
    ],
    ids=lambda call: call.endpoint,
)
@pytest.mark.parametrize("version", ["2.17", "Preview"])
def test_call_when_it_is_of_another_version_then_says_so_and_no_other_call_does(call: Any, version: str) -> None:
    """Bulk is in newer versions only; what all others know of is not."""
    _, [request] = _ask(replace(call, api=version), json={})
    assert version == request.headers["Intercom-Version"]
    _, [request] = _ask(GetMe(), json={})
    assert "2.16" == request.headers["Intercom-Version"]


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("https://proxy.test/intercom", "https://proxy.test/intercom/me"),
        ("https://proxy.test/é", "https://proxy.test/%C3%A9/me"),
        ("https://é.test", "https://xn--9ca.test/me"),
    ],
)
def test_address_when_it_is_prepared_for_all_calls_then_it_is_as_http_wants_it(base: str, url: str) -> None:
    """What is no ASCII is written as such, and a proxy may have a path of its own."""
    transport = _Transport(io.BytesIO(b"{}"))
    _client(transport, base).attempt(GetMe())
    assert [url] == transport.urls


@pytest.mark.parametrize("base", ["https://*.example.com", "https://.example.com"])
def test_address_when_no_host_has_such_a_name_then_the_configuration_is_at_fault(base: str) -> None:
    """It is no bug of ours, and no call can be made."""
    with pytest.raises(ConfigurationError, match=r"^api_base_url is not an address that can be called: correct it\.$"):
        _client(base=base)


def test_call_when_others_were_made_before_then_nothing_of_them_is_left_in_it() -> None:
    """What all requests have in common is prepared once: neither a body nor a cookie is."""
    with _mocked() as (client, adapter):
        adapter.register_uri(requests_mock.ANY, requests_mock.ANY, json={}, headers={"Set-Cookie": "a=b"})
        for call in (
            PostEvent({"event_name": "a"}),
            GetMe(),
            PostEvent({"event_name": "longer"}),
            UntagContact("1", "2"),
        ):
            client.attempt(call)
        sent = [
            (each.body, each.headers.get("Content-Length"), "Cookie" in each.headers)
            for each in adapter.request_history
        ]
    first, second = b'{"event_name":"a"}', b'{"event_name":"longer"}'
    bodies = (first, "18", False), (None, None, False), (second, "23", False), (None, "0", False)
    assert list(bodies) == sent


def test_token_when_a_netrc_knows_the_host_then_it_is_not_replaced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without an auth object of its own, requests would send the .netrc's password instead."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine intercom.test login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    assert requests.utils.get_netrc_auth(BASE) == ("someone", "else")
    _, [request] = _ask(GetMe(), json={})
    assert f"Bearer {TOKEN}" == request.headers["Authorization"]


@pytest.mark.parametrize("location", [BASE + "/elsewhere", "/elsewhere", "http://[", "\xff\xfe", ""])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_when_answered_then_it_is_an_answer_and_not_followed(status: int, location: str) -> None:
    """A redirect is judged as it is, whatever it points to."""
    answer, sent = _ask(GetMe(), status_code=status, headers={"Location": location})
    assert (status, 1) == (answer.status, len(sent))


@pytest.mark.parametrize(
    "shown",
    [
        repr,
        str,
        lambda client: repr(vars(client)),
        lambda client: repr(client._session.auth),
        lambda client: repr(client._blank),
    ],
)
def test_client_when_shown_then_its_token_is_not(shown: Any) -> None:
    """A client may stand in a traceback."""
    assert TOKEN not in shown(_client())


# ---------------------------------------------------------------- answers


@pytest.mark.parametrize(
    ("content", "kind", "body"),
    [
        (b"", "empty", None),
        (b" \n", "empty", None),
        (b"null", "json", None),
        (b'{"a":1}', "json", {"a": 1}),
        (b'{"name":"half \\ud83d"}', "json", {"name": "half \ud83d"}),
        (b"<html>", "other", None),
        (b'{"a":', "other", None),
        (b'{"a":NaN}', "other", None),
        (b"\xff\xfe", "other", None),
        (b"[" * 100_000, "other", None),
    ],
)
def test_body_when_it_comes_then_its_kind_is_told(content: bytes, kind: str, body: Any) -> None:
    """JSON, nothing, or something else."""
    answer, _ = _ask(GetMe(), content=content)
    assert (kind, body) == (answer.kind, answer.body)


_RATE = {"X-RateLimit-Limit": "167", "X-RateLimit-Remaining": "12", "X-RateLimit-Reset": "1487332520"}
_DATE = {"Date": "Fri, 17 Feb 2017 11:55:10 GMT"}  # 1487332510


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (_RATE | _DATE, RateHeaders(167, 12, 1487332520.0, 10.0)),
        (_RATE, RateHeaders(167, 12, 1487332520.0, 1487332520 - WALL)),
        (_RATE | {"Date": "yesterday"}, RateHeaders(167, 12, 1487332520.0, 1487332520 - WALL)),
        (_RATE | {"Date": "Fri, 17 Feb 99999 11:55:10 GMT"}, RateHeaders(167, 12, 1487332520.0, 1487332520 - WALL)),
        (_RATE | _DATE | {"X-RateLimit-Remaining": "-3"}, RateHeaders(167, 0, 1487332520.0, 10.0)),
        (_RATE | _DATE | {"X-RateLimit-Limit": "0"}, None),
        (_RATE | _DATE | {"X-RateLimit-Limit": "many"}, None),
        (_RATE | _DATE | {"X-RateLimit-Reset": ""}, None),
        (_RATE | _DATE | {"X-RateLimit-Reset": "9" * 5000}, None),
        ({name: value for name, value in _RATE.items() if "Remaining" not in name}, None),
        (_DATE, None),
    ],
)
def test_rate_when_headers_come_then_the_reset_is_by_intercoms_own_clock(
    headers: dict[str, str], expected: RateHeaders | None
) -> None:
    """`Date` and the reset are told by one clock; ours serves only where there is no date."""
    answer, _ = _ask(GetMe(), json={}, headers=headers)
    assert expected == answer.rate


@given(
    date=st.text(max_size=40)
    | st.from_regex(r"[A-Z][a-z]{2}, \d{1,3} [A-Z][a-z]{2} \d{1,6} \d{1,3}:\d{1,3}:\d{1,3} \S{0,6}")
)
def test_date_when_it_is_any_text_then_it_is_a_time(date: str) -> None:
    """A malformed date must not end a sync."""
    assert isinstance(server_time(date, lambda: WALL), float)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("Fri, 17 Feb 2017 11:55:10 GMT", None),
        ("", None),
    ],
)
def test_retry_after_when_it_is_seconds_then_it_is_read(text: str, expected: float | None) -> None:
    """A date would need a clock that both agree on."""
    answer, _ = _ask(GetMe(), json={}, headers={"Retry-After": text})
    assert expected == answer.retry_after


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ('</contacts/6745a0>; rel="canonical"', "6745a0"),
        ("</contacts/6745a0>;rel=canonical", "6745a0"),
        ('</contacts/1>; rel="next", </contacts/2>; rel="canonical"', "2"),
        ('</contacts/1>; rel="next"', None),
        ('</contacts/../admins>; rel="canonical"', None),
        ("", None),
    ],
)
def test_link_when_a_contact_was_merged_then_the_canonical_id_is_read(link: str, expected: str | None) -> None:
    """The 410 of a merged contact points to the one that lives on."""
    answer, _ = _ask(GetContact("1"), status_code=410, json={}, headers={"Link": link})
    assert expected == answer.canonical_id


@pytest.mark.parametrize(
    ("header", "expected"), [("000abc-1._", "000abc-1._"), ("ada lovelace", None), ("x" * 65, None)]
)
def test_request_id_when_it_looks_like_one_then_it_is_kept(header: str, expected: str | None) -> None:
    """It reaches the log."""
    answer, _ = _ask(GetMe(), json={}, headers={"X-Request-Id": header})
    assert expected == answer.request_id


class _Endless:
    """A body that counts what is read of it, and never ends."""

    def __init__(self) -> None:
        self.given = 0
        self.closed = False

    def stream(self, size: int, decode_content: bool) -> Iterator[bytes]:
        while True:
            self.given += size
            yield b"x" * size

    def close(self) -> None:
        self.closed = True

    def release_conn(self) -> None:
        self.closed = True


class _Transport(BaseAdapter):
    """Answers as scripted: raises, or gives a body."""

    def __init__(self, result: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        super().__init__()
        self.result, self.status, self.headers = result, status, headers or {}
        self.sent = 0
        self.urls: list[str | None] = []

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        self.sent += 1
        self.urls.append(request.url)
        if isinstance(self.result, Exception):
            raise self.result
        response = requests.Response()
        response.status_code, response.raw, response.request = self.status, self.result, request
        response.url = request.url or ""
        response.headers.update(self.headers)
        return response

    def close(self) -> None:
        pass


@pytest.mark.parametrize(("status", "headers"), [(200, {}), (302, {"Location": "/elsewhere"})])
def test_body_when_it_is_larger_than_any_of_intercoms_then_it_is_not_read_to_its_end(
    status: int, headers: dict[str, str]
) -> None:
    """Memory stays flat, and the connection is closed."""
    body = _Endless()
    with pytest.raises(MaybeSentError, match="too large"):
        _client(_Transport(body, status, headers)).attempt(GetMe())
    assert (True, True) == (LARGEST_BODY < body.given <= LARGEST_BODY + 2 * 65536, body.closed)


# ---------------------------------------------------------------- errors


def _kinds(module: Any, root: type[Exception]) -> list[type[Exception]]:
    return [each for _, each in inspect.getmembers(module, inspect.isclass) if issubclass(each, root)]


def _make(kind: type[Exception]) -> Exception:
    """Make an exception of any class, full of what must not be told."""
    error = kind.__new__(kind)
    error.args = (f"{CANARY} Bearer {TOKEN}",)
    return error


class _Failing(_Endless):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def stream(self, size: int, decode_content: bool) -> Iterator[bytes]:
        yield from ()
        raise self.error


ERRORS = [
    *_kinds(requests.exceptions, requests.RequestException),
    *_kinds(urllib3.exceptions, urllib3.exceptions.HTTPError),
    OSError,
    ConnectionResetError,
    BrokenPipeError,
    TimeoutError,
    ssl.SSLError,
    ValueError,
    UnicodeEncodeError,
]


@pytest.mark.parametrize("where", ["in the request", "in the body"])
@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_error_when_a_lower_layer_raises_any_then_it_becomes_ours_and_tells_nothing(
    kind: type[Exception], where: str
) -> None:
    """Every class of requests and urllib3, wherever it comes up; the text holds nothing of the request."""
    error = _make(kind)
    transport = _Transport(error if where == "in the request" else _Failing(error))
    with pytest.raises((AttemptError, InternalError)) as caught:
        _client(transport).attempt(PostEvent({"email": CANARY}))
    assert 1 == transport.sent
    assert (False, False) == (CANARY in str(caught.value), TOKEN in str(caught.value))
    assert (True, None) == (caught.value.__suppress_context__, caught.value.__cause__)


_PROBLEMS_OF_THE_NETWORK = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
    urllib3.exceptions.HTTPError,
    ConnectionError,
    TimeoutError,
)


@pytest.mark.parametrize("kind", [kind for kind in ERRORS if issubclass(kind, _PROBLEMS_OF_THE_NETWORK)])
def test_error_when_the_network_is_at_fault_then_it_can_be_tried_again(kind: type[Exception]) -> None:
    """Only what is no trouble of the network may be a bug of ours."""
    with pytest.raises(AttemptError) as caught:
        _client(_Transport(_make(kind))).attempt(GetMe())
    never = (requests.ConnectTimeout, requests.exceptions.ProxyError, urllib3.exceptions.NewConnectionError)
    assert (NotSentError if issubclass(kind, never) else MaybeSentError) is type(caught.value)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        (
            urllib3.exceptions.NameResolutionError("canary", cast("Any", None), socket.gaierror("canary")),
            "no address found for intercom.test",
        ),
        (urllib3.exceptions.NewConnectionError(cast("Any", None), "canary"), "intercom.test accepts no connection"),
    ],
)
def test_attempt_without_a_connection_tells_the_host_and_what_failed(reason: Exception, kind: str) -> None:
    """Its name, the connection or its certificate: each has a cure of its own."""
    wrapped = urllib3.exceptions.MaxRetryError(cast("Any", None), "https://canary", reason)
    for wrap, told in (
        (requests.ConnectionError, kind),
        (requests.exceptions.ProxyError, kind.replace("intercom", "the proxy before intercom")),
    ):
        with pytest.raises(NotSentError) as caught:
            _client(_Transport(wrap(wrapped))).attempt(GetMe())
        assert told == caught.value.kind


@contextmanager
def _server(*answer: bytes) -> Iterator[str]:
    """Answer one connection on loopback with bytes of any kind, then close it."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                for piece in answer:
                    connection.sendall(piece)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join(5)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a"',
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
        b"HTTP/1.1 2",
        b"no HTTP at all\r\n\r\n",
        b"",
    ],
)
def test_answer_when_it_is_truncated_then_the_request_may_have_been_processed(answer: bytes) -> None:
    """Half an answer is none, and no proof that nothing happened."""
    with _server(answer) as base, pytest.raises(MaybeSentError):
        _client(base=base).attempt(PostEvent({"email": CANARY}))


def test_answer_when_it_is_whole_then_it_is_read_from_a_real_socket() -> None:
    """The server of the test above is one that the client can talk to."""
    with _server(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n") as base:
        answer = _client(base=base).attempt(PostEvent({}))
    assert (202, "empty") == (answer.status, answer.kind)


def test_client_when_it_is_closed_then_its_connections_are_and_a_later_call_makes_one() -> None:
    """urllib3 closes those of a pool that nobody holds any more, and only those."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = _client(base=f"http://127.0.0.1:{server.getsockname()[1]}")
        for _ in range(2):
            attempt = threading.Thread(target=client.attempt, args=(GetMe(),))
            attempt.start()
            connection, _ = server.accept()
            with connection:
                connection.settimeout(5)
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                attempt.join(5)
                client.close()
                assert b"" == connection.recv(1)


@pytest.mark.parametrize(("seconds", "taken"), [(59.0, True), (60.0, False)])
def test_answer_when_it_takes_long_then_a_minute_is_the_limit_and_no_less(seconds: float, taken: bool) -> None:
    """From the end of the request to the end of the answer, in however many pieces that comes."""
    moments = itertools.chain([1000.0], itertools.repeat(1000.0 + seconds))
    with _server(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n") as base:
        client = Client(base, TOKEN, now=lambda: next(moments), wall=lambda: WALL)
        if taken:
            assert 202 == client.attempt(PostEvent({})).status
        else:
            with pytest.raises(MaybeSentError, match="timeout"):
                client.attempt(PostEvent({}))


class _Listener(logging.Handler):
    """Keeps what a logger hands it."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def test_answer_when_it_is_odd_then_the_root_logger_does_not_hear_of_it() -> None:
    """urllib3 warns of such headers with the URL, which may hold an identity."""
    odd = b"HTTP/1.1 200 OK\r\nno header at all\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
    heard = {name: _Listener() for name in ("urllib3", "root")}
    with contextlib.ExitStack() as stack:
        for name, listener in heard.items():
            logger = logging.getLogger(name)
            logger.addHandler(listener)
            stack.callback(logger.removeHandler, listener)
        base = stack.enter_context(_server(odd))
        with contextlib.suppress(AttemptError):
            _client(base=base).attempt(FindByExternalId(CANARY))
    assert any(record.levelno >= logging.WARNING for record in heard["urllib3"].records)
    assert [] == heard["root"].records


def test_silence_when_it_lasts_then_the_attempt_ends_after_the_time_that_was_set() -> None:
    """The same bound holds for connecting, where it is the smaller one."""
    transport = _Noting()
    for seconds in (3.0, 60.0):
        Client(BASE, TOKEN, now=lambda: 0.0, wall=lambda: WALL, read_timeout=seconds, transport=transport).attempt(
            GetMe()
        )
    _client(transport).attempt(GetMe())
    assert [(3.0, 3.0), (10.0, 60.0), (10.0, 30.0)] == transport.timeouts


class _Noting(_Transport):
    """Notes the time-outs that it is given."""

    def __init__(self) -> None:
        super().__init__(None)
        self.timeouts: list[Any] = []

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        self.timeouts.append(kwargs["timeout"])
        self.result = urllib3.HTTPResponse(io.BytesIO(b"{}"), preload_content=False)
        return super().send(request, *args, **kwargs)


def test_connection_when_it_is_refused_then_the_request_was_surely_not_sent() -> None:
    """Nobody listens there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        base = f"http://127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(NotSentError):
        _client(base=base).attempt(GetMe())


def test_address_when_there_is_none_then_the_request_was_surely_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that does not resolve."""

    def fail(*_args: Any, **_kwargs: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(NotSentError):
        _client(base="http://nowhere.invalid").attempt(GetMe())


def test_token_when_no_header_can_hold_it_then_the_error_does_not_tell_it() -> None:
    """http.client puts the header that it refuses into its message."""
    with _server(b"") as base:
        client = Client(base, "canary\r\nX: y", now=lambda: 0.0, wall=lambda: WALL)
        with pytest.raises(InternalError) as caught:
            client.attempt(GetMe())
        socket.create_connection(("127.0.0.1", int(base.rsplit(":", 1)[1]))).close()
    assert "canary" not in str(caught.value)


def test_payload_when_it_is_no_json_then_it_is_a_bug_that_tells_nothing() -> None:
    """An infinite number beside a text that orjson refuses."""
    transport = _Transport(_Endless())
    with pytest.raises(InternalError) as caught:
        _client(transport).attempt(PostEvent({CANARY: float("inf"), "n": BIG}))
    assert (False, 0) == (CANARY in str(caught.value), transport.sent)
