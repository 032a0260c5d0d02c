"""`make ask-intercom` against the emulator: whichever answer the emulator gives, the report says that setting."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from integration_tests.ask_intercom.question import Finding, join
from integration_tests.ask_intercom.questions import NOT_ASKED, all_questions
from integration_tests.ask_intercom.report import summed_up
from integration_tests.support.asking import ELSEWHERE, Place
from intercom_emulator import Settings
from intercom_emulator.settings import NORMALIZED

QUESTIONS = {each.number: each for each in all_questions([ELSEWHERE])}
TOLD = {setting for each in QUESTIONS.values() for setting in each.tells}
FIELDS = {each.name: each for each in dataclasses.fields(Settings)}

SEVERAL: dict[str, list[Any]] = {
    "region": ["US", "Europe", "Australia"],
    "app_present": [True, False],
    "app_version": ["1.4", "2.3", "2.16", "Preview"],
    "limit": [83, 167, 1666],
    "window_seconds": [10.0, 60.0],
    "remaining_counts_this_call": [False, True],
    "retry_after": [False, True],
    "deleted_conflict": [None, 0.0, 30.0],
    "refused_names": [[], ["N/A", "<b>bold</b>"]],
    "normalized_fields": [[], *([each] for each in NORMALIZED), list(NORMALIZED)],
    "company_race": [0.0, 5.0],
    "tag_people_limit": [50, None],
    "search_lag": [0.0, 60.0],
    "search_in_limit": [15, 50, None],
    "search_without_data": [False, True],
    "event_lag": [0.0, 8.0],
    "metadata_key_limit": [10, 20],
    "attribute_lag": [0.0, 1.0, 60.0],
    "bulk_limit": [100, 1000],
    "bulk_wait": [0.0, 5.0],
    "bulk_duration": [0.0, 24.0],
    "bulk_open": [0.0, 30.0],
    "bulk_tag_lag": [0.0, 20.0],
}
"""Values of the settings that name no choices, or too many."""

MEASURED = {
    *("company_race", "search_lag", "event_lag", "attribute_lag", "bulk_open", "bulk_tag_lag", "deleted_conflict"),
}
"""Settings whose value is found by trying again: it is told a quarter and a second too large at most."""

ALONGSIDE: dict[tuple[str, Any], dict[str, Any]] = {
    ("retry_after", False): {"limit": 167, "bulk_cost": "item"},
    ("retry_after", True): {"limit": 167, "bulk_cost": "item"},
    ("shared_email_status", 400): {"create_with_known_email": "second"},
    ("tag_people_limit", None): {"tag_unknown": "leave_out"},
}
"""Other settings, without which a value cannot be seen."""

PROVOKED_BY = {"retry_after": "1c"}
"""Questions that are asked too: no 429 comes by itself."""

WORLDS = [
    (setting, value)
    for setting in sorted(TOLD)
    for value in SEVERAL.get(setting) or FIELDS[setting].metadata["choices"]
]


def _is_told(setting: str, value: Any, told: Any) -> bool:
    if setting not in MEASURED or not value:
        return bool(told == value and type(told) is type(value))
    return isinstance(told, float) and value <= told <= value * 1.25 + 1


def test_settings_when_counted_then_each_is_told_by_a_question_or_not_asked_for_a_reason() -> None:
    """A setting that is new, or of which no question tells, is not forgotten."""
    assert set(FIELDS) == TOLD | set(NOT_ASKED)
    assert set() == TOLD & set(NOT_ASKED)
    assert [] == [name for name, why in NOT_ASKED.items() if len(why) < 10]


def test_settings_when_nobody_knows_the_answer_then_only_one_is_not_asked() -> None:
    """What the emulator marks as a guess is what the program is for."""
    guesses = {name for name, each in FIELDS.items() if "[?]" in each.metadata["help"]}
    assert len(guesses) > 30
    assert {"name_clash"} == guesses & set(NOT_ASKED)


@pytest.mark.parametrize("setting", sorted(TOLD))
def test_worlds_when_counted_then_each_setting_has_several(setting: str) -> None:
    """A question that always tells the same would not be seen."""
    assert len([value for name, value in WORLDS if name == setting]) > 1


@pytest.mark.parametrize(("setting", "value"), WORLDS)
def test_question_when_the_emulator_is_set_one_way_then_that_is_told(setting: str, value: Any, tmp_path: Path) -> None:
    """Each value of each setting, seen by the questions that tell of it."""
    abroad = {setting: value} if setting == "foreign_token_status" else {}
    here = {} if abroad else {setting: value}
    place = Place(tmp_path, ALONGSIDE.get((setting, value if not isinstance(value, list) else None), {}) | here)
    numbers = [number for number, each in QUESTIONS.items() if setting in each.tells]
    found = summed_up(place.ask(*numbers, PROVOKED_BY.get(setting, ""), abroad=abroad).results)
    assert setting not in found.outside
    assert setting in found.settings, place.said
    assert _is_told(setting, value, found.settings[setting]), (value, found.settings[setting])
    assert place.before == place.alive()


@pytest.mark.parametrize("number", sorted(QUESTIONS))
def test_question_when_asked_alone_then_it_tells_all_in_no_more_calls_than_it_says(number: str, tmp_path: Path) -> None:
    """The number of calls is said beforehand; a question that needs another to have been asked would tell less."""
    question, place = QUESTIONS[number], Place(tmp_path)
    (result,) = place.ask(number).results
    assert result.finding is not None or number == "23", result.why  # no call was refused
    assert set(question.tells) == set(result.finding.settings if result.finding else question.tells)
    assert result.calls <= question.calls


OTHER_WORLD = {
    **{setting: values[-1] for setting, values in SEVERAL.items() if setting not in ("retry_after", "limit")},
    **{setting: FIELDS[setting].metadata["choices"][-1] for setting in TOLD - set(SEVERAL) - {"foreign_token_status"}},
    # Without these nothing could be seen of others.
    "bulk_version": "Preview",
    "search_without_data": False,
    "headers": "full",
    "app_present": True,
}


@pytest.mark.parametrize("settings", [{}, OTHER_WORLD], ids=["first answers", "last answers"])
def test_report_when_the_program_has_run_then_it_is_the_emulators_settings(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    """The whole program in a world of first answers and in one of last ones; its settings make such an emulator."""
    place = Place(tmp_path, settings)
    assert 0 == place.main(), place.said
    told = json.loads((place.out / "settings.json").read_bytes())
    truth = Settings.from_dict(settings)
    unseen = {"foreign_token_status", "retry_after"}  # another host, and a refusal that may come or not
    assert TOLD - unseen == set(told) - unseen
    assert {} == {
        name: (getattr(truth, name), value)
        for name, value in told.items()
        if not _is_told(name, getattr(truth, name), value)
    }
    assert isinstance(Settings.from_dict(told), Settings)
    assert place.before == place.alive()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "Nothing: all answers are those that it gives by default."),
        ({"tag_unknown": "leave_out"}, '| `tag_unknown` | `"leave_out"` | `"refuse"` |'),
    ],
)
def test_report_when_read_then_it_says_first_what_differs_and_what_to_do_with_it(
    settings: dict[str, Any], told: str, tmp_path: Path
) -> None:
    """Whoever has run it has a page that nobody has explained to them."""
    place = Place(tmp_path, settings)
    place.main("--only", "9")
    head = (place.out / "answers.md").read_text(encoding="utf-8").partition("## Answers")[0]
    assert told in head
    assert "Please send the project `answers.md`" in head
    assert "start it with `settings.json`" in head


@pytest.mark.parametrize(
    ("number", "fault", "outside"),
    [
        ("19b", {"endpoint": "POST /contacts/{id}/unarchive", "kind": "status", "status": 409}, "unarchive_deleted"),
        ("6", {"endpoint": "PUT /contacts/{id}", "kind": "status", "status": 500}, "put_of_merged"),
        ("20b", {"endpoint": "DELETE /contacts/{id}/tags/{tag_id}", "kind": "status", "status": 400, "at": [2]}, "untag_again"),
        ("18a", {"endpoint": "POST /contacts/search", "kind": "status", "status": 422, "at": [3]}, "search_malformed"),
    ],
)  # fmt: skip
def test_answer_when_it_is_outside_of_all_known_worlds_then_that_is_said(
    number: str, fault: dict[str, Any], outside: str, tmp_path: Path
) -> None:
    """No setting is told that the emulator would have to be without having the answer."""
    place = Place(tmp_path)
    place.intercom.set_faults([fault])
    found = summed_up(place.ask(number).results)
    assert (outside,) == found.outside
    assert outside not in found.settings


def test_findings_when_they_disagree_then_the_setting_is_outside_of_what_the_emulator_knows() -> None:
    """One setting cannot have two values."""
    found = join(Finding("a", {"x": 1, "y": 2}), Finding("b", {"x": 3}), Finding("", {"y": 2}))
    assert Finding("a; b", {"y": 2}, ("x",)) == found


def test_question_when_it_fails_then_the_others_are_asked_all_the_same(tmp_path: Path) -> None:
    """A refusal, a lost connection and an answer of another form are "no answer", with status and code where they came."""
    place = Place(tmp_path)
    place.intercom.set_faults(
        [
            {"endpoint": "POST /contacts/merge", "kind": "status", "status": 403},
            {"endpoint": "POST /events", "kind": "reset_before"},
            {"endpoint": "POST /companies", "kind": "json", "status": 200, "body": [1]},
        ]
    )
    assert 0 == place.main("--only", "6,17a,21c,19c"), place.said
    answers = {each["number"]: each["answer"] for each in place.report()["questions"]}
    assert answers["6"] == "no answer: a lead could not be merged into a user: 403 api_plan_restricted"
    assert answers["17a"] == "no answer: the connection failed: ConnectionError"
    assert answers["21c"].startswith("no answer: a company could not be made: 200")
    assert answers["19c"] == "200, the external_id stays"
    assert place.before == place.alive()


def test_question_when_a_creation_meets_the_race_that_intercom_has_then_it_tries_again(tmp_path: Path) -> None:
    """A 404 to POST /contacts says nothing; a second try works."""
    place = Place(tmp_path)
    fault = {"endpoint": "POST /contacts", "kind": "status", "status": 404, "message": "User Not Found", "at": [1]}
    place.intercom.set_faults([fault])
    assert {"unarchive_deleted": 400} == summed_up(place.ask("19b").results).settings
