"""A public test stream, and what must become of it: how it is mapped, what is in Intercom afterwards, what cannot hold.

The page docs/test-streams.md has a row for each case. Knows nothing of the connector's code, nor of how streams are sent.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

TOKEN = "test-token"
FIXED_TIME = '{{ "2026-01-15T10:30:00Z" }}'
"""The time of rows that have none."""
FIXED_SECONDS = 1_768_473_000

Entry = Mapping[str, Any]
Custom = Mapping[str, Any]

_SHOWN = ("name", "email", "signed_up_at")
_ORDER = ("read", "delivered", "unchanged", "filtered", "duplicate", "rejected")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One scenario or file; entries are those of the configuration's lists, counts those of the summary."""

    name: str
    users: Sequence[Entry] = ()
    events: Sequence[Entry] = ()
    companies: Sequence[Entry] = ()
    users_section: Mapping[str, Any] = field(default_factory=dict)
    """What else the section has."""
    identity: Mapping[str, Any] = field(default_factory=dict)
    after: str = ""
    """The file that was sent before, into the same workspace."""

    syncs: Sequence[Mapping[str, Mapping[str, int]]]
    """For each sync the numbers of each stream's line in the summary, without those that are 0."""
    left_out: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By stream, the values that the summary counts as not sent as they were: `"amount": 1 no_float`."""
    errors: Sequence[str] = ()
    """The errors that end a sync, in their order, each with the words that name the cause."""
    states: Sequence[tuple[int, int]] = ()
    """Of each state that came back, the records that it counts as taken and as rejected."""
    contacts: Mapping[str, Custom] = field(default_factory=dict)
    """By User ID, the standard fields and custom attributes that have a value, and `companies` by their IDs."""
    made_events: Sequence[tuple[str, str, int, Mapping[str, Any]]] = ()
    """User ID, name, seconds, metadata."""
    made_companies: Mapping[str, Custom] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    """The custom attributes of people that were created, where no record shows them."""

    loss: str = ""
    """What cannot hold, and why, in the words of the page."""

    def counts(self) -> dict[str, int]:
        """Return the numbers of all streams and syncs."""
        total: Counter[str] = Counter()
        for sync in self.syncs:
            for numbers in sync.values():
                total.update(numbers)
        return {name: total[name] for name in _ORDER if total[name]}

    def row(self) -> list[str]:
        """Return the cells of the page's row."""
        sent_as = [name for name in ("users", "events", "companies") if getattr(self, name)]
        counts = ", ".join(f"{number} {name}" for name, number in self.counts().items()) or "0 read"
        return [f"`{self.name}`", ", ".join(sent_as), counts, self.loss or "–"]


def map_users(stream: str, identity: str, *properties: str, **renamed: str) -> Entry:
    """Return an entry of `users.streams`; `renamed` has names in Intercom, each with its property."""
    attributes = [{"property": each} for each in properties]
    attributes += [{"property": each, "attribute": name} for name, each in renamed.items()]
    return {"stream": stream, "identity_property": identity, "attributes": attributes}


def configure(cases: Sequence[Case], url: str) -> dict[str, Any]:
    """Return the configuration that names the streams of all `cases`, for the local Intercom at `url`."""
    lists = {
        name: [each for case in cases for each in getattr(case, name)] for name in ("users", "events", "companies")
    }
    sections: dict[str, dict[str, Any]] = {
        "users": {
            "missing_attributes": "create",
            **{key: each for case in cases for key, each in case.users_section.items()},
        },
        "events": {"unknown_users": "create", "selected_events": ["*"]},
        "companies": {"missing_attributes": "create"},
    }
    return {
        "access_token": TOKEN,
        "api_base_url": url,
        "identity": {"property": "id", **{key: each for case in cases for key, each in case.identity.items()}},
        **{name: {"mode": "enabled", "streams": lists[name], **sections[name]} for name in lists if lists[name]},
    }


def show_contacts(contents: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the people in an Intercom, as `Case.contacts` has them."""
    own_ids = {each["id"]: each["company_id"] for each in contents["companies"]}
    return {each["external_id"]: _with_values(each) | _companies(each, own_ids) for each in contents["contacts"]}


def _companies(contact: Mapping[str, Any], own_ids: Mapping[str, str]) -> dict[str, Any]:
    found = sorted(own_ids[each["id"]] for each in contact["companies"]["data"])
    return {"companies": found} if found else {}


def show_events(contents: Mapping[str, Any]) -> list[list[Any]]:
    """Return the events in an Intercom, as `Case.made_events` has them, sorted."""
    fields = ("user_id", "event_name", "created_at", "metadata")
    return sort_events([each[name] for name in fields] for each in contents["events"])


def sort_events(events: Any) -> list[list[Any]]:
    """Return events in an order of their own, for the order in which they are sent is free."""
    return sorted((list(each) for each in events), key=exactly)


def show_companies(contents: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the companies in an Intercom, as `Case.made_companies` has them."""
    return {each["company_id"]: _with_values(each) for each in contents["companies"]}


def _with_values(thing: Mapping[str, Any]) -> dict[str, Any]:
    standard = {name: thing[name] for name in _SHOWN if thing.get(name) not in (None, "")}
    return {**standard, **thing.get("custom_attributes", {})}


def exactly(value: Any) -> str:
    """Write a value so that 1, 1.0 and true differ; each member has a line, for a failure to show."""
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False)
