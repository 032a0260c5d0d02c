"""Harmless calls of contacts: what they ask or write, and of whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from destination_intercom.contacts.probes import find_probes
from destination_intercom.delivery.probes import Probe, Taken
from destination_intercom.identity import Key
from destination_intercom.intercom.calls import (
    ArchiveContact,
    ArchivePerson,
    AttachCompany,
    Call,
    CreateContact,
    CreateLead,
    DeleteContact,
    FindByExternalId,
    GetContact,
    ListContactCompanies,
    ListContactTags,
    ListTags,
    PostEvent,
    SearchContacts,
    TagContacts,
    UnarchiveContact,
    UntagContact,
    UpdateContact,
    UpdateContactsInBulk,
)
from unit_tests.keys import by_email, by_id
from unit_tests.task_bench import READER, contact

IDS = {by_id("new"): "id-new"}


def probes(call: Call, *taken: Taken, somebody: Key | None = None, tag: str | None = None) -> list[Probe]:
    """What is offered at the endpoint of a call."""
    return list(find_probes(call, taken, somebody=somebody, contact_id=IDS.get, tag=tag))


def test_probe_of_an_update_is_what_a_bulk_call_has_written_if_it_is_so_still() -> None:
    """By itself, and without what no single update takes; nobody's value is put back."""
    contacts = (
        {"id": "other", "name": "O"},
        {"id": "id-new", "name": "N", "custom_attributes": {"plan": "x"}, "companies": [], "tags": {}},
    )
    taken = [(by_id("new"), UpdateContactsInBulk(contacts)), (by_id("unknown"), UpdateContactsInBulk(contacts))]
    call, asked = UpdateContact("9", {}), []

    def is_so(contact_id: str, payload: Mapping[str, Any]) -> bool:
        asked.append((contact_id, payload))
        return True

    payload = {"name": "N", "custom_attributes": {"plan": "x"}}
    offered = list(find_probes(call, taken, somebody=None, contact_id=IDS.get, is_so=is_so))
    assert [Probe(UpdateContact("id-new", payload), by_id("new"))] == offered
    assert [("id-new", payload)] == asked
    assert [] == probes(call, *taken)


def test_contact_has_the_values_of_a_payload_if_each_is_known_to_be_so() -> None:
    """What nobody has shown counts as another value."""
    known = contact(name="N", custom_attributes={"plan": "x"})
    assert READER.has(known, {"name": "N", "custom_attributes": {"plan": "x"}})
    assert not READER.has(known, {"name": "M"})
    assert not READER.has(known, {"name": "N", "custom_attributes": {"seats": 1}})
    assert not READER.has(known, {"phone": "1"})


def test_probe_of_a_create_is_the_create_of_somebody_who_exists() -> None:
    """By the identity alone: whom this run has made, else somebody who was found."""
    made: list[Taken] = [
        (by_id("new"), CreateContact({"role": "user", "external_id": "new", "email": "e", "name": "N"})),
        (by_email("a@b"), CreateContact({"role": "user", "email": "a@b"})),
    ]
    assert [
        Probe(CreateContact({"role": "user", "external_id": "new"}), by_id("new")),
        Probe(CreateContact({"role": "user", "email": "a@b"}), by_email("a@b")),
        Probe(CreateContact({"role": "user", "external_id": "old"}), by_id("old")),
    ] == probes(CreateContact({}), *made, somebody=by_id("old"))
    assert [] == probes(CreateContact({}), (by_id("k"), UpdateContact("1", {"name": "N"})))


def test_probe_of_a_create_is_never_that_of_a_lead() -> None:
    """Intercom refuses none, so that it would make a second contact: a user, or a lead."""
    lead = CreateLead({"role": "lead", "email": "a@b"})
    assert [] == probes(CreateContact({}), (by_email("a@b"), lead))
    assert [] == probes(lead, (by_id("new"), CreateContact({"role": "user", "external_id": "new"})))


