"""When contacts had been updated before a replay wrote to them."""

from __future__ import annotations

import pytest

from destination_intercom.contacts.earlier import EarlierUpdates
from destination_intercom.contacts.known import KnownContact

BEGAN = 1_000_000.0


def contact(number: int, updated_at: int | None) -> KnownContact:
    """A contact as Intercom shows it."""
    return KnownContact(f"c{number}", updated_at=updated_at)


@pytest.mark.parametrize(
    ("updated_at", "rejected_at", "superseded"),
    [
        (100, 99.9, True),
        (100, 100.0, False),
        # Intercom's seconds are whole: what was updated in that second may have been before.
        (100, 100.5, False),
        (100, 200.0, False),
        (int(BEGAN) + 5, 200.0, True),
        (None, 200.0, False),
        (100, None, False),
    ],
)
def test_supersede_when_compared_then_only_a_later_update_does(
    updated_at: int | None, rejected_at: float | None, *, superseded: bool
) -> None:
    """Also one that came while the replay was under way, and before it wrote to the contact."""
    assert superseded is EarlierUpdates(BEGAN).supersede(contact(1, updated_at), rejected_at)


def test_supersede_when_nothing_is_sent_again_then_never() -> None:
    """A sync has no rejected rows."""
    assert not EarlierUpdates().supersede(contact(1, 100), 1.0)


def test_supersede_when_the_replay_has_written_then_its_own_update_does_not_count() -> None:
    """What the contact was before is remembered."""
    earlier = EarlierUpdates(BEGAN)
    assert not earlier.supersede(contact(1, 100), 150.0)
    assert not earlier.supersede(contact(1, int(BEGAN) + 1), 160.0)
    assert earlier.supersede(contact(1, int(BEGAN) + 1), 50.0)


def test_supersede_when_a_row_was_superseded_then_the_contact_is_looked_at_anew() -> None:
    """Nobody has written to it, so that its newest time counts."""
    earlier = EarlierUpdates(BEGAN)
    assert earlier.supersede(contact(1, 100), 50.0)
    assert earlier.supersede(contact(1, 300), 200.0)


def test_supersede_when_the_replay_has_made_the_contact_then_never() -> None:
    """Whatever its time says."""
    earlier = EarlierUpdates(BEGAN)
    earlier.note_own("c1")
    assert not earlier.supersede(contact(1, int(BEGAN) + 1), 50.0)


@pytest.mark.parametrize(("updated_at", "superseded"), [(int(BEGAN) - 1, True), (int(BEGAN), False), (None, False)])
def test_supersede_when_the_replay_may_have_made_the_contact_then_only_an_update_before_it_began_counts(
    updated_at: int | None, *, superseded: bool
) -> None:
    """Others may have made it a moment before."""
    earlier = EarlierUpdates(BEGAN)
    earlier.claim(contact(1, updated_at))
    assert superseded is earlier.supersede(contact(1, updated_at), 50.0)


def test_supersede_when_the_contact_is_not_fresh_then_it_is_to_be_read_and_its_newest_time_counts() -> None:
    """The search lags."""
    earlier = EarlierUpdates(BEGAN)
    assert not earlier.supersede(contact(1, 100), 150.0, is_fresh=False)
    assert earlier.is_to_be_read("c1", 150.0)
    assert not earlier.is_to_be_read("c1", None)
    assert earlier.supersede(contact(1, 160), 150.0)
    assert not earlier.supersede(contact(1, 160), 170.0)
    assert not earlier.is_to_be_read("c1", 170.0)


@pytest.mark.parametrize(("updated_at", "superseded"), [(int(BEGAN) - 1, True), (int(BEGAN), False)])
def test_supersede_when_a_replay_is_continued_then_updates_since_its_beginning_do_not_count(
    updated_at: int, *, superseded: bool
) -> None:
    """They are taken for its own."""
    assert superseded is EarlierUpdates(BEGAN, continues=True).supersede(contact(1, updated_at), 100.0)


def test_supersede_when_more_contacts_were_written_than_are_remembered_then_no_second_row_is_lost() -> None:
    """What is forgotten counts as the replay's own if it was updated since it began; older updates count as ever."""
    earlier = EarlierUpdates(BEGAN, most_contacts=2)
    for number in range(2):
        assert not earlier.supersede(contact(number, 100), 150.0)
    assert earlier.supersede(contact(7, int(BEGAN) + 1), 160.0)
    assert not earlier.supersede(contact(2, 100), 150.0)
    assert not earlier.supersede(contact(0, int(BEGAN) + 1), 160.0)
    assert earlier.supersede(contact(8, int(BEGAN) - 1), 160.0)
