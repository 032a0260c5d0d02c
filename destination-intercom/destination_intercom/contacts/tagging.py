"""Which tags a contact bears: what is shown of it, and the calls that add what is missing and take off the rest.

Tags are taken off under a prefix alone, and only where the records of a person agree on which ones there are to be.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from destination_intercom.bounded import Bounded
from destination_intercom.contacts.known import KnownContact
from destination_intercom.contacts.mapping import ContactChange
from destination_intercom.contacts.tag_groups import TagGroups
from destination_intercom.delivery.kinds import Note, Notes
from destination_intercom.delivery.tasks import Acquire, Release, Step, UndeliverableError
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import NOT_FOUND, ListContactTags, ListTags, TagContacts, UntagContact
from destination_intercom.values import Trim

MOST_TAGS: Final = 100_000
"""Tags of the workspace whose names a run remembers."""

MOST_TAGGED: Final = 100_000
"""Tags put on a contact or taken off one that a run remembers: the latest."""

MOST_PEOPLE: Final = 100_000
"""People of whom a run remembers which tags their records named, by their key and by their contact: the latest."""

BELIEVED_SECONDS: Final = 600.0
"""For so long the search may not show what was done (it lags by up to minutes, says Intercom)."""

REFUSED: Final = "tag_refused"
"""A word of `TRIM_REASONS`."""


_CONTRADICTED: Final = -1
"""Stands for the names of a person whose records name different ones: Python's hash is never that."""


@dataclass(frozen=True, slots=True)
class ReplacedTags:
    """The entry of the form that takes tags off: the name under which it is counted, and its place."""

    name: str
    place: str


@dataclass(frozen=True, slots=True)
class Tagged:
    """What came of a contact's tags: whether any was put on or taken off.

    `refused` are the names of those that could not be put on, casefolded, and `kept` the prefixes of those that could
    not be taken off.
    """

    any: bool = False
    refused: frozenset[str] = field(default=frozenset(), repr=False)
    kept: frozenset[str] = field(default=frozenset(), repr=False)


NOTHING_TAGGED: Final = Tagged()


@dataclass(frozen=True, slots=True)
class Removable:
    """A tag that may be taken off: Intercom's id, the digest of its name, and all the prefixes that it begins with."""

    tag_id: str
    name: int
    prefixes: tuple[str, ...]


