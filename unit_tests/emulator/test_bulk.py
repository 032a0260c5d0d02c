"""Bulk jobs: which calls are taken, how jobs proceed, and what their items do."""

from typing import Any

import pytest

from unit_tests.emulator.bench import START, Bench, code, decoded, good, refusal

ABSENT = (400, "intercom_version_invalid")


def _created(bench: Bench, *items: object) -> str:
    """Create contacts in bulk and return the state of the job."""
    state: str = bench.job(bench.bulk("POST", "", *items))["state"]
    return state


def _updated(bench: Bench, *items: object) -> str:
    state: str = bench.job(bench.bulk("PUT", "", *items))["state"]
    return state


def _people(bench: Bench, **wanted: object) -> list[dict[str, Any]]:
    contacts = bench.intercom.dump()["contacts"]
    return [each for each in contacts if wanted.items() <= each.items()]


def test_job_when_it_takes_time_then_is_pending_runs_and_completes_item_by_item() -> None:
    """Two seconds of waiting, four for four items: each contact is there when its turn has come."""
    bench = Bench(bulk_wait=2.0, bulk_duration=4.0)
    answer = bench.bulk("POST", "", *({"external_id": str(number)} for number in range(4)))
    submitted = decoded(answer)
    assert ("contacts.bulk.job", "pending", None) == (submitted["type"], submitted["state"], submitted["completed_at"])
    assert f"https://api.intercom.io/contacts/bulk/{submitted['id']}" == submitted["url"]
    polls = []
    seen = []
    for seconds in (1.9, 2, 2.9, 3, 5.9, 6):
        bench.now = START + seconds
        polls.append(bench.job(answer))
        states = (polls[-1]["state"], polls[-1]["tasks"][0]["state"])
        seen.append((*states, len(_people(bench)), polls[-1]["completed_at"]))
    assert [
        ("pending", "pending", 0, None),
        ("running", "running", 0, None),
        ("running", "running", 0, None),
        ("running", "running", 1, None),
        ("running", "running", 3, None),
        ("completed", "completed", 4, int(START + 6)),
    ] == seen
    assert [each["completed_at"] for each in polls] == [each["tasks"][0]["completed_at"] for each in polls]
    [task] = polls[-1]["tasks"]
    times = {key: task[key] for key in ("item_count", "created_at", "started_at", "completed_at")}
    assert {
        "item_count": 4,
        "created_at": int(START),
        "started_at": int(START + 2),
        "completed_at": int(START + 6),
    } == times
    assert [int(START + 3), int(START + 6)] == [_people(bench, external_id=each)[0]["created_at"] for each in "03"]
    assert polls[-1:] == bench.intercom.dump()["bulk_jobs"]


def test_job_when_an_item_fails_then_completes_with_errors_and_the_others_are_done() -> None:
    """One bad item does not hurt the rest, and nobody is told which one it was, or why."""
    bench = Bench()
    answer = bench.bulk("POST", "", {"external_id": "1"}, {"external_id": "2", "email": "none"}, {"external_id": "3"})
    job = bench.job(answer)
    assert ("completed_with_errors", "completed_with_errors") == (job["state"], job["tasks"][0]["state"])
    assert ["1", "3"] == [each["external_id"] for each in _people(bench)]
    assert {"id", "item_count", "state", "created_at", "started_at", "completed_at"} == job["tasks"][0].keys()


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, ("field_not_found", "contacts field must be supplied")),
        ({"contacts": None}, ("field_not_found", "contacts field must be supplied")),
        ({"contacts": []}, ("field_not_found", "contacts field must be supplied")),
        ({"contacts": {"id": "x"}}, ("type_mismatch", "contacts must be an array")),
        ({"contacts": [{"id": "x"}, "y"]}, ("type_mismatch", "each contact must be an object")),
        ({"contacts": [{"id": "x"}] * 4}, ("parameter_invalid", "maximum number of contacts per request is 3")),
    ],
)
def test_call_when_its_body_is_wrong_then_422_in_the_descriptions_words(
    method: str, body: dict[str, Any], expected: tuple[str, str]
) -> None:
    """Nothing of such a call is done."""
    bench = Bench(bulk_limit=3)
    answer = bench.ask(method, "/contacts/bulk", body, Intercom_Version="2.17")
    assert (422, *expected) == refusal(answer)
    assert [] == bench.intercom.dump()["bulk_jobs"]


