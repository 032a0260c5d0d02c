"""Creating, updating, finding, listing and archiving companies."""

import re
from typing import Any

import pytest

from unit_tests.emulator.bench import START, Bench, code, decoded, good, refusal

NOT_FOUND = (404, "company_not_found", "Company Not Found")


def _with_person(bench: Bench, company_id: str, **fields: Any) -> dict[str, Any]:
    """Return a company that one new person belongs to."""
    company = bench.company(company_id, **fields)
    good(bench.attach(bench.create(external_id=f"person of {company_id}"), company))
    return company


def _listed(bench: Bench, path: str = "/companies", method: str = "GET") -> list[str]:
    return [each["company_id"] for each in good(bench.ask(method, path))["data"]]


def test_company_when_created_then_is_shown_with_what_was_sent() -> None:
    """The plan gets an id, the spend is cut to a whole number, and what was not sent is left out."""
    bench = Bench()
    bench.attribute("tier", model="company")
    sent = {"name": "Acme", "size": 7, "website": "acme", "industry": "Anvils", "remote_created_at": 5}
    acme = bench.company("a-1", plan="Pro", monthly_spend=155.98, custom_attributes={"tier": "gold"}, **sent)
    expected = sent | {
        "type": "company", "company_id": "a-1", "app_id": "l4wp0knn", "monthly_spend": 155, "user_count": 0,
        "session_count": 0, "custom_attributes": {"tier": "gold"}, "created_at": int(START), "updated_at": int(START),
        "tags": {"type": "tag.list", "tags": []}, "segments": {"type": "segment.list", "segments": []},
    }  # fmt: skip
    assert expected == {key: acme[key] for key in acme.keys() - {"id", "plan"}}
    assert re.fullmatch("[0-9a-f]{24}", acme["id"])
    assert ("plan", "Pro") == (acme["plan"]["type"], acme["plan"]["name"])
    bare = bench.company("a-2")
    assert ({}, 0, {}) == (bare["plan"], bare["monthly_spend"], bare["custom_attributes"])
    assert not {"name", "size", "website", "industry", "remote_created_at"} & bare.keys()


def test_company_when_posted_again_then_is_updated_and_keeps_what_is_not_sent() -> None:
    """Our company_id finds it; the plan's id stays with the plan's name."""
    bench = Bench()
    acme = bench.company("a-1", name="Acme", plan="Pro", size=7)
    bench.now += 9
    again = bench.company("a-1", name="Acme Inc")
    assert acme | {"name": "Acme Inc", "updated_at": acme["updated_at"] + 9} == again
    assert acme["plan"]["id"] == bench.company("a-2", plan="Pro")["plan"]["id"]


@pytest.mark.parametrize(
    "fields",
    [
        {"company_id": None},
        {"company_id": ""},
        {"company_id": 7},
        {"company_id": "x" * 256},
        {"name": 7},
        {"name": "x" * 256},
        {"plan": {"name": "Pro"}},
        {"size": "100"},
        {"size": 1.5},
        {"size": True},
        {"website": ["x"]},
        {"industry": 7},
        {"monthly_spend": "155"},
        {"monthly_spend": True},
        {"monthly_spend": 2**31},
        {"monthly_spend": -(2**31)},
        {"monthly_spend": 10**400},
        {"remote_created_at": "2020-01-01"},
        {"update_last_request_at": 1},
        {"custom_attributes": ["tier"]},
        {"custom_attributes": {"none": 1}},
        {"custom_attributes": {"of_people": "x"}},
        {"custom_attributes": {"gone": "x"}},
        {"custom_attributes": {"tier": 7}},
        {"custom_attributes": {"tier": "x" * 256}},
    ],
    ids=lambda fields: str(fields)[:60],
)
def test_company_when_a_field_is_wrong_then_400_and_nothing_is_written(fields: dict[str, Any]) -> None:
    """One wrong field refuses the whole, at a creation as at an update."""
    bench = Bench()
    bench.attribute("tier", model="company")
    bench.attribute("gone", model="company", archived=True)
    bench.attribute("of_people")
    bench.company("kept", name="Acme")
    for company_id in ("new", "kept"):
        answer = bench.ask("POST", "/companies", {"company_id": company_id, "name": "Other"} | fields)
        assert (400, "parameter_invalid") == code(answer)
    [kept] = bench.intercom.dump()["companies"]
    assert "Acme" == kept["name"]


