"""Who may ask: nobody under another host's name, and of a browser's other pages none that would change something.

A page of another site can make a browser send a form to a loopback address, and, by a name of its own that it lets
resolve to one (DNS rebinding), read the answer. The first says so in Origin and Sec-Fetch-Site, the second in Host.
"""

from collections.abc import Mapping

_NAMES = ("127.0.0.1", "localhost", "[::1]")
_HTTP_PORT = 80


class Guard:
    """Knows the names under which a server at an address is asked; header names are in lower case."""

    def __init__(self, address: str, port: int) -> None:
        names = {*_NAMES, f"[{address}]" if ":" in address else address}
        self._hosts = {f"{name}:{port}" for name in names} | (names if port == _HTTP_PORT else set())

    def knows_host(self, headers: Mapping[str, str]) -> bool:
        """Return whether a request means this server; one without a Host comes from no browser."""
        host = headers.get("host")
        return host is None or host.lower() in self._hosts

    def is_from_elsewhere(self, headers: Mapping[str, str]) -> bool:
        """Return whether a browser says that another site makes this request; a client that is none says nothing."""
        origin = headers.get("origin")
        foreign = origin is not None and not self._is_own(origin)
        return foreign or headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")

    def is_from_own_page(self, headers: Mapping[str, str]) -> bool:
        """Return whether a browser says that a page of this server makes this request."""
        says = {"sec-fetch-site", "origin"} & set(headers)
        return bool(says) and headers.get("sec-fetch-site") != "none" and not self.is_from_elsewhere(headers)

    def _is_own(self, origin: str) -> bool:
        scheme, _, host = origin.partition("://")
        return scheme == "http" and host.lower() in self._hosts
