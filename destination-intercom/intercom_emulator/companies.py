"""The companies of a workspace, by Intercom's ids and by ours."""

import itertools
import math
from collections.abc import Iterator
from typing import Any

from intercom_emulator.company import Company


class Companies:
    """All companies, archived ones too. Not thread-safe: the core's lock guards it."""

    def __init__(self) -> None:
        self._all: dict[str, Company] = {}
        self._latest: dict[str, Company] = {}  # by company_id: of several, all but the last are archived
        self._numbers = itertools.count(1)

    def __iter__(self) -> Iterator[Company]:
        """Return all companies, archived ones too, in the order of creation."""
        return iter(self._all.values())

    def make(self, company_id: str, now: float) -> Company:
        """Add a company without a name (`now` in unix seconds); its company_id is its own from now on."""
        return self._add(Company(self._new_id(now), company_id, int(now), int(now), now))

    def find(self, intercom_id: str) -> Company | None:
        """Return a company by Intercom's id unless it is archived."""
        found = self._all.get(intercom_id)
        return None if found is None or found.archived else found

    def latest(self, company_id: str) -> Company | None:
        """Return the company that has our id, an archived one too."""
        return self._latest.get(company_id)

    def seed(self, values: dict[str, Any], *, now: float) -> Company:
        """Add a company as given, in the shape of the API; it counts as always having been there."""
        second = values.get("created_at", int(now))
        seeded = Company(values.get("id") or self._new_id(now), values["company_id"], second, second, -math.inf)
        seeded.assign(values)
        return self._add(seeded)

    def _add(self, company: Company) -> Company:
        self._all[company.id] = company
        self._latest[company.company_id] = company
        return company

    def _new_id(self, now: float) -> str:
        """Return an id in Intercom's form: 24 hexadecimal digits that begin with the time."""
        return f"{int(now):08x}c0{next(self._numbers):014x}"
