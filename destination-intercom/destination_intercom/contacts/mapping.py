"""A record -> the change to a contact that it asks for, or why it asks for none.

Pure: no I/O and no clock; a record is never changed. What Intercom already has is not looked
at here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from destination_intercom import outcomes
from destination_intercom.attributes.rules import AttributeRule
from destination_intercom.attributes.values import add_members, convert
from destination_intercom.configuration.deletions import is_deleted_in_log
from destination_intercom.contacts.policy import Role
from destination_intercom.contacts.rules import TagRule, UserRule
from destination_intercom.identity import Key, identify
from destination_intercom.models import CONTACT
from destination_intercom.outcomes import Outcome, filtered
from destination_intercom.paths import DOCUMENTS
from destination_intercom.standard_fields import FIELDS
from destination_intercom.values import MISSING, Converted, Trim, is_set, to_identity

NO_COMPANIES: Final[Mapping[str, str]] = {}
NO_TAGS: Final[Mapping[str, str]] = {}
NO_LISTS: Final[Mapping[str, frozenset[str] | None]] = {}


@dataclass(frozen=True, slots=True)
class ContactChange:
    """What a contact is to become: `fields` are Intercom's own, `attributes` the custom ones.

    What is in `if_empty` is written only where the contact has no value; values in `outside` are none of their
    attribute's options. `companies` are the ids of the person's companies, and `tags` the names of their tags, each
    with the name of its entry. `lists` holds the prefixes of which the person is to have no other tags than these, each
    with their names, casefolded; None in place of them where records of the person name different ones. What is sent
    again was `rejected_at` a unix time.
    """

    kind: ClassVar[str] = "contacts"
    key: Key
    fields: dict[str, Any] = field(repr=False)
    attributes: dict[str, Any] = field(repr=False)
    trims: tuple[Trim, ...] = ()
    if_empty: frozenset[str] = frozenset()
    outside: frozenset[str] = frozenset()
    companies: Mapping[str, str] = field(default_factory=dict, repr=False)
    tags: Mapping[str, str] = field(default_factory=dict, repr=False)
    lists: Mapping[str, frozenset[str] | None] = field(default_factory=dict, repr=False)
    rejected_at: float | None = None

    @property
    def by_email(self) -> bool:
        """Say whether the identity is the e-mail address."""
        return self.key.field == "email"

    @property
    def update_body(self) -> dict[str, Any]:
        """Make the body of `PUT /contacts/{id}`: the identity is not touched."""
        return {**self.fields, "custom_attributes": self.attributes} if self.attributes else dict(self.fields)

    def create_body(self, role: Role = "user") -> dict[str, Any]:
        """Make the body of `POST /contacts`."""
        return {"role": role, self.key.field: self.key.value, **self.update_body}


@dataclass(frozen=True, slots=True)
class ContactDeletion:
    """A person who is to be archived or deleted, since the source has deleted the row.

    `is_mark` says that a mark in the row tells so, and not a database's log, where it counts in its order. What is sent
    again was `rejected_at` a unix time.
    """

    kind: ClassVar[str] = ContactChange.kind
    trims: ClassVar[tuple[Trim, ...]] = ()
    key: Key
    is_mark: bool = False
    rejected_at: float | None = None


NO_OPTIONS: Final[Mapping[str, frozenset[str]]] = {}


def map_contact(
    rule: UserRule,
    data: dict[str, Any],
    types: Mapping[str, str],
    *,
    options: Mapping[str, frozenset[str]] = NO_OPTIONS,
    skipped: frozenset[str] = frozenset(),
) -> ContactChange | ContactDeletion | Outcome:
    """Make the change that a record asks for, or the deletion, or say why there is neither.

    `types` holds the workspace's type of each custom attribute (`string`, `integer`, `float`,
    `boolean`, `date`); where it is silent, the rule's own counts. `options` holds the values that a
    list has; `skipped` attributes are left out.
    """
    if rule.is_deleted(data):
        return _map_deletion(rule, data) if rule.takes_away else filtered(outcomes.DELETED)
    key = identify(rule.identity, data, where=rule.holds)
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
        kind = types.get(target, attribute.type)
        converted, problem = convert(CONTACT, target, value, kind, clear=rule.clear_nulls)
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
        if_empty |= add_members(
            rule.members, data, types, model=CONTACT, fields=fields, attributes=attributes, trims=trims
        )
        outside += [
            name for name in options if name not in outside and _is_outside(attributes.get(name), options[name])
        ]
    companies = _read_companies(rule, data, trims) if rule.member_of else NO_COMPANIES
    tags, lists = _read_tags(rule, data, trims) if rule.tags else (NO_TAGS, NO_LISTS)
    _settle_email(fields, key.value if key.field == "email" else None, trims)
    return ContactChange(key, fields, attributes, tuple(trims), if_empty, frozenset(outside), companies, tags, lists)


def _map_deletion(rule: UserRule, data: dict[str, Any]) -> ContactDeletion | Outcome:
    """Make the deletion that a row asks for; in one of a log only the key may be left of what it was."""
    is_mark = not is_deleted_in_log(data)
    key = identify(rule.identity, data, where=rule.holds if is_mark else rule.holds_if_told)
    return key if isinstance(key, Outcome) else ContactDeletion(key, is_mark)


def _is_outside(converted: Any, options: frozenset[str]) -> bool:
    """Say whether a value is none of its attribute's list: Intercom takes such ones as a rule, and says if not."""
    return isinstance(converted, str) and converted != "" and converted not in options


