"""A wanted contact against a known one: the least change, or none. Pure.

Values are compared after conversion to the attribute's own type: 7 and 7.0, "2024-05-06" and
1714953600, and e-mail addresses of any case are equal. A text that is empty and one that is not
there are equal, too. What needs an address beside it goes only where the address goes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from destination_intercom.contacts.known import ContactReader, KnownContact
from destination_intercom.contacts.mapping import ContactChange
from destination_intercom.standard_fields import FIELDS


def diff(change: ContactChange, known: KnownContact, reader: ContactReader) -> ContactChange:
    """Keep of `change` what differs from `known`; nothing is left of one that `known` already meets."""
    if known.values is None:
        return change
    fields = {name: value for name, value in change.fields.items() if _differs(name, value, known, reader)}
    if "email" not in fields:
        fields = {name: value for name, value in fields.items() if not FIELDS[name].needs_email}
    attributes = {name: value for name, value in change.attributes.items() if _differs(name, value, known, reader)}
    return replace(change, fields=fields, attributes=attributes)


def _differs(name: str, value: Any, known: KnownContact, reader: ContactReader) -> bool:
    return reader.wanted(name, value) != reader.shown(known, name)


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
