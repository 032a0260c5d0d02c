"""Each rung of the upserter on which a contact is written, against the emulator, whose search lags by minutes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from destination_intercom.errors import ConfigurationError
from destination_intercom.outcomes import REJECTION_REASONS
from integration_tests.support.contacts import (
    ADDRESS,
    LAG,
    MAIL,
    A,
    B,
    Place,
    Step,
    counts,
    person,
    steps,
    user,
    users,
)
from integration_tests.support.harness import Probe, Result, catalog, config, record
from integration_tests.support.people import MARK, refuse_marks

U1 = person(external_id="u1", name="Old")
FREE = person(email=ADDRESS, name="Old")
LEAD = person(email=ADDRESS, role="lead", name="Old")


@dataclass(frozen=True)
class Rung:
    """A situation, a record, and what comes of it.

    `before` is what somebody did a moment ago, which the search does not show; `people` is who there is
    afterwards: (external_id, email, name) of each live contact.
    """

    seed: list[dict[str, Any]]
    data: dict[str, Any]
    calls: list[str]
    people: list[tuple[str | None, str, str | None]]
    reason: str = ""
    unchanged: bool = False
    before: list[Step] = field(default_factory=list)
    merged: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)

    def run(self) -> tuple[Result, list[str]]:
        """Bring the situation about and write the record; return the result and the run's calls."""
        place = Place(**self.settings)
        place.intercom.seed({"contacts": self.seed})
        for method, path, body in self.before:
            place.call(method, path, body or None)
        if self.merged:
            place.intercom.merge(A, B)
        done = len(place.intercom.exchanges())
        data = {"user_id": "u1", **self.data}
        result = place.write(record("users", **data), configuration=users(**self.options))
        return result, steps(result, since=done)


ARCHIVE: list[Step] = [("POST", f"/contacts/{A}/archive", {})]
DELETE: list[Step] = [("DELETE", f"/contacts/{A}", {})]
NEW: dict[str, Any] = {"name": "New"}
BOTH: dict[str, Any] = {"name": "New", "email": ADDRESS}
BY_ID, BY_MAIL = "search external_id", "search email"
POST = "POST contacts"
AS_MAIL: dict[str, Any] = {"user_id": ADDRESS, "name": "New"}
GONE_ON_PUT = {"endpoint": "PUT /contacts/{id}", "kind": "status", "status": 404, "at": [1]}
GONE_ON_PUT["body"] = {"type": "error.list", "errors": [{"code": "not_found", "message": "Contact Not Found"}]}

