"""Configurations for real sources: each stream its own, templates, wildcards, deleted rows, and what is never seen."""

from __future__ import annotations

from typing import Any

import pytest

from integration_tests.support.harness import Result, record, state, write
from integration_tests.test_real_sources import configuration, declared

ADA = "ada@example.com"
BY_EMAIL = {"property": "email", "intercom_field": "email"}


def catalog(**schemas: dict[str, Any]) -> dict[str, Any]:
    """A configured catalog of the streams, each with its schema."""
    return {
        "streams": [
            {
                "stream": {"name": name, "json_schema": schema, "supported_sync_modes": ["incremental"]},
                "sync_mode": "incremental",
                "destination_sync_mode": "append",
            }
            for name, schema in schemas.items()
        ]
    }


def warnings(result: Result) -> list[str]:
    """What the user is warned of, in its order."""
    logs = [message["log"] for message in result.messages if message["type"] == "LOG"]
    return [log["message"] for log in logs if log["level"] == "WARN"]


def contact(result: Result) -> dict[str, Any]:
    """The only contact in Intercom, with what is set of it."""
    (found,) = result.contents["contacts"]
    named = ("external_id", "email", "name", "phone", "signed_up_at", "unsubscribed_from_emails", "custom_attributes")
    return {name: found[name] for name in named if found[name]}


# ---------------------------------------------------------------- each stream its own

SHOP = catalog(
    customers=declared(id="string", email="string", created="integer"),
    subscriptions=declared(id="string", customer_email="string", status="string", created="integer"),
)
ACCOUNTS = [
    record("customers", id="cus_1", email=ADA, created=1_646_998_902),
    record("subscriptions", id="sub_9", customer_email=ADA, status="active", created=1_700_000_000),
    state("customers", 1),
    state("subscriptions", 2),
]


def test_streams_with_lists_of_their_own_when_written_then_neither_overwrites_the_other() -> None:
    """A payment provider's customers and subscriptions have an id and a time each, and mean different things by them."""
    users = {
        "streams": [
            {
                "stream": "customers",
                "attributes": [
                    {"property": "created", "attribute": "signed_up_at"},
                    {"property": "id", "attribute": "customer_id"},
                ],
            },
            {"stream": "subscriptions", "identity_property": "customer_email", "attributes": [{"property": "status"}]},
        ],
        "missing_attributes": "create",
    }
    result = write(ACCOUNTS, configuration=configuration(identity=BY_EMAIL, users=users), configured_catalog=SHOP)

    assert result.error is None
    attributes = {"customer_id": "cus_1", "status": "active"}
    assert {"email": ADA, "signed_up_at": 1_646_998_902, "custom_attributes": attributes} == contact(result)
    assert [] == [text for text in warnings(result) if "no property" in text]


def test_streams_that_share_a_list_and_have_a_property_alike_when_planned_then_one_warning_says_so() -> None:
    """The last record would win, whichever stream it is of; the identity alone is the same person's in both."""
    users = {
        "streams": [{"stream": "customers"}, {"stream": "subscriptions", "identity_property": "customer_email"}],
        "attributes": [{"property": "created", "attribute": "signed_up_at"}, {"property": "id", "attribute": "name"}],
    }
    result = write(ACCOUNTS, configuration=configuration(identity=BY_EMAIL, users=users), configured_catalog=SHOP)

    told = [text for text in warnings(result) if "share" in text]
    assert 1 == len(told)
    assert 'the streams "customers" and "subscriptions" share "created", "id"' in told[0]


def test_streams_with_filters_of_their_own_when_written_then_each_keeps_to_them() -> None:
    """A stream's own filters are added to those of all streams."""
    users = {
        "streams": [
            {"stream": "customers", "filters": [{"property": "id", "operator": "is", "values": ["cus_1"]}]},
            {"stream": "subscriptions", "identity_property": "customer_email"},
        ],
        "filters": [{"property": "created", "operator": "greater_than", "values": ["1"]}],
    }
    rows = [
        record("customers", id="cus_1", email=ADA, created=2),
        record("customers", id="cus_2", email="b@example.com", created=2),
        record("customers", id="cus_1", email="c@example.com", created=0),
        record("subscriptions", id="sub_9", customer_email="d@example.com", created=2),
    ]
    result = write(rows, configuration=configuration(identity=BY_EMAIL, users=users), configured_catalog=SHOP)

    assert {ADA, "d@example.com"} == {each["email"] for each in result.contents["contacts"]}


