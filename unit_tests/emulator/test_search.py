"""POST /contacts/search: its language, its limits and its lag."""

from typing import Any

import pytest

from unit_tests.emulator.bench import START, Bench, code, good, ids, refusal

DAY = 86_400
NOON = 1_577_880_000  # 2020-01-01T12:00:00Z


def _people(**settings: Any) -> Bench:
    bench = Bench(**settings)
    bench.attribute("plan")
    bench.attribute("age", "integer")
    bench.attribute("vip", "boolean")
    bench.attribute("born", "date")
    bench.attribute("old", archived=True)
    people = [
        {
            "external_id": "1",
            "email": "ada@example.com",
            "name": "Ada",
            "created_at": NOON,
            "custom_attributes": {"age": 36},
        },
        {
            "external_id": "2",
            "email": "bob@example.org",
            "name": "Bob",
            "created_at": NOON + DAY,
            "custom_attributes": {"plan": "pro"},
        },
        {
            "external_id": "3",
            "name": "Cid",
            "created_at": NOON + 2 * DAY,
            "custom_attributes": {"vip": True, "born": 0},
        },
        {"external_id": "4", "email": "ada@example.com", "archived": True},
        {"external_id": "5", "email": "ada@example.com", "deleted": True},
        {"external_id": "6", "email": "ada@example.com", "merged_into": "x"},
    ]
    bench.intercom.seed({"contacts": people})
    return bench


@pytest.mark.parametrize(
    ("field", "operator", "value", "expected"),
    [
        ("external_id", "=", "1", ["1"]),
        ("external_id", "IN", ["1", "3", "4", "nobody"], ["1", "3"]),
        ("external_id", "NIN", ["1", "3"], ["2"]),
        ("email", "=", "ada@example.com", ["1"]),
        ("email", "=", "Ada@example.com", []),
        ("email", "!=", "ada@example.com", ["2", "3"]),
        ("email", "=", None, ["3"]),
        ("email", "!=", None, ["1", "2"]),
        ("email", "~", "example", ["1", "2"]),
        ("email", "!~", ".org", ["1", "3"]),
        ("email", "^", "bob", ["2"]),
        ("email", "$", ".com", ["1"]),
        ("email_domain", "=", "example.org", ["2"]),
        ("role", "=", "user", ["1", "2", "3"]),
        ("has_hard_bounced", "=", True, []),
        ("created_at", "=", NOON + 3600, ["1"]),
        ("created_at", ">", NOON - 3600, ["2", "3"]),
        ("created_at", "<", NOON + DAY + 3600, ["1"]),
        ("created_at", ">", str(NOON), ["2", "3"]),
        ("signed_up_at", "=", None, ["1", "2", "3"]),
        ("custom_attributes.plan", "=", "pro", ["2"]),
        ("custom_attributes.age", ">=", 36, ["1"]),
        ("custom_attributes.age", ">", 36, []),
        ("custom_attributes.age", "<", 40, ["1"]),
        ("custom_attributes.age", "<=", 35, []),
        ("custom_attributes.vip", "=", True, ["3"]),
        ("custom_attributes.born", "<", DAY, ["3"]),
        ("tag_id", "=", "7", []),
    ],
)
def test_filter_when_well_formed_then_finds_who_fits(
    field: str, operator: str, value: object, expected: list[str]
) -> None:
    """Each operator on each kind of field; archived, deleted and merged contacts are never found."""
    assert expected == _people().found(field, operator, value)


MALFORMED: list[Any] = [
    None,
    [],
    {},
    {"field": "email", "operator": "="},
    {"field": "email", "operator": "==", "value": "x"},
    {"field": ["email"], "operator": "=", "value": "x"},
    {"field": "email", "operator": ["="], "value": "x"},
    {"field": "shoe", "operator": "=", "value": "x"},
    {"field": "custom_attributes.nope", "operator": "=", "value": "x"},
    {"field": "custom_attributes.old", "operator": "=", "value": "x"},
    {"field": "email", "operator": "=", "value": 7},
    {"field": "email", "operator": "=", "value": {}},
    {"field": "email", "operator": "=", "value": ["x"]},
    {"field": "email", "operator": ">", "value": "x"},
    {"field": "email", "operator": "~", "value": None},
    {"field": "email", "operator": "IN", "value": "x"},
    {"field": "email", "operator": "IN", "value": []},
    {"field": "email", "operator": "IN", "value": ["x", None]},
    {"field": "email", "operator": "IN", "value": [str(number) for number in range(16)]},
    {"field": "created_at", "operator": "IN", "value": [NOON]},
    {"field": "created_at", "operator": "!=", "value": NOON},
    {"field": "created_at", "operator": ">=", "value": NOON},
    {"field": "created_at", "operator": "=", "value": "yesterday"},
    {"field": "created_at", "operator": "=", "value": "²"},
    {"field": "created_at", "operator": "=", "value": 10**12},
    {"field": "custom_attributes.age", "operator": "=", "value": "36"},
    {"field": "custom_attributes.vip", "operator": "=", "value": 1},
    {"field": "tag_id", "operator": "IN", "value": ["7"]},
    {"operator": "OR", "value": []},
    {"operator": "OR", "value": {"field": "email", "operator": "=", "value": "x"}},
    {"operator": "XOR", "value": [{"field": "email", "operator": "=", "value": "x"}]},
    {"operator": "OR", "value": [{"field": "email", "operator": "=", "value": "x"}] * 16},
    {"operator": "OR", "value": [{"operator": "OR", "value": [{"operator": "OR", "value": [{"field": "email", "operator": "=", "value": "x"}]}]}]},
    {"operator": "OR", "value": [{"field": "email", "operator": "=", "value": "x"}, {"operator": "OR", "value": [{"field": "email", "operator": "=", "value": "x"}]}]},
]  # fmt: skip


