"""Lines, whatever the chunks: whole, numbered, at once, and with a word on how the input ended."""

import pytest
from hypothesis import given, strategies as st

from destination_intercom.airbyte.messages import RecordMessage, parse_line
from destination_intercom.airbyte.reader import CHUNK_BYTES, EndOfInput, Input, Lines, read_lines
from destination_intercom.clock import SystemClock
from destination_intercom.delivery.mailbox import Mailbox

CANARY = "canary-7f3a"


class _Chunks:
    """A stdin that gives the bytes out as scripted; None stands for a read that found nothing."""

    def __init__(self, *chunks: bytes | Exception | None) -> None:
        self._chunks = list(chunks)

    def read(self, size: int, /) -> bytes | None:
        chunk = self._chunks.pop(0) if self._chunks else b""
        if isinstance(chunk, Exception):
            raise chunk
        return chunk


def _read(*chunks: bytes | Exception | None) -> tuple[list[tuple[int, bytes]], list[EndOfInput]]:
    """Return the numbered lines, and what was said of the end."""
    mailbox = Mailbox(SystemClock())
    read_lines(_Chunks(*chunks), mailbox)
    pieces: list[Input] = []
    while (piece := mailbox.take_input()) is not None:
        pieces.append(piece)
    lines = [each for piece in pieces if isinstance(piece, Lines) for each in enumerate(piece.lines, piece.first)]
    assert [piece for piece in pieces if isinstance(piece, EndOfInput)] == pieces[-1:]
    return lines, [piece for piece in pieces if isinstance(piece, EndOfInput)]


@given(lines=st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"\r")), max_size=8), data=st.data())
def test_lines_when_the_bytes_are_split_anywhere_then_they_and_their_numbers_are_the_same(
    lines: list[bytes], data: st.DataObject
) -> None:
    """Where a chunk ends says nothing about where a line does."""
    text = b"\n".join(lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    chunks = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True) if start < end]
    expected = list(enumerate(lines, 1))
    if lines and not lines[-1]:
        expected.pop()  # what follows the last newline is no line if it is empty
    assert (expected, [EndOfInput()]) == _read(*chunks)


def test_lines_when_the_last_has_no_newline_then_it_is_read() -> None:
    """A file whose last line is not ended loses nothing."""
    assert ([(1, b"a"), (2, b"b")], [EndOfInput()]) == _read(b"a\nb")


def test_lines_when_nothing_comes_then_the_end_alone_is_told() -> None:
    """An empty input is an input."""
    assert ([], [EndOfInput()]) == _read()


def test_lines_when_blank_or_ended_by_crlf_then_numbers_go_on_and_messages_parse() -> None:
    """Blank lines count, and are no messages; a carriage return before a newline is whitespace."""
    lines, _ = _read(b'\r\n\n{"type":"LOG"}\r\n{"type":"RECORD","record":{"stream":"s","data":{}}}\r\n')
    parsed = [(number, parse_line(line, number)) for number, line in lines]
    assert [(1, None), (2, None), (3, None), (4, RecordMessage("s", None, {}))] == parsed


def test_lines_when_one_is_longer_than_many_chunks_then_it_is_whole() -> None:
    """A record may be larger than many chunks."""
    line = b"x" * (3 * 1024 * 1024)
    chunks = [line[start : start + CHUNK_BYTES] for start in range(0, len(line), CHUNK_BYTES)]
    assert ([(1, line), (2, b"y")], [EndOfInput()]) == _read(*chunks, b"\ny")


def test_lines_when_one_is_complete_then_it_is_handed_over_before_more_comes() -> None:
    """A line waits for no other: a state that is due must not wait for a full buffer."""
    mailbox = Mailbox(SystemClock())
    seen: list[Input | None] = []

    class _Looking:
        def __init__(self) -> None:
            self.chunks = [b"first\nsec", b"ond\n"]

        def read(self, size: int, /) -> bytes:
            seen.append(mailbox.take_input())
            return self.chunks.pop(0) if self.chunks else b""

    read_lines(_Looking(), mailbox)
    assert [None, Lines(1, [b"first"], 5), Lines(2, [b"second"], 6)] == seen


@pytest.mark.parametrize("error", [OSError(5, CANARY), ValueError(CANARY), KeyError(CANARY)])
def test_lines_when_reading_fails_then_the_whole_ones_and_an_error_are_handed_over(error: Exception) -> None:
    """Half a line is dropped and the end is told as an error, whatever went wrong: nobody waits for ever."""
    lines, (end,) = _read(b"a\nhalf", error)
    assert ([(1, b"a")], True) == (lines, end.error is not None)
    assert CANARY not in str(end.error)


def test_lines_when_a_stdin_that_does_not_block_has_nothing_then_it_is_no_end() -> None:
    """To take None for the end of the input would lose the rest without a word."""
    lines, (end,) = _read(b"a\n", None, b"b\n")
    assert ([(1, b"a")], True) == (lines, end.error is not None)


def test_line_when_it_has_no_end_then_reading_ends_with_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no protocol must not fill the memory; what came before it is handed over, and its number told."""
    monkeypatch.setattr("destination_intercom.airbyte.reader.LONGEST_LINE", 10)
    lines, (end,) = _read(b"a\n", b"x" * 6, b"x" * 6, b"\nb\n")
    assert ([(1, b"a")], True) == (lines, "Line 2 " in str(end.error))
    assert ([(1, b"x" * 10)], [EndOfInput()]) == _read(b"x" * 6, b"x" * 4, b"\n")


def test_lines_when_nobody_wants_them_any_more_then_reading_stops() -> None:
    """After a stop nothing more is read."""
    mailbox = Mailbox(SystemClock())
    mailbox.stop()
    chunks = _Chunks(b"a\n", b"b\n")
    read_lines(chunks, mailbox)
    assert (chunks._chunks, mailbox.take_input()) == ([b"b\n"], None)
