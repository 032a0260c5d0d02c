"""Events: which records become events, whose, in which order, and what becomes of those that Intercom refuses."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from integration_tests.support.harness import Probe, Result, ScriptedStdin, config, record, state, to_lines, write
from integration_tests.support.virtual_clock import START, VirtualClock
from intercom_emulator import Intercom, Settings

T0 = 1_700_000_000
U1 = {"external_id": "u1"}
ONE_PERSON = {"contacts": [U1]}
EMAIL = {"identity": {"property": "mail", "intercom_field": "email"}}


def event(**data: Any) -> dict[str, Any]:
    """An event of the person u1."""
    return record("events", **{"user_id": "u1", "name": "Played", "at": T0, **data})


def events(*streams: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A configuration that sends events only."""
    listed = streams or ({"stream": "events", "event_name_property": "name", "created_at_property": "at"},)
    document = {"mode": "enabled", "streams": list(listed), "selected_events": ["*"], **more}
    return config(users=None, events={key: value for key, value in document.items() if value is not None})


def counts(result: Result) -> tuple[int, int]:
    """The counts of the only state."""
    (only,) = result.states
    return only["destinationStats"]["recordCount"], only["destinationStats"]["rejectedRecordCount"]


def names(result: Result) -> list[str]:
    """The names of the events in Intercom."""
    return sorted(each["event_name"] for each in result.events)


def test_event_with_a_fixed_name_is_sent_whatever_is_selected_or_excluded() -> None:
    """Selection and exclusion are about names that come from a property."""
    stream = {"stream": "events", "event_name": "$identify", "created_at_property": "at"}
    result = write([event(), state("events", 1)], seed=ONE_PERSON, configuration=events(stream, selected_events=None))
    assert result.error is None
    assert ["-identify"] == names(result)


@pytest.mark.parametrize(
    ("selection", "sent"),
    [
        ({"selected_events": ["Song Played"]}, ["Song Played"]),
        ({"selected_events": ["Song*"]}, ["Song Played", "Song Shared"]),
        ({"selected_events": ["song*"]}, []),
        ({"selected_events": ["*"]}, ["Checkout", "Song Played", "Song Shared"]),
        ({"selected_events": ["*"], "excluded_events": ["Song Pl*"]}, ["-identify", "Checkout", "Song Shared"]),
        ({"selected_events": ["Song*"], "excluded_events": ["Song*"]}, []),
    ],
)
def test_event_names_from_a_property_are_selected_and_excluded(selection: dict[str, Any], sent: list[str]) -> None:
    """Exact names or prefixes; exclusion wins; the default exclusion keeps what would come back in a loop."""
    all_names = ["Song Played", "Song Shared", "Checkout", "$identify"]
    if "excluded_events" not in selection:
        all_names.append("[Intercom] Opened")
    messages = [event(name=name, at=T0 + n) for n, name in enumerate(all_names)]
    result = write([*messages, state("events", 1)], seed=ONE_PERSON, configuration=events(**selection))
    assert result.error is None
    assert sent == names(result)
    assert (len(all_names), 0) == counts(result)


def test_event_before_not_before_is_filtered() -> None:
    """The first sync does not send all history; the bound itself is sent."""
    messages = [event(at=T0 + offset) for offset in (-86400, -1, 0, 1)]
    configuration = events(not_before="2023-11-14T22:13:20Z")
    result = write([*messages, state("events", 1)], seed=ONE_PERSON, configuration=configuration)
    assert [T0, T0 + 1] == sorted(each["created_at"] for each in result.events)
    assert (4, 0) == counts(result)


def test_event_is_sent_only_if_all_global_filters_and_its_streams_own_hold() -> None:
    """A stream's own filters are added to the global ones."""
    stream = {
        "stream": "events",
        "event_name_property": "name",
        "created_at_property": "at",
        "filters": [{"property": "p.price", "operator": "greater_than", "values": ["10"]}],
    }
    settings = events(stream, filters=[{"property": "p.plan", "operator": "is", "values": ["pro", "team"]}])
    cases = [("pro", 11), ("pro", 10), ("free", 50), (None, 50), ("team", "12.5"), ("team", None)]
    messages = [event(at=T0 + n, p={"plan": plan, "price": price}) for n, (plan, price) in enumerate(cases)]
    result = write([*messages, state("events", 1)], seed=ONE_PERSON, configuration=settings)
    assert [T0, T0 + 4] == sorted(each["created_at"] for each in result.events)
    assert (6, 0) == counts(result)


def test_event_metadata_is_what_was_selected_in_its_order_and_nothing_else() -> None:
    """Scalars, links and money are sent; objects and lists are left out, counted and warned of once."""
    metadata = [
        {"property": "p.plan"},
        {"property": "p.ad.cost", "name": "cost"},
        {"property": "p.link"},
        {"property": "p.price"},
        {"property": "p.nested"},
        {"property": "p.flag"},
        {"property": "p.none"},
    ]
    data = {
        "plan": "x" * 300,
        "ad.cost": 1.5,
        "link": {"url": "https://example.com", "value": "a"},
        "price": {"amount": 100, "currency": "eur"},
        "nested": {"secret": 1},
        "flag": True,
        "none": None,
        "unselected": "no",
    }
    messages = [event(at=T0 + n, p=data) for n in range(3)]
    result = write(messages, seed=ONE_PERSON, configuration=events(metadata=metadata))
    assert result.error is None
    expected = {"plan": "x" * 255, "cost": 1.5, "link": data["link"], "price": data["price"], "flag": True}
    assert [expected] * 3 == [each["metadata"] for each in result.events]
    assert list(expected) == list(result.events[0]["metadata"])
    assert 1 == sum('"nested"' in text and "Not sent as they were" not in text for text in result.logs)
    assert result.logged('"nested": 3')


