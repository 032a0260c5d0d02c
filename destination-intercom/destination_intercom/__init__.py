"""An Airbyte destination connector that sends events and user properties to Intercom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from destination_intercom.cdk import DestinationIntercom

__all__ = ["DestinationIntercom"]


def __getattr__(name: str) -> Any:
    # The CDK takes seconds to import, and only tools that go through it need this class.
    if name == "DestinationIntercom":
        from destination_intercom.cdk import DestinationIntercom  # noqa: PLC0415

        return DestinationIntercom
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
