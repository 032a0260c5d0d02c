"""Send events with the python-intercom SDK, one after the other, as its documentation shows; run by `events.py`.

python sdk_loop.py URL TOKEN COUNT FIRST_CREATED_AT
"""

from __future__ import annotations

import sys

from intercom import CreateDataEventRequestWithUserId, Intercom


def main(url: str, token: str, count: str, epoch: str) -> None:
    """Send `count` events."""
    client = Intercom(token=token, base_url=url)
    for number in range(int(count)):
        client.events.create(
            request=CreateDataEventRequestWithUserId(
                user_id=str(number),
                event_name="benchmark",
                created_at=int(epoch) + number,
            ),
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
