"""What one run has learned of people: bounded, and used by one step of any task at a time.

What it forgets costs calls, never correctness. What is known of a contact is kept by Intercom's own id;
the keys under which records name the person only lead there.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from destination_intercom.bounded import Bounded
from destination_intercom.contacts.diff import KnownContact
from destination_intercom.contacts.lookup import SearchSize
from destination_intercom.contacts.strangers import Strangers
from destination_intercom.identity import Key
from destination_intercom.outcomes import Refusal

MAX_CONTACTS: Final = 100_000
"""Contacts that a run remembers."""

SEARCH_LAG_SECONDS: Final = 600.0
"""For so long the search may not show what was written (it lags by up to minutes, says Intercom)."""


class WrittenContacts:
    """The contacts that this run has written, in front of the search, which lags.

    The `capacity` of them that were written last are kept with their values. Of older ones that were written
    in the last ten minutes only the id is kept: such a contact is always sent, since nobody can tell
    whether the search is right about it.
    """

    def __init__(self, now: Callable[[], float], *, capacity: int = MAX_CONTACTS) -> None:
        self._now = now
        self._capacity = capacity
        self._ids: dict[Key, str] = {}
        self._keys: dict[str, set[Key]] = {}
        self._whole: OrderedDict[str, tuple[float, KnownContact]] = OrderedDict()
        self._bare: OrderedDict[str, tuple[float, KnownContact]] = OrderedDict()

    def __contains__(self, key: Key) -> bool:
        return key in self._ids

    def get(self, key: Key) -> KnownContact | None:
        """Tell what this run last wrote to the contact of `key`; None if it wrote nothing that counts any more."""
        contact_id = self._ids.get(key)
        if contact_id is None:
            return None
        entry = self._whole.get(contact_id) or self._bare.get(contact_id)
        return None if entry is None else entry[1]

    def note(self, key: Key, contact: KnownContact) -> None:
        """Note what the contact of `key` is now."""
        now, contact_id = self._now(), contact.contact_id
        if self._ids.get(key) != contact_id:
            self.forget(key)
            self._ids[key] = contact_id
            self._keys.setdefault(contact_id, set()).add(key)
        self._bare.pop(contact_id, None)
        self._whole[contact_id] = (now, contact)
        self._whole.move_to_end(contact_id)
        if len(self._whole) > self._capacity:
            old, (moment, _) = self._whole.popitem(last=False)
            self._bare[old] = (moment, KnownContact(old))
        while self._bare and next(iter(self._bare.values()))[0] < now - SEARCH_LAG_SECONDS:
            self._drop(next(iter(self._bare)))

    def forget(self, key: Key) -> None:
        """Let `key` lead nowhere any more; what is known of its contact is kept for its other keys."""
        contact_id = self._ids.pop(key, None)
        if contact_id is not None:
            self._keys[contact_id].discard(key)
            if not self._keys[contact_id]:
                self._drop(contact_id)

    def _drop(self, contact_id: str) -> None:
        for key in self._keys.pop(contact_id, ()):
            del self._ids[key]
        self._whole.pop(contact_id, None)
        self._bare.pop(contact_id, None)


class ContactCache:
    """All that a run remembers of people; `now` tells seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.written = WrittenContacts(now)
        self.unknown = Strangers(now)
        self.unrestorable: Bounded[str, Refusal] = Bounded(MAX_CONTACTS)
        """Ids of archived contacts that cannot be restored, with Intercom's word on it."""
        self.search_size = SearchSize()

    def note_written(self, key: Key, contact: KnownContact) -> None:
        """Note that this run has written the person `key`, who is known then."""
        self.written.note(key, contact)
        self.unknown.forget(key)
