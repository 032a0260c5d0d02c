"""Workers that deliver payloads: order per key and only per key, one attempt at a time for each.

A key that has something to send is a lane. Any free worker takes any ready lane, makes one
call for it under a permit of the quota, and hands the answer to the lane's steps. A lane that
waits (for a retry, for a contact to become visible) occupies no worker. The scheduler knows
nothing of HTTP or of contacts and events: it runs tasks.

All of its state is under one lock, and nothing waits inside that lock but on its condition.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, TypeAlias

from destination_intercom.clock import Clock
from destination_intercom.contacts.mapping import ContactChange
from destination_intercom.contacts.matching import Found
from destination_intercom.delivery.ledger import Entry
from destination_intercom.delivery.mailbox import Answered, Concluded, Failed, LookedUp, Mailbox
from destination_intercom.delivery.retry import GIVE_UP_SECONDS, Patience, delay
from destination_intercom.delivery.tasks import Pause, Step
from destination_intercom.errors import AnswerTooLargeError, AttemptError, IntercomDestinationError, InternalError
from destination_intercom.events.mapping import EventPayload
from destination_intercom.intercom.calls import Answer, Call, SearchContacts, UnarchiveContact
from destination_intercom.intercom.classify import Judgement, Verdict, fatal_error
from destination_intercom.intercom.quota import Permit, Quota
from destination_intercom.outcomes import Outcome

Payload: TypeAlias = ContactChange | EventPayload
Attempt: TypeAlias = Callable[[Call, Permit], tuple[Answer | AttemptError, Judgement]]

SEARCH_ATTEMPTS_BEFORE_GIVING_UP: Final = 2
"""Attempts at a search that end in a 500 before its steps hears of it: it may be malformed (an SDK's issue)."""

UNARCHIVE_SECONDS_BEFORE_GIVING_UP: Final = 0.9 * GIVE_UP_SECONDS
"""So long only 500s come of an unarchive before they say that it cannot be done (recorded): no outage lasts so long."""


class Batch:
    """Contacts that are looked up together: their keys, and what was found once `found` is there."""

    __slots__ = ("emails", "found", "opened_at")

    def __init__(self, opened_at: float) -> None:
        self.opened_at = opened_at
        self.emails: dict[str, str | None] = {}
        self.found: Mapping[str, Found] | None = None


@dataclass(slots=True)
class WriteTask:
    """A payload on its way, the record that it is a part of, and the batch that it waits for."""

    entry: Entry
    payload: Payload
    batch: Batch | None = None

    @property
    def is_ready(self) -> bool:
        """Say whether nothing is left to look up."""
        return self.batch is None or self.batch.found is not None


@dataclass(slots=True)
class LookupTask:
    """The question what Intercom has of a batch."""

    batch: Batch
    is_ready: ClassVar[bool] = True


@dataclass(slots=True)
class CallTask:
    """A call that belongs to no record; its answer is posted."""

    call: Call
    is_ready: ClassVar[bool] = True


Task: TypeAlias = WriteTask | LookupTask | CallTask
Work: TypeAlias = Generator[Step, Answer, list[Outcome] | Mapping[str, Found] | Answer]
MakeSteps: TypeAlias = Callable[[Sequence[Task]], Work]


class _Lane:
    """What is to be sent for one key, in the order of arrival, and how far the first of it has come."""

    __slots__ = ("attempts", "broken_since", "call", "failing_since", "key", "parked", "steps", "taken", "tasks")

    def __init__(self, key: str) -> None:
        self.key = key
        self.tasks: deque[Task] = deque()
        self.taken: list[Task] = []
        self.parked = False
        self.steps: Work | None = None
        self.call: Call | None = None
        self.attempts = 0
        self.failing_since: float | None = None
        self.broken_since: float | None = None

    def note_failure(self, result: Answer | AttemptError, verdict: Verdict, now: float) -> float:
        """Tell since when the call fails or is throttled; note since when nothing came but Intercom's own 500."""
        if verdict is not Verdict.THROTTLED:  # That tells nothing of an outage.
            self.broken_since = (self.broken_since or now) if _is_broken(result) else None
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
        self._make_errand = make_steps
        self._quota = quota
        self._mailbox = mailbox
        self._clock = clock
        self._concurrency = concurrency
        self._pretend = pretend
        self._changed = clock.condition()
        self._lanes: dict[str, _Lane] = {}
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

    def send(self, job: WriteTask) -> None:
        """Take a job; it is delivered after those of the same key that came before. Never waits."""
        self._enqueue(job.payload.key, job)

    def look_up(self, batch: Batch) -> None:
        """Ask what Intercom has of a batch that is complete; its jobs go on once that is known. Never waits."""
        self._enqueue(f"\0{id(batch)}", LookupTask(batch))

    def ask(self, call: Call) -> None:
        """Make a call that belongs to no record; its answer is posted. Never waits."""
        self._enqueue("", CallTask(call))

    def _enqueue(self, key: str, task: Task) -> None:
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
        self._sequence += 1
        heapq.heappush(self._waiting, (self._clock.now() + seconds, self._sequence, lane))
        self._changed.notify()

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
        if (told := _telling(lane, call, result, now=now)) is not None:
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
        lane.attempts, lane.failing_since, lane.broken_since = 0, None, None
        steps = lane.steps
        if self._step(lane, answer):
            # An steps that was begun goes on at once; the lane's next one queues up behind the other lanes.
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
                lane.steps = self._make_errand(lane.taken)
            try:
                step = next(lane.steps) if answer is None else lane.steps.send(answer)
            except StopIteration as stop:
                if not self._conclude(lane, stop.value):
                    return False
                answer = None
                continue
            if isinstance(step, Pause):
                self._wait(lane, step.seconds)
                return False
            lane.call = step
            return True

    def _conclude(self, lane: _Lane, result: list[Outcome] | Mapping[str, Found] | Answer) -> bool:
        """Post what the lane's first tasks came to; True if there are others."""
        taken, lane.taken, lane.steps = lane.taken, [], None
        if isinstance(result, Answer):
            self._mailbox.post(Answered(result))
        elif isinstance(result, list):
            for job, outcome in zip(taken, result, strict=True):
                if isinstance(job, WriteTask):
                    kind = "contacts" if isinstance(job.payload, ContactChange) else "events"
                    self._mailbox.post(Concluded(job.entry, outcome, kind))
        elif isinstance(look_up := taken[0], LookupTask):
            self._resolve(look_up.batch, result)
        if not lane.tasks:
            del self._lanes[lane.key]
            return False
        return True

    def _resolve(self, batch: Batch, found: Mapping[str, Found]) -> None:
        """Let the lanes go on that waited for `batch`."""
        batch.found = found
        self._mailbox.post(LookedUp())
        for key in batch.emails:
            lane = self._lanes.get(key)
            if lane is not None and lane.parked and lane.tasks[0].is_ready:
                lane.parked = False
                self._make_ready(lane)

    def _fail(self, error: BaseException) -> None:
        ours = error if isinstance(error, IntercomDestinationError) else InternalError.from_exception(error)
        self._mailbox.post(Failed(ours))
        self.stop()


def _telling(lane: _Lane, call: Call, result: Answer | AttemptError, *, now: float) -> Answer | None:
    """Make an answer of a failure that tells the steps something; None for one to be tried again."""
    if isinstance(call, SearchContacts) and call.decisive and call.smallest:
        return None
    if isinstance(call, SearchContacts) and isinstance(result, AnswerTooLargeError):
        return Answer(413, "other")
    if isinstance(result, AttemptError) or not _is_broken(result):
        return None
    if isinstance(call, SearchContacts):
        return result if lane.attempts + 1 >= SEARCH_ATTEMPTS_BEFORE_GIVING_UP else None
    seconds = 0.0 if lane.broken_since is None else now - lane.broken_since
    return result if isinstance(call, UnarchiveContact) and seconds >= UNARCHIVE_SECONDS_BEFORE_GIVING_UP else None


def _is_broken(result: Answer | AttemptError) -> bool:
    return isinstance(result, Answer) and result.status == 500 and result.kind == "json"  # noqa: PLR2004


def _group(tasks: deque[Task]) -> list[Task]:
    """Take the first task, and with a contact those right behind it that were looked up with it."""
    taken = [tasks.popleft()]
    first = taken[0]
    if not isinstance(first, WriteTask) or first.batch is None or not isinstance(first.payload, ContactChange):
        return taken
    while tasks and isinstance(other := tasks[0], WriteTask):
        if other.batch is not first.batch or not isinstance(other.payload, ContactChange):
            break
        taken.append(tasks.popleft())
    return taken
