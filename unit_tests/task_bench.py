"""What the tests of tasks share: answers in Intercom's shapes, and a bench that drives an steps by hand."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from destination_intercom.contacts.cache import Memory
from destination_intercom.delivery.tasks import Pause, Step
from destination_intercom.intercom.calls import Answer, Call

ID = "5da6f18e3d7cf967e4582d05"
OTHER_ID = "6064d5c43910cc082d903f6c"

T = TypeVar("T")


def refusal(status: int, code: str, message: str = "") -> Answer:
    """An answer in Intercom's envelope."""
    errors = [{"code": code, "message": message}]
    return Answer(status, "json", {"type": "error.list", "request_id": "r1", "errors": errors}, request_id="r1")


def shown(contact_id: str = ID, **more: Any) -> Answer:
    """A contact as an answer shows it."""
    return Answer(200, "json", {"type": "contact", "id": contact_id, "role": "user", **more})


def listed(*contacts: Mapping[str, Any], after: str | None = None) -> Answer:
    """A page of a search's answer; `after` points to the next one."""
    pages = {"type": "pages"} if after is None else {"type": "pages", "next": {"starting_after": after}}
    return Answer(200, "json", {"type": "list", "data": list(contacts), "pages": pages})


NOT_FOUND = refusal(404, "not_found", "User Not Found")
MERGED = refusal(410, "contact_merged")
CONFLICT = refusal(409, "conflict", f"A contact matching those details already exists with id={ID}")
ARCHIVED_CONFLICT = refusal(409, "conflict", f"An archived contact matching those details already exists with id={ID}")
VAGUE_CONFLICT = refusal(409, "conflict", "A contact matching those details already exists")
INVALID = refusal(400, "parameter_invalid", "Custom attribute 'x' does not exist")


class FakeTime:
    """Moves on by what an steps pauses."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def now(self) -> float:
        return self.seconds


@dataclass
class Driven:
    """What driving tasks took: the calls and the pauses (seconds), in their order."""

    calls: list[Call] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)


class Bench:
    """A memory with a time of its own, and tasks driven by hand."""

    def __init__(self) -> None:
        self.time = FakeTime()
        self.memory = Memory(self.time.now)

    def drive(self, steps: Generator[Step, Answer, T], *answers: Answer) -> tuple[T, list[Call], list[float]]:
        """Answer the steps's calls one by one; return its result, the calls and the pauses."""
        driven, left = Driven(), list(answers)
        try:
            step = next(steps)
            while True:
                if isinstance(step, Pause):
                    driven.pauses.append(step.seconds)
                    self.time.seconds += step.seconds
                    step = next(steps)
                else:
                    driven.calls.append(step)
                    assert left, f"there is no answer to {step}"
                    step = steps.send(left.pop(0))
        except StopIteration as stop:
            assert not left, "there were more answers than calls"
            result: T = stop.value
            return result, driven.calls, driven.pauses
