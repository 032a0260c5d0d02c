"""The configuration and the catalog, compiled into what to do with a record of each stream.

Reads no record. A plan is made once, before the first record, so that what cannot work is
said before anything is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from destination_intercom.airbyte.catalog import CatalogStream
from destination_intercom.airbyte.schemas import type_in_schema, undeclared
from destination_intercom.configuration.config import (
    Attribute,
    Config,
    EventsEnabled,
    EventStream,
    Filter,
    Metadata,
    UsersEnabled,
)
from destination_intercom.configuration.filters import Predicate, compile_filter, compile_names
from destination_intercom.errors import ConfigurationError, StreamName
from destination_intercom.identity import IdentityRule
from destination_intercom.values import PathReader, compile_path, to_time


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
    metadata: tuple[tuple[str, PathReader], ...]


@dataclass(frozen=True, slots=True)
class AttributeRule:
    """One property that is written to contacts; `type` is None where nobody tells it."""

    read: PathReader
    target: str
    type: str | None


@dataclass(frozen=True, slots=True)
class UserRule:
    """How a record of a stream updates a contact."""

    identity: IdentityRule
    holds: tuple[Predicate, ...]
    attributes: tuple[AttributeRule, ...]
    clear_nulls: bool


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """All that a record of `stream` becomes: first the contacts, then the events."""

    stream: StreamName
    users: tuple[UserRule, ...]
    events: tuple[EventRule, ...]
    refuse_records: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The plans of all streams of the catalog, and what to warn of before the first record."""

    streams: dict[StreamName, StreamPlan]
    warnings: tuple[str, ...] = ()
    _by_name: dict[str, StreamPlan | None] = field(default_factory=dict)

    def of(self, name: str, namespace: str | None) -> StreamPlan | None:
        """Find the plan for a record or a state; where one side has no namespace, the name is enough."""
        plan = self.streams.get(StreamName(name, namespace or None))
        if plan is not None:
            return plan
        other = self._by_name.get(name)
        return other if other is not None and not (namespace and other.stream.namespace) else None

    def resolve(self, stream: StreamName) -> StreamName:
        """Tell the catalog's own name of `stream`."""
        plan = self.of(stream.name, stream.namespace)
        return stream if plan is None else plan.stream


def compile_plan(config: Config, catalog: Sequence[CatalogStream]) -> Plan:
    """Compile the rules for each stream of `catalog`.

    Raises:
        ConfigurationError: a stream that no list names, or a path that the stream's schema lacks.
    """
    compiler = _Compiler(config, catalog)
    plans = {stream.name: compiler.compile(stream) for stream in catalog}
    by_name: dict[str, StreamPlan | None] = {}
    for stream, plan in plans.items():
        by_name[stream.name] = None if stream.name in by_name else plan
    if compiler.problems:
        raise ConfigurationError(" ".join(compiler.problems))
    return Plan(plans, tuple(compiler.warnings), by_name)


