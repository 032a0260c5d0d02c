"""What the emulator's page costs: calls a second while nobody looks, and while somebody does, as shares of one run.

    .venv/bin/python benchmarks/page.py [--people 10000] [--rounds 9] [--before REVISION]

A process for each case calls the emulator's core without a network: events, updates and reads of people, in turn. A
second is one of the processor's, and the rounds of the cases take turns, so that what else the machine does counts
little; a share is the median of the rounds'. Who looks has a page drawn every two seconds of the clock, as the page's
script does. With --before the same calls are made to the emulator of another revision, from Git: the first row then.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import IO, Final, cast

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.connector import show

ROOT: Final = Path(__file__).resolve().parents[1]
CALLS: Final = 20_000
EMULATOR: Final = "destination-intercom/intercom_emulator"
WORKER: Final = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
from intercom_emulator import Intercom, Settings
people, calls = int(sys.argv[2]), int(sys.argv[3])
headers = {"authorization": "Bearer test-token", "content-type": "application/json"}
intercom = Intercom(Settings.from_dict({"limit": 1_000_000_000}))
contacts = [{"id": f"p{n}", "external_id": str(n), "email": f"{n}@example.com"} for n in range(people)]
intercom.seed({"contacts": contacts})
count = 0
for line in sys.stdin:
    target = line.strip()
    if target:
        from intercom_emulator.page import Visit, show_page
    begin, spent = time.process_time(), 0.0
    due = time.monotonic() + 1 if target else float("inf")
    for _ in range(calls):
        if time.monotonic() >= due:
            before = time.process_time()
            assert show_page(intercom, Visit("GET", target)).status == 200
            spent = time.process_time() - before
            due += 2
        count += 1
        person, kind = count * 7919 % people, count % 3
        if kind == 0:
            body = json.dumps({"event_name": "played", "created_at": count, "user_id": str(person)}).encode()
            intercom.handle("POST", "/events", headers, body)
        elif kind == 1:
            intercom.handle("PUT", f"/contacts/p{person}", headers, json.dumps({"name": f"name {count}"}).encode())
        else:
            intercom.handle("GET", f"/contacts/p{person}", headers)
    print(json.dumps([calls / (time.process_time() - begin), spent]), flush=True)
"""


class Worker:
    """An emulator in a process of its own, with the code of a folder."""

    def __init__(self, folder: Path, people: int) -> None:
        command = [sys.executable, "-c", WORKER, str(folder), str(people), str(CALLS)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def measure(self, looks_at: str) -> tuple[float, float]:
        """Return the calls a second of one round, and how long a page was drawn (seconds); "": nobody looks."""
        stdin, stdout = cast(IO[str], self._process.stdin), cast(IO[str], self._process.stdout)
        stdin.write(f"{looks_at}\n")
        stdin.flush()
        rate, drawing = json.loads(stdout.readline())
        return rate, drawing

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


def extract(revision: str, folder: Path) -> Path:
    """Return a folder with the emulator of a revision."""
    packed = subprocess.run(
        ["/usr/bin/env", "git", "archive", revision, EMULATOR], cwd=ROOT, check=True, capture_output=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder / "destination-intercom"


def main() -> None:
    """Measure the cases in turns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--before", metavar="REVISION", help="compare with the emulator of this revision")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        now = ROOT / "destination-intercom"
        cases = [("nobody looks", now, "")]
        cases += [("the overview is open", now, "/"), ("the list of contacts is open", now, "/_page/contacts")]
        if chosen.before:
            cases.insert(0, (f"before: {chosen.before}", extract(chosen.before, Path(folder)), ""))
        workers = [Worker(place, chosen.people) for _, place, _ in cases]
        measured: list[list[tuple[float, float]]] = [[] for _ in cases]
        try:
            for _ in range(chosen.rounds):
                for worker, (_, _, target), found in zip(workers, cases, measured, strict=True):
                    found.append(worker.measure(target))
        finally:
            for worker in workers:
                worker.end()
    rates = [statistics.median(rate for rate, _ in found) for found in measured]
    rows: list[list[object]] = [["", "calls/s", "share", "share of each round", "a drawing, ms"]]
    for (title, _, _), rate, found in zip(cases, rates, measured, strict=True):
        shares = [own / base for (own, _), (base, _) in zip(found, measured[0], strict=True)]
        drawing = statistics.median(seconds for _, seconds in found) * 1000
        each = f"{min(shares):.3f} to {max(shares):.3f}"
        rows.append(
            [title, f"{rate:,.0f}", f"{statistics.median(shares):.3f}", each, f"{drawing:.1f}" if drawing else ""]
        )
    show(f"The emulator's core with {chosen.people:,} people, {chosen.rounds} rounds of {CALLS:,} calls", rows)


if __name__ == "__main__":
    main()
