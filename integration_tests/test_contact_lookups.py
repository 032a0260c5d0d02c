"""Looking people up: one value that the search refuses or breaks on costs neither the others nor the run."""

from __future__ import annotations

import json
from typing import Any

import pytest

from integration_tests.support.contacts import ADDRESS, MAIL, A, Place, counts, person, steps, user, users

SEARCH = "POST /contacts/search"


def breaking(*texts: str, status: int = 400) -> list[dict[str, Any]]:
    """Faults of a search that holds one of these texts."""
    return [{"endpoint": SEARCH, "kind": "status", "status": status, "matching": text} for text in texts]


def people(count: int) -> list[dict[str, Any]]:
    """People who have long been there, with an address and no User ID."""
    return [{"id": f"{number:024x}", "email": f"p{number}@example.com", "name": "Old"} for number in range(count)]


def by_mail(*numbers: int | str, name: str = "New") -> list[dict[str, Any]]:
    """Records of these people by their address."""
    return [user(f"p{number}@example.com", name=name) for number in numbers]


@pytest.mark.parametrize("status", [400, 500])
def test_addresses_when_the_search_refuses_some_cost_no_other_person_a_lookup(status: int) -> None:
    """600 people, three of whom the search does not take: nobody is doubled, and the others stay cheap."""
    made = Place(faults=breaking("p7@", "p8@", "p9@", status=status))
    made.intercom.seed({"contacts": people(600)})
    result = made.write(*by_mail(*range(600)), configuration=users("name", **MAIL))
    assert None is result.error
    assert (600, 0) == counts(result)
    assert 600 == len(result.contents["contacts"])
    assert {"New"} == {each["name"] for each in result.contents["contacts"]}
    # Each of the three is found out by its create, which names the contact.
    assert 3 == result.calls["POST /contacts"]
    assert result.calls[SEARCH] < 150
    assert 1 == sum("each of them alone" in text for text in result.logs)


@pytest.mark.parametrize("status", [400, 500])
def test_searches_when_two_refused_batches_overlap_get_back_to_their_size(status: int) -> None:
    """A bad value in each of two batches at once teaches nothing about sizes."""
    made = Place(faults=breaking("p0@", "p299@", status=status), latency=0.3)
    made.intercom.seed({"contacts": people(1500)})
    # The second one begins while the first is being halved.
    pieces = [(0.0, by_mail(*range(150))), (2.0, by_mail(*range(150, 300))), (120.0, by_mail(*range(300, 1500)))]
    result = made.write_at(*pieces, configuration=users("name", **MAIL))
    assert (1500, 0) == counts(result)
    assert 1500 == len(result.contents["contacts"])
    last = [each["time"] for each in result.exchanges if each["path"] == "/contacts/search"]
    assert 8 == sum(time > last[0] + 100.0 for time in last)


def test_key_when_the_search_refused_it_is_not_asked_for_again_in_the_run() -> None:
    """It would take the whole question with it each time."""
    made = Place(faults=breaking("p1@"))
    made.intercom.seed({"contacts": people(5)})
    pieces = [(700.0 * number, by_mail(*range(5), name=f"n{number}")) for number in range(3)]
    result = made.write_at(*pieces, configuration=users("name", **MAIL))
    assert (15, 0) == counts(result)
    assert {"n2"} == {each["name"] for each in result.contents["contacts"]}
    refused = [each for each in result.exchanges if "p1@" in json.dumps(each["request_body"]) and each["status"] == 400]
    assert len([each for each in refused if each["path"].endswith("/search")]) <= 4


def test_address_when_its_search_is_always_a_500_holds_up_nobody() -> None:
    """Alone in its batch: a harmless search shows that it is the address, and the create finds the person."""
    made = Place(faults=breaking(ADDRESS, status=500))
    made.intercom.seed({"contacts": [person(email=ADDRESS, name="Old")]})
    began = made.clock.now()
    result = made.write(user(ADDRESS, name="New"), configuration=users("name", **MAIL))
    assert None is result.error
    assert (1, 0) == counts(result)
    assert ["New"] == [each["name"] for each in result.contents["contacts"]]
    assert made.clock.now() - began < 60.0


def test_address_when_its_search_is_always_a_500_only_beside_an_id_holds_up_nobody() -> None:
    """The address is an attribute: the person is created, and a conflict would tell."""
    made = Place(faults=breaking(ADDRESS, status=500))
    began = made.clock.now()
    result = made.write(user(email=ADDRESS, name="New"), user("u2", name="Two"), configuration=users())
    assert (2, 0) == counts(result)
    assert made.clock.now() - began < 60.0


