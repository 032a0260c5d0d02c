"""What the package is, what it needs and what it installs. Exact versions of the whole tree: constraints.txt.

The version stands here. What must repeat it (the image's label, metadata.yaml, the changelog, pages that name the
image) is held to it by tests, and before a release by `make release-check`.
"""

import os
import re
from pathlib import Path

from setuptools import find_packages, setup

VERSION = "0.1.0"
SOURCE_ROOT = "destination-intercom"
PACKAGES = find_packages(SOURCE_ROOT)


def find_address(remote: str) -> str:
    """Return where a browser finds what git calls `remote`, an https address; "" where that cannot be told.

    Nobody's user name, password or token is in it, for it is published with the package.
    """
    web = re.fullmatch(r"https://(?:[^/]*@)?([^/@?#]+)/+([^@?#]+)", remote)
    ssh = re.fullmatch(r"ssh://(?:[^/]*@)?([^/@:?#]+)(?::\d+)?/+([^@?#]+)", remote)
    short = re.fullmatch(r"[^/@:]+@([^/@:]+):/*([^@?#]+)", remote)
    found = web or ssh or short
    return "" if found is None else f"https://{found[1]}/{found[2].rstrip('/').removesuffix('.git')}"


REPOSITORY_URL = find_address(os.environ.get("REPOSITORY_URL", "").strip())
"""Where everybody can read the project, for links in the package; `make package` takes it from git's remote."""

S3 = ["boto3>=1.40,<2"]
"""For rejected records in object storage; the image has it."""

TESTS = [
    "cryptography>=45",  # authorities and certificates, made for a test
    *S3,
    "flask>=3.1,<4",  # these three are a local S3
    "flask-cors>=6,<7",
    "moto[s3]>=5.1,<6",
    "hypothesis>=6.100,<7",
    "mypy>=2.4,<3",
    "openapi-core>=0.23,<0.24",
    "pytest>=9,<10",
    "pytest-xdist>=3.8,<4",
    "pyyaml>=6,<7",
    "requests-mock>=1.12,<2",
    "ruff>=0.17,<0.18",
    "types-PyYAML>=6",
    "types-requests>=2.32",
]

SCRIPTS = {
    # The second is the package's own name, so that `uvx airbyte-destination-intercom` finds a command to run.
    "destination-intercom": "destination_intercom.run:main",
    "airbyte-destination-intercom": "destination_intercom.run:main",
    "intercom-emulator": "intercom_emulator.__main__:main",
}


def describe() -> str:
    """Return README.md with links that lead somewhere outside of the repository too.

    They lead to this version's files in the repository. Where nobody has said what its address is, only the text of
    these links is left.
    """
    text = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
    if not REPOSITORY_URL:
        return re.sub(r"!?\[([^\]]*)\]\((?!https?:)[^)\s]*\)", r"\1", text)
    files = f"{REPOSITORY_URL}/{{}}/v{VERSION}/"
    text = re.sub(r"(!\[[^\]]*\]\()(?!https?:)", rf"\1{files.format('raw')}", text)
    text = re.sub(r"(\]\()(?=#)", rf"\1{files.format('blob')}README.md", text)
    return re.sub(r"(\]\()(?!https?:)", rf"\1{files.format('blob')}", text)


def name_pages() -> dict[str, str]:
    """Return the addresses that an index shows beside the package."""
    if not REPOSITORY_URL:
        return {}
    files = f"{REPOSITORY_URL}/blob/v{VERSION}"
    return {
        "Documentation": f"{files}/docs/intercom.md",
        "Changelog": f"{files}/CHANGELOG.md",
        "Source": REPOSITORY_URL,
    }


setup(
    name="airbyte-destination-intercom",
    version=VERSION,
    description="An Airbyte destination that sends events and contacts to Intercom",
    long_description=describe(),
    long_description_content_type="text/markdown",
    author="destination-intercom contributors",
    url=REPOSITORY_URL or None,
    project_urls=name_pages(),
    license="MIT",
    license_files=["LICENSE"],
    keywords=["airbyte", "airbyte destination", "intercom", "reverse etl"],
    classifiers=[
        "Environment :: Console",
        "Intended Audience :: Developers",
        "Operating System :: POSIX",
        "Programming Language :: Python :: 3",
        "Typing :: Typed",
    ],
    package_dir={"": SOURCE_ROOT},
    packages=PACKAGES,
    package_data={
        "destination_intercom": ["py.typed", "spec.json"],
        "intercom_emulator": ["py.typed"],
        "intercom_emulator.page": ["style.css", "script.js", "icon.svg"],
    },
    python_requires=">=3.10,<3.14",
    install_requires=[
        "airbyte-cdk>=7.39,<8",
        "jinja2>=3.1.6,<3.2",
        "orjson>=3.10,<4",
        "pydantic>=2.10,<3",
        "requests>=2.32,<3",
        "tenacity>=9,<10",
        "tzdata>=2025.2",
        "urllib3>=2.6,<3",
    ],
    extras_require={"s3": S3, "tests": TESTS, "dev": TESTS},
    # The image is built without the emulator's folder (.dockerignore), and so without its command.
    entry_points={
        "console_scripts": [
            f"{name} = {place}" for name, place in SCRIPTS.items() if place.partition(".")[0] in PACKAGES
        ]
    },
)