def test_event_stream_with_its_own_metadata_sends_no_global_metadata() -> None:
    """A stream's own list replaces the global one."""
    stream = {
        "stream": "events",
        "event_name_property": "name",
        "created_at_property": "at",
        "metadata": [{"property": "b"}],
    }
    result = write([event(a=1, b=2)], seed=ONE_PERSON, configuration=events(stream, metadata=[{"property": "a"}]))
    assert [{"b": 2}] == [each["metadata"] for each in result.events]


def test_event_metadata_named_date_is_sent_as_unix_seconds_or_left_out() -> None:
    """Intercom refuses a whole event for a `*_date` that is no number."""
    values = ["2023-11-14T22:13:20Z", T0 * 1000, "soon", True]
    messages = [event(at=T0 + n, renewal_date=value) for n, value in enumerate(values)]
    result = write(
        [*messages, state("events", 1)],
        seed=ONE_PERSON,
        configuration=events(metadata=[{"property": "renewal_date"}]),
    )
    assert [{"renewal_date": T0}, {"renewal_date": T0}, {}, {}] == [each["metadata"] for each in result.events]
    assert (4, 0) == counts(result)


TIMES = [
    ("2023-11-14T22:13:20Z", T0),
    ("2023-11-14 22:13:20.999", T0),
    ("2023-11-15T00:13:20+02:00", T0),
    ("2023-11-14", T0 - 80_000),
    (T0, T0),
    (T0 * 1000 + 5, T0),
    (T0 * 1_000_000, T0),
    (T0 * 1_000_000_000, T0),
    (str(T0), T0),
    (T0 + 0.9, T0),
    ("20231114T221320Z", T0),
    ("20231114221320", T0),
    ("2023-11-14T22:13:20Z+0000", T0),
    ("Wed, 15 Nov 2023 09:13:20 +1100", T0),
    ("2023-11-14T24:00:00Z", T0 + 6_400),
    ("2023-11-14 22:13:20.123456 UTC", T0),
]


@pytest.mark.parametrize(("time", "second"), TIMES)
def test_event_time_in_each_form_is_the_same_second(time: Any, second: int) -> None:
    """ISO 8601, an e-mail's date, and unix seconds to nanoseconds, as number or text."""
    result = write([event(at=time), state("events", 1)], seed=ONE_PERSON, configuration=events())
    assert result.error is None
    assert [second] == [each["created_at"] for each in result.events]


@pytest.mark.parametrize(
    "time", [None, "", "yesterday", True, [], {}, "2023-13-01", 10**30, 2024, "202403", 20231114, 0]
)
def test_event_without_a_time_is_rejected_and_never_sent(time: Any) -> None:
    """An event without a stable time would arrive again at each replay."""
    result = write([event(), event(at=time), state("events", 1)], seed=ONE_PERSON, configuration=events())
    assert result.error is None
    assert (1, 1) == counts(result)
    assert 1 == result.calls["POST /events"]
    assert result.logged("invalid_time")


def test_stream_that_feeds_two_events_and_users_at_once_writes_the_contact_first() -> None:
    """One record may be a contact and several events, and counts as one record."""
    streams = [
        {"stream": "events", "event_name": "ordered", "created_at_property": "at"},
        {"stream": "events", "event_name": "paid", "created_at_property": "paid_at"},
    ]
    settings = config(
        events={"mode": "enabled", "streams": streams},
        users={"mode": "enabled", "streams": [{"stream": "events"}], "attributes": [{"property": "name"}]},
    )
    messages = [event(user_id=f"n{n}", name=f"Name {n}", paid_at=T0 + 5) for n in range(10)]
    result = write([*messages, state("events", 1)], configuration=settings, settings={"event_lag": 20.0})
    assert result.error is None
    assert (10, 0) == counts(result)
    assert 20 == len(result.events)
    assert "Name 3" == result.contact("n3")["name"]


def test_record_of_which_one_part_is_rejected_counts_as_rejected_once() -> None:
    """A record is what its worst part is; the summary counts the parts too."""
    streams = [
        {"stream": "events", "event_name": "ordered", "created_at_property": "at"},
        {"stream": "events", "event_name": "paid", "created_at_property": "paid_at"},
    ]
    result = write(
        [event(paid_at="never"), state("events", 1)],
        seed=ONE_PERSON,
        configuration=events(*streams, selected_events=None),
    )
    assert (0, 1) == counts(result)
    assert ["ordered"] == names(result)
    assert result.logged("events delivered 1, events rejected 1")


def test_duplicate_of_a_delivered_event_is_not_sent() -> None:
    """Intercom would drop it: same person, name (as Intercom folds it), second and metadata."""
    settings = events(metadata=[{"property": "plan"}])
    messages = [event(plan="a"), event(plan="a"), event(name="PLAYED", plan="a"), event(at=T0 + 1, plan="a")]
    result = write([*messages, state("events", 1)], seed=ONE_PERSON, configuration=settings)
    assert 2 == result.calls["POST /events"]
    assert (4, 0) == counts(result)
    assert result.logged("delivered 2, filtered 0, duplicate 2")
    assert not result.logged("metadata")


@pytest.mark.parametrize(("duplicate_events", "kept"), [("drop", 2), ("keep_other_metadata", 4)])
def test_events_of_one_second_that_differ_in_their_metadata_are_sent_for_intercom_to_decide(
    duplicate_events: str, kept: int
) -> None:
    """They may be two events, and Intercom only says that it may drop the second: they are counted and warned of."""
    messages = [event(plan=plan) for plan in ("a", "b", "a", "b", "c")]
    result = write(
        [*messages, event(at=T0 + 1, plan="a"), state("events", 1)],
        seed=ONE_PERSON,
        configuration=events(metadata=[{"property": "plan"}]),
        settings={"duplicate_events": duplicate_events},
    )
    assert result.error is None
    assert 4 == result.calls["POST /events"]
    assert kept == len(result.events)
    assert (6, 0) == counts(result)
    assert result.logged("delivered 4, filtered 0, duplicate 2")
    assert 1 == sum("keep only one of them" in text for text in result.logs)
    assert result.logged("other metadata: 2.")


