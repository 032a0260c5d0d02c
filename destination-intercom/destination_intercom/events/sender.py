"""How one event is delivered: the calls that it takes, and what each answer means.

The scheduler runs one steps of a key at a time, and never two steps of any tasks at once, so
that `Memory` needs no lock.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Any, Final

from destination_intercom import outcomes
from destination_intercom.contacts.cache import Memory
from destination_intercom.contacts.mapping import ContactChange
from destination_intercom.contacts.matching import NOTHING_FOUND
from destination_intercom.contacts.upsert import ContactUpserter
from destination_intercom.delivery.tasks import Pause, Steps, read_refusal
from destination_intercom.events.mapping import EventPayload
from destination_intercom.intercom.calls import Answer, Call, FindByExternalId, PostEvent, SearchContacts
from destination_intercom.intercom.classify import is_success
from destination_intercom.outcomes import Outcome, Refusal, rejected

NEW_CONTACT_RETRY_SECONDS: Final = 60.0
"""For so long an event's 404 is tried again where the contact exists: Intercom takes seconds, sometimes longer."""


_NAME_LIMIT = re.compile(r"more than \d+ active event names", re.IGNORECASE)


class EventSender:
    """Makes the tasks that send events; `upserter` creates unknown people, None where that is not wanted."""

    def __init__(self, *, memory: Memory, upserter: ContactUpserter | None) -> None:
        self._memory = memory
        self._ladder = upserter

    def send(self, event: EventPayload) -> Steps:
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
            return (yield from self._after_not_found(event, call, read_refusal(answer)))
        return self._sent(event, call, answer)

    def _sent(self, event: EventPayload, call: Call, answer: Answer) -> Outcome:
        if is_success(call, answer):
            self._memory.delivered_events.note(event.fingerprint, event.metadata_digest)
            self._memory.waited_in_vain.forget(event.key)
            return outcomes.DELIVERED
        refusal = read_refusal(answer)
        if _is_name_limit(refusal):
            self._memory.refused_names.note(event.folded_name, refusal)
            self._memory.refused_new_names.append(event.name)
            return rejected(outcomes.EVENT_NAME_LIMIT, refusal)
        if event.email and _is_ambiguous(refusal):
            return rejected(outcomes.AMBIGUOUS_EMAIL, refusal)
        return rejected(outcomes.REFUSED, refusal)

    def _after_not_found(self, event: EventPayload, call: PostEvent, refusal: Refusal) -> Steps:
        """Learn whether the person exists, create them where that is wanted, and send the event again."""
        memory = self._memory
        if event.key in memory.contacts and event.key not in memory.waited_in_vain:
            answer = yield from self._send_while_young(event, call, pause=1.0)
            if not _is_not_found(answer):
                return self._sent(event, call, answer)
        # Somebody may have deleted the contact since: it is looked for, and created, anew.
        unknown = yield from self._look_for(event, refusal)
        if unknown is not None:
            # What this run has written stays known otherwise: the search lags behind it.
            memory.contacts.forget(event.key)
        is_new = unknown is not None and self._ladder is not None
        if unknown is not None and self._ladder is not None:
            unknown = yield from self._create(self._ladder, event)
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
        memory = self._memory
        until = memory.now() + NEW_CONTACT_RETRY_SECONDS
        while True:
            yield Pause(min(pause, max(until - memory.now(), 0.0)))
            answer = yield call
            if not _is_not_found(answer):
                return answer
            if memory.now() >= until:
                # Later events of this person are sent once each, and made to wait no more.
                memory.waited_in_vain.note(event.key, None)
                return answer
            pause = min(max(pause * 2, 1.0), 10.0)

    def _look_for(self, event: EventPayload, refusal: Refusal) -> Generator[Call | Pause, Answer, Outcome | None]:
        """Ask whether Intercom knows the person after all: None if so, else the outcome of their events."""
        call = _question_about(event)
        answer = yield call
        if is_success(call, answer) and (not isinstance(call, SearchContacts) or answer.body.get("data")):
            return None
        if answer.status == 410:  # noqa: PLR2004
            return rejected(outcomes.CONTACT_MERGED, read_refusal(answer))
        return rejected(outcomes.UNKNOWN_USER, refusal)

    def _create(
        self, upserter: ContactUpserter, event: EventPayload
    ) -> Generator[Call | Pause, Answer, Outcome | None]:
        """Create the contact of an event: None if it is there now, else the outcome of its events."""
        change = ContactChange(event.key, event.email, {}, {})
        outcome = (yield from upserter.write([change], NOTHING_FOUND))[0]
        return outcome if outcome.status is outcomes.Status.REJECTED else None


def _is_not_found(answer: Answer) -> bool:
    # Only this code means the person; another 404 says nothing about them.
    return answer.status == 404 and read_refusal(answer).code == "not_found"  # noqa: PLR2004


def _is_name_limit(refusal: Refusal) -> bool:
    # The code is the text "422" (an issue of an official SDK); any other 422 concerns one record only.
    return refusal.status == 422 and (refusal.code == "422" or bool(_NAME_LIMIT.search(refusal.message or "")))  # noqa: PLR2004


def _is_ambiguous(refusal: Refusal) -> bool:
    return refusal.status in {400, 409} and "multiple" in (refusal.message or "").lower()


def _question_about(event: EventPayload) -> Call:
    """Make the call that tells whether Intercom knows the person of an event."""
    if event.email:
        return SearchContacts(_users_with("email", event.key), decisive=True, smallest=True)
    # As a part of a path, these two would be taken for folders by everything on the way.
    if event.key in {".", ".."}:
        return SearchContacts(_users_with("external_id", event.key), decisive=True, smallest=True)
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
