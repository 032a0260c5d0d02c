"""A workspace to look at, with something of everything: hostile values, refusals, faults, a bulk job, events."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from intercom_emulator import Intercom
from intercom_emulator.page.paths import address

HEADERS = {"Authorization": "Bearer test-token", "Content-Type": "application/json", "Intercom-Version": "2.17"}
HOSTILE = (
    "<script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 1'>",
    '"><svg onload=window.hacked=1>',
    "' onfocus=window.hacked=1 autofocus x='",
    "javascript:window.hacked=1",
    "</title></style></textarea></script><script>window.hacked=1</script>",
    "\ud800\u202e\u0000",
    "x" * 10_000,
)


@dataclass(frozen=True, slots=True)
class Place:
    """An emulator that is served."""

    intercom: Intercom
    url: str

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Call the API; return what it answers, None where that is nothing."""
        raw = b"" if body is None else json.dumps(body).encode()
        answer = self.intercom.handle(method, path, HEADERS, raw)
        return json.loads(answer.body) if answer.body else None

    @property
    def contacts(self) -> list[dict[str, Any]]:
        """All contacts."""
        contacts: list[dict[str, Any]] = self.intercom.dump()["contacts"]
        return contacts

    def pages(self) -> list[str]:
        """Return an address of every kind of page; of contacts and requests several."""
        companies = [each["id"] for each in self.intercom.dump()["companies"]]
        single = [address("contacts", each["id"]) for each in self.contacts[:: len(HOSTILE) // 2]]
        lists = [address(name) for name in ("contacts", "companies", "requests", "jobs", "definitions")]
        requests = [address("requests", str(number)) for number in (1, 3)]
        return [
            "/",
            "/?by=endpoint",
            *lists,
            address("contacts", q="<"),
            *single,
            *requests,
            address("companies", companies[0]),
        ]


def fill(intercom: Intercom) -> None:
    """Bring something of everything into a workspace."""
    contacts = [
        {
            "id": f"id{number}{word[:50]}",
            "external_id": word,
            "email": f"{word}@example.com",
            "name": word,
            "avatar": word,
            "custom_attributes": {word: word},
            "tags": [{"name": word}],
            "companies": [{"company_id": word}],
        }
        for number, word in enumerate(HOSTILE)
    ]
    intercom.seed(
        {
            "data_attributes": [{"name": word, "label": word, "options": [word, "b"]} for word in HOSTILE],
            "contacts": contacts,
            "event_names": list(HOSTILE),
        }
    )
    place = Place(intercom, "")
    ada = place.call("POST", "/contacts", {"external_id": "ada", "email": "ada@example.com", "name": "Ada"})
    place.call("PUT", f"/contacts/{ada['id']}", {"name": "Ada Lovelace", "phone": HOSTILE[0]})
    for number, word in enumerate(HOSTILE):
        event = {"event_name": word[:200], "created_at": number, "user_id": "ada", "metadata": {"a": word[:200]}}
        place.call("POST", "/events", event)
    place.call("POST", "/contacts/bulk", {"contacts": [{"external_id": "bulk", "name": HOSTILE[1]}, {}]})
    intercom.set_faults([{"endpoint": "GET /me", "kind": "html", "status": 502, "body": HOSTILE[5]}])
    for path in ("/me", "/contacts/nobody", "/%3Cscript%3Ewindow.hacked=1%3C/script%3E"):
        intercom.handle("GET", path, HEADERS)
