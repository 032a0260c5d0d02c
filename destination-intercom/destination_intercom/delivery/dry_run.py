"""A dry run: what would be written is answered here instead, and counted.

What Intercom has is really asked for; whatever does not say of itself that it only reads is never sent. Only what a
write would have made, or taken away, is not asked for: it is shown as it would be by then.
Example payloads are shown with their values masked, so that the mapping can be checked in a log that
anybody may read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from destination_intercom.bounded import Bounded
from destination_intercom.errors import InternalError, StreamName
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import Call, ReadCall, WriteCall

EXAMPLES: Final = 20
"""At most; one is shown of each stream and endpoint."""

MOST_SHOWN: Final = 100_000
"""Answers that a run remembers, in the place of what Intercom would show by then: the latest."""


class DryRun:
    """Answers every call that does not only read; `writes` are the ones that the summary counts, in its order.

    Used by one thread at a time.
    """

    def __init__(self, writes: Sequence[type[WriteCall]]) -> None:
        self._counts: Counter[str] = Counter({call.dry_run_label: 0 for call in writes if call.dry_run_label})
        self._answered = 0
        self._changed: Counter[str] = Counter()
        self._examples: dict[tuple[str, str], str] = {}
        self._shown: Bounded[str, tuple[Answer, ...]] = Bounded(MOST_SHOWN)
        """By the path of a call that reads: what it is answered with, the last, and was before."""

    def answer(self, call: Call, stream: StreamName | None = None) -> Answer | None:
        """Answer a call that would write as Intercom would if all went well; None for one that is to be made.

        `stream` is that of the record that it is made for.
        """
        if isinstance(call, ReadCall):
            return shown[-1] if (shown := self._shown.get(call.path)) else None
        if not isinstance(call, WriteCall):
            raise InternalError(
                f"{call.endpoint} says neither that it reads nor that it writes: report this, it is a bug."
            )
        self._answered += 1
        if call.dry_run_label:
            self._counts[call.dry_run_label] += call.dry_run_count
            self._changed.update(call.written_names)
            self._show(str(stream or ""), call.endpoint, call.body or {})
        answer = call.dry_run_answer(self._answered)
        for read, then in call.dry_run_shows(answer):
            before = self._shown.get(read.path) or ()
            self._shown.note(read.path, before[:-1] if then is None else (*before, then))
        return answer

    def _show(self, stream: str, endpoint: str, payload: dict[str, Any]) -> None:
        if len(self._examples) < EXAMPLES and (stream, endpoint) not in self._examples:
            of = f'of "{stream}": ' if stream else ""
            self._examples[stream, endpoint] = f"{of}{endpoint} {mask(payload)}"

    def summary(self) -> Iterator[str]:
        """Tell what would have been written."""
        counts = ", ".join(f"{count} {label}" for label, count in self._counts.items())
        yield (f"Dry run: {counts}. Whether Intercom would take each of these, only a real sync can tell.")
        if self._changed:
            names = ", ".join(f"{name} {count}" for name, count in self._changed.most_common())
            yield f"Dry run: updates would write {names}."
        for example in self._examples.values():
            yield f"Dry run, an example {example}"


def mask(value: Any) -> str:
    """Show the shape of a payload: its keys, and of its values only the type."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {mask(each)}" for key, each in value.items()) + "}"
    names = {bool: "boolean", int: "number", float: "number", str: "text", type(None): "null"}
    return f"<{names.get(type(value), 'list')}>"
