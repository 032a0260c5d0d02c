"""Leads through the whole pipeline: made once, whatever becomes of the answers, found again, updated and upgraded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from destination_intercom.errors import ConfigurationError, DeliveryError
from integration_tests.support.contacts import Place, counts
from integration_tests.support.fake_storage import S3_SECTION, FakeStorage
from integration_tests.support.harness import Result, ScriptedStdin, config, record, to_lines, write
from integration_tests.support.virtual_clock import START

T0 = 1_700_000_000
BY_ADDRESS = {"property": "mail", "intercom_field": "email"}
CREATE, UPDATE, SEARCH = "POST /contacts", "PUT /contacts/{id}", "POST /contacts/search"
MINUTES = 60.0


def mail(number: int) -> str:
    """The address of a person."""
    return f"p{number}@example.com"


def person(number: int = 1, **data: Any) -> dict[str, Any]:
    """A record of a person."""
    return record("users", mail=mail(number), **data)


def event(number: int = 1, second: int = 0) -> dict[str, Any]:
    """A record of an event of a person."""
    return record("events", mail=mail(number), name="Played", at=T0 + second)


def leads(*names: str, unknown_users: str = "reject", **more: Any) -> dict[str, Any]:
    """A configuration by which whoever is new becomes a lead; `more` are options of `users`, and sections."""
    sections = {name: more.pop(name) for name in ("delivery", "object_storage_config") if name in more}
    users = {
        "mode": "enabled",
        "streams": [{"stream": "users"}],
        "attributes": [{"property": name} for name in names or ("name",)],
        "create_as": "lead",
        **more,
    }
    events = {**config()["events"], "unknown_users": unknown_users}
    return config(identity=BY_ADDRESS, users=users, events=events, **sections)


def place(fault: dict[str, Any] | None = None, *, lag: float = 0.0, **more: Any) -> Place:
    """An Intercom whose creates go wrong by a fault, and whose search lags."""
    faults = [] if fault is None else [{"endpoint": CREATE, **fault}]
    return Place(search_lag=lag, faults=faults, **more)


def sent(result: Result, path: str) -> list[dict[str, Any]]:
    """The bodies that were posted to a path."""
    return [each["request_body"] for each in result.exchanges if (each["method"], each["path"]) == ("POST", path)]


Piece = tuple[float, list[dict[str, Any]] | Callable[[], None]]
EVERYTHING = {"type": "STATE", "state": {"type": "GLOBAL", "global": {"stream_states": []}, "id": 1}}


def sync(at: Place, *pieces: Piece, **more: Any) -> Result:
    """Write messages that come at their own seconds, or let something happen then; a state of all ends it."""
    made = [(when, what if callable(what) else to_lines(what)) for when, what in pieces]
    stdin = ScriptedStdin(at.clock, *made, (pieces[-1][0], to_lines([EVERYTHING])))
    return write(stdin, intercom=at.intercom, clock=at.clock, **{"configuration": leads(), **more})


def people(result: Result) -> list[tuple[str, str, str | None]]:
    """Whoever is in Intercom: the role, the address and the name."""
    return sorted((each["role"], each["email"], each["name"]) for each in result.contents["contacts"])


def owners(result: Result) -> Counter[str]:
    """How many events each contact has, by the address."""
    addresses = {each["id"]: each["email"] for each in result.contents["contacts"]}
    return Counter(addresses[each["contact_id"]] for each in result.events)


def test_lead_when_nobody_is_there_is_created_with_its_values_and_gets_its_events() -> None:
    """By Intercom's own id, and at once; Intercom makes up the User ID."""
    at = place(lag=20 * MINUTES)
    names = ("name", "email_verified", "signed_up_at")
    result = at.write(
        person(name="Ada", email_verified=True, signed_up_at="2024-05-06"), event(), configuration=leads(*names)
    )
    assert [("lead", mail(1), "Ada")] == people(result)
    (lead,) = result.contents["contacts"]
    assert (1_714_953_600, 1) == (lead["signed_up_at"], owners(result)[mail(1)])
    (created,) = sent(result, "/contacts")
    assert {"role", "email", "name", "email_verified", "signed_up_at"} == created.keys()
    (event_body,) = sent(result, "/events")
    assert {"id": lead["id"]} == {name: event_body[name] for name in ("id", "email", "user_id") if name in event_body}