RUNGS: dict[str, Rung] = {
    "found, equal": Rung([U1], {"name": "Old"}, [BY_ID], [("u1", "", "Old")], unchanged=True),
    "found, equal, sent": Rung(
        [U1], {"name": "Old"}, [BY_ID, "PUT A"], [("u1", "", "Old")], options={"unchanged_contacts": "send"}
    ),
    "found, different": Rung([U1], NEW, [BY_ID, "PUT A"], [("u1", "", "New")]),
    "found, create_only": Rung(
        [U1], NEW, [BY_ID], [("u1", "", "Old")], unchanged=True, options={"write_mode": "create_only"}
    ),
    "found, its only value refused": Rung(
        [U1],
        {"owner_id": 5},
        [BY_ID, "PUT A"],
        [("u1", "", "Old")],
        unchanged=True,
        options={"attributes": [{"property": "owner_id"}]},
    ),
    "not found, the identity refused": Rung(
        [], {"user_id": "no address", "name": "New"}, [BY_MAIL, POST, POST], [], "refused", options=MAIL
    ),
    "not found, created": Rung([], BOTH, [BY_ID, BY_MAIL, POST], [("u1", ADDRESS, "New")]),
    "not found, without an address, created": Rung([], NEW, [BY_ID, POST], [("u1", "", "New")]),
    "not found, create_only": Rung([], NEW, [BY_ID, POST], [("u1", "", "New")], options={"write_mode": "create_only"}),
    "not found, update_only": Rung([], NEW, [BY_ID, "find"], [], "not_found", options={"write_mode": "update_only"}),
    "not found yet, update_only": Rung(
        [],
        NEW,
        [BY_ID, "find", "PUT +"],
        [("u1", "", "New")],
        before=[("POST", "/contacts", {"external_id": "u1", "name": "Old"})],
        options={"write_mode": "update_only"},
    ),
    "not found yet, update_only, equal": Rung(
        [],
        NEW,
        [BY_ID, "find"],
        [("u1", "", "New")],
        unchanged=True,
        before=[("POST", "/contacts", {"external_id": "u1", "name": "New"})],
        options={"write_mode": "update_only"},
    ),
    "conflict with the same person": Rung(
        [],
        NEW,
        [BY_ID, POST, "GET +", "PUT +"],
        [("u1", "", "New")],
        before=[("POST", "/contacts", {"external_id": "u1", "name": "Old"})],
    ),
    "conflict with the same person, equal": Rung(
        [],
        NEW,
        [BY_ID, POST, "GET +"],
        [("u1", "", "New")],
        unchanged=True,
        before=[("POST", "/contacts", {"external_id": "u1", "name": "New"})],
    ),
    "conflict with another person": Rung(
        [person(external_id="u2", email=ADDRESS, name="Old")],
        BOTH,
        [BY_ID, BY_MAIL, POST, "GET A"],
        [("u2", ADDRESS, "Old")],
        "identity_conflict",
    ),
    "conflict with another person whom the search does not show": Rung(
        [],
        BOTH,
        [BY_ID, BY_MAIL, POST, "GET +"],
        [("u2", ADDRESS, "Old")],
        "identity_conflict",
        before=[("POST", "/contacts", {"external_id": "u2", "email": ADDRESS, "name": "Old"})],
    ),
    "address adopted": Rung([FREE], BOTH, [BY_ID, BY_MAIL, "GET A", "PUT A"], [("u1", ADDRESS, "New")]),
    "address adopted from the conflict": Rung(
        [],
        BOTH,
        [BY_ID, BY_MAIL, POST, "GET +", "GET +", "PUT +"],
        [("u1", ADDRESS, "New")],
        before=[("POST", "/contacts", {"email": ADDRESS, "name": "Old"})],
    ),
    "address refused": Rung(
        [FREE], BOTH, [BY_ID, BY_MAIL], [(None, ADDRESS, "Old")], "email_taken", options={"email_match": "reject"}
    ),
    "address refused from the conflict": Rung(
        [],
        BOTH,
        [BY_ID, BY_MAIL, POST, "GET +"],
        [(None, ADDRESS, "Old")],
        "email_taken",
        before=[("POST", "/contacts", {"email": ADDRESS, "name": "Old"})],
        options={"email_match": "reject"},
    ),
    "address of several": Rung(
        [FREE, person(B, email=ADDRESS, name="Two")],
        BOTH,
        [BY_ID, BY_MAIL],
        [(None, ADDRESS, "Old"), (None, ADDRESS, "Two")],
        "ambiguous_email",
    ),
    "address of one with an id and one without": Rung(
        [FREE, person(B, external_id="u2", email=ADDRESS, name="Two")],
        BOTH,
        [BY_ID, BY_MAIL, "GET A", "PUT A"],
        [("u1", ADDRESS, "New"), ("u2", ADDRESS, "Two")],
    ),
    "address that has an id by now": Rung(
        [FREE],
        BOTH,
        [BY_ID, BY_MAIL, "GET A", POST, "GET A"],
        [("u2", ADDRESS, "Old")],
        "identity_conflict",
        before=[("PUT", f"/contacts/{A}", {"external_id": "u2"})],
    ),
    "address that is another by now": Rung(
        [FREE],
        BOTH,
        [BY_ID, BY_MAIL, "GET A", POST],
        [(None, "moved@example.com", "Old"), ("u1", ADDRESS, "New")],
        before=[("PUT", f"/contacts/{A}", {"email": "moved@example.com"})],
    ),
    "address, create_only": Rung(
        [FREE],
        BOTH,
        [BY_ID, BY_MAIL, "GET A"],
        [(None, ADDRESS, "Old")],
        unchanged=True,
        options={"write_mode": "create_only"},
    ),
    "address, update_only": Rung(
        [FREE], BOTH, [BY_ID, "find"], [(None, ADDRESS, "Old")], "not_found", options={"write_mode": "update_only"}
    ),
    "lead by address, upgraded": Rung([LEAD], BOTH, [BY_ID, BY_MAIL, "GET A", "PUT A"], [("u1", ADDRESS, "New")]),
    "archived": Rung([{**U1, "archived": True}], NEW, [BY_ID, POST, "GET A"], [], "contact_archived"),
    "archived a moment ago": Rung([U1], NEW, [BY_ID, "PUT A", POST, "GET A"], [], "contact_archived", before=ARCHIVE),
    "archived, unarchived": Rung(
        [{**U1, "archived": True}],
        NEW,
        [BY_ID, POST, "GET A", "GET A", "unarchive A", "GET A", "PUT A"],
        [("u1", "", "New")],
        options={"archived_contacts": "unarchive"},
    ),
    "archived a moment ago, unarchived": Rung(
        [U1],
        NEW,
        [BY_ID, "PUT A", POST, "GET A", "GET A", "unarchive A", "GET A", "PUT A"],
        [("u1", "", "New")],
        before=ARCHIVE,
        options={"archived_contacts": "unarchive"},
    ),
    "archived, another person, archived again": Rung(
        [person(external_id="u2", email=ADDRESS, name="Old", archived=True)],
        BOTH,
        [BY_ID, BY_MAIL, POST, "GET A", "GET A", "unarchive A", "GET A", "archive A"],
        [],
        "identity_conflict",
        options={"archived_contacts": "unarchive"},
    ),
    "deleted, not restorable": Rung(
        [{**U1, "deleted": True}],
        NEW,
        [BY_ID, POST, "GET A", "GET A", "unarchive A", "GET A"],
        [],
        "not_restorable",
        options={"archived_contacts": "unarchive"},
    ),
    "merged a moment ago, followed": Rung(
        [U1, person(B, external_id="u2", name="Two")],
        NEW,
        [BY_ID, "PUT A", "GET B", "PUT B"],
        [("u2", "", "New")],
        merged=True,
    ),
    "merged long ago": Rung(
        [{**U1, "merged_into": B}, person(B, external_id="u2", name="Two")],
        NEW,
        [BY_ID, POST, "GET A"],
        [("u2", "", "Two")],
        "contact_merged",
    ),
    "gone at the update, there at the create": Rung(
        [U1],
        NEW,
        [BY_ID, "PUT A", POST, "GET A", "PUT A"],
        [("u1", "", "New")],
        settings={"faults": [GONE_ON_PUT]},
    ),
    "e-mail identity, created": Rung([], AS_MAIL, [BY_MAIL, POST], [(None, ADDRESS, "New")], options=MAIL),
    "e-mail identity, found": Rung(
        [{**FREE, "external_id": "x"}], AS_MAIL, [BY_MAIL, "PUT A"], [("x", ADDRESS, "New")], options=MAIL
    ),
    "e-mail identity, equal": Rung(
        [FREE], {**AS_MAIL, "name": "Old"}, [BY_MAIL], [(None, ADDRESS, "Old")], unchanged=True, options=MAIL
    ),
    "e-mail identity, conflict with the same person": Rung(
        [],
        AS_MAIL,
        [BY_MAIL, POST, "GET +", "PUT +"],
        [(None, ADDRESS, "New")],
        before=[("POST", "/contacts", {"email": ADDRESS, "name": "Old"})],
        options=MAIL,
    ),
    "e-mail identity, several": Rung(
        [FREE, person(B, email=ADDRESS, external_id="x", name="Two")],
        AS_MAIL,
        [BY_MAIL],
        [(None, ADDRESS, "Old"), ("x", ADDRESS, "Two")],
        "ambiguous_email",
        options=MAIL,
    ),
    "e-mail identity, update_only, nobody": Rung(
        [], AS_MAIL, [BY_MAIL], [], "not_found", options={**MAIL, "write_mode": "update_only"}
    ),
}