class _Compiler:
    def __init__(self, config: Config, catalog: Sequence[CatalogStream]) -> None:
        self._config = config
        self._names = [stream.name for stream in catalog]
        self.warnings: list[str] = []
        self.problems: list[str] = []
        self._warn_of_overwrite(catalog)
        self._warn_of_long_metadata()

    def _warn_of_overwrite(self, catalog: Sequence[CatalogStream]) -> None:
        if names := [str(stream.name) for stream in catalog if stream.overwrite]:
            self.warnings.append(
                f"Sync mode overwrite ({', '.join(names)}): records are sent as with append; nothing is deleted in"
                " Intercom."
            )

    def _warn_of_long_metadata(self) -> None:
        events = self._config.events
        if isinstance(events, EventsEnabled):
            lists = [events.metadata, *(entry.metadata or [] for entry in events.entries)]
            if max(map(len, lists)) > SURE_METADATA:
                self.warnings.append(
                    f"More than {SURE_METADATA} metadata keys are selected: Intercom may show only the first"
                    f" {SURE_METADATA} of an event, and ignores the rest without an error."
                )

    def compile(self, stream: CatalogStream) -> StreamPlan:
        config = self._config
        users: list[UserRule] = []
        events: list[EventRule] = []
        if isinstance(config.users, UsersEnabled):
            users = [
                self._user_rule(config.users, entry.identity_property, stream)
                for entry in config.users.streams
                if self._is_meant(entry.stream, entry.namespace, stream.name)
            ]
        if isinstance(config.events, EventsEnabled):
            events = [
                self._event_rule(config.events, event_entry, stream)
                for event_entry in config.events.entries
                if self._is_meant(event_entry.stream, event_entry.namespace, stream.name)
            ]
        return StreamPlan(stream.name, tuple(users), tuple(events), self._unlisted(stream, [*users, *events]))

    def _unlisted(self, stream: CatalogStream, rules: Sequence[object]) -> str | None:
        if rules:
            return None
        problem = (
            f'The stream "{stream.name}" is in no list: name it in users.streams or events.streams, or leave it out'
            f" of the connection. The connection's streams are: {', '.join(str(name) for name in self._names)}."
        )
        if not stream.overwrite:
            self.problems.append(problem)
            return None
        return problem

    def _is_meant(self, name: str, namespace: str | None, stream: StreamName) -> bool:
        if name != stream.name:
            return False
        if namespace is not None:
            return namespace == stream.namespace
        if sum(other.name == name for other in self._names) > 1:
            problem = f'Two streams of the connection are named "{name}": set "namespace" in the lists of streams.'
            if problem not in self.problems:
                self.problems.append(problem)
        return True

    def _identity_rule(self, own: str | None, stream: CatalogStream) -> IdentityRule:
        identity = self._config.identity
        path = own or identity.path
        self._require(path, stream, "identity_property" if own else "identity.property")
        return IdentityRule(compile_path(path), identity.intercom_field == "email", identity.missing == "reject")

    def _user_rule(self, users: UsersEnabled, identity_property: str | None, stream: CatalogStream) -> UserRule:
        for entry in users.attributes:
            self._expect(entry.path, stream, "users.attributes")
        return UserRule(
            self._identity_rule(identity_property, stream),
            self._predicates(users.filters, stream, "users.filters"),
            tuple(_attribute_rule(entry, stream.schema) for entry in users.attributes),
            users.null_values == "clear",
        )

    def _event_rule(self, events: EventsEnabled, entry: EventStream, stream: CatalogStream) -> EventRule:
        if entry.event_name_property is not None:
            self._require(entry.event_name_property, stream, "event_name_property")
        self._require(entry.created_at_property, stream, "created_at_property")
        metadata = events.metadata if entry.metadata is None else entry.metadata
        for selected in metadata:
            self._expect(selected.path, stream, "metadata")
        return EventRule(
            identity=self._identity_rule(entry.identity_property, stream),
            name=entry.event_name,
            read_name=compile_path(entry.event_name_property or ""),
            is_selected=compile_names(events.selected_events),
            is_excluded=compile_names(events.excluded_events),
            holds=self._predicates([*events.filters, *entry.filters], stream, "filters"),
            read_time=compile_path(entry.created_at_property),
            not_before=None if events.not_before is None else to_time(events.not_before),
            metadata=_metadata_rules(metadata),
        )

    def _predicates(self, filters: Iterable[Filter], stream: CatalogStream, field_name: str) -> tuple[Predicate, ...]:
        predicates = []
        for entry in filters:
            self._expect(entry.path, stream, field_name)
            predicates.append(compile_filter(entry))
        return tuple(predicates)

    def _require(self, path: str, stream: CatalogStream, field_name: str) -> None:
        """Note a problem where the schema declares properties and not this one."""
        if (near := undeclared(path, stream.schema)) is not None:
            self._note(self.problems, path, stream, field_name, near)

    def _expect(self, path: str, stream: CatalogStream, field_name: str) -> None:
        """Note a warning where the schema declares properties and not this one."""
        if (near := undeclared(path, stream.schema)) is not None:
            self._note(self.warnings, path, stream, field_name, near)

    @staticmethod
    def _note(notes: list[str], path: str, stream: CatalogStream, field_name: str, near: list[str]) -> None:
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        note = f'{field_name}: the stream "{stream.name}" has no property "{path}".{hint}'
        if note not in notes:
            notes.append(note)


SURE_METADATA: Final = 10
"""Metadata keys of an event that Intercom's API description says are kept; its help centre says 20."""


def _attribute_rule(entry: Attribute, schema: dict[str, Any]) -> AttributeRule:
    kind = entry.type or type_in_schema(entry.path, schema)
    return AttributeRule(compile_path(entry.path), entry.target, kind)


def _metadata_rules(metadata: Iterable[Metadata]) -> tuple[tuple[str, PathReader], ...]:
    return tuple((entry.key, compile_path(entry.path)) for entry in metadata)
