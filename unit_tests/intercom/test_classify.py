"""Every answer has a verdict: the module's table, held for each status, body and call."""

import re
from typing import Any

import pytest

from destination_intercom.errors import MaybeSentError, NotSentError
from destination_intercom.intercom.answers import Answer, BodyKind, RateHeaders
from destination_intercom.intercom.calls import (
    Call,
    CreateContact,
    CreateLead,
    FindByExternalId,
    GetContact,
    GetMe,
    ListDataAttributes,
    PostEvent,
    SearchContacts,
    UpdateContact,
)
from destination_intercom.intercom.classify import Verdict, fatal_error, judge, read_refusal, refusal_of
from destination_intercom.outcomes import Refusal

CONTACT = {"type": "contact", "id": "6745", "external_id": "42"}
SUCCESSES: list[tuple[Call, int, BodyKind, Any]] = [
    (GetMe(), 200, "json", {"type": "admin", "app": None}),
    (ListDataAttributes(), 200, "json", {"type": "list", "data": []}),
    (CreateContact({}), 200, "json", CONTACT),
    (CreateLead({}), 200, "json", CONTACT),
    (UpdateContact("6745", {}), 200, "json", CONTACT),
    (GetContact("6745"), 200, "json", CONTACT),
    (FindByExternalId("42"), 200, "json", CONTACT),
    (SearchContacts({}), 200, "json", {"type": "list", "data": []}),
    (PostEvent({}), 202, "empty", None),
]
CALLS = [call for call, *_ in SUCCESSES]
WORKSPACE_CALLS = (GetMe, ListDataAttributes)
"""They concern the workspace itself: there is no record that a refusal could reject."""


def _envelope(code: Any = "some_code", **more: Any) -> dict[str, Any]:
    error = {"code": code, "message": "a message"}
    return {"type": "error.list", "request_id": "r-1", "errors": [error], **more}


BODIES: dict[str, tuple[BodyKind, Any]] = {
    "envelope": ("json", _envelope()),
    "throttling envelope": ("json", _envelope("too_many_requests")),
    "version envelope": ("json", _envelope("intercom_version_invalid")),
    "empty envelope": ("json", {"type": "error.list", "errors": []}),
    "other json": ("json", ["unexpected"]),
    "null": ("json", None),
    "empty": ("empty", None),
    "html": ("other", None),
}


def _expected(call: Call, status: int, body: str, success: int) -> Verdict:
    """Read the verdict off the promises: section 5 of the design, and the table of the module."""
    in_envelope = "envelope" in body
    if status == success == 202 and body in {"empty", "null", "other json"}:
        return Verdict.ANSWER
    if status == 429 or body == "throttling envelope":
        return Verdict.THROTTLED
    if status == 401:
        return Verdict.RETRY if body == "html" else Verdict.FATAL
    if body == "version envelope" or (status == 402 and in_envelope):
        return Verdict.FATAL
    if status == 403 and body not in {"html", "empty"}:
        return Verdict.FATAL
    if status in {400, 404, 409, 410, 413, 422} and in_envelope:
        return Verdict.FATAL if isinstance(call, WORKSPACE_CALLS) else Verdict.ANSWER
    return Verdict.RETRY


@pytest.mark.parametrize(("call", "success"), [(call, status) for call, status, *_ in SUCCESSES])
def test_verdict_when_any_status_meets_any_body_then_it_is_the_tables(call: Call, success: int) -> None:
    """Every status from 100 to 599, in every kind of body, for every call."""
    wrong = [
        (status, body, verdict, expected)
        for status in range(100, 600)
        for body, (kind, document) in BODIES.items()
        if (verdict := judge(call, Answer(status, kind, document)).verdict)
        is not (expected := _expected(call, status, body, success))
    ]
    assert [] == wrong


OWN: dict[str, Any] = {"request_id": "r-1", "rate": RateHeaders(1666, 1600, 1_700_000_010.0, 10.0)}
"""What only Intercom's own answers bear."""

