"""What Intercom already has, asked for many people in one search.

Steps of a task: they yield calls and are sent answers. The search is an OR of `IN` lists, within the limits
that are documented: 15 filters in a group, and 15 values in a list, as a third party says.

This is the one place that decides what a search that fails comes to. Refused (400, 413, 422), or answered by
a 500 twice, which may mean the same (an SDK's issue), it is made in halves, down to one key; so is one whose
answer is too large. What was refused is remembered for the run, what was a 500 for five minutes. A single key
that is refused is left out; but a search in which "not found" would make a second contact is never given up
for one key: it is tried like any other call.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from destination_intercom.contacts.known import KnownContact, read_identity
from destination_intercom.delivery.kinds import Note, Notes
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import NEVER, Call, GiveUp, SearchContacts

LIST_LENGTH: Final = 15
MOST_LISTS: Final = 10
MOST_KEYS: Final = LIST_LENGTH * MOST_LISTS
"""Keys of one search: as many as one page of the answer may hold (Intercom's API description)."""

TRY_AGAIN_SECONDS: Final = 300.0
"""After so long a search of full size is tried again, where a 500 alone spoke against it."""

MOST_PAGES: Final = 20

REFUSALS: Final = frozenset({400, 413, 422})
MOST_REFUSALS: Final = 3
"""Single keys refused in a row before searching is taken for impossible."""

HALVE: Final = GiveUp(after_500s=2, if_too_large=True)
"""A search that goes on failing so is answered with its failure: a smaller one may succeed."""


@dataclass(slots=True)
class SearchSize:
    """How many keys a search may hold: what was refused for good, and what failed for now."""

    refused_above: int = MOST_KEYS
    refusals: int = 0
    probing: int | None = None
    probing_until: float = 0.0
    is_told: bool = False
    notes: Notes = field(default_factory=Notes)

    def now(self, moment: float) -> int:
        """Tell the size to use at `moment` (seconds)."""
        if self.probing is not None and moment < self.probing_until:
            return min(self.probing, self.refused_above)
        return self.refused_above


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


def look_up(
    field_name: str,
    keys: Sequence[str],
    *,
    size: SearchSize,
    now: Callable[[], float],
    read: Read = read_identity,
    decisive: bool = False,
) -> Generator[Call, Answer, Found | None]:
    """Ask for the contacts of `keys`; None if even a single key's search fails.

    A key whose own search is refused is left out, and says nothing about the size of others. Where
    nothing but refusals comes, no more is asked in this run. `decisive` says that who is not found counts
    as not there: a single key's search is not given up then. `read` keeps of a contact what is needed.
    """
    found: Found = {}
    rest, before = list(keys), size.refused_above
    while rest and size.refusals < MOST_REFUSALS:
        asked = rest[: size.now(now())]
        answer = yield from _ask_pages(field_name, asked, found, read, decisive=decisive)
        if answer is None:
            size.refusals = 0
            rest = rest[len(asked) :]
        elif len(asked) > 1:
            _shrink(size, len(asked), answer, now())
        elif answer.status in REFUSALS:
            rest = rest[1:]
            size.refusals += 1
            size.refused_above = max(before, size.refused_above)
        else:
            # No smaller search helped, so what failed for now says nothing about sizes.
            size.probing = None
            return None
    return found


def _shrink(size: SearchSize, asked: int, answer: Answer, now: float) -> None:
    half = max(asked // 2, 1)
    if half >= size.now(now):
        # Another lookup was told so before.
        return
    if answer.status in REFUSALS:
        size.refused_above = half
        if not size.is_told:
            size.is_told = True
            size.notes.add(
                Note(
                    f"Intercom refuses to look up {asked} contacts in one search (status {answer.status}): fewer are"
                    " asked for at a time."
                )
            )
    else:
        size.probing, size.probing_until = half, now + TRY_AGAIN_SECONDS


def _ask_pages(
    field_name: str,
    keys: Sequence[str],
    found: Found,
    read: Read,
    *,
    decisive: bool,
) -> Generator[Call, Answer, Answer | None]:
    """Ask for all pages; None if all were answered, else the answer that is none."""
    after: str | None = None
    for _ in range(MOST_PAGES):
        query = search_query(field_name, keys, after=after)
        call = SearchContacts(query, decisive, NEVER if decisive and len(keys) == 1 else HALVE)
        answer = yield call
        if not call.is_answered_by(answer):
            return answer
        _note(field_name, keys, answer.body.get("data"), found, read)
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
