"""The configuration: what is taken, what is refused, and that no message holds what the user typed."""

import json
import re
from typing import Any

import pytest
from pydantic import ValidationError

from destination_intercom.configuration.config import (
    DEFAULT_EVENT_STREAM,
    REGION_HOSTS,
    Config,
    UsersEnabled,
    parse_config,
)
from destination_intercom.errors import ConfigurationError
from unit_tests.strategies import base_config

CANARY = "canaryValue"
EVENTS: dict[str, Any] = {"mode": "enabled", "selected_events": ["*"]}
USERS: dict[str, Any] = {"mode": "enabled", "streams": [{"stream": "users"}]}
STREAM: dict[str, Any] = {"stream": "s", "event_name_property": "name", "created_at_property": "at"}


def _events(**fields: Any) -> dict[str, Any]:
    return base_config(events={**EVENTS, **fields})


def _stream(**fields: Any) -> dict[str, Any]:
    return _events(streams=[{**STREAM, **fields}])


def _users(**fields: Any) -> dict[str, Any]:
    return base_config(users={**USERS, **fields})


def _companies(**fields: Any) -> dict[str, Any]:
    streams = [{"stream": "s", "company_id_property": "id"}]
    return base_config(companies={"mode": "enabled", "streams": streams, **fields})


def _filters(operator: str, *values: Any) -> dict[str, Any]:
    return _events(filters=[{"property": "p", "operator": operator, "values": list(values)}])


def _refusal(document: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        parse_config(document)
    return caught.value.message


def test_config_with_the_least_has_the_promised_defaults() -> None:
    """What the form does not say is what the design's table says."""
    config = parse_config(_events())
    assert config.base_url == "https://api.intercom.io"
    assert ("user_id", "external_id", "filter") == (
        config.identity.path,
        config.identity.intercom_field,
        config.identity.missing,
    )
    assert config.events.mode == "enabled"
    assert ["[Intercom]*", "$identify", "$groupidentify"] == config.events.excluded_events
    assert config.events.entries == [DEFAULT_EVENT_STREAM]
    assert ("events", "event_type", "event_time") == (
        DEFAULT_EVENT_STREAM.stream,
        DEFAULT_EVENT_STREAM.event_name_property,
        DEFAULT_EVENT_STREAM.created_at_property,
    )
    assert (config.events.unknown_users, config.events.not_before) == ("reject", None)
    assert config.users.mode == "disabled"
    assert (None, 64, 1000, False) == (
        config.delivery.max_calls_per_minute,
        config.delivery.concurrency,
        config.delivery.stop_after_rejected,
        config.delivery.dry_run,
    )


def test_config_of_users_alone_has_the_promised_defaults() -> None:
    """Users need a stream only; then nothing but the identity is written."""
    config = parse_config(_users())
    assert config.events.mode == "disabled"
    assert config.users.mode == "enabled"
    assert ([], [], "fail", "ignore") == (
        config.users.attributes,
        config.users.filters,
        config.users.missing_attributes,
        config.users.null_values,
    )
    assert ("upsert", "user", "skip", "reject", "adopt") == (
        config.users.write_mode,
        config.users.create_as,
        config.users.unchanged_contacts,
        config.users.archived_contacts,
        config.users.email_match,
    )


def _leads(identity: str, *, streams: Any = (), events: Any = None) -> dict[str, Any]:
    """Whoever is new becomes a lead."""
    users = {**USERS, "create_as": "lead", "streams": [{"stream": "s"}, *streams]}
    sections = {} if events is None else {"events": {**EVENTS, **events}}
    return base_config(identity={"intercom_field": identity}, users=users, **sections)


@pytest.mark.parametrize(
    "document",
    [
        _leads("email"),
        _leads("email", streams=[{"stream": "t", "intercom_field": "email"}]),
        _leads("external_id", streams=[])
        | {"users": {**USERS, "create_as": "lead", "streams": [{"stream": "s", "intercom_field": "email"}]}},
        _leads("email", events={"streams": [{**STREAM, "intercom_field": "external_id"}]}),
        _leads("email", events={"unknown_users": "create"}),
    ],
)
def test_config_of_leads_where_people_are_known_by_their_address_is_taken(document: dict[str, Any]) -> None:
    """Events that create nobody may name people otherwise."""
    config = parse_config(document)
    assert config.users.mode == "enabled"
    assert "lead" == config.users.create_as


@pytest.mark.parametrize(
    ("document", "entry"),
    [
        (_leads("external_id"), 'users.streams, entry 1 ("s")'),
        (_leads("email", streams=[{"stream": "t", "intercom_field": "external_id"}]), 'users.streams, entry 2 ("t")'),
        (
            _leads(
                "email",
                events={"streams": [STREAM, {**STREAM, "intercom_field": "external_id"}], "unknown_users": "create"},
            ),
            "events.streams, entry 2",
        ),
    ],
)
def test_config_of_leads_where_somebody_is_known_by_a_user_id_is_refused(document: dict[str, Any], entry: str) -> None:
    """Intercom makes up a lead's own one, under which nobody would be found again."""
    told = _refusal(document)
    assert entry in told
    assert "set intercom_field to email, or users.create_as to user" in told


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("write_mode", ["upsert", "update_only", "create_only"]),
        ("missing_attributes", ["fail", "create", "skip"]),
        ("unchanged_contacts", ["skip", "send"]),
        ("archived_contacts", ["reject", "unarchive"]),
        ("email_match", ["adopt", "reject"]),
    ],
)
def test_config_of_each_choice_about_contacts_is_taken(name: str, values: list[str]) -> None:
    """What the form offers can be chosen."""
    chosen = [getattr(parse_config(_users(**{name: value})).users, name) for value in values]
    assert values == chosen


