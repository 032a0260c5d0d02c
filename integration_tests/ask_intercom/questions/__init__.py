"""The questions: 1 to 14 are what a first hour should ask, 15 and on what else the emulator has several answers for."""

from __future__ import annotations

from collections.abc import Sequence

from integration_tests.ask_intercom.question import Question
from integration_tests.ask_intercom.questions import (
    attributes,
    basics,
    bulk,
    bulk_items,
    companies,
    events,
    identities,
    people,
    search,
    tags,
)


def all_questions(other_hosts: Sequence[str]) -> list[Question]:
    """Return every question; `other_hosts` are Intercom's hosts of the other regions."""
    found = [
        *basics.questions(other_hosts),
        *bulk.QUESTIONS,
        *bulk_items.QUESTIONS,
        *attributes.QUESTIONS,
        *events.QUESTIONS,
        *search.QUESTIONS,
        *identities.QUESTIONS,
        *tags.QUESTIONS,
        *companies.QUESTIONS,
        *people.QUESTIONS,
    ]
    return sorted(found, key=lambda each: (int(each.number.rstrip("abcdefghijk")), each.number))


NOT_ASKED = {
    "tokens": "who may call is the workspace's own choice",
    "refused_tokens": "a token is revoked by hand",
    "foreign_tokens": "it says which tokens are foreign; question 8b asks what they are answered",
    "plan_restricted": "a workspace whose plan has run out answers no question at all",
    "workspace_id": "the workspace's own",
    "timezone": "the workspace's own",
    "admins": "the workspace's own",
    "window_phase": "the emulator's clock; a client learns it from X-RateLimit-Reset",
    "reset_offset": "it needs a clock that agrees with Intercom's to a fraction of a second",
    "server_clock_skew": "a matter of this machine's clock",
    "other_apps_per_window": "what other apps do is theirs",
    "contact_company_limit": "it needs 1,001 companies, which cannot be deleted but only archived; 1,000 is documented",
    "event_name_limit": "it would use up the workspace's event names, and no call frees one; 120 is documented",
    "other_event_names": "nothing shows the event names of other apps",
    "name_clash": "it needs an attribute called as a standard one of companies, without the prefix, and for good",
    "attribute_limit": "it would use up the workspace's 250 attributes, none of which can be deleted",
    "latency": "a matter of the network between",
    "keep_exchanges": "the emulator's own memory",
    "faults": "failures that the emulator is told to have",
}
"""Settings that no question tells, each with the reason."""
