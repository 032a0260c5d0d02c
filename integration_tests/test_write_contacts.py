"""Contacts: created, updated, or left alone because somebody else is in the way."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from destination_intercom.errors import ConfigurationError
from integration_tests.support.harness import (
    Probe,
    Result,
    ScriptedStdin,
    catalog,
    config,
    record,
    state,
    to_lines,
    write,
)
from integration_tests.support.virtual_clock import VirtualClock
from intercom_emulator import Intercom, Settings

END = to_lines([state("users", 1)])
ID = "5da6f18e3d7cf967e4582d05"
OTHER = "6064d5c43910cc082d903f6c"


HEADERS = {"Authorization": "Bearer test-token", "Accept": "application/json", "Intercom-Version": "2.16"}


def user(**data: Any) -> dict[str, Any]:
    """A record of the person u1."""
    return record("users", **{"user_id": "u1", **data})


def users(*attributes: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A configuration that writes contacts only."""
    listed = list(attributes) or [{"property": "email"}, {"property": "name"}]
    return config(
        events=None, users={"mode": "enabled", "streams": [{"stream": "users"}], "attributes": listed, **more}
    )


def counts(result: Result) -> tuple[int, int]:
    """The counts of the only state."""
    (only,) = result.states
    return only["destinationStats"]["recordCount"], only["destinationStats"]["rejectedRecordCount"]


def writes(result: Result) -> list[str]:
    """The calls that may write, in their order."""
    called = [f"{each['method']} {each['path']}" for each in result.exchanges if each["method"] != "GET"]
    return [call for call in called if call != "POST /contacts/search"]


def intercom_with_new(clock: VirtualClock, *contacts: dict[str, Any], **settings: Any) -> Intercom:
    """Make an Intercom in which `contacts` were created a moment ago: the search lags behind them by minutes."""
    intercom = Intercom(Settings.from_dict({"search_lag": 600.0, **settings}), clock=clock.wall)
    for contact in contacts:
        body = json.dumps({"role": "user", **contact}).encode()
        assert 200 == intercom.handle("POST", "/contacts", {**HEADERS, "Content-Type": "application/json"}, body).status
    return intercom


def write_users(*messages: dict[str, Any], **more: Any) -> Result:
    """Write records of users and one state after them."""
    return write([*messages, state("users", 1)], **{"configuration": users(), **more})


def test_contact_that_nobody_knows_is_created_as_a_user() -> None:
    """With the identity as external_id and the selected properties."""
    result = write_users(user(email=" Ada@Example.com", name="Ada", secret="no"))
    assert result.error is None
    assert (1, 0) == counts(result)
    contact = result.contact("u1")
    assert ("user", "ada@example.com", "Ada") == (contact["role"], contact["email"], contact["name"])
    assert ["POST /contacts"] == writes(result)


def test_contact_that_exists_is_looked_up_and_then_updated() -> None:
    """The search tells its id and what differs: one call to write it."""
    seed = {"contacts": [{"id": ID, "external_id": "u1", "name": "Old", "phone": "+1"}]}
    result = write_users(user(name="New"), seed=seed)
    assert (1, 0) == counts(result)
    assert ("New", "+1") == (result.contact("u1")["name"], result.contact("u1")["phone"])
    assert [f"PUT /contacts/{ID}"] == writes(result)
    assert 1 == result.calls["POST /contacts/search"]
    assert 0 == result.calls.get("GET /contacts/{id}", 0)


def test_contact_that_the_search_does_not_show_yet_is_read_and_then_updated() -> None:
    """A 409 names an id: it is written to once it is known to be the same person's."""
    clock = VirtualClock()
    intercom = intercom_with_new(clock, {"external_id": "u1", "name": "Old", "phone": "+1"})
    contact_id = intercom.dump()["contacts"][0]["id"]
    result = write_users(user(name="New"), intercom=intercom, clock=clock)
    assert (1, 0) == counts(result)
    assert ("New", "+1") == (result.contact("u1")["name"], result.contact("u1")["phone"])
    assert ["POST /contacts", "POST /contacts", f"PUT /contacts/{contact_id}"] == writes(result)
    assert 1 == result.calls["GET /contacts/{id}"]


