"""A record becomes an event, or it is said why not; the first rule that decides wins."""

import math
from typing import Any

import pytest
from hypothesis import given, strategies as st

from destination_intercom import outcomes
from destination_intercom.events.mapping import EventPayload, map_event
from destination_intercom.events.rules import EventRule
from destination_intercom.outcomes import FILTER_REASONS, REJECTION_REASONS, Outcome, Status
from destination_intercom.values import TRIM_REASONS, is_set
from unit_tests.keys import by_email, by_id
from unit_tests.strategies import TEXTS, event_rule, records

GOOD: dict[str, Any] = {"user_id": "42", "name": "Song Played", "at": "2026-01-31T12:05:06Z"}
T0 = 1_769_861_106
LONG = "x" * 300
LONG_URL = "https://a.example/" + LONG


def _event(rule: EventRule, data: dict[str, Any]) -> EventPayload:
    event = map_event(rule, data)
    assert isinstance(event, EventPayload)
    return event


def _outcome(rule: EventRule, **data: Any) -> Outcome:
    outcome = map_event(rule, {**GOOD, **data})
    assert isinstance(outcome, Outcome)
    return outcome


def _metadata(name: str, value: object) -> tuple[dict[str, Any], tuple[tuple[str, str], ...]]:
    event = _event(event_rule(metadata=[{"property": "p", "name": name}]), {**GOOD, "p": value})
    return event.metadata, event.trims


def test_event_of_a_good_record_is_intercoms_body() -> None:
    """Name, second, identity and nothing else."""
    expected = {"event_name": "Song Played", "created_at": 1_769_861_106, "user_id": "42"}
    assert expected == _event(event_rule(), GOOD).body


def test_event_of_an_email_identity_is_sent_by_email() -> None:
    """The address is trimmed and in lower case."""
    rule = event_rule(identity={"property": "mail", "intercom_field": "email"})
    body = _event(rule, {**GOOD, "mail": " Ada@Example.com "}).body
    assert ("ada@example.com", False) == (body["email"], "user_id" in body)


STRICT: dict[str, Any] = {
    "selected_events": ["Song*"],
    "excluded_events": ["Song Skipped", "Other"],
    "filters": [{"property": "keep", "operator": "is_set"}],
    "not_before": "2026-01-01",
}
FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"name": "Other"}, outcomes.NOT_SELECTED),
    ({"name": "Song Skipped"}, outcomes.EXCLUDED),
    ({"keep": None}, outcomes.FILTERED_OUT),
    ({"user_id": True}, outcomes.INVALID_IDENTITY),
    ({"at": "soon"}, outcomes.INVALID_TIME),
    ({"at": "2025-12-31T23:59:59.999Z"}, outcomes.TOO_OLD),
]


@pytest.mark.parametrize("first", range(len(FAULTS)))
def test_event_with_several_faults_ends_by_the_first_rule_that_decides(first: int) -> None:
    """Selection, exclusion, filters, identity, time, not_before, in this order."""
    data: dict[str, Any] = {"keep": 1}
    for fault, _ in reversed(FAULTS[first:]):
        data |= fault
    assert FAULTS[first][1] == _outcome(event_rule(**STRICT), **data).reason


@pytest.mark.parametrize("fault", FAULTS, ids=[reason for _, reason in FAULTS])
def test_event_with_one_fault_ends_by_its_rule(fault: tuple[dict[str, Any], str]) -> None:
    """An invalid identity and an invalid time are rejected, the rest is filtered."""
    outcome = _outcome(event_rule(**STRICT), **{"keep": 1, **fault[0]})
    status = Status.REJECTED if fault[1].startswith("invalid") else Status.FILTERED
    assert (status, fault[1]) == (outcome.status, outcome.reason)


def test_event_without_a_fault_passes_the_strict_rule() -> None:
    """The rule of the tests above lets a good record through."""
    assert _event(event_rule(**STRICT), {**GOOD, "keep": 1, "at": "2026-01-01T00:00:00Z"}).created_at == 1_767_225_600


@pytest.mark.parametrize("value", [None, "", "  ", [], [""]])
def test_event_without_a_name_is_filtered(value: object) -> None:
    """A record that names no event is none that was selected."""
    assert outcomes.filtered(outcomes.NO_EVENT_NAME) == _outcome(event_rule(), name=value)


@pytest.mark.parametrize("value", [True, {}, [{}], ["Song"], math.inf])
def test_event_whose_name_is_no_text_is_rejected(value: object) -> None:
    """It can never be delivered as it is."""
    assert outcomes.rejected(outcomes.INVALID_EVENT_NAME) == _outcome(event_rule(), name=value)