def living(result: Result) -> list[tuple[str | None, str, str | None]]:
    """Who there is, by external_id."""
    shown = [
        (each["external_id"], each["email"], each["name"])
        for each in result.contents["contacts"]
        if not (each["archived"] or each["deleted"] or each["merged_into"])
    ]
    return sorted(shown, key=lambda each: (each[0] or "", str(each[2])))


@pytest.mark.parametrize("name", RUNGS)
def test_contact_when_in_this_situation_climbs_these_rungs_and_nobody_else_is_written(name: str) -> None:
    """The calls in their order, the outcome with its reason, and who there is afterwards."""
    rung = RUNGS[name]
    result, calls = rung.run()
    assert None is result.error
    assert rung.calls == calls
    assert ((0, 1) if rung.reason else (1, 0)) == counts(result)
    assert sorted(rung.people, key=lambda each: (each[0] or "", str(each[2]))) == living(result)
    if rung.reason:
        assert result.logged(f"{rung.reason} 1")
    assert rung.unchanged == result.logged("unchanged 1")


def test_contact_that_is_not_restorable_by_a_500_is_rejected_once_no_outage_can_explain_it() -> None:
    """The words are those of any failure of Intercom's, so they are believed late, and then for the whole run."""
    place = Place(unarchive_deleted=500)
    place.intercom.seed({"contacts": [{**U1, "deleted": True}]})
    options = {"archived_contacts": "unarchive"}
    began = place.clock.now()
    pieces = [(0.0, [user(name="New")]), (700.0, [user(name="Newer")])]
    result = place.write_at(*pieces, configuration=users(**options))
    assert None is result.error
    assert (0, 2) == counts(result)
    assert result.logged("not_restorable 2")
    restoring = [each["time"] for each in result.exchanges if each["path"].endswith("/unarchive")]
    assert 540 <= restoring[-1] - restoring[0] < 600
    assert place.clock.now() - began < 710
    assert [POST, "GET A"] == steps(result)[-2:]


