"""The kinds of object that a sync delivers: the one place where they are registered.

A kind's place in `KINDS` is its place among the payloads of a record: companies come before the people who belong to
them, and contacts before what needs them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Final, TypeAlias

from destination_intercom.companies.directory import CompanyDirectory
from destination_intercom.companies.kind import Companies
from destination_intercom.configuration.config import Config, EventsEnabled
from destination_intercom.contacts.earlier import EarlierUpdates
from destination_intercom.contacts.kind import Contacts
from destination_intercom.delivery.kinds import Kind, Kinds
from destination_intercom.delivery.tasks import Batch
from destination_intercom.events.kind import Events


@dataclass
class KindParts:
    """What kinds are made of: the configuration, the time, and one another.

    `now` tells seconds; `look_up` has a batch of the kind of that name looked up, where records are delivered;
    `earlier` tells when contacts were updated before, where rejected records are sent again.
    """

    config: Config
    now: Callable[[], float]
    look_up: Callable[[str, Batch], None] = lambda _kind, _batch: None
    earlier: EarlierUpdates | None = None

    @cached_property
    def contacts(self) -> Contacts:
        """Give the contacts, of which other kinds ask who is known."""
        look_up = partial(self.look_up, Contacts.name)
        return Contacts(self.config, now=self.now, look_up=look_up, companies=self.companies, earlier=self.earlier)

    @cached_property
    def companies(self) -> CompanyDirectory:
        """Give what is known of companies, which people belong to."""
        return CompanyDirectory(self.now, asks_first=self.config.delivery.dry_run)


MakeKind: TypeAlias = Callable[[KindParts], Kind]


def make_companies(parts: KindParts) -> Kind:
    """Make the companies."""
    return Companies(parts.config, directory=parts.companies, now=parts.now)


def make_contacts(parts: KindParts) -> Kind:
    """Make the contacts."""
    return parts.contacts


def make_events(parts: KindParts) -> Kind:
    """Make the data events."""
    events = parts.config.events
    creates = isinstance(events, EventsEnabled) and events.unknown_users == "create"
    return Events(parts.config, people=parts.contacts.people(create_unknown=creates), now=parts.now)


KINDS: Final[tuple[MakeKind, ...]] = (make_companies, make_contacts, make_events)


def make_kinds(parts: KindParts) -> Kinds:
    """Make all kinds of one sync."""
    return Kinds(make(parts) for make in KINDS)