@pytest.mark.parametrize(("event_name_case", "kept"), [("ascii", 2), ("unicode", 1)])
def test_event_names_that_only_a_language_takes_for_one_are_sent_as_two(event_name_case: str, kept: int) -> None:
    """Whether "Ma\u00dfe" is "Masse" is Intercom's to decide, not ours."""
    result = write(
        [event(name="Ma\u00dfe"), event(name="MASSE"), event(name="masse"), state("events", 1)],
        seed=ONE_PERSON,
        configuration=events(),
        settings={"event_name_case": event_name_case},
    )
    assert result.error is None
    assert 2 == result.calls["POST /events"]
    assert kept == len(result.events)
    assert (3, 0) == counts(result)


def test_event_names_with_dots_and_dollars_are_duplicates_of_those_with_hyphens() -> None:
    """Intercom files `a.b`, `a$b` and `a-b` under one name."""
    messages = [event(name=name) for name in ("a.b", "a$b", "A-B")]
    result = write(messages, seed=ONE_PERSON, configuration=events())
    assert 1 == result.calls["POST /events"]


def test_a_refused_event_is_not_taken_for_the_original_of_a_duplicate() -> None:
    """Only a delivered event makes another one a duplicate."""
    fault = {"endpoint": "POST /events", "kind": "status", "status": 400, "at": [1]}
    result = write(
        [event(), event(), state("events", 1)], seed=ONE_PERSON, configuration=events(), settings={"faults": [fault]}
    )
    assert (1, 1) == counts(result)
    assert 1 == len(result.events)


def test_thousand_events_of_a_stranger_cost_two_calls() -> None:
    """The first 404 and one look-up prove that nobody knows the person; that is remembered."""
    messages = [event(user_id="stranger", at=T0 + n) for n in range(1000)]
    settings = events() | {"delivery": {"stop_after_rejected": 0}}
    result = write([*messages, state("events", 1)], configuration=settings)
    assert result.error is None
    assert (0, 1000) == counts(result)
    assert {"POST /events": 1, "GET /contacts/find_by_external_id/{external_id}": 1} == result.calls
    assert result.logged("unknown_user 1000")


def test_stranger_whom_another_app_creates_gets_the_events_of_five_minutes_later() -> None:
    """Who is unknown now may be known soon: the person is asked for again after five minutes, and no sooner."""
    clock = VirtualClock()
    intercom = Intercom(Settings(), clock=clock.wall)
    intercom.seed({"changes": [{"after": 60, "set": {"external_id": "late"}}]})
    moments = (0, 30, 120, 290, 310, 3600, 5 * 3600)
    pieces = [(float(at), to_lines([event(user_id="late", at=T0 + at)])) for at in moments]
    last = (6.0 * 3600, to_lines([state("events", 1)]))
    result = write(ScriptedStdin(clock, *pieces, last), intercom=intercom, clock=clock, configuration=events())
    assert result.error is None
    assert (3, 4) == counts(result)
    assert [T0 + at for at in moments[4:]] == [each["created_at"] for each in result.events]
    assert {"POST /events": 4, "GET /contacts/find_by_external_id/{external_id}": 1} == result.calls


def test_strangers_whose_events_come_for_an_hour_are_asked_for_once_in_five_minutes() -> None:
    """The first of their events after that costs two calls again, and those behind it none."""
    clock = VirtualClock()
    moments = range(0, 3600, 110)
    pieces = [(float(at), to_lines([event(user_id="nobody", at=T0 + at + n) for n in range(20)])) for at in moments]
    result = write(
        ScriptedStdin(clock, *pieces, (3600.0, to_lines([state("events", 1)]))),
        clock=clock,
        configuration=events() | {"delivery": {"stop_after_rejected": 0}},
    )
    assert (0, 660) == counts(result)
    assert {"POST /events": 11, "GET /contacts/find_by_external_id/{external_id}": 11} == result.calls


def test_stranger_whom_this_run_creates_later_gets_all_events() -> None:
    """What is known of a stranger holds until this run writes the contact, for which the earlier ones have waited."""
    messages = [
        event(user_id="late", at=T0),
        record("users", user_id="late", name="n"),
        event(user_id="late", at=T0 + 1),
    ]
    result = write([*messages, state("events", 1)], settings={"event_lag": 20.0})
    assert result.error is None
    assert [T0, T0 + 1] == sorted(each["created_at"] for each in result.events)
    assert (2, 0) == counts(result)


@pytest.mark.parametrize("identity", ["external_id", "email"])
@pytest.mark.parametrize("lag", [0.0, 300.0])
def test_stranger_whose_creation_was_done_without_an_answer_is_none_from_then_on(identity: str, lag: float) -> None:
    """The second attempt meets the contact of the first one, equal and so unchanged: its events are sent."""
    data: dict[str, Any] = {"user_id": "s", "mail": "s@example.com"}
    messages = [event(**data), record("users", **data), event(**data, at=T0 + 1), state("events", 1)]
    section = {"mode": "enabled", "streams": [{"stream": "users"}]}
    faults = [{"endpoint": "POST /contacts", "kind": "reset_after", "at": [1]}]
    result = write(
        messages,
        configuration=config(users=section, **(EMAIL if identity == "email" else {})),
        settings={"faults": faults, "search_lag": lag, "event_lag": 5.0},
    )
    assert result.error is None
    assert [T0, T0 + 1] == sorted(each["created_at"] for each in result.events)
    assert (2, 0) == counts(result)


def test_unknown_users_create_makes_the_contact_and_sends_all_of_its_events() -> None:
    """One contact for many events, and no event is lost while the contact is young."""
    messages = [event(user_id="fresh", at=T0 + n) for n in range(20)]
    result = write(
        [*messages, state("events", 1)], configuration=events(unknown_users="create"), settings={"event_lag": 20.0}
    )
    assert result.error is None
    assert (20, 0) == counts(result)
    assert 20 == len(result.events)
    assert "user" == result.contact("fresh")["role"]
    assert 1 == result.calls["POST /contacts"]


