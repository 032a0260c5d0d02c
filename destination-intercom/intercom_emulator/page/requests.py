"""The pages of the last requests: the list, and one with its answer."""

import json
from collections.abc import Iterable
from itertools import islice
from typing import Any

from intercom_emulator.core import Exchange, Sight
from intercom_emulator.page.exchanges import Kept, Numbered
from intercom_emulator.page.frame import frame
from intercom_emulator.page.html import (
    BRIEF,
    LONGEST,
    Child,
    Html,
    element,
    join,
    link,
    moment,
    pairs,
    section,
    table,
    value,
)
from intercom_emulator.page.paths import Place, address

_HEADS = ("Call", "Request", "Answer", "When")
_WIDE = (3,)


def answer_of(status: str, fault: str | None) -> Html:
    """Return what a call was answered, and the fault that it met."""
    shown = "no answer" if status == "none" else status
    kind = "good" if status.startswith("2") else "bad"
    met = [" ", element("small", f"fault: {fault}", class_="tag")] if fault else None
    return join(element("span", shown, class_=kind), met)


def _fault(exchange: Exchange) -> str | None:
    return exchange.fault.kind if exchange.fault else None


def request_table(listed: Iterable[Numbered]) -> Html:
    """Return a table of calls."""
    return table(_HEADS, map(_row, listed), caption="Requests, the latest first", wide=_WIDE)


def _row(each: Numbered) -> list[Child]:
    call = each.exchange.call
    said = value(f"{call.method} {call.target}", BRIEF)
    return [each.link, said, answer_of(each.exchange.status, _fault(each.exchange)), moment(call.now)]


def list_requests(sight: Sight, place: Place) -> Html:
    """Return the page of the calls that are kept, the latest first; of one endpoint or status if that is asked for."""
    wanted = {key: place.query[key] for key in ("endpoint", "status", "fault") if place.query.get(key)}
    listed = [each for each in Kept(sight).latest() if _fits(each.exchange, wanted)]
    above, below = place.pagers(len(listed), "requests")
    narrowed = [value(", ".join(f"{key} {asked}" for key, asked in wanted.items()), BRIEF), ": "] if wanted else None
    whole = element("p", narrowed, link(address("requests"), "show all")) if wanted else None
    title = "The last requests"
    return frame("Requests", place, section("requests", title, whole, above, request_table(place.cut(listed)), below))


def _fits(exchange: Exchange, wanted: dict[str, str]) -> bool:
    facts = {"endpoint": exchange.call.template, "status": exchange.status, "fault": _fault(exchange)}
    return all(facts[key] == asked for key, asked in wanted.items())


def latest_requests(kept: Kept, count: int) -> Html:
    """Return a table of the last few calls."""
    return request_table(islice(kept.latest(), count))


def show_request(sight: Sight, place: Place) -> Html | None:
    """Return the page of one call; None where it is not kept."""
    found = Kept(sight).find(place.parts[1])
    if found is None:
        return None
    call, shown = found.exchange.call, found.exchange.shown()
    facts: list[tuple[Child, Child]] = [
        ("endpoint", call.template),
        ("when", moment(call.now)),
        ("answer", answer_of(found.exchange.status, _fault(found.exchange))),
    ]
    return frame(
        f"Request #{found.number}",
        place,
        section(
            "request",
            value(f"{call.method} {call.target}", BRIEF),
            pairs(facts),
            _body(shown["request_body"], "Body of the request"),
        ),
        section("answer", "Answer", _body(shown["response_body"], "Body of the answer")),
        section(
            "headers",
            "Headers",
            _headers("Of the request", shown["request_headers"]),
            _headers("Of the answer", shown["headers"]),
        ),
    )


def _body(body: Any, name: str) -> Html:
    if body is None:
        return element("p", "No body.", class_="quiet")
    written = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, indent=2)
    return element("pre", value(written, LONGEST), tabindex="0", role="region", aria_label=name)


def _headers(title: str, headers: dict[str, str]) -> Html:
    return join(element("h3", title), pairs([(value(name, BRIEF), value(held)) for name, held in headers.items()]))
