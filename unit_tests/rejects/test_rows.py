"""Rejected records, read again: their order over many objects, and what is no row."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, strategies as st

from destination_intercom.airbyte.reader import EndOfInput, Input, Lines
from destination_intercom.errors import InputError, InternalError, StreamName
from destination_intercom.rejects import objects as objects_module, rows as rows_module
from destination_intercom.rejects.objects import RejectObject
from destination_intercom.rejects.rows import SECONDS_APART, find_rows, parse_row, send_rows

BEGIN = 1_767_225_600.0


def make_object(name: str, body: bytes, *, reads: list[str] | None = None) -> RejectObject:
    """Make an object of bytes; each piece that is read is noted in `reads`."""

    def read(offset: int, size: int) -> bytes:
        if reads is not None:
            reads.append(name)
        return body[offset : offset + size]

    return RejectObject(name, len(body), read)


def moment(seconds: float) -> str:
    """Write a time as the collector does."""
    whole, fraction = divmod(round(seconds * 1000), 1000)
    return f"2026-01-01T{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{fraction:03}Z"


def row(seconds: float, ordinal: int | None, **more: Any) -> bytes:
    """A row that was rejected so many seconds after midnight; `mark` tells it from others."""
    document = {"record": {"stream": "users", "data": {"mark": ordinal}}, "reason": "refused"}
    told = {} if ordinal is None else {"ordinal": ordinal}
    return json.dumps({**document, **told, "rejected_at": moment(seconds), **more}).encode()


def lines_of(*bodies: list[bytes], compress: bool = False) -> list[RejectObject]:
    """Make an object of each list of rows."""
    texts = [b"".join(line + b"\n" for line in body) for body in bodies]
    return [make_object(f"o{n}", gzip.compress(text) if compress else text) for n, text in enumerate(texts)]


# Seconds of the rows of an object as the connector stores one: by their ordinals, rejected within seconds.
STORED = st.tuples(st.integers(0, 300), st.lists(st.integers(0, 100), max_size=8)).map(
    lambda drawn: [drawn[0] + tenth / 10 for tenth in drawn[1]]
)


@given(st.lists(STORED, max_size=8), st.booleans())
def test_rows_of_many_objects_are_given_out_oldest_first(stored: list[list[float]], compress: bool) -> None:
    """All of them, those of an object in its own order, and none after one that is newer than all before it there."""
    bodies = [[row(second, 1000 * n + place) for place, second in enumerate(body)] for n, body in enumerate(stored)]
    given_out = [
        parse_row(line, "Line 1").record.data["mark"] for line in find_rows(lines_of(*bodies, compress=compress)).read()
    ]

    by_object = defaultdict(list)
    for mark in given_out:
        by_object[mark // 1000].append(mark % 1000)
    assert {n: list(range(len(body))) for n, body in enumerate(stored) if body} == by_object
    due = [max(stored[mark // 1000][: mark % 1000 + 1]) for mark in given_out]
    assert sorted(due) == due


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz"])
def test_rows_of_one_attempt_when_rejected_in_the_same_moment_then_they_keep_the_order_of_the_source(
    ending: str,
) -> None:
    """One person's rows may be in objects of two streams; what was rejected late holds up no row that came before."""
    first = [row(9, 1), row(3, 2), row(3, 5)]
    other = [row(8, 3), row(3, 4), row(300, 6), row(5, 7)]
    later = [row(100, 1), row(101, 2)]
    made = [b"\n".join(body) for body in (other, first, later)]
    names = [f"2026_01_01_1_1_{mark}{ending}" for mark in ("0123456789ab", "0123456789ab", "ba9876543210")]
    objects = [make_object(name, body) for name, body in zip(names, made, strict=True)]
    given_out = [parse_row(line, "Line 1") for line in find_rows(objects).read()]
    of_first = [each.ordinal for each in given_out if not 100 <= each.rejected_at - BEGIN <= 101]
    assert [1, 2, 3, 4, 5, 6, 7] == of_first
    assert [1, 2, 3, 4, 5, 1, 2, 6, 7] == [each.ordinal for each in given_out]


