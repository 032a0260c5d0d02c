"""`make ask-intercom` takes away what it made, however it ends, and touches and tells nothing of anybody else."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

from integration_tests.ask_intercom.__main__ import LARGE
from integration_tests.ask_intercom.question import Finding, Question
from integration_tests.ask_intercom.run import run
from integration_tests.ask_intercom.wire import TIMEOUT, NoAnswer, Wire
from integration_tests.ask_intercom.workspace import NOBODY, NotOurs, Workspace
from integration_tests.support.asking import CANARIES, HOME, Dying, Killed, Place
from integration_tests.support.harness import TOKEN, EmulatorTransport, config
from integration_tests.support.processes import ROOT
from integration_tests.support.virtual_clock import VirtualClock
from intercom_emulator import Intercom, Server, Settings

OTHER_WORLD = {
    "create_with_known_email": "second",
    "company_without_people": "hidden",
    "company_after_archive": "new",
    "tag_unknown": "refuse_late",
    "bulk_gone": "ignore",
    "upgraded_lead": "drop",
    "refused_field": "field",
    "search_lag": 60.0,
    "event_lag": 8.0,
    "attribute_lag": 5.0,
    "company_race": 3.0,
    "bulk_duration": 30.0,
}
WORLDS = {"first answers": {}, "other answers": OTHER_WORLD}
CALLS = 470
"""About as many as a whole run makes."""

QUICK = ("--only", "8a")


def _writes(place: Place) -> list[dict[str, Any]]:
    """Return the exchanges that are no reads, the searches being reads."""
    return [
        each for each in place.intercom.exchanges() if each["method"] != "GET" and not each["path"].endswith("/search")
    ]


def _ids(contents: dict[str, Any]) -> list[str]:
    """Return the ids that are long enough to be told from other numbers, and those of attributes."""
    return [str(each["id"]) for part in contents.values() for each in part if "id" in each]


def _everything_told(place: Place) -> str:
    """Return all that the program wrote and said."""
    files = [each.read_text(encoding="utf-8") for each in place.out.rglob("*") if each.is_file()]
    return "\n".join([*place.said, *files])


@pytest.mark.parametrize("settings", WORLDS.values(), ids=WORLDS)
def test_program_when_it_has_run_then_the_workspace_is_as_before(settings: dict[str, Any], tmp_path: Path) -> None:
    """What was there is untouched to the second, what was made is gone, and so is the journal."""
    place = Place(tmp_path, settings)
    assert 0 == place.main(), place.said
    assert place.before == place.alive()
    assert [] == list(place.journal.glob("*"))
    made = place.intercom.dump()
    assert len(made["contacts"]) > 80
    assert any(each["archived"] for each in made["companies"])
    assert 0 == place.main(), place.said
    assert place.before == place.alive()


@pytest.mark.parametrize("settings", WORLDS.values(), ids=WORLDS)
def test_program_when_it_writes_then_only_to_what_it_made(settings: dict[str, Any], tmp_path: Path) -> None:
    """No write names anything of others, by id or by name."""
    place = Place(tmp_path, settings)
    others = [*_ids(place.before), *CANARIES, "ask-intercom-team", "ask-intercom-canary", "ask-intercom-1@"]
    place.main()
    writes = _writes(place)
    assert len(writes) > 200
    for each in writes:
        said = f"{each['path']} {json.dumps(each['request_body'])}"
        assert [] == [other for other in others if re.search(rf"(?<![\w-]){re.escape(other)}(?!\w)", said)], each[
            "path"
        ]


@pytest.mark.parametrize("settings", WORLDS.values(), ids=WORLDS)
def test_report_when_written_then_it_holds_no_personal_data(settings: dict[str, Any], tmp_path: Path) -> None:
    """No value of others, no token, no id, no address but the one that is a name in a question."""
    place = Place(tmp_path, settings)
    place.main()
    told = _everything_told(place)
    assert [] == [canary for canary in CANARIES if canary in told]
    assert TOKEN not in told
    assert [] == re.findall(r"[0-9a-f]{24}", told)
    assert set() <= set(re.findall(r"[\w.-]+@[\w.-]+", told)) <= {"a@example.com"}
    assert "Emulated" not in "".join(each.read_text(encoding="utf-8") for each in place.out.glob("*"))


def test_journal_when_read_by_somebody_then_it_names_only_what_the_program_made(tmp_path: Path) -> None:
    """It lies beside the configuration, and has no more than is needed to clean up."""
    place = Place(tmp_path)
    with contextlib.suppress(Killed):
        place.main(transport=Dying(place.intercom, place.clock, at=300, carried_out=True))
    (file,) = place.journal.glob("*")
    entries = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert len(entries) > 50
    assert {"kind", "id", "name"} == {key for each in entries for key in each}
    assert not set(_ids(place.before)) & {each.get("id") for each in entries}
    assert all(each["name"].startswith("ask-intercom-") for each in entries if each.get("name"))


@pytest.mark.parametrize("carried_out", [False, True], ids=["before the call", "before its answer"])
@pytest.mark.parametrize("settings", WORLDS.values(), ids=WORLDS)
@pytest.mark.parametrize("at", [*range(3, 12), *range(12, CALLS, 31)])
def test_program_when_it_was_killed_then_its_next_start_takes_away_what_is_left(
    at: int, settings: dict[str, Any], carried_out: bool, tmp_path: Path
) -> None:
    """A minute or less after the kill, when the search shows nothing yet: the journal knows."""
    place = Place(tmp_path, settings)
    with pytest.raises(Killed):
        place.main(transport=Dying(place.intercom, place.clock, at=at, carried_out=carried_out))
    assert 0 == place.main(*QUICK), place.said
    assert place.before == place.alive()
    assert [] == list(place.journal.glob("*"))


@pytest.mark.parametrize("at", [60, 200, 330, 400])
def test_program_when_it_was_killed_and_the_journal_is_lost_then_the_prefix_finds_what_is_shown(
    at: int, tmp_path: Path
) -> None:
    """Contacts, tags and attributes; a company without people, and an archived contact, are shown by nothing."""
    place = Place(tmp_path)
    with pytest.raises(Killed):
        place.main(transport=Dying(place.intercom, place.clock, at=at, carried_out=True))
    for file in place.journal.glob("*"):
        file.unlink()
    assert place.before != place.alive()
    assert 0 == place.main(*QUICK), place.said
    after = place.alive()
    after["companies"] = [each for each in after["companies"] if each["user_count"] or not _is_ours(each["company_id"])]
    assert place.before == after


def _is_ours(name: str) -> bool:
    return re.fullmatch(r"ask-intercom-[0-9a-f]{14}-\d+", name) is not None


def _failing(error: BaseException) -> Question:
    def ask(workspace: Workspace) -> Finding:
        workspace.user()
        workspace.company()
        workspace.tag()
        workspace.attribute("text")
        raise error

    return Question("1", "Does it fail?", "fails", (), 4, ask)


def _asking(*said: str) -> Question:
    return Question("2", "Is it asked?", "nothing", (), 0, lambda _: Finding("yes"))


def test_program_when_a_question_raises_then_the_next_is_asked_and_all_is_taken_away(tmp_path: Path) -> None:
    """An error of the program's own is told by its kind, without its text."""
    place = Place(tmp_path)
    failing = _failing(RuntimeError("canary value"))
    outcome = run(place.workspace(), [failing, _asking()], place.said.append)
    assert ["no answer: RuntimeError, after the calls below", "yes"] == [each.words for each in outcome.results]
    assert (False, {}) == (outcome.interrupted, outcome.left)
    assert "canary value" not in "".join(place.said)
    assert place.before == place.alive()


