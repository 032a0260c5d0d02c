"""A sync for each endpoint that calls it again and again, and what Intercom must hold in the end.

What must be there follows from the records alone: nothing here asks the connector. Six people come
three seconds apart, each with what the endpoint is needed for and with a state; before them comes
somebody for whom it is not needed.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import requests

from integration_tests.support.harness import TOKEN, ScriptedStdin, config, record, to_lines
from integration_tests.support.virtual_clock import VirtualClock
from intercom_emulator import Intercom
from intercom_emulator.calls import read_call

PEOPLE: Final = 6
T0: Final = 1_700_000_000
BEGIN: Final = 20.0
APART: Final = 3.0
APART_IN_BULK: Final = 8.0
"""Far enough for each person to have groups of their own, so that calls can be counted."""
LAG: Final = 1800.0
"""Seconds that a search lags where it must not help: longer than any outage here."""

SPOKEN: Final = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json", "Intercom-Version": "2.16"}
Message = dict[str, Any]
Contact = dict[str, Any]
Aim = Callable[[requests.PreparedRequest], bool]


def mail(number: int) -> str:
    """The address of a person."""
    return f"p{number}@example.com"


def someone(number: int, **more: Any) -> Contact:
    """A contact that has long been there."""
    return {"external_id": f"p{number}", "email": mail(number), "name": "Old", **more}


def update(number: int, **more: Any) -> Message:
    """A record that renames a person."""
    return record("users", user_id=f"p{number}", mail=mail(number), name=f"New {number}", **more)


def draft(number: int) -> Message:
    """A record that gives a person a name which does not last: `update` comes after it."""
    return record("users", user_id=f"p{number}", mail=mail(number), name=f"Draft {number}")


def account(number: int) -> Message:
    """A record of the company of a person."""
    return record("accounts", id=f"c{number}", name=f"Company {number}")


def member(number: int) -> Message:
    """A record that renames a person, and says which company is theirs."""
    return update(number, account=f"c{number}")


def tombstone(number: int) -> Message:
    """A row of a log that tells of a person's deletion, with the key alone."""
    return record("users", user_id=f"p{number}", _ab_cdc_deleted_at="2026-01-31T12:05:06Z")


def bearer(number: int) -> Message:
    """A record that renames a person, and says which tags they bear."""
    return update(number, tags=[f"tag{number}"])


def event(number: int, second: int = 0) -> Message:
    """A record of an event of a person."""
    return record("events", user_id=f"p{number}", mail=mail(number), name="Played", at=T0 + second)


def everything(number: int) -> Message:
    """A state that covers all streams."""
    return {"type": "STATE", "state": {"type": "GLOBAL", "global": {"stream_states": []}, "id": number}}


def users(*more: Message, **options: Any) -> dict[str, Any]:
    """The section `users` that writes the name, and what `more` says."""
    return {"mode": "enabled", "streams": [{"stream": "users"}], "attributes": [{"property": "name"}, *more], **options}


COMPANIES: Final = {
    "mode": "enabled",
    "streams": [{"stream": "accounts", "company_id_property": "id"}],
    "attributes": [{"property": "name"}],
}
MEMBERS: Final = {"users": users(member_of=[{"property": "account"}]), "companies": COMPANIES}
TAGGED: Final = {"users": users(tags=[{"property": "tags", "prefix": "s_", "mode": "replace"}])}
IN_BULK: Final = {"contacts_api": "bulk"}
BY_ADDRESS: Final = {"property": "mail", "intercom_field": "email"}
WITH_MAIL: Final = {"property": "mail", "attribute": "email"}
PLANS: Final = [{"property": f"plan{n}", "type": "string"} for n in range(PEOPLE)]


@dataclass(frozen=True, slots=True)
class calls:  # noqa: N801 - it is read as a function
    """Aim at the calls of an endpoint whose body holds `part`."""

    template: str
    part: str = ""

    def __call__(self, request: requests.PreparedRequest, /) -> bool:
        body = request.body or b""
        raw = body.encode() if isinstance(body, str) else body
        call = read_call(request.method or "", request.path_url, dict(request.headers), raw, 0.0)
        return call.template == self.template and self.part.encode() in raw


