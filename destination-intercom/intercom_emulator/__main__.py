"""`intercom-emulator`, or `python -m intercom_emulator`: the emulator as a process of its own."""

import argparse
import json
import os
import pathlib
import signal
import sys
from importlib import metadata

from intercom_emulator import control, faults, settings
from intercom_emulator.core import Intercom
from intercom_emulator.definitions import read_definitions
from intercom_emulator.server import Server

_EPILOG = f"""\
At start it prints one line of JSON: {{"url": "http://127.0.0.1:PORT", "pid": N}}. SIGTERM and SIGINT end it.
Use the printed url in the place of https://api.intercom.io, and test-token as the access token. In a browser the same
address shows what the workspace holds, what was called, and what became of it.

settings (a JSON object in the file of --settings; all optional; [?]: nobody knows which answer is Intercom's):
{settings.explain()}

faults (the setting `faults`, or POST /_emulator/faults):
{faults.EXPLANATION}

control interface (no token needed):
{control.EXPLANATION}

example:
  curl -s $URL/contacts -H 'Authorization: Bearer test-token' -H 'Content-Type: application/json' \\
       -d '{{"external_id": "42", "email": "ada@example.com"}}'
  curl -s $URL/_emulator/state
"""


def main(arguments: list[str] | None = None) -> int:
    """Serve until a signal comes; return the exit code: 0, or 2 where the settings or the address make no sense."""
    parser = argparse.ArgumentParser(
        prog="intercom-emulator",
        description="A local Intercom: contacts, companies, tags and data events, with quota, lags and faults.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"intercom-emulator {_version()}")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=0, help="0: any free port (default)")
    parser.add_argument("--settings", type=pathlib.Path, metavar="FILE", help="settings as JSON")
    parser.add_argument("--seed", type=pathlib.Path, metavar="FILE", help="a situation to begin with, as JSON")
    parser.add_argument(
        "--attributes",
        type=pathlib.Path,
        metavar="FILE",
        help="data attributes of another workspace: answers of GET /data_attributes as JSON; kept over a reset",
    )
    chosen = parser.parse_args(arguments)
    try:
        server = _server(chosen)
    except (ValueError, TypeError, OSError) as error:
        print(f"intercom-emulator: {error}", file=sys.stderr)  # noqa: T201 - this is a program
        return 2
    # Blocked before any thread begins, the signals reach nobody but the wait below.
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    with server:
        print(json.dumps({"url": server.url, "pid": os.getpid()}), flush=True)  # noqa: T201 - the promised line
        signal.sigwait(ends)
    return 0


def _version() -> str:
    try:
        return metadata.version("airbyte-destination-intercom")
    except metadata.PackageNotFoundError:
        return "0+checkout"


def _server(chosen: argparse.Namespace) -> Server:
    """Return a server with the settings and the situation that the command line names."""
    values = json.loads(chosen.settings.read_text()) if chosen.settings else {}
    attributes = read_definitions(json.loads(chosen.attributes.read_text("utf-8"))) if chosen.attributes else ()
    intercom = Intercom(settings.Settings.from_dict(values), attributes=attributes)
    if chosen.seed:
        intercom.seed(json.loads(chosen.seed.read_text()))
    return Server(intercom, host=chosen.host, port=chosen.port)


if __name__ == "__main__":
    sys.exit(main())
