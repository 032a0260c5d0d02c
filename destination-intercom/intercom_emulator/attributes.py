"""Data attributes: the standard ones, the workspace's own, and which values a contact's custom attribute takes.

The standard ones of contacts are those that the real API listed in 2021; of companies only a few are here.
"""

import math
import re
from dataclasses import dataclass, replace
from typing import Any

from intercom_emulator.answers import Refusal, invalid, is_finite

LONGEST_TEXT = 255
_WRITABLE_BY_ALL, _WRITABLE_BY_API, _READ_ONLY = (True, True), (True, False), (False, False)
_FULL_NAMES = {name: f"location.{name}" for name in ("country", "region", "city")}
# name, label, data type, (API, UI) writable, description
_CONTACT = (
    ("role", "Contact role", "string", _WRITABLE_BY_API, "A person's role: user or lead"),
    ("name", "Name", "string", _WRITABLE_BY_ALL, "A person's full name"),
    ("owner_id", "Owner", "integer", _WRITABLE_BY_API, "The teammate that owns a lead or user in Intercom"),
    ("email", "Email", "string", _WRITABLE_BY_ALL, "The email address assigned to a user or lead"),
    ("phone", "Phone", "string", _WRITABLE_BY_ALL, "A person's phone number"),
    ("external_id", "User ID", "string", _WRITABLE_BY_API, "A number identifying a person (users and leads)"),
    ("created_at", "First Seen", "date", _READ_ONLY, "The first day a person visited your site or app"),
    ("signed_up_at", "Signed up", "date", _WRITABLE_BY_API, "The day a person first signed up for your product"),
    ("last_seen_at", "Last seen", "date", _WRITABLE_BY_API, "The last day a person visited your site or app"),
    ("last_contacted_at", "Last contacted", "date", _READ_ONLY, "The last day a teammate contacted a person"),
    ("last_replied_at", "Last heard from", "date", _READ_ONLY, "The last day a person contacted you"),
    ("last_email_opened_at", "Last opened email", "date", _READ_ONLY, "The last day a person opened an email"),
    ("last_email_clicked_at", "Last clicked on link in email", "date", _READ_ONLY, "The last day of a click"),
    ("country", "Country", "string", _READ_ONLY, "The country a person is in"),
    ("region", "Region", "string", _READ_ONLY, "A subdivision of a country"),
    ("city", "City", "string", _READ_ONLY, "The city a person is in"),
    ("browser_language", "Browser Language", "string", _READ_ONLY, "The language of the browser"),
    ("language_override", "Language Override", "string", _READ_ONLY, "A preferred language setting for a person"),
    ("browser", "Browser", "string", _READ_ONLY, "The browser a person is using"),
    ("browser_version", "Browser Version", "string", _READ_ONLY, "The version of the browser"),
    ("os", "OS", "string", _READ_ONLY, "The operating system a person is using"),
    ("unsubscribed_from_emails", "Unsubscribed from Emails", "boolean", _WRITABLE_BY_API, "Has a person unsubscribed?"),
    ("marked_email_as_spam", "Marked email as spam", "boolean", _READ_ONLY, "Has a person marked an email as spam?"),
    ("has_hard_bounced", "Has hard bounced", "boolean", _READ_ONLY, "Has an email to a person bounced?"),
    ("id", "ID", "string", _READ_ONLY, "The Intercom defined id representing the user"),
    ("avatar", "Avatar image url", "string", _WRITABLE_BY_API, "An avatar image URL"),
    ("updated_at", "Updated at", "date", _READ_ONLY, "The last time the user was updated"),
    ("workspace_id", "Workspace ID", "string", _READ_ONLY, "The Intercom defined id representing the workspace"),
    ("android_app_name", "Android App name", "string", _READ_ONLY, "The name of Android app a person is using"),
    ("android_sdk_version", "Android SDK version", "string", _READ_ONLY, "The version of the Android SDK"),
    ("ios_app_name", "iOS App name", "string", _READ_ONLY, "The name of iOS app a person is using"),
    ("ios_sdk_version", "iOS SDK version", "string", _READ_ONLY, "The version of the iOS SDK"),
)
_COMPANY = (
    ("name", "Company name", "string", _WRITABLE_BY_API, "The name of a company"),
    ("company_id", "Company ID", "string", _READ_ONLY, "A number identifying a company"),
    ("last_request_at", "Company last seen", "date", _READ_ONLY, "The last day anyone from a company visited"),
    ("remote_created_at", "Company created at", "date", _WRITABLE_BY_API, "The day a company was added"),
    ("user_count", "People", "integer", _READ_ONLY, "The number of people in a company"),
)
_TYPES = ("string", "integer", "float", "boolean", "date", "datetime")
_CALLED = {"contact": "people", "company": "company"}
# Letters, digits, currency symbols and hyphens [OAS], the spaces and underscores of the examples [OAS, REC].
_NAME = re.compile(r"[\w \-$¢£¤¥€₹]+")
_FIRST_ID = 8_104_117


