"""The logs of some syncs, as a person on call finds them; docs/logs.md shows and explains them.

    .venv/bin/python -m integration_tests.support.sample_logs

prints them for the page. Time is virtual, so an hour costs a second.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import requests

from destination_intercom.delivery.mailbox import Mailbox
from destination_intercom.pipeline import Terminated
from integration_tests.support.harness import (
    EmulatorTransport,
    Result,
    ScriptedStdin,
    config,
    record,
    state,
    to_lines,
    write,
)
from integration_tests.support.virtual_clock import VirtualClock
from intercom_emulator import Intercom, Settings

T0 = 1_769_860_800
EMITTED = T0 * 1000
Message = dict[str, Any]

CONFIGURATION = config(
    events={
        "mode": "enabled",
        "streams": [{"stream": "orders", "event_name": "ordered", "created_at_property": "ordered_at"}],
    },
    users={"mode": "enabled", "streams": [{"stream": "users"}], "attributes": [{"property": "name"}]},
)


def user(number: int) -> Message:
    """A record of a person."""
    return record("users", user_id=f"u{number}", name=f"Name {number}")


def order(number: int, **more: Any) -> Message:
    """A record of an event."""
    message = record("orders", **{"user_id": f"u{number % 20}", "ordered_at": T0 + number, **more})
    message["record"]["emitted_at"] = EMITTED + 1000 * number
    return message


PEOPLE = {"contacts": [{"external_id": f"u{number}", "name": f"Name {number}"} for number in range(20)]}


def run(
    stdin: Any,
    clock: VirtualClock,
    *,
    transport: Callable[[Intercom, VirtualClock], EmulatorTransport] = EmulatorTransport,
    settings: Message | None = None,
    **more: Any,
) -> Result:
    """Run a sync of people who are there and of their orders."""
    intercom = Intercom(Settings.from_dict({"latency": 0.05, **(settings or {})}), clock=clock.wall)
    intercom.seed(PEOPLE)
    return write(
        stdin,
        intercom=intercom,
        clock=clock,
        configuration=CONFIGURATION,
        transport=transport(intercom, clock),
        **more,
    )


def healthy() -> Result:
    """All goes well."""
    messages = [*map(user, range(22)), state("users", 1), *map(order, range(40)), state("orders", 2)]
    return run(messages, VirtualClock())


def rejections() -> Result:
    """Three kinds of rejection, of which one takes a whole stream."""
    messages = [
        *map(user, range(20)),
        *(order(number, ordered_at=None) for number in range(3)),
        *(order(number, user_id={"id": number}) for number in range(2)),
        *(order(number, user_id=f"guest{number}") for number in range(2)),
        state("users", 1),
        state("orders", 2),
    ]
    return run(messages, VirtualClock())


class Broken(EmulatorTransport):
    """An Intercom that answers events with a page of a proxy between two moments, in seconds from the start."""

    def __init__(self, intercom: Intercom, clock: VirtualClock, begin: float, end: float) -> None:
        super().__init__(intercom, clock)
        self._span = (clock.now() + begin, clock.now() + end)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Answer a call."""
        response = super().send(request, *args, **kwargs)
        if request.path_url == "/events" and self._span[0] <= self.clock.now() < self._span[1]:
            response.status_code = 502
            response._content = b"<html>Bad Gateway</html>"
            response.headers["Content-Type"] = "text/html"
        return response


def outage() -> Result:
    """Intercom does not answer events for three minutes, in the middle of a sync."""
    clock = VirtualClock()
    stdin = ScriptedStdin(
        clock,
        (0.0, to_lines([*map(user, range(20)), state("users", 1)])),
        (15.0, to_lines([*map(order, range(40)), state("orders", 2)])),
        (290.0, b""),
    )
    return run(stdin, clock, transport=partial(Broken, begin=15.0, end=195.0))


def shared() -> Result:
    """Other apps of the workspace take nine tenths of the quota."""
    messages = [*map(user, range(20)), state("users", 1), *map(order, range(1200)), state("orders", 2)]
    return run(messages, VirtualClock(), settings={"other_apps_per_window": 1500})


def hour() -> Result:
    """A sync whose source sends an order every five minutes for more than an hour."""
    clock = VirtualClock()
    pieces = [(300.0 * number, to_lines([order(number), state("orders", number + 1)])) for number in range(14)]
    return run(ScriptedStdin(clock, *pieces, (4300.0, b"")), clock)


def stopped() -> Result:
    """Somebody cancels the sync while Intercom does not answer."""
    clock = VirtualClock()
    mailbox = Mailbox(clock)
    first = [*map(user, range(20)), state("users", 1)]
    stdin = ScriptedStdin(
        clock,
        (0.0, to_lines(first)),
        (5.0, to_lines([*map(order, range(40)), state("orders", 2)])),
        (25.0, lambda: mailbox.stop("SIGTERM")),
        (9999.0, b""),
    )
    return run(stdin, clock, transport=partial(Broken, begin=5.0, end=9999.0), mailbox=mailbox)


class Buggy(EmulatorTransport):
    """A connector with a bug in it, met at the first event."""

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Answer a call, or not."""
        if request.path_url == "/events":
            raise AssertionError
        return super().send(request, *args, **kwargs)


def crashed() -> Result:
    """The connector has a bug."""
    clock = VirtualClock()
    messages = [*map(user, range(20)), state("users", 1), order(1), state("orders", 2)]
    return run(messages, clock, transport=Buggy)


SAMPLES: dict[str, Callable[[], Result]] = {
    "A healthy sync": healthy,
    "Three kinds of rejection": rejections,
    "An outage in the middle": outage,
    "A quota that others use": shared,
    "An hour": hour,
    "A sync that was cancelled": stopped,
    "A crash": crashed,
}
"""A sync for each section of the page."""


MORE = "…"
"""Stands for further lines like the one before."""


def shape(line: str) -> str:
    """A line without its numbers, times and lengths of time, which differ from run to run, as those on progress do."""
    if line.startswith("INFO Progress: "):
        return "INFO Progress"
    # Whether a whole window was seen is a matter of chance in a short sync.
    line = re.sub(r"; this sync used .*", ".", line)
    line = re.sub(r"after [0-9a-z ]+ (?:seconds?|minutes?)", "after N", line)
    return re.sub(r"\d[\d,.:]*", "N", line)


def shorten(lines: list[str]) -> list[str]:
    """Leave out, of lines in a row that differ in their numbers only, all but the first."""
    shown: list[str] = []
    for line in lines:
        last = next((each for each in reversed(shown) if each != MORE), "")
        if shape(last) != shape(line):
            shown.append(line)
        elif shown[-1] != MORE:
            shown.append(MORE)
    return shown


def lines_of(result: Result) -> list[str]:
    """The log as Airbyte shows it, and the error that ended the sync."""
    logs = [message["log"] for message in result.messages if message["type"] == "LOG"]
    lines = [f"{log['level']} {log['message']}" for log in logs]
    # A stop that was asked for is no error.
    failed = result.error is not None and not isinstance(result.error, Terminated)
    return [*lines, f"ERROR {result.error.failure_type}: {result.error.message}"] if failed and result.error else lines


if __name__ == "__main__":
    for title, sample in SAMPLES.items():
        sys.stdout.write("\n".join([f"## {title}\n\n```log", *shorten(lines_of(sample())), "```\n\n"]))
