"""A storage in memory, on a virtual clock, that fails as it is told to."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterable
from typing import Any

from destination_intercom.errors import StorageError
from integration_tests.support.virtual_clock import VirtualClock

S3_SECTION = {
    "storage_type": "S3",
    "access_key_id": "AKIDEXAMPLE",
    "secret_access_key": "secret-example",
    "s3_bucket_name": "refused",
    "s3_bucket_region": "us-east-1",
    "bucket_path": "intercom",
}
"""A storage in the configuration; the tests that use it pass a fake in its place."""

TIMEOUT = StorageError("ReadTimeoutError")
DENIED = StorageError("status 403, code AccessDenied", refusal="The object storage refuses records.")


class FakeStorage:
    """Keeps objects in a dictionary.

    `script` says what becomes of the attempt with a number (from 1): None for done. Each takes `seconds`.
    """

    place = "s3://refused"

    def __init__(
        self, clock: VirtualClock, *, script: Callable[[int], StorageError | None] = lambda _: None, seconds: float = 0
    ) -> None:
        self.objects: dict[str, bytes] = {}
        self.content_types: dict[str, str] = {}
        self.deleted: list[str] = []
        self.attempts: list[float] = []
        self._clock = clock
        self._script = script
        self._seconds = seconds
        self._guard = threading.Lock()

    def put(self, key: str, body: bytes, *, content_type: str) -> None:
        with self._guard:
            self.attempts.append(self._clock.now())
            number = len(self.attempts)
        if self._seconds:
            self._clock.sleep(self._seconds)
        failure = self._script(number)
        if failure is not None:
            raise StorageError(failure.kind, refusal=failure.refusal)
        with self._guard:
            assert key not in self.objects, f"{key} was overwritten"
            self.objects[key] = body
            self.content_types[key] = content_type

    def delete(self, key: str) -> None:
        self.deleted.append(key)
        self.objects.pop(key, None)

    def names(self, prefix: str) -> list[tuple[str, int]]:
        return [(key, len(body)) for key, body in self.objects.items() if key.startswith(prefix)]

    def size(self, key: str) -> int:
        return len(self.read(key, 0, 1 << 30))

    def read(self, key: str, offset: int, size: int) -> bytes:
        if key not in self.objects:
            raise StorageError("status 404, code NoSuchKey", refusal="There is no such object.")
        return self.objects[key][offset : offset + size]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """All lines of all objects, in the order of the records."""
        return sorted(read_rows(self.objects.items()), key=lambda row: int(row["ordinal"]))


def read_rows(objects: Iterable[tuple[str, bytes]]) -> list[dict[str, Any]]:
    """Parse the lines of objects, each given with its name."""
    texts = [gzip.decompress(body) if key.endswith(".gz") else body for key, body in objects]
    return [json.loads(line) for text in texts for line in text.splitlines()]
