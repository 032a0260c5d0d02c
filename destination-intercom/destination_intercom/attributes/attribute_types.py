"""The types of attributes that are to be created: where they come from, and which look like a mistake.

Intercom changes no type afterwards, and a source declares its times as texts or numbers more often than not.
Pure: knows no workspace and no call.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from destination_intercom.airbyte.schemas import Nesting, nesting_in_schema
from destination_intercom.properties import is_template
from destination_intercom.values import to_time

MAY_BE_TIMES: Final = frozenset({"string", "integer", "float"})
"""Types that hold a time, too, but not as one."""

FROM_SCHEMA: Final = "the type from the schema of its stream"
"""What is said in place of a type where no schema is at hand."""

UNTOLD: Final = "neither the entry nor the stream's schema gives its type"

UNFIT: Final[Mapping[Nesting, str]] = {
    "object": "an object",
    "objects": "a list of objects or lists",
    "list": "a list, and the schema does not say what it contains",
}
"""What no attribute is made for, as it is called in messages."""

_LAST_WORDS: Final = frozenset(
    "at birthdate birthday date datetime dob on since time timestamp until utc".split()  # noqa: SIM905 - words
)
_FIRST_WORDS: Final = frozenset({"date", "datetime", "timestamp"})
_WHOLE_NAMES: Final = frozenset(
    ("created", "updated", "modified", "expires", "last change", "last login", "last seen", "last visit")
)
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


@dataclass(frozen=True, slots=True)
class Origin:
    """What an entry of the configuration, and the schema of its stream, say of an attribute.

    `type` is the entry's own; `nesting` tells what the schema has there, if that is nothing an attribute holds.
    """

    property: str
    type: str | None = None
    nesting: Nesting | None = None


def read_origin(path: str, kind: str | None, schema: dict[str, Any]) -> Origin:
    """Tell what an entry with a property and perhaps a type, and the schema of its stream, say of an attribute."""
    return Origin(path, kind, nesting_in_schema(path, schema))


def looks_like_time(name: str) -> bool:
    """Say whether an English name is one that is given to times, in whatever style its words are joined."""
    words = [word.lower() for word in _WORD.findall(name)]
    if not words:
        return False
    return words[-1] in _LAST_WORDS or words[0] in _FIRST_WORDS or " ".join(words) in _WHOLE_NAMES


def find_times(kinds: Mapping[str, str | None], origins: Mapping[str, Sequence[Origin]]) -> list[str]:
    """Tell which attributes look like times by their names, or by their properties' names, and are to be none.

    `kinds` maps each attribute to its type, None where it is not known yet.
    """
    return [
        name
        for name, kind in kinds.items()
        if (kind is None or kind in MAY_BE_TIMES)
        and any(map(looks_like_time, [name, *_property_names(origins.get(name, ()))]))
    ]


def _property_names(origins: Iterable[Origin]) -> list[str]:
    return [each.property.rpartition(".")[2] for each in origins if not is_template(each.property)]


def find_unfit(kind: str | None, origins: Sequence[Origin]) -> Nesting | None:
    """Tell what keeps an attribute of this type from being created, if it is what the streams' schemas have there.

    A list may be of scalars where the schema does not say: the entry's own type then decides.
    """
    told = [each.nesting for each in origins if each.nesting is not None]
    is_sure = len(told) == len(origins) and "list" not in told
    return told[0] if told and (is_sure or kind is None) else None


class TimeWatch:
    """Looks whether the values of attributes that are to be created as texts or numbers are all times."""

    def __init__(self, kinds: Mapping[str, str]) -> None:
        self._kinds = {name: kind for name, kind in kinds.items() if kind in MAY_BE_TIMES}
        self._seen: set[str] = set()

    def look(self, values: Mapping[str, Any]) -> None:
        """Look at the values of one contact, by the names of their attributes."""
        for name in self._kinds.keys() & values.keys():
            if (value := values[name]) is None:
                continue
            try:
                to_time(value)
            except ValueError:
                del self._kinds[name]
            else:
                self._seen.add(name)

    def find(self) -> dict[str, str]:
        """Tell the types of the attributes of which each value was a time, and of which there was one."""
        return {name: kind for name, kind in self._kinds.items() if name in self._seen}


def list_types(kinds: Mapping[str, str | None]) -> str:
    """Write attributes with their types; where it is None, the stream's schema is to tell it."""
    return ", ".join(f'"{name}" ({kind or FROM_SCHEMA})' for name, kind in kinds.items())


def describe_types(
    kinds: Mapping[str, str | None], origins: Mapping[str, Sequence[Origin]], *, untold: str
) -> dict[str, str]:
    """Say which type each attribute would have; `untold` where nobody tells it."""
    times, described = set(find_times(kinds, origins)), {}
    for name, kind in kinds.items():
        unfit = find_unfit(kind, origins.get(name, ()))
        text = kind or untold if unfit is None else f"no type, because it is {UNFIT[unfit]}"
        described[name] = f"{text}, but its name suggests a time" if name in times and unfit is None else text
    return described
