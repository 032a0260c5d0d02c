"""The entries of the lists that select properties: filters, metadata, attributes and tags.

Knows no catalog and no record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal, TypeVar

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from destination_intercom.company_fields import COMPANY_RESERVED
from destination_intercom.configuration.sections import (
    EntryError,
    ManyProperties,
    Property,
    Section,
    Text,
    name_entry,
)
from destination_intercom.paths import is_wildcard
from destination_intercom.properties import is_template
from destination_intercom.standard_fields import FIELDS, RESERVED_FIELDS, Overwrite
from destination_intercom.values import to_number, to_time

MAX_METADATA: Final = 20
"""Metadata keys of an event that Intercom keeps, says its help centre; it ignores the rest without an error."""

FORBIDDEN_IN_METADATA_NAMES: Final = frozenset(".$~`!@#%^&*'{}|\"")
"""Characters that a metadata key must not hold (Intercom's help centre)."""

Operator = Literal["is", "is_not", "contains", "does_not_contain", "is_set", "is_not_set", "greater_than", "less_than"]
MetadataType = Literal["text", "number", "date", "money"]
AttributeType = Literal["string", "integer", "float", "boolean", "date"]


class Filter(Section):
    """A condition on one property; a list of filters holds if all of them do."""

    path: Annotated[Property, Field(alias="property")]
    operator: Operator
    values: list[str] = []

    @model_validator(mode="after")
    def _check_values(self) -> Filter:
        if self.operator in {"is_set", "is_not_set"}:
            if any(value.strip() for value in self.values):
                raise ValueError(f"the operator {self.operator} takes no values")
        elif not self.values:
            raise ValueError(f"the operator {self.operator} needs at least one value")
        if self.operator in {"greater_than", "less_than"}:
            _check_bound(self.values)
        return self


def _check_bound(values: list[str]) -> None:
    if len(values) != 1:
        raise ValueError("greater_than and less_than take exactly one value")
    for read in (to_number, to_time):
        try:
            read(values[0])
        except ValueError:
            continue
        return
    raise ValueError("greater_than and less_than take a number or a time, such as 10 or 2026-01-31T00:00:00Z")


class Selected(Section):
    """A property that is sent under a name; a wildcard is sent under the names of its members, or by a pattern."""

    path: Annotated[ManyProperties, Field(alias="property")]

    @property
    def is_many(self) -> bool:
        """Say whether the property is a wildcard."""
        return is_wildcard(self.path) and not is_template(self.path)

    def _name(self, own: str | None) -> str:
        if own is not None:
            return own
        return "*" if self.is_many else self.path.rpartition(".")[2]

    def _check_name(self, own: str | None, name: str) -> None:
        """Refuse what cannot be named; `own` is what the user wrote into the field `name`."""
        if self.is_many and own is not None and own.count("*") != 1:
            raise ValueError(f'"{name}" needs one * here, which stands for the name of each member, as in stripe_*')
        if not self.is_many and own is not None and "*" in own:
            raise ValueError(f'"{name}" can contain a * only if the property ends in one')
        if is_template(self.path) and own is None:
            raise ValueError(f'a template needs a name: set "{name}"')
        if not self._name(own).strip():
            raise ValueError(f'set "{name}", because the property does not end in a name')


class Metadata(Selected):
    """One metadata key of an event, or with a wildcard many; `name` defaults to the last part of the path.

    Money takes its currency from `currency_property` or `currency`; `unit` says what the amount is in.
    """

    name: Text | None = None
    type: MetadataType | None = None
    currency_property: Property | None = None
    currency: Annotated[Text, StringConstraints(pattern=r"^[A-Za-z]{3}$")] | None = None
    unit: Literal["units", "cents"] = "units"

    @property
    def key(self) -> str:
        """Tell the key under which Intercom shows the value, or its pattern."""
        return self._name(self.name)

    @model_validator(mode="after")
    def _check(self) -> Metadata:
        self._check_name(self.name, "name")
        if FORBIDDEN_IN_METADATA_NAMES.intersection(self.key.replace("*", "", 1) if self.is_many else self.key):
            refused = " ".join(sorted(FORBIDDEN_IN_METADATA_NAMES))
            raise ValueError(f'set a "name" without any of {refused}, which Intercom refuses')
        if self.is_many and self.type is not None:
            raise ValueError('members of * have no "type": name a property to give it one')
        # Airbyte's form fills in the unit's default whatever the type is.
        if self.type != "money" and (self.currency_property or self.currency or self.unit != "units"):
            raise ValueError("currency_property, currency and unit are only for the type money")
        if self.currency_property is not None and self.currency is not None:
            raise ValueError("set either currency_property or currency (one for all), not both")
        if self.type == "date" and not self.key.endswith("_date"):
            raise ValueError(
                f'Intercom accepts a time only if its name ends in _date: set "name", e.g. "{self.key}_date"'
            )
        return self


def _check_metadata(metadata: list[Metadata]) -> list[Metadata]:
    if sum(not entry.is_many for entry in metadata) > MAX_METADATA:
        raise ValueError(f"Intercom keeps {MAX_METADATA} metadata keys of an event: select no more")
    _refuse_repeated(metadata, [(entry.key, entry.is_many and entry.path) for entry in metadata], "name")
    return metadata


def _refuse_repeated(entries: Sequence[Selected], names: Sequence[object], name: str) -> None:
    for place, each in enumerate(names):
        if (first := names.index(each)) != place:
            this, that = (name_entry(number, entries[number].path) for number in (place, first))
            raise EntryError(f'{this} has the same name as {that}: set "{name}" in one of the two')


MetadataList = Annotated[list[Metadata], AfterValidator(_check_metadata)]


class AttributeEntry(Selected):
    """A property that is written; `attribute` defaults to the last part of the path."""

    attribute: Text | None = None
    type: AttributeType | None = None

    @property
    def target(self) -> str:
        """Tell the name of the field or custom attribute in Intercom, or the pattern of several."""
        return self._name(self.attribute)

    @property
    def distinct_name(self) -> object:
        """Tell what no other entry may have alike: the name, or for a wildcard what it stands for, too."""
        return self.target, self.is_many and self.path

    @property
    def overwrites(self) -> Overwrite:
        """Tell when it is written to what is there already."""
        return "always"


class Attribute(AttributeEntry):
    """A property that is written to contacts."""

    overwrite: Overwrite | None = None

    @property
    def overwrites(self) -> Overwrite:
        """Tell when it is written to a contact that is there."""
        return self.overwrite or (FIELDS[self.target].overwrite if self.target in FIELDS else "always")

    @model_validator(mode="after")
    def _check(self) -> Attribute:
        self._check_name(self.attribute, "attribute")
        if self.is_many and (self.type is not None or self.overwrite == "only_true"):
            raise ValueError('members of * have neither a "type" nor overwrite only_true: name a property for those')
        if self.target in RESERVED_FIELDS:
            raise ValueError(_explain_reserved(self.target, "contact", _RESERVED))
        standard = FIELDS.get(self.target)
        if self.overwrite == "only_true" and (standard.kind if standard else self.type) not in {None, "boolean"}:
            raise ValueError("overwrite only_true is for properties that are true or false")
        if self.overwrite == "if_empty" and standard is not None and not standard.readable:
            raise ValueError(
                "overwrite if_empty does not work here: Intercom does not show the value that a contact has"
            )
        return self


class CompanyAttribute(AttributeEntry):
    """A property that is written to companies."""

    @model_validator(mode="after")
    def _check(self) -> CompanyAttribute:
        self._check_name(self.attribute, "attribute")
        if self.is_many and self.type is not None:
            raise ValueError('members of * have no "type": name a property to give it one')
        if self.target in COMPANY_RESERVED:
            raise ValueError(_explain_reserved(self.target, "company", _RESERVED_OF_COMPANIES))
        return self


_RESERVED_OF_COMPANIES: Final = {
    "created_at": 'is Intercom\'s own: for when the company signed up with you, set "attribute" to remote_created_at',
    "id": 'is Intercom\'s own: for your own ID, see company_id_property; otherwise set another "attribute"',
    "company_id": "is written automatically, see company_id_property: remove this entry",
}


_RESERVED: Final = {
    "created_at": 'is Intercom\'s own: for when somebody signed up, set "attribute" to signed_up_at',
    "id": 'is Intercom\'s own: for your own ID, see identity; otherwise set another "attribute"',
    "external_id": "is the identity, which is written automatically, see identity: remove this entry",
    "role": 'is Intercom\'s own (user or lead): set another "attribute", such as job_role',
}


def _explain_reserved(name: str, of: str, known: Mapping[str, str]) -> str:
    text = known.get(name, 'is Intercom\'s own: set another "attribute"')
    return f'the field "{name}" of a {of} {text}'


A = TypeVar("A", bound=AttributeEntry)


def _check_attributes(attributes: list[A]) -> list[A]:
    _refuse_repeated(attributes, [entry.distinct_name for entry in attributes], "attribute")
    return attributes


AttributeList = Annotated[list[Attribute], AfterValidator(_check_attributes)]
CompanyAttributeList = Annotated[list[CompanyAttribute], AfterValidator(_check_attributes)]


NO_BLANK_AFTER: Final = ("_", "-", "/", ".", "#")
"""What a prefix may end in that goes right before a name."""


class ContactTag(Section):
    """A property that holds the name of a tag of the person, or a list of names, and what those begin with.

    Airbyte's form drops blanks at the ends of a text, so that the prefix means the same with them and without.
    """

    path: Annotated[Property, Field(alias="property")]
    prefix: Text | None = None
    mode: Literal["add", "replace"] = "add"

    @property
    def front(self) -> str:
        """Tell what is put in front of a name that does not begin with the prefix."""
        if self.prefix is None:
            return ""
        return self.prefix if self.prefix.endswith(NO_BLANK_AFTER) else f"{self.prefix} "

    @property
    def beginning(self) -> str:
        """Tell what the names begin with, casefolded: `segment:`, but `segment ` of a whole word."""
        if self.prefix is None:
            return ""
        return (self.front if self.prefix[-1].isalnum() else self.prefix).casefold()

    @model_validator(mode="after")
    def _check(self) -> ContactTag:
        if self.mode == "replace" and self.prefix is None:
            raise ValueError(
                "mode replace needs a prefix, such as Segment:, so that it takes off no tags but those that begin with"
                " it; or set mode to add"
            )
        if self.mode == "replace" and is_template(self.path):
            raise ValueError(
                "only a property can take tags off, for a template without a value cannot be told from an empty list:"
                " name a property, or set mode to add"
            )
        return self
