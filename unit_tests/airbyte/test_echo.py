"""The echo of a state: byte for byte, but for its counts."""

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, strategies as st

from destination_intercom.airbyte.echo import echo_state
from unit_tests.airbyte.wire_json import KEYS, WIRE_JSON

STATS = b'{"recordCount":3,"rejectedRecordCount":2}'


def _echo(line: bytes) -> bytes:
    return echo_state(line, record_count=3, rejected_record_count=2)


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


@given(
    before=st.dictionaries(KEYS, WIRE_JSON, max_size=3),
    state=st.dictionaries(KEYS, WIRE_JSON, max_size=5),
    after=st.dictionaries(KEYS, WIRE_JSON, max_size=3),
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
