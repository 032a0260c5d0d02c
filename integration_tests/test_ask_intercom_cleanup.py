"""`make ask-intercom` takes away what it made, however it ends."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import requests

from integration_tests.ask_intercom.question import Finding, Question
from integration_tests.ask_intercom.run import run
from integration_tests.ask_intercom.workspace import Workspace
from integration_tests.support.asking import QUICK, WORLDS, Dying, Killed, Place
from integration_tests.support.harness import EmulatorTransport

CALLS = 470
"""About as many as a whole run makes."""


@pytest.mark.parametrize("settings", WORLDS.values(), ids=WORLDS)
def test_program_when_it_has_run_then_the_workspace_is_as_before(settings: dict[str, Any], tmp_path: Path) -> None:
    """What was there is untouched to the second, what was made is gone, and so is the journal."""
    place = Place(tmp_path, settings)
    assert 0 == place.main(), place.said
    assert place.before == place.alive()
    assert [] == list(place.journal.glob("*.jsonl"))
    made = place.intercom.dump()
    assert len(made["contacts"]) > 80
    assert any(each["archived"] for each in made["companies"])
    assert 0 == place.main(), place.said
    assert place.before == place.alive()


@pytest.mark.parametrize("carried_out", [False, True], ids=["before the call", "before its answer"])
@pytest.mark.parametrize("settings", WORLDS.values(), ids=WORLDS)
@pytest.mark.parametrize("at", [*range(3, 12), *range(12, CALLS, 31)])
def test_program_when_it_was_killed_then_its_next_start_takes_away_what_is_left(
    at: int, settings: dict[str, Any], carried_out: bool, tmp_path: Path
) -> None:
    """A minute or less after the kill, when the search shows nothing yet: the journal knows."""
    place = Place(tmp_path, settings)
    with pytest.raises(Killed):
        place.main(transport=Dying(place.intercom, place.clock, at=at, carried_out=carried_out))
    assert 0 == place.main(*QUICK), place.said
    assert place.before == place.alive()
    assert [] == list(place.journal.glob("*.jsonl"))


@pytest.mark.parametrize("at", [60, 200, 330, 400])
def test_program_when_it_was_killed_and_the_journal_is_lost_then_the_prefix_finds_what_is_shown(
    at: int, tmp_path: Path
) -> None:
    """Contacts, tags and attributes; a company without people, and an archived contact, are shown by nothing."""
    place = Place(tmp_path)
    with pytest.raises(Killed):
        place.main(transport=Dying(place.intercom, place.clock, at=at, carried_out=True))
    for file in place.journal.glob("*.jsonl"):
        file.unlink()
    assert place.before != place.alive()
    assert 0 == place.main(*QUICK), place.said
    after = place.alive()
    after["companies"] = [each for each in after["companies"] if each["user_count"] or not _is_ours(each["company_id"])]
    assert place.before == after


def _is_ours(name: str) -> bool:
    return re.fullmatch(r"ask-intercom-[0-9a-f]{14}-\d+", name) is not None


def _failing(error: BaseException) -> Question:
    def ask(workspace: Workspace) -> Finding:
        workspace.user()
        workspace.company()
        workspace.tag()
        workspace.attribute("text")
        raise error

    return Question("1", "Does it fail?", "fails", (), 4, ask)


def _asking(*said: str) -> Question:
    return Question("2", "Is it asked?", "nothing", (), 0, lambda _: Finding("yes"))


def test_program_when_a_question_raises_then_the_next_is_asked_and_all_is_taken_away(tmp_path: Path) -> None:
    """An error of the program's own is told by its kind, without its text."""
    place = Place(tmp_path)
    failing = _failing(RuntimeError("canary value"))
    outcome = run(place.workspace(), [failing, _asking()], place.said.append)
    assert ["no answer: RuntimeError, after the calls below", "yes"] == [each.words for each in outcome.results]
    assert (False, {}) == (outcome.interrupted, outcome.left)
    assert "canary value" not in "".join(place.said)
    assert place.before == place.alive()


def test_program_when_interrupted_then_the_next_is_not_asked_and_all_is_taken_away(tmp_path: Path) -> None:
    """Ctrl-C in the midst of a question."""
    place = Place(tmp_path)
    outcome = run(place.workspace(), [_asking(), _failing(KeyboardInterrupt()), _asking()], place.said.append)
    assert (True, ["yes"], {}) == (outcome.interrupted, [each.words for each in outcome.results], outcome.left)
    assert place.before == place.alive()


