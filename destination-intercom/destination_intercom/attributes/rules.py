"""Which properties of a stream's records are written as attributes: a list of the form, compiled. Reads no record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from destination_intercom.airbyte.catalog import CatalogStream
from destination_intercom.airbyte.schemas import declared_members, type_in_schema
from destination_intercom.attributes.attribute_types import Origin, read_origin
from destination_intercom.configuration.entries import AttributeEntry
from destination_intercom.configuration.plan import PlanChecks
from destination_intercom.paths import MembersReader, PathReader, rename
from destination_intercom.payloads import FormEntry
from destination_intercom.properties import is_template
from destination_intercom.standard_fields import Overwrite


@dataclass(frozen=True, slots=True)
class AttributeRule:
    """One property that is written.

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
class AttributeRules:
    """The rules of one list: of the properties that it names, and of its wildcards."""

    named: tuple[AttributeRule, ...]
    members: tuple[AttributeMembers, ...]


def compile_attributes(
    entries: Sequence[tuple[str, AttributeEntry]], stream: CatalogStream, checks: PlanChecks, *, identity: str
) -> AttributeRules:
    """Compile a list of attributes, each after its place in the form; `identity` is what holds the identity."""
    taken = frozenset(each.target for _, each in entries if not each.is_many)
    return AttributeRules(
        tuple(_attribute_rule(each, place, stream, checks) for place, each in entries if not each.is_many),
        tuple(
            _members_rule(each, place, stream, checks, taken=taken, identity=identity)
            for place, each in entries
            if each.is_many
        ),
    )


def form_entries(named: Sequence[AttributeRule], members: Sequence[AttributeMembers]) -> dict[str, FormEntry]:
    """Tell the entry in the form of each name under which something may be left out."""
    return {each.target: FormEntry(each.place, each.property) for each in named} | {
        each.path: FormEntry(each.place, each.path) for each in members
    }


def _attribute_rule(entry: AttributeEntry, place: str, stream: CatalogStream, checks: PlanChecks) -> AttributeRule:
    kind = entry.type or _type_in_schema(entry.path, stream.schema)
    read = checks.read_selected(entry.path, stream, place)
    origin = read_origin(entry.path, entry.type, stream.schema)
    return AttributeRule(read, entry.target, kind, entry.overwrites, place, origin, entry.path)


def _type_in_schema(text: str, schema: dict[str, Any]) -> str | None:
    # Of what a template makes of a property no schema speaks.
    return None if is_template(text) else type_in_schema(text, schema)


def _members_rule(
    entry: AttributeEntry,
    place: str,
    stream: CatalogStream,
    checks: PlanChecks,
    *,
    taken: frozenset[str],
    identity: str,
) -> AttributeMembers:
    left_out = checks.identity_members(entry.path, identity)
    declared = declared_members(entry.path, stream.schema)
    return AttributeMembers(
        path=entry.path,
        read=checks.read_members(entry.path, stream, place),
        pattern=entry.target,
        taken=taken,
        left_out=left_out,
        if_empty=entry.overwrites == "if_empty",
        declared={rename(entry.target, name): kind for name, kind in declared.items() if name not in left_out},
        place=place,
    )
