"""What a stream's JSON schema says about a property path: whether it is declared, and of which type.

A path is followed as `paths` reads it from a record: a literal key wins over nesting, a number enters a list, and
a text may hold JSON. A schema that declares no properties at a level says nothing about that level; Amplitude's
`event_properties` is such a bare object. Nor does it say what a list holds that has no `items`, or a text.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Set as AbstractSet
from dataclasses import dataclass
from string import ascii_lowercase, ascii_uppercase
from typing import Any, Final, Literal, TypeAlias

from destination_intercom.paths import is_index

_SCALARS: Final = {"string": "string", "integer": "integer", "number": "float", "boolean": "boolean"}
"""JSON's scalar types, and the type of an attribute that holds them."""

_ANYTHING: Final = "any"
_NEAREST: Final = 3
_DEEPEST: Final = 50
"""Parts of a path that are followed: no source is known to nest as deep."""
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


_Silence: TypeAlias = Literal["open", "text"]
"""Why a schema is silent about a path: it leaves open what is there, or a text is, which may hold JSON or not."""

_Said: TypeAlias = Undeclared | dict[str, Any] | _Silence
"""What a schema says of a path: what is missing, the schema of what is there, or nothing."""

Nesting: TypeAlias = Literal["object", "objects", "list"]
"""What no attribute holds: an object, a list of objects or lists, a list of which nobody tells what it holds."""


def undeclared(path: str, schema: dict[str, Any]) -> Undeclared | None:
    """Tell what is wrong if `schema` declares properties and not `path`, in whatever case its first name is."""
    said = _look_up(path, schema)
    return said if isinstance(said, Undeclared) else None


def is_declared(path: str, schema: dict[str, Any]) -> bool:
    """Say whether `schema` lets one expect `path`: declared, or in what it leaves open inside of something declared.

    A text is nothing to expect a path in: only a record can show that it holds JSON.
    """
    if not declared_properties(schema):
        return False
    said = _look_up(path, schema)
    return said != "text" if not isinstance(said, Undeclared) else said.is_nested and said.is_open


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
    return {kind for each in _alternatives(schema) for kind in _kinds(each)}


def type_in_schema(path: str, schema: dict[str, Any]) -> str | None:
    """Tell the attribute type that the stream's schema declares at `path`; None where it tells none.

    A list of scalars is sent as a text; of several types there is one only if they are integer and number.
    """
    said = _look_up(path, schema)
    if not isinstance(said, dict):
        return None
    types = {kind for each in _alternatives(said) for kind in _attribute_types(each)}
    if types == {"array"}:
        return "string"
    if types == {"integer", "float"}:
        return "float"
    return types.pop() or None if len(types) == 1 else None


def nesting_in_schema(path: str, schema: dict[str, Any]) -> Nesting | None:
    """Tell what `schema` declares at `path` that no attribute can hold, if it declares nothing else there."""
    said = _look_up(path, schema)
    alternatives = _alternatives(said) if isinstance(said, dict) else []
    kinds = {kind for each in alternatives for kind in _shapes(each)}
    if kinds == {"object"}:
        return "object"
    if kinds != {"array"}:
        return None
    lists = [each.get("items") for each in alternatives if "array" in _shapes(each)]
    if all(_is_of(items, {"object", "array"}) for items in lists):
        return "objects"
    return None if all(_is_of(items, _SCALARS.keys()) for items in lists) else "list"


def _look_up(path: str, schema: dict[str, Any]) -> _Said:
    parts = spell(path, schema).split(".")
    if not declared_properties(schema) or len(parts) > _DEEPEST:
        return "open"
    return _find_property(parts, schema, prefix="")


def _follow(parts: list[str], schema: Any, prefix: str) -> _Said | None:
    """Follow `parts` on from a place whose schema is `schema`; None if nothing can be below it."""
    if not parts:
        return schema if isinstance(schema, dict) else "open"
    return _join([said for each in _alternatives(schema) for said in _enter(parts, each, prefix)])


def _enter(parts: list[str], schema: Any, prefix: str) -> Iterator[_Said]:
    """Tell what is at `parts` by each of the types that may be below a place: objects, lists, and texts."""
    for kind in _shapes(schema):
        if kind == _ANYTHING:
            yield "open"
        elif kind == "object":
            yield _find_property(parts, schema, prefix) if declared_properties(schema) else "open"
        elif kind == "array":
            yield _find_member(parts, schema.get("items"), prefix)
        elif kind == "string":
            yield "text"


def _find_property(parts: list[str], schema: dict[str, Any], prefix: str) -> _Said:
    properties = declared_properties(schema)
    missing: Undeclared | None = None
    for length in range(len(parts), 0, -1):
        key = ".".join(parts[:length])
        if key not in properties:
            continue
        said = _follow(parts[length:], properties[key], f"{prefix}{key}.")
        if said is not None and not isinstance(said, Undeclared):
            return said
        missing = missing or said
    if missing is not None:
        return missing
    near = _nearest(".".join(parts), properties)
    further = schema.get("additionalProperties")
    is_open = further is True or isinstance(further, dict)
    return Undeclared([f'"{prefix}{name}"' for name in near], is_open, is_nested=bool(prefix))