def test_contact_whose_id_this_run_knows_is_updated_without_another_create_or_lookup() -> None:
    """A later record of a person costs one call."""
    clock = VirtualClock()
    stdin = ScriptedStdin(clock, *((n * 2.0, to_lines([user(name=f"n{n}")])) for n in range(5)))
    result = write(stdin, configuration=users(), settings={"search_lag": 600.0}, clock=clock)
    assert result.error is None
    assert "n4" == result.contact("u1")["name"]
    assert 1 == result.calls["POST /contacts"]
    assert 4 == result.calls["PUT /contacts/{id}"]
    assert 1 == result.calls["POST /contacts/search"]


def test_records_of_one_person_that_are_looked_up_together_are_written_together() -> None:
    """The last value of each property is what is written, and each record is counted."""
    result = write_users(*(user(name=f"n{n}") for n in range(4)), user(email="u1@example.com"))
    assert (5, 0) == counts(result)
    assert ("n3", "u1@example.com") == (result.contact("u1")["name"], result.contact("u1")["email"])
    assert ["POST /contacts"] == writes(result)


def test_record_without_any_selected_property_still_makes_the_contact() -> None:
    """Only the identity is written where nothing else is there; a known contact is left as it is."""
    clock = VirtualClock()
    stdin = ScriptedStdin(clock, (0.0, to_lines([user()])), (2.0, to_lines([user(other=1), state("users", 1)])))
    result = write(stdin, configuration=users(), settings={"search_lag": 600.0}, clock=clock)
    assert (2, 0) == counts(result)
    assert ["POST /contacts"] == writes(result)
    assert result.logged("delivered 1, unchanged 1")


@pytest.mark.parametrize("mode", ["conflict", "second"])
def test_email_of_another_person_never_writes_to_that_person(mode: str) -> None:
    """The id in a 409 may be somebody else's: rejected as identity_conflict, written to nobody."""
    seed = {"contacts": [{"id": OTHER, "external_id": "someone", "email": "shared@example.com", "name": "Other"}]}
    result = write_users(
        user(email="shared@example.com", name="Mine"), seed=seed, settings={"create_with_known_email": mode}
    )
    assert result.error is None
    assert "Other" == result.contact("someone")["name"]
    assert ["POST /contacts"] == writes(result)
    if mode == "conflict":
        assert (0, 1) == counts(result)
        assert result.logged("identity_conflict")
        assert 1 == len(result.contents["contacts"])
    else:
        assert (1, 0) == counts(result)
        assert "Mine" == result.contact("u1")["name"]


def test_email_of_another_person_in_an_update_is_left_out_and_writes_to_nobody_else() -> None:
    """A PUT that Intercom answers 409 changes nobody; without the address it is taken."""
    seed = {
        "contacts": [
            {"id": OTHER, "external_id": "someone", "email": "shared@example.com", "name": "Other"},
            {"id": ID, "external_id": "u1", "name": "Old"},
        ]
    }
    result = write_users(user(email="shared@example.com", name="Mine"), user(name="Later"), seed=seed)
    assert result.error is None
    assert (2, 0) == counts(result)
    assert result.logged('"email": 1 identity_conflict')
    assert "Other" == result.contact("someone")["name"]
    assert "Later" == result.contact("u1")["name"]
    assert "" == result.contact("u1")["email"]


@pytest.mark.parametrize(
    ("gone", "reason"),
    [
        ({"archived": True}, "contact_archived"),
        ({"merged_into": OTHER}, "contact_merged"),
        ({"deleted": True}, "contact_archived"),
    ],
)
def test_contact_that_is_gone_is_rejected_with_its_reason(gone: dict[str, Any], reason: str) -> None:
    """An archived or merged contact blocks its identity; nobody is written to."""
    seed = {"contacts": [{"id": ID, "external_id": "u1", "name": "Old", **gone}, {"id": OTHER, "name": "Into"}]}
    result = write_users(user(name="New"), record("users", user_id="u2", name="Two"), seed=seed)
    assert result.error is None
    assert (1, 1) == counts(result)
    assert result.logged(f"{reason} 1")
    assert "Old" == result.contact("u1")["name"]
    assert "Two" == result.contact("u2")["name"]


def test_contact_that_is_archived_during_the_run_is_rejected_from_then_on() -> None:
    """A known id that has gone is forgotten, and the create says why."""
    clock = VirtualClock()
    intercom = Intercom(Settings(), clock=clock.wall)

    class Archivist(Probe):
        def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            response = super().send(request, *args, **kwargs)
            if f"{request.method} {request.path_url}" == "POST /contacts" and response.status_code == 200:
                contact_id = intercom.dump()["contacts"][0]["id"]
                assert 200 == intercom.handle("POST", f"/contacts/{contact_id}/archive", HEADERS).status
            return response

    # Each comes after the one before it is written: together they would be one update.
    stdin = ScriptedStdin(clock, *((n * 5.0, to_lines([user(name=name)])) for n, name in enumerate("abc")), (15.0, END))
    result = write(stdin, configuration=users(), intercom=intercom, clock=clock, transport=Archivist(intercom, clock))
    assert result.error is None
    assert (1, 2) == counts(result)
    assert "a" == result.contact("u1")["name"]


