"""Situations in which every personal value is an unmistakable canary, and an Intercom that repeats all it was told."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from destination_intercom.outcomes import REJECTION_REASONS
from integration_tests.support.harness import catalog, config, record
from intercom_emulator import Answer, Intercom

MARK = "canary"
"""Part of every value below, of the token, of every name that nobody configured, and of no word of the connector."""

TOKEN = "dG9rOmNhbmFyeV90b2tlbg-canary-token"
PHONE = 70_707_070_707
"""A number that is searched for beside the mark."""

DIGITS = "7070707"
SECOND = 1_700_000_000
KEY, OTHER = "canary/id 1", "canary-id-2"
ADDRESS, OTHER_ADDRESS = "canary.one@canary.example", "canary.two@canary.example"
A, B = "5da6f18e3d7cf967e4582d05", "6064d5c43910cc082d903f6c"

USERS: dict[str, Any] = {
    "mode": "enabled",
    "streams": [{"stream": "users"}],
    "attributes": [
        {"property": "email"},
        {"property": "name"},
        {"property": "phone"},
        {"property": "avatar"},
        {"property": "owner", "attribute": "owner_id"},
        {"property": "signed", "attribute": "signed_up_at"},
        {"property": "deep.plan", "attribute": "plan"},
        {"property": "deep.seats", "attribute": "seats"},
        {"property": "deep.share", "attribute": "share"},
        {"property": "deep.paying", "attribute": "paying"},
        {"property": "deep.renewed_at", "attribute": "renewed_at"},
        {"property": "deep.level", "attribute": "level"},
        {"property": "verified", "attribute": "email_verified"},
        {"property": "out", "attribute": "unsubscribed_from_emails"},
    ],
}
EVENTS: dict[str, Any] = {
    "mode": "enabled",
    "streams": [{"stream": "events", "event_name_property": "name", "created_at_property": "at"}],
    "selected_events": ["did *", "bought"],
    "excluded_events": ["did nothing*"],
    "not_before": "2020-01-01T00:00:00Z",
    "filters": [{"property": "kept", "operator": "is_not", "values": ["no"]}],
    "metadata": [
        {"property": "note"},
        {"property": "link"},
        {"property": "deep.price", "name": "price"},
        {"property": "deep.when", "name": "ends_date"},
    ],
}
COMPANIES: dict[str, Any] = {
    "mode": "enabled",
    "streams": [{"stream": "users", "company_id_property": "account.id"}],
    "attributes": [
        {"property": "account.name", "attribute": "name"},
        {"property": "account.site", "attribute": "website"},
        {"property": "account.spend", "attribute": "monthly_spend"},
        {"property": "account.size", "attribute": "size"},
        {"property": "account.tier", "attribute": "tier"},
    ],
}
MEMBERS: dict[str, Any] = {"member_of": [{"property": "account.id"}, {"property": "account.others"}]}
TAGS: dict[str, Any] = {"tags": [{"property": "tags", "prefix": "s_", "mode": "replace"}]}
SEED: dict[str, Any] = {
    "data_attributes": [
        {"name": "plan", "data_type": "string"},
        {"name": "seats", "data_type": "integer"},
        {"name": "share", "data_type": "float"},
        {"name": "paying", "data_type": "boolean"},
        {"name": "renewed_at", "data_type": "date"},
        {"name": "level", "options": ["canary gold", "canary silver"]},
        {"name": "tier", "model": "company"},
    ],
    "contacts": [{"id": A, "external_id": KEY, "email": ADDRESS, "name": "canary as it was"}],
}


def user(**data: Any) -> dict[str, Any]:
    """A record of a person with a value in every place; `data` replaces some, None leaves them out."""
    whole = {
        "user_id": KEY,
        "email": ADDRESS,
        "name": "canary name",
        "phone": str(PHONE),
        "avatar": "https://canary.example/canary.png",
        "deep": {"plan": "canary plan", "seats": PHONE, "canary_key": "canary value", "level": "canary gold"},
        "canary_key": ["canary", {"canary_deeper_key": PHONE}],
        **data,
    }
    return record("users", **{key: value for key, value in whole.items() if value is not None})


def event(**data: Any) -> dict[str, Any]:
    """A record of an event with a value in every place; `data` replaces some, None leaves them out."""
    whole = {
        "user_id": KEY,
        "name": "did it",
        "at": SECOND,
        "note": "canary note",
        "link": {"url": "https://canary.example/?id=canary", "value": "canary link"},
        "deep": {"price": {"amount": PHONE, "currency": "eur"}, "when": SECOND},
        "canary_key": {"canary_deeper_key": "canary"},
        **data,
    }
    return record("events", **{key: value for key, value in whole.items() if value is not None})


def account(**data: Any) -> dict[str, Any]:
    """A company with a value in every place; `data` replaces some."""
    return {
        "id": "canary account/1",
        "name": "canary company",
        "site": "https://canary.example/company",
        "spend": PHONE % 1000,
        "size": 7,
        "tier": "canary tier",
        "others": ["canary account 2"],
        "canary_key": {"canary_deeper_key": "canary"},
        **data,
    }


class EchoingIntercom(Intercom):
    """An Intercom whose refusals repeat what was asked of it: identities, values and the token, wherever they fit."""

    def handle(self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        answer = super().handle(method, target, headers, body)
        if answer.status < 300:
            return answer
        told = f"{dict(headers).get('Authorization', headers.get('authorization', ''))} {target} {values_of(body)}"
        more = {"X-Canary": "canary", "X-Request-Id": f"canary {ADDRESS}", "Retry-After": ADDRESS}
        return dataclasses.replace(answer, body=_echo(answer.body, told), headers={**answer.headers, **more})


def _echo(body: bytes, told: str) -> bytes:
    try:
        document = json.loads(body)
    except ValueError:
        return body + f"<p>{told}</p>".encode()
    if not isinstance(document, dict) or not isinstance(document.get("errors"), list):
        return json.dumps({"canary": told}).encode()
    for each in document["errors"]:
        each["message"] = f"{each.get('message')} [{told}]"
        each["field"] = told
    return json.dumps(document).encode()


def values_of(body: bytes) -> str:
    """Return the values of a request's body as one text, without the names."""
    try:
        return " ".join(_values(json.loads(body or b"null")))
    except ValueError:
        return ""


