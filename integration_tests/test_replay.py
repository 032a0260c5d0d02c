"""`replay`: rejected records sent once more, and what of them is too old to be written."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from destination_intercom.errors import ConfigurationError, InputError
from integration_tests.support.fake_storage import S3_SECTION, FakeStorage
from integration_tests.support.harness import Result, catalog, config, record, write
from integration_tests.support.replaying import replay, row
from integration_tests.support.virtual_clock import VirtualClock
from intercom_emulator import Intercom, Settings

DAY = 86_400.0
PEOPLE = {"mode": "enabled", "streams": [{"stream": "users"}], "attributes": [{"property": "name"}]}


class World:
    """A workspace on a virtual clock, whose search lags as Intercom's does, and a folder for objects."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.clock = VirtualClock()
        self.intercom = Intercom(Settings.from_dict(settings), clock=self.clock.wall)
        self.now = self.clock.wall()

    def seed(self, *contacts: dict[str, Any]) -> None:
        """Let people be there, who were updated at the time that they say, days ago if they say none."""
        long_ago = {"created_at": int(self.now - 9 * DAY), "updated_at": int(self.now - 9 * DAY)}
        self.intercom.seed({"contacts": [{**long_ago, **each} for each in contacts]})

    def replay(self, *rows: Any, **more: Any) -> Result:
        """Replay rows, or objects of these names."""
        return replay(rows, self.folder, intercom=self.intercom, clock=self.clock, **more)

    def name(self, external_id: str) -> Any:
        """Tell the name of a contact."""
        found = [each for each in self.intercom.dump()["contacts"] if each["external_id"] == external_id]
        assert len(found) == 1
        return found[0]["name"]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Make a workspace."""
    return World(tmp_path)


def user(user_id: str, name: str, **more: Any) -> dict[str, Any]:
    """A record of a person."""
    return record("users", user_id=user_id, name=name, **more)


def event(user_id: str, second: int) -> dict[str, Any]:
    """A record of an event."""
    return record("events", user_id=user_id, name="played", at=1_767_225_600 + second)


def summary(result: Result, stream: str) -> str:
    """The line on a stream at the end of the log."""
    return next(text for text in result.logs if text.startswith(f'Stream "{stream}": read'))


def test_row_when_the_contact_was_updated_before_the_rejection_then_it_is_written(world: World) -> None:
    """The contact is as old as it was."""
    world.seed({"external_id": "p1", "name": "Ada Before", "updated_at": int(world.now - 2 * DAY)})
    result = world.replay(row(user("p1", "Ada Rejected"), world.now - DAY))
    assert result.error is None
    assert "Ada Rejected" == world.name("p1")
    assert "delivered 1, filtered 0" in summary(result, "users")


def test_row_when_the_contact_was_updated_since_then_it_is_superseded(world: World) -> None:
    """What is older than the contact is not written, is counted, and is said at the end."""
    world.seed({"external_id": "p1", "name": "Ada Newer", "updated_at": int(world.now - DAY / 2)})
    result = world.replay(row(user("p1", "Ada Rejected"), world.now - DAY))
    assert result.error is None
    assert "Ada Newer" == world.name("p1")
    assert "filtered 1 (superseded 1)" in summary(result, "users")
    assert result.logged("1 (superseded). With --force")
    assert {"POST /contacts/search": 1} == {name: n for name, n in result.calls.items() if "/contacts" in name}


def test_row_when_forced_then_it_is_written_whatever_came_since(world: World) -> None:
    """As the user wants it."""
    world.seed({"external_id": "p1", "name": "Ada Newer", "updated_at": int(world.now - DAY / 2)})
    result = world.replay(row(user("p1", "Ada Rejected"), world.now - DAY), force=True)
    assert (None, "Ada Rejected") == (result.error, world.name("p1"))


def test_row_when_the_contact_is_not_there_then_it_is_created(world: World) -> None:
    """Nobody has updated whom Intercom does not know."""
    result = world.replay(row(user("p1", "Ada Rejected"), world.now - DAY))
    assert (None, "Ada Rejected") == (result.error, world.name("p1"))


@pytest.mark.parametrize("bulk", [False, True])
@pytest.mark.parametrize("is_there", [False, True])
@pytest.mark.parametrize("apart", [0, 200])
def test_rows_of_one_person_when_the_first_is_written_then_the_second_is_not_superseded_by_it(
    world: World, *, is_there: bool, apart: int, bulk: bool
) -> None:
    """In one batch or far apart, created or updated, one by one or in bulk: the last row counts."""
    if is_there:
        world.seed({"external_id": "p1", "name": "Ada Before"})
    others = [row(user(f"q{n}", "q"), world.now - DAY + n / 10, ordinal=2 + n) for n in range(apart)]
    first = row(user("p1", "Ada the First"), world.now - DAY, ordinal=1)
    second = row(user("p1", "Ada the Second"), world.now - DAY / 2, ordinal=999)
    delivery = {"contacts_api": "bulk"} if bulk else {}
    result = world.replay(first, *others, second, configuration=config(delivery=delivery))
    assert (None, "Ada the Second") == (result.error, world.name("p1"))
    assert f"delivered {2 + apart}, filtered 0" in summary(result, "users")


@pytest.mark.long
@pytest.mark.parametrize("bulk", [False, True])
@pytest.mark.parametrize("is_there", [False, True])
def test_rows_of_one_person_when_ten_minutes_lie_between_then_the_second_is_not_superseded(
    world: World, *, is_there: bool, bulk: bool
) -> None:
    """What the replay wrote is asked for again by then, and shows the replay's own update."""
    if is_there:
        world.seed({"external_id": "p1", "name": "Ada Before"})
    # More than may be on its way at once, so that the last row is read, and looked up, minutes later.
    others = [
        row({"record": {**event("p1", n)["record"], "filler": " " * 1_500_000}}, world.now - DAY + 1, ordinal=2 + n)
        for n in range(40)
    ]
    result = world.replay(
        row(user("p1", "Ada the First"), world.now - DAY),
        *others,
        row(user("p1", "Ada the Second"), world.now - DAY / 2, ordinal=999),
        configuration=config(
            delivery={"max_calls_per_minute": 1, "contacts_api": "bulk" if bulk else "standard"}, users=PEOPLE
        ),
    )
    assert (None, "Ada the Second") == (result.error, world.name("p1"))
    assert 2 == result.calls["POST /contacts/search"]


