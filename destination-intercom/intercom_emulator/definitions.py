"""The data attributes of another workspace, read from a file: definitions only, no token, nobody's values.

The file is an answer of `GET /data_attributes`, or the answers for both models in one: `{"data": [{"name": "plan",
"model": "contact", "data_type": "string", "label": "Plan", "options": ["free", "pro"], "custom": true, ...}, ...]}`.
"""

from typing import Any

from intercom_emulator.attributes import CALLED, TYPES

_TEXTS = ("label", "description")
_FLAGS = ("api_writable", "ui_writable", "messenger_writable", "archived")


def read_definitions(document: Any) -> list[dict[str, Any]]:
    """Return the custom attributes of a file, as a situation takes them; raise ValueError where it is no such file.

    The standard ones are passed over, for every workspace has the same, and so is what is neither of contacts nor of
    companies.
    """
    listed = document.get("data") if isinstance(document, dict) else document
    if not isinstance(listed, list):
        raise ValueError(  # noqa: TRY004 - the command line tells of both alike
            "attributes: the file has no list `data`, as an answer of GET /data_attributes has"
        )
    return [
        _read(number, each)
        for number, each in enumerate(listed, 1)
        if not (isinstance(each, dict) and (each.get("custom") is False or each.get("model") not in (*CALLED, None)))
    ]


def _read(number: int, entry: Any) -> dict[str, Any]:
    """Return what a situation takes of one attribute, the `number`-th of the file."""
    where = f"attributes: number {number} of the list"
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str) or not entry["name"]:
        raise ValueError(f"{where} has no name")
    kind = entry.get("data_type", "string")
    if kind not in (*TYPES, "options"):
        raise ValueError(f"{where} has no data_type of {', '.join(TYPES)}")
    read: dict[str, Any] = {"name": entry["name"], "model": entry.get("model") or "contact"}
    read["data_type"] = "string" if kind == "options" else kind
    read |= {key: entry[key] for key in _TEXTS if isinstance(entry.get(key), str)}
    read |= {key: entry[key] for key in _FLAGS if isinstance(entry.get(key), bool)}
    options = entry.get("options") or []
    values = [each.get("value") if isinstance(each, dict) else each for each in options]
    if not all(isinstance(each, str) for each in values):
        raise ValueError(f"{where} has options that are no texts")
    return read | {"options": values}
