"""The endpoints of a contact's companies: attaching, detaching and listing them."""

from intercom_emulator.answers import Refusal, encode
from intercom_emulator.company import unknown_company
from intercom_emulator.endpoints.ask import Ask, Reply
from intercom_emulator.endpoints.companies import company_named, shown
from intercom_emulator.paging import DEFAULT_PER_PAGE, NumberedPage


def attach_company(ask: Ask) -> Reply:
    """Answer POST /contacts/{id}/companies.

    A company that is attached already is no error, at the limit neither (Intercom's changelog, February 2026).
    """
    contact, wanted = ask.living(), ask.call.body.get("id")
    if not isinstance(wanted, str) or not wanted:
        raise Refusal(400, "parameter_not_found", "company not specified")
    company, limit = company_named(ask, wanted), ask.settings.contact_company_limit
    if company.id not in contact.companies:
        if len(contact.companies) >= limit:
            message = f"Contact has reached the maximum of {limit} company associations"
            raise Refusal(400, "contact_company_limit_exceeded", message)
        attached = contact.copied()
        attached.companies = (*contact.companies, company.id)
        ask.keep(attached)
    return 200, encode(shown(ask, company))


def detach_company(ask: Ask) -> Reply:
    """Answer DELETE /contacts/{id}/companies/{company_id}."""
    contact, company = ask.living(), company_named(ask, ask.call.arguments[1])
    if company.id in contact.companies:
        detached = contact.copied()
        detached.companies = tuple(each for each in contact.companies if each != company.id)
        ask.keep(detached)
    elif ask.settings.detach_again == unknown_company().status:
        raise unknown_company()
    return 200, encode(shown(ask, company))


def list_companies_of_contact(ask: Ask) -> Reply:
    """Answer GET /contacts/{id}/companies: all of them, page by page; `next` is the address of the next page."""
    contact = ask.living()
    paging = NumberedPage.read(ask.call.query, per_page=DEFAULT_PER_PAGE)
    page, rest = paging.cut([company_named(ask, each) for each in contact.companies])
    if rest["pages"]["next"] is not None:
        query = f"per_page={paging.per_page}&page={rest['pages']['next']}"
        rest["pages"]["next"] = f"https://api.intercom.io/contacts/{contact.id}/companies?{query}"
    data = {ask.settings.attached_companies_in: [shown(ask, each) for each in page]}
    return 200, encode({"type": "list", **data, **rest})
