"""`make ask-intercom` writes nothing that it did not make, and tells nothing of anybody else."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from integration_tests.ask_intercom.run import run
from integration_tests.ask_intercom.workspace import NOBODY, NotOurs, Workspace
from integration_tests.support.asking import CANARIES, WORLDS, Dying, Killed, Place
from integration_tests.support.harness import TOKEN


def _ids(contents: dict[str, Any]) -> list[str]:
    """Return the ids that are long enough to be told from other numbers, and those of attributes."""
    return [str(each["id"]) for part in contents.values() for each in part if "id" in each]


def _everything_told(place: Place) -> str:
    """Return all that the program wrote and said."""
    files = [each.read_text(encoding="utf-8") for each in place.out.rglob("*") if each.is_file()]
    return "\n".join([*place.said, *files])


@pytest.mark.parametrize("settings", WORLDS.values(), ids=WORLDS)
def test_program_when_it_writes_then_only_to_what_it_made(settings: dict[str, Any], tmp_path: Path) -> None:
    """No write names anything of others, by id or by name."""
    place = Place(tmp_path, settings)
    others = [*_ids(place.before), *CANARIES, "ask-intercom-team", "ask-intercom-canary", "ask-intercom-1@"]
    place.main()
    writes = place.writes()
    assert len(writes) > 200
    for each in writes:
        said = f"{each['path']} {json.dumps(each['request_body'])}"
        assert [] == [other for other in others if re.search(rf"(?<![\w-]){re.escape(other)}(?!\w)", said)], each[
            "path"
        ]


@pytest.mark.parametrize("settings", WORLDS.values(), ids=WORLDS)
def test_report_when_written_then_it_holds_no_personal_data(settings: dict[str, Any], tmp_path: Path) -> None:
    """No value of others, no token, no id, no address but the one that is a name in a question."""
    place = Place(tmp_path, settings)
    place.main()
    told = _everything_told(place)
    assert [] == [canary for canary in CANARIES if canary in told]
    assert TOKEN not in told
    assert [] == re.findall(r"[0-9a-f]{24}", told)
    assert set() <= set(re.findall(r"[\w.-]+@[\w.-]+", told)) <= {"a@example.com"}
    assert "Emulated" not in "".join(each.read_text(encoding="utf-8") for each in place.out.glob("*"))


def test_journal_when_read_by_somebody_then_it_names_only_what_the_program_made(tmp_path: Path) -> None:
    """It lies beside the configuration, and has no more than is needed to clean up."""
    place = Place(tmp_path)
    with contextlib.suppress(Killed):
        place.main(transport=Dying(place.intercom, place.clock, at=300, carried_out=True))
    (file,) = place.journal.glob("*.jsonl")
    entries = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert len(entries) > 50
    assert {"kind", "id", "name"} == {key for each in entries for key in each}
    assert not set(_ids(place.before)) & {each.get("id") for each in entries}
    assert all(each["name"].startswith("ask-intercom-") for each in entries if each.get("name"))


@pytest.fixture(name="ours")
def _ours(tmp_path: Path) -> tuple[Place, Workspace]:
    place = Place(tmp_path)
    return place, place.workspace()


_FOREIGN: list[tuple[str, str, Any]] = [
    ("PUT", "/contacts/{other}", {"name": "x"}),
    ("DELETE", "/contacts/{other}", None),
    ("POST", "/contacts/{other}/archive", None),
    ("POST", "/contacts/{own}/companies", {"id": "{company}"}),
    ("DELETE", "/contacts/{own}/companies/{company}", None),
    ("DELETE", "/contacts/{other}/tags/1", None),
    ("DELETE", "/companies/{company}", None),
    ("DELETE", "/tags/{tag}", None),
    ("PUT", "/data_attributes/{attribute}", {"archived": True}),
    ("POST", "/contacts", {"external_id": "canary-7f3a"}),
    ("POST", "/contacts", {"external_id": "ask-intercom-team"}),
    ("POST", "/contacts", {"role": "lead", "email": "ask-intercom-team@example.com"}),
    ("PUT", "/contacts/{own}", {"email": "canary-9b1c@secret.example"}),
    ("POST", "/companies", {"company_id": "canary-company"}),
    ("POST", "/tags", {"name": "canary tag"}),
    ("POST", "/tags", {"name": "ask-intercom-0123456789abcd-1", "users": [{"id": "{own}"}, {"id": "{other}"}]}),
    ("POST", "/data_attributes", {"name": "canary_attribute", "model": "contact"}),
    ("POST", "/events", {"event_name": "ask-intercom-event", "id": "{other}"}),
    ("POST", "/events", {"event_name": "ask-intercom-event", "email": "canary-9b1c@secret.example"}),
    ("POST", "/events", {"event_name": "Signed in", "id": "{own}"}),
    ("POST", "/contacts/merge", {"from": "{own}", "into": "{other}"}),
    ("PUT", "/contacts/bulk", {"contacts": [{"id": "{own}"}, {"id": "{other}"}]}),
    ("PUT", "/contacts/bulk", {"contacts": [{"id": "{own}", "tags": {"add": [{"id": "{tag}"}]}}]}),
    ("PUT", "/contacts/bulk", {"contacts": [{"id": "{own}", "companies": [{"company_id": "canary-company"}]}]}),
    ("POST", "/contacts/bulk", {"contacts": [{"external_id": "canary-7f3a"}]}),
    ("POST", "/contacts/bulk/delete", {"contacts": [{"id": "{other}"}]}),
]


@pytest.mark.parametrize(("method", "path", "body"), _FOREIGN)
def test_write_when_it_would_touch_others_then_nothing_is_sent(
    method: str, path: str, body: Any, ours: tuple[Place, Workspace]
) -> None:
    """Whatever a question may ask: an id that is not ours, or a name without our prefix."""
    place, workspace = ours
    own = workspace.user()
    named = {"own": own, "other": place.before["contacts"][0]["id"], "company": place.before["companies"][0]["id"]}
    named["tag"] = place.before["tags"][0]["id"]
    custom = [each for each in place.before["data_attributes"] if each["custom"]]
    named["attribute"] = str(custom[0]["id"])
    filled = json.loads(re.sub(r"\{(\w+)\}", lambda found: named[found[1]], json.dumps([path, body])))
    calls = len(place.intercom.exchanges())
    with pytest.raises(NotOurs) as caught:
        workspace.call(method, *filled)
    assert calls == len(place.intercom.exchanges())
    assert [] == [each for each in (*CANARIES, *named.values()) if each in str(caught.value)]


def test_write_when_it_is_to_what_was_made_or_to_nobody_then_it_is_sent(ours: tuple[Place, Workspace]) -> None:
    """The guard is no wall."""
    _, workspace = ours
    own, tag = workspace.user(), workspace.tag()
    assert 200 == workspace.call("PUT", f"/contacts/{own}", {"name": "x", "custom_attributes": {}}).status
    assert 404 == workspace.call("PUT", f"/contacts/{NOBODY}", {"name": "x"}).status
    bulk = {"contacts": [{"id": own, "tags": {"add": [{"id": str(tag.get("id"))}]}}]}
    assert 202 == workspace.call("PUT", "/contacts/bulk", bulk, version="2.17").status


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("contact", {"id": "1", "external_id": "canary-7f3a", "email": "a@example.com"}),
        ("contact", {"id": "1", "external_id": None, "email": "ask-intercom-team@example.com"}),
        ("contact", {"id": "1", "external_id": "ask-intercom-0123456789abcd-1x"}),
        ("company", {"id": "1", "company_id": "canary", "name": "ask-intercom-0123456789abcd-1"}),
        ("tag", {"id": "1", "name": "ask-intercom"}),
        ("attribute", {"id": 1, "name": "ask-intercom-plan"}),
        ("attribute", {"name": "ask-intercom-text"}),
        ("tag", ["ask-intercom-0123456789abcd-1"]),
    ],
)
def test_adopt_when_a_name_is_not_ours_then_it_is_left_alone(
    kind: str, shown: Any, ours: tuple[Place, Workspace]
) -> None:
    """What a search answers, however wrongly, is not taken away for that alone."""
    _, workspace = ours
    assert (False, {}) == (workspace.adopt(kind, shown), workspace.own[kind])


@pytest.mark.parametrize("kind", ["tag", "attribute"])
def test_journal_when_its_ids_are_small_numbers_then_they_are_not_believed(kind: str, tmp_path: Path) -> None:
    """Another workspace, whose id nobody tells either, has the same ones for other things."""
    place = Place(tmp_path)
    part = {"tag": "tags", "attribute": "data_attributes"}[kind]
    (other, *_) = [str(each["id"]) for each in place.before[part] if "id" in each]
    workspace = place.workspace()
    workspace.journal.note(kind, id=other, name="ask-intercom-text")
    run(workspace, [], place.said.append)
    assert place.before == place.alive()
