"""Workers that deliver payloads: order per key and only per key, one attempt at a time for each.

A key that has something to send is a lane. Any free worker takes any ready lane, makes one
call for it under a permit of the quota, and hands the answer to the steps of the lane's task. A lane
that waits (for a retry, for a contact to become visible, for what another lane holds) occupies no
worker. The scheduler knows nothing of HTTP or of any kind of object: it carries out tasks.

All of its state is under one lock, and nothing waits inside that lock but on its condition.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import TypeAlias

from destination_intercom.clock import Clock
from destination_intercom.delivery.ledger import Entry
from destination_intercom.delivery.mailbox import Answered, Concluded, Failed, LookedUp, Mailbox
from destination_intercom.delivery.retry import Patience, delay, failure_as_answer, is_plain_500
from destination_intercom.delivery.tasks import (
    Acquire,
    Batch,
    CallTask,
    LookupTask,
    Pause,
    Release,
    Task,
    TaskSteps,
    WriteTask,
)
from destination_intercom.errors import AttemptError, IntercomDestinationError, InternalError
from destination_intercom.identity import Key
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import Call
from destination_intercom.intercom.classify import Judgement, Verdict, fatal_error
from destination_intercom.intercom.quota import Permit, Quota
from destination_intercom.outcomes import Outcome
from destination_intercom.payloads import Payload

Attempt: TypeAlias = Callable[[Call, Permit], tuple[Answer | AttemptError, Judgement]]
MakeSteps: TypeAlias = Callable[[Sequence[Task]], TaskSteps]
LaneKey: TypeAlias = Key | int | str
"""A person; else the number of a lookup, or "" for calls that belong to no record."""


class _Lane:
    """What is to be sent for one key, in the order of arrival, and how far the first of it has come."""

    __slots__ = (
        "attempts",
        "call",
        "failing_since",
        "held",
        "key",
        "only_500s_since",
        "parked",
        "steps",
        "taken",
        "tasks",
    )

    def __init__(self, key: LaneKey) -> None:
        self.key = key
        self.tasks: deque[Task] = deque()
        self.taken: list[Task] = []
        self.parked = False
        self.held: list[Hashable] = []
        self.steps: TaskSteps | None = None
        self.call: Call | None = None
        self.attempts = 0
        self.failing_since: float | None = None
        self.only_500s_since: float | None = None

    def note_failure(self, result: Answer | AttemptError, verdict: Verdict, now: float) -> float:
        """Tell since when the call fails or is throttled; note since when nothing came but Intercom's own 500."""
        if verdict is not Verdict.THROTTLED:  # That tells nothing of an outage.
            self.only_500s_since = (self.only_500s_since or now) if is_plain_500(result) else None
        self.failing_since = now if self.failing_since is None else self.failing_since
        return self.failing_since


