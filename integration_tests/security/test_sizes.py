"""Answers that do not end, on real sockets: each costs a bounded time and a bounded memory."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import time
import zlib
from collections.abc import Callable

import pytest

from destination_intercom.clock import SystemClock
from destination_intercom.errors import AnswerTooLargeError, AttemptError, MaybeSentError
from destination_intercom.intercom.calls import GetMe
from destination_intercom.intercom.client import ANSWER_TIMEOUT, LARGEST_ANSWER, LARGEST_BODY, READ_TIMEOUT, Client
from integration_tests.support.harness import TOKEN
from integration_tests.support.listener import Handler, Link, Listener, trickle
from integration_tests.support.processes import DEADLINE, ROOT

MEGABYTE = 1 << 20
ON_THE_WAY = 16 * MEGABYTE
"""What the buffers of two sockets may hold beyond what was read."""

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
PIECE = b"x" * 65536


def endless(beginning: bytes, piece: bytes) -> Handler:
    """Answer with a beginning, and then with a piece again and again."""

    def handle(link: Link) -> None:
        link.hear()
        link.say(beginning)
        link.say_for_ever(piece)

    return handle


def at_once(data: bytes) -> Handler:
    """Answer with all of it."""

    def handle(link: Link) -> None:
        link.hear()
        link.say(data)

    return handle


def bomb(size: int) -> bytes:
    """Make so many zeros, packed."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join([packer.compress(bytes(MEGABYTE)) for _ in range(size // MEGABYTE)] + [packer.flush()])


SHAPES: dict[str, Callable[[], Handler]] = {
    "a length that is too great": lambda: endless(OK + b"Content-Length: 99999999999\r\n\r\n", PIECE),
    "no length": lambda: endless(OK + b"\r\n", PIECE),
    "chunks for ever": lambda: endless(CHUNKED, b"10000\r\n" + PIECE + b"\r\n"),
    "tiny chunks for ever": lambda: endless(CHUNKED, b"1\r\nx\r\n" * 10_000),
    "one chunk for ever": lambda: endless(CHUNKED + b"fffffffff\r\n", PIECE),
    "the length of a chunk for ever": lambda: endless(CHUNKED, b"0" * 65536),
    "an extension of a chunk for ever": lambda: endless(CHUNKED + b"1;", PIECE),
    "trailers for ever": lambda: endless(CHUNKED + b"0\r\n", b"a: b\r\n" * 10_000),
    "a status line for ever": lambda: endless(b"HTTP/1.1 200 ", PIECE),
    "a header for ever": lambda: endless(OK + b"a: ", PIECE),
    "headers for ever": lambda: endless(OK, b"a: b\r\n" * 10_000),
    "100 Continue for ever": lambda: endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "an error for ever": lambda: endless(b"HTTP/1.1 500 No\r\n\r\n", PIECE),
    "a redirect for ever": lambda: endless(b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", PIECE),
}
WORDS = ("Content-Encoding: gzip", "Content-Encoding: gzip, gzip", "Transfer-Encoding: gzip, chunked")


@pytest.mark.parametrize("shape", SHAPES)
def test_answer_when_it_does_not_end_then_it_is_not_read_on(shape: str) -> None:
    """The server gets rid of little more than the largest answer that there may be, and the connection is closed."""
    with Listener(SHAPES[shape]()) as server:
        # What comes in crumbs takes long to reach any size.
        client = Client(server.url(), TOKEN, now=SystemClock().now, wall=SystemClock().wall, answer_timeout=5.0)
        with pytest.raises(AttemptError):
            client.attempt(GetMe())
        client.close()
    assert 0 < server.links[0].said <= LARGEST_ANSWER + ON_THE_WAY


@pytest.mark.parametrize("size", [LARGEST_BODY, LARGEST_BODY + 1])
@pytest.mark.parametrize("packed", [False, True])
def test_body_when_it_has_the_largest_size_then_it_is_read_and_one_byte_more_is_not(size: int, packed: bool) -> None:
    """32 MB, counted after unpacking."""
    body = b'"' + b"x" * (size - 2) + b'"'
    data = gzip.compress(body, 1) if packed else body
    head = OK + b"Content-Length: %d\r\n%s\r\n" % (len(data), b"Content-Encoding: gzip\r\n" if packed else b"")
    with Listener(at_once(head + data)) as server:
        client = Client(server.url(), TOKEN, now=SystemClock().now, wall=SystemClock().wall)
        if size > LARGEST_BODY:
            with pytest.raises(AnswerTooLargeError):
                client.attempt(GetMe())
        else:
            assert size - 2 == len(client.attempt(GetMe()).body)
        client.close()


MEASURED = """
import json, resource, sys
from destination_intercom.intercom.calls import GetMe
from destination_intercom.intercom.client import Client
from destination_intercom.errors import AttemptError

def peak():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) // 1024

client, before, word = Client(sys.argv[1], "t", now=lambda: 0.0, wall=lambda: 0.0), peak(), "answered"
try:
    client.attempt(GetMe())
except AttemptError as error:
    word = error.kind
print(json.dumps([word, peak() - before]))
"""


def _measure(handler: Handler) -> tuple[str, int]:
    """Tell how an attempt ended, and by how many MiB the process grew at its peak."""
    with Listener(handler) as server:
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, server.url()],
            capture_output=True,
            check=True,
            timeout=DEADLINE,
            env={**os.environ, "PYTHONPATH": str(ROOT / "destination-intercom")},
        )
    word, grown = json.loads(done.stdout)
    return word, grown


