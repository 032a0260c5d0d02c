"""What the benchmarks write of what they measured, and that the pages say what the results say."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import contacts, events, figures, plots, quota, run, same_people, together
from benchmarks.connector import EPOCH, REQUESTS, Account
from benchmarks.figures import Found, Part, Row
from benchmarks.scale import FULL, QUICK, Scale
from benchmarks.server import Service, Settings

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
RESULTS = run.RESULTS / "results.json"

ROW = Row("speed", "ratio", "the speed of a loop", "9 events", "the connector", "80 ms", ("rate", "count", "a second"))
MACHINE: dict[str, Any] = {
    "cores": 2,
    "processor": "a processor",
    "system": "Linux 6",
    "python": "3.11.7",
    "versions": {"requests": "2.32.5", "dlt": "1.31.0"},
    "commit": "0123456789ab",
    "changed": False,
    "begun": "2026-12-01 12:00 UTC",
    "load_before": 0.04,
}


def make_part(name: str = "events", *, log: list[tuple[str, int]] | None = None, plots: Sequence[str] = ()) -> Part:
    """A part whose run number n is n + 1 times as fast, and that notes its runs."""

    def measure(_scale: Scale, turn: int) -> Found:
        if log is not None:
            log.append((name, turn))
        return Found({"speed": 10.0 * (turn + 1), "rate": 468.0}, {"line": [[0, turn]]})

    return Part(name, f"The part {name}", lambda scale: [ROW], measure, plots)


def make_results(*parts: Part, runs: int = 3, scale: Scale = FULL) -> dict[str, Any]:
    """The results of some runs."""
    kept: dict[str, list[Found]] = {}
    run.measure_all(parts, scale, runs=runs, keep=lambda _, found: kept.update(found))
    return run.collect(parts, scale, found=kept, facts={"machine": MACHINE, "runs": runs, "minutes": 19.6})


def test_parts_when_measured_then_in_turn_in_each_run() -> None:
    """What else the machine does meets all of them: A B A B A B."""
    log: list[tuple[str, int]] = []
    make_results(make_part("a", log=log), make_part("b", log=log))
    assert [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2), ("b", 2)] == log


def test_results_when_a_later_run_fails_then_the_earlier_ones_are_kept() -> None:
    """Twenty minutes are not lost."""
    kept: list[tuple[int, int]] = []

    def measure(_scale: Scale, turn: int) -> Found:
        if turn == 2:
            raise ZeroDivisionError
        return Found({"speed": 1.0})

    part = replace(make_part(), measure=measure)
    with pytest.raises(ZeroDivisionError):
        run.measure_all([part], FULL, runs=3, keep=lambda runs, found: kept.append((runs, len(found["events"]))))
    assert [(1, 1), (2, 2)] == kept


def test_part_when_described_then_has_each_runs_figure_and_the_last_runs_lines() -> None:
    """The JSON holds what a plot or a page needs, and nothing has been rounded."""
    [part] = make_results(make_part(plots=["events.svg"]))["parts"]
    [row] = part["rows"]
    assert [10.0, 20.0, 30.0] == row["values"]
    assert {"unit": "count", "what": "a second", "values": [468.0] * 3} == row["context"]
    assert {"line": [[0, 2]]} == part["series"]
    assert ["events.svg"] == part["plots"]


def test_part_when_a_run_lacks_a_figure_then_is_refused() -> None:
    """A row without a figure never reaches a page."""
    part = replace(make_part(), measure=lambda _scale, _turn: Found({"rate": 1.0}))
    with pytest.raises(KeyError):
        make_results(part)


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (285.7142, "ratio", "286×"),
        (38.25, "ratio", "38.2×"),
        (1.0, "ratio", "1.00×"),
        (0.9957, "share", "99.6%"),
        (0.0, "share", "0.0%"),
        (10_067.0, "count", "10,067"),
        (0.0, "count", "0"),
        (12.04, "count", "12.0"),
        (79.6, "MiB", "79.6 MiB"),
        (3.54, "ms", "3.54 ms"),
        (11.04, "seconds", "11.0 s"),
    ],
)
def test_number_when_written_then_has_three_digits_and_its_unit(value: float, unit: str, expected: str) -> None:
    """No figure looks more exact than it is, and a count is whole."""
    assert expected == figures.write_number(value, unit)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([20.0, 10.0, 30.0], "20.0× (10.0× to 30.0×)"),
        ([1.0, 1.0, 1.0], "1.00×"),
        ([1.001, 1.002, 1.003], "1.00×"),
        ([2.0, 1.0], "1.00× (1.00× to 2.00×)"),
    ],
)
def test_spread_when_written_then_is_the_median_the_least_and_the_most(values: list[float], expected: str) -> None:
    """Where all look alike, one is enough; the median is one that was measured."""
    assert expected == figures.write_spread(values, "ratio")


def test_table_when_written_then_each_row_has_environment_data_configuration_and_observation() -> None:
    """The shape of Redpanda's pages."""
    [part] = make_results(make_part())["parts"]
    assert [
        "| Environment | Data | Configuration | Observation |",
        "|---|---|---|---|",
        "| 80 ms | 9 events | the connector | **20.0×** (10.0× to 30.0×) the speed of a loop; 468 a second |",
    ] == figures.write_table(part).splitlines()


