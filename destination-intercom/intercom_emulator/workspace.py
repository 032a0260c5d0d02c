"""What a workspace holds, how a situation is brought into it, and what it shows of itself. No endpoints, no HTTP."""

import uuid
from typing import Any

from intercom_emulator.attributes import DataAttributes
from intercom_emulator.calls import Call
from intercom_emulator.changes import Change, Changes
from intercom_emulator.contacts import Contacts
from intercom_emulator.events import Events
from intercom_emulator.routes import PREVIEW
from intercom_emulator.settings import Settings


class Workspace:
    """Contacts, data attributes and events. Not thread-safe: the core's lock guards it."""

    def __init__(self) -> None:
        self.contacts = Contacts()
        self.attributes = DataAttributes()
        self.events = Events()
        self._changes = Changes()

    def texts_of(self, call: Call) -> str:
        """Return what a call says, a text a line, and who the contact of its path is."""
        named = self.contacts.find(call.argument) if "{id}" in call.template else None
        person = [named.id, named.external_id or "", named.email or ""] if named else []
        return "\n".join([*call.texts, *person])

    def seed(self, situation: dict[str, Any], *, now: float, settings: Settings) -> None:
        """Bring the workspace to a situation, past Intercom's checks; raise ValueError where it makes no sense."""
        unknown = set(situation) - {"contacts", "data_attributes", "events", "event_names", "changes"}
        if unknown:
            raise ValueError(f"unknown parts of a situation: {', '.join(sorted(unknown))}")
        for attribute in situation.get("data_attributes", ()):
            self.attributes.seed(attribute, int(now))
        for contact in situation.get("contacts", ()):
            self.contacts.seed(contact, now=now)
        for name in situation.get("event_names", ()):
            self.events.add_name(name, settings)
        for event in situation.get("events", ()):
            self.events.keep(self._contact_of(event), event, settings)

        for change in situation.get("changes", ()):
            self._changes.plan(Change.read(change, now))

    def catch_up(self, now: float, settings: Settings) -> None:
        """Let happen to the contacts what others have done by `now`."""
        self._changes.carry_out(self.contacts, now=now, lag=settings.search_lag)

    def _contact_of(self, event: dict[str, Any]) -> str:
        """Return the id of the contact that a seeded event names."""
        contact_id = event.get("contact_id") or event.get("id")
        if contact_id:
            return str(contact_id)
        key = "external_id" if event.get("user_id") else "email"
        users = self.contacts.users_with(key, event.get("user_id") or event.get("email"))
        if not users:
            raise ValueError("a seeded event names nobody")
        return users[0].id

    def dump(self) -> dict[str, Any]:
        """Return everything that the workspace holds."""
        contacts = [
            each.shown(PREVIEW, "")
            | {"archived": each.archived, "deleted": each.deleted, "merged_into": each.merged_into}
            for each in self.contacts
        ]
        events = [
            {
                "contact_id": each.contact_id,
                "event_name": each.event_name,
                "created_at": each.created_at,
                "metadata": each.metadata,
                **each.sent_as,
            }
            for each in self.events
        ]
        attributes = self.attributes.listed(None, archived=True, with_datetime=True)
        return {
            "contacts": contacts,
            "events": events,
            "event_names": self.events.names,
            "data_attributes": attributes,
            "changes_ahead": len(self._changes),
        }


def new_request_id() -> str:
    """Return a request id in the form of the recordings: 20 characters."""
    return f"00{uuid.uuid4().hex[:18]}"
