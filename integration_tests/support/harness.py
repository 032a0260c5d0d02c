"""The whole pipeline in one process: messages in, the emulator's contents and the emitted lines out.

Time is virtual, the transport calls the emulator's core, and every exchange is held to the
contract where its data is at hand.
"""

from __future__ import annotations

import contextlib
import io
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

from destination_intercom import destination
from destination_intercom.airbyte.reader import Stdin
from destination_intercom.delivery.mailbox import Mailbox
from destination_intercom.errors import IntercomDestinationError
from destination_intercom.rejects.storage import Storage
from integration_tests.contract import contract_if_at_hand
from integration_tests.support.privacy import Overheard, collect, overhearing, refuse_leaks
from integration_tests.support.virtual_clock import VirtualClock
from intercom_emulator import Answer, Cut, Intercom, Settings

TOKEN = "test-token"


class EmulatorTransport(BaseAdapter):
    """Carries requests to the emulator's core, and its cuts back as what `requests` would raise."""

    def __init__(self, intercom: Intercom, clock: VirtualClock) -> None:
        super().__init__()
        self.intercom = intercom
        self.clock = clock
        self.in_flight: set[str] = set()

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        body = request.body or b""
        answer = self.intercom.handle(
            request.method or "GET",
            request.path_url,
            dict(request.headers),
            body.encode() if isinstance(body, str) else body,
        )
        if answer.delay:
            self.clock.sleep(answer.delay)
        if answer.cut is Cut.RESET:
            raise requests.ConnectionError("reset")
        if answer.cut is Cut.STALL:
            _, read_timeout = timeout
            self.clock.sleep(read_timeout)
            raise requests.ReadTimeout("stalled")
        return build_response(request, answer)

    def close(self) -> None:
        """Nothing is open."""


class Probe(EmulatorTransport):
    """Lets each call take `delay()` seconds on its way there, and notes how calls overlap.

    `overlaps` counts writes of a contact that began while a call of the same person was in flight, and calls that
    began during such a write; events may go at once. A person is told by the identity in the body, or by the
    identity that the path's contact had. Lookups are nobody's, and bulk calls everybody's.
    """

    def __init__(self, intercom: Intercom, clock: VirtualClock, delay: Callable[[], float] = lambda: 0.1) -> None:
        super().__init__(intercom, clock)
        self.delay = delay
        self.most = 0
        self.overlaps = 0
        self.sent: list[tuple[float, str, str]] = []
        self.events_at_once = 0
        self._flying: list[tuple[str, bool]] = []
        self._guard = threading.Lock()

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        person = self._person(request)
        writes = request.method != "GET" and request.path_url != "/events"
        with self._guard:
            self.sent.append((self.clock.now(), f"{request.method} {request.path_url}", person))
            if not request.path_url.startswith(("/contacts/search", "/contacts/bulk")):
                self.overlaps += any(person == who and (writes or other) for who, other in self._flying)
            self._flying.append((person, writes))
            self.most = max(self.most, len(self._flying))
            self.events_at_once = max(self.events_at_once, self._flying.count((person, False)))
        try:
            if (seconds := self.delay()) > 0:
                self.clock.sleep(seconds)
            response = super().send(request, *args, **kwargs)
        finally:
            with self._guard:
                self._flying.remove((person, writes))
        return response

    def _person(self, request: requests.PreparedRequest) -> str:
        body = json.loads(request.body) if request.body else {}
        named = body.get("external_id") or body.get("user_id")
        if named:
            return str(named)
        last = request.path_url.rpartition("/")[2]
        known = {contact["id"]: contact["external_id"] for contact in self.intercom.dump()["contacts"]}
        return str(known.get(last) or last)


class ScriptedStdin:
    """Delivers pieces of input, each at its own second after the start, and then the end."""

    def __init__(self, clock: VirtualClock, *pieces: tuple[float, bytes | Callable[[], None]]) -> None:
        self._clock = clock
        self._start = clock.now()
        self._pieces = list(pieces)

    def read(self, _size: int, /) -> bytes:
        while self._pieces:
            at, piece = self._pieces.pop(0)
            left = self._start + at - self._clock.now()
            if left > 0:
                self._clock.sleep(left)
            if isinstance(piece, bytes):
                return piece
            piece()
        return b""


