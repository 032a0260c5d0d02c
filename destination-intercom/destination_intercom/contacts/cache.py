"""What one run has learned of people: bounded in bytes, and used by one step of any task at a time.

What it forgets costs calls, never correctness. What is known of a contact is kept by Intercom's own id;
the keys under which records name the person only lead there.
"""

from __future__ import annotations

import math
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from typing import Final

from destination_intercom.attributes.new_attributes import NewAttributes
from destination_intercom.bounded import Bounded
from destination_intercom.contacts.addresses import TakenAddresses
from destination_intercom.contacts.departures import Departures
from destination_intercom.contacts.diff import NO_FORMS, Form
from destination_intercom.contacts.earlier import EarlierUpdates
from destination_intercom.contacts.known import KnownContact
from destination_intercom.contacts.lookup import SearchSize
from destination_intercom.contacts.lost_creates import LostCreates
from destination_intercom.contacts.matching import keys_of
from destination_intercom.contacts.refusals import RefusedValues
from destination_intercom.contacts.strangers import Strangers
from destination_intercom.identity import Key
from destination_intercom.outcomes import Refusal

MOST_BYTES: Final = 128 * 1024 * 1024
"""Of the contacts that a run has written: room for 100,000 of them, with forty values and more each."""

MAX_PEOPLE: Final = 100_000
"""People whose contacts cannot be restored that a run remembers."""

SEARCH_LAG_SECONDS: Final = 600.0
"""For so long the search may not show what was written (it lags by up to minutes, says Intercom)."""

LEAD_SECONDS: Final = SEARCH_LAG_SECONDS
"""For so long a lead that was found is believed to have the address: as long as what this run has written."""

LEAD: Final = "lead"
"""The role of a contact whose events Intercom takes by its own id only (its API description)."""

_ENTRY_BYTES: Final = 500
_KEY_BYTES: Final = 250
_FORM_BYTES: Final = 300
"""What an entry, each key and each form of it take beside their texts: measured, and rounded up."""


class _Entry:
    """A contact as this run has last seen it, since when (seconds), the keys that lead there, and its own forms."""

    __slots__ = ("contact", "forms", "keys", "moment")

    def __init__(self, contact: KnownContact) -> None:
        self.contact = contact
        self.moment = 0.0
        self.keys: tuple[Key, ...] = ()
        self.forms = NO_FORMS

    @property
    def size(self) -> int:
        """Tell the bytes that it takes, about."""
        contact = self.contact
        texts = sum(len(text) for text in (contact.email, contact.external_id) if text)
        values = 0 if contact.values is None else contact.values.itemsize * len(contact.values)
        links = (each for each in (contact.companies, contact.tags) if each is not None)
        linked = sum(_KEY_BYTES + each.ids.itemsize * len(each.ids) for each in links)
        keys = sum(map(_key_size, self.keys))
        return _ENTRY_BYTES + texts + values + linked + keys + _FORM_BYTES * len(self.forms)


def _key_size(key: Key) -> int:
    # A character takes up to four bytes; most are of ASCII and take one.
    return _KEY_BYTES + len(key.value) * (1 if key.value.isascii() else 4)


