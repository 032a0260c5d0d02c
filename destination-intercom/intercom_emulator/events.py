"""The data events: what POST /events takes, what it drops without a word, and the workspace's event names."""

import json
import string
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from intercom_emulator.answers import Refusal, invalid, is_finite
from intercom_emulator.attributes import LAST_SECOND, LONGEST_TEXT
from intercom_emulator.contact import Contact
from intercom_emulator.contacts import Contacts
from intercom_emulator.settings import Settings

_IDENTITIES = ("id", "user_id", "email")  # as Intercom finds a contact: by its own id, then external_id, then email
_FORBIDDEN_IN_KEYS = frozenset(".$~`!@#%^&*'{}|\"")
_SEPARATORS = str.maketrans({".": "-", "$": "-"})
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def fold(name: str, settings: Settings) -> str:
    """Return what an event name is to Intercom: case does not matter, and . and $ are hyphens."""
    plain = name.translate(_SEPARATORS)
    return plain.casefold() if settings.event_name_case == "unicode" else plain.translate(_LOWER)


@dataclass(frozen=True, slots=True)
class Event:
    """One event kept; `sent_as` is the identity as the call gave it."""

    contact_id: str
    event_name: str
    created_at: int
    metadata: dict[str, Any]
    sent_as: dict[str, str]


class Events:
    """All events of a workspace and its active event names. Not thread-safe: the core's lock guards it."""

    def __init__(self) -> None:
        self._all: list[Event] = []
        self._seen: set[tuple[object, ...]] = set()
        self._names: dict[str, str] = {}

    def __iter__(self) -> Iterator[Event]:
        """Return the events kept, in the order of arrival."""
        return iter(self._all)

    @property
    def names(self) -> list[str]:
        """The active names, each as first sent."""
        return list(self._names.values())

    def add_name(self, name: str, settings: Settings) -> str:
        """Make a name active, beyond the limit too, and return it as it was first sent."""
        return self._names.setdefault(fold(name, settings), name.translate(_SEPARATORS))

    def submit(self, body: dict[str, Any], contacts: Contacts, settings: Settings, now: float) -> None:
        """Take an event, or refuse it; a duplicate and the metadata beyond the limit are dropped without a word."""
        _check(body, settings)
        contact = _person(body, contacts, settings)
        if now - contact.born < settings.event_lag:
            raise Refusal(404, "not_found", "User Not Found")
        taken = len(self._names) + settings.other_event_names
        if fold(body["event_name"], settings) not in self._names and taken >= settings.event_name_limit:
            message = f"Cannot have more than {settings.event_name_limit} active event names"
            raise Refusal(422, "422", message)
        self.keep(contact.id, body, settings)

    def keep(self, contact_id: str, body: dict[str, Any], settings: Settings) -> None:
        """Keep an event of a contact unless it is a duplicate: the same person, name and second."""
        name = self.add_name(body["event_name"], settings)
        metadata = dict(list((body.get("metadata") or {}).items())[: settings.metadata_key_limit])
        told = json.dumps(metadata, sort_keys=True) if settings.duplicate_events == "keep_other_metadata" else None
        identity = (contact_id, name, body["created_at"], told)
        if identity in self._seen:
            return
        self._seen.add(identity)
        sent_as = {key: body[key] for key in _IDENTITIES if body.get(key) is not None}
        self._all.append(Event(contact_id, name, body["created_at"], metadata, sent_as))


def _check(body: dict[str, Any], settings: Settings) -> None:
    """Refuse an event whose fields are missing or of a wrong kind."""
    name, created_at, metadata = body.get("event_name"), body.get("created_at"), body.get("metadata")
    if not isinstance(name, str) or not name.strip() or len(name) > LONGEST_TEXT:
        raise invalid("event_name is required, a string of 1 to 255 characters")
    if not isinstance(created_at, int) or isinstance(created_at, bool) or not 0 <= created_at < LAST_SECOND:
        raise invalid("created_at is required, a unix timestamp in seconds")
    given = [key for key in _IDENTITIES if body.get(key) is not None]
    if not given:
        raise invalid("one of user_id, email and id is required")
    for key in given:
        if not isinstance(body[key], str) or not body[key]:
            raise invalid(f"{key} must be a string")
    if metadata is not None and not isinstance(metadata, dict):
        raise invalid("metadata must be an object")
    for key, value in (metadata or {}).items():
        _check_metadata(key, value, dates_are_numbers=settings.date_metadata == "refuse")


def _check_metadata(key: str, value: object, *, dates_are_numbers: bool) -> None:
    """Refuse a metadata value that is no scalar, rich link or amount of money, and names Intercom forbids."""
    if not key or _FORBIDDEN_IN_KEYS.intersection(key):
        raise invalid("metadata keys must not be empty nor contain any of . $ ~ ` ! @ # % ^ & * ' { } | \"")
    if key.endswith("_date") and dates_are_numbers and (isinstance(value, bool) or not isinstance(value, int)):
        raise invalid("metadata that ends in _date must be a unix timestamp in seconds")
    if isinstance(value, str) and len(value) <= LONGEST_TEXT:
        return
    if isinstance(value, bool) or is_finite(value):
        return
    if isinstance(value, dict) and (_is_rich_link(value) or _is_money(value)):
        return
    raise invalid("metadata values must be strings of up to 255 characters, numbers, booleans, links or money")


def _is_rich_link(value: dict[str, Any]) -> bool:
    return value.keys() == {"url", "value"} and all(isinstance(each, str) for each in value.values())


def _is_money(value: dict[str, Any]) -> bool:
    amount, currency = value.get("amount"), value.get("currency")
    whole = isinstance(amount, int) and not isinstance(amount, bool) and amount >= 0
    return value.keys() == {"amount", "currency"} and whole and isinstance(currency, str)


def _person(body: dict[str, Any], contacts: Contacts, settings: Settings) -> Contact:
    """Return the contact whose event it is, or refuse: users by user_id or email, leads by Intercom's id only.

    Of several identities the first of `_IDENTITIES` decides alone [?].
    """
    if body.get("id") is not None:
        found = [contact for contact in (contacts.living(body["id"]),) if contact is not None]
    else:
        key, value = ("external_id", body["user_id"]) if body.get("user_id") else ("email", body["email"])
        found = [each for each in contacts.users_with(key, value) if each.live]
    if len(found) > 1:
        message = "Multiple existing users match this email address - must be more specific using user_id"
        raise Refusal(settings.shared_email_status, "conflict", message)
    if not found:
        raise Refusal(404, "not_found", "User Not Found")
    return found[0]


def listed(contact: Contact, events: Events, *, summary: bool) -> dict[str, Any]:
    """Return a contact's events, the newest first, or how often each name occurred."""
    own = sorted((each for each in events if each.contact_id == contact.id), key=lambda each: -each.created_at)
    person = {"intercom_user_id": contact.id, "email": contact.email or "", "user_id": contact.external_id or ""}
    if not summary:
        data = [
            {"type": "event", "event_name": each.event_name, "created_at": each.created_at, "metadata": each.metadata}
            | person
            for each in own
        ]
        return {"type": "event.list", "events": data}
    times: dict[str, list[int]] = {}
    for each in own:
        times.setdefault(each.event_name, []).append(each.created_at)
    counts = [
        {"name": name, "first": str(min(all_times)), "last": str(max(all_times)), "count": len(all_times)}
        for name, all_times in times.items()
    ]
    return {"type": "event.summary", "events": counts, **person}
