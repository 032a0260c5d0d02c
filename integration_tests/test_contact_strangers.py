"""A contact that has become another person's, an address that is another's: nobody gets what was meant for somebody else."""

from __future__ import annotations

from typing import Any

import pytest

from integration_tests.support.contacts import ADDRESS, LAG, A, B, Place, counts, person, steps, user, users
from integration_tests.support.harness import Probe, Result

OLD = person(external_id="old", name="Old")
MINUTES = 60.0


def renamed(name: str = "new", **settings: Any) -> Place:
    """An Intercom in which a teammate has just given the contact A another User ID, and the search does not show it."""
    place = Place(**settings)
    place.intercom.seed({"contacts": [OLD]})
    place.call("PUT", f"/contacts/{A}", {"external_id": name})
    return place


def puts(result: Result) -> int:
    """How many updates there were but for the ones of teammates, who write no names."""
    sent = [each for each in result.exchanges if each["method"] == "PUT"]
    return sum("name" in each["request_body"] for each in sent)


@pytest.mark.parametrize("apart", [0.0, 20.0], ids=["in one batch", "in batches of their own"])
def test_contact_when_it_became_anothers_gets_one_update_and_no_more(apart: float) -> None:
    """The answer to the first one shows it; what else comes under the old identity is rejected, and not sent."""
    place = renamed()
    pieces = [(apart * number, [user("old", name=f"n{number}")]) for number in range(4)]
    result = place.write_at(*pieces, configuration=users())
    assert None is result.error
    assert (0, 4) == counts(result)
    assert result.logged("identity_conflict 4")
    assert 1 == puts(result)


def test_contact_when_it_became_anothers_is_looked_up_again_after_ten_minutes() -> None:
    """By then the search shows that nobody bears the old identity, and a contact of its own is made."""
    place = renamed()
    pieces = [(at, [user("old", name=f"at {at:.0f}")]) for at in (0.0, 9.5 * MINUTES, 10.5 * MINUTES)]
    result = place.write_at(*pieces, configuration=users())
    assert (1, 2) == counts(result)
    assert 1 == puts(result)
    assert "at 630" == result.contact("old")["name"]


def test_contact_when_it_became_anothers_is_known_so_under_every_identity_that_leads_there() -> None:
    """Renamed twice: by the time that the search shows the one in between, the run knows better."""
    place = renamed("between")
    place.clock.sleep(MINUTES)
    place.call("PUT", f"/contacts/{A}", {"external_id": "new"})
    pieces = [(0.0, [user("old", name="1")]), (LAG - MINUTES + 5.0, [user("between", name="2")])]
    result = place.write_at(*pieces, configuration=users())
    assert (0, 2) == counts(result)
    assert result.logged("identity_conflict 2")
    assert 1 == puts(result)


def test_contact_when_it_got_a_value_of_anothers_has_its_own_put_back_by_its_next_record() -> None:
    """The search still shows what the contact had before, so that its record would count as unchanged."""
    place = renamed()
    place.clock.sleep(LAG + 1.0)
    place.call("PUT", f"/contacts/{A}", {"external_id": "newest"})
    place.clock.sleep(1.0)
    pieces = [(0.0, [user("new", name="of another")]), (LAG + 5.0, [user("newest", name="Old")])]
    result = place.write_at(*pieces, configuration=users())
    assert (1, 1) == counts(result)
    assert "Old" == result.contact("newest")["name"]


def test_contact_when_its_address_became_anothers_gets_one_update_and_no_more() -> None:
    """The same where the address is the identity."""
    place = Place()
    place.intercom.seed({"contacts": [person(email=ADDRESS, name="Old")]})
    place.call("PUT", f"/contacts/{A}", {"email": "moved@example.com"})
    pieces = [(20.0 * number, [user(ADDRESS, name=f"n{number}")]) for number in range(3)]
    settings = users("name", identity={"property": "user_id", "intercom_field": "email"})
    result = place.write_at(*pieces, configuration=settings)
    assert (0, 3) == counts(result)
    assert 1 == puts(result)


