"""Data attributes: the standard ones, the workspace's own, and which values a custom attribute takes.

Which attributes are standard is in `standard_attributes`.
"""

import math
import re
from dataclasses import dataclass, replace
from typing import Any

from intercom_emulator.answers import Refusal, invalid, is_finite
from intercom_emulator.settings import Settings
from intercom_emulator.standard_attributes import COMPANY, CONTACT

LONGEST_TEXT = 255
TYPES = ("string", "integer", "float", "boolean", "date", "datetime")
CALLED = {"contact": "people", "company": "company"}
# Letters, digits, currency symbols and hyphens [OAS], the spaces and underscores of the examples [OAS, REC].
_NAME = re.compile(r"[\w \-$¢£¤¥€₹]+")
_FIRST_ID = 8_104_117


@dataclass(frozen=True, slots=True)
class Attribute:
    """One data attribute; `number` is Intercom's id, None for a standard one."""

    name: str
    model: str
    data_type: str
    full_name: str | None = None  # of a standard one
    number: int | None = None
    label: str | None = None
    description: str | None = None
    options: tuple[str, ...] = ()
    api_writable: bool = True
    ui_writable: bool = False
    messenger_writable: bool = False
    archived: bool = False
    created_at: int = 0
    updated_at: int = 0
    born: float = -math.inf  # the exact time of a creation through the API

    def shown(self, *, with_datetime: bool) -> dict[str, Any]:
        """Return the attribute as the API shows it; versions before Preview list a datetime as a date [OAS]."""
        kind = "date" if self.data_type == "datetime" and not with_datetime else self.data_type
        custom = self.number is not None
        full = self.full_name or f"custom_attributes.{self.name}"
        shown: dict[str, Any] = {"id": self.number} if custom else {}
        shown |= {"type": "data_attribute", "name": self.name, "full_name": full}
        shown |= {"label": self.label or self.name, "description": self.description, "data_type": kind}
        if self.options:
            shown["options"] = list(self.options)
        shown |= {"api_writable": self.api_writable, "ui_writable": self.ui_writable}
        shown |= {"messenger_writable": self.messenger_writable, "custom": custom, "archived": self.archived}
        if custom:
            shown |= {"admin_id": "991267459", "created_at": self.created_at, "updated_at": self.updated_at}
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
        """Return the refusal of a contact or a company that carries this attribute."""
        return refusal_of(self.name, reason)


def refusal_of(name: str, reason: str) -> Refusal:
    """Return the refusal of a body for a custom attribute, which may not exist."""
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


def _standard() -> list[Attribute]:
    """Return the standard attributes of both models; those of companies may be written by the Messenger, too."""
    return [
        Attribute(
            full_name.rpartition(".")[2],
            model,
            kind,
            full_name,
            label=label,
            description=text,
            api_writable=api,
            ui_writable=ui,
            messenger_writable=model == "company",
        )
        for model, rows in (("contact", CONTACT), ("company", COMPANY))
        for full_name, label, kind, (api, ui), text in rows
    ]


