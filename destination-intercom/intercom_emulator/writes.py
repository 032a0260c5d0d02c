"""Creating and updating contacts: which bodies Intercom takes, what they do, and what it refuses."""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from intercom_emulator.answers import Refusal, invalid
from intercom_emulator.attributes import LAST_SECOND, DataAttributes
from intercom_emulator.contact import Contact, conflict, gone
from intercom_emulator.contacts import Contacts
from intercom_emulator.settings import Settings
from intercom_emulator.values import check_boolean, check_text, check_time

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+|[^@\s]+@localhost")
_UPDATES_CONFLICT = (2, 4)  # the first version for which the 409 of a PUT is documented; 2.3 was recorded to take it
_TEXT_OWNER = (2, 16)  # owner_id is text, and email_verified is known, from this version on [OAS]
_PREVIEW = (99, 0)


@dataclass(frozen=True, slots=True)
class ContactWriter:
    """Carries out POST and PUT of contacts, for one API version at one time (unix seconds)."""

    contacts: Contacts
    attributes: DataAttributes
    settings: Settings
    version: tuple[int, int]
    now: float

    def create(self, body: dict[str, Any]) -> Contact:
        """Create a contact, or refuse it; a lead never conflicts, and gets an external_id of Intercom's own."""
        role = body.get("role") or "user"
        _check_role(role)
        details = self._details(body)
        custom = self._custom(body)
        external_id, email = identity_of(body, "external_id"), identity_of(body, "email")
        if role == "lead":
            external_id = str(uuid.uuid4())
        elif not external_id and not email:
            raise invalid("A user needs an external_id or an email")
        else:
            self._refuse_double(external_id, email)
        second = int(self.now)
        contact = Contact(
            self.contacts.new_id(self.now), role, external_id, email, second, second, self.now, details=details
        )
        contact.custom = {key: value for key, value in custom.items() if value is not None}
        self._store(contact)
        return contact

    def update(self, contact_id: str, body: dict[str, Any]) -> Contact:
        """Change what the body names and keep the rest, or refuse all of it."""
        contact = self._writable(contact_id).copied()
        role = body.get("role") or contact.role
        _check_role(role)
        if contact.role == "user" and role == "lead":
            raise Refusal(400, "client_error", "Contact with user role can't be converted to a lead")
        details, custom = self._details(body), self._custom(body)
        self._change_identity(contact, body, role)
        contact.role = role
        if self.settings.last_seen_back == "ignore" and _moves_back(details, contact.details):
            del details["last_seen_at"]
        contact.details |= details
        # A value that was set and is cleared stays as null; one that was never set does not appear [REC].
        contact.custom |= {key: value for key, value in custom.items() if value is not None or key in contact.custom}
        contact.updated_at = int(self.now)
        self._store(contact)
        return contact

    def _writable(self, contact_id: str) -> Contact:
        """Return the contact that a PUT names, or refuse."""
        contact = self.contacts.find(contact_id)
        if contact is not None and contact.merged_into and self.settings.put_of_merged == gone("").status:
            raise gone(self.contacts.canonical(contact))
        if contact is None or not contact.live:
            raise Refusal(404, "not_found", "Contact Not Found")
        return contact

    def _change_identity(self, contact: Contact, body: dict[str, Any], role: str) -> None:
        """Set external_id and email as far as the body does, unless they are another user's."""
        external_id, email = identity_of(body, "external_id"), identity_of(body, "email")
        upgraded, known = role == "user" and contact.role == "lead", contact.email
        if upgraded and self.settings.upgraded_lead == "drop":
            contact.external_id = None
        if external_id and role == "user":  # null is ignored [REC], and so is one for a lead
            self._refuse_holder(contact, "external_id", external_id)
            contact.external_id = external_id
        if "email" in body:
            contact.email = email or ""
        if contact.email and role == "user" and (upgraded or contact.email != known):
            self._refuse_holder(contact, "email", contact.email)
        if upgraded and not (external_id or contact.email):
            raise invalid("A user needs an external_id or an email")

    def _refuse_holder(self, contact: Contact, key: str, value: str) -> None:
        """Refuse a value that another user holds, but for what the version or the settings let be shared."""
        for holder in self.users_with(key, value):
            if holder.id != contact.id and not self._may_share(key, holder):
                raise conflict(holder)

    def _may_share(self, key: str, holder: Contact) -> bool:
        """Return whether an update may give its contact what the holder has: never a live user's external_id."""
        how = self.settings.update_with_known_email if holder.live else self.settings.update_with_archived_identity
        return (how == "take" or self.version < _UPDATES_CONFLICT) and not (holder.live and key == "external_id")

    def _refuse_double(self, external_id: str | None, email: str | None) -> None:
        """Refuse a new user whose external_id, or by the settings whose email, exists."""
        holders = self.users_with("external_id", external_id)
        if not holders and not (external_id and self.settings.create_with_known_email == "second"):
            holders = self.users_with("email", email)
        if holders:
            raise conflict(holders[0])

    def users_with(self, key: str, value: str | None) -> list[Contact]:
        """Return the users that hold a value; who was deleted long enough ago holds none any more."""
        holders, lasts = self.contacts.users_with(key, value), self.settings.deleted_conflict
        if lasts is None:
            return holders
        return [each for each in holders if not each.deleted or self.now - self.contacts.changed_at(each.id) < lasts]

    def _details(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the standard fields that the body sets, or refuse it."""
        if "email_verified" in body and self.version >= _TEXT_OWNER:
            check_boolean("email_verified", body["email_verified"])
            if not body.get("email"):
                raise invalid("email_verified must be supplied together with an email", field="email_verified")
        details: dict[str, Any] = {}
        for name, check in _CHECKS.items():
            if name in body:
                check(name, body[name])
                self._refuse_unusual(name, body[name])
                details[name] = self._normalized(name, body[name])
        if "unsubscribed_from_emails" in details and details["unsubscribed_from_emails"] is None:
            details["unsubscribed_from_emails"] = False
        if "owner_id" in body:
            details["owner_id"] = self._owner(body["owner_id"])
        if "language_override" in body and self.version >= _PREVIEW:
            check_text("language_override", body["language_override"])
            details["language_override"] = body["language_override"]
        return details

    def _refuse_unusual(self, name: str, value: object) -> None:
        """Refuse a value that is of its field's type, if the settings do."""
        if name == "name" and value in self.settings.refused_names:
            raise invalid("name is invalid", field=name)
        if self.settings.unusual_values == "refuse" and value is not None and not _is_usual(name, value):
            raise invalid(f"{name} is invalid", field=name)

    def _normalized(self, field: str, value: Any) -> Any:
        """Return a value as it is kept."""
        if not isinstance(value, str) or field not in self.settings.normalized_fields:
            return value
        if field == "avatar":
            return f"https://static.intercomassets.com/avatars/{uuid.uuid5(uuid.NAMESPACE_URL, value)}"
        return "".join(value.split()) if field == "phone" else value.strip()

    def _owner(self, value: object) -> str | None:
        """Return the owner's id as text, or refuse one who is no teammate; before 2.16 it may be a number."""
        if value is None:
            return None
        number = isinstance(value, int) and not isinstance(value, bool)
        if not (isinstance(value, str) or (number and self.version < _TEXT_OWNER)):
            raise invalid("owner_id must be a string", field="owner_id")
        if str(value) not in self.settings.admins:
            raise invalid("The owner specified is not a member of the workspace", field="owner_id")
        return str(value)

    def _custom(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the custom attributes of the body; one that does not exist or does not fit refuses all."""
        custom = self.attributes.accept(body.get("custom_attributes"), "contact", self.settings, self.now)
        return {name: self._normalized("custom_attributes", value) for name, value in custom.items()}

    def _store(self, contact: Contact) -> None:
        self.contacts.put(contact, now=self.now, lag=self.settings.search_lag)


def identity_of(body: dict[str, Any], key: str) -> str | None:
    """Return external_id or email as Intercom keeps it, or refuse it: text only, an email in lower case."""
    value = body.get(key)
    if value is None:
        return None
    check_text(key, value)
    if key == "email":
        value = value.strip().lower()
        if value and not _EMAIL.fullmatch(value):
            raise invalid("email is invalid", field="email")
    return str(value)


def _check_role(role: object) -> None:
    if role not in ("user", "lead"):
        raise invalid("role must be either user or lead", field="role")


def _is_usual(name: str, value: Any) -> bool:
    """Return whether an avatar is a URL, and a time of a year that people live in."""
    if name == "avatar":
        return str(value).startswith(("http://", "https://"))
    return name not in ("signed_up_at", "last_seen_at") or 0 <= value < LAST_SECOND


def _moves_back(sent: dict[str, Any], kept: dict[str, Any]) -> bool:
    """Return whether a person would have been seen earlier than is known."""
    new, old = sent.get("last_seen_at"), kept.get("last_seen_at")
    return new is not None and old is not None and new < old


_CHECKS: dict[str, Callable[[str, object], None]] = {
    "phone": check_text,
    "name": check_text,
    "avatar": check_text,
    "signed_up_at": check_time,
    "last_seen_at": check_time,
    "unsubscribed_from_emails": check_boolean,
}
