"""A standard field is written once: form, pages and code are held to the table, and follow it.

Each check is seen to complain here: about a field that the table alone has, and about one that the
table alone lacks. `language_override` is such a field: Intercom has it, the connector does not write it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from destination_intercom import values
from destination_intercom.attributes.workspace import check_attributes
from destination_intercom.configuration.config import parse_config
from destination_intercom.contacts.diff import diff, merge
from destination_intercom.contacts.known import ContactReader, KnownContact
from destination_intercom.contacts.mapping import ContactChange, map_contact
from destination_intercom.digests import UNKNOWN
from destination_intercom.errors import ConfigurationError
from destination_intercom.standard_fields import FIELDS, StandardField
from unit_tests.strategies import base_config, user_rule
from unit_tests.task_bench import Names

ROOT = Path(__file__).resolve().parents[2]
CONNECTOR = "destination-intercom/destination_intercom/"

NEW = "language_override"
PLAIN = StandardField(name=NEW, convert=values.convert_text, kind="scalar")
PECULIAR = replace(PLAIN, readable=False, clearable=False, needs_email=True)
ODD = replace(PECULIAR, only_later=True, overwrite="only_true")
"""Whatever a page says of a field is so of this one."""


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add a field to the table that is like `name`."""
    monkeypatch.setitem(FIELDS, NEW, PLAIN)


@pytest.fixture
def peculiar(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add a field to the table that is like `email_verified`."""
    monkeypatch.setitem(FIELDS, NEW, PECULIAR)


def read(path: str) -> str:
    """Read a file of the project, with each run of blanks and line ends as one blank."""
    return " ".join((ROOT / path).read_text(encoding="utf-8").split())


# ---------------------------------------------------------------- the form and the pages

NAMES = r"((?:`?\w+`?, )*(?:`?\w+`? and )?`?\w+`?)"


@dataclass(frozen=True, slots=True)
class Saying:
    """A sentence of `page` that lists the fields for which `holds` is true, where `pattern` finds them."""

    page: str
    about: str
    pattern: str
    holds: Callable[[StandardField], bool] = lambda _: True


def _is_written_if_true(field: StandardField) -> bool:
    return field.overwrite == "only_true"


SPEC, README, USER_PAGE = f"{CONNECTOR}spec.json", "README.md", "docs/intercom.md"
NEVER_CLEARED = rf"{NAMES} (?:is|are) never cleared"
SAYINGS = (
    Saying(SPEC, "all", rf"{NAMES} are Intercom's own fields"),
    Saying(SPEC, "never cleared", NEVER_CLEARED, lambda field: not field.clearable),
    Saying(README, "all", rf"Intercom's own fields {NAMES}"),
    Saying(USER_PAGE, "all", rf"Intercom's own fields are {NAMES}"),
    Saying(USER_PAGE, "never cleared", NEVER_CLEARED, lambda field: not field.clearable),
    Saying(USER_PAGE, "not readable", rf"{NAMES} cannot be read from Intercom", lambda field: not field.readable),
    Saying(USER_PAGE, "only later", rf"{NAMES} never moves back", lambda field: field.only_later),
    Saying(USER_PAGE, "only true", rf"The default is `only_true` for {NAMES}, and `always`", _is_written_if_true),
    Saying(SPEC, "only true", rf'only_true\\" for {NAMES}, otherwise', _is_written_if_true),
    Saying(
        USER_PAGE,
        "beside an address",
        rf"{NAMES} (?:is|are) written only together with an e-mail address",
        lambda field: field.needs_email,
    ),
)
each_saying = pytest.mark.parametrize(
    "saying", SAYINGS, ids=lambda saying: f"{saying.page.rpartition('/')[2]}: {saying.about}"
)


def disagreements(saying: Saying, text: str) -> set[str]:
    """Tell the fields that either the table has and the page does not name, or the other way round."""
    found = re.findall(saying.pattern, text)
    assert len(found) == 1, f"{saying.page} says it {len(found)} times"
    named = set(re.findall(r"\w+", found[0])) - {"and"}
    return named ^ {field.name for field in FIELDS.values() if saying.holds(field)}


@each_saying
def test_page_when_it_lists_standard_fields_then_they_are_the_tables(saying: Saying) -> None:
    """What the user reads of a field is what the code knows of it."""
    assert set() == disagreements(saying, read(saying.page))


@each_saying
def test_page_when_the_table_alone_has_a_field_then_the_check_complains(
    saying: Saying, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A field that no page explains is not done yet."""
    monkeypatch.setitem(FIELDS, NEW, ODD)
    assert {NEW} == disagreements(saying, read(saying.page))


@each_saying
def test_page_when_it_alone_has_a_field_then_the_check_complains(saying: Saying) -> None:
    """A field that is explained and not written is a promise broken."""
    text = read(saying.page)
    found = re.search(saying.pattern, text)
    assert found is not None

    assert {NEW} == disagreements(saying, f"{text[: found.start(1)]}`{NEW}`, {text[found.start(1) :]}")


# ---------------------------------------------------------------- the code

DERIVED = (
    "configuration/config.py",
    "attributes/values.py",
    "contacts/mapping.py",
    "contacts/diff.py",
    "contacts/known.py",
)
IDENTITY = {"email"}


def named(source: str, names: Iterable[str]) -> set[str]:
    """Tell which of `names` the code of a module names, docstrings apart; the identity may be named."""
    tree = ast.parse(source)
    documented = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documented
    ]
    # Within a message "name" and "phone" are words like others; what has a "_" is a field.
    return {name for name in {*names} - IDENTITY for text in texts if name == text or ("_" in name and name in text)}


