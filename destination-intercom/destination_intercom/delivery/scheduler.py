"""Workers that deliver payloads: order per key and only per key, as far as the kind of object asks for it.

A key that has something to send is a lane. Any free worker takes any lane whose turn it is and begins a
job: it makes one call under a permit of the quota, and hands the answer to the steps of the job's task. A
job that waits (for a retry, for a contact to become visible, for what another one holds) occupies no
worker. A task whose person is still to come leaves its lane, and comes back to it. The scheduler knows
nothing of HTTP or of any kind of object: it carries out tasks.

All of its state is under one lock, and nothing waits inside that lock but on its condition.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from destination_intercom.bounded import Bounded
from destination_intercom.clock import Clock
from destination_intercom.delivery.failures import Blame, Failures, Tell, give_up, pass_over
from destination_intercom.delivery.lanes import Job, Lane, LaneKey
from destination_intercom.delivery.ledger import Entry
from destination_intercom.delivery.mailbox import Answered, Concluded, Failed, LookedUp, Mailbox, SetAside
from destination_intercom.delivery.outages import Outage
from destination_intercom.delivery.probes import Endpoint, Endpoints, Probe, Taken
from destination_intercom.delivery.tasks import (
    Acquire,
    Aside,
    Batch,
    CallTask,
    LookupTask,
    OutageError,
    Pause,
    ProbeTask,
    Release,
    Step,
    Task,
    TaskSteps,
    UndeliverableError,
    WaitEnd,
    WriteTask,
)
from destination_intercom.delivery.waiting import Waiting
from destination_intercom.delivery.workers import Workers
from destination_intercom.errors import AttemptError, IntercomDestinationError, InternalError, StreamName
from destination_intercom.identity import Key
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import Call
from destination_intercom.intercom.classify import Judgement, Verdict, fatal_error, is_word
from destination_intercom.intercom.quota import Permit, Quota
from destination_intercom.outcomes import UNDELIVERABLE, Outcome, Status
from destination_intercom.payloads import Payload

Attempt: TypeAlias = Callable[[Call, Permit], tuple[Answer | AttemptError, Judgement]]
MakeSteps: TypeAlias = Callable[[Sequence[Task]], TaskSteps]


MAX_OPEN: Final = 100_000
"""People who are known to be there, of whom several events may be under way at once; more cost time, nothing else."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the kinds of object say of their own: see `delivery.kinds.Kind`.

    `series` tells the series of a payload within its key, `names` under which other keys its person is known once it
    is written, `makes_people` whether others may wait for that, `takes_away` whether it is not there any more then;
    `find_probes` offers harmless calls to the endpoint of one that fails.
    """

    series: Callable[[Payload], Hashable | None] = lambda _: None
    names: Callable[[Payload], Iterable[Key]] = lambda _: ()
    find_probes: Callable[[Call, Sequence[Taken]], Iterable[Probe]] = lambda _call, _taken: ()
    makes_people: Callable[[Payload], bool] = lambda _: False
    takes_away: Callable[[Payload], bool] = lambda _: False


ORDINARY: Final = Rules()


@dataclass(slots=True)
class _Hold:
    """A name that one job holds and others wait for, each noted with `seconds` as they were when it began to.

    `_before` are the seconds for which failures held up those who held it earlier, `_since` those of the holder's own
    when it got it.
    """

    holder: Job
    _since: float
    _before: float = 0.0
    waiting: deque[tuple[Job, float]] = field(default_factory=deque)

    @property
    def seconds(self) -> float:
        """Tell for how long failures of those who hold it have held up those who wait, as far as that counts."""
        return self._before + self.holder.trouble.held - self._since

    def pass_on(self) -> Job:
        """Give it to the job that has waited longest, which was held up as long as the holders were meanwhile."""
        self._before = self.seconds
        self.holder, began = self.waiting.popleft()
        self.holder.trouble.held += self._before - began
        self._since = self.holder.trouble.held
        return self.holder


class Scheduler:
    """Delivers jobs with up to `concurrency` workers and posts each outcome to the mailbox; thread-safe.

    `rules` are what the kinds of object say of their own; `pretend` answers calls that are not to be made. Both are
    used by one thread at a time.
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
        rules: Rules = ORDINARY,
        pretend: Callable[[Call, StreamName | None], Answer | None] | None = None,
    ) -> None:
        self._attempt = attempt
        self._make_steps = make_steps
        self._quota = quota
        self._mailbox = mailbox
        self._clock = clock
        self._rules = rules
        self._pretend = pretend
        self._turns: Workers[Lane | Job] = Workers(clock, concurrency=concurrency, work=self._work)
        self._changed = self._turns.changed
        self._lanes: dict[LaneKey, Lane] = {}
        self._held: dict[Hashable, _Hold] = {}
        self._failures = Failures()
        self._endpoints = Endpoints()
        self._open: Bounded[Key, int] = Bounded(MAX_OPEN)
        """Who is known to be there, and by which of the outcomes that showed it last."""
        self._shown = 0
        self._waiting = Waiting()
        self._calls: dict[str, int] = {}
        self._kinds_of_failure: Counter[tuple[str, str]] = Counter()
        self.calls_made = 0
        self.retries = 0

    def send(self, entry: Entry, payload: Payload, batch: Batch | None = None) -> None:
        """Take a part of a record; it is delivered after those of the same key that came before. Never waits."""
        with self._changed:
            self._waiting.people_out += self._rules.makes_people(payload)
            self._enqueue(payload.key, WriteTask(entry, payload, batch, self._rules.series(payload)))

    def look_up(self, kind: str, batch: Batch) -> None:
        """Ask what Intercom has of a batch that is complete; what waits for it goes on then. Never waits."""
        self._enqueue(id(batch), LookupTask(kind, batch))

    def ask(self, call: Call) -> None:
        """Make a call that belongs to no record; its answer is posted. Never waits."""
        self._enqueue("", CallTask(call))

    def _enqueue(self, key: LaneKey, task: Task) -> None:
        with self._changed:
            lane = self._lane(key)
            lane.tasks.append(task)
            self._queue(lane)

    def _lane(self, key: LaneKey) -> Lane:
        if (lane := self._lanes.get(key)) is None:
            lane = self._lanes[key] = Lane(key, is_open=isinstance(key, Key) and key in self._open)
        return lane

    def expect_people(self) -> None:
        """Let tasks wait for people who are still to come."""
        with self._changed:
            self._waiting.people_expected = True

    def end_people(self) -> None:
        """Note that no more people come but those who are on their way: once they are written, nobody waits."""
        with self._changed:
            self._waiting.people_expected = False
            self._end_waits_in_vain()

    def end_waits(self, *, most: int, most_bytes: int) -> None:
        """Let those wait no more who have waited for ten minutes, and beyond `most` with `most_bytes` the oldest."""
        with self._changed:
            now = self._clock.now()
            self._put_back(self._waiting.take_due(now), WaitEnd.TIME)
            self._put_back(self._waiting.take_beyond(most=most, most_bytes=most_bytes, now=now), WaitEnd.NO_ROOM)

    @property
    def next_wait_end(self) -> float | None:
        """Tell when somebody will have waited for ten minutes; None if nobody waits."""
        with self._changed:
            return self._waiting.next_end

    def stop(self) -> None:
        """Begin no more attempts; those in flight end, and their outcomes are still posted."""
        with self._changed:
            self._turns.stop()
        self._quota.close()

    @property
    def calls(self) -> dict[str, int]:
        """Tell how many attempts were made at each endpoint."""
        with self._changed:
            return dict(self._calls)

    @property
    def failing(self) -> dict[str, Outage]:
        """Tell the endpoints to which nothing but failures come at present."""
        with self._changed:
            return {
                name: Outage(endpoint.failing_since, endpoint.why)
                for name, endpoint in self._endpoints.failing.items()
                if endpoint.failing_since is not None
            }

    def take_failures(self) -> Counter[tuple[str, str]]:
        """Give up how many attempts at an endpoint failed, and how, since the last call."""
        with self._changed:
            taken, self._kinds_of_failure = self._kinds_of_failure, Counter()
            return taken

    @property
    def workers(self) -> int:
        """Tell how many workers have not ended."""
        with self._changed:
            return self._turns.count

    def join(self, until: float) -> None:
        """Wait until all workers have ended, or until `until` (seconds)."""
        with self._changed:
            self._turns.join(until)

    def _queue(self, lane: Lane) -> None:
        """Let a lane stand in line for a worker, if something of it may begin."""
        if not lane.is_queued and lane.may_begin:
            lane.is_queued = True
            self._turns.add(lane)

    def _work(self) -> None:
        try:
            while (taken := self._take()) is not None:
                job, call = taken
                if self._pretend is not None and self._pretended(job, call):
                    continue
                permit = self._quota.acquire()
                if permit is None:
                    break
                began = self._clock.now()
                result, judgement = self._attempt(call, permit)
                with self._changed:
                    self._note(job, call, result, judgement, seconds=self._clock.now() - began)
        except BaseException as error:  # noqa: BLE001 - whatever ends a worker must end the sync, not go unseen
            self._fail(error)
        finally:
            with self._changed:
                self._turns.note_end()

    def _pretended(self, job: Job, call: Call) -> bool:
        """Answer a call without making it, where that is wanted of it."""
        with self._changed:
            entry = self._entry_of(job)
            stream = None if entry is None else entry.stream
            answer = self._pretend(call, stream) if self._pretend is not None else None
            if answer is not None:
                self._answered(job, answer)
        return answer is not None

    def _take(self) -> tuple[Job, Call] | None:
        """Wait for a job with a call to make; None when no more attempts are to begin."""
        with self._changed:
            while (turn := self._turns.take()) is not None:
                job = self._begin(turn) if isinstance(turn, Lane) else turn
                if job is not None and job.call is None:
                    self._step(job, None)
                if job is not None and job.call is not None:
                    self._turns.leave_a_watch()
                    return job, job.call
            return None

    def _begin(self, lane: Lane) -> Job | None:
        """Begin what may begin of a lane whose turn it is; what else of it may begin stands in line again."""
        tasks = lane.begin()
        lane.is_queued = False
        if tasks and isinstance(first := tasks[0], WriteTask):
            first.behind = lane.tasks
            if not self._waiting.somebody_comes:
                first.wait_end = first.wait_end or WaitEnd.NOBODY_COMES
            elif first.may_wait and self._waiting.holds_back(first):
                self._let_wait(first)
                self._end(lane, first)
                return None
        self._queue_own(lane)
        return Job(lane, tasks, self._make_steps(tasks), shown=self._shown) if tasks else None

    def _queue_own(self, lane: Lane) -> None:
        # Nobody needs to be woken for it: this worker is about to look for its next turn, or leaves a watch.
        if not lane.is_queued and lane.may_begin:
            lane.is_queued = True
            self._turns.add_own(lane)

    def _note(
        self, job: Job, call: Call, result: Answer | AttemptError, judgement: Judgement, *, seconds: float
    ) -> None:
        """Take in what an attempt came to that took `seconds`."""
        self._calls[call.endpoint] = self._calls.get(call.endpoint, 0) + 1
        self.calls_made += 1
        endpoint = self._endpoints.of(call.endpoint)
        if isinstance(job.tasks[0], ProbeTask):
            self._note_probe(job, call, result, judgement)
            return
        if call.endpoint not in job.endpoints:
            job.endpoints.add(call.endpoint)
            endpoint.records += len(job.writes)
        if judgement.verdict is Verdict.ANSWER and isinstance(result, Answer):
            self._failures.note_success()
            endpoint.note_answer(call, result, job.person, now=self._clock.now())
            self._answered(job, result)
            return
        self._failed(job, call, result, judgement, seconds=seconds + job.delay)

    def _failed(
        self, job: Job, call: Call, result: Answer | AttemptError, judgement: Judgement, *, seconds: float
    ) -> None:
        now, endpoint = self._clock.now(), self._endpoints.of(call.endpoint)
        endpoint.why = judgement.why
        if judgement.verdict is Verdict.RETRY:
            self._kinds_of_failure[call.endpoint, judgement.why] += 1
        if endpoint.failing_since is None:
            # The main thread has something to say when it goes on.
            self._mailbox.wake()
        decision = self._failures.decide(
            call,
            result,
            judgement,
            trouble=job.trouble,
            endpoint=endpoint,
            now=now,
            seconds=seconds,
            whose=lambda: self._entry_of(job),
        )
        job.delay = 0.0
        if isinstance(decision, Tell) or (isinstance(decision, Blame) and not job.writes):
            self._answered(job, decision.answer)
        elif isinstance(decision, Blame):
            outcome = pass_over(call, decision.answer, endpoint, job.writes[0].entry)
            self._answered(job, UndeliverableError(outcome))
        elif decision.seconds is None:
            # The gate holds everybody back until the reset: the job keeps its place and its attempts.
            self._turns.add_own(job, first=True)
        else:
            if job.trouble.lacks_proof(endpoint, now):
                self._probe(call, endpoint, now)
            self.retries += 1
            job.delay = decision.seconds
            self._turns.wait(job, decision.seconds)

    def _entry_of(self, job: Job) -> Entry | None:
        """Tell a record that a job is for: its own, or one that waits for what is looked up."""
        if job.writes:
            return job.writes[0].entry
        first = job.tasks[0]
        lanes = [self._lanes.get(key) for key in first.batch.keys] if isinstance(first, LookupTask) else []
        tasks = [task for lane in lanes if lane is not None for task in lane.tasks if isinstance(task, WriteTask)]
        return tasks[0].entry if tasks else None

    def _probe(self, call: Call, endpoint: Endpoint, now: float) -> None:
        """Find out whether the endpoint of a call works, which nobody else's call has shown of late."""
        endpoint.heard_at = now
        for probe in self._rules.find_probes(call, self._endpoints.taken):
            key = f"probe {call.endpoint}" if probe.key is None else probe.key
            if key not in self._lanes:
                self._enqueue(key, ProbeTask(probe.call))
                return
        endpoint.note_outage()

    def _note_probe(self, job: Job, call: Call, result: Answer | AttemptError, judgement: Judgement) -> None:
        if judgement.verdict is Verdict.THROTTLED:
            self._turns.add_own(job, first=True)
            return
        if judgement.verdict is Verdict.FATAL and isinstance(result, Answer):
            raise fatal_error(call, result)
        endpoint = self._endpoints.of(call.endpoint)
        if judgement.verdict is Verdict.ANSWER and isinstance(result, Answer) and is_word(call, result):
            self._failures.note_success()
            endpoint.note_answer(call, result, None, now=self._clock.now())
        else:
            endpoint.note_outage()
        self._conclude(job, None)

    def _answered(self, job: Job, answer: Answer | UndeliverableError) -> None:
        if job.call is not None:
            self._endpoints.of(job.call.endpoint).note_end(job.trouble)
        job.trouble.begin()
        self._step(job, answer)
        if job.call is not None:
            # What was begun goes on at once; the lane's next task queues up behind the other lanes.
            self._turns.add_own(job, first=True)

    def _step(self, job: Job, answer: Answer | UndeliverableError | None) -> None:
        """Move the steps of a job on, to its next call if it has one to make now."""
        job.call = None
        while True:
            try:
                step = _move(job.steps, answer)
            except StopIteration as stop:
                self._conclude(job, stop.value)
                return
            except UndeliverableError as error:
                self._conclude(job, [error.outcome] * len(job.tasks))
                return
            except OutageError as error:
                raise give_up(error.why, self._entry_of(job)) from None
            answer = None
            if isinstance(step, Release):
                self._release(job, step.name)
            elif isinstance(step, Acquire):
                if not self._acquire(job, step.name):
                    return
            elif isinstance(step, Pause):
                job.trouble.held += step.seconds
                self._turns.wait(job, step.seconds)
                return
            else:
                job.call = step
                return

    def _acquire(self, job: Job, name: Hashable) -> bool:
        """Let a job hold `name`; False if another one does, which will wake it."""
        hold = self._held.get(name)
        if hold is None:
            self._held[name] = _Hold(job, job.trouble.held)
            job.held.append(name)
            return True
        hold.waiting.append((job, hold.seconds))
        return False

    def _release(self, job: Job, name: Hashable) -> None:
        """Give `name` to the job that has waited for it longest."""
        job.held.remove(name)
        if not self._held[name].waiting:
            del self._held[name]
            return
        heir = self._held[name].pass_on()
        heir.held.append(name)
        self._turns.add(heir)

    def _conclude(self, job: Job, result: list[Outcome] | Answer | None) -> None:
        """Post what a job came to, and let its lane go on."""
        for name in list(job.held):
            self._release(job, name)
        first = job.tasks[0]
        if isinstance(first, CallTask) and isinstance(result, Answer):
            self._mailbox.post(Answered(result))
        elif isinstance(result, Sequence):
            for task, outcome in zip(job.writes, result, strict=True):
                if isinstance(outcome, Aside):
                    self._set_aside(job, task)
                else:
                    self._note_outcome(task, outcome)
        elif isinstance(first, LookupTask):
            self._wake_those_looked_up(first, held=job.trouble.held)
        self._end(job.lane, first)

    def _end(self, lane: Lane, first: Task) -> None:
        """Let a lane go on behind what had begun with `first`."""
        lane.end(first)
        if lane.is_done:
            del self._lanes[lane.key]
        self._queue_own(lane)

    def _set_aside(self, job: Job, task: WriteTask) -> None:
        """Let a task wait for its person; no longer than for those who were written while it was under way."""
        task.held = job.trouble.held
        if (self._open.get(task.payload.key) or 0) > job.shown:
            self._put_back([task], WaitEnd.WRITTEN)
        elif self._waiting.somebody_comes:
            self._let_wait(task)
        else:
            self._put_back([task], WaitEnd.NOBODY_COMES)

    def _let_wait(self, task: WriteTask) -> None:
        self._waiting.add(task, self._clock.now())
        self._mailbox.post(SetAside(task.entry))

    def _put_back(self, tasks: Iterable[WriteTask], end: WaitEnd) -> None:
        """Let tasks go back to their lanes, and wait no more."""
        of_key: dict[Key, list[WriteTask]] = {}
        for task in tasks:
            task.wait_end = end
            of_key.setdefault(task.payload.key, []).append(task)
        for key, own in of_key.items():
            lane = self._lane(key)
            lane.put_back(own)
            self._queue(lane)

    def _end_waits_in_vain(self) -> None:
        """Let nobody wait any more, if nobody comes any more."""
        if not self._waiting.somebody_comes:
            self._put_back(self._waiting.take_all(self._clock.now()), WaitEnd.NOBODY_COMES)

    def _note_outcome(self, task: WriteTask, outcome: Outcome) -> None:
        self._mailbox.post(Concluded(task.entry, outcome, task.payload.kind))
        if outcome.reason == UNDELIVERABLE and outcome.refusal is not None:
            self._endpoints.of(outcome.refusal.endpoint or "").passed_over += 1
        is_there = outcome.status in {Status.DELIVERED, Status.UNCHANGED}
        if is_there and self._rules.takes_away(task.payload):
            self._open.forget(task.payload.key)
            if (lane := self._lanes.get(task.payload.key)) is not None:
                lane.is_open = False
        elif is_there:
            self._shown += 1
            for key in (task.payload.key, *self._rules.names(task.payload)):
                self._open.note(key, self._shown)
                self._put_back(self._waiting.take_those_of(key, self._clock.now()), WaitEnd.WRITTEN)
                if (lane := self._lanes.get(key)) is not None:
                    lane.is_open = True
                    self._queue(lane)
        self._waiting.people_out -= self._rules.makes_people(task.payload)
        self._end_waits_in_vain()

    def _wake_those_looked_up(self, lookup: LookupTask, *, held: float) -> None:
        """Let the lanes go on that waited for a batch, which failures held up for so many seconds."""
        self._mailbox.post(LookedUp(lookup.kind))
        for key in lookup.batch.keys:
            if (lane := self._lanes.get(key)) is None:
                continue
            for task in lane.tasks if held else ():
                if isinstance(task, WriteTask) and task.batch is lookup.batch:
                    task.held = held
            self._queue(lane)

    def _fail(self, error: BaseException) -> None:
        ours = error if isinstance(error, IntercomDestinationError) else InternalError.from_exception(error)
        self._mailbox.post(Failed(ours))
        self.stop()


def _move(steps: TaskSteps, answer: Answer | UndeliverableError | None) -> Step:
    """Move steps on to the next one: with an answer, with what is raised in its place, or from a wait."""
    if answer is None:
        return next(steps)
    return steps.throw(answer) if isinstance(answer, UndeliverableError) else steps.send(answer)
