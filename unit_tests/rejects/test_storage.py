"""Names of objects and folders, and the proof that a storage can be written to."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import given, strategies as st

from destination_intercom.errors import ConfigurationError, StorageError
from destination_intercom.rejects.storage import LONGEST_NAME, name_segment, prefix_folder, prove, sync_folder
from integration_tests.support.fake_storage import DENIED, TIMEOUT, FakeStorage
from integration_tests.support.virtual_clock import START, VirtualClock

BEGAN = 1_767_225_600.9
TELLING = set(string.ascii_letters + string.digits + "-_.~% ")


@given(st.text(st.characters(), min_size=1))
def test_segment_when_written_then_it_is_one_part_of_a_name_and_short(name: str) -> None:
    """No slash, no folder of its own, nothing beyond ASCII, whatever a stream is called."""
    segment = name_segment(name)
    assert TELLING >= set(segment)
    assert 0 < len(segment) <= LONGEST_NAME
    assert segment not in {".", ".."}


@given(st.lists(st.text(st.characters(), min_size=1, max_size=300), min_size=2, max_size=2, unique=True))
def test_segments_when_names_differ_then_they_differ(names: list[str]) -> None:
    """Two streams never share a folder."""
    assert 2 == len({name_segment(name) for name in names})


def test_segment_when_names_are_long_and_differ_at_their_ends_then_they_differ() -> None:
    """What is cut off is told by a digest."""
    assert name_segment("x" * 500 + "a") != name_segment("x" * 500 + "b")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Song Plays", "Song Plays"), ("a/b", "a%2Fb"), ("..", "%2E%2E"), (".", "%2E"), ("a.b", "a.b"), ("é", "%C3%A9")],
)
def test_segment_when_the_name_is_ordinary_then_it_can_be_read(name: str, expected: str) -> None:
    """The docs tell which characters stay."""
    assert expected == name_segment(name)


@pytest.mark.parametrize(
    ("path", "expected"), [(None, ""), ("", ""), ("refused", "refused/"), ("a/b", "a/b/"), ("a/b/", "a/b/")]
)
def test_prefix_when_given_then_it_ends_in_one_slash(path: str | None, expected: str) -> None:
    """As Airbyte's link has it."""
    assert expected == prefix_folder(path)


@pytest.mark.parametrize(
    ("catalog", "expected"),
    [
        ({"streams": [{"sync_id": 12}, {"sync_id": 12}]}, "p/12/"),
        ({"streams": [{"sync_id": 0}]}, "p/0/"),
        ({"streams": [{"sync_id": None}]}, "p/2026-01-01T00-00-00Z/"),
        ({"streams": [{"sync_id": True}]}, "p/2026-01-01T00-00-00Z/"),
        ({"streams": [{"sync_id": "../x"}]}, "p/2026-01-01T00-00-00Z/"),
        ({"streams": [{}]}, "p/2026-01-01T00-00-00Z/"),
        ({"streams": []}, "p/2026-01-01T00-00-00Z/"),
        ({}, "p/2026-01-01T00-00-00Z/"),
        (None, "p/2026-01-01T00-00-00Z/"),
    ],
)
def test_folder_when_the_catalog_has_no_sync_id_then_the_start_stands_for_it(catalog: Any, expected: str) -> None:
    """An id is a whole number and nothing else, since it becomes a part of a name."""
    assert expected == sync_folder("p/", catalog, began_at=BEGAN)


def test_proof_when_the_storage_works_then_nothing_is_left_of_it() -> None:
    """An object of its own is put and deleted."""
    clock = VirtualClock()
    storage = FakeStorage(clock)
    assert None is prove(storage, "p/", clock=clock, seconds=8.0)
    assert ({}, 1) == (storage.objects, len(storage.deleted))
    assert storage.deleted[0].startswith("p/check_")


def test_proof_when_the_storage_fails_twice_then_it_is_tried_a_third_time() -> None:
    """A single failure says nothing."""
    clock = VirtualClock()
    storage = FakeStorage(clock, script=lambda number: TIMEOUT if number < 3 else None)
    assert None is prove(storage, "", clock=clock, seconds=60.0)
    assert 3 == len(storage.attempts)


@pytest.mark.parametrize(
    ("failure", "tries", "expected"),
    [
        (DENIED, 1, "The object storage refuses records."),
        (TIMEOUT, 3, "does not answer as it should (ReadTimeoutError)"),
    ],
    ids=["denied", "timeout"],
)
def test_proof_when_the_storage_cannot_be_written_then_the_user_learns_why(
    failure: StorageError, tries: int, expected: str
) -> None:
    """A refusal is final; the rest is tried three times."""
    clock = VirtualClock()
    storage = FakeStorage(clock, script=lambda _: failure)
    with pytest.raises(ConfigurationError) as caught:
        prove(storage, "", clock=clock, seconds=60.0)
    assert expected in caught.value.message
    assert tries == len(storage.attempts)


def test_proof_when_the_storage_is_slow_then_no_try_begins_beyond_the_time() -> None:
    """A check has seconds, not minutes."""
    clock = VirtualClock()
    storage = FakeStorage(clock, seconds=7.0, script=lambda _: TIMEOUT)
    with pytest.raises(ConfigurationError):
        prove(storage, "", clock=clock, seconds=8.0)
    assert clock.now() - START < 15.5


def test_proof_when_deleting_is_refused_then_it_only_warns() -> None:
    """The warning names the object that is left."""

    class Keeping(FakeStorage):
        def delete(self, key: str) -> None:
            raise StorageError("status 403, code AccessDenied", refusal="no")

    clock = VirtualClock()
    storage = Keeping(clock)
    warning = prove(storage, "p/", clock=clock, seconds=8.0)
    (key,) = storage.objects
    assert warning is not None
    assert (True, True) == (f"s3://refused/{key}" in warning, "AccessDenied" in warning)
