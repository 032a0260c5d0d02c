"""One contact: what it holds, how the API shows it, and how its absence or its double is told."""

import copy
import itertools
import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from intercom_emulator.answers import Refusal

# What a contact may hold besides its identity; seeds may set every one, the API only some.
DETAILS: dict[str, Any] = {
    "phone": None,
    "name": None,
    "avatar": None,
    "owner_id": None,
    "has_hard_bounced": False,
    "marked_email_as_spam": False,
    "unsubscribed_from_emails": False,
    "signed_up_at": None,
    "last_seen_at": None,
    "last_replied_at": None,
    "last_contacted_at": None,
    "last_email_opened_at": None,
    "last_email_clicked_at": None,
    "language_override": None,
    "browser": None,
    "browser_version": None,
    "browser_language": None,
    "os": None,
    "android_app_name": None,
    "android_app_version": None,
    "android_device": None,
    "android_os_version": None,
    "android_sdk_version": None,
    "android_last_seen_at": None,
    "ios_app_name": None,
    "ios_app_version": None,
    "ios_device": None,
    "ios_os_version": None,
    "ios_sdk_version": None,
    "ios_last_seen_at": None,
}
_ASSIGNED = ("role", "external_id", "email", "created_at", "updated_at", "archived", "deleted", "merged_into")
_SHOWN_ONLY = {"id", "type", "workspace_id", "email_domain", "social_profiles", "notes", "companies"} | {
    "custom_attributes",
    "location",
    "tags",
}
SHOWN_LINKS = 10  # of the companies and tags of a contact, in any answer
_NEWER_DETAILS = ("utm_campaign", "utm_content", "utm_medium", "utm_source", "utm_term", "referrer")
# From which version answers carry what the recordings of 2.3 lack: the 2.16 description has it; nothing says since when
NEWER_SHAPE = (2, 4)
_TEXT_OWNER = (2, 16)


@dataclass(slots=True)
class Contact:
    """One contact. `email` is "" after it was set to null; `born` is the exact time of creation (unix seconds)."""

    id: str
    role: str
    external_id: str | None
    email: str | None
    created_at: int
    updated_at: int
    born: float
    details: dict[str, Any] = field(default_factory=dict)
    custom: dict[str, Any] = field(default_factory=dict)
    location: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, int] = field(default_factory=dict)  # id -> when it was applied (unix seconds)
    companies: tuple[str, ...] = ()  # Intercom's ids, in the order of attachment
    archived: bool = False
    deleted: bool = False
    merged_into: str | None = None

    @property
    def live(self) -> bool:
        """Whether the API shows the contact."""
        return not (self.archived or self.deleted or self.merged_into)

    @classmethod
    def blank(cls, contact_id: str, now: float) -> "Contact":
        """Return a user without an identity, created at `now` (unix seconds)."""
        return cls(contact_id, "user", None, None, int(now), int(now), now)

    def assign(self, values: dict[str, Any]) -> None:
        """Set what is given in the shape of the API, past its checks; raise ValueError for what no contact has.

        Tags and companies are lists of objects with Intercom's ids, which are there.
        """
        unknown = set(values) - set(_ASSIGNED) - _SHOWN_ONLY - set(DETAILS)
        if unknown:
            raise ValueError(f"unknown keys of a contact: {', '.join(sorted(unknown))}")
        for key in set(_ASSIGNED) & set(values):
            setattr(self, key, values[key])
        if not self.external_id:
            self.external_id = str(uuid.uuid4()) if self.role == "lead" else None
        if self.email:
            self.email = self.email.strip().lower()
        self.details |= {key: values[key] for key in DETAILS if key in values}
        if isinstance(values.get("avatar"), dict):
            self.details["avatar"] = values["avatar"].get("image_url")
        self.custom |= values.get("custom_attributes") or {}
        self.location = {**self.location, **(values.get("location") or {})}
        if values.get("tags") is not None:
            self.tags = {each["id"]: self.tags.get(each["id"], self.updated_at) for each in values["tags"]}
        if values.get("companies") is not None:
            self.companies = tuple(dict.fromkeys(each["id"] for each in values["companies"]))

    def value_of(self, field: str) -> object:
        """Return what the contact holds in a searchable field."""
        prefix, _, name = field.partition(".")
        if prefix == "custom_attributes":
            return self.custom.get(name)
        if prefix == "location":
            return self.location.get(name)
        if field == "email_domain":
            return (self.email or "").rpartition("@")[2]
        if field == "formatted_phone":
            field = "phone"
        return self.details.get(field, DETAILS[field]) if field in DETAILS else getattr(self, field)

    def copied(self) -> "Contact":
        """Return a contact of its own with the same values."""
        twin = copy.copy(self)
        twin.details, twin.custom, twin.tags = dict(self.details), dict(self.custom), dict(self.tags)
        return twin

    def shown(self, version: tuple[int, int], workspace_id: str) -> dict[str, Any]:
        """Return the contact as the API of `version` shows it."""
        details = {key: self.details.get(key, default) for key, default in DETAILS.items()}
        location = {"type": "location", **{key: self.location.get(key) for key in ("country", "region", "city")}}
        if details["avatar"] is not None:
            details["avatar"] = {"type": "avatar", "image_url": details["avatar"]}
        if str(details["owner_id"]).isdecimal() and version < _TEXT_OWNER:
            details["owner_id"] = int(details["owner_id"])
        shown: dict[str, Any] = {"type": "contact", "id": self.id, "workspace_id": workspace_id}
        shown |= {"external_id": self.external_id, "role": self.role, "email": self.email or ""}
        newer = version >= NEWER_SHAPE
        if newer:
            shown["email_domain"] = (self.email or "").rpartition("@")[2]
            location |= {"country_code": None, "continent_code": None}
        shown |= {"created_at": self.created_at, "updated_at": self.updated_at, **details}
        shown |= {"location": location, "social_profiles": {"type": "list", "data": []}}
        shown |= {"custom_attributes": self.custom, "tags": self._linked("tags", self.tags, "tag")}
        shown |= {"notes": self._linked("notes"), "companies": self._linked("companies", self.companies, "company")}
        if newer:
            for name in ("opted_out_subscription_types", "opted_in_subscription_types"):
                shown[name] = self._linked("subscriptions")
            shown |= dict.fromkeys(_NEWER_DETAILS) | {"enabled_push_messaging": None}
        return shown

    def _linked(self, path: str, ids: Collection[str] = (), kind: str = "") -> dict[str, Any]:
        """Return a list of linked things as a contact carries it: the first ten of them."""
        data = [{"id": each, "type": kind, "url": f"/{path}/{each}"} for each in itertools.islice(ids, SHOWN_LINKS)]
        url = f"/contacts/{self.id}/{path}"
        return {"type": "list", "data": data, "url": url, "total_count": len(ids), "has_more": len(data) < len(ids)}


def gone(canonical_id: str) -> Refusal:
    """Return the refusal of a merged contact: 410 with a Link to what it became part of."""
    return Refusal(
        410,
        "contact_merged",
        "This contact has been merged. See the 'Link' header for the canonical contact.",
        headers={"Link": f'</contacts/{canonical_id}>; rel="canonical"'},
    )


def conflict(with_contact: Contact) -> Refusal:
    """Return the refusal of a double; archived, deleted and merged ones count as archived."""
    which = "A" if with_contact.live else "An archived"
    message = f"{which} contact matching those details already exists with id={with_contact.id}"
    return Refusal(409, "conflict", message)
