"""Intercom's OpenAPI descriptions as a judge of exchanges: what a client asked, and what it was answered.

An exchange is judged by the description of its version: 2.16, or Preview for 2.17 (of which none is to be had) and
Preview. Owns the descriptions and the list of their known errors, each with its reason; knows nothing of who made the
exchange. The descriptions lie outside of the project, and this module is the only way of any test to what lies there.
"""

import dataclasses
import functools
import json
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import pytest
import yaml
from openapi_core import Config, OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest, MockResponse

ROOT = pathlib.Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
DESCRIPTION = DATA / "intercom-openapi-2.16.yaml"
PREVIEW = DATA / "intercom-openapi-preview.yaml"
RECORDINGS = DATA / "recorded-exchanges.json"
CASES = ROOT.parent / "shared" / "cases"

REQUIRED = "REQUIRE_CONTRACT_DATA"
"""A variable of the environment: if it is 1, no test may skip for want of the data."""

_ERROR_STATUSES = (400, 401, 403, 404, 406, 408, 409, 410, 422, 429, 500, 502, 503, 504)
_METHODS = ("get", "post", "put", "delete")
# Keys whose values, not only their types, decide whether a body fits the description.
_TELLING = frozenset({"operator", "role", "type", "model", "data_type", "order", "state"})
_WORDS = frozenset(
    (
        *("me", "contacts", "search", "archive", "unarchive", "find_by_external_id", "merge", "data_attributes"),
        *("events", "companies", "list", "tags", "bulk", "delete"),
    )
)
_JUDGED_BY_PREVIEW = ("2.17", "Preview")


@dataclasses.dataclass(frozen=True, slots=True)
class KnownError:
    """Where the description is wrong: why we say so, and what puts it right."""

    reason: str
    amend: Callable[[dict[str, Any]], None]


def _schema(description: dict[str, Any], name: str) -> Any:
    return description["components"]["schemas"][name]


def _take_any_metadata(description: dict[str, Any]) -> None:
    for name in ("create_data_event_request", "data_event"):
        _schema(description, name)["properties"]["metadata"]["additionalProperties"] = True


def _describe_errors(description: dict[str, Any]) -> None:
    error = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/error"}}}, "description": ""}
    for path in description["paths"].values():
        for operation in (path[method] for method in _METHODS if method in path):
            for status in _ERROR_STATUSES:
                operation["responses"].setdefault(str(status), error)


def _take_any_request_id(description: dict[str, Any]) -> None:
    del _schema(description, "error")["properties"]["request_id"]["format"]


def _know_newer_versions(description: dict[str, Any]) -> None:
    _schema(description, "intercom_version")["enum"] += ["2.17", "Preview"]


def _take_null_identity(description: dict[str, Any]) -> None:
    for name in ("create_contact_request", "update_contact_request"):
        for key in ("email", "external_id"):
            _schema(description, name)["properties"][key]["nullable"] = True


def _take_null_in_filters(description: dict[str, Any]) -> None:
    _schema(description, "single_filter_search_request")["properties"]["value"]["oneOf"][0]["nullable"] = True


def _name_event_parameters(description: dict[str, Any]) -> None:
    listing = description["paths"]["/events"]["get"]
    kept = [each for each in listing["parameters"] if each.get("name") != "filter"]
    listing["parameters"] = kept + [
        {"in": "query", "name": name, "schema": {"type": "string"}} for name in ("user_id", "email", "intercom_user_id")
    ]


def _list_events(description: dict[str, Any]) -> None:
    _schema(description, "data_event_summary")["properties"]["type"]["enum"].append("event.list")


def _know_datetime(description: dict[str, Any]) -> None:
    _schema(description, "data_attribute")["properties"]["data_type"]["enum"].append("datetime")


def _take_any_attribute_of_companies(description: dict[str, Any]) -> None:
    for name in ("company", "create_or_update_company_request", "update_company_request"):
        if name in description["components"]["schemas"]:
            _schema(description, name)["properties"]["custom_attributes"]["additionalProperties"] = True


def _take_decimal_spends(description: dict[str, Any]) -> None:
    for name in ("create_or_update_company_request", "update_company_request"):
        if name in description["components"]["schemas"]:
            _schema(description, name)["properties"]["monthly_spend"]["type"] = "number"


def _take_nulls_of_companies(description: dict[str, Any]) -> None:
    for name in ("create_or_update_company_request", "update_company_request"):
        if name in description["components"]["schemas"]:
            for field in _schema(description, name)["properties"].values():
                field["nullable"] = True


