"""One change to one company: in one call if Intercom takes it, else without what it refuses.

What a refusal names is left out. Where it names nothing, the bad value is found by halving the ones that may be
it; after eight calls all that are still suspected are left out. So a bad value never costs the record.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from destination_intercom import outcomes
from destination_intercom.attributes.new_attributes import NewAttributes
from destination_intercom.attributes.refusal_words import REFUSING, named_in
from destination_intercom.bounded import Bounded
from destination_intercom.companies.directory import CompanyDirectory
from destination_intercom.companies.mapping import CompanyChange
from destination_intercom.delivery.tasks import Steps
from destination_intercom.digests import digest
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import OK
from destination_intercom.intercom.classify import read_refusal
from destination_intercom.outcomes import Outcome, rejected

MOST_CALLS: Final = 8
"""Calls of one record in search of what Intercom refuses of it."""

MOST_VALUES: Final = 10_000
"""Refused values that a run remembers: those that it met last."""

REFUSED: Final = "refused"


class CompanyWriter:
    """Writes companies, each by its key alone: nothing is looked up."""

    def __init__(self, directory: CompanyDirectory, new_attributes: NewAttributes) -> None:
        self._directory = directory
        self._new_attributes = new_attributes
        self._refused: Bounded[tuple[str, int], None] = Bounded(MOST_VALUES)

    def write(self, change: CompanyChange) -> Steps:
        """Write a company, unless this run knows that Intercom has it so."""
        outcome: Outcome = yield from self._directory.take(change.key, self._write(change))
        return outcome

    def _write(self, change: CompanyChange) -> Steps:
        left_out = [name for name, value in change.values.items() if (name, digest(value)) in self._refused]
        sending = _Sending(change, [name for name in change.names if name not in left_out], left_out)
        if self._directory.has(change.key, {name: change.values[name] for name in sending.open}):
            return sending.conclude(outcomes.UNCHANGED)
        yield from self._directory.ask(change.key)
        while (trial := sending.next_trial()) is not None:
            while (pause := self._new_attributes.pause(trial)) is not None:
                yield pause
            answer = yield from self._directory.write(change.key, change.body(trial))
            if answer.status == OK:
                self._remember(change, sending.note_taken(trial))
                self._new_attributes.note_taken(trial)
                self._directory.note_written(change.key, answer.body, {name: change.values[name] for name in trial})
            elif answer.status not in REFUSING or not trial:
                return rejected(outcomes.REFUSED, read_refusal(answer))
            elif not self._new_attributes.explain(answer, trial):
                self._remember(change, sending.note_refused(trial, answer))
        return sending.conclude(outcomes.DELIVERED)

    def _remember(self, change: CompanyChange, refused: Collection[str]) -> None:
        for name in refused:
            self._refused.note((name, digest(change.values[name])), None)


@dataclass(slots=True)
class _Sending:
    """What of a change is still to be sent, what may be the bad value of it, and what was left out."""

    change: CompanyChange
    open: list[str] = field(repr=False)
    left_out: list[str] = field(repr=False)
    _suspects: list[str] = field(default_factory=list, repr=False)
    _is_there: bool = False
    _calls: int = 0

    def next_trial(self) -> list[str] | None:
        """Tell the names to send next; none to write the company alone, None if nothing is left to do."""
        left = MOST_CALLS - self._calls
        if left <= 1:
            # The last call is for those that nothing speaks against; of a company that is not there yet, for its id.
            self._leave_out(self._suspects if self._is_there and left else self.open)
        if not self.open and self._is_there:
            return None
        return self._suspects[: max(len(self._suspects) // 2, 1)] if self._suspects else list(self.open)

    def note_taken(self, trial: Collection[str]) -> list[str]:
        """Note that these were taken; return the name that is then found to be the reason of a refusal, if one is."""
        self._calls += 1
        self._is_there = True
        self.open = [name for name in self.open if name not in trial]
        # All of them together were refused, so that one of those that are left is the reason.
        self._suspects = [name for name in self._suspects if name not in trial]
        found = self._suspects if len(self._suspects) == 1 else []
        if found:
            self._leave_out(found)
        return found

    def note_refused(self, trial: list[str], answer: Answer) -> list[str]:
        """Note a refusal; return the names that are found to be the reason."""
        self._calls += 1
        found = list(named_in(answer, trial)) or (trial if len(trial) == 1 else [])
        self._leave_out(found)
        self._suspects = [] if found else list(trial)
        return found

    def _leave_out(self, names: Collection[str]) -> None:
        self.left_out += names
        self.open = [name for name in self.open if name not in self.left_out]
        self._suspects = []

    def conclude(self, outcome: Outcome) -> Outcome:
        """Add what was left out."""
        trims = tuple((name, REFUSED) for name in self.left_out)
        return Outcome(outcome.status, outcome.reason, trims=trims) if trims else outcome
