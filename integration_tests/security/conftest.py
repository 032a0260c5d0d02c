"""What the tests of security share: an authority, an environment that names nobody, a check that does not wait."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from destination_intercom import destination
from destination_intercom.clock import SystemClock
from integration_tests.support.harness import TOKEN, config
from integration_tests.support.tls import Authority

ASKED = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "NETRC", "AWS_CA_BUNDLE")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Take away what this machine says about authorities, proxies and passwords."""
    for name in (*ASKED, *PROXIES, *(each.lower() for each in PROXIES)):
        if name in os.environ:
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Make an authority that nothing knows unless a test says so."""
    return Authority(tmp_path_factory.mktemp("authority"), "company")


class _Hasty(SystemClock):
    """The real clock, but that nobody waits between attempts."""

    def sleep(self, seconds: float) -> None:
        pass


Check = Callable[[str], dict[str, Any]]


@pytest.fixture
def check() -> Check:
    """Check a configuration for an address; the output holds no token, whatever happens."""

    def run(url: str) -> dict[str, Any]:
        document = {**config(users=None), "api_base_url": url}
        lines = list(destination.check(document, clock=_Hasty()))
        assert TOKEN.encode() not in b"".join(lines)
        status: dict[str, Any] = json.loads(lines[-1])["connectionStatus"]
        return status

    return run
