"""A record's values -> those that are written to a person or a company, and what could not be sent as it was.

Pure: no I/O and no clock; a record is never changed. A sync spends most of its own time here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from destination_intercom.attributes.rules import AttributeMembers
from destination_intercom.models import Model
from destination_intercom.paths import rename
from destination_intercom.standard_fields import StandardField
from destination_intercom.values import (
    MISSING,
    Converted,
    Trim,
    convert_exactly,
    convert_text,
    is_set,
    to_boolean,
    to_float,
    to_integer,
    to_time,
)


def add_members(
    rules: Iterable[AttributeMembers],
    data: dict[str, Any],
    types: Mapping[str, str],
    *,
    model: Model,
    fields: dict[str, Any],
    attributes: dict[str, Any],
    trims: list[Trim],
) -> set[str]:
    """Add the members of a record's objects that nobody has named; return the names to write only where there is none.

    A problem is counted under the wildcard: a member's name may be personal data, and is told to nobody.
    """
    if_empty: set[str] = set()
    for rule in rules:
        for name, value in rule.read(data).items():
            target = rename(rule.pattern, name)
            if target in rule.taken or name in rule.left_out or target in fields or target in attributes:
                continue
            converted, problem = _convert_member(model, target, value, types)
            if problem and (rule.path, problem) not in trims:
                trims.append((rule.path, problem))
            if converted is not MISSING:
                (fields if target in model.fields else attributes)[target] = converted
                if_empty |= {target} if rule.if_empty else set()
    return if_empty


def _convert_member(model: Model, target: str, value: Any, types: Mapping[str, str]) -> Converted:
    standard = model.fields.get(target)
    if target in model.never_by_wildcard:
        return MISSING, "not_by_wildcard"
    if standard is None and target not in types:
        return MISSING, "no_attribute"
    try:
        return convert_typed(types[target], value) if standard is None else standard.convert(value)
    except ValueError:
        return MISSING, _unconverted(standard, types.get(target))


def convert(model: Model, target: str, value: Any, kind: str | None, *, clear: bool) -> Converted:
    """Convert a value that a record has for `target`; a null empties it, with `clear` and where it may be emptied.

    `kind` is the type of a custom attribute.
    """
    standard = model.fields.get(target)
    if not is_set(value):
        return (None if clear and (standard is None or standard.clearable) else MISSING), ""
    try:
        return _TYPES.get(kind or "", convert_text)(value) if standard is None else standard.convert(value)
    except ValueError:
        return MISSING, _unconverted(standard, kind)


def _unconverted(standard: StandardField | None, kind: str | None) -> str:
    expected = (str(kind) if kind in _TYPES else "scalar") if standard is None else standard.kind
    return "no_" + expected.removesuffix("time")


def convert_typed(kind: str | None, value: Any) -> Converted:
    """Convert a value to a custom attribute's type.

    A type that Intercom may come to have is no reason to stop: it is sent as text.

    Raises:
        ValueError: it cannot be converted without loss.
    """
    return _TYPES.get(kind or "", convert_text)(value)


_TYPES: Final[dict[str, Callable[[Any], Converted]]] = {
    "string": convert_text,
    "integer": convert_exactly(to_integer),
    "float": convert_exactly(to_float),
    "boolean": convert_exactly(to_boolean),
    "date": convert_exactly(to_time),
    "datetime": convert_exactly(to_time),
}
