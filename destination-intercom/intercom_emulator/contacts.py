"""The contacts of a workspace: who is who's double, who belongs to a company, what the search may already see."""

import bisect
import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from intercom_emulator.contact import Contact

_KEPT_SECONDS = 120.0  # how much of the past is kept beyond the lag, should the lag be raised
_KEPT_STATES = 200  # and how many states of one contact
_MOST_HOPS = 3


class Contacts:
    """All contacts of a workspace, and their past. Not thread-safe: the core's lock guards it."""

    def __init__(self) -> None:
        self._all: dict[str, Contact] = {}
        # Everyone who ever held a value, in the order of creation: what the search looks in, too.
        self._holders: dict[tuple[str, str], dict[str, None]] = {}
        self._past: dict[str, list[tuple[float, Contact]]] = {}
        self._people: Counter[str] = Counter()  # company -> living users
        self._numbers = itertools.count(1)

    def __iter__(self) -> Iterator[Contact]:
        """Return all contacts, gone ones too."""
        return iter(self._all.values())

    def new_id(self, now: float) -> str:
        """Return an id in Intercom's form: 24 hexadecimal digits that begin with the time."""
        return f"{int(now):08x}5e{next(self._numbers):014x}"

    def put(self, contact: Contact, *, now: float, lag: float) -> None:
        """Store the contact as it is from `now` on."""
        before, self._all[contact.id] = self._all.get(contact.id), contact
        for key, value in (("external_id", contact.external_id), ("email", contact.email)):
            if value:
                self._holders.setdefault((key, value), {})[contact.id] = None
        self._count_people(before, contact)
        past = self._past.setdefault(contact.id, [])
        past.append((now, contact.copied()))
        oldest = bisect.bisect_right(past, now - max(lag, _KEPT_SECONDS), key=lambda state: state[0]) - 1
        del past[: max(oldest, len(past) - _KEPT_STATES, 0)]

    def _count_people(self, before: Contact | None, after: Contact) -> None:
        """Count a contact in its companies, and no more in those that it was in."""
        past, present = _counted_in(before), _counted_in(after)
        if past != present:
            self._people.subtract(past)
            self._people.update(present)
        if before is None or before.companies != after.companies:
            for company_id in after.companies:
                self._holders.setdefault(("company", company_id), {})[after.id] = None

    def people_of(self, company_id: str) -> int:
        """Return how many living users a company has, by Intercom's id."""
        return self._people[company_id]

    def members_of(self, company_id: str) -> list[Contact]:
        """Return the contacts of a company, leads and gone ones too, by Intercom's id."""
        holders = map(self._all.__getitem__, self._holders.get(("company", company_id), {}))
        return [each for each in holders if company_id in each.companies]

    def find(self, contact_id: str) -> Contact | None:
        """Return a contact by Intercom's id, gone ones too."""
        return self._all.get(contact_id)

    def living(self, contact_id: str) -> Contact | None:
        """Return a contact by Intercom's id if the API shows it."""
        found = self._all.get(contact_id)
        return found if found is not None and found.live else None

    def users_with(self, key: str, value: str | None) -> list[Contact]:
        """Return the users, gone ones too, that hold a value of external_id or email; those the API shows first."""
        return [each for each in self._with(key, value) if each.role == "user"]

    def holder(self, key: str, value: str) -> Contact | None:
        """Return the contact, a lead or a gone one too, that has this id, external_id or email; a living one first."""
        return self._all.get(value) if key == "id" else next(iter(self._with(key, value)), None)

    def _with(self, key: str, value: str | None) -> list[Contact]:
        """Return the contacts that hold a value now; those the API shows first."""
        holders = self._holders.get((key, value), {}) if value else {}
        now = [each for each in map(self._all.__getitem__, holders) if getattr(each, key) == value]
        return sorted(now, key=lambda each: not each.live)

    def changed_at(self, contact_id: str) -> float:
        """Return when a contact was last stored (unix seconds); long ago where it never was."""
        past = self._past.get(contact_id)
        return past[-1][0] if past else -math.inf

    def history(self, contact_id: str) -> list[tuple[float, Contact]]:
        """Return since when (unix seconds) a contact has been what, the oldest first, as far as that is kept.

        One that was seeded has been there since minus infinity.
        """
        return list(self._past.get(contact_id, ()))

    def canonical(self, contact: Contact) -> str:
        """Return the id of the contact that a merged one became part of: the chain is followed for three hops [OAS]."""
        for _ in range(_MOST_HOPS):
            if contact.merged_into in self._all:
                contact = self._all[contact.merged_into]
        return contact.id

    def as_of(self, time: float, holders_of: Iterable[tuple[str, str]] | None = None) -> Iterator[Contact]:
        """Return the contacts as they were at `time`, of those who ever held one of the values, or of all."""
        if holders_of is None:
            ids: Iterable[str] = self._all
        else:
            ids = dict.fromkeys(
                each
                for key, value in holders_of
                for each in ([value] if key == "id" else self._holders.get((key, value), ()))
            )
        for each in ids:
            state = self._state_at(each, time)
            if state is not None and state.live:
                yield state

    def _state_at(self, contact_id: str, time: float) -> Contact | None:
        """Return what a contact was at `time`; None where it was not yet."""
        past = self._past.get(contact_id, ())
        index = bisect.bisect_right(past, time, key=lambda state: state[0])
        return past[index - 1][1] if index else None

    def merge(self, from_id: str, into_id: str, *, now: float, lag: float) -> None:
        """Make one contact part of another, as a merge in Intercom does; raise KeyError where one is unknown.

        Tags and companies are united; of what both have the one that is kept keeps its own [OAS, of the preview].
        """
        merged, kept = self._all[from_id].copied(), self._all[into_id].copied()
        if not kept.live or from_id == into_id:
            raise KeyError(into_id)
        kept.tags = kept.tags | {key: each for key, each in merged.tags.items() if key not in kept.tags}
        kept.companies = tuple(dict.fromkeys(kept.companies + merged.companies))
        kept.details = _filled(kept.details, merged.details)
        kept.custom = _filled(kept.custom, merged.custom)
        kept.email = kept.email or merged.email
        kept.updated_at = int(now)
        merged.merged_into = into_id
        self.put(merged, now=now, lag=lag)
        self.put(kept, now=now, lag=lag)

    def seed(self, values: dict[str, Any], *, now: float) -> Contact:
        """Store a contact as given, in the shape of the API; it counts as always having been there."""
        contact = Contact.blank(values.get("id") or self.new_id(now), now)
        contact.born = -math.inf
        contact.assign({"updated_at": values.get("created_at", int(now)), **values})
        self._past[contact.id] = []
        self.put(contact, now=-math.inf, lag=0.0)
        return contact


def _filled(own: dict[str, Any], others: dict[str, Any]) -> dict[str, Any]:
    """Return what one has, and what only the other has."""
    return others | {key: value for key, value in own.items() if value is not None or key not in others}


def _counted_in(contact: Contact | None) -> tuple[str, ...]:
    """Return the companies in which a contact counts as one of their people: leads and gone ones count in none."""
    return contact.companies if contact is not None and contact.live and contact.role == "user" else ()
