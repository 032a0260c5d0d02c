"""What a run remembers: bounded, and what it forgets costs calls only."""

from __future__ import annotations

import tracemalloc
from array import array
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings, strategies as st

from destination_intercom import outcomes
from destination_intercom.bounded import Bounded
from destination_intercom.contacts.cache import (
    MOST_BYTES,
    SEARCH_LAG_SECONDS,
    ContactCache,
    WrittenContacts,
    _Entry,
    _key_size,
)
from destination_intercom.contacts.known import ContactReader, ShownLinks
from destination_intercom.outcomes import Refusal, rejected
from unit_tests.keys import by_email, by_id
from unit_tests.task_bench import FakeTime, Names, contact


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


ONE = _Entry(contact("a")).size + _key_size(by_id("a"))
"""The bytes that are counted for a contact of one key of one letter."""


def room_for(contacts: int, time: FakeTime | None = None) -> WrittenContacts:
    """Written contacts with room for so many."""
    return WrittenContacts((time or FakeTime()).now, most_bytes=contacts * ONE)


def test_written_contacts_when_there_are_too_many_drop_the_ones_that_were_written_longest_ago() -> None:
    """Written again, a contact is the newest."""
    written = room_for(2)
    for name in "abac":
        written.note(by_id(name), contact(name))
    assert [True, False, True] == [by_id(name) in written for name in "abc"]
    assert contact("a") == written.get(by_id("a"))
    assert None is written.get(by_id("b"))


@pytest.mark.parametrize("linked", ["companies", "tags"])
def test_written_contact_when_it_shows_companies_or_tags_takes_room_for_them(linked: str) -> None:
    """Two fit in without them, and one with a hundred of them."""
    links = ShownLinks(array("q", range(100)), has_more=False)
    cases: list[tuple[dict[str, Any], list[bool]]] = [({}, [True, True]), ({linked: links}, [False, True])]
    for more, expected in cases:
        cache = room_for(2)
        for name in "ab":
            cache.note(by_id(name), replace(contact(name), **more))
        assert expected == [by_id(name) in cache for name in "ab"]


def test_written_contacts_when_a_young_one_had_to_go_doubt_whoever_is_not_there() -> None:
    """For as long as the search may be behind what was written to it; who is there is known."""
    time = FakeTime()
    written = room_for(2, time)
    for name in "ab":
        written.note(by_id(name), contact(name))
        time.seconds += 100.0
    assert not written.is_doubtful(by_id("stranger"))
    written.note(by_id("c"), contact("c"))
    assert [True, False, False, True] == [written.is_doubtful(by_id(name)) for name in ("a", "b", "c", "stranger")]
    time.seconds += SEARCH_LAG_SECONDS - 200.0
    assert not written.is_doubtful(by_id("a"))


def test_written_contacts_when_only_old_ones_had_to_go_doubt_nobody() -> None:
    """By then the search shows them."""
    time = FakeTime()
    written = room_for(1, time)
    written.note(by_id("a"), contact("a"))
    time.seconds += SEARCH_LAG_SECONDS
    written.note(by_id("b"), contact("b"))
    assert not written.is_doubtful(by_id("a"))


def test_written_contact_when_older_than_ten_minutes_is_believed_no_longer() -> None:
    """Somebody may have deleted or changed it since; what it had can still be asked for."""
    time = FakeTime()
    written = room_for(2, time)
    written.note(by_id("a"), contact("a"))
    time.seconds += SEARCH_LAG_SECONDS - 1.0
    assert contact("a") == written.get(by_id("a"))
    time.seconds += 1.0
    assert by_id("a") not in written
    assert (None, None) == (written.get(by_id("a")), written.by_id("a"))
    assert contact("a") == written.get(by_id("a"), of_any_age=True) == written.by_id("a", of_any_age=True)


def test_written_contact_when_several_keys_lead_to_it_is_the_same_by_each() -> None:
    """What is written under one of them is known under the other; forgotten, a key takes no other with it."""
    written = room_for(9)
    written.note(by_id("a"), contact("1"))
    written.note(by_id("b"), contact("1", name="newer"))
    assert contact("1", name="newer") == written.get(by_id("a"))
    written.forget(by_id("a"))
    assert [False, True] == [by_id(name) in written for name in "ab"]
    written.forget(by_id("b"))
    assert None is written.by_id("1", of_any_age=True)


def test_written_contact_when_its_key_leads_to_another_is_not_found_by_it_any_more() -> None:
    """A person who was created anew has a new contact."""
    written = room_for(9)
    written.note(by_id("a"), contact("1"))
    written.note(by_id("a"), contact("2"))
    assert contact("2") == written.get(by_id("a"))
    assert None is written.by_id("1")


