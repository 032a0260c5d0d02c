"""The line from stdin to Intercom and back: the main thread's own work.

It alone reads messages, keeps the ledger and gives out lines; the reader's thread fills the
mailbox, workers send. All waiting is in one place, so that a finished state leaves while stdin
is open and silent. It knows nothing of processes, files or signals.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from destination_intercom import outcomes
from destination_intercom.airbyte.echo import echo_state
from destination_intercom.airbyte.messages import Message, RecordMessage, StateMessage, StreamEnd, parse_line
from destination_intercom.airbyte.reader import EndOfInput, Lines
from destination_intercom.clock import Clock
from destination_intercom.configuration.plan import Plan
from destination_intercom.delivery.dry_run import DryRun
from destination_intercom.delivery.kinds import Kind, Kinds
from destination_intercom.delivery.ledger import Entry, Ledger
from destination_intercom.delivery.mailbox import (
    Answered,
    Concluded,
    Failed,
    LookedUp,
    Mailbox,
    Notice,
    SetAside,
    Stored,
)
from destination_intercom.delivery.progress import Progress
from destination_intercom.delivery.report import Report
from destination_intercom.delivery.scheduler import Scheduler
from destination_intercom.errors import (
    ConfigurationError,
    InputError,
    IntercomDestinationError,
    InternalError,
    StreamName,
)
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import Call
from destination_intercom.intercom.quota import Quota
from destination_intercom.outcomes import Outcome, Status, filtered
from destination_intercom.payloads import Payload
from destination_intercom.rejects.collector import RejectedRecords

MAX_RECORDS_IN_FLIGHT: Final = 20_000
"""Records that may be on their way at once."""

MAX_BYTES_IN_FLIGHT: Final = 32 * 1024 * 1024
"""Bytes of input that may be on their way at once."""

GRACE_SECONDS: Final = 20.0
"""For attempts in flight, once the sync is told to stop: enough for most answers, below a platform's patience."""

STORE_SECONDS: Final = 3.0
"""For storing what was rejected at the end of that grace: a platform that waits no longer has no states of it."""

STORE_SECONDS_AFTER_FAILURE: Final = 60.0
"""For the same where the sync fails by itself and nobody waits for it to end."""

NOT_REJECTED: Final = filtered(outcomes.NOT_REJECTED)

LINES_BETWEEN_NOTICES: Final = 256
"""Lines that are handled between two looks at what the workers have concluded."""


Parse: TypeAlias = Callable[[bytes, int], Message | None]
"""Parses a line of the input, given its number; raises an `InputError`."""


class Terminated(IntercomDestinationError):  # noqa: N818 - an ending, not an error
    """The sync was told to stop (SIGTERM), and has let go what may leave."""


