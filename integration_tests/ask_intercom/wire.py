"""The wire: one call after the other, at Intercom's pace. It knows nothing of questions, and retries nothing but a 429.

An answer's body stays in memory; what is kept of a call for the report is its endpoint, status and codes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from requests.auth import AuthBase

from destination_intercom.clock import Clock

VERSION = "2.16"
TIMEOUT = (10.0, 30.0)
"""Seconds to connect, and to wait for an answer."""

_TOO_MANY = 429
_MOST_WAITS = 30
_LONGEST_WAIT = 60.0
_SHARE_OF_OTHERS = 0.2
"""The part of a window that is left to the workspace's other apps."""

_CODE = re.compile(r"\w{1,40}")
_WORDS = frozenset(
    (
        *("me", "contacts", "search", "archive", "unarchive", "find_by_external_id", "merge", "data_attributes"),
        *("events", "companies", "tags", "bulk"),
    )
)


class NoAnswer(Exception):  # noqa: N818 - of Intercom's, not a failure of this program
    """A question stays without an answer; the message says why, in words without data."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came for one call; `headers` are of any case, `body` is decoded JSON or None."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: Any = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether Intercom did what was asked."""
        return 200 <= self.status < 300

    def get(self, *path: str) -> Any:
        """Return what the body holds under some keys; None where it holds nothing there."""
        found = self.body
        for key in path:
            found = found.get(key) if isinstance(found, dict) else None
        return found

    @property
    def errors(self) -> list[dict[str, Any]]:
        """The entries of Intercom's envelope."""
        listed = self.get("errors")
        return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []

    @property
    def code(self) -> str:
        """The first code of the envelope; "" where there is none, or one that looks like none."""
        code = str(self.errors[0].get("code", "")) if self.errors else ""
        return code if _CODE.fullmatch(code) else ""

    @property
    def shown(self) -> str:
        """Status and code."""
        return f"{self.status} {self.code}".strip()

    def number(self, header: str) -> int | None:
        """Return a header's whole number, if it is one."""
        value = self.headers.get(header, "")
        return int(value) if value.isdecimal() else None


class _Bearer(AuthBase):
    """Sets the header itself: without an auth object, requests would let a .netrc replace the token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def __repr__(self) -> str:
        return "_Bearer(…)"


class _Session(requests.Session):
    """Looks at no redirect: told not to follow one, requests still parses its target."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Say that there is none."""
        return None


class Wire:
    """Makes calls to one workspace, and keeps of each what a report may say."""

    def __init__(self, base_url: str, token: str, clock: Clock, *, transport: BaseAdapter | None = None) -> None:
        self._base_url = base_url
        self._clock = clock
        self._session = _Session()
        self._session.auth = _Bearer(token)
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, transport or HTTPAdapter(max_retries=0))
        self.calls = 0
        self.refusals: list[Answer] = []
        """The answers that were 429, which are waited out."""
        self._lines: Counter[str] = Counter()

    def send(
        self, method: str, path: str, body: object = None, *, version: str | None = VERSION, base_url: str | None = None
    ) -> Answer:
        """Make a call and return its answer; a 429 is waited out. Raise NoAnswer where none comes."""
        for _ in range(_MOST_WAITS):
            answer = self._attempt(method, path, body, version=version, base_url=base_url or self._base_url)
            self._lines[f"{method} {template_of(path)}, {version or 'no version'}: {answer.shown}"] += 1
            if answer.status != _TOO_MANY:
                self._leave_some(answer)
                return answer
            self.refusals.append(answer)
            self._wait_for_reset(answer)
        raise NoAnswer("Intercom refused the call for its quota again and again")

    def _attempt(self, method: str, path: str, body: object, *, version: str | None, base_url: str) -> Answer:
        headers = {"Accept": "application/json"} | ({"Intercom-Version": version} if version else {})
        self.calls += 1
        try:
            response = self._session.request(
                method, base_url + path, json=body, headers=headers, timeout=TIMEOUT, allow_redirects=False
            )
        except requests.RequestException as error:
            self._lines[f"{method} {template_of(path)}: {type(error).__name__}"] += 1
            # Its text may hold an address; its kind tells enough.
            raise NoAnswer(f"the connection failed: {type(error).__name__}") from None
        try:
            decoded = response.json()
        except ValueError:
            decoded = None
        return Answer(response.status_code, response.headers, decoded)

    def _leave_some(self, answer: Answer) -> None:
        """Wait for the next window where little is left of this one."""
        limit, remaining = answer.number("X-RateLimit-Limit"), answer.number("X-RateLimit-Remaining")
        if limit is not None and remaining is not None and 0 < remaining < limit * _SHARE_OF_OTHERS:
            self._wait_for_reset(answer)

    def _wait_for_reset(self, answer: Answer) -> None:
        """Wait as long as Retry-After says, else until the window's end, else ten seconds."""
        after, reset = answer.number("Retry-After"), answer.number("X-RateLimit-Reset")
        seconds = after if after is not None else 10.0 if reset is None else reset - self._clock.wall()
        self._clock.sleep(min(max(seconds, 1.0), _LONGEST_WAIT))

    def take_lines(self) -> list[str]:
        """Return, and forget, a line for each kind of call made since: endpoint, version, status, code, how often."""
        lines = [f"{line} (×{count})" if count > 1 else line for line, count in self._lines.items()]
        self._lines.clear()
        return lines


def template_of(path: str) -> str:
    """Return a path without ids and without a query."""
    parts = path.partition("?")[0].split("/")
    return "/".join(each if each in _WORDS or not each else "{id}" for each in parts)
