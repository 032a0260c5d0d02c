"""Who is who: known addresses, archived, deleted and merged contacts, leads that become users."""

from __future__ import annotations

from integration_tests.ask_intercom.question import Finding, Question, join, tell
from integration_tests.ask_intercom.wire import Answer, NoAnswer
from integration_tests.ask_intercom.workspace import Workspace

_LONGEST_CONFLICT = 120.0
_MERGED = {404: 404, 410: 410}


def _ask_create(workspace: Workspace) -> Finding:
    """Create a user with a known address and a new external_id."""
    email = workspace.new_email()
    first = workspace.user(email=email)
    answer = workspace.post_contact(external_id=workspace.new_name(), email=email)
    told = tell("create_with_known_email", answer, {409: "conflict", 200: "second"})
    if answer.ok or not answer.errors:
        return told
    names = first in str(answer.errors[0].get("message", ""))
    return join(told, Finding(f"the message {'names' if names else 'does not name'} the id of who has it"))


def _ask_update(workspace: Workspace) -> Finding:
    """Give a user the address of another, and of an archived one."""
    known, archived = workspace.new_email(), workspace.new_email()
    workspace.user(email=known)
    away = workspace.call("POST", f"/contacts/{workspace.user(email=archived)}/archive")
    if not away.ok:
        raise NoAnswer(f"a contact could not be archived: {away.shown}")
    answers = [workspace.call("PUT", f"/contacts/{workspace.user()}", {"email": each}) for each in (known, archived)]
    values = {409: "conflict", 200: "take"}
    return join(
        tell("update_with_known_email", answers[0], values),
        tell("update_with_archived_identity", answers[1], values),
    )


def _ask_merged(workspace: Workspace) -> Finding:
    """Merge a lead into a user, then read and write the lead."""
    email = workspace.new_email()
    lead, user = workspace.lead(email), workspace.user(email=email)
    merged = workspace.call("POST", "/contacts/merge", {"from": lead, "into": user})
    if not merged.ok:
        raise NoAnswer(f"a lead could not be merged into a user: {merged.shown}")
    read = workspace.call("GET", f"/contacts/{lead}")
    written = workspace.call("PUT", f"/contacts/{lead}", {"name": "Ask Intercom"})
    return join(
        _after_merge("get_of_merged", "GET", read, user),
        _after_merge("put_of_merged", "PUT", written, user),
    )


def _after_merge(setting: str, what: str, answer: Answer, user: str) -> Finding:
    linked = f"/contacts/{user}>" in answer.headers.get("Link", "")
    told = tell(setting, answer, _MERGED)
    words = f"{what}: {told.words}, {'with' if linked else 'without'} a Link to who is left"
    return Finding(words, told.settings, told.outside)


def _ask_deleted(workspace: Workspace) -> Finding:
    """Create a contact with the identity of a deleted one until it is accepted."""
    name = workspace.new_name()
    deleted = workspace.call("DELETE", f"/contacts/{workspace.user(external_id=name)}")
    if not deleted.ok:
        raise NoAnswer(f"a contact could not be deleted: {deleted.shown}")
    answers: list[Answer] = []

    def accepted() -> bool:
        answers.append(workspace.post_contact(external_id=name))
        return answers[-1].ok

    seconds = workspace.measure(accepted, _LONGEST_CONFLICT)
    if answers[0].status not in (200, 409):
        return Finding(answers[0].shown, outside=("deleted_conflict",))
    if seconds is None:
        words = f"{answers[-1].shown}, still after {_LONGEST_CONFLICT:g} s; it may end later"
        return Finding(words, {"deleted_conflict": None})
    words = f"{answers[0].shown} at first, accepted after {seconds:g} s" if seconds else "accepted at once"
    return Finding(words, {"deleted_conflict": seconds})


def _ask_unarchive(workspace: Workspace) -> Finding:
    """Bring back a deleted contact."""
    person = workspace.user()
    deleted = workspace.call("DELETE", f"/contacts/{person}")
    if not deleted.ok:
        raise NoAnswer(f"a contact could not be deleted: {deleted.shown}")
    return tell("unarchive_deleted", workspace.call("POST", f"/contacts/{person}/unarchive"), {400: 400, 500: 500})


def _ask_upgrade(workspace: Workspace) -> Finding:
    """Make a lead a user by an address."""
    email = workspace.new_email()
    lead = workspace.lead(email)
    given = workspace.call("GET", f"/contacts/{lead}").get("external_id")
    answer = workspace.call("PUT", f"/contacts/{lead}", {"role": "user", "email": email})
    if not answer.ok:
        return Finding(answer.shown, outside=("upgraded_lead",))
    kept = answer.get("external_id")
    if kept and kept == given:
        return Finding(f"{answer.shown}, the external_id stays", {"upgraded_lead": "keep"})
    if not kept:
        return Finding(f"{answer.shown}, no external_id", {"upgraded_lead": "drop"})
    return Finding(f"{answer.shown}, another external_id", outside=("upgraded_lead",))


QUESTIONS = (
    Question(
        "5a",
        "Does a known e-mail address with a new external_id make a second user?",
        "POST /contacts twice, with one address",
        ("create_with_known_email",),
        2,
        _ask_create,
    ),
    Question(
        "5b",
        "May an update give a user the address of another, or of an archived one?",
        "PUT of two contacts",
        ("update_with_known_email", "update_with_archived_identity"),
        7,
        _ask_update,
    ),
    Question(
        "6",
        "What do GET and PUT of a merged contact answer?",
        "merges a lead into a user, then GET and PUT of the lead",
        ("get_of_merged", "put_of_merged"),
        5,
        _ask_merged,
    ),
    Question(
        "19a",
        "How long is the identity of a deleted contact a conflict?",
        "DELETE, then POST /contacts until it is accepted, for two minutes",
        ("deleted_conflict",),
        24,
        _ask_deleted,
    ),
    Question(
        "19b",
        "What does it answer to bring back a deleted contact?",
        "DELETE, then POST /contacts/{id}/unarchive",
        ("unarchive_deleted",),
        3,
        _ask_unarchive,
    ),
    Question(
        "19c",
        "Does a lead that becomes a user keep its external_id?",
        "POST /contacts of a lead, then PUT role: user",
        ("upgraded_lead",),
        3,
        _ask_upgrade,
    ),
)
