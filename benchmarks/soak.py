"""A sync of an hour and a million records: memory flat, threads and sockets constant.

    .venv/bin/python benchmarks/soak.py [--records 1000000] [--hours 1.0] [--seconds 90]

First in virtual time: an hour of the pipeline's clock, in which a scripted Intercom takes events and changes
of contacts, refuses some, throttles, fails and loses answers, and its search lags; a state after every 1,000
records. Then over real sockets, for some 90 seconds: the connector as a process. Each is warm after its first
half, as every memory of the connector is full by then; from there on memory may grow by 30 MB, and the
numbers of threads and of open files may not change. Ends with 1 where that does not hold, or a record is lost.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "destination-intercom"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.connector import Connector, Source, serving, show
from benchmarks.scripted import ScriptedIntercom, ScriptedTransport
from destination_intercom import destination
from destination_intercom.delivery.mailbox import Mailbox
from integration_tests.support.harness import catalog, config
from integration_tests.support.virtual_clock import START, VirtualClock

MOST_GROWTH: Final = 30.0
"""MiB by which memory may grow once all is warm."""

BLOCK: Final = 1_000
PEOPLE: Final = 20_000
STRANGERS: Final = 500
FIRST_SECOND: Final = 1_600_000_000
MIX: Final = {
    "filtered": 600,
    "anonymous": 60,
    "event": 188,
    "duplicate": 50,
    "stranger": 10,
    "no time": 10,
    "refused name": 2,
    "unchanged": 60,
    "changed": 20,
}
"""What a block of records is made of."""

REJECTED: Final = ("stranger", "no time", "refused name")


@dataclass(frozen=True, slots=True)
class Sample:
    """A process at a moment: memory in MiB, threads, and open files, of which some are sockets."""

    seconds: float
    memory: float
    threads: int
    files: int
    sockets: int


def sample(seconds: float, pid: int | str = "self") -> Sample:
    """Look at a process."""
    folder = Path("/proc") / str(pid)
    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
    links = []
    for link in (folder / "fd").iterdir():
        try:
            links.append(link.readlink().name)
        except FileNotFoundError:
            # The one that the folder was read through.
            continue
    memory = int(status["VmRSS"].split()[0]) / 1024
    return Sample(
        seconds, memory, int(status["Threads"]), len(links), sum(each.startswith("socket:") for each in links)
    )


class Feed:
    """Standard input: blocks of records, each at its second, and a state after each."""

    def __init__(self, clock: VirtualClock, *, records: int, seconds: float) -> None:
        self._clock = clock
        self._blocks = records // BLOCK
        self._gap = seconds / self._blocks
        self._done = 0
        kinds = [kind for kind, count in MIX.items() for _ in range(count)]
        # Spread evenly, in the same order in every block: 617 has no divisor in common with 1,000.
        self._kinds = [kinds[(place * 617) % BLOCK] for place in range(BLOCK)]

    def read(self, _size: int, /) -> bytes:
        """Give the next block once it is due."""
        if self._done == self._blocks:
            return b""
        wait = START + self._done * self._gap - self._clock.now()
        if wait > 0:
            self._clock.sleep(wait)
        first = self._done * BLOCK
        self._done += 1
        lines = [_record(kind, first + place) for place, kind in enumerate(self._kinds)]
        lines += [_state(stream, first + BLOCK) for stream in ("events", "users")]
        return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def _state(stream: str, records: int) -> dict[str, Any]:
    content = {"stream_descriptor": {"name": stream}, "stream_state": {"records": records}}
    return {"type": "STATE", "state": {"type": "STREAM", "stream": content, "id": records}}


def _record(kind: str, number: int) -> dict[str, Any]:
    person: int | str | None = number * 7919 % PEOPLE
    if kind in {"unchanged", "changed"}:
        name = f"v{number}" if kind == "changed" else None
        # Who does not change tells no name: what was written to others before would be one.
        data = {"user_id": person, **({"name": name} if name else {})}
        return {"type": "RECORD", "record": {"stream": "users", "data": data, "emitted_at": 1}}
    second: int | None = FIRST_SECOND + number
    name = {"filtered": "Page Viewed", "refused name": "Too Many"}.get(kind, "Song Played")
    if kind == "anonymous":
        person = None
    elif kind == "stranger":
        person = PEOPLE + number % STRANGERS
    elif kind == "duplicate":
        # All of a block are one event, of which the first is new.
        person, second = 3, FIRST_SECOND + number // BLOCK * BLOCK
    elif kind == "no time":
        second = None
    data = {"user_id": person, "name": name, "at": second, "padding": "x" * 200}
    return {"type": "RECORD", "record": {"stream": "events", "data": data, "emitted_at": 1}}


CONFIG: Final = config(
    events={
        "mode": "enabled",
        "streams": [{"stream": "events", "event_name_property": "name", "created_at_property": "at"}],
        "selected_events": ["Song Played", "Too Many"],
        "metadata": [{"property": "padding"}],
    },
    users={"mode": "enabled", "streams": [{"stream": "users"}], "attributes": [{"property": "name"}]},
    delivery={"stop_after_rejected": 0},
)


def soak_in_virtual_time(records: int, seconds: float) -> bool:
    """Sync so many records in so many seconds of the pipeline's clock; say whether all is well."""
    clock, began = VirtualClock(), time.monotonic()
    intercom = ScriptedIntercom.with_people(clock, PEOPLE)
    samples: list[Sample] = []
    counted: Counter[str] = Counter()
    due = 0.0
    lines = destination.write(
        CONFIG,
        catalog("events", "users"),
        stdin=Feed(clock, records=records, seconds=seconds),
        clock=clock,
        mailbox=Mailbox(clock),
        transport=ScriptedTransport(intercom),
    )
    for line in lines:
        _count(json.loads(line), counted)
        passed = clock.now() - START
        # What comes after the input has ended is the end of the threads.
        if due <= passed < seconds:
            samples.append(sample(passed))
            due = passed + seconds / 60
    blocks = records // BLOCK
    rejected = blocks * sum(MIX[kind] for kind in REJECTED)
    delivered = blocks * (MIX["event"] + 1)
    told = dict(intercom.answered.most_common())
    show(
        f"An hour's sync in {time.monotonic() - began:.0f} s: {records:,} records, answers {told}",
        [
            ["", "expected", "came"],
            ["records acknowledged", f"{records:,}", f"{counted['records']:,}"],
            ["of them rejected", f"{rejected:,}", f"{counted['rejected']:,}"],
            ["states", f"{2 * blocks:,}", f"{counted['states']:,}"],
            ["events taken", f"at least {delivered:,}", f"{intercom.taken['events']:,}"],
            ["contacts updated", f"at least {blocks * MIX['changed']:,}", f"{intercom.taken['updates']:,}"],
        ],
    )
    whole = (counted["records"], counted["rejected"], counted["states"]) == (records, rejected, 2 * blocks)
    # A lost answer is asked for again, so that Intercom drops a few of them as duplicates.
    whole = whole and intercom.taken["events"] >= delivered and intercom.taken["updates"] >= blocks * MIX["changed"]
    return _judge("virtual time", samples) and whole


