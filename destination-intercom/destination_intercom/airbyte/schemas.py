"""What a stream's JSON schema says about a property path: whether it is declared, and of which type.

A schema that declares no properties at a level says nothing about that level; Amplitude's
`event_properties` is such a bare object.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any, Final

_SCALARS: Final = {"string": "string", "integer": "integer", "number": "float", "boolean": "boolean"}
"""JSON's scalar types, and the type of an attribute that holds them."""


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
    """Tell what is wrong if `schema` declares properties and not `path`; else None."""
    found = _walk_schema(path.split("."), schema, prefix="")
    return found if isinstance(found, Undeclared) else None


def is_declared(path: str, schema: dict[str, Any]) -> bool:
    """Say whether `schema` lets one expect `path`: declared, or in an object whose members it leaves open."""
    if not _properties(schema):
        return False
    missing = undeclared(path, schema)
    return missing is None or (missing.is_nested and missing.is_open)


def _properties(schema: Any) -> dict[str, Any]:
    properties = schema.get("properties") if isinstance(schema, dict) else None
    return properties if isinstance(properties, dict) else {}


def _walk_schema(parts: list[str], schema: Any, prefix: str) -> Undeclared | dict[str, Any] | None:
    """Follow `parts` down: the schema found, None where the schema is silent, or what is missing."""
    properties = _properties(schema)
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
    near = difflib.get_close_matches(".".join(parts), map(str, properties), n=3, cutoff=0.4)
    further = schema.get("additionalProperties")
    is_open = further is True or isinstance(further, dict)
    return Undeclared([f'"{prefix}{name}"' for name in near], is_open, is_nested=bool(prefix))


def _may_nest(schema: Any) -> bool:
    kind = schema.get("type") if isinstance(schema, dict) else None
    return kind is None or "object" in (kind if isinstance(kind, list) else [kind])


def type_in_schema(path: str, schema: dict[str, Any]) -> str | None:
    """Tell the attribute type that the stream's schema declares at `path`; None where it tells none.

    A list of scalars is sent as a text.
    """
    found = _walk_schema(path.split("."), schema, prefix="")
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
