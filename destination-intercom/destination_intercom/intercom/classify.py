"""What an answer means, and what to do about it: a pure function, with no policy and no state.

| what came                                                       | verdict  |
|-----------------------------------------------------------------|----------|
| the success that the endpoint's description names               | answer   |
| 400, 404, 409, 410, 413, 422 in Intercom's envelope             | answer   |
| 400, 409, 422 without it, with all headers of Intercom's, no page | answer |
| 429, or the code `too_many_requests` or `rate_limit_exceeded`   | throttled|
| 401 without HTML; a JSON 403; 402 in the envelope; `intercom_version_invalid` | fatal |
| the same to a question about the workspace itself               | fatal    |
| 400, 403 in the envelope with a code that the call calls harmless | answer |
| everything else: no answer, 408, 5xx, HTML, a redirect, 405, …  | retry    |

A refusal counts in Intercom's envelope, also in one that lists no error. Some refusals come without a body
or in another form (issues of official SDKs): they count where `X-Request-Id` and the three headers of the
quota say that they are Intercom's own. What a proxy answers never rejects a record, and a success that does
not look like one never acknowledges one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from destination_intercom.errors import AttemptError, ConfigurationError
from destination_intercom.intercom.answers import Answer, as_word, first_error
from destination_intercom.intercom.calls import NOT_FOUND, Call
from destination_intercom.outcomes import Refusal

REJECTING: Final = frozenset({400, 404, 409, 410, 413, 422})
REJECTING_BARE: Final = frozenset({400, 409, 422})
"""Of these, those that reject without the envelope, too: the others may be a proxy's word on its own limits."""

THROTTLING_CODES: Final = frozenset({"too_many_requests", "rate_limit_exceeded"})
VERSION_CODE: Final = "intercom_version_invalid"


class Verdict(Enum):
    """What to do with the result of an attempt."""

    ANSWER = "answer"
    RETRY = "retry"
    THROTTLED = "throttled"
    FATAL = "fatal"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, and in a word or two why: safe for a log."""

    verdict: Verdict
    why: str = ""


def refusal_of(answer: Answer) -> Refusal | None:
    """Read Intercom's error envelope; None where the body is none.

    Old entries have `type` in place of `code`; message, code and request id may be absent.
    """
    first = first_error(answer)
    if first is None:
        return None
    message = first.get("message")
    return Refusal(
        answer.status,
        as_word(first.get("code") or first.get("type")),
        message if isinstance(message, str) else None,
        as_word(answer.body.get("request_id")) or answer.request_id,
    )


def read_refusal(answer: Answer) -> Refusal:
    """Read Intercom's account of a refusal, as far as it gave one."""
    return refusal_of(answer) or Refusal(answer.status, request_id=answer.request_id)


def judge(call: Call, result: Answer | AttemptError) -> Judgement:
    """Say what to do with the result of one attempt at `call`."""
    if isinstance(result, AttemptError):
        return Judgement(Verdict.RETRY, result.kind)
    if call.is_answered_by(result):
        return Judgement(Verdict.ANSWER)
    refusal = refusal_of(result)
    code = refusal.code if refusal is not None else None
    why = f"status {result.status}" + (f", code {code}" if code else "")
    if refusal is not None and code in call.harmless_codes and result.status in {400, 403}:
        return Judgement(Verdict.ANSWER, why)
    if result.status == 429 or code in THROTTLING_CODES:  # noqa: PLR2004
        return Judgement(Verdict.THROTTLED, why)
    if result.status == 401 and result.kind != "other":  # noqa: PLR2004
        return Judgement(Verdict.FATAL, why)
    if result.status == 403 and result.kind == "json":  # noqa: PLR2004
        return Judgement(Verdict.FATAL, why)
    if refusal is not None and (result.status == 402 or code == VERSION_CODE):  # noqa: PLR2004
        return Judgement(Verdict.FATAL, why)
    if (refusal is not None and result.status in REJECTING) or _is_bare_refusal(result):
        # Asked of the workspace itself, there is no record to reject: something is wrong with the app.
        return Judgement(Verdict.FATAL if call.about_workspace else Verdict.ANSWER, why)
    return Judgement(Verdict.RETRY, why if result.kind == "json" else f"{why}, no JSON")


def is_word(call: Call, answer: Answer) -> bool:
    """Say whether Intercom's answer shows that its endpoint works: what was asked for, `not_found` or a conflict."""
    if call.is_answered_by(answer) or answer.status == 409:  # noqa: PLR2004
        return True
    return answer.status == NOT_FOUND and read_refusal(answer).code == "not_found"


def _is_bare_refusal(answer: Answer) -> bool:
    """Say whether a refusal without the envelope is Intercom's own; a page never is, whoever's headers it bears."""
    is_signed = answer.request_id is not None and answer.rate is not None
    return answer.status in REJECTING_BARE and answer.kind != "other" and is_signed


_TOKEN_HINTS: Final = {
    "api_plan_restricted": "The workspace's Intercom subscription does not include the API, or has ended",
    VERSION_CODE: "Intercom no longer supports the API version of this connector: update the connector",
}


def fatal_error(call: Call, answer: Answer) -> ConfigurationError:
    """Make the error that ends the sync after a fatal answer; the message names the cure."""
    refusal = refusal_of(answer)
    code = refusal.code if refusal is not None else None
    hint = _TOKEN_HINTS.get(code or "")
    if code == "token_unauthorized":
        needed = f'the permission "{call.permission}"' if call.permission else "a permission"
        hint = (
            f"The access token does not have {needed}: give it to the app in Intercom's Developer Hub, under"
            " Authentication"
        )
    if hint is None and answer.status == 401:  # noqa: PLR2004
        hint = (
            "Intercom refuses access_token: copy it again from the Developer Hub, and check the region (api_endpoint)"
        )
    if hint is None:
        hint = (
            "Intercom does not allow this to the app of access_token: check its permissions, the subscription and the"
            " region (api_endpoint)"
        )
    details = [f"{call.endpoint}: status {answer.status}"]
    details += [f"code {code}"] if code else []
    request_id = refusal.request_id if refusal is not None else answer.request_id
    details += [f"request id {request_id}"] if request_id else []
    return ConfigurationError(f"{hint} ({', '.join(details)}).")
