"""Tags: making them, tagging many people in one call or one alone, and taking them off."""

from typing import Any

import pytest

from unit_tests.emulator.bench import START, Bench, code, decoded, good, refusal

USER_NOT_FOUND = (404, "not_found", "User Not Found")
TAG_NOT_FOUND = (404, "not_found", "Resource Not Found")
NONSENSE = (400, "parameter_invalid", "invalid tag parameters")
NOBODY = {"id": "f" * 24}


def _people(bench: Bench, count: int) -> list[dict[str, Any]]:
    return [bench.create(external_id=str(number)) for number in range(count)]


def _bearers(bench: Bench, name: str) -> list[str]:
    """Return the external ids of who bears a tag; [] where there is none."""
    known = {each["id"]: each["external_id"] for each in bench.intercom.dump()["contacts"]}
    return [known[one] for each in bench.intercom.dump()["tags"] if each["name"] == name for one in each["contacts"]]


def test_tag_when_made_again_in_another_case_then_is_the_same_one() -> None:
    """POST /tags makes or returns; the name stays as it was first given."""
    bench = Bench()
    made = good(bench.ask("POST", "/tags", {"name": "VIP"}))
    assert ("tag", "VIP", True) == (made["type"], made["name"], made["id"].isdecimal())
    assert made == good(bench.ask("POST", "/tags", {"name": "vip"}))
    other = good(bench.ask("POST", "/tags", {"name": "Straße"}))
    assert other == good(bench.ask("POST", "/tags", {"name": "STRASSE"}))
    shown = [{key: each[key] for key in ("type", "id", "name")} for each in (made, other)]
    assert {"type": "list", "data": shown} == bench.get("/tags")
    assert shown[0] == bench.get(f"/tags/{made['id']}")
    assert TAG_NOT_FOUND == refusal(bench.ask("GET", "/tags/1"))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": " "},
        {"name": 7},
        {"name": "x" * 256},
        {"name": "x", "users": {}},
        {"name": "x", "users": ["id"]},
        {"name": "x", "users": [{"user_id": "1"}]},
        {"name": "x", "users": [{"id": "1", "untag": True}]},
        {"name": "x", "companies": [{"name": "Acme"}]},
        {"name": "x", "users": [], "companies": []},
        {"name": "x", "id": "1", "users": []},
    ],
    ids=lambda body: str(body)[:60],
)
def test_tag_when_the_body_makes_no_sense_then_400_and_none_is_made(body: dict[str, Any]) -> None:
    """A name, and one of the things that the call may do; people by Intercom's id alone."""
    bench = Bench()
    assert NONSENSE == refusal(bench.ask("POST", "/tags", body))
    assert [] == bench.get("/tags")["data"]


def test_people_when_tagged_in_one_call_then_all_bear_the_tag_and_again_is_harmless() -> None:
    """Users and leads, one of them named twice; the tag is made by the call, and the answer says who was tagged."""
    bench = Bench()
    people = [*_people(bench, 2), bench.create(role="lead")]
    answer = good(bench.tag("VIP", *people, people[0]))
    assert [{"id": each["id"], "tagged": True} for each in people] == answer["users"]
    bench.now += 60
    assert answer == good(bench.tag("vip", *people))
    assert ["0", "1", people[2]["external_id"]] == _bearers(bench, "VIP")
    [shown] = bench.get(f"/contacts/{people[0]['id']}/tags")["data"]
    applied = {"applied_at": int(START), "applied_by": {"type": "admin", "id": "991267459"}}
    assert {"type": "tag", "id": answer["id"], "name": "VIP"} | applied == shown
    old = good(bench.ask("POST", "/tags", {"name": "VIP", "users": []}, Intercom_Version="2.15"))
    assert {"type", "id", "name"} == old.keys()


