"""What Airbyte's form does between a person, the specification and the configuration that is sent, made again in short.

The facts are from airbyte-platform (airbyte-webapp: `schemaToFormBlock.ts`, `schemaToYup.ts`, `useBuildForm.tsx`,
`ConditionSection.tsx`, `ArrayOfObjectsSection.tsx`, `core/utils/form.ts`) and from react-hook-form's `useFieldArray`, as
they were stored in November 2026. How yup casts was tried with its versions 0.32.11 and 1.7.1; the rest was only read.

It knows nothing of this connector, and leaves one thing out: the server masks secrets for the form and puts them back.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

_ABSENT: Final = object()
"""JavaScript's undefined: it is in no JSON."""


@dataclass(frozen=True, slots=True)
class AirbyteForm:
    """The form of a specification. Values are what it holds while it is open, and `save` makes the configuration.

    With `fills_in` it is the earlier of two forms, which gave every absent field its default whenever something was saved,
    and every absent section {}; the later one gives a field its default only where it shows it for the first time.
    """

    spec: dict[str, Any]
    fills_in: bool

    def begin(self) -> dict[str, Any]:
        """Open the form of a new destination."""
        return _defaults(self.spec)

    def edit(self, stored: dict[str, Any]) -> dict[str, Any]:
        """Open the form of a destination that was saved as `stored`: it fills in nothing."""
        return copy.deepcopy(stored)

    def save(self, values: dict[str, Any]) -> dict[str, Any]:
        """Make the configuration that is sent."""
        document: dict[str, Any] = self._cast(self.spec, _drop_empty(copy.deepcopy(values)))
        return document

    def choose(self, section: dict[str, Any], value: dict[str, Any] | None, constant: str) -> dict[str, Any]:
        """Choose another variant: fields that it has too are kept, and the others have their defaults."""
        variant = find_variant(section, constant)
        chosen = {name: each for name, each in (value or {}).items() if name in variant["properties"]}
        chosen[find_mark(section)] = constant
        return _defaults(variant, chosen)

    def add(self, items: dict[str, Any]) -> dict[str, Any]:
        """Add an entry to a list of objects."""
        return _defaults(items)

    def show(self, shown: dict[str, Any], values: dict[str, Any]) -> None:
        """Show the lists of an object: an absent one becomes an empty one by that alone."""
        for name, field in shown["properties"].items():
            if is_list_of_objects(field) and not values.get(name):
                values[name] = []

    def _cast(self, schema: dict[str, Any], value: Any) -> Any:
        if "oneOf" in schema:
            if value is _ABSENT:
                return {} if self.fills_in else _ABSENT
            constant = value.get(find_mark(schema))
            # Where nothing is chosen, whatever is there is kept.
            return value if constant is None else self._cast_fields(find_variant(schema, constant), value)
        if schema["type"] == "object":
            return self._cast_fields(schema, {} if value is _ABSENT else value)
        if value is _ABSENT:
            return schema["default"] if self.fills_in and "default" in schema else _ABSENT
        if schema["type"] == "array":
            return [self._cast(schema["items"], each) for each in value]
        if schema["type"] == "string":
            return str(value).strip()
        return int(value) if schema["type"] == "integer" else value

    def _cast_fields(self, schema: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
        cast = {name: self._cast(field, value.get(name, _ABSENT)) for name, field in schema["properties"].items()}
        return {name: each for name, each in cast.items() if each is not _ABSENT}


def find_mark(section: dict[str, Any]) -> str:
    """Find the constant by which the form tells variants apart: all of them have it."""
    first, *others = [
        [name for name, field in variant["properties"].items() if "const" in field] for variant in section["oneOf"]
    ]
    [mark] = [name for name in first if all(name in other for other in others)]
    return str(mark)


def find_variant(section: dict[str, Any], constant: str) -> dict[str, Any]:
    """Find the variant whose constant this is."""
    mark = find_mark(section)
    found: dict[str, Any] = next(
        variant for variant in section["oneOf"] if variant["properties"][mark]["const"] == constant
    )
    return found


def is_list_of_objects(field: dict[str, Any]) -> bool:
    """Say whether a field is a list whose entries have fields of their own."""
    return field.get("type") == "array" and field["items"]["type"] == "object"


def walk(
    schema: dict[str, Any], values: dict[str, Any], meant: dict[str, Any]
) -> Iterator[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]]:
    """Walk the objects that the form shows: the fields of each, what the form holds, and what is meant by it."""
    yield schema, values, meant
    for name, field in schema["properties"].items():
        inner = values.get(name)
        if is_list_of_objects(field):
            for entry, meant_entry in zip(inner or [], meant.get(name) or [], strict=True):
                yield from walk(field["items"], entry, meant_entry)
        elif isinstance(inner, dict) and "oneOf" in field:
            if constant := inner.get(find_mark(field)):
                yield from walk(find_variant(field, constant), inner, meant.setdefault(name, {}))
        elif isinstance(inner, dict):
            yield from walk(field, inner, meant.setdefault(name, {}))


def _defaults(schema: dict[str, Any], values: dict[str, Any] | None = None) -> dict[str, Any]:
    """Give the fields of an object that have no value their defaults; a section of variants always begins anew."""
    filled = values or {}
    for name, field in schema["properties"].items():
        if "oneOf" in field:
            filled[name] = _defaults(field["oneOf"][0])
        elif field["type"] == "object":
            filled[name] = _defaults(field, filled.get(name))
        elif name not in filled and ("default" in field or "const" in field):
            filled[name] = copy.deepcopy(field.get("default", field.get("const")))
    return filled


def _drop_empty(value: Any) -> Any:
    """Drop the texts that are empty or blank from all objects; a null stays."""
    if isinstance(value, list):
        return [_drop_empty(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {name: _drop_empty(each) for name, each in value.items() if not (isinstance(each, str) and not each.strip())}