def _find_one_company(description: dict[str, Any]) -> None:
    answer = description["paths"]["/companies"]["get"]["responses"]["200"]["content"]["application/json"]
    answer["schema"] = {"oneOf": [answer["schema"], {"$ref": "#/components/schemas/company"}]}


def _let_forms_of_tagging_overlap(description: dict[str, Any]) -> None:
    body = description["paths"]["/tags"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    body["anyOf"] = body.pop("oneOf")


def _let_forms_of_attributes_overlap(description: dict[str, Any]) -> None:
    schema = _schema(description, "update_data_attribute_request")
    schema["anyOf"] = schema.pop("oneOf")


KNOWN_ERRORS = (
    KnownError(
        "event metadata is typed as strings only; its own text takes numbers, dates, rich links and money,"
        " and the Preview description has it corrected",
        _take_any_metadata,
    ),
    KnownError(
        "errors are described for few endpoints: not the 409, 404 and 429 of contacts and events, no 5xx,"
        " no 401 of /me; all come in the one envelope",
        _describe_errors,
    ),
    KnownError("request_id is typed as a UUID; every recorded one has 20 characters", _take_any_request_id),
    KnownError("the enumeration of versions ends at 2.16; 2.17 is out, and Preview is a version", _know_newer_versions),
    KnownError(
        "email and external_id of a contact are not nullable; the real API took null for both (recordings)",
        _take_null_identity,
    ),
    KnownError(
        "a filter's value is nullable, but none of its alternatives is, so a validator refuses null",
        _take_null_in_filters,
    ),
    KnownError(
        "GET /events declares its identity as one required object `filter`; it is three query parameters, one of"
        " which is sent",
        _name_event_parameters,
    ),
    KnownError(
        "GET /events is described with summary=true only; data_event_list is there and used by nothing", _list_events
    ),
    KnownError("data_type of a listed attribute lacks datetime, which POST takes and Preview lists", _know_datetime),
    KnownError(
        "custom attributes of companies are typed as strings only; the example beside it has numbers and booleans",
        _take_any_attribute_of_companies,
    ),
    KnownError("monthly_spend is typed as an integer; its own text says that decimals are cut", _take_decimal_spends),
    KnownError(
        "no field of a company is nullable, so that nothing could ever be cleared; those of contacts are",
        _take_nulls_of_companies,
    ),
    KnownError(
        "GET /companies is described to answer a list; its text says that company_id and name fetch a single company,"
        " which is what other clients read",
        _find_one_company,
    ),
    KnownError(
        "POST /tags takes exactly one of four forms, of which the first, a name, is part of the others",
        _let_forms_of_tagging_overlap,
    ),
    KnownError(
        "PUT /data_attributes/{id} takes exactly one of two forms, of which the second takes anything",
        _let_forms_of_attributes_overlap,
    ),
)


@functools.cache
def _described(description: pathlib.Path) -> OpenAPI:
    """Return a description, its known errors put right."""
    loaded = yaml.load(description.read_bytes(), yaml.CSafeLoader)
    for error in KNOWN_ERRORS:
        error.amend(loaded)
    return OpenAPI.from_dict(loaded, config=Config(spec_validator_cls=None))


def _api_of(exchange: Mapping[str, Any]) -> OpenAPI:
    """Return the description that an exchange is judged by."""
    version = exchange["request_headers"].get("intercom-version")
    return _described(PREVIEW if version in _JUDGED_BY_PREVIEW else DESCRIPTION)


class Contract:
    """The descriptions as a judge. Exchanges of one shape are judged once."""

    def __init__(self) -> None:
        self._judged: dict[object, str | None] = {}

    def check(self, exchange: Mapping[str, Any]) -> None:
        """Raise AssertionError, naming the mismatch, where the request or the answer breaks the description.

        An exchange has `method`, `path` (with its query), `request_headers` (names in lower case), `request_body`,
        `status`, `headers` and `response_body`; bodies are decoded JSON. Where no answer came (`status` None), or
        one that a scripted `fault` put in Intercom's place, only the request is judged.
        """
        self.check_request(exchange)
        self.check_answer(exchange)

    def check_request(self, exchange: Mapping[str, Any]) -> None:
        """Raise AssertionError where the request breaks the description."""
        headers = exchange["request_headers"]
        kept = (headers.get("intercom-version"), "authorization" in headers, headers.get("content-type"))
        key = ("request", kept, _place(exchange), _shape(exchange["request_body"]))
        self._judge(key, exchange, lambda: _api_of(exchange).validate_request(_request(exchange)))

    def check_answer(self, exchange: Mapping[str, Any]) -> None:
        """Raise AssertionError where the answer breaks the description."""
        if exchange["status"] is None or exchange.get("fault"):
            return
        kind = str(exchange["headers"].get("Content-Type", "application/json")).partition(";")[0]
        version = exchange["request_headers"].get("intercom-version")
        shape = _shape(exchange["response_body"])
        key = ("answer", kind, version, exchange["status"], _place(exchange), shape)
        response = MockResponse(
            _encoded(exchange["response_body"]) or b"",
            status_code=exchange["status"],
            headers=exchange["headers"],
            content_type=kind,
        )
        self._judge(key, exchange, lambda: _api_of(exchange).validate_response(_request(exchange), response))

    def _judge(self, key: tuple[object, ...], exchange: Mapping[str, Any], validate: Callable[[], None]) -> None:
        """Judge a shape that is new, remember the verdict, and raise it."""
        if key not in self._judged:
            try:
                validate()
            except OpenAPIError as error:
                self._judged[key] = _told(error)
            else:
                self._judged[key] = None
        verdict = self._judged[key]
        if verdict is not None:
            place = f"{exchange['method']} {_path_shape(exchange['path'])}"
            raise AssertionError(f"{place} ({exchange['status']}), the {key[0]}: {verdict}")


def _told(error: OpenAPIError) -> str:
    """Return what is wrong, by path and rule; no value of the exchange."""
    cause = error.__cause__
    details = [_told_of(each) for each in getattr(cause, "schema_errors", ())]
    named = getattr(error, "name", None)
    return " ".join(filter(None, [type(error).__name__, named, "; ".join(details)]))


def _told_of(error: Any) -> str:
    """Return the innermost rule that a jsonschema ValidationError is of, and where: of alternatives the furthest."""
    while error.context:
        error = max(error.context, key=lambda each: len(each.absolute_path))
    path = ".".join(str(each) for each in error.absolute_path) or "the whole"
    rule = json.dumps(error.validator_value, default=str)
    return f"{path} breaks {error.validator} {rule if len(rule) < 200 else ''}".rstrip()


def _request(exchange: Mapping[str, Any]) -> MockRequest:
    path, _, query = exchange["path"].partition("?")
    headers = dict(exchange["request_headers"])
    return MockRequest(
        "https://api.intercom.io",
        exchange["method"].lower(),
        path,
        args=dict(parse_qsl(query, keep_blank_values=True)),
        headers={"-".join(map(str.capitalize, name.split("-"))): value for name, value in headers.items()},
        data=_encoded(exchange["request_body"]),
        content_type=headers.get("content-type", "").partition(";")[0],
    )


def _encoded(body: object) -> bytes | None:
    if body is None:
        return None
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def _place(exchange: Mapping[str, Any]) -> tuple[object, ...]:
    """Return method, path and query without what differs from call to call."""
    query = parse_qsl(exchange["path"].partition("?")[2], keep_blank_values=True)
    telling = {name: value if name in _TELLING else value.isdecimal() for name, value in query}
    return exchange["method"], _path_shape(exchange["path"]), tuple(sorted(telling.items()))


def _path_shape(target: str) -> str:
    """Return a path whose ids are stars."""
    return "/".join(part if part in _WORDS or not part else "*" for part in target.partition("?")[0].split("/"))


def _shape(value: object) -> object:
    """Return a body's shape: types in the place of scalars, except where the value itself tells."""
    if isinstance(value, dict):
        return tuple(
            (key, each if key in _TELLING and isinstance(each, str) else _shape(each))
            for key, each in sorted(value.items())
        )
    if isinstance(value, list):
        return ("list", frozenset(_shape(each) for each in value))
    return type(value)


def require_data(path: pathlib.Path) -> pathlib.Path:
    """Return a file of the shared data; skip the test where it is absent, fail it where REQUIRED is set."""
    if path.exists():
        return path
    message = f"{path.name} is absent: it lies outside of the project, in ../shared/data"
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(message)
    pytest.skip(message)


@functools.cache
def _load() -> Contract:
    return Contract()


def contract_if_at_hand() -> Contract | None:
    """Return the one contract; None where a description is absent and may be."""
    return contract() if (DESCRIPTION.exists() and PREVIEW.exists()) or os.environ.get(REQUIRED) == "1" else None


def contract() -> Contract:
    """Return the one contract; skip the test where a description is absent (see `require_data`)."""
    for each in (DESCRIPTION, PREVIEW):
        require_data(each)
    return _load()