@pytest.mark.parametrize(("method", "path"), [("PUT", ""), ("POST", "/delete")])
def test_call_when_a_contact_has_no_id_then_422(method: str, path: str) -> None:
    """Updates and deletions go by Intercom's id alone."""
    expected = (422, "field_not_found", "contacts must be identified by id")
    assert expected == refusal(Bench().bulk(method, path, {"id": "x"}, {"external_id": "1"}))


def test_limit_when_not_set_otherwise_then_is_a_hundred() -> None:
    """A hundred contacts a call."""
    bench = Bench()
    items = [{"external_id": str(number)} for number in range(101)]
    assert (422, "parameter_invalid") == code(bench.bulk("POST", "", *items))
    assert "completed" == _created(bench, *items[:100])
    assert 100 == len(_people(bench))


@pytest.mark.parametrize(
    ("bulk_version", "known"), [("2.17", ["2.17", "Preview"]), ("Preview", ["Preview"]), ("none", [])]
)
def test_version_when_it_has_no_bulk_then_400_or_404(bulk_version: str, known: list[str]) -> None:
    """Stable in 2.17, in Preview before that, or not there at all; what an older one answers is not known for sure."""
    bench = Bench(bulk_version=bulk_version)

    def ask(version: str) -> tuple[int, ...]:
        body = {"contacts": [{"id": "x", "external_id": version}]}
        calls = [("POST", ""), ("PUT", ""), ("POST", "/delete"), ("GET", "/job_v2_1")]
        return tuple(
            bench.ask(method, f"/contacts/bulk{path}", body, Intercom_Version=version).status for method, path in calls
        )

    versions = ("2.16", "2.17", "Preview")
    assert [(202, 202, 202, 200) if each in known else (400,) * 4 for each in versions] == [
        ask(each) for each in versions
    ]
    assert ABSENT == code(bench.ask("PUT", "/contacts/bulk", {}))
    bench.intercom.change_settings({"bulk_version": "none", "bulk_absent": 404})
    assert [(404,) * 4] * 3 == [ask(each) for each in versions]


def test_job_when_it_is_unknown_or_closed_then_404_and_403() -> None:
    """A call may add its task to an open job; how long one is open is not known."""
    bench = Bench(bulk_open=60.0, bulk_duration=5.0)
    unknown = (404, "job_not_found", "job job_v2_7 not found")
    assert unknown == refusal(bench.ask("GET", "/contacts/bulk/job_v2_7", Intercom_Version="2.17"))
    assert unknown == refusal(bench.bulk("POST", "", {"external_id": "1"}, job={"id": "job_v2_7"}))
    first = decoded(bench.bulk("POST", "", {"external_id": "1"}))
    bench.now += 10
    second = decoded(bench.bulk("POST", "", {"external_id": "2"}, {"external_id": "3"}, job={"id": first["id"]}))
    assert (first["id"], "running", [1, 2]) == (
        second["id"],
        second["state"],
        [each["item_count"] for each in second["tasks"]],
    )
    assert ["completed", "running"] == [each["state"] for each in second["tasks"]]
    bench.now += 50
    closed = bench.bulk("POST", "", {"external_id": "4"}, job={"id": first["id"]})
    assert (403, "forbidden", f"job {first['id']} is closed for new task updates") == refusal(closed)
    assert ["1", "2", "3"] == [each["external_id"] for each in _people(bench)]


def test_job_when_its_answer_is_lost_then_runs_all_the_same() -> None:
    """The connection breaks after the call was taken: the contacts are made, and their job's id is nobody's."""
    bench = Bench(faults=[{"endpoint": "POST /contacts/bulk", "kind": "reset_after", "first": 1}])
    bench.bulk("POST", "", {"external_id": "1"})
    assert ["completed"] == [each["state"] for each in bench.intercom.dump()["bulk_jobs"]]
    assert 1 == len(_people(bench, external_id="1"))


@pytest.mark.parametrize(
    ("bulk_cost", "counts", "expected"),
    [("call", False, [200, 199, 198]), ("item", False, [200, 125, 124]), ("item", True, [125, 124, 123])],
)
def test_quota_when_a_bulk_call_is_made_then_spends_one_or_one_for_each_item(
    bulk_cost: str, counts: bool, expected: list[int]
) -> None:
    """Whether items count is not known; a poll and any other call spend one."""
    bench = Bench(bulk_cost=bulk_cost, limit=200, remaining_counts_this_call=counts)
    answer = bench.bulk("POST", "", *({"external_id": str(number)} for number in range(75)))
    poll = bench.ask("GET", f"/contacts/bulk/{decoded(answer)['id']}", Intercom_Version="2.17")
    answers = [answer, poll, bench.ask("GET", "/me")]
    assert expected == [int(each.headers["X-RateLimit-Remaining"]) for each in answers]