class DataAttributes:
    """The attributes of a workspace. Not thread-safe: the core's lock guards it."""

    def __init__(self) -> None:
        self._all = {(each.model, each.full_name or each.name): each for each in _standard()}
        self._next_id = _FIRST_ID

    def custom(self, name: str, model: str = "contact") -> Attribute | None:
        """Return a custom attribute of a model; archived ones count as not existing."""
        found = self._all.get((model, name))
        return None if found is None or found.archived or found.number is None else found

    def accept(self, custom: object, model: str, settings: Settings, now: float) -> dict[str, Any]:
        """Return the `custom_attributes` of a body (none: {}); one that does not exist or does not fit refuses all."""
        if custom is None:
            return {}
        if not isinstance(custom, dict):
            raise invalid("custom_attributes must be an object", field="custom_attributes")
        for name, value in custom.items():
            attribute = self.custom(name, model)
            if attribute is None or now - attribute.born < settings.attribute_lag:
                raise refusal_of(name, "does not exist")
            if not attribute.api_writable:
                raise attribute.refusal("is not writable")
            if value is not None:
                attribute.check(value, only_options=settings.options_outside == "refuse")
        return custom

    def listed(self, model: str | None, *, archived: bool, with_datetime: bool) -> list[dict[str, Any]]:
        """Return the attributes of a model (None: of all), archived ones only if asked for."""
        return [
            each.shown(with_datetime=with_datetime)
            for each in self._all.values()
            if model in (None, each.model) and (archived or not each.archived)
        ]

    def create(self, body: dict[str, Any], settings: Settings, *, now: float) -> Attribute:
        """Add the attribute that a POST asks for, or refuse it."""
        model, name = body.get("model"), body.get("name")
        if not isinstance(model, str) or model not in CALLED:
            raise invalid("The Data Attribute model field must be either contact or company")
        if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > LONGEST_TEXT:
            raise invalid(
                "Your name for this attribute must only contain alphanumeric characters, currency symbols, and hyphens"
            )
        options = _options_of(body)
        self._refuse_taken(name, model, settings)
        self._refuse_beyond_limit(settings)
        if body.get("description") is not None and not isinstance(body["description"], str):
            raise invalid("description must be a string")
        data_type = "string" if options else body["data_type"]
        told = body.get("description")
        created = Attribute(name, model, data_type, description=told, options=options, born=now)
        return self._add(created, int(now))

    def update(self, number: str, body: dict[str, Any], settings: Settings, *, now: float) -> Attribute:
        """Change what a PUT may change of a custom attribute, by Intercom's id, or refuse all of it."""
        found = next(
            (each for each in self._all.values() if each.number is not None and str(each.number) == number), None
        )
        if found is None:
            raise Refusal(404, "field_not_found", "We couldn't find that data attribute to update")
        changes = _changes_of(body, found)
        if found.archived and changes.get("archived") is False:
            self._refuse_beyond_limit(settings)
        changed = replace(found, **changes, updated_at=int(now))
        self._all[found.model, found.name] = changed
        return changed

    def _refuse_beyond_limit(self, settings: Settings) -> None:
        limit = settings.attribute_limit
        if sum(each.number is not None and not each.archived for each in self._all.values()) >= limit:
            raise invalid(f"You have reached the limit of {limit} custom attributes")

    def _refuse_taken(self, name: str, model: str, settings: Settings) -> None:
        """Refuse a name that this model has, or the other: names clash across both, archived or not."""
        for each in self._all.values():
            elsewhere = each.model != model and each.number is None
            if each.name == name and not (elsewhere and settings.name_clash == "custom"):
                raise invalid(
                    f"You already have '{name}' in your {CALLED[each.model]} data."
                    f" To save this as new {CALLED[model]} data, use a different name."
                )

    def seed(self, values: dict[str, Any], now: int) -> None:
        """Add or replace an attribute without Intercom's checks: any keys of `Attribute`, `name` at least."""
        known = {key: values[key] for key in Attribute.__slots__ if key in values and key != "number"}
        known["options"] = tuple(known.get("options") or ())
        self._add(Attribute(**{"model": "contact", "data_type": "string", **known}), now)

    def _add(self, attribute: Attribute, now: int) -> Attribute:
        """Store the attribute under an id of its own."""
        created_at = attribute.created_at or now
        added = replace(attribute, number=self._next_id, created_at=created_at, updated_at=created_at)
        self._next_id += 1
        self._all[attribute.model, attribute.name] = added
        return added


def _options_of(body: dict[str, Any]) -> tuple[str, ...]:
    """Return the options that a POST gives, or refuse its data type."""
    if body.get("data_type") != "options":
        if body.get("data_type") not in TYPES:
            raise invalid("Data Type isn't an option")
        return ()
    return _texts_of(body.get("options"))


def _texts_of(options: object) -> tuple[str, ...]:
    """Return the options of a list, or refuse what is none."""
    values = [each.get("value") for each in options if isinstance(each, dict)] if isinstance(options, list) else []
    texts = tuple(each for each in values if isinstance(each, str))
    if len(texts) < 2 or len(texts) != len(values):  # noqa: PLR2004 - a list of one is none
        raise invalid("The Data Attribute options field must have at least 2 options")
    return texts


def _changes_of(body: dict[str, Any], attribute: Attribute) -> dict[str, Any]:
    """Return what a PUT changes of an attribute, or refuse it; other keys are passed over."""
    changes: dict[str, Any] = {}
    for name, kind in (("archived", bool), ("messenger_writable", bool), ("description", str)):
        if name in body:
            if not isinstance(body[name], kind):
                raise invalid(f"{name} is not of its type")
            changes[name] = body[name]
    if "options" in body:
        if not isinstance(body["options"], list) or not attribute.options:
            raise invalid("Options isn't an array")
        changes["options"] = _texts_of(body["options"])
    return changes


def model_of(query: dict[str, str]) -> str | None:
    """Return the model that a listing asks for, or refuse it as the 2.16 description does."""
    model = query.get("model")
    if model is not None and model not in CALLED:
        raise Refusal(
            422, "parameter_invalid", f"model={model} is no longer supported. Use GET /conversations/attributes instead"
        )
    return model
