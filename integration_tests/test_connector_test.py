"""`airbyte-cdk connector test`: it passes as the repository is, and each of its scenarios can fail."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from integration_tests.support.local_intercom import SCENARIOS, make_server
from integration_tests.support.processes import DEADLINE, ROOT
from intercom_emulator import Intercom

COMMAND = "import sys; from airbyte_cdk.cli.airbyte_cdk import cli; sys.argv[0] = 'airbyte-cdk'; cli()"
FOLDER = "destination-intercom"
PARTS = ("pyproject.toml", "conftest.py", "metadata.yaml", FOLDER, "integration_tests")
WARNINGS_ARE_ERRORS = ("-W", "error", "-W", "ignore:This class is experimental:DeprecationWarning")
OUTCOME = re.compile(r"^(PASSED|FAILED|ERROR) \S+::test_(\w+)\[(.*)\](?: - .*)?$", re.MULTILINE)

CHECKED = ["'invalid_config'", "'unknown_attribute'", "'wrong_token'", "scenarios/'config'"]
HELD_TO_SPEC = ["demo/'config'", "scenarios/'config'"]
EVERY = sorted(
    [("check", f"{name} Test Scenario") for name in CHECKED]
    + [("config_matches_spec", f"{name} Test Scenario") for name in HELD_TO_SPEC]
)


class Checkout:
    """A copy of what the command needs of the repository, with a port of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()
        hidden = shutil.ignore_patterns("__pycache__", ".*", "build", "*.egg-info")
        for part in PARTS:
            if (ROOT / part).is_dir():
                shutil.copytree(ROOT / part, root / part, symlinks=True, ignore=hidden)
            else:
                shutil.copy(ROOT / part, root / part)
        with socket.create_server(("127.0.0.1", 0)) as server:
            address = f"http://127.0.0.1:{server.getsockname()[1]}"
        for path in (root / "integration_tests" / "scenarios").iterdir():
            self.change(path.stem, api_base_url=address)

    def change(self, name: str, **fields: Any) -> None:
        """Replace fields of a scenario's configuration."""
        path = self.root / "integration_tests" / "scenarios" / f"{name}.json"
        path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **fields}), encoding="utf-8")

    def rewrite(self, path: str, old: str, new: str) -> None:
        """Replace the first `old` in a file by `new`."""
        text = (self.root / path).read_text(encoding="utf-8")
        assert old in text
        (self.root / path).write_text(text.replace(old, new, 1), encoding="utf-8")

    def test(self) -> tuple[int, dict[str, list[tuple[str, str]]]]:
        """Run the command; give the exit code, and which tests ended how."""
        options = [f"--pytest-arg={each}" for each in ("-rA", "-p", "no:cacheprovider", *WARNINGS_ARE_ERRORS)]
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, "connector", "test", f"./{FOLDER}", *options],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": f"{self.root / FOLDER}{os.pathsep}{self.root}"},
            timeout=3 * DEADLINE,
        )
        ends: dict[str, list[tuple[str, str]]] = {}
        for outcome, kind, scenario in OUTCOME.findall(done.stdout):
            ends.setdefault(outcome, []).append((kind, scenario))
        return done.returncode, {outcome: sorted(each) for outcome, each in ends.items()}


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """The repository as it is."""
    return Checkout(tmp_path / "checkout")


@pytest.mark.long
def test_command_when_run_from_a_clone_passes(checkout: Checkout) -> None:
    """A good configuration, a wrong token, an invalid one, an attribute that is missing, and the demo's."""
    assert (0, {"PASSED": EVERY}) == checkout.test()


@pytest.mark.long
def test_command_when_the_settings_above_ask_for_what_is_missing_passes(checkout: Checkout) -> None:
    """It runs with a pytest of Airbyte's, where nothing of ours is installed but the connector."""
    checkout.rewrite("pyproject.toml", 'minversion = "8"', 'minversion = "99"')
    checkout.rewrite("conftest.py", "import signal", "import no_such_library")
    assert (0, {"PASSED": EVERY}) == checkout.test()


@pytest.mark.long
def test_command_when_nothing_is_as_the_scenarios_say_fails_each(checkout: Checkout) -> None:
    """Intercom refuses the good token and takes the wrong one; the invalid is valid, the missing is there, and so on."""
    good = json.loads((SCENARIOS / "config.json").read_bytes())
    wrong = json.loads((SCENARIOS / "wrong_token.json").read_bytes())["access_token"]
    checkout.change("invalid_config", events=good["events"], access_token=wrong)
    checkout.change("unknown_attribute", users=good["users"], access_token=wrong)
    tokens = f"Intercom(Settings.from_dict({{'tokens': {{{wrong!r}: '*'}}}}), clock=time.time)"
    checkout.rewrite("integration_tests/support/local_intercom.py", "Intercom(clock=time.time)", tokens)
    checkout.rewrite("integration_tests/support/local_intercom.py", "import Intercom,", "import Intercom, Settings,")
    checkout.rewrite("integration_tests/demo/config.json", '"users"', '"people"')
    held = ("config_matches_spec", "scenarios/'config' Test Scenario")
    assert (1, {"FAILED": [each for each in EVERY if each != held], "PASSED": [held]}) == checkout.test()


def test_local_intercom_when_its_port_is_taken_says_so() -> None:
    """One message that names the port ends all tests."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(pytest.exit.Exception, match=rf"127\.0\.0\.1:{port} \(Address already in use\)"):
            make_server(Intercom(), f"http://127.0.0.1:{port}")


def _differences(one: Any, other: Any, place: str = "") -> list[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        names = sorted({*one, *other})
        return [each for name in names for each in _differences(one.get(name), other.get(name), f"{place}/{name}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return [each for number, pair in pairs for each in _differences(*pair, f"{place}/{number}")]
    return [] if one == other else [place]


def test_scenarios_when_compared_differ_from_the_good_one_in_one_place() -> None:
    """What fails there can fail for that reason only."""
    good = json.loads((SCENARIOS / "config.json").read_bytes())
    others = {path.stem: json.loads(path.read_bytes()) for path in SCENARIOS.iterdir() if path.stem != "config"}
    assert {
        "wrong_token": ["/access_token"],
        "invalid_config": ["/events/streams/0/created_at_property"],
        "unknown_attribute": ["/users/attributes/1/property"],
    } == {name: _differences(good, document) for name, document in others.items()}
