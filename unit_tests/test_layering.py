"""The shape of the code, held by a few lines of `ast`."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "destination-intercom"
PACKAGES = ("destination_intercom", "intercom_emulator")
CONNECTOR = sorted((SOURCE / "destination_intercom").glob("**/*.py"))
EMULATOR = sorted((SOURCE / "intercom_emulator").glob("**/*.py"))

PURE = [
    "values",
    "filters",
    "schemas",
    "plan",
    "identities",
    "events",
    "contacts",
    "attributes",
    "outcomes",
    "classify",
    "ledger",
    "calls",
    "errors",
    "config",
]
IO = frozenset(
    [
        "asyncio",
        "builtins",
        "concurrent",
        "ctypes",
        "http",
        "io",
        "logging",
        "mmap",
        "multiprocessing",
        "os",
        "pathlib",
        "queue",
        "requests",
        "select",
        "selectors",
        "shutil",
        "signal",
        "socket",
        "ssl",
        "subprocess",
        "sys",
        "tempfile",
        "threading",
        "time",
        "urllib3",
    ]
)
OWNERS = {
    "threading": {"clock"},
    "time": {"clock"},
    "requests": {"client"},
    "urllib3": {"client"},
    "tenacity": {"retry"},
    "boto3": {"s3"},
    "botocore": {"s3"},
    "airbyte_cdk": {"cdk"},
    "signal": {"run"},
    "argparse": {"commands"},
}


def _imports(path: Path) -> Iterator[str]:
    """Give the full name of every module that is imported, anywhere in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _roots(path: Path) -> set[str]:
    return {name.split(".")[0] for name in _imports(path)}


def test_sources_when_looked_for_then_they_are_found() -> None:
    """Without files the tests below could not fail."""
    assert {"client", "ledger", "run"} <= {path.stem for path in CONNECTOR}
    assert EMULATOR


@pytest.mark.parametrize("library", OWNERS)
def test_library_when_imported_then_only_by_its_owner(library: str) -> None:
    """One module owns it; the others know nothing of it."""
    assert OWNERS[library] == {path.stem for path in CONNECTOR if library in _roots(path)}


@pytest.mark.parametrize(("files", "other"), [(CONNECTOR, PACKAGES[1]), (EMULATOR, PACKAGES[0])])
def test_package_when_it_imports_then_never_the_other(files: list[Path], other: str) -> None:
    """The emulator is an independent witness only if it shares nothing with the connector."""
    assert [] == [path.name for path in files if other in _roots(path)]


@pytest.mark.parametrize("module", PURE)
def test_pure_module_when_it_imports_then_no_io(module: str) -> None:
    """What decides has no eyes and hands of its own; nor has any module of ours that it imports."""
    seen: set[str] = set()
    reached = [module]
    while reached:
        name = reached.pop()
        if name in seen:
            continue
        seen.add(name)
        imports = list(_imports(SOURCE / "destination_intercom" / f"{name}.py"))
        assert set() == IO & {each.split(".")[0] for each in imports}, name
        for each in imports:
            parts = each.split(".")
            candidates = parts[1:3] if parts[0] == PACKAGES[0] else []
            reached += [part for part in candidates if (SOURCE / PACKAGES[0] / f"{part}.py").exists()]


@pytest.mark.parametrize("module", PURE)
def test_pure_module_when_it_runs_then_it_neither_opens_nor_prints(module: str) -> None:
    """What needs no import is I/O all the same."""
    tree = ast.parse((SOURCE / "destination_intercom" / f"{module}.py").read_text(encoding="utf-8"))
    calls = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert set() == calls & {"open", "print", "input", "exec", "eval", "__import__"}


@pytest.mark.parametrize("path", [*CONNECTOR, *EMULATOR], ids=lambda path: f"{path.parent.name}/{path.name}")
def test_module_when_it_grows_then_not_beyond_400_lines(path: Path) -> None:
    """A module knows one thing."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_imports_when_they_are_io_then_they_are_real_modules() -> None:
    """A word misspelt in the list above would forbid nothing."""
    assert IO - sys.stdlib_module_names == {"requests", "urllib3"}
