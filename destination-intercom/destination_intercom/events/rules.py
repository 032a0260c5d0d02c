"""How a record of a stream becomes events: the configuration's events, compiled. Reads no record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from destination_intercom.airbyte.catalog import CatalogStream
from destination_intercom.configuration.config import EventsEnabled, EventStream, Metadata
from destination_intercom.configuration.filters import Predicate, compile_names
from destination_intercom.configuration.plan import PlanChecks
from destination_intercom.events.metadata import MetadataRule, Money
from destination_intercom.identity import IdentityRule
from destination_intercom.paths import PathReader, compile_path
from destination_intercom.values import to_time

SURE_METADATA: Final = 10
"""Metadata keys of an event that Intercom's API description says are kept; its help centre says 20."""


@dataclass(frozen=True, slots=True)
class EventRule:
    """How a record of a stream becomes one event; `name` is fixed, or else `read_name` reads it."""

    identity: IdentityRule
    name: str | None
    read_name: PathReader
    is_selected: Callable[[str], bool]
    is_excluded: Callable[[str], bool]
    holds: tuple[Predicate, ...]
    read_time: PathReader
    not_before: int | None
    metadata: tuple[MetadataRule, ...]
    renamed: Mapping[str, str]


def compile_event_rules(events: EventsEnabled, stream: CatalogStream, checks: PlanChecks) -> list[EventRule]:
    """Compile a rule for each entry of `events.streams` that means `stream`."""
    return [
        _event_rule(events, entry, stream, checks)
        for entry in events.entries
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


def _event_rule(events: EventsEnabled, entry: EventStream, stream: CatalogStream, checks: PlanChecks) -> EventRule:
    if entry.event_name_property is not None:
        checks.require(entry.event_name_property, stream, "event_name_property")
    checks.require(entry.created_at_property, stream, "created_at_property")
    metadata = events.metadata if entry.metadata is None else entry.metadata
    for selected in metadata:
        checks.expect(selected.path, stream, "metadata")
        if selected.currency_property is not None:
            checks.expect(selected.currency_property, stream, "metadata")
    return EventRule(
        identity=checks.identity_rule(entry.identity_property, stream, field=entry.intercom_field),
        name=entry.event_name,
        read_name=compile_path(entry.event_name_property or ""),
        is_selected=compile_names(events.selected_events),
        is_excluded=compile_names(events.excluded_events),
        holds=checks.predicates([*events.filters, *entry.filters], stream, "filters"),
        read_time=compile_path(entry.created_at_property),
        not_before=None if events.not_before is None else to_time(events.not_before),
        metadata=tuple(_metadata_rule(entry) for entry in metadata),
        renamed={entry.source: entry.to for entry in events.renamed_events},
    )


def _metadata_rule(entry: Metadata) -> MetadataRule:
    money = None
    if entry.type == "money":
        read_currency = compile_path(entry.currency_property) if entry.currency_property is not None else None
        money = Money(read_currency, entry.currency, cents=entry.unit == "cents")
    return MetadataRule(entry.key, compile_path(entry.path), entry.type, money)
