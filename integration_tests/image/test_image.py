"""The image as Airbyte runs it: `docker run`, messages on stdin, the configuration mounted, Intercom on the host."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from benchmarks.connector import CATALOG, SELECTED, Source, serving
from integration_tests.demo.demo import ATTRIBUTES, HERE as DEMO, MESSAGES, SETTINGS
from integration_tests.image.containers import IMAGE, Container, docker, files_of, inspect, save_layers
from integration_tests.support.harness import TOKEN, config, to_lines
from integration_tests.support.people import EVENTS, make_sync, told_apart
from integration_tests.support.processes import CONNECTOR, ROOT

pytestmark = pytest.mark.image

HOME = "opt/destination-intercom"
HOST_NETWORK = ("--network", "host")
CONFIG = ("--config", "/secrets/config.json")
WRITE = ("write", *CONFIG, "--catalog", "/secrets/catalog.json")
LOCKED = ("--read-only", "--network", "none", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
SOON = 6.0
"""Seconds for what must not wait for the kill that follows `docker stop` after ten."""
MANY = 150_000
ONE_IN = 100
DEMO_WORDS = ("event", "other", "search", "second", "states")
"""Values of the demo's records that are words of the connector, too."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of the layers that the image adds to its base: path from the root, and bytes."""
    return dict(files_of(save_layers(tmp_path_factory.mktemp("layers"))))


@pytest.fixture
def start() -> Iterator[Callable[..., Container]]:
    """Start containers that are removed at the end of the test."""
    started: list[Container] = []

    def run(*arguments: str, **how: Any) -> Container:
        started.append(Container(*arguments, **how))
        return started[-1]

    yield run
    for container in started:
        container.clean()


@pytest.fixture
def place(make_workplace: Callable[..., Any]) -> Any:
    """A workplace whose folder the image's user can read."""
    return opened(make_workplace())


def opened(place: Any) -> Any:
    """Let the image's user read a workplace's folder."""
    place.folder.chmod(0o755)
    return place


def run_shell(script: str, *options: str) -> str:
    """Run a script in the image; give its output."""
    return docker("run", "--rm", *options, "--entrypoint", "sh", IMAGE, "-c", script)


# What it is


def test_spec_when_locked_up_then_it_is_the_file(start: Callable[..., Container]) -> None:
    """Airbyte asks for the spec first: no network, no writing to disk, no capability is needed for it."""
    container = start("spec", options=LOCKED)
    assert container.finish() == 0
    spec = json.loads((ROOT / "destination-intercom" / "destination_intercom" / "spec.json").read_bytes())
    assert [{"type": "SPEC", "spec": spec}] == container.messages
    assert b"" == container.stderr


def test_version_when_asked_for_then_it_is_the_labels() -> None:
    """Whoever runs the image by hand learns which one it is."""
    version = inspect(IMAGE)["Config"]["Labels"]["io.airbyte.version"]
    assert f"destination-intercom {version}\n" == docker("run", "--rm", *LOCKED, IMAGE, "--version")


def test_labels_when_read_then_they_are_those_of_the_metadata() -> None:
    """Name and version, of the image that was built."""
    data = yaml.safe_load((ROOT / "metadata.yaml").read_text(encoding="utf-8"))["data"]
    labels = inspect(IMAGE)["Config"]["Labels"]
    assert (data["dockerRepository"], data["dockerImageTag"]) == (
        labels["io.airbyte.name"],
        labels["io.airbyte.version"],
    )


def test_entrypoint_when_read_then_airbyte_finds_it_too() -> None:
    """The platform starts what AIRBYTE_ENTRYPOINT names, not the image's entry point."""
    told = inspect(IMAGE)["Config"]
    environment = dict(each.split("=", 1) for each in told["Env"])
    assert [environment["AIRBYTE_ENTRYPOINT"]] == told["Entrypoint"]
    assert environment["AIRBYTE_ENTRYPOINT"].startswith("/")
    assert environment["PYTHONUNBUFFERED"] == "1"


def test_user_when_asked_then_it_has_no_privileges() -> None:
    """The process is `airbyte`, who can write nothing of what it runs."""
    told = run_shell(f"id -u; id -un; pwd; find /{HOME} -writable ! -type l | head -n 1")
    assert ["1000", "airbyte", "/airbyte/integration_code"] == told.split()
    assert inspect(IMAGE)["Config"]["User"] == "airbyte"


