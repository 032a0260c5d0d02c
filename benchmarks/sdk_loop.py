"""Send events with the python-intercom SDK, one after the other; run by `events.py` in the SDK's environment.

python sdk_loop.py URL TOKEN COUNT FIRST_CREATED_AT
"""

from __future__ import annotations

import importlib
import sys


def main(url: str, token: str, count: str, epoch: str) -> None:
    """Send `count` events."""
    # By name, for it is no dependency of the project.
    sdk = importlib.import_module("intercom")
    request = getattr(importlib.import_module("intercom"), "CreateDataEventRequestWithUserId", None)
    client = sdk.Intercom(token=token, base_url=url)
    for number in range(int(count)):
        fields = {"event_name": "benchmark", "created_at": int(epoch) + number, "user_id": str(number)}
        client.events.create(request=request(**fields) if request else fields)


if __name__ == "__main__":
    main(*sys.argv[1:])
