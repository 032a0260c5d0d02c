"""The values of metadata: what each type makes of what sources send."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, strategies as st

from destination_intercom.configuration.config import parse_config
from destination_intercom.errors import ConfigurationError
from destination_intercom.events.mapping import EventPayload, map_event
from destination_intercom.values import TRIM_REASONS
from unit_tests.strategies import JSON, base_config, event_rule, records

USD_OF = {"property": "v", "name": "price", "type": "money", "currency_property": "c"}
USD = {"property": "v", "name": "price", "type": "money", "currency": "USD"}
CENTS = {**USD, "unit": "cents"}


def _event(entry: dict[str, Any], **record: Any) -> EventPayload:
    rule = event_rule({"event_name": "e", "metadata": [entry]})
    event = map_event(rule, {"user_id": "7", "at": "2026-01-31", **record})
    assert isinstance(event, EventPayload)
    return event


def _money(amount: int, currency: str = "usd") -> dict[str, Any]:
    return {"price": {"amount": amount, "currency": currency}}


@pytest.mark.parametrize(
    ("entry", "value", "amount"),
    [
        pytest.param(USD, 57.23, 5723, id="a decimal"),
        pytest.param(USD, 0.29, 29, id="a decimal that binary numbers do not hold"),
        pytest.param(USD, "38.00", 3800, id="a text"),
        pytest.param(USD, "57.230000000", 5723, id="a text of PyAirbyte's cache"),
        pytest.param(USD, 12, 1200, id="a whole number"),
        pytest.param(USD, 0, 0, id="nothing to pay"),
        pytest.param(USD, {"amount": "57.23", "currency_code": "EUR"}, 5723, id="an object"),
        pytest.param(CENTS, 1999, 1999, id="cents"),
        pytest.param(CENTS, 1999.0, 1999, id="cents as a decimal"),
        pytest.param(CENTS, "1999", 1999, id="cents as a text"),
    ],
)
def test_money_when_it_is_an_amount_is_hundredths_of_the_unit(
    entry: dict[str, Any], value: object, amount: int
) -> None:
    """Exactly: a cent more or less is another price."""
    event = _event(entry, v=value)
    assert (_money(amount), ()) == (event.metadata, event.trims)


@pytest.mark.parametrize("value", [-1, "-1", 19.999, "1e3", True, [1], {}, {"amount": None}, math.inf, "1,5", 10**40])
def test_money_when_the_amount_is_none_is_left_out_and_the_event_is_sent(value: object) -> None:
    """A negative amount is none to Intercom; half a cent is not guessed at."""
    event = _event(USD, v=value)
    assert ({}, (("price", "no_money"),)) == (event.metadata, event.trims)


@pytest.mark.parametrize(("currency", "code"), [("USD", "usd"), (" Eur ", "eur"), ("jpy", "jpy")])
def test_money_when_the_record_has_its_currency_takes_that_in_lower_case(currency: str, code: str) -> None:
    """As Intercom has it."""
    assert _money(1999, code) == _event(USD_OF, v=19.99, c=currency).metadata


@pytest.mark.parametrize("currency", [None, "", "  ", "dollars", "$", 840, ["usd"], {}])
def test_money_when_there_is_no_currency_is_left_out_and_counted(currency: object) -> None:
    """An amount of nothing in particular says nothing."""
    event = _event(USD_OF, v=19.99, c=currency)
    assert ({}, (("price", "no_currency"),)) == (event.metadata, event.trims)


def test_money_when_the_object_has_a_currency_and_the_record_none_takes_the_objects() -> None:
    """The property wins where it has a value."""
    amount = {"amount": 5, "currency": "EUR", "other": 1}
    assert _money(500, "eur") == _event(USD_OF, v=amount).metadata
    assert _money(500, "usd") == _event(USD_OF, v=amount, c="usd").metadata


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"amount": 1999, "currency": "usd"}, {"amount": 1999, "currency": "usd"}),
        ({"amount": 12.0, "currency": "USD"}, {"amount": 12, "currency": "usd"}),
        ({"amount": "12", "currency": "usd", "locale": "en"}, {"amount": 12, "currency": "usd"}),
        ({"amount": -12, "currency": "usd"}, None),
        ({"amount": 1.5, "currency": "usd"}, None),
    ],
)
def test_money_without_a_type_is_read_as_intercoms_own_form(value: Any, expected: Any) -> None:
    """Whole hundredths with their currency, however they are written; else the key is left out."""
    assert expected == _event({"property": "v"}, v=value).metadata.get("v")


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("number", "38.00", 38),
        ("number", 19.99, 19.99),
        ("number", "9007199254740993", 9007199254740993),
        ("text", 7, "7"),
        ("text", 7.0, "7"),
        ("text", False, "false"),
    ],
)
def test_value_with_a_type_becomes_that(kind: str, value: object, expected: object) -> None:
    """What an entry asks for, and not what the source happens to send."""
    found = _event({"property": "v", "type": kind}, v=value).metadata["v"]
    assert (type(expected), expected) == (type(found), found)


def test_time_with_a_type_becomes_unix_seconds() -> None:
    """Under a name that ends in _date."""
    assert {"due_date": 1709654829} == _event(
        {"property": "v", "name": "due_date", "type": "date"}, v="2024-03-05T16:07:09Z"
    ).metadata


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [("number", "many", "no_number"), ("text", {"a": 1}, "nested"), ("number", True, "no_number")],
)
def test_value_that_does_not_fit_its_type_is_left_out(kind: str, value: object, reason: str) -> None:
    """And counted; the event is sent."""
    event = _event({"property": "v", "type": kind}, v=value)
    assert ({}, (("v", reason),)) == (event.metadata, event.trims)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"property": "due", "type": "date"}, 'e.g. "due_date"'),
        ({"property": "v", "currency": "USD"}, "are only for the type money"),
        ({"property": "v", "unit": "cents"}, "are only for the type money"),
        ({**USD, "currency_property": "c"}, ", not both"),
        ({**USD, "currency": "dollars"}, "currency"),
        ({"property": "a."}, 'set "name", because the property does not end in a name'),
    ],
)
def test_entry_that_cannot_be_meant_is_a_configuration_error(entry: dict[str, Any], message: str) -> None:
    """Said before the first record."""
    events = {"mode": "enabled", "selected_events": ["*"], "metadata": [entry]}
    with pytest.raises(ConfigurationError) as caught:
        parse_config(base_config(events=events))
    assert message in caught.value.message


@given(
    records("v", "c"),
    st.sampled_from([USD, USD_OF, CENTS, *({"property": "v", "type": t} for t in ("text", "number"))]),
    JSON,
)
def test_metadata_of_any_record_is_what_intercom_takes_and_leaves_the_record_as_it_was(
    record: dict[str, Any], entry: dict[str, Any], value: object
) -> None:
    """Texts, finite numbers, booleans, and money with an amount of zero or more."""
    record = {**record, "v": value}
    before = repr(record)
    event = map_event(
        event_rule({"event_name": "e", "metadata": [entry]}), {**record, "user_id": "7", "at": "2026-01-31"}
    )
    assert before == repr(record)
    assert isinstance(event, EventPayload)
    assert all(reason in TRIM_REASONS for _, reason in event.trims)
    for found in event.metadata.values():
        if isinstance(found, dict):
            assert found.keys() == {"amount", "currency"}
            assert found["amount"] >= 0
        else:
            assert isinstance(found, (str, int)) or math.isfinite(found)
