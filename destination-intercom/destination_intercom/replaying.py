"""What is different where rejected records are sent once more: how a row is parsed, and what the log says.

A replay has no states and no next sync: what it does not deliver is in the objects that it reads. So the words of a
sync that promise anything are replaced by its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import cached_property
from typing import Final

import orjson

from destination_intercom.airbyte.messages import RecordMessage
from destination_intercom.contacts.earlier import EarlierUpdates
from destination_intercom.events.kind import Events
from destination_intercom.rejects.rows import RejectedRows, parse_row

STILL_THERE: Final = "What was not delivered is still in the objects that it was read from."

WORDS: Final = {
    "What was delivered is checkpointed; the next sync continues from there.": STILL_THERE,
    "No state that counts them was acknowledged; the next sync continues from there.": STILL_THERE,
    "No state that counts them was acknowledged, so the next sync reads them again.": STILL_THERE,
    "; the next sync reads them again. ": ". ",
    "No state was acknowledged.": f"{STILL_THERE} To go on, {{again}}.",
    "Rejected records were not kept: set object_storage_config to keep them in a bucket.": (
        "Rejected records were not stored again, since no storage is configured; they are still in the objects that"
        " they were read from. Once the cause is corrected, {again}."
    ),
    " of the sync was rejected: ": " of the replay was rejected: ",
    "All else is done, and all states are acknowledged.": "All else is done.",
    "All else is done, and all states are acknowledged: an incremental sync does not read these records again.": (
        "All else is done."
    ),
    "let a sync read these records once more.": "{again}.",
    "and sync these records again.": "and send these records again.",
    "Set delivery.dry_run to false to sync.": "Set delivery.dry_run to false to send the records.",
}
"""What a sync says, and what a replay says in its place."""


@dataclass(frozen=True)
class Replay:
    """A replay that began at a unix time, in seconds; `resumed` is when the one began that it continues, if it does.

    With `force` nothing is too old to be written.
    """

    began: float
    resumed: float | None = None
    force: bool = False

    def parse(self, line: bytes, number: int) -> RecordMessage:
        """Parse the line of row `number`: what of it was not rejected is older by now than what came after it."""
        row = parse_row(line, f"Row {number}")
        # A row that was written by hand may not say which part it was.
        return row.record if self.force or not row.kinds else replace(row.record, kinds=row.kinds | {Events.name})

    @cached_property
    def earlier(self) -> EarlierUpdates:
        """Give what remembers when contacts were updated before."""
        if self.force:
            return EarlierUpdates()
        resumed = self.resumed
        return EarlierUpdates(self.began if resumed is None else resumed, continues=resumed is not None)

    def describe(self, rows: RejectedRows) -> str:
        """Say what is about to be sent, and how to go on if it is interrupted."""
        left_out = f"; left out, for other reasons: {rows.left_out:,}" if rows.left_out else ""
        if not rows.count:
            return f"There are no rejected records to send{left_out}."
        span = f"rejected from {_write(rows.oldest)} to {_write(rows.newest)}"
        return f"Rejected records to send: {rows.count:,}, {span}{left_out}. If this is interrupted, {self._again}."

    @property
    def _again(self) -> str:
        how = "" if self.force else f" with --resume {_write(self.began if self.resumed is None else self.resumed)}"
        return f"run the same command again{how}"

    def reword(self, text: str) -> str:
        """Say what a sync says in the words of a replay."""
        for words, own in WORDS.items():
            text = text.replace(words, own.replace("{again}", self._again))
        return text

    def reword_line(self, line: bytes) -> bytes:
        """Do the same with the line of a LOG message."""
        document = orjson.loads(line)
        document["log"]["message"] = self.reword(document["log"]["message"])
        return orjson.dumps(document)


def _write(moment: float) -> str:
    return f"{datetime.fromtimestamp(int(moment), timezone.utc):%Y-%m-%dT%H:%M:%S}Z"
