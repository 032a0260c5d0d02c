"""The attributes to write against the ones that the workspace has."""

import contextlib
from typing import Any

import pytest
from hypothesis import given, strategies as st

from destination_intercom.attributes.workspace import Workspace, check_attributes
from destination_intercom.errors import ConfigurationError
from destination_intercom.standard_fields import STANDARD_FIELDS
from unit_tests.data_attributes import attribute
from unit_tests.strategies import JSON


def _workspace(wanted: dict[str, str | None], *attributes: Any, missing: str = "fail") -> Workspace:
    return check_attributes(wanted, {"type": "list", "data": list(attributes)}, missing=missing)


def _check(wanted: dict[str, str | None], *attributes: Any) -> dict[str, str]:
    return _workspace(wanted, *attributes).types


def _refusal(wanted: dict[str, str | None], *attributes: Any, missing: str = "fail") -> str:
    with pytest.raises(ConfigurationError) as caught:
        _workspace(wanted, *attributes, missing=missing)
    return caught.value.message


def test_attributes_that_all_exist_give_the_workspaces_types() -> None:
    """The workspace's type rules over the one that was wanted; standard fields have types of their own."""
    found = _check(
        {"plan": "integer", "age": None, "email": None},
        attribute("plan"),
        attribute("age", "integer"),
        attribute("email"),
        attribute("other", "date"),
    )
    assert {"plan": "string", "age": "integer"} == found


@pytest.mark.parametrize("field", sorted(STANDARD_FIELDS))
def test_attributes_that_are_standard_fields_need_not_be_listed(field: str) -> None:
    """They exist in every workspace, listed or not."""
    assert _check({field: None}) == {}


def test_attributes_that_are_missing_are_all_listed_with_the_types_they_would_get() -> None:
    """One look at the message is enough to create them."""
    message = _refusal({"plan": "string", "age": "integer", "odd": None, "here": "string"}, attribute("here"))
    assert message.startswith("users.attributes: the workspace does not have the custom attributes ")
    assert '"plan" (string), "age" (integer), "odd" (of unknown type)' in message
    assert "create them in Intercom" in message
    assert "here" not in message


def test_attributes_that_differ_only_in_case_are_missing_and_the_near_one_is_named() -> None:
    """Names are case-sensitive, and it is never guessed."""
    assert '"plan" (string; names are case-sensitive, and there is "Plan")' in _refusal(
        {"plan": "string"}, attribute("Plan")
    )


@pytest.mark.parametrize("missing", ["fail", "create", "skip"])
def test_attributes_that_are_archived_are_refused(missing: str) -> None:
    """An archived attribute takes no value, and its name is not free."""
    message = _refusal({"plan": "string"}, attribute("plan", archived=True), missing=missing)
    assert "archived in Intercom" in message
    assert '"plan"' in message


@pytest.mark.parametrize("missing", ["fail", "create", "skip"])
@pytest.mark.parametrize("name", ["plan", "last_seen_at"])
def test_attributes_that_the_api_cannot_write_are_refused(name: str, missing: str) -> None:
    """`api_writable` tells at run time, for standard fields too."""
    message = _refusal({name: None}, attribute(name, api_writable=False), missing=missing)
    assert f'not writable through Intercom\'s API: "{name}"' in message


def test_attributes_with_several_faults_are_told_at_once() -> None:
    """Missing, archived and locked ones are in one message."""
    wanted: dict[str, str | None] = {"gone": "date", "old": None, "locked": None}
    message = _refusal(wanted, attribute("old", archived=True), attribute("locked", api_writable=False))
    assert all(f'"{name}"' in message for name in wanted)


@pytest.mark.parametrize("archived_first", [True, False])
def test_attributes_of_one_name_count_as_the_one_that_is_not_archived(*, archived_first: bool) -> None:
    """An archived namesake is in nobody's way."""
    both = [attribute("plan", "integer", archived=True), attribute("plan", "string")]
    assert {"plan": "string"} == _check({"plan": None}, *(both if archived_first else reversed(both)))


@pytest.mark.parametrize("own_first", [True, False])
def test_attributes_with_the_name_of_one_of_intercoms_own_are_the_custom_ones(*, own_first: bool) -> None:
    """A workspace may have a custom "country" beside Intercom's own, which nobody can write."""
    both = [attribute("country", api_writable=False, custom=False), attribute("country", "integer")]
    assert {"country": "integer"} == _check({"country": None}, *(both if own_first else reversed(both)))


def test_attributes_that_are_only_intercoms_own_are_not_writable() -> None:
    """Without a custom one of that name there is nothing to write to."""
    message = _refusal({"country": None}, attribute("country", api_writable=False, custom=False))
    assert 'not writable through Intercom\'s API: "country"' in message


@pytest.mark.parametrize("own_first", [True, False])
def test_attributes_with_the_name_of_a_standard_field_are_the_standard_ones(*, own_first: bool) -> None:
    """What is written as a field of the contact is Intercom's own, whatever custom namesake there is."""
    both = [attribute("phone", custom=False), attribute("phone", "integer", api_writable=False)]
    assert {} == _check({"phone": None}, *(both if own_first else reversed(both)))


