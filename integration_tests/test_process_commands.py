"""The command line: arguments, `spec` and `check`, the script at the root, the demo."""

from __future__ import annotations

import ast
import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pytest

from integration_tests.support.harness import state, to_lines
from integration_tests.support.people import refuse_marks_in, run_to_end, user
from integration_tests.support.processes import CONNECTOR, DEADLINE, ROOT

MAIN = (sys.executable, str(ROOT / "main.py"))
THIS = Path(__file__).name
KEEPS_OUT = "unit_tests/project/test_repository.py"  # it searches the repository, but for that folder
SPEC = ROOT / "destination-intercom" / "destination_intercom" / "spec.json"


@pytest.fixture
def place(make_workplace: Callable[..., Any]) -> Iterator[Any]:
    """A workplace whose output is searched for personal data at the end."""
    made = make_workplace()
    yield made
    refuse_marks_in(made)


def to_messages(output: bytes) -> list[dict[str, Any]]:
    """The messages of an output of whole lines."""
    assert output.endswith(b"\n")
    return [json.loads(line) for line in output.splitlines()]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["unheard-of"],
        ["check"],
        ["write", "--config", "c.json"],
        ["write", "--catalog", "c.json"],
        ["spec", "--unheard-of"],
        ["check", "--config", "c.json", "--catalog", "c.json"],
    ],
)
def test_arguments_when_wrong_exit_with_two(arguments: list[str]) -> None:
    """Wrong arguments are told on stderr, and stdout holds no message."""
    done = run_to_end(*arguments)
    assert done.returncode == 2
    assert b"" == done.stdout
    assert b"usage: destination-intercom" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["write", "--help"], ["check", "-h"]])
def test_help_when_asked_for_is_given(arguments: list[str]) -> None:
    """Help goes to stdout and ends well."""
    done = run_to_end(*arguments)
    assert done.returncode == 0
    assert b"usage: destination-intercom" in done.stdout
    assert b"" == done.stderr


def test_help_when_asked_for_names_each_command() -> None:
    """The list of commands is complete."""
    shown = run_to_end("--help").stdout.decode()
    assert all(command in shown for command in ("spec", "check", "write"))


@pytest.mark.parametrize("command", [CONNECTOR, MAIN], ids=["module", "script"])
def test_version_when_asked_for_is_the_installed_packages(command: tuple[str, ...]) -> None:
    """Where only the source is there, it says that."""
    try:
        version = distribution("airbyte-destination-intercom").version
    except PackageNotFoundError:
        version = "0+checkout"
    done = run_to_end("--version", command=command)
    assert (0, f"destination-intercom {version}\n") == (done.returncode, done.stdout.decode())


@pytest.mark.parametrize("command", [CONNECTOR, MAIN], ids=["module", "script"])
def test_spec_when_run_prints_one_line_equal_to_the_file(command: tuple[str, ...]) -> None:
    """The SPEC message carries the file as it is."""
    done = run_to_end("spec", command=command)
    assert done.returncode == 0
    assert b"" == done.stderr
    assert [{"type": "SPEC", "spec": json.loads(SPEC.read_bytes())}] == to_messages(done.stdout)


def test_script_at_the_root_when_nothing_is_installed_finds_the_source() -> None:
    """A checkout is enough: no installation, no PYTHONPATH, any working directory."""
    if _is_installed():
        pytest.skip("the package is installed into this environment")
    done = run_to_end("main.py", "spec", command=[sys.executable], PYTHONPATH="")
    assert done.returncode == 0
    assert b"" == done.stderr
    assert ["SPEC"] == [message["type"] for message in to_messages(done.stdout)]


def _is_installed() -> bool:
    try:
        found = distribution("airbyte-destination-intercom")
    except PackageNotFoundError:
        return False
    return str(ROOT) not in str(found.locate_file(""))


def test_check_when_all_is_well_succeeds(place: Any) -> None:
    """The last message says so, and nothing was written."""
    connector = place.start("check", "--config", place.config())
    assert connector.finish() == 0
    assert {"status": "SUCCEEDED"} == connector.messages[-1]["connectionStatus"]
    assert {"GET /me", "GET /data_attributes"} == place.intercom.dump()["calls"].keys()
    assert [] == connector.errors
    assert b"" == connector.stderr


