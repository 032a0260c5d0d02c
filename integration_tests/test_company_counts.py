"""The calls that companies and their people cost, as counts: one a company and a run, and what differs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from integration_tests.support.harness import EmulatorTransport, Result, config, record, state, write
from integration_tests.support.virtual_clock import VirtualClock
from integration_tests.test_contact_counts import CREATE, KNOWN, LIST, SEARCH, UPDATE, records, searches, seeded
from intercom_emulator import Intercom, Settings

COMPANIES = 50
UPSERT, ATTACH, LISTED = "POST /companies", "POST /contacts/{id}/companies", "GET /contacts/{id}/companies"
USERS: dict[str, Any] = {
    "mode": "enabled",
    "streams": [{"stream": "users"}],
    "attributes": [{"property": name} for name in ("email", "name", "signed_up_at", "plan", "seats")],
    "member_of": [{"property": "account"}],
}
ACCOUNTS: dict[str, Any] = {
    "mode": "enabled",
    "streams": [{"stream": "accounts", "company_id_property": "id"}],
    "attributes": [{"property": "name"}, {"property": "tier"}],
}
SEED: list[dict[str, Any]] = [
    {"name": "plan"},
    {"name": "seats", "data_type": "integer"},
    {"name": "tier", "model": "company"},
]


def own_company(number: int) -> str:
    """The company that a person has belonged to for long."""
    return f"c{number % COMPANIES}"


def people(account: Callable[[int], Any]) -> list[dict[str, Any]]:
    """Records of people of whom nothing has changed, but perhaps the company."""
    made = records(KNOWN, lambda number: False)
    for number, each in enumerate(made):
        each["record"]["data"]["account"] = account(number)
    return made


def accounts() -> list[dict[str, Any]]:
    """Records of all companies."""
    return [record("accounts", id=f"c{number}", name=f"Company {number}", tier="gold") for number in range(COMPANIES)]


def run(messages: Sequence[dict[str, Any]], *, members: bool = True, concurrency: int = 64, **sections: Any) -> Result:
    """Write `messages` to an Intercom whose people are known, and unless told otherwise their companies, too."""
    clock = VirtualClock()
    settings = {"search_lag": 240.0, "latency": 0.08, "keep_exchanges": 200}
    intercom = Intercom(Settings.from_dict(settings), clock=clock.wall)
    contacts = seeded(KNOWN)
    for number, each in enumerate(contacts):
        each["companies"] = [{"company_id": own_company(number)}] if members else []
    intercom.seed({"contacts": contacts, "data_attributes": SEED})
    document = config(events=None, users=USERS, delivery={"concurrency": concurrency}, **sections)
    result = write(
        [*messages, state("users", 1)],
        configuration=document,
        intercom=intercom,
        clock=clock,
        transport=EmulatorTransport(intercom, clock),
    )
    assert None is result.error
    return result


def test_people_whose_companies_are_shown_cost_one_call_for_each_distinct_company() -> None:
    """None of them changed: one search for 150 of them (67 for 10,000), and one call for each company."""
    result = run(people(own_company))
    assert {LIST: 1, SEARCH: searches(KNOWN), UPSERT: COMPANIES} == result.calls
    assert result.logged(f"unchanged {KNOWN}")


@pytest.mark.parametrize("concurrency", [1, 256])
def test_people_who_change_their_company_cost_one_call_each_besides(concurrency: int) -> None:
    """A tenth of them, to companies that are known and to some that are not: one call for each of those, too."""

    def account(number: int) -> str:
        return f"new{number % 20}" if number % 10 == 0 else own_company(number)

    result = run(people(account), concurrency=concurrency)
    changed, distinct = KNOWN // 10, len({account(number) for number in range(KNOWN)})
    assert {LIST: 1, SEARCH: searches(KNOWN), UPSERT: distinct, ATTACH: changed} == result.calls
    assert result.logged(f"delivered {changed}, unchanged {KNOWN - changed}")
    both = [each for each in result.contents["contacts"] if each["companies"]["total_count"] == 2]
    assert changed == len(both)


@pytest.mark.parametrize("companies_first", [True, False])
def test_companies_with_rows_of_their_own_cost_one_call_each_if_they_come_before_their_people(
    companies_first: bool,
) -> None:
    """Afterwards their rows are a second one, for they were made by their ids."""
    rows, members = accounts(), people(own_company)
    result = run([*rows, *members] if companies_first else [*members, *rows], members=False, companies=ACCOUNTS)
    assert {LIST: 2, SEARCH: searches(KNOWN), ATTACH: KNOWN}.items() <= result.calls.items()
    # Whoever is attached while a company's own row still waits makes it by its id.
    assert COMPANIES <= result.calls[UPSERT] <= 2 * COMPANIES
    assert not {CREATE, UPDATE, LISTED} & result.calls.keys()
    assert {"Company 0", "gold"} == {result.contents["companies"][0]["name"], _tier(result)}


def _tier(result: Result) -> str:
    return str(result.contents["companies"][0]["custom_attributes"]["tier"])


def test_companies_that_come_again_in_the_same_run_cost_nothing_more() -> None:
    """This run knows what it has written."""
    result = run([*accounts(), *accounts(), *accounts()], companies=ACCOUNTS)
    assert {LIST: 2, UPSERT: COMPANIES} == result.calls
    assert result.logged(f"delivered {COMPANIES}, unchanged {2 * COMPANIES}")


def test_records_of_one_person_that_name_many_companies_are_attached_once_to_each() -> None:
    """In one batch they are merged, and add up."""
    named = [record("users", user_id="u1", account=f"n{number % 7}") for number in range(70)]
    result = run(named)
    assert {LIST: 1, SEARCH: 1, UPSERT: 7, ATTACH: 7} == result.calls