class WrittenContacts:
    """The contacts that this run has written, in front of the search, which lags.

    What was written is believed for ten minutes, then asked for again. The `most_bytes` of them that were
    written last are kept. If one has to go that is younger than ten minutes, then for as long nobody can tell
    whether the search is right about those who are not here: they are `doubtful`, and always sent.
    """

    def __init__(self, now: Callable[[], float], *, most_bytes: int = MOST_BYTES) -> None:
        self._now = now
        self._most_bytes = most_bytes
        self._bytes = 0
        self._ids: dict[Key, str] = {}
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._doubtful_until = -math.inf

    def __contains__(self, key: Key) -> bool:
        return self.get(key) is not None

    def get(self, key: Key, *, of_any_age: bool = False) -> KnownContact | None:
        """Tell what this run last wrote to the contact of `key`; None if it wrote nothing that counts any more."""
        contact_id = self._ids.get(key)
        return None if contact_id is None else self.by_id(contact_id, of_any_age=of_any_age)

    def by_id(self, contact_id: str, *, of_any_age: bool = False) -> KnownContact | None:
        """Tell the same of the contact with Intercom's own id."""
        entry = self._entries.get(contact_id)
        if entry is None or not (of_any_age or self._now() < entry.moment + SEARCH_LAG_SECONDS):
            return None
        return entry.contact

    def is_doubtful(self, key: Key) -> bool:
        """Say whether this run may have written the person, and does not know what, while the search may be behind."""
        return key not in self._ids and self._now() < self._doubtful_until

    def forms(self, contact_id: str) -> Mapping[str, Form]:
        """Tell which values a contact has in another form than they were sent to it in, however long ago."""
        entry = self._entries.get(contact_id)
        return NO_FORMS if entry is None else entry.forms

    def note(self, key: Key | None, contact: KnownContact, forms: Mapping[str, Form] | None = None) -> None:
        """Note what the contact of `key` is now, and all forms of it; None for a contact that no key leads to."""
        contact_id = contact.contact_id
        if key is not None and self._ids.get(key) != contact_id:
            self.forget(key)
        entry = self._entries.get(contact_id)
        if entry is None:
            entry = self._entries[contact_id] = _Entry(contact)
        else:
            self._bytes -= entry.size
        if key is not None and key not in entry.keys:
            entry.keys = (*entry.keys, key)
            self._ids[key] = contact_id
        entry.contact, entry.moment = contact, self._now()
        entry.forms = entry.forms if forms is None else forms or NO_FORMS
        self._bytes += entry.size
        self._entries.move_to_end(contact_id)
        while self._bytes > self._most_bytes and len(self._entries) > 1:
            self._evict()

    def forget(self, key: Key) -> None:
        """Let `key` lead nowhere any more; what is known of its contact is kept for its other keys."""
        contact_id = self._ids.pop(key, None)
        if contact_id is None:
            return
        entry = self._entries[contact_id]
        self._bytes -= _key_size(key)
        entry.keys = tuple(other for other in entry.keys if other != key)
        if not entry.keys:
            self._bytes -= entry.size
            del self._entries[contact_id]

    def drop(self, contact_id: str) -> None:
        """Note that a contact is gone, whatever keys lead to it."""
        entry = self._entries.pop(contact_id, None)
        if entry is not None:
            self._bytes -= entry.size
            for key in entry.keys:
                del self._ids[key]

    def _evict(self) -> None:
        """Drop the contact that was written longest ago."""
        _, entry = self._entries.popitem(last=False)
        self._bytes -= entry.size
        for key in entry.keys:
            del self._ids[key]
        self._doubtful_until = max(self._doubtful_until, entry.moment + SEARCH_LAG_SECONDS)


