"""What the task of one person holds, so that writes that belong after one another do not go at once.

Creates that share an address go one after the other, writes to one contact one at a time. An address is
taken before a contact, and of each one at most, so that no two tasks ever wait for each other.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias

from destination_intercom.delivery.tasks import Acquire, Release, Step
from destination_intercom.identity import Key
from destination_intercom.intercom.answers import Answer

Waits: TypeAlias = Generator[Step, Answer, None]


class Turn:
    """The address and the contact that a task holds at the moment."""

    __slots__ = ("_address", "_contact_id")

    def __init__(self) -> None:
        self._address: Key | None = None
        self._contact_id: str | None = None

    def take_contact(self, contact_id: str) -> Waits:
        """Wait until nobody else writes to a contact; another one that is held is left first."""
        if self._contact_id == contact_id:
            return
        yield from self.leave_contact()
        yield Acquire(contact_id)
        self._contact_id = contact_id

    def leave_contact(self) -> Waits:
        """Let others write to the contact."""
        if self._contact_id is not None:
            contact_id, self._contact_id = self._contact_id, None
            yield Release(contact_id)

    def take_address(self, address: str | None) -> Waits:
        """Wait until nobody else creates a contact with this address; whatever is held is left first."""
        key = None if address is None else Key("email", address)
        if key == self._address:
            yield from self.leave_contact()
            return
        yield from self.leave()
        if key is not None:
            yield Acquire(key)
            self._address = key

    def leave(self) -> Waits:
        """Hold nothing any more."""
        yield from self.leave_contact()
        if self._address is not None:
            address, self._address = self._address, None
            yield Release(address)
