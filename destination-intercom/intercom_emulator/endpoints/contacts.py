"""The endpoints of contacts: writing, reading and searching them, and what takes them away and brings them back."""

from intercom_emulator.answers import Malformed, Refusal, encode
from intercom_emulator.contact import NEWER_SHAPE, Contact, conflict, gone
from intercom_emulator.endpoints.ask import Ask, Reply
from intercom_emulator.paging import Paging
from intercom_emulator.search import Rules, order_of
from intercom_emulator.writes import ContactWriter

_MERGES_DOUBLES = (2, 16)  # the version whose description has the check


def list_contacts(ask: Ask) -> Reply:
    """Answer GET /contacts: everybody, the oldest first [REC]."""
    living = (each for each in ask.workspace.contacts if each.live)
    page, rest = Paging.of_query(ask.call.query).cut(living, lambda each: each.created_at, descending=False)
    return 200, encode({"type": "list", "data": [ask.shown(each) for each in page], **rest})


def create_contact(ask: Ask) -> Reply:
    """Answer POST /contacts."""
    return 200, encode(ask.shown(_writer(ask).create(ask.call.body)))


def update_contact(ask: Ask) -> Reply:
    """Answer PUT /contacts/{id}."""
    return 200, encode(ask.shown(_writer(ask).update(ask.call.argument, ask.call.body)))


def _writer(ask: Ask) -> ContactWriter:
    workspace = ask.workspace
    return ContactWriter(workspace.contacts, workspace.attributes, ask.settings, ask.version, ask.call.now)


def search_contacts(ask: Ask) -> Reply:
    """Answer POST /contacts/search: as the contacts were before the lag."""
    body, settings, workspace = ask.call.body, ask.settings, ask.workspace
    try:
        rules = Rules(workspace.attributes, settings.search_in_limit, settings.timezone)
        question = rules.read(body.get("query"))
        order, descending = order_of(body.get("sort"), rules.fields)
        paging = Paging.read(body.get("pagination"))
    except Malformed as error:
        if settings.search_malformed == 400:  # noqa: PLR2004 - one of the setting's two values
            raise Refusal(400, "invalid_field", str(error)) from error
        raise Refusal(500, "server_error", "Server Error") from error
    then = workspace.contacts.as_of(ask.call.now - settings.search_lag, question.holders_of)
    page, rest = paging.cut(filter(question.fits, then), order, descending=descending)
    data = {} if settings.search_without_data else {"data": [ask.shown(each) for each in page]}
    return 200, encode({"type": "list", **data, **rest})


def find_by_external_id(ask: Ask) -> Reply:
    """Answer GET /contacts/find_by_external_id/{external_id}: users only."""
    holders = ask.workspace.contacts.users_with("external_id", ask.call.argument)
    return _shown_or_gone(ask, holders[0] if holders else None)


def show_contact(ask: Ask) -> Reply:
    """Answer GET /contacts/{id}."""
    return _shown_or_gone(ask, ask.workspace.contacts.find(ask.call.argument))


def _shown_or_gone(ask: Ask, contact: Contact | None) -> Reply:
    if contact is None or contact.deleted or (contact.archived and not contact.merged_into):
        raise Refusal(404, "not_found", "User Not Found")
    if contact.merged_into:
        refusal = gone(ask.workspace.contacts.canonical(contact))
        raise refusal if ask.settings.get_of_merged == refusal.status else Refusal(404, "not_found", "User Not Found")
    return 200, encode(ask.shown(contact))


def merge_contacts(ask: Ask) -> Reply:
    """Answer POST /contacts/merge: a lead becomes part of a user; from 2.16 on they must be each other's double."""
    body, contacts = ask.call.body, ask.workspace.contacts
    lead, user = contacts.living(str(body.get("from"))), contacts.living(str(body.get("into")))
    if lead is None or user is None:
        raise Refusal(404, "not_found", "User Not Found")
    if (lead.role, user.role) != ("lead", "user"):
        raise Refusal(400, "invalid_merge", "A lead can be merged into a user only")
    alike = _same(lead.email, user.email) or _same(lead.details.get("phone"), user.details.get("phone"))
    if ask.version >= _MERGES_DOUBLES and not alike and body.get("skip_duplicate_validation") is not True:
        message = (
            "Contacts can only be merged when they are duplicates (matching email or phone)."
            " Pass skip_duplicate_validation=true to override this check."
        )
        raise Refusal(400, "invalid_merge", message)
    contacts.merge(lead.id, user.id, now=ask.call.now, lag=ask.settings.search_lag)
    return 200, encode(ask.shown(contacts.living(user.id) or user))


def _same(one: str | None, other: str | None) -> bool:
    return bool(one) and one == other


def delete_contact(ask: Ask) -> Reply:
    """Answer DELETE /contacts/{id}: an archived one goes too, a merged one does not."""
    return _flagged(ask, _present(ask), deleted=True)


def archive_contact(ask: Ask) -> Reply:
    """Answer POST /contacts/{id}/archive."""
    return _flagged(ask, _present(ask), archived=True)


def unarchive_contact(ask: Ask) -> Reply:
    """Answer POST /contacts/{id}/unarchive: what is deleted or merged stays away."""
    contact = ask.workspace.contacts.find(ask.call.argument)
    if contact is None:
        raise Refusal(404, "not_found", "User Not Found")
    if contact.merged_into:
        raise Refusal(400, "bad_request", "User has been merged and is not restorable.")
    if contact.deleted and ask.settings.unarchive_deleted == 400:  # noqa: PLR2004 - one of two values
        message = "User has been marked for permanent deletion and is not restorable."
        raise Refusal(400, "bad_request", message)
    if contact.deleted:
        raise Refusal(500, "server_error", "Server Error")
    for holder in ask.workspace.contacts.users_with("external_id", contact.external_id):
        if holder.live and holder.id != contact.id and contact.role == "user":
            raise conflict(holder)  # two live users never share an external_id
    return _flagged(ask, contact, archived=False)


def _present(ask: Ask) -> Contact:
    """Return the contact of the path unless it is unknown, deleted or merged."""
    contact = ask.workspace.contacts.find(ask.call.argument)
    if contact is None or contact.deleted or contact.merged_into:
        raise Refusal(404, "not_found", "User Not Found")
    return contact


def _flagged(ask: Ask, contact: Contact, **flags: bool) -> Reply:
    """Store a contact with changed flags, and return it in short.

    Short is `object` in the recordings of 2.3, `type` and external_id in 2.16's description.
    """
    changed = contact.copied()
    for name, value in flags.items():
        setattr(changed, name, value)
    changed.updated_at = int(ask.call.now)
    ask.keep(changed)
    if ask.version < NEWER_SHAPE:
        return 200, encode({"id": contact.id, "object": "contact", **flags})
    return 200, encode({"type": "contact", "id": contact.id, "external_id": contact.external_id, **flags})
