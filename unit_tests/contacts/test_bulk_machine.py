"""Many people at once, in bulk, against the emulator in any order: nobody waits in a circle, and nobody is lost.

The tasks are the real ones; who is next, how long calls take and which of them fail is chance. Two keys lead to one
contact, people share an address, values are refused, jobs take long or fail, leaders are found undeliverable, and all
may end in the middle.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from random import Random
from typing import Any

import pytest

from destination_intercom import outcomes
from destination_intercom.contacts.bulk import LONGEST_JOB, BulkWriter
from destination_intercom.contacts.bulk_writing import BulkContacts
from destination_intercom.contacts.mapping import ContactChange
from destination_intercom.contacts.matching import Found
from destination_intercom.contacts.policy import Policy
from destination_intercom.contacts.upsert import ContactUpserter
from destination_intercom.delivery.kinds import Notes
from destination_intercom.delivery.tasks import Acquire, Pause, UndeliverableError
from destination_intercom.identity import Key
from destination_intercom.intercom.answers import Answer, read_answer
from destination_intercom.intercom.calls import Call, CreateContactsInBulk, GetBulkJob, UpdateContactsInBulk
from destination_intercom.outcomes import Outcome, Status, rejected
from intercom_emulator import Intercom, Settings
from unit_tests.contacts.crew import Crew, Says
from unit_tests.emulator.bench import HEADERS
from unit_tests.keys import by_email, by_id
from unit_tests.task_bench import READER, Bench

SEEDS = range(60)
KNOWN, NEW = 12, 12
IN_BULK = (CreateContactsInBulk, UpdateContactsInBulk, GetBulkJob)


def mail(number: int) -> str:
    """Somebody's address; each three share one in what they are made of."""
    return f"u{number}@example.com"


