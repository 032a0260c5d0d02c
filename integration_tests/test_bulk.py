"""Contacts in bulk, through the whole pipeline: each answer that Intercom may have for it, and what is there in the end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from integration_tests.support.contacts import Place, user, users
from integration_tests.support.harness import Result, config, record, state, write
from integration_tests.support.virtual_clock import START

CREATE, UPDATE, POLL = "POST /contacts/bulk", "PUT /contacts/bulk", "GET /contacts/bulk/{id}"
CREATE_ONE, UPDATE_ONE, READ_ONE = "POST /contacts", "PUT /contacts/{id}", "GET /contacts/{id}"
SEARCH, FIND = "POST /contacts/search", "GET /contacts/find_by_external_id/{external_id}"
BULK: dict[str, Any] = {"contacts_api": "bulk"}


def seeded(count: int, **more: Any) -> dict[str, Any]:
    """So many people whom Intercom knows."""
    return {
        "contacts": [
            {"external_id": f"u{number}", "email": f"u{number}@example.com", "name": "old"} for number in range(count)
        ],
        **more,
    }


def people(count: int, *, first: int = 0, name: str = "new", **data: Any) -> list[dict[str, Any]]:
    """A record of each, as it is to become."""
    return [
        user(f"u{number}", email=f"u{number}@example.com", name=name, **data) for number in range(first, first + count)
    ]


def run(messages: Sequence[dict[str, Any]], *, seed: dict[str, Any] | None = None, **options: Any) -> Result:
    """Write people in bulk to an Intercom with these settings, whose search lags by minutes."""
    attributes = options.pop("attributes", ("email", "name"))
    document = users(*attributes, delivery={**BULK, **options.pop("delivery", {})}, **options.pop("users", {}))
    place = Place(latency=0.08, **options)
    place.intercom.seed(seed or {})
    result = place.write(*messages, configuration=document)
    assert None is result.error
    return result


def counts(result: Result) -> tuple[int, int]:
    """The records of the only state that are taken, and that are rejected."""
    (only,) = result.states
    return only["destinationStats"]["recordCount"], only["destinationStats"]["rejectedRecordCount"]


def without_polls(result: Result) -> dict[str, int]:
    """The calls, but for those that ask for jobs and for the attributes."""
    return {name: count for name, count in result.calls.items() if name not in {POLL, "GET /data_attributes"}}


def names(result: Result) -> dict[str | None, str]:
    """Everybody's name."""
    return {each["external_id"]: each["name"] for each in result.contents["contacts"]}


@pytest.mark.parametrize(("changed", "calls"), [(0, 0), (60, 1), (600, 6)])
def test_known_people_when_some_changed_then_cost_a_search_per_150_and_a_call_per_100(changed: int, calls: int) -> None:
    """67, 77 and 167 for 10,000, and as many polls as it takes."""
    same = people(600 - changed, first=changed, name="old")
    result = run([*people(changed), *same], seed=seeded(600))
    assert {SEARCH: 4} | ({UPDATE: calls} if calls else {}) == without_polls(result)
    assert result.calls.get(POLL, 0) <= 2 * calls
    assert {"new"} if changed == 600 else {"new", "old"} if changed else {"old"} == set(names(result).values())
    assert (600, 0) == counts(result)


def test_people_when_some_are_new_then_cost_a_call_per_100_and_are_made_whole() -> None:
    """30% of them: the search by the address is made for those whom nobody knows."""
    result = run([*people(420, name="old"), *people(180, first=420)], seed=seeded(420))
    assert {SEARCH: 6, CREATE: 2} == without_polls(result)
    made = [result.contact(f"u{number}") for number in range(420, 600)]
    assert {("user", "new")} == {(each["role"], each["name"]) for each in made}
    assert result.logged("Bulk: contacts written in bulk: 180 (calls: 2, to ask for their jobs: ")
    assert result.logged("up to 64 calls at once, within the quota; contacts in bulk.")


