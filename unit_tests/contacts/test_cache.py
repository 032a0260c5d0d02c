"""What a run remembers: bounded, and what it forgets costs calls only."""

from __future__ import annotations

from hypothesis import given, settings, strategies as st

from destination_intercom import outcomes
from destination_intercom.bounded import Bounded
from destination_intercom.contacts.cache import SEARCH_LAG_SECONDS, ContactCache, WrittenContacts
from destination_intercom.contacts.diff import KnownContact
from destination_intercom.outcomes import Refusal, rejected
from unit_tests.keys import by_email, by_id
from unit_tests.task_bench import FakeTime


def contact(contact_id: str) -> KnownContact:
    """A contact with a value of each kind."""
    return KnownContact(contact_id, "user", "k", "k@example.com", {"name": contact_id}, {"plan": "p"})


def test_memory_when_full_forgets_the_oldest() -> None:
    """Noting again makes an entry the newest; beyond the capacity the oldest goes."""
    memory: Bounded[str, int] = Bounded(2)
    memory.note("a", 1)
    memory.note("b", 2)
    memory.note("a", 3)
    memory.note("c", 4)
    assert [3, None, 4] == [memory.get(key) for key in "abc"]
    assert [True, False, True] == [key in memory for key in "abc"]
    memory.forget("a")
    memory.forget("never there")
    memory.note("d", 5)
    assert [None, 4, 5] == [memory.get(key) for key in "acd"]


def test_written_contacts_when_too_many_keep_the_young_ones_ids() -> None:
    """The values go first: such a contact is known, and always sent."""
    time = FakeTime()
    written = WrittenContacts(time.now, capacity=2)
    for name in "abc":
        written.note(by_id(name), contact(name))
    assert KnownContact("a") == written.get(by_id("a"))
    assert contact("b") == written.get(by_id("b"))
    assert contact("c") == written.get(by_id("c"))
    assert all(by_id(name) in written for name in "abc")


def test_written_contact_when_written_again_is_whole_again() -> None:
    """And the next oldest loses its values in its place."""
    written = WrittenContacts(FakeTime().now, capacity=2)
    for name in "abca":
        written.note(by_id(name), contact(name))
    assert contact("a") == written.get(by_id("a"))
    bare = written.get(by_id("b"))
    assert bare is not None
    assert bare.values is None


def test_written_contact_when_written_again_in_time_outlasts_one_that_was_written_between() -> None:
    """The last write counts: a person who comes again and again is the last to lose their values."""
    written = WrittenContacts(FakeTime().now, capacity=2)
    for name in "abac":
        written.note(by_id(name), contact(name))
    assert [contact("a"), KnownContact("b"), contact("c")] == [written.get(by_id(name)) for name in "abc"]


def test_written_contact_when_older_than_ten_minutes_is_forgotten_where_there_is_no_room() -> None:
    """By then the search shows it."""
    time = FakeTime()
    written = WrittenContacts(time.now, capacity=1)
    written.note(by_id("a"), contact("a"))
    written.note(by_id("b"), contact("b"))
    time.seconds += SEARCH_LAG_SECONDS
    written.note(by_id("c"), contact("c"))
    assert by_id("a") in written
    assert by_id("b") in written
    time.seconds += 1.0
    written.note(by_id("d"), contact("d"))
    assert ["c", "d"] == [name for name in "abcd" if by_id(name) in written]


def test_written_contact_when_there_is_room_is_kept_however_old() -> None:
    """What this run wrote is known better than by any search."""
    time = FakeTime()
    written = WrittenContacts(time.now, capacity=2)
    written.note(by_id("a"), contact("a"))
    time.seconds += 100 * SEARCH_LAG_SECONDS
    written.note(by_id("b"), contact("b"))
    assert contact("a") == written.get(by_id("a"))


def test_written_contact_when_forgotten_is_gone_from_both_shelves() -> None:
    """With its values and without."""
    written = WrittenContacts(FakeTime().now, capacity=1)
    written.note(by_id("a"), contact("a"))
    written.note(by_id("b"), contact("b"))
    for name in ("a", "b", "never there"):
        written.forget(by_id(name))
        assert by_id(name) not in written
        assert None is written.get(by_id(name))


