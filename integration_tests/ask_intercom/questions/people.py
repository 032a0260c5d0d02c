"""Values of a contact: which are refused, what a refusal names, and which come back otherwise than they were sent."""

from __future__ import annotations

from typing import Any

from integration_tests.ask_intercom.question import Finding, Question, join
from integration_tests.ask_intercom.wire import Answer
from integration_tests.ask_intercom.workspace import PREFIX, Workspace

_UNUSUAL: dict[str, tuple[str, object]] = {
    'avatar ""': ("avatar", ""),
    "avatar, a relative path": ("avatar", "/a/b.png"),
    "signed_up_at in the year 1": ("signed_up_at", -62_135_596_800),
    "last_seen_at in the year 9999": ("last_seen_at", 253_402_300_799),
}
_NAMES = ("null", "undefined", "N/A", "test", "https://example.com", "<b>bold</b>", "a@example.com")
_SENT = {
    "phone": "+1 202 555 0143",
    "name": " Ask Intercom ",
    "avatar": "https://example.com/ask-intercom.png",
}
_TEXT = " a b "
_DAY = 86_400


def _put(workspace: Workspace, person: str, **fields: Any) -> Answer:
    return workspace.call("PUT", f"/contacts/{person}", fields)


def _ask_unusual(workspace: Workspace) -> Finding:
    """Write values that are of their field's type and make no sense."""
    person, findings = workspace.user(), []
    for what, (field, value) in _UNUSUAL.items():
        answer = _put(workspace, person, **{field: value})
        how = {200: "take", 400: "refuse"}.get(answer.status)
        words = f"{what}: {answer.shown}"
        findings.append(Finding(words, {"unusual_values": how}) if how else Finding(words, outside=("unusual_values",)))
    return join(*findings)


def _ask_normalized(workspace: Workspace) -> Finding:
    """Write a phone with blanks, texts with blanks around them and an avatar; read them."""
    text = workspace.attribute("text")
    person = workspace.user()
    for field, value in (*_SENT.items(), ("custom_attributes", {text: _TEXT})):
        answer = _put(workspace, person, **{field: value})
        if not answer.ok:
            return Finding(f"{field}: {answer.shown}", outside=("normalized_fields",))
    shown = workspace.call("GET", f"/contacts/{person}")
    avatar = shown.get("avatar", "image_url") or shown.get("avatar")
    came = {field: shown.get(field) for field in _SENT} | {"avatar": avatar}
    told = {field: _form(value, came[field]) for field, value in _SENT.items()}
    told["custom_attributes"] = _form(_TEXT, shown.get("custom_attributes", text))
    words = ", ".join(f"{field}: {form}" for field, form in told.items())
    known = {"phone": ("without blanks",), "name": ("trimmed",), "avatar": ("in another form",)}
    known["custom_attributes"] = ("trimmed",)
    others = [field for field, form in told.items() if form not in ("as sent", *known[field])]
    if others:
        return Finding(words, outside=("normalized_fields",))
    return Finding(words, {"normalized_fields": [field for field, form in told.items() if form != "as sent"]})


def _form(sent: str, came: object) -> str:
    """Return how a text came back, without telling it."""
    if came == sent:
        return "as sent"
    if came in (None, ""):
        return "gone"
    if came == sent.strip():
        return "trimmed"
    return "without blanks" if came == "".join(sent.split()) else "in another form"


def _ask_names(workspace: Workspace) -> Finding:
    """Write names that a form's users type."""
    person, refused, words = workspace.user(), [], []
    for name in _NAMES:
        answer = _put(workspace, person, name=name)
        if not answer.ok:
            refused.append(name)
            words.append(f"`{name}`: {answer.shown}")
    told = ", ".join(words) or f"none of {len(_NAMES)} is refused"
    return Finding(told, {"refused_names": refused})


def _ask_last_seen(workspace: Workspace) -> Finding:
    """Move last_seen_at back by a day."""
    now = int(workspace.clock.wall())
    person = workspace.user(last_seen_at=now - _DAY)
    answer = _put(workspace, person, last_seen_at=now - 2 * _DAY)
    kept = workspace.call("GET", f"/contacts/{person}").get("last_seen_at")
    how = {now - _DAY: "ignore", now - 2 * _DAY: "take"}.get(kept) if answer.ok else None
    words = f"{answer.shown}, {'moved' if how == 'take' else 'as it was' if how else 'neither of both times'}"
    return Finding(words, {"last_seen_back": how}) if how else Finding(words, outside=("last_seen_back",))


def _ask_refused(workspace: Workspace) -> Finding:
    """Send an attribute that does not exist, and a time that is a text."""
    person, findings = workspace.user(), []
    unknown = f"{PREFIX}none-{workspace.run}"
    for named, body in ((unknown, {"custom_attributes": {unknown: "a"}}), ("signed_up_at", {"signed_up_at": "soon"})):
        what = "an unknown attribute" if named == unknown else "a time that is a text"
        findings.append(_named(what, named, _put(workspace, person, **body)))
    told = join(*findings)
    if not told.settings and not told.outside:
        return Finding(told.words, outside=("refused_field",))
    return told


def _named(what: str, name: str, answer: Answer) -> Finding:
    if answer.ok:
        return Finding(f"{what}: {answer.shown}, taken")
    if not answer.errors:
        return Finding(f"{what}: {answer.shown}, not in Intercom's envelope", outside=("refused_field",))
    how = "nothing"
    if any(name in str(each.get("field", "")) for each in answer.errors):
        how = "field"
    if any(name in str(each.get("message", "")) for each in answer.errors):
        how = "message"
    where = {"message": "in the message", "field": "in `field`", "nothing": "nowhere"}[how]
    return Finding(f"{what}: {answer.shown}, named {where}", {"refused_field": how})


QUESTIONS = (
    Question(
        "11",
        "Is an avatar that is no URL, or a time in an odd year, taken?",
        f"PUT of a contact, {len(_UNUSUAL)} times",
        ("unusual_values",),
        1 + len(_UNUSUAL),
        _ask_unusual,
    ),
    Question(
        "12",
        "What comes back otherwise than it was sent: a phone with blanks, texts with blanks around, an avatar?",
        "PUT and GET of a contact",
        ("normalized_fields",),
        10,
        _ask_normalized,
    ),
    Question(
        "22a",
        "Are some names of people refused?",
        f"PUT of a contact with {len(_NAMES)} names",
        ("refused_names",),
        1 + len(_NAMES),
        _ask_names,
    ),
    Question(
        "22b",
        "Can last_seen_at be moved back?",
        "POST and PUT of a contact",
        ("last_seen_back",),
        3,
        _ask_last_seen,
    ),
    Question(
        "22c",
        "Where does a refusal name the field?",
        "PUT of a contact with an unknown attribute, and with a time that is a text",
        ("refused_field",),
        3,
        _ask_refused,
    ),
)
