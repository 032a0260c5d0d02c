"""How a record of a stream updates a contact: the configuration's users, compiled. Reads no record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from destination_intercom.airbyte.catalog import CatalogStream
from destination_intercom.airbyte.schemas import type_in_schema
from destination_intercom.configuration.config import Attribute, UsersEnabled, UserStream
from destination_intercom.configuration.filters import Predicate
from destination_intercom.configuration.plan import PlanChecks
from destination_intercom.contacts.attribute_types import Origin, read_origin
from destination_intercom.identity import IdentityRule
from destination_intercom.paths import PathReader, compile_path
from destination_intercom.standard_fields import Overwrite


@dataclass(frozen=True, slots=True)
class AttributeRule:
    """One property that is written to contacts; `type` is None where nobody tells it."""

    read: PathReader
    target: str
    type: str | None
    overwrite: Overwrite = "always"
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class UserRule:
    """How a record of a stream updates a contact."""

    identity: IdentityRule
    holds: tuple[Predicate, ...]
    attributes: tuple[AttributeRule, ...]
    clear_nulls: bool
    if_empty: frozenset[str] = frozenset()
    """What is written only to a contact that has no value of it."""


def compile_user_rules(users: UsersEnabled, stream: CatalogStream, checks: PlanChecks) -> list[UserRule]:
    """Compile a rule for each entry of `users.streams` that means `stream`."""
    if users.write_mode == "update_only" and users.archived_contacts == "unarchive":
        checks.warn(
            "users.archived_contacts: unarchive has no effect with users.write_mode update_only, for only a creation"
            " shows who is archived: such people are rejected as not_found."
        )
    return [
        _user_rule(users, entry, stream, checks)
        for entry in users.streams
        if checks.is_meant(entry.stream, entry.namespace, stream.name)
    ]


def _user_rule(users: UsersEnabled, own: UserStream, stream: CatalogStream, checks: PlanChecks) -> UserRule:
    for entry in users.attributes:
        checks.expect(entry.path, stream, "users.attributes")
    return UserRule(
        checks.identity_rule(own.identity_property, stream, field=own.intercom_field),
        checks.predicates(users.filters, stream, "users.filters"),
        tuple(_attribute_rule(entry, stream.schema) for entry in users.attributes),
        users.null_values == "clear",
        frozenset(entry.target for entry in users.attributes if entry.overwrites == "if_empty"),
    )


def _attribute_rule(entry: Attribute, schema: dict[str, Any]) -> AttributeRule:
    kind = entry.type or type_in_schema(entry.path, schema)
    return AttributeRule(
        compile_path(entry.path), entry.target, kind, entry.overwrites, read_origin(entry.path, entry.type, schema)
    )
