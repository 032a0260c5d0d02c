"""`preview`: what it shows of each record is what a sync sends to a workspace that has nobody, and nothing else."""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from destination_intercom.errors import ConfigurationError, InputError, IntercomDestinationError
from destination_intercom.preview import preview
from integration_tests.contract import CASES, ROOT, require_data
from integration_tests.support.harness import (
    TOKEN,
    Result,
    record,
    state,
    to_lines,
    write,
)
from integration_tests.test_mapping_cases import catalog
from integration_tests.test_real_sources import configuration, declared

DEMO = ROOT / "integration_tests" / "demo"
BY_EMAIL = {"property": "email", "intercom_field": "email"}


def show(
    messages: list[dict[str, Any]], document: Any, streams: dict[str, Any], limit: int | None = None
) -> tuple[list[dict[str, Any]], list[str]]:
    """What is shown of each record, and what is warned of."""
    warnings: list[str] = []
    lines = to_lines(messages).splitlines()
    shown = [json.loads(line) for line in preview(document, streams, lines, limit=limit, warn=warnings.append)]
    return shown, warnings


PEOPLE = catalog(people=declared(email="string", first="string", last="string", seats="integer", at="integer"))
DOCUMENT = configuration(
    identity=BY_EMAIL,
    events={
        "streams": [{"stream": "people", "event_name": "came", "created_at_property": "at"}],
        "metadata": [{"property": "seats", "type": "money", "currency": "EUR"}],
    },
    users={
        "streams": [{"stream": "people"}],
        "attributes": [
            {"property": "{{ record.first }} {{ record.last }}", "attribute": "name"},
            {"property": "seats"},
            {"property": "photo", "attribute": "avatar"},
        ],
    },
)
ADA = {"email": " Ada@example.com ", "first": "Ada", "last": None, "seats": 5, "photo": "a" * 300, "at": 1_700_000_000}


def test_preview_shows_what_would_be_sent_and_what_would_be_left_out() -> None:
    """With values, entries and reasons; nobody needs a token for it."""
    document = {name: each for name, each in DOCUMENT.items() if name != "access_token"}
    rows = [record("people", **ADA), state("people", 1), record("people"), record("people", **{**ADA, "at": "never"})]
    (ada, nobody, timeless), warnings = show(rows, document, PEOPLE)

    contact = {"role": "user", "email": "ada@example.com", "name": "Ada", "custom_attributes": {"seats": 5}}
    left_out = {"entry": 'users.attributes, entry 3 ("photo")', "property": "photo", "reason": "long_url"}
    price = {"seats": {"amount": 500, "currency": "eur"}}
    came = {"event_name": "came", "created_at": 1_700_000_000, "email": "ada@example.com", "metadata": price}
    assert {
        "record": 1,
        "stream": "people",
        "contact": contact,
        "deletion": None,
        "company": None,
        "events": [came],
        "tags": [],
        "left_out": [left_out],
        "outcome": None,
    } == ada
    assert (2, None, [], "anonymous") == tuple(nobody[name] for name in ("record", "contact", "events", "outcome"))
    assert (contact, [], "invalid_time") == tuple(timeless[name] for name in ("contact", "events", "outcome"))
    assert any('since preview does not ask Intercom: "seats" (integer)' in text for text in warnings)


def test_preview_shows_the_company_of_a_record_and_whom_a_person_belongs_to() -> None:
    """By your own ids; a stream that is listed twice is two companies."""
    streams = [{"stream": "people", "company_id_property": name} for name in ("account", "partner")]
    document = configuration(
        users={"streams": [{"stream": "people"}], "member_of": [{"property": "account"}]},
        companies={"streams": streams, "attributes": [{"property": "seats", "attribute": "size"}]},
    )
    people = catalog(people=declared(user_id="string", account="integer", partner="string", seats="integer"))
    rows = [record("people", user_id="u1", account=7, partner="p", seats=3), record("people", user_id="u2", account=7)]
    (both, one), _ = show(rows, document, people)
    assert {"role": "user", "external_id": "u1", "companies": ["7"]} == both["contact"]
    assert [{"company_id": "7", "size": 3}, {"company_id": "p", "size": 3}] == both["company"]
    assert {"company_id": "7"} == one["company"]


