"""Input that is odd, and input that is broken: the whole pipeline against a simple reading of the same bytes.

Every value of a record is marked, so that a test can see whether one gets into an output.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pytest
from hypothesis import example, given, settings, strategies as st

from destination_intercom import destination
from destination_intercom.airbyte.output import error_line
from destination_intercom.delivery.mailbox import Mailbox
from destination_intercom.errors import InputError, IntercomDestinationError
from integration_tests.support.harness import EmulatorTransport, ScriptedStdin, config
from integration_tests.support.people import FIRST_SECOND, MARK, refuse_marks
from integration_tests.support.virtual_clock import VirtualClock
from intercom_emulator import Intercom, Settings

CATALOG_STREAMS: tuple[tuple[str, str | None], ...] = (("users", None), ("events", "shop"), ("events", "blog"))
CATALOG = {
    "streams": [
        {
            "stream": {"name": name, "json_schema": {}, **({"namespace": namespace} if namespace else {})},
            "sync_mode": "incremental",
            "destination_sync_mode": "append",
        }
        for name, namespace in CATALOG_STREAMS
    ]
}
EVENT_ENTRY = {"stream": "events", "event_name_property": "name", "created_at_property": "at"}
SECTIONS: dict[str, Any] = {
    "events": {
        "mode": "enabled",
        "streams": [{**EVENT_ENTRY, "namespace": namespace} for namespace in ("shop", "blog")],
        "selected_events": ["*"],
        "metadata": [{"property": "note"}, {"property": "deep.note", "name": "deep"}, {"property": "day_date"}],
    },
    "users": {
        "mode": "enabled",
        "streams": [{"stream": "users"}],
        "attributes": [{"property": "name"}, {"property": "phone"}, {"property": "signed_up_at"}],
    },
}
MOST_PIECES = 100
PEOPLE = tuple(f"{MARK}-{number}" for number in range(4))

DELIVERED, REJECTED = "recordCount", "rejectedRecordCount"
UNSURE = "unsure"
"""What becomes of it is Intercom's to say: a text with NUL in it, half an emoji."""


def marked(text: str = "") -> bytes:
    """A JSON text with the mark in it; `text` is JSON already."""
    return f'"{MARK} {text}"'.encode()


def nested(levels: int, opening: bytes, closing: bytes) -> bytes:
    """A value inside `levels` lists or objects."""
    return opening * levels + marked() + closing * levels


ODD_VALUES: tuple[bytes, ...] = (
    b"null",
    b"true",
    b'""',
    b"[]",
    b"{}",
    b"-0.0",
    b"1e400",
    b"-1E-400",
    b"18446744073709551616",
    b"-9223372036854775809",
    b"9" * 300,
    b"9" * 5_000,
    b"0." + b"3" * 5_000,
    marked(),
    marked("\\u0000"),
    marked("\\ud83d"),
    marked("\\ude00\\ud83d"),
    marked('\\ud83d\\ude00 \u202e\u2028 \\\\ \\" \\/ \\u0007'),
    marked("x" * 300),
    marked("x" * 70_000),
    b'{"a":1,"a":' + marked() + b"}",
    b'{"":' + marked() + b"}",
    nested(30, b"[", b"]"),
    nested(1_000, b"[", b"]"),
    nested(1_000, b'{"canary":', b"}"),
    nested(2_500, b'[{"":', b"}]"),
)
SURE_IDENTITIES: tuple[tuple[bytes | None, str], ...] = (
    *((f'"{person}"'.encode(), DELIVERED) for person in PEOPLE),
    (b"123456789012345678901234567890", DELIVERED),
    (b"null", DELIVERED),
    (b'" \\t"', DELIVERED),
    (None, DELIVERED),
    (b"false", REJECTED),
    (b"1.5", REJECTED),
    (b"1e400", REJECTED),
    (b"9" * 300, REJECTED),
    (b"-" + b"9" * 5_000, REJECTED),
    (b'["canary"]', REJECTED),
    (nested(900, b'{"canary":', b"}"), REJECTED),
    (marked("x" * 255), REJECTED),
)
SOMEBODY = tuple(identity for identity, becomes in SURE_IDENTITIES if becomes == DELIVERED and identity)[:5]
"""The identities that are somebody's: four people, and a number of thirty digits."""

