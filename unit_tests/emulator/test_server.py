"""The HTTP shell, over real sockets of the loopback interface, and the emulator as a process."""

import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import Any
from urllib.parse import urlsplit

import pytest

from intercom_emulator import Intercom, Server, Settings

SOURCE = pathlib.Path(__file__).resolve().parents[2] / "destination-intercom"
HEADERS = {"Authorization": "Bearer test-token", "Content-Type": "application/json"}


@pytest.fixture(name="server")
def _server() -> Iterator[Server]:
    with Server(Intercom(Settings())) as server:
        yield server


def _connect(url: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)


@contextlib.contextmanager
def _socket(url: str) -> Iterator[socket.socket]:
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
        yield connection


def _ask(url: str, method: str, path: str, body: object = None) -> tuple[int, Any]:
    with contextlib.closing(_connect(url)) as connection:
        connection.request(method, path, None if body is None else json.dumps(body), HEADERS)
        answer = connection.getresponse()
        raw = answer.read()
        return answer.status, json.loads(raw) if raw else None


def _all(connection: socket.socket) -> bytes:
    """Return what comes until the other side closes."""
    received = b""
    while chunk := connection.recv(65_536):
        received += chunk
    return received


def test_connection_when_kept_alive_then_serves_many_requests(server: Server) -> None:
    """HTTP/1.1 keeps a connection open, over answers with and without a body."""
    with contextlib.closing(_connect(server.url)) as connection:
        statuses = []
        for method, path, body in (
            ("POST", "/contacts", '{"external_id": "42"}'),
            ("POST", "/events", '{"event_name": "e", "user_id": "42", "created_at": 5}'),
            ("GET", "/me", None),
        ):
            connection.request(method, path, body, HEADERS)
            own = connection.sock
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
            assert own is connection.sock
    assert statuses == [200, 202, 200]


def test_requests_when_pipelined_and_split_then_are_answered_in_order(server: Server) -> None:
    """A request may arrive in pieces, and the next one behind it."""
    request = b"GET /me HTTP/1.1\r\nX-Any: x\r\nAuthorization: Bearer test-token\r\n\r\n"
    last = request.replace(b"X-Any: x", b"Connection: close")
    with _socket(server.url) as connection:
        for piece in (request[:10], request[10:] + request[:30], request[30:] + last):
            connection.sendall(piece)
        assert 3 == _all(connection).count(b"HTTP/1.1 200 OK")


def test_body_when_chunked_then_is_read(server: Server) -> None:
    """A client may send chunks, with trailers, and ask before it sends."""
    with _socket(server.url) as connection:
        connection.sendall(
            b"POST /contacts HTTP/1.1\r\nAuthorization: Bearer test-token\r\nContent-Type: application/json\r\n"
            b"Expect: 100-continue\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
            b'8\r\n{"email"\r\n0B;x=y\r\n: "a@b.co"}\r\n0\r\nTrailer: 1\r\n\r\n'
        )
        answer = _all(connection)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")
    assert b'"email":"a@b.co"' in answer


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /me HTTP/2\r\n\r\n", 400),
        (b"GET /me HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET /me HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (b"GET /me HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"GET /me HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"GET /me HTTP/1.1\r\nX: " + b"x" * 70_000, 431),
    ],
    ids=lambda each: str(each)[:40],
)
def test_request_when_unreadable_then_refused_and_closed(server: Server, raw: bytes, status: int) -> None:
    """What is no HTTP/1.1, or too large, ends the connection with a status."""
    with _socket(server.url) as connection:
        connection.sendall(raw)
        assert f"HTTP/1.1 {status} ".encode() == _all(connection)[:13]


@pytest.mark.parametrize("kind", ["reset_before", "reset_after"])
def test_reset_when_scripted_then_the_client_sees_a_reset(server: Server, kind: str) -> None:
    """The connection ends with RST, not in peace."""
    assert _ask(server.url, "POST", "/_emulator/faults", [{"endpoint": "*", "kind": kind}])[0] == 200
    with pytest.raises(ConnectionResetError):
        _ask(server.url, "GET", "/me")


@pytest.mark.parametrize(
    ("path", "body"), [("/me", None), ("/events", {"event_name": "e", "user_id": "42", "created_at": 5})]
)
def test_truncate_when_scripted_then_the_answer_ends_half_way(server: Server, path: str, body: object) -> None:
    """Content-Length promises the whole body, half of it comes; where there is no body, half of the status line."""
    _ask(server.url, "POST", "/_emulator/seed", {"contacts": [{"external_id": "42"}]})
    _ask(server.url, "POST", "/_emulator/faults", [{"endpoint": "*", "kind": "truncate"}])
    with pytest.raises((http.client.IncompleteRead, http.client.BadStatusLine)) as caught:
        _ask(server.url, "POST" if body else "GET", path, body)
    if isinstance(caught.value, http.client.IncompleteRead):
        assert caught.value.expected in (len(caught.value.partial), len(caught.value.partial) + 1)


def test_stall_when_scripted_then_nothing_comes_until_the_server_stops(server: Server) -> None:
    """A stalled call stays open and unanswered; stopping the server ends it."""
    _ask(server.url, "POST", "/_emulator/faults", [{"endpoint": "GET /me", "kind": "stall"}])
    with _socket(server.url) as connection:
        connection.sendall(b"GET /me HTTP/1.1\r\nAuthorization: Bearer test-token\r\n\r\n")
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        server.stop()
        connection.settimeout(10)
        assert b"" == connection.recv(1)


