"""The workspace's data attributes against the ones that the configuration writes. Pure."""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from destination_intercom.errors import ConfigurationError
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import Call, CreateDataAttribute, ListDataAttributes
from destination_intercom.intercom.classify import read_refusal
from destination_intercom.standard_fields import FIELDS

MOST_ATTRIBUTES: Final = 250
"""Custom attributes of a workspace (Intercom's help centre)."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """What the workspace has of the attributes that are written: the custom ones' types, and their lists' options."""

    types: dict[str, str]
    options: dict[str, frozenset[str]] = field(repr=False)
    missing: tuple[str, ...]
    custom_count: int


def check_attributes(
    wanted: Mapping[str, str | None],
    listing: Any,
    *,
    missing: str = "fail",
    only_true: Collection[str] = (),
) -> Workspace:
    """Compare the attributes to write with the answer of `GET /data_attributes`.

    `wanted` maps each name to the type that it would be created with, None where nobody tells it.
    `missing` is what to do with custom attributes that are not there: `fail`, `create` or `skip`.
    Of those in `only_true` nothing but a true is written.

    Raises:
        ConfigurationError: names all that are missing (with `fail`), archived, not writable, or no booleans.
    """
    named = [
        attribute
        for attribute in listing["data"]
        if isinstance(attribute, dict) and isinstance(attribute.get("name"), str)
    ]
    # Of several with one name, the likeliest counts.
    known = {entry["name"]: entry for entry in sorted(named, key=_likelihood)}
    absent = [name for name in wanted if name not in known and name not in FIELDS]
    found = [name for name in wanted if name in known]
    problems = [*(_lacks(absent, wanted, known) if missing == "fail" else []), *_unusable(found, known)]
    if others := [name for name in found if name in only_true and known[name].get("data_type") != "boolean"]:
        problems.append(_no_flags(others))
    if problems:
        raise ConfigurationError("users.attributes: " + "; ".join(problems) + ".")
    custom = [name for name in found if name not in FIELDS]
    return Workspace(
        {name: kind for name in custom if isinstance(kind := known[name].get("data_type"), str)},
        {name: options for name in custom if (options := _options(known[name]))},
        tuple(absent),
        sum(entry.get("custom") is True and entry.get("archived") is not True for entry in named),
    )


def _lacks(absent: Sequence[str], wanted: Mapping[str, str | None], known: Mapping[str, Any]) -> list[str]:
    if not absent:
        return []
    names = ", ".join(f'"{name}" ({_type(wanted[name])}{_near(name, known)})' for name in absent)
    cure = "create them in Intercom under Settings > Data > People, set users.missing_attributes to create or skip"
    return [f"the workspace lacks the custom attributes {names}: {cure}, or leave them out of users.attributes"]


def _unusable(found: Sequence[str], known: Mapping[str, Any]) -> list[str]:
    problems = []
    if archived := [name for name in found if known[name].get("archived") is True]:
        problems.append(f"archived in Intercom, so not writable: {_quoted(archived)}: restore or leave them out")
    if locked := [name for name in found if known[name].get("api_writable") is False]:
        problems.append(f"not writable through Intercom's API: {_quoted(locked)}: leave them out of users.attributes")
    return problems


def _options(attribute: Mapping[str, Any]) -> frozenset[str]:
    options = attribute.get("options")
    return (
        frozenset(option for option in options if isinstance(option, str)) if isinstance(options, list) else frozenset()
    )


def _likelihood(attribute: Mapping[str, Any]) -> tuple[bool, bool]:
    # A custom attribute may bear the name of one of Intercom's own that nobody can write, such as "country".
    is_own = attribute.get("custom") is False
    return is_own is (attribute["name"] in FIELDS), attribute.get("archived") is not True


def _type(kind: str | None) -> str:
    return kind or "its type is told by neither the entry nor the stream's schema"


def _near(name: str, known: Mapping[str, Any]) -> str:
    near = [other for other in known if other.lower() == name.lower()]
    return f'; names are case-sensitive, and there is "{near[0]}"' if near else ""


def _no_flags(names: Sequence[str]) -> str:
    return f"overwrite only_true is for attributes that are true or false, and these are not: {_quoted(names)}"


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


@dataclass(slots=True)
class Attributes:
    """The attributes of one sync, settled with the workspace before the first record.

    `wanted` maps each name to the type that it would be created with, None where nobody tells it; `fields`
    are the standard ones that are written, or compared in any case. `types` and `options` are the
    workspace's, `skipped` what it lacks and may lack, `created` what was made just now.
    `create` says that missing ones may be created: a dry run only says that they would be.
    """

    missing: str
    create: bool = True
    created: tuple[str, ...] = ()
    wanted: dict[str, str | None] = field(default_factory=dict)
    fields: frozenset[str] = frozenset({"email"})
    types: dict[str, str] = field(default_factory=dict)
    options: dict[str, frozenset[str]] = field(default_factory=dict, repr=False)
    skipped: frozenset[str] = frozenset()
    warnings: list[str] = field(default_factory=list)
    _only_true: set[str] = field(default_factory=set)
    _to_create: list[tuple[str, str]] = field(default_factory=list)

    def want(self, name: str, kind: str | None, *, only_true: bool = False) -> None:
        """Note that an attribute is written, or a true of it only, and the type that one of the streams tells."""
        self.wanted[name] = self.wanted.get(name) or kind
        self.fields |= FIELDS.keys() & {name}
        if only_true:
            self._only_true.add(name)

    def settle(self) -> Generator[Call, Answer, list[str]]:
        """Yield the calls to make, taking the answer to each; return what to warn of.

        Raises:
            ConfigurationError: what is wanted cannot be had.
        """
        if self.wanted:
            listing = yield ListDataAttributes()
            self._compare(listing)
        for name, kind in self._to_create:
            call = CreateDataAttribute({"name": name, "model": "contact", "data_type": kind})
            answer = yield call
            if call.is_answered_by(answer):
                self.warnings.append(f'Created the custom attribute "{name}" ({kind}).')
                self.created = (*self.created, name)
            else:
                # It may be there by now: made by another app, or by an attempt of ours whose answer was lost.
                listing = yield ListDataAttributes()
                self._find_refused(name, answer, listing)
        return self.warnings

    def _compare(self, answer: Answer) -> None:
        workspace = check_attributes(self.wanted, answer.body, missing=self.missing, only_true=self._only_true)
        self.types.update(workspace.types)
        self.options.update(workspace.options)
        if self.missing == "skip" and workspace.missing:
            self.skipped = frozenset(workspace.missing)
            self.warnings.append(
                f"The workspace lacks the custom attributes {_quoted(workspace.missing)}: they are left out."
            )
        elif workspace.missing:
            self._plan(workspace)

    def _find_refused(self, name: str, refused: Answer, listing: Answer) -> None:
        """Go on if the attribute that was not created is there all the same, with the type that is wanted."""
        workspace = check_attributes({name: None}, listing.body, missing="skip")
        if workspace.types.get(name) != self.types[name]:
            words = read_refusal(refused).message or f"status {refused.status}"
            raise ConfigurationError(
                f'users.attributes: Intercom does not create the custom attribute "{name}": {words}.'
            )

    def _plan(self, workspace: Workspace) -> None:
        kinds = {name: self.wanted[name] for name in workspace.missing}
        if untyped := [name for name, kind in kinds.items() if kind is None]:
            raise ConfigurationError(
                f"users.attributes: nobody tells the type of {_quoted(untyped)}, which the workspace lacks: set it."
                " It is never guessed, for it cannot be changed afterwards."
            )
        if others := [name for name, kind in kinds.items() if name in self._only_true and kind != "boolean"]:
            raise ConfigurationError(f"users.attributes: {_no_flags(others)}.")
        if workspace.custom_count + len(kinds) > MOST_ATTRIBUTES:
            raise ConfigurationError(
                f"users.attributes: the workspace has {workspace.custom_count} custom attributes and can have"
                f" {MOST_ATTRIBUTES}: there is no room for {_quoted(workspace.missing)}."
            )
        planned = [(name, kind) for name, kind in kinds.items() if kind is not None]
        self.types.update(planned)
        if self.create:
            self._to_create = planned
        else:
            self.warnings.append(f"The custom attributes {_quoted(workspace.missing)} would be created.")
