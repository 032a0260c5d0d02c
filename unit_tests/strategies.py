"""What the tests of the pure modules share: arbitrary JSON, and rules compiled from a configuration."""

from typing import Any

from hypothesis import strategies as st

from destination_intercom.airbyte.catalog import CatalogStream
from destination_intercom.companies.rules import CompanyRule, compile_company_rules
from destination_intercom.configuration.companies_config import CompaniesEnabled
from destination_intercom.configuration.config import EventsEnabled, UsersEnabled, parse_config
from destination_intercom.configuration.plan import PlanChecks
from destination_intercom.contacts.rules import UserRule, compile_user_rules
from destination_intercom.errors import StreamName
from destination_intercom.events.rules import EventRule, compile_event_rules

TEXTS = st.text(st.characters(exclude_categories=()), max_size=20)
"""Texts with lone surrogates among them: JSON can hold those."""

TELLING_TEXTS = st.sampled_from(
    [
        "",
        " ",
        "7",
        "-7.5",
        "1e999",
        "9" * 400,
        "9" * 5000,
        "true",
        "nan",
        "Infinity",
        "2026-01-31",
        "2026-01-31T25:00:00Z",
        "0000-01-01T00:00:00Z",
        "20260131T240000Z",
        "9999-12-31T24:00:00+00:00",
        "Sat, 31 Jan 2026 12:05:06 +1100 (AEDT)",
        "2026-01-31T00:00:00+99:99",
        "a@b.example",
        "https://a.example/" + "x" * 300,
        "x" * 300,
        "İ" * 255,
    ]
)
NUMBERS = st.one_of(
    st.integers(),
    st.integers(-(10**30), 10**30),
    st.sampled_from([10**400, -(10**4000), 2**53, 2**64]),
    st.floats(),
    st.floats(-1e18, 1e18),
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS, TELLING_TEXTS)
KEYS = st.one_of(st.sampled_from(["a", "b", "c", "a.b", "b.c", "a.b.c", "url", "value", "amount", "currency"]), TEXTS)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4))


def records(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    """Make arbitrary records in which each property of `names` may be anything, or absent."""
    named = st.fixed_dictionaries({}, optional=dict.fromkeys(names, JSON))
    return st.builds(lambda other, told: {**other, **told}, st.dictionaries(KEYS, JSON, max_size=3), named)


def base_config(**fields: Any) -> dict[str, Any]:
    """Make a configuration document with a token; `fields` are its other fields."""
    return {"access_token": "test-token", **fields}


def catalog_stream(name: str = "s", **properties: Any) -> CatalogStream:
    """Make a stream of the catalog; `properties` are the ones that its schema declares, if any."""
    return CatalogStream(StreamName(name), {"properties": properties} if properties else {}, overwrite=False)


def event_rule(entry: dict[str, Any] | None = None, identity: dict[str, Any] | None = None, **events: Any) -> EventRule:
    """Compile the rule of one event stream: `entry` adds to its entry, `events` to the section."""
    listed = {"stream": "s", "created_at_property": "at", **(entry or {})}
    if "event_name" not in listed:
        listed.setdefault("event_name_property", "name")
    section = {"mode": "enabled", "streams": [listed], "selected_events": ["*"], **events}
    config = parse_config(base_config(identity=identity or {}, events=section))
    stream = catalog_stream()
    assert isinstance(config.events, EventsEnabled)
    (rule,) = compile_event_rules(config.events, stream, PlanChecks(config, [stream]))
    return rule


def company_rule(
    *attributes: dict[str, Any],
    entry: dict[str, Any] | None = None,
    identity: dict[str, Any] | None = None,
    schema: dict[str, Any] | None = None,
    **companies: Any,
) -> CompanyRule:
    """Compile the rule of one company stream that writes `attributes`; `entry` adds to its entry."""
    listed = {"stream": "s", "company_id_property": "id", **(entry or {})}
    section = {"mode": "enabled", "streams": [listed], "attributes": list(attributes), **companies}
    config = parse_config(base_config(identity=identity or {}, companies=section))
    stream = catalog_stream(**(schema or {}))
    assert isinstance(config.companies, CompaniesEnabled)
    (rule,) = compile_company_rules(config.companies, stream, PlanChecks(config, [stream]))
    return rule


def user_rule(
    *attributes: dict[str, Any],
    identity: dict[str, Any] | None = None,
    schema: dict[str, Any] | None = None,
    **users: Any,
) -> UserRule:
    """Compile the rule of one user stream that writes `attributes`; `schema` declares properties."""
    section = {"mode": "enabled", "streams": [{"stream": "s"}], "attributes": list(attributes), **users}
    config = parse_config(base_config(identity=identity or {}, users=section))
    stream = catalog_stream(**(schema or {}))
    assert isinstance(config.users, UsersEnabled)
    (rule,) = compile_user_rules(config.users, stream, PlanChecks(config, [stream]))
    return rule
