"""What the package is, what it needs and what it installs. Exact versions of the whole tree: constraints.txt."""

from pathlib import Path

from setuptools import find_packages, setup

SOURCE_ROOT = "destination-intercom"

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

setup(
    name="destination-intercom",
    version="0.1.0",
    description="An Airbyte destination that sends events and contacts to Intercom",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author="destination-intercom contributors",
    license="MIT",
    license_files=["LICENSE"],
    package_dir={"": SOURCE_ROOT},
    # Development finds the emulator too; the image is built without its folder (.dockerignore), so it never ships.
    packages=find_packages(SOURCE_ROOT),
    package_data={
        "destination_intercom": ["spec.json"],
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
    entry_points={"console_scripts": ["destination-intercom = destination_intercom.run:main"]},
)
