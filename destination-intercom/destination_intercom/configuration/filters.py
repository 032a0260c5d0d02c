"""Which records are wanted: names that match a list, and properties that meet a condition.

Pure, and compiled once: the functions made here run for every record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from destination_intercom.configuration.entries import Filter
from destination_intercom.paths import PathReader
from destination_intercom.values import is_set, to_number, to_text, to_time

Predicate: TypeAlias = Callable[[dict[str, Any]], bool]

MOST_NAMES: Final = 10_000
"""Names that are remembered as looked at; others are looked at each time."""


def compile_names(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Make the test whether a name is among `patterns`: exact names, or patterns with `*` for any text."""
    listed = list(patterns)
    exact = frozenset(pattern for pattern in listed if "*" not in pattern)
    split = [pattern.split("*") for pattern in listed if "*" in pattern]
    return lambda name: name in exact or any(_fits(name, pieces) for pieces in split)


def _fits(name: str, pieces: Sequence[str]) -> bool:
    """Say whether `name` is made of `pieces`, with anything between two; in one pass, however many there are."""
    first, *middle, last = pieces
    if not name.startswith(first) or not name.endswith(last):
        return False
    at, end = len(first), len(name) - len(last)
    for piece in middle:
        at = name.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return at <= end


class Names:
    """Names that a list selects, exact ones and patterns, and which entries of it have matched none so far."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._unmatched = {pattern: compile_names([pattern]) for pattern in patterns}
        self._looked_at: set[str] = set()

    def look(self, name: str) -> None:
        """Take note of a name that a record has."""
        if name in self._looked_at or (self._looked_at and not self._unmatched):
            return
        if len(self._looked_at) < MOST_NAMES:
            self._looked_at.add(name)
        for pattern in [each for each, matches in self._unmatched.items() if matches(name)]:
            del self._unmatched[pattern]

    @property
    def has_looked(self) -> bool:
        """Say whether there was a name at all."""
        return bool(self._looked_at)

    @property
    def unmatched(self) -> list[str]:
        """Tell the entries that no name has matched."""
        return list(self._unmatched)


@dataclass(frozen=True, slots=True)
class CompiledFilter:
    """The test of one filter; `holds_if_told` holds, too, for a record that has no value of its property."""

    holds: Predicate
    holds_if_told: Predicate


def compile_filter(entry: Filter, read: PathReader) -> CompiledFilter:
    """Make the test of one filter on what `read` reads."""
    holds = _compile_test(entry, read)
    return CompiledFilter(holds, lambda data: not is_set(read(data)) or holds(data))


def _compile_test(entry: Filter, read: PathReader) -> Predicate:
    """Make the test of one filter on what `read` reads.

    For a list it holds if it holds for a member, a negative one if for none.

    A value that cannot be compared, or is none, holds only for negative operators.
    """
    if entry.operator == "is_set":
        return lambda data: is_set(read(data))
    if entry.operator == "is_not_set":
        return lambda data: not is_set(read(data))
    if entry.operator in {"greater_than", "less_than"}:
        sign = 1 if entry.operator == "greater_than" else -1
        return _compile_bound(read, entry.values[0], sign)
    matches = _is_any if entry.operator in {"is", "is_not"} else _contains_any
    wanted, positive = frozenset(entry.values), entry.operator in {"is", "contains"}
    return lambda data: matches(read(data), wanted) is positive


def _converted(value: Any, convert: Callable[[Any], Any]) -> Iterator[Any]:
    """Convert a value, or the members of a list, as far as they can be."""
    for member in value if isinstance(value, list) else (value,):
        if not is_set(member):
            continue
        try:
            converted = convert(member)
        except ValueError:
            continue
        yield converted


def _is_any(value: Any, wanted: frozenset[str]) -> bool:
    return any(text in wanted for text in _converted(value, to_text))


def _contains_any(value: Any, wanted: frozenset[str]) -> bool:
    return any(part in text for text in _converted(value, to_text) for part in wanted)


def _compile_bound(read: PathReader, text: str, sign: int) -> Predicate:
    try:
        bound, convert = to_number(text), to_number
    except ValueError:
        bound, convert = to_time(text), to_time

    def holds(data: dict[str, Any]) -> bool:
        values = _converted(read(data), convert)
        return any(value > bound for value in values) if sign > 0 else any(value < bound for value in values)

    return holds
