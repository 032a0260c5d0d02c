"""Whether a call fails again and again because of its record, or because its endpoint does not work.

What others are answered there tells: Intercom's own word (2xx, 404 `not_found`, 409) to another record's
call between two attempts is a proof that the endpoint works; where nobody else calls, a harmless call is
made, a probe. A record is the cause if the same answer came for five minutes, with three proofs in
between. A probe that fails, or that cannot be made, says that it is an outage: its time is not counted.

It knows nothing of threads or of waiting, and no kind of object; used by one thread at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from destination_intercom.errors import AttemptError
from destination_intercom.identity import Key
from destination_intercom.intercom.answers import Answer, BodyKind
from destination_intercom.intercom.calls import Call
from destination_intercom.intercom.classify import is_word

SAME_SECONDS: Final = 300.0
"""Of one and the same answer, before a record can be the cause."""

RECORD_SECONDS: Final = 600.0
"""So long may one record hold up the states behind it, all its calls and waits together."""

LEAST_SAME_SECONDS: Final = 60.0
"""Of one answer to a call, however long the record has been held up before."""

PROOFS: Final = 3

ATTEMPTS_OF_A_CAUSE: Final = 3
"""Of a smaller call of what was found to be the cause already, where it fails in the same way."""

PROBE_SHARE: Final = 1 / 5
"""Of these seconds, without a word of an endpoint's, until a probe is made: a minute, so that three fit in."""

ALWAYS_PASSED_OVER: Final = 20
"""So many records of an endpoint are passed over whatever share they are; "one bad record" is not more."""

MOST_PASSED_OVER: Final = 0.01
"""Beyond them, the share of an endpoint's records that may be."""

_LATEST: Final = 3

Same: TypeAlias = tuple[int, BodyKind]
"""What makes two answers the same: the status and the kind of body."""

Taken: TypeAlias = tuple[Key, Call]
"""A call that Intercom took, and the person of its record."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A harmless call; nothing else may be on its way for `key` meanwhile, None where that does not matter."""

    call: Call
    key: Key | None = None


@dataclass(eq=False, slots=True)
class Endpoint:
    """What one run has seen of an endpoint.

    `words` counts Intercom's own ones, `outages` the probes that failed. At `heard_at` the last word came, or was
    asked for; `failing_since` is the moment from which on nothing but failures came. Moments are seconds.
    """

    words: int = 0
    outages: int = 0
    is_down: bool = False
    failing_since: float | None = None
    why: str = ""
    """How the last call failed, in a word."""
    heard_at: float = -math.inf
    records: int = 0
    passed_over: int = 0
    _failing: set[Trouble] = field(default_factory=set)
    _taken: dict[Key, Call] = field(default_factory=dict)

    def note_answer(self, call: Call, answer: Answer, person: Key | None, *, now: float) -> None:
        """Note an answer of Intercom's to a call for `person`; None for nobody's, such as a probe."""
        self.failing_since = None
        if not is_word(call, answer):
            return
        self.words += 1
        self.is_down = False
        self.heard_at = now
        if person is not None and call.is_answered_by(answer):
            self._taken.pop(person, None)
            self._taken[person] = call
            if len(self._taken) > _LATEST:
                del self._taken[next(iter(self._taken))]

    def note_failure(self, trouble: Trouble, now: float) -> None:
        """Note that a call failed, and is to be made again."""
        self._failing.add(trouble)
        if self.failing_since is None:
            self.failing_since = now

    def note_end(self, trouble: Trouble) -> None:
        """Note that a call is not made any more; where none fails, nothing is known of an outage."""
        self._failing.discard(trouble)
        if not self._failing:
            self.failing_since = None

    def note_outage(self) -> None:
        """Note that a probe failed, or that none can be made."""
        self.outages += 1
        self.is_down = True

    @property
    def may_pass_over(self) -> bool:
        """Say whether one more record may be passed over."""
        count = self.passed_over + 1
        return count <= ALWAYS_PASSED_OVER or count <= MOST_PASSED_OVER * self.records

    @property
    def taken(self) -> Iterator[Taken]:
        """Tell some calls that Intercom took, the latest first, each of another person."""
        return reversed(self._taken.items())


