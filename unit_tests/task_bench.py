"""What the tests of tasks share: answers in Intercom's shapes, and a bench that drives steps by hand."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from destination_intercom.configuration.config import parse_config
from destination_intercom.contacts.batches import ContactBatches
from destination_intercom.contacts.cache import ContactCache
from destination_intercom.contacts.known import ContactReader, KnownContact
from destination_intercom.contacts.people import People
from destination_intercom.contacts.policy import Policy
from destination_intercom.contacts.upsert import ContactUpserter
from destination_intercom.delivery.kinds import Kinds
from destination_intercom.delivery.tasks import Acquire, Batch, Pause, Release, Step
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import Call
from destination_intercom.kinds import KindParts, make_kinds
from destination_intercom.standard_fields import STANDARD_FIELDS
from unit_tests.strategies import base_config

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


@dataclass(frozen=True)
class Names:
    """What of contacts is written."""

    types: Mapping[str, str]
    fields: frozenset[str] = STANDARD_FIELDS


TYPES = {"plan": "string", "seats": "integer", "x": "string"}
READER = ContactReader(Names(TYPES))
"""Reads the contacts of tests that write these custom attributes, and all fields."""


def contact(contact_id: str = ID, **body: Any) -> KnownContact:
    """A contact as Intercom shows it."""
    return READER.read({"id": contact_id, "role": "user", **body})


def no_look_up(_kind: str, _batch: Batch) -> None:
    """Take a batch that nobody looks up."""


def sync_parts(
    now: Callable[[], float],
    look_up: Callable[[str, Batch], None] = no_look_up,
    identity: Mapping[str, Any] | None = None,
    **users: Any,
) -> tuple[Kinds, KindParts]:
    """The kinds of a sync of a stream `s` of users whose name is written, and of events."""
    section = {"mode": "enabled", "streams": [{"stream": "s"}], **users}
    events = {"mode": "enabled", "selected_events": ["*"]}
    parts = KindParts(parse_config(base_config(users=section, events=events, identity=identity or {})), now, look_up)
    parts.contacts.attributes.want("name", None)
    return make_kinds(parts), parts


class FakeTime:
    """Moves on by what steps pause."""

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
    """A cache with a time of its own, and steps driven by hand; `held` is what they hold at the moment."""

    def __init__(self) -> None:
        self.time = FakeTime()
        self.cache = ContactCache(self.time.now)
        self.held: list[Hashable] = []

    def upserter(self, policy: Policy | None = None) -> ContactUpserter:
        """An upserter of this cache."""
        return ContactUpserter(cache=self.cache, policy=policy or Policy(), reader=READER)

    def make_people(self, creator: ContactUpserter | None = None) -> People:
        """What other kinds may ask of the contacts of this cache."""
        batches = ContactBatches(written=self.cache.written, look_up=lambda _: None)
        return People(cache=self.cache, creator=creator, batches=batches)

    def drive(self, steps: Generator[Step, Answer, T], *answers: Answer) -> tuple[T, list[Call], list[float]]:
        """Answer the calls one by one; return the result, the calls and the pauses."""
        driven, left = Driven(), list(answers)
        try:
            step = next(steps)
            while True:
                if isinstance(step, Pause):
                    driven.pauses.append(step.seconds)
                    self.time.seconds += step.seconds
                    step = next(steps)
                elif isinstance(step, Acquire):
                    assert step.name not in self.held, "they wait for themselves"
                    self.held.append(step.name)
                    step = next(steps)
                elif isinstance(step, Release):
                    self.held.remove(step.name)
                    step = next(steps)
                else:
                    driven.calls.append(step)
                    assert left, f"there is no answer to {step}"
                    step = steps.send(left.pop(0))
        except StopIteration as stop:
            assert not left, "there were more answers than calls"
            result: T = stop.value
            return result, driven.calls, driven.pauses
