"""A record -> the identity of the person that it is about, or why there is none. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from destination_intercom import outcomes
from destination_intercom.outcomes import Outcome, filtered, rejected
from destination_intercom.values import MISSING, PathReader, is_set, to_identity


@dataclass(frozen=True, slots=True)
class IdentityRule:
    """Where a record's identity stands; `email` says what it is in Intercom."""

    read: PathReader
    email: bool
    reject_missing: bool


def identify(rule: IdentityRule, data: dict[str, Any]) -> str | Outcome:
    """Read the identity, as Intercom is to know it; else the outcome of the record."""
    value = rule.read(data)
    if not is_set(value):
        absent = value is MISSING
        if rule.reject_missing:
            return rejected(outcomes.MISSING_IDENTITY)
        return filtered(outcomes.NO_IDENTITY_PROPERTY if absent else outcomes.ANONYMOUS)
    try:
        return to_identity(value, email=rule.email)
    except ValueError:
        return rejected(outcomes.INVALID_IDENTITY)
