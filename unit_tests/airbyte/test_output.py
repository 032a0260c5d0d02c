"""The messages that the connector gives out: each one line of Airbyte's."""

import orjson
import pytest

from destination_intercom.airbyte.output import error_line, log_line, spec_line, status_line
from destination_intercom.errors import ConfigurationError, InputError, StreamName


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
