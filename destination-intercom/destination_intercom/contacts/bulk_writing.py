"""One person's change by bulk: whether it goes there, with what, and what is known of the person then.

Companies and tags ride along: those that a contact does not show, and the tags that it is to lose.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping
from dataclasses import replace
from typing import Final

from destination_intercom.contacts.bulk import BulkWriter, Ending, IsFollowed, never
from destination_intercom.contacts.bulk_fields import (
    NO_LINKS,
    Links,
    may_be_created,
    may_be_updated,
    to_create,
    to_update,
)
from destination_intercom.contacts.cache import LEAD, ContactCache
from destination_intercom.contacts.known import ContactReader, KnownContact, ShownLinks
from destination_intercom.contacts.mapping import ContactChange
from destination_intercom.contacts.memberships import Memberships
from destination_intercom.contacts.tagging import Tagging
from destination_intercom.delivery.tasks import Step
from destination_intercom.identity import Key
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import CreateContactsInBulk, UpdateContactsInBulk

NO_COMPANIES: Final[Mapping[str, str]] = {}


class BulkContacts:
    """Writes contacts in bulk, where that is possible; `reader` and `memberships` are those of the others."""

    def __init__(
        self,
        writer: BulkWriter,
        *,
        cache: ContactCache,
        reader: ContactReader,
        memberships: Memberships | None,
        tagging: Tagging | None = None,
    ) -> None:
        self._writer = writer
        self._cache = cache
        self._reader = reader
        self._memberships = memberships
        self._tagging = tagging

    def count_ordinary(self) -> None:
        """Count a contact that goes by itself."""
        self._writer.count_ordinary()

    def find_links(self, known: KnownContact, change: ContactChange) -> Generator[Step, Answer, Links]:
        """Tell which companies and tags of a change can ride along to a contact, and which of its tags come off so.

        None of a kind of which the contact shows some only: the others have to be asked for first.
        """
        if self._writer.is_off or self._writer.pretends or known.role == LEAD:
            return NO_LINKS
        links = NO_LINKS
        if self._memberships is not None and change.companies and _are_all(known.companies):
            missing, _ = yield from self._memberships.find_missing(known, change.companies)
            links = replace(links, companies=missing)
        if self._tagging is not None and _are_all(known.tags):
            names, surplus = yield from self._tagging.compare(known, change)
            ids = yield from self._tagging.find_ids(names)
            if ids is not None:
                links = replace(links, tags=ids, tags_off=tuple(tag.tag_id for tag in surplus))
        return links

    def update(
        self, key: Key, known: KnownContact, least: ContactChange, *, links: Links, is_followed: IsFollowed = never
    ) -> Generator[Step, Answer, bool]:
        """Write `least`, with what rides along, to a contact whose turn is held; False if it has to go by itself.

        It goes sooner where it `is_followed` by another change of the person.
        """
        names = (*least.fields, *least.attributes)
        if known.role == LEAD or not may_be_updated(least) or not self._is_taken(names):
            self._writer.count_ordinary()
            return False
        member = to_update(known.contact_id, least, links)
        if (yield from self._writer.write(UpdateContactsInBulk, member, is_followed)) is not Ending.DONE:
            return False
        forms = {name: form for name, form in self._cache.written.forms(known.contact_id).items() if name not in names}
        self._cache.note_written(key, self._as_written(known, least), forms)
        if self._memberships is not None:
            self._memberships.note_attached(known.contact_id, links.companies)
        if self._tagging is not None:
            self._tagging.note_done(known.contact_id, on=links.tags, off=links.tags_off)
        return True

    def _is_taken(self, names: Collection[str]) -> bool:
        return not self._writer.is_off and not self._cache.new_attributes.are_new(names)

    def _as_written(self, known: KnownContact, least: ContactChange) -> KnownContact:
        """Tell what a contact is once it was written: no answer shows it."""
        written = self._reader.fill(known, self._reader.read({"id": known.contact_id, **least.update_body}))
        return replace(
            written,
            role=known.role,
            external_id=known.external_id,
            email=known.email,
            companies=known.companies,
            tags=known.tags,
        )

    def create(
        self, change: ContactChange, address: str | None, *, is_followed: IsFollowed = never
    ) -> Generator[Step, Answer, tuple[Ending, Mapping[str, str]]]:
        """Create a user whose address is held; return what became of it, and why companies were left out.

        Whoever may have been made without an answer is known as such from then on.
        """
        if not self._may_be_created(change, address):
            self._writer.count_ordinary()
            return Ending.NOT_SENT, NO_COMPANIES
        links, refused = NO_LINKS, NO_COMPANIES
        if self._memberships is not None and change.companies and not self._writer.pretends:
            companies, refused = yield from self._memberships.find_missing(None, change.companies)
            links = replace(links, companies=companies)
        if self._tagging is not None and change.tags and not self._writer.pretends:
            ids = yield from self._tagging.find_ids(change.tags)
            if ids is None:
                # Whose tag is refused is told by the single call.
                self._writer.count_ordinary()
                return Ending.NOT_SENT, NO_COMPANIES
            links = replace(links, tags=ids)
        ending = yield from self._writer.write(CreateContactsInBulk, to_create(change, links), is_followed)
        if ending is not Ending.NOT_SENT:
            self._cache.note_made_in_bulk(change.key, address)
        if ending is Ending.DONE:
            self._cache.made_for_sure = change.key
        if ending is Ending.DONE and self._memberships is not None:
            self._memberships.note_attached(None, links.companies)
        return ending, refused

    def _may_be_created(self, change: ContactChange, address: str | None) -> bool:
        if not may_be_created(change) or not self._is_taken((*change.fields, *change.attributes)):
            return False
        # Whoever this run has made, or may have made and forgotten, would only be refused.
        keys = [change.key] if address is None else [change.key, Key("email", address)]
        is_made = any(self._cache.maker_in_bulk(key) is not None or key in self._cache.written for key in keys)
        has_address = address is not None and self._cache.made_with.get(address) is not None
        return not is_made and not has_address and not self._cache.written.is_doubtful(change.key)


def _are_all(shown: ShownLinks | None) -> bool:
    """Say whether a contact shows all that it has of companies, or of tags."""
    return shown is not None and not shown.has_more
