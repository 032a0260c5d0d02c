"""A record becomes the change to a contact that it asks for, or it is said why not."""

import math
from typing import Any

import pytest
from hypothesis import given, strategies as st

from destination_intercom import outcomes
from destination_intercom.contacts.mapping import ContactChange, ContactDeletion, map_contact
from destination_intercom.contacts.rules import UserRule
from destination_intercom.outcomes import FILTER_REASONS, REJECTION_REASONS, Outcome, Status
from destination_intercom.standard_fields import STANDARD_FIELDS
from destination_intercom.values import TRIM_REASONS
from unit_tests.keys import by_id
from unit_tests.strategies import TEXTS, records, user_rule

LONG = "x" * 300
LONG_URL = "https://a.example/" + LONG
BY_EMAIL = {"property": "mail", "intercom_field": "email"}


def _change(rule: UserRule, types: dict[str, str] | None = None, **data: Any) -> ContactChange:
    change = map_contact(rule, {"user_id": "42", **data}, types or {})
    assert isinstance(change, ContactChange)
    return change


def _custom(kind: str | None, value: object) -> tuple[dict[str, Any], tuple[tuple[str, str], ...]]:
    change = _change(user_rule({"property": "p"}), {"p": kind} if kind else {}, p=value)
    assert change.fields == {}
    return change.attributes, change.trims


def _field(name: str, value: object) -> tuple[dict[str, Any], tuple[tuple[str, str], ...]]:
    data: dict[str, Any] = {name: value}
    change = _change(user_rule({"property": name}), **data)
    assert change.attributes == {}
    return change.fields, change.trims


def test_contact_with_no_attributes_writes_only_the_identity() -> None:
    """Nothing else is written where nothing is selected."""
    change = _change(user_rule(), email="ada@example.com", name="Ada")
    assert ({"role": "user", "external_id": "42"}, {}) == (change.create_body(), change.update_body)


def test_contact_bodies_hold_fields_and_custom_attributes_apart() -> None:
    """A standard field stands by itself, any other name among the custom attributes; an update keeps the identity."""
    rule = user_rule({"property": "email"}, {"property": "u.plan"}, {"property": "u.nick", "attribute": "name"})
    change = _change(rule, email="Ada@Example.com ", u={"plan": "pro", "nick": "Ada"})
    update = {"email": "ada@example.com", "name": "Ada", "custom_attributes": {"plan": "pro"}}
    assert update == change.update_body
    assert {"role": "user", "external_id": "42", **update} == change.create_body()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("acme", ["acme"]),
        (7, ["7"]),
        (42.0, ["42"]),
        (["a", 8, " ", None, "a"], ["a", "8"]),
        ('["a", 8]', ["a", "8"]),
        (" [1, 2", [" [1, 2"]),
        ("[]", []),
        (None, []),
        ("  ", []),
        ([], []),
    ],
)
def test_companies_when_a_property_holds_one_or_a_list_then_their_ids_are_texts(
    value: Any, expected: list[str]
) -> None:
    """As those of companies' own records; no value takes anything off."""
    change = _change(user_rule(member_of=[{"property": "account"}]), account=value)
    assert dict.fromkeys(expected, "member_of account") == dict(change.companies)
    assert ((), {}) == (change.trims, change.update_body)


@pytest.mark.parametrize("value", [True, 1.5, {"id": "a"}, ["a", ["b"]], LONG, '[{"id": 1}]'])
def test_companies_when_a_value_is_no_id_then_it_is_left_out_and_counted(value: Any) -> None:
    """The others of the list are kept."""
    rule = user_rule(member_of=[{"property": "account"}])
    change = _change(rule, account=value)
    assert (("member_of account", "no_company_id"),) == change.trims
    assert set(change.companies) <= {"a"}
    entry = rule.entries["member_of account"]
    assert ('users.member_of, entry 1 ("account")', "account") == (entry.place, entry.property)


