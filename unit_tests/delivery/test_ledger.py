"""Which states may leave, with which counts, and when a mapping is judged wrong: one example for each promise."""

from collections.abc import Callable

import pytest

from destination_intercom import outcomes
from destination_intercom.delivery.ledger import HOLD_SECONDS, STATE_OVERHEAD, Entry, Ledger, ReleasedState
from destination_intercom.errors import ConfigurationError, StreamName
from destination_intercom.outcomes import DELIVERED, DUPLICATE, UNCHANGED, Outcome

EVENTS = StreamName("events")
USERS = StreamName("users", "shop")
REJECTED = outcomes.rejected(outcomes.REFUSED)
NO_IDENTITY = outcomes.filtered(outcomes.NO_IDENTITY_PROPERTY)
ANONYMOUS = outcomes.filtered(outcomes.ANONYMOUS)


def _ledger(stop_after_rejected: int = 1000) -> Ledger:
    return Ledger(stop_after_rejected=stop_after_rejected)


def _enter(ledger: Ledger, stream: StreamName = EVENTS, parts: int = 1) -> Entry:
    return ledger.enter(stream, parts=parts, size=10)


def _settle(ledger: Ledger, entry: Entry, outcome: Outcome) -> None:
    if ledger.conclude(entry, outcome) is not None:
        ledger.judge(entry.stream)


def _take(ledger: Ledger, *results: Outcome, stream: StreamName = EVENTS) -> None:
    for outcome in results:
        _settle(ledger, _enter(ledger, stream), outcome)


def _release(ledger: Ledger, now: float = 0.0) -> list[ReleasedState]:
    return list(ledger.release(now))


def test_state_when_nothing_came_before_it_then_it_leaves_with_zero() -> None:
    """A state without records is due at once."""
    ledger = _ledger()
    ledger.state(b"1", EVENTS)
    assert [ReleasedState(b"1", 0, 0)] == _release(ledger)
    assert [] == _release(ledger)


def test_state_when_a_record_of_another_stream_is_out_then_it_waits() -> None:
    """Every record before a state has its outcome first, whatever its stream."""
    ledger = _ledger()
    entry = _enter(ledger, USERS)
    ledger.state(b"1", EVENTS)
    assert [] == _release(ledger)
    _settle(ledger, entry, DELIVERED)
    assert [ReleasedState(b"1", 0, 0)] == _release(ledger)


def test_states_when_later_records_end_first_then_they_leave_in_order() -> None:
    """The second state waits for the first, and both leave once."""
    ledger = _ledger()
    first = _enter(ledger)
    ledger.state(b"1", EVENTS)
    second = _enter(ledger)
    ledger.state(b"2", EVENTS)
    _settle(ledger, second, DELIVERED)
    assert [] == _release(ledger)
    _settle(ledger, first, UNCHANGED)
    assert [ReleasedState(b"1", 1, 0), ReleasedState(b"2", 1, 0)] == _release(ledger)


def test_counts_when_a_state_covers_one_stream_then_they_are_that_streams() -> None:
    """Filtered, unchanged and duplicate records count as records; other streams' wait for their own state."""
    ledger = _ledger()
    _take(ledger, DELIVERED, UNCHANGED, DUPLICATE, ANONYMOUS, REJECTED)
    _take(ledger, DELIVERED, REJECTED, REJECTED, stream=USERS)
    ledger.state(b"events", EVENTS)
    _take(ledger, DELIVERED)
    ledger.state(b"users", USERS)
    ledger.state(b"all", None)
    expected = [ReleasedState(b"events", 4, 1), ReleasedState(b"users", 1, 2), ReleasedState(b"all", 1, 0)]
    assert expected == _release(ledger)


def test_counts_when_a_state_covers_all_streams_then_they_are_everyones() -> None:
    """A global or legacy state counts all records since what was reported last."""
    ledger = _ledger()
    _take(ledger, DELIVERED)
    _take(ledger, DELIVERED, REJECTED, stream=USERS)
    ledger.state(b"1", None)
    _take(ledger, DELIVERED)
    ledger.state(b"2", None)
    assert [ReleasedState(b"1", 2, 1), ReleasedState(b"2", 1, 0)] == _release(ledger)


