"""A change that is sent without what Intercom refuses of it: what is taken, what is left out, and in how many calls."""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from destination_intercom.attributes.new_attributes import GRACE_SECONDS, LONGEST_PAUSE, NewAttributes
from destination_intercom.attributes.refusal_words import hinted_in, named_in
from destination_intercom.contacts.mapping import ContactChange
from destination_intercom.contacts.refusals import (
    MOST_VALUES,
    SURE_AFTER,
    RefusedValues,
    pieces_of,
)
from destination_intercom.contacts.sending import MOST_CALLS, Sending
from destination_intercom.contacts.turns import Turn
from destination_intercom.delivery.tasks import Step
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import Call, CreateContact, UpdateContact
from unit_tests.keys import by_email, by_id
from unit_tests.task_bench import ID, OTHER_ID, Bench, FakeTime, refusal, shown

NAMES = [f"c{number}" for number in range(60)]
ADDRESS = "k@example.com"


def flat(body: Mapping[str, Any]) -> dict[str, Any]:
    """The fields and attributes of a body, the identity apart."""
    left = {name: value for name, value in body.items() if name not in {"custom_attributes", "external_id", "role"}}
    return {**left, **body.get("custom_attributes", {})}


@dataclass
class Service:
    """Takes contacts without any of the `bad` names, and says by `naming` which one it refuses: message, field, nothing.

    With `takes_nothing` it takes none at all.
    """

    bad: Collection[str] = ()
    naming: str = "nothing"
    takes_nothing: bool = False
    kept: dict[str, Any] = field(default_factory=dict)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    values: RefusedValues = field(default_factory=RefusedValues)
    created: bool = False
    bench: Bench = field(default_factory=Bench)

    def answer(self, call: Call) -> Answer:
        """Answer one write."""
        assert isinstance(call, (CreateContact, UpdateContact))
        sent = flat(call.payload)
        self.bodies.append(sent)
        assert sent or isinstance(call, CreateContact) or "external_id" in call.payload, "an update of nothing"
        refused = [name for name in sent if name in self.bad]
        if self.takes_nothing or refused:
            name = refused[0] if refused else "nothing"
            told = f"Custom attribute '{name}' is wrong" if self.naming == "message" else "Invalid parameter"
            answer = refusal(400, "parameter_invalid", told)
            if self.naming == "field":
                answer.body["errors"][0]["field"] = f"custom_attributes.{name}"
            return answer
        self.created |= isinstance(call, CreateContact)
        self.kept.update(sent)
        return shown(external_id="k")

    def send(self, change: ContactChange, contact_id: str | None = ID, **more: Any) -> tuple[Sending, Answer | None]:
        """Send a change."""
        sending = Sending(
            change,
            turn=Turn(),
            values=self.values,
            new_attributes=NewAttributes(self.bench.time.now),
            whose=_whose,
            contact_id=contact_id,
            **more,
        )
        steps, answer = sending.send(), None
        try:
            step: Step = next(steps)
            while True:
                answer = self.answer(step) if isinstance(step, Call) else None
                step = next(steps) if answer is None else steps.send(answer)
        except StopIteration as stop:
            ended: Answer | None = stop.value
            return sending, ended


def _whose(_: Answer) -> Generator[Step, Answer, str]:
    yield from ()
    return "conflict"


def change(count: int, **fields: Any) -> ContactChange:
    """A change of so many custom attributes."""
    return ContactChange(by_id("k"), fields, {name: name for name in NAMES[:count]})


each_way = pytest.mark.parametrize("contact_id", [ID, None], ids=["update", "create"])
each_naming = pytest.mark.parametrize("naming", ["message", "field", "nothing"])


