"""The wire: lines whatever the chunks, states byte for byte, and errors that tell a line's number only."""

import json
import tracemalloc
from typing import Any

import orjson
import pytest
from hypothesis import given, strategies as st

from destination_intercom.airbyte.echo import echo_state
from destination_intercom.airbyte.messages import Message, RecordMessage, StateMessage, StreamEnd, parse_line
from destination_intercom.airbyte.output import error_line, log_line, spec_line, status_line
from destination_intercom.airbyte.reader import CHUNK_BYTES, EndOfInput, Input, Lines, read_lines
from destination_intercom.clock import SystemClock
from destination_intercom.delivery.mailbox import Mailbox
from destination_intercom.errors import ConfigurationError, InputError, StreamName

CANARY = "canary-7f3a"
STATS = b'{"recordCount":3,"rejectedRecordCount":2}'


def _echo(line: bytes) -> bytes:
    return echo_state(line, record_count=3, rejected_record_count=2)


def _stream_state(**more: Any) -> dict[str, Any]:
    descriptor = {"name": "events", "namespace": "shop"}
    return {"type": "STATE", "state": {"type": "STREAM", "stream": {"stream_descriptor": descriptor}, **more}}


# ---------------------------------------------------------------- the echo of a state


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(
            b'{"type":"STATE","state":{"type":"STREAM","id":7,"stream":{"stream_descriptor":{"name":"e"}}}}',
            b'{"type":"STATE","state":{"type":"STREAM","id":7,"stream":{"stream_descriptor":{"name":"e"}},"destinationStats":@}}',
            id="the platform's id",
        ),
        pytest.param(
            b'{"type":"STATE","state":{"type":"GLOBAL","global":{"shared_state":{"a":1}}},"x_key":[1,{"state":{}}]}',
            b'{"type":"STATE","state":{"type":"GLOBAL","global":{"shared_state":{"a":1}},"destinationStats":@},"x_key":[1,{"state":{}}]}',
            id="global, and unknown keys after it",
        ),
        pytest.param(
            b'{"type":"STATE","state":{"type":"GLOBAL","global_":{"stream_states":[]}}}',
            b'{"type":"STATE","state":{"type":"GLOBAL","global_":{"stream_states":[]},"destinationStats":@}}',
            id="PyAirbyte's global_",
        ),
        pytest.param(
            b'{"type":"STATE","state":{"data":{"cursor":"x"}}}',
            b'{"type":"STATE","state":{"data":{"cursor":"x"},"destinationStats":@}}',
            id="legacy",
        ),
        pytest.param(b'{"type":"STATE","state":{}}', b'{"type":"STATE","state":{"destinationStats":@}}', id="empty"),
        pytest.param(
            b'{"type":"STATE","state":{ \t}}', b'{"type":"STATE","state":{ \t"destinationStats":@}}', id="blank"
        ),
        pytest.param(
            b'{"state":{"data":[18446744073709551617,2000.0,1e400,-0.0,1E-7,0.10]},"type":"STATE"}',
            b'{"state":{"data":[18446744073709551617,2000.0,1e400,-0.0,1E-7,0.10],"destinationStats":@},"type":"STATE"}',
            id="numbers as they were spelled",
        ),
        pytest.param(
            b'{"trace":{"state":{"a":1}},"type":"STATE","state":{"data":{"state":{},"destinationStats":{"recordCount":9}}}}',
            b'{"trace":{"state":{"a":1}},"type":"STATE","state":{"data":{"state":{},"destinationStats":{"recordCount":9}},"destinationStats":@}}',
            id="the same names elsewhere",
        ),
        pytest.param(
            b'{"type":"STATE","state":{"destinationStats": {"recordCount":9} ,"id":1}}',
            b'{"type":"STATE","state":{"destinationStats": @ ,"id":1}}',
            id="older counts",
        ),
        pytest.param(
            b'{"type":"STATE","state":{"id":1,"destinationStats":null}}',
            b'{"type":"STATE","state":{"id":1,"destinationStats":@}}',
            id="null counts",
        ),
        pytest.param(
            b'{"type":"STATE","st\\u0061te":{"id":1,"destination\\u0053tats":{}}}',
            b'{"type":"STATE","st\\u0061te":{"id":1,"destination\\u0053tats":@}}',
            id="escaped keys",
        ),
        pytest.param(
            b' \t{ "type" : "STATE" , "state" : { "id" : 1 } } \r',
            b'{ "type" : "STATE" , "state" : { "id" : 1 ,"destinationStats":@} }',
            id="whitespace",
        ),
        pytest.param(
            '{"type":"STATE","state":{"data":{"ключ":"😀 \\ud83d \\" } ]"}}}'.encode(),
            '{"type":"STATE","state":{"data":{"ключ":"😀 \\ud83d \\" } ]"},"destinationStats":@}}'.encode(),
            id="unicode, escapes and brackets in texts",
        ),
        pytest.param(
            b'{"type":"STATE","note":"state","x":["state",":",{}],"state":{"k":"destinationStats"}}',
            b'{"type":"STATE","note":"state","x":["state",":",{}],"state":{"k":"destinationStats","destinationStats":@}}',
            id="the names as values",
        ),
        pytest.param(
            b'{"type":"STATE","state":{"id":1},"state":{"id":2}}',
            b'{"type":"STATE","state":{"id":1},"state":{"id":2,"destinationStats":@}}',
            id="a repeated key counts where it comes last, as for a parser",
        ),
    ],
)
def test_echo_when_a_state_comes_then_only_the_stats_change(line: bytes, expected: bytes) -> None:
    """Every byte of a state but its destinationStats leaves as it came."""
    assert expected.replace(b"@", STATS) == _echo(line)


