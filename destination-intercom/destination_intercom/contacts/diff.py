"""A wanted contact against a known one: the least change, or none. Pure.

Values are compared after conversion to the attribute's own type: 7 and 7.0, "2024-05-06" and
1714953600, and e-mail addresses of any case are equal. A text that is empty and one that is not
there are equal, too. What needs an address beside it goes only where the address goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from destination_intercom.contacts.mapping import ContactChange, convert_field, convert_typed
from destination_intercom.standard_fields import FIELDS
from destination_intercom.values import MISSING, Moment


@dataclass(frozen=True, slots=True)
class KnownContact:
    """What is known of a contact: Intercom's id, who it is, and the values that it has.

    `values` is None for a contact of which only the id is remembered, `attributes` where an answer held none.
    """

    contact_id: str
    role: str | None = None
    external_id: str | None = field(default=None, repr=False)
    email: str | None = field(default=None, repr=False)
    values: Mapping[str, Any] | None = field(default=None, repr=False)
    attributes: Mapping[str, Any] | None = field(default_factory=dict, repr=False)


def read_contact(body: Mapping[str, Any]) -> KnownContact:
    """Read a contact as Intercom describes it."""
    attributes = body.get("custom_attributes")
    return KnownContact(
        body["id"],
        _text(body.get("role")),
        _text(body.get("external_id")),
        (_text(body.get("email")) or "").strip().lower() or None,
        {name: body[name] for name in FIELDS if name in body},
        attributes if isinstance(attributes, dict) else None,
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def diff(change: ContactChange, known: KnownContact, types: Mapping[str, str]) -> ContactChange:
    """Keep of `change` what differs from `known`; nothing is left of one that `known` already meets."""
    if known.values is None:
        return change
    fields = {
        name: value for name, value in change.fields.items() if _differs(name, value, known.values.get(name, MISSING))
    }
    if "email" not in fields:
        fields = {name: value for name, value in fields.items() if not FIELDS[name].needs_email}
    attributes = {
        name: value
        for name, value in change.attributes.items()
        if known.attributes is None
        or not _equal(value, _converted(convert_typed, types.get(name), known.attributes.get(name)))
    }
    return replace(change, fields=fields, attributes=attributes)


def _differs(name: str, wanted: Any, known: Any) -> bool:
    standard = FIELDS[name]
    if not standard.readable or known is MISSING:
        # What an answer does not hold is not known; it says null where there is nothing.
        return True
    if standard.shown_in is not None and isinstance(known, dict):
        known = known.get(standard.shown_in)
    return not _equal(wanted, _converted(convert_field, name, known))


def _converted(convert: Any, how: str | None, value: Any) -> Any:
    if value is None or isinstance(value, list):
        return None if value is None else MISSING
    try:
        # Intercom's own numbers are what they are: a birthday before 1979 is unix seconds, too.
        converted = convert(how, Moment(value) if type(value) is int else value)[0]
    except ValueError:
        return MISSING
    return converted


def _equal(wanted: Any, known: Any) -> bool:
    if known is MISSING:
        return False
    if wanted in ("", None) and known in ("", None):
        return True
    return isinstance(wanted, bool) is isinstance(known, bool) and bool(wanted == known)


def merge(changes: list[ContactChange]) -> ContactChange:
    """Make one change of several to one contact: the last value of each property wins."""
    merged = changes[0]
    for change in changes[1:]:
        if "email" in change.fields:
            # What came beside the other address was about that one.
            merged = replace(merged, fields={k: v for k, v in merged.fields.items() if not FIELDS[k].needs_email})
        merged = replace(
            merged, fields={**merged.fields, **change.fields}, attributes={**merged.attributes, **change.attributes}
        )
    return merged