def test_event_that_waited_for_its_lead_is_sent_by_its_id() -> None:
    """As soon as the lead is made; no search shows it by then."""
    at = place(lag=20 * MINUTES)
    result = sync(at, (0.0, [event()]), (5.0, [person(name="Ada")]))
    assert [("lead", mail(1), "Ada")] == people(result)
    assert (1, 2) == (owners(result)[mail(1)], result.calls["POST /events"])


def test_event_of_a_lead_in_a_later_sync_is_sent_by_its_id() -> None:
    """The search tells whose it is."""
    at = place()
    at.write(person(name="Ada"), configuration=leads())
    result = at.write(event(), configuration=leads())
    assert (1, 0) == counts(result)
    assert 1 == owners(result)[mail(1)]


def test_event_of_somebody_unknown_makes_a_lead_once() -> None:
    """And the record that comes right after it is written to that one."""
    at = place(lag=20 * MINUTES)
    result = at.write(
        event(), event(second=1), person(name="Ada"), event(second=2), configuration=leads(unknown_users="create")
    )
    assert [("lead", mail(1), "Ada")] == people(result)
    assert 3 == owners(result)[mail(1)]


@pytest.mark.parametrize("role", ["user", "lead"])
def test_person_who_is_there_is_updated_as_whatever_they_are(role: str) -> None:
    """Nobody becomes another role by it."""
    at = place()
    at.intercom.seed({"contacts": [{"role": role, "email": mail(1), "name": "Old"}]})
    result = at.write(person(name="Ada"), configuration=leads())
    assert [(role, mail(1), "Ada")] == people(result)


@pytest.mark.parametrize(
    ("mode", "name", "outcome"),
    [("update_only", "Old", "not_found"), ("create_only", "Old", "unchanged"), ("upsert", "Ada", "delivered")],
)
def test_write_mode_has_its_say_for_leads_as_for_users(mode: str, name: str, outcome: str) -> None:
    """One who is there, and one who is not."""
    at = place()
    at.intercom.seed({"contacts": [{"role": "lead", "email": mail(1), "name": "Old"}]})
    result = at.write(person(1, name="Ada"), person(2, name="Bob"), configuration=leads(write_mode=mode))
    expected = [("lead", mail(1), "Ada" if mode == "update_only" else name)]
    assert expected + ([] if mode == "update_only" else [("lead", mail(2), "Bob")]) == people(result)
    assert result.logged(f"{outcome} ") or result.logged(outcome)


def test_leads_when_several_share_an_address_are_rejected_and_no_further_one_is_made() -> None:
    """Nobody is guessed."""
    at = place()
    at.intercom.seed({"contacts": [{"role": "lead", "email": mail(1)}, {"role": "lead", "email": mail(1)}]})
    result = at.write(person(name="Ada"), configuration=leads())
    assert (0, 1) == counts(result)
    assert result.logged("ambiguous_email 1")
    assert 2 == len(people(result))


def test_lead_when_a_later_sync_names_its_user_becomes_that_user() -> None:
    """By a User ID, and the events go by that."""
    at = place()
    at.write(person(name="Ada"), event(), configuration=leads())
    by_id = config(users={**config()["users"], "attributes": [{"property": "mail", "attribute": "email"}]})
    result = at.write(
        record("users", user_id="u1", mail=mail(1)),
        record("events", user_id="u1", name="Played", at=T0 + 9),
        configuration=by_id,
    )
    assert [("user", mail(1), "Ada")] == people(result)
    assert mail(1) == result.contact("u1")["email"]
    assert 2 == owners(result)[mail(1)]


def test_lead_when_two_streams_of_one_sync_know_the_person_differently_becomes_the_user() -> None:
    """By the address it is updated and stays a lead; by the User ID it is that user from then on."""
    at = place()
    at.write(person(name="Ada"), configuration=leads())
    streams = [
        {"stream": "people", "identity_property": "mail", "intercom_field": "email"},
        {"stream": "accounts", "identity_property": "id", "attributes": [{"property": "mail", "attribute": "email"}]},
    ]
    both = config(events=None, users={**config()["users"], "attributes": [{"property": "name"}], "streams": streams})
    by_address = record("people", mail=mail(1), name="Ada L")
    result = sync(at, (0.0, [by_address]), (5.0, [record("accounts", id="u1", mail=mail(1))]), configuration=both)
    assert [("user", mail(1), "Ada L")] == people(result)
    assert mail(1) == result.contact("u1")["email"]
    assert 1 == result.calls[CREATE]