@pytest.mark.parametrize("known", [0, 200])
def test_people_when_one_in_a_hundred_is_refused_then_that_value_is_told_and_all_others_are_delivered(
    known: int,
) -> None:
    """A job tells nothing: its people go one by one, and what is refused is known for the rest of the sync."""
    odd = "Ada\u0007"
    listed = [*people(7), *people(1, first=7, name=odd), *people(142, first=8), *people(1, first=150, name=odd)]
    result = run([*listed, *people(49, first=151)], seed=seeded(known), refused_names=[odd])
    assert (200, 0) == counts(result)
    assert 200 == len(result.contents["contacts"])
    assert {"new"} == {name for key, name in names(result).items() if key not in {"u7", "u150"}}
    assert result.logged('"name": 2 refused')
    # Of whom nothing else was to be written is unchanged.
    assert result.logged(f"delivered {198 if known else 200}")


def test_people_when_somebody_is_in_the_way_then_the_job_is_taken_apart_and_each_is_told() -> None:
    """Two of a hundred new people are archived: they are rejected, and the others are delivered, not unchanged."""
    archived = [{"external_id": f"u{number}", "archived": True} for number in (3, 50)]
    result = run(people(100), seed={"contacts": archived})
    assert (98, 2) == counts(result)
    assert result.logged("rejected as contact_archived: records 4 ")
    assert {SEARCH: 2, CREATE: 1, FIND: 100, CREATE_ONE: 2, READ_ONE: 2} == without_polls(result)
    assert result.logged("delivered 98, filtered 0")
    assert result.logged("one by one: 100, of them sent in bulk before: 100.")


@pytest.mark.parametrize("answer", ["fail", "ignore"])
def test_update_when_its_contact_was_archived_meanwhile_then_is_told_unless_intercom_passes_over_it(
    answer: str,
) -> None:
    """What the docs say of bulk: passed over without a word, it counts as delivered."""
    place = Place(bulk_gone=answer)
    place.intercom.seed(seeded(3))
    gone = place.intercom.dump()["contacts"][0]
    place.call("POST", f"/contacts/{gone['id']}/archive", {})
    result = place.write(*people(3), configuration=users(delivery=BULK))
    assert ((2, 1) if answer == "fail" else (3, 0)) == counts(result)
    assert (answer == "fail") == result.logged("contact_archived")
    assert ["new", "new"] == [result.contact(f"u{number}")["name"] for number in (1, 2)]


@pytest.mark.parametrize("answer", ["clear", "ignore", "fail"])
def test_null_when_it_clears_then_does_not_go_in_bulk(answer: str) -> None:
    """Whatever bulk makes of it, the value is cleared; what clears nothing goes in bulk."""
    messages = [user("u0", email="u0@example.com", name=None), *people(2, first=1)]
    result = run(messages, seed=seeded(3), users={"null_values": "clear"}, bulk_null=answer)
    assert [None, "new", "new"] == [result.contact(f"u{number}")["name"] for number in range(3)]
    assert {SEARCH: 1, UPDATE: 1, UPDATE_ONE: 1} == without_polls(result)


@pytest.mark.parametrize("answer", ["fail", "ignore"])
def test_attribute_when_this_sync_has_created_it_then_no_value_of_it_is_lost_in_bulk(answer: str) -> None:
    """Intercom may not know it for some seconds: the first goes by itself, and the others once that was taken."""
    messages = people(120, plan="pro")
    result = run(
        messages,
        attributes=("email", "name", {"property": "plan", "type": "string"}),
        users={"missing_attributes": "create"},
        seed=seeded(120),
        attribute_lag=5.0,
        bulk_unknown_attribute=answer,
    )
    assert {"pro"} == {each["custom_attributes"].get("plan") for each in result.contents["contacts"]}
    assert (120, 0) == counts(result)


@pytest.mark.parametrize("absent", [400, 404])
@pytest.mark.parametrize(
    ("version", "calls", "told"),
    [
        ("Preview", {UPDATE: 3}, ["Preview is tried"]),
        ("none", {UPDATE: 2, UPDATE_ONE: 150}, ["Preview is tried", "no bulk endpoint to this workspace"]),
    ],
)
def test_version_when_it_has_no_bulk_then_the_next_one_is_tried_and_then_the_standard_endpoints(
    absent: int, version: str, calls: dict[str, int], told: list[str]
) -> None:
    """Each said once, and everybody is delivered."""
    result = run(people(150), seed=seeded(150), bulk_version=version, bulk_absent=absent)
    assert {SEARCH: 1, **calls} == without_polls(result)
    assert {"new"} == set(names(result).values())
    assert [1] * len(told) == [sum(text in line for line in result.logs) for text in told]