UNSURE_IDENTITIES: tuple[tuple[bytes | None, str], ...] = (
    (marked("\\u0000"), UNSURE),
    (marked("\\ud83d"), UNSURE),
    (marked("/../?#%00"), UNSURE),
)
IDENTITIES = st.sampled_from((*SURE_IDENTITIES, *SURE_IDENTITIES, *UNSURE_IDENTITIES))
VALUES = st.sampled_from(ODD_VALUES)
JUNK = st.lists(
    st.tuples(st.sampled_from((b'"canary"', b'""', b'"canary.\\ud83d"', b'"\\u0000"', b'"canary"')), VALUES), max_size=4
)


@dataclass(frozen=True)
class Line:
    """A line of the input as it was made; of a record, what becomes of it, and what is then in Intercom.

    That is an event's person and second, or a contact's external_id and 0.
    """

    raw: bytes
    becomes: str = ""
    holds: tuple[str, int] | None = None


def _object(members: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"{" + b",".join(key + b":" + value for key, value in members) + b"}"


def _record(stream: str, namespace: str | None, members: Iterable[tuple[bytes, bytes]]) -> bytes:
    place = b'"namespace":"%s",' % namespace.encode() if namespace else b""
    wrapped = (stream.encode(), place, _object(members))
    return b'{"type":"RECORD","record":{"stream":"%s",%s"data":%s,"emitted_at":1}}' % wrapped


def _is_odd(value: bytes) -> bool:
    return b"\\u0000" in value or b"\\ud" in value


@st.composite
def _users(draw: st.DrawFn) -> Line:
    identity, becomes = draw(IDENTITIES)
    members = [(b'"user_id"', identity)] if identity is not None else []
    for name in (b'"name"', b'"phone"', b'"signed_up_at"'):
        if draw(st.booleans()):
            value = draw(VALUES)
            members.append((name, value))
            becomes = UNSURE if _is_odd(value) and becomes != REJECTED else becomes
    is_sure = becomes == DELIVERED and identity in SOMEBODY
    holds = ((identity or b"").decode().strip('"'), 0) if is_sure else None
    return Line(_record("users", None, [*members, *draw(JUNK)]), becomes, holds)


@st.composite
def _events(draw: st.DrawFn) -> Line:
    identity, becomes = draw(IDENTITIES)
    second = draw(st.integers(0, 10_000))
    name, note = draw(st.sampled_from((b'"did it"', b'"did that"', b"7"))), draw(VALUES)
    members = [(b'"name"', name), (b'"at"', b"%d" % (FIRST_SECOND + second)), (b'"note"', note)]
    members += [] if identity is None else [(b'"user_id"', identity)]
    if draw(st.booleans()):
        members += [(b'"deep"', draw(VALUES)), (b'"day_date"', draw(VALUES))]
    if any(_is_odd(value) for _, value in members) and becomes != REJECTED:
        becomes = UNSURE
    person = (identity or b"").decode().strip('"')
    if person not in PEOPLE and identity not in {None, b"null", b'" \\t"'} and becomes == DELIVERED:
        becomes = UNSURE  # of a person whom Intercom may not know
    holds = (person, FIRST_SECOND + second) if person in PEOPLE and becomes == DELIVERED else None
    namespace = draw(st.sampled_from(("shop", "blog")))
    return Line(_record("events", namespace, [*members, *draw(JUNK)]), becomes, holds)


def _descriptor(name: str, namespace: str | None) -> bytes:
    return json.dumps({"name": name, **({"namespace": namespace} if namespace else {})}).encode()


@st.composite
def _states(draw: st.DrawFn) -> Line:
    stream = draw(st.sampled_from((None, *CATALOG_STREAMS, ("nobody's", None))))
    more = b"".join(b',"x%d":%s' % (number, draw(VALUES)) for number in range(draw(st.integers(0, 2))))
    if stream is None:
        kind = draw(st.sampled_from((b'"type":"GLOBAL","global":{}', b'"type":"LEGACY","data":{}', b'"data":[1e400]')))
        return Line(b'{"type":"STATE","state":{%s%s}}' % (kind, more))
    content = b'"type":"STREAM","id":7,"stream":{"stream_descriptor":%s}' % _descriptor(*stream)
    return Line(b'{"state": {%s%s} , "type":"STATE"} ' % (content, more))


@st.composite
def _others(draw: st.DrawFn) -> Line:
    kind = draw(st.sampled_from(("LOG", "CONTROL", "TRACE", "SPEC", "SOMETHING_NEW", "", "record", MARK)))
    status = b'{"stream_descriptor":%s,"status":"COMPLETE"}' % _descriptor(*draw(st.sampled_from(CATALOG_STREAMS)))
    trace = draw(st.sampled_from((b'{"type":"STREAM_STATUS","stream_status":%s}' % status, b"null", b"[]")))
    return Line(b'{"type":"%s","trace":%s,"record":%s}' % (kind.encode(), trace, draw(VALUES)))


BROKEN: tuple[bytes, ...] = (
    b"canary",
    b"[",
    b'{"type":"RECORD","record":{"stream":"users","data":{"canary":NaN}}}',
    b'{"type":"RECORD","record":{"stream":"users","data":{"canary":-Infinity}}}',
    b'{"type":"RECORD","record":{"stream":"users","data":{"canary":"\x00"}}}',
    b'{"type":"RECORD","record":{"stream":"users","data":{"canary":"\xed\xa0\xbd"}}}',
    b'{"type":"RECORD","record":{"stream":"users","data":{"canary":01}}}',
    b'{"type":"RECORD","record":{"stream":"events","data":{"canary":1}}}',
    b'{"type":"RECORD","record":{"stream":"events","namespace":"other","data":{"canary":1}}}',
    b'{"type":"RECORD","record":{"stream":"\\ud83d other","data":{"canary":1}}}',
    b'{"type":"RECORD","record":{"stream":"users","data":"canary"}}',
    b'{"type":["RECORD"]}',
    b'{"type":"STATE","state":{"type":"STREAM","stream":"canary"}}',
    b"\xef\xbb\xbf{}",
    b"[" * 100_000 + b"]" * 100_000,
    b'{"type":"RECORD","record":{"stream":"users","data":{"canary":' + b"[" * 100_000,
)
LINES = st.lists(
    st.one_of(_users(), _events(), _states(), _others(), st.sampled_from((Line(b""), Line(b" \t\r")))), max_size=14
)

Change: TypeAlias = tuple[float, int, bytes]
"""A mutation: where (a share of the text), how many bytes go, and what comes there."""

CHANGES: st.SearchStrategy[list[Change]] = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.sampled_from((0, 0, 1, 1, 2, 7, 100)),
        st.one_of(
            st.sampled_from(
                (b"", b"", b"\n", b"\r", b"\x00", b"\xff", b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"\\ud800")
            ),
            st.sampled_from((b"NaN", b"1e999", b"null", b"9" * 25, b'"type":"STATE",', b'"data":{},', b"\n{}\n")),
            st.binary(min_size=1, max_size=3),
        ),
    ),
    max_size=3,
)
FIRST: tuple[Line, ...] = (
    Line(_record("users", None, [(b'"user_id"', f'"{PEOPLE[0]}"'.encode())]), DELIVERED),
    *(
        Line(
            _record(
                "events",
                namespace,
                [(b'"user_id"', f'"{PEOPLE[0]}"'.encode()), (b'"name"', b'"began"'), (b'"at"', b"%d" % FIRST_SECOND)],
            ),
            UNSURE,
        )
        for namespace in ("shop", "blog")
    ),
)
"""Each stream begins well, so that no state is held back for its mapping. One of the events is the other's duplicate."""


