"""What the records of a sync had of the properties that the configuration selects, to tell what was never there.

A name that is spelled wrongly in an object whose members no schema declares can be found in no other way. It costs
one look at a record for each property that none had so far, and nothing for the others. Main thread only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from destination_intercom.configuration.filters import Names
from destination_intercom.paths import PathReader
from destination_intercom.values import MISSING

MOST_NAMED: Final = 30
"""Properties that one warning names; it counts the others."""


class Usage:
    """Knows which selected properties some record had, and which templates could not be worked out.

    An entry is named as a person finds it in the form: `users.attributes, entry 21 ("role")`.
    """

    def __init__(self) -> None:
        self._unseen: dict[str, None] = {}
        self._seen: set[str] = set()
        self._failures: Counter[str] = Counter()
        self._untold: list[str] = []
        self._names: dict[str, Names] = {}

    def note_looked_for(self, entry: str) -> None:
        """Note that a record was there which could have had the property of an entry."""
        if entry not in self._seen:
            self._unseen.setdefault(entry)

    def note_seen(self, entry: str) -> None:
        """Note that a record had the property."""
        self._seen.add(entry)
        self._unseen.pop(entry, None)

    @property
    def seen_count(self) -> int:
        """Count the properties that were seen."""
        return len(self._seen)

    def is_seen(self, entry: str) -> bool:
        """Say whether a record of any stream had it."""
        return entry in self._seen

    def note_failure(self, entry: str) -> None:
        """Note that a template could not be worked out for a record."""
        self._failures[entry] += 1
        if self._failures[entry] == 1:
            self._untold.append(
                f"{entry}: the template could not be evaluated for a record, so it has no value there; the summary"
                " counts such records."
            )

    def names(self, section: str, patterns: Sequence[str]) -> Names:
        """Give what knows which of the `patterns` of a section have matched a name."""
        if section not in self._names:
            self._names[section] = Names(patterns)
        return self._names[section]

    def take_warnings(self) -> Iterator[str]:
        """Give up what has come up since the last call."""
        if self._untold:
            told, self._untold = self._untold, []
            yield from told

    def failures(self) -> Iterator[str]:
        """Tell how often templates could not be worked out."""
        if self._failures:
            counts = "; ".join(f"{entry}: {count}" for entry, count in self._failures.items())
            yield f"Templates that could not be evaluated, with the number of records: {counts}."

    def never_seen(self) -> Iterator[str]:
        """Tell which selected properties and names of events no record had, if records were there at all."""
        unmatched = [
            f'{section}, "{pattern}"'
            for section, names in self._names.items()
            if names.has_looked
            for pattern in names.unmatched
        ]
        if entries := [*self._unseen, *unmatched]:
            more = f"; and {len(entries) - MOST_NAMED} more" if len(entries) > MOST_NAMED else ""
            yield (
                "Selected, but in no record of this sync: "
                + "; ".join(entries[:MOST_NAMED])
                + f"{more}. Check how the names are written in the source's records."
                " Some sources leave out what is null."
            )


class Watch:
    """Looks for selected properties in the records of one stream; `is_open` while some of them were never seen."""

    __slots__ = ("_has_looked", "_looking", "_seen_count", "_usage", "is_open")

    def __init__(self, usage: Usage, looking: list[tuple[str, PathReader]]) -> None:
        self._usage = usage
        self._looking = looking
        self._has_looked = False
        self._seen_count = 0
        self.is_open = bool(looking)

    def look(self, data: dict[str, Any]) -> None:
        """Take note of what a record has of them."""
        usage = self._usage
        if not self._has_looked:
            self._has_looked = True
            for entry, _ in self._looking:
                usage.note_looked_for(entry)
        found = [entry for entry, read in self._looking if read(data) is not MISSING]
        if found or usage.seen_count != self._seen_count:
            for entry in found:
                usage.note_seen(entry)
            self._seen_count = usage.seen_count
            self._looking = [each for each in self._looking if not usage.is_seen(each[0])]
            self.is_open = bool(self._looking)
