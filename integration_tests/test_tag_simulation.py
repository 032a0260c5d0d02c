"""Random syncs of tags, with faults, against what the records say; and one that is stopped while people wait."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings as hypothesis_settings, strategies as st

from destination_intercom.delivery.mailbox import Mailbox
from destination_intercom.pipeline import Terminated
from integration_tests.support.harness import Probe, ScriptedStdin, config, record, state, to_lines, write
from integration_tests.support.virtual_clock import START, VirtualClock
from integration_tests.test_simulation import KINDS, WHEN
from intercom_emulator import Intercom, Settings

TAG, UNTAG = "POST /tags", "DELETE /contacts/{id}/tags/{tag_id}"
BEFORE = ("Segment: old", "Segment: A", "Other")
"""The tags that everybody who is known has before."""

KNOWN = [f"p{number}" for number in range(60)]
USERS = {
    "mode": "enabled",
    "streams": [{"stream": "users"}],
    "attributes": [{"property": "name"}],
    "tags": [{"property": "segments", "prefix": "Segment:", "mode": "replace"}],
}
FAULTS = st.lists(
    st.builds(
        lambda endpoint, kind, when: {"endpoint": endpoint, **kind, **when},
        st.sampled_from(["*", TAG, TAG, UNTAG, "GET /tags", "GET /contacts/{id}/tags", "PUT /contacts/{id}"]),
        st.sampled_from(KINDS),
        WHEN,
    ),
    max_size=3,
)
ROWS = st.lists(
    st.tuples(
        st.sampled_from([*KNOWN, "new1", "new2", "new3"]),
        st.one_of(st.none(), st.lists(st.sampled_from(["a", "A", "b", "c", "old"]), max_size=3)),
    ),
    min_size=1,
    max_size=80,
)


@dataclass(frozen=True)
class Case:
    """A sync of rows, each a person and the list of their segments, or None for none; and what it meets."""

    rows: Sequence[tuple[str, list[str] | None]]
    faults: list[dict[str, Any]]
    unknown: str
    untag_again: int
    gone: Collection[str]
    """People whom the search shows and who are archived."""
    concurrency: int
    limit: int
    latency: float
    piece: int
    pause: float

    def play(self) -> tuple[Any, Intercom]:
        """Run the sync."""
        clock = VirtualClock()
        settings = {
            "faults": self.faults,
            "limit": self.limit,
            "tag_unknown": self.unknown,
            "untag_again": self.untag_again,
            "search_lag": 3600.0,
        }
        intercom = Intercom(Settings.from_dict({"search_lag": 3600.0}), clock=clock.wall)
        tags = [{"name": each} for each in BEFORE]
        intercom.seed({"contacts": [{"external_id": each, "name": "N", "tags": tags} for each in KNOWN]})
        spoken = {"Authorization": "Bearer test-token", "Intercom-Version": "2.16"}
        for each in intercom.dump()["contacts"]:
            if each["external_id"] in self.gone:
                intercom.handle("POST", f"/contacts/{each['id']}/archive", spoken, b"")
        intercom.change_settings(settings)
        messages = to_lines(
            [*(record("users", user_id=who, name="N", segments=named) for who, named in self.rows), state("users", 1)]
        )
        pieces = [messages[at : at + self.piece] for at in range(0, len(messages), self.piece)]
        result = write(
            ScriptedStdin(clock, *((self.pause * number, piece) for number, piece in enumerate(pieces))),
            configuration=config(events=None, users=USERS, delivery={"concurrency": self.concurrency}),
            intercom=intercom,
            clock=clock,
            transport=Probe(intercom, clock, delay=lambda: self.latency),
        )
        return result, intercom


CASES = st.builds(
    Case,
    rows=ROWS,
    faults=FAULTS,
    unknown=st.sampled_from(["refuse", "refuse_late", "leave_out"]),
    untag_again=st.sampled_from([200, 404]),
    gone=st.sets(st.sampled_from(KNOWN), max_size=3),
    concurrency=st.sampled_from([1, 3, 64]),
    limit=st.sampled_from([5, 40, 1666]),
    latency=st.sampled_from([0.0, 0.05, 1.0]),
    piece=st.integers(200, 5000),
    pause=st.sampled_from([0.0, 0.3, 5.0]),
)


@hypothesis_settings(max_examples=60, derandomize=True, deadline=None, database=None)
@given(case=CASES)
def test_tags_under_any_faults_are_those_that_the_records_name(case: Case) -> None:
    """Nobody loses a tag that their records do not speak of, and all records are taken."""
    result, _ = case.play()
    assert result.error is None
    assert [(len(case.rows), 0)] == [
        (each["destinationStats"]["recordCount"], each["destinationStats"]["rejectedRecordCount"])
        for each in result.states
    ]
    names = {each["id"]: each["name"].casefold() for each in result.contents["tags"]}
    bearing = {
        each["external_id"]: {names[tag["id"]] for tag in each["tags"]["data"]} for each in result.contents["contacts"]
    }
    for person in dict.fromkeys([*KNOWN, *(who for who, _ in case.rows)]):
        hold_to_records(case, person, bearing[person])


def hold_to_records(case: Case, person: str, bears: set[str]) -> None:
    """Fail unless a person bears what their records name, and of what they had before the right part."""
    before = {name.casefold() for name in BEFORE} if person in KNOWN else set[str]()
    if person in case.gone:
        assert before == bears
        return
    lists = {
        frozenset(f"segment: {name.casefold()}" for name in named)
        for who, named in case.rows
        if who == person and named is not None
    }
    named = set[str]().union(*lists)
    kept = {name for name in before if not name.startswith("segment:")}
    if not lists:
        assert before == bears
    elif len(lists) == 1:
        assert kept | named == bears
    else:
        # They contradict each other: whether the first one took any off depends on whether they were merged.
        assert kept | named <= bears <= before | named


def test_sync_when_it_is_stopped_while_people_wait_for_their_group_then_no_state_covers_them() -> None:
    """The next sync tags them; whoever was tagged before is acknowledged."""
    clock = VirtualClock()
    mailbox = Mailbox(clock)
    intercom = Intercom(clock=clock.wall)
    intercom.seed({"contacts": [{"external_id": each, "name": "N"} for each in KNOWN]})

    def stop() -> None:
        clock.sleep(11.0)
        mailbox.stop()

    clock.start("signal", stop)

    def row(who: str) -> dict[str, Any]:
        return record("users", user_id=who, name="N", segments=["A"])

    pieces = [(0.0, to_lines([row(KNOWN[0]), state("users", 1)])), (10.0, to_lines([row(KNOWN[1]), state("users", 2)]))]
    result = write(
        ScriptedStdin(clock, *pieces, (100.0, b"")),
        configuration=config(events=None, users=USERS),
        intercom=intercom,
        clock=clock,
        mailbox=mailbox,
    )
    assert isinstance(result.error, Terminated)
    assert [1] == [each["id"] for each in result.states]
    assert 1 == result.calls[TAG]
    assert clock.now() - START < 12.0
    again = write([row(each) for each in KNOWN[:2]], configuration=config(events=None, users=USERS), intercom=intercom)
    assert 2 == json.dumps(again.contents["contacts"]).count('"total_count": 1')
