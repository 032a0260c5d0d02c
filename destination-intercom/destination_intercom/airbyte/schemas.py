"""What a stream's JSON schema says about a property path: whether it is declared, and of which type.

A schema that declares no properties at a level says nothing about that level; Amplitude's
`event_properties` is such a bare object.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from string import ascii_lowercase, ascii_uppercase
from typing import Any, Final

_SCALARS: Final = {"string": "string", "integer": "integer", "number": "float", "boolean": "boolean"}
"""JSON's scalar types, and the type of an attribute that holds them."""

_NEAREST: Final = 3
_LOWER: Final = str.maketrans(ascii_uppercase, ascii_lowercase)


@dataclass(frozen=True, slots=True)
class Undeclared:
    """What is said of a path by a schema that declares other names and not this one.

    `near` are the nearest declared paths, quoted. `is_open` says that further properties are allowed there,
    `is_nested` that it is not the record itself that lacks the name.
    """

    near: list[str]
    is_open: bool
    is_nested: bool


def undeclared(path: str, schema: dict[str, Any]) -> Undeclared | None:
    """Tell what is wrong if `schema` declares properties and not `path`, in whatever case its first name is."""
    found = _walk_schema(spell(path, schema).split("."), schema, prefix="")
    return found if isinstance(found, Undeclared) else None


def is_declared(path: str, schema: dict[str, Any]) -> bool:
    """Say whether `schema` lets one expect `path`: declared, or in an object whose members it leaves open."""
    if not declared_properties(schema):
        return False
    missing = undeclared(path, schema)
    return missing is None or (missing.is_nested and missing.is_open)


def declared_properties(schema: Any) -> dict[str, Any]:
    """Give the properties that a schema declares, with their schemas."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    return properties if isinstance(properties, dict) else {}


def lower_ascii(name: str) -> str:
    """Put the letters from A to Z into lower case, and no others."""
    return name.translate(_LOWER)


def fold_names(names: Iterable[str]) -> dict[str, str]:
    """Tell names by their lower case; without those that differ from another one in nothing else."""
    listed = list(names)
    count = Counter(map(lower_ascii, listed))
    return {folded: name for name in listed if count[folded := lower_ascii(name)] == 1}


def spell(path: str, schema: dict[str, Any]) -> str:
    """Write the first name of a path as `schema` does, where it differs from one declared name in case only."""
    properties = declared_properties(schema)
    heads = [path, *(path[: dot.start()] for dot in reversed(list(re.finditer(r"\.", path))))]
    if not properties or any(head in properties for head in heads):
        return path
    by_fold = fold_names(properties)
    for head in heads:
        if (name := by_fold.get(lower_ascii(head))) is not None:
            return name + path[len(name) :]
    return path


def json_types(schema: Any) -> set[str]:
    """Tell the JSON types that a schema names, in any branch of a union."""
    if not isinstance(schema, dict):
        return set()
    unions = [schema.get(name) for name in ("anyOf", "oneOf")]
    branches = [branch for union in unions if isinstance(union, list) for branch in union]
    return {kind for each in (schema, *branches) for kind in _kinds(each)}


def _walk_schema(parts: list[str], schema: Any, prefix: str) -> Undeclared | dict[str, Any] | None:
    """Follow `parts` down: the schema found, None where the schema is silent, or what is missing."""
    properties = declared_properties(schema)
    if not properties:
        return None
    missing: Undeclared | None = None
    for length in range(len(parts), 0, -1):
        key = ".".join(parts[:length])
        if key not in properties:
            continue
        below = properties[key]
        if length == len(parts):
            return below if isinstance(below, dict) else None
        if not _may_nest(below):
            continue
        found = _walk_schema(parts[length:], below, f"{prefix}{key}.")
        if not isinstance(found, Undeclared):
            return found
        missing = missing or found
    if missing is not None:
        return missing
    near = _nearest(".".join(parts), properties)
    further = schema.get("additionalProperties")
    is_open = further is True or isinstance(further, dict)
    return Undeclared([f'"{prefix}{name}"' for name in near], is_open, is_nested=bool(prefix))


def _nearest(name: str, names: Iterable[str]) -> list[str]:
    by_fold: dict[str, list[str]] = {}
    for each in names:
        by_fold.setdefault(lower_ascii(each), []).append(each)
    matches = difflib.get_close_matches(lower_ascii(name), by_fold, n=_NEAREST, cutoff=0.4)
    return [each for match in matches for each in by_fold[match]][:_NEAREST]


def _may_nest(schema: Any) -> bool:
    kind = schema.get("type") if isinstance(schema, dict) else None
    return kind is None or "object" in (kind if isinstance(kind, list) else [kind])


def type_in_schema(path: str, schema: dict[str, Any]) -> str | None:
    """Tell the attribute type that the stream's schema declares at `path`; None where it tells none.

    A list of scalars is sent as a text.
    """
    found = _walk_schema(spell(path, schema).split("."), schema, prefix="")
    if not isinstance(found, dict):
        return None
    kinds = _kinds(found)
    if kinds == ["string"] and found.get("format") in ("date", "date-time"):
        return "date"
    if kinds == ["number"] and found.get("airbyte_type") == "integer":
        return "integer"
    if kinds == ["array"]:
        members = _kinds(found.get("items"))
        return "string" if members and all(each in _SCALARS for each in members) else None
    return _SCALARS.get(kinds[0]) if len(kinds) == 1 else None


def _kinds(schema: Any) -> list[str]:
    """Tell the JSON types that a schema names, null aside."""
    kind = schema.get("type") if isinstance(schema, dict) else None
    kinds = kind if isinstance(kind, list) else [kind]
    return [each if isinstance(each, str) else "" for each in kinds if each not in (None, "null")]
