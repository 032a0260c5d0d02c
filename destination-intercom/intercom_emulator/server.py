"""The HTTP shell: sockets, keep-alive, delays, and the failures below HTTP. It knows nothing of Intercom's rules.

Written by hand because http.server spends more on a request's headers than Intercom's core on all the rest: one thread
for each connection, one send for each answer.
"""

import contextlib
import ipaddress
import socket
import struct
import threading
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType

from intercom_emulator.answers import Answer, Cut
from intercom_emulator.control import PREFIX, control
from intercom_emulator.core import Intercom
from intercom_emulator.guard import Guard
from intercom_emulator.page import Visit, is_of_page, show_page

_BACKLOG = 512
_CHUNK = 65_536
_LONGEST_HEAD = 65_536
_LONGEST_BODY = 16 * 1024 * 1024
_FORBIDDEN = 403
_MISDIRECTED = 421
_REASONS = {status.value: status.phrase for status in HTTPStatus}
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER on, for no time: close sends RST


class _Hangup(Exception):  # noqa: N818 - the ordinary end of a connection
    """The client closed the connection."""


class _Unreadable(Exception):  # noqa: N818 - the client's fault
    """What arrived is not HTTP/1.1, or too much of it."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    keep_alive: bool


class _Reader:
    """Reads requests from a socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = bytearray()

    def request(self) -> _Request:
        """Return the next request; raise `_Hangup` at the end, `_Unreadable` where there is none."""
        head = self._until(b"\r\n\r\n").decode("latin-1")
        first, *lines = head.lstrip("\r\n").split("\r\n")
        parts = first.split(" ")
        if len(parts) != 3 or not parts[2].startswith("HTTP/1."):  # noqa: PLR2004 - method, target, version
            raise _Unreadable(400)
        headers: dict[str, str] = {}
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon or not name or name != name.strip():
                raise _Unreadable(400)
            headers[name.lower()] = value.strip()
        closing = headers.get("connection", "").lower()
        keep_alive = closing != "close" if parts[2] == "HTTP/1.1" else closing == "keep-alive"
        return _Request(parts[0], parts[1], headers, self._body(headers), keep_alive)

    def _body(self, headers: dict[str, str]) -> bytes:
        """Return the body by its length or its chunks."""
        if headers.get("expect", "").lower() == "100-continue":
            self._connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return self._chunks()
        length = headers.get("content-length", "0")
        if not length.isdecimal():
            raise _Unreadable(400)
        if int(length) > _LONGEST_BODY:
            raise _Unreadable(413)
        return self._exactly(int(length))

    def _chunks(self) -> bytes:
        body = bytearray()
        while True:
            try:
                size = int(self._until(b"\r\n").partition(b";")[0], 16)
            except ValueError as error:
                raise _Unreadable(400) from error
            if size < 0 or len(body) + size > _LONGEST_BODY:
                raise _Unreadable(413)
            if size == 0:
                break
            body += self._exactly(size)
            self._exactly(2)
        while self._until(b"\r\n"):
            pass
        return bytes(body)

    def _until(self, mark: bytes) -> bytes:
        """Return what comes before `mark`, and skip it."""
        while (end := self._buffer.find(mark)) < 0:
            if len(self._buffer) > _LONGEST_HEAD:
                raise _Unreadable(431)
            self._receive()
        found = bytes(self._buffer[:end])
        del self._buffer[: end + len(mark)]
        return found

    def _exactly(self, length: int) -> bytes:
        while len(self._buffer) < length:
            self._receive()
        found = bytes(self._buffer[:length])
        del self._buffer[:length]
        return found

    def _receive(self) -> None:
        received = self._connection.recv(_CHUNK)
        if not received:
            raise _Hangup
        self._buffer += received


