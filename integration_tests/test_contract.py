"""The emulator against Intercom's own word: the OpenAPI description of 2.16, and what the real API was recorded to say."""

import calendar
import copy
import json
from collections.abc import Callable
from email.utils import parsedate
from typing import Any

import pytest
from openapi_core import OpenAPI

from integration_tests.contract import DATA, RECORDINGS, REQUIRED, Contract, contract, require_data
from integration_tests.tour import HEADERS, ask, tour
from intercom_emulator import Intercom, Settings
from intercom_emulator.routes import ENDPOINTS

NOW = 1_700_000_000.0


@pytest.fixture(name="judge")
def _judge() -> Contract:
    return contract()


@pytest.fixture(name="toured")
def _toured() -> Intercom:
    tokens = {"test-token": "*", "narrow": ["events"]}
    intercom = Intercom(Settings.from_dict({"tokens": tokens, "event_name_limit": 1}), clock=lambda: NOW)
    tour(intercom)
    return intercom


def test_answers_of_a_tour_over_all_endpoints_when_judged_then_fit_the_description(
    toured: Intercom, judge: Contract
) -> None:
    """Every answer, refusals included, is one that the description allows."""
    for exchange in toured.exchanges():
        judge.check_answer(exchange)


def test_requests_of_the_tour_when_taken_then_fit_the_description(toured: Intercom, judge: Contract) -> None:
    """The emulator takes nothing that the description would refuse: it is no kinder than Intercom."""
    taken = [each for each in toured.exchanges() if each["status"] < 400]
    for exchange in taken:
        judge.check(exchange)
    assert len(taken) > 20


def test_the_tour_when_it_ends_then_has_seen_every_endpoint_and_status(toured: Intercom) -> None:
    """The tour is broad: no endpoint and no kind of answer is left out."""
    seen = toured.dump()
    assert {each.template for each in ENDPOINTS} == set(seen["calls"])
    assert {"200", "202", "400", "401", "403", "404", "406", "409", "410", "422", "429", "500"} == set(seen["statuses"])


def _exchange(**changes: Any) -> dict[str, Any]:
    """Return an exchange that fits, but for the changes."""
    whole = {
        "method": "POST",
        "path": "/events",
        "request_headers": {
            "authorization": "Bearer (hidden)",
            "content-type": "application/json",
            "intercom-version": "2.16",
        },
        "request_body": {"event_name": "secret name", "user_id": "42", "created_at": 5},
        "status": 202,
        "headers": {},
        "response_body": None,
    }
    return whole | changes


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"request_body": {"event_name": "secret name", "created_at": 5}}, "the request"),
        ({"request_body": {"event_name": "secret name", "user_id": "42", "created_at": "now"}}, "created_at"),
        ({"request_body": {"event_name": 7, "user_id": "42", "created_at": 5}}, "event_name"),
        ({"request_headers": {"content-type": "application/json"}}, "Security"),
        ({"request_headers": {"authorization": "Bearer x", "content-type": "text/plain"}}, "the request"),
        ({"path": "/elsewhere/4711"}, "PathNotFound"),
        ({"method": "DELETE"}, "OperationNotFound"),
        ({"status": 299}, "ResponseNotFound"),
        ({"status": 404, "response_body": {"type": "error.list"}}, "errors"),
        ({"status": 404, "response_body": {"type": "error.list", "errors": [{"message": "m"}]}}, "code"),
    ],
)
def test_check_when_an_exchange_breaks_the_description_then_names_the_mismatch_and_no_value(
    changes: dict[str, Any], named: str, judge: Contract
) -> None:
    """A broken exchange is refused by name of the mismatch, the second time from memory; values stay unsaid."""
    for _ in range(2):
        with pytest.raises(AssertionError) as caught:
            judge.check(_exchange(**changes))
        assert named in str(caught.value)
        assert "secret" not in str(caught.value)
        assert "4711" not in str(caught.value)


