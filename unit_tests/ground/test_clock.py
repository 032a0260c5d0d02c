"""The real clock, and the tests' own: time that advances by itself, in order, and finds deadlocks."""

from __future__ import annotations

import threading
import time

import pytest

from destination_intercom.clock import Clock, SystemClock
from integration_tests.support.virtual_clock import START, Deadlock, VirtualClock

MOMENT = 0.02


@pytest.mark.parametrize("clock", [SystemClock(), VirtualClock()], ids=["system", "virtual"])
def test_clock_when_slept_on_has_moved_on(clock: Clock) -> None:
    """`now` and `wall` count seconds, and a sleep lasts as long as it says."""
    clock = type(clock)()
    began, began_wall = clock.now(), clock.wall()
    clock.sleep(MOMENT)
    assert clock.now() - began >= MOMENT
    assert clock.wall() - began_wall >= MOMENT / 2


def test_system_clock_when_read_tells_the_time() -> None:
    """`wall` is unix time, `now` never goes back."""
    clock = SystemClock()
    assert abs(clock.wall() - time.time()) < 5.0
    moments = [clock.now() for _ in range(1000)]
    assert sorted(moments) == moments


def test_system_condition_when_notified_wakes_and_when_not_times_out() -> None:
    """A wait ends with a notification, or else with its time-out, and says which."""
    clock = SystemClock()
    condition = clock.condition()
    woken: list[bool] = []
    waiting = threading.Event()

    def wait() -> None:
        with condition:
            waiting.set()
            woken.append(condition.wait(30.0))

    clock.start("waiter", wait)
    assert waiting.wait(30.0)
    with condition:
        condition.notify_all()
    deadline = time.monotonic() + 30.0
    while not woken and time.monotonic() < deadline:
        clock.sleep(0.001)
    assert [True] == woken
    with condition:
        assert not condition.wait(MOMENT)


def test_system_condition_when_entered_twice_by_one_thread_does_not_block() -> None:
    """A signal handler runs in the thread that may hold the lock already."""
    condition = SystemClock().condition()
    with condition, condition:
        condition.notify_all()
        condition.notify()
    with condition:
        assert not condition.wait(0.0)


def test_system_thread_when_started_is_a_daemon_with_its_name() -> None:
    """No thread of ours keeps a process alive."""
    told: list[tuple[str, bool]] = []
    done = threading.Event()

    def tell() -> None:
        thread = threading.current_thread()
        told.append((thread.name, thread.daemon))
        done.set()

    SystemClock().start("reader", tell)
    assert done.wait(30.0)
    assert [("reader", True)] == told


def test_virtual_time_when_nobody_waits_stands_still() -> None:
    """Work takes no time; only waiting does."""
    clock = VirtualClock()
    assert START == clock.now()
    clock.condition().notify_all()
    assert START == clock.now()


def test_virtual_time_when_long_takes_no_real_time() -> None:
    """A day passes in a moment."""
    clock = VirtualClock()
    began = time.monotonic()
    clock.sleep(86400.0)
    assert START + 86400.0 == clock.now()
    assert time.monotonic() - began < 10.0


def test_virtual_sleepers_when_several_wake_in_the_order_of_their_time() -> None:
    """The earliest deadline comes first, and each sees its own moment."""
    clock = VirtualClock()
    woken: list[tuple[float, float]] = []

    def sleeper(seconds: float) -> None:
        clock.sleep(seconds)
        woken.append((seconds, clock.now() - START))

    for seconds in (3.0, 1.0, 2.0, 0.0):
        clock.start(f"sleeps {seconds}", lambda seconds=seconds: sleeper(seconds))  # type: ignore[misc]
    clock.sleep(5.0)
    assert [(0.0, 0.0), (1.0, 1.0), (2.0, 2.0), (3.0, 3.0)] == woken


def test_virtual_sleepers_of_one_moment_wake_in_the_order_of_their_coming() -> None:
    """What begins to wait first is woken first."""
    clock = VirtualClock()
    woken: list[int] = []

    def sleeper(number: int) -> None:
        clock.sleep(number * 0.1)
        clock.sleep(10.0 - number * 0.1)
        woken.append(number)

    for number in range(4):
        clock.start(f"sleeper {number}", lambda number=number: sleeper(number))  # type: ignore[misc]
    clock.sleep(11.0)
    assert [0, 1, 2, 3] == woken


def test_virtual_wait_when_notified_ends_before_its_time() -> None:
    """A notification wakes at the moment of the notifier, and the wait says so."""
    clock = VirtualClock()
    condition = clock.condition()
    told: list[tuple[bool, float]] = []

    def wait() -> None:
        with condition:
            told.append((condition.wait(100.0), clock.now() - START))

    clock.start("waiter", wait)
    clock.sleep(2.0)
    with condition:
        condition.notify()
    clock.sleep(0.0)
    assert [(True, 2.0)] == told


def test_virtual_wait_when_not_notified_says_so_at_its_deadline() -> None:
    """A time-out is no notification."""
    clock = VirtualClock()
    condition = clock.condition()
    with condition:
        assert not condition.wait(7.0)
    assert START + 7.0 == clock.now()


def test_virtual_notification_when_one_is_wanted_wakes_one_only() -> None:
    """`notify` wakes whoever has waited longest."""
    clock = VirtualClock()
    condition = clock.condition()
    told: list[tuple[int, bool]] = []

    def wait(number: int) -> None:
        clock.sleep(number * 0.1)
        with condition:
            told.append((number, condition.wait(50.0)))

    for number in range(3):
        clock.start(f"waiter {number}", lambda number=number: wait(number))  # type: ignore[misc]
    clock.sleep(1.0)
    with condition:
        condition.notify()
    clock.sleep(1.0)
    assert [(0, True)] == told


def test_virtual_clock_when_all_wait_for_ever_raises_in_every_thread() -> None:
    """A deadlock is an error at once, not a test that hangs."""
    clock = VirtualClock()
    condition = clock.condition()
    raised: list[str] = []

    def wait() -> None:
        try:
            with condition:
                condition.wait()
        except Deadlock:
            raised.append("there")
            raise

    clock.start("waiter", wait)
    with condition, pytest.raises(Deadlock):
        condition.wait()
    with condition, pytest.raises(Deadlock):
        condition.wait(1.0)
    deadline = time.monotonic() + 30.0
    while not raised and time.monotonic() < deadline:
        time.sleep(0.001)
    assert ["there"] == raised


def test_virtual_clock_when_the_last_running_thread_ends_moves_on() -> None:
    """A thread that has ended counts no longer as one that runs."""
    clock = VirtualClock()
    clock.start("short", lambda: None)
    clock.sleep(1.0)
    assert START + 1.0 == clock.now()
    condition = clock.condition()
    clock.start("short too", lambda: None)
    with condition, pytest.raises(Deadlock):
        condition.wait()


def test_virtual_condition_when_waited_on_frees_all_of_its_lock() -> None:
    """A lock that was entered twice is free during the wait, and held twice after it."""
    clock = VirtualClock()
    condition = clock.condition()
    entered: list[float] = []

    def enter() -> None:
        clock.sleep(1.0)
        with condition:
            entered.append(clock.now() - START)
            condition.notify_all()

    clock.start("other", enter)
    with condition, condition:
        assert condition.wait(9.0)
    assert [1.0] == entered
