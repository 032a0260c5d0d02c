"""Tags: many people in one call, one of them unknown, and a tag that is not there."""

from __future__ import annotations

from integration_tests.ask_intercom.question import Finding, Question, tell
from integration_tests.ask_intercom.wire import Answer, NoAnswer
from integration_tests.ask_intercom.workspace import NOBODY, Workspace

_ADVISED = 50


def _people(ids: list[str]) -> list[dict[str, str]]:
    return [{"id": each} for each in ids]


def _tagged(workspace: Workspace, person: str, tag: Answer) -> bool:
    listed = workspace.call("GET", f"/contacts/{person}/tags").get("data")
    ids = [each.get("id") for each in listed or () if isinstance(each, dict)]
    # Of a call that failed the tag's id is not known, and these people have no other.
    return str(tag.get("id")) in map(str, ids) if tag.ok else bool(ids)


def _ask_unknown(workspace: Workspace) -> Finding:
    """Tag three people, the second of whom is unknown."""
    first, last = workspace.user(), workspace.user()
    answer = workspace.tag(users=_people([first, NOBODY, last]))
    tagged = [_tagged(workspace, each, answer) for each in (first, last)]
    words = f"{answer.shown}, {sum(tagged)} of the 2 others are tagged"
    how = {(False, 0): "refuse", (False, 2): "refuse_late", (True, 2): "leave_out"}.get((answer.ok, sum(tagged)))
    known = how is not None and answer.status in (200, 404)
    return Finding(words, {"tag_unknown": how}) if known else Finding(words, outside=("tag_unknown",))


def _ask_limit(workspace: Workspace) -> Finding:
    """Tag 51 people in one call."""
    people = workspace.crowd(_ADVISED + 1)
    answer = workspace.tag(users=_people(people))
    if answer.ok:
        if not _tagged(workspace, people[-1], answer):
            return Finding(f"{len(people)}: {answer.shown}, the last is not tagged", outside=("tag_people_limit",))
        return Finding(f"{len(people)}: {answer.shown}, the last is tagged", {"tag_people_limit": None})
    fewer = workspace.tag(users=_people(people[:-1]))
    words = f"{len(people)}: {answer.shown}; {_ADVISED}: {fewer.shown}"
    return Finding(words, {"tag_people_limit": _ADVISED}) if fewer.ok else Finding(words, outside=("tag_people_limit",))


def _ask_again(workspace: Workspace) -> Finding:
    """Take a tag off twice."""
    person = workspace.user()
    tag = workspace.tag(users=_people([person]))
    path = f"/contacts/{person}/tags/{tag.get('id')}"
    if not tag.ok or not (first := workspace.call("DELETE", path)).ok:
        raise NoAnswer("a tag could not be put on and taken off")
    again = workspace.call("DELETE", path)
    told = tell("untag_again", again, {200: 200, 404: 404})
    return Finding(f"first {first.shown}, then {told.words}", told.settings, told.outside)


QUESTIONS = (
    Question(
        "9",
        "What does one unknown person among three do to POST /tags?",
        "POST /tags with three people, the second of whom is nobody",
        ("tag_unknown",),
        5,
        _ask_unknown,
    ),
    Question(
        "20a",
        "How many people does one POST /tags tag?",
        f"POST /tags with {_ADVISED + 1} people, who are made for it",
        ("tag_people_limit",),
        _ADVISED + 4,
        _ask_limit,
    ),
    Question(
        "20b",
        "What does it answer to take off a tag that is not there?",
        "DELETE /contacts/{id}/tags/{id}, twice",
        ("untag_again",),
        4,
        _ask_again,
    ),
)