def test_companies_when_several_entries_and_templates_name_them_then_they_add_up() -> None:
    """A template alone keeps a list; a decimal loses its fraction where the schema declares a number."""
    entries = [{"property": "a"}, {"property": "{{ record.b }}"}, {"property": "shop-{{ record.c }}"}]
    change = _change(user_rule(member_of=entries), a=["x"], b=["y", "x"], c=3)
    assert ["x", "y", "shop-3"] == list(change.companies)


SEGMENTS = {"property": "segments", "prefix": "Segment:", "mode": "replace"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("VIP", ["VIP"]),
        ("  VIP ", ["VIP"]),
        (7, ["7"]),
        (42.0, ["42"]),
        (["VIP", 8, " ", None, "vip", " Trial"], ["VIP", "8", "Trial"]),
        ('["VIP", 8]', ["VIP", "8"]),
        ("[VIP", ["[VIP"]),
        ("[]", []),
        (None, []),
        ("  ", []),
        ([], []),
        ({}, []),
    ],
)
def test_tags_when_a_property_holds_one_or_a_list_then_their_names_are_texts(value: Any, expected: list[str]) -> None:
    """Without blanks at the ends, and each once in whichever case; nothing is written for them."""
    change = _change(user_rule(tags=[{"property": "segments"}]), segments=value)
    assert dict.fromkeys(expected, "tags segments") == dict(change.tags)
    assert {} == change.update_body == change.lists


@pytest.mark.parametrize(
    ("prefix", "name", "expected"),
    [
        ("Segment:", "VIP", "Segment: VIP"),
        (" Segment: ", "VIP", "Segment: VIP"),
        ("Segment", "VIP", "Segment VIP"),
        ("Segment", "Segmentation", "Segment Segmentation"),
        ("Segment", "segment vip", "segment vip"),
        ("Segment:", "SEGMENT:VIP", "SEGMENT:VIP"),
        ("Segment:", 7, "Segment: 7"),
        ("seg_", "VIP", "seg_VIP"),
        ("a/b/", "c", "a/b/c"),
        ("x-", "x-y", "x-y"),
        ("v1.", "2", "v1.2"),
        ("#", "VIP", "#VIP"),
    ],
)
def test_tag_when_there_is_a_prefix_then_its_name_begins_with_it_once(prefix: str, name: Any, expected: str) -> None:
    """In whichever case; a blank goes between, but none after some signs."""
    rule = user_rule(tags=[{"property": "segments", "prefix": prefix, "mode": "replace"}])
    change = _change(rule, segments=[name])
    assert [expected] == list(change.tags)
    ((beginning, names),) = change.lists.items()
    assert frozenset({expected.casefold()}) == names
    assert expected.casefold().startswith(beginning)


@pytest.mark.parametrize("value", [True, 1.5, {"name": "a"}, ["a", ["b"]], LONG, '[{"name": 1}]', "x" * 250])
def test_tag_when_a_value_is_no_name_then_it_is_left_out_and_counted_and_nothing_is_listed(value: Any) -> None:
    """It may stand for one that the person has; to cut a name would make another tag of it."""
    rule = user_rule(tags=[SEGMENTS])
    change = _change(rule, segments=value)
    assert ((("tags segments", "no_tag"),), {}) == (change.trims, change.lists)
    assert set(change.tags) <= {"Segment: a"}
    entry = rule.entries["tags segments"]
    assert ('users.tags, entry 1 ("segments")', "segments") == (entry.place, entry.property)