def test_contact_whose_unarchive_fails_in_other_ways_too_is_rejected_only_after_as_many_minutes_of_500() -> None:
    """A gateway that speaks up in between says that there is an outage."""
    endpoint = "POST /contacts/{id}/unarchive"
    gateway = {"endpoint": endpoint, "kind": "html", "status": 502, "from_time": 400.0, "until_time": 450.0}
    place = Place(unarchive_deleted=500, faults=[gateway])
    place.intercom.seed({"contacts": [{**U1, "deleted": True}]})
    began = place.clock.now()
    # Others are updated meanwhile, so that Intercom is not given up.
    others = [(60.0 * n, [user(f"other {n}", name="New")]) for n in range(1, 18)]
    result = place.write_at((0.0, [user(name="New")]), *others, configuration=users(archived_contacts="unarchive"))
    assert None is result.error
    assert (17, 1) == counts(result)
    assert result.logged("not_restorable 1")
    assert 450 + 540 <= place.clock.now() - began < 1200


def test_contact_that_is_in_the_way_of_many_and_not_restorable_by_a_500_is_tried_for_minutes_only_once() -> None:
    """Those who wait for their turn with it take the word that the first of them got, and wait no minutes of their own."""
    place = Place(unarchive_deleted=500)
    place.intercom.seed({"contacts": [person(external_id="x", email=ADDRESS, name="Old", deleted=True)]})
    began = place.clock.now()
    people = [user(f"u{number}", email=ADDRESS, name="New") for number in range(5)]
    result = place.write(*people, configuration=users(archived_contacts="unarchive"))
    assert None is result.error
    assert (0, 5) == counts(result)
    assert result.logged("not_restorable 5")
    assert 540 <= place.clock.now() - began < 610


def test_contact_whose_unarchive_is_throttled_between_its_500s_is_rejected_no_later() -> None:
    """Intercom's quota is no sign of an outage: one such record must not fail every sync."""
    throttled = {"endpoint": "POST /contacts/{id}/unarchive", "kind": "status", "status": 429, "every": 5}
    place = Place(unarchive_deleted=500, faults=[throttled])
    place.intercom.seed({"contacts": [{**U1, "deleted": True}]})
    began = place.clock.now()
    result = place.write(user(name="New"), configuration=users(archived_contacts="unarchive"))
    assert None is result.error
    assert (0, 1) == counts(result)
    assert result.logged("not_restorable 1")
    assert 540 <= place.clock.now() - began < 610


def test_lead_by_email_identity_is_updated_and_stays_a_lead() -> None:
    """Only an external_id makes a user of a lead."""
    place = Place()
    place.intercom.seed({"contacts": [LEAD]})
    result = place.write(user(ADDRESS, name="New"), configuration=users(**MAIL))
    assert (1, 0) == counts(result)
    assert [BY_MAIL, "PUT A"] == steps(result)
    (lead,) = result.contents["contacts"]
    assert ("lead", "New") == (lead["role"], lead["name"])


def test_lead_by_email_when_the_identity_is_an_id_becomes_a_user_with_it() -> None:
    """The id that Intercom made up for the lead is replaced."""
    result, _ = RUNGS["lead by address, upgraded"].run()
    contact = result.contact("u1")
    assert (A, "user") == (contact["id"], contact["role"])


