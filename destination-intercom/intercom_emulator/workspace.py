"""What a workspace holds, how a situation is brought into it, and what it shows of itself. No endpoints, no HTTP."""

import uuid
from typing import Any

from intercom_emulator.answers import Refusal
from intercom_emulator.attributes import DataAttributes
from intercom_emulator.bulk import Jobs, Work
from intercom_emulator.bulk_items import BulkWriter
from intercom_emulator.calls import Call
from intercom_emulator.changes import Change, Changes
from intercom_emulator.companies import Companies
from intercom_emulator.contacts import Contacts
from intercom_emulator.events import Events
from intercom_emulator.routes import PREVIEW
from intercom_emulator.settings import Settings
from intercom_emulator.tags import Tags

_PARTS = {"contacts", "companies", "tags", "data_attributes", "events", "event_names", "changes"}


class Workspace:
    """Contacts, companies, tags, data attributes and events. Not thread-safe: the core's lock guards it."""

    def __init__(self) -> None:
        self.contacts = Contacts()
        self.companies = Companies()
        self.tags = Tags()
        self.attributes = DataAttributes()
        self.events = Events()
        self.jobs = Jobs()
        self._changes = Changes()

    def texts_of(self, call: Call) -> str:
        """Return what a call says, a text a line, and who the contacts and companies are that it names by their ids."""
        said = [*call.texts, *call.arguments]
        named = []
        for each in dict.fromkeys(said):
            contact, company = self.contacts.find(each), self.companies.find(each)
            named += [contact.external_id or "", contact.email or ""] if contact else []
            named += [company.company_id] if company else []
        return "\n".join(said + named)

    def seed(self, situation: dict[str, Any], *, now: float, settings: Settings) -> None:
        """Bring the workspace to a situation, past Intercom's checks; raise ValueError where it makes no sense."""
        unknown = set(situation) - _PARTS
        if unknown:
            raise ValueError(f"unknown parts of a situation: {', '.join(sorted(unknown))}")
        for attribute in situation.get("data_attributes", ()):
            self.attributes.seed(attribute, int(now))
        for tag in situation.get("tags", ()):
            self._tag_id(tag)
        for company in situation.get("companies", ()):
            tags = {"tags": [{"id": self._tag_id(each)} for each in company.get("tags", ())]}
            self.companies.seed(company | tags, now=now)
        for contact in situation.get("contacts", ()):
            self.contacts.seed(self._linked(contact, now), now=now)
        for name in situation.get("event_names", ()):
            self.events.add_name(name, settings)
        for event in situation.get("events", ()):
            self.events.keep(self._contact_of(event), event, settings)
        for change in situation.get("changes", ()):
            values = change.get("set")
            linked = {"set": self._linked(values, now)} if isinstance(values, dict) else {}
            self._changes.plan(Change.read(change | linked, now))

    def _linked(self, values: dict[str, Any], now: float) -> dict[str, Any]:
        """Return a contact's values, its tags and companies by Intercom's ids; what is not there yet is made."""
        links: dict[str, Any] = {}
        if values.get("tags") is not None:
            links["tags"] = [{"id": self._tag_id(each)} for each in _listed(values["tags"])]
        if values.get("companies") is not None:
            links["companies"] = [{"id": self._company_of(each, now)} for each in _listed(values["companies"])]
        return values | links

    def _tag_id(self, named: dict[str, Any]) -> str:
        """Return the id of a tag that a situation names by `name` or `id`, made if need be."""
        tag = self.tags.find(str(named.get("id")))
        return (tag or self.tags.make(named.get("name") or f"tag {named['id']}", named.get("id"))).id

    def _company_of(self, named: dict[str, Any], now: float) -> str:
        """Return Intercom's id of a company that a situation names by `company_id` or `id`; the first is made."""
        if "company_id" in named:
            company = self.companies.latest(named["company_id"])
            company = company or self.companies.seed({"company_id": named["company_id"]}, now=now)
        else:
            company = self.companies.find(named["id"])
        if company is None or company.archived:
            raise ValueError("a seeded contact names a company that is unknown or archived")
        return company.id

    def catch_up(self, now: float, settings: Settings) -> None:
        """Let happen to the contacts what others, and the bulk jobs, have done by `now`."""
        self._changes.carry_out(self.contacts, now=now, lag=settings.search_lag)
        for work in self.jobs.due(now):
            self._carry_out(work, settings)

    def _carry_out(self, work: Work, settings: Settings) -> None:
        """Do what an item of a bulk job asks; where it fails, its task counts it."""
        writer = BulkWriter(self.contacts, self.companies, self.tags, self.attributes, settings, work.due)
        contact_id, failed = None, False
        try:
            if work.kind == "create":
                contact_id = writer.create(work.item)
            elif work.kind == "update":
                contact_id = writer.update(work.item)
            elif work.kind == "delete":
                writer.delete(work.item)
            else:
                writer.tag(work.item["id"], work.item["tags"], may_remove=work.item["may_remove"])
        except Refusal:
            failed = True
        if work.task is not None:
            work.task.done += 1
            work.task.failed += failed
        if contact_id is not None and work.item.get("tags") is not None:
            asked = {"id": contact_id, "tags": work.item["tags"], "may_remove": work.kind == "update"}
            self.jobs.plan(Work(work.due + settings.bulk_tag_lag, "tag", asked))

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

    def dump(self, now: float) -> dict[str, Any]:
        """Return everything that the workspace holds."""
        contacts = [
            each.shown(PREVIEW, "")
            | {"archived": each.archived, "deleted": each.deleted, "merged_into": each.merged_into}
            for each in self.contacts
        ]
        companies = [
            each.shown("", self.contacts.people_of(each.id), self.tags.shown(each.tags))
            | {"archived": each.archived, "contacts": [member.id for member in self.contacts.members_of(each.id)]}
            for each in self.companies
        ]
        tagged: dict[str, list[str]] = {each.id: [] for each in self.tags}
        for one in self.contacts:
            for tag_id in one.tags:
                tagged[tag_id].append(one.id)
        tags = [{"id": each.id, "name": each.name, "contacts": tagged[each.id]} for each in self.tags]
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
            "companies": companies,
            "tags": tags,
            "events": events,
            "event_names": self.events.names,
            "data_attributes": attributes,
            "bulk_jobs": [each.shown(now) for each in self.jobs],
            "changes_ahead": len(self._changes),
        }


def _listed(links: Any) -> Any:
    """Return linked things in the shape of the API: a list, or a list in `data`."""
    return links["data"] if isinstance(links, dict) else links


def new_request_id() -> str:
    """Return a request id in the form of the recordings: 20 characters."""
    return f"00{uuid.uuid4().hex[:18]}"
