"""Companies as a kind of object: what is compiled, shown, checked, offered as a probe, and told at the end."""

from __future__ import annotations

from typing import Any

import pytest

from destination_intercom.companies.directory import CompanyDirectory
from destination_intercom.companies.kind import Companies
from destination_intercom.companies.mapping import CompanyChange
from destination_intercom.configuration.config import parse_config
from destination_intercom.configuration.plan import PlanChecks
from destination_intercom.contacts.mapping import ContactChange
from destination_intercom.delivery.probes import Probe
from destination_intercom.errors import ConfigurationError
from destination_intercom.intercom.calls import GetContact, ListDataAttributes, UpsertCompany
from unit_tests.data_attributes import attribute, listing_of
from unit_tests.keys import by_company_id, by_id
from unit_tests.strategies import base_config, catalog_stream
from unit_tests.task_bench import ID


def make(directory: CompanyDirectory | None = None, **section: Any) -> tuple[Companies, PlanChecks]:
    """The companies of a sync of the stream `s`; switched off if there is no section."""
    companies = {"mode": "enabled", "streams": [{"stream": "s", "company_id_property": "id"}], **section}
    users = {"mode": "enabled", "streams": [{"stream": "people"}]}
    config = parse_config(base_config(users=users, **({"companies": companies} if section else {})))
    checks = PlanChecks(config, [catalog_stream(), catalog_stream("people")])
    kind = Companies(config, directory=directory or CompanyDirectory(lambda: 0.0), now=lambda: 0.0)
    return kind, checks


def test_kind_when_switched_off_then_it_takes_no_stream_and_needs_nothing() -> None:
    """Nor is anything said of it."""
    kind, checks = make()
    assert ([], [], ()) == (kind.compile(catalog_stream(), checks), kind.permissions, kind.writes)
    assert [] == list(kind.check())
    assert [] == list(kind.summary())


def test_record_when_compiled_then_it_is_a_company_with_the_workspaces_types() -> None:
    """Asked for the model company."""
    kind, checks = make(attributes=[{"property": "name"}, {"property": "tier"}])
    (rule,) = kind.compile(catalog_stream(), checks)
    steps = kind.prepare()
    assert ListDataAttributes("company") == next(steps)
    with pytest.raises(StopIteration):
        steps.send(listing_of(attribute("tier", "integer")))
    made = rule.map_record({"id": "a", "name": "Acme", "tier": "7"})
    assert isinstance(made, CompanyChange)
    assert ("company", {"company_id": "a", "name": "Acme", "custom_attributes": {"tier": 7}}) == kind.show(made)
    assert 'companies.attributes, entry 2 ("tier")' == rule.entries["tier"].place


def test_attributes_when_they_come_as_text_then_they_are_those_of_a_list() -> None:
    """After those of the list, each named by its line; a stream with a list of its own has neither."""
    kind, checks = make(attributes=[{"property": "name"}], attributes_text="size: integer = billing.seats\nplan")
    (rule,) = kind.compile(catalog_stream(), checks)
    made = rule.map_record({"id": "a", "name": "Acme", "billing": {"seats": "7"}, "plan": "Pro"})
    assert isinstance(made, CompanyChange)
    assert {"name": "Acme", "size": 7, "plan": "Pro"} == made.fields
    assert 'companies.attributes_text, line 1 ("billing.seats")' == rule.entries["size"].place
    streams = [{"stream": "s", "company_id_property": "id", "attributes": [{"property": "plan"}]}]
    kind, checks = make(streams=streams, attributes=[{"property": "name"}], attributes_text="size")
    assert ["plan"] == list(kind.compile(catalog_stream(), checks)[0].entries)


def test_attribute_when_the_plans_name_is_read_only_then_the_companys_name_is_written() -> None:
    """Intercom lists both under the name `name` (its API description)."""
    kind, checks = make(attributes=[{"property": "name"}])
    kind.compile(catalog_stream(), checks)
    steps = kind.prepare()
    next(steps)
    own = attribute("name", full_name="name", custom=False)
    plans = attribute("name", full_name="plan.name", custom=False, api_writable=False)
    with pytest.raises(StopIteration):
        steps.send(listing_of(own, plans))


def test_attribute_when_the_workspace_lacks_it_then_the_error_names_the_section_and_the_page() -> None:
    """In the test of the destination, too."""
    kind, _ = make(attributes=[{"property": "tier", "type": "string"}])
    steps = kind.check()
    next(steps)
    with pytest.raises(ConfigurationError, match=r"^companies\.attributes: .*\"tier\" \(string\).*Data > Companies"):
        steps.send(listing_of())


def test_end_when_companies_have_no_people_then_it_tells_how_many() -> None:
    """Nobody would see them."""
    directory = CompanyDirectory(lambda: 0.0)
    kind, _ = make(directory, filters=[])
    assert [] == list(kind.summary())
    directory.note_written(by_company_id("a"), {"id": ID}, {})
    (told,) = kind.summary()
    assert "have no people, as far as it knows: 1." in told


def test_probe_when_a_company_was_written_then_it_is_written_again_by_its_id_alone() -> None:
    """That changes nothing; while nothing else is written to it. Of other endpoints it knows none."""
    kind, _ = make(filters=[])
    taken = [(by_id("u"), GetContact(ID)), (by_id("u"), UpsertCompany({"company_id": "a", "name": "Acme"}))]
    expected = [Probe(UpsertCompany({"company_id": "a"}), by_company_id("a"))]
    assert expected == list(kind.probes(UpsertCompany({"company_id": "b"}), taken))
    assert [] == list(kind.probes(GetContact(ID), taken))


def test_payload_when_it_is_another_kinds_then_it_is_refused() -> None:
    """A mistake of ours is heard of at once."""
    kind, _ = make(filters=[])
    with pytest.raises(TypeError):
        kind.show(ContactChange(by_id("u"), {}, {}))
