"""Contacts that are written together: groups of up to a hundred, one call and one job of Intercom's for each.

The first that joins a group leads it. The leader waits until the group is full or two seconds old, or less where
another change of one of its contacts waits; then sends it, asks how its job is, and lets all others go on, who wait
for what the leader holds and occupy no worker. Whoever joins has their turn already (`turns`) and keeps it, so that a
contact or an address is never in two jobs; a leader waits for calls and time alone, and for the leader that is about
to find out how bulk calls are taken at all. So nobody here ever waits in a circle.

Intercom tells of a job only whether all went well. Where it did not, each member is told so and goes alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from enum import Enum
from typing import Any, Final, TypeAlias

from destination_intercom.deep_json import dump_exactly
from destination_intercom.delivery.kinds import Note, Notes
from destination_intercom.delivery.tasks import Acquire, Pause, Release, Step, UndeliverableError
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import (
    BULK_VERSION,
    PREVIEW,
    CreateContactsInBulk,
    GetBulkJob,
    UpdateContactsInBulk,
)
from destination_intercom.intercom.classify import REJECTING, VERSION_CODE, read_refusal, refusal_of
from destination_intercom.intercom.costs import TELLING, BulkCost, cost_between

MOST_CONTACTS: Final = 100
"""Of one call (Intercom's API description); fewer where an answer says so."""

MOST_BYTES: Final = 1024 * 1024
"""Of one call, about: what Intercom takes is not known."""

LONGEST_AGE: Final = 2.0
"""Seconds that a group waits for more."""

SHORTEST_AGE: Final = 0.3
"""Seconds that it waits where another change of one of its contacts waits for it."""

LOOK: Final = 0.1
"""Seconds between two looks of a leader at whether the group is full."""

LONGEST_JOB: Final = 300.0
"""Seconds until a job counts as one that will not end: half of what one record may hold up others."""

FIRST_POLL: Final = 0.5
LONGEST_POLL: Final = 30.0
"""Seconds between two times that a job is asked for: each further time twice as long, up to the longest."""

EARLY: Final = 0.75
"""Of the time that the last job took, so much passes before the next one is asked for at all."""

POLLED_SHARE: Final = 1 / 20
"""Of the calls that Intercom allows, those that may ask for jobs, of all jobs together."""

LONGEST_GAP: Final = 3.0
"""Seconds between two polls at most, however few calls are allowed: twenty a minute."""

WINDOW: Final = 10.0
"""Seconds of the window whose allowance an answer tells (Intercom's developer site)."""

MOST_REFUSED: Final = 3
"""Calls in a row that Intercom refuses, after which no more are made."""

LONGEST_FAILURE: Final = 300.0
"""Seconds in which no call was taken, after which no more are made."""

_NO_ROUTE: Final = frozenset({404, 405})
_LIMIT = re.compile(r"maximum number of contacts per request is (\d{1,9})")

Make: TypeAlias = type[CreateContactsInBulk] | type[UpdateContactsInBulk]


IsFollowed: TypeAlias = Callable[[], bool]
"""Tells whether another change of the same contact waits for this one."""


def never() -> bool:
    """Say that nothing waits."""
    return False


class Ending(Enum):
    """What became of a member of a group."""

    DONE = "the job has ended well"
    PERHAPS = "it may have been written, or be written still"
    NOT_SENT = "nothing was written"


_WAYS: Final = {Ending.DONE: "done", Ending.PERHAPS: "again", Ending.NOT_SENT: "ordinary"}
"""Under which of the counts a contact comes that was to go in bulk."""


class _Group:
    """Contacts that go together, since when (seconds), and what became of each."""

    __slots__ = ("_are_followed", "endings", "members", "opened_at", "size")

    def __init__(self, opened_at: float) -> None:
        self.opened_at = opened_at
        self.members: list[dict[str, Any]] = []
        self.size = 0
        self._are_followed: list[IsFollowed] = []
        self.endings: list[Ending] = []

    @property
    def due(self) -> float:
        """Tell when it goes, full or not: sooner where another change of a contact waits for it."""
        is_awaited = any(is_followed() for is_followed in self._are_followed)
        return self.opened_at + (SHORTEST_AGE if is_awaited else LONGEST_AGE)

    def add(self, member: dict[str, Any], is_followed: IsFollowed) -> int:
        """Add a contact; return its place."""
        self.members.append(member)
        self._are_followed.append(is_followed)
        self.size += len(dump_exactly(member))
        return len(self.members) - 1


class BulkWriter:
    """Writes contacts in bulk; `now` tells seconds, `notes` takes what the user should know.

    One that only `pretends` counts who would go in bulk, and lets them go alone: a dry run is to tell of contacts.
    """

    def __init__(self, now: Callable[[], float], notes: Notes, *, pretends: bool = False) -> None:
        self._now = now
        self._notes = notes
        self._pretends = pretends
        self._groups: dict[Make, _Group] = {}
        self._version = BULK_VERSION
        self._is_known = False
        self._is_off = False
        self._limit = MOST_CONTACTS
        self._cost = BulkCost()
        self._trial = object()
        self._refused = 0
        self._failing_since: float | None = None
        self._next_poll = 0.0
        self._job_seconds = 0.0
        self._counts: Counter[str] = Counter()

    @property
    def is_off(self) -> bool:
        """Say whether no more bulk calls are made in this run."""
        return self._is_off

    @property
    def pretends(self) -> bool:
        """Say whether nothing goes in bulk: nothing rides along then, either."""
        return self._pretends

    def count_ordinary(self) -> None:
        """Count a contact that goes by itself from the start."""
        self._counts["ordinary"] += 1

    def summary(self) -> str:
        """Tell how many contacts went which way."""
        counts = self._counts
        if self._pretends:
            return f"Bulk: contacts that would go in bulk: {counts['members']:,}; one by one: {counts['ordinary']:,}."
        again = f", of them sent in bulk before: {counts['again']:,}" if counts["again"] else ""
        return (
            f"Bulk: contacts written in bulk: {counts['done']:,} (calls: {counts['jobs']:,}, to ask for their jobs:"
            f" {counts['polls']:,}); one by one: {counts['ordinary'] + counts['again']:,}{again}."
        )

    def write(
        self, make: Make, member: dict[str, Any], is_followed: IsFollowed = never
    ) -> Generator[Step, Answer, Ending]:
        """Write a contact together with others, once their group goes."""
        self._counts["members"] += 1
        ending = Ending.NOT_SENT if self._pretends else (yield from self._join(make, member, is_followed))
        if not self._pretends:
            self._counts[_WAYS[ending]] += 1
        return ending

    def _join(self, make: Make, member: dict[str, Any], is_followed: IsFollowed) -> Generator[Step, Answer, Ending]:
        group = self._groups.get(make)
        leads = group is None
        if group is None:
            group = self._groups[make] = _Group(self._now())
            yield Acquire(group)
        place = group.add(member, is_followed)
        if len(group.members) >= self._limit or group.size >= MOST_BYTES:
            del self._groups[make]
        if leads:
            yield from self._lead(make, group)
        else:
            yield Acquire(group)
        yield Release(group)
        return group.endings[place]

    def _lead(self, make: Make, group: _Group) -> Generator[Step, Answer, None]:
        """Send a group once it is full or old enough, in as many calls as it takes."""
        while self._groups.get(make) is group and (left := group.due - self._now()) > 0:
            yield Pause(min(left, LOOK))
        if self._groups.get(make) is group:
            del self._groups[make]
        left_over = group.members
        while left_over:
            if self._now() - group.opened_at >= LONGEST_JOB:
                # What took several calls may not take the time of several jobs.
                group.endings += [Ending.NOT_SENT] * len(left_over)
                return
            members, left_over = left_over[: self._limit], left_over[self._limit :]
            ending = yield from self._send(make, members)
            if ending is None:
                left_over = members + left_over
            else:
                group.endings += [ending] * len(members)

    def _send(self, make: Make, members: Sequence[dict[str, Any]]) -> Generator[Step, Answer, Ending | None]:
        """Send contacts in one call, and wait for its job; None if they are too many for one."""
        if is_trial := self._is_trial:
            yield Acquire(self._trial)
        if is_trial and not self._is_trial:
            # Whoever was in front has found it out.
            yield Release(self._trial)
            is_trial = False
        try:
            taken = yield from self._submit(make, members)
        except UndeliverableError:
            taken = Ending.PERHAPS
        if is_trial:
            yield Release(self._trial)
        if not isinstance(taken, Answer):
            return taken
        try:
            return (yield from self._wait_for_job(taken, len(members)))
        except UndeliverableError:
            return Ending.PERHAPS

    @property
    def _is_trial(self) -> bool:
        """Say whether nobody knows how bulk calls are taken, and what they cost: one at a time finds out."""
        return not self._is_off and (not self._is_known or self._cost.is_open or self._failing_since is not None)

    def _submit(self, make: Make, members: Sequence[dict[str, Any]]) -> Generator[Step, Answer, Answer | Ending | None]:
        """Make the call: return the job that took it, what became of its contacts, or None if they are too many."""
        while not self._is_off:
            if len(members) > self._limit:
                return None
            call = make(tuple(members), self._version)
            answer = yield call
            if call.is_answered_by(answer):
                self._counts["jobs"] += 1
                self._is_known, self._refused, self._failing_since = True, 0, None
                return (yield from self._weigh(answer, len(members)))
            if not self._is_known and _has_no_route(answer):
                self._fall_back()
            elif (limit := _limit_in(answer)) is not None and 0 < limit < len(members):
                self._limit = min(limit, self._limit)
                self._note(f"Intercom takes no more than {limit} contacts in a bulk call: so many are sent in each.")
            else:
                self._note_failure(call.endpoint, answer)
                return Ending.NOT_SENT if _is_refusal(answer) else Ending.PERHAPS
        return Ending.NOT_SENT

    def _weigh(self, answer: Answer, contacts: int) -> Generator[Step, Answer, Answer]:
        """Find out what a call has cost, by what is left at the next one; return what that shows of the job."""
        if not self._cost.is_open or contacts < TELLING:
            return answer
        if answer.passage is None or answer.rate is None:
            self._cost.note(None, contacts=contacts)
            return answer
        self._take_place(answer)
        polled = yield from self._poll(answer)
        self._cost.note(cost_between(answer, polled), contacts=contacts)
        if self._cost.per_contact:
            self._turn_off(
                "A bulk call costs as many calls of the rate limit here as it has contacts, so bulk gains nothing: the"
                " rest of this sync's contacts are written one by one. Set delivery.contacts_api to standard."
            )
        return polled if GetBulkJob("").is_answered_by(polled) else answer

    def _fall_back(self) -> None:
        """Go on in the version in which the endpoint was before, or without it."""
        if self._version == BULK_VERSION:
            self._version = PREVIEW
            self._note(f"Intercom has no bulk endpoint in version {BULK_VERSION} of its API: {PREVIEW} is tried.")
        else:
            self._turn_off(
                "Intercom offers no bulk endpoint to this workspace: all contacts are written one by one."
                " Set delivery.contacts_api to standard."
            )

    def _note_failure(self, endpoint: str, answer: Answer) -> None:
        refusal = read_refusal(answer)
        said = f"{endpoint}: status {answer.status}" + (f", code {refusal.code}" if refusal.code else "")
        now = self._now()
        self._failing_since = now if self._failing_since is None else self._failing_since
        self._refused = self._refused + 1 if _is_refusal(answer) else 0
        if answer.status == 403 and self._refused and "closed" not in (refusal.message or ""):  # noqa: PLR2004
            self._turn_off(
                f"Intercom forbids bulk calls to the app of access_token ({said}): all contacts are written one by one."
                " Check the app's permissions, or set delivery.contacts_api to standard."
            )
        elif self._refused >= MOST_REFUSED or now - self._failing_since >= LONGEST_FAILURE:
            self._turn_off(
                f"Intercom takes no bulk calls ({said}): the rest of this sync's contacts are written one by one. If it"
                " stays so, set delivery.contacts_api to standard."
            )

    def _turn_off(self, why: str) -> None:
        if not self._is_off:
            self._is_off = True
            self._note(why)

    def _note(self, text: str) -> None:
        self._notes.add(Note(text))

    def _wait_for_job(self, answer: Answer, contacts: int) -> Generator[Step, Answer, Ending]:
        """Ask for a job until it has ended, at growing intervals."""
        began, job = self._now(), answer
        interval, until = self._first_interval, began + LONGEST_JOB
        following = max(interval / 4, FIRST_POLL)
        while (ending := _ending_of(job.body, contacts)) is None:
            if (left := until - self._now()) <= 0:
                # Two such waits would hold up a state for longer than one may.
                self._turn_off(
                    f"A bulk job had not ended after {LONGEST_JOB / 60:.0f} minutes: its contacts, and the rest of this"
                    " sync's, are written one by one. If it stays so, set delivery.contacts_api to standard."
                )
                return Ending.PERHAPS
            yield Pause(min(interval, left))
            interval, following = following, min(2 * following, LONGEST_POLL)
            if (pause := self._take_place(job)) > 0:
                yield Pause(pause)
            polled = yield from self._poll(answer)
            if GetBulkJob("").is_answered_by(polled):
                job = polled
            elif _is_refusal(polled):
                return Ending.PERHAPS
        self._job_seconds = self._now() - began
        return ending

    @property
    def _first_interval(self) -> float:
        """Tell after how many seconds a job is asked for first: when it should have ended, if it is like the last."""
        return max(EARLY * min(self._job_seconds, LONGEST_POLL), FIRST_POLL)

    def _poll(self, answer: Answer) -> Generator[Step, Answer, Answer]:
        self._counts["polls"] += 1
        return (yield GetBulkJob(answer.body["id"], self._version))

    def _take_place(self, answer: Answer) -> float:
        """Tell how long to wait so that polls stay few among the calls that are allowed."""
        gap = LONGEST_GAP
        if answer.rate is not None:
            gap = min(WINDOW / (answer.rate.limit * POLLED_SHARE), LONGEST_GAP)
        now = self._now()
        at = max(now, self._next_poll)
        self._next_poll = at + gap
        return at - now


def _is_refusal(answer: Answer) -> bool:
    """Say whether it is Intercom's own word that nothing was done."""
    return refusal_of(answer) is not None and (answer.status in REJECTING or answer.status == 403)  # noqa: PLR2004


def _has_no_route(answer: Answer) -> bool:
    """Say whether an answer may mean that the endpoint is not there in this version."""
    code = read_refusal(answer).code
    return code == VERSION_CODE or (answer.status in _NO_ROUTE and code != "job_not_found")


def _limit_in(answer: Answer) -> int | None:
    """Read how many contacts one call may have, from the refusal of more."""
    match = _LIMIT.search(read_refusal(answer).message or "")
    return None if match is None else int(match[1])


def _ending_of(job: dict[str, Any], contacts: int) -> Ending | None:
    """Tell what became of a job's contacts; None while it has not ended."""
    tasks = [each for each in job.get("tasks") or () if isinstance(each, dict)]
    states = {job["state"], *(each.get("state") for each in tasks)}
    if not states <= {"completed", "completed_with_errors"}:
        return None
    counted = [each["item_count"] for each in tasks if isinstance(each.get("item_count"), int)]
    is_whole = not counted or sum(counted) == contacts
    return Ending.DONE if states == {"completed"} and is_whole else Ending.PERHAPS
