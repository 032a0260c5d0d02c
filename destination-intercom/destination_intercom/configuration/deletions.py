"""Rows that their source marks as deleted. Pure, and compiled once; knows no object of Intercom's."""

from __future__ import annotations

from typing import Any, Final

from destination_intercom.configuration.filters import Predicate
from destination_intercom.paths import PathReader
from destination_intercom.values import is_set, to_flag, to_time

CDC_DELETED_AT: Final = "_ab_cdc_deleted_at"
"""The column in which Airbyte's sources that read a database's log say when a row was deleted (its documentation)."""

EARLIEST: Final = 315_532_800
"""The beginning of 1980 in unix seconds: what is earlier stands for "never" in many a source."""


def compile_deletion(read_mark: PathReader | None) -> Predicate:
    """Make the test whether a row was deleted: by the log's own column, or by the mark that `read_mark` reads."""
    if read_mark is None:
        return is_deleted_in_log
    return lambda data: is_deleted_in_log(data) or is_mark(read_mark(data))


def is_deleted_in_log(data: dict[str, Any]) -> bool:
    """Say whether a row is one of a database's log that tells of a deletion: it may hold the row's key alone."""
    # Most records have none, and are asked by the million.
    return (value := data.get(CDC_DELETED_AT)) is not None and is_set(value)


def is_mark(value: Any) -> bool:
    """Say whether a value marks a row as deleted: a true, in its usual texts too, or a time since 1980."""
    if not is_set(value):
        return False
    try:
        return to_flag(value)
    except ValueError:
        pass
    try:
        return to_time(value) >= EARLIEST
    except ValueError:
        return False