def test_program_when_interrupted_then_the_next_is_not_asked_and_all_is_taken_away(tmp_path: Path) -> None:
    """Ctrl-C in the midst of a question."""
    place = Place(tmp_path)
    outcome = run(place.workspace(), [_asking(), _failing(KeyboardInterrupt()), _asking()], place.said.append)
    assert (True, ["yes"], {}) == (outcome.interrupted, [each.words for each in outcome.results], outcome.left)
    assert place.before == place.alive()


class Interrupting(EmulatorTransport):
    """A transport whose user presses Ctrl-C at some calls."""

    def __init__(self, place: Place, *at: int) -> None:
        super().__init__(place.intercom, place.clock)
        self._at = at
        self._count = 0

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        self._count += 1
        response = super().send(request, *args, **kwargs)
        if self._count in self._at:
            raise KeyboardInterrupt
        return response


def test_program_when_interrupted_once_then_130_and_the_report_says_so(tmp_path: Path) -> None:
    """What was asked until then is written down."""
    place = Place(tmp_path)
    assert 130 == place.main(transport=Interrupting(place, 150))
    assert (True, {}) == (place.report()["interrupted"], place.report()["left_behind"])
    assert place.report()["questions"]
    assert "**The run was interrupted**" in (place.out / "answers.md").read_text(encoding="utf-8")
    assert place.before == place.alive()