def test_preview_shows_that_whoever_is_new_becomes_a_lead() -> None:
    """By the address, and without a User ID."""
    users = {"streams": [{"stream": "people", "identity_property": "mail"}], "create_as": "lead"}
    document = configuration(users=users, identity={"intercom_field": "email"})
    (lead,), _ = show([record("people", mail="Ada@example.com")], document, catalog(people=declared(mail="string")))
    assert {"role": "lead", "email": "ada@example.com"} == lead["contact"]


def test_preview_of_a_deleted_row_shows_what_would_be_done_to_whom() -> None:
    """Nothing else of the row; where nothing is done, it is filtered."""
    users = {"streams": [{"stream": "people"}], "deleted_records": "archive"}
    people = catalog(people=declared(user_id="string", _ab_cdc_deleted_at="string"))
    rows = [record("people", user_id="u1", _ab_cdc_deleted_at="2026-01-31"), record("people", user_id="u2")]
    (gone, there), _ = show(rows, configuration(users=users), people)
    expected = {"action": "archive", "external_id": "u1"}
    assert (expected, None, None) == (gone["deletion"], gone["contact"], gone["outcome"])
    assert (None, {"role": "user", "external_id": "u2"}) == (there["deletion"], there["contact"])
    (ignored, _), _ = show(rows, configuration(users={**users, "deleted_records": "ignore"}), people)
    assert (None, "deleted") == (ignored["deletion"], ignored["outcome"])


def test_preview_shows_the_names_of_a_persons_tags() -> None:
    """With the prefix; what is no name is left out."""
    tags = [{"property": "segments", "prefix": "Segment:", "mode": "replace"}, {"property": "plan"}]
    document = configuration(users={"streams": [{"stream": "people"}], "tags": tags})
    people = catalog(people=declared(user_id="string", plan="string", segments="array"))
    rows = [record("people", user_id="u1", segments=["VIP", {}], plan="pro"), record("people", user_id="u2")]
    (some, none), _ = show(rows, document, people)
    assert (["Segment: VIP", "pro"], []) == (some["tags"], none["tags"])
    assert {"role": "user", "external_id": "u1"} == some["contact"]
    left_out = {"entry": 'users.tags, entry 1 ("segments")', "property": "segments", "reason": "no_tag"}
    assert [left_out] == some["left_out"]


def test_preview_with_a_limit_shows_so_many_records() -> None:
    """States are no records."""
    rows = [state("people", 1), *(record("people", **ADA) for _ in range(5))]
    assert [1, 2] == [each["record"] for each in show(rows, DOCUMENT, PEOPLE, limit=2)[0]]


def test_preview_when_the_end_is_reached_names_what_was_never_seen() -> None:
    """As the end of a sync does."""
    warnings = show([record("people", **{**ADA, "photo": None}), record("people")], DOCUMENT, PEOPLE)[1]
    assert not [text for text in warnings if text.startswith("Selected, but in no record")]
    (told,) = [text for text in show([record("people")], DOCUMENT, PEOPLE)[1] if text.startswith("Selected, but in no")]
    assert 'users.attributes, entry 3 ("photo")' in told


@pytest.mark.parametrize(
    ("messages", "document", "error"),
    [
        ([record("others")], DOCUMENT, InputError),
        ([{"type": "RECORD"}], DOCUMENT, InputError),
        ([], configuration(users={"streams": [{"stream": "gone"}]}), ConfigurationError),
        ([], {"events": {"mode": "enabled"}}, ConfigurationError),
        ([], None, ConfigurationError),
    ],
)
def test_preview_of_what_no_sync_takes_ends_in_the_same_error(
    messages: list[dict[str, Any]], document: Any, error: type[IntercomDestinationError]
) -> None:
    """It is how a mapping is written, so it must not take what a sync refuses."""
    with pytest.raises(error):
        show(messages, document, PEOPLE)


