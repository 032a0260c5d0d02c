"""What has attributes in Intercom: people and companies, each with its own standard fields. Pure; knows no record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from destination_intercom.company_fields import COMPANY_FIELDS, COMPANY_RESERVED
from destination_intercom.standard_fields import FIELDS, NEVER_BY_WILDCARD, RESERVED_FIELDS, StandardField


@dataclass(frozen=True, slots=True)
class Model:
    """One of the models of `GET /data_attributes`.

    `section` is the section of the form that writes it, `page` the one of Intercom's settings that shows its
    attributes. Nothing is written to `reserved` names, and no member of a wildcard to those of `never_by_wildcard`.
    """

    name: str
    section: str
    page: str
    fields: Mapping[str, StandardField]
    reserved: frozenset[str]
    never_by_wildcard: frozenset[str]


CONTACT: Final = Model("contact", "users", "People", FIELDS, RESERVED_FIELDS, NEVER_BY_WILDCARD)
COMPANY: Final = Model("company", "companies", "Companies", COMPANY_FIELDS, COMPANY_RESERVED, COMPANY_RESERVED)
