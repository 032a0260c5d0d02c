"""Scripted faults: which calls go wrong, and how.

A fault before the effect (`reset_before`, `stall`, `html`, `redirect`, `status`, `null`, `json`) leaves the workspace
as it was; one after it (`reset_after`, `stall_after`, `truncate`, or another with `"after": true`) does what was asked.
Faults of the edge (`html`, `redirect`, others with `"edge": true`) come from in front of Intercom: no quota, no
rate-limit headers, no request id.
"""

import dataclasses
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from intercom_emulator.answers import STATUS_CODES, Cut, encode, envelope

EXPLANATION = """\
  A fault is an object:
    endpoint     "*" or a method and template: "POST /events", "PUT /contacts/{id}",
                 "GET /contacts/find_by_external_id/{external_id}", "POST /contacts/{id}/unarchive"
    kind         status       Intercom's error envelope of `status` (default 500), with `code` and `message` if
                              given; `body` replaces it: an object, a text, or "" for none
                 json         `body` as JSON with `status` (default 200)
                 null         the body `null` with `status` (default 200)
                 html         an HTML page of the edge with `status` (default 502)
                 redirect     a redirect of the edge to `location` with `status` (default 302)
                 reset_before the connection is reset, nothing was done
                 reset_after  the connection is reset, everything was done
                 stall        no answer ever comes, nothing was done
                 stall_after  no answer ever comes, everything was done
                 truncate     everything was done, half of the body comes (without a body: half of the status line)
    after        true: status, json, null and html come after the effect (default false: instead of it)
    edge         true: the answer comes from in front of Intercom, without quota, rate-limit headers and request id
                 (default for html and redirect); false: from Intercom itself
    status, code, message, body, location, headers   as the kind has it; headers are added, those of null taken away
    matching     a text: only calls that have it in path, query or body, or that name there by Intercom's id a
                 contact with this external_id or email, or a company with this company_id; else all
    every        n: each n-th of these calls | first: n, the first n | at: [1, 5], those | share: 0.5, that part of
                 them, scattered, and the same ones each time; else all
    from_time, until_time             seconds since the emulator's start (or reset); else always
  The first fault of the list that fits a call is the one that happens."""

_CUTS = {
    "reset_before": Cut.RESET,
    "reset_after": Cut.RESET,
    "stall": Cut.STALL,
    "stall_after": Cut.STALL,
    "truncate": Cut.TRUNCATE,
}
_STATUSES = {"status": 500, "json": 200, "null": 200, "html": 502, "redirect": 302}
_AFTER = {"reset_after", "stall_after", "truncate"}
_EDGE = {"html", "redirect"}


