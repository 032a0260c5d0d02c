"""A record -> the change to a contact that it asks for, or why it asks for none.

Pure: no I/O and no clock; a record is never changed. What Intercom already has is not looked
at here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from destination_intercom import outcomes
from destination_intercom.contacts.rules import AttributeMembers, AttributeRule, UserRule
from destination_intercom.identity import Key, identify
from destination_intercom.outcomes import Outcome, filtered
from destination_intercom.paths import rename
from destination_intercom.standard_fields import FIELDS, NEVER_BY_WILDCARD
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
    if rule.is_deleted(data):
        return filtered(outcomes.DELETED)
    if not all(holds(data) for holds in rule.holds):
        return filtered(outcomes.FILTERED_OUT)
    key = identify(rule.identity, data)
    if isinstance(key, Outcome):
        return key
    values = _Values(options)
    for attribute in rule.attributes:
        if attribute.target not in skipped:
            kind = types.get(attribute.target, attribute.type)
            converted, problem = _convert(rule, attribute.target, attribute.read(data), kind)
            values.add(attribute.target, *_hold_back(attribute, converted, problem), entry=attribute.target)
    if_empty = rule.if_empty
    for many in rule.members:
        taken = values.add_members(many, data, types)
        if_empty = if_empty | taken if many.if_empty else if_empty
    _settle_email(values.fields, key.value if key.field == "email" else None, values.trims)
    return ContactChange(
        key, values.fields, values.attributes, tuple(values.trims), if_empty, frozenset(values.outside)
    )


class _Values:
    """The values of one change, and what of the record could not be sent as it was."""

    def __init__(self, options: Mapping[str, frozenset[str]]) -> None:
        self._options = options
        self.fields: dict[str, Any] = {}
        self.attributes: dict[str, Any] = {}
        self.trims: list[Trim] = []
        self.outside: list[str] = []

    def add(self, target: str, converted: Any, problem: str, *, entry: str) -> None:
        """Take a value; `entry` is the name under which a problem with it is counted."""
        options = self._options.get(target)
        if options is not None and isinstance(converted, str) and converted and converted not in options:
            # Intercom takes such values, as a rule: it has to say so if it does not.
            self.outside.append(target)
        if problem and (entry, problem) not in self.trims:
            self.trims.append((entry, problem))
        if converted is not MISSING:
            (self.fields if target in FIELDS else self.attributes)[target] = converted

    def add_members(self, rule: AttributeMembers, data: dict[str, Any], types: Mapping[str, str]) -> set[str]:
        """Take the members of a record's object that nobody has named; return the names that are written.

        A problem is counted under the wildcard: a member's name may be personal data, and is told to nobody.
        """
        taken: set[str] = set()
        for name, value in rule.read(data).items():
            target = rename(rule.pattern, name)
            if target in rule.taken or name in rule.left_out or target in self.fields or target in self.attributes:
                continue
            self.add(target, *_convert_member(target, value, types), entry=rule.path)
            if target in self.fields or target in self.attributes:
                taken.add(target)
        return taken


def _convert_member(target: str, value: Any, types: Mapping[str, str]) -> Converted:
    if target in NEVER_BY_WILDCARD:
        return MISSING, "not_by_wildcard"
    if target not in FIELDS and target not in types:
        return MISSING, "no_attribute"
    return _convert_value(target, value, types.get(target))


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
    if not is_set(value):
        return (None if rule.clear_nulls and (target not in FIELDS or FIELDS[target].clearable) else MISSING), ""
    return _convert_value(target, value, kind)


def _convert_value(target: str, value: Any, kind: str | None) -> Converted:
    standard = FIELDS.get(target)
    try:
        return convert_typed(kind, value) if standard is None else standard.convert(value)
    except ValueError:
        expected = (str(kind) if kind in _TYPES else "scalar") if standard is None else standard.kind
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
