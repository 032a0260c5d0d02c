"""What each endpoint does with a workspace. No quota, no faults, no HTTP; which endpoints there are is in `routes`."""

from collections.abc import Callable

from intercom_emulator.answers import Refusal
from intercom_emulator.endpoints import attributes, bulk, companies, contacts, events, me, memberships, tags
from intercom_emulator.endpoints.ask import Ask, Reply

__all__ = ["HANDLERS", "Ask", "Reply", "serve"]

HANDLERS: dict[str, Callable[[Ask], Reply]] = {
    "GET /me": me.show_me,
    "GET /contacts": contacts.list_contacts,
    "POST /contacts": contacts.create_contact,
    "POST /contacts/search": contacts.search_contacts,
    "POST /contacts/merge": contacts.merge_contacts,
    "POST /contacts/bulk": bulk.submit_creates,
    "PUT /contacts/bulk": bulk.submit_updates,
    "POST /contacts/bulk/delete": bulk.submit_deletes,
    "GET /contacts/bulk/{id}": bulk.show_job,
    "GET /contacts/find_by_external_id/{external_id}": contacts.find_by_external_id,
    "GET /contacts/{id}": contacts.show_contact,
    "PUT /contacts/{id}": contacts.update_contact,
    "DELETE /contacts/{id}": contacts.delete_contact,
    "POST /contacts/{id}/archive": contacts.archive_contact,
    "POST /contacts/{id}/unarchive": contacts.unarchive_contact,
    "POST /contacts/{id}/companies": memberships.attach_company,
    "GET /contacts/{id}/companies": memberships.list_companies_of_contact,
    "DELETE /contacts/{id}/companies/{company_id}": memberships.detach_company,
    "POST /contacts/{id}/tags": tags.tag_contact,
    "GET /contacts/{id}/tags": tags.list_tags_of_contact,
    "DELETE /contacts/{id}/tags/{tag_id}": tags.untag_contact,
    "POST /companies": companies.upsert_company,
    "GET /companies": companies.find_companies,
    "POST /companies/list": companies.list_companies,
    "POST /companies/search": companies.search_companies,
    "GET /companies/{id}": companies.show_company,
    "PUT /companies/{id}": companies.update_company,
    "DELETE /companies/{id}": companies.archive_company,
    "GET /companies/{id}/contacts": companies.list_people,
    "GET /tags": tags.list_tags,
    "POST /tags": tags.save_tag,
    "GET /tags/{id}": tags.show_tag,
    "DELETE /tags/{id}": tags.delete_tag,
    "GET /data_attributes": attributes.list_attributes,
    "POST /data_attributes": attributes.create_attribute,
    "PUT /data_attributes/{id}": attributes.update_attribute,
    "GET /events": events.list_events,
    "POST /events": events.submit_event,
}


def serve(ask: Ask) -> Reply:
    """Carry out a call and return status and body; raise `Refusal` for everything but success."""
    if ask.call.endpoint is None:
        raise Refusal(404, "not_found", "The requested resource does not exist")
    return HANDLERS[ask.call.template](ask)
