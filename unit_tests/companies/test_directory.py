"""What a run knows of companies: for how long, how much of it, and how one is made by its id."""

from __future__ import annotations

from typing import Any

import pytest

from destination_intercom import outcomes
from destination_intercom.companies.directory import BELIEVED_SECONDS, RACE_PAUSE_SECONDS, CompanyDirectory
from destination_intercom.delivery.tasks import Acquire, Release, UndeliverableError
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import FindCompany, UpdateCompany, UpsertCompany
from unit_tests.keys import by_company_id
from unit_tests.task_bench import ID, OTHER_ID, Bench, FakeTime, refusal

A = by_company_id("a")
ABSENT = refusal(404, "company_not_found")
RACE = refusal(400, "unique_company_constraint")


def shown(intercom_id: str = ID, **more: Any) -> Answer:
    """A company as an answer shows it."""
    return Answer(200, "json", {"type": "company", "id": intercom_id, **more})


@pytest.fixture
def time() -> FakeTime:
    """A time of its own."""
    return FakeTime()


@pytest.fixture
def directory(time: FakeTime) -> CompanyDirectory:
    """A directory of that time."""
    return CompanyDirectory(time.now)


def test_values_when_written_then_they_are_believed_for_ten_minutes(
    time: FakeTime, directory: CompanyDirectory
) -> None:
    """Others write companies, too. A value that was not written is not known."""
    directory.note_written(A, {"id": ID}, {"name": "Acme", "size": 7})
    assert directory.has(A, {"name": "Acme", "size": 7.0})
    assert not directory.has(A, {"name": "Acme", "size": 8})
    assert not directory.has(A, {"plan": None})
    assert not directory.has(by_company_id("b"), {})
    time.seconds += BELIEVED_SECONDS
    assert not directory.has(A, {"name": "Acme"})


def test_values_when_others_are_written_then_they_are_no_younger(time: FakeTime, directory: CompanyDirectory) -> None:
    """What was written nine minutes ago is not believed for ten more."""
    directory.note_written(A, {"id": ID}, {"name": "Acme"})
    time.seconds += BELIEVED_SECONDS - 1
    directory.note_written(A, {"id": ID}, {"size": 7})
    assert directory.has(A, {"name": "Acme", "size": 7})
    time.seconds += 1
    assert not directory.has(A, {"name": "Acme"})


def test_values_when_the_company_is_another_one_by_now_then_none_are_believed(directory: CompanyDirectory) -> None:
    """It was archived, and made anew."""
    directory.note_written(A, {"id": ID}, {"name": "Acme"})
    directory.note_written(A, {"id": OTHER_ID}, {"size": 7})
    assert not directory.has(A, {"name": "Acme"})


def test_companies_when_there_are_too_many_then_the_oldest_are_forgotten(time: FakeTime) -> None:
    """The memory is bounded, whatever comes."""
    directory = CompanyDirectory(time.now, most_bytes=5_000)
    keys = [by_company_id(f"c{number}") for number in range(100)]
    for key in keys:
        directory.note_written(key, {"id": ID}, {"name": "x"})
    known = [directory.has(key, {}) for key in keys]
    assert 0 < sum(known) < 10
    assert known[-1]
    assert sorted(known) == known


def test_company_when_found_for_the_first_time_then_it_is_made_by_its_id_and_never_again(
    directory: CompanyDirectory,
) -> None:
    """One call a run."""
    bench = Bench()
    assert (ID, [UpsertCompany({"company_id": "a"})], []) == bench.drive(directory.find("a"), shown())
    assert (ID, [], []) == bench.drive(directory.find("a"))
    assert [] == bench.held


def test_company_when_refused_then_it_is_not_asked_for_again(directory: CompanyDirectory) -> None:
    """However many people belong to it."""
    bench = Bench()
    found, calls, _ = bench.drive(directory.find("a"), refusal(422, "parameter_invalid"))
    assert (None, 1) == (found, len(calls))
    assert (None, [], []) == bench.drive(directory.find("a"))


def test_company_when_another_create_is_in_the_way_then_it_is_written_once_more(directory: CompanyDirectory) -> None:
    """After a second; a second race is a refusal."""
    bench = Bench()
    assert (ID, 2, [RACE_PAUSE_SECONDS]) == _counted(bench.drive(directory.find("a"), RACE, shown()))
    assert (None, 2, [RACE_PAUSE_SECONDS]) == _counted(bench.drive(directory.find("b"), RACE, RACE))


def _counted(driven: tuple[Any, list[Any], list[float]]) -> tuple[Any, int, list[float]]:
    result, calls, pauses = driven
    return result, len(calls), pauses


def test_company_when_somebody_else_makes_it_meanwhile_then_it_is_not_made_again(directory: CompanyDirectory) -> None:
    """Whoever waits for their turn looks again."""
    steps = directory.find("a")
    assert Acquire(A) == next(steps)
    directory.note_written(A, {"id": OTHER_ID}, {})
    assert Release(A) == next(steps)
    with pytest.raises(StopIteration) as stop:
        next(steps)
    assert OTHER_ID == stop.value.value


def test_company_when_it_cannot_be_delivered_then_nobody_waits_for_it(directory: CompanyDirectory) -> None:
    """The turn is given up before the error goes on: a record that is tried again alone would wait for itself."""
    steps = directory.find("a")
    next(steps)
    next(steps)
    error = UndeliverableError(outcomes.rejected(outcomes.UNDELIVERABLE))
    assert Release(A) == steps.throw(error)
    with pytest.raises(UndeliverableError):
        next(steps)


def test_company_when_forgotten_then_it_is_made_again(directory: CompanyDirectory) -> None:
    """It was archived."""
    directory.note_written(A, {"id": ID}, {})
    directory.forget("a")
    directory.forget("nobody")
    assert OTHER_ID == Bench().drive(directory.find("a"), shown(OTHER_ID))[0]


@pytest.mark.parametrize("answer", [shown(), Answer(200, "json", {"type": "list", "data": [{"id": ID}, "?"]})])
def test_company_when_a_dry_run_finds_it_then_nothing_is_written(time: FakeTime, answer: Answer) -> None:
    """By itself, or in a list of one; a write is then an update."""
    directory = CompanyDirectory(time.now, asks_first=True)
    assert (ID, [FindCompany("a")], []) == Bench().drive(directory.find("a"), answer)
    steps = directory.write(A, {"company_id": "a"})
    assert UpdateCompany({"company_id": "a"}, ID) == next(steps)


@pytest.mark.parametrize("answer", [ABSENT, Answer(200, "json", {"type": "list", "data": []})])
def test_company_when_a_dry_run_does_not_find_it_then_it_would_be_created(time: FakeTime, answer: Answer) -> None:
    """Asked for first."""
    directory = CompanyDirectory(time.now, asks_first=True)
    _, calls, _ = Bench().drive(directory.find("a"), answer, shown())
    assert [FindCompany("a"), UpsertCompany({"company_id": "a"})] == calls


def test_companies_without_people_when_somebody_comes_then_they_are_no_longer(directory: CompanyDirectory) -> None:
    """By Intercom's own count, or because this run has attached somebody, before or after."""
    for name in ("a", "b", "c", "d"):
        directory.note_written(by_company_id(name), {"id": ID, "user_count": 2 if name == "b" else 0}, {})
    assert 3 == directory.without_people
    directory.note_people("a")
    directory.note_people("e")
    directory.note_written(by_company_id("a"), {"id": ID}, {"name": "Acme"})
    directory.note_written(by_company_id("e"), {"id": ID}, {"name": "Acme"})
    assert 2 == directory.without_people
