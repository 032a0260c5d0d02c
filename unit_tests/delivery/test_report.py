"""What the user reads: the first of each kind, a cap, a summary, and never a value."""

import orjson
import pytest

from destination_intercom import outcomes
from destination_intercom.delivery.kinds import Note
from destination_intercom.delivery.ledger import Entry, Ledger
from destination_intercom.delivery.report import MOST_ADVICE, MOST_NAMED, MOST_NAMES, MOST_WARNINGS, Report
from destination_intercom.errors import StreamName
from destination_intercom.intercom.quota import QuotaUse
from destination_intercom.outcomes import FILTER_REASONS, REJECTION_REASONS, Outcome, Refusal, Status

NO_QUOTA = QuotaUse(None, None, None, waits=False)
QUOTA = QuotaUse(10_000.0, 0.139, 0.832, waits=False)
EVENTS = StreamName("events", "shop")
PIPE_BYTES = 64 * 1024
"""What a pipe holds on Linux until somebody reads it."""

REFUSAL = Refusal(422, "parameter_invalid", "canary@example.com is bad", "r-1")


def _entry(stream: StreamName = EVENTS) -> Entry:
    return Ledger(stop_after_rejected=0).enter(stream, parts=1, size=1)


def _said(report: Report) -> list[tuple[str, str]]:
    messages = [orjson.loads(line)["log"] for line in report.lines()]
    return [(message["level"], message["message"]) for message in messages]


def _take(report: Report, *results: Outcome, stream: StreamName = EVENTS, kind: str = "events") -> None:
    for outcome in results:
        report.count_read(stream)
        report.count_part(_entry(stream), kind, outcome)
        report.count_record(_entry(stream), outcome)


def _summary(report: Report) -> list[tuple[str, str]]:
    _said(report)
    report.summarise(calls={}, retries=0, refused=0, quota=NO_QUOTA)
    return _said(report)


def test_warning_when_it_comes_again_then_it_is_told_once() -> None:
    """Few lines, for some readers see them only when the input has ended."""
    report = Report()
    report.warn("a")
    report.warn("a")
    report.warn("b")
    assert [("WARN", "a"), ("WARN", "b")] == _said(report)
    assert [] == _said(report)


def test_rejection_when_it_is_the_first_of_its_reason_then_it_is_told_with_details() -> None:
    """Stream, ordinal, reason, status, code and request id; Intercom's message may quote a person."""
    report = Report()
    _take(report, *[outcomes.rejected(outcomes.REFUSED, REFUSAL)] * 3, outcomes.rejected(outcomes.INVALID_TIME))
    [(_, first), (_, second)] = _said(report)
    expected = (
        'Stream "shop.events": record 1 of the sync was rejected: refused (Intercom refused the payload; status 422,'
        " code parameter_invalid, request id r-1). Correct the record in its source. Intercom's support can look up the request ID. Further ones are only counted."
    )
    assert expected == first
    assert "invalid_time" in second
    assert "canary" not in first + second


def test_rejection_when_undeliverable_then_each_is_named_with_its_endpoint_up_to_a_hundred() -> None:
    """Only its number says which record it was that is the cause."""
    report, ledger = Report(), Ledger(stop_after_rejected=0)
    refusal = Refusal(500, "server_error", endpoint="PUT /contacts/{id}")
    for _ in range(MOST_NAMED + 5):
        entry = ledger.enter(EVENTS, parts=1, size=1)
        report.count_part(entry, "contacts", outcomes.rejected(outcomes.UNDELIVERABLE, refusal))
    told = [text for _, text in _said(report)]
    assert MOST_NAMED == len(told)
    expected = (
        'Stream "shop.events": record 2 of the sync was rejected: undeliverable (its call keeps failing while other'
        " calls of the same kind succeed; PUT /contacts/{id}: status 500, code server_error)."
        f" {outcomes.CURES[outcomes.UNDELIVERABLE]}"
    )
    assert expected == told[1]
    assert [MOST_NAMED - 1] == [number for number, text in enumerate(told) if text.endswith("only counted.")]


def test_rejection_when_another_stream_has_it_too_then_it_is_told_again() -> None:
    """Each stream has a first one of its own."""
    report = Report()
    for stream in (EVENTS, StreamName("users")):
        _take(report, outcomes.rejected(outcomes.CONFLICT), stream=stream)
    assert ["shop.events", "users"] == [text.split('"')[1] for _, text in _said(report)]