def _find_member(parts: list[str], items: Any, prefix: str) -> _Said:
    """Follow `parts` into a list, which only a number enters."""
    if is_index(parts[0]):
        said = _follow(parts[1:], items, f"{prefix}{parts[0]}.")
        return said if said is not None else Undeclared([f'"{prefix}{parts[0]}"'], is_open=False, is_nested=True)
    said = _follow(parts, items, f"{prefix}0.")
    if isinstance(said, Undeclared) and said.near:
        near = said.near
    elif isinstance(said, dict) or said == "open":
        near = [f'"{prefix}0.{".".join(parts)}"']
    else:
        near = [f'"{prefix}0"']
    return Undeclared(near, is_open=False, is_nested=True)


def _join(said: list[_Said]) -> _Said | None:
    """Make one of what a schema says by each of several types; nobody knows which one a record has."""
    found = [each for each in said if isinstance(each, dict)]
    if "open" in said or (found and "text" in said):
        return "open"
    if found:
        return found[0] if len(found) == 1 else {"anyOf": found}
    if "text" in said:
        return "text"
    missing = [each for each in said if isinstance(each, Undeclared)]
    if not missing:
        return None
    near = list(dict.fromkeys(name for each in missing for name in each.near))[:_NEAREST]
    return Undeclared(near, any(each.is_open for each in missing), is_nested=True)


def _nearest(name: str, names: Iterable[str]) -> list[str]:
    by_fold: dict[str, list[str]] = {}
    for each in names:
        by_fold.setdefault(lower_ascii(each), []).append(each)
    matches = difflib.get_close_matches(lower_ascii(name), by_fold, n=_NEAREST, cutoff=0.4)
    return [each for match in matches for each in by_fold[match]][:_NEAREST]


def _alternatives(schema: Any) -> list[dict[str, Any]]:
    """Tell the schemas of which one holds: the branches of a union, however nested, or the schema itself."""
    found: list[dict[str, Any]] = []
    waiting = [schema]
    while waiting:
        each = waiting.pop(0)
        if not isinstance(each, dict):
            found.append({})
            continue
        unions = [union for name in ("anyOf", "oneOf") if isinstance(union := each.get(name), list)]
        # Beside a type that is named, a union only says more of it.
        if _shapes(each) != [_ANYTHING] or not any(unions):
            found.append(each)
        else:
            waiting[:0] = [branch for union in unions for branch in union]
    return found


def _attribute_types(schema: dict[str, Any]) -> Iterator[str]:
    """Tell the type of an attribute for each JSON type that a schema names; "" for what tells none.

    It is "array" for a list of scalars: a text, if nothing else may be in its place.
    """
    for kind in _shapes(schema):
        if kind == "string" and schema.get("format") in ("date", "date-time"):
            yield "date"
        elif kind == "number" and schema.get("airbyte_type") == "integer":
            yield "integer"
        elif kind == "array":
            yield "array" if _is_of(schema.get("items"), _SCALARS.keys()) else ""
        else:
            yield _SCALARS.get(kind, "")


def _is_of(schema: Any, wanted: AbstractSet[str]) -> bool:
    """Say whether a schema names types, and none but those that are wanted."""
    kinds = {kind for each in _alternatives(schema) for kind in _shapes(each)}
    return bool(kinds) and kinds <= wanted


def _shapes(schema: dict[str, Any]) -> list[str]:
    """Tell the JSON types that may be at a place, null aside, named or to be seen by what is said of their insides."""
    if schema.get("type") is not None:
        return _kinds(schema)
    shapes = {"object": bool(declared_properties(schema)), "array": "items" in schema}
    return [kind for kind, is_told in shapes.items() if is_told] or [_ANYTHING]


def _kinds(schema: Any) -> list[str]:
    """Tell the JSON types that a schema names, null aside."""
    kind = schema.get("type") if isinstance(schema, dict) else None
    kinds = kind if isinstance(kind, list) else [kind]
    return [each if isinstance(each, str) else "" for each in kinds if each not in (None, "null")]


def last_key(path: str, schema: dict[str, Any]) -> str:
    """Tell the last key of a path: of several parts where the schema declares a literal key with dots in it."""
    parts = spell(path, schema).split(".")
    for begin in range(len(parts) - 1):
        above, key = parts[:begin], ".".join(parts[begin:])
        said: _Said = _look_up(".".join(above), schema) if above else schema
        if isinstance(said, dict) and any(key in declared_properties(each) for each in _alternatives(said)):
            return key
    return parts[-1]


def declared_members(path: str, schema: dict[str, Any]) -> dict[str, str | None]:
    """Tell the members that the schema declares of what the wildcard `path` (`*`, `a.*`) stands for, with their types.

    Without those that can only be objects, or lists of them: they are no members of a wildcard.
    """
    above = path.removesuffix("*").removesuffix(".")
    said: _Said = _look_up(above, schema) if above else schema
    if not isinstance(said, dict):
        return {}
    names = [name for each in _alternatives(said) for name in declared_properties(each)]
    prefix = f"{above}." if above else ""
    return {
        name: type_in_schema(f"{prefix}{name}", schema)
        for name in names
        if nesting_in_schema(f"{prefix}{name}", schema) not in {"object", "objects"}
    }