@dataclass(frozen=True, slots=True)
class Attribute:
    """One data attribute; `number` is Intercom's id, None for a standard one."""

    name: str
    model: str
    data_type: str
    number: int | None = None
    label: str | None = None
    description: str | None = None
    options: tuple[str, ...] = ()
    api_writable: bool = True
    ui_writable: bool = False
    messenger_writable: bool = False
    archived: bool = False
    created_at: int = 0
    born: float = -math.inf  # the exact time of a creation through the API

    def shown(self, *, with_datetime: bool) -> dict[str, Any]:
        """Return the attribute as the API shows it; versions before Preview list a datetime as a date [OAS]."""
        kind = "date" if self.data_type == "datetime" and not with_datetime else self.data_type
        custom = self.number is not None
        full = f"custom_attributes.{self.name}" if custom else self.name
        shown: dict[str, Any] = {"id": self.number} if custom else {}
        shown |= {"type": "data_attribute", "name": self.name}
        shown |= {"full_name": _FULL_NAMES.get(self.name, full) if self.model == "contact" else full}
        shown |= {"label": self.label or self.name, "description": self.description, "data_type": kind}
        if self.options:
            shown["options"] = list(self.options)
        shown |= {"api_writable": self.api_writable, "ui_writable": self.ui_writable}
        shown |= {"messenger_writable": self.messenger_writable, "custom": custom, "archived": self.archived}
        if custom:
            shown |= {"admin_id": "991267459", "created_at": self.created_at, "updated_at": self.created_at}
        if shown["description"] is None:
            del shown["description"]
        return shown | {"model": self.model}

    def check(self, value: object, *, only_options: bool) -> None:
        """Refuse a value that is not of the attribute's type, too long, or not among its options if only those go."""
        if isinstance(value, (dict, list)) or not _is_of_type(value, self.data_type):
            raise self.refusal(f"must be of type {self.data_type}")
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            raise self.refusal(f"must not exceed {LONGEST_TEXT} characters")
        if only_options and self.options and value not in self.options:
            raise self.refusal("must be one of its options")

    def refusal(self, reason: str) -> Refusal:
        """Return the refusal of a contact that carries this attribute."""
        return refusal_of(self.name, reason)


def refusal_of(name: str, reason: str) -> Refusal:
    """Return the refusal of a contact for a custom attribute, which may not exist."""
    return invalid(f"Custom attribute '{name}' {reason}", field=f"custom_attributes.{name}")


def _is_of_type(value: object, data_type: str) -> bool:
    """Return whether a JSON scalar is of a data type; integers are those of 64 bits, dates unix seconds."""
    if data_type == "boolean" or isinstance(value, bool):
        return data_type == "boolean" and isinstance(value, bool)
    if data_type == "string":
        return isinstance(value, str)
    if data_type == "float":
        return is_finite(value)
    limit = 2**63 if data_type == "integer" else LAST_SECOND
    return isinstance(value, int) and -limit <= value < limit


LAST_SECOND = 10_000_000_000  # beyond it a time must be milliseconds, which Intercom does not take