@pytest.mark.parametrize(
    ("tag_unknown", "status", "bearers", "made"),
    [("refuse", 404, [], 0), ("refuse_late", 404, ["0", "1"], 1), ("leave_out", 200, ["0", "1"], 1)],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_people_when_one_of_them_is_unknown_then_by_the_setting(
    tag_unknown: str, status: int, bearers: list[str], made: int, place: int
) -> None:
    """Whether the others are tagged by then is not known: a client must be right with each answer."""
    bench = Bench(tag_unknown=tag_unknown)
    people: list[dict[str, Any]] = _people(bench, 2)
    people.insert(place, NOBODY)
    answer = bench.tag("VIP", *people)
    assert (status, bearers, made) == (answer.status, _bearers(bench, "VIP"), len(bench.get("/tags")["data"]))
    if status == 404:
        assert USER_NOT_FOUND == refusal(answer)
    else:
        assert NOBODY["id"] not in str(decoded(answer)["users"])


@pytest.mark.parametrize("state", [{"archived": True}, {"deleted": True}, {"merged_into": "ada"}], ids=str)
def test_person_when_gone_then_counts_as_unknown(state: dict[str, Any]) -> None:
    """Who is archived, deleted or merged cannot be tagged, by either endpoint."""
    bench = Bench()
    bench.intercom.seed({"contacts": [{"id": "ada", "external_id": "1"}, {"id": "gone", "external_id": "2", **state}]})
    assert USER_NOT_FOUND == refusal(bench.tag("VIP", {"id": "ada"}, {"id": "gone"}))
    tag = good(bench.ask("POST", "/tags", {"name": "VIP"}))
    assert USER_NOT_FOUND == refusal(bench.ask("POST", "/contacts/gone/tags", {"id": tag["id"]}))


def test_people_when_more_than_fifty_then_400_unless_the_setting_allows_them() -> None:
    """Fifty a call was the advice of old pages: the bound is a setting."""
    bench = Bench()
    people = _people(bench, 51)
    assert NONSENSE == refusal(bench.tag("VIP", *people))
    assert 200 == bench.tag("VIP", *people[:50]).status
    bench.intercom.change_settings({"tag_people_limit": None})
    assert 51 == len(good(bench.tag("VIP", *people))["users"])


def test_contact_when_it_has_twelve_tags_then_shows_ten_and_lists_all() -> None:
    """Ten in any answer, with the number of all; the rest by GET /contacts/{id}/tags."""
    bench = Bench()
    ada = bench.create(external_id="1")
    tags = [good(bench.tag(f"tag {number}", ada)) for number in range(12)]
    links = bench.get(f"/contacts/{ada['id']}")["tags"]
    ids = [each["id"] for each in tags]
    assert (ids[:10], 12, True) == ([each["id"] for each in links["data"]], links["total_count"], links["has_more"])
    assert {"id": ids[0], "type": "tag", "url": f"/tags/{ids[0]}"} == links["data"][0]
    assert ids == [each["id"] for each in bench.get(f"/contacts/{ada['id']}/tags")["data"]]


def test_one_contact_when_tagged_and_untagged_then_bears_it_in_between() -> None:
    """By the tag's id, which must be there; tagging again changes nothing."""
    bench = Bench()
    ada, vip = bench.create(external_id="1"), good(bench.ask("POST", "/tags", {"name": "VIP"}))
    path = f"/contacts/{ada['id']}/tags"
    first = good(bench.ask("POST", path, {"id": vip["id"]}))
    bench.now += 60
    assert first == good(bench.ask("POST", path, {"id": vip["id"]}))
    assert ["1"] == _bearers(bench, "VIP") == bench.found("tag_id", "=", vip["id"])
    assert first == good(bench.ask("DELETE", f"{path}/{vip['id']}"))
    assert [] == _bearers(bench, "VIP") == bench.found("tag_id", "=", vip["id"])
    assert ["1"] == bench.found("tag_id", "!=", vip["id"])
    for body in ({}, {"id": 7}, {"name": "VIP"}):
        assert (400, "parameter_not_found") == code(bench.ask("POST", path, body))
    for method, suffix in (("POST", ""), ("DELETE", "/1")):
        assert TAG_NOT_FOUND == refusal(bench.ask(method, path + suffix, {"id": "1"}))
    for method, suffix in (("POST", ""), ("DELETE", f"/{vip['id']}"), ("GET", "")):
        assert USER_NOT_FOUND == refusal(bench.ask(method, f"/contacts/nobody/tags{suffix}", {"id": vip["id"]}))


@pytest.mark.parametrize("again", [200, 404])
def test_untag_when_the_contact_does_not_bear_the_tag_then_by_the_setting(again: int) -> None:
    """What a second removal is answered is not known: a retry after a lost answer meets it."""
    bench = Bench(untag_again=again)
    ada, vip = bench.create(external_id="1"), good(bench.ask("POST", "/tags", {"name": "VIP"}))
    answer = bench.ask("DELETE", f"/contacts/{ada['id']}/tags/{vip['id']}")
    assert again == answer.status
    assert again == 200 or refusal(answer) == TAG_NOT_FOUND


@pytest.mark.parametrize("operator", ["IN", "NIN", "~", "^", ">"])
def test_search_by_tag_when_the_operator_is_not_equality_then_400(operator: str) -> None:
    """tag_id is searched by = and != alone."""
    value = ["1"] if operator in ("IN", "NIN") else "1"
    body = {"query": {"field": "tag_id", "operator": operator, "value": value}}
    assert (400, "invalid_field") == code(Bench().ask("POST", "/contacts/search", body))


def test_tag_when_renamed_then_is_the_same_and_a_taken_name_is_refused() -> None:
    """By its id; the people keep it."""
    bench = Bench()
    [ada] = _people(bench, 1)
    vip, other = good(bench.tag("VIP", ada)), good(bench.ask("POST", "/tags", {"name": "Other"}))
    assert (vip["id"], "Gold") == tuple(good(bench.ask("POST", "/tags", {"id": vip["id"], "name": "Gold"}))[key] for key in ("id", "name"))  # fmt: skip
    assert ["0"] == _bearers(bench, "Gold")
    assert 200 == bench.ask("POST", "/tags", {"id": vip["id"], "name": "GOLD"}).status
    assert NONSENSE == refusal(bench.ask("POST", "/tags", {"id": other["id"], "name": "gold"}))
    assert TAG_NOT_FOUND == refusal(bench.ask("POST", "/tags", {"id": "1", "name": "New"}))


def test_tag_when_deleted_then_nobody_bears_it() -> None:
    """It is gone from people and companies, too."""
    bench = Bench()
    [ada] = _people(bench, 1)
    vip = good(bench.tag("VIP", ada))
    bench.company("1")
    good(bench.ask("POST", "/tags", {"name": "VIP", "companies": [{"company_id": "1"}]}))
    answer = bench.ask("DELETE", f"/tags/{vip['id']}")
    assert (200, b"") == (answer.status, answer.body)
    assert ([], []) == (bench.get("/tags")["data"], bench.get(f"/contacts/{ada['id']}/tags")["data"])
    assert [] == bench.company("1")["tags"]["tags"]
    assert TAG_NOT_FOUND == refusal(bench.ask("DELETE", f"/tags/{vip['id']}"))


def test_companies_when_tagged_then_show_it_and_can_be_untagged() -> None:
    """By Intercom's id or ours; an unknown company fails the call as an unknown person does."""
    bench = Bench()
    first, second = bench.company("1"), bench.company("2")
    both = [{"id": first["id"]}, {"company_id": "2"}]
    told = good(bench.ask("POST", "/tags", {"name": "VIP", "companies": both}))["companies"]
    assert [{"id": each["id"], "tagged": True} for each in (first, second)] == told
    assert [["VIP"]] * 2 == [[tag["name"] for tag in bench.company(each)["tags"]["tags"]] for each in "12"]
    untagged = [{"company_id": "1", "untag": True}]
    told = good(bench.ask("POST", "/tags", {"name": "VIP", "companies": untagged}))["companies"]
    assert [{"id": first["id"], "tagged": False}] == told
    assert [[], ["VIP"]] == [[tag["name"] for tag in bench.company(each)["tags"]["tags"]] for each in "12"]
    body = {"name": "VIP", "companies": [{"company_id": "1"}, {"company_id": "9"}]}
    assert (404, "company_not_found") == code(bench.ask("POST", "/tags", body))
    bench.intercom.change_settings({"tag_unknown": "leave_out"})
    assert [{"id": first["id"], "tagged": True}] == good(bench.ask("POST", "/tags", body))["companies"]


def test_tags_when_seeded_then_are_there_by_name_or_id_and_borne() -> None:
    """A contact's tag that is not there is made; one by its id alone gets a name of its own."""
    bench = Bench()
    bench.intercom.seed(
        {
            "tags": [{"id": "5", "name": "VIP"}, {"name": "Free"}],
            "contacts": [{"id": "ada", "external_id": "1", "tags": [{"name": "vip"}, {"name": "New"}, {"id": "77"}]}],
        }
    )
    held = [(each["name"], each["contacts"]) for each in bench.intercom.dump()["tags"]]
    assert [("VIP", ["ada"]), ("Free", []), ("New", ["ada"]), ("tag 77", ["ada"])] == held
    assert ["1"] == bench.found("tag_id", "=", "5") == bench.found("tag_id", "=", "77")


def test_fault_when_it_matches_a_person_or_a_company_then_hits_the_calls_that_name_them_by_intercoms_id() -> None:
    """One poisoned person fails the call of many; a poisoned company fails its attachment."""
    bench = Bench()
    ada, bob, acme = bench.create(external_id="ada-7"), bench.create(external_id="bob-8"), bench.company("acme-9")
    bench.intercom.set_faults([{"endpoint": "*", "kind": "status", "matching": each} for each in ("ada-7", "acme-9")])
    seen = [
        bench.tag("VIP", bob),
        bench.tag("VIP", bob, ada),
        bench.attach(bob, acme),
        bench.ask("GET", f"/companies/{acme['id']}"),
        bench.ask("DELETE", f"/contacts/{bob['id']}/companies/{acme['id']}"),
        bench.ask("GET", f"/contacts/{bob['id']}/companies"),
    ]
    assert [200, 500, 500, 500, 500, 200] == [each.status for each in seen]
