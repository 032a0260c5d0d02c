"""Scripted faults: which call they hit, whether it had its effect, and what comes of it."""

from typing import Any

import pytest

from intercom_emulator import Cut
from unit_tests.emulator.bench import START, Bench, code, decoded, refusal


def _hit(kind: str, **fields: Any) -> Bench:
    """Return an emulator with one user and one fault on POST /events."""
    bench = Bench(faults=[{"endpoint": "POST /events", "kind": kind, **fields}])
    bench.intercom.seed({"contacts": [{"external_id": "42"}]})
    return bench


def _events(bench: Bench) -> int:
    return len(bench.intercom.dump()["events"])


@pytest.mark.parametrize(
    ("kind", "cut", "effects"),
    [
        ("reset_before", Cut.RESET, 0),
        ("reset_after", Cut.RESET, 1),
        ("stall", Cut.STALL, 0),
        ("stall_after", Cut.STALL, 1),
        ("truncate", Cut.TRUNCATE, 1),
    ],
)
def test_cut_when_scripted_then_comes_before_or_after_the_effect(kind: str, cut: Cut, effects: int) -> None:
    """A cut connection tells the client nothing; what it asked was done, or was not."""
    bench = _hit(kind)
    assert cut is bench.send(user_id="42").cut
    assert effects == _events(bench)
    expected = {"none": 1} if cut is not Cut.TRUNCATE else {"202": 1}
    assert expected == bench.intercom.dump()["statuses"]


@pytest.mark.parametrize(
    ("kind", "spent"), [("reset_before", 0), ("stall", 0), ("reset_after", 1), ("status", 1), ("html", 0)]
)
def test_fault_when_intercom_never_saw_the_call_then_the_quota_is_whole(kind: str, spent: int) -> None:
    """Only what reaches Intercom spends."""
    bench = _hit(kind)
    bench.send(user_id="42")
    assert str(1666 - spent) == bench.ask("GET", "/me").headers["X-RateLimit-Remaining"]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    ("fault", "status", "kind", "body"),
    [
        ({"kind": "status"}, 500, "application/json; charset=utf-8", ("server_error", "Server Error")),
        ({"kind": "status", "status": 503}, 503, "application/json; charset=utf-8", None),
        ({"kind": "status", "status": 418, "body": ""}, 418, None, b""),
        ({"kind": "status", "status": 400, "body": {"a": 1}}, 400, "application/json; charset=utf-8", b'{"a":1}'),
        ({"kind": "json", "body": {"data": []}}, 200, "application/json; charset=utf-8", b'{"data":[]}'),
        ({"kind": "null", "status": 502}, 502, "application/json; charset=utf-8", b"null"),
        ({"kind": "html"}, 502, "text/html", None),
        ({"kind": "html", "status": 403, "body": "<p>no</p>"}, 403, "text/html", b"<p>no</p>"),
        ({"kind": "redirect", "location": "/x"}, 302, "text/html", b""),
    ],
)
def test_answer_when_scripted_then_replaces_intercoms(
    fault: dict[str, Any], status: int, kind: str | None, body: object, after: bool
) -> None:
    """Each kind has its status, type and body, with the effect or without it."""
    bench = _hit(**fault, after=after)
    answer = bench.send(user_id="42")
    assert (status, kind) == (answer.status, answer.headers.get("Content-Type"))
    if isinstance(body, tuple):
        assert [{"code": body[0], "message": body[1]}] == decoded(answer)["errors"]
        assert answer.headers["X-Request-Id"] == decoded(answer)["request_id"]
    elif body is not None:
        assert body == answer.body
    assert int(after) == _events(bench)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"status": 404, "message": "User Not Found"}, (404, "not_found", "User Not Found")),
        ({"status": 422, "code": "422", "message": "Event name is invalid"}, (422, "422", "Event name is invalid")),
    ],
)
def test_status_when_code_and_message_are_given_then_the_envelope_has_them(
    fields: dict[str, Any], expected: tuple[int, str, str]
) -> None:
    """A refusal in Intercom's envelope may say anything."""
    answer = _hit("status", **fields).send(user_id="42")
    assert expected == refusal(answer)
    assert answer.headers["X-Request-Id"] == decoded(answer)["request_id"]


RATE = {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"}
PLAIN = {"Date", "X-Request-Id", "Intercom-Version"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, PLAIN | RATE),
        ({"edge": True}, {"Date"}),
        ({"edge": True, "headers": {"X-Request-Id": "1"}}, {"Date", "X-Request-Id"}),
        ({"headers": {"X-Request-Id": None}}, PLAIN - {"X-Request-Id"} | RATE),
        ({"headers": {"X-RateLimit-Reset": None}}, PLAIN | RATE - {"X-RateLimit-Reset"}),
        ({"after": True, "headers": {"X-RateLimit-Reset": None}}, PLAIN | RATE - {"X-RateLimit-Reset"}),
    ],
)
def test_refusal_without_a_body_when_scripted_then_has_the_headers_of_who_answers(
    fields: dict[str, Any], expected: set[str]
) -> None:
    """Intercom's own bear a request id and the rate limit, less what is taken away; those of the edge bear neither."""
    bench = _hit("status", status=422, body="", **fields)
    answer = bench.send(user_id="42")
    assert (422, b"", expected) == (answer.status, answer.body, set(answer.headers))
    assert expected == set(bench.intercom.exchanges()[0]["headers"])


