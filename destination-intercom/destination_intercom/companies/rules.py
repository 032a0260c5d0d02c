"""How a record of a stream updates a company: the configuration's companies, compiled. Reads no record."""

from __future__ import annotations

from dataclasses import dataclass

from destination_intercom.airbyte.catalog import CatalogStream
from destination_intercom.attributes.rules import AttributeMembers, AttributeRule, compile_attributes, form_entries
from destination_intercom.configuration.companies_config import CompaniesEnabled, CompanyStream
from destination_intercom.configuration.filters import Predicate
from destination_intercom.configuration.plan import PlanChecks
from destination_intercom.identity import IdentityRule
from destination_intercom.payloads import FormEntry


@dataclass(frozen=True, slots=True)
class CompanyRule:
    """How a record of a stream updates a company."""

    identity: IdentityRule
    is_deleted: Predicate
    holds: tuple[Predicate, ...]
    attributes: tuple[AttributeRule, ...]
    members: tuple[AttributeMembers, ...]
    clear_nulls: bool

    @property
    def entries(self) -> dict[str, FormEntry]:
        """Tell the entry in the form of each name under which something may be left out."""
        return form_entries(self.attributes, self.members)


def compile_company_rules(companies: CompaniesEnabled, stream: CatalogStream, checks: PlanChecks) -> list[CompanyRule]:
    """Compile a rule for each entry of `companies.streams` that means `stream`."""
    return [
        _company_rule(companies, name, entry, stream, checks)
        for name, entry in companies.named_streams
        if checks.is_meant(entry.stream, entry.namespace, stream.name)
    ]


def _company_rule(
    companies: CompaniesEnabled, name: str, own: CompanyStream, stream: CatalogStream, checks: PlanChecks
) -> CompanyRule:
    identity = checks.company_rule(own.company_id_property, stream, entry=name)
    is_deleted = checks.deletion(own.deleted_property, stream, name)
    holds = (
        *checks.predicates(companies.filters, stream, "companies.filters"),
        *checks.predicates(own.filters, stream, f"{name}, filters"),
    )
    named = companies.attribute_lists.of(name)
    rules = compile_attributes(named, stream, checks, identity=own.company_id_property)
    return CompanyRule(identity, is_deleted, holds, rules.named, rules.members, companies.null_values == "clear")
