"""The bar that is drawn while the environment is built, and what is said where there is no terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "integration_tests" / "support" / "install.py"
PIP = r"""
import sys
print("Obtaining file:///somewhere")
for name in ("pydantic<3", "orjson", "requests"):
    print(f"Collecting {name}")
    print("  Using cached something.whl")
print("Installing collected packages: orjson, pydantic, requests")
sys.exit(int(sys.argv[1]))
"""


def command(tmp_path: Path, code: int) -> list[str]:
    """A command whose output is pip's, and that ends with `code`."""
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("# exact versions\norjson==3\npydantic==2\nrequests==2\nunused==1\n")
    return [sys.executable, str(SCRIPT), str(constraints), sys.executable, "-c", PIP, str(code)]


def read_terminal(arguments: list[str]) -> tuple[int, str]:
    """Run a command whose stderr is a terminal; return its exit code and what it wrote there."""
    reader, writer = pty.openpty()
    with subprocess.Popen(arguments, stderr=writer, stdout=subprocess.DEVNULL) as process:
        os.close(writer)
        written = b""
        try:
            while piece := os.read(reader, 4096):
                written += piece
        except OSError:  # how Linux says that nobody writes to a terminal any more
            pass
        finally:
            os.close(reader)
    return process.returncode, written.decode()


def test_bar_when_stderr_is_a_terminal_grows_with_each_package_and_is_taken_away(tmp_path: Path) -> None:
    """It names the package, and is no longer there at the end."""
    code, written = read_terminal(command(tmp_path, 0))
    frames = [frame for frame in written.split("\r\x1b[K") if frame]
    assert 0 == code
    assert ["pydantic", "orjson", "requests", "installing"] == [frame.rpartition("] ")[2] for frame in frames]
    assert [6, 12, 18, 24] == [frame.count("#") for frame in frames]
    assert written.endswith("\r\x1b[K")


@pytest.mark.parametrize("code", [0, 1])
def test_bar_when_stderr_is_no_terminal_is_never_drawn(tmp_path: Path, code: int) -> None:
    """Then pip is heard of only if it fails."""
    done = subprocess.run(command(tmp_path, code), capture_output=True, text=True, check=False)
    assert code == done.returncode
    assert "" == done.stdout
    assert "#" not in done.stderr
    assert bool(code) == ("Collecting orjson" in done.stderr)


def test_environment_of_the_tests_is_built_behind_the_bar() -> None:
    """By the one recipe that all targets share."""
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\n.venv/.ready:")[2].partition("\n\n")[0]
    assert str(SCRIPT.relative_to(ROOT)) in recipe
