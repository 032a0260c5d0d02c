"""Whose certificates are believed: the authorities of the system, or those that the environment names.

`REQUESTS_CA_BUNDLE` (or `CURL_CA_BUNDLE`), a file or a folder, replaces all others, as it does for
every program that uses requests. Without it the system's store counts, in which a company's own
authority is installed and which OpenSSL's `SSL_CERT_FILE` and `SSL_CERT_DIR` move; and beside it the
authorities that come with requests, for a machine without a store, or with an old one.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Final

from destination_intercom.errors import ConfigurationError

VARIABLES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def make_context(bundled: str) -> ssl.SSLContext:
    """Make the context of all connections: certificate and host name are verified; `bundled` is a file.

    Raises:
        ConfigurationError: what the environment names cannot be read.
    """
    for variable in VARIABLES:
        if path := os.environ.get(variable):
            return _context_of(path, variable)
    context = ssl.create_default_context()
    context.load_verify_locations(bundled)
    return context


def _context_of(path: str, variable: str) -> ssl.SSLContext:
    try:
        if Path(path).is_dir():
            return ssl.create_default_context(capath=path)
        return ssl.create_default_context(cafile=path)
    except (OSError, ValueError):
        raise ConfigurationError(
            f"{variable} does not name a readable file or folder of PEM certificates: correct or unset it."
        ) from None
