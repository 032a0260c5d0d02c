"""Whom a record is about: the key of a person or a company, and how it is read from a record. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

from destination_intercom import outcomes
from destination_intercom.outcomes import Outcome, filtered, rejected
from destination_intercom.paths import PathReader
from destination_intercom.values import MISSING, is_set, to_identity

IdentityField: TypeAlias = Literal["external_id", "email"]
"""What an identity is in Intercom; the external_id is its "User ID"."""


KeyField: TypeAlias = IdentityField | Literal["company_id"]
"""What a key is in Intercom: a person's identity, or the id that the source gives a company."""


Question: TypeAlias = Callable[[dict[str, Any]], bool]
"""Something to know of a record's data."""


class Key(NamedTuple):
    """A person, or a company, as a record names it: the kind of identity, and its value.

    One text as a User ID and as an e-mail address is two keys: nothing says that they are one person.
    """

    field: KeyField
    value: str

    def __repr__(self) -> str:
        return f"Key({self.field}, …)"

    @property
    def digest(self) -> bytes:
        """Stand for the key in 16 bytes, where very many are remembered."""
        # An identity may hold half a character: JSON allows it.
        text = f"{self.field} {self.value}".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class IdentityRule:
    """Where a record's identity stands, and what it is in Intercom.

    `is_declared` says that the stream's schema has it there, `is_present` that a record has a property that it is
    read from, `leads_into_null` that something around that is null: then a record without one is about nobody, which
    is ordinary. `is_lost` says that a record had
    one which could not be kept on its way here.
    """

    read: PathReader
    field: KeyField
    reject_missing: bool
    is_declared: bool = False
    leads_into_null: Question = lambda _: False
    is_present: Question = lambda _: False
    is_lost: Question = lambda _: False


def identify(rule: IdentityRule, data: dict[str, Any], *, where: Iterable[Question] = ()) -> Key | Outcome:
    """Read the identity, as Intercom is to know it, of a record that fits `where`; else the outcome of the record."""
    for holds in where:
        if not holds(data):
            return filtered(outcomes.FILTERED_OUT)
    value = rule.read(data)
    if not is_set(value):
        return _explain_missing(rule, data, value)
    try:
        return Key(rule.field, to_identity(value, email=rule.field == "email"))
    except ValueError:
        return rejected(outcomes.INVALID_IDENTITY)


def _explain_missing(rule: IdentityRule, data: dict[str, Any], value: Any) -> Outcome:
    if rule.is_lost(data):
        return rejected(outcomes.INVALID_IDENTITY)
    if rule.reject_missing:
        return rejected(outcomes.MISSING_IDENTITY)
    if rule.is_declared or value is not MISSING or rule.is_present(data):
        return filtered(outcomes.ANONYMOUS)
    return outcomes.NULL_AROUND_IDENTITY if rule.leads_into_null(data) else filtered(outcomes.NO_IDENTITY_PROPERTY)