def _encoded(answer: Answer, method: str, *, keep_alive: bool) -> bytes:
    """Return an answer as it goes over the wire."""
    head = [f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Unknown')}"]
    head += [f"{name}: {value}" for name, value in answer.headers.items()]
    head.append(f"Content-Length: {len(answer.body)}")
    head.append("Connection: keep-alive\r\n\r\n" if keep_alive else "Connection: close\r\n\r\n")
    return "\r\n".join(head).encode("latin-1") + (b"" if method == "HEAD" else answer.body)


class Server:
    """Serves an `Intercom` over HTTP on a loopback address: `with Server(intercom) as server: server.url`."""

    def __init__(self, intercom: Intercom, *, host: str = "127.0.0.1", port: int = 0) -> None:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
        if not address.is_loopback:
            raise ValueError("the emulator listens on loopback addresses only")
        self._intercom = intercom
        family = socket.AF_INET6 if address.version == 6 else socket.AF_INET  # noqa: PLR2004 - IPv6
        self._listener = socket.socket(family, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._listener.bind((str(address), port))
            self._listener.listen(_BACKLOG)
        except OSError:
            self._listener.close()
            raise
        bound = self._listener.getsockname()[1]
        self._guard = Guard(str(address), bound)
        self.url = f"http://[{address}]:{bound}" if family == socket.AF_INET6 else f"http://{address}:{bound}"
        self._stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        self._acceptor = threading.Thread(target=self._accept, name="emulator", daemon=True)

    def __enter__(self) -> "Server":  # noqa: PYI034 - typing.Self is newer than Python 3.10
        """Begin to serve."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to accept connections, in threads of the server's own."""
        self._acceptor.start()

    def stop(self) -> None:
        """Stop accepting and close every connection, stalled ones too."""
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._open_lock:
            still_open = list(self._open)
        for connection in still_open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        if self._acceptor.is_alive():
            self._acceptor.join()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                if self._stopping.is_set():
                    return
                self._stopping.wait(0.05)  # out of descriptors: some will be closed
                continue
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        """Answer the requests of one connection until either side ends it."""
        with self._open_lock:
            self._open.add(connection)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            reader = _Reader(connection)
            while not self._stopping.is_set() and self._exchange(connection, reader):
                pass
        except _Unreadable as error:
            with contextlib.suppress(OSError):
                connection.sendall(_encoded(Answer(error.status), "", keep_alive=False))
        except (_Hangup, OSError):
            pass
        finally:
            with self._open_lock:
                self._open.discard(connection)
            connection.close()

    def _exchange(self, connection: socket.socket, reader: _Reader) -> bool:
        """Answer one request; return whether another may follow."""
        request = reader.request()
        answer = self._answer(request)
        if answer.delay > 0:
            self._stopping.wait(answer.delay)
        if answer.cut is Cut.RESET:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            return False
        if answer.cut is Cut.STALL:
            while connection.recv(_CHUNK):  # until the client gives up, or the server stops
                pass
            return False
        wire = _encoded(answer, request.method, keep_alive=request.keep_alive)
        if answer.cut is Cut.TRUNCATE:
            # A client takes a head cut short for a whole one, so that without a body the status line must be cut.
            connection.sendall(wire[: -((len(answer.body) + 1) // 2)] if answer.body else wire[: len("HTTP/1.")])
            return False
        connection.sendall(wire)
        return request.keep_alive

    def _answer(self, request: _Request) -> Answer:
        """Have a request answered by whom it is for: the workspace, the control interface, or the page."""
        method, target, headers = request.method, request.target, request.headers
        if not self._guard.knows_host(headers):
            return Answer(
                _MISDIRECTED, {"Content-Type": "text/plain"}, b"This server does not answer under this name.\n"
            )
        if target.startswith(PREFIX):
            if self._guard.is_from_elsewhere(headers):
                return Answer(
                    _FORBIDDEN, {"Content-Type": "text/plain"}, b"Requests from other websites are refused.\n"
                )
            return control(self._intercom, method, target, request.body)
        if is_of_page(target):
            own = self._guard.is_from_own_page(headers)
            return show_page(self._intercom, Visit(method, target, request.body, is_from_own_page=own))
        return self._intercom.handle(method, target, headers, request.body)
