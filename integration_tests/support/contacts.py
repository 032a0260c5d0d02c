"""What the tests of contacts share: an Intercom whose search lags by minutes, records of people, and the calls in short."""

from __future__ import annotations

import json
from typing import Any

from integration_tests.support.harness import TOKEN, Result, ScriptedStdin, config, record, state, to_lines, write
from integration_tests.support.virtual_clock import VirtualClock
from intercom_emulator import Intercom, Settings

A = "5da6f18e3d7cf967e4582d05"
B = "6064d5c43910cc082d903f6c"
ADDRESS = "ada@example.com"
LAG = 240.0
SPOKEN = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json", "Intercom-Version": "2.16"}
MAIL: dict[str, Any] = {"identity": {"property": "user_id", "intercom_field": "email"}}

Seed = dict[str, Any]
Step = tuple[str, str, dict[str, Any]]


class Place:
    """An Intercom whose search lags by minutes, and the clock that it shares with the runs."""

    def __init__(self, **settings: Any) -> None:
        self.clock = VirtualClock()
        self.intercom = Intercom(Settings.from_dict({"search_lag": LAG, **settings}), clock=self.clock.wall)

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Do what somebody else does through the API: the search does not show it for minutes."""
        raw = b"" if body is None else json.dumps(body).encode()
        answer = self.intercom.handle(method, path, SPOKEN, raw)
        assert 200 == answer.status, answer.body
        shown: dict[str, Any] = json.loads(answer.body)
        return shown

    def write(self, *messages: dict[str, Any], **more: Any) -> Result:
        """Write these messages and a state of the last one's stream after them."""
        stream = messages[-1]["record"]["stream"] if messages else "users"
        return write([*messages, state(stream, 1)], intercom=self.intercom, clock=self.clock, **more)

    def write_at(self, *pieces: tuple[float, list[dict[str, Any]]], **more: Any) -> Result:
        """Write messages that come at their own seconds, and a state after the last."""
        ended = (pieces[-1][0], [*pieces[-1][1], state("users", 1)])
        stdin = ScriptedStdin(self.clock, *((at, to_lines(messages)) for at, messages in [*pieces[:-1], ended]))
        return write(stdin, intercom=self.intercom, clock=self.clock, **more)


def users(*attributes: dict[str, Any] | str, **options: Any) -> dict[str, Any]:
    """A configuration that writes contacts only; `identity` is the whole section, other options those of `users`."""
    identity = options.pop("identity", {"property": "user_id"})
    delivery = options.pop("delivery", None)
    named = attributes or ("email", "name")
    listed = [{"property": each} if isinstance(each, str) else each for each in named]
    section = {"mode": "enabled", "streams": [{"stream": "users"}], "attributes": listed, **options}
    return config(events=None, users=section, identity=identity, delivery=delivery)


def user(key: str = "u1", **data: Any) -> dict[str, Any]:
    """A record of a person."""
    return record("users", user_id=key, **data)


def counts(result: Result) -> tuple[int, int]:
    """The counts of the only state: records taken, records rejected."""
    (only,) = result.states
    return only["destinationStats"]["recordCount"], only["destinationStats"]["rejectedRecordCount"]


def steps(result: Result, *, since: int = 0) -> list[str]:
    """The calls of a run in short: A and B are the contacts of those ids, + any other."""
    told = []
    for each in result.exchanges[since:]:
        method, path = each["method"], each["path"].partition("?")[0]
        if path == "/contacts/search":
            told.append(f"search {field_of(each['request_body']['query'])}")
        elif path.startswith("/contacts/find_by_external_id/"):
            told.append("find")
        elif path.startswith("/contacts/"):
            contact_id, _, action = path.removeprefix("/contacts/").partition("/")
            who = {A: "A", B: "B"}.get(contact_id, "+")
            told.append(f"{action or method} {who}")
        elif path != "/data_attributes":
            told.append(f"{method} {path.removeprefix('/')}")
    return told


def field_of(query: dict[str, Any]) -> str:
    """The field that a search asks by."""
    named: str = query["field"] if "field" in query else query["value"][0]["field"]
    return named


def person(contact_id: str = A, **more: Any) -> dict[str, Any]:
    """A contact that has long been there."""
    return {"id": contact_id, **more}