@pytest.mark.parametrize(
    ("data", "ignoring", "clearing"),
    [
        ({}, None, None),
        ({"segments": None}, None, set()),
        ({"segments": " "}, None, set()),
        ({"segments": "[a, b"}, None, None),
        ({"segments": []}, set(), set()),
        ({"segments": [None]}, set(), set()),
        ({"segments": "[]"}, set(), set()),
        ({"segments": "A"}, {"segment: a"}, {"segment: a"}),
        ({"segments": ["A", "b"]}, {"segment: a", "segment: b"}, {"segment: a", "segment: b"}),
    ],
)
def test_tags_are_listed_where_a_list_is_there_and_by_null_where_nulls_clear(
    data: dict[str, Any], ignoring: set[str] | None, clearing: set[str] | None
) -> None:
    """A single name is a list of one; what is absent never lists any, nor a list that was cut off."""
    for nulls, expected in (("ignore", ignoring), ("clear", clearing)):
        change = _change(user_rule(tags=[SEGMENTS], null_values=nulls), **data)
        assert ({} if expected is None else {"segment:": frozenset(expected)}) == change.lists


def test_tags_of_several_entries_add_up_and_are_listed_where_all_with_the_prefix_are_there() -> None:
    """An entry that only adds names some of them; a template may, too."""
    tags = [SEGMENTS, {**SEGMENTS, "property": "more"}, {"property": "Segment: {{ record.plan }}"}]
    change = _change(user_rule(tags=tags), segments=["A"], more=["B"], plan="pro")
    assert ["Segment: A", "Segment: B", "Segment: pro"] == list(change.tags)
    assert {"segment:": frozenset({"segment: a", "segment: b", "segment: pro"})} == change.lists
    assert {} == _change(user_rule(tags=tags), segments=["A"], plan="pro").lists
    assert [] == list(_change(user_rule(tags=tags[2:])).tags)


def test_contact_of_an_email_identity_is_created_with_it_and_never_loses_it() -> None:
    """The identity is the address: another property does not replace it."""
    rule = user_rule({"property": "email"}, {"property": "name"}, identity=BY_EMAIL)
    change = _change(rule, mail=" Ada@Example.com ", email="other@example.com", name="Ada")
    assert {"role": "user", "email": "ada@example.com", "name": "Ada"} == change.create_body()
    assert {"name": "Ada"} == change.update_body


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("email", " Ada@Example.COM ", "ada@example.com"),
        ("name", "Ada", "Ada"),
        ("name", 7, "7"),
        ("phone", "+31 20", "+31 20"),
        ("phone", 31201234567, "31201234567"),
        ("name", ["Ada", None, "Lovelace"], "Ada, Lovelace"),
        ("avatar", "https://a.example/a.png", "https://a.example/a.png"),
        ("signed_up_at", "1970-01-01", 0),
        ("signed_up_at", "9998-12-31T23:59:59Z", 253_370_764_799),
        ("last_seen_at", 1_700_000_000_123, 1_700_000_000),
        ("owner_id", 127, "127"),
        ("owner_id", "127", "127"),
        ("owner_id", 127.0, "127"),
        ("unsubscribed_from_emails", "true", True),
        ("unsubscribed_from_emails", 1, True),
        ("unsubscribed_from_emails", "Yes", True),
    ],
)
def test_contact_field_that_converts_is_written_in_intercoms_type(name: str, value: object, expected: object) -> None:
    """Times are unix seconds, the owner is text, a flag is a boolean."""
    assert ({name: expected}, ()) == _field(name, value)