@pytest.mark.parametrize("query", MALFORMED, ids=lambda query: str(query)[:60])
@pytest.mark.parametrize(("status", "expected"), [(400, "invalid_field"), (500, "server_error")])
def test_query_when_malformed_then_refused_by_the_setting(query: object, status: int, expected: str) -> None:
    """What breaks a rule is a 400, or, as seen in production, a 500."""
    assert (status, expected) == code(
        _people(search_malformed=status).ask("POST", "/contacts/search", {"query": query})
    )


@pytest.mark.parametrize(
    "pagination", [7, {"per_page": 151}, {"per_page": 0}, {"per_page": "50"}, {"per_page": True}], ids=str
)
def test_pagination_when_malformed_then_refused(pagination: object) -> None:
    """A page holds 1 to 150."""
    query = {"field": "role", "operator": "=", "value": "user"}
    answer = _people().ask("POST", "/contacts/search", {"query": query, "pagination": pagination})
    assert code(answer) == (400, "invalid_field")


def test_group_when_150_ids_are_asked_for_then_all_are_found_on_one_page() -> None:
    """Ten filters of fifteen values each are within every limit."""
    bench = Bench()
    bench.intercom.seed({"contacts": [{"external_id": str(number)} for number in range(200)]})
    filters = [
        {"field": "external_id", "operator": "IN", "value": [str(number) for number in range(start, start + 15)]}
        for start in range(0, 150, 15)
    ]
    body = {"query": {"operator": "OR", "value": filters}, "pagination": {"per_page": 150}}
    answer = bench.ask("POST", "/contacts/search", body)
    assert sorted(str(number) for number in range(150)) == ids(answer)
    assert "next" not in good(answer)["pages"]


def test_in_list_when_the_limit_is_lifted_then_takes_more() -> None:
    """How many values IN takes is not known for certain: a setting."""
    many = [str(number) for number in range(100)]
    assert _people(search_in_limit=None).found("external_id", "IN", many) == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("operator", "inner", "expected"),
    [("AND", "OR", ["1"]), ("OR", "AND", ["2"]), ("AND", "AND", []), ("OR", "OR", ["1", "2", "3"])],
)
def test_groups_when_nested_then_combine(operator: str, inner: str, expected: list[str]) -> None:
    """Two levels of AND and OR."""
    groups = [
        {"operator": inner, "value": [_is("external_id", "1"), _is("name", "Cid")]},
        {"operator": inner, "value": [_is("email", "ada@example.com"), _is("name", "Bob")]},
    ]
    if (operator, inner) == ("OR", "AND"):
        groups[1]["value"] = [_is("external_id", "2"), _is("name", "Bob")]
    answer = _people().ask("POST", "/contacts/search", {"query": {"operator": operator, "value": groups}})
    assert expected == ids(answer)


def _is(field: str, value: str) -> dict[str, str]:
    return {"field": field, "operator": "=", "value": value}


def test_dates_when_the_workspace_is_elsewhere_then_days_begin_there() -> None:
    """The day of a date is the workspace's, not UTC's."""
    evening = NOON + 11 * 3600 + 1800  # 23:30 in UTC, the next day in Berlin
    bench = Bench()
    bench.intercom.seed({"contacts": [{"external_id": "1", "created_at": evening}]})
    assert bench.found("created_at", "=", NOON) == ["1"]
    bench.intercom.change_settings({"timezone": "Europe/Berlin"})
    assert bench.found("created_at", "=", NOON) == []
    assert bench.found("created_at", "=", NOON + DAY) == ["1"]


