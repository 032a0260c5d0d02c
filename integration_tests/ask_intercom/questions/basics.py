"""What every call shows: the region, the headers of the quota, the envelope of errors."""

from __future__ import annotations

import re
from collections.abc import Sequence

from integration_tests.ask_intercom.question import Finding, Question, join
from integration_tests.ask_intercom.wire import VERSION, Answer, NoAnswer
from integration_tests.ask_intercom.workspace import NOBODY, Workspace

_REGION = re.compile(r"[A-Za-z]{2,20}")
_POLL_SECONDS = 0.5
_MOST_POLLS = 150
_HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")


def questions(other_hosts: Sequence[str]) -> list[Question]:
    """Return the questions of this module; `other_hosts` are Intercom's hosts of the other regions."""

    def ask_other_hosts(workspace: Workspace) -> Finding:
        """Show the token to the hosts of the other regions."""
        if not other_hosts:
            raise NoAnswer("the configuration names a host that is none of Intercom's regions")
        return join(*(_on(host, workspace) for host in other_hosts))

    return [
        *_QUESTIONS,
        Question(
            "8b",
            "What is a token answered on another region's host?",
            "GET /me on the hosts of the other regions",
            ("foreign_token_status",),
            len(other_hosts),
            ask_other_hosts,
        ),
    ]


def _on(host: str, workspace: Workspace) -> Finding:
    answer = workspace.wire.send("GET", "/me", base_url=host)
    name = host.partition("://")[2]
    if answer.status in (401, 403):
        return Finding(f"{name}: {answer.shown}", {"foreign_token_status": answer.status})
    if answer.ok:  # the US host was said to forward tokens of other regions
        return Finding(f"{name}: {answer.shown}, it takes the token")
    return Finding(f"{name}: {answer.shown}", outside=("foreign_token_status",))


def _ask_region(workspace: Workspace) -> Finding:
    """Ask who the token belongs to."""
    answer = workspace.call("GET", "/me")
    if not answer.ok:
        raise NoAnswer(answer.shown)
    if answer.get("app") is None:
        return Finding("`app` is null", {"app_present": False})
    region = answer.get("app", "region")
    if not isinstance(region, str) or not _REGION.fullmatch(region):
        return Finding("`app` has no region that is a word", {"app_present": True}, ("region",))
    return Finding(f"app.region is {region}", {"app_present": True, "region": region})


def _ask_version(workspace: Workspace) -> Finding:
    """Call without a version, and read which one is answered."""
    answer = workspace.call("GET", "/me", version=None)
    named = answer.headers.get("Intercom-Version", "")
    if not re.fullmatch(r"\d\.\d{1,2}|Preview", named):
        raise NoAnswer(f"{answer.shown}, without a header Intercom-Version that names a version")
    return Finding(f"answered in {named}", {"app_version": named})


def _ask_request_id(workspace: Workspace) -> Finding:
    """Read a contact that nobody is."""
    answer = workspace.call("GET", f"/contacts/{NOBODY}")
    if not answer.errors:
        raise NoAnswer(f"{answer.shown}, not in Intercom's envelope")
    if not isinstance(answer.body, dict) or "request_id" not in answer.body:
        return Finding(f"{answer.shown}: absent", {"request_ids": "absent"})
    told = "null" if answer.get("request_id") is None else "set"
    same = answer.get("request_id") == answer.headers.get("X-Request-Id")
    return Finding(f"{answer.shown}: {told}; equal to X-Request-Id: {'yes' if same else 'no'}", {"request_ids": told})


def next_window(workspace: Workspace) -> tuple[Answer, Answer]:
    """Ask who we are until a new window begins; return the last answer of the old one and the first of the new."""
    before = workspace.call("GET", "/me")
    for _ in range(_MOST_POLLS):
        if before.number("X-RateLimit-Reset") is None:
            raise NoAnswer("the answers carry no X-RateLimit-Reset")
        workspace.clock.sleep(_POLL_SECONDS)
        after = workspace.call("GET", "/me")
        if after.number("X-RateLimit-Reset") != before.number("X-RateLimit-Reset"):
            return before, after
        before = after
    raise NoAnswer(f"no new window in {_MOST_POLLS * _POLL_SECONDS:g} s")


def _ask_headers(workspace: Workspace) -> Finding:
    """Watch the headers until a window begins."""
    answer = workspace.call("GET", "/me")
    present = [name for name in _HEADERS if answer.number(name) is not None]
    if not present:
        return Finding("no header of the quota", {"headers": "none"})
    if len(present) < len(_HEADERS):
        return Finding(f"only {', '.join(present)}", outside=("headers",))
    before, after = next_window(workspace)
    resets = [each.number("X-RateLimit-Reset") or 0 for each in (before, after)]
    limit, remaining = after.number("X-RateLimit-Limit") or 0, after.number("X-RateLimit-Remaining")
    finding = Finding(
        f"all three; {limit} calls a window of {resets[1] - resets[0]} s; the first call of one shows {remaining} left",
        {"headers": "full", "limit": limit, "window_seconds": float(resets[1] - resets[0])},
    )
    counts = {limit: False, limit - 1: True}
    if remaining not in counts:
        return join(finding, Finding("other apps use the quota, so whether it counts itself cannot be told"))
    return join(finding, Finding("", {"remaining_counts_this_call": counts[remaining]}))


def _ask_retry_after(workspace: Workspace) -> Finding:
    """Look at the refusals that came by chance."""
    refusals = workspace.wire.refusals
    if not refusals:
        raise NoAnswer("no call was refused for the quota; this program does not provoke that")
    sent = [each.headers.get("Retry-After") is not None for each in refusals]
    if all(sent) or not any(sent):
        return Finding(f"{len(sent)} × 429, Retry-After: {'sent' if sent[0] else 'absent'}", {"retry_after": sent[0]})
    return Finding("sent with some 429 and not with others", outside=("retry_after",))


_QUESTIONS = (
    Question(
        "8a",
        "What does GET /me say of the region?",
        "GET /me",
        ("region", "app_present"),
        1,
        _ask_region,
    ),
    Question(
        "15a",
        "Which headers tell of the quota, and what do they count?",
        f"GET /me, twice a second until the next window (version {VERSION})",
        ("headers", "limit", "window_seconds", "remaining_counts_this_call"),
        32,
        _ask_headers,
    ),
    Question(
        "15b",
        "In which version is a call answered that names none?",
        "GET /me without Intercom-Version",
        ("app_version",),
        1,
        _ask_version,
    ),
    Question(
        "15c",
        "Does an error carry a request_id?",
        "GET of a contact that nobody is",
        ("request_ids",),
        1,
        _ask_request_id,
    ),
    Question(
        "23",
        "Does a 429 carry Retry-After?",
        "nothing: looks at the refusals that came",
        ("retry_after",),
        0,
        _ask_retry_after,
    ),
)
