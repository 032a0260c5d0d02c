"""The kept calls by their numbers, and which of them changed a contact or brought an event."""

import bisect
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
_LONGEST = 20  # digits of a number
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
    """The calls that are kept, in the order of their times."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        self._all = list(sight.exchanges)
        self._first = sum(sight.tally.totals().values()) - len(self._all) + 1

    def latest(self) -> Iterator[Numbered]:
        """Return the calls, the latest first."""
        last = self._first + len(self._all) - 1
        return (Numbered(last - index, each) for index, each in enumerate(reversed(self._all)))

    def find(self, number: str) -> Numbered | None:
        """Return a call by its number, as an address has it."""
        index = int(number) - self._first if number.isascii() and number.isdecimal() and len(number) < _LONGEST else -1
        return self._numbered(index) if 0 <= index < len(self._all) else None

    def _numbered(self, index: int) -> Numbered:
        return Numbered(self._first + index, self._all[index])

    def culprit(self, contact: Contact, time: float) -> Html:
        """Return who made a contact what it is since a time (unix seconds): every change bears the time of its call."""
        made = [each for each in self._at(time) if _is_write(each.exchange) and _names(each.exchange, contact.id)]
        if made:
            return made[0].shown
        for job in self._sight.workspace.jobs:
            if any(task.starts <= time <= task.ends for task in job.tasks):
                return join(link(address("jobs"), "bulk job"), " ", job.id)
        oldest = _time_of(self._all[0]) if self._all else self._sight.now
        return text("a call that is no longer kept" if time < oldest else "no call: changed outside the API")

    def _at(self, time: float) -> Iterator[Numbered]:
        """Return the calls of a time, the latest first."""
        index = bisect.bisect_right(self._all, time, key=_time_of) - 1
        while index >= 0 and _time_of(self._all[index]) == time:
            yield self._numbered(index)
            index -= 1

    def bringers(self, contact: Contact) -> dict[tuple[str, int], Numbered]:
        """Return which call each event of a contact came from, by its folded name and second, as far as it is kept."""
        known = [each for each in (contact.id, contact.external_id, contact.email) if each]
        marks = {mark for each in known for mark in (json.dumps(each).encode(), each.encode(errors="replace"))}
        found: dict[tuple[str, int], Numbered] = {}
        for index, exchange in enumerate(self._all):
            if exchange.call.template != "POST /events" or not _has_effect(exchange):
                continue
            if not any(mark in exchange.call.raw for mark in marks):  # most are of others: that is told at once
                continue
            body = legible(exchange.call.raw)
            if isinstance(body, dict) and isinstance(body.get("created_at"), int):
                name = fold(str(body.get("event_name")), self._sight.settings)
                found.setdefault((name, body["created_at"]), self._numbered(index))
        return found

    def written(self, intercom_id: str) -> Numbered | None:
        """Return the latest call that wrote to a company."""
        for each in self.latest():
            exchange = each.exchange
            if exchange.call.template in _COMPANY_WRITES and _has_effect(exchange) and _names(exchange, intercom_id):
                return each
        return None


def _time_of(exchange: Exchange) -> float:
    return exchange.call.now


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
