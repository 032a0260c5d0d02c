"""Rejected records, read again: every row is looked at once before any is sent, then all are given out oldest first.

A row is a line that `collector` has made. The rows of an object are in the order of the source, by their ordinals, and
so are those of all objects of one attempt at a sync, whose mark is in their names: one person's rows may be in objects
of several streams, rejected in the same moment. What attempts have left is merged by when it was rejected, and so are
objects without a mark. Each object is opened when its time has come. Where the rows of one file are in no such order,
since it was put together of several objects, each stretch of it that is in order counts as an object.

Memory holds a piece of each object that is open, and where each stretch begins. It knows nothing of Intercom.
"""

from __future__ import annotations

import heapq
import math
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import partial
from typing import Any, Final, TypeAlias

from destination_intercom.airbyte.messages import RecordMessage, parse_json, read_record
from destination_intercom.airbyte.reader import CHUNK_BYTES, EndOfInput, InputSink, Lines
from destination_intercom.errors import InputError, IntercomDestinationError, InternalError, StreamName
from destination_intercom.rejects.objects import RejectObject, read_lines_of

SECONDS_APART: Final = 60.0
"""No row of a stretch is older by more than this than one before it: an object is closed after ten seconds."""

ATTEMPT: Final = re.compile(r"_([0-9a-f]{12})\.jsonl(?:\.gz)?$")
"""The mark of the attempt at a sync in an object's name, as the connector stores it."""

MOST_STRETCHES: Final = 1_000
"""Stretches of one object: each is read by itself, and a compressed one from the beginning."""


_Keyed: TypeAlias = Iterator[tuple[tuple[float, float], bytes]]
"""Lines of rows with what they are merged by."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row: the record, which says when it was rejected; its number in the sync, if told.

    `reasons` are those of its rejected parts, and `kinds` the kinds of object that these are.
    """

    record: RecordMessage
    rejected_at: float
    reasons: frozenset[str] = field(repr=False)
    kinds: frozenset[str] = field(repr=False)
    ordinal: int | None

    @property
    def stream(self) -> StreamName:
        """Tell the record's stream."""
        return StreamName(self.record.stream, self.record.namespace)


def parse_row(line: bytes, place: str) -> Row:
    """Parse a row that is found at `place`, such as "Line 3 of rejected.jsonl".

    Raises:
        InputError: it is none.
    """
    try:
        document = parse_json(line)
    except ValueError:
        raise InputError(
            f"{place} is not JSON, or is cut off: fetch the object again. Nothing after it can be trusted."
        ) from None
    record = read_record(document.get("record")) if isinstance(document, dict) else None
    rejected_at = _read_time(document.get("rejected_at")) if isinstance(document, dict) else None
    if record is None or rejected_at is None:
        raise InputError(
            f"{place} is no rejected record, with its record and rejected_at: name the objects that the connector has"
            " stored, and no others."
        )
    ordinal = document.get("ordinal")
    return Row(
        replace(record, rejected_at=rejected_at),
        rejected_at,
        frozenset(_tell_of_parts(document, "reason")),
        frozenset(_tell_of_parts(document, "part")),
        ordinal if isinstance(ordinal, int) else None,
    )


def _read_time(value: Any) -> float | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.removesuffix("Z") + ("+00:00" if value.endswith("Z") else ""))
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo is not None else moment.replace(tzinfo=timezone.utc).timestamp()


def _tell_of_parts(document: dict[str, Any], name: str) -> Iterator[str]:
    others = document.get("other_parts")
    for part in (document, *(others if isinstance(others, list) else ())):
        if isinstance(part, dict) and isinstance(part.get(name), str):
            yield part[name]


@dataclass(slots=True)
class _Stretch:
    """Rows of an object that are in order, from line `number` at `offset` on; `lines` of them, blank ones too.

    `first` tells when the first one was rejected, `ordinal` its number; `attempt` the mark of the attempt at a sync.
    """

    one: RejectObject
    offset: int
    number: int
    first: float
    ordinal: float
    attempt: str | None = field(repr=False)
    lines: int = 0