@pytest.mark.parametrize("seeded", [True, False])
def test_contact_whose_update_never_finds_it_is_rejected_after_a_few_climbs(seeded: bool) -> None:
    """Intercom shows the contact and says that it is not there: that ends, in a rejection."""
    body = {"type": "error.list", "errors": [{"code": "not_found", "message": "User Not Found"}]}
    fault = {"endpoint": "PUT /contacts/{id}", "kind": "status", "status": 404, "body": body}
    clock = VirtualClock()
    old = {"external_id": "u1", "name": "Old"}
    intercom = intercom_with_new(clock, *([] if seeded else [old]), faults=[fault])
    if seeded:
        intercom.seed({"contacts": [old]})
    result = write_users(user(name="New"), intercom=intercom, clock=clock)
    assert result.error is None
    assert (0, 1) == counts(result)
    assert result.calls["PUT /contacts/{id}"] <= 4


def test_address_that_is_taken_takes_no_other_record_of_the_person_with_it() -> None:
    """Records that were looked up together and are refused for one of them go one by one."""
    seed = {"contacts": [{"id": OTHER, "external_id": "someone", "email": "shared@example.com", "name": "Other"}]}
    result = write_users(user(email="shared@example.com"), user(name="Mine"), seed=seed)
    assert result.error is None
    assert (1, 1) == counts(result)
    assert "Other" == result.contact("someone")["name"]
    assert ("Mine", "") == (result.contact("u1")["name"], result.contact("u1")["email"])


@pytest.mark.parametrize(
    ("records", "rejected", "expected"),
    [
        ([{"email": "shared@example.com"}, {"name": "Mine"}], 1, ("Mine", "")),
        # By then there is a contact: it is the update that Intercom refuses.
        ([{"email": "free@example.com"}, {"email": "shared@example.com"}], 0, (None, "free@example.com")),
    ],
)
def test_address_that_another_record_of_the_person_names_decides_nothing(
    records: list[dict[str, Any]], rejected: int, expected: tuple[str | None, str]
) -> None:
    """What was looked up beside one record is no reason to reject another one."""
    seed = {"contacts": [{"id": OTHER, "email": "shared@example.com", "name": "Other"}]}
    messages = [user(**data) for data in records]
    result = write_users(*messages, seed=seed, configuration=users(email_match="reject"))
    assert result.error is None
    assert (2 - rejected, rejected) == counts(result)
    assert result.logged("email_taken 1" if rejected else '"email": 1 email_taken')
    assert expected == (result.contact("u1")["name"], result.contact("u1")["email"])


def conflict_body(message: str) -> dict[str, Any]:
    """Intercom's envelope of a conflict."""
    return {"type": "error.list", "errors": [{"code": "conflict", "message": message}]}


@pytest.mark.parametrize("message", ["A contact matching those details already exists", "", "exists with id="])
def test_conflict_without_an_id_is_rejected_as_such(message: str) -> None:
    """Nobody is guessed."""
    fault = {"endpoint": "POST /contacts", "kind": "status", "status": 409, "body": conflict_body(message), "at": [1]}
    result = write_users(user(name="n"), record("users", user_id="u2", name="Two"), settings={"faults": [fault]})
    assert result.error is None
    assert (1, 1) == counts(result)
    assert result.logged("conflict 1")
    assert 0 == result.calls.get("PUT /contacts/{id}", 0)


def test_conflict_with_an_id_that_nobody_has_is_rejected() -> None:
    """The contact in the way cannot be read: nothing is written."""
    body = conflict_body(f"A contact matching those details already exists with id={OTHER}")
    fault = {"endpoint": "POST /contacts", "kind": "status", "status": 409, "body": body, "at": [1]}
    result = write_users(user(name="n"), record("users", user_id="u2", name="Two"), settings={"faults": [fault]})
    assert result.error is None
    assert (1, 1) == counts(result)
    assert 0 == result.calls.get("PUT /contacts/{id}", 0)


