"""The other people's programs of `make source-test`: where they are, how they run, and what they were heard to say.

Each lives in an environment of its own beside the connector's. Knows nothing of what they send.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from integration_tests.support.processes import CONNECTOR, ROOT

PYAIRBYTE = ROOT / ".venv-pyairbyte" / "bin"
SOURCE_FAKER = ROOT / ".venv-source-faker" / "bin" / "source-faker"
SINGER_SDK = ROOT / ".venv-singer-sdk"

_SUMMARY = re.compile(r'Stream "(?P<stream>.*)": (?P<numbers>read \d+, [^.]*)\.')
_LEFT_OUT = "Not sent as they were: "

WATCH = Path(__file__).with_name("watch")
LOOPBACK = {"127.0.0.1"}
"""The host of the local Intercom, which only the connector may reach."""

THIS_CONNECTOR = ("env", f"PYTHONPATH={ROOT / 'destination-intercom'}:{WATCH}", *CONNECTOR)
"""Installed or not, the connector is the one of this tree."""


def require(*paths: Path) -> None:
    """Fail if a program was not installed."""
    for path in paths:
        assert path.exists(), f"{path} is missing: run `make source-test`"


def make_environment(folder: Path) -> dict[str, str]:
    """Return an environment in which PyAirbyte works offline below `folder`, tells nobody, and every host is noted."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "AIRBYTE"))}
    folders = {"AIRBYTE_PROJECT_DIR": "project", "AIRBYTE_LOGGING_ROOT": "logs", "AIRBYTE_TEMP_DIR": "temporary"}
    for name in folders.values():
        (folder / name).mkdir(exist_ok=True)
    return {
        **kept,
        **{name: str(folder / below) for name, below in folders.items()},
        "PATH": f"{PYAIRBYTE}:{kept['PATH']}",
        "PYTHONPATH": str(WATCH),
        "REACHED_HOSTS": str(folder / "hosts.txt"),
        "DO_NOT_TRACK": "1",
        "AIRBYTE_OFFLINE_MODE": "1",
    }


def read_hosts(folder: Path) -> set[str]:
    """Return the hosts that the programs of `make_environment(folder)` reached for."""
    return set((folder / "hosts.txt").read_text(encoding="utf-8").split())


def overhear(command: Iterable[str], script: Path) -> str:
    """Write an executable that runs `command` and keeps what each of its subcommands prints; return its path.

    What is printed stands beside it, as in `source-read.jsonl`.
    """
    script.write_text(
        "#!/usr/bin/env bash\n"
        "set -o pipefail\n"
        f'{shlex.join(command)} "$@" | tee -a {shlex.quote(str(script))}-"$1".jsonl\n',
        encoding="utf-8",
    )
    script.chmod(0o755)
    return str(script)


def read_messages(path: Path) -> list[dict[str, Any]]:
    """Return the messages that a program printed, one a line."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def read_logs(messages: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the texts of log messages."""
    return [message["log"]["message"] for message in messages if message["type"] == "LOG"]


def read_summaries(logs: Iterable[str]) -> dict[str, dict[str, int]]:
    """Return the numbers of each stream's line in the connector's summary, without those that are 0."""
    lines = [match for text in logs if (match := _SUMMARY.match(text))]
    numbers = {match["stream"]: re.findall(r"(\w+) (\d+)", match["numbers"]) for match in lines}
    return {stream: {name: int(each) for name, each in found if int(each)} for stream, found in numbers.items()}


def read_left_out(logs: Iterable[str]) -> dict[str, list[str]]:
    """Return by stream what the summary counts of values that were not sent as they were: `"amount": 1 no_float`."""
    found: dict[str, list[str]] = {}
    for line in logs:
        if line.startswith(_LEFT_OUT):
            for text in line.removeprefix(_LEFT_OUT).removesuffix(".").split("; "):
                stream, _, entry = text.removeprefix('stream "').partition('", ')
                found.setdefault(stream, []).append(entry)
    return {stream: sorted(entries) for stream, entries in found.items()}