@pytest.mark.parametrize("region", REGION_HOSTS)
def test_config_of_each_region_calls_its_host(region: str) -> None:
    """The hosts are those of Intercom's API description."""
    expected = {"us": "https://api.intercom.io", "eu": "https://api.eu.intercom.io", "au": "https://api.au.intercom.io"}
    assert expected[region] == parse_config({**_events(), "api_endpoint": region}).base_url


@pytest.mark.parametrize(
    "url",
    [
        "https://proxy.example.com",
        "https://proxy.example.com:8443/intercom/",
        "http://127.0.0.1:8080",
        "http://localhost",
        "http://[::1]:9/",
    ],
)
def test_config_with_a_base_url_that_is_safe_calls_it(url: str) -> None:
    """Https anywhere, http on a loopback address only; it wins over the region."""
    assert url.rstrip("/") == parse_config({**_events(), "api_endpoint": "eu", "api_base_url": url}).base_url


@pytest.mark.parametrize(
    "url",
    [
        f"http://{CANARY}.example.com",
        f"http://localhost.{CANARY}.com",
        f"ftp://{CANARY}",
        f"{CANARY}",
        "https://",
        f"https://{CANARY}:secret@proxy.example.com",
        f"http://{CANARY}@localhost",
        f"https://proxy.example.com/?{CANARY}=1",
        "https://proxy.example.com/?",
        f"https://proxy.example.com/#{CANARY}",
        f"https://proxy.example.com:{CANARY}",
        f"HTTPS://{CANARY}.example.com",
        f"HTTP://localhost/{CANARY}",
        "https://proxy.example.com:99999",
        "https://proxy.example.com:0",
        f"https://[{CANARY}",
        f"https://{CANARY}℀.example.com",
        f"https://proxy.example.com/{CANARY}\nHost: x",
        f"https://proxy .example.com/{CANARY}",
    ],
)
def test_config_with_a_base_url_that_is_not_safe_is_refused_without_quoting_it(url: str) -> None:
    """The token goes to no unencrypted host, and the message shows no part of the address."""
    message = _refusal({**_events(), "api_base_url": url})
    assert "api_base_url" in message
    assert CANARY not in message


@pytest.mark.parametrize("identity", [{}, None, "", {"property": "", "intercom_field": None, "missing": ""}])
def test_config_with_fields_that_the_form_emptied_takes_them_as_absent(identity: object) -> None:
    """Airbyte's form leaves null or "" behind in a field that was emptied."""
    assert parse_config(_events()) == parse_config({**_events(), "identity": identity})


def test_config_with_every_optional_field_emptied_is_the_one_without_them() -> None:
    """Null and "" count as absent at every level."""
    for blank in (None, ""):
        document = {
            "access_token": "test-token",
            "api_endpoint": blank,
            "api_base_url": blank,
            "identity": blank,
            "events": {
                **EVENTS,
                "not_before": blank,
                "excluded_events": blank,
                "filters": blank,
                "metadata": [{"property": "p", "name": blank}],
                "unknown_users": blank,
                "streams": [{**STREAM, "namespace": blank, "event_name": blank, "metadata": blank, "filters": blank}],
            },
            "users": blank,
            "delivery": {"max_calls_per_minute": blank, "concurrency": blank, "stop_after_rejected": blank},
        }
        assert parse_config(_events(metadata=[{"property": "p"}], streams=[STREAM])) == parse_config(document)


