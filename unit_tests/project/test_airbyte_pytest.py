"""What lets Airbyte's own pytest, an older one than ours, run Airbyte's tests where only the connector is installed."""

import ast
import configparser
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "destination-intercom"
CONNECTOR = "destination_intercom"
IN_PYTEST_7 = {"addopts", "filterwarnings", "markers", "pythonpath", "testpaths"}
"""Settings that pytest 7.0 has, of those that a connector's tests could want."""


def _imports(path: Path) -> Iterator[str]:
    """Give the full name of every module that is imported, anywhere in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _files(module: str) -> list[Path]:
    """Find the files of ours that the import of `module` runs; none for what others made."""
    parts = module.split(".")
    places = [base.joinpath(*parts[:end]) for base in (ROOT, FOLDER) for end in range(1, len(parts) + 1)]
    files = [file for place in places for file in (place.with_suffix(".py"), place / "__init__.py")]
    return [file for file in files if file.is_file()]


def _walk(path: Path) -> tuple[set[Path], set[str]]:
    """Follow all imports from a file, but into the connector: the files of ours, and the packages of others."""
    seen: set[Path] = set()
    foreign: set[str] = set()
    reached = [path]
    while reached:
        file = reached.pop()
        if file in seen:
            continue
        seen.add(file)
        for module in _imports(file):
            root = module.split(".")[0]
            files = _files(module)
            if root != CONNECTOR:
                reached += files
            if not files and not (ROOT / root).is_dir():
                foreign.add(root)
    return seen, foreign - sys.stdlib_module_names


def _required() -> set[str]:
    """Read what the connector alone brings along, as names to import."""
    setup = ast.parse((ROOT / "setup.py").read_text(encoding="utf-8"))
    [needs] = [
        ast.literal_eval(node.value)
        for node in ast.walk(setup)
        if isinstance(node, ast.keyword) and node.arg == "install_requires"
    ]
    return {re.split(r"[^a-z0-9-]", need)[0].replace("-", "_") for need in needs}


def test_settings_when_an_older_pytest_reads_them_then_it_knows_each() -> None:
    """The file lies beside what Airbyte's tool runs, so that no other settings are read, and asks for nothing new."""
    settings = configparser.ConfigParser()
    settings.read_string((FOLDER / "pytest.ini").read_text(encoding="utf-8"))
    assert ["pytest"] == settings.sections()
    assert set() == set(settings["pytest"]) - IN_PYTEST_7
    assert "import-mode" not in settings["pytest"]["addopts"]


def test_conftest_when_it_imports_then_only_what_the_connector_brings() -> None:
    """Neither hypothesis nor any other library of our own tests is there."""
    files, foreign = _walk(FOLDER / "conftest.py")
    assert ROOT / "integration_tests" / "support" / "local_intercom.py" in files
    assert FOLDER / "intercom_emulator" / "__init__.py" in files
    assert {"requests", "orjson"} <= _required()
    assert set() == foreign - {"pytest"} - _required()


def test_make_when_it_runs_airbytes_tests_then_with_airbytes_pytest() -> None:
    """Our constraints name a newer pytest, which that environment must not get; nor does it get our tests' libraries."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    [rule] = re.findall(r"^\.venv-cdk/\.ready:.*\n((?:\t.*\n)+)", makefile, flags=re.MULTILINE)
    assert "sed '/^pytest/d' constraints.txt" in rule
    assert "'airbyte-cdk[dev]' -e .\n" in rule
    [target] = re.findall(r"^connector-test:.*\n((?:\t.*\n)+)", makefile, flags=re.MULTILINE)
    assert "\t@.venv-cdk/bin/airbyte-cdk connector test ./destination-intercom\n" == target