def test_quota_when_a_call_costs_more_than_is_left_then_is_taken_and_nothing_is_left() -> None:
    """A body that cannot be read costs one, and so does any other call, whatever its body."""
    bench = Bench(bulk_cost="item", limit=11, remaining_counts_this_call=True)
    other: dict[str, Any] = {"contacts": [{}, {}, {}]}
    assert "10" == bench.ask("POST", "/contacts/search", other).headers["X-RateLimit-Remaining"]
    assert "9" == bench.ask("PUT", "/contacts/bulk", b"[", Intercom_Version="2.17").headers["X-RateLimit-Remaining"]
    answer = bench.bulk("POST", "", *({"external_id": str(number)} for number in range(50)))
    assert (202, "0") == (answer.status, answer.headers["X-RateLimit-Remaining"])
    assert [429, 429] == [bench.ask("GET", "/me").status, bench.bulk("POST", "", {}).status]
    bench.now += 10
    assert 200 == bench.ask("GET", "/me").status


@pytest.mark.parametrize("fields", [{"external_id": "42"}, {"email": "ADA@example.com"}], ids=str)
@pytest.mark.parametrize("state", [{}, {"archived": True}, {"deleted": True}], ids=str)
@pytest.mark.parametrize("known_email", ["conflict", "second"])
def test_create_when_somebody_has_the_external_id_or_the_email_then_fails(
    fields: dict[str, str], state: dict[str, bool], known_email: str
) -> None:
    """A strict create: either identity, gone people too, whatever the single create does with a known e-mail."""
    bench = Bench(create_with_known_email=known_email)
    bench.intercom.seed({"contacts": [{"external_id": "42", "email": "ada@example.com", "name": "Ada", **state}]})
    assert "completed_with_errors" == _created(bench, {"external_id": "43", "name": "Other", **fields})
    assert ["Ada"] == [each["name"] for each in _people(bench)]


def test_create_when_the_job_has_a_double_of_its_own_then_the_second_fails() -> None:
    """Items are carried out one after the other."""
    bench = Bench()
    assert "completed_with_errors" == _created(
        bench, {"external_id": "1", "name": "a"}, {"external_id": "1", "name": "b"}
    )
    assert ["a"] == [each["name"] for each in _people(bench)]


def test_create_when_it_is_a_lead_then_is_made_as_often_as_it_is_sent() -> None:
    """Leads are exempt from the check: a retry makes another one."""
    bench = Bench()
    bench.create(external_id="42", email="ada@example.com")
    lead = {"role": "lead", "email": "ada@example.com", "external_id": "42"}
    assert ["completed"] * 2 == [_created(bench, lead, lead) for _ in range(2)]
    assert 4 == len({each["external_id"] for each in _people(bench, role="lead")} - {"42"})


def test_create_when_fields_are_not_listed_then_they_are_passed_over() -> None:
    """What the description lists is written; email_verified and the rest is ignored, be it as wrong as it may."""
    bench = Bench()
    bench.attribute("plan")
    written = {
        "external_id": "1",
        "email": "a@b.co",
        "name": "Ada",
        "phone": "+1",
        "signed_up_at": 5,
        "last_seen_at": 6,
    }
    written |= {"owner_id": "991267459", "unsubscribed_from_emails": True, "language_override": "fr"}
    ignored = {"email_verified": "nonsense", "last_contacted_at": "nonsense", "shoe": 7}
    others = {"avatar": "https://a.b/c.png", "custom_attributes": {"plan": "pro"}, "phone": "+1"}
    assert "completed" == _created(bench, written | others | ignored)
    [ada] = _people(bench)
    assert written == {key: ada[key] for key in written}
    assert ({"plan": "pro"}, "https://a.b/c.png") == (ada["custom_attributes"], ada["avatar"]["image_url"])