@pytest.mark.parametrize(
    ("name", "value", "expected", "trim"),
    [
        ("name", LONG, {"name": "x" * 255}, "cut"),
        ("name", {}, {}, "no_scalar"),
        ("phone", [{}], {}, "no_scalar"),
        ("avatar", ["https://a.example/a.png"], {}, "no_scalar"),
        ("signed_up_at", ["2026-01-31"], {}, "no_date"),
        ("avatar", LONG_URL, {}, "long_url"),
        ("avatar", LONG, {}, "long_url"),
        ("avatar", {"url": "x"}, {}, "no_scalar"),
        ("signed_up_at", "soon", {}, "no_date"),
        ("last_seen_at", True, {}, "no_date"),
        ("signed_up_at", "1969-12-31T23:59:59Z", {}, "far_time"),
        ("last_seen_at", "0001-01-01", {}, "far_time"),
        ("signed_up_at", "9999-12-31T23:59:59Z", {}, "far_time"),
        ("last_seen_at", "9999-01-01", {}, "far_time"),
        ("signed_up_at", 2024, {}, "no_date"),
        ("owner_id", "Ada", {}, "no_integer"),
        ("owner_id", 1.5, {}, "no_integer"),
        ("unsubscribed_from_emails", 2, {}, "no_boolean"),
        ("unsubscribed_from_emails", "maybe", {}, "no_boolean"),
        ("unsubscribed_from_emails", False, {}, "kept_back"),
        ("unsubscribed_from_emails", "f", {}, "kept_back"),
        ("email", 5, {}, "invalid_email"),
        ("email", True, {}, "invalid_email"),
        ("email", ["a@b.example"], {}, "invalid_email"),
        ("email", {}, {}, "invalid_email"),
        ("email", "a@" + LONG, {}, "invalid_email"),
        ("email", "n/a", {}, "invalid_email"),
    ],
)
def test_contact_field_that_does_not_convert_is_left_out_and_counted(
    name: str, value: object, expected: object, trim: str
) -> None:
    """The record itself is delivered; strings are cut, URLs never."""
    assert (expected, ((name, trim),)) == _field(name, value)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("string", 7, "7"),
        ("string", 7.0, "7"),
        ("string", True, "true"),
        ("string", ["a", 7, True], "a, 7, true"),
        ("integer", "7", 7),
        ("integer", 7.0, 7),
        ("float", 1, 1.0),
        ("float", "0.5", 0.5),
        ("boolean", "true", True),
        ("boolean", "False", False),
        ("date", "1970-01-02", 86_400),
        ("date", "1960-01-01", -315_619_200),
        ("date", "9999-12-31", 253_402_214_400),
        ("datetime", "1970-01-02T00:00:01Z", 86_401),
        ("a type of tomorrow", 7, "7"),
        (None, "text", "text"),
        (None, ["a", "b"], "a, b"),
    ],
)
def test_custom_attribute_is_converted_to_the_workspaces_type(
    kind: str | None, value: object, expected: object
) -> None:
    """The data attribute's type rules, and nothing is lost on the way."""
    attributes, trims = _custom(kind, value)
    assert ({"p": expected}, ()) == (attributes, trims)
    assert type(expected) is type(attributes["p"])


@pytest.mark.parametrize(
    ("kind", "value", "trim"),
    [
        ("string", {}, "no_string"),
        ("string", [{}], "no_string"),
        ("string", ["https://a.example/" + "x" * 255], "long_url"),
        ("integer", [7], "no_integer"),
        ("string", LONG_URL, "long_url"),
        ("integer", 7.5, "no_integer"),
        ("integer", "seven", "no_integer"),
        ("integer", True, "no_integer"),
        ("float", "many", "no_float"),
        ("float", 2**53 + 1, "no_float"),
        ("float", math.inf, "no_float"),
        ("boolean", 1, "no_boolean"),
        ("boolean", "yes", "no_boolean"),
        ("date", "soon", "no_date"),
        ("datetime", {}, "no_date"),
        ("a type of tomorrow", {}, "no_scalar"),
        (None, [[]], "no_scalar"),
    ],
)
def test_custom_attribute_that_does_not_fit_is_left_out_and_counted(kind: str | None, value: object, trim: str) -> None:
    """A value that loses something on the way is not sent, and the count has words."""
    assert ({}, (("p", trim),)) == _custom(kind, value)
    assert trim in TRIM_REASONS


def test_custom_attribute_that_is_long_is_cut_and_counted() -> None:
    """Intercom keeps 255 characters."""
    assert ({"p": "x" * 255}, (("p", "cut"),)) == _custom("string", LONG)