@pytest.mark.parametrize("unknown_users", ["reject", "create"])
def test_lead_whose_lookup_is_refused_is_not_created(unknown_users: str) -> None:
    """There is one, and nobody can be told of it; the other people of the batch are as ever."""
    at = Place(search_lag=0.0, faults=[{"endpoint": SEARCH, "kind": "status", "status": 400, "matching": mail(1)}])
    at.intercom.seed({"contacts": [{"role": "lead", "email": mail(1), "name": "Old"}]})
    messages = [event(1), person(1, name="Ada"), person(2, name="Bob")]
    result = sync(at, (0.0, messages), configuration=leads(unknown_users=unknown_users))
    assert [("lead", mail(1), "Old"), ("lead", mail(2), "Bob")] == people(result)
    assert (1, 2) == counts(result)
    assert result.logged("refused 1")


LOST: dict[str, dict[str, Any]] = {
    "reset before": {"kind": "reset_before"},
    "reset after": {"kind": "reset_after"},
    "stall": {"kind": "stall"},
    "stall after": {"kind": "stall_after"},
    "truncated": {"kind": "truncate"},
    "500": {"kind": "status", "status": 500},
    "500 after": {"kind": "status", "status": 500, "after": True},
    "502 page after": {"kind": "html", "status": 502, "after": True},
    "null after": {"kind": "null", "after": True},
    "404 after": {"kind": "status", "status": 404, "code": "not_found", "after": True},
}
"""Answers that do not tell whether a lead was made."""

MAKES = {
    name
    for name, fault in LOST.items()
    if fault.get("after") or fault["kind"] in {"reset_after", "stall_after", "truncate"}
}


@pytest.mark.parametrize("lag", [0.0, 30.0, 4 * MINUTES], ids=lambda lag: f"lag {lag:.0f}")
@pytest.mark.parametrize("fault", LOST)
def test_create_whose_answer_is_lost_is_never_made_again(fault: str, lag: float) -> None:
    """What was made is found and written to; else its record is rejected, and the others go on."""
    at = place({**LOST[fault], "first": 1}, lag=lag)
    at.clock.sleep(10 * MINUTES)
    pieces = [(0.0, person(1, name="Ada")), (1.0, person(2, name="Bob")), (2.0, person(1, name="Ada L"))]
    result = sync(at, *((when, [message]) for when, message in pieces))
    made = [("lead", mail(1), "Ada L")] if fault in MAKES else []
    assert [*made, ("lead", mail(2), "Bob")] == people(result)
    assert (3, 0) if made else (1, 2) == counts(result)
    assert result.logged("uncertain 2") is not bool(made)
    assert result.calls[CREATE] == 2


def test_create_that_surely_was_not_processed_is_made_again() -> None:
    """A 429 has made nothing."""
    at = place({"kind": "status", "status": 429, "first": 3})
    result = at.write(person(name="Ada"), configuration=leads())
    assert [("lead", mail(1), "Ada")] == people(result)
    assert (1, 0) == counts(result)


def test_lead_that_no_search_shows_in_time_is_uncertain_kept_and_found_after_ten_minutes() -> None:
    """What comes for it meanwhile is so, too, at no call but its lookup; its events wait. Nobody is made twice."""
    at = place({"kind": "reset_after", "first": 1}, lag=8 * MINUTES)
    storage = FakeStorage(at.clock)
    pieces = [(when * MINUTES, [person(name=f"at {when}"), event(second=when)]) for when in (0, 6, 20)]
    result = sync(
        at, *pieces, configuration=leads(object_storage_config=S3_SECTION, unknown_users="create"), storage=storage
    )
    assert [("lead", mail(1), "at 20")] == people(result)
    assert (4, 2) == counts(result)
    assert 3 == owners(result)[mail(1)]
    assert ["uncertain"] * 2 == [row["reason"] for row in storage.rows]
    assert 1 == result.calls[CREATE]


def test_creates_while_none_is_answered_are_few_and_all_others_come_through() -> None:
    """Of sixty people in an outage of four minutes, most wait for its end."""
    at = place({"kind": "html", "until_time": 4 * MINUTES})
    pieces = [(float(number), [person(number, name=f"N{number}")]) for number in range(60)]
    result = sync(at, *pieces)
    assert None is result.error
    delivered, rejected = counts(result)
    assert (60, len(people(result))) == (delivered + rejected, delivered)
    assert rejected <= 12
    assert at.clock.now() - START < 12 * MINUTES


