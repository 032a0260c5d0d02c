"""A wanted contact against a known one: the least change, or none. Pure.

Values are compared after conversion to the attribute's own type: 7 and 7.0, "2024-05-06" and
1714953600, and e-mail addresses of any case are equal. A text that is empty and one that is not
there are equal, too. What needs an address beside it goes only where the address goes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias

from destination_intercom.contacts.known import ContactReader, KnownContact, wanted_digest
from destination_intercom.contacts.mapping import ContactChange
from destination_intercom.digests import EMPTY
from destination_intercom.standard_fields import FIELDS

Form: TypeAlias = tuple[int, int]
"""The digest of a value as it was sent to a contact, and as Intercom has shown it since."""

NO_FORMS: Final[Mapping[str, Form]] = {}


def diff(
    change: ContactChange,
    known: KnownContact,
    reader: ContactReader,
    *,
    forms: Mapping[str, Form] = NO_FORMS,
    always: bool = False,
) -> ContactChange:
    """Keep of `change` what is to be written to `known`; nothing is left of one that `known` already meets.

    A value that the contact has in the form which Intercom made of it, by `forms`, is equal. With `always` equal
    values are kept, too: nobody is sure that they are equal. What the contact's own value forbids to write
    never is.
    """

    def is_written(name: str, value: Any) -> bool:
        wanted, shown = wanted_digest(name, value), reader.shown(known, name)
        if name in change.if_empty:
            # Nor where nobody can tell what the contact has.
            return shown == EMPTY != wanted
        if name in FIELDS and FIELDS[name].only_later and EMPTY != wanted < shown:
            return False
        return always or (wanted != shown and forms.get(name) != (wanted, shown))

    fields = {name: value for name, value in change.fields.items() if is_written(name, value)}
    if "email" not in fields:
        fields = {name: value for name, value in fields.items() if not FIELDS[name].needs_email}
    attributes = {name: value for name, value in change.attributes.items() if is_written(name, value)}
    return replace(change, fields=fields, attributes=attributes)


def merge(changes: Sequence[ContactChange]) -> ContactChange:
    """Make one change of several to one contact: what it comes to if they are written one after the other."""
    merged = changes[0]
    for change in changes[1:]:
        merged = _follow(merged, change)
    return merged


def _follow(first: ContactChange, then: ContactChange) -> ContactChange:
    before = {**first.fields, **first.attributes}
    # The first of two values fills what the second may only fill.
    filled = {name for name in then.if_empty if before.get(name, "") not in ("", None)}
    fields = {name: value for name, value in then.fields.items() if name not in filled}
    attributes = {name: value for name, value in then.attributes.items() if name not in filled}
    kept = first.fields
    if "email" in fields:
        # What came beside the other address was about that one.
        kept = {name: value for name, value in kept.items() if not FIELDS[name].needs_email}
    # What the first has emptied for sure may be filled for sure.
    filling = {name for name in then.if_empty if name not in before or name in first.if_empty}
    now = frozenset({*fields, *attributes})
    return replace(
        first,
        fields={**kept, **fields},
        attributes={**first.attributes, **attributes},
        if_empty=(first.if_empty - now) | (now & filling),
        outside=(first.outside - now) | (now & then.outside),
        companies={**first.companies, **then.companies},
        tags={**first.tags, **then.tags},
        lists={prefix: _agree(prefix, first, then) for prefix in (*first.lists, *then.lists)},
    )


def _agree(prefix: str, first: ContactChange, then: ContactChange) -> frozenset[str] | None:
    """Tell what both changes have for all tags with a prefix, or the one that does; None if they contradict."""
    named = [change.lists[prefix] for change in (first, then) if prefix in change.lists]
    return named[0] if all(each == named[0] for each in named) else None