TWO = [person(external_id="u1", name="Old"), person(B, external_id="u2", email=ADDRESS, name="Two")]


@pytest.mark.parametrize(
    ("holder", "reason"),
    [
        ({"external_id": "u2"}, "identity_conflict"),
        ({}, "email_taken"),
        ({"external_id": "u2", "archived": True}, "contact_archived"),
        ({"archived": True}, "contact_archived"),
        ({"external_id": "u2", "merged_into": "5da6f18e3d7cf967e4582dff"}, "contact_merged"),
    ],
)
def test_address_when_it_is_anothers_is_left_out_of_an_update_and_counted_with_whose_it_is(
    holder: dict[str, Any], reason: str
) -> None:
    """Everything else is written, and the record is delivered."""
    place = Place()
    place.intercom.seed(
        {
            "contacts": [
                person("5da6f18e3d7cf967e4582dff", external_id="u3"),
                person(external_id="u1", name="Old"),
                person(B, email=ADDRESS, name="Two", **holder),
            ]
        }
    )
    result = place.write(user(email=ADDRESS, name="New"), configuration=users())
    assert (1, 0) == counts(result)
    assert ("New", "") == (result.contact("u1")["name"], result.contact("u1")["email"])
    assert result.logged(f'"email": 1 {reason}')


def test_address_when_intercom_does_not_say_whose_it_is_is_left_out_as_a_conflict() -> None:
    """Nobody is guessed, and the rest is written."""
    fault = {"endpoint": "PUT /contacts/{id}", "kind": "status", "status": 409, "at": [1]}
    place = Place(faults=[fault])
    place.intercom.seed({"contacts": [person(external_id="u1", name="Old")]})
    result = place.write(user(email=ADDRESS, name="New"), configuration=users())
    assert (1, 0) == counts(result)
    assert ("New", "") == (result.contact("u1")["name"], result.contact("u1")["email"])
    assert result.logged('"email": 1 conflict')


def test_address_when_updates_may_share_it_is_written() -> None:
    """As API 2.3 was recorded to do."""
    place = Place(update_with_known_email="take")
    place.intercom.seed({"contacts": TWO})
    result = place.write(user(email=ADDRESS, name="New"), configuration=users())
    assert (1, 0) == counts(result)
    assert ("New", ADDRESS) == (result.contact("u1")["name"], result.contact("u1")["email"])


def test_record_when_its_address_is_refused_takes_no_value_of_another_record_with_it() -> None:
    """Merged, they would have been one update; each goes by itself, in order."""
    place = Place()
    place.intercom.seed({"contacts": TWO})
    records = [user(email="mine@example.com", name="A"), user(email=ADDRESS, name="B"), user(name="C")]
    result = place.write(*records, configuration=users())
    assert (3, 0) == counts(result)
    assert ("C", "mine@example.com") == (result.contact("u1")["name"], result.contact("u1")["email"])
    assert result.logged('"email": 1 identity_conflict')


def moving(latency: float, *records: dict[str, Any], contacts: list[dict[str, Any]] = TWO) -> tuple[Result, float]:
    """Write records of one batch by calls that take their time; tell how long it took."""
    place = Place(search_lag=0.0)
    place.intercom.seed({"contacts": contacts})
    began = place.clock.now()
    transport = Probe(place.intercom, place.clock, lambda: latency)
    result = place.write(*records, configuration=users(), transport=transport)
    assert None is result.error
    return result, place.clock.now() - began


@pytest.mark.parametrize("latency", [0.0, 0.1, 2.0])
@pytest.mark.parametrize("first", [0, 1])
def test_address_when_it_is_handed_from_one_person_to_another_arrives(first: int, latency: float) -> None:
    """Refused at first, it is tried once more after the one who gives it up was written."""
    given, taken = user("u2", email="other@example.com"), user("u1", email=ADDRESS, name="New")
    records = [taken, given] if first else [given, taken]
    result, _ = moving(latency, *records)
    assert (2, 0) == counts(result)
    assert ("New", ADDRESS) == (result.contact("u1")["name"], result.contact("u1")["email"])
    assert "other@example.com" == result.contact("u2")["email"]
    assert not result.logged("Not sent as they were")


