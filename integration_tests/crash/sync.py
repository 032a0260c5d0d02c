"""Made-up syncs whose every record carries what is to become of it: an oracle that knows nothing of the connector.

A sync has four streams about the same people, each with properties of its own, and one of companies that some of
them belong to; contacts change several times, some records are refused, some are not wanted. All is made from a seed.
"""

from __future__ import annotations

import json
import random
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from integration_tests.support.harness import config, record, state

FIRST_SECOND = 1_700_000_000
STREAMS = ("accounts", "users", "profiles", "events", "orders")
SEEDED_NAME = "canary as it was"
ARCHIVED, ADOPTED, KNOWN = "canary-archived", "canary-adopted", "canary-known"
LAG = 300.0
PADDING = "canary padding " * 100


@dataclass(frozen=True, slots=True)
class Contact:
    """The record sets these fields of a person; custom attributes are named `custom.NAME`.

    It also makes them belong to `companies`, and gives them `tags`.
    """

    person: str
    values: Mapping[str, str]
    companies: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gone:
    """The record takes a person away."""

    person: str


@dataclass(frozen=True, slots=True)
class Company:
    """The record gives a company a name."""

    company_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Event:
    """The record is an event of a person; `metadata` is all that is kept of it besides."""

    person: str
    name: str
    second: int
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Nothing:
    """The record leaves no trace in Intercom: it is rejected, or not wanted."""

    rejected: bool


Effect: TypeAlias = Contact | Gone | Company | Event | Nothing


@dataclass(frozen=True, slots=True)
class Step:
    """One message, its stream, and for a record what is to become of it; `stream` is None for a state of all.

    `waits` says of an event that nobody knows its person, so that it may be concluded later than what follows.
    """

    message: dict[str, Any]
    stream: str | None
    effect: Effect | None = None
    waits: bool = False

    @property
    def number(self) -> int:
        """The id of a state."""
        number: int = self.message["state"]["id"]
        return number


@dataclass(frozen=True, slots=True)
class Case:
    """What a sync meets, and how it is configured."""

    per_stream: bool
    lag: float
    skip: bool
    unarchive: bool
    create_unknown: bool
    event_lag: float
    concurrency: int
    latency: float
    faults: list[dict[str, Any]]
    padded: bool
    people: int
    stop_after_rejected: int
    deleted_records: str
    in_bulk: bool

    @classmethod
    def draw(cls, chance: random.Random, *, per_stream: bool) -> Case:
        """Draw a case."""
        lagging = chance.random() < 0.4
        faults: list[dict[str, Any]] = []
        if chance.random() < 0.4:
            kind = chance.choice(["reset_after", "reset_before", "truncate", "html"])
            faults = [
                {
                    "endpoint": chance.choice(
                        [
                            "POST /events",
                            "POST /contacts",
                            "POST /companies",
                            "POST /contacts/{id}/companies",
                            "POST /tags",
                        ]
                    ),
                    "kind": kind,
                    "at": [2, 9],
                }
            ]
        skip, unarchive = chance.random() < 0.7, chance.random() < 0.5
        return cls(
            per_stream=per_stream,
            lag=LAG if lagging else 0.0,
            skip=skip,
            unarchive=unarchive,
            create_unknown=chance.random() < 0.3,
            event_lag=0.2 if chance.random() < 0.2 else 0.0,
            concurrency=chance.choice([1, 2, 4, 16]),
            latency=chance.choice([0.001, 0.004, 0.01]),
            faults=faults,
            padded=chance.random() < 0.3,
            people=chance.choice([12, 12, 40, 250]),
            stop_after_rejected=chance.choice([0, 0, 1000]),
            # Whom the run before has archived comes back in the next one only where archived people may.
            deleted_records=chance.choice(["archive" if unarchive else "ignore", "delete"]),
            in_bulk=chance.random() < 0.3,
        )

    @property
    def flips(self) -> bool:
        """Whether values may go there and back: not where `skip` asks a search that lags."""
        return not (self.lag and self.skip)

    def settings(self) -> dict[str, Any]:
        """The emulator's settings for runs that are disturbed."""
        jobs = {"bulk_wait": 0.05, "bulk_duration": 0.1}
        return {**self.calm_settings(), **jobs, "latency": self.latency, "faults": self.faults}

    def calm_settings(self) -> dict[str, Any]:
        """The emulator's settings for a run that nothing disturbs."""
        return {"search_lag": self.lag, "event_lag": self.event_lag, "keep_exchanges": 100} | {
            # Else whom the run before has deleted would be in the way for longer than the next one waits.
            "deleted_conflict": 0.0
        }

    def sections(self) -> dict[str, Any]:
        """The sections of the configuration."""
        return {
            "events": {
                "mode": "enabled",
                "streams": [
                    {"stream": "events", "event_name_property": "name", "created_at_property": "at"},
                    {
                        "stream": "orders",
                        "event_name": "ordered",
                        "created_at_property": "ordered_at",
                        "identity_property": "buyer.id",
                        "metadata": [{"property": "total"}],
                    },
                ],
                "selected_events": ["did *"],
                "metadata": [{"property": "note"}],
                "unknown_users": "create" if self.create_unknown else "reject",
            },
            "companies": {
                "mode": "enabled",
                "streams": [{"stream": "accounts", "company_id_property": "id"}],
                "attributes": [{"property": "name"}],
            },
            "users": {
                "mode": "enabled",
                "member_of": [{"property": "accounts"}],
                "tags": [{"property": "segments", "prefix": "s_"}],
                "streams": [{"stream": "users"}, {"stream": "profiles", "identity_property": "id"}],
                "attributes": [
                    {"property": "email"},
                    {"property": "name"},
                    {"property": "plan"},
                    {"property": "phone"},
                    {"property": "town", "attribute": "home_town"},
                ],
                "unchanged_contacts": "skip" if self.skip else "send",
                "archived_contacts": "unarchive" if self.unarchive else "reject",
                "deleted_records": self.deleted_records,
            },
            "delivery": {
                "concurrency": self.concurrency,
                "stop_after_rejected": self.stop_after_rejected,
                "contacts_api": "bulk" if self.in_bulk else "standard",
            },
        }

    def configuration(self) -> dict[str, Any]:
        """The whole configuration."""
        return config(**self.sections())


