"""What all sections of the configuration have in common. It knows no field."""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import ConfigDict, StringConstraints

SETTINGS: Final = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)
"""Of each section's class: no unknown field, no value of another type, and no value in an error's text."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]

SourceName = Annotated[str, StringConstraints(min_length=1, pattern=r"\S")]
"""A name as the source has it: blanks at its ends are part of it."""


def drop_blanks(fields: Any) -> Any:
    """Leave out of a section what is null or blank; what is no section stays as it is."""
    # Airbyte's form leaves null or "" behind in a field that was filled in once and emptied again.
    if not isinstance(fields, dict):
        return fields
    return {name: value for name, value in fields.items() if not (value is None or value == "")}


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
        raise ValueError(f"{name} is an https address, or an http one on this machine")
    if set("@?#").intersection(url):
        raise ValueError(f"{name} holds no user, query or fragment")
