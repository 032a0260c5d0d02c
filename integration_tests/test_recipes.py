"""The recipes of the docs, each run on records in the form of its source."""

from __future__ import annotations

import json
import pathlib
import re
from typing import Any

from integration_tests.support.harness import TOKEN, Result, record, state, write
from integration_tests.test_mapping_cases import catalog

PAGE = (pathlib.Path(__file__).resolve().parents[1] / "docs" / "recipes.md").read_text(encoding="utf-8")
ADA = "ada@example.com"


def recipes() -> dict[str, list[dict[str, Any]]]:
    """The configurations of the page, by the heading that they stand under."""
    sections = re.split(r"^## (.+)$", PAGE, flags=re.MULTILINE)
    return {
        title: [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)]
        for title, text in zip(sections[1::2], sections[2::2], strict=True)
    }


def props(*names: str, **schemas: dict[str, Any]) -> dict[str, Any]:
    """A schema of texts, and of what else there is."""
    return {"properties": {**{name: {"type": ["null", "string"]} for name in names}, **schemas}}


INTEGER, NUMBER, BOOLEAN, OBJECT = ({"type": ["null", kind]} for kind in ("integer", "number", "boolean", "object"))
LIST = {"type": ["null", "array"]}


def run(
    title: str, messages: list[dict[str, Any]], schemas: dict[str, Any], seed: Any = None, number: int = 0
) -> Result:
    """Run a recipe; every record is in some way used."""
    document = {**recipes()[title][number], "access_token": TOKEN}
    streams = list(dict.fromkeys(each["record"]["stream"] for each in messages))
    result = write(
        [*messages, *(state(name, place) for place, name in enumerate(streams, 1))],
        configuration=document,
        configured_catalog=catalog(**schemas),
        seed=seed,
    )
    assert result.error is None
    assert 0 == sum(each["destinationStats"]["rejectedRecordCount"] for each in result.states)
    return result


def people(result: Result) -> list[dict[str, Any]]:
    """The contacts in Intercom with what is set of them."""
    names = ("external_id", "email", "name", "phone", "avatar", "signed_up_at", "unsubscribed_from_emails")
    return [
        {name: each[name] for name in names if each.get(name)} | each["custom_attributes"]
        for each in result.contents["contacts"]
    ]


def happened(result: Result) -> list[tuple[str, int, dict[str, Any]]]:
    """The events in Intercom."""
    return [(each["event_name"], each["created_at"], each["metadata"]) for each in result.events]


T0 = 1_769_860_800
DAY = "2026-01-31T12:00:00Z"


def test_recipe_of_postgres_and_amplitude() -> None:
    """Names are joined, a deleted row is left alone, and both connections mean one person."""
    title = "Postgres: users and orders, beside Amplitude"
    user = {"id": 7, "first_name": "Ada", "last_name": None, "email": ADA, "created_at": "2024-03-05", "plan": "pro"}
    order = {"user_id": 7, "status": "paid", "ordered_at": DAY, "total": "57.230000000", "number": "A-1"}
    result = run(
        title,
        [record("users", **user), record("users", **{**user, "id": 8, "deleted_at": DAY}), record("orders", **order)],
        {
            "users": props("email", "first_name", "last_name", "created_at", "plan", "deleted_at", id=INTEGER),
            "orders": props("status", "ordered_at", "number", user_id=INTEGER, total=NUMBER),
        },
    )
    wanted = {"external_id": "7", "email": ADA, "name": "Ada", "signed_up_at": 1_709_596_800, "plan": "pro"}
    assert [wanted] == people(result)
    assert [("Order paid", T0, {"total": {"amount": 5723, "currency": "eur"}, "order": "A-1"})] == happened(result)

    played = {"user_id": "7", "event_type": "Song Played", "event_time": DAY, "platform": "Web", "event_properties": {}}
    schema = props("user_id", "event_type", "event_time", "platform", event_properties=OBJECT)
    seed = {"contacts": [{"external_id": "7"}]}
    result = run(title, [record("events", **played)], {"events": schema}, seed, number=1)
    assert [("Song Played", T0, {"platform": "Web"})] == happened(result)


def test_recipe_of_hubspot() -> None:
    """The owner is an attribute, and only an opt-out is written."""
    contact = {
        "email": ADA,
        "firstname": "Ada",
        "lastname": "L",
        "lifecyclestage": "lead",
        "hubspot_owner_id": "52550153",
    }
    schema = {"properties": {"id": {"type": "string"}, "properties": props(*contact, "phone", hs_email_optout=BOOLEAN)}}
    rows = [record("contacts", id="1", properties={**contact, "hs_email_optout": True})]
    result = run("HubSpot contacts", rows, {"contacts": schema})
    assert [
        {
            "email": ADA,
            "name": "Ada L",
            "unsubscribed_from_emails": True,
            "lifecycle stage": "lead",
            "hubspot owner": "52550153",
        }
    ] == people(result)