@pytest.mark.parametrize(
    "body",
    [{"status": 400, "error": "Bad Request"}, {"type": "error.list", "errors": []}, {"errors": [{"code": "x"}]}],
    ids=str,
)
def test_refusal_when_it_has_another_form_then_comes_as_it_is(body: dict[str, Any]) -> None:
    """Rails' own form, an empty list of errors, no type: whatever the body says, with Intercom's headers."""
    answer = _hit("status", status=400, body=body).send(user_id="42")
    assert (400, body) == (answer.status, decoded(answer))
    assert answer.headers.keys() >= RATE | {"X-Request-Id"}


def test_html_when_it_is_intercoms_own_then_with_its_headers_and_spends() -> None:
    """An HTML page of Intercom's servers bears a request id and counts, the JSON of a proxy neither."""
    bench = _hit("html", status=500, edge=False)
    answer = bench.send(user_id="42")
    assert (500, "text/html", b"<html>") == (answer.status, answer.headers["Content-Type"], answer.body[:6])
    assert answer.headers.keys() >= RATE | {"X-Request-Id"}
    bench.intercom.set_faults([{"endpoint": "POST /events", "kind": "json", "body": {"no": 1}, "edge": True}])
    answer = bench.send(user_id="42")
    assert ({"Date", "Content-Type"}, {"no": 1}) == (set(answer.headers), decoded(answer))
    assert "1665" == bench.ask("GET", "/me").headers["X-RateLimit-Remaining"]


@pytest.mark.parametrize("kind", ["html", "redirect"])
def test_edge_when_it_answers_then_without_intercoms_headers(kind: str) -> None:
    """What a load balancer says carries no rate limit and no request id."""
    headers = _hit(kind, location="https://example.com/").send(user_id="42").headers
    assert {"Date", "Content-Type"} == headers.keys() - {"Location"}
    assert ("https://example.com/" if kind == "redirect" else None) == headers.get("Location")


def test_status_when_401_then_without_rate_limit_headers() -> None:
    """As every 401."""
    answer = _hit("status", status=401).send(user_id="42")
    assert code(answer) == (401, "unauthorized")
    assert "X-RateLimit-Limit" not in answer.headers


def test_headers_when_scripted_then_are_added() -> None:
    """A fault may bring headers of its own."""
    headers = _hit("status", status=429, headers={"Retry-After": "3"}).send(user_id="42").headers
    assert (headers["Retry-After"], headers["X-RateLimit-Limit"]) == ("3", "1666")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [({}, "FFFFFF"), ({"every": 3}, "..F..F"), ({"first": 2}, "FF...."), ({"at": [2, 5]}, ".F..F.")],
    ids=str,
)
def test_fault_when_it_has_a_rule_then_hits_those_calls(rule: dict[str, Any], expected: str) -> None:
    """Each n-th, the first n, or those of a list; counted by endpoint, from one."""
    bench = _hit("status", **rule)
    hits = []
    for _ in range(6):
        bench.ask("GET", "/me")
        hits.append("F" if bench.send(user_id="42").status == 500 else ".")
    assert expected == "".join(hits)


def test_fault_when_it_has_a_share_then_hits_about_that_many_calls_and_the_same_ones_again() -> None:
    """Half of the calls, scattered: no regular pattern for retries to fall into, and no chance either."""

    def hits() -> str:
        bench = _hit("status", share=0.5)
        return "".join("F" if bench.send(user_id="42").status == 500 else "." for _ in range(200))

    first = hits()
    assert first == hits()
    assert 85 < first.count("F") < 115
    assert "FFF" in first
    assert "..." in first


@pytest.mark.parametrize(
    ("matching", "expected"),
    [
        ("gold", [500, 200, 202]),
        ("ada@example.com", [200, 500, 202]),
        ("42", [200, 500, 500]),
        ("the-id", [200, 500, 202]),
        ('a "word" ä', [200, 200, 500]),
        ("4711", [500, 200, 202]),
        ("nowhere", [200, 200, 202]),
    ],
)
def test_fault_when_it_matches_a_text_then_hits_the_calls_that_say_it_or_are_about_that_person(
    matching: str, expected: list[int]
) -> None:
    """One person or one text is poisoned: keys, values and numbers of the body count, and who the path names."""
    bench = Bench(faults=[{"endpoint": "*", "kind": "status", "matching": matching}])
    bench.attribute("gold")
    bench.intercom.seed({"contacts": [{"id": "the-id", "external_id": "42", "email": "ada@example.com"}]})
    created = bench.ask(
        "POST", "/contacts", {"external_id": "7", "signed_up_at": 4711, "custom_attributes": {"gold": "x"}}
    )
    updated = bench.ask("PUT", "/contacts/the-id", {"name": "Ada"})
    sent = bench.send(user_id="42", metadata={"a": 'a "word" ä'})
    assert expected == [created.status, updated.status, sent.status]


