"""Searches whatever a run printed for what no output may hold: every value of every record, and the secrets.

The values come from the input itself, so that each test is one of privacy, too. What may be printed
is what the configuration says, the names of streams, and the names of events that it selects.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

SHORTEST_TEXT = 4
SHORTEST_NUMBER = 6
SHORTEST_UNBOUNDED = 8
"""A shorter value is searched for as a word only: as part of another one it is a coincidence."""

LONGEST_TEXT = 60
"""Of a longer value its beginning is searched for, too: it may have been printed cut off."""

SECRETS = ("access_token", "access_key_id", "secret_access_key")

_ECHO_ONLY = frozenset({"emitted_at", "destinationStats"})
_STRUCTURE = frozenset(
    ("record", "stream", "namespace", "emitted_at", "state", "stream_descriptor", "stream_state", "message")
)


class Leak(AssertionError):  # noqa: N818 - it is what was found
    """Something was printed that no output may hold."""


@dataclass(slots=True)
class Canaries:
    """What is searched for, and what may be printed although a record holds it, too."""

    values: dict[str, str] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=set)
    allowed: set[str] = field(default_factory=set)
    states: set[str] = field(default_factory=set)

    @property
    def searched(self) -> int:
        """How many values and secrets are searched for."""
        return len(set(self.values.values()) - self.allowed) + len(self.secrets)

    def add(self, value: Any) -> None:
        """Take every text and number in a value, at any depth."""
        for leaf in _leaves(value):
            text = leaf.strip().casefold()
            if _is_telling(text):
                for form in _forms(text):
                    self.values[form] = text

    def refuse(self, where: str, text: str) -> None:
        """Fail if `text`, which is told as `where`, holds one of them."""
        folded = text.casefold()
        if any(secret in text for secret in self.secrets):
            raise Leak(f"{where}: a secret in {text!r}")
        for form, value in self.values.items():
            if form in folded and self._is_leak(form, value, folded):
                raise Leak(f"{where}: the value {value!r} in {text!r}")

    def _is_leak(self, form: str, value: str, text: str) -> bool:
        if value in self.allowed:
            return False
        is_short = len(form) < SHORTEST_UNBOUNDED
        pattern = rf"(?<!\w){re.escape(form)}(?!\w)" if is_short and form[0].isalnum() else re.escape(form)
        hits = [hit.span() for hit in re.finditer(pattern, text)]
        spans = [hit.span() for word in self.allowed if form in word for hit in re.finditer(re.escape(word), text)]
        return any(not any(low <= start and end <= high for low, high in spans) for start, end in hits)


def _is_telling(text: str) -> bool:
    return len(text) >= SHORTEST_TEXT and (len(text) >= SHORTEST_NUMBER or not _is_number(text))


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).removeprefix("-").isdigit()


def _forms(text: str) -> set[str]:
    """Return a value as an output might hold it: as it is, cut off, in a URL, in the `repr` of a text."""
    forms = {text, quote(text, safe="", errors="surrogatepass").casefold()}
    forms |= {text.encode("utf-8", "backslashreplace").decode(), text.encode("unicode_escape").decode()}
    return {*forms, *(each[:LONGEST_TEXT] for each in forms)}


def _leaves(value: Any, *, keys: bool = False, skip: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield the texts and numbers of a JSON value, as text."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, Mapping):
        for key, each in value.items():
            if keys:
                yield key
            if key not in skip:
                yield from _leaves(each, keys=keys, skip=skip)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _leaves(each, keys=keys, skip=skip)


def collect(fed: bytes, document: Any, configured_catalog: Any = None) -> Canaries:
    """Collect the canaries of a run: the lines that it was fed, its configuration, its catalog."""
    canaries = Canaries()
    secrets = {text for name in SECRETS for text in _named(document, name)}
    canaries.secrets = {text.strip() for text in secrets if text.strip()}
    canaries.allowed = {text.casefold() for text in _leaves(document) if text not in secrets}
    canaries.allowed |= {part for text in list(canaries.allowed) for part in text.split(".")}
    canaries.allowed |= {text.casefold() for text in _names_in(configured_catalog)}
    for line in fed.split(b"\n"):
        _collect_line(canaries, line, document)
    canaries.allowed -= {""}
    return canaries


def _names_in(configured_catalog: Any) -> Iterator[str]:
    """Yield the names of a catalog's streams, and those of the properties that their schemas declare."""
    for name in ("name", "namespace", "destination_object_name"):
        yield from _named(configured_catalog, name)
    for properties in _sections(configured_catalog, "properties"):
        yield from properties


def _sections(document: Any, name: str) -> Iterator[Mapping[str, Any]]:
    if isinstance(document, Mapping):
        for key, each in document.items():
            if key == name and isinstance(each, Mapping):
                yield each
            yield from _sections(each, name)
    elif isinstance(document, (list, tuple)):
        for each in document:
            yield from _sections(each, name)