def test_latency_when_set_then_the_answer_waits(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The transport waits as long as the answer says, and not for control calls."""
    waits: list[float] = []
    monkeypatch.setattr(server._stopping, "wait", waits.append)
    _ask(server.url, "POST", "/_emulator/settings", {"latency": 0.25})
    assert _ask(server.url, "GET", "/me")[0] == 200
    assert waits == [0.25]


def test_control_when_used_then_brings_about_and_shows_situations(server: Server) -> None:
    """Seed, merge, settings, faults, state, exchanges and reset, without a token and uncounted."""
    contacts = [{"id": "a", "external_id": "1"}, {"id": "b", "external_id": "2"}]
    assert _ask(server.url, "POST", "/_emulator/seed", {"contacts": contacts}) == (200, {"done": True})
    assert _ask(server.url, "POST", "/_emulator/merge", {"from": "a", "into": "b"}) == (200, {"done": True})
    assert _ask(server.url, "POST", "/_emulator/settings", {"limit": 7}) == (200, {"done": True})
    assert _ask(server.url, "GET", "/contacts/a")[0] == 410
    state = _ask(server.url, "GET", "/_emulator/state")[1]
    assert (state["calls"], state["statuses"]) == ({"GET /contacts/{id}": 1}, {"410": 1})
    assert [each["merged_into"] for each in state["contacts"]] == ["b", None]
    [exchange] = _ask(server.url, "GET", "/_emulator/exchanges")[1]
    assert "7" == exchange["headers"]["X-RateLimit-Limit"]
    assert _ask(server.url, "POST", "/_emulator/reset") == (200, {"done": True})
    assert _ask(server.url, "GET", "/_emulator/state")[1]["contacts"] == []


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/_emulator/settings", {"colour": 1}, 400),
        ("/_emulator/settings", [], 400),
        ("/_emulator/faults", [{"kind": "fire"}], 400),
        ("/_emulator/faults", [7], 400),
        ("/_emulator/merge", {"from": "x", "into": "y"}, 400),
        ("/_emulator/seed", {"people": []}, 400),
        ("/_emulator/nothing", {}, 404),
    ],
)
def test_control_when_it_makes_no_sense_then_says_so(server: Server, path: str, body: object, status: int) -> None:
    """A control call that cannot be meant is refused with a reason."""
    answered, reason = _ask(server.url, "POST", path, body)
    assert status == answered
    assert reason["error"]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1"])  # noqa: S104 - refused is what it must be
def test_server_when_the_address_is_not_loopback_then_refuses(host: str) -> None:
    """The emulator is for this machine only."""
    with pytest.raises(ValueError, match="loopback"):
        Server(Intercom(), host=host)


def test_help_when_asked_for_then_explains_settings_faults_and_controls() -> None:
    """--help is the documentation."""
    text = _run("--help").stdout
    for word in (
        "search_lag",
        "window_phase",
        "reset_before",
        "until_time",
        "matching",
        "/_emulator/seed",
        "changes",
        "test-token",
    ):
        assert word in text


def _run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "intercom_emulator", *arguments]
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("content", ["{", "[]", '{"colour": 1}'])
def test_process_when_its_settings_make_no_sense_then_exits_2(tmp_path: pathlib.Path, content: str) -> None:
    """A bad settings file ends the program with a reason, before it serves."""
    settings = tmp_path / "settings.json"
    settings.write_text(content)
    ended = _run("--settings", str(settings))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("intercom-emulator: ")


def test_process_when_asked_for_its_version_then_tells_that_of_the_package() -> None:
    """The connector and the local Intercom come in one package."""
    try:
        version = metadata.version("airbyte-destination-intercom")
    except metadata.PackageNotFoundError:
        version = "0+checkout"
    ended = _run("--version")
    assert (ended.returncode, ended.stdout) == (0, f"intercom-emulator {version}\n")


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_process_when_started_then_prints_one_line_serves_and_ends_with_0(tmp_path: pathlib.Path, sent: int) -> None:
    """One JSON line with url and pid; a signal ends it cleanly, a stalled call notwithstanding."""
    settings, seed = tmp_path / "settings.json", tmp_path / "seed.json"
    settings.write_text(json.dumps({"limit": 7, "faults": [{"endpoint": "GET /me", "kind": "stall"}]}))
    seed.write_text(json.dumps({"contacts": [{"id": "a", "external_id": "42"}]}))
    command = [
        sys.executable,
        "-m",
        "intercom_emulator",
        "--port",
        "0",
        "--settings",
        str(settings),
        "--seed",
        str(seed),
    ]
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            line = json.loads(process.stdout.readline())
            assert process.pid == line["pid"]
            assert _ask(line["url"], "GET", "/contacts/a")[1]["external_id"] == "42"
            with _socket(line["url"]) as connection:
                connection.sendall(b"GET /me HTTP/1.1\r\nAuthorization: Bearer test-token\r\n\r\n")
                process.send_signal(sent)
                assert 0 == process.wait(timeout=10)
            assert "" == process.stdout.read()
        finally:
            process.kill()
