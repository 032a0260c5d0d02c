"""The calls that the connector makes, each written once: what to ask, whether it writes, what an ordinary answer is.

A call is a value; how it travels is the client's concern. One that does not say that it only reads counts
as a write, so that a dry run lets nothing through that nobody has thought of.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final
from urllib.parse import quote

from destination_intercom.intercom.answers import Answer, first_error

OK: Final = 200
ACCEPTED: Final = 202
NOT_FOUND: Final = 404


@dataclass(frozen=True, slots=True)
class GiveUp:
    """When a call that keeps failing is answered with its failure, in place of being tried on.

    After so many attempts, or so many seconds, in which nothing came but Intercom's own 500 in JSON; and
    at once where the answer is too large to be read, or where an attempt may have been processed: then the
    answer says that it `is_lost`, and the call is never made again. Or after so many attempts that may have been
    processed.
    """

    after_500s: int | None = None
    after_seconds_of_500s: float | None = None
    if_too_large: bool = False
    if_maybe_processed: bool = False
    after_attempts: int | None = None


NEVER: Final = GiveUp()

NO_TAGS: Final = {"type": "list", "data": []}
"""The tags of a contact who was just created, as an answer shows them."""

IDENTITY: Final = frozenset({"id", "role", "external_id", "email", "tags"})
"""What a dry run shows of a contact that it would have created: enough to tell who it is."""


class Call(ABC):
    """One request; `endpoint` is its method and the template of its path, which is safe for a log."""

    __slots__ = ()
    endpoint: ClassVar[str]
    permission: ClassVar[str] = ""
    """What the app needs for it, as Intercom's Developer Hub calls it; "" for nothing."""
    about_workspace: ClassVar[bool] = False
    """Whether a refusal says something of the app or the workspace, and not of any record."""
    harmless_codes: ClassVar[frozenset[str]] = frozenset()
    """Codes that would end the sync elsewhere, and are an answer here: there is another way than this call."""
    is_weighed: ClassVar[bool] = False
    """Whether it is to be found out what it costs of the quota."""

    @property
    def method(self) -> str:
        """Tell the HTTP method."""
        return self.endpoint.split(" ")[0]

    @property
    def path(self) -> str:
        """Tell the path, with its query; what is filled in is quoted."""
        head, *rest = self.endpoint.split(" ")[1].split("{")
        tails = [part.partition("}")[2] for part in rest]
        return head + "".join(_quote(value) + tail for value, tail in zip(self.path_values, tails, strict=True))

    @property
    def path_values(self) -> tuple[str, ...]:
        """Tell what is filled into the path."""
        return ()

    @property
    def body(self) -> dict[str, Any] | None:
        """Tell the JSON that is sent; None for none."""
        return None

    @property
    def version(self) -> str:
        """Tell the version of the API that the call is made in; "" for the one of all others."""
        return ""

    @property
    def give_up(self) -> GiveUp:
        """Tell when a failure is an answer, too."""
        return NEVER

    def is_answered_by(self, answer: Answer) -> bool:
        """Say whether `answer` is the ordinary one, as the endpoint's description promises it."""
        return _is_object(answer) and isinstance(answer.body.get("id"), str) and bool(answer.body["id"])


class ReadCall(Call):
    """A call that changes nothing in Intercom, so that a dry run makes it."""

    __slots__ = ()


class WriteCall(Call):
    """A call that changes something in Intercom.

    `dry_run_label` says of how many of them a dry run tells ("3 contacts would be created"); "" for none.
    """

    __slots__ = ()
    dry_run_label: ClassVar[str] = ""

    @abstractmethod
    def dry_run_answer(self, number: int) -> Answer:
        """Make the ordinary answer, for a dry run in which it is the `number`th one."""

    def dry_run_shows(self, answer: Answer) -> Iterable[tuple[ReadCall, Answer | None]]:  # noqa: ARG002 - for others
        """Tell what a dry run answers to calls that read from then on; None for the same as before."""
        return ()

    @property
    def dry_run_count(self) -> int:
        """Tell how many of those are in one call."""
        return 1

    @property
    def written_names(self) -> Sequence[str]:
        """Tell the names of what would be changed in something that is there already."""
        return ()