@pytest.mark.parametrize(("value", "expected"), [(404, "404"), (404.0, "404"), ("a.b$c", "a.b$c")])
def test_event_whose_name_is_a_number_or_text_is_sent_as_its_text(value: object, expected: str) -> None:
    """Some sources number their events."""
    assert expected == _event(event_rule(), {**GOOD, "name": value}).name


def test_event_that_is_both_selected_and_excluded_is_excluded() -> None:
    """excluded_events wins."""
    rule = event_rule(selected_events=["*"], excluded_events=["Song*"])
    assert outcomes.filtered(outcomes.EXCLUDED) == _outcome(rule)


@pytest.mark.parametrize("name", ["[Intercom] Conversation", "$identify", "$groupidentify"])
def test_event_of_the_default_exclusion_never_loops(name: str) -> None:
    """Intercom's own events come back through Amplitude."""
    assert outcomes.filtered(outcomes.EXCLUDED) == _outcome(event_rule(), name=name)


def test_event_of_a_fixed_name_is_neither_selected_nor_excluded() -> None:
    """The lists are for names from a property."""
    rule = event_rule({"event_name": "$ordered"}, selected_events=["other"], excluded_events=["*"])
    assert _event(rule, {"user_id": 1, "at": T0}).name == "$ordered"


@pytest.mark.parametrize(
    ("data", "missing", "expected"),
    [
        ({}, "filter", outcomes.filtered(outcomes.NO_IDENTITY_PROPERTY)),
        ({"user_id": None}, "filter", outcomes.filtered(outcomes.ANONYMOUS)),
        ({"user_id": "  "}, "filter", outcomes.filtered(outcomes.ANONYMOUS)),
        ({"user_id": []}, "filter", outcomes.filtered(outcomes.ANONYMOUS)),
        ({"user_id": ["42"]}, "filter", outcomes.rejected(outcomes.INVALID_IDENTITY)),
        ({}, "reject", outcomes.rejected(outcomes.MISSING_IDENTITY)),
        ({"user_id": None}, "reject", outcomes.rejected(outcomes.MISSING_IDENTITY)),
        ({"user_id": ""}, "reject", outcomes.rejected(outcomes.MISSING_IDENTITY)),
        ({"user_id": {}}, "filter", outcomes.rejected(outcomes.INVALID_IDENTITY)),
        ({"user_id": 2.0**53}, "filter", outcomes.rejected(outcomes.INVALID_IDENTITY)),
        ({"user_id": LONG}, "filter", outcomes.rejected(outcomes.INVALID_IDENTITY)),
    ],
)
def test_event_without_a_usable_identity_ends_by_policy(data: dict[str, Any], missing: str, expected: Outcome) -> None:
    """Absent is told apart from null and blank; what is there and unusable is always rejected."""
    rule = event_rule(identity={"missing": missing})
    assert expected == map_event(rule, {"name": "n", "at": T0, **data})


@pytest.mark.parametrize("data", [{}, {"at": None}, {"at": ""}, {"at": True}, {"at": {}}, {"at": ["2026-01-31"]}])
def test_event_without_a_time_is_rejected(data: dict[str, Any]) -> None:
    """An event without a stable time would arrive again at each replay."""
    assert outcomes.rejected(outcomes.INVALID_TIME) == map_event(event_rule(), {"user_id": 1, "name": "n", **data})


@pytest.mark.parametrize("value", ["text", " text ", "x" * 255, 7, 0.5, True, False, 2**70, "https://a.example/"])
def test_metadata_of_a_scalar_is_sent_as_it_is(value: object) -> None:
    """Strings, numbers, booleans and links."""
    assert ({"key": value}, ()) == _metadata("key", value)


@pytest.mark.parametrize(
    "value",
    [
        {"url": "https://a.example", "value": "A"},
        {"url": "https://a.example/".ljust(255, "x"), "value": "x" * 255},
        {"amount": 1999, "currency": "eur"},
    ],
)
def test_metadata_of_a_rich_link_or_of_money_is_sent_as_it_is(value: object) -> None:
    """The two objects that Intercom takes."""
    assert ({"key": value}, ()) == _metadata("key", value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(["a", 7, None, True], "a, 7, true"), (["a"], "a"), ([0], "0"), (["https://a.example/"], "https://a.example/")],
)
def test_metadata_of_a_list_of_scalars_is_sent_as_their_texts(value: object, expected: str) -> None:
    """Intercom takes no list, and who tags orders wants to see the tags."""
    assert ({"key": expected}, ()) == _metadata("key", value)


