"""The search: lists of values, malformed questions, and its lag."""

from __future__ import annotations

from typing import Any

from integration_tests.ask_intercom.question import Finding, Question, join, tell, tell_measured
from integration_tests.ask_intercom.wire import Answer, NoAnswer
from integration_tests.ask_intercom.workspace import PREFIX, Workspace

_SIZES = (15, 16, 50, 150)


def _search(workspace: Workspace, operator: str, value: Any) -> Answer:
    question = {"query": {"field": "external_id", "operator": operator, "value": value}, "pagination": {"per_page": 50}}
    return workspace.call("POST", "/contacts/search", question)


def _ask_in(workspace: Workspace) -> Finding:
    """Ask for ever more values in one IN, none of which anybody has."""
    taken, words = 0, []
    for size in _SIZES:
        answer = _search(workspace, "IN", [f"{PREFIX}nobody-{number}" for number in range(size)])
        words.append(f"{size}: {answer.shown}")
        if not answer.ok:
            break
        taken = size
    told = ", ".join(words)
    if taken == _SIZES[-1]:
        return Finding(told, {"search_in_limit": None})
    if taken == _SIZES[0]:
        return Finding(told, {"search_in_limit": taken})
    if not taken:
        return Finding(told, outside=("search_in_limit",))
    return Finding(f"{told}: the limit is {taken} at least", {"search_in_limit": taken})


def _ask_malformed(workspace: Workspace) -> Finding:
    """Ask with an operator that there is none of."""
    return tell("search_malformed", _search(workspace, "LIKE", "a"), {400: 400, 500: 500})


def _ask_lag(workspace: Workspace) -> Finding:
    """Search for a new contact until it is found."""
    name = workspace.new_name()
    workspace.user(external_id=name)
    answers: list[Answer] = []

    def found() -> bool:
        answers.append(_search(workspace, "=", name))
        return bool(answers[-1].get("data"))

    seconds = workspace.measure(found)
    taken = [each for each in answers if each.ok]
    if not taken:
        raise NoAnswer(f"the search was refused: {answers[-1].shown}")
    without = [not isinstance(each.get("data"), list) for each in taken]
    if all(without):
        return Finding("no answer has `data`", {"search_without_data": True})
    partly = Finding(
        f"`data` was absent from {sum(without)} of {len(without)} answers",
        {} if any(without) else {"search_without_data": False},
        ("search_without_data",) if any(without) else (),
    )
    return join(tell_measured("search_lag", seconds, "a new contact is found"), partly)


QUESTIONS = (
    Question(
        "4",
        "How many values may an IN filter hold?",
        f"POST /contacts/search for {', '.join(map(str, _SIZES))} values that nobody has",
        ("search_in_limit",),
        4,
        _ask_in,
    ),
    Question(
        "18a",
        "What is a malformed search answered?",
        "POST /contacts/search with an operator that does not exist",
        ("search_malformed",),
        1,
        _ask_malformed,
    ),
    Question(
        "18b",
        "How long does the search lag behind a creation, and do its answers have `data`?",
        "POST /contacts, then POST /contacts/search until it is found",
        ("search_lag", "search_without_data"),
        28,
        _ask_lag,
    ),
)
