"""One company: what it holds, and how the API shows it. Who belongs to it, the contacts know."""

import zlib
from dataclasses import dataclass, field
from typing import Any

from intercom_emulator.answers import Refusal

FIELDS = ("name", "plan", "size", "website", "industry", "monthly_spend", "remote_created_at", "last_request_at")
_SEEDED = {*FIELDS, "id", "company_id", "created_at", "updated_at", "custom_attributes", "archived", "tags"}


@dataclass(slots=True)
class Company:
    """One company. `details` hold of `FIELDS` what is set, the plan by name; `born` is the exact time of creation."""

    id: str
    company_id: str
    created_at: int
    updated_at: int
    born: float
    details: dict[str, Any] = field(default_factory=dict)
    custom: dict[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    archived: bool = False

    def assign(self, values: dict[str, Any]) -> None:
        """Set what is given in the shape of the API, past its checks; raise ValueError for what no company has."""
        if unknown := set(values) - _SEEDED:
            raise ValueError(f"unknown keys of a company: {', '.join(sorted(unknown))}")
        for key in {"created_at", "updated_at", "archived"} & set(values):
            setattr(self, key, values[key])
        self.details |= {key: values[key] for key in FIELDS if values.get(key) is not None}
        if isinstance(values.get("plan"), dict):
            self.details["plan"] = values["plan"]["name"]
        self.custom |= values.get("custom_attributes") or {}
        self.tags = tuple(each["id"] for each in values.get("tags") or ())

    def shown(self, workspace_id: str, people: int, tags: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the company as the API shows it, its number of people and tags given; what is not set is left out."""
        details = {"monthly_spend": 0, **self.details}
        plan = details.pop("plan", None)
        shown: dict[str, Any] = {"type": "company", "company_id": self.company_id, "id": self.id}
        shown |= {"app_id": workspace_id, "created_at": self.created_at, "updated_at": self.updated_at, **details}
        shown |= {"session_count": 0, "user_count": people, "tags": {"type": "tag.list", "tags": tags}}
        shown["segments"] = {"type": "segment.list", "segments": []}
        shown["plan"] = {"type": "plan", "id": str(zlib.crc32(plan.encode())), "name": plan} if plan else {}
        return shown | {"custom_attributes": self.custom}


@dataclass(frozen=True, slots=True)
class SearchedCompany:
    """A company and how many people it has, for a search to look at."""

    company: Company
    people: int

    @property
    def id(self) -> str:
        """Intercom's id."""
        return self.company.id

    @property
    def tags(self) -> tuple[str, ...]:
        """The ids of its tags."""
        return self.company.tags

    def value_of(self, field: str) -> object:
        """Return what the company holds in a searchable field."""
        prefix, _, name = field.partition(".")
        if prefix == "custom_attributes":
            return self.company.custom.get(name)
        if field == "user_count":
            return self.people
        if field in ("session_count", "monthly_spend"):
            return self.company.details.get(field, 0)
        return self.company.details.get(field) if field in FIELDS else getattr(self.company, field)


def unknown_company() -> Refusal:
    """Return the refusal of a company that is not there."""
    return Refusal(404, "company_not_found", "Company Not Found")
