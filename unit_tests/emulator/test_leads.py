"""Leads: made twice by a blind retry, upgraded, merged into users."""

import re
from typing import Any

import pytest

from unit_tests.emulator.bench import Bench, code, good, refusal

EMAIL = "ada@example.com"
UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ALONE = (400, "parameter_invalid", "A user needs an external_id or an email")


def _merge(bench: Bench, lead: dict[str, Any], user: dict[str, Any], **more: Any) -> Any:
    return bench.ask("POST", "/contacts/merge", {"from": lead["id"], "into": user["id"], **more})


def test_lead_when_its_creation_is_retried_after_a_lost_answer_then_there_are_two() -> None:
    """The first answer is lost after the effect: nothing about a lead is unique, so the second is another one."""
    bench = Bench(faults=[{"endpoint": "POST /contacts", "kind": "reset_after", "first": 1}], search_lag=30.0)
    body = {"role": "lead", "email": EMAIL, "external_id": "42"}
    for _ in range(2):
        bench.ask("POST", "/contacts", body)
    leads = bench.intercom.dump()["contacts"]
    assert 2 == len({each["id"] for each in leads}) == len({each["external_id"] for each in leads})
    assert all(UUID.fullmatch(each["external_id"]) for each in leads)
    query = {
        "operator": "AND",
        "value": [
            {"field": "email", "operator": "=", "value": EMAIL},
            {"field": "role", "operator": "=", "value": "lead"},
        ],
    }

    def found() -> int:
        return len(good(bench.ask("POST", "/contacts/search", {"query": query}))["data"])

    assert 0 == found()
    bench.now += 30
    assert 2 == found()


@pytest.mark.parametrize(("upgraded_lead", "kept"), [("keep", True), ("drop", False)])
def test_lead_when_it_becomes_a_user_by_its_email_then_keeps_the_uuid_by_the_setting(
    upgraded_lead: str, kept: bool
) -> None:
    """The same contact, by an email that it has or that comes along; an external_id that is sent is taken."""
    bench = Bench(upgraded_lead=upgraded_lead)
    leads = [bench.create(role="lead", email=EMAIL), bench.create(role="lead"), bench.create(role="lead")]
    sent: list[dict[str, str]] = [{}, {"email": "bob@example.com"}, {"external_id": "7", "email": "eve@example.com"}]
    users = [good(bench.update(lead, role="user", **fields)) for lead, fields in zip(leads, sent, strict=True)]
    assert [("user", each["id"]) for each in leads] == [(each["role"], each["id"]) for each in users]
    assert [leads[0]["external_id"] if kept else None, leads[1]["external_id"] if kept else None, "7"] == [
        each["external_id"] for each in users
    ]
    assert [EMAIL, "bob@example.com", "eve@example.com"] == [each["email"] for each in users]
    expected = (400, "client_error", "Contact with user role can't be converted to a lead")
    assert expected == refusal(bench.update(users[0], role="lead"))


def test_lead_when_it_becomes_a_user_without_an_identity_then_400() -> None:
    """The UUID is none: a user needs an external_id of ours, or an email."""
    bench = Bench()
    lead = bench.create(role="lead", name="Somebody")
    assert ALONE == refusal(bench.update(lead, role="user"))
    assert ALONE == refusal(bench.update(bench.create(role="lead", email=EMAIL), role="user", email=None))
    assert lead == bench.get(f"/contacts/{lead['id']}")


@pytest.mark.parametrize(("sharing", "status"), [("conflict", 409), ("take", 200)])
def test_lead_when_it_becomes_a_user_whose_email_another_has_then_409_unless_emails_are_shared(
    sharing: str, status: int
) -> None:
    """A lead may have anybody's address; a user may not, be it sent or known before."""
    bench = Bench(update_with_known_email=sharing)
    ada = bench.create(external_id="1", email=EMAIL)
    known, new = bench.create(role="lead", email=EMAIL), bench.create(role="lead")
    answers = [bench.update(known, role="user", external_id="2"), bench.update(new, role="user", email=EMAIL)]
    assert [status] * 2 == [each.status for each in answers]
    if status == 409:
        message = f"A contact matching those details already exists with id={ada['id']}"
        assert [(409, "conflict", message)] * 2 == [refusal(each) for each in answers]


