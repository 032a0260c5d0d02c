"""Events that come before their people in one sync: they wait for them, and nobody else does."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from destination_intercom import pipeline
from destination_intercom.delivery.ledger import Ledger
from destination_intercom.delivery.mailbox import Mailbox
from destination_intercom.delivery.waiting import WAIT_SECONDS
from destination_intercom.errors import ConfigurationError
from destination_intercom.pipeline import Terminated
from integration_tests.support.fake_storage import S3_SECTION, FakeStorage
from integration_tests.support.harness import Probe, Result, ScriptedStdin, config, record, state, to_lines, write
from integration_tests.support.virtual_clock import START, VirtualClock
from intercom_emulator import Intercom, Settings

T0 = 1_700_000_000
BY_EMAIL = {
    "mode": "enabled",
    "streams": [
        {
            "stream": "events",
            "event_name_property": "name",
            "created_at_property": "at",
            "identity_property": "mail",
            "intercom_field": "email",
        }
    ],
    "selected_events": ["*"],
}
CREATE = {**config()["events"], "unknown_users": "create"}
FIND = "GET /contacts/find_by_external_id/{external_id}"


def order(number: int, second: int = 0, **more: Any) -> dict[str, Any]:
    """An event of the person with this number."""
    return record("events", user_id=f"p{number}", mail=f"p{number}@example.com", name="Ordered", at=T0 + second, **more)


def user(number: int, **more: Any) -> dict[str, Any]:
    """The person with this number."""
    return record("users", user_id=f"p{number}", email=f"p{number}@example.com", name=f"N{number}", **more)


def everybody(state_id: int) -> dict[str, Any]:
    """A state of all streams."""
    return {"type": "STATE", "state": {"type": "GLOBAL", "global": {"stream_states": []}, "id": state_id}}


def complete(stream: str) -> dict[str, Any]:
    """The source says that it has finished a stream."""
    status = {"stream_descriptor": {"name": stream}, "status": "COMPLETE"}
    return {"type": "TRACE", "trace": {"type": "STREAM_STATUS", "emitted_at": 1, "stream_status": status}}


def counts(result: Result) -> dict[int, tuple[int, int]]:
    """The counts of each state, in the order in which they left."""
    stats = {each["id"]: each["destinationStats"] for each in result.states}
    return {number: (each["recordCount"], each["rejectedRecordCount"]) for number, each in stats.items()}


class Line:
    """A source that sends its messages at their seconds; `left` tells when each state left."""

    def __init__(self, *pieces: tuple[float, list[dict[str, Any]]], delay: float = 0.1, **settings: Any) -> None:
        self.clock = VirtualClock()
        self.intercom = Intercom(Settings.from_dict(settings), clock=self.clock.wall)
        self.probe = Probe(self.intercom, self.clock, lambda: delay)
        self.stdin = ScriptedStdin(self.clock, *((at, to_lines(messages)) for at, messages in pieces))
        self.left: dict[int, float] = {}

    def write(self, **more: Any) -> Result:
        """Run the sync."""
        return write(
            self.stdin, intercom=self.intercom, clock=self.clock, transport=self.probe, watch=self._watch, **more
        )

    def _watch(self, line: bytes) -> None:
        message = json.loads(line)
        if message["type"] == "STATE":
            self.left[message["state"]["id"]] = round(self.clock.now() - START, 3)

    def sent(self, call: str) -> list[tuple[float, str]]:
        """The seconds at which a call was made, and whom it was about."""
        return [(round(at - START, 3), who) for at, what, who in self.probe.sent if what.startswith(call)]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> int:
    """Make the limits small: twenty records on their way, ten of which may wait."""
    monkeypatch.setattr(pipeline, "MAX_RECORDS_IN_FLIGHT", 20)
    return 10


# ------------------------------------------------------------------ they arrive


@pytest.mark.parametrize("lag", [0.0, 20.0])
def test_events_when_their_people_come_behind_them_are_all_delivered(lag: float) -> None:
    """Whichever stream the source sends first."""
    messages = [order(n) for n in range(100)] + [state("events", 1)] + [user(n) for n in range(100)]
    result = write([*messages, state("users", 2)], settings={"event_lag": lag})
    assert None is result.error
    assert {1: (100, 0), 2: (100, 0)} == counts(result)
    assert 100 == len(result.events)
    assert result.logged("Events that came before their people and waited for them: 100; 100 of them were delivered.")
    assert result.logged("sync the user streams first")


def test_events_when_more_than_a_wrong_mapping_takes_come_before_their_people_stop_nothing() -> None:
    """A stream that begins with half as many again of events of people who come later has no wrong mapping."""
    messages = [order(n) for n in range(300)] + [user(n) for n in range(300)] + [state("events", 1), everybody(2)]
    result = write(messages, configuration=config(delivery={"stop_after_rejected": 200}))
    assert None is result.error
    assert {1: (300, 0), 2: (300, 0)} == counts(result)
    assert 300 == len(result.events)


@pytest.mark.parametrize("concurrency", [1, 64])
@pytest.mark.parametrize("seed", range(3))
def test_events_when_shuffled_with_their_people_are_all_delivered(seed: int, concurrency: int) -> None:
    """As PyAirbyte's cache does it."""
    messages = [order(n % 60, n) for n in range(200)] + [user(n) for n in range(60)]
    random.Random(seed).shuffle(messages)
    result = write([*messages, everybody(1)], configuration=config(delivery={"concurrency": concurrency}))
    assert None is result.error
    assert {1: (260, 0)} == counts(result)
    assert 200 == len(result.events)