# What it holds


def test_layers_when_listed_then_they_hold_only_what_runs(files: dict[str, bytes]) -> None:
    """One folder; no emulator, nor its command, no tests, pip or cache."""
    parts = Counter(part for name in files for part in name.split("/"))
    assert [] == [name for name in files if not name.startswith(f"{HOME}/")]
    assert f"{HOME}/bin/destination-intercom" in files
    assert {} == {
        part: parts[part]
        for part in (
            "intercom_emulator",
            "intercom-emulator",
            "unit_tests",
            "integration_tests",
            "pytest",
            "pip",
            ".cache",
            "pip.conf",
        )
        if part in parts
    }
    assert [] == [name for name in files if "/tests/" in name]


def test_layers_when_listed_then_every_module_is_compiled(files: dict[str, bytes]) -> None:
    """The user may not write there, so what is not compiled is compiled again at each start."""
    compiled = {
        re.sub(r"__pycache__/([^/]+)\.cpython-\d+\.pyc$", r"\1.py", name) for name in files if name.endswith(".pyc")
    }
    sources = {name for name in files if name.endswith(".py") and "/site-packages/" in name}
    assert len(sources) > 1000
    assert set() == sources - compiled


def machine_traces() -> list[bytes]:
    """What this machine's build must not leave behind: the checkout, and where pip looks for packages here."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    values = {
        word.strip("'")
        for line in told.splitlines()
        if not re.search(r"\bcert=", line)
        for word in line.split("=", 1)[1].split()
    }
    paths = [value for value in values if "/" in value]
    paths += [host for value in paths if (host := urlsplit(value).hostname) and "." in host]
    return [each.encode() for each in (str(ROOT), "pip-certificates.pem", *sorted(paths))]


def test_image_when_searched_then_nothing_names_the_machine_that_built_it(files: dict[str, bytes]) -> None:
    """No path of the checkout, no index, no folder of wheels: in a file, a .pyc, RECORD or the image's history."""
    needles = machine_traces()
    # A dependency may name some home in an example; what we install may not.
    home = f"{Path.home()}/".encode()
    ours = re.compile(rf"{HOME}/(bin/|pyvenv\.cfg|.*/destination_intercom)")
    found = [
        (name, needle)
        for name, content in files.items()
        for needle in (*needles, *([home] if ours.match(name) else []))
        if needle in content
    ]
    assert [] == found
    told = docker("history", "--no-trunc", IMAGE) + json.dumps(inspect(IMAGE)["Config"])
    assert [] == [needle for needle in needles if needle.decode() in told]


def test_direct_url_when_read_then_it_is_the_folder_of_the_build(files: dict[str, bytes]) -> None:
    """Pip writes down what it installed from: a folder of the stage that builds."""
    urls = [json.loads(content)["url"] for name, content in files.items() if name.endswith("/direct_url.json")]
    assert ["file:///build"] == urls


def test_dependencies_when_checked_then_they_fit_and_import() -> None:
    """Each package has what it needs, at the versions of constraints.txt; what was left out is needed by none."""
    python = f"/{HOME}/bin/python"
    script = (
        "from importlib.metadata import distributions; import json;"
        "import airbyte_cdk, numpy.testing, pandas, destination_intercom;"
        "destination_intercom.DestinationIntercom;"
        "print(json.dumps({d.name: d.version for d in distributions()}))"
    )
    told = run_shell(
        f"{python} -m pip check 2>/dev/null; python -m pip --python {python} check; {python} -c '{script}'"
    )
    *checked, installed = told.splitlines()
    assert ["No broken requirements found."] == checked
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {normal(line.split("==")[0]) for line in lines if "==" in line}
    versions = {re.sub(r"\s*;.*", "", line).partition("==")[2] for line in lines}
    others = {name: version for name, version in json.loads(installed).items() if normal(name) not in pinned}
    assert {"airbyte-destination-intercom"} == set(others)
    assert set() == set(json.loads(installed).values()) - versions - set(others.values())


