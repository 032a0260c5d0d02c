"""Who is remembered as live or as gone, and for how long."""

from __future__ import annotations

from destination_intercom.contacts.departures import MAX_PEOPLE, Departures, LiveRows
from unit_tests.keys import by_email, by_id

A, B, C = by_id("a"), by_id("b"), by_email("a")


def test_live_row_when_noted_is_known_under_its_own_key() -> None:
    """One text as a User ID and as an address is two keys."""
    live = LiveRows()
    live.note(A)
    assert live.has_any([B, A])
    assert not live.has_any([B, C])
    assert not live.has_any([])


def test_live_rows_when_there_are_too_many_are_the_last_ones() -> None:
    """A person whose row comes again is among the last."""
    live = LiveRows(2)
    for key in (A, B, A, C):
        live.note(key)
    assert [True, False, True] == [live.has_any([key]) for key in (A, B, C)]
    assert 100_000 == MAX_PEOPLE


def test_departure_when_it_is_over_is_so_for_the_person_and_the_contact() -> None:
    """Under another key, too, under which the person is there again."""
    departures = Departures()
    departures.note(A, "1")
    assert (True, "1", True) == (A in departures, departures.contact_of(A), departures.has_contact("1"))
    departures.end(B, "1")
    assert (False, None, False) == (A in departures, departures.contact_of(A), departures.has_contact("1"))


def test_contact_that_is_gone_was_each_of_its_keys_and_no_other() -> None:
    """What a person of another key is in the way of is not theirs."""
    departures = Departures()
    departures.note(A, "1", [C])
    assert [True, True, False] == [departures.was(key, "1") for key in (A, C, B)]
    assert not departures.was(A, "2")
    assert C not in departures


def test_departure_of_nobody_knows_who_it_was_is_one_of_the_person_alone() -> None:
    """It ends when the person is there, as whichever contact."""
    departures = Departures()
    departures.note(A, None)
    assert (True, None, False) == (A in departures, departures.contact_of(A), departures.has_contact(None))
    departures.end(B, "2")
    assert A in departures
    departures.end(A, "1")
    assert A not in departures


def test_departures_when_there_are_too_many_are_the_last_ones() -> None:
    """What is forgotten meets the archived contact as any other row does."""
    departures = Departures(2)
    for key, contact_id in ((A, "1"), (B, "2"), (C, "3")):
        departures.note(key, contact_id)
    assert [False, True, True] == [key in departures for key in (A, B, C)]
    assert not departures.has_contact("1")
