"""Values that are compared and not kept: a digest each, which takes no more room than a number. Pure.

A digest is Python's own hash of a text: 64 bits, keyed anew in each process, so that two values share one by chance
once in 10**19 comparisons. Others take ten times as long.
"""

from __future__ import annotations

from typing import Any, Final

from destination_intercom.values import MISSING

UNKNOWN: Final = -1
"""Stands for a value that nobody has shown. Equal to nothing: Python's hash of a text is never that."""

EMPTY: Final = 0
"""Stands for no value; a text that is empty is none."""

_ORDERED_FROM: Final = 2**62
"""Added to a moment, so that it is neither of the two above."""


def digest(value: Any, *, ordered: bool = False) -> int:
    """Tell the digest of a value as it is sent; of `ordered` whole numbers the digests have their order."""
    if isinstance(value, str):
        return hash(value)
    if value is MISSING or value is None:
        return UNKNOWN if value is MISSING else EMPTY
    if ordered and isinstance(value, int):
        return value + _ORDERED_FROM
    if isinstance(value, float) and value.is_integer():
        # 7 and 7.0 are equal; 1 and true are not, nor is either of them a text.
        value = int(value)
    return hash(f"\0{type(value).__name__} {value}")
