"""What stands around every page: head, navigation, search."""

from intercom_emulator.page.html import Child, Html, element, join, link
from intercom_emulator.page.paths import HOME, Place, address

_PAGES = (
    ((), "Overview"),
    (("contacts",), "Contacts"),
    (("companies",), "Companies and tags"),
    (("requests",), "Requests"),
    (("jobs",), "Bulk jobs"),
    (("definitions",), "Attributes and event names"),
)


def frame(title: str, place: Place, *content: Child) -> Html:
    """Return a whole page."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{title} – local Intercom"),
        element("link", rel="icon", href=address("icon.svg")),
        element("link", rel="stylesheet", href=address("style.css")),
        element("script", src=address("script.js"), defer=True),
    )
    body = element(
        "body",
        link("#content", "Skip to the content", class_="skip"),
        element("header", link(HOME, "Local Intercom", class_="brand"), _search(place), _navigation(place)),
        element("main", element("h1", title), *content, id="content", tabindex="-1"),
        element(
            "footer",
            element("p", "Everything is in memory, on this machine only. Times are in UTC.", class_="quiet"),
            element("p", id="refresh", hidden=True),
        ),
    )
    return join(Html("<!doctype html>\n"), element("html", head, body, lang="en"))


def _search(place: Place) -> Html:
    field = element("input", id="q", name="q", type="search", value=place.query.get("q", ""), autocomplete="off")
    label = element("label", "external_id or e-mail", for_="q")
    button = element("button", "Search")
    return element("form", label, field, button, action=address("contacts"), role="search")


def _navigation(place: Place) -> Html:
    here = place.parts[:1]
    links = [
        element("li", link(address(*parts), words, aria_current="page" if parts == here else None))
        for parts, words in _PAGES
    ]
    return element("nav", element("ul", links), aria_label="Pages")
