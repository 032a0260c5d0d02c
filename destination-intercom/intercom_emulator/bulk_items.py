"""What one item of a bulk job does: the fields that it may set, its companies and tags, and why it fails.

Fields and rules are those of the Preview description. What it does not list is passed over without a word; what it says
nothing of (nulls, unknown attributes, gone contacts) is as the settings have it.
"""

from dataclasses import dataclass
from typing import Any

from intercom_emulator.answers import Refusal, invalid
from intercom_emulator.attributes import DataAttributes
from intercom_emulator.companies import Companies
from intercom_emulator.company_writes import CompanyWriter
from intercom_emulator.contact import Contact, conflict
from intercom_emulator.contacts import Contacts
from intercom_emulator.routes import PREVIEW
from intercom_emulator.settings import Settings
from intercom_emulator.tags import Tags
from intercom_emulator.values import check_text
from intercom_emulator.writes import ContactWriter, identity_of

_UPDATED = (
    *("external_id", "email", "name", "phone", "avatar", "owner_id", "unsubscribed_from_emails", "language_override"),
    "custom_attributes",
)
_CREATED = (*_UPDATED, "role", "signed_up_at", "last_seen_at")


@dataclass(frozen=True, slots=True)
class BulkWriter:
    """Carries out items at the time that they are due (unix seconds); each method raises `Refusal` where one fails."""

    contacts: Contacts
    companies: Companies
    tags: Tags
    attributes: DataAttributes
    settings: Settings
    now: float

    def create(self, item: dict[str, Any]) -> str:
        """Create a contact and return its id; a user whose external_id or email exists, gone or not, is refused."""
        body = {key: item[key] for key in _CREATED if item.get(key) is not None}
        body = self._with_known_attributes(body)
        custom = body.get("custom_attributes")
        if isinstance(custom, dict):
            body["custom_attributes"] = {key: value for key, value in custom.items() if value is not None}
        writer, wanted = self._writer(self.now), _companies_of(item)
        holders = writer.users_with("email", identity_of(body, "email"))
        if holders and body.get("role") != "lead":  # of a known external_id any create takes care
            raise conflict(holders[0])
        contact = writer.create(body)
        self._join(contact, [{"company_id": each["company_id"], "name": each.get("name")} for each in wanted])
        return contact.id

    def update(self, item: dict[str, Any]) -> str | None:
        """Update a contact by Intercom's id and return it; None where one that is gone was passed over."""
        contact = self.contacts.find(str(item["id"]))
        if contact is None or (not contact.live and self.settings.bulk_gone == "fail"):
            raise Refusal(404, "not_found", "Contact Not Found")
        if not contact.live:
            return None
        body = {key: item[key] for key in _UPDATED if key in item}
        body, wanted = self._without_nulls(self._with_known_attributes(body)), _companies_of(item)
        written = self._writer(self._time_for(contact)).update(contact.id, body)
        self._join(written, wanted)
        return contact.id

    def delete(self, item: dict[str, Any]) -> None:
        """Delete a contact for good by Intercom's id."""
        contact = self.contacts.find(str(item["id"]))
        if contact is None or contact.deleted or contact.merged_into:
            raise Refusal(404, "not_found", "User Not Found")
        gone = contact.copied()
        gone.deleted = True
        self._store(gone)

    def tag(self, contact_id: str, tags: object, *, may_remove: bool) -> None:
        """Add tags to a contact and remove others, by their ids; what is unknown or no id is passed over."""
        contact = self.contacts.living(contact_id)
        if contact is None or not isinstance(tags, dict):
            return
        tagged = contact.copied()
        for tag_id in self._known_tags(tags.get("add")):
            tagged.tags.setdefault(tag_id, int(self.now))
        for tag_id in self._known_tags(tags.get("remove")) if may_remove else ():
            tagged.tags.pop(tag_id, None)
        self._store(tagged)

    def _known_tags(self, listed: object) -> list[str]:
        entries = listed if isinstance(listed, list) else []
        ids = [each.get("id") for each in entries if isinstance(each, dict)]
        return [each for each in ids if isinstance(each, str) and self.tags.find(each) is not None]

    def _join(self, contact: Contact, wanted: list[dict[str, Any]]) -> None:
        """Attach the companies, made where they are missing, detach those to remove; beyond the limit none joins."""
        if not wanted:
            return
        writer = CompanyWriter(self.companies, self.attributes, self.settings, self.now)
        joined = dict.fromkeys(contact.companies)
        for each in wanted:
            if each.get("remove") is True:
                company = self.companies.latest(each["company_id"])
                joined.pop(company.id if company else "", None)
                continue
            named = {"name": each["name"]} if each.get("name") is not None else {}
            company = writer.upsert({"company_id": each["company_id"], **named}, racing=False)
            if len(joined) < self.settings.contact_company_limit:
                joined[company.id] = None
        changed = contact.copied()
        changed.companies = tuple(joined)
        self._store(changed)

    def _with_known_attributes(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the body, without attributes that do not exist if those are passed over."""
        custom = body.get("custom_attributes")
        if not isinstance(custom, dict) or self.settings.bulk_unknown_attribute == "fail":
            return body
        known = {key: value for key, value in custom.items() if self.attributes.custom(key) is not None}
        return body | {"custom_attributes": known}

    def _without_nulls(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the body of an update, its nulls treated as the settings have it."""
        custom = body.get("custom_attributes")
        custom = custom if isinstance(custom, dict) else {}
        nulls = [key for values in (body, custom) for key, value in values.items() if value is None]
        if nulls and self.settings.bulk_null == "fail":
            raise invalid(f"{nulls[0]} must not be null", field=nulls[0])
        if nulls and self.settings.bulk_null == "ignore":
            kept = {key: value for key, value in body.items() if value is not None}
            return kept | {"custom_attributes": {key: value for key, value in custom.items() if value is not None}}
        return body

    def _writer(self, now: float) -> ContactWriter:
        return ContactWriter(self.contacts, self.attributes, self.settings, PREVIEW, now)

    def _time_for(self, contact: Contact) -> float:
        """Return the time of a change: nothing happens to a contact before what happened to it."""
        return max(self.now, self.contacts.changed_at(contact.id))

    def _store(self, contact: Contact) -> None:
        time = self._time_for(contact)
        contact.updated_at = int(time)
        self.contacts.put(contact, now=time, lag=self.settings.search_lag)


def _companies_of(item: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the companies that an item names, or refuse the item."""
    listed = item.get("companies")
    if listed is None:
        return []
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise invalid("companies must be an array of objects", field="companies")
    for each in listed:
        if not each.get("company_id"):
            raise invalid("company_id is required", field="companies")
        for name in ("company_id", "name"):
            check_text(name, each.get(name))
    return listed
