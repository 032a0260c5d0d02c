"""Measures everything in one go, and writes `benchmarks/results/`: what `make bench` runs.

    .venv/bin/python benchmarks/run.py [--runs 3] [--quick] [--only PART ...] [--output FOLDER]
    .venv/bin/python benchmarks/run.py --render

A run measures all parts, and in each part all contestants, one after the other; then comes the next run. So what else
the machine does meets all of them. After each run all that there is so far is written: results.json, README.md, and
the plots. A whole measurement also fills in the figures of docs/performance.md; one with --quick or --only goes to
build/bench and leaves the pages alone. With --render nothing is measured: the pages and plots are written again from
the results.json that is there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import (
    busy,
    cold_start,
    contacts,
    cpu,
    events,
    latency,
    memory,
    quota,
    same_people,
    together,
)
from benchmarks.connector import CONTESTANTS, ROOT
from benchmarks.figures import Found, Part, blocks_of, describe_part, fill_page, write_results
from benchmarks.scale import FULL, QUICK, Scale

PARTS: Final = (
    events.PART,
    quota.PART,
    contacts.PART,
    cpu.PART,
    memory.PART,
    busy.PART,
    latency.PART,
    cold_start.PART,
    together.PART,
    same_people.PART,
)
RESULTS: Final = ROOT / "benchmarks" / "results"
ASIDE: Final = ROOT / "build" / "bench"
PAGE: Final = ROOT / "docs" / "performance.md"
OURS: Final = ("airbyte-cdk", "orjson", "requests", "urllib3")
THEIRS: Final = ("dlt", "python-intercom", "matplotlib")


def describe_machine() -> dict[str, Any]:
    """Tell what is measured, and on what."""
    versions = {name: metadata.version(name) for name in OURS}
    script = f"import importlib.metadata as m; print(*(m.version(n) for n in {THEIRS!r}))"
    theirs = _ask(str(CONTESTANTS), "-c", script).split()
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": _name_processor(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": versions | dict(zip(THEIRS, theirs, strict=True)),
        "commit": _ask("/usr/bin/env", "git", "rev-parse", "--short=12", "HEAD"),
        "changed": bool(_ask("/usr/bin/env", "git", "status", "--porcelain", "--untracked-files=no")),
        "begun": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "load_before": os.getloadavg()[0],
    }


def _ask(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def _name_processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def measure_all(
    parts: Sequence[Part], scale: Scale, *, runs: int, keep: Callable[[int, dict[str, list[Found]]], None]
) -> None:
    """Measure each part once in each run; give `keep` all that was found after each run."""
    found: dict[str, list[Found]] = {part.name: [] for part in parts}
    for turn in range(runs):
        for part in parts:
            began = time.monotonic()
            print(f"run {turn + 1} of {runs}: {part.title} …", end=" ", flush=True)
            found[part.name].append(part.measure(scale, turn))
            print(f"{time.monotonic() - began:.0f} s", flush=True)
        keep(turn + 1, found)


def collect(
    parts: Sequence[Part], scale: Scale, *, found: dict[str, list[Found]], facts: dict[str, Any]
) -> dict[str, Any]:
    """Make the results: `facts`, and what was found."""
    described = [describe_part(part, scale, found[part.name]) for part in parts]
    return {**facts, "quick": scale is QUICK, "parts": described}


def write_all(results: dict[str, Any], folder: Path) -> None:
    """Write the results as JSON and Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(write_results(results), encoding="utf-8")


def draw_all(folder: Path) -> None:
    """Draw the plots, with the environment that has what draws."""
    script = Path(__file__).with_name("plots.py")
    subprocess.run([str(CONTESTANTS), str(script), str(folder / "results.json"), str(folder)], check=True)


def fill_pages(results: dict[str, Any], page: Path = PAGE) -> None:
    """Write the figures into the page that explains them.

    Raises:
        SystemExit: it shows a part that was not measured.
    """
    text = page.read_text(encoding="utf-8")
    missing = set(blocks_of(text)) - {"machine", *(part["name"] for part in results["parts"])}
    if missing:
        sys.exit(f"{page.name} shows what was not measured: {', '.join(sorted(missing))}")
    page.write_text(fill_page(text, results), encoding="utf-8")


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; `output` is where the results go."""
    parser = argparse.ArgumentParser(description="Measure everything, and write the results.")
    parser.add_argument("--runs", type=int, default=3, help="how often all is measured (3)")
    parser.add_argument("--quick", action="store_true", help="only see that everything works, in some minutes")
    parser.add_argument("--only", nargs="+", metavar="PART", choices=[part.name for part in PARTS], help="some parts")
    parser.add_argument("--output", type=Path, help="where the results go")
    parser.add_argument("--render", action="store_true", help="write pages and plots again, from what was measured")
    parsed = parser.parse_args(arguments)
    parsed.whole = not (parsed.quick or parsed.only or parsed.output)
    parsed.output = parsed.output or (RESULTS if parsed.whole else ASIDE)
    return parsed


def main() -> None:
    """Measure, and write."""
    parsed = parse_arguments()
    if parsed.render:
        results = json.loads((parsed.output / "results.json").read_text(encoding="utf-8"))
        write_all(results, parsed.output)
    else:
        results = _measure_and_write(parsed)
    draw_all(parsed.output)
    if parsed.whole:
        fill_pages(results)
    print(f"{parsed.output / 'README.md'} has the results")


def _measure_and_write(parsed: argparse.Namespace) -> dict[str, Any]:
    parts = [part for part in PARTS if parsed.only is None or part.name in parsed.only]
    scale, machine, began = QUICK if parsed.quick else FULL, describe_machine(), time.monotonic()
    results: dict[str, Any] = {}

    def keep(runs: int, found: dict[str, list[Found]]) -> None:
        facts = {"machine": machine, "runs": runs, "minutes": (time.monotonic() - began) / 60}
        results.update(collect(parts, scale, found=found, facts=facts))
        write_all(results, parsed.output)

    measure_all(parts, scale, runs=parsed.runs, keep=keep)
    return results


if __name__ == "__main__":
    main()