FORMS: dict[str, tuple[BodyKind, Any]] = {
    "none": ("empty", None),
    "null": ("json", None),
    "of Rails": ("json", {"status": 400, "error": "Bad Request"}),
    "without a type": ("json", {"errors": [{"code": "bad_request"}]}),
    "a list": ("json", ["odd"]),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("form", FORMS)
def test_refusal_when_it_has_no_envelope_then_it_counts_only_at_three_statuses_with_all_of_intercoms_headers(
    call: Call, form: str
) -> None:
    """A 400, 409 or 422 that a proxy made up would reject records that are well."""
    kind, body = FORMS[form]
    believed = {
        status for status in range(300, 600) if judge(call, Answer(status, kind, body, **OWN)).verdict is _refused(call)
    }
    expected = {400, 409, 422} if not isinstance(call, WORKSPACE_CALLS) else {400, 409, 422, *_FORBIDDEN[kind]}
    assert expected == believed
    for lacking in OWN:
        own = {name: value for name, value in OWN.items() if name != lacking}
        assert {Verdict.RETRY} == {judge(call, Answer(each, kind, body, **own)).verdict for each in (400, 409, 422)}


_FORBIDDEN: dict[BodyKind, set[int]] = {"empty": {401}, "json": {401, 403}}
"""Statuses that end the sync whatever was asked."""


def _refused(call: Call) -> Verdict:
    return Verdict.FATAL if isinstance(call, WORKSPACE_CALLS) else Verdict.ANSWER


@pytest.mark.parametrize("status", [400, 409, 422])
def test_refusal_when_it_is_a_page_then_not_even_intercoms_headers_make_it_one(status: int) -> None:
    """HTML of any status is tried again."""
    assert Verdict.RETRY is judge(PostEvent({}), Answer(status, "other", None, **OWN)).verdict


def test_refusal_when_it_has_no_envelope_then_status_and_request_id_are_read() -> None:
    """What Intercom did not say is not made up."""
    assert Refusal(422, None, None, "r-1") == read_refusal(Answer(422, "empty", **OWN))


@pytest.mark.parametrize(("call", "success", "kind", "body"), SUCCESSES)
def test_success_when_the_body_is_right_then_only_the_described_status_is_one(
    call: Call, success: int, kind: BodyKind, body: Any
) -> None:
    """A success at another status acknowledges nothing."""
    found = [status for status in range(100, 600) if call.is_answered_by(Answer(status, kind, body))]
    answered = [
        status for status in range(100, 600) if judge(call, Answer(status, kind, body)).verdict is Verdict.ANSWER
    ]
    assert ([success], [success]) == (found, answered)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("status", [200, 202])
def test_success_when_the_body_is_an_error_then_it_is_none(call: Call, status: int) -> None:
    """An envelope under a 2xx delivers nothing."""
    assert not call.is_answered_by(Answer(status, "json", _envelope()))


@pytest.mark.parametrize("call", [CreateContact({}), UpdateContact("1", {}), GetContact("1"), FindByExternalId("1")])
@pytest.mark.parametrize("body", [{}, {"id": None}, {"id": ""}, {"id": 7}, {"data": []}, [], None, "id"])
def test_success_when_a_contact_has_no_id_then_it_is_none(call: Call, body: Any) -> None:
    """What a proxy answers with 200 is no contact: tried again, never acknowledged."""
    assert judge(call, Answer(200, "json", body)).verdict is Verdict.RETRY


def test_success_when_a_search_lacks_data_then_it_found_nothing() -> None:
    """Seen in production: a 200 without `data`."""
    assert judge(SearchContacts({}), Answer(200, "json", {"type": "list", "total_count": 7})).verdict is Verdict.ANSWER


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ({"type": "list", "data": []}, Verdict.ANSWER),
        ({"type": "list", "total_count": 0}, Verdict.ANSWER),
        ({"type": "list", "total_count": 1}, Verdict.RETRY),
        ({"type": "list"}, Verdict.RETRY),
        ({"type": "list", "data": None}, Verdict.RETRY),
    ],
)
def test_success_when_a_decisive_search_lacks_data_then_it_is_none(body: Any, verdict: Verdict) -> None:
    """That somebody is not there is believed only of an answer that says so."""
    assert judge(SearchContacts({}, decisive=True), Answer(200, "json", body)).verdict is verdict


