"""The section `companies`: whose records are companies, and what of them is written."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from destination_intercom.configuration.attribute_lists import AttributeLists, read_lists
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
        """Tell each stream's entry, after its name in the form."""
        return name_entries("companies.streams", self.streams, lambda each: each.stream)

    @cached_property
    def attribute_lists(self) -> AttributeLists[CompanyAttribute]:
        """Tell which attributes are written of which stream."""
        own = [(name, each.attributes) for name, each in self.named_streams]
        return read_lists("companies", self.attributes, self.attributes_text, own)

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
