"""What pydantic finds wrong with a configuration, in the words of whoever filled in the form.

A message names the place as a person finds it, and what may stand there; never what was there, but for the name of a
property or a stream that an entry is about.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic_core import ErrorDetails

from destination_intercom.configuration.sections import EntryError, name_entry

_VARIANTS: Final[dict[int | str | None, tuple[str, tuple[str, str]]]] = {
    "events": ("mode", ("enabled", "disabled")),
    "users": ("mode", ("enabled", "disabled")),
    "object_storage_config": ("storage_type", ("None", "S3")),
    "compression": ("compression_type", ("No Compression", "GZIP")),
}
"""Sections that are one of two variants, each with the constant that tells them apart."""


def explain_error(detail: ErrorDetails, document: Any) -> str:
    """Explain one error that pydantic found in the configuration `document`."""
    place = _name_place(detail["loc"], document)
    if detail["type"] == "extra_forbidden":
        return f"{place}: there is no such field"
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
