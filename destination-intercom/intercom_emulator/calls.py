"""Reading a call: which endpoint it means, what it may, in which version it speaks, and what its body says."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

from intercom_emulator.answers import Refusal
from intercom_emulator.routes import PREVIEW, Endpoint, find_endpoint
from intercom_emulator.settings import VERSIONS, Settings

BULK_WRITES = ("POST /contacts/bulk", "PUT /contacts/bulk", "POST /contacts/bulk/delete")
UNKNOWN = "other"  # the endpoint of a call that means none


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it arrived. Header names are in lower case; `arguments` are the path's, percent-decoded."""

    method: str
    target: str
    headers: dict[str, str]
    raw: bytes
    endpoint: Endpoint | None
    arguments: tuple[str, ...]
    now: float  # Intercom's clock, unix seconds

    @property
    def template(self) -> str:
        """The endpoint's name, for counts and faults."""
        return self.endpoint.template if self.endpoint else UNKNOWN

    @property
    def argument(self) -> str:
        """The first of the path's arguments; "" where it has none."""
        return self.arguments[0] if self.arguments else ""

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters, the last of a name."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    @property
    def bulk_count(self) -> int:
        """How many items a bulk call has, as far as its body can be read; 1 for any other call."""
        if self.template not in BULK_WRITES:
            return 1
        body = legible(self.raw)
        items = body.get("contacts") if isinstance(body, dict) else None
        return max(1, len(items)) if isinstance(items, list) else 1

    @property
    def texts(self) -> list[str]:
        """All that the call says: path and query, percent-decoded, and each key and value of the body."""
        said, rest = [unquote(self.target)], [legible(self.raw)]
        while rest:
            value = rest.pop()
            if isinstance(value, dict):
                rest += [*value, *value.values()]
            elif isinstance(value, list):
                rest += value
            else:
                said.append(str(value))
        return said

    @property
    def body(self) -> dict[str, Any]:
        """The body, an object; refused where it is none."""
        if not self.raw:
            return {}
        if self.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Refusal(400, "bad_request", "The Content-Type header should be application/json")
        try:
            body = json.loads(self.raw, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise Refusal(400, "bad_request", "The body is not JSON") from error
        if not isinstance(body, dict):
            raise Refusal(400, "bad_request", "The body is not a JSON object")
        return body


def legible(raw: bytes) -> Any:
    """Return bytes as JSON, else as text; None for none."""
    if not raw:
        return None
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return raw.decode(errors="replace")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def read_call(method: str, target: str, headers: Mapping[str, str], raw: bytes, now: float) -> Call:
    """Find the endpoint that a request means."""
    endpoint, arguments = find_endpoint(method, target.partition("?")[0])
    lowered = {name.lower(): value for name, value in headers.items()}
    return Call(method, target, lowered, raw, endpoint, arguments, now)


def authorize(call: Call, settings: Settings) -> None:
    """Refuse a token that is not valid here, or not for this endpoint. Such answers spend no quota."""
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Refusal(401, "unauthorized", "Access Token Invalid", unmetered=True)
    if token in settings.refused_tokens:
        raise Refusal(401, settings.refused_tokens[token], "Access Token Invalid", unmetered=True)
    if token in settings.foreign_tokens:
        raise Refusal(settings.foreign_token_status, "unauthorized", "Access Token Invalid", unmetered=True)
    if token not in settings.tokens:
        raise Refusal(401, "unauthorized", "Access Token Invalid", unmetered=True)
    scopes = settings.tokens[token]
    needed = call.endpoint.scope if call.endpoint else None
    if needed and scopes != "*" and needed not in scopes:
        raise Refusal(401, "token_unauthorized", "Not authorized to access resource", unmetered=True)


def version_name(call: Call, settings: Settings) -> str:
    """Return the version that a call is answered in: its header's if there is such a version, else the app's."""
    name = call.headers.get("intercom-version", "")
    return name if name in VERSIONS else settings.app_version


def agree_version(call: Call, settings: Settings) -> tuple[int, int]:
    """Return the version as numbers, or refuse: an Accept that excludes JSON, an unknown version, one too old."""
    _check_accept(call.headers.get("accept", "*/*"))
    name = call.headers.get("intercom-version", settings.app_version)
    if name not in VERSIONS:
        raise Refusal(400, "intercom_version_invalid", "The requested version could not be found")
    major, _, minor = name.partition(".")
    version = PREVIEW if name == "Preview" else (int(major), int(minor))
    if call.endpoint and version < call.endpoint.since:
        raise Refusal(400, "intercom_version_invalid", "The requested resource does not exist in this version")
    return version


def _check_accept(accept: str) -> None:
    types = {each.partition(";")[0].strip().lower() for each in accept.split(",")}
    if not types & {"application/json", "application/*", "*/*"}:
        message = "The Accept header should send a media type of application/json"
        raise Refusal(406, "media_type_not_acceptable", message)
