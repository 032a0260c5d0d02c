"""What a storage of objects is, how its objects are named, and the proof that it can be written to.

It knows nothing of records, and nothing of S3.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any, Final, Protocol
from urllib.parse import quote

from destination_intercom.clock import Clock
from destination_intercom.delivery.retry import delay
from destination_intercom.errors import ConfigurationError, StorageError

LONGEST_NAME: Final = 200
"""Of a namespace or a stream in an object's name, which has at most 1,024 bytes (Amazon's documentation)."""

PROOF_TRIES: Final = 3


class Storage(Protocol):
    """Keeps objects under names; thread-safe. `place` tells the user where, such as `s3://bucket`."""

    @property
    def place(self) -> str:
        """Tell where the objects are."""

    def put(self, key: str, body: bytes, *, content_type: str) -> None:
        """Keep `body` under the name `key`, in one attempt; raises a `StorageError`."""

    def delete(self, key: str) -> None:
        """Delete what is kept under the name `key`, in one attempt; raises a `StorageError`."""


class KeptObjects(Protocol):
    """Objects that can be read, piece by piece; thread-safe. `place` is as a `Storage` has it."""

    @property
    def place(self) -> str:
        """Tell where the objects are."""

    def names(self, prefix: str) -> list[tuple[str, int]]:
        """Tell the names of the objects below a prefix, with their sizes in bytes; raises a `StorageError`."""

    def size(self, key: str) -> int:
        """Tell the size of an object in bytes, in one attempt; raises a `StorageError`."""

    def read(self, key: str, offset: int, size: int) -> bytes:
        """Read `size` bytes of an object, or those that there are, in one attempt; raises a `StorageError`."""


def name_segment(name: str) -> str:
    """Write a namespace or a stream as one part of an object's name, so that no two are written alike."""
    text = quote(name, safe=" ", errors="surrogatepass")
    if text.strip(".") == "":
        # Some stores take these for folders.
        text = text.replace(".", "%2E")
    if len(text) <= LONGEST_NAME:
        return text
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{text[: LONGEST_NAME - len(digest) - 1]}-{digest}"


def sync_folder(bucket_path: str | None, catalog: Any, *, began_at: float) -> str:
    """Tell the folder of a sync: the prefix, and the `sync_id` of the configured catalog, or else its start.

    Airbyte links to the folder of the id, which is its job's. `began_at` is a unix time in seconds.
    """
    entries = catalog.get("streams") if isinstance(catalog, dict) else None
    first = entries[0] if isinstance(entries, list) and entries else None
    sync_id = first.get("sync_id") if isinstance(first, dict) else None
    if not isinstance(sync_id, int) or isinstance(sync_id, bool):
        sync_id = _write_moment(began_at)
    return f"{prefix_folder(bucket_path)}{sync_id}/"


def replay_folder(bucket_path: str | None, *, began_at: float) -> str:
    """Tell the folder of a replay that began at a unix time, in seconds."""
    return f"{prefix_folder(bucket_path)}replay-{_write_moment(began_at)}/"


def _write_moment(moment: float) -> str:
    return datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%dT%H-%M-%SZ")


def prefix_folder(bucket_path: str | None) -> str:
    """Tell the folder that the user's prefix is: it ends in one slash, or is empty."""
    path = (bucket_path or "").rstrip("/")
    return f"{path}/" if path else ""


def prove(storage: Storage, folder: str, *, clock: Clock, seconds: float) -> str | None:
    """Put a small object into the storage and delete it again; return a warning where only that cannot be done.

    Gives up after three tries of each, or `seconds`.

    Raises:
        ConfigurationError: the storage refuses it, or does not answer.
    """
    key = f"{folder}check_{secrets.token_hex(6)}.txt"
    text = b"Written and deleted by the test of an Airbyte destination.\n"
    until = clock.now() + seconds
    failure = _try(lambda: storage.put(key, text, content_type="text/plain"), clock, until)
    if failure is not None:
        raise ConfigurationError(
            failure.refusal
            or f"The object storage {storage.place} does not answer as it should ({failure.kind}): check s3_endpoint"
            " and s3_bucket_region, and whether a firewall or a proxy is in the way."
        )
    failure = _try(lambda: storage.delete(key), clock, until)
    if failure is None:
        return None
    return (
        f"The test's object {storage.place}/{key} could not be deleted ({failure.kind}): delete it yourself. Only the"
        " test deletes; a sync needs nothing but s3:PutObject."
    )


def _try(action: Callable[[], None], clock: Clock, until: float) -> StorageError | None:
    """Do something up to three times; return the failure of the last."""
    failure: StorageError | None = None
    for attempt in range(1, PROOF_TRIES + 1):
        try:
            action()
        except StorageError as error:
            failure = error
        else:
            return None
        pause = delay(attempt)
        if failure.refusal is not None or attempt == PROOF_TRIES or clock.now() + pause >= until:
            break
        clock.sleep(pause)
    return failure
