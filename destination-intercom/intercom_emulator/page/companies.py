"""The pages of companies and tags."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from intercom_emulator.company import Company
from intercom_emulator.core import Sight
from intercom_emulator.page.contacts import contact_table
from intercom_emulator.page.exchanges import Kept
from intercom_emulator.page.frame import frame
from intercom_emulator.page.history import tag_name
from intercom_emulator.page.html import BRIEF, Child, Html, join, link, moment, pairs, section, table, value
from intercom_emulator.page.paths import Place, address

_MOST_TAGS = 500


def list_companies(sight: Sight, place: Place) -> Html:
    """Return the page of all companies, the latest updated first, and of all tags."""
    workspace = sight.workspace
    newest = list(workspace.companies)[::-1]
    companies = sorted(newest, key=lambda each: each.updated_at, reverse=True)
    rows = [_row(each, sight) for each in place.cut(companies)]
    bearers = Counter(tag for each in workspace.contacts for tag in each.tags)
    owners = Counter(tag for each in companies for tag in each.tags)
    tags = [
        (
            link(address("contacts", tag=each.id), value(each.name, BRIEF)),
            f"{bearers[each.id]:,}",
            f"{owners[each.id]:,}",
        )
        for each in list(workspace.tags)[:_MOST_TAGS]
    ]
    heads = ("Company", "Name", "People", "Updated")
    pager = place.pager(len(companies), "companies")
    return frame(
        "Companies and tags",
        place,
        section("companies", "Companies", pager, table(heads, rows, caption="Companies", wide=(1,))),
        section("tags", "Tags", table(("Tag", "Contacts", "Companies"), tags, caption="Tags")),
    )


def _row(company: Company, sight: Sight) -> list[Child]:
    name = link(address("companies", company.id), value(company.company_id, BRIEF))
    return [
        [name, " archived" if company.archived else None],
        value(company.details.get("name") or "", BRIEF),
        f"{sight.workspace.contacts.people_of(company.id):,}",
        moment(company.updated_at),
    ]


def show_company(sight: Sight, place: Place) -> Html | None:
    """Return the page of a company; None where there is none."""
    workspace = sight.workspace
    company = next((each for each in workspace.companies if each.id == place.parts[1]), None)
    if company is None:
        return None
    kept = Kept(sight)
    call = kept.written(company.id)
    facts: list[tuple[Child, Child]] = [("id", value(company.id))]
    facts += [("archived", "yes")] if company.archived else []
    facts += [("created_at", moment(company.created_at)), ("updated_at", moment(company.updated_at))]
    facts += [(value(key), value(held)) for key, held in _values(company)]
    facts += [("tag", value(tag_name(each, sight))) for each in company.tags]
    facts += [("last written by", call.shown if call else "no call that is kept")]
    people = workspace.contacts.members_of(company.id)
    title = value(company.company_id, BRIEF)
    shown = contact_table(place.cut(people), sight, kept)
    return frame(
        "Company",
        place,
        section("values", title, pairs(facts)),
        section("people", join("People"), place.pager(len(people), "people"), shown),
    )


def _values(company: Company) -> Iterator[tuple[str, Any]]:
    yield from company.details.items()
    yield from ((f"custom_attributes.{name}", held) for name, held in company.custom.items())