@pytest.mark.parametrize("call", [GetMe(), SearchContacts({})])
@pytest.mark.parametrize("body", [{}, {"type": "odd"}, {"type": None}, [], None])
def test_success_when_an_answer_is_not_of_its_type_then_it_is_none(call: Call, body: Any) -> None:
    """Some JSON with 200 proves neither a token nor that nobody was found."""
    assert judge(call, Answer(200, "json", body)).verdict is Verdict.RETRY


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": {}}, []])
def test_success_when_the_attributes_have_no_list_then_it_is_none(body: Any) -> None:
    """Without the list no attribute could be checked."""
    assert judge(ListDataAttributes(), Answer(200, "json", body)).verdict is Verdict.RETRY


@pytest.mark.parametrize("error", [NotSentError("connect timeout"), MaybeSentError("timeout")])
def test_verdict_when_there_was_no_answer_then_it_is_retried(error: NotSentError | MaybeSentError) -> None:
    """The client's error says in a word why."""
    judgement = judge(PostEvent({}), error)
    assert (Verdict.RETRY, error.kind) == (judgement.verdict, judgement.why)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (401, "unauthorized", Verdict.FATAL),
        (401, "token_unauthorized", Verdict.FATAL),
        (401, "token_not_found", Verdict.FATAL),
        (401, "token_revoked", Verdict.FATAL),
        (401, "token_expired", Verdict.FATAL),
        (401, "token_suspended", Verdict.FATAL),
        (401, "token_blocked", Verdict.FATAL),
        (403, "api_plan_restricted", Verdict.FATAL),
        (402, "api_plan_restricted", Verdict.FATAL),
        (403, "forbidden", Verdict.FATAL),
        (400, "intercom_version_invalid", Verdict.FATAL),
        (406, "media_type_not_acceptable", Verdict.RETRY),
        (408, "request_timeout", Verdict.RETRY),
        (429, "rate_limit_exceeded", Verdict.THROTTLED),
        (429, "too_many_requests", Verdict.THROTTLED),
        (400, "too_many_requests", Verdict.THROTTLED),
        (500, "server_error", Verdict.RETRY),
        (502, "server_error", Verdict.RETRY),
        (503, "service_unavailable", Verdict.RETRY),
        (504, "server_error", Verdict.RETRY),
        (409, "conflict", Verdict.ANSWER),
        (400, "conflict", Verdict.ANSWER),
        (400, "parameter_invalid", Verdict.ANSWER),
        (400, "client_error", Verdict.ANSWER),
        (404, "not_found", Verdict.ANSWER),
        (410, "contact_merged", Verdict.ANSWER),
        (400, "bad_request", Verdict.ANSWER),
        (400, "invalid_field", Verdict.ANSWER),
        (422, "422", Verdict.ANSWER),
        (422, "parameter_invalid", Verdict.ANSWER),
        (422, "type_mismatch", Verdict.ANSWER),
        (404, "job_not_found", Verdict.ANSWER),
        (400, "a_code_of_tomorrow", Verdict.ANSWER),
    ],
)
def test_verdict_when_intercom_names_a_code_then_it_is_the_design_s(status: int, code: str, expected: Verdict) -> None:
    """Each row of Intercom's error table, and a code that is new: the log line says status and code."""
    for call in CALLS:
        judgement = judge(call, Answer(status, "json", _envelope(code)))
        ends = expected is Verdict.ANSWER and isinstance(call, WORKSPACE_CALLS)
        wanted = Verdict.FATAL if ends else expected
        assert (wanted, f"status {status}, code {code}") == (judgement.verdict, judgement.why)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (_envelope(), Refusal(404, "some_code", "a message", "r-1")),
        (_envelope(request_id=None), Refusal(404, "some_code", "a message", "header-id")),
        ({"type": "error.list", "errors": [{"code": "c"}]}, Refusal(404, "c", None, "header-id")),
        ({"type": "error.list", "errors": [{"type": "old"}]}, Refusal(404, "old", None, "header-id")),
        ({"type": "error.list", "errors": [{"code": None, "type": "old"}]}, Refusal(404, "old", None, "header-id")),
        ({"type": "error.list", "errors": [{}]}, Refusal(404, None, None, "header-id")),
        ({"type": "error.list", "errors": [{"code": 404, "message": 7}]}, Refusal(404, None, None, "header-id")),
        (_envelope("ada@example.com"), Refusal(404, None, "a message", "r-1")),
        (_envelope("two words"), Refusal(404, None, "a message", "r-1")),
        (_envelope("x" * 65), Refusal(404, None, "a message", "r-1")),
        (_envelope("word\n"), Refusal(404, None, "a message", "r-1")),
        (_envelope(request_id="ada lovelace"), Refusal(404, "some_code", "a message", "header-id")),
        ({"type": "error.list", "errors": []}, Refusal(404, None, None, "header-id")),
        ({"type": "error.list", "errors": ["text"]}, None),
        ({"type": "error.list", "errors": {}}, None),
        ({"type": "error.list"}, None),
        ({"type": "list", "errors": [{"code": "c"}]}, None),
        ({"errors": [{"code": "c"}]}, None),
        (["error.list"], None),
        ("error.list", None),
        (None, None),
    ],
)
def test_refusal_when_the_envelope_is_odd_then_what_is_sure_is_read(body: Any, expected: Refusal | None) -> None:
    """Codes and request ids reach the log, so what does not look like one is dropped."""
    assert expected == refusal_of(Answer(404, "json", body, request_id="header-id"))


