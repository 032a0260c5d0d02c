"""The endpoints of data attributes."""

from intercom_emulator.answers import encode
from intercom_emulator.attributes import model_of
from intercom_emulator.contact import NEWER_SHAPE
from intercom_emulator.endpoints.ask import Ask, Reply
from intercom_emulator.routes import PREVIEW


def list_attributes(ask: Ask) -> Reply:
    """Answer GET /data_attributes."""
    query, attributes = ask.call.query, ask.workspace.attributes
    archived = query.get("include_archived", "false").lower() == "true"
    data = attributes.listed(model_of(query), archived=archived, with_datetime=ask.version >= PREVIEW)
    if ask.version < NEWER_SHAPE:
        data = [{key: value for key, value in each.items() if key != "messenger_writable"} for each in data]
    return 200, encode({"type": "list", "data": data})


def create_attribute(ask: Ask) -> Reply:
    """Answer POST /data_attributes."""
    created = ask.workspace.attributes.create(ask.call.body, ask.settings, now=ask.call.now)
    return 200, encode(created.shown(with_datetime=ask.version >= PREVIEW))


def update_attribute(ask: Ask) -> Reply:
    """Answer PUT /data_attributes/{id}."""
    changed = ask.workspace.attributes.update(ask.call.argument, ask.call.body, ask.settings, now=ask.call.now)
    return 200, encode(changed.shown(with_datetime=ask.version >= PREVIEW))