def test_custom_attribute_type_of_the_workspace_wins_over_the_rules_own() -> None:
    """The configuration's type is for an attribute that is to be created."""
    rule = user_rule({"property": "p", "type": "string"})
    assert [{"p": 7}, {"p": "7"}] == [_change(rule, types, p="7").attributes for types in ({"p": "integer"}, {})]


def test_custom_attribute_type_of_the_schema_is_used_where_nobody_else_tells_it() -> None:
    """The stream's schema is the last to be asked."""
    rule = user_rule({"property": "p"}, schema={"user_id": {}, "p": {"type": "integer"}})
    assert _change(rule, p="7").attributes == {"p": 7}


def _listed(value: object, **users: Any) -> tuple[dict[str, Any], tuple[tuple[str, str], ...]]:
    """Map a value of an attribute that takes "pro" and "7" only."""
    rule = user_rule({"property": "p"}, **users)
    change = map_contact(rule, {"user_id": "42", "p": value}, {"p": "string"}, options={"p": frozenset({"pro", "7"})})
    assert isinstance(change, ContactChange)
    return change.attributes, change.trims


@pytest.mark.parametrize(("value", "expected"), [("pro", "pro"), (7, "7")])
def test_custom_attribute_with_a_list_of_options_takes_each_of_them(value: object, expected: str) -> None:
    """The value is compared after its conversion."""
    assert ({"p": expected}, ()) == _listed(value)


@pytest.mark.parametrize("value", ["Pro", "unheard of"])
def test_custom_attribute_with_a_list_of_options_takes_other_values_and_remembers_that_they_are_others(
    value: object,
) -> None:
    """Intercom takes them, as a rule; one that it refuses is looked for there first."""
    rule = user_rule({"property": "p"}, {"property": "q"})
    options = {"p": frozenset({"pro"}), "q": frozenset({"x"})}
    change = map_contact(rule, {"user_id": "42", "p": value, "q": "x"}, {"p": "string"}, options=options)
    assert isinstance(change, ContactChange)
    assert ({"p": value, "q": "x"}, frozenset({"p"}), ()) == (change.attributes, change.outside, change.trims)


@pytest.mark.parametrize("value", ["", None])
def test_custom_attribute_with_a_list_of_options_is_no_other_value_where_it_is_empty(value: object) -> None:
    """Nothing is no wrong option."""
    rule = user_rule({"property": "p"}, null_values="clear")
    change = map_contact(rule, {"user_id": "42", "p": value}, {}, options={"p": frozenset({"pro"})})
    assert isinstance(change, ContactChange)
    assert frozenset() == change.outside


def test_custom_attribute_with_a_list_of_options_is_still_cleared() -> None:
    """No value is not a wrong one."""
    assert ({"p": None}, ()) == _listed(None, null_values="clear")


def test_custom_attribute_that_is_skipped_is_left_out_without_a_count() -> None:
    """The warning at the start of the sync has said so already."""
    rule = user_rule({"property": "p"}, {"property": "q"})
    change = map_contact(rule, {"user_id": "42", "p": {"a": 1}, "q": "x"}, {}, skipped=frozenset({"p"}))
    assert isinstance(change, ContactChange)
    assert ({"q": "x"}, ()) == (change.attributes, change.trims)


@pytest.mark.parametrize("nulls", ["ignore", "clear"])
def test_contact_of_absent_properties_leaves_them_alone(nulls: str) -> None:
    """Absent is not null."""
    change = _change(user_rule({"property": "name"}, {"property": "plan"}, null_values=nulls))
    assert {} == change.update_body


EVERY_TYPE = {"plan": "string", "age": "integer", "score": "float", "paying": "boolean", "renews": "date"}
CLEARABLE = ("name", "phone", "avatar", "signed_up_at", "owner_id", *EVERY_TYPE)
each_null = pytest.mark.parametrize("null", [None, "", " \t", [], [None, ""]], ids=repr)