def _quote(text: str) -> str:
    # An id may hold a lone surrogate: JSON allows it, and one such record must not end the sync.
    return quote(text, safe="", errors="surrogatepass")


def _is_object(answer: Answer) -> bool:
    return answer.status == OK and isinstance(answer.body, dict)


def _lists(answer: Answer) -> bool:
    return _is_object(answer) and isinstance(answer.body.get("data"), list)


@dataclass(frozen=True, slots=True)
class _ContactCall(Call):
    contact_id: str

    @property
    def path_values(self) -> tuple[str, ...]:
        """Tell the contact's id."""
        return (self.contact_id,)


@dataclass(frozen=True, slots=True)
class _PayloadCall(Call):
    payload: dict[str, Any] = field(repr=False)

    @property
    def body(self) -> dict[str, Any]:
        """Tell the JSON that is sent."""
        return self.payload


@dataclass(frozen=True, slots=True)
class GetMe(ReadCall):
    """Who the token belongs to."""

    endpoint: ClassVar[str] = "GET /me"
    about_workspace: ClassVar[bool] = True

    def is_answered_by(self, answer: Answer) -> bool:
        """Say whether it tells of an admin."""
        return _is_object(answer) and answer.body.get("type") == "admin"


@dataclass(frozen=True, slots=True)
class ListDataAttributes(ReadCall):
    """The definitions of the attributes of a model, `contact` or `company`, archived ones included."""

    model: str = "contact"
    endpoint: ClassVar[str] = "GET /data_attributes"
    permission: ClassVar[str] = "Write data attributes"
    about_workspace: ClassVar[bool] = True

    @property
    def path(self) -> str:
        """Tell the path with its query."""
        return f"/data_attributes?model={_quote(self.model)}&include_archived=true"

    def is_answered_by(self, answer: Answer) -> bool:
        """Say whether it lists anything."""
        return _lists(answer)


@dataclass(frozen=True, slots=True)
class CreateDataAttribute(_PayloadCall, WriteCall):
    """Create an attribute of people or of companies."""

    endpoint: ClassVar[str] = "POST /data_attributes"
    permission: ClassVar[str] = "Write data attributes"

    def is_answered_by(self, answer: Answer) -> bool:
        """Say whether it names the attribute."""
        return _is_object(answer) and isinstance(answer.body.get("name"), str)

    def dry_run_answer(self, number: int) -> Answer:  # noqa: ARG002 - as its parent
        """Answer with the attribute."""
        return Answer(OK, "json", dict(self.payload))


@dataclass(frozen=True, slots=True)
class _CreateContact(_PayloadCall, WriteCall):
    """Create a user or a lead."""

    endpoint: ClassVar[str] = "POST /contacts"
    permission: ClassVar[str] = "Write users and companies"

    def dry_run_answer(self, number: int) -> Answer:
        """Answer with the contact, who has no tags yet."""
        return Answer(OK, "json", {"id": f"dry-run-{number}", "tags": NO_TAGS, **self.payload})

    def dry_run_shows(self, answer: Answer) -> Iterable[tuple[ReadCall, Answer | None]]:
        """Show who the contact is."""
        shown = {name: value for name, value in answer.body.items() if name in IDENTITY}
        return [(GetContact(answer.body["id"]), Answer(OK, "json", shown))]


@dataclass(frozen=True, slots=True)
class CreateContact(_CreateContact):
    """Create a user."""

    dry_run_label: ClassVar[str] = "contacts would be created"


@dataclass(frozen=True, slots=True)
class CreateLead(_CreateContact):
    """Create a lead; it conflicts with nothing, so that a second attempt would make a second one (recorded)."""

    dry_run_label: ClassVar[str] = "leads would be created"

    @property
    def give_up(self) -> GiveUp:
        """Tell that it is never tried again where it may have been processed."""
        return GiveUp(if_maybe_processed=True)


