"""Who leaves in one run, and who does not: people with a live row, and people whom the run has taken away.

It asks nobody. What it forgets lets a mark count that would not have, or a live row meet the archived contact as any
other row does. Used by one step of any task at a time, but for the live rows, which the main thread alone notes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from destination_intercom.bounded import Bounded
from destination_intercom.identity import Key

MAX_PEOPLE: Final = 100_000

_NOBODY: Final = ""
"""Stands for the contact of a person whom a deletion did not find: an earlier attempt may have taken it away."""


class LiveRows:
    """People who had a live row in this sync, the last 100,000 of them: a mark takes none of them away."""

    def __init__(self, capacity: int = MAX_PEOPLE) -> None:
        self._keys: Bounded[bytes, None] = Bounded(capacity)

    def note(self, key: Key) -> None:
        """Note that a person has a live row."""
        self._keys.note(key.digest, None)

    def has_any(self, keys: Iterable[Key]) -> bool:
        """Say whether a person has a live row under one of these keys."""
        return any(key.digest in self._keys for key in keys)


class Departures:
    """People whom this run has archived or deleted, or looked for to do so: nobody believes that they are there."""

    def __init__(self, capacity: int = MAX_PEOPLE) -> None:
        self._contacts: Bounded[str, frozenset[bytes]] = Bounded(capacity)
        """The keys of each that is gone, by Intercom's id of it."""
        self._of_key: Bounded[bytes, str] = Bounded(capacity)

    def note(self, key: Key, contact_id: str | None, others: Iterable[Key] = ()) -> None:
        """Note that the contact of a person is gone, with `others` of its keys; None where nobody knows which it is."""
        if contact_id is None and self.contact_of(key) is not None:
            # It is known from before.
            return
        self._of_key.note(key.digest, contact_id or _NOBODY)
        if contact_id is not None:
            self._contacts.note(contact_id, frozenset(each.digest for each in (key, *others)))

    def __contains__(self, key: Key) -> bool:
        contact_id = self._of_key.get(key.digest)
        return contact_id is not None and (contact_id == _NOBODY or self.has_contact(contact_id))

    def has_contact(self, contact_id: str | None) -> bool:
        """Say whether a contact is gone, by Intercom's id of it."""
        return contact_id in self._contacts if contact_id is not None else False

    def was(self, key: Key, contact_id: str) -> bool:
        """Say whether a contact that is gone bore the identity `key`."""
        return key.digest in (self._contacts.get(contact_id) or ())

    def contact_of(self, key: Key) -> str | None:
        """Tell the contact that is gone and was the person `key`; None if there is none."""
        contact_id = self._of_key.get(key.digest)
        return contact_id if self.has_contact(contact_id) else None

    def end(self, key: Key, contact_id: str) -> None:
        """Note that a person is there again, as the contact `contact_id`."""
        self._of_key.forget(key.digest)
        self._contacts.forget(contact_id)