# ---------------------------------------------------------------- deleted rows

ROWS = declared(id={"type": "number", "airbyte_type": "integer"}, name="string", _ab_cdc_deleted_at="string", gone={})


@pytest.mark.parametrize(
    ("mark", "is_deleted"),
    [
        ({"_ab_cdc_deleted_at": "2024-03-07T10:00:00Z"}, True),
        ({"_ab_cdc_deleted_at": None}, False),
        ({"_ab_cdc_deleted_at": ""}, False),
        ({"gone": True}, True),
        ({"gone": "T"}, True),
        ({"gone": 1}, True),
        ({"gone": "2024-03-07"}, True),
        ({"gone": 1_700_000_000}, True),
        ({"gone": False}, False),
        ({"gone": 0}, False),
        ({"gone": "no"}, False),
        ({"gone": "1979-12-31"}, False),
        ({"gone": "0001-01-01"}, False),
        ({"gone": "pending"}, False),
        ({"gone": {"at": "2024-03-07"}}, False),
        ({"gone": None}, False),
    ],
)
def test_row_that_its_source_has_deleted_when_read_then_is_filtered(mark: dict[str, Any], *, is_deleted: bool) -> None:
    """It neither clears, creates nor is an event; whatever else a mark holds deletes nobody."""
    stream = {"stream": "rows", "deleted_property": "gone"}
    document = configuration(
        identity={"property": "id"},
        events={"streams": [{**stream, "event_name": "came", "created_at_property": "at"}], "unknown_users": "create"},
        users={"streams": [stream], "attributes": [{"property": "name"}], "null_values": "clear"},
    )
    result = write(
        [record("rows", id=7, name=None, at=1_700_000_000, **mark), state("rows", 1)],
        configuration=document,
        configured_catalog=catalog(rows={"properties": {**ROWS["properties"], "at": {}}}),
    )

    assert result.error is None
    assert {"recordCount": 1, "rejectedRecordCount": 0} == result.states[0]["destinationStats"]
    assert (0 if is_deleted else 1) == len(result.contents["contacts"]) == len(result.events)
    assert is_deleted == bool(result.logged("filtered 1 (deleted 1)"))


# ---------------------------------------------------------------- templates

PEOPLE = declared(
    id="string",
    email="string",
    first_name="string",
    last_name="string",
    accepts_marketing="boolean",
    status="string",
    day="string",
    hour="string",
    customer_id="string",
)


def write_person(
    *rows: dict[str, Any], attributes: Any = (), identity: Any = None, event: dict[str, Any] | None = None
) -> Result:
    """Write rows of a stream of people, as contacts and, with `event`, as events."""
    sections: dict[str, Any] = {
        "identity": identity or BY_EMAIL,
        "users": {
            "streams": [{"stream": "people"}],
            "attributes": list(attributes),
            "missing_attributes": "create",
        },
    }
    if event is not None:
        sections["events"] = {"streams": [{"stream": "people", **event}], "unknown_users": "create"}
    return write(
        [*(record("people", **row) for row in rows), state("people", 1)],
        configuration=configuration(**sections),
        configured_catalog=catalog(people=PEOPLE),
    )


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ({"first_name": "Ada", "last_name": "Lovelace"}, "Ada Lovelace"),
        ({"first_name": "Grace", "last_name": None}, "Grace"),
        ({"first_name": " ", "last_name": "Hopper"}, "Hopper"),
        ({"first_name": None, "last_name": ""}, None),
        ({}, None),
    ],
)
def test_first_and_last_name_when_joined_by_a_template_then_leave_no_blank_behind(
    row: dict[str, Any], name: str | None
) -> None:
    """What has no value leaves nothing, and a template of nothing clears nothing."""
    attribute = {"property": "{{ record.first_name }} {{ record.last_name }}", "attribute": "name"}
    result = write_person({"email": ADA, **row}, attributes=[attribute])

    assert name == contact(result).get("name")