def test_unknown_users_create_for_an_archived_person_rejects_and_remembers() -> None:
    """An archived contact stays archived, and its events are refused without further calls."""
    seed = {"contacts": [{"external_id": "gone", "archived": True}]}
    messages = [event(user_id="gone", at=T0 + n) for n in range(50)]
    result = write([*messages, state("events", 1)], seed=seed, configuration=events(unknown_users="create"))
    assert result.error is None
    assert (0, 50) == counts(result)
    assert result.contact("gone")["archived"]
    assert result.logged("contact_archived 50")
    assert 5 > sum(result.calls.values())


def test_unknown_users_create_by_email_makes_the_contact_with_that_address() -> None:
    """The identity is what the contact gets, and nothing else."""
    messages = [event(mail="New@Example.com", at=T0 + n) for n in range(3)]
    result = write([*messages, state("events", 1)], configuration=events(unknown_users="create") | EMAIL)
    assert result.error is None
    assert (3, 0) == counts(result)
    assert [("new@example.com", None)] == [(each["email"], each["external_id"]) for each in result.contents["contacts"]]


def test_event_of_a_merged_person_is_rejected_as_such() -> None:
    """Intercom says that the person became part of another one; the event is not sent to that one unasked."""
    seed = {
        "contacts": [
            {"external_id": "old", "merged_into": "5da6f18e3d7cf967e4582d05"},
            {"id": "5da6f18e3d7cf967e4582d05"},
        ]
    }
    messages = [event(user_id="old", at=T0 + n) for n in range(10)]
    result = write([*messages, state("events", 1)], seed=seed, configuration=events())
    assert result.error is None
    assert (0, 10) == counts(result)
    assert result.logged("contact_merged 10")
    assert 1 == result.calls["POST /events"]


@pytest.mark.parametrize("missing", ["filter", "reject"])
def test_record_without_identity_is_filtered_or_rejected_as_configured(missing: str) -> None:
    """Absent, null and blank alike; the summary tells anonymous records apart."""
    messages = [event(), event(user_id=None), event(user_id=" "), record("events", name="Played", at=T0)]
    identity = {"identity": {"property": "user_id", "missing": missing}}
    result = write([*messages, state("events", 1)], seed=ONE_PERSON, configuration=events() | identity)
    assert result.error is None
    assert ((4, 0) if missing == "filter" else (1, 3)) == counts(result)
    assert result.logged("anonymous 2" if missing == "filter" else "missing_identity 3")


def test_contact_of_the_run_before_that_is_still_young_gets_its_event() -> None:
    """Intercom knows the person, so the 404 will pass: the event is tried again for up to a minute."""
    clock = VirtualClock()
    intercom = Intercom(Settings.from_dict({"event_lag": 45.0}), clock=clock.wall)
    write([record("users", user_id="young", name="n")], intercom=intercom, clock=clock)
    result = write([event(user_id="young"), state("events", 1)], intercom=intercom, clock=clock)
    assert result.error is None
    assert (1, 0) == counts(result)
    assert 1 == len(result.events)
    assert 15 > result.calls["POST /events"]


def test_contact_that_stays_young_for_more_than_a_minute_is_given_up_once() -> None:
    """Later events of the same person do not wait as long again."""
    clock = VirtualClock()
    intercom = Intercom(Settings.from_dict({"event_lag": 3600.0}), clock=clock.wall)
    messages = [record("users", user_id="young", name="n"), *(event(user_id="young", at=T0 + n) for n in range(10))]
    began = clock.now()
    result = write([*messages, state("events", 1)], intercom=intercom, clock=clock)
    assert result.error is None
    assert (0, 10) == counts(result)
    assert 60 <= clock.now() - began < 75


def test_contact_that_becomes_visible_after_a_wait_in_vain_gets_its_events() -> None:
    """One event that waited for a minute in vain says nothing about those that come later; these wake it."""
    clock = VirtualClock()
    intercom = Intercom(Settings.from_dict({"event_lag": 100.0}), clock=clock.wall)
    first = [record("users", user_id="young", name="n"), event(user_id="young")]
    pieces = [(0.0, to_lines(first))]
    pieces += [(at, to_lines([event(user_id="young", at=T0 + n)])) for n, at in ((1, 80.0), (2, 120.0), (3, 121.0))]
    result = write(
        ScriptedStdin(clock, *pieces, (122.0, to_lines([state("events", 1)]))), intercom=intercom, clock=clock
    )
    assert result.error is None
    assert (4, 0) == counts(result)
    assert T0 + 2 == result.events[0]["created_at"]


def test_unknown_users_create_makes_a_contact_anew_that_has_gone_during_the_run() -> None:
    """The event whose contact has gone is not lost either: it waits, and is sent to the new one."""
    clock = VirtualClock()
    intercom = Intercom(Settings(), clock=clock.wall)
    pieces: list[Any] = [(0.0, to_lines([event(user_id="u9")])), (5.0, intercom.reset)]
    pieces += [(6.0, to_lines([event(user_id="u9", at=T0 + n) for n in (1, 2)])), (7.0, to_lines([state("events", 1)]))]
    result = write(
        ScriptedStdin(clock, *pieces),
        intercom=intercom,
        clock=clock,
        configuration=events(unknown_users="create"),
    )
    assert result.error is None
    assert (3, 0) == counts(result)
    assert [T0 + 1, T0 + 2] == sorted(each["created_at"] for each in result.events)
    assert ["u9"] == [each["external_id"] for each in result.contents["contacts"]]