def test_echo_when_any_count_changes_then_nothing_but_the_numbers_does() -> None:
    """The counts are written as plain integers, however large."""
    line = echo_state(b'{"type":"STATE","state":{}}', record_count=10**12, rejected_record_count=0)
    expected = {"recordCount": 10**12, "rejectedRecordCount": 0}
    assert expected == json.loads(line)["state"]["destinationStats"]


_KEYS = st.one_of(st.text(max_size=8), st.sampled_from(["state", "destinationStats", "type", "stream", "data", 'a"}{']))
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**40), 10**40),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
)
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_KEYS, inner, max_size=4)),
    max_leaves=12,
)


@given(
    before=st.dictionaries(_KEYS, _JSON, max_size=3),
    state=st.dictionaries(_KEYS, _JSON, max_size=5),
    after=st.dictionaries(_KEYS, _JSON, max_size=3),
    ascii_only=st.booleans(),
    indent=st.sampled_from([None, 0, 2]),
)
def test_echo_when_any_state_comes_then_it_parses_to_the_original_and_the_stats(
    before: dict[str, Any], state: dict[str, Any], after: dict[str, Any], *, ascii_only: bool, indent: int | None
) -> None:
    """For any JSON: the echo is the original plus destinationStats, in whatever style it was written."""
    document = {**before, "state": state, **{key: value for key, value in after.items() if key != "state"}}
    line = json.dumps(document, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "surrogatepass")
    document["state"] = {**state, "destinationStats": {"recordCount": 3, "rejectedRecordCount": 2}}
    assert document == json.loads(_echo(line).decode("utf-8", "surrogatepass"))


def test_echo_when_a_state_is_large_and_all_escapes_then_it_takes_little_memory() -> None:
    """A few copies of it at most, whatever it holds; a pattern for texts took sixty times their size."""
    line = b'{"type":"STATE","state":{"data":["' + b"\\n" * 500_000 + b'","' + b'\\"\\\\' * 200_000 + b'"]}}'
    tracemalloc.start()
    try:
        echo = _echo(line)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert line[:-2] + b',"destinationStats":' + STATS + b"}}" == echo
    assert peak < 6 * len(line)


# ---------------------------------------------------------------- lines, whatever the chunks


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


# ---------------------------------------------------------------- one line


def _record(**more: Any) -> bytes:
    return json.dumps({"type": "RECORD", "record": {"stream": "s", "data": {}, **more}}).encode()