def test_fault_when_it_matches_the_path_then_percent_codes_do_not_hide_it() -> None:
    """A text in a path or a query is found as it was meant, and a body that is no JSON as it is."""
    bench = Bench(faults=[{"endpoint": "*", "kind": "status", "matching": "a b@x.example"}])
    assert bench.ask("GET", "/contacts/find_by_external_id/a%20b%40x.example").status == 500
    assert bench.ask("POST", "/events", b"{ a b@x.example").status == 500
    assert bench.ask("POST", "/events", b"{ a b@y.example").status == 400
    assert bench.ask("POST", "/events", b"[" * 5000 + b"]" * 5000).status == 400


def test_fault_when_it_matches_a_text_then_counts_the_calls_that_match() -> None:
    """The first call of one person fails, however many of others came before."""
    bench = _hit("status", status=404, matching="42", first=1)
    statuses = [
        bench.send(user_id=each, created_at=second).status for second, each in enumerate(["7", "42", "7", "42"])
    ]
    assert [404, 404, 404, 202] == statuses


def test_fault_when_it_has_times_then_hits_between_them() -> None:
    """from_time and until_time are seconds since the start."""
    bench = Bench(faults=[{"endpoint": "*", "kind": "html", "from_time": 10, "until_time": 20}])
    seen = []
    for seconds in (0, 9.9, 10, 19.9, 20):
        bench.now = START + seconds
        seen.append(bench.ask("GET", "/me").status)
    assert seen == [200, 200, 502, 502, 200]


def test_faults_when_several_fit_then_the_first_happens() -> None:
    """The plan is read in order; the endpoint is a template, or all."""
    bench = Bench()
    bench.intercom.set_faults(
        [
            {"endpoint": "PUT /contacts/{id}", "kind": "status", "status": 503},
            {"endpoint": "*", "kind": "html", "status": 504},
        ]
    )
    assert [bench.ask(method, "/contacts/1", {}).status for method in ("PUT", "GET")] == [503, 504]
    bench.intercom.set_faults([])
    assert bench.ask("GET", "/me").status == 200


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"endpoint": "*"},
        {"kind": "html"},
        {"endpoint": "*", "kind": "fire"},
        {"endpoint": "*", "kind": "html", "color": "red"},
        {"endpoint": "*", "kind": "html", "every": 2, "first": 1},
        {"endpoint": "*", "kind": "html", "every": 0},
        {"endpoint": "*", "kind": "html", "every": 2, "share": 0.5},
        {"endpoint": "*", "kind": "html", "share": 0},
        {"endpoint": "*", "kind": "html", "share": 1.1},
        {"endpoint": "*", "kind": "html", "matching": ""},
        {"endpoint": "*", "kind": "html", "matching": 7},
        {"endpoint": "*", "kind": "html", "code": "not_found"},
        {"endpoint": "*", "kind": "status", "message": "no", "body": ""},
        {"endpoint": "*", "kind": "stall", "edge": True},
    ],
    ids=str,
)
def test_fault_when_it_makes_no_sense_then_value_error(fault: dict[str, Any]) -> None:
    """A plan that cannot be meant is refused, not passed over."""
    with pytest.raises(ValueError, match=r"fault|every|share"):
        Bench().intercom.set_faults([fault])


def test_exchanges_when_recorded_then_hold_no_token_and_tell_of_faults() -> None:
    """Exchanges are kept in order, bounded, without tokens; where no answer came there is no status."""
    bench = Bench(keep_exchanges=2, faults=[{"endpoint": "POST /events", "kind": "reset_after"}])
    bench.create(external_id="42")
    bench.send(user_id="42")
    bench.ask("GET", "/me?x=1")
    cut, me = bench.intercom.exchanges()
    assert tuple(cut[key] for key in ("method", "path", "status", "response_body", "fault")) == (
        "POST",
        "/events",
        None,
        None,
        "reset_after",
    )
    assert cut["request_body"] == {"event_name": "ordered", "created_at": 5, "user_id": "42"}
    assert (
        *(me[key] for key in ("path", "status", "fault", "time")),
        me["response_body"]["type"],
    ) == ("/me?x=1", 200, None, START, "admin")
    assert me["request_headers"]["authorization"] == "Bearer (hidden)"
    assert "test-token" not in str(bench.intercom.exchanges())