def test_company_when_the_body_has_an_unknown_field_then_400_bad_request_names_it() -> None:
    """As the description's example has it; the company_id cannot be set by Intercom's id either."""
    bench = Bench()
    acme = bench.company("a-1")
    answer = bench.ask("POST", "/companies", {"company_id": "a-1", "test": 1, "other": 2})
    assert (400, "bad_request", "bad 'test' parameter") == refusal(answer)
    for name in ("company_id", "remote_created_at", "id"):
        answer = bench.ask("PUT", f"/companies/{acme['id']}", {name: "x"})
        assert (400, "bad_request", f"bad '{name}' parameter") == refusal(answer)


def test_company_when_an_attribute_is_unknown_then_is_named_as_with_contacts() -> None:
    """A refused attribute is told where the setting says that a refused field is."""
    bench = Bench(refused_field="field")
    [error] = decoded(bench.ask("POST", "/companies", {"company_id": "1", "custom_attributes": {"x": 1}}))["errors"]
    assert ("Invalid parameter", "custom_attributes.x") == (error["message"], error["field"])


def test_attributes_of_companies_when_created_then_clash_with_those_of_people_and_serve_companies_alone() -> None:
    """A name is one of both models: what companies have, people cannot have, and the other way round."""
    bench = Bench()
    good(bench.ask("POST", "/data_attributes", {"name": "tier", "model": "company", "data_type": "string"}))
    answer = bench.ask("POST", "/data_attributes", {"name": "tier", "model": "contact", "data_type": "string"})
    assert (400, "parameter_invalid") == code(answer)
    assert {"tier": "gold"} == bench.company("1", custom_attributes={"tier": "gold"})["custom_attributes"]
    answer = bench.ask("POST", "/contacts", {"external_id": "1", "custom_attributes": {"tier": "gold"}})
    assert (400, "parameter_invalid", "Custom attribute 'tier' does not exist") == refusal(answer)


def test_attribute_of_companies_when_it_is_young_then_is_unknown_for_the_lag() -> None:
    """The lag of attributes is one for both models."""
    bench = Bench(attribute_lag=10.0)
    good(bench.ask("POST", "/data_attributes", {"name": "tier", "model": "company", "data_type": "string"}))
    body = {"company_id": "1", "custom_attributes": {"tier": "gold"}}
    assert 400 == bench.ask("POST", "/companies", body).status
    bench.now += 10
    assert 200 == bench.ask("POST", "/companies", body).status


@pytest.mark.parametrize(
    ("company_nulls", "expected"),
    [("clear", (200, None, {}, None)), ("ignore", (200, "Acme", "Pro", "gold")), ("refuse", (400, "Acme", "Pro", "gold"))],
)  # fmt: skip
def test_null_when_sent_for_a_company_then_by_the_setting(company_nulls: str, expected: tuple[object, ...]) -> None:
    """What null does to a company is not known: it clears, is passed over, or refuses the whole."""
    bench = Bench(company_nulls=company_nulls)
    bench.attribute("tier", model="company")
    bench.company("1", name="Acme", plan="Pro", custom_attributes={"tier": "gold"})
    nulls = {"name": None, "plan": None, "monthly_spend": None, "custom_attributes": {"tier": None}}
    answer = bench.ask("POST", "/companies", {"company_id": "1"} | nulls)
    [kept] = bench.intercom.dump()["companies"]
    plan = kept["plan"].get("name", {})
    assert expected == (answer.status, kept.get("name"), plan, kept["custom_attributes"]["tier"])
    if company_nulls == "refuse":
        custom = bench.ask("POST", "/companies", {"company_id": "1", "custom_attributes": {"tier": None}})
        assert (400, "parameter_invalid") == code(custom)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [(155.98, 155), (-0.5, 0), (2**31 - 1, 2**31 - 1), (2_147_483_647.5, 2**31 - 1), (2**31, 2**31 - 1)],
)
def test_monthly_spend_when_capped_then_is_cut_to_32_bits(sent: float, kept: int) -> None:
    """The bound is documented, what lies beyond it is not: refused (see above), or kept as the bound."""
    bench = Bench(monthly_spend_beyond="cap")
    assert kept == bench.company("1", monthly_spend=sent)["monthly_spend"]
    strict = Bench().ask("POST", "/companies", {"company_id": "1", "monthly_spend": sent})
    assert (400 if sent == 2**31 else 200) == strict.status


