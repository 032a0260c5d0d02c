"""The class that Airbyte's CDK knows: exported lazily, and a thin adapter."""

import importlib
import io
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from destination_intercom import destination
from destination_intercom.airbyte.messages import RecordMessage, parse_line
from destination_intercom.airbyte.output import log_line, status_line

SOURCE = Path(__file__).resolve().parents[2] / "destination-intercom"


def _python(code: str) -> str:
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(SOURCE)!r}); {code}"]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def test_package_when_imported_then_the_cdk_is_not() -> None:
    """The CDK takes seconds to import, and the console script has no need of it."""
    code = "import destination_intercom, destination_intercom.run; print('airbyte_cdk' in sys.modules)"
    assert "False" == _python(code)


def test_package_when_asked_for_the_class_then_it_is_a_destination() -> None:
    """Airbyte's tools import `DestinationIntercom` from the package."""
    code = (
        "from destination_intercom import DestinationIntercom as D; from airbyte_cdk.destinations import Destination;"
        " print(issubclass(D, Destination), isinstance(D(), Destination))"
    )
    assert "True True" == _python(code)


def test_package_when_asked_for_anything_else_then_it_has_none() -> None:
    """A misspelt name is an AttributeError, as of any module."""
    package = importlib.import_module("destination_intercom")
    with pytest.raises(AttributeError, match="Destination_Intercom"):
        package.Destination_Intercom  # noqa: B018 - looking it up is what is under test


def test_spec_when_the_cdk_asks_then_it_is_the_files() -> None:
    """One specification, whoever asks: the CDK's model loses nothing of the file, and adds nothing."""
    from airbyte_cdk.models import ConnectorSpecificationSerializer

    from destination_intercom.cdk import DestinationIntercom

    written = json.loads((SOURCE / "destination_intercom" / "spec.json").read_text(encoding="utf-8"))
    assert written == ConnectorSpecificationSerializer.dump(DestinationIntercom().spec())


def test_spec_when_the_cdk_reads_it_then_it_says_what_the_connector_can() -> None:
    """The fields that the platform acts upon, in the CDK's own types."""
    from airbyte_cdk.models import DestinationSyncMode

    from destination_intercom.cdk import DestinationIntercom

    spec = DestinationIntercom().spec()
    modes = [DestinationSyncMode.append, DestinationSyncMode.append_dedup, DestinationSyncMode.overwrite]
    assert (True, False, False, modes) == (
        spec.supportsIncremental,
        spec.supportsNormalization,
        spec.supportsDBT,
        spec.supported_destination_sync_modes,
    )


def test_spec_when_the_cdk_lints_it_then_each_secret_is_where_it_is_masked() -> None:
    """What the CDK's tests of an image ask of the specification; they bear marks that pytest would not know here."""
    code = (
        "from airbyte_cdk.test.standard_tests._spec_lint import assert_spec_is_valid;"
        " from airbyte_cdk.utils.airbyte_secrets_utils import get_secrets;"
        " from destination_intercom import DestinationIntercom; spec = DestinationIntercom().spec();"
        " assert_spec_is_valid(spec, connector_name='destination-intercom');"
        " print(get_secrets(spec.connectionSpecification, {'access_token': 'canary'}))"
    )
    assert "['canary']" == _python(code)


