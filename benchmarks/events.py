"""Events a second: the connector, one `requests.post` after another, and the python-intercom SDK in a loop.

    .venv/bin/python benchmarks/events.py [--milliseconds 80]

All three in one run, against windows too large to limit; and the connector in windows of 1,666 in 10
seconds, where the quota is the limit. The rate counts from the first call to the last. The SDK is installed
into an environment of its own, in a folder that is removed afterwards; where it cannot be had, the table
says so.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Final

import requests

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.connector import EPOCH, TOKEN, Connector, Run, Server, Source, measure_ceiling, serving, show, start_up

EVENTS: Final = 10_000
LIMITED_EVENTS: Final = 5_000
LOOPED_EVENTS: Final = 200
SDK: Final = "python-intercom"


def post_one_by_one(server: Server) -> None:
    """Send events as a first script does."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Intercom-Version": "2.16"}
    for number in range(LOOPED_EVENTS):
        event = {"event_name": "benchmark", "created_at": EPOCH + number, "user_id": str(number)}
        requests.post(f"{server.url}/events", json=event, headers=headers, timeout=30).raise_for_status()


def install_sdk(folder: Path) -> Path | None:
    """Make an environment with the SDK; return its Python, None if the SDK cannot be had."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    command = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check", SDK]
    done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return python if done.returncode == 0 else None


def use_sdk(python: Path) -> Callable[[Server], None]:
    """Send events as the SDK's own documentation shows."""
    script = str(Path(__file__).with_name("sdk_loop.py"))

    def loop(server: Server) -> None:
        subprocess.run([str(python), script, server.url, TOKEN, str(LOOPED_EVENTS), str(EPOCH)], check=True)

    return loop


def rate(send: Callable[[Server], object], *, latency: float, limit: int = 1_000_000) -> float:
    """Tell the events a second that `send` gets through."""
    with serving(latency=latency, limit=limit) as server:
        send(server)
        return server.account().per_second


def main() -> None:
    """Measure all three, one after the other."""
    parser = argparse.ArgumentParser(description="Measure events a second.")
    parser.add_argument("--milliseconds", type=int, default=80, help="latency of a call")
    parser.add_argument("--concurrency", type=int, default=64, help="the connector's calls in flight")
    parsed = parser.parse_args()
    latency, runs = parsed.milliseconds / 1000, list[Run]()

    def connect(count: int) -> Callable[[Server], object]:
        source = Source()
        return lambda server: runs.append(
            Connector(server.url, source.events(count), concurrency=parsed.concurrency).run()
        )

    base = rate(post_one_by_one, latency=latency)
    rows: list[list[object]] = [["", "events", "events/s", "ratio"]]
    rows.append(["one requests.post after another", LOOPED_EVENTS, f"{base:.1f}", "1.0"])
    with tempfile.TemporaryDirectory() as folder:
        python = install_sdk(Path(folder))
        if python is None:
            rows.append([f"SKIPPED: {SDK} cannot be installed here", "-", "-", "-"])
        else:
            sdk = rate(use_sdk(python), latency=latency)
            rows.append([f"{SDK} in a loop", LOOPED_EVENTS, f"{sdk:.1f}", f"{sdk / base:.1f}"])
    for title, count, limit in (
        ("connector, 1,666 in 10 s", LIMITED_EVENTS, 1666),
        ("connector, no limit", EVENTS, 1_000_000),
    ):
        measured = rate(connect(count), latency=latency, limit=limit)
        rows.append([title, count, f"{measured:.1f}", f"{measured / base:.1f}"])
    title = f"Events at {parsed.milliseconds} ms, concurrency {parsed.concurrency}"
    show(f"{title} (the server's own ceiling: {measure_ceiling(latency):,.0f} requests/s)", rows)
    empty = start_up().cpu_seconds
    limited, free = (run.cpu_seconds - empty for run in runs)
    costs = [f"{limited / LIMITED_EVENTS * 10_000:.1f}", f"{free / EVENTS * 10_000:.1f}", f"{empty:.1f}"]
    show("CPU seconds per 10,000 events", [["1,666 in 10 s", "no limit", "start-up, apart"], costs])


if __name__ == "__main__":
    main()