@pytest.mark.parametrize(("event_lag", "search_lag"), [(0.0, 0.0), (20.0, 0.0), (20.0, 900.0)])
def test_event_when_its_person_is_written_under_another_key_is_sent(event_lag: float, search_lag: float) -> None:
    """Known by the e-mail address, written by the User ID: a person is known by both then."""
    line = Line(
        (0, [order(1), order(1, 1), state("events", 1)]),
        (30, [user(1), state("users", 2)]),
        (300, [complete("users")]),
        event_lag=event_lag,
        search_lag=search_lag,
    )
    result = line.write(configuration=config(events=BY_EMAIL))
    assert None is result.error
    assert {1: (2, 0), 2: (1, 0)} == counts(result)
    assert line.left[1] < 30 + 60


def test_event_when_its_person_is_written_under_another_key_while_it_is_asked_for_is_sent() -> None:
    """Who was written in the meantime is not waited for."""
    line = Line((0, [order(1)]), (1, [user(1)]), (900, [state("events", 1)]), delay=2.0)
    result = line.write(configuration=config(events=BY_EMAIL))
    assert None is result.error
    assert [T0] == [each["created_at"] for each in result.events]
    assert 60 > max(at for at, _ in line.sent("POST /events"))


def test_event_when_its_person_was_there_all_the_time_and_is_found_unchanged_is_sent() -> None:
    """Another app makes the contact in between: the lookup of the user's record shows it."""
    line = Line((0, [order(1)]), (100, [user(1)]), (300, [state("events", 1)]))
    person = {"external_id": "p1", "email": "p1@example.com", "name": "N1"}
    line.intercom.seed({"changes": [{"after": 60, "set": person}]})
    result = line.write()
    assert {1: (1, 0)} == counts(result)
    assert 110 > max(at for at, _ in line.sent("POST /events"))


def test_event_when_another_app_makes_its_person_is_sent_after_its_wait() -> None:
    """Whoever is unknown is asked for again after five minutes: at the end of the wait."""
    line = Line((0, [order(1)]), (900, [state("events", 1)]))
    line.intercom.seed({"changes": [{"after": 60, "set": {"external_id": "p1"}}]})
    result = line.write()
    assert {1: (1, 0)} == counts(result)


