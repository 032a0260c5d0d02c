"""The objects that rejected records are read from again: files of this machine, and what is in the storage.

An object is read piece by piece, and nothing of it stays open between two pieces: it may be large, and hours may lie
between them. Whether it is compressed its content says. It knows nothing of what is in it.
"""

from __future__ import annotations

import gzip
import io
import os
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from destination_intercom.airbyte.reader import LONGEST_LINE
from destination_intercom.clock import Clock
from destination_intercom.delivery.retry import delay
from destination_intercom.errors import ConfigurationError, InputError, StorageError
from destination_intercom.rejects.storage import KeptObjects

PIECE_BYTES: Final = 256 * 1024
"""What is read of an object at once: S3 has a request for each."""

READ_TRIES: Final = 6

GZIP: Final = b"\x1f\x8b"
"""What a compressed object begins with (RFC 1952); no JSON does."""

SCHEME: Final = "s3://"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RejectObject:
    """An object; `name` is what the user calls it, and `read` gives so many bytes of it from an offset on."""

    name: str
    size: int
    read: Callable[[int, int], bytes] = field(repr=False, compare=False)


def find_objects(names: Iterable[str], storage: KeptObjects | None, *, clock: Clock) -> list[RejectObject]:
    """Find the objects that `names` tell, each once: files, folders, and objects or prefixes (`/`) of the storage.

    `storage` is None where none is configured.

    Raises:
        ConfigurationError: there is no such object, or none in a folder.
        InputError: it cannot be read.
    """
    found: dict[str, RejectObject] = {}
    for name in names:
        objects = list(_find_stored(name, storage, clock) if name.startswith(SCHEME) else _find_files(Path(name)))
        if not objects:
            raise ConfigurationError(f"There are no objects in {name}: check its path.")
        found.update((each.name, each) for each in objects)
    return list(found.values())


def _find_files(path: Path) -> Iterator[RejectObject]:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            for below in sorted(path.iterdir()):
                if not below.name.startswith("."):
                    yield from _find_files(below)
        elif stat.S_ISREG(mode):
            yield RejectObject(str(path), path.stat().st_size, partial(_read_file, path))
        else:
            raise ConfigurationError(f"{path} is no file: write what it gives to a file, which is read twice.")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read ({error.strerror}): check its path.") from None


def _read_file(path: Path, offset: int, size: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(size)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): check it, and run the replay again.") from None


def _find_stored(name: str, storage: KeptObjects | None, clock: Clock) -> Iterator[RejectObject]:
    if storage is None:
        raise ConfigurationError(
            f"{name} is in a storage, and none is configured: set object_storage_config to the one that it is in, or"
            " fetch the object and name the file."
        )
    bucket, _, key = name.removeprefix(SCHEME).partition("/")
    if f"{SCHEME}{bucket}" != storage.place:
        raise ConfigurationError(
            f"{name} is in another bucket than {storage.place}, which object_storage_config names: set s3_bucket_name"
            " to that bucket, or fetch the object and name the file."
        )
    if key and not key.endswith("/"):
        sizes = [(key, _persist(partial(storage.size, key), name, clock))]
    else:
        sizes = _persist(partial(storage.names, key), name, clock)
    for each, size in sizes:
        whole = f"{storage.place}/{each}"
        if size:
            yield RejectObject(whole, size, partial(_read_stored, storage, each, whole, clock))


def _read_stored(storage: KeptObjects, key: str, name: str, clock: Clock, offset: int, size: int) -> bytes:
    return _persist(partial(storage.read, key, offset, size), name, clock)


def _persist(action: Callable[[], T], name: str, clock: Clock) -> T:
    """Ask the storage, several times where that may help."""
    for attempt in range(1, READ_TRIES + 1):
        try:
            return action()
        except StorageError as error:
            if error.refusal is None and attempt < READ_TRIES:
                clock.sleep(delay(attempt))
                continue
            raise InputError(
                f"{name} cannot be read ({error.kind}): check its name, which ends in / if it is a folder. The"
                " credentials need s3:GetObject, and s3:ListBucket for a folder."
            ) from None
    raise AssertionError("the last attempt returns or raises")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an object without its end: its number from 1, and the offset of what follows it, decompressed."""

    number: int
    content: bytes = field(repr=False)
    end: int


def read_lines_of(one: RejectObject, *, offset: int = 0, number: int = 1) -> Iterator[Line]:
    """Read the lines of an object from an offset on, at which line `number` begins.

    Raises:
        InputError: it cannot be read, its compression is damaged or cut off, or a line has no end.
    """
    raw = io.BufferedReader(_Pieces(one), PIECE_BYTES)
    stream: io.BufferedIOBase = raw
    if raw.peek(len(GZIP))[: len(GZIP)] == GZIP:
        stream = gzip.GzipFile(fileobj=raw)
    try:
        stream.seek(offset)
        while content := stream.readline(LONGEST_LINE + 1):
            if len(content) > LONGEST_LINE:
                raise InputError(f"Line {number} of {one.name} is too long for a rejected record: check the object.")
            offset += len(content)
            yield Line(number, content.rstrip(b"\r\n"), offset)
            number += 1
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise InputError(
            f"The compression of {one.name} is damaged or cut off, from line {number} on: fetch the object again."
        ) from None


class _Pieces(io.RawIOBase):
    """An object as a stream that can be sought."""

    def __init__(self, one: RejectObject) -> None:
        self._one = one
        self._at = 0

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that it can be sought."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to an offset."""
        self._at = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._one.size}[whence] + offset
        return self._at

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override] # it is one, of a BufferedReader
        """Read what follows; 0 at the end."""
        size = min(len(buffer), self._one.size - self._at)
        piece = self._one.read(self._at, size) if size > 0 else b""
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)
