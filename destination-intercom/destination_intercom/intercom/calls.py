"""The calls that the connector makes, and what an answer is: the words between client and scheduler.

A call is a value: what to ask, not how. `Answer` is what came back, before anybody judged it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class GetMe:
    """Who the token belongs to."""

    endpoint: ClassVar[str] = "GET /me"


@dataclass(frozen=True, slots=True)
class ListDataAttributes:
    """The definitions of contact attributes, archived ones included."""

    endpoint: ClassVar[str] = "GET /data_attributes"


@dataclass(frozen=True, slots=True)
class CreateContact:
    """Create a user."""

    payload: dict[str, Any] = field(repr=False)
    endpoint: ClassVar[str] = "POST /contacts"


@dataclass(frozen=True, slots=True)
class UpdateContact:
    """Update a contact by Intercom's own id; what is not sent is kept."""

    contact_id: str
    payload: dict[str, Any] = field(repr=False)
    endpoint: ClassVar[str] = "PUT /contacts/{id}"


@dataclass(frozen=True, slots=True)
class GetContact:
    """Read a contact by Intercom's own id."""

    contact_id: str
    endpoint: ClassVar[str] = "GET /contacts/{id}"


@dataclass(frozen=True, slots=True)
class ArchiveContact:
    """Archive a contact."""

    contact_id: str
    endpoint: ClassVar[str] = "POST /contacts/{id}/archive"


@dataclass(frozen=True, slots=True)
class UnarchiveContact:
    """Restore an archived contact; for one that cannot be, the answer is 400 or 500 (recorded)."""

    contact_id: str
    endpoint: ClassVar[str] = "POST /contacts/{id}/unarchive"


@dataclass(frozen=True, slots=True)
class CreateDataAttribute:
    """Create a contact attribute."""

    payload: dict[str, Any] = field(repr=False)
    endpoint: ClassVar[str] = "POST /data_attributes"


@dataclass(frozen=True, slots=True)
class FindByExternalId:
    """Read a user by the external_id; unlike a search, this does not lag."""

    external_id: str = field(repr=False)
    endpoint: ClassVar[str] = "GET /contacts/find_by_external_id/{external_id}"


@dataclass(frozen=True, slots=True)
class SearchContacts:
    """Search contacts; lags behind writes by up to minutes.

    In a `decisive` one who is not found counts as not there, so that only an answer that lists who was
    found will do; if it is the `smallest` question, too, it is tried until it is answered so.
    """

    query: dict[str, Any] = field(repr=False)
    decisive: bool = False
    smallest: bool = False
    endpoint: ClassVar[str] = "POST /contacts/search"


@dataclass(frozen=True, slots=True)
class PostEvent:
    """Submit one data event."""

    payload: dict[str, Any] = field(repr=False)
    endpoint: ClassVar[str] = "POST /events"


Call: TypeAlias = (
    GetMe
    | ListDataAttributes
    | CreateDataAttribute
    | CreateContact
    | UpdateContact
    | GetContact
    | ArchiveContact
    | UnarchiveContact
    | FindByExternalId
    | SearchContacts
    | PostEvent
)

BodyKind = Literal["json", "empty", "other"]


@dataclass(frozen=True, slots=True)
class RateHeaders:
    """The quota as an answer tells it.

    `limit` and `remaining` are calls, `reset_at` the reset as it stands there (unix seconds by Intercom's
    clock), `reset_in` the seconds from the answer until then, by that clock too.
    """

    limit: int
    remaining: int
    reset_at: float
    reset_in: float


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of Intercom's, or of something between us and Intercom.

    `body` is the parsed JSON where `kind` is "json", else None. `canonical_id` is the contact that
    the `Link` header of a merged one points to.
    """

    status: int
    kind: BodyKind
    body: Any = field(default=None, repr=False)
    request_id: str | None = None
    retry_after: float | None = None
    rate: RateHeaders | None = None
    canonical_id: str | None = None
