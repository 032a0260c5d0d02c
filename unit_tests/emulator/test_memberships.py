"""Which companies a contact belongs to: attaching, detaching, and what a contact shows of it."""

from typing import Any

import pytest

from unit_tests.emulator.bench import START, Bench, code, good, refusal

USER_NOT_FOUND = (404, "not_found", "User Not Found")
COMPANY_NOT_FOUND = (404, "company_not_found", "Company Not Found")


def _companies(bench: Bench, count: int) -> list[dict[str, Any]]:
    return [bench.company(str(number)) for number in range(count)]


def _detach(bench: Bench, contact: dict[str, Any], company: dict[str, Any]) -> Any:
    return bench.ask("DELETE", f"/contacts/{contact['id']}/companies/{company['id']}")


def _shown(contact: dict[str, Any]) -> tuple[list[str], int, bool]:
    links = contact["companies"]
    return [each["id"] for each in links["data"]], links["total_count"], links["has_more"]


def test_contact_when_it_has_twelve_companies_then_each_answer_shows_ten_and_says_so() -> None:
    """GET, PUT, search, list and find alike: ten of them, the number of all, and that there are more."""
    bench = Bench()
    ada, companies = bench.create(external_id="1"), _companies(bench, 12)
    for company in companies:
        attached = good(bench.attach(ada, company))
        assert company | {"user_count": 1} == attached
    query = {"query": {"field": "external_id", "operator": "=", "value": "1"}}
    expected = ([each["id"] for each in companies[:10]], 12, True)
    answers = [
        bench.get(f"/contacts/{ada['id']}"),
        good(bench.update(ada, name="Ada")),
        good(bench.ask("POST", "/contacts/search", query))["data"][0],
        bench.get("/contacts")["data"][0],
        bench.get("/contacts/find_by_external_id/1"),
        bench.get(f"/companies/{companies[11]['id']}/contacts")["data"][0],
    ]
    assert [expected] * 6 == [_shown(each) for each in answers]
    first = {"id": companies[0]["id"], "type": "company", "url": f"/companies/{companies[0]['id']}"}
    assert first == answers[0]["companies"]["data"][0]
    assert f"/contacts/{ada['id']}/companies" == answers[0]["companies"]["url"]


@pytest.mark.parametrize("where", ["data", "companies"])
def test_companies_of_a_contact_when_listed_then_all_of_them_page_by_page(where: str) -> None:
    """Fifty a page unless asked otherwise; the next page's address leads to Intercom itself."""
    bench = Bench(attached_companies_in=where)
    ada, companies = bench.create(external_id="1"), _companies(bench, 52)
    for company in companies:
        good(bench.attach(ada, company))
    path = f"/contacts/{ada['id']}/companies"
    first = bench.get(path)
    assert (50, 52, 2) == (len(first[where]), first["total_count"], first["pages"]["total_pages"])
    assert f"https://api.intercom.io{path}?per_page=50&page=2" == first["pages"]["next"]
    second = bench.get(f"{path}?per_page=50&page=2")
    assert (["50", "51"], None) == ([each["company_id"] for each in second[where]], second["pages"]["next"])
    assert 400 == bench.ask("GET", f"{path}?per_page=151").status


def test_attach_when_repeated_then_200_and_once_at_the_limit_too() -> None:
    """Re-adding is no error, says the changelog of February 2026; a new one beyond the limit is."""
    bench = Bench(contact_company_limit=2)
    ada, companies = bench.create(external_id="1"), _companies(bench, 3)
    assert [200, 200, 200, 200] == [bench.attach(ada, companies[each]).status for each in (0, 0, 1, 0)]
    message = "Contact has reached the maximum of 2 company associations"
    assert (400, "contact_company_limit_exceeded", message) == refusal(bench.attach(ada, companies[2]))
    assert ([each["id"] for each in companies[:2]], 2, False) == _shown(bench.get(f"/contacts/{ada['id']}"))
    good(_detach(bench, ada, companies[0]))
    assert 200 == bench.attach(ada, companies[2]).status


def test_attach_when_somebody_is_unknown_or_nothing_is_named_then_is_refused() -> None:
    """The person first, then the body, then the company."""
    bench = Bench()
    ada, acme = bench.create(external_id="1"), bench.company("1")
    assert USER_NOT_FOUND == refusal(bench.attach({"id": "nobody"}, acme))
    assert COMPANY_NOT_FOUND == refusal(bench.attach(ada, {"id": "1"}))
    for body in ({}, {"id": None}, {"id": 7}, {"company_id": "1"}):
        answer = bench.ask("POST", f"/contacts/{ada['id']}/companies", body)
        assert (400, "parameter_not_found", "company not specified") == refusal(answer)
    good(bench.ask("POST", f"/contacts/{ada['id']}/archive"))
    assert USER_NOT_FOUND == refusal(bench.attach(ada, acme))
    assert USER_NOT_FOUND == refusal(bench.ask("GET", f"/contacts/{ada['id']}/companies"))


@pytest.mark.parametrize("again", [200, 404])
def test_detach_when_done_then_the_company_loses_the_person_and_again_is_by_the_setting(again: int) -> None:
    """404 both ways for who is unknown; what a second detach is answered is not known."""
    bench = Bench(detach_again=again)
    ada, acme, other = bench.create(external_id="1"), bench.company("1"), bench.company("2")
    for each in (acme, other):
        good(bench.attach(ada, each))
    assert acme | {"user_count": 0} == good(_detach(bench, ada, acme))
    assert ([other["id"]], 1, False) == _shown(bench.get(f"/contacts/{ada['id']}"))
    answer = _detach(bench, ada, acme)
    assert again == answer.status
    assert again == 200 or refusal(answer) == COMPANY_NOT_FOUND
    assert COMPANY_NOT_FOUND == refusal(_detach(bench, ada, {"id": "nobody"}))
    assert USER_NOT_FOUND == refusal(_detach(bench, {"id": "nobody"}, other))


