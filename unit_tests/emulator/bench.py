"""What the emulator's tests work with: an emulator, a clock that they move, and calls in one line."""

import json
from typing import Any

from intercom_emulator import Answer, Intercom, Settings

START = 1_700_000_005.0  # in the middle of a window of 10 seconds
HEADERS = {
    "Authorization": "Bearer test-token",
    "Accept": "application/json",
    "Content-Type": "application/json",
    "Intercom-Version": "2.16",
}


class Bench:
    """An emulator with settings, and its clock."""

    def __init__(self, **settings: Any) -> None:
        self.now = START
        self.intercom = Intercom(Settings.from_dict(settings), clock=lambda: self.now)

    def ask(self, method: str, path: str, body: object = None, **headers: str | None) -> Answer:
        """Call the emulator; a header given as None is left out."""
        sent = HEADERS | {name.replace("_", "-"): value for name, value in headers.items()}
        raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.intercom.handle(method, path, {k: v for k, v in sent.items() if v is not None}, raw)

    def get(self, path: str) -> Any:
        """Return the decoded body of a GET."""
        return decoded(self.ask("GET", path))

    def create(self, **fields: Any) -> dict[str, Any]:
        """Create a contact and return it."""
        created: dict[str, Any] = good(self.ask("POST", "/contacts", fields))
        return created

    def company(self, company_id: str, **fields: Any) -> dict[str, Any]:
        """Create or update a company and return it."""
        kept: dict[str, Any] = good(self.ask("POST", "/companies", {"company_id": company_id, **fields}))
        return kept

    def attach(self, contact: dict[str, Any], company: dict[str, Any]) -> Answer:
        """Attach a contact to a company."""
        return self.ask("POST", f"/contacts/{contact['id']}/companies", {"id": company["id"]})

    def tag(self, name: str, *contacts: dict[str, Any]) -> Answer:
        """Tag contacts, each an object with an id, in one call."""
        return self.ask("POST", "/tags", {"name": name, "users": [{"id": each["id"]} for each in contacts]})

    def bulk(self, method: str, path: str, *items: object, **more: object) -> Answer:
        """Make a bulk call, in version 2.17."""
        return self.ask(method, f"/contacts/bulk{path}", {"contacts": list(items), **more}, Intercom_Version="2.17")

    def job(self, answer: Answer) -> dict[str, Any]:
        """Return the job of a bulk call that was taken, as it is by now."""
        assert answer.status == 202, answer.body
        path = f"/contacts/bulk/{decoded(answer)['id']}"
        polled: dict[str, Any] = good(self.ask("GET", path, Intercom_Version="2.17"))
        return polled

    def update(self, contact: dict[str, Any], **fields: Any) -> Answer:
        """Update a contact."""
        return self.ask("PUT", f"/contacts/{contact['id']}", fields)

    def attribute(self, name: str, data_type: str = "string", **fields: Any) -> None:
        """Seed a custom attribute, of contacts unless `model` says otherwise."""
        self.intercom.seed({"data_attributes": [{"name": name, "data_type": data_type, **fields}]})

    def found(self, field: str, operator: str, value: object) -> list[str]:
        """Return the external ids that a search with one filter finds, sorted."""
        query = {"query": {"field": field, "operator": operator, "value": value}, "pagination": {"per_page": 150}}
        return ids(self.ask("POST", "/contacts/search", query))

    def send(self, **fields: Any) -> Answer:
        """Send an event, called `ordered` at second 5 unless said otherwise."""
        return self.ask("POST", "/events", {"event_name": "ordered", "created_at": 5, **fields})


def decoded(answer: Answer) -> Any:
    """Return an answer's body; None where it is empty."""
    return json.loads(answer.body) if answer.body else None


def good(answer: Answer) -> Any:
    """Return the body of an answer that must be 200."""
    assert answer.status == 200, answer.body
    return decoded(answer)


def ids(answer: Answer) -> list[str]:
    """Return the external ids of a list, sorted."""
    return sorted(each["external_id"] for each in good(answer)["data"])


def refusal(answer: Answer) -> tuple[int, str, str]:
    """Return status, code and message of a refusal."""
    error = decoded(answer)["errors"][0]
    return answer.status, error["code"], error["message"]


def code(answer: Answer) -> tuple[int, str]:
    """Return status and code of a refusal."""
    return refusal(answer)[:2]
