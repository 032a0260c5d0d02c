"""What a stream's JSON schema says about a property path: whether it is declared, and of which type.

A schema that declares no properties at a level says nothing about that level; Amplitude's
`event_properties` is such a bare object.
"""

from __future__ import annotations

import difflib
from typing import Any, Final

_SCALARS: Final = {"string": "string", "integer": "integer", "number": "float", "boolean": "boolean"}
"""JSON's scalar types, and the type of an attribute that holds them."""


def undeclared(path: str, schema: dict[str, Any]) -> list[str] | None:
    """Tell the nearest declared names if `schema` declares properties and not `path`; else None."""
    found = _walk_schema(path.split("."), schema, prefix="")
    return found if isinstance(found, list) else None


def _walk_schema(parts: list[str], schema: Any, prefix: str) -> list[str] | dict[str, Any] | None:
    """Follow `parts` down: the schema found, None where the schema is silent, or the nearest names."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict) or not properties:
        return None
    nearest: list[str] | None = None
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
        if not isinstance(found, list):
            return found
        nearest = nearest or found
    if nearest is not None:
        return nearest
    return [
        f'"{prefix}{name}"'
        for name in difflib.get_close_matches(".".join(parts), map(str, properties), n=3, cutoff=0.4)
    ]


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
