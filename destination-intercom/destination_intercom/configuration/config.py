"""The configuration: what the user typed into the form, validated once.

`spec.json` describes the same fields to the form; a test holds the two equal. This module
knows nothing of catalogs, records or Intercom's answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from destination_intercom.configuration.attribute_lists import AttributeLists, read_lists
from destination_intercom.configuration.attribute_text import AttributeLine, AttributeText, refuse_repeated
from destination_intercom.configuration.companies_config import Companies, CompaniesEnabled, CompanyStream
from destination_intercom.configuration.config_errors import explain_error
from destination_intercom.configuration.entries import Attribute, AttributeList, ContactTag, Filter, MetadataList
from destination_intercom.configuration.sections import (
    Disabled,
    Property,
    Section,
    SourceName,
    Text,
    check_address,
    check_template,
    drop_empty_list,
    name_entries,
    name_entry,
)
from destination_intercom.configuration.storage_config import NoStorage, ObjectStorage
from destination_intercom.errors import ConfigurationError
from destination_intercom.properties import is_template
from destination_intercom.standard_fields import FIELDS
from destination_intercom.values import to_time

REGION_HOSTS: Final = {
    "us": "https://api.intercom.io",
    "eu": "https://api.eu.intercom.io",
    "au": "https://api.au.intercom.io",
}
"""The hosts of Intercom's OpenAPI description, 2.16."""

MAX_EVENT_NAMES: Final = 120
"""Active event names of a workspace (Intercom's help centre)."""

IntercomField = Literal["external_id", "email"]

Deletion = Literal["archive", "delete"]


class Identity(Section):
    """Who a record is about: the source's property, and what it is in Intercom."""

    path: Annotated[Property, Field(alias="property")] = "user_id"
    intercom_field: IntercomField = "external_id"
    missing: Literal["filter", "reject"] = "filter"


FixedName = Annotated[Text, AfterValidator(check_template)]
"""A name, or a template that makes one."""


class EventStream(Section):
    """A stream whose records become events, each of them one for each such entry."""

    stream: Text
    namespace: Text | None = None
    event_name: FixedName | None = None
    event_name_property: Property | None = None
    created_at_property: Property
    identity_property: Property | None = None
    intercom_field: IntercomField | None = None
    deleted_property: Property | None = None
    filters: list[Filter] = []
    metadata: Annotated[MetadataList | None, AfterValidator(drop_empty_list)] = None

    @property
    def fixed_name(self) -> str | None:
        """Tell the name of all its events, if they have one."""
        return None if self.event_name is None or is_template(self.event_name) else self.event_name

    @model_validator(mode="after")
    def _check_name(self) -> EventStream:
        if (self.event_name is None) == (self.event_name_property is None):
            raise ValueError("set either event_name (one fixed name) or event_name_property, not both")
        return self


DEFAULT_EVENT_STREAM: Final = EventStream(
    stream="events", event_name_property="event_type", created_at_property="event_time"
)


DEFAULT_EXCLUSION: Final = ("[Intercom]*", "$identify", "$groupidentify")
"""Intercom's own events that come back through Amplitude, and Amplitude's own records."""


class RenamedEvent(Section):
    """One event name of the source, and the name under which it is sent."""

    source: Annotated[SourceName, Field(alias="from")]
    to: Text


