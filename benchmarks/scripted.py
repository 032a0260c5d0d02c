"""An Intercom for a sync without end: it answers in virtual time and keeps nothing that grows.

A transport of the client. It knows a fixed number of people and their names, shows a change in its search
only after a while, counts windows, and fails now and then, as its script says. What it takes is counted, and
not kept: for what is right, see the emulator.
"""

from __future__ import annotations

import email.utils
import io
import json
import random
import re
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

import requests
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

from integration_tests.support.virtual_clock import VirtualClock

PERIOD: Final = 10.0
LIMIT: Final = 1_666
LATENCY: Final = 0.15
SEARCH_LAG: Final = 45.0
_ID: Final = re.compile(r"/contacts/([0-9a-f]{24})\Z")


@dataclass(slots=True)
class Person:
    """A contact: its name now, the name before, and when that changed."""

    number: int
    name: str
    before: str
    changed_at: float = -SEARCH_LAG

    def document(self, now: float, *, lagging: bool) -> dict[str, Any]:
        """Show it, as the search does where it lags behind."""
        old = lagging and now < self.changed_at + SEARCH_LAG
        return {
            "type": "contact",
            "id": f"{self.number:024x}",
            "role": "user",
            "external_id": str(self.number),
            "email": None,
            "name": self.before if old else self.name,
            "custom_attributes": {},
        }


@dataclass(slots=True)
class Window:
    """A window of the quota: when it began, and what is left of it."""

    begins: float
    left: int


@dataclass(slots=True)
class ScriptedIntercom:
    """What the transport talks to; `taken` counts what was taken, `answered` the statuses of all answers."""

    clock: VirtualClock
    people: dict[int, Person]
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    guard: threading.Lock = field(default_factory=threading.Lock)
    window: Window = field(default_factory=lambda: Window(0.0, 0))
    taken: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)

    @classmethod
    def with_people(cls, clock: VirtualClock, count: int) -> ScriptedIntercom:
        """Make one that knows so many people."""
        return cls(clock, {number: Person(number, "v0", "v0") for number in range(count)})

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        """Answer a request: status, body, headers.

        Raises:
            requests.RequestException: the connection breaks, before or after the request was carried out.
        """
        with self.guard:
            headers = self._count()
            fault = self.chance.random()
            status, content = self._status(method, path, body, headers, fault)
            self.answered[str(status)] += 1
            if fault < 0.002:  # after it was carried out
                self.answered["lost"] += 1
                raise requests.ReadTimeout("lost")
        return status, content, headers

    def _status(self, method: str, path: str, body: bytes, headers: dict[str, str], fault: float) -> tuple[int, bytes]:
        if int(headers["X-RateLimit-Remaining"]) < 0:
            return 429, _envelope("rate_limit_exceeded")
        if 0.002 < fault < 0.004:
            return 429, _envelope("rate_limit_exceeded")
        if 0.004 < fault < 0.006:
            return 503, b"<html>Service Unavailable</html>"
        if 0.006 < fault < 0.007:
            self.answered["reset"] += 1
            raise requests.ConnectionError("reset")
        status, document = self._carry_out(method, path, json.loads(body) if body else {})
        return status, b"" if document is None else json.dumps(document).encode()

    def _carry_out(self, method: str, path: str, document: dict[str, Any]) -> tuple[int, Any]:
        if path == "/events":
            return self._take_event(document)
        if path == "/contacts/search":
            return 200, {"type": "list", "data": self._search(document["query"])}
        if path.startswith("/contacts/find_by_external_id/"):
            return self._show(self.people.get(int(path.rpartition("/")[2])))
        if path.startswith("/data_attributes"):
            return 200, {"type": "list", "data": []}
        found = _ID.match(path)
        if method == "PUT" and found:
            return self._update(self.people[int(found[1], 16)], document)
        raise NotImplementedError(f"{method} {path}")

    def _take_event(self, document: dict[str, Any]) -> tuple[int, Any]:
        if int(document["user_id"]) not in self.people:
            return 404, _error("not_found")
        if document["event_name"] == "Too Many":
            return 422, _error("parameter_invalid")
        self.taken["events"] += 1
        return 202, None

    def _update(self, person: Person, document: dict[str, Any]) -> tuple[int, Any]:
        person.before, person.name, person.changed_at = person.name, document["name"], self.clock.now()
        self.taken["updates"] += 1
        return self._show(person)

    def _show(self, person: Person | None) -> tuple[int, Any]:
        return (404, _error("not_found")) if person is None else (200, person.document(self.clock.now(), lagging=False))

    def _search(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        value, now = query["value"], self.clock.now()
        if query["operator"] == "OR":
            return [document for each in value for document in self._search(each)]
        asked = [int(each) for each in (value if isinstance(value, list) else [value])]
        return [self.people[each].document(now, lagging=True) for each in asked if each in self.people]

    def _count(self) -> dict[str, str]:
        now = self.clock.wall()
        if now >= self.window.begins + PERIOD:
            self.window = Window(now - now % PERIOD, LIMIT)
        self.window.left -= 1
        return {
            "Date": email.utils.formatdate(now, usegmt=True),
            "X-RateLimit-Limit": str(LIMIT),
            "X-RateLimit-Remaining": str(self.window.left),
            "X-RateLimit-Reset": str(int(self.window.begins + PERIOD)),
            "Content-Type": "application/json",
        }


class ScriptedTransport(BaseAdapter):
    """Carries requests to a scripted Intercom, each taking its time."""

    def __init__(self, intercom: ScriptedIntercom) -> None:
        super().__init__()
        self._intercom = intercom

    def send(self, request: requests.PreparedRequest, *_arguments: Any, **_more: Any) -> requests.Response:
        """Bring back what it answers."""
        self._intercom.clock.sleep(LATENCY)
        body = request.body or b""
        status, content, headers = self._intercom.answer(
            request.method or "", request.path_url, body.encode() if isinstance(body, str) else body
        )
        response = requests.Response()
        response.status_code, response.request, response.url = status, request, request.url or ""
        response.headers.update(headers)
        response.raw = HTTPResponse(io.BytesIO(content), headers=headers, status=status, preload_content=False)
        return response

    def close(self) -> None:
        """Nothing is open."""


def _error(code: str) -> dict[str, Any]:
    return {"type": "error.list", "request_id": "r", "errors": [{"code": code, "message": "m"}]}


def _envelope(code: str) -> bytes:
    return json.dumps(_error(code)).encode()
