"""How one event is sent: the calls that it takes, and what each answer means.

Several events of one person may be under way, but never two of one name and second. The scheduler carries
out no two steps of any tasks at once, so that the cache needs no lock.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from destination_intercom import outcomes
from destination_intercom.bounded import Bounded
from destination_intercom.delivery.kinds import Note, Notes
from destination_intercom.delivery.tasks import Aside, Batch, Pause, Step, Steps, WaitEnd
from destination_intercom.events.mapping import EventPayload
from destination_intercom.identity import Key
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import NOT_FOUND, PostEvent
from destination_intercom.intercom.classify import read_refusal
from destination_intercom.outcomes import Outcome, Refusal, Status, rejected

NEW_CONTACT_RETRY_SECONDS: Final = 60.0
"""For so long an event's 404 is tried again where the contact exists: Intercom takes seconds, sometimes longer."""

REFUSED_NAME_SECONDS: Final = 300.0
"""For so long an event name for which there is no room is not sent again: somebody may archive another one."""

MAX_EVENTS: Final = 100_000
MAX_PEOPLE: Final = 100_000
MAX_NAMES: Final = 10_000

LONGEST_SHOWN_NAME: Final = 120

GIVEN_UP: Final = frozenset({WaitEnd.NO_ROOM, WaitEnd.TIME})
"""How a wait ends for which the person may still come."""

EARLY: Final = GIVEN_UP | {WaitEnd.WRITTEN}
"""How it ends for an event that came before its person."""

_NAME_LIMIT = re.compile(r"\b(?:more than|at most|limit of|maximum of) \d+ (?:active )?event names\b", re.IGNORECASE)
"""What says that the names are used up. The code does not: it is the text "422" (an issue of an official SDK)."""


class KnownPeople(Protocol):
    """What the sender needs to know of people, and to have done for them."""

    def may_create(self, key: Key) -> bool:
        """Say whether a person is created whom Intercom does not know."""

    def unknown(self, key: Key) -> Outcome | None:
        """Tell the outcome of what is meant for a person whom Intercom does not know; None for others."""

    def note_unknown(self, key: Key, outcome: Outcome) -> None:
        """Note that Intercom does not know a person, and what becomes of what is meant for them."""

    def was_written(self, key: Key) -> bool:
        """Say whether this run has written the person, so that Intercom will show them soon."""

    def lead(self, key: Key) -> str | None:
        """Tell Intercom's id of a person who is known to be a lead; None for others."""

    def forget(self, key: Key) -> None:
        """Note that a person is not there any more, or is another contact by now."""

    def batch(self, key: Key, *, size: int, now: float) -> Batch | None:
        """Tell the batch in which a person is looked up; None for one whom this run has written."""

    def is_absent(self, key: Key, batch: Batch | None) -> bool:
        """Say whether a person was looked up in `batch` and not found, and was not written since."""

    def find(self, key: Key, refusal: Refusal) -> Generator[Step, Answer, Outcome | None]:
        """Ask whether Intercom knows a person after all: None if so, else the outcome of what is meant for them."""

    def create(self, key: Key) -> Generator[Step, Answer, Outcome | None]:
        """Create a person: None if they are there then, else why they are not."""


@dataclass(slots=True)
class EventCache:
    """What one run has learned of events; what it forgets costs calls, never correctness."""

    delivered: Bounded[bytes, None] = field(default_factory=lambda: Bounded(MAX_EVENTS))
    """Events that Intercom took, each with its metadata."""
    last_delivered: Bounded[bytes, bytes] = field(default_factory=lambda: Bounded(MAX_EVENTS))
    """The last of them of each that Intercom may take for one event."""
    refused_names: Bounded[bytes, tuple[float, Refusal]] = field(default_factory=lambda: Bounded(MAX_NAMES))
    """Names for which there was no room, and until when (seconds) that is believed."""
    delivered_names: Bounded[bytes, None] = field(default_factory=lambda: Bounded(MAX_NAMES))
    not_visible: Bounded[bytes, None] = field(default_factory=lambda: Bounded(MAX_PEOPLE))
    """People whom Intercom knows, and whose events it refused for as long as a new contact may take."""
    differing_events: int = 0
    """Events that were delivered beside another one that Intercom may take for the same."""
    early: Counter[WaitEnd] = field(default_factory=Counter)
    """Events that came before their people, by how their wait ended, and how many of them were delivered."""
    early_delivered: int = 0