def _complete(status: str) -> dict[str, Any]:
    body = {"stream_descriptor": {"name": "s"}, "status": status}
    return {"type": "TRACE", "trace": {"type": "STREAM_STATUS", "emitted_at": 1, "stream_status": body}}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"type": "RECORD", "record": {"stream": "s", "data": {"a": 1}}}, RecordMessage("s", None, {"a": 1})),
        ({"type": "RECORD", "record": {"stream": "s", "namespace": "n", "data": {}}}, RecordMessage("s", "n", {})),
        ({"type": "RECORD", "record": {"stream": "s", "namespace": None, "data": {}}}, RecordMessage("s", None, {})),
        (_stream_state(id=3), StateMessage(StreamName("events", "shop"))),
        ({"type": "STATE", "state": {"type": "GLOBAL", "global": {}}}, StateMessage(None)),
        ({"type": "STATE", "state": {"type": "GLOBAL", "global_": {}}}, StateMessage(None)),
        ({"type": "STATE", "state": {"type": "LEGACY", "data": {}}}, StateMessage(None)),
        ({"type": "STATE", "state": {"data": {}}}, StateMessage(None)),
        (_complete("COMPLETE"), StreamEnd(StreamName("s"))),
        (_complete("STARTED"), None),
        (_complete("INCOMPLETE"), None),
        ({"type": "TRACE", "trace": {"type": "ERROR", "error": {"message": "x"}}}, None),
        ({"type": "TRACE"}, None),
        ({"type": "LOG", "log": {"level": "INFO", "message": "x"}}, None),
        ({"type": "CONTROL", "control": {}}, None),
        ({"type": "SOMETHING_NEW", "record": 1}, None),
    ],
)
def test_line_when_it_is_a_message_then_it_is_what_a_destination_needs_of_it(
    document: dict[str, Any], expected: Message | None
) -> None:
    """Records, states and ends of streams are parsed; what a destination has no use for is ignored."""
    assert expected == parse_line(json.dumps(document).encode(), 1)


@pytest.mark.parametrize("line", [b"", b"   ", b"\t\r"])
def test_line_when_blank_then_it_is_ignored(line: bytes) -> None:
    """A blank line says nothing."""
    assert parse_line(line, 1) is None


_BAD_LINES = {
    "no JSON": b"canary-7f3a",
    "bad UTF-8": b'{"type":"RECORD","record":{"stream":"canary-7f3a","data":{"a":"\xff"}}}',
    "a surrogate as bytes": b'{"type":"RECORD","record":{"stream":"canary-7f3a","data":{"a":"\xed\xa0\x80"}}}',
    "bad UTF-8 beside a long number": b'{"type":"RECORD","record":{"stream":"s","data":{"canary-7f3a":12345678901234567890,"a":"\xff"}}}',
    "another encoding": '{"type":"LOG","canary-7f3a":1}'.encode("utf-16-le"),
    "half a line": b'{"type":"RECORD","record":{"stream":"s","data":{"a":"canary-7f3a',
    "two in one": b'{"type":"LOG"}{"type":"canary-7f3a"}',
    "NaN": b'{"type":"RECORD","record":{"stream":"canary-7f3a","data":{"a":NaN}}}',
    "NaN beside a long number": b'{"type":"RECORD","record":{"stream":"canary-7f3a","data":{"a":NaN,"b":12345678901234567890}}}',
    "Infinity": b'{"type":"RECORD","record":{"stream":"canary-7f3a","data":{"a":-Infinity}}}',
    "a list": b'["canary-7f3a"]',
    "a text": b'"canary-7f3a"',
    "null": b"null",
    "no type": b'{"record":{"stream":"canary-7f3a","data":{}}}',
    "a type that is none": b'{"type":7,"canary-7f3a":1}',
    "RECORD without record": b'{"type":"RECORD","canary-7f3a":1}',
    "RECORD without stream": b'{"type":"RECORD","record":{"data":{"a":"canary-7f3a"}}}',
    "RECORD without data": b'{"type":"RECORD","record":{"stream":"canary-7f3a"}}',
    "RECORD whose data is none": b'{"type":"RECORD","record":{"stream":"s","data":["canary-7f3a"]}}',
    "RECORD whose stream is none": b'{"type":"RECORD","record":{"stream":7,"data":{"a":"canary-7f3a"}}}',
    "RECORD whose namespace is none": b'{"type":"RECORD","record":{"stream":"s","namespace":7,"data":{"a":"canary-7f3a"}}}',
    "STATE without state": b'{"type":"STATE","canary-7f3a":1}',
    "STATE that is a list": b'{"type":"STATE","state":["canary-7f3a"]}',
    "STREAM state without stream": b'{"type":"STATE","state":{"type":"STREAM","canary-7f3a":1}}',
    "STREAM state without name": b'{"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"namespace":"canary-7f3a"}}}}',
    "too deep": b'{"type":"RECORD","canary-7f3a":' + b"[" * 200_000,
    "too deep, and whole": b'{"type":"LOG","canary-7f3a":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "deep, with a comma too many": b'{"type":"LOG","canary-7f3a":' + b"[" * 2_000 + b"1," + b"]" * 2_000 + b"}",
}


@pytest.mark.parametrize("line", _BAD_LINES.values(), ids=_BAD_LINES.keys())
def test_line_when_it_is_no_message_then_the_error_has_its_number_and_nothing_of_it(line: bytes) -> None:
    """Input that is not the protocol is a system_error that names the line by number only."""
    with pytest.raises(InputError) as caught:
        parse_line(line, 4711)
    told = str(caught.value)
    assert (caught.value.failure_type, "4711" in told) == ("system_error", True)
    assert CANARY not in told
    assert (caught.value.__suppress_context__ or caught.value.__context__ is None, caught.value.__cause__) == (
        True,
        None,
    )


@pytest.mark.parametrize(
    "number", [0, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63) - 1, 10**18, 10**19, 10**300, -(10**40) - 7]
)
def test_line_when_it_holds_an_integer_of_any_length_then_it_is_exact(number: int) -> None:
    """An identity of twenty digits is another person's if one digit changes."""
    message = parse_line(_record(data={"id": number, "in": [{"deep": number}]}), 1)
    assert RecordMessage("s", None, {"id": number, "in": [{"deep": number}]}) == message


