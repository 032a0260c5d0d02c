"""The shape of the code, held by a few lines of `ast`."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "destination-intercom"
PACKAGES = ("destination_intercom", "intercom_emulator")
CONNECTOR = sorted((SOURCE / "destination_intercom").glob("**/*.py"))
EMULATOR = sorted((SOURCE / "intercom_emulator").glob("**/*.py"))

TOP, GROUND = "top", "ground"
ON_THE_GROUND = {
    "bounded",
    "clock",
    "company_fields",
    "deep_json",
    "digests",
    "errors",
    "identity",
    "models",
    "outcomes",
    "own_version",
    "paths",
    "payloads",
    "standard_fields",
    "properties",
    "template_filters",
    "template_syntax",
    "template_times",
    "template_values",
    "templates",
    "values",
}
FLOORS = (
    {TOP},
    {"companies", "contacts", "events", "rejects"},
    {"attributes"},
    {"delivery"},
    {"configuration"},
    {"airbyte", "intercom"},
    {GROUND},
)
"""The wings, from the top down. An import goes to a lower floor or stays in its wing."""


PURE = [
    "airbyte.records",
    "airbyte.schemas",
    "attributes.attributes",
    "attributes.rules",
    "attributes.values",
    "company_fields",
    "configuration.config",
    "configuration.filters",
    "configuration.plan",
    "contacts.diff",
    "contacts.known",
    "contacts.mapping",
    "contacts.matching",
    "delivery.ledger",
    "digests",
    "errors",
    "events.mapping",
    "identity",
    "intercom.calls",
    "intercom.classify",
    "outcomes",
    "own_version",
    "paths",
    "standard_fields",
    "properties",
    "template_filters",
    "template_syntax",
    "template_times",
    "template_values",
    "templates",
    "values",
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
    "requests": {"intercom.client"},
    "urllib3": {"intercom.client"},
    "tenacity": {"delivery.retry"},
    "boto3": {"rejects.s3"},
    "botocore": {"rejects.s3"},
    "airbyte_cdk": {"cdk"},
    "jinja2": {"template_filters", "template_syntax", "template_values", "templates"},
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


def _module(path: Path) -> str:
    """Name a module of the connector as it is known within the package."""
    return ".".join(path.relative_to(SOURCE / PACKAGES[0]).with_suffix("").parts)


MODULES = {_module(path): path for path in CONNECTOR}


def _own_imports(path: Path) -> Iterator[str]:
    """Give the modules of the connector that a file imports."""
    for name in _imports(path):
        parts = name.split(".")
        if parts[0] == PACKAGES[0]:
            known = [".".join(parts[1:end]) for end in range(len(parts), 1, -1)]
            yield next((module for module in known if module in MODULES), "__init__")


def _wing(module: str) -> str:
    if "." in module:
        return module.split(".", maxsplit=1)[0]
    return GROUND if module in ON_THE_GROUND else TOP


def _floor(wing: str) -> int:
    return next(number for number, wings in enumerate(FLOORS) if wing in wings)


def _picture(wrong: list[str]) -> str:
    floors = "\n".join("   ".join(sorted(wings)) for wings in FLOORS)
    return "An import goes down, or stays in its wing:\n\n" + floors + "\n\nnot so:\n" + "\n".join(wrong)


def test_sources_when_looked_for_then_they_are_found() -> None:
    """Without files the tests below could not fail."""
    assert {"intercom.client", "delivery.ledger", "run"} <= MODULES.keys()
    assert EMULATOR


def test_wings_when_listed_then_they_are_the_folders() -> None:
    """A folder that no floor names would be free to import anything."""
    folders = {path.parent.name for path in CONNECTOR if path.parent.name != PACKAGES[0]}
    assert folders | {TOP, GROUND} == set().union(*FLOORS)
    assert {module for module in MODULES if module in ON_THE_GROUND} == ON_THE_GROUND


def test_module_when_it_imports_then_downwards_or_within_its_wing() -> None:
    """Whoever reads a wing needs to know only what lies below it."""
    wrong = [
        f"  {module} imports {other}"
        for module, path in MODULES.items()
        for other in _own_imports(path)
        if _wing(module) != _wing(other) and _floor(_wing(module)) >= _floor(_wing(other))
    ]
    assert [] == wrong, _picture(wrong)


@pytest.mark.parametrize("library", OWNERS)
def test_library_when_imported_then_only_by_its_owner(library: str) -> None:
    """One module owns it; the others know nothing of it."""
    assert OWNERS[library] == {module for module, path in MODULES.items() if library in _roots(path)}


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
        if name in seen or name == "__init__":
            continue
        seen.add(name)
        assert set() == IO & _roots(MODULES[name]), name
        reached += _own_imports(MODULES[name])


@pytest.mark.parametrize("module", PURE)
def test_pure_module_when_it_runs_then_it_neither_opens_nor_prints(module: str) -> None:
    """What needs no import is I/O all the same."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    calls = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert set() == calls & {"open", "print", "input", "exec", "eval", "__import__"}


def test_imports_when_they_are_io_then_they_are_real_modules() -> None:
    """A word misspelt in the list above would forbid nothing."""
    assert IO - sys.stdlib_module_names == {"requests", "urllib3"}