@pytest.mark.parametrize(("accepts", "opted_out"), [(False, True), (True, None), (None, None)])
def test_consent_when_negated_by_a_template_then_opts_out_only_who_has_said_no(
    accepts: object, opted_out: object
) -> None:
    """Who has no value is not opted out."""
    attribute = {"property": "{{ record.accepts_marketing == false }}", "attribute": "unsubscribed_from_emails"}
    result = write_person({"email": ADA, "accepts_marketing": accepts}, attributes=[attribute])

    assert opted_out == contact(result).get("unsubscribed_from_emails")


def test_identity_by_a_template_when_a_part_has_no_value_then_is_nobody() -> None:
    """A guest is no person named "shop-"; the next in line is taken where the template says so."""
    identity = {"property": "shop-{{ record.customer_id }}"}
    result = write_person({"customer_id": "7"}, {"customer_id": None}, {}, identity=identity)
    assert {"external_id": "shop-7", "custom_attributes": {}} == {**contact(result), "custom_attributes": {}}
    assert result.logged("filtered 2 (anonymous 2)")

    identity = {"property": "{{ record.id or record.email }}"}
    result = write_person({"id": "7", "email": ADA}, {"id": "", "email": ADA}, identity=identity)
    assert ["7", ADA] == [each["external_id"] for each in result.contents["contacts"]]


def test_event_by_templates_when_sent_then_has_its_name_and_time() -> None:
    """The name is made of a status, the time of two columns; without a status there is no event, without a time none."""
    event = {
        "event_name": "Order {{ record.status }}",
        "created_at_property": '{{ (record.day ~ " " ~ record.hour) | time("%d.%m.%Y %H", "Europe/Berlin") }}',
    }
    full = {"email": ADA, "status": "paid", "day": "31.01.2026", "hour": "13"}
    result = write_person(full, {**full, "status": None}, {**full, "hour": None}, {**full, "hour": "31"}, event=event)

    assert [("Order paid", 1_769_860_800)] == [(each["event_name"], each["created_at"]) for each in result.events]
    assert result.logged("events filtered 1")
    assert result.logged("events rejected 2")
    assert result.logged(
        'Templates that could not be evaluated, with the number of records: events.streams, entry 1 ("people"),'
        " created_at_property: 1."
    )


def test_template_when_the_schema_lacks_what_it_reads_then_is_checked_as_a_path() -> None:
    """An identity is a configuration error, an attribute a warning; both name the entry."""
    result = write_person({"email": ADA}, identity={"property": "{{ record.emial }}"})
    assert result.error is not None
    assert (
        'identity.property: the stream "people" has no property "emial". Did you mean "email"' in result.error.message
    )

    result = write_person({"email": ADA}, attributes=[{"property": "{{ record.frist_name }}", "attribute": "name"}])
    told = [text for text in warnings(result) if "frist_name" in text]
    assert told[0].startswith(
        'users.attributes, entry 1 ("{{ record.frist_name }}"): the stream "people" has no property "frist_name".'
    )


def test_template_when_it_reads_decimals_and_blanks_then_sees_what_is_meant() -> None:
    """A decimal that came as a text is a number where the schema has one, and a blank is nothing."""
    schema = declared(email="string", seats="number", plan="string")
    result = write(
        [record("people", email=ADA, seats="2.000000000", plan=" "), state("people", 1)],
        configuration=configuration(
            identity=BY_EMAIL,
            users={
                "streams": [{"stream": "people"}],
                "attributes": [
                    {"property": "{{ record.seats * 2 }}", "attribute": "seats", "type": "integer"},
                    {"property": '{{ record.plan or "free" }}', "attribute": "plan", "type": "string"},
                ],
                "missing_attributes": "create",
            },
        ),
        configured_catalog=catalog(people=schema),
    )

    assert {"seats": 4, "plan": "free"} == contact(result)["custom_attributes"]


