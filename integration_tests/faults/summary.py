"""Prints the matrix of faults with its results at the end of a run, with pytest-xdist, too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

ACROSS = 118
"""Columns of a terminal."""

FAILED = "!"
NOT_RUN = "·"


class Terminal(Protocol):
    """What is needed of pytest's reporter."""

    @property
    def stats(self) -> Mapping[str, list[Any]]: ...

    def write_sep(self, sep: str, title: str) -> None: ...

    def write_line(self, line: str) -> None: ...


def pytest_terminal_summary(terminalreporter: Terminal) -> None:
    """Print one row for each fault and one letter for each schedule; what failed is a `!`."""
    cells = read_cells(each for kind in ("passed", "failed") for each in terminalreporter.stats.get(kind, []))
    if not cells:
        return
    total, failed = len(cells), sum(letter == FAILED for letter in cells.values())
    terminalreporter.write_sep("=", f"fault matrix: {total} cells, {failed} failed")
    for line in draw(cells):
        terminalreporter.write_line(line)
    terminalreporter.write_line(
        "once, every fifth call, a long outage, for ever; D delivered, T one transient error, R rejected,"
        " U undeliverable, L uncertain, F check failed"
    )


def read_cells(reports: Iterable[Any]) -> dict[tuple[str, str, str], str]:
    """Read from pytest's reports how each cell (endpoint, fault, schedule) ended, in the order of the table."""
    seen = []
    for report in reports:
        cell = dict(getattr(report, "user_properties", ())).get("cell")
        if cell is not None and report.when == "call":
            place, endpoint, fault, schedule, letter = cell
            seen.append((place, (endpoint, fault, schedule), letter if report.outcome == "passed" else FAILED))
    return {names: letter for _, names, letter in sorted(seen)}


def draw(cells: Mapping[tuple[str, str, str], str]) -> list[str]:
    """Draw tables of as many endpoints as fit across; everything is in the order in which it comes first."""
    endpoints, faults, schedules = (list(dict.fromkeys(cell[part] for cell in cells)) for part in range(3))
    lines: list[str] = []
    margin = max(len(fault) for fault in faults) + 1
    while endpoints:
        shown: list[str] = []
        while endpoints and margin + sum(len(each) + 1 for each in (*shown, endpoints[0])) <= ACROSS:
            shown.append(endpoints.pop(0))
        lines += ["", f"{'':{margin}}{' '.join(shown)}"]
        for fault in faults:
            letters = ["".join(cells.get((each, fault, kind), NOT_RUN) for kind in schedules) for each in shown]
            padded = " ".join(text.ljust(len(each)) for each, text in zip(shown, letters, strict=True))
            if set(padded) - {NOT_RUN, " "}:
                lines.append(f"{fault:{margin}}{padded}".rstrip())
    return lines