def test_lead_with_the_same_id_is_never_taken_for_the_person() -> None:
    """Somebody else's lead in a conflict is another person."""
    body = conflict_body(f"A contact matching those details already exists with id={OTHER}")
    fault = {"endpoint": "POST /contacts", "kind": "status", "status": 409, "body": body}
    seed = {"contacts": [{"id": OTHER, "external_id": "u1", "role": "lead", "name": "Lead"}]}
    result = write_users(user(name="n"), seed=seed, settings={"faults": [fault]})
    assert (0, 1) == counts(result)
    assert ["Lead"] == [each["name"] for each in result.contents["contacts"]]


EMAIL = {"property": "mail", "intercom_field": "email"}


def write_by_email(*messages: dict[str, Any], **more: Any) -> Result:
    """Write records of users whose identity is their e-mail address."""
    return write_users(*messages, configuration=users({"property": "name"}) | {"identity": EMAIL}, **more)


def test_email_that_several_users_share_is_ambiguous_and_writes_to_nobody() -> None:
    """A 409 names one of them, and nobody can know whether it is the one that is meant."""
    shared = [{"external_id": one, "email": "two@example.com", "name": one} for one in ("a", "b")]
    one = {"external_id": "c", "email": "one@example.com", "name": "c"}
    result = write_by_email(
        record("users", mail="Two@example.com", name="new"),
        record("users", mail="one@example.com", name="new"),
        seed={"contacts": [*shared, one]},
    )
    assert result.error is None
    assert (1, 1) == counts(result)
    assert result.logged("ambiguous_email 1")
    assert ["a", "b", "new"] == [result.contact(each)["name"] for each in "abc"]


def test_lead_with_the_same_email_is_updated_and_stays_a_lead() -> None:
    """Where the address is the identity, the lead is that person; nobody said that they have signed up."""
    seed = {"contacts": [{"id": OTHER, "email": "ada@example.com", "role": "lead", "name": "Lead"}]}
    result = write_by_email(record("users", mail="ada@example.com", name="n"), seed=seed)
    assert result.error is None
    assert (1, 0) == counts(result)
    assert [("lead", "n")] == [(each["role"], each["name"]) for each in result.contents["contacts"]]


def test_contact_in_the_way_that_is_not_seen_yet_is_asked_for_once_more() -> None:
    """It may have been made a moment ago, by an attempt whose answer was lost."""
    fault = {"endpoint": "GET /contacts/{id}", "kind": "status", "status": 404, "first": 1}
    seed = {"contacts": [{"id": ID, "external_id": "u1", "name": "Old"}]}
    settings = {"faults": [fault], "search_without_data": True}
    result = write_users(user(name="New"), seed=seed, settings=settings)
    assert result.error is None
    assert (1, 0) == counts(result)
    assert "New" == result.contact("u1")["name"]
    assert 2 == result.calls["GET /contacts/{id}"]


def test_contact_in_the_way_that_is_archived_is_asked_for_once() -> None:
    """The conflict itself says that it is: to ask again would cost a call and a second for each of its records."""
    seed = {"contacts": [{"id": ID, "external_id": "u1", "archived": True}]}
    result = write_users(user(name="New"), seed=seed)
    assert (0, 1) == counts(result)
    assert 1 == result.calls["GET /contacts/{id}"]


def test_custom_attribute_with_the_name_of_one_of_intercoms_own_is_written() -> None:
    """Intercom's own "country" is not writable, a custom one of that name is."""
    seed = {"data_attributes": [{"name": "country", "data_type": "string"}]}
    result = write_users(user(country="Peru"), seed=seed, configuration=users({"property": "country"}))
    assert result.error is None
    assert {"country": "Peru"} == result.contact("u1")["custom_attributes"]


def test_record_that_intercom_refuses_takes_no_other_with_it() -> None:
    """One bad value of one person: it is left out, and the others, and the same person's other records, are written."""
    messages = [record("users", user_id=f"u{n % 5}", owner_id=991267459 if n != 17 else 5) for n in range(20)]
    result = write_users(*messages, configuration=users({"property": "owner_id"}))
    assert result.error is None
    assert (20, 0) == counts(result)
    assert {"991267459"} == {each["owner_id"] for each in result.contents["contacts"]}
    assert result.logged('"owner_id": 1 refused')


