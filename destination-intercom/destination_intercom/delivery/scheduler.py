"""Workers that deliver payloads: order per key and only per key, one attempt at a time for each.

A key that has something to send is a lane. Any free worker takes any lane whose turn it is and begins a
job: it makes one call under a permit of the quota, and hands the answer to the steps of the job's task. A
job that waits (for a retry, for a contact to become visible, for what another one holds) occupies no
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
from destination_intercom.delivery.lanes import Job, Lane, LaneKey
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
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import Call
from destination_intercom.intercom.classify import Judgement, Verdict, fatal_error
from destination_intercom.intercom.quota import Permit, Quota
from destination_intercom.outcomes import Outcome
from destination_intercom.payloads import Payload

Attempt: TypeAlias = Callable[[Call, Permit], tuple[Answer | AttemptError, Judgement]]
MakeSteps: TypeAlias = Callable[[Sequence[Task]], TaskSteps]


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
        self._lanes: dict[LaneKey, Lane] = {}
        self._held: dict[Hashable, deque[Job]] = {}
        self._ready: deque[Lane | Job] = deque()
        self._waiting: list[tuple[float, int, Job]] = []
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
            if (lane := self._lanes.get(key)) is None:
                lane = self._lanes[key] = Lane(key)
            lane.tasks.append(task)
            self._queue(lane)

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

    def _queue(self, lane: Lane) -> None:
        """Let a lane stand in line for a worker, if something of it may begin."""
        if not lane.is_queued and lane.may_begin:
            lane.is_queued = True
            self._make_ready(lane)

    def _make_ready(self, turn: Lane | Job) -> None:
        self._ready.append(turn)
        if len(self._ready) > self._idle and self._workers < self._concurrency:
            self._start_worker()
        else:
            self._changed.notify()

    def _work(self) -> None:
        try:
            while (taken := self._take()) is not None:
                job, call = taken
                if self._pretend is not None and self._pretended(job, call):
                    continue
                permit = self._quota.acquire()
                if permit is None:
                    break
                result, judgement = self._attempt(call, permit)
                with self._changed:
                    self._note(job, call, result, judgement)
        except BaseException as error:  # noqa: BLE001 - whatever ends a worker must end the sync, not go unseen
            self._fail(error)
        finally:
            with self._changed:
                self._workers -= 1
                self._changed.notify_all()

    def _pretended(self, job: Job, call: Call) -> bool:
        """Answer a call without making it, where that is wanted of it."""
        with self._changed:
            answer = self._pretend(call) if self._pretend is not None else None
            if answer is not None:
                self._answered(job, answer)
        return answer is not None

    def _take(self) -> tuple[Job, Call] | None:
        """Wait for a job with a call to make; None when no more attempts are to begin."""
        with self._changed:
            while not self._stopping:
                self._wake_waiting()
                if not self._ready:
                    self._rest()
                    continue
                turn = self._ready.popleft()
                job = self._begin(turn) if isinstance(turn, Lane) else turn
                if job.call is None:
                    self._step(job, None)
                if job.call is not None:
                    self._leave_a_watch()
                    return job, job.call
            return None

    def _begin(self, lane: Lane) -> Job:
        """Begin what may begin of a lane whose turn it is."""
        tasks = lane.begin()
        lane.is_queued = False
        return Job(lane, tasks, self._make_steps(tasks))

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

    def _wait(self, job: Job, seconds: float) -> None:
        self._sequence += 1
        heapq.heappush(self._waiting, (self._clock.now() + seconds, self._sequence, job))
        self._changed.notify()

    def _note(self, job: Job, call: Call, result: Answer | AttemptError, judgement: Judgement) -> None:
        self._calls[call.endpoint] = self._calls.get(call.endpoint, 0) + 1
        self.calls_made += 1
        now = self._clock.now()
        if judgement.verdict is Verdict.ANSWER and isinstance(result, Answer):
            self._patience.note_success()
            self._answered(job, result)
            return
        since = _note_failure(job, result, judgement.verdict, now)
        self._patience.note_failure(now)
        seconds = 0.0 if job.only_500s_since is None else now - job.only_500s_since
        told = failure_as_answer(call, result, attempts=job.attempts + 1, seconds_of_500s=seconds)
        if told is not None:
            self._answered(job, told)
            return
        if judgement.verdict is Verdict.FATAL and isinstance(result, Answer):
            raise fatal_error(call, result)
        self._patience.check(call, judgement, now=now, call_failing_since=since)
        if judgement.verdict is Verdict.THROTTLED:
            # The gate holds everybody back until the reset: the job keeps its place and its attempts.
            self._ready.appendleft(job)
            return
        self.retries += 1
        job.attempts += 1
        self._wait(job, delay(job.attempts, result.retry_after if isinstance(result, Answer) else None))

    def _answered(self, job: Job, answer: Answer) -> None:
        job.attempts, job.failing_since, job.only_500s_since = 0, None, None
        self._step(job, answer)
        if job.call is not None:
            # What was begun goes on at once; the lane's next task queues up behind the other lanes.
            self._ready.appendleft(job)

    def _step(self, job: Job, answer: Answer | None) -> None:
        """Move the steps of a job on, to its next call if it has one to make now."""
        job.call = None
        while True:
            try:
                step = next(job.steps) if answer is None else job.steps.send(answer)
            except StopIteration as stop:
                self._conclude(job, stop.value)
                return
            answer = None
            if isinstance(step, Release):
                self._release(job, step.name)
            elif isinstance(step, Acquire):
                if not self._acquire(job, step.name):
                    return
            elif isinstance(step, Pause):
                self._wait(job, step.seconds)
                return
            else:
                job.call = step
                return

    def _acquire(self, job: Job, name: Hashable) -> bool:
        """Let a job hold `name`; False if another one does, which will wake it."""
        waiting = self._held.get(name)
        if waiting is None:
            self._held[name] = deque()
            job.held.append(name)
            return True
        waiting.append(job)
        return False

    def _release(self, job: Job, name: Hashable) -> None:
        """Give `name` to the job that has waited for it longest."""
        job.held.remove(name)
        if not self._held[name]:
            del self._held[name]
            return
        heir = self._held[name].popleft()
        heir.held.append(name)
        self._make_ready(heir)

    def _conclude(self, job: Job, result: list[Outcome] | Answer | None) -> None:
        """Post what a job came to, and let its lane go on."""
        for name in list(job.held):
            self._release(job, name)
        if isinstance(result, Answer):
            self._mailbox.post(Answered(result))
        elif isinstance(result, list):
            for task, outcome in zip(job.tasks, result, strict=True):
                if isinstance(task, WriteTask):
                    self._mailbox.post(Concluded(task.entry, outcome, task.payload.kind))
        elif isinstance(lookup := job.tasks[0], LookupTask):
            self._wake_those_looked_up(lookup)
        lane = job.lane
        lane.end()
        if lane.is_done:
            del self._lanes[lane.key]
        elif not lane.is_queued and lane.may_begin:
            # Nobody needs to be woken for it: this worker is about to look for its next turn.
            lane.is_queued = True
            self._ready.append(lane)

    def _wake_those_looked_up(self, lookup: LookupTask) -> None:
        """Let the lanes go on that waited for a batch."""
        self._mailbox.post(LookedUp(lookup.kind))
        for key in lookup.batch.keys:
            if (lane := self._lanes.get(key)) is not None:
                self._queue(lane)

    def _fail(self, error: BaseException) -> None:
        ours = error if isinstance(error, IntercomDestinationError) else InternalError.from_exception(error)
        self._mailbox.post(Failed(ours))
        self.stop()


def _note_failure(job: Job, result: Answer | AttemptError, verdict: Verdict, now: float) -> float:
    """Tell since when a job's call fails or is throttled; note since when nothing came but Intercom's own 500."""
    if verdict is not Verdict.THROTTLED:  # That tells nothing of an outage.
        job.only_500s_since = (job.only_500s_since or now) if is_plain_500(result) else None
    job.failing_since = now if job.failing_since is None else job.failing_since
    return job.failing_since
