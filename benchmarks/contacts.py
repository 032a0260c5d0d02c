"""Calls that contacts cost: the connector, and one search plus one write per record, on the same input in one run.

    .venv/bin/python benchmarks/contacts.py [--people 10000] [--seconds-of-a-call 0.08]

Calls are counted, not timed: the connector runs in this process against the emulator, whose search lags by
four minutes, and time is virtual. "One by one" searches each record's person and then updates or creates
them, as most scripts and connectors do. The call that reads the data attributes is counted apart.

A second table counts what hangs on a person: each belongs to one of a hundred companies and bears two tags, which
Intercom has already, but for those who enter a tag, leave one or change their company.
The second table counts the same in bulk, where a job takes two seconds: if a bulk call counts as one call of the
quota, which nobody knows of Intercom, and if each of its contacts does.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "destination-intercom"))

from benchmarks.connector import show
from destination_intercom import destination
from destination_intercom.delivery.mailbox import Mailbox
from integration_tests.support.harness import (
    TOKEN,
    EmulatorTransport,
    ScriptedStdin,
    catalog,
    config,
    record,
    state,
    to_lines,
)
from integration_tests.support.virtual_clock import VirtualClock
from intercom_emulator import Intercom, Settings

LAG: Final = 240.0
ATTRIBUTES: Final = ("email", "name", "plan")
LISTING: Final = "GET /data_attributes"
HEADERS: Final = {
    "Authorization": f"Bearer {TOKEN}",
    "Content-Type": "application/json",
    "Accept": "application/json",
    "Intercom-Version": "2.16",
}
UNLIMITED: Final = 1_000_000
ALLOWED: Final = 1_666
"""Calls of a window where each contact counts: what Intercom allows a private app."""


@dataclass(frozen=True, slots=True)
class Case:
    """How many of a hundred people are new, and how many of the known ones changed."""

    name: str
    new: int
    changed: int
    refused: int = 0
    """How many of a hundred have a name that Intercom refuses."""

    def is_new(self, number: int) -> bool:
        """Say whether Intercom does not know the person; new ones are spread evenly."""
        return number % 100 >= 100 - self.new

    def is_changed(self, number: int) -> bool:
        """Say whether the source has another value than Intercom."""
        return number % 100 < self.changed

    def name_of(self, number: int) -> str:
        """Tell the name that the source has."""
        return ODD if number % 100 < self.refused else f"Name {number}"


ODD: Final = "refused"
JOB_SECONDS: Final = 2.0
BULK: Final = "PUT /contacts/bulk", "POST /contacts/bulk"
POLL: Final = "GET /contacts/bulk/{id}"

CASES: Final = (
    Case("none changed", 0, 0),
    Case("a tenth changed", 0, 10),
    Case("all changed", 0, 100),
    Case("30% new, none of the others changed", 30, 0),
    Case("30% new, a tenth of all changed", 30, 10),
)
IN_BULK: Final = (
    *CASES,
    Case("all changed, 1% refused", 0, 100, 1),
    Case("all new", 100, 0),
    Case("all new, 1% refused", 100, 0, 1),
)


@dataclass(frozen=True, slots=True)
class Links:
    """How many of all people enter a tag, leave one, and change their company to one that Intercom does not know."""

    name: str
    enter: int = 0
    leave: int = 0
    change: int = 0

    def make_person(self, number: int, people: int) -> dict[str, Any]:
        """Make a person's record; those who differ are spread over all batches."""
        place = number * 37 % people
        segments = ["a", *(["b"] if place >= self.leave else []), *(["c"] if place < self.enter else [])]
        company = "new" if place < self.change else "c"
        return {"user_id": f"u{number}", "segments": segments, "account": f"{company}{number % COMPANIES}"}


COMPANIES: Final = 100
LINKS: Final = (
    Links("none changed"),
    Links("100 enter a tag", enter=100),
    Links("100 leave a tag", leave=100),
    Links("a tenth change their company", change=1000),
)


def make_people(case: Case, people: int) -> Iterator[dict[str, Any]]:
    """Make each person's record as the source has it."""
    for number in range(people):
        yield {
            "user_id": f"u{number}",
            "email": f"u{number}@example.com",
            "name": case.name_of(number),
            "plan": "free" if case.is_changed(number) else "pro",
        }


