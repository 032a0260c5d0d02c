"""One bad value of a contact: it is left out, counted and named, and takes neither the record nor another value with it."""

from __future__ import annotations

from typing import Any

import pytest

from integration_tests.support.contacts import A, Place, counts, person, steps, user, users
from integration_tests.support.harness import Result, catalog, config, record

U1 = person(external_id="u1", name="Old")
OWNER = "52550153"
NAMINGS = ["message", "field", "nothing"]
WRITES = {"POST /contacts", "PUT /contacts/{id}"}
BAD: dict[str, tuple[str, Any]] = {
    "an owner of no teammate": ("owner_id", OWNER),
    "a relative picture": ("avatar", "/services/images/photo/003"),
    "a blank picture": ("avatar", "x"),
    "a year 1": ("signed_up_at", "0001-01-01T00:00:00Z"),
    "a year 9999": ("last_seen_at", "9999-12-31T23:59:59Z"),
    "a name": ("name", "Xylophone"),
    "an address": ("email", "no address@at all"),
    "a number": ("seats", 2**63),
}
SEED = {"data_attributes": [{"name": "seats", "data_type": "integer"}, {"name": "plan"}, {"name": "city"}]}
ALL = ("owner_id", "avatar", "signed_up_at", "last_seen_at", "name", "phone", "email", "seats", "plan", "city")
GOOD = {"phone": "1", "plan": "pro", "city": "Delft"}


def place(*, known: bool = True, **settings: Any) -> Place:
    """An Intercom that refuses what it can, with a contact in it or without."""
    made = Place(refused_names=["Xylophone"], **settings)
    made.intercom.seed({**SEED, "contacts": [U1] if known else []})
    return made


def refusals(result: Result) -> int:
    """How many writes were refused."""
    return sum(each["status"] == 400 for each in result.exchanges if each["method"] in {"POST", "PUT"})


def writes(result: Result) -> int:
    """How many calls wrote contacts, or tried to."""
    return sum(count for endpoint, count in result.calls.items() if endpoint in WRITES)


@pytest.mark.parametrize("naming", NAMINGS)
@pytest.mark.parametrize("known", [True, False], ids=["known", "new"])
@pytest.mark.parametrize("name", BAD)
def test_field_when_intercom_refuses_it_is_left_out_counted_and_named_and_the_rest_is_written(
    name: str, known: bool, naming: str
) -> None:
    """The person is there, with all else, and so are their events."""
    field, value = BAD[name]
    settings = users(*ALL)
    settings["events"] = config()["events"]
    data = {**GOOD, field: value}
    messages = [user(**data), record("events", user_id="u1", name="did it", at=1_700_000_000)]
    result = place(known=known, refused_field=naming).write(
        *messages, configuration=settings, configured_catalog=catalog("users", "events")
    )
    assert None is result.error
    assert (1, 0) == counts(result)
    assert result.logged('Stream "users": read 1, delivered 1')
    contact = result.contact("u1")
    assert ("1", {"plan": "pro", "city": "Delft"}) == (contact["phone"], contact["custom_attributes"])
    assert ["did it"] == [each["event_name"] for each in result.events]
    # A time that stands for none in many a source is left out before any call.
    reason = "far_time" if field.endswith("_at") else "refused"
    assert result.logged(f'"{field}": 1 {reason}')
    assert writes(result) <= 8


@pytest.mark.parametrize("naming", NAMINGS)
def test_value_when_it_was_refused_once_is_not_sent_again_in_the_run(naming: str) -> None:
    """Five people of an owner who is no teammate cost one refusal, or what it takes to find it out."""
    records = [user(f"u{number}", owner_id=OWNER, name=f"N{number}") for number in range(5)]
    result = place(refused_field=naming).write(*records, user("u9", owner_id="991267459"), configuration=users(*ALL))
    assert (6, 0) == counts(result)
    assert [f"N{number}" for number in range(5)] == [result.contact(f"u{number}")["name"] for number in range(5)]
    assert "991267459" == result.contact("u9")["owner_id"]
    assert result.logged('"owner_id": 5 refused')