@dataclass(frozen=True)
class Situation:
    """How to get an endpoint called, person after person.

    `before` is what somebody else creates right before a person's records come; `unknown` are records of a
    stranger, who come with them; `rejected` says that the updates cannot be delivered, `undeliverable` that they
    are passed over, `uncertain` that they may be where their contact was never made.
    """

    aim: Aim
    settings: dict[str, Any] = field(default_factory=dict)
    sections: dict[str, Any] = field(default_factory=lambda: {"users": users()})
    seed: Callable[[int], Contact | None] = someone
    before: Callable[[int], Contact] | None = None
    records: Callable[[int], list[Message]] = lambda number: [update(number)]
    unknown: Callable[[int], list[Message]] = lambda _: []
    rejected: bool = False
    undeliverable: bool = False
    uncertain: bool = False
    apart: float = APART
    at_start: bool = False
    first: int = 2
    slack: int = 0
    """So many calls more than without a fault may be made for its time alone."""

    @property
    def armed_from(self) -> float:
        """Seconds after the start from which the endpoint's calls go wrong."""
        return 0.0 if self.at_start else BEGIN

    def make_intercom(self, clock: VirtualClock) -> Intercom:
        """Make an Intercom with those who have long been there."""
        intercom = Intercom(clock=clock.wall)
        intercom.change_settings(self.settings)
        seeded = [contact for number in range(PEOPLE) if (contact := self.seed(number)) is not None]
        intercom.seed({"contacts": [someone(99), *seeded]})
        return intercom

    def pieces(self) -> list[list[Message]]:
        """The messages of each piece, the first of which does not need the endpoint."""
        first = [update(99), event(99)]
        people = [[*self.records(number), *self.unknown(number)] for number in range(PEOPLE)]
        return [[*records, everything(number)] for number, records in enumerate([first, *people], start=1)]

    def make_stdin(self, clock: VirtualClock, intercom: Intercom) -> ScriptedStdin:
        """Deliver the pieces, each at its second."""
        steps: list[tuple[float, bytes | Callable[[], None]]] = []
        for number, messages in enumerate(self.pieces(), start=-1):
            at = 0.0 if number < 0 else BEGIN + self.apart * number
            if self.before is not None and number >= 0:
                steps.append((at, self._create(intercom, self.before(number))))
            steps.append((at, to_lines(messages)))
        return ScriptedStdin(clock, *steps)

    def _create(self, intercom: Intercom, contact: Contact) -> Callable[[], None]:
        def create() -> None:
            answer = intercom.handle("POST", "/contacts", SPOKEN, json.dumps(contact).encode())
            assert 200 == answer.status, answer.body

        return create

    def make_config(self) -> dict[str, Any]:
        """The configuration under which the endpoint is called."""
        return config(**self.sections)

    def complaints(self, contents: Mapping[str, Any]) -> list[str]:
        """Tell what is there twice, or that nobody sent."""
        found = [f"{count} times {event}" for event, count in Counter(_events(contents)).items() if count > 1]
        found += [f"nobody sent {event}" for event in set(_events(contents)) - self._wanted_events()]
        people = contents["contacts"]
        for key in ("external_id", "email"):
            held = Counter(each[key] for each in people if each[key])
            found += [f"{count} contacts with {value}" for value, count in held.items() if count > 1]
        found += [f"a contact {each['external_id']}: {each['name']}" for each in people if not _is_somebody(each)]
        companies = Counter(each["company_id"] for each in contents["companies"])
        found += [f"{count} companies {name}" for name, count in companies.items() if count > 1]
        attributes = Counter(each["name"] for each in contents["data_attributes"] if each["custom"])
        return found + [f"{count} attributes {name}" for name, count in attributes.items() if count > 1]

    def _wanted_events(self) -> set[tuple[str, str, int]]:
        return {
            _event_of(message)
            for messages in self.pieces()
            for message in messages
            if _is(message, "events") and message not in self.lost(PEOPLE + 1)
        }

    def lost(self, pieces: int) -> list[Message]:
        """Tell the records among the first `pieces` of somebody whom Intercom does not know."""
        return [message for number in range(pieces - 1) for message in self.unknown(number)]

    def missing(self, contents: Mapping[str, Any], pieces: int) -> list[Message]:
        """Tell which of the first `pieces` of the input Intercom does not have as they say."""
        events = set(_events(contents))
        return [
            message
            for messages in self.pieces()[:pieces]
            for message in messages
            if message["type"] == "RECORD" and message not in self.lost(pieces)
            if not self._has(contents, events, message)
        ]

    def _has(self, contents: Mapping[str, Any], events: set[tuple[str, str, int]], message: Message) -> bool:
        data = message["record"]["data"]
        if self.uncertain and all(each["email"] != data["mail"] for each in contents["contacts"]):
            return True
        if _is(message, "events"):
            return _event_of(message) in events
        if "_ab_cdc_deleted_at" in data:
            (person,) = [each for each in contents["contacts"] if each["external_id"] == data["user_id"]]
            return bool(person["archived"] or person["deleted"])
        if _is(message, "accounts"):
            return any(
                (data["id"], data["name"]) == (each["company_id"], each.get("name")) for each in contents["companies"]
            )
        found = [each for each in contents["contacts"] if each["email"] == data["mail"]] or [
            each for each in contents["contacts"] if each["external_id"] == data["user_id"]
        ]
        if len(found) != 1:
            return False
        if self.rejected and data["user_id"] != "p99":
            return bool(found[0]["archived"]) and found[0]["name"] == "Old"
        if self.undeliverable and data["user_id"] != "p99":
            # Some were carried out, and only the answer was none.
            return not found[0]["archived"] and found[0]["name"] in {"Old", data["name"]}
        plans = {name: value for name, value in data.items() if name.startswith("plan")}
        has_plans = plans.items() <= found[0]["custom_attributes"].items()
        has_id = self.is_by_address or found[0]["external_id"] == data["user_id"]
        belongs = "account" not in data or found[0]["id"] in _people_of(contents, data["account"])
        bears = {f"s_{each}" for each in data.get("tags", ())} == _tags_of(contents, found[0])
        is_up_to_date = (
            belongs and bears and not found[0]["archived"] and found[0]["name"] == data["name"].replace("Draft", "New")
        )
        return bool(is_up_to_date and has_plans and has_id)

    @property
    def is_by_address(self) -> bool:
        """Say whether a person's identity is the address."""
        return self.sections.get("identity") == BY_ADDRESS

    @property
    def counts(self) -> tuple[int, int]:
        """How many records are taken and how many rejected, once all is well."""
        total = sum(message["type"] == "RECORD" for messages in self.pieces() for message in messages)
        lost = len(self.lost(PEOPLE + 1)) + (PEOPLE if self.rejected or self.undeliverable else 0)
        return total - lost, lost


