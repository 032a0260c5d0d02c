"""Peak memory over few and over many records, threads and sockets over a run, and records a second.

    .venv/bin/python benchmarks/memory.py [--records 150000 1000000]

Peak memory is VmHWM of the connector's process. One record in a hundred is an event to send, the others
are not selected. A last run sends each of its records, faster read than sent, so that every buffer fills.
Where everything is filtered, the records a second (start-up apart) are set against parsing alone:
`orjson.loads` of each line, by one thread, in the same run.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Final

import orjson

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.connector import Connector, Run, Sample, Source, measure_ceiling, serving, show, start_up

ONE_IN: Final = 100
SENT_RECORDS: Final = 30_000
FILTERED_RECORDS: Final = 300_000
PARSED_RECORDS: Final = 100_000


def memory_row(title: str, run: Run) -> list[object]:
    """Say what a run took at most, and whether threads and sockets stayed the same."""
    # The first tenth is the start; the last sample may see threads end.
    steady = run.samples[len(run.samples) // 10 : -2] or run.samples
    return [title, f"{run.peak:.0f} MiB", _span([each.threads for each in steady]), _sockets(steady)]


def _sockets(samples: list[Sample]) -> str:
    return _span([each.sockets for each in samples])


def _span(values: list[int]) -> str:
    return f"{min(values)}" if min(values) == max(values) else f"{min(values)} to {max(values)}"


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


def main() -> None:
    """Measure memory, then speed."""
    parser = argparse.ArgumentParser(description="Measure memory, and records a second.")
    parser.add_argument(
        "--records", type=int, nargs="*", default=[150_000, 1_000_000], help="of which 1 in 100 is sent"
    )
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
    empty = start_up()
    rows.append(["none", f"{empty.peak:.0f} MiB", "-", "-"])
    show(f"Memory (the server's own ceiling: {measure_ceiling(0.0):,.0f} requests/s)", rows)
    rows = [["all filtered", "records/s", "orjson alone", "share"]]
    rows += [filtered_row(narrow, "narrow", empty), filtered_row(wide, "as of Amplitude", empty)]
    show(f"Records a second over {FILTERED_RECORDS:,} records, start-up of {empty.seconds:.1f} s apart", rows)


if __name__ == "__main__":
    main()
