"""The pages of contacts: the list, with its search, and one contact with its changes and events."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from intercom_emulator.contact import Contact
from intercom_emulator.core import Sight
from intercom_emulator.events import Event, fold
from intercom_emulator.page.exchanges import Kept
from intercom_emulator.page.frame import frame
from intercom_emulator.page.history import company_name, describe, steps_of, tag_name
from intercom_emulator.page.html import BRIEF, Child, Html, element, join, link, moment, pairs, section, table, value
from intercom_emulator.page.paths import PER_PAGE, Place, address

_HEADS = ("Contact", "Name", "Companies and tags", "Events", "Last change", "By")
_WIDE = (1, 2, 3)
_SHOWN_LINKS = 5


def contact_link(contact: Contact) -> Html:
    """Return the link to a contact, by the best name that it has."""
    name = contact.external_id or contact.email or contact.id
    return link(address("contacts", contact.id), value(name, BRIEF))


def state_of(contact: Contact) -> str:
    """Return what a contact is: a user, a lead, or no more there."""
    gone = [word for word, is_so in (("deleted", contact.deleted), ("archived", contact.archived)) if is_so]
    if contact.merged_into:
        gone.insert(0, "merged")
    return gone[0] if gone else contact.role


def list_contacts(sight: Sight, place: Place) -> Html:
    """Return the page of all contacts, or of those that are searched for, the latest changed first."""
    found, title = _search(sight, place)
    table_of_them = contact_table(place.cut(found), sight, Kept(sight))
    above, below = place.pagers(len(found), "contacts")
    return frame("Contacts", place, section("contacts", title, above, table_of_them, below))


def _search(sight: Sight, place: Place) -> tuple[Sequence[Contact], Child]:
    """Return the contacts that are asked for, and in words which these are."""
    contacts = sight.workspace.contacts
    listed: Iterable[Contact] = contacts
    words: list[Child] = ["All contacts"]
    wanted = place.query.get("q", "").strip()
    if wanted:
        words = ["Contacts with ", value(wanted, BRIEF), " in their external_id or e-mail"]
        sought = wanted.casefold()
        listed = [
            each
            for each in listed
            if sought in (each.external_id or "").casefold()
            or sought in (each.email or "").casefold()
            or wanted == each.id
        ]
    if tag := place.query.get("tag"):
        words = ["Contacts with the tag ", value(tag_name(tag, sight), BRIEF)]
        listed = [each for each in listed if tag in each.tags]
    if company := place.query.get("company"):
        words = ["People of the company ", value(company_name(company, sight), BRIEF)]
        listed = [each for each in listed if company in each.companies]
    newest = list(listed)[::-1]
    return sorted(newest, key=lambda each: contacts.changed_at(each.id), reverse=True), words


def contact_table(shown: Sequence[Contact], sight: Sight, kept: Kept) -> Html:
    """Return a table of contacts."""
    ids = {each.id for each in shown}
    events = Counter(each.contact_id for each in sight.workspace.events if each.contact_id in ids)
    return table(_HEADS, (_row(each, events[each.id], sight, kept) for each in shown), caption="Contacts", wide=_WIDE)


def _row(contact: Contact, events: int, sight: Sight, kept: Kept) -> list[Child]:
    step = next(iter(steps_of(contact.id, sight, 1)), None)
    email = value(contact.email, BRIEF) if contact.email and contact.external_id else None
    who = [contact_link(contact), " ", element("small", state_of(contact), class_="tag"), element("div", email)]
    change = [step.short, element("div", step.when(sight), class_="quiet")] if step else None
    linked = [
        join(*_links(contact.companies, company_name, sight)),
        join(*_links(contact.tags, tag_name, sight)),
    ]
    return [who, value(contact.details.get("name") or "", BRIEF), linked, events, change, step.by(kept) if step else ""]


def _links(ids: Iterable[str], name_of: Callable[[str, Sight], str], sight: Sight) -> Iterable[Html]:
    """Return the first of what a contact is linked with."""
    listed = list(ids)
    yield from (
        join(element("span", value(name_of(each, sight), 40), class_="tag"), " ") for each in listed[:_SHOWN_LINKS]
    )
    if len(listed) > _SHOWN_LINKS:
        yield join(f"and {len(listed) - _SHOWN_LINKS:,} more ")


def show_contact(sight: Sight, place: Place) -> Html | None:
    """Return the page of a contact; None where there is none."""
    workspace = sight.workspace
    contact = workspace.contacts.find(place.parts[1])
    if contact is None:
        return None
    kept = Kept(sight)
    steps = steps_of(contact.id, sight, PER_PAGE)
    changes = table(
        ("When", "What changed", "By"),
        ((each.when(sight), each.whole, each.by(kept)) for each in steps),
        caption="Changes, the latest first",
    )
    own = [each for each in workspace.events if each.contact_id == contact.id]
    own.sort(key=lambda each: each.created_at, reverse=True)
    title = value(contact.external_id or contact.email or contact.id, BRIEF)
    return frame(
        "Contact",
        place,
        section("values", title, _facts(contact, sight)),
        section("changes", "Changes, the latest first", changes),
        section("events", "Events", place.pager(len(own), "events"), _timeline(contact, place.cut(own), sight, kept)),
    )


def _facts(contact: Contact, sight: Sight) -> Html:
    """Return what a contact holds now."""
    plain: list[tuple[Child, Child]] = [
        ("id", value(contact.id)),
        ("created_at", moment(contact.created_at)),
        ("updated_at", moment(contact.updated_at)),
    ]
    told = {key: held for key, held in describe(contact, sight).items() if key not in ("companies", "tags")}
    plain += [(value(key), value(held)) for key, held in told.items()]
    companies = [
        join(link(address("companies", each), value(company_name(each, sight), BRIEF)), " ")
        for each in contact.companies
    ]
    tags = [
        join(link(address("contacts", tag=each), value(tag_name(each, sight), BRIEF)), " ") for each in contact.tags
    ]
    linked: list[tuple[Child, Child]] = [("companies", companies)] if companies else []
    linked += [("tags", tags)] if tags else []
    return pairs(plain + linked)


def _timeline(contact: Contact, events: Sequence[Event], sight: Sight, kept: Kept) -> Html:
    bringers = kept.bringers(contact) if events else {}
    rows = []
    for each in events:
        call = bringers.get((fold(each.event_name, sight.settings), each.created_at))
        metadata = [
            element("div", element("span", value(key, BRIEF), ": ", class_="quiet"), value(held))
            for key, held in each.metadata.items()
        ]
        rows.append((moment(each.created_at), value(each.event_name), metadata, call.link if call else None))
    return table(("When", "Event", "Metadata", "Call"), rows, caption="Events, the latest first")