@dataclass(frozen=True, slots=True)
class UpdateContact(_ContactCall, WriteCall):
    """Update a contact by Intercom's own id; what is not sent is kept."""

    payload: dict[str, Any] = field(repr=False)
    endpoint: ClassVar[str] = "PUT /contacts/{id}"
    permission: ClassVar[str] = "Write users and companies"
    dry_run_label: ClassVar[str] = "updated"

    @property
    def body(self) -> dict[str, Any]:
        """Tell the JSON that is sent."""
        return self.payload

    def dry_run_answer(self, number: int) -> Answer:  # noqa: ARG002 - as its parent
        """Answer with the contact."""
        return Answer(OK, "json", {"id": self.contact_id, **self.payload})

    @property
    def written_names(self) -> Sequence[str]:
        """Tell the names of the standard fields and of the custom attributes."""
        fields = [name for name in self.payload if name != "custom_attributes"]
        return fields + list(self.payload.get("custom_attributes", ()))


@dataclass(frozen=True, slots=True)
class GetContact(_ContactCall, ReadCall):
    """Read a contact by Intercom's own id."""

    endpoint: ClassVar[str] = "GET /contacts/{id}"
    permission: ClassVar[str] = "Read one user and one company"


GONE: Final = Answer(NOT_FOUND, "json", {"type": "error.list", "errors": [{"code": "not_found"}]})
"""What Intercom answers for a contact that is not there."""


@dataclass(frozen=True, slots=True)
class ArchiveContact(_ContactCall, WriteCall):
    """Archive a contact."""

    endpoint: ClassVar[str] = "POST /contacts/{id}/archive"
    permission: ClassVar[str] = "Write users and companies"

    @property
    def body(self) -> dict[str, Any]:
        """Tell the JSON that is sent: nothing is asked but the path."""
        return {}

    def dry_run_answer(self, number: int) -> Answer:  # noqa: ARG002 - as its parent
        """Answer with the contact."""
        return Answer(OK, "json", {"id": self.contact_id})

    def dry_run_shows(self, answer: Answer) -> Iterable[tuple[ReadCall, Answer | None]]:  # noqa: ARG002 - as its parent
        """Show the contact no more."""
        return [(GetContact(self.contact_id), GONE)]


@dataclass(frozen=True, slots=True)
class ArchivePerson(ArchiveContact):
    """The same call, for a person who is to be gone: a dry run counts it."""

    dry_run_label: ClassVar[str] = "people would be archived"


@dataclass(frozen=True, slots=True)
class DeleteContact(_ContactCall, WriteCall):
    """Delete a contact for good, with its conversations."""

    endpoint: ClassVar[str] = "DELETE /contacts/{id}"
    permission: ClassVar[str] = "Write users and companies"
    dry_run_label: ClassVar[str] = "people would be deleted"

    def dry_run_answer(self, number: int) -> Answer:  # noqa: ARG002 - as its parent
        """Answer with the contact's id."""
        return Answer(OK, "json", {"id": self.contact_id})

    def dry_run_shows(self, answer: Answer) -> Iterable[tuple[ReadCall, Answer | None]]:  # noqa: ARG002 - as its parent
        """Show the contact no more."""
        return [(GetContact(self.contact_id), GONE)]


@dataclass(frozen=True, slots=True)
class UnarchiveContact(_ContactCall, WriteCall):
    """Restore an archived contact; for one that cannot be, the answer is 400 or 500 (recorded)."""

    endpoint: ClassVar[str] = "POST /contacts/{id}/unarchive"
    permission: ClassVar[str] = "Write users and companies"

    @property
    def body(self) -> dict[str, Any]:
        """Tell the JSON that is sent: nothing is asked but the path."""
        return {}

    @property
    def give_up(self) -> GiveUp:
        """Tell after how long a 500 says that it cannot be done: no outage brings nothing else for so long."""
        return GiveUp(after_seconds_of_500s=540.0)

    def dry_run_answer(self, number: int) -> Answer:  # noqa: ARG002 - as its parent
        """Answer with the contact."""
        return Answer(OK, "json", {"id": self.contact_id})

    def dry_run_shows(self, answer: Answer) -> Iterable[tuple[ReadCall, Answer | None]]:  # noqa: ARG002 - as its parent
        """Show the contact as before it was archived."""
        return [(GetContact(self.contact_id), None)]


