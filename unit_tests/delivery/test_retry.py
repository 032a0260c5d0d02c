"""The policy of retries: how long to wait, when to give up, and the question that is asked again and again."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, cast

import pytest

from destination_intercom.delivery.retry import (
    CEILING_SECONDS,
    GIVE_UP_ON_ONE_SECONDS,
    GIVE_UP_SECONDS,
    Patience,
    ask,
    attempt_once,
    delay,
)
from destination_intercom.errors import ConfigurationError, DeliveryError, MaybeSentError, NotSentError, UntrustedError
from destination_intercom.intercom.answers import Answer, RateHeaders
from destination_intercom.intercom.calls import Call, CreateLead, GetMe, PostEvent
from destination_intercom.intercom.classify import Judgement, Verdict
from destination_intercom.intercom.client import Client
from destination_intercom.intercom.quota import LONGEST_RETRY_AFTER, Quota
from destination_intercom.pipeline import Terminated
from integration_tests.support.virtual_clock import START, VirtualClock

AMPLE = RateHeaders(100_000, 100_000, 1_700_000_010.0, 10.0)
ME = Answer(200, "json", {"type": "admin"}, rate=AMPLE)
BROKEN = Answer(502, "other", rate=AMPLE)
THROTTLED = Answer(429, "json", {}, rate=RateHeaders(100, 0, 1_700_000_010.0, 10.0))
FORBIDDEN = Answer(401, "json", {"type": "error.list", "errors": [{"code": "unauthorized", "message": "canary"}]})
RETRY = Judgement(Verdict.RETRY, "status 502")
EVENT = PostEvent({})


@pytest.mark.parametrize(
    ("attempts", "ceiling"), [(1, 1.0), (2, 2.0), (3, 4.0), (5, 16.0), (6, 30.0), (7, 30.0), (50, 30.0), (5000, 30.0)]
)
def test_delay_after_some_attempts_spreads_over_all_below_a_doubling_ceiling(attempts: int, ceiling: float) -> None:
    """Full jitter: anything from nothing to the ceiling, and nothing beyond it."""
    random.seed(7)
    drawn = sorted(delay(attempts) for _ in range(2000))
    assert drawn[0] >= 0.0
    assert drawn[-1] <= ceiling <= CEILING_SECONDS
    assert drawn[0] < 0.05 * ceiling
    assert drawn[-1] > 0.95 * ceiling
    assert drawn[1000] == pytest.approx(ceiling / 2, rel=0.1)


@pytest.mark.parametrize(
    ("told", "least", "most"),
    [(10.0, 10.0, 10.0), (0.0, 0.0, 1.0), (None, 0.0, 1.0), (10_000.0, LONGEST_RETRY_AFTER, LONGEST_RETRY_AFTER)],
)
def test_delay_when_intercom_says_how_long_is_never_below_it(told: float | None, least: float, most: float) -> None:
    """`Retry-After` is a floor, itself under a ceiling."""
    assert all(least <= delay(1, told) <= most for _ in range(200))


def check(patience: Patience, *, now: float, call_failing_since: float) -> None:
    """Ask whether to go on after one more failure."""
    patience.note_failure(now)
    patience.check(EVENT, RETRY, now=now, call_failing_since=call_failing_since)


def test_patience_when_nothing_succeeds_for_ten_minutes_ends() -> None:
    """Ten minutes of failures of any calls, be each of them young, are enough."""
    patience = Patience()
    for now in range(0, int(GIVE_UP_SECONDS), 20):
        check(patience, now=float(now), call_failing_since=float(now))
    with pytest.raises(DeliveryError, match=r"10 minutes \(POST /events: status 502\)"):
        check(patience, now=GIVE_UP_SECONDS, call_failing_since=GIVE_UP_SECONDS)


def test_patience_when_others_succeed_bears_a_call_for_twenty_minutes_only() -> None:
    """A call that fails while others succeed has twice the time, and no more."""
    patience = Patience()
    for now in range(0, int(GIVE_UP_ON_ONE_SECONDS), 20):
        check(patience, now=float(now), call_failing_since=0.0)
        patience.note_success()
    with pytest.raises(DeliveryError, match="20 minutes"):
        check(patience, now=GIVE_UP_ON_ONE_SECONDS, call_failing_since=0.0)


def test_patience_after_a_success_begins_anew() -> None:
    """One success forgives all failures before it."""
    patience = Patience()
    check(patience, now=0.0, call_failing_since=0.0)
    patience.note_success()
    check(patience, now=GIVE_UP_SECONDS + 1, call_failing_since=GIVE_UP_SECONDS + 1)
    check(patience, now=2 * GIVE_UP_SECONDS, call_failing_since=2 * GIVE_UP_SECONDS)
    with pytest.raises(DeliveryError):
        check(patience, now=2 * GIVE_UP_SECONDS + 1, call_failing_since=2 * GIVE_UP_SECONDS)


class ScriptedClient:
    """Answers as it is told, the last for ever; each attempt takes a second."""

    def __init__(self, clock: VirtualClock, *results: Answer | Exception) -> None:
        self._clock = clock
        self._results = list(results)
        self.attempts: list[float] = []

    def attempt(self, call: Call) -> Answer:
        self.attempts.append(self._clock.now() - START)
        self._clock.sleep(1.0)
        result = self._results.pop(0) if len(self._results) > 1 else self._results[0]
        if isinstance(result, Exception):
            raise result
        return result


def ask_scripted(
    *results: Answer | Exception,
    sleep: Callable[[float], None] | None = None,
    call: Call = GetMe(),  # noqa: B008 - it is frozen
    **limits: Any,
) -> tuple[ScriptedClient, VirtualClock, Callable[[], Answer]]:
    """A client, its clock, and the question to it."""
    clock = VirtualClock()
    client = ScriptedClient(clock, *results)

    def put() -> Answer:
        return ask(cast(Client, client), call, quota=Quota(clock), clock=clock, sleep=sleep or clock.sleep, **limits)

    return client, clock, put


def test_question_when_answered_after_failures_returns_the_answer() -> None:
    """Errors, HTML and throttling are tried again."""
    client, _, put = ask_scripted(BROKEN, MaybeSentError("timeout"), THROTTLED, ME)
    assert put() == ME
    assert 4 == len(client.attempts)


def test_create_of_a_lead_is_asked_for_again_only_if_it_surely_was_not_processed() -> None:
    """Here as for the calls of records."""
    client, _, put = ask_scripted(NotSentError("accepts no connection"), THROTTLED, BROKEN, ME, call=CreateLead({}))
    assert Answer(502, "other", is_lost=True) == put()
    assert 3 == len(client.attempts)


def test_question_when_intercom_says_how_long_waits_that_long() -> None:
    """`Retry-After` is a floor here, too."""
    client, _, put = ask_scripted(Answer(503, "other", retry_after=40.0, rate=AMPLE), ME)
    assert put() == ME
    assert client.attempts[1] >= 41.0


def test_question_when_throttled_waits_for_the_reset() -> None:
    """The next attempt comes with the new window, not before."""
    client, _, put = ask_scripted(THROTTLED, ME)
    assert put() == ME
    assert client.attempts[1] >= 11.0


@pytest.mark.parametrize("result", [BROKEN, THROTTLED, MaybeSentError("timeout")])
def test_question_when_its_tries_are_spent_is_given_up(result: Answer | Exception) -> None:
    """Three tries are three calls, throttled ones included."""
    client, _, put = ask_scripted(result, tries=3)
    with pytest.raises(DeliveryError, match="GET /me"):
        put()
    assert 3 == len(client.attempts)


@pytest.mark.parametrize(
    ("result", "cure"),
    [
        (BROKEN, "try again later"),
        (NotSentError("no connection"), "a firewall or a proxy is in the way"),
        (UntrustedError("certificate"), "name it in REQUESTS_CA_BUNDLE"),
    ],
)
def test_question_when_given_up_says_what_may_help(result: Answer | Exception, cure: str) -> None:
    """Whoever reads it is at the form, and has just typed the address."""
    _, _, put = ask_scripted(result, tries=1)
    with pytest.raises(DeliveryError, match=cure):
        put()


def test_attempt_when_throttled_holds_everybody_back_and_is_counted() -> None:
    """A 429 that says how long, and nothing else, is heeded by the calls of all."""
    clock = VirtualClock()
    quota = Quota(clock)
    client = ScriptedClient(clock, Answer(429, "json", {}, retry_after=40.0))
    permit = quota.acquire()
    assert permit is not None
    _, judgement = attempt_once(cast(Client, client), GetMe(), quota, permit)
    assert (Verdict.THROTTLED, 1) == (judgement.verdict, quota.refused)
    assert quota.acquire() is not None
    assert clock.now() - START >= 41.0


def test_question_when_its_seconds_are_over_is_given_up() -> None:
    """No attempt begins once the time is up, and no pause that would end after it."""
    client, clock, put = ask_scripted(BROKEN, seconds=15.0)
    with pytest.raises(DeliveryError):
        put()
    assert client.attempts[-1] < 15.0
    assert clock.now() - START <= 15.0 + 1.0


def test_check_when_intercom_is_slow_to_fail_is_given_up_within_its_seconds() -> None:
    """Three tries or fifteen seconds: a pause is not begun that ends far beyond them."""
    client, clock, put = ask_scripted(THROTTLED, tries=3, seconds=15.0)
    with pytest.raises(DeliveryError):
        put()
    assert clock.now() - START < 30.0
    assert len(client.attempts) <= 3


def test_question_when_nothing_limits_it_is_given_up_after_ten_minutes() -> None:
    """The time of a sync's first question is the time of all its calls."""
    _, clock, put = ask_scripted(BROKEN)
    with pytest.raises(DeliveryError):
        put()
    assert GIVE_UP_SECONDS - CEILING_SECONDS <= clock.now() - START <= GIVE_UP_SECONDS + 1.0


