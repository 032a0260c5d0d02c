"""What Intercom already has, asked for many people in one search.

Steps of a task: they yield calls and are sent answers. The search is an OR of `IN` lists, within the limits
that are documented: 15 filters in a group, and 15 values in a list, as a third party says.

This is the one place that decides what a search that fails comes to. Refused (400, 413, 422), or answered by
a 500 twice, which may mean the same (an SDK's issue), it is made in halves, down to one key; so is one whose
answer is too large. A size is to blame only where all of the smaller searches were answered: what was refused is
remembered for the run then, what was a 500 for five minutes. A key whose own search fails is left out, for whoever
creates the contact will learn of it, and is not asked for again: in this run if it was refused, for five minutes
after a 500. A 500 may be an outage: a search that surely is in order tells. While that fails, too, keys for which
"not found" would make a second contact are tried like any other call, and the others are left to their creates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from destination_intercom.bounded import Bounded
from destination_intercom.contacts.known import KnownContact, read_identity
from destination_intercom.delivery.kinds import Note, Notes
from destination_intercom.identity import Key
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import NEVER, Call, GiveUp, SearchContacts

LIST_LENGTH: Final = 15
MOST_LISTS: Final = 10
MOST_KEYS: Final = LIST_LENGTH * MOST_LISTS
"""Keys of one search: as many as one page of the answer may hold (Intercom's API description)."""

TRY_AGAIN_SECONDS: Final = 300.0
"""After so long a search of full size, or of one key, is tried again, where a 500 alone spoke against it."""

MOST_PAGES: Final = 20

REFUSALS: Final = frozenset({400, 413, 422})

HALVE: Final = GiveUp(after_500s=2, if_too_large=True)
"""A search that goes on failing so is answered with its failure: a smaller one may succeed."""

MOST_FAILED_KEYS: Final = 10_000
"""Keys whose search fails that a run remembers."""

PROBE: Final = "nobody@example.com"
"""Somebody who is nowhere, in either field: a search for them is in order."""


@dataclass(slots=True)
class SearchSize:
    """How many keys a search may hold, and which it may not: what was refused for good, and what failed for now."""

    refused_above: int = MOST_KEYS
    probing: int | None = None
    probing_until: float = 0.0
    notes: Notes = field(default_factory=Notes)
    _failed_until: Bounded[tuple[str, str], float] = field(default_factory=lambda: Bounded(MOST_FAILED_KEYS))
    _told: set[str] = field(default_factory=set, repr=False)

    def now(self, moment: float) -> int:
        """Tell the size to use at `moment` (seconds)."""
        if self.probing is not None and moment < self.probing_until:
            return min(self.probing, self.refused_above)
        return self.refused_above

    def note_too_large(self, asked: int, answered: int, answer: Answer, *, now: float) -> None:
        """Note that a search for `asked` keys failed, and that in searches for up to `answered` all were."""
        if answered >= self.now(now):
            return
        if answer.status not in REFUSALS:
            self.probing, self.probing_until = answered, now + TRY_AGAIN_SECONDS
            return
        self.refused_above = answered
        self._tell(
            "size",
            f"Intercom refuses to look up {asked} contacts in one search (status {answer.status}), so the"
            " connector looks up fewer at a time.",
        )

    def note_failed(self, field_name: str, key: str, answer: Answer, *, now: float) -> None:
        """Note that the search for one key fails, while others are answered."""
        until = math.inf if answer.status in REFUSALS else now + TRY_AGAIN_SECONDS
        self._failed_until.note((field_name, key), until)
        self._tell(
            "keys",
            f"Intercom cannot look up some contacts (status {answer.status}): the connector searches for each of them"
            " alone, and finds out when it creates them whether they exist. It never creates a lead without a lookup.",
        )

    def fails(self, field_name: str, key: str, *, now: float) -> bool:
        """Say whether the search for a key has failed before, and would again."""
        until = self._failed_until.get((field_name, key))
        return until is not None and now < until

    def _tell(self, about: str, text: str) -> None:
        if about not in self._told:
            self._told.add(about)
            self.notes.add(Note(text))


PATHS_OF_DOTS: Final = frozenset({".", ".."})
"""As a part of a path, these would be taken for folders by everything on the way."""


def needs_search(key: Key) -> bool:
    """Say whether only the search can find a person: an address, or an external_id that no path can hold."""
    return key.field == "email" or key.value in PATHS_OF_DOTS


def search_query(field_name: str, keys: Sequence[str], *, after: str | None = None) -> dict[str, Any]:
    """Make the body of the search for the contacts whose `field_name` is one of `keys`."""
    lists = [keys[start : start + LIST_LENGTH] for start in range(0, len(keys), LIST_LENGTH)]
    filters = [{"field": field_name, "operator": "IN", "value": list(values)} for values in lists]
    if len(keys) == 1:
        query: dict[str, Any] = {"field": field_name, "operator": "=", "value": keys[0]}
    else:
        query = filters[0] if len(filters) == 1 else {"operator": "OR", "value": filters}
    pagination: dict[str, Any] = {"per_page": MOST_KEYS}
    if after is not None:
        pagination["starting_after"] = after
    return {"query": query, "pagination": pagination}


Found = dict[str, list[KnownContact]]
"""The contacts that were found, by key; several where they share an address."""

Read: TypeAlias = Callable[[Mapping[str, Any]], KnownContact]
"""Reads a contact as Intercom shows it."""


class LookUp:
    """One search for the contacts of many keys by one field, in as many calls as it takes.

    `decisive` says that who is not found counts as not there. `read` keeps of a contact what is needed, `now`
    tells seconds.
    """

    def __init__(
        self,
        field_name: str,
        *,
        size: SearchSize,
        now: Callable[[], float],
        read: Read = read_identity,
        decisive: bool = False,
    ) -> None:
        self._field = field_name
        self._size = size
        self._now = now
        self._read = read
        self._decisive = decisive
        self._found: Found = {}
        self._works: bool | None = None

    def run(self, keys: Sequence[str]) -> Generator[Call, Answer, Found]:
        """Ask for all of `keys`; who is not found may be there all the same if their own search fails."""
        known = [key for key in keys if not self._size.fails(self._field, key, now=self._now())]
        yield from self._ask_all(known)
        return self._found

    def _ask_all(self, keys: Sequence[str]) -> Generator[Call, Answer, int]:
        """Ask for `keys` in searches of the size that is in use; return the largest that was answered, 0 if not all."""
        rest, largest, complete = list(keys), 0, True
        while rest:
            asked = rest[: self._size.now(self._now())]
            rest = rest[len(asked) :]
            answered = yield from self._ask(asked)
            largest, complete = max(largest, answered), complete and answered > 0
        return largest if complete else 0

    def _ask(self, keys: Sequence[str]) -> Generator[Call, Answer, int]:
        """Ask for `keys` in one search, or in halves if it fails."""
        if self._works is False and not self._decisive:
            return 0
        failed = yield from self._ask_pages(keys, HALVE)
        if failed is None:
            self._works = True
            return len(keys)
        if len(keys) == 1:
            yield from self._settle(keys[0], failed)
            return 0
        half = len(keys) // 2
        first = yield from self._ask_all(keys[:half])
        second = yield from self._ask_all(keys[half:])
        if not (first and second):
            return 0
        # Nothing is wrong with any of the keys: there were too many.
        self._size.note_too_large(len(keys), max(first, second), failed, now=self._now())
        return max(first, second)

    def _settle(self, key: str, failed: Answer) -> Generator[Call, Answer, None]:
        """Decide what becomes of a key whose own search fails."""
        if failed.status not in REFUSALS and self._works is None:
            self._works = (yield from self._ask_pages([PROBE], HALVE)) is None
        if failed.status in REFUSALS or self._works:
            self._size.note_failed(self._field, key, failed, now=self._now())
        elif self._decisive:
            refused = yield from self._ask_pages([key], NEVER)
            self._works = True
            if refused is not None:
                self._size.note_failed(self._field, key, refused, now=self._now())

    def _ask_pages(self, keys: Sequence[str], gives_up: GiveUp) -> Generator[Call, Answer, Answer | None]:
        """Ask for all pages; None if all were answered, else the answer that is none."""
        after: str | None = None
        for _ in range(MOST_PAGES):
            call = SearchContacts(search_query(self._field, keys, after=after), self._decisive, gives_up)
            answer = yield call
            if not call.is_answered_by(answer):
                return answer
            _note(self._field, keys, answer.body.get("data"), self._found, self._read)
            after = _next_page(answer.body)
            if after is None:
                break
        return None


def _note(field_name: str, keys: Iterable[str], data: Any, found: Found, read: Read) -> None:
    wanted = set(keys)
    for body in data if isinstance(data, list) else []:
        if not isinstance(body, dict) or not isinstance(body.get("id"), str):
            continue
        contact = read(body)
        key = contact.email if field_name == "email" else contact.external_id
        if key is None or key not in wanted:
            continue
        seen = found.setdefault(key, [])
        # Who changes meanwhile may be on two pages, and who was found is asked for again after a refusal.
        if all(contact.contact_id != other.contact_id for other in seen):
            seen.append(contact)


def _next_page(body: dict[str, Any]) -> str | None:
    pages = body.get("pages")
    following = pages.get("next") if isinstance(pages, dict) else None
    after = following.get("starting_after") if isinstance(following, dict) else None
    return after if isinstance(after, str) and after else None