def test_last_request_when_asked_for_then_is_now() -> None:
    """update_last_request_at moves the time at which the company was last seen."""
    bench = Bench()
    assert int(START) == bench.company("1", update_last_request_at=True)["last_request_at"]
    assert "last_request_at" not in bench.company("2", update_last_request_at=False)


def test_company_when_two_creates_race_then_the_second_is_400_until_the_race_is_over() -> None:
    """Two creates of one id at once: ask again, and it is an update."""
    bench = Bench(company_race=0.5)
    acme = bench.company("1", name="Acme")
    bench.now += 0.4
    body = {"company_id": "1", "name": "Other"}
    answer = bench.ask("POST", "/companies", body)
    assert (400, "unique_company_constraint", "Company already exists.") == refusal(answer)
    assert 200 == bench.ask("POST", "/companies", {"company_id": "2"}).status
    bench.now += 0.1
    assert acme | {"name": "Other"} == good(bench.ask("POST", "/companies", body))


def test_company_without_people_when_listed_or_searched_then_is_nowhere() -> None:
    """It is stored and shown in no list; a person makes it visible, a lead or someone who is gone does not."""
    bench = Bench()
    acme, lonely = _with_person(bench, "acme", name="Acme"), bench.company("lonely", name="Lonely")
    lead, gone = bench.create(role="lead"), bench.create(external_id="gone")
    for each in (lead, gone):
        good(bench.attach(each, lonely))
    good(bench.ask("POST", f"/contacts/{gone['id']}/archive"))
    query = {"query": {"field": "name", "operator": "!=", "value": "x"}}

    def found() -> list[str]:
        answer = bench.ask("POST", "/companies/search", query, Intercom_Version="Preview")
        return [each["company_id"] for each in good(answer)["data"]]

    assert ["acme"] == _listed(bench) == _listed(bench, "/companies/list", "POST") == found()
    assert (1, 0) == tuple(bench.get(f"/companies/{each['id']}")["user_count"] for each in (acme, lonely))
    good(bench.ask("POST", f"/contacts/{gone['id']}/unarchive"))
    assert ["acme", "lonely"] == _listed(bench) == sorted(found())
    assert 1 == bench.get(f"/companies/{lonely['id']}")["user_count"]


@pytest.mark.parametrize(("company_without_people", "status"), [("shown", 200), ("hidden", 404)])
def test_company_without_people_when_read_by_itself_then_by_the_setting(
    company_without_people: str, status: int
) -> None:
    """Whether "visible" is meant of a single company too is not known; writing and attaching work with either."""
    bench = Bench(company_without_people=company_without_people)
    acme = bench.company("1", name="Acme")
    paths = (f"/companies/{acme['id']}", "/companies?company_id=1", "/companies?name=Acme")
    assert [status] * 3 == [bench.ask("GET", path).status for path in paths]
    good(bench.ask("PUT", f"/companies/{acme['id']}", {"size": 7}))
    good(bench.attach(bench.create(external_id="1"), acme))
    assert [7] * 3 == [bench.get(path)["size"] for path in paths]


@pytest.mark.parametrize("path", ["/companies/nobody", "/companies?company_id=nobody", "/companies?name=nobody"])
def test_company_when_it_is_unknown_then_404(path: str) -> None:
    """By Intercom's id, by ours, by name."""
    bench = Bench()
    _with_person(bench, "1", name="Acme")
    assert NOT_FOUND == refusal(bench.ask("GET", path))