@pytest.mark.parametrize("layers", [1, 2])
def test_answer_when_it_is_small_and_unpacks_to_much_then_the_memory_stays_small(layers: int) -> None:
    """A packed answer is unpacked piece by piece, and no further than 32 MB."""
    body = bomb(256 * MEGABYTE)
    for _ in range(layers - 1):
        body = gzip.compress(body)
    coding = ", ".join(["gzip"] * layers).encode()
    data = OK + b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (coding, len(body)) + body
    word, grown = _measure(at_once(data))
    assert "answer too large" == word
    assert grown < 100


@pytest.mark.parametrize(
    "shape", ["chunks for ever", "an extension of a chunk for ever", "trailers for ever", "no length"]
)
def test_answer_when_it_does_not_end_then_the_memory_stays_small(shape: str) -> None:
    """Some parts of an answer are kept as they come, until the largest size is reached."""
    word, grown = _measure(SHAPES[shape]())
    assert "answered" != word
    assert grown < 150


# ---------------------------------------------------------------- time


@pytest.mark.parametrize(
    ("beginning", "piece"),
    [
        pytest.param(OK + b"Content-Length: 1000\r\n\r\n", b" ", id="body"),
        pytest.param(OK + b"\r\n", b" ", id="body without a length"),
        pytest.param(CHUNKED, b"1\r\nx\r\n", id="chunks"),
        pytest.param(CHUNKED, b"0", id="length of a chunk"),
        pytest.param(CHUNKED + b"0\r\n", b"a: b\r\n", id="trailers"),
        pytest.param(OK + b"a: ", b"b", id="header"),
        pytest.param(b"", b"H", id="status line"),
        pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n", id="continue"),
    ],
)
def test_answer_when_it_trickles_then_it_ends_in_the_time_for_a_whole_one(beginning: bytes, piece: bytes) -> None:
    """No silence is too long, and yet the worker is free again soon."""
    with Listener(trickle(beginning, piece)) as server:
        client = Client(server.url(), TOKEN, now=SystemClock().now, wall=SystemClock().wall, answer_timeout=0.5)
        began = time.monotonic()
        with pytest.raises(MaybeSentError, match="timeout"):
            client.attempt(GetMe())
        elapsed = time.monotonic() - began
        client.close()
    assert 0.4 < elapsed < 10


def test_answer_when_the_clock_that_was_passed_in_says_so_then_it_ends() -> None:
    """A minute by that clock, whatever the time of the machine is."""
    looks = iter(range(0, 10_000, 7))
    with Listener(trickle(OK + b"Content-Length: 1000\r\n\r\n", b" ", pause=0.01)) as server:
        client = Client(server.url(), TOKEN, now=lambda: float(next(looks)), wall=SystemClock().wall)
        with pytest.raises(MaybeSentError, match="timeout"):
            client.attempt(GetMe())
        client.close()
    assert (60.0, 30.0) == (ANSWER_TIMEOUT, READ_TIMEOUT)
    assert ANSWER_TIMEOUT + 7 <= next(looks) <= ANSWER_TIMEOUT + 21


def test_connection_when_it_serves_again_then_each_answer_has_its_own_time() -> None:
    """Neither the seconds nor the bytes of an answer are those of the connection."""
    body = b'"' + b"x" * (LARGEST_BODY // 2) + b'"'

    def handle(link: Link) -> None:
        while link.hear():
            time.sleep(0.3)  # three of them take longer than one may
            link.say(OK + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    with Listener(handle) as server:
        client = Client(server.url(), TOKEN, now=SystemClock().now, wall=SystemClock().wall, answer_timeout=5.0)
        for _ in range(3):
            assert 200 == client.attempt(GetMe()).status
        client.close()
    assert 1 == server.accepted


def test_silence_when_it_lasts_then_the_attempt_ends_before_the_time_for_a_whole_answer() -> None:
    """The older bound still holds."""

    def handle(link: Link) -> None:
        link.hear()
        link.say(OK)
        link.hear()

    with Listener(handle) as server:
        client = Client(server.url(), TOKEN, now=SystemClock().now, wall=SystemClock().wall, read_timeout=0.3)
        began = time.monotonic()
        with pytest.raises(MaybeSentError, match="timeout"):
            client.attempt(GetMe())
        assert time.monotonic() - began < 10
        client.close()