@pytest.mark.parametrize("message", ["Event name is not valid", "Cannot have more than 120 active event names"])
def test_event_name_that_was_delivered_is_sent_again_whatever_a_422_says(message: str) -> None:
    """Code "422" says nothing of the name, and a name that Intercom has taken in this run is not refused unsent."""
    fault = {"endpoint": "POST /events", "kind": "status", "status": 422, "code": "422", "message": message, "at": [10]}
    messages = [event(at=T0 + n) for n in range(100)]
    result = write(
        [*messages, state("events", 1)], seed=ONE_PERSON, settings={"faults": [fault]}, configuration=events()
    )
    assert result.error is None
    assert (99, 1) == counts(result)
    assert 100 == result.calls["POST /events"]


def test_event_name_for_which_room_is_made_is_sent_from_then_on() -> None:
    """Somebody reads the warning and archives names while the sync goes on."""
    clock = VirtualClock()
    intercom = Intercom(Settings.from_dict({"event_name_limit": 1}), clock=clock.wall)
    intercom.seed({**ONE_PERSON, "event_names": ["Old"]})
    pieces: list[Any] = [(0.0, to_lines([event(at=T0 + n) for n in range(10)]))]
    pieces += [(30.0, lambda: intercom.change_settings({"event_name_limit": 2}))]
    pieces += [(float(at), to_lines([event(at=T0 + at)])) for at in (60, 310, 400)]
    result = write(
        ScriptedStdin(clock, *pieces, (500.0, to_lines([state("events", 1)]))),
        intercom=intercom,
        clock=clock,
        configuration=events(),
    )
    assert result.error is None
    assert (2, 11) == counts(result)
    assert [T0 + 310, T0 + 400] == [each["created_at"] for each in result.events]
    assert 3 == result.calls["POST /events"]


@pytest.mark.parametrize("message", ["Event name is invalid", "An event name must not be longer"])
def test_event_that_is_refused_with_a_422_of_another_kind_takes_no_other_of_its_name_with_it(message: str) -> None:
    """Only the limit of names concerns a name; any other 422 rejects its own record."""
    body = {"type": "error.list", "errors": [{"code": "parameter_invalid", "message": message}]}
    fault = {"endpoint": "POST /events", "kind": "status", "status": 422, "body": body, "at": [1]}
    messages = [event(at=T0 + n) for n in range(5)]
    result = write(
        [*messages, state("events", 1)], seed=ONE_PERSON, settings={"faults": [fault]}, configuration=events()
    )
    assert result.error is None
    assert (4, 1) == counts(result)
    assert result.logged("refused 1")
    assert 4 == len(result.events)


def test_event_by_email_finds_its_person_whatever_the_case() -> None:
    """E-mails are trimmed and lower-cased."""
    result = write(
        [event(mail=" Ada@Example.COM "), state("events", 1)],
        seed={"contacts": [{"email": "ada@example.com"}]},
        configuration=events() | EMAIL,
    )
    assert result.error is None
    assert (1, 0) == counts(result)
    assert ["ada@example.com"] == [each["email"] for each in result.events]


def test_event_by_email_of_a_stranger_costs_one_search() -> None:
    """For an e-mail identity the search has to do."""
    messages = [event(mail="no@example.com", at=T0 + n) for n in range(100)]
    result = write([*messages, state("events", 1)], configuration=events() | EMAIL)
    assert result.error is None
    assert (0, 100) == counts(result)
    assert {"POST /events": 1, "POST /contacts/search": 1} == result.calls


def test_event_by_email_of_a_young_contact_is_tried_again() -> None:
    """The search knows the person already."""
    clock = VirtualClock()
    intercom = Intercom(Settings.from_dict({"event_lag": 20.0}), clock=clock.wall)
    write([record("users", mail="new@example.com")], configuration=config(**EMAIL), intercom=intercom, clock=clock)
    result = write(
        [event(mail="new@example.com"), state("events", 1)],
        configuration=events() | EMAIL,
        intercom=intercom,
        clock=clock,
    )
    assert (1, 0) == counts(result)
    assert 1 == len(result.events)


LEAD = {"id": "5da6f18e3d7cf967e4582d05", "role": "lead", "email": "lead@example.com", "name": "as it was"}
BY_MAIL = {"user_id": None, "mail": "lead@example.com"}


def sent_as(result: Result) -> list[dict[str, str]]:
    """How the events in Intercom named their person, in the order of their seconds."""
    return [
        {key: each[key] for key in ("id", "user_id", "email") if each.get(key)}
        for each in sorted(result.events, key=lambda each: each["created_at"])
    ]


@pytest.mark.parametrize("unknown_users", ["reject", "create"])
@pytest.mark.parametrize(("name", "puts"), [("new name", 1), ("as it was", 0)])
def test_event_by_email_of_a_lead_is_sent_by_intercoms_id(unknown_users: str, name: str, puts: int) -> None:
    """Intercom takes a lead's events by its own id only; the contact is updated or not, and nobody is made."""
    document = config(**EMAIL)
    document["events"]["unknown_users"] = unknown_users
    messages = [record("users", mail="lead@example.com", name=name)]
    messages += [event(**BY_MAIL, at=T0 + n) for n in range(5)]
    result = write([*messages, state("events", 1)], seed={"contacts": [LEAD]}, configuration=document)
    assert result.error is None
    assert (5, 0) == counts(result)
    assert [{"id": LEAD["id"]}] * 5 == sent_as(result)
    assert [(LEAD["id"], "lead", name)] == [
        (each["id"], each["role"], each["name"]) for each in result.contents["contacts"]
    ]
    assert puts == result.calls.get("PUT /contacts/{id}", 0)
    # The lookup of the contact tells of it.
    assert 5 == result.calls["POST /events"]
    assert 1 == result.calls["POST /contacts/search"]