def test_rows_of_one_person_when_only_the_older_is_superseded_then_the_other_is_written_alone(world: World) -> None:
    """They are never merged: no value of the older one is written with the other."""
    world.seed(
        {"external_id": "p1", "name": "Ada Before", "email": "new@x.example", "updated_at": int(world.now - DAY)}
    )
    older = row(record("users", user_id="p1", email="old@x.example"), world.now - 2 * DAY, ordinal=1)
    newer = row(user("p1", "Ada Rejected"), world.now - DAY / 2, ordinal=2)
    result = world.replay(older, newer)
    (contact,) = result.contents["contacts"]
    assert ("new@x.example", "Ada Rejected") == (contact["email"], contact["name"])
    assert "delivered 1, filtered 1 (superseded 1)" in summary(result, "users")


def test_rows_of_two_keys_of_one_contact_when_one_was_written_then_the_other_is_not_superseded(world: World) -> None:
    """What is remembered is the contact, whatever key leads to it."""
    world.seed({"external_id": "p1", "email": "a@x.example", "name": "Ada Before"})
    streams = [{"stream": "users"}, {"stream": "leads", "identity_property": "mail", "intercom_field": "email"}]
    users = {**PEOPLE, "streams": streams}
    others = [row(user(f"q{n}", "q"), world.now - DAY + n / 10, ordinal=2 + n) for n in range(200)]
    result = world.replay(
        row(user("p1", "Ada the First"), world.now - DAY),
        *others,
        row(record("leads", mail="a@x.example", name="Ada the Second"), world.now - DAY / 2, ordinal=999),
        configuration=config(users=users),
    )
    assert (None, "Ada the Second") == (result.error, world.name("p1"))


