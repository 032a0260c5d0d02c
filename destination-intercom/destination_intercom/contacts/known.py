"""What is known of a contact: who it is, and of its values a digest each, which is enough to compare them.

A run knows a hundred thousand contacts with forty texts each; the texts themselves would not fit, and most contacts
cost nothing but their comparison. Pure.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import zip_longest
from typing import Any, Protocol

from destination_intercom.attributes.values import convert_typed
from destination_intercom.digests import EMPTY, UNKNOWN, digest
from destination_intercom.standard_fields import FIELDS
from destination_intercom.values import MAX_TEXT, MISSING, Converted, Moment


class WrittenNames(Protocol):
    """What of contacts is written at all: see `attributes.Attributes`."""

    @property
    def types(self) -> Mapping[str, str]:
        """Tell the types of the custom attributes that are written."""

    @property
    def fields(self) -> frozenset[str]:
        """Tell the standard fields that are written."""


@dataclass(frozen=True, slots=True)
class ShownLinks:
    """The companies or the tags that a contact is shown with, as digests of Intercom's ids; there may be more."""

    ids: array[int]
    has_more: bool


@dataclass(frozen=True, slots=True)
class KnownContact:
    """What is known of a contact: Intercom's id, who it is, and the digests of its values.

    `updated_at` is in unix seconds, by Intercom's clock. `values` is None for a contact of which only the id is
    remembered; a `ContactReader` can tell one from it.
    `companies` and `tags` are None where nobody has shown them, or nobody asks.
    """

    contact_id: str
    role: str | None = None
    external_id: str | None = field(default=None, repr=False)
    email: str | None = field(default=None, repr=False)
    updated_at: int | None = field(default=None, compare=False)
    values: array[int] | None = field(default=None, repr=False)
    companies: ShownLinks | None = field(default=None, repr=False)
    tags: ShownLinks | None = field(default=None, repr=False)


def read_identity(body: Mapping[str, Any]) -> KnownContact:
    """Read who a contact is, as Intercom describes it, and none of its values."""
    return KnownContact(
        body["id"],
        _text(body.get("role")),
        _text(body.get("external_id")),
        (_text(body.get("email")) or "").strip().lower() or None,
        updated_at if isinstance(updated_at := body.get("updated_at"), int) else None,
    )


def read_links(shown: Any) -> ShownLinks | None:
    """Read the companies or tags that a contact shows, its first ten (Intercom's API description); None for no list."""
    data = shown.get("data") if isinstance(shown, dict) else None
    if not isinstance(data, list):
        return None
    ids = [each["id"] for each in data if isinstance(each, dict) and isinstance(each.get("id"), str)]
    total = shown.get("total_count")
    has_more = shown.get("has_more") is True or (isinstance(total, int) and total > len(ids))
    return ShownLinks(array("q", map(hash, ids)), has_more)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


class ContactReader:
    """Reads contacts as Intercom shows them, and keeps of them what is ever compared: `names` are those written.

    Their companies are kept `with_companies` only, their tags `with_tags`.

    Each name has its place among the digests, given when it is first met; a contact that was read before
    then shows nothing of it.
    """

    def __init__(self, names: WrittenNames, *, with_companies: bool = False, with_tags: bool = False) -> None:
        self._names = names
        self._with_companies = with_companies
        self._with_tags = with_tags
        self._places: dict[str, int] = {}

    def read(self, body: Mapping[str, Any]) -> KnownContact:
        """Read a contact."""
        fields, types = self._names.fields, self._names.types
        for name in (*fields, *types) if len(self._places) < len(fields) + len(types) else ():
            self._places.setdefault(name, len(self._places))
        attributes = body.get("custom_attributes")
        custom = attributes if isinstance(attributes, dict) else None
        digests = [
            _digest_of_field(name, body.get(name, MISSING))
            if name in FIELDS
            else _digest_of_attribute(types.get(name), MISSING if custom is None else custom.get(name))
            for name in self._places
        ]
        companies = read_links(body.get("companies")) if self._with_companies else None
        tags = read_links(body.get("tags")) if self._with_tags else None
        return replace(read_identity(body), values=array("q", digests), companies=companies, tags=tags)

    def shown(self, contact: KnownContact, name: str) -> int:
        """Tell the digest of what a contact has under `name`; `UNKNOWN` where nobody has shown it."""
        place, values = self._places.get(name), contact.values
        return UNKNOWN if values is None or place is None or place >= len(values) else values[place]

    def has(self, contact: KnownContact, payload: Mapping[str, Any]) -> bool:
        """Say whether a contact has the values of a payload as it is sent, its fields and custom attributes."""
        values = {name: value for name, value in payload.items() if name != "custom_attributes"}
        values |= payload.get("custom_attributes", {})
        return all(self.shown(contact, name) == wanted_digest(name, value) for name, value in values.items())

    def fill(self, known: KnownContact | None, contact: KnownContact) -> KnownContact:
        """Fill in from `known` what an answer does not show of the same contact."""
        if known is None or known.values is None or contact.values is None:
            return contact
        pairs = zip_longest(contact.values, known.values, fillvalue=UNKNOWN)
        values = array("q", (old if new == UNKNOWN else new for new, old in pairs))
        companies, tags = contact.companies or known.companies, contact.tags or known.tags
        return replace(contact, values=values, companies=companies, tags=tags)


def wanted_digest(name: str, value: Any) -> int:
    """Tell the digest of a value that is to be written under `name`, converted as it is sent."""
    standard = FIELDS.get(name)
    return digest(value, ordered=standard is not None and standard.only_later)


def _digest_of_field(name: str, shown: Any) -> int:
    standard = FIELDS[name]
    if not standard.readable:
        return UNKNOWN
    if standard.shown_in is not None and isinstance(shown, dict):
        shown = shown.get(standard.shown_in)
    return _digest_of_shown(shown, standard.convert, ordered=standard.only_later)


def _digest_of_attribute(kind: str | None, shown: Any) -> int:
    if kind == "string" and isinstance(shown, str) and len(shown) <= MAX_TEXT:
        # As most are; the conversion would come to the same.
        return hash(shown)
    return _digest_of_shown(shown, partial(convert_typed, kind), ordered=False)


def _digest_of_shown(shown: Any, convert: Callable[[Any], Converted], *, ordered: bool) -> int:
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
    return digest(value, ordered=ordered)