def test_event_when_a_later_one_of_its_person_is_taken_is_sent_too() -> None:
    """The person was asked for again after five minutes, and is there: nobody need wait for them any more."""
    line = Line((0, [order(1)]), (310, [order(1, 1)]), (320, [state("events", 1)]), (900, []))
    line.intercom.seed({"changes": [{"after": 60, "set": {"external_id": "p1"}}]})
    result = line.write()
    assert {1: (2, 0)} == counts(result)
    assert line.left[1] < 330


def test_thousand_events_when_their_person_comes_late_cost_two_calls_more() -> None:
    """What waits behind the first one is not sent to be refused."""
    messages = [order(1, n) for n in range(1000)] + [user(1), state("events", 1)]
    result = write(messages, configuration=config(delivery={"concurrency": 1}))
    assert {1: (1000, 0)} == counts(result)
    assert 1001 == result.calls["POST /events"]
    assert 1 == result.calls[FIND]


def test_events_of_one_name_and_second_when_they_wait_keep_their_order() -> None:
    """Intercom may keep only one of them."""
    section = {**BY_EMAIL, "metadata": [{"property": "n"}]}
    early = [order(1, n % 2, n=n) for n in range(20)]
    line = Line(
        (0, early), (3.0, [order(1, n % 2, n=n) for n in range(20, 30)] + [user(1)]), (3.05, [order(1, 0, n=30)])
    )
    result = line.write(configuration=config(events=section))
    taken = [each["request_body"] for each in result.exchanges if each["status"] == 202]
    assert 31 == len(taken)
    for second in (0, 1):
        sent = [each["metadata"]["n"] for each in taken if each["created_at"] == T0 + second]
        assert sorted(sent) == sent


# ------------------------------------------------------------------ nobody else waits


def test_event_when_it_waits_lets_contacts_of_its_key_and_events_of_others_pass() -> None:
    """It is out of its lane, and occupies no worker."""
    line = Line((0, [order(1), user(2), order(2)]), (5, [user(1), order(3), user(4), order(4), state("events", 1)]))
    line.intercom.seed({"contacts": [{"external_id": "p0"}]})
    result = line.write(configuration=config(delivery={"concurrency": 1}))
    assert None is result.error
    assert {1: (3, 1)} == counts(result)
    written = [who for _, who in line.sent("POST /contacts") if who.startswith("p")]
    assert ["p2", "p1", "p4"] == written


def test_states_when_an_event_waits_leave_but_for_those_that_cover_it() -> None:
    """A state of the users says nothing of the event; one of all streams does, and waits with its own."""
    line = Line(
        (0, [order(0), state("events", 1), user(1), state("users", 2)]),
        (5, [everybody(3), user(2), state("users", 4), order(2), state("events", 5)]),
        (1000, []),
    )
    result = line.write()
    assert None is result.error
    assert {2: (1, 0), 4: (1, 0), 1: (0, 1), 3: (0, 0), 5: (1, 0)} == counts(result)
    assert max(line.left[2], line.left[4]) < 10
    assert all(WAIT_SECONDS < line.left[number] < WAIT_SECONDS + 5 for number in (1, 3, 5))


def test_state_when_it_covers_an_event_that_waits_is_held_for_ten_minutes_at_most() -> None:
    """The failures before the wait count, too: one record has ten minutes, whatever it waits for."""
    faults = [{"endpoint": "POST /events", "kind": "status", "status": 500, "until_time": 100.0, "matching": "p0"}]
    line = Line((0, [user(1), order(0), state("events", 1)]), (1000, []), faults=faults)
    result = line.write()
    assert {1: (0, 1)} == counts(result)
    assert WAIT_SECONDS <= line.left[1] < WAIT_SECONDS + 40


def test_sync_when_it_is_stopped_while_events_wait_ends_at_once_and_keeps_their_states() -> None:
    """What waits is not delivered, and so not acknowledged."""
    line = Line((0, [order(0), state("events", 1), user(1), state("users", 2), everybody(3)]), (1000, []))
    mailbox = Mailbox(line.clock)

    def stop() -> None:
        line.clock.sleep(50)
        mailbox.stop()

    line.clock.start("signal", stop)
    result = line.write(mailbox=mailbox)
    assert isinstance(result.error, Terminated)
    assert [2] == list(counts(result))
    assert line.clock.now() - START < 51