@each_null
def test_contact_of_nulls_and_blanks_is_ignored_by_default(null: object) -> None:
    """Sources send null for columns that they do not have, and a sheet's blank cell is its null: nothing is counted."""
    change = _change(
        user_rule(*({"property": name} for name in CLEARABLE)), EVERY_TYPE, **dict.fromkeys(CLEARABLE, null)
    )
    assert ({}, ()) == (change.update_body, change.trims)


@each_null
def test_contact_of_nulls_and_blanks_with_clear_empties_them(null: object) -> None:
    """A null is sent, for a field and for a custom attribute of any type."""
    rule = user_rule(*({"property": name} for name in CLEARABLE), null_values="clear")
    change = _change(rule, EVERY_TYPE, **dict.fromkeys(CLEARABLE, null))
    fields = dict.fromkeys(CLEARABLE[: -len(EVERY_TYPE)])
    assert ({**fields, "custom_attributes": dict.fromkeys(EVERY_TYPE)}, ()) == (change.update_body, change.trims)


@pytest.mark.parametrize("value", [None, "", "  ", []])
def test_contact_with_clear_never_clears_the_email(value: object) -> None:
    """Intercom makes "" of a null, and the person would be out of reach."""
    rule = user_rule({"property": "email"}, {"property": "email_verified"}, null_values="clear")
    assert {} == _change(rule, email=value, email_verified=None).update_body


def test_contact_with_email_verified_beside_an_email_sends_both() -> None:
    """Intercom takes the flag only with the address in the same request."""
    rule = user_rule({"property": "email_verified"}, {"property": "email"})
    change = _change(rule, email_verified="true", email="a@b.example")
    assert {"email_verified": True, "email": "a@b.example"} == change.update_body


@pytest.mark.parametrize("data", [{}, {"email": None}, {"email": " "}])
def test_contact_with_email_verified_but_no_email_leaves_it_out_and_counts_it(data: dict[str, Any]) -> None:
    """Sent alone it would refuse the whole contact."""
    change = _change(user_rule({"property": "email_verified"}, {"property": "email"}), email_verified=True, **data)
    assert ({}, (("email_verified", "no_email"),)) == (change.update_body, change.trims)
    assert "no_email" in TRIM_REASONS


def test_contact_of_an_email_identity_with_email_verified_sends_the_identity_beside_it() -> None:
    """The address must be in the update as well."""
    change = _change(
        user_rule({"property": "email_verified"}, identity=BY_EMAIL), mail="A@b.example", email_verified=True
    )
    assert {"email": "a@b.example", "email_verified": True} == change.update_body
    assert {"role": "user", "email": "a@b.example", "email_verified": True} == change.create_body()


@pytest.mark.parametrize(
    ("data", "missing", "expected"),
    [
        ({}, "filter", outcomes.filtered(outcomes.NO_IDENTITY_PROPERTY)),
        ({"user_id": None}, "filter", outcomes.filtered(outcomes.ANONYMOUS)),
        ({"user_id": " "}, "filter", outcomes.filtered(outcomes.ANONYMOUS)),
        ({"user_id": []}, "filter", outcomes.filtered(outcomes.ANONYMOUS)),
        ({"user_id": ["42"]}, "filter", outcomes.rejected(outcomes.INVALID_IDENTITY)),
        ({}, "reject", outcomes.rejected(outcomes.MISSING_IDENTITY)),
        ({"user_id": None}, "reject", outcomes.rejected(outcomes.MISSING_IDENTITY)),
        ({"user_id": False}, "filter", outcomes.rejected(outcomes.INVALID_IDENTITY)),
        ({"user_id": 0.5}, "filter", outcomes.rejected(outcomes.INVALID_IDENTITY)),
    ],
)
def test_contact_without_a_usable_identity_ends_by_policy(
    data: dict[str, Any], missing: str, expected: Outcome
) -> None:
    """Nobody is written where nobody is named."""
    assert expected == map_contact(user_rule(identity={"missing": missing}), data, {})