def test_record_of_both_kinds_when_superseded_then_its_event_is_sent_all_the_same(world: World) -> None:
    """Nothing stale is written, and no event is lost."""
    world.seed({"external_id": "p1", "name": "Ada Newer", "updated_at": int(world.now - DAY / 2)})
    users = {**PEOPLE, "streams": [{"stream": "events"}]}
    result = world.replay(row(event("p1", 0), world.now - DAY), configuration=config(users=users))
    assert (None, "Ada Newer", 1) == (result.error, world.name("p1"), len(result.events))
    assert result.logged("contacts filtered 1, events delivered 1")
    assert result.logged("1 (superseded)")


def test_events_when_their_person_was_updated_since_then_they_are_sent(world: World) -> None:
    """An event is as true as it was."""
    world.seed({"external_id": "p1", "updated_at": int(world.now - 1)})
    result = world.replay(*(row(event("p1", n), world.now - DAY, ordinal=n) for n in range(3)))
    assert (None, 3) == (result.error, len(result.events))


def test_adoption_when_the_contact_was_updated_since_then_it_is_superseded(world: World) -> None:
    """Also a contact that would be found by the address alone is not written."""
    world.seed({"email": "a@x.example", "name": "Ada Newer", "updated_at": int(world.now - DAY / 2)})
    result = world.replay(row(user("p1", "Ada Old", email="a@x.example"), world.now - DAY))
    (contact,) = result.contents["contacts"]
    assert ("Ada Newer", None) == (contact["name"], contact["external_id"])
    assert "superseded 1" in summary(result, "users")


def test_merged_contact_when_it_was_updated_since_then_it_is_superseded(tmp_path: Path) -> None:
    """The contact that Intercom leads to has its own time; the search still shows the other one."""
    world = World(tmp_path, search_lag=120.0)
    world.seed({"external_id": "p1", "name": "Ada Gone"}, {"external_id": "p2", "name": "Ada Newer"})
    gone, kept = (each["id"] for each in world.intercom.dump()["contacts"])
    world.clock.sleep(700)
    world.intercom.merge(gone, kept)
    result = world.replay(row(user("p1", "Ada Old"), world.now - DAY))
    assert (None, "Ada Newer") == (result.error, world.name("p2"))
    assert "PUT /contacts/{id}" not in result.calls
    assert "superseded 1" in summary(result, "users")


@pytest.mark.parametrize("api", ["standard", "bulk"])
@pytest.mark.parametrize("is_new", [False, True])
def test_contact_when_others_wrote_it_just_before_then_it_is_superseded_though_the_search_lags(
    tmp_path: Path, *, is_new: bool, api: str
) -> None:
    """Made or updated seconds ago: the search shows nobody, or them as they were."""
    world = World(tmp_path, search_lag=120.0)
    if not is_new:
        world.seed({"external_id": "p1", "name": "Ada Before"})
    world.clock.sleep(700)
    person = None if is_new else {"external_id": "p1"}
    change = {"contact": person, "set": {"external_id": "p1", "name": "Ada Newer", "role": "user"}}
    world.intercom.seed({"changes": [change]})
    world.clock.sleep(5)
    older = [row(user("p1", f"Ada Old {n}"), world.now - DAY + n, ordinal=n) for n in (1, 2)]
    result = world.replay(*older, configuration=config(delivery={"contacts_api": api}))
    assert (None, "Ada Newer") == (result.error, world.name("p1"))
    assert "superseded 2" in summary(result, "users")


def test_create_whose_answer_was_lost_when_it_is_found_then_it_is_no_update_of_others(tmp_path: Path) -> None:
    """Made by the replay's own attempt: neither that row nor the next one is superseded."""
    world = World(tmp_path, faults=[{"endpoint": "POST /contacts", "kind": "reset_after", "first": 1}])
    rows = [
        row(user("p1", "Ada the First"), world.now - DAY),
        row(user("p1", "Ada the Second"), world.now - 1, ordinal=2),
    ]
    result = world.replay(*rows)
    assert (None, "Ada the Second") == (result.error, world.name("p1"))
    assert 2 == result.calls["POST /contacts"]
    assert "filtered 0" in summary(result, "users")


