"""A workspace: what each endpoint does with what the workspace holds. No quota, no faults, no HTTP."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from intercom_emulator.answers import Refusal, encode, invalid
from intercom_emulator.attributes import DataAttributes, model_of
from intercom_emulator.calls import PREVIEW, Call
from intercom_emulator.changes import Change, Changes
from intercom_emulator.contacts import NEWER_SHAPE, Contact, Contacts, conflict, gone
from intercom_emulator.events import Events, listed
from intercom_emulator.search import Malformed, Paging, Rules, order_of
from intercom_emulator.settings import Settings
from intercom_emulator.writes import ContactWriter

_EMPTY = b""


@dataclass(frozen=True, slots=True)
class Ask:
    """A call that may be carried out: in which version, under which settings."""

    call: Call
    version: tuple[int, int]
    settings: Settings

    def shown(self, contact: Contact) -> dict[str, Any]:
        """Return a contact as this call's version shows it."""
        return contact.shown(self.version, self.settings.workspace_id)


class Workspace:
    """Contacts, data attributes and events, and the endpoints on them. Not thread-safe: the core's lock guards it."""

    def __init__(self) -> None:
        self.contacts = Contacts()
        self.attributes = DataAttributes()
        self.events = Events()
        self._changes = Changes()
        self._endpoints: dict[str, Callable[[Ask], tuple[int, bytes]]] = {
            "GET /me": self._show_me,
            "GET /contacts": self._list_contacts,
            "POST /contacts": self._create_contact,
            "POST /contacts/search": self._search,
            "GET /contacts/find_by_external_id/{external_id}": self._find_by_external_id,
            "GET /contacts/{id}": self._show_contact,
            "PUT /contacts/{id}": self._update_contact,
            "DELETE /contacts/{id}": self._delete_contact,
            "POST /contacts/{id}/archive": self._archive,
            "POST /contacts/{id}/unarchive": self._unarchive,
            "GET /data_attributes": self._list_attributes,
            "POST /data_attributes": self._create_attribute,
            "GET /events": self._list_events,
            "POST /events": self._submit_event,
        }

    def serve(self, ask: Ask) -> tuple[int, bytes]:
        """Carry out a call and return status and body; raise `Refusal` for everything but success."""
        endpoint = self._endpoints.get(ask.call.template)
        if endpoint is None:
            raise Refusal(404, "not_found", "The requested resource does not exist")
        return endpoint(ask)

    def texts_of(self, call: Call) -> str:
        """Return what a call says, a text a line, and who the contact of its path is."""
        named = self.contacts.find(call.argument) if "{id}" in call.template else None
        person = [named.id, named.external_id or "", named.email or ""] if named else []
        return "\n".join([*call.texts, *person])

    def _show_me(self, ask: Ask) -> tuple[int, bytes]:
        settings = ask.settings
        app: dict[str, Any] = {
            "type": "app",
            "id_code": settings.workspace_id,
            "name": "Emulated",
            "created_at": 1_611_540_000,
        }
        app |= {"secure": False, "identity_verification": False}
        app |= {"timezone": settings.timezone, "region": settings.region}
        admin: dict[str, Any] = {
            "type": "admin",
            "id": "991267459",
            "email": "admin@example.com",
            "name": "Emulated Admin",
        }
        avatar = {"type": "avatar", "image_url": "https://static.example.com/128.png"}
        admin |= {"email_verified": True, "app": app if settings.app_present else None, "avatar": avatar}
        return 200, encode(admin | {"has_inbox_seat": True})

    def _list_contacts(self, ask: Ask) -> tuple[int, bytes]:
        query: dict[str, Any] = dict(ask.call.query)
        if str(query.get("per_page", "")).isdecimal():
            query["per_page"] = int(query["per_page"][:4])  # enough to tell that it is too much
        try:
            paging = Paging.read(query)
        except Malformed as error:
            raise invalid(str(error)) from error
        living = (each for each in self.contacts if each.live)
        page, rest = paging.cut(living, lambda each: each.created_at, descending=False)  # the oldest first [REC]
        return 200, encode({"type": "list", "data": [ask.shown(each) for each in page], **rest})

    def _create_contact(self, ask: Ask) -> tuple[int, bytes]:
        return 200, encode(ask.shown(self._writer(ask).create(ask.call.body)))

    def _update_contact(self, ask: Ask) -> tuple[int, bytes]:
        return 200, encode(ask.shown(self._writer(ask).update(ask.call.argument, ask.call.body)))

    def _writer(self, ask: Ask) -> ContactWriter:
        return ContactWriter(self.contacts, self.attributes, ask.settings, ask.version, ask.call.now)

    def _search(self, ask: Ask) -> tuple[int, bytes]:
        body, settings = ask.call.body, ask.settings
        try:
            rules = Rules(self.attributes, settings.search_in_limit, settings.timezone)
            question = rules.read(body.get("query"))
            order, descending = order_of(body.get("sort"))
            paging = Paging.read(body.get("pagination"))
        except Malformed as error:
            if settings.search_malformed == 400:  # noqa: PLR2004 - one of the setting's two values
                raise Refusal(400, "invalid_field", str(error)) from error
            raise Refusal(500, "server_error", "Server Error") from error
        then = self.contacts.as_of(ask.call.now - settings.search_lag, question.holders_of)
        page, rest = paging.cut(filter(question.fits, then), order, descending=descending)
        data = {} if settings.search_without_data else {"data": [ask.shown(each) for each in page]}
        return 200, encode({"type": "list", **data, **rest})

    def _find_by_external_id(self, ask: Ask) -> tuple[int, bytes]:
        holders = self.contacts.users_with("external_id", ask.call.argument)
        return self._shown_or_gone(ask, holders[0] if holders else None)

    def _show_contact(self, ask: Ask) -> tuple[int, bytes]:
        return self._shown_or_gone(ask, self.contacts.find(ask.call.argument))

    def _shown_or_gone(self, ask: Ask, contact: Contact | None) -> tuple[int, bytes]:
        if contact is not None and contact.merged_into and not contact.deleted:
            raise gone(self.contacts.canonical(contact))
        if contact is None or not contact.live:
            raise Refusal(404, "not_found", "User Not Found")
        return 200, encode(ask.shown(contact))

    def _delete_contact(self, ask: Ask) -> tuple[int, bytes]:
        contact = self._present(ask)
        if contact.merged_into:
            raise Refusal(404, "not_found", "User Not Found")
        self._keep(ask, contact, deleted=True)
        return self._reference(ask, contact, deleted=True)

    def _archive(self, ask: Ask) -> tuple[int, bytes]:
        contact = self._present(ask)
        if contact.merged_into:
            raise Refusal(404, "not_found", "User Not Found")
        self._keep(ask, contact, archived=True)
        return self._reference(ask, contact, archived=True)

    def _unarchive(self, ask: Ask) -> tuple[int, bytes]:
        contact = self.contacts.find(ask.call.argument)
        if contact is None:
            raise Refusal(404, "not_found", "User Not Found")
        if contact.merged_into:
            raise Refusal(400, "bad_request", "User has been merged and is not restorable.")
        if contact.deleted and ask.settings.unarchive_deleted == 400:  # noqa: PLR2004 - one of two values
            message = "User has been marked for permanent deletion and is not restorable."
            raise Refusal(400, "bad_request", message)
        if contact.deleted:
            raise Refusal(500, "server_error", "Server Error")
        for holder in self.contacts.users_with("external_id", contact.external_id):
            if holder.live and holder.id != contact.id and contact.role == "user":
                raise conflict(holder)  # two live users never share an external_id
        self._keep(ask, contact, archived=False)
        return self._reference(ask, contact, archived=False)

    def _present(self, ask: Ask) -> Contact:
        """Return the contact of the path unless it is unknown or deleted."""
        contact = self.contacts.find(ask.call.argument)
        if contact is None or contact.deleted:
            raise Refusal(404, "not_found", "User Not Found")
        return contact

    def _keep(self, ask: Ask, contact: Contact, **flags: bool) -> None:
        """Store a contact with changed flags."""
        changed = contact.copied()
        for name, value in flags.items():
            setattr(changed, name, value)
        changed.updated_at = int(ask.call.now)
        self.contacts.put(changed, now=ask.call.now, lag=ask.settings.search_lag)

    def _reference(self, ask: Ask, contact: Contact, **flags: bool) -> tuple[int, bytes]:
        """Return a short contact: `object` in the recordings of 2.3, `type` and external_id in 2.16's description."""
        if ask.version < NEWER_SHAPE:
            return 200, encode({"id": contact.id, "object": "contact", **flags})
        return 200, encode({"type": "contact", "id": contact.id, "external_id": contact.external_id, **flags})

    def _list_attributes(self, ask: Ask) -> tuple[int, bytes]:
        query = ask.call.query
        archived = query.get("include_archived", "false").lower() == "true"
        data = self.attributes.listed(model_of(query), archived=archived, with_datetime=ask.version >= PREVIEW)
        if ask.version < NEWER_SHAPE:
            data = [{key: value for key, value in each.items() if key != "messenger_writable"} for each in data]
        return 200, encode({"type": "list", "data": data})

    def _create_attribute(self, ask: Ask) -> tuple[int, bytes]:
        created = self.attributes.create(ask.call.body, limit=ask.settings.attribute_limit, now=ask.call.now)
        return 200, encode(created.shown(with_datetime=ask.version >= PREVIEW))

    def _submit_event(self, ask: Ask) -> tuple[int, bytes]:
        self.events.submit(ask.call.body, self.contacts, ask.settings, ask.call.now)
        return 202, _EMPTY

    def _list_events(self, ask: Ask) -> tuple[int, bytes]:
        query = ask.call.query
        if query.get("type") != "user":
            raise invalid("type must be user")
        if "intercom_user_id" in query:
            contact = self.contacts.living(query["intercom_user_id"])
        else:
            key = "email" if "email" in query else "external_id"
            users = self.contacts.users_with(key, query.get("email") or query.get("user_id"))
            contact = next((each for each in users if each.live), None)
        if contact is None:
            raise Refusal(404, "not_found", "User Not Found")
        return 200, encode(listed(contact, self.events, summary=query.get("summary") == "true"))

    def seed(self, situation: dict[str, Any], *, now: float, settings: Settings) -> None:
        """Bring the workspace to a situation, past Intercom's checks; raise ValueError where it makes no sense."""
        unknown = set(situation) - {"contacts", "data_attributes", "events", "event_names", "changes"}
        if unknown:
            raise ValueError(f"unknown parts of a situation: {', '.join(sorted(unknown))}")
        for attribute in situation.get("data_attributes", ()):
            self.attributes.seed(attribute, int(now))
        for contact in situation.get("contacts", ()):
            self.contacts.seed(contact, now=now)
        for name in situation.get("event_names", ()):
            self.events.add_name(name, settings)
        for event in situation.get("events", ()):
            self.events.keep(self._contact_of(event), event, settings)

        for change in situation.get("changes", ()):
            self._changes.plan(Change.read(change, now))

    def catch_up(self, now: float, settings: Settings) -> None:
        """Let happen to the contacts what others have done by `now`."""
        self._changes.carry_out(self.contacts, now=now, lag=settings.search_lag)

    def _contact_of(self, event: dict[str, Any]) -> str:
        """Return the id of the contact that a seeded event names."""
        contact_id = event.get("contact_id") or event.get("id")
        if contact_id:
            return str(contact_id)
        key = "external_id" if event.get("user_id") else "email"
        users = self.contacts.users_with(key, event.get("user_id") or event.get("email"))
        if not users:
            raise ValueError("a seeded event names nobody")
        return users[0].id

    def dump(self) -> dict[str, Any]:
        """Return everything that the workspace holds."""
        contacts = [
            each.shown(PREVIEW, "")
            | {"archived": each.archived, "deleted": each.deleted, "merged_into": each.merged_into}
            for each in self.contacts
        ]
        events = [
            {
                "contact_id": each.contact_id,
                "event_name": each.event_name,
                "created_at": each.created_at,
                "metadata": each.metadata,
                **each.sent_as,
            }
            for each in self.events
        ]
        attributes = self.attributes.listed(None, archived=True, with_datetime=True)
        return {
            "contacts": contacts,
            "events": events,
            "event_names": self.events.names,
            "data_attributes": attributes,
            "changes_ahead": len(self._changes),
        }


def new_request_id() -> str:
    """Return a request id in the form of the recordings: 20 characters."""
    return f"00{uuid.uuid4().hex[:18]}"
