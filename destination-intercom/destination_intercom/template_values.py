"""Values inside a template: what is nothing there, and what its operators make, within bounds.

Whatever a template makes, as opposed to what it finds in the record, is at most `LARGEST` characters or
`MOST_MEMBERS` members, and a number of at most `MOST_BITS`: refused by calculation, before it is made. A template
has no loop and no variable, so the number of such steps is bounded by its length, and with both its memory and time.

A value is JSON, or `NOTHING`. Null is nothing; a blank text of a record is nothing too, a blank that the template
itself writes (as in `join(' ')`) is a text. Pure, and of Jinja it knows only what undefined is.

Errors are `ValueError`, or whatever Python raises for values of the wrong type; no text of theirs holds a value.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Final

from jinja2 import ChainableUndefined, Undefined

from destination_intercom.values import Moment, to_text

LARGEST: Final = 65_536
MOST_MEMBERS: Final = 10_000
MOST_BITS: Final = 2_048


class Nothing(ChainableUndefined):
    """A property that is absent, null or blank, and everything below it: equal to null and to a blank text."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return is_nothing(other)

    def __hash__(self) -> int:
        return hash(None)


NOTHING: Final = Nothing()


def is_absent(value: Any) -> bool:
    """Say whether a value is null or undefined."""
    return value is None or isinstance(value, Undefined)


def is_nothing(value: Any) -> bool:
    """Say whether a value is null, undefined or a blank text."""
    if isinstance(value, str):
        return not value or value.isspace()
    return value is None or isinstance(value, Undefined)


def read_member(value: Any, key: Any) -> Any:
    """Read a member of an object, a list or a text: the record's own, never an attribute of Python's."""
    found: Any = NOTHING
    if isinstance(value, dict):
        found = NOTHING if is_absent(key) else value.get(key if isinstance(key, str) else to_text(key))
    elif isinstance(value, (list, str)) and isinstance(key, int) and -len(value) <= key < len(value):
        found = value[key]
    return NOTHING if is_nothing(found) else found


def read_number(value: Any) -> int | float:
    """Take a finite number of a size that can be worked with; booleans are none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("not a number")  # noqa: TRY004 - callers ask for one kind of error
    if value.bit_length() > MOST_BITS if isinstance(value, int) else not math.isfinite(value):
        raise ValueError("not a number of a size that can be worked with")
    return value


def read_members(value: Any) -> list[Any]:
    """Take the members of a list."""
    if not isinstance(value, list):
        raise ValueError("not a list")  # noqa: TRY004 - callers ask for one kind of error
    check_size(len(value), MOST_MEMBERS)
    return value


def check_size(size: int, most: int = LARGEST) -> None:
    """Refuse what would be larger than `most` before it is made."""
    if size > most:
        raise ValueError("larger than anything that a template may make")


_ARITHMETIC: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}


def operate(symbol: str, left: Any, right: Any) -> Any:
    """Apply an operator of arithmetic to two numbers; `+` also joins two texts or two lists."""
    if is_absent(left) or is_absent(right):
        return NOTHING
    if symbol == "+":
        if isinstance(left, str) and isinstance(right, str):
            check_size(len(left) + len(right))
            return left + right
        if isinstance(left, list) and isinstance(right, list):
            check_size(len(left) + len(right), MOST_MEMBERS)
            return left + right
    result = read_number(_ARITHMETIC[symbol](read_number(left), read_number(right)))
    return Moment(math.floor(result)) if _is_moment(symbol, left, right) else result


def _is_moment(symbol: str, left: Any, right: Any) -> bool:
    """Say whether a time was moved: it stays one. What lies between two is none."""
    moments = isinstance(left, Moment), isinstance(right, Moment)
    return (symbol == "+" and any(moments)) or (symbol == "-" and moments == (True, False))


def negate(symbol: str, value: Any) -> Any:
    """Apply `-` or `+` to a number."""
    if is_absent(value):
        return NOTHING
    return -read_number(value) if symbol == "-" else read_number(value)


def concatenate(values: Iterable[Any], literal: Collection[int] = (), *, needs_all: bool) -> Any:
    """Join scalars to one text, as the operator `~` does.

    `literal` are the places of those that the template itself writes: if no other has a value, there is none, as
    for a text with expressions in it.
    """
    pieces = [None if is_absent(value) else to_text(value) for value in values]
    if None in pieces and (needs_all or not any(pieces[place] for place in range(len(pieces)) if place not in literal)):
        return NOTHING
    return assemble(pieces)


def assemble(pieces: Sequence[str | None]) -> str:
    """Join pieces of which None are those without a value: no blank is left where such a piece was."""
    check_size(sum(len(piece) for piece in pieces if piece is not None))
    text, gap = "", False
    for piece in pieces:
        if piece is None:
            gap = True
            continue
        fitting = piece.lstrip() if gap and (not text or text[-1].isspace()) else piece
        if fitting:
            text, gap = text + fitting, False
    return text.rstrip() if gap else text


def cut(value: Any, start: Any, stop: Any, step: Any) -> Any:
    """Cut a part out of a text or a list, as a slice does; None stands for a bound that is not written."""
    if is_absent(value) or any(isinstance(bound, Undefined) for bound in (start, stop, step)):
        return NOTHING
    if not isinstance(value, (str, list)):
        raise ValueError("neither a text nor a list")  # noqa: TRY004 - callers ask for one kind of error
    wanted = slice(start, stop, step)
    check_size(len(range(*wanted.indices(len(value)))), LARGEST if isinstance(value, str) else MOST_MEMBERS)
    part = value[wanted]
    return NOTHING if is_nothing(part) else part


def keep_list(values: Iterable[Any]) -> list[Any]:
    """Make the list that a template writes; what has no value is null in it."""
    return [None if is_absent(value) else value for value in values]


def keep_object(pairs: dict[Any, Any]) -> dict[Any, Any]:
    """Make the object that a template writes, with texts for keys as JSON has; what has no value is null in it."""
    present = ((key, value) for key, value in pairs.items() if not is_absent(key))
    return {to_text(key): None if is_absent(value) else value for key, value in present}


def is_in(value: Any, container: Any) -> bool:
    """Say whether a list has a member, an object a key, or a text a part; nothing is in no text and holds nothing."""
    if is_absent(container) or (is_nothing(value) and isinstance(container, str)):
        return False
    return value in (read_members(container) if isinstance(container, list) else container)
