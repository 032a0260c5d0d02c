"""A server on loopback that does with each connection what the test says, down to single bytes."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from typing_extensions import Self

PATIENCE = 30.0
"""Seconds that a connection may be idle before it is given up, so that no thread outlives the tests."""

Handler = Callable[["Link"], None]

ADMIN = {"type": "admin", "app": {"id_code": "abc", "name": "Test", "region": "US"}}


class Link:
    """One accepted connection: what came, what went."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.heard = b""
        self.said = 0

    def hear(self) -> bytes:
        """Read one request, its body included; b"" if the other side has ended."""
        text = b""
        while b"\r\n\r\n" not in text:
            piece = self.sock.recv(65536)
            self.heard += piece
            text += piece
            if not piece:
                return b""
        head, _, body = text.partition(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        missing = (int(lengths[0].split(b":")[1]) if lengths else 0) - len(body)
        while missing > 0:
            piece = self.sock.recv(missing)
            if not piece:
                return b""
            self.heard += piece
            text += piece
            missing -= len(piece)
        return text

    def say(self, data: bytes) -> None:
        """Send, and count what was taken."""
        view = memoryview(data)
        while view:
            sent = self.sock.send(view)
            self.said += sent
            view = view[sent:]

    def say_for_ever(self, piece: bytes, *, pause: float = 0.0, most: int = 1 << 30) -> None:
        """Send a piece again and again, until nobody takes it any more or `most` bytes are out."""
        while self.said < most:
            self.say(piece)
            if pause:
                time.sleep(pause)  # the trickle is the case


class Listener:
    """Listens on a free loopback port while it is entered; with a context it speaks TLS."""

    def __init__(self, handler: Handler, *, context: ssl.SSLContext | None = None) -> None:
        self._handler = handler
        self._context = context
        self._server = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._server.getsockname()[1]
        self.links: list[Link] = []
        self.accepted = 0
        self._threads: list[threading.Thread] = []

    def url(self, host: str = "127.0.0.1") -> str:
        """Tell the address, under any name of this machine."""
        return f"{'https' if self._context else 'http'}://{host}:{self.port}"

    @property
    def heard(self) -> bytes:
        """All that came, of all connections; with TLS only what came out of it."""
        return b"".join(link.heard for link in self.links)

    def __enter__(self) -> Self:
        self._spawn(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _spawn(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._server.accept()
            except OSError:
                return
            self.accepted += 1
            self._spawn(lambda sock=sock: self._serve(sock))  # type: ignore[misc]

    def _serve(self, plain: socket.socket) -> None:
        sock = plain
        # The other side may refuse the certificate, or go at any moment: that is the case, not an error.
        with contextlib.suppress(OSError, ValueError):
            sock.settimeout(PATIENCE)
            if self._context is not None:
                sock = self._context.wrap_socket(sock, server_side=True)
            link = Link(sock)
            self.links.append(link)
            self._handler(link)
        sock.close()


def http(body: bytes = b"{}", *, status: str = "200 OK", headers: Iterable[str] = ()) -> bytes:
    """Make an answer; its length is told."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: application/json", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def answering(data: bytes) -> Handler:
    """Answer each request with the same bytes."""

    def handle(link: Link) -> None:
        while link.hear():
            link.say(data)

    return handle


def trickle(beginning: bytes, piece: bytes, *, pause: float = 0.05) -> Handler:
    """Answer with a beginning, and then with a few bytes again and again, each in time."""

    def handle(link: Link) -> None:
        link.hear()
        link.say(beginning)
        link.say_for_ever(piece, pause=pause)

    return handle


def as_intercom(document: Any = ADMIN) -> Handler:
    """Answer each request as `GET /me` is answered."""
    return answering(http(json.dumps(document).encode()))


def as_proxy(port: int, *, refusal: bytes = b"") -> Handler:
    """Be a proxy that connects everybody to `port` of this machine, whatever host was asked for."""

    def handle(link: Link) -> None:
        link.hear()
        if refusal:
            link.say(refusal)
            return
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as upstream:
            link.say(b"HTTP/1.1 200 Connection established\r\n\r\n")
            _relay(link, upstream)

    return handle


def _note(link: Link, size: int) -> bytes:
    piece = link.sock.recv(size)
    link.heard += piece
    return piece


def _relay(link: Link, upstream: socket.socket) -> None:
    """Carry bytes both ways until one side ends; in one thread, for a TLS connection is not safe in two."""
    while True:
        is_buffered = isinstance(link.sock, ssl.SSLSocket) and link.sock.pending() > 0
        ready = [link.sock] if is_buffered else select.select([link.sock, upstream], [], [], PATIENCE)[0]
        if not ready:
            return
        for end in ready:
            piece = _note(link, 65536) if end is link.sock else end.recv(65536)
            if not piece:
                return
            if end is link.sock:
                upstream.sendall(piece)
            else:
                link.say(piece)
