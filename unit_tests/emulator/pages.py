"""What the tests of the emulator's page look at it with: a visit in one line, and what a browser would make of it."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

from intercom_emulator import Answer, Intercom
from intercom_emulator.page import Visit, show_page

VOID = {"meta", "link", "input"}


@dataclass
class Section:
    """A part of a page: its text, the cells of its tables' rows, and its links by their text."""

    text: str = ""
    rows: list[list[str]] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)


class Page(HTMLParser):
    """A page as it was parsed: elements with their attributes, its sections, and whether all is closed."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.sections: dict[str, Section] = {}
        self.text = ""
        self._open: list[tuple[str, str]] = []
        self._href = ""
        self.feed(markup)
        self.close()
        assert [] == self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        assert len(given) == len(attrs)
        self.elements.append((tag, given))
        if tag not in VOID:
            self._open.append((tag, given.get("id") or ""))
        if tag == "section":
            self.sections[given["id"] or ""] = Section()
        if tag == "tr" and (section := self._section):
            section.rows.append([])
        if tag in ("td", "th") and (section := self._section):
            section.rows[-1].append("")
        if tag == "a":
            self._href = given["href"] or ""

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag == self._open.pop()[0]

    def handle_data(self, data: str) -> None:
        self.text += data
        section, tags = self._section, [tag for tag, _ in self._open]
        if section is None:
            return
        section.text += f" {data}"
        if {"td", "th"} & set(tags):
            section.rows[-1][-1] += data
        if "a" in tags:
            section.links[data] = self._href

    @property
    def _section(self) -> Section | None:
        return next((self.sections[name] for tag, name in reversed(self._open) if tag == "section"), None)


def visit(intercom: Intercom, target: str) -> Answer:
    """Visit the page."""
    return show_page(intercom, Visit("GET", target))


def read(intercom: Intercom, target: str = "/") -> Page:
    """Return a page that must be there."""
    answer = visit(intercom, target)
    assert answer.status == 200, answer.body
    return Page(answer.body.decode())


def send(intercom: Intercom, target: str, form: str = "", *, is_own: bool = True) -> Answer:
    """Send a form, as the page itself does unless said otherwise."""
    return show_page(intercom, Visit("POST", target, form.encode(), is_from_own_page=is_own))


def fields(page: Page) -> dict[str, str]:
    """Return what a browser would send of the form of the switches."""
    inputs = [given for tag, given in page.elements if tag == "input" and given["name"] != "q"]
    return {
        str(given["name"]): str(given["value"]) for given in inputs if given["type"] != "checkbox" or "checked" in given
    }
