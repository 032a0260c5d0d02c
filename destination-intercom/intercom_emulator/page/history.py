"""What changed of a contact, step by step, from the states that the search's lag has the workspace keep anyway."""

import math
from dataclasses import dataclass
from typing import Any, Final

from intercom_emulator.contact import DETAILS, Contact
from intercom_emulator.core import Sight
from intercom_emulator.page.exchanges import Kept
from intercom_emulator.page.html import Html, element, join, moment, value

_PLAIN: Final = ("role", "external_id", "email", "archived", "deleted", "merged_into")
_SHORT: Final = 3


@dataclass(frozen=True, slots=True)
class Change:
    """One value that became another; None where there was none, or is none any more."""

    name: str
    before: object
    after: object


@dataclass(frozen=True, slots=True)
class Step:
    """What happened to a contact at a time (unix seconds): a beginning has no changes."""

    time: float
    contact: Contact
    beginning: str = ""
    changes: tuple[Change, ...] = ()

    @property
    def short(self) -> Html:
        """The names of what changed."""
        if self.beginning:
            return join(self.beginning)
        names = [each.name.removeprefix("custom_attributes.") for each in self.changes[:_SHORT]]
        left = len(self.changes) - _SHORT
        return join(value(", ".join(names) or "nothing", 80), f" and {left} more" if left > 0 else None)

    @property
    def whole(self) -> Html:
        """What changed, from what, to what."""
        if self.beginning or not self.changes:
            return join(self.beginning or "nothing: the values are the same")
        listed = [
            element("li", element("b", value(each.name)), ": ", _held(each.before), " → ", _held(each.after))
            for each in self.changes
        ]
        return element("ul", listed, class_="changes")

    def when(self, sight: Sight) -> Html:
        """When it was."""
        return join(None if self.time == -math.inf else moment(self.time), _lag(self.time, sight))

    def by(self, kept: Kept) -> Html:
        """Return which call did it."""
        return join("seeded" if self.time == -math.inf else kept.culprit(self.contact, self.time))


def _lag(time: float, sight: Sight) -> Html | None:
    left = time + sight.settings.search_lag - sight.now
    return element("div", f"found by the search in {math.ceil(left):,} s", class_="quiet") if left > 0 else None


def _held(held: object) -> Html:
    return element("i", "none") if held is None else value(held, 500)


def steps_of(contact_id: str, sight: Sight, most: int) -> list[Step]:
    """Return what happened to a contact last, the latest first, as far as that is kept."""
    states = sight.workspace.contacts.history(contact_id)
    return [_step(states, index, sight) for index in range(len(states) - 1, -1, -1)[:most]]


def _step(states: list[tuple[float, Contact]], index: int, sight: Sight) -> Step:
    time, contact = states[index]
    if index == 0:
        beginning = "created" if time == contact.born else "earlier values are no longer kept"
        return Step(time, contact, "was there at the start" if time == -math.inf else beginning)
    before, after = (describe(each, sight) for _, each in states[index - 1 : index + 1])
    return Step(time, contact, changes=tuple(_compare(before, after)))


def _compare(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    names = dict.fromkeys([*before, *after])
    return [Change(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)]


def describe(contact: Contact, sight: Sight) -> dict[str, Any]:
    """Return what a contact holds, by name; what was never set is left out, and what links to it has names of ours."""
    told: dict[str, Any] = {name: getattr(contact, name) for name in _PLAIN if getattr(contact, name)}
    told |= {name: held for name, held in contact.details.items() if held != DETAILS.get(name)}
    told |= {f"location.{name}": held for name, held in contact.location.items() if held is not None}
    told |= {f"custom_attributes.{name}": held for name, held in contact.custom.items()}
    if contact.companies:
        told["companies"] = ", ".join(company_name(each, sight) for each in contact.companies)
    if contact.tags:
        told["tags"] = ", ".join(tag_name(each, sight) for each in contact.tags)
    return told


def tag_name(tag_id: str, sight: Sight) -> str:
    """Return the name of a tag; its id where it is gone."""
    tag = sight.workspace.tags.find(tag_id)
    return tag.name if tag else tag_id


def company_name(intercom_id: str, sight: Sight) -> str:
    """Return the id of ours of a company, archived or not."""
    company = sight.workspace.companies.find(intercom_id)
    return company.company_id if company else intercom_id
