"""What pydantic finds wrong with a configuration, in the words of whoever filled in the form.

A message names the place as a person finds it, and what may stand there; never what was there, but for the name of a
property or a stream that an entry is about.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any, Final, get_args

from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from destination_intercom.configuration.sections import EntryError, Section, name_entry

_VARIANTS: Final[dict[int | str | None, tuple[str, tuple[str, str]]]] = {
    "events": ("mode", ("enabled", "disabled")),
    "users": ("mode", ("enabled", "disabled")),
    "companies": ("mode", ("enabled", "disabled")),
    "object_storage_config": ("storage_type", ("None", "S3")),
    "compression": ("compression_type", ("No Compression", "GZIP")),
}
"""Sections that are one of two variants, each with the constant that tells them apart."""


def explain_error(detail: ErrorDetails, document: Any, form: type[Section]) -> str:
    """Explain one error that pydantic found in the configuration `document`, of which `form` is the whole."""
    place = _name_place(detail["loc"], document)
    if detail["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(detail["loc"][-1]), _fields_at(detail["loc"][:-1], form), n=1)
        return f"{place}: there is no such field" + (f'; did you mean "{near[0]}"?' if near else "")
    if detail["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        name, variants = _VARIANTS[str(detail["loc"][-1])]
        return f"{place}.{name}: must be " + " or ".join(f'"{variant}"' for variant in variants)
    if detail["type"] == "missing":
        return f"{place}: this field is required"
    if detail["type"] in {"model_type", "model_attributes_type"}:
        return f"{place}: must be an object"
    message = detail["msg"].removeprefix("Value error, ")
    if isinstance(detail.get("ctx", {}).get("error"), EntryError):
        return f"{place}, {message}"
    return f"{place}: {message}" if place else message


def _fields_at(place: Sequence[int | str], form: type[Section]) -> list[str]:
    """Tell the fields that the form has at a place; of a section with variants, those of all."""
    sections: list[type[Section]] = [form]
    for part in place:
        # A number leads to an entry of a list, and a variant's mark to the same section: both change nothing.
        named = [field for section in sections for name, field in _named_fields(section) if name == part]
        if named:
            sections = [section for field in named for section in _sections_in(field.annotation)]
    return [name for section in sections for name, _ in _named_fields(section)]


def _named_fields(section: type[Section]) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in section.model_fields.items():
        yield field.alias or name, field


def _sections_in(annotation: Any) -> Iterator[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for each in get_args(annotation):
        yield from _sections_in(each)


def _name_place(place: tuple[int | str, ...], document: Any) -> str:
    """Name a place as a person finds it in the form: `users.attributes, entry 21 ("role"), type`."""
    named, node = "", document
    before: int | str | None = None
    for part in place:
        if before in _VARIANTS and part in _VARIANTS[before][1]:
            # Pydantic's own step into a variant of a section: no field of the form is named so.
            before = part
            continue
        node = _step_into(node, part)
        if isinstance(part, int):
            named += f", {name_entry(part, _find_name(node))}"
        else:
            named += f"{', ' if isinstance(before, int) else '.' if named else ''}{part}"
        before = part
    return named


def _step_into(node: Any, part: int | str) -> Any:
    if isinstance(part, int):
        return node[part] if isinstance(node, list) and part < len(node) else None
    return node.get(part) if isinstance(node, dict) else None


def _find_name(entry: Any) -> Any:
    """Tell what an entry of a list is about: its stream or property, or the name that is renamed."""
    if not isinstance(entry, dict):
        return None
    return next((entry[name] for name in ("stream", "property", "from") if name in entry), None)
