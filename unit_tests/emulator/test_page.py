"""The emulator's page: what it says is so."""

import json
import pathlib
import re

import pytest

from intercom_emulator import Intercom
from intercom_emulator.control import control
from intercom_emulator.settings import explain
from unit_tests.emulator.bench import Bench, decoded

PAGE = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "emulator.md").read_text(encoding="utf-8")
CONTROLS = re.findall(r"curl -s \$URL(/_emulator/\w+) -d '(.*?)'\n", PAGE, flags=re.DOTALL)


@pytest.mark.parametrize(("path", "body"), CONTROLS)
def test_control_when_the_page_shows_it_then_can_be_carried_out(path: str, body: str) -> None:
    """Every settings, seed and faults call of the page is taken."""
    answer = control(Intercom(), "POST", path, body.encode())
    assert {"done": True} == decoded(answer)


def test_page_when_read_then_shows_every_kind_of_control() -> None:
    """The page shows settings, seeds and faults at all, so that the test of them has something to test."""
    assert {"/_emulator/settings", "/_emulator/seed", "/_emulator/faults"} <= {path for path, _ in CONTROLS}


def test_guesses_when_the_help_marks_them_then_the_page_asks_the_question() -> None:
    """Each setting whose right answer nobody knows is in the page's table, and no other."""
    guesses = re.findall(r"^  (\w+) = .*\n.*\[\?\]", explain(), flags=re.MULTILINE)
    rows = re.findall(r"^\| (`.*) \| .*\?", PAGE.partition("### What nobody knows")[2], flags=re.MULTILINE)
    assert sorted(guesses) == sorted(re.findall(r"`(\w+)`", " ".join(rows)))
    assert len(guesses) > 10


def test_forms_of_refusals_when_the_page_lists_them_then_seven_events_get_one_each() -> None:
    """The example of refusals does what the page says of it."""
    [forms] = [body for _, body in CONTROLS if '"edge"' in body]
    bench = Bench(faults=json.loads(forms))
    bench.intercom.seed({"contacts": [{"external_id": "42"}]})
    seen = []
    for _ in range(8):
        answer = bench.send(user_id="42")
        keys = sorted(decoded(answer) or {})
        seen.append((answer.status, keys, "X-RateLimit-Limit" in answer.headers, "X-Request-Id" in answer.headers))
    assert [
        (422, ["errors", "request_id", "type"], True, True),
        (422, [], True, True),
        (422, [], False, False),
        (422, [], True, False),
        (400, ["error", "status"], True, True),
        (400, ["errors", "type"], True, True),
        (400, ["errors"], True, True),
        (202, [], True, True),
    ] == seen
