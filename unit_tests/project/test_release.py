"""`make release-check`: what it compares with the package, and that it says so where something differs."""

from __future__ import annotations

import re
import runpy
import shutil
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
import setuptools

from integration_tests.package.release_check import PAGES, find, write

ROOT = Path(__file__).resolve().parents[2]
VERSION = re.findall(r'^VERSION = "([^"]+)"$', (ROOT / "setup.py").read_text(encoding="utf-8"), re.MULTILINE)[0]


def package(
    version: str = VERSION, *, text: str = "[docs](https://example.com/docs)", home: str = "https://example.com"
) -> Message:
    """What a wheel says of itself."""
    message = Message()
    message["Name"], message["Version"] = "airbyte-destination-intercom", version
    if home:
        message["Home-page"] = home
    message.set_payload(text)
    return message


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The files that are compared, with a changelog that names this version's release."""
    (tmp_path / "docs").mkdir()
    for name in ("metadata.yaml", "Dockerfile", "CHANGELOG.md", *PAGES):
        shutil.copy(ROOT / name, tmp_path / name)
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    if f"## [{VERSION}]" not in text:
        text = text.replace("## [Unreleased]", f"## [Unreleased]\n\n## [{VERSION}] - 2026-12-01")
        (tmp_path / "CHANGELOG.md").write_text(text, encoding="utf-8")
    return tmp_path


def test_repository_when_compared_then_all_but_an_unreleased_changelog_agrees() -> None:
    """The image's label, metadata.yaml and the pages name the version of setup.py, at any time."""
    differing = {each.place for each in find(ROOT, package()) if not each.agrees}
    assert differing <= {"CHANGELOG.md, newest release"}


def test_release_when_all_agree_then_it_says_so(repository: Path) -> None:
    """One line for each place."""
    lines, agree = write(find(repository, package()), package())
    assert (True, "All agree.") == (agree, lines[-1])
    assert 9 == len([line for line in lines if line.startswith("  ok ")])


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("metadata.yaml", f"dockerImageTag: {VERSION}", "metadata.yaml, dockerImageTag"),
        ("metadata.yaml", "packageName: airbyte-destination-intercom", "metadata.yaml, remoteRegistries"),
        ("Dockerfile", f'io.airbyte.version="{VERSION}"', "Dockerfile, the image's label"),
        ("CHANGELOG.md", f"## [{VERSION}] - 20", "CHANGELOG.md, newest release"),
        *((page, f"destination-intercom:{VERSION}", f"{page}, the versions it names") for page in PAGES[:2]),
        ("docs/logs.md", f"destination-intercom {VERSION}", "docs/logs.md, the versions it names"),
    ],
)
def test_release_when_one_place_differs_then_it_is_named(repository: Path, name: str, text: str, place: str) -> None:
    """Each place is looked at: with another version, or another name, it alone is found."""
    path = repository / name
    before = path.read_text(encoding="utf-8")
    path.write_text(before.replace(text, text.replace(VERSION, "9.9.9").replace("airbyte-", ""), 1), encoding="utf-8")
    lines, agree = write(find(repository, package()), package())
    assert not agree
    assert [place] == [line[7:].partition(":")[0] for line in lines if line.startswith("  NO ")]


def test_release_when_the_package_is_of_another_version_then_every_place_is_named(repository: Path) -> None:
    """It is the package that the places are held to."""
    differing = [each for each in find(repository, package("9.9.9")) if not each.agrees]
    assert 6 == len(differing)


@pytest.mark.parametrize("made", [package(text="[docs](docs/intercom.md)"), package(text="[x](#x)"), package(home="")])
def test_release_when_a_link_of_the_package_leads_nowhere_then_it_says_so(repository: Path, made: Message) -> None:
    """Relative links, and no address that they could lead to."""
    assert 1 == sum(not each.agrees for each in find(repository, made))


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("https://host.test/team/project.git", "https://host.test/team/project"),
        ("https://host.test:8443/team/project/", "https://host.test:8443/team/project"),
        ("https://host.test/team/project.git/", "https://host.test/team/project"),
        ("https://user:t0ken@host.test/team/project.git", "https://host.test/team/project"),
        ("https://user:t0ken@with@host.test/team/project", "https://host.test/team/project"),
        ("https://t0ken@host.test/team/project", "https://host.test/team/project"),
        ("git@host.test:team/project.git", "https://host.test/team/project"),
        ("git@host.test:/team/project.git", "https://host.test/team/project"),
        ("somebody@host.test:team/project.git", "https://host.test/team/project"),
        ("ssh://git@host.test/team/project.git", "https://host.test/team/project"),
        ("ssh://git@host.test:2222/team/project.git", "https://host.test/team/project"),
        ("https://user:t0ken/t0ken@host.test/team/project", ""),
        ("https://host.test/team/project?token=t0ken", ""),
        ("http://user:t0ken@host.test/team/project", ""),
        ("/home/somebody/project", ""),
        ("../project.git", ""),
        ("file:///home/somebody/project", ""),
        ("", ""),
    ],
)
def test_address_when_git_names_it_so_then_the_package_names_it_without_any_secret(
    remote: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The package is published: its links are for a browser, and hold nobody's token."""
    told: dict[str, Any] = {}
    monkeypatch.setattr(setuptools, "setup", lambda **named: told.update(named))
    monkeypatch.setenv("REPOSITORY_URL", remote)
    monkeypatch.chdir(ROOT)
    runpy.run_path(str(ROOT / "setup.py"))
    assert (address or None) == told["url"]
    assert "t0ken" not in str(told)
