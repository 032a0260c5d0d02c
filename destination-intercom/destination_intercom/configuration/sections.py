"""What all sections of the configuration have in common. It knows no field."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any, Final, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, model_validator

from destination_intercom.paths import is_wildcard
from destination_intercom.properties import is_template, read_paths

SETTINGS: Final = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)
"""Of each section's class: no unknown field, no value of another type, and no value in an error's text."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]

SourceName = Annotated[str, StringConstraints(min_length=1, pattern=r"\S")]
"""A name as the source has it: blanks at its ends are part of it."""


def check_template(text: str) -> str:
    """Refuse a template that cannot be one; any other text is as good as another.

    Raises:
        ValueError: says what is wrong, and where in the template.
    """
    read_paths(text)
    return text


def _refuse_wildcard(text: str) -> str:
    if is_wildcard(text) and not is_template(text):
        raise ValueError("a property that ends in * stands for many properties: name one here")
    return text


ManyProperties = Annotated[SourceName, AfterValidator(check_template)]
"""A path, a template, or a wildcard."""

Property = Annotated[ManyProperties, AfterValidator(_refuse_wildcard)]
"""A path or a template; blanks at the ends of a path are part of a name."""

LONGEST_SHOWN: Final = 60
"""Characters of a property or a stream's name that a message repeats."""


class EntryError(ValueError):
    """What is wrong with one entry of a list, which the message begins with: `entry 21 ("role")`."""


def name_entry(place: int, name: Any) -> str:
    """Name an entry of a list as a person finds it in the form: counted from 1, with what it is about."""
    return f"entry {place + 1}{_quote(name)}"


def name_line(number: int, name: Any) -> str:
    """Name a line of a text, counted from 1, with what it is about: `line 3 ("billing.mrr")`."""
    return f"line {number}{_quote(name)}"


def _quote(name: Any) -> str:
    if not isinstance(name, str) or not name.strip():
        return ""
    shown = "".join(character for character in name if character.isprintable())
    return f' ("{shown[:LONGEST_SHOWN]}{"…" if len(shown) > LONGEST_SHOWN else ""}")'


E = TypeVar("E")


def name_entries(section: str, entries: Iterable[E], about: Callable[[E], str]) -> list[tuple[str, E]]:
    """Give each entry of the list `section` after its name, such as `users.attributes, entry 21 ("role")`.

    `about` tells what an entry is about.
    """
    return [(f"{section}, {name_entry(place, about(entry))}", entry) for place, entry in enumerate(entries)]


def drop_blanks(fields: Any) -> Any:
    """Leave out of an object, and of those in it, what is null, blank or an empty object; keep what is none."""
    if not isinstance(fields, dict):
        return fields
    filled = {name: drop_blanks(value) for name, value in fields.items()}
    return {name: value for name, value in filled.items() if value not in (None, "", {})}


class Section(BaseModel):
    """A section of the form, or an entry of one of its lists."""

    model_config = SETTINGS

    @model_validator(mode="before")
    @classmethod
    def _drop_blanks(cls, fields: Any) -> Any:
        # Airbyte's form leaves null or "" behind in a field that was filled in once and emptied again, and sends {} for
        # a section that nobody filled in. It has no other fields: one that does not exist was misspelled elsewhere.
        if not isinstance(fields, dict):
            return fields
        known = {field.alias or name for name, field in cls.model_fields.items()}
        unknown = {name: value for name, value in fields.items() if name not in known and value not in (None, "")}
        return {**drop_blanks(fields), **unknown}


class Absent(Section):
    """The variant of a section that is as good as leaving the section out.

    Other fields beside its constant are dropped: they are what is left of the variant that was chosen before.
    """

    model_config = ConfigDict(extra="ignore")


def drop_empty_list(entries: list[Any] | None) -> list[Any] | None:
    """Take an empty list for an absent one: Airbyte's form leaves one behind wherever it has shown a list."""
    return entries or None


class Disabled(Absent):
    """Neither sent nor looked at."""

    mode: Literal["disabled"] = "disabled"


def check_address(name: str, url: str) -> None:
    """Refuse, for the field `name`, what is neither an https address nor an http one on this machine.

    Raises:
        ValueError: says what it may be.
    """
    try:
        parts = urlsplit(url)
        unusable = parts.port == 0 or not url.isprintable() or " " in url
    except ValueError:
        unusable, parts = True, urlsplit("")  # not raised on: its text quotes the address
    loopback = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    # What follows tells https from http by how an address begins.
    unusable = unusable or not url.startswith(parts.scheme)
    if unusable or not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and loopback)):
        raise ValueError(f"{name} must be an https address, or an http address on this machine")
    if set("@?#").intersection(url):
        raise ValueError(f"{name} must not contain a user, a query or a fragment")
