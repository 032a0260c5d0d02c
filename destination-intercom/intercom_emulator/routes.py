"""The endpoints there are: their templates, the scopes they need, and which of them a method and a path mean.

What an endpoint does stands in `endpoints`; faults and counts know it by its template alone.
"""

from dataclasses import dataclass
from urllib.parse import unquote

PREVIEW = (99, 0)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint: the scope that it needs, if any, and the first version that has it.

    Which versions have the bulk endpoints, and what the others answer, is for the settings to say.
    """

    template: str
    scope: str | None
    since: tuple[int, int] = (1, 0)


ENDPOINTS = (
    Endpoint("GET /me", None),
    Endpoint("GET /contacts", "read_contacts", (2, 0)),
    Endpoint("POST /contacts", "write_contacts", (2, 0)),
    Endpoint("POST /contacts/search", "read_contacts", (2, 0)),
    Endpoint("POST /contacts/merge", "write_contacts", (2, 0)),
    Endpoint("POST /contacts/bulk", "write_contacts", (2, 0)),
    Endpoint("PUT /contacts/bulk", "write_contacts", (2, 0)),
    Endpoint("POST /contacts/bulk/delete", "write_contacts", (2, 0)),
    Endpoint("GET /contacts/bulk/{id}", "read_contacts", (2, 0)),
    Endpoint("GET /contacts/find_by_external_id/{external_id}", "read_contacts", (2, 13)),
    Endpoint("GET /contacts/{id}", "read_contacts", (2, 0)),
    Endpoint("PUT /contacts/{id}", "write_contacts", (2, 0)),
    Endpoint("DELETE /contacts/{id}", "write_contacts", (2, 0)),
    Endpoint("POST /contacts/{id}/archive", "write_contacts", (2, 0)),
    Endpoint("POST /contacts/{id}/unarchive", "write_contacts", (2, 0)),
    Endpoint("POST /contacts/{id}/companies", "write_companies", (2, 0)),
    Endpoint("GET /contacts/{id}/companies", "read_companies", (2, 0)),
    Endpoint("DELETE /contacts/{id}/companies/{company_id}", "write_companies", (2, 0)),
    Endpoint("POST /contacts/{id}/tags", "write_tags", (2, 0)),
    Endpoint("GET /contacts/{id}/tags", "read_tags", (2, 0)),
    Endpoint("DELETE /contacts/{id}/tags/{tag_id}", "write_tags", (2, 0)),
    Endpoint("POST /companies", "write_companies"),
    Endpoint("GET /companies", "read_companies"),
    Endpoint("POST /companies/list", "read_companies"),
    Endpoint("POST /companies/search", "read_companies", PREVIEW),
    Endpoint("GET /companies/{id}", "read_companies"),
    Endpoint("PUT /companies/{id}", "write_companies"),
    Endpoint("DELETE /companies/{id}", "write_companies"),
    Endpoint("GET /companies/{id}/contacts", "read_companies"),
    Endpoint("GET /tags", "read_tags"),
    Endpoint("POST /tags", "write_tags"),
    Endpoint("GET /tags/{id}", "read_tags"),
    Endpoint("DELETE /tags/{id}", "write_tags"),
    Endpoint("GET /data_attributes", "attributes"),
    Endpoint("POST /data_attributes", "attributes"),
    Endpoint("PUT /data_attributes/{id}", "attributes"),
    Endpoint("GET /events", "events"),
    Endpoint("POST /events", "events"),
)
_PLAIN = {each.template: each for each in ENDPOINTS if "{" not in each.template}


def _with_places() -> dict[tuple[str, int], list[tuple[Endpoint, list[str]]]]:
    """Return the endpoints whose paths have places, each with its parts, by their method and number of parts."""
    found: dict[tuple[str, int], list[tuple[Endpoint, list[str]]]] = {}
    for each in ENDPOINTS:
        parts = each.template.replace(" ", "").split("/")
        if "{" in each.template:
            found.setdefault((parts[0], len(parts)), []).append((each, parts))
    return found


_BY_PARTS = _with_places()


def find_endpoint(method: str, path: str) -> tuple[Endpoint | None, tuple[str, ...]]:
    """Return the endpoint that a path without its query means, and what stands in its places, percent-decoded."""
    plain = _PLAIN.get(f"{method} {path}")
    if plain is not None:
        return plain, ()
    parts = f"{method}{path}".split("/")
    for endpoint, pattern in _BY_PARTS.get((method, len(parts)), ()):
        if all(_fits(*pair) for pair in zip(pattern, parts, strict=True)):
            places = zip(pattern, parts, strict=True)
            return endpoint, tuple(unquote(part) for place, part in places if place.startswith("{"))
    return None, ()


def _fits(pattern: str, part: str) -> bool:
    """Return whether one part of a path is what the template has there."""
    return bool(part) if pattern.startswith("{") else pattern == part
