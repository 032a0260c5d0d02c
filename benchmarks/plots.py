"""Draws the plots of results.json as SVG, with matplotlib.

    .venv-bench/bin/python benchmarks/plots.py results.json FOLDER

matplotlib is in `.venv-bench` only, and imported only to draw: the tests read the names of the plots. Every figure is
drawn with its spread. The same results give the same files.
"""

from __future__ import annotations

import json
import statistics
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

WIDTH: Final = 8.0
COLOURS: Final = ("#1f6feb", "#8b949e", "#d29922", "#8957e5", "#2ea043")
REFUSED: Final = "#cf222e"
Rows = dict[str, dict[str, Any]]


def rows_of(part: dict[str, Any]) -> Rows:
    """Tell the rows of a part by their keys."""
    return {row["key"]: row for row in part["rows"]}


def spread_of(values: Sequence[float]) -> tuple[float, float, float]:
    """Tell the median, and how far the least and the most are from it."""
    middle = statistics.median_low(values)
    return middle, middle - min(values), max(values) - middle


def _bars(
    axes: Any,
    groups: Sequence[str],
    named: Mapping[str, Sequence[Sequence[float]]],
    *,
    unit: str = "",
    size: float = 7.0,
) -> None:
    """Draw a bar with its number and its spread for each name in each group, but for those without values."""
    width = 0.8 / len(named)
    for place, (name, columns) in enumerate(named.items()):
        shown = [(group, spread_of(values)) for group, values in enumerate(columns) if values]
        at = [group - 0.4 + width * (place + 0.5) for group, _ in shown]
        heights = [middle for _, (middle, _, _) in shown]
        errors = [[low for _, (_, low, _) in shown], [high for _, (_, _, high) in shown]]
        colour = COLOURS[place % len(COLOURS)]
        drawn = axes.bar(at, heights, width * 0.92, yerr=errors, color=colour, label=name, capsize=2, ecolor="#333333")
        labels = [f"{height:,.{0 if height >= 10 or height == int(height) else 1}f}{unit}" for height in heights]
        axes.bar_label(drawn, labels, fontsize=size, padding=2)
    axes.set_xticks(range(len(groups)), groups)


def draw_events(part: dict[str, Any], plt: Any) -> Any:
    """Draw how many times the events a second of a loop each contestant makes."""
    rows = rows_of(part)
    latencies = sorted({int(key.partition(".")[0]) for key in rows})
    names = {
        "connector": "connector",
        "requests": "requests.post in a loop",
        "sdk": "python-intercom in a loop",
        "dlt": "dlt destination",
        "dlt-files": "dlt destination, 20 files at once",
    }
    figure, axes = plt.subplots(figsize=(WIDTH, 4.2))
    columns = {title: [rows[f"{at}.{name}"]["values"] for at in latencies] for name, title in names.items()}
    _bars(axes, [f"{at} ms a call" for at in latencies], columns, unit="×")
    axes.set_yscale("log")
    axes.set_ylim(top=axes.get_ylim()[1] * 2)
    axes.set_ylabel("events a second, against requests.post")
    axes.legend(loc="upper left")
    axes.set_title("Events a second without a limit")
    return figure


def draw_quota(part: dict[str, Any], plt: Any) -> Any:
    """Draw the calls of each second, alone and beside another app."""
    cases = {
        "80": "alone, 80 ms a call",
        "300": "alone, 300 ms a call",
        "beside": "beside another app that asks for 30%, 80 ms a call",
    }
    figure, places = plt.subplots(len(cases), 1, figsize=(WIDTH, 6.6), sharex=True)
    for axes, (name, title) in zip(places, cases.items(), strict=True):
        points = part["series"][name]
        [[limit, period]] = part["series"][f"{name}.windows"]
        seconds, own, other, refused, other_refused = zip(*points, strict=True)
        axes.stackplot(
            seconds, own, other, step="mid", colors=COLOURS[:2], labels=("connector", "other app"), alpha=0.85
        )
        axes.axhline(limit / period, color="#333333", linewidth=1, linestyle="--", label="the limit, spread evenly")
        if any(refused) or any(other_refused):
            both = [a + b for a, b in zip(refused, other_refused, strict=True)]
            axes.bar(seconds, both, 0.6, color=REFUSED, label="refused with 429")
        begin = 0.0
        while begin <= max(seconds):
            axes.axvline(begin, color="#333333", linewidth=0.6, linestyle=":")
            begin += period
        count = int(sum(refused) + sum(other_refused))
        axes.set_title(f"{title}: {count:,} calls refused", fontsize=9, loc="left")
        axes.set_ylim(0, max(limit / period * 2.2, max(own) * 1.1))
        axes.set_ylabel("calls a second")
    places[-1].set_xlabel("seconds; dotted lines are where a window of the quota begins")
    places[-1].legend(loc="upper right", ncols=4)
    return figure