def test_record_when_it_has_parts_then_it_is_concluded_by_the_last() -> None:
    """A record is its strongest part, and out until the last of them."""
    ledger = _ledger()
    entry = _enter(ledger, parts=3)
    assert [None, None] == [ledger.conclude(entry, DELIVERED), ledger.conclude(entry, REJECTED)]
    assert (1, 10) == (ledger.records_out, ledger.bytes_out)
    assert REJECTED == ledger.conclude(entry, DUPLICATE)
    assert (0, 0, 1) == (ledger.records_out, ledger.bytes_out, ledger.records_read)


def test_bytes_when_states_wait_for_a_record_then_they_count_until_they_have_left() -> None:
    """A state takes memory as a record does: its line, and what is kept beside it."""
    ledger = _ledger()
    first = _enter(ledger)
    ledger.state(b"123", EVENTS)
    second = _enter(ledger)
    ledger.state(b"45", EVENTS)
    assert ([], 25 + 2 * STATE_OVERHEAD) == (_release(ledger), ledger.bytes_out)
    _settle(ledger, second, DELIVERED)
    assert ([], 15 + 2 * STATE_OVERHEAD) == (_release(ledger), ledger.bytes_out)
    _settle(ledger, first, DELIVERED)
    assert 5 + 2 * STATE_OVERHEAD == ledger.bytes_out
    assert [ReleasedState(b"123", 1, 0), ReleasedState(b"45", 1, 0)] == _release(ledger)
    assert 0 == ledger.bytes_out


@pytest.mark.parametrize("stream", [EVENTS, None])
def test_bytes_when_a_state_is_held_back_then_they_count_until_it_has_left(stream: StreamName | None) -> None:
    """A state that is held back takes as much memory as one that waits for a record."""
    ledger = _ledger()
    _take(ledger, REJECTED)
    ledger.state(b"123", stream)
    assert ([], 3 + STATE_OVERHEAD) == (_release(ledger), ledger.bytes_out)
    ledger.end_stream(EVENTS)
    assert ([ReleasedState(b"123", 0, 1)], 0) == (_release(ledger), ledger.bytes_out)


def test_states_when_too_many_bytes_are_held_back_then_the_oldest_leave() -> None:
    """What would speak for the stream must still be read, so held states never take all the room."""
    room = 2 * (STATE_OVERHEAD + 1)
    ledger = Ledger(stop_after_rejected=1000, max_held_bytes=room)
    _take(ledger, REJECTED)
    _take(ledger, REJECTED, stream=USERS)
    streams = (EVENTS, USERS, None, EVENTS)
    left = []
    for number, stream in enumerate(streams):
        ledger.state(b"%d" % number, stream)
        left.append([state.line for state in _release(ledger, float(number))])
    assert [[], [], [b"0"], [b"1"]] == left
    assert room == ledger.bytes_out
    assert 2 + HOLD_SECONDS == ledger.next_release()
    ledger.state(b"x" * room, USERS)
    assert [b"2", b"3", b"x" * room] == [state.line for state in _release(ledger, 4.0)]
    assert (0, None) == (ledger.bytes_out, ledger.next_release())


def test_states_of_a_stream_that_fares_well_when_another_one_looks_wrong_then_they_leave() -> None:
    """A wrong mapping of one stream is no reason to acknowledge nothing of the others."""
    ledger = _ledger()
    _take(ledger, REJECTED)
    ledger.state(b"wrong 1", EVENTS)
    _take(ledger, DELIVERED, DELIVERED, stream=USERS)
    ledger.state(b"well 1", USERS)
    ledger.state(b"wrong 2", EVENTS)
    assert [ReleasedState(b"well 1", 2, 0)] == _release(ledger)
    _take(ledger, DELIVERED)
    assert [ReleasedState(b"wrong 1", 0, 1), ReleasedState(b"wrong 2", 0, 0)] == _release(ledger)


def test_states_of_a_stream_behind_a_record_that_is_out_when_another_one_looks_wrong_then_they_wait() -> None:
    """Only what is held back is overtaken: no state leaves before a record of any stream that came before it."""
    ledger = _ledger()
    _take(ledger, REJECTED)
    ledger.state(b"wrong", EVENTS)
    out = _enter(ledger)
    _take(ledger, DELIVERED, stream=USERS)
    ledger.state(b"well", USERS)
    assert [] == _release(ledger)
    _settle(ledger, out, REJECTED)
    assert [ReleasedState(b"well", 1, 0)] == _release(ledger)