def test_lead_when_merged_into_a_user_then_the_user_has_what_only_the_lead_had() -> None:
    """Fields, attributes, tags and companies; the lead is gone, and points at the user."""
    bench = Bench()
    for name in ("plan", "source"):
        bench.attribute(name)
    user = bench.create(external_id="1", email=EMAIL, name="Ada", custom_attributes={"plan": "pro"})
    lead = bench.create(
        role="lead", email=EMAIL, name="A.", phone="+1", custom_attributes={"plan": "free", "source": "web"}
    )
    both, own = bench.company("both"), bench.company("own")
    for contact, company in ((user, both), (lead, both), (lead, own)):
        good(bench.attach(contact, company))
    good(bench.tag("VIP", user, lead))
    good(bench.tag("New", lead))
    merged = good(_merge(bench, lead, user))
    expected = {"id": user["id"], "external_id": "1", "role": "user", "name": "Ada", "phone": "+1"}
    expected["custom_attributes"] = {"plan": "pro", "source": "web"}
    assert expected == {key: merged[key] for key in expected}
    assert [both["id"], own["id"]] == [each["id"] for each in merged["companies"]["data"]]
    assert 2 == merged["tags"]["total_count"]
    answer = bench.ask("GET", f"/contacts/{lead['id']}")
    assert (410, f'</contacts/{user["id"]}>; rel="canonical"') == (answer.status, answer.headers["Link"])
    assert merged == bench.get(f"/contacts/{user['id']}")
    assert 1 == bench.get("/companies?company_id=own")["user_count"]


def test_merge_when_the_two_are_no_doubles_then_400_unless_skipped_or_before_the_check() -> None:
    """The same email or the same phone; 2.16 is the version whose description has the check."""
    bench = Bench()
    user = bench.create(external_id="1", email=EMAIL, phone="+1")
    leads = [bench.create(role="lead", **each) for each in ({"email": "b@b.co"}, {}, {"phone": "+1"}, {"phone": "+2"})]
    message = (
        "Contacts can only be merged when they are duplicates (matching email or phone)."
        " Pass skip_duplicate_validation=true to override this check."
    )
    for lead in leads[:2]:
        assert (400, "invalid_merge", message) == refusal(_merge(bench, lead, user))
    nameless = bench.create(external_id="2")
    assert (400, "invalid_merge", message) == refusal(_merge(bench, leads[1], nameless))
    good(_merge(bench, leads[0], user, skip_duplicate_validation=True))
    good(_merge(bench, leads[2], user))
    body = {"from": leads[3]["id"], "into": user["id"]}
    good(bench.ask("POST", "/contacts/merge", body, Intercom_Version="2.15"))


def test_merge_when_the_roles_are_wrong_or_somebody_is_unknown_then_is_refused() -> None:
    """From a lead into a user, both of them there."""
    bench = Bench()
    user, other = (bench.create(external_id=each, phone="+1") for each in "12")
    lead, second = (bench.create(role="lead", phone="+1") for _ in range(2))
    for pair in ((user, other), (user, lead), (lead, second), (user, user)):
        assert (400, "invalid_merge") == code(_merge(bench, *pair))
    good(bench.ask("POST", f"/contacts/{other['id']}/archive"))
    for pair in ((lead, {"id": "nobody"}), ({"id": "nobody"}, user), (lead, other)):
        assert (404, "not_found", "User Not Found") == refusal(_merge(bench, *pair))
    assert (404, "not_found") == code(bench.ask("POST", "/contacts/merge", {}))
