"""Which version of the connector this is: what the installed package says, for setup.py alone holds the number."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def own_version() -> str:
    """Tell the version of the installed package; "0+checkout" where only the source is there."""
    try:
        return version("airbyte-destination-intercom")
    except PackageNotFoundError:
        return "0+checkout"
