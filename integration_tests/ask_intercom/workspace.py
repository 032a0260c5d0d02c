"""The workspace: what this program made in it, by its prefix, and the refusal to write anything else.

Every write passes `Workspace.call`, which lets through only ids of things that Intercom has said to be ours, and only
names that begin with our prefix. What is to be made is noted in the journal first, so that the next start finds it.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from destination_intercom.clock import Clock
from integration_tests.ask_intercom.journal import Journal
from integration_tests.ask_intercom.wire import VERSION, Answer, NoAnswer, Wire

PREFIX = "ask-intercom-"
OURS = re.compile(rf"{PREFIX}(?:[0-9a-f]{{14}}-\d{{1,4}}(?:@example\.com)?|event|e|options|text|company)")
"""All names of ours: those of one run, and those of events and attributes, which every run uses again.

No more than that: somebody may well be called `ask-intercom-team@…`.
"""

NOBODY = "000000000000000000000000"
"""An id of nobody: an id begins with the second of its creation, and this one with 1970."""

KINDS = ("company", "tag", "contact", "attribute")
LONGEST_WAIT = 300.0

_COLLECTIONS = {"contacts": "contact", "companies": "company", "tags": "tag", "data_attributes": "attribute"}
_LISTS = {"users": "contact", "contacts": "contact", "add": "tag", "remove": "tag"}
_NAMES = ("external_id", "email", "user_id", "company_id", "event_name")
_FREE = ("custom_attributes", "metadata", "options", "job")
_REFUSED = (400, 401, 403, 409, 422)
_RACE = 404
_VERBS = ("search", "merge", "bulk", "delete")


class NotOurs(Exception):  # noqa: N818 - it says what is so
    """A write would have touched something that this program did not make; nothing was sent."""


class Workspace:
    """Makes things in a workspace, remembers them, and writes nothing else."""

    def __init__(self, wire: Wire, clock: Clock, journal: Journal) -> None:
        self.wire = wire
        self.clock = clock
        self.journal = journal
        self.run = f"{int(clock.wall()):08x}{uuid.uuid4().hex[:6]}"
        self.own: dict[str, dict[str, None]] = {kind: {} for kind in KINDS}
        self.unsure: dict[tuple[str, str], None] = {}
        """Kind and name of what may have been made, though Intercom has not said so."""
        self._number = 0
        self._crowd: list[str] = []
        self._attributes: dict[str, str] = {}

    # Writing

    def call(self, method: str, path: str, body: Any = None, *, version: str | None = VERSION) -> Answer:
        """Make a call; raise NotOurs, and send nothing, where it would write something that is not ours."""
        if method != "GET" and not path.endswith("/search"):
            self._refuse_foreign(path, body)
        return self.wire.send(method, path, body, version=version)

    def _refuse_foreign(self, path: str, body: Any) -> None:
        parts = path.partition("?")[0].strip("/").split("/")
        for collection, named in pairwise(parts):
            if collection in _COLLECTIONS and named not in _VERBS:
                self._refuse_id(_COLLECTIONS[collection], named)
        if parts[-1] in ("tags", "data_attributes") and len(parts) == 1:
            self._refuse_name(body.get("name"))
        self._refuse_within(body, "contact" if parts == ["events"] else _COLLECTIONS.get(parts[-1], ""))

    def _refuse_within(self, body: Any, kind: str) -> None:
        """Look through a body, whose own `id` is of `kind`."""
        for key, value in body.items() if isinstance(body, dict) else ():
            if key == "id":
                self._refuse_id(kind, value)
            elif key in ("from", "into"):
                self._refuse_id("contact", value)
            elif key in _NAMES and value is not None:
                self._refuse_name(value)
            elif key not in _FREE:
                for each in value if isinstance(value, list) else [value]:
                    self._refuse_within(each, _LISTS.get(key, ""))

    def _refuse_id(self, kind: str, named: object) -> None:
        if str(named) not in self.own.get(kind, ()) and named != NOBODY:
            raise NotOurs(f"a write to a {kind or 'thing'} that this program did not make")

    @staticmethod
    def _refuse_name(name: object) -> None:
        if not isinstance(name, str) or not OURS.fullmatch(name.lower().replace("é", "e")):
            raise NotOurs("a write of a name without this program's prefix")

    def adopt(self, kind: str, shown: Any, name: str = "") -> bool:
        """Take for ours what Intercom shows, if its name is one of ours; return whether it is.

        `name` is the one that it was to be made under, if it was.
        """
        if not isinstance(shown, dict) or shown.get("id") is None or not _is_ours(kind, shown):
            return False
        made = str(shown["id"])
        if made not in self.own[kind] or (kind, name) in self.unsure:
            self.own[kind][made] = None
            self.journal.note(kind, id=made, name=name)
            self.unsure.pop((kind, name), None)
        return True

    # Making

    def new_name(self) -> str:
        """Return a name that nothing has had."""
        self._number += 1
        return f"{PREFIX}{self.run}-{self._number}"

    def new_email(self) -> str:
        """Return an address that nobody has had, of a domain that is for examples."""
        return f"{self.new_name()}@example.com"

    def _make(self, kind: str, path: str, body: dict[str, Any], name: str) -> Answer:
        self.journal.note(kind, name=name)
        self.unsure[kind, name] = None
        answer = self.call("POST", path, body)
        made = answer.ok and self.adopt(kind, answer.body, name)
        # After a 404 a contact may be there a moment later, and a tag though one of its people is unknown.
        if not made and answer.status in _REFUSED:
            del self.unsure[kind, name]
        return answer

    def post_contact(self, **fields: Any) -> Answer:
        """Create a contact, or see how that is refused."""
        return self._make("contact", "/contacts", fields, fields.get("external_id") or fields["email"])

    def post_company(self, company_id: str, **fields: Any) -> Answer:
        """Create or update a company, or see how that is refused."""
        return self._make("company", "/companies", {"company_id": company_id, **fields}, company_id)

    def user(self, **fields: Any) -> str:
        """Make a user and return Intercom's id; a 404 is a race at the creation, after which a second try works."""
        answer = self.post_contact(**{"external_id": self.new_name(), **fields})
        if answer.status == _RACE and "external_id" not in fields and "email" not in fields:
            answer = self.post_contact(**{"external_id": self.new_name(), **fields})
        return _id_of(answer, "a user could not be made")

    def lead(self, email: str) -> str:
        """Make a lead and return Intercom's id."""
        return _id_of(self.post_contact(role="lead", email=email), "a lead could not be made")

    def company(self, **fields: Any) -> tuple[str, str]:
        """Make a company and return its id, Intercom's first."""
        company_id = self.new_name()
        return _id_of(self.post_company(company_id, **fields), "a company could not be made"), company_id

    def update_company(self, company_id: str, **fields: Any) -> Answer:
        """Write to a company of ours, once Intercom takes it for made."""
        answers: list[Answer] = []

        def accepted() -> bool:
            answers.append(self.post_company(company_id, **fields))
            return answers[-1].code != "unique_company_constraint"

        self.measure(accepted)
        return answers[-1]

    def tag(self, **fields: Any) -> Answer:
        """Make a tag, with people or without."""
        name = self.new_name()
        return self._make("tag", "/tags", {"name": name, **fields}, name)

    def crowd(self, count: int) -> list[str]:
        """Return the ids of so many users; they are made once."""
        while len(self._crowd) < count:
            self._crowd.append(self.user())
        return self._crowd[:count]

    def attribute(self, word: str, model: str = "contact", **fields: Any) -> str:
        """Return the name of an attribute that is usable by now: one that an earlier run archived is brought back."""
        name = PREFIX + word
        if name not in self._attributes:
            listed = self.call("GET", f"/data_attributes?model={model}&include_archived=true")
            known = next((each for each in listed.get("data") or () if each.get("name") == name), None)
            if known is None:
                made = self.post_attribute(name, model, **fields)
            else:
                self.adopt("attribute", known)
                options = {key: fields[key] for key in ("options",) if key in fields}
                made = self.call("PUT", f"/data_attributes/{known['id']}", {"archived": False, **options})
            _id_of(made, "a data attribute could not be made")
            self._attributes[name] = model
            self._wait_until_usable(name, model, fields)
        return name

    def post_attribute(self, name: str, model: str = "contact", **fields: Any) -> Answer:
        """Create a data attribute, a text unless said otherwise."""
        return self._make(
            "attribute", "/data_attributes", {"name": name, "model": model, "data_type": "string", **fields}, name
        )

    def _wait_until_usable(self, name: str, model: str, fields: dict[str, Any]) -> None:
        value = fields["options"][0]["value"] if "options" in fields else "a"
        custom = {"custom_attributes": {name: value}}
        contact = self.user() if model == "contact" else ""
        company_id = self.company()[1] if model == "company" else ""

        def carried() -> bool:
            if contact:
                return self.call("PUT", f"/contacts/{contact}", custom).ok
            return self.update_company(company_id, **custom).ok

        if self.measure(carried) is None:
            raise NoAnswer("a new data attribute was not usable for minutes")

    # Waiting

    def measure(self, attempt: Callable[[], bool], longest: float = LONGEST_WAIT) -> float | None:
        """Return after how many seconds an attempt holds; None where it does not for `longest`.

        0.0 if the first one does. The pauses grow by a quarter, and so the figure is at most as much too large.
        """
        begin = self.clock.now()
        if attempt():
            return 0.0
        while (elapsed := self.clock.now() - begin) < longest:
            self.clock.sleep(max(1.0, elapsed / 4))
            if attempt():
                return round(self.clock.now() - begin, 1)
        return None


def _id_of(answer: Answer, otherwise: str) -> str:
    """Return the id of what a call made, or raise NoAnswer."""
    if not answer.ok or answer.get("id") is None:
        raise NoAnswer(f"{otherwise}: {answer.shown}")
    return str(answer.get("id"))


def _is_ours(kind: str, shown: dict[str, Any]) -> bool:
    """Return whether what Intercom shows has a name of ours: of a contact the external_id, or the address."""
    keys = {"contact": ("external_id", "email"), "company": ("company_id",)}.get(kind, ("name",))
    return any(isinstance(shown.get(key), str) and OURS.fullmatch(shown[key]) is not None for key in keys)
