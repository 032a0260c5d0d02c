"""How a record of a stream updates a contact: the configuration's users, compiled. Reads no record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from destination_intercom.airbyte.catalog import CatalogStream
from destination_intercom.airbyte.schemas import declared_properties, undeclared
from destination_intercom.attributes.rules import AttributeMembers, AttributeRule, compile_attributes, form_entries
from destination_intercom.configuration.config import Membership, UsersEnabled, UserStream
from destination_intercom.configuration.deletions import CDC_DELETED_AT
from destination_intercom.configuration.entries import Attribute, ContactTag
from destination_intercom.configuration.filters import Predicate
from destination_intercom.configuration.plan import PlanChecks
from destination_intercom.configuration.sections import name_entries
from destination_intercom.identity import IdentityRule
from destination_intercom.paths import PathReader, is_wildcard
from destination_intercom.payloads import FormEntry
from destination_intercom.properties import is_template


@dataclass(frozen=True, slots=True)
class MembershipRule:
    """Where the ids of a person's companies stand; `name` is what something left out is counted under."""

    read: PathReader
    name: str
    place: str = ""
    property: str = ""


@dataclass(frozen=True, slots=True)
class TagRule:
    """Where names of a person's tags stand: all of them `beginning` alike, or else with `front` before them.

    `name` is what something left out is counted under; with `replaces` the property holds all that begin so.
    """

    read: PathReader
    name: str
    front: str = ""
    beginning: str = ""
    replaces: bool = False
    place: str = ""
    property: str = ""


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
    member_of: tuple[MembershipRule, ...] = ()
    tags: tuple[TagRule, ...] = ()
    takes_away: bool = False
    """Whether a person whose row was deleted is to be archived or deleted."""
    holds_if_told: tuple[Predicate, ...] = ()
    """The filters for a row of a log that may hold its key alone: what it does not tell counts for it."""

    @property
    def entries(self) -> dict[str, FormEntry]:
        """Tell the entry in the form of each name under which something may be left out."""
        others: tuple[MembershipRule | TagRule, ...] = (*self.member_of, *self.tags)
        return form_entries(self.attributes, self.members) | {
            each.name: FormEntry(each.place, each.property) for each in others
        }


def compile_user_rules(users: UsersEnabled, stream: CatalogStream, checks: PlanChecks) -> list[UserRule]:
    """Compile a rule for each entry of `users.streams` that means `stream`."""
    if users.write_mode == "update_only" and users.archived_contacts == "unarchive":
        checks.warn(
            "users.archived_contacts: unarchive has no effect with users.write_mode update_only, because only a"
            " creation shows who is archived: archived people are rejected as not_found."
        )
    if users.write_mode == "create_only" and users.deleted_records != "ignore":
        checks.warn(
            f"users.deleted_records: {users.deleted_records} has no effect with users.write_mode create_only, which"
            " leaves people whom Intercom knows as they are: deleted rows are filtered."
        )
    return [
        _user_rule(users, name, entry, stream, checks)
        for name, entry in users.named_streams
        if checks.is_meant(entry.stream, entry.namespace, stream.name)
    ]


def warn_of_no_deletions(users: UsersEnabled, catalog: Sequence[CatalogStream], checks: PlanChecks) -> None:
    """Warn where deleted rows are to take people away, and none of the streams can tell of one."""
    if users.deletion is None or any(entry.deleted_property for entry in users.streams):
        return
    streams = [
        stream
        for entry in users.streams
        for stream in catalog
        if checks.is_meant(entry.stream, entry.namespace, stream.name)
    ]
    if streams and all(undeclared(CDC_DELETED_AT, stream.schema) for stream in streams):
        checks.warn(
            f"users.deleted_records: {users.deleted_records} will remove nobody: no user stream has"
            f" {CDC_DELETED_AT}, the column of sources that read a database's log. If the source marks deleted rows in"
            " a property of its own, name it: deleted_property, in its entry of users.streams."
        )


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
    shared: dict[str, list[tuple[str, Attribute]]] = {}
    for place, each in users.attribute_lists.shared:
        streams = [stream for stream, entry in sharing if _has_besides_identity(each.path, stream, entry, checks)]
        quoted = list(dict.fromkeys(f'"{stream.name}"' for stream in streams))
        if len(quoted) > 1:
            shared.setdefault(" and ".join(quoted), []).append((place, each))
    for names, attributes in shared.items():
        sections = " and ".join(dict.fromkeys(place.partition(",")[0] for place, _ in attributes))
        properties = ", ".join(f'"{each.path}"' for _, each in attributes)
        checks.warn(
            f"{sections}: the streams {names} share {properties}, so one stream overwrites what the other has written."
            " If the properties mean different things, give one of the streams its own list: attributes, in its entry"
            " of users.streams."
        )


def _has_besides_identity(path: str, stream: CatalogStream, entry: UserStream, checks: PlanChecks) -> bool:
    return (
        not (is_template(path) or is_wildcard(path))
        and path != checks.identity_property(entry.identity_property)
        and path.partition(".")[0] in declared_properties(stream.schema)
        and undeclared(path, stream.schema) is None
    )


def _user_rule(users: UsersEnabled, name: str, own: UserStream, stream: CatalogStream, checks: PlanChecks) -> UserRule:
    named = users.attribute_lists.of(name)
    identity = checks.identity_rule(own.identity_property, stream, entry=name, field=own.intercom_field)
    is_deleted = checks.deletion(own.deleted_property, stream, name)
    filters = [
        *checks.filters(users.filters, stream, "users.filters"),
        *checks.filters(own.filters, stream, f"{name}, filters"),
    ]
    rules = compile_attributes(named, stream, checks, identity=checks.identity_property(own.identity_property))
    return UserRule(
        identity=identity,
        is_deleted=is_deleted,
        holds=tuple(each.holds for each in filters),
        attributes=rules.named,
        clear_nulls=users.null_values == "clear",
        if_empty=frozenset(each.target for _, each in named if each.overwrites == "if_empty" and not each.is_many),
        members=rules.members,
        member_of=_membership_rules(users.member_of, stream, checks),
        tags=_tag_rules(users.tags, stream, checks),
        takes_away=users.deletion is not None,
        holds_if_told=tuple(each.holds_if_told for each in filters),
    )


def _membership_rules(
    entries: Sequence[Membership], stream: CatalogStream, checks: PlanChecks
) -> tuple[MembershipRule, ...]:
    return tuple(
        MembershipRule(checks.read_names(each.path, stream, place), f"member_of {each.path}", place, each.path)
        for place, each in name_entries("users.member_of", entries, lambda each: each.path)
    )


def _tag_rules(entries: Sequence[ContactTag], stream: CatalogStream, checks: PlanChecks) -> tuple[TagRule, ...]:
    return tuple(
        TagRule(
            checks.read_names(each.path, stream, place),
            name_tags(each),
            front=each.front,
            beginning=each.beginning,
            replaces=each.mode == "replace",
            place=place,
            property=each.path,
        )
        for place, each in name_entries("users.tags", entries, lambda each: each.path)
    )


def name_tags(entry: ContactTag) -> str:
    """Tell under which name it is counted what is left out of an entry's tags."""
    return f"tags {entry.path}"