class EventsEnabled(Section):
    """Send Events."""

    mode: Literal["enabled"]
    streams: list[EventStream] = []
    selected_events: list[SourceName] = []
    excluded_events: list[SourceName] = list(DEFAULT_EXCLUSION)
    renamed_events: list[RenamedEvent] = []
    not_before: str | None = None
    filters: list[Filter] = []
    metadata: MetadataList = []
    unknown_users: Literal["reject", "create"] = "reject"

    @property
    def entries(self) -> list[EventStream]:
        """Tell the streams, or the one that stands for an empty list."""
        return self.streams or [DEFAULT_EVENT_STREAM]

    @model_validator(mode="after")
    def _check(self) -> EventsEnabled:
        named_by_record = any(entry.event_name_property is not None for entry in self.entries)
        if named_by_record and not self.selected_events:
            raise ValueError(
                "selected_events is required if event names come from a property: list exact names, or patterns with"
                " * for any text. * alone sends all events, but a workspace has room for only 120 names. To send no"
                " events, disable events"
            )
        sources = [entry.source for entry in self.renamed_events]
        for place, source in enumerate(sources):
            if source in sources[:place]:
                raise ValueError(
                    f"renamed_events, {name_entry(place, source)}: this name is renamed twice: remove one of the two"
                )
        renamed = dict(zip(sources, (entry.to for entry in self.renamed_events), strict=True))
        names = {renamed.get(name, name) for name in self.selected_events if "*" not in name}
        names |= {entry.fixed_name for entry in self.entries if entry.fixed_name is not None}
        if len(names) > MAX_EVENT_NAMES:
            raise ValueError(
                f"{len(names)} event names are selected, but a workspace has only {MAX_EVENT_NAMES}: select fewer"
            )
        if self.not_before is not None:
            try:
                to_time(self.not_before)
            except ValueError:
                raise ValueError("not_before must be a time such as 2026-01-01T00:00:00Z") from None
        return self


class UserStream(Section):
    """A stream whose records update contacts."""

    stream: Text
    namespace: Text | None = None
    identity_property: Property | None = None
    intercom_field: IntercomField | None = None
    deleted_property: Property | None = None
    filters: list[Filter] = []
    attributes: Annotated[AttributeList | None, AfterValidator(drop_empty_list)] = None


class Membership(Section):
    """A property that holds the id of the person's company, or a list of them."""

    path: Annotated[Property, Field(alias="property")]


class UsersEnabled(Section):
    """Send Users."""

    mode: Literal["enabled"]
    streams: list[UserStream] = []
    attributes: AttributeList = []
    attributes_text: AttributeText = Field(default_factory=tuple)
    filters: list[Filter] = []
    member_of: list[Membership] = []
    tags: list[ContactTag] = []
    deleted_records: Literal["ignore", "archive", "delete"] = "ignore"
    write_mode: Literal["upsert", "update_only", "create_only"] = "upsert"
    create_as: Literal["user", "lead"] = "user"
    missing_attributes: Literal["fail", "create", "skip"] = "fail"
    null_values: Literal["ignore", "clear"] = "ignore"
    unchanged_contacts: Literal["skip", "send"] = "skip"
    archived_contacts: Literal["reject", "unarchive"] = "reject"
    email_match: Literal["adopt", "reject"] = "adopt"

    @property
    def deletion(self) -> Deletion | None:
        """Tell what happens to a person whose row was deleted; None for nothing, as with create_only."""
        if self.deleted_records == "ignore" or self.write_mode == "create_only":
            return None
        return self.deleted_records

    @property
    def named_streams(self) -> list[tuple[str, UserStream]]:
        """Tell each stream's entry, after its name in the form."""
        return name_entries("users.streams", self.streams, lambda each: each.stream)

    @cached_property
    def attribute_lists(self) -> AttributeLists[Attribute]:
        """Tell which attributes are written of which stream."""
        own = [(name, each.attributes) for name, each in self.named_streams]
        return read_lists("users", self.attributes, self.attributes_text, own)

    @field_validator("attributes_text")
    @classmethod
    def _check_repeated(
        cls, lines: tuple[AttributeLine[Attribute], ...], info: ValidationInfo
    ) -> tuple[AttributeLine[Attribute], ...]:
        refuse_repeated(info.data.get("attributes", []), lines, "users.attributes")
        return lines

    @model_validator(mode="after")
    def _check(self) -> UsersEnabled:
        if not self.streams:
            raise ValueError("streams is empty: name the streams whose records are users, or disable users")
        return self


class Delivery(Section):
    """How fast, and when to give up on a wrong mapping."""

    max_calls_per_minute: Annotated[int, Field(ge=1)] | None = None
    concurrency: Annotated[int, Field(ge=1, le=256)] = 64
    stop_after_rejected: Annotated[int, Field(ge=0)] = 1000
    max_rejected_percent: Annotated[float, Field(ge=0, le=100)] | None = None
    max_deletions: Annotated[int, Field(ge=0)] = 1000
    contacts_api: Literal["standard", "bulk"] = "standard"
    dry_run: bool = False