LEAVERS = tuple(f"canary-leaver-{number}" for number in range(4))
TAGS = ("s_canary-a", "s_canary-b", "s_canary-c", "s_canary-d")
COMPANIES = tuple(f"canary-company-{number}" for number in range(6))
SEED: dict[str, Any] = {
    "data_attributes": [{"name": "plan", "data_type": "string"}, {"name": "home_town", "data_type": "string"}],
    "contacts": [
        {"external_id": KNOWN, "email": f"{KNOWN}@example.com", "name": SEEDED_NAME},
        {"external_id": ARCHIVED, "email": f"{ARCHIVED}@example.com", "name": SEEDED_NAME, "archived": True},
        {"email": f"{ADOPTED}@example.com", "name": SEEDED_NAME},
    ],
}
"""What the workspace holds before: one who is known, one who is archived, one known by the e-mail alone."""


def make_sync(chance: random.Random, case: Case) -> list[Step]:
    """Make a sync with states in between and at the end; more people than one lookup takes have more records."""
    maker, records = _Maker(chance, case), 120 + case.people
    steps: list[Step] = []
    numbers = iter(range(1, records * 2))
    due = 0
    for ordinal in range(records):
        steps.append(maker.make(ordinal))
        due -= 1
        if due <= 0:
            due = chance.randrange(1, 9)
            steps.append(_state(chance.choice(STREAMS) if case.per_stream else None, next(numbers)))
    steps += [_state(stream, next(numbers)) for stream in (STREAMS if case.per_stream else (None,))]
    return steps


def _state(stream: str | None, number: int) -> Step:
    if stream is not None:
        return Step(state(stream, number), stream)
    return Step({"type": "STATE", "state": {"type": "GLOBAL", "global": {"stream_states": []}, "id": number}}, None)