def test_companies_when_written_with_a_contact_then_are_passed_over() -> None:
    """`companies` and `tags` in a single contact's create or update do nothing, without a word."""
    bench = Bench()
    acme = bench.company("1")
    links = {"companies": [{"company_id": "1"}, {"id": acme["id"]}, {"company_id": "2"}], "tags": [{"name": "VIP"}]}
    ada = bench.create(external_id="1", **links)
    good(bench.update(ada, **links))
    assert ([], 0, False) == _shown(bench.get(f"/contacts/{ada['id']}"))
    dump = bench.intercom.dump()
    assert (["1"], [], []) == ([each["company_id"] for each in dump["companies"]], dump["companies"][0]["contacts"], dump["tags"])  # fmt: skip


def test_membership_when_it_is_young_then_the_search_does_not_show_it_yet() -> None:
    """What hangs on a contact lags in the search as its fields do; a GET knows it at once."""
    bench = Bench(search_lag=30.0)
    ada, acme = bench.create(external_id="1"), bench.company("1")
    bench.now = START + 30
    good(bench.attach(ada, acme))
    good(bench.tag("VIP", ada))
    query = {"query": {"field": "external_id", "operator": "=", "value": "1"}}

    def seen() -> tuple[int, int]:
        [found] = good(bench.ask("POST", "/contacts/search", query))["data"]
        return found["companies"]["total_count"], found["tags"]["total_count"]

    bench.now = START + 59
    young = seen()
    at_once = _shown(bench.get(f"/contacts/{ada['id']}"))
    bench.now = START + 60
    assert ((0, 0), ([acme["id"]], 1, False), (1, 1)) == (young, at_once, seen())


def test_people_of_a_company_when_listed_then_leads_too_and_nobody_who_is_gone() -> None:
    """GET /companies/{id}/contacts, a page at a time."""
    bench = Bench()
    acme = bench.company("1")
    people = [bench.create(external_id="1"), bench.create(role="lead"), bench.create(external_id="3")]
    for each in people:
        bench.now += 1
        good(bench.attach(each, acme))
    good(bench.ask("DELETE", f"/contacts/{people[2]['id']}"))
    path = f"/companies/{acme['id']}/contacts"
    first = bench.get(f"{path}?per_page=1")
    assert (people[0]["id"], 2) == (first["data"][0]["id"], first["total_count"])
    rest = bench.get(f"{path}?starting_after={first['pages']['next']['starting_after'].replace('=', '%3D')}")
    assert [people[1]["id"]] == [each["id"] for each in rest["data"]]


def test_change_when_it_sets_companies_and_tags_then_others_have_done_so() -> None:
    """A teammate moves the person to another company, and takes every tag off."""
    bench = Bench()
    person = {"id": "ada", "external_id": "1", "companies": [{"company_id": "old"}], "tags": [{"name": "VIP"}]}
    moved = {"companies": [{"company_id": "new"}], "tags": []}
    bench.intercom.seed({"contacts": [person], "changes": [{"after": 60, "contact": {"id": "ada"}, "set": moved}]})
    bench.now += 60
    held = {each["company_id"]: each["contacts"] for each in bench.intercom.dump()["companies"]}
    assert {"old": [], "new": ["ada"]} == held
    assert [("VIP", [])] == [(each["name"], each["contacts"]) for each in bench.intercom.dump()["tags"]]
    assert 0 == bench.get("/companies?company_id=old")["user_count"]


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        (["read_companies"], ["GET /companies", "GET /contacts/{id}/companies"]),
        (["write_companies"], ["POST /companies", "POST /contacts/{id}/companies"]),
        (["read_tags"], ["GET /tags", "GET /contacts/{id}/tags"]),
        (["write_tags"], ["POST /tags", "POST /contacts/{id}/tags"]),
        (["read_contacts", "write_contacts", "events", "attributes"], []),
    ],
    ids=str,
)
def test_token_when_its_scopes_are_narrow_then_each_part_needs_its_own(scopes: list[str], allowed: list[str]) -> None:
    """Companies and tags have scopes of their own, to read and to write."""
    bench = Bench(tokens={"test-token": scopes})
    bench.intercom.seed({"contacts": [{"id": "ada", "external_id": "1"}]})
    calls = {
        "GET /companies": {}, "POST /companies": {"company_id": "1"}, "GET /contacts/{id}/companies": {},
        "POST /contacts/{id}/companies": {"id": "x"}, "GET /tags": {}, "POST /tags": {"name": "VIP"},
        "GET /contacts/{id}/tags": {}, "POST /contacts/{id}/tags": {"id": "x"},
    }  # fmt: skip
    targets = {each: each.replace("{id}", "ada").partition(" ") for each in calls}
    answers = {each: bench.ask(method, path, calls[each]) for each, (method, _, path) in targets.items()}
    assert allowed == [each for each, answer in answers.items() if answer.status != 401]
    assert all(code(answer) == (401, "token_unauthorized") for answer in answers.values() if answer.status == 401)