def source_of(module: str) -> str:
    """Read the source of a module of the connector."""
    return (ROOT / CONNECTOR / module).read_text(encoding="utf-8")


@pytest.mark.parametrize("module", DERIVED)
def test_module_when_it_derives_from_the_table_then_it_names_no_standard_field(module: str) -> None:
    """Nor one that Intercom has and the table lacks: it would be known here alone."""
    assert set() == named(source_of(module), [*FIELDS, NEW])


@pytest.mark.parametrize("module", DERIVED)
@pytest.mark.parametrize("name", sorted({*FIELDS, NEW} - IDENTITY))
def test_module_when_it_names_a_standard_field_then_the_check_complains(module: str, name: str) -> None:
    """A field that is added to one module alone, or treated in a way of its own, is seen."""
    assert {name} == named(f'{source_of(module)}\nALSO = {{"{name}"}}\n', [*FIELDS, NEW])


@pytest.mark.parametrize("text", ['"""language_override."""', "X = 1\n'''Of language_override.'''"])
def test_module_when_only_its_docstring_names_a_standard_field_then_nobody_complains(text: str) -> None:
    """Prose decides nothing."""
    assert set() == named(text, [NEW])


# ---------------------------------------------------------------- what follows from the table


def map_new(
    value: Any, *others: dict[str, Any], clear: bool = False, identity: dict[str, Any] | None = None, **data: Any
) -> ContactChange:
    """Map a record whose property of the new field's name is `value`; the workspace has an attribute of that name."""
    nulls = "clear" if clear else "ignore"
    rule = user_rule({"property": NEW}, *others, null_values=nulls, identity=identity)
    change = map_contact(rule, {"user_id": "42", NEW: value, **data}, {NEW: "integer"})
    assert isinstance(change, ContactChange)
    return change


def wanted(**fields: Any) -> ContactChange:
    """Make a change of these fields to the contact whom `map_new` is about."""
    change = map_contact(user_rule(), {"user_id": "42"}, {})
    assert isinstance(change, ContactChange)
    return replace(change, fields=fields)


def shown(**body: Any) -> KnownContact:
    """Make a contact as Intercom shows it."""
    return reader().read({"id": "1", "role": "user", **body})


def reader() -> ContactReader:
    """Make a reader of the fields that the table has now."""
    return ContactReader(Names({}, fields=frozenset(FIELDS)))


def left(wanted: ContactChange, **body: Any) -> dict[str, Any]:
    """Tell the fields that are left of a change to a contact that Intercom shows so."""
    here = reader()
    return diff(wanted, here.read({"id": "1", "role": "user", **body}), here).fields


EMAIL = {"property": "email"}
BY_EMAIL = {"property": "mail", "intercom_field": "email"}
MAIL = "a@b.example"


def configure(*names: str, **identity: str) -> None:
    """Validate a configuration that writes properties of these names."""
    users = {"mode": "enabled", "streams": [{"stream": "s"}], "attributes": [{"property": name} for name in names]}
    parse_config(base_config(users=users, identity=identity))


def test_name_when_the_table_lacks_it_then_it_is_a_custom_attribute() -> None:
    """So the tests below see what the entry of the table alone brings about."""
    change = map_new(7)
    assert ({}, {NEW: 7}) == (change.fields, change.attributes)
    assert UNKNOWN == reader().shown(shown(**{NEW: "nl"}), NEW)
    with pytest.raises(ConfigurationError, match="does not have the custom attributes"):
        check_attributes({NEW: None}, {"data": []})


@pytest.mark.usefixtures("plain")
def test_mapping_when_the_table_has_a_field_then_it_is_converted_as_the_table_says() -> None:
    """Whatever the workspace's attribute of the same name is; what does not convert is left out and counted."""
    change, nothing = map_new(7), map_new({})
    assert ({NEW: "7"}, {}, ()) == (change.fields, change.attributes, change.trims)
    assert ({}, {}, ((NEW, "no_scalar"),)) == (nothing.fields, nothing.attributes, nothing.trims)


