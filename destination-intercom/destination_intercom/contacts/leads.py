"""The care that the creation of a lead takes: it conflicts with nothing, so that a second create makes a second lead.

Before it, whoever has the address must be known; and one whose answer was lost is never made again. The lead is
looked for instead, by the address and the role, until the search must show it. That it was not made, nothing can
prove: where it is not found, the record is rejected as uncertain, and so is every record of the address for as long
as the search may be behind.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, Final

from destination_intercom import outcomes
from destination_intercom.contacts.known import KnownContact
from destination_intercom.contacts.lookup import search_query
from destination_intercom.contacts.matching import Found, choose, is_same_person
from destination_intercom.contacts.writing import ContactWrite, Maybe
from destination_intercom.delivery.tasks import Pause, Step, Steps, UndeliverableError
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import NOT_FOUND, GetContact, SearchContacts
from destination_intercom.intercom.classify import read_refusal
from destination_intercom.outcomes import Outcome, rejected

LOOKING_SECONDS: Final = 300.0
"""For so long a lead is looked for whose create was not answered."""

FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 30.0
"""Between two searches: from one second, doubling."""

YOUNG_PAUSE_SECONDS: Final = 1.0
"""Before a contact is read once more that is not shown: it may have been made a moment ago."""


class LeadCreation:
    """What is asked before and after the create of the lead that `write` is about.

    Unless it `is_certain`, no lookup has told that nobody has the address. `gone` is the id of a contact that was
    theirs, and that could not be written to.
    """

    def __init__(self, write: ContactWrite, *, is_certain: bool, gone: str | None) -> None:
        self._write = write
        self._cache = write.cache
        self._lost = write.cache.lost_creates
        self._address = write.change.key.value
        self._is_certain = is_certain
        self._gone = gone

    def prepare(self) -> Maybe:
        """Write to whoever has the address after all; None if a lead may be created now."""
        for contact_id in dict.fromkeys((self._cache.made_with.get(self._address), self._gone)):
            outcome = None if contact_id is None else (yield from self._take(contact_id))
            if outcome is not None:
                return outcome
        uncertain = self._lost.uncertain(self._address)
        if uncertain is not None and self._cache.now() < uncertain.until:
            return rejected(outcomes.UNCERTAIN, uncertain.refusal)
        if uncertain is not None or not self._is_certain:
            outcome = yield from self._look_up()
            if outcome is not None:
                return outcome
        while (pause := self._lost.pause()) is not None:
            yield Pause(pause)
        return None

    def note(self, answer: Answer | None) -> None:
        """Note what a create came to; None if it was taken."""
        if answer is None or not is_lost(answer):
            self._lost.note_answered()
        else:
            self._lost.note_lost()

    def _look_up(self) -> Maybe:
        """Ask for the address alone: without an answer to that nobody is created."""
        call = SearchContacts(search_query("email", [self._address]), decisive=True)
        answer = yield call
        if not call.is_answered_by(answer):
            return rejected(outcomes.REFUSED, read_refusal(answer))
        same = tuple(each for each in self._read_all(answer) if is_same_person(self._write.change, each))
        known = choose(self._write.change, Found(same))
        if isinstance(known, Outcome) or known is None:
            return known
        return (yield from self._take(known.contact_id))

    def find_lost(self, answer: Answer) -> Steps:
        """Look for the lead whose create was not answered, and write to it what is left to be written."""
        refusal = read_refusal(answer) if answer.status else None
        try:
            contact = yield from self._wait_until_shown()
        except UndeliverableError:
            # Nor does the search say it; the create must not be made again for that.
            contact = None
        if contact is not None:
            self._cache.earlier.claim(contact)
        outcome = None if contact is None else (yield from self._write_to(contact))
        if outcome is None:
            self._lost.note_uncertain(self._address, refusal)
            return rejected(outcomes.UNCERTAIN, refusal)
        return outcome

    def _wait_until_shown(self) -> Generator[Step, Answer, KnownContact | None]:
        """Search again and again; None if there is none in the end, or if there are several: ours is not known then."""
        until, pause = self._cache.now() + LOOKING_SECONDS, FIRST_PAUSE_SECONDS
        while (left := until - self._cache.now()) > 0:
            yield Pause(min(pause, left))
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            call = SearchContacts(lead_query(self._address), decisive=True)
            answer = yield call
            shown = self._read_all(answer) if call.is_answered_by(answer) else ()
            if len(shown) == 1 and (contact := (yield from self._read(shown[0].contact_id))) is not None:
                return contact
        return None

    def _take(self, contact_id: str) -> Maybe:
        """Write to a contact, if it is there and has the address still; None if it does not."""
        call = GetContact(contact_id)
        answer = yield call
        if answer.status == NOT_FOUND:
            yield Pause(YOUNG_PAUSE_SECONDS)
            answer = yield call
        if answer.canonical_id is not None:
            return (yield from self._write.follow(answer.canonical_id))
        if not call.is_answered_by(answer):
            return None
        contact = self._write.read(answer)
        return (yield from self._write_to(contact)) if is_same_person(self._write.change, contact) else None

    def _read(self, contact_id: str) -> Generator[Step, Answer, KnownContact | None]:
        """Read a contact that the search shows, which may be behind."""
        call = GetContact(contact_id)
        answer = yield call
        contact = self._write.read(answer) if call.is_answered_by(answer) else None
        return contact if contact is not None and is_same_person(self._write.change, contact) else None

    def _write_to(self, contact: KnownContact) -> Maybe:
        self._cache.made_with.note(self._address, contact.contact_id)
        return (yield from self._write.update_read(contact))

    def _read_all(self, answer: Answer) -> Sequence[KnownContact]:
        """Read those whom a search shows, but for whom this run has taken away since."""
        listed, departures = answer.body.get("data"), self._cache.departures
        bodies = listed if isinstance(listed, list) else ()
        return [
            self._write.read_body(body)
            for body in bodies
            if is_contact(body) and not departures.has_contact(body["id"])
        ]


def is_lost(answer: Answer) -> bool:
    """Say whether a create may have made a lead all the same.

    A 404 says nothing of it either: it comes of a race at creation (two SDKs' issues).
    """
    return answer.is_lost or answer.status == NOT_FOUND


def lead_query(address: str) -> dict[str, Any]:
    """Make the body of the search for the leads that have an address."""
    filters = [
        {"field": "email", "operator": "=", "value": address},
        {"field": "role", "operator": "=", "value": "lead"},
    ]
    return {**search_query("email", [address]), "query": {"operator": "AND", "value": filters}}


def is_contact(body: Any) -> bool:
    """Say whether a member of a list is a contact at all."""
    return isinstance(body, dict) and isinstance(body.get("id"), str)
