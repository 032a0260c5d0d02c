"""Singer's messages, made into what Airbyte sends: a configured catalog, and the messages of a sync.

Singer's SCHEMA is a stream of the catalog. Airbyte gives its catalog before the first record and never changes it during
a sync, so a SCHEMA that differs from the stream's last one begins the next sync, with the streams known by then. A STATE
is about all streams, as Airbyte's global state is. ACTIVATE_VERSION has no counterpart and is dropped, as are `version`
and `time_extracted` of a record. Knows nothing of the connector.

Singer's messages: https://hub.meltano.com/singer/spec
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Sync:
    """One sync of a connection."""

    schemas: dict[str, dict[str, Any]]
    """The SCHEMA messages, by stream."""
    messages: list[dict[str, Any]] = field(default_factory=list)

    def catalog(self) -> dict[str, Any]:
        """Return the configured catalog."""
        return {"streams": [_configured(schema) for schema in self.schemas.values()]}

    def lines(self) -> bytes:
        """Return the messages as a destination reads them, one a line."""
        return b"".join(json.dumps(each).encode() + b"\n" for each in self.messages)


def convert(lines: Iterable[bytes]) -> list[Sync]:
    """Convert the messages of a file; return a sync for each time that a schema changes, at least one."""
    syncs = [Sync({})]
    for line in lines:
        message = json.loads(line)
        if message["type"] == "SCHEMA":
            _note_schema(syncs, message)
        elif message["type"] == "RECORD":
            syncs[-1].messages.append(_record(message))
        elif message["type"] == "STATE":
            syncs[-1].messages.append(_state(message, sum(len(sync.messages) for sync in syncs)))
        elif message["type"] != "ACTIVATE_VERSION":
            raise ValueError(f"{message['type']} is no message of Singer's")
    return syncs


def _note_schema(syncs: list[Sync], message: dict[str, Any]) -> None:
    """Add a stream to the last sync; or begin another one, where records may rely on what this one's catalog says."""
    last, name = syncs[-1], message["stream"]
    is_new = name not in last.schemas
    has_records = any(each["type"] == "RECORD" and each["record"]["stream"] == name for each in last.messages)
    if has_records and (is_new or last.schemas[name] != message):
        last = Sync(dict(last.schemas))
        syncs.append(last)
    last.schemas[name] = message


def _configured(schema: dict[str, Any]) -> dict[str, Any]:
    keys = schema.get("key_properties") or []
    stream = {
        "name": schema["stream"],
        "json_schema": schema["schema"],
        "supported_sync_modes": ["full_refresh", "incremental"],
        "source_defined_primary_key": [[key] for key in keys],
    }
    return {
        "stream": stream,
        "sync_mode": "incremental",
        "destination_sync_mode": "append_dedup" if keys else "append",
        "primary_key": [[key] for key in keys],
    }


def _record(message: dict[str, Any]) -> dict[str, Any]:
    record = {"stream": message["stream"], "data": message["record"], "emitted_at": 1_768_473_000_000}
    return {"type": "RECORD", "record": record}


def _state(message: dict[str, Any], number: int) -> dict[str, Any]:
    state = {"type": "GLOBAL", "id": number, "global": {"shared_state": message["value"], "stream_states": []}}
    return {"type": "STATE", "state": state}
