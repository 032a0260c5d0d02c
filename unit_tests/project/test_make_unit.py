"""The inner loop, `make unit`: it knows the wings, which are those of the connector."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONNECTOR = ROOT / "destination-intercom" / "destination_intercom"
ALSO = {"top", "ground", "emulator", "project"}
"""What lies in no folder of the connector: its modules above and below the wings, the emulator, and the files around."""


def _wings() -> list[str]:
    return sorted({path.parent.name for path in (ROOT / "unit_tests").glob("*/test_*.py")})


def _make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Let make say what it would run, whatever an outer make was told."""
    outer = {"T", "MFLAGS", "MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES"}
    environment = {name: value for name, value in os.environ.items() if name not in outer}
    return subprocess.run(
        ["make", "--dry-run", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_wings_when_the_connector_has_one_then_its_unit_tests_lie_in_a_folder_of_its_name() -> None:
    """Whoever works on a wing runs its tests by its name."""
    folders = {path.parent.name for path in CONNECTOR.glob("*/*.py")}
    assert sorted(folders | ALSO) == _wings()


@pytest.mark.parametrize(
    ("told", "wrong"), [("contact", "contact"), ("nowhere/test_diff.py", "nowhere"), ("contacts nowhere", "nowhere")]
)
def test_make_unit_when_there_is_no_such_wing_then_it_names_those_that_there_are(told: str, wrong: str) -> None:
    """A slip of the pen is not answered with the whole suite, nor with silence."""
    done = _make("unit", f"T={told}")
    assert (2, "") == (done.returncode, done.stdout)
    assert f"There is no wing {wrong}. T is one of: {' '.join(_wings())}." in done.stderr


@pytest.mark.parametrize(
    ("told", "places"),
    [
        ([], "unit_tests -n auto --maxprocesses 8"),
        (["T=contacts"], "unit_tests/contacts"),
        (["T=contacts/test_diff.py"], "unit_tests/contacts/test_diff.py"),
        (["T=contacts events"], "unit_tests/contacts unit_tests/events"),
    ],
)
def test_make_unit_when_told_a_part_then_it_runs_no_other(told: list[str], places: str) -> None:
    """One wing, one file of it, several, or all."""
    done = _make("unit", *told)
    assert (0, f'.venv/bin/python -m pytest -q -m "not slow" {places}') == (
        done.returncode,
        done.stdout.splitlines()[-1],
    )


def test_make_test_when_it_runs_then_it_leaves_out_nothing_that_is_only_slow() -> None:
    """What the inner loop skips is run before a change is done."""
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    [options] = [line for line in settings.splitlines() if line.startswith("addopts = ")]
    assert "slow" not in options + _make("test").stdout


def test_make_when_it_makes_something_else_then_t_is_nobodys_business() -> None:
    """A variable of that name in the environment ends no other target."""
    assert _make("help", "T=nowhere").returncode == 0
