"""Where rejected records go: into objects of a storage, one line each, before a state that counts them leaves.

The main thread collects lines in memory, for each stream by itself; threads of their own put them into the
storage and post what is there to the mailbox. Nothing is kept on disk. What is not stored is not done with:
its states wait, and if it never can be stored, the sync fails and the next one reads the records again.

A line is an object: the `record` byte for byte as it was read; which `part` of it was rejected first
(`contacts` or `events`), with the `reason`, `status`, `code`, `message` and `request_id`; the same of the
`other_parts` that were rejected; the record's `ordinal` in the sync, and `rejected_at`. It knows nothing of S3.
"""

from __future__ import annotations

import secrets
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Final

from destination_intercom.airbyte.echo import record_of
from destination_intercom.clock import Clock
from destination_intercom.deep_json import dump_exactly
from destination_intercom.delivery.ledger import Entry
from destination_intercom.delivery.mailbox import Failed, Mailbox, Stored
from destination_intercom.delivery.retry import GIVE_UP_SECONDS, delay
from destination_intercom.errors import (
    ConfigurationError,
    DeliveryError,
    IntercomDestinationError,
    InternalError,
    StorageError,
    StreamName,
)
from destination_intercom.outcomes import Outcome
from destination_intercom.rejects.storage import Storage, name_segment

OBJECT_BYTES: Final = 8 * 1024 * 1024
"""An object is closed at this size, before compression."""

AGE_SECONDS: Final = 10.0
AGE_WITHOUT_ROOM: Final = 1.0
"""Seconds from an object's first line until it is closed; fewer while its records keep others from being read."""

UPLOADS: Final = 4
"""Objects that are on their way into the storage at once."""

HURRIED_DELAY: Final = 1.0


@dataclass(slots=True)
class _Buffer:
    """The lines of a stream that were not handed over yet."""

    opened_at: float
    pieces: list[bytes] = field(default_factory=list, repr=False)
    size: int = 0
    entries: list[Entry] = field(default_factory=list)

    def add(self, row: bytes, entry: Entry) -> None:
        self.size += len(row)
        self.pieces.append(row)
        self.entries.append(entry)

    def content(self, *, compressed: bool) -> bytes:
        # Sent again in the order of the source, the last row of a contact counts, as it did there.
        rows = [row for _, row in sorted(zip(self.entries, self.pieces, strict=True), key=lambda pair: pair[0].ordinal)]
        if not compressed:
            return b"".join(rows)
        # Made only now, for each takes a quarter of a megabyte and there may be a buffer for each of thousands of
        # streams. The format of gzip, without a file's name and time.
        compressor = zlib.compressobj(wbits=31)
        return b"".join([*map(compressor.compress, rows), compressor.flush()])


@dataclass(frozen=True, slots=True)
class _Object:
    """Lines on their way into the storage."""

    key: str
    lines: _Buffer = field(repr=False)


