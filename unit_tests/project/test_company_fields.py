"""The standard fields of a company: what the form and the user page say of them is what the table knows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from destination_intercom.company_fields import COMPANY_FIELDS, COMPANY_RESERVED, MOST_SPENT
from destination_intercom.models import COMPANY

ROOT = Path(__file__).resolve().parents[2]
SPEC = "destination-intercom/destination_intercom/spec.json"
USER_PAGE = "docs/intercom.md"
NAMES = r"((?:`?\w+`?(?: \([^)]*\))?, )*`?\w+`? and `?\w+`?)"


@pytest.mark.parametrize(
    ("page", "pattern"),
    [
        (SPEC, rf"{NAMES} are fields that every company has"),
        (USER_PAGE, rf"A company's standard fields are {NAMES}"),
    ],
)
def test_page_when_it_lists_the_fields_then_they_are_the_tables(page: str, pattern: str) -> None:
    """None is missing, and none is made up."""
    text = " ".join((ROOT / page).read_text(encoding="utf-8").split())
    (found,) = re.findall(pattern, text)
    listed = set(re.findall(r"\w+", re.sub(r"\([^)]*\)", "", found))) - {"and"}
    assert COMPANY_FIELDS.keys() == listed


def test_page_when_it_tells_the_largest_amount_then_it_is_the_tables() -> None:
    """More is left out."""
    assert f"more than {MOST_SPENT} is left out" in " ".join((ROOT / USER_PAGE).read_text(encoding="utf-8").split())


def test_fields_when_intercoms_own_then_none_of_them_is_written() -> None:
    """What is written, and what nobody writes, are told apart."""
    assert set() == COMPANY_FIELDS.keys() & COMPANY_RESERVED
    assert all(name == field.name and field.readable for name, field in COMPANY.fields.items())