def test_address_when_it_is_handed_to_somebody_new_arrives() -> None:
    """The creation is tried once more, too."""
    given, taken = user("u2", email="other@example.com"), user("u9", email=ADDRESS, name="New")
    result, _ = moving(0.5, taken, given)
    assert (2, 0) == counts(result)
    assert ADDRESS == result.contact("u9")["email"]


def test_address_when_it_is_handed_on_along_a_chain_arrives_with_everybody() -> None:
    """Each waits for the one before."""
    people = [
        person(f"5da6f18e3d7cf967e4582d{number:02}", external_id=f"u{number}", email=f"a{number}@example.com")
        for number in range(4)
    ]
    records = [user(f"u{number}", email=f"a{number + 1}@example.com") for number in range(4)]
    result, _ = moving(0.1, *records, contacts=people)
    assert (4, 0) == counts(result)
    assert [f"a{number + 1}@example.com" for number in range(4)] == [
        result.contact(f"u{number}")["email"] for number in range(4)
    ]


def test_addresses_when_two_people_swap_them_are_left_out_and_nobody_waits_for_the_other() -> None:
    """No order of two updates could do it."""
    people = [person(external_id="u1", email="a1@example.com"), person(B, external_id="u2", email="a2@example.com")]
    records = [user("u1", email="a2@example.com", name="One"), user("u2", email="a1@example.com", name="Two")]
    result, seconds = moving(0.1, *records, contacts=people)
    assert (2, 0) == counts(result)
    assert ["One", "Two"] == [result.contact(key)["name"] for key in ("u1", "u2")]
    assert result.logged('"email": 2 identity_conflict')
    assert seconds < 10.0


def test_address_when_it_is_handed_on_while_both_are_known_to_the_run_arrives() -> None:
    """They are looked up no more, so that no batch keeps them together."""
    place = Place()
    place.intercom.seed({"contacts": TWO})
    first = [user("u1", name="One"), user("u2", name="Two!")]
    then = [user("u1", email=ADDRESS), user("u2", email="other@example.com")]
    result = place.write_at((0.0, first), (10.0, then), configuration=users())
    assert (4, 0) == counts(result)
    assert [ADDRESS, "other@example.com"] == [result.contact(key)["email"] for key in ("u1", "u2")]


def test_address_when_it_stays_anothers_costs_no_second_try() -> None:
    """Nobody has written the one who has it: asking again would end the same."""
    result, _ = moving(0.1, user("u1", email=ADDRESS, name="New"), user("u3", name="Three"))
    assert 2 == puts(result)
    assert ["PUT A", "GET B", "PUT A"] == [call for call in steps(result) if call.startswith(("PUT", "GET"))]


def test_people_who_share_a_new_address_are_created_one_after_the_other() -> None:
    """At once, on slow calls, neither would see the other."""
    place = Place(search_lag=LAG)
    flying: list[float] = []

    class Watch(Probe):
        def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            if f"{request.method} {request.path_url}" == "POST /contacts":
                flying.append(self.clock.now())
            return super().send(request, *args, **kwargs)

    transport = Watch(place.intercom, place.clock, lambda: 1.0)
    result = place.write(
        user("u1", email=ADDRESS), user("u2", email=ADDRESS), configuration=users(), transport=transport
    )
    assert (1, 1) == counts(result)
    assert 2 == len(flying)
    assert flying[1] - flying[0] >= 1.0


def test_contact_when_two_identities_lead_to_it_is_written_one_call_at_a_time() -> None:
    """The second waits, and sees in the meantime that the contact is not its person's."""
    place = renamed()
    transport = Probe(place.intercom, place.clock, lambda: 1.0)
    result = place.write(user("old", name="1"), user("new", name="2"), configuration=users(), transport=transport)
    assert (1, 1) == counts(result)
    assert "2" == result.contact("new")["name"]
