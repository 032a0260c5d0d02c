"""When a call is tried again, and when that is given up: the one place where calls are retried.

tenacity provides the policy's terms. What is retryable is not known here: see `classify`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeAlias

from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_attempt, wait_random_exponential

from destination_intercom.clock import Clock
from destination_intercom.delivery.ledger import Entry
from destination_intercom.errors import AnswerTooLargeError, AttemptError, DeliveryError, NotSentError, UntrustedError
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import Call
from destination_intercom.intercom.classify import Judgement, Verdict, fatal_error, judge
from destination_intercom.intercom.client import Client
from destination_intercom.intercom.quota import LONGEST_RETRY_AFTER, Permit, Quota

CEILING_SECONDS: Final = 30.0
GIVE_UP_SECONDS: Final = 600.0
"""Without any success of any call for so long, Intercom is out of reach."""

GIVE_UP_ON_ONE_SECONDS: Final = 1200.0
"""One call that fails for so long will not succeed, whatever the others do."""

Whose: TypeAlias = Callable[[], Entry | None]
"""Tells the record that a call is made for, or one of them; None for nobody's. Asked only for a message."""

_WAIT = wait_random_exponential(multiplier=1, max=CEILING_SECONDS)
"""From one second doubling to thirty, full jitter."""


def delay(attempts: int, retry_after: float | None = None) -> float:
    """Tell the seconds before the next attempt, after `attempts` failed ones; `Retry-After` is a floor."""
    state = RetryCallState(retry_object=Retrying(), fn=None, args=(), kwargs={})
    state.attempt_number = attempts
    return max(_WAIT(state), min(retry_after or 0.0, LONGEST_RETRY_AFTER))


def failure_as_answer(
    call: Call, result: Answer | AttemptError, *, verdict: Verdict, attempts: int, seconds_of_500s: float
) -> Answer | None:
    """Give a failure out as an answer, where whoever made the call wants that; None for one to be tried again.

    `attempts` of the call have failed so far, and for `seconds_of_500s` with nothing but Intercom's own 500.
    """
    give_up = call.give_up
    if (lost := lost_answer(call, result, verdict)) is not None:
        return lost
    if give_up.if_too_large and isinstance(result, AnswerTooLargeError):
        return Answer(413, "other")
    may_do = verdict is Verdict.RETRY and not isinstance(result, NotSentError)
    if may_do and give_up.after_attempts is not None and attempts >= give_up.after_attempts:
        return result if isinstance(result, Answer) else Answer(0, "empty", is_lost=True)
    if isinstance(result, AttemptError) or not is_plain_500(result):
        return None
    if give_up.after_500s is not None and attempts >= give_up.after_500s:
        return result
    if give_up.after_seconds_of_500s is not None and seconds_of_500s >= give_up.after_seconds_of_500s:
        return result
    return None


def lost_answer(call: Call, result: Answer | AttemptError, verdict: Verdict) -> Answer | None:
    """Make the answer of an attempt that may have been processed, to a call that must not be made twice; else None.

    A 429 was not processed, nor was what surely did not reach Intercom. Of anything else nobody can tell, whoever
    has answered: a page of a proxy may stand for an answer of Intercom's that took too long.
    """
    if not call.give_up.if_maybe_processed or verdict is not Verdict.RETRY or isinstance(result, NotSentError):
        return None
    if isinstance(result, AttemptError):
        return Answer(0, "empty", is_lost=True)
    return Answer(result.status, "other", request_id=result.request_id, is_lost=True)


def is_plain_500(result: Answer | AttemptError) -> bool:
    """Say whether it is Intercom's own 500, and not one of something between us."""
    return isinstance(result, Answer) and result.status == 500 and result.kind == "json"  # noqa: PLR2004


