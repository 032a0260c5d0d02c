"""The collecting of rejected records: rows, objects, and who is told when."""

from __future__ import annotations

import json
import tracemalloc
from datetime import datetime, timezone
from typing import Any

import orjson
import pytest
from hypothesis import given, strategies as st

from destination_intercom import outcomes
from destination_intercom.delivery.ledger import Entry, Ledger
from destination_intercom.delivery.mailbox import Failed, Mailbox, Stored
from destination_intercom.errors import ConfigurationError, DeliveryError, StorageError, StreamName
from destination_intercom.outcomes import Outcome, Refusal, rejected
from destination_intercom.rejects import collector as rejects_module
from destination_intercom.rejects.collector import AGE_SECONDS, AGE_WITHOUT_ROOM, UPLOADS, RejectedRecords, make_row
from integration_tests.support.fake_storage import DENIED, TIMEOUT, FakeStorage
from integration_tests.support.virtual_clock import START, VirtualClock

REFUSED = rejected(outcomes.REFUSED, Refusal(422, "parameter_invalid", "é\ud800 says token-1!", "r-1"))
PLAIN = rejected(outcomes.INVALID_TIME)
STREAM = StreamName("events")


class Desk:
    """RejectedRecords with a storage in memory, and a ledger that the records come from."""

    def __init__(self, *, compressed: bool = False, **storage: Any) -> None:
        self.clock = VirtualClock()
        self.mailbox = Mailbox(self.clock)
        self.storage = FakeStorage(self.clock, **storage)
        self.ledger = Ledger(stop_after_rejected=0, stores_rejected=True)
        self.rejects = RejectedRecords(
            self.storage, folder="p/1/", compressed=compressed, secret="token-1", mailbox=self.mailbox, clock=self.clock
        )

    def reject(self, stream: StreamName = STREAM, outcome: Outcome = PLAIN, data: str = "{}") -> Entry:
        """Let a record of one part be rejected."""
        line = b'{"type":"RECORD","record":{"stream":"s","data":%b}}' % data.encode()
        entry = self.ledger.enter(stream, parts=1, size=len(line), line=line)
        self.rejects.note(entry, "events", outcome)
        assert self.ledger.conclude(entry, outcome) is outcome
        self.rejects.add(entry)
        return entry

    def notices(self, seconds: float) -> list[Any]:
        """Let some time pass; return what was posted."""
        self.clock.sleep(seconds)
        return list(self.mailbox.notices())


def make_entry(line: bytes) -> Entry:
    """Make the entry of a record that was read as `line`."""
    return Ledger(stop_after_rejected=0, stores_rejected=True).enter(STREAM, parts=1, size=len(line), line=line)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON_VALUES, max_size=4), st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_row_when_made_then_the_record_can_be_cut_out_of_it_again(
    data: dict[str, Any], ascii_only: bool, indent: Any
) -> None:
    """Whatever a record holds: parsed it is the same, and the bytes are those that came."""
    record = {"stream": "events", "data": {**data, ',"part":"events",': '"record":'}}
    text = json.dumps(record, ensure_ascii=ascii_only, indent=indent).replace("\n", " ")
    raw = text.encode("utf-8", "surrogatepass")
    line = b'{"type": "RECORD", "record": ' + raw + b"}"
    row = make_row(make_entry(line), [("events", REFUSED)], rejected_at=1.5, secret="token-1")
    assert (1, True) == (row.count(b"\n"), row.endswith(b"}\n"))
    assert b'{"record":' + raw == row[: row.rindex(b',"part":"events",')]
    assert record == json.loads(row)["record"]


def test_row_when_several_parts_were_rejected_then_it_tells_of_all_and_of_no_secret() -> None:
    """The first part speaks for the record; a token that Intercom quotes is blotted out."""
    line = b'{"type":"RECORD","record":{"stream":"events","data":{}}}'
    row = make_row(
        make_entry(line), [("contacts", REFUSED), ("events", PLAIN)], rejected_at=1_767_225_600.25, secret="token-1"
    )
    account: dict[str, Any] = {"code": None, "message": None, "request_id": None, "status": None}
    assert json.loads(row) == {
        "record": {"stream": "events", "data": {}},
        "part": "contacts",
        "reason": "refused",
        "status": 422,
        "code": "parameter_invalid",
        "message": "é\ud800 says …!",
        "request_id": "r-1",
        "other_parts": [{"part": "events", "reason": "invalid_time", **account}],
        "ordinal": 1,
        "rejected_at": "2026-01-01T00:00:00.250Z",
    }


