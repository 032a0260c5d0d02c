"""A property as the configuration names it: a path, or a template, which is known by its `{{`.

Pure. Imports what templates need only where there is one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from destination_intercom.paths import PathReader, compile_path

_MARK: Final = "{{"


def is_template(text: str) -> bool:
    """Say whether a property is a template."""
    return _MARK in text


def compile_property(
    text: str,
    *,
    needs_all: bool = False,
    joins_lists: bool = True,
    on_failure: Callable[[], None] | None = None,
) -> PathReader:
    """Make the function that reads a property from a record's data; `MISSING` where it has no value.

    A path gives null where the record has null; a template never does. The other arguments are for templates:
    see `templates.compile_template`.

    Raises:
        ValueError: a template that is none; the message says what is wrong and where, for the user.
    """
    if not is_template(text):
        return compile_path(text)
    from destination_intercom.templates import compile_template  # noqa: PLC0415 - Jinja takes 50 ms to import

    return compile_template(text, needs_all=needs_all, joins_lists=joins_lists, on_failure=on_failure)


def read_paths(text: str) -> tuple[str, ...]:
    """Tell the paths that a property reads: itself, or those in a template. For checks against a schema.

    Raises:
        ValueError: as for `compile_property`.
    """
    if not is_template(text):
        return (text,)
    from destination_intercom.templates import read_template_paths  # noqa: PLC0415 - as above

    return read_template_paths(text)
