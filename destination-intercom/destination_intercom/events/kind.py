"""Data events as a kind of object: what `delivery` carries out, made of the modules of this folder."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, ClassVar, Final

from destination_intercom import outcomes
from destination_intercom.airbyte.catalog import CatalogStream
from destination_intercom.configuration.config import Config, EventsEnabled
from destination_intercom.configuration.plan import PlanChecks
from destination_intercom.delivery.kinds import Kind, Note
from destination_intercom.delivery.probes import Probe, Taken
from destination_intercom.delivery.tasks import Aside, Batch, Step, WaitEnd, WriteTask
from destination_intercom.events.mapping import EventPayload, map_event
from destination_intercom.events.rules import EventRule, compile_event_rules, warn_of_long_metadata
from destination_intercom.events.sender import EventCache, EventSender, KnownPeople, printable
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import (
    Call,
    CreateContact,
    FindByExternalId,
    PostEvent,
    SearchContacts,
    WriteCall,
)
from destination_intercom.outcomes import Outcome
from destination_intercom.payloads import Payload, RecordRule

NOBODYS_EVENT: Final = PostEvent(
    {"event_name": "Connection checked", "created_at": 1_600_000_000, "user_id": f"nobody {secrets.token_hex(16)}"}
)
"""An event that Intercom can only refuse, as of somebody whom it does not know; its name becomes no active one."""


class Events(Kind):
    """The data events of one sync; `now` tells seconds."""

    name: ClassVar[str] = EventPayload.kind

    def __init__(self, config: Config, *, people: KnownPeople, now: Callable[[], float]) -> None:
        super().__init__()
        self._events = config.events
        self._is_dry = config.delivery.dry_run
        self._people = people
        self._told_of_hyphens = False
        self._of_nobody = 0
        self.cache = EventCache()
        self._sender = EventSender(cache=self.cache, people=people, notes=self.notes, now=now)

    @property
    def writes(self) -> Sequence[type[WriteCall]]:
        """Tell what sends an event."""
        return (PostEvent,)

    def compile(self, stream: CatalogStream, checks: PlanChecks) -> Sequence[RecordRule]:
        """Compile the rules of `events.streams`."""
        if not isinstance(self._events, EventsEnabled):
            return []
        if (warning := warn_of_long_metadata(self._events)) is not None:
            checks.warn(warning)
        rules = compile_event_rules(self._events, stream, checks)
        return [RecordRule(partial(self._map, rule), rule.entries) for rule in rules]

    def _map(self, rule: EventRule, data: dict[str, Any]) -> EventPayload | Outcome:
        event = map_event(rule, data)
        if isinstance(event, EventPayload) and event.shown_name != event.name and not self._told_of_hyphens:
            self._told_of_hyphens = True
            self.notes.add(
                Note(
                    f'The event name "{printable(event.name)}" contains a dot or a $: Intercom shows such names with'
                    f' hyphens ("{printable(event.shown_name)}"). Use events.renamed_events to send another name.'
                )
            )
        return event

    @property
    def permissions(self) -> Sequence[str]:
        """Tell what sending events and finding their people needs."""
        if not isinstance(self._events, EventsEnabled):
            return []
        creating = (CreateContact,) if self._events.unknown_users == "create" else ()
        return [call.permission for call in (PostEvent, FindByExternalId, SearchContacts, *creating)]

    def deliver(self, tasks: Sequence[WriteTask]) -> Generator[Step, Answer, list[Outcome | Aside]]:
        """Send one event after the other."""
        ends: list[Outcome | Aside] = []
        for task in tasks:
            event = _event(task.payload)
            is_absent = task.wait_end is not WaitEnd.WRITTEN and self._people.is_absent(event.key, task.batch)
            end = yield from self._sender.send(event, wait_end=task.wait_end, is_absent=is_absent)
            self._of_nobody += isinstance(end, Outcome) and end.reason == outcomes.UNKNOWN_USER
            ends.append(end)
        return ends

    def batch(self, payload: Payload, *, size: int, now: float) -> Batch | None:
        """Tell the batch in which a dry run looks up the person; in a sync Intercom's answer to the event tells."""
        return self._people.batch(_event(payload).key, size=size, now=now) if self._is_dry else None

    def show(self, payload: Payload) -> tuple[str, Any]:
        """Tell the body of the event."""
        return "events", _event(payload).body

    def outlook(self) -> Iterable[str]:
        """Tell that events may come before their people."""
        if isinstance(self._events, EventsEnabled):
            yield (
                "Events wait for people whom Intercom does not know yet, for at most ten minutes and in a limited"
                " number. If the source lets you choose, send the people before their events."
            )

    def series(self, payload: Payload) -> Hashable:
        """Tell that events of one name and second keep their order, for Intercom orders all others by their time."""
        event = _event(payload)
        return event.folded_name, event.created_at

    def probes(self, call: Call, taken: Iterable[Taken]) -> Iterator[Probe]:
        """Offer an event that was delivered before, which Intercom drops, and one of nobody."""
        if isinstance(call, PostEvent):
            yield from (Probe(each) for _, each in taken if isinstance(each, PostEvent))
            yield Probe(NOBODYS_EVENT)

    def summary(self) -> Iterator[str]:
        """Tell what became of duplicates and of events before their people, and what a dry run found of these."""
        yield from self._sender.summary()
        if self._is_dry and self._of_nobody:
            yield (
                f"Dry run: {self._of_nobody} events would find nobody in Intercom, as far as its search shows: they"
                " would be rejected as unknown_user. Sync the people too, or set events.unknown_users to create."
            )


def _event(payload: Payload) -> EventPayload:
    if not isinstance(payload, EventPayload):
        raise TypeError("not an event")
    return payload
