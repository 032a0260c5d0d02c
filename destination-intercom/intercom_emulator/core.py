"""The core: from the bytes of a call to an answer. Thread-safe by one lock, never sleeps, reads one clock."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, TypeVar

from intercom_emulator.answers import JSON_TYPE, Answer, Cut, Refusal, encode
from intercom_emulator.calls import Call, agree_version, authorize, legible, read_call, version_name
from intercom_emulator.endpoints import Ask, serve
from intercom_emulator.faults import Fault, FaultPlan
from intercom_emulator.quota import Quota
from intercom_emulator.settings import Settings
from intercom_emulator.tally import Tally
from intercom_emulator.workspace import Workspace, new_request_id

_T = TypeVar("_T")
_UNAUTHORIZED = 401
NO_ANSWER = "none"  # the status, in counts, of a call that no answer came to


@dataclass(slots=True)
class _Reply:
    """What a call is about to be answered."""

    status: int
    body: bytes
    headers: dict[str, str | None] = field(default_factory=dict)  # None: a fault takes this one away
    cut: Cut | None = None

    @property
    def sent_headers(self) -> dict[str, str]:
        """The headers that are sent."""
        return {name: value for name, value in self.headers.items() if value is not None}

    @property
    def is_lost(self) -> bool:
        """Whether no byte of it arrives."""
        return self.cut in (Cut.RESET, Cut.STALL)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call and its answer, undigested."""

    call: Call
    reply: _Reply
    fault: Fault | None

    @property
    def status(self) -> str:
        """The status as it is counted."""
        return NO_ANSWER if self.reply.is_lost else str(self.reply.status)

    @property
    def answered(self) -> bytes:
        """The body of the answer; none where no answer came."""
        return b"" if self.reply.is_lost else self.reply.body

    def shown(self) -> dict[str, Any]:
        """Return the exchange without its token; no status and body where no answer came."""
        lost = self.reply.is_lost
        hidden = {"authorization": "Bearer (hidden)"} if "authorization" in self.call.headers else {}
        return {
            "method": self.call.method,
            "path": self.call.target,
            "request_headers": self.call.headers | hidden,
            "request_body": legible(self.call.raw),
            "status": None if lost else self.reply.status,
            "headers": {} if lost else self.reply.sent_headers,
            "response_body": None if lost else legible(self.reply.body),
            "time": self.call.now,
            "fault": self.fault.kind if self.fault else None,
        }


@dataclass(frozen=True, slots=True)
class Sight:
    """All that there is to see, as it is at `now` (Intercom's clock, unix seconds); of use under the lock only."""

    now: float
    settings: Settings
    first_settings: Settings
    workspace: Workspace
    tally: Tally
    faults: FaultPlan
    exchanges: Collection[Exchange]


