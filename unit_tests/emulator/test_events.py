"""POST /events and its listing."""

from typing import Any

import pytest

from unit_tests.emulator.bench import Bench, code, refusal


def _with_ada(**settings: Any) -> Bench:
    bench = Bench(**settings)
    bench.intercom.seed({"contacts": [{"external_id": "42", "email": "ada@example.com"}]})
    return bench


def _kept(bench: Bench) -> list[tuple[str, int]]:
    return [(each["event_name"], each["created_at"]) for each in bench.intercom.dump()["events"]]


@pytest.mark.parametrize("identity", [{"user_id": "42"}, {"email": "ada@example.com"}, {"id": "the id"}])
def test_event_when_it_names_a_user_then_202_with_an_empty_body(identity: dict[str, str]) -> None:
    """A user is named by external_id, email or Intercom's id."""
    bench = _with_ada()
    contact_id = bench.get("/contacts")["data"][0]["id"]
    identity = {key: contact_id if key == "id" else value for key, value in identity.items()}
    answer = bench.send(**identity, metadata={"plan": "pro"})
    assert (answer.status, answer.body) == (202, b"")
    [event] = bench.intercom.dump()["events"]
    expected = {"contact_id": contact_id, "event_name": "ordered", "created_at": 5, "metadata": {"plan": "pro"}}
    assert expected | identity == event


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"user_id": 42},
        {"user_id": "42", "email": ""},
        {"id": "x", "user_id": 42},
        {"user_id": ""},
        {"user_id": "42", "event_name": None},
        {"user_id": "42", "event_name": " "},
        {"user_id": "42", "event_name": "x" * 256},
        {"user_id": "42", "created_at": None},
        {"user_id": "42", "created_at": "5"},
        {"user_id": "42", "created_at": 5.5},
        {"user_id": "42", "created_at": True},
        {"user_id": "42", "created_at": -1},
        {"user_id": "42", "created_at": 1_700_000_000_000},
        {"user_id": "42", "metadata": []},
        {"user_id": "42", "metadata": {"": 1}},
        {"user_id": "42", "metadata": {"a.b": 1}},
        {"user_id": "42", "metadata": {"a": None}},
        {"user_id": "42", "metadata": {"a": [1]}},
        {"user_id": "42", "metadata": {"a": {"b": 1}}},
        {"user_id": "42", "metadata": {"a": {"url": "http://a.b", "value": 1}}},
        {"user_id": "42", "metadata": {"a": {"amount": 1.5, "currency": "eur"}}},
        {"user_id": "42", "metadata": {"a": {"amount": -1, "currency": "eur"}}},
        {"user_id": "42", "metadata": {"a": {"amount": 1, "currency": "eur", "more": 1}}},
        {"user_id": "42", "metadata": {"a": "x" * 256}},
        {"user_id": "42", "metadata": {"a": 10**400}},
        {"user_id": "42", "metadata": {"signed_date": "2020-01-01"}},
    ],
    ids=str,
)
def test_event_when_a_field_is_missing_or_of_a_wrong_kind_then_400_and_nothing_is_kept(fields: dict[str, Any]) -> None:
    """Missing fields, wrong types, nested or overlong metadata are refused."""
    bench = _with_ada()
    assert code(bench.send(**fields)) == (400, "parameter_invalid")
    assert bench.intercom.dump()["events"] == []


@pytest.mark.parametrize(
    "value", ["x" * 255, 1, 1.5, True, {"url": "http://a.b", "value": "x"}, {"amount": 100, "currency": "eur"}], ids=str
)
def test_metadata_when_scalar_link_or_money_then_kept(value: object) -> None:
    """Scalars, rich links and amounts of money are all that metadata takes."""
    bench = _with_ada()
    assert bench.send(user_id="42", metadata={"a": value}).status == 202
    assert {"a": value} == bench.intercom.dump()["events"][0]["metadata"]


