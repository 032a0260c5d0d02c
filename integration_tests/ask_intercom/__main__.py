"""The program: says what it would do where, asks for leave, asks the questions, writes the report."""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from requests.adapters import BaseAdapter

from destination_intercom.clock import Clock, SystemClock
from destination_intercom.configuration.config import REGION_HOSTS, parse_config
from destination_intercom.errors import ConfigurationError
from integration_tests.ask_intercom.journal import Journal
from integration_tests.ask_intercom.question import Question
from integration_tests.ask_intercom.questions import NOT_ASKED, all_questions
from integration_tests.ask_intercom.report import write_report
from integration_tests.ask_intercom.run import Outcome, Say, run
from integration_tests.ask_intercom.wire import Answer, NoAnswer, Wire
from integration_tests.ask_intercom.workspace import Workspace
from intercom_emulator import Settings

ROOT = Path(__file__).resolve().parents[2]
LARGE = 1000
"""More contacts than a test workspace has: there CONFIRM=yes is not enough."""

CALLS_AROUND = 150
"""Calls of the start, and of the cleanup."""

_INTERRUPTED = 130
LEFT_FOR_GOOD = (
    "contacts and tags are deleted, companies and data attributes archived, for they cannot be deleted; the events go"
    " with their contacts, but three event names of the workspace's 120 stay taken"
)


class Refused(Exception):  # noqa: N818 - it says what is so
    """The program does not run; the message says why."""


def _say(line: str) -> None:
    """Print a line at once, into a pipe too."""
    print(line, flush=True)  # noqa: T201 - it talks to a person at a terminal


def main(
    arguments: Sequence[str] | None = None,
    *,
    clock: Clock | None = None,
    transport: BaseAdapter | None = None,
    type_in: Callable[[str], str] = input,
    environment: Mapping[str, str] = os.environ,
    say: Say = _say,
) -> int:
    """Run the program and return its exit code: 0, 1 where it refused or left something behind, 130 for Ctrl-C."""
    options = _parse(arguments)
    clock = clock or SystemClock()
    try:
        config = _read_config(options.config)
        hosts = REGION_HOSTS.values()
        others = [each for each in hosts if each != config.base_url] if config.base_url in hosts else []
        questions = _chosen(all_questions(others), options.only)
        wire = Wire(config.base_url, config.token, clock, transport=transport)
        me = _look(wire)
        _confirm(wire, me, questions, type_in=type_in, environment=environment, say=say)
        outcome = _run(Workspace(wire, clock, _journal(options.journal, me)), questions, say)
    except Refused as refusal:
        say(str(refusal))
        return 1
    except NoAnswer as error:
        say(f"Intercom does not answer: {error}.")
        return 1
    except KeyboardInterrupt:
        say("Nothing was written.")
        return _INTERRUPTED
    date = dt.datetime.fromtimestamp(clock.wall(), tz=dt.timezone.utc).date().isoformat()
    defaults = dataclasses.asdict(Settings())
    files = write_report(options.out, outcome, date=date, not_asked=NOT_ASKED, defaults=defaults)
    say(f"\n{wire.calls} calls. The report: " + ", ".join(map(str, files)))
    say(f"It holds no personal data. The first lines of {files[0].name} say what to do with it.")
    for kind, count in outcome.left.items():
        say(f"Left behind: {count} × {kind}. Run it again, which takes them away.")
    return _INTERRUPTED if outcome.interrupted else 1 if outcome.left else 0


def _journal(folder: Path, me: Answer) -> Journal:
    """Return the workspace's journal."""
    return Journal(folder, str(me.get("app", "id_code") or "unknown"))


def _run(workspace: Workspace, questions: list[Question], say: Say) -> Outcome:
    """Ask the questions, unless another run does so in this workspace."""
    if not workspace.journal.lock():
        raise Refused("Another run asks this workspace: wait for its end. Nothing was written.")
    try:
        return run(workspace, questions, say)
    finally:
        workspace.journal.unlock()


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="ask-intercom", description=__doc__)
    parser.add_argument("--config", type=Path, default=ROOT / "secrets" / "config.json", help="secrets/config.json")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "ask-intercom", help="where the report goes")
    parser.add_argument("--journal", type=Path, default=ROOT / "secrets" / "ask-intercom", help=argparse.SUPPRESS)
    parser.add_argument("--only", default="", help="numbers of questions, such as 5,9,17a")
    return parser.parse_args(arguments)


def _read_config(path: Path) -> Any:
    if not path.exists():
        raise Refused(f"{path} is absent: secrets/README.md says what belongs there.")
    try:
        return parse_config(json.loads(path.read_bytes()))
    except ValueError:
        raise Refused(f"{path} is no JSON.") from None
    except ConfigurationError as error:
        raise Refused(str(error)) from None


def _chosen(questions: list[Question], only: str) -> list[Question]:
    """Return the questions whose number is listed, with its letter or without; all of them if nothing is."""
    wanted = [each.strip() for each in only.split(",") if each.strip()]
    numbers = {each.number: each.number.rstrip("abcdefghijk") for each in questions}
    unknown = [each for each in wanted if each not in numbers and each not in numbers.values()]
    if unknown:
        raise Refused(f"There is no question {', '.join(unknown)}. There are {', '.join(numbers)}.")
    return [each for each in questions if not wanted or {each.number, numbers[each.number]} & set(wanted)]


def _look(wire: Wire) -> Answer:
    """Return who the token belongs to."""
    me = wire.send("GET", "/me")
    if me.status == 401:
        raise Refused(f"Intercom refuses the token: {me.shown}. Copy it again from the test workspace's app.")
    if not me.ok:
        raise Refused(f"Intercom refuses to say whose the token is: {me.shown}.")
    return me


def _confirm(
    wire: Wire,
    me: Answer,
    questions: list[Question],
    *,
    type_in: Callable[[str], str],
    environment: Mapping[str, str],
    say: Say,
) -> None:
    """Say what would be done where, and go on only with leave: the workspace's name typed, or CONFIRM=yes."""
    # A terminal would obey what else a name can hold.
    name = "".join(each if each.isprintable() else "?" for each in str(me.get("app", "name") or "unnamed")).strip()
    count = wire.send("GET", "/contacts?per_page=1").get("total_count")
    say(f"Workspace: {name}, with {count if isinstance(count, int) else 'an unknown number of'} contacts.")
    say(
        f"{len(questions)} questions, at most about {sum(each.calls for each in questions) + CALLS_AROUND} calls,"
        f" which take some minutes. If each item of a bulk call counts against the quota,"
        f" {sum(each.items for each in questions)} calls more."
    )
    say(f"This is for a TEST workspace: it makes contacts, companies, tags and events. At the end {LEFT_FOR_GOOD}.")
    if environment.get("CONFIRM") == "yes":
        if not isinstance(count, int) or count > LARGE:
            raise Refused(
                f"The workspace has more than {LARGE} contacts, or does not tell: this looks like no test workspace."
                " Run it in a terminal without CONFIRM, and type its name."
            )
        return
    try:
        typed = type_in("Type the workspace's name to go on: ")
    except EOFError:
        raise Refused("Nobody confirmed. In a terminal type the workspace's name; elsewhere set CONFIRM=yes.") from None
    if typed.strip() != name:
        raise Refused("That is not its name. Nothing was written.")


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(main())
