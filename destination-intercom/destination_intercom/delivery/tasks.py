"""The words between the scheduler and the tasks that it carries out.

The steps of a task are a generator. It yields a `Call` and is sent the `Answer`, once there is one that
means something: retries, waiting for the quota and fatal errors happen elsewhere. It yields a
`Pause` to be woken later, `Acquire` to have something to itself, and returns what it came to. Where it turns
out that its record is why a call fails again and again, `UndeliverableError` is raised in it in the place of
an answer; steps that let it pass are over, with that outcome. Where a task has nobody to write to yet, it may
return `Aside`: then it is begun anew later, once its person was written, or when nobody is waited for any more.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Hashable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Protocol, TypeAlias

from destination_intercom.delivery.ledger import Entry
from destination_intercom.identity import Key
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import Call
from destination_intercom.outcomes import Outcome
from destination_intercom.payloads import Payload


@dataclass(frozen=True, slots=True)
class Pause:
    """Wake the task after `seconds`; its key waits meanwhile, and nobody else."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Acquire:
    """Go on once no other task holds `name`, and hold it until it is released or the task ends.

    Whoever waits occupies no worker. To hold two names can end in two tasks that wait for each other.
    """

    name: Hashable


@dataclass(frozen=True, slots=True)
class Release:
    """Let the next one have `name`."""

    name: Hashable


@dataclass(frozen=True, slots=True)
class Aside:
    """The task is to wait for its person, outside its lane; only one that `may_wait` comes to this."""


class WaitEnd(Enum):
    """Why a task waits for its person no longer."""

    WRITTEN = "the person was written"
    NOBODY_COMES = "no more people come"
    NO_ROOM = "too many wait, this one for longest"
    TIME = "it has waited for as long as one may"


class UndeliverableError(Exception):
    """The record is why its call fails again and again; `outcome` is what becomes of it."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


class OutageError(Exception):
    """Steps say that Intercom does not do what they need, though it may answer: `why` tells what, safe for a log.

    It ends the sync; whatever has no outcome by then is begun again by the next one.
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


Step: TypeAlias = Call | Pause | Acquire | Release
Steps: TypeAlias = Generator[Step, Answer, Outcome]


class Batch(Protocol):
    """Payloads that wait until it is known what Intercom has of them."""

    @property
    def keys(self) -> Collection[Key]:
        """Tell whose payloads wait."""

    @property
    def is_looked_up(self) -> bool:
        """Say whether they need not wait any longer."""


@dataclass(slots=True)
class WriteTask:
    """A payload on its way, the record that it is a part of, and the batch that it waits for."""

    entry: Entry
    payload: Payload
    batch: Batch | None = None
    series: Hashable | None = None
    """What keeps its order with this one, where others of the key may be under way beside it; None: all of the key."""
    held: float = 0.0
    """Seconds that failures and waits have held it up before it begins."""
    wait_end: WaitEnd | None = None
    """Why it waits for its person no longer; None while it may."""
    behind: Collection[Task] = ()
    """What waits for it in its lane, once it has begun: as it is at any moment."""

    @property
    def may_wait(self) -> bool:
        """Say whether it may wait for its person."""
        return self.wait_end is None

    @property
    def is_ready(self) -> bool:
        """Say whether nothing is left to look up."""
        return self.batch is None or self.batch.is_looked_up

    def belongs_with(self, other: Task) -> bool:
        """Say whether `other`, which comes right behind, is to be written with this one."""
        return (
            isinstance(other, WriteTask)
            and self.batch is not None
            and other.batch is self.batch
            and other.payload.kind == self.payload.kind
        )


@dataclass(slots=True)
class LookupTask:
    """A batch of the kind `kind`, of which is to be found out what Intercom has."""

    kind: str
    batch: Batch
    is_ready: ClassVar[bool] = True
    series: ClassVar[None] = None


@dataclass(slots=True)
class CallTask:
    """A call that belongs to no record; its answer is posted."""

    call: Call
    is_ready: ClassVar[bool] = True
    series: ClassVar[None] = None


@dataclass(slots=True)
class ProbeTask:
    """A harmless call that shows whether its endpoint works; it is made once."""

    call: Call
    is_ready: ClassVar[bool] = True
    series: ClassVar[None] = None


Task: TypeAlias = WriteTask | LookupTask | CallTask | ProbeTask
TaskSteps: TypeAlias = Generator[Step, Answer, Sequence[Outcome | Aside] | Answer | None]
"""The steps of one task, or of several writes to one person: their outcomes; an answer; nothing for a lookup."""
