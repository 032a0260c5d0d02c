"""Runs pip, and draws a bar on stderr while it works, where that is a terminal.

    python3 integration_tests/support/install.py constraints.txt .venv/bin/python -m pip install -c constraints.txt …

Needs nothing but Python itself, for it builds the environment of everything else. Elsewhere than in a terminal it says
nothing, unless pip fails.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

COLLECTING = re.compile(r"Collecting ([A-Za-z0-9._-]+)")
INSTALLING = "Installing collected packages"

LONGEST_NAME = 24
WIDTH = 30

COLLECTED = 0.8
"""Share of the bar, and about of the time, until all packages are there and none is installed."""


class Bar:
    """A bar on stderr, or nothing where that is no terminal; `total` is the number of packages."""

    def __init__(self, total: int) -> None:
        self._total = max(total, 1)
        self._collected = 0
        self._is_shown = sys.stderr.isatty()

    def note(self, line: str) -> None:
        """Look at a line of pip's output."""
        if line.startswith(INSTALLING):
            self._draw(COLLECTED, "installing")
        elif (match := COLLECTING.match(line)) is not None:
            self._collected += 1
            self._draw(COLLECTED * min(self._collected / self._total, 1.0), match[1][:LONGEST_NAME])

    def clear(self) -> None:
        """Take the bar away."""
        if self._is_shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def _draw(self, share: float, text: str) -> None:
        if not self._is_shown:
            return
        full = round(WIDTH * share)
        line = f"Building the environment [{'#' * full}{'.' * (WIDTH - full)}] {text}"
        sys.stderr.write(f"\r\x1b[K{line[: shutil.get_terminal_size().columns - 1]}")
        sys.stderr.flush()


def count_packages(constraints: Path) -> int:
    """Count the packages that have a version in the file."""
    return sum("==" in line for line in constraints.read_text(encoding="utf-8").splitlines())


def main(constraints: str, *command: str) -> int:
    """Run the command; return its exit code."""
    bar, said = Bar(count_packages(Path(constraints))), []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip:
        assert pip.stdout is not None
        for line in pip.stdout:
            said.append(line)
            bar.note(line.strip())
    bar.clear()
    if pip.returncode:
        sys.stderr.writelines(said)
    return pip.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
