"""The workers and failures: what a call's retries wait for, and when a failure is given out as the answer."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

import pytest

from destination_intercom import outcomes
from destination_intercom.delivery.ledger import Ledger
from destination_intercom.delivery.mailbox import Concluded, Mailbox
from destination_intercom.delivery.scheduler import Scheduler
from destination_intercom.delivery.tasks import Pause, Step, Task, TaskSteps
from destination_intercom.errors import AnswerTooLargeError, AttemptError, MaybeSentError, NotSentError, StreamName
from destination_intercom.events.mapping import EventPayload
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import (
    Call,
    CreateContactsInBulk,
    CreateLead,
    GetBulkJob,
    GetContact,
    UnarchiveContact,
    UpdateContactsInBulk,
)
from destination_intercom.intercom.classify import Judgement, judge
from destination_intercom.intercom.quota import Permit
from destination_intercom.outcomes import Outcome
from integration_tests.support.virtual_clock import START, VirtualClock
from unit_tests.keys import by_id
from unit_tests.scheduler_bench import AMPLE, ample_quota
from unit_tests.task_bench import ID, refusal, shown

FINE = shown()
BROKEN = refusal(500, "server_error", "Server Error")
HTML, HTML_500 = Answer(502, "other"), Answer(500, "other")
THROTTLED = refusal(429, "rate_limit_exceeded")
GET, UNARCHIVE = GetContact(ID), UnarchiveContact(ID)


@dataclass
class Wire:
    """A scheduler with one task; `script` tells how long each attempt takes and what comes of it."""

    script: list[tuple[float, Answer | AttemptError]]
    clock: VirtualClock = field(default_factory=VirtualClock)
    began: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)
    told: list[Answer] = field(default_factory=list)

    def run(self, *steps: Step) -> list[Answer]:
        """Take these steps; return what the task was told, call by call."""
        quota, mailbox = ample_quota(self.clock), Mailbox(self.clock)

        def attempt(call: Call, permit: Permit) -> tuple[Answer | AttemptError, Judgement]:
            seconds, result = self.script.pop(0)
            self.began.append(self.clock.now() - START)
            self.clock.sleep(seconds)
            self.ended.append(self.clock.now() - START)
            quota.settle(permit, AMPLE)
            return result, judge(call, result)

        def make_steps(_: Sequence[Task]) -> TaskSteps:
            return self._take(steps)

        scheduler = Scheduler(
            attempt=attempt, make_steps=make_steps, quota=quota, mailbox=mailbox, clock=self.clock, concurrency=1
        )
        entry = Ledger(stop_after_rejected=0).enter(StreamName("s"), parts=1, size=1)
        scheduler.send(entry, EventPayload(by_id("k"), "did it", 0, {}))
        mailbox.wait(for_input=False, until=None)
        (notice,) = mailbox.notices()
        assert isinstance(notice, Concluded)
        scheduler.stop()
        scheduler.join(self.clock.now() + 1.0)
        assert [] == self.script
        return self.told

    def _take(self, steps: Sequence[Step]) -> Generator[Step, Answer, list[Outcome]]:
        for step in steps:
            answer = yield step
            if not isinstance(step, Pause):
                self.told.append(answer)
        return [outcomes.DELIVERED]


def test_retry_when_the_answer_says_how_long_waits_that_long() -> None:
    """`Retry-After` is a floor below our own pauses."""
    wire = Wire([(1.0, Answer(503, "other", retry_after=40.0)), (1.0, FINE)])
    assert [FINE] == wire.run(GET)
    assert wire.began[1] >= 41.0


def test_retry_of_a_call_after_one_that_failed_often_comes_as_soon_as_any_first_one() -> None:
    """An answer ends the doubling: the next call of the key has pauses of its own."""
    for _ in range(20):
        wire = Wire([*[(1.0, HTML)] * 10, (1.0, FINE), (1.0, HTML), (1.0, FINE)])
        assert [FINE, FINE] == wire.run(GET, GET)
        assert wire.began[-1] - wire.ended[-2] <= 1.0


@pytest.mark.parametrize(
    ("script", "told"),
    [
        pytest.param([(1.0, BROKEN), (530.0, BROKEN), (1.0, FINE)], FINE, id="for less than nine minutes"),
        pytest.param([(1.0, BROKEN), (545.0, BROKEN)], BROKEN, id="for nine minutes"),
        pytest.param([(1.0, BROKEN), (270.0, THROTTLED), (275.0, BROKEN)], BROKEN, id="a throttle between them"),
        pytest.param([(1.0, BROKEN), (270.0, HTML), (275.0, BROKEN), (1.0, FINE)], FINE, id="HTML between them"),
        pytest.param(
            [(1.0, BROKEN), (270.0, MaybeSentError("timeout")), (275.0, BROKEN), (1.0, FINE)],
            FINE,
            id="a timeout between them",
        ),
        pytest.param([(1.0, HTML), (545.0, HTML), (1.0, FINE)], FINE, id="HTML alone"),
        pytest.param([(1.0, HTML_500), (545.0, HTML_500), (1.0, FINE)], FINE, id="HTML of the same status alone"),
    ],
)
def test_500_is_the_answer_where_nothing_else_comes_for_nine_minutes(
    script: list[tuple[float, Answer | AttemptError]], told: Answer
) -> None:
    """So says the unarchiving of somebody who cannot be restored: an outage of so long would show itself elsewhere."""
    assert [told] == Wire(script).run(UNARCHIVE)


def test_answer_when_it_is_too_large_is_asked_for_again_where_no_smaller_one_is_possible() -> None:
    """It is a failure as any other, and no refusal of the record."""
    assert [FINE] == Wire([(1.0, AnswerTooLargeError("too_large")), (1.0, FINE)]).run(GET)


CREATE = CreateLead({})


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (MaybeSentError("timeout"), Answer(0, "empty", is_lost=True)),
        (AnswerTooLargeError("answer too large"), Answer(0, "empty", is_lost=True)),
        (BROKEN, Answer(500, "other", request_id="r1", is_lost=True)),
        (HTML, Answer(502, "other", is_lost=True)),
        (Answer(408, "json", {}), Answer(408, "other", is_lost=True)),
        (Answer(403, "other"), Answer(403, "other", is_lost=True)),
        (Answer(200, "json", {"type": "odd"}), Answer(200, "other", is_lost=True)),
        (Answer(200, "json", None), Answer(200, "other", is_lost=True)),
    ],
)
def test_create_of_a_lead_that_may_have_been_processed_is_not_made_again(
    result: Answer | AttemptError, told: Answer
) -> None:
    """Whatever has answered: the task is told that the answer is lost, and nothing of what came counts as one."""
    wire = Wire([(1.0, result)])
    assert [told] == wire.run(CREATE)


@pytest.mark.parametrize("result", [NotSentError("accepts no connection"), THROTTLED, Answer(429, "empty")])
def test_create_of_a_lead_that_surely_was_not_processed_is_made_again(result: Answer | AttemptError) -> None:
    """It did not reach Intercom, or the quota was used up; then the next one may be lost."""
    assert [FINE] == Wire([(1.0, result), (1.0, result), (1.0, FINE)]).run(CREATE)
    lost = Answer(502, "other", is_lost=True)
    assert [lost] == Wire([(1.0, result), (1.0, HTML)]).run(CREATE)


def test_500s_of_a_call_say_nothing_of_the_next_one() -> None:
    """Each call of a key has its own nine minutes."""
    script: list[tuple[float, Answer | AttemptError]] = [(1.0, BROKEN), (1.0, FINE), (1.0, BROKEN), (1.0, FINE)]
    assert [FINE, FINE] == Wire(script).run(GET, Pause(900.0), UNARCHIVE)


BULK = CreateContactsInBulk(({"external_id": "1"},))
BULK_UPDATE = UpdateContactsInBulk(({"id": "1"},))
NOTHING, PAGE = Answer(0, "empty", is_lost=True), Answer(502, "other", is_lost=True)
LOST, NOT_SENT = MaybeSentError("timeout"), NotSentError("no address")
TAKEN = Answer(202, "json", {"id": "job_v2_1", "state": "pending"})


@pytest.mark.parametrize(
    ("call", "script", "told"),
    [
        pytest.param(BULK, [LOST], NOTHING, id="a create whose answer is lost"),
        pytest.param(BULK, [HTML], PAGE, id="a create that may have gone on from a proxy"),
        pytest.param(
            BULK, [BROKEN], Answer(500, "other", request_id="r1", is_lost=True), id="a create that broke something"
        ),
        pytest.param(BULK, [NOT_SENT, TAKEN], TAKEN, id="a create that surely was not sent"),
        pytest.param(BULK, [THROTTLED, THROTTLED, TAKEN], TAKEN, id="a create that waits for the quota"),
        pytest.param(BULK, [NOT_SENT, THROTTLED, TAKEN], TAKEN, id="one after the other"),
        pytest.param(BULK_UPDATE, [LOST, HTML, TAKEN], TAKEN, id="an update twice"),
        pytest.param(BULK_UPDATE, [BROKEN, HTML, LOST], NOTHING, id="an update three times"),
        pytest.param(GetBulkJob("job_v2_1"), [HTML], HTML, id="a poll"),
    ],
)
def test_bulk_call_when_it_may_have_reached_intercom_is_told_and_not_made_again_for_ever(
    call: Call, script: list[Answer | AttemptError], told: Answer
) -> None:
    """Whoever was to be created is found out one by one; an update may be repeated, and a poll comes again anyway."""
    assert [told] == Wire([(1.0, each) for each in script]).run(call)
