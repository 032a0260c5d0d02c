"""The configuration and the catalog, compiled: which rules a stream gets, and what cannot work is said beforehand."""

import functools
from typing import Any

import pytest

from destination_intercom.airbyte.catalog import CatalogStream
from destination_intercom.configuration.config import parse_config
from destination_intercom.configuration.plan import Plan, StreamPlan, compile_plan
from destination_intercom.contacts.rules import UserRule
from destination_intercom.errors import ConfigurationError, StreamName
from destination_intercom.events.mapping import EventPayload
from destination_intercom.events.rules import EventRule
from destination_intercom.kinds import KindParts, make_kinds
from unit_tests.strategies import base_config, catalog_stream
from unit_tests.task_bench import no_look_up

RECORD: dict[str, Any] = {"id": "7", "other": "8", "name": "n", "at": 1_700_000_000, "a": "A", "b": "B"}


def _stream(name: str, namespace: str | None = None, *, overwrite: bool = False, **properties: Any) -> CatalogStream:
    return CatalogStream(StreamName(name, namespace), {"properties": properties}, overwrite)


def _compile(*catalog: CatalogStream, users: Any = None, events: Any = None, **events_fields: Any) -> Plan:
    document = base_config(identity={"property": "id"})
    if users is not None:
        document["users"] = {"mode": "enabled", **users}
    if events is not None:
        entries = [{"created_at_property": "at", **entry} for entry in events]
        document["events"] = {"mode": "enabled", "selected_events": ["*"], "streams": entries, **events_fields}
    config = parse_config(document)
    return compile_plan(config, catalog, make_kinds(KindParts(config, lambda: 0.0, no_look_up)))