@given(number=st.integers(-(10**60), 10**60))
def test_line_when_it_holds_any_integer_then_it_is_exact(number: int) -> None:
    """The same for all of them."""
    message = parse_line(_record(data={"id": number}), 1)
    assert isinstance(message, RecordMessage)
    assert (number, int) == (message.data["id"], type(message.data["id"]))


@pytest.mark.parametrize("levels", [1, 1_000, 1_021, 1_022, 2_000, 9_000])
@pytest.mark.parametrize("beside", [b"", b"12345678901234567890,", b'"\\ud83d",'], ids=["alone", "number", "surrogate"])
def test_line_when_its_data_is_nested_deeply_then_it_is_a_record_like_any_other(levels: int, beside: bytes) -> None:
    """Also beside what only the exact parser reads, whatever Python says of recursion."""
    nested = b"[" * levels + b'{"a": 7}' + b"]" * levels
    message = parse_line(b'{"type":"RECORD","record":{"stream":"s","data":{"id":1,"x":[' + beside + nested + b"]}}}", 1)
    assert isinstance(message, RecordMessage)
    level = message.data["x"][-1]
    for _ in range(levels):
        (level,) = level
    assert ({"a": 7}, 1) == (level, message.data["id"])


@pytest.mark.parametrize(("sign", "value"), [("", float("inf")), ("-", float("-inf"))])
def test_line_when_it_holds_an_integer_beyond_what_python_converts_then_it_is_infinite(sign: str, value: float) -> None:
    """As 1e400 is: it fits nothing that Intercom has, and must not end the sync; up to 4,300 digits it is exact."""
    line = b'{"type":"RECORD","record":{"stream":"s","data":{"a":%s,"b":%s}}}'
    long, longest = (sign + "9" * digits for digits in (4_301, 4_300))
    message = parse_line(line % (long.encode(), longest.encode()), 1)
    assert isinstance(message, RecordMessage)
    assert (value, longest) == (message.data["a"], str(message.data["b"]))


def test_line_when_it_holds_a_lone_surrogate_then_it_is_accepted() -> None:
    """JavaScript cuts emoji in half, and JSON allows it."""
    message = parse_line(b'{"type":"RECORD","record":{"stream":"s","data":{"a":"x\\ud83d"}}}', 1)
    assert RecordMessage("s", None, {"a": "x\ud83d"}) == message


