"""Send events with `requests.post`, one after the other, as a first script does; run by `events.py`.

python requests_loop.py URL TOKEN COUNT FIRST_CREATED_AT
"""

from __future__ import annotations

import sys

import requests


def main(url: str, token: str, count: str, epoch: str) -> None:
    """Send `count` events."""
    headers = {"Authorization": f"Bearer {token}", "Intercom-Version": "2.16"}
    for number in range(int(count)):
        event = {"event_name": "benchmark", "created_at": int(epoch) + number, "user_id": str(number)}
        requests.post(f"{url}/events", json=event, headers=headers, timeout=30).raise_for_status()


if __name__ == "__main__":
    main(*sys.argv[1:])
