"""The tags of a workspace, by their ids and by their names. Who bears one, contacts and companies know themselves."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from intercom_emulator.answers import Refusal

_FIRST_ID = 7_522_907


@dataclass(slots=True)
class Tag:
    """One tag; its name is as it was first given, or as it was renamed."""

    id: str
    name: str

    def shown(self) -> dict[str, Any]:
        """Return the tag as the API shows it."""
        return {"type": "tag", "id": self.id, "name": self.name}


class Tags:
    """All tags. Names mean the same in either case. Not thread-safe: the core's lock guards it."""

    def __init__(self) -> None:
        self._all: dict[str, Tag] = {}
        self._numbers = itertools.count(_FIRST_ID)

    def __iter__(self) -> Iterator[Tag]:
        """Return all tags, in the order of creation."""
        return iter(self._all.values())

    def find(self, tag_id: str) -> Tag | None:
        """Return a tag by its id."""
        return self._all.get(tag_id)

    def named(self, name: str) -> Tag | None:
        """Return the tag of a name, in whichever case."""
        return next((each for each in self if each.name.casefold() == name.casefold()), None)

    def make(self, name: str, tag_id: str | None = None) -> Tag:
        """Return the tag of a name; one that is not there is added, under an id of its own or the one given."""
        found = self.named(name)
        if found is not None:
            return found
        free = (str(number) for number in self._numbers)
        made = Tag(tag_id or next(each for each in free if each not in self._all), name)
        self._all[made.id] = made
        return made

    def remove(self, tag: Tag) -> None:
        """Take a tag out of the workspace."""
        del self._all[tag.id]

    def shown(self, ids: Iterable[str]) -> list[dict[str, Any]]:
        """Return the tags of some ids as the API shows them."""
        return [self._all[each].shown() for each in ids]


def unknown_tag() -> Refusal:
    """Return the refusal of a tag that is not there."""
    return Refusal(404, "not_found", "Resource Not Found")
