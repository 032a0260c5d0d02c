"""One sync by PyAirbyte, in PyAirbyte's own environment: `python sync.py JOB`, a JSON file, see `WriteTask`.

It knows PyAirbyte and nothing of what is sent.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any, TypedDict


class WriteTask(TypedDict):
    """What to run; the paths of the executables are absolute."""

    source: str
    source_config: dict[str, Any]
    destination: str
    destination_config: dict[str, Any]
    cached: bool
    writes: list[list[str]]
    """The streams of each write, one write after the other."""
    result: str
    """The file that gets the counts."""


def run(job: WriteTask) -> dict[str, Any]:
    """Carry out the writes; return PyAirbyte's counts, summed."""
    import airbyte  # type: ignore[import-not-found]  # it lives in an environment of its own

    source = airbyte.get_source(
        "source-faker", config=job["source_config"], local_executable=job["source"], install_if_missing=False
    )
    destination = airbyte.get_destination(
        "destination-intercom",
        config=job["destination_config"],
        local_executable=job["destination"],
        install_if_missing=False,
    )
    processed = 0
    sent: Counter[str] = Counter()
    confirmed: Counter[str] = Counter()
    for streams in job["writes"]:
        chosen: dict[str, Any] = {} if job["cached"] else {"cache": False, "state_cache": False}
        result = destination.write(source, streams=streams, **chosen)
        processed += result.processed_records
        # What the states confirm stands nowhere in public.
        tracker = result._progress_tracker
        sent.update(tracker.destination_stream_records_delivered)
        confirmed.update(tracker.destination_stream_records_confirmed)
    return {"processed": processed, "sent": dict(sent), "confirmed": dict(confirmed)}


def main() -> None:
    """Run the job that the file of the only argument describes."""
    job: WriteTask = json.loads(Path(sys.argv[1]).read_bytes())
    Path(job["result"]).write_text(json.dumps(run(job)), encoding="utf-8")


if __name__ == "__main__":
    main()
