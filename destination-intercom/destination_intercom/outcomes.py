"""What can become of a record, and of each part of it: the words that the rest shares.

| outcome   | counts as           | when |
|-----------|---------------------|------|
| delivered | recordCount         | Intercom accepted it |
| unchanged | recordCount         | Intercom already has it, as far as its search shows |
| filtered  | recordCount         | not selected, excluded, too old, filtered or anonymous |
| duplicate | recordCount         | the same person, name (`.` and `$` as `-`, ASCII case ignored), second **and metadata** as one of the last 100,000 events delivered by this sync: Intercom would drop it. An event with other metadata is sent, so that Intercom decides, and counted with a warning |
| rejected  | rejectedRecordCount | it can never be delivered as it is |
"""  # noqa: E501 - the rows are those of the docs

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cache
from typing import Final


class Status(Enum):
    """The five outcomes, the strongest first: a record is what its strongest part is."""

    REJECTED = "rejected"
    DELIVERED = "delivered"
    UNCHANGED = "unchanged"
    DUPLICATE = "duplicate"
    FILTERED = "filtered"


LONGEST_MESSAGE_KEPT: Final = 1000
"""Characters of what Intercom said, where very many refusals are remembered; its own are of some fifty."""

_STRENGTH: Final = {status: strength for strength, status in enumerate(Status)}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Intercom's own account of a refusal; `message` may quote personal data and is never logged.

    `endpoint` is told where it says more than the reason does.
    """

    status: int
    code: str | None = None
    message: str | None = None
    request_id: str | None = None
    endpoint: str | None = None

    def __repr__(self) -> str:
        return f"Refusal(status={self.status}, code={self.code!r}, request_id={self.request_id!r})"

    @property
    def shortened(self) -> Refusal:
        """Cut the message to what may be remembered very often."""
        return replace(self, message=self.message and self.message[:LONGEST_MESSAGE_KEPT])


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a record or of one of its parts; `reason` is a word of the docs' tables.

    `trims` are attributes that were left out because Intercom refused them, each with why. `is_around_identity` says
    of an anonymous record that it is not the identity that is null, but what should hold it, and `is_early` of an
    event that its person may be on the way, though it could wait no longer. One that others of the person were written
    after, before it was told, says when it was come to: `at`, in seconds of the sync's clock.
    """

    status: Status
    reason: str = ""
    refusal: Refusal | None = None
    trims: tuple[tuple[str, str], ...] = ()
    is_around_identity: bool = field(default=False, compare=False)
    is_early: bool = field(default=False, compare=False)
    at: float | None = field(default=None, compare=False)

    @property
    def shortened(self) -> Outcome:
        """Cut what Intercom said to what may be remembered very often."""
        return self if self.refusal is None else replace(self, refusal=self.refusal.shortened)

    def date(self, now: float) -> Outcome:
        """Note when a rejection was come to, unless that is known."""
        return self if self.status is not Status.REJECTED or self.at is not None else replace(self, at=now)

    @property
    def lacks_identity(self) -> bool:
        """Say whether the identity property is neither in the record nor in the schema: a sign of a wrong mapping."""
        return self.reason == NO_IDENTITY_PROPERTY

    @property
    def shows_identity(self) -> bool:
        """Say whether the mapping came to this at the identity or after it, so that the property is no mistake."""
        return self.reason in _AT_OR_AFTER_IDENTITY and not self.is_around_identity

    @property
    def is_bad_sign(self) -> bool:
        """Say whether a stream that begins with nothing else has a wrong mapping."""
        is_mapped = self.is_early or self.reason == TOO_MANY_DELETIONS
        return (self.status is Status.REJECTED and not is_mapped) or self.lacks_identity

    @property
    def is_good_sign(self) -> bool:
        """Say whether it speaks for the mapping of its stream."""
        return self.status not in {Status.REJECTED, Status.FILTERED}


NOT_SELECTED: Final = "not_selected"
NO_EVENT_NAME: Final = "no_event_name"
EXCLUDED: Final = "excluded"
FILTERED_OUT: Final = "filtered"
ANONYMOUS: Final = "anonymous"
NO_IDENTITY_PROPERTY: Final = "no_identity_property"
TOO_OLD: Final = "too_old"
DELETED: Final = "deleted"
SUPERSEDED: Final = "superseded"
NOT_REJECTED: Final = "not_rejected"

FILTER_REASONS: Final = {
    NOT_SELECTED: "the event's name is not among the selected ones",
    NO_EVENT_NAME: "the event name property is absent, null or blank",
    EXCLUDED: "the event's name is among the excluded ones",
    FILTERED_OUT: "a filter does not match",
    ANONYMOUS: "the identity is absent, null or blank",
    NO_IDENTITY_PROPERTY: "neither the record nor the stream's schema has the identity property",
    DELETED: "the source marks the row as deleted",
    TOO_OLD: "the event is older than not_before",
    SUPERSEDED: "the contact was updated in Intercom after the record had been rejected; only in a replay",
    NOT_REJECTED: "the contact or company of a record of which only another part was rejected; only in a replay",
}

INVALID_IDENTITY: Final = "invalid_identity"
MISSING_IDENTITY: Final = "missing_identity"
INVALID_EVENT_NAME: Final = "invalid_event_name"
INVALID_TIME: Final = "invalid_time"
UNKNOWN_USER: Final = "unknown_user"
EVENT_NAME_LIMIT: Final = "event_name_limit"
AMBIGUOUS_EMAIL: Final = "ambiguous_email"
IDENTITY_CONFLICT: Final = "identity_conflict"
CONTACT_ARCHIVED: Final = "contact_archived"
CONTACT_MERGED: Final = "contact_merged"
NOT_RESTORABLE: Final = "not_restorable"
NOT_FOUND: Final = "not_found"
EMAIL_TAKEN: Final = "email_taken"
CONFLICT: Final = "conflict"
REFUSED: Final = "refused"
TOO_MANY_DELETIONS: Final = "too_many_deletions"
UNDELIVERABLE: Final = "undeliverable"
UNCERTAIN: Final = "uncertain"