def test_value_when_it_was_refused_is_not_sent_again_in_later_batches() -> None:
    """One refusal, then none."""
    pieces = [(10.0 * number, [user(f"u{number}", owner_id=OWNER, name="N")]) for number in range(4)]
    result = place(refused_field="nothing", known=False).write_at(*pieces, configuration=users(*ALL))
    assert (4, 0) == counts(result)
    owned = [each for each in result.exchanges if OWNER in str(each["request_body"])]
    assert len(owned) <= 3
    assert {f"u{number}" for number in range(4)} == {each["external_id"] for each in result.contents["contacts"]}


@pytest.mark.parametrize("naming", NAMINGS)
@pytest.mark.parametrize("known", [True, False], ids=["known", "new"])
def test_value_when_a_bad_one_of_the_same_name_follows_in_the_batch_is_written(known: bool, naming: str) -> None:
    """Merged, the later one would have replaced it and been left out."""
    result = place(known=known, refused_field=naming).write(
        user(seats=5, plan="a"), user(seats=2**63, plan="b"), user(plan="c"), configuration=users("seats", "plan")
    )
    assert (3, 0) == counts(result)
    assert {"seats": 5, "plan": "c"} == result.contact("u1")["custom_attributes"]
    assert result.logged('"seats": 1 refused')


@pytest.mark.parametrize("naming", NAMINGS)
def test_value_when_the_bad_one_is_known_to_be_bad_by_then_is_written_all_the_same(naming: str) -> None:
    """A value that is left out beforehand replaces no other."""
    first, then = [user("u2", seats=2**63, plan="x")], [user(seats=5, plan="a"), user(seats=2**63, plan="b")]
    result = place(refused_field=naming).write_at((0.0, first), (10.0, then), configuration=users("seats", "plan"))
    assert (3, 0) == counts(result)
    assert {"seats": 5, "plan": "b"} == result.contact("u1")["custom_attributes"]


@pytest.mark.parametrize("known", [True, False], ids=["known", "new"])
def test_values_when_several_are_refused_without_a_name_cost_at_most_eight_calls(known: bool) -> None:
    """What is not found out by then is left out with the others that may be guilty; what was taken is there."""
    names = [f"c{number}" for number in range(16)]
    made = Place(refused_field="nothing")
    made.intercom.seed(
        {
            "contacts": [U1] if known else [],
            "data_attributes": [{"name": name, "data_type": "integer"} for name in names],
        }
    )
    bad = {"c7", "c15"}
    data: dict[str, Any] = {name: 2**63 if name in bad else number for number, name in enumerate(names)}
    result = made.write(user(**data), configuration=users(*names))
    assert (1, 0) == counts(result)
    assert writes(result) <= 8
    kept = result.contact("u1")["custom_attributes"]
    assert kept.items() <= data.items()
    assert not bad & kept.keys()
    assert len(kept) >= 10


@pytest.mark.parametrize("naming", NAMINGS)
def test_values_when_every_record_has_another_bad_one_cost_two_calls_a_record(naming: str) -> None:
    """Who has learned that pictures are refused tries without the picture first."""
    count = 120
    records = [user(f"u{number}", avatar=f"/photo/{number}", name=f"N{number}", **GOOD) for number in range(count)]
    result = place(refused_field=naming, known=False).write(*records, configuration=users(*ALL))
    assert (count, 0) == counts(result)
    assert {f"N{number}" for number in range(count)} == {each["name"] for each in result.contents["contacts"]}
    # Those that were in flight before anybody knew cost a few calls more.
    assert writes(result) <= 2 * count + 6 * 64
    assert result.logged(f'"avatar": {count} refused')
    assert 1 == sum('"avatar": Intercom refused' in text for text in result.logs)