@pytest.mark.parametrize("unknown_users", ["reject", "create"])
def test_event_by_email_of_a_lead_where_no_users_are_sent_costs_one_search(unknown_users: str) -> None:
    """The first event finds out who the lead is; the others go by its id at once."""
    result = write(
        [*(event(**BY_MAIL, at=T0 + n) for n in range(50)), state("events", 1)],
        seed={"contacts": [LEAD, {"role": "lead", "email": "another@example.com"}]},
        configuration=events(unknown_users=unknown_users) | EMAIL,
    )
    assert result.error is None
    assert (50, 0) == counts(result)
    assert [{"id": LEAD["id"]}] * 50 == sent_as(result)
    assert {"POST /events": 51, "POST /contacts/search": 1} == result.calls
    assert 2 == len(result.contents["contacts"])


def test_event_by_email_of_a_user_and_a_lead_is_the_users() -> None:
    """Who is a user comes first, as for contacts."""
    user = {"external_id": "u", "email": "lead@example.com"}
    result = write([event(**BY_MAIL)], seed={"contacts": [LEAD, user]}, configuration=events() | EMAIL)
    assert [{"email": "lead@example.com"}] == sent_as(result)
    assert {"POST /events": 1} == result.calls


@pytest.mark.parametrize("unknown_users", ["reject", "create"])
def test_event_by_email_of_several_leads_is_rejected_as_ambiguous_and_nobody_is_made(unknown_users: str) -> None:
    """Which of them it was, nobody can tell; that is remembered as for strangers."""
    leads = [{"role": "lead", "email": "lead@example.com"} for _ in range(2)]
    messages = [event(**BY_MAIL, at=T0 + n) for n in range(10)]
    result = write(
        [*messages, state("events", 1)],
        seed={"contacts": leads},
        configuration=events(unknown_users=unknown_users) | EMAIL,
    )
    assert result.error is None
    assert (0, 10) == counts(result)
    assert result.logged("ambiguous_email 10")
    assert 2 == len(result.contents["contacts"])
    assert {"POST /events": 1, "POST /contacts/search": 1} == result.calls


@pytest.mark.parametrize("search_lag", [0.0, 300.0])
@pytest.mark.parametrize("is_written", [False, True])
def test_event_by_email_of_a_lead_that_has_become_a_user_meanwhile_is_that_users(
    search_lag: float, is_written: bool
) -> None:
    """The lead was merged into a user: its id is gone, and the address leads to who is left."""
    clock = VirtualClock()
    intercom = Intercom(Settings.from_dict({"search_lag": search_lag}), clock=clock.wall)
    user = {"id": "6064d5c43910cc082d903f6c", "external_id": "u", "email": "other@example.com"}
    intercom.seed({"contacts": [LEAD, user]})

    def merge() -> None:
        intercom.seed({"changes": [{"contact": {"id": user["id"]}, "set": {"email": "lead@example.com"}}]})
        intercom.merge(str(LEAD["id"]), str(user["id"]))

    first: list[dict[str, Any]] = [event(**BY_MAIL)]
    if is_written:
        first.insert(0, record("users", mail="lead@example.com", name="new name"))
    later = [event(**BY_MAIL, at=T0 + n) for n in (1, 2)]
    result = write(
        ScriptedStdin(clock, (0.0, to_lines(first)), (5.0, merge), (6.0, to_lines([*later, state("events", 1)]))),
        intercom=intercom,
        clock=clock,
        configuration=config(**EMAIL),
    )
    assert result.error is None
    assert (3, 0) == counts(result)
    assert [{"id": LEAD["id"]}, *[{"email": "lead@example.com"}] * 2] == sent_as(result)
    assert user["id"] == result.events[-1]["contact_id"]
    # The two go at once: each by the id that is gone, then by the address.
    assert (5 if is_written else 6) == result.calls["POST /events"]
    assert clock.now() < START + 10


def test_event_by_email_of_a_lead_that_is_young_waits_for_it() -> None:
    """A lead that the Messenger made a moment ago is tried again for up to a minute, as any contact."""
    clock = VirtualClock()
    intercom = Intercom(Settings.from_dict({"event_lag": 20.0}), clock=clock.wall)
    intercom.seed({"changes": [{"set": LEAD}]})
    result = write(
        [event(**BY_MAIL), event(**BY_MAIL, at=T0 + 1), state("events", 1)],
        intercom=intercom,
        clock=clock,
        configuration=events(unknown_users="create") | EMAIL,
    )
    assert (2, 0) == counts(result)
    assert [{"id": LEAD["id"]}] * 2 == sent_as(result)
    assert 1 == len(result.contents["contacts"])


@pytest.mark.parametrize(("unknown_users", "delivered"), [("reject", 1), ("create", 2)])
def test_event_by_email_of_a_lead_that_was_deleted_meanwhile_is_a_strangers(unknown_users: str, delivered: int) -> None:
    """Nobody has the address any more: rejected, or created anew."""
    clock = VirtualClock()
    intercom = Intercom(Settings(), clock=clock.wall)
    intercom.seed({"contacts": [LEAD]})
    pieces: list[Any] = [(0.0, to_lines([event(**BY_MAIL)])), (5.0, intercom.reset)]
    pieces += [(6.0, to_lines([event(**BY_MAIL, at=T0 + 1), state("events", 1)]))]
    result = write(
        ScriptedStdin(clock, *pieces),
        intercom=intercom,
        clock=clock,
        configuration=events(unknown_users=unknown_users) | EMAIL,
    )
    assert result.error is None
    assert (delivered, 2 - delivered) == counts(result)
    assert delivered - 1 == len(result.contents["contacts"])


