"""Which changes go in bulk, and as what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from destination_intercom.contacts.bulk_fields import Links, may_be_created, may_be_updated, to_create, to_update
from destination_intercom.contacts.mapping import ContactChange
from destination_intercom.standard_fields import FIELDS
from unit_tests.keys import by_email, by_id
from unit_tests.task_bench import ID

VALUES: dict[str, Any] = {
    "email": "k@example.com",
    "name": "N",
    "phone": "1",
    "avatar": "https://a.example",
    "signed_up_at": 1,
    "last_seen_at": 1,
    "owner_id": "7",
    "unsubscribed_from_emails": False,
    "email_verified": True,
}
CREATED = {"email", "name", "phone", "avatar", "signed_up_at", "last_seen_at", "owner_id", "unsubscribed_from_emails"}
UPDATED = {"name", "phone", "avatar", "owner_id", "unsubscribed_from_emails"}


def change(attributes: dict[str, Any] | None = None, **fields: Any) -> ContactChange:
    """A change to the contact `k`."""
    return ContactChange(by_id("k"), fields, attributes or {})


@pytest.mark.parametrize("name", FIELDS)
def test_field_when_bulk_takes_it_then_goes_there_and_else_does_not(name: str) -> None:
    """By Intercom's description; an address in an update may be somebody else's, and nobody knows what becomes of it."""
    alone, beside = change(**{name: VALUES[name]}), change({"plan": "pro"}, **{"phone": "1", name: VALUES[name]})
    for each in (alone, beside):
        assert (name in CREATED, name in UPDATED) == (may_be_created(each), may_be_updated(each))


def test_field_when_it_is_written_then_these_tests_have_a_value_for_it() -> None:
    """A new one is thought about."""
    assert set(FIELDS) == set(VALUES)


@pytest.mark.parametrize(
    "unusual",
    [
        change(name=None),
        change({"plan": None}),
        change(unsubscribed_from_emails=True),
        replace(change({"plan": "other"}), outside=frozenset({"plan"})),
    ],
    ids=["a null of a field", "a null of an attribute", "an opt-out", "a value outside of the list"],
)
def test_change_when_nobody_has_seen_what_bulk_does_with_it_then_goes_by_itself(unusual: ContactChange) -> None:
    """Or where it must not be lost."""
    assert (False, False) == (may_be_created(unusual), may_be_updated(unusual))


def test_change_when_what_was_outside_of_a_list_is_not_sent_then_may_go_in_bulk() -> None:
    """The contact has it already."""
    least = replace(change({"seats": 1}), outside=frozenset({"plan"}))
    assert may_be_updated(least)


def test_member_when_it_is_made_then_has_the_body_of_the_single_call_and_its_companies() -> None:
    """As the description has them: Intercom's id for an update, the identity for a create."""
    wanted = change({"plan": "pro"}, name="N")
    body = {"name": "N", "custom_attributes": {"plan": "pro"}}
    companies = {"companies": [{"company_id": "a"}, {"company_id": "b"}]}
    joining, tagged = Links(companies={"a": "1", "b": "2"}), Links(tags={"VIP": "3"}, tags_off=("4",))
    assert {"id": ID, **body} == to_update(ID, wanted)
    assert {"id": ID, **body, **companies} == to_update(ID, wanted, joining)
    assert {"id": ID, **companies} == to_update(ID, change(), joining)
    assert {"id": ID, "tags": {"add": [{"id": "3"}], "remove": [{"id": "4"}]}} == to_update(ID, change(), tagged)
    assert {"role": "user", "external_id": "k", **body} == to_create(wanted)
    assert {"role": "user", "email": "k@example.com", **companies} == to_create(
        ContactChange(by_email("k@example.com"), {}, {}), joining
    )
    assert [True, True, False] == [bool(each) for each in (joining, tagged, Links())]