def make_intercom(case: Case, people: int, clock: VirtualClock, latency: float, **more: Any) -> Intercom:
    """Make the Intercom that knows those who are not new; `more` are settings of it."""
    settings = {"search_lag": LAG, "latency": latency, "limit": UNLIMITED, "keep_exchanges": 1, **more}
    intercom = Intercom(Settings.from_dict(settings), clock=clock.wall)
    known = [
        {
            "external_id": f"u{number}",
            "email": f"u{number}@example.com",
            "name": f"Name {number}",
            "custom_attributes": {"plan": "pro"},
        }
        for number in range(people)
        if not case.is_new(number)
    ]
    intercom.seed({"contacts": known, "data_attributes": [{"name": "plan"}]})
    return intercom


def count_calls(intercom: Intercom) -> tuple[int, int]:
    """Tell the searches, and the calls that write."""
    calls = all_calls(intercom)
    searches = calls.pop("POST /contacts/search", 0)
    return searches, sum(calls.values())


def all_calls(intercom: Intercom) -> dict[str, int]:
    """Tell the calls by their endpoint, but for the one that lists the attributes."""
    return {name: count for name, count in intercom.dump()["calls"].items() if name != LISTING}


def write_with_connector(case: Case, people: int, latency: float, **delivery: Any) -> Intercom:
    """Run the connector on all people; return the Intercom they were written to, whose settings begin with `bulk_`.

    Raises:
        SystemExit: not every record was taken.
    """
    clock = VirtualClock()
    settings = {name: delivery.pop(name) for name in list(delivery) if name.startswith("bulk_") or name == "limit"}
    intercom = make_intercom(case, people, clock, latency, refused_names=[ODD], **settings)
    messages = [record("users", **person) for person in make_people(case, people)]
    users = {
        "mode": "enabled",
        "streams": [{"stream": "users"}],
        "attributes": [{"property": name} for name in ATTRIBUTES],
    }
    lines = destination.write(
        config(events=None, users=users, delivery=delivery),
        catalog("users"),
        stdin=ScriptedStdin(clock, (0.0, to_lines([*messages, state("users", 1)]))),
        clock=clock,
        mailbox=Mailbox(clock),
        transport=EmulatorTransport(intercom, clock),
    )
    states = [message["state"] for line in lines if (message := json.loads(line))["type"] == "STATE"]
    if [people] != [each["destinationStats"]["recordCount"] for each in states]:
        sys.exit(f"{case.name}: not every record was taken")
    check(case, people, intercom)
    return intercom


def count_bulk(case: Case, people: int, latency: float, cost: str) -> tuple[str, ...]:
    """Make the row of a case in bulk: searches, bulk calls, polls, single calls, and all of them."""
    intercom = write_with_connector(
        case,
        people,
        latency,
        contacts_api="bulk",
        bulk_cost=cost,
        bulk_duration=JOB_SECONDS,
        limit=ALLOWED if cost == "item" else UNLIMITED,
    )
    calls = all_calls(intercom)
    searches, polls = calls.pop("POST /contacts/search", 0), calls.pop(POLL, 0)
    bulk = sum(calls.pop(name, 0) for name in BULK)
    alone = sum(calls.values())
    counted = "as one" if cost == "call" else "as its contacts"
    numbers = (searches, bulk, polls, alone, searches + bulk + polls + alone)
    return (f"{case.name}; a call counts {counted}", *(f"{number:,}" for number in numbers))


def count_links(links: Links, people: int, latency: float) -> dict[str, int]:
    """Run the connector on people of whom nothing else has changed; return how often it called each endpoint.

    Raises:
        SystemExit: not every record was taken, or somebody does not bear the tags of their record.
    """
    clock = VirtualClock()
    settings = {"search_lag": LAG, "latency": latency, "limit": UNLIMITED, "keep_exchanges": 1}
    intercom = Intercom(Settings.from_dict(settings), clock=clock.wall)
    known = [
        {
            "external_id": f"u{number}",
            "companies": [{"company_id": f"c{number % COMPANIES}"}],
            "tags": [{"name": "Segment: a"}, {"name": "Segment: b"}],
        }
        for number in range(people)
    ]
    intercom.seed({"contacts": known})
    rows = [links.make_person(number, people) for number in range(people)]
    users = {
        "mode": "enabled",
        "streams": [{"stream": "users"}],
        "member_of": [{"property": "account"}],
        "tags": [{"property": "segments", "prefix": "Segment:", "mode": "replace"}],
    }
    messages = [*(record("users", **row) for row in rows), state("users", 1)]
    lines = destination.write(
        config(events=None, users=users),
        catalog("users"),
        stdin=ScriptedStdin(clock, (0.0, to_lines(messages))),
        clock=clock,
        mailbox=Mailbox(clock),
        transport=EmulatorTransport(intercom, clock),
    )
    states = [message["state"] for line in lines if (message := json.loads(line))["type"] == "STATE"]
    if [people] != [each["destinationStats"]["recordCount"] for each in states]:
        sys.exit(f"{links.name}: not every record was taken")
    contents = intercom.dump()
    names = {each["id"]: each["name"].removeprefix("Segment: ") for each in contents["tags"]}
    held = {each["external_id"]: {names[tag["id"]] for tag in each["tags"]["data"]} for each in contents["contacts"]}
    if held != {row["user_id"]: set(row["segments"]) for row in rows}:
        sys.exit(f"{links.name}: Intercom does not hold what the source has")
    return {name: count for name, count in contents["calls"].items() if name != LISTING}


