"""What a person decided about e-mails, and what Intercom knows better than the source: `null_values` and `overwrite`."""

from __future__ import annotations

from typing import Any

import pytest

from integration_tests.support.contacts import LAG, Place, counts, person, user, users
from integration_tests.support.harness import catalog, config, record

OUT = "unsubscribed_from_emails"
IS_OUT: dict[str, Any] = {OUT: True}
U1 = person(external_id="u1", name="Old")


def place(*contacts: dict[str, Any], **settings: Any) -> Place:
    """An Intercom with these people."""
    made = Place(**settings)
    made.intercom.seed(
        {"contacts": list(contacts), "data_attributes": [{"name": "plan"}, {"name": "vip", "data_type": "boolean"}]}
    )
    return made


@pytest.mark.parametrize("value", [True, 1, 1.0, "1", "t", "T", "true", "yes", "Y", "on"])
@pytest.mark.parametrize("known", [True, False], ids=["known", "new"])
def test_opt_out_when_the_source_says_it_in_any_usual_way_is_written(known: bool, value: Any) -> None:
    """Else the person would be created as subscribed."""
    result = place(*([U1] if known else [])).write(user(**{OUT: value}), configuration=users(OUT))
    assert (1, 0) == counts(result)
    assert True is result.contact("u1")[OUT]


@pytest.mark.parametrize("value", [False, 0, "0", "f", "no", "off", None])
@pytest.mark.parametrize("nulls", ["ignore", "clear"])
def test_opt_out_when_it_was_made_in_intercom_is_never_undone(nulls: str, value: Any) -> None:
    """Neither by a false nor by a null of the source."""
    settings = users(OUT, "name", null_values=nulls)
    result = place({**U1, OUT: True}).write(user(name="New", **{OUT: value}), configuration=settings)
    assert (1, 0) == counts(result)
    assert (True, "New") == (result.contact("u1")[OUT], result.contact("u1")["name"])
    kept_back = result.logged(f'"{OUT}": 1 kept_back')
    assert (value is not None) is kept_back


def test_opt_out_when_it_may_be_overwritten_is_undone() -> None:
    """The user has said so by `overwrite`."""
    settings = users({"property": OUT, "overwrite": "always"})
    result = place({**U1, OUT: True}).write(user(**{OUT: "no"}), configuration=settings)
    assert False is result.contact("u1")[OUT]


@pytest.mark.parametrize("value", ["maybe", 2, ["yes"], {"a": 1}])
def test_opt_out_when_it_is_no_boolean_is_left_out_and_counted(value: Any) -> None:
    """The person is written without it."""
    result = place().write(user(name="N", **{OUT: value}), configuration=users(OUT, "name"))
    assert (1, 0) == counts(result)
    assert "N" == result.contact("u1")["name"]
    assert result.logged(f'"{OUT}": 1 no_boolean')


REFUSES_OUT: dict[str, Any] = {
    "kind": "status",
    "status": 400,
    "matching": OUT,
    "code": "parameter_invalid",
    "message": f"{OUT} is invalid",
}


@pytest.mark.parametrize("message", [f"{OUT} is invalid", "Invalid parameter"])
def test_opt_out_when_a_create_with_it_is_refused_costs_the_record_and_nobody_is_created(message: str) -> None:
    """Not even by a later record of the same person that does not mention it, nor for the person's event."""
    fault = {**REFUSES_OUT, "endpoint": "POST /contacts", "message": message}
    settings = users(OUT, "name", "plan")
    settings["events"] = {**config()["events"], "unknown_users": "create"}
    made = place(faults=[fault])
    pieces = [
        (0.0, [user(name="A", **IS_OUT), user(name="B")]),
        (20.0, [user(name="C"), record("events", user_id="u1", name="did it", at=1_700_000_000)]),
    ]
    result = made.write_at(*pieces, configuration=settings, configured_catalog=catalog("users", "events"))
    assert None is result.error
    assert [] == result.contents["contacts"]
    assert (0, 3) == counts(result)
    assert result.logged("refused 3")
    assert [] == result.events


def test_opt_out_when_an_update_with_it_is_refused_costs_the_record_but_no_other_value() -> None:
    """The person stays subscribed, so that somebody must hear of it."""
    result = place(U1, faults=[{**REFUSES_OUT, "endpoint": "PUT /contacts/{id}"}]).write(
        user(name="New", **IS_OUT), user("u2", name="Two"), configuration=users(OUT, "name")
    )
    assert (1, 1) == counts(result)
    assert ("New", False) == (result.contact("u1")["name"], result.contact("u1")[OUT])
    assert result.logged("refused 1")