def _values(value: Any) -> Iterator[str]:
    if isinstance(value, (dict, list)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _values(each)
    else:
        yield str(value)


def fault(endpoint: str, kind: str, **more: Any) -> dict[str, Any]:
    """A fault of the emulator."""
    return {"endpoint": endpoint, "kind": kind, **more}


@dataclass(frozen=True)
class Situation:
    """What is written, to which Intercom, and the words of the docs' tables that the log then has.

    `error` is the name of the error that ends the sync, "" for none.
    """

    messages: list[dict[str, Any] | bytes]
    words: tuple[str, ...] = ()
    error: str = ""
    users: Mapping[str, Any] = field(default_factory=dict)
    events: Mapping[str, Any] = field(default_factory=dict)
    companies: Mapping[str, Any] | None = None
    identity: Mapping[str, Any] = field(default_factory=dict)
    delivery: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    contacts: list[dict[str, Any]] | None = None
    changes: Sequence[dict[str, Any]] = ()

    def configuration(self) -> dict[str, Any]:
        """The whole configuration."""
        return config(
            access_token=TOKEN,
            identity={"property": "user_id", **self.identity},
            users={**USERS, **self.users},
            events={**EVENTS, **self.events},
            companies=None if self.companies is None else {**COMPANIES, **self.companies},
            delivery=dict(self.delivery) or None,
        )

    @property
    def rejected(self) -> int:
        """How many records are rejected, by the words."""
        counted = (phrase.partition(" ") for phrase in self.words)
        return sum(int(number) for reason, _, number in counted if reason in REJECTION_REASONS)

    def intercom(self, make: Callable[[dict[str, Any]], Intercom]) -> Intercom:
        """The Intercom that this happens to."""
        intercom = make({"tokens": {TOKEN: "*"}, **self.settings})
        intercom.seed(SEED if self.contacts is None else {**SEED, "contacts": self.contacts})
        intercom.seed({"changes": list(self.changes)})
        return intercom


CATALOG = catalog("users", "events")
MAIL = {"intercom_field": "email", "property": "email"}
REJECT_MISSING = {"missing": "reject"}
SHARED = [{"id": A, "email": ADDRESS, "name": "canary a"}, {"id": B, "email": ADDRESS, "name": "canary b"}]
ONE_FREE = [{"id": A, "email": ADDRESS, "name": "canary a"}]
MINE = {"id": B, "external_id": KEY, "name": "canary as it was"}
ANOTHERS = [{"id": A, "external_id": OTHER, "email": ADDRESS, "name": "canary a"}]
LONG = "canary " * 60

SITUATIONS: dict[str, Situation] = {
    "delivered": Situation([user(), event(), event(), user(user_id=OTHER, email=OTHER_ADDRESS)], ("duplicate 1",)),
    "differing duplicate": Situation([event(), event(note="canary other")], ("other metadata: 1.",)),
    "unchanged": Situation([user(deep=None, phone=None, avatar=None, name="canary as it was")], ("unchanged 1",)),
    "filtered": Situation(
        [
            event(name="canary unselected"),
            event(name=None),
            event(name="did nothing at all"),
            event(kept="no"),
            event(user_id=None, canary_more="canary"),
            user(user_id=" "),
            event(at=1_000_000_000),
            event(_ab_cdc_deleted_at="canary"),
            user(_ab_cdc_deleted_at="canary"),
        ],
        (
            "not_selected 1",
            "no_event_name 1",
            "excluded 1",
            "filtered 1",
            "no_identity_property 1",
            "anonymous 1",
            "too_old 1",
            "deleted 1",
            "deleted 1",
        ),
    ),
    "all members": Situation(
        [
            user(deep={f"canary {number}": "canary" for number in range(3)} | {"role": "canary", "plan": "canary"}),
            event(deep={f"canary {number}": "canary" for number in range(21)} | {"canary.key": "canary"}),
        ],
        ("1 no_attribute", "1 not_by_wildcard", "1 no_key", "1 too_many"),
        users={"attributes": [{"property": "deep.*"}]},
        events={"metadata": [{"property": "deep.*"}]},
    ),
    "template fails": Situation(
        [user(), event()],
        ('with the number of records: users.attributes, entry 1 ("{{ record.name / 2 }}"): 1',),
        users={"attributes": [{"property": "{{ record.name / 2 }}", "attribute": "name"}]},
    ),
    "invalid": Situation(
        [
            user(user_id={"canary": "canary"}),
            user(email={"canary": KEY}),
            user(email=f"{'canary' * 50}@canary.example"),
            event(name=["did canary"]),
            event(at="canary time"),
            event(at={"canary": 1}),
        ],
        ("invalid_identity 1", "2 invalid_email", "invalid_event_name 1", "invalid_time 2"),
    ),
    "missing identity": Situation(
        [user(user_id=""), event(user_id=None)],
        ("missing_identity 1", "missing_identity 1"),
        identity=REJECT_MISSING,
    ),
    "unknown user": Situation([event(user_id=OTHER), event(user_id=".")], ("unknown_user 2",)),
    "unknown e-mail": Situation([event(email=OTHER_ADDRESS)], ("unknown_user 1",), identity=MAIL),
    "name limit": Situation(
        [event(), event(name="did more"), event(name="did most")],
        ("event_name_limit 2",),
        settings={"event_name_limit": 1},
    ),
    "name limit for a name that was delivered": Situation(
        [event(at=SECOND + number) for number in range(4)],
        ("event_name_limit 1",),
        settings={
            "faults": [
                fault("POST /events", "status", status=422, message="more than 120 active event names", at=[2]),
            ]
        },
    ),
    "422 of another kind": Situation(
        [event(at=SECOND + number) for number in range(4)],
        ("refused 1",),
        settings={"faults": [fault("POST /events", "status", status=422, code="422", message="canary name", at=[2])]},
    ),
    "ambiguous": Situation([user(user_id="canary-9")], ("ambiguous_email 1",), contacts=SHARED),
    "ambiguous event": Situation([event(email=ADDRESS)], ("ambiguous_email 1",), identity=MAIL, contacts=SHARED),
    "lead's events": Situation(
        [event(email=ADDRESS), event(email=ADDRESS, at=SECOND + 1)],
        ("events delivered 2",),
        identity=MAIL,
        contacts=[{**each, "role": "lead"} for each in ONE_FREE],
    ),
    "events of several leads": Situation(
        [event(email=ADDRESS)],
        ("ambiguous_email 1",),
        identity=MAIL,
        contacts=[{**each, "role": "lead"} for each in SHARED],
    ),
    "another's address": Situation([user()], ("identity_conflict 1",), contacts=ANOTHERS),
    "archived": Situation(
        [user()], ("contact_archived 1",), contacts=[{**ONE_FREE[0], "external_id": KEY, "archived": True}]
    ),
    "merged": Situation(
        [user()],
        ("contact_merged 1",),
        contacts=[{"id": B, "external_id": OTHER}, {"id": A, "external_id": KEY, "merged_into": B}],
    ),
    "not restorable": Situation(
        [user()],
        ("not_restorable 1",),
        users={"archived_contacts": "unarchive"},
        contacts=[{"id": A, "external_id": KEY, "deleted": True}],
    ),
    "not found": Situation([user(user_id=OTHER)], ("not_found 1",), users={"write_mode": "update_only"}),
    "address taken": Situation([user()], ("email_taken 1",), users={"email_match": "reject"}, contacts=ONE_FREE),
    "vague conflict": Situation(
        [user(user_id=OTHER, email=OTHER_ADDRESS)],
        ("conflict 1",),
        settings={"faults": [fault("POST /contacts", "status", status=409)]},
    ),
    "refused": Situation(
        [user(email="canary is @ no address")],
        ("refused 1",),
        users={"attributes": [{"property": "name"}, {"property": "phone"}]},
        identity=MAIL,
    ),
    "values refused": Situation(
        [
            user(user_id="canary-7", owner=PHONE, email="canary is @ no address", avatar="canary/canary.png"),
            user(owner=PHONE, name="canary other"),
        ],
        ('"owner_id": 2 refused', '"email": 1 refused', '"avatar": 1 refused'),
    ),
    "values refused without a word which": Situation(
        [user(user_id="canary-7", owner=PHONE), user(owner=PHONE, name="canary other")],
        ('"owner_id": 2 refused',),
        settings={"refused_field": "nothing"},
    ),
    "opt-out refused": Situation(
        [user(user_id=OTHER, email=OTHER_ADDRESS, out="yes"), user(user_id=OTHER, email=OTHER_ADDRESS)],
        ("refused 2",),
        settings={
            "faults": [
                fault("POST /contacts", "status", status=400, matching="unsubscribed", message="canary is wrong")
            ]
        },
    ),
    "opt-out kept back": Situation([user(out=False)], ("1 kept_back",)),
    "another's address in an update": Situation(
        [user()], ('"email": 1 identity_conflict',), contacts=[*ANOTHERS, MINE]
    ),
    "taken address in an update": Situation([user()], ('"email": 1 email_taken',), contacts=[*ONE_FREE, MINE]),
    "archived one's address in an update": Situation(
        [user()], ('"email": 1 contact_archived',), contacts=[{**ONE_FREE[0], "archived": True}, MINE]
    ),
    "merged one's address in an update": Situation(
        [user()],
        ('"email": 1 contact_merged',),
        contacts=[{"id": "5da6f18e3d7cf967e4582d09"}, {**ONE_FREE[0], "merged_into": "5da6f18e3d7cf967e4582d09"}, MINE],
    ),
    "vague conflict in an update": Situation(
        [user()],
        ('"email": 1 conflict',),
        settings={"faults": [fault("PUT /contacts/{id}", "status", status=409, at=[1])]},
        contacts=[MINE],
    ),
    "somebody else by now": Situation(
        [user(name="canary new"), user(name="canary newer")],
        ("identity_conflict 2",),
        settings={"search_lag": 600.0},
        changes=[{"contact": {"external_id": KEY}, "set": {"external_id": "canary-8"}}],
    ),
    "kept in another form": Situation(
        [user(phone=" 70 707 070 ")],
        ('"phone" of 1',),
        settings={"normalized_fields": ["phone"]},
    ),
    "search refuses somebody": Situation(
        [user(), user(user_id=OTHER, email=OTHER_ADDRESS)],
        ("of them alone",),
        settings={"faults": [fault("POST /contacts/search", "status", status=400, matching=OTHER)]},
    ),
    "values outside their list": Situation(
        [user(deep={"level": "canary platinum"})], ("1 no_option",), settings={"options_outside": "refuse"}
    ),
    "refused event": Situation(
        [event(link="canary", note=LONG), event(at=SECOND + 1, deep={"when": "canary"})], ("1 cut", "1 no_time")
    ),
    "money": Situation(
        [
            event(deep={"amount": "canary much", "currency": "usd"}),
            event(at=SECOND + 1, deep={"amount": PHONE, "currency": "canary coins"}),
        ],
        ("1 no_money", "1 no_currency"),
        events={"metadata": [{"property": "deep", "name": "price", "type": "money"}]},
    ),
    "number too large": Situation([json.dumps(event()).replace('"canary note"', "1e400").encode()], ("1 no_number",)),
    "undeliverable": Situation(
        [
            user(user_id=OTHER, email=OTHER_ADDRESS),
            user(name="canary poison"),
            event(),
            event(note="canary poison", at=SECOND + 1),
        ],
        ("undeliverable 1", "undeliverable 1", "status 403", "status 500"),
        settings={
            "faults": [
                fault("POST /events", "html", status=403, matching="canary poison"),
                fault("PUT /contacts/{id}", "status", status=500, matching="canary poison"),
            ]
        },
        contacts=[*SEED["contacts"], {"id": B, "external_id": OTHER, "email": OTHER_ADDRESS}],
    ),
    "too many undeliverable": Situation(
        [event(note=f"canary poison {number}", at=SECOND + number) for number in range(22)],
        error="DeliveryError",
        settings={"faults": [fault("POST /events", "html", status=403, matching="canary poison")]},
    ),
    "lead uncertain": Situation(
        [user(), event(email=ADDRESS)],
        ("uncertain 1", "uncertain 1"),
        users={"create_as": "lead"},
        events={"unknown_users": "create"},
        identity=MAIL,
        contacts=[],
        settings={"faults": [fault("POST /contacts", "html")]},
    ),
    "lead found": Situation(
        [user(), event(email=ADDRESS)],
        ("unchanged 1", "delivered 1", "Intercom cannot look up some contacts"),
        users={"create_as": "lead"},
        events={"unknown_users": "create"},
        identity=MAIL,
        contacts=[],
        settings={
            "faults": [
                fault("POST /contacts", "html", after=True, first=1),
                fault("POST /contacts/search", "status", status=400, first=1),
            ]
        },
    ),
    "attribute refused": Situation(
        [user()],
        ("1 refused",),
        settings={
            "faults": [
                fault(
                    "PUT /contacts/{id}",
                    "status",
                    status=400,
                    first=1,
                    body={
                        "type": "error.list",
                        "errors": [{"code": "parameter_invalid", "message": "Custom attribute 'plan' does not exist"}],
                    },
                )
            ]
        },
    ),
    "trimmed": Situation(
        [
            user(
                name=[{"canary_key": "canary"}],
                phone=LONG,
                signed="0001-01-01T00:00:00Z",
                email=None,
                verified=True,
                deep={
                    "plan": {"canary_key": "canary"},
                    "seats": "canary seats",
                    "share": "canary share",
                    "paying": "canary paying",
                    "renewed_at": "canary time",
                    "level": "canary platinum",
                },
            ),
            event(link={"url": "https://canary.example/" + "canary" * 50, "value": "canary"}, note=[["canary"]]),
        ],
        (
            "no_string",
            "no_integer",
            "no_float",
            "no_boolean",
            "no_date",
            "far_time",
            "no_email",
            "cut",
            "long_url",
            "nested",
        ),
    ),
    "companies": Situation(
        [user(account=account()), user(user_id=OTHER, email=OTHER_ADDRESS, account=account(name="canary other"))],
        ("companies delivered 2", "contacts delivered 2"),
        users=MEMBERS,
        companies={},
    ),
    "people who leave": Situation(
        [
            user(),
            user(_ab_cdc_deleted_at="2026-01-01 canary"),
            user(user_id=OTHER, email=OTHER_ADDRESS),
            user(user_id=OTHER, _ab_cdc_deleted_at="2026-01-01"),
            user(gone="yes"),
            event(),
        ],
        ("People whose rows were deleted: 1 archived, 1 beyond delivery.max_deletions", "too_many_deletions 1"),
        error="ConfigurationError",
        users={"deleted_records": "archive"},
        delivery={"max_deletions": 1},
    ),
    "people who leave for good": Situation(
        [user(_ab_cdc_deleted_at="2026-01-01"), user(user_id="canary-7", _ab_cdc_deleted_at="2026-01-01")],
        ("People whose rows were deleted: 1 deleted, 1 not in Intercom",),
        users={"deleted_records": "delete"},
    ),
    "people in bulk": Situation(
        [user(), user(user_id=OTHER, email=OTHER_ADDRESS, account=account(name="canary other")), event()],
        ("contacts delivered 2", "Bulk: contacts written in bulk: 2"),
        users=MEMBERS,
        delivery={"contacts_api": "bulk"},
    ),
    "people in bulk refused": Situation(
        [user(), user(user_id=OTHER, email=OTHER_ADDRESS)],
        ("contacts delivered 2", "Intercom forbids bulk calls"),
        delivery={"contacts_api": "bulk"},
        settings={
            "faults": [
                fault(
                    "POST /contacts/bulk",
                    "status",
                    status=403,
                    code="forbidden",
                    message="canary@example.com is forbidden",
                )
            ]
        },
    ),
    "people in bulk of whom some are refused": Situation(
        [user(user_id=OTHER, email=OTHER_ADDRESS), user(user_id="canary-8", email="canary8@example.com")],
        ("contact_archived 1", "of them sent in bulk before: 2"),
        contacts=[{"external_id": OTHER, "email": OTHER_ADDRESS, "name": "canary as it was", "archived": True}],
        delivery={"contacts_api": "bulk"},
    ),
    "companies without people": Situation(
        [user(account=account()), user(account=account(id={"canary": "canary"})), user(account=account(id=""))],
        ("as far as it knows: 1.", "invalid_identity 1", "companies filtered 1"),
        companies={},
    ),
    "companies trimmed": Situation(
        [
            user(account=account(spend=f"{PHONE}")),
            user(account=account(spend="155.98", size="canary size", site=LONG, others=[{"canary": "canary"}])),
        ],
        ("1 large_spend", "1 cut_spend", '"size": 1 no_integer', '"website": 1 long_url', "1 no_company_id"),
        users=MEMBERS,
        companies={},
    ),
    "companies refused": Situation(
        [user(account=account()), user(account=account(id="canary account 3", others=["canary account 4"]))],
        ('"tier": 2 refused', '"member_of account.others": 1 company_refused'),
        users=MEMBERS,
        companies={},
        settings={
            "faults": [
                fault("POST /companies", "status", status=400, matching="canary tier"),
                fault("POST /companies", "status", status=422, matching="canary account 4"),
            ]
        },
    ),
    "companies beyond the limit": Situation(
        [user(account=account(others=[f"canary {number}" for number in range(3)]))],
        ('"member_of account.others": 3 company_limit',),
        users=MEMBERS,
        companies={},
        settings={"contact_company_limit": 1},
    ),
    "companies undeliverable": Situation(
        [user(user_id=OTHER, email=OTHER_ADDRESS, account=account()), user(account=account(name="canary poison"))],
        ("undeliverable 1", "companies rejected 1"),
        users=MEMBERS,
        companies={},
        settings={"faults": [fault("POST /companies", "html", status=403, matching="canary poison")]},
    ),
    "companies in a dry run": Situation(
        [user(account=account()), user(account=account(id="canary account 2"))],
        ("companies would be created", "people attached to a company"),
        error="ConfigurationError",
        users=MEMBERS,
        companies={},
        delivery={"dry_run": True},
    ),
    "tags": Situation(
        [
            user(tags=["canary tag", PHONE]),
            user(user_id=OTHER, email=OTHER_ADDRESS, tags='["canary tag", "canary other"]'),
        ],
        ("contacts delivered 2",),
        users=TAGS,
    ),
    "tags trimmed and refused": Situation(
        [user(tags=["canary bad", {"canary": "canary"}, LONG, "canary tag"])],
        ('"tags tags": 2 no_tag', '"tags tags": 1 tag_refused'),
        users=TAGS,
        settings={"faults": [fault("POST /tags", "status", status=400, matching="canary bad")]},
    ),
    "tags that contradict each other": Situation(
        [user(tags=["canary tag"]), user(tags=["canary other"])],
        ("records of one person name different tags",),
        users=TAGS,
    ),
    "tags undeliverable": Situation(
        [user(user_id=OTHER, email=OTHER_ADDRESS, tags="canary tag"), user(tags="canary tag")],
        ("undeliverable 1",),
        users=TAGS,
        settings={"faults": [fault("POST /tags", "html", status=403, matching=A)]},
    ),
    "tags in a dry run": Situation(
        [user(tags=["canary tag"])],
        ("1 people tagged, 0 people untagged", "POST /tags {name: <text>, users: <list>}"),
        error="ConfigurationError",
        users=TAGS,
        delivery={"dry_run": True},
    ),
    "token refused": Situation([user()], error="ConfigurationError", settings={"tokens": {}}),
    "plan restricted": Situation([user()], error="ConfigurationError", settings={"plan_restricted": True}),
    "attributes missing": Situation(
        [user()],
        error="ConfigurationError",
        users={"attributes": [{"property": "deep.absent", "attribute": "absent"}]},
    ),
    "all rejected": Situation(
        [event(user_id=f"canary-{number}") for number in range(3)],
        error="ConfigurationError",
        delivery={"stop_after_rejected": 3},
    ),
    "dry run": Situation(
        [user(), user(user_id=OTHER, email=OTHER_ADDRESS), event()],
        ("Dry run, an example",),
        error="ConfigurationError",
        delivery={"dry_run": True},
    ),
    **{
        f"{kind} for ever": Situation(
            [user(user_id=OTHER, email=OTHER_ADDRESS), event(user_id="canary-9")],
            error="DeliveryError",
            settings={"faults": [fault("*", kind, from_time=0.01)], "latency": 0.02},
        )
        for kind in ("html", "status", "json", "redirect", "reset_before", "reset_after", "stall", "truncate")
    },
    "not JSON": Situation([user(), b'{"type": "RECORD", "record": {"canary": canary}}'], error="InputError"),
    "not UTF-8": Situation([user(), b'{"canary": "canary \xff"}'], error="InputError"),
    "not closed": Situation(
        [user(), b'{"type": "RECORD", "record": {"stream": "users", "data": {"user_id": "cana'], error="InputError"
    ),
    "no message": Situation([user(), b'["canary"]'], error="InputError"),
    "no data": Situation(
        [user(), b'{"type": "RECORD", "record": {"stream": "users", "canary": 1}}'], error="InputError"
    ),
    "no state": Situation([user(), b'{"type": "STATE", "state": "canary"}'], error="InputError"),
    "unknown stream": Situation([user(), record("elsewhere", canary="canary")], error="InputError"),
}
