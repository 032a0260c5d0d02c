"""Data events: metadata, times, names, duplicates, and a contact that is a second old. What was kept is read back."""

from __future__ import annotations

from typing import Any

from integration_tests.ask_intercom.question import Finding, Question, tell, tell_measured
from integration_tests.ask_intercom.wire import Answer, NoAnswer
from integration_tests.ask_intercom.workspace import PREFIX, Workspace

_NAME = f"{PREFIX}event"
_CAPITALS = f"{PREFIX}É"
_SMALL = f"{PREFIX}é"
_LONGEST_READ = 60.0
_BEFORE_2_4 = "2.3"
"""The version whose PUT was recorded to let two users share an address."""


def _send(
    workspace: Workspace, person: str, created_at: int, *, name: str = _NAME, metadata: dict[str, Any] | None = None
) -> Answer:
    body = {"event_name": name, "created_at": created_at, "id": person, "metadata": metadata or {}}
    return workspace.call("POST", "/events", body)


def _now(workspace: Workspace) -> int:
    return int(workspace.clock.wall())


def _listener(workspace: Workspace) -> str:
    """Return a contact that Intercom takes events for."""
    person = workspace.user()
    if workspace.measure(lambda: _send(workspace, person, _now(workspace) - 600).ok) is None:
        raise NoAnswer("no event of a new contact was accepted for five minutes")
    return person


def _read(workspace: Workspace, person: str, created_at: int, count: int = 1) -> list[dict[str, Any]]:
    """Return the events of one second that Intercom shows, once so many are there or a minute has passed."""
    found: list[dict[str, Any]] = []

    def seen() -> bool:
        answer = workspace.call("GET", f"/events?type=user&intercom_user_id={person}")
        listed = answer.get("events")
        if not answer.ok or not isinstance(listed, list):
            raise NoAnswer(f"the events of a contact cannot be read back: {answer.shown}")
        found[:] = [each for each in listed if isinstance(each, dict) and each.get("created_at") == created_at]
        return len(found) >= count

    workspace.measure(seen, _LONGEST_READ)
    return found


def _ask_keys(workspace: Workspace) -> Finding:
    """Send 11 and 21 keys, and count those that were kept."""
    person, now = _listener(workspace), _now(workspace)
    kept = {}
    for number, keys in enumerate((11, 21)):
        answer = _send(workspace, person, now - number - 1, metadata={f"k{each}": each for each in range(keys)})
        if not answer.ok:
            return Finding(f"{keys} keys: {answer.shown}", outside=("metadata_key_limit",))
        events = _read(workspace, person, now - number - 1)
        if not events or not isinstance(events[0].get("metadata"), dict):
            raise NoAnswer("an accepted event is not shown with its metadata")
        kept[keys] = len(events[0]["metadata"])
    words = f"of 11 keys {kept[11]} are kept, of 21 keys {kept[21]}"
    if kept in ({11: 10, 21: 10}, {11: 11, 21: 20}):
        return Finding(words, {"metadata_key_limit": kept[21]})
    return Finding(words, outside=("metadata_key_limit",))


def _ask_date(workspace: Workspace) -> Finding:
    """Send a text under a key that ends in _date."""
    person, now = _listener(workspace), _now(workspace)
    answer = _send(workspace, person, now - 1, metadata={"renewal_date": "soon"})
    if answer.status == 400:
        return Finding(answer.shown, {"date_metadata": "refuse"})
    if not answer.ok:
        return Finding(answer.shown, outside=("date_metadata",))
    events = _read(workspace, person, now - 1)
    kept = bool(events) and (events[0].get("metadata") or {}).get("renewal_date") == "soon"
    words = f"{answer.shown}, the text is {'' if kept else 'not '}shown"
    return Finding(words, {"date_metadata": "keep"}) if kept else Finding(words, outside=("date_metadata",))


def _ask_future(workspace: Workspace) -> Finding:
    """Send an event a minute ahead."""
    person, now = _listener(workspace), _now(workspace)
    answer = _send(workspace, person, now + 60)
    if not answer.ok:
        return Finding(f"{answer.shown}; the emulator has no setting for it and takes such an event")
    shown = bool(_read(workspace, person, now + 60))
    return Finding(f"{answer.shown}, and it is {'' if shown else 'not '}shown; the emulator takes and shows it too")