def test_refusal_when_shown_then_its_message_is_not() -> None:
    """Intercom's messages quote e-mail addresses."""
    assert "canary" not in repr(Refusal(409, "conflict", "canary@example.com", "r-1"))


@pytest.mark.parametrize(
    ("status", "code", "cure"),
    [
        (401, "unauthorized", "copy it again"),
        (401, "token_revoked", "copy it again"),
        (401, "unauthorized", "api_endpoint"),
        (401, "token_unauthorized", 'the permission "Write events"'),
        (403, "api_plan_restricted", "subscription"),
        (402, "api_plan_restricted", "subscription"),
        (403, "forbidden", "permissions"),
        (400, "intercom_version_invalid", "update the connector"),
    ],
)
def test_fatal_error_when_told_then_it_names_the_cure_and_where_it_happened(status: int, code: str, cure: str) -> None:
    """The user reads what to do, and support finds the request."""
    body = _envelope(code)
    body["errors"][0]["message"] = "canary dG9rOmNhbmFyeQ"
    error = fatal_error(PostEvent({"email": "canary@example.com"}), Answer(status, "json", body))
    assert ("config_error", True) == (error.failure_type, cure in error.message)
    assert f"(POST /events: status {status}, code {code}, request id r-1)" in error.message
    assert re.search("canary|dG9rOmNhbmFyeQ", error.message) is None


def test_fatal_error_when_there_is_no_envelope_then_the_header_s_request_id_is_told() -> None:
    """A 401 may come with an empty body."""
    error = fatal_error(GetMe(), Answer(401, "empty", request_id="header-id"))
    assert "(GET /me: status 401, request id header-id)" in error.message
