"""The standard fields of a contact, each written down once: what it takes, and how Intercom treats it.

A field is a standard one if it is in `FIELDS`; every other name is a custom attribute. The
configuration, the mapping and the comparison read all that they know of a field from here, and
tests hold the form and the pages to it. Pure; knows no record, no contact and no call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from destination_intercom.values import (
    MAX_TEXT,
    MISSING,
    Converted,
    convert_exactly,
    convert_text,
    to_flag,
    to_integer,
    to_text,
    to_time,
)

Overwrite: TypeAlias = Literal["always", "if_empty", "only_true"]
"""When a value is written to a contact that is there: always; where it has none; only a true."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandardField:
    """One standard field.

    `convert` makes of a source's value, and of the value that Intercom shows, what the field takes;
    it raises a ValueError for what does not convert without loss, which is then left out as `no_`
    and `kind`, a word of `TRIM_REASONS`. Two values are equal if they are so after the conversion.
    """

    name: str
    convert: Callable[[Any], Converted]
    kind: str
    shown_in: str | None = None
    """The member that holds the value where an answer shows an object in its place."""
    readable: bool = True
    """Whether answers show it; one that they do not show differs from whatever is wanted."""
    clearable: bool = True
    """Whether a null may empty it; else a null is as good as absent."""
    only_later: bool = False
    """Whether it is a moment that only moves on: one before the contact's own is not written."""
    overwrite: Overwrite = "always"
    """When it is written, where the user has not said so."""
    is_opt_out: bool = False
    """Whether a true of it is a person's word that must not be lost: nobody is created without it."""
    needs_email: bool = False
    """Whether Intercom takes it only with an e-mail address in the same request; it is about that address."""
    in_bulk_create: bool = True
    """Whether `POST /contacts/bulk` takes it; what it does not take it ignores without a word."""
    in_bulk_update: bool = True
    """Whether `PUT /contacts/bulk` takes it, likewise."""


def _to_email(value: Any) -> Converted:
    address = value.strip().lower() if isinstance(value, str) else ""
    if isinstance(value, str) and not address:
        return MISSING, ""
    return (address, "") if "@" in address and len(address) <= MAX_TEXT else (MISSING, "invalid_email")


def convert_url(value: Any) -> Converted:
    """Write a URL, which is never cut."""
    text = to_text(value)
    return (text, "") if len(text) <= MAX_TEXT else (MISSING, "long_url")


YEAR_9999: Final = 253_370_764_800
"""Its beginning in unix seconds. It and whatever is before 1970 stand for "none" in many a source."""


def convert_date(value: Any) -> Converted:
    """Make unix seconds of a time, but of none that stands for "none"."""
    seconds = to_time(value)
    return (seconds, "") if 0 <= seconds < YEAR_9999 else (MISSING, "far_time")


FIELDS: Final = {
    field.name: field
    for field in (
        # Intercom makes "" of a null, and messages would go astray (recorded).
        StandardField(name="email", convert=_to_email, kind="scalar", clearable=False),
        StandardField(name="name", convert=convert_text, kind="scalar"),
        StandardField(name="phone", convert=convert_text, kind="scalar"),
        StandardField(name="avatar", convert=convert_url, kind="scalar", shown_in="image_url"),
        StandardField(name="signed_up_at", convert=convert_date, kind="date", in_bulk_update=False),
        # Intercom sees people by itself, so that a source may be behind.
        StandardField(name="last_seen_at", convert=convert_date, kind="date", only_later=True, in_bulk_update=False),
        # A text since version 2.16 of Intercom's API.
        StandardField(name="owner_id", convert=convert_exactly(lambda value: str(to_integer(value))), kind="integer"),
        # A source that never heard of an opt-out made in Intercom would undo it at each sync.
        StandardField(
            name="unsubscribed_from_emails",
            convert=convert_exactly(to_flag),
            kind="boolean",
            clearable=False,
            overwrite="only_true",
            is_opt_out=True,
        ),
        # Without an address in the same request Intercom answers 400, says its API description.
        StandardField(
            name="email_verified",
            convert=convert_exactly(to_flag),
            kind="boolean",
            readable=False,
            clearable=False,
            needs_email=True,
            in_bulk_create=False,
            in_bulk_update=False,
        ),
    )
}
"""The standard fields that the connector writes, by name; what bulk takes is from Intercom's description of Preview."""

RESERVED_FIELDS: Final = frozenset(
    {"id", "external_id", "role", "type", "workspace_id", "created_at", "updated_at", "custom_attributes"}
)
"""Fields of a contact that are Intercom's own, or the identity's: no property is written to them."""

NEVER_BY_WILDCARD: Final = RESERVED_FIELDS | {"avatar", "owner_id", "unsubscribed_from_emails"}
"""Names that no member of a wildcard is written to: what it would do to people is meant only where it is named."""

STANDARD_FIELDS: Final = frozenset(FIELDS)
"""Their names alone, where a set of them is kept."""