def test_config_with_an_empty_list_of_exclusions_excludes_nothing() -> None:
    """An empty list is what the user wants; an absent one is the default."""
    config = parse_config(_events(excluded_events=[]))
    assert config.events.mode == "enabled"
    assert config.events.excluded_events == []


def test_config_with_an_empty_list_of_a_streams_own_takes_it_as_absent() -> None:
    """Airbyte's form leaves an empty list behind wherever it has shown one: the list for all streams holds."""
    emptied = _stream(metadata=[]) | {"users": {**USERS, "streams": [{"stream": "users", "attributes": []}]}}
    assert parse_config(_stream() | {"users": USERS}) == parse_config(emptied)


EMPTY: tuple[Any, ...] = ({}, None, "", {"mode": None}, {"mode": "", "streams": None, "filters": ""})


@pytest.mark.parametrize("empty", EMPTY)
@pytest.mark.parametrize(("section", "whole"), [("users", _events()), ("events", _users())])
def test_config_with_an_empty_section_is_the_one_without_it(section: str, whole: dict[str, Any], empty: Any) -> None:
    """Airbyte's form sends {} for a section that nobody filled in: it is disabled."""
    assert parse_config(whole) == parse_config({**whole, section: empty})


def test_config_with_every_section_empty_but_one_is_the_one_with_their_defaults() -> None:
    """What holds of one section holds of all."""
    empty = {"identity": {}, "users": {}, "delivery": {}, "object_storage_config": {"storage_type": None}}
    assert parse_config(_events()) == parse_config({**_events(), **empty})


def test_config_with_leftovers_beside_disabled_drops_them() -> None:
    """What was filled in before the section was disabled means nothing, whatever it is."""
    leftovers = {"mode": "disabled", "streams": [5], "attributes": [{"property": "role"}], "stremas": CANARY}
    assert parse_config(_events()) == parse_config({**_events(), "users": leftovers})
    assert parse_config(_users()) == parse_config({**_users(), "events": {**leftovers, "selected_events": "*"}})