def test_company_by_our_id_when_so_set_then_comes_alone_or_in_a_list() -> None:
    """The description says a list, old pages and other clients the company itself."""
    bench = Bench()
    acme = bench.company("a&b c")
    path = "/companies?company_id=a%26b%20c"
    assert acme == bench.get(path)
    bench.intercom.change_settings({"company_by_company_id": "list"})
    assert ("list", [acme], 1) == tuple(bench.get(path)[key] for key in ("type", "data", "total_count"))


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_company_when_unknown_by_intercoms_id_then_404_for_each_method(method: str) -> None:
    """What is not there cannot be read, written or archived."""
    assert NOT_FOUND == refusal(Bench().ask(method, "/companies/nobody", {}))
    assert NOT_FOUND == refusal(Bench().ask("GET", "/companies/nobody/contacts"))


def test_companies_when_listed_then_page_by_page_and_by_tag() -> None:
    """Fifteen a page unless asked otherwise; `next` says how to go on, and is null at the end."""
    bench = Bench()
    for number in range(17):
        _with_person(bench, f"{number:02}", update_last_request_at=number == 3)
    first = bench.get("/companies")
    assert (15, 17, 2) == (len(first["data"]), first["total_count"], first["pages"]["total_pages"])
    cursor = first["pages"]["next"]["starting_after"]
    second = bench.get(f"/companies?starting_after={cursor}")
    assert (["15", "16"], None) == ([each["company_id"] for each in second["data"]], second["pages"]["next"])
    assert ["04", "05"] == _listed(bench, "/companies?page=3&per_page=2")
    assert "03" == _listed(bench, "/companies/list", "POST")[0]
    assert "03" == _listed(bench, "/companies/list?order=asc&page=2", "POST")[-1]
    tag = good(bench.ask("POST", "/tags", {"name": "VIP", "companies": [{"company_id": "07"}]}))
    assert (["07"], [], []) == tuple(_listed(bench, f"/companies?{each}") for each in (f"tag_id={tag['id']}", "tag_id=1", "segment_id=1"))  # fmt: skip
    for query in ("per_page=0", "per_page=151", "page=0", "page=x"):
        assert (400, "parameter_invalid") == code(bench.ask("GET", f"/companies?{query}"))
    assert 400 == bench.ask("POST", "/companies/list?order=up").status


@pytest.mark.parametrize(
    ("field", "operator", "value", "expected"),
    [
        ("company_id", "IN", ["1", "3", "9"], ["1", "3"]),
        ("name", "~", "cme", ["1"]),
        ("monthly_spend", ">", 4, ["2"]),
        ("monthly_spend", "=", 0, ["1", "3"]),
        ("user_count", ">", 1, ["3"]),
        ("session_count", "=", 0, ["1", "2", "3"]),
        ("remote_created_at", "<", 86_400, ["1"]),
        ("custom_attributes.tier", "=", "gold", ["2"]),
    ],
)
def test_search_of_companies_when_asked_then_finds_by_the_fields_of_companies(
    field: str, operator: str, value: object, expected: list[str]
) -> None:
    """Preview's search: the rules of the contacts' search, over other fields."""
    bench = Bench()
    bench.attribute("tier", model="company")
    _with_person(bench, "1", name="Acme", remote_created_at=5)
    _with_person(bench, "2", monthly_spend=5, custom_attributes={"tier": "gold"})
    good(bench.attach(bench.create(external_id="another"), _with_person(bench, "3")))
    body = {"query": {"field": field, "operator": operator, "value": value}}
    answer = bench.ask("POST", "/companies/search", body, Intercom_Version="Preview")
    assert expected == sorted(each["company_id"] for each in good(answer)["data"])


