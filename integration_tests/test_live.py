"""A few calls to a real workspace: `pytest -m live`, with a test workspace's token in secrets/config.json.

Takes the token and the region from that file, and its own streams: every identity begins with a
prefix of this run, and the contacts are archived at the end.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from destination_intercom.configuration.config import parse_config
from integration_tests.support.harness import catalog, record, state, to_lines
from integration_tests.support.processes import ROOT, Connector

CONFIG = ROOT / "secrets" / "config.json"
EVENT_NAME = "destination-intercom live test"
TIMEOUT = 30.0
LONGEST_RUN = 180.0
"""Seconds; an event may have to wait a minute for its new contact."""

pytestmark = pytest.mark.live


class Workspace:
    """The real workspace, with the contacts that this run makes in it."""

    def __init__(self, document: dict[str, Any], folder: Path) -> None:
        chosen = ("api_endpoint", "api_base_url", "access_token")
        self.prefix = f"live-{uuid.uuid4().hex[:12]}"
        self.people = [f"{self.prefix}-{number}" for number in (1, 2)]
        self.config: dict[str, Any] = {key: document[key] for key in chosen if key in document} | {
            "identity": {"property": "person"},
            "users": {"mode": "enabled", "streams": [{"stream": "users"}], "attributes": [{"property": "name"}]},
            "events": {
                "mode": "enabled",
                "streams": [{"stream": "events", "event_name": EVENT_NAME, "created_at_property": "at"}],
                "selected_events": [],
                "metadata": [{"property": "number"}],
            },
        }
        self.config_file = folder / "config.json"
        self.config_file.write_text(json.dumps(self.config))
        self.catalog_file = folder / "catalog.json"
        self.catalog_file.write_text(json.dumps(catalog("users", "events")))

    def messages(self) -> bytes:
        """Two contacts and an event of each, every two followed by a state."""
        now = int(time.time())
        users = [record("users", person=person, name=f"{self.prefix} test") for person in self.people]
        events = [record("events", person=person, at=now - 60, number=7) for person in self.people]
        return to_lines([*users, state("users", 1), *events, state("events", 2)])

    def call(self, method: str, path: str) -> requests.Response:
        """Make a call to Intercom's API."""
        config = parse_config(self.config)
        headers = {
            "Authorization": f"Bearer {config.token}",
            "Accept": "application/json",
            "Intercom-Version": "2.16",
        }
        return requests.request(method, config.base_url + path, headers=headers, timeout=TIMEOUT)

    def find(self, person: str) -> dict[str, Any] | None:
        """Read a contact by its identity; this does not lag as a search does."""
        answer = self.call("GET", f"/contacts/find_by_external_id/{person}")
        found: dict[str, Any] | None = answer.json() if answer.status_code == 200 else None
        return found

    def archive(self) -> list[int]:
        """Archive the contacts of this run; return the statuses of the answers."""
        found = [contact for person in self.people if (contact := self.find(person)) is not None]
        return [self.call("POST", f"/contacts/{contact['id']}/archive").status_code for contact in found]


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """The workspace of secrets/config.json; what the test made in it is archived afterwards."""
    if not CONFIG.exists():
        pytest.skip("secrets/config.json is absent: secrets/README.md says what belongs there")
    made = Workspace(json.loads(CONFIG.read_bytes()), tmp_path)
    yield made
    made.archive()


def test_workspace_when_written_to_takes_contacts_and_events(workspace: Workspace) -> None:
    """The check succeeds; two contacts and two events are delivered and acknowledged; no output names anybody."""
    check = Connector("check", "--config", str(workspace.config_file))
    assert check.finish() == 0
    assert {"status": "SUCCEEDED"} == check.messages[-1]["connectionStatus"]

    files = ("--config", str(workspace.config_file), "--catalog", str(workspace.catalog_file))
    write = Connector("write", *files)
    write.send(workspace.messages())
    write.wait_for("STATE", 2, seconds=LONGEST_RUN)
    assert write.finish() == 0
    assert [(1, 2, 0), (2, 2, 0)] == [
        (each["id"], each["destinationStats"]["recordCount"], each["destinationStats"]["rejectedRecordCount"])
        for each in write.states
    ]
    logs = "\n".join(each["log"]["message"] for each in write.messages if each["type"] == "LOG")
    assert 'Stream "users": read 2, delivered 2, ' in logs
    assert 'Stream "events": read 2, delivered 2, ' in logs
    assert [] == write.errors
    for connector in (check, write):
        output = json.dumps(connector.messages).encode() + connector.stderr
        assert workspace.prefix.encode() not in output
        assert workspace.config["access_token"].encode() not in output

    found = [workspace.find(person) for person in workspace.people]
    assert [f"{workspace.prefix} test"] * 2 == [contact and contact["name"] for contact in found]
    assert [200, 200] == workspace.archive()
    assert [None, None] == [workspace.find(person) for person in workspace.people]