def test_config_with_fields_and_no_mode_is_refused() -> None:
    """Nobody can tell whether they are to count."""
    message = _refusal({**_events(), "users": {"streams": [{"stream": "users"}]}})
    assert 'users.mode: must be "enabled" or "disabled"' in message


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"events": EVENTS}, "access_token: this field is required"),
        ({**_events(), "access_token": ""}, "access_token: this field is required"),
        ({**_events(), "access_token": " \n"}, "access_token is empty"),
        ({**_events(), "access_token": f"Bearer {CANARY}"}, "access_token"),
        ({**_events(), "access_token": f"{CANARY}é"}, "access_token"),
        ({**_events(), "access_token": f"{CANARY}\r\nX"}, "access_token"),
        ({**_events(), "access_token": 5}, "access_token"),
        ({**_events(), "access_token": [CANARY]}, "access_token"),
        ({**_events(), "api_endpoint": CANARY}, "api_endpoint: Input should be 'us', 'eu' or 'au'"),
        ({**_events(), "api_endpoint": "US"}, "api_endpoint"),
        ({**_events(), "dry_run": CANARY}, "dry_run: there is no such field"),
        ({**_events(), "object_storage": CANARY}, "object_storage: there is no such field"),
        ({**_events(), "enabled": CANARY}, "enabled: there is no such field"),
        (base_config(), "events, users and companies are all disabled"),
        (base_config(events={"mode": "disabled"}, users={"mode": "disabled"}), "users and companies are all disabled"),
        ({**_events(), "identity": CANARY}, "identity: must be an object"),
        ({**_events(), "identity": {"property": 5}}, "identity.property"),
        ({**_events(), "identity": {"property": " "}}, "identity.property"),
        ({**_events(), "identity": {"path": CANARY}}, "identity.path: there is no such field"),
        ({**_events(), "identity": {"intercom_field": CANARY}}, "identity.intercom_field"),
        ({**_events(), "identity": {"missing": CANARY}}, "identity.missing"),
        (base_config(events={}), "events, users and companies are all disabled"),
        (base_config(events={"mode": CANARY}), 'events.mode: must be "enabled" or "disabled"'),
        (base_config(events={"mode": [CANARY]}), "events"),
        (base_config(events=CANARY), "events"),
        (base_config(users=[CANARY]), "users"),
        (base_config(companies={"mode": CANARY}), 'companies.mode: must be "enabled" or "disabled"'),
        (base_config(companies={"mode": "enabled"}), "companies: streams is empty: name the streams whose records are"),
        (_companies(streams=[{"stream": "s"}]), "company_id_property: this field is required"),
        (
            _companies(streams=[{"stream": "s", "company_id_property": "a.*"}]),
            "a property that ends in * stands for many",
        ),
        (_companies(attributes=[{"property": "created_at"}]), 'set "attribute" to remote_created_at'),
        (_companies(attributes=[{"property": "id"}]), "see company_id_property"),
        (_companies(attributes=[{"property": "user_count"}]), "of a company is Intercom's own"),
        (_companies(attributes=[{"property": "name", "overwrite": "always"}]), "overwrite: there is no such field"),
        (_companies(attributes=[{"property": "a.*", "type": "string"}]), 'members of * have no "type"'),
        (
            _companies(attributes=[{"property": "name"}, {"property": "b.name"}]),
            'companies.attributes, entry 2 has the same name as entry 1: set "attribute"',
        ),
        (_companies(attributes=[{"property": "{{ record.a }}"}]), 'a template needs a name: set "attribute"'),
        (_companies(attributes_text="plan\ncreated_at"), 'companies.attributes_text, line 2 ("created_at"): the field'),
        (
            _companies(attributes=[{"property": "plan"}], attributes_text="plan = tier"),
            'line 1 ("tier") has the same name as companies.attributes, entry 1',
        ),
        (_companies(unchanged_contacts="send"), "companies.unchanged_contacts: there is no such field"),
        (_users(member_of=[{"property": " "}]), "users.member_of, entry 1"),
        (_users(member_of=[{"property": "a.*"}]), "stands for many"),
        (_users(member_of=[{"property": "{{ record.get('a') }}"}]), "write record.a"),
        (_users(member_of="account_id"), "users.member_of"),
        (_users(tags=[{"property": "a.*"}]), "users.tags, entry 1"),
        (_users(tags=[{"property": "a", "prefix": " "}]), "users.tags, entry 1"),
        (_users(tags=[{"property": "a", "mode": CANARY}]), "mode: Input should be 'add' or 'replace'"),
        (_users(tags=[{"property": "a", "mode": "replace"}]), "mode replace needs a prefix"),
        (
            _users(tags=[{"property": "{{ record.a }}", "prefix": "S: ", "mode": "replace"}]),
            "only a property can take tags off",
        ),
        (base_config(events={"mode": "enabled"}), "selected_events is required"),
        (_events(selected_events=[]), "selected_events is required"),
        (_events(selected_events=CANARY), "events.selected_events"),
        (_events(selected_events=[5]), "events.selected_events, entry 1"),
        (_events(selected_events=["ok", " "]), "events.selected_events, entry 2"),
        (_events(selected_events=[f"{CANARY}{number}" for number in range(121)]), "121 event names"),
        (_events(enabled=CANARY), "events.enabled: there is no such field"),
        (_events(not_before=CANARY), "not_before must be a time such as"),
        (_events(not_before=20260101), "events.not_before"),
        (_events(unknown_users=CANARY), "events.unknown_users"),
        (_events(streams=[CANARY]), "events.streams, entry 1: must be an object"),
        (_events(streams=[{}]), "events.streams, entry 1, stream: this field is required"),
        (_stream(created_at_property=None), "events.streams, entry 1, created_at_property: this field is required"),
        (_stream(event_name=CANARY), "either event_name"),
        (_stream(event_name_property=None), "either event_name"),
        ({"event": {}, **base_config()}, 'event: there is no such field; did you mean "events"?'),
        (
            {**_events(), "delivery": {"dryrun": True}},
            'delivery.dryrun: there is no such field; did you mean "dry_run"?',
        ),
        (
            _users(attributes=[{"property": "a", "attribut": "b"}]),
            'users.attributes, entry 1, attribut: there is no such field; did you mean "attribute"?',
        ),
        (
            {**_events(), "object_storage_config": {"storage_type": "S3", "bucket_name": CANARY}},
            'object_storage_config.bucket_name: there is no such field; did you mean "s3_bucket_name"?',
        ),
        (_stream(contacts_api=CANARY), "events.streams, entry 1, contacts_api: there is no such field"),
        (_stream(metadata=[{"property": f"{CANARY}{number}"} for number in range(21)]), "20 metadata keys"),
        (_events(metadata=[{"property": f"{CANARY}{number}"} for number in range(21)]), "20 metadata keys"),
        (
            _events(metadata=[{"property": f"a.{CANARY}"}, {"property": f"b.{CANARY}"}]),
            "events.metadata, entry 2 has the same name as entry 1",
        ),
        (_events(metadata=[{"property": CANARY, "name": f"{CANARY}$"}]), 'metadata, entry 1: set a "name"'),
        (_stream(metadata=[{"property": f"ok.{CANARY}|"}]), 'metadata, entry 1: set a "name"'),
        (_events(metadata=[{"name": CANARY}]), "events.metadata, entry 1, property: this field is required"),
        (_filters(CANARY), "events.filters, entry 1, operator"),
        (_filters("is"), "is needs at least one value"),
        (_filters("contains"), "contains needs at least one value"),
        (_filters("is_set", CANARY), "is_set takes no values"),
        (_filters("is_not_set", CANARY), "is_not_set takes no values"),
        (_filters("greater_than"), "greater_than needs"),
        (_filters("greater_than", "1", "2"), "exactly one value"),
        (_filters("less_than", CANARY), "a number or a time"),
        (_filters("is", 5), "events.filters, entry 1, values, entry 1"),
        (_events(filters=[{"operator": "is_set"}]), "events.filters, entry 1, property: this field is required"),
        (base_config(users={"mode": "enabled"}), "name the streams whose records are users"),
        (_users(streams=[{"identity_property": CANARY}]), "users.streams, entry 1, stream: this field is required"),
        (_users(attributes=[CANARY]), "users.attributes, entry 1: must be an object"),
        (_users(attributes=[{"property": "p", "type": CANARY}]), "users.attributes, entry 1, type"),
        (_users(attributes=[{"property": "p", "type": "datetime"}]), "users.attributes, entry 1, type"),
        (
            _users(attributes=[{"property": f"a.{CANARY}"}, {"property": f"b.{CANARY}"}]),
            "users.attributes, entry 2 has the same name as entry 1",
        ),
        (
            _users(attributes=[{"property": "email_verified"}]),
            "users.attributes, entry 1: email_verified is written only together with",
        ),
        (
            _users(
                streams=[{"stream": "a", "intercom_field": "email"}, {"stream": "b"}],
                attributes=[{"property": "email_verified"}],
            ),
            "users.attributes, entry 1: email_verified is written only together with",
        ),
        (
            {
                **_users(
                    streams=[{"stream": "a"}, {"stream": "b", "intercom_field": "external_id"}],
                    attributes=[{"property": "email_verified"}],
                ),
                "identity": {"intercom_field": "email"},
            },
            "users.attributes, entry 1: email_verified is written only together with",
        ),
        (_users(streams=[{"stream": "a", "intercom_field": CANARY}]), "users.streams, entry 1, intercom_field"),
        (_users(attributes=[{"property": "p", "overwrite": CANARY}]), "users.attributes, entry 1, overwrite"),
        (
            _users(attributes=[{"property": "name", "overwrite": "only_true"}]),
            "users.attributes, entry 1: overwrite only_true is for properties that are true or false",
        ),
        (
            _users(attributes=[{"property": CANARY, "type": "string", "overwrite": "only_true"}]),
            "users.attributes, entry 1: overwrite only_true is for properties that are true or false",
        ),
        (
            _users(attributes=[{"property": "email"}, {"property": "email_verified", "overwrite": "if_empty"}]),
            "users.attributes, entry 2: overwrite if_empty does not work here",
        ),
        (
            _users(attributes=[{"property": "{{ record.a }}"}]),
            'users.attributes, entry 1: a template needs a name: set "attribute"',
        ),
        (_events(metadata=[{"property": "{{ record.a }}"}]), 'metadata, entry 1: a template needs a name: set "name"'),
        (
            _users(attributes=[{"property": "a.*", "attribute": "b"}]),
            'users.attributes, entry 1: "attribute" needs one *',
        ),
        (
            _users(attributes=[{"property": "a.*", "attribute": "b_**"}]),
            'users.attributes, entry 1: "attribute" needs one *',
        ),
        (
            _users(attributes=[{"property": "a", "attribute": "b_*"}]),
            'users.attributes, entry 1: "attribute" can contain a * only',
        ),
        (
            _users(attributes=[{"property": "a.*", "type": "string"}]),
            "users.attributes, entry 1: members of * have neither",
        ),
        (
            _users(attributes=[{"property": "*", "overwrite": "only_true"}]),
            "users.attributes, entry 1: members of * have",
        ),
        (
            _users(attributes=[{"property": "*"}, {"property": "*"}]),
            "users.attributes, entry 2 has the same name as entry 1",
        ),
        (_events(metadata=[{"property": "*", "type": "text"}]), "events.metadata, entry 1: members of * have no"),
        (_events(metadata=[{"property": "*", "name": "a.*"}]), 'events.metadata, entry 1: set a "name" without any of'),
        (
            {**_events(), "identity": {"property": "a.*"}},
            "identity.property: a property that ends in * stands for many",
        ),
        (_stream(created_at_property="*"), "created_at_property: a property that ends in * stands for many"),
        (_filters("is_set") | {"identity": {"property": "{{ a }}"}}, "identity.property: "),
        (_stream(event_name="{{ record.", event_name_property=None), "events.streams, entry 1, event_name: "),
        (
            _users(streams=[{"stream": "a", "attributes": [{"property": "role"}]}]),
            'users.streams, entry 1, attributes, entry 1: the field "role" of a contact is Intercom\'s own',
        ),
        (_users(streams=[{"stream": "a", "filters": [{}]}]), "users.streams, entry 1, filters, entry 1, property"),
        (_users(deleted_records=CANARY), "users.deleted_records"),
        (
            _users(streams=[{"stream": "a", "attributes": [{"property": "email_verified"}]}]),
            "users.streams, entry 1, attributes, entry 1: email_verified is written only together with an email",
        ),
        (_users(missing_attributes=CANARY), "users.missing_attributes"),
        (_users(null_values=CANARY), "users.null_values"),
        (_users(write_mode=CANARY), "users.write_mode"),
        (_users(create_as=CANARY), "users.create_as"),
        (_users(unchanged_contacts=CANARY), "users.unchanged_contacts"),
        (_users(archived_contacts=CANARY), "users.archived_contacts"),
        (_users(email_match=CANARY), "users.email_match"),
        ({**_events(), "delivery": {"concurrency": 0}}, "delivery.concurrency"),
        ({**_events(), "delivery": {"concurrency": 257}}, "delivery.concurrency"),
        ({**_events(), "delivery": {"concurrency": True}}, "delivery.concurrency"),
        ({**_events(), "delivery": {"concurrency": "64"}}, "delivery.concurrency"),
        ({**_events(), "delivery": {"max_calls_per_minute": 0}}, "delivery.max_calls_per_minute"),
        ({**_events(), "delivery": {"stop_after_rejected": -1}}, "delivery.stop_after_rejected"),
        ({**_events(), "delivery": {"max_deletions": -1}}, "delivery.max_deletions"),
        ({**_events(), "delivery": {"max_rejected_percent": -1}}, "delivery.max_rejected_percent"),
        ({**_events(), "delivery": {"max_rejected_percent": 100.1}}, "delivery.max_rejected_percent"),
        ({**_events(), "delivery": {"max_rejected_percent": True}}, "delivery.max_rejected_percent"),
        ({**_events(), "delivery": {"dry_run": "true"}}, "delivery.dry_run"),
        ({**_events(), "delivery": {"dry_run": 1}}, "delivery.dry_run"),
        ({**_events(), "delivery": {"contacts_api": CANARY}}, "delivery.contacts_api"),
        (None, "not a JSON object"),
        ([CANARY], "not a JSON object"),
        (CANARY, "not a JSON object"),
    ],
)
def test_config_that_breaks_a_rule_is_refused_by_field_and_cure_without_its_values(document: Any, said: str) -> None:
    """Each rule of the table says which field is wrong and what it may be, never what it was."""
    # An entry is named by the property that it is about.
    message = re.sub(r'(entry \d+) \("[^"]*"\)', r"\1", _refusal(document))
    assert said in message
    assert CANARY not in message


