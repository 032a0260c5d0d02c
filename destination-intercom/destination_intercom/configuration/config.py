"""The configuration: what the user typed into the form, validated once.

`spec.json` describes the same fields to the form; a test holds the two equal. This module
knows nothing of catalogs, records or Intercom's answers.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field, SecretStr, StringConstraints, ValidationError, model_validator
from pydantic_core import ErrorDetails

from destination_intercom.configuration.sections import SETTINGS, SourceName, Text, check_address, drop_blanks
from destination_intercom.configuration.storage_config import NoStorage, ObjectStorage
from destination_intercom.errors import ConfigurationError
from destination_intercom.standard_fields import FIELDS, RESERVED_FIELDS, Overwrite
from destination_intercom.values import to_number, to_time

REGION_HOSTS: Final = {
    "us": "https://api.intercom.io",
    "eu": "https://api.eu.intercom.io",
    "au": "https://api.au.intercom.io",
}
"""The hosts of Intercom's OpenAPI description, 2.16."""

MAX_METADATA: Final = 20
"""Metadata keys of an event that Intercom keeps, says its help centre; it ignores the rest without an error."""

MAX_EVENT_NAMES: Final = 120
"""Active event names of a workspace (Intercom's help centre)."""

FORBIDDEN_IN_METADATA_NAMES: Final = frozenset(".$~`!@#%^&*'{}|\"")
"""Characters that a metadata key must not hold (Intercom's help centre)."""

Operator = Literal["is", "is_not", "contains", "does_not_contain", "is_set", "is_not_set", "greater_than", "less_than"]
MetadataType = Literal["text", "number", "date", "money"]
IntercomField = Literal["external_id", "email"]
AttributeType = Literal["string", "integer", "float", "boolean", "date"]
_VARIANTS: Final[dict[int | str | None, tuple[str, tuple[str, str]]]] = {
    "events": ("mode", ("enabled", "disabled")),
    "users": ("mode", ("enabled", "disabled")),
    "object_storage_config": ("storage_type", ("None", "S3")),
    "compression": ("compression_type", ("No Compression", "GZIP")),
}
"""Sections that are one of two variants, each with the constant that tells them apart."""


class _Section(BaseModel):
    model_config = SETTINGS
    _drop_blanks = model_validator(mode="before")(drop_blanks)


class Identity(_Section):
    """Who a record is about: the source's property, and what it is in Intercom."""

    path: Annotated[Text, Field(alias="property")] = "user_id"
    intercom_field: IntercomField = "external_id"
    missing: Literal["filter", "reject"] = "filter"


class Filter(_Section):
    """A condition on one property; a list of filters holds if all of them do."""

    path: Annotated[Text, Field(alias="property")]
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


class Metadata(_Section):
    """One metadata key of an event; `name` defaults to the last part of the path.

    Money takes its currency from `currency_property` or `currency`; `unit` says what the amount is in.
    """

    path: Annotated[Text, Field(alias="property")]
    name: Text | None = None
    type: MetadataType | None = None
    currency_property: Text | None = None
    currency: Annotated[Text, StringConstraints(pattern=r"^[A-Za-z]{3}$")] | None = None
    unit: Literal["units", "cents"] = "units"

    @property
    def key(self) -> str:
        """Tell the key under which Intercom shows the value."""
        return self.name or self.path.rpartition(".")[2]

    @model_validator(mode="after")
    def _check(self) -> Metadata:
        if self.type != "money" and self.model_fields_set & {"currency_property", "currency", "unit"}:
            raise ValueError("currency_property, currency and unit are for the type money")
        if self.currency_property is not None and self.currency is not None:
            raise ValueError("give either currency_property or currency (one for all), and not both")
        if self.type == "date" and not self.key.endswith("_date"):
            raise ValueError(
                f'Intercom takes a time under a name that ends in _date: set "name", e.g. "{self.key}_date"'
            )
        return self


class EventStream(_Section):
    """A stream whose records become events, each of them one for each such entry."""

    stream: Text
    namespace: Text | None = None
    event_name: Text | None = None
    event_name_property: Text | None = None
    created_at_property: Text
    identity_property: Text | None = None
    intercom_field: IntercomField | None = None
    filters: list[Filter] = []
    metadata: list[Metadata] | None = None

    @model_validator(mode="after")
    def _check_name(self) -> EventStream:
        if (self.event_name is None) == (self.event_name_property is None):
            raise ValueError("give either event_name (one fixed name) or event_name_property, and not both")
        _check_metadata(self.metadata or [])
        return self


