"""Calls that contacts cost: the connector, and the two ways in which others write them, on the same input.

    .venv/bin/python benchmarks/contacts.py [--people 10000] [--seconds-of-a-call 0.08]

Calls are counted, not timed: the connector runs in this process against the emulator, whose search lags by
four minutes, and time is virtual. "Search, then write" searches each record's person and then updates or creates
them, as most scripts and connectors do; "create, then update" creates everybody, and where Intercom answers that the
person is there updates them. The call that reads the data attributes is counted apart.

A second table counts what hangs on a person: each belongs to one of a hundred companies and bears two tags, which
Intercom has already, but for those who enter a tag, leave one or change their company. The others attach each person
to their company, and tag them, every time.
The third table counts the first in bulk, where a job takes two seconds: if a bulk call counts as one call of the
quota, which nobody knows of Intercom, and if each of its contacts does.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "destination-intercom"))

from benchmarks.connector import show
from benchmarks.figures import Found, Part, Row
from benchmarks.scale import Scale
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
    Case("all new", 100, 0),
)
IN_BULK: Final = (
    *CASES,
    Case("all changed, 1% refused", 0, 100, 1),
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


def make_links(people: int) -> list[Links]:
    """Say what is measured of so many people: a hundredth, or a tenth of them, differ."""
    return [
        Links("none changed"),
        Links("a hundredth enter a tag", enter=people // 100),
        Links("a hundredth leave a tag", leave=people // 100),
        Links("a tenth change their company", change=people // 10),
    ]


def turn_around(rows: Iterable[dict[str, Any]], turn: int) -> list[dict[str, Any]]:
    """Put records in another order at each turn but the first."""
    listed = list(rows)
    if turn:
        random.Random(turn).shuffle(listed)
    return listed


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


def write_with_connector(case: Case, people: int, latency: float, *, turn: int = 0, **delivery: Any) -> Intercom:
    """Run the connector on all people; return the Intercom they were written to, whose settings begin with `bulk_`.

    Raises:
        SystemExit: not every record was taken.
    """
    clock = VirtualClock()
    settings = {name: delivery.pop(name) for name in list(delivery) if name.startswith("bulk_") or name == "limit"}
    intercom = make_intercom(case, people, clock, latency, refused_names=[ODD], **settings)
    messages = [record("users", **person) for person in turn_around(make_people(case, people), turn)]
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


def count_bulk(case: Case, people: int, latency: float, *, cost: str, turn: int = 0) -> tuple[int, ...]:
    """Tell the calls of a case in bulk: searches, bulk calls, polls, single calls, and all of them."""
    intercom = write_with_connector(
        case,
        people,
        latency,
        turn=turn,
        contacts_api="bulk",
        bulk_cost=cost,
        bulk_duration=JOB_SECONDS,
        limit=ALLOWED if cost == "item" else UNLIMITED,
    )
    calls = all_calls(intercom)
    searches, polls = calls.pop("POST /contacts/search", 0), calls.pop(POLL, 0)
    bulk = sum(calls.pop(name, 0) for name in BULK)
    alone = sum(calls.values())
    return searches, bulk, polls, alone, searches + bulk + polls + alone


def show_bulk(case: Case, people: int, latency: float, cost: str) -> tuple[str, ...]:
    """Make the row of a case in bulk."""
    counted = "as one" if cost == "call" else "as its contacts"
    numbers = count_bulk(case, people, latency, cost=cost)
    return (f"{case.name}; a call counts {counted}", *(f"{number:,}" for number in numbers))


def make_linked(people: int, clock: VirtualClock, latency: float) -> Intercom:
    """Make the Intercom whose people belong to companies and bear two tags."""
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
    return intercom


def count_links(links: Links, people: int, latency: float, *, turn: int = 0) -> dict[str, int]:
    """Run the connector on people of whom nothing else has changed; return how often it called each endpoint.

    Raises:
        SystemExit: not every record was taken, or somebody does not bear the tags of their record.
    """
    clock = VirtualClock()
    intercom = make_linked(people, clock, latency)
    rows = turn_around((links.make_person(number, people) for number in range(people)), turn)
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
    check_links(links, people, intercom)
    return all_calls(intercom)


def check_links(links: Links, people: int, intercom: Intercom) -> None:
    """End the benchmark if somebody does not bear the tags of their record."""
    contents = intercom.dump()
    names = {each["id"]: each["name"].removeprefix("Segment: ") for each in contents["tags"]}
    held = {each["external_id"]: {names[tag["id"]] for tag in each["tags"]["data"]} for each in contents["contacts"]}
    rows = (links.make_person(number, people) for number in range(people))
    if held != {row["user_id"]: set(row["segments"]) for row in rows}:
        sys.exit(f"{links.name}: Intercom does not hold what the source has")


Write: TypeAlias = Callable[[Intercom, str, dict[str, Any]], dict[str, Any]]
"""Writes a person of this id; returns the contact as Intercom shows it."""


def search_then_write(intercom: Intercom, user_id: str, body: dict[str, Any]) -> dict[str, Any]:
    """Search a person, and update or create them."""
    query = {"query": {"field": "external_id", "operator": "=", "value": user_id}}
    found = _call(intercom, "POST", "/contacts/search", query)["data"]
    if found:
        return _call(intercom, "PUT", f"/contacts/{found[0]['id']}", body)
    return _call(intercom, "POST", "/contacts", {"role": "user", "external_id": user_id, **body})


def create_then_update(intercom: Intercom, user_id: str, body: dict[str, Any]) -> dict[str, Any]:
    """Create a person, and update them where Intercom has them, whose id the refusal tells."""
    answer = _call(intercom, "POST", "/contacts", {"role": "user", "external_id": user_id, **body}, expected=(200, 409))
    if answer["type"] != "error.list":
        return answer
    known = re.search(r"\bid=([0-9a-f]{24})\b", answer["errors"][0]["message"])
    if known is None:
        sys.exit("a refusal tells no id")
    return _call(intercom, "PUT", f"/contacts/{known[1]}", body)


def count_others(write: Write, case: Case, people: int, *, turn: int = 0) -> int:
    """Tell the calls of one of the other ways."""
    clock = VirtualClock()
    intercom = make_intercom(case, people, clock, 0.0)
    for person in turn_around(make_people(case, people), turn):
        body = {"email": person["email"], "name": person["name"], "custom_attributes": {"plan": person["plan"]}}
        write(intercom, person["user_id"], body)
    check(case, people, intercom)
    return sum(all_calls(intercom).values())


def count_other_links(write: Write, links: Links, people: int, *, turn: int = 0) -> int:
    """Tell the calls of one of the other ways, which then attaches each person to their company, and tags them."""
    clock = VirtualClock()
    intercom = make_linked(people, clock, 0.0)
    tags: dict[str, str] = {}
    for row in turn_around((links.make_person(number, people) for number in range(people)), turn):
        contact = write(intercom, row["user_id"], {"name": row["user_id"]})
        company = _call(intercom, "POST", "/companies", {"company_id": row["account"]})
        place = f"/contacts/{contact['id']}"
        _call(intercom, "POST", f"{place}/companies", {"id": company["id"]})
        for name in row["segments"]:
            if name not in tags:
                tags[name] = _call(intercom, "POST", "/tags", {"name": f"Segment: {name}"})["id"]
            _call(intercom, "POST", f"{place}/tags", {"id": tags[name]})
        borne = {tag["id"] for tag in contact["tags"]["data"]}
        for tag in borne - {tags[name] for name in row["segments"]}:
            _call(intercom, "DELETE", f"{place}/tags/{tag}", {})
    check_links(links, people, intercom)
    return sum(all_calls(intercom).values())


def _call(
    intercom: Intercom, method: str, path: str, body: dict[str, Any], *, expected: tuple[int, ...] = (200,)
) -> dict[str, Any]:
    answer = intercom.handle(method, path, HEADERS, json.dumps(body).encode())
    shown: dict[str, Any] = json.loads(answer.body)
    if answer.status not in expected:
        sys.exit(f"{method} {path}: {answer.status}")
    return shown


def check(case: Case, people: int, intercom: Intercom) -> None:
    """End the benchmark if Intercom does not hold what the source has."""
    held = {each["external_id"]: each["custom_attributes"].get("plan") for each in intercom.dump()["contacts"]}
    if held != {person["user_id"]: person["plan"] for person in make_people(case, people)}:
        sys.exit(f"{case.name}: Intercom does not hold what the source has")


SECONDS_OF_A_CALL: Final = 0.08
OTHERS: Final[dict[str, tuple[str, Write]]] = {
    "search": ("one search, then one write, for each record", search_then_write),
    "create": ("one create, then an update where it is refused, for each record", create_then_update),
}
COUNTED: Final = tuple(case for case in CASES if case.name != "30% new, none of the others changed")
BULK_COUNTED: Final = (
    (Case("a tenth changed", 0, 10), "call"),
    (Case("all changed", 0, 100), "call"),
    (Case("all new", 100, 0), "call"),
    (Case("all changed", 0, 100), "item"),
)
COSTS: Final = {"call": "one call", "item": "a call for each contact"}


def _count_case(case: Case, people: int, turn: int) -> int:
    return sum(count_calls(write_with_connector(case, people, SECONDS_OF_A_CALL, turn=turn)))


def _count_links(links: Links, people: int, turn: int) -> int:
    return sum(count_links(links, people, SECONDS_OF_A_CALL, turn=turn).values())


def _count_bulk(case: Case, people: int, turn: int, cost: str) -> int:
    return count_bulk(case, people, SECONDS_OF_A_CALL, cost=cost, turn=turn)[-1]


def make_counts(people: int, turn: int) -> dict[str, Callable[[], int]]:
    """Say how each figure is counted; they can be counted in any order, and at once."""
    counts: dict[str, Callable[[], int]] = {}
    for case in COUNTED:
        counts[f"{case.name}.connector"] = partial(_count_case, case, people, turn)
        for name, (_, write) in OTHERS.items():
            counts[f"{case.name}.{name}"] = partial(count_others, write, case, people, turn=turn)
    for links in make_links(people):
        counts[f"linked, {links.name}.connector"] = partial(_count_links, links, people, turn)
    # The other way makes as many calls, for all are known, and neither makes fewer where little has changed.
    links = make_links(people)[0]
    counts[f"linked, {links.name}.search"] = partial(count_other_links, search_then_write, links, people, turn=turn)
    for case, cost in BULK_COUNTED:
        counts[f"bulk, {case.name}, {cost}.connector"] = partial(_count_bulk, case, people, turn, cost)
    return counts


def make_rows(scale: Scale) -> list[Row]:
    """Say what is counted of each case."""
    where = "the emulator, whose search lags by 240 s; 80 ms a call of the connector, in virtual time"
    rows = []
    for case in COUNTED:
        data = f"{scale.people:,} contacts, {case.name}"
        rows.append(Row(f"{case.name}.connector", "count", "calls", data, "the connector", where))
        for name, (title, _) in OTHERS.items():
            context = (f"{case.name}.{name}.ratio", "ratio", "the connector's")
            rows.append(Row(f"{case.name}.{name}", "count", "calls", data, title, where, context))
    for links in make_links(scale.people):
        data = f"{scale.people:,} known contacts, each with a company and two tags, {links.name}"
        key = f"linked, {links.name}"
        rows.append(Row(f"{key}.connector", "count", "calls", data, "the connector", where))
        if links.name == "none changed":
            context = (f"{key}.search.ratio", "ratio", "the connector's")
            setup = f"{OTHERS['search'][0]}; then the company, its person and each tag"
            rows.append(Row(f"{key}.search", "count", "calls", data, setup, where, context))
    for case, cost in BULK_COUNTED:
        data = f"{scale.people:,} contacts, {case.name}"
        setup = "the connector with `contacts_api: bulk`"
        rows.append(
            Row(
                f"bulk, {case.name}, {cost}.connector",
                "count",
                "calls, those that ask for jobs included",
                data,
                setup,
                f"{where}; a bulk call costs {COSTS[cost]} of the quota",
            )
        )
    return rows


def measure(scale: Scale, turn: int) -> Found:
    """Count all, on all cores."""
    counts = make_counts(scale.people, turn)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        counted = dict(zip(counts, pool.map(_call_it, counts.values()), strict=True))
    values = {key: float(count) for key, count in counted.items()}
    ratios = {
        f"{key}.ratio": count / counted[f"{key.rpartition('.')[0]}.connector"]
        for key, count in counted.items()
        if not key.endswith(".connector")
    }
    return Found(values | ratios)


def _call_it(count: Callable[[], int]) -> int:
    """Count: a function of the module, as the pool wants it."""
    return count()


PART: Final = Part("contacts", "Calls for contacts, companies and tags", make_rows, measure, ("contacts.svg",))


def main() -> None:
    """Count all cases, one after the other."""
    parser = argparse.ArgumentParser(description="Count the calls that contacts cost.")
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--seconds-of-a-call", type=float, default=0.08)
    parsed = parser.parse_args()
    rows = []
    for case in CASES:
        searches, writes = count_calls(write_with_connector(case, parsed.people, parsed.seconds_of_a_call))
        others = [count_others(write, case, parsed.people) for _, write in OTHERS.values()]
        total = searches + writes
        ratios = [f"{plain:,} ({plain / total:.1f})" for plain in others]
        rows.append((case.name, f"{searches:,}", f"{writes:,}", f"{total:,}", *ratios))
    header = ("", "searches", "writes", "calls", "search, then write (ratio)", "create, then update (ratio)")
    show(f"Calls for {parsed.people:,} contacts, besides one for the data attributes", [header, *rows])
    endpoints = ("POST /contacts/search", "POST /companies", "POST /contacts/{id}/companies")
    tags = ("GET /tags", "POST /tags", "DELETE /contacts/{id}/tags/{tag_id}")
    linked = []
    for links in make_links(parsed.people):
        calls = count_links(links, parsed.people, parsed.seconds_of_a_call)
        counts = [calls.pop(name, 0) for name in (*endpoints, *tags)]
        linked.append((links.name, *(f"{count:,}" for count in (*counts, sum(calls.values()), sum(counts)))))
    heads = ("", "searches", "companies", "attached", "names", "tagged", "untagged", "others", "calls")
    show(f"Calls for {parsed.people:,} known people, each with a company and two tags", [heads, *linked])
    in_bulk = [show_bulk(case, parsed.people, parsed.seconds_of_a_call, "call") for case in IN_BULK]
    in_bulk.append(show_bulk(CASES[2], parsed.people, parsed.seconds_of_a_call, "item"))
    show("The same in bulk", [("", "searches", "bulk", "polls", "single", "calls"), *in_bulk])


if __name__ == "__main__":
    main()
