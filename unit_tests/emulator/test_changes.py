"""Changes: what others do to contacts behind a client's back, and when each part of the API comes to see it."""

from typing import Any

import pytest

from unit_tests.emulator.bench import START, Bench, code

RENAMED = {"after": 60, "contact": {"external_id": "old"}, "set": {"external_id": "new"}}


def _with_ada(*changes: dict[str, Any], **settings: Any) -> Bench:
    bench = Bench(**settings)
    ada = {"id": "ada", "external_id": "old", "email": "ada@example.com", "custom_attributes": {"plan": "pro"}}
    bench.intercom.seed({"contacts": [ada], "changes": list(changes)})
    return bench


def _status(bench: Bench, path: str) -> int:
    return bench.ask("GET", path).status


def test_rename_when_it_is_due_then_all_but_the_search_know_it_and_the_search_after_its_lag() -> None:
    """A teammate gives the person another external_id: for the lag the search shows the old one, and nothing else."""
    bench = _with_ada(RENAMED, search_lag=30.0)
    bench.now = START + 59.9
    assert ("old", 202) == (bench.get("/contacts/ada")["external_id"], bench.send(user_id="old").status)
    bench.now = START + 60
    assert ["old"] == bench.found("external_id", "IN", ["old", "new"])
    renamed = bench.get("/contacts/ada")
    assert ("new", int(START + 60)) == (renamed["external_id"], renamed["updated_at"])
    assert [404, 200] == [_status(bench, f"/contacts/find_by_external_id/{each}") for each in ("old", "new")]
    assert [404, 202] == [bench.send(user_id=each).status for each in ("old", "new")]
    bench.now = START + 90
    assert ["new"] == bench.found("external_id", "IN", ["old", "new"])


def test_change_when_nobody_calls_for_long_then_counts_from_when_it_was_due() -> None:
    """The lag runs from the change, not from the first call that comes upon it."""
    bench = _with_ada(RENAMED, search_lag=30.0)
    bench.now = START + 500
    assert ["new"] == bench.found("external_id", "IN", ["old", "new"])


@pytest.mark.parametrize(
    ("values", "status", "message"),
    [
        ({"archived": True}, 404, "User Not Found"),
        ({"deleted": True}, 404, "User Not Found"),
        ({"merged_into": "bob"}, 410, "merged"),
    ],
)
def test_contact_when_another_app_takes_it_away_later_then_is_gone_from_then_on(
    values: dict[str, Any], status: int, message: str
) -> None:
    """Archived, deleted or merged in the middle of a sync."""
    bench = _with_ada({"after": 5, "contact": {"email": "ada@example.com"}, "set": values})
    bench.intercom.seed({"contacts": [{"id": "bob", "external_id": "2"}]})
    assert 200 == _status(bench, "/contacts/ada")
    bench.now += 5
    answer = bench.ask("GET", "/contacts/ada")
    assert status == answer.status
    assert message in str(answer.body)
    assert values.items() <= bench.intercom.dump()["contacts"][0].items()


def test_contact_when_another_app_creates_it_later_then_is_unknown_before_and_young_then() -> None:
    """Somebody new: no event is taken before, nor for the lag, and the search finds them after its own."""
    bench = _with_ada(
        {"after": 60, "set": {"external_id": "9", "email": "Eve@Example.com"}}, search_lag=30.0, event_lag=3.0
    )
    seen = []
    for seconds in (59, 62, 63, 89, 90):
        bench.now = START + seconds
        seen.append((bench.send(user_id="9").status, bench.found("email", "=", "eve@example.com")))
    assert [(404, []), (404, []), (202, []), (202, []), (202, ["9"])] == seen
    assert int(START + 60) == bench.get("/contacts/find_by_external_id/9")["created_at"]


def test_change_when_its_contact_is_not_there_yet_then_waits_for_it_and_is_counted() -> None:
    """A change of somebody whom only the client will create happens right after that."""
    bench = _with_ada({"contact": {"external_id": "9"}, "set": {"name": "Eve", "custom_attributes": {"plan": "free"}}})
    assert 1 == bench.intercom.dump()["changes_ahead"]
    bench.attribute("plan")
    bench.attribute("seats", "integer")
    bench.now += 10
    eve = bench.create(external_id="9", custom_attributes={"plan": "pro", "seats": 5})
    assert eve | {"name": "Eve", "custom_attributes": {"plan": "free", "seats": 5}} == bench.get(
        f"/contacts/{eve['id']}"
    )
    assert ["9"] == bench.found("custom_attributes.plan", "=", "free")
    assert 0 == bench.intercom.dump()["changes_ahead"]


def test_changes_when_several_are_due_then_happen_in_the_order_of_their_time() -> None:
    """They may be planned in any order; a dump alone lets them happen."""
    later = {"after": 70, "contact": {"external_id": "new"}, "set": {"email": "new@example.com", "archived": True}}
    back = {"after": 80, "contact": {"id": "ada"}, "set": {"archived": False, "last_seen_at": 5}}
    bench = _with_ada(back, later, RENAMED)
    bench.now += 60
    assert 2 == bench.intercom.dump()["changes_ahead"]
    bench.now += 40
    [ada] = bench.intercom.dump()["contacts"]
    expected = {"external_id": "new", "email": "new@example.com", "archived": False, "last_seen_at": 5}
    assert expected == {key: ada[key] for key in expected}
    assert ada["custom_attributes"] == {"plan": "pro"}
    assert 0 == bench.intercom.dump()["changes_ahead"]


def test_reset_when_changes_are_ahead_then_they_are_none() -> None:
    """A new start has no past and no future."""
    bench = _with_ada(RENAMED)
    bench.intercom.reset()
    bench.intercom.seed({"contacts": [{"external_id": "old"}]})
    bench.now += 100
    assert code(bench.ask("GET", "/contacts/find_by_external_id/new")) == (404, "not_found")


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"set": {}},
        {"set": ["name"]},
        {"set": {"shoe": 1}},
        {"set": {"name": "x"}, "at": 5},
        {"set": {"name": "x"}, "contact": {}},
        {"set": {"name": "x"}, "contact": {"phone": "+1"}},
        {"set": {"name": "x"}, "contact": {"id": "a", "email": "b"}},
        {"set": {"id": "b"}, "contact": {"id": "a"}},
    ],
    ids=str,
)
def test_change_when_it_makes_no_sense_then_value_error(change: dict[str, Any]) -> None:
    """What cannot be meant is refused when it is planned."""
    with pytest.raises(ValueError, match=r"change|contact"):
        _with_ada(change)
