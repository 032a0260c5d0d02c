"""What one line says: the message that a destination needs, or an error that tells the line's number only."""

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from destination_intercom.airbyte.messages import Message, RecordMessage, StateMessage, StreamEnd, parse_line
from destination_intercom.errors import InputError, StreamName
from unit_tests.airbyte.wire_json import WIRE_JSON

CHANGES = [
    {"field": "a", "change": "NULLED", "reason": "SOURCE_RETRIEVAL_ERROR"},
    {"field": "b.c", "change": "TRUNCATED", "reason": "SOURCE_FIELD_SIZE_LIMITATION"},
    {"change": "NULLED"},
    {"field": 7},
    None,
]
METAS: list[Any] = [None, [], "a", {}, {"changes": None}, {"changes": {"field": "a"}}, {"changes": [{}, "a"]}]

CANARY = "canary-7f3a"


def _stream_state(**more: Any) -> dict[str, Any]:
    descriptor = {"name": "events", "namespace": "shop"}
    return {"type": "STATE", "state": {"type": "STREAM", "stream": {"stream_descriptor": descriptor}, **more}}


def _record(**more: Any) -> bytes:
    return json.dumps({"type": "RECORD", "record": {"stream": "s", "data": {}, **more}}).encode()


def _complete(status: str) -> dict[str, Any]:
    body = {"stream_descriptor": {"name": "s"}, "status": status}
    return {"type": "TRACE", "trace": {"type": "STREAM_STATUS", "emitted_at": 1, "stream_status": body}}


CHANGES = [
    {"field": "a", "change": "NULLED", "reason": "SOURCE_RETRIEVAL_ERROR"},
    {"field": "b.c", "change": "TRUNCATED", "reason": "SOURCE_FIELD_SIZE_LIMITATION"},
    {"change": "NULLED"},
    {"field": 7},
    None,
]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"type": "RECORD", "record": {"stream": "s", "data": {"a": 1}}}, RecordMessage("s", None, {"a": 1})),
        ({"type": "RECORD", "record": {"stream": "s", "namespace": "n", "data": {}}}, RecordMessage("s", "n", {})),
        (
            {"type": "RECORD", "record": {"stream": "s", "data": {"a": None}, "meta": {"changes": CHANGES}}},
            RecordMessage("s", None, {"a": None}, ("a", "b.c")),
        ),
        *(
            ({"type": "RECORD", "record": {"stream": "s", "data": {}, "meta": meta}}, RecordMessage("s", None, {}))
            for meta in METAS
        ),
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


@given(document=WIRE_JSON)
def test_line_when_it_is_any_json_then_it_parses_or_is_an_input_error(document: Any) -> None:
    """The same for documents of any shape."""
    for wrapped in (document, {"type": "RECORD", "record": document}, {"type": "STATE", "state": document}):
        try:
            parse_line(json.dumps({"type": "TRACE", "trace": wrapped}).encode(), 1)
            parse_line(json.dumps(wrapped).encode(), 1)
        except InputError as error:
            assert "Line 1 of the input" in str(error)  # noqa: PT017 - as above
