"""A dry run: what would be written is answered here instead, and counted.

What Intercom has is really asked for. Example payloads are shown with their values masked, so
that the mapping can be checked in a log that anybody may read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from destination_intercom.intercom.calls import (
    Answer,
    ArchiveContact,
    Call,
    CreateContact,
    CreateDataAttribute,
    PostEvent,
    UnarchiveContact,
    UpdateContact,
)

EXAMPLES: Final = 3
WRITES: Final = (ArchiveContact, CreateContact, CreateDataAttribute, PostEvent, UnarchiveContact, UpdateContact)


class DryRun:
    """Answers every call that would write; used by one thread at a time."""

    def __init__(self) -> None:
        self._created = 0
        self._updated = 0
        self._sent = 0
        self._written: Counter[str] = Counter()
        self._examples: list[str] = []

    def answer(self, call: Call) -> Answer | None:
        """Answer a call that would write as Intercom would if all went well; None for one that only reads."""
        if not isinstance(call, WRITES):
            return None
        if isinstance(call, PostEvent):
            self._sent += 1
            self._show(call.endpoint, call.payload)
            return Answer(202, "empty")
        if isinstance(call, CreateContact):
            self._created += 1
            self._show(call.endpoint, call.payload)
            return Answer(200, "json", {"id": f"dry-run-{self._created}", **call.payload})
        if isinstance(call, UpdateContact):
            self._updated += 1
            self._written.update(_names(call.payload))
            self._show(call.endpoint, call.payload)
            return Answer(200, "json", {"id": call.contact_id, **call.payload})
        if isinstance(call, CreateDataAttribute):
            return Answer(200, "json", dict(call.payload))
        return Answer(200, "json", {"id": call.contact_id})

    def _show(self, endpoint: str, payload: dict[str, Any]) -> None:
        if len(self._examples) < EXAMPLES:
            self._examples.append(f"{endpoint} {mask(payload)}")

    def summary(self) -> Iterator[str]:
        """Tell what would have been written."""
        yield (
            f"Dry run: {self._created} contacts would be created, {self._updated} updated, {self._sent} events sent."
            " Whether Intercom knows the people of the events, and whether it would take each of these, only a real"
            " sync can tell."
        )
        if self._written:
            names = ", ".join(f"{name} {count}" for name, count in self._written.most_common())
            yield f"Dry run: updates would write {names}."
        for example in self._examples:
            yield f"Dry run, an example: {example}"


def _names(payload: dict[str, Any]) -> list[str]:
    return [name for name in payload if name != "custom_attributes"] + list(payload.get("custom_attributes", ()))


def mask(value: Any) -> str:
    """Show the shape of a payload: its keys, and of its values only the type."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {mask(each)}" for key, each in value.items()) + "}"
    names = {bool: "boolean", int: "number", float: "number", str: "text", type(None): "null"}
    return f"<{names.get(type(value), 'list')}>"