def normal(name: str) -> str:
    """Write a package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


# What it does


@pytest.mark.parametrize(("token", "status"), [(TOKEN, "SUCCEEDED"), ("another", "FAILED")])
def test_check_when_run_then_it_tells_the_right_token(
    place: Any, start: Callable[..., Container], token: str, status: str
) -> None:
    """The verdict is a message; the exit code says that there is one."""
    place.config(access_token=token)
    container = start("check", *CONFIG, secrets=place.folder, options=(*HOST_NETWORK, "--read-only"))
    assert container.finish() == 0
    assert [status] == [each["status"] for each in container.of_type("CONNECTION_STATUS")]
    assert b"" == container.stderr


def demo_place(make_workplace: Callable[..., Any]) -> Any:
    """A workplace with the demo's settings, configuration and catalog."""
    place = opened(make_workplace(**SETTINGS))
    place.intercom.seed({"data_attributes": [{"name": name, "data_type": kind} for name, kind in ATTRIBUTES.items()]})
    place.file("config.json", {**json.loads((DEMO / "config.json").read_bytes()), "api_base_url": place.url})
    place.file("catalog.json", (DEMO / "catalog.json").read_bytes())
    return place


def test_write_when_given_the_demo_then_intercom_holds_what_the_process_writes(
    make_workplace: Callable[..., Any], start: Callable[..., Container]
) -> None:
    """Contacts, events and states are those of the connector without a container."""
    lines = b"".join((DEMO / name).read_bytes() for name in MESSAGES)
    bare, boxed = demo_place(make_workplace), demo_place(make_workplace)
    files = [str(bare.folder / name) for name in ("config.json", "catalog.json")]
    # The demo's data are real words, and some are ours as well.
    container = start(*WRITE, secrets=boxed.folder, options=(*HOST_NETWORK, "--read-only"), words=DEMO_WORDS)
    container.send(lines)
    process = subprocess.run(
        [*CONNECTOR, "write", "--config", files[0], "--catalog", files[1]],
        input=lines,
        stdout=subprocess.PIPE,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "destination-intercom")},
    )
    assert container.finish() == 0
    expected = told_apart(bare.intercom.dump())
    assert min(len(expected["contacts"]), len(expected["events"])) > 0
    assert expected == told_apart(boxed.intercom.dump())
    messages = [json.loads(line) for line in process.stdout.splitlines()]
    assert lines.count(b'"STATE"') == len(container.of_type("STATE"))
    assert [each["state"] for each in messages if each["type"] == "STATE"] == container.of_type("STATE")


def sync(place: Any) -> list[dict[str, Any]]:
    """Prepare a small sync; give its messages."""
    place.config(events=EVENTS)
    place.catalog()
    return make_sync(40)


def test_write_when_stdin_stays_open_then_states_come(place: Any, start: Callable[..., Container]) -> None:
    """No buffer of the image, the engine or ours holds a state back."""
    messages = sync(place)
    sent = [each["state"]["id"] for each in messages if each["type"] == "STATE"]
    container = start(*WRITE, secrets=place.folder, options=HOST_NETWORK)
    container.send(to_lines(messages))
    assert sent == [each["state"]["id"] for each in container.wait_for("STATE", len(sent))]
    assert container.process.poll() is None
    assert container.finish() == 0


def test_write_when_the_container_is_stopped_then_it_ends_in_order(
    make_workplace: Callable[..., Any], start: Callable[..., Container]
) -> None:
    """Process 1 heeds SIGTERM: the states of what was delivered are out, in order, and the code is 143."""
    place = opened(make_workplace(latency=0.05))
    messages = sync(place)
    container = start(*WRITE, secrets=place.folder, options=HOST_NETWORK)
    container.send(to_lines(messages))
    container.wait_for("STATE", 2)
    assert container.stop(grace=30) < SOON
    assert container.finish() == 143
    sent = [each["state"]["id"] for each in messages if each["type"] == "STATE"]
    states = [each["id"] for each in container.of_type("STATE")]
    assert sent[: len(states)] == states
    assert [] == container.of_type("TRACE")