def test_row_when_a_part_was_rejected_earlier_than_it_was_told_then_it_tells_when_that_was() -> None:
    """Others of the person were written meanwhile, and are newer."""
    desk = Desk()
    now, moment = desk.clock.now(), datetime.fromtimestamp(desk.clock.wall(), timezone.utc)
    desk.clock.sleep(30)
    desk.reject(outcome=PLAIN.date(now).date(desk.clock.now()))
    desk.rejects.close()
    desk.notices(1)
    assert f"{moment:%Y-%m-%dT%H:%M:%S}.000Z" == desk.storage.rows[0]["rejected_at"]


def test_row_when_there_is_nothing_odd_in_it_then_every_parser_takes_it() -> None:
    """The strictest of them is orjson."""
    row = make_row(
        make_entry(b'{"type":"RECORD","record":{"stream":"e","data":{}}}'),
        [("events", PLAIN)],
        rejected_at=0.0,
        secret="",
    )
    assert {"stream": "e", "data": {}} == orjson.loads(row)["record"]


@pytest.mark.parametrize(("room", "age"), [(True, AGE_SECONDS), (False, AGE_WITHOUT_ROOM)])
def test_lines_when_they_are_old_enough_then_they_are_handed_over_and_not_before(room: bool, age: float) -> None:
    """The oldest line counts, and with no room for other records it need not be so old."""
    desk = Desk()
    desk.reject()
    desk.clock.sleep(age - 0.5)
    desk.reject()
    assert START + age == desk.rejects.due(room=room)
    desk.rejects.close_if_due(room=room)
    assert [] == desk.notices(0.25)
    desk.clock.sleep(0.25)
    desk.rejects.close_if_due(room=room)
    (stored,) = desk.notices(0.25)
    assert ([1, 2], None) == ([entry.ordinal for entry in stored.entries], desk.rejects.due(room=room))


def test_streams_when_several_have_lines_then_each_has_objects_of_its_own() -> None:
    """The oldest stream is due first, whichever had the last line."""
    desk = Desk()
    first, second = StreamName("a", "n"), StreamName("b")
    desk.reject(first)
    desk.clock.sleep(6.0)
    desk.reject(second)
    desk.reject(first)
    desk.clock.sleep(AGE_SECONDS - 6.0)
    desk.rejects.close_if_due(room=True)
    desk.notices(0.1)
    (key,) = desk.storage.objects
    assert key.startswith("p/1/n/a/")
    desk.rejects.close()
    desk.notices(0.1)
    assert ["p/1/b/", "p/1/n/a/"] == sorted(key[: key.rindex("/") + 1] for key in desk.storage.objects)
    assert [1, 2, 3] == [row["ordinal"] for row in desk.storage.rows]


def test_memory_when_a_line_is_collected_then_the_input_is_not_kept_twice() -> None:
    """The row holds the record; the line that it came in is let go."""
    assert None is Desk().reject().line


def test_uploads_when_many_objects_are_ready_then_a_few_are_on_their_way_at_once() -> None:
    """A slow storage takes several at a time, and not all."""
    desk = Desk(seconds=10.0)
    for number in range(3 * UPLOADS):
        desk.reject(StreamName(f"s{number}"))
    desk.rejects.close()
    desk.rejects.join(START + 1000.0)
    assert START + 30.0 == desk.clock.now()
    assert [UPLOADS] * 3 == [desk.storage.attempts.count(START + each) for each in (0.0, 10.0, 20.0)]
    assert 3 * UPLOADS == len([notice for notice in desk.mailbox.notices() if isinstance(notice, Stored)])


def test_notice_when_an_upload_fails_then_it_comes_after_the_one_that_works() -> None:
    """Nothing is told to be stored that is not."""
    desk = Desk(script=lambda number: TIMEOUT if number < 4 else None)
    desk.reject()
    desk.rejects.close()
    while not (notices := desk.mailbox.notices()):
        assert {} == desk.storage.objects
        desk.clock.sleep(0.05)
    assert (1, 1, 4) == (len(notices), len(desk.storage.rows), len(desk.storage.attempts))


