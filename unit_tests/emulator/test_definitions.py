"""The data attributes of another workspace, from a file."""

import contextlib
import http.client
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from intercom_emulator import Intercom
from intercom_emulator.__main__ import main
from intercom_emulator.definitions import read_definitions
from unit_tests.emulator.bench import HEADERS, Bench, good

SOURCE = Path(__file__).resolve().parents[2] / "destination-intercom"
ENTRY = {"name": "plan", "model": "contact", "data_type": "string", "custom": True}


def _listed(intercom: Intercom, model: str) -> list[dict[str, Any]]:
    answer = intercom.handle("GET", f"/data_attributes?model={model}&include_archived=true", HEADERS)
    listed: list[dict[str, Any]] = good(answer)["data"]
    return [each for each in listed if each["custom"]]


def test_definitions_when_of_a_workspace_then_another_has_the_same_and_its_rules() -> None:
    """What one lists of contacts and of companies, the other lists; its values are checked as there."""
    first = Bench()
    first.attribute("plan", label="The plan", options=["free", "pro"])
    first.attribute("seats", "integer", model="company", api_writable=False)
    first.attribute("old", archived=True)
    answers = [
        first.get(f"/data_attributes?model={model}&include_archived=true")["data"] for model in ("contact", "company")
    ]
    second = Intercom(
        attributes=read_definitions({"type": "list", "data": [each for data in answers for each in data]})
    )
    for model in ("contact", "company"):
        then = [{**each, "created_at": 0, "updated_at": 0, "id": 0} for each in _listed(first.intercom, model)]
        assert then == [{**each, "created_at": 0, "updated_at": 0, "id": 0} for each in _listed(second, model)]
    body = json.dumps({"external_id": "1", "custom_attributes": {"plan": 5}}).encode()
    assert 400 == second.handle("POST", "/contacts", HEADERS, body).status


def test_definitions_when_the_workspace_is_reset_then_there_again() -> None:
    """A reset returns to the start, and they are part of it."""
    intercom = Intercom(attributes=read_definitions([ENTRY]))
    intercom.seed({"data_attributes": [{"name": "more"}]})
    intercom.reset()
    assert ["plan"] == [each["name"] for each in _listed(intercom, "contact")]


@pytest.mark.parametrize(
    ("entry", "seeded"),
    [
        ({"custom": False}, []),
        ({"model": "conversation"}, []),
        (
            {"options": [{"value": "a"}, {"value": "b"}], "data_type": "options"},
            [{"data_type": "string", "options": ["a", "b"]}],
        ),
        (
            {"options": None, "label": None, "admin_id": "1", "api_writable": None},
            [{"data_type": "string", "options": []}],
        ),
    ],
)
def test_definitions_when_an_entry_is_special_then_read_as_it_is_meant(
    entry: dict[str, Any], seeded: list[Any]
) -> None:
    """Standard attributes and other models are none of ours, and what is unknown is passed over."""
    assert [{"name": "plan", "model": "contact", **each} for each in seeded] == read_definitions([ENTRY | entry])


@pytest.mark.parametrize(
    "document",
    [{}, {"data": 1}, None, "x", [1], [{}], [{"name": ""}], [ENTRY | {"data_type": "money"}], [ENTRY | {"data_type": []}],
     [ENTRY | {"options": [1]}], [ENTRY | {"options": 5}]],
)  # fmt: skip
def test_definitions_when_they_are_none_then_said(document: Any) -> None:
    """A file that is another file is not read as an empty workspace."""
    with pytest.raises((ValueError, TypeError)):
        read_definitions(document)


def test_emulator_when_started_with_a_file_then_has_its_attributes(tmp_path: Path) -> None:
    """`--attributes FILE`, as a process; a file that makes no sense ends it with 2."""
    path = tmp_path / "attributes.json"
    path.write_text(json.dumps({"data": [ENTRY | {"label": "Plän"}]}, ensure_ascii=False), encoding="utf-8")
    command = [sys.executable, "-m", "intercom_emulator", "--attributes", str(path)]
    with subprocess.Popen(command, cwd=SOURCE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["url"]
            with contextlib.closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)) as connection:
                connection.request("GET", "/_emulator/state")
                state = connection.getresponse().read()
        finally:
            process.terminate()
    assert ["Plän"] == [each["label"] for each in json.loads(state)["data_attributes"] if each["custom"]]
    path.write_text("{}", encoding="utf-8")
    assert 2 == main(["--attributes", str(path)])