def test_page_of_results_when_written_then_says_what_was_measured_on_what() -> None:
    """Cores, Python, versions, commit, and how busy the machine was."""
    page = figures.write_results(make_results(make_part(plots=["events.svg"])))
    expected = (
        "2 cores (a processor), Linux 6, Python 3.11.7; requests 2.32.5, dlt 1.31.0; commit 0123456789ab."
        " 3 runs, begun 2026-12-01 12:00 UTC, in 20 minutes; load 0.0 before."
    )
    assert expected in page.splitlines()
    assert "## The part events" in page.splitlines()
    assert "![The part events](events.svg)" in page.splitlines()
    assert "--quick" not in page


def test_page_of_results_when_too_little_was_measured_then_says_so() -> None:
    """A trial is no measurement."""
    assert "**Made with `--quick`" in figures.write_results(make_results(make_part(), scale=QUICK))


def test_page_when_filled_then_only_what_is_between_the_marks_changes() -> None:
    """Prose is written by people, figures by the benchmark; and filling in twice changes nothing."""
    page = "Before.\n\n<!-- figures: events -->\nold\n\nolder\n<!-- end of figures -->\n\nAfter.\n"
    results = make_results(make_part(plots=["events.svg"]))
    filled = figures.fill_page(page, results)
    [part] = results["parts"]
    inside = f"{figures.write_table(part)}\n\n![The part events](../benchmarks/results/events.svg)"
    expected = f"Before.\n\n<!-- figures: events -->\n{inside}\n<!-- end of figures -->\n\nAfter.\n"
    assert expected == filled
    assert expected == figures.fill_page(filled, results)
    assert "\nold\n" not in figures.fill_page(page, None)


def test_page_when_it_shows_what_was_not_measured_then_it_is_refused(tmp_path: Path) -> None:
    """A part that has gone, or another name for one, is noticed."""
    page = tmp_path / "page.md"
    page.write_text("<!-- figures: gone -->\n\n<!-- end of figures -->\n")
    with pytest.raises(SystemExit, match="gone"):
        run.fill_pages(make_results(make_part()), page)


def test_arguments_when_all_is_measured_then_it_goes_to_the_repository_else_aside() -> None:
    """A trial never overwrites the results."""
    whole = run.parse_arguments([])
    assert (run.RESULTS, True, 3) == (whole.output, whole.whole, whole.runs)
    for partly in (["--quick"], ["--only", "quota"], ["--quick", "--only", "events", "cpu"]):
        assert (run.ASIDE, False) == (run.parse_arguments(partly).output, run.parse_arguments(partly).whole)


@pytest.mark.parametrize("part", run.PARTS, ids=lambda part: part.name)
@pytest.mark.parametrize("scale", [FULL, QUICK], ids=["full", "quick"])
def test_rows_when_made_then_each_has_a_key_of_its_own_and_a_unit(part: Part, scale: Scale) -> None:
    """At either scale, and no cell breaks the table."""
    rows = part.make_rows(scale)
    assert rows
    assert len(rows) == len({row.key for row in rows})
    units = {row.unit for row in rows} | {row.context[1] for row in rows if row.context is not None}
    assert units <= figures.UNITS.keys()
    cells = [cell for row in rows for cell in (row.environment, row.data, row.configuration, row.what)]
    assert [] == [cell for cell in cells if "|" in cell or "\n" in cell or not cell]


def test_plots_when_a_part_names_them_then_each_is_drawn_by_somebody() -> None:
    """And nobody draws what no part has."""
    assert sorted(plots.PLOTS) == sorted(name for part in run.PARTS for name in part.plots)


def test_performance_page_when_read_then_shows_every_part_and_the_machine() -> None:
    """A new part is explained, or this fails."""
    assert sorted(["machine", *(part.name for part in run.PARTS)]) == sorted(figures.blocks_of(PAGE))


def test_performance_page_when_there_are_results_then_its_figures_are_theirs() -> None:
    """`python benchmarks/run.py --render` writes them again."""
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else None
    assert figures.fill_page(PAGE, results) == PAGE
    assert figures.write_results(results) == (run.RESULTS / "README.md").read_text(encoding="utf-8")
    if results is not None:
        assert not results["quick"]
        assert results["runs"] >= 3
        drawn = {name for part in results["parts"] for name in part["plots"]}
        assert drawn == {path.name for path in run.RESULTS.glob("*.svg")}


def test_performance_page_when_it_says_how_to_read_it_then_no_figure_stands_in_the_prose() -> None:
    """Ratios and shares are the results' alone; what a promise or a fact is, is one elsewhere."""
    prose = re.sub(r"<!-- figures: .*?<!-- end of figures -->", "", PAGE, flags=re.DOTALL)
    assert {"20%"} == set(re.findall(r"\d[\d.,]*(?:×|%)", prose))


