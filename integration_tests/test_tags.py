"""The tags of people, through the whole pipeline: messages in, the emulator's contents out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from integration_tests.support.harness import (
    TOKEN,
    EmulatorTransport,
    Result,
    ScriptedStdin,
    config,
    record,
    state,
    to_lines,
    write,
)
from integration_tests.support.virtual_clock import VirtualClock
from intercom_emulator import Intercom, Settings

TAG, UNTAG = "POST /tags", "DELETE /contacts/{id}/tags/{tag_id}"
NAMES, LIST = "GET /tags", "GET /contacts/{id}/tags"
SEARCH, CREATE, UPDATE = "POST /contacts/search", "POST /contacts", "PUT /contacts/{id}"
TAGGING = {TAG, UNTAG, NAMES, LIST}

ADD: dict[str, Any] = {"property": "segments"}
REPLACE: dict[str, Any] = {"property": "segments", "prefix": "Segment: ", "mode": "replace"}
OLD = ["Segment: A", "Segment: B", "VIP"]
SPOKEN = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json", "Intercom-Version": "2.16"}


def user(user_id: str, **data: Any) -> dict[str, Any]:
    """A record of a person."""
    return record("users", user_id=user_id, name=f"Name {user_id}", **data)


def known(*user_ids: str, tags: Iterable[str] = ()) -> dict[str, Any]:
    """People who are contacts already, as their records have them, with these tags."""
    names = [{"name": each} for each in tags]
    return {"contacts": [{"external_id": each, "name": f"Name {each}", "tags": names} for each in user_ids]}


def run(
    *messages: dict[str, Any],
    tags: dict[str, Any] | list[dict[str, Any]] = REPLACE,
    users: dict[str, Any] | None = None,
    intercom: Intercom | None = None,
    seed: dict[str, Any] | None = None,
    settings: dict[str, Any] | None = None,
    concurrency: int = 64,
    clock: VirtualClock | None = None,
    events: dict[str, Any] | None = None,
    dry_run: bool = False,
) -> Result:
    """Write the messages and a state, with one entry of `users.tags`, or several."""
    section = {
        "mode": "enabled",
        "streams": [{"stream": "users"}],
        "attributes": [{"property": "name"}],
        "tags": tags if isinstance(tags, list) else [tags],
        **(users or {}),
    }
    result = write(
        [*messages, state("users", 1)],
        configuration=config(users=section, events=events, delivery={"concurrency": concurrency, "dry_run": dry_run}),
        intercom=intercom,
        seed=seed,
        settings=settings,
        clock=clock,
    )
    assert dry_run or None is result.error, result.error
    return result


def counts(result: Result) -> tuple[int, int]:
    """How many records were taken, and how many rejected."""
    stats = [each["destinationStats"] for each in result.states]
    return sum(each["recordCount"] for each in stats), sum(each["rejectedRecordCount"] for each in stats)


def tags_of(intercom: Intercom, contact_id: str) -> list[str]:
    """All tags of a contact, more than ten, too; none of one that is gone."""
    answer = intercom.handle("GET", f"/contacts/{contact_id}/tags", SPOKEN, b"")
    return sorted(each["name"] for each in json.loads(answer.body).get("data", ()))


def tagged(result: Result) -> dict[str, list[str]]:
    """Who bears which tags, of those that are shown."""
    names = {each["id"]: each["name"] for each in result.contents["tags"]}
    return {
        each["external_id"]: sorted(names[tag["id"]] for tag in each["tags"]["data"])
        for each in result.contents["contacts"]
    }


def sent(result: Result, *endpoints: str) -> list[dict[str, Any]]:
    """The exchanges with these endpoints, each a method and a path, in their order."""
    return [each for each in result.exchanges if f"{each['method']} {each['path']}" in endpoints]


def tagging(result: Result) -> dict[str, int]:
    """The calls that are about tags."""
    return {name: count for name, count in result.calls.items() if name in TAGGING}


# ---------------------------------------------------------------- people who enter a tag


def test_people_when_they_are_new_or_known_then_they_bear_the_tags_that_their_records_name() -> None:
    """A name or a list of names, a text that holds a list, numbers; tags are made as needed."""
    result = run(
        user("u1", segments="VIP"),
        user("u2", segments=["VIP", " Trial ", 7, None, ""]),
        user("u3", segments='["vip", "Churned"]'),
        user("u4", segments=[]),
        user("u5"),
        tags=ADD,
        seed=known("u1", "u2", "u3", "u4"),
    )
    vip = next(each["name"] for each in result.contents["tags"] if each["name"].lower() == "vip")
    assert {
        "u1": [vip],
        "u2": sorted(["7", "Trial", vip]),
        "u3": sorted(["Churned", vip]),
        "u4": [],
        "u5": [],
    } == tagged(result)
    assert (5, 0) == counts(result)
    assert {TAG: 4} == tagging(result)
    assert result.logged("delivered 4, unchanged 1")


def test_tags_with_a_prefix_when_a_name_begins_with_it_in_any_case_then_it_is_not_put_in_front_again() -> None:
    """Names that differ in case only are one tag."""
    result = run(user("u1", segments=["A", "segment: a", "SEGMENT: B", 3]))
    assert ["SEGMENT: B", "Segment: 3", "Segment: A"] == tagged(result)["u1"]
    assert {TAG: 3} == tagging(result)


def test_tags_that_are_shown_cost_one_call_for_their_names_and_no_other() -> None:
    """In another case, too; the names are asked for once, whoever needs them."""
    people = [f"u{number}" for number in range(10)]
    result = run(*[user(each, segments=["a", "b"]) for each in people], seed=known(*people, tags=OLD))
    assert {NAMES: 1} == tagging(result)
    assert result.logged("unchanged 10")


def test_tags_when_nobody_has_any_then_their_names_are_not_asked_for() -> None:
    """Nothing has to be compared."""
    result = run(user("u1", segments=["A"]), user("u2", segments=[]), seed=known("u1", "u2"))
    assert {TAG: 1} == tagging(result)


def test_tags_when_no_record_names_any_then_nothing_is_asked() -> None:
    """However many a contact has."""
    result = run(user("u1", segments=None), user("u2"), tags=ADD, seed=known("u1", "u2", tags=OLD))
    assert {} == tagging(result)


@pytest.mark.parametrize("concurrency", [1, 256])
def test_people_who_enter_a_tag_when_they_come_together_then_fifty_go_by_one_call(concurrency: int) -> None:
    """The calls hold 50, 50 and 20 people."""
    people = [f"u{number}" for number in range(120)]
    result = run(
        *[user(each, segments=["A"]) for each in people], tags=ADD, seed=known(*people), concurrency=concurrency
    )
    assert {each: ["A"] for each in people} == tagged(result)
    assert {TAG: 3} == tagging(result)
    sizes = [len(each["request_body"]["users"]) for each in sent(result, TAG)]
    assert [20, 50, 50] == sorted(sizes)


def test_person_who_enters_many_tags_waits_once_for_all_of_them() -> None:
    """Two seconds, and not two for each."""
    clock = VirtualClock()
    began = clock.now()
    result = run(user("u1", segments=[f"T{number}" for number in range(30)]), tags=ADD, clock=clock)
    assert {TAG: 30} == tagging(result)
    assert clock.now() - began < 4.0


def test_person_who_was_tagged_when_they_come_again_then_they_are_not_tagged_again() -> None:
    """The search does not show it yet, but this run knows."""
    people = [user("u1", segments=["A"]), *[user(f"x{number}") for number in range(300)], user("u1", segments=["a"])]
    result = run(*people, tags=ADD, seed=known("u1"), settings={"search_lag": 600.0})
    assert 1 == tagging(result)[TAG]
    assert ["A"] == tagged(result)["u1"]


def test_person_with_more_than_ten_tags_when_one_is_not_shown_then_all_are_asked_for() -> None:
    """Only where it matters: not where all that the record names are shown."""
    names = [f"T{number:02}" for number in range(14)]
    shown = run(user("u1", segments=names[:10]), tags=ADD, seed=known("u1", tags=names))
    assert {NAMES: 1} == tagging(shown)
    more = run(user("u1", segments=names), tags=ADD, seed=known("u1", tags=names))
    assert {NAMES: 1, LIST: 1} == tagging(more)
    assert more.logged("unchanged 1")
    another = run(user("u1", segments=[*names, "New"]), tags=ADD, seed=known("u1", tags=names))
    assert {NAMES: 1, LIST: 1, TAG: 1} == tagging(another)


# ---------------------------------------------------------------- people who leave one


def test_tags_with_the_prefix_that_the_record_does_not_name_when_replaced_then_they_are_taken_off() -> None:
    """And no others: those without the prefix stay, and those that it names, in another case, too."""
    result = run(user("u1", segments=["a", "C"]), seed=known("u1", tags=[*OLD, "segment: d", "Segments"]))
    assert ["Segment: A", "Segment: C", "Segments", "VIP"] == tagged(result)["u1"]
    assert {NAMES: 1, TAG: 1, UNTAG: 2} == tagging(result)
    assert result.logged("delivered 1")


@pytest.mark.parametrize("empty", [[], "[]", [None], [" "]])
def test_list_that_is_empty_when_replaced_then_all_tags_with_the_prefix_are_taken_off(empty: Any) -> None:
    """It is present, and says that there are none."""
    result = run(user("u1", segments=empty), seed=known("u1", tags=OLD))
    assert {"u1": ["VIP"]} == tagged(result)


@pytest.mark.parametrize("nulls", ["ignore", "clear"])
@pytest.mark.parametrize("data", [{}, {"segments": None}, {"segments": ""}, {"segments": "  "}])
def test_cohort_that_was_emptied_by_mistake_when_replaced_then_nothing_is_taken_off(
    data: dict[str, Any], nulls: str
) -> None:
    """Absent never; null and blank under `clear` alone, where the user has said what they mean."""
    result = run(user("u1", **data), users={"null_values": nulls}, seed=known("u1", tags=OLD))
    expected = ["VIP"] if data and nulls == "clear" else OLD
    assert {"u1": expected} == tagged(result)


@pytest.mark.parametrize("data", [["A", {"name": "B"}], {"name": "B"}, True, '["A", "B'])
def test_list_that_holds_what_is_no_name_when_replaced_then_nothing_is_taken_off(data: Any) -> None:
    """It may be the name of a tag that the person has; a list that was cut off is no list."""
    result = run(user("u1", segments=data), seed=known("u1", tags=OLD))
    assert set(OLD) <= set(tagged(result)["u1"])
    assert UNTAG not in result.calls
    if not isinstance(data, str):
        assert result.logged('"tags segments": 1 no_tag')
    assert (1, 0) == counts(result)


def test_tags_of_two_properties_with_one_prefix_when_one_is_absent_then_nothing_is_taken_off() -> None:
    """The other one does not tell of all of them."""
    tags = [REPLACE, {**REPLACE, "property": "more"}]
    half = run(user("u1", segments=["A"]), tags=tags, seed=known("u1", tags=OLD))
    assert {"u1": OLD} == tagged(half)
    whole = run(user("u1", segments=["A"], more=[]), tags=tags, seed=known("u1", tags=OLD))
    assert {"u1": ["Segment: A", "VIP"]} == tagged(whole)


def test_tags_of_one_prefix_within_another_when_one_is_absent_then_its_own_are_not_taken_off() -> None:
    """What begins with both is taken off by both only."""
    tags = [REPLACE, {"property": "more", "prefix": "Segment: B-", "mode": "replace"}]
    result = run(user("u1", segments=[]), tags=tags, seed=known("u1", tags=[*OLD, "Segment: B-1"]))
    assert {"u1": ["Segment: B-1", "VIP"]} == tagged(result)


def test_person_with_more_than_ten_tags_when_replaced_then_all_are_compared() -> None:
    """Those that are not shown are taken off, too."""
    intercom = Intercom()
    names = [f"Segment: {number:02}" for number in range(14)]
    intercom.seed(known("u1", tags=names))
    result = run(user("u1", segments=["00", "13"]), intercom=intercom)
    assert {NAMES: 1, LIST: 1, UNTAG: 12} == tagging(result)
    assert ["Segment: 00", "Segment: 13"] == tags_of(intercom, result.contact("u1")["id"])


@pytest.mark.parametrize("status", [200, 404])
def test_tag_that_was_taken_off_when_the_search_shows_it_still_then_it_is_not_taken_off_again(status: int) -> None:
    """But it is put on again if a record names it again; taken off by others, too, it is off."""
    others = [user(f"x{number}") for number in range(300)]
    intercom = Intercom(Settings.from_dict({"search_lag": 600.0, "untag_again": status}))
    intercom.seed(known("u1", tags=OLD))
    same = user("u1", segments=["A"])
    first = run(same, *others, same, intercom=intercom)
    assert 1 == tagging(first)[UNTAG]
    # A second run knows nothing of the first one, and the search shows what was.
    second = run(same, intercom=intercom)
    assert 2 == tagging(second)[UNTAG]
    assert ["Segment: A", "VIP"] == tags_of(intercom, second.contact("u1")["id"])
    assert (1, 0) == counts(second)
    assert not second.logged("tag_refused")


# ---------------------------------------------------------------- records that contradict each other


def test_records_of_one_person_in_one_batch_when_they_name_different_tags_then_all_are_added() -> None:
    """And nothing is taken off; the user is warned, once."""
    result = run(
        user("u1", segments=["C"]),
        user("u1", segments=["D"]),
        user("u2", segments=["C"]),
        user("u2", segments=["c"]),
        seed=known("u1", "u2", tags=OLD),
    )
    assert {"u1": sorted([*OLD, "Segment: C", "Segment: D"]), "u2": ["Segment: C", "VIP"]} == tagged(result)
    warnings = [each for each in result.logs if "name different tags" in each]
    assert 1 == len(warnings)
    assert warnings[0].startswith('users.tags, entry 1 ("segments"): ')


def test_records_of_one_person_across_batches_when_they_name_different_tags_then_nothing_more_is_taken_off() -> None:
    """The first one took off what it did not name; from the second on, all are added."""
    others = [user(f"x{number}") for number in range(300)]
    result = run(
        user("u1", segments=["C"]),
        *others[:150],
        user("u1", segments=["D"]),
        *others[150:],
        user("u1", segments=[]),
        seed=known("u1", tags=OLD),
    )
    assert ["Segment: C", "Segment: D", "VIP"] == tagged(result)["u1"]
    assert 1 == len([each for each in result.logs if "name different tags" in each])


@pytest.mark.parametrize("apart", [0.0, 20.0])
def test_records_of_one_person_under_two_keys_when_they_name_different_tags_then_nothing_more_is_taken_off(
    apart: float,
) -> None:
    """Each stream knows the person by another identity; else each of them would take off what the other has added."""
    clock = VirtualClock()
    intercom = Intercom(clock=clock.wall)
    tags = [{"name": "Segment: a"}]
    intercom.seed({"contacts": [{"external_id": "u1", "email": "ada@example.com", "tags": tags}]})
    section = {
        "mode": "enabled",
        "streams": [{"stream": "users"}, {"stream": "mails", "identity_property": "mail", "intercom_field": "email"}],
        "tags": [REPLACE],
    }
    rows = [record("users", user_id="u1", segments=["a"]), record("mails", mail="ada@example.com", segments=["b"])]
    result = write(
        ScriptedStdin(clock, *((apart * number, to_lines([row])) for number, row in enumerate(rows))),
        configuration=config(events=None, users=section),
        intercom=intercom,
        clock=clock,
    )
    assert {"u1": ["Segment: a", "Segment: b"]} == tagged(result)
    assert result.logged("records of one person name different tags")


def test_records_of_one_person_that_go_one_by_one_when_they_name_different_tags_then_nothing_is_taken_off() -> None:
    """One of them holds a value that Intercom refuses, so that they are not written as one."""
    fault = {"endpoint": UPDATE, "kind": "status", "status": 400, "matching": "Bad"}
    result = run(
        record("users", user_id="u1", name="Bad", segments=["C"]),
        record("users", user_id="u1", name="Good", segments=["D"]),
        seed=known("u1", tags=OLD),
        settings={"faults": [fault]},
    )
    assert {"u1": sorted([*OLD, "Segment: C", "Segment: D"])} == tagged(result)
    assert "Good" == result.contact("u1")["name"]


# ---------------------------------------------------------------- what Intercom refuses


@pytest.mark.parametrize("unknown", ["refuse", "refuse_late", "leave_out"])
def test_tag_of_two_hundred_people_when_one_is_unknown_then_all_others_bear_it(unknown: str) -> None:
    """Whatever Intercom does with the others of such a call; the record of the unknown one is delivered without it."""
    clock = VirtualClock()
    intercom = Intercom(Settings.from_dict({"tag_unknown": unknown, "search_lag": 3600.0}), clock=clock.wall)
    people = [f"u{number}" for number in range(200)]
    intercom.seed(known(*people))
    gone = next(each["id"] for each in intercom.dump()["contacts"] if each["external_id"] == "u77")
    assert 200 == intercom.handle("POST", f"/contacts/{gone}/archive", SPOKEN, b"{}").status
    result = run(*[user(each, segments=["A"]) for each in people], tags=ADD, intercom=intercom, clock=clock)
    expected = {each: [] if each == "u77" else ["A"] for each in people}
    assert expected == tagged(result)
    assert (200, 0) == counts(result)
    assert {TAG: 4 if unknown == "leave_out" else 4 + 50} == tagging(result)
    assert result.logged('"tags segments": 1 tag_refused')


def test_tag_whose_name_is_refused_costs_no_record_and_is_asked_for_once() -> None:
    """The other tags are put on."""
    fault = {"endpoint": TAG, "kind": "status", "status": 400, "matching": "bad"}
    people = [f"u{number}" for number in range(60)]
    others = [user(f"x{number}") for number in range(300)]
    result = run(
        *[user(each, segments=["bad", "good"]) for each in people[:50]],
        *others,
        *[user(each, segments=["bad", "good"]) for each in people[50:]],
        tags=ADD,
        seed=known(*people),
        settings={"faults": [fault]},
        concurrency=4,
    )
    assert {each: ["good"] for each in people}.items() <= tagged(result).items()
    assert (360, 0) == counts(result)
    assert 2 + 2 == tagging(result)[TAG]
    assert result.logged('"tags segments": 60 tag_refused')


@pytest.mark.parametrize("people", [1, 40])
def test_tag_when_one_person_cannot_have_it_then_the_name_is_not_to_blame(people: int) -> None:
    """The others get it, now and later."""
    fault = {"endpoint": TAG, "kind": "status", "status": 422, "matching": "poisoned"}
    named = ["poisoned", *[f"u{number}" for number in range(people - 1)]]
    result = run(
        *[user(each, segments=["A"]) for each in named],
        *[user(f"x{number}") for number in range(300)],
        user("late", segments=["A"]),
        tags=ADD,
        seed=known(*named, "late"),
        settings={"faults": [fault]},
        concurrency=4,
    )
    bearing = [name for name, tags in tagged(result).items() if tags == ["A"]]
    assert sorted([*named[1:], "late"]) == sorted(bearing)
    assert result.logged('"tags segments": 1 tag_refused')


def test_tag_that_may_not_be_taken_off_stays_and_is_counted() -> None:
    """The record is delivered, and the tags that it names are put on."""
    fault = {"endpoint": UNTAG, "kind": "status", "status": 400, "at": [1]}
    result = run(user("u1", segments=["C"]), seed=known("u1", tags=OLD), settings={"faults": [fault]})
    assert {"u1": ["Segment: B", "Segment: C", "VIP"]} == tagged(result) or {
        "u1": ["Segment: A", "Segment: C", "VIP"]
    } == tagged(result)
    assert (1, 0) == counts(result)
    assert result.logged('"tags segments": 1 tag_refused')


def test_tags_when_the_answer_is_lost_then_they_are_put_on_again() -> None:
    """Which is harmless."""
    fault = {"endpoint": TAG, "kind": "reset_after", "at": [1]}
    people = [f"u{number}" for number in range(60)]
    result = run(*[user(each, segments=["A"]) for each in people], seed=known(*people), settings={"faults": [fault]})
    assert {each: ["Segment: A"] for each in people} == tagged(result)
    assert {TAG: 3} == tagging(result)
    assert ["Segment: A"] == [each["name"] for each in result.contents["tags"]]


@pytest.mark.parametrize("count", [3, 249])
def test_tag_of_very_many_people_when_one_is_poisoned_then_only_that_one_is_rejected(count: int) -> None:
    """Their group is soon taken apart, so that the poisoned one has its five minutes and nobody else waits."""
    people = [f"u{number}" for number in range(count)]
    fault = {"endpoint": TAG, "kind": "status", "status": 500, "matching": "poisoned"}
    clock = VirtualClock()
    began = clock.now()
    named = [*people[:120], "poisoned", *people[120:]]
    result = run(
        *[user(each, segments=["A"]) for each in named],
        *[user(f"x{number}", segments=["B"]) for number in range(30)],
        tags=ADD,
        seed=known(*named),
        settings={"faults": [fault]},
        clock=clock,
    )
    bearing = {name: tags for name, tags in tagged(result).items() if not name.startswith("x")}
    assert {"poisoned": [], **{each: ["A"] for each in people}} == bearing
    assert (count + 30, 1) == counts(result)
    assert result.logged(f"record {min(count, 120) + 1} of the sync was rejected: undeliverable")
    assert 300 < clock.now() - began < 360


def test_tag_of_many_people_when_there_was_an_outage_then_they_go_together_again() -> None:
    """Three attempts, one with the name alone, and the group once more: fifty calls of one each would be a waste."""
    people = [f"u{number}" for number in range(50)]
    fault = {"endpoint": TAG, "kind": "status", "status": 503, "first": 3}
    result = run(
        *[user(each, segments=["A"]) for each in people],
        tags=ADD,
        seed=known(*people),
        settings={"faults": [fault]},
        concurrency=1,
    )
    assert {each: ["A"] for each in people} == tagged(result)
    assert 5 == tagging(result)[TAG]


def test_tag_whose_name_fails_again_and_again_costs_no_record() -> None:
    """Something in front of Intercom stops it; the tag is left out for the rest of the run."""
    fault = {"endpoint": TAG, "kind": "html", "status": 403, "matching": "script"}
    people = [f"u{number}" for number in range(60)]
    result = run(
        *[user(each, segments=["<script>", "good"]) for each in people],
        tags=ADD,
        seed=known(*people),
        settings={"faults": [fault]},
    )
    assert {each: ["good"] for each in people} == tagged(result)
    assert (60, 0) == counts(result)
    assert result.logged('"tags segments": 60 tag_refused')


def test_person_who_is_rejected_or_to_stay_as_they_are_is_not_tagged() -> None:
    """With create_only people whom Intercom knows are left alone; who is created is tagged."""
    rejected = run(user("u1", segments=["A"]), users={"write_mode": "update_only"})
    assert ({}, (0, 1)) == (tagging(rejected), counts(rejected))
    people = [user("u1", segments=["A"]), user("u2", segments=["A"])]
    result = run(*people, users={"write_mode": "create_only"}, seed=known("u1", tags=OLD))
    assert {"u1": OLD, "u2": ["Segment: A"]} == tagged(result)


# ---------------------------------------------------------------- order, repetition, and what is shown


def test_event_of_a_person_when_their_record_came_before_then_it_is_sent_after_the_tags() -> None:
    """They may begin a series that looks for the tag."""
    event = record("events", user_id="u1", name="Played", at=1_700_000_000)
    result = run(
        user("u1", segments=["A"]), event, seed=known("u1"), events=config()["events"], settings={"latency": 0.1}
    )
    assert ["/tags", "/events"] == [each["path"] for each in sent(result, TAG, "POST /events")]
    assert 1 == len(result.events)


def test_people_with_companies_and_tags_are_attached_before_they_are_tagged() -> None:
    """A person's own write comes first."""
    result = run(user("u1", segments=["A"], account="c1"), users={"member_of": [{"property": "account"}]})
    paths = [each["path"] for each in result.exchanges if each["method"] == "POST"]
    attaching = f"/contacts/{result.contact('u1')['id']}/companies"
    assert ["/contacts/search", "/contacts", "/companies", attaching, "/tags"] == paths


