"""What is to be sent for one key, in its order, and what of it is being carried out.

It knows nothing of workers, of time or of any kind of object: only which task may begin next.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import TypeAlias

from destination_intercom.delivery.probes import Trouble
from destination_intercom.delivery.tasks import Task, TaskSteps, WriteTask
from destination_intercom.identity import Key
from destination_intercom.intercom.calls import Call

LaneKey: TypeAlias = Key | int | str
"""A person; else the number of a lookup, "" for calls that belong to no record, or what a probe is made for."""


class Job:
    """One task that is being carried out, or several writes that belong together: its steps, and where they are.

    `call` is the one to be made, or to be made again, `delay` the seconds that were waited before it.
    """

    __slots__ = ("call", "delay", "endpoints", "held", "lane", "steps", "tasks", "trouble")

    def __init__(self, lane: Lane, tasks: list[Task], steps: TaskSteps) -> None:
        self.lane = lane
        self.tasks = tasks
        self.steps = steps
        self.held: list[Hashable] = []
        self.call: Call | None = None
        self.delay = 0.0
        self.endpoints: set[str] = set()
        self.trouble = Trouble(max((task.held for task in self.writes), default=0.0))

    @property
    def writes(self) -> list[WriteTask]:
        """Tell the parts of records that it carries out."""
        return [task for task in self.tasks if isinstance(task, WriteTask)]

    @property
    def person(self) -> Key | None:
        """Tell whom it writes to; None where it only asks."""
        first = self.tasks[0]
        return first.payload.key if isinstance(first, WriteTask) else None


class Lane:
    """The tasks of one key that have not begun; `is_queued` says that it stands in line for a worker."""

    __slots__ = ("is_busy", "is_queued", "key", "tasks")

    def __init__(self, key: LaneKey) -> None:
        self.key = key
        self.tasks: deque[Task] = deque()
        self.is_busy = False
        self.is_queued = False

    @property
    def may_begin(self) -> bool:
        """Say whether a task may begin now."""
        return not self.is_busy and bool(self.tasks) and self.tasks[0].is_ready

    @property
    def is_done(self) -> bool:
        """Say whether nothing is left of it."""
        return not self.is_busy and not self.tasks

    def begin(self) -> list[Task]:
        """Take the task that may begin, with those right behind it that are written with it."""
        self.is_busy = True
        first = self.tasks.popleft()
        taken = [first]
        while isinstance(first, WriteTask) and self.tasks and first.belongs_with(self.tasks[0]):
            taken.append(self.tasks.popleft())
        return taken

    def end(self) -> None:
        """Note that what had begun has ended."""
        self.is_busy = False
