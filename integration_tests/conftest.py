"""Fixtures for tests that run the connector as a process against an emulator over HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from integration_tests.faults.summary import pytest_terminal_summary  # noqa: F401 - a hook
from integration_tests.support.harness import catalog, config, hold_to_contract
from integration_tests.support.processes import Connector
from intercom_emulator import Intercom, Server, Settings


class Workplace:
    """An emulator over HTTP, and a folder with the files that a command needs."""

    def __init__(self, folder: Path, intercom: Intercom, url: str) -> None:
        self.folder = folder
        self.intercom = intercom
        self.url = url
        self._started: list[Connector] = []

    def file(self, name: str, document: object) -> str:
        """Write a JSON file, or the bytes as they are; return its path."""
        path = self.folder / name
        path.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
        return str(path)

    def config(self, **sections: Any) -> str:
        """Write a configuration that points at the emulator."""
        return self.file("config.json", {**config(**sections), "api_base_url": self.url})

    def catalog(self, *names: str) -> str:
        """Write a configured catalog."""
        return self.file("catalog.json", catalog(*(names or ("users", "events"))))

    def start(self, *arguments: str, environment: Mapping[str, str] | None = None) -> Connector:
        """Start a command; it is killed at the end of the test if it still runs."""
        connector = Connector(*arguments, environment=environment)
        self._started.append(connector)
        return connector

    def write(self, *, environment: Mapping[str, str] | None = None, **sections: Any) -> Connector:
        """Start `write` with the given sections of the configuration."""
        arguments = ("write", "--config", self.config(**sections), "--catalog", self.catalog())
        return self.start(*arguments, environment=environment)

    def clean(self) -> None:
        """Kill what still runs."""
        for connector in self._started:
            connector.process.kill()
            connector.join()


@pytest.fixture
def make_workplace(tmp_path: Path) -> Iterator[Callable[..., Workplace]]:
    """Make an emulator over HTTP with the given settings; its exchanges are held to the contract afterwards."""
    made: list[tuple[Server, Workplace]] = []

    def make(**settings: Any) -> Workplace:
        intercom = Intercom(Settings.from_dict(settings), clock=time.time)
        server = Server(intercom)
        server.__enter__()
        folder = tmp_path / str(len(made))
        folder.mkdir()
        workplace = Workplace(folder, intercom, server.url)
        made.append((server, workplace))
        return workplace

    yield make
    for server, workplace in made:
        workplace.clean()
        server.__exit__(None, None, None)
        hold_to_contract(workplace.intercom.exchanges())


@pytest.fixture
def workplace(make_workplace: Callable[..., Workplace]) -> Workplace:
    """Make an emulator over HTTP with its default settings."""
    return make_workplace()