ATTRIBUTES = {
    "data_attributes": [
        {"name": "plan", "data_type": "string"},
        {"name": "seats", "data_type": "integer"},
        {"name": "ratio", "data_type": "float"},
        {"name": "active", "data_type": "boolean"},
        {"name": "since", "data_type": "date"},
        {"name": "old", "archived": True},
        {"name": "locked", "api_writable": False},
    ]
}
CUSTOM = [{"property": name} for name in ("plan", "seats", "ratio", "active", "since")]


def test_custom_attributes_are_converted_to_the_types_of_the_workspace() -> None:
    """Texts of numbers, of booleans and of times become what the attribute takes."""
    data = {"plan": 7, "seats": "12", "ratio": 2, "active": "TRUE", "since": "2023-11-14T22:13:20Z"}
    result = write_users(user(**data), seed=ATTRIBUTES, configuration=users(*CUSTOM))
    assert (1, 0) == counts(result)
    expected = {"plan": "7", "seats": 12, "ratio": 2.0, "active": True, "since": 1_700_000_000}
    assert expected == result.contact("u1")["custom_attributes"]


def test_values_that_do_not_fit_are_left_out_counted_and_warned_of_once() -> None:
    """The record itself is delivered with what fits."""
    bad = {"plan": {"a": 1}, "seats": 1.5, "ratio": "many", "active": 1, "since": "soon", "name": "n"}
    messages = [record("users", user_id=f"u{n}", **bad) for n in range(3)]
    result = write_users(*messages, seed=ATTRIBUTES, configuration=users({"property": "name"}, *CUSTOM))
    assert result.error is None
    assert (3, 0) == counts(result)
    assert [("n", {})] * 3 == [(each["name"], each["custom_attributes"]) for each in result.contents["contacts"]]
    for name in ("plan", "seats", "ratio", "active", "since"):
        assert 1 == sum(f'"{name}": ' in text and "were left out;" in text for text in result.logs)
        assert result.logged(f'"{name}": 3 ')


def test_long_text_is_cut_and_a_long_url_left_out() -> None:
    """255 characters are what Intercom keeps; half a URL is none."""
    data = {"plan": "é" * 300, "name": "https://example.com/" + "x" * 300, "avatar": "https://example.com/" + "x" * 300}
    attributes = [{"property": name} for name in ("plan", "name", "avatar")]
    result = write_users(user(**data), seed=ATTRIBUTES, configuration=users(*attributes))
    assert (1, 0) == counts(result)
    contact = result.contact("u1")
    assert ("é" * 255, None, None) == (contact["custom_attributes"]["plan"], contact["name"], contact["avatar"])


@pytest.mark.parametrize("email", [7, ["a@example.com"], {"a": "b"}, "x" * 300 + "@example.com", True])
def test_email_that_is_none_is_left_out_and_counted(email: Any) -> None:
    """An e-mail is never cut and never left out in silence; the person is there without it."""
    result = write_users(user(email=email, name="n"), record("users", user_id="u2", name="n"))
    assert result.error is None
    assert (2, 0) == counts(result)
    assert ["n", "n"] == [each["name"] for each in result.contents["contacts"]]
    assert result.logged('"email": 1 invalid_email')


@pytest.mark.parametrize(
    ("name", "word"), [("nowhere", '"nowhere"'), ("Plan", '"plan"'), ("old", '"old"'), ("locked", '"locked"')]
)
def test_attribute_that_cannot_be_written_is_a_config_error_before_the_first_record(name: str, word: str) -> None:
    """Missing, archived or not writable: nothing is written at all."""
    result = write_users(
        user(name="n"), seed=ATTRIBUTES, configuration=users({"property": "name"}, {"property": "p", "attribute": name})
    )
    assert isinstance(result.error, ConfigurationError)
    assert word in result.error.message
    assert f'"{name}"' in result.error.message
    assert [] == writes(result)
    assert [] == result.states


def test_missing_attribute_is_listed_with_the_type_that_it_would_get() -> None:
    """The entry's type, else that of the stream's schema."""
    configured = catalog("users")
    configured["streams"][0]["stream"]["json_schema"] = {
        "properties": {"user_id": {"type": "string"}, "a": {"type": ["null", "integer"]}, "b": {"type": "string"}}
    }
    result = write_users(
        user(),
        configuration=users({"property": "a"}, {"property": "b", "type": "date"}),
        configured_catalog=configured,
    )
    assert isinstance(result.error, ConfigurationError)
    assert '"a" (integer' in result.error.message
    assert '"b" (date' in result.error.message


