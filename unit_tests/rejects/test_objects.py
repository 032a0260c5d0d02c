"""Which objects are meant by what a person names, and how often a storage is asked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from destination_intercom.errors import ConfigurationError, InputError, StorageError
from destination_intercom.rejects.objects import READ_TRIES, find_objects
from integration_tests.support.fake_storage import FakeStorage
from integration_tests.support.virtual_clock import VirtualClock


@pytest.fixture
def clock() -> VirtualClock:
    """Make a clock on which waiting takes no time."""
    return VirtualClock()


def test_folder_when_named_then_all_its_files_are_meant_but_hidden_ones(tmp_path: Path, clock: VirtualClock) -> None:
    """Also those of the folders below, each once, however often it is named."""
    for name in ("b/users/2.jsonl", "b/users/1.jsonl.gz", "a.jsonl", ".hidden", "b/.cache/x"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    found = find_objects([str(tmp_path), str(tmp_path / "a.jsonl")], None, clock=clock)
    names = [each.name.removeprefix(f"{tmp_path}/") for each in found]
    assert ["a.jsonl", "b/users/1.jsonl.gz", "b/users/2.jsonl"] == names
    assert [name.encode() for name in names] == [each.read(0, each.size) for each in found]
    assert b"jsonl" == found[0].read(2, 100)


def test_file_when_it_is_gone_before_it_is_read_then_the_error_names_it(tmp_path: Path, clock: VirtualClock) -> None:
    """Hours may lie between its pieces."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"x")
    (found,) = find_objects([str(path)], None, clock=clock)
    path.unlink()
    with pytest.raises(InputError, match=r"a\.jsonl cannot be read \(No such file or directory\)"):
        found.read(0, 1)


def test_pipe_when_named_then_the_error_says_that_it_is_read_twice(tmp_path: Path, clock: VirtualClock) -> None:
    """As a shell makes one of <(…)."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigurationError, match="which is read twice"):
        find_objects([str(tmp_path / "pipe")], None, clock=clock)


def test_prefix_when_named_then_all_objects_below_it_are_meant(clock: VirtualClock) -> None:
    """And no others; an object of its own name is meant by itself."""
    storage = FakeStorage(clock)
    storage.objects = {"a/1": b"one", "a/2": b"two", "ab": b"three", "a/empty": b""}
    assert ["s3://refused/a/1", "s3://refused/a/2"] == names_of(["s3://refused/a/"], storage, clock)
    assert ["s3://refused/ab"] == names_of(["s3://refused/ab"], storage, clock)
    assert ["s3://refused/a/1", "s3://refused/a/2", "s3://refused/ab"] == names_of(["s3://refused"], storage, clock)


def names_of(names: list[str], storage: FakeStorage, clock: VirtualClock) -> list[str]:
    """The names of the objects that are meant."""
    return [each.name for each in find_objects(names, storage, clock=clock)]


class Failing(FakeStorage):
    """A storage of which reading fails so many times."""

    def __init__(self, clock: VirtualClock, failures: int, refusal: str | None = None) -> None:
        super().__init__(clock)
        self.objects = {"a": b"one"}
        self.asked = 0
        self._failures = failures
        self._refusal = refusal

    def read(self, key: str, offset: int, size: int) -> bytes:
        self.asked += 1
        if self.asked <= self._failures:
            raise StorageError("status 503, code SlowDown", refusal=self._refusal)
        return super().read(key, offset, size)


def test_storage_when_it_fails_for_a_while_then_it_is_asked_again(clock: VirtualClock) -> None:
    """Each time after a longer pause."""
    storage, began = Failing(clock, READ_TRIES - 1), clock.now()
    assert ["s3://refused/a"] == names_of(["s3://refused/a"], storage, clock)
    assert READ_TRIES == storage.asked
    assert clock.now() > began


@pytest.mark.parametrize(("refusal", "times"), [(None, READ_TRIES), ("The object storage refuses it.", 1)])
def test_storage_when_it_goes_on_failing_then_the_error_says_how(
    clock: VirtualClock, refusal: str | None, times: int
) -> None:
    """A refusal stays one, however often it is asked."""
    storage = Failing(clock, 100, refusal)
    with pytest.raises(
        InputError, match=r"s3://refused/a cannot be read \(status 503, code SlowDown\): check its name"
    ):
        names_of(["s3://refused/a"], storage, clock)
    assert times == storage.asked