Events = Annotated[EventsEnabled | Disabled, Field(discriminator="mode")]
Users = Annotated[UsersEnabled | Disabled, Field(discriminator="mode")]


class Config(Section):
    """The whole configuration; `repr` shows no secret."""

    api_endpoint: Literal["us", "eu", "au"] = "us"
    access_token: SecretStr
    api_base_url: Text | None = None
    identity: Identity = Identity()
    events: Events = Disabled()
    users: Users = Disabled()
    companies: Companies = Disabled()
    delivery: Delivery = Delivery()
    object_storage_config: ObjectStorage = NoStorage()

    @property
    def listed_streams(self) -> list[EventStream | UserStream | CompanyStream]:
        """Tell the entries of all lists of streams."""
        events = self.events.entries if isinstance(self.events, EventsEnabled) else []
        users = self.users.streams if isinstance(self.users, UsersEnabled) else []
        companies = self.companies.streams if isinstance(self.companies, CompaniesEnabled) else []
        return [*events, *users, *companies]

    @property
    def base_url(self) -> str:
        """Tell the address of the API, without a slash at its end."""
        return (self.api_base_url or REGION_HOSTS[self.api_endpoint]).rstrip("/")

    @property
    def token(self) -> str:
        """Reveal the token, for the one place that sends it."""
        return self.access_token.get_secret_value().strip()

    @model_validator(mode="after")
    def _check(self) -> Config:
        if not self.token or not self.token.isascii() or not self.token.isprintable() or " " in self.token:
            raise ValueError("access_token is empty or contains invalid characters: copy it again")
        if self.api_base_url is not None:
            check_address("api_base_url", self.api_base_url)
        if {"disabled"} == {self.events.mode, self.users.mode, self.companies.mode}:
            raise ValueError("events, users and companies are all disabled: enable one of them")
        self._check_leads()
        for attributes in self._lists_without_address():
            targets = [entry.target for _, entry in attributes]
            needing = [
                (place, name) for (place, _), name in zip(attributes, targets, strict=True) if _needs_email(name)
            ]
            if needing and "email" not in targets and not any(entry.is_many for _, entry in attributes):
                place, name = needing[0]
                raise ValueError(f"{place}: {name} is written only together with an email: select email too")
        return self

    def _check_leads(self) -> None:
        """Let leads be created only where people are known by their e-mail: Intercom gives a lead an external_id."""
        if not isinstance(self.users, UsersEnabled) or self.users.create_as != "lead":
            return
        entries: list[tuple[str, UserStream | EventStream]] = list(self.users.named_streams)
        if isinstance(self.events, EventsEnabled) and self.events.unknown_users == "create":
            entries += name_entries("events.streams", self.events.entries, lambda each: each.stream)
        for name, each in entries:
            if (each.intercom_field or self.identity.intercom_field) != "email":
                raise ValueError(
                    f"{name}: users.create_as lead needs the e-mail address as the identity, because Intercom gives a"
                    " lead its own User ID: set intercom_field to email, or users.create_as to"
                    " user"
                )

    def _lists_without_address(self) -> Iterator[Sequence[tuple[str, Attribute]]]:
        """Tell the lists of attributes that a stream uses whose identity is no e-mail."""
        if not isinstance(self.users, UsersEnabled):
            return
        lists = self.users.attribute_lists
        for name, each in self.users.named_streams:
            if (each.intercom_field or self.identity.intercom_field) != "email":
                yield lists.of(name)


def _needs_email(name: str) -> bool:
    return name in FIELDS and FIELDS[name].needs_email


def parse_config(document: Any) -> Config:
    """Validate the configuration `document`, as parsed from JSON.

    Raises:
        ConfigurationError: names each field that is wrong and what it may be, never what it was.
    """
    if not isinstance(document, dict):
        raise ConfigurationError('The configuration is not a JSON object: give one, such as {"access_token": …}.')
    try:
        return Config.model_validate(document)
    except ValidationError as error:
        problems = [
            explain_error(detail, document, Config) for detail in error.errors(include_url=False, include_input=False)
        ]
    raise ConfigurationError("The configuration is not valid: " + "; ".join(problems) + ".")