def _check_metadata(metadata: list[Metadata]) -> None:
    if len(metadata) > MAX_METADATA:
        raise ValueError(f"Intercom keeps {MAX_METADATA} metadata keys of an event: select no more")
    keys = [entry.key for entry in metadata]
    for place, key in enumerate(keys):
        if not key.strip():
            raise ValueError(f'metadata.{place}: set a "name", for the property ends in none')
        if FORBIDDEN_IN_METADATA_NAMES.intersection(key):
            refused = " ".join(sorted(FORBIDDEN_IN_METADATA_NAMES))
            raise ValueError(f'metadata.{place}: set a "name" without any of {refused}, which Intercom refuses')
        if (first := keys.index(key)) != place:
            raise ValueError(f'metadata.{first} and metadata.{place} have one name: set "name" on one of the two')


DEFAULT_EVENT_STREAM: Final = EventStream(
    stream="events", event_name_property="event_type", created_at_property="event_time"
)


class RenamedEvent(_Section):
    """One event name of the source, and the name under which it is sent."""

    source: Annotated[SourceName, Field(alias="from")]
    to: Text


class EventsEnabled(_Section):
    """Send Events."""

    mode: Literal["enabled"]
    streams: list[EventStream] = []
    selected_events: list[SourceName] = []
    excluded_events: list[SourceName] = ["[Intercom]*", "$identify", "$groupidentify"]
    renamed_events: list[RenamedEvent] = []
    not_before: str | None = None
    filters: list[Filter] = []
    metadata: list[Metadata] = []
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
                "selected_events is needed where event names come from a property: exact names, or patterns with * for"
                " any text; * alone sends all, but a workspace has only 120 names"
            )
        sources = [entry.source for entry in self.renamed_events]
        if repeated := [place for place, source in enumerate(sources) if source in sources[:place]]:
            raise ValueError(f"renamed_events.{repeated[0]}: this name is renamed twice")
        renamed = dict(zip(sources, (entry.to for entry in self.renamed_events), strict=True))
        names = {renamed.get(name, name) for name in self.selected_events if "*" not in name}
        names |= {entry.event_name for entry in self.entries if entry.event_name is not None}
        if len(names) > MAX_EVENT_NAMES:
            raise ValueError(f"{len(names)} event names are selected, but a workspace has only {MAX_EVENT_NAMES}")
        _check_metadata(self.metadata)
        if self.not_before is not None:
            try:
                to_time(self.not_before)
            except ValueError:
                raise ValueError("not_before is a time such as 2026-01-01T00:00:00Z") from None
        return self


class Disabled(_Section):
    """Neither sent nor looked at."""

    mode: Literal["disabled"]


class UserStream(_Section):
    """A stream whose records update contacts."""

    stream: Text
    namespace: Text | None = None
    identity_property: Text | None = None
    intercom_field: IntercomField | None = None


class Attribute(_Section):
    """A property that is written to contacts; `attribute` defaults to the last part of the path."""

    path: Annotated[Text, Field(alias="property")]
    attribute: Text | None = None
    type: AttributeType | None = None
    overwrite: Overwrite | None = None

    @property
    def target(self) -> str:
        """Tell the name of the field or custom attribute in Intercom."""
        return self.attribute or self.path.rpartition(".")[2]

    @property
    def overwrites(self) -> Overwrite:
        """Tell when it is written to a contact that is there."""
        return self.overwrite or (FIELDS[self.target].overwrite if self.target in FIELDS else "always")

    @model_validator(mode="after")
    def _check_overwrite(self) -> Attribute:
        standard = FIELDS.get(self.target)
        if self.overwrite == "only_true" and (standard.kind if standard else self.type) not in {None, "boolean"}:
            raise ValueError("overwrite only_true is for properties that are true or false")
        if self.overwrite == "if_empty" and standard is not None and not standard.readable:
            raise ValueError("overwrite if_empty cannot be had here: Intercom does not show what a contact has")
        return self


