"""What one run knows of companies, and how one is made that only its id is known of.

Bounded in bytes, and used by one step of any task at a time. What it forgets costs calls, never correctness.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Generator, Mapping
from typing import Any, Final

from destination_intercom.bounded import Bounded
from destination_intercom.delivery.tasks import Acquire, Pause, Release, Step, UndeliverableError
from destination_intercom.digests import digest
from destination_intercom.identity import Key
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import FindCompany, UpdateCompany, UpsertCompany
from destination_intercom.intercom.classify import read_refusal

MOST_BYTES: Final = 32 * 1024 * 1024
"""Of the companies that a run has written: room for some 30,000, with ten values each."""

MOST_COMPANIES: Final = 100_000
"""Companies without people, and with, of which a run remembers which they are."""

BELIEVED_SECONDS: Final = 600.0
"""For so long what was written is believed to be so still: others write companies, too."""

RACE_CODE: Final = "unique_company_constraint"
"""What a create is answered that meets another one of the same id (issues of official SDKs): ask again."""

RACE_PAUSE_SECONDS: Final = 1.0

_ENTRY_BYTES: Final = 500
_VALUE_BYTES: Final = 130
"""What an entry, and each value of it, take beside their texts: measured, and rounded up."""


class _Entry:
    """A company as this run has last written it: Intercom's id, digests of its values, and when that was (seconds)."""

    __slots__ = ("intercom_id", "moment", "values")

    def __init__(self, intercom_id: str, values: dict[str, int], moment: float) -> None:
        self.intercom_id = intercom_id
        self.values = values
        self.moment = moment

    def size(self, key: Key) -> int:
        """Tell the bytes that it takes, about."""
        return _ENTRY_BYTES + 4 * len(key.value) + _VALUE_BYTES * len(self.values)


class CompanyDirectory:
    """The companies of one run; `now` tells seconds.

    With `asks_first` it is asked whether a company is there before it is written: a dry run is to tell.
    """

    def __init__(self, now: Callable[[], float], *, asks_first: bool = False, most_bytes: int = MOST_BYTES) -> None:
        self._now = now
        self._asks_first = asks_first
        self._most_bytes = most_bytes
        self._bytes = 0
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()
        self._refused: Bounded[Key, None] = Bounded(MOST_COMPANIES)
        self._alone: Bounded[bytes, None] = Bounded(MOST_COMPANIES)
        self._with_people: Bounded[bytes, None] = Bounded(MOST_COMPANIES)

    @property
    def without_people(self) -> int:
        """Tell how many companies were written to which nobody belongs, as far as this run knows."""
        return len(self._alone)

    def has(self, key: Key, values: Mapping[str, Any]) -> bool:
        """Say whether this run wrote a company, and these values with it, within the last ten minutes."""
        entry = self._entries.get(key)
        if entry is None or self._now() >= entry.moment + BELIEVED_SECONDS:
            return False
        return all(entry.values.get(name) == digest(value) for name, value in values.items())

    def note_written(self, key: Key, company: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        """Note that a company was written with these values, and is so as an answer shows it."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= entry.size(key)
        now = self._now()
        is_known = entry is not None and entry.intercom_id == company["id"] and now < entry.moment + BELIEVED_SECONDS
        before = entry.values if entry is not None and is_known else {}
        written = {name: digest(value) for name, value in values.items()}
        # What was not written again is no younger for it.
        moment = entry.moment if entry is not None and before.keys() - written.keys() else now
        entry = self._entries[key] = _Entry(company["id"], {**before, **written}, moment)
        self._bytes += entry.size(key)
        while self._bytes > self._most_bytes and len(self._entries) > 1:
            oldest, dropped = self._entries.popitem(last=False)
            self._bytes -= dropped.size(oldest)
        people = company.get("user_count")
        if isinstance(people, int) and people > 0:
            self._note_people(key)
        elif key.digest not in self._with_people:
            self._alone.note(key.digest, None)

    def note_people(self, company_id: str) -> None:
        """Note that somebody belongs to a company."""
        self._note_people(_key(company_id))

    def _note_people(self, key: Key) -> None:
        self._alone.forget(key.digest)
        self._with_people.note(key.digest, None)

    def forget(self, company_id: str) -> None:
        """Note that a company is not there any more."""
        if (entry := self._entries.pop(_key(company_id), None)) is not None:
            self._bytes -= entry.size(_key(company_id))

    def find(self, company_id: str) -> Generator[Step, Answer, str | None]:
        """Tell Intercom's id of a company, which is made by its id where this run has not met it yet.

        None for one that Intercom refuses.
        """
        key = _key(company_id)
        if key not in self._entries and key not in self._refused:
            yield from self.take(key, self._make(key))
        entry = self._entries.get(key)
        return None if entry is None else entry.intercom_id

    def take(self, key: Key, steps: Generator[Step, Answer, Any]) -> Generator[Step, Answer, Any]:
        """Carry out steps that write a company, while no others do: two creates of one id refuse one another."""
        yield Acquire(key)
        try:
            result = yield from steps
        except UndeliverableError:
            yield Release(key)
            raise
        yield Release(key)
        return result

    def _make(self, key: Key) -> Generator[Step, Answer, None]:
        if key in self._entries or key in self._refused:
            return
        if (yield from self.ask(key)):
            return
        answer = yield from self.write(key, {"company_id": key.value})
        if UpsertCompany({}).is_answered_by(answer):
            self.note_written(key, answer.body, {})
        else:
            self._refused.note(key, None)

    def ask(self, key: Key) -> Generator[Step, Answer, bool]:
        """Ask whether a company is there, where that is to be known; whoever is found is known then."""
        if not self._asks_first or key in self._entries:
            return False
        call = FindCompany(key.value)
        answer = yield call
        found = _company_in(answer.body) if call.is_answered_by(answer) else None
        if found is None:
            return False
        self.note_written(key, found, {})
        return True

    def write(self, key: Key, body: dict[str, Any]) -> Generator[Step, Answer, Answer]:
        """Write a company; once more if another create of it was in the way."""
        entry = self._entries.get(key)
        call = UpsertCompany(body) if entry is None else UpdateCompany(body, entry.intercom_id)
        answer = yield call
        if not call.is_answered_by(answer) and read_refusal(answer).code == RACE_CODE:
            yield Pause(RACE_PAUSE_SECONDS)
            answer = yield call
        return answer


def _key(company_id: str) -> Key:
    return Key("company_id", company_id)


def _company_in(body: dict[str, Any]) -> dict[str, Any] | None:
    """Read the company that is shown by itself or in a list of one."""
    listed = body.get("data")
    shown = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else [body]
    return next((each for each in shown if isinstance(each.get("id"), str) and each["id"]), None)
