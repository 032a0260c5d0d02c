"""What of a contact Intercom refuses: what a refusal names, and the values that were refused in this run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Final, TypeAlias

from destination_intercom.bounded import Bounded
from destination_intercom.contacts.known import wanted_digest
from destination_intercom.contacts.mapping import ContactChange
from destination_intercom.standard_fields import FIELDS
from destination_intercom.values import Trim

REFUSED, NO_OPTION, NO_EMAIL = "refused", "no_option", "no_email"

MOST_VALUES: Final = 10_000
"""Refused values that a run remembers: those that it met last."""

SURE_AFTER: Final = 3
"""So many contacts that refuse one value alone, and nothing else of which was taken, speak against the value."""

Piece: TypeAlias = tuple[str, ...]
"""Names that are sent or left out together; the first of them is what is said to be left out."""


def pieces_of(change: ContactChange) -> list[Piece]:
    """Take a change apart into what can be left out by itself."""
    beside = tuple(name for name in change.fields if FIELDS[name].needs_email)
    names = [name for name in (*change.fields, *change.attributes) if name not in beside and name != "email"]
    pieces: list[Piece] = [(name,) for name in names]
    if beside and change.by_email:
        # The address is the identity, and here only because what stands beside it needs it.
        return [*pieces, (*beside, "email")]
    return [*pieces, ("email", *beside)] if "email" in change.fields else pieces


def only(change: ContactChange, pieces: Collection[Piece]) -> ContactChange:
    """Keep of a change these pieces."""
    names = {name for piece in pieces for name in piece}
    fields = {name: value for name, value in change.fields.items() if name in names}
    attributes = {name: value for name, value in change.attributes.items() if name in names}
    return replace(change, fields=fields, attributes=attributes)


def trims_of(piece: Piece, reason: str) -> Iterator[Trim]:
    """Tell what is counted for a piece that is left out."""
    yield piece[0], reason
    yield from ((name, NO_EMAIL) for name in piece[1:] if name != "email")


def is_opt_out(change: ContactChange, name: str) -> bool:
    """Say whether a change holds under `name` the word of a person that must not be lost."""
    return name in FIELDS and FIELDS[name].is_opt_out and change.fields.get(name) is True


class RefusedValues:
    """The values that Intercom refused in this run, which are not sent again, and whose names they were."""

    def __init__(self) -> None:
        self._reasons: Bounded[tuple[str, int], str] = Bounded(MOST_VALUES)
        self._suspected: Bounded[tuple[str, int], frozenset[str]] = Bounded(MOST_VALUES)
        self._guilty: Counter[str] = Counter()

    def leave_out(self, change: ContactChange) -> tuple[ContactChange, tuple[Trim, ...]]:
        """Leave out of a change what was refused before; tell what, and why."""
        if self._guilty.keys().isdisjoint((*change.fields, *change.attributes)):
            return change, ()
        left = {piece: reason for piece in pieces_of(change) if (reason := self._reason(change, piece)) is not None}
        if not left:
            return change, ()
        kept = [piece for piece in pieces_of(change) if piece not in left]
        return only(change, kept), tuple(trim for piece, reason in left.items() for trim in trims_of(piece, reason))

    def _reason(self, change: ContactChange, piece: Piece) -> str | None:
        if piece[0] not in self._guilty:
            return None
        key = _key(change, piece)
        reason = self._reasons.get(key)
        if reason is not None:
            # What is met again stays, however many others come once.
            self._reasons.note(key, reason)
        return reason

    def note(self, change: ContactChange, piece: Piece, reason: str) -> None:
        """Note that Intercom refused the value of a piece, whoever the contact was."""
        self._guilty[piece[0]] += 1
        if not is_opt_out(change, piece[0]):
            self._reasons.note(_key(change, piece), reason)

    def note_suspected(self, change: ContactChange, piece: Piece, reason: str, *, by: str) -> None:
        """Note that a contact, `by` its id, refused the value alone; it may be the contact that takes nothing."""
        key = _key(change, piece)
        contacts = (self._suspected.get(key) or frozenset()) | {by}
        if len(contacts) < SURE_AFTER:
            self._suspected.note(key, contacts)
        else:
            self._suspected.forget(key)
            self.note(change, piece, reason)

    def usual(self, pieces: Collection[Piece]) -> list[Piece]:
        """Tell which of `pieces` were refused so often that they are the likeliest to be so again."""
        most = max((self._guilty[piece[0]] for piece in pieces), default=0)
        return [piece for piece in pieces if most and 2 * self._guilty[piece[0]] >= most]


def _key(change: ContactChange, piece: Piece) -> tuple[str, int]:
    name = piece[0]
    return name, wanted_digest(name, change.fields[name] if name in change.fields else change.attributes[name])
