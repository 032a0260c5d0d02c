"""The bulk endpoints: which version has them, what a call costs, how many items it takes, and what odd items do.

No contact is made by a bulk call here: its creates name somebody who exists, and so fail one by one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from integration_tests.ask_intercom.question import Finding, Question, join, tell_measured
from integration_tests.ask_intercom.questions.basics import next_window
from integration_tests.ask_intercom.wire import VERSION, Answer, NoAnswer
from integration_tests.ask_intercom.workspace import PREFIX, Workspace

_VERSIONS = ("2.17", "Preview")
_DONE = ("completed", "completed_with_errors")
_CROWD = 12
_TRIES = 3
_SIZES = (101, 1001)
_MOST = re.compile(r"maximum number of contacts per request is (\d{1,6})\b")


@dataclass(frozen=True, slots=True)
class _Job:
    """A job that has ended, as Intercom shows it."""

    shown: Answer

    @property
    def failed(self) -> bool:
        """Whether it completed with errors."""
        return bool(self.shown.get("state") != "completed")

    def task(self, name: str) -> float | None:
        """Return one of the times of its first task (unix seconds)."""
        tasks = self.shown.get("tasks")
        value = tasks[0].get(name) if isinstance(tasks, list) and tasks else None
        return float(value) if isinstance(value, (int, float)) else None


def _version(workspace: Workspace) -> tuple[str, list[Answer]]:
    """Return the first version that has the bulk endpoints, "none" if no one has, and the refusals of the others."""
    refused: list[Answer] = []
    for version in _VERSIONS:
        answer = _send(workspace, "PUT", _renamed(workspace.crowd(1)), version=version)
        if answer.ok:
            return version, refused
        if answer.status not in (400, 404):
            raise NoAnswer(f"PUT /contacts/bulk in {version}: {answer.shown}")
        refused.append(answer)
    return "none", refused


def _send(
    workspace: Workspace, method: str, items: list[dict[str, Any]], *, version: str, job: str | None = None
) -> Answer:
    body: dict[str, Any] = {"contacts": items} | ({"job": {"id": job}} if job else {})
    return workspace.call(method, "/contacts/bulk", body, version=version)


def _renamed(ids: list[str]) -> list[dict[str, Any]]:
    return [{"id": each, "name": "Ask Intercom"} for each in ids]


def _having(workspace: Workspace) -> str:
    """Return the version that has the bulk endpoints."""
    version, _ = _version(workspace)
    if version == "none":
        raise NoAnswer("no version here has the bulk endpoints")
    return version


def _finish(workspace: Workspace, answer: Answer, version: str) -> _Job:
    """Wait until a job that was taken has ended."""
    if not answer.ok or answer.get("id") is None:
        raise NoAnswer(f"a bulk call was refused: {answer.shown}")
    polls = [answer]

    def ended() -> bool:
        polls.append(workspace.call("GET", f"/contacts/bulk/{answer.get('id')}", version=version))
        return polls[-1].get("state") in _DONE

    if workspace.measure(ended) is None:
        raise NoAnswer("a bulk job did not end within five minutes")
    return _Job(polls[-1])


def _update(workspace: Workspace, item: dict[str, Any]) -> _Job:
    """Update one contact in bulk."""
    version = _having(workspace)
    return _finish(workspace, _send(workspace, "PUT", [item], version=version), version)


def _ask_version(workspace: Workspace) -> Finding:
    """Send a bulk update in each version."""
    version, refused = _version(workspace)
    old = _send(workspace, "PUT", _renamed(workspace.crowd(1)), version=VERSION)
    found = Finding(f"bulk in {version}; in {VERSION}: {old.shown}", {"bulk_version": version})
    statuses = {each.status for each in (*refused, old)}
    if statuses <= {400, 404} and len(statuses) == 1:
        return join(found, Finding("", {"bulk_absent": statuses.pop()}))
    return join(found, Finding("", outside=("bulk_absent",)))


def _ask_cost(workspace: Workspace) -> Finding:
    """Read what is left of a window before and after a bulk call."""
    version, people = _having(workspace), workspace.crowd(_CROWD)
    known = workspace.call("GET", f"/contacts/{people[0]}").get("external_id")
    updates = _cost(workspace, lambda: _send(workspace, "PUT", _renamed(people), version=version))
    doubles = [{"external_id": known}] * _CROWD
    creates = _cost(workspace, lambda: _send(workspace, "POST", doubles, version=version))
    return join(_told_cost("PUT", updates), _told_cost("POST of known users", creates))


def _told_cost(what: str, cost: int) -> Finding:
    words = f"{what}: {_CROWD} contacts cost {cost} of the quota"
    how = {1: "call", _CROWD: "item"}.get(cost)
    return Finding(words, {"bulk_cost": how}) if how else Finding(words, outside=("bulk_cost",))


def _cost(workspace: Workspace, call: Callable[[], Answer]) -> int:
    """Return what a call costs: the least of a few tries, for other apps spend too."""
    costs = []
    for _ in range(_TRIES):
        _, before = next_window(workspace)
        answer = call()
        after = workspace.call("GET", "/me")
        if not answer.ok:
            raise NoAnswer(f"a bulk call was refused: {answer.shown}")
        left = [each.number("X-RateLimit-Remaining") for each in (before, after)]
        if before.number("X-RateLimit-Reset") == after.number("X-RateLimit-Reset") and None not in left:
            # What the second look shows less than the first is one call and this one, however Intercom counts.
            costs.append((left[0] or 0) - (left[1] or 0) - 1)
            if costs[-1] in (1, _CROWD):
                break
    if not costs:
        raise NoAnswer("the window ended in the middle of each try")
    return min(costs)


def _ask_sizes(workspace: Workspace) -> Finding:
    """Send 101 and 1,001 items that all name one contact of ours: updates of it, and creates that fail."""
    version, (person,) = _having(workspace), workspace.crowd(1)
    known = workspace.call("GET", f"/contacts/{person}").get("external_id")
    findings = []
    for method, item in (("PUT", {"id": person, "name": "Ask Intercom"}), ("POST", {"external_id": known})):
        for size in _SIZES:
            answer = _send(workspace, method, [item] * size, version=version)
            findings.append(_told_size(f"{method} of {size}", answer))
            if answer.ok:
                _finish(workspace, answer, version)
    return join(*findings)


def _told_size(what: str, answer: Answer) -> Finding:
    if answer.ok:
        beyond = what.endswith(str(_SIZES[-1]))  # who takes even that has no limit that was looked for
        return Finding(f"{what}: {answer.shown}", outside=("bulk_limit",) if beyond else ())
    told = [_MOST.search(str(each.get("message", ""))) for each in answer.errors]
    most = next((int(each[1]) for each in told if each), None)
    if most is None:
        return Finding(f"{what}: {answer.shown}, no number in the message", outside=("bulk_limit",))
    return Finding(f"{what}: {answer.shown}, at most {most}", {"bulk_limit": most})


def _ask_times(workspace: Workspace) -> Finding:
    """Read the times of a job's task."""
    version, people = _having(workspace), workspace.crowd(_CROWD)
    job = _finish(workspace, _send(workspace, "PUT", _renamed(people), version=version), version)
    created, started, ended = (job.task(name) for name in ("created_at", "started_at", "completed_at"))
    if created is None or started is None or ended is None:
        return Finding("a task that has ended lacks one of its times", outside=("bulk_wait", "bulk_duration"))
    wait, lasting = max(0.0, started - created), max(0.0, ended - started)
    words = f"{_CROWD} contacts waited {wait:g} s and took {lasting:g} s, in whole seconds"
    return Finding(words, {"bulk_wait": wait, "bulk_duration": lasting})


