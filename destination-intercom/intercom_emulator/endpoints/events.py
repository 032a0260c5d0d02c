"""The endpoints of data events."""

from intercom_emulator.answers import Refusal, encode, invalid
from intercom_emulator.endpoints.ask import Ask, Reply
from intercom_emulator.events import listed


def submit_event(ask: Ask) -> Reply:
    """Answer POST /events: 202 without a body."""
    workspace = ask.workspace
    workspace.events.submit(ask.call.body, workspace.contacts, ask.settings, ask.call.now)
    return 202, b""


def list_events(ask: Ask) -> Reply:
    """Answer GET /events: one contact's, or how often each name occurred."""
    query, contacts = ask.call.query, ask.workspace.contacts
    if query.get("type") != "user":
        raise invalid("type must be user")
    if "intercom_user_id" in query:
        contact = contacts.living(query["intercom_user_id"])
    else:
        key = "email" if "email" in query else "external_id"
        users = contacts.users_with(key, query.get("email") or query.get("user_id"))
        contact = next((each for each in users if each.live), None)
    if contact is None:
        raise Refusal(404, "not_found", "User Not Found")
    return 200, encode(listed(contact, ask.workspace.events, summary=query.get("summary") == "true"))