def test_probe_of_an_update_is_one_that_was_made_again_but_never_an_identity() -> None:
    """While nothing else is written to that person; else one of whom this run has made, as they were made."""
    taken: list[Taken] = [
        (by_id("a"), UpdateContact("1", {"name": "N", "custom_attributes": {"plan": "pro"}})),
        (by_id("b"), UpdateContact("2", {"role": "user", "external_id": "b", "phone": "1"})),
        (by_id("c"), UpdateContact("3", {"external_id": "c"})),
        (by_id("new"), CreateContact({"role": "user", "external_id": "new", "name": "N"})),
        (by_id("bare"), CreateContact({"role": "user", "external_id": "bare"})),
        (by_id("forgotten"), CreateContact({"role": "user", "external_id": "forgotten", "name": "N"})),
    ]
    assert [
        Probe(UpdateContact("1", {"name": "N", "custom_attributes": {"plan": "pro"}}), by_id("a")),
        Probe(UpdateContact("2", {"phone": "1"}), by_id("b")),
        Probe(UpdateContact("id-new", {"name": "N"}), by_id("new")),
    ] == probes(UpdateContact("9", {}), *taken)


def test_probe_of_a_search_asks_by_the_same_field_for_nobody() -> None:
    """A search by the address may fail where one by the User ID does not."""
    for field in ("external_id", "email"):
        one = {"field": field, "operator": "IN", "value": ["a", "b"]}
        for query in (one, {"operator": "OR", "value": [one, one]}):
            (probe,) = probes(SearchContacts({"query": query}))
            assert isinstance(probe.call, SearchContacts)
            assert (field, "=") == (probe.call.query["query"]["field"], probe.call.query["query"]["operator"])
            assert "nobody" in probe.call.query["query"]["value"]
            assert probe.key is None


def test_probe_of_a_question_is_one_that_was_answered_and_then_one_about_nobody() -> None:
    """To read changes nothing."""
    found, read = FindByExternalId("k"), GetContact("1")
    first, second = probes(FindByExternalId("bad"), (by_id("k"), found), (by_id("k"), read))
    assert Probe(found) == first
    assert isinstance(second.call, FindByExternalId)
    assert "nobody" in second.call.external_id
    assert [Probe(read), Probe(GetContact("0" * 24))] == probes(
        GetContact("9"), (by_id("k"), found), (by_id("k"), read)
    )


def test_probe_of_an_attachment_is_one_that_was_made_again_and_then_one_of_nobody() -> None:
    """Both change nothing, and so does a list of companies."""
    made, read = AttachCompany("1", "c"), ListContactCompanies("1")
    taken: list[Taken] = [(by_id("k"), made), (by_id("k"), read), (by_id("k"), GetContact("1"))]
    assert [Probe(made), Probe(AttachCompany("0" * 24, "0" * 24))] == probes(AttachCompany("9", "c"), *taken)
    assert [Probe(read), Probe(ListContactCompanies("0" * 24))] == probes(ListContactCompanies("9"), *taken)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (ArchivePerson("9"), ArchiveContact("0" * 24)),
        (ArchiveContact("9"), ArchiveContact("0" * 24)),
        (DeleteContact("9"), DeleteContact("0" * 24)),
    ],
)
def test_probe_of_a_deletion_is_one_of_nobody_alone(call: Call, expected: Call) -> None:
    """Who was archived in this run may be back, so that nobody who was ever there is archived once more."""
    taken: list[Taken] = [(by_id("k"), ArchivePerson("1")), (by_id("k"), DeleteContact("2"))]
    assert [Probe(expected)] == probes(call, *taken, somebody=by_id("k"))


def test_probe_of_tags_reads_takes_one_off_nobody_or_makes_one_that_is_there() -> None:
    """The name of one that is known, of those that were taken, and last the one that is to be made."""
    made, read = TagContacts("b", ("1", "2")), ListContactTags("1")
    taken: list[Taken] = [(by_id("k"), made), (by_id("k"), read), (by_id("k"), UntagContact("1", "t"))]
    assert [Probe(ListTags())] == probes(ListTags(), *taken)
    assert [Probe(read), Probe(ListContactTags("0" * 24))] == probes(ListContactTags("9"), *taken)
    assert [Probe(UntagContact("0" * 24, "7"))] == probes(UntagContact("9", "7"), *taken)
    expected = [Probe(TagContacts(name)) for name in ("a", "b", "c")]
    assert expected == probes(TagContacts("c", ("9",)), *taken, tag="a")
    assert expected[2:] == probes(TagContacts("c", ("9",)))


def test_probe_of_anything_else_is_none() -> None:
    """Nobody is restored for a question; events have their own."""
    taken: list[Taken] = [(by_id("k"), ArchiveContact("1")), (by_id("k"), PostEvent({}))]
    for call in (UnarchiveContact("1"), PostEvent({})):
        assert [] == probes(call, *taken, somebody=by_id("k"))
