"""What a kind of object is to the rest: everything that is not the same for contacts, events and others.

A kind is registered once (`destination_intercom.kinds`). Whatever plans, schedules, counts, stores or
only pretends goes by the registry, and knows no kind by name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Collection, Generator, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from destination_intercom.airbyte.catalog import CatalogStream
from destination_intercom.configuration.plan import PlanChecks
from destination_intercom.delivery.probes import Probe, Taken
from destination_intercom.delivery.tasks import (
    Aside,
    Batch,
    CallTask,
    LookupTask,
    ProbeTask,
    Step,
    Task,
    TaskSteps,
    WriteTask,
)
from destination_intercom.errors import ConfigurationError
from destination_intercom.identity import Key
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import Call, WriteCall
from destination_intercom.outcomes import Outcome
from destination_intercom.payloads import Payload, RecordRule


@dataclass(frozen=True, slots=True)
class Note:
    """Something that the user is warned of once; if there were too many warnings, `name` is listed under `heading`.

    What is `pressing` is said however much was warned of.
    """

    text: str
    heading: str = ""
    name: str = ""
    pressing: bool = False


class Notes:
    """What the steps of tasks have to say, for the main thread to take."""

    def __init__(self) -> None:
        self._notes: deque[Note] = deque()

    def add(self, note: Note) -> None:
        """Add a note; in any thread."""
        self._notes.append(note)

    def take(self) -> Iterator[Note]:
        """Give up the notes that have come up since the last call."""
        while self._notes:
            yield self._notes.popleft()


class Batches(Protocol):
    """Payloads that are looked up together, as far as the main thread is concerned."""

    @property
    def due(self) -> float | None:
        """Tell when the open batch closes by its age; None if it does not for now."""

    def close(self) -> None:
        """Close the open batch, if there is one."""

    def close_if_full(self) -> None:
        """Close the open batch if it is complete."""

    def close_if_due(self, now: float) -> None:
        """Close the open batch if it is old enough."""

    def note_looked_up(self) -> None:
        """Note that a batch was looked up."""


class Kind(ABC):
    """One kind of object; `name` is its name in counts and summaries."""

    name: ClassVar[str]

    def __init__(self) -> None:
        self.notes = Notes()

    @property
    def writes(self) -> Sequence[type[WriteCall]]:
        """Tell the calls that a dry run counts, also where none of them was to be made."""
        return ()

    @property
    def batches(self) -> Batches | None:
        """Give the payloads that wait to be looked up together; None where nothing is."""
        return None

    @property
    def makes_people(self) -> bool:
        """Say whether others may wait for the people whom it writes."""
        return False

    def outlook(self) -> Iterable[str]:
        """Tell what is likely in a sync where others write the people whom it needs."""
        return ()

    @abstractmethod
    def compile(self, stream: CatalogStream, checks: PlanChecks) -> Sequence[RecordRule]:
        """Make what maps a record of `stream`, one for each payload that it may become; none if it is not meant."""

    @abstractmethod
    def show(self, payload: Payload) -> tuple[str, Any]:
        """Tell what would be sent for a payload where Intercom knows nobody, after the name under which it is shown."""

    def show_beside(self, payload: Payload) -> Iterable[tuple[str, Any]]:  # noqa: ARG002 - for those who send more
        """Tell the name and the value of each thing that would be sent beside it."""
        return ()

    @abstractmethod
    def deliver(self, tasks: Sequence[WriteTask]) -> Generator[Step, Answer, Sequence[Outcome | Aside]]:
        """Make the steps that deliver one payload, or several of one key and one batch: an outcome for each."""

    def assume(self) -> Iterable[str]:
        """Go by the configuration and the schemas alone, where no workspace can be asked; tell what is assumed."""
        return ()

    def check(self) -> Generator[Call, Answer, None]:
        """Ask of the workspace what a test of the destination can find out; raise what cannot work.

        What there is to warn of goes into `notes`.
        """
        yield from ()

    @property
    def permissions(self) -> Sequence[str]:
        """Tell what the app needs, as Intercom's Developer Hub calls it; nothing if the kind is switched off."""
        return ()

    def prepare(self) -> Generator[Call, Answer, Sequence[str]]:
        """Settle with the workspace what must be known before the first record; return what to warn of.

        What the user should read before a call is made is in `notes` when it is yielded.
        """
        yield from ()
        return ()

    def batch(self, payload: Payload, *, size: int, now: float) -> Batch | None:  # noqa: ARG002 - for those who look up
        """Tell the batch that a payload waits for, of a record of `size` bytes at `now` (seconds); None for none."""
        return None

    def look_up(self, batch: Batch) -> Generator[Step, Answer, None]:  # noqa: ARG002 - for those who look up
        """Make the steps that find out what Intercom has of a batch."""
        yield from ()

    def series(self, payload: Payload) -> Hashable | None:  # noqa: ARG002 - for those of which several go at once
        """Tell what keeps its order with a payload, where others of its key may be under way beside it; None: all."""
        return None

    def names(self, payload: Payload) -> Iterable[Key]:  # noqa: ARG002 - for those that have several
        """Tell under which other keys the person of a payload is known once it is written."""
        return ()

    def takes_away(self, payload: Payload) -> bool:  # noqa: ARG002 - for those that do
        """Say whether the person of a payload is not there any more once it is delivered."""
        return False

    def probes(self, call: Call, taken: Iterable[Taken]) -> Iterable[Probe]:  # noqa: ARG002 - for those who know one
        """Offer calls to the endpoint of `call` that change nothing and that Intercom takes if it works, best first.

        `taken` are calls that Intercom took in this run, each with its person, the latest first.
        """
        return ()

    def tally(self) -> Iterable[str]:
        """Tell what was done, where the counts of records do not say it."""
        return ()

    def final_error(self) -> ConfigurationError | None:
        """Make the error that the sync is to end with, though all states have left; None for none."""
        return None

    def summary(self) -> Iterable[str]:
        """Tell what the user should read at the end, beside the counts."""
        return ()