class _Maker:
    """Makes records; knows who was made known to Intercom so far."""

    def __init__(self, chance: random.Random, case: Case) -> None:
        self._chance = chance
        self._case = case
        self._known: list[str] = []
        self._people = [f"canary-{number}" for number in range(case.people)]

    def make(self, ordinal: int) -> Step:
        """Make one record."""
        kinds = {
            self._user: 30,
            self._account: 10,
            self._profile: 18,
            self._event: 22,
            self._order: 12,
            self._stranger: 4,
            self._special: 6,
            self._refused: 5,
            self._long_email: 1,
            self._unwanted: 4,
            self._leaver: 0 if self._case.deleted_records == "ignore" else 16,
        }
        kind = self._chance.choices(list(kinds), list(kinds.values()))[0]
        return kind(ordinal)

    def _step(self, stream: str, data: dict[str, Any], effect: Effect) -> Step:
        if self._case.padded:
            data = {**data, "filler": PADDING}
        return Step(record(stream, **data), stream, effect)

    def _value(self, what: str, ordinal: int) -> str:
        """Make a value: one of two where values may go there and back, else a new one."""
        flips = self._case.flips and self._chance.random() < 0.6
        return f"canary {what} {self._chance.choice('ab') if flips else ordinal}"

    def _know(self, person: str) -> str:
        if person not in self._known:
            self._known.append(person)
        return person

    def _user(self, ordinal: int) -> Step:
        person = self._know(self._chance.choice([*self._people, KNOWN]))
        values = {"email": f"{person}@example.com", "name": self._value("name", ordinal)}
        if self._chance.random() < 0.5:
            values["plan"] = self._value("plan", ordinal)
        fields = {"custom.plan" if key == "plan" else key: each for key, each in values.items()}
        # Of the companies that somebody names, one has no row of its own.
        companies = self._chance.sample([*COMPANIES, "canary-made-by-id"], self._chance.choice([0, 0, 1, 1, 3]))
        tags = self._chance.sample(TAGS, self._chance.choice([0, 0, 1, 2]))
        more = {"accounts": companies, "segments": [tag.removeprefix("s_") for tag in tags]}
        data = {"user_id": person, **values, "other": f"canary other {ordinal}", **more}
        return self._step("users", data, Contact(person, fields, tuple(companies), tuple(tags)))

    def _leaver(self, ordinal: int) -> Step:
        """Make a row, or the end of a row, of somebody who comes and goes, as a database's log tells of it."""
        person = self._chance.choice(LEAVERS)
        if self._chance.random() < 0.5:
            return self._step("users", {"user_id": person, "_ab_cdc_deleted_at": "2026-01-31"}, Gone(person))
        values = {"email": f"{person}@example.com", "name": self._value("name", ordinal)}
        return self._step("users", {"user_id": person, **values}, Contact(person, values))

    def _account(self, ordinal: int) -> Step:
        company_id, name = self._chance.choice(COMPANIES), self._value("company", ordinal)
        return self._step("accounts", {"id": company_id, "name": name}, Company(company_id, name))

    def _long_email(self, ordinal: int) -> Step:
        """Make an update of which one value is left out: an address that Intercom would not take."""
        person, name = self._know(self._chance.choice(self._people)), self._value("name", ordinal)
        data = {"user_id": person, "email": f"{'canary' * 50}@example.com", "name": name}
        return self._step("users", data, Contact(person, {"name": name}))

    def _profile(self, ordinal: int) -> Step:
        person = self._know(self._chance.choice([*self._people, KNOWN]))
        phone, town = self._value("phone", ordinal), self._value("town", ordinal)
        effect = Contact(person, {"phone": phone, "custom.home_town": town})
        return self._step("profiles", {"id": person, "phone": phone, "town": town}, effect)

    def _event(self, ordinal: int) -> Step:
        if not self._known:
            return self._user(ordinal)
        person, name = self._chance.choice(self._known), self._chance.choice(["did this", "did that"])
        return self._step(*self._event_parts(person, name, ordinal))

    def _event_parts(self, person: str, name: str, ordinal: int) -> tuple[str, dict[str, Any], Event]:
        note = {"note": f"canary note {ordinal}"}
        data = {"user_id": person, "name": name, "at": FIRST_SECOND + ordinal, **note}
        return "events", data, Event(person, name, FIRST_SECOND + ordinal, note)

    def _order(self, ordinal: int) -> Step:
        if not self._known:
            return self._profile(ordinal)
        person, total = self._chance.choice(self._known), 1_000_000 + ordinal
        data = {"buyer": {"id": person}, "ordered_at": FIRST_SECOND + ordinal, "total": total}
        return self._step("orders", data, Event(person, "ordered", FIRST_SECOND + ordinal, {"total": total}))

    def _stranger(self, ordinal: int) -> Step:
        """Make an event of somebody whom no record and no Intercom knows otherwise."""
        person = self._chance.choice(["canary-stranger-1", "canary-stranger-2"])
        stream, data, effect = self._event_parts(person, "did this", ordinal)
        step = self._step(stream, data, effect if self._case.create_unknown else Nothing(rejected=True))
        return replace(step, waits=True)

    def _special(self, ordinal: int) -> Step:
        """Make an update of somebody who was in Intercom already: archived, or without an external_id."""
        person = self._chance.choice([ARCHIVED, ADOPTED])
        values = {"email": f"{person}@example.com", "name": self._value("name", ordinal)}
        is_refused = person == ARCHIVED and not self._case.unarchive
        effect = Nothing(rejected=True) if is_refused else Contact(person, values)
        return self._step("users", {"user_id": person, **values}, effect)

    def _refused(self, ordinal: int) -> Step:
        """Make a record that the connector or Intercom refuses."""
        person = self._chance.choice(self._people)
        at = FIRST_SECOND + ordinal
        choices: list[tuple[str, dict[str, Any]]] = [
            ("users", {"user_id": {"canary": person}, "name": f"canary nobody {ordinal}"}),
            ("events", {"user_id": person, "name": "did this", "at": f"canary then {ordinal}"}),
            ("events", {"user_id": person, "name": ["did this"], "at": at}),
            ("orders", {"buyer": {"id": f"{'canary' * 50}"}, "ordered_at": at}),
            ("events", {"user_id": person, "name": "did " + "canary" * 50, "at": at}),
        ]
        stream, data = self._chance.choice(choices)
        return self._step(stream, data, Nothing(rejected=True))

    def _unwanted(self, ordinal: int) -> Step:
        """Make a record that is filtered."""
        at = FIRST_SECOND + ordinal
        choices: list[tuple[str, dict[str, Any]]] = [
            ("users", {"user_id": None, "name": f"canary nobody {ordinal}"}),
            ("events", {"user_id": None, "name": "did this", "at": at}),
            ("events", {"user_id": "canary-1", "name": "canary unselected", "at": at}),
        ]
        stream, data = self._chance.choice(choices)
        return self._step(stream, data, Nothing(rejected=False))


