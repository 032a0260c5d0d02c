"""Which version of the connector this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def own_version() -> str:
    """Tell the version of the installed package; "0" where none is installed."""
    try:
        return version("destination-intercom")
    except PackageNotFoundError:
        return "0"
