"""Who holds what while contacts are written: nobody waits for somebody who waits for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable

from hypothesis import given, settings, strategies as st

from destination_intercom.contacts.turns import Turn, Waits
from destination_intercom.delivery.tasks import Acquire, Release
from unit_tests.keys import by_email
from unit_tests.task_bench import Bench


def test_turn_when_it_takes_another_contact_leaves_the_first() -> None:
    """One at most; the same one is not taken twice."""
    bench, turn = Bench(), Turn()
    for contact_id in ("1", "1", "2"):
        bench.drive(turn.take_contact(contact_id))
        assert [contact_id] == bench.held
    bench.drive(turn.leave())
    assert [] == bench.held


def test_turn_when_it_takes_an_address_leaves_its_contact_first() -> None:
    """An address comes before a contact, and is kept with it."""
    bench, turn = Bench(), Turn()
    bench.drive(turn.take_contact("1"))
    bench.drive(turn.take_address("a@example.com"))
    assert [by_email("a@example.com")] == bench.held
    bench.drive(turn.take_contact("1"))
    assert [by_email("a@example.com"), "1"] == bench.held
    bench.drive(turn.take_address("a@example.com"))
    assert [by_email("a@example.com")] == bench.held
    bench.drive(turn.take_address("b@example.com"))
    assert [by_email("b@example.com")] == bench.held
    bench.drive(turn.take_address(None))
    assert [] == bench.held


Wish = tuple[str, str]
WISHES = st.lists(
    st.one_of(
        st.tuples(st.just("contact"), st.sampled_from("123")),
        st.tuples(st.just("address"), st.sampled_from("ab")),
        st.tuples(st.just("leave"), st.just("")),
    ),
    max_size=8,
)


def carry_out(wishes: list[Wish]) -> Waits:
    """What one task takes, in this order."""
    turn = Turn()
    for what, name in wishes:
        if what == "contact":
            yield from turn.take_contact(name)
        elif what == "address":
            yield from turn.take_address(name)
        else:
            yield from turn.leave()
    yield from turn.leave()


@settings(deadline=None, max_examples=300)
@given(st.lists(WISHES, min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_turns_when_many_tasks_take_whatever_they_want_all_come_to_an_end(
    tasks: list[list[Wish]], random: st.DrawFn
) -> None:
    """Whoever waits gets it in the end: no circle of tasks that wait for one another."""
    running = {number: carry_out(wishes) for number, wishes in enumerate(tasks)}
    held: dict[Hashable, int] = {}
    waiting: dict[Hashable, deque[int]] = {}
    ready = list(running)
    while ready:
        number = ready.pop(random.randrange(len(ready)))  # type: ignore[attr-defined]
        try:
            step = next(running[number])
        except StopIteration:
            del running[number]
            continue
        if isinstance(step, Acquire) and step.name in held:
            assert held[step.name] != number, "it waits for itself"
            waiting.setdefault(step.name, deque()).append(number)
            continue
        if isinstance(step, Acquire):
            held[step.name] = number
        if isinstance(step, Release):
            del held[step.name]
            if waiting.get(step.name):
                heir = waiting[step.name].popleft()
                held[step.name] = heir
                ready.append(heir)
        ready.append(number)
    assert {} == running
    assert {} == held
