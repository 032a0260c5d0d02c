"""The definitions that `check --save-attributes` saves: what an attribute is, and nothing of anybody's."""

from __future__ import annotations

import pytest

from destination_intercom.attributes.definitions import list_definitions

ENTRY = {
    "type": "data_attribute",
    "id": 7,
    "name": "plan",
    "full_name": "custom_attributes.plan",
    "model": "contact",
    "label": "The plan",
    "description": "Ask Ada before you change it",
    "data_type": "string",
    "options": ["free", "pro"],
    "custom": True,
    "api_writable": True,
    "ui_writable": False,
    "archived": False,
    "admin_id": "991267459",
    "created_at": 1,
    "updated_at": 2,
}


def test_definitions_when_listed_hold_what_an_attribute_is_and_no_more() -> None:
    """Neither who made it, nor when, nor what somebody wrote about it."""
    listed = list_definitions([{"data": [ENTRY]}, {"data": [{"name": "size", "model": "company", "custom": False}]}])
    assert {
        "type": "list",
        "data": [
            {
                "name": "plan",
                "full_name": "custom_attributes.plan",
                "model": "contact",
                "label": "The plan",
                "data_type": "string",
                "custom": True,
                "api_writable": True,
                "archived": False,
                "options": ["free", "pro"],
            },
            {"name": "size", "model": "company", "custom": False},
        ],
    } == listed


@pytest.mark.parametrize(
    ("entry", "data"),
    [
        (None, []),
        ({"label": "no name"}, []),
        ({"name": 5}, []),
        ({"name": "a", "label": None, "data_type": {"x": 1}, "options": "no"}, [{"name": "a"}]),
        ({"name": "a", "options": ["b", 1, None]}, [{"name": "a", "options": ["b"]}]),
    ],
)
def test_definitions_when_an_answer_is_odd_hold_what_makes_sense_of_it(entry: object, data: list[object]) -> None:
    """Nothing that is none gets into the file."""
    assert data == list_definitions([{"data": [entry]}])["data"]
