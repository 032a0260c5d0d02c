"""Data attributes as Intercom lists them."""

from typing import Any

from destination_intercom.intercom.answers import Answer


def attribute(name: str, data_type: str = "string", **fields: Any) -> dict[str, Any]:
    """One custom attribute; `fields` replace its own."""
    return {"name": name, "data_type": data_type, "archived": False, "api_writable": True, "custom": True, **fields}


def listing_of(*attributes: Any) -> Answer:
    """The answer that lists these."""
    return Answer(200, "json", {"type": "list", "data": list(attributes)})