# ---------------------------------------------------------------- selected and never seen


def test_selected_names_when_no_record_has_them_then_are_named_at_the_end() -> None:
    """What is spelled wrongly below an object that no schema describes can be found in no other way."""
    schema = declared(id="string", at="integer", kind="string", properties="object")
    rows = [
        record("rows", id="1", at=1_700_000_000 + n, kind="signed up", properties={"total": 5, "is_staff": None})
        for n in range(3)
    ]
    document = configuration(
        identity={"property": "id"},
        events={
            "streams": [{"stream": "rows", "event_name_property": "kind", "created_at_property": "at"}],
            "selected_events": ["signed *", "Sign up"],
            "excluded_events": ["*internal*"],
            "renamed_events": [{"from": "Signup", "to": "signed up"}],
            "metadata": [
                {"property": "properties.totl"},
                {"property": "properties.total"},
                {"property": "{{ record.properties.tax }}", "name": "tax"},
            ],
            "filters": [
                {"property": "properties.is_stff", "operator": "is_not", "values": ["true"]},
                {"property": "properties.is_staff", "operator": "is_not", "values": ["true"]},
            ],
            "unknown_users": "create",
        },
    )
    result = write([*rows, state("rows", 1)], configuration=document, configured_catalog=catalog(rows=schema))

    assert 3 == len(result.events)
    (told,) = [text for text in warnings(result) if text.startswith("Selected, but in no record of this sync")]
    listed = told.removeprefix("Selected, but in no record of this sync: ").partition(". Check how")[0].split("; ")
    assert {
        'events.metadata, entry 1 ("properties.totl")',
        'events.metadata, entry 3 ("{{ record.properties.tax }}"), "properties.tax"',
        'events.filters, entry 1 ("properties.is_stff")',
        'events.selected_events, "Sign up"',
        'events.excluded_events, "*internal*"',
        'events.renamed_events, "Signup"',
    } == set(listed)


def test_selected_names_when_a_sync_has_no_records_then_nothing_is_said_of_them() -> None:
    """Nobody can tell what records would have had; nor need anybody hear of the excluded names that are the default."""
    result = write(
        [state("people", 1)],
        configuration=configuration(
            identity=BY_EMAIL, users={"streams": [{"stream": "people"}], "attributes": [{"property": "name"}]}
        ),
        configured_catalog=catalog(people=declared(email="string", name="string")),
    )

    assert [] == warnings(result)


# ---------------------------------------------------------------- all members of an object

MEMBERS = {
    "plan": "pro",
    "seats": "5",
    "tags": ["a", "b"],
    "note": None,
    "blank": " ",
    "deep": {"plan": "x"},
    "name": "Ada",
    "role": "admin",
    "owner_id": 7,
    "unsubscribed_from_emails": True,
    "unheard_of": "x",
}
WORKSPACE = [
    {"name": "plan", "data_type": "string"},
    {"name": "seats", "data_type": "integer"},
    {"name": "tags", "data_type": "string"},
    {"name": "note", "data_type": "string"},
    {"name": "score", "data_type": "integer"},
    {"name": "gone", "data_type": "string", "archived": True},
]


def write_members(
    schema: dict[str, Any], *attributes: dict[str, Any], missing: str = "fail", members: Any = MEMBERS
) -> Result:
    """Write one person, whose properties lie in an object, to a workspace that has some of them."""
    users = {
        "streams": [{"stream": "people"}],
        "attributes": list(attributes),
        "missing_attributes": missing,
        "null_values": "clear",
    }
    return write(
        [record("people", email=ADA, props=members), state("people", 1)],
        configuration=configuration(identity=BY_EMAIL, users=users),
        configured_catalog=catalog(people={"properties": {"email": {"type": "string"}, "props": schema}}),
        seed={"data_attributes": WORKSPACE},
    )


