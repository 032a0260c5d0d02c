"""The mailbox, with a clock whose waits are scripted: what wakes the main thread, and what stops the reader."""

from collections.abc import Callable
from types import TracebackType

import pytest

from destination_intercom.airbyte.reader import EndOfInput, Input, Lines
from destination_intercom.delivery.ledger import Ledger
from destination_intercom.delivery.mailbox import INPUT_BYTES, Concluded, Failed, Mailbox, Notice
from destination_intercom.errors import DeliveryError, StreamName
from destination_intercom.outcomes import DELIVERED
from integration_tests.support.virtual_clock import VirtualClock


class _Clock:
    """A clock and its condition in one; each wait runs the next step of the script, or lets the time pass."""

    def __init__(self) -> None:
        self.time = 0.0
        self.steps: list[Callable[[], object]] = []
        self.waits: list[float | None] = []

    def now(self) -> float:
        return self.time

    def wall(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def start(self, name: str, target: Callable[[], None]) -> None:
        raise AssertionError("a mailbox starts no thread")

    def condition(self) -> "_Clock":
        return self

    def __enter__(self) -> bool:
        return True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        pass

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout)
        if self.steps:
            self.steps.pop(0)()
            return True
        assert timeout is not None, "waits for ever"
        self.time += timeout
        return False

    def notify(self, n: int = 1) -> None:
        pass

    def notify_all(self) -> None:
        pass


def _concluded() -> Concluded:
    return Concluded(Ledger(stop_after_rejected=0).enter(StreamName("s"), parts=1, size=1), DELIVERED, "events")


def test_lines_when_shown_then_their_content_is_not() -> None:
    """Whatever shows a piece of input, in an error or while debugging, shows no record."""
    assert "canary" not in repr(Lines(1, [b"canary"], 6))


def test_offer_when_there_is_no_room_then_the_reader_waits_until_some_is_taken() -> None:
    """A full mailbox stops reading: that is the back-pressure."""
    clock = _Clock()
    mailbox = Mailbox(clock)
    half = Lines(1, [b"x"], INPUT_BYTES // 2)
    assert [True, True] == [mailbox.offer(half), mailbox.offer(half)]
    assert [] == clock.waits
    clock.steps = [lambda: None, mailbox.take_input]
    assert mailbox.offer(half)
    assert [None, None] == clock.waits


def test_reader_when_it_waits_for_room_is_woken_by_what_is_taken() -> None:
    """Nothing else happens meanwhile: a reader that sleeps on would end the sync's input there."""
    clock = VirtualClock()
    mailbox = Mailbox(clock)
    pieces: list[Input] = [*[Lines(1, [b"x"], INPUT_BYTES // 2)] * 5, EndOfInput()]

    def read() -> None:
        for piece in pieces:
            mailbox.offer(piece)

    clock.start("reader", read)
    taken: list[Input] = []
    while len(taken) < len(pieces):
        mailbox.wait(for_input=True, until=None)
        while (piece := mailbox.take_input()) is not None:
            taken.append(piece)
    assert pieces == taken


def test_offer_when_a_line_is_larger_than_the_room_then_it_is_taken_alone() -> None:
    """A long line must not wait for ever."""
    mailbox = Mailbox(_Clock())
    assert mailbox.offer(Lines(1, [b"x"], INPUT_BYTES * 2))


def test_offer_when_stopping_then_nobody_wants_it() -> None:
    """Also for one that waits for room."""
    clock = _Clock()
    mailbox = Mailbox(clock)
    mailbox.offer(Lines(1, [b"x"], INPUT_BYTES))
    clock.steps = [mailbox.stop]
    assert [False, False] == [mailbox.offer(Lines(2, [b"y"], 1)), mailbox.offer(EndOfInput())]


def test_end_when_told_from_outside_then_it_is_known_apart_from_one_of_its_own() -> None:
    """Whoever is told to stop has less time than a sync that fails by itself."""
    told, by_itself = Mailbox(_Clock()), Mailbox(_Clock())
    told.stop()
    by_itself.close()
    assert [(True, True), (True, False)] == [(each.stopping, each.told_to_stop) for each in (told, by_itself)]


def test_input_when_taken_then_it_comes_in_order_and_once() -> None:
    """First in, first out."""
    mailbox = Mailbox(_Clock())
    pieces: list[Input] = [Lines(1, [b"a"], 1), Lines(2, [b"b"], 1), EndOfInput()]
    for piece in pieces:
        mailbox.offer(piece)
    assert [*pieces, None] == [mailbox.take_input() for _ in range(4)]


def test_notices_when_taken_then_all_come_in_order_and_once() -> None:
    """What the workers concluded, then how one of them failed."""
    mailbox = Mailbox(_Clock())
    notices: list[Notice] = [_concluded(), Failed(DeliveryError("x"))]
    for notice in notices:
        mailbox.post(notice)
    assert [notices, []] == [mailbox.notices(), mailbox.notices()]


@pytest.mark.parametrize("for_input", [True, False])
def test_wait_when_a_notice_or_a_stop_comes_then_it_ends(for_input: bool) -> None:
    """Whether or not input is wanted."""
    for wake in (lambda mailbox: mailbox.post(_concluded()), lambda mailbox: mailbox.stop()):
        clock = _Clock()
        mailbox = Mailbox(clock)
        clock.steps = [lambda: None, lambda wake=wake, mailbox=mailbox: wake(mailbox)]  # type: ignore[misc]
        mailbox.wait(for_input=for_input, until=None)
        assert [None, None] == clock.waits
        mailbox.wait(for_input=for_input, until=None)
        assert [None, None] == clock.waits


def test_wait_when_input_is_there_then_it_ends_only_if_that_is_wanted() -> None:
    """A pipeline without room waits for the workers, not for more to do."""
    clock = _Clock()
    mailbox = Mailbox(clock)
    mailbox.offer(EndOfInput())
    mailbox.wait(for_input=True, until=None)
    mailbox.wait(for_input=False, until=5.0)
    assert ([5.0], 5.0) == (clock.waits, clock.time)


def test_wait_when_the_moment_has_passed_then_it_ends_at_once() -> None:
    """A moment in the past is no reason to wait."""
    clock = _Clock()
    clock.time = 9.0
    Mailbox(clock).wait(for_input=True, until=5.0)
    assert [] == clock.waits