def test_opt_out_when_another_value_of_the_create_is_refused_is_there_from_the_first_moment() -> None:
    """The person is never there without it."""
    made = place(refused_field="nothing")
    result = made.write(user(name="N", owner_id="1", **IS_OUT), configuration=users(OUT, "name", "owner_id"))
    assert (1, 0) == counts(result)
    assert (True, "N") == (result.contact("u1")[OUT], result.contact("u1")["name"])
    creates = [each for each in result.exchanges if each["path"] == "/contacts"]
    assert all(each["request_body"][OUT] is True for each in creates)


FILLED = {**U1, "phone": "1", "custom_attributes": {"plan": "pro"}}
IF_EMPTY = [{"property": name, "overwrite": "if_empty"} for name in ("phone", "plan")]


@pytest.mark.parametrize("mode", ["skip", "send"])
@pytest.mark.parametrize(
    ("contact", "expected"),
    [(FILLED, ("1", "pro")), (U1, ("2", "free")), (None, ("2", "free")), ({**U1, "phone": ""}, ("2", "free"))],
    ids=["filled", "empty", "new", "blank"],
)
def test_value_when_it_is_written_if_empty_fills_and_never_replaces(
    contact: dict[str, Any] | None, expected: tuple[str, str], mode: str
) -> None:
    """Whatever else of the record is written."""
    made = place(*([contact] if contact else []))
    settings = users(*IF_EMPTY, "name", unchanged_contacts=mode)
    result = made.write(user(name="New", phone="2", plan="free"), configuration=settings)
    assert (1, 0) == counts(result)
    shown = result.contact("u1")
    assert (*expected, "New") == (shown["phone"], shown["custom_attributes"]["plan"], shown["name"])


def test_value_when_it_is_written_if_empty_keeps_the_first_of_two_records() -> None:
    """In one batch as in two: the second finds it filled."""
    together = place(U1).write(user(phone="2"), user(phone="3"), configuration=users(*IF_EMPTY))
    apart = place(U1).write_at((0.0, [user(phone="2")]), (20.0, [user(phone="3")]), configuration=users(*IF_EMPTY))
    assert ["2", "2"] == [result.contact("u1")["phone"] for result in (together, apart)]


def test_value_when_it_is_written_if_empty_is_never_cleared() -> None:
    """A null has nothing to fill in."""
    result = place(FILLED).write(user(phone=None, plan=None), configuration=users(*IF_EMPTY, null_values="clear"))
    assert ("1", "pro") == (result.contact("u1")["phone"], result.contact("u1")["custom_attributes"]["plan"])


def test_value_when_it_is_written_if_empty_is_compared_with_the_contact_in_the_way() -> None:
    """One that the search does not show yet is read before it is written."""
    made = place()
    made.call("POST", "/contacts", {"external_id": "u1", "name": "Old", "phone": "1"})
    result = made.write(user(name="New", phone="2"), configuration=users(IF_EMPTY[0], "name"))
    assert ("1", "New") == (result.contact("u1")["phone"], result.contact("u1")["name"])


def test_value_when_it_is_written_if_empty_is_compared_with_the_contact_that_is_adopted() -> None:
    """The User ID is given, and nothing that is there is replaced."""
    made = place(person(email="ada@example.com", phone="1"))
    result = made.write(user(email="ada@example.com", phone="2"), configuration=users("email", IF_EMPTY[0]))
    assert "1" == result.contact("u1")["phone"]


def test_value_when_only_true_may_be_written_of_a_custom_attribute_is_kept_true() -> None:
    """A false and a null are kept back, the false counted."""
    made = place({**U1, "custom_attributes": {"vip": True}}, person("6064d5c43910cc082d903f6c", external_id="u2"))
    settings = users({"property": "vip", "overwrite": "only_true"}, null_values="clear")
    result = made.write(user(vip=False), user(vip=None), user("u2", vip="true"), configuration=settings)
    assert (3, 0) == counts(result)
    assert [True, True] == [result.contact(key)["custom_attributes"]["vip"] for key in ("u1", "u2")]
    assert result.logged('"vip": 1 kept_back')
    assert LAG > 0
