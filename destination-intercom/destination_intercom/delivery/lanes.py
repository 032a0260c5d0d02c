"""What is to be sent for one key, in its order, and what of it is being carried out.

It knows nothing of workers, of time or of any kind of object: only which task may begin next.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator, Sequence
from typing import TypeAlias

from destination_intercom.delivery.probes import Trouble
from destination_intercom.delivery.tasks import Task, TaskSteps, WriteTask
from destination_intercom.identity import Key
from destination_intercom.intercom.calls import Call

LaneKey: TypeAlias = Key | int | str
"""A person; else the number of a lookup, "" for calls that belong to no record, or what a probe is made for."""


class Job:
    """One task that is being carried out, or several writes that belong together: its steps, and where they are.

    `call` is the one to be made, or to be made again, `delay` the seconds that were waited before it. `shown` is how
    many outcomes had shown that somebody is there when it began. `writes` are those of its tasks that are parts of
    records.
    """

    __slots__ = ("call", "delay", "endpoints", "held", "lane", "shown", "steps", "tasks", "trouble", "writes")

    def __init__(self, lane: Lane, tasks: list[Task], steps: TaskSteps, *, shown: int) -> None:
        self.lane = lane
        self.tasks = tasks
        self.writes = [task for task in tasks if isinstance(task, WriteTask)]
        self.steps = steps
        self.shown = shown
        self.held: list[Hashable] = []
        self.call: Call | None = None
        self.delay = 0.0
        self.endpoints: set[str] = set()
        self.trouble = Trouble(max((task.held for task in self.writes), default=0.0))

    @property
    def person(self) -> Key | None:
        """Tell whom it writes to; None where it only asks."""
        first = self.tasks[0]
        return first.payload.key if isinstance(first, WriteTask) else None


class Lane:
    """The tasks of one key: those that have not begun, and how many are under way.

    A task without a series waits for all before it, and holds all behind it. Tasks of a series are under way beside
    one another once the lane `is_open`, but one after the other within their series; before that, the first goes
    alone. `is_queued` says that the lane stands in line for a worker.
    """

    __slots__ = ("_busy", "_freed", "_is_alone", "_series", "is_open", "is_queued", "key", "tasks")

    def __init__(self, key: LaneKey, *, is_open: bool = False) -> None:
        self.key = key
        self.tasks: deque[Task] = deque()
        self.is_open = is_open
        self.is_queued = False
        self._busy = 0
        self._is_alone = False
        self._series: dict[Hashable, deque[Task]] = {}
        """Of each series that is under way, what waits for it."""
        self._freed: deque[Task] = deque()

    @property
    def may_begin(self) -> bool:
        """Say whether a task may begin now."""
        if self._freed:
            return True
        if not self.tasks or self._is_alone:
            return False
        first = self.tasks[0]
        may_go_beside = first.series is not None and self.is_open
        return first.is_ready and (may_go_beside or not self._busy)

    @property
    def is_done(self) -> bool:
        """Say whether nothing is left of it."""
        return not self._busy and not self.tasks and not self._freed

    def put_back(self, tasks: Sequence[WriteTask]) -> None:
        """Take tasks back that had left it, in their order: behind the others, before later ones of their series."""
        of_series: dict[Hashable, deque[WriteTask]] = {}
        for task in tasks:
            of_series.setdefault(task.series, deque()).append(task)
        all_tasks: deque[Task] = deque()
        for later in self.tasks:
            own = of_series.get(later.series)
            while own and isinstance(later, WriteTask) and own[0].entry.ordinal < later.entry.ordinal:
                all_tasks.append(own.popleft())
            all_tasks.append(later)
        for own in of_series.values():
            all_tasks.extend(own)
        self.tasks = all_tasks

    def begin(self) -> list[Task]:
        """Take what may begin: a task, with those right behind it that are written with it; none is left if empty."""
        if self._freed:
            self._busy += 1
            return [self._freed.popleft()]
        while self.may_begin:
            first = self.tasks.popleft()
            if first.series is None:
                self._busy, self._is_alone = 1, True
                return [first, *self._take_those_with(first)]
            if first.series not in self._series:
                self._busy += 1
                self._series[first.series] = deque()
                return [first]
            self._series[first.series].append(first)
        return []

    def _take_those_with(self, first: Task) -> Iterator[Task]:
        while isinstance(first, WriteTask) and self.tasks and first.belongs_with(self.tasks[0]):
            yield self.tasks.popleft()

    def end(self, first: Task) -> None:
        """Note that what had begun with `first` has ended."""
        self._busy -= 1
        if first.series is None:
            self._is_alone = False
        elif following := self._series[first.series]:
            self._freed.append(following.popleft())
        else:
            del self._series[first.series]
