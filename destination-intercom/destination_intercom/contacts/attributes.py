"""The workspace's data attributes against the ones that the configuration writes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from destination_intercom.configuration.config import STANDARD_FIELDS
from destination_intercom.errors import ConfigurationError
from destination_intercom.intercom.calls import Answer, Call, CreateDataAttribute, ListDataAttributes
from destination_intercom.intercom.classify import is_success, refusal_of

MOST_ATTRIBUTES: Final = 250
"""Custom attributes of a workspace (Intercom's help centre)."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """What the workspace has of the attributes that are written: the custom ones' types, and their lists' options."""

    types: dict[str, str]
    options: dict[str, frozenset[str]] = field(repr=False)
    missing: tuple[str, ...]
    custom_count: int


def check_attributes(wanted: Mapping[str, str | None], listing: Any, *, missing: str = "fail") -> Workspace:
    """Compare the attributes to write with the answer of `GET /data_attributes`.

    `wanted` maps each name to the type that it would be created with, None where nobody tells it.
    `missing` is what to do with custom attributes that are not there: `fail`, `create` or `skip`.

    Raises:
        ConfigurationError: names all that are missing (with `fail`), archived or not writable.
    """
    named = [
        attribute
        for attribute in listing["data"]
        if isinstance(attribute, dict) and isinstance(attribute.get("name"), str)
    ]
    # Of several with one name, the likeliest counts.
    known = {entry["name"]: entry for entry in sorted(named, key=_likelihood)}
    absent = [name for name in wanted if name not in known and name not in STANDARD_FIELDS]
    found = [name for name in wanted if name in known]
    problems = [*(_lacks(absent, wanted, known) if missing == "fail" else []), *_unusable(found, known)]
    if problems:
        raise ConfigurationError("users.attributes: " + "; ".join(problems) + ".")
    custom = [name for name in found if name not in STANDARD_FIELDS]
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
    return is_own is (attribute["name"] in STANDARD_FIELDS), attribute.get("archived") is not True


def _type(kind: str | None) -> str:
    return kind or "its type is told by neither the entry nor the stream's schema"


def _near(name: str, known: Mapping[str, Any]) -> str:
    near = [other for other in known if other.lower() == name.lower()]
    return f'; names are case-sensitive, and there is "{near[0]}"' if near else ""


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


@dataclass(slots=True)
class Attributes:
    """The attributes of one sync, settled with the workspace before the first record.

    `questions` gives the calls to make, one after the other; `note` takes the answer to each.
    `create` says that missing ones may be created: a dry run only says that they would be.
    """

    wanted: Mapping[str, str | None]
    missing: str
    create: bool = True
    types: dict[str, str] = field(default_factory=dict)
    options: dict[str, frozenset[str]] = field(default_factory=dict, repr=False)
    skipped: frozenset[str] = frozenset()
    warnings: list[str] = field(default_factory=list)
    _refused: tuple[str, str] | None = None
    _to_create: list[tuple[str, str]] = field(default_factory=list)

    def questions(self) -> Iterator[Call]:
        """Give the calls to make; each must be answered before the next is asked for."""
        if not self.wanted:
            return
        yield ListDataAttributes()
        for name, kind in self._to_create:
            yield CreateDataAttribute({"name": name, "model": "contact", "data_type": kind})
            if self._refused is not None:
                # It may be there by now: made by another app, or by an attempt of ours whose answer was lost.
                yield ListDataAttributes()

    def note(self, call: Call, answer: Answer) -> None:
        """Take the answer to one of the questions.

        Raises:
            ConfigurationError: what is wanted cannot be had.
        """
        if isinstance(call, CreateDataAttribute):
            self._created(call, answer)
        elif self._refused is not None:
            self._find_refused(answer)
        else:
            self._settle(answer)

    def _settle(self, answer: Answer) -> None:
        workspace = check_attributes(self.wanted, answer.body, missing=self.missing)
        self.types.update(workspace.types)
        self.options.update(workspace.options)
        if self.missing == "skip" and workspace.missing:
            self.skipped = frozenset(workspace.missing)
            self.warnings.append(
                f"The workspace lacks the custom attributes {_quoted(workspace.missing)}: they are left out."
            )
        elif workspace.missing:
            self._plan(workspace)

    def _find_refused(self, answer: Answer) -> None:
        """Go on if the attribute that was not created is there all the same, with the type that is wanted."""
        (name, words), self._refused = self._refused or ("", ""), None
        workspace = check_attributes({name: None}, answer.body, missing="skip")
        if workspace.types.get(name) != self.types[name]:
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

    def _created(self, call: CreateDataAttribute, answer: Answer) -> None:
        name = call.payload["name"]
        if is_success(call, answer):
            self.warnings.append(f'Created the custom attribute "{name}" ({call.payload["data_type"]}).')
            return
        refusal = refusal_of(answer)
        words = refusal.message if refusal is not None and refusal.message else f"status {answer.status}"
        self._refused = (name, words)
