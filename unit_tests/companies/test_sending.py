"""One change to one company: in one call, or without what Intercom refuses of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from destination_intercom import outcomes
from destination_intercom.attributes.new_attributes import NewAttributes
from destination_intercom.companies.directory import CompanyDirectory
from destination_intercom.companies.mapping import CompanyChange
from destination_intercom.companies.sending import MOST_CALLS, CompanyWriter
from destination_intercom.delivery.tasks import Pause
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import UpsertCompany
from destination_intercom.outcomes import Outcome, Status
from unit_tests.keys import by_company_id
from unit_tests.task_bench import ID, Bench, refusal

TAKEN = Answer(200, "json", {"type": "company", "id": ID})
WORDLESS = refusal(400, "bad_request", "Bad Request")


class Desk(Bench):
    """A writer of companies, with a directory of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.new_attributes = NewAttributes(self.time.now)
        self.writer = CompanyWriter(CompanyDirectory(self.time.now), self.new_attributes)

    def write(self, change: CompanyChange, *answers: Answer) -> tuple[Outcome, list[dict[str, Any]]]:
        """Write a company; return what came of it, and the bodies that were sent."""
        outcome, calls, _ = self.drive(self.writer.write(change), *answers)
        assert [] == self.held
        return outcome, [call.body or {} for call in calls]

    def write_to(self, bad: set[str], change: CompanyChange) -> tuple[Outcome, dict[str, Any], int]:
        """Write a company to an Intercom that refuses some names without a word; return what it has, and the calls."""
        has: dict[str, Any] = {}
        steps, calls = self.writer.write(change), 0
        step = next(steps)
        try:
            while True:
                if isinstance(step, UpsertCompany):
                    calls += 1
                    sent = {**step.payload, **step.payload.get("custom_attributes", {})}
                    is_bad = bool(bad & sent.keys())
                    has |= {} if is_bad else sent
                    step = steps.send(WORDLESS if is_bad else TAKEN)
                else:
                    step = next(steps)
        except StopIteration as stop:
            return stop.value, has, calls


def change(company_id: str = "a", **fields: Any) -> CompanyChange:
    """A change of these fields; those that begin with c_ are custom attributes."""
    own = {name: value for name, value in fields.items() if not name.startswith("c_")}
    return CompanyChange(by_company_id(company_id), own, {name: fields[name] for name in fields.keys() - own.keys()})


def test_company_when_taken_then_it_is_one_call_and_unchanged_when_it_comes_again() -> None:
    """By its id; without any property, too."""
    desk = Desk()
    body = {"company_id": "a", "name": "Acme", "custom_attributes": {"c_tier": "gold"}}
    assert (outcomes.DELIVERED, [body]) == desk.write(change(name="Acme", c_tier="gold"), TAKEN)
    assert (outcomes.UNCHANGED, []) == desk.write(change(name="Acme", c_tier="gold"))
    assert (outcomes.UNCHANGED, []) == desk.write(change())
    assert (outcomes.DELIVERED, [{"company_id": "b"}]) == desk.write(change("b"), TAKEN)


def test_value_when_a_refusal_names_it_then_it_alone_is_left_out_for_the_rest_of_the_run() -> None:
    """As its field, or in quotes; another value of the same name is tried."""
    desk = Desk()
    named = refusal(400, "parameter_invalid", "Custom attribute 'c_tier' does not exist")
    outcome, bodies = desk.write(change(name="Acme", c_tier="bad"), named, TAKEN)
    assert (Status.DELIVERED, (("c_tier", "refused"),)) == (outcome.status, outcome.trims)
    assert {"company_id": "a", "name": "Acme"} == bodies[-1]
    outcome, bodies = desk.write(change("b", c_tier="bad"), TAKEN)
    assert ((("c_tier", "refused"),), [{"company_id": "b"}]) == (outcome.trims, bodies)
    assert outcomes.DELIVERED == desk.write(change("b", c_tier="good"), TAKEN)[0]


@given(st.integers(1, 30), st.data())
def test_value_when_one_is_refused_without_a_word_then_all_others_are_written_or_eight_calls_are_made(
    count: int, data: st.DataObject
) -> None:
    """A law: of up to sixteen values one bad one is always found, and never costs the record."""
    names = [f"c_{number}" for number in range(count)]
    bad = data.draw(st.sampled_from(names))
    outcome, has, calls = Desk().write_to({bad}, change(**dict.fromkeys(names, "x")))
    assert (Status.DELIVERED, "a") == (outcome.status, has["company_id"])
    assert calls <= MOST_CALLS
    assert bad not in has
    written = {name for name in names if name in has}
    assert {(name, "refused") for name in names if name not in written} == set(outcome.trims)
    if count <= 16:
        assert written == set(names) - {bad}


@given(st.integers(1, 30), st.data())
def test_values_when_several_are_refused_then_none_of_them_is_written_and_the_record_is_delivered(
    count: int, data: st.DataObject
) -> None:
    """A law: what is still suspected after eight calls is left out."""
    names = [f"c_{number}" for number in range(count)]
    bad = data.draw(st.sets(st.sampled_from(names)))
    outcome, has, calls = Desk().write_to(bad, change(**dict.fromkeys(names, "x")))
    assert (Status.DELIVERED, "a") == (outcome.status, has["company_id"])
    assert calls <= MOST_CALLS
    assert set() == bad & has.keys()
    assert {name for name in names if name not in has} == {name for name, _ in outcome.trims}


@pytest.mark.parametrize("status", [400, 404, 409, 422])
def test_company_when_its_id_alone_is_refused_then_it_is_rejected(status: int) -> None:
    """There is nothing left to leave out; what no value can be the reason for rejects at once."""
    refused = refusal(status, "bad_request", "no")
    answers = [refused] * (2 if status in {400, 422} else 1)
    outcome, _ = Desk().write(change(name="Acme"), *answers)
    assert (Status.REJECTED, outcomes.REFUSED) == (outcome.status, outcome.reason)
    assert outcome.refusal is not None
    assert status == outcome.refusal.status


def test_attribute_when_it_is_new_then_a_refusal_is_waited_for_and_not_held_against_it() -> None:
    """Intercom may not know it for some seconds."""
    desk = Desk()
    desk.new_attributes.note_created(["c_tier"])
    steps = desk.writer.write(change(c_tier="gold"))
    next(steps)
    next(steps)
    named = refusal(400, "parameter_invalid", "Custom attribute 'c_tier' does not exist")
    assert isinstance(steps.send(named), Pause)