@pytest.mark.parametrize("odd", [None, "x", 5, [], {}, {"name": None}, {"name": 5}])
def test_attributes_among_entries_of_another_shape_are_still_found(odd: object) -> None:
    """New shapes may appear in Intercom's answers at any time."""
    assert {"plan": "string"} == _check({"plan": None}, odd, attribute("plan"), odd)


def test_attributes_whose_answer_tells_little_are_taken_as_writable() -> None:
    """Absent flags refuse nothing; an absent type is no type."""
    assert _check({"plan": "string"}, {"name": "plan"}) == {}


@given(
    st.lists(
        JSON
        | st.fixed_dictionaries(
            {"name": st.just("plan") | st.just("PLAN")},
            optional={"label": JSON, "data_type": JSON, "archived": JSON, "api_writable": JSON},
        ),
        max_size=4,
    )
)
def test_attributes_of_any_listing_raise_only_configuration_errors(data: list[Any]) -> None:
    """Whatever Intercom lists, it is read or refused, and the listing stays as it was."""
    before = repr(data)
    with contextlib.suppress(ConfigurationError):
        assert all(isinstance(kind, str) for kind in _check({"plan": "string"}, *data).values())
    assert before == repr(data)


@pytest.mark.parametrize("missing", ["create", "skip"])
def test_attributes_that_are_missing_and_may_be_are_told_in_their_order(missing: str) -> None:
    """What is to be done about them is decided elsewhere."""
    found = _workspace(
        {"plan": None, "email": None, "age": "integer", "here": None}, attribute("here"), missing=missing
    )
    assert ("plan", "age") == found.missing


def test_attributes_with_options_tell_them() -> None:
    """Options of another shape than text are none that a value could meet."""
    listing = [
        attribute("plan", options=["free", "pro", 5]),
        attribute("age", options=[]),
        attribute("odd", options=7),
    ]
    found = _workspace({"plan": None, "age": None, "odd": None}, *listing)
    assert {"plan": frozenset({"free", "pro"})} == found.options


DUPLICATES: dict[str, tuple[str, dict[str, Any], str]] = {
    "another case": ("plan", attribute("Plan"), 'names are case-sensitive, and there is "Plan": write that one'),
    "a label": ("Plan", attribute("sub_plan", label="Plan"), 'this is the label of "sub_plan": write that one'),
    "a label in another case": ("PLAN", attribute("sub_plan", label="Plan"), '"sub_plan": write that one'),
    "a standard field, listed or not": ("Email", attribute("x"), 'there is "email": write that one'),
    "an archived one": ("plan", attribute("Plan", archived=True), '"Plan", which is archived: choose another name'),
    "Intercom's own": (
        "Country",
        attribute("country", label="Country", custom=False, api_writable=False),
        '"country", which cannot be written: choose another name',
    ),
    "the identity's": (
        "User ID",
        attribute("external_id", label="User ID", custom=False),
        '"external_id", which is Intercom\'s own or the identity: choose another name',
    ),
}


@pytest.mark.parametrize(("name", "there", "words"), DUPLICATES.values(), ids=DUPLICATES)
def test_attribute_when_it_would_be_created_beside_one_like_it_is_refused(
    name: str, there: dict[str, Any], words: str
) -> None:
    """Nobody could tell the two apart, and neither goes away: the right one is offered."""
    message = _refusal({name: "string", "fine": "string"}, there, missing="create")
    assert f'"{name}" is not created: ' in message
    assert words in message
    assert "fine" not in message


def test_attribute_when_several_are_like_it_is_offered_one_that_can_be_written() -> None:
    """An archived namesake helps nobody."""
    there = [attribute("PLAN", archived=True), attribute("Plan"), attribute("old", label="plan", api_writable=False)]
    for order in (there, reversed(there)):
        assert 'there is "Plan": write that one' in _refusal({"plan": "string"}, *order, missing="create")


def test_attributes_when_to_be_created_in_two_cases_are_refused() -> None:
    """The second one would stand beside the first."""
    message = _refusal({"plan": "string", "Plan": "string", "x": "string"}, missing="create")
    assert message == 'users.attributes: "plan" and "Plan" differ only in case: choose one of them.'


def test_attribute_when_it_is_missing_and_a_label_is_like_it_is_told_so() -> None:
    """What Intercom shows is the label, and what it takes is the name."""
    message = _refusal({"Paid plan": "string"}, attribute("paid_plan", label="Paid Plan"))
    assert '"Paid plan" (string; this is the label of "paid_plan")' in message


def test_attribute_when_there_is_one_of_its_very_name_is_no_duplicate_of_another() -> None:
    """Labels and cases matter only where a name is nobody's."""
    there = [attribute("plan"), attribute("Plan"), attribute("x", label="plan")]
    assert {"plan": "string"} == _workspace({"plan": None}, *there, missing="create").types