@pytest.mark.parametrize(("version", "knows"), [("2.16", False), ("2.17", True), ("Preview", True)])
def test_check_when_an_exchange_is_of_another_version_then_judges_by_its_description(
    version: str, knows: bool, judge: Contract
) -> None:
    """Bulk jobs are in no description but Preview's, which stands for that of 2.17, too."""
    headers = {"authorization": "Bearer (hidden)", "intercom-version": version}
    polled = {"type": "contacts.bulk.job", "id": "job_v2_1", "state": "running", "tasks": []}
    poll = _exchange(method="GET", path="/contacts/bulk/job_v2_1", request_headers=headers, request_body=None)
    for state in ("running", "sleeping"):
        exchange = poll | {"status": 200, "response_body": polled | {"state": state}}
        if knows and state == "running":
            judge.check(exchange)
        else:
            with pytest.raises(AssertionError, match="state" if knows else "PathNotFound"):
                judge.check(exchange)


def test_check_when_many_exchanges_share_a_shape_then_judges_one(
    judge: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands of exchanges that differ in values only cost one validation."""
    judged: list[object] = []
    fresh = Contract.__new__(Contract)
    fresh._judged = {}
    monkeypatch.setattr(OpenAPI, "validate_request", lambda _, request: judged.append(request))
    for second in range(1000):
        fresh.check_request(_exchange(request_body={"event_name": "e", "user_id": str(second), "created_at": second}))
    fresh.check_request(_exchange(request_body={"event_name": "e", "user_id": "1", "created_at": None}))
    assert len(judged) == 2


def test_check_when_a_fault_answered_then_judges_the_request_only(judge: Contract) -> None:
    """What stood in Intercom's place is not Intercom's to answer for."""
    judge.check(_exchange(status=502, response_body="<html>", headers={"Content-Type": "text/html"}, fault="html"))
    judge.check(_exchange(status=None))


def test_contract_when_its_data_is_required_and_absent_then_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the data must be there, its absence is a failure; elsewhere the test is skipped and says so."""
    monkeypatch.setenv(REQUIRED, "1")
    with pytest.raises(pytest.fail.Exception, match=r"absent\.yaml"):
        require_data(DATA / "absent.yaml")
    monkeypatch.delenv(REQUIRED)
    with pytest.raises(pytest.skip.Exception, match=r"absent\.yaml"):
        require_data(DATA / "absent.yaml")


# What each recorded call found: index -> the situation to seed, made from the recording.
def _attributes(recorded: dict[str, Any]) -> dict[str, Any]:
    custom = [each for each in recorded["response"]["data"] if each["custom"]]
    return {"data_attributes": [{key: each[key] for key in each if key not in ("id", "type")} for each in custom]}


def _empty(_: dict[str, Any]) -> dict[str, Any]:
    return {}


def _found(recorded: dict[str, Any]) -> dict[str, Any]:
    return {"contacts": copy.deepcopy(recorded["response"]["data"])}


def _shown(recorded: dict[str, Any]) -> dict[str, Any]:
    return {"contacts": [copy.deepcopy(recorded["response"])]}


def _named(**state: object) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return the maker of a situation with the contact of the path, in a state."""
    return lambda recorded: {"contacts": [{"id": recorded["path"].split("/")[2], "external_id": "x", **state}]}


def _archived_double(recorded: dict[str, Any]) -> dict[str, Any]:
    holder = recorded["response"]["errors"][0]["message"].partition("id=")[2]
    return {"contacts": [{"id": holder, "archived": True, "external_id": recorded["request_body"]["external_id"]}]}


SITUATIONS: list[tuple[str, Callable[[dict[str, Any]], dict[str, Any]], dict[str, Any]]] = [
    ("GET /data_attributes 200", _attributes, {}),
    ("GET /contacts 200", _empty, {}),
    ("POST /contacts/search 200", _empty, {}),
    ("POST /contacts 200", _empty, {}),
    ("POST /contacts/search 200", _found, {}),
    ("GET /contacts/* 200", _shown, {}),
    ("POST /contacts/*/archive 200", _named(), {}),
    ("GET /contacts/* 404", _named(archived=True), {}),
    ("POST /contacts 409", _archived_double, {}),
    ("POST /contacts/*/unarchive 200", _named(archived=True), {}),
    ("PUT /contacts/* 200", _named(email="old@example.com"), {}),
    ("DELETE /contacts/* 200", _named(), {}),
    ("POST /contacts/*/unarchive 400", _named(deleted=True), {}),
    ("POST /contacts/search 200", _found, {}),
    ("PUT /contacts/* 400", _named(), {}),
    ("POST /contacts/*/unarchive 500", _named(deleted=True), {"unarchive_deleted": 500}),
]
# What the emulator answers otherwise on purpose: where -> why.
INTENDED: dict[str, str] = {
    "header X-Intercom-Version": "the build of Intercom's own servers: the emulator has none",
}


def _name_of(entry: Any) -> str:
    """Return what entries of a list are matched by: their name if they have one, else their place is kept."""
    return str(entry.get("name")) if isinstance(entry, dict) and "full_name" in entry else ""


def _differences(recorded: Any, emulated: Any, where: str) -> list[str]:
    """Return where two bodies differ in keys or, unless null was recorded, in the types of values."""
    if recorded is None:
        return []
    if type(recorded) is not type(emulated):
        return [f"{where}: {type(recorded).__name__} recorded, {type(emulated).__name__} emulated"]
    if isinstance(recorded, dict):
        keys = [f"{where}.{key}: only one has it" for key in recorded.keys() ^ emulated.keys()]
        both = recorded.keys() & emulated.keys()
        return keys + [d for key in both for d in _differences(recorded[key], emulated[key], f"{where}.{key}")]
    if isinstance(recorded, list):
        first, second = (sorted(each, key=_name_of) for each in (recorded, emulated))
        lengths = [f"{where}: {len(first)} recorded, {len(second)} emulated"] if len(first) != len(second) else []
        pairs = enumerate(zip(first, second, strict=False))
        return lengths + [d for index, pair in pairs for d in _differences(*pair, f"{where}[{index}]")]
    return []


@pytest.mark.parametrize("index", range(len(SITUATIONS)))
def test_emulator_when_in_the_situation_of_a_recording_then_answers_as_the_real_api_did(index: int) -> None:
    """Status, error code and message, shape of the body, and the headers' names and quota are those recorded."""
    recordings = json.loads(require_data(RECORDINGS).read_bytes())
    assert len(SITUATIONS) == len(recordings)
    recorded = recordings[index]
    name, situation, settings = SITUATIONS[index]
    path = "/".join("*" if part.isalnum() and len(part) == 24 else part for part in recorded["path"].split("/"))
    assert f"{recorded['method']} {path} {recorded['status']}" == name
    answered = calendar.timegm(parsedate(recorded["headers"]["Date"]) or ())
    # Date is of the answer, the window of the call: two recordings were made just before a window's end.
    then = answered if answered < int(recorded["headers"]["X-RateLimit-Reset"]) - 2 else answered - 1
    intercom = Intercom(Settings.from_dict({"limit": 167, **settings}), clock=lambda: float(then))
    intercom.seed(situation(recorded))
    query = "&".join(f"{key}={value}" for key, value in (recorded["query"] or {}).items())
    raw = b"" if recorded["request_body"] is None else json.dumps(recorded["request_body"]).encode()
    headers = HEADERS | {"Intercom-Version": recorded["headers"]["Intercom-Version"]}
    target = f"{recorded['path']}?{query}" if query else recorded["path"]

    answer = intercom.handle(recorded["method"], target, headers, raw)

    body = json.loads(answer.body)
    assert recorded["status"] == answer.status
    assert _differences(recorded["response"], body, "body") == []
    for expected, actual in zip(recorded["response"].get("errors", []), body.get("errors", []), strict=True):
        assert expected == actual
    intended = {where.removeprefix("header ") for where in INTENDED if where.startswith("header ")}
    assert recorded["headers"].keys() - intended == answer.headers.keys()
    for same in ("Content-Type", "X-RateLimit-Limit", "X-RateLimit-Reset", "Intercom-Version"):
        assert recorded["headers"][same] == answer.headers[same]
    if "request_id" in body:
        assert answer.headers["X-Request-Id"] == body["request_id"]


@pytest.mark.parametrize("index", [4, 5, 13])
def test_emulator_when_seeded_with_a_recorded_contact_then_shows_it_value_for_value(index: int) -> None:
    """A contact that the real API showed comes back from the emulator as it was, tags and order included."""
    recorded = json.loads(require_data(RECORDINGS).read_bytes())[index]
    intercom = Intercom(Settings(), clock=lambda: NOW)
    intercom.seed(SITUATIONS[index][1](recorded))
    _, body = ask(intercom, recorded["method"], recorded["path"], recorded["request_body"], Intercom_Version="2.3")
    assert recorded["response"] == body
