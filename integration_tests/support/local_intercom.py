"""What Airbyte's own tests of the connector need here: the Intercom of the scenarios.

The port is a fixed one, so that files in the repository can name it, and the image on the host's network reach it.

Imported with whatever pytest is at hand, and without the libraries of our own tests: it needs the connector's alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from integration_tests.support.processes import ROOT
from intercom_emulator import Intercom, Server

SCENARIOS = ROOT / "integration_tests" / "scenarios"


@pytest.fixture(scope="session", autouse=True)
def local_intercom() -> Iterator[Intercom]:
    """Serve a workspace that takes the token `test-token` and has the custom attribute `plan`."""
    intercom = Intercom(clock=time.time)
    intercom.seed({"data_attributes": [{"name": "plan", "data_type": "string"}]})
    with make_server(intercom, json.loads((SCENARIOS / "config.json").read_bytes())["api_base_url"]):
        yield intercom


def make_server(intercom: Intercom, address: str) -> Server:
    """Listen where a scenario's configuration says; end all tests if something else does."""
    url = urlsplit(address)
    try:
        return Server(intercom, host=str(url.hostname), port=url.port or 0)
    except OSError as error:
        pytest.exit(
            f"The local Intercom cannot listen on {url.netloc} ({error.strerror}): end what uses that port, or name"
            f" another in every file of {SCENARIOS}.",
            returncode=1,
        )