def _standard(model: str, rows: tuple[tuple[str, str, str, tuple[bool, bool], str], ...]) -> list[Attribute]:
    return [
        Attribute(name, model, kind, label=label, description=text, api_writable=api, ui_writable=ui)
        for name, label, kind, (api, ui), text in rows
    ]


class DataAttributes:
    """The attributes of a workspace. Not thread-safe: the core's lock guards it."""

    def __init__(self) -> None:
        standard = _standard("contact", _CONTACT) + _standard("company", _COMPANY)
        self._all: dict[tuple[str, str], Attribute] = {(each.model, each.name): each for each in standard}
        self._next_id = _FIRST_ID

    def custom(self, name: str, model: str = "contact") -> Attribute | None:
        """Return a custom attribute of a model; archived ones count as not existing."""
        found = self._all.get((model, name))
        return None if found is None or found.archived or found.number is None else found

    def listed(self, model: str | None, *, archived: bool, with_datetime: bool) -> list[dict[str, Any]]:
        """Return the attributes of a model (None: of all), archived ones only if asked for."""
        return [
            each.shown(with_datetime=with_datetime)
            for each in self._all.values()
            if model in (None, each.model) and (archived or not each.archived)
        ]

    def create(self, body: dict[str, Any], *, limit: int, now: float) -> Attribute:
        """Add the attribute that a POST asks for, or refuse it."""
        model, name = body.get("model"), body.get("name")
        if not isinstance(model, str) or model not in _CALLED:
            raise invalid("The Data Attribute model field must be either contact or company")
        if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > LONGEST_TEXT:
            raise invalid(
                "Your name for this attribute must only contain alphanumeric characters, currency symbols, and hyphens"
            )
        options = _options_of(body)
        self._refuse_taken(name, model)
        if sum(each.number is not None and not each.archived for each in self._all.values()) >= limit:
            raise invalid(f"You have reached the limit of {limit} custom attributes")
        if body.get("description") is not None and not isinstance(body["description"], str):
            raise invalid("description must be a string")
        data_type = "string" if options else body["data_type"]
        told = body.get("description")
        created = Attribute(name, model, data_type, description=told, options=options, born=now)
        return self._add(created, int(now))

    def _refuse_taken(self, name: str, model: str) -> None:
        """Refuse a name that the other model has, or this one: names clash across both, archived or not."""
        for taken, called in _CALLED.items():
            if (taken, name) in self._all:
                raise invalid(
                    f"You already have '{name}' in your {called} data."
                    f" To save this as new {_CALLED[model]} data, use a different name."
                )

    def seed(self, values: dict[str, Any], now: int) -> None:
        """Add or replace an attribute without Intercom's checks: any keys of `Attribute`, `name` at least."""
        known = {key: values[key] for key in Attribute.__slots__ if key in values and key != "number"}
        known["options"] = tuple(known.get("options") or ())
        self._add(Attribute(**{"model": "contact", "data_type": "string", **known}), now)

    def _add(self, attribute: Attribute, now: int) -> Attribute:
        """Store the attribute under an id of its own."""
        added = replace(attribute, number=self._next_id, created_at=attribute.created_at or now)
        self._next_id += 1
        self._all[attribute.model, attribute.name] = added
        return added


def _options_of(body: dict[str, Any]) -> tuple[str, ...]:
    """Return the options that a POST gives, or refuse its data type."""
    if body.get("data_type") != "options":
        if body.get("data_type") not in _TYPES:
            raise invalid("Data Type isn't an option")
        return ()
    options = body.get("options")
    values = [each.get("value") for each in options if isinstance(each, dict)] if isinstance(options, list) else []
    texts = tuple(each for each in values if isinstance(each, str))
    if len(texts) < 2 or len(texts) != len(values):  # noqa: PLR2004 - a list of one is none
        raise invalid("The Data Attribute options field must have at least 2 options")
    return texts


def model_of(query: dict[str, str]) -> str | None:
    """Return the model that a listing asks for, or refuse it as the 2.16 description does."""
    model = query.get("model")
    if model is not None and model not in _CALLED:
        raise Refusal(
            422, "parameter_invalid", f"model={model} is no longer supported. Use GET /conversations/attributes instead"
        )
    return model