def test_contact_that_a_filter_holds_back_is_filtered_before_its_identity_is_read() -> None:
    """Filters decide before the identity."""
    rule = user_rule({"property": "email"}, filters=[{"property": "keep", "operator": "is_set"}])
    ends = [map_contact(rule, data, {}) for data in ({"email": 5}, {"keep": 1, "email": 5})]
    expected = [outcomes.filtered(outcomes.FILTERED_OUT), outcomes.filtered(outcomes.NO_IDENTITY_PROPERTY)]
    assert expected == ends


FLAG = {"property": "p", "type": "boolean"}


@pytest.mark.parametrize(
    ("overwrite", "value", "expected", "trims"),
    [
        ("only_true", True, {"p": True}, ()),
        ("only_true", False, {}, (("p", "kept_back"),)),
        ("only_true", None, {}, ()),
        ("only_true", "maybe", {}, (("p", "no_boolean"),)),
        ("if_empty", False, {"p": False}, ()),
        ("if_empty", None, {}, ()),
        ("always", False, {"p": False}, ()),
        ("always", None, {"p": None}, ()),
    ],
)
def test_value_that_is_held_back_is_left_out_whatever_the_contact_has(
    overwrite: str, value: object, expected: dict[str, Any], trims: tuple[tuple[str, str], ...]
) -> None:
    """A false undoes a true, and a null empties what may only be filled."""
    change = _change(user_rule({**FLAG, "overwrite": overwrite}, null_values="clear"), {"p": "boolean"}, p=value)
    assert (expected, trims) == (change.attributes, change.trims)
    assert (frozenset({"p"}) if overwrite == "if_empty" else frozenset()) == change.if_empty


@pytest.mark.parametrize("nulls", ["ignore", "clear"])
def test_contact_that_opted_out_is_never_subscribed_again_by_a_null(nulls: str) -> None:
    """Whatever else nulls do."""
    change = _change(
        user_rule({"property": "unsubscribed_from_emails"}, null_values=nulls), unsubscribed_from_emails=None
    )
    assert {} == change.update_body


@pytest.mark.parametrize("identity", [2**64 + 1, "18446744073709551617"])
def test_contact_of_a_long_number_keeps_every_digit(identity: object) -> None:
    """A number and its text name the same person."""
    assert _change(user_rule(), user_id=identity).key == by_id("18446744073709551617")


def test_contact_when_printed_hides_the_person() -> None:
    """Neither identity nor values reach a log."""
    change = _change(
        user_rule({"property": "email"}, {"property": "p"}), user_id="canary", email="canary@x", p="canary"
    )
    assert "canary" not in repr(change)


NAMES = sorted(STANDARD_FIELDS)
KINDS = ["string", "integer", "float", "boolean", "date", "datetime", "unheard of"]
RULES = [
    user_rule(
        *({"property": name} for name in NAMES),
        {"property": "a"},
        {"property": "a.b.c"},
        identity=identity,
        null_values=nulls,
    )
    for nulls in ("ignore", "clear")
    for identity in ({}, BY_EMAIL)
]


@given(
    st.sampled_from(RULES),
    records("user_id", "mail", *NAMES),
    st.dictionaries(st.sampled_from("ac"), st.sampled_from(KINDS)),
)
def test_contact_of_any_record_never_raises_and_changes_nothing(
    rule: UserRule, record: dict[str, Any], types: dict[str, str]
) -> None:
    """A record is a change, filtered or rejected, and stays as the source sent it."""
    before = repr(record)
    change = map_contact(rule, record, types)
    assert not isinstance(change, ContactDeletion)
    assert before == repr(record)
    if isinstance(change, Outcome):
        assert change.reason in (REJECTION_REASONS if change.status is Status.REJECTED else FILTER_REASONS)
        return
    assert all(reason in TRIM_REASONS for _, reason in change.trims)
    for body in (change.update_body, change.create_body()):
        assert body.get("email", "x")
        assert "email" in body or "email_verified" not in body
    assert not {"external_id", "role"} & change.update_body.keys()
    assert all(value is None or isinstance(value, (str, int, float, bool)) for value in change.attributes.values())