def test_written_contact_when_forgotten_takes_no_room_any_more() -> None:
    """What was written before it keeps its values."""
    written = WrittenContacts(FakeTime().now, capacity=2)
    for name in "ab":
        written.note(by_id(name), contact(name))
    written.forget(by_id("b"))
    written.note(by_id("c"), contact("c"))
    assert [contact("a"), None, contact("c")] == [written.get(by_id(name)) for name in "abc"]


def test_written_contact_when_one_of_its_keys_is_forgotten_is_known_under_the_others() -> None:
    """Keys are names of a contact: that one of them leads elsewhere by now says nothing of the others."""
    written = WrittenContacts(FakeTime().now)
    for key in (by_id("k"), by_email("k@example.com")):
        written.note(key, contact("1"))
    written.forget(by_id("k"))
    assert None is written.get(by_id("k"))
    assert contact("1") == written.get(by_email("k@example.com"))
    written.forget(by_email("k@example.com"))
    assert by_email("k@example.com") not in written


def test_written_contact_when_its_key_leads_to_another_by_now_is_kept_when_the_first_one_goes() -> None:
    """Somebody was made anew under the same key; that the first contact is forgotten is none of their business."""
    time = FakeTime()
    written = WrittenContacts(time.now, capacity=1)
    written.note(by_email("k@example.com"), contact("first"))
    written.note(by_id("k"), contact("first"))
    written.note(by_id("k"), contact("second"))
    time.seconds += SEARCH_LAG_SECONDS + 1.0
    written.note(by_id("k"), contact("second"))
    assert by_email("k@example.com") not in written
    assert contact("second") == written.get(by_id("k"))


def test_written_contact_while_the_slowest_search_may_not_show_it_is_known() -> None:
    """The search lags by up to minutes, says Intercom; nobody has seen it lag longer than ten."""
    time = FakeTime()
    written = WrittenContacts(time.now, capacity=1)
    for name in "abc":
        written.note(by_id(name), contact(name))
        time.seconds += 290.0
    assert KnownContact("a") == written.get(by_id("a"))


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.floats(0, 400)), max_size=60), st.integers(1, 4))
def test_written_contacts_never_forget_a_young_one_and_never_hold_too_many_values(
    steps: list[tuple[str, float]], capacity: int
) -> None:
    """Whatever is written when: ten minutes are kept, values only of the newest."""
    time = FakeTime()
    written = WrittenContacts(time.now, capacity=capacity)
    moments: dict[str, float] = {}
    for name, seconds in steps:
        time.seconds += seconds
        written.note(by_id(name), contact(name))
        moments[name] = time.seconds
        young = {each for each, moment in moments.items() if time.seconds - moment < SEARCH_LAG_SECONDS}
        assert all(by_id(each) in written for each in young)
        held = [known for each in moments if (known := written.get(by_id(each))) is not None]
        assert sum(known.values is not None for known in held) <= capacity
        assert contact(name) == written.get(by_id(name))
        assert len(held) <= capacity + len(young) + 1


def test_people_of_a_sync_of_ten_thousand_are_all_remembered() -> None:
    """Whoever comes again is compared, and costs no call where nothing differs."""
    cache = ContactCache(FakeTime().now)
    for number in range(10_000):
        cache.note_written(by_id(f"k{number}"), contact(f"{number}"))
        cache.unknown.note(by_id(f"stranger {number}"), rejected(outcomes.UNKNOWN_USER))
        cache.unrestorable.note(f"archived {number}", Refusal(400))
    assert contact("0") == cache.written.get(by_id("k0"))
    assert by_id("stranger 0") in cache.unknown
    assert "archived 0" in cache.unrestorable


def test_person_when_written_is_no_stranger_any_more() -> None:
    """A person whose events were refused can be known later in the same run."""
    cache = ContactCache(FakeTime().now)
    cache.unknown.note(by_id("k"), rejected(outcomes.UNKNOWN_USER))
    cache.note_written(by_id("k"), contact("1"))
    assert by_id("k") not in cache.unknown
    assert contact("1") == cache.written.get(by_id("k"))
