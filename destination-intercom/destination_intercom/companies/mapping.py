"""A record -> the change to a company that it asks for, or why it asks for none.

Pure: no I/O and no clock; a record is never changed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from destination_intercom import outcomes
from destination_intercom.attributes.values import add_members, convert
from destination_intercom.companies.rules import CompanyRule
from destination_intercom.company_fields import COMPANY_FIELDS
from destination_intercom.identity import Key, identify
from destination_intercom.models import COMPANY
from destination_intercom.outcomes import Outcome, filtered
from destination_intercom.values import MISSING, Trim


@dataclass(frozen=True, slots=True)
class CompanyChange:
    """What a company is to become: `fields` are Intercom's own, `attributes` the custom ones."""

    kind: ClassVar[str] = "companies"
    key: Key
    fields: dict[str, Any] = field(default_factory=dict, repr=False)
    attributes: dict[str, Any] = field(default_factory=dict, repr=False)
    trims: tuple[Trim, ...] = ()

    @property
    def names(self) -> list[str]:
        """Tell the names of all values."""
        return [*self.fields, *self.attributes]

    @property
    def values(self) -> dict[str, Any]:
        """Tell all values by their names."""
        return {**self.fields, **self.attributes}

    def body(self, names: Collection[str]) -> dict[str, Any]:
        """Make the body of `POST /companies` with the values of `names` alone."""
        fields = {name: value for name, value in self.fields.items() if name in names}
        attributes = {name: value for name, value in self.attributes.items() if name in names}
        body: dict[str, Any] = {"company_id": self.key.value, **fields}
        return {**body, "custom_attributes": attributes} if attributes else body


def map_company(
    rule: CompanyRule, data: dict[str, Any], types: Mapping[str, str], *, skipped: frozenset[str] = frozenset()
) -> CompanyChange | Outcome:
    """Make the change that a record asks for, or say why there is none.

    `types` holds the workspace's type of each custom attribute; where it is silent, the rule's own counts. `skipped`
    attributes are left out.
    """
    if rule.is_deleted(data):
        return filtered(outcomes.DELETED)
    key = identify(rule.identity, data, where=rule.holds)
    if isinstance(key, Outcome):
        return key
    fields: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    trims: list[Trim] = []
    for attribute in rule.attributes:
        target, value = attribute.target, attribute.read(data)
        if value is MISSING or target in skipped:
            continue
        kind = types.get(target, attribute.type)
        converted, problem = convert(COMPANY, target, value, kind, clear=rule.clear_nulls)
        if problem:
            trims.append((target, problem))
        if converted is not MISSING:
            (fields if target in COMPANY_FIELDS else attributes)[target] = converted
    if rule.members:
        add_members(rule.members, data, types, model=COMPANY, fields=fields, attributes=attributes, trims=trims)
    return CompanyChange(key, fields, attributes, tuple(trims))
