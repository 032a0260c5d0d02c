"""What a record's data means by its stream's schema: names in another case, decimals that came as texts, lost values.

PyAirbyte's cache lower-cases names and writes numbers as decimals, `42.000000000`; NUMERIC columns of databases come as
texts, too; and a null may stand for a value that could not be kept (`meta.changes`). A repair is compiled once for
a stream, for what is read of its records alone. It changes no record: what needs nothing is given back as it is.

Pure. Knows no configuration and no object of Intercom's.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, TypeAlias

from destination_intercom.airbyte.schemas import declared_properties, fold_names, json_types, lower_ascii, spell
from destination_intercom.paths import compile_path
from destination_intercom.values import MISSING

Repair: TypeAlias = Callable[[dict[str, Any], tuple[str, ...]], dict[str, Any]]
"""Takes a record's data and the fields that its `meta.changes` names; gives the data that is meant."""

_Fix: TypeAlias = Callable[[Any], Any]
"""Gives back a value, or what it means."""

_EVERYTHING: Final = "*"
_DEEPEST: Final = 20
"""Levels of a schema that are looked into for numbers: no source is known to nest them deeper."""
_LONGEST_FIELD: Final = 50
"""Parts of the name of a lost field that are followed."""
_NAMES_KEPT: Final = 4096
_LONGEST_NUMBER: Final = 400
_NUMBER: Final = re.compile(r"(?P<whole>-?(?:0|[1-9][0-9]*))(?P<fraction>\.[0-9]+)?(?P<exponent>[eE][+-]?[0-9]+)?\Z")


class DamagedRecord(dict[str, Any]):
    """A record's data without the values that were lost on the way; `lost` are their paths."""

    __slots__ = ("lost",)

    def __init__(self, data: Mapping[str, Any], lost: tuple[str, ...]) -> None:
        super().__init__(data)
        self.lost = lost

    def __repr__(self) -> str:
        return "DamagedRecord(…)"


def compile_repair(schema: dict[str, Any], paths: Collection[str], *, identities: Collection[str] = ()) -> Repair:
    """Make the repair of a stream's records, of which `paths` are read, `identities` among them.

    A name of the record's top level that the schema has in another case is the schema's, if that has no other
    such name and the record nothing else for it; so is one of `paths`. A text is a number where the schema has a
    number and no text; at an identity only if it is a whole one. A null in a field that was lost is taken out.
    """
    names = _Names(schema, paths)
    spelled = {spell(path, schema) for path in paths}
    fix_numbers = _compile_members(schema, spelled, {spell(path, schema) for path in identities}, prefix="", depth=0)

    def repair(data: dict[str, Any], changed: tuple[str, ...]) -> dict[str, Any]:
        if names.wanted:
            data = names.rename(data)
        if fix_numbers is not None:
            data = fix_numbers(data)
        if changed:
            data = _take_out(data, [spell(field, schema) for field in changed if field.count(".") < _LONGEST_FIELD])
        return names.add_aliases(data) if names.aliases else data

    return repair


def compile_loss_check(paths: Iterable[str], schema: dict[str, Any]) -> Callable[[dict[str, Any]], bool]:
    """Make the function that says whether a record had a value at one of `paths`, or around it, that was lost."""
    read = [spell(path, schema) for path in paths]

    def is_lost(data: dict[str, Any]) -> bool:
        lost = data.lost if isinstance(data, DamagedRecord) else ()
        return any(path == each or path.startswith(f"{each}.") for path in read for each in lost)

    return is_lost


class _Names:
    """The names that are read at a record's top level, where records may have them in another case.

    `wanted` are the schema's, `aliases` tells it for names that somebody writes in another case.
    """

    def __init__(self, schema: dict[str, Any], paths: Collection[str]) -> None:
        self._declared = declared_properties(schema)
        by_fold = fold_names(self._declared)
        spelled = {path: spell(path, schema) for path in paths}
        read = [(path, name) for path, right in spelled.items() for name in by_fold.values() if _leads_to(right, name)]
        self.wanted = frozenset(by_fold.values() if _EVERYTHING in paths else (name for _, name in read))
        self.aliases = {path[: len(name)]: name for path, name in read if not _leads_to(path, name)}
        self._lengths = {len(name) for name in self.wanted}
        # A source's records have few names: each is looked at once.
        self._find = lru_cache(_NAMES_KEPT)(lambda key: by_fold.get(lower_ascii(key)))

    def rename(self, data: dict[str, Any]) -> dict[str, Any]:
        """Give members the schema's names where the record does not have these."""
        if self.wanted <= data.keys() or data.keys() <= self._declared.keys():
            return data
        found: dict[str, list[str]] = {}
        for key in data:
            if key in self._declared or len(key) not in self._lengths:
                continue
            if (name := self._find(key)) is not None and name in self.wanted and name not in data:
                found.setdefault(name, []).append(key)
        new = {keys[0]: name for name, keys in found.items() if len(keys) == 1}
        return {new.get(key, key): value for key, value in data.items()} if new else data

    def add_aliases(self, data: dict[str, Any]) -> dict[str, Any]:
        """Let members be found by the names that somebody writes, as by the schema's."""
        new = {alias: data[name] for alias, name in self.aliases.items() if name in data and alias not in data}
        if not new:
            return data
        return DamagedRecord({**data, **new}, data.lost) if isinstance(data, DamagedRecord) else {**data, **new}