def test_record_when_its_identity_itself_is_refused_is_rejected() -> None:
    """Nothing else can be the reason, and no value is blamed for it."""
    settings = users("name", "plan", identity={"property": "user_id", "intercom_field": "email"})
    result = place(refused_field="nothing").write(user("no address", name="N", plan="p"), configuration=settings)
    assert (0, 1) == counts(result)
    assert result.logged("refused 1")
    assert not result.logged("Not sent as they were")


@pytest.mark.parametrize("data", [{"email": 7}, {"email": {"a": 1}}, {"email": "x" * 250 + "@example.com"}])
def test_address_when_it_is_none_is_left_out_before_any_call(data: dict[str, Any]) -> None:
    """An address is never cut; the record is delivered without it."""
    result = place().write(user(name="New", **data), configuration=users())
    assert (1, 0) == counts(result)
    assert ("New", "") == (result.contact("u1")["name"], result.contact("u1")["email"])
    assert result.logged('"email": 1 invalid_email')
    assert 0 == refusals(result)


def test_address_when_it_has_no_at_sign_is_left_out_before_any_call() -> None:
    """Intercom would refuse the whole contact."""
    result = place(known=False).write(user(name="New", email="n/a"), configuration=users())
    assert (1, 0) == counts(result)
    assert 0 == refusals(result)
    assert result.logged('"email": 1 invalid_email')


LISTED = {"data_attributes": [{"name": "plan", "options": ["free", "pro"]}, {"name": "seats", "data_type": "integer"}]}


@pytest.mark.parametrize("known", [True, False], ids=["known", "new"])
def test_value_when_it_is_outside_its_list_is_sent_for_intercom_takes_it(known: bool) -> None:
    """Nothing that Intercom would take is dropped."""
    made = Place()
    made.intercom.seed({**LISTED, "contacts": [U1] if known else []})
    result = made.write(user(plan="gold", seats=3), configuration=users("plan", "seats"))
    assert (1, 0) == counts(result)
    assert {"plan": "gold", "seats": 3} == result.contact("u1")["custom_attributes"]
    assert 0 == refusals(result)


@pytest.mark.parametrize("naming", NAMINGS)
@pytest.mark.parametrize("known", [True, False], ids=["known", "new"])
def test_value_when_it_is_outside_its_list_and_refused_is_left_out_by_one_more_call(known: bool, naming: str) -> None:
    """As in April 2026: named or not, the contact is sent again without it."""
    made = Place(options_outside="refuse", refused_field=naming)
    made.intercom.seed({**LISTED, "contacts": [U1] if known else []})
    data: dict[str, Any] = {"plan": "gold", "seats": 3, "name": "N", "phone": "1"}
    result = made.write(user(**data), configuration=users("plan", "seats", "name", "phone"))
    assert (1, 0) == counts(result)
    assert {"seats": 3} == result.contact("u1")["custom_attributes"]
    assert 2 == writes(result)
    assert result.logged('"plan": 1 no_option')


FORMS = {"phone": ("+31 20 1234", "+31201234"), "name": (" Ada ", "Ada"), "plan": (" pro ", "pro")}


@pytest.mark.parametrize("name", FORMS)
def test_value_when_intercom_keeps_it_in_another_form_is_written_once_in_a_run(name: str) -> None:
    """Also once the run asks Intercom again; at the end the user learns that each sync writes it."""
    sent, kept = FORMS[name]
    made = place(normalized_fields=["phone", "name", "custom_attributes"])
    pieces = [(at, [user(**{name: sent})]) for at in (0.0, 60.0, 700.0, 1400.0)]
    result = made.write_at(*pieces, configuration=users("phone", "name", "plan"))
    assert (4, 0) == counts(result)
    assert 1 == result.calls["PUT /contacts/{id}"]
    contact = result.contact("u1")
    assert kept == {**contact, **contact["custom_attributes"]}[name]
    assert result.logged(f'"{name}" of 1')
    assert result.logged("each sync writes")


