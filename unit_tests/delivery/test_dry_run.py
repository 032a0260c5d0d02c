"""A dry run: what would be written is answered and counted, and shown without a value."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from destination_intercom.contacts.known import read_identity
from destination_intercom.delivery.dry_run import EXAMPLES, DryRun, mask
from destination_intercom.errors import InternalError, StreamName
from destination_intercom.intercom.calls import (
    ArchiveContact,
    Call,
    CreateContact,
    CreateDataAttribute,
    DeleteContact,
    FindByExternalId,
    GetContact,
    GetMe,
    ListContactTags,
    ListDataAttributes,
    ListTags,
    PostEvent,
    SearchContacts,
    TagContacts,
    UnarchiveContact,
    UntagContact,
    UpdateContact,
    WriteCall,
)
from destination_intercom.intercom.classify import Verdict, judge
from unit_tests.strategies import JSON

CANARY = "canary-7"
WRITES: list[Call] = [
    CreateContact({"role": "user", "external_id": CANARY, "name": CANARY}),
    UpdateContact("id-1", {"name": CANARY, "custom_attributes": {"plan": CANARY}}),
    ArchiveContact("id-1"),
    UnarchiveContact("id-1"),
    CreateDataAttribute({"name": "plan", "model": "contact", "data_type": "string"}),
    TagContacts(CANARY, ("id-1", "id-2")),
    UntagContact("id-1", "id-3"),
    PostEvent({"event_name": "did it", "created_at": 7, "user_id": CANARY, "metadata": {"note": CANARY}}),
]
COUNTED: list[type[WriteCall]] = [CreateContact, UpdateContact, TagContacts, UntagContact, PostEvent]
READS: list[Call] = [
    GetMe(),
    ListDataAttributes(),
    GetContact("id-1"),
    FindByExternalId(CANARY),
    SearchContacts({"query": {}}),
    ListTags(),
    ListContactTags("id-1"),
]


@pytest.mark.parametrize("take_away", [ArchiveContact, DeleteContact])
def test_contact_that_would_be_made_or_taken_away_is_shown_as_it_would_be(
    take_away: type[ArchiveContact | DeleteContact],
) -> None:
    """Who was made is there, who was taken away is not, and who was restored is again; Intercom is asked of others."""
    dry = DryRun(COUNTED)
    made = dry.answer(CreateContact({"role": "user", "external_id": CANARY, "name": CANARY}))
    assert made is not None
    new = GetContact(made.body["id"])
    shown = dry.answer(new)
    assert shown is not None
    assert (made.body["id"], CANARY, "user") == (shown.body["id"], shown.body["external_id"], shown.body["role"])
    for read in (new, GetContact("id-1")):
        before = dry.answer(read)
        dry.answer(take_away(read.contact_id))
        gone = dry.answer(read)
        assert gone is not None
        assert 404 == gone.status
        dry.answer(UnarchiveContact(read.contact_id))
        assert before == dry.answer(read)
    assert None is dry.answer(GetContact("id-2"))


@pytest.mark.parametrize("call", READS)
def test_call_when_it_only_reads_is_left_to_intercom(call: Call) -> None:
    """What Intercom has is really asked for."""
    assert None is DryRun(COUNTED).answer(call)


def test_call_when_it_does_not_say_what_it_does_ends_the_dry_run() -> None:
    """A call that nobody has thought of here might write: it is never sent."""

    class Unsaid(Call):
        """A call that says neither that it reads nor that it writes."""

        endpoint = "POST /unsaid"

    with pytest.raises(InternalError, match="POST /unsaid"):
        DryRun(COUNTED).answer(Unsaid())


@pytest.mark.parametrize("call", WRITES)
def test_call_when_it_would_write_is_answered_as_a_success(call: Call) -> None:
    """The rest of the program sees what it would see if all went well."""
    answer = DryRun(COUNTED).answer(call)
    assert answer is not None
    assert call.is_answered_by(answer)
    assert Verdict.ANSWER is judge(call, answer).verdict


def test_contact_when_it_would_be_created_is_answered_with_an_id_of_its_own_and_what_was_sent() -> None:
    """Its further records are compared with that."""
    dry_run = DryRun(COUNTED)
    first, second = dry_run.answer(WRITES[0]), dry_run.answer(WRITES[0])
    assert first is not None
    assert second is not None
    assert first.body["id"] != second.body["id"]
    contact = read_identity(first.body)
    assert (CANARY, "user", CANARY) == (contact.external_id, contact.role, first.body["name"])


def test_summary_when_all_was_counted_tells_the_numbers_and_which_attributes_how_often() -> None:
    """The attribute that would be written most comes first."""
    dry_run = DryRun(COUNTED)
    for call in [*WRITES, UpdateContact("id-2", {"custom_attributes": {"plan": "x", "seats": 7}}), WRITES[-1]]:
        dry_run.answer(call)
    told = list(dry_run.summary())
    assert (
        "Dry run: 1 contacts would be created, 2 updated, 2 people tagged, 1 people untagged, 2 events sent." in told[0]
    )
    assert "Dry run: updates would write plan 2, name 1, seats 1." == told[1]
    # One of each endpoint that is counted.
    assert len({call.endpoint for call in COUNTED}) == sum("an example" in text for text in told)
    assert CANARY not in "".join(told)


def test_summary_when_people_would_be_tagged_counts_people_and_not_calls() -> None:
    """A call without people only makes the tag."""
    dry_run = DryRun([TagContacts, UntagContact])
    for call in (TagContacts("a", ("1", "2")), TagContacts("b", ("3",)), TagContacts("c"), UntagContact("1", "2")):
        dry_run.answer(call)
    assert "Dry run: 3 people tagged, 1 people untagged." in next(dry_run.summary())


def test_summary_when_nothing_would_be_written_says_so_in_one_line() -> None:
    """No attributes, no examples."""
    dry_run = DryRun(COUNTED)
    for call in READS:
        dry_run.answer(call)
    (only,) = dry_run.summary()
    assert "0 contacts would be created, 0 updated, 0 people tagged, 0 people untagged, 0 events sent" in only


def test_examples_when_there_are_many_are_one_of_each_stream_and_endpoint() -> None:
    """The shape is enough, and each stream may have its own."""
    dry_run = DryRun(COUNTED)
    for number in range(10):
        stream = StreamName("users" if number % 2 else "people")
        dry_run.answer(CreateContact({"external_id": str(number), f"field_{number}": 1}), stream)
    told = [text for text in dry_run.summary() if "an example" in text]
    assert [
        'Dry run, an example of "people": POST /contacts {role: <text>, external_id: <text>, field_0: <number>}',
        'Dry run, an example of "users": POST /contacts {role: <text>, external_id: <text>, field_1: <number>}',
    ] == [text.replace("{external_id", "{role: <text>, external_id") for text in told]
    for number in range(EXAMPLES * 2):
        dry_run.answer(CreateContact({"external_id": "1"}), StreamName(f"s{number}"))
    assert EXAMPLES == sum("an example" in text for text in dry_run.summary())


def test_mask_when_it_hides_values_shows_their_types() -> None:
    """Names are the configuration's; values are the person's."""
    payload = {
        "external_id": CANARY,
        "signed_up_at": 7,
        "ratio": 7.5,
        "on": True,
        "off": None,
        "list": [CANARY],
        "custom_attributes": {"plan": CANARY},
        "empty": {},
    }
    expected = (
        "{external_id: <text>, signed_up_at: <number>, ratio: <number>, on: <boolean>, off: <null>, list: <list>,"
        " custom_attributes: {plan: <text>}, empty: {}}"
    )
    assert expected == mask(payload)


@settings(deadline=None)
@given(JSON)
def test_mask_when_given_anything_shows_one_of_few_words(value: object) -> None:
    """Nothing of a value comes through."""
    if not isinstance(value, dict):
        assert mask(value) in {"<text>", "<number>", "<boolean>", "<null>", "<list>"}
    else:
        masked = mask(value)
        assert masked.startswith("{")
        assert masked.endswith("}")