class Patience:
    """Knows since when nothing has succeeded; not thread-safe."""

    def __init__(self) -> None:
        self._failing_since: float | None = None

    def note_success(self) -> None:
        """Note that a call was answered as it should be, be it with a refusal."""
        self._failing_since = None

    def note_failure(self, now: float) -> None:
        """Note that a call failed, or was throttled."""
        if self._failing_since is None:
            self._failing_since = now

    def check(
        self,
        call: Call,
        judgement: Judgement,
        *,
        now: float,
        call_failing_since: float,
        endpoint_failing_since: float | None = None,
        is_overdue: bool = False,
        whose: Whose = lambda: None,
    ) -> None:
        """Say whether to go on; `is_overdue` says that the record has been held up for as long as one may be.

        Raises:
            DeliveryError: nothing has succeeded for about ten minutes, or nothing at this endpoint; or this call
                has failed for twenty, or its record for too long.
        """
        since = min(each for each in (self._failing_since, endpoint_failing_since, now) if each is not None)
        if now - since >= GIVE_UP_SECONDS or now - call_failing_since >= GIVE_UP_ON_ONE_SECONDS or is_overdue:
            minutes = round(max(now - since, now - call_failing_since) / 60)
            entry = whose()
            where = "" if entry is None else f"; {name_record(entry)}"
            raise DeliveryError(
                f"Intercom has not answered as it should for {minutes} minutes"
                f" ({call.endpoint}: {judgement.why}{where})."
                " What was delivered is checkpointed; the next sync continues from there."
            )


def name_record(entry: Entry) -> str:
    """Tell which record it is, in words that fit any log."""
    return f'stream "{entry.stream}", record {entry.ordinal} of the sync'


def ask(
    client: Client,
    call: Call,
    *,
    quota: Quota,
    clock: Clock,
    sleep: Callable[[float], None],
    tries: int | None = None,
    seconds: float = GIVE_UP_SECONDS,
) -> Answer:
    """Make `call` from the calling thread, again and again where that may help.

    Gives up after `seconds`, or after `tries` attempts if given; throttled ones count, too. `sleep`
    lets seconds pass between attempts, and may raise to end it.

    Raises:
        ConfigurationError: the answer is fatal.
        DeliveryError: it was given up.
    """
    began = clock.now()
    last = Judgement(Verdict.RETRY, "no attempt")
    result: Answer | AttemptError = AttemptError("no attempt")

    def attempt() -> Answer | None:
        nonlocal last, result
        permit = quota.acquire()
        if permit is None:
            return None
        result, last = attempt_once(client, call, quota, permit)
        if (lost := lost_answer(call, result, last.verdict)) is not None:
            return lost
        if isinstance(result, AttemptError) or last.verdict in {Verdict.RETRY, Verdict.THROTTLED}:
            return None
        if last.verdict is Verdict.FATAL:
            raise fatal_error(call, result)
        return result

    def stop(state: RetryCallState) -> bool:
        return clock.now() - began + state.upcoming_sleep >= seconds or (
            tries is not None and stop_after_attempt(tries)(state)
        )

    retrying = Retrying(
        sleep=sleep,
        stop=stop,
        wait=lambda state: delay(state.attempt_number, _retry_after(result)),
        retry=retry_if_result(lambda answer: answer is None),
        retry_error_callback=lambda _: None,
    )
    answer = retrying(attempt)
    if answer is None:
        raise DeliveryError(
            f"Intercom does not answer as it should ({call.endpoint}: {last.why}): {_cure(result)}.",
            status=result.status if isinstance(result, Answer) else None,
        )
    return answer


def _cure(result: Answer | AttemptError) -> str:
    if isinstance(result, Answer):
        return "try again later"
    if isinstance(result, UntrustedError):
        return (
            "if a proxy inspects the traffic, add its authority to the system's store or name it in REQUESTS_CA_BUNDLE;"
            " otherwise check api_endpoint and the clock of this machine"
        )
    return "check api_endpoint, and whether a firewall or a proxy is in the way"


def _retry_after(result: Answer | AttemptError) -> float | None:
    return result.retry_after if isinstance(result, Answer) else None


def attempt_once(client: Client, call: Call, quota: Quota, permit: Permit) -> tuple[Answer | AttemptError, Judgement]:
    """Make one attempt under `permit`, settle it, and judge; an attempt's errors come back as values."""
    answer: Answer | None = None
    throttled = False
    try:
        answer = client.attempt(call)
        judgement = judge(call, answer)
        throttled = judgement.verdict is Verdict.THROTTLED
    except AttemptError as error:
        return error, judge(call, error)
    finally:
        rate, retry_after = (answer.rate, answer.retry_after) if answer is not None else (None, None)
        passage = quota.settle(permit, rate, throttled=throttled, retry_after=retry_after)
    return (replace(answer, passage=passage) if call.is_weighed else answer), judgement
