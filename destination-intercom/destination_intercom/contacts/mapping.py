"""A record -> the change to a contact that it asks for, or why it asks for none.

Pure: no I/O and no clock; a record is never changed. What Intercom already has is not looked
at here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from destination_intercom import outcomes
from destination_intercom.contacts.rules import AttributeRule, UserRule
from destination_intercom.identity import Key, identify
from destination_intercom.outcomes import Outcome, filtered
from destination_intercom.standard_fields import FIELDS
from destination_intercom.values import (
    MISSING,
    Converted,
    Trim,
    convert_exactly,
    convert_text,
    is_set,
    to_boolean,
    to_float,
    to_integer,
    to_time,
)


@dataclass(frozen=True, slots=True)
class ContactChange:
    """What a contact is to become: `fields` are Intercom's own, `attributes` the custom ones.

    What is in `if_empty` is written only where the contact has no value; values in `outside` are none of their
    attribute's options.
    """

    kind: ClassVar[str] = "contacts"
    key: Key
    fields: dict[str, Any] = field(repr=False)
    attributes: dict[str, Any] = field(repr=False)
    trims: tuple[Trim, ...] = ()
    if_empty: frozenset[str] = frozenset()
    outside: frozenset[str] = frozenset()

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
    list has; `skipped` attributes are left out.
    """
    if not all(holds(data) for holds in rule.holds):
        return filtered(outcomes.FILTERED_OUT)
    key = identify(rule.identity, data)
    if isinstance(key, Outcome):
        return key
    fields: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    trims: list[Trim] = []
    outside: list[str] = []
    for attribute in rule.attributes:
        target, value = attribute.target, attribute.read(data)
        if target in skipped:
            continue
        converted, problem = _hold_back(attribute, *_convert(rule, target, value, types.get(target, attribute.type)))
        if target in options and isinstance(converted, str) and converted and converted not in options[target]:
            # Intercom takes such values, as a rule: it has to say so if it does not.
            outside.append(target)
        if problem:
            trims.append((target, problem))
        if converted is not MISSING:
            (fields if target in FIELDS else attributes)[target] = converted
    _settle_email(fields, key.value if key.field == "email" else None, trims)
    return ContactChange(key, fields, attributes, tuple(trims), rule.if_empty, frozenset(outside))


def _settle_email(fields: dict[str, Any], identity: str | None, trims: list[Trim]) -> None:
    """Make `fields` hold an address that agrees with `identity`, the address or None, and with what needs one."""
    if identity is not None:
        # The identity is the address: another property never replaces it.
        fields.pop("email", None)
    needing = [name for name in fields if FIELDS[name].needs_email]
    if needing and identity is not None:
        fields["email"] = identity
    elif "email" not in fields:
        for name in needing:
            del fields[name]
            trims.append((name, "no_email"))


def _hold_back(attribute: AttributeRule, converted: Any, problem: str) -> Converted:
    """Leave out what is never written, whatever the contact has."""
    if attribute.overwrite == "always" or converted is MISSING or converted is True:
        return converted, problem
    if converted is None or attribute.overwrite == "only_true":
        return MISSING, "kept_back" if converted is False else problem
    return converted, problem


def _convert(rule: UserRule, target: str, value: Any, kind: str | None) -> Converted:
    if value is MISSING:
        return MISSING, ""
    standard = FIELDS.get(target)
    if not is_set(value):
        return (None if rule.clear_nulls and (standard is None or standard.clearable) else MISSING), ""
    try:
        return convert_typed(kind, value) if standard is None else standard.convert(value)
    except ValueError:
        expected = (kind if kind in _TYPES else "scalar") if standard is None else standard.kind
        return MISSING, "no_" + expected.removesuffix("time")


def convert_typed(kind: str | None, value: Any) -> Converted:
    """Convert a value to a custom attribute's type.

    A type that Intercom may come to have is no reason to stop: it is sent as text.

    Raises:
        ValueError: it cannot be converted without loss.
    """
    return _TYPES.get(kind or "", convert_text)(value)


_TYPES: Final[dict[str, Callable[[Any], Converted]]] = {
    "string": convert_text,
    "integer": convert_exactly(to_integer),
    "float": convert_exactly(to_float),
    "boolean": convert_exactly(to_boolean),
    "date": convert_exactly(to_time),
    "datetime": convert_exactly(to_time),
}