@dataclass(frozen=True, slots=True)
class Fault:
    """One line of the plan; `EXPLANATION` says what each field means."""

    endpoint: str
    kind: str
    status: int | None = None
    code: str | None = None
    message: str | None = None
    body: Any = None
    location: str | None = None
    headers: dict[str, str | None] = field(default_factory=dict)
    after: bool = False
    edge: bool | None = None
    matching: str | None = None
    every: int | None = None
    first: int | None = None
    at: list[int] | None = None
    share: float | None = None
    from_time: float | None = None
    until_time: float | None = None

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Fault":
        """Read a fault; raise ValueError for what is unknown or missing."""
        unknown = set(values) - {each.name for each in dataclasses.fields(cls)}
        if unknown:
            raise ValueError(f"unknown keys of a fault: {', '.join(sorted(unknown))}")
        if "endpoint" not in values or values.get("kind") not in _CUTS.keys() | _STATUSES.keys():
            raise ValueError(f"a fault needs an endpoint and a kind of {', '.join(_CUTS.keys() | _STATUSES.keys())}")
        if sum(values.get(rule) is not None for rule in ("every", "first", "at", "share")) > 1:
            raise ValueError("a fault takes one of every, first, at and share")
        if values.get("every") is not None and values["every"] < 1:
            raise ValueError("every: must be 1 or more")
        matching = values.get("matching")
        if matching is not None and (not isinstance(matching, str) or not matching):
            raise ValueError("matching: a fault takes a text that is not empty")
        fault = cls(**values)
        fault._refuse_nonsense()
        return fault

    def _refuse_nonsense(self) -> None:
        """Raise ValueError for what this kind of fault cannot have, or no fault can."""
        if self.share is not None and not 0 < self.share <= 1:
            raise ValueError("share: must be above 0, and 1 at most")
        if (self.code or self.message) and (self.kind != "status" or self.body is not None):
            raise ValueError("code and message: only a fault of kind status without a body has them")
        if self.edge is not None and self.cut is not None:
            raise ValueError("edge: a fault that cuts the connection answers nothing")

    @property
    def cut(self) -> Cut | None:
        """What happens to the connection, if anything."""
        return _CUTS.get(self.kind)

    @property
    def has_effect(self) -> bool:
        """Whether the call does what it asks before it goes wrong."""
        return self.after or self.kind in _AFTER

    @property
    def is_edge(self) -> bool:
        """Whether the answer comes from in front of Intercom."""
        return self.kind in _EDGE if self.edge is None else self.edge

    @property
    def reaches_intercom(self) -> bool:
        """Whether Intercom itself sees the call, and counts it."""
        return self.has_effect or not (self.is_edge or self.cut)

    def answer(self) -> tuple[int, dict[str, str | None], Any]:
        """Return status, extra headers (None: one to take away) and body: bytes, or an error envelope."""
        status = self.status or _STATUSES.get(self.kind, 200)
        if self.kind == "null":
            return status, self.headers, b"null"
        if self.kind == "html":
            page = self.body or f"<html>\r\n<head><title>{status}</title></head>\r\n<body>nginx</body>\r\n</html>\r\n"
            return status, {"Content-Type": "text/html", **self.headers}, str(page).encode(errors="replace")
        if self.kind == "redirect":
            return status, {"Location": self.location or "/", "Content-Type": "text/html", **self.headers}, b""
        if self.kind == "status" and self.body is None:
            code, message = STATUS_CODES.get(status, ("server_error", "Server Error"))
            return status, self.headers, envelope(self.code or code, self.message or message)
        return (
            status,
            self.headers,
            self.body.encode(errors="replace") if isinstance(self.body, str) else encode(self.body),
        )

    def fits(self, ordinal: int) -> bool:
        """Return whether the `ordinal`-th call that is meant (from 1) is one that goes wrong."""
        if self.share is not None:  # scattered, for retries in step with a regular pattern would always meet it
            return random.Random(ordinal).random() < self.share
        if self.every is not None:
            return ordinal % self.every == 0
        if self.first is not None:
            return ordinal <= self.first
        return self.at is None or ordinal in self.at

    def is_due(self, seconds: float) -> bool:
        """Return whether the fault is in force `seconds` after the start."""
        after_begin = self.from_time is None or seconds >= self.from_time
        return after_begin and (self.until_time is None or seconds < self.until_time)


class FaultPlan:
    """The faults in their order, and how many calls each has seen."""

    def __init__(self, faults: list[dict[str, Any]]) -> None:
        self._faults = [Fault.from_dict(each) for each in faults]
        self._seen = [0] * len(self._faults)

    def __iter__(self) -> Iterator[Fault]:
        """Return the faults in their order."""
        return iter(self._faults)

    def add(self, fault: Fault) -> None:
        """Put a fault behind the others."""
        self._faults.append(fault)
        self._seen.append(0)

    def remove(self, fault: Fault) -> None:
        """Take a fault out, if it is there."""
        if fault in self._faults:
            index = self._faults.index(fault)
            del self._faults[index], self._seen[index]

    def pick(self, endpoint: str, seconds: float, said: Callable[[], str]) -> Fault | None:
        """Count a call of `endpoint` that says what `said` returns, `seconds` after the start; return its fault."""
        picked, text = None, None
        for index, fault in enumerate(self._faults):
            if fault.endpoint not in ("*", endpoint) or not fault.is_due(seconds):
                continue
            if fault.matching is not None:
                text = said() if text is None else text
                if fault.matching not in text:
                    continue
            self._seen[index] += 1
            if picked is None and fault.fits(self._seen[index]):
                picked = fault
        return picked
