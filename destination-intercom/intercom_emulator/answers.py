"""What a call is answered with: the answer itself, Intercom's error envelope, and the failures below HTTP."""

import enum
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

JSON_TYPE = "application/json; charset=utf-8"

# Intercom's own words for statuses that a scripted fault may ask for without saying more.
STATUS_CODES = {
    400: ("bad_request", "Bad Request"),
    401: ("unauthorized", "Access Token Invalid"),
    403: ("api_plan_restricted", "Active subscription needed."),
    404: ("not_found", "Resource Not Found"),
    408: ("request_timeout", "Request Timeout"),
    409: ("conflict", "Conflict"),
    422: ("parameter_invalid", "Unprocessable Entity"),
    429: ("rate_limit_exceeded", "Exceeded rate limit"),
    500: ("server_error", "Server Error"),
    503: ("service_unavailable", "Sorry, the API service is temporarily unavailable"),
}


class Cut(enum.Enum):
    """A failure of the connection, for the transport to carry out."""

    RESET = "reset"  # the connection is reset; no byte of an answer
    STALL = "stall"  # no answer until the client gives up
    TRUNCATE = "truncate"  # Content-Length of the whole body, half of the bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: `delay` in seconds before the transport sends it, `cut` where it must not arrive whole."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0
    cut: Cut | None = None


class Refusal(Exception):  # noqa: N818 - it is an answer, not a failure of this program
    """A call that Intercom refuses in its envelope.

    `unmetered` refusals carry no rate-limit headers and spend no quota, as those of an invalid token. `field` is the
    one field of a contact that is refused, where it is for a field.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        unmetered: bool = False,
        field: str | None = None,
    ) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})
        self.unmetered = unmetered
        self.field = field

    def body(self, naming: str) -> dict[str, Any]:
        """Return the envelope; `naming` says where a refused field is named: message, field or nothing."""
        if self.field is None or naming == "message":
            return envelope(self.code, self.message)
        body = envelope(self.code, "Invalid parameter")
        if naming == "field":
            body["errors"][0]["field"] = self.field
        return body


class Malformed(Exception):  # noqa: N818 - of a call, not of this program
    """A question, or a place in a list, that breaks a rule; how that is answered is the endpoint's to say."""


def invalid(message: str, *, field: str | None = None) -> Refusal:
    """Return the refusal of a value: 400 parameter_invalid."""
    return Refusal(400, "parameter_invalid", message, field=field)


def envelope(code: str, message: str) -> dict[str, Any]:
    """Return the error envelope without its request id."""
    return {"type": "error.list", "errors": [{"code": code, "message": message}]}


def encode(body: object) -> bytes:
    """Return `body` as JSON bytes; what UTF-8 cannot hold becomes a question mark."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def is_finite(value: object) -> bool:
    """Return whether a value is a number (not a boolean) that a 64-bit float can hold."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
