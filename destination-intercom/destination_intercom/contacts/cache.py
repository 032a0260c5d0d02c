"""What one run has learned of the workspace: bounded, and used by one steps at a time.

What it forgets costs calls, never correctness.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from destination_intercom.contacts.diff import KnownContact
from destination_intercom.contacts.lookup import SearchSize
from destination_intercom.outcomes import Outcome, Refusal

REMEMBERED_EVENTS: Final = 100_000
REMEMBERED_PEOPLE: Final = 100_000
REMEMBERED_NAMES: Final = 10_000

SEARCH_LAG_SECONDS: Final = 600.0
"""For so long the search may not show what was written (it lags by up to minutes, says Intercom)."""

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


class WrittenContacts:
    """The contacts that this run has written, in front of the search, which lags.

    The newest `capacity` of them are kept with their values. Of older ones that were written in the
    last ten minutes only the id is kept: such a contact is always sent, since nobody can tell
    whether the search is right about it.
    """

    def __init__(self, now: Callable[[], float], *, capacity: int = REMEMBERED_PEOPLE) -> None:
        self._now = now
        self._capacity = capacity
        self._whole: OrderedDict[str, tuple[float, KnownContact]] = OrderedDict()
        self._bare: OrderedDict[str, tuple[float, KnownContact]] = OrderedDict()

    def __contains__(self, key: str) -> bool:
        return key in self._whole or key in self._bare

    def get(self, key: str) -> KnownContact | None:
        """Tell what this run last wrote to the contact of `key`; None if it wrote nothing that counts any more."""
        entry = self._whole.get(key) or self._bare.get(key)
        return None if entry is None else entry[1]

    def note(self, key: str, contact: KnownContact) -> None:
        """Note what the contact of `key` is now."""
        now = self._now()
        self._bare.pop(key, None)
        self._whole[key] = (now, contact)
        self._whole.move_to_end(key)
        if len(self._whole) > self._capacity:
            old, (moment, oldest) = self._whole.popitem(last=False)
            self._bare[old] = (moment, KnownContact(oldest.contact_id))
        while self._bare and next(iter(self._bare.values()))[0] < now - SEARCH_LAG_SECONDS:
            self._bare.popitem(last=False)

    def forget(self, key: str) -> None:
        """Drop `key`, if it is there."""
        self._whole.pop(key, None)
        self._bare.pop(key, None)


@dataclass(slots=True)
class Memory:
    """All that a run remembers; `now` tells seconds."""

    now: Callable[[], float]
    contacts: WrittenContacts = field(init=False)
    strangers: Bounded[str, Outcome] = field(default_factory=lambda: Bounded(REMEMBERED_PEOPLE))
    delivered_events: Bounded[bytes, bytes] = field(default_factory=lambda: Bounded(REMEMBERED_EVENTS))
    refused_names: Bounded[str, Refusal] = field(default_factory=lambda: Bounded(REMEMBERED_NAMES))
    waited_in_vain: Bounded[str, None] = field(default_factory=lambda: Bounded(REMEMBERED_PEOPLE))
    unrestorable: Bounded[str, Refusal] = field(default_factory=lambda: Bounded(REMEMBERED_PEOPLE))
    refused_new_names: list[str] = field(default_factory=list)
    differing_duplicates: int = 0
    search_size: SearchSize = field(default_factory=SearchSize)
    busy: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Begin with nothing."""
        self.contacts = WrittenContacts(self.now)

    def note_contact(self, key: str, contact: KnownContact) -> None:
        """Note that this run has written the person `key`, who is no stranger then."""
        self.contacts.note(key, contact)
        self.strangers.forget(key)
