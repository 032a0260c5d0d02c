"""PyAirbyte's own smoke test of a destination: `pyab` sends all its scenarios to the connector, against the emulator.

What each scenario must become stands in `smoke_cases`.
"""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass
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
from integration_tests.source.programs import (
    LOOPBACK,
    PYAIRBYTE,
    THIS_CONNECTOR,
    make_environment,
    overhear,
    read_hosts,
    read_left_out,
    read_logs,
    read_messages,
    read_summaries,
    require,
)
from integration_tests.source.smoke_cases import CASES, PREFLIGHT
from integration_tests.support.privacy import collect, refuse_leaks
from intercom_emulator import Intercom, Server, Settings

SOURCE = PYAIRBYTE / "source-smoke-test"
LONGEST_RUN = 300.0
SETTINGS = {"limit": 1_000_000, "keep_exchanges": 0}
"""The quota is another test's subject."""

BY_NAME = {case.name: case for case in CASES}

pytestmark = pytest.mark.source


@dataclass(frozen=True, slots=True)
class SmokeTest:
    """What was heard of the three programs, and what is in Intercom after them."""

    exit_code: int
    result: dict[str, Any]
    """What `pyab` prints."""
    hosts: set[str]
    configuration: dict[str, Any]
    read: bytes
    """All that the source printed."""
    catalog: list[dict[str, Any]]
    answers: list[dict[str, Any]]
    contents: dict[str, Any]

    @property
    def logs(self) -> list[str]:
        """What the connector logged, without the namespace of this run."""
        return [text.replace(f"{self.result['namespace']}.", "") for text in read_logs(self.answers)]


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> SmokeTest:
    """Let `pyab` run all scenarios, once for all tests."""
    require(PYAIRBYTE / "pyab", SOURCE)
    folder = tmp_path_factory.mktemp("smoke")
    (folder / "bin").mkdir()
    environment = make_environment(folder)
    environment["PATH"] = f"{folder / 'bin'}:{environment['PATH']}"
    overhear([str(SOURCE)], folder / "bin" / SOURCE.name)
    intercom = Intercom(Settings.from_dict(SETTINGS), clock=time.time)
    with Server(intercom) as server:
        configuration = configure(CASES, server.url)
        (folder / "config.json").write_text(json.dumps(configuration), encoding="utf-8")
        done = subprocess.run(
            [
                PYAIRBYTE / "pyab",
                "destination-smoke-test",
                "--destination",
                overhear(THIS_CONNECTOR, folder / "destination-intercom"),
                "--config",
                folder / "config.json",
                "--scenarios",
                "all",
            ],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=LONGEST_RUN,
            check=False,
        )
        said = done.stdout.decode()
        assert "{" in said, done.stderr.decode()[-4000:]
        discovered = read_messages(folder / "bin" / f"{SOURCE.name}-discover.jsonl")
        return SmokeTest(
            exit_code=done.returncode,
            result=json.loads(said[said.index("{\n") :]),
            hosts=read_hosts(folder),
            configuration=configuration,
            read=(folder / "bin" / f"{SOURCE.name}-read.jsonl").read_bytes(),
            catalog=[
                each for message in discovered if message["type"] == "CATALOG" for each in message["catalog"]["streams"]
            ],
            answers=read_messages(folder / "destination-intercom-write.jsonl"),
            contents=intercom.dump(),
        )


def test_smoke_test_when_all_scenarios_are_sent_then_pyab_finds_no_fault(smoke: SmokeTest) -> None:
    """The connector takes both writes, `pyab` counts each record, and nobody beyond this machine is reached."""
    sent = sum(case.counts().get("read", 0) for case in CASES if case.name != PREFLIGHT)
    expected = {"success": True, "preflight_passed": True, "error": None, "warnings": None, "records_delivered": sent}

    assert expected == {name: smoke.result[name] for name in expected}
    assert 0 == smoke.exit_code
    assert LOOPBACK == smoke.hosts


def test_connector_when_it_takes_all_scenarios_then_it_tells_no_value_and_no_error(smoke: SmokeTest) -> None:
    """The source gives no states, so none come back."""
    canaries = collect(smoke.read, smoke.configuration, {"streams": smoke.catalog})

    assert {"LOG"} == {message["type"] for message in smoke.answers}
    assert refuse_leaks(canaries, smoke.answers) > BY_NAME["large_batch_stream"].counts()["read"]


def test_scenarios_when_pyairbyte_has_them_then_each_has_its_case(smoke: SmokeTest) -> None:
    """A scenario that a new version brings needs a mapping, and a row in docs/test-streams.md."""
    assert set(BY_NAME) == {stream["name"] for stream in smoke.catalog}


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_scenario_when_it_is_sent_then_intercom_has_what_is_expected_of_it(case: Case, smoke: SmokeTest) -> None:
    """Counts and what is left out are in the summary; people, events and companies are those of the case alone."""
    assert list(case.syncs) == [_of_stream(case, read_summaries(smoke.logs))]
    assert case.left_out == _of_stream(case, read_left_out(smoke.logs))
    assert exactly(case.contacts) == exactly(_of(case, show_contacts(smoke.contents)))
    assert exactly(case.made_companies) == exactly(_of(case, show_companies(smoke.contents)))
    events = [each for each in show_events(smoke.contents) if each[0] in case.contacts]
    assert exactly(sort_events(case.made_events)) == exactly(events)


def test_intercom_when_all_scenarios_are_sent_then_it_has_nothing_else(smoke: SmokeTest) -> None:
    """What no case expects is not there."""
    assert {each for case in CASES for each in case.contacts} == set(show_contacts(smoke.contents))
    assert {each for case in CASES for each in case.made_companies} == set(show_companies(smoke.contents))
    assert sum(len(case.made_events) for case in CASES) == len(smoke.contents["events"])


def _of_stream(case: Case, told: dict[str, Any]) -> dict[str, Any]:
    """Return what was told of the stream of a case."""
    return {stream: each for stream, each in told.items() if stream == case.name}


def _of(case: Case, things: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the people, or companies, of one case: those whose IDs begin with its name, or which it names."""
    known = {*case.contacts, *case.made_companies}
    return {name: values for name, values in things.items() if name.startswith(f"{case.name}-") or name in known}