class RejectedRecords:
    """Collects rejected records and stores them; `folder` ends in a slash or is empty.

    The main thread alone calls it. `secret` is blotted out where a message of Intercom's quotes it.
    """

    def __init__(
        self, storage: Storage, *, folder: str, compressed: bool, secret: str, mailbox: Mailbox, clock: Clock
    ) -> None:
        self._storage = storage
        self._folder = folder
        self._compressed = compressed
        self._secret = secret
        self._mailbox = mailbox
        self._clock = clock
        # Two attempts at one sync write to one folder, and must not overwrite each other.
        self._run = secrets.token_hex(6)
        self._parts: dict[Entry, list[tuple[str, Outcome]]] = {}
        self._buffers: dict[StreamName, _Buffer] = {}
        self._objects = 0
        self.waiting = 0
        self._changed = clock.condition()
        self._queue: deque[_Object] = deque()
        self._unstored = 0
        self._workers = 0
        self._idle = 0
        self._hurrying = False
        self._ended = False
        self._stored_objects = 0
        self._stored_records = 0

    def note(self, entry: Entry, kind: str, outcome: Outcome) -> None:
        """Note that a part of a record was rejected; `kind` is the name of its kind of object."""
        self._parts.setdefault(entry, []).append((kind, outcome))

    def add(self, entry: Entry) -> None:
        """Collect a record, all of whose parts have their outcome."""
        now = self._clock.now()
        parts = self._parts.pop(entry)
        ago = now - min((outcome.at for _, outcome in parts if outcome.at is not None), default=now)
        row = make_row(entry, parts, rejected_at=self._clock.wall() - ago, secret=self._secret)
        entry.line = None
        if (buffer := self._buffers.get(entry.stream)) is None:
            buffer = self._buffers[entry.stream] = _Buffer(now)
        buffer.add(row, entry)
        self.waiting += 1
        if buffer.size >= OBJECT_BYTES:
            self._close(entry.stream)

    def note_stored(self, count: int) -> None:
        """Note that `count` records are in the storage."""
        self.waiting -= count

    def due(self, *, room: bool) -> float | None:
        """Tell when the oldest lines are to be handed over; None where there are none."""
        # A stream's lines stand in the order of their first one, for they leave by being taken out.
        oldest = next(iter(self._buffers.values()), None)
        return None if oldest is None else oldest.opened_at + (AGE_SECONDS if room else AGE_WITHOUT_ROOM)

    def close_if_due(self, *, room: bool) -> None:
        """Hand over what has waited long enough; `room` says whether records can still be read."""
        while (due := self.due(room=room)) is not None and due <= self._clock.now():
            self._close(next(iter(self._buffers)))

    def close(self) -> None:
        """Hand over everything that was collected."""
        for stream in list(self._buffers):
            self._close(stream)

    def _close(self, stream: StreamName) -> None:
        buffer = self._buffers.pop(stream)
        one = _Object(self._key(stream), buffer)
        with self._changed:
            self._queue.append(one)
            self._unstored += 1
            if len(self._queue) > self._idle and self._workers < UPLOADS and not self._ended:
                self._workers += 1
                self._clock.start(f"rejects-{self._workers}", self._work)
            else:
                # All of them: one alone may be somebody who waits for the moment of a retry.
                self._changed.notify_all()

    def _key(self, stream: StreamName) -> str:
        self._objects += 1
        moment = self._clock.wall()
        date = datetime.fromtimestamp(moment, timezone.utc).strftime("%Y_%m_%d")
        ending = ".jsonl.gz" if self._compressed else ".jsonl"
        path = "".join(f"{name_segment(name)}/" for name in (stream.namespace, stream.name) if name)
        return f"{self._folder}{path}{date}_{int(moment * 1000)}_{self._objects}_{self._run}{ending}"

    def hurry(self) -> None:
        """Let no retry wait for long any more: the sync is ending."""
        with self._changed:
            self._hurrying = True
            self._changed.notify_all()

    def join(self, until: float) -> bool:
        """Wait until everything that was handed over is stored, or until `until` (seconds); False for the latter."""
        with self._changed:
            while self._unstored and not self._ended and (left := until - self._clock.now()) > 0:
                self._changed.wait(left)
            return not self._unstored or self._ended

    def stop(self) -> None:
        """Begin no more attempts."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def summary(self) -> Iterator[str]:
        """Tell where the records are, and whether any is missing."""
        with self._changed:
            records, objects = self._stored_records, self._stored_objects
        if records:
            yield (
                f"Rejected records stored: {records} (objects: {objects}) below {self._storage.place}/{self._folder}"
            )
        if self.waiting:
            yield (
                f"Rejected records not stored: {self.waiting}. No state that counts them was acknowledged, so"
                " the next sync reads them again."
            )

    def _work(self) -> None:
        try:
            while (one := self._take()) is not None:
                self._store(one)
        except BaseException as error:  # noqa: BLE001 - whatever ends this thread must end the sync, not go unseen
            ours = error if isinstance(error, IntercomDestinationError) else InternalError.from_exception(error)
            self._mailbox.post(Failed(ours))
            self.stop()
        finally:
            with self._changed:
                self._workers -= 1
                self._changed.notify_all()

    def _take(self) -> _Object | None:
        with self._changed:
            while not self._ended:
                if self._queue:
                    return self._queue.popleft()
                self._idle += 1
                self._changed.wait()
                self._idle -= 1
            return None

    def _store(self, one: _Object) -> None:
        """Put one object into the storage, again and again where that may help.

        Raises:
            ConfigurationError: the storage refuses the first object of all.
            DeliveryError: it was given up.
        """
        attempts, began = 0, self._clock.now()
        body = one.lines.content(compressed=self._compressed)
        while (failure := self._attempt(one.key, body)) is not None:
            if failure.refusal is not None and not self._stored_objects:
                raise ConfigurationError(failure.refusal)
            seconds = self._clock.now() - began
            if seconds >= GIVE_UP_SECONDS:
                raise DeliveryError(
                    f"Rejected records could not be stored for {round(seconds / 60)} minutes ({failure.kind})."
                    f" {failure.refusal or 'Check the storage of object_storage_config.'} No state that counts them"
                    " was acknowledged; the next sync continues from there."
                )
            attempts += 1
            if not self._pause(delay(attempts)):
                return
        with self._changed:
            self._unstored -= 1
            self._stored_objects += 1
            self._stored_records += len(one.lines.entries)
            # Posted before whoever waits in `join` can see that nothing is left.
            self._mailbox.post(Stored(tuple(one.lines.entries)))
            self._changed.notify_all()

    def _attempt(self, key: str, body: bytes) -> StorageError | None:
        content_type = "application/gzip" if self._compressed else "application/x-ndjson"
        try:
            self._storage.put(key, body, content_type=content_type)
        except StorageError as error:
            return error
        return None

    def _pause(self, seconds: float) -> bool:
        """Wait before the next attempt; False if there is to be none."""
        with self._changed:
            hurrying = self._hurrying
            until = self._clock.now() + (min(seconds, HURRIED_DELAY) if hurrying else seconds)
            while not self._ended and hurrying is self._hurrying and (left := until - self._clock.now()) > 0:
                self._changed.wait(left)
            return not self._ended


def make_row(entry: Entry, parts: list[tuple[str, Outcome]], *, rejected_at: float, secret: str) -> bytes:
    """Make the line of a record whose rejected parts are `parts`, one or more; `rejected_at` is a unix time."""
    told = [_tell(kind, outcome, secret) for kind, outcome in parts]
    moment = datetime.fromtimestamp(rejected_at, timezone.utc).isoformat(timespec="milliseconds")
    account = {
        **told[0],
        "other_parts": told[1:],
        "ordinal": entry.ordinal,
        "rejected_at": moment.removesuffix("+00:00") + "Z",
    }
    # The record is pasted in as it came: numbers beyond 64 bits and lone surrogates survive. It is the first member,
    # and the `part` after it is the last of its name behind a comma, so that a text tool can cut it out again.
    return b'{"record":' + record_of(entry.line or b"") + b"," + dump_exactly(account)[1:] + b"\n"


def _tell(kind: str, outcome: Outcome, secret: str) -> dict[str, Any]:
    refusal = outcome.refusal
    message = refusal.message if refusal is not None else None
    return {
        "part": kind,
        "reason": outcome.reason,
        "status": refusal.status if refusal is not None else None,
        "code": refusal.code if refusal is not None else None,
        "message": message.replace(secret, "…") if message and secret else message,
        "request_id": refusal.request_id if refusal is not None else None,
    }
