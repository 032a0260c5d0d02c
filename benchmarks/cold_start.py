"""Cold start: `spec`, `check` and an empty `write` as processes, against `import requests` and `import airbyte_cdk`.

.venv/bin/python benchmarks/cold_start.py [--quick]
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.connector import CATALOG, EVENTS, ROOT, TOKEN, serving
from benchmarks.figures import Found, Part, Row, measure_once
from benchmarks.scale import Scale

COMMANDS: Final = {
    "spec": "`spec`",
    "check": "`check`",
    "write": "`write` of an empty input",
    "cdk": "`python -c 'import airbyte_cdk'`",
    "requests": "`python -c 'import requests'`",
}


def take_time(command: Sequence[str], folder: Path) -> float:
    """Tell the seconds that a process takes.

    Raises:
        SystemExit: it failed.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "destination-intercom")}
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, check=False, input=b"", capture_output=True
    )
    spent = time.monotonic() - began
    if done.returncode or b'"FAILED"' in done.stdout:
        sys.exit(f"{' '.join(command)} failed")
    return spent


def make_rows(_scale: Scale) -> list[Row]:
    """Say what is measured of each command."""
    return [
        Row(
            name,
            "ratio",
            "the time of `python -c 'import requests'`",
            "none",
            title,
            "no latency, files in the system's cache",
            (f"{name}.ms", "ms", ""),
        )
        for name, title in COMMANDS.items()
    ]


def measure(scale: Scale, _turn: int) -> Found:
    """Start each command in turn, some times; the median counts."""
    spent: dict[str, list[float]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as place, serving() as server:
        folder = Path(place)
        config: dict[str, Any] = {
            "api_base_url": server.url,
            "access_token": TOKEN,
            "identity": {"property": "user_id"},
            **EVENTS,
        }
        (folder / "config.json").write_text(json.dumps(config))
        (folder / "catalog.json").write_text(json.dumps(CATALOG))
        run = ("-m", "destination_intercom.run")
        commands = {
            "spec": (*run, "spec"),
            "check": (*run, "check", "--config", "config.json"),
            "write": (*run, "write", "--config", "config.json", "--catalog", "catalog.json"),
            "cdk": ("-c", "import airbyte_cdk"),
            "requests": ("-c", "import requests"),
        }
        for _ in range(scale.starts):
            for name, command in commands.items():
                spent[name].append(take_time(command, folder))
    medians = {name: statistics.median(seconds) for name, seconds in spent.items()}
    ratios = {name: seconds / medians["requests"] for name, seconds in medians.items()}
    return Found(ratios | {f"{name}.ms": seconds * 1000 for name, seconds in medians.items()})


PART: Final = Part("cold-start", "Cold start", make_rows, measure)


if __name__ == "__main__":
    measure_once(PART)
