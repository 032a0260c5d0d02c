"""The journal: a file of what was made, or was about to be, so that the next start finds what a killed run left.

One for each workspace; it names only what the program made. It knows nothing of Intercom.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import IO


class Journal:
    """Lines of a kind with a name, before something is made, and with its id, once it is."""

    def __init__(self, folder: Path, workspace_id: str) -> None:
        digest = hashlib.sha256(workspace_id.encode()).hexdigest()[:12]
        self._path = folder / f"made-{digest}.jsonl"
        self._lock: IO[str] | None = None

    def lock(self) -> bool:
        """Keep other runs on this machine away from this workspace until `unlock`; return whether there is none.

        A process that is killed leaves no lock behind.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = self._path.with_suffix(".lock").open("w", encoding="utf-8")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            self._lock = None
        return self._lock is not None

    def unlock(self) -> None:
        """Let other runs go on; the file of the lock stays, for one that is gone would keep nobody away."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def read(self) -> list[dict[str, str]]:
        """Return the lines of earlier runs; a line that was cut short is none."""
        entries = []
        for line in self._path.read_text(encoding="utf-8").splitlines() if self._path.exists() else ():
            try:
                entries.append(json.loads(line))
            except ValueError:
                continue
        return entries

    def note(self, kind: str, **told: str) -> None:
        """Add a line, which outlives this process."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(_line(kind, **told))

    def replace(self, left: Iterable[tuple[str, str]], unsure: Iterable[tuple[str, str]]) -> None:
        """Keep what is left, each a kind and an id, and what may be left, each a kind and a name; else the file goes."""
        lines = [_line(kind, id=made) for kind, made in left] + [_line(kind, name=name) for kind, name in unsure]
        if not lines:
            self._path.unlink(missing_ok=True)
            return
        new = self._path.with_suffix(".new")
        new.write_text("".join(lines), encoding="utf-8")
        os.replace(new, self._path)  # noqa: PTH105 - in one step, should the process be killed in it


def _line(kind: str, **told: str) -> str:
    return json.dumps({"kind": kind, **told}) + "\n"
