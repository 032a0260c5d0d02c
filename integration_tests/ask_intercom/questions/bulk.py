"""The bulk endpoints: which version has them, what a call costs, how many items it takes, how long a job lasts.

No contact is made by a bulk call here: its creates name somebody who exists, and so fail one by one.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from integration_tests.ask_intercom.question import Finding, Question, join, tell_measured
from integration_tests.ask_intercom.questions.basics import next_window
from integration_tests.ask_intercom.questions.bulk_calls import find_version, finish, having, renamed, send
from integration_tests.ask_intercom.wire import VERSION, Answer, NoAnswer
from integration_tests.ask_intercom.workspace import Workspace

_CROWD = 12
_TRIES = 3
_SIZES = (101, 1001)
_MOST = re.compile(r"maximum number of contacts per request is (\d{1,6})\b")


def _ask_version(workspace: Workspace) -> Finding:
    """Send a bulk update in each version."""
    version, refused = find_version(workspace)
    old = send(workspace, "PUT", renamed(workspace.crowd(1)), version=VERSION)
    found = Finding(f"bulk in {version}; in {VERSION}: {old.shown}", {"bulk_version": version})
    statuses = {each.status for each in (*refused, old)}
    if statuses <= {400, 404} and len(statuses) == 1:
        return join(found, Finding("", {"bulk_absent": statuses.pop()}))
    return join(found, Finding("", outside=("bulk_absent",)))


def _ask_cost(workspace: Workspace) -> Finding:
    """Read what is left of a window before and after a bulk call."""
    version, people = having(workspace), workspace.crowd(_CROWD)
    known = workspace.call("GET", f"/contacts/{people[0]}").get("external_id")
    updates = _cost(workspace, version, lambda: send(workspace, "PUT", renamed(people), version=version))
    doubles = [{"external_id": known}] * _CROWD
    creates = _cost(workspace, version, lambda: send(workspace, "POST", doubles, version=version))
    return join(_told_cost("PUT", updates), _told_cost("POST of known users", creates))


def _told_cost(what: str, cost: int) -> Finding:
    words = f"{what}: {_CROWD} contacts cost {cost} of the quota"
    how = {1: "call", _CROWD: "item"}.get(cost)
    return Finding(words, {"bulk_cost": how}) if how else Finding(words, outside=("bulk_cost",))


def _cost(workspace: Workspace, version: str, call: Callable[[], Answer]) -> int:
    """Return what a call and its job cost: the least of a few tries, for other apps spend too."""
    costs = []
    for _ in range(_TRIES):
        _, before = next_window(workspace)
        made = workspace.wire.calls
        answer = call()
        looks = [_spent(workspace, before, made)]
        finish(workspace, answer, version)
        looks.append(_spent(workspace, before, made))  # items may count once they are carried out
        known = [each for each in looks if each is not None]
        if known:
            costs.append(known[-1])
            if costs[-1] in (1, _CROWD):
                break
    if not costs:
        raise NoAnswer("the window ended in the middle of each try")
    return min(costs)


def _spent(workspace: Workspace, before: Answer, made: int) -> int | None:
    """Return what is gone of a window since an answer, but for all calls made since but one; None in another window.

    Whether an answer counts its own call does not matter: both do, or none.
    """
    after = workspace.call("GET", "/me")
    left = [each.number("X-RateLimit-Remaining") for each in (before, after)]
    if before.number("X-RateLimit-Reset") != after.number("X-RateLimit-Reset") or left[0] is None or left[1] is None:
        return None
    return left[0] - left[1] - (workspace.wire.calls - made - 1)


def _ask_sizes(workspace: Workspace) -> Finding:
    """Send 101 and 1,001 items that all name one contact of ours: updates of it, and creates that fail."""
    version, (person,) = having(workspace), workspace.crowd(1)
    known = workspace.call("GET", f"/contacts/{person}").get("external_id")
    findings = []
    for method, item in (("PUT", {"id": person, "name": "Ask Intercom"}), ("POST", {"external_id": known})):
        for size in _SIZES:
            answer = send(workspace, method, [item] * size, version=version)
            findings.append(_told_size(f"{method} of {size}", answer))
            if answer.ok:
                finish(workspace, answer, version)
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
    version, people = having(workspace), workspace.crowd(_CROWD)
    job = finish(workspace, send(workspace, "PUT", renamed(people), version=version), version)
    created, started, ended = (job.task(name) for name in ("created_at", "started_at", "completed_at"))
    if created is None or started is None or ended is None:
        return Finding("a task that has ended lacks one of its times", outside=("bulk_wait", "bulk_duration"))
    wait, lasting = max(0.0, started - created), max(0.0, ended - started)
    words = f"{_CROWD} contacts waited {wait:g} s and took {lasting:g} s, in whole seconds"
    return Finding(words, {"bulk_wait": wait, "bulk_duration": lasting})


def _ask_open(workspace: Workspace) -> Finding:
    """Append to a job until it is closed."""
    version, people = having(workspace), workspace.crowd(1)
    job = send(workspace, "PUT", renamed(people), version=version)
    answers: list[Answer] = []

    def closed() -> bool:
        answers.append(send(workspace, "PUT", renamed(people), version=version, job=str(job.get("id"))))
        return not answers[-1].ok

    seconds = workspace.measure(closed)
    if seconds is None:
        return Finding("the job takes more for five minutes at least", outside=("bulk_open",))
    return join(tell_measured("bulk_open", seconds, f"the job is closed ({answers[-1].shown})"))


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
)
