"""`check`: says what is wrong in the user's words, and writes nothing to Intercom."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from requests.adapters import BaseAdapter

from destination_intercom import destination
from integration_tests.support.harness import TOKEN, EmulatorTransport, config, hold_to_contract
from integration_tests.support.virtual_clock import START, VirtualClock
from intercom_emulator import Intercom, Settings

HOSTS = {"us": "api.intercom.io", "eu": "api.eu.intercom.io", "au": "api.au.intercom.io"}
CURE = "Settings > Data"


@dataclass
class Verdict:
    """What `check` said, how long it took, and whom it called."""

    lines: list[bytes]
    seconds: float
    intercom: Intercom

    @property
    def status(self) -> str:
        """SUCCEEDED or FAILED: the only CONNECTION_STATUS, and the last message."""
        return str(self._status()["status"])

    @property
    def message(self) -> str:
        """What the user reads."""
        return str(self._status().get("message", ""))

    @property
    def calls(self) -> list[str]:
        """Each call's method and path, in their order."""
        return [f"{each['method']} {each['path']}" for each in self.intercom.exchanges()]

    def _status(self) -> dict[str, Any]:
        found = [message for message in map(json.loads, self.lines) if message["type"] == "CONNECTION_STATUS"]
        assert 1 == len(found)
        assert found[0] == json.loads(self.lines[-1])
        status: dict[str, Any] = found[0]["connectionStatus"]
        return status


class ByHost(BaseAdapter):
    """Hands each request to the transport of its host; unknown hosts cannot be reached."""

    def __init__(self, transports: dict[str, BaseAdapter]) -> None:
        super().__init__()
        self.transports = transports
        self.asked: list[str] = []

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        host = urlsplit(request.url or "").hostname or ""
        self.asked.append(str(host))
        if host not in self.transports:
            raise requests.ConnectionError("no such host")
        return self.transports[str(host)].send(request, *args, **kwargs)

    def close(self) -> None:
        """Nothing is open."""


def check(
    document: Any = None,
    *,
    seed: dict[str, Any] | None = None,
    transport: Callable[[Intercom, VirtualClock], BaseAdapter] | None = None,
    **settings: Any,
) -> Verdict:
    """Run `check` against an emulator; hold it to what is always true of it."""
    clock = VirtualClock()
    intercom = Intercom(Settings.from_dict(settings), clock=clock.wall)
    if seed:
        intercom.seed(seed)
    carrier = transport(intercom, clock) if transport else EmulatorTransport(intercom, clock)
    lines = list(destination.check(config() if document is None else document, clock=clock, transport=carrier))
    verdict = Verdict(lines, clock.now() - START, intercom)
    hold_to_contract(intercom.exchanges())
    assert all(call.startswith("GET ") for call in verdict.calls)
    secret = document.get("access_token") if isinstance(document, dict) else TOKEN
    if isinstance(secret, str) and secret.strip():
        assert secret.encode() not in b"".join(lines)
    return verdict


def test_check_of_a_good_configuration_succeeds_and_says_what_it_cannot_prove() -> None:
    """The token, the region and the attributes are looked at; nothing is written."""
    verdict = check()
    assert "SUCCEEDED" == verdict.status
    assert any(b"wrote nothing" in line for line in verdict.lines)
    assert any(b"region US" in line for line in verdict.lines)
    assert ["GET /me", "GET /data_attributes?model=contact&include_archived=true"] == verdict.calls


@pytest.mark.parametrize(
    ("sections", "told"),
    [
        ({}, True),
        ({"users": None}, False),
        ({"events": None}, False),
        ({"users": {**config()["users"], "write_mode": "update_only"}}, False),
    ],
)
def test_check_of_events_and_users_says_that_events_may_wait(sections: dict[str, Any], *, told: bool) -> None:
    """Whoever sets up the connection may still choose the order of the streams."""
    lines = check(config(**sections)).lines
    assert told == any(b"Events wait for people whom Intercom does not know yet" in line for line in lines)


def test_check_of_a_wrong_token_names_the_field_and_the_cure() -> None:
    """Refused by every region: the token is wrong."""
    verdict = check(config(access_token="wrong-token-of-nobody"))
    assert "FAILED" == verdict.status
    assert "access_token" in verdict.message
    assert "Developer Hub" in verdict.message


@pytest.mark.parametrize("code", ["token_revoked", "token_expired", "token_not_found", "token_suspended"])
def test_check_of_a_token_that_was_taken_back_says_so(code: str) -> None:
    """The code is Intercom's own word for it."""
    verdict = check(config(access_token="old-token"), refused_tokens={"old-token": code})
    assert "FAILED" == verdict.status
    assert code in verdict.message


