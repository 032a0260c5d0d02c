"""The words between the scheduler and the tasks that it runs.

An steps is a generator. It yields a `Call` and is sent the `Answer`, once there is one that
means something: retries, waiting for the quota and fatal errors happen elsewhere. It yields a
`Pause` to be woken later, and returns what it came to.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import dataclass
from typing import Final, TypeAlias

from destination_intercom.intercom.calls import Answer, Call
from destination_intercom.intercom.classify import refusal_of
from destination_intercom.outcomes import Outcome, Refusal


@dataclass(frozen=True, slots=True)
class Pause:
    """Wake the steps after `seconds`; its key waits meanwhile, and nobody else."""

    seconds: float


Step: TypeAlias = Call | Pause
Steps: TypeAlias = Generator[Step, Answer, Outcome]

GONE: Final = frozenset({404, 410})
CONFLICT_STATUS: Final = 409

_ID_IN_MESSAGE = re.compile(r"\bid=([0-9a-f]{24})\b")
_ANY_ID_IN_MESSAGE = re.compile(r"\bid=([A-Za-z0-9_-]+)")


def read_refusal(answer: Answer) -> Refusal:
    """Read Intercom's account of a refusal, as far as it gave one."""
    return refusal_of(answer) or Refusal(answer.status, request_id=answer.request_id)


def id_in(refusal: Refusal) -> str | None:
    """Read the contact's id from a conflict's message (Intercom's documentation of the 409)."""
    message = refusal.message or ""
    match = _ID_IN_MESSAGE.search(message) or _ANY_ID_IN_MESSAGE.search(message)
    return match[1] if match else None