def _read_companies(rule: UserRule, data: dict[str, Any], trims: list[Trim]) -> dict[str, str]:
    """Read the ids of the person's companies, written as those of the companies' own records are."""
    companies: dict[str, str] = {}
    for entry in rule.member_of:
        value = _read_list(entry.read(data), data)
        for each in value if isinstance(value, list) else [value]:
            if not is_set(each):
                continue
            try:
                companies.setdefault(to_identity(each, email=False), entry.name)
            except ValueError:
                trims.append((entry.name, "no_company_id"))
    return companies


def _read_list(value: Any, data: dict[str, Any]) -> Any:
    """Read a list that is in a text, as columns of the type VARIANT or jsonb arrive; anything else as it is."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        parsed = DOCUMENTS.of(data).read(value)
        return parsed if isinstance(parsed, list) else value
    return value


def _read_tags(
    rule: UserRule, data: dict[str, Any], trims: list[Trim]
) -> tuple[dict[str, str], dict[str, frozenset[str] | None]]:
    """Read the names of the person's tags, each with its entry, and of which prefixes they are all."""
    names: dict[str, tuple[str, str]] = {}
    complete: dict[str, bool] = {}
    for entry in rule.tags:
        value = _read_list(entry.read(data), data)
        is_complete = _is_complete(value, clear=rule.clear_nulls)
        for each in value if isinstance(value, list) else [value]:
            if not is_set(each):
                continue
            try:
                name = _name_tag(each, entry)
            except ValueError:
                # What nobody can read may be the name of a tag that the person has.
                is_complete = False
                trims.append((entry.name, "no_tag"))
            else:
                names.setdefault(name.casefold(), (name, entry.name))
        if entry.replaces:
            complete[entry.beginning] = is_complete and complete.get(entry.beginning, True)
    lists: dict[str, frozenset[str] | None] = {
        prefix: frozenset(name for name in names if name.startswith(prefix))
        for prefix, is_complete in complete.items()
        if is_complete
    }
    return dict(names.values()), lists


def _is_complete(value: Any, *, clear: bool) -> bool:
    """Say whether a property tells of all tags with its prefix; with `clear`, null and a blank text do."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        # A list that was cut off, as it seems: nobody can tell what else was in it.
        return False
    return isinstance(value, list) or is_set(value) or (clear and value is not MISSING)


def _name_tag(value: Any, rule: TagRule) -> str:
    """Make the name of a tag, with a prefix in front if it does not begin with that.

    Raises:
        ValueError: it is neither a text nor a whole number, or too long: to cut it might make another tag of it.
    """
    name = to_identity(value, email=False).strip()
    return name if name.casefold().startswith(rule.beginning) else to_identity(rule.front + name, email=False)


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
