"""Property paths: how `a.b.c` is read from a record's data, and which members `a.*` stands for.

At each level a literal key wins over nesting, the longest first; where the longest leads nowhere, the next
shorter one is tried. A number enters a list. A text that holds a JSON object or list is entered as if it
were one, for columns of Postgres' jsonb and Snowflake's VARIANT arrive so.

Pure: no I/O and no clock. Nothing here changes a record, or raises anything, whatever a source sends. Knows
no template, no schema and no configuration.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import accumulate
from typing import Any, Final, TypeAlias

from destination_intercom.deep_json import parse_exactly
from destination_intercom.values import MISSING, is_set

PathReader: TypeAlias = Callable[[dict[str, Any]], Any]
"""Reads one property from a record's data; `MISSING` where it is absent. What it gives may be part of the
record, or of one of its JSON texts that is kept: nobody may change it."""

MembersReader: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]
"""Reads what a wildcard stands for in a record's data: values by their names, in the record's order."""

_INDEX: Final = re.compile(r"(?:0|[1-9][0-9]{0,8})\Z")
_JSON_BEGINS: Final = re.compile(r"[ \t\n\r]*[{\[]")
_MANY: Final = 16
"""Parts of a path beyond which its keys are not listed beforehand: no real one has as many."""


def compile_path(path: str) -> PathReader:
    """Make the function that reads the property at `path` (`a.b.c`, `emails.0.email`) from a record's data."""
    if "." not in path:
        return lambda data: data.get(path, MISSING)
    return _compile(path)


def is_index(part: str) -> bool:
    """Say whether a part of a path enters a list."""
    return _INDEX.match(part) is not None


def is_wildcard(path: str) -> bool:
    """Say whether a property is `*` or ends in `.*`, and so stands for many."""
    return path == "*" or path.endswith(".*")


def compile_members(path: str) -> MembersReader:
    """Make the function that reads the members which the wildcard `*` or `a.*` stands for.

    They are those that hold a scalar or a list of scalars, each under its own name, dots and all. A member that
    is null, blank or an empty list is none: a wildcard never clears.
    """
    if path == "*":
        return _pick_members
    read = _compile(path[: -len(".*")], _take_object)

    def read_members(data: dict[str, Any]) -> dict[str, Any]:
        found = read(data)
        return {} if found is MISSING else _pick_members(found)

    return read_members


def _pick_members(level: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in level.items() if _is_member(value)}


def _is_member(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(is_set, value)) and not any(isinstance(member, (dict, list)) for member in value)
    return is_set(value) and not isinstance(value, dict)


def rename(pattern: str, name: str) -> str:
    """Write the name of a member as `pattern` says, in which `*` stands for it."""
    return pattern.replace("*", name, 1)


def compile_null_check(path: str) -> Callable[[dict[str, Any]], bool]:
    """Make the function that says whether `path` leads into something null or blank.

    `customer.email` does where `customer` is null: the record is about nobody, and the path is right.
    """
    parts = path.split(".")
    above = [compile_path(".".join(parts[:length])) for length in range(1, len(parts))]
    return lambda data: any(value is not MISSING and not is_set(value) for value in (read(data) for read in above))


def _compile(path: str, take: Callable[[dict[str, Any], Any], Any] | None = None) -> PathReader:
    """Make the reader of what is at the end of `path`, or of what `take` makes of it: the first that is something."""
    parts = path.split(".")
    count = len(parts)
    indexes = [int(part) if is_index(part) else None for part in parts]
    keys_at = _list_keys(parts) if count <= _MANY else None
    closed, begins = f"{path}.", list(accumulate((len(part) + 1 for part in parts), initial=0))

    def read(data: dict[str, Any]) -> Any:
        # Without recursion, for a path may have as many parts as a record has levels. The last of `ways` is next.
        ways: list[tuple[Any, int]] = [(data, 0)]
        while ways:
            level, at = ways.pop()
            if at == count:
                if take is None or (level := take(data, level)) is not MISSING:
                    return level
                continue
            if isinstance(level, str):
                level = _enter(data, level)
            if isinstance(level, dict):
                for key, end in _find_keys(closed, begins[at], at, level) if keys_at is None else keys_at[at]:
                    if key in level:
                        ways.append((level[key], end))
            elif isinstance(level, list) and (index := indexes[at]) is not None and index < len(level):
                ways.append((level[index], at + 1))
        return MISSING

    return read


def _list_keys(parts: list[str]) -> list[list[tuple[str, int]]]:
    """Tell for each part the keys that may begin with it, the longest last, each with the part that follows it."""
    count = len(parts)
    return [[(".".join(parts[at:end]), end) for end in range(at + 1, count + 1)] for at in range(count)]


def _find_keys(closed: str, begin: int, at: int, level: dict[str, Any]) -> list[tuple[str, int]]:
    """Tell the same of one part and one level: of a path so long there are more keys than that.

    `closed` is the path with a dot behind it, of which the part begins at `begin`.
    """
    found = ((key, at + key.count(".") + 1) for key in level if closed.startswith(f"{key}.", begin))
    return sorted(found, key=lambda step: step[1])


def _take_object(data: dict[str, Any], value: Any) -> Any:
    level = _enter(data, value) if isinstance(value, str) else value
    return level if isinstance(level, dict) else MISSING


def _enter(data: dict[str, Any], text: str) -> Any:
    return DOCUMENTS.of(data).read(text) if _JSON_BEGINS.match(text) else MISSING


class Documents:
    """The JSON texts of one record at a time, each parsed once, however many properties lead into it.

    What is kept is told by the text alone, so it is right whoever asks; another record only empties it. Threads
    may share it.
    """

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: tuple[object, dict[str, Any]] = (None, {})

    def of(self, record: object) -> Documents:
        """Forget the texts of every record but this one."""
        if self._last[0] is not record:
            self._last = (record, {})
        return self

    def read(self, text: str) -> Any:
        """Parse a text, integers exact; `MISSING` if it is no JSON. What it gives is shared: do not change it."""
        parsed = self._last[1]
        if text not in parsed:
            try:
                parsed[text] = parse_exactly(text)
            except ValueError:
                parsed[text] = MISSING
        return parsed[text]


DOCUMENTS: Final = Documents()
"""Shared by all readers, for several of them lead into one column."""