@pytest.mark.parametrize(
    "body",
    [
        {"query": {"field": "plan.name", "operator": "=", "value": "Pro"}},
        {"query": {"field": "email", "operator": "=", "value": "x"}},
        {"query": {"field": "tag_id", "operator": "IN", "value": ["1"]}},
        {"query": {"field": "name", "operator": "=", "value": "x"}, "pagination": 5},
        {"query": {"field": "name", "operator": "=", "value": "x"}, "sort": {"field": "tag_id"}},
    ],
    ids=str,
)
def test_search_of_companies_when_malformed_then_400_and_in_stable_versions_there_is_none(body: dict[str, Any]) -> None:
    """Fields of people are none of companies, the plan is not searchable, and before Preview nothing is."""
    bench = Bench()
    assert (400, "invalid_field") == code(bench.ask("POST", "/companies/search", body, Intercom_Version="Preview"))
    assert (400, "intercom_version_invalid") == code(bench.ask("POST", "/companies/search", body))


@pytest.mark.parametrize("company_after_archive", ["same", "new"])
def test_company_when_deleted_then_is_archived_detached_and_comes_back_by_a_post(company_after_archive: str) -> None:
    """Its people stay; until it is posted again it is unknown. Whether it is the same one then is not known."""
    bench = Bench(company_after_archive=company_after_archive)
    acme = bench.company("1", name="Acme", size=7)
    ada, path = bench.create(external_id="1"), f"/companies/{acme['id']}"
    good(bench.attach(ada, acme))
    assert {"id": acme["id"], "object": "company", "deleted": True} == good(bench.ask("DELETE", path))
    assert ada == bench.get(f"/contacts/{ada['id']}")
    for method, gone in (("GET", path), ("PUT", path), ("DELETE", path), ("GET", "/companies?company_id=1")):
        assert NOT_FOUND == refusal(bench.ask(method, gone, {}))
    assert NOT_FOUND == refusal(bench.attach(ada, acme))
    assert [(True, [])] == [(each["archived"], each["contacts"]) for each in bench.intercom.dump()["companies"]]
    back = bench.company("1", name="Acme Inc")
    same = company_after_archive == "same"
    assert (same, same, 0) == (back["id"] == acme["id"], back.get("size") == 7, back["user_count"])
    assert back == bench.get("/companies?company_id=1")


def test_companies_when_seeded_then_are_there_with_their_people_tags_and_past() -> None:
    """A seed holds companies as the API shows them; a contact's company and tag that are not there are made."""
    bench = Bench(company_race=60.0, search_lag=60.0)
    plan = {"type": "plan", "id": "5", "name": "Pro"}
    bench.intercom.seed(
        {
            "companies": [
                {
                    "id": "c" * 24,
                    "company_id": "1",
                    "name": "Acme",
                    "plan": plan,
                    "created_at": 9,
                    "tags": [{"name": "VIP"}],
                },
                {"company_id": "2", "archived": True},
            ],
            "contacts": [{"id": "ada", "external_id": "1", "companies": [{"company_id": "1"}, {"company_id": "3"}]}],
        }
    )
    acme = bench.company("1")
    assert ("c" * 24, "Acme", "Pro", 9, 1) == (*(acme[key] for key in ("id", "name")), acme["plan"]["name"], acme["created_at"], acme["user_count"])  # fmt: skip
    assert ["VIP"] == [each["name"] for each in acme["tags"]["tags"]]
    assert 404 == bench.ask("GET", "/companies?company_id=2").status
    held = [(each["company_id"], each["archived"], each["contacts"]) for each in bench.intercom.dump()["companies"]]
    assert [("1", False, ["ada"]), ("2", True, []), ("3", False, ["ada"])] == held


@pytest.mark.parametrize(
    "situation",
    [
        {"companies": [{"company_id": "1", "shoe": 1}]},
        {"contacts": [{"external_id": "1", "companies": [{"id": "unknown"}]}]},
        {"companies": [{"company_id": "1", "archived": True}], "contacts": [{"companies": [{"company_id": "1"}]}]},
    ],
    ids=str,
)
def test_seed_of_companies_when_it_makes_no_sense_then_value_error(situation: dict[str, Any]) -> None:
    """A situation that cannot be meant is refused."""
    with pytest.raises(ValueError, match="unknown"):
        Bench().intercom.seed(situation)