# ------------------------------------------------------------------ waits end


def test_event_when_its_person_never_comes_is_rejected_once_the_users_have_ended() -> None:
    """No later than the people who are still on their way; the source says of both streams that they are complete."""
    users = {"mode": "enabled", "streams": [{"stream": "users"}, {"stream": "more"}]}
    line = Line(
        (0, [order(0), order(1), order(2), state("events", 1), complete("users")]),
        (50, [record("more", user_id="p1"), complete("more")]),
        (400, [user(2)]),
        delay=5.0,
    )
    result = line.write(configuration=config(users=users))
    assert None is result.error
    assert {1: (1, 2)} == counts(result)
    assert 55 < line.left[1] < 90
    assert result.logged("Events that came before their people and waited for them: 1; 1 of them")


def test_event_when_its_person_is_on_the_way_at_the_end_of_the_input_waits_for_them() -> None:
    """The lookup and the creation take their time."""
    result = Line((0, [order(1), user(1), state("events", 1)]), delay=30.0).write(configuration=config(events=BY_EMAIL))
    assert None is result.error
    assert {1: (1, 0)} == counts(result)


def test_event_when_its_wait_ends_while_its_person_is_on_the_way_comes_behind_them() -> None:
    """An outage may hold the person up: what was sent before them would be rejected for nothing."""
    faults = [{"endpoint": "POST /contacts/search", "kind": "status", "status": 503, "until_time": 700.0}]
    line = Line((0, [order(1), state("events", 1)]), (590, [user(1)]), (900, []), faults=faults)
    result = line.write()
    assert None is result.error
    assert {1: (1, 0)} == counts(result)


def test_event_when_its_person_is_refused_is_rejected_at_the_end() -> None:
    """Nothing waits for who cannot be written."""
    archived = {"contacts": [{"external_id": "p1", "archived": True}]}
    result = write([order(1), user(1), state("events", 1), state("users", 2)], seed=archived)
    assert None is result.error
    assert {1: (0, 1), 2: (0, 1)} == counts(result)
    assert not result.logged("came before their people and")


@pytest.mark.parametrize("mode", ["upsert", "create_only", "update_only"])
def test_event_when_nobody_is_created_waits_for_nobody(mode: str) -> None:
    """With `update_only` no record makes a person known."""
    users = {**config()["users"], "write_mode": mode}
    line = Line((0, [order(0), order(1), state("events", 1)]), (100, [user(1)]))
    line.intercom.seed({"contacts": [{"external_id": "p0"}]})
    result = line.write(configuration=config(users=users))
    assert None is result.error
    assert {1: (1, 1) if mode == "update_only" else (2, 0)} == counts(result)
    assert (line.left[1] < 10) == (mode == "update_only")


def test_event_when_the_sync_has_no_user_stream_waits_for_nobody() -> None:
    """The connection selects the events alone, whatever the lists name."""
    line = Line((0, [order(0), order(1), state("events", 1)]), (100, []))
    line.intercom.seed({"contacts": [{"external_id": "p0"}]})
    catalog = {"streams": [{"stream": {"name": "events", "json_schema": {}}, "destination_sync_mode": "append"}]}
    result = line.write(configured_catalog=catalog)
    assert {1: (1, 1)} == counts(result)
    assert line.left[1] < 10
    assert not result.logged("Events wait for people")


def test_rejection_when_its_wait_ended_by_time_counts_neither_way_and_after_the_people_like_any_other() -> None:
    """Five late ones say nothing of the mapping; five whose people have all come do."""
    line = Line((0, [order(n) for n in range(5)]), (700, [order(9), state("events", 1)]), (900, []))
    settings = config(delivery={"stop_after_rejected": 5})
    line.intercom.seed({"contacts": [{"external_id": "p9"}]})
    result = line.write(configuration=settings)
    assert None is result.error
    assert {1: (1, 5)} == counts(result)
    assert result.logged("waited for them: 5; 0 of them were delivered. 0 could not wait for lack of room, and 5")

    result = Line((0, [order(n) for n in range(5)] + [user(7)])).write(configuration=settings)
    assert isinstance(result.error, ConfigurationError)
    assert "5 of them: unknown_user (Intercom does not know this person)" in result.error.message
    assert "events.unknown_users to create" in result.error.message