def draw_contacts(part: dict[str, Any], plt: Any) -> Any:
    """Draw the calls of the three ways to write contacts."""
    rows = rows_of(part)
    cases = [key.removesuffix(".create") for key in rows if key.endswith(".create")]
    linked = [key.removesuffix(".connector") for key in rows if key.startswith("linked") and key.endswith(".connector")]
    figure, places = plt.subplots(1, 2, figsize=(WIDTH + 4, 4.4), sharey=True, width_ratios=(5, 2.6))
    ways = {"connector": "connector", "search": "search, then write", "create": "create, then update"}
    for axes, names in zip(places, (cases, linked), strict=True):
        columns = {
            title: [rows[f"{name}.{way}"]["values"] if f"{name}.{way}" in rows else [] for name in names]
            for way, title in ways.items()
        }
        labels = [textwrap.fill(name.removeprefix("linked, "), 14) for name in names]
        _bars(axes, labels, {title: values for title, values in columns.items() if any(values)}, size=6.0)
        axes.set_yscale("log")
        axes.tick_params(axis="x", labelsize=7.5)
    places[0].set_ylabel("calls")
    places[0].set_title("contacts", fontsize=10)
    places[1].set_title("known contacts with a company and two tags", fontsize=10)
    places[0].set_ylim(top=places[0].get_ylim()[1] * 6)
    places[0].legend(loc="upper left")
    return figure


def draw_cpu(part: dict[str, Any], plt: Any) -> Any:
    """Draw CPU against `requests` alone."""
    rows = rows_of(part)
    names = {
        "session": "requests alone,\none by one",
        "threads": "requests alone,\n64 threads",
        "events": "connector:\nevents",
        "limited": "connector: events\nwithin the quota",
        "contacts": "connector:\ncontacts",
        "templates": "connector: contacts,\nfive templates",
    }
    figure, axes = plt.subplots(figsize=(WIDTH, 3.8))
    for place, name in enumerate(names):
        middle, low, high = spread_of(rows[name]["values"])
        colour = COLOURS[1] if place < 2 else COLOURS[0]
        drawn = axes.bar(place, middle, 0.7, yerr=[[low], [high]], color=colour, capsize=3, ecolor="#333333")
        axes.bar_label(drawn, [f"{middle:.2f}×"], fontsize=8, padding=2)
    axes.set_xticks(range(len(names)), names.values(), fontsize=8)
    axes.set_ylabel("CPU for as many calls,\nagainst requests alone")
    return figure


def draw_memory(part: dict[str, Any], plt: Any) -> Any:
    """Draw the peak of memory over the number of records."""
    rows = rows_of(part)
    counts = sorted(int(key) for key in rows if key.isdecimal())
    spreads = [spread_of(rows[f"{count}"]["context"]["values"]) for count in counts]
    figure, axes = plt.subplots(figsize=(WIDTH, 3.6))
    middles = [middle for middle, _, _ in spreads]
    errors = [[low for _, low, _ in spreads], [high for _, _, high in spreads]]
    axes.errorbar(counts, middles, yerr=errors, marker="o", color=COLOURS[0], capsize=3, label="connector")
    for count, middle in zip(counts, middles, strict=True):
        axes.annotate(f"{middle:.0f} MiB", (count, middle), xytext=(0, 8), textcoords="offset points", ha="center")
    axes.axhline(512, color=REFUSED, linewidth=1, linestyle="--", label="what the README promises")
    axes.set_xscale("log")
    axes.set_xticks(counts, [f"{count:,}" for count in counts])
    axes.minorticks_off()
    axes.margins(x=0.1)
    axes.set_ylim(0, 560)
    axes.set_xlabel("records")
    axes.set_ylabel("memory at most, MiB")
    axes.legend(loc="center right")
    return figure


def draw_together(part: dict[str, Any], plt: Any) -> Any:
    """Draw what several connectors use of what they may, and how evenly."""
    rows = rows_of(part)
    cases = {
        "token-2": "2, one token",
        "token-4": "4, one token",
        "apps-2": "2 apps",
        "apps-4": "4 apps, headers\ntell the workspace",
        "apps-4-untold": "4 apps, no header\ntells the workspace",
    }
    figures = {"used": "used of what is allowed", "fairness": "slowest against fastest", "refused": "calls refused"}
    figure, axes = plt.subplots(figsize=(WIDTH, 4.0))
    columns = {
        title: [[value * 100 for value in rows[f"{case}.{name}"]["values"]] for case in cases]
        for name, title in figures.items()
    }
    _bars(axes, list(cases.values()), columns, unit="%")
    axes.set_ylabel("percent")
    axes.set_ylim(0, 135)
    axes.set_yticks(range(0, 101, 20))
    axes.tick_params(axis="x", labelsize=8)
    axes.legend(loc="upper center", ncols=3)
    return figure


PLOTS: Final[dict[str, Callable[[dict[str, Any], Any], Any]]] = {
    "events.svg": draw_events,
    "quota.svg": draw_quota,
    "contacts.svg": draw_contacts,
    "cpu.svg": draw_cpu,
    "memory.svg": draw_memory,
    "together.svg": draw_together,
}


def main(results: str, folder: str) -> None:
    """Draw the plots of all parts that were measured."""
    import matplotlib as mpl  # noqa: PLC0415 - not in the environment of the tests

    mpl.use("svg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - after its backend is chosen

    mpl.rcParams.update({"svg.hashsalt": "benchmarks", "axes.spines.top": False, "axes.spines.right": False})
    mpl.rcParams.update({"legend.frameon": False, "legend.fontsize": 8})
    for part in json.loads(Path(results).read_text(encoding="utf-8"))["parts"]:
        for name in part["plots"]:
            figure = PLOTS[name](part, plt)
            figure.tight_layout()
            figure.savefig(Path(folder) / name, metadata={"Date": None}, facecolor="white")
            plt.close(figure)


if __name__ == "__main__":
    main(*sys.argv[1:])