def test_lead_whose_create_was_lost_when_it_is_found_then_it_is_no_update_of_others(tmp_path: Path) -> None:
    """The search shows it some time later, and it is the replay's own."""
    world = World(tmp_path, faults=[{"endpoint": "POST /contacts", "kind": "reset_after", "first": 1}])
    users = {**PEOPLE, "create_as": "lead"}
    rows = [
        row(user("a@x.example", "Ada the First"), world.now - DAY),
        row(user("a@x.example", "Ada the Second"), world.now - 1, ordinal=2),
    ]
    identity = {"property": "user_id", "intercom_field": "email"}
    result = world.replay(*rows, configuration=config(users=users, identity=identity))
    (lead,) = result.contents["contacts"]
    assert (None, "Ada the Second") == (result.error, lead["name"])
    assert "filtered 0" in summary(result, "users")


@pytest.mark.parametrize(("days", "stays"), [(0.5, True), (2.0, False)])
@pytest.mark.parametrize("how", ["archive", "delete"])
def test_deleted_row_when_the_person_was_updated_since_then_they_stay(
    world: World, how: str, days: float, *, stays: bool
) -> None:
    """A row that takes a person away is as old as any other."""
    world.seed({"external_id": "p1", "name": "Ada Here", "updated_at": int(world.now - days * DAY)})
    users = {"mode": "enabled", "streams": [{"stream": "users"}], "attributes": [], "deleted_records": how}
    gone = row(record("users", user_id="p1", _ab_cdc_deleted_at="2026-01-01T00:00:00Z"), world.now - DAY)
    result = world.replay(gone, configuration=config(users=users))
    assert result.error is None
    left = [each for each in result.contents["contacts"] if not each.get("archived") and not each.get("deleted")]
    assert stays is bool(left)
    assert stays is ("superseded 1" in summary(result, "users"))


@pytest.mark.parametrize("api", ["standard", "bulk"])
def test_deleted_row_when_a_live_one_came_in_the_same_second_then_the_person_stays(world: World, api: str) -> None:
    """The sync had no leave to delete, and then wrote the person, who is back: nobody tells which came first."""
    storage = FakeStorage(world.clock)
    users = {**PEOPLE, "deleted_records": "delete"}
    gone = record("users", user_id="p1", _ab_cdc_deleted_at="2026-01-01T00:00:00Z")
    settings: dict[str, Any] = {"users": users, "object_storage_config": S3_SECTION}
    write(
        [user("p1", "Ada"), gone, user("p1", "Ada Again")],
        intercom=world.intercom,
        clock=world.clock,
        storage=storage,
        configuration=config(**settings, delivery={"max_deletions": 0, "contacts_api": api}),
    )
    assert (["too_many_deletions"], "Ada Again") == ([each["reason"] for each in storage.rows], world.name("p1"))
    result = world.replay("s3://refused/intercom/", storage=storage, configuration=config(**settings))
    assert (None, [False]) == (result.error, [each["deleted"] for each in result.contents["contacts"]])
    assert "superseded 1" in summary(result, "users")


def test_archived_contact_when_rows_bring_it_back_then_they_are_written(world: World) -> None:
    """To restore it is an update of the replay's own."""
    world.seed({"external_id": "p1", "name": "Ada Before", "archived": True})
    users = {**PEOPLE, "archived_contacts": "unarchive"}
    result = world.replay(row(user("p1", "Ada Back"), world.now - DAY), configuration=config(users=users))
    assert (None, "Ada Back") == (result.error, world.name("p1"))


def test_replay_when_repeated_then_nothing_is_written_twice(world: World) -> None:
    """Rows that were written before are superseded, and events that Intercom has it drops."""
    rows = [row(user("p1", "Ada Once"), world.now - DAY), row(event("p1", 0), world.now - DAY, ordinal=2)]
    first, again = world.replay(*rows), world.replay(*rows)
    assert (None, None) == (first.error, again.error)
    assert ("Ada Once", 1) == (world.name("p1"), len({json.dumps(each, sort_keys=True) for each in again.events}))
    assert "superseded 1" in summary(again, "users")