BULK_VERSION: Final = "2.17"
"""The first version in which Intercom's bulk endpoints are stable."""

PREVIEW: Final = "Preview"
"""The version in which they were before."""

_ELSEWHERE: Final = frozenset({"intercom_version_invalid", "forbidden"})
"""What says that there is no bulk in a version, or that a job takes no more tasks: neither is about the token."""


class _BulkCall(Call):
    """A call to one of the endpoints of bulk jobs, which are in newer versions only: in `api`."""

    __slots__ = ()
    harmless_codes: ClassVar[frozenset[str]] = _ELSEWHERE
    is_weighed: ClassVar[bool] = True
    api: str

    @property
    def version(self) -> str:
        """Tell the version of the API."""
        return self.api


@dataclass(frozen=True, slots=True)
class _SubmitBulk(_BulkCall, WriteCall):
    """A job of up to a hundred contacts: an answer shows the job, and never a contact."""

    contacts: tuple[dict[str, Any], ...] = field(repr=False)
    api: str = BULK_VERSION
    permission: ClassVar[str] = "Write users and companies"

    @property
    def body(self) -> dict[str, Any]:
        """Tell the JSON that is sent."""
        return {"contacts": list(self.contacts)}

    def is_answered_by(self, answer: Answer) -> bool:
        """Say whether it was accepted, and in which job."""
        return answer.status == ACCEPTED and _is_job(answer)

    def dry_run_answer(self, number: int) -> Answer:
        """Answer with a job that has ended."""
        return Answer(ACCEPTED, "json", {"id": f"dry-run-{number}", "state": "completed", "tasks": []})


@dataclass(frozen=True, slots=True)
class CreateContactsInBulk(_SubmitBulk):
    """Create users; whoever has the external_id or the e-mail of another one is refused."""

    endpoint: ClassVar[str] = "POST /contacts/bulk"

    @property
    def give_up(self) -> GiveUp:
        """Tell that a create whose answer was lost is not repeated: the job may be running."""
        return GiveUp(if_maybe_processed=True)


@dataclass(frozen=True, slots=True)
class UpdateContactsInBulk(_SubmitBulk):
    """Update contacts by Intercom's own ids; what is not sent is kept."""

    endpoint: ClassVar[str] = "PUT /contacts/bulk"

    @property
    def give_up(self) -> GiveUp:
        """Tell after how many attempts there is another way; to repeat an update is harmless."""
        return GiveUp(after_attempts=3)


@dataclass(frozen=True, slots=True)
class GetBulkJob(_BulkCall, ReadCall):
    """Read how far a bulk job is."""

    job_id: str
    api: str = BULK_VERSION
    endpoint: ClassVar[str] = "GET /contacts/bulk/{id}"
    permission: ClassVar[str] = "Read and list users and companies"

    @property
    def path_values(self) -> tuple[str, ...]:
        """Tell the job's id."""
        return (self.job_id,)

    @property
    def give_up(self) -> GiveUp:
        """Tell that whoever asks will ask again anyway."""
        return GiveUp(after_attempts=1)

    def is_answered_by(self, answer: Answer) -> bool:
        """Say whether it shows the job."""
        return answer.status == OK and _is_job(answer)


def _is_job(answer: Answer) -> bool:
    body = answer.body
    is_named = isinstance(body, dict) and isinstance(body.get("id"), str) and bool(body["id"])
    return is_named and isinstance(body.get("state"), str)


@dataclass(frozen=True, slots=True)
class FindByExternalId(ReadCall):
    """Read a user by the external_id; unlike a search, this does not lag."""

    external_id: str = field(repr=False)
    endpoint: ClassVar[str] = "GET /contacts/find_by_external_id/{external_id}"
    permission: ClassVar[str] = "Read one user and one company"

    @property
    def path_values(self) -> tuple[str, ...]:
        """Tell the external_id."""
        return (self.external_id,)


