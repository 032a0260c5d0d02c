"""Tokens, scopes, versions and the Accept header."""

import pytest

from intercom_emulator import Answer
from unit_tests.emulator.bench import Bench, code, decoded, refusal

QUOTA_HEADERS = {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"}


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        ("Bearer stranger", (401, "unauthorized", "Access Token Invalid")),
        ("Basic test-token", (401, "unauthorized", "Access Token Invalid")),
        (None, (401, "unauthorized", "Access Token Invalid")),
        ("Bearer old", (401, "token_revoked", "Access Token Invalid")),
        ("Bearer abroad", (401, "unauthorized", "Access Token Invalid")),
        ("Bearer narrow", (401, "token_unauthorized", "Not authorized to access resource")),
    ],
)
def test_token_when_it_is_not_valid_here_then_401_without_quota(
    authorization: str | None, expected: tuple[int, str, str]
) -> None:
    """A refused token has its code, no rate-limit headers, and spends nothing."""
    bench = Bench(
        tokens={"test-token": "*", "narrow": ["events"]},
        refused_tokens={"old": "token_revoked"},
        foreign_tokens=["abroad"],
    )
    answer = bench.ask("GET", "/contacts", Authorization=authorization)
    assert expected == refusal(answer)
    assert not QUOTA_HEADERS & answer.headers.keys()
    assert bench.ask("GET", "/me").headers["X-RateLimit-Remaining"] == "1666"


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        ("read_contacts", "GET", "/contacts"),
        ("read_contacts", "POST", "/contacts/search"),
        ("write_contacts", "POST", "/contacts"),
        ("write_contacts", "PUT", "/contacts/1"),
        ("events", "POST", "/events"),
        ("attributes", "GET", "/data_attributes"),
    ],
)
def test_scope_when_a_token_has_it_then_its_endpoints_open_and_others_stay_shut(
    scope: str, method: str, path: str
) -> None:
    """Each endpoint needs one scope; GET /me needs none."""
    everything = {"read_contacts", "write_contacts", "events", "attributes"}
    bench = Bench(tokens={"has": [scope], "lacks": sorted(everything - {scope})})
    assert bench.ask(method, path, {}, Authorization="Bearer has").status != 401
    assert code(bench.ask(method, path, {}, Authorization="Bearer lacks")) == (401, "token_unauthorized")
    assert bench.ask("GET", "/me", Authorization="Bearer lacks").status == 200


def test_foreign_token_when_so_set_then_403() -> None:
    """What another region's token is answered is not known: a setting."""
    bench = Bench(foreign_tokens=["abroad"], foreign_token_status=403)
    assert bench.ask("GET", "/me", Authorization="Bearer abroad").status == 403


def test_plan_when_restricted_then_403_with_quota() -> None:
    """A plan without API access is answered 403 in the envelope."""
    answer = Bench(plan_restricted=True).ask("GET", "/me")
    assert refusal(answer) == (403, "api_plan_restricted", "Active subscription needed.")
    assert answer.headers.keys() >= QUOTA_HEADERS


@pytest.mark.parametrize("version", ["1.0", "2.3", "2.13", "2.16", "2.17", "Preview"])
def test_version_when_known_then_answered_in_it(version: str) -> None:
    """A known version is echoed."""
    answer = Bench().ask("GET", "/me", Intercom_Version=version)
    assert (200, version) == (answer.status, answer.headers["Intercom-Version"])


@pytest.mark.parametrize("version", ["2.18", "3.0", "preview", "latest", ""])
def test_version_when_unknown_then_400(version: str) -> None:
    """An unknown version is refused."""
    assert code(Bench().ask("GET", "/me", Intercom_Version=version)) == (400, "intercom_version_invalid")


def _find(bench: Bench, version: str | None) -> Answer:
    return bench.ask("GET", "/contacts/find_by_external_id/42", Intercom_Version=version)


def test_endpoint_when_the_version_lacks_it_then_400() -> None:
    """find_by_external_id came with 2.13, contacts with 2.0; a missing header means the app's version."""
    bench = Bench(app_version="2.12")
    bench.create(external_id="42")
    assert code(_find(bench, "2.12")) == (400, "intercom_version_invalid")
    assert code(_find(bench, None)) == (400, "intercom_version_invalid")
    assert _find(bench, "2.13").status == 200
    assert code(bench.ask("GET", "/contacts", Intercom_Version="1.4")) == (400, "intercom_version_invalid")


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json", 200),
        ("*/*", 200),
        (None, 200),
        ("text/html, application/json;q=0.9", 200),
        ("text/html", 406),
    ],
)
def test_accept_when_it_excludes_json_then_406(accept: str | None, status: int) -> None:
    """Intercom answers JSON or not at all."""
    answer = Bench().ask("GET", "/me", Accept=accept)
    assert status == answer.status
    assert (decoded(answer).get("errors") or [{}])[0].get("code") == (
        "media_type_not_acceptable" if status == 406 else None
    )


@pytest.mark.parametrize("how", ["set", "null", "absent"])
def test_request_id_when_set_so_then_is_in_the_envelope_or_not(how: str) -> None:
    """The envelope's request_id is the header's, null, or not there."""
    answer = Bench(request_ids=how).ask("GET", "/contacts/nobody")
    body = decoded(answer)
    expected = {"set": answer.headers["X-Request-Id"], "null": None}.get(how, "absent")
    assert expected == body.get("request_id", "absent")


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b"null", b'{"a": NaN}', b"\xff", b"[" * 100_000],
    ids=["cut", "list", "null", "nan", "bytes", "deep"],
)
def test_body_when_it_is_no_json_object_then_400(body: bytes) -> None:
    """What cannot be read is refused, never a crash."""
    assert code(Bench().ask("POST", "/contacts", body)) == (400, "bad_request")
    assert code(Bench().ask("POST", "/contacts", {"email": "a@b.co"}, Content_Type="text/plain")) == (
        400,
        "bad_request",
    )


@pytest.mark.parametrize(("method", "path"), [("GET", "/nowhere"), ("PATCH", "/contacts/1"), ("GET", "/contacts/")])
def test_path_when_unknown_then_404_not_found(method: str, path: str) -> None:
    """An endpoint that does not exist is answered in the envelope."""
    assert code(Bench().ask(method, path)) == (404, "not_found")


@pytest.mark.parametrize("present", [True, False])
def test_me_when_asked_then_tells_the_region_unless_the_app_is_null(present: bool) -> None:
    """GET /me names the workspace's region; `app` may be null."""
    app = Bench(region="Europe", app_present=present).get("/me")["app"]
    assert ("Europe" if present else None) == (app and app["region"])
