"""The image: run as Airbyte runs it, and what its own layers hold."""

from __future__ import annotations

import contextlib
import json
import subprocess
import tarfile
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from integration_tests.support.privacy import Canaries, collect
from integration_tests.support.processes import ROOT, Running

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


class Container(Running):
    """A command in a container, called as Airbyte calls it."""

    deadline = DEADLINE

    def __init__(
        self, *arguments: str, secrets: Path | None = None, options: Sequence[str] = (), words: Sequence[str] = ()
    ) -> None:
        # `words` of the input are words of the connector's, too.
        self._words = words
        self.name = f"destination-intercom-{uuid.uuid4().hex}"
        self._secrets = secrets
        mount = [] if secrets is None else ["-v", f"{secrets}:/secrets:ro"]
        super().__init__(["docker", "run", "--rm", "-i", "--name", self.name, *options, *mount, IMAGE, *arguments])

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        """Give the messages of a type so far, each without its envelope."""
        field = {"CONNECTION_STATUS": "connectionStatus"}.get(kind, kind.lower())
        return [message[field] for message in self.messages if message["type"] == kind]

    def stop(self, *, grace: int = 10) -> float:
        """Stop it as an operator does, with a kill after `grace` seconds; tell the seconds that it took."""
        began = time.monotonic()
        docker("stop", "--time", str(grace), self.name)
        return time.monotonic() - began

    def clean(self) -> None:
        """Remove it, whether it still runs or not."""
        subprocess.run(["docker", "rm", "--force", self.name], check=False, capture_output=True, timeout=DEADLINE)
        self.finish()

    def _keep(self, piece: bytes) -> None:
        if len(self._fed) < SEARCHED:
            super()._keep(piece)

    def _canaries(self) -> Canaries:
        fed = bytes(self._fed[: self._fed.rfind(b"\n", 0, SEARCHED) + 1])
        canaries = collect(fed, self._mounted("config.json"), self._mounted("catalog.json"))
        canaries.allowed |= set(self._words)
        return canaries

    def _told(self) -> list[dict[str, Any]]:
        # Only a state that was fed may be given out, and of a long input not all of it is known here.
        if len(self._fed) <= SEARCHED:
            return self.messages
        return [each for each in self.messages if each["type"] != "STATE"]

    def _mounted(self, name: str) -> Any:
        path = self._secrets and self._secrets / name
        return json.loads(path.read_bytes()) if path and path.exists() else None
