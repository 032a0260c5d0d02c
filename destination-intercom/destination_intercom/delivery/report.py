"""What the user reads in the log: warnings at the first of each kind, and a summary at the end.

Few lines, for some readers look at a destination's output only when the input has ended. A line
holds names of streams, fields and events, numbers, reasons and request ids; never an identity,
an e-mail, a property's value, a token or a body.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from decimal import Decimal
from typing import Final

from destination_intercom.airbyte.output import Level, log_line
from destination_intercom.delivery.kinds import Note
from destination_intercom.delivery.ledger import Entry
from destination_intercom.delivery.progress import write_quota
from destination_intercom.errors import ConfigurationError, StreamName
from destination_intercom.intercom.quota import QuotaUse
from destination_intercom.outcomes import CURES, FILTER_REASONS, REJECTION_REASONS, UNDELIVERABLE, Outcome, Status
from destination_intercom.values import TRIM_REASONS, Trim

MOST_WARNINGS: Final = 40
"""Warnings of one sync of what is not sent as it was; the summary counts what no warning names."""

MOST_ADVICE: Final = 20
"""Warnings of one sync that are of no loss: a property that a stream lacks, say. Each has its own room."""

ADVICE: Final = frozenset({"no_attribute", "not_by_wildcard", "no_key", "too_many"})
"""Why members of a wildcard are left out, which nobody has named."""

MOST_NAMED: Final = 100
"""Records of a stream that are named one by one where each may have a cause of its own."""

MOST_ORDINALS: Final = 20
"""Rejected records of one stream and reason that the summary names."""

MOST_NAMES: Final = 100
"""Names below one heading that the summary lists."""


@dataclass(slots=True)
class _StreamCounts:
    read: int = 0
    statuses: Counter[Status] = field(default_factory=Counter)
    filtered: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    parts: Counter[str] = field(default_factory=Counter)

    @property
    def done(self) -> int:
        """Count the records that have their outcome."""
        return self.statuses.total()

    @property
    def came_to_nothing(self) -> bool:
        """Say whether all records have their outcome, and none is or was in Intercom."""
        good = (Status.DELIVERED, Status.UNCHANGED, Status.DUPLICATE)
        return self.read > 0 and self.done == self.read and not any(self.statuses[status] for status in good)


@dataclass(slots=True)
class _Room:
    """For so many warnings of one sort there is room, and which were told."""

    most: int
    told: set[tuple[object, ...]] = field(default_factory=set)


class Report:
    """Counts what became of the records; `lines` gives up what there is to say. Main thread only."""

    def __init__(self) -> None:
        self._streams: dict[StreamName, _StreamCounts] = {}
        self._trims: Counter[tuple[StreamName, Trim]] = Counter()
        self._warned = _Room(MOST_WARNINGS)
        self._advised = _Room(MOST_ADVICE)
        self._rejected: Counter[tuple[StreamName, str]] = Counter()
        self._named: dict[tuple[StreamName, str], list[str]] = {}
        self._untold: dict[str, set[str]] = {}
        self._pending: list[bytes] = []

    def warn(self, text: str) -> None:
        """Warn once of `text`, which is of no loss."""
        self._warn_once((text,), text, self._advised)

    def count_read(self, stream: StreamName) -> None:
        """Count a record that was read."""
        self._of(stream).read += 1

    def count_trims(self, stream: StreamName, trims: tuple[Trim, ...]) -> None:
        """Count what of a record could not be sent as it was."""
        for trim in trims:
            self._trims[stream, trim] += 1
            name, reason = trim
            self._warn_once(
                (stream, trim),
                f'Stream "{stream}": "{name}": {TRIM_REASONS[reason]}; the summary counts them.',
                self._advised if reason in ADVICE else self._warned,
            )

    def count_part(self, entry: Entry, kind: str, outcome: Outcome) -> None:
        """Count what became of one part of a record; `kind` is the name of its kind of object."""
        self._of(entry.stream).parts[f"{kind} {outcome.status.value}"] += 1
        if outcome.status is Status.REJECTED:
            self._warn_of_rejected(entry, outcome)

    def _warn_of_rejected(self, entry: Entry, outcome: Outcome) -> None:
        """Warn of the first record of each reason, and of many where nobody but its number can tell the cause."""
        most = MOST_NAMED if outcome.reason == UNDELIVERABLE else 1
        self._rejected[entry.stream, outcome.reason] += 1
        named = self._named.setdefault((entry.stream, outcome.reason), [])
        if len(named) < MOST_ORDINALS:
            named.append(_name_record(entry))
        number = self._rejected[entry.stream, outcome.reason]
        if number <= most:
            self._say(
                "WARN",
                f'Stream "{entry.stream}": record {entry.ordinal} of the sync was rejected: {outcome.reason}'
                f" ({REJECTION_REASONS[outcome.reason]}{_details(outcome)}). {CURES[outcome.reason]}"
                + (" Further ones are only counted." if number == most else ""),
            )

    def count_record(self, entry: Entry, outcome: Outcome) -> None:
        """Count what became of a record."""
        counts = self._of(entry.stream)
        counts.statuses[outcome.status] += 1
        if outcome.status is Status.FILTERED:
            counts.filtered[outcome.reason] += 1
        if outcome.status is Status.REJECTED:
            counts.rejected[outcome.reason] += 1

    def note(self, note: Note) -> None:
        """Warn once of what a kind of object has to say; where there were too many warnings, the summary names it."""
        if note.pressing:
            self._say("WARN", note.text)
            return
        said = self._warn_once((note.text,), note.text, self._warned)
        if not said and note.heading:
            names = self._untold.setdefault(note.heading, set())
            if len(names) <= MOST_NAMES:
                names.add(note.name)

    def lines(self) -> Iterator[bytes]:
        """Give up the messages that have come up since the last call."""
        pending, self._pending = self._pending, []
        yield from pending

    @property
    def counts(self) -> str:
        """Tell how many records were read and are done, for a line on the progress."""
        read = sum(counts.read for counts in self._streams.values())
        done = sum(counts.done for counts in self._streams.values())
        refused = sum(counts.statuses[Status.REJECTED] for counts in self._streams.values())
        return f"{read:,} records read, {done:,} done, {refused:,} of them rejected, {read - done:,} left to do"

    def refuse_rejected(self, most_percent: float, *, keeps_rejected: bool) -> ConfigurationError | None:
        """Make the error that a sync ends with if too many records were rejected; None if not.

        `keeps_rejected` says that they are in a storage, from which `replay` sends them.
        """
        statuses = sum((counts.statuses for counts in self._streams.values()), Counter[Status]())
        rejected, kept = statuses[Status.REJECTED], statuses.total() - statuses[Status.FILTERED]
        # As a decimal: 0.57 of a hundred floats is not 0.57.
        if rejected * 100 <= Decimal(str(most_percent)) * kept:
            return None
        again = (
            "send the stored ones again with the command replay."
            if keeps_rejected
            else "let a sync read these records once more."
        )
        return ConfigurationError(
            f"More records were rejected than delivery.max_rejected_percent allows: {rejected:,} of {kept:,} that were"
            f" not filtered (limit: {most_percent:.15g}%). All else is done, and all states are acknowledged: an"
            " incremental sync does not read these records again. Correct what the warnings in the log name, then"
            f" {again}"
        )

    def tell(self, text: str) -> None:
        """Warn of what happens now, however often it does."""
        self._say("WARN", text)

    def say(self, texts: Iterable[str]) -> None:
        """Log each of `texts`."""
        for text in texts:
            self._say("INFO", text)

    def summarise(
        self,
        *,
        calls: Mapping[str, int],
        retries: int,
        refused: int,
        quota: QuotaUse,
        acknowledged: int | None = None,
        is_dry: bool = False,
        keeps_rejected: bool = False,
        more_warnings: Iterable[str] = (),
    ) -> None:
        """Write the summary: a line per stream, one for what was trimmed, what kinds have to say, the calls.

        `acknowledged` is the ordinal of the last record before the last state that left, where the sync has not come to
        its end. In a dry run nothing was delivered: it would be.
        """
        for stream, counts in self._streams.items():
            self._say("INFO", _stream_summary(stream, counts, is_dry=is_dry))
        for stream, counts in self._streams.items():
            if counts.came_to_nothing:
                self._say("WARN", f'Stream "{stream}": none of its {counts.read:,} records is in Intercom.')
        self._name_rejected(keeps_rejected=keeps_rejected or is_dry)
        trims = [
            f'stream "{stream}", "{name}": {count} {reason}'
            for (stream, (name, reason)), count in sorted(self._trims.items(), key=str)
        ]
        if trims:
            self._say("WARN", "Not sent as they were: " + "; ".join(trims) + ".")
        for heading, untold in self._untold.items():
            names = ", ".join(f'"{name}"' for name in sorted(untold)[:MOST_NAMES])
            more = " and more" if len(untold) > MOST_NAMES else ""
            self._say("WARN", f"{heading}: {names}{more}.")
        for text in more_warnings:
            self._say("WARN", text)
        by_endpoint = ", ".join(f"{endpoint} {count}" for endpoint, count in sorted(calls.items()))
        self._say(
            "INFO",
            f"Calls to Intercom: {sum(calls.values())} ({by_endpoint or 'none'}); retries: {retries};"
            f" refused by the quota (429): {refused}. {write_quota(quota)}",
        )
        if acknowledged is not None:
            self._say("WARN", _write_end(self._streams.values(), acknowledged))

    def _name_rejected(self, *, keeps_rejected: bool) -> None:
        """Name the first rejected records of each stream and reason, with the time of each, and what to do."""
        for (stream, reason), named in self._named.items():
            count = self._rejected[stream, reason]
            more = f", and {count - len(named):,} more" if count > len(named) else ""
            self._say(
                "WARN", f'Stream "{stream}", rejected as {reason}: records {", ".join(named)}{more}. {CURES[reason]}'
            )
        if self._named and not keeps_rejected:
            self._say("WARN", "Rejected records were not kept: set object_storage_config to keep them in a bucket.")

    def _of(self, stream: StreamName) -> _StreamCounts:
        if (counts := self._streams.get(stream)) is None:
            counts = self._streams[stream] = _StreamCounts()
        return counts

    def _warn_once(self, key: tuple[object, ...], text: str, room: _Room) -> bool:
        """Warn once of `key`; False if there were too many warnings of its sort already."""
        if key in room.told:
            return True
        if len(room.told) > room.most:
            return False
        room.told.add(key)
        is_last = len(room.told) > room.most
        self._say("WARN", "There are more warnings: from here on, only the summary counts them." if is_last else text)
        return not is_last

    def _say(self, level: Level, text: str) -> None:
        self._pending.append(log_line(level, text))


def _name_record(entry: Entry) -> str:
    """Tell the place of a record in the sync, and when its source sent it."""
    if entry.emitted_at is None:
        return str(entry.ordinal)
    sent = datetime.fromtimestamp(entry.emitted_at / 1000, tz=timezone.utc)
    return f"{entry.ordinal} ({sent:%Y-%m-%dT%H:%M:%SZ})"


def _write_end(streams: Iterable[_StreamCounts], acknowledged: int) -> str:
    """Account for the records of a sync that has not come to its end."""
    unfinished = sum(counts.read - counts.done for counts in streams)
    told = f"Unfinished records: {unfinished:,}; the next sync reads them again. " if unfinished else ""
    if not acknowledged:
        return f"{told}No state was acknowledged."
    return f"{told}The last state was acknowledged after record {acknowledged:,}."


def _details(outcome: Outcome) -> str:
    refusal = outcome.refusal
    if refusal is None:
        return ""
    details = f"; {refusal.endpoint}: " if refusal.endpoint else "; "
    details += f"status {refusal.status}"
    details += f", code {refusal.code}" if refusal.code else ""
    return details + (f", request id {refusal.request_id}" if refusal.request_id else "")


def _stream_summary(stream: StreamName, counts: _StreamCounts, *, is_dry: bool) -> str:
    statuses = counts.statuses
    delivered = "would be delivered" if is_dry else "delivered"
    text = f'Stream "{stream}": read {counts.read}, {delivered} {statuses[Status.DELIVERED]}'
    if statuses[Status.UNCHANGED]:
        text += f", unchanged {statuses[Status.UNCHANGED]}"
    text += f", filtered {statuses[Status.FILTERED]}" + _breakdown(counts.filtered, FILTER_REASONS)
    text += f", duplicate {statuses[Status.DUPLICATE]}, rejected {statuses[Status.REJECTED]}"
    text += _breakdown(counts.rejected, REJECTION_REASONS)
    if unfinished := counts.read - counts.done:
        text += f", unfinished {unfinished}"
    parts = ", ".join(f"{part} {count}" for part, count in sorted(counts.parts.items()))
    parts = parts.replace(" delivered ", " would be delivered ") if is_dry else parts
    return f"{text}. Parts: {parts}." if parts else f"{text}."


def _breakdown(reasons: Counter[str], order: Mapping[str, str]) -> str:
    listed = ", ".join(f"{reason} {reasons[reason]}" for reason in order if reasons[reason])
    return f" ({listed})" if listed else ""