@dataclass(frozen=True, slots=True)
class SearchContacts(ReadCall):
    """Search contacts; lags behind writes by up to minutes.

    In a `decisive` one who is not found counts as not there, so that only an answer that lists who was
    found will do.
    """

    query: dict[str, Any] = field(repr=False)
    decisive: bool = False
    gives_up: GiveUp = NEVER
    endpoint: ClassVar[str] = "POST /contacts/search"
    permission: ClassVar[str] = "Read and list users and companies"

    @property
    def body(self) -> dict[str, Any]:
        """Tell the JSON that is sent."""
        return self.query

    @property
    def give_up(self) -> GiveUp:
        """Tell when a failure is an answer, too: a smaller search may then be made."""
        return self.gives_up

    def is_answered_by(self, answer: Answer) -> bool:
        """Say whether it tells who was found: a list without `data` was seen in production, and tells nobody."""
        if not _is_object(answer):
            return False
        if isinstance(answer.body.get("data"), list):
            return bool(answer.body.get("type") != "error.list")
        return answer.body.get("type") == "list" and (not self.decisive or answer.body.get("total_count") == 0)


@dataclass(frozen=True, slots=True)
class UpsertCompany(_PayloadCall, WriteCall):
    """Create the company that has a `company_id` of ours, or update it; what is not sent is kept."""

    endpoint: ClassVar[str] = "POST /companies"
    permission: ClassVar[str] = "Write users and companies"
    dry_run_label: ClassVar[str] = "companies would be created"

    def dry_run_answer(self, number: int) -> Answer:
        """Answer with the company."""
        return Answer(OK, "json", {"id": f"dry-run-{number}", **self.payload})


@dataclass(frozen=True, slots=True)
class UpdateCompany(UpsertCompany):
    """The same call, to a company that is known to be there, as `known_id`: a dry run counts it as an update."""

    known_id: str = ""
    dry_run_label: ClassVar[str] = "companies updated"

    def dry_run_answer(self, number: int) -> Answer:  # noqa: ARG002 - as its parent
        """Answer with the company."""
        return Answer(OK, "json", {**self.payload, "id": self.known_id})

    @property
    def written_names(self) -> Sequence[str]:
        """Tell the names of the standard fields and of the custom attributes."""
        fields = [name for name in self.payload if name not in {"company_id", "custom_attributes"}]
        return fields + list(self.payload.get("custom_attributes", ()))


@dataclass(frozen=True, slots=True)
class FindCompany(ReadCall):
    """Read the company that has a `company_id` of ours; a dry run asks so whether it is there."""

    company_id: str = field(repr=False)
    endpoint: ClassVar[str] = "GET /companies"
    permission: ClassVar[str] = "Read and list users and companies"

    @property
    def path(self) -> str:
        """Tell the path with its query."""
        return f"/companies?company_id={_quote(self.company_id)}"

    def is_answered_by(self, answer: Answer) -> bool:
        """Say whether it shows a company: by itself (old pages, other clients), or in a list (the description)."""
        if not _is_object(answer):
            return False
        return isinstance(answer.body.get("data"), list) or isinstance(answer.body.get("id"), str)


@dataclass(frozen=True, slots=True)
class AttachCompany(_ContactCall, WriteCall):
    """Make a contact belong to a company, both by Intercom's own ids; to repeat it changes nothing."""

    company: str
    endpoint: ClassVar[str] = "POST /contacts/{id}/companies"
    permission: ClassVar[str] = "Write users and companies"
    dry_run_label: ClassVar[str] = "people attached to a company"

    @property
    def body(self) -> dict[str, Any]:
        """Tell the JSON that is sent."""
        return {"id": self.company}

    def dry_run_answer(self, number: int) -> Answer:  # noqa: ARG002 - as its parent
        """Answer with the company."""
        return Answer(OK, "json", {"id": self.company})