def _collect_line(canaries: Canaries, line: bytes, document: Any) -> None:
    try:
        message = json.loads(line.decode())
    except (ValueError, RecursionError):
        words = re.findall(r"[^\s\"{}\[\],:]{6,}", line.decode(errors="replace"))
        canaries.add([word for word in words if word.casefold() not in _STRUCTURE])
        return
    kind = message.get("type") if isinstance(message, dict) else None
    record, state = (message.get("record"), message.get("state")) if isinstance(message, dict) else (None, None)
    if kind == "STATE":
        canaries.states.add(_plain_state(state))
    elif kind != "RECORD":
        canaries.add(None if isinstance(kind, str) else message)
    elif isinstance(record, dict):
        canaries.add(record.get("data"))
        canaries.allowed |= {text.casefold() for text in _leaves([record.get("stream"), record.get("namespace")])}
        canaries.allowed |= set(_selected_names(document, record))


def _plain_state(state: Any) -> str:
    plain = (
        {key: each for key, each in state.items() if key != "destinationStats"} if isinstance(state, dict) else state
    )
    return json.dumps(plain, sort_keys=True)


def _named(document: Any, name: str) -> Iterator[str]:
    """Yield the texts under a key, at any depth."""
    if isinstance(document, Mapping):
        for key, each in document.items():
            if key == name and isinstance(each, str):
                yield each
            yield from _named(each, name)
    elif isinstance(document, (list, tuple)):
        for each in document:
            yield from _named(each, name)


def _selected_names(document: Any, record: Mapping[str, Any]) -> Iterator[str]:
    """Yield the event names of a record that the configuration selects: these the log may name."""
    events = document.get("events") if isinstance(document, Mapping) else None
    if not isinstance(events, Mapping):
        return
    default = {"stream": "events", "event_name_property": "event_type"}
    for entry in events.get("streams") or [default]:
        path = entry.get("event_name_property")
        if entry.get("stream") == record.get("stream") and isinstance(path, str):
            name = _at(record.get("data"), path)
            if isinstance(name, str) and any(_selects(each, name) for each in events.get("selected_events") or ()):
                yield name.casefold()


def _selects(pattern: str, name: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def _at(data: Any, path: str) -> Any:
    if not isinstance(data, Mapping):
        return None
    if path in data:
        return data[path]
    first, _, rest = path.partition(".")
    return _at(data.get(first), rest) if rest else None


def refuse_leaks(
    canaries: Canaries, messages: Iterable[Any], texts: Iterable[str] = (), error: BaseException | None = None
) -> int:
    """Search messages of stdout, other texts, and an exception as Python would print it; return how many were searched.

    Raises:
        Leak: a value of a record or a secret is in one of them.
    """
    for message in messages:
        is_state = isinstance(message, Mapping) and message.get("type") == "STATE"
        if is_state and _plain_state(message.get("state")) in canaries.states:
            continue
        for leaf in _leaves(message, keys=True, skip=_ECHO_ONLY):
            canaries.refuse("stdout", leaf)
    for text in texts:
        canaries.refuse("stderr or a log", text)
    for text in told_by(error):
        canaries.refuse("an exception", text)
    return canaries.searched


def told_by(error: BaseException | None) -> list[str]:
    """Return all that Python prints of an exception and of those that it shows with it, but for lines of source."""
    if error is None:
        return []
    told = [str(error), repr(error), repr(getattr(error, "__notes__", ""))]
    told += ["\n".join(each) for each in [traceback.format_exception_only(type(error), error)]]
    shown = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return told + told_by(shown)


@contextlib.contextmanager
def overhearing() -> Iterator[list[str]]:
    """Collect what anybody logs meanwhile through Python's logging, at any level."""
    heard: list[str] = []
    handler = _Listener(heard.append)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield heard
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


class _Listener(logging.Handler):
    def __init__(self, take: Callable[[str], None]) -> None:
        super().__init__(logging.NOTSET)
        self._take = take

    def emit(self, record: logging.LogRecord) -> None:
        self._take(self.format(record))


class Overheard:
    """A stdin that remembers what was read of it."""

    def __init__(self, stdin: Any) -> None:
        self._stdin = stdin
        self.read_so_far = bytearray()

    def read(self, size: int, /) -> bytes | None:
        """Read as the stdin beneath does."""
        piece: bytes | None = self._stdin.read(size)
        self.read_so_far += piece or b""
        return piece


def read_arguments(arguments: Iterable[str]) -> tuple[Any, Any]:
    """Read the configuration and the catalog that a command's arguments name; None for what is no JSON."""
    given = list(arguments)
    return _read_file(given, "--config"), _read_file(given, "--catalog")


def _read_file(arguments: list[str], option: str) -> Any:
    if option not in arguments:
        return None
    with contextlib.suppress(OSError, ValueError, RecursionError):
        return json.loads(Path(arguments[arguments.index(option) + 1]).read_bytes().decode("utf-8-sig"))
    return None