class UsersEnabled(_Section):
    """Send Users."""

    mode: Literal["enabled"]
    streams: list[UserStream] = []
    attributes: list[Attribute] = []
    filters: list[Filter] = []
    write_mode: Literal["upsert", "update_only", "create_only"] = "upsert"
    missing_attributes: Literal["fail", "create", "skip"] = "fail"
    null_values: Literal["ignore", "clear"] = "ignore"
    unchanged_contacts: Literal["skip", "send"] = "skip"
    archived_contacts: Literal["reject", "unarchive"] = "reject"
    email_match: Literal["adopt", "reject"] = "adopt"

    @model_validator(mode="after")
    def _check(self) -> UsersEnabled:
        if not self.streams:
            raise ValueError("streams is empty: name the streams whose records are users, or disable users")
        targets = [entry.target for entry in self.attributes]
        for place, target in enumerate(targets):
            if target in RESERVED_FIELDS:
                raise ValueError(
                    f'attributes.{place} names a field that is Intercom\'s own or the identity: set another "attribute"'
                )
            if (first := targets.index(target)) != place:
                raise ValueError(
                    f'attributes.{first} and attributes.{place} have one name: set "attribute" on one of the two'
                )
        return self


class Delivery(_Section):
    """How fast, and when to give up on a wrong mapping."""

    max_calls_per_minute: Annotated[int, Field(ge=1)] | None = None
    concurrency: Annotated[int, Field(ge=1, le=256)] = 64
    stop_after_rejected: Annotated[int, Field(ge=0)] = 1000
    dry_run: bool = False


Events = Annotated[EventsEnabled | Disabled, Field(discriminator="mode")]
Users = Annotated[UsersEnabled | Disabled, Field(discriminator="mode")]


class Config(_Section):
    """The whole configuration; `repr` shows no secret."""

    api_endpoint: Literal["us", "eu", "au"] = "us"
    access_token: SecretStr
    api_base_url: Text | None = None
    identity: Identity = Identity()
    events: Events = Disabled(mode="disabled")
    users: Users = Disabled(mode="disabled")
    delivery: Delivery = Delivery()
    object_storage_config: ObjectStorage = NoStorage(storage_type="None")

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
            raise ValueError("access_token is empty or holds characters that no token has: copy it again")
        if self.api_base_url is not None:
            check_address("api_base_url", self.api_base_url)
        if self.events.mode == "disabled" and self.users.mode == "disabled":
            raise ValueError("events and users are both disabled: enable one of them")
        if isinstance(self.users, UsersEnabled) and not self._knows_all_by_email(self.users):
            targets = [entry.target for entry in self.users.attributes]
            needing = [name for name in targets if name in FIELDS and FIELDS[name].needs_email]
            if needing and "email" not in targets:
                raise ValueError(f"users.attributes: {needing[0]} is written only beside an email: select email too")
        return self

    def _knows_all_by_email(self, users: UsersEnabled) -> bool:
        return all((entry.intercom_field or self.identity.intercom_field) == "email" for entry in users.streams)


def parse_config(document: Any) -> Config:
    """Validate the configuration `document`, as parsed from JSON.

    Raises:
        ConfigurationError: names each field that is wrong and what it may be, never what it was.
    """
    if not isinstance(document, dict):
        raise ConfigurationError("The configuration is not a JSON object.")
    try:
        return Config.model_validate(document)
    except ValidationError as error:
        problems = [_explain(detail) for detail in error.errors(include_url=False, include_input=False)]
    raise ConfigurationError("The configuration is not valid: " + "; ".join(problems) + ".")


def _explain(detail: ErrorDetails) -> str:
    place = ".".join(str(part) for part in _form_place(detail["loc"]))
    if detail["type"] == "extra_forbidden":
        return f"{place}: there is no such field"
    if detail["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        name, variants = _VARIANTS[str(detail["loc"][-1])]
        return f"{place}.{name}: must be " + " or ".join(f'"{variant}"' for variant in variants)
    if detail["type"] == "missing":
        return f"{place}: this field is required"
    if detail["type"] in {"model_type", "model_attributes_type"}:
        return f"{place}: must be an object"
    message = detail["msg"].removeprefix("Value error, ")
    return f"{place}: {message}" if place else message


def _form_place(place: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Drop pydantic's own step into a variant of a section: no field of the form is named so."""
    return tuple(
        part
        for part, before in zip(place, (None, *place), strict=False)
        if before not in _VARIANTS or part not in _VARIANTS[before][1]
    )
