"""A workspace's data attributes as they are saved to a file: what each is, and nothing of anybody's. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

KEPT: Final = ("name", "full_name", "model", "label", "data_type", "custom", "api_writable", "archived")
"""Of the fields of `GET /data_attributes`: no description, which is anybody's prose, and not who made it when."""


def list_definitions(listings: Iterable[Any]) -> dict[str, Any]:
    """Put answers of `GET /data_attributes` into one of their own form, `{"type": "list", "data": [...]}`.

    The standard attributes are among them; what is no definition is left out.
    """
    entries = [entry for listing in listings for entry in listing["data"]]
    named = [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("name"), str)]
    return {"type": "list", "data": [_keep(entry) for entry in named]}


def _keep(entry: dict[str, Any]) -> dict[str, Any]:
    kept = {key: entry[key] for key in KEPT if isinstance(entry.get(key), (str, bool))}
    options = entry.get("options")
    if isinstance(options, list):
        kept["options"] = [option for option in options if isinstance(option, str)]
    return kept