def test_program_when_interrupted_while_it_cleans_up_then_the_next_start_does_it(tmp_path: Path) -> None:
    """The second Ctrl-C is obeyed at once."""
    place = Place(tmp_path)
    assert 130 == place.main(transport=Interrupting(place, 150, 155))
    assert place.report()["left_behind"]
    assert place.before != place.alive()
    assert 0 == place.main(*QUICK), place.said
    assert any(each.startswith("An earlier run was ended") for each in place.said)
    assert place.before == place.alive()


def test_program_when_something_cannot_be_taken_away_then_it_says_so_and_tries_again_next_time(tmp_path: Path) -> None:
    """After three tries: exit code 1, a count, and the journal keeps it."""
    place = Place(tmp_path)
    place.intercom.set_faults([{"endpoint": "DELETE /tags/{id}", "kind": "status", "status": 503}])
    assert 1 == place.main("--only", "20b")
    assert {"tag": 1} == place.report()["left_behind"]
    assert "Left behind: 1 × tag. Run it again, which takes them away." in place.said
    assert 3 == place.intercom.dump()["calls"]["DELETE /tags/{id}"]
    place.intercom.set_faults([])
    assert 0 == place.main(*QUICK), place.said
    assert place.before == place.alive()


@pytest.mark.parametrize(
    ("number", "endpoint"),
    [
        ("5a", "POST /contacts"),
        ("19c", "POST /contacts"),
        ("21c", "POST /companies"),
        ("20b", "POST /tags"),
        ("14", "POST /data_attributes"),
    ],
)
def test_program_when_the_answer_to_a_creation_is_lost_then_what_was_made_is_taken_away(
    number: str, endpoint: str, tmp_path: Path
) -> None:
    """Nobody said that it is there; it is found by its name, a lead once the search shows it."""
    place = Place(tmp_path, {"search_lag": 60.0, "company_without_people": "hidden"})
    place.intercom.set_faults([{"endpoint": endpoint, "kind": "reset_after", "at": [1]}])
    assert 0 == place.main("--only", number), place.said
    assert place.before == place.alive()


@pytest.fixture(name="ours")
def _ours(tmp_path: Path) -> tuple[Place, Workspace]:
    place = Place(tmp_path)
    return place, place.workspace()


_FOREIGN: list[tuple[str, str, Any]] = [
    ("PUT", "/contacts/{other}", {"name": "x"}),
    ("DELETE", "/contacts/{other}", None),
    ("POST", "/contacts/{other}/archive", None),
    ("POST", "/contacts/{own}/companies", {"id": "{company}"}),
    ("DELETE", "/contacts/{own}/companies/{company}", None),
    ("DELETE", "/contacts/{other}/tags/1", None),
    ("DELETE", "/companies/{company}", None),
    ("DELETE", "/tags/{tag}", None),
    ("PUT", "/data_attributes/{attribute}", {"archived": True}),
    ("POST", "/contacts", {"external_id": "canary-7f3a"}),
    ("POST", "/contacts", {"external_id": "ask-intercom-team"}),
    ("POST", "/contacts", {"role": "lead", "email": "ask-intercom-team@example.com"}),
    ("PUT", "/contacts/{own}", {"email": "canary-9b1c@secret.example"}),
    ("POST", "/companies", {"company_id": "canary-company"}),
    ("POST", "/tags", {"name": "canary tag"}),
    ("POST", "/tags", {"name": "ask-intercom-0123456789abcd-1", "users": [{"id": "{own}"}, {"id": "{other}"}]}),
    ("POST", "/data_attributes", {"name": "canary_attribute", "model": "contact"}),
    ("POST", "/events", {"event_name": "ask-intercom-event", "id": "{other}"}),
    ("POST", "/events", {"event_name": "ask-intercom-event", "email": "canary-9b1c@secret.example"}),
    ("POST", "/events", {"event_name": "Signed in", "id": "{own}"}),
    ("POST", "/contacts/merge", {"from": "{own}", "into": "{other}"}),
    ("PUT", "/contacts/bulk", {"contacts": [{"id": "{own}"}, {"id": "{other}"}]}),
    ("PUT", "/contacts/bulk", {"contacts": [{"id": "{own}", "tags": {"add": [{"id": "{tag}"}]}}]}),
    ("PUT", "/contacts/bulk", {"contacts": [{"id": "{own}", "companies": [{"company_id": "canary-company"}]}]}),
    ("POST", "/contacts/bulk", {"contacts": [{"external_id": "canary-7f3a"}]}),
    ("POST", "/contacts/bulk/delete", {"contacts": [{"id": "{other}"}]}),
]