@pytest.mark.parametrize("name", ["found, different", "found, equal, sent", "conflict with the same person"])
def test_external_id_when_a_known_user_is_updated_is_not_sent(name: str) -> None:
    """It goes only where it adopts, or upgrades a lead."""
    result, _ = RUNGS[name].run()
    (put,) = [each for each in result.exchanges if each["method"] == "PUT"]
    assert "external_id" not in put["request_body"]
    assert "role" not in put["request_body"]


def test_contact_that_two_records_want_to_adopt_is_given_to_one() -> None:
    """At once, on calls that take a second: the other finds it taken, and writes to nobody."""
    place = Place()
    place.intercom.seed({"contacts": [FREE]})
    probe = Probe(place.intercom, place.clock, lambda: 1.0)
    result = place.write(user("u1", **BOTH), user("u2", **BOTH), configuration=users(), transport=probe)
    assert None is result.error
    assert (1, 1) == counts(result)
    (contact,) = result.contents["contacts"]
    assert contact["external_id"] in {"u1", "u2"}
    assert result.logged("identity_conflict 1")
    assert 1 == result.calls["PUT /contacts/{id}"]


def test_refused_address_of_one_record_takes_no_other_value_with_it() -> None:
    """Merged with it, both would be lost; one by one the good one arrives."""
    place = Place()
    place.intercom.seed({"contacts": [U1, person(B, external_id="u2", email=ADDRESS)]})
    result = place.write(user(name="New"), user(email=ADDRESS), configuration=users())
    assert (2, 0) == counts(result)
    assert "New" == result.contact("u1")["name"]
    assert "" == result.contact("u1")["email"]


@pytest.mark.parametrize(("mode", "name"), [("skip", "Old"), ("send", "New")])
def test_unchanged_contact_when_it_was_edited_a_moment_ago_is_missed_by_skip_and_not_by_send(
    mode: str, name: str
) -> None:
    """The search shows for minutes what was before: a teammate's edit stays until `skip` can see it."""
    place = Place()
    place.intercom.seed({"contacts": [{**U1, "name": "New"}]})
    place.call("PUT", f"/contacts/{A}", {"name": "Old"})
    result = place.write(user(name="New"), configuration=users(unchanged_contacts=mode))
    assert (1, 0) == counts(result)
    assert name == result.contact("u1")["name"]


CLEARED = [("ignore", "Old", "pro", 0), ("clear", None, None, 1)]


@pytest.mark.parametrize(("nulls", "name", "plan", "puts"), CLEARED)
def test_null_when_selected_is_ignored_or_clears_and_never_the_address(
    nulls: str, name: str | None, plan: str | None, puts: int
) -> None:
    """And a second run has nothing left to clear."""
    place = Place()
    seeded = {**U1, "email": ADDRESS, "custom_attributes": {"plan": "pro"}}
    place.intercom.seed({"contacts": [seeded], "data_attributes": [{"name": "plan"}]})
    settings = users("email", "name", "plan", null_values=nulls)
    place.write(user(email=None, name=None, plan=None), configuration=settings)
    place.clock.sleep(2 * LAG)
    result = place.write(user(email=None, name=None, plan=None), configuration=settings)
    contact = result.contact("u1")
    assert (ADDRESS, name, plan) == (contact["email"], contact["name"], contact["custom_attributes"]["plan"])
    assert puts == result.calls.get("PUT /contacts/{id}", 0)


def test_value_that_goes_there_and_back_in_one_batch_is_sent() -> None:
    """The last equals what the search shows, but in between it did not."""
    place = Place()
    place.intercom.seed({"contacts": [U1]})
    result = place.write(user(name="New"), user(name="Old"), configuration=users())
    assert (2, 0) == counts(result)
    assert [BY_ID, "PUT A"] == steps(result)
    assert "Old" == result.contact("u1")["name"]


def test_value_that_goes_there_and_back_in_two_batches_is_sent_both_times() -> None:
    """What this run wrote stands in front of the search, which still shows the old value."""
    place = Place()
    place.intercom.seed({"contacts": [U1]})
    result = place.write_at(
        (0.0, [user(name="New")]), (20.0, [user(name="Old")]), (40.0, [user(name="Old")]), configuration=users()
    )
    assert (3, 0) == counts(result)
    assert [BY_ID, "PUT A", "PUT A"] == steps(result)
    assert "Old" == result.contact("u1")["name"]