@pytest.mark.parametrize(
    ("milliseconds", "expected"),
    [(0, 1_200), (80, 25), (300, 12)],
)
def test_loop_when_a_call_takes_long_then_makes_fewer(milliseconds: int, expected: int) -> None:
    """It is busy for some two seconds, but makes no less than twelve."""
    assert expected == events.choose_count(REQUESTS, milliseconds, FULL)


def make_account(*windows: tuple[float, int, int, int], answered: dict[int, float], refused: int = 0) -> Account:
    """What a server counted: windows as (begins, granted, other, other refused)."""
    made = [
        {"begins": begins, "granted": granted, "refused": refused, "other": other, "other_refused": other_refused}
        for begins, granted, other, other_refused in windows
    ]
    moments = sorted(answered.values())
    return Account(made, {}, moments[0], moments[-1], answered)


def test_quota_when_summed_up_then_only_windows_that_were_full_count() -> None:
    """The first and the last are met in their middle."""
    account = make_account(
        (0.0, 50, 9, 0), (10.0, 69, 30, 1), (20.0, 67, 30, 0), (30.0, 5, 9, 0), answered={1: 5.0, 2: 31.0}
    )
    case = quota.Case("x", 0.08, 100, beside=True)
    expected = {"x.used": 0.98, "x.refused": 0, "x.other": 0.3, "x.other_refused": 1}
    assert expected == pytest.approx(quota.sum_up(case, account))


def test_quota_when_no_window_was_full_then_there_is_no_figure() -> None:
    """A share of nothing is none."""
    account = make_account((0.0, 50, 0, 0), answered={1: 5.0, 2: 9.0})
    with pytest.raises(SystemExit, match="no window was full"):
        quota.sum_up(quota.Case("x", 0.08, 100), account)


FASTER = [-1.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 31.0]


@pytest.mark.parametrize(
    ("slower", "used", "fairness"),
    [([2.0, 11.0, 15.0, 19.0, 21.0], 9 / 10, 5 / 6), ([2.0, 11.0, 15.0, 19.0], 11 / 30, 4 / 6)],
    ids=["all", "any"],
)
def test_together_when_summed_up_then_windows_count_that_all_were_sending_in_or_else_any(
    slower: list[float], used: float, fairness: float
) -> None:
    """The window from 10 to 20; where the slower has ended before it was over, all three of the faster."""
    answered = {EPOCH + number: moment for number, moment in enumerate(FASTER)}
    answered |= {EPOCH + together.APART + number: moment for number, moment in enumerate(slower)}
    windows = ((0.0, 1, 0, 0), (10.0, 9, 0, 0), (20.0, 1, 0, 0), (30.0, 1, 0, 0))
    account = make_account(*windows, answered=answered, refused=1)
    found = together.sum_up(together.Case("x", 2, apps=False), replace(FULL, limit=10), account)
    expected = {"x.used": used, "x.refused": 4 / 16, "x.refused.count": 4, "x.fairness": fairness}
    assert expected == pytest.approx(found)


@pytest.mark.parametrize(
    ("case", "allowed"),
    [
        (together.Case("x", 4, apps=False), 1_666),
        (together.Case("x", 2, apps=True), 3_332),
        (together.Case("x", 4, apps=True), 4_166),
    ],
)
def test_together_when_there_are_several_apps_then_the_workspace_is_the_limit(
    case: together.Case, allowed: int
) -> None:
    """One token is one allowance."""
    assert allowed == case.allowed(FULL)


@pytest.mark.parametrize("told", [True, False])
def test_server_when_apps_share_a_workspace_then_it_refuses_what_is_beyond_both_limits(told: bool) -> None:
    """An app may make three calls, and all of them four; the headers tell of the workspace, or do not."""
    service = Service(Settings(limit=3, workspace=4, tells_workspace=told), now=lambda: 1.0, ahead=0.0)
    taken = [service.take(app)[::2] for app in (b"a", b"a", b"b", b"a", b"b")]
    expected = [(True, 2), (True, 1), (True, 1 if told else 2), (True, 0), (False, 0 if told else 2)]
    assert expected == taken


def test_server_when_apps_have_no_workspace_then_each_has_its_own_windows() -> None:
    """One that has spent all of its own takes nothing of another's."""
    service = Service(Settings(limit=1), now=lambda: 1.0, ahead=0.0)
    assert [True, False, True] == [service.take(app)[0] for app in (b"a", b"a", b"b")]


def test_contacts_when_counted_then_each_row_has_a_count() -> None:
    """What is counted and what is shown are made in two places."""
    counts = set(contacts.make_counts(FULL.people, 0))
    assert counts == {row.key for row in contacts.make_rows(FULL)}


def test_halves_when_people_are_shared_out_then_every_digit_is_in_one_of_them() -> None:
    """Nobody falls between them, and nobody is in both."""
    assert sorted("0123456789") == sorted("".join(same_people.HALVES))