def test_recipe_of_salesforce() -> None:
    """A relative picture is made a whole one, and a deleted row is left alone."""
    person = {
        "Email": ADA,
        "Name": "Ada",
        "PhotoUrl": "/services/images/photo/003",
        "AccountId": "001",
        "IsDeleted": False,
    }
    schema = props("Email", "Name", "Phone", "PhotoUrl", "AccountId", IsDeleted=BOOLEAN, HasOptedOutOfEmail=BOOLEAN)
    rows = [record("Contact", **person), record("Contact", **{**person, "Email": "b@example.com", "IsDeleted": True})]
    result = run("Salesforce contacts", rows, {"Contact": schema})
    (found,) = result.contents["contacts"]
    assert "https://example.my.salesforce.com/services/images/photo/003" == found["avatar"]["image_url"]
    assert (ADA, {"salesforce account": "001"}) == (found["email"], found["custom_attributes"])


def test_recipe_of_stripe() -> None:
    """A subscription overwrites neither the customer's id nor the time of signing up."""
    plan = {"id": "price_1"}
    result = run(
        "Stripe: customers and subscriptions in one sync",
        [
            record("customers", id="cus_1", email=ADA, name="Ada", created=1_646_998_902),
            record(
                "subscriptions",
                id="sub_9",
                customer="cus_1",
                status="active",
                created=T0,
                plan=plan,
                current_period_end=T0,
            ),
            record(
                "charges",
                id="ch_1",
                customer="cus_1",
                status="succeeded",
                created=T0,
                amount=1999,
                currency="usd",
                payment_method_details={"card": {"brand": "visa"}},
            ),
        ],
        {
            "customers": props("id", "email", "name", created=INTEGER),
            "subscriptions": props(
                "id", "customer", "status", created=INTEGER, plan=OBJECT, current_period_end=INTEGER
            ),
            "charges": props(
                "id", "customer", "status", "currency", created=INTEGER, amount=INTEGER, payment_method_details=OBJECT
            ),
        },
    )
    assert [
        {
            "external_id": "cus_1",
            "email": ADA,
            "name": "Ada",
            "signed_up_at": 1_646_998_902,
            "subscription status": "active",
            "subscription plan": "price_1",
            "renews at": T0,
        }
    ] == people(result)
    assert [("Charge succeeded", T0, {"amount": {"amount": 1999, "currency": "usd"}, "card": "Visa"})] == happened(
        result
    )


def test_recipe_of_shopify() -> None:
    """A guest is nobody, and only who has unsubscribed is so in Intercom."""
    customer = {"id": 5, "email": ADA, "first_name": "Ada", "last_name": "L", "orders_count": 2, "total_spent": "57.23"}
    order = {"id": 9, "created_at": DAY, "name": "#1001", "total_price": "57.23", "currency": "USD"}
    items = [{"title": "Tea"}, {"title": "Cup"}]
    result = run(
        "Shopify: customers, and orders of guests",
        [
            record("customers", **customer, email_marketing_consent={"state": "unsubscribed"}),
            record("customers", **{**customer, "id": 6, "email": "b@example.com"}, email_marketing_consent=None),
            record("orders", **order, customer={"id": 5}, line_items=items),
            record("orders", **order, customer=None, line_items=items),
        ],
        {
            "customers": props(
                "email",
                "phone",
                "first_name",
                "last_name",
                "total_spent",
                id=INTEGER,
                orders_count=INTEGER,
                email_marketing_consent=OBJECT,
            ),
            "orders": props(
                "created_at", "name", "total_price", "currency", id=INTEGER, customer=OBJECT, line_items=LIST
            ),
        },
    )
    assert [True, None] == [each.get("unsubscribed_from_emails") for each in people(result)]
    assert {"orders": 2, "total spent": 57.23} == result.contact("5")["custom_attributes"]
    price = {"amount": 5723, "currency": "usd"}
    assert [("Order placed", T0, {"order": "#1001", "total_price": price, "items": "Tea, Cup"})] == happened(result)
    assert result.logged("filtered 1 (anonymous 1)")


def test_recipe_of_a_sheet() -> None:
    """Texts become what their attributes are."""
    rows = [
        record("People", Email=ADA, Name="Ada", Seats="5", VIP="TRUE", Renewal="31/01/2026"),
        record("People", Email="b@example.com", Name="", Seats="", VIP="", Renewal=""),
    ]
    result = run("Google Sheets", rows, {"People": props("Email", "Name", "Seats", "VIP", "Renewal")})
    ada = {"email": ADA, "name": "Ada", "seats": 5, "vip": True, "renews at": 1_769_817_600}
    assert [ada, {"email": "b@example.com"}] == people(result)