class Scheduler:
    """Delivers jobs with up to `concurrency` workers and posts each outcome to the mailbox; thread-safe.

    `pretend` answers calls that are not to be made; it is used by one thread at a time.
    """

    def __init__(
        self,
        *,
        attempt: Attempt,
        make_steps: MakeSteps,
        quota: Quota,
        mailbox: Mailbox,
        clock: Clock,
        concurrency: int,
        pretend: Callable[[Call], Answer | None] | None = None,
    ) -> None:
        self._attempt = attempt
        self._make_steps = make_steps
        self._quota = quota
        self._mailbox = mailbox
        self._clock = clock
        self._concurrency = concurrency
        self._pretend = pretend
        self._changed = clock.condition()
        self._lanes: dict[LaneKey, _Lane] = {}
        self._held: dict[Hashable, deque[_Lane]] = {}
        self._ready: deque[_Lane] = deque()
        self._waiting: list[tuple[float, int, _Lane]] = []
        self._sequence = 0
        self._workers = 0
        self._idle = 0
        self._watched_until = math.inf
        self._patience = Patience()
        self._stopping = False
        self._calls: dict[str, int] = {}
        self.calls_made = 0
        self.retries = 0

    def send(self, entry: Entry, payload: Payload, batch: Batch | None = None) -> None:
        """Take a part of a record; it is delivered after those of the same key that came before. Never waits."""
        self._enqueue(payload.key, WriteTask(entry, payload, batch))

    def look_up(self, kind: str, batch: Batch) -> None:
        """Ask what Intercom has of a batch that is complete; what waits for it goes on then. Never waits."""
        self._enqueue(id(batch), LookupTask(kind, batch))

    def ask(self, call: Call) -> None:
        """Make a call that belongs to no record; its answer is posted. Never waits."""
        self._enqueue("", CallTask(call))

    def _enqueue(self, key: LaneKey, task: Task) -> None:
        with self._changed:
            if (lane := self._lanes.get(key)) is not None:
                lane.tasks.append(task)
                return
            lane = self._lanes[key] = _Lane(key)
            lane.tasks.append(task)
            lane.parked = not task.is_ready
            if not lane.parked:
                self._make_ready(lane)

    def stop(self) -> None:
        """Begin no more attempts; those in flight end, and their outcomes are still posted."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._quota.close()

    @property
    def calls(self) -> dict[str, int]:
        """Tell how many attempts were made at each endpoint."""
        with self._changed:
            return dict(self._calls)

    @property
    def workers(self) -> int:
        """Tell how many workers have not ended."""
        with self._changed:
            return self._workers

    def join(self, until: float) -> None:
        """Wait until all workers have ended, or until `until` (seconds)."""
        with self._changed:
            while self._workers and (left := until - self._clock.now()) > 0:
                self._changed.wait(left)

    def _make_ready(self, lane: _Lane) -> None:
        self._ready.append(lane)
        if len(self._ready) > self._idle and self._workers < self._concurrency:
            self._start_worker()
        else:
            self._changed.notify()

    def _work(self) -> None:
        try:
            while (taken := self._take()) is not None:
                lane, call = taken
                if self._pretend is not None and self._pretended(lane, call):
                    continue
                permit = self._quota.acquire()
                if permit is None:
                    break
                result, judgement = self._attempt(call, permit)
                with self._changed:
                    self._note(lane, call, result, judgement)
        except BaseException as error:  # noqa: BLE001 - whatever ends a worker must end the sync, not go unseen
            self._fail(error)
        finally:
            with self._changed:
                self._workers -= 1
                self._changed.notify_all()

    def _pretended(self, lane: _Lane, call: Call) -> bool:
        """Answer a call without making it, where that is wanted of it."""
        with self._changed:
            answer = self._pretend(call) if self._pretend is not None else None
            if answer is not None:
                self._answered(lane, answer)
        return answer is not None

    def _take(self) -> tuple[_Lane, Call] | None:
        """Wait for a lane with a call to make; None when no more attempts are to begin."""
        with self._changed:
            while not self._stopping:
                self._wake_waiting()
                if not self._ready:
                    self._rest()
                    continue
                lane = self._ready.popleft()
                if lane.call is None and not self._step(lane, None):
                    continue
                if lane.call is not None:
                    self._leave_a_watch()
                    return lane, lane.call
            return None

    def _leave_a_watch(self) -> None:
        """See to it that somebody is there for the lanes that are left, while this worker makes a call."""
        if not self._ready and not self._waiting:
            return
        if not self._idle and self._workers < self._concurrency:
            self._start_worker()
        else:
            self._changed.notify()

    def _start_worker(self) -> None:
        self._workers += 1
        self._clock.start(f"worker-{self._workers}", self._work)

    def _rest(self) -> None:
        """Wait for a lane; an idle worker also watches the time for a lane that waits and that nobody watches for."""
        due = self._waiting[0][0] if self._waiting else math.inf
        watches = due < self._watched_until
        if watches:
            self._watched_until = due
        self._idle += 1
        self._changed.wait(due - self._clock.now() if watches else None)
        self._idle -= 1
        if watches and self._watched_until == due:
            self._watched_until = math.inf

    def _wake_waiting(self) -> None:
        now = self._clock.now()
        while self._waiting and self._waiting[0][0] <= now:
            self._ready.append(heapq.heappop(self._waiting)[2])

    def _wait(self, lane: _Lane, seconds: float) -> None:
        """Let a lane wait; the worker that is here watches the time for it, or leaves a watch when it goes."""
        self._sequence += 1
        heapq.heappush(self._waiting, (self._clock.now() + seconds, self._sequence, lane))

    def _note(self, lane: _Lane, call: Call, result: Answer | AttemptError, judgement: Judgement) -> None:
        self._calls[call.endpoint] = self._calls.get(call.endpoint, 0) + 1
        self.calls_made += 1
        now = self._clock.now()
        if judgement.verdict is Verdict.ANSWER and isinstance(result, Answer):
            self._patience.note_success()
            self._answered(lane, result)
            return
        since = lane.note_failure(result, judgement.verdict, now)
        self._patience.note_failure(now)
        seconds = 0.0 if lane.only_500s_since is None else now - lane.only_500s_since
        told = failure_as_answer(call, result, attempts=lane.attempts + 1, seconds_of_500s=seconds)
        if told is not None:
            self._answered(lane, told)
            return
        if judgement.verdict is Verdict.FATAL and isinstance(result, Answer):
            raise fatal_error(call, result)
        self._patience.check(call, judgement, now=now, call_failing_since=since)
        if judgement.verdict is Verdict.THROTTLED:
            # The gate holds everybody back until the reset: the lane keeps its place and its attempts.
            self._ready.appendleft(lane)
            return
        self.retries += 1
        lane.attempts += 1
        self._wait(lane, delay(lane.attempts, result.retry_after if isinstance(result, Answer) else None))

    def _answered(self, lane: _Lane, answer: Answer) -> None:
        lane.attempts, lane.failing_since, lane.only_500s_since = 0, None, None
        steps = lane.steps
        if self._step(lane, answer):
            # What was begun goes on at once, for a contact is read right before it is written; what comes next in the
            # lane queues up behind the other lanes.
            (self._ready.appendleft if lane.steps is steps else self._ready.append)(lane)

    def _step(self, lane: _Lane, answer: Answer | None) -> bool:
        """Move the lane's steps on; True if it has a call to make now."""
        lane.call = None
        while True:
            if lane.steps is None:
                if not lane.tasks[0].is_ready:
                    lane.parked = True
                    return False
                lane.taken = _group(lane.tasks)
                lane.steps = self._make_steps(lane.taken)
            try:
                step = next(lane.steps) if answer is None else lane.steps.send(answer)
            except StopIteration as stop:
                if not self._conclude(lane, stop.value):
                    return False
                answer = None
                continue
            answer = None
            if isinstance(step, Release):
                self._release(lane, step.name)
            elif isinstance(step, Acquire):
                if not self._acquire(lane, step.name):
                    return False
            elif isinstance(step, Pause):
                self._wait(lane, step.seconds)
                return False
            else:
                lane.call = step
                return True

    def _acquire(self, lane: _Lane, name: Hashable) -> bool:
        """Let a lane hold `name`; False if another one does, which will wake it."""
        waiting = self._held.get(name)
        if waiting is None:
            self._held[name] = deque()
            lane.held.append(name)
            return True
        waiting.append(lane)
        return False

    def _release(self, lane: _Lane, name: Hashable) -> None:
        """Give `name` to the lane that has waited for it longest."""
        lane.held.remove(name)
        if not self._held[name]:
            del self._held[name]
            return
        heir = self._held[name].popleft()
        heir.held.append(name)
        self._make_ready(heir)

    def _conclude(self, lane: _Lane, result: list[Outcome] | Answer | None) -> bool:
        """Post what the lane's first tasks came to; True if there are others."""
        taken, lane.taken, lane.steps = lane.taken, [], None
        for name in list(lane.held):
            self._release(lane, name)
        if isinstance(result, Answer):
            self._mailbox.post(Answered(result))
        elif isinstance(result, list):
            for task, outcome in zip(taken, result, strict=True):
                if isinstance(task, WriteTask):
                    self._mailbox.post(Concluded(task.entry, outcome, task.payload.kind))
        elif isinstance(lookup := taken[0], LookupTask):
            self._wake_those_looked_up(lookup)
        if not lane.tasks:
            del self._lanes[lane.key]
            return False
        return True

    def _wake_those_looked_up(self, lookup: LookupTask) -> None:
        """Let the lanes go on that waited for a batch."""
        self._mailbox.post(LookedUp(lookup.kind))
        for key in lookup.batch.keys:
            lane = self._lanes.get(key)
            if lane is not None and lane.parked and lane.tasks[0].is_ready:
                lane.parked = False
                self._make_ready(lane)

    def _fail(self, error: BaseException) -> None:
        ours = error if isinstance(error, IntercomDestinationError) else InternalError.from_exception(error)
        self._mailbox.post(Failed(ours))
        self.stop()


def _group(tasks: deque[Task]) -> list[Task]:
    """Take the first task, and those right behind it that are written with it."""
    first = tasks.popleft()
    taken = [first]
    while isinstance(first, WriteTask) and tasks and first.belongs_with(tasks[0]):
        taken.append(tasks.popleft())
    return taken
