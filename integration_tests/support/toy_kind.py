"""A kind of object that Intercom does not have: all that a new one needs, in one file.

Each record of the stream `toys` becomes a toy of the person in `user_id`; one without a `name` is filtered.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

from destination_intercom import outcomes
from destination_intercom.airbyte.catalog import CatalogStream
from destination_intercom.configuration.plan import PlanChecks
from destination_intercom.delivery.kinds import Kind
from destination_intercom.delivery.tasks import Step, WriteTask
from destination_intercom.identity import IdentityRule, Key, identify
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import WriteCall
from destination_intercom.intercom.classify import read_refusal
from destination_intercom.kinds import KindParts
from destination_intercom.outcomes import Outcome, filtered, rejected
from destination_intercom.payloads import Payload, RecordRule
from destination_intercom.values import Trim


@dataclass(frozen=True, slots=True)
class PostToy(WriteCall):
    """Make a toy."""

    payload: dict[str, Any] = field(repr=False)
    endpoint: ClassVar[str] = "POST /toys"
    dry_run_label: ClassVar[str] = "toys made"

    @property
    def body(self) -> dict[str, Any]:
        return self.payload

    def dry_run_answer(self, number: int) -> Answer:
        return Answer(200, "json", {"id": str(number)})


@dataclass(frozen=True, slots=True)
class Toy:
    """A toy of a person."""

    kind: ClassVar[str] = "toys"
    key: Key
    name: str = field(repr=False)
    trims: tuple[Trim, ...] = ()


class Toys(Kind):
    """The toys of one sync."""

    name: ClassVar[str] = Toy.kind

    @property
    def writes(self) -> Sequence[type[WriteCall]]:
        return (PostToy,)

    def compile(self, stream: CatalogStream, checks: PlanChecks) -> Sequence[RecordRule]:
        return (
            [RecordRule(partial(_map, checks.identity_rule(None, stream, entry="toys")))]
            if stream.name.name == "toys"
            else []
        )

    def show(self, payload: Payload) -> tuple[str, Any]:
        assert isinstance(payload, Toy)
        return "toys", {"name": payload.name, "user_id": payload.key.value}

    def deliver(self, tasks: Sequence[WriteTask]) -> Generator[Step, Answer, list[Outcome]]:
        ends = []
        for task in tasks:
            assert isinstance(task.payload, Toy)
            call = PostToy({"name": task.payload.name, "user_id": task.payload.key.value})
            answer = yield call
            refused = rejected(outcomes.REFUSED, read_refusal(answer))
            ends.append(outcomes.DELIVERED if call.is_answered_by(answer) else refused)
        return ends


def _map(identity: IdentityRule, data: dict[str, Any]) -> Toy | Outcome:
    if not data.get("name"):
        return filtered(outcomes.FILTERED_OUT)
    key = identify(identity, data)
    return key if isinstance(key, Outcome) else Toy(key, data["name"])


def make_toys(_parts: KindParts) -> Kind:
    """Make the toys."""
    return Toys()