def _ask_open(workspace: Workspace) -> Finding:
    """Append to a job until it is closed."""
    version, people = _having(workspace), workspace.crowd(1)
    job = _send(workspace, "PUT", _renamed(people), version=version)
    answers: list[Answer] = []

    def closed() -> bool:
        answers.append(_send(workspace, "PUT", _renamed(people), version=version, job=str(job.get("id"))))
        return not answers[-1].ok

    seconds = workspace.measure(closed)
    if seconds is None:
        return Finding("the job takes more for five minutes at least", outside=("bulk_open",))
    return join(tell_measured("bulk_open", seconds, f"the job is closed ({answers[-1].shown})"))


def _ask_null(workspace: Workspace) -> Finding:
    """Clear a name and a custom attribute in bulk."""
    text = workspace.attribute("text")
    person = workspace.user(name="Ask Intercom", custom_attributes={text: "a"})
    findings = []
    for what, item in (("name", {"name": None}), ("custom attribute", {"custom_attributes": {text: None}})):
        failed = _update(workspace, {"id": person, **item}).failed
        shown = workspace.call("GET", f"/contacts/{person}")
        kept = shown.get("name") if what == "name" else shown.get("custom_attributes", text)
        findings.append(_told_item("bulk_null", f"null for a {what}", failed=failed, done=kept is None, does="clear"))
    return join(*findings)


def _told_item(setting: str, what: str, *, failed: bool, done: bool, does: str) -> Finding:
    """Return the finding of an item: it failed, it was passed over, or it did what it asks."""
    how = "fail" if failed and not done else does if done and not failed else "ignore" if not failed else None
    words = f"{what}: {how or 'done, and the job completed with errors'}"
    return Finding(words, outside=(setting,)) if how is None else Finding(words, {setting: how})


