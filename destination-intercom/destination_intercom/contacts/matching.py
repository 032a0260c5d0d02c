"""Who is who among contacts, and what is left of a change that was refused. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from destination_intercom import outcomes
from destination_intercom.contacts.known import KnownContact, read_identity
from destination_intercom.contacts.mapping import ContactChange
from destination_intercom.outcomes import Outcome, Refusal, Status, rejected

PAYLOAD_REASONS: Final = frozenset(
    {
        outcomes.REFUSED,
        outcomes.CONFLICT,
        outcomes.IDENTITY_CONFLICT,
        outcomes.EMAIL_TAKEN,
        outcomes.AMBIGUOUS_EMAIL,
    }
)

REFUSED_TRIM: Final = "refused"

CONFLICT_STATUS: Final = 409

_ID_IN_MESSAGE = re.compile(r"\bid=([0-9a-f]{24})\b")
_ANY_ID_IN_MESSAGE = re.compile(r"\bid=([A-Za-z0-9_-]+)")
_NAMED_ATTRIBUTE = re.compile(r"'([^']+)'|\"([^\"]+)\"")


@dataclass(frozen=True, slots=True)
class Found:
    """What a lookup found for one person: by the identity, and by the e-mail beside it."""

    by_identity: tuple[KnownContact, ...] = ()
    by_email: tuple[KnownContact, ...] = ()


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


def is_refused_payload(outcome: Outcome) -> bool:
    """Say whether one record's value may be what others were rejected for: refused, or an address that is taken."""
    return outcome.status is Status.REJECTED and outcome.reason in PAYLOAD_REASONS


def without_named(change: ContactChange, refusal: Refusal) -> ContactChange | None:
    """Leave out the attribute that a refusal names; None if it names none of ours."""
    for match in _NAMED_ATTRIBUTE.finditer(refusal.message or ""):
        name = match[1] or match[2]
        if name in change.attributes:
            attributes = {other: value for other, value in change.attributes.items() if other != name}
            return replace(change, attributes=attributes, trims=(*change.trims, (name, REFUSED_TRIM)))
    return None


def id_in(refusal: Refusal) -> str | None:
    """Read the contact's id from a conflict's message (Intercom's documentation of the 409)."""
    message = refusal.message or ""
    match = _ID_IN_MESSAGE.search(message) or _ANY_ID_IN_MESSAGE.search(message)
    return match[1] if match else None