@pytest.mark.parametrize(
    "field", ["id", "external_id", "role", "type", "workspace_id", "created_at", "updated_at", "custom_attributes"]
)
def test_config_that_writes_a_field_of_intercoms_own_is_refused(field: str) -> None:
    """These are the identity's, or nobody's to write."""
    message = _refusal(_users(attributes=[{"property": "ok"}, {"property": "mine", "attribute": field}]))
    assert f'users.attributes, entry 2 ("mine"): the field "{field}" of a contact is ' in message
    assert ("signed_up_at" in message) == (field == "created_at")


def _breakages(node: Any) -> list[Any]:
    """Make each variant of a valid document in which one leaf is a value that it cannot be."""
    if isinstance(node, dict):
        return [{**node, key: bad} for key, value in node.items() for bad in _breakages(value)] + [
            {**node, "odd": CANARY}
        ]
    if isinstance(node, list):
        return [[*node[:at], bad, *node[at + 1 :]] for at, value in enumerate(node) for bad in _breakages(value)]
    return [{CANARY: CANARY}, [CANARY], 1.5, 10**30]


WHOLE = base_config(
    api_endpoint="us",
    api_base_url="https://proxy.example.com",
    identity={"property": "p", "intercom_field": "email", "missing": "reject"},
    events={
        **EVENTS,
        "streams": [{**STREAM, "namespace": "n", "identity_property": "i", "intercom_field": "email"}],
        "not_before": "2026-01-01T00:00:00Z",
        "filters": [{"property": "p", "operator": "is", "values": ["x"]}],
        "metadata": [{"property": "p", "name": "n"}],
        "unknown_users": "create",
        "excluded_events": ["y"],
    },
    users={
        **USERS,
        "streams": [{"stream": "users", "intercom_field": "external_id"}],
        "attributes": [{"property": "p", "attribute": "a", "type": "date"}],
        "attributes_text": "b: date = q",
        "write_mode": "update_only",
        "missing_attributes": "create",
        "null_values": "clear",
        "unchanged_contacts": "send",
        "archived_contacts": "unarchive",
        "email_match": "reject",
    },
    delivery={"concurrency": 8, "dry_run": True},
)