def rest_of(steps: Sequence[Step], given: Iterable[int]) -> list[Step]:
    """What a source sends that goes on from the states `given`: each stream from its own last one, or all from one."""
    reached = set(given)
    starts: dict[str | None, int] = {}
    for index, step in enumerate(steps):
        if step.effect is None and step.number in reached:
            starts[step.stream] = index
    return [
        step
        for index, step in enumerate(steps)
        if index > starts.get(None, -1) and (step.stream is None or index > starts.get(step.stream, -1))
    ]


def expect(steps: Iterable[Step]) -> Expected:
    """Tell what Intercom holds of a sync after its last step."""
    expected = Expected()
    for step in steps:
        expected.take(step)
    return expected


@dataclass(slots=True)
class Expected:
    """The people with the fields that were set, who is gone, the events, the companies' names, who belongs to which, tags."""

    people: dict[str, dict[str, str]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    events: list[Event] = field(default_factory=list)
    companies: dict[str, str | None] = field(default_factory=dict)
    members: set[tuple[str, str]] = field(default_factory=set)
    tagged: set[tuple[str, str]] = field(default_factory=set)

    def take(self, step: Step) -> None:
        """Carry out one step."""
        if isinstance(step.effect, Contact):
            self.people.setdefault(step.effect.person, {}).update(step.effect.values)
            self.gone.discard(step.effect.person)
            for company_id in step.effect.companies:
                self.companies.setdefault(company_id, None)
                self.members.add((company_id, step.effect.person))
            self.tagged.update((tag, step.effect.person) for tag in step.effect.tags)
        elif isinstance(step.effect, Gone):
            self.people.pop(step.effect.person, None)
            self.gone.add(step.effect.person)
        elif isinstance(step.effect, Company):
            self.companies[step.effect.company_id] = step.effect.name
        elif isinstance(step.effect, Event):
            self.people.setdefault(step.effect.person, {})
            self.events.append(step.effect)


def hold_to_oracle(steps: Iterable[Step], contents: Mapping[str, Any]) -> None:
    """Fail unless Intercom holds exactly what the steps make it hold, besides what it held before."""
    expected = expect(steps)
    live, left = _live(contents), [each for each in contents["contacts"] if _is_gone(each)]
    # The one whom nobody adopted has no external_id.
    before = {None, KNOWN} if ADOPTED not in expected.people else {KNOWN}
    assert set(expected.people) | before == set(live)
    assert len(live) + len(left) == len(contents["contacts"])
    assert {each["external_id"] for each in left if not each["deleted"]} <= expected.gone | {ARCHIVED}
    # Who comes again after an archive is the one who went.
    archived = [each["external_id"] for each in contents["contacts"] if not each["deleted"]]
    assert len(archived) == len(set(archived))
    for person, values in expected.people.items():
        assert values == {name: _read(live[person], name) for name in values}
    assert sorted(map(_shape, expected.events)) == sorted(_shape(each) for each in _events(contents))
    assert expected.companies == _companies(contents)
    assert expected.members == _members(contents)
    assert expected.tagged == _tagged(contents)


def _is_gone(contact: Mapping[str, Any]) -> bool:
    return bool(contact["archived"] or contact["deleted"])


def _live(contents: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Tell the contacts that Intercom shows, by their external_id."""
    return {each["external_id"]: each for each in contents["contacts"] if not _is_gone(each)}


def hold_states(sent: Sequence[Step], given: Sequence[tuple[int, int, int]]) -> None:
    """Fail unless the states `given` (id, records, rejected ones) are the first of each stream, and rightly in this order.

    Only states of a stream whose records so far all came to nothing, or of which one waits for its person, may be
    overtaken, by those of another stream.
    """
    at = {step.number: index for index, step in enumerate(sent) if step.effect is None}
    due = count_states(sent)
    for stream in {sent[index].stream for index in at.values()}:
        own, told = ([each for each in states if sent[at[each[0]]].stream == stream] for states in (due, given))
        assert own[: len(told)] == told
    numbers = [number for number, _, _ in given]
    for place, number in enumerate(numbers):
        for overtaken in set(at) - set(numbers[:place]):
            if at[overtaken] < at[number]:
                stream = sent[at[overtaken]].stream
                assert stream not in {None, sent[at[number]].stream}
                assert sent[at[number]].stream is not None
                before = [step for step in sent[: at[overtaken]] if step.stream == stream and step.effect is not None]
                assert all(isinstance(step.effect, Nothing) for step in before) or any(step.waits for step in before)


def hold_acknowledged(sent: Sequence[Step], given: Iterable[int], contents: Mapping[str, Any]) -> None:
    """Fail if a record before any of the states `given` is not in Intercom, or not as it was or became later.

    An event that waits for its person need be there only before a state that covers it. `sent` is what was sent to this run; what comes after those states may, or may not, be there already.
    """
    reached = set(given)
    at = max((index for index, step in enumerate(sent) if step.effect is None and step.number in reached), default=0)
    covered = {
        stream: max((index for index, step in enumerate(sent[: at + 1]) if _covers(step, stream, reached)), default=0)
        for stream in STREAMS
    }
    due = expect(step for index, step in enumerate(sent[:at]) if not step.waits or index < covered[step.stream or ""])
    live = _live(contents)
    held = {_shape(each) for each in _events(contents)}
    assert {_shape(each) for each in due.events} <= held
    assert not {person for person in due.gone if person in live and not any(_later(sent[at:], person, "name"))}
    for person, values in due.people.items():
        if any(step.effect == Gone(person) for step in sent[at:]):
            continue
        for name, value in values.items():
            assert _read(live[person], name) in {value, *_later(sent[at:], person, name)}
    companies = _companies(contents)
    assert due.members <= _members(contents)
    assert due.tagged <= _tagged(contents)
    for company_id, told in due.companies.items():
        # One that is only named by people may have got its own name from a run before.
        assert told is None or companies[company_id] in {told, *_named_later(sent[at:], company_id)}
        assert company_id in companies


def _named_later(steps: Iterable[Step], company_id: str) -> Iterator[str]:
    for step in steps:
        if isinstance(step.effect, Company) and step.effect.company_id == company_id:
            yield step.effect.name


def _covers(step: Step, stream: str, given: Collection[int]) -> bool:
    """Say whether a step is a state among those given, and speaks for a stream."""
    return step.effect is None and step.stream in {None, stream} and step.number in given


def _later(steps: Iterable[Step], person: str, name: str) -> Iterator[str]:
    for step in steps:
        if isinstance(step.effect, Contact) and step.effect.person == person and name in step.effect.values:
            yield step.effect.values[name]


def count_states(sent: Iterable[Step]) -> list[tuple[int, int, int]]:
    """Tell the states of a run in their order: id, records and rejected ones since the one before of its stream."""
    counts: list[tuple[int, int, int]] = []
    open_records: dict[str | None, list[bool]] = {}
    for step in sent:
        if step.effect is not None:
            rejected = isinstance(step.effect, Nothing) and step.effect.rejected
            open_records.setdefault(step.stream, []).append(rejected)
            continue
        covered = list(open_records) if step.stream is None else [step.stream]
        whole = [rejected for stream in covered for rejected in open_records.pop(stream, [])]
        counts.append((step.number, len(whole) - sum(whole), sum(whole)))
    return counts


def in_full(contents: Mapping[str, Any]) -> dict[str, Any]:
    """All that Intercom holds, without what differs between any two runs: its ids and the times of writing."""
    return {
        "contacts": sorted(_anonymous(each) for each in contents["contacts"] if not each["deleted"]),
        "events": sorted(json.dumps(each, sort_keys=True) for each in _events(contents, whole=True)),
        "companies": sorted(json.dumps(each) for each in _companies(contents).items()),
        "members": sorted(_members(contents)),
        "tagged": sorted(_tagged(contents)),
        "event_names": sorted(contents["event_names"]),
        "data_attributes": sorted(_anonymous(each) for each in contents["data_attributes"]),
    }


def _anonymous(thing: Mapping[str, Any]) -> str:
    text = json.dumps(
        {key: each for key, each in thing.items() if not key.endswith("ated_at") and key not in {"companies", "tags"}},
        sort_keys=True,
    )
    return text.replace(str(thing["id"]), "ID") if "id" in thing else text


def _companies(contents: Mapping[str, Any]) -> dict[str, str | None]:
    """Tell the names of the companies, each once."""
    names = {each["company_id"]: each.get("name") for each in contents["companies"]}
    assert len(names) == len(contents["companies"])
    return names


def _members(contents: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Tell who belongs to which company."""
    people = {each["id"]: each["external_id"] for each in contents["contacts"]}
    return {(each["company_id"], people[member]) for each in contents["companies"] for member in each["contacts"]}


def _tagged(contents: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Tell who bears which tag; nobody has more than are shown."""
    names = {each["id"]: each["name"] for each in contents["tags"]}
    assert len(set(names.values())) == len(names)
    return {(names[tag["id"]], each["external_id"]) for each in contents["contacts"] for tag in each["tags"]["data"]}


def _events(contents: Mapping[str, Any], *, whole: bool = False) -> list[Any]:
    owners = {each["id"]: each["external_id"] for each in contents["contacts"]}
    if whole:
        return [{**each, "contact_id": owners[each["contact_id"]]} for each in contents["events"]]
    return [
        Event(owners[each["contact_id"]], each["event_name"], each["created_at"], each["metadata"])
        for each in contents["events"]
    ]


def _shape(event: Event) -> tuple[str, str, int, str]:
    return event.person, event.name, event.second, json.dumps(event.metadata, sort_keys=True)


def _read(contact: Mapping[str, Any], name: str) -> Any:
    kind, dot, custom = name.partition(".")
    return contact["custom_attributes"].get(custom) if dot else contact[kind]
