"""The page at /: what there is in numbers, the quota, what went wrong, what came last, and what can be switched."""

import heapq

from intercom_emulator.core import Sight
from intercom_emulator.page.contacts import contact_table
from intercom_emulator.page.exchanges import Kept
from intercom_emulator.page.frame import frame
from intercom_emulator.page.html import Child, Html, element, join, link, pairs, section
from intercom_emulator.page.paths import Place, address
from intercom_emulator.page.plot import draw_windows, troubles
from intercom_emulator.page.requests import latest_requests
from intercom_emulator.page.switches import draw_problem, draw_reset, draw_switches

_LATEST = 8
_NOTICES = {"switches": "Applied.", "reset": "The workspace is empty."}


def show_overview(sight: Sight, place: Place, problem: str = "") -> Html:
    """Return the page; `problem` is what is wrong with the form that was sent."""
    kept = Kept(sight)
    contacts = sight.workspace.contacts
    latest = heapq.nlargest(_LATEST, contacts, key=lambda each: contacts.changed_at(each.id))
    notice = _NOTICES.get(place.query.get("done", ""))
    return frame(
        "Overview",
        place,
        draw_problem(problem) if problem else None,
        element("p", notice, role="status", class_="good") if notice else None,
        section("numbers", "Contents", _numbers(sight)),
        section("quota", "Calls and the quota", draw_windows(list(sight.tally), place)),
        section("troubles", "Refusals and faults", troubles(sight.tally.totals())),
        section("latest", "Contacts that changed last", contact_table(latest, sight, kept)),
        section("requests", "The last requests", latest_requests(kept, _LATEST)),
        section("switches", "Simulate problems", draw_switches(sight), draw_reset(), live=False),
    )


def _numbers(sight: Sight) -> Html:
    workspace, settings = sight.workspace, sight.settings
    totals = sight.tally.totals()
    contacts = list(workspace.contacts)
    living = sum(each.live for each in contacts)
    leads = sum(each.live and each.role == "lead" for each in contacts)
    jobs = [each.shown(sight.now)["state"] for each in workspace.jobs]
    names = len(workspace.events.names) + settings.other_event_names
    rows: list[tuple[str, Child]] = [
        (
            "contacts",
            [link(address("contacts"), f"{living:,}"), _more([(leads, "leads"), (len(contacts) - living, "gone")])],
        ),
        ("companies", link(address("companies"), f"{sum(not each.archived for each in workspace.companies):,}")),
        ("tags", link(f"{address('companies')}#tags", f"{len(list(workspace.tags)):,}")),
        ("events", f"{len(list(workspace.events)):,}"),
        ("event names", link(address("definitions"), f"{names:,} of {settings.event_name_limit:,}")),
        ("calls", link(address("requests"), f"{sum(totals.values()):,}")),
        ("refused by the quota", f"{sum(each for (_, status, _), each in totals.items() if status == '429'):,}"),
        ("faults injected", f"{sum(count for (_, _, fault), count in totals.items() if fault):,}"),
        (
            "bulk jobs",
            [
                link(address("jobs"), f"{len(jobs):,}"),
                _more([(sum(each in ("pending", "running") for each in jobs), "open")]),
            ],
        ),
    ]
    return join(element("div", pairs(rows), class_="numbers"))


def _more(counts: list[tuple[int, str]]) -> str | None:
    told = ", ".join(f"{count:,} {words}" for count, words in counts if count)
    return f" ({told})" if told else None