@dataclass(frozen=True, slots=True)
class ListContactCompanies(_ContactCall, ReadCall):
    """List all companies of a contact, page by page."""

    page: int = 1
    endpoint: ClassVar[str] = "GET /contacts/{id}/companies"
    permission: ClassVar[str] = "Read one user and one company"

    @property
    def path(self) -> str:
        """Tell the path; the first page has no query, for the description knows none."""
        query = f"?page={self.page}" if self.page > 1 else ""
        return f"/contacts/{_quote(self.contact_id)}/companies{query}"

    def is_answered_by(self, answer: Answer) -> bool:
        """Say whether it lists any: in `data` (the description's example) or in `companies` (its schema)."""
        return _is_object(answer) and any(isinstance(answer.body.get(name), list) for name in ("data", "companies"))


@dataclass(frozen=True, slots=True)
class ListTags(ReadCall):
    """All tags of the workspace, without pages."""

    endpoint: ClassVar[str] = "GET /tags"
    permission: ClassVar[str] = "Read tags"
    about_workspace: ClassVar[bool] = True

    @property
    def give_up(self) -> GiveUp:
        """Tell that a list which is too large to be read need not be had."""
        return GiveUp(if_too_large=True)

    def is_answered_by(self, answer: Answer) -> bool:
        """Say whether it lists anything."""
        return _lists(answer)


@dataclass(frozen=True, slots=True)
class ListContactTags(_ContactCall, ReadCall):
    """All tags of a contact, without pages."""

    endpoint: ClassVar[str] = "GET /contacts/{id}/tags"
    permission: ClassVar[str] = "Read tags"

    def is_answered_by(self, answer: Answer) -> bool:
        """Say whether it lists anything."""
        return _lists(answer)


@dataclass(frozen=True, slots=True)
class TagContacts(WriteCall):
    """Tag contacts, by Intercom's own ids, with the tag of a name, which is made if there is none.

    To repeat it is harmless. Without contacts only the tag is made.
    """

    name: str = field(repr=False)
    contact_ids: tuple[str, ...] = ()
    endpoint: ClassVar[str] = "POST /tags"
    permission: ClassVar[str] = "Write tags"
    dry_run_label: ClassVar[str] = "people tagged"

    @property
    def body(self) -> dict[str, Any]:
        """Tell the JSON that is sent."""
        users = {"users": [{"id": each} for each in self.contact_ids]} if self.contact_ids else {}
        return {"name": self.name, **users}

    @property
    def give_up(self) -> GiveUp:
        """Soon for several people, of whom one may be the cause, and whose records would all wait."""
        return GiveUp(after_attempts=3) if len(self.contact_ids) > 1 else NEVER

    @property
    def dry_run_count(self) -> int:
        """Tell how many people are tagged."""
        return len(self.contact_ids)

    def dry_run_answer(self, number: int) -> Answer:
        """Answer with the tag."""
        return Answer(OK, "json", {"type": "tag", "id": f"dry-run-{number}", "name": self.name})


@dataclass(frozen=True, slots=True)
class UntagContact(_ContactCall, WriteCall):
    """Take a tag off a contact, both by Intercom's own ids; 404 where it is off already."""

    tag_id: str
    endpoint: ClassVar[str] = "DELETE /contacts/{id}/tags/{tag_id}"
    permission: ClassVar[str] = "Write tags"
    dry_run_label: ClassVar[str] = "people untagged"

    @property
    def path_values(self) -> tuple[str, ...]:
        """Tell the ids of the contact and of the tag."""
        return (self.contact_id, self.tag_id)

    def dry_run_answer(self, number: int) -> Answer:  # noqa: ARG002 - as its parent
        """Answer with the tag."""
        return Answer(OK, "json", {"type": "tag", "id": self.tag_id})


@dataclass(frozen=True, slots=True)
class PostEvent(_PayloadCall, WriteCall):
    """Submit one data event."""

    endpoint: ClassVar[str] = "POST /events"
    permission: ClassVar[str] = "Write events"
    dry_run_label: ClassVar[str] = "events sent"

    def is_answered_by(self, answer: Answer) -> bool:
        """Say whether it was accepted: "202 with an empty body", says the description; an error in it is none."""
        return answer.status == ACCEPTED and answer.kind != "other" and first_error(answer) is None

    def dry_run_answer(self, number: int) -> Answer:  # noqa: ARG002 - as its parent
        """Answer as to an event that was accepted."""
        return Answer(ACCEPTED, "empty")
