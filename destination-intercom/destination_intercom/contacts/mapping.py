"""A record -> the change to a contact that it asks for, or why it asks for none.

Pure: no I/O and no clock; a record is never changed. What Intercom already has is not looked
at here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from destination_intercom import outcomes
from destination_intercom.configuration.config import STANDARD_FIELDS
from destination_intercom.contacts.rules import UserRule
from destination_intercom.identity import Key, identify
from destination_intercom.outcomes import Outcome, filtered, rejected
from destination_intercom.values import (
    MAX_TEXT,
    MISSING,
    Converted,
    Trim,
    text_value,
    to_boolean,
    to_float,
    to_integer,
    to_text,
    to_time,
)

NEVER_CLEARED: Final = frozenset({"email", "email_verified"})
"""A contact keeps its e-mail address: Intercom makes "" of a null, and messages go astray."""


@dataclass(frozen=True, slots=True)
class ContactChange:
    """What a contact is to become: `fields` are Intercom's own, `attributes` the custom ones."""

    kind: ClassVar[str] = "contacts"
    key: Key
    fields: dict[str, Any] = field(repr=False)
    attributes: dict[str, Any] = field(repr=False)
    trims: tuple[Trim, ...] = ()

    @property
    def by_email(self) -> bool:
        """Say whether the identity is the e-mail address."""
        return self.key.field == "email"

    @property
    def update_body(self) -> dict[str, Any]:
        """Make the body of `PUT /contacts/{id}`: the identity is not touched."""
        return {**self.fields, "custom_attributes": self.attributes} if self.attributes else dict(self.fields)

    @property
    def create_body(self) -> dict[str, Any]:
        """Make the body of `POST /contacts` for a user."""
        return {"role": "user", self.key.field: self.key.value, **self.update_body}


NO_OPTIONS: Final[Mapping[str, frozenset[str]]] = {}


def map_contact(
    rule: UserRule,
    data: dict[str, Any],
    types: Mapping[str, str],
    *,
    options: Mapping[str, frozenset[str]] = NO_OPTIONS,
    skipped: frozenset[str] = frozenset(),
) -> ContactChange | Outcome:
    """Make the change that a record asks for, or say why there is none.

    `types` holds the workspace's type of each custom attribute (`string`, `integer`, `float`,
    `boolean`, `date`); where it is silent, the rule's own counts. `options` holds the values that a
    list takes; `skipped` ones are left out.
    """
    if not all(holds(data) for holds in rule.holds):
        return filtered(outcomes.FILTERED_OUT)
    key = identify(rule.identity, data)
    if isinstance(key, Outcome):
        return key
    fields: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    trims: list[Trim] = []
    for attribute in rule.attributes:
        target, value = attribute.target, attribute.read(data)
        if target in skipped:
            continue
        converted, problem = _convert(rule, target, value, types.get(target, attribute.type))
        if target in options and isinstance(converted, str) and converted not in options[target]:
            converted, problem = MISSING, "no_option"
        if problem == outcomes.INVALID_EMAIL:
            return rejected(outcomes.INVALID_EMAIL)
        if problem:
            trims.append((target, problem))
        if converted is not MISSING:
            (fields if target in STANDARD_FIELDS else attributes)[target] = converted
    _settle_email(fields, key.value if key.field == "email" else None, trims)
    return ContactChange(key, fields, attributes, tuple(trims))


def _settle_email(fields: dict[str, Any], identity: str | None, trims: list[Trim]) -> None:
    """Make `fields` hold an address that agrees with `identity`, the address or None, and with `email_verified`."""
    if identity is not None:
        # The identity is the address: another property never replaces it.
        fields.pop("email", None)
    if "email_verified" not in fields:
        return
    if identity is not None:
        # Without an address in the same request Intercom answers 400, says its API description.
        fields["email"] = identity
    elif "email" not in fields:
        del fields["email_verified"]
        trims.append(("email_verified", "no_email"))


def _convert(rule: UserRule, target: str, value: Any, kind: str | None) -> Converted:
    if value is MISSING:
        return MISSING, ""
    if value is None:
        return (None if rule.clear_nulls and target not in NEVER_CLEARED else MISSING), ""
    try:
        return convert_field(target, value) if target in _FIELDS else convert_typed(kind, value)
    except ValueError:
        expected = _FIELD_KINDS.get(target, "scalar") if target in _FIELDS else kind
        return MISSING, "no_" + (expected if expected in _TYPES else "scalar").removesuffix("time")


def convert_field(name: str, value: Any) -> Converted:
    """Convert a value to what the standard field `name` takes.

    Raises:
        ValueError: it cannot be converted without loss.
    """
    return _FIELDS[name](value)


def convert_typed(kind: str | None, value: Any) -> Converted:
    """Convert a value to a custom attribute's type.

    A type that Intercom may come to have is no reason to stop: it is sent as text.

    Raises:
        ValueError: it cannot be converted without loss.
    """
    return _TYPES.get(kind or "", _text)(value)


def _text(value: Any) -> Converted:
    return text_value(to_text(value))


def _email(value: Any) -> Converted:
    if not isinstance(value, str) or len(address := value.strip().lower()) > MAX_TEXT:
        return MISSING, outcomes.INVALID_EMAIL
    return address or MISSING, ""


def _exact(convert: Callable[[Any], Any]) -> Callable[[Any], Converted]:
    return lambda value: (convert(value), "")


def _url(value: Any) -> Converted:
    text = to_text(value)
    return (text, "") if len(text) <= MAX_TEXT else (MISSING, "long_url")


_FIELDS: Final[dict[str, Callable[[Any], Converted]]] = {
    "email": _email,
    "name": _text,
    "phone": _text,
    "avatar": _url,
    "signed_up_at": _exact(to_time),
    "last_seen_at": _exact(to_time),
    "owner_id": _exact(lambda value: str(to_integer(value))),
    "unsubscribed_from_emails": _exact(to_boolean),
    "email_verified": _exact(to_boolean),
}
_FIELD_KINDS: Final = {
    "name": "scalar",
    "phone": "scalar",
    "avatar": "scalar",
    "signed_up_at": "date",
    "last_seen_at": "date",
    "owner_id": "integer",
    "unsubscribed_from_emails": "boolean",
    "email_verified": "boolean",
}
_TYPES: Final[dict[str, Callable[[Any], Converted]]] = {
    "string": _text,
    "integer": _exact(to_integer),
    "float": _exact(to_float),
    "boolean": _exact(to_boolean),
    "date": _exact(to_time),
    "datetime": _exact(to_time),
}
