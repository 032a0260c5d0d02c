"""The connector's main job, start to end, on real messages and against a local Intercom.

Starts the emulator on a free loopback port, then runs the commands `spec`, `check` and `write` as
processes, as Airbyte does, and shows what is in Intercom afterwards. Exits with 1 if any of
them did not do its work.

With --open the local Intercom stays, with its page in a browser, until Ctrl-C.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import urllib.request
import webbrowser
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CONNECTOR = [sys.executable, "-m", "destination_intercom.run"]
MESSAGES = ("faker-messages.jsonl", "amplitude-messages.jsonl")
ATTRIBUTES = {"age": "integer", "occupation": "string", "gender": "string"}
SETTINGS = {
    "tokens": {"demo-token": "*"},
    "search_lag": 60,
    "event_lag": 1,
    "latency": 0.02,
    "faults": [{"endpoint": "POST /events", "kind": "html", "status": 502, "at": [20, 120]}],
}


@contextmanager
def local_intercom(folder: Path) -> Iterator[str]:
    """Run the emulator; give its address."""
    settings = folder / "settings.json"
    settings.write_text(json.dumps(SETTINGS))
    command = [sys.executable, "-m", "intercom_emulator", "--port", "0", "--settings", str(settings)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.terminate()


def ask(url: str, document: object = None) -> Any:
    """Use the emulator's control interface."""
    data = None if document is None else json.dumps(document).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
        return json.loads(answer.read() or b"null")


def run(title: str, *arguments: str, stdin: bytes = b"") -> list[dict[str, Any]]:
    """Run one command of the connector and show how it is called; return its messages."""
    print(f"\n$ destination-intercom {title}", flush=True)
    done = subprocess.run([*CONNECTOR, *arguments], input=stdin, stdout=subprocess.PIPE, check=False)
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    for message in messages:
        if message["type"] == "LOG":
            print(f"  {message['log']['level']:5} {message['log']['message']}")
        elif message["type"] == "TRACE":
            print(f"  ERROR {message['trace']['error']['message']}")
    if done.returncode != 0:
        sys.exit(f"exit code {done.returncode}")
    return messages


def show_contents(contents: dict[str, Any]) -> None:
    """Print what is in Intercom now."""
    contacts = [contact for contact in contents["contacts"] if not contact.get("archived")]
    print("\nIn Intercom now")
    print(f"  contacts: {len(contacts)}, such as")
    for contact in contacts[:2]:
        shown = {key: contact[key] for key in ("external_id", "name", "email", "custom_attributes")}
        print(f"    {json.dumps(shown, ensure_ascii=False)}")
    names = Counter(event["event_name"] for event in contents["events"])
    print(f"  events: {len(contents['events'])}")
    for name, count in sorted(names.items()):
        print(f"    {count:4} {name}")
    print("  calls that Intercom counted:")
    for endpoint, count in sorted(contents["calls"].items()):
        print(f"    {count:4} {endpoint}")


def keep_open(url: str) -> None:
    """Say where the page is, open it where there is a browser with windows, and wait for Ctrl-C."""
    with contextlib.suppress(KeyboardInterrupt):
        print(f"\nLook at it: {url}\n  Ctrl-C ends the local Intercom.", flush=True)
        if sys.platform == "darwin" or {"DISPLAY", "WAYLAND_DISPLAY", "BROWSER"} & os.environ.keys():
            with contextlib.suppress(webbrowser.Error):
                webbrowser.open(url)
        signal.pause()


NEXT = """
Where to look next
  your own records, without an account   docs/intercom.md, "Write the mapping": destination-intercom preview
  the fields of the form, one by one     docs/intercom.md, "Setup guide"
  a configuration for your source        docs/recipes.md
  a local Intercom to try it on          .venv/bin/intercom-emulator --port 8080   (docs/emulator.md)
  what a sync did there, in a browser    make demo OPEN=1
  the image, and Airbyte                 README.md, "Use it in Airbyte"
"""


def main() -> None:
    """Run the demo."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--open", action="store_true", help="leave the local Intercom running, with its page")
    stays = parser.parse_args().open
    with tempfile.TemporaryDirectory() as name, local_intercom(Path(name)) as url:
        folder = Path(name)
        seed = [{"name": attribute, "data_type": kind} for attribute, kind in ATTRIBUTES.items()]
        ask(f"{url}/_emulator/seed", {"data_attributes": seed})
        config = json.loads((HERE / "config.json").read_text(encoding="utf-8"))
        path = folder / "config.json"
        path.write_text(json.dumps({**config, "api_base_url": url}))
        catalog = str(HERE / "catalog.json")
        lines = b"".join((HERE / each).read_bytes() for each in MESSAGES)

        spec = run("spec", "spec")[-1]["spec"]["connectionSpecification"]
        print(f"  {len(spec['properties'])} sections: {', '.join(spec['properties'])}")
        status = run("check --config config.json", "check", "--config", str(path))[-1]["connectionStatus"]
        print(f"  {status['status']}")
        title = f"write --config config.json --catalog catalog.json < messages   ({lines.count(b'RECORD')} records)"
        written = run(title, "write", "--config", str(path), "--catalog", catalog, stdin=lines)
        states = [message["state"] for message in written if message["type"] == "STATE"]
        counts = [state["destinationStats"] for state in states]
        print(
            f"  {len(states)} states acknowledged: {sum(each['recordCount'] for each in counts)} records,"
            f" {sum(each['rejectedRecordCount'] for each in counts)} rejected"
        )
        show_contents(ask(f"{url}/_emulator/state"))
        if status["status"] != "SUCCEEDED" or len(states) != lines.count(b'"STATE"'):
            sys.exit("the demo did not do its work")
        print(NEXT, end="")
        if stays:
            keep_open(url)


if __name__ == "__main__":
    main()
