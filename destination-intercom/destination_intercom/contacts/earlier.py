"""When contacts had been updated before a replay wrote to them: what it sends again may be older than what they have.

Every write moves a contact's `updated_at` (Intercom's API description), so that the second row of a person would look
older than the first one's write. Pure.
"""

from __future__ import annotations

import math
from typing import Final

from destination_intercom.bounded import Bounded
from destination_intercom.contacts.known import KnownContact

MOST_CONTACTS: Final = 100_000
"""Contacts of which a replay remembers when they had been updated."""

NEVER: Final = -math.inf
"""When somebody had been updated whom the replay itself has made, or brought back."""


class EarlierUpdates:
    """When contacts were last updated, as first read by a replay that began at `began` (unix seconds).

    Without `began` nothing is sent again, and nothing kept. A replay that `continues` the one that began then takes all
    updates since for that one's. So it does with its own, once there were more contacts than are remembered.
    """

    def __init__(
        self, began: float | None = None, *, continues: bool = False, most_contacts: int = MOST_CONTACTS
    ) -> None:
        self._began = began
        self._own_since = began if continues and began is not None else math.inf
        self._most_contacts = most_contacts
        self._before: Bounded[str, float] = Bounded(most_contacts)

    @property
    def remembers(self) -> bool:
        """Say whether anything is remembered, as in a replay alone."""
        return self._began is not None

    def note_own(self, contact_id: str) -> None:
        """Note that the replay has made a contact, or is about to bring it back."""
        if self._began is not None:
            self._note(contact_id, NEVER)

    def claim(self, contact: KnownContact) -> None:
        """Take a contact for the replay's own that it may have made, unless it was updated before the replay began.

        Others may have made it just before, which the search does not show yet.
        """
        updated_at = math.inf if contact.updated_at is None else contact.updated_at
        if self._began is not None and updated_at >= math.floor(self._began):
            self._note(contact.contact_id, NEVER)

    def is_to_be_read(self, contact_id: str, rejected_at: float | None) -> bool:
        """Say whether a contact has to be read before it is written: the search may be minutes behind others."""
        return self._began is not None and rejected_at is not None and contact_id not in self._before

    def supersede(self, contact: KnownContact, rejected_at: float | None, *, is_fresh: bool = True) -> bool:
        """Say whether a contact was updated after a row of theirs was rejected; if it was not, it may be written now.

        `rejected_at` is in unix seconds; None for what is not sent again. One that is not fresh has to be read first.
        """
        if self._began is None or rejected_at is None:
            return False
        before = self._before.get(contact.contact_id)
        if before is None:
            before = NEVER if contact.updated_at is None else contact.updated_at
            before = NEVER if before >= self._own_since else before
        if before > rejected_at:
            return True
        if is_fresh:
            self._note(contact.contact_id, before)
        return False

    def _note(self, contact_id: str, before: float) -> None:
        if len(self._before) == self._most_contacts and self._began is not None:
            self._own_since = min(self._own_since, self._began)
        self._before.note(contact_id, before)