@pytest.mark.parametrize("is_resumed", [False, True])
def test_replay_when_cut_off_between_two_rows_of_a_person_then_resume_writes_the_second(
    world: World, *, is_resumed: bool
) -> None:
    """What the first attempt has written is not taken for somebody else's update; without --resume it is."""
    world.seed({"external_id": "p1", "name": "Ada Before"})
    rows = [
        row(user("p1", "Ada the First"), world.now - DAY),
        row(user("p1", "Ada the Second"), world.now - DAY / 2, ordinal=2),
    ]
    world.replay(rows[0])
    world.clock.sleep(700)
    result = world.replay(*rows, resumed=world.now if is_resumed else None)
    assert (None, "Ada the Second" if is_resumed else "Ada the First") == (result.error, world.name("p1"))


def test_rows_when_of_several_objects_then_they_are_sent_oldest_first(world: World) -> None:
    """Over all objects together, plain and gzip, recognised by what is in them."""
    for name, numbers in {"a.gz": (0, 3, 6), "b.jsonl": (1, 4, 7), "c": (2, 5, 8)}.items():
        body = b"".join(row(event("p1", n), world.now - DAY + n * 100, ordinal=n) for n in numbers)
        (world.folder / name).write_bytes(gzip.compress(body) if name == "c" else body)
    world.seed({"external_id": "p1"})
    result = world.replay(world.folder, configuration=config(delivery={"concurrency": 1}))
    assert [1_767_225_600 + n for n in range(9)] == [each["created_at"] for each in result.events]


def test_rows_when_of_one_reason_then_no_others_are_sent(world: World) -> None:
    """A part's reason counts, too, and what is left out is said."""
    world.seed({"external_id": "p1"})
    rows = [
        row(event("p1", 0), world.now - DAY, reason="unknown_user"),
        row(event("p1", 1), world.now - DAY, ordinal=2, reason="invalid_time"),
        row(event("p1", 2), world.now - DAY, ordinal=3, other_parts=[{"part": "events", "reason": "unknown_user"}]),
        row(event("p1", 3), world.now - DAY, ordinal=4, reason="refused"),
    ]
    result = world.replay(*rows, reasons=["unknown_user", "invalid_time"])
    assert [0, 1, 2] == sorted(each["created_at"] - 1_767_225_600 for each in result.events)
    assert result.logged("Rejected records to send: 3,")
    assert result.logged("left out, for other reasons: 1")


def test_rejected_again_when_there_is_a_storage_then_it_is_in_a_new_object_elsewhere(world: World) -> None:
    """The object that it was read from is as it was, and so the replay can be repeated."""
    storage = FakeStorage(world.clock)
    stored = row(event("nobody", 0), world.now - DAY, reason="unknown_user")
    storage.objects["intercom/4711/events/a.jsonl"] = stored
    configuration, new = config(object_storage_config=S3_SECTION), list[str]()
    for attempt in (1, 2):
        world.clock.sleep(5)
        result = world.replay("s3://refused/intercom/4711/", storage=storage, configuration=configuration)
        assert result.error is None
        assert stored == storage.objects["intercom/4711/events/a.jsonl"]
        new = sorted(set(storage.objects) - {"intercom/4711/events/a.jsonl"})
        assert attempt == len(new)
        assert all(key.startswith("intercom/replay-20") and "/events/" in key for key in new)
    kept = json.loads(storage.objects[new[-1]])
    assert json.loads(stored)["record"] == kept["record"]
    assert "unknown_user" == kept["reason"]
    assert json.loads(stored)["rejected_at"] < kept["rejected_at"]


def test_rejected_again_when_there_is_no_storage_then_it_says_where_the_record_still_is(world: World) -> None:
    """It is lost nowhere, and nobody is told to look for it in a bucket."""
    result = world.replay(row(event("nobody", 0), world.now - DAY))
    assert result.error is None
    assert result.logged(
        "still in the objects that they were read from. Once the cause is corrected, run the same command again with --res"
    )


