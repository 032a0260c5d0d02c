"""What is known of a contact: who it is, and of its values a digest each, which is enough to compare them.

A run knows a hundred thousand contacts with forty texts each; the texts themselves would not fit. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, Protocol

from destination_intercom.contacts.mapping import convert_field, convert_typed
from destination_intercom.standard_fields import FIELDS
from destination_intercom.values import MISSING, Converted, Moment

DIGEST_BYTES: Final = 8
"""Of so many bytes two values have the same ones by chance once in 10**19 comparisons."""

UNKNOWN: Final = bytes(DIGEST_BYTES)
"""Stands for a value that nobody has shown; equal to nothing."""

EMPTY: Final = b"\1".rjust(DIGEST_BYTES, b"\0")
"""Stands for no value; a text that is empty is none."""

_ORDERED_FROM: Final = 2**62
"""Added to a moment, so that its eight bytes are in the order of time, and none of the two above."""


class WrittenNames(Protocol):
    """What of contacts is written at all: see `attributes.Attributes`."""

    @property
    def types(self) -> Mapping[str, str]:
        """Tell the types of the custom attributes that are written."""

    @property
    def fields(self) -> frozenset[str]:
        """Tell the standard fields that are written."""


@dataclass(frozen=True, slots=True)
class KnownContact:
    """What is known of a contact: Intercom's id, who it is, and the digests of its values.

    `values` is None for a contact of which only the id is remembered; a `ContactReader` can tell one from it.
    """

    contact_id: str
    role: str | None = None
    external_id: str | None = field(default=None, repr=False)
    email: str | None = field(default=None, repr=False)
    values: bytes | None = field(default=None, repr=False)


def read_identity(body: Mapping[str, Any]) -> KnownContact:
    """Read who a contact is, as Intercom describes it, and none of its values."""
    return KnownContact(
        body["id"],
        _text(body.get("role")),
        _text(body.get("external_id")),
        (_text(body.get("email")) or "").strip().lower() or None,
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


class ContactReader:
    """Reads contacts as Intercom shows them, and keeps of them what is ever compared: `names` are those written.

    Each name has its place among the digests, given when it is first met; a contact that was read before
    then shows nothing of it.
    """

    def __init__(self, names: WrittenNames) -> None:
        self._names = names
        self._places: dict[str, int] = {}

    def read(self, body: Mapping[str, Any]) -> KnownContact:
        """Read a contact."""
        attributes = body.get("custom_attributes")
        custom = attributes if isinstance(attributes, dict) else None
        digests = {self._place(name): _digest_of_field(name, body.get(name, MISSING)) for name in self._names.fields}
        for name, kind in self._names.types.items():
            shown = MISSING if custom is None else custom.get(name)
            digests[self._place(name)] = _digest_of_shown(shown, partial(convert_typed, kind))
        values = b"".join(digests.get(place, UNKNOWN) for place in range(len(self._places)))
        return replace(read_identity(body), values=values)

    def shown(self, contact: KnownContact, name: str) -> bytes:
        """Tell the digest of what a contact has under `name`; `UNKNOWN` where nobody has shown it."""
        place = self._places.get(name)
        if contact.values is None or place is None:
            return UNKNOWN
        return contact.values[place * DIGEST_BYTES : (place + 1) * DIGEST_BYTES] or UNKNOWN

    def wanted(self, name: str, value: Any) -> bytes:
        """Tell the digest of a value that is to be written under `name`, converted as it is sent."""
        standard = FIELDS.get(name)
        return _digest(value, ordered=standard is not None and standard.only_later)

    def fill(self, known: KnownContact | None, contact: KnownContact) -> KnownContact:
        """Fill in from `known` what an answer does not show of the same contact."""
        if known is None or known.values is None or contact.values is None:
            return contact
        places = range(0, max(len(known.values), len(contact.values)), DIGEST_BYTES)
        pairs = ((contact.values[at : at + DIGEST_BYTES], known.values[at : at + DIGEST_BYTES]) for at in places)
        return replace(contact, values=b"".join(old if new in (b"", UNKNOWN) else new for new, old in pairs))

    def _place(self, name: str) -> int:
        return self._places.setdefault(name, len(self._places))


def _digest_of_field(name: str, shown: Any) -> bytes:
    standard = FIELDS[name]
    if not standard.readable:
        return UNKNOWN
    if standard.shown_in is not None and isinstance(shown, dict):
        shown = shown.get(standard.shown_in)
    return _digest_of_shown(shown, partial(convert_field, name), ordered=standard.only_later)


def _digest_of_shown(shown: Any, convert: Callable[[Any], Converted], *, ordered: bool = False) -> bytes:
    """Make the digest of a value as Intercom shows it, converted as one that is written."""
    if shown is MISSING or shown is None:
        return UNKNOWN if shown is MISSING else EMPTY
    if isinstance(shown, list):
        # Of a source it would become a text; Intercom shows none where there is one value.
        return UNKNOWN
    try:
        # Intercom's own numbers are what they are: a birthday before 1979 is unix seconds, too.
        value, _ = convert(Moment(shown) if type(shown) is int else shown)
    except ValueError:
        return UNKNOWN
    return _digest(value, ordered=ordered)


def _digest(value: Any, *, ordered: bool) -> bytes:
    if value is MISSING:
        return UNKNOWN
    if value is None or value == "":
        return EMPTY
    if ordered and isinstance(value, int):
        return (value + _ORDERED_FROM).to_bytes(DIGEST_BYTES, "big")
    if isinstance(value, float) and value.is_integer():
        # 7 and 7.0 are equal; 1 and true are not.
        value = int(value)
    text = f"{type(value).__name__} {value}"
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).digest()