@pytest.mark.parametrize(
    "fields",
    [
        {"external_id": 7},
        {"email": "none"},
        {"owner_id": "1"},
        {"avatar": "picture"},
        {"custom_attributes": ["plan"]},
        {"custom_attributes": {"plan": 7}},
        {"companies": "acme"},
        {"companies": ["acme"]},
        {"companies": [{"name": "Acme"}]},
        {"companies": [{"company_id": "1"}, {"company_id": 7}]},
        {"companies": [{"company_id": "1", "name": "x" * 256}]},
    ],
    ids=lambda fields: str(fields)[:60],
)
def test_item_when_a_value_is_wrong_then_fails_and_does_nothing(fields: dict[str, Any]) -> None:
    """Whole or not at all, created as updated."""
    bench = Bench()
    bench.attribute("plan")
    ada = bench.create(external_id="1", name="Ada")
    assert "completed_with_errors" == _created(bench, {"external_id": "2", **fields})
    assert "completed_with_errors" == _updated(bench, {"id": ada["id"], "phone": "+1", **fields})
    assert ada == bench.get(f"/contacts/{ada['id']}")
    assert [1, 0] == [len(bench.intercom.dump()[each]) for each in ("contacts", "companies")]


@pytest.mark.parametrize(
    "item",
    [{"name": "Nobody"}, {"external_id": "2", "role": "admin"}, {"external_id": "2", "signed_up_at": "x"}],
    ids=str,
)
def test_create_when_it_has_no_identity_or_a_wrong_field_then_fails(item: dict[str, Any]) -> None:
    """What only a create may set."""
    bench = Bench()
    assert ("completed_with_errors", []) == (_created(bench, item), _people(bench))


def test_update_when_it_names_fields_then_they_change_and_some_are_passed_over_without_a_word() -> None:
    """signed_up_at, last_seen_at, email_verified and role are no fields of an update, and the job completes."""
    bench = Bench()
    ada = bench.create(external_id="1", email="a@b.co", name="Ada", signed_up_at=5)
    bench.now += 9
    ignored = {"signed_up_at": 7, "last_seen_at": 7, "email_verified": True, "role": "lead", "shoe": 1}
    written = {"external_id": "2", "email": "c@d.co", "name": "Eve", "phone": "+1", "language_override": "fr"}
    assert "completed" == _updated(bench, {"id": ada["id"], **written, **ignored})
    expected = ada | written | {"email_domain": "d.co", "updated_at": int(bench.now)}
    assert expected == bench.get(f"/contacts/{ada['id']}")


@pytest.mark.parametrize(
    ("bulk_null", "state", "kept"),
    [
        ("clear", "completed", {"name": None, "custom_attributes": {"plan": None, "seats": 6}}),
        ("ignore", "completed", {"name": "Ada", "custom_attributes": {"plan": "pro", "seats": 6}}),
        ("fail", "completed_with_errors", {"name": "Ada", "custom_attributes": {"plan": "pro", "seats": 5}}),
    ],
)
@pytest.mark.parametrize("where", ["field", "attribute", "both"])
def test_update_when_it_has_a_null_then_by_the_setting(
    bulk_null: str, state: str, kept: dict[str, Any], where: str
) -> None:
    """What null does in bulk is not documented, neither in a field nor in an attribute."""
    bench = Bench(bulk_null=bulk_null)
    bench.attribute("plan")
    bench.attribute("seats", "integer")
    ada = bench.create(external_id="1", name="Ada", custom_attributes={"plan": "pro", "seats": 5})
    item: dict[str, Any] = {"id": ada["id"], "custom_attributes": {"seats": 6}}
    expected: dict[str, Any] = {
        "name": "Ada",
        "custom_attributes": {"plan": "pro", "seats": kept["custom_attributes"]["seats"]},
    }
    if where != "attribute":
        item["name"], expected["name"] = None, kept["name"]
    if where != "field":
        item["custom_attributes"]["plan"] = None
        expected["custom_attributes"]["plan"] = kept["custom_attributes"]["plan"]
    assert state == _updated(bench, item)
    changed = bench.get(f"/contacts/{ada['id']}")
    assert expected == {key: changed[key] for key in expected}


def test_create_when_it_has_nulls_then_they_are_as_if_not_sent() -> None:
    """There is nothing to clear."""
    bench = Bench(bulk_null="fail")
    bench.attribute("plan")
    item = {"external_id": "1", "email": None, "name": None, "companies": None, "custom_attributes": {"plan": None}}
    assert "completed" == _created(bench, item)
    assert [{}] == [each["custom_attributes"] for each in _people(bench, external_id="1")]


