"""What a question is, and what it finds: words for people, and settings of the emulator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from integration_tests.ask_intercom.wire import Answer
from integration_tests.ask_intercom.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Finding:
    """What came: `settings` are the emulator's, as they would have to be; `outside` are those that no value fits.

    `words` are this program's own: they hold statuses, codes, numbers and names of fields, never what Intercom said.
    """

    words: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    outside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """One question: `calls` is the most that it makes in the ordinary course, `items` what it sends in bulk."""

    number: str
    text: str
    does: str
    tells: tuple[str, ...]
    calls: int
    ask: Callable[[Workspace], Finding]
    items: int = 0


def tell(setting: str, answer: Answer, values: Mapping[int, Any]) -> Finding:
    """Return the finding of a call whose status decides."""
    if answer.status in values:
        return Finding(answer.shown, {setting: values[answer.status]})
    return Finding(answer.shown, outside=(setting,))


def tell_measured(setting: str, seconds: float | None, what: str) -> Finding:
    """Return the finding of a time that was measured, at most a quarter and a second too large."""
    if seconds is None:
        return Finding(f"{what}: not within five minutes", outside=(setting,))
    return Finding(f"{what}: {f'within {seconds:g} s' if seconds else 'at once'}", {setting: seconds})


def join(*findings: Finding) -> Finding:
    """Return several findings as one; a setting that is told in two ways is outside of what the emulator knows."""
    settings: dict[str, Any] = {}
    outside = [each for finding in findings for each in finding.outside]
    for finding in findings:
        for name, value in finding.settings.items():
            if name in settings and settings[name] != value:
                outside.append(name)
            settings[name] = value
    kept = {name: value for name, value in settings.items() if name not in outside}
    return Finding("; ".join(each.words for each in findings if each.words), kept, tuple(dict.fromkeys(outside)))
