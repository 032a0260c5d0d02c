"""The error codes that Intercom may answer the connector's calls with, each with where that is known from.

Owns the list and nothing else: what a code means for a record or a sync is said in `test_tables`, which has a verdict
for each row and for no other. A new endpoint brings its rows along. Intercom adds codes at any time, so one that is
not here is judged by its status.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Source(Enum):
    """Where a code was seen, the surest first."""

    RECORDED = "a recorded answer of the real API"
    DESCRIPTION = "an example in Intercom's OpenAPI description, version 2.16"
    PREVIEW = "an example in Intercom's OpenAPI description of the preview version"
    DESCRIPTION_TEXT = "the text of that description"
    PAGES = "Intercom's developer or help pages"
    OLD_PAGES = "Intercom's reference of an older version"
    SDK = "a report in the repository of one of Intercom's own SDKs"
    CONNECTOR = "the code of another connector"


ANY: Final = "any endpoint"


@dataclass(frozen=True, slots=True)
class KnownCode:
    """A code of Intercom's error envelope, with the status that it comes with.

    `endpoint` is a method and a path as `intercom.calls` names them, or ANY.
    """

    endpoint: str
    status: int
    code: str
    source: Source


KNOWN_CODES: Final = (
    KnownCode(ANY, 400, "intercom_version_invalid", Source.SDK),
    KnownCode(ANY, 401, "unauthorized", Source.DESCRIPTION),
    KnownCode(ANY, 401, "token_unauthorized", Source.SDK),
    KnownCode(ANY, 401, "token_not_found", Source.PAGES),
    KnownCode(ANY, 401, "token_revoked", Source.PAGES),
    KnownCode(ANY, 401, "token_expired", Source.PAGES),
    KnownCode(ANY, 401, "token_suspended", Source.PAGES),
    KnownCode(ANY, 401, "token_blocked", Source.PAGES),
    KnownCode(ANY, 402, "api_plan_restricted", Source.OLD_PAGES),
    KnownCode(ANY, 403, "api_plan_restricted", Source.PAGES),
    KnownCode(ANY, 406, "media_type_not_acceptable", Source.SDK),
    KnownCode(ANY, 408, "request_timeout", Source.PAGES),
    KnownCode(ANY, 429, "rate_limit_exceeded", Source.PAGES),
    KnownCode(ANY, 429, "too_many_requests", Source.PAGES),
    KnownCode(ANY, 500, "server_error", Source.SDK),
    KnownCode(ANY, 502, "server_error", Source.SDK),
    KnownCode(ANY, 503, "server_error", Source.SDK),
    KnownCode(ANY, 504, "server_error", Source.SDK),
    KnownCode(ANY, 500, "service_unavailable", Source.SDK),
    KnownCode(ANY, 502, "service_unavailable", Source.SDK),
    KnownCode(ANY, 503, "service_unavailable", Source.SDK),
    KnownCode(ANY, 504, "service_unavailable", Source.SDK),
    # A model of which the connector never asks.
    KnownCode("GET /data_attributes", 422, "parameter_invalid", Source.DESCRIPTION),
    KnownCode("POST /data_attributes", 400, "parameter_invalid", Source.DESCRIPTION),
    # An attribute that does not exist.
    KnownCode("POST /contacts", 400, "parameter_invalid", Source.CONNECTOR),
    # A race at creation: a second try works.
    KnownCode("POST /contacts", 404, "not_found", Source.SDK),
    KnownCode("POST /contacts", 409, "conflict", Source.RECORDED),
    KnownCode("PUT /contacts/{id}", 400, "parameter_invalid", Source.CONNECTOR),
    # A user is never made a lead.
    KnownCode("PUT /contacts/{id}", 400, "client_error", Source.RECORDED),
    KnownCode("PUT /contacts/{id}", 404, "not_found", Source.PAGES),
    # The e-mail address is somebody else's.
    KnownCode("PUT /contacts/{id}", 409, "conflict", Source.OLD_PAGES),
    KnownCode("GET /contacts/{id}", 404, "not_found", Source.RECORDED),
    KnownCode("GET /contacts/{id}", 410, "contact_merged", Source.DESCRIPTION),
    KnownCode("GET /contacts/find_by_external_id/{external_id}", 404, "not_found", Source.PAGES),
    KnownCode("GET /contacts/find_by_external_id/{external_id}", 410, "contact_merged", Source.DESCRIPTION),
    # Marked for deletion, merged: not to be restored, which is said in two ways.
    KnownCode("POST /contacts/{id}/unarchive", 400, "bad_request", Source.RECORDED),
    KnownCode("POST /contacts/{id}/unarchive", 500, "server_error", Source.RECORDED),
    KnownCode("POST /contacts/search", 400, "invalid_field", Source.SDK),
    KnownCode("POST /contacts/search", 400, "invalid_sort_order", Source.DESCRIPTION),
    # Too many contacts, and a list of something else.
    KnownCode("POST /contacts/bulk", 422, "parameter_invalid", Source.PREVIEW),
    KnownCode("POST /contacts/bulk", 422, "type_mismatch", Source.PREVIEW),
    KnownCode("POST /contacts/bulk", 422, "field_not_found", Source.PREVIEW),
    # A job that takes no more contacts: it says nothing of the token.
    KnownCode("POST /contacts/bulk", 403, "forbidden", Source.PREVIEW),
    KnownCode("POST /contacts/bulk", 404, "job_not_found", Source.PREVIEW),
    KnownCode("PUT /contacts/bulk", 422, "parameter_invalid", Source.PREVIEW),
    KnownCode("PUT /contacts/bulk", 422, "type_mismatch", Source.PREVIEW),
    KnownCode("PUT /contacts/bulk", 422, "field_not_found", Source.PREVIEW),
    KnownCode("PUT /contacts/bulk", 403, "forbidden", Source.PREVIEW),
    KnownCode("PUT /contacts/bulk", 404, "job_not_found", Source.PREVIEW),
    KnownCode("GET /contacts/bulk/{id}", 404, "job_not_found", Source.PAGES),
    # A field that no company has.
    KnownCode("POST /companies", 400, "bad_request", Source.DESCRIPTION),
    # Two creates of one id at once.
    KnownCode("POST /companies", 400, "unique_company_constraint", Source.SDK),
    KnownCode("GET /companies", 404, "company_not_found", Source.DESCRIPTION),
    KnownCode("POST /contacts/{id}/companies", 400, "parameter_not_found", Source.DESCRIPTION),
    KnownCode("POST /contacts/{id}/companies", 400, "contact_company_limit_exceeded", Source.DESCRIPTION),
    KnownCode("POST /contacts/{id}/companies", 404, "company_not_found", Source.DESCRIPTION),
    KnownCode("GET /contacts/{id}/companies", 404, "not_found", Source.DESCRIPTION),
    # A name that is none, and whatever else Intercom makes nothing of.
    KnownCode("POST /tags", 400, "parameter_invalid", Source.DESCRIPTION),
    # One of those who are to be tagged is unknown.
    KnownCode("POST /tags", 404, "not_found", Source.SDK),
    KnownCode("GET /contacts/{id}/tags", 404, "not_found", Source.DESCRIPTION),
    # The person is not there, or the tag is not.
    KnownCode("DELETE /contacts/{id}/tags/{tag_id}", 404, "not_found", Source.DESCRIPTION),
    # An e-mail address that several users share.
    KnownCode("POST /events", 400, "conflict", Source.PAGES),
    KnownCode("POST /events", 404, "not_found", Source.DESCRIPTION_TEXT),
    KnownCode("POST /events", 409, "conflict", Source.PAGES),
    # The 121st name of an event.
    KnownCode("POST /events", 422, "422", Source.SDK),
)
