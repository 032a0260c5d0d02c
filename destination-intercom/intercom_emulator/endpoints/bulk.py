"""The endpoints of bulk jobs: which calls are taken, and what a poll shows. What the items do comes later."""

from typing import Any

from intercom_emulator.answers import Refusal, encode
from intercom_emulator.endpoints.ask import Ask, Reply
from intercom_emulator.routes import PREVIEW

_STABLE = (2, 17)


def submit_creates(ask: Ask) -> Reply:
    """Answer POST /contacts/bulk."""
    return _submit(ask, "create")


def submit_updates(ask: Ask) -> Reply:
    """Answer PUT /contacts/bulk."""
    return _submit(ask, "update")


def submit_deletes(ask: Ask) -> Reply:
    """Answer POST /contacts/bulk/delete."""
    return _submit(ask, "delete")


def show_job(ask: Ask) -> Reply:
    """Answer GET /contacts/bulk/{id}."""
    _refuse_where_absent(ask)
    job = ask.workspace.jobs.find(ask.call.argument)
    if job is None:
        raise _no_job(ask.call.argument)
    return 200, encode(job.shown(ask.call.now))


def _submit(ask: Ask, kind: str) -> Reply:
    """Take the items of a call into a new job, or into an open one that the body names."""
    _refuse_where_absent(ask)
    settings, jobs, now = ask.settings, ask.workspace.jobs, ask.call.now
    items = _items(ask.call.body, identified=kind != "create", limit=settings.bulk_limit)
    named = ask.call.body.get("job")
    job = jobs.open(now, settings.bulk_open) if named is None else None
    if job is None:
        job_id = str(named.get("id") if isinstance(named, dict) else named)
        job = jobs.find(job_id)
        if job is None:
            raise _no_job(job_id)
        if now >= job.open_until:
            raise Refusal(403, "forbidden", f"job {job_id} is closed for new task updates")
    jobs.add(job, kind, items, now=now, wait=settings.bulk_wait, lasting=settings.bulk_duration)
    return 202, encode(job.shown(now))


def _items(body: dict[str, Any], *, identified: bool, limit: int) -> list[dict[str, Any]]:
    """Return the contacts of a body, or refuse the call in the description's words."""
    items = body.get("contacts")
    if items is None or items == []:
        raise Refusal(422, "field_not_found", "contacts field must be supplied")
    if not isinstance(items, list):
        raise Refusal(422, "type_mismatch", "contacts must be an array")
    if len(items) > limit:
        raise Refusal(422, "parameter_invalid", f"maximum number of contacts per request is {limit}")
    if not all(isinstance(each, dict) for each in items):
        raise Refusal(422, "type_mismatch", "each contact must be an object")
    if identified and not all(each.get("id") for each in items):
        raise Refusal(422, "field_not_found", "contacts must be identified by id")
    return items


def _no_job(job_id: str) -> Refusal:
    return Refusal(404, "job_not_found", f"job {job_id} not found")


def _refuse_where_absent(ask: Ask) -> None:
    """Refuse a call in a version that does not have these endpoints, by the settings."""
    since = {"2.17": _STABLE, "Preview": PREVIEW}.get(ask.settings.bulk_version)
    if since is not None and ask.version >= since:
        return
    if ask.settings.bulk_absent == 404:  # noqa: PLR2004 - one of the setting's two values
        raise Refusal(404, "not_found", "The requested resource does not exist")
    raise Refusal(400, "intercom_version_invalid", "The requested resource does not exist in this version")