def test_counts_when_a_state_of_all_streams_is_overtaken_then_each_record_counts_once_and_in_its_place() -> None:
    """What a state counts goes by where it came, whichever of them leaves first."""
    ledger = _ledger()
    _take(ledger, REJECTED)
    _take(ledger, DELIVERED, stream=USERS)
    ledger.state(b"all", None)
    _take(ledger, REJECTED)
    _take(ledger, DELIVERED, REJECTED, DELIVERED, stream=USERS)
    ledger.state(b"users", USERS)
    assert [ReleasedState(b"users", 2, 1)] == _release(ledger)
    ledger.state(b"all again", None)
    assert [] == _release(ledger)
    ledger.end_stream(EVENTS)
    assert [ReleasedState(b"all", 1, 1), ReleasedState(b"all again", 0, 1)] == _release(ledger)


def test_memory_when_many_follow_one_record_in_flight_then_few_of_them_are_kept() -> None:
    """The first records decide on the mapping: no filtered one is kept, and of the others `stop_after` at most."""
    ledger = _ledger(5)
    first = _enter(ledger)
    _take(ledger, *[ANONYMOUS] * 100)
    assert [first] == list(ledger._trial(EVENTS).unjudged)
    _take(ledger, *[REJECTED, ANONYMOUS] * 50)
    assert 5 == len(ledger._trial(EVENTS).unjudged)
    _settle(ledger, first, DELIVERED)
    assert 0 == len(ledger._trial(EVENTS).unjudged)


def test_state_when_shown_then_its_content_is_not() -> None:
    """A state may hold a cursor that is a person's address."""
    ledger = _ledger()
    ledger.state(b"canary", EVENTS)
    assert "canary" not in repr(ledger._waiting)
    _take(ledger, REJECTED)
    ledger.state(b"canary", USERS)
    ledger.state(b"canary", EVENTS)
    assert "canary" not in repr([_release(ledger), ledger._due, ledger._waiting])
    assert 1 == len(ledger._due)


def test_record_when_concluded_twice_then_it_is_a_bug() -> None:
    """One outcome for each part, or a state would leave too early."""
    ledger = _ledger()
    entry = _enter(ledger)
    ledger.conclude(entry, DELIVERED)
    with pytest.raises(AssertionError, match="record 1"):
        ledger.conclude(entry, DELIVERED)


@pytest.mark.parametrize("sign", [REJECTED, NO_IDENTITY])
def test_state_when_all_so_far_are_bad_signs_then_it_is_held(sign: Outcome) -> None:
    """The mapping may be wrong: records filtered for another reason say nothing of it."""
    ledger = _ledger()
    _take(ledger, ANONYMOUS, sign, ANONYMOUS)
    ledger.state(b"1", EVENTS)
    assert ([], HOLD_SECONDS) == (_release(ledger), ledger.next_release())
    assert [] == _release(ledger, HOLD_SECONDS - 0.1)


@pytest.mark.parametrize("better", [DELIVERED, UNCHANGED, DUPLICATE])
def test_state_when_a_later_record_fares_better_then_it_leaves(better: Outcome) -> None:
    """The first record that fares better speaks for the mapping, be it read after the state."""
    ledger = _ledger()
    _take(ledger, REJECTED)
    ledger.state(b"1", EVENTS)
    assert [] == _release(ledger)
    _take(ledger, ANONYMOUS)
    assert [] == _release(ledger)
    _take(ledger, better)
    assert [ReleasedState(b"1", 0, 1)] == _release(ledger)
    _take(ledger, REJECTED)
    ledger.state(b"2", EVENTS)
    assert [ReleasedState(b"2", 2, 1)] == _release(ledger)


def test_state_when_its_stream_or_the_input_ends_then_it_leaves() -> None:
    """A short stream whose records are all rejected is checkpointed as any other."""
    ends: list[Callable[[Ledger], None]] = [lambda ledger: ledger.end_stream(EVENTS), Ledger.end_input]
    for end in ends:
        ledger = _ledger()
        _take(ledger, REJECTED)
        ledger.state(b"1", EVENTS)
        ledger.end_stream(USERS)
        assert [] == _release(ledger)
        end(ledger)
        assert [ReleasedState(b"1", 0, 1)] == _release(ledger)