@pytest.mark.parametrize(("mode", "name"), [("skip", "New"), ("send", "Old")])
def test_value_that_goes_back_in_the_next_run_within_the_lag_is_what_skip_can_miss(mode: str, name: str) -> None:
    """As the docs say; once the search shows it, `skip` puts it right."""
    place = Place()
    place.intercom.seed({"contacts": [U1]})
    settings = users(unchanged_contacts=mode)
    place.write(user(name="New"), configuration=settings)
    assert name == place.write(user(name="Old"), configuration=settings).contact("u1")["name"]
    place.clock.sleep(2 * LAG)
    assert "Old" == place.write(user(name="Old"), configuration=settings).contact("u1")["name"]


def test_event_whose_contact_the_run_before_made_waits_until_it_is_seen() -> None:
    """Its first answer is a 404, and the search does not know the person yet."""
    place = Place(event_lag=30.0)
    place.write(user(), configuration=config(), configured_catalog=catalog("users", "events"))
    result = place.write(record("events", user_id="u1", name="did it", at=1_700_000_000))
    assert None is result.error
    assert (1, 0) == counts(result)
    assert ["did it"] == [each["event_name"] for each in result.events]
    assert 1 == result.calls["GET /contacts/find_by_external_id/{external_id}"]


def schema(**properties: Any) -> dict[str, Any]:
    """A catalog whose stream declares these properties."""
    return catalog(
        "users", stream={**catalog("users")["streams"][0]["stream"], "json_schema": {"properties": properties}}
    )


DECLARED = schema(
    user_id={"type": "string"},
    a={"type": ["null", "integer"]},
    b={"type": "string", "format": "date-time"},
    c={"type": "number"},
    d={"type": "boolean"},
    e={"type": "string"},
    f={"type": "object"},
)


def test_missing_attributes_when_they_may_be_created_are_before_the_first_record() -> None:
    """Of the entry's type, else the schema's; and the values arrive in them."""
    place = Place()
    attributes: list[dict[str, Any] | str] = ["a", "b", "c", "d", {"property": "e", "type": "date"}]
    data: dict[str, Any] = {"a": "7", "b": "2024-05-06T00:00:00Z", "c": 1, "d": "true", "e": "2024-05-06"}
    result = place.write(
        user(**data), configuration=users(*attributes, missing_attributes="create"), configured_catalog=DECLARED
    )
    assert None is result.error
    made = {each["name"]: each["data_type"] for each in result.contents["data_attributes"] if each["custom"]}
    assert {"a": "integer", "b": "date", "c": "float", "d": "boolean", "e": "date"} == made
    expected = {"a": 7, "b": 1_714_953_600, "c": 1.0, "d": True, "e": 1_714_953_600}
    assert expected == result.contact("u1")["custom_attributes"]
    assert result.logged('Created the custom attribute "a" (integer)')
    again = place.write(
        user(**data), configuration=users(*attributes, missing_attributes="create"), configured_catalog=DECLARED
    )
    assert 5 == again.calls["POST /data_attributes"]


COMPANY = {"data_attributes": [{"name": "size", "model": "company", "data_type": "integer"}]}
TYPED = {"property": "a", "type": "string"}
MISSING: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], list[str]]] = {
    "of no type": ({"property": "a"}, {}, {}, ['"a"', "type"]),
    "of a name that is none": ({**TYPED, "attribute": "a.b!"}, {}, {}, ['"a.b!"', "alphanumeric"]),
    "a company's": (
        {**TYPED, "attribute": "size"},
        COMPANY,
        {},
        ['"size"', "You already have 'size' in your company data"],
    ),
    "one too many": (
        TYPED,
        {"data_attributes": [{"name": f"c{number}"} for number in range(250)]},
        {},
        ["250", '"a"'],
    ),
    "refused as one too many": (TYPED, {"data_attributes": [{"name": "c"}]}, {"attribute_limit": 1}, ["limit of 1"]),
}


@pytest.mark.parametrize("name", MISSING)
def test_missing_attribute_when_it_cannot_be_created_is_a_config_error_in_clear_words(name: str) -> None:
    """Nothing is written, no state leaves; Intercom's own words where it refused."""
    entry, seed, settings, words = MISSING[name]
    place = Place(**settings)
    place.intercom.seed(seed)
    result = place.write(user(a="x"), configuration=users(entry, missing_attributes="create"))
    assert isinstance(result.error, ConfigurationError)
    assert [] == [word for word in words if word not in result.error.message]
    assert [] == result.contents["contacts"]
    assert [] == result.states
    if name in {"of no type", "one too many"}:
        assert "POST /data_attributes" not in result.calls


