"""The configured catalog: the streams of a connection, with their schemas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from destination_intercom.errors import ConfigurationError, StreamName


@dataclass(frozen=True, slots=True)
class CatalogStream:
    """What of a configured stream matters here; `schema` is its JSON schema."""

    name: StreamName
    schema: dict[str, Any]
    overwrite: bool


def parse_catalog(document: Any) -> list[CatalogStream]:
    """Read a configured catalog, as parsed from JSON.

    Raises:
        ConfigurationError: it is no configured catalog.
        ConfigurationError: it has no streams.
    """
    entries = document.get("streams") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ConfigurationError(
            "The catalog is not a configured catalog: it has no list of streams. Use the connection's catalog."
        )
    if not entries:
        raise ConfigurationError("The catalog has no streams: select at least one stream in the connection.")
    return [_parse_catalog_entry(entry, number) for number, entry in enumerate(entries, start=1)]


def _parse_catalog_entry(entry: Any, number: int) -> CatalogStream:
    stream = entry.get("stream") if isinstance(entry, dict) else None
    name = stream.get("name") if isinstance(stream, dict) else None
    if not isinstance(stream, dict) or not isinstance(name, str):
        raise ConfigurationError(
            f"The catalog is not a configured catalog: its stream {number} has no name. Use the connection's catalog."
        )
    schema, namespace = stream.get("json_schema"), stream.get("namespace")
    return CatalogStream(
        StreamName(name, namespace if isinstance(namespace, str) and namespace else None),
        schema if isinstance(schema, dict) else {},
        entry.get("destination_sync_mode") == "overwrite",
    )