def test_state_when_only_filtered_records_came_then_it_leaves() -> None:
    """Anonymous events are ordinary."""
    ledger = _ledger()
    _take(ledger, ANONYMOUS, ANONYMOUS)
    ledger.state(b"1", EVENTS)
    assert [ReleasedState(b"1", 2, 0)] == _release(ledger)


def test_states_when_held_then_each_leaves_after_ten_minutes_of_its_own() -> None:
    """The platform gives up on a destination that acknowledges nothing; one held behind another waits no longer."""
    ledger = _ledger()
    _take(ledger, REJECTED)
    ledger.state(b"1", EVENTS)
    assert [] == _release(ledger, 0.0)
    ledger.state(b"2", EVENTS)
    assert [] == _release(ledger, 100.0)
    assert [ReleasedState(b"1", 0, 1)] == _release(ledger, HOLD_SECONDS)
    assert HOLD_SECONDS + 100.0 == ledger.next_release()
    assert [ReleasedState(b"2", 0, 0)] == _release(ledger, HOLD_SECONDS + 100.0)
    assert ledger.next_release() is None


def test_global_state_when_one_stream_is_suspect_then_it_is_held() -> None:
    """It would say that this stream's records are done with."""
    ledger = _ledger()
    _take(ledger, DELIVERED)
    _take(ledger, REJECTED, stream=USERS)
    ledger.state(b"1", None)
    assert [] == _release(ledger)
    ledger.end_stream(USERS)
    assert [ReleasedState(b"1", 1, 1)] == _release(ledger)


def test_judgement_when_the_first_are_all_bad_signs_then_it_is_a_configuration_error() -> None:
    """Filtered ones between them count neither way; the error names the stream and the setting."""
    ledger = _ledger(3)
    _take(ledger, ANONYMOUS, REJECTED, ANONYMOUS, NO_IDENTITY)
    with pytest.raises(ConfigurationError, match=r"stop_after_rejected") as caught:
        _take(ledger, REJECTED)
    assert (USERS.name, EVENTS) == ("users", caught.value.stream)
    assert "first 3 records" in str(caught.value)


@pytest.mark.parametrize(
    ("first", "told"),
    [
        ([outcomes.UNKNOWN_USER, outcomes.REFUSED, outcomes.UNKNOWN_USER], "2 of them: unknown_user ("),
        ([outcomes.UNKNOWN_USER, outcomes.REFUSED, outcomes.REFUSED], "2 of them: refused ("),
        ([outcomes.NO_IDENTITY_PROPERTY, outcomes.NO_IDENTITY_PROPERTY], "2 of them: no_identity_property ("),
    ],
)
def test_judgement_when_it_comes_names_the_commonest_reason_and_its_cure(first: list[str], told: str) -> None:
    """A cure of another reason would send the user astray."""
    ledger = _ledger(len(first))
    bad = [NO_IDENTITY if reason == outcomes.NO_IDENTITY_PROPERTY else outcomes.rejected(reason) for reason in first]
    with pytest.raises(ConfigurationError) as raised:
        _take(ledger, *bad)
    assert told in raised.value.message
    (reason,) = {reason for reason in first if reason in told}
    assert outcomes.CURES[reason] in raised.value.message


def test_judgement_when_a_record_shows_the_identity_property_then_those_without_it_are_excused() -> None:
    """A thousand guests are ordinary where somebody has a name, or has none in the right place."""
    ledger = _ledger(3)
    _take(ledger, NO_IDENTITY, NO_IDENTITY)
    ledger.state(b"1", EVENTS)
    assert [] == _release(ledger)
    _settle(ledger, ledger.enter(EVENTS, parts=1, size=10, shows_identity=True), ANONYMOUS)
    _take(ledger, *[NO_IDENTITY] * 50)
    assert [ReleasedState(b"1", 2, 0)] == _release(ledger)
    assert 0 == len(ledger._trial(EVENTS).unjudged)


def test_judgement_when_a_record_shows_the_identity_property_then_rejected_ones_still_count() -> None:
    """They are wrong in another way; and another stream has an identity of its own."""
    ledger = _ledger(3)
    _settle(ledger, ledger.enter(EVENTS, parts=1, size=10, shows_identity=True), REJECTED)
    _take(ledger, NO_IDENTITY, REJECTED, NO_IDENTITY)
    _take(ledger, NO_IDENTITY, NO_IDENTITY, stream=USERS)
    for stream, sign in ((EVENTS, REJECTED), (USERS, NO_IDENTITY)):
        with pytest.raises(ConfigurationError, match="first 3 records"):
            _take(ledger, sign, stream=stream)


