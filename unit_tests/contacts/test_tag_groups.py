"""People who enter a tag, collected for one call: who goes with whom, and what becomes of calls that are refused."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Generator, Hashable, Iterable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, strategies as st

from destination_intercom.contacts.tag_groups import MOST_PEOPLE, WAIT_SECONDS, TagGroups
from destination_intercom.delivery.tasks import Acquire, Pause, Release, Step, UndeliverableError
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import Call, TagContacts
from destination_intercom.outcomes import UNDELIVERABLE, rejected
from unit_tests.task_bench import FakeTime, refusal

UNKNOWN = refusal(404, "not_found", "User Not Found")
INVALID = refusal(400, "parameter_invalid", "invalid tag parameters")
FAILS = UndeliverableError(rejected(UNDELIVERABLE))

Steps = Generator[Step, Answer, list[str]]
Reply = Callable[[TagContacts], Answer | UndeliverableError]


def taken(call: TagContacts, *, tells: bool = False) -> Answer:
    """The ordinary answer, which may tell who was tagged."""
    users = {"users": [{"id": each, "tagged": True} for each in call.contact_ids]} if tells else {}
    return Answer(200, "json", {"type": "tag", "id": f"id of {call.name.lower()}", "name": call.name, **users})


@dataclass
class Task:
    """The steps of one contact, and where they are; `ended` is what they came to."""

    contact_id: str
    steps: Steps
    held: list[Hashable] = field(default_factory=list)
    ended: list[str] | UndeliverableError | None = None


class Floor:
    """Carries out the steps of many tasks as the scheduler does, in an order of its own; a call takes some seconds.

    `reply` answers the calls. Fails where a task waits while it holds something.
    """

    def __init__(self, reply: Reply, *, seed: int = 0, seconds: float = 0.1) -> None:
        self.time = FakeTime()
        self.noted: set[tuple[str, str]] = set()
        self.calls: list[TagContacts] = []
        self.called_at: list[float] = []
        self.most_at_once = 0
        self._groups = TagGroups(self.time.now, self._note)
        self._reply = reply
        self._chance = random.Random(seed)
        self._seconds = seconds
        self._names: dict[Hashable, deque[Task]] = {}
        self._due: list[tuple[float, int, Task, Answer | UndeliverableError | None]] = []
        self._number = 0

    def _note(self, name: str, tag_id: str, contact_ids: Iterable[str]) -> None:
        assert f"id of {name.lower()}" == tag_id
        self.noted |= {(name.casefold(), each) for each in contact_ids}

    def run(self, *arrivals: tuple[float, str, list[str]]) -> dict[str, list[str] | UndeliverableError]:
        """Let contacts enter tags, each at a moment (seconds); return what each came to."""
        tasks = [(at, Task(who, self._groups.enter(who, names))) for at, who, names in arrivals]
        for at, task in tasks:
            self._wait(task, at, None)
        while self._due:
            first = min(at for at, *_ in self._due)
            self.time.seconds = max(self.time.seconds, first)
            # Whatever is due by now goes on in any order.
            ready = [each for each in self._due if each[0] <= self.time.seconds]
            chosen = self._chance.choice(ready)
            self._due.remove(chosen)
            self._move(chosen[2], chosen[3])
        assert not self._names, "somebody holds a group for ever"
        ends = {task.contact_id: task.ended for _, task in tasks}
        return {who: end for who, end in ends.items() if end is not None}

    def _wait(self, task: Task, seconds: float, answer: Answer | UndeliverableError | None) -> None:
        self._number += 1
        self._due.append((self.time.seconds + seconds, self._number, task, answer))

    def _move(self, task: Task, answer: Answer | UndeliverableError | None) -> None:
        while True:
            try:
                if isinstance(answer, UndeliverableError):
                    step = task.steps.throw(answer)
                else:
                    step = next(task.steps) if answer is None else task.steps.send(answer)
            except StopIteration as stop:
                task.ended = stop.value
                break
            except UndeliverableError as error:
                task.ended = error
                break
            answer = None
            if isinstance(step, Acquire):
                assert [] == task.held, "it waits while it holds something"
                if step.name in self._names:
                    self._names[step.name].append(task)
                    return
                self._names[step.name] = deque()
                task.held.append(step.name)
            elif isinstance(step, Release):
                self._release(task, step.name)
            elif isinstance(step, Pause):
                assert [] == task.held, "it waits while it holds something"
                self._wait(task, step.seconds, None)
                return
            else:
                self._call(task, step)
                return
        assert [] == task.held, "it ends while it holds something"

    def _release(self, task: Task, name: Hashable) -> None:
        task.held.remove(name)
        if self._names[name]:
            heir = self._names[name].popleft()
            heir.held.append(name)
            self._wait(heir, 0.0, None)
        else:
            del self._names[name]

    def _call(self, task: Task, call: Call) -> None:
        assert isinstance(call, TagContacts)
        self.calls.append(call)
        self.called_at.append(self.time.seconds)
        self._wait(task, self._seconds, self._reply(call))

    @property
    def sizes(self) -> list[int]:
        """How many people each call was for."""
        return [len(each.contact_ids) for each in self.calls]


def crowd(count: int, *names: str, apart: float = 0.0) -> list[tuple[float, str, list[str]]]:
    """People who enter the same tags, so many seconds apart."""
    return [(number * apart, f"c{number}", list(names)) for number in range(count)]


def test_people_who_come_together_when_there_are_more_than_fifty_then_each_call_takes_fifty() -> None:
    """A full group goes at once, the others after two seconds."""
    floor = Floor(taken)
    ends = floor.run(*crowd(120, "A"))
    assert {f"c{number}": [] for number in range(120)} == ends
    assert [50, 50, 20] == floor.sizes
    assert [100.0, 100.0, 100.0 + WAIT_SECONDS] == floor.called_at
    assert 120 == len(floor.noted)


def test_people_who_come_within_two_seconds_go_together_and_later_ones_in_the_next_group() -> None:
    """Counted from the first of a group: nobody waits longer."""
    floor = Floor(taken)
    floor.run(*crowd(6, "A", apart=0.55))
    assert [4, 2] == floor.sizes
    assert [100.0 + WAIT_SECONDS, pytest.approx(102.2 + WAIT_SECONDS)] == floor.called_at


def test_names_that_differ_in_case_only_go_by_one_call() -> None:
    """Under the name of the first one."""
    floor = Floor(taken)
    floor.run((0.0, "c1", ["VIP"]), (0.1, "c2", ["vip"]))
    assert [TagContacts("VIP", ("c1", "c2"))] == floor.calls


def test_person_who_enters_several_tags_waits_once() -> None:
    """All groups are joined at once."""
    floor = Floor(taken, seconds=0.0)
    floor.run((0.0, "c1", [f"T{number}" for number in range(20)]))
    assert [100.0 + WAIT_SECONDS] * 20 == floor.called_at


def test_answer_that_tells_who_was_tagged_when_one_is_missing_then_that_one_was_not() -> None:
    """And does not go alone: the answer says it."""
    floor = Floor(lambda call: taken(TagContacts(call.name, call.contact_ids[:-1]), tells=True))
    ends = floor.run((0.0, "c1", ["A"]), (0.1, "c2", ["A"]), (0.2, "c3", ["A"]))
    assert {"c1": [], "c2": [], "c3": ["A"]} == ends
    assert {("a", "c1"), ("a", "c2")} == floor.noted
    assert [3] == floor.sizes


def test_call_when_one_person_is_unknown_then_each_goes_alone() -> None:
    """Without a question about the name."""
    floor = Floor(lambda call: UNKNOWN if "c1" in call.contact_ids else taken(call))
    ends = floor.run(*crowd(3, "A"))
    assert {"c0": [], "c1": ["A"], "c2": []} == ends
    assert [3, 1, 1, 1] == floor.sizes
    assert {("a", "c0"), ("a", "c2")} == floor.noted


def test_single_person_who_is_unknown_is_not_asked_about_again() -> None:
    """One call, and the tag is left out."""
    floor = Floor(lambda _: UNKNOWN)
    assert {"c0": ["A"]} == floor.run(*crowd(1, "A"))
    assert [1] == floor.sizes


@pytest.mark.parametrize("answer", [INVALID, FAILS])
def test_name_that_is_refused_by_itself_is_not_sent_again(answer: Answer | UndeliverableError) -> None:
    """In this run; other names are."""
    floor = Floor(lambda call: answer if call.name == "bad" else taken(call))
    ends = floor.run(*crowd(3, "bad", "good"), (50.0, "late", ["BAD", "good"]))
    assert {"c0": ["bad"], "c1": ["bad"], "c2": ["bad"], "late": ["BAD"]} == ends
    assert [3, 0] == [len(each.contact_ids) for each in floor.calls if each.name == "bad"]
    assert [3, 1] == [len(each.contact_ids) for each in floor.calls if each.name == "good"]


@pytest.mark.parametrize("people", [1, 3])
def test_person_who_is_refused_does_not_take_the_name_along(people: int) -> None:
    """The name by itself is taken, so each goes alone; a single one has been."""
    floor = Floor(lambda call: INVALID if "c0" in call.contact_ids else taken(call))
    ends = floor.run(*crowd(people, "A"), (50.0, "late", ["A"]))
    assert {"c0": ["A"], **{f"c{number}": [] for number in range(1, people)}, "late": []} == ends
    assert [people, 0, *([1] * people if people > 1 else []), 1] == floor.sizes


@pytest.mark.parametrize("people", [1, 3])
def test_person_whose_call_fails_again_and_again_is_undeliverable_and_the_others_are_tagged(people: int) -> None:
    """And has the other tags all the same."""
    floor = Floor(lambda call: FAILS if "c0" in call.contact_ids and call.name == "A" else taken(call))
    ends = floor.run(*crowd(people, "A", "B"))
    assert FAILS is ends.pop("c0")
    assert {f"c{number}": [] for number in range(1, people)} == ends
    assert ("b", "c0") in floor.noted


def test_answer_without_a_list_of_people_is_believed() -> None:
    """Older versions show none, and the description an empty one."""
    for tells in (True, False):
        floor = Floor(lambda call, tells=tells: taken(TagContacts(call.name), tells=tells))  # type: ignore[misc]
        assert {"c0": [], "c1": []} == floor.run(*crowd(2, "A"))
        assert 2 == len(floor.noted)


NAMES = ("A", "a", "B", "bad", "C")
ARRIVALS = st.lists(
    st.tuples(
        st.floats(0, 6).map(lambda at: round(at, 1)),
        st.integers(0, 30).map(lambda number: f"c{number}"),
        st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique_by=str.casefold),
    ),
    max_size=40,
    unique_by=lambda each: each[1],
)


@given(
    arrivals=ARRIVALS,
    unknown=st.sets(st.integers(0, 30).map(lambda number: f"c{number}"), max_size=3),
    poisoned=st.sets(st.integers(0, 30).map(lambda number: f"c{number}"), max_size=2),
    bad=st.sampled_from([INVALID, FAILS]),
    late=st.booleans(),
    seed=st.integers(0, 1000),
    seconds=st.sampled_from([0.0, 0.1, 3.0]),
)
def test_people_however_they_come_and_whatever_fails_are_each_tagged_or_told(
    arrivals: list[tuple[float, str, list[str]]],
    unknown: set[str],
    poisoned: set[str],
    bad: Answer | UndeliverableError,
    late: bool,
    seed: int,
    seconds: float,
) -> None:
    """All tasks end, nobody waits for somebody who waits, and nobody's fault is another one's."""
    bearing: set[tuple[str, str]] = set()

    def reply(call: TagContacts) -> Answer | UndeliverableError:
        assert len(call.contact_ids) <= MOST_PEOPLE
        assert len(set(call.contact_ids)) == len(call.contact_ids)
        if call.name == "bad":
            return bad
        if poisoned.intersection(call.contact_ids):
            return FAILS
        is_refused = bool(unknown.intersection(call.contact_ids))
        if not is_refused or late:
            bearing.update((call.name.casefold(), each) for each in call.contact_ids if each not in unknown)
        return UNKNOWN if is_refused else taken(call)

    floor = Floor(reply, seed=seed, seconds=seconds)
    ends = floor.run(*arrivals)
    assert {who for _, who, _ in arrivals} == ends.keys()
    for _, who, names in arrivals:
        end = ends[who]
        good = [name for name in names if name != "bad"]
        if who in poisoned and good:
            assert isinstance(end, UndeliverableError)
        elif who in unknown:
            assert sorted(names) == sorted(end if isinstance(end, list) else [])
        else:
            assert [name for name in names if name == "bad"] == end
            assert {(name.casefold(), who) for name in good} <= bearing
    assert floor.noted <= bearing
    assert {} == floor._groups._open