class Stage(Bench):
    """An Intercom with some people, and the tasks that write them and others."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.chance = chance = Random(seed)
        settings: dict[str, Any] = {
            "search_lag": 1e9,
            "bulk_duration": chance.choice([0.0, 0.0, 5.0, 60.0, 2 * LONGEST_JOB]),
            "bulk_limit": chance.choice([100, 100, 3, 7]),
            "bulk_version": chance.choice(["2.17", "2.17", "2.17", "Preview", "none"]),
            "bulk_gone": "fail",
            "create_with_known_email": chance.choice(["conflict", "second"]),
            "limit": 1_000_000,
        }
        self.intercom = Intercom(Settings.from_dict(settings), clock=lambda: 1_700_000_000 + self.time.seconds)
        people = [{"external_id": f"u{number}", "email": mail(number), "name": "old"} for number in range(KNOWN)]
        self.intercom.seed({"contacts": people, "data_attributes": [{"name": "plan"}]})
        self.shown = {each["external_id"]: each for each in self.intercom.dump()["contacts"]}
        self.jobs: dict[str, tuple[set[str], float]] = {}
        self.failing = chance.choice([0.0, 0.0, 0.1, 0.3])
        writer = BulkWriter(self.time.now, Notes())
        self.writer = ContactUpserter(
            cache=self.cache,
            policy=Policy(),
            reader=READER,
            bulk=BulkContacts(writer, cache=self.cache, reader=READER, memberships=None),
        )
        self.crew = Crew(self._answer, latency=chance.random, chance=chance, time=self.time)

    def _answer(self, call: Call) -> Says:
        """Have the emulator answer; of bulk calls some fail, before or after it has taken them."""
        fate = self.chance.random() if isinstance(call, IN_BULK) else 1.0
        if fate < self.failing / 3:
            if isinstance(call, GetBulkJob):
                # Nobody waits for it any more.
                self.jobs.pop(call.job_id, None)
            return UndeliverableError(rejected(outcomes.UNDELIVERABLE))
        if fate < self.failing / 2:
            return Answer(0, "empty", is_lost=True)
        answer = self._ask(call)
        if fate < self.failing:
            return Answer(0, "empty", is_lost=True)
        self._note_job(call, answer)
        return answer

    def _note_job(self, call: Call, answer: Answer) -> None:
        """Hold a job that was taken, and that its leader waits for, to having nobody in common with another one."""
        if not isinstance(call, CreateContactsInBulk | UpdateContactsInBulk) or not call.is_answered_by(answer):
            return
        states = {each["id"]: each["state"] for each in self.intercom.dump()["bulk_jobs"]}
        named = [member[name] for member in call.contacts for name in ("id", "external_id", "email") if name in member]
        people = set(named)
        assert len(named) == len(people), "somebody is in one job twice"
        for job_id, (others, until) in self.jobs.items():
            is_open = states[job_id] in {"pending", "running"} and self.time.seconds < until
            assert not is_open or people.isdisjoint(others), "somebody is in two open jobs"
        self.jobs[answer.body["id"]] = (people, self.time.seconds + LONGEST_JOB)

    def _ask(self, call: Call) -> Answer:
        headers = {**HEADERS, "Intercom-Version": call.version or "2.16"}
        body = b"" if call.body is None else json.dumps(call.body).encode()
        answer = self.intercom.handle(call.method, call.path, headers, body)
        return read_answer(answer.status, answer.headers, answer.body, wall=lambda: 0.0)

    def add(self, key: Key, *, after: float, lookup: Mapping[str, Any] | None = None, **fields: Any) -> None:
        """Let one person be written, whom the lookup has found as `lookup`."""
        found = Found(() if lookup is None else (READER.read(lookup),))
        change = ContactChange(key, fields, {"plan": f"of {key.value}"})
        self.crew.add(self.writer.write([change], found), after=after)

    def populate(self) -> None:
        """Add the tasks: known people by both of their keys, and new ones of whom three share an address."""
        for number in range(KNOWN):
            shown = self.shown[f"u{number}"]
            self.add(by_id(f"u{number}"), after=self.chance.random(), lookup=shown, name=f"n{number}")
            if number % 3 == 0:
                self.add(by_email(mail(number)), after=self.chance.random(), lookup=shown, phone=f"{number}")
        for number in range(KNOWN, KNOWN + NEW):
            address: dict[str, Any] = {} if number % 2 else {"email": mail(KNOWN + number % 3)}
            self.add(by_id(f"u{number}"), after=4 * self.chance.random(), name=f"n{number}", **address)
        for number in range(3):
            self.add(by_email(mail(KNOWN + number)), after=4 * self.chance.random(), phone=f"{number}")


@pytest.mark.parametrize("seed", SEEDS)
def test_people_when_they_go_in_bulk_in_any_order_then_all_come_to_an_end_and_are_as_they_are_to_be(seed: int) -> None:
    """Each task ends, none waits for another for ever, and each that was delivered is in Intercom."""
    stage = Stage(seed)
    stage.populate()
    results: list[list[Outcome]] = stage.crew.run()
    assert all(outcome.status is not Status.UNCHANGED for (outcome,) in results)
    stage.time.seconds += 3 * LONGEST_JOB
    contacts = stage.intercom.dump()["contacts"]
    people = {each["external_id"]: each for each in contacts if each["external_id"] is not None}
    assert len(people) == len([each for each in contacts if each["external_id"] is not None])
    for number in range(KNOWN):
        assert f"n{number}" == people[f"u{number}"]["name"]
    refused = [outcome.reason for (outcome,) in results if outcome.status is Status.REJECTED]
    assert set(refused) <= {outcomes.IDENTITY_CONFLICT, outcomes.AMBIGUOUS_EMAIL}
    # Those without an address have nobody in their way.
    assert all(f"u{number}" in people for number in range(KNOWN, KNOWN + NEW) if number % 2)


@pytest.mark.parametrize("seed", SEEDS)
def test_people_when_their_tasks_are_ended_in_the_middle_then_none_of_them_goes_on(seed: int) -> None:
    """A sync that is told to stop drops its tasks where they are: nothing of them makes a call or waits then."""
    stage = Stage(seed)
    stage.populate()
    chance, made = Random(seed), []
    steps = [member.steps for member in stage.crew._members]
    last = chance.randrange(1, 40)

    def answer(call: Call) -> Says:
        made.append(call)
        if len(made) == last:
            raise KeyboardInterrupt
        return stage._answer(call)

    stage.crew._answer = answer
    try:
        stage.crew.run()
    except KeyboardInterrupt:
        assert len(made) == last
    for each in steps:
        each.close()
    assert [inspect.GEN_CLOSED] * len(steps) == [inspect.getgeneratorstate(each) for each in steps]


def test_deadlock_when_there_is_one_then_these_tests_find_it() -> None:
    """Two who hold what the other one wants."""

    def take(first: str, second: str) -> Any:
        yield Acquire(first)
        yield Pause(1.0)
        yield Acquire(second)

    crew = Crew(lambda _: Answer(200, "empty"))
    crew.add(take("a", "b"))
    crew.add(take("b", "a"))
    with pytest.raises(AssertionError, match="2 tasks wait for one another"):
        crew.run()