@dataclass(slots=True)
class RejectedRows:
    """The rows of some objects, without those that are not wanted: how many, of which streams, from when to when."""

    wanted: frozenset[str] = frozenset()
    count: int = 0
    left_out: int = 0
    oldest: float = math.inf
    newest: float = -math.inf
    streams: dict[StreamName, str] = field(default_factory=dict)
    """The streams of the rows, each with the place of the first one."""
    _stretches: list[_Stretch] = field(default_factory=list)

    def read(self) -> Iterator[bytes]:
        """Give out the lines of all rows, oldest first; see the module."""
        attempts = defaultdict[object, list[_Stretch]](list)
        for stretch in self._stretches:
            attempts[stretch.attempt or (stretch.one.name, stretch.number)].append(stretch)
        sources = [(min(each.first for each in some), partial(self._rows_of, some)) for some in attempts.values()]
        for _, line in _merge(sources):
            yield line

    def _rows_of(self, stretches: list[_Stretch]) -> _Keyed:
        """Give out the rows of one attempt in their order, with when they were rejected."""
        for (ordinal, rejected_at), line in _merge([(each.ordinal, partial(self._read, each)) for each in stretches]):
            yield (rejected_at, ordinal), line

    def _read(self, stretch: _Stretch) -> _Keyed:
        lines = read_lines_of(stretch.one, offset=stretch.offset, number=stretch.number)
        for _, line in zip(range(stretch.lines), lines, strict=False):
            if not line.content.strip():
                continue
            row = parse_row(line.content, f"Line {line.number} of {stretch.one.name}")
            if self.wants(row):
                yield (_order(row), row.rejected_at), line.content

    def wants(self, row: Row) -> bool:
        """Say whether a row is to be given out."""
        return not self.wanted or not self.wanted.isdisjoint(row.reasons)

    def note(self, row: Row, place: str) -> None:
        """Count a row that is found at `place`."""
        if not self.wants(row):
            self.left_out += 1
            return
        self.count += 1
        self.oldest, self.newest = min(self.oldest, row.rejected_at), max(self.newest, row.rejected_at)
        self.streams.setdefault(row.stream, place)

    def add_stretches(self, stretches: Iterable[_Stretch]) -> None:
        """Note where rows are."""
        self._stretches += stretches


def _order(row: Row) -> float:
    return math.inf if row.ordinal is None else row.ordinal


def _merge(sources: Iterable[tuple[float, Callable[[], _Keyed]]]) -> _Keyed:
    """Merge rows by what they come with, each source opened when its first is due."""
    waiting = sorted(sources, key=lambda source: source[0])[::-1]
    heap: list[tuple[tuple[float, float], int, bytes, _Keyed]] = []
    opened = 0
    while waiting or heap:
        while waiting and (not heap or waiting[-1][0] <= heap[0][0][0]):
            opened += 1
            rows = waiting.pop()[1]()
            if (head := next(rows, None)) is not None:
                heapq.heappush(heap, (head[0], opened, head[1], rows))
        if not heap:
            continue
        key, number, line, rows = heap[0]
        yield key, line
        head = next(rows, None)
        if head is None:
            heapq.heappop(heap)
        else:
            heapq.heapreplace(heap, (head[0], number, head[1], rows))


def find_rows(objects: Iterable[RejectObject], reasons: Collection[str] = ()) -> RejectedRows:
    """Look at every row of the objects; of `reasons` only, if there are any.

    Raises:
        InputError: a line is no row, an object cannot be read, or its rows are in no order.
    """
    rows = RejectedRows(frozenset(reasons))
    for one in objects:
        rows.add_stretches(_look_through(one, rows))
    return rows


def _look_through(one: RejectObject, rows: RejectedRows) -> list[_Stretch]:
    stretches: list[_Stretch] = []
    begin, latest, last = 0, -math.inf, -math.inf
    named = ATTEMPT.search(one.name)
    attempt = None if named is None else named[1]
    for line in read_lines_of(one):
        if line.content.strip():
            place = f"Line {line.number} of {one.name}"
            row = parse_row(line.content, place)
            rows.note(row, place)
            goes_back = row.ordinal is not None and row.ordinal <= last
            is_older = attempt is None and row.rejected_at < latest - SECONDS_APART
            if not stretches or goes_back or is_older:
                stretches.append(_Stretch(one, begin, line.number, row.rejected_at, _order(row), attempt))
                latest = -math.inf
            stretches[-1].first = min(stretches[-1].first, row.rejected_at)
            latest, last = max(latest, row.rejected_at), last if row.ordinal is None else row.ordinal
            stretches[-1].lines = line.number - stretches[-1].number + 1
        begin = line.end
        if len(stretches) > MOST_STRETCHES:
            raise InputError(
                f"The rows of {one.name} are in no order: name the objects as the connector has stored them, or sort"
                " the lines by rejected_at."
            )
    return stretches


def send_rows(lines: Iterable[bytes], sink: InputSink) -> None:
    """Hand over the lines of rows, some at a time; for a thread of its own."""
    number, some, size = 1, list[bytes](), 0
    error: IntercomDestinationError | None = None
    try:
        for line in lines:
            some.append(line)
            size += len(line)
            if size >= CHUNK_BYTES:
                if not sink.offer(Lines(number, some, size)):
                    return
                number, some, size = number + len(some), [], 0
    except IntercomDestinationError as failure:
        error = failure
    except Exception as failure:  # noqa: BLE001 - whatever ends this thread, the main thread must not wait for ever
        error = InternalError.from_exception(failure)
    if some and not sink.offer(Lines(number, some, size)):
        return
    sink.offer(EndOfInput(error))
