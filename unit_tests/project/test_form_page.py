"""The page that shows the form as Airbyte lays it out: it is drawn from the specification as it is now."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from destination_intercom.destination import load_spec

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "form"
SPEC = load_spec()["connectionSpecification"]


@pytest.fixture(scope="module")
def render() -> ModuleType:
    """Import the script that draws the page."""
    found = importlib.util.spec_from_file_location("render", FOLDER / "render.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_form_page_when_drawn_again_is_the_one_in_the_docs(render: ModuleType) -> None:
    """`make form` draws it again, and the picture with it."""
    assert render.draw_page(SPEC) == (FOLDER / "form.html").read_text(encoding="utf-8")


def test_form_page_when_nothing_is_unfolded_shows_what_a_first_user_needs(render: ModuleType) -> None:
    """The page folds away what Airbyte does, and leaves out what is hidden or leaves no choice."""
    page = render.draw_page(SPEC)
    shown = page
    while "<details>" in shown:
        shown = re.sub(r"<details>(?:(?!<details>).)*?</details>", "", shown, flags=re.DOTALL)
    titles = re.findall(r'class="title">(.*?)</span>', shown)
    assert [
        "Intercom Region",
        "Access Token",
        "Source Property",
        "Intercom Field",
        "Send Events",
        "Event Streams",
        "Stream",
        "Fixed Event Name",
        "Event Name Property",
        "Time Property",
        "Selected Events",
        "Not Before",
        "Send Users",
        "User Streams",
        "Stream",
        "Properties to Write",
        "Property",
        "Name in Intercom",
        "Type",
        "Properties to Write, as Text",
        "Send Companies",
        "Storage for Rejected Records",
    ] == titles
    assert "API Base URL" not in page
    assert "Deleted Rows" in page