@dataclass(slots=True)
class Sync:
    """One sync, and the parts that it works with; see `assembly`."""

    plan: Plan
    kinds: Kinds
    scheduler: Scheduler
    quota: Quota
    mailbox: Mailbox
    clock: Clock
    ledger: Ledger
    report: Report
    dry_run: DryRun | None
    rejects: RejectedRecords | None
    max_rejected_percent: float | None
    parse: Parse = parse_line
    has_all: bool = True
    """Whether the input are all records of the source: what none of them has is then spelled wrongly, as it seems."""
    _progress: Progress = field(init=False)
    _acknowledged: int | None = field(default=None, init=False)
    """The ordinal of the last record before the last state that left."""
    _people: set[StreamName] = field(init=False)
    """The streams that have not ended and whose records make people, for whom others wait."""

    def __post_init__(self) -> None:
        """Begin to count the time."""
        self._progress = Progress(self.clock.now())
        self._people = {
            stream
            for stream, plan in self.plan.streams.items()
            if any(self.kinds[part.kind].makes_people for part in plan.parts)
        }
        if self._people:
            self.scheduler.expect_people()

    def run(self) -> Iterator[bytes]:
        """Deliver all of the input, giving out each line of the output when it is due.

        Raises:
            IntercomDestinationError: what ended the sync, after all that may leave has left.
        """
        failure: IntercomDestinationError | None = None
        try:
            yield from self._prepare()
            yield from self._deliver()
        except IntercomDestinationError as error:
            failure = error
        except GeneratorExit:
            self._halt()
            self._stop()
            raise
        except Exception as error:  # noqa: BLE001 - a bug must end in an error that says where, not what
            failure = InternalError.from_exception(error)
        if failure is not None:
            began = self._halt()
            self._store_last(began, failure)
            yield from self._due()
        self._stop()
        self._summarise(failure)
        errors = self._refuse_success() if failure is None else [failure]
        # A sync ends with one error: the log tells the others.
        for other in errors[1:]:
            self.report.tell(other.message)
        yield from self.report.lines()
        if errors:
            raise errors[0]
        if self.dry_run is not None:
            # No scheduler may take a dry run for a sync.
            raise ConfigurationError("Dry run finished: nothing was written. Set delivery.dry_run to false to sync.")

    def _refuse_success(self) -> list[IntercomDestinationError]:
        """Make the errors for a sync of which all states have left, where somebody is to hear of what became of it."""
        if self.dry_run is not None:
            return []
        errors = [kind.final_error() for kind in self.kinds.values()]
        if self.max_rejected_percent is not None:
            is_kept = self.rejects is not None
            errors.append(self.report.refuse_rejected(self.max_rejected_percent, keeps_rejected=is_kept))
        return [error for error in errors if error is not None]

    def _prepare(self) -> Iterator[bytes]:
        """Settle with the workspace which attributes there are, before the first record is looked at."""
        yield from self.report.lines()
        for kind in self.kinds.values():
            yield from self._settle_with_workspace(kind)

    def _settle_with_workspace(self, kind: Kind) -> Iterator[bytes]:
        """Make the calls that a kind needs before the first record; what it has to say of one leaves before it."""
        steps = kind.prepare()
        try:
            call = next(steps)
            while True:
                self._take_notes_of(kind)
                yield from self.report.lines()
                if (answer := self._ask(call)) is None:
                    return
                call = steps.send(answer)
        except StopIteration as stop:
            for warning in stop.value:
                self.report.warn(warning)

    def _ask(self, call: Call) -> Answer | None:
        """Make one call and wait for its answer; None if the sync is told to stop meanwhile."""
        self.scheduler.ask(call)
        while not self.mailbox.stopping:
            for notice in self.mailbox.notices():
                if isinstance(notice, Failed):
                    raise notice.error
                if isinstance(notice, Answered):
                    return notice.answer
            self.mailbox.wait(for_input=False, until=None)
        return None

    def _deliver(self) -> Iterator[bytes]:
        lines = _Pending()
        while True:
            self._conclude()
            yield from self._due()
            if self.mailbox.stopping:
                raise Terminated("The sync was told to stop.")
            for batches in self.kinds.batches:
                batches.close_if_due(self.clock.now())
            self._end_waits(lines)
            self._hand_over(lines)
            if lines.wanted and self._has_room() and self._read_on(lines):
                continue
            if not lines.wanted:
                for batches in self.kinds.batches:
                    batches.close()
            if not lines.wanted and not self.ledger.records_out:
                break
            wanted = lines.wanted and self._has_room()
            self.mailbox.wait(for_input=wanted, until=self._next_moment(), for_news=True)
        if lines.failure is None:
            self.ledger.end_input()
        yield from self._due()
        if lines.failure is not None:
            raise lines.failure

    def _end_waits(self, lines: _Pending) -> None:
        """Let nobody wait for people in vain, and nobody so that there is no room for what follows."""
        if not (lines.wanted and self._people):
            self.scheduler.end_people()
        room = MAX_BYTES_IN_FLIGHT // 2 - self.ledger.bytes_behind_those_aside
        self.scheduler.end_waits(most=MAX_RECORDS_IN_FLIGHT // 2, most_bytes=room)

    def _hand_over(self, lines: _Pending) -> None:
        """Let rejected records be stored when they are due, and at once where there is nothing else to wait for."""
        if self.rejects is None:
            return
        self.rejects.close_if_due(room=self._has_room())
        if not lines.wanted and self.rejects.waiting == self.ledger.records_out:
            self.rejects.close()

    def _has_room(self) -> bool:
        return self.ledger.records_out < MAX_RECORDS_IN_FLIGHT and self.ledger.bytes_out < MAX_BYTES_IN_FLIGHT

    def _read_on(self, lines: _Pending) -> bool:
        """Handle some lines, or take the next ones; False if there is nothing to do."""
        if not lines.rest:
            piece = self.mailbox.take_input()
            if piece is not None:
                lines.add(piece)
            return piece is not None
        try:
            self._handle(lines)
        except _UnwantedInputError as error:
            # What was read before it is delivered first.
            lines.failure = error.cause
        return True

    def _handle(self, lines: _Pending) -> None:
        for _ in range(min(LINES_BETWEEN_NOTICES, len(lines.rest) - lines.done)):
            number, line = lines.first + lines.done, lines.rest[lines.done]
            lines.done += 1
            try:
                message = self.parse(line, number)
            except InputError as error:
                raise _UnwantedInputError(error) from None
            if isinstance(message, RecordMessage):
                self._record(message, number, line)
                if not self._has_room():
                    break
            elif isinstance(message, StateMessage):
                stream = message.stream
                self.ledger.state(line, None if stream is None else self.plan.resolve(stream))
            elif isinstance(message, StreamEnd):
                stream = self.plan.resolve(message.stream)
                self.ledger.end_stream(stream)
                self._people.discard(stream)
        if lines.done == len(lines.rest):
            lines.clear()

    def _record(self, message: RecordMessage, number: int, line: bytes) -> None:
        plan = self.plan.of(message.stream, message.namespace)
        if plan is None:
            raise _UnwantedInputError(self.plan.refuse_unknown(number, StreamName(message.stream, message.namespace)))
        if plan.refuse_records is not None:
            raise _UnwantedInputError(ConfigurationError(plan.refuse_records, stream=plan.stream))
        self.report.count_read(plan.stream)
        data = plan.repair(message.data, message.changed)
        if plan.watch.is_open:
            plan.watch.look(data)
        kinds = message.kinds
        made = [
            (part.kind, part.map_record(data) if kinds is None or part.kind in kinds else NOT_REJECTED)
            for part in plan.parts
        ]
        kept = line if self.rejects is not None else None
        shows = any(not isinstance(part, Outcome) or part.shows_identity for _, part in made)
        entry = self.ledger.enter(
            plan.stream,
            parts=len(made),
            size=len(line),
            line=kept,
            shows_identity=shows,
            emitted_at=message.emitted_at,
        )
        entry.rejected_at = message.rejected_at
        for kind, part in made:
            if isinstance(part, Outcome):
                self._settle(entry, kind, part)
            else:
                self.report.count_trims(plan.stream, part.trims)
                self._send(entry, part, len(line))

    def _send(self, entry: Entry, payload: Payload, size: int) -> None:
        kind = self.kinds[payload.kind]
        batch = kind.batch(payload, size=size, now=self.clock.now())
        self.scheduler.send(entry, payload, batch)
        if kind.batches is not None:
            kind.batches.close_if_full()

    def _conclude(self) -> None:
        """Note all that the workers have to say, and only then fail if one of them has to."""
        failure: IntercomDestinationError | None = None
        for notice in self.mailbox.notices():
            try:
                self._take(notice)
            except IntercomDestinationError as error:
                failure = failure or error
        self._take_notes()
        if failure is not None:
            raise failure

    def _take_notes(self) -> None:
        for warning in self.plan.usage.take_warnings():
            self.report.warn(warning)
        for kind in self.kinds.values():
            self._take_notes_of(kind)

    def _take_notes_of(self, kind: Kind) -> None:
        for note in kind.notes.take():
            self.report.note(note)

    def _take(self, notice: Notice) -> None:
        """Note one thing that a worker has to say."""
        if isinstance(notice, Failed):
            raise notice.error
        if isinstance(notice, LookedUp) and (batches := self.kinds[notice.kind].batches) is not None:
            batches.note_looked_up()
        if isinstance(notice, Stored):
            self._note_stored(notice)
        if isinstance(notice, SetAside):
            self.ledger.set_aside(notice.entry)
        if isinstance(notice, Concluded):
            self.report.count_trims(notice.entry.stream, notice.outcome.trims)
            self._settle(notice.entry, notice.kind, notice.outcome)

    def _settle(self, entry: Entry, kind: str, outcome: Outcome) -> None:
        self.report.count_part(entry, kind, outcome)
        if self.rejects is not None and outcome.status is Status.REJECTED:
            self.rejects.note(entry, kind, outcome)
        whole = self.ledger.conclude(entry, outcome)
        if whole is None:
            return
        self.report.count_record(entry, whole)
        if self.rejects is not None and whole.status is Status.REJECTED:
            self.rejects.add(entry)
        self.ledger.judge(entry.stream)

    def _note_stored(self, notice: Stored) -> None:
        for entry in notice.entries:
            self.ledger.note_stored(entry)
        if self.rejects is not None:
            self.rejects.note_stored(len(notice.entries))

    def _next_moment(self) -> float:
        """Tell when there is something to do even if nothing happens."""
        stored = None if self.rejects is None else self.rejects.due(room=self._has_room())
        batches = [batches.due for batches in self.kinds.batches]
        held = (self.ledger.next_release(), self.scheduler.next_wait_end)
        moments = (*held, *batches, self._progress.due(self.scheduler.failing), stored)
        return min(moment for moment in moments if moment is not None)

    def _due(self) -> Iterator[bytes]:
        self._tell_progress()
        yield from self.report.lines()
        for state in self.ledger.release(self.clock.now()):
            if self.dry_run is None:
                self._acknowledged = state.after
                yield echo_state(
                    state.line, record_count=state.record_count, rejected_record_count=state.rejected_record_count
                )

    def _tell_progress(self) -> None:
        now, failing = self.clock.now(), self.scheduler.failing
        for text in self._progress.outages(failing, now=now, wall=self.clock.wall()):
            self.report.tell(text)
        if self._progress.is_due(now):
            line = self._progress.line(
                self.report.counts,
                now=now,
                calls=self.scheduler.calls_made,
                quota=self.quota.use,
                failures=self.scheduler.take_failures(),
            )
            self.report.say([line])

    def _halt(self) -> float:
        """Stop reading and beginning attempts; give those in flight a grace to end. Return when that began."""
        began = self.clock.now()
        self.mailbox.close()
        self.scheduler.stop()
        if self.rejects is not None:
            self.rejects.hurry()
            self.rejects.close()
        self.scheduler.join(began + GRACE_SECONDS)
        return began

    def _store_last(self, began: float, failure: IntercomDestinationError) -> None:
        """Note what the attempts in flight came to, and store what of it was rejected, before the last states."""
        # The first failure is the one that the user hears of.
        with contextlib.suppress(IntercomDestinationError):
            self._conclude()
        if self.rejects is None:
            return
        self.rejects.close()
        now, told = self.clock.now(), isinstance(failure, Terminated)
        until = began + GRACE_SECONDS + STORE_SECONDS if told else now + STORE_SECONDS_AFTER_FAILURE
        while not self.rejects.join(min(until, now + 1.0)) and (now := self.clock.now()) < until:
            if self.mailbox.told_to_stop and not told:
                until = min(until, now + STORE_SECONDS)
        with contextlib.suppress(IntercomDestinationError):
            self._conclude()

    def _stop(self) -> None:
        """Let the threads end."""
        self.scheduler.stop()
        if self.rejects is not None:
            self.rejects.stop()

    def _summarise(self, failure: IntercomDestinationError | None) -> None:
        is_whole = failure is None
        if isinstance(failure, Terminated):
            self.report.tell(f"Stopped by {self.mailbox.stopped_by}.")
        if self.dry_run is not None:
            self.report.say(self.dry_run.summary())
        if self.rejects is not None:
            self.report.say(self.rejects.summary())
        self.report.say(text for kind in self.kinds.values() for text in kind.tally())
        self.report.summarise(
            calls=self.scheduler.calls,
            retries=self.scheduler.retries,
            refused=self.quota.refused,
            quota=self.quota.use,
            acknowledged=None if is_whole else self._acknowledged or 0,
            is_dry=self.dry_run is not None,
            keeps_rejected=self.rejects is not None,
            more_warnings=[
                *(text for kind in self.kinds.values() for text in kind.summary()),
                *self.plan.usage.failures(),
                # A sync that ended early has not seen what else there is.
                *(self.plan.usage.never_seen() if is_whole and self.has_all else ()),
            ],
        )


class _UnwantedInputError(Exception):
    """A line that ends the sync, once all that came before it is delivered."""

    def __init__(self, cause: IntercomDestinationError) -> None:
        super().__init__()
        self.cause = cause


class _Pending:
    """The lines that were taken from the mailbox and not handled yet, and how the input ended."""

    def __init__(self) -> None:
        self.first = 1
        self.rest: list[bytes] = []
        self.done = 0
        self.ended = False
        self.failure: IntercomDestinationError | None = None

    @property
    def wanted(self) -> bool:
        """Say whether more input is to be handled."""
        return not self.ended and self.failure is None

    def add(self, piece: Lines | EndOfInput) -> None:
        """Take a piece of input."""
        if isinstance(piece, Lines):
            self.first, self.rest, self.done = piece.first, piece.lines, 0
            return
        self.ended = True
        self.failure = piece.error

    def clear(self) -> None:
        """Drop the lines, all of them handled."""
        self.rest, self.done = [], 0