@pytest.mark.parametrize(
    "value",
    [
        {},
        [{}],
        ["a", []],
        [math.inf],
        {"a": 1},
        {"url": "https://a.example"},
        {"url": "https://a.example", "value": 1},
        {"url": "https://a.example", "value": "A", "more": 1},
    ],
)
def test_metadata_of_any_other_object_is_left_out_and_counted(value: object) -> None:
    """Nothing else may nest; the event itself is sent."""
    assert ({}, (("key", "nested"),)) == _metadata("key", value)


@pytest.mark.parametrize(
    ("value", "expected", "trim"),
    [
        (LONG, {"key": "x" * 255}, "cut"),
        (LONG_URL, {}, "long_url"),
        ([LONG, "more"], {"key": "x" * 255}, "cut"),
        ({"url": LONG_URL, "value": "A"}, {}, "long_url"),
        ({"url": "https://a.example", "value": LONG}, {"key": {"url": "https://a.example", "value": "x" * 255}}, "cut"),
        (math.inf, {}, "no_number"),
        (math.nan, {}, "no_number"),
    ],
)
def test_metadata_that_does_not_fit_is_cut_or_left_out_and_counted(value: object, expected: object, trim: str) -> None:
    """Strings are cut at 255 characters, URLs never, in a rich link neither."""
    assert (expected, (("key", trim),)) == _metadata("key", value)


@pytest.mark.parametrize(
    ("value", "expected", "trims"),
    [
        ("2026-01-31", {"trial_date": 1_769_817_600}, ()),
        (1_769_817_600_000, {"trial_date": 1_769_817_600}, ()),
        ("soon", {}, (("trial_date", "no_time"),)),
        (True, {}, (("trial_date", "no_time"),)),
        ({"url": "https://a.example", "value": "A"}, {}, (("trial_date", "no_time"),)),
        (["2026-01-31"], {}, (("trial_date", "no_time"),)),
    ],
)
def test_metadata_of_a_date_key_holds_unix_seconds(value: object, expected: object, trims: object) -> None:
    """A key that ends in _date is a time to Intercom."""
    assert (expected, trims) == _metadata("trial_date", value)


@pytest.mark.parametrize("null", [None, "", " ", [], [None]], ids=repr)
def test_metadata_of_absent_null_and_blank_properties_is_left_out_without_a_word(null: object) -> None:
    """There is nothing to send, so nothing was lost."""
    rule = event_rule(metadata=[{"property": "null"}, {"property": "absent"}, {"property": "null_date"}])
    event = _event(rule, {**GOOD, "null": null, "null_date": null})
    assert ({}, (), False) == (event.metadata, event.trims, "metadata" in event.body)


def test_metadata_is_sent_in_the_order_of_the_configuration() -> None:
    """Intercom keeps the first ones."""
    names = ["z", "a", "m", "b"]
    event = _event(event_rule(metadata=[{"property": name} for name in names]), {**dict.fromkeys("abmz", 1), **GOOD})
    assert names == list(event.body["metadata"])


EVERY_NAME = event_rule(excluded_events=[])


def _named(name: str, key: str = "42", at: int = 1) -> EventPayload:
    return _event(EVERY_NAME, {"user_id": key, "name": name, "at": T0 + at})


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("Song-Played-Now", "Song.Played$Now"),
        ("Song-Played-Now", "song-played-now"),
        ("Song-Played-Now", "SONG$PLAYED.NOW"),
        ("Ma\u00dfe-genommen", "mA\u00dfE.GENOMMEN"),
    ],
)
def test_fingerprint_of_names_that_intercom_files_as_one_is_the_same(name: str, other: str) -> None:
    """The case of the letters A to Z does not count, and `.` and `$` are hyphens."""
    assert _named(name).folded_name == _named(other).folded_name
    assert _named(name).fingerprint == _named(other).fingerprint


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("Ma\u00dfe", "Masse"),
        ("\u00c9t\u00e9", "\u00e9t\u00e9"),
        ("\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2", "\u03a3\u038a\u03a3\u03a5\u03a6\u039f\u03a3"),
        ("20 \u212aelvin", "20 kelvin"),
        ("\u0130stanbul", "istanbul"),
        ("e\u0301", "\u00e9"),
    ],
)
def test_fingerprint_of_names_that_only_a_language_takes_for_one_differs(name: str, other: str) -> None:
    """Nobody says how Intercom folds other letters: what may be two names is sent as two."""
    assert _named(name).folded_name != _named(other).folded_name
    assert _named(name).fingerprint != _named(other).fingerprint
    assert _named(name).name_digest != _named(other).name_digest


