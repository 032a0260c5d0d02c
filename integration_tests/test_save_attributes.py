"""`check --save-attributes FILE`, and an emulator that has them with `--attributes FILE`."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from integration_tests.conftest import Workplace
from integration_tests.support.harness import TOKEN
from integration_tests.support.processes import ROOT

ATTRIBUTES = [
    {"name": "plan", "label": "The plan", "options": ["free", "pro"], "description": "Ask Ada"},
    {"name": "seats", "data_type": "integer", "model": "company"},
    {"name": "old", "archived": True},
    {"name": "locked", "api_writable": False},
]
USERS = {
    "mode": "enabled",
    "streams": [{"stream": "users"}],
    "attributes": [{"property": "name"}, {"property": "plan"}],
}


@contextmanager
def emulator(path: Path) -> Iterator[str]:
    """Run an emulator with the attributes of a file."""
    command = [sys.executable, "-m", "intercom_emulator", "--attributes", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT / "destination-intercom") as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.terminate()


def attributes_of(url: str, *, token: str) -> dict[str, Any]:
    """Return the custom attributes that an Intercom lists, by model and name; without ids and times."""
    found: dict[str, Any] = {}
    for model in ("contact", "company"):
        request = urllib.request.Request(  # noqa: S310 - a loopback address
            f"{url}/data_attributes?model={model}&include_archived=true", headers={"Authorization": f"Bearer {token}"}
        )
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            listed = json.loads(answer.read())["data"]
        kept = ("label", "data_type", "options", "archived", "api_writable")
        found |= {f"{model} {each['name']}": {key: each.get(key) for key in kept} for each in listed if each["custom"]}
    return found


def test_attributes_when_saved_then_an_emulator_has_them_and_the_same_mapping_passes(
    workplace: Workplace, tmp_path: Path
) -> None:
    """Definitions only: the token and what people wrote are not in the file."""
    workplace.intercom.seed({"data_attributes": ATTRIBUTES})
    path = tmp_path / "attributes.json"
    check = workplace.start("check", "--config", workplace.config(users=USERS), "--save-attributes", str(path))
    assert 0 == check.finish()
    assert {"status": "SUCCEEDED"} == check.messages[-1]["connectionStatus"]
    saved = path.read_bytes()
    assert [] == [word for word in (TOKEN, "Ask Ada", "admin_id", "description") if word.encode() in saved]
    with emulator(path) as url:
        assert attributes_of(workplace.url, token=TOKEN) == attributes_of(url, token="test-token")
        document = {**json.loads(Path(workplace.config(users=USERS)).read_bytes()), "access_token": "test-token"}
        again = workplace.start("check", "--config", workplace.file("local.json", {**document, "api_base_url": url}))
        assert 0 == again.finish()
        assert {"status": "SUCCEEDED"} == again.messages[-1]["connectionStatus"]


def test_attributes_when_the_mapping_does_not_fit_are_saved_all_the_same(workplace: Workplace, tmp_path: Path) -> None:
    """Then they are needed most."""
    path = tmp_path / "attributes.json"
    check = workplace.start("check", "--config", workplace.config(users=USERS), "--save-attributes", str(path))
    assert 0 == check.finish()
    assert "FAILED" == check.messages[-1]["connectionStatus"]["status"]
    assert "custom" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("sections", [{"access_token": "canary-token"}, {"acces_token": "canary"}])
def test_attributes_when_nobody_tells_them_then_no_file(
    workplace: Workplace, tmp_path: Path, sections: dict[str, Any]
) -> None:
    """A token that is refused, or a configuration that is none, leaves what was saved before."""
    path = tmp_path / "attributes.json"
    path.write_text("before", encoding="utf-8")
    check = workplace.start("check", "--config", workplace.config(**sections), "--save-attributes", str(path))
    check.finish()
    assert "FAILED" == check.messages[-1]["connectionStatus"]["status"]
    assert "before" == path.read_text(encoding="utf-8")


def test_attributes_when_their_file_cannot_be_written_then_the_check_fails_and_says_so(
    workplace: Workplace, tmp_path: Path
) -> None:
    """In the message of the check, with the cure."""
    check = workplace.start("check", "--config", workplace.config(), "--save-attributes", str(tmp_path / "no" / "file"))
    assert 0 == check.finish()
    assert {
        "status": "FAILED",
        "message": "The attributes file cannot be written (No such file or directory): check its path.",
    } == check.messages[-1]["connectionStatus"]
