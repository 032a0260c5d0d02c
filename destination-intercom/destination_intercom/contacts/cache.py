"""What one run has learned of people: bounded in bytes, and used by one step of any task at a time.

What it forgets costs calls, never correctness. What is known of a contact is kept by Intercom's own id;
the keys under which records name the person only lead there.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from destination_intercom.bounded import Bounded
from destination_intercom.contacts.known import KnownContact
from destination_intercom.contacts.lookup import SearchSize
from destination_intercom.contacts.strangers import Strangers
from destination_intercom.identity import Key
from destination_intercom.outcomes import Refusal

MOST_BYTES: Final = 128 * 1024 * 1024
"""Of the contacts that a run has written: room for 100,000 of them, with forty values and more each."""

MAX_PEOPLE: Final = 100_000
"""People whose contacts cannot be restored that a run remembers."""

SEARCH_LAG_SECONDS: Final = 600.0
"""For so long the search may not show what was written (it lags by up to minutes, says Intercom)."""

_ENTRY_BYTES: Final = 500
_KEY_BYTES: Final = 250
"""What an entry and each key of it take in Python's own structures, its texts apart: measured, and rounded up."""


class _Entry:
    """A contact as this run has last seen it, since when (seconds), and the keys that lead there."""

    __slots__ = ("contact", "keys", "moment")

    def __init__(self, contact: KnownContact) -> None:
        self.contact = contact
        self.moment = 0.0
        self.keys: tuple[Key, ...] = ()

    @property
    def size(self) -> int:
        """Tell the bytes that it takes, about."""
        texts = (self.contact.email, self.contact.external_id, self.contact.values)
        return _ENTRY_BYTES + sum(len(text) for text in texts if text) + sum(map(_key_size, self.keys))


def _key_size(key: Key) -> int:
    # A character takes up to four bytes; most are of ASCII and take one.
    return _KEY_BYTES + len(key.value) * (1 if key.value.isascii() else 4)


class WrittenContacts:
    """The contacts that this run has written, in front of the search, which lags.

    What was written is believed for ten minutes, then asked for again. The `most_bytes` of them that were
    written last are kept. If one has to go that is younger than ten minutes, then for as long nobody can tell
    whether the search is right about those who are not here: they are `doubtful`, and always sent.
    """

    def __init__(self, now: Callable[[], float], *, most_bytes: int = MOST_BYTES) -> None:
        self._now = now
        self._most_bytes = most_bytes
        self._bytes = 0
        self._ids: dict[Key, str] = {}
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._doubtful_until = -math.inf

    def __contains__(self, key: Key) -> bool:
        return self.get(key) is not None

    def get(self, key: Key, *, of_any_age: bool = False) -> KnownContact | None:
        """Tell what this run last wrote to the contact of `key`; None if it wrote nothing that counts any more."""
        contact_id = self._ids.get(key)
        return None if contact_id is None else self.by_id(contact_id, of_any_age=of_any_age)

    def by_id(self, contact_id: str, *, of_any_age: bool = False) -> KnownContact | None:
        """Tell the same of the contact with Intercom's own id."""
        entry = self._entries.get(contact_id)
        if entry is None or not (of_any_age or self._now() < entry.moment + SEARCH_LAG_SECONDS):
            return None
        return entry.contact

    def is_doubtful(self, key: Key) -> bool:
        """Say whether this run may have written the person, and does not know what, while the search may be behind."""
        return key not in self._ids and self._now() < self._doubtful_until

    def note(self, key: Key, contact: KnownContact) -> None:
        """Note what the contact of `key` is now."""
        contact_id = contact.contact_id
        if self._ids.get(key) != contact_id:
            self.forget(key)
        entry = self._entries.get(contact_id)
        if entry is None:
            entry = self._entries[contact_id] = _Entry(contact)
        else:
            self._bytes -= entry.size
        if key not in entry.keys:
            entry.keys = (*entry.keys, key)
            self._ids[key] = contact_id
        entry.contact, entry.moment = contact, self._now()
        self._bytes += entry.size
        self._entries.move_to_end(contact_id)
        while self._bytes > self._most_bytes and len(self._entries) > 1:
            self._evict()

    def forget(self, key: Key) -> None:
        """Let `key` lead nowhere any more; what is known of its contact is kept for its other keys."""
        contact_id = self._ids.pop(key, None)
        if contact_id is None:
            return
        entry = self._entries[contact_id]
        self._bytes -= _key_size(key)
        entry.keys = tuple(other for other in entry.keys if other != key)
        if not entry.keys:
            self._bytes -= entry.size
            del self._entries[contact_id]

    def _evict(self) -> None:
        """Drop the contact that was written longest ago."""
        _, entry = self._entries.popitem(last=False)
        self._bytes -= entry.size
        for key in entry.keys:
            del self._ids[key]
        self._doubtful_until = max(self._doubtful_until, entry.moment + SEARCH_LAG_SECONDS)


class ContactCache:
    """All that a run remembers of people; `now` tells seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.written = WrittenContacts(now)
        self.unknown = Strangers(now)
        self.unrestorable: Bounded[str, Refusal] = Bounded(MAX_PEOPLE)
        """Ids of archived contacts that cannot be restored, with Intercom's word on it."""
        self.search_size = SearchSize()

    def note_written(self, key: Key, contact: KnownContact) -> None:
        """Note that this run has written the person `key`, who is known then."""
        self.written.note(key, contact)
        self.unknown.forget(key)