@each_way
@each_naming
@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 16, 32])
def test_value_when_it_alone_is_bad_is_left_out_and_all_others_are_taken(
    count: int, naming: str, contact_id: str | None
) -> None:
    """Wherever it stands, within eight calls; it is known to be bad then."""
    for number in range(count):
        service = Service(bad=[NAMES[number]], naming=naming)
        sending, ended = service.send(change(count), contact_id)
        assert None is ended
        assert {NAMES[number]} == set(NAMES[:count]) - service.kept.keys()
        assert [(NAMES[number], "refused")] == sending.trims
        assert len(service.bodies) <= (2 if naming != "nothing" else MOST_CALLS)
        is_known = count > 1 or naming != "nothing" or contact_id is None
        assert is_known == bool(service.values.leave_out(change(count))[1])


@settings(deadline=None, max_examples=300)
@given(
    st.integers(1, 60),
    st.sets(st.integers(0, 59), max_size=8),
    st.sampled_from(["message", "field", "nothing"]),
    st.booleans(),
    st.sampled_from([{}, {"external_id": "k"}]),
)
def test_change_when_any_of_its_values_are_bad_is_sent_in_eight_calls_and_each_value_is_taken_or_counted(
    count: int, bad: set[int], naming: str, is_new: bool, identity: dict[str, str]
) -> None:
    """No bad value gets in; a named one takes no good one with it, as long as there are calls."""
    wanted = change(count, name="N", phone="1")
    service = Service(bad=[NAMES[number] for number in bad], naming=naming)
    sending, ended = service.send(wanted, None if is_new else ID, identity={} if is_new else identity)
    assert None is ended
    assert len(service.bodies) <= MOST_CALLS
    everything = {"name", "phone", *NAMES[:count]}
    left_out = [name for name, _ in sending.trims]
    assert sorted(everything) == sorted([*service.kept, *left_out])
    guilty = {name for name in service.bad if name in everything}
    # The last call of a create is for the identity alone.
    if len(guilty) <= (MOST_CALLS - 1 - is_new if naming != "nothing" else 0):
        assert guilty == set(left_out)


@each_way
def test_change_when_nothing_of_it_is_taken_blames_no_value_unless_it_must(contact_id: str | None) -> None:
    """A person whose identity is refused is not created; of one who is there all is left out."""
    service = Service(takes_nothing=True)
    _, ended = service.send(change(4), contact_id)
    assert (contact_id is None) == (ended is not None)
    assert {} == service.kept
    assert ((), change(4)) == tuple(reversed(service.values.leave_out(change(4))))
    if contact_id is None:
        assert [{*NAMES[:4]}, set()] == [set(body) for body in service.bodies]


def test_value_when_nothing_else_was_sent_counts_as_bad_once_three_contacts_have_refused_it() -> None:
    """One that takes nothing at all looks the same."""
    service = Service(bad=["c0"])
    for number in range(SURE_AFTER):
        assert () == service.values.leave_out(change(1))[1]
        service.send(change(1), f"contact {number}")
        service.send(change(1), f"contact {number}")
    assert (("c0", "refused"),) == service.values.leave_out(change(1))[1]


def test_names_that_were_refused_before_are_tried_last() -> None:
    """Each record has another bad value of the same name: two calls each, not eight."""
    service = Service(bad=["c5"])
    service.send(change(16))
    for number in range(3):
        service.bodies.clear()
        wanted = ContactChange(by_id("k"), {}, {name: f"{name} {number}" for name in NAMES[:16]})
        sending, _ = service.send(wanted)
        assert [("c5", "refused")] == sending.trims
        assert 2 == len(service.bodies)


@each_way
def test_change_when_it_is_whole_ends_with_its_first_refusal(contact_id: str | None) -> None:
    """Its records go one by one then."""
    service = Service(bad=["c1"])
    sending, ended = service.send(change(4), contact_id, whole=True)
    assert ended is not None
    assert (1, [], {}) == (len(service.bodies), sending.trims, service.kept)


def test_refusal_when_it_goes_on_without_what_it_named_meant_something_else() -> None:
    """The word in quotes was a value, and happens to be a name, too: it is written after all."""

    class Misleading(Service):
        def answer(self, call: Call) -> Answer:
            answer = super().answer(call)
            return answer if answer.status == 200 else refusal(400, "parameter_invalid", "'c0' is no teammate")

    service = Misleading(bad=["c3"])
    sending, ended = service.send(change(5))
    assert None is ended
    assert [("c3", "refused")] == sending.trims
    assert {"c0", "c1", "c2", "c4"} == service.kept.keys()