def run(tmp_path: pathlib.Path, stdin: bytes, *more: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command as a person does."""
    for name, document in (("config.json", DOCUMENT), ("catalog.json", PEOPLE)):
        (tmp_path / name).write_text(json.dumps(document))
    command = [sys.executable, "-m", "destination_intercom.run", "preview", "--config", "config.json"]
    return subprocess.run(
        [*command, "--catalog", "catalog.json", *more], input=stdin, capture_output=True, check=False, cwd=tmp_path
    )


def test_command_preview_writes_no_airbyte_message_and_tells_errors_to_the_person(tmp_path: pathlib.Path) -> None:
    """Standard output is for the objects alone, standard error for what is to be said, without a value."""
    done = run(tmp_path, to_lines([record("people", **ADA)]) + b'{"half')
    assert 1 == done.returncode
    assert [1] == [json.loads(line)["record"] for line in done.stdout.splitlines()]
    assert b"Line 2 of the input is not JSON" in done.stderr
    assert b"Ada" not in done.stderr
    assert b"TRACE" not in done.stdout + done.stderr

    done = run(tmp_path, to_lines([record("people", **ADA)] * 3), "--limit", "2")
    assert (0, 2) == (done.returncode, len(done.stdout.splitlines()))
    assert 2 == run(tmp_path, b"", "--limit", "0").returncode


# ---------------------------------------------------------------- as a sync sends it


def load(path: pathlib.Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def demo() -> Iterator[tuple[str, Any, Any, list[dict[str, Any]]]]:
    """The demo's configuration with its records, fewer of each kind than there are."""
    for name in ("faker-messages.jsonl", "amplitude-messages.jsonl"):
        lines = (DEMO / name).read_text(encoding="utf-8").splitlines()
        records = [message for line in lines if (message := json.loads(line))["type"] == "RECORD"]
        yield name, load(DEMO / "config.json"), load(DEMO / "catalog.json"), records[:: max(len(records) // 60, 1)]


def cases(place: pathlib.Path) -> Iterator[tuple[str, Any, Any, list[dict[str, Any]]]]:
    """The cases that lie outside of the project, where they are at hand; those whose configuration can be meant."""
    for folder in sorted(place.glob("*/")):
        lines = (folder / "messages.jsonl").read_text(encoding="utf-8").splitlines()
        records = [message for line in lines if (message := json.loads(line))["type"] == "RECORD"]
        yield folder.name, load(folder / "config.json"), load(folder / "catalog.json"), records


def compare(document: Any, streams: Any, records: list[dict[str, Any]]) -> int:
    """Hold what is shown of each record to what a sync of it alone sends; return how many were sent."""
    document = {**document, "access_token": TOKEN, "delivery": {}}
    if document.get("events", {}).get("mode") == "enabled":
        document["events"] = {**document["events"], "unknown_users": "create"}
    shown, warnings = show(records, document, streams)
    types = re.findall(r'"([^"]+)" \((\w+)', "".join(text for text in warnings if "are assumed" in text))
    known = [{"name": name, "data_type": kind if kind in TYPES else "string"} for name, kind in types]
    sent = 0
    for message, each in zip(records, shown, strict=True):
        result = write([message], configuration=document, configured_catalog=streams, seed={"data_attributes": known})
        contacts, events = (bodies(result, path) for path in ("/contacts", "/events"))
        # An event's unknown person is created by the identity alone.
        wanted = [] if each["contact"] is None else [each["contact"]]
        assert wanted == contacts[: len(wanted)]
        # Each is sent twice where its person was unknown.
        assert each["events"] == [body for place, body in enumerate(events) if body not in events[:place]]
        sent += len(wanted) + len(each["events"])
    return sent


def bodies(result: Result, path: str) -> list[Any]:
    """What was sent by POST to a path, in its order."""
    return [each["request_body"] for each in result.exchanges if (each["method"], each["path"]) == ("POST", path)]


TYPES = {"string", "integer", "float", "boolean", "date"}


@pytest.mark.parametrize("name", ["faker-messages.jsonl", "amplitude-messages.jsonl"])
def test_preview_of_the_demos_records_is_what_a_sync_sends(name: str) -> None:
    """Two sources' own records, each synced to a workspace that has nobody."""
    _, document, streams, records = next(each for each in demo() if each[0] == name)
    assert compare(document, streams, records) > 20


def test_preview_of_the_cases_records_is_what_a_sync_sends() -> None:
    """All of them, but for the one whose configuration is wrong."""
    sent = 0
    for name, document, streams, records in cases(require_data(CASES)):
        if name.startswith("13"):
            continue
        sent += compare(document, streams, records)
    assert sent > 20