# ------------------------------------------------------------------ unknown_users: create


def test_person_when_they_are_to_be_created_is_so_only_when_the_wait_ends() -> None:
    """Whose record comes is created by it; who comes with none, at the end of the wait, and then the event is sent."""
    line = Line((0, [order(1), order(2), order(2, 1)]), (60, [user(1), state("users", 1)]), (900, [state("events", 2)]))
    result = line.write(configuration=config(events=CREATE))
    assert None is result.error
    assert {1: (1, 0), 2: (3, 0)} == counts(result)
    created = [(at, who) for at, who in line.sent("POST /contacts") if who in {"p1", "p2"}]
    assert ["p1", "p2"] == [who for _, who in created]
    assert 60 < created[0][0] < 65
    assert WAIT_SECONDS < created[1][0] < WAIT_SECONDS + 5
    assert {"p1": "N1", "p2": None} == {each["external_id"]: each["name"] for each in result.contents["contacts"]}


def test_person_when_the_users_have_ended_is_created() -> None:
    """The end of the input ends the wait; what was refused as unknown a moment before is no reason any more."""
    result = write([order(1), order(1, 1), user(2), state("events", 1)], configuration=config(events=CREATE))
    assert {1: (2, 0)} == counts(result)
    assert ["p1", "p2"] == sorted(each["external_id"] for each in result.contents["contacts"])


# ------------------------------------------------------------------ room


