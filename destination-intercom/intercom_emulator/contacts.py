"""The contacts: who they are, who is who's double, what the search may already see of them."""

import bisect
import copy
import itertools
import math
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from intercom_emulator.answers import Refusal

_KEPT_SECONDS = 120.0  # how much of the past is kept beyond the lag, should the lag be raised
_KEPT_STATES = 200  # and how many states of one contact
_MOST_HOPS = 3

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
    tags: tuple[str, ...] = ()
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
        """Set what is given in the shape of the API, past its checks; raise ValueError for what no contact has."""
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
        if tags := values.get("tags"):
            self.tags = tuple(each["id"] for each in (tags["data"] if isinstance(tags, dict) else tags))

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
        twin.details, twin.custom = dict(self.details), dict(self.custom)
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
        shown |= {"notes": self._linked("notes"), "companies": self._linked("companies")}
        if newer:
            for name in ("opted_out_subscription_types", "opted_in_subscription_types"):
                shown[name] = self._linked("subscriptions")
            shown |= dict.fromkeys(_NEWER_DETAILS) | {"enabled_push_messaging": None}
        return shown

    def _linked(self, path: str, ids: tuple[str, ...] = (), kind: str = "") -> dict[str, Any]:
        """Return a list of linked things as a contact carries it: at most ten of them."""
        data = [{"id": each, "type": kind, "url": f"/{path}/{each}"} for each in ids[:10]]
        url = f"/contacts/{self.id}/{path}"
        return {"type": "list", "data": data, "url": url, "total_count": len(ids), "has_more": len(data) < len(ids)}


class Contacts:
    """All contacts of a workspace, and their past. Not thread-safe: the core's lock guards it."""

    def __init__(self) -> None:
        self._all: dict[str, Contact] = {}
        # Everyone who ever held a value, in the order of creation: what the search looks in, too.
        self._holders: dict[tuple[str, str], dict[str, None]] = {}
        self._past: dict[str, list[tuple[float, Contact]]] = {}
        self._numbers = itertools.count(1)

    def __iter__(self) -> Iterator[Contact]:
        """Return all contacts, gone ones too."""
        return iter(self._all.values())

    def new_id(self, now: float) -> str:
        """Return an id in Intercom's form: 24 hexadecimal digits that begin with the time."""
        return f"{int(now):08x}5e{next(self._numbers):014x}"

    def put(self, contact: Contact, *, now: float, lag: float) -> None:
        """Store the contact as it is from `now` on."""
        self._all[contact.id] = contact
        for key, value in (("external_id", contact.external_id), ("email", contact.email)):
            if value:
                self._holders.setdefault((key, value), {})[contact.id] = None
        past = self._past.setdefault(contact.id, [])
        past.append((now, contact.copied()))
        oldest = bisect.bisect_right(past, now - max(lag, _KEPT_SECONDS), key=lambda state: state[0]) - 1
        del past[: max(oldest, len(past) - _KEPT_STATES, 0)]

    def find(self, contact_id: str) -> Contact | None:
        """Return a contact by Intercom's id, gone ones too."""
        return self._all.get(contact_id)

    def living(self, contact_id: str) -> Contact | None:
        """Return a contact by Intercom's id if the API shows it."""
        found = self._all.get(contact_id)
        return found if found is not None and found.live else None

    def users_with(self, key: str, value: str | None) -> list[Contact]:
        """Return the users, gone ones too, that hold a value of external_id or email; those the API shows first."""
        return [each for each in self._with(key, value) if each.role == "user"]

    def holder(self, key: str, value: str) -> Contact | None:
        """Return the contact, a lead or a gone one too, that has this id, external_id or email; a living one first."""
        return self._all.get(value) if key == "id" else next(iter(self._with(key, value)), None)

    def _with(self, key: str, value: str | None) -> list[Contact]:
        """Return the contacts that hold a value now; those the API shows first."""
        holders = self._holders.get((key, value), {}) if value else {}
        now = [each for each in map(self._all.__getitem__, holders) if getattr(each, key) == value]
        return sorted(now, key=lambda each: not each.live)

    def changed_at(self, contact_id: str) -> float:
        """Return when a contact was last stored (unix seconds); long ago where it never was."""
        past = self._past.get(contact_id)
        return past[-1][0] if past else -math.inf

    def canonical(self, contact: Contact) -> str:
        """Return the id of the contact that a merged one became part of: the chain is followed for three hops [OAS]."""
        for _ in range(_MOST_HOPS):
            if contact.merged_into in self._all:
                contact = self._all[contact.merged_into]
        return contact.id

    def as_of(self, time: float, holders_of: Iterable[tuple[str, str]] | None = None) -> Iterator[Contact]:
        """Return the contacts as they were at `time`, of those who ever held one of the values, or of all."""
        if holders_of is None:
            ids: Iterable[str] = self._all
        else:
            ids = dict.fromkeys(
                each
                for key, value in holders_of
                for each in ([value] if key == "id" else self._holders.get((key, value), ()))
            )
        for each in ids:
            state = self._state_at(each, time)
            if state is not None and state.live:
                yield state

    def _state_at(self, contact_id: str, time: float) -> Contact | None:
        """Return what a contact was at `time`; None where it was not yet."""
        past = self._past.get(contact_id, ())
        index = bisect.bisect_right(past, time, key=lambda state: state[0])
        return past[index - 1][1] if index else None

    def merge(self, from_id: str, into_id: str, *, now: float, lag: float) -> None:
        """Make one contact part of another, as a merge in Intercom does; raise KeyError where one is unknown."""
        merged, kept = self._all[from_id].copied(), self._all[into_id]
        if not kept.live or from_id == into_id:
            raise KeyError(into_id)
        merged.merged_into = into_id
        self.put(merged, now=now, lag=lag)

    def seed(self, values: dict[str, Any], *, now: float) -> Contact:
        """Store a contact as given, in the shape of the API; it counts as always having been there."""
        contact = Contact.blank(values.get("id") or self.new_id(now), now)
        contact.born = -math.inf
        contact.assign({"updated_at": values.get("created_at", int(now)), **values})
        self._past[contact.id] = []
        self.put(contact, now=-math.inf, lag=0.0)
        return contact


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