SEEDED = {
    **ATTRIBUTES,
    "contacts": [
        {"id": ID, "external_id": "u1", "name": "Old", "email": "old@example.com", "custom_attributes": {"plan": "pro"}}
    ],
}
NULLS = {"plan": None, "name": None, "email": None}
SELECTED = [{"property": name} for name in ("plan", "name", "email")]


def test_null_is_ignored_unless_it_is_to_clear() -> None:
    """Sources send null for columns that they do not have."""
    kept = write_users(user(**NULLS), seed=SEEDED, configuration=users(*SELECTED))
    contact = kept.contact("u1")
    assert ("pro", "Old", "old@example.com") == (
        contact["custom_attributes"]["plan"],
        contact["name"],
        contact["email"],
    )
    assert (1, 0) == counts(kept)


def test_null_that_is_to_clear_clears_all_but_the_email() -> None:
    """Absent is not null: what is not in the record is kept."""
    cleared = write_users(user(**NULLS), seed=SEEDED, configuration=users(*SELECTED, null_values="clear"))
    contact = cleared.contact("u1")
    assert (None, None, "old@example.com") == (
        contact["custom_attributes"]["plan"],
        contact["name"],
        contact["email"],
    )
    absent = write_users(user(), seed=SEEDED, configuration=users(*SELECTED, null_values="clear"))
    assert "pro" == absent.contact("u1")["custom_attributes"]["plan"]
    assert "Old" == absent.contact("u1")["name"]


def test_contacts_by_email_are_created_once_and_updated_whatever_the_case() -> None:
    """The identity is the address: trimmed, in lower case, never replaced by another property."""
    settings = {
        **users({"property": "name"}, {"property": "email"}),
        "identity": {"property": "mail", "intercom_field": "email"},
    }
    seed = {"contacts": [{"id": ID, "email": "ada@example.com", "name": "Old"}]}
    messages = [
        record("users", mail="ADA@example.com ", name="New", email="other@example.com"),
        record("users", mail="bob@example.com", name="Bob"),
        record("users", mail="Bob@Example.com", name="Bobby"),
    ]
    result = write_users(*messages, seed=seed, configuration=settings)
    assert result.error is None
    assert (3, 0) == counts(result)
    found = {each["email"]: each["name"] for each in result.contents["contacts"]}
    assert {"ada@example.com": "New", "bob@example.com": "Bobby"} == found


@pytest.mark.parametrize("concurrency", [1, 2, 64])
def test_last_of_many_updates_wins_at_any_latency_and_over_faults(concurrency: int) -> None:
    """Updates of one person keep their order, also where some of them are tried again."""
    clock = VirtualClock()
    faults = [
        {"endpoint": "*", "kind": "reset_after", "every": 5},
        {"endpoint": "*", "kind": "status", "status": 500, "every": 7},
        {"endpoint": "PUT /contacts/{id}", "kind": "stall_after", "at": [11]},
    ]
    intercom = Intercom(Settings.from_dict({"faults": faults}), clock=clock.wall)
    probe = Probe(intercom, clock, random.Random(7).random)
    messages = [record("users", user_id=f"u{n % 6}", name=f"n{n}") for n in range(120)]
    result = write_users(
        *messages,
        intercom=intercom,
        clock=clock,
        transport=probe,
        configuration={**users(), "delivery": {"concurrency": concurrency}},
    )
    assert result.error is None
    assert (120, 0) == counts(result)
    assert {f"u{n}": f"n{114 + n}" for n in range(6)} == {
        each["external_id"]: each["name"] for each in result.contents["contacts"]
    }
    assert 0 == probe.overlaps
    assert probe.most <= concurrency


def test_contact_filters_and_identity_of_a_streams_own_are_followed() -> None:
    """Event settings never apply to user updates, and the stream's own identity wins."""
    settings = config(
        events={"mode": "enabled", "selected_events": ["Nothing"], "not_before": "2030-01-01"},
        users={
            "mode": "enabled",
            "streams": [{"stream": "users", "identity_property": "id.value"}],
            "attributes": [{"property": "name"}],
            "filters": [{"property": "plan", "operator": "is_not", "values": ["free"]}],
        },
    )
    messages = [
        record("users", id={"value": 1}, user_id="wrong", name="A"),
        record("users", id={"value": 2}, plan="free", name="B"),
    ]
    result = write([*messages, state("users", 1)], configuration=settings, configured_catalog=catalog("users"))
    assert result.error is None
    assert (2, 0) == counts(result)
    assert [("1", "A")] == [(each["external_id"], each["name"]) for each in result.contents["contacts"]]
