"""Picture the page of the local Intercom after the demo's sync, with a Chromium at hand: overview.png.

    python docs/page/screenshot.py

The windows are short and grant little, so that there are many of them; every fiftieth event meets a 502.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "destination-intercom"))

from integration_tests.support.browser import browsing, find_browser
from intercom_emulator import Intercom, Server, Settings

FOLDER: Final = Path(__file__).resolve().parent
DEMO: Final = FOLDER.parents[1] / "integration_tests" / "demo"
MESSAGES: Final = ("faker-messages.jsonl", "amplitude-messages.jsonl")
WIDTH: Final = 1100
SETTINGS: Final = {
    "tokens": {"demo-token": "*"},
    "search_lag": 60,
    "event_lag": 1,
    "latency": 0.02,
    "limit": 40,
    "window_seconds": 2,
    "faults": [{"endpoint": "POST /events", "kind": "html", "status": 502, "every": 50}],
}
ATTRIBUTES: Final = {"age": "integer", "occupation": "string", "gender": "string"}


def run_sync(url: str) -> None:
    """Send the demo's messages to an Intercom."""
    with tempfile.TemporaryDirectory() as folder:
        config = {**json.loads((DEMO / "config.json").read_text(encoding="utf-8")), "api_base_url": url}
        path = Path(folder) / "config.json"
        path.write_text(json.dumps(config), encoding="utf-8")
        command = [sys.executable, "-m", "destination_intercom.run", "write"]
        subprocess.run(
            [*command, "--config", str(path), "--catalog", str(DEMO / "catalog.json")],
            input=b"".join((DEMO / each).read_bytes() for each in MESSAGES),
            stdout=subprocess.DEVNULL,
            check=True,
        )


def main() -> None:
    """Run the sync and take the picture, where there is a browser."""
    path = find_browser()
    if path is None:
        sys.stderr.write("No Chromium here: docs/page/overview.png is left as it was.\n")
        return
    intercom = Intercom(Settings.from_dict(SETTINGS))
    intercom.seed({"data_attributes": [{"name": name, "data_type": kind} for name, kind in ATTRIBUTES.items()]})
    with Server(intercom) as server, browsing(path) as browser:
        run_sync(server.url)
        browser.resize(WIDTH)
        browser.prefer("light")
        browser.go(server.url)
        # Down to the end of a section.
        bottom = browser.run("document.getElementById('latest').getBoundingClientRect().bottom + 16")
        browser.resize(WIDTH, round(bottom))
        (FOLDER / "overview.png").write_bytes(browser.take_picture())


if __name__ == "__main__":
    main()