def _leads_to(path: str, name: str) -> bool:
    """Say whether a path may begin with a name, dots and all."""
    return path == name or path.startswith(f"{name}.")


def _compile_members(
    schema: Any, paths: Collection[str], identities: Collection[str], *, prefix: str, depth: int
) -> _Fix | None:
    """Make what fixes the numbers in an object, as far as they are read; None if there are none."""
    fixes = {
        name: fix
        for name, below in declared_properties(schema).items()
        if (_is_read(place := f"{prefix}{name}", paths))
        and (fix := _compile_fix(below, paths, identities, place=place, depth=depth)) is not None
    }
    if not fixes:
        return None

    def fix_members(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        changed: dict[str, Any] = {}
        for name, fix in fixes.items():
            if (old := value.get(name)) is not None and (new := fix(old)) is not old:
                changed[name] = new
        return {**value, **changed} if changed else value

    return fix_members


def _is_read(place: str, paths: Collection[str]) -> bool:
    """Say whether one of `paths` leads to a place, through it or around it."""
    return any(
        path == _EVERYTHING or _leads_to(path, place) or _leads_to(place, path.removesuffix(f".{_EVERYTHING}"))
        for path in paths
    )


def _compile_fix(
    schema: Any, paths: Collection[str], identities: Collection[str], *, place: str, depth: int
) -> _Fix | None:
    types = json_types(schema)
    if types & {"number", "integer"} and "string" not in types:
        return _to_whole_number if place in identities else _to_number
    if depth >= _DEEPEST or not isinstance(schema, dict):
        return None
    if "array" in types:
        return _compile_list(schema.get("items"), depth=depth)
    return _compile_members(schema, paths, identities, prefix=f"{place}.", depth=depth + 1)


def _compile_list(schema: Any, *, depth: int) -> _Fix | None:
    fix = _compile_fix(schema, (_EVERYTHING,), (), place="", depth=depth + 1)
    if fix is None:
        return None

    def fix_list(value: Any) -> Any:
        if not isinstance(value, list):
            return value
        new = [fix(member) for member in value]
        return value if all(one is other for one, other in zip(new, value, strict=True)) else new

    return fix_list


def _to_number(value: Any) -> Any:
    """Read a text as JSON's numbers are read, but whole ones of any size exactly; what is none stays as it is."""
    if not isinstance(value, str) or (match := _match_number(value)) is None:
        return value
    if match["exponent"] is None and not (match["fraction"] or "").strip(".0"):
        return int(match["whole"])
    number = float(value)
    return number if math.isfinite(number) else value


def _to_whole_number(value: Any) -> Any:
    """Read a text that is a whole number, by its digits; else it stays as it is, for it may name somebody else."""
    if not isinstance(value, str) or (match := _match_number(value)) is None or match["exponent"] is not None:
        return value
    return value if (match["fraction"] or "").strip(".0") else int(match["whole"])


def _match_number(text: str) -> re.Match[str] | None:
    return _NUMBER.match(text) if len(text) <= _LONGEST_NUMBER else None


def _take_out(data: dict[str, Any], fields: Iterable[str]) -> dict[str, Any]:
    """Take the nulls in `fields` out of a record."""
    lost = []
    for field in fields:
        data = _without_null(data, field.split("."))
        if compile_path(field)(data) is MISSING:
            lost.append(field)
    return DamagedRecord(data, tuple(lost)) if lost else data


def _without_null(level: dict[str, Any], parts: list[str]) -> dict[str, Any]:
    for length in range(len(parts), 0, -1):
        key = ".".join(parts[:length])
        if key not in level:
            continue
        below = level[key]
        if length == len(parts):
            return {name: value for name, value in level.items() if name != key} if below is None else level
        if isinstance(below, dict) and (new := _without_null(below, parts[length:])) is not below:
            return {**level, key: new}
    return level
