"""Say whether all that names the connector's version agrees with the package: `make release-check`.

It reads files only: what `make package` built, and what stands in the repository. Nothing is uploaded or changed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from pathlib import Path
from typing import Any, Final
from zipfile import ZipFile

import yaml

ROOT: Final = Path(__file__).resolve().parents[2]
PAGES: Final = ("README.md", "docs/intercom.md", "docs/logs.md")


@dataclass(frozen=True, slots=True)
class Finding:
    """What one place says, and what it is to say; `cure` is for a person who finds that the two differ."""

    place: str
    said: str
    wanted: str
    cure: str

    @property
    def agrees(self) -> bool:
        """Say whether the place says what it is to say."""
        return self.said == self.wanted


def read_metadata(wheel: Path) -> Message:
    """Read what a wheel says of itself.

    Raises:
        LookupError: the file is no wheel.
    """
    with ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith(".dist-info/METADATA"):
                return Parser().parsestr(archive.read(name).decode("utf-8"))
    raise LookupError(f"{wheel.name} has no METADATA")


def find(root: Path, package: Message) -> Iterator[Finding]:
    """Compare each place of the repository at `root` that names the version, or the package, with the package."""
    version = str(package["Version"])
    metadata: dict[str, Any] = yaml.safe_load((root / "metadata.yaml").read_text(encoding="utf-8"))["data"]
    yield Finding("metadata.yaml, dockerImageTag", str(metadata["dockerImageTag"]), version, "correct it")
    registered = metadata["remoteRegistries"]["pypi"]["packageName"]
    yield Finding("metadata.yaml, remoteRegistries", registered, str(package["Name"]), "correct it")
    label = _first(r'io\.airbyte\.version="([^"]*)"', root / "Dockerfile")
    yield Finding("Dockerfile, the image's label", label, version, "correct it")
    released = _first(r"^## \[(\d[^\]]*)\] - \d{4}-\d\d-\d\d$", root / "CHANGELOG.md")
    yield Finding("CHANGELOG.md, newest release", released, version, "give what is under Unreleased this heading")
    for page in PAGES:
        text = (root / page).read_text(encoding="utf-8")
        named = sorted(set(re.findall(r"destination-intercom[: ](\d+\.\d+\.\d+)", text)))
        yield Finding(f"{page}, the versions it names", ", ".join(named), version, "correct them")
    relative = re.findall(r"\]\((?!https?:)[^)\s]*\)", str(package.get_payload()))
    yield Finding("package, links to the repository's files", ", ".join(relative) or "none", "none", "report this")
    source = "an address" if package["Home-page"] else "none"
    yield Finding("package, address of the repository", source, "an address", "set REPOSITORY_URL=https://…")


def _first(pattern: str, path: Path) -> str:
    found = re.search(pattern, path.read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else "none"


def write(findings: Iterator[Finding], package: Message) -> tuple[list[str], bool]:
    """Put the findings into lines; say, too, whether all agree."""
    lines = [f"{package['Name']} {package['Version']}"]
    agree = True
    for each in findings:
        agree = agree and each.agrees
        lines.append(
            f"  ok   {each.place}: {each.said}" if each.agrees else f"  NO   {each.place}: {each.said}; {each.cure}"
        )
    lines.append("All agree." if agree else "Not ready for a release.")
    return lines, agree


def main() -> int:
    """Check the wheel that the only argument names; 1 if something does not agree."""
    package = read_metadata(Path(sys.argv[1]))
    lines, agree = write(find(ROOT, package), package)
    print("\n".join(lines))  # noqa: T201 - it talks to a person at a terminal
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