@given(st.lists(STORED.map(sorted), min_size=1, max_size=6))
def test_rows_of_objects_put_together_are_given_out_oldest_first(stored: list[list[float]]) -> None:
    """As if they had been objects of their own, each from ordinal 1 on, as those of several syncs are."""
    one = [row(second, place + 1, n=n) for n, body in enumerate(stored) for place, second in enumerate(body)]
    given_out = [parse_row(line, "Line 1").rejected_at - BEGIN for line in find_rows(lines_of(one)).read()]
    expected = sorted(second for body in stored for second in body)
    assert [round(second, 3) for second in expected] == [round(second, 3) for second in given_out]


def test_rows_when_one_is_much_older_than_those_before_it_then_it_is_given_out_first() -> None:
    """Two syncs in one file, the later one first, and its ordinals lower."""
    late, early = [row(1000, 1), row(1001, 2)], [row(1000 - 2 * SECONDS_APART, 3), row(999, 4)]
    given_out = [parse_row(line, "Line 1").ordinal for line in find_rows(lines_of(late + early)).read()]
    assert [3, 4, 1, 2] == given_out


def test_rows_without_ordinals_keep_the_order_of_their_object() -> None:
    """None was stored so, but nothing is lost with it."""
    body = [row(second, None, n=n) for n, second in enumerate((5, 4, 6))]
    assert body == list(find_rows(lines_of(body)).read())