def _people_of(contents: Mapping[str, Any], company_id: str) -> list[str]:
    return [
        contact for each in contents["companies"] if each["company_id"] == company_id for contact in each["contacts"]
    ]


def _tags_of(contents: Mapping[str, Any], contact: Contact) -> set[str]:
    """Tell the tags of a contact that the sync is about, of those that are shown."""
    names = {each["id"]: each["name"] for each in contents["tags"]}
    return {name for each in contact["tags"]["data"] if (name := names[each["id"]]).startswith("s_")}


def _is_somebody(contact: Contact) -> bool:
    """Tell whether a contact is one of the people, with a name that they had at some time."""
    return any(
        (contact["role"] == "lead" or contact["external_id"] in {f"p{number}", f"other{number}", None})
        and contact["email"] in {mail(number), ""}
        and contact["name"] in {None, "Old", f"Draft {number}", f"New {number}"}
        for number in (*range(PEOPLE), 99)
    )


def _is(message: Message, stream: str) -> bool:
    return bool(message["type"] == "RECORD" and message["record"]["stream"] == stream)


def _event_of(message: Message) -> tuple[str, str, int]:
    data = message["record"]["data"]
    return data["mail"], data["name"], data["at"]


def _events(contents: Mapping[str, Any]) -> list[tuple[str, str, int]]:
    owners = {each["id"]: each["email"] or f"{each['external_id']}@example.com" for each in contents["contacts"]}
    return [(owners[each["contact_id"]], each["event_name"], each["created_at"]) for each in contents["events"]]