def _count(message: dict[str, Any], counted: Counter[str]) -> None:
    if message["type"] != "STATE":
        return
    stats = message["state"]["destinationStats"]
    counted["states"] += 1
    counted["rejected"] += int(stats["rejectedRecordCount"])
    counted["records"] += int(stats["recordCount"] + stats["rejectedRecordCount"])


def _judge(title: str, samples: Sequence[Sample]) -> bool:
    warm = samples[len(samples) // 2 : -1]
    growth = max(each.memory for each in warm) - warm[0].memory
    threads, files = {each.threads for each in warm}, {each.files for each in warm}
    sockets = {each.sockets for each in warm}
    shown = [*samples[:: max(len(samples) // 12, 1)], samples[-1]]
    rows: list[list[object]] = [["second", "memory", "threads", "files", "sockets"]]
    rows += [
        [f"{each.seconds:,.0f}", f"{each.memory:.1f} MiB", each.threads, each.files, each.sockets] for each in shown
    ]
    show(f"{title}: {len(samples)} samples, warm from second {warm[0].seconds:,.0f} on", rows)
    print(f"  since then: memory +{growth:.1f} MiB, threads {threads}, files {files}, sockets {sockets}")
    return growth <= MOST_GROWTH and len(threads) == len(files) == len(sockets) == 1


def soak_over_sockets(seconds: float) -> bool:
    """Sync over real sockets for so many seconds; say whether all is well."""
    # More is due than so many connections can carry, so that all of them are in use from the start.
    count = int(seconds * 200)
    source, samples = Source(), []
    ended = threading.Event()
    with serving(latency=0.15, limit=10**6) as server:
        pieces = source.mixed(count * 10, one_in=10, state_every=1_000)
        connector = Connector(server.url, pieces, concurrency=32)
        began = time.monotonic()

        def watch() -> None:
            while not ended.wait(1.0):
                try:
                    samples.append(sample(time.monotonic() - began, connector.pid))
                except (OSError, KeyError):
                    # It has just ended.
                    return

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        run = connector.run()
        ended.set()
        watcher.join()
        account = server.account()
    print(f"Over sockets: {count * 10:,} records in {run.seconds:.0f} s, {account.granted:,} calls")
    return _judge("real sockets", samples) and account.granted == count


def main() -> int:
    """Soak in virtual time, then over sockets."""
    parser = argparse.ArgumentParser(description="An hour's sync: memory flat, threads and sockets constant.")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--hours", type=float, default=1.0, help="of the pipeline's clock")
    parser.add_argument("--seconds", type=float, default=90.0, help="over real sockets")
    parsed = parser.parse_args()
    results = [soak_in_virtual_time(parsed.records, parsed.hours * 3600), soak_over_sockets(parsed.seconds)]
    print("soak: well" if all(results) else "soak: FAILED")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