def test_missing_attribute_when_it_is_to_be_skipped_is_left_out_with_a_warning() -> None:
    """The rest is written."""
    result = Place().write(user(a="x", name="N"), configuration=users("a", "name", missing_attributes="skip"))
    assert (1, 0) == counts(result)
    assert ("N", {}) == (result.contact("u1")["name"], result.contact("u1")["custom_attributes"])
    assert result.logged('does not have these custom attributes, so they are left out: "a"')
    assert "POST /data_attributes" not in result.calls


LISTED = {"data_attributes": [{"name": "plan", "options": ["free", "pro"]}, {"name": "seats", "data_type": "integer"}]}


def test_value_that_is_no_option_of_a_list_and_refused_is_left_out_counted_and_warned_of_once() -> None:
    """The record itself is delivered."""
    place = Place(options_outside="refuse")
    place.intercom.seed(LISTED)
    records = [user(f"u{number}", plan="gold" if number else "pro", seats=number) for number in range(3)]
    result = place.write(*records, configuration=users("plan", "seats"))
    assert (3, 0) == counts(result)
    assert {"plan": "pro", "seats": 0} == result.contact("u0")["custom_attributes"]
    assert {"seats": 2} == result.contact("u2")["custom_attributes"]
    assert result.logged('"plan": 2 no_option')
    assert 1 == sum('"plan": Intercom refused values that are not in the attribute' in text for text in result.logs)


@pytest.mark.parametrize("known", [True, False])
def test_attribute_that_intercom_refuses_all_the_same_is_left_out_and_counted(known: bool) -> None:
    """The number fits no 64 bits: the attribute is left out, the rest is sent."""
    place = Place()
    place.intercom.seed({**LISTED, "contacts": [U1] if known else []})
    result = place.write(user(name="New", seats=2**63, plan="pro"), configuration=users("name", "seats", "plan"))
    assert (1, 0) == counts(result)
    contact = result.contact("u1")
    assert ("New", {"plan": "pro"}) == (contact["name"], contact["custom_attributes"])
    assert result.logged('"seats": 1 refused')


DRY: dict[str, Any] = {"delivery": {"dry_run": True}}


def test_dry_run_reads_and_writes_nothing_and_ends_as_no_sync_does() -> None:
    """One config_error, no state, counts and masked examples; no value of a record anywhere."""
    place = Place(latency=0.01)
    place.intercom.seed(
        {
            "contacts": [
                person(external_id=f"{MARK}-1", name=f"{MARK} old"),
                person(B, external_id=f"{MARK}-2", name=f"{MARK} same"),
                person(email=f"{MARK}-4@example.com") | {"id": "5da6f18e3d7cf967e4582d08"},
            ]
        }
    )
    before = place.intercom.dump()
    settings = config(**DRY)
    settings["users"] = {**settings["users"], "missing_attributes": "create"}
    settings["users"]["attributes"] += [{"property": "plan", "type": "string"}]
    messages = [
        user(f"{MARK}-1", name=f"{MARK} new", plan=f"{MARK} plan"),
        user(f"{MARK}-2", name=f"{MARK} same"),
        user(f"{MARK}-4", email=f"{MARK}-4@example.com", name=f"{MARK} new"),
        user(f"{MARK}-5", name=f"{MARK} new"),
        user(7.5, name=f"{MARK} new"),  # type: ignore[arg-type]
        record("events", user_id=f"{MARK}-1", name="did it", at=1_700_000_000, note=MARK),
        record("events", user_id=f"{MARK}-1", name="did it", at=1_700_000_001, note=MARK),
    ]
    result = place.write(*messages, configuration=settings)
    assert isinstance(result.error, ConfigurationError)
    assert result.error.message.startswith("Dry run finished: nothing was written")
    assert [] == result.states
    after = result.contents
    for part in ("contacts", "events", "event_names", "data_attributes"):
        assert before[part] == after[part]
    assert {"GET", "POST /contacts/search"} == {
        "GET" if each["method"] == "GET" else f"{each['method']} {each['path']}" for each in result.exchanges
    }
    assert result.logged("1 contacts would be created, 2 updated, 2 events sent")
    assert result.logged("updates would write name 2, plan 1, external_id 1, email 1.")
    assert result.logged('Missing custom attributes, which would be created: "plan" (string).')
    assert result.logged("invalid_identity 1")
    assert result.logged("unchanged 1")
    assert 3 == sum("Dry run, an example of " in text for text in result.logs)
    assert result.logged("name: <text>")
    refuse_marks(*result.lines, result.error.message.encode())


