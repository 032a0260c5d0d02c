"""A browser, and an emulator to look at: one of each for all tests of the page."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration_tests.page.place import Place, fill
from integration_tests.support.browser import Browser, browsing, find_browser
from intercom_emulator import Intercom, Server, Settings

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "build" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
FASTER = 40
"""How much faster the page's timers run here than elsewhere."""


def _skip(reason: str) -> None:
    if os.environ.get("REQUIRE_BROWSER"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Run a browser whose pages' timers are fast, and counted."""
    path = find_browser()
    if path is None:
        _skip("no Chromium here")
        return
    with contextlib.ExitStack() as running:
        try:
            browser = running.enter_context(browsing(path))
        except (RuntimeError, OSError) as error:  # some packages of it let nobody drive it
            _skip(f"the Chromium here cannot be driven: {error}")
            return
        clock = f"""
            window.cycles = 0;
            const later = window.setTimeout;
            window.setTimeout = (call, wait) => later(() => {{ window.cycles += 1; call(); }}, wait / {FASTER});
        """
        browser.ask("Page.addScriptToEvaluateOnNewDocument", source=clock)
        yield browser


@pytest.fixture
def browser(chromium: Browser) -> Browser:
    """Give the browser as if it had just been started."""
    chromium.ask("Emulation.setScriptExecutionDisabled", value=False)
    chromium.resize(1100)
    chromium.prefer("light")
    chromium.ask("Page.navigate", url="about:blank")
    chromium.wait("location.href === 'about:blank'")
    chromium.forget()
    return chromium


@pytest.fixture
def place() -> Iterator[Place]:
    """Serve a workspace that has something of everything, hostile values among it."""
    intercom = Intercom(Settings.from_dict({"limit": 60, "other_apps_per_window": 5, "search_lag": 30}))
    fill(intercom)
    with Server(intercom) as server:
        yield Place(intercom, server.url)


@pytest.fixture(scope="session")
def axe() -> str:
    """Read axe-core, which `make page-test` fetches."""
    if not AXE.is_file():
        _skip("no axe-core here: make page-test fetches it")
    return AXE.read_text(encoding="utf-8")