class ContactCache:
    """All that a run remembers of people; `now` tells seconds, and `earlier` when contacts were updated before."""

    def __init__(self, now: Callable[[], float], *, earlier: EarlierUpdates | None = None) -> None:
        self.now = now
        self.earlier = earlier or EarlierUpdates()
        self.written = WrittenContacts(now)
        self.unknown = Strangers(now)
        self.unrestorable: Bounded[str, Refusal] = Bounded(MAX_PEOPLE)
        """Ids of archived contacts that cannot be restored, with Intercom's word on it."""
        self.made_with: Bounded[str, str] = Bounded(MAX_PEOPLE)
        """Ids of the contacts that this run has created, by their address."""
        self.opted_out: Bounded[Key, None] = Bounded(MAX_PEOPLE)
        """People who opted out, and for whom that could not be written: they are never created without it."""
        self.refused_values = RefusedValues()
        self.new_attributes = NewAttributes(now)
        self.taken_addresses = TakenAddresses(now, written=self.written.by_id)
        self.search_size = SearchSize()
        self.lost_creates = LostCreates(now)
        self.reshaped: Counter[str] = Counter()
        """How many contacts have a value of a name in another form than it was sent in."""
        self.leads: Bounded[bytes, tuple[str, float]] = Bounded(MAX_PEOPLE)
        """Leads that were found and not written, by the digest of their key: Intercom's id, and until when it holds."""
        self.departures = Departures()
        self.made_for_sure: Key | None = None
        """A user whom this run has made in bulk, by the User ID or the address."""
        self._made_in_bulk: Bounded[bytes, tuple[Key, float]] = Bounded(MAX_PEOPLE)
        """Whom a bulk job has made, so that nobody was told Intercom's id: by the digest of each of their keys."""
        self._strangers: Bounded[Key, float] = Bounded(MAX_PEOPLE)

    def note_written(self, key: Key, contact: KnownContact, forms: Mapping[str, Form] | None = None) -> None:
        """Note that this run has written the person `key`, who is known then."""
        self.written.note(key, contact, forms)
        self.note_known(key, contact)

    def note_known(self, key: Key, contact: KnownContact) -> None:
        """Note that a person is there, under each of their keys: an event may have come before."""
        self.departures.end(key, contact.contact_id)
        for each in (key, *keys_of(contact)):
            self.unknown.forget(each)

    def note_departed(self, key: Key, contact: KnownContact) -> None:
        """Note that this run has taken the person `key` away: nothing of it believes the contact to be there then."""
        self.written.drop(contact.contact_id)
        for each in (key, *keys_of(contact)):
            self.leads.forget(each.digest)
            self.forget_made_in_bulk(each)
        if self.made_for_sure in {key, *keys_of(contact)}:
            self.made_for_sure = None
        if self.made_with.get(contact.email or "") == contact.contact_id:
            self.made_with.forget(contact.email or "")
        self.departures.note(key, contact.contact_id, keys_of(contact))

    def note_lead(self, key: Key, contact_id: str) -> None:
        """Note that a person was found, and is a lead."""
        self.leads.note(key.digest, (contact_id, self.now() + LEAD_SECONDS))

    def lead(self, key: Key) -> str | None:
        """Tell Intercom's id of a person who was found as a lead; None for others."""
        contact_id, until = self.leads.get(key.digest) or (None, 0.0)
        return contact_id if self.now() < until else None

    def supersedes(self, contact: KnownContact, key: Key, rejected_at: float | None, *, is_fresh: bool = True) -> bool:
        """Say whether a contact was updated, by others, after a row of the person `key` had been rejected."""
        if self.earlier.remembers and self.maker_in_bulk(key) is not None:
            self.earlier.claim(contact)
        return self.earlier.supersede(contact, rejected_at, is_fresh=is_fresh)

    def note_made_in_bulk(self, key: Key, address: str | None) -> None:
        """Note that a bulk job has made, or may have made, the user `key`, with an address."""
        for each in {key} if address is None else {key, Key("email", address)}:
            self._made_in_bulk.note(each.digest, (key, self.now() + SEARCH_LAG_SECONDS))
            self.unknown.forget(each)

    def maker_in_bulk(self, key: Key) -> Key | None:
        """Tell under which key a bulk job has made the user who bears `key`; None where none has."""
        found = self._made_in_bulk.get(key.digest)
        return None if found is None else found[0]

    def forget_made_in_bulk(self, *keys: Key) -> None:
        """Note that a user of these keys is known by Intercom's id now, or is not there."""
        for key in keys:
            self._made_in_bulk.forget(key.digest)

    def was_written(self, key: Key) -> bool:
        """Say whether this run has written a person of late, so that Intercom will show them soon."""
        _, until = self._made_in_bulk.get(key.digest) or (key, -math.inf)
        return key in self.written or self.now() < until

    def note_stranger(self, key: Key, contact: KnownContact) -> None:
        """Note that `key` led to a contact that is another person's by now, as which it is known."""
        self.written.forget(key)
        self._strangers.note(key, self.now() + SEARCH_LAG_SECONDS)
        # The search may be behind what was written to it for the wrong person, also for its own.
        is_user = key.field == "external_id" and contact.external_id is not None and contact.role != "lead"
        self.written.note(Key("external_id", contact.external_id or "") if is_user else None, contact)

    def is_stranger(self, key: Key) -> bool:
        """Say whether `key` led to another person's contact within the last ten minutes."""
        until = self._strangers.get(key)
        return until is not None and self.now() < until
