"""The workspace's data attributes against the ones that the configuration writes. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from destination_intercom.errors import ConfigurationError
from destination_intercom.models import CONTACT, Model


@dataclass(frozen=True, slots=True)
class Near:
    """Another attribute that may be meant: how it is known to be, and what the user can do, in words."""

    text: str
    cure: str


@dataclass(frozen=True, slots=True)
class Workspace:
    """What the workspace has of the attributes that are written: the custom ones' types, and their lists' options.

    `near` tells of those that it lacks which other one may be meant.
    """

    types: dict[str, str]
    options: dict[str, frozenset[str]] = field(repr=False)
    missing: tuple[str, ...]
    custom_count: int
    near: dict[str, Near] = field(default_factory=dict)


def check_attributes(
    wanted: Mapping[str, str | None],
    listing: Any,
    *,
    missing: str = "fail",
    only_true: Collection[str] = (),
    described: Mapping[str, str] | None = None,
    model: Model = CONTACT,
) -> Workspace:
    """Compare the attributes of `model` to write with the answer of `GET /data_attributes`.

    `wanted` maps each name to the type that it would be created with, None where nobody tells it.
    `missing` is what to do with custom attributes that are not there: `fail`, `create` or `skip`.
    Of those in `only_true` nothing but a true is written. `described` says of each in words which type it would have.

    Raises:
        ConfigurationError: names all that are missing (with `fail`), archived, not writable, or no booleans, and with
            `create` those that would be a second one of an attribute that is there.
    """
    named = [
        attribute
        for attribute in listing["data"]
        if isinstance(attribute, dict) and isinstance(attribute.get("name"), str)
    ]
    # Of several with one name, the likeliest counts.
    known = {entry["name"]: entry for entry in sorted(named, key=lambda entry: _likelihood(entry, model))}
    absent = [name for name in wanted if name not in known and name not in model.fields]
    found = [name for name in wanted if name in known]
    near = {name: other for name in absent if (other := _near(name, known, model)) is not None}
    kinds = {name: (described or wanted)[name] or "of unknown type" for name in absent}
    problems = [*_lacks(kinds, near, missing=missing, model=model), *_unusable(found, known, model)]
    if others := [name for name in found if name in only_true and known[name].get("data_type") != "boolean"]:
        problems.append(explain_flags(others))
    if problems:
        raise ConfigurationError(f"{model.section}.attributes: " + "; ".join(problems) + ".")
    custom = [name for name in found if name not in model.fields]
    return Workspace(
        {name: kind for name in custom if isinstance(kind := known[name].get("data_type"), str)},
        {name: options for name in custom if (options := _options(known[name]))},
        tuple(absent),
        sum(entry.get("custom") is True and entry.get("archived") is not True for entry in named),
        near,
    )


def list_writable(listing: Any) -> dict[str, tuple[str, frozenset[str]]]:
    """Tell all custom attributes of the workspace that can be written, each with its type and its list's options."""
    return {
        entry["name"]: (entry["data_type"], _options(entry))
        for entry in listing["data"]
        if isinstance(entry, dict)
        and entry.get("custom") is True
        and entry.get("archived") is not True
        and entry.get("api_writable") is not False
        and isinstance(entry.get("name"), str)
        and isinstance(entry.get("data_type"), str)
    }


def _lacks(absent: Mapping[str, str], near: Mapping[str, Near], *, missing: str, model: Model) -> list[str]:
    """Tell what is wrong with attributes that the workspace lacks; `absent` says of which type each would be."""
    if missing == "create":
        return _duplicates(absent, near)
    if missing != "fail" or not absent:
        return []
    hints = {name: f"; {other.text}" for name, other in near.items()}
    names = ", ".join(f'"{name}" ({kind}{hints.get(name, "")})' for name, kind in absent.items())
    section = model.section
    cure = (
        f"create them in Intercom under Settings > Data > {model.page}, set {section}.missing_attributes to create or"
        " skip"
    )
    return [
        f"the workspace does not have the custom attributes {names}: {cure}, or leave them out of {section}.attributes"
    ]


def _duplicates(absent: Iterable[str], near: Mapping[str, Near]) -> list[str]:
    """Tell which attributes, once created, a person could hardly tell from others."""
    spelled: dict[str, str] = {}
    twice = [(other, name) for name in absent if (other := spelled.setdefault(name.casefold(), name)) != name]
    return [
        *(f'"{name}" is not created: {other.text}: {other.cure}' for name, other in near.items()),
        *(f'"{other}" and "{name}" differ only in case: choose one of them' for other, name in twice),
    ]


def _unusable(found: Sequence[str], known: Mapping[str, Any], model: Model) -> list[str]:
    problems = []
    if archived := [name for name in found if known[name].get("archived") is True]:
        problems.append(f"archived in Intercom, so not writable: {quote_names(archived)}: restore or leave them out")
    if locked := [name for name in found if known[name].get("api_writable") is False]:
        problems.append(
            f"not writable through Intercom's API: {quote_names(locked)}: leave them out of {model.section}.attributes"
        )
    return problems


def _options(attribute: Mapping[str, Any]) -> frozenset[str]:
    options = attribute.get("options")
    return (
        frozenset(option for option in options if isinstance(option, str)) if isinstance(options, list) else frozenset()
    )


def _likelihood(attribute: Mapping[str, Any], model: Model) -> tuple[bool, bool, bool]:
    # A custom attribute may bear the name of one of Intercom's own that nobody can write, such as "country"; and of a
    # company "name" is also the name of its plan, in full "plan.name" (Intercom's API description).
    name, is_own = attribute["name"], attribute.get("custom") is False
    is_whole = attribute.get("full_name", name) == name
    return is_own is (name in model.fields), is_whole, attribute.get("archived") is not True


def _near(name: str, known: Mapping[str, Any], model: Model) -> Near | None:
    """Find the attribute that may be meant by a name that the workspace lacks; if there are several, one to write."""
    wanted = name.casefold()
    labels = {other: label for other, entry in known.items() if isinstance(label := entry.get("label"), str)}
    found = {
        **{other: "this is the label of" for other, label in labels.items() if label.casefold() == wanted},
        **{
            other: "names are case-sensitive, and there is"
            for other in (*known, *model.fields)
            if other.casefold() == wanted
        },
    }
    if not found:
        return None
    other = min(found, key=lambda each: _obstacle(each, known, model) != "")
    obstacle = _obstacle(other, known, model)
    cure = "choose another name" if obstacle else "write that one, or choose another name"
    return Near(f'{found[other]} "{other}"{obstacle}', cure)


def _obstacle(name: str, known: Mapping[str, Any], model: Model) -> str:
    """Say why nothing can be written to an attribute; "" if nothing speaks against it."""
    if name in model.reserved:
        return ", which is Intercom's own or the identity"
    entry = known.get(name, {})
    if entry.get("archived") is True:
        return ", which is archived"
    return ", which cannot be written" if entry.get("api_writable") is False else ""


def explain_flags(names: Sequence[str]) -> str:
    """Say what is wrong with attributes of which only a true is to be written."""
    return f"overwrite only_true is for attributes that are true or false, and these are not: {quote_names(names)}"


def quote_names(names: Iterable[str]) -> str:
    """List names in quotes."""
    return ", ".join(f'"{name}"' for name in names)
