"""Which companies a contact belongs to: what is read of it, and the calls that add what is missing."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from destination_intercom.contacts.known import KnownContact, ShownLinks, read_links
from destination_intercom.contacts.memberships import BELIEVED_SECONDS, Attached, Memberships
from destination_intercom.delivery.tasks import Step
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import AttachCompany, Call, ListContactCompanies
from unit_tests.task_bench import ID, Bench, refusal

TAKEN = Answer(200, "json", {"type": "company", "id": "i"})
GONE = refusal(404, "company_not_found")


class FakeCompanies:
    """Companies whose ids in Intercom begin with an i; those of `refused` there are none of."""

    def __init__(self, refused: set[str] | None = None) -> None:
        self.refused = refused or set()
        self.forgotten: list[str] = []
        self.with_people: set[str] = set()

    def find(self, company_id: str) -> Generator[Step, Answer, str | None]:
        yield from ()
        return None if company_id in self.refused else f"i{company_id}{len(self.forgotten) or ''}"

    def forget(self, company_id: str) -> None:
        self.forgotten.append(company_id)

    def note_people(self, company_id: str) -> None:
        self.with_people.add(company_id)


class Desk(Bench):
    """Memberships with companies of their own."""

    def __init__(self, refused: set[str] | None = None) -> None:
        super().__init__()
        self.companies = FakeCompanies(refused)
        self.memberships = Memberships(self.companies, self.time.now)

    def attach(self, shown: ShownLinks | None, wanted: list[str], *answers: Answer) -> tuple[Attached, list[Call]]:
        """Attach a contact that shows these companies; return what came of it, and the calls."""
        contact = KnownContact(ID, "user", companies=shown)
        attached, calls, _ = self.drive(self.memberships.attach(contact, wanted), *answers)
        return attached, calls


def list_of(*ids: str, more: bool = False, **fields: Any) -> ShownLinks | None:
    """What a contact shows of its companies."""
    return read_links({"type": "list", "data": [{"id": each} for each in ids], "has_more": more, **fields})


def page(*ids: str, name: str = "data", last: bool = True) -> Answer:
    """A page of all companies of a contact."""
    pages = {"next": None if last else "https://api.intercom.io/…"}
    return Answer(200, "json", {"type": "list", name: [{"id": each} for each in ids], "pages": pages})


@pytest.mark.parametrize("shown", [None, "no object", {}, {"data": None}])
def test_companies_when_a_contact_shows_none_then_nothing_is_known_of_them(shown: Any) -> None:
    """An answer without them says nothing."""
    assert None is read_links(shown)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [({}, False), ({"has_more": True}, True), ({"total_count": 3}, True), ({"total_count": 2}, False)],
)
def test_companies_when_a_contact_shows_some_then_it_tells_whether_there_are_more(
    fields: dict[str, Any], expected: bool
) -> None:
    """In either way."""
    shown = read_links({"data": [{"id": "x"}, {"id": "y"}, {"no": "id"}, 7], **fields})
    assert shown is not None
    assert ([hash("x"), hash("y")], expected) == (shown.ids.tolist(), shown.has_more)


def test_company_that_is_shown_costs_no_call_and_one_that_is_not_costs_one() -> None:
    """All of them have people then."""
    desk = Desk()
    attached, calls = desk.attach(list_of("ia"), ["a", "b"], TAKEN)
    assert (Attached(any=True, refused={}), [AttachCompany(ID, "ib")]) == (attached, calls)
    assert {"a", "b"} == desk.companies.with_people


def test_company_that_was_attached_is_so_for_ten_minutes() -> None:
    """The search may not show it yet."""
    desk = Desk()
    desk.attach(list_of(), ["a"], TAKEN)
    assert (Attached(any=False, refused={}), []) == desk.attach(list_of(), ["a"])
    desk.time.seconds += BELIEVED_SECONDS
    assert [AttachCompany(ID, "ia")] == desk.attach(list_of(), ["a"], TAKEN)[1]


@pytest.mark.parametrize("name", ["data", "companies"])
def test_contact_that_shows_not_all_when_one_is_missing_then_all_pages_are_asked_for(name: str) -> None:
    """And nothing where what is wanted is shown."""
    desk = Desk()
    assert [] == desk.attach(list_of("ia", more=True), ["a"])[1]
    pages = [page("ia", "ib", name=name, last=False), page("ic", name=name)]
    attached, calls = desk.attach(list_of("ia", more=True), ["a", "c", "d"], *pages, TAKEN)
    assert [ListContactCompanies(ID), ListContactCompanies(ID, 2), AttachCompany(ID, "id")] == calls
    assert (attached.any, {"a", "c", "d"}) == (True, desk.companies.with_people)


def test_contact_whose_companies_cannot_be_listed_is_attached_all_the_same() -> None:
    """That is harmless where it belongs to them already."""
    desk = Desk()
    _, calls = desk.attach(list_of(more=True), ["a"], refusal(404, "not_found"), TAKEN)
    assert [ListContactCompanies(ID), AttachCompany(ID, "ia")] == calls


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (refusal(400, "contact_company_limit_exceeded"), "company_limit"),
        (refusal(404, "not_found"), "company_refused"),
        (refusal(422, "parameter_invalid"), "company_refused"),
    ],
)
def test_company_that_cannot_be_attached_is_told_with_its_reason(answer: Answer, reason: str) -> None:
    """The others are attached."""
    attached, _ = Desk().attach(list_of(), ["a", "b"], answer, TAKEN)
    assert Attached(any=True, refused={"a": reason}) == attached


def test_company_that_is_refused_is_attached_to_nobody() -> None:
    """Its own kind says so."""
    desk = Desk(refused={"a"})
    assert (Attached(any=False, refused={"a": "company_refused"}), []) == desk.attach(None, ["a"])
    assert set() == desk.companies.with_people


@pytest.mark.parametrize(("second", "refused"), [(TAKEN, {}), (GONE, {"a": "company_refused"})])
def test_company_that_is_gone_is_found_anew_once(second: Answer, refused: dict[str, str]) -> None:
    """It was archived since it was found, and comes back when it is written."""
    desk = Desk()
    attached, calls = desk.attach(list_of(), ["a"], GONE, second)
    assert [AttachCompany(ID, "ia"), AttachCompany(ID, "ia1")] == calls
    assert (["a"], refused) == (desk.companies.forgotten, attached.refused)
