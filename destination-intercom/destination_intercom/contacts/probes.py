"""Harmless calls to the endpoints of contacts, which show whether these work. They change nothing in Intercom."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from destination_intercom.contacts.lookup import search_query
from destination_intercom.delivery.probes import Probe, Taken
from destination_intercom.identity import Key
from destination_intercom.intercom.calls import (
    ArchiveContact,
    AttachCompany,
    Call,
    CreateContact,
    CreateLead,
    DeleteContact,
    FindByExternalId,
    GetContact,
    ListContactCompanies,
    ListContactTags,
    ListTags,
    SearchContacts,
    TagContacts,
    UntagContact,
    UpdateContact,
    UpdateContactsInBulk,
)

IDENTITY: Final = frozenset({"role", "external_id"})

IN_BULK_ALONE: Final = frozenset({"id", "companies", "tags"})
"""What a single update does not have of a member of a bulk update."""

_NOBODY: Final = f"nobody-{secrets.token_hex(16)}"
NOBODYS: Final = {"external_id": _NOBODY, "email": f"{_NOBODY}@nobody.invalid"}
"""Identities that nobody has."""

NOBODYS_ID: Final = "0" * 24


def find_probes(
    call: Call,
    taken: Iterable[Taken],
    *,
    somebody: Key | None,
    contact_id: Callable[[Key], str | None],
    tag: str | None = None,
    is_so: Callable[[str, Mapping[str, Any]], bool] = lambda _id, _payload: False,
) -> Iterator[Probe]:
    """Offer what is harmless at the endpoint of `call`, the best first; nothing for one that is never made again.

    `taken` are calls that Intercom took in this run. `somebody` is a user who exists, `contact_id` tells the
    id under which this run knows a person, and `tag` is the name of one that is there. `is_so` says whether a contact
    has the values of a payload, as far as this run knows.
    """
    if isinstance(call, CreateContact):
        yield from _creates(taken, somebody)
    elif isinstance(call, UpdateContact):
        taken = list(taken)
        yield from _updates(taken, contact_id)
        yield from _updates_in_bulk(taken, contact_id, is_so)
    elif isinstance(call, SearchContacts):
        field = _field_of(call.query)
        yield Probe(SearchContacts(search_query(field, [NOBODYS[field]])))
    elif isinstance(call, FindByExternalId):
        yield from (Probe(each) for _, each in taken if isinstance(each, FindByExternalId))
        yield Probe(FindByExternalId(NOBODYS["external_id"]))
    elif isinstance(call, GetContact):
        yield from (Probe(each) for _, each in taken if isinstance(each, GetContact))
        yield Probe(GetContact(NOBODYS_ID))
    elif isinstance(call, ArchiveContact):
        # Never somebody again whom this run has archived: they may be back.
        yield Probe(ArchiveContact(NOBODYS_ID))
    elif isinstance(call, DeleteContact):
        yield Probe(DeleteContact(NOBODYS_ID))
    elif isinstance(call, (AttachCompany, ListContactCompanies)):
        yield from _of_companies(call, taken)
    elif isinstance(call, (ListTags, ListContactTags, TagContacts, UntagContact)):
        yield from _of_tags(call, taken, tag)


def _of_companies(call: Call, taken: Iterable[Taken]) -> Iterator[Probe]:
    """Offer to attach somebody once more, or to list the companies of somebody; and both of nobody."""
    yield from (Probe(each) for _, each in taken if type(each) is type(call))
    attaches = isinstance(call, AttachCompany)
    yield Probe(AttachCompany(NOBODYS_ID, NOBODYS_ID) if attaches else ListContactCompanies(NOBODYS_ID))


def _of_tags(call: Call, taken: Iterable[Taken], tag: str | None) -> Iterator[Probe]:
    """Offer to read tags, to take one off nobody, or to make one that is there; else the one that is to be made."""
    if isinstance(call, ListTags):
        yield Probe(call)
    elif isinstance(call, ListContactTags):
        yield from (Probe(each) for _, each in taken if isinstance(each, ListContactTags))
        yield Probe(ListContactTags(NOBODYS_ID))
    elif isinstance(call, UntagContact):
        yield Probe(UntagContact(NOBODYS_ID, call.tag_id))
    else:
        names = [each.name for _, each in (*taken, (None, call)) if isinstance(each, TagContacts)]
        yield from (Probe(TagContacts(name)) for name in ([] if tag is None else [tag]) + names)


def _creates(taken: Iterable[Taken], somebody: Key | None) -> Iterator[Probe]:
    """Offer to create somebody who exists, which Intercom refuses with a conflict."""
    created = [person for person, each in taken if isinstance(each, CreateContact)]
    for person in [*created, *([] if somebody is None else [somebody])]:
        yield Probe(CreateContact({"role": "user", person.field: person.value}), person)


def _updates(taken: Iterable[Taken], contact_id: Callable[[Key], str | None]) -> Iterator[Probe]:
    """Offer to write a contact as this run has written it, while nothing else is written to it; never an identity."""
    taken = list(taken)
    for person, each in taken:
        if isinstance(each, UpdateContact) and (payload := _without_identity(each.payload)):
            yield Probe(UpdateContact(each.contact_id, payload), person)
    for person, each in taken:
        if isinstance(each, (CreateContact, CreateLead)) and (payload := _without_identity(each.payload)):
            known = contact_id(person)
            if known is not None:
                yield Probe(UpdateContact(known, payload), person)


def _updates_in_bulk(
    taken: Iterable[Taken],
    contact_id: Callable[[Key], str | None],
    is_so: Callable[[str, Mapping[str, Any]], bool],
) -> Iterator[Probe]:
    """Offer to write a contact as a bulk call has, if nobody has written it otherwise since."""
    for person, each in taken:
        known = contact_id(person)
        if known is None or not isinstance(each, UpdateContactsInBulk):
            continue
        for member in each.contacts:
            payload = {name: value for name, value in member.items() if name not in IN_BULK_ALONE}
            if member["id"] == known and payload and is_so(known, payload):
                yield Probe(UpdateContact(known, payload), person)


def _without_identity(payload: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in payload.items() if name not in IDENTITY}


def _field_of(query: dict[str, Any]) -> str:
    """Tell by which identity a search asks, that of its first filter."""
    condition = query.get("query", query)
    while "field" not in condition:
        condition = condition["value"][0]
    return "email" if condition["field"] == "email" else "external_id"
