"""What a record becomes, whatever kind of object it is: a payload with a key, or an outcome. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeAlias

from destination_intercom.identity import Key
from destination_intercom.outcomes import Outcome
from destination_intercom.values import Trim


class Payload(Protocol):
    """What is delivered of a record for one object in Intercom.

    Payloads of one key are delivered in the order of their records. `kind` is the name under which the kind
    of object is registered; `trims` is what could not be sent as it was.
    """

    @property
    def key(self) -> Key:
        """Tell whom it is about."""

    @property
    def kind(self) -> str:
        """Tell the name of the kind of object."""

    @property
    def trims(self) -> tuple[Trim, ...]:
        """Tell what could not be sent as it was."""


MapRecord: TypeAlias = Callable[[dict[str, Any]], Payload | Outcome]
"""Makes the payload of a record's data by one compiled rule, or says why there is none."""


class FormEntry(NamedTuple):
    """An entry of a list in the form: its place there, and the property that it selects."""

    place: str
    property: str


@dataclass(frozen=True, slots=True)
class RecordRule:
    """One thing that a record may become; `entries` tells the entry of each name that a payload's `trims` may tell."""

    map_record: MapRecord
    entries: Mapping[str, FormEntry] = field(default_factory=dict)
