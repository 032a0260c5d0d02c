"""The package as it is installed: what the wheel holds, and that it runs in an environment with nothing else.

The sdist and the wheel are built of a copy of the source, the wheel of the sdist; `make package-test` makes the
environment that builds them. Dependencies come at the versions of constraints.txt.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from zipfile import ZipFile

import pytest

from integration_tests.package.release_check import read_metadata
from integration_tests.support.processes import ROOT
from intercom_emulator import Intercom, Server, Settings

BUILDER = ROOT / ".venv-build" / "bin"
PYAIRBYTE = ROOT / ".venv-pyairbyte" / "bin" / "python"
CONSTRAINTS = ROOT / "constraints.txt"
CONSTRAINTS_OF_BUILD = Path(__file__).with_name("build-constraints.txt")
INSTALLER = Path(__file__).with_name("install_by_pyairbyte.py")
NAME = "airbyte-destination-intercom"
TOP_LEVEL = {"destination_intercom", "intercom_emulator"}
COMMANDS = {"destination-intercom", "airbyte-destination-intercom", "intercom-emulator"}
REPOSITORY = "https://code.example.com/team/destination-intercom"
DEADLINE = 600.0
CONFIG = {"access_token": "test-token", "events": {"mode": "enabled", "selected_events": ["Song Played"]}}

pytestmark = pytest.mark.package


def build(folder: Path, repository: str) -> Path:
    """Build the sdist and the wheel of a copy of the source in `folder`; return the wheel."""
    source = folder / "source"
    ignored = shutil.ignore_patterns("*.egg-info", "__pycache__", "metadata.yaml")
    shutil.copytree(ROOT / "destination-intercom", source / "destination-intercom", ignore=ignored)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    run(BUILDER / "python", "-m", "build", "--outdir", folder / "dist", source, REPOSITORY_URL=repository)
    (wheel,) = (folder / "dist").glob("*.whl")
    return wheel


def run(*command: object, **variables: str) -> str:
    """Run a command without any Python settings of ours; return what it printed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(
        [str(part) for part in command],
        env={**kept, "PIP_CONSTRAINT": str(CONSTRAINTS_OF_BUILD), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr).decode()[-4000:]
    return done.stdout.decode()


def uvx(*arguments: object) -> str:
    """Run a command of a package as `uvx` does, in an environment made for it."""
    return run(BUILDER / "uvx", "--constraints", CONSTRAINTS, *arguments)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built where the address of the repository is known."""
    assert (BUILDER / "uvx").exists(), "run `make package-test`"
    return build(tmp_path_factory.mktemp("package"), REPOSITORY)


@pytest.fixture(scope="module")
def files(wheel: Path) -> list[str]:
    """The names of the files in the wheel."""
    with ZipFile(wheel) as archive:
        return archive.namelist()


@pytest.fixture
def url() -> Iterator[str]:
    """The address of a local Intercom that knows one person."""
    intercom = Intercom(Settings.from_dict({}))
    intercom.seed({"contacts": [{"external_id": "1"}]})
    with Server(intercom) as server:
        yield server.url


def test_wheel_when_listed_holds_the_connector_and_the_local_intercom_alone(files: list[str]) -> None:
    """Nothing of the tests; what is no Python is there too."""
    tops = {name.partition("/")[0] for name in files}
    assert TOP_LEVEL == {name for name in tops if not name.endswith(".dist-info")}
    source = ROOT / "destination-intercom"
    wanted = {
        str(path.relative_to(source))
        for top in TOP_LEVEL
        for path in (source / top).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert wanted == {name for name in files if name.partition("/")[0] in TOP_LEVEL}
    assert {f"{top}/py.typed" for top in TOP_LEVEL} <= set(files)


def test_sdist_when_listed_holds_no_more_than_the_wheel_is_made_of(wheel: Path) -> None:
    """Whoever builds from it needs nothing else: the wheel was built from it."""
    (sdist,) = wheel.parent.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        inside = {name.split("/")[1] for name in archive.getnames() if "/" in name}
    assert {
        "destination-intercom",
        "setup.py",
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "PKG-INFO",
        "setup.cfg",
    } == inside


def test_readme_when_the_repository_is_known_has_links_that_lead_there(wheel: Path) -> None:
    """An index shows it, where no link to a file beside it leads anywhere."""
    package = read_metadata(wheel)
    links = links_of(package)
    assert [] == [link for link in links if not link.startswith("https://")]
    assert f"{REPOSITORY}/blob/v{package['Version']}/docs/intercom.md#leads" in links
    assert f"{REPOSITORY}/raw/v{package['Version']}/docs/page/overview.png" in links
    mine = [re.sub(r".*/v[^/]*/|#.*", "", link) for link in links if link.startswith(REPOSITORY)]
    assert [] == [name for name in mine if not (ROOT / name).is_file()]
    assert {"Documentation", "Changelog", "Source"} == {
        line.partition(",")[0] for line in package.get_all("Project-URL", [])
    }


def test_readme_when_the_repository_is_not_known_has_no_link_into_it(tmp_path: Path) -> None:
    """Better none than one that leads nowhere; the words stay."""
    package = read_metadata(build(tmp_path, ""))
    assert [] == [link for link in links_of(package) if not link.startswith("https://")]
    assert "See CONTRIBUTING.md." in str(package.get_payload())
    assert None is package.get_all("Project-URL")


def links_of(package: Message) -> list[str]:
    """The links of the package's README."""
    return re.findall(r"\]\(([^)\s]*)\)", str(package.get_payload()))


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_command_when_run_from_the_wheel_alone_tells_its_version(wheel: Path, command: str) -> None:
    """Each of the commands is there, in an environment that has the package and its dependencies only."""
    shown = "intercom-emulator" if command == "intercom-emulator" else "destination-intercom"
    assert f"{shown} {read_metadata(wheel)['Version']}\n" == uvx("--from", wheel, command, "--version")


def test_package_when_asked_for_by_its_name_runs(wheel: Path) -> None:
    """`uvx airbyte-destination-intercom spec`: the package's own name is a command of it."""
    told = uvx("--find-links", wheel.parent, NAME, "spec")
    spec = json.loads((ROOT / "destination-intercom" / "destination_intercom" / "spec.json").read_bytes())
    assert {"type": "SPEC", "spec": spec} == json.loads(told)


def test_check_when_run_from_the_wheel_alone_succeeds(wheel: Path, url: str, tmp_path: Path) -> None:
    """Everything that a connection needs is among the package's dependencies."""
    config = tmp_path / "config.json"
    config.write_text(json.dumps({**CONFIG, "api_base_url": url}), encoding="utf-8")
    told = [
        json.loads(line)
        for line in uvx("--from", wheel, "destination-intercom", "check", "--config", config).splitlines()
    ]
    assert ["SUCCEEDED"] == [each["connectionStatus"]["status"] for each in told if each["type"] == "CONNECTION_STATUS"]


def test_storage_when_the_extra_is_installed_is_there(wheel: Path) -> None:
    """The extra brings boto3."""
    script = "import boto3; from destination_intercom.rejects.s3 import Bucket"
    assert "" == uvx("--from", f"{NAME}[s3] @ {wheel.as_uri()}", "python", "-c", script)


def test_package_when_installed_by_pyairbyte_is_found_and_sends(wheel: Path, url: str, tmp_path: Path) -> None:
    """`get_destination("destination-intercom", pip_url=…)` installs it, finds its command and its version, and checks it."""
    job = tmp_path / "job.json"
    job.write_text(json.dumps({"pip_url": str(wheel), "config": {**CONFIG, "api_base_url": url}}), encoding="utf-8")
    folders = {
        name: str(tmp_path / name.lower())
        for name in ("AIRBYTE_PROJECT_DIR", "AIRBYTE_LOGGING_ROOT", "AIRBYTE_TEMP_DIR")
    }
    for folder in folders.values():
        Path(folder).mkdir()
    told = run(
        PYAIRBYTE,
        INSTALLER,
        job,
        **folders,
        PATH=f"{BUILDER}:{os.environ['PATH']}",
        UV_CONSTRAINT=str(CONSTRAINTS),
        AIRBYTE_INSTALL_DIR=str(tmp_path / "connectors"),
        DO_NOT_TRACK="1",
        AIRBYTE_OFFLINE_MODE="1",
    )
    assert {"version": read_metadata(wheel)["Version"], "checked": True} == json.loads(told.splitlines()[-1])


def test_tools_of_the_build_when_listed_are_pinned() -> None:
    """What builds the package is the same everywhere, setuptools too, which pyproject.toml asks for."""
    pinned = re.findall(r"^([\w-]+)==", CONSTRAINTS_OF_BUILD.read_text(encoding="utf-8"), re.MULTILINE)
    assert {"build", "uv", "setuptools"} <= set(pinned)
