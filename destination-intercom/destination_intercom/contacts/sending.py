"""One change on its way to one contact: in one call if Intercom takes it, else without what it refuses.

What a refusal names is left out. Where it names nothing, the bad value is found by halving the ones that may be
it, each call writing what it may of the rest; after eight calls all that are still suspected are left out. So one
bad value costs neither the record nor another value.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from destination_intercom.attributes.new_attributes import NewAttributes
from destination_intercom.attributes.refusal_words import REFUSING, hinted_in, named_in, text_of
from destination_intercom.contacts.mapping import ContactChange
from destination_intercom.contacts.matching import CONFLICT_STATUS, is_another
from destination_intercom.contacts.policy import Role
from destination_intercom.contacts.refusals import (
    NO_OPTION,
    REFUSED,
    Piece,
    RefusedValues,
    is_opt_out,
    only,
    pieces_of,
    trims_of,
)
from destination_intercom.contacts.turns import Turn
from destination_intercom.delivery.tasks import Step
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import OK, Call, CreateContact, CreateLead, UpdateContact
from destination_intercom.intercom.classify import read_refusal
from destination_intercom.outcomes import Refusal
from destination_intercom.values import Trim

MOST_CALLS: Final = 8
"""Calls of one record in search of what Intercom refuses of it."""

ADDRESS: Final = "email"

Whose: TypeAlias = Callable[[Answer], Generator[Step, Answer, str]]
"""Finds out why an address was refused by a conflict: the word under which it is left out."""


@dataclass(slots=True)
class Sending:
    """A change that is sent to the contact `contact_id`, or creates one of the role where that is None.

    `identity` goes with the first values of an update that are taken: it makes the contact the person's.
    With `whole` the first refusal ends it, and nothing is left out. An answer that shows another person's contact
    ends it, too, unless the contact `may_be_another`.
    """

    change: ContactChange
    turn: Turn
    values: RefusedValues
    new_attributes: NewAttributes
    whose: Whose
    contact_id: str | None = None
    role: Role = "user"
    identity: Mapping[str, Any] = field(default_factory=dict, repr=False)
    whole: bool = False
    may_be_another: bool = False
    trims: list[Trim] = field(default_factory=list)
    """What was left out, and why."""
    shown: dict[str, Any] | None = field(default=None, repr=False)
    """The contact as the last answer shows it that took something; None where none did."""
    sent: list[Piece] = field(default_factory=list)
    refusal: Refusal | None = None
    _open: list[Piece] = field(default_factory=list)
    _guilty: list[Piece] | None = None
    _likely: list[Piece] = field(default_factory=list)
    _convicted: list[_Conviction] = field(default_factory=list)
    _base_is_there: bool = True
    _calls: int = 0
    _text: str | None = field(default=None, repr=False)
    _distrusted: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Begin with all of the change."""
        self._base_is_there = self.contact_id is not None and not self.identity
        self._open = [piece for piece in pieces_of(self.change) if piece not in self._base]

    @property
    def _base(self) -> list[Piece]:
        """Tell what nobody is created without."""
        is_create = self.contact_id is None
        return [piece for piece in pieces_of(self.change) if is_create and is_opt_out(self.change, piece[0])]

    @property
    def has_lost_an_opt_out(self) -> bool:
        """Say whether something was left out that must not be lost."""
        return any(is_opt_out(self.change, name) for name, _ in self.trims)

    @property
    def is_anothers(self) -> bool:
        """Say whether the last answer has shown that the contact is another person's."""
        return self.shown is not None and not self.may_be_another and is_another(self.change, self.shown)

    def send(self) -> Generator[Step, Answer, Answer | None]:
        """Send all that Intercom takes; return the answer that ended it before that, None if none did."""
        while (trial := self._next()) is not None:
            names = [name for piece in trial for name in piece]
            while (pause := self.new_attributes.pause(names)) is not None:
                yield pause
            if self.contact_id is not None:
                yield from self.turn.take_contact(self.contact_id)
            answer = yield self._call(trial)
            if answer.is_lost:
                return answer
            if answer.status == OK:
                self._note_taken(trial, answer.body)
                self.new_attributes.note_taken(names)
                if self.is_anothers:
                    return answer
            elif not (yield from self._goes_on(trial, answer)):
                return answer
        self._remember()
        return None

    def _call(self, trial: Collection[Piece]) -> Call:
        change = only(self.change, [*self._base, *trial])
        if self.contact_id is None:
            body = change.create_body(self.role)
            return CreateLead(body) if self.role == "lead" else CreateContact(body)
        identity = {} if self._base_is_there else self.identity
        return UpdateContact(self.contact_id, {**identity, **change.update_body})

    def _next(self) -> list[Piece] | None:
        """Tell what to send next; None if nothing is left to be."""
        left = MOST_CALLS - self._calls
        if self._base_is_there and left <= 1 and self._guilty is not None and len(self._guilty) < len(self._open):
            # The last call is for those that nothing speaks against.
            self._leave_out(self._guilty, REFUSED)
        if self._base_is_there and left <= 0:
            self._leave_out(self._open, REFUSED)
        if self._base_is_there and not self._open:
            return None
        if not self._base_is_there and left <= 1:
            return []
        if self._guilty is None:
            return list(self._open)
        likely = [piece for piece in self._guilty if piece in self._likely]
        is_worth_it = self._base_is_there or len(self._guilty) == len(self._open)
        if is_worth_it and 0 < len(likely) < len(self._guilty):
            return [piece for piece in self._guilty if piece not in likely]
        # Whoever cannot be created without any value cannot be for their identity.
        return self._guilty[: max(len(self._guilty) // 2, 1)] if self._base_is_there else []

    def _note_taken(self, trial: list[Piece], shown: dict[str, Any]) -> None:
        self._calls += 1
        self.shown, self.contact_id, self._base_is_there = shown, shown["id"], True
        self.sent += trial
        self._open = [piece for piece in self._open if piece not in trial]
        if self._guilty is not None:
            # All of them together were refused, so that one of those that are left is the reason.
            left = [piece for piece in self._guilty if piece not in trial]
            self._guilty = left or None
            if len(left) == 1:
                self._convict(left, named=False)

    def _goes_on(self, trial: list[Piece], answer: Answer) -> Generator[Step, Answer, bool]:
        """Say whether there is something to try after a call that was not taken."""
        if self.new_attributes.explain(answer, [piece[0] for piece in trial]):
            return True
        address = next((piece for piece in trial if ADDRESS in piece), None)
        if answer.status == CONFLICT_STATUS and address is not None and self._base_is_there and not self.whole:
            reason = yield from self.whose(answer)
            self._leave_out([address], reason)
            return True
        if answer.status not in REFUSING or self.whole:
            return False
        self._calls += 1
        self.refusal = read_refusal(answer)
        # Where nothing but the identity was sent, no value is to blame.
        return bool(trial) and self._look_into(trial, answer)

    def _look_into(self, trial: list[Piece], answer: Answer) -> bool:
        """Find out more about what is refused; there always is something left to try."""
        names = [piece[0] for piece in trial]
        named, text = named_in(answer, names), text_of(answer)
        if not named and text == self._text:
            self._put_back(text)
        if named and text != self._distrusted:
            self._text = text
            self._convict([piece for piece in trial if piece[0] in named], named=True)
            return True
        self._likely = self._suspect(trial, named | hinted_in(answer, names))
        self._guilty = list(trial)
        if len(trial) == 1 and self._base_is_there:
            self._convict(trial, named=False)
        return True

    def _suspect(self, trial: list[Piece], hinted: Collection[str]) -> list[Piece]:
        """Tell which pieces to leave out first."""
        by_words = [piece for piece in trial if piece[0] in hinted]
        outside = [piece for piece in trial if piece[0] in self.change.outside]
        return by_words or outside or self.values.usual(trial)

    def _put_back(self, text: str) -> None:
        """Take back what was left out for being named, since the same is said without it: the words mean another."""
        wrong = [each.piece for each in self._convicted if each.text == text]
        self._convicted = [each for each in self._convicted if each.text != text]
        self._open = [*wrong, *self._open]
        names = {name for piece in wrong for name in piece}
        self.trims = [trim for trim in self.trims if trim[0] not in names]
        self._text, self._distrusted = None, text

    def _convict(self, pieces: list[Piece], *, named: bool) -> None:
        for piece in pieces:
            reason = NO_OPTION if piece[0] in self.change.outside else REFUSED
            self._convicted.append(_Conviction(piece, reason, self._text if named else None))
            self._leave_out([piece], reason)
        self._guilty = None

    def _leave_out(self, pieces: list[Piece], reason: str) -> None:
        left = list(pieces)
        self._open = [piece for piece in self._open if piece not in left]
        self._guilty = [piece for piece in self._guilty or [] if piece not in left] or None
        self.trims += [trim for piece in left for trim in trims_of(piece, reason)]

    def _remember(self) -> None:
        """Remember which values were refused, so that they are not sent again in this run."""
        for each in self._convicted:
            if each.text is not None or self.shown is not None:
                self.values.note(self.change, each.piece, each.reason)
            elif self.contact_id is not None:
                # Nothing at all was taken: it may be the contact, and no value.
                self.values.note_suspected(self.change, each.piece, each.reason, by=self.contact_id)


@dataclass(frozen=True, slots=True)
class _Conviction:
    """A piece that was left out as refused; `text` is what named it, None if nothing did."""

    piece: Piece
    reason: str
    text: str | None = field(default=None, repr=False)