def mutate(text: bytes, changes: Sequence[Change]) -> bytes:
    """The text after all changes."""
    for where, gone, come in changes:
        at = int(where * len(text))
        text = text[:at] + come + text[at + gone :]
    return text


# ---------------------------------------------------------------- a simple reading of the same bytes


@contextlib.contextmanager
def _deep_recursion() -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(50_000)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _refuse(_: str) -> None:
    raise ValueError("not JSON")


def parse(raw: bytes) -> Any:
    """The document, as the standard library reads it; None for what is none, or is beyond 10,000 levels."""
    brackets = re.sub(rb'"(?:[^"\\]|\\.)*"', b"", raw)
    if max(brackets.count(b"["), brackets.count(b"{")) > 9_000:
        return None
    try:
        with _deep_recursion():
            return json.loads(raw.decode(), parse_constant=_refuse, parse_int=float)
    except ValueError:
        return None


def _in_catalog(name: Any, namespace: Any) -> tuple[str, str | None] | None:
    namespace = namespace or None
    if (name, namespace) in CATALOG_STREAMS:
        return (name, namespace)
    loose = [each for each in CATALOG_STREAMS if each[0] == name]
    return loose[0] if len(loose) == 1 and not (namespace and loose[0][1]) else None


@dataclass
class Reading:
    """What the bytes say: which states are due with how many records, and which line ends it all, if one does."""

    expected: dict[bytes, Line]
    states: list[tuple[bytes, dict[str, int]]] = field(default_factory=list)
    holds: set[tuple[str, int]] = field(default_factory=set)
    records: int = 0
    bad_line: int | None = None
    _counts: dict[Any, dict[str, int]] = field(default_factory=dict)

    def read(self, text: bytes) -> None:
        """Read to the end, or to the first line that is no message."""
        for number, raw in enumerate(text.split(b"\n"), start=1):
            if raw.strip() and not self._take(raw):
                self.bad_line = number
                return

    def _take(self, raw: bytes) -> bool:
        document = parse(raw)
        if not isinstance(document, dict) or not isinstance(document.get("type"), str):
            return False
        if document["type"] == "RECORD":
            return self._take_record(raw, document.get("record"))
        return self._take_state(raw, document.get("state")) if document["type"] == "STATE" else True

    def _take_record(self, raw: bytes, record: Any) -> bool:
        if not isinstance(record, dict) or not isinstance(record.get("data"), dict):
            return False
        name, namespace = record.get("stream"), record.get("namespace")
        if not isinstance(name, str) or not isinstance(namespace, (str, type(None))):
            return False
        stream = _in_catalog(name, namespace)
        if stream is None:
            return False
        line = self.expected.get(raw, Line(raw, UNSURE))
        counts = self._counts.setdefault(stream, {})
        counts[line.becomes] = counts.get(line.becomes, 0) + 1
        self.records += 1
        if line.holds is not None:
            self.holds.add(line.holds)
        return True

    def _take_state(self, raw: bytes, state: Any) -> bool:
        if not isinstance(state, dict):
            return False
        streams = list(self._counts)
        if state.get("type") == "STREAM":
            holder = state.get("stream")
            descriptor = holder.get("stream_descriptor") if isinstance(holder, dict) else None
            if not isinstance(descriptor, dict) or not isinstance(name := descriptor.get("name"), str):
                return False
            namespace = descriptor.get("namespace")
            own = _in_catalog(name, namespace if isinstance(namespace, str) else None)
            streams = [own] if own in self._counts else []
        total: dict[str, int] = {}
        for stream in streams:
            for becomes, count in self._counts.pop(stream).items():
                total[becomes] = total.get(becomes, 0) + count
        self.states.append((raw, total))
        return True


