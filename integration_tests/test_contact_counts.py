"""The calls that contacts cost, as counts: a call per 150 to learn what Intercom has, and one per difference."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from integration_tests.support.harness import EmulatorTransport, Result, config, record, state, write
from integration_tests.support.virtual_clock import VirtualClock
from intercom_emulator import Intercom, Settings

KNOWN = 600
PER_SEARCH = 150
SEARCH, CREATE, UPDATE, LIST = "POST /contacts/search", "POST /contacts", "PUT /contacts/{id}", "GET /data_attributes"


def seeded(count: int) -> list[dict[str, Any]]:
    """Contacts that have long been there."""
    return [
        {
            "external_id": f"u{number}",
            "email": f"u{number}@example.com",
            "name": f"Name {number}",
            "signed_up_at": 1_714_953_600,
            "custom_attributes": {"plan": "pro", "seats": number},
        }
        for number in range(count)
    ]


def records(count: int, changed: Callable[[int], bool], *, with_email: bool = True) -> list[dict[str, Any]]:
    """Records of people, in other shapes than Intercom's; those that are `changed` differ in a custom attribute."""
    made = []
    for number in range(count):
        data: dict[str, Any] = {
            "user_id": f"u{number}",
            "name": f"Name {number}",
            "signed_up_at": "2024-05-06T00:00:00Z",
            "plan": "free" if changed(number) else "pro",
            "seats": str(number),
        }
        if with_email:
            data["email"] = f"U{number}@Example.com"
        made.append(record("users", **data))
    return made


ATTRIBUTES = [{"property": name} for name in ("email", "name", "signed_up_at", "plan", "seats")]
SEED = [{"name": "plan"}, {"name": "seats", "data_type": "integer"}]


def run(messages: Sequence[dict[str, Any]], *, known: int = KNOWN, latency: float = 0.08, **options: Any) -> Result:
    """Write `messages` to an Intercom that has `known` contacts, whose search lags and whose calls take time."""
    clock = VirtualClock()
    settings = {"search_lag": 240.0, "latency": latency, "keep_exchanges": 200}
    intercom = Intercom(Settings.from_dict(settings), clock=clock.wall)
    intercom.seed({"contacts": seeded(known), "data_attributes": SEED})
    users = {"mode": "enabled", "streams": [{"stream": "users"}], "attributes": ATTRIBUTES, **options}
    result = write(
        [*messages, state("users", 1)],
        configuration=config(events=None, users=users),
        intercom=intercom,
        clock=clock,
        transport=EmulatorTransport(intercom, clock),
    )
    assert None is result.error
    (only,) = result.states
    assert (len(messages), 0) == (
        only["destinationStats"]["recordCount"],
        only["destinationStats"]["rejectedRecordCount"],
    )
    return result


def searches(count: int) -> int:
    """The searches that so many people take."""
    return math.ceil(count / PER_SEARCH)


@pytest.mark.parametrize("latency", [0.0, 0.08, 0.5])
def test_known_contacts_when_none_changed_cost_one_search_per_150_and_nothing_else(latency: float) -> None:
    """67 for 10,000."""
    result = run(records(KNOWN, lambda number: False), latency=latency)
    assert {LIST: 1, SEARCH: searches(KNOWN)} == result.calls
    assert result.logged(f"unchanged {KNOWN}")


@pytest.mark.parametrize(("every", "changed"), [(10, KNOWN // 10), (1, KNOWN)])
def test_known_contacts_when_some_changed_cost_one_update_each_besides(every: int, changed: int) -> None:
    """1,067 for 10,000 of which a tenth changed, and 10,067 for all."""
    result = run(records(KNOWN, lambda number: number % every == 0))
    assert {LIST: 1, SEARCH: searches(KNOWN), UPDATE: changed} == result.calls
    assert changed == sum(each["custom_attributes"]["plan"] == "free" for each in result.contents["contacts"])


def test_known_contacts_when_none_changed_but_all_are_to_be_sent_cost_one_update_each() -> None:
    """`unchanged_contacts: send`."""
    result = run(records(KNOWN, lambda number: False), unchanged_contacts="send")
    assert {LIST: 1, SEARCH: searches(KNOWN), UPDATE: KNOWN} == result.calls


@pytest.mark.parametrize("with_email", [True, False])
def test_new_contacts_cost_one_create_each_and_one_more_search_where_they_have_an_address(with_email: bool) -> None:
    """30% are new, spread evenly: each batch asks once more, for the addresses of those who were not found."""
    count = KNOWN + KNOWN * 3 // 7
    order = sorted(range(count), key=lambda number: (number * 7919) % count)
    listed = records(count, lambda number: False, with_email=with_email)
    result = run([listed[number] for number in order])
    new = count - KNOWN
    batches = searches(count)
    assert {LIST: 1, SEARCH: batches * (2 if with_email else 1), CREATE: new} == result.calls
    assert count == len(result.contents["contacts"])


def test_contacts_when_they_come_again_in_the_same_run_are_not_looked_up_again() -> None:
    """Once written, a contact is known better than by any search; unwritten, it takes its place in a batch."""
    changed = records(300, lambda number: True)
    unchanged = records(300, lambda number: False)
    result = run([*changed, *unchanged], latency=0.0, known=300)
    assert searches(300) <= result.calls[SEARCH] <= searches(600)
    assert 300 <= result.calls[UPDATE] <= 600
    assert {"pro"} == {each["custom_attributes"]["plan"] for each in result.contents["contacts"]}


def test_records_of_one_person_that_come_together_cost_no_more_than_one() -> None:
    """In one batch they are merged."""
    same = [each for each in records(140, lambda number: True) for _ in range(10)]
    result = run(same, known=140)
    assert {LIST: 1, SEARCH: 1, UPDATE: 140} == result.calls