@pytest.mark.parametrize("order", ["ascending", "descending"])
def test_pages_when_followed_then_show_everyone_once_in_order(order: str) -> None:
    """The cursor leads through all pages, in the order asked for."""
    bench = Bench()
    bench.intercom.seed({"contacts": [{"external_id": str(n), "created_at": 1000 + n // 3} for n in range(10)]})
    body: dict[str, Any] = {
        "query": _is("role", "user"),
        "sort": {"field": "created_at", "order": order},
        "pagination": {"per_page": 4},
    }
    seen: list[dict[str, Any]] = []
    for number in (1, 2, 3):
        page = good(bench.ask("POST", "/contacts/search", body))
        assert (number, 3, 10) == (page["pages"]["page"], page["pages"]["total_pages"], page["total_count"])
        seen += page["data"]
        body["pagination"] = page["pages"].get("next")
    assert body["pagination"] is None
    assert 10 == len({each["id"] for each in seen})
    times = [each["created_at"] for each in seen]
    assert sorted(times, reverse=order == "descending") == times


def test_sort_when_malformed_then_has_its_own_code() -> None:
    """An unknown order is invalid_sort_order, an unknown field malformed."""
    bench = _people()
    body = {"query": _is("role", "user"), "sort": {"field": "created_at", "order": "desc"}}
    expected = (400, "invalid_sort_order", "Invalid sort order 'desc'. Must be one of: ascending, descending")
    assert expected == refusal(bench.ask("POST", "/contacts/search", body))
    sorts: tuple[object, ...] = ({"field": "shoe"}, {"field": "tag_id"}, {"field": []}, 7)
    for sort in sorts:
        assert code(bench.ask("POST", "/contacts/search", body | {"sort": sort})) == (400, "invalid_field")


@pytest.mark.parametrize("cursor", ["?", "e30=", "WzEsIDJd", "WyJ4IiwgInkiLCAyXQ=="])
def test_cursor_when_forged_then_400(cursor: str) -> None:
    """A cursor that is none, or another list's, is refused."""
    body = {"query": _is("role", "user"), "pagination": {"starting_after": cursor}}
    assert code(_people().ask("POST", "/contacts/search", body)) == (400, "parameter_invalid")


def test_search_when_it_lags_then_shows_contacts_as_they_were() -> None:
    """Creates, updates and archives are seen after the lag, each at its own time; GET sees them at once."""
    bench = Bench(search_lag=60.0)
    ada = bench.create(external_id="1", name="Ada")
    bench.now = START + 30
    bench.update(ada, name="Ada L")
    bench.now = START + 59.9
    assert bench.found("external_id", "=", "1") == []
    bench.now = START + 60
    assert bench.found("name", "=", "Ada") == ["1"]
    assert bench.found("name", "=", "Ada L") == []
    assert bench.get(f"/contacts/{ada['id']}")["name"] == "Ada L"
    bench.ask("POST", f"/contacts/{ada['id']}/archive")
    bench.now = START + 90
    assert bench.found("name", "=", "Ada L") == ["1"]
    bench.now = START + 119.9
    assert bench.found("name", "=", "Ada L") == ["1"]
    bench.now = START + 120
    assert bench.found("name", "=", "Ada L") == []


def test_search_when_it_lags_then_an_identity_given_up_still_finds() -> None:
    """An email that was changed away from finds its old holder until the lag is over."""
    bench = Bench(search_lag=10.0)
    bench.intercom.seed({"contacts": [{"id": "x", "external_id": "1", "email": "old@example.com"}]})
    bench.update({"id": "x"}, email="new@example.com")
    assert bench.found("email", "=", "old@example.com") == ["1"]
    assert bench.found("email", "=", "new@example.com") == []
    bench.now += 10
    assert bench.found("email", "=", "old@example.com") == []
    assert bench.found("email", "=", "new@example.com") == ["1"]


def test_search_when_a_contact_changes_often_then_the_past_stays_bounded() -> None:
    """Thousands of updates keep a bounded history, and the present is right."""
    bench = Bench(limit=100_000)
    ada = bench.create(external_id="1")
    for number in range(1000):
        bench.update(ada, name=str(number))
    assert bench.found("name", "=", "999") == ["1"]
    assert len(bench.intercom._workspace.contacts._past[ada["id"]]) <= 201


def test_search_when_so_set_then_answers_without_data() -> None:
    """Seen in production: 200 without `data`."""
    answer = good(_people(search_without_data=True).ask("POST", "/contacts/search", {"query": _is("role", "user")}))
    assert ("data" in answer, answer["total_count"]) == (False, 3)
