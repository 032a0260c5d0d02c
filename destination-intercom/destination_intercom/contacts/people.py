"""What other kinds of object may ask of contacts: whether a person is known, and to create one."""

from __future__ import annotations

from collections.abc import Generator

from destination_intercom.contacts.cache import ContactCache
from destination_intercom.contacts.mapping import ContactChange
from destination_intercom.contacts.matching import NOTHING_FOUND
from destination_intercom.contacts.upsert import ContactUpserter
from destination_intercom.delivery.tasks import Step
from destination_intercom.identity import Key
from destination_intercom.intercom.answers import Answer
from destination_intercom.outcomes import Outcome, Status


class People:
    """The people of one run; `creator` writes new ones, None where that is not wanted."""

    def __init__(self, *, cache: ContactCache, creator: ContactUpserter | None) -> None:
        self._cache = cache
        self._creator = creator

    @property
    def may_be_created(self) -> bool:
        """Say whether a person whom Intercom does not know is created."""
        return self._creator is not None

    def unknown(self, key: Key) -> Outcome | None:
        """Tell the outcome of what is meant for a person whom Intercom does not know; None for others."""
        return self._cache.unknown.get(key)

    def note_unknown(self, key: Key, outcome: Outcome) -> None:
        """Note that Intercom does not know a person, and what becomes of what is meant for them."""
        self._cache.unknown.note(key, outcome)

    def was_written(self, key: Key) -> bool:
        """Say whether this run has written the person, so that Intercom will show them soon."""
        return key in self._cache.written

    def forget(self, key: Key) -> None:
        """Note that a person is not there any more."""
        self._cache.written.forget(key)

    def create(self, key: Key) -> Generator[Step, Answer, Outcome | None]:
        """Create a person without any property: None if they are there then, else why they are not."""
        if self._creator is None:
            raise AssertionError("nobody is created in this sync")
        outcome = (yield from self._creator.write([ContactChange(key, {}, {})], NOTHING_FOUND))[0]
        return outcome if outcome.status is Status.REJECTED else None
