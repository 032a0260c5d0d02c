"""The endpoints of tags: making them, and tagging people and companies with them, one or many."""

from typing import Any

from intercom_emulator.answers import Refusal, encode, invalid
from intercom_emulator.attributes import LONGEST_TEXT
from intercom_emulator.company import Company, unknown_company
from intercom_emulator.contact import Contact
from intercom_emulator.endpoints.ask import Ask, Reply
from intercom_emulator.tags import Tag, unknown_tag

_TELLS_WHOM = (2, 16)  # the version whose description shows in the answer who was tagged
_APPLIED_BY = {"type": "admin", "id": "991267459"}


def list_tags(ask: Ask) -> Reply:
    """Answer GET /tags: all of them, without pages."""
    return 200, encode({"type": "list", "data": [each.shown() for each in ask.workspace.tags]})


def show_tag(ask: Ask) -> Reply:
    """Answer GET /tags/{id}."""
    return 200, encode(_tag(ask, ask.call.argument).shown())


def delete_tag(ask: Ask) -> Reply:
    """Answer DELETE /tags/{id}: nobody bears the tag any more."""
    tag = _tag(ask, ask.call.argument)
    for contact in list(ask.workspace.contacts):
        if tag.id in contact.tags:
            _untag(ask, contact, tag)
    for company in ask.workspace.companies:
        company.tags = tuple(each for each in company.tags if each != tag.id)
    ask.workspace.tags.remove(tag)
    return 200, b""


def save_tag(ask: Ask) -> Reply:
    """Answer POST /tags: make or rename a tag, tag people, tag companies or untag them."""
    body, tags = ask.call.body, ask.workspace.tags
    name = body.get("name")
    if not isinstance(name, str) or not name.strip() or len(name) > LONGEST_TEXT:
        raise _nonsense()
    asked = {"id", "users", "companies"} & set(body)
    if len(asked) > 1:
        raise _nonsense()
    users: list[dict[str, Any]] = []
    companies: list[dict[str, Any]] = []
    if "id" in body:
        tag = _renamed(ask, _tag(ask, body["id"]), name)
    elif "users" in body:
        tag, users = _tag_people(ask, name, body["users"])
    elif "companies" in body:
        tag, companies = _tag_companies(ask, name, body["companies"])
    else:
        tag = tags.make(name)
    told = {"users": users, "companies": companies} if ask.version >= _TELLS_WHOM else {}
    return 200, encode(tag.shown() | told)


def _renamed(ask: Ask, tag: Tag, name: str) -> Tag:
    holder = ask.workspace.tags.named(name)
    if holder is not None and holder is not tag:
        raise _nonsense()
    tag.name = name
    return tag


def _tag_people(ask: Ask, name: str, users: object) -> tuple[Tag, list[dict[str, Any]]]:
    """Tag the contacts of a list; one who is unknown fails the call, or is left out, as the settings have it.

    Both were told of Intercom: in 1.x nobody was tagged (intercom-node, 263), in Preview such a call succeeds
    (Intercom-OpenAPI, 481).
    """
    limit = ask.settings.tag_people_limit
    objects = _objects(users)
    if not all(each.keys() == {"id"} for each in objects) or (limit is not None and len(objects) > limit):
        raise _nonsense()
    ids = dict.fromkeys(str(each["id"]) for each in objects)
    known = [contact for contact in map(ask.workspace.contacts.living, ids) if contact is not None]
    unknown = Refusal(404, "not_found", "User Not Found") if len(known) < len(ids) else None
    tag = _tag_for(ask, name, unknown)
    for contact in known:
        _apply(ask, contact, tag)
    _fail_late(ask, unknown)
    return tag, [{"id": each.id, "tagged": True} for each in known]


