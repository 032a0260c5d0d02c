"""How `make ask-intercom` starts, where it refuses to, and how it calls."""

from __future__ import annotations

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
from integration_tests.ask_intercom.wire import TIMEOUT, NoAnswer, Wire
from integration_tests.support.asking import HOME, QUICK, Place
from integration_tests.support.harness import TOKEN, EmulatorTransport, config
from integration_tests.support.processes import ROOT
from integration_tests.support.virtual_clock import VirtualClock
from intercom_emulator import Intercom, Server, Settings
from intercom_emulator.settings import SCOPES


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
    assert [] == place.writes()
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
        assert [] == place.writes()
        assert "looks like no test workspace" in place.said[-1]


def test_program_when_ctrl_c_is_pressed_at_the_prompt_then_nothing_is_written(tmp_path: Path) -> None:
    """No traceback either."""

    def type_in(_: str) -> str:
        raise KeyboardInterrupt

    place = Place(tmp_path)
    assert (130, []) == (place.main(type_in=type_in), place.writes())
    assert "Nothing was written." == place.said[-1]


def test_program_when_the_workspace_has_a_name_that_a_terminal_would_obey_then_it_is_shown_plainly(
    tmp_path: Path,
) -> None:
    """Whoever names a workspace does not move the reader's cursor."""
    me = {"type": "admin", "app": {"name": "A\x1b[2Jb", "id_code": "x"}}
    place = Place(tmp_path)
    place.intercom.set_faults([{"endpoint": "GET /me", "kind": "json", "status": 200, "body": me}])
    assert 1 == place.main(type_in=lambda _: "A")
    assert place.said[0].startswith("Workspace: A?[2Jb, with ")


def test_program_when_another_run_asks_the_workspace_then_it_refuses(tmp_path: Path) -> None:
    """Each would take away what the other makes."""
    place, codes = Place(tmp_path), list[int]()

    class Second(EmulatorTransport):
        def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
            if request.method == "POST" and not codes:
                codes.append(place.main(*QUICK))
            return super().send(request, *args, **kwargs)

    assert 0 == place.main("--only", "5a", transport=Second(place.intercom, place.clock))
    assert [1] == codes
    assert "Another run asks this workspace: wait for its end. Nothing was written." in place.said
    assert 0 == place.main(*QUICK)


def test_program_when_the_app_lacks_a_permission_then_the_other_questions_are_asked(tmp_path: Path) -> None:
    """The report says which calls were refused, and with which code."""
    scopes = [each for each in SCOPES if each not in ("write_companies", "read_companies")]
    place = Place(tmp_path, {"tokens": {TOKEN: scopes}})
    assert 0 == place.main(), place.said
    answers = {each["number"]: each["answer"] for each in place.report()["questions"]}
    assert "no answer: a company could not be made: 401 token_unauthorized" == answers["21c"]
    assert "409 conflict; the message names the id of who has it" == answers["5a"]
    assert place.before == place.alive()


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
    assert [] == list((tmp_path / "journal").glob("*.jsonl"))


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
    """A redirect is not followed nor parsed, and nothing that can be printed shows the token."""
    transport = Recording((302, {"Location": "https://["}))
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