def test_dry_run_when_the_input_holds_nothing_says_so_too() -> None:
    """No scheduler takes it for a sync."""
    result = Place().write(configuration=config(**DRY))
    assert isinstance(result.error, ConfigurationError)
    assert [] == result.states
    assert result.logged("0 contacts would be created, 0 updated, 0 events sent")


def reject_event(**data: Any) -> Result:
    """Write one event, of a person who is there unless `data` says another."""
    place = Place(event_name_limit=1)
    place.intercom.seed({"contacts": [U1], "event_names": ["did it"]})
    return place.write(record("events", **{"user_id": "u1", "name": "did it", "at": 1_700_000_000, **data}))


def reject_user(**data: Any) -> Result:
    """Write one contact with an identity or an address that is none."""
    settings = users(identity={"property": "user_id", "missing": "reject"})
    return Place().write(record("users", **data), configuration=settings)


def reject_vague_conflict() -> Result:
    """Write one contact whose creation ends in a conflict that names nobody."""
    body = {"type": "error.list", "errors": [{"code": "conflict", "message": "exists"}]}
    fault = {"endpoint": "POST /contacts", "kind": "status", "status": 409, "body": body}
    return Place(faults=[fault]).write(user(), configuration=users())


def reject_undeliverable() -> Result:
    """Write one event that something between us and Intercom does not let through."""
    place = Place(faults=[{"endpoint": "POST /events", "kind": "html", "status": 403, "matching": "did it"}])
    place.intercom.seed({"contacts": [U1]})
    return place.write(record("events", user_id="u1", name="did it", at=1_700_000_000))


def reject_uncertain() -> Result:
    """Write one lead whose creation is not answered."""
    place = Place(faults=[{"endpoint": "POST /contacts", "kind": "html"}])
    return place.write(user("ada@example.com"), configuration=users(**MAIL, create_as="lead"))


def reject_deletion() -> Result:
    """Write one deletion where none may be made."""
    place = Place()
    place.intercom.seed({"contacts": [U1]})
    none = users(deleted_records="archive", delivery={"max_deletions": 0})
    return place.write(user(_ab_cdc_deleted_at="2026-01-31"), configuration=none)


def of_rung(name: str) -> Callable[[], Result]:
    """The result of a rung."""
    return lambda: RUNGS[name].run()[0]


PRODUCERS: dict[str, Callable[[], Result]] = {
    "invalid_identity": lambda: reject_user(user_id=True),
    "missing_identity": lambda: reject_user(name="N"),
    "invalid_event_name": lambda: reject_event(name={"a": 1}),
    "invalid_time": lambda: reject_event(at="soon"),
    "unknown_user": lambda: reject_event(user_id="nobody"),
    "event_name_limit": lambda: reject_event(name="did more"),
    "ambiguous_email": of_rung("address of several"),
    "identity_conflict": of_rung("conflict with another person"),
    "contact_archived": of_rung("archived"),
    "contact_merged": of_rung("merged long ago"),
    "not_restorable": of_rung("deleted, not restorable"),
    "not_found": of_rung("not found, update_only"),
    "email_taken": of_rung("address refused"),
    "conflict": reject_vague_conflict,
    "refused": of_rung("not found, the identity refused"),
    "too_many_deletions": reject_deletion,
    "undeliverable": reject_undeliverable,
    "uncertain": reject_uncertain,
}
"""Who produces which reason of the docs' table."""


@pytest.mark.parametrize("reason", sorted({*REJECTION_REASONS, *PRODUCERS}))
def test_reason_of_the_docs_table_is_produced_and_told_to_the_user(reason: str) -> None:
    """A warning with what it means, and a count in the summary; the sync goes on, and but for one ends well."""
    result = PRODUCERS[reason]()
    assert (reason == "too_many_deletions") is (result.error is not None)
    assert (0, 1) == counts(result)
    assert result.logged(f"{reason} ({REJECTION_REASONS[reason]}")
    assert result.logged(f"{reason} 1")


def test_rungs_when_rejected_leave_everybody_as_they_were() -> None:
    """Who is not sure to be the person is not written to: whatever a rejected record says, no name is New."""
    rejected = {name: rung for name, rung in RUNGS.items() if rung.reason}
    assert [] == [name for name, rung in rejected.items() if any(person[2] == "New" for person in rung.people)]
    assert {rung.reason for rung in rejected.values()} <= REJECTION_REASONS.keys()
