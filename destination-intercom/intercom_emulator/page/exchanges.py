"""The kept calls by their numbers, and which of them changed a contact or brought an event."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from intercom_emulator.calls import legible
from intercom_emulator.contact import Contact
from intercom_emulator.core import Exchange, Sight
from intercom_emulator.events import fold
from intercom_emulator.page.html import Html, join, link, text
from intercom_emulator.page.paths import address

_COMPANY_WRITES = ("POST /companies", "PUT /companies/{id}", "DELETE /companies/{id}")
_READS = ("POST /contacts/search", "POST /companies/search", "POST /companies/list")


@dataclass(frozen=True, slots=True)
class Numbered:
    """A kept call; `number` counts all calls since the start, from 1."""

    number: int
    exchange: Exchange

    @property
    def link(self) -> Html:
        """The link to the page of the call."""
        return link(address("requests", str(self.number)), f"#{self.number}", class_="number")

    @property
    def shown(self) -> Html:
        """What the call was, in short, and the link."""
        return join(self.link, " ", self.exchange.call.template)


class Kept:
    """The calls that are kept."""

    def __init__(self, sight: Sight) -> None:
        exchanges = list(sight.exchanges)
        total = sum(sight.tally.totals().values())
        self._sight = sight
        self._all = [Numbered(number, each) for number, each in enumerate(exchanges, total - len(exchanges) + 1)]
        self._by_time: dict[float, list[Numbered]] | None = None

    def latest(self) -> Iterator[Numbered]:
        """Return the calls, the latest first."""
        return reversed(self._all)

    def find(self, number: str) -> Numbered | None:
        """Return a call by its number, as an address has it."""
        return next((each for each in self._all if str(each.number) == number), None)

    def culprit(self, contact: Contact, time: float) -> Html:
        """Return who made a contact what it is since a time (unix seconds): every change bears the time of its call."""
        made = [each for each in self._at(time) if _is_write(each.exchange) and _names(each.exchange, contact.id)]
        if made:
            return made[-1].shown
        for job in self._sight.workspace.jobs:
            if any(task.starts <= time <= task.ends for task in job.tasks):
                return join(link(address("jobs"), "bulk job"), " ", job.id)
        oldest = self._all[0].exchange.call.now if self._all else self._sight.now
        return text("a call that is no longer kept" if time < oldest else "no call: somebody else")

    def _at(self, time: float) -> list[Numbered]:
        if self._by_time is None:
            self._by_time = {}
            for each in self._all:
                self._by_time.setdefault(each.exchange.call.now, []).append(each)
        return self._by_time.get(time, [])

    def bringers(self, contact: Contact) -> dict[tuple[str, int], Numbered]:
        """Return which call each event of a contact came from, by its folded name and second, as far as it is kept."""
        known = [each for each in (contact.id, contact.external_id, contact.email) if each]
        marks = {mark for each in known for mark in (json.dumps(each).encode(), each.encode(errors="replace"))}
        found: dict[tuple[str, int], Numbered] = {}
        for each in self._all:
            exchange = each.exchange
            if exchange.call.template != "POST /events" or not _has_effect(exchange):
                continue
            if not any(mark in exchange.call.raw for mark in marks):  # most are of others: that is told at once
                continue
            body = legible(exchange.call.raw)
            if isinstance(body, dict) and isinstance(body.get("created_at"), int):
                name = fold(str(body.get("event_name")), self._sight.settings)
                found.setdefault((name, body["created_at"]), each)
        return found

    def written(self, intercom_id: str) -> Numbered | None:
        """Return the latest call that wrote to a company."""
        for each in self.latest():
            exchange = each.exchange
            if exchange.call.template in _COMPANY_WRITES and _has_effect(exchange) and _names(exchange, intercom_id):
                return each
        return None


def _has_effect(exchange: Exchange) -> bool:
    """Return whether Intercom did what was asked, whatever came of the answer."""
    if exchange.fault is not None and not exchange.fault.has_effect:
        return False
    return exchange.fault is not None or exchange.status.startswith("2")


def _is_write(exchange: Exchange) -> bool:
    call = exchange.call
    return call.method != "GET" and call.template not in _READS and _has_effect(exchange)


def _names(exchange: Exchange, intercom_id: str) -> bool:
    """Return whether a call or its answer has an id in it."""
    mark = json.dumps(intercom_id, ensure_ascii=False).encode(errors="replace")
    return intercom_id in exchange.call.arguments or mark in exchange.reply.body or mark in exchange.call.raw