@given(records("name", "signed_up_at", "a"), TEXTS.filter(str.strip))
def test_contact_of_a_good_identity_is_written_whatever_its_properties(record: dict[str, Any], key: str) -> None:
    """No property but the e-mail can keep a contact from being written."""
    rule = user_rule({"property": "name"}, {"property": "signed_up_at"}, {"property": "a"})
    assert key == _change(rule, **{**record, "user_id": key}).key.value


LOG, MARK = {"_ab_cdc_deleted_at": "2026-01-31"}, {"gone": "t"}


@pytest.mark.parametrize(
    ("users", "data", "expected"),
    [
        ({}, LOG, outcomes.filtered(outcomes.DELETED)),
        ({"deleted_records": "archive"}, LOG, ContactDeletion(by_id("42"))),
        ({"deleted_records": "delete"}, MARK, ContactDeletion(by_id("42"), is_mark=True)),
        ({"deleted_records": "archive"}, {**LOG, **MARK}, ContactDeletion(by_id("42"))),
        ({"deleted_records": "archive", "write_mode": "update_only"}, LOG, ContactDeletion(by_id("42"))),
        ({"deleted_records": "archive", "write_mode": "create_only"}, LOG, outcomes.filtered(outcomes.DELETED)),
        ({"deleted_records": "archive"}, {**LOG, "user_id": " "}, outcomes.filtered(outcomes.ANONYMOUS)),
        ({"deleted_records": "archive"}, {**LOG, "user_id": 0.5}, outcomes.rejected(outcomes.INVALID_IDENTITY)),
        ({"deleted_records": "archive"}, {"_ab_cdc_deleted_at": None, "gone": "no"}, None),
    ],
)
def test_deleted_row_is_the_deletion_that_the_form_says(
    users: dict[str, Any], data: dict[str, Any], expected: Any
) -> None:
    """A log's row, or a mark; nothing is looked at but the identity. A row that is not deleted is a change."""
    rule = user_rule({"property": "name"}, streams=[{"stream": "s", "deleted_property": "gone"}], **users)
    made = map_contact(rule, {"user_id": "42", "name": {"an": "object"}, **data}, {})
    assert isinstance(made, ContactChange) if expected is None else expected == made
    assert isinstance(made, Outcome) or (made.trims == ()) is isinstance(made, ContactDeletion)


@pytest.mark.parametrize(
    ("operator", "holds"), [("is", [True, False, True]), ("is_not", [True, True, False]), ("is_set", [True] * 3)]
)
@pytest.mark.parametrize("mark", [LOG, MARK])
def test_filter_of_a_deleted_row_is_judged_by_a_property_that_is_there(
    operator: str, holds: list[bool], mark: dict[str, Any]
) -> None:
    """In a row of a log one that is absent, null or blank says nothing: it may hold the key alone; a mark's row is whole."""
    values = [] if operator == "is_set" else ["NL"]
    rule = user_rule(
        streams=[
            {
                "stream": "s",
                "deleted_property": "gone",
                "filters": [{"property": "c", "operator": operator, "values": values}],
            }
        ],
        deleted_records="archive",
    )
    rows: list[dict[str, Any]] = [{}, {"c": None}, {"c": " "}, {"c": "BE"}, {"c": "NL"}]
    made = [isinstance(map_contact(rule, {"user_id": "42", **row, **mark}, {}), ContactDeletion) for row in rows]
    absent, other, same = holds
    assert [absent if mark is LOG else operator == "is_not"] * 3 == made[:3]
    assert [other, same] == made[3:]