def test_reasons_when_told_then_each_has_words() -> None:
    """No reason is without an explanation, and none of them fails the report."""
    report = Report()
    _take(report, *[outcomes.rejected(reason) for reason in REJECTION_REASONS])
    assert len(REJECTION_REASONS) == len(_said(report))
    _take(report, *[outcomes.filtered(reason) for reason in FILTER_REASONS])
    assert [] == _said(report)


def test_warnings_when_there_are_many_then_they_are_capped_and_that_is_told() -> None:
    """The summary counts what no warning names."""
    report = Report()
    for number in range(MOST_ADVICE * 3):
        report.warn(f"warning {number}")
    said = [text for _, text in _said(report)]
    assert [f"warning {number}" for number in range(MOST_ADVICE)] == said[:MOST_ADVICE]
    assert ["There are more warnings: from here on, only the summary counts them."] == said[MOST_ADVICE:]


def test_warnings_that_are_of_no_loss_however_many_then_leave_room_for_those_that_are() -> None:
    """A wide wildcard and a shared list say much, and none of it is worth a value that was lost."""
    report = Report()
    for number in range(MOST_ADVICE * 3):
        report.warn(f"the stream lacks {number}")
        report.count_trims(EVENTS, ((f"wild{number}.*", "no_attribute"),))
    _said(report)
    report.count_trims(EVENTS, (("plan", "cut"),))
    report.note(Note("Some events were dropped."))
    assert 2 == len(_said(report))


def test_warnings_however_many_there_are_leave_room_in_a_pipe_that_nobody_reads_yet() -> None:
    """PyAirbyte reads the output when the input has ended: a full pipe would stop the sync for ever."""
    report = Report()
    for number in range(5000):
        report.warn(f"warning {number}: " + "x" * 500)
        report.note(Note(f"warning {number}: " + "x" * 500))
    assert sum(map(len, report.lines())) < PIPE_BYTES * 2 / 3


def test_names_however_many_there_are_take_no_more_memory_than_the_summary_tells() -> None:
    """Every record of a source may have an event name of its own."""
    report = Report()
    for number in range(5000):
        report.note(Note(f"no room: {number}", "Without room, too", f"name {number}"))
    assert sum(map(len, report._untold.values())) <= MOST_NAMES + 1


def test_rejection_when_there_were_many_warnings_before_then_it_is_told_all_the_same() -> None:
    """What was not delivered matters more than how many values were cut."""
    report = Report()
    for number in range(MOST_WARNINGS * 3):
        report.warn(f"warning {number}")
    _said(report)
    _take(report, *[outcomes.rejected(outcomes.REFUSED)] * 3, outcomes.rejected(outcomes.CONFLICT))
    assert ["refused", "conflict"] == [text.split("rejected: ")[1].split()[0] for _, text in _said(report)]


@pytest.mark.parametrize("count", [1, MOST_WARNINGS, MOST_WARNINGS + 1, MOST_WARNINGS + MOST_NAMES])
def test_event_names_when_many_have_no_room_then_each_is_told_exactly_once(count: int) -> None:
    """In a warning of its own, or in the summary: somebody has to archive names, and needs to know which."""
    report = Report()
    names = [f"name {number}." for number in range(count)]
    for name in [*names, *names]:
        report.note(Note(f'no room for "{name}"', "Without room, too", name))
    told = " ".join(text for _, text in [*_said(report), *_summary(report)])
    assert [1] * count == [told.count(f'"{name}"') for name in names]
    assert "and more" not in told


def test_event_names_when_there_are_too_many_for_the_summary_then_it_says_so() -> None:
    """A hundred names are listed, and that there are others."""
    report = Report()
    for number in range(MOST_WARNINGS + MOST_NAMES + 50):
        report.note(Note(f"no room: {number}", "Without room, too", f"name {number:04}."))
    [(level, text), _] = _summary(report)
    assert "WARN" == level
    assert (MOST_NAMES, True) == (text.count('"name '), text.endswith(" and more."))


def test_summary_when_records_ended_in_every_way_then_all_are_counted() -> None:
    """Read, delivered, unchanged, filtered with its reasons, anonymous apart, duplicate, rejected with its reasons."""
    report = Report()
    _take(report, *[outcomes.DELIVERED] * 5, outcomes.UNCHANGED, outcomes.DUPLICATE, outcomes.DUPLICATE)
    _take(report, *[outcomes.filtered(outcomes.ANONYMOUS)] * 3, outcomes.filtered(outcomes.TOO_OLD))
    _take(report, *[outcomes.rejected(outcomes.REFUSED)] * 2, outcomes.rejected(outcomes.UNKNOWN_USER), kind="contacts")
    (level, text), *_ = _summary(report)
    assert "INFO" == level
    for part in (
        'Stream "shop.events": read 15, delivered 5, unchanged 1, filtered 4 (',
        "anonymous 3",
        "too_old 1",
        "duplicate 2, rejected 3 (unknown_user 1, refused 2)",
        "contacts rejected 3",
        "events delivered 5",
    ):
        assert part in text


