"""What becomes of a call that failed: whether it is made again, and when, and when that is given up.

The policy for the calls of records and lookups. What is retryable is not known here (see `classify`), nor is
who waits: the scheduler carries out what is decided. Used by one thread at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from destination_intercom.delivery.ledger import Entry
from destination_intercom.delivery.probes import ALWAYS_PASSED_OVER, MOST_PASSED_OVER, Endpoint, Trouble
from destination_intercom.delivery.retry import Patience, Whose, delay, failure_as_answer, is_plain_500, name_record
from destination_intercom.errors import AttemptError, DeliveryError
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import Call
from destination_intercom.intercom.classify import Judgement, Verdict, fatal_error, read_refusal
from destination_intercom.outcomes import UNDELIVERABLE, Outcome, rejected


@dataclass(frozen=True, slots=True)
class Tell:
    """The failure is handed to the steps, as an answer."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class Blame:
    """What the call is made for is the cause; `answer` is what it came to again and again."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class TryAgain:
    """The call is made again after `seconds`; None for as soon as the quota lets it."""

    seconds: float | None


Decision: TypeAlias = Tell | Blame | TryAgain


class Failures:
    """Decides what becomes of calls that fail."""

    def __init__(self) -> None:
        self._patience = Patience()

    def note_success(self) -> None:
        """Note that a call was answered as it should be, be it with a refusal."""
        self._patience.note_success()

    def decide(
        self,
        call: Call,
        result: Answer | AttemptError,
        judgement: Judgement,
        *,
        trouble: Trouble,
        endpoint: Endpoint,
        now: float,
        seconds: float,
        whose: Whose,
    ) -> Decision:
        """Decide on an attempt that failed at `now`, after `seconds` of waiting and trying.

        Raises:
            ConfigurationError: the answer is fatal.
            DeliveryError: the call is given up, or all of them are.
        """
        if judgement.verdict is Verdict.FATAL and isinstance(result, Answer):
            raise fatal_error(call, result)
        is_throttled = judgement.verdict is Verdict.THROTTLED
        trouble.failing_since = now if trouble.failing_since is None else trouble.failing_since
        if not is_throttled:  # The quota tells nothing of the endpoint, nor of the record.
            trouble.only_500s_since = (trouble.only_500s_since or now) if is_plain_500(result) else None
            endpoint.note_failure(trouble, now)
            trouble.note(endpoint, result, seconds)
        self._patience.note_failure(now)
        of_500s = 0.0 if trouble.only_500s_since is None else now - trouble.only_500s_since
        told = failure_as_answer(
            call, result, verdict=judgement.verdict, attempts=trouble.attempts, seconds_of_500s=of_500s
        )
        if told is not None:
            return Tell(told)
        if isinstance(result, Answer) and not is_throttled and trouble.is_cause(endpoint):
            trouble.note_cause()
            return Blame(result)
        # A 500 that is about to be taken for an answer is no outage of its endpoint.
        is_telling = call.give_up.after_seconds_of_500s is not None and trouble.only_500s_since is not None
        self._patience.check(
            call,
            judgement,
            now=now,
            call_failing_since=trouble.failing_since,
            endpoint_failing_since=None if is_telling else endpoint.failing_since,
            is_overdue=trouble.is_overdue and not is_telling,
            whose=whose,
        )
        retry_after = result.retry_after if isinstance(result, Answer) else None
        return TryAgain(None if is_throttled else delay(trouble.attempts, retry_after))


def give_up(why: str, entry: Entry | None) -> DeliveryError:
    """Make the error that ends the sync where the steps of a record have seen that nothing comes of it."""
    where = "" if entry is None else f"; {name_record(entry)}"
    return DeliveryError(
        f"Intercom does not do what the sync needs ({why}{where}). What was delivered is checkpointed; the next sync"
        " continues from there."
    )


def pass_over(call: Call, answer: Answer, endpoint: Endpoint, entry: Entry) -> Outcome:
    """Make the outcome of a record that is why `call` fails again and again.

    Raises:
        DeliveryError: there are too many of them for the records to be the cause.
    """
    if not endpoint.may_pass_over:
        raise DeliveryError(
            f"Intercom keeps answering {call.endpoint} with status {answer.status} for more than {ALWAYS_PASSED_OVER}"
            f" records and {MOST_PASSED_OVER:.0%} of them, but not for others, so no more records are rejected for this"
            f" ({name_record(entry)}). What was delivered is checkpointed; the next sync continues from there.",
            status=answer.status,
        )
    return rejected(UNDELIVERABLE, replace(read_refusal(answer), endpoint=call.endpoint))
