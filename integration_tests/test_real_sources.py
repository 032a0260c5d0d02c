"""Records as real sources send them, with the schemas that they declare, arrive as a person expects it."""

from __future__ import annotations

from typing import Any

import pytest

from destination_intercom.errors import ConfigurationError
from integration_tests.support.fake_storage import S3_SECTION, FakeStorage
from integration_tests.support.harness import TOKEN, Result, record, state, write
from integration_tests.support.virtual_clock import VirtualClock


def declared(**types: Any) -> dict[str, Any]:
    """A schema that declares properties, each by its type, which null may stand for, or by a schema of its own."""
    properties = {name: kind if isinstance(kind, dict) else {"type": ["null", kind]} for name, kind in types.items()}
    return {"type": "object", "properties": properties}


def catalog_of(stream: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A configured catalog of one stream."""
    inner = {"name": stream, "json_schema": schema, "supported_sync_modes": ["full_refresh", "incremental"]}
    return {"streams": [{"stream": inner, "sync_mode": "incremental", "destination_sync_mode": "append"}]}


def configuration(**sections: Any) -> dict[str, Any]:
    """A configuration with a token; sections that have a mode are enabled."""
    enabled = {
        name: {"mode": "enabled", **each} if name in {"events", "users", "companies"} else each
        for name, each in sections.items()
    }
    return {"access_token": TOKEN, **enabled}


def metadata_of(result: Result) -> list[dict[str, Any]]:
    """The metadata of each event in Intercom."""
    return [each["metadata"] for each in result.events]


# ---------------------------------------------------------------- a sheet

GRACE = {
    "role": "user",
    "email": "grace@example.com",
    "name": "Grace",
    "phone": "+15550100",
    "custom_attributes": {"plan": "pro", "seats": 5, "renews": 1706745600},
}
SHEET_ATTRIBUTES = [
    {"name": "plan", "data_type": "string"},
    {"name": "seats", "data_type": "integer"},
    {"name": "renews", "data_type": "date"},
]
COLUMNS = ("name", "phone", "plan", "seats", "renews")


def write_row(null_values: str, **row: Any) -> Result:
    """Write one row of a sheet for Grace."""
    attributes = [{"property": name} for name in COLUMNS]
    users = {"streams": [{"stream": "rows"}], "attributes": attributes, "null_values": null_values}
    return write(
        [record("rows", email="grace@example.com", **row), state("rows", 1)],
        configuration=configuration(identity={"property": "email", "intercom_field": "email"}, users=users),
        configured_catalog=catalog_of("rows", declared(email="string", **dict.fromkeys(COLUMNS, "string"))),
        seed={"data_attributes": SHEET_ATTRIBUTES, "contacts": [GRACE]},
    )


BLANKS = {"name": "", "phone": " ", "plan": "", "seats": "", "renews": "\t"}


def test_row_of_blank_cells_when_nulls_are_ignored_then_changes_nothing() -> None:
    """A sheet has no null, and a blank cell is one: the contact is unchanged, and nothing is warned of."""
    result = write_row("ignore", **BLANKS)

    assert result.error is None
    assert result.logged("unchanged 1")
    assert not [message for message in result.messages if message.get("log", {}).get("level") == "WARN"]
    (grace,) = result.contents["contacts"]
    assert GRACE == {name: grace[name] for name in GRACE}


def test_row_of_blank_cells_when_nulls_clear_then_empties_each() -> None:
    """Whatever the type of the attribute is."""
    result = write_row("clear", **BLANKS)

    (grace,) = result.contents["contacts"]
    values = {**grace, **grace["custom_attributes"]}
    assert {None} == {values[name] or None for name in COLUMNS}
    assert "grace@example.com" == grace["email"]


# ---------------------------------------------------------------- times

LEFT_OUT = {
    "a year": 2024,
    "a month": "202403",
    "a day": 20240305,
    "an hour": "2024030516",
    "an hour of 2019": 2019010203,
}
FOUND = [
    ("2023-01-17T11:04:34Z+0000", 1673953474),  # Marketo
    ("Sat, 18 Sep 2021 08:29:12 +1100", 1631914152),  # the date of an e-mail
    ("1709654829000000000", 1709654829),  # nanoseconds
    ("20240102T030405Z", 1704164645),  # basic ISO
    ("2024-01-01T24:00:00", 1704153600),
]


def test_times_of_real_sources_when_read_then_are_their_second_or_none() -> None:
    """A number that counts no seconds between 1979 and 2033 is no time, and no event of 1970 or 2033."""
    values = [*(value for value, _ in FOUND), *LEFT_OUT.values()]
    entry = {"stream": "rows", "event_name": "done", "created_at_property": "at"}
    result = write(
        [*(record("rows", user_id=str(n), at=value) for n, value in enumerate(values)), state("rows", 1)],
        configuration=configuration(events={"streams": [entry], "unknown_users": "create"}),
    )

    assert result.error is None
    assert sorted(second for _, second in FOUND) == sorted(each["created_at"] for each in result.events)
    assert result.logged(f"invalid_time {len(LEFT_OUT)}")


def test_standard_times_that_stand_for_none_when_mapped_then_are_left_out_before_any_call() -> None:
    """Intercom would refuse the whole contact for one; a birthday in an attribute is of any year."""
    attributes = [
        {"property": "joined", "attribute": "signed_up_at"},
        {"property": "seen", "attribute": "last_seen_at"},
    ]
    users = {"streams": [{"stream": "people"}], "attributes": [*attributes, {"property": "name"}, {"property": "born"}]}
    row = {"user_id": "1", "name": "Ada", "joined": "1900-01-01", "seen": "9999-12-31T00:00:00Z", "born": "1960-01-01"}
    result = write(
        [record("people", **row), state("people", 1)],
        configuration=configuration(users=users),
        seed={"data_attributes": [{"name": "born", "data_type": "date"}]},
    )

    assert result.error is None
    ada = result.contact("1")
    assert ("Ada", None, -315619200) == (ada["name"], ada["signed_up_at"], ada["custom_attributes"]["born"])
    assert 1 == result.calls["POST /contacts"]
    assert result.logged("far_time")


def test_dates_of_any_year_when_intercom_has_them_then_are_unchanged() -> None:
    """What Intercom shows is unix seconds, however few: no contact is written again at each sync."""
    dates = {"born": "1960-01-01", "founded": "1975-06-01", "ends": "2040-01-01", "until": "9999-12-31"}
    stored = {"born": -315619200, "founded": 170812800, "ends": 2208988800, "until": 253402214400}
    result = write(
        [record("people", user_id="1", **dates), state("people", 1)],
        configuration=configuration(
            users={"streams": [{"stream": "people"}], "attributes": [{"property": name} for name in dates]}
        ),
        seed={
            "data_attributes": [{"name": name, "data_type": "date"} for name in dates],
            "contacts": [{"external_id": "1", "role": "user", "custom_attributes": stored}],
        },
    )

    assert result.logged("unchanged 1")
    assert "PUT /contacts/{id}" not in result.calls


# ---------------------------------------------------------------- guests

STOP_AFTER = 20


def write_orders(
    *people: dict[str, Any], schema: dict[str, Any] | None = None, identity: str = "customer.id"
) -> Result:
    """Write an order for each of `people`, whatever an order holds of a person."""
    at = "2023-04-13T05:09:44-07:00"
    entry = {"stream": "orders", "event_name": "ordered", "created_at_property": "at", "identity_property": identity}
    return write(
        [*(record("orders", id=n, at=at, **person) for n, person in enumerate(people)), state("orders", 1)],
        configuration=configuration(
            events={"streams": [entry], "unknown_users": "create"}, delivery={"stop_after_rejected": STOP_AFTER}
        ),
        configured_catalog=catalog_of("orders", schema or {}),
    )


CUSTOMER = {"type": ["null", "object"], "properties": {"id": {"type": ["null", "integer"]}}}
GUEST: dict[str, Any] = {"customer": None}
ADA: dict[str, Any] = {"customer": {"id": 5}}
SCHEMAS = {
    "declared": declared(id="integer", at="string", customer=CUSTOMER),
    "open inside": declared(id="integer", at="string", customer="object"),
    "silent": {},
}


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_orders_of_guests_when_a_sync_begins_with_them_then_it_goes_on(schema: dict[str, Any]) -> None:
    """`customer: null` is ordinary: filtered as anonymous, and the first order of a person is an event."""
    result = write_orders(*[GUEST] * 30, ADA, schema=schema)

    assert result.error is None
    assert result.logged("anonymous 30")
    assert ["5"] == [each["external_id"] for each in result.contents["contacts"]]
    assert (1, 1) == (len(result.events), len(result.states))


@pytest.mark.parametrize("schema", ["declared", "open inside"])
def test_orders_without_a_customer_when_the_schema_has_one_then_are_of_guests(schema: str) -> None:
    """Some sources leave out what is null."""
    result = write_orders(*[{}] * 30, {"customer": {}}, schema=SCHEMAS[schema])

    assert result.error is None
    assert result.logged("anonymous 31")


def test_orders_without_a_customer_when_no_schema_has_one_but_a_record_does_then_are_of_guests() -> None:
    """A path that a record has is no mistake, if only with a null at its end."""
    result = write_orders({"customer": {"id": None}}, *[{}] * 30, ADA)

    assert result.error is None
    assert result.logged("no_identity_property 30")
    assert 1 == len(result.events)


def test_orders_when_neither_a_schema_nor_a_record_has_the_path_then_the_mapping_is_wrong() -> None:
    """A mistyped path would filter all there is without an error."""
    result = write_orders(*[GUEST, ADA] * STOP_AFTER, identity="customer.idd")

    assert isinstance(result.error, ConfigurationError)
    assert f"first {STOP_AFTER} records" in result.error.message


def test_orders_whose_identity_the_schema_lacks_when_it_allows_others_then_a_warning_is_enough() -> None:
    """The source may send more than it declares; otherwise it is an error before the first record."""
    closed = declared(id="integer", at="string", customr=CUSTOMER)
    results = [write_orders(ADA, schema={**closed, **more}) for more in ({}, {"additionalProperties": True})]

    assert [True, False] == [isinstance(result.error, ConfigurationError) for result in results]
    assert [0, 1] == [len(result.events) for result in results]
    assert results[1].logged('identity_property: the stream "orders" has no property "customer.id".')


# ---------------------------------------------------------------- PyAirbyte's cache


def write_person(*rows: dict[str, Any], schema: dict[str, Any], **sections: Any) -> Result:
    """Write rows of the stream `people`, each of them a contact and an event; 42 and 43 are in Intercom."""
    return write(
        [*(record("people", **row) for row in rows), state("people", 1)],
        configuration=configuration(**sections),
        configured_catalog=catalog_of("people", schema),
        seed={
            "data_attributes": [{"name": "plan", "data_type": "string"}, {"name": "score", "data_type": "integer"}],
            "contacts": [{"role": "user", "external_id": each} for each in ("42", "43")],
        },
    )


def write_decimals(*ids: str, **sections: Any) -> Result:
    """Write people whose numbers are texts, as PyAirbyte's cache sends what it keeps as DECIMAL(38,9)."""
    entry = {"stream": "people", "event_name": "signed up", "created_at_property": "signed_at"}
    row = {"score": "7.000000000", "total": "19.990000000", "code": "3.000000000", "signed_at": "2024-01-02T01:04:05"}
    return write_person(
        *({"id": each, **row} for each in ids),
        schema=declared(id="number", score="number", total="number", code="string", signed_at="string"),
        identity={"property": "id"},
        events={"streams": [entry], "metadata": [{"property": "total"}, {"property": "code"}]},
        users={"streams": [{"stream": "people"}], "attributes": [{"property": "score"}]},
        **sections,
    )


def test_decimals_as_text_when_the_schema_has_numbers_then_are_numbers() -> None:
    """42.000000000 is the person 42 and no second one; a long number keeps every digit, and a text stays a text."""
    result = write_decimals("42.000000000", "9007199254740993.000000000")

    assert result.error is None
    people = {each["external_id"]: each["custom_attributes"].get("score") for each in result.contents["contacts"]}
    assert {"42": 7, "43": None, "9007199254740993": 7} == people
    assert [{"total": 19.99, "code": "3.000000000"}] * 2 == metadata_of(result)
    assert {1704157445} == {each["created_at"] for each in result.events}


def test_identity_that_is_no_plain_decimal_when_the_schema_has_a_number_then_stays_as_it_is() -> None:
    """Whatever else stands there may name somebody else."""
    result = write_decimals("007", "42.5", "1e3")

    assert {"42", "43", "007", "42.5", "1e3"} == {each["external_id"] for each in result.contents["contacts"]}


CAMEL = declared(userId="integer", signedAt="string", planName="string")


@pytest.mark.parametrize("configured", ["signedAt", "signedat"])
def test_names_in_lower_case_when_the_catalog_has_others_then_are_found(configured: str) -> None:
    """PyAirbyte's cache lower-cases the records' names and leaves the catalog's; where both are there, the exact wins."""
    result = write_person(
        {"userid": 42, "signedat": "2024-01-02T03:04:05Z", "planname": "pro"},
        {"userId": 43, "signedAt": "2024-01-02T03:04:06Z", "planName": "basic", "planname": "wrong"},
        schema=CAMEL,
        identity={"property": "userId"},
        events={"streams": [{"stream": "people", "event_name": "signed up", "created_at_property": configured}]},
        users={
            "streams": [{"stream": "people"}],
            "attributes": [{"property": "planName", "attribute": "plan"}],
        },
    )

    assert result.error is None
    assert ["pro", "basic"] == [result.contact(each)["custom_attributes"]["plan"] for each in ("42", "43")]
    assert [1704164645, 1704164646] == sorted(each["created_at"] for each in result.events)
    told = result.logged('the stream "people" has no property "signedat", but has "signedAt" in another case')
    assert (configured != "signedAt") is told


# ---------------------------------------------------------------- values that were lost on the way


def lose(stream: str, *fields: str, **data: Any) -> dict[str, Any]:
    """A record of which fields could not be kept."""
    message = record(stream, **data)
    changes = [{"field": each, "change": "NULLED", "reason": "SOURCE_RETRIEVAL_ERROR"} for each in fields]
    message["record"]["meta"] = {"changes": changes}
    return message


def test_null_of_a_lost_value_when_nulls_clear_then_clears_nothing() -> None:
    """It says nothing of the value that the source has; a null that is one still clears."""
    users = {"streams": [{"stream": "rows"}], "null_values": "clear"}
    result = write(
        [lose("rows", "name", user_id="1", name=None, phone=None), state("rows", 1)],
        configuration=configuration(users={**users, "attributes": [{"property": "name"}, {"property": "phone"}]}),
        seed={"contacts": [{"role": "user", "external_id": "1", "name": "Ada", "phone": "+1"}]},
    )

    ada = result.contact("1")
    assert ("Ada", None) == (ada["name"], ada["phone"] or None)


@pytest.mark.parametrize(
    ("field", "data"),
    [
        ("customer", {"customer": None}),
        ("customer.id", {"customer": {"id": None}}),
        ("at", {"customer": {"id": 5}, "at": None}),
    ],
)
def test_identity_or_time_that_was_lost_when_mapped_then_is_rejected(field: str, data: dict[str, Any]) -> None:
    """It was somebody's event, not nobody's: it must be seen, and is kept where a storage is configured."""
    entry = {"stream": "rows", "event_name": "e", "created_at_property": "at", "identity_property": "customer.id"}
    storage = FakeStorage(VirtualClock())
    message = lose("rows", field, **{"at": "2024-01-02", **data})
    result = write(
        [message, state("rows", 1)],
        configuration=configuration(
            events={"streams": [entry], "unknown_users": "create"}, object_storage_config=S3_SECTION
        ),
        storage=storage,
    )

    assert result.error is None
    assert result.logged("invalid_time 1" if field == "at" else "invalid_identity 1")
    (only,) = result.states
    assert (0, 1) == (only["destinationStats"]["recordCount"], only["destinationStats"]["rejectedRecordCount"])
    assert [message["record"]] == [row["record"] for row in storage.rows]


# ---------------------------------------------------------------- lists, and texts that hold JSON


def test_identity_in_a_list_when_the_schema_does_not_say_what_the_list_holds_then_is_found() -> None:
    """An analytics source keeps who a person is in a list; one whose list is empty is anonymous."""
    result = write(
        [
            *[record("persons", distinct_ids=[], properties={})] * 30,
            record("persons", distinct_ids=["user-7", "anon-1"], properties={"name": "Ada"}),
            state("persons", 1),
        ],
        configuration=configuration(
            identity={"property": "distinct_ids.0"},
            users={
                "streams": [{"stream": "persons"}],
                "attributes": [{"property": "properties.name", "attribute": "name"}],
            },
            delivery={"stop_after_rejected": STOP_AFTER},
        ),
        configured_catalog=catalog_of("persons", declared(distinct_ids="array", properties="object")),
    )

    assert result.error is None
    assert [("user-7", "Ada")] == [(each["external_id"], each["name"]) for each in result.contents["contacts"]]
    assert result.logged("anonymous 30")
    assert not result.logged("has no property")


def test_path_into_a_list_when_it_names_what_the_members_lack_then_the_nearest_is_offered() -> None:
    """A list is entered by a number."""
    emails = {"type": "array", "items": declared(email="string")}
    result = write(
        [record("persons", emails=[{"email": "ada@example.com"}])],
        configuration=configuration(
            identity={"property": "emails.email", "intercom_field": "email"},
            users={"streams": [{"stream": "persons"}]},
        ),
        configured_catalog=catalog_of("persons", declared(emails=emails)),
    )

    assert isinstance(result.error, ConfigurationError)
    assert 'has no property "emails.email". Did you mean "emails.0.email"?' in result.error.message


def test_text_that_holds_json_when_a_path_leads_into_it_then_is_entered() -> None:
    """Columns of jsonb and VARIANT arrive as text; a contact whose text is no JSON is written without."""
    users = {
        "streams": [{"stream": "users"}],
        "attributes": [
            {"property": "settings.theme", "attribute": "theme", "type": "string"},
            {"property": "settings.tags.0", "attribute": "first_tag", "type": "string"},
        ],
        "missing_attributes": "create",
    }
    result = write(
        [
            record("users", id=7, settings='{"theme": "dark", "tags": ["a", "b"]}'),
            record("users", id=8, settings="dark"),
            state("users", 1),
        ],
        configuration=configuration(identity={"property": "id"}, users=users),
        configured_catalog=catalog_of("users", declared(id="integer", settings="string")),
    )

    assert result.error is None
    people = {each["external_id"]: each["custom_attributes"] for each in result.contents["contacts"]}
    assert {"7": {"theme": "dark", "first_tag": "a"}, "8": {}} == people
    assert not result.logged("has no property")


# ---------------------------------------------------------------- streams that know people in different ways


def test_streams_with_intercom_fields_of_their_own_when_written_then_each_names_people_by_its_own() -> None:
    """The product's users have an id, the shop's customers and orders an address; what both write, each can find."""
    result = write(
        [
            record("users", id="1", name="Ada"),
            record("customers", mail="Grace@Example.com", name="Grace"),
            record("logins", id="1", at="2024-01-02"),
            record("orders", buyer={"mail": " grace@example.com"}, at="2024-01-02"),
            state("orders", 1),
        ],
        configuration=configuration(
            identity={"property": "id"},
            users={
                "streams": [
                    {"stream": "users"},
                    {"stream": "customers", "identity_property": "mail", "intercom_field": "email"},
                ],
                "attributes": [{"property": "name"}],
            },
            events={
                "streams": [
                    {"stream": "logins", "event_name": "logged in", "created_at_property": "at"},
                    {
                        "stream": "orders",
                        "event_name": "ordered",
                        "created_at_property": "at",
                        "identity_property": "buyer.mail",
                        "intercom_field": "email",
                    },
                ]
            },
        ),
    )

    assert result.error is None
    people = {(each["external_id"], each["email"] or None, each["name"]) for each in result.contents["contacts"]}
    assert {("1", None, "Ada"), (None, "grace@example.com", "Grace")} == people
    sent = {(each["event_name"], each.get("user_id"), each.get("email")) for each in result.events}
    assert {("logged in", "1", None), ("ordered", None, "grace@example.com")} == sent