@pytest.mark.parametrize(
    ("sections", "told"),
    [
        pytest.param({"access_token": "canary-token"}, "access_token", id="token"),
        pytest.param({"acces_token": "canary"}, "acces_token", id="unknown field"),
        pytest.param({"events": {"mode": "enabled"}}, "selected_events", id="nothing selected"),
        pytest.param(
            {
                "users": {
                    "mode": "enabled",
                    "streams": [{"stream": "users"}],
                    "attributes": [{"property": "plan", "type": "string"}],
                }
            },
            '"plan" (string)',
            id="attribute",
        ),
    ],
)
def test_check_when_something_is_wrong_fails_and_ends_well(place: Any, sections: dict[str, Any], told: str) -> None:
    """A failed check is an answer, not an error: exit code 0, and a message that names the field."""
    connector = place.start("check", "--config", place.config(**sections))
    assert connector.finish() == 0
    status = connector.messages[-1]["connectionStatus"]
    assert status["status"] == "FAILED"
    assert told in status["message"]
    assert [] == connector.errors
    assert b"" == connector.stderr


def test_commands_when_a_proxy_is_set_reach_this_machine_without_it(place: Any) -> None:
    """No proxy stands between the connector and a loopback address; the one that is set here is not there at all."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        proxy = f"http://127.0.0.1:{server.getsockname()[1]}"
    names = ("http_proxy", "https_proxy", "all_proxy")
    proxies = {each: proxy for name in names for each in (name, name.upper())} | {"no_proxy": "", "NO_PROXY": ""}
    check = place.start("check", "--config", place.config(), environment=proxies)
    assert check.finish() == 0
    assert {"status": "SUCCEEDED"} == check.messages[-1]["connectionStatus"]
    write = place.write(environment=proxies)
    assert write.finish(to_lines([user(1), state("users", 1)])) == 0
    assert [1] == [each["id"] for each in write.states]


def test_check_when_an_answer_is_odd_says_nothing_on_stderr(place: Any) -> None:
    """urllib3 warns of an odd header with the URL of the request."""
    odd = b'HTTP/1.1 200 OK\r\nno header at all\r\nConnection: close\r\n\r\n{"type":"admin"}'
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(odd)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        place.url = f"http://127.0.0.1:{server.getsockname()[1]}"
        connector = place.start("check", "--config", place.config(users=None))
        assert connector.finish() == 0
        thread.join(DEADLINE)
    assert {"status": "SUCCEEDED"} == connector.messages[-1]["connectionStatus"]
    assert b"" == connector.stderr


def test_check_when_its_file_is_missing_ends_with_one_error(place: Any) -> None:
    """Without a configuration there is nothing to check."""
    connector = place.start("check", "--config", f"{place.folder}/none.json")
    assert connector.finish() == 1
    assert ["config_error"] == [error["failure_type"] for error in connector.errors]
    assert ["TRACE"] == [message["type"] for message in connector.messages]
    assert b"" == connector.stderr


@pytest.mark.long
def test_demo_when_run_from_elsewhere_does_its_work(tmp_path: Path) -> None:
    """The demo needs no working directory, and its summary tells what happened."""
    done = run_demo(tmp_path)
    assert done.returncode == 0
    shown = done.stdout.decode()
    assert "SUCCEEDED" in shown
    assert 'Stream "users": read 300, delivered 300, filtered 0, duplicate 0, rejected 0' in shown
    assert "contacts: 300, such as" in shown
    assert "51 Song Played" in shown
    assert "filtered 54 (not_selected 45, anonymous 9)" in shown
    assert "rejected 9 (unknown_user 9)" in shown
    assert "11 states acknowledged: 739 records, 9 rejected" in shown


def run_demo(folder: Path) -> Any:
    """Run the demo's script from `folder`."""
    code = "import os, runpy, sys; _, there, sys.argv[:] = *sys.argv[:2], sys.argv[2:]; os.chdir(there)"
    code += "; runpy.run_path(sys.argv[0], run_name='__main__')"
    return run_to_end(
        "-c", code, str(folder), str(ROOT / "integration_tests" / "demo" / "demo.py"), command=[sys.executable]
    )


def test_folder_of_secrets_when_the_sources_are_searched_is_named_by_what_asks_a_real_workspace_only() -> None:
    """Nothing but `pytest -m live` and `make ask-intercom` reads a real token."""
    naming = {path.relative_to(ROOT).as_posix() for path in _sources() if path.name != THIS and _names_secrets(path)}
    assert {"integration_tests/test_live.py", "integration_tests/ask_intercom/__main__.py", KEEPS_OUT} == naming


def _sources() -> Iterator[Path]:
    for folder in ("destination-intercom", "unit_tests", "integration_tests", "benchmarks"):
        yield from (ROOT / folder).rglob("*.py")
    yield from ROOT.glob("*.py")


def _names_secrets(path: Path) -> bool:
    """Say whether a text other than a docstring is a path with a folder of that name, containers' own apart."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    texts = {
        node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    } - {ast.get_docstring(node, clean=False) for node in ast.walk(tree) if isinstance(node, _DOCUMENTED)}
    return any(_FOLDER in text.split("/") and not text.startswith(_MOUNTED) for text in texts if text)


_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_FOLDER = "secrets"
_MOUNTED = "/secrets/"