def test_value_outside_its_list_when_nothing_is_named_is_the_first_to_go() -> None:
    """And counted as what it is."""
    service = Service(bad=["c9"])
    wanted = ContactChange(by_id("k"), {}, {name: name for name in NAMES[:12]}, outside=frozenset({"c9"}))
    sending, _ = service.send(wanted)
    assert [("c9", "no_option")] == sending.trims
    assert 2 == len(service.bodies)


OUT = "unsubscribed_from_emails"


@each_naming
def test_opt_out_when_a_contact_is_created_is_in_each_attempt(naming: str) -> None:
    """Nobody is there for a moment without it."""
    service = Service(bad=["c1"], naming=naming)
    sending, ended = service.send(change(3, **{OUT: True}), None)
    assert None is ended
    creates = service.bodies[: next(n for n, body in enumerate(service.bodies) if "c1" not in body) + 1]
    assert [True] * len(creates) == [body.get(OUT) for body in creates]
    assert not sending.has_lost_an_opt_out


@each_naming
def test_opt_out_when_a_create_with_it_is_refused_ends_it(naming: str) -> None:
    """Nobody is created."""
    service = Service(bad=[OUT], naming=naming)
    _, ended = service.send(change(3, **{OUT: True}), None)
    assert ended is not None
    assert not service.created
    assert (change(3, **{OUT: True}), ()) == service.values.leave_out(change(3, **{OUT: True}))


@each_naming
def test_opt_out_when_an_update_with_it_is_refused_is_lost_and_sent_again_next_time(naming: str) -> None:
    """The rest is written, and somebody hears of it."""
    service = Service(bad=[OUT], naming=naming)
    sending, ended = service.send(change(3, **{OUT: True}))
    assert None is ended
    assert sending.has_lost_an_opt_out
    assert {"c0", "c1", "c2"} == service.kept.keys()
    assert (change(3, **{OUT: True}), ()) == service.values.leave_out(change(3, **{OUT: True}))


def test_address_when_it_is_left_out_takes_what_stands_beside_it_with_it() -> None:
    """It is about that address, and Intercom takes it with one only."""
    service = Service(bad=["email"])
    sending, _ = service.send(ContactChange(by_id("k"), {"email": ADDRESS, "email_verified": True, "name": "N"}, {}))
    assert [("email", "refused"), ("email_verified", "no_email")] == sending.trims
    assert {"name": "N"} == service.kept


def test_address_when_it_is_the_identity_is_no_value_to_leave_out() -> None:
    """What stands beside it is."""
    wanted = ContactChange(by_email(ADDRESS), {"email": ADDRESS, "email_verified": True, "name": "N"}, {})
    assert [("name",), ("email_verified", "email")] == pieces_of(wanted)
    service = Service(bad=["email_verified"])
    sending, _ = service.send(wanted)
    assert [("email_verified", "refused")] == sending.trims


@pytest.mark.parametrize(
    ("error", "named"),
    [
        ({"message": "Custom attribute 'plan' does not exist"}, {"plan"}),
        ({"message": 'Custom attribute "plan" must be one of "seats", "pro"'}, {"plan"}),
        ({"message": "Custom attribute 'other' does not exist"}, set()),
        ({"message": "plan is wrong"}, set()),
        ({"field": "plan"}, {"plan"}),
        ({"field": "custom_attributes.plan", "message": None}, {"plan"}),
        ({"field": 7, "message": 7}, set()),
        ({}, set()),
    ],
)
def test_refusal_names_what_its_field_or_its_quotes_name(error: dict[str, Any], named: set[str]) -> None:
    """Nothing that is only a word of its message."""
    answer = Answer(400, "json", {"type": "error.list", "errors": [error]})
    assert named == named_in(answer, ["plan", "seats", "name"])


