"""The list of attributes as text, for those who paste it: a line each, and each line an entry of the list.

A line is `name = property`, `name: type = property`, or the property alone. Knows no catalog and no record.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, TypeVar, get_args

from pydantic import PlainValidator, ValidationError, WithJsonSchema

from destination_intercom.configuration.entries import Attribute, AttributeEntry, AttributeType, CompanyAttribute
from destination_intercom.configuration.sections import EntryError, name_entry, name_line
from destination_intercom.properties import is_template

TYPES: Final = get_args(AttributeType)
MOST_TOLD: Final = 5
"""Lines that one message tells what is wrong with; it counts the others."""

_LINE_BREAK: Final = re.compile(r"\r\n|\r|\n")


A = TypeVar("A", bound=AttributeEntry)


@dataclass(frozen=True, slots=True)
class AttributeLine(Generic[A]):
    """What the line with this number, counted from 1, writes."""

    number: int
    attribute: A

    @property
    def name(self) -> str:
        """Name the line as a person finds it: `line 3 ("billing.mrr")`."""
        return name_line(self.number, self.attribute.path)


def read_lines(text: Any, entry: type[A]) -> tuple[AttributeLine[A], ...]:
    """Read the attributes of a text, each as such an `entry` of a list; blank lines are none.

    Raises:
        EntryError: says which lines are wrong, and what they may be.
    """
    if not isinstance(text, str):
        raise ValueError("must be a string")  # noqa: TRY004 - a TypeError is no error of validation
    lines, problems = [], []
    for number, line in enumerate(_LINE_BREAK.split(text), start=1):
        if not line.strip():
            continue
        try:
            lines.append(AttributeLine(number, _read_line(line.strip(), entry)))
        except ValidationError as error:
            path = _split(line.strip())[-1]
            problems += [f"{name_line(number, path)}: {_explain(each['msg'])}" for each in error.errors()]
        except ValueError as error:
            problems.append(f"{name_line(number, None)}: {error}")
    if problems:
        more = f"; and {len(problems) - MOST_TOLD} more lines" if len(problems) > MOST_TOLD else ""
        raise EntryError("; ".join(problems[:MOST_TOLD]) + more)
    return tuple(lines)


def refuse_repeated(attributes: Sequence[A], lines: Sequence[AttributeLine[A]], section: str) -> None:
    """Refuse a line that has the name of a line before it, or of an entry of the list `section`.

    Raises:
        EntryError: names both.
    """
    first: dict[object, str] = {}
    for place, each in enumerate(attributes):
        first.setdefault(each.distinct_name, f"{section}, {name_entry(place, each.path)}")
    for line in lines:
        if (other := first.setdefault(line.attribute.distinct_name, line.name)) != line.name:
            raise EntryError(f"{line.name} has the same name as {other}: give one of the two another name")


def _read_line(line: str, entry: type[A]) -> A:
    name, kind, path = _split(line)
    if name is None and is_template(path):
        raise ValueError("a template needs a name before it, as in name = {{ … }}")
    if name is None and _split_type(path)[1] is not None:
        raise ValueError("write the property after the type, as in name: type = property")
    if name == "":
        raise ValueError('there is no name before "="')
    if not path:
        raise ValueError('there is no property after "="')
    if name is not None and kind is None and any(_misspelled(name)):
        raise ValueError(f"the type must be one of {', '.join(TYPES)}")
    return entry.model_validate({"property": path, "attribute": name, "type": kind})


def _split(line: str) -> tuple[str | None, str | None, str]:
    """Split a line into name, type and property, without the blanks around them; None for what it does not have."""
    left, equals, right = line.partition("=")
    # A template has signs of its own, and stands after the name.
    if not equals or is_template(left):
        return None, None, line
    return (*_split_type(left.strip()), right.strip())


def _split_type(text: str) -> tuple[str, str | None]:
    """Split the type off a name; a colon that no type follows is a part of the name."""
    name, _, kind = text.rpartition(":")
    return (name.strip(), kind.strip()) if kind.strip() in TYPES and ":" in text else (text, None)


def _misspelled(name: str) -> Iterator[str]:
    """Tell the type that was meant by what follows the last colon of a name."""
    _, colon, kind = name.rpartition(":")
    if colon:
        yield from difflib.get_close_matches(kind.strip().lower(), [*TYPES, *_OTHER_WORDS], n=1, cutoff=0.75)


_OTHER_WORDS: Final = ("text", "number", "decimal", "bool", "datetime", "timestamp", "time")
"""What others call these types."""


def _explain(message: str) -> str:
    """Tell what is wrong with an entry in the words of a line."""
    told = message.removeprefix("Value error, ")
    return told.replace('another "attribute"', 'another name before "="').replace('"attribute"', 'the name before "="')


AttributeText = Annotated[
    tuple[AttributeLine[Attribute], ...],
    PlainValidator(lambda text: read_lines(text, Attribute)),
    WithJsonSchema({"type": "string"}),
]
CompanyAttributeText = Annotated[
    tuple[AttributeLine[CompanyAttribute], ...],
    PlainValidator(lambda text: read_lines(text, CompanyAttribute)),
    WithJsonSchema({"type": "string"}),
]