@pytest.mark.long
def test_million_events_before_a_million_people_neither_deadlock_nor_fill_the_memory(
    small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In small: the oldest are rejected, reading goes on, and the last are delivered; nothing of it is a bad sign."""
    messages = [order(n) for n in range(400)] + [state("events", 1)] + [user(n) for n in range(400)]
    most = 0
    enter = Ledger.enter

    def watched(ledger: Any, *args: Any, **more: Any) -> Any:
        nonlocal most
        most = max(most, ledger.records_out + 1)
        return enter(ledger, *args, **more)

    monkeypatch.setattr(Ledger, "enter", watched)
    settings = config(delivery={"stop_after_rejected": 5})
    line = Line((0, [*messages, state("users", 2)]))
    result = line.write(configuration=settings)
    assert None is result.error
    delivered, rejected = counts(result)[1]
    assert (400, True) == (delivered + rejected, small <= delivered <= 2 * small)
    assert (400, 0) == counts(result)[2]
    assert {f"p{n}" for n in range(400 - delivered, 400)} == {
        each["external_id"]
        for each in result.contents["contacts"]
        if each["id"] in {event["contact_id"] for event in result.events}
    }
    assert most <= 20


@pytest.mark.parametrize("create", [False, True])
def test_events_when_there_is_no_room_to_wait_are_rejected_or_their_people_created(small: int, *, create: bool) -> None:
    """The oldest first, while the sync goes on."""
    line = Line((0, [order(n) for n in range(30)] + [state("events", 1)]), (100, [user(n) for n in range(30)]))
    result = line.write(configuration=config(**({"events": CREATE} if create else {})))
    assert None is result.error
    assert {1: (30, 0) if create else (small, 20)} == counts(result)
    early = [who for at, who in line.sent("POST /contacts") if at < 100 and who.startswith("p")]
    assert ([f"p{n}" for n in range(20)] if create else []) == sorted(early, key=lambda who: int(who[1:]))


def test_events_when_they_are_large_wait_within_half_of_the_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty of a thousand bytes each, where twenty thousand bytes may be on their way."""
    monkeypatch.setattr(pipeline, "MAX_BYTES_IN_FLIGHT", 20_000)
    messages = [order(n, text="x" * 1000) for n in range(40)] + [user(n) for n in range(40)]
    result = write([*messages, state("events", 1)])
    assert None is result.error
    delivered, _ = counts(result)[1]
    assert 5 <= delivered <= 20


def test_states_when_they_wait_behind_an_event_take_its_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream with very many states is not stopped for ten minutes by one event."""
    monkeypatch.setattr(pipeline, "MAX_BYTES_IN_FLIGHT", 60_000)
    rest = [message for n in range(200) for message in (order(1, n), state("events", n + 1))]
    line = Line((0, [user(1), order(0), *rest]), (300, []))
    result = line.write()
    assert None is result.error
    assert 200 == len(result.states)
    assert max(at for at, _ in line.sent("POST /events")) < 60


@pytest.mark.parametrize("held", ["events", "users"])
def test_events_when_they_wait_beside_a_stream_that_looks_wrong_do_not_stop_reading(
    monkeypatch: pytest.MonkeyPatch, held: str
) -> None:
    """States that are held back, and events that wait, take half of the room together."""
    monkeypatch.setattr(pipeline, "MAX_BYTES_IN_FLIGHT", 60_000)
    wrong = [record(held, user_id=[0], name="x", at=T0)]
    rest = [message for n in range(100) for message in (order(n, text="x" * 1000), state("users", n + 1))]
    line = Line((0, [*wrong, *rest]), (1, [user(n) for n in range(90, 100)]), (300, []))
    result = line.write()
    assert None is result.error
    assert max(at for at, _ in line.sent("POST /contacts")) < 30


# ------------------------------------------------------------------ with everything else


def test_dry_run_when_events_come_before_their_people_ends_as_ever() -> None:
    """They wait for their people there, too."""
    settings = config(delivery={"dry_run": True})
    result = write([order(1), user(1), state("events", 1)], configuration=settings)
    assert isinstance(result.error, ConfigurationError)
    assert "Dry run finished" in result.error.message
    assert result.logged("Dry run: 1 contact")


def test_rejected_records_when_they_have_waited_are_stored_once_each(small: int) -> None:
    """By lack of room, by time, and at the end of the input; before the states that count them leave."""
    clock = VirtualClock()
    storage = FakeStorage(clock)
    pieces = [(0.0, [order(n) for n in range(30)]), (700.0, [order(n) for n in range(30, 35)]), (710.0, [user(34)])]
    stdin = ScriptedStdin(
        clock, *((at, to_lines(messages)) for at, messages in pieces), (711.0, to_lines([everybody(1)]))
    )
    result = write(stdin, clock=clock, storage=storage, configuration=config(object_storage_config=S3_SECTION))
    assert None is result.error
    assert {1: (2, 34)} == counts(result)
    rows = [row for body in storage.objects.values() for row in body.splitlines()]
    assert small < len(rows)
    people = [json.loads(row)["record"]["data"]["user_id"] for row in rows]
    assert sorted(f"p{n}" for n in range(34)) == sorted(people)
    assert {"unknown_user"} == {json.loads(row)["reason"] for row in rows}


def test_events_when_a_record_makes_several_wait_and_are_counted_as_one_record() -> None:
    """A stream that is listed twice: each of its records is two events."""
    streams = [*config()["events"]["streams"]]
    streams.append({"stream": "events", "event_name": "Again", "created_at_property": "at"})
    section = {**config()["events"], "streams": streams}
    result = write([order(1), order(2), user(1), state("events", 1)], configuration=config(events=section))
    assert {1: (1, 1)} == counts(result)
    assert ["Again", "Ordered"] == sorted(each["event_name"] for each in result.events)


def test_log_when_events_may_wait_says_so_in_its_first_line() -> None:
    """The one who reads it may still change the order of the streams."""
    result = write([user(1)])
    assert "Events wait for people whom Intercom does not know yet, for at most ten minutes" in result.logs[0]
    assert not write([user(1)], configuration=config(events=None)).logged("Events wait for people")