def _tag_companies(ask: Ask, name: str, companies: object) -> tuple[Tag, list[dict[str, Any]]]:
    """Tag the companies of a list, or untag them; an unknown one is treated as an unknown person is."""
    objects = _objects(companies)
    if not all(each.keys() & {"id", "company_id"} for each in objects):
        raise _nonsense()
    found = [_company(ask, each) for each in objects]
    unknown = unknown_company() if None in found else None
    tag = _tag_for(ask, name, unknown)
    told = []
    for company, each in zip(found, objects, strict=True):
        if company is not None:
            others = tuple(other for other in company.tags if other != tag.id)
            company.tags = others if each.get("untag") else (*others, tag.id)
            told.append({"id": company.id, "tagged": not each.get("untag")})
    _fail_late(ask, unknown)
    return tag, told


def _company(ask: Ask, named: dict[str, Any]) -> Company | None:
    """Return the company that one entry of a list means, if there is one."""
    if "id" in named:
        return ask.workspace.companies.find(str(named["id"]))
    company = ask.workspace.companies.latest(str(named["company_id"]))
    return None if company is None or company.archived else company


def _tag_for(ask: Ask, name: str, unknown: Refusal | None) -> Tag:
    """Return the tag of a call, made if need be; raise `unknown` where such a call does nothing at all."""
    if unknown is not None and ask.settings.tag_unknown == "refuse":
        raise unknown
    return ask.workspace.tags.make(name)


def _fail_late(ask: Ask, unknown: Refusal | None) -> None:
    """Raise `unknown` where such a call has tagged the others by then."""
    if unknown is not None and ask.settings.tag_unknown == "refuse_late":
        raise unknown


def tag_contact(ask: Ask) -> Reply:
    """Answer POST /contacts/{id}/tags: one contact, a tag that is there; a tag borne already is no error."""
    contact, wanted = ask.living(), ask.call.body.get("id")
    if not isinstance(wanted, str) or not wanted:
        raise Refusal(400, "parameter_not_found", "tag not specified")
    tag = _tag(ask, wanted)
    return 200, encode(_applied(tag, _apply(ask, contact, tag)))


def untag_contact(ask: Ask) -> Reply:
    """Answer DELETE /contacts/{id}/tags/{tag_id}."""
    contact, tag = ask.living(), _tag(ask, ask.call.arguments[1])
    applied_at = contact.tags.get(tag.id)
    if applied_at is None and ask.settings.untag_again == unknown_tag().status:
        raise unknown_tag()
    if applied_at is not None:
        _untag(ask, contact, tag)
    return 200, encode(_applied(tag, applied_at))


def list_tags_of_contact(ask: Ask) -> Reply:
    """Answer GET /contacts/{id}/tags: all of them, without pages."""
    tags = [(_tag(ask, tag_id), second) for tag_id, second in ask.living().tags.items()]
    return 200, encode({"type": "list", "data": [_applied(*each) for each in tags]})


def _apply(ask: Ask, contact: Contact, tag: Tag) -> int:
    """Tag a contact, if it does not bear the tag, and return since when it does."""
    if tag.id not in contact.tags:
        tagged = contact.copied()
        tagged.tags[tag.id] = int(ask.call.now)
        ask.keep(tagged)
        return int(ask.call.now)
    return contact.tags[tag.id]


def _untag(ask: Ask, contact: Contact, tag: Tag) -> None:
    untagged = contact.copied()
    del untagged.tags[tag.id]
    ask.keep(untagged)


def _tag(ask: Ask, tag_id: object) -> Tag:
    """Return a tag by its id, or refuse."""
    found = ask.workspace.tags.find(str(tag_id))
    if found is None:
        raise unknown_tag()
    return found


def _applied(tag: Tag, second: int | None) -> dict[str, Any]:
    """Return a tag as a contact bears it."""
    return tag.shown() | {"applied_at": second, "applied_by": _APPLIED_BY}


def _objects(listed: object) -> list[dict[str, Any]]:
    """Return a list of objects, or refuse what is none."""
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise _nonsense()
    return listed


def _nonsense() -> Refusal:
    return invalid("invalid tag parameters")