def test_limit_when_intercom_takes_fewer_then_is_obeyed_and_said_once() -> None:
    """As its refusal names it."""
    result = run(people(100), seed=seeded(100), bulk_limit=30)
    assert {SEARCH: 1, UPDATE: 5} == without_polls(result)
    assert {"new"} == set(names(result).values())
    assert 1 == sum("no more than 30 contacts" in line for line in result.logs)


@pytest.mark.parametrize("counts_this_call", [False, True])
def test_quota_when_each_contact_counts_then_the_log_says_so_and_few_calls_are_refused(counts_this_call: bool) -> None:
    """After some bulk calls, one at a time, the rest goes one by one; no window is overdrawn by many at once."""
    result = run(
        people(600),
        seed=seeded(600),
        bulk_cost="item",
        limit=400,
        remaining_counts_this_call=counts_this_call,
    )
    assert {"new"} == set(names(result).values())
    assert 1 == sum("bulk gains nothing" in line for line in result.logs)
    assert 3 <= result.calls[UPDATE] <= 5
    assert result.contents["refused_by_quota"] <= 8


@pytest.mark.parametrize("counts_this_call", [False, True])
@pytest.mark.parametrize("others", [0, 60])
def test_quota_when_a_call_counts_as_one_then_bulk_goes_on_whatever_other_apps_do(
    counts_this_call: bool, others: int
) -> None:
    """They make calls look dearer; the window is small."""
    result = run(
        people(600),
        seed=seeded(600),
        limit=167,
        other_apps_per_window=others,
        remaining_counts_this_call=counts_this_call,
    )
    assert {SEARCH: 4, UPDATE: 6} == without_polls(result)
    assert 0 == result.contents["refused_by_quota"]


def test_job_when_it_takes_time_then_states_and_events_wait_for_it() -> None:
    """An event of somebody new is sent once the job of their contact has ended, and the state leaves after it."""
    place = Place(bulk_wait=3.0, bulk_duration=9.0)
    left: list[float] = []

    def watch(line: bytes) -> None:
        if json.loads(line)["type"] == "STATE":
            left.append(place.clock.now() - START)

    document = config(delivery=BULK)
    event = record("events", user_id="u0", name="did it", at=1_700_000_000)
    messages = [user("u0", email="u0@example.com", name="new"), state("users", 1), event, state("events", 2)]
    result = write(messages, intercom=place.intercom, clock=place.clock, configuration=document, watch=watch)
    assert None is result.error
    assert [(1, 0), (1, 0)] == [
        (each["destinationStats"]["recordCount"], each["destinationStats"]["rejectedRecordCount"])
        for each in result.states
    ]
    (job,) = result.contents["bulk_jobs"]
    assert "completed" == job["state"]
    assert min(left) >= 12.0
    assert 1 == result.calls["POST /events"]
    assert 1 == len(result.events)


def test_job_when_it_does_not_end_then_its_people_go_one_by_one_within_ten_minutes() -> None:
    """And so does everybody who comes after."""
    result = run([*people(50), *people(50, first=50)], seed=seeded(50), bulk_duration=100_000.0)
    assert {SEARCH: 2, CREATE: 1, UPDATE: 1, UPDATE_ONE: 50, CREATE_ONE: 50, FIND: 50} == without_polls(result)
    assert {"new"} == set(names(result).values())
    assert (100, 0) == counts(result)
    assert result.clock.now() - START < 600
    assert 1 == sum("had not ended after 5 minutes" in line for line in result.logs)


def test_records_of_one_person_when_they_come_after_one_another_then_are_never_in_two_open_jobs() -> None:
    """Each waits for the job before it, and the last value stays."""
    place = Place(bulk_duration=7.0)
    place.intercom.seed(seeded(2))
    pieces = [(2.0 * number, people(2, name=f"{number}")) for number in range(4)]
    result = place.write_at(*pieces, configuration=users(delivery=BULK))
    assert {"3"} == set(names(result).values())
    jobs = result.contents["bulk_jobs"]
    spans = [(each["created_at"], each["completed_at"]) for each in jobs]
    assert len(jobs) >= 2
    assert all(later[0] >= earlier[1] for earlier, later in pairwise(spans))