def test_check_when_it_logs_then_the_level_is_kept(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A warning is a warning on this way too; a percent sign in it is no format."""
    from destination_intercom.cdk import DestinationIntercom

    lines = [log_line("WARN", "100 %s"), log_line("INFO", "so far"), log_line("ERROR", "bad"), status_line("why")]
    monkeypatch.setattr(destination, "check", lambda *_, **__: iter(lines))
    with caplog.at_level(logging.INFO):
        status = DestinationIntercom().check(logging.getLogger(__name__), {"access_token": "t"})
    assert ("FAILED", "why") == (status.status.value, status.message)
    assert [(logging.WARNING, "100 %s"), (logging.INFO, "so far"), (logging.ERROR, "bad")] == [
        (record.levelno, record.getMessage()) for record in caplog.records
    ]


@pytest.mark.parametrize("command", ["check", "write"])
def test_commands_when_they_meet_a_bug_then_the_cdk_is_not_told_its_text(
    monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """The CDK puts the text of an exception into its trace; ours may quote a record."""
    from airbyte_cdk.models import AirbyteMessageSerializer, ConfiguredAirbyteCatalog
    from airbyte_cdk.utils.traced_exception import AirbyteTracedException

    from destination_intercom.cdk import DestinationIntercom

    def fail(*_: Any, **__: Any) -> Iterator[bytes]:
        yield log_line("INFO", "so far")
        raise ValueError("canary")

    monkeypatch.setattr(destination, command, fail)
    connector = DestinationIntercom()
    commands: dict[str, Callable[[], Any]] = {
        "check": lambda: connector.check(logging.getLogger("airbyte"), {}),
        "write": lambda: list(connector.write({}, ConfiguredAirbyteCatalog(streams=[]), iter(()))),
    }
    with pytest.raises(AirbyteTracedException) as raised:
        commands[command]()
    told = AirbyteMessageSerializer.dump(raised.value.as_airbyte_message())["trace"]["error"]
    assert ("system_error", True) == (told["failure_type"], "unexpected ValueError" in told["message"])
    assert "canary" not in json.dumps(told)


def test_configuration_when_the_cdk_configures_then_no_copy_is_made(tmp_path: Path) -> None:
    """The CDK's own step writes the token to another file."""
    from destination_intercom.cdk import DestinationIntercom

    config = {"access_token": "canary"}
    assert config is DestinationIntercom().configure(config, str(tmp_path))
    assert [] == list(tmp_path.iterdir())


def test_messages_when_the_cdk_hands_them_over_then_they_are_lines_again() -> None:
    """What goes through the CDK comes out as the line it was, big integers too."""
    from airbyte_cdk.models import AirbyteMessage, AirbyteRecordMessage, Type

    from destination_intercom.cdk import _MessageReader

    data = {"id": 10**25, "name": "half \ud83d"}
    record = AirbyteRecordMessage(stream="s", data=data, emitted_at=1)
    reader = _MessageReader([AirbyteMessage(type=Type.RECORD, record=record)])
    line, end = reader.read(1), reader.read(1)
    assert (RecordMessage("s", None, data, emitted_at=1), b"") == (parse_line(line.removesuffix(b"\n"), 1), end)


@pytest.mark.parametrize("cursor", [2**70 + 1, 10**25, "\ud800"], ids=["71 bits", "26 digits", "lone surrogate"])
def test_write_when_a_state_holds_what_the_fast_parser_cannot_then_it_comes_back_as_it_was(
    cursor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cursor that is rounded on its way back makes the next sync skip records, or read them twice."""
    from airbyte_cdk.models import ConfiguredAirbyteCatalog

    from destination_intercom.cdk import DestinationIntercom

    line = json.dumps({"type": "STATE", "state": {"type": "LEGACY", "data": {"cursor": cursor}}}).encode()
    monkeypatch.setattr(destination, "write", lambda *_, **__: iter([line]))
    (message,) = DestinationIntercom().write({}, ConfiguredAirbyteCatalog(streams=[]), [])
    assert message.state is not None
    assert {"cursor": cursor} == message.state.data


def test_run_write_when_the_input_is_in_memory_then_it_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Tests of the CDK put a text over bytes in memory in the place of the standard input."""
    from destination_intercom.cdk import DestinationIntercom

    (tmp_path / "catalog.json").write_text("{}")
    read: list[bytes] = []

    def write(*_: Any, stdin: Any, **__: Any) -> Iterator[bytes]:
        read.append(stdin.read(100))
        return iter(())

    monkeypatch.setattr(destination, "write", write)
    stream = io.TextIOWrapper(io.BytesIO(b"a line\n"))
    assert [] == list(DestinationIntercom()._run_write({}, str(tmp_path / "catalog.json"), stream))
    assert [b"a line\n"] == read