def test_check_of_a_token_without_a_scope_names_the_permission() -> None:
    """The app may not read data attributes."""
    verdict = check(tokens={TOKEN: ["read_contacts", "write_contacts", "events"]})
    assert "FAILED" == verdict.status
    assert "permission" in verdict.message
    assert "data attributes" in verdict.message


def test_check_of_companies_compares_their_attributes_and_names_what_the_app_needs() -> None:
    """Of the model company; nothing is written."""
    companies = {
        "mode": "enabled",
        "streams": [{"stream": "accounts", "company_id_property": "id"}],
        "attributes": [{"property": "name"}, {"property": "tier", "type": "string"}],
    }
    verdict = check(config(events=None, users=None, companies=companies))
    assert "FAILED" == verdict.status
    assert 'companies.attributes: the workspace does not have the custom attributes "tier" (string)' in verdict.message
    verdict = check(config(events=None, users=None, companies={**companies, "attributes": [{"property": "name"}]}))
    assert "SUCCEEDED" == verdict.status
    assert b'for companies \\"Write users and companies\\", \\"Write data attributes\\".' in b"".join(verdict.lines)


def test_check_of_tags_names_what_the_app_needs_only_where_there_are_any() -> None:
    """Nothing is asked of them."""
    users = {"mode": "enabled", "streams": [{"stream": "users"}]}
    without = b"".join(check(config(events=None, users=users)).lines)
    verdict = check(config(events=None, users={**users, "tags": [{"property": "segments"}]}))
    assert "SUCCEEDED" == verdict.status
    assert b'\\"Read tags\\", \\"Write tags\\".' in b"".join(verdict.lines)
    assert b"tags" not in without


def test_check_of_a_workspace_without_the_api_names_the_subscription() -> None:
    """403 api_plan_restricted."""
    verdict = check(plan_restricted=True)
    assert "FAILED" == verdict.status
    assert "subscription" in verdict.message


@pytest.mark.parametrize("chosen", HOSTS)
@pytest.mark.parametrize("home", HOSTS)
@pytest.mark.parametrize("status", [401, 403])
def test_check_of_a_token_of_another_region_names_that_region(chosen: str, home: str, status: int) -> None:
    """Refused by the chosen host, it asks the other two and names the one that answers."""

    def transport(_: Intercom, clock: VirtualClock) -> BaseAdapter:
        transports: dict[str, BaseAdapter] = {}
        for region, host in HOSTS.items():
            own = {} if region == home else {"foreign_tokens": [TOKEN], "foreign_token_status": status}
            transports[host] = EmulatorTransport(Intercom(Settings.from_dict(own), clock=clock.wall), clock)
        return ByHost(transports)

    verdict = check(config(api_endpoint=chosen), transport=transport)
    if chosen == home:
        assert "SUCCEEDED" == verdict.status
    else:
        assert "FAILED" == verdict.status
        assert f'"{home}"' in verdict.message
        assert "api_endpoint" in verdict.message


def test_check_of_a_chosen_address_asks_no_other_region() -> None:
    """A token meant for a proxy is sent nowhere else."""
    asked: list[ByHost] = []

    def transport(intercom: Intercom, clock: VirtualClock) -> BaseAdapter:
        asked.append(ByHost({"proxy.example.com": EmulatorTransport(intercom, clock)}))
        return asked[0]

    verdict = check(config(access_token="wrong", api_base_url="https://proxy.example.com/"), transport=transport)
    assert "FAILED" == verdict.status
    assert {"proxy.example.com"} == set(asked[0].asked)


def test_check_of_a_workspace_whose_app_is_null_succeeds() -> None:
    """`app` may be null in GET /me."""
    assert "SUCCEEDED" == check(app_present=False).status


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("nowhere", "create them in Intercom"),
        ("Plan", '"plan"'),
        ("old", "archived"),
        ("locked", "not writable"),
        ("browser", "not writable"),
    ],
)
def test_check_of_an_attribute_that_cannot_be_written_names_it_and_the_cure(name: str, part: str) -> None:
    """Missing (names are case-sensitive), archived, not writable through the API."""
    users = {
        "mode": "enabled",
        "streams": [{"stream": "users"}],
        "attributes": [{"property": "p", "attribute": name}, {"property": "plan"}],
    }
    attributes = [{"name": "plan"}, {"name": "old", "archived": True}, {"name": "locked", "api_writable": False}]
    verdict = check(config(users=users), seed={"data_attributes": attributes})
    assert "FAILED" == verdict.status
    assert f'"{name}"' in verdict.message
    assert part in verdict.message
    assert "users.attributes" in verdict.message


