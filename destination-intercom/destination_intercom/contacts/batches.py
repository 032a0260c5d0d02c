"""Which contacts are looked up together, and when that begins. Main thread only.

A batch closes at 150 keys, at a size, or after half a second of its own age, so that it never waits
for more input; but not by its age while a batch before it waits, for our own back-pressure is no
reason for small ones. A contact that this run has written is not looked up: we know better.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from destination_intercom.contacts.bulk import IsFollowed, never
from destination_intercom.contacts.cache import WrittenContacts
from destination_intercom.contacts.lookup import MOST_KEYS
from destination_intercom.contacts.mapping import ContactChange, ContactDeletion
from destination_intercom.contacts.matching import Found
from destination_intercom.contacts.turns import Waits
from destination_intercom.delivery.tasks import Pause
from destination_intercom.identity import Key

LONGEST_AGE: Final = 0.5
LARGEST_SIZE: Final = 4 * 1024 * 1024

LONGEST_WAIT: Final = 60.0
"""Seconds that somebody waits for another one of the batch to be written."""

PAUSE: Final = 0.25


class ContactBatch:
    """Contacts that are looked up together: their keys with the addresses beside them, and what was found."""

    __slots__ = ("_waits", "_written", "emails", "found", "opened_at")

    def __init__(self, opened_at: float) -> None:
        self.opened_at = opened_at
        self.emails: dict[Key, str | None] = {}
        self.found: dict[Key, Found] | None = None
        self._written: set[Key] = set()
        self._waits: dict[Key, Key] = {}

    @property
    def keys(self) -> Collection[Key]:
        """Tell whose payloads wait for it."""
        return self.emails.keys()

    @property
    def is_looked_up(self) -> bool:
        """Say whether it is known what Intercom has."""
        return self.found is not None

    def note_written(self, key: Key) -> None:
        """Note that a person was written, or was not to be."""
        self._written.add(key)

    def wait_for(self, key: Key, contact_id: str) -> Waits:
        """Let `key` wait until the person whom a contact was found for is written; never for one who waits for it."""
        of_contact = (other for other, found in (self.found or {}).items() if contact_id in _ids(found))
        other = next((other for other in of_contact if other != key), None)
        if other is None:
            return
        self._waits[key] = other
        for _ in range(round(LONGEST_WAIT / PAUSE)):
            if other in self._written or self._leads_back(key):
                break
            yield Pause(PAUSE)
        del self._waits[key]

    def _leads_back(self, key: Key) -> bool:
        """Say whether those whom `key` waits for wait for one another in a circle."""
        seen, at = set[Key](), key
        while (at := self._waits.get(at, at)) not in seen:
            seen.add(at)
        return at in self._waits


class Neighbourhood:
    """The people of a batch, as one of them sees it; `is_followed` tells whether another change of them waits."""

    def __init__(self, batch: ContactBatch, key: Key, is_followed: IsFollowed = never) -> None:
        self._batch = batch
        self._key = key
        self.is_followed = is_followed

    def wait_for(self, contact_id: str) -> Waits:
        """Wait until a contact was written, if it is to be; never for somebody who waits for us."""
        yield from self._batch.wait_for(self._key, contact_id)


def _ids(found: Found) -> list[str]:
    return [contact.contact_id for contact in found.by_identity]


class ContactBatches:
    """Collects contacts; `look_up` takes each batch that is complete."""

    def __init__(self, *, written: WrittenContacts, look_up: Callable[[ContactBatch], None]) -> None:
        self._written = written
        self._look_up = look_up
        self._open: ContactBatch | None = None
        self._bytes = 0
        self._waiting = 0

    def add(self, change: ContactChange | ContactDeletion, *, size: int, now: float) -> ContactBatch | None:
        """Tell the batch that a change of `size` bytes waits for; None if it needs none. Close with `close_if_full`."""
        if change.key in self._written:
            return None
        if self._open is None:
            self._open, self._bytes = ContactBatch(now), 0
        address = change.fields.get("email") if isinstance(change, ContactChange) else None
        self._open.emails[change.key] = address if isinstance(address, str) else self._open.emails.get(change.key)
        self._bytes += size
        return self._open

    def close_if_full(self) -> None:
        """Close the open batch if it is complete."""
        if self._open is not None and (len(self._open.emails) >= MOST_KEYS or self._bytes >= LARGEST_SIZE):
            self.close()

    def close(self) -> None:
        """Close the open batch, if there is one."""
        if self._open is not None:
            batch, self._open = self._open, None
            self._waiting += 1
            self._look_up(batch)

    def close_if_due(self, now: float) -> None:
        """Close the open batch if it is old enough, and none before it waits."""
        if (due := self.due) is not None and now >= due:
            self.close()

    def note_looked_up(self) -> None:
        """Note that a batch was looked up."""
        self._waiting -= 1

    @property
    def due(self) -> float | None:
        """Tell when the open batch closes by its age; None if it does not for now."""
        return None if self._open is None or self._waiting else self._open.opened_at + LONGEST_AGE
