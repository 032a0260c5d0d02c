"""Meltano's test streams for Singer targets, converted to Airbyte's messages and sent to the connector as a process.

What each file must become stands in `singer_cases`; the conversion is `singer`'s.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from integration_tests.source.cases import (
    Case,
    configure,
    exactly,
    show_companies,
    show_contacts,
    show_events,
    sort_events,
)
from integration_tests.source.programs import SINGER_SDK, read_left_out, read_logs, read_summaries, require
from integration_tests.source.singer import Sync, convert
from integration_tests.source.singer_cases import CASES
from integration_tests.support.processes import Connector
from intercom_emulator import Intercom, Server, Settings

BY_NAME = {case.name: case for case in CASES}

pytestmark = pytest.mark.source


@pytest.fixture(scope="module")
def files() -> dict[str, Path]:
    """The files of the package, by name."""
    require(SINGER_SDK)
    found = SINGER_SDK.glob("lib/python*/site-packages/singer_sdk/testing/target_test_streams/*.singer")
    return {path.stem: path for path in found}


@dataclass(frozen=True, slots=True)
class Place:
    """An empty Intercom, and a folder for the connector's files."""

    intercom: Intercom
    url: str
    folder: Path

    def send(self, case: Case, sync: Sync) -> Connector:
        """Send one sync; return the connector, which has ended."""
        arguments = ["write"]
        for option, document in {"--config": configure([case], self.url), "--catalog": sync.catalog()}.items():
            path = self.folder / f"{option.strip('-')}.json"
            path.write_text(json.dumps(document), encoding="utf-8")
            arguments += [option, str(path)]
        connector = Connector(*arguments)
        exit_code = connector.finish(sync.lines())
        assert exit_code == (1 if connector.errors else 0)
        return connector

    def send_all(self, case: Case, files: dict[str, Path]) -> list[Connector]:
        """Send the syncs of a case's file, one after the other."""
        return [self.send(case, sync) for sync in convert(files[case.name].read_bytes().splitlines())]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """An empty Intercom over HTTP."""
    intercom = Intercom(Settings.from_dict({"limit": 1_000_000}), clock=time.time)
    with Server(intercom) as server:
        yield Place(intercom, server.url, tmp_path)


def test_files_when_the_package_has_them_then_each_has_its_case(files: dict[str, Path]) -> None:
    """A file that a new version brings needs a mapping, and a row in docs/test-streams.md."""
    assert set(BY_NAME) == set(files)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_file_when_it_is_sent_then_intercom_has_what_is_expected_of_it(
    case: Case, files: dict[str, Path], place: Place
) -> None:
    """Counts, states and errors are the case's, and so is all that is in Intercom."""
    if case.after:
        place.send_all(BY_NAME[case.after], files)
    ended = place.send_all(case, files)

    contents = place.intercom.dump()
    errors = [error["message"] for each in ended for error in each.errors]
    assert list(case.errors) == errors
    assert list(case.syncs) == [read_summaries(read_logs(each.messages)) for each in ended]
    assert case.left_out == read_left_out(text for each in ended for text in read_logs(each.messages))
    assert list(case.states) == [_counts(state) for each in ended for state in each.states]
    assert exactly(case.contacts) == exactly(show_contacts(contents))
    assert exactly(sort_events(case.made_events)) == exactly(show_events(contents))
    assert exactly(case.made_companies) == exactly(show_companies(contents))
    types = {each["name"]: each["data_type"] for each in contents["data_attributes"] if each["custom"]}
    assert case.types == (types if case.types else {})

    place.send_all(case, files)
    again = place.intercom.dump()
    shown = (show_contacts, show_events, show_companies)
    assert [show(contents) for show in shown] == [show(again) for show in shown], "sent twice, it is there once"


def _counts(state: dict[str, Any]) -> tuple[int, int]:
    told = state["destinationStats"]
    return told["recordCount"], told["rejectedRecordCount"]