def test_check_names_all_attributes_that_are_wrong_at_once() -> None:
    """One round of corrections is enough."""
    attributes = [{"property": name} for name in ("a", "b", "old")]
    users = {"mode": "enabled", "streams": [{"stream": "users"}], "attributes": attributes}
    verdict = check(config(users=users), seed={"data_attributes": [{"name": "old", "archived": True}]})
    assert all(f'"{name}"' in verdict.message for name in ("a", "b", "old"))


def test_check_of_attributes_in_a_text_names_those_that_are_wrong() -> None:
    """They are looked for as those of the list are."""
    users = {"mode": "enabled", "streams": [{"stream": "users"}], "attributes_text": "plan\nwrong: date = gone"}
    verdict = check(config(users=users), seed={"data_attributes": [{"name": "plan"}]})
    assert "FAILED" == verdict.status
    assert '"wrong"' in verdict.message
    assert '"plan"' not in verdict.message


def test_check_of_attributes_that_would_be_created_names_their_types_and_those_like_times() -> None:
    """What the entries tell: a test of the destination knows no streams."""
    entries = [
        {"property": "plan", "type": "string"},
        {"property": "joined_at", "type": "integer"},
        {"property": "mrr"},
    ]
    users = {"mode": "enabled", "streams": [{"stream": "u"}], "attributes": entries, "missing_attributes": "create"}
    verdict = check(config(users=users))
    assert "SUCCEEDED" == verdict.status
    (text,) = [
        message["log"]["message"]
        for message in map(json.loads, verdict.lines[:-1])
        if "Missing custom attributes" in str(message)
    ]
    expected = '"plan" (string), "joined_at" (integer), "mrr" (the type from the schema of its stream).'
    assert f"which the first sync creates: {expected} A type cannot be changed later." in text
    assert 'The names of these suggest times: "joined_at".' in text


def test_check_of_an_attribute_that_would_be_created_beside_one_like_it_offers_the_right_one() -> None:
    """Before any sync has made a second one."""
    entries = [{"property": "plan", "attribute": "Plan", "type": "string"}]
    users = {"mode": "enabled", "streams": [{"stream": "u"}], "attributes": entries, "missing_attributes": "create"}
    verdict = check(config(users=users), seed={"data_attributes": [{"name": "plan"}]})
    assert "FAILED" == verdict.status
    assert 'there is "plan": write that one' in verdict.message


def test_check_of_events_alone_asks_for_no_attributes() -> None:
    """A token without that scope is enough."""
    verdict = check(config(users=None), tokens={TOKEN: ["events"]})
    assert "SUCCEEDED" == verdict.status
    assert ["GET /me"] == verdict.calls


UNREACHABLE = [
    {"kind": "reset_before"},
    {"kind": "html", "status": 502},
    {"kind": "html", "status": 403},
    {"kind": "redirect"},
    {"kind": "null"},
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 429},
]


@pytest.mark.parametrize("fault", UNREACHABLE, ids=lambda fault: "-".join(map(str, fault.values())))
@pytest.mark.parametrize("path", ["/me", "/data_attributes"])
def test_check_that_gets_no_answer_gives_up_after_three_tries(path: str, fault: dict[str, Any]) -> None:
    """A person waits for it: three tries, and not much longer than fifteen seconds."""
    chosen: list[ByHost] = []

    def transport(intercom: Intercom, clock: VirtualClock) -> BaseAdapter:
        chosen.append(ByHost({HOSTS["us"]: EmulatorTransport(intercom, clock)}))
        return chosen[0]

    verdict = check(faults=[{"endpoint": f"GET {path}", **fault}], transport=transport)
    assert "FAILED" == verdict.status
    assert 3 >= sum(call.startswith(f"GET {path}") for call in verdict.calls)
    assert verdict.seconds <= 30 if fault.get("status") == 429 else verdict.seconds <= 15
    assert "does not answer" in verdict.message