@pytest.mark.parametrize(("method", "path", "body"), _FOREIGN)
def test_write_when_it_would_touch_others_then_nothing_is_sent(
    method: str, path: str, body: Any, ours: tuple[Place, Workspace]
) -> None:
    """Whatever a question may ask: an id that is not ours, or a name without our prefix."""
    place, workspace = ours
    own = workspace.user()
    named = {"own": own, "other": place.before["contacts"][0]["id"], "company": place.before["companies"][0]["id"]}
    named["tag"] = place.before["tags"][0]["id"]
    custom = [each for each in place.before["data_attributes"] if each["custom"]]
    named["attribute"] = str(custom[0]["id"])
    filled = json.loads(re.sub(r"\{(\w+)\}", lambda found: named[found[1]], json.dumps([path, body])))
    calls = len(place.intercom.exchanges())
    with pytest.raises(NotOurs) as caught:
        workspace.call(method, *filled)
    assert calls == len(place.intercom.exchanges())
    assert [] == [each for each in (*CANARIES, *named.values()) if each in str(caught.value)]


def test_write_when_it_is_to_what_was_made_or_to_nobody_then_it_is_sent(ours: tuple[Place, Workspace]) -> None:
    """The guard is no wall."""
    _, workspace = ours
    own, tag = workspace.user(), workspace.tag()
    assert 200 == workspace.call("PUT", f"/contacts/{own}", {"name": "x", "custom_attributes": {}}).status
    assert 404 == workspace.call("PUT", f"/contacts/{NOBODY}", {"name": "x"}).status
    bulk = {"contacts": [{"id": own, "tags": {"add": [{"id": str(tag.get("id"))}]}}]}
    assert 202 == workspace.call("PUT", "/contacts/bulk", bulk, version="2.17").status


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("contact", {"id": "1", "external_id": "canary-7f3a", "email": "a@example.com"}),
        ("contact", {"id": "1", "external_id": None, "email": "ask-intercom-team@example.com"}),
        ("contact", {"id": "1", "external_id": "ask-intercom-0123456789abcd-1x"}),
        ("company", {"id": "1", "company_id": "canary", "name": "ask-intercom-0123456789abcd-1"}),
        ("tag", {"id": "1", "name": "ask-intercom"}),
        ("attribute", {"id": 1, "name": "ask-intercom-plan"}),
        ("attribute", {"name": "ask-intercom-text"}),
        ("tag", ["ask-intercom-0123456789abcd-1"]),
    ],
)
def test_adopt_when_a_name_is_not_ours_then_it_is_left_alone(
    kind: str, shown: Any, ours: tuple[Place, Workspace]
) -> None:
    """What a search answers, however wrongly, is not taken away for that alone."""
    _, workspace = ours
    assert (False, {}) == (workspace.adopt(kind, shown), workspace.own[kind])


def _of_eof(_: str) -> str:
    raise EOFError


@pytest.mark.parametrize(
    ("type_in", "environment", "told"),
    [
        (lambda _: "emulated", {}, "That is not its name. Nothing was written."),
        (lambda _: "", {}, "That is not its name."),
        (_of_eof, {}, "Nobody confirmed."),
        (_of_eof, {"CONFIRM": "no"}, "Nobody confirmed."),
    ],
)
def test_program_when_nobody_confirms_then_nothing_is_written(
    type_in: Callable[[str], str], environment: dict[str, str], told: str, tmp_path: Path
) -> None:
    """The workspace's name is typed, or CONFIRM=yes is set."""
    place = Place(tmp_path)
    assert 1 == place.main(type_in=type_in, environment=environment)
    assert place.said[-1].startswith(told)
    assert [] == _writes(place)
    assert not place.out.exists()