def _ask_unknown_attribute(workspace: Workspace) -> Finding:
    """Send a bulk update with an attribute that does not exist."""
    person = workspace.user()
    job = _update(workspace, {"id": person, "name": "New", "custom_attributes": {f"{PREFIX}none-{workspace.run}": "a"}})
    named = workspace.call("GET", f"/contacts/{person}").get("name") == "New"
    how = {(True, False): "fail", (False, True): "ignore"}.get((job.failed, named))
    words = f"the job {'completed with errors' if job.failed else 'completed'}, the name is {'new' if named else 'old'}"
    if how is None:
        return Finding(words, outside=("bulk_unknown_attribute",))
    return Finding(words, {"bulk_unknown_attribute": how})


def _ask_email(workspace: Workspace) -> Finding:
    """Give a user another user's e-mail address in bulk."""
    email = workspace.new_email()
    workspace.user(email=email)
    person = workspace.user()
    job = _update(workspace, {"id": person, "email": email})
    taken = workspace.call("GET", f"/contacts/{person}").get("email") == email
    how = {(True, False): "conflict", (False, True): "take"}.get((job.failed, taken))
    words = f"the job {'completed with errors' if job.failed else 'completed'}, the address was {'' if taken else 'not '}taken"
    if how is None:
        return Finding(words, outside=("update_with_known_email",))
    return Finding(words, {"update_with_known_email": how})


def _ask_gone(workspace: Workspace) -> Finding:
    """Update an archived and a deleted contact in bulk."""
    findings = []
    for how, (method, verb) in {"archived": ("POST", "/archive"), "deleted": ("DELETE", "")}.items():
        person = workspace.user()
        answer = workspace.call(method, f"/contacts/{person}{verb}")
        if not answer.ok:
            raise NoAnswer(f"a contact could not be {how}: {answer.shown}")
        failed = _update(workspace, {"id": person, "name": "New"}).failed
        findings.append(
            Finding(f"{how}: {'fails' if failed else 'is passed over'}", {"bulk_gone": "fail" if failed else "ignore"})
        )
    return join(*findings)


def _ask_tag_lag(workspace: Workspace) -> Finding:
    """Tag a contact in bulk, and look until the tag is there."""
    person, tag = workspace.user(), workspace.tag()
    if not tag.ok:
        raise NoAnswer(f"a tag could not be made: {tag.shown}")
    _update(workspace, {"id": person, "tags": {"add": [{"id": str(tag.get("id"))}]}})

    def tagged() -> bool:
        return bool(workspace.call("GET", f"/contacts/{person}/tags").get("data"))

    return tell_measured("bulk_tag_lag", workspace.measure(tagged), "the tag is there once the job has ended")


QUESTIONS = (
    Question(
        "1a",
        "Which version has the bulk endpoints, and what do others answer?",
        "PUT /contacts/bulk of one contact in 2.17, Preview and 2.16",
        ("bulk_version", "bulk_absent"),
        4,
        _ask_version,
        items=3,
    ),
    Question(
        "1b",
        "What does a bulk call cost in X-RateLimit-Remaining?",
        f"PUT and POST of {_CROWD} contacts, each at the beginning of a window, up to {_TRIES} times",
        ("bulk_cost",),
        160,
        _ask_cost,
        items=6 * _CROWD,
    ),
    Question(
        "1c",
        "How many contacts does one bulk call take?",
        "PUT and POST of 101 and 1,001 items that all name one contact, so that nobody is made",
        ("bulk_limit",),
        20,
        _ask_sizes,
        items=2 * sum(_SIZES),
    ),
    Question(
        "7a",
        "What does null in a bulk update do?",
        "PUT /contacts/bulk with a null name and a null custom attribute",
        ("bulk_null",),
        20,
        _ask_null,
        items=4,
    ),
    Question(
        "7b",
        "What does an attribute that does not exist do to a bulk item?",
        "PUT /contacts/bulk with a name and an unknown attribute",
        ("bulk_unknown_attribute",),
        8,
        _ask_unknown_attribute,
        items=2,
    ),
    Question(
        "7c",
        "What does another user's e-mail address do to a bulk item?",
        "PUT /contacts/bulk with the address of another contact",
        ("update_with_known_email",),
        8,
        _ask_email,
        items=2,
    ),
    Question(
        "16a",
        "What does a bulk update of a contact that is gone do?",
        "PUT /contacts/bulk of an archived and of a deleted contact",
        ("bulk_gone",),
        14,
        _ask_gone,
        items=4,
    ),
    Question(
        "16b",
        "How long does a bulk task wait and run?",
        f"PUT /contacts/bulk of {_CROWD} contacts, and polls",
        ("bulk_wait", "bulk_duration"),
        20,
        _ask_times,
        items=_CROWD + 1,
    ),
    Question(
        "16c",
        "How long does a bulk job take more tasks?",
        "appends to a job until it is refused",
        ("bulk_open",),
        10,
        _ask_open,
        items=8,
    ),
    Question(
        "16d",
        "How long after a bulk item are its tags there?",
        "PUT /contacts/bulk with a tag, and GET /contacts/{id}/tags",
        ("bulk_tag_lag",),
        12,
        _ask_tag_lag,
        items=2,
    ),
)
