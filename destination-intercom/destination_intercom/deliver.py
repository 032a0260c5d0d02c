"""How one contact or one event is delivered: the calls that it takes, and what each answer means.

Each errand is a generator. It yields a `Call` and is sent the `Answer`, once there is one that
means something: retries, waiting for the quota and fatal errors happen elsewhere. It yields a
`Pause` to be woken later, and returns the `Outcome`. So an errand reads from top to bottom
and knows no threads, no HTTP and no policy. The writer runs one errand of a key at a time,
and never two steps of any errands at once, so that `Memory` needs no lock.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Generic, TypeAlias, TypeVar

from destination_intercom import outcomes
from destination_intercom.calls import (
    Answer,
    Call,
    CreateContact,
    FindByExternalId,
    GetContact,
    PostEvent,
    SearchContacts,
    UpdateContact,
)
from destination_intercom.classify import is_success, refusal_of
from destination_intercom.contacts import ContactChange
from destination_intercom.events import EventPayload
from destination_intercom.outcomes import Outcome, Refusal, rejected

YOUNG_SECONDS: Final = 60.0
"""For so long an event's 404 is tried again where the contact exists: Intercom takes seconds, sometimes longer."""

REMEMBERED_EVENTS: Final = 100_000
REMEMBERED_PEOPLE: Final = 100_000
REMEMBERED_NAMES: Final = 10_000

_ID_IN_MESSAGE = re.compile(r"\bid=([0-9a-f]{24})\b")
_NAME_LIMIT = re.compile(r"more than \d+ active event names", re.IGNORECASE)
_ANY_ID_IN_MESSAGE = re.compile(r"\bid=([A-Za-z0-9_-]+)")


@dataclass(frozen=True, slots=True)
class Pause:
    """Wake the errand after `seconds`; its key waits meanwhile, and nobody else."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Question:
    """A call that belongs to no record; its errand returns the answer."""

    call: Call
    key: ClassVar[str] = ""


Errand: TypeAlias = Generator[Call | Pause, Answer, Outcome]

K = TypeVar("K")
V = TypeVar("V")


class Bounded(Generic[K, V]):
    """A dictionary that forgets its oldest entries beyond `capacity`."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._entries: OrderedDict[K, V] = OrderedDict()

    def __contains__(self, key: K) -> bool:
        return key in self._entries

    def get(self, key: K) -> V | None:
        """Tell what was noted for `key` last, or None."""
        return self._entries.get(key)

    def note(self, key: K, value: V) -> None:
        """Note `value` for `key`, as the newest."""
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self._capacity:
            self._entries.popitem(last=False)

    def forget(self, key: K) -> None:
        """Drop `key`, if it is there."""
        self._entries.pop(key, None)


@dataclass(slots=True)
class Memory:
    """What this run has learned of the workspace, bounded; what it forgets costs calls, never correctness."""

    contact_ids: Bounded[str, str] = field(default_factory=lambda: Bounded(REMEMBERED_PEOPLE))
    strangers: Bounded[str, Outcome] = field(default_factory=lambda: Bounded(REMEMBERED_PEOPLE))
    delivered_events: Bounded[bytes, bytes] = field(default_factory=lambda: Bounded(REMEMBERED_EVENTS))
    refused_names: Bounded[str, Refusal] = field(default_factory=lambda: Bounded(REMEMBERED_NAMES))
    waited_in_vain: Bounded[str, None] = field(default_factory=lambda: Bounded(REMEMBERED_PEOPLE))
    refused_new_names: list[str] = field(default_factory=list)
    differing_duplicates: int = 0

    def note_contact(self, key: str, contact_id: str) -> None:
        """Note that the person `key` is the contact `contact_id`, and no stranger."""
        self.contact_ids.note(key, contact_id)
        self.strangers.forget(key)


