"""The image: run as Airbyte runs it, and what its own layers hold."""

from __future__ import annotations

import contextlib
import json
import subprocess
import tarfile
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from integration_tests.support.privacy import collect, refuse_leaks

ROOT: Final = Path(__file__).resolve().parents[2]
IMAGE: Final = "destination-intercom:dev"
STAND_IN: Final = "destination-intercom-stand-in-base:dev"
DEADLINE: Final = 120.0
SEARCHED: Final = 1 << 20
"""Bytes of the input whose values are searched for in the output; what comes later is of the same kind."""


def docker(*arguments: str) -> str:
    """Give the output of a docker command that must succeed."""
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True, timeout=DEADLINE).stdout


def inspect(image: str) -> dict[str, Any]:
    """Give what the engine knows of an image."""
    document: dict[str, Any] = json.loads(docker("image", "inspect", image))[0]
    return document


def base_image() -> str:
    """Tell what the image was built on: the base of the Dockerfile, or its stand-in."""
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    real = next(line.removeprefix("ARG BASE_IMAGE=") for line in lines if line.startswith("ARG BASE_IMAGE="))
    layers = inspect(IMAGE)["RootFS"]["Layers"]
    for base in (real, STAND_IN):
        with contextlib.suppress(subprocess.CalledProcessError):
            below = inspect(base)["RootFS"]["Layers"]
            if layers[: len(below)] == below:
                return base
    raise LookupError("the image is built on neither")


def save_layers(folder: Path) -> list[Path]:
    """Save the layers that the image adds to its base, each as a tar file."""
    below = len(inspect(base_image())["RootFS"]["Layers"])
    archive = folder / "image.tar"
    docker("save", "--output", str(archive), IMAGE)
    layers = []
    with tarfile.open(archive) as image:
        for number, name in enumerate(json.loads(_read(image, "manifest.json"))[0]["Layers"][below:]):
            layers.append(folder / f"layer-{number}.tar")
            layers[-1].write_bytes(_read(image, name))
    archive.unlink()
    return layers


def _read(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    if file is None:
        raise LookupError(name)
    return file.read()


def files_of(layers: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    """Give each file of the layers: its path from the root, without a slash before it, and its bytes."""
    for layer in layers:
        with tarfile.open(layer) as archive:
            for member in archive:
                if member.isfile():
                    yield member.name.removeprefix("./"), _read(archive, member.name)


class Container:
    """A command in a container, called as Airbyte calls it; lines can be waited for while its stdin is open."""

    def __init__(
        self, *arguments: str, secrets: Path | None = None, options: Sequence[str] = (), words: Sequence[str] = ()
    ) -> None:
        # `words` of the input are words of the connector's, too.
        self._words = words
        self.name = f"destination-intercom-{uuid.uuid4().hex}"
        self._secrets = secrets
        self._fed = bytearray()
        self._is_searched = False
        mount = [] if secrets is None else ["-v", f"{secrets}:/secrets:ro"]
        command = ["docker", "run", "--rm", "-i", "--name", self.name, *options, *mount, IMAGE, *arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.messages: list[dict[str, Any]] = []
        self.stderr = b""
        self._changed = threading.Condition()
        self._ended = False
        self._threads = [threading.Thread(target=target, daemon=True) for target in (self._read_out, self._read_err)]
        for thread in self._threads:
            thread.start()

    def _read_out(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self.messages.append(json.loads(line))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _read_err(self) -> None:
        assert self.process.stderr is not None
        self.stderr = self.process.stderr.read()

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        """Give the messages of a type so far, each without its envelope."""
        field = {"CONNECTION_STATUS": "connectionStatus"}.get(kind, kind.lower())
        return [message[field] for message in self.messages if message["type"] == kind]

    def send(self, *pieces: bytes) -> None:
        """Write to the connector's stdin, as far as it takes it."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            for piece in pieces:
                if len(self._fed) < SEARCHED:
                    self._fed += piece
                self.process.stdin.write(piece)
                self.process.stdin.flush()

    def wait_for(self, kind: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait until `count` messages of a type have come."""
        with self._changed:
            self._changed.wait_for(lambda: len(self.of_type(kind)) >= count or self._ended, timeout=DEADLINE)
            found = self.of_type(kind)
        assert len(found) >= count, f"{len(found)} of {count} messages of type {kind}: {self.stderr!r}"
        return found

    def stop(self, *, grace: int = 10) -> float:
        """Stop it as an operator does, with a kill after `grace` seconds; tell the seconds that it took."""
        began = time.monotonic()
        docker("stop", "--time", str(grace), self.name)
        return time.monotonic() - began

    def finish(self) -> int:
        """End its input and wait for its end; give the exit code."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        code = self.process.wait(timeout=DEADLINE)
        for thread in self._threads:
            thread.join(timeout=DEADLINE)
        self._search()
        return code

    def _search(self) -> None:
        """Search all output for what was fed and mounted, once."""
        if not self._is_searched:
            self._is_searched = True
            fed = bytes(self._fed[: self._fed.rfind(b"\n", 0, SEARCHED) + 1])
            canaries = collect(fed, self._mounted("config.json"), self._mounted("catalog.json"))
            canaries.allowed |= set(self._words)
            # Only a state that was fed may be given out, and of a long input not all of it is known here.
            told = (
                [each for each in self.messages if each["type"] != "STATE"]
                if len(self._fed) > SEARCHED
                else self.messages
            )
            refuse_leaks(canaries, told, [self.stderr.decode(errors="replace")])

    def _mounted(self, name: str) -> Any:
        path = self._secrets and self._secrets / name
        return json.loads(path.read_bytes()) if path and path.exists() else None

    def clean(self) -> None:
        """Remove it, whether it still runs or not."""
        subprocess.run(["docker", "rm", "--force", self.name], check=False, capture_output=True, timeout=DEADLINE)
        self.finish()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