# ---------------------------------------------------------------- what is held against it


@dataclass(frozen=True)
class Ended:
    """What a run gave out, what is then in Intercom, and how it ended."""

    lines: list[bytes]
    contents: dict[str, Any]
    error: IntercomDestinationError | None

    @property
    def states(self) -> list[bytes]:
        """The states, as they left."""
        return [line for line in self.lines if json_kind(line) == "STATE"]

    @property
    def others(self) -> list[bytes]:
        """Everything but the states."""
        return [line for line in self.lines if json_kind(line) != "STATE"]


def run(text: bytes, *, piece: int) -> Ended:
    """Give the text to the pipeline in pieces, with nothing on stderr."""
    clock = VirtualClock()
    intercom = Intercom(Settings.from_dict({}), clock=clock.wall)
    intercom.seed({"contacts": [{"external_id": person} for person in PEOPLE]})
    piece = max(piece, len(text) // MOST_PIECES)
    pieces = [(0.0, text[start : start + piece]) for start in range(0, len(text), piece)]
    lines: list[bytes] = []
    error: IntercomDestinationError | None = None
    with contextlib.redirect_stderr(io.StringIO()) as stderr:
        try:
            lines.extend(
                destination.write(
                    config(**SECTIONS),
                    CATALOG,
                    stdin=ScriptedStdin(clock, *pieces),
                    clock=clock,
                    mailbox=Mailbox(clock),
                    transport=EmulatorTransport(intercom, clock),
                )
            )
        except IntercomDestinationError as failure:
            error = failure
    assert "" == stderr.getvalue()
    return Ended(lines, intercom.dump(), error)


STATS = re.compile(rb'(?P<comma>,?)"destinationStats":(?P<stats>\{"recordCount":\d+,"rejectedRecordCount":\d+\})')


def check_states(echoed: list[bytes], reading: Reading) -> None:
    """Each state is there once, in order, byte for byte, with as many records as there were."""
    assert len(reading.states) == len(echoed)
    for echo, (raw, counts) in zip(echoed, reading.states, strict=True):
        matches = list(STATS.finditer(echo))
        assert matches
        stats = json.loads(matches[-1]["stats"])
        if b"destinationStats" not in raw and b"\\u" not in raw:
            assert raw.strip() == echo[: matches[-1].start()] + echo[matches[-1].end() :]
        assert sum(counts.values()) == stats[DELIVERED] + stats[REJECTED]
        assert counts.get(DELIVERED, 0) <= stats[DELIVERED]
        assert counts.get(REJECTED, 0) <= stats[REJECTED]


def json_kind(line: bytes) -> str:
    """The type of a message."""
    document = parse(line)
    assert isinstance(document, dict)
    return str(document["type"])


def check(text: bytes, lines: Iterable[Line], *, piece: int) -> Reading:
    """Run the text and hold all that comes of it against its simple reading."""
    reading = Reading({line.raw: line for line in lines})
    reading.read(text)
    ended = run(text, piece=piece)
    if reading.bad_line is None:
        assert ended.error is None
    else:
        assert isinstance(ended.error, InputError)
        assert f"Line {reading.bad_line} " in ended.error.message
        refuse_marks(error_line(ended.error, emitted_at=0.0))
    check_states(ended.states, reading)
    refuse_marks(*ended.others)
    people = {contact["id"]: contact["external_id"] for contact in ended.contents["contacts"]}
    events = {(people[each["contact_id"]], each["created_at"]) for each in ended.contents["events"]}
    assert set() == reading.holds - events - {(person, 0) for person in people.values()}
    assert reading.records == sum(
        int(count) for line in ended.others for count in re.findall(rb"read (\d+), delivered", line)
    )
    return reading


def text_of(lines: Iterable[Line]) -> bytes:
    """The lines as they arrive."""
    return b"".join(line.raw + b"\n" for line in lines)


@given(lines=LINES, piece=st.sampled_from((37, 1_000, 65_536)))
@settings(max_examples=80)
def test_input_when_odd_is_delivered_like_any_other(lines: list[Line], piece: int) -> None:
    """Deep nesting, long numbers, halves of emoji, NUL, repeated and empty keys: all of it is JSON."""
    reading = check(text_of([*FIRST, *lines]), [*FIRST, *lines], piece=piece)
    assert reading.bad_line is None


@given(lines=LINES, bad=st.sampled_from(BROKEN), after=LINES)
@settings(max_examples=80)
def test_input_when_a_line_is_no_message_ends_there_with_all_before_it_delivered(
    lines: list[Line], bad: bytes, after: list[Line]
) -> None:
    """One error that names the line by its number; what was read before it is acknowledged, nothing after it is."""
    before = text_of([*FIRST, *lines])
    reading = check(before + bad + b"\n" + text_of(after), [*FIRST, *lines], piece=65_536)
    assert before.count(b"\n") + 1 == reading.bad_line


@given(lines=LINES, changes=CHANGES, piece=st.sampled_from((37, 65_536)))
@settings(max_examples=200)
@example(lines=[], changes=[(0.0, 0, b"\x1f\x8b\x08")], piece=37)
def test_input_when_bytes_of_it_are_changed_is_read_as_far_as_it_can_be(
    lines: list[Line], changes: list[Change], piece: int
) -> None:
    """Whatever happened to a stream on its way: it ends well, or at the first line that is no message."""
    first = text_of(FIRST)
    check(first + mutate(text_of(lines), changes), [*FIRST, *lines], piece=piece)


@given(junk=st.binary(max_size=200), with_newlines=st.booleans())
@settings(max_examples=40)
def test_input_when_it_is_any_bytes_ends_without_a_bug(junk: bytes, *, with_newlines: bool) -> None:
    """Nothing but an error of the input, in whatever pieces it comes."""
    check(junk.replace(b"\n", b"\n\n") if with_newlines else junk.replace(b"\n", b""), [], piece=7)


@pytest.mark.parametrize("namespace", ["shop", "blog"])
def test_streams_when_they_share_a_name_are_told_apart_by_their_namespaces(namespace: str) -> None:
    """Each state counts the records of its own stream."""
    other = "blog" if namespace == "shop" else "shop"

    def event(where: str, second: int) -> Line:
        members = [(b'"user_id"', f'"{PEOPLE[1]}"'.encode()), (b'"name"', b'"did it"'), (b'"at"', b"%d" % second)]
        return Line(_record("events", where, members), DELIVERED, (PEOPLE[1], second))

    ends = [
        Line(
            b'{"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":%s}}}'
            % _descriptor("events", each)
        )
        for each in (namespace, other)
    ]
    lines = [*(event(namespace, FIRST_SECOND + second) for second in range(3)), event(other, FIRST_SECOND + 9), *ends]
    reading = check(text_of(lines), lines, piece=65_536)
    assert [{DELIVERED: 3}, {DELIVERED: 1}] == [counts for _, counts in reading.states]
