"""Send events with a custom destination of dlt, written as its page "Custom destination: Reverse ETL" shows.

python dlt_destination.py URL TOKEN COUNT FIRST_CREATED_AT FILE_ITEMS

dlt loads the files of a pipeline at once, up to twenty, and by default there is one file. With FILE_ITEMS other
than 0 a file holds no more than so many events, so that there are several (`data_writer.file_max_items`).
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import dlt
from dlt.sources.helpers import requests


@dlt.destination(batch_size=10, name="intercom")  # type: ignore[untyped-decorator] # dlt is not in the environment of the tests
def send_events(items: list[dict[str, Any]], _table: dict[str, Any], url: str = "", token: str = "") -> None:
    """Send the events of a batch."""
    headers = {"Authorization": f"Bearer {token}", "Intercom-Version": "2.16"}
    for item in items:
        requests.post(f"{url}/events", json=item, headers=headers)


def events(count: int, epoch: int) -> Iterator[dict[str, Any]]:
    """Make events."""
    for number in range(count):
        yield {"event_name": "benchmark", "created_at": epoch + number, "user_id": str(number)}


def main(url: str, token: str, count: str, epoch: str, file_items: str) -> None:
    """Send `count` events."""
    if file_items != "0":
        os.environ["NORMALIZE__DATA_WRITER__FILE_MAX_ITEMS"] = file_items
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    with tempfile.TemporaryDirectory() as folder:
        destination = send_events(url=url, token=token)
        pipeline = dlt.pipeline("benchmark", destination=destination, pipelines_dir=folder)
        pipeline.run(events(int(count), int(epoch)), table_name="events").raise_on_failed_jobs()


if __name__ == "__main__":
    main(*sys.argv[1:])
