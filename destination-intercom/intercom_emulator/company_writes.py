"""Creating and updating companies: which bodies Intercom takes, what they do, and what it refuses.

Fields, bounds and the refusal of unknown fields are those of the 2.16 description.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from intercom_emulator.answers import Refusal, invalid, is_finite
from intercom_emulator.attributes import DataAttributes
from intercom_emulator.companies import Companies
from intercom_emulator.company import Company
from intercom_emulator.settings import Settings
from intercom_emulator.values import check_boolean, check_integer, check_text, check_time

_MOST_SPENT = 2**31 - 1
_CHECKS: dict[str, Callable[[str, object], None]] = {
    "name": check_text,
    "plan": check_text,
    "size": check_integer,
    "website": check_text,
    "industry": check_text,
    "remote_created_at": check_time,
    "update_last_request_at": check_boolean,
}
_UPDATED = {"name", "plan", "size", "website", "industry", "monthly_spend", "custom_attributes"}
_UPSERTED = _UPDATED | {"company_id", "remote_created_at", "update_last_request_at"}


@dataclass(frozen=True, slots=True)
class CompanyWriter:
    """Carries out POST and PUT of companies at one time (unix seconds)."""

    companies: Companies
    attributes: DataAttributes
    settings: Settings
    now: float

    def upsert(self, body: dict[str, Any], *, racing: bool = True) -> Company:
        """Create the company of a company_id or update it, or refuse all of the body; an archived one comes back.

        Calls race for the creation of a company; with `racing` False this is no call.
        """
        _refuse_unknown(body, _UPSERTED)
        company_id = body.get("company_id")
        if not company_id:
            raise invalid("company_id is required", field="company_id")
        check_text("company_id", company_id)
        values, custom = self._values(body), self._custom(body)
        company = self.companies.latest(company_id)
        if racing and company is not None and self.now - company.born < self.settings.company_race:
            raise Refusal(400, "unique_company_constraint", "Company already exists.")
        if company is None or (company.archived and self.settings.company_after_archive == "new"):
            company = self.companies.make(company_id, self.now)
        company.archived = False
        return self._write(company, values, custom)

    def update(self, company: Company, body: dict[str, Any]) -> Company:
        """Change what the body names and keep the rest, or refuse all of it."""
        _refuse_unknown(body, _UPDATED)
        return self._write(company, self._values(body), self._custom(body))

    def _write(self, company: Company, values: dict[str, Any], custom: dict[str, Any]) -> Company:
        merged = company.details | values
        company.details = {key: value for key, value in merged.items() if value is not None}
        # As with contacts: what was set and is cleared stays as null, what was never set does not appear.
        company.custom |= {key: value for key, value in custom.items() if value is not None or key in company.custom}
        company.updated_at = int(self.now)
        return company

    def _values(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the standard fields that the body sets, null for one to clear, or refuse it."""
        values: dict[str, Any] = {}
        for name, check in _CHECKS.items():
            if name in body:
                check(name, body[name])
                values[name] = body[name]
        if "monthly_spend" in body:
            values["monthly_spend"] = self._spend(body["monthly_spend"])
        if values.pop("update_last_request_at", None):
            values["last_request_at"] = int(self.now)
        return self._without_nulls(values)

    def _spend(self, value: float | None) -> int | None:
        """Return a monthly spend as it is kept: cut to a whole number, and within 32 bits."""
        if value is None:
            return None
        if not is_finite(value):
            raise invalid("monthly_spend must be an integer", field="monthly_spend")
        whole = int(value)
        if abs(whole) > _MOST_SPENT and self.settings.monthly_spend_beyond == "refuse":
            raise invalid(f"monthly_spend must not exceed {_MOST_SPENT}", field="monthly_spend")
        return max(-_MOST_SPENT, min(_MOST_SPENT, whole))

    def _custom(self, body: dict[str, Any]) -> dict[str, Any]:
        accepted = self.attributes.accept(body.get("custom_attributes"), "company", self.settings, self.now)
        return self._without_nulls(accepted)

    def _without_nulls(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return the values, their nulls treated as the settings have it."""
        nulls = [key for key, value in values.items() if value is None]
        if nulls and self.settings.company_nulls == "refuse":
            raise invalid(f"{nulls[0]} must not be null", field=nulls[0])
        if self.settings.company_nulls == "ignore":
            return {key: value for key, value in values.items() if value is not None}
        return values


def _refuse_unknown(body: dict[str, Any], known: set[str]) -> None:
    """Refuse a field that no company has, or that cannot be set here, by the first one's name."""
    for name in body:
        if name not in known:
            raise Refusal(400, "bad_request", f"bad '{name}' parameter")
