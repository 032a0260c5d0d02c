"""Peak memory over few and over many records, threads and sockets over a run, and records a second.

    .venv/bin/python benchmarks/memory.py [--records 150000 1000000] [--contacts 100000]

Peak memory is VmHWM of the connector's process. One record in a hundred is an event to send, the others
are not selected. A run sends each of its records, faster read than sent, so that every buffer fills. Then come
625 MB of states behind a record that is rejected, so that they are held back, and contacts with forty texts of 200
characters each, all of which are remembered; either ends with an error if it takes more than the 512 MB that the
README promises.
Where everything is filtered, the records a second (start-up apart) are set against parsing alone:
`orjson.loads` of each line, by one thread, in the same run.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import orjson

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.connector import EPOCH, Connector, Run, Sample, Source, measure_ceiling, serving, show, start_up
from benchmarks.figures import Found, Part, Row
from benchmarks.scale import Scale
from benchmarks.server import ATTRIBUTES

ONE_IN: Final = 100
SENT_RECORDS: Final = 30_000
FILTERED_RECORDS: Final = 300_000
PARSED_RECORDS: Final = 100_000
LONG: Final = 200

HELD_BYTES: Final = 625_000_000
HELD_SIZES: Final = (1_000_000, 2_000)
"""Bytes of a state: of a source with much to remember, and of an ordinary one."""

PROMISED_MIB: Final = 512


def memory_row(title: str, run: Run) -> list[object]:
    """Say what a run took at most, and whether threads and sockets stayed the same."""
    # The first tenth is the start; the last sample may see threads end.
    steady = run.samples[len(run.samples) // 10 : -2] or run.samples
    return [title, f"{run.peak:.0f} MiB", _span([each.threads for each in steady]), _sockets(steady)]


def held_states(source: Source, size: int, shape: str) -> Iterator[bytes]:
    """Make a record that is rejected, and states of `size` bytes each, of a stream or of all."""
    yield source.rejected()
    content = {"stream_descriptor": {"name": "events"}, "stream_state": {"cursor": "x" * size}}
    covered = {"global": {"stream_states": [content]}} if shape == "GLOBAL" else {"stream": content}
    line = json.dumps({"type": "STATE", "state": {"type": shape, **covered}}).encode() + b"\n"
    yield from itertools.repeat(line, HELD_BYTES // len(line))


def held_row(source: Source, size: int, shape: str) -> list[object]:
    """Say what a run took at most whose states are all held back.

    Raises:
        SystemExit: more than is promised, or not all of them came back.
    """
    run = Connector("http://127.0.0.1:9", held_states(source, size, shape)).run()
    states = sum(line.startswith(b'{"type": "STATE"') for _, line in run.output)
    title = f"1 rejected, {states:,} {shape} states of {size:,} bytes held back"
    if run.peak > PROMISED_MIB or states * size < HELD_BYTES * 0.9:
        sys.exit(f"{title}: {run.peak:.0f} MiB")
    return [title, *memory_row("", run)[1:]]


def _sockets(samples: list[Sample]) -> str:
    return _span([each.sockets for each in samples])


def _span(values: list[int]) -> str:
    return f"{min(values)}" if min(values) == max(values) else f"{min(values)} to {max(values)}"


def wide_contacts(count: int) -> Iterator[bytes]:
    """Make records of so many people, each with all attributes that there are, and no two texts alike."""
    for number in range(count):
        data = {f"attribute {place}": f"{number} {place} ".ljust(LONG, "x") for place in range(ATTRIBUTES)}
        data |= {"user_id": f"person {number}", "email": f"person{number}@example.com"}
        record = {"stream": "events", "data": data, "emitted_at": EPOCH * 1000}
        yield orjson.dumps({"type": "RECORD", "record": record}) + b"\n"


def wide_row(count: int) -> list[object]:
    """Say what a run took that created wide contacts.

    Raises:
        SystemExit: more than is promised, or not all of them were created.
    """
    names = ("email", *(f"attribute {place}" for place in range(ATTRIBUTES)))
    users = {
        "mode": "enabled",
        "streams": [{"stream": "events"}],
        "attributes": [{"property": name} for name in names],
    }
    with serving() as server:
        run = Connector(server.url, wide_contacts(count), sections={"users": users}).run()
        granted = server.account().granted
    title = f"{count:,} contacts of {ATTRIBUTES} texts, {granted:,} calls"
    if run.peak > PROMISED_MIB or granted < count:
        sys.exit(f"{title}: {run.peak:.0f} MiB")
    return memory_row(title, run)


def parse_alone(source: Source) -> float:
    """Tell the records a second that orjson parses."""
    lines = [source.record(number, selected=False) for number in range(1000)]
    began = time.process_time()
    for _ in range(PARSED_RECORDS // len(lines)):
        for line in lines:
            orjson.loads(line)
    return PARSED_RECORDS / (time.process_time() - began)


def filtered_row(source: Source, title: str, empty: Run) -> list[object]:
    """Say how fast records go through that are all filtered."""
    size = len(source.record(0, selected=False))
    run = Connector("http://127.0.0.1:9", source.mixed(FILTERED_RECORDS, one_in=0)).run()
    speed = FILTERED_RECORDS / (run.seconds - empty.seconds)
    parsing = parse_alone(source)
    return [f"{title} ({size} bytes)", f"{speed:,.0f}", f"{parsing:,.0f}", f"{speed / parsing:.0%}"]


def make_rows(scale: Scale) -> list[Row]:
    """Say what is measured: the peak of each number of records, against the fewest."""
    rows = []
    for count in scale.records:
        data = f"{count:,} records of some 1,900 bytes, one in {ONE_IN} an event to send"
        context = (f"{count}.peak", "MiB", "at most")
        text = f"the memory of {scale.records[0]:,} records"
        rows.append(Row(f"{count}", "ratio", text, data, "the connector", "no latency, no limit", context))
    context = ("none.peak", "MiB", "at most")
    text = f"the memory of {scale.records[0]:,} records"
    rows.append(Row("none", "ratio", text, "no record", "the connector", "no latency, no limit", context))
    return rows


def measure(scale: Scale, _turn: int) -> Found:
    """Measure the peak of each number of records."""
    source, peaks = Source(), {}
    for count in scale.records:
        with serving() as server:
            peaks[f"{count}"] = (
                Connector(server.url, source.mixed(count, one_in=ONE_IN, state_every=min(count, 10_000))).run().peak
            )
    peaks["none"] = start_up().peak
    base = peaks[f"{scale.records[0]}"]
    ratios = {name: peak / base for name, peak in peaks.items()}
    return Found(ratios | {f"{name}.peak": peak for name, peak in peaks.items()})


PART: Final = Part("memory", "Memory", make_rows, measure, ("memory.svg",))


def main() -> None:
    """Measure memory, then speed."""
    parser = argparse.ArgumentParser(description="Measure memory, and records a second.")
    parser.add_argument(
        "--records", type=int, nargs="*", default=[150_000, 1_000_000], help="of which 1 in 100 is sent"
    )
    parser.add_argument("--contacts", type=int, default=100_000, help="contacts with forty long texts each")
    parsed = parser.parse_args()
    wide, narrow = Source(), Source(wide=False)
    rows: list[list[object]] = [["records", "peak", "threads", "sockets"]]
    for count in parsed.records:
        with serving() as server:
            run = Connector(server.url, wide.mixed(count, one_in=ONE_IN)).run()
            rows.append(memory_row(f"{count:,}, {server.account().granted:,} sent", run))
    with serving() as server:
        run = Connector(server.url, wide.mixed(SENT_RECORDS, one_in=1)).run()
        rows.append(memory_row(f"{SENT_RECORDS:,}, {server.account().granted:,} sent", run))
    for size in HELD_SIZES:
        rows += [held_row(narrow, size, shape) for shape in ("STREAM", "GLOBAL")]
    rows.append(wide_row(parsed.contacts))
    empty = start_up()
    rows.append(["none", f"{empty.peak:.0f} MiB", "-", "-"])
    show(f"Memory (the server's own ceiling: {measure_ceiling(0.0):,.0f} requests/s)", rows)
    rows = [["all filtered", "records/s", "orjson alone", "share"]]
    rows += [filtered_row(narrow, "narrow", empty), filtered_row(wide, "as of Amplitude", empty)]
    show(f"Records a second over {FILTERED_RECORDS:,} records, start-up of {empty.seconds:.1f} s apart", rows)


if __name__ == "__main__":
    main()
