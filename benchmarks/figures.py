"""What is measured, and what it is written as: parts of rows, each a figure with its spread, as JSON and as Markdown.

Owns the shape of `benchmarks/results/results.json` and all that is written from it. It measures nothing, and needs
nothing but Python itself.

A row has the shape of Redpanda's benchmark pages: environment, data, configuration, observation. An observation is the
median of all runs, with the least and the most of them. A ratio is made of two figures of the same run.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.connector import show
from benchmarks.scale import FULL, QUICK, Scale

Values: TypeAlias = Mapping[str, float]
"""What one run of a part found, by the keys of its rows."""

UNITS: Final = {"ratio": "×", "share": "%", "count": "", "ms": " ms", "MiB": " MiB", "seconds": " s"}
"""How each unit is written. A share is kept as a number from 0 to 1."""

NOTHING_YET: Final = "No figures yet: `make bench` writes them."
HEADS: Final = ("Environment", "Data", "Configuration", "Observation")


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: `key` in a run's values, what it was measured on, and `what` it says, after the number.

    `context` is the key, the unit and the name of a second figure that helps to read the first one.
    """

    key: str
    unit: str
    what: str
    data: str
    configuration: str
    environment: str
    context: tuple[str, str, str] | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What one run of a part found; `series` are the points of a plot over time, by their names."""

    values: Values
    series: Mapping[str, Sequence[Sequence[float]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """All that is measured together, and how.

    `name` is its key; `make_rows` says what the rows are at a scale, and `measure` makes one run: the same for all
    contestants, in turn. It gets the number of the run. `plots` are drawn by `plots.py`.
    """

    name: str
    title: str
    make_rows: Callable[[Scale], Sequence[Row]]
    measure: Callable[[Scale, int], Found]
    plots: Sequence[str] = ()


def describe_part(part: Part, scale: Scale, runs: Sequence[Found]) -> dict[str, Any]:
    """Make the JSON of a part; its series are those of the last run.

    Raises:
        LookupError: a run lacks a figure that a row names, or there is none.
    """
    rows = []
    for row in part.make_rows(scale):
        document = asdict(row) | {"values": [run.values[row.key] for run in runs], "context": None}
        if row.context is not None:
            key, unit, what = row.context
            document["context"] = {"unit": unit, "what": what, "values": [run.values[key] for run in runs]}
        rows.append(document)
    series = {name: [list(point) for point in points] for name, points in runs[-1].series.items()}
    return {"name": part.name, "title": part.title, "rows": rows, "series": series, "plots": list(part.plots)}


def write_number(value: float, unit: str) -> str:
    """Write a number with three digits that tell something, and its unit; a count is written whole."""
    if unit == "share":
        value *= 100
    if unit == "count" and value == int(value):
        text = f"{value:,.0f}"
    elif unit == "share":
        text = f"{value:.1f}"
    else:
        text = f"{value:,.{0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2}f}"
    return f"{text}{UNITS[unit]}"


def write_spread(values: Sequence[float], unit: str) -> str:
    """Write the median of all runs, and in brackets the least and the most where they look different."""
    middle, least, most = (
        write_number(value, unit) for value in (statistics.median_low(values), min(values), max(values))
    )
    return middle if least == most else f"{middle} ({least} to {most})"


def write_observation(row: Mapping[str, Any]) -> str:
    """Write what a row of the JSON says."""
    figure = write_spread(row["values"], row["unit"])
    head, _, spread = figure.partition(" (")
    text = f"**{head}**{f' ({spread}' if spread else ''} {row['what']}"
    if row["context"] is not None:
        context = row["context"]
        text += f"; {write_spread(context['values'], context['unit'])} {context['what']}".rstrip()
    return text


def write_table(part: Mapping[str, Any]) -> str:
    """Write the rows of a part as a Markdown table."""
    lines = [f"| {' | '.join(HEADS)} |", "|" + "---|" * len(HEADS)]
    for row in part["rows"]:
        cells = [row["environment"], row["data"], row["configuration"], write_observation(row)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def write_machine(results: Mapping[str, Any]) -> str:
    """Write on what machine, with which versions and at which commit all was measured."""
    machine = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    dirty = " with changes" if machine["changed"] else ""
    return (
        f"{machine['cores']} cores ({machine['processor']}), {machine['system']}, Python {machine['python']};"
        f" {versions}; commit {machine['commit']}{dirty}. {results['runs']} runs, begun {machine['begun']}, in"
        f" {results['minutes']:.0f} minutes; load {machine['load_before']:.1f} before."
    )


def write_results(results: Mapping[str, Any] | None) -> str:
    """Write the page of all results."""
    if results is None:
        return f"# Results\n\n{NOTHING_YET}\n"
    pieces = [
        "# Results",
        "Written by `make bench`; `docs/performance.md` says what limits each figure, and why.",
        "Each figure is the median of all runs, with the least and the most in brackets.",
        write_machine(results),
    ]
    if results["quick"]:
        pieces.append("**Made with `--quick`: far too little was measured to say anything.**")
    for part in results["parts"]:
        pieces += [f"## {part['title']}", write_table(part)]
        pieces += [f"![{part['title']}]({name})" for name in part["plots"]]
    return "\n\n".join(pieces) + "\n"


def write_block(name: str, results: Mapping[str, Any] | None) -> str:
    """Write what stands between the marks of a part in a page; `machine` is all that was measured on."""
    if results is None:
        return NOTHING_YET
    if name == "machine":
        return write_machine(results)
    [part] = [part for part in results["parts"] if part["name"] == name]
    plots = [f"![{part['title']}](../benchmarks/results/{plot})" for plot in part["plots"]]
    return "\n\n".join([write_table(part), *plots])


_BLOCK: Final = re.compile(r"(?<=<!-- figures: )([a-z-]+)( -->\n).*?(?=\n<!-- end of figures -->)", re.DOTALL)


def fill_page(page: str, results: Mapping[str, Any] | None) -> str:
    """Write the figures between the marks of a page, whatever stood there.

    Raises:
        ValueError: the page names a part that was not measured.
    """
    return _BLOCK.sub(lambda match: f"{match[1]}{match[2]}{write_block(match[1], results)}", page)


def blocks_of(page: str) -> list[str]:
    """Tell the parts that a page has marks for."""
    return [match[1] for match in _BLOCK.finditer(page)]


def show_rows(rows: Sequence[Row], found: Found) -> list[list[object]]:
    """Make the table of one run for a terminal: see `connector.show`."""
    table: list[list[object]] = [["environment", "data", "configuration", "observation"]]
    for row in rows:
        figure = f"{write_number(found.values[row.key], row.unit)} {row.what}"
        if row.context is not None:
            key, unit, what = row.context
            figure += f"; {write_number(found.values[key], unit)} {what}"
        table.append([row.environment, row.data, row.configuration, figure])
    return table


def measure_once(part: Part) -> None:
    """Measure a part by itself, and print what was found: the command line of its script."""
    parser = argparse.ArgumentParser(description=f"Measure once: {part.title}.")
    parser.add_argument("--quick", action="store_true", help="only see that it works")
    scale = QUICK if parser.parse_args().quick else FULL
    show(part.title, show_rows(part.make_rows(scale), part.measure(scale, 0)))