def test_rows_when_in_no_order_at_all_then_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each stretch is read by itself, and there may be only so many."""
    monkeypatch.setattr(rows_module, "MOST_STRETCHES", 3)
    fine, shuffled = [row(1, n) for n in (3, 2, 1)], [row(1, n) for n in (4, 3, 2, 1)]
    assert 3 == find_rows(lines_of(fine)).count
    with pytest.raises(InputError, match="The rows of o0 are in no order"):
        find_rows(lines_of(shuffled))


def test_objects_when_their_time_has_not_come_then_they_are_not_opened() -> None:
    """A thousand objects are no thousand buffers."""
    reads: list[str] = []
    made = [make_object(f"o{n}", row(10 * n, n) + b"\n" + row(10 * n + 5, n + 1), reads=reads) for n in range(50)]
    found = find_rows(made)
    reads.clear()
    lines = found.read()
    for _ in range(4):
        next(lines)
    assert {"o0", "o1", "o2"} >= set(reads)


def test_rows_when_counted_then_streams_times_and_those_left_out_are_told() -> None:
    """Each stream with the place of its first row that is wanted."""
    body = [
        row(1, 1, reason="not_found"),
        row(2, 2),
        row(3, 3, record={"stream": "users", "namespace": "shop", "data": {}}),
        b" ",
        row(4, 4, reason="x", other_parts=[{"reason": "refused"}]),
    ]
    found = find_rows(lines_of(body), ["refused"])
    assert (3, 1, BEGIN + 2, BEGIN + 4) == (found.count, found.left_out, found.oldest, found.newest)
    places = {StreamName("users"): "Line 2 of o0", StreamName("users", "shop"): "Line 3 of o0"}
    assert places == found.streams
    assert [body[1], body[2], body[4]] == list(found.read())


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"canary",
        b"[1]",
        b'{"record": {"stream": "canary", "data": {}}}',
        row(1, 1, record=None),
        row(1, 1, record={"stream": 1, "data": {}}),
        row(1, 1, record={"stream": "canary", "data": []}),
        row(1, 1, rejected_at=5),
        row(1, 1, rejected_at="canary"),
        row(1, 1)[:-1],
        b"\xff" + row(1, 1),
    ],
)
def test_line_when_it_is_no_row_then_the_error_tells_its_place_and_no_content(line: bytes) -> None:
    """Nobody reads personal data in it."""
    with pytest.raises(InputError) as caught:
        parse_row(line, "Line 7 of o1")
    assert caught.value.message.startswith("Line 7 of o1 is no")
    assert "canary" not in caught.value.message


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_line_when_it_is_anything_then_it_is_a_row_or_our_error(line: bytes) -> None:
    """Whatever somebody names as an object."""
    try:
        parse_row(line, "Line 1")
    except InputError:
        return


@pytest.mark.parametrize("zone", ["Z", "+00:00", ""])
def test_row_when_its_time_is_written_in_any_way_then_it_is_that_moment(zone: str) -> None:
    """In UTC where nothing is said."""
    line = row(1.5, 1, rejected_at=f"2026-01-01T00:00:01.500{zone}")
    assert BEGIN + 1.5 == parse_row(line, "Line 1").rejected_at == parse_row(line, "Line 1").record.rejected_at


def test_object_when_its_lines_end_in_any_way_then_the_rows_are_the_same() -> None:
    """With a carriage return, and without an end of the last one."""
    one = make_object("o", row(1, 1) + b"\r\n" + row(2, 2))
    assert [row(1, 1), row(2, 2)] == list(find_rows([one]).read())


class Sink:
    """Takes pieces of input, as many as it is told to."""

    def __init__(self, most: int = 1000) -> None:
        self.pieces: list[Input] = []
        self._most = most

    def offer(self, piece: Input) -> bool:
        self.pieces.append(piece)
        return len(self.pieces) <= self._most


def test_rows_when_sent_then_they_come_in_pieces_with_their_numbers_and_an_end() -> None:
    """Some at a time, so that the mailbox can bound them."""
    sink = Sink()
    lines = [b"x" * 30_000] * 7
    send_rows(lines, sink)
    *pieces, end = sink.pieces
    assert EndOfInput() == end
    told = [(piece.first, len(piece.lines), piece.size) for piece in pieces if isinstance(piece, Lines)]
    assert [(1, 3, 90_000), (4, 3, 90_000), (7, 1, 30_000)] == told


def test_rows_when_nobody_wants_them_any_more_then_no_more_are_read() -> None:
    """A replay that is told to stop does not read on."""
    read = 0

    def many() -> Iterator[bytes]:
        nonlocal read
        for _ in range(100):
            read += 1
            yield b"x" * 70_000

    send_rows(many(), Sink(most=2))
    assert 3 == read


@pytest.mark.parametrize(
    ("error", "kind"), [(InputError("o cannot be read"), InputError), (ValueError("canary"), InternalError)]
)
def test_rows_when_one_cannot_be_read_then_those_before_it_are_sent_and_the_end_says_why(
    error: Exception, kind: type[Exception]
) -> None:
    """The main thread never waits for a thread that has ended."""

    def failing() -> Iterator[bytes]:
        yield b"x"
        raise error

    sink = Sink()
    send_rows(failing(), sink)
    first, end = sink.pieces
    assert Lines(1, [b"x"], 1) == first
    assert isinstance(end, EndOfInput)
    assert isinstance(end.error, kind)
    assert "canary" not in str(end.error)


def test_line_when_it_has_no_end_then_it_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compressed, a few kilobytes are gigabytes; of the rest nothing is read."""
    monkeypatch.setattr(objects_module, "LONGEST_LINE", 1000)
    reads: list[str] = []
    for body in (gzip.compress(b"x" * 100_000), b"x" * 1_000_000):
        with pytest.raises(InputError, match="Line 1 of o is too long"):
            find_rows([make_object("o", body, reads=reads)])
    assert 2 == len(reads)


WHOLE = gzip.compress(row(1, 1) + b"\n")


@pytest.mark.parametrize(
    "damaged", [WHOLE[:-1], WHOLE[:-20], WHOLE[:-6] + b"sums", WHOLE + b"and more", WHOLE[:2] + b"\xff" + WHOLE[3:]]
)
def test_object_when_its_compression_is_cut_off_or_damaged_then_the_error_names_it(damaged: bytes) -> None:
    """A download that was interrupted, a sum that does not agree, what follows and is none, another method."""
    with pytest.raises(InputError, match="The compression of o is damaged or cut off"):
        find_rows([make_object("o", damaged)])


def test_object_when_it_is_several_compressed_ones_then_all_rows_are_read() -> None:
    """Files that were put together with cat are one, to gzip."""
    body = b"".join(gzip.compress(row(n, n) + b"\n") for n in range(3))
    assert [row(n, n) for n in range(3)] == list(find_rows([make_object("o", body)]).read())