@pytest.mark.parametrize(
    ("bulk_unknown_attribute", "state", "name"),
    [("fail", "completed_with_errors", None), ("ignore", "completed", "Ada")],
)
def test_item_when_an_attribute_is_unknown_then_by_the_setting(
    bulk_unknown_attribute: str, state: str, name: str | None
) -> None:
    """It fails the item, as in a single write, or is passed over as an unknown field is: not documented."""
    bench = Bench(bulk_unknown_attribute=bulk_unknown_attribute)
    bench.attribute("plan")
    ada = bench.create(external_id="1")
    item = {"name": "Ada", "custom_attributes": {"plan": "pro", "none": 1}}
    assert [state] * 2 == [_updated(bench, {"id": ada["id"], **item}), _created(bench, {"external_id": "2", **item})]
    custom = [{}] if name is None else [{"plan": "pro"}] * 2
    assert (name, custom) == (
        bench.get(f"/contacts/{ada['id']}")["name"],
        [each["custom_attributes"] for each in _people(bench)],
    )


@pytest.mark.parametrize(
    ("update_with_known_email", "state"), [("conflict", "completed_with_errors"), ("take", "completed")]
)
def test_update_when_the_email_is_anothers_then_as_in_a_single_update(update_with_known_email: str, state: str) -> None:
    """One setting for both, for neither is known."""
    bench = Bench(update_with_known_email=update_with_known_email)
    ada = bench.create(external_id="1")
    bench.create(external_id="2", email="b@b.co")
    assert state == _updated(bench, {"id": ada["id"], "email": "b@b.co"})
    assert ("b@b.co" if state == "completed" else "") == bench.get(f"/contacts/{ada['id']}")["email"]


@pytest.mark.parametrize(("bulk_gone", "state"), [("fail", "completed_with_errors"), ("ignore", "completed")])
@pytest.mark.parametrize("gone", [{"archived": True}, {"deleted": True}, {"merged_into": "ada"}], ids=str)
def test_update_when_the_contact_is_gone_then_by_the_setting_and_an_unknown_one_fails(
    bulk_gone: str, state: str, gone: dict[str, Any]
) -> None:
    """Archived, deleted or merged: the item fails, or nothing is done and nothing said."""
    bench = Bench(bulk_gone=bulk_gone)
    bench.intercom.seed({"contacts": [{"id": "ada", "external_id": "1"}, {"id": "gone", "external_id": "2", **gone}]})
    item = {"id": "gone", "name": "x", "tags": {"add": []}, "companies": [{"company_id": "1"}]}
    assert state == _updated(bench, item, {"id": "ada", "name": "x"})
    assert {"ada": "x", "gone": None} == {each["id"]: each["name"] for each in _people(bench)}
    assert [] == bench.intercom.dump()["companies"]
    assert "completed_with_errors" == _updated(bench, {"id": "nobody", "name": "x"})


def test_companies_when_in_an_item_then_are_made_named_attached_and_removed() -> None:
    """In bulk they are honoured: by our company_id, with a name for those that lack it; `remove` in updates alone."""
    bench = Bench(company_race=60.0)
    old = bench.company("old", name="Old")
    item = {
        "external_id": "1",
        "companies": [{"company_id": "old", "name": "Renamed", "remove": True}, {"company_id": "new"}],
    }
    assert "completed" == _created(bench, item)
    [ada] = _people(bench)
    held = {each["company_id"]: (each.get("name"), each["contacts"]) for each in bench.intercom.dump()["companies"]}
    assert {"old": ("Renamed", [ada["id"]]), "new": (None, [ada["id"]])} == held
    changes = [
        {"company_id": "old", "remove": True},
        {"company_id": "never", "remove": True},
        {"company_id": "third", "name": "3"},
    ]
    assert "completed" == _updated(bench, {"id": ada["id"], "companies": changes})
    held = {each["company_id"]: (each.get("name"), each["contacts"]) for each in bench.intercom.dump()["companies"]}
    assert {"old": ("Renamed", []), "new": (None, [ada["id"]]), "third": ("3", [ada["id"]])} == held
    assert 0 == bench.get(f"/companies/{old['id']}")["user_count"]
    bench.intercom.change_settings({"contact_company_limit": 2})
    assert "completed" == _updated(bench, {"id": ada["id"], "companies": [{"company_id": "beyond"}]})
    assert 2 == bench.get(f"/contacts/{ada['id']}")["companies"]["total_count"]