class Silent(BaseAdapter):
    """Takes each request and never answers."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self.clock = clock

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        _, read_timeout = kwargs["timeout"]
        self.clock.sleep(read_timeout)
        raise requests.ReadTimeout("silent")

    def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize("path", ["/me", "/data_attributes"])
@pytest.mark.parametrize("seed", range(8))
def test_check_of_an_intercom_that_stalls_ends_within_fifteen_seconds(path: str, seed: int) -> None:
    """Two tries, however short the random pause between them is; other hosts are not asked."""
    random.seed(seed)
    verdict = check(faults=[{"endpoint": f"GET {path}", "kind": "stall"}])
    assert "FAILED" == verdict.status
    assert verdict.seconds <= 15
    assert 2 == sum(call.startswith(f"GET {path}") for call in verdict.calls)
    assert "timeout" in verdict.message


def test_check_that_one_stall_held_up_has_one_try_for_what_is_left() -> None:
    """The fifteen seconds are those of the whole check, not of each of its calls."""
    random.seed(1)
    faults = [
        {"endpoint": "GET /me", "kind": "stall", "at": [1]},
        {"endpoint": "GET /data_attributes", "kind": "stall"},
    ]
    verdict = check(faults=faults)
    assert "FAILED" == verdict.status
    assert verdict.seconds <= 15
    assert 1 == sum(call.startswith("GET /data_attributes") for call in verdict.calls)


def test_check_of_a_refused_token_while_the_other_regions_stall_ends_soon() -> None:
    """Whoever waits for the answer is not made to wait for hosts that they did not choose."""

    def transport(intercom: Intercom, clock: VirtualClock) -> BaseAdapter:
        silent = dict.fromkeys((HOSTS["eu"], HOSTS["au"]), Silent(clock))
        return ByHost({HOSTS["us"]: EmulatorTransport(intercom, clock), **silent})

    verdict = check(config(access_token="wrong-token-of-nobody"), transport=transport)
    assert "FAILED" == verdict.status
    assert "access_token" in verdict.message
    assert verdict.seconds <= 21


@pytest.mark.parametrize("status", [400, 404, 409, 410, 413, 422])
@pytest.mark.parametrize("path", ["/me", "/data_attributes"])
def test_check_that_intercom_refuses_in_its_envelope_fails_with_endpoint_and_status(path: str, status: int) -> None:
    """There is no record to reject: the check has failed, and support finds the call."""
    verdict = check(faults=[{"endpoint": f"GET {path}", "kind": "status", "status": status}])
    assert "FAILED" == verdict.status
    assert f"GET {path}" in verdict.message
    assert f"status {status}" in verdict.message
    assert 0 == verdict.seconds


def test_check_whose_host_is_down_does_not_blame_the_region() -> None:
    """Only a refusal by the chosen host is a reason to ask the others: Intercom's hosts may answer for each other."""

    def transport(_: Intercom, clock: VirtualClock) -> BaseAdapter:
        return ByHost({HOSTS["us"]: EmulatorTransport(Intercom(Settings(), clock=clock.wall), clock)})

    verdict = check(config(api_endpoint="eu"), transport=transport)
    assert "FAILED" == verdict.status
    assert '"us"' not in verdict.message


def test_check_that_meets_one_fault_succeeds_all_the_same() -> None:
    """One hiccup is no reason to frighten anybody."""
    for kind in ("reset_after", "truncate"):
        assert "SUCCEEDED" == check(faults=[{"endpoint": "*", "kind": kind, "at": [1, 3]}]).status


BAD: list[tuple[Any, str]] = [
    (None, "not a JSON object"),
    ([], "not a JSON object"),
    ({}, "access_token"),
    (config(access_token=""), "access_token"),
    (config(access_token="to ken"), "access_token"),
    (config(access_token=7), "access_token"),
    (config(api_endpoint="uk"), "api_endpoint"),
    (config(api_base_url="http://example.com"), "api_base_url"),
    (config(events=None, users=None), "all disabled"),
    (config(events={"mode": "enabled"}), "selected_events"),
    (config(users={"mode": "enabled"}), "users"),
    (config(delivery={"concurrency": 0}), "delivery.concurrency"),
    (config(dlivery={}), "dlivery"),
    (config(identity={"property": "id", "intercom_field": "phone"}), "identity.intercom_field"),
    (
        config(users={"mode": "enabled", "streams": [{"stream": "u"}], "attributes": [{"property": "id"}]}),
        'users.attributes, entry 1 ("id")',
    ),
    (
        config(
            events={"mode": "enabled", "selected_events": ["*"], "metadata": [{"property": f"p{n}"} for n in range(21)]}
        ),
        "20 metadata",
    ),
    (config(events={"mode": "enabled", "selected_events": [f"e{n}" for n in range(121)]}), "121 event names"),
]


@pytest.mark.parametrize(("document", "part"), BAD, ids=[part for _, part in BAD])
def test_check_of_a_bad_configuration_names_the_field_and_calls_nobody(document: Any, part: str) -> None:
    """What is wrong with the form is said before Intercom is asked."""
    clock = VirtualClock()
    intercom = Intercom(Settings(), clock=clock.wall)
    lines = list(destination.check(document, clock=clock, transport=EmulatorTransport(intercom, clock)))
    status = json.loads(lines[-1])["connectionStatus"]
    assert "FAILED" == status["status"]
    assert part in status["message"]
    assert [] == intercom.exchanges()
    assert b"to ken" not in b"".join(lines)
