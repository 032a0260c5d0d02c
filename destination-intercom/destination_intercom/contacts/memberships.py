"""Which companies a contact belongs to: what is shown of it, and the calls that add what is missing.

Companies are added and never taken off: other systems write them, too. What a company is, its own kind knows.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from destination_intercom.bounded import Bounded
from destination_intercom.contacts.known import KnownContact, ShownLinks, read_links
from destination_intercom.delivery.tasks import Step
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import AttachCompany, ListContactCompanies
from destination_intercom.intercom.classify import read_refusal

MOST_ATTACHED: Final = 100_000
"""Memberships that a run remembers to have made: the latest."""

BELIEVED_SECONDS: Final = 600.0
"""For so long the search may not show what was attached (it lags by up to minutes, says Intercom)."""

MOST_PAGES: Final = 40
"""Pages of a contact's companies: more than enough for the 1,000 that it may have."""

LIMIT_CODE: Final = "contact_company_limit_exceeded"
GONE_CODE: Final = "company_not_found"

LIMIT, REFUSED = "company_limit", "company_refused"
"""Words of `TRIM_REASONS`."""


class Companies(Protocol):
    """What is to be known of companies: see `companies.directory.CompanyDirectory`."""

    def find(self, company_id: str) -> Generator[Step, Answer, str | None]:
        """Tell Intercom's id of a company, which is made where it is not known; None for one that is refused."""

    def forget(self, company_id: str) -> None:
        """Note that a company is not there any more."""

    def note_people(self, company_id: str) -> None:
        """Note that somebody belongs to a company."""


@dataclass(frozen=True, slots=True)
class Attached:
    """What came of a contact's companies: whether any was attached, and why others were not, by our id of them."""

    any: bool
    refused: Mapping[str, str] = field(repr=False)


NOTHING_ATTACHED: Final = Attached(any=False, refused={})


class Memberships:
    """Attaches people to companies; `now` tells seconds. Used by one step of any task at a time."""

    def __init__(self, companies: Companies, now: Callable[[], float]) -> None:
        self._companies = companies
        self._now = now
        self._attached: Bounded[tuple[str, str], float] = Bounded(MOST_ATTACHED)

    def attach(self, contact: KnownContact, wanted: Iterable[str]) -> Generator[Step, Answer, Attached]:
        """Attach a contact to the companies with these ids of ours, as far as it does not belong to them."""
        missing, refused = yield from self.find_missing(contact, wanted)
        if missing and contact.companies is not None and contact.companies.has_more:
            listed = yield from self._list(contact.contact_id)
            for company_id in [each for each, company in missing.items() if hash(company) in listed]:
                self._companies.note_people(company_id)
                del missing[company_id]
        attached = False
        for company_id, company in missing.items():
            reason = yield from self._attach(contact.contact_id, company_id, company)
            if reason is None:
                attached = True
            else:
                refused[company_id] = reason
        return Attached(attached, refused)

    def find_missing(
        self, contact: KnownContact | None, wanted: Iterable[str]
    ) -> Generator[Step, Answer, tuple[dict[str, str], dict[str, str]]]:
        """Tell of the companies with these ids of ours those that a contact, None for a new one, does not show.

        Return Intercom's id of each, and the word of why for those that are refused, both by our id.
        """
        refused: dict[str, str] = {}
        missing: dict[str, str] = {}
        for company_id in wanted:
            company = yield from self._companies.find(company_id)
            if company is None:
                refused[company_id] = REFUSED
            elif contact is not None and self._belongs(contact, company):
                self._companies.note_people(company_id)
            else:
                missing[company_id] = company
        return missing, refused

    def note_attached(self, contact_id: str | None, companies: Mapping[str, str]) -> None:
        """Note that a contact was attached otherwise to companies: Intercom's ids, by ours; None for one without id."""
        for company_id, company in companies.items():
            self._companies.note_people(company_id)
            if contact_id is not None:
                self._attached.note((contact_id, company), self._now() + BELIEVED_SECONDS)

    def _belongs(self, contact: KnownContact, company: str) -> bool:
        until = self._attached.get((contact.contact_id, company))
        if until is not None and self._now() < until:
            return True
        return contact.companies is not None and hash(company) in contact.companies.ids

    def _list(self, contact_id: str) -> Generator[Step, Answer, Collection[int]]:
        """List all companies of a contact; those that no page shows are attached once more, which is harmless."""
        ids = array("q")
        for page in range(1, MOST_PAGES + 1):
            call = ListContactCompanies(contact_id, page)
            answer = yield call
            if not call.is_answered_by(answer):
                break
            ids.extend(_read_page(answer.body).ids)
            pages = answer.body.get("pages")
            if not isinstance(pages, dict) or not pages.get("next"):
                break
        return frozenset(ids)

    def _attach(self, contact_id: str, company_id: str, company: str) -> Generator[Step, Answer, str | None]:
        """Attach a contact to one company; None if that was taken, else the word of why not."""
        call = AttachCompany(contact_id, company)
        answer = yield call
        if not call.is_answered_by(answer) and read_refusal(answer).code == GONE_CODE:
            # Somebody has archived it since it was found; it comes back when it is written.
            self._companies.forget(company_id)
            found = yield from self._companies.find(company_id)
            if found is None:
                return REFUSED
            call = AttachCompany(contact_id, found)
            answer = yield call
        if not call.is_answered_by(answer):
            return LIMIT if read_refusal(answer).code == LIMIT_CODE else REFUSED
        self.note_attached(contact_id, {company_id: call.company})
        return None


def _read_page(body: Mapping[str, Any]) -> ShownLinks:
    listed = body.get("data") if isinstance(body.get("data"), list) else body.get("companies")
    return read_links({"data": listed}) or ShownLinks(array("q"), has_more=False)