@pytest.mark.parametrize("body", [None, [], {}, {"errors": None}, {"errors": ["a", 7, None]}, {"errors": {"a": 1}}])
def test_refusal_when_it_has_no_errors_names_nothing(body: Any) -> None:
    """In whatever shape it comes."""
    answer = Answer(400, "json", body)
    assert (set(), set()) == (named_in(answer, ["plan"]), hinted_in(answer, ["plan"]))


@pytest.mark.parametrize(
    ("message", "hinted"),
    [
        ("The owner specified is not a member of the workspace", {"owner_id"}),
        ("name is invalid", {"name"}),
        ("Signed_up_at must be a unix timestamp", {"signed_up_at"}),
        ("email is invalid", {"email"}),
        ("Invalid parameter", set()),
        ("", set()),
    ],
)
def test_refusal_hints_at_what_its_words_may_mean(message: str, hinted: set[str]) -> None:
    """It is tried without these first."""
    names = ["owner_id", "name", "signed_up_at", "email", "phone"]
    assert hinted == hinted_in(refusal(400, "parameter_invalid", message), names)


def test_refused_value_when_met_again_is_kept_however_many_others_come_once() -> None:
    """An owner of a thousand people outlives a thousand pictures of one person each."""
    values = RefusedValues()

    def of(owner: str) -> ContactChange:
        return ContactChange(by_id("k"), {"owner_id": owner}, {})

    values.note(of("met again"), ("owner_id",), "refused")
    for number in range(2 * MOST_VALUES):
        values.note(of(f"once {number}"), ("owner_id",), "refused")
        if number % 1_000 == 0:
            assert (("owner_id", "refused"),) == values.leave_out(of("met again"))[1]
    assert () == values.leave_out(of("once 0"))[1]
    assert () == values.leave_out(of("never refused"))[1]


class NewBench:
    """New attributes, and their time."""

    def __init__(self, *names: str) -> None:
        self.time = FakeTime()
        self.new = NewAttributes(self.time.now)
        self.new.note_created(names)

    def refuse(self, name: str, *names: str) -> bool:
        """Whether a refusal that names `name`, "" for none, of a write of `names` is for its newness."""
        message = f"Custom attribute '{name}' does not exist" if name else "Invalid parameter"
        return self.new.explain(refusal(400, "parameter_invalid", message), names)


def test_new_attribute_when_it_is_refused_is_tried_again_after_longer_and_longer_pauses() -> None:
    """By whoever comes first; the others wait with them."""
    bench, pauses = NewBench("plan"), []
    while bench.refuse("plan", "plan", "seats"):
        assert bench.refuse("plan", "plan"), "one that was in flight beside it"
        pause = bench.new.pause(["plan"])
        assert pause is not None
        assert None is bench.new.pause(["seats"])
        pauses.append(pause.seconds)
        bench.time.seconds += pause.seconds
    assert [1.0, 2.0, 4.0, 8.0, LONGEST_PAUSE] == pauses[:5]
    assert GRACE_SECONDS == sum(pauses)
    assert None is bench.new.pause(["plan"])


@pytest.mark.parametrize(
    ("named", "sent", "explained"),
    [("plan", ["plan"], True), ("", ["plan", "x"], True), ("x", ["plan", "x"], False), ("", ["x"], False)],
)
def test_refusal_when_it_cannot_be_for_a_new_attribute_is_looked_into(
    named: str, sent: list[str], explained: bool
) -> None:
    """Only one that names a new one, or none while a new one was sent, may pass by itself."""
    assert explained == NewBench("plan").refuse(named, *sent)


def test_new_attribute_when_it_was_taken_is_new_no_longer() -> None:
    """A later refusal is for its value."""
    bench = NewBench("plan")
    bench.new.note_taken(["plan", "seats"])
    assert not bench.refuse("plan", "plan")


def test_contact_when_an_answer_shows_another_person_ends_there() -> None:
    """What follows would be written to them."""

    class Others(Service):
        def answer(self, call: Call) -> Answer:
            return shown(OTHER_ID, external_id="other")

    sending, ended = Others().send(change(3))
    assert sending.is_anothers
    assert ended is not None