def test_texts_when_said_then_they_are_information_in_their_order() -> None:
    """They are no warnings, and may be said twice."""
    report = Report()
    report.say(["a", "b", "a"])
    assert [("INFO", "a"), ("INFO", "b"), ("INFO", "a")] == _said(report)


def test_summary_when_a_stream_is_ordinary_then_it_is_short() -> None:
    """No empty brackets, no words for what did not happen."""
    report = Report()
    _take(report, outcomes.DELIVERED)
    [(_, text), _] = _summary(report)
    expected = (
        'Stream "shop.events": read 1, delivered 1, filtered 0, duplicate 0, rejected 0. Parts: events delivered 1.'
    )
    assert expected == text


def test_summary_when_calls_were_made_then_they_are_told_by_endpoint() -> None:
    """Calls, retries and answers of 429."""
    report = Report()
    report.summarise(calls={"POST /events": 7, "GET /me": 1}, retries=3, refused=2, quota=QUOTA)
    expected = (
        "Calls to Intercom: 8 (GET /me 1, POST /events 7); retries: 3; refused by the quota (429): 2. Intercom allows"
        " 10,000 calls a minute; this sync used 13.9% of that, other apps 83.2%."
    )
    assert [("INFO", expected)] == _said(report)


def test_summary_when_nothing_happened_then_it_says_so() -> None:
    """A sync without records has a summary, too."""
    expected = (
        "Calls to Intercom: 0 (none); retries: 0; refused by the quota (429): 0. Intercom has not yet said how many calls"
        " it allows."
    )
    assert [("INFO", expected)] == _summary(Report())


def test_trims_when_properties_cannot_be_sent_then_each_is_told_once_and_counted() -> None:
    """Per property and reason, in warnings and in the summary."""
    report = Report()
    for _ in range(3):
        report.count_trims(EVENTS, (("plan", "cut"), ("cart", "nested")))
    [(_, first), (_, second)] = _said(report)
    assert ("cut" in first, '"cart"' in second) == (True, True)
    [(level, text), _] = _summary(report)
    assert "WARN" == level
    assert '"cart": 3 nested' in text
    assert '"plan": 3 cut' in text


def test_note_when_it_comes_again_then_it_is_told_once() -> None:
    """What a kind of object has to say may come with each of its payloads."""
    report = Report()
    for _ in range(3):
        report.note(Note("Duplicates."))
    assert [("WARN", "Duplicates.")] == _said(report)
    assert 1 == len(_summary(report))


def test_note_when_it_is_pressing_and_there_were_many_warnings_before_then_it_is_told_all_the_same() -> None:
    """What lasts for ever must have been said."""
    report = Report()
    for number in range(MOST_WARNINGS * 3):
        report.warn(f"warning {number}")
    _said(report)
    report.note(Note("For ever.", pressing=True))
    assert [("WARN", "For ever.")] == _said(report)


def test_summary_when_kinds_have_more_to_say_then_it_is_told_before_the_calls() -> None:
    """As warnings."""
    report = Report()
    report.summarise(calls={}, retries=0, refused=0, quota=NO_QUOTA, more_warnings=["Two differed."])
    assert ("WARN", "Two differed.") == _said(report)[0]


def test_names_when_they_hold_half_a_character_then_the_lines_leave() -> None:
    """A lone surrogate is JSON, and no UTF-8."""
    report = Report()
    stream = StreamName("x\ud83d")
    _take(report, outcomes.rejected(outcomes.REFUSED), stream=stream)
    report.count_trims(stream, (("y\ud83d", "cut"),))
    assert all("\\ud83d" in text for _, text in _said(report))
    assert "\\ud83d" in _summary(report)[0][1]


def test_counts_when_told_then_they_say_what_is_left_to_do() -> None:
    """For the line on the progress."""
    report = Report()
    stream = StreamName("events")
    report.count_read(stream)
    report.count_read(stream)
    report.count_record(_entry(stream), Outcome(Status.REJECTED, "refused"))
    assert "2 records read, 1 done, 1 of them rejected, 1 left to do" == report.counts