@pytest.mark.parametrize("document", _breakages(WHOLE), ids=lambda _: "broken")
def test_config_broken_at_any_one_place_is_refused_without_any_value(document: Any) -> None:
    """Whatever is wrong, the message holds neither the value nor the token."""
    secret = "tokenCanary"
    if document["access_token"] == "test-token":
        document = {**document, "access_token": secret}
    message = _refusal(document)
    assert not any(value in message for value in (CANARY, secret, "1000000000000", "proxy.example"))


def test_config_that_is_whole_is_taken() -> None:
    """The document that the test above breaks is valid itself."""
    assert parse_config(WHOLE).identity.missing == "reject"


def test_config_when_several_fields_are_wrong_names_them_all() -> None:
    """One look at the message is enough."""
    message = _refusal({"api_endpoint": CANARY, "events": EVENTS, "odd": 1})
    assert all(field in message for field in ("access_token", "api_endpoint", "odd"))


def test_config_with_a_bad_token_says_so_without_it() -> None:
    """The token is never quoted, not even a broken one."""
    assert CANARY not in _refusal({**_events(), "access_token": f"{CANARY} {CANARY}"})


def test_config_when_printed_hides_the_token() -> None:
    """A token is in no repr, str, dump or error."""
    config = parse_config({**_events(), "access_token": f" {CANARY}\n"})
    assert config.token == CANARY
    for text in (repr(config), str(config), f"{config}", str(config.model_dump()), config.model_dump_json()):
        assert CANARY not in text


