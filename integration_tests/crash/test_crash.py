"""Syncs that are killed, stopped, cut off or no longer listened to, several times in a row, and run on.

Each seed is one sync, one emulator over HTTP and one to four disturbances, each at a moment told by
progress. Eight seeds run always; `pytest integration_tests/crash --crash-seeds 200` runs more.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integration_tests.conftest import Workplace
from integration_tests.crash.disturbances import (
    CountedIntercom,
    Disturbance,
    Kind,
    Listening,
    Run,
    allowed_codes,
    is_cut,
)
from integration_tests.crash.sync import (
    FIRST_SECOND,
    LAG,
    SEED,
    STREAMS,
    Case,
    Step,
    hold_acknowledged,
    hold_states,
    hold_to_oracle,
    in_full,
    make_sync,
    rest_of,
)
from integration_tests.support.harness import catalog, hold_to_contract, record, state, to_lines, write
from integration_tests.support.processes import DEADLINE, Connector
from intercom_emulator import Server, Settings

KINDS = tuple(Kind)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give the tests of per-stream states the even seeds, those of global states the odd ones."""
    for fixture, first in (("stream_seed", 0), ("global_seed", 1)):
        if fixture in metafunc.fixturenames:
            metafunc.parametrize(fixture, range(first, metafunc.config.getoption("--crash-seeds"), 2))


@pytest.fixture
def make_place(tmp_path: Path) -> Iterator[Callable[[Case], Workplace]]:
    """Make a workplace for a case; its exchanges are held to the contract afterwards."""
    made: list[tuple[Server, Workplace]] = []

    def make(case: Case) -> Workplace:
        intercom = CountedIntercom(Settings.from_dict(case.settings()), clock=time.time)
        intercom.seed(SEED)
        server = Server(intercom)
        server.start()
        made.append((server, Workplace(tmp_path, intercom, server.url)))
        return made[-1][1]

    yield make
    for server, place in made:
        place.clean()
        server.stop()
        hold_to_contract(place.intercom.exchanges())