def test_records_of_one_person_when_many_wait_then_each_goes_soon() -> None:
    """Twenty changes that come at once, each in a batch of its own, take no two seconds each."""
    place = Place(latency=0.01)
    place.intercom.seed(seeded(1))
    pieces = [(0.6 * number, people(1, name=f"{number}")) for number in range(20)]
    result = place.write_at(*pieces, configuration=users(delivery=BULK))
    assert {"19"} == set(names(result).values())
    assert result.clock.now() - START < 20 * 1.0


@pytest.mark.parametrize("kind", ["reset_after", "stall_after", "truncate"])
def test_create_when_its_answer_is_lost_then_nobody_is_made_twice_and_the_call_is_not_repeated(kind: str) -> None:
    """They were made: each is asked for, and is as they were to be."""
    fault = {"endpoint": CREATE, "kind": kind, "at": [1]}
    result = run(people(100), seed={}, faults=[fault])
    assert (100, 0) == counts(result)
    assert {SEARCH: 2, CREATE: 1, FIND: 100} == without_polls(result)
    assert 100 == len(result.contents["contacts"])
    assert result.logged("delivered 100")


def test_create_by_the_address_when_its_answer_is_lost_then_goes_on_from_the_conflicts() -> None:
    """The search does not show them yet."""
    fault = {"endpoint": CREATE, "kind": "reset_after", "at": [1]}
    messages = [user(f"a{number}@example.com", name="new") for number in range(20)]
    result = run(
        messages,
        attributes=("name",),
        users={"identity": {"property": "user_id", "intercom_field": "email"}},
        faults=[fault],
    )
    assert {SEARCH: 1, CREATE: 1, CREATE_ONE: 20, READ_ONE: 20} == without_polls(result)
    assert 20 == len(result.contents["contacts"])


def test_update_when_its_answer_is_lost_then_is_repeated() -> None:
    """Which does no harm."""
    fault = {"endpoint": UPDATE, "kind": "reset_after", "at": [1]}
    result = run(people(100), seed=seeded(100), faults=[fault])
    assert {SEARCH: 1, UPDATE: 2} == without_polls(result)
    assert {"new"} == set(names(result).values())


REFUSALS: list[dict[str, Any]] = [
    {"status": 400, "code": "parameter_invalid"},
    {"status": 413, "code": "too_large"},
    {"status": 422, "code": "type_mismatch"},
    {"status": 403, "code": "forbidden", "message": "job job_v2_1 is closed for new task updates"},
    {"status": 403, "code": "forbidden"},
    {"status": 404, "code": "job_not_found"},
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
@pytest.mark.parametrize("endpoint", [CREATE, UPDATE])
def test_call_when_it_is_refused_then_its_people_go_one_by_one(endpoint: str, refusal: dict[str, Any]) -> None:
    """A hundred updates and as many creates: those of the endpoint that refuses go alone, and nobody is lost."""
    fault = {"endpoint": endpoint, "kind": "status", "first": 1, **refusal}
    result = run([*people(50), *people(50, first=50)], seed=seeded(50), faults=[fault])
    assert (100, 0) == counts(result)
    assert {"new"} == set(names(result).values())
    assert 50 == result.calls[CREATE_ONE if endpoint == CREATE else UPDATE_ONE]


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 404, "code": "job_not_found", "first": 2},
        {"kind": "html", "status": 502, "first": 3},
        {"kind": "null", "first": 2},
        {"kind": "status", "status": 429, "code": "rate_limit_exceeded", "first": 2},
    ],
    ids=str,
)
def test_poll_when_it_fails_then_nobody_is_lost(fault: dict[str, Any]) -> None:
    """A job that is not found is none of ours any more; else it is asked for again."""
    result = run(people(50), seed=seeded(50), bulk_duration=5.0, faults=[{"endpoint": POLL, **fault}])
    assert (50, 0) == counts(result)
    assert {"new"} == set(names(result).values())
    assert (50 if fault.get("code") == "job_not_found" else 0) == result.calls.get(UPDATE_ONE, 0)


