"""A value that goes there and back within the search's lag, over a SIGKILL, with the connector as a process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from integration_tests.conftest import Workplace
from integration_tests.support.harness import record, state, to_lines

PEOPLE = 20
LAG = 300.0


def round_of(name: str, number: int) -> bytes:
    """Everybody's name, and the state that ends the round."""
    users = [record("users", user_id=f"u{person}", name=name) for person in range(PEOPLE)]
    return to_lines([*users, state("users", number)])


ROUNDS = [round_of("there", 1), round_of("and", 2), round_of("there", 3)]


@pytest.mark.parametrize("killed_after", [1, 2, 3])
def test_value_that_goes_there_and_back_is_right_after_a_kill_within_the_lag(
    make_workplace: Callable[..., Workplace], killed_after: int
) -> None:
    """The second run knows nothing of the first one's writes, and the search shows none of them yet."""
    place = make_workplace(search_lag=LAG, latency=0.005)
    arguments = ("write", "--config", place.config(events={"mode": "disabled"}), "--catalog", place.catalog("users"))
    first = place.start(*arguments)
    for number, lines in enumerate(ROUNDS, start=1):
        first.send(lines)
        if number == killed_after:
            break
        first.wait_for("STATE", number)
    first.process.kill()
    first.join()
    acknowledged = len(first.states)
    assert acknowledged < len(ROUNDS)
    second = place.start(*arguments)
    assert 0 == second.finish(b"".join(ROUNDS[acknowledged:]))
    contacts: list[dict[str, Any]] = place.intercom.dump()["contacts"]
    assert [f"u{person}" for person in range(PEOPLE)] == sorted(
        (each["external_id"] for each in contacts), key=lambda name: int(name[1:])
    )
    assert {"there"} == {each["name"] for each in contacts}
