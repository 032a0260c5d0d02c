"""What tests take from outside of the project: data and cases, through one module, and nothing else.

The pages beside them are for people: what they say may change, or grow, and no test must break for it.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration_tests import contract

THIS = Path(__file__).resolve()
ROOT = THIS.parents[2]
DOOR = "integration_tests/contract.py"
FOLDERS = ("unit_tests", "integration_tests", "benchmarks")
FILES = ("conftest.py", "destination-intercom/conftest.py", "destination-intercom/pytest.ini", "Makefile", ".ci/run")
ENDINGS = ("", ".py", ".sh", ".ini", ".cfg", ".toml", ".yml", ".yaml")

ALLOWED = {"data", "cases"}
NAMES = {name for name, value in vars(contract).items() if isinstance(value, Path) and not value.is_relative_to(ROOT)}
"""What the door calls the places that lie outside."""

PAGES = ("airbyte-protocol", "design", "intercom-api", "style")
STEP_OUT = re.compile(r"\bROOT\.parent\b|\bparents\[[3-9]\]|\.\./shared|/shared/|[\"']shared[\"']")
PART = re.compile(r"\bshared[\"']?\s*/\s*f?[\"']?([\w.-]+)")
PAGE = re.compile(rf"\b((?:{'|'.join(PAGES)})\.md)\b")
BESIDE = re.compile(rf"\b((?:{'|'.join(sorted(NAMES))})\.(?:parents?\b|with_name|joinpath\(\"\.\.))")


def other_parts(text: str) -> list[str]:
    """Find what a source names of the folder outside, but for data and cases."""
    return [part for part in PART.findall(text) if part not in ALLOWED] + PAGE.findall(text) + BESIDE.findall(text)


def unrequired(text: str) -> list[str]:
    """Find the names of places outside that a module has from the door, and does not give to `require_data`."""
    tree = ast.parse(text)
    imports = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "integration_tests.contract"
    ]
    ours = {alias.asname or alias.name for node in imports for alias in node.names if alias.name in NAMES}
    required = {
        name
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "require_data"
        for name in ast.walk(call)
    }
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in ours]
    return [f"{node.id} in line {node.lineno}" for node in names if node not in required]


def _sources() -> Iterator[Path]:
    """Find all that tests are made of, but this file, whose examples name what they must not."""
    yield from (ROOT / name for name in FILES)
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).glob("**/*")):
            if path.is_file() and path.suffix in ENDINGS and "__pycache__" not in path.parts and path != THIS:
                yield path


SOURCES = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in _sources()}


def test_sources_when_looked_for_then_they_are_found() -> None:
    """Without files the tests below could not fail."""
    assert {DOOR, ".ci/run", "integration_tests/image/engine"} <= SOURCES.keys()
    assert {"DATA", "DESCRIPTION", "RECORDINGS"} <= NAMES


def test_sources_when_they_name_what_lies_outside_then_only_data_and_cases() -> None:
    """No test reads a page."""
    assert {} == {name: parts for name, text in SOURCES.items() if (parts := other_parts(text))}


def test_sources_when_they_reach_outside_then_through_one_module() -> None:
    """Others ask it, so that each of them skips where the data is absent, and none skips where it must be there."""
    reaching = {name for name, text in SOURCES.items() if STEP_OUT.search(text)}
    assert {DOOR} == reaching


def test_sources_when_they_use_a_place_outside_then_as_one_that_may_be_absent() -> None:
    """`require_data` skips the test and says so, or fails it."""
    modules = {name: text for name, text in SOURCES.items() if name.endswith(".py")}
    assert {} == {name: wrong for name, text in modules.items() if (wrong := unrequired(text))}


def test_whole_check_when_it_runs_then_no_test_skips_for_want_of_data() -> None:
    """The variable is set before the first test."""
    script = SOURCES[".ci/run"]
    assert "\nexport REQUIRE_CONTRACT_DATA=1\n" in script[: script.index("\nmake ")]
    assert '\nREQUIRED = "REQUIRE_CONTRACT_DATA"\n' in SOURCES[DOOR]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('ROOT.parent / "shared" / "data"', []),
        ("../shared/cases/09-money", []),
        ('ROOT.parent / "shared" / "hooks"', ["hooks"]),
        ("/work/shared/README.md", ["README.md"]),
        (f'DATA / "{PAGES[2]}.md"', [f"{PAGES[2]}.md"]),
        ("page = DATA.parent", ["DATA.parent"]),
        ('DESCRIPTION.parents[1] / "x"', ["DESCRIPTION.parents"]),
        ('DESCRIPTION.with_name("x")', ["DESCRIPTION.with_name"]),
    ],
)
def test_other_parts_when_a_source_names_one_then_it_is_found(text: str, found: list[str]) -> None:
    """The yardstick itself."""
    assert found == other_parts(text)


@pytest.mark.parametrize(
    ("use", "found"),
    [
        ("require_data(DATA)", []),
        ('require_data(DATA / "x").read_bytes()', []),
        ("DATA.exists()", ["DATA in line 2"]),
        ('open(DATA / "x")', ["DATA in line 2"]),
    ],
)
def test_unrequired_when_a_module_asks_nobody_then_it_is_found(use: str, found: list[str]) -> None:
    """The yardstick itself."""
    assert found == unrequired(f"from integration_tests.contract import DATA, require_data\n{use}\n")
