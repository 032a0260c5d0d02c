"""A record -> the event that it is, or why it is none.

Pure: no I/O and no clock; a record is never changed. The rules decide in this order, and the
first that decides wins: selection, exclusion, filters, identity, time, `not_before`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from string import ascii_lowercase, ascii_uppercase
from typing import Any, ClassVar, Final

from destination_intercom import outcomes
from destination_intercom.events.metadata import add_members, read_metadata
from destination_intercom.events.rules import EventRule
from destination_intercom.identity import Key, identify
from destination_intercom.outcomes import Outcome, filtered, rejected
from destination_intercom.values import MISSING, Trim, is_set, to_text, to_time

_HYPHENS: Final = str.maketrans({".": "-", "$": "-"})
_FOLD: Final = str.maketrans({".": "-", "$": "-", **dict(zip(ascii_uppercase, ascii_lowercase, strict=True))})


@dataclass(frozen=True, slots=True)
class EventPayload:
    """An event as Intercom takes it: `key` is the person's identity, `created_at` unix seconds."""

    kind: ClassVar[str] = "events"
    key: Key
    name: str
    created_at: int
    metadata: dict[str, Any] = field(repr=False)
    trims: tuple[Trim, ...] = ()

    @property
    def body(self) -> dict[str, Any]:
        """Make the body of `POST /events` for a user, who is found by the identity."""
        return self._body_of("email" if self.key.field == "email" else "user_id", self.key.value)

    def body_of_lead(self, contact_id: str) -> dict[str, Any]:
        """Make the body of `POST /events` for a lead, whose events need Intercom's own id (its API description)."""
        return self._body_of("id", contact_id)

    def _body_of(self, identity: str, value: str) -> dict[str, Any]:
        body: dict[str, Any] = {"event_name": self.name, "created_at": self.created_at, identity: value}
        return {**body, "metadata": self.metadata} if self.metadata else body

    @property
    def shown_name(self) -> str:
        """Tell the name that Intercom shows: `.` and `$` are hyphens there (its documentation)."""
        return self.name.translate(_HYPHENS)

    @property
    def folded_name(self) -> str:
        """Tell the name under which Intercom surely files the event: case-insensitive, `.` and `$` as `-`.

        Of which letters the case is ignored, Intercom does not say: of "Maße" and "Masse" it may make two names.
        """
        return self.name.translate(_FOLD)

    @property
    def name_digest(self) -> bytes:
        """Stand for the folded name in 16 bytes: a name may be as long as a record."""
        return _digest(self.folded_name)

    @property
    def fingerprint(self) -> bytes:
        """Tell what Intercom may take for one event: the same person, name and second (its API description)."""
        return _digest((*self.key, self.folded_name, self.created_at))

    @property
    def digest(self) -> bytes:
        """Tell what is surely one event: it has the same metadata, too."""
        return _digest((self.fingerprint, sorted(self.metadata.items())))


def _digest(what: object) -> bytes:
    # A text may hold half a character: JSON allows it.
    return hashlib.blake2b(repr(what).encode("utf-8", "backslashreplace"), digest_size=16).digest()


def map_event(rule: EventRule, data: dict[str, Any]) -> EventPayload | Outcome:
    """Make the event of a record, or say why there is none."""
    if rule.is_deleted(data):
        return filtered(outcomes.DELETED)
    name = _name(rule, data)
    if isinstance(name, Outcome):
        return name
    key = identify(rule.identity, data, where=rule.holds)
    if isinstance(key, Outcome):
        return key
    try:
        created_at = to_time(rule.read_time(data))
    except ValueError:
        return rejected(outcomes.INVALID_TIME)
    if rule.not_before is not None and created_at < rule.not_before:
        return filtered(outcomes.TOO_OLD)
    metadata, trims = _metadata(rule, data)
    return EventPayload(key, name, created_at, metadata, trims)


def _name(rule: EventRule, data: dict[str, Any]) -> str | Outcome:
    if rule.name is not None:
        return rule.name
    value = rule.read_name(data)
    if not is_set(value):
        return filtered(outcomes.NO_EVENT_NAME)
    if isinstance(value, bool):
        return rejected(outcomes.INVALID_EVENT_NAME)
    try:
        name = to_text(value)
    except ValueError:
        return rejected(outcomes.INVALID_EVENT_NAME)
    if not rule.is_chosen:
        return name
    rule.look_at_name(name)
    if not rule.is_selected(name):
        return filtered(outcomes.NOT_SELECTED)
    return filtered(outcomes.EXCLUDED) if rule.is_excluded(name) else rule.renamed.get(name, name)


def _metadata(rule: EventRule, data: dict[str, Any]) -> tuple[dict[str, Any], tuple[Trim, ...]]:
    metadata: dict[str, Any] = {}
    trims: list[Trim] = []
    for entry in rule.metadata:
        value, problem = read_metadata(entry, data)
        if problem:
            trims.append((entry.name, problem))
        if value is not MISSING:
            metadata[entry.name] = value
    for many in rule.members:
        trims += [(many.path, problem) for problem in sorted(add_members(many, data, metadata))]
    return metadata, tuple(trims)