def test_creates_when_none_is_answered_for_ten_minutes_end_the_sync() -> None:
    """As an outage of any endpoint does; no state leaves that covers what was not delivered."""
    at = place({"kind": "html"})
    pieces = [(float(number), [person(number, name=f"N{number}")]) for number in range(60)]
    result = sync(at, *pieces)
    assert isinstance(result.error, DeliveryError)
    assert "POST /contacts: no creation of a lead was answered for 1" in result.error.message
    assert 'stream "users", record ' in result.error.message
    assert [] == result.states
    assert result.calls[CREATE] < 30


def test_leads_when_too_many_are_uncertain_end_the_sync_and_the_next_one_makes_the_rest() -> None:
    """Forty creates that were on their way at once are not answered: none of their records is lost, or made twice."""
    at = place({"kind": "html", "until_time": 5.0})
    everybody = [person(number, name=f"N{number}") for number in range(40)]
    failed = sync(at, (0.0, everybody))
    assert isinstance(failed.error, DeliveryError)
    assert "POST /contacts: the creation of more than 20 leads" in failed.error.message
    assert 'stream "users", record ' in failed.error.message
    assert ([], []) == (failed.states, people(failed))
    result = sync(at, (0.0, everybody))
    assert None is result.error
    assert (40, 40) == (len(people(result)), len({each["email"] for each in result.contents["contacts"]}))


def test_lead_that_others_archived_meanwhile_is_made_anew() -> None:
    """Intercom's word on the very contact: an update finds nobody, and neither does a question."""
    at = place(lag=20 * MINUTES)

    def archive() -> None:
        (made,) = at.intercom.dump()["contacts"]
        at.call("POST", f"/contacts/{made['id']}/archive", {})

    result = sync(at, (0.0, [person(name="Ada")]), (5.0, archive), (6.0, [person(name="Bob")]))
    assert [("lead", mail(1), "Ada"), ("lead", mail(1), "Bob")] == people(result)
    assert {"Ada": True, "Bob": False} == {each["name"]: each["archived"] for each in result.contents["contacts"]}


def test_dry_run_counts_leads_apart_and_makes_none() -> None:
    """What would be created is a lead."""
    at = place()
    at.intercom.seed({"contacts": [{"role": "user", "email": mail(2), "name": "Old"}]})
    result = at.write(person(1, name="Ada"), person(2, name="Bob"), configuration=leads(delivery={"dry_run": True}))
    assert isinstance(result.error, ConfigurationError)
    assert result.logged("Dry run: 1 leads would be created, 1 updated, 0 events sent")
    assert [("user", mail(2), "Old")] == people(result)


faults = st.fixed_dictionaries(
    {"share": st.sampled_from([0.2, 0.5, 1.0]), "until_time": st.sampled_from([20.0, 60.0, 200.0])}
).flatmap(lambda when: st.sampled_from(list(LOST.values())).map(lambda fault: {**fault, **when}))


@settings(max_examples=25, deadline=None)
@given(
    plan=st.lists(
        st.tuples(st.integers(0, 3), st.booleans(), st.sampled_from([0.0, 3.0, 70.0])), min_size=1, max_size=12
    ),
    plans=st.lists(faults, max_size=3),
    searches=st.lists(faults, max_size=1),
    lag=st.sampled_from([0.0, 10.0, 100.0, 280.0]),
)
def test_leads_under_any_loss_of_answers_are_made_once_each(
    plan: list[tuple[int, bool, float]], plans: list[dict[str, Any]], searches: list[dict[str, Any]], lag: float
) -> None:
    """While the search lags less than five minutes: one lead an address, which has what was delivered last."""
    at = Place(
        search_lag=lag,
        faults=[{"endpoint": CREATE, **each} for each in plans] + [{"endpoint": SEARCH, **each} for each in searches],
    )
    now, pieces = 0.0, []
    for place_in_order, (number, is_event, apart) in enumerate(plan):
        now += apart
        message = event(number, place_in_order) if is_event else person(number, name=f"N{place_in_order}")
        pieces.append((now, [message]))
    result = sync(at, *pieces, configuration=leads(unknown_users="create"))
    assert None is result.error
    assert {1} >= set(Counter(each["email"] for each in result.contents["contacts"]).values())
    assert {"lead"} >= {each["role"] for each in result.contents["contacts"]}
    delivered, rejected = counts(result)
    assert len(plan) == delivered + rejected
    assert len(result.events) <= delivered
    # Nobody becomes a lead, either, whose search is refused.
    assert not rejected or result.logged("uncertain") or searches
    if not rejected:
        names = {mail(number): f"N{at_}" for at_, (number, is_event, _) in enumerate(plan) if not is_event}
        assert names.items() <= {each["email"]: each["name"] for each in result.contents["contacts"]}.items()