def test_config_when_set_refuses_to_change() -> None:
    """A configuration is validated once, so nobody may change it afterwards."""
    config = parse_config(_events())
    with pytest.raises(ValueError, match="frozen"):
        setattr(config, "api_endpoint", "eu")  # noqa: B010 - mypy forbids it as an assignment


def test_config_while_parsed_leaves_the_document_alone() -> None:
    """Blanks are dropped from a copy."""
    document = {**WHOLE, "users": {**WHOLE["users"], "filters": None}}
    before = json.dumps(document)
    parse_config(document)
    assert before == json.dumps(document)


@pytest.mark.parametrize("count", [0, 120])
def test_config_with_at_most_120_exact_names_is_taken(count: int) -> None:
    """Prefixes are not counted: nobody knows how many names they are."""
    names = [f"name {number}" for number in range(count)]
    assert isinstance(parse_config(_events(selected_events=[*names, *(f"{name}*" for name in names), "*"])), Config)


def test_config_with_fixed_names_alone_needs_no_selection() -> None:
    """Selection never applies to a fixed event name."""
    stream = {"stream": "orders", "event_name": "ordered", "created_at_property": "at"}
    assert isinstance(parse_config(base_config(events={"mode": "enabled", "streams": [stream]})), Config)
    message = _refusal(base_config(events={"mode": "enabled", "streams": [stream, STREAM]}))
    assert "selected_events is required" in message


