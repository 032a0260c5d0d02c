"""Which changes go by Intercom's bulk endpoints, and as what; every other one goes by itself. Pure.

Bulk passes over without a word what it does not take, and tells of nobody why they were refused. So only what its
description takes for sure goes there (`standard_fields` knows of each field), and never what nobody has seen it do:
a null that clears, an address that may be somebody else's, a value outside of an attribute's list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from destination_intercom.contacts.mapping import ContactChange
from destination_intercom.contacts.refusals import is_opt_out
from destination_intercom.standard_fields import FIELDS


def may_be_created(change: ContactChange) -> bool:
    """Say whether a user whom nobody knows can be created in bulk as `change` says."""
    return _is_plain(change) and all(FIELDS[name].in_bulk_create for name in change.fields)


def may_be_updated(least: ContactChange) -> bool:
    """Say whether a known contact can be updated in bulk with `least`, what of a change is to be written to it."""
    return (
        _is_plain(least) and "email" not in least.fields and all(FIELDS[name].in_bulk_update for name in least.fields)
    )


def _is_plain(change: ContactChange) -> bool:
    values = {**change.fields, **change.attributes}
    if any(value is None for value in values.values()) or not change.outside.isdisjoint(values):
        return False
    # A person's word that must not be lost goes where somebody confirms it.
    return not any(is_opt_out(change, name) for name in change.fields)


@dataclass(frozen=True, slots=True)
class Links:
    """What rides along with a contact: Intercom's ids of companies and of tags to add, by our id and by name.

    `tags_off` are Intercom's ids of tags to take off.
    """

    companies: Mapping[str, str] = field(default_factory=dict, repr=False)
    tags: Mapping[str, str] = field(default_factory=dict, repr=False)
    tags_off: tuple[str, ...] = field(default=(), repr=False)

    def __bool__(self) -> bool:
        return bool(self.companies or self.tags or self.tags_off)

    @property
    def body(self) -> dict[str, Any]:
        """Make what a member of a bulk call says of it."""
        body: dict[str, Any] = {}
        if self.companies:
            body["companies"] = [{"company_id": company_id} for company_id in self.companies]
        tags = {"add": list(self.tags.values()), "remove": list(self.tags_off)}
        listed = {name: [{"id": each} for each in ids] for name, ids in tags.items() if ids}
        return {**body, "tags": listed} if listed else body


NO_LINKS: Final = Links()


def to_create(change: ContactChange, links: Links = NO_LINKS) -> dict[str, Any]:
    """Make the member of a bulk create that is the user of `change`."""
    return {**change.create_body("user"), **links.body}


def to_update(contact_id: str, least: ContactChange, links: Links = NO_LINKS) -> dict[str, Any]:
    """Make the member of a bulk update that writes `least` to a contact."""
    return {"id": contact_id, **least.update_body, **links.body}