@pytest.mark.parametrize("kind", ["boolean", "date"])
def test_mapping_when_a_fields_value_does_not_convert_then_the_tables_kind_is_the_reason(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The user learns what it should have been."""
    monkeypatch.setitem(FIELDS, NEW, replace(PLAIN, kind=kind))
    assert ((NEW, f"no_{kind}"),) == map_new({}).trims


@pytest.mark.parametrize(("clear", "expected"), [(False, {}), (True, {NEW: None})])
@pytest.mark.usefixtures("plain")
def test_mapping_when_a_clearable_field_is_null_then_the_user_decides(clear: bool, expected: dict[str, Any]) -> None:
    """With `null_values`."""
    assert expected == map_new(None, clear=clear).fields


def test_mapping_when_a_field_is_never_cleared_then_a_null_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where the user wants nulls to clear."""
    monkeypatch.setitem(FIELDS, NEW, replace(PLAIN, clearable=False))
    assert {} == map_new(None, clear=True).fields


@pytest.mark.usefixtures("peculiar")
def test_mapping_when_a_field_needs_an_address_then_it_goes_with_one_or_not_at_all() -> None:
    """With the selected address, or the identity if that is one; left out and counted otherwise."""
    beside, alone = map_new("nl", EMAIL, email=MAIL), map_new("nl", EMAIL)
    assert ({NEW: "nl", "email": MAIL}, ()) == (beside.fields, beside.trims)
    assert ({}, ((NEW, "no_email"),)) == (alone.fields, alone.trims)
    assert {NEW: "nl", "email": MAIL} == map_new("nl", identity=BY_EMAIL, mail=MAIL).fields


@pytest.mark.parametrize(("has", "expected"), [("7", {}), (7, {}), ("8", {NEW: "7"}), (None, {NEW: "7"})])
@pytest.mark.usefixtures("plain")
def test_diff_when_the_table_has_a_field_then_it_is_compared_after_its_conversion(
    has: Any, expected: dict[str, Any]
) -> None:
    """As Intercom shows it beside the other standard fields."""
    assert expected == left(wanted(**{NEW: "7"}), **{NEW: has})


@pytest.mark.parametrize(("has", "expected"), [({"code": "nl"}, {}), ({"code": "de"}, {NEW: "nl"}), ("nl", {})])
def test_diff_when_a_field_is_shown_in_an_object_then_its_member_is_compared(
    monkeypatch: pytest.MonkeyPatch, has: Any, expected: dict[str, Any]
) -> None:
    """The member is the one that the table names."""
    monkeypatch.setitem(FIELDS, NEW, replace(PLAIN, shown_in="code"))
    assert expected == left(wanted(**{NEW: "nl"}), **{NEW: has})


def test_diff_when_a_field_cannot_be_read_then_it_always_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can tell that Intercom has it."""
    monkeypatch.setitem(FIELDS, NEW, replace(PLAIN, readable=False))
    assert {NEW: "nl"} == left(wanted(**{NEW: "nl"}), **{NEW: "nl"})


@pytest.mark.parametrize(("has", "expected"), [(MAIL, {}), ("b@b.example", {NEW: "nl", "email": MAIL})])
@pytest.mark.usefixtures("peculiar")
def test_diff_when_a_field_needs_an_address_then_it_goes_only_where_the_address_goes(
    has: str, expected: dict[str, Any]
) -> None:
    """Intercom would refuse it alone."""
    assert expected == left(wanted(**{NEW: "nl", "email": MAIL}), email=has)


@pytest.mark.usefixtures("peculiar")
def test_merge_when_another_address_follows_then_what_stood_beside_the_first_goes() -> None:
    """It was about that address."""
    merged = merge([wanted(**{NEW: "nl", "email": MAIL}), wanted(email="b@b.example")])
    assert {"email": "b@b.example"} == merged.fields


@pytest.mark.usefixtures("peculiar")
def test_merge_when_no_other_address_follows_then_what_stood_beside_the_first_stays() -> None:
    """It is still about the address that is written."""
    merged = merge([wanted(**{NEW: "nl", "email": MAIL}), wanted(name="Ada")])
    assert {NEW: "nl", "email": MAIL, "name": "Ada"} == merged.fields


@pytest.mark.usefixtures("plain")
def test_merge_when_a_field_is_about_no_address_then_it_stays() -> None:
    """Each property for itself."""
    merged = merge([wanted(**{NEW: "nl", "email": MAIL}), wanted(email="b@b.example")])
    assert {NEW: "nl", "email": "b@b.example"} == merged.fields


@pytest.mark.usefixtures("plain")
def test_attributes_when_the_table_has_a_field_then_the_workspace_need_not() -> None:
    """It is no custom attribute: neither missing nor typed."""
    workspace = check_attributes({NEW: None}, {"data": [{"name": NEW, "custom": False, "data_type": "string"}]})
    assert ({}, ()) == (workspace.types, workspace.missing)
    assert () == check_attributes({NEW: None}, {"data": []}).missing


@pytest.mark.usefixtures("peculiar")
def test_config_when_a_field_needs_an_address_then_one_must_be_selected_beside_it() -> None:
    """Else it could never be written; an e-mail identity is one."""
    with pytest.raises(ConfigurationError, match=f"{NEW} is written only together with an email: select email too"):
        configure(NEW)
    configure(NEW, "email")
    configure(NEW, property="mail", intercom_field="email")


@pytest.mark.usefixtures("plain")
def test_config_when_a_field_needs_nothing_beside_it_then_it_is_taken_alone() -> None:
    """The rule is the entry's, not the name's."""
    configure(NEW)
