"""Several tasks under way at once, on a time of their own: what the scheduler does for steps, in an order that is given.

It holds steps to what the scheduler promises them: a name is held by one task, whoever waits for it gets it in turn,
and time passes in pauses and calls alone. Tasks that wait for one another for ever are found out.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Generator, Hashable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from destination_intercom.delivery.tasks import Acquire, Pause, Release, Step, UndeliverableError
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import Call
from unit_tests.task_bench import FakeTime

Says = Answer | UndeliverableError


@dataclass(eq=False)
class Member:
    """One task: its steps, what it holds, and what it came to."""

    steps: Generator[Step, Answer, Any]
    held: list[Hashable] = field(default_factory=list)
    result: Any = None
    done: bool = False


@dataclass(frozen=True)
class Made:
    """A call, and when it was made (seconds since the start)."""

    call: Call
    at: float


class Crew:
    """Carries out tasks; `answer` answers each call, `latency()` seconds after it was made. `chance` picks who is next."""

    def __init__(
        self,
        answer: Callable[[Call], Says],
        *,
        latency: Callable[[], float] = lambda: 0.0,
        chance: Random | None = None,
        time: FakeTime | None = None,
    ) -> None:
        self.time = time or FakeTime()
        self.start = self.time.seconds
        self.made: list[Made] = []
        self._answer = answer
        self._latency = latency
        self._chance = chance
        self._ready: list[tuple[Member, Says | None]] = []
        self._asleep: list[tuple[float, int, Member, Says | None]] = []
        self._waiting: dict[Hashable, deque[Member]] = {}
        self._members: list[Member] = []
        self._number = 0

    def add(self, steps: Generator[Step, Answer, Any], *, after: float = 0.0) -> Member:
        """Begin a task after so many seconds."""
        member = Member(steps)
        self._members.append(member)
        self._sleep(member, after, None)
        return member

    @property
    def now(self) -> float:
        """The seconds since the start."""
        return self.time.seconds - self.start

    @property
    def calls(self) -> list[Call]:
        """The calls, in their order."""
        return [each.call for each in self.made]

    def run(self) -> list[Any]:
        """Carry out all tasks; return what they came to, in the order in which they were added."""
        while self._ready or self._asleep:
            if not self._ready:
                self.time.seconds = max(self.time.seconds, self._asleep[0][0])
            while self._asleep and self._asleep[0][0] <= self.time.seconds:
                _, _, member, says = heapq.heappop(self._asleep)
                self._ready.append((member, says))
            place = 0 if self._chance is None else self._chance.randrange(len(self._ready))
            self._move(*self._ready.pop(place))
        stuck = [member for member in self._members if not member.done]
        assert not stuck, f"{len(stuck)} tasks wait for one another"
        return [member.result for member in self._members]

    def _sleep(self, member: Member, seconds: float, says: Says | None) -> None:
        self._number += 1
        heapq.heappush(self._asleep, (self.time.seconds + seconds, self._number, member, says))

    def _move(self, member: Member, says: Says | None) -> None:
        try:
            step = self._next(member, says)
            while isinstance(step, Acquire | Release):
                if isinstance(step, Release):
                    self._release(member, step.name)
                elif step.name in self._waiting:
                    assert step.name not in member.held, "it waits for itself"
                    self._waiting[step.name].append(member)
                    return
                else:
                    self._waiting[step.name] = deque()
                    member.held.append(step.name)
                step = next(member.steps)
        except StopIteration as stop:
            member.result, member.done = stop.value, True
            for name in list(member.held):
                self._release(member, name)
            return
        if isinstance(step, Pause):
            self._sleep(member, step.seconds, None)
            return
        self.made.append(Made(step, self.now))
        self._sleep(member, self._latency(), self._answer(step))

    def _next(self, member: Member, says: Says | None) -> Step:
        if says is None:
            return next(member.steps)
        return member.steps.throw(says) if isinstance(says, UndeliverableError) else member.steps.send(says)

    def _release(self, member: Member, name: Hashable) -> None:
        member.held.remove(name)
        if not self._waiting[name]:
            del self._waiting[name]
            return
        heir = self._waiting[name].popleft()
        heir.held.append(name)
        self._ready.append((heir, None))
