"""Notes every host that a Python program looks up or connects to, a line each in the file that `REACHED_HOSTS` names.

Python imports it by itself at its start where PYTHONPATH names this folder, so that it watches the programs which are
started by others, too. Knows nothing of these programs.
"""

from __future__ import annotations

import os
import sys
from typing import Any

_PATH = os.environ.get("REACHED_HOSTS")


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    host = None
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    if host is not None and _PATH is not None:
        with open(_PATH, "a", encoding="utf-8") as file:  # noqa: PTH123 - importing pathlib here would slow every start
            file.write(f"{host}\n")


sys.addaudithook(_note)