class Endpoints:
    """The endpoints of one run, each by its name."""

    def __init__(self) -> None:
        self._all: dict[str, Endpoint] = {}

    def of(self, name: str) -> Endpoint:
        """Give the endpoint of that name."""
        if (endpoint := self._all.get(name)) is None:
            endpoint = self._all[name] = Endpoint()
        return endpoint

    @property
    def failing(self) -> dict[str, Endpoint]:
        """Tell the endpoints to which nothing but failures come, by their names."""
        return {name: endpoint for name, endpoint in self._all.items() if endpoint.failing_since is not None}

    @property
    def taken(self) -> list[Taken]:
        """Tell some calls that Intercom took, of each endpoint the latest first."""
        return [each for endpoint in self._all.values() for each in endpoint.taken]


class Trouble:
    """What the calls of one record have met, or those of a lookup.

    `held` are the seconds since the first failed attempt of all, as far as they count: neither what the quota
    took nor an outage does. Of the present call `attempts` have failed, since `failing_since`.
    """

    __slots__ = (
        "_cause",
        "_outages",
        "_proofs",
        "_same",
        "_same_seconds",
        "_was_down",
        "_words",
        "attempts",
        "call_seconds",
        "failing_since",
        "held",
        "only_500s_since",
    )

    def __init__(self, held: float) -> None:
        self.held = held
        self._cause: Same | None = None
        self.begin()

    def begin(self) -> None:
        """Begin anew, for the next call."""
        self.attempts = 0
        self.failing_since: float | None = None
        self.only_500s_since: float | None = None
        self.call_seconds = 0.0
        self._same: Same | None = None
        self._same_seconds = 0.0
        self._proofs = 0
        self._words = self._outages = 0
        self._was_down = False

    def note(self, endpoint: Endpoint, result: Answer | AttemptError, seconds: float) -> None:
        """Note an attempt that failed; `seconds` are what it took, and the wait before it."""
        same = (result.status, result.kind) if isinstance(result, Answer) else None
        is_outage = self._was_down or endpoint.is_down or endpoint.outages != self._outages
        counts = self.attempts > 0 and not is_outage
        if counts:
            self.held += seconds
            self.call_seconds += seconds
        if counts and same == self._same:
            self._same_seconds += seconds
            self._proofs += endpoint.words > self._words
        else:
            self._same_seconds, self._proofs = 0.0, 0
        self.attempts += 1
        self._same, self._words, self._outages = same, endpoint.words, endpoint.outages
        self._was_down = endpoint.is_down

    @property
    def _needed(self) -> float:
        """Tell the seconds of one answer that make the record the cause: five minutes, or what is left of its ten."""
        before = self.held - self.call_seconds
        return min(max(RECORD_SECONDS - before, LEAST_SAME_SECONDS), SAME_SECONDS)

    def lacks_proof(self, endpoint: Endpoint, now: float) -> bool:
        """Say whether nothing has shown of late that the endpoint works, after a failed attempt at `now` (seconds)."""
        since = max(now if self.failing_since is None else self.failing_since, endpoint.heard_at)
        return self._same is not None and now - since >= PROBE_SHARE * self._needed

    def is_cause(self, endpoint: Endpoint) -> bool:
        """Say whether the record is why its call fails."""
        if self._same is None or endpoint.is_down:
            return False
        if self._same == self._cause:
            return self.attempts >= ATTEMPTS_OF_A_CAUSE
        return self._same_seconds >= self._needed and self._proofs >= PROOFS

    def note_cause(self) -> None:
        """Note that it is: what fails in the same way by the record's next calls is told so soon."""
        self._cause = self._same

    @property
    def is_overdue(self) -> bool:
        """Say whether the record has held up others for as long as one may, and is not about to be found the cause."""
        more = LEAST_SAME_SECONDS if self._same_seconds >= self._needed else 0.0
        return self.held >= RECORD_SECONDS + more and self.call_seconds >= LEAST_SAME_SECONDS
