"""Run the connector from a checkout, installed or not: `python main.py spec|check|write …`."""

import sys
from importlib.util import find_spec
from pathlib import Path

if find_spec("destination_intercom") is None:
    sys.path.insert(0, str(Path(__file__).resolve().parent / "destination-intercom"))

from destination_intercom.run import main

if __name__ == "__main__":
    sys.exit(main())