class Delivery:
    """Makes the errands of one run: `now` tells seconds, `create_unknown` is `unknown_users: create`."""

    def __init__(self, *, memory: Memory, now: Callable[[], float], create_unknown: bool) -> None:
        self._memory = memory
        self._now = now
        self._create_unknown = create_unknown

    def errand(self, payload: ContactChange | EventPayload | Question) -> Errand | Generator[Call, Answer, Answer]:
        """Make the errand that delivers `payload`, or asks the question."""
        if isinstance(payload, Question):
            return _ask(payload.call)
        return self.contact(payload) if isinstance(payload, ContactChange) else self.event(payload)

    def contact(self, change: ContactChange) -> Errand:
        """Write a contact: update it where this run knows its id, else create it and climb from a conflict."""
        memory = self._memory
        if (known := memory.contact_ids.get(change.key)) is not None:
            if not change.update_body:
                return outcomes.UNCHANGED
            answer = yield UpdateContact(known, change.update_body)
            if answer.status not in _GONE:
                return self._written(change, answer)
            memory.contact_ids.forget(change.key)
        call = CreateContact(change.create_body)
        answer = yield call
        if is_success(call, answer):
            memory.note_contact(change.key, answer.body["id"])
            return outcomes.DELIVERED
        refusal = _refusal(answer)
        if answer.status != 409:  # noqa: PLR2004
            return rejected(outcomes.REFUSED, refusal)
        return (yield from self._after_conflict(change, refusal))

    def _after_conflict(self, change: ContactChange, conflict: Refusal) -> Errand:
        """Find out who is in the way; only the same person is written to."""
        contact_id = _id_in(conflict)
        if contact_id is None:
            return rejected(outcomes.CONFLICT, conflict)
        call = GetContact(contact_id)
        answer = yield call
        if answer.status == 404 and "archived" not in (conflict.message or "").lower():  # noqa: PLR2004
            # It may have been made a moment ago, by an attempt of ours whose answer was lost.
            yield Pause(1.0)
            answer = yield call
        if not is_success(call, answer):
            return rejected(_reason_of_absence(answer), conflict)
        if change.email and (yield from self._is_shared(change.key)):
            return rejected(outcomes.AMBIGUOUS_EMAIL, conflict)
        if not _is_same_person(change, answer.body):
            return rejected(outcomes.IDENTITY_CONFLICT, conflict)
        self._memory.note_contact(change.key, answer.body["id"])
        if not change.update_body:
            return outcomes.UNCHANGED
        return self._written(change, (yield UpdateContact(answer.body["id"], change.update_body)))

    def _is_shared(self, address: str) -> Generator[Call | Pause, Answer, bool]:
        """Say whether several users have the address, as far as the search shows."""
        call = SearchContacts(_users_with("email", address))
        answer = yield call
        data = answer.body.get("data") if is_success(call, answer) else None
        return isinstance(data, list) and len(data) > 1

    def _written(self, change: ContactChange, answer: Answer) -> Outcome:
        if answer.status == 200:  # noqa: PLR2004
            self._memory.note_contact(change.key, answer.body["id"])
            return outcomes.DELIVERED
        refusal = _refusal(answer)
        if answer.status in _GONE:
            return rejected(_reason_of_absence(answer), refusal)
        return rejected(outcomes.CONFLICT if answer.status == 409 else outcomes.REFUSED, refusal)  # noqa: PLR2004

    def event(self, event: EventPayload) -> Errand:
        """Send an event, for as long as its contact may still become visible."""
        memory = self._memory
        if (delivered := memory.delivered_events.get(event.fingerprint)) is not None:
            memory.differing_duplicates += delivered != event.metadata_digest
            return outcomes.DUPLICATE
        if (known := memory.refused_names.get(event.folded_name)) is not None:
            return rejected(outcomes.EVENT_NAME_LIMIT, known)
        if (unknown := memory.strangers.get(event.key)) is not None:
            return unknown
        call = PostEvent(event.body)
        answer = yield call
        if _is_not_found(answer):
            return (yield from self._after_not_found(event, call, _refusal(answer)))
        return self._sent(event, call, answer)

    def _sent(self, event: EventPayload, call: Call, answer: Answer) -> Outcome:
        if is_success(call, answer):
            self._memory.delivered_events.note(event.fingerprint, event.metadata_digest)
            self._memory.waited_in_vain.forget(event.key)
            return outcomes.DELIVERED
        refusal = _refusal(answer)
        if _is_name_limit(refusal):
            self._memory.refused_names.note(event.folded_name, refusal)
            self._memory.refused_new_names.append(event.name)
            return rejected(outcomes.EVENT_NAME_LIMIT, refusal)
        if event.email and _is_ambiguous(refusal):
            return rejected(outcomes.AMBIGUOUS_EMAIL, refusal)
        return rejected(outcomes.REFUSED, refusal)

    def _after_not_found(self, event: EventPayload, call: PostEvent, refusal: Refusal) -> Errand:
        """Learn whether the person exists, create them where that is wanted, and send the event again."""
        memory = self._memory
        if event.key in memory.contact_ids:
            if event.key not in memory.waited_in_vain:
                answer = yield from self._send_while_young(event, call, pause=1.0)
                if not _is_not_found(answer):
                    return self._sent(event, call, answer)
            # Somebody may have deleted the contact since: it is looked for, and created, anew.
            memory.contact_ids.forget(event.key)
        unknown = yield from self._look_for(event, refusal)
        is_new = unknown is not None and self._create_unknown
        if is_new:
            unknown = yield from self._create(event)
        if unknown is not None:
            memory.strangers.note(event.key, unknown)
            return unknown
        if event.key in memory.waited_in_vain and not is_new:
            return rejected(outcomes.UNKNOWN_USER, refusal)
        answer = yield from self._send_while_young(event, call, pause=0.0 if is_new else 1.0)
        return rejected(outcomes.UNKNOWN_USER, refusal) if _is_not_found(answer) else self._sent(event, call, answer)

    def _send_while_young(
        self, event: EventPayload, call: PostEvent, *, pause: float
    ) -> Generator[Call | Pause, Answer, Answer]:
        """Send an event again and again, until its contact is visible or no longer young; `pause` seconds first."""
        until = self._now() + YOUNG_SECONDS
        while True:
            yield Pause(min(pause, max(until - self._now(), 0.0)))
            answer = yield call
            if not _is_not_found(answer):
                return answer
            if self._now() >= until:
                # Later events of this person are sent once each, and made to wait no more.
                self._memory.waited_in_vain.note(event.key, None)
                return answer
            pause = min(max(pause * 2, 1.0), 10.0)

    def _look_for(self, event: EventPayload, refusal: Refusal) -> Generator[Call | Pause, Answer, Outcome | None]:
        """Ask whether Intercom knows the person after all: None if so, else the outcome of their events."""
        call = _question_about(event)
        answer = yield call
        if is_success(call, answer) and (not isinstance(call, SearchContacts) or answer.body.get("data")):
            return None
        if answer.status == 410:  # noqa: PLR2004
            return rejected(outcomes.CONTACT_MERGED, _refusal(answer))
        return rejected(outcomes.UNKNOWN_USER, refusal)

    def _create(self, event: EventPayload) -> Generator[Call | Pause, Answer, Outcome | None]:
        """Create the contact of an event: None if it is there now, else the outcome of its events."""
        outcome = yield from self.contact(ContactChange(event.key, event.email, {}, {}))
        return outcome if outcome.status is outcomes.Status.REJECTED else None


