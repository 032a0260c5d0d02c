"""The configuration and the catalog, compiled into what a record of each stream becomes.

Reads no record, and knows no kind of object. A plan is made once, before the first record, so that what
cannot work is said before anything is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from destination_intercom.airbyte.catalog import CatalogStream
from destination_intercom.airbyte.records import Repair, compile_loss_check, compile_repair
from destination_intercom.airbyte.schemas import Undeclared, is_declared, spell, undeclared
from destination_intercom.configuration.config import Config
from destination_intercom.configuration.deletions import CDC_DELETED_AT, compile_deletion
from destination_intercom.configuration.entries import Filter
from destination_intercom.configuration.filters import CompiledFilter, Predicate, compile_filter
from destination_intercom.configuration.sections import name_entry
from destination_intercom.configuration.usage import Usage, Watch
from destination_intercom.errors import ConfigurationError, InputError, StreamName
from destination_intercom.identity import IdentityField, IdentityRule, KeyField, Question
from destination_intercom.paths import MembersReader, PathReader, compile_members, compile_null_check, compile_path
from destination_intercom.payloads import FormEntry, MapRecord, RecordRule
from destination_intercom.properties import compile_property, is_template, read_paths
from destination_intercom.values import MISSING


class Compiler(Protocol):
    """What compiles one kind of object: see `delivery.kinds.Kind`."""

    def compile(self, stream: CatalogStream, checks: PlanChecks) -> Sequence[RecordRule]:
        """Make what maps a record of `stream`; none if it is not meant."""


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that a record may become: `map_record` makes it, of the kind `kind`; see `payloads.RecordRule`."""

    kind: str
    map_record: MapRecord
    entries: Mapping[str, FormEntry] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """All that a record of `stream` becomes, in this order, once `repair` has made of its data what it means.

    `watch` looks for the properties that are selected of it.
    """

    stream: StreamName
    parts: tuple[Part, ...]
    repair: Repair
    watch: Watch
    refuse_records: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The plans of all streams of the catalog, and what to warn of before the first record."""

    streams: dict[StreamName, StreamPlan]
    warnings: tuple[str, ...] = ()
    usage: Usage = field(default_factory=Usage)
    _by_name: dict[str, StreamPlan | None] = field(default_factory=dict)

    def of(self, name: str, namespace: str | None) -> StreamPlan | None:
        """Find the plan for a record or a state; where one side has no namespace, the name is enough."""
        plan = self.streams.get(StreamName(name, namespace or None))
        if plan is not None:
            return plan
        other = self._by_name.get(name)
        return other if other is not None and not (namespace and other.stream.namespace) else None

    def refuse_unknown(self, place: int | str, stream: StreamName) -> InputError:
        """Make the error for a record of a stream that the catalog does not have: its line's number, or the place."""
        where = place if isinstance(place, str) else f"Line {place} of the input"
        return InputError(
            f'{where} is a RECORD of the stream "{stream}", which the catalog does not have. Its'
            f" streams are: {', '.join(map(str, self.streams))}."
        )

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
    checks.refuse_streams()
    if checks.problems:
        raise ConfigurationError(" ".join(checks.problems))
    return Plan(plans, tuple(checks.warnings), checks.usage, by_name)


def _compile_stream(stream: CatalogStream, kinds: Mapping[str, Compiler], checks: PlanChecks) -> StreamPlan:
    parts = [
        Part(name, rule.map_record, rule.entries)
        for name, kind in kinds.items()
        for rule in kind.compile(stream, checks)
    ]
    refusal = None if parts else checks.refuse_unlisted(stream)
    return StreamPlan(stream.name, tuple(parts), checks.repair(stream), checks.watch(stream), refusal)


