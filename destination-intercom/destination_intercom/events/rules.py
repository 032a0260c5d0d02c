"""How a record of a stream becomes events: the configuration's events, compiled. Reads no record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from destination_intercom.airbyte.catalog import CatalogStream
from destination_intercom.airbyte.schemas import last_key
from destination_intercom.configuration.config import DEFAULT_EXCLUSION, EventsEnabled, EventStream
from destination_intercom.configuration.entries import Metadata
from destination_intercom.configuration.filters import Predicate, compile_names
from destination_intercom.configuration.plan import PlanChecks
from destination_intercom.configuration.sections import name_entries, name_entry
from destination_intercom.events.metadata import MetadataMembers, MetadataRule, Money
from destination_intercom.identity import IdentityRule
from destination_intercom.paths import PathReader
from destination_intercom.payloads import FormEntry
from destination_intercom.values import to_time

SURE_METADATA: Final = 10
"""Metadata keys of an event that Intercom's API description says are kept; its help centre says 20."""


@dataclass(frozen=True, slots=True)
class EventRule:
    """How a record of a stream becomes one event.

    `name` is fixed, or else `read_name` reads it; `is_chosen` says that it is the source's own, which is selected,
    excluded and renamed.
    """

    identity: IdentityRule
    is_deleted: Predicate
    name: str | None
    read_name: PathReader
    is_chosen: bool
    is_selected: Callable[[str], bool]
    is_excluded: Callable[[str], bool]
    holds: tuple[Predicate, ...]
    read_time: PathReader
    not_before: int | None
    metadata: tuple[MetadataRule, ...]
    renamed: Mapping[str, str]
    members: tuple[MetadataMembers, ...] = ()
    look_at_name: Callable[[str], None] = lambda _: None
    """Takes note of a name of the source's, so that a pattern that matches none can be named at the end."""

    @property
    def entries(self) -> dict[str, FormEntry]:
        """Tell the entry in the form of each name under which something may be left out."""
        return {each.name: FormEntry(each.place, each.property) for each in self.metadata} | {
            each.path: FormEntry(each.place, each.path) for each in self.members
        }


def compile_event_rules(events: EventsEnabled, stream: CatalogStream, checks: PlanChecks) -> list[EventRule]:
    """Compile a rule for each entry of `events.streams` that means `stream`."""
    return [
        _event_rule(events, name, entry, stream, checks)
        for name, entry in name_entries("events.streams", events.entries, lambda each: each.stream)
        if checks.is_meant(entry.stream, entry.namespace, stream.name)
    ]


def warn_of_long_metadata(events: EventsEnabled) -> str | None:
    """Say what may become of more metadata keys than Intercom surely keeps; None if there are not so many."""
    lists = [events.metadata, *(entry.metadata or [] for entry in events.entries)]
    if max(map(len, lists)) <= SURE_METADATA:
        return None
    return (
        f"More than {SURE_METADATA} metadata keys are selected: Intercom may show only the first {SURE_METADATA} of an"
        " event, and ignores the rest without an error."
    )


def _event_rule(
    events: EventsEnabled, name: str, entry: EventStream, stream: CatalogStream, checks: PlanChecks
) -> EventRule:
    section = "events.metadata" if entry.metadata is None else f"{name}, metadata"
    metadata = events.metadata if entry.metadata is None else entry.metadata
    return EventRule(
        identity=checks.identity_rule(entry.identity_property, stream, entry=name, field=entry.intercom_field),
        is_deleted=checks.deletion(entry.deleted_property, stream, name),
        name=entry.fixed_name,
        read_name=_name_reader(entry, name, stream, checks),
        is_chosen=entry.event_name_property is not None,
        is_selected=compile_names(events.selected_events),
        is_excluded=compile_names(events.excluded_events),
        holds=(
            *checks.predicates(events.filters, stream, "events.filters"),
            *checks.predicates(entry.filters, stream, f"{name}, filters"),
        ),
        read_time=checks.read_required(
            entry.created_at_property, stream, f"{name}, created_at_property", needs_all=True
        ),
        not_before=None if events.not_before is None else to_time(events.not_before),
        metadata=tuple(
            _metadata_rule(each, f"{section}, {name_entry(place, each.path)}", stream, checks)
            for place, each in enumerate(metadata)
            if not each.is_many
        ),
        renamed={each.source: each.to for each in events.renamed_events},
        look_at_name=_name_watch(events, checks),
        members=tuple(
            MetadataMembers(
                path=each.path,
                read=checks.read_members(each.path, stream, f"{section}, {name_entry(place, each.path)}"),
                pattern=each.key,
                taken=frozenset(other.key for other in metadata if not other.is_many),
                left_out=checks.identity_members(each.path, checks.identity_property(entry.identity_property)),
                place=f"{section}, {name_entry(place, each.path)}",
            )
            for place, each in enumerate(metadata)
            if each.is_many
        ),
    )


def _name_watch(events: EventsEnabled, checks: PlanChecks) -> Callable[[str], None]:
    lists = {"events.selected_events": events.selected_events}
    if events.excluded_events != list(DEFAULT_EXCLUSION):
        # Nobody need be told that a default is not needed, and Airbyte's form fills it in.
        lists["events.excluded_events"] = events.excluded_events
    lists["events.renamed_events"] = [each.source for each in events.renamed_events]
    watched = [checks.usage.names(section, patterns) for section, patterns in lists.items() if patterns]

    if len(watched) == 1:
        return watched[0].look

    def look(name: str) -> None:
        for names in watched:
            names.look(name)

    return look


def _name_reader(entry: EventStream, name: str, stream: CatalogStream, checks: PlanChecks) -> PathReader:
    if entry.event_name_property is not None:
        return checks.read_required(entry.event_name_property, stream, f"{name}, event_name_property")
    if entry.fixed_name is None and entry.event_name is not None:
        return checks.read_required(entry.event_name, stream, f"{name}, event_name")
    return lambda _: entry.fixed_name


def _metadata_rule(entry: Metadata, place: str, stream: CatalogStream, checks: PlanChecks) -> MetadataRule:
    money = None
    if entry.type == "money":
        read_currency = None
        if entry.currency_property is not None:
            read_currency = checks.read_selected(entry.currency_property, stream, f"{place}, currency_property")
        money = Money(read_currency, entry.currency, cents=entry.unit == "cents")
    if entry.name is None and (key := last_key(entry.path, stream.schema)) != entry.key:
        checks.refuse(
            f'{place}: the stream "{stream.name}" has the property "{key}" with a dot in its name, which Intercom'
            ' refuses in a metadata key: set "name".'
        )
    return MetadataRule(
        entry.key, checks.read_selected(entry.path, stream, place), entry.type, money, place, entry.path
    )
