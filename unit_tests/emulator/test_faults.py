"""Scripted faults: which call they hit, whether it had its effect, and what comes of it."""

from typing import Any

import pytest

from intercom_emulator import Cut
from unit_tests.emulator.bench import START, Bench, code, decoded


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
    ],
    ids=str,
)
def test_fault_when_it_makes_no_sense_then_value_error(fault: dict[str, Any]) -> None:
    """A plan that cannot be meant is refused, not passed over."""
    with pytest.raises(ValueError, match=r"fault|every"):
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