def test_program_when_confirmed_then_it_has_said_where_and_how_much(tmp_path: Path) -> None:
    """The name, the number of contacts and of calls, and what stays."""
    place, prompts = Place(tmp_path), list[str]()

    def type_in(prompt: str) -> str:
        prompts.extend([*place.said, prompt])
        return "Emulated"

    assert 0 == place.main(*QUICK, type_in=type_in)
    assert "Workspace: Emulated, with 3 contacts." == prompts[0]
    assert re.search(r"at most about \d+ calls", prompts[1])
    assert "three event names" in prompts[2]
    assert "Type the workspace's name to go on: " == prompts[3]


@pytest.mark.parametrize(("people", "code"), [(LARGE - 3, 0), (LARGE, 1)])
def test_program_when_a_large_workspace_is_confirmed_by_a_variable_only_then_it_refuses(
    people: int, code: int, tmp_path: Path
) -> None:
    """A pipeline that has a production token by accident does no harm."""
    place = Place(tmp_path)
    place.intercom.seed({"contacts": [{"external_id": f"person-{number}"} for number in range(people)]})
    assert code == place.main(*QUICK, environment={"CONFIRM": "yes"}, type_in=_of_eof)
    if code:
        assert [] == _writes(place)
        assert "looks like no test workspace" in place.said[-1]


def test_program_when_the_configuration_is_absent_then_it_says_where_it_belongs(tmp_path: Path) -> None:
    """And not a traceback."""
    place = Place(tmp_path)
    assert 1 == place.main("--config", str(tmp_path / "none.json"))
    assert place.said[-1].endswith("none.json is absent: secrets/README.md says what belongs there.")


@pytest.mark.parametrize(
    ("content", "told"), [("{", "config.json is no JSON."), ('{"access_token": "secret-token"}', "not valid")]
)
def test_program_when_the_configuration_is_wrong_then_it_says_so_without_the_token(
    content: str, told: str, tmp_path: Path
) -> None:
    """The connector's own words for what is wrong."""
    place = Place(tmp_path)
    (tmp_path / "config.json").write_text(content)
    assert 1 == place.main()
    assert told in place.said[-1]
    assert "secret-token" not in "".join(place.said)


def test_program_when_the_token_is_refused_then_it_says_what_to_do(tmp_path: Path) -> None:
    """Before anything else."""
    place = Place(tmp_path, {"tokens": {}})
    assert 1 == place.main()
    assert place.said == ["Intercom refuses the token: 401 unauthorized. Copy it again from the test workspace's app."]


def test_program_when_a_question_does_not_exist_then_it_names_those_that_do(tmp_path: Path) -> None:
    """A typing error asks nothing."""
    place = Place(tmp_path)
    assert 1 == place.main("--only", "5,77")
    assert place.said[-1].startswith("There is no question 77. There are 1a, 1b, ")


def test_program_when_intercom_cannot_be_reached_then_the_journal_stays(tmp_path: Path) -> None:
    """An earlier run's things are not forgotten because they cannot be looked for."""
    place = Place(tmp_path)
    with pytest.raises(Killed):
        place.main(transport=Dying(place.intercom, place.clock, at=100, carried_out=True))
    place.intercom.set_faults([{"endpoint": "GET /tags", "kind": "reset_before"}])
    assert 1 == place.main(*QUICK)
    assert "Intercom does not answer: the connection failed: ConnectionError." == place.said[-1]
    place.intercom.set_faults([])
    assert 0 == place.main(*QUICK), place.said
    assert place.before == place.alive()


@pytest.mark.parametrize(("stopped", "code"), [(False, 0), (True, 130)], ids=["to its end", "stopped"])
def test_program_when_it_is_a_process_then_it_asks_and_cleans_up(stopped: bool, code: int, tmp_path: Path) -> None:
    """As make starts it: over sockets, confirmed by a variable, ended by SIGTERM in the midst of a question."""
    intercom = Intercom(Settings.from_dict({"latency": 0.01}))
    with Server(intercom) as server:
        path = tmp_path / "config.json"
        path.write_text(json.dumps(config(api_base_url=server.url)))
        files = ["--config", str(path), "--out", str(tmp_path / "out"), "--journal", str(tmp_path / "journal")]
        command = [sys.executable, "-m", "integration_tests.ask_intercom", *files, "--only", "5a,20a"]
        with subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "CONFIRM": "yes"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdout is not None
            said = ""
            while "5a" not in said:  # the answer to the first question, after which the second is asked
                said += process.stdout.readline()
            if stopped:
                process.terminate()
            said += process.stdout.read()
        assert code == process.returncode, said
    assert 0 < len(intercom.dump()["contacts"])
    assert [] == [each for each in intercom.dump()["contacts"] if not each["deleted"]]
    assert ("Interrupted." in said) is stopped
    assert TOKEN not in said
    assert [] == list((tmp_path / "journal").glob("*"))