@pytest.mark.parametrize(("path", "expected"), [("plan", "plan"), ("a.b.plan", "plan")])
def test_config_of_a_target_without_a_name_takes_the_last_part_of_the_path(path: str, expected: str) -> None:
    """The default name is the last part."""
    config = parse_config(
        {**_events(metadata=[{"property": path}]), "users": {**USERS, "attributes": [{"property": path}]}}
    )
    assert config.events.mode == config.users.mode == "enabled"
    assert [expected, expected] == [config.events.metadata[0].key, config.users.attributes[0].target]


@pytest.mark.parametrize("operator", ["is_set", "is_not_set"])
@pytest.mark.parametrize("values", [[], [""], [" ", ""]])
def test_config_of_a_filter_for_presence_takes_the_empty_values_that_a_form_leaves(
    operator: str, values: list[str]
) -> None:
    """A list that was opened and left empty says nothing."""
    assert isinstance(parse_config(_filters(operator, *values)), Config)


@pytest.mark.parametrize("value", ["10", "-0.5", "2026-01-31", "2026-01-31T00:00:00Z"])
def test_config_of_a_bound_that_is_a_number_or_a_time_is_taken(value: str) -> None:
    """greater_than and less_than compare numbers or times."""
    assert isinstance(parse_config(_filters("greater_than", value)), Config)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"property": "plan"}, "always"),
        ({"property": "name"}, "always"),
        ({"property": "unsubscribed_from_emails"}, "only_true"),
        ({"property": "out", "attribute": "unsubscribed_from_emails"}, "only_true"),
        ({"property": "unsubscribed_from_emails", "overwrite": "always"}, "always"),
        ({"property": "vip", "overwrite": "only_true"}, "only_true"),
        ({"property": "vip", "type": "boolean", "overwrite": "only_true"}, "only_true"),
        ({"property": "email", "overwrite": "if_empty"}, "if_empty"),
    ],
)
def test_config_of_an_attribute_says_when_it_is_overwritten(entry: dict[str, str], expected: str) -> None:
    """What the user says; else always, but for an opt-out."""
    config = parse_config(_users(attributes=[entry]))
    assert isinstance(config.users, UsersEnabled)
    assert expected == config.users.attributes[0].overwrites


@pytest.mark.parametrize(
    ("field", "attributes"),
    [("email", ["email_verified"]), ("external_id", ["email", "email_verified"])],
)
def test_config_of_email_verified_beside_an_email_is_taken(field: str, attributes: list[str]) -> None:
    """The e-mail is a selected property, or the identity itself, of each stream."""
    document = _users(attributes=[{"property": name} for name in attributes])
    assert isinstance(parse_config({**document, "identity": {"intercom_field": field}}), Config)
    own = _users(
        streams=[{"stream": each, "intercom_field": field} for each in "ab"],
        attributes=[{"property": name} for name in attributes],
    )
    assert isinstance(parse_config(own), Config)


def test_config_whose_own_error_is_printed_shows_no_input() -> None:
    """Even an error that nobody translated quotes nothing."""
    with pytest.raises(ValidationError) as caught:
        Config.model_validate({**_events(), "api_endpoint": CANARY, "access_token": [CANARY]})
    assert CANARY not in str(caught.value)


def test_config_that_is_wrong_deep_inside_names_each_entry_as_the_form_shows_it() -> None:
    """Counted from one, with the stream or the property that it is about; a long or unprintable name is made short."""
    streams = [
        {"stream": "users"},
        {"stream": "subs", "attributes": [{"property": "p"}, {"property": "mrr", "type": 5}]},
    ]
    message = _refusal(_users(streams=streams))
    assert 'users.streams, entry 2 ("subs"), attributes, entry 2 ("mrr"), type: Input should be' in message
    message = _refusal(_users(attributes=[{"property": f"a\n{'b' * 100}", "type": 5}]))
    assert f'users.attributes, entry 1 ("a{"b" * 59}…"), type: ' in message