def test_summary_when_records_were_rejected_then_the_first_twenty_are_named_with_the_cure() -> None:
    """With the time at which their source sent them, as far as it says so; the rest is counted."""
    report = Report()
    ledger = Ledger(stop_after_rejected=0)
    for number in range(23):
        emitted_at = 1_769_860_800_000 if number else None
        entry = ledger.enter(EVENTS, parts=1, size=1, emitted_at=emitted_at)
        report.count_part(entry, "events", outcomes.rejected(outcomes.INVALID_TIME))
    told = [text for level, text in _summary(report) if level == "WARN"]
    (named,) = [text for text in told if "rejected as invalid_time" in text]
    assert named.startswith('Stream "shop.events", rejected as invalid_time: records 1, 2 (2026-01-31T12:00:00Z), 3 (')
    assert "20 (2026-01-31T12:00:00Z), and 3 more. Check created_at_property." in named
    assert "21 (" not in named
    assert any(text.startswith("Rejected records were not kept: set object_storage_config") for text in told)


def test_summary_when_nothing_of_a_stream_is_in_intercom_then_that_is_a_warning() -> None:
    """A green sync that has lost every order is none that went well."""
    report = Report()
    other = StreamName("users")
    _take(report, *[outcomes.rejected(outcomes.INVALID_TIME)] * 2, outcomes.filtered(outcomes.EXCLUDED))
    _take(report, outcomes.UNCHANGED, stream=other)
    told = [text for level, text in _summary(report) if level == "WARN" and "none of its" in text]
    assert ['Stream "shop.events": none of its 3 records is in Intercom.'] == told


def test_summary_when_the_sync_ended_early_then_it_accounts_for_every_record() -> None:
    """What is unfinished, and how far the states have come."""
    report = Report()
    _take(report, outcomes.DELIVERED)
    for _ in range(3):
        report.count_read(EVENTS)
    _said(report)
    report.summarise(calls={}, retries=0, refused=0, quota=NO_QUOTA, acknowledged=1)
    (_, stream), *_, (level, end) = _said(report)
    assert ", unfinished 3. Parts" in stream
    assert "WARN" == level
    assert (
        "Unfinished records: 3; the next sync reads them again. The last state was acknowledged after record 1." == end
    )
    report.summarise(calls={}, retries=0, refused=0, quota=NO_QUOTA, acknowledged=0)
    assert _said(report)[-1][1].endswith("No state was acknowledged.")


def test_summary_of_a_dry_run_then_counts_nothing_as_delivered() -> None:
    """It would be."""
    report = Report()
    _take(report, outcomes.DELIVERED)
    report.summarise(calls={}, retries=0, refused=0, quota=NO_QUOTA, is_dry=True)
    (_, text), *_ = _said(report)
    assert "read 1, would be delivered 1, filtered 0" in text
    assert "Parts: events would be delivered 1." in text


def test_rejected_share_when_it_is_exactly_the_limit_then_it_is_no_error() -> None:
    """0.57 as a float times 10,000 is less than 5,700."""
    report = Report()
    _take(report, *[outcomes.rejected(outcomes.INVALID_TIME)] * 57, *[outcomes.DELIVERED] * 9_943)
    assert None is report.refuse_rejected(0.57, keeps_rejected=False)
    assert None is not report.refuse_rejected(0.569, keeps_rejected=False)


@pytest.mark.parametrize(
    ("keeps_rejected", "cure"),
    [
        (True, "then send the stored ones again with the command replay."),
        (False, "then let a sync read these records once more."),
    ],
)
def test_too_many_rejected_when_told_then_the_cure_is_one_that_is_there(keeps_rejected: bool, cure: str) -> None:
    """Only what is stored can be replayed; and a full refresh reads all records again by itself."""
    report = Report()
    _take(report, outcomes.rejected(outcomes.INVALID_TIME))
    error = report.refuse_rejected(0, keeps_rejected=keeps_rejected)
    assert error is not None
    assert error.message.endswith(cure)
    assert "an incremental sync does not read these records again" in error.message


@pytest.mark.parametrize(("most", "told"), [(5.0, "5%"), (99.9999999, "99.9999999%"), (0.57, "0.57%")])
def test_too_many_rejected_when_told_then_the_limit_is_as_it_was_set(most: float, told: str) -> None:
    """Rounded to 100% nothing could be beyond it."""
    report = Report()
    _take(report, outcomes.rejected(outcomes.INVALID_TIME))
    error = report.refuse_rejected(most, keeps_rejected=False)
    assert error is not None
    assert f"(limit: {told})" in error.message
