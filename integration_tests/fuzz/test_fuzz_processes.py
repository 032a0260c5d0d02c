"""The connector as a process that is given more than any source sends: what it takes of memory, and how it ends."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from destination_intercom.airbyte.reader import LONGEST_LINE
from integration_tests.support.harness import state, to_lines
from integration_tests.support.people import EVENTS, MARK, event, refuse_marks_in, user
from integration_tests.support.processes import Connector

MEBIBYTE = 1024 * 1024
LONG = 20 * 1_000_000
"""Bytes of the longest line that a source is expected to send."""

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is measured in /proc")


@pytest.fixture
def place(make_workplace: Callable[..., Any]) -> Iterator[Any]:
    """A workplace whose output is searched for personal data at the end."""
    made = make_workplace()
    yield made
    refuse_marks_in(made)


def peak(connector: Connector) -> float:
    """The most memory that a process has had, in MiB (`VmHWM` in proc(5)); 0 once it has ended."""
    status = Path(f"/proc/{connector.process.pid}/status").read_text(encoding="utf-8")
    return max((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM:")), default=0.0)


def feed(connector: Connector, data: bytes) -> None:
    """Write to the connector's stdin, as far as it takes it, and keep nothing of it."""
    assert connector.process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        connector.process.stdin.write(data)
        connector.process.stdin.flush()


def record_with(junk: bytes) -> bytes:
    """A RECORD of the person 1 with another property, given as JSON."""
    members = b'"user_id":"%s-1","name":"%s","canary":%s' % (MARK.encode(), MARK.encode(), junk)
    return b'{"type":"RECORD","record":{"stream":"users","data":{%s},"emitted_at":1}}\n' % members


def members(count: int, size: int) -> bytes:
    """An object of `count` properties whose values have `size` characters."""
    return b"{" + b",".join(b'"canary %d":"%s"' % (number, b"x" * size) for number in range(count)) + b"}"


LARGE: dict[str, bytes] = {
    "text": b'"' + b"x" * LONG + b'"',
    "escapes": b'"' + b"\\n" * (LONG // 2) + b'"',
    "properties": members(20_000, LONG // 20_000 - 20),
    "numbers": b"[" + b"12345678901234567890," * (LONG // 21) + b"0]",
}


@pytest.mark.parametrize("kind", LARGE)
def test_record_of_20_mb_is_delivered_in_bounded_memory(place: Any, kind: str) -> None:
    """One line of 20 MB costs a few times its size, and the next ones no more than before."""
    connector = place.write(events=EVENTS)
    feed(connector, record_with(LARGE[kind]))
    connector.send(to_lines([state("users", 1)]))
    connector.wait_for("STATE")
    connector.send(to_lines([user(2), event(1, 1), state("users", 2)]))
    connector.wait_for("STATE", 2)
    used = peak(connector)
    assert connector.finish() == 0
    assert used < 400
    assert b"" == connector.stderr
    assert [1, 2] == [each["id"] for each in connector.states]
    assert [f"{MARK}-1", f"{MARK}-2"] == sorted(each["external_id"] for each in place.intercom.dump()["contacts"])


def test_record_when_nested_or_wide_as_no_other_is_delivered(place: Any) -> None:
    """A thousand levels, twenty thousand properties, a number that no computer reads, halves of emoji."""
    odd = [
        b"[" * 1_000 + b'"canary"' + b"]" * 1_000,
        b'{"canary":' * 1_000 + b"12345678901234567890" + b"}" * 1_000,
        members(20_000, 3),
        b"9" * 1_000_000,
        b'"canary \\ud83d"',
        b'{"":{"":1,"":2},"\\u0000":"canary"}',
    ]
    connector = place.write(events=EVENTS)
    feed(connector, b"".join(map(record_with, odd)))
    code = connector.finish(to_lines([event(1, 1), state("users", 1)]))
    assert (0, b"", []) == (code, connector.stderr, connector.errors)
    assert [{"recordCount": len(odd), "rejectedRecordCount": 0}] == [
        each["destinationStats"] for each in connector.states
    ]
    assert 1 == len(place.intercom.dump()["events"])


def test_state_of_20_mb_is_echoed_in_bounded_memory(place: Any) -> None:
    """A state that is all escapes leaves as it came."""
    connector = place.write(events=EVENTS)
    escapes = b'{"type":"STATE","state":{"type":"GLOBAL","id":1,"global":{"shared_state":%s}}}\n' % LARGE["escapes"]
    connector.send(to_lines([user(1)]))
    feed(connector, escapes)
    (echo,) = connector.wait_for("STATE")
    used = peak(connector)
    assert connector.finish() == 0
    assert used < 400
    assert "\n" * (LONG // 2) == echo["state"]["global"]["shared_state"]
    assert {"recordCount": 1, "rejectedRecordCount": 0} == echo["state"]["destinationStats"]


def test_line_without_an_end_is_an_error_in_bounded_memory(place: Any) -> None:
    """What is no protocol does not fill the memory: one error of the input, after what came before it."""
    connector = place.write(events=EVENTS)
    connector.send(to_lines([user(1), state("users", 1), user(2)]))
    connector.wait_for("STATE")
    feed(connector, b'{"type":"RECORD","record":{"stream":"users","data":{"canary":"')
    used, piece = 0.0, b"canary  " * (MEBIBYTE // 2)
    for _ in range(LONGEST_LINE // len(piece) + 2):
        if connector.process.poll() is not None:
            break
        used = max(used, peak(connector))
        feed(connector, piece)
    assert connector.join() == 1
    assert used < LONGEST_LINE / MEBIBYTE * 2
    assert b"" == connector.stderr
    (error,) = connector.errors
    assert "system_error" == error["failure_type"]
    assert "Line 4 " in error["message"]
    assert [1] == [each["id"] for each in connector.states]
    assert [f"{MARK}-1", f"{MARK}-2"] == sorted(each["external_id"] for each in place.intercom.dump()["contacts"])