def _nobody(_: int) -> None:
    return None


def _as_plans(number: int) -> list[Message]:
    return [update(number, **{f"plan{number}": f"plan {number}"})]


STORED: Final = Situation(
    lambda _: False,
    sections={"users": users(write_mode="update_only")},
    records=lambda number: [update(number)],
    unknown=lambda number: [event(50 + number)],
    apart=15.0,
)
"""Six strangers, for whom no event waits, so far apart that each has an object of its own in the storage."""

SITUATIONS: Final[dict[str, Situation]] = {
    "attributes": Situation(calls("GET /data_attributes"), at_start=True, first=1),
    "new-attr": Situation(
        calls("POST /data_attributes"),
        sections={"users": users(*PLANS, missing_attributes="create")},
        records=_as_plans,
        at_start=True,
    ),
    "search": Situation(calls("POST /contacts/search", '"external_id"')),
    "search-mail": Situation(
        calls("POST /contacts/search"),
        sections={"users": users(), "identity": BY_ADDRESS},
        seed=lambda number: someone(number, external_id=None),
    ),
    "search-free": Situation(
        calls("POST /contacts/search", '"email"'),
        settings={"create_with_known_email": "second"},
        sections={"users": users(WITH_MAIL)},
        seed=lambda number: someone(number, external_id=None),
    ),
    "search-event": Situation(
        calls("POST /contacts/search"),
        settings={"event_lag": 10.0},
        sections={"users": users(), "identity": BY_ADDRESS},
        seed=_nobody,
        before=someone,
        records=lambda number: [event(number)],
        unknown=lambda number: [event(50)] if number == PEOPLE - 1 else [],
    ),
    "find": Situation(
        calls("GET /contacts/find_by_external_id/{external_id}"),
        settings={"event_lag": 10.0},
        seed=_nobody,
        before=someone,
        records=lambda number: [event(number)],
        unknown=lambda number: [event(50)] if number == PEOPLE - 1 else [],
    ),
    "find-late": Situation(
        calls("GET /contacts/find_by_external_id/{external_id}"),
        settings={"search_lag": LAG},
        sections={"users": users(write_mode="update_only")},
        seed=_nobody,
        before=someone,
        unknown=lambda number: [update(50)] if number == PEOPLE - 1 else [],
    ),
    "get": Situation(calls("GET /contacts/{id}"), settings={"search_lag": LAG}, seed=_nobody, before=someone),
    "create": Situation(
        calls("POST /contacts"),
        sections={"users": users(WITH_MAIL)},
        seed=_nobody,
        records=lambda number: [draft(number), event(number), update(number), event(number, 1)],
    ),
    "create-event": Situation(
        calls("POST /contacts"),
        seed=_nobody,
        sections={"users": users(), "events": {**config()["events"], "unknown_users": "create"}},
        records=lambda number: [event(number), event(number, 1)],
    ),
    "create-lead": Situation(
        calls("POST /contacts"),
        settings={"search_lag": 60.0},
        seed=_nobody,
        sections={"users": users(create_as="lead"), "identity": BY_ADDRESS},
        records=lambda number: [draft(number), event(number), update(number), event(number, 1)],
    ),
    "update": Situation(
        calls("PUT /contacts/{id}"), records=lambda number: [draft(number), event(number), update(number)]
    ),
    "unarchive": Situation(
        calls("POST /contacts/{id}/unarchive"),
        sections={"users": users(archived_contacts="unarchive")},
        seed=lambda number: someone(number, archived=True),
    ),
    "archive": Situation(
        calls("POST /contacts/{id}/archive"),
        sections={"users": users(WITH_MAIL, archived_contacts="unarchive")},
        seed=lambda number: someone(number, external_id=f"other{number}", archived=True),
        rejected=True,
    ),
    "archive-person": Situation(
        calls("POST /contacts/{id}/archive"),
        sections={"users": users(deleted_records="archive")},
        records=lambda number: [tombstone(number)],
    ),
    "delete-person": Situation(
        calls("DELETE /contacts/{id}"),
        sections={"users": users(deleted_records="delete")},
        records=lambda number: [event(number), tombstone(number)],
    ),
    "adopt": Situation(
        calls("PUT /contacts/{id}", '"external_id"'),
        sections={"users": users(WITH_MAIL)},
        seed=lambda number: someone(number, external_id=None),
    ),
    "adopt-read": Situation(
        calls("GET /contacts/{id}"),
        settings={"create_with_known_email": "second"},
        sections={"users": users(WITH_MAIL)},
        seed=lambda number: someone(number, external_id=None),
    ),
    "company": Situation(
        calls("POST /companies"), sections=MEMBERS, records=lambda number: [account(number), member(number)]
    ),
    "company-by-id": Situation(calls("POST /companies"), sections=MEMBERS, records=lambda number: [member(number)]),
    "attach": Situation(
        calls("POST /contacts/{id}/companies"),
        sections=MEMBERS,
        records=lambda number: [member(number), account(number)],
    ),
    "companies-of": Situation(
        calls("GET /contacts/{id}/companies"),
        sections=MEMBERS,
        seed=lambda number: someone(number, companies=[{"company_id": f"old{number}-{each}"} for each in range(12)]),
        records=lambda number: [member(number)],
    ),
    "tag": Situation(calls("POST /tags"), sections=TAGGED, records=lambda number: [bearer(number)]),
    "tags": Situation(
        calls("GET /tags"),
        sections=TAGGED,
        seed=lambda number: someone(number, tags=[{"name": "s_old"}]),
        records=lambda number: [bearer(number)],
        first=1,
    ),
    "tags-of": Situation(
        calls("GET /contacts/{id}/tags"),
        sections=TAGGED,
        seed=lambda number: someone(number, tags=[{"name": f"{'s_' * (each > 8)}{each}"} for each in range(12)]),
        records=lambda number: [bearer(number)],
    ),
    "untag": Situation(
        calls("DELETE /contacts/{id}/tags/{tag_id}"),
        sections=TAGGED,
        seed=lambda number: someone(number, tags=[{"name": "s_old"}]),
        records=lambda number: [bearer(number)],
    ),
    "bulk-create": Situation(
        calls("POST /contacts/bulk"),
        settings={"search_lag": LAG},
        sections={"users": users(WITH_MAIL), "delivery": IN_BULK},
        seed=_nobody,
        records=lambda number: [draft(number), event(number), update(number), event(number, 1)],
        apart=APART_IN_BULK,
    ),
    "bulk-update": Situation(
        calls("PUT /contacts/bulk"),
        settings={"search_lag": LAG},
        sections={"users": users(), "delivery": IN_BULK},
        records=lambda number: [draft(number), event(number), update(number)],
        apart=APART_IN_BULK,
    ),
    "bulk-job": Situation(
        calls("GET /contacts/bulk/{id}"),
        settings={"bulk_wait": 0.5, "bulk_duration": 1.0},
        sections={"users": users(WITH_MAIL), "delivery": IN_BULK},
        seed=lambda number: someone(number) if number % 2 else None,
        records=lambda number: [draft(number), event(number), update(number)],
        at_start=True,
        apart=APART_IN_BULK,
        # How often a job is asked for depends on how long the last one took.
        slack=3,
    ),
    "event": Situation(calls("POST /events"), records=lambda number: [event(number), event(number, 1), event(number)]),
    "store": STORED,
}
"""In the order of the table's columns; `check` has none."""
