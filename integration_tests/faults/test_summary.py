"""The matrix at the end of a run: what it shows of pytest's reports, in whatever order they come."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from integration_tests.faults.summary import pytest_terminal_summary


@dataclass
class Report:
    """What is needed of a report of pytest's."""

    user_properties: list[tuple[str, Any]]
    outcome: str = "passed"
    when: str = "call"


@dataclass
class Screen:
    """A terminal that keeps what is written."""

    stats: dict[str, list[Any]]
    lines: list[str] = field(default_factory=list)

    def write_sep(self, sep: str, title: str) -> None:
        self.lines.append(f"{sep} {title}")

    def write_line(self, line: str) -> None:
        self.lines.append(line)


def cell(place: int, endpoint: str, fault: str, kind: str, **more: str) -> Report:
    """The report of a cell that should end as D."""
    return Report([("cell", [place, endpoint, fault, kind, "D"])], **more)


def test_summary_when_reports_come_in_any_order_is_drawn_in_that_of_the_table() -> None:
    """A letter for each schedule; what failed is marked, and so is what did not run."""
    failed = cell(1, "event", "reset", "ever", outcome="failed")
    passed = [cell(3, "get", "stall", "once"), cell(2, "get", "reset", "once"), cell(0, "event", "reset", "once")]
    screen = Screen({"passed": [*passed, Report([])], "failed": [failed]})
    pytest_terminal_summary(screen)
    assert [
        "= fault matrix: 4 cells, 1 failed",
        "",
        "      event get",
        "reset D!    D·",
        "stall ··    D·",
    ] == screen.lines[:-1]


def test_summary_when_no_cell_ran_says_nothing() -> None:
    """Most runs are of other tests."""
    screen = Screen({"passed": [Report([]), Report([("other", 1)])]})
    pytest_terminal_summary(screen)
    assert [] == screen.lines