def test_question_when_the_answer_is_fatal_ends_at_once() -> None:
    """A refused token is not asked about twice, and the answer's text is not told."""
    client, _, put = ask_scripted(FORBIDDEN)
    with pytest.raises(ConfigurationError, match="access_token") as raised:
        put()
    assert 1 == len(client.attempts)
    assert "canary" not in raised.value.message


def test_question_when_told_to_stop_between_attempts_ends() -> None:
    """What the pause raises goes through."""

    def stop(_: float) -> None:
        raise Terminated("stop")

    client, _, put = ask_scripted(BROKEN, sleep=stop)
    with pytest.raises(Terminated):
        put()
    assert 1 == len(client.attempts)


def test_question_when_the_client_fails_by_itself_gives_its_permit_back() -> None:
    """A bug of ours ends the question, not the gate."""
    clock = VirtualClock()
    client = ScriptedClient(clock, RuntimeError("bug"), ME)
    quota = Quota(clock)
    for _ in range(8):
        client._results = [RuntimeError("bug"), ME]
        with pytest.raises(RuntimeError):
            ask(cast(Client, client), GetMe(), quota=quota, clock=clock, sleep=clock.sleep)
    assert ask(cast(Client, client), GetMe(), quota=quota, clock=clock, sleep=clock.sleep) == ME
