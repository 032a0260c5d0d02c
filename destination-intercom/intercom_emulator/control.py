"""The control interface under /_emulator/: situations, faults and contents, by curl. Never counted, never limited."""

import json
from typing import Any

from intercom_emulator.answers import JSON_TYPE, Answer, encode
from intercom_emulator.core import Intercom

PREFIX = "/_emulator/"
EXPLANATION = """\
  GET  /_emulator/state      everything the workspace holds, and counts of calls, statuses, refusals by quota
  GET  /_emulator/exchanges  the latest calls and answers, without tokens
  POST /_emulator/seed       {"contacts": [...], "companies": [...], "tags": [...], "data_attributes": [...],
                             "events": [...], "event_names": [...]}
                             contacts and companies as the API shows them, besides "archived", and of contacts
                             "deleted", "merged_into"; a contact's companies by "company_id" or "id", its tags by
                             "name" or "id", made if need be;
                             "changes": what others do to contacts meanwhile, and the search sees after its lag:
                             {"after": 60, "contact": {"external_id": "old"}, "set": {"external_id": "new"}}
                             (after: seconds, default 0; the contact by id, external_id or email, and the change
                             waits until it is there; without "contact" one is made)
  POST /_emulator/faults     [fault, ...]: replaces the plan
  POST /_emulator/merge      {"from": id, "into": id}
  POST /_emulator/settings   {setting: value, ...}: changes these
  POST /_emulator/reset      back to the start"""


def control(intercom: Intercom, method: str, target: str, body: bytes) -> Answer:
    """Carry out a control call: 200 with JSON, 400 with `error` where it makes no sense, 404 where there is none."""
    name = f"{method} {target.partition('?')[0].removeprefix(PREFIX)}"
    try:
        done = _carry_out(intercom, name, json.loads(body) if body else None)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return _answer(400, {"error": f"{type(error).__name__}: {error}"})
    return _answer(404, {"error": "no such control", "controls": EXPLANATION.split("\n")}) if done is None else done


def _carry_out(intercom: Intercom, name: str, body: Any) -> Answer | None:
    """Do what a control asks; None for one that does not exist."""
    if name == "GET state":
        return _answer(200, intercom.dump())
    if name == "GET exchanges":
        return _answer(200, intercom.exchanges())
    changes = {
        "POST seed": lambda: intercom.seed(body),
        "POST faults": lambda: intercom.set_faults(body),
        "POST merge": lambda: intercom.merge(body["from"], body["into"]),
        "POST settings": lambda: intercom.change_settings(body),
        "POST reset": intercom.reset,
    }
    if name not in changes:
        return None
    changes[name]()
    return _answer(200, {"done": True})


def _answer(status: int, body: object) -> Answer:
    return Answer(status, {"Content-Type": JSON_TYPE}, encode(body))
