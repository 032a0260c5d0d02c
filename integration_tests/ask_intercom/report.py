"""The report: what came, as Markdown, as JSON, and as settings that the emulator takes. It holds no personal data.

Everything in it is this program's own words, a status, a code, a number, or a value that the program made.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from integration_tests.ask_intercom.question import Finding, join
from integration_tests.ask_intercom.run import Outcome, Result


def summed_up(results: Iterable[Result]) -> Finding:
    """Return the settings that all answers together tell, and those that no value fits."""
    return join(*(each.finding for each in results if each.finding))


def write_report(
    folder: Path, outcome: Outcome, *, date: str, not_asked: Mapping[str, str], defaults: Mapping[str, Any]
) -> list[Path]:
    """Write `answers.md`, `answers.json` and `settings.json`; return where they are.

    `defaults` are the emulator's settings where nobody sets them: what differs from them is what a reader has to know.
    """
    folder.mkdir(parents=True, exist_ok=True)
    whole = summed_up(outcome.results)
    texts = {
        "answers.md": _markdown(outcome, whole, date, not_asked, defaults),
        "answers.json": _encoded(_document(outcome, whole, date, not_asked)),
        "settings.json": _encoded(dict(whole.settings)),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def _encoded(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False, sort_keys=False) + "\n"


def _document(outcome: Outcome, whole: Finding, date: str, not_asked: Mapping[str, str]) -> dict[str, Any]:
    return {
        "asked_on": date,
        "interrupted": outcome.interrupted,
        "left_behind": outcome.left,
        "settings": dict(whole.settings),
        "outside": list(whole.outside),
        "questions": [
            {
                "number": each.question.number,
                "question": each.question.text,
                "does": each.question.does,
                "answer": each.words,
                "settings": dict(each.finding.settings) if each.finding else {},
                "outside": list(each.finding.outside) if each.finding else list(each.question.tells),
                "calls": each.lines,
            }
            for each in outcome.results
        ],
        "not_asked": dict(not_asked),
    }


USE: Final = """\
Intercom's documentation leaves these questions open, so the local Intercom can only guess the answers. This page has those
of one workspace. It holds no token, no ID, and nobody's e-mail address or values, so you can publish it.

- Please send the project `answers.md` and `answers.json`: several workspaces with the same answer make it a fact.
- To test against a local Intercom that answers like this workspace, start it with `settings.json`. "Turn answers into
  settings" in `docs/emulator.md` says how, and how an answer becomes the default."""


def _markdown(
    outcome: Outcome, whole: Finding, date: str, not_asked: Mapping[str, str], defaults: Mapping[str, Any]
) -> str:
    lines = ["# What Intercom answered", "", f"Asked on {date} with `make ask-intercom`.", "", *USE.split("\n"), ""]
    if outcome.interrupted:
        lines += ["**The run was interrupted**: questions that are not listed were not asked.", ""]
    if outcome.left:
        told = ", ".join(f"{kind}: {count}" for kind, count in outcome.left.items())
        lines += [f"**Left behind** ({told}): run it again, which takes them away.", ""]
    lines += _differences(whole, defaults)
    lines += ["## Answers", "", "| | question | answer | settings of the emulator |", "|---|---|---|---|"]
    lines += [_row(each) for each in outcome.results]
    lines += ["", "## Settings", "", "The same is in `settings.json`, which the emulator takes with `--settings`:", ""]
    lines += ["```json", _encoded(dict(whole.settings)).rstrip("\n"), "```", ""]
    if whole.outside:
        told = ", ".join(f"`{name}`" for name in whole.outside)
        lines += [f"The emulator knows no value like the answers for {told}: its setting needs a new one.", ""]
    lines += ["## Calls", ""]
    for each in outcome.results:
        lines += [f"**{each.question.number}** {each.question.does}:", ""]
        lines += [f"- {line}" for line in each.lines or ["no call"]] + [""]
    lines += ["## Not asked", "", "| setting | why |", "|---|---|"]
    lines += [f"| `{name}` | {why} |" for name, why in not_asked.items()]
    return "\n".join(lines) + "\n"


def _differences(whole: Finding, defaults: Mapping[str, Any]) -> list[str]:
    """Return the lines that say where the workspace is not what the local Intercom is by itself."""
    rows = [
        f"| `{name}` | `{json.dumps(value)}` | `{json.dumps(defaults.get(name))}` |"
        for name, value in whole.settings.items()
        if json.dumps(value) != json.dumps(defaults.get(name))
    ] + [
        f"| `{name}` | outside of what the emulator knows | `{json.dumps(defaults.get(name))}` |"
        for name in whole.outside
    ]
    lines = ["## What differs from the local Intercom", ""]
    if not rows:
        return [*lines, "Nothing: all answers are those that it gives by default.", ""]
    return [*lines, "| setting | this workspace | the local Intercom's default |", "|---|---|---|", *rows, ""]


def _row(result: Result) -> str:
    finding = result.finding
    settings = [f"`{name}` = `{json.dumps(value)}`" for name, value in finding.settings.items()] if finding else []
    settings += [f"`{name}`: outside of what the emulator knows" for name in (finding.outside if finding else ())]
    if finding and not result.question.tells:
        settings.append("none")
    cells = (result.question.number, result.question.text, result.words, ", ".join(settings))
    return "| " + " | ".join(each.replace("|", "\\|") for each in cells) + " |"