def _ask_lag(workspace: Workspace) -> Finding:
    """Send an event right after the creation of its contact, until it is accepted."""
    person, now = workspace.user(), _now(workspace)
    answers: list[Answer] = []

    def accepted() -> bool:
        answers.append(_send(workspace, person, now - 1))
        return answers[-1].ok

    seconds = workspace.measure(accepted)
    return tell_measured(
        "event_lag", seconds, f"an event of a new contact is accepted (first answer {answers[0].shown})"
    )


def _ask_duplicates(workspace: Workspace) -> Finding:
    """Send two events of one person, name and second that differ in their metadata."""
    person, now = _listener(workspace), _now(workspace)
    answers = [_send(workspace, person, now - 1, metadata={"number": number}) for number in (1, 2)]
    if not all(each.ok for each in answers):
        return Finding("; ".join(each.shown for each in answers), outside=("duplicate_events",))
    count = len(_read(workspace, person, now - 1, count=2))
    how = {1: "drop", 2: "keep_other_metadata"}.get(count)
    words = f"both accepted, {count} shown"
    return Finding(words, {"duplicate_events": how}) if how else Finding(words, outside=("duplicate_events",))


def _ask_case(workspace: Workspace) -> Finding:
    """Send an event under a name with É and one under the same with é."""
    person, now = _listener(workspace), _now(workspace)
    for number, name in enumerate((_CAPITALS, _SMALL)):
        answer = _send(workspace, person, now - number - 1, name=name)
        if not answer.ok:
            raise NoAnswer(f"an event was refused: {answer.shown}")
    names = {str(each.get("event_name")) for number in (1, 2) for each in _read(workspace, person, now - number)}
    if not names:
        raise NoAnswer("accepted events are not shown")
    words = f"the two events have {'one name' if len(names) == 1 else 'a name each'}"
    return Finding(words, {"event_name_case": "unicode" if len(names) == 1 else "ascii"})


def _ask_shared_email(workspace: Workspace) -> Finding:
    """Let two users share an address, in one of three ways, and send an event by it."""
    email = workspace.new_email()
    workspace.user(email=email)
    second = workspace.post_contact(external_id=workspace.new_name(), email=email)
    if not second.ok:
        person = workspace.user()
        ways = [workspace.call("PUT", f"/contacts/{person}", {"email": email})]
        if not ways[0].ok:
            ways.append(workspace.call("PUT", f"/contacts/{person}", {"email": email}, version=_BEFORE_2_4))
        if not ways[-1].ok:
            raise NoAnswer(f"no two users can be made to share an address: {ways[-1].shown}")
    answers: list[Answer] = []

    def answered() -> bool:
        body = {"event_name": _NAME, "created_at": _now(workspace) - 1, "email": email}
        answers.append(workspace.call("POST", "/events", body))
        return answers[-1].status != 404

    workspace.measure(answered)
    return tell("shared_email_status", answers[-1], {409: 409, 400: 400})


QUESTIONS = (
    Question(
        "3a",
        "How many metadata keys of an event are kept?",
        "POST /events with 11 and with 21 keys, and GET /events",
        ("metadata_key_limit",),
        8,
        _ask_keys,
    ),
    Question(
        "3b",
        "Is a text under a key that ends in _date taken?",
        "POST /events with such a text, and GET /events",
        ("date_metadata",),
        6,
        _ask_date,
    ),
    Question(
        "13",
        "Is an event a minute in the future taken?",
        "POST /events with such a time, and GET /events",
        (),
        6,
        _ask_future,
    ),
    Question(
        "17a",
        "How long after a contact's creation are its events refused?",
        "POST /contacts, then POST /events until one is accepted",
        ("event_lag",),
        4,
        _ask_lag,
    ),
    Question(
        "17b",
        "Is a second event of one person, name and second dropped where its metadata differ?",
        "POST /events twice, and GET /events",
        ("duplicate_events",),
        24,
        _ask_duplicates,
    ),
    Question(
        "17c",
        "Which letters of an event name mean the same in either case?",
        "POST /events under a name with É and one with é, and GET /events",
        ("event_name_case",),
        8,
        _ask_case,
    ),
    Question(
        "17d",
        "What is an event answered whose e-mail address several users share?",
        "POST /contacts, or PUT in 2.16 or 2.3, to make two share one; POST /events",
        ("shared_email_status",),
        8,
        _ask_shared_email,
    ),
)
