"""The addresses of the page, and what an address asks for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import parse_qsl, quote, unquote, urlencode

from intercom_emulator.page.html import Html, element, link

_T = TypeVar("_T")
HOME = "/"
PREFIX = "/_page/"
PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class Place:
    """Where a visitor is: the path's parts below the prefix, percent-decoded, and the query's last of each name."""

    parts: tuple[str, ...]
    query: Mapping[str, str]

    @property
    def number(self) -> int:
        """Which page of a list is asked for, from 1."""
        asked = self.query.get("page", "")
        return max(1, int(asked)) if asked.isascii() and asked.isdecimal() and 0 < len(asked) < len("1000000") else 1

    def moved(self, **changes: str | None) -> str:
        """Return the address of this place with another query; None takes a name away."""
        return address(*self.parts, **{**self.query, **changes})

    def cut(self, listed: Sequence[_T]) -> Sequence[_T]:
        """Return what this page of a list holds."""
        begin = (min(self.number, _last(len(listed))) - 1) * PER_PAGE
        return listed[begin : begin + PER_PAGE]

    def pagers(self, total: int, what: str) -> tuple[Html, Html | None]:
        """Return the links to the other pages of a list, for above and below it."""
        return self.pager(total, what), self.pager(total, f"{what}, below") if total > PER_PAGE else None

    def pager(self, total: int, what: str) -> Html:
        """Return the links to the other pages of a list, and where in it this one is."""
        if not total:
            return Html("")
        last = _last(total)
        number = min(self.number, last)
        begin = (number - 1) * PER_PAGE
        shown = f"{begin + 1:,} to {min(begin + PER_PAGE, total):,} of {total:,}"
        there = [(number > 1, number - 1, "prev", "Newer"), (number < last, number + 1, "next", "Older")]
        links = [link(self.moved(page=str(to)), words, rel=rel) for is_there, to, rel, words in there if is_there]
        return element("nav", element("span", shown), links, class_="pager", aria_label=f"Pages of {what}")


def _last(total: int) -> int:
    return max(1, -(-total // PER_PAGE))


def read_place(target: str) -> Place:
    """Read the target of a request."""
    path, _, query = target.partition("?")
    parts = path.removeprefix(PREFIX).split("/") if path.startswith(PREFIX) else []
    return Place(tuple(map(_decode, parts)), read_form(query))


def _decode(part: str) -> str:
    """Return a part of a path; half a pair of surrogates, which an id may hold, comes back as it was put there."""
    try:
        return unquote(part, errors="surrogatepass")
    except UnicodeDecodeError:
        return unquote(part)


def read_form(form: str) -> dict[str, str]:
    """Read a query, or the body of a form."""
    return dict(parse_qsl(form, keep_blank_values=True, errors="replace"))


def address(*parts: str, **query: str | None) -> str:
    """Return the address of a page: whatever stands in its parts, it stays on this server."""
    path = PREFIX + "/".join(quote(each, safe="", errors="surrogatepass") for each in parts) if parts else HOME
    asked = {key: value for key, value in query.items() if value}
    return f"{path}?{urlencode(asked, errors='replace')}" if asked else path