def _ask(call: Call) -> Generator[Call, Answer, Answer]:
    return (yield call)


_GONE: Final = frozenset({404, 410})


def _refusal(answer: Answer) -> Refusal:
    return refusal_of(answer) or Refusal(answer.status, request_id=answer.request_id)


def _id_in(refusal: Refusal) -> str | None:
    """Read the contact's id from a conflict's message (Intercom's documentation of the 409)."""
    message = refusal.message or ""
    match = _ID_IN_MESSAGE.search(message) or _ANY_ID_IN_MESSAGE.search(message)
    return match[1] if match else None


def _reason_of_absence(answer: Answer) -> str:
    # A GET of an archived contact answers 404, of a merged one 410 (recorded; API description).
    return {404: outcomes.CONTACT_ARCHIVED, 410: outcomes.CONTACT_MERGED}.get(answer.status, outcomes.REFUSED)


def _is_same_person(change: ContactChange, contact: dict[str, Any]) -> bool:
    if contact.get("role") == "lead":
        return False
    if change.email:
        address = contact.get("email")
        return isinstance(address, str) and address.strip().lower() == change.key
    return contact.get("external_id") == change.key


def _is_not_found(answer: Answer) -> bool:
    # Only this code means the person; another 404 says nothing about them.
    return answer.status == 404 and _refusal(answer).code == "not_found"  # noqa: PLR2004


def _is_name_limit(refusal: Refusal) -> bool:
    # The code is the text "422" (an issue of an official SDK); any other 422 concerns one record only.
    return refusal.status == 422 and (refusal.code == "422" or bool(_NAME_LIMIT.search(refusal.message or "")))  # noqa: PLR2004


def _is_ambiguous(refusal: Refusal) -> bool:
    return refusal.status in {400, 409} and "multiple" in (refusal.message or "").lower()


def _question_about(event: EventPayload) -> Call:
    """Make the call that tells whether Intercom knows the person of an event."""
    if event.email:
        return SearchContacts(_users_with("email", event.key))
    # As a part of a path, these two would be taken for folders by everything on the way.
    if event.key in {".", ".."}:
        return SearchContacts(_users_with("external_id", event.key))
    return FindByExternalId(event.key)


def _users_with(name: str, value: str) -> dict[str, Any]:
    return {
        "query": {
            "operator": "AND",
            "value": [
                {"field": name, "operator": "=", "value": value},
                {"field": "role", "operator": "=", "value": "user"},
            ],
        }
    }
