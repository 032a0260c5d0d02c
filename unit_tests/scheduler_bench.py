"""What every test of the scheduler needs: a quota that holds nobody up, and workers that are ended afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

from destination_intercom.clock import Clock
from destination_intercom.delivery.scheduler import Scheduler
from destination_intercom.intercom.answers import RateHeaders
from destination_intercom.intercom.quota import Quota

AMPLE = RateHeaders(10**12, 10**12, 1_700_000_010.0, 10.0)
"""Headers of a quota that nobody uses up."""


class Closable(Protocol):
    """Something with workers."""

    def close(self) -> None:
        """End the workers."""


C = TypeVar("C", bound=Closable)


def ample_quota(clock: Clock) -> Quota:
    """Make a gate that has learned from a call of no job that there is room for all."""
    quota = Quota(clock)
    permit = quota.acquire()
    assert permit is not None
    quota.settle(permit, AMPLE)
    return quota


def end_workers(scheduler: Scheduler, clock: Clock, *, within: float = 100.0) -> None:
    """End the workers in so many seconds of the clock; none may stay."""
    scheduler.stop()
    scheduler.join(clock.now() + within)
    assert 0 == scheduler.workers


def closed_afterwards(make_one: Callable[..., C]) -> Iterator[Callable[..., C]]:
    """Give a fixture what makes one after the other, and close all of them in the end."""
    made: list[C] = []

    def make(*arguments: Any, **options: Any) -> C:
        made.append(make_one(*arguments, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()
