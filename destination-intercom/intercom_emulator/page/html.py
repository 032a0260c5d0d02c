"""Markup that cannot be forgotten to escape: whatever is no `Html` already is text, and becomes it on its way in."""

import json
import unicodedata
from collections.abc import Iterable
from datetime import datetime, timezone
from html import escape
from typing import Any

LONGEST = 20_000  # characters of one value on a page
BRIEF = 120
_VOID = {"input", "link", "meta"}
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  # Unicode's categories; among them what turns lines around
_KEPT = "\n\t\u200d"  # the last joins the parts of an emoji


class Html(str):
    """Markup of our own making."""

    __slots__ = ()


Child = str | int | None | Iterable[Any]
"""What an element may hold: markup, text, a number, nothing, or several of these."""


def text(value: object) -> Html:
    """Return a value as text that a browser shows as it is; what cannot be seen is shown as its code."""
    shown = value if isinstance(value, str) else str(value)
    if not shown.isprintable():
        shown = "".join(map(_visible, shown))
    return Html(escape(shown, quote=True))


def _visible(character: str) -> str:
    if character in _KEPT or unicodedata.category(character) not in _INVISIBLE:
        return character
    return character.encode("unicode_escape", "surrogatepass").decode()


def join(*children: Child) -> Html:
    """Return markup of all that is given, one after the other."""
    return Html("".join(_inner(children)))


def _inner(children: Iterable[Any]) -> Iterable[str]:
    for child in children:
        if child is None:
            continue
        if isinstance(child, Html):
            yield child
        elif isinstance(child, (str, int)):
            yield text(child)
        else:
            yield from _inner(child)


def element(name: str, /, *children: Child, **attributes: str | bool | None) -> Html:
    """Return an element. Attributes: `class_` is class, `data_x` data-x; None and False are left out."""
    named = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items()}
    given = {key: value for key, value in named.items() if value is not None and value is not False}
    head = "".join(f" {key}" if value is True else f' {key}="{text(value)}"' for key, value in given.items())
    return Html(f"<{name}{head}>" if name in _VOID else f"<{name}{head}>{join(*children)}</{name}>")


def link(address: str, /, *children: Child, **attributes: str | bool | None) -> Html:
    """Return a link to a page of our own; `address` is one of `paths`, never a value."""
    return element("a", *children, href=address, **attributes)


def value(held: object, most: int = LONGEST) -> Html:
    """Return a value of the workspace as it is to be read: texts as they are, others as JSON, at most so long."""
    shown = held if isinstance(held, str) else json.dumps(held, ensure_ascii=False, default=str)
    left = len(shown) - most
    if left > 0:
        shown = shown[:most]
    more = element("span", f" … and {left:,} characters more", class_="quiet") if left > 0 else None
    return element("bdi", shown, more, class_=None if isinstance(held, str) else "json")


def moment(time: float | None) -> Html:
    """Return a time (unix seconds) to the second, in UTC; one that no calendar has as its number."""
    if time is None:
        return Html("")
    try:
        at = datetime.fromtimestamp(time, timezone.utc)
    except (OverflowError, ValueError, OSError, TypeError):
        return text(time)
    return element("time", f"{at:%Y-%m-%d %H:%M:%S}", datetime=f"{at:%Y-%m-%dT%H:%M:%SZ}")


def table(heads: Iterable[Child], rows: Iterable[Iterable[Child]], *, caption: str, wide: Iterable[int] = ()) -> Html:
    """Return a table; columns whose numbers (from 0) are in `wide` are left out where the screen is narrow."""
    hidden = set(wide)

    def cells(kind: str, row: Iterable[Child], **attributes: str) -> Html:
        return element(
            "tr",
            [
                element(kind, each, class_="wide" if number in hidden else None, **attributes)
                for number, each in enumerate(row)
            ],
        )

    body = [cells("td", row) for row in rows]
    if not body:
        return element("p", "None.", class_="quiet")
    return element(
        "table",
        element("caption", caption, class_="unseen"),
        element("thead", cells("th", heads, scope="col")),
        element("tbody", body),
    )


def pairs(rows: Iterable[tuple[Child, Child]]) -> Html:
    """Return a list of names and what they hold."""
    listed = [element("div", element("dt", name), element("dd", held)) for name, held in rows]
    return element("dl", listed) if listed else element("p", "None.", class_="quiet")


def section(name: str, title: Child, *children: Child, live: bool = True) -> Html:
    """Return a part of a page under a heading; a live one is kept up to date by the script."""
    heading = element("h2", title, id=f"{name}-title")
    return element("section", heading, *children, id=name, aria_labelledby=f"{name}-title", data_live=live)


def details(name: str, summary: Child, *children: Child) -> Html:
    """Return what is folded away."""
    return element("details", element("summary", summary), *children, id=name)
