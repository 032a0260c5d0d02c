"""The law of the core: whatever arrives, it answers, and what it refuses it refuses in Intercom's envelope."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from intercom_emulator.calls import UNKNOWN
from unit_tests.emulator.bench import Bench, decoded

NAMES = [
    "event_name", "created_at", "user_id", "email", "id", "metadata", "external_id", "role", "name", "phone", "avatar",
    "signed_up_at", "owner_id", "custom_attributes", "plan", "age", "query", "field", "operator", "value", "pagination",
    "per_page", "starting_after", "sort", "order", "model", "data_type", "options", "url", "amount", "currency",
]  # fmt: skip
WORDS = [
    "user", "lead", "contact", "company", "options", "string", "AND", "OR", "=", "!=", "IN", "NIN", ">", "<", "~", "^", "$",
    "42", "a@b.co", "created_at", "custom_attributes.age", "external_id", "tag_id", "known", "ascending", "²", "\ud800",
    "9" * 5000, "x" * 256, "WyIiLCAiIiwgMl0=", "https://a.b",
]  # fmt: skip
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | st.sampled_from(WORDS)
    | st.sampled_from([10**400, 10**11, -(10**11), 2**63, 1e308])
)  # fmt: skip
KEYS = st.sampled_from(NAMES) | st.text(max_size=3)
BODIES = st.dictionaries(
    KEYS,
    st.recursive(
        SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=12
    ),
    max_size=6,
)
FILTERS = st.fixed_dictionaries(
    {
        "field": st.sampled_from(
            ["id", "email", "created_at", "custom_attributes.age", "custom_attributes.plan", "role"]
        ),
        "operator": st.sampled_from(["=", "!=", "IN", "NIN", ">", "<", ">=", "<=", "~", "!~", "^", "$"]),
        "value": SCALARS | st.lists(SCALARS, max_size=3),
    }
)
CALLS = [
    ("POST", "/contacts"), ("PUT", "/contacts/known"), ("POST", "/contacts/search"), ("POST", "/events"),
    ("POST", "/data_attributes"), ("POST", "/contacts/known/archive"),
]  # fmt: skip


def _known() -> Bench:
    bench = Bench()
    bench.attribute("plan")
    bench.attribute("age", "integer")
    bench.intercom.seed({"contacts": [{"id": "known", "external_id": "42", "email": "a@b.co"}]})
    return bench


def _judge(bench: Bench, method: str, path: str, body: Any) -> None:
    answer = bench.ask(method, path, body)
    told = decoded(answer)
    if answer.status >= 400:
        assert told["type"] == "error.list"
        assert told["errors"][0]["code"]
    assert answer.status < 500
    json.dumps(bench.intercom.dump())


@pytest.mark.parametrize(("method", "path"), CALLS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(body=BODIES)
def test_core_when_any_json_arrives_then_answers(method: str, path: str, body: dict[str, Any]) -> None:
    """No body brings the core down, and nothing that it keeps is unfit for JSON."""
    _judge(_known(), method, path, body)


@settings(max_examples=150, deadline=None)
@given(query=FILTERS, sort=st.sampled_from([None, "created_at", "email"]))
def test_search_when_any_filter_arrives_then_answers(query: dict[str, Any], sort: str | None) -> None:
    """Any field with any operator and any value is found or refused."""
    _judge(_known(), "POST", "/contacts/search", {"query": query, "sort": {"field": sort} if sort else None})


@settings(max_examples=100, deadline=None)
@given(path=st.text(max_size=30), query=st.text(max_size=30), raw=st.binary(max_size=30))
def test_core_when_any_bytes_and_path_arrive_then_answers(path: str, query: str, raw: bytes) -> None:
    """No path, query or bytes bring the core down."""
    bench = _known()
    for target in (
        f"/{path}?{query}",
        f"/contacts?per_page={query}&starting_after={path}",
        f"/events?type=user&{query}",
    ):
        for method in ("GET", "POST"):
            assert bench.ask(method, target, raw).status < 500
    assert bench.intercom.dump()["calls"].keys() <= {
        "GET /contacts", "POST /contacts", "GET /events", "POST /events", "GET /contacts/{id}", "GET /me", UNKNOWN
    }  # fmt: skip
