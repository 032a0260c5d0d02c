"""The pages for contributors: what they say of the code is so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from unit_tests.project.test_layering import MODULES, _own_imports, _wing

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
HANDS_OVER = "assembly"
"""Builds the parts of a sync, and gives them to one another."""


def _section(title: str) -> str:
    """Cut out a section, up to the next heading."""
    return re.split(r"^#+ ", PAGE.partition(f"{title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def _first_cells(table: str) -> Iterator[str]:
    for row in table.splitlines():
        if row.startswith("| ") and not row.startswith(("| file", "|---")):
            yield row.split("|")[1].strip()


LIFE = [
    cell.strip("`").removesuffix(".py").replace("/", ".") for cell in _first_cells(_section("### The life of a record"))
]


def test_life_of_a_record_when_read_is_one_screen_of_files() -> None:
    """Without rows the tests below could not fail."""
    assert 20 < len(LIFE) < 50
    assert [] == [module for module in LIFE if module not in MODULES]


@pytest.mark.parametrize(("here", "there"), list(pairwise(LIFE)))
def test_life_of_a_record_when_it_goes_on_is_known_to_the_file_before_or_handed_over(here: str, there: str) -> None:
    """The next file is imported, imports this one, or both are built in one place."""
    imports = {module: set(_own_imports(MODULES[module])) for module in (here, there, HANDS_OVER)}
    handed = {here, there} <= imports[HANDS_OVER] | {HANDS_OVER}
    assert there in imports[here] or here in imports[there] or handed


def test_life_of_a_record_when_read_passes_every_wing() -> None:
    """A wing that no record passes is on no stranger's way; of the kinds of object one stands for all."""
    wings = {_wing(module) for module in MODULES} - {"ground", "events", "companies"}
    assert wings == {_wing(module) for module in LIFE}


def test_files_when_the_page_names_them_are_there() -> None:
    """A page that names a file that has moved sends its reader astray."""
    inside = {module.replace(".", "/") + ".py" for module in MODULES}
    named = set(re.findall(r"`([a-z_/]*[a-z_]\.(?:py|md|txt))`", PAGE))
    assert named
    assert [] == [name for name in sorted(named) if name not in inside and not _exists(name)]


def _exists(name: str) -> bool:
    return (ROOT / name).exists() or any(ROOT.glob(f"destination-intercom/destination_intercom/{name}"))


def test_wings_when_the_page_lists_them_are_the_folders() -> None:
    """In the table that stands for the picture of the layering test."""
    table = PAGE.partition("the wings of the connector")[2].partition("imports `requests`")[0]
    listed = set(re.findall(r"`([a-z]+)/`", " ".join(_first_cells(table))))
    assert {_wing(module) for module in MODULES} - {"ground", "top"} == listed
    modules = {module for module in MODULES if "." not in module} - {"__init__"}
    assert modules == set(re.findall(r"`([a-z_0-9]+)`", " ".join(_first_cells(table))))
