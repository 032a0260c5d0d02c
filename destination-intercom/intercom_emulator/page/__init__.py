"""The page of the emulator: what the workspace holds, what was called, and what became of it, for a browser.

Plain HTML that a script only refreshes. It reads the core under its lock and changes it by the core's own means; no
call of the API knows of it, so that it costs nothing while nobody looks. Nothing of what a client sent is trusted: it
is text, whatever it looks like, and no address but our own is ever linked, loaded or sent to.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files

from intercom_emulator.answers import Answer
from intercom_emulator.core import Intercom, Sight
from intercom_emulator.page import companies, contacts, definitions, jobs, overview, requests
from intercom_emulator.page.frame import frame
from intercom_emulator.page.html import Html, element
from intercom_emulator.page.paths import HOME, PREFIX, Place, read_form, read_place
from intercom_emulator.page.switches import apply_switches

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self';"
    " frame-ancestors 'none'; base-uri 'none'"
)
# With `no-referrer` a browser would send the forms with the Origin "null".
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_FILES = {
    "style.css": "text/css; charset=utf-8",
    "script.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_FORMS = _SWITCHES, _RESET = (("switches",), ("reset",))
_LISTS: dict[str, Callable[[Sight, Place], Html]] = {
    "contacts": contacts.list_contacts,
    "companies": companies.list_companies,
    "requests": requests.list_requests,
    "jobs": jobs.list_jobs,
    "definitions": definitions.show_definitions,
}
_SINGLES: dict[str, Callable[[Sight, Place], Html | None]] = {
    "contacts": contacts.show_contact,
    "companies": companies.show_company,
    "requests": requests.show_request,
}


@dataclass(frozen=True, slots=True)
class Visit:
    """A request of a browser; `is_from_own_page` where it says that a page of ours makes it."""

    method: str
    target: str
    body: bytes = b""
    is_from_own_page: bool = False


def is_of_page(target: str) -> bool:
    """Return whether a request is for the page: no path of Intercom's API is."""
    return target == HOME or target.startswith((PREFIX, "/?"))


def show_page(intercom: Intercom, visit: Visit) -> Answer:
    """Answer a request for the page; one that changes something only if a page of ours makes it."""
    place = read_place(visit.target)
    if visit.method == "POST":
        return _change(intercom, visit, place)
    if visit.method not in ("GET", "HEAD"):
        return _plain(405, "The page is read with GET.")
    if place.parts in _FORMS:
        return Answer(303, {"Location": HOME, **_HEADERS})
    if len(place.parts) == 1 and place.parts[0] in _FILES:
        name = place.parts[0]
        return Answer(200, {"Content-Type": _FILES[name], **_HEADERS}, files(__name__).joinpath(name).read_bytes())
    shown = intercom.look(lambda sight: _show(sight, place))
    if shown is None:
        words = element("p", "This page does not exist. If the workspace was reset, its contents are gone.")
        return _page(404, frame("Not found", place, words))
    return _page(200, shown)


def _show(sight: Sight, place: Place) -> Html | None:
    """Return the page of a place; None where there is none."""
    if not place.parts:
        return overview.show_overview(sight, place)
    name, *rest = place.parts
    if not rest:
        return _LISTS[name](sight, place) if name in _LISTS else None
    return _SINGLES[name](sight, place) if name in _SINGLES and len(rest) == 1 else None


def _change(intercom: Intercom, visit: Visit, place: Place) -> Answer:
    """Carry out a form."""
    if not visit.is_from_own_page:
        return _plain(403, "Only the page itself can send this form. Programs can use /_emulator/.")
    if place.parts not in _FORMS:
        return _plain(404, "There is no such form.")
    if place.parts == _RESET:
        intercom.reset()
    else:
        try:
            apply_switches(intercom, read_form(visit.body.decode("latin-1")))
        except ValueError as error:
            problem = str(error)
            return _page(400, intercom.look(lambda sight: overview.show_overview(sight, Place((), {}), problem)))
    return Answer(303, {"Location": f"/?done={place.parts[0]}", **_HEADERS})


def _page(status: int, page: Html) -> Answer:
    return Answer(status, {"Content-Type": "text/html; charset=utf-8", **_HEADERS}, page.encode(errors="replace"))


def _plain(status: int, words: str) -> Answer:
    return Answer(status, {"Content-Type": "text/plain; charset=utf-8", **_HEADERS}, f"{words}\n".encode())
