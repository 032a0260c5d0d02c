"""Who is who among contacts. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from destination_intercom import outcomes
from destination_intercom.contacts.known import KnownContact, read_identity
from destination_intercom.contacts.mapping import ContactChange
from destination_intercom.identity import IdentityField, Key
from destination_intercom.outcomes import Outcome, Refusal, Status, rejected

PAYLOAD_REASONS: Final = frozenset(
    {
        outcomes.REFUSED,
        outcomes.CONFLICT,
        outcomes.EMAIL_TAKEN,
        outcomes.AMBIGUOUS_EMAIL,
    }
)

CONFLICT_STATUS: Final = 409

_ID_IN_MESSAGE = re.compile(r"\bid=([0-9a-f]{24})\b")
_ANY_ID_IN_MESSAGE = re.compile(r"\bid=([A-Za-z0-9_-]+)")


@dataclass(frozen=True, slots=True)
class Found:
    """What a lookup found for one person: by the identity, and by the e-mail beside it.

    Unless it `is_certain`, Intercom did not say whether the person is there, and only a create that conflicts would.
    """

    by_identity: tuple[KnownContact, ...] = ()
    by_email: tuple[KnownContact, ...] = ()
    is_certain: bool = True


NOTHING_FOUND: Final = Found()


def is_same_person(change: ContactChange, contact: KnownContact) -> bool:
    """Say whether `contact` bears the identity of `change`."""
    if change.by_email:
        return contact.email == change.key.value
    return contact.external_id == change.key.value and contact.role != "lead"


def is_another(change: ContactChange, body: Mapping[str, Any]) -> bool:
    """Say whether the contact that was written to bears another identity than `change`."""
    if change.key.field not in body:
        return False
    contact = read_identity(body)
    return (contact.email if change.by_email else contact.external_id) != change.key.value


def choose(change: ContactChange, found: Found) -> KnownContact | Outcome | None:
    """Choose the contact of `change` among those found: None if there is none, an outcome if it would be a guess."""
    users = [contact for contact in found.by_identity if contact.role != "lead"]
    if len(users) > 1:
        return rejected(outcomes.AMBIGUOUS_EMAIL)
    if users:
        return users[0]
    leads = found.by_identity if change.by_email else ()
    if len(leads) > 1:
        return rejected(outcomes.AMBIGUOUS_EMAIL)
    return leads[0] if leads else None


def is_free(contact: KnownContact) -> bool:
    """Say whether the contact bears nobody's external_id; a lead's is one that Intercom made up (recorded)."""
    return contact.external_id is None or contact.role == "lead"


def is_known_as_another(change: ContactChange, contact: KnownContact) -> bool:
    """Say whether an answer has shown that the contact bears another identity than `change`."""
    shown = contact.email if change.by_email else contact.external_id
    return shown not in {None, change.key.value}


def go_alone(changes: Sequence[ContactChange], outcome: Outcome) -> bool:
    """Say whether records that were rejected as one may fare better one by one: if a value of one may be the reason.

    That a contact is another person's is no value's fault, unless it stands in the way of an address which
    only some of them name.
    """
    if outcome.status is not Status.REJECTED:
        return False
    in_the_way = outcome.reason == outcomes.IDENTITY_CONFLICT and outcome.refusal is not None
    differ = any(change.fields.get("email") != changes[0].fields.get("email") for change in changes)
    return outcome.reason in PAYLOAD_REASONS or (in_the_way and differ)


def keys_of(contact: KnownContact) -> list[Key]:
    """Tell under which keys records may name a contact."""
    keys: list[tuple[IdentityField, str | None]] = [("external_id", contact.external_id), ("email", contact.email)]
    return [Key(field, value) for field, value in keys if value is not None]


def id_in(refusal: Refusal) -> str | None:
    """Read the contact's id from a conflict's message (Intercom's documentation of the 409)."""
    message = refusal.message or ""
    match = _ID_IN_MESSAGE.search(message) or _ANY_ID_IN_MESSAGE.search(message)
    return match[1] if match else None
