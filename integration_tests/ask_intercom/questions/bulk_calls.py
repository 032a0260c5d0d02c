"""Bulk calls as the questions make them: in the version that has them, and waited for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from integration_tests.ask_intercom.wire import Answer, NoAnswer
from integration_tests.ask_intercom.workspace import Workspace

_VERSIONS = ("2.17", "Preview")
_DONE = ("completed", "completed_with_errors")


@dataclass(frozen=True, slots=True)
class Job:
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


def find_version(workspace: Workspace) -> tuple[str, list[Answer]]:
    """Return the first version that has the bulk endpoints, "none" if no one has, and the refusals of the others."""
    refused: list[Answer] = []
    for version in _VERSIONS:
        answer = send(workspace, "PUT", renamed(workspace.crowd(1)), version=version)
        if answer.ok:
            return version, refused
        if answer.status not in (400, 404):
            raise NoAnswer(f"PUT /contacts/bulk in {version}: {answer.shown}")
        refused.append(answer)
    return "none", refused


def send(
    workspace: Workspace, method: str, items: list[dict[str, Any]], *, version: str, job: str | None = None
) -> Answer:
    """Make a bulk call, of a job of its own or of one that may be open still."""
    body: dict[str, Any] = {"contacts": items} | ({"job": {"id": job}} if job else {})
    return workspace.call(method, "/contacts/bulk", body, version=version)


def renamed(ids: list[str]) -> list[dict[str, Any]]:
    """Return the items of a harmless update."""
    return [{"id": each, "name": "Ask Intercom"} for each in ids]


def having(workspace: Workspace) -> str:
    """Return the version that has the bulk endpoints."""
    version, _ = find_version(workspace)
    if version == "none":
        raise NoAnswer("no version here has the bulk endpoints")
    return version


def finish(workspace: Workspace, answer: Answer, version: str) -> Job:
    """Wait until a job that was taken has ended."""
    if not answer.ok or answer.get("id") is None:
        raise NoAnswer(f"a bulk call was refused: {answer.shown}")
    polls = [answer]

    def ended() -> bool:
        polls.append(workspace.call("GET", f"/contacts/bulk/{answer.get('id')}", version=version))
        return polls[-1].get("state") in _DONE

    if workspace.measure(ended) is None:
        raise NoAnswer("a bulk job did not end within five minutes")
    return Job(polls[-1])


def update(workspace: Workspace, item: dict[str, Any]) -> Job:
    """Update one contact in bulk."""
    version = having(workspace)
    return finish(workspace, send(workspace, "PUT", [item], version=version), version)
