"""The settings: what of Intercom's behaviour differs between workspaces, is not known for certain, or goes wrong.

What is marked [?] is only a guess of ours, so that a client must be right with either answer.
Each field carries its own explanation; `explain()` prints them, and `Settings.from_dict` refuses what is none of them.
"""

import dataclasses
import json
import zoneinfo
from dataclasses import dataclass, field
from typing import Any

from intercom_emulator.faults import Fault

NORMALIZED = ("phone", "name", "avatar", "custom_attributes")
SCOPES = (
    *("read_contacts", "write_contacts", "read_companies", "write_companies", "read_tags", "write_tags"),
    *("events", "attributes"),
)
VERSIONS = (
    *(f"1.{minor}" for minor in range(5)),
    *(f"2.{minor}" for minor in range(18)),
    "Preview",
)


def _about(help_text: str, *choices: object, like: object = None) -> dict[str, Any]:
    """Return what a field carries: its explanation, where they are few its values, and what it is like if not null."""
    return {"help": help_text, "choices": choices, "like": like}


def _setting(default: Any, help_text: str, *choices: object) -> Any:
    """Return a field with an immutable default."""
    return field(default=default, metadata=_about(help_text, *choices))


def _optional(default: Any, like: float, help_text: str) -> Any:
    """Return a field that may be null, else a number of the kind of `like`."""
    return field(default=default, metadata=_about(help_text, like=like))


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings; every one is optional. Times are seconds, versions and ids text."""

    tokens: dict[str, list[str] | str] = field(
        default_factory=lambda: {"test-token": "*"},
        metadata=_about(f"access tokens and their scopes: a list of {', '.join(SCOPES)}; or '*' for all"),
    )
    refused_tokens: dict[str, str] = field(
        default_factory=dict,
        metadata=_about('tokens answered 401 with a code of their own, such as {"old": "token_revoked"}'),
    )
    foreign_tokens: list[str] = field(
        default_factory=list, metadata=_about("tokens of workspaces in another region than this host's")
    )
    foreign_token_status: int = _setting(401, "what they are answered", 401, 403)
    plan_restricted: bool = _setting(default=False, help_text="answer every call 403 api_plan_restricted")
    region: str = _setting("US", "the region of this host and workspace, as GET /me says it: US, Europe, Australia")
    workspace_id: str = _setting("l4wp0knn", "the workspace's id (id_code of GET /me)")
    app_present: bool = _setting(default=True, help_text="false: `app` is null in GET /me")
    timezone: str = _setting("UTC", "the workspace's time zone: where its days begin, for searches by date")
    app_version: str = _setting("2.16", "the API version of calls without an Intercom-Version header", *VERSIONS)
    admins: list[str] = field(
        default_factory=lambda: ["991267459"], metadata=_about("ids of the teammates that may own a contact")
    )
    request_ids: str = _setting("set", "request_id in error envelopes", "set", "null", "absent")

    limit: int = _setting(1666, "calls granted in one window")
    window_seconds: float = _setting(10.0, "length of a window")
    window_phase: float = _setting(0.0, "unix seconds modulo window_seconds at which windows begin")
    reset_offset: float = _setting(2.0, "how long after the window's end X-RateLimit-Reset lies, 0 to 2; recordings: 2")
    server_clock_skew: float = _setting(0.0, "Intercom's clock less the client's")
    other_apps_per_window: int = _setting(0, "calls that other apps spend from the same window, spread evenly")
    headers: str = _setting("full", "rate-limit headers", "full", "none")
    remaining_counts_this_call: bool = _setting(
        default=False, help_text="false, as recorded: the first call of a window shows X-RateLimit-Remaining = limit"
    )
    retry_after: bool = _setting(default=False, help_text="send Retry-After with 429 (Intercom documents none)")

    create_with_known_email: str = _setting(
        "conflict",
        "POST /contacts of a new external_id with another user's email: 409 with that user's id, or a second user [?]",
        "conflict",
        "second",
    )
    update_with_known_email: str = _setting(
        "conflict",
        "PUT that gives a user another user's email: 409 (documented for 2.4 and 2.6) or 200 (recorded in 2.3, and so"
        " answered before 2.4 in any case) [?]",
        "conflict",
        "take",
    )
    update_with_archived_identity: str = _setting(
        "conflict", "the same of an external_id or email that an archived user has [?]", "conflict", "take"
    )
    get_of_merged: int = _setting(
        410, "GET of a merged contact: the description says 410 there, and 404 where it tells of merging [?]", 404, 410
    )
    put_of_merged: int = _setting(410, "PUT of a merged contact [?]", 404, 410)
    deleted_conflict: float | None = _optional(
        None,
        0.0,
        "how long after the deletion of a contact its identity is a conflict still, as it was seen to be for a while;"
        " null: for ever [?]",
    )
    upgraded_lead: str = _setting(
        "keep", "a lead that becomes a user without an external_id: keeps the UUID, or has none [?]", "keep", "drop"
    )
    refused_field: str = _setting(
        "message",
        "a refused field of a contact is named in the message, in `field` of the envelope only, or nowhere [?]",
        "message",
        "field",
        "nothing",
    )
    unusual_values: str = _setting(
        "refuse", "an avatar that is no URL, signed_up_at or last_seen_at in no usual year [?]", "refuse", "take"
    )
    refused_names: list[str] = field(default_factory=list, metadata=_about("values of `name` that are refused [?]"))
    normalized_fields: list[str] = field(
        default_factory=list,
        metadata=_about(
            f"fields kept otherwise than sent, of {', '.join(NORMALIZED)}: a phone without its blanks, an avatar under"
            " a URL of Intercom's own, other texts trimmed [?]"
        ),
    )
    last_seen_back: str = _setting("take", "a last_seen_at before the contact's own [?]", "take", "ignore")
    unarchive_deleted: int = _setting(400, "unarchive of a contact marked for permanent deletion", 400, 500)

    company_race: float = _setting(
        0.0, "how long after a company's creation another POST of its company_id is 400 unique_company_constraint"
    )
    company_by_company_id: str = _setting(
        "company",
        "GET /companies?company_id= answers the company, as old pages and other clients have it, or a list of one,"
        " as the description has it [?]",
        "company",
        "list",
    )
    company_without_people: str = _setting(
        "shown", "GET of one company that has no people: 200, or 404; no list shows it [?]", "shown", "hidden"
    )
    company_nulls: str = _setting(
        "clear", "null for a field or custom attribute of a company [?]", "clear", "ignore", "refuse"
    )
    monthly_spend_beyond: str = _setting(
        "refuse", "a monthly_spend beyond 2147483647: 400, or kept as that [?]", "refuse", "cap"
    )
    company_after_archive: str = _setting(
        "same",
        "POST of an archived company's company_id: the same company is back, or a new one is made [?]",
        "same",
        "new",
    )
    contact_company_limit: int = _setting(1000, "companies that a contact may have")
    attached_companies_in: str = _setting(
        "data",
        "GET /contacts/{id}/companies lists them in `data`, as the description's example has it, or in `companies`,"
        " as its schema has it [?]",
        "data",
        "companies",
    )
    detach_again: int = _setting(404, "detach of a company that the contact does not have [?]", 200, 404)

    tag_people_limit: int | None = _optional(
        50, 1, "people that one POST /tags may tag, the advice of old pages; null: any number [?]"
    )
    tag_unknown: str = _setting(
        "refuse",
        "POST /tags of several, one of them unknown: 404 and nobody is tagged, as was seen in 1.x, 404 and the others"
        " are tagged, or 200 and it is left out [?]",
        "refuse",
        "refuse_late",
        "leave_out",
    )
    untag_again: int = _setting(404, "removal of a tag that the contact does not bear [?]", 200, 404)

    search_lag: float = _setting(0.0, "how long creates, updates and archives stay unseen by the search")
    search_in_limit: int | None = _optional(15, 1, "values that an IN or NIN filter may hold; null: any number [?]")
    search_malformed: int = _setting(400, "a malformed search: 400 invalid_field or 500 server_error", 400, 500)
    search_without_data: bool = _setting(default=False, help_text="answer searches 200 without `data`")

    event_lag: float = _setting(0.0, "how long after a contact's creation its events are answered 404")
    event_name_limit: int = _setting(120, "active event names that a workspace may have")
    other_event_names: int = _setting(
        0, "active event names of other apps, which count as well and are shown by nothing here"
    )
    metadata_key_limit: int = _setting(
        20, "metadata keys kept of an event, 10 or 20; more are dropped without a word [?]"
    )
    shared_email_status: int = _setting(409, "an event for an email that several users share", 409, 400)
    event_name_case: str = _setting(
        "ascii",
        "which letters of an event name mean the same in either case: those of ASCII, or all [?]",
        "ascii",
        "unicode",
    )
    duplicate_events: str = _setting(
        "drop",
        "a second event of one person, name and second: dropped without a word, or kept where its metadata differ;"
        " the description only says that the API may drop it [?]",
        "drop",
        "keep_other_metadata",
    )
    date_metadata: str = _setting("refuse", "metadata named *_date that is no number: 400, or kept", "refuse", "keep")
    attribute_limit: int = _setting(250, "custom attributes that a workspace may have")
    name_clash: str = _setting(
        "all",
        "which names of the other model a new attribute cannot have: all, or those of custom attributes [?]",
        "all",
        "custom",
    )
    attribute_lag: float = _setting(0.0, "how long after its creation an attribute is refused as unknown [?]")
    options_outside: str = _setting(
        "take", "values outside an attribute's list of options; refused for days of April 2026", "take", "refuse"
    )

    bulk_version: str = _setting("2.17", "the first version that has the bulk endpoints", "2.17", "Preview", "none")
    bulk_absent: int = _setting(
        400, "a bulk call in a version that has none: 400 intercom_version_invalid, or 404 [?]", 400, 404
    )
    bulk_limit: int = _setting(100, "contacts that one bulk call may have")
    bulk_cost: str = _setting(
        "call", "what a bulk call spends of the quota: one, or one for each item [?]", "call", "item"
    )
    bulk_wait: float = _setting(0.0, "how long a bulk task is pending")
    bulk_duration: float = _setting(0.0, "how long a bulk task runs; its items are carried out one after the other")
    bulk_open: float = _setting(0.0, "how long a bulk job takes more tasks [?]")
    bulk_null: str = _setting(
        "clear", "null in a bulk update: clears, is passed over, or the item fails [?]", "clear", "ignore", "fail"
    )
    bulk_unknown_attribute: str = _setting(
        "fail",
        "a custom attribute in a bulk item that does not exist: the item fails, or it is passed over [?]",
        "fail",
        "ignore",
    )
    bulk_gone: str = _setting(
        "fail",
        "a bulk update of an archived, deleted or merged contact: fails, or is passed over without a word [?]",
        "fail",
        "ignore",
    )
    bulk_tag_lag: float = _setting(0.0, "how long after a bulk item its tags are added and removed")

    latency: float = _setting(0.0, "how long each call takes")
    keep_exchanges: int = _setting(10_000, "how many exchanges are remembered, the latest")
    faults: list[dict[str, Any]] = field(default_factory=list, metadata=_about("scripted faults, see below"))

    def __post_init__(self) -> None:
        """Refuse values that no Intercom could have."""
        for each in dataclasses.fields(self):
            _refuse_unlike(each, getattr(self, each.name))
        if not all(scopes == "*" or isinstance(scopes, list) for scopes in self.tokens.values()):
            raise ValueError("tokens: a token's scopes are a list, or '*'")
        unknown = {scope for scopes in self.tokens.values() if scopes != "*" for scope in scopes} - set(SCOPES)
        if unknown:
            raise ValueError(f"tokens: unknown scopes {sorted(unknown)}; known are {', '.join(SCOPES)}")
        if self.window_seconds <= 0 or self.limit < 0:
            raise ValueError("window_seconds must be above 0, and limit not below it")
        if self.timezone != "UTC":
            zoneinfo.ZoneInfo(self.timezone)
        if not set(self.normalized_fields) <= set(NORMALIZED):
            raise ValueError(f"normalized_fields: known are {', '.join(NORMALIZED)}")
        for fault in self.faults:
            Fault.from_dict(fault)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Settings":
        """Read settings as JSON gives them; raise ValueError for an unknown key or a value out of range."""
        return cls().changed(values)

    def changed(self, values: dict[str, Any]) -> "Settings":
        """Return these settings with some of them replaced; raise ValueError as `from_dict` does."""
        if not isinstance(values, dict):
            raise TypeError("settings must be an object")
        unknown = set(values) - {each.name for each in dataclasses.fields(self)}
        if unknown:
            raise ValueError(f"unknown settings: {', '.join(sorted(unknown))}")
        return dataclasses.replace(self, **values)


def _refuse_unlike(each: "dataclasses.Field[Any]", value: object) -> None:
    """Raise ValueError where `value` is not of the kind of the field's default, or not among its choices."""
    if each.metadata["choices"] and value not in each.metadata["choices"]:
        raise ValueError(f"{each.name}: must be one of {', '.join(map(str, each.metadata['choices']))}")
    default = each.default_factory() if callable(each.default_factory) else each.default
    if each.metadata["like"] is not None:
        if value is None:
            return
        default = each.metadata["like"]
    if isinstance(default, bool) or isinstance(value, bool):
        alike = isinstance(default, bool) and isinstance(value, bool)
    elif isinstance(default, float):
        alike = isinstance(value, (int, float))
    else:
        alike = isinstance(value, type(default))
    if not alike:
        raise ValueError(f"{each.name}: must be like {default!r}")


def explain() -> str:
    """Return one line or two for each setting: its name, its default and what it does."""
    lines = []
    for each in dataclasses.fields(Settings):
        default = each.default_factory() if callable(each.default_factory) else each.default
        choices = each.metadata["choices"] if each.name != "app_version" else ()
        shown = f" ({' | '.join(map(str, choices))})" if choices else ""
        lines.append(f"  {each.name} = {json.dumps(default)}\n      {each.metadata['help']}{shown}")
    return "\n".join(lines)
