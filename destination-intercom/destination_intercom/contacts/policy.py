"""What the user wants to happen to people whom Intercom knows, does not know, or has archived."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from destination_intercom.configuration.config import Deletion

Role: TypeAlias = Literal["user", "lead"]
"""What a contact is in Intercom."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The choices of `users`, as far as they decide how a contact is written."""

    write_mode: str = "upsert"
    send_unchanged: bool = False
    unarchive: bool = False
    adopt: bool = True
    create_as: Role = "user"
    deletion: Deletion | None = None