@pytest.mark.parametrize(
    "other",
    [_named("song played"), _named("song-played", key="43"), _named("song-played", at=2), _named("song_played")],
)
def test_fingerprint_of_another_person_name_or_second_differs(other: EventPayload) -> None:
    """Anything else is another event, and must be sent."""
    assert _named("song-played").fingerprint != other.fingerprint


def test_fingerprint_of_one_text_as_an_id_and_as_an_address_differs() -> None:
    """Nothing says that they are one person, and the second event would be dropped for the first."""
    events = [EventPayload(key, "n", 1, {}) for key in (by_id("bob@x.example"), by_email("bob@x.example"))]
    assert events[0].fingerprint != events[1].fingerprint


def test_fingerprint_where_the_parts_run_together_still_differs() -> None:
    """The parts are kept apart whatever they hold."""
    assert _named("b", key="a', 'b").fingerprint != _named("b', 'b", key="a").fingerprint


@given(TEXTS.filter(str.strip), TEXTS.filter(str.strip))
def test_fingerprint_of_any_text_is_made(name: str, key: str) -> None:
    """A record with half a character in it stops no sync."""
    event = _named(name, key=key)
    assert event.fingerprint == _named(name, key=key).fingerprint


def test_digest_of_events_that_differ_in_anything_differs() -> None:
    """What is a duplicate has the same metadata, too."""
    events = [
        EventPayload(by_id("k"), "n", 1, {"a": 1}),
        EventPayload(by_id("j"), "n", 1, {"a": 1}),
        EventPayload(by_id("k"), "m", 1, {"a": 1}),
        EventPayload(by_id("k"), "n", 2, {"a": 1}),
        EventPayload(by_id("k"), "n", 1, {"a": 2}),
        EventPayload(by_id("k"), "n", 1, {}),
        EventPayload(by_id("k"), "n", 1, {"a": True}),
    ]
    assert len(events) == len({event.digest for event in events})
    assert EventPayload(by_id("k"), "N", 1, {"a": 1}).digest == events[0].digest


def test_digest_of_metadata_in_another_order_is_the_same() -> None:
    """The order of the keys says nothing."""
    one = EventPayload(by_id("k"), "n", 1, {"a": 1, "b": 2})
    assert one.digest == EventPayload(by_id("k"), "n", 1, {"b": 2, "a": 1}).digest


def test_event_when_printed_hides_the_person() -> None:
    """Neither identity nor metadata reach a log."""
    event = EventPayload(by_id("canary"), name="n", created_at=1, metadata={"p": "canary"})
    assert "canary" not in repr(event)


RULES = [
    event_rule(
        {"filters": [{"property": "a", "operator": operator, "values": values}]},
        identity={"intercom_field": field},
        metadata=[{"property": "a"}, {"property": "a.b.c"}, {"property": "b", "name": "b_date"}],
        not_before="2000-01-01",
    )
    for field in ("external_id", "email")
    for operator, values in (("is_not", ["x"]), ("does_not_contain", ["x"]), ("is_not_set", []))
]


@given(st.sampled_from(RULES), records("user_id", "name", "at", "a", "b"))
def test_event_of_any_record_never_raises_and_changes_nothing(rule: EventRule, record: dict[str, Any]) -> None:
    """A record is an event, filtered or rejected, and stays as the source sent it."""
    before = repr(record)
    event = map_event(rule, record)
    assert before == repr(record)
    if isinstance(event, Outcome):
        assert event.reason in (REJECTION_REASONS if event.status is Status.REJECTED else FILTER_REASONS)
    else:
        assert event.body["created_at"] == event.created_at
        assert (len(event.fingerprint), len(event.digest), len(event.name_digest)) == (16, 16, 16)
        assert all(reason in TRIM_REASONS for _, reason in event.trims)


@given(records("a", "b", "c"))
def test_event_of_a_good_record_with_any_metadata_is_sent(extra: dict[str, Any]) -> None:
    """No metadata can keep an event from being delivered."""
    rule = event_rule(metadata=[{"property": "a"}, {"property": "b", "name": "b_date"}, {"property": "c"}])
    event = _event(rule, {**extra, **GOOD})
    present = [
        name
        for name, value in (("a", extra.get("a")), ("b_date", extra.get("b")), ("c", extra.get("c")))
        if is_set(value)
    ]
    told = {name for name, _ in event.trims}
    assert set(present) == set(event.metadata) | told
    assert all(len(value) <= 255 for value in event.metadata.values() if isinstance(value, str))
