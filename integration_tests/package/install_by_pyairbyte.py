"""Install a destination by PyAirbyte and check it, in PyAirbyte's own environment: `python install_by_pyairbyte.py JOB`.

The job is a JSON file: `pip_url`, what pip is to install, and `config`. The last line printed is JSON: the version that
PyAirbyte found, and whether the check succeeded.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Run the job that the file of the only argument describes."""
    import airbyte  # type: ignore[import-not-found]  # it lives in an environment of its own

    job: dict[str, Any] = json.loads(Path(sys.argv[1]).read_bytes())
    destination = airbyte.get_destination("destination-intercom", config=job["config"], pip_url=job["pip_url"])
    destination.check()
    print(json.dumps({"version": destination.connector_version, "checked": True}))  # noqa: T201 - its answer


if __name__ == "__main__":
    main()