class Kinds(Mapping[str, Kind]):
    """The kinds of one sync, by name, in the order in which a record's payloads are made."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self._kinds = {kind.name: kind for kind in kinds}

    def __getitem__(self, name: str) -> Kind:
        return self._kinds[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)

    @property
    def writes(self) -> list[type[WriteCall]]:
        """Tell the calls that a dry run counts."""
        return [call for kind in self._kinds.values() for call in kind.writes]

    @property
    def batches(self) -> list[Batches]:
        """Tell the batches of all kinds that look up."""
        return [kind.batches for kind in self._kinds.values() if kind.batches is not None]

    def outlook(self, names: Collection[str]) -> list[str]:
        """Tell what is likely in a sync of the kinds of these names."""
        kinds = [self[name] for name in self if name in names]
        return [text for kind in kinds for text in kind.outlook()] if any(kind.makes_people for kind in kinds) else []

    def makes_people(self, payload: Payload) -> bool:
        """Say whether others may wait for the person of a payload, as its kind does."""
        return self[payload.kind].makes_people

    def series(self, payload: Payload) -> Hashable | None:
        """Tell what keeps its order with a payload, as its kind does."""
        return self[payload.kind].series(payload)

    def names(self, payload: Payload) -> Iterable[Key]:
        """Tell under which other keys the person of a payload is known, as its kind does."""
        return self[payload.kind].names(payload)

    def takes_away(self, payload: Payload) -> bool:
        """Say whether the person of a payload is not there any more once it is delivered, as its kind does."""
        return self[payload.kind].takes_away(payload)

    def probes(self, call: Call, taken: Sequence[Taken]) -> Iterator[Probe]:
        """Offer what the kinds do."""
        for kind in self._kinds.values():
            yield from kind.probes(call, taken)

    def make_steps(self, tasks: Sequence[Task]) -> TaskSteps:
        """Make the steps of one task, or of several writes that belong together."""
        first = tasks[0]
        if isinstance(first, (CallTask, ProbeTask)):
            return _ask(first.call)
        if isinstance(first, LookupTask):
            return self[first.kind].look_up(first.batch)
        return self[first.payload.kind].deliver([task for task in tasks if isinstance(task, WriteTask)])


def _ask(call: Call) -> Generator[Step, Answer, Answer]:
    return (yield call)