def test_metadata_when_there_are_too_many_keys_then_the_first_are_kept() -> None:
    """Keys beyond the limit are dropped in order, without an error."""
    bench = _with_ada(metadata_key_limit=2)
    assert bench.send(user_id="42", metadata={"z": 1, "y": 2, "a": 3}).status == 202
    assert list(bench.intercom.dump()["events"][0]["metadata"]) == ["z", "y"]


def test_date_metadata_when_so_set_then_text_is_kept() -> None:
    """Whether Intercom refuses text under a *_date key is not known: a setting."""
    assert _with_ada(date_metadata="keep").send(user_id="42", metadata={"a_date": "x"}).status == 202


@pytest.mark.parametrize("identity", [{"user_id": "nobody"}, {"email": "Ada@example.com"}, {"id": "nobody"}], ids=str)
def test_event_when_nobody_is_meant_then_404(identity: dict[str, str]) -> None:
    """Events need a person; an email must be as Intercom keeps it, in lower case."""
    assert refusal(_with_ada().send(**identity)) == (404, "not_found", "User Not Found")


@pytest.mark.parametrize("state", [{"archived": True}, {"deleted": True}, {"merged_into": "x"}], ids=str)
def test_event_when_its_person_is_gone_then_404(state: dict[str, Any]) -> None:
    """Archived, deleted and merged people get no events."""
    bench = Bench()
    bench.intercom.seed({"contacts": [{"id": "1", "external_id": "42", "email": "a@b.co", **state}]})
    for identity in ({"user_id": "42"}, {"email": "a@b.co"}, {"id": "1"}):
        assert code(bench.send(**identity)) == (404, "not_found")


def test_event_when_it_is_a_leads_then_id_is_needed() -> None:
    """A lead is named by Intercom's id only."""
    bench = Bench()
    lead = bench.create(role="lead", email="lead@example.com")
    assert code(bench.send(email="lead@example.com")) == (404, "not_found")
    assert code(bench.send(user_id=lead["external_id"])) == (404, "not_found")
    assert bench.send(id=lead["id"]).status == 202


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        ({"user_id": "42", "email": "bob@example.com"}, "ada"),
        ({"id": "bob", "user_id": "42"}, "bob"),
        ({"id": "lead", "email": "ada@example.com"}, "lead"),
        ({"id": None, "user_id": None, "email": "bob@example.com"}, "bob"),
        ({"id": "nobody", "user_id": "42", "email": "ada@example.com"}, None),
        ({"user_id": "nobody", "email": "ada@example.com"}, None),
    ],
    ids=str,
)
def test_event_when_it_has_several_identities_then_the_strongest_decides(
    identity: dict[str, str], expected: str | None
) -> None:
    """The description asks for any of them: Intercom's id counts before user_id, user_id before email."""
    bench = Bench()
    ada, bob = (
        {"id": "ada", "external_id": "42", "email": "ada@example.com"},
        {"id": "bob", "email": "bob@example.com"},
    )
    bench.intercom.seed({"contacts": [ada, bob, {"id": "lead", "role": "lead", "email": "ada@example.com"}]})
    assert (202 if expected else 404) == bench.send(**identity).status
    assert [expected] * bool(expected) == [each["contact_id"] for each in bench.intercom.dump()["events"]]


def test_event_when_its_contact_is_young_then_404_for_the_lag() -> None:
    """Right after a contact's creation its events are not taken; an update makes it no younger."""
    bench = Bench(event_lag=3.0)
    ada = bench.create(external_id="42")
    bench.now += 2.9
    assert code(bench.send(user_id="42")) == (404, "not_found")
    bench.update(ada, name="Ada")
    bench.now += 0.2
    assert bench.send(user_id="42").status == 202


@pytest.mark.parametrize("status", [409, 400])
def test_event_when_users_share_the_email_then_conflict(status: int) -> None:
    """An email that two users hold names nobody for certain."""
    bench = Bench(shared_email_status=status)
    bench.intercom.seed(
        {"contacts": [{"external_id": "1", "email": "a@b.co"}, {"external_id": "2", "email": "a@b.co"}]}
    )
    answer = refusal(bench.send(email="a@b.co"))
    assert (status, "conflict") == answer[:2]
    assert answer[2].startswith("Multiple existing users match this email address")