def test_value_when_somebody_changes_it_after_intercom_reshaped_it_is_written_again() -> None:
    """It is that form only which counts as the value."""
    made = place(normalized_fields=["phone"])
    made.intercom.seed({"changes": [{"after": 650, "contact": {"external_id": "u1"}, "set": {"phone": "+1"}}]})
    pieces = [(at, [user(phone="+31 20")]) for at in (0.0, 1000.0)]
    result = made.write_at(*pieces, configuration=users("phone"))
    assert 2 == result.calls["PUT /contacts/{id}"]
    assert "+3120" == result.contact("u1")["phone"]


def test_value_when_it_comes_back_as_sent_is_not_named_at_the_end() -> None:
    """Nor is one in a sync that sends everything anyway."""
    plain = place().write(user(phone="+31 20"), configuration=users("phone"))
    sent = place(normalized_fields=["phone"]).write(
        user(phone="+31 20"), configuration=users("phone", unchanged_contacts="send")
    )
    assert not plain.logged("each sync writes")
    assert not sent.logged("each sync writes")


@pytest.mark.parametrize("naming", NAMINGS)
@pytest.mark.parametrize("lag", [5.0, 30.0])
def test_attribute_when_it_was_created_a_moment_ago_and_is_refused_as_unknown_is_waited_for(
    lag: float, naming: str
) -> None:
    """All values arrive in it; nobody is left out, and the waiting costs few calls."""
    made = Place(attribute_lag=lag, refused_field=naming, latency=0.05)
    count = 300
    records = [user(f"u{number}", level=number, name="N") for number in range(count)]
    entry = {"property": "level", "type": "integer"}
    result = made.write(*records, configuration=users(entry, "name", missing_attributes="create"))
    assert (count, 0) == counts(result)
    assert list(range(count)) == sorted(each["custom_attributes"]["level"] for each in result.contents["contacts"])
    assert refusals(result) <= 10 * 64


def test_attribute_when_it_stays_unknown_after_its_creation_is_left_out_after_a_minute() -> None:
    """No record waits for ever."""
    made = Place(attribute_lag=10_000.0)
    began = made.clock.now()
    entry = {"property": "level", "type": "integer"}
    records = [user(f"u{number}", level=1, name="N") for number in range(3)]
    result = made.write(*records, configuration=users(entry, "name", missing_attributes="create"))
    assert (3, 0) == counts(result)
    assert {"N"} == {each["name"] for each in result.contents["contacts"]}
    assert result.logged('"level": 3 refused')
    assert 50 < made.clock.now() - began < 120


SEEN = 1_700_000_000


@pytest.mark.parametrize("back", ["take", "ignore"])
@pytest.mark.parametrize("mode", ["skip", "send"])
def test_last_seen_when_it_would_go_back_is_not_written(mode: str, back: str) -> None:
    """Intercom has seen the person since; a later moment is written."""
    made = Place(last_seen_back=back, search_lag=0.0)
    made.intercom.seed({"contacts": [{**U1, "last_seen_at": SEEN}]})
    settings = users("last_seen_at", "name", unchanged_contacts=mode)
    first = made.write(user(last_seen_at=SEEN - 100, name="New"), configuration=settings)
    assert (SEEN, "New") == (first.contact("u1")["last_seen_at"], first.contact("u1")["name"])
    second = made.write(user(last_seen_at=SEEN - 50), configuration=settings)
    assert SEEN == second.contact("u1")["last_seen_at"]
    assert ["search external_id"] == steps(second)[-1:]
    third = made.write(user(last_seen_at=SEEN + 50), configuration=settings)
    assert SEEN + 50 == third.contact("u1")["last_seen_at"]
    assert A == third.contact("u1")["id"]