def _refusal(*catalog: CatalogStream, **config: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        _compile(*catalog, **config)
    return caught.value.message


def _plan_of(plan: Plan, name: str, namespace: str | None = None) -> StreamPlan:
    found = plan.of(name, namespace)
    assert found is not None
    return found


def _rules(plan: StreamPlan, kind: str) -> list[Any]:
    """The compiled rules of one kind: what the maps of its parts were given."""
    rules = []
    for part in plan.parts:
        if part.kind == kind:
            assert isinstance(part.map_record, functools.partial)
            rules.append(part.map_record.args[0])
    return rules


def _users(plan: StreamPlan) -> list[UserRule]:
    return _rules(plan, "contacts")


def _events(plan: StreamPlan) -> list[EventRule]:
    return _rules(plan, "events")


def _events_of(plan: StreamPlan, record: dict[str, Any]) -> list[EventPayload]:
    payloads = [part.map_record(record) for part in plan.parts if part.kind == "events"]
    assert all(isinstance(payload, EventPayload) for payload in payloads)
    return [payload for payload in payloads if isinstance(payload, EventPayload)]


def test_plan_of_a_stream_listed_several_times_has_a_rule_for_each_in_order() -> None:
    """Each record is then several events, with names, filters and metadata of their own."""
    entries: list[dict[str, Any]] = [
        {"stream": "s", "event_name": "first", "metadata": [{"property": "b"}, {"property": "a"}]},
        {"stream": "s", "event_name_property": "name", "identity_property": "other"},
        {"stream": "s", "event_name": "last", "metadata": []},
    ]
    plan = _compile(catalog_stream(), events=entries, metadata=[{"property": "a", "name": "global"}])
    events = _events_of(_plan_of(plan, "s"), RECORD)
    assert [("first", "7"), ("n", "8"), ("last", "7")] == [(event.name, event.key.value) for event in events]
    assert [["b", "a"], ["global"], ["global"]] == [list(event.metadata) for event in events]


def test_plan_of_a_stream_in_both_lists_has_contacts_and_events() -> None:
    """Amplitude's users live in its events."""
    entries = [{"stream": "s", "event_name": "e"}]
    plan = _plan_of(_compile(catalog_stream(), users={"streams": [{"stream": "s"}]}, events=entries), "s")
    assert (1, 1) == (len(_users(plan)), len(_events(plan)))


def test_plan_of_a_users_list_that_names_a_stream_twice_has_two_rules() -> None:
    """A record may be about two people."""
    users = {"streams": [{"stream": "s"}, {"stream": "s", "identity_property": "other"}]}
    rules = _users(_plan_of(_compile(catalog_stream(), users=users), "s"))
    assert ["7", "8"] == [rule.identity.read(RECORD) for rule in rules]


def test_plan_of_an_entry_with_its_own_intercom_field_names_people_by_it() -> None:
    """One stream knows people by their User ID, another one by their address; the rest is as the ID Mapping says."""
    users = {"streams": [{"stream": "s", "intercom_field": "email"}, {"stream": "s"}]}
    entries = [{"stream": "s", "event_name": "e", "intercom_field": "email"}, {"stream": "s", "event_name": "f"}]
    plan = _plan_of(_compile(catalog_stream(), users=users, events=entries), "s")
    fields = [[rule.identity.field for rule in rules] for rules in (_users(plan), _events(plan))]
    assert [["email", "external_id"]] * 2 == fields


def test_plan_of_filters_applies_the_global_ones_and_the_streams_own() -> None:
    """A stream's filters are added to the global ones; users have theirs."""
    set_a, set_b = ({"property": name, "operator": "is_set"} for name in "ab")
    plan = _compile(
        catalog_stream(),
        users={"streams": [{"stream": "s"}]},
        events=[{"stream": "s", "event_name": "e", "filters": [set_b]}, {"stream": "s", "event_name": "f"}],
        filters=[set_a],
    )
    rules = _plan_of(plan, "s")
    conditions = [rule.holds for rule in _events(rules)] + [rule.holds for rule in _users(rules)]
    answers = [[holds({"b": 1}) for holds in held] for held in conditions]
    assert [[False, True], [False], []] == answers


def test_plan_for_a_listed_stream_that_the_catalog_lacks_is_no_error() -> None:
    """A connection may select fewer streams."""
    plan = _compile(catalog_stream(), users={"streams": [{"stream": "s"}, {"stream": "absent"}]})
    assert [StreamName("s")] == list(plan.streams)
    assert plan.of("absent", None) is None


def test_plan_for_an_unlisted_stream_is_refused_with_the_catalogs_names() -> None:
    """The message prints the names as the destination sees them."""
    message = _refusal(_stream("s"), _stream("prefix_Extra", "public"), users={"streams": [{"stream": "s"}]})
    assert 'The stream "public.prefix_Extra" is not in any list' in message
    assert "s, public.prefix_Extra" in message


def test_plan_for_several_unlisted_streams_names_each() -> None:
    """One look at the message is enough."""
    message = _refusal(_stream("s"), _stream("x"), _stream("y"), users={"streams": [{"stream": "s"}]})
    assert all(f'The stream "{name}" is not in any list' in message for name in "xy")


def test_plan_for_streams_whose_prefix_was_forgotten_says_so_once() -> None:
    """A connection that gives its streams a prefix gives it to all of them."""
    streams = [_stream("prod_users"), _stream("prod_orders"), _stream("prod_new_users")]
    message = _refusal(*streams, users={"streams": [{"stream": name} for name in ("users", "orders", "new_users")]})
    assert message.startswith('The connection adds the prefix "prod_" to its streams, but the configuration does not')
    assert "prod_users, prod_orders, prod_new_users" in message
    assert "is not in any list" not in message


def test_plan_for_streams_of_which_only_one_ends_in_a_listed_name_names_each() -> None:
    """What they have in common is no prefix then."""
    message = _refusal(_stream("prod_users"), _stream("other"), users={"streams": [{"stream": "users"}]})
    assert 2 == message.count("is not in any list")


def test_plan_for_an_unlisted_stream_with_overwrite_waits_for_its_first_record() -> None:
    """The platform's "Clear data" sends it empty, and may not fail."""
    plan = _compile(_stream("s", overwrite=True), _stream("u"), users={"streams": [{"stream": "u"}]})
    refusal = _plan_of(plan, "s").refuse_records
    assert refusal is not None
    assert 'The stream "s" is not in any list' in refusal
    assert _plan_of(plan, "u").refuse_records is None


def test_plan_with_overwrite_warns_that_nothing_is_deleted() -> None:
    """It is accepted, and is not what the word says."""
    streams = [_stream("s", overwrite=True), _stream("t")]
    warnings = _compile(*streams, users={"streams": [{"stream": "s"}, {"stream": "t"}]}).warnings
    assert len(warnings) == 1
    assert "overwrite (s)" in warnings[0]
    assert "nothing is deleted" in warnings[0]


def test_plan_of_streams_that_share_a_name_asks_for_the_namespace() -> None:
    """It is never guessed which of the two is meant."""
    message = _refusal(_stream("s", "a"), _stream("s", "b"), users={"streams": [{"stream": "s"}]})
    assert message == 'Two streams of the connection are named "s": set "namespace" in the lists of streams.'


def test_plan_of_streams_that_share_a_name_gives_each_its_own_entry() -> None:
    """The namespace tells which stream is meant, and which one a record is of."""
    users = {
        "streams": [
            {"stream": "s", "namespace": "a", "identity_property": "id"},
            {"stream": "s", "namespace": "b", "identity_property": "other"},
        ]
    }
    plan = _compile(_stream("s", "a"), _stream("s", "b"), users=users)
    found = [[rule.identity.read(RECORD) for rule in _users(_plan_of(plan, "s", namespace))] for namespace in "ab"]
    assert [["7"], ["8"]] == found
    assert plan.of("s", None) is None
    assert plan.of("s", "c") is None


def test_plan_of_three_streams_that_share_a_name_never_guesses() -> None:
    """A record that does not say its namespace is of none of them."""
    users = {"streams": [{"stream": "s", "namespace": namespace} for namespace in "abc"]}
    assert _compile(*(_stream("s", namespace) for namespace in "abc"), users=users).of("s", None) is None


@pytest.mark.parametrize(("declared", "told"), [("a", None), ("a", ""), (None, "a"), (None, ""), (None, None)])
def test_plan_of_a_name_where_one_side_has_no_namespace_is_found(declared: str | None, told: str | None) -> None:
    """Some sources write the namespace in the catalog only, or in the records only; an empty one is none."""
    plan = _compile(_stream("s", declared), users={"streams": [{"stream": "s"}]})
    assert StreamName("s", declared) == _plan_of(plan, "s", told).stream
    assert StreamName("s", declared) == plan.resolve(StreamName("s", told))


def test_plan_of_a_name_in_another_namespace_is_not_found() -> None:
    """A record of b.s is none of a.s, though no other stream has the name."""
    plan = _compile(_stream("s", "a"), users={"streams": [{"stream": "s"}]})
    assert plan.of("s", "b") is None
    assert StreamName("s", "b") == plan.resolve(StreamName("s", "b"))


def test_plan_of_an_entry_with_another_namespace_does_not_name_the_stream() -> None:
    """An entry for public.s says nothing of s."""
    message = _refusal(_stream("s"), users={"streams": [{"stream": "s", "namespace": "public"}]})
    assert "is not in any list" in message


PROPERTIES: dict[str, Any] = {name: {"type": "string"} for name in ("user_id", "event_type", "event_time", "buyer_id")}


@pytest.mark.parametrize(
    ("entry", "field", "path", "near"),
    [
        ({"identity_property": "buyerid"}, "identity_property", "buyerid", "buyer_id"),
        ({"event_name_property": "event_typ"}, "event_name_property", "event_typ", "event_type"),
        ({"created_at_property": "event_tim"}, "created_at_property", "event_tim", "event_time"),
    ],
)
def test_plan_of_an_undeclared_path_that_every_record_needs_is_refused_with_near_names(
    entry: dict[str, Any], field: str, path: str, near: str
) -> None:
    """An identity, name or time that the schema lacks can never work."""
    whole = {"stream": "s", "identity_property": "user_id", "event_name_property": "event_type"}
    message = _refusal(_stream("s", **PROPERTIES), events=[{**whole, "created_at_property": "event_time", **entry}])
    assert f'{field}: the stream "s" has no property "{path}". Did you mean "{near}"' in message


def test_plan_of_an_undeclared_common_identity_names_its_field() -> None:
    """The field to change is the one of the ID Mapping."""
    message = _refusal(_stream("s", **PROPERTIES), users={"streams": [{"stream": "s"}]})
    assert 'identity.property: the stream "s" has no property "id".' in message


@pytest.mark.parametrize("field", ["identity_property", "event_name_property", "created_at_property"])
def test_plan_of_an_undeclared_path_where_the_schema_allows_further_ones_is_a_warning(field: str) -> None:
    """The source may send what its schema does not name."""
    entry = {"identity_property": "user_id", "event_name_property": "event_type", "created_at_property": "event_time"}
    schema = {"properties": PROPERTIES, "additionalProperties": True}
    stream = CatalogStream(StreamName("s"), schema, overwrite=False)
    plan = _compile(stream, events=[{"stream": "s", **entry, field: "buyerid"}])
    (warning,) = plan.warnings
    place, _, text = warning.partition(": ")
    assert f'events.streams, entry 1 ("s"), {field}' == place
    assert 'the stream "s" has no property "buyerid". Did you mean "buyer_id" or "user_id"?' == text


def test_plan_of_a_path_that_the_schema_has_in_another_case_is_a_warning_and_is_read() -> None:
    """An identity, a time, metadata, an attribute or a filter: what differs in case only is no mistake to stop for."""
    text = {"type": "string"}
    plan = _compile(
        _stream("s", Id=text, At=text, A=text, B=text, C={"type": "object"}),
        users={"streams": [{"stream": "s"}], "attributes": [{"property": "b"}]},
        events=[{"stream": "s", "event_name": "e", "filters": [{"property": "a", "operator": "is", "values": ["x"]}]}],
        metadata=[{"property": "c.d"}],
    )
    told = [(place, *rest.split('"')[3:6:2]) for place, _, rest in (each.partition(": ") for each in plan.warnings)]
    assert [
        ('events.metadata, entry 1 ("c.d")', "c.d", "C.d"),
        ('events.streams, entry 1 ("s"), created_at_property', "at", "At"),
        ('events.streams, entry 1 ("s"), filters, entry 1 ("a")', "a", "A"),
        ("identity.property", "id", "Id"),
        ('users.attributes, entry 1 ("b")', "b", "B"),
    ] == sorted(told)
    record = _plan_of(plan, "s").repair({"ID": "7", "at": "2026-01-31", "a": "x"}, ())
    (event,) = _events_of(_plan_of(plan, "s"), record)
    assert ("7", 1_769_817_600) == (event.key.value, event.created_at)
    (rule,) = _users(_plan_of(plan, "s"))
    assert ["string"] == [attribute.type for attribute in rule.attributes]


def test_plan_of_a_path_that_the_schema_has_in_two_other_cases_is_refused_with_both() -> None:
    """It is not guessed which is meant."""
    message = _refusal(_stream("s", Id={}, ID={}), users={"streams": [{"stream": "s"}]})
    assert 'has no property "id". Did you mean "Id" or "ID"' in message


def test_plan_of_an_undeclared_path_that_a_record_can_do_without_is_a_warning() -> None:
    """Metadata, attributes and filters may be left out; each is warned of once."""
    gone = {"property": "gone", "operator": "is_set"}
    plan = _compile(
        _stream("s", id={}, at={}),
        users={"streams": [{"stream": "s"}], "attributes": [{"property": "plan"}], "filters": [gone]},
        events=[{"stream": "s", "event_name": "e", "filters": [gone, gone]}, {"stream": "s", "event_name": "f"}],
        metadata=[{"property": "total"}],
    )
    assert [
        'events.metadata, entry 1 ("total")',
        'events.streams, entry 1 ("s"), filters, entry 1 ("gone")',
        'events.streams, entry 1 ("s"), filters, entry 2 ("gone")',
        'users.attributes, entry 1 ("plan")',
        'users.filters, entry 1 ("gone")',
    ] == sorted(warning.partition(": ")[0] for warning in plan.warnings)


def test_plan_of_attributes_in_a_text_names_each_by_its_line() -> None:
    """What is warned of is found again, and what is written has its line as its place."""
    users = {"streams": [{"stream": "s"}], "attributes": [{"property": "a"}], "attributes_text": "b\n\nc: date = gone"}
    plan = _compile(_stream("s", id={}, a={}, b={}), users=users)
    places = [
        'users.attributes, entry 1 ("a")',
        *(f"users.attributes_text, line {line}" for line in ('1 ("b")', '3 ("gone")')),
    ]
    assert [places[2]] == [warning.partition(": ")[0] for warning in plan.warnings]
    (rule,) = _users(_plan_of(plan, "s"))
    assert [("a", None), ("b", None), ("c", "date")] == [(each.target, each.type) for each in rule.attributes]
    assert places == [entry.place for entry in rule.entries.values()]


def test_plan_of_two_streams_that_share_a_text_and_have_its_property_warns() -> None:
    """One of them overwrites what the other has written, whichever way the property was listed."""
    users = {"streams": [{"stream": "s"}, {"stream": "t"}], "attributes": [{"property": "a"}], "attributes_text": "b"}
    (warning,) = _compile(_stream("s", id={}, a={}, b={}), _stream("t", id={}, a={}, b={}), users=users).warnings
    assert warning.startswith('users.attributes and users.attributes_text: the streams "s" and "t" share "a", "b"')


def test_plan_of_a_schema_without_properties_checks_no_path() -> None:
    """A schema that declares nothing says nothing."""
    plan = _compile(catalog_stream(), users={"streams": [{"stream": "s"}], "attributes": [{"property": "x.y"}]})
    assert plan.warnings == ()


@pytest.mark.parametrize(("count", "warned"), [(10, False), (11, True), (20, True)])
def test_plan_of_more_than_ten_metadata_keys_warns(count: int, *, warned: bool) -> None:
    """Two of Intercom's own pages disagree whether it keeps ten or twenty."""
    metadata = [{"property": f"p{number}"} for number in range(count)]
    entries = [{"stream": "s", "event_name": "e"}]
    everywhere = _compile(catalog_stream(), events=entries, metadata=metadata)
    own = _compile(catalog_stream(), events=[{**entries[0], "metadata": metadata}])
    assert [warned, warned] == [bool(plan.warnings) for plan in (everywhere, own)]


@pytest.mark.parametrize(
    ("own", "declared", "expected"),
    [("date", "string", "date"), (None, "integer", "integer"), (None, "object", None), (None, None, None)],
)
def test_plan_of_an_attribute_takes_its_type_from_the_entry_else_the_schema(
    own: str | None, declared: str | None, expected: str | None
) -> None:
    """A type is told by the entry, else the schema, and never guessed."""
    properties: dict[str, Any] = {"id": {}, "plan": {"type": declared} if declared else {}}
    users = {"streams": [{"stream": "s"}], "attributes": [{"property": "plan", "attribute": "Plan", "type": own}]}
    (rule,) = _users(_plan_of(_compile(_stream("s", **properties), users=users), "s"))
    assert [("Plan", expected)] == [(attribute.target, attribute.type) for attribute in rule.attributes]


def test_plan_of_not_before_is_its_second() -> None:
    """The bound is compiled once."""
    plan = _compile(catalog_stream(), events=[{"stream": "s", "event_name": "e"}], not_before="1970-01-02")
    assert [86_400] == [rule.not_before for rule in _events(_plan_of(plan, "s"))]


@pytest.mark.parametrize(
    ("excluded", "expected"),
    [([], False), (["[Intercom]*", "$identify", "$groupidentify"], False), (["[Intercom]*", "other"], True)],
)
def test_plan_with_the_default_exclusion_written_out_looks_for_none_of_its_names(
    excluded: list[str], *, expected: bool
) -> None:
    """Airbyte's form writes the default out, and nobody need be told that a default matched nothing."""
    entries = [{"stream": "s", "event_name_property": "name"}]
    plan = _compile(catalog_stream(), events=entries, excluded_events=excluded)
    _events_of(_plan_of(plan, "s"), RECORD)
    assert expected is any("events.excluded_events" in told for told in plan.usage.never_seen())
