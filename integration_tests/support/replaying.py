"""`replay` from its first line to its last, in one process, on a virtual clock."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from requests.adapters import BaseAdapter

from destination_intercom import destination
from destination_intercom.delivery.mailbox import Mailbox
from destination_intercom.replaying import Replay
from integration_tests.support.fake_storage import FakeStorage
from integration_tests.support.harness import (
    EmulatorTransport,
    Result,
    catalog,
    config,
    expecting_errors,
    hold_to_contract,
    listed_streams,
    to_lines,
)
from integration_tests.support.privacy import collect, overhearing, refuse_leaks
from integration_tests.support.virtual_clock import VirtualClock
from intercom_emulator import Intercom, Settings


def row(record: Mapping[str, Any], at: float, /, *, ordinal: int = 1, reason: str = "refused", **more: Any) -> bytes:
    """The line of a record that was rejected at a unix time, as an object holds it, with its end."""
    moment = datetime.fromtimestamp(at, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    told = {"part": "contacts", "reason": reason, "status": 422, "code": None, "message": None, "request_id": None}
    told |= {"other_parts": [], "ordinal": ordinal, "rejected_at": moment}
    return json.dumps({"record": record["record"], **told, **more}).encode() + b"\n"


def replay(
    rows: Iterable[bytes] | Sequence[Path | str],
    folder: Path,
    *,
    configuration: dict[str, Any] | None = None,
    configured_catalog: dict[str, Any] | None = None,
    intercom: Intercom | None = None,
    clock: VirtualClock | None = None,
    reasons: Collection[str] = (),
    force: bool = False,
    resumed: float | None = None,
    storage: FakeStorage | None = None,
    transport: BaseAdapter | None = None,
) -> Result:
    """Replay the lines of one object, or the objects of these names; all that is printed is searched for their values."""
    clock = clock or VirtualClock()
    intercom = intercom or Intercom(Settings.from_dict({}), clock=clock.wall)
    document = configuration or config()
    configured = configured_catalog or catalog(*listed_streams(document))
    given = list(rows)
    names = [str(each) for each in given if not isinstance(each, bytes)]
    if not names:
        folder.mkdir(exist_ok=True, parents=True)
        (folder / "rows.jsonl").write_bytes(b"".join(each for each in given if isinstance(each, bytes)))
        names = [str(folder / "rows.jsonl")]
    lines: list[bytes] = []
    fed: list[bytes] = []
    with overhearing() as heard, expecting_errors() as errors:
        found = destination.find_rejected(document, names, clock=clock, reasons=reasons, storage=storage)
        with found as rejected:
            fed += to_messages(rejected.read())
            lines.extend(
                destination.replay(
                    document,
                    configured,
                    rows=rejected,
                    replay=Replay(clock.wall(), resumed=resumed, force=force),
                    clock=clock,
                    mailbox=Mailbox(clock),
                    transport=transport or EmulatorTransport(intercom, clock),
                    storage=storage,
                )
            )
    error, printed = next(iter(errors), None), [json.loads(line) for line in lines]
    searched = refuse_leaks(collect(b"".join(fed), document, configured), printed, heard, error)
    hold_to_contract(intercom.exchanges())
    return Result(printed, error, intercom.dump(), intercom.exchanges(), clock, lines, searched)


def to_messages(rows: Iterable[bytes]) -> list[bytes]:
    """The rows as RECORD messages, whose values are searched for."""
    return [to_lines([{"type": "RECORD", "record": json.loads(each)["record"]}]) for each in rows]