def write_one_by_one(case: Case, people: int) -> tuple[int, int]:
    """Search each person and then write them; return the searches and the writes."""
    clock = VirtualClock()
    intercom = make_intercom(case, people, clock, 0.0)
    for person in make_people(case, people):
        body = {"email": person["email"], "name": person["name"], "custom_attributes": {"plan": person["plan"]}}
        query = {"query": {"field": "external_id", "operator": "=", "value": person["user_id"]}}
        found = _call(intercom, "POST", "/contacts/search", query)["data"]
        if found:
            _call(intercom, "PUT", f"/contacts/{found[0]['id']}", body)
        else:
            _call(intercom, "POST", "/contacts", {"role": "user", "external_id": person["user_id"], **body})
    check(case, people, intercom)
    return count_calls(intercom)


def _call(intercom: Intercom, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = intercom.handle(method, path, HEADERS, json.dumps(body).encode())
    shown: dict[str, Any] = json.loads(answer.body)
    if answer.status != 200:
        sys.exit(f"{method} {path}: {answer.status}")
    return shown


def check(case: Case, people: int, intercom: Intercom) -> None:
    """End the benchmark if Intercom does not hold what the source has."""
    held = {each["external_id"]: each["custom_attributes"].get("plan") for each in intercom.dump()["contacts"]}
    if held != {person["user_id"]: person["plan"] for person in make_people(case, people)}:
        sys.exit(f"{case.name}: Intercom does not hold what the source has")


def main() -> None:
    """Count all cases, one after the other."""
    parser = argparse.ArgumentParser(description="Count the calls that contacts cost.")
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--seconds-of-a-call", type=float, default=0.08)
    parsed = parser.parse_args()
    rows = []
    for case in CASES:
        searches, writes = count_calls(write_with_connector(case, parsed.people, parsed.seconds_of_a_call))
        plain = sum(write_one_by_one(case, parsed.people))
        total = searches + writes
        rows.append((case.name, f"{searches:,}", f"{writes:,}", f"{total:,}", f"{plain:,}", f"{plain / total:.1f}"))
    header = ("", "searches", "writes", "calls", "one by one", "ratio")
    show(f"Calls for {parsed.people:,} contacts, besides one for the data attributes", [header, *rows])
    endpoints = ("POST /contacts/search", "POST /companies", "POST /contacts/{id}/companies")
    tags = ("GET /tags", "POST /tags", "DELETE /contacts/{id}/tags/{tag_id}")
    linked = []
    for links in LINKS:
        calls = count_links(links, parsed.people, parsed.seconds_of_a_call)
        counts = [calls.pop(name, 0) for name in (*endpoints, *tags)]
        linked.append((links.name, *(f"{count:,}" for count in (*counts, sum(calls.values()), sum(counts)))))
    heads = ("", "searches", "companies", "attached", "names", "tagged", "untagged", "others", "calls")
    show(f"Calls for {parsed.people:,} known people, each with a company and two tags", [heads, *linked])
    in_bulk = [count_bulk(case, parsed.people, parsed.seconds_of_a_call, "call") for case in IN_BULK]
    in_bulk.append(count_bulk(CASES[2], parsed.people, parsed.seconds_of_a_call, "item"))
    show("The same in bulk", [("", "searches", "bulk", "polls", "single", "calls"), *in_bulk])


if __name__ == "__main__":
    main()
