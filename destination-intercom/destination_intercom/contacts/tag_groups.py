"""People who enter a tag, collected across tasks, for one call of Intercom's tags up to fifty of them.

Whoever wants a tag joins the group that is open for it, or opens one, and waits for others: until it is full, or for
two seconds. Then whichever of them goes on first makes the call, holding the group meanwhile, and the others wait for
it to let go. Nobody holds anything else while waiting here, and nobody waits while holding a group, so that no circle
forms. A call that is refused, or that fails again and again, is taken apart, and each goes alone: to tag somebody
twice is harmless.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from typing import Final, TypeAlias

from destination_intercom.bounded import Bounded
from destination_intercom.delivery.tasks import Acquire, Pause, Release, Step, UndeliverableError
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import NOT_FOUND, TagContacts

MOST_PEOPLE: Final = 50
"""Of one call: the advice of an old version of Intercom's reference."""

WAIT_SECONDS: Final = 2.0
"""So long a group is open."""

MOST_REFUSED: Final = 10_000
"""Names that Intercom refuses which a run remembers."""

REFUSALS: Final = frozenset({400, NOT_FOUND, 422})
FAILED: Final = 0
"""Stands for the status of a call that failed again and again."""

NoteTagged: TypeAlias = Callable[[str, str, Iterable[str]], None]
"""Is told the name of a tag, Intercom's id of it, and the ids of the contacts that bear it now."""


class _Group:
    """Contacts that are to be tagged by one call; `due` is when it is made at the latest (seconds).

    `tagged` are those who were, once there is an answer; if it `is_apart`, each goes alone.
    """

    __slots__ = ("contact_ids", "due", "is_apart", "is_taken", "name", "tagged")

    def __init__(self, name: str, due: float) -> None:
        self.name = name
        self.due = due
        self.contact_ids: dict[str, None] = {}
        self.is_taken = False
        self.is_apart = False
        self.tagged: Collection[str] = ()

    @property
    def is_full(self) -> bool:
        """Say whether nobody else may join."""
        return len(self.contact_ids) >= MOST_PEOPLE


class TagGroups:
    """The groups of one run; `now` tells seconds. Used by one step of any task at a time."""

    def __init__(self, now: Callable[[], float], note_tagged: NoteTagged) -> None:
        self._now = now
        self._note_tagged = note_tagged
        self._open: dict[str, _Group] = {}
        self._refused: Bounded[int, None] = Bounded(MOST_REFUSED)

    def enter(self, contact_id: str, names: Iterable[str]) -> Generator[Step, Answer, list[str]]:
        """Tag a contact with the tags of these names, each once; return those that were refused.

        Raises:
            UndeliverableError: the contact is why a call fails again and again; the other tags were tried.
        """
        joined = {name: self._join(name, contact_id) for name in names}
        groups = joined.values()
        for group in groups:
            if group.is_full:
                yield from self._send(group)
        wait = max((group.due for group in groups if not group.is_taken), default=0.0) - self._now()
        if wait > 0:
            yield Pause(wait)
        for group in groups:
            yield from self._send(group)
        for group in groups:
            # Whoever sends it holds it until there is an answer.
            yield Acquire(group)
            yield Release(group)
        return (yield from self._find_refused(joined, contact_id))

    def _join(self, name: str, contact_id: str) -> _Group:
        key = name.casefold()
        group = self._open.get(key)
        if group is None:
            group = self._open[key] = _Group(name, self._now() + WAIT_SECONDS)
        group.contact_ids[contact_id] = None
        if group.is_full:
            del self._open[key]
        return group

    def _send(self, group: _Group) -> Generator[Step, Answer, None]:
        """Make the call of a group, if nobody else does."""
        if group.is_taken:
            return
        group.is_taken = True
        if not group.is_full:
            del self._open[group.name.casefold()]
        yield Acquire(group)
        if not self._is_refused(group.name):
            yield from self._tag(group)
        yield Release(group)

    def _tag(self, group: _Group) -> Generator[Step, Answer, None]:
        """Tag the contacts of a group, or find out that each is to go alone."""
        call = TagContacts(group.name, tuple(group.contact_ids))
        status = yield from self._try(group, call)
        if status is None:
            return
        if status != NOT_FOUND and (yield from self._ask_about(group.name)):
            return
        if status not in REFUSALS and len(group.contact_ids) > 1:
            # The name has worked: what failed may have been an outage, which is over.
            status = yield from self._try(group, call)
        # A single one has been alone already; but it is to be known whether it is to blame for a call that fails.
        group.is_apart = status is not None and (status == FAILED or len(group.contact_ids) > 1)

    def _try(self, group: _Group, call: TagContacts) -> Generator[Step, Answer, int | None]:
        """Make the call of a group; return the status of a refusal or failure, None where they are tagged."""
        try:
            answer = yield call
        except UndeliverableError:
            return FAILED
        if not call.is_answered_by(answer):
            return answer.status
        group.tagged = self._take(call, answer)
        return None

    def _ask_about(self, name: str) -> Generator[Step, Answer, bool]:
        """Find out whether a name is refused, or fails, whoever is tagged with it."""
        call = TagContacts(name)
        try:
            answer = yield call
            is_refused = not call.is_answered_by(answer)
        except UndeliverableError:
            is_refused = True
        if is_refused:
            self._refused.note(hash(name.casefold()), None)
        return is_refused

    def _is_refused(self, name: str) -> bool:
        return hash(name.casefold()) in self._refused

    def _take(self, call: TagContacts, answer: Answer) -> Collection[str]:
        """Tell who was tagged, as far as the answer says so, and note it."""
        told = answer.body.get("users")
        ids = {each.get("id") for each in told if isinstance(each, dict)} if isinstance(told, list) else set()
        # One that names nobody tells nothing: the description has it so for tags without people.
        tagged = [each for each in call.contact_ids if each in ids] or call.contact_ids
        self._note_tagged(call.name, answer.body["id"], tagged)
        return tagged

    def _find_refused(self, joined: Mapping[str, _Group], contact_id: str) -> Generator[Step, Answer, list[str]]:
        """Tag a contact alone where its group was taken apart; return the names of the tags that it could not have."""
        refused: list[str] = []
        error: UndeliverableError | None = None
        for name, group in joined.items():
            try:
                if group.is_apart:
                    yield from self._tag_alone(group, contact_id)
            except UndeliverableError as found:
                error = found
            if contact_id not in group.tagged:
                refused.append(name)
        if error is not None:
            raise error
        return refused

    def _tag_alone(self, group: _Group, contact_id: str) -> Generator[Step, Answer, None]:
        if self._is_refused(group.name):
            return
        call = TagContacts(group.name, (contact_id,))
        answer = yield call
        if call.is_answered_by(answer):
            group.tagged = (*group.tagged, *self._take(call, answer))
