"""What the tests of `ask_intercom` work with: an emulated workspace with other people's things in it, and a run."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from requests.adapters import BaseAdapter

from integration_tests.ask_intercom.__main__ import main
from integration_tests.ask_intercom.journal import Journal
from integration_tests.ask_intercom.questions import all_questions
from integration_tests.ask_intercom.run import Outcome, run
from integration_tests.ask_intercom.wire import Wire
from integration_tests.ask_intercom.workspace import Workspace
from integration_tests.support.harness import TOKEN, EmulatorTransport, config
from integration_tests.support.virtual_clock import VirtualClock
from intercom_emulator import Intercom, Settings

HOME = "https://api.intercom.io"
ELSEWHERE = "https://api.eu.intercom.io"
CANARIES = (
    "canary-7f3a",
    "canary-9b1c@secret.example",
    "Canary Person",
    "canary-company",
    "canary tag",
    "canary_attribute",
)
OTHERS: dict[str, Any] = {
    "data_attributes": [{"name": "canary_attribute"}, {"name": "canary_of_companies", "model": "company"}],
    "tags": [{"name": "canary tag"}],
    "companies": [{"company_id": "canary-company", "name": "Canary Company"}, {"company_id": "ask-intercom-team"}],
    "contacts": [
        {
            "external_id": "canary-7f3a",
            "email": "canary-9b1c@secret.example",
            "name": "Canary Person",
            "custom_attributes": {"canary_attribute": "canary value"},
            "tags": [{"name": "canary tag"}],
            "companies": [{"company_id": "canary-company"}, {"company_id": "ask-intercom-team"}],
        },
        # Whoever is called nearly as we are is somebody else all the same.
        {"external_id": "ask-intercom-canary", "email": "ask-intercom-team@secret.example"},
        {"role": "lead", "email": "ask-intercom-1@example.com"},
    ],
}


FIRST_ANSWERS: dict[str, Any] = {}
OTHER_ANSWERS: dict[str, Any] = {
    "create_with_known_email": "second",
    "company_without_people": "hidden",
    "company_after_archive": "new",
    "tag_unknown": "refuse_late",
    "bulk_gone": "ignore",
    "upgraded_lead": "drop",
    "refused_field": "field",
    "search_lag": 60.0,
    "event_lag": 8.0,
    "attribute_lag": 5.0,
    "company_race": 3.0,
    "bulk_duration": 30.0,
}
WORLDS = {"first answers": FIRST_ANSWERS, "other answers": OTHER_ANSWERS}
QUICK = ("--only", "8a")
"""Arguments with which the program looks for what is left, and asks next to nothing."""


class Killed(BaseException):
    """The process ends here: nothing of it runs any more."""


class Dying(EmulatorTransport):
    """A transport of a process that is killed at a call: before it, or when it was carried out and not yet answered."""

    def __init__(self, intercom: Intercom, clock: VirtualClock, *, at: int, carried_out: bool) -> None:
        super().__init__(intercom, clock)
        self._left = at
        self._carried_out = carried_out

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        self._left -= 1
        if self._left == 0 and self._carried_out:
            super().send(request, *args, **kwargs)
        if self._left <= 0:
            raise Killed
        return super().send(request, *args, **kwargs)


class Hosts(BaseAdapter):
    """Intercom's hosts: each has a transport of its own."""

    def __init__(self, transports: Mapping[str, BaseAdapter]) -> None:
        super().__init__()
        self._transports = dict(transports)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        host = str(request.url)[: -len(request.path_url)]
        return self._transports[host].send(request, *args, **kwargs)

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class Place:
    """An emulated workspace and a folder for what the program writes."""

    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock = VirtualClock()
        self.intercom = Intercom(Settings.from_dict(self.settings), clock=self.clock.wall)
        self.intercom.seed(copy.deepcopy(OTHERS))
        self.before = self.alive()
        self.said: list[str] = []

    def alive(self) -> dict[str, Any]:
        """Return what the workspace has that is not gone."""
        contents = self.intercom.dump()
        gone = ("archived", "deleted", "merged_into")
        kept = {
            part: [each for each in contents[part] if not any(each.get(how) for how in gone)]
            for part in ("contacts", "companies", "tags", "data_attributes")
        }
        return copy.deepcopy(kept)

    def main(
        self,
        *arguments: str,
        transport: BaseAdapter | None = None,
        environment: Mapping[str, str] | None = None,
        type_in: Callable[[str], str] = lambda _: "Emulated",
    ) -> int:
        """Run the program and return its exit code."""
        self.folder.mkdir(exist_ok=True)
        path = self.folder / "config.json"
        if not path.exists():
            path.write_text(json.dumps(config(api_base_url="http://127.0.0.1:9", access_token=TOKEN)))
        return main(
            ["--config", str(path), "--out", str(self.out), "--journal", str(self.journal), *arguments],
            clock=self.clock,
            transport=transport or EmulatorTransport(self.intercom, self.clock),
            type_in=type_in,
            environment={} if environment is None else environment,
            say=self.said.append,
        )

    def writes(self) -> list[dict[str, Any]]:
        """Return the exchanges that are no reads, the searches being reads."""
        exchanges = self.intercom.exchanges()
        return [each for each in exchanges if each["method"] != "GET" and not each["path"].endswith("/search")]

    @property
    def out(self) -> Path:
        """Where the report goes."""
        return self.folder / "out"

    @property
    def journal(self) -> Path:
        """Where the journal is kept."""
        return self.folder / "journal"

    def report(self) -> dict[str, Any]:
        """Return the report."""
        document: dict[str, Any] = json.loads((self.out / "answers.json").read_bytes())
        return document

    def workspace(self, transport: BaseAdapter | None = None) -> Workspace:
        """Return the workspace as the program has it, on Intercom's own host."""
        carried = transport or EmulatorTransport(self.intercom, self.clock)
        return Workspace(Wire(HOME, TOKEN, self.clock, transport=carried), self.clock, Journal(self.journal, "here"))

    def ask(self, *numbers: str, abroad: Mapping[str, Any] | None = None) -> Outcome:
        """Ask some questions, another region's host being at hand."""
        foreign = {"foreign_tokens": [TOKEN], **(abroad or {})}
        hosts = {HOME: self.intercom, ELSEWHERE: Intercom(Settings.from_dict(foreign), clock=self.clock.wall)}
        transport = Hosts({host: EmulatorTransport(each, self.clock) for host, each in hosts.items()})
        questions = [each for each in all_questions([ELSEWHERE]) if each.number in numbers]
        return run(self.workspace(transport), questions, self.said.append)
