"""The lists of attributes that a section has: one that its streams share, and those that streams have of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from destination_intercom.configuration.attribute_text import AttributeLine
from destination_intercom.configuration.entries import AttributeEntry
from destination_intercom.configuration.sections import name_entries

A = TypeVar("A", bound=AttributeEntry)


@dataclass(frozen=True, slots=True)
class AttributeLists(Generic[A]):
    """The lists of a section, each entry after its place in the form.

    Streams without a list of their own have the `shared` one; the `own` ones stand by the stream's place in the form.
    """

    shared: Sequence[tuple[str, A]]
    own: Mapping[str, Sequence[tuple[str, A]]]

    def of(self, stream: str) -> Sequence[tuple[str, A]]:
        """Tell what is written of the stream whose entry has this place in the form."""
        return self.own.get(stream, self.shared)

    @property
    def all(self) -> list[tuple[str, A]]:
        """Tell what is written of any stream."""
        return [*self.shared, *(named for own in self.own.values() for named in own)]


def read_lists(
    section: str,
    shared: Sequence[A],
    lines: Iterable[AttributeLine[A]],
    own: Iterable[tuple[str, Sequence[A] | None]],
) -> AttributeLists[A]:
    """Read what a section lists: the `shared` list, the `lines` of its text after it, and each stream's `own`."""
    return AttributeLists(
        [
            *name_entries(f"{section}.attributes", shared, _read_path),
            *((f"{section}.attributes_text, {line.name}", line.attribute) for line in lines),
        ],
        {
            stream: name_entries(f"{stream}, attributes", attributes, _read_path)
            for stream, attributes in own
            if attributes is not None
        },
    )


def _read_path(entry: AttributeEntry) -> str:
    return entry.path
