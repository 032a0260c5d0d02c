"""Make faker-messages.jsonl: what Airbyte's own source-faker prints for 300 invented people and their purchases.

The source runs as a process in a virtual environment of its own, since it needs another CDK than the connector. What it
prints is kept byte for byte, LOG and TRACE messages included: the connector has to live with them. The people are the
same at each run (one seed, one worker); the times of the run are not, nor those of purchases, which the source draws
between a past day and today.

    python integration_tests/demo/make_faker_messages.py [--source-faker PATH]
"""

import argparse
import json
import subprocess
import tempfile
import venv
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
MESSAGES = HERE / "faker-messages.jsonl"
CATALOG = HERE / "catalog.json"

SOURCE = "airbyte-source-faker==7.2.1"
STREAMS = ("users", "purchases")
# One worker, since each worker draws from a seed of its own; small slices, so that states come in between.
CONFIG = {"count": 300, "seed": 42, "records_per_slice": 100, "parallelism": 1, "always_updated": False}


def main() -> None:
    """Run the source and keep what it prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source-faker", type=Path, help=f"an installed source-faker (default: install {SOURCE})")
    chosen: Path | None = parser.parse_args().source_faker
    with tempfile.TemporaryDirectory() as folder:
        executable = chosen or install_source(Path(folder) / "venv")
        MESSAGES.write_bytes(read_source(executable, Path(folder)))
    print(f"{MESSAGES.name}: {len(MESSAGES.read_bytes().splitlines())} messages")


def install_source(folder: Path) -> Path:
    """Install the source into a new virtual environment and return the path of its executable."""
    venv.create(folder, with_pip=True)
    subprocess.run([folder / "bin" / "pip", "install", "--quiet", SOURCE], check=True, stdin=subprocess.DEVNULL)
    return folder / "bin" / "source-faker"


def read_source(executable: Path, folder: Path) -> bytes:
    """Return what `source-faker read` prints; its catalog and configuration are written to `folder`."""
    config, catalog = folder / "config.json", folder / "catalog.json"
    config.write_text(json.dumps(CONFIG), encoding="utf-8")
    catalog.write_text(json.dumps({"streams": source_streams()}), encoding="utf-8")
    command: list[str | Path] = [executable, "read", "--config", config, "--catalog", catalog]
    return subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout


def source_streams() -> list[dict[str, Any]]:
    """Return the demo catalog's streams that source-faker has, as configured there."""
    streams = json.loads(CATALOG.read_text(encoding="utf-8"))["streams"]
    return [stream for stream in streams if stream["stream"]["name"] in STREAMS]


if __name__ == "__main__":
    main()
