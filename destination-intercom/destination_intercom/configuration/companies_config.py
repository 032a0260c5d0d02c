"""The section `companies`: whose records are companies, and what of them is written."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from destination_intercom.configuration.attribute_text import AttributeLine, CompanyAttributeText, refuse_repeated
from destination_intercom.configuration.entries import CompanyAttribute, CompanyAttributeList, Filter
from destination_intercom.configuration.sections import (
    Disabled,
    Property,
    Section,
    Text,
    drop_empty_list,
    name_entries,
)

NamedAttribute: TypeAlias = tuple[str, CompanyAttribute]
"""A property that is written to companies, after its place in the form."""


def _name_attributes(section: str, attributes: list[CompanyAttribute]) -> list[NamedAttribute]:
    return list(zip(name_entries(section, [each.path for each in attributes]), attributes, strict=True))


class CompanyStream(Section):
    """A stream whose records update companies."""

    stream: Text
    namespace: Text | None = None
    company_id_property: Property
    deleted_property: Property | None = None
    filters: list[Filter] = []
    attributes: Annotated[CompanyAttributeList | None, AfterValidator(drop_empty_list)] = None


class CompaniesEnabled(Section):
    """Send Companies."""

    mode: Literal["enabled"]
    streams: list[CompanyStream] = []
    attributes: CompanyAttributeList = []
    attributes_text: CompanyAttributeText = Field(default_factory=tuple)
    filters: list[Filter] = []
    missing_attributes: Literal["fail", "create", "skip"] = "fail"
    null_values: Literal["ignore", "clear"] = "ignore"

    @property
    def named_streams(self) -> list[tuple[str, CompanyStream]]:
        """Tell each stream's entry, with its name in the form."""
        names = name_entries("companies.streams", [each.stream for each in self.streams])
        return list(zip(names, self.streams, strict=True))

    @property
    def shared_attributes(self) -> list[NamedAttribute]:
        """Tell what is written of each stream without a list of its own: the list, and then the text."""
        return [
            *_name_attributes("companies.attributes", self.attributes),
            *((f"companies.attributes_text, {line.name}", line.attribute) for line in self.attributes_text),
        ]

    def attributes_of(self, name: str, stream: CompanyStream) -> list[NamedAttribute]:
        """Tell what is written of a stream, whose entry has this `name` in the form."""
        if stream.attributes is None:
            return self.shared_attributes
        return _name_attributes(f"{name}, attributes", stream.attributes)

    @property
    def all_attributes(self) -> list[NamedAttribute]:
        """Tell what is written of any stream."""
        own = [(name, each) for name, each in self.named_streams if each.attributes is not None]
        return [*self.shared_attributes, *(named for name, each in own for named in self.attributes_of(name, each))]

    @field_validator("attributes_text")
    @classmethod
    def _check_repeated(
        cls, lines: tuple[AttributeLine[CompanyAttribute], ...], info: ValidationInfo
    ) -> tuple[AttributeLine[CompanyAttribute], ...]:
        refuse_repeated(info.data.get("attributes", []), lines, "companies.attributes")
        return lines

    @model_validator(mode="after")
    def _check(self) -> CompaniesEnabled:
        if not self.streams:
            raise ValueError("streams is empty: name the streams whose records are companies, or disable companies")
        return self


Companies = Annotated[Disabled | CompaniesEnabled, Field(discriminator="mode")]
"""The form chooses the first of them, until somebody says otherwise."""
