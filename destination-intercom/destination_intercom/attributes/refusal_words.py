"""What the words of a refusal say of the attributes that were sent."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any, Final

from destination_intercom.intercom.answers import Answer

REFUSING: Final = frozenset({400, 413, 422})
"""Statuses of a write that one of its values may be the reason for."""

SHORTEST_HINT: Final = 5

_QUOTED: Final = re.compile(r"'([^']+)'|\"([^\"]+)\"")


def _errors(answer: Answer) -> list[dict[str, Any]]:
    errors = answer.body.get("errors") if isinstance(answer.body, dict) else None
    return [each for each in errors if isinstance(each, dict)] if isinstance(errors, list) else []


def _texts(answer: Answer) -> list[str]:
    return [each["message"] for each in _errors(answer) if isinstance(each.get("message"), str)]


def text_of(answer: Answer) -> str:
    """Tell what a refusal says, to compare it with another one's words; it may quote a value."""
    return "\n".join(_texts(answer))


def named_in(answer: Answer, names: Collection[str]) -> set[str]:
    """Tell which of `names` a refusal names beyond doubt: as its field, or as a custom attribute in quotes."""
    found: set[str] = set()
    for each in _errors(answer):
        named = each.get("field")
        if isinstance(named, str):
            found |= {named, named.removeprefix("custom_attributes.")}
    for text in _texts(answer):
        quoted = (match[1] or match[2] for match in _QUOTED.finditer(text))
        # What else it quotes may be an option of the list, or the value.
        found |= {next((name for name in quoted if name in names), "")}
    return found & {*names}


def hinted_in(answer: Answer, names: Collection[str]) -> set[str]:
    """Tell which of `names` the words of a refusal may mean: "The owner specified …" may mean owner_id."""
    words = {word for text in _texts(answer) for word in re.findall(r"\w+", text.lower())}
    return {name for name in names if words & {name.lower(), *_telling(name)}}


def _telling(name: str) -> Iterator[str]:
    return (word for word in name.lower().split("_") if len(word) >= SHORTEST_HINT)
