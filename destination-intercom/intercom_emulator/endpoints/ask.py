"""What an endpoint is asked, and what all of them need: the workspace, the version, the contact that a path names."""

from dataclasses import dataclass
from typing import Any

from intercom_emulator.answers import Refusal
from intercom_emulator.calls import Call
from intercom_emulator.contact import Contact
from intercom_emulator.settings import Settings
from intercom_emulator.workspace import Workspace

Reply = tuple[int, bytes]
"""Status and body of an answer that is no refusal."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A call that may be carried out: in which version, under which settings, on which workspace."""

    call: Call
    version: tuple[int, int]
    settings: Settings
    workspace: Workspace

    def shown(self, contact: Contact) -> dict[str, Any]:
        """Return a contact as this call's version shows it."""
        return contact.shown(self.version, self.settings.workspace_id)

    def keep(self, contact: Contact) -> None:
        """Store a contact as it is from now on."""
        self.workspace.contacts.put(contact, now=self.call.now, lag=self.settings.search_lag)

    def living(self) -> Contact:
        """Return the contact that the path names first, or refuse: 404 where the API shows nobody."""
        contact = self.workspace.contacts.living(self.call.argument)
        if contact is None:
            raise Refusal(404, "not_found", "User Not Found")
        return contact