@pytest.mark.parametrize(
    ("stored_before", "failure", "expected"),
    [(0, DENIED, ConfigurationError), (1, DENIED, DeliveryError), (0, TIMEOUT, DeliveryError)],
)
def test_failure_when_it_stays_then_the_main_thread_learns_of_it_once(
    stored_before: int, failure: StorageError, expected: type[Exception]
) -> None:
    """A refusal ends the sync at once only where nothing was ever stored."""
    desk = Desk(script=lambda number: failure if number > stored_before else None)
    for _ in range(stored_before):
        desk.reject()
        desk.rejects.close()
        desk.notices(1.0)
    desk.reject()
    desk.rejects.close()
    (notice,) = desk.notices(1000.0)
    assert isinstance(notice, Failed)
    assert isinstance(notice.error, expected)
    began = desk.clock.now()
    desk.rejects.join(began + 100.0)
    assert began == desk.clock.now()


def test_stop_when_an_upload_waits_then_it_is_tried_no_more() -> None:
    """The threads end with the sync."""
    desk = Desk(script=lambda _: TIMEOUT)
    desk.reject()
    desk.rejects.close()
    desk.clock.sleep(5.0)
    desk.rejects.stop()
    attempts = len(desk.storage.attempts)
    assert [] == desk.notices(500.0)
    assert attempts == len(desk.storage.attempts)


def test_waiting_when_records_are_stored_then_it_goes_down() -> None:
    """The main thread sees by it that nothing else is left to wait for."""
    desk = Desk()
    desk.reject()
    desk.reject()
    assert 2 == desk.rejects.waiting
    desk.rejects.close()
    (stored,) = desk.notices(1.0)
    desk.rejects.note_stored(len(stored.entries))
    assert 0 == desk.rejects.waiting


def test_compression_when_chosen_then_the_same_lines_come_out() -> None:
    """And they take less room in the storage."""
    plain, compressed = Desk(), Desk(compressed=True)
    for desk in (plain, compressed):
        for _ in range(50):
            desk.reject(data='{"text":"%s"}' % ("x" * 500))
        desk.rejects.close()
        desk.notices(1.0)
    assert plain.storage.rows == compressed.storage.rows
    ((_, small),) = compressed.storage.objects.items()
    ((_, large),) = plain.storage.objects.items()
    assert 10 * len(small) < len(large)


@pytest.mark.parametrize("compressed", [False, True])
def test_object_when_an_older_record_is_rejected_later_then_the_rows_stand_in_the_order_of_the_source(
    *, compressed: bool
) -> None:
    """Sent again from there, the last row of a contact is the one that counts."""
    desk = Desk(compressed=compressed)
    older, newer = (desk.ledger.enter(STREAM, parts=1, size=9, line=b'{"record":{}}') for _ in range(2))
    for entry in (newer, older):
        desk.rejects.note(entry, "contacts", PLAIN)
        desk.ledger.conclude(entry, PLAIN)
        desk.rejects.add(entry)
    desk.rejects.close()
    desk.clock.sleep(1.0)
    assert [1, 2] == [row["ordinal"] for row in desk.storage.rows]


def test_compression_when_there_are_many_streams_then_a_buffer_takes_no_more_than_its_lines() -> None:
    """A compressor takes a quarter of a megabyte: one for each of a thousand streams would fill the memory."""
    desk = Desk(compressed=True)
    tracemalloc.start()
    try:
        for number in range(1000):
            desk.reject(StreamName(f"s{number}"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000


class Uneven(FakeStorage):
    """Fails for the stream `sick`, and takes its time for `slow`."""

    def put(self, key: str, body: bytes, *, content_type: str) -> None:
        if "/sick/" in key:
            raise StorageError("sick")
        self._clock.sleep(20.0 if "/slow/" in key else 0.1)
        super().put(key, body, content_type=content_type)


def test_object_when_another_one_waits_for_its_next_attempt_then_an_idle_worker_takes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever waits for a retry is not the one to be woken for it."""
    monkeypatch.setattr(rejects_module, "delay", lambda _: 500.0)
    desk = Desk()
    storage = desk.rejects._storage = Uneven(desk.clock)
    desk.reject(StreamName("sick"))
    desk.rejects.close()
    stored = []
    # Who waits first is the system's choice, so it has eight chances.
    for _ in range(8):
        for name, seconds in (("a", 0.0), ("b", 1.0), ("slow", 0.5), ("quick", 5.0)):
            desk.reject(StreamName(name))
            desk.rejects.close()
            desk.clock.sleep(seconds)
        stored.append(sum("/quick/" in key for key in storage.objects))
        desk.clock.sleep(30.0)
    desk.rejects.stop()
    assert list(range(1, 9)) == stored