def test_recipe_of_posthog() -> None:
    """The identity is in a list, and the workspace decides which properties are written."""
    result = run(
        "PostHog: persons and events",
        [
            record(
                "persons", id="p", distinct_ids=["user-7", "anon"], properties={"name": "Ada", "plan": "pro", "x": 1}
            ),
            record(
                "events",
                id="e",
                distinct_id="user-7",
                event="$pageview",
                timestamp=DAY,
                properties={"$current_url": "https://example.com"},
            ),
            record("events", id="f", distinct_id="user-7", event="$autocapture", timestamp=DAY, properties={}),
        ],
        {
            "persons": props("id", distinct_ids=LIST, properties=OBJECT),
            "events": props("id", "distinct_id", "event", "timestamp", properties=OBJECT),
        },
        {"data_attributes": [{"name": "plan", "data_type": "string"}]},
    )
    assert [{"external_id": "user-7", "name": "Ada", "plan": "pro"}] == people(result)
    assert [("Page viewed", T0, {"url": "https://example.com"})] == happened(result)


def test_recipe_of_segments_form() -> None:
    """A name of an event is the text of it, and an address that is there is kept."""
    rows = [
        record("identifies", user_id="7", email="new@example.com", name="Ada", plan="pro", received_at=DAY),
        record("tracks", user_id="7", event="trial_started", event_text="Trial Started", timestamp=DAY),
        record("tracks", user_id="7", event="other", event_text="Other", timestamp=DAY),
    ]
    schemas = {
        "identifies": props("user_id", "email", "name", "plan", "received_at"),
        "tracks": props("user_id", "event", "event_text", "timestamp"),
    }
    result = run("Exports in Segment's form", rows, schemas, {"contacts": [{"external_id": "7", "email": ADA}]})
    assert [{"external_id": "7", "email": ADA, "name": "Ada", "plan": "pro"}] == people(result)
    assert [("Trial Started", T0, {})] == happened(result)


def test_recipe_of_addresses_in_a_list() -> None:
    """The primary one, or else the first."""
    rows = [
        record("people", emails=[{"email": "old@example.com"}, {"email": ADA, "primary": True}]),
        record("people", emails=[{"email": "b@example.com"}]),
        record("people", emails=[]),
    ]
    result = run("A list of e-mail addresses inside a list", rows, {"people": {"properties": {"emails": LIST}}})
    assert [(ADA, f"old@example.com, {ADA}"), ("b@example.com", "b@example.com")] == [
        (each["email"], each["all addresses"]) for each in people(result)
    ]


def test_recipe_of_segments() -> None:
    """Who is in a segment bears its tag, and who has left one does not; no other tag is touched."""
    old = [{"name": "Segment: Trial"}, {"name": "Support: gold"}]
    seed = {
        "contacts": [{"external_id": each, "email": f"{each}@example.com", "tags": old} for each in ("7", "8", "9")]
    }
    result = run(
        "Segments and cohorts of a warehouse",
        [
            record("people", id=7, email="7@example.com", segments=["VIP", "Trial"]),
            record("people", id=8, email="8@example.com", segments=[]),
            record("people", id=9, email="9@example.com", segments=None),
        ],
        {"people": props("email", id=INTEGER, segments=LIST)},
        seed,
    )
    names = {each["id"]: each["name"] for each in result.contents["tags"]}
    assert [
        ["Segment: Trial", "Segment: VIP", "Support: gold"],
        ["Support: gold"],
        ["Segment: Trial", "Support: gold"],
    ] == [sorted(names[tag["id"]] for tag in each["tags"]["data"]) for each in result.contents["contacts"]]


def test_recipe_of_two_workspaces() -> None:
    """Leads are filtered, and attributes that the other workspace lacks are left out."""
    contact = {
        "external_id": "7",
        "role": "user",
        "email": ADA,
        "name": "Ada",
        "signed_up_at": T0,
        "unsubscribed_from_emails": False,
        "custom_attributes": {"plan": "pro", "other": "x"},
    }
    schema = props(
        "external_id",
        "role",
        "email",
        "name",
        "phone",
        signed_up_at=INTEGER,
        unsubscribed_from_emails=BOOLEAN,
        custom_attributes=OBJECT,
    )
    rows = [record("contacts", **contact), record("contacts", **{**contact, "role": "lead", "external_id": "8"})]
    title = "From one Intercom workspace into another"
    result = run(title, rows, {"contacts": schema}, {"data_attributes": [{"name": "plan", "data_type": "string"}]})
    assert [{"external_id": "7", "email": ADA, "name": "Ada", "signed_up_at": T0, "plan": "pro"}] == people(result)


def test_each_recipe_has_its_test() -> None:
    """A section that is added is run, too."""
    tested = set(
        re.findall(
            r"^    title = \"(.+)\"$|run\(\s*\"(.+?)\",", pathlib.Path(__file__).read_text("utf-8"), re.MULTILINE
        )
    )
    assert {title for title, found in recipes().items() if found} == {one or other for one, other in tested}


def test_command_of_the_page_makes_what_airbytes_api_takes() -> None:
    """Airbyte wants a name, two ids and the configuration."""
    (command,) = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert "workspaceId: $workspace, definitionId: $definition, configuration: ." in command
    assert "/api/public/v1/destinations" in command
