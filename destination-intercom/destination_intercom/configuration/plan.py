"""The configuration and the catalog, compiled into what a record of each stream becomes.

Reads no record, and knows no kind of object. A plan is made once, before the first record, so that what
cannot work is said before anything is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from destination_intercom.airbyte.catalog import CatalogStream
from destination_intercom.airbyte.records import Repair, compile_loss_check, compile_repair
from destination_intercom.airbyte.schemas import Undeclared, is_declared, spell, undeclared
from destination_intercom.configuration.config import Config, Filter
from destination_intercom.configuration.filters import Predicate, compile_filter
from destination_intercom.errors import ConfigurationError, StreamName
from destination_intercom.identity import IdentityField, IdentityRule
from destination_intercom.paths import compile_null_check, compile_path
from destination_intercom.payloads import MapRecord


class Compiler(Protocol):
    """What compiles one kind of object: see `delivery.kinds.Kind`."""

    def compile(self, stream: CatalogStream, checks: PlanChecks) -> Sequence[MapRecord]:
        """Make what maps a record of `stream`; none if it is not meant."""


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that a record may become: `map_record` makes it, of the kind `kind`."""

    kind: str
    map_record: MapRecord


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """All that a record of `stream` becomes, in this order, once `repair` has made of its data what it means."""

    stream: StreamName
    parts: tuple[Part, ...]
    repair: Repair
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


def compile_plan(config: Config, catalog: Sequence[CatalogStream], kinds: Mapping[str, Compiler]) -> Plan:
    """Compile what the records of each stream of `catalog` become, of each of the `kinds` in their order.

    Raises:
        ConfigurationError: a stream that no list names, or a path that the stream's schema lacks.
    """
    checks = PlanChecks(config, catalog)
    plans = {stream.name: _compile_stream(stream, kinds, checks) for stream in catalog}
    by_name: dict[str, StreamPlan | None] = {}
    for stream, plan in plans.items():
        by_name[stream.name] = None if stream.name in by_name else plan
    if checks.problems:
        raise ConfigurationError(" ".join(checks.problems))
    return Plan(plans, tuple(checks.warnings), by_name)


def _compile_stream(stream: CatalogStream, kinds: Mapping[str, Compiler], checks: PlanChecks) -> StreamPlan:
    parts = [Part(name, map_record) for name, kind in kinds.items() for map_record in kind.compile(stream, checks)]
    refusal = None if parts else checks.refuse_unlisted(stream)
    return StreamPlan(stream.name, tuple(parts), checks.repair(stream), refusal)


class PlanChecks:
    """Compiles what all kinds have in common, and collects what cannot work and what to warn of."""

    def __init__(self, config: Config, catalog: Sequence[CatalogStream]) -> None:
        self._config = config
        self._names = [stream.name for stream in catalog]
        self.warnings: list[str] = []
        self.problems: list[str] = []
        self._paths: dict[StreamName, set[str]] = {}
        self._identities: dict[StreamName, set[str]] = {}
        self._warn_of_overwrite(catalog)

    def _warn_of_overwrite(self, catalog: Sequence[CatalogStream]) -> None:
        if names := [str(stream.name) for stream in catalog if stream.overwrite]:
            self.warnings.append(
                f"Sync mode overwrite ({', '.join(names)}): records are sent as with append; nothing is deleted in"
                " Intercom."
            )

    def refuse_unlisted(self, stream: CatalogStream) -> str | None:
        """Refuse a stream that no list names; with overwrite only its records, for "Clear data" sends none."""
        problem = (
            f'The stream "{stream.name}" is in no list: name it in users.streams or events.streams, or leave it out'
            f" of the connection. The connection's streams are: {', '.join(str(name) for name in self._names)}."
        )
        if not stream.overwrite:
            self.problems.append(problem)
            return None
        return problem

    def is_meant(self, name: str, namespace: str | None, stream: StreamName) -> bool:
        """Say whether an entry of a list of streams means `stream`."""
        if name != stream.name:
            return False
        if namespace is not None:
            return namespace == stream.namespace
        if sum(other.name == name for other in self._names) > 1:
            problem = f'Two streams of the connection are named "{name}": set "namespace" in the lists of streams.'
            if problem not in self.problems:
                self.problems.append(problem)
        return True

    def identity_rule(
        self, own: str | None, stream: CatalogStream, *, field: IdentityField | None = None
    ) -> IdentityRule:
        """Compile where the identity stands; `own` and `field` are the stream's own property and kind, if any."""
        identity = self._config.identity
        path = own or identity.path
        self.require(path, stream, "identity_property" if own else "identity.property")
        self._identities.setdefault(stream.name, set()).add(path)
        return IdentityRule(
            compile_path(path),
            field or identity.intercom_field,
            identity.missing == "reject",
            is_declared=is_declared(path, stream.schema),
            leads_into_null=compile_null_check(path),
            is_lost=compile_loss_check([path], stream.schema),
        )

    def predicates(self, filters: Iterable[Filter], stream: CatalogStream, field_name: str) -> tuple[Predicate, ...]:
        """Compile the conditions that a record must meet."""
        predicates = []
        for entry in filters:
            self.expect(entry.path, stream, field_name)
            predicates.append(compile_filter(entry))
        return tuple(predicates)

    def require(self, path: str, stream: CatalogStream, field_name: str) -> None:
        """Note a problem where the schema declares properties and not this one; a warning if it allows others."""
        if (missing := self._look_up(path, stream, field_name)) is not None:
            notes = self.warnings if missing.is_open else self.problems
            self._note(notes, path, stream, field_name, missing.near)

    def expect(self, path: str, stream: CatalogStream, field_name: str) -> None:
        """Note a warning where the schema declares properties and not this one."""
        if (missing := self._look_up(path, stream, field_name)) is not None:
            self._note(self.warnings, path, stream, field_name, missing.near)

    def repair(self, stream: CatalogStream) -> Repair:
        """Compile what the data of a record means, once all that is read of `stream` was asked about."""
        paths, identities = self._paths.get(stream.name, set()), self._identities.get(stream.name, set())
        return compile_repair(stream.schema, paths, identities=identities)

    def _look_up(self, path: str, stream: CatalogStream, field_name: str) -> Undeclared | None:
        """Note that `path` is read; tell what is wrong with it, if the schema says so."""
        self._paths.setdefault(stream.name, set()).add(path)
        if (spelled := spell(path, stream.schema)) != path:
            self.warn(
                f'{field_name}: the stream "{stream.name}" has no property "{path}", but "{spelled}" in another case:'
                " that is read."
            )
        return undeclared(path, stream.schema)

    def warn(self, warning: str) -> None:
        """Note a warning, once."""
        if warning not in self.warnings:
            self.warnings.append(warning)

    @staticmethod
    def _note(notes: list[str], path: str, stream: CatalogStream, field_name: str, near: list[str]) -> None:
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        note = f'{field_name}: the stream "{stream.name}" has no property "{path}".{hint}'
        if note not in notes:
            notes.append(note)