def test_event_when_it_is_a_duplicate_then_202_and_dropped() -> None:
    """The same person, folded name and second is one event; any other is another."""
    bench = _with_ada()
    names = ["Order.Placed", "order$placed", "ORDER-PLACED"]
    assert [bench.send(user_id="42", event_name=name, metadata={"n": name}).status for name in names] == [202, 202, 202]
    assert _kept(bench) == [("Order-Placed", 5)]
    bench.send(email="ada@example.com", event_name="order.placed")
    assert _kept(bench) == [("Order-Placed", 5)]
    bench.send(user_id="42", event_name="order.placed", created_at=6)
    assert _kept(bench) == [("Order-Placed", 5), ("Order-Placed", 6)]


@pytest.mark.parametrize(("duplicates", "expected"), [("drop", [1, 3]), ("keep_other_metadata", [1, 2, 3])])
def test_event_when_only_its_metadata_differ_then_is_kept_or_dropped_by_the_setting(
    duplicates: str, expected: list[int]
) -> None:
    """Intercom only may drop the second event of one person, name and second; an equal one is dropped either way."""
    bench = _with_ada(duplicate_events=duplicates)
    for second, number in ((5, 1), (5, 2), (5, 1), (5, 2), (6, 3)):
        assert 202 == bench.send(user_id="42", created_at=second, metadata={"n": number, "a": "x"}).status
    assert 202 == bench.send(user_id="42", created_at=6, metadata={"a": "x", "n": 3}).status
    assert expected == [each["metadata"]["n"] for each in bench.intercom.dump()["events"]]


@pytest.mark.parametrize(
    ("case", "expected"), [("ascii", ["Maße", "Masse", "MAßE Ä", "maße ä"]), ("unicode", ["Maße", "MAßE Ä"])]
)
def test_event_name_when_letters_beyond_ascii_differ_in_case_then_by_the_setting(
    case: str, expected: list[str]
) -> None:
    """How far "case-insensitive" goes is not known: a setting; beyond ASCII it could make one name of two words."""
    bench = _with_ada(event_name_case=case)
    for name in ("Maße", "MAßE", "Masse", "MAßE Ä", "maße ä"):
        bench.send(user_id="42", event_name=name)
    assert expected == bench.intercom.dump()["event_names"]
    assert expected == [each["event_name"] for each in bench.intercom.dump()["events"]]


def test_event_names_when_the_limit_is_reached_then_new_ones_get_422() -> None:
    """A workspace has 120 names; known ones, in any case, still pass."""
    bench = _with_ada()
    bench.intercom.seed({"event_names": [f"name {number}" for number in range(120)]})
    expected = (422, "422", "Cannot have more than 120 active event names")
    assert expected == refusal(bench.send(user_id="42", event_name="one more"))
    assert bench.send(user_id="42", event_name="NAME 7").status == 202
    assert len(bench.intercom.dump()["event_names"]) == 120


def test_listing_when_asked_then_shows_the_persons_events_newest_first_or_their_counts() -> None:
    """GET /events lists one person's events; with summary=true how often each name came."""
    bench = _with_ada()
    bench.intercom.seed(
        {"contacts": [{"external_id": "43"}], "events": [{"user_id": "43", "event_name": "x", "created_at": 1}]}
    )
    for second in (5, 7):
        bench.send(user_id="42", created_at=second)
    listed = bench.get("/events?type=user&user_id=42")["events"]
    assert [(each["event_name"], each["created_at"]) for each in listed] == [("ordered", 7), ("ordered", 5)]
    summary = bench.get("/events?type=user&email=ada%40example.com&summary=true")["events"]
    assert summary == [{"name": "ordered", "first": "5", "last": "7", "count": 2}]
    assert code(bench.ask("GET", "/events?type=user&user_id=nobody")) == (404, "not_found")
    assert code(bench.ask("GET", "/events?user_id=42")) == (400, "parameter_invalid")
