"""How a record of a stream updates a contact: the configuration's users, compiled. Reads no record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from destination_intercom.airbyte.catalog import CatalogStream
from destination_intercom.airbyte.schemas import declared_members, declared_properties, type_in_schema, undeclared
from destination_intercom.configuration.config import NamedAttribute, UsersEnabled, UserStream
from destination_intercom.configuration.entries import Attribute
from destination_intercom.configuration.filters import Predicate
from destination_intercom.configuration.plan import PlanChecks
from destination_intercom.contacts.attribute_types import Origin, read_origin
from destination_intercom.identity import IdentityRule
from destination_intercom.paths import MembersReader, PathReader, is_wildcard, rename
from destination_intercom.payloads import FormEntry
from destination_intercom.properties import is_template
from destination_intercom.standard_fields import Overwrite


@dataclass(frozen=True, slots=True)
class AttributeRule:
    """One property that is written to contacts.

    `type` is None where nobody tells it; `place` is the entry's place in the form, `property` what it selects.
    """

    read: PathReader
    target: str
    type: str | None
    overwrite: Overwrite = "always"
    place: str = ""
    origin: Origin | None = None
    property: str = ""


@dataclass(frozen=True, slots=True)
class AttributeMembers:
    """All members of an object as attributes, under names that `pattern` makes.

    `path` is the wildcard; `taken` are names that have an entry of their own, `left_out` members that are never
    written, `declared` the types of those that the stream's schema has.
    """

    path: str
    read: MembersReader
    pattern: str
    taken: frozenset[str]
    left_out: frozenset[str] = frozenset()
    if_empty: bool = False
    declared: Mapping[str, str | None] = field(default_factory=dict)
    place: str = ""


@dataclass(frozen=True, slots=True)
class UserRule:
    """How a record of a stream updates a contact."""

    identity: IdentityRule
    is_deleted: Predicate
    holds: tuple[Predicate, ...]
    attributes: tuple[AttributeRule, ...]
    clear_nulls: bool
    if_empty: frozenset[str] = frozenset()
    """What is written only to a contact that has no value of it."""
    members: tuple[AttributeMembers, ...] = ()

    @property
    def entries(self) -> dict[str, FormEntry]:
        """Tell the entry in the form of each name under which something may be left out."""
        return {each.target: FormEntry(each.place, each.property) for each in self.attributes} | {
            each.path: FormEntry(each.place, each.path) for each in self.members
        }


def compile_user_rules(users: UsersEnabled, stream: CatalogStream, checks: PlanChecks) -> list[UserRule]:
    """Compile a rule for each entry of `users.streams` that means `stream`."""
    if users.write_mode == "update_only" and users.archived_contacts == "unarchive":
        checks.warn(
            "users.archived_contacts: unarchive has no effect with users.write_mode update_only, for only a creation"
            " shows who is archived: such people are rejected as not_found."
        )
    return [
        _user_rule(users, name, entry, stream, checks)
        for name, entry in users.named_streams
        if checks.is_meant(entry.stream, entry.namespace, stream.name)
    ]


def warn_of_shared_properties(users: UsersEnabled, catalog: Sequence[CatalogStream], checks: PlanChecks) -> None:
    """Warn where two streams share the list of attributes, and both have a property that it names.

    One of them would overwrite what the other has written, and nobody could tell which is meant.
    """
    sharing = [
        (stream, entry)
        for entry in users.streams
        if entry.attributes is None
        for stream in catalog
        if checks.is_meant(entry.stream, entry.namespace, stream.name)
    ]
    shared: dict[str, list[NamedAttribute]] = {}
    for place, each in users.shared_attributes:
        streams = [stream for stream, entry in sharing if _has_besides_identity(each.path, stream, entry, checks)]
        quoted = list(dict.fromkeys(f'"{stream.name}"' for stream in streams))
        if len(quoted) > 1:
            shared.setdefault(" and ".join(quoted), []).append((place, each))
    for names, attributes in shared.items():
        sections = " and ".join(dict.fromkeys(place.partition(",")[0] for place, _ in attributes))
        properties = ", ".join(f'"{each.path}"' for _, each in attributes)
        checks.warn(
            f"{sections}: the streams {names} have {properties} alike, so that one overwrites what the other has"
            " written. If they do not mean the same, give one of the streams its own list: attributes, in its entry of"
            " users.streams."
        )


def _has_besides_identity(path: str, stream: CatalogStream, entry: UserStream, checks: PlanChecks) -> bool:
    return (
        not (is_template(path) or is_wildcard(path))
        and path != checks.identity_property(entry.identity_property)
        and path.partition(".")[0] in declared_properties(stream.schema)
        and undeclared(path, stream.schema) is None
    )


def _user_rule(users: UsersEnabled, name: str, own: UserStream, stream: CatalogStream, checks: PlanChecks) -> UserRule:
    named = users.attributes_of(name, own)
    attributes = [each for _, each in named]
    return UserRule(
        identity=checks.identity_rule(own.identity_property, stream, entry=name, field=own.intercom_field),
        is_deleted=checks.deletion(own.deleted_property, stream, name),
        holds=(
            *checks.predicates(users.filters, stream, "users.filters"),
            *checks.predicates(own.filters, stream, f"{name}, filters"),
        ),
        attributes=tuple(_attribute_rule(each, entry, stream, checks) for entry, each in named if not each.is_many),
        clear_nulls=users.null_values == "clear",
        if_empty=frozenset(each.target for each in attributes if each.overwrites == "if_empty" and not each.is_many),
        members=tuple(
            AttributeMembers(
                path=each.path,
                read=checks.read_members(each.path, stream, entry),
                pattern=each.target,
                taken=frozenset(other.target for other in attributes if not other.is_many),
                left_out=checks.identity_members(each.path, own.identity_property),
                if_empty=each.overwrites == "if_empty",
                declared=_declared(each, stream, checks.identity_members(each.path, own.identity_property)),
                place=entry,
            )
            for entry, each in named
            if each.is_many
        ),
    )


def _declared(entry: Attribute, stream: CatalogStream, left_out: frozenset[str]) -> dict[str, str | None]:
    """Tell the attributes that a wildcard writes as far as the stream's schema knows them, each with its type."""
    members = declared_members(entry.path, stream.schema)
    return {rename(entry.target, name): kind for name, kind in members.items() if name not in left_out}


def _attribute_rule(entry: Attribute, place: str, stream: CatalogStream, checks: PlanChecks) -> AttributeRule:
    kind = entry.type or _type_in_schema(entry.path, stream.schema)
    read = checks.read_selected(entry.path, stream, place)
    origin = read_origin(entry.path, entry.type, stream.schema)
    return AttributeRule(read, entry.target, kind, entry.overwrites, place, origin, entry.path)


def _type_in_schema(text: str, schema: dict[str, Any]) -> str | None:
    # Of what a template makes of a property no schema speaks.
    return None if is_template(text) else type_in_schema(text, schema)