def test_memory_when_those_without_identity_are_excused_then_none_of_them_is_kept() -> None:
    """There may be millions of them behind one record in flight."""
    ledger = _ledger(5)
    first = ledger.enter(EVENTS, parts=1, size=10, shows_identity=True)
    _take(ledger, *[NO_IDENTITY] * 100)
    assert [first] == list(ledger._trial(EVENTS).unjudged)


def test_judgement_when_one_fared_better_then_it_never_comes() -> None:
    """One record that Intercom took clears the mapping for good, and for its stream alone."""
    ledger = _ledger(2)
    _take(ledger, REJECTED, DELIVERED, *[REJECTED] * 10)
    _take(ledger, REJECTED, stream=USERS)
    with pytest.raises(ConfigurationError):
        _take(ledger, REJECTED, stream=USERS)


def test_judgement_when_a_better_one_after_them_ends_first_then_it_still_comes() -> None:
    """The first records in the order of arrival decide, not the quickest answers."""
    ledger = _ledger(2)
    first = _enter(ledger)
    _take(ledger, REJECTED, DELIVERED)
    with pytest.raises(ConfigurationError, match="first 2 records"):
        _settle(ledger, first, REJECTED)


def test_judgement_when_bad_ones_end_before_a_better_first_one_then_it_waits_for_it() -> None:
    """A record that is still out may speak for the mapping."""
    ledger = _ledger(2)
    first = _enter(ledger)
    _take(ledger, *[REJECTED] * 5)
    _settle(ledger, first, DELIVERED)
    ledger.state(b"1", EVENTS)
    assert [ReleasedState(b"1", 1, 5)] == _release(ledger)


def test_judgement_when_turned_off_then_nothing_is_held_or_stopped() -> None:
    """0 never stops, and so has no reason to hold."""
    ledger = _ledger(0)
    _take(ledger, *[REJECTED] * 50)
    ledger.state(b"1", EVENTS)
    assert [ReleasedState(b"1", 0, 50)] == _release(ledger)


def test_state_when_rejected_records_are_stored_then_it_waits_for_that_alone() -> None:
    """What was rejected is done with when it is stored, and is counted then; what was delivered waits for nothing."""
    ledger = Ledger(stop_after_rejected=0, stores_rejected=True)
    kept = ledger.enter(EVENTS, parts=2, size=10, line=b"line")
    fine = ledger.enter(EVENTS, parts=1, size=10, line=b"line")
    ledger.state(b"state", EVENTS)
    assert (REJECTED, DELIVERED) == (
        [ledger.conclude(kept, outcome) for outcome in (DELIVERED, REJECTED)][1],
        ledger.conclude(fine, DELIVERED),
    )
    ledger.judge(EVENTS)
    assert ([], 1, 10 + len(b"state") + STATE_OVERHEAD) == (
        list(ledger.release(0.0)),
        ledger.records_out,
        ledger.bytes_out,
    )
    assert (b"line", None) == (kept.line, fine.line)
    ledger.note_stored(kept)
    (released,) = ledger.release(0.0)
    assert (1, 1, 0, 0) == (
        released.record_count,
        released.rejected_record_count,
        ledger.records_out,
        ledger.bytes_out,
    )


@pytest.mark.parametrize("case", ["twice", "delivered", "open"])
def test_record_when_it_is_not_to_be_stored_then_saying_so_is_a_bug(case: str) -> None:
    """The account would be wrong for ever after."""
    ledger = Ledger(stop_after_rejected=0, stores_rejected=True)
    entry = ledger.enter(EVENTS, parts=1, size=10)
    if case != "open":
        ledger.conclude(entry, REJECTED if case == "twice" else DELIVERED)
    if case == "twice":
        ledger.note_stored(entry)
    with pytest.raises(AssertionError, match="was not to be stored"):
        ledger.note_stored(entry)


def test_stream_when_it_begins_with_rejected_records_only_then_it_is_judged_before_they_are_stored() -> None:
    """The stop must not wait for a storage."""
    ledger = Ledger(stop_after_rejected=2, stores_rejected=True)
    for _ in range(2):
        ledger.conclude(ledger.enter(EVENTS, parts=1, size=10), REJECTED)
    with pytest.raises(ConfigurationError):
        ledger.judge(EVENTS)
