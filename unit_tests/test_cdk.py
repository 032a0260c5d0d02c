"""The class that Airbyte's CDK knows: exported lazily, and a thin adapter."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from destination_intercom.protocol import RecordMessage, parse_line

SOURCE = Path(__file__).resolve().parents[1] / "destination-intercom"


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
    """One specification, whoever asks."""
    from airbyte_cdk.models import ConnectorSpecificationSerializer

    from destination_intercom.cdk import DestinationIntercom

    written = json.loads((SOURCE / "destination_intercom" / "spec.json").read_text(encoding="utf-8"))
    told = ConnectorSpecificationSerializer.dump(DestinationIntercom().spec())
    assert written == {name: value for name, value in told.items() if name in written}


def test_messages_when_the_cdk_hands_them_over_then_they_are_lines_again() -> None:
    """What goes through the CDK comes out as the line it was, big integers too."""
    from airbyte_cdk.models import AirbyteMessage, AirbyteRecordMessage, Type

    from destination_intercom.cdk import _MessageReader

    data = {"id": 10**25, "name": "half \ud83d"}
    record = AirbyteRecordMessage(stream="s", data=data, emitted_at=1)
    reader = _MessageReader([AirbyteMessage(type=Type.RECORD, record=record)])
    line, end = reader.read(1), reader.read(1)
    assert (RecordMessage("s", None, data), b"") == (parse_line(line.removesuffix(b"\n"), 1), end)