def test_check_when_the_container_is_stopped_then_it_ends_at_once(
    make_workplace: Callable[..., Any], start: Callable[..., Container]
) -> None:
    """The kernel ignores a signal that process 1 has no handler for; there is one."""
    place = opened(make_workplace(faults=[{"endpoint": "GET /me", "kind": "stall"}]))
    place.config()
    container = start("check", *CONFIG, secrets=place.folder, options=HOST_NETWORK)
    wait_until(lambda: place.intercom.exchanges() or place.intercom.dump()["calls"])
    assert container.stop() < SOON
    assert container.finish() == 143


def wait_until(condition: Callable[[], object]) -> None:
    """Wait for what a container brings about."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


@pytest.mark.parametrize("command", [("check", *CONFIG), WRITE], ids=["check", "write"])
def test_command_when_nothing_is_mounted_then_one_error(
    start: Callable[..., Container], command: tuple[str, ...]
) -> None:
    """A configuration that is not there is told once, as Airbyte expects it."""
    container = start(*command, options=LOCKED)
    assert container.finish() == 1
    assert ["config_error"] == [each["error"]["failure_type"] for each in container.of_type("TRACE")]
    assert b"" == container.stderr


def test_write_when_memory_is_512_mebibytes_then_it_suffices(place: Any, start: Callable[..., Container]) -> None:
    """Records of a source's whole day pass through without piling up; a kill for want of memory would be 137."""
    place.file("catalog.json", CATALOG)
    events = {
        "mode": "enabled",
        "streams": [{"stream": "events", "event_name_property": "event_type", "created_at_property": "event_time"}],
        "selected_events": [SELECTED],
    }
    limits = ("--memory", "512m", "--memory-swap", "512m")
    with serving() as server:
        document = config(events=events, users={"mode": "disabled"})
        place.file("config.json", {**document, "api_base_url": server.url})
        container = start(*WRITE, secrets=place.folder, options=(*HOST_NETWORK, *limits))
        container.send(*Source().mixed(MANY, one_in=ONE_IN))
        container.wait_for("STATE", MANY // 10_000)
        used = docker("inspect", "--format", "{{.HostConfig.Memory}} {{.State.OOMKilled}}", container.name)
        assert container.finish() == 0
        assert MANY // ONE_IN == server.account().granted
    assert [str(512 << 20), "false"] == used.split()
    assert MANY == sum(each["destinationStats"]["recordCount"] for each in container.of_type("STATE"))


# What Airbyte's own tool says


def test_cdk_image_test_when_run_then_it_passes(tmp_path: Path) -> None:
    """`airbyte-cdk image test` starts the image for the scenarios of acceptance-test-config.yml."""
    connector = ROOT / "destination-intercom"
    leftovers = [path for path in (connector / ".tmp", connector / "build") if not path.exists()]
    # Its containers must reach the local Intercom, which listens on the host.
    wrapper, real = tmp_path / "docker", shlex.quote(str(shutil.which("docker")))
    wrapper.write_text(
        "#!/bin/sh\n"
        'case "$*" in *--network=*) ;; run\\ *) shift; set -- run --network=host "$@" ;; esac\n'
        f'exec {real} "$@"\n'
    )
    wrapper.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        # One test asks Airbyte's registry whether an older version is published; here nothing but loopback is asked.
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "PYTEST_ADDOPTS": "-p no:cacheprovider",
    }
    tool = Path(sys.executable).with_name("airbyte-cdk")
    command = [str(tool), "image", "test", str(connector), "--image", IMAGE]
    try:
        done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
        report = ET.parse(connector / "build" / "test-results" / "standard-tests-junit.xml").getroot()  # noqa: S314
    finally:
        for path in leftovers:
            shutil.rmtree(path, ignore_errors=True)
    assert done.returncode == 0, done.stdout[-5000:]
    passed = Counter(
        re.sub(r"\[.*", "", str(case.get("name"))) for case in report.iter("testcase") if case.find("skipped") is None
    )
    scenarios = yaml.safe_load((connector / "acceptance-test-config.yml").read_text(encoding="utf-8"))
    tests = scenarios["acceptance_tests"]
    assert len(tests["connection"]["tests"]) == passed["test_docker_image_build_and_check"]
    assert len(tests["spec"]["tests"]) == passed["test_docker_image_build_and_config_matches_spec"]
    assert passed["test_docker_image_build_and_spec"] == 1