def test_written_contact_when_forgotten_takes_no_room_any_more() -> None:
    """What was written before it stays."""
    written = room_for(2)
    for name in "ab":
        written.note(by_id(name), contact(name))
    written.forget(by_id("b"))
    written.note(by_id("c"), contact("c"))
    assert [contact("a"), None, contact("c")] == [written.get(by_id(name)) for name in "abc"]


def test_written_contact_when_dropped_is_known_by_none_of_its_keys_and_takes_no_room() -> None:
    """It is gone, whoever asks; others are not, and nobody is doubted for it."""
    written = room_for(3)
    for key in (by_id("a"), by_email("a@example.com")):
        written.note(key, contact("a"))
    written.note(by_id("b"), contact("b"))
    written.drop("a")
    written.drop("never there")
    assert [None, None] == [written.get(by_id("a")), written.get(by_email("a@example.com"))]
    assert not written.is_doubtful(by_id("a"))
    for name in "cd":
        written.note(by_id(name), contact(name))
    assert [True] * 3 == [by_id(name) in written for name in "bcd"]


def test_written_contact_when_its_key_leads_to_another_by_now_is_kept_when_the_first_one_goes() -> None:
    """Somebody was made anew under the same key; that the first contact is forgotten is none of their business."""
    written = room_for(2)
    written.note(by_email("k@example.com"), contact("1"))
    written.note(by_id("k"), contact("1"))
    written.note(by_id("k"), contact("2"))
    written.note(by_id("l"), contact("3"))
    assert by_email("k@example.com") not in written
    assert contact("2") == written.get(by_id("k"))


def test_written_contact_while_the_slowest_search_may_not_show_it_is_known() -> None:
    """The search lags by up to minutes, says Intercom; nobody has seen it lag longer than ten."""
    time = FakeTime()
    written = room_for(9, time)
    written.note(by_id("a"), contact("a"))
    time.seconds += 590.0
    assert contact("a") == written.get(by_id("a"))


STEPS = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("12345"), st.floats(0, 400)), max_size=60)


@settings(deadline=None)
@given(STEPS, st.integers(1, 4), st.sets(st.integers(0, 59)))
def test_written_contacts_never_exceed_their_bytes_and_never_drop_a_young_one_unnoticed(
    steps: list[tuple[str, str, float]], room: int, forgotten: set[int]
) -> None:
    """Whatever is written and forgotten when: a key is known, or doubtful, or nothing young was written under it."""
    time = FakeTime()
    written = room_for(room, time)
    moments: dict[str, tuple[float, str]] = {}
    for number, (name, contact_id, seconds) in enumerate(steps):
        time.seconds += seconds
        if number in forgotten:
            written.forget(by_id(name))
            moments.pop(name, None)
            continue
        written.note(by_id(name), contact(contact_id))
        moments[name] = (time.seconds, contact_id)
        for each, (moment, leads_to) in moments.items():
            is_young = time.seconds < moment + SEARCH_LAG_SECONDS
            known = written.get(by_id(each))
            assert known == contact(leads_to) if known else written.is_doubtful(by_id(each)) or not is_young
        held = {id(entry): entry for entry in written._entries.values()}
        assert sum(entry.size for entry in held.values()) == written._bytes
        assert written._bytes <= room * ONE or 1 == len(held)
        assert {key: contact_id for contact_id, entry in written._entries.items() for key in entry.keys} == written._ids


VALUES = 41


def test_written_contacts_when_they_have_forty_long_texts_take_the_bytes_that_are_counted_and_no_more() -> None:
    """100,000 of them fit; the texts themselves would take more than a gigabyte."""
    names = [f"attribute {number}" for number in range(VALUES - 1)]
    reader = ContactReader(Names(dict.fromkeys(names, "string"), fields=frozenset({"email"})))
    written, count = WrittenContacts(FakeTime().now), 1_000
    reader.read({"id": "0"})
    tracemalloc.start()
    try:
        for number in range(count):
            # As an answer brings them: no text is shared.
            shown = orjson.loads(
                orjson.dumps(
                    {
                        "id": f"{number:024x}",
                        "role": "user",
                        "external_id": f"person {number}",
                        "email": f"person{number}@example.com",
                        "custom_attributes": {name: f"{name} {number} ".ljust(200, "x") for name in names},
                    }
                )
            )
            written.note(by_id(orjson.loads(f'"person {number}"')), reader.read(shown))
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert taken <= written._bytes + 200_000
    assert 100_000 * written._bytes / count <= MOST_BYTES


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


def test_person_when_known_has_not_departed() -> None:
    """A deletion that follows asks anew."""
    cache = ContactCache(FakeTime().now)
    for note in (cache.note_known, cache.note_written):
        cache.departures.note(by_id("a"), "1")
        note(by_id("a"), contact("1"))
        assert by_id("a") not in cache.departures