def test_tags_when_in_an_item_then_known_ids_are_added_and_removed_and_others_skipped() -> None:
    """Best effort: by the ids of existing tags; removal in updates alone; a skipped one does not fail the item."""
    bench = Bench()
    vip, new = (good(bench.ask("POST", "/tags", {"name": each}))["id"] for each in ("VIP", "New"))
    tags = {"add": [{"id": vip}, {"id": "1"}, {"id": int(new)}, {"name": "New"}, "x"], "remove": [{"id": vip}]}
    assert "completed" == _created(bench, {"external_id": "1", "tags": tags})
    [ada] = _people(bench)

    def borne() -> list[str]:
        return [each["name"] for each in bench.get(f"/contacts/{ada['id']}/tags")["data"]]

    assert ["VIP"] == borne()
    changes = {"add": [{"id": new}], "remove": [{"id": vip}, {"id": "1"}]}
    assert "completed" == _updated(bench, {"id": ada["id"], "tags": changes})
    assert ["New"] == borne()
    for odd in ("x", {"add": "x"}, {"remove": None}):
        assert "completed" == _updated(bench, {"id": ada["id"], "tags": odd})
    assert (["New"], ["VIP", "New"]) == (borne(), [each["name"] for each in bench.get("/tags")["data"]])


def test_tags_when_they_lag_then_come_after_the_job_says_that_it_is_complete() -> None:
    """Tags are applied asynchronously, and nothing tells when; a contact that is gone by then gets none."""
    bench = Bench(bulk_tag_lag=30.0)
    vip = good(bench.ask("POST", "/tags", {"name": "VIP"}))
    items = [{"external_id": each, "tags": {"add": [{"id": vip["id"]}]}} for each in "12"]
    assert "completed" == _created(bench, *items)
    first, second = _people(bench)
    bench.now = START + 29
    good(bench.ask("DELETE", f"/contacts/{second['id']}"))
    assert [] == bench.intercom.dump()["tags"][0]["contacts"]
    bench.now = START + 30
    assert [first["id"]] == bench.intercom.dump()["tags"][0]["contacts"]


def test_delete_when_in_bulk_then_they_are_gone_and_a_missing_one_fails_its_item() -> None:
    """For good, by Intercom's id."""
    bench = Bench()
    ada, bob = bench.create(external_id="1"), bench.create(external_id="2")
    good(bench.ask("POST", f"/contacts/{bob['id']}/archive"))
    assert "completed" == bench.job(bench.bulk("POST", "/delete", {"id": ada["id"]}, {"id": bob["id"]}))["state"]
    assert 2 == len(_people(bench, deleted=True))
    for each in (ada["id"], "nobody"):
        assert "completed_with_errors" == bench.job(bench.bulk("POST", "/delete", {"id": each}))["state"]


def test_contact_when_others_change_it_while_its_job_is_under_way_then_time_does_not_run_backwards() -> None:
    """Nobody calls for a minute: a change of second 40 and an item of second 20 both happen, and the search sees both."""
    bench = Bench(bulk_duration=20.0, search_lag=5.0)
    ada = bench.create(external_id="1")
    bench.intercom.seed({"changes": [{"after": 40, "contact": {"id": ada["id"]}, "set": {"phone": "+1"}}]})
    bench.bulk("PUT", "", {"id": ada["id"], "name": "Ada"})
    bench.now += 60
    query = {"query": {"field": "external_id", "operator": "=", "value": "1"}}
    [found] = good(bench.ask("POST", "/contacts/search", query))["data"]
    assert ("Ada", "+1", int(START + 40)) == (found["name"], found["phone"], found["updated_at"])


def test_contacts_of_a_job_when_searched_then_appear_after_the_lag() -> None:
    """The lag counts from when the item was carried out, not from the call."""
    bench = Bench(bulk_duration=10.0, search_lag=30.0, event_lag=5.0)
    bench.bulk("POST", "", {"external_id": "1"})
    seen = []
    for seconds in (14, 15, 39, 40):
        bench.now = START + seconds
        seen.append((bench.send(user_id="1", created_at=seconds).status, bench.found("external_id", "=", "1")))
    assert [(404, []), (202, []), (202, []), (202, ["1"])] == seen


def test_reset_when_jobs_are_under_way_then_there_are_none() -> None:
    """A new start has no work ahead."""
    bench = Bench(bulk_duration=10.0)
    bench.bulk("POST", "", {"external_id": "1"})
    bench.intercom.reset()
    bench.now += 60
    assert ([], []) == (_people(bench), bench.intercom.dump()["bulk_jobs"])
