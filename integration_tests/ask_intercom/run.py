"""Asking: first what an earlier run left is taken away, then each question, then all that was made, come what may."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from integration_tests.ask_intercom.cleanup import recover, sweep
from integration_tests.ask_intercom.question import Finding, Question
from integration_tests.ask_intercom.wire import NoAnswer
from integration_tests.ask_intercom.workspace import Workspace

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one question: a finding, or why there is none; its calls, a line for each kind, and how many."""

    question: Question
    finding: Finding | None
    why: str
    lines: list[str]
    calls: int

    @property
    def words(self) -> str:
        """The answer, in a few words."""
        return self.finding.words if self.finding else f"no answer: {self.why}"


@dataclass(slots=True)
class Outcome:
    """A whole run: `left` are the numbers of things that could not be taken away, by kind."""

    results: list[Result] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)
    interrupted: bool = False


def run(workspace: Workspace, questions: Iterable[Question], say: Say) -> Outcome:
    """Ask the questions one after the other; Ctrl-C ends that, and what was made is taken away all the same.

    Raise NoAnswer where Intercom cannot be asked what an earlier run left: then the journal stays as it is.
    """
    outcome = Outcome()
    try:
        if found := recover(workspace):
            say(f"An earlier run was ended before it had cleaned up: {found} things of it are taken away first.")
            sweep(workspace)
    except KeyboardInterrupt:
        outcome.interrupted = True
        return outcome
    workspace.wire.take_lines()
    try:
        for question in questions:
            result = _ask(workspace, question)
            outcome.results.append(result)
            say(f"  {question.number:>3}  {question.text}\n         {result.words}")
    except KeyboardInterrupt:
        outcome.interrupted = True
        say("Interrupted. What was made is taken away; a second Ctrl-C leaves that to the next start.")
    finally:
        _sweep_at_last(workspace, outcome)
    return outcome


def _sweep_at_last(workspace: Workspace, outcome: Outcome) -> None:
    """Take away what was made; whoever interrupts that, too, leaves the journal to the next start."""
    try:
        outcome.left = dict(sweep(workspace))
    except KeyboardInterrupt:
        outcome.interrupted = True
        outcome.left = {kind: len(ids) for kind, ids in workspace.own.items() if ids}


def _ask(workspace: Workspace, question: Question) -> Result:
    """Ask one question; whatever fails in it, the others go on."""
    finding, why, before = None, "", workspace.wire.calls
    try:
        finding = question.ask(workspace)
    except NoAnswer as error:
        why = str(error)
    except Exception as error:  # noqa: BLE001 - an answer of a form that nobody thought of; its text may hold data
        why = f"{type(error).__name__}, after the calls below"
    return Result(question, finding, why, workspace.wire.take_lines(), workspace.wire.calls - before)