class Sync:
    """A sync from its first run to its last: what was given out so far, and what is still to be sent."""

    def __init__(self, case: Case, steps: list[Step], place: Workplace) -> None:
        self._case = case
        self._steps = steps
        self._place = place
        assert isinstance(place.intercom, CountedIntercom)
        self._intercom = place.intercom
        config_file, catalog_file = place.config(**case.sections()), place.catalog(*STREAMS)
        self._arguments = ("write", "--config", config_file, "--catalog", catalog_file)
        self._given: list[int] = []

    @property
    def rest(self) -> list[Step]:
        """What the source sends when the sync is run again."""
        return rest_of(self._steps, self._given)

    def draw(self, chance: random.Random, kind: Kind) -> Disturbance:
        """Draw a disturbance of the next run."""
        rest = self.rest
        states = sum(step.effect is None for step in rest)
        size = len(to_lines([step.message for step in rest])) - 1
        return Disturbance.draw(chance, kind, size=size, states=states, calls=max(len(rest) // 2, 2))

    def run(self, disturbance: Disturbance | None = None) -> None:
        """Run the connector on the rest, and hold to the oracle whatever it acknowledged."""
        sent = self.rest
        listens = disturbance is None or disturbance.kind is not Kind.DEAF
        connector = Listening(*self._arguments, until=None if listens or disturbance is None else disturbance.after)
        data = to_lines([step.message for step in sent])
        try:
            code = Run(connector, self._intercom, data).play(disturbance)
        finally:
            connector.process.kill()
        given = [
            (each["id"], each["destinationStats"]["recordCount"], each["destinationStats"]["rejectedRecordCount"])
            for each in connector.states
        ]
        hold_states(sent, given)
        assert b"" == connector.stderr
        self._hold_end(disturbance, data, code=code, connector=connector)
        hold_acknowledged(sent, [number for number, _, _ in given], self._place.intercom.dump())
        self._given += [number for number, _, _ in given]

    def _hold_end(self, disturbance: Disturbance | None, data: bytes, *, code: int, connector: Connector) -> None:
        """Hold the end of a run to what it should be: exit code, errors, and the states that had to leave."""
        fed = data[: disturbance.after] if disturbance is not None and disturbance.kind is Kind.CUT else data
        whole_lines = fed if fed == data or not is_cut(disturbance, data) else fed.rpartition(b"\n")[0]
        expected = [json.loads(line)["state"]["id"] for line in whole_lines.splitlines() if b'"STATE"' in line]
        given = sorted(each["id"] for each in connector.states)
        cut = is_cut(disturbance, data)
        if disturbance is None or disturbance.kind is Kind.CUT:
            assert (1 if cut else 0) == code
            # While a stream has had nothing but rejected records, its states are withheld.
            assert given == expected or (cut and self._case.stop_after_rejected)
        else:
            assert code in allowed_codes(disturbance.kind, all_given=given == expected)
        if disturbance is None or disturbance.kind is not Kind.DEAF:
            assert ["system_error"] * cut == [each["failure_type"] for each in connector.errors]


def disturb(seed: int, make_place: Callable[[Case], Workplace], *, per_stream: bool) -> None:
    """Run one seed: disturbed syncs, the last one to its end, and the same sync undisturbed."""
    chance = random.Random(seed)
    case = Case.draw(chance, per_stream=per_stream)
    steps = make_sync(chance, case)
    kinds = [KINDS[seed // 2 % len(KINDS)], *chance.choices(KINDS, [6, 3, 1, 1, 1], k=chance.randrange(4))]
    place = make_place(case)
    sync = Sync(case, steps, place)
    for kind in kinds:
        if not sync.rest:
            break
        sync.run(sync.draw(chance, kind))
    place.intercom.change_settings({"latency": 0.0})
    sync.run()
    assert [] == sync.rest
    contents = place.intercom.dump()
    hold_to_oracle(steps, contents)
    assert in_full(run_undisturbed(case, steps)) == in_full(contents)


def run_undisturbed(case: Case, steps: list[Step]) -> dict[str, Any]:
    """Run a sync in one go; return what Intercom holds then."""
    result = write(
        [step.message for step in steps],
        configuration=case.configuration(),
        configured_catalog=catalog(*STREAMS),
        settings=case.calm_settings(),
        seed=SEED,
    )
    assert result.error is None
    hold_to_oracle(steps, result.contents)
    return result.contents


def test_sync_with_states_per_stream_when_disturbed_and_run_on_ends_as_if_undisturbed(
    make_place: Callable[[Case], Workplace], stream_seed: int
) -> None:
    """Each stream goes on from its own last state; nothing is lost, doubled, or acknowledged too early."""
    disturb(stream_seed, make_place, per_stream=True)


def test_sync_with_states_of_all_streams_when_disturbed_and_run_on_ends_as_if_undisturbed(
    make_place: Callable[[Case], Workplace], global_seed: int
) -> None:
    """All streams go on from the last state; nothing is lost, doubled, or acknowledged too early."""
    disturb(global_seed, make_place, per_stream=False)


def test_event_of_a_person_whom_the_killed_run_made_a_moment_ago_is_delivered(
    make_workplace: Callable[..., Workplace],
) -> None:
    """Events of new people are answered 404 for seconds, and the next run knows nothing of what this one wrote."""
    # As a lag would have it, on a machine of any speed.
    place = make_workplace(faults=[{"endpoint": "POST /events", "kind": "status", "status": 404, "first": 2}])
    first = place.write()
    first.send(to_lines([record("users", user_id="canary-1", email="canary-1@example.com"), state("users", 1)]))
    first.wait_for("STATE")
    first.process.kill()
    first.join()
    second = place.write()
    event = record("events", user_id="canary-1", name="did it", at=FIRST_SECOND)
    assert 0 == second.finish(to_lines([event, state("events", 2)]))
    assert [{"recordCount": 1, "rejectedRecordCount": 0}] == [each["destinationStats"] for each in second.states]
    assert ["did it"] == [each["event_name"] for each in place.intercom.dump()["events"]]
    assert 3 == place.intercom.dump()["calls"]["POST /events"]


def test_sync_in_bulk_when_killed_while_its_jobs_are_open_then_the_next_one_ends_as_if_undisturbed(
    make_workplace: Callable[..., Workplace],
) -> None:
    """The jobs go on without anybody who asks for them; the next run finds some done, some open, and doubles nobody."""
    place = make_workplace(bulk_duration=3.0, search_lag=LAG)
    known = [{"external_id": f"canary-{number}", "name": "canary as it was"} for number in range(20)]
    place.intercom.seed({"contacts": known})
    messages = [record("users", user_id=f"canary-{number}", name=f"canary {number}") for number in range(40)]
    sections: dict[str, Any] = {
        "users": {"mode": "enabled", "streams": [{"stream": "users"}], "attributes": [{"property": "name"}]},
        "delivery": {"contacts_api": "bulk"},
    }
    first = place.write(**sections)
    first.send(to_lines([*messages, state("users", 1)]))
    deadline = time.monotonic() + DEADLINE
    while len(place.intercom.dump()["bulk_jobs"]) < 2:
        assert time.monotonic() < deadline, "no job was opened"
        time.sleep(0.02)
    first.process.kill()
    first.join()
    assert [] == first.states
    assert {"running"} == {each["state"] for each in place.intercom.dump()["bulk_jobs"]}
    second = place.write(**sections)
    assert 0 == second.finish(to_lines([*messages, state("users", 1)]))
    assert [{"recordCount": 40, "rejectedRecordCount": 0}] == [each["destinationStats"] for each in second.states]
    contents = place.intercom.dump()
    assert {f"canary-{number}": f"canary {number}" for number in range(40)} == {
        each["external_id"]: each["name"] for each in contents["contacts"]
    }
    assert 40 == len(contents["contacts"])