class PlanChecks:
    """Compiles what all kinds have in common, and collects what cannot work and what to warn of."""

    def __init__(self, config: Config, catalog: Sequence[CatalogStream]) -> None:
        self._config = config
        self.catalog = tuple(catalog)
        self._names = [stream.name for stream in catalog]
        self.warnings: list[str] = []
        self.problems: list[str] = []
        self._paths: dict[StreamName, set[str]] = {}
        self._identities: dict[StreamName, set[str]] = {}
        self._unlisted: dict[StreamName, str] = {}
        self.usage = Usage()
        self._watched: dict[StreamName, list[tuple[str, PathReader]]] = {}
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
            f'The stream "{stream.name}" is not in any list: name it in users.streams, events.streams or'
            " companies.streams, or leave it out of the connection. The connection's streams are:"
            f" {', '.join(str(name) for name in self._names)}."
        )
        if not stream.overwrite:
            self._unlisted[stream.name] = problem
            return None
        return problem

    def refuse_streams(self) -> None:
        """Note the problem of each stream that no list names, or the one that all of them have in common."""
        if not self._unlisted:
            return
        if (prefix := self._find_prefix()) is None:
            self.problems.extend(self._unlisted.values())
            return
        names = ", ".join(str(name) for name in self._unlisted)
        self.problems.append(
            f'The connection adds the prefix "{prefix}" to its streams, but the configuration does not: write it before'
            f" their names in events.streams, users.streams and companies.streams. The connection's streams are:"
            f" {names}."
        )

    def _find_prefix(self) -> str | None:
        """Tell what stands before a listed name in the name of each stream that no list names; None for nothing."""
        listed = {entry.stream for entry in self._config.listed_streams}
        prefixes = [
            {stream.name.removesuffix(name) for name in listed if stream.name.endswith(name)} - {""}
            for stream in self._unlisted
        ]
        common = set.intersection(*prefixes)
        return max(common, key=len) if common else None

    def is_meant(self, name: str, namespace: str | None, stream: StreamName) -> bool:
        """Say whether an entry of a list of streams means `stream`."""
        if name != stream.name:
            return False
        if namespace is not None:
            return namespace == stream.namespace
        if sum(other.name == name for other in self._names) > 1:
            problem = f'Two streams of the connection are named "{name}": set "namespace" in the lists of streams.'
            self.refuse(problem)
        return True

    def identity_rule(
        self, own: str | None, stream: CatalogStream, *, entry: str, field: IdentityField | None = None
    ) -> IdentityRule:
        """Compile where the identity stands; `own` and `field` are the own property and kind of `entry`, if any."""
        identity = self._config.identity
        place = f"{entry}, identity_property" if own else "identity.property"
        return self._identity_rule(own or identity.path, stream, place, field or identity.intercom_field)

    def company_rule(self, text: str, stream: CatalogStream, *, entry: str) -> IdentityRule:
        """Compile where `entry` says that the company's id stands."""
        return self._identity_rule(text, stream, f"{entry}, company_id_property", "company_id")

    def _identity_rule(self, text: str, stream: CatalogStream, place: str, field: KeyField) -> IdentityRule:
        read = self.read_required(text, stream, place, needs_all=True)
        paths = read_paths(text)
        self._note_identity(text, stream)
        return IdentityRule(
            read,
            field,
            self._config.identity.missing == "reject",
            is_declared=any(is_declared(path, stream.schema) for path in paths),
            leads_into_null=_compile_any([compile_null_check(path) for path in paths]),
            is_present=_compile_presence(paths),
            is_lost=compile_loss_check(paths, stream.schema),
        )

    def _note_identity(self, text: str, stream: CatalogStream) -> None:
        if not is_template(text):
            self._identities.setdefault(stream.name, set()).add(text)

    def read_names(self, text: str, stream: CatalogStream, place: str) -> PathReader:
        """Compile the reader of what is named as an identity is: of the ids of a person's companies, or of tags."""
        read = self.read_selected(text, stream, place)
        self._note_identity(text, stream)
        return read

    def predicates(self, filters: Iterable[Filter], stream: CatalogStream, section: str) -> tuple[Predicate, ...]:
        """Compile the conditions of the list `section` that a record must meet."""
        return tuple(each.holds for each in self.filters(filters, stream, section))

    def filters(self, filters: Iterable[Filter], stream: CatalogStream, section: str) -> list[CompiledFilter]:
        """Compile the same where records may hold a key alone."""
        return [
            compile_filter(each, self.read_selected(each.path, stream, f"{section}, {name_entry(place, each.path)}"))
            for place, each in enumerate(filters)
        ]

    def deletion(self, own: str | None, stream: CatalogStream, entry: str) -> Predicate:
        """Compile whether a row was deleted; `own` is the property in which `entry` says that its source marks it."""
        self._paths.setdefault(stream.name, set()).add(CDC_DELETED_AT)
        if own is None:
            return compile_deletion(None)
        return compile_deletion(self.read_selected(own, stream, f"{entry}, deleted_property"))

    def read_required(self, text: str, stream: CatalogStream, place: str, *, needs_all: bool = False) -> PathReader:
        """Compile the reader of an identity, a name or a time; note a problem where the schema lacks a property of it.

        It is only a warning where the schema allows other properties than it declares.
        """
        for path in read_paths(text):
            if (missing := self._look_up(path, stream, place)) is not None:
                self._note(self.warnings if missing.is_open else self.problems, path, stream, place, missing.near)
        failed = partial(self.usage.note_failure, place)
        return compile_property(text, needs_all=needs_all, joins_lists=False, on_failure=failed)

    def read_selected(self, text: str, stream: CatalogStream, place: str) -> PathReader:
        """Compile the reader of another property; warn where the schema lacks it, and watch whether a record has it."""
        for path in read_paths(text):
            if (missing := self._look_up(path, stream, place)) is not None:
                self._note(self.warnings, path, stream, place, missing.near)
            name = f'{place}, "{path}"' if is_template(text) else place
            self._watched.setdefault(stream.name, []).append((name, compile_path(path)))
        return compile_property(text, on_failure=partial(self.usage.note_failure, place))

    def read_members(self, path: str, stream: CatalogStream, place: str) -> MembersReader:
        """Compile the reader of what a wildcard stands for; warn where the schema lacks the object."""
        above = path.removesuffix("*").removesuffix(".")
        self._paths.setdefault(stream.name, set()).add(path)
        if above:
            self.read_selected(above, stream, place)
        return compile_members(path)

    def identity_property(self, own: str | None) -> str:
        """Tell the property that holds the identity; `own` is the stream's own, if any."""
        return own or self._config.identity.path

    @staticmethod
    def identity_members(path: str, identity: str) -> frozenset[str]:
        """Tell which members of a wildcard are the identity, which is sent as such and not once more."""
        above = path.removesuffix("*")
        return frozenset({identity[len(above) :]} if identity.startswith(above) else ())

    def watch(self, stream: CatalogStream) -> Watch:
        """Make what looks for the properties that were asked about, once all of `stream` were."""
        return Watch(self.usage, self._watched.get(stream.name, []))

    def repair(self, stream: CatalogStream) -> Repair:
        """Compile what the data of a record means, once all that is read of `stream` was asked about."""
        paths, identities = self._paths.get(stream.name, set()), self._identities.get(stream.name, set())
        return compile_repair(stream.schema, paths, identities=identities)

    def _look_up(self, path: str, stream: CatalogStream, place: str) -> Undeclared | None:
        """Note that `path` is read; tell what is wrong with it, if the schema says so."""
        self._paths.setdefault(stream.name, set()).add(path)
        if (spelled := spell(path, stream.schema)) != path:
            self.warn(
                f'{place}: the stream "{stream.name}" has no property "{path}", but has "{spelled}" in another case,'
                " which is used."
            )
        return undeclared(path, stream.schema)

    def refuse(self, problem: str) -> None:
        """Note what cannot work, once."""
        if problem not in self.problems:
            self.problems.append(problem)

    def warn(self, warning: str) -> None:
        """Note a warning, once."""
        if warning not in self.warnings:
            self.warnings.append(warning)

    @staticmethod
    def _note(notes: list[str], path: str, stream: CatalogStream, place: str, near: list[str]) -> None:
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        note = f'{place}: the stream "{stream.name}" has no property "{path}".{hint}'
        if note not in notes:
            notes.append(note)


def _compile_any(questions: Sequence[Question]) -> Question:
    if len(questions) == 1:
        return questions[0]
    return lambda data: any(question(data) for question in questions)


def _compile_presence(paths: Sequence[str]) -> Question:
    """Make the test whether a record has one of the properties, with a value or without."""
    readers = [compile_path(path) for path in paths]
    return lambda data: any(read(data) is not MISSING for read in readers)
