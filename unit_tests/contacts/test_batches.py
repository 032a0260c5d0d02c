"""Which contacts are looked up together, and when that begins."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from destination_intercom.contacts.batches import (
    LARGEST_SIZE,
    LONGEST_AGE,
    LONGEST_WAIT,
    PAUSE,
    ContactBatch,
    ContactBatches,
    Neighbourhood,
)
from destination_intercom.contacts.cache import WrittenContacts
from destination_intercom.contacts.known import KnownContact
from destination_intercom.contacts.lookup import MOST_KEYS
from destination_intercom.contacts.mapping import ContactChange
from destination_intercom.contacts.matching import Found
from destination_intercom.contacts.turns import Waits
from destination_intercom.delivery.tasks import Pause, Step
from destination_intercom.pipeline import MAX_BYTES_IN_FLIGHT
from unit_tests.keys import by_id
from unit_tests.task_bench import FakeTime


class Desk:
    """Batches, and those of them that were closed."""

    def __init__(self) -> None:
        self.written = WrittenContacts(FakeTime().now)
        self.closed: list[ContactBatch] = []
        self.batches = ContactBatches(written=self.written, look_up=self.closed.append)

    def due(self) -> float | None:
        """When the open batch closes by its age."""
        return self.batches.due

    def add(self, key: str, *, size: int = 1, now: float = 0.0, **fields: Any) -> ContactBatch | None:
        """Add a change of `key` as the pipeline does."""
        batch = self.batches.add(ContactChange(by_id(key), fields=fields, attributes={}), size=size, now=now)
        self.batches.close_if_full()
        return batch


def test_batch_when_it_has_150_keys_closes() -> None:
    """Not before; a key that comes twice counts once."""
    desk = Desk()
    first = desk.add("k0")
    for number in range(MOST_KEYS - 1):
        assert first is desk.add(f"k{number}")
    assert [] == desk.closed
    assert first is desk.add("last")
    assert [first] == desk.closed
    assert MOST_KEYS == len(desk.closed[0].emails)
    assert first is not desk.add("next")


def test_batch_when_it_is_large_closes_with_few_keys() -> None:
    """What waits for a batch takes memory."""
    desk = Desk()
    desk.add("a", size=LARGEST_SIZE - 1)
    assert [] == desk.closed
    desk.add("b")
    assert 1 == len(desk.closed)
    desk.add("c", size=LARGEST_SIZE - 1)
    assert 1 == len(desk.closed)


def test_batches_when_large_leave_room_for_others_beside_them() -> None:
    """Lookups overlap only while there is room to read the next batch; and it must close before reading stops."""
    assert 4 * LARGEST_SIZE <= MAX_BYTES_IN_FLIGHT


def test_batch_when_it_is_old_enough_closes_without_more_input() -> None:
    """Half a second of its own age, counted from its first key."""
    desk = Desk()
    assert None is desk.due()
    desk.add("a", now=10.0)
    desk.add("b", now=10.4)
    assert 10.0 + LONGEST_AGE == desk.due()
    desk.batches.close_if_due(10.0 + LONGEST_AGE - 0.01)
    assert [] == desk.closed
    desk.batches.close_if_due(10.0 + LONGEST_AGE)
    assert [[by_id("a"), by_id("b")]] == [list(batch.emails) for batch in desk.closed]
    assert None is desk.due()


def test_batch_when_one_before_it_waits_closes_not_by_its_age_but_by_its_number() -> None:
    """Our own back-pressure is no reason for small batches."""
    desk = Desk()
    desk.add("a", now=0.0)
    desk.batches.close_if_due(1.0)
    desk.add("b", now=1.0)
    assert None is desk.due()
    desk.batches.close_if_due(100.0)
    assert 1 == len(desk.closed)
    desk.batches.note_looked_up()
    assert 1.0 + LONGEST_AGE == desk.due()
    desk.batches.close_if_due(100.0)
    assert 2 == len(desk.closed)
    for number in range(MOST_KEYS):
        desk.add(f"k{number}", now=100.0)
    assert 3 == len(desk.closed)


def test_batch_when_the_input_has_ended_closes_at_once() -> None:
    """And without an open one nothing happens."""
    desk = Desk()
    desk.batches.close()
    assert [] == desk.closed
    desk.add("a")
    desk.batches.close()
    desk.batches.close()
    assert 1 == len(desk.closed)


def test_contact_when_this_run_has_written_it_is_not_looked_up() -> None:
    """We know better than the search."""
    desk = Desk()
    desk.written.note(by_id("a"), KnownContact("1"))
    assert None is desk.add("a")
    assert None is desk.due()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([{"email": "a@example.com"}, {"email": "b@example.com"}], "b@example.com"),
        ([{"email": "a@example.com"}, {"name": "N"}], "a@example.com"),
        ([{"name": "N"}, {"email": "b@example.com"}], "b@example.com"),
        ([{"email": None}], None),
    ],
)
def test_batch_when_a_key_comes_again_keeps_the_last_address(
    fields: list[dict[str, Any]], expected: str | None
) -> None:
    """The one that the merged change has."""
    desk = Desk()
    for each in fields:
        desk.add("a", **each)
    desk.batches.close()
    assert {by_id("a"): expected} == desk.closed[0].emails


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 400), st.sampled_from([1, 1000, LARGEST_SIZE // 3]), st.floats(0, 1), st.booleans()),
        max_size=600,
    )
)
def test_batches_lose_nothing_and_never_exceed_their_limits(steps: list[tuple[int, int, float, bool]]) -> None:
    """Each change waits for the batch that it was told, which is closed in the end and holds its key."""
    desk, now = Desk(), 0.0
    told: list[tuple[str, ContactBatch | None, int]] = []
    for number, size, seconds, looked_up in steps:
        now += seconds
        told.append((f"k{number}", desk.add(f"k{number}", size=size, now=now), size))
        if looked_up and len(desk.closed) > desk.batches._waiting - 1 and desk.batches._waiting:
            desk.batches.note_looked_up()
        desk.batches.close_if_due(now)
    desk.batches.close()
    for key, batch, _ in told:
        assert batch in desk.closed
        assert batch is not None
        assert by_id(key) in batch.emails
    assert len({id(batch) for batch in desk.closed}) == len(desk.closed)
    for batch in desk.closed:
        assert 1 <= len(batch.emails) <= MOST_KEYS
        sizes = [size for _, own, size in told if own is batch]
        assert sum(sizes[:-1]) < LARGEST_SIZE


class Street:
    """A batch of people, each with a contact, who wait for one another."""

    def __init__(self, *names: str) -> None:
        self.batch = ContactBatch(0.0)
        self.batch.emails.update({by_id(name): None for name in names})
        self.batch.found = {by_id(name): Found((KnownContact(f"of {name}"),)) for name in names}

    def wait(self, name: str, *others: str) -> Waits:
        """The steps in which `name` waits for the contacts of others, one after the other."""
        neighbours = Neighbourhood(self.batch, by_id(name))
        for other in others:
            yield from neighbours.wait_for(f"of {other}")
        self.batch.note_written(by_id(name))


def test_person_when_waiting_for_somebody_of_the_batch_goes_on_once_that_one_is_written() -> None:
    """And not before."""
    street = Street("a", "b")
    waiting = street.wait("a", "b")
    assert [PAUSE] * 3 == [pause_of(next(waiting)) for _ in range(3)]
    street.batch.note_written(by_id("b"))
    assert None is next(waiting, None)


def pause_of(step: Step) -> float:
    """The seconds of a pause."""
    assert isinstance(step, Pause)
    return step.seconds


@pytest.mark.parametrize("other", ["nobody of the batch", "a"])
def test_person_when_nobody_else_of_the_batch_has_the_contact_does_not_wait(other: str) -> None:
    """Nor for themselves."""
    assert [] == list(Street("a", "b").wait("a", other))


def test_person_when_waiting_for_one_who_was_written_does_not_wait() -> None:
    """It is done."""
    street = Street("a", "b")
    street.batch.note_written(by_id("b"))
    assert [] == list(street.wait("a", "b"))


def test_person_when_the_other_one_takes_long_waits_a_minute_at_most() -> None:
    """A call of theirs may be tried for minutes."""
    steps = list(Street("a", "b").wait("a", "b"))
    assert LONGEST_WAIT == sum(map(pause_of, steps))


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("abcdef"), min_size=1), st.randoms())
def test_people_when_they_wait_for_one_another_are_all_written_at_once_but_in_their_order(
    wishes: dict[str, str], random: Any
) -> None:
    """Chains go from their end, and a circle waits for nobody: no minute passes."""
    street = Street(*"abcdef")
    running = {name: street.wait(name, wishes[name]) if name in wishes else street.wait(name) for name in "abcdef"}
    order: list[str] = []
    rounds = 0
    while running:
        rounds += 1
        for name in random.sample(sorted(running), len(running)):
            if next(running[name], None) is None:
                del running[name]
                order.append(name)
    assert rounds <= 20
    for name, other in wishes.items():
        if not leads_back(wishes, name):
            assert order.index(other) <= order.index(name)


def leads_back(wishes: dict[str, str], name: str) -> bool:
    """Whether somebody for whom `name` waits, by others or not, waits in a circle."""
    seen: set[str] = set()
    while name in wishes and name not in seen:
        seen.add(name)
        name = wishes[name]
    return name in seen