def test_sync_when_it_is_run_again_then_the_end_is_the_same() -> None:
    """Nothing is there twice, and nothing is written that is there."""
    messages = [user("u1", segments=["A", "B"]), user("u2", segments=["b"])]
    intercom = Intercom()
    intercom.seed(known("u2", tags=["Segment: Z"]))
    first = run(*messages, intercom=intercom)
    before = dict(tagging(first))
    again = run(*messages, intercom=intercom)
    expected = {"u1": ["Segment: A", "Segment: B"], "u2": ["Segment: B"]}
    assert expected == {name: sorted(tags, key=str.lower) for name, tags in tagged(again).items()} == tagged(first)
    assert {**before, NAMES: before[NAMES] + 1} == tagging(again)


def test_dry_run_when_it_ends_then_people_are_counted_and_not_calls() -> None:
    """What they have already is read; nobody is tagged or untagged, and no tag is made."""
    people = [f"u{number}" for number in range(60)]
    result = run(
        *[user(each, segments=["A", "new"]) for each in people],
        user("made", segments=["new"]),
        seed=known(*people, tags=OLD),
        dry_run=True,
    )
    assert result.logged("1 contacts would be created, 0 updated, 61 people tagged, 60 people untagged"), result.logs
    assert {NAMES: 1} == tagging(result)
    assert dict.fromkeys(people, OLD) == tagged(result)


