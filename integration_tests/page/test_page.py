"""The emulator's page in a real browser: hostile values, other sites, keyboard, narrow screens, its script, no script."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from integration_tests.page.place import Place
from integration_tests.support.browser import REBOUND, Browser
from intercom_emulator.page.paths import address

TAB, ENTER = ("Tab", 9), ("Enter", 13, "\r")
SCHEMES = ("light", "dark")


def test_pages_when_values_are_hostile_then_nothing_of_them_runs_or_loads(browser: Browser, place: Place) -> None:
    """No script, no complaint of the policy, no address but the server's, and the page's own script runs."""
    for target in place.pages():
        browser.go(place.url + target)
        browser.wait("!document.getElementById('refresh').hidden")
        assert browser.run("window.hacked") is None
    assert [] == browser.complaints
    assert [] == [each for each in browser.asked if not each.startswith(place.url)]


@pytest.mark.long
def test_page_when_something_happens_then_shows_it_and_leaves_the_visitor_where_they_are(
    browser: Browser, place: Place
) -> None:
    """What is unfolded stays so, the focus stays on its link, and what is typed into the form stays typed."""
    browser.go(place.url)
    browser.run("document.querySelector('#windows').open = true")
    browser.run("document.querySelector('#numbers a').focus()")
    browser.run("document.querySelector('#latency').value = '7'")
    place.call("POST", "/contacts", {"external_id": "grace"})
    browser.wait("document.querySelector('#latest').textContent.includes('grace')")
    assert browser.run("document.querySelector('#windows').open")
    assert "contacts" in browser.run("document.activeElement.href")
    assert "7" == browser.run("document.querySelector('#latency').value")
    assert "Updated " in browser.run("document.querySelector('#refresh').textContent")


@pytest.mark.long
def test_page_when_paused_then_stands_still_until_told_to_go_on(browser: Browser, place: Place) -> None:
    """Whoever reads is not disturbed."""
    browser.go(place.url)
    browser.run("document.querySelector('#refresh button').click()")
    place.call("POST", "/contacts", {"external_id": "grace"})
    before = browser.run("window.cycles")
    browser.wait(f"window.cycles > {before} + 3")
    assert not browser.run("document.querySelector('#latest').textContent.includes('grace')")
    browser.run("document.querySelector('#refresh button').click()")
    browser.wait("document.querySelector('#latest').textContent.includes('grace')")


@pytest.mark.long
def test_page_when_what_it_shows_is_gone_then_says_so(browser: Browser, place: Place) -> None:
    """A reset takes the contact away that somebody is looking at."""
    browser.go(place.url + address("contacts", place.contacts[-1]["id"]))
    place.intercom.reset()
    browser.wait("document.querySelector('#refresh').textContent.includes('no longer there')")


@pytest.mark.long
def test_page_when_scripts_are_switched_off_then_can_be_read_and_used(browser: Browser, place: Place) -> None:
    """The form is sent, and the answer is the page as it is then."""
    browser.ask("Emulation.setScriptExecutionDisabled", value=True)
    browser.go(place.url)
    assert browser.run("document.getElementById('refresh').hidden")
    assert "ada" in browser.run("document.querySelector('#latest').textContent")
    browser.run("document.querySelector('#search_lag').value = '45'")
    browser.run("document.querySelector('.switches').requestSubmit()")
    browser.wait("location.search === '?done=switches' && document.readyState === 'complete'")
    assert 45 == place.intercom.settings.search_lag
    assert "45" == browser.run("document.querySelector('#search_lag').value")


def _focused(browser: Browser) -> str:
    """Describe what has the focus, and whether that can be seen."""
    return str(
        browser.run(
            """(() => {
                const each = document.activeElement, style = getComputedStyle(each);
                const box = each.getBoundingClientRect();
                const seen = style.outlineStyle !== "none" && box.width > 0 && box.bottom > 0 && box.right > 0;
                return `${each.tagName} ${each.id || each.textContent.slice(0, 30)} ${seen}`;
            })()"""
        )
    )


@pytest.mark.long
def test_page_when_used_by_keyboard_then_everything_is_reached_and_seen_to_be(browser: Browser, place: Place) -> None:
    """From the skip link to the last button, each with a focus that shows; the search and the reset by Enter."""
    browser.go(place.url)
    browser.run("document.querySelector('#refresh button').click()")
    reachable = browser.run(
        "[...document.querySelectorAll('a[href], button, input, summary, [tabindex=\"0\"]')]"
        ".filter((each) => each.checkVisibility()).length"
    )
    browser.run("document.activeElement.blur(); getSelection().removeAllRanges(); scrollTo(0, 0)")
    seen = []
    for _ in range(reachable):
        browser.press(*TAB)
        seen.append(_focused(browser))
    assert "A Skip to the content true" == seen[0]
    assert [] == [each for each in seen if not each.endswith(" true")]
    assert "BUTTON Pause" in seen[-1] or "BUTTON Go on" in seen[-1]
    browser.run("document.querySelector('#q').focus()")
    browser.type("ada@")
    browser.press(*ENTER)
    browser.wait("location.search === '?q=ada%40' && document.readyState === 'complete'")
    assert 1 == browser.run("document.querySelectorAll('#contacts tbody tr').length")
    browser.go(place.url)
    browser.run("document.querySelector('#reset-form summary').focus()")
    browser.press(*ENTER)
    browser.press(*TAB)
    browser.press(*ENTER)
    browser.wait("location.search === '?done=reset'")
    assert [] == place.contacts


@pytest.mark.long
@pytest.mark.parametrize("width", [360, 1100])
def test_pages_when_the_screen_is_narrow_then_nothing_leaves_it(browser: Browser, place: Place, width: int) -> None:
    """Not even a value of ten thousand letters without a blank, and what is folded away neither."""
    browser.resize(width)
    for target in place.pages():
        browser.go(place.url + target)
        browser.run("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        assert width >= browser.run("document.scrollingElement.scrollWidth"), target


@contextmanager
def _other_site(page: str) -> Iterator[str]:
    """Serve a page as another site: localhost is none of 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_request(self, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.long
@pytest.mark.parametrize("path", ["/_page/reset", "/_emulator/reset"])
def test_reset_when_another_site_sends_it_then_refused(browser: Browser, place: Place, path: str) -> None:
    """A form that sends itself, as a real browser does it."""
    form = f'<form method=post enctype=text/plain action="{place.url}{path}"><input name=a></form>'
    with _other_site(f"{form}<script>document.forms[0].submit()</script>") as url:
        browser.go(url)
        browser.wait(f"location.href === '{place.url}{path}' && document.readyState === 'complete'")
    assert place.contacts
    assert browser.run("document.body.textContent").startswith(("Only the page itself", "Requests from other"))


@pytest.mark.long
def test_page_when_another_site_frames_it_then_stays_empty(browser: Browser, place: Place) -> None:
    """Nobody is led to press a button that they do not see."""
    with _other_site(f'<iframe src="{place.url}/"></iframe>') as url:
        browser.go(url)
        browser.wait("document.readyState === 'complete'")
    assert [each for each in browser.complaints if "frame-ancestors" in each]


@pytest.mark.long
@pytest.mark.parametrize("path", ["/", "/_emulator/state", "/contacts"])
def test_page_when_another_name_leads_here_then_nothing_is_shown(browser: Browser, place: Place, path: str) -> None:
    """DNS rebinding: the name of another site resolves to the loopback."""
    browser.go(f"{place.url.replace('127.0.0.1', REBOUND)}{path}")
    assert "This server does not answer under this name." == browser.run("document.body.textContent").strip()


@pytest.mark.long
@pytest.mark.parametrize("scheme", SCHEMES)
def test_pages_when_axe_looks_at_them_then_finds_nothing(browser: Browser, place: Place, axe: str, scheme: str) -> None:
    """Names, roles, headings, contrast, in the light and in the dark, what is unfolded too."""
    browser.prefer(scheme)
    for target in place.pages():
        browser.go(place.url + target)
        browser.run("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        browser.run(f"{axe};0")
        found = browser.run(
            "axe.run(document, {resultTypes: ['violations']}).then((done) => done.violations.map("
            "(each) => `${each.id}: ${each.nodes[0].html.slice(0, 200)}`))"
        )
        assert [] == found, target


@pytest.mark.long
def test_axe_when_something_is_wrong_then_finds_it(browser: Browser, place: Place, axe: str) -> None:
    """Without this the test above could be passed by an axe that does not run."""
    browser.go(place.url)
    browser.run("document.querySelector('label[for=latency]').remove()")
    browser.run(f"{axe};0")
    assert ["label"] == browser.run("axe.run(document).then((done) => done.violations.map((each) => each.id))")