def test_dry_run_when_rows_are_replayed_then_nothing_is_written(world: World) -> None:
    """It tells what would be superseded, too."""
    world.seed({"external_id": "p1", "name": "Ada Newer", "updated_at": int(world.now - 1)}, {"external_id": "p2"})
    rows = [row(user("p1", "a"), world.now - DAY), row(user("p2", "b"), world.now - DAY, ordinal=2)]
    result = world.replay(*rows, configuration=config(delivery={"dry_run": True}))
    assert isinstance(result.error, ConfigurationError)
    assert ("Ada Newer", None) == (world.name("p1"), world.name("p2"))
    assert "would be delivered 1, filtered 1 (superseded 1)" in summary(result, "users")


def test_log_when_a_replay_ends_early_then_it_promises_no_next_sync(world: World) -> None:
    """Nothing is acknowledged, so it says where the rest is and how to go on."""
    rows = [row(event(f"n{number}", number), world.now - DAY, ordinal=number) for number in range(20)]
    result = world.replay(*rows, configuration=config(delivery={"stop_after_rejected": 5}))
    assert result.error is not None
    told = " ".join([*result.logs, result.error.message])
    assert [] == [words for words in ("next sync", "acknowledged", "checkpoint", "of the sync") if words in told]
    assert "still in the objects that it was read from. To go on, run the same command again with --resume 20" in told


def test_stop_after_rejected_when_the_cause_is_not_mended_then_the_replay_stops(world: World) -> None:
    """The mapping is judged as in a sync."""
    rows = [row(event(f"n{number}", number), world.now - DAY, ordinal=number) for number in range(20)]
    result = world.replay(*rows, configuration=config(delivery={"stop_after_rejected": 5}))
    assert isinstance(result.error, ConfigurationError)
    assert "the mapping looks wrong" in result.error.message


CUT = b'{"record": {"stream": "users", "data": {"user_id": "canary-1"'


@pytest.mark.parametrize(
    ("second", "words"),
    [
        (CUT, "is not JSON, or is cut off"),
        (b'{"record": {"stream": "users"}, "rejected_at": "2026-01-01T00:00:00Z"}', "is no rejected record"),
        (b'{"type": "RECORD", "record": {"stream": "users", "data": {"a": "canary"}}}', "is no rejected record"),
        (b'{"record": {"stream": "users", "data": {}}, "rejected_at": "canary"}', "is no rejected record"),
        (b"[]", "is no rejected record"),
        (b"\xff\xfe", "is not JSON, or is cut off"),
    ],
)
def test_line_when_it_is_no_row_then_the_error_names_object_and_line_and_nothing_is_sent(
    world: World, second: bytes, words: str
) -> None:
    """Everything is looked at before anything is sent; no content is told."""
    result = world.replay(row(user("p1", "Ada the First"), world.now - DAY), second + b"\n")
    assert isinstance(result.error, InputError)
    assert f"Line 2 of {world.folder}/rows.jsonl {words}" in result.error.message
    assert "canary" not in result.error.message
    assert ([], {}) == (result.contents["contacts"], result.calls)