def test_dry_run_when_leads_would_be_created_then_nothing_is_asked_of_their_tags() -> None:
    """They have none, and are nowhere yet."""
    section = {
        "mode": "enabled",
        "streams": [{"stream": "users"}],
        "tags": [REPLACE],
        "create_as": "lead",
    }
    result = write(
        [record("users", mail="ada@example.com", segments=["A"])],
        configuration=config(
            events=None,
            users=section,
            identity={"property": "mail", "intercom_field": "email"},
            delivery={"dry_run": True},
        ),
    )
    assert result.logged("1 leads would be created, 0 updated, 1 people tagged, 0 people untagged"), result.logs
    assert {} == tagging(result)


def test_sync_with_a_latency_when_people_wait_for_one_another_then_all_of_them_are_tagged() -> None:
    """Each call takes its time, and the quota is small."""
    clock = VirtualClock()
    intercom = Intercom(Settings.from_dict({"latency": 0.3, "limit": 20}), clock=clock.wall)
    people = [f"u{number}" for number in range(300)]
    intercom.seed(known(*people[:200], tags=OLD))
    section = {
        "mode": "enabled",
        "streams": [{"stream": "users"}],
        "attributes": [{"property": "name"}],
        "tags": [REPLACE],
    }
    rows = [user(each, segments=["A", f"new{number % 7}"]) for number, each in enumerate(people)]
    result = write(
        [*rows, state("users", 1)],
        configuration=config(events=None, users=section),
        intercom=intercom,
        clock=clock,
        transport=EmulatorTransport(intercom, clock),
    )
    assert None is result.error
    named = {each: ["Segment: A", f"Segment: new{number % 7}"] for number, each in enumerate(people)}
    assert {each: named[each] + (["VIP"] if number < 200 else []) for number, each in enumerate(people)} == tagged(
        result
    )
    assert result.calls[UNTAG] == 200