def test_line_when_a_number_is_beyond_a_float_then_it_is_accepted() -> None:
    """1e400 is JSON; a record must not end the sync for it."""
    message = parse_line(b'{"type":"RECORD","record":{"stream":"s","data":{"a":1e400}}}', 1)
    assert RecordMessage("s", None, {"a": float("inf")}) == message


@given(line=st.binary(max_size=80))
def test_line_when_it_is_any_bytes_then_it_parses_or_is_an_input_error(line: bytes) -> None:
    """Nothing else comes out of the parser."""
    try:
        parse_line(line, 1)
    except InputError as error:
        assert "Line 1 of the input" in str(error)  # noqa: PT017 - most lines raise it, some do not


@given(document=_JSON)
def test_line_when_it_is_any_json_then_it_parses_or_is_an_input_error(document: Any) -> None:
    """The same for documents of any shape."""
    for wrapped in (document, {"type": "RECORD", "record": document}, {"type": "STATE", "state": document}):
        try:
            parse_line(json.dumps({"type": "TRACE", "trace": wrapped}).encode(), 1)
            parse_line(json.dumps(wrapped).encode(), 1)
        except InputError as error:
            assert "Line 1 of the input" in str(error)  # noqa: PT017 - as above


# ---------------------------------------------------------------- messages out


def test_log_when_it_is_made_then_it_is_airbytes() -> None:
    """A LOG has a level and a message."""
    expected = {"type": "LOG", "log": {"level": "WARN", "message": "a"}}
    assert expected == orjson.loads(log_line("WARN", "a"))


def test_error_when_a_stream_is_at_fault_then_the_trace_names_it() -> None:
    """One TRACE ERROR, with the failure type and the stream; the moment is in milliseconds."""
    error = ConfigurationError("The mapping is wrong.", stream=StreamName("events", "shop"))
    expected = {
        "type": "TRACE",
        "trace": {
            "type": "ERROR",
            "emitted_at": 1500.0,
            "error": {
                "message": "The mapping is wrong.",
                "internal_message": "ConfigurationError: The mapping is wrong.",
                "failure_type": "config_error",
                "stream_descriptor": {"name": "events", "namespace": "shop"},
            },
        },
    }
    assert expected == orjson.loads(error_line(error, emitted_at=1.5))


def test_error_when_no_stream_is_at_fault_then_the_trace_names_none() -> None:
    """A descriptor without a namespace has none, and an error without a stream no descriptor."""
    error = orjson.loads(error_line(InputError("x"), emitted_at=0))["trace"]["error"]
    assert (error["failure_type"], "stream_descriptor" in error) == ("system_error", False)
    error = orjson.loads(error_line(InputError("x", stream=StreamName("s")), emitted_at=0))["trace"]["error"]
    assert error["stream_descriptor"] == {"name": "s"}


def test_status_when_there_is_a_problem_then_it_is_told() -> None:
    """Succeeded, or failed with a message."""
    expected = {"type": "CONNECTION_STATUS", "connectionStatus": {"status": "SUCCEEDED"}}
    assert expected == orjson.loads(status_line(None))
    expected = {"type": "CONNECTION_STATUS", "connectionStatus": {"status": "FAILED", "message": "no"}}
    assert expected == orjson.loads(status_line("no"))


def test_spec_when_it_is_written_then_it_is_whole() -> None:
    """The specification is one message."""
    assert orjson.loads(spec_line({"a": [1]})) == {"type": "SPEC", "spec": {"a": [1]}}


@pytest.mark.parametrize("text", ["line\nbreak", "lone \ud83d half", "x" * 100_000])
def test_messages_when_a_text_is_odd_then_they_leave_as_one_line_of_utf8(text: str) -> None:
    """An error that cannot be written would be lost without a word."""
    error = InputError(text, stream=StreamName(text, text))
    for line in (log_line("INFO", text), error_line(error, emitted_at=0), status_line(text)):
        assert (len(line.splitlines()), bool(orjson.loads(line))) == (1, True)
