"""The workspace's data attributes against the ones that the configuration writes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from destination_intercom.config import STANDARD_FIELDS
from destination_intercom.errors import ConfigurationError


def check_attributes(wanted: Mapping[str, str | None], listing: Any) -> dict[str, str]:
    """Compare the attributes to write with the answer of `GET /data_attributes`; return the types of the custom ones.

    `wanted` maps each name to the type that it would be created with, None where nobody tells it.

    Raises:
        ConfigurationError: names all that are missing, archived or not writable.
    """
    named = [
        attribute
        for attribute in listing["data"]
        if isinstance(attribute, dict) and isinstance(attribute.get("name"), str)
    ]
    # Of several with one name, the likeliest counts.
    known = {entry["name"]: entry for entry in sorted(named, key=_likelihood)}
    problems: list[str] = []
    missing = [name for name in wanted if name not in known and name not in STANDARD_FIELDS]
    if missing:
        problems.append(
            "the workspace lacks the custom attributes "
            + ", ".join(f'"{name}" ({_type(wanted[name])}{_near(name, known)})' for name in missing)
            + ": create them in Intercom under Settings > Data > People, or leave them out of users.attributes"
        )
    found = [name for name in wanted if name in known]
    if archived := [name for name in found if known[name].get("archived") is True]:
        problems.append(f"archived in Intercom, so not writable: {_quoted(archived)}: restore or leave them out")
    if locked := [name for name in found if known[name].get("api_writable") is False]:
        problems.append(f"not writable through Intercom's API: {_quoted(locked)}: leave them out of users.attributes")
    if problems:
        raise ConfigurationError("users.attributes: " + "; ".join(problems) + ".")
    return {
        name: kind
        for name in found
        if name not in STANDARD_FIELDS and isinstance(kind := known[name].get("data_type"), str)
    }


def _likelihood(attribute: Mapping[str, Any]) -> tuple[bool, bool]:
    # A custom attribute may bear the name of one of Intercom's own that nobody can write, such as "country".
    is_own = attribute.get("custom") is False
    return is_own is (attribute["name"] in STANDARD_FIELDS), attribute.get("archived") is not True


def _type(kind: str | None) -> str:
    return kind or "its type is told by neither the entry nor the stream's schema"


def _near(name: str, known: Mapping[str, Any]) -> str:
    near = [other for other in known if other.lower() == name.lower()]
    return f'; names are case-sensitive, and there is "{near[0]}"' if near else ""


def _quoted(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