class Interrupting(EmulatorTransport):
    """A transport whose user presses Ctrl-C at some calls."""

    def __init__(self, place: Place, *at: int) -> None:
        super().__init__(place.intercom, place.clock)
        self._at = at
        self._count = 0

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        self._count += 1
        response = super().send(request, *args, **kwargs)
        if self._count in self._at:
            raise KeyboardInterrupt
        return response


def test_program_when_interrupted_once_then_130_and_the_report_says_so(tmp_path: Path) -> None:
    """What was asked until then is written down."""
    place = Place(tmp_path)
    assert 130 == place.main(transport=Interrupting(place, 150))
    assert (True, {}) == (place.report()["interrupted"], place.report()["left_behind"])
    assert place.report()["questions"]
    assert "**The run was interrupted**" in (place.out / "answers.md").read_text(encoding="utf-8")
    assert place.before == place.alive()


def test_program_when_interrupted_while_it_cleans_up_then_the_next_start_does_it(tmp_path: Path) -> None:
    """The second Ctrl-C is obeyed at once."""
    place = Place(tmp_path)
    assert 130 == place.main(transport=Interrupting(place, 150, 155))
    assert place.report()["left_behind"]
    assert place.before != place.alive()
    assert 0 == place.main(*QUICK), place.said
    assert any(each.startswith("An earlier run was ended") for each in place.said)
    assert place.before == place.alive()


@pytest.mark.parametrize(
    ("number", "endpoint", "kind"),
    [
        ("20b", "DELETE /tags/{id}", "tag"),
        ("21c", "DELETE /companies/{id}", "company"),
        ("14", "PUT /data_attributes/{id}", "attribute"),
    ],
)
def test_program_when_something_cannot_be_taken_away_then_it_says_so_and_tries_again_next_time(
    number: str, endpoint: str, kind: str, tmp_path: Path
) -> None:
    """After three tries: exit code 1, a count, and the journal keeps what no list shows."""
    place = Place(tmp_path, {"company_without_people": "hidden"})
    place.intercom.set_faults([{"endpoint": endpoint, "kind": "status", "status": 503}])
    assert 1 == place.main("--only", number)
    assert {kind: 1} == place.report()["left_behind"]
    assert f"Left behind: 1 × {kind}. Run it again, which takes them away." in place.said
    assert 3 == place.intercom.dump()["calls"][endpoint]
    place.intercom.set_faults([])
    assert 0 == place.main(*QUICK), place.said
    assert place.before == place.alive()


def test_program_when_an_archived_contact_cannot_be_deleted_then_the_next_start_does_it(tmp_path: Path) -> None:
    """No list and no search shows it; the journal has its id."""
    place = Place(tmp_path)
    place.intercom.set_faults([{"endpoint": "DELETE /contacts/{id}", "kind": "status", "status": 503}])
    assert 1 == place.main("--only", "5b")
    place.intercom.set_faults([])
    assert 0 == place.main(*QUICK), place.said
    assert [] == [each for each in place.intercom.dump()["contacts"] if each["archived"] and not each["deleted"]]


@pytest.mark.parametrize(
    ("number", "endpoint"),
    [
        ("5a", "POST /contacts"),
        ("19c", "POST /contacts"),
        ("21c", "POST /companies"),
        ("20b", "POST /tags"),
        ("14", "POST /data_attributes"),
    ],
)
def test_program_when_the_answer_to_a_creation_is_lost_then_what_was_made_is_taken_away(
    number: str, endpoint: str, tmp_path: Path
) -> None:
    """Nobody said that it is there; it is found by its name, a lead once the search shows it."""
    place = Place(tmp_path, {"search_lag": 60.0, "company_without_people": "hidden"})
    place.intercom.set_faults([{"endpoint": endpoint, "kind": "reset_after", "at": [1]}])
    assert 0 == place.main("--only", number), place.said
    assert place.before == place.alive()


def test_program_when_intercom_cannot_be_reached_then_the_journal_stays(tmp_path: Path) -> None:
    """An earlier run's things are not forgotten because they cannot be looked for."""
    place = Place(tmp_path)
    with pytest.raises(Killed):
        place.main(transport=Dying(place.intercom, place.clock, at=100, carried_out=True))
    place.intercom.set_faults([{"endpoint": "GET /tags", "kind": "reset_before"}])
    assert 1 == place.main(*QUICK)
    assert "Intercom does not answer: the connection failed: ConnectionError." == place.said[-1]
    place.intercom.set_faults([])
    assert 0 == place.main(*QUICK), place.said
    assert place.before == place.alive()
