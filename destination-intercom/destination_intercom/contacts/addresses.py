"""E-mail addresses that an update could not give to a contact, since somebody else has them. One step at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from destination_intercom.bounded import Bounded
from destination_intercom.contacts.known import KnownContact

MOST_ADDRESSES: Final = 10_000

BELIEVED_SECONDS: Final = 600.0
"""For so long nobody asks again whether an address is still somebody else's."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Why an address is left out, who has it (Intercom's id, if it says so), and until when that is believed."""

    reason: str
    holder: str | None
    until: float


class TakenAddresses:
    """Which addresses are somebody else's; `written` tells what this run has written to a contact lately."""

    def __init__(self, now: Callable[[], float], *, written: Callable[[str], KnownContact | None]) -> None:
        self._now = now
        self._written = written
        self._taken: Bounded[tuple[str, str], Taken] = Bounded(MOST_ADDRESSES)

    def note(self, contact_id: str, address: str, reason: str, *, holder: str | None) -> None:
        """Note that an address was not given to a contact."""
        self._taken.note((contact_id, address), Taken(reason, holder, self._now() + BELIEVED_SECONDS))

    def get(self, contact_id: str, address: str) -> Taken | None:
        """Tell why an address would not be given to a contact; None if it may be."""
        taken = self._taken.get((contact_id, address))
        if taken is None or self._now() >= taken.until or self.is_given_up(address, taken.holder):
            return None
        return taken

    def is_given_up(self, address: str, holder: str | None) -> bool:
        """Say whether this run has seen that the contact which had an address has it no longer."""
        contact = None if holder is None else self._written(holder)
        return contact is not None and contact.email != address
