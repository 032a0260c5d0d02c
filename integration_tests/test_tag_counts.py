"""The calls that tags cost, as counts: one a run for their names, one for fifty who enter one, one for each who leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from integration_tests.support.harness import EmulatorTransport, Result, config, record, state, write
from integration_tests.support.virtual_clock import VirtualClock
from integration_tests.test_contact_counts import KNOWN, LIST, SEARCH, records, searches, seeded
from intercom_emulator import Intercom, Settings

COMPANIES = 50
NAMES, TAG, UNTAG = "GET /tags", "POST /tags", "DELETE /contacts/{id}/tags/{tag_id}"
UPSERT = "POST /companies"
USERS: dict[str, Any] = {
    "mode": "enabled",
    "streams": [{"stream": "users"}],
    "attributes": [{"property": name} for name in ("email", "name", "signed_up_at", "plan", "seats")],
    "member_of": [{"property": "account"}],
    "tags": [{"property": "segments", "prefix": "Segment:", "mode": "replace"}],
}
SEED: list[dict[str, Any]] = [{"name": "plan"}, {"name": "seats", "data_type": "integer"}]
OWN = ["Big", "Old"]
"""The segments that everybody has long been in."""


def people(segments: Callable[[int], list[str]]) -> list[dict[str, Any]]:
    """Records of people of whom nothing has changed, but perhaps the segments."""
    made = records(KNOWN, lambda number: False)
    for number, each in enumerate(made):
        each["record"]["data"] |= {"account": f"c{number % COMPANIES}", "segments": segments(number)}
    return made


def run(messages: Sequence[dict[str, Any]], *, latency: float = 0.08, concurrency: int = 64) -> Result:
    """Write `messages` to an Intercom whose people are known, each with two tags and a company."""
    clock = VirtualClock()
    settings = {"search_lag": 240.0, "latency": latency, "keep_exchanges": 200}
    intercom = Intercom(Settings.from_dict(settings), clock=clock.wall)
    contacts = seeded(KNOWN)
    for number, each in enumerate(contacts):
        each["companies"] = [{"company_id": f"c{number % COMPANIES}"}]
        each["tags"] = [{"name": f"Segment: {name}"} for name in OWN]
    intercom.seed({"contacts": contacts, "data_attributes": SEED})
    result = write(
        [*messages, state("users", 1)],
        configuration=config(events=None, users=USERS, delivery={"concurrency": concurrency}),
        intercom=intercom,
        clock=clock,
        transport=EmulatorTransport(intercom, clock),
    )
    assert None is result.error
    return result


UNCHANGED = {LIST: 1, SEARCH: searches(KNOWN), UPSERT: COMPANIES, NAMES: 1}


def test_people_whose_tags_are_shown_cost_one_call_for_the_names_of_all_tags() -> None:
    """Besides their searches, and one call for each company."""
    result = run(people(lambda _: OWN))
    assert UNCHANGED == result.calls
    assert result.logged(f"unchanged {KNOWN}")


@pytest.mark.parametrize("concurrency", [1, 64])
@pytest.mark.parametrize("latency", [0.0, 0.08, 0.3])
def test_people_who_enter_a_tag_cost_a_handful_of_calls(latency: float, concurrency: int) -> None:
    """A hundred of them, from all batches: two calls, or some more where the lookups take longer than two seconds."""
    entering = set(range(0, KNOWN, KNOWN // 100))
    result = run(
        people(lambda number: [*OWN, "New"] if number in entering else OWN), latency=latency, concurrency=concurrency
    )
    assert 100 == len(entering)
    assert {**UNCHANGED, TAG: result.calls[TAG]} == result.calls
    assert 2 <= result.calls[TAG] <= 8
    assert result.logged(f"delivered 100, unchanged {KNOWN - 100}")


def test_people_who_leave_a_tag_cost_one_call_each() -> None:
    """A hundred of them."""
    result = run(people(lambda number: OWN[:1] if number < 100 else OWN))
    assert {**UNCHANGED, UNTAG: 100} == result.calls


def test_new_people_who_are_all_tagged_cost_one_call_for_fifty_besides_their_own() -> None:
    """Whatever they have in common."""
    new = [record("users", user_id=f"new{number}", segments=["New", f"s{number % 2}"]) for number in range(400)]
    result = run(new)
    assert 400 == result.calls["POST /contacts"]
    assert 16 <= result.calls[TAG] <= 24
    assert NAMES not in result.calls


def test_records_of_one_person_that_name_many_tags_are_merged() -> None:
    """In one batch they add up, and each tag costs a call."""
    result = run([record("users", user_id="u1", segments=f"t{number % 7}") for number in range(70)])
    assert {LIST: 1, SEARCH: 1, NAMES: 1, TAG: 7} == result.calls