class EventSender:
    """Makes the steps that send events; `now` tells seconds."""

    def __init__(self, *, cache: EventCache, people: KnownPeople, notes: Notes, now: Callable[[], float]) -> None:
        self._cache = cache
        self._now = now
        self._people = people
        self._notes = notes

    def summary(self) -> Iterator[str]:
        """Tell how many events came before their people, and how many were delivered that Intercom may have dropped."""
        if early := self._cache.early.total():
            yield (
                f"Events that came before their people and waited for them: {early}; {self._cache.early_delivered} of"
                f" them were delivered. {self._cache.early[WaitEnd.NO_ROOM]} could not wait for lack of room, and"
                f" {self._cache.early[WaitEnd.TIME]} waited for ten minutes in vain. Order the streams so that people"
                " come before their events, or sync the user streams first."
            )
        if differing := self._cache.differing_events:
            yield (
                "Events delivered with the same person, name and second as another one, but other metadata:"
                f" {differing}. Intercom may have kept only one of each."
            )

    def send(
        self, event: EventPayload, *, wait_end: WaitEnd | None = WaitEnd.NOBODY_COMES, is_absent: bool = False
    ) -> Generator[Step, Answer, Outcome | Aside]:
        """Send an event, for as long as its contact may still become visible.

        `wait_end` says why it waits for its person no longer; None if it may, where Intercom does not know them.
        A person who `is_absent` was looked up and not found: the event is not tried first.
        """
        if wait_end in EARLY:
            self._cache.early[wait_end] += 1
        outcome = yield from self._send(event, wait_end, is_absent=is_absent)
        is_unknown = outcome.reason == outcomes.UNKNOWN_USER
        if wait_end is None and is_unknown:
            return Aside()
        if wait_end in EARLY:
            self._cache.early_delivered += outcome.status is not Status.REJECTED
        return replace(outcome, is_early=True) if wait_end in GIVEN_UP and is_unknown else outcome

    def _send(self, event: EventPayload, wait_end: WaitEnd | None, *, is_absent: bool) -> Steps:
        cache = self._cache
        if event.digest in cache.delivered:
            return outcomes.DUPLICATE
        if (known := self._refused_name(event)) is not None:
            return rejected(outcomes.EVENT_NAME_LIMIT, known)
        unknown = self._people.unknown(event.key)
        # Who was unknown may have been written since, or is to be created, once nobody waits for them any more.
        may_be_there = wait_end is WaitEnd.WRITTEN or (wait_end is not None and self._people.may_create(event.key))
        if unknown is not None and not (may_be_there and unknown.reason == outcomes.UNKNOWN_USER):
            return unknown
        if is_absent and (unknown := (yield from self._create_if_wanted(event.key, wait_end))) is not None:
            return unknown
        call = self._call(event)
        answer = yield call
        if not _knows_nobody(call, answer):
            return self._sent(event, call, answer)
        refusal = read_refusal(answer)
        by_identity = PostEvent(event.body)
        if call != by_identity:
            # The lead may be young, or have become a user, whom the identity names.
            answer = yield by_identity
            if not _knows_nobody(by_identity, answer):
                self._people.forget(event.key)
                return self._sent(event, by_identity, answer)
        return (yield from self._after_not_found(event, call, refusal, wait_end))

    def _call(self, event: EventPayload) -> PostEvent:
        lead = self._people.lead(event.key)
        return PostEvent(event.body if lead is None else event.body_of_lead(lead))

    def _note_delivered(self, event: EventPayload) -> None:
        cache, fingerprint, digest = self._cache, event.fingerprint, event.digest
        if cache.last_delivered.get(fingerprint) not in {None, digest}:
            cache.differing_events += 1
            self._notes.add(
                Note(
                    "An event was delivered with the same person, name and second as another one, but other metadata."
                    " Intercom may see the two as one, and keep only one of them. The summary counts such events."
                )
            )
        cache.delivered.note(digest, None)
        cache.last_delivered.note(fingerprint, digest)
        cache.delivered_names.note(event.name_digest, None)
        cache.refused_names.forget(event.name_digest)
        cache.not_visible.forget(event.key.digest)

    def _refused_name(self, event: EventPayload) -> Refusal | None:
        """Tell why events of this name are refused unsent; None if they are sent."""
        until, refusal = self._cache.refused_names.get(event.name_digest) or (0.0, None)
        return refusal if self._now() < until else None

    def _note_refused_name(self, event: EventPayload, refusal: Refusal) -> None:
        if event.name_digest not in self._cache.delivered_names:
            entry = (self._now() + REFUSED_NAME_SECONDS, refusal.shortened)
            self._cache.refused_names.note(event.name_digest, entry)
        shown = printable(event.name)
        self._notes.add(
            Note(
                f'The workspace has 120 active event names and no room for "{shown}": its records are rejected. Archive'
                " event names in Intercom, or select fewer.",
                heading="There is also no room for these event names",
                name=shown,
            )
        )

    def _sent(self, event: EventPayload, call: PostEvent, answer: Answer) -> Outcome:
        if call.is_answered_by(answer):
            self._note_delivered(event)
            return outcomes.DELIVERED
        refusal = read_refusal(answer)
        if _is_name_limit(refusal):
            self._note_refused_name(event, refusal)
            return rejected(outcomes.EVENT_NAME_LIMIT, refusal)
        if event.key.field == "email" and _is_ambiguous(refusal):
            return rejected(outcomes.AMBIGUOUS_EMAIL, refusal)
        return rejected(outcomes.REFUSED, refusal)

    def _create_if_wanted(self, key: Key, wait_end: WaitEnd | None) -> Generator[Step, Answer, Outcome | None]:
        """Create a person who is not there, where that is wanted: None if so, else what becomes of the event."""
        unknown: Outcome | None = rejected(outcomes.UNKNOWN_USER)
        if self._people.may_create(key) and wait_end is not None:
            unknown = yield from self._people.create(key)
        if unknown is not None:
            self._people.note_unknown(key, unknown)
        return unknown

    def _after_not_found(
        self, event: EventPayload, call: PostEvent, refusal: Refusal, wait_end: WaitEnd | None
    ) -> Steps:
        """Learn whether the person exists, create them where that is wanted, and send the event again."""
        people = self._people
        was_written = wait_end is WaitEnd.WRITTEN or people.was_written(event.key)
        if was_written and not self._is_not_visible(event):
            answer = yield from self._send_while_new(event, call, pause=1.0)
            if not _knows_nobody(call, answer):
                return self._sent(event, call, answer)
        # Somebody may have deleted the contact since: it is looked for, and created, anew.
        unknown = yield from people.find(event.key, refusal)
        if unknown is not None:
            # What this run has written stays known otherwise: the search lags behind it.
            people.forget(event.key)
        is_new = unknown is not None and people.may_create(event.key) and unknown.reason != outcomes.AMBIGUOUS_EMAIL
        if is_new and wait_end is None:
            unknown = rejected(outcomes.UNKNOWN_USER, refusal)
        elif is_new:
            unknown = yield from people.create(event.key)
        if unknown is not None:
            people.note_unknown(event.key, unknown)
            return unknown
        found = self._call(event)
        is_untried = is_new or found != call
        if self._is_not_visible(event) and not is_untried:
            return rejected(outcomes.UNKNOWN_USER, refusal)
        seconds = 0.0 if self._is_not_visible(event) and not is_new else NEW_CONTACT_RETRY_SECONDS
        answer = yield from self._send_while_new(event, found, pause=0.0 if is_untried else 1.0, seconds=seconds)
        if _knows_nobody(found, answer):
            return rejected(outcomes.UNKNOWN_USER, refusal)
        return self._sent(event, found, answer)

    def _is_not_visible(self, event: EventPayload) -> bool:
        return event.key.digest in self._cache.not_visible

    def _send_while_new(
        self, event: EventPayload, call: PostEvent, *, pause: float, seconds: float = NEW_CONTACT_RETRY_SECONDS
    ) -> Generator[Step, Answer, Answer]:
        """Send an event again and again for `seconds`, until its contact is visible; `pause` seconds first."""
        until = self._now() + seconds
        while True:
            yield Pause(min(pause, max(until - self._now(), 0.0)))
            answer = yield call
            if not _knows_nobody(call, answer):
                return answer
            if self._now() >= until:
                # Later events of this person are sent once each, and made to wait no more.
                self._cache.not_visible.note(event.key.digest, None)
                return answer
            pause = min(max(pause * 2, 1.0), 10.0)


def printable(name: str) -> str:
    """Write a name for the log: it may be anything, and of any length."""
    return "".join(character for character in name if character.isprintable())[:LONGEST_SHOWN_NAME]


def _knows_nobody(call: PostEvent, answer: Answer) -> bool:
    """Say whether Intercom does not know whom an event is about."""
    if "id" in call.payload:
        # A contact that was merged or deleted: whatever it says, the identity is asked for next.
        return answer.status in {404, 410}
    # Only this code means the person; another 404 says nothing about them.
    return answer.status == NOT_FOUND and read_refusal(answer).code == "not_found"


def _is_name_limit(refusal: Refusal) -> bool:
    # Any other 422 concerns one record only.
    return refusal.status == 422 and bool(_NAME_LIMIT.search(refusal.message or ""))  # noqa: PLR2004


def _is_ambiguous(refusal: Refusal) -> bool:
    return refusal.status in {400, 409} and "multiple" in (refusal.message or "").lower()
