"""A record -> the change to a contact that it asks for, or why it asks for none.

Pure: no I/O and no clock; a record is never changed. What Intercom already has is not looked
at here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from destination_intercom import outcomes
from destination_intercom.contacts.rules import AttributeMembers, AttributeRule, UserRule
from destination_intercom.identity import Key, identify
from destination_intercom.outcomes import Outcome, filtered
from destination_intercom.paths import rename
from destination_intercom.standard_fields import FIELDS, NEVER_BY_WILDCARD, StandardField
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


def map_contact(  # noqa: C901 - one loop, for it is most of what a sync itself costs
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
    fields: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    trims: list[Trim] = []
    outside: list[str] = []
    # Nothing is called here that need not be: a sync spends most of its own time on this.
    for attribute in rule.attributes:
        target, value = attribute.target, attribute.read(data)
        if value is MISSING or target in skipped:
            continue
        converted, problem = _convert(rule, target, value, types.get(target, attribute.type))
        if attribute.overwrite != "always":
            converted, problem = _hold_back(attribute, converted, problem)
        if target in options and _is_outside(converted, options[target]):
            outside.append(target)
        if problem:
            trims.append((target, problem))
        if converted is not MISSING:
            (fields if target in FIELDS else attributes)[target] = converted
    if_empty = rule.if_empty
    if rule.members:
        if_empty |= _add_members(rule.members, data, types, fields=fields, attributes=attributes, trims=trims)
        outside += [
            name for name in options if name not in outside and _is_outside(attributes.get(name), options[name])
        ]
    _settle_email(fields, key.value if key.field == "email" else None, trims)
    return ContactChange(key, fields, attributes, tuple(trims), if_empty, frozenset(outside))


def _is_outside(converted: Any, options: frozenset[str]) -> bool:
    """Say whether a value is none of its attribute's list: Intercom takes such ones as a rule, and says if not."""
    return isinstance(converted, str) and converted != "" and converted not in options


def _add_members(
    rules: Iterable[AttributeMembers],
    data: dict[str, Any],
    types: Mapping[str, str],
    *,
    fields: dict[str, Any],
    attributes: dict[str, Any],
    trims: list[Trim],
) -> set[str]:
    """Add the members of a record's objects that nobody has named; return the names to write only where there is none.

    A problem is counted under the wildcard: a member's name may be personal data, and is told to nobody.
    """
    if_empty: set[str] = set()
    for rule in rules:
        for name, value in rule.read(data).items():
            target = rename(rule.pattern, name)
            if target in rule.taken or name in rule.left_out or target in fields or target in attributes:
                continue
            converted, problem = _convert_member(target, value, types)
            if problem and (rule.path, problem) not in trims:
                trims.append((rule.path, problem))
            if converted is not MISSING:
                (fields if target in FIELDS else attributes)[target] = converted
                if_empty |= {target} if rule.if_empty else set()
    return if_empty


def _convert_member(target: str, value: Any, types: Mapping[str, str]) -> Converted:
    standard = FIELDS.get(target)
    if target in NEVER_BY_WILDCARD:
        return MISSING, "not_by_wildcard"
    if standard is None and target not in types:
        return MISSING, "no_attribute"
    try:
        return convert_typed(types[target], value) if standard is None else standard.convert(value)
    except ValueError:
        return MISSING, _unconverted(standard, types.get(target))


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
    if converted is MISSING or converted is True:
        return converted, problem
    if converted is None or attribute.overwrite == "only_true":
        return MISSING, "kept_back" if converted is False else problem
    return converted, problem


def _convert(rule: UserRule, target: str, value: Any, kind: str | None) -> Converted:
    standard = FIELDS.get(target)
    if not is_set(value):
        return (None if rule.clear_nulls and (standard is None or standard.clearable) else MISSING), ""
    try:
        return _TYPES.get(kind or "", convert_text)(value) if standard is None else standard.convert(value)
    except ValueError:
        return MISSING, _unconverted(standard, kind)


def _unconverted(standard: StandardField | None, kind: str | None) -> str:
    expected = (str(kind) if kind in _TYPES else "scalar") if standard is None else standard.kind
    return "no_" + expected.removesuffix("time")


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
