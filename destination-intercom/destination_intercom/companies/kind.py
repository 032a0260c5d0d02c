"""Companies as a kind of object: what `delivery` carries out, made of the modules of this folder."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, ClassVar

from destination_intercom.airbyte.catalog import CatalogStream
from destination_intercom.attributes.attributes import Attributes
from destination_intercom.attributes.new_attributes import NewAttributes
from destination_intercom.companies.directory import CompanyDirectory
from destination_intercom.companies.mapping import CompanyChange, map_company
from destination_intercom.companies.rules import CompanyRule, compile_company_rules
from destination_intercom.companies.sending import CompanyWriter
from destination_intercom.configuration.companies_config import CompaniesEnabled
from destination_intercom.configuration.config import Config
from destination_intercom.configuration.plan import PlanChecks
from destination_intercom.delivery.kinds import Kind
from destination_intercom.delivery.probes import Probe, Taken
from destination_intercom.delivery.tasks import Step, UndeliverableError, WriteTask
from destination_intercom.identity import Key
from destination_intercom.intercom.answers import Answer
from destination_intercom.intercom.calls import Call, ListDataAttributes, UpdateCompany, UpsertCompany, WriteCall
from destination_intercom.models import COMPANY
from destination_intercom.outcomes import Outcome
from destination_intercom.payloads import Payload, RecordRule


class Companies(Kind):
    """The companies of one sync, which `directory` remembers; `now` tells seconds."""

    name: ClassVar[str] = CompanyChange.kind

    def __init__(self, config: Config, *, directory: CompanyDirectory, now: Callable[[], float]) -> None:
        super().__init__()
        self._companies = config.companies
        self._directory = directory
        missing = config.companies.missing_attributes if isinstance(config.companies, CompaniesEnabled) else "fail"
        self.attributes = Attributes(missing, model=COMPANY, create=not config.delivery.dry_run, notes=self.notes)
        self._new_attributes = NewAttributes(now)
        self._writer = CompanyWriter(directory, self._new_attributes)

    @property
    def _is_enabled(self) -> bool:
        return isinstance(self._companies, CompaniesEnabled)

    @property
    def writes(self) -> Sequence[type[WriteCall]]:
        """Tell what writes a company, where any is written."""
        return (UpsertCompany, UpdateCompany) if self._is_enabled else ()

    def compile(self, stream: CatalogStream, checks: PlanChecks) -> Sequence[RecordRule]:
        """Compile the rules of `companies.streams`, and note which attributes they write."""
        if not isinstance(self._companies, CompaniesEnabled):
            return []
        rules = compile_company_rules(self._companies, stream, checks)
        for rule in rules:
            self.attributes.want_rules(rule.attributes, rule.members)
        return [RecordRule(partial(self._map, rule), rule.entries) for rule in rules]

    def _map(self, rule: CompanyRule, data: dict[str, Any]) -> CompanyChange | Outcome:
        change = map_company(rule, data, self.attributes.types, skipped=self.attributes.skipped)
        if self.attributes.watch is not None and isinstance(change, CompanyChange):
            self.attributes.watch.look(change.attributes)
        return change

    def show(self, payload: Payload) -> tuple[str, Any]:
        """Tell the body that creates or updates the company."""
        change = _change(payload)
        return "company", change.body(change.names)

    def assume(self) -> Iterable[str]:
        """Take the types of the entries and of the schemas for the workspace's."""
        return self.attributes.assume()

    def check(self) -> Generator[Call, Answer, None]:
        """Compare the attributes of the configuration with the workspace's; without a catalog, by the entries alone."""
        if isinstance(self._companies, CompaniesEnabled):
            self.attributes.want_entries(entry for _, entry in self._companies.attribute_lists.all)
            yield from self.attributes.check()

    @property
    def permissions(self) -> Sequence[str]:
        """Tell what writing companies needs."""
        return [call.permission for call in (UpsertCompany, ListDataAttributes)] if self._is_enabled else []

    def prepare(self) -> Generator[Call, Answer, Sequence[str]]:
        """Settle which attributes there are."""
        yield from self.attributes.settle()
        self._new_attributes.note_created(self.attributes.created)
        return ()

    def deliver(self, tasks: Sequence[WriteTask]) -> Generator[Step, Answer, list[Outcome]]:
        """Write one company after the other."""
        ends: list[Outcome] = []
        for task in tasks:
            try:
                ends.append((yield from self._writer.write(_change(task.payload))))
            except UndeliverableError as error:
                ends.append(error.outcome)
        return ends

    def summary(self) -> Iterator[str]:
        """Tell what a dry run shows of types, and which companies nobody will see."""
        yield from self.attributes.summary()
        if count := self._directory.without_people:
            yield (
                f"Companies that this sync wrote and that have no people, as far as it knows: {count}. Intercom keeps"
                " them, but shows them in no list and no search until somebody belongs to them. Use users.member_of to"
                " attach people to their companies."
            )

    def probes(self, call: Call, taken: Iterable[Taken]) -> Iterator[Probe]:
        """Offer to write a company that this run has written, by its id alone: nothing of it changes."""
        if isinstance(call, UpsertCompany):
            for _, each in taken:
                if isinstance(each, UpsertCompany):
                    company_id = each.payload["company_id"]
                    yield Probe(UpsertCompany({"company_id": company_id}), Key("company_id", company_id))


def _change(payload: Payload) -> CompanyChange:
    if not isinstance(payload, CompanyChange):
        raise TypeError("not a company")
    return payload