def test_quota_when_it_refuses_bulk_calls_then_they_are_made_again() -> None:
    """A 429 was not taken."""
    faults = [
        {"endpoint": endpoint, "kind": "status", "status": 429, "code": "rate_limit_exceeded", "first": 2}
        for endpoint in (CREATE, UPDATE)
    ]
    result = run([*people(50), *people(50, first=50)], seed=seeded(50), faults=faults)
    assert {SEARCH: 2, CREATE: 3, UPDATE: 3} == without_polls(result)
    assert (100, 0) == counts(result)


def test_companies_when_people_go_in_bulk_then_ride_along() -> None:
    """One call makes each company by its id; a hundred people join in one, and who belongs already is left out."""
    place = Place()
    seed = seeded(100)
    for each in seed["contacts"][:50]:
        each["companies"] = [{"company_id": "acme", "name": "Acme"}]
    place.intercom.seed(seed)
    document = users("name", member_of=[{"property": "account"}], delivery=BULK)
    messages = [user(f"u{number}", name="old", account=["acme", "new"]) for number in range(130)]
    result = place.write(*messages, configuration=document)
    assert {SEARCH: 1, CREATE: 1, UPDATE: 1, "POST /companies": 2} == without_polls(result)
    joined = {each["company_id"]: len(each["contacts"]) for each in result.contents["companies"]}
    assert {"acme": 130, "new": 130} == joined
    again = place.write(*messages[:100], configuration=document)
    assert (100, 0) == counts(again)


def test_record_when_its_own_update_always_fails_then_is_passed_over_though_all_others_go_in_bulk() -> None:
    """That the endpoint works is shown by what a bulk call has written, once more and by itself."""
    place = Place()
    place.intercom.seed(seeded(30))
    fault = {"endpoint": UPDATE_ONE, "kind": "status", "status": 500, "matching": "poison"}
    place.intercom.change_settings({"faults": [fault]})
    poisoned = user("u29", email="poison@example.com", name="new")
    result = place.write(*people(29), poisoned, configuration=users(delivery=BULK))
    assert None is result.error
    assert (29, 1) == counts(result)
    assert result.logged("rejected: undeliverable")
    assert {"new", "old"} == set(names(result).values())


def test_tags_when_people_go_in_bulk_then_ride_along() -> None:
    """Tags are put on known and new people and taken off known ones by the calls that write them."""
    place = Place(bulk_tag_lag=5.0)
    seed = seeded(100)
    for each in seed["contacts"][:50]:
        each["tags"] = [{"name": "s: old"}, {"name": "VIP"}]
    place.intercom.seed(seed)
    tags = [{"property": "segments", "prefix": "s: ", "mode": "replace"}]
    document = users("name", tags=tags, delivery=BULK)
    messages = [user(f"u{number}", name="old", segments=["new"]) for number in range(130)]
    result = place.write(*messages, configuration=document)
    assert {SEARCH: 1, CREATE: 1, UPDATE: 1, "POST /tags": 1, "GET /tags": 1} == without_polls(result)
    assert (130, 0) == counts(result)
    place.clock.sleep(10.0)
    borne = {each["name"]: len(each["contacts"]) for each in place.intercom.dump()["tags"]}
    assert {"s: new": 130, "s: old": 0, "VIP": 50} == borne


def test_dry_run_when_people_would_go_in_bulk_then_counts_people_and_not_calls() -> None:
    """And says how many would go which way."""
    place = Place()
    place.intercom.seed(seeded(100))
    messages = [*people(100), *people(20, first=100), user("u7", email="other@example.com", name="new")]
    result = place.write(*messages, configuration=users(delivery={**BULK, "dry_run": True}))
    assert result.logged("Dry run: 20 contacts would be created, 100 updated")
    assert result.logged("Bulk: contacts that would go in bulk: 119; one by one: 1.")
    assert not any("bulk" in name for name in result.calls)


def test_standard_when_nothing_else_is_asked_for_then_no_bulk_call_is_made() -> None:
    """What has been goes on."""
    place = Place()
    place.intercom.seed(seeded(3))
    result = place.write(*people(3), configuration=users())
    assert {SEARCH: 1, UPDATE_ONE: 3} == without_polls(result)
    assert not result.logged("Bulk:")
