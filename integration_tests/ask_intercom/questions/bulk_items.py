"""What odd items of a bulk call do: null, an unknown attribute, a known address, a contact that is gone, a tag."""

from __future__ import annotations

from integration_tests.ask_intercom.question import Finding, Question, join, tell_measured
from integration_tests.ask_intercom.questions.bulk_calls import update
from integration_tests.ask_intercom.wire import NoAnswer
from integration_tests.ask_intercom.workspace import PREFIX, Workspace


def _ask_null(workspace: Workspace) -> Finding:
    """Clear a name and a custom attribute in bulk."""
    text = workspace.attribute("text")
    person = workspace.user(name="Ask Intercom", custom_attributes={text: "a"})
    findings = []
    for what, item in (("name", {"name": None}), ("custom attribute", {"custom_attributes": {text: None}})):
        failed = update(workspace, {"id": person, **item}).failed
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
    job = update(workspace, {"id": person, "name": "New", "custom_attributes": {f"{PREFIX}none-{workspace.run}": "a"}})
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
    job = update(workspace, {"id": person, "email": email})
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
        failed = update(workspace, {"id": person, "name": "New"}).failed
        findings.append(
            Finding(f"{how}: {'fails' if failed else 'is passed over'}", {"bulk_gone": "fail" if failed else "ignore"})
        )
    return join(*findings)


def _ask_tag_lag(workspace: Workspace) -> Finding:
    """Tag a contact in bulk, and look until the tag is there."""
    person, tag = workspace.user(), workspace.tag()
    if not tag.ok:
        raise NoAnswer(f"a tag could not be made: {tag.shown}")
    update(workspace, {"id": person, "tags": {"add": [{"id": str(tag.get("id"))}]}})

    def tagged() -> bool:
        return bool(workspace.call("GET", f"/contacts/{person}/tags").get("data"))

    return tell_measured("bulk_tag_lag", workspace.measure(tagged), "the tag is there once the job has ended")


QUESTIONS = (
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
        "16d",
        "How long after a bulk item are its tags there?",
        "PUT /contacts/bulk with a tag, and GET /contacts/{id}/tags",
        ("bulk_tag_lag",),
        12,
        _ask_tag_lag,
        items=2,
    ),
)