class Tagging:
    """Tags contacts; `now` tells seconds. Used by one step of any task at a time.

    `replaced` are the casefolded prefixes under which tags are taken off, each with its entry.
    """

    def __init__(self, now: Callable[[], float], *, replaced: Mapping[str, ReplacedTags], notes: Notes) -> None:
        self._now = now
        self._replaced = replaced
        self._notes = notes
        self._groups = TagGroups(now, self._note_tagged)
        self._is_asked = self._is_listed = False
        self._ids: Bounded[int, int] = Bounded(MOST_TAGS)
        """The digest of a tag's id, by that of its name."""
        self._texts: Bounded[int, str] = Bounded(MOST_TAGS)
        """Their ids, by the digest of their names."""
        self._refused: Bounded[int, None] = Bounded(MOST_TAGS)
        """Names of which Intercom makes no tag."""
        self._removable: Bounded[int, Removable] = Bounded(MOST_TAGS)
        """Tags, by the digest of their ids."""
        self._done: Bounded[int, tuple[bool, float]] = Bounded(MOST_TAGGED)
        """Whether this run has put a tag on a contact, or has taken it off, and until when that is believed."""
        self._named: Bounded[int, int] = Bounded(2 * MOST_PEOPLE)
        """Which tags the records of a person name under a prefix."""
        self._warned: set[str] = set()
        self.known_name: str | None = None
        """The name of a tag that is there."""

    def hear(self, change: ContactChange) -> None:
        """Take in which tags the records name that are to be written now."""
        for prefix, names in change.lists.items():
            self._note_named(_digest_person(change, prefix), prefix, names)

    def _note_named(self, person: int, prefix: str, names: frozenset[str] | None) -> None:
        """Note which tags the records of a person name; that they differ, where they do."""
        heard = _CONTRADICTED if names is None else hash("\n".join(sorted(names)))
        if self._named.get(person) not in {None, heard}:
            heard = _CONTRADICTED
        self._named.note(person, heard)
        if heard == _CONTRADICTED and prefix not in self._warned:
            self._warned.add(prefix)
            self._notes.add(Note(_explain_contradiction(self._replaced[prefix].place)))

    def settle(self, contact: KnownContact, change: ContactChange) -> Generator[Step, Answer, Tagged]:
        """Put the tags on a contact that a change names; take the others off under prefixes of which it names all."""
        missing, surplus = yield from self.compare(contact, change)
        refused = (yield from self._groups.enter(contact.contact_id, missing)) if missing else []
        has_untagged, kept = yield from self._untag(contact.contact_id, surplus)
        has_tagged = len(refused) < len(missing)
        return Tagged(has_tagged or has_untagged, frozenset(name.casefold() for name in refused), frozenset(kept))

    def compare(
        self, contact: KnownContact, change: ContactChange
    ) -> Generator[Step, Answer, tuple[list[str], list[Removable]]]:
        """Tell the names of the tags that a contact lacks of those that a change names, and which are to come off."""
        wanted = {hash(name.casefold()): name for name in change.tags}
        prefixes = self._find_agreed(contact, change)
        if not wanted and not prefixes:
            return [], []
        shown = yield from self._read(contact, wanted, prefixes)
        missing = [name for tag, name in wanted.items() if not self._bears(contact, tag, shown)]
        return missing, [tag for tag in self._find_removable(contact, shown, prefixes) if tag.name not in wanted]

    def find_ids(self, names: Iterable[str]) -> Generator[Step, Answer, dict[str, str] | None]:
        """Tell Intercom's ids of tags, by their names; they are made where there are none.

        None if there is none of one of them, whoever is tagged with it.
        """
        ids: dict[str, str] = {}
        for name in names:
            tag = hash(name.casefold())
            if tag not in self._texts and tag not in self._refused:
                yield from self._make(name)
            tag_id = self._texts.get(tag)
            if tag_id is None:
                return None
            ids[name] = tag_id
        return ids

    def _make(self, name: str) -> Generator[Step, Answer, None]:
        """Make a tag without people, if there is none yet; whoever else needs it waits."""
        tag = hash(name.casefold())
        yield Acquire((Tagging, tag))
        if tag not in self._texts and tag not in self._refused:
            call = TagContacts(name)
            try:
                answer = yield call
                if call.is_answered_by(answer):
                    self._note_tag(answer.body["id"], name)
            except UndeliverableError:
                pass
            if tag not in self._texts:
                self._refused.note(tag, None)
        yield Release((Tagging, tag))

    def note_done(self, contact_id: str, *, on: Iterable[str], off: Iterable[str]) -> None:
        """Note that tags of these names were put on a contact otherwise, and others, by Intercom's ids, taken off."""
        for name in on:
            self._note(contact_id, hash(name.casefold()), is_on=True)
        for tag in filter(None, (self._removable.get(hash(tag_id)) for tag_id in off)):
            self._note(contact_id, tag.name, is_on=False)

    def trims(self, change: ContactChange, tagged: Tagged) -> list[Trim]:
        """Tell which tags that a change is about could not be put on or taken off."""
        trims = [(entry, REFUSED) for name, entry in change.tags.items() if name.casefold() in tagged.refused]
        return trims + [(self._replaced[each].name, REFUSED) for each in change.lists if each in tagged.kept]

    def _find_agreed(self, contact: KnownContact, change: ContactChange) -> Collection[str]:
        """Tell the prefixes of which all tags are named, for a person whose records agree so far, under any key."""
        agreed = set[str]()
        for prefix, names in change.lists.items():
            digest = hash((contact.contact_id, prefix))
            self._note_named(digest, prefix, names)
            if _CONTRADICTED not in {self._named.get(digest), self._named.get(_digest_person(change, prefix))}:
                agreed.add(prefix)
        return agreed

    def _read(
        self, contact: KnownContact, wanted: Iterable[int], prefixes: Collection[str]
    ) -> Generator[Step, Answer, Collection[int]]:
        """Tell which tags a contact bears, by the digests of their ids, as far as that matters."""
        shown = contact.tags
        if shown is None:
            return (yield from self._list(contact.contact_id)) if prefixes else ()
        if not shown.ids and not shown.has_more:
            return ()
        yield from self._learn()
        if shown.has_more:
            is_needed = prefixes or not all(self._bears(contact, tag, shown.ids) for tag in wanted)
        else:
            # Where the names of all tags could not be had, a contact's own may be.
            is_needed = prefixes and not self._is_listed
        return (yield from self._list(contact.contact_id)) if is_needed else shown.ids

    def _learn(self) -> Generator[Step, Answer, None]:
        """Ask for the names of all tags, once a run; whoever else needs them waits."""
        if self._is_asked:
            return
        yield Acquire(self)
        try:
            if not self._is_asked:
                call = ListTags()
                answer = yield call
                self._is_asked, self._is_listed = True, call.is_answered_by(answer)
                self._note_listed(answer.body)
        except UndeliverableError:
            yield Release(self)
            raise
        yield Release(self)

    def _list(self, contact_id: str) -> Generator[Step, Answer, Collection[int]]:
        """List all tags of a contact; of one that is gone there are none."""
        answer = yield ListContactTags(contact_id)
        return frozenset(self._note_listed(answer.body))

    def _note_listed(self, body: Any) -> list[int]:
        """Note the tags of a list, and tell the digests of their ids; none of what is no list."""
        listed = body.get("data") if isinstance(body, dict) else None
        tags = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
        named = [each for each in tags if isinstance(each.get("id"), str) and isinstance(each.get("name"), str)]
        return [self._note_tag(each["id"], each["name"]) for each in named]

    def _note_tag(self, tag_id: str, name: str) -> int:
        """Note a tag, and tell the digest of its id."""
        self.known_name = self.known_name or name
        folded, digest = name.casefold(), hash(tag_id)
        self._ids.note(hash(folded), digest)
        self._texts.note(hash(folded), tag_id)
        prefixes = tuple(prefix for prefix in self._replaced if folded.startswith(prefix))
        if prefixes:
            self._removable.note(digest, Removable(tag_id, hash(folded), prefixes))
        return digest

    def _bears(self, contact: KnownContact, tag: int, shown: Collection[int]) -> bool:
        done = self._recall(contact.contact_id, tag)
        return self._ids.get(tag) in shown if done is None else done

    def _find_removable(
        self, contact: KnownContact, shown: Iterable[int], prefixes: Collection[str]
    ) -> Iterator[Removable]:
        """Tell the tags of a contact of which each prefix that they begin with is one of these."""
        for tag in filter(None, map(self._removable.get, shown)):
            is_off = self._recall(contact.contact_id, tag.name) is False
            if not is_off and all(each in prefixes for each in tag.prefixes):
                yield tag

    def _untag(self, contact_id: str, tags: Iterable[Removable]) -> Generator[Step, Answer, tuple[bool, set[str]]]:
        """Take tags off; tell whether any was there, and the prefixes of those that Intercom does not let go."""
        has_untagged, kept = False, set[str]()
        for tag in tags:
            call = UntagContact(contact_id, tag.tag_id)
            answer = yield call
            if call.is_answered_by(answer) or answer.status == NOT_FOUND:
                has_untagged |= answer.status != NOT_FOUND
                self._note(contact_id, tag.name, is_on=False)
            else:
                kept.update(tag.prefixes)
        return has_untagged, kept

    def _note_tagged(self, name: str, tag_id: str, contact_ids: Iterable[str]) -> None:
        tag = hash(name.casefold())
        if tag not in self._ids:
            self._note_tag(tag_id, name)
        for contact_id in contact_ids:
            self._note(contact_id, tag, is_on=True)

    def _note(self, contact_id: str, tag: int, *, is_on: bool) -> None:
        self._done.note(hash((contact_id, tag)), (is_on, self._now() + BELIEVED_SECONDS))

    def _recall(self, contact_id: str, tag: int) -> bool | None:
        """Say whether this run has put a tag on a contact, or has taken it off; None where nothing counts any more."""
        is_on, until = self._done.get(hash((contact_id, tag))) or (None, 0.0)
        return is_on if self._now() < until else None


def _digest_person(change: ContactChange, prefix: str) -> int:
    return hash((change.key.digest, prefix))


def _explain_contradiction(place: str) -> str:
    return (
        f"{place}: records of one person name different tags, so that none is taken off such people in this sync. Mode"
        " replace is for streams in which one record names all tags of a person: group the rows by person in the"
        " source, or set mode to add."
    )