def test_event_by_email_of_a_lead_after_ten_minutes_is_looked_up_again() -> None:
    """Somebody may have corrected the address meanwhile: what was found does not hold for ever."""
    clock = VirtualClock()
    intercom = Intercom(Settings(), clock=clock.wall)
    intercom.seed({"contacts": [LEAD]})
    moved = {"changes": [{"contact": {"id": LEAD["id"]}, "set": {"email": "corrected@example.com"}}]}
    another = {"contacts": [{"role": "lead", "email": "lead@example.com", "id": "6064d5c43910cc082d903f6c"}]}
    pieces: list[Any] = [(0.0, to_lines([event(**BY_MAIL)]))]
    pieces += [(1.0, lambda: intercom.seed(moved)), (1.0, lambda: intercom.seed(another))]
    pieces += [(620.0, to_lines([event(**BY_MAIL, at=T0 + 1), state("events", 1)]))]
    result = write(ScriptedStdin(clock, *pieces), intercom=intercom, clock=clock, configuration=events() | EMAIL)
    assert (2, 0) == counts(result)
    assert [{"id": LEAD["id"]}, {"id": "6064d5c43910cc082d903f6c"}] == sent_as(result)


@pytest.mark.parametrize("status", [409, 400])
def test_event_by_an_email_that_several_users_share_is_rejected_as_ambiguous(status: int) -> None:
    """Never guessed."""
    seed = {"contacts": [{"email": "two@example.com", "external_id": one} for one in ("a", "b")]}
    result = write(
        [event(mail="two@example.com"), state("events", 1)],
        seed=seed,
        configuration=events() | EMAIL,
        settings={"shared_email_status": status},
    )
    assert result.error is None
    assert (0, 1) == counts(result)
    assert result.logged("ambiguous_email")
    assert [] == result.events


def test_new_event_name_beyond_the_limit_is_reported_once_and_other_names_go_on() -> None:
    """Each new name is told once and tried once; the names that the workspace has are not affected."""
    seed = {**ONE_PERSON, "event_names": ["Played", *(f"name {n}" for n in range(119))]}
    messages = []
    for n in range(30):
        messages += [event(at=T0 + n, name="Brand new"), event(at=T0 + n), event(at=T0 + n, name="Also new")]
    one_at_a_time = {**events(), "delivery": {"concurrency": 1}}
    result = write([*messages, state("events", 1)], seed=seed, configuration=one_at_a_time)
    assert result.error is None
    assert (30, 60) == counts(result)
    assert 30 == len(result.events)
    assert 32 == result.calls["POST /events"]
    for name in ("Brand new", "Also new"):
        assert 1 == sum(f'"{name}"' in text for text in result.logs)


@pytest.mark.parametrize("code", ["resource_not_found", "path_not_found"])
def test_not_found_with_another_code_says_nothing_about_the_person(code: str) -> None:
    """The record is rejected as refused, the person is not taken for a stranger, and nobody is created."""
    body = {"type": "error.list", "errors": [{"code": code, "message": "no such thing"}]}
    fault = {"endpoint": "POST /events", "kind": "status", "status": 404, "body": body, "at": [1]}
    result = write(
        [event(user_id="u1"), event(user_id="u1", at=T0 + 1), state("events", 1)],
        seed=ONE_PERSON,
        configuration=events(unknown_users="create"),
        settings={"faults": [fault]},
    )
    assert result.error is None
    assert (1, 1) == counts(result)
    assert result.logged("refused 1")
    assert {"POST /events": 2} == result.calls


@pytest.mark.parametrize("concurrency", [1, 2, 64])
def test_contact_comes_before_its_events_and_is_written_while_nothing_else_of_it_is_in_flight(concurrency: int) -> None:
    """Also where Intercom takes 20 s to know a contact, where calls fail, and where keys are many."""
    clock = VirtualClock()
    faults = [{"endpoint": "*", "kind": "html", "status": 502, "every": 11}]
    intercom = Intercom(Settings.from_dict({"event_lag": 20.0, "faults": faults}), clock=clock.wall)
    messages: list[dict[str, Any] | bytes] = []
    for n in range(40):
        messages += [
            record("users", user_id=f"p{n}", name=f"n{n}"),
            event(user_id=f"p{n}"),
            event(user_id=f"p{n}", at=T0 + 1),
        ]
    probe = Probe(intercom, clock, lambda: 0.15)
    result = write(
        [*messages, state("events", 1)],
        configuration=config(delivery={"concurrency": concurrency}),
        intercom=intercom,
        clock=clock,
        transport=probe,
    )
    assert result.error is None
    assert (80, 0) == counts(result)
    assert 80 == len(result.events)
    assert 0 == probe.overlaps
    assert probe.most <= concurrency
    if concurrency > 1:
        assert probe.most > 1


@pytest.mark.parametrize("concurrency", [2, 3, 8, 64])
def test_key_that_waits_holds_up_nobody_else(concurrency: int) -> None:
    """While one person's event waits for the contact to become visible, others' events arrive."""
    clock = VirtualClock()
    intercom = Intercom(Settings.from_dict({"event_lag": 50.0}), clock=clock.wall)
    write([record("users", user_id=f"slow{n}", name="n") for n in range(5)], intercom=intercom, clock=clock)
    intercom.seed({"contacts": [{"external_id": f"q{n}"} for n in range(20)]})
    began = clock.wall()
    messages = [event(user_id=f"slow{n}") for n in range(5)]
    messages += [event(user_id=f"q{n % 20}", at=T0 + n) for n in range(200)]
    result = write(
        [*messages, state("events", 1)],
        configuration=config(delivery={"concurrency": concurrency}),
        intercom=intercom,
        clock=clock,
        transport=Probe(intercom, clock),
    )
    assert (205, 0) == counts(result)
    taken = [each["time"] - began for each in result.exchanges if each["path"] == "/events" and each["status"] == 202]
    quick = sorted(taken)[:200]
    assert quick[-1] < 30
    assert sorted(taken)[200] > 30