def test_wildcard_when_no_schema_declares_the_members_then_writes_what_the_workspace_has() -> None:
    """By the workspace's types; standard fields as if they were named, and nobody is opted out by the way."""
    result = write_members({"type": "object"}, {"property": "props.*"})

    assert result.error is None
    attributes = {"plan": "pro", "seats": 5, "tags": "a, b"}
    assert {"email": ADA, "name": "Ada", "custom_attributes": attributes} == contact(result)
    assert result.logged('"props.*": 1 no_attribute')
    assert result.logged('"props.*": 1 not_by_wildcard')
    assert not any("unheard_of" in text for text in result.logs)


def test_wildcard_when_an_entry_names_a_member_then_the_entry_wins() -> None:
    """Under whatever name, and with whatever condition."""
    named = {"property": "{{ record.props.plan | upper }}", "attribute": "plan"}
    result = write_members({"type": "object"}, {"property": "props.*"}, named)

    assert {"plan": "PRO", "seats": 5, "tags": "a, b"} == contact(result)["custom_attributes"]


def test_wildcard_when_the_schema_declares_members_that_the_workspace_lacks_then_fails_no_sync() -> None:
    """Under fail they are left out with one warning, under create they are made where a type is told."""
    schema = declared(plan="string", score="integer", extra="string", untold={}, gone="string", deep="object")
    members = {"plan": "pro", "extra": "e", "untold": "u", "gone": "g", "score": 3}
    result = write_members(schema, {"property": "props.*"}, members=members)

    assert result.error is None
    assert {"plan": "pro", "score": 3} == contact(result)["custom_attributes"]
    (told,) = [text for text in warnings(result) if text.startswith("Members of *")]
    assert all(f'"{name}"' in told for name in ("extra", "untold", "gone"))

    result = write_members(schema, {"property": "props.*"}, members=members, missing="create")
    assert result.error is None
    assert {"plan": "pro", "score": 3, "extra": "e"} == contact(result)["custom_attributes"]


def test_wildcard_with_a_pattern_when_written_then_names_members_by_it() -> None:
    """So that the properties of two objects are told apart."""
    result = write_members(
        declared(plan="string"), {"property": "props.*", "attribute": "stripe_*"}, missing="create", members=MEMBERS
    )

    assert {"stripe_plan": "pro"} == contact(result)["custom_attributes"]


def test_wildcard_of_the_record_when_written_then_leaves_out_the_identity() -> None:
    """It is written as the identity already."""
    users = {"streams": [{"stream": "people"}], "attributes": [{"property": "*"}], "missing_attributes": "create"}
    result = write(
        [record("people", mail=ADA, name="Ada", plan="pro"), state("people", 1)],
        configuration=configuration(identity={"property": "mail", "intercom_field": "email"}, users=users),
        configured_catalog=catalog(people=declared(mail="string", name="string", plan="string")),
    )

    assert {"email": ADA, "name": "Ada", "custom_attributes": {"plan": "pro"}} == contact(result)


def test_wildcard_in_metadata_when_there_are_many_then_fills_up_to_twenty_keys() -> None:
    """Named entries come first, then the order of the record; the rest is counted."""
    stream = {"stream": "people", "event_name": "came", "created_at_property": "at"}
    document = configuration(
        identity=BY_EMAIL,
        events={
            "streams": [stream],
            "metadata": [{"property": "props.*", "name": "p_*"}, {"property": "total"}],
            "unknown_users": "create",
        },
    )
    members: dict[str, Any] = {f"m{number}": number for number in range(25)} | {"a.b": 1, "deep": {}, "none": None}
    result = write(
        [record("people", email=ADA, at=1_700_000_000, total=9, props=members), state("people", 1)],
        configuration=document,
        configured_catalog=catalog(people=declared(email="string", at="integer", total="integer", props="object")),
    )

    (event,) = result.events
    assert {"total": 9, **{f"p_m{number}": number for number in range(19)}} == event["metadata"]
    assert result.logged('"props.*": 1 too_many')
    assert result.logged('"props.*": 1 no_key')