def test_search_when_it_is_dead_for_some_minutes_doubles_nobody() -> None:
    """An outage says nothing about any value."""
    dead = {"endpoint": SEARCH, "kind": "status", "status": 500, "until_time": 200.0}
    made = Place(faults=[dead], create_with_known_email="second")
    made.intercom.seed({"contacts": people(3)})
    result = made.write(
        *[user(f"u{number}", email=f"p{number}@example.com", name="New") for number in range(3)], configuration=users()
    )
    assert (3, 0) == counts(result)
    assert 3 == len(result.contents["contacts"])


LATE = 700.0


def test_contact_when_this_run_wrote_it_long_ago_is_asked_for_again() -> None:
    """Deleted meanwhile: it is made anew, and no update is sent to nobody."""
    made = Place()
    made.intercom.seed(
        {
            "contacts": [person(external_id="u1", name="Old")],
            "changes": [{"after": 300.0, "contact": {"external_id": "u1"}, "set": {"name": "Edited"}}],
        }
    )
    pieces = [(0.0, [user(name="New")]), (LATE, [user(name="New")])]
    result = made.write_at(*pieces, configuration=users())
    assert (2, 0) == counts(result)
    assert "New" == result.contact("u1")["name"]
    assert ["search external_id", "PUT A", "search external_id", "PUT A"] == steps(result)


def test_contact_when_this_run_wrote_it_a_moment_ago_is_not_asked_for() -> None:
    """The search would be behind."""
    made = Place()
    made.intercom.seed({"contacts": [person(external_id="u1", name="Old")]})
    pieces = [(0.0, [user(name="New")]), (LATE - 200.0, [user(name="Newer")])]
    result = made.write_at(*pieces, configuration=users())
    assert ["search external_id", "PUT A", "PUT A"] == steps(result)


NOT_FOUND: dict[str, Any] = {
    "endpoint": "POST /contacts",
    "kind": "status",
    "status": 404,
    "code": "not_found",
    "message": "User Not Found",
}


@pytest.mark.parametrize("key", ["u1", ADDRESS])
def test_create_when_it_is_answered_404_once_is_made_again(key: str) -> None:
    """A race in Intercom; a second try works."""
    identity = {"property": "user_id", "intercom_field": "email" if key == ADDRESS else "external_id"}
    result = Place(faults=[{**NOT_FOUND, "at": [1]}]).write(
        user(key, name="New"), configuration=users("name", identity=identity)
    )
    assert None is result.error
    assert (1, 0) == counts(result)
    assert ["New"] == [each["name"] for each in result.contents["contacts"]]


@pytest.mark.parametrize("key", ["u1", ADDRESS])
@pytest.mark.parametrize("is_there", [True, False])
def test_create_when_it_is_answered_404_twice_asks_who_is_there(key: str, is_there: bool) -> None:
    """The person is updated if there, and else rejected: nothing is known of them."""
    field = "email" if key == ADDRESS else "external_id"
    made = Place(faults=[NOT_FOUND], search_lag=0.0)
    fault: dict[str, Any] = {
        "endpoint": SEARCH,
        "kind": "json",
        "status": 200,
        "body": {"type": "list", "data": [], "total_count": 0},
        "at": [1],
    }
    made.intercom.set_faults([NOT_FOUND, fault])
    if is_there:
        made.intercom.seed({"contacts": [person(name="Old", **{field: key})]})
    settings = users("name", identity={"property": "user_id", "intercom_field": field})
    result = made.write(user(key, name="New"), configuration=settings)
    assert None is result.error
    assert ((1, 0) if is_there else (0, 1)) == counts(result)
    assert (["New"] if is_there else []) == [each["name"] for each in result.contents["contacts"]]
    assert 2 == result.calls["POST /contacts"]


def test_archived_person_when_only_updates_are_made_is_not_found_whatever_is_done_with_archived_ones() -> None:
    """Nobody shows an archived contact but the conflict of a create, and there is none."""
    made = Place()
    made.intercom.seed({"contacts": [{**person(external_id="u1", name="Old"), "archived": True}]})
    settings = users(write_mode="update_only", archived_contacts="unarchive")
    result = made.write(user(name="New"), configuration=settings)
    assert (0, 1) == counts(result)
    assert result.logged("not_found 1")
    assert result.logged("unarchive has no effect with users.write_mode update_only")
    assert A == result.contents["contacts"][0]["id"]
