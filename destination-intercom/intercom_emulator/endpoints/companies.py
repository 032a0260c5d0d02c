"""The endpoints of companies. A company without people is kept, and no list and no search shows it."""

from typing import Any

from intercom_emulator.answers import Malformed, Refusal, encode, invalid
from intercom_emulator.company import Company, SearchedCompany, unknown_company
from intercom_emulator.company_writes import CompanyWriter
from intercom_emulator.endpoints.ask import Ask, Reply
from intercom_emulator.paging import NumberedPage, Paging
from intercom_emulator.search import Rules, order_of

_PER_PAGE = 15


def shown(ask: Ask, company: Company) -> dict[str, Any]:
    """Return a company as the API shows it."""
    people = ask.workspace.contacts.people_of(company.id)
    return company.shown(ask.settings.workspace_id, people, ask.workspace.tags.shown(company.tags))


def company_named(ask: Ask, intercom_id: object) -> Company:
    """Return a company by Intercom's id, or refuse: 404 where it is unknown or archived."""
    found = ask.workspace.companies.find(str(intercom_id))
    if found is None:
        raise unknown_company()
    return found


def upsert_company(ask: Ask) -> Reply:
    """Answer POST /companies."""
    return 200, encode(shown(ask, _writer(ask).upsert(ask.call.body)))


def update_company(ask: Ask) -> Reply:
    """Answer PUT /companies/{id}."""
    return 200, encode(shown(ask, _writer(ask).update(company_named(ask, ask.call.argument), ask.call.body)))


def _writer(ask: Ask) -> CompanyWriter:
    return CompanyWriter(ask.workspace.companies, ask.workspace.attributes, ask.settings, ask.call.now)


def show_company(ask: Ask) -> Reply:
    """Answer GET /companies/{id}."""
    return 200, encode(shown(ask, _readable(ask, company_named(ask, ask.call.argument))))


def _readable(ask: Ask, company: Company | None) -> Company:
    """Return a company if it can be read by itself, or refuse."""
    hidden = ask.settings.company_without_people == "hidden"
    if company is None or company.archived or (hidden and not ask.workspace.contacts.people_of(company.id)):
        raise unknown_company()
    return company


def find_companies(ask: Ask) -> Reply:
    """Answer GET /companies: the one of a company_id or a name, or a list, perhaps of those with a tag."""
    query = ask.call.query
    if "company_id" in query:
        return _one(ask, ask.workspace.companies.latest(query["company_id"]))
    if "name" in query:
        named = [each for each in ask.workspace.companies if each.details.get("name") == query["name"]]
        return _one(ask, next((each for each in named if not each.archived), None))
    wanted = query.get("tag_id")
    tagged = [each for each in _visible(ask) if wanted is None or wanted in each.tags]
    return _listed(ask, [] if "segment_id" in query else tagged)  # segments are not kept here


def _one(ask: Ask, company: Company | None) -> Reply:
    found = _readable(ask, company)
    if ask.settings.company_by_company_id == "company":
        return 200, encode(shown(ask, found))
    return _listed(ask, [found])


def list_companies(ask: Ask) -> Reply:
    """Answer POST /companies/list: the last seen first, unless the order is turned."""
    order = ask.call.query.get("order", "desc")
    if order not in ("asc", "desc"):
        raise invalid("order must be asc or desc")
    by_time = sorted(_visible(ask), key=lambda each: each.details.get("last_request_at", 0), reverse=order == "desc")
    return _listed(ask, by_time)


def _visible(ask: Ask) -> list[Company]:
    """Return the companies that have people; archived ones have none."""
    return [each for each in ask.workspace.companies if ask.workspace.contacts.people_of(each.id)]


def _listed(ask: Ask, companies: list[Company]) -> Reply:
    paging = NumberedPage.read(ask.call.query, per_page=_PER_PAGE)
    page, rest = paging.cut(companies)
    if rest["pages"]["next"] is not None:
        rest["pages"]["next"] = {"per_page": paging.per_page, "starting_after": str(rest["pages"]["next"])}
    return 200, encode({"type": "list", "data": [shown(ask, each) for each in page], **rest})


def search_companies(ask: Ask) -> Reply:
    """Answer POST /companies/search, which Preview alone has."""
    body, settings, workspace = ask.call.body, ask.settings, ask.workspace
    try:
        rules = Rules(workspace.attributes, settings.search_in_limit, settings.timezone, "company")
        question = rules.read(body.get("query"))
        order, descending = order_of(body.get("sort"), rules.fields)
        paging = Paging.read(body.get("pagination"), _PER_PAGE)
    except Malformed as error:
        raise Refusal(400, "invalid_field", str(error)) from error
    seen = (SearchedCompany(each, workspace.contacts.people_of(each.id)) for each in _visible(ask))
    page, rest = paging.cut(filter(question.fits, seen), order, descending=descending)
    return 200, encode({"type": "list", "data": [shown(ask, each.company) for each in page], **rest})


def archive_company(ask: Ask) -> Reply:
    """Answer DELETE /companies/{id}: the company is archived, its people are detached and stay."""
    company = company_named(ask, ask.call.argument)
    company.archived, company.updated_at = True, int(ask.call.now)
    for member in ask.workspace.contacts.members_of(company.id):
        detached = member.copied()
        detached.companies = tuple(each for each in member.companies if each != company.id)
        ask.keep(detached)
    return 200, encode({"id": company.id, "object": "company", "deleted": True})


def list_people(ask: Ask) -> Reply:
    """Answer GET /companies/{id}/contacts: everybody who is attached, leads too."""
    company = company_named(ask, ask.call.argument)
    living = [each for each in ask.workspace.contacts.members_of(company.id) if each.live]
    page, rest = Paging.of_query(ask.call.query).cut(living, lambda each: each.created_at, descending=False)
    return 200, encode({"type": "list", "data": [ask.shown(each) for each in page], **rest})
