"""The attributes of one model: those that a sync wants, settled with the workspace before the first record."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from destination_intercom.attributes.attribute_types import (
    FROM_SCHEMA,
    UNFIT,
    UNTOLD,
    Origin,
    TimeWatch,
    describe_types,
    find_times,
    find_unfit,
    list_types,
    read_origin,
)
from destination_intercom.attributes.rules import AttributeMembers, AttributeRule
from destination_intercom.attributes.workspace import (
    Workspace,
    check_attributes,
    explain_flags,
    list_writable,
    quote_names,
)
from destination_intercom.configuration.entries import AttributeEntry
from destination_intercom.delivery.kinds import Note, Notes
from destination_intercom.errors import ConfigurationError
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import Call, CreateDataAttribute, ListDataAttributes
from destination_intercom.intercom.classify import read_refusal
from destination_intercom.models import CONTACT, Model

MOST_ATTRIBUTES: Final = 250
"""Custom attributes of a workspace (Intercom's help centre)."""


@dataclass(slots=True)
class Attributes:
    """The attributes of one sync, settled with the workspace before the first record.

    `wanted` maps each name to the type that it would be created with, None where nobody tells it; `fields`
    are the standard ones of `model` that are written, or compared in any case. `types` and `options` are the
    workspace's, `skipped` what it lacks and may lack, `created` what was made just now.
    `create` says that missing ones may be created: a dry run only says that they would be, and `watch` then looks
    at their values. What there is to say goes into `notes`, before the call that it is about.
    """

    missing: str
    model: Model = CONTACT
    create: bool = True
    notes: Notes = field(default_factory=Notes)
    created: tuple[str, ...] = ()
    wanted: dict[str, str | None] = field(default_factory=dict)
    fields: frozenset[str] = frozenset()
    types: dict[str, str] = field(default_factory=dict)
    options: dict[str, frozenset[str]] = field(default_factory=dict, repr=False)
    skipped: frozenset[str] = frozenset()
    watch: TimeWatch | None = None
    _only_true: set[str] = field(default_factory=set)
    _origins: dict[str, list[Origin]] = field(default_factory=dict)
    _members: dict[str, str | None] = field(default_factory=dict)
    _takes_all: bool = False

    def __post_init__(self) -> None:
        """Begin with the fields that are compared in any case."""
        self.fields |= self.model.fields.keys() & {"email"}

    @property
    def _section(self) -> str:
        return self.model.section

    @property
    def _before(self) -> str:
        entry = f"its entry in {self._section}.attributes"
        return f'If one is a time, set the type of {entry} to "date" before the first sync.'

    @property
    def _too_late(self) -> str:
        return (
            "If one is a time, archive the new attribute in Intercom and write another one: set the type of its entry"
            f' in {self._section}.attributes to "date".'
        )

    def want(self, name: str, kind: str | None, *, only_true: bool = False, origin: Origin | None = None) -> None:
        """Note that an attribute is written, or a true of it only, and the type that one of the streams tells.

        The type of an entry's own, which `origin` tells, goes before those of other streams' schemas.
        """
        origins = self._origins.setdefault(name, [])
        if origin is not None and origin not in origins:
            origins.append(origin)
        told = self.wanted.get(name)
        # What is a whole number in one stream only may have a fraction in another.
        kind = "float" if {told, kind} == {"integer", "float"} else told or kind
        self.wanted[name] = next(iter(_own_types(origins)), kind)
        self.fields |= self.model.fields.keys() & {name}
        if only_true:
            self._only_true.add(name)

    def want_rules(self, named: Iterable[AttributeRule], members: Iterable[AttributeMembers]) -> None:
        """Note what the rules of a stream write, with the types that its schema tells."""
        for rule in named:
            self.want(rule.target, rule.type, only_true=rule.overwrite == "only_true", origin=rule.origin)
        for many in members:
            self.want_members(many.declared)

    def want_entries(self, entries: Iterable[AttributeEntry]) -> None:
        """Note what entries of the form name, where no stream is known that could tell more."""
        for entry in entries:
            if not entry.is_many:
                origin = read_origin(entry.path, entry.type, {})
                self.want(entry.target, entry.type, only_true=entry.overwrites == "only_true", origin=origin)

    def assume(self) -> Iterator[str]:
        """Take what the entries and the schemas tell for the workspace's types; tell what that is."""
        wanted = {**self._members, **self.wanted}
        custom = {name: kind for name, kind in wanted.items() if name not in self.model.fields}
        self.types.update({name: kind for name, kind in custom.items() if kind is not None})
        if custom:
            told = ", ".join(
                f'"{name}" ({kind or "string, because its type is unknown"})' for name, kind in custom.items()
            )
            yield f"Custom attributes are assumed to have these types, since preview does not ask Intercom: {told}."

    def want_members(self, declared: Mapping[str, str | None]) -> None:
        """Note that a wildcard stands for whatever a record has; `declared` are the types that its schema tells.

        What nobody has named never fails a sync. A member that no schema has is written where the workspace has it.
        """
        self._takes_all = True
        for name, kind in declared.items():
            if name not in self.model.never_by_wildcard:
                self._members[name] = self._members.get(name) or kind
                self.fields |= self.model.fields.keys() & {name}
        self.fields |= self.model.fields.keys() - self.model.never_by_wildcard

    def check(self) -> Generator[Call, Answer, None]:
        """Yield the call that shows what is wrong as far as entries tell it, for a test knows no streams.

        Raises:
            ConfigurationError: what is wanted cannot be had.
        """
        workspace = self._compare((yield ListDataAttributes(self.model.name)), untold=FROM_SCHEMA)
        if self.missing == "create" and workspace.missing:
            planned = {name: self.wanted[name] for name in workspace.missing}
            self._refuse(workspace, planned)
            self._announce(planned, "which the first sync creates", self._before)

    def settle(self) -> Generator[Call, Answer, None]:
        """Yield the calls to make, taking the answer to each.

        Raises:
            ConfigurationError: what is wanted cannot be had.
        """
        if not self.wanted and not self._takes_all:
            return
        listing = yield ListDataAttributes(self.model.name)
        workspace = self._compare(listing)
        if self._takes_all:
            for name, (kind, options) in list_writable(listing.body).items():
                self.types.setdefault(name, kind)
                if options:
                    self.options.setdefault(name, options)
        planned = self._plan(workspace) if self.missing == "create" else {}
        planned.update(self._plan_members(listing, room=MOST_ATTRIBUTES - workspace.custom_count - len(planned)))
        self._begin(planned)
        for name, kind in planned.items() if self.create else ():
            call = CreateDataAttribute({"name": name, "model": self.model.name, "data_type": kind})
            answer = yield call
            if call.is_answered_by(answer):
                self._say(f'Created the custom attribute "{name}" ({kind}).')
                self.created = (*self.created, name)
            else:
                # It may be there by now: made by another app, or by an attempt of ours whose answer was lost.
                listing = yield ListDataAttributes(self.model.name)
                self._find_refused(name, answer, listing)

    def summary(self) -> Iterator[str]:
        """Tell at the end of a dry run which attributes hold times by their values."""
        if self.watch is not None and (times := self.watch.find()):
            yield (
                "Dry run: these attributes would be created, and all of their values look like times:"
                f" {list_types(times)}. {self._before}"
            )

    def _compare(self, answer: Answer, *, untold: str = UNTOLD) -> Workspace:
        workspace = check_attributes(
            self.wanted,
            answer.body,
            missing=self.missing,
            only_true=self._only_true,
            described=describe_types(self.wanted, self._origins, untold=untold),
            model=self.model,
        )
        self.types.update(workspace.types)
        self.options.update(workspace.options)
        self._compare_types()
        if self.missing == "skip" and workspace.missing:
            self.skipped = frozenset(workspace.missing)
            near = "".join(f' "{name}": {other.text}.' for name, other in workspace.near.items())
            self._say(
                "The workspace does not have these custom attributes, so they are left out:"
                f" {quote_names(workspace.missing)}.{near}"
            )
        return workspace

    def _compare_types(self) -> None:
        """Warn of attributes whose entry says another type than the workspace has: no type can be changed."""
        for name, kind in self.types.items():
            others = [own for own in _own_types(self._origins.get(name, ())) if own != kind.removesuffix("time")]
            if others:
                self._say(
                    f'{self._section}.attributes: "{name}" has the type {kind} in the workspace, but the type'
                    f" {' or '.join(others)} in its entry: the type in the workspace counts.",
                    heading="Attributes with another type in the workspace than in their entries",
                    name=name,
                )

    def _find_refused(self, name: str, refused: Answer, listing: Answer) -> None:
        """Go on if the attribute that was not created is there all the same, with the type that is wanted."""
        workspace = check_attributes({name: None}, listing.body, missing="skip", model=self.model)
        if workspace.types.get(name) == self.types[name]:
            return
        words = read_refusal(refused).message or f"status {refused.status}"
        problem = f'Intercom does not create the custom attribute "{name}": {words}.'
        if name in self.wanted:
            raise ConfigurationError(f"{self._section}.attributes: {problem}")
        self._say(f"{problem} Its values from * are left out.")
        self.skipped |= {name}
        del self.types[name]

    def _plan(self, workspace: Workspace) -> dict[str, str]:
        """Tell what is to be created, each with its type, once nothing speaks against it."""
        if not workspace.missing:
            return {}
        kinds = {name: self.wanted[name] for name in workspace.missing}
        self._refuse(workspace, kinds)
        planned = {name: kind for name, kind in kinds.items() if kind is not None}
        if untyped := [name for name in kinds if name not in planned]:
            raise ConfigurationError(
                f"{self._section}.attributes: the workspace does not have {quote_names(untyped)}, and the type is"
                " unknown: set it. It is never guessed, because it cannot be changed later."
            )
        return planned

    def _plan_members(self, listing: Answer, *, room: int) -> dict[str, str]:
        """Tell which members of wildcards are to be created; what cannot be written of them is left out."""
        planned: dict[str, str] = {}
        left_out: dict[str, str] = {}
        taken = {name.casefold() for name in self.wanted}
        for name, kind in self._members.items():
            if name in self.wanted:
                continue
            try:
                workspace = check_attributes({name: kind}, listing.body, missing="skip", model=self.model)
            except ConfigurationError:
                left_out[name] = "archived, or not writable"
                continue
            self.types.update(workspace.types)
            self.options.update(workspace.options)
            if not workspace.missing:
                continue
            near = workspace.near.get(name)
            if self.missing != "create" or kind is None:
                left_out[name] = kind or "of unknown type"
            elif near is not None or name.casefold() in taken:
                left_out[name] = near.text if near is not None else "another one differs only in case"
            elif len(planned) >= room:
                left_out[name] = f"more than the {MOST_ATTRIBUTES} of a workspace"
            else:
                planned[name] = kind
                taken.add(name.casefold())
        if left_out:
            self.skipped |= left_out.keys()
            told = ", ".join(f'"{name}" ({why})' for name, why in left_out.items())
            self._say(f"Members of * without an attribute in the workspace, which are left out: {told}.")
        return planned

    def _begin(self, planned: Mapping[str, str]) -> None:
        """Say what is created, or would be, before it is."""
        if not planned:
            return
        self.types.update(planned)
        if self.create:
            self._announce(planned, "which are created", self._too_late)
        else:
            self._announce(planned, "which would be created", self._before)
            self.watch = TimeWatch(planned)

    def _refuse(self, workspace: Workspace, kinds: Mapping[str, str | None]) -> None:
        """Refuse attributes for which no value would do, and more of them than a workspace can have."""
        problems = []
        unfit = {name: why for name, kind in kinds.items() if (why := find_unfit(kind, self._origins.get(name, ())))}
        if unfit:
            told = ", ".join(f'"{name}" ({UNFIT[why]})' for name, why in unfit.items())
            problems.append(
                f"no attribute is created for {told}: write what is inside, with a path such as address.city or"
                " lines.0.price; for a list of strings or numbers, which is sent as one string, set the type to string"
            )
        if others := [
            name for name, kind in kinds.items() if name in self._only_true and kind not in {"boolean", None}
        ]:
            problems.append(explain_flags(others))
        if workspace.custom_count + len(kinds) > MOST_ATTRIBUTES:
            problems.append(
                f"the workspace has {workspace.custom_count} custom attributes and can have {MOST_ATTRIBUTES}: there is"
                f" no room for {quote_names(workspace.missing)}"
            )
        if problems:
            raise ConfigurationError(f"{self._section}.attributes: " + "; ".join(problems) + ".")

    def _announce(self, kinds: Mapping[str, str | None], when: str, cure: str) -> None:
        """Name each attribute with the type that it is to have for ever, and those that look like a mistake."""
        text = f"Missing custom attributes, {when}: {list_types(kinds)}. A type cannot be changed later."
        if times := find_times(kinds, self._origins):
            text += f" The names of these suggest times: {quote_names(times)}. {cure}"
        self.notes.add(Note(text, pressing=True))

    def _say(self, text: str, *, heading: str = "", name: str = "") -> None:
        self.notes.add(Note(text, heading, name))


def _own_types(origins: Iterable[Origin]) -> list[str]:
    """Tell the types that entries have of their own, each once."""
    return list(dict.fromkeys(each.type for each in origins if each.type is not None))
