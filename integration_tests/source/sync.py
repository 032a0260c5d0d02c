"""One sync by PyAirbyte, in PyAirbyte's own environment: `python sync.py JOB`, a JSON file, see `WriteTask`.

It knows PyAirbyte and nothing of what is sent. It notes every address that PyAirbyte wanted to reach,
since a client that is told to stay offline must reach nobody.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any, TypedDict

_LOCAL = ("127.0.0.1", "::1", "localhost", None)


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


def note_addresses(reached: set[str]) -> None:
    """Add to `reached` every host beyond this machine that is looked up or connected to from now on."""

    def look(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.getaddrinfo" and arguments[0] not in _LOCAL:
            reached.add(str(arguments[0]))
        if event == "socket.connect" and isinstance(arguments[1], tuple) and arguments[1][0] not in _LOCAL:
            reached.add(str(arguments[1][0]))

    sys.addaudithook(look)


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
    reached: set[str] = set()
    note_addresses(reached)
    counts = run(job)
    Path(job["result"]).write_text(json.dumps({**counts, "reached": sorted(reached)}), encoding="utf-8")


if __name__ == "__main__":
    main()