class Recording(BaseAdapter):
    """Answers every call alike, and notes what it was called with."""

    def __init__(self, *answers: tuple[int, dict[str, str]], error: Exception | None = None) -> None:
        super().__init__()
        self._answers = list(answers)
        self._error = error
        self.requests: list[requests.PreparedRequest] = []
        self.timeouts: list[Any] = []

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        self.requests.append(request)
        self.timeouts.append(kwargs["timeout"])
        if self._error is not None:
            raise self._error
        response = requests.Response()
        response.status_code, headers = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        response.headers = requests.structures.CaseInsensitiveDict(headers)
        response._content = b""
        response.request, response.url, response.raw = request, str(request.url), HTTPResponse(body=b"")
        return response

    def close(self) -> None:
        """Nothing is open."""


def _wire(transport: BaseAdapter) -> tuple[Wire, VirtualClock]:
    clock = VirtualClock()
    return Wire(HOME, "secret-token", clock, transport=transport), clock


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({}, 10.0),
        ({"X-RateLimit-Reset": "1701000004"}, 4.0),
        ({"Retry-After": "9999"}, 60.0),
    ],
)
def test_wire_when_refused_for_the_quota_then_waits_as_long_as_the_headers_say(
    headers: dict[str, str], seconds: float
) -> None:
    """The call is made again; a wait has an end."""
    transport = Recording((429, headers), (200, {}))
    wire, clock = _wire(transport)
    begin = clock.now()
    assert 200 == wire.send("GET", "/me").status
    assert (2, seconds) == (len(transport.requests), clock.now() - begin)


def test_wire_when_refused_without_end_then_gives_up() -> None:
    """Nobody waits for ever."""
    wire, _ = _wire(Recording((429, {"Retry-After": "1"})))
    with pytest.raises(NoAnswer, match="quota"):
        wire.send("GET", "/me")


@pytest.mark.parametrize(("remaining", "seconds"), [("34", 0.0), ("33", 4.0), ("0", 0.0)])
def test_wire_when_little_of_a_window_is_left_then_leaves_it_to_other_apps(remaining: str, seconds: float) -> None:
    """A fifth; what is used up is waited for when the next call is refused."""
    told = {"X-RateLimit-Limit": "167", "X-RateLimit-Remaining": remaining, "X-RateLimit-Reset": "1701000004"}
    wire, clock = _wire(Recording((200, told)))
    begin = clock.now()
    wire.send("GET", "/me")
    assert seconds == clock.now() - begin


def test_wire_when_it_calls_then_with_timeouts_and_the_token_in_its_header_only() -> None:
    """A redirect is not followed, and nothing that can be printed shows the token."""
    transport = Recording((302, {"Location": "https://elsewhere.example/"}))
    wire, _ = _wire(transport)
    answer = wire.send("GET", "/contacts/123456789012345678901234?x=secret", version=None)
    assert (302, [TIMEOUT]) == (answer.status, transport.timeouts)
    assert "Bearer secret-token" == transport.requests[0].headers["Authorization"]
    assert "Intercom-Version" not in transport.requests[0].headers
    lines = wire.take_lines()
    assert ["GET /contacts/{id}, no version: 302"] == lines
    assert "secret" not in f"{wire._session.auth!r} {answer!r} {lines}"


def test_wire_when_the_connection_fails_then_tells_its_kind_only() -> None:
    """The text of an exception may hold an address."""
    wire, _ = _wire(Recording(error=requests.ConnectTimeout("canary value")))
    with pytest.raises(NoAnswer) as caught:
        wire.send("GET", "/me")
    assert ("the connection failed: ConnectTimeout", None) == (str(caught.value), caught.value.__cause__)
