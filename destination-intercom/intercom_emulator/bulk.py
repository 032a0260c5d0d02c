"""The bulk jobs: which tasks they have, when each item is due, and how far they are; not what an item does."""

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Task:
    """The items of one call; times are unix seconds, exact."""

    id: str
    created: float
    starts: float
    ends: float
    count: int
    done: int = 0
    failed: int = 0

    def state(self, now: float) -> str:
        """Return what a poll is told of the task."""
        if self.done == self.count:
            return "completed_with_errors" if self.failed else "completed"
        return "running" if now >= self.starts else "pending"

    def shown(self, now: float) -> dict[str, Any]:
        """Return the task as the API shows it."""
        shown: dict[str, Any] = {"id": self.id, "item_count": self.count, "state": self.state(now)}
        shown |= {"created_at": int(self.created), "started_at": int(self.starts) if now >= self.starts else None}
        return shown | {"completed_at": int(self.ends) if self.done == self.count else None}


@dataclass(slots=True)
class Job:
    """One job and its tasks; after `open_until` (unix seconds) it takes no more of them."""

    id: str
    created: float
    open_until: float
    tasks: list[Task] = field(default_factory=list)

    def shown(self, now: float) -> dict[str, Any]:
        """Return the job as the API shows it: no result of an item, no reason."""
        tasks = [each.shown(now) for each in self.tasks]
        states = {each["state"] for each in tasks}
        if states <= {"completed", "completed_with_errors"}:
            state = "completed_with_errors" if "completed_with_errors" in states else "completed"
            completed = max(each["completed_at"] for each in tasks)
        else:
            state, completed = ("pending" if states == {"pending"} else "running"), None
        times = [each[name] for each in tasks for name in ("created_at", "started_at", "completed_at")]
        shown = {"id": self.id, "type": "contacts.bulk.job", "state": state, "created_at": int(self.created)}
        shown |= {"updated_at": max(each for each in times if each is not None), "completed_at": completed}
        return shown | {"tasks": tasks, "url": f"https://api.intercom.io/contacts/bulk/{self.id}"}


@dataclass(frozen=True, slots=True)
class Work:
    """One thing that is due at a time: an item of a task, or what its tags still ask for (`task` None)."""

    due: float
    kind: str  # create, update, delete or tag
    item: dict[str, Any]
    task: Task | None = None


class Jobs:
    """All jobs, and the work that is ahead. Not thread-safe: the core's lock guards it."""

    def __init__(self) -> None:
        self._all: dict[str, Job] = {}
        self._ahead: list[tuple[float, int, Work]] = []
        self._numbers = itertools.count(1)
        self._order = itertools.count()

    def __iter__(self) -> Iterator[Job]:
        """Return all jobs, in the order of creation."""
        return iter(self._all.values())

    def find(self, job_id: str) -> Job | None:
        """Return a job by its id."""
        return self._all.get(job_id)

    def open(self, now: float, lasting: float) -> Job:
        """Return a new job that takes tasks for `lasting` seconds."""
        job = Job(f"job_v2_{next(self._numbers)}", now, now + lasting)
        self._all[job.id] = job
        return job

    def add(self, job: Job, kind: str, items: list[dict[str, Any]], *, now: float, wait: float, lasting: float) -> None:
        """Give a job a task that starts after `wait` seconds, its items spread over `lasting` seconds."""
        start = now + wait
        task = Task(f"task_v2_{next(self._numbers)}", now, start, start + lasting, len(items))
        job.tasks.append(task)
        for number, item in enumerate(items, 1):
            self.plan(Work(start + lasting * number / len(items), kind, item, task))

    def plan(self, work: Work) -> None:
        """Add work, behind all that is due no later."""
        heapq.heappush(self._ahead, (work.due, next(self._order), work))

    def due(self, now: float) -> Iterator[Work]:
        """Return, and forget, all work that is due by `now`, in the order of its time; work planned meanwhile too."""
        while self._ahead and self._ahead[0][0] <= now:
            yield heapq.heappop(self._ahead)[2]
