"""What others do to the contacts of a workspace, at once or later: its teammates, the Messenger, other apps.

Owns when a change happens and whom it means; past Intercom's checks, as a seed is. What a contact is, it does not know.
"""

from dataclasses import dataclass
from typing import Any

from intercom_emulator.contact import Contact
from intercom_emulator.contacts import Contacts

_KEYS = ("id", "external_id", "email")


@dataclass(frozen=True, slots=True)
class Change:
    """One change: `due` in unix seconds, `person` by one of `_KEYS` or None for somebody new, and what is set."""

    due: float
    person: tuple[str, str] | None
    values: dict[str, Any]

    @classmethod
    def read(cls, change: dict[str, Any], now: float) -> "Change":
        """Read `{"after": seconds, "contact": {key: value}, "set": {...}}`; raise ValueError where it is none."""
        unknown = set(change) - {"after", "contact", "set"}
        if unknown:
            raise ValueError(f"unknown keys of a change: {', '.join(sorted(unknown))}")
        person, values = change.get("contact"), change.get("set")
        if not isinstance(values, dict) or not values:
            raise ValueError("a change needs what it sets")
        if person is not None and (len(person) != 1 or not set(person) <= set(_KEYS)):
            raise ValueError(f"a change names its contact by one of {', '.join(_KEYS)}")
        if person is not None and "id" in values:
            raise ValueError("a change cannot set the id of a contact")
        Contact.blank("", now).assign(values)  # refuses what a contact cannot have, now rather than when it is due
        return cls(now + change.get("after", 0), next(iter(person.items())) if person else None, values)

    def carry_out(self, contacts: Contacts, lag: float) -> bool:
        """Change the contact, or make it; return False, and do nothing, where nobody is meant."""
        if self.person is None:
            contact = Contact.blank(self.values.get("id") or contacts.new_id(self.due), self.due)
        else:
            found = contacts.holder(*self.person)
            if found is None:
                return False
            contact = found.copied()
        time = max(self.due, contacts.changed_at(contact.id))  # nobody changes before they are there
        contact.updated_at = int(time)
        contact.assign(self.values)
        contacts.put(contact, now=time, lag=lag)
        return True


class Changes:
    """The changes that are still to come. Not thread-safe: the core's lock guards it."""

    def __init__(self) -> None:
        self._ahead: list[Change] = []

    def __len__(self) -> int:
        """Return how many are ahead, those among them that wait for their contact to be there."""
        return len(self._ahead)

    def plan(self, change: Change) -> None:
        """Add a change, behind those that are due no later."""
        self._ahead.append(change)
        self._ahead.sort(key=lambda each: each.due)

    def carry_out(self, contacts: Contacts, *, now: float, lag: float) -> None:
        """Make every change that is due; one whose contact is not there yet waits for it."""
        if self._ahead and self._ahead[0].due <= now:
            self._ahead = [each for each in self._ahead if each.due > now or not each.carry_out(contacts, lag)]