REJECTION_REASONS: Final = {
    INVALID_IDENTITY: "the identity is not a string or whole number, exceeds 255 characters, or was lost on its way",
    MISSING_IDENTITY: "the identity is absent, null or blank, and identity.missing is reject",
    INVALID_EVENT_NAME: "the event name is not a string",
    INVALID_TIME: "the event's time is absent or not a time",
    UNKNOWN_USER: "Intercom does not know this person",
    EVENT_NAME_LIMIT: "the workspace already has 120 active event names",
    AMBIGUOUS_EMAIL: "several users, or several leads, in Intercom share the e-mail address",
    IDENTITY_CONFLICT: "the conflicting contact is another person",
    CONTACT_ARCHIVED: "the contact is archived in Intercom",
    CONTACT_MERGED: "the contact was merged into another one in Intercom",
    NOT_RESTORABLE: "the contact is archived, and Intercom cannot restore it",
    NOT_FOUND: "no such contact, and users.write_mode is update_only",
    EMAIL_TAKEN: "a user without an external_id has the e-mail address, and users.email_match is reject",
    CONFLICT: "Intercom reports a conflict, but does not say with whom",
    REFUSED: "Intercom refused the payload",
    TOO_MANY_DELETIONS: "this sync has archived or deleted as many people as delivery.max_deletions allows",
    UNDELIVERABLE: "its call keeps failing while other calls of the same kind succeed",
    UNCERTAIN: "the answer to the creation of a lead was lost, and the search did not show one for five minutes",
}

REASONS: Final = {**FILTER_REASONS, **REJECTION_REASONS}

CURES: Final = {
    NO_IDENTITY_PROPERTY: "Check identity.property and identity_property if there are many.",
    INVALID_IDENTITY: "Choose another property, or convert it in the source.",
    MISSING_IDENTITY: "Set identity.missing to filter if such records are normal.",
    INVALID_EVENT_NAME: "Check event_name_property.",
    INVALID_TIME: "Check created_at_property. If the time may be absent, add a filter with is_set.",
    UNKNOWN_USER: (
        "Check that identity.property and intercom_field are the identity that people have in Intercom. Send the users"
        " too, before the events, or set events.unknown_users to create."
    ),
    EVENT_NAME_LIMIT: "Archive event names in Intercom (Settings > Data > Events), or select fewer.",
    AMBIGUOUS_EMAIL: "Merge them in Intercom, or use external_id as the identity.",
    IDENTITY_CONFLICT: (
        "Look the e-mail address up in Intercom: a contact with another User ID has it. Correct or merge it there, or"
        " leave email out of users.attributes."
    ),
    CONTACT_ARCHIVED: ("Set users.archived_contacts to unarchive, unarchive it in Intercom, or filter such people."),
    CONTACT_MERGED: "Use the identity of the contact that remains.",
    NOT_RESTORABLE: (
        "It was deleted for good, or Intercom is deleting it: filter such people, or use another identity."
    ),
    NOT_FOUND: ("Nothing, if these people should not be in Intercom. Otherwise set users.write_mode to upsert."),
    EMAIL_TAKEN: (
        "Give that user the User ID in Intercom, set users.email_match to adopt, or leave email out of"
        " users.attributes."
    ),
    CONFLICT: (
        "Look in Intercom for contacts with the same User ID or e-mail address; give the request id to Intercom's"
        " support."
    ),
    REFUSED: "Correct the record in its source. Intercom's support can look up the request ID.",
    TOO_MANY_DELETIONS: (
        "Look at the source: if so many people have left, raise delivery.max_deletions and sync these records again."
    ),
    UNDELIVERABLE: (
        "Check whether a firewall or a proxy blocks the record. Otherwise give its endpoint and status to Intercom's"
        " support."
    ),
    UNCERTAIN: (
        "Look the e-mail address up in Intercom: the lead may be there. Send the record again ten minutes later, when"
        " the search shows the lead if it was created."
    ),
}
"""What to do about the reasons that speak against a mapping, as the docs have it."""

_AT_OR_AFTER_IDENTITY: Final = {ANONYMOUS, INVALID_IDENTITY, INVALID_TIME, TOO_OLD}

DELIVERED: Final = Outcome(Status.DELIVERED)
UNCHANGED: Final = Outcome(Status.UNCHANGED)
DUPLICATE: Final = Outcome(Status.DUPLICATE)
NULL_AROUND_IDENTITY: Final = Outcome(Status.FILTERED, ANONYMOUS, is_around_identity=True)


@cache
def filtered(reason: str) -> Outcome:
    """Make the outcome of a record that was not wanted."""
    return Outcome(Status.FILTERED, reason)


def rejected(reason: str, refusal: Refusal | None = None) -> Outcome:
    """Make the outcome of a record that can never be delivered as it is."""
    return Outcome(Status.REJECTED, reason, refusal)


def combine(parts: Iterable[Outcome]) -> Outcome:
    """Tell what a record is whose parts became `parts`: the strongest of them, the first of equals.

    Among filtered parts, one that lacks the identity property speaks for the record.
    """
    return min(parts, key=lambda part: (_STRENGTH[part.status], not part.lacks_identity))