class Intercom:
    """One emulated workspace behind Intercom's API. `clock` gives the client's unix seconds.

    `attributes` are definitions of data attributes that the workspace has from the start, and again after a reset: see
    `definitions.read_definitions`.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        clock: Callable[[], float] = time.time,
        *,
        attributes: Iterable[dict[str, Any]] = (),
    ) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self._first_settings = settings or Settings()
        self._first_attributes = tuple(attributes)
        self._start()

    def _start(self) -> None:
        self.settings = self._first_settings
        self._workspace = Workspace()
        for attribute in self._first_attributes:
            self._workspace.attributes.seed(attribute, int(self._now()))
        self._quota = Quota()
        self._faults = FaultPlan(self.settings.faults)
        self._started = self._clock()
        self._tally = Tally()
        self._exchanges: deque[Exchange] = deque(maxlen=self.settings.keep_exchanges)

    def handle(self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """Answer one call: `target` is path and query as in the request line, header names are of any case."""
        with self._lock:
            now = self._clock()
            call = read_call(method, target, headers, body, now + self.settings.server_clock_skew)
            window = self._tally.window(self.settings, call.now)
            self._workspace.catch_up(call.now, self.settings)
            fault = self._faults.pick(call.template, now - self._started, lambda: self._workspace.texts_of(call))
            reply = self._reply(call, fault)
            exchange = Exchange(call, reply, fault)
            window.counts[call.template, exchange.status, fault.kind if fault else None] += 1
            self._exchanges.append(exchange)
            return Answer(reply.status, reply.sent_headers, reply.body, self.settings.latency, reply.cut)

    def _reply(self, call: Call, fault: Fault | None) -> _Reply:
        """Return Intercom's reply, or what the fault makes of it."""
        if fault is None:
            return self._serve(call, None)
        reply = self._serve(call, fault) if fault.reaches_intercom else _Reply(503, b"", {"Date": _date(call.now)})
        reply.cut = fault.cut
        if fault.is_edge:
            reply = _Reply(503, b"", {"Date": _date(call.now)})
            self._spoil(reply, fault, None)
        elif fault.cut is None and fault.after:
            self._spoil(reply, fault, reply.headers.get("X-Request-Id"))
        return reply

    def _serve(self, call: Call, fault: Fault | None) -> _Reply:
        """Let Intercom carry out the call, or fail in its place."""
        settings, request_id = self.settings, new_request_id()
        reply = _Reply(200, b"", {"Date": _date(call.now), "X-Request-Id": request_id})
        reply.headers["Intercom-Version"] = version_name(call, settings)
        metered: dict[str, str | None] = {}
        try:
            authorize(call, settings)
            metered |= self._spend(call)
            if settings.plan_restricted:
                raise Refusal(403, "api_plan_restricted", "Active subscription needed.")  # noqa: TRY301
            if fault is not None and not fault.has_effect:
                self._spoil(reply, fault, request_id)
            else:
                ask = Ask(call, agree_version(call, settings), settings, self._workspace)
                reply.status, reply.body = serve(ask)
        except Refusal as refusal:
            reply.status = refusal.status
            reply.body = self._error(refusal.body(settings.refused_field), request_id)
            metered = {} if refusal.unmetered else {**metered, **refusal.headers}
        if reply.body:
            reply.headers.setdefault("Content-Type", JSON_TYPE)
        if reply.status != _UNAUTHORIZED:
            reply.headers = metered | reply.headers
        return reply

    def _spend(self, call: Call) -> dict[str, str]:
        """Take a call from the quota and return the headers that tell of it, or refuse with them."""
        cost = call.bulk_count if self.settings.bulk_cost == "item" else 1
        grant = self._quota.spend(self.settings, call.now, cost)
        if grant.granted:
            if cost > 1:
                self._tally.window(self.settings, call.now).extra += cost - 1
            return grant.headers
        seconds = f"{self.settings.window_seconds:g}"
        message = f"Exceeded rate limit of {self.settings.limit} in {seconds}_seconds"
        raise Refusal(429, "rate_limit_exceeded", message, headers=grant.headers)

    def _spoil(self, reply: _Reply, fault: Fault, request_id: str | None) -> None:
        """Put what the fault says in the place of Intercom's answer."""
        reply.status, headers, body = fault.answer()
        reply.body = body if isinstance(body, bytes) else self._error(body, request_id)
        reply.headers |= headers
        if reply.body:
            reply.headers.setdefault("Content-Type", JSON_TYPE)

    def _error(self, body: dict[str, Any], request_id: str | None) -> bytes:
        """Return an error envelope with its request id, as the settings have it."""
        how = self.settings.request_ids
        known = {} if how == "absent" else {"request_id": request_id if how == "set" else None}
        return encode({"type": body["type"], **known, "errors": body["errors"]})

    def seed(self, situation: dict[str, Any]) -> None:
        """Add what a situation holds as if it had long been there, and plan changes; see `Workspace.seed`."""
        with self._lock:
            self._workspace.seed(situation, now=self._now(), settings=self.settings)

    def merge(self, from_id: str, into_id: str) -> None:
        """Merge one contact into another; raise KeyError where one is unknown or the target gone."""
        with self._lock:
            self._workspace.contacts.merge(from_id, into_id, now=self._now(), lag=self.settings.search_lag)

    def _now(self) -> float:
        """Return Intercom's clock."""
        return self._clock() + self.settings.server_clock_skew

    def set_faults(self, faults: list[dict[str, Any]]) -> None:
        """Replace the plan of faults; their counts begin anew."""
        with self._lock:
            self._faults = FaultPlan(faults)

    def swap_faults(self, old: Iterable[Fault], new: Iterable[Fault]) -> None:
        """Take faults out of the plan and put others at its end; the rest of it, and its counts, stay."""
        with self._lock:
            for each in old:
                self._faults.remove(each)
            for each in new:
                self._faults.add(each)

    def change_settings(self, values: dict[str, Any]) -> None:
        """Replace some settings; raise ValueError, and change nothing, where one is unknown or out of range."""
        with self._lock:
            self.settings = self.settings.changed(values)
            self._tally.turn(self.settings, self._now())
            if "faults" in values:
                self._faults = FaultPlan(self.settings.faults)
            if "keep_exchanges" in values:
                self._exchanges = deque(self._exchanges, maxlen=self.settings.keep_exchanges)

    def reset(self) -> None:
        """Return to the start: an empty workspace, fresh counts, the settings and faults of the beginning."""
        with self._lock:
            self._start()

    def dump(self) -> dict[str, Any]:
        """Return what the workspace holds, and counts: `calls` by endpoint, `statuses`, `refused_by_quota`."""
        with self._lock:
            self._workspace.catch_up(self._now(), self.settings)
            calls: Counter[str] = Counter()
            statuses: Counter[str] = Counter()
            for (endpoint, status, _), count in self._tally.totals().items():
                calls[endpoint] += count
                statuses[status] += count
            counts = {"calls": dict(calls), "statuses": dict(statuses)}
            return {**self._workspace.dump(self._now()), **counts, "refused_by_quota": self._quota.refused}

    def look(self, read: Callable[[Sight], _T]) -> _T:
        """Return what `read` makes of all that there is; calls wait meanwhile, so it must be quick and keep nothing."""
        with self._lock:
            now = self._now()
            self._workspace.catch_up(now, self.settings)
            first, kept = self._first_settings, self._exchanges
            return read(Sight(now, self.settings, first, self._workspace, self._tally, self._faults, kept))

    def exchanges(self) -> list[dict[str, Any]]:
        """Return the latest exchanges, the oldest first, without tokens."""
        with self._lock:
            kept = list(self._exchanges)
        return [each.shown() for each in kept]


def _date(now: float) -> str:
    return formatdate(int(now), usegmt=True)