@pytest.mark.parametrize("concurrency", [2, 3, 5, 16])
def test_key_that_waits_for_minutes_does_not_make_a_later_one_wait_as_long(concurrency: int) -> None:
    """A short wait that begins during a long one ends when it is due."""
    clock = VirtualClock()
    faults = [
        {"endpoint": "POST /contacts", "kind": "status", "status": 503, "headers": {"Retry-After": "250"}, "at": [1]}
    ]
    intercom = Intercom(Settings.from_dict({"event_lag": 15.0, "faults": faults}), clock=clock.wall)
    intercom.seed({"contacts": [{"external_id": f"q{n}"} for n in range(20)]})
    began = clock.wall()
    messages: list[dict[str, Any] | bytes] = [record("users", user_id="long", name="n")]
    for n in range(30):
        messages += [
            event(user_id=f"q{n % 20}", at=T0 + n),
            record("users", user_id=f"s{n}", name="n"),
            event(user_id=f"s{n}"),
        ]
    result = write(
        [*messages, state("events", 1)],
        configuration=config(delivery={"concurrency": concurrency}),
        intercom=intercom,
        clock=clock,
        transport=Probe(intercom, clock),
    )
    assert (60, 0) == counts(result)
    taken = [each["time"] - began for each in result.exchanges if each["path"] == "/events" and each["status"] == 202]
    assert 60 == len(taken)
    assert max(taken) < 60


@pytest.mark.parametrize("workers", [2, 3, 4, 8])
def test_key_that_waits_while_stdin_is_silent_wakes_when_it_is_due(workers: int) -> None:
    """With nothing else to do, a short wait that begins during a long one ends when it is due."""
    clock = VirtualClock()
    faults = [
        {
            "endpoint": "PUT /contacts/{id}",
            "kind": "status",
            "status": 503,
            "headers": {"Retry-After": "250"},
            "at": [1],
        }
    ]
    intercom = Intercom(Settings.from_dict({"faults": faults, "event_lag": 30.0}), clock=clock.wall)
    intercom.seed({"contacts": [{"external_id": f"q{n}"} for n in range(workers)]})
    stdin = ScriptedStdin(
        clock,
        (0.0, to_lines([event(user_id=f"q{n}", at=T0 + n) for n in range(workers)])),
        (10.0, to_lines([record("users", user_id="q0", name="n"), state("events", 1)])),
        (20.0, to_lines([record("users", user_id="young", name="n")])),
        (21.0, to_lines([event(user_id="young", at=T0 + 100), state("events", 2)])),
        (1000.0, b""),
    )
    began = clock.wall()
    result = write(stdin, intercom=intercom, clock=clock, transport=Probe(intercom, clock))
    assert result.error is None
    taken = [each["time"] - began for each in result.exchanges if each["path"] == "/events" and each["status"] == 202]
    assert workers + 1 == len(taken)
    assert max(taken) < 65


@pytest.mark.long
def test_busy_person_among_others_slows_nobody_down() -> None:
    """A third of all events is one person's: the quota is used as if it were not, but for the first moments."""
    clock = VirtualClock()
    intercom = Intercom(Settings.from_dict({"latency": 0.08, "keep_exchanges": 10_000}), clock=clock.wall)
    intercom.seed({"contacts": [{"external_id": "busy"}, *({"external_id": f"k{n}"} for n in range(500))]})
    messages = [event(user_id="busy" if n % 3 == 0 else f"k{n % 500}", at=T0 + n) for n in range(9_000)]
    result = write(messages, configuration=events(), intercom=intercom, clock=clock)
    assert result.error is None
    assert 9_000 == len(result.events)
    # The first window is met in its middle, the last one may end early: those between them are full.
    windows = Counter(int(each["time"] // 10) for each in result.exchanges)
    full = sorted(windows)[1:-1]
    assert len(full) >= 3
    assert all(windows[window] >= 0.95 * 1666 for window in full)
    assert result.logged("refused by the quota (429): 0")


def test_events_of_one_person_arrive_all_and_once_over_faults() -> None:
    """They go at once; Intercom orders them by their times."""
    faults = [{"endpoint": "POST /events", "kind": "reset_before", "every": 3}]
    messages = [event(at=T0 + n) for n in (5, 3, 9, 1, 7, 2, 8)]
    result = write(messages, seed=ONE_PERSON, configuration=events(), settings={"faults": faults, "latency": 0.1})
    assert [1, 2, 3, 5, 7, 8, 9] == sorted(each["created_at"] - T0 for each in result.events)


@pytest.mark.parametrize(
    ("identity", "text"),
    [(42, "42"), (42.0, "42"), (2**70, str(2**70)), (" u 1 ", " u 1 "), ("ü/?#%", "ü/?#%"), (0, "0"), ("-0", "-0")],
)
def test_identity_of_any_kind_becomes_the_same_text_for_contact_and_event(identity: Any, text: str) -> None:
    """Integers become text exactly as written, beyond 64 bits too."""
    result = write([record("users", user_id=identity, name="n"), event(user_id=identity)])
    assert result.error is None
    assert "n" == result.contact(text)["name"]
    assert [text] == [each["user_id"] for each in result.events]


@pytest.mark.parametrize("identity", [True, 1.5, ["u1"], {"id": 1}, "x" * 256, 1e300])
def test_identity_of_another_kind_is_rejected_and_never_sent(identity: Any) -> None:
    """It would be another person's, or nobody's."""
    result = write([event(), event(user_id=identity), state("events", 1)], seed=ONE_PERSON, configuration=events())
    assert result.error is None
    assert (1, 1) == counts(result)
    assert 1 == result.calls["POST /events"]


def test_stranger_with_an_id_that_must_be_quoted_is_looked_up_under_that_id() -> None:
    """An id with slashes and question marks is one part of the path."""
    clock = VirtualClock()
    intercom = Intercom(Settings.from_dict({"event_lag": 20.0}), clock=clock.wall)
    write([record("users", user_id="a/b?c=ü d", name="n")], intercom=intercom, clock=clock)
    result = write([event(user_id="a/b?c=ü d"), state("events", 1)], intercom=intercom, clock=clock)
    assert (1, 0) == counts(result)
    assert json.dumps(result.calls).count("find_by_external_id") == 1
