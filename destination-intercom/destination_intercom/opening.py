"""What the log of a sync begins with: what runs where, what each stream becomes, and how it is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from destination_intercom.configuration.companies_config import CompaniesEnabled
from destination_intercom.configuration.config import Config, EventsEnabled, UsersEnabled
from destination_intercom.configuration.plan import Plan, StreamPlan
from destination_intercom.intercom.client import API_VERSION
from destination_intercom.own_version import own_version


def write_opening(config: Config, plan: Plan) -> Iterator[str]:
    """Write the first lines of the log."""
    delivery = config.delivery
    ceiling = delivery.max_calls_per_minute
    pace = f"at most {ceiling} a minute" if ceiling else "within the quota"
    yield (
        f"destination-intercom {own_version()}, to {config.base_url} (API version {API_VERSION}); up to"
        f" {delivery.concurrency} calls at once, {pace}"
        f"{'; contacts in bulk' if delivery.contacts_api == 'bulk' else ''}"
        f"{'; dry run: nothing is written' if delivery.dry_run else ''}."
    )
    yield f"Streams: {'; '.join(_describe(stream) for stream in plan.streams.values())}."
    if isinstance(config.users, UsersEnabled):
        users = config.users
        most = "" if users.deletion is None else f" (at most {delivery.max_deletions})"
        yield (
            f"Users: write_mode {users.write_mode}, create_as {users.create_as}, missing_attributes"
            f" {users.missing_attributes}, null_values {users.null_values}, unchanged_contacts"
            f" {users.unchanged_contacts}, archived_contacts {users.archived_contacts}, email_match"
            f" {users.email_match}, deleted_records {users.deleted_records}{most}."
        )
    if isinstance(config.companies, CompaniesEnabled):
        companies = config.companies
        yield f"Companies: missing_attributes {companies.missing_attributes}, null_values {companies.null_values}."
    if isinstance(config.events, EventsEnabled):
        events = config.events
        since = f", not before {events.not_before}" if events.not_before else ", of any age"
        yield f"Events: unknown_users {events.unknown_users}{since}."


def _describe(stream: StreamPlan) -> str:
    kinds = Counter(part.kind for part in stream.parts)
    parts = [f"{kind} ({count} a record)" if count > 1 else kind for kind, count in kinds.items()]
    return f'"{stream.stream}" becomes {" and ".join(parts) or "nothing"}'
