"""Files that must agree with one another: versions, hosts, links."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from destination_intercom.configuration.config import REGION_HOSTS
from destination_intercom.configuration.storage_config import S3

ROOT = Path(__file__).resolve().parents[2]
METADATA: dict[str, Any] = yaml.safe_load((ROOT / "metadata.yaml").read_text(encoding="utf-8"))["data"]

# Put together here, so that this file does not name them either.
REGISTRIES = (
    ("pypi", "org"),
    ("pythonhosted", "org"),
    ("npmjs", "org"),
    ("proxy", "golang", "org"),
    ("crates", "io"),
)
FOREIGN_FOLDERS = frozenset(
    {".git", ".tmp", "build", "dist", "secrets", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}
    | {".hypothesis", "node_modules"}
)
FOREIGN_ENDINGS = (".egg-info",)
FOREIGN_BEGINNINGS = (".venv",)
"""The environments: `.venv`, and one for each other program that make installs, such as `.venv-audit`."""


def _setup_constant(name: str) -> str:
    (value,) = re.findall(rf'^{name} = "([^"]+)"$', (ROOT / "setup.py").read_text(encoding="utf-8"), re.MULTILINE)
    return str(value)


def _is_foreign(folder: str) -> bool:
    is_tools = folder.startswith(FOREIGN_BEGINNINGS) or folder.endswith(FOREIGN_ENDINGS)
    return is_tools or folder in FOREIGN_FOLDERS


def test_folders_when_make_builds_an_environment_then_it_is_none_of_ours() -> None:
    """What a target installs names registries, and is searched for them by nobody."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    made = set(re.findall(r"(\.venv[a-z-]*)/\.ready", makefile))
    assert {".venv", ".venv-audit"} <= made
    assert [] == [folder for folder in sorted(made) if not _is_foreign(folder)]


def _files() -> Iterator[Path]:
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if not _is_foreign(name)]
        yield from (Path(folder, name) for name in names)


def test_changelog_when_it_names_a_released_version_then_the_newest_is_ours() -> None:
    """What is not released yet stands under Unreleased."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## \[([^\]]+)\]", text, re.MULTILINE)
    released = [heading for heading in headings if heading != "Unreleased"]
    assert [] != headings
    assert released[:1] in ([], [_setup_constant("VERSION")])


def test_name_when_it_is_written_then_everywhere_the_same() -> None:
    """Airbyte takes the connector's name from the folder of metadata.yaml; the package has its usual prefix."""
    label = f'io.airbyte.name="{METADATA["dockerRepository"]}"'
    package = METADATA["remoteRegistries"]["pypi"]["packageName"]
    assert ("destination-intercom", "airbyte-destination-intercom") == (METADATA["dockerRepository"], package)
    assert f'name="{package}"' in (ROOT / "setup.py").read_text(encoding="utf-8")
    assert label in (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_metadata_link_when_followed_then_it_is_the_file_above() -> None:
    """Airbyte's own tools look for metadata.yaml beside the source."""
    link = ROOT / "destination-intercom" / "metadata.yaml"
    assert (True, (ROOT / "metadata.yaml").resolve()) == (link.is_symlink(), link.resolve(strict=True))


def test_base_image_when_it_is_written_then_twice_the_same() -> None:
    """The image is built from what metadata.yaml promises, and from no other that takes its name later."""
    base = METADATA["connectorBuildOptions"]["baseImage"]
    assert re.fullmatch(r"docker\.io/airbyte/python-connector-base:[\d.]+@sha256:[0-9a-f]{64}", base)
    assert f"ARG BASE_IMAGE={base}\n" in (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_allowed_hosts_when_the_platform_enforces_them_then_every_region_and_storage_answers() -> None:
    """A host that is not allowed could be chosen and never reached; the platform fills in the fields that it names."""
    storages = ["*.amazonaws.com", "*.amazonaws.com.cn", "${object_storage_config.s3_endpoint}"]
    assert [*(urlsplit(host).hostname for host in REGION_HOSTS.values()), *storages] == METADATA["allowedHosts"][
        "hosts"
    ]
    assert "s3_endpoint" in S3.model_fields


def test_metadata_when_airbyte_reads_it_then_it_has_what_is_required() -> None:
    """The fields that Airbyte requires, and the icon that it names."""
    required = [
        "name",
        "definitionId",
        "connectorType",
        "connectorSubtype",
        "dockerRepository",
        "dockerImageTag",
        "license",
        "documentationUrl",
        "githubIssueLabel",
        "releaseStage",
    ]
    assert [] == [name for name in required if not METADATA.get(name)]
    assert ("destination", "api", True) == (
        METADATA["connectorType"],
        METADATA["connectorSubtype"],
        "language:python" in METADATA["tags"],
    )
    assert (ROOT / METADATA["icon"]).is_file()


@pytest.mark.parametrize("host", REGISTRIES, ids="-".join)
def test_files_when_searched_then_none_names_a_registry(host: tuple[str, ...]) -> None:
    """Where packages come from is the machine's business."""
    needle = ".".join(host).encode()
    assert [] == [str(path.relative_to(ROOT)) for path in _files() if path.is_file() and needle in path.read_bytes()]