def test_object_when_its_compression_is_cut_off_then_the_error_says_so(world: World) -> None:
    """Nothing of a half object is sent."""
    body = gzip.compress(b"".join(row(event("p1", n), world.now - DAY, ordinal=n) for n in range(500)))
    (world.folder / "half").write_bytes(body[: len(body) // 2])
    result = world.replay(world.folder / "half")
    assert isinstance(result.error, InputError)
    assert "is damaged or cut off" in result.error.message
    assert {} == result.calls


def test_row_of_a_stream_that_the_catalog_lacks_then_an_error_names_it_and_nothing_is_sent(world: World) -> None:
    """As for a source's record, and before the first call."""
    rows = [row(user("p1", "a"), world.now - DAY), row(record("orders", a=1), world.now - DAY, ordinal=2)]
    result = world.replay(*rows, configured_catalog=catalog("users", "events"))
    assert isinstance(result.error, InputError)
    assert f'Line 2 of {world.folder}/rows.jsonl is a RECORD of the stream "orders"' in result.error.message
    assert {} == result.calls


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (lambda folder: folder / "none.jsonl", "cannot be read (No such file or directory)"),
        (lambda folder: folder, "There are no objects in"),
        (lambda _: "s3://refused/intercom/none.jsonl", "cannot be read (status 404, code NoSuchKey)"),
        (lambda _: "s3://refused/elsewhere/", "There are no objects in"),
        (lambda _: "s3://other/a.jsonl", "is in another bucket than s3://refused"),
        (lambda _: "/dev/null", "is no file"),
    ],
)
def test_object_when_it_is_not_there_then_the_error_names_it(
    world: World, name: Callable[[Path], Any], words: str
) -> None:
    """And says what to check."""
    storage = FakeStorage(world.clock)
    result = world.replay(name(world.folder), storage=storage, configuration=config(object_storage_config=S3_SECTION))
    assert result.error is not None
    assert words in result.error.message


def test_object_of_a_storage_when_none_is_configured_then_the_error_says_what_to_set(world: World) -> None:
    """Rather than that there is no such file."""
    result = world.replay("s3://refused/a.jsonl")
    assert isinstance(result.error, ConfigurationError)
    assert "set object_storage_config" in result.error.message


def test_rejected_and_replayed_when_the_cause_is_mended_then_intercom_has_what_a_sync_would_have_brought(
    world: World,
) -> None:
    """From a sync's own objects: big numbers, lone surrogates and all."""
    storage = FakeStorage(world.clock)
    section = {**S3_SECTION, "compression": {"compression_type": "GZIP"}}
    configuration = config(object_storage_config=section, delivery={"stop_after_rejected": 0})
    big = 123456789012345678901234567890
    messages = [record("events", user_id=big, name="played", at=1_767_225_600 + n, text="\ud800") for n in range(30)]
    first = write(messages, intercom=world.intercom, clock=world.clock, storage=storage, configuration=configuration)
    assert (None, []) == (first.error, first.events)
    world.seed({"external_id": str(big)})
    names = [f"s3://refused/{key}" for key in storage.objects]
    result = world.replay(*names, storage=storage, configuration=configuration, reasons=["unknown_user"])
    assert (None, 30) == (result.error, len(result.events))


def mixed(name: str, at: Any, **more: Any) -> dict[str, Any]:
    """A record of which a contact and an event are made."""
    return record("both", user_id="p1", name=name, at=at, event="played", **more)


@pytest.mark.parametrize("force", [False, True])
def test_record_of_which_only_the_event_was_rejected_when_replayed_then_its_contact_is_not_written_again(
    world: World, *, force: bool
) -> None:
    """It was delivered, and a row after it, of which nothing was rejected, in the same second: both are in Intercom."""
    storage, both = FakeStorage(world.clock), {"stream": "both"}
    entry = {**both, "event_name_property": "event", "created_at_property": "at"}
    events: dict[str, Any] = {"mode": "enabled", "selected_events": ["*"], "streams": [entry]}
    sections = {"users": {**PEOPLE, "streams": [both]}, "object_storage_config": S3_SECTION}
    first = write(
        [mixed("Ada the First", "yesterday", sent=1_767_225_600), mixed("Ada the Second", 1_767_225_601)],
        intercom=world.intercom,
        clock=world.clock,
        storage=storage,
        configuration=config(events=events, **sections),
    )
    assert (None, "Ada the Second", 1) == (first.error, world.name("p1"), len(storage.rows))
    mended = {**events, "streams": [{**entry, "created_at_property": "sent"}]}
    result = world.replay(
        "s3://refused/intercom/", storage=storage, configuration=config(events=mended, **sections), force=force
    )
    assert (None, 2) == (result.error, len(result.events))
    assert ("Ada the First" if force else "Ada the Second") == world.name("p1")
    assert force is not result.logged("Parts: contacts filtered 1, events delivered 1")
