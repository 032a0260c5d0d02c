"""Who waits for a person: tasks aside, outside their lanes, and whether anybody may still come for them.

A task that waits occupies no worker and holds up nobody. Its wait ends when its person is written, when no more
people come, when there is no room for it, or by time; then it goes back to its lane, and waits no more. All is
done under the scheduler's lock. It knows no kind of object.
"""

from __future__ import annotations

import heapq
from collections import Counter, OrderedDict, deque
from collections.abc import Hashable, Iterator
from typing import Final

from destination_intercom.delivery.tasks import WriteTask
from destination_intercom.identity import Key

WAIT_SECONDS: Final = 600.0
"""So long may one record hold up the states that cover it, all its waits together."""


class Waiting:
    """The tasks that wait, and the people who are still to come; `size` is what they take, in bytes of input."""

    def __init__(self) -> None:
        self.people_expected = False
        self.people_out = 0
        """Payloads on their way whose people will be known."""
        self.size = 0
        self._tasks: OrderedDict[int, WriteTask] = OrderedDict()
        self._since: dict[int, float] = {}
        self._ends: list[tuple[float, int]] = []
        self._of_key: dict[Key, deque[int]] = {}
        self._of_series: Counter[tuple[Key, Hashable]] = Counter()
        self._number = 0

    def __len__(self) -> int:
        return len(self._tasks)

    @property
    def somebody_comes(self) -> bool:
        """Say whether somebody may still be written for whom a task could wait."""
        return self.people_expected or self.people_out > 0

    def add(self, task: WriteTask, now: float) -> None:
        """Let a task wait, behind those that wait already."""
        self._number += 1
        number, key = self._number, task.payload.key
        self._tasks[number] = task
        self._since[number] = now
        heapq.heappush(self._ends, (now + WAIT_SECONDS - task.held, number))
        self._of_key.setdefault(key, deque()).append(number)
        self._of_series[key, task.series] += 1
        self.size += task.entry.size

    def holds_back(self, task: WriteTask) -> bool:
        """Say whether a task waits that must not be overtaken by this one."""
        return (task.payload.key, task.series) in self._of_series

    def take_those_of(self, key: Key, now: float) -> list[WriteTask]:
        """Give up the tasks of a person, in their order."""
        return [self._take(number, now) for number in list(self._of_key.get(key, ()))]

    def take_due(self, now: float) -> Iterator[WriteTask]:
        """Give up the tasks that have waited for as long as one may."""
        while (end := self.next_end) is not None and end <= now:
            yield self._take(self._ends[0][1], now)

    def take_all(self, now: float) -> Iterator[WriteTask]:
        """Give up all tasks."""
        return self.take_beyond(most=0, most_bytes=0, now=now)

    def take_beyond(self, *, most: int, most_bytes: int, now: float) -> Iterator[WriteTask]:
        """Give up the oldest tasks, until `most` of them with `most_bytes` are left."""
        while self._tasks and (len(self._tasks) > most or self.size > most_bytes):
            yield self._take(next(iter(self._tasks)), now)

    @property
    def next_end(self) -> float | None:
        """Tell when the next wait ends by time; None if nobody waits."""
        while self._ends and self._ends[0][1] not in self._tasks:
            heapq.heappop(self._ends)
        return self._ends[0][0] if self._ends else None

    def _take(self, number: int, now: float) -> WriteTask:
        task = self._tasks.pop(number)
        key = task.payload.key
        # Those of a key are given up oldest first, or all together.
        self._of_key[key].remove(number)
        if not self._of_key[key]:
            del self._of_key[key]
        self._of_series[key, task.series] -= 1
        if not self._of_series[key, task.series]:
            del self._of_series[key, task.series]
        self.size -= task.entry.size
        task.held += now - self._since.pop(number)
        return task