def build_response(request: requests.PreparedRequest, answer: Answer) -> requests.Response:
    """Make the response that a socket would have brought; a truncated one fails when it is read."""
    cut = answer.cut is Cut.TRUNCATE
    headers = {**answer.headers, "Content-Length": str(len(answer.body))}
    raw = HTTPResponse(
        body=io.BytesIO(answer.body[: len(answer.body) // 2] if cut else answer.body),
        headers=headers,
        status=answer.status,
        preload_content=False,
        request_method=request.method,
        enforce_content_length=True,
    )
    if cut:
        raw.length_remaining = len(answer.body)
    response = requests.Response()
    response.status_code = answer.status
    response.headers = requests.structures.CaseInsensitiveDict(headers)
    response.raw = raw
    response.request = request
    response.url = request.url or ""
    return response


@dataclass
class Result:
    """What a run gave out, and how it ended."""

    messages: list[dict[str, Any]]
    error: IntercomDestinationError | None
    contents: dict[str, Any]
    exchanges: list[dict[str, Any]]
    clock: VirtualClock
    lines: list[bytes] = field(default_factory=list)
    searched: int = 0
    """How many values of the input were looked for in all that was printed."""

    @property
    def states(self) -> list[dict[str, Any]]:
        """The states, in their order."""
        return [message["state"] for message in self.messages if message["type"] == "STATE"]

    @property
    def logs(self) -> list[str]:
        """The texts of the log lines."""
        return [message["log"]["message"] for message in self.messages if message["type"] == "LOG"]

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events in Intercom."""
        events: list[dict[str, Any]] = self.contents["events"]
        return events

    @property
    def calls(self) -> dict[str, int]:
        """How often each endpoint was called."""
        calls: dict[str, int] = self.contents["calls"]
        return calls

    def contact(self, external_id: str) -> dict[str, Any]:
        """The only contact that has this external_id."""
        found = [contact for contact in self.contents["contacts"] if contact.get("external_id") == external_id]
        assert len(found) == 1, f"{len(found)} contacts have this external_id"
        contact: dict[str, Any] = found[0]
        return contact

    def logged(self, part: str) -> bool:
        """Whether a log line holds `part`."""
        return any(part in text for text in self.logs)


def config(**sections: Any) -> dict[str, Any]:
    """A configuration for the streams `users` (identity `id`) and `events`; `sections` replace its own."""
    document: dict[str, Any] = {
        "access_token": TOKEN,
        "identity": {"property": "user_id"},
        "events": {
            "mode": "enabled",
            "streams": [{"stream": "events", "event_name_property": "name", "created_at_property": "at"}],
            "selected_events": ["*"],
        },
        "users": {
            "mode": "enabled",
            "streams": [{"stream": "users"}],
            "attributes": [{"property": "email"}, {"property": "name"}],
        },
    }
    document.update(sections)
    return {key: value for key, value in document.items() if value is not None}


def catalog(*names: str, **changes: Any) -> dict[str, Any]:
    """A configured catalog whose streams have no schema."""
    return {
        "streams": [
            {
                "stream": {"name": name, "json_schema": {}, "supported_sync_modes": ["full_refresh", "incremental"]},
                "sync_mode": "incremental",
                "destination_sync_mode": "append",
                **changes,
            }
            for name in names
        ]
    }


def listed_streams(configuration: Mapping[str, Any]) -> list[str]:
    """The streams that a configuration names, each once."""
    sections = [configuration.get(name, {}) for name in ("companies", "users", "events")]
    return list(dict.fromkeys(entry["stream"] for section in sections for entry in section.get("streams", ())))


def record(stream: str, **data: Any) -> dict[str, Any]:
    """A RECORD message."""
    return {"type": "RECORD", "record": {"stream": stream, "data": data, "emitted_at": 1}}


def state(stream: str, number: int, **more: Any) -> dict[str, Any]:
    """A STREAM state with the id that the platform gives it."""
    content = {"stream_descriptor": {"name": stream}, "stream_state": {"n": number}}
    return {"type": "STATE", "state": {"type": "STREAM", "stream": content, "id": number, **more}}


def to_lines(messages: Iterable[dict[str, Any] | bytes]) -> bytes:
    """The messages as they arrive on stdin."""
    return b"".join(
        (message if isinstance(message, bytes) else json.dumps(message).encode()) + b"\n" for message in messages
    )


def write(
    messages: Iterable[dict[str, Any] | bytes] | Stdin,
    *,
    settings: Mapping[str, Any] | None = None,
    seed: dict[str, Any] | None = None,
    configuration: dict[str, Any] | None = None,
    configured_catalog: dict[str, Any] | None = None,
    intercom: Intercom | None = None,
    clock: VirtualClock | None = None,
    transport: BaseAdapter | None = None,
    mailbox: Mailbox | None = None,
    storage: Storage | None = None,
    watch: Callable[[bytes], None] | None = None,
) -> Result:
    """Run `write` from its first line to its last; `watch` sees each line at the moment it is given out.

    `storage` is used where the configuration has an S3 storage for rejected records.
    """
    clock = clock or VirtualClock()
    intercom = intercom or Intercom(Settings.from_dict(dict(settings or {})), clock=clock.wall)
    if seed:
        intercom.seed(seed)
    stdin = Overheard(io.BytesIO(to_lines(messages)) if isinstance(messages, list) else messages)
    lines: list[bytes] = []
    document = configuration or config()
    configured = configured_catalog or catalog(*listed_streams(document))
    with overhearing() as heard, expecting_errors() as errors:
        for line in destination.write(
            document,
            configured,
            stdin=stdin,
            clock=clock,
            mailbox=mailbox or Mailbox(clock),
            transport=transport or EmulatorTransport(intercom, clock),
            storage=storage,
        ):
            lines.append(line)
            if watch is not None:
                watch(line)
    error, printed = next(iter(errors), None), [json.loads(line) for line in lines]
    searched = refuse_leaks(collect(bytes(stdin.read_so_far), document, configured), printed, heard, error)
    hold_to_contract(intercom.exchanges())
    return Result(printed, error, intercom.dump(), intercom.exchanges(), clock, lines, searched)


@contextlib.contextmanager
def expecting_errors() -> Iterator[list[IntercomDestinationError]]:
    """Keep the error of ours that ends a block."""
    errors: list[IntercomDestinationError] = []
    try:
        yield errors
    except IntercomDestinationError as error:
        errors.append(error)


def hold_to_contract(exchanges: Iterable[Mapping[str, Any]]) -> None:
    """Hold every exchange to Intercom's description, where that is at hand or must be."""
    if (judge := contract_if_at_hand()) is not None:
        for exchange in exchanges:
            judge.check(exchange)
