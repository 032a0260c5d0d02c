"""Make calls with one pooled `requests.Session`: what `requests` alone costs; run by `cpu.py`.

python requests_session.py URL TOKEN COUNT FIRST_CREATED_AT THREADS
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import requests
from requests.adapters import HTTPAdapter


def main(url: str, token: str, count: str, epoch: str, threads: str) -> None:
    """Send `count` events, by so many threads at once."""
    session = requests.Session()
    session.mount("http://", HTTPAdapter(pool_connections=1, pool_maxsize=int(threads)))
    session.headers.update({"Authorization": f"Bearer {token}", "Intercom-Version": "2.16"})

    def post(number: int) -> None:
        metadata = {"plan": "family", "total": 14.99}
        event = {
            "event_name": "Checkout Completed",
            "created_at": int(epoch) + number,
            "user_id": str(number),
            "metadata": metadata,
        }
        session.post(f"{url}/events", json=event, timeout=30).raise_for_status()

    if int(threads) == 1:
        for number in range(int(count)):
            post(number)
        return
    with ThreadPoolExecutor(int(threads)) as pool:
        for _ in pool.map(post, range(int(count))):
            pass


if __name__ == "__main__":
    main(*sys.argv[1:])
