"""What a replay says in the place of what a sync says."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from destination_intercom import replaying
from destination_intercom.airbyte.output import as_text, log_line
from destination_intercom.contacts.known import KnownContact
from destination_intercom.errors import StreamName
from destination_intercom.rejects.rows import RejectedRows
from destination_intercom.replaying import WORDS, Replay

SOURCE = Path(replaying.__file__).parent
BEGAN = 1_767_225_600.4


def texts() -> Iterator[str]:
    """Every text of the sources but the table's; a value stands as 7."""
    for path in SOURCE.rglob("*.py"):
        if path.name == "replaying.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(each.value) if isinstance(each, ast.Constant) else "7" for each in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


SAID = list(texts())


@pytest.mark.parametrize("words", WORDS)
def test_words_of_a_sync_when_the_table_replaces_them_then_somebody_says_them(words: str) -> None:
    """It is no list of what once was."""
    assert any(words in text for text in SAID)


def test_words_of_a_sync_when_a_replay_may_say_them_then_none_promises_a_next_sync() -> None:
    """Each text that speaks of the next sync, or of states, to whoever reads the log is replaced."""
    promises = re.compile(r"next sync|was acknowledged|are acknowledged|is checkpointed")
    told = {text for text in SAID if promises.search(text) and "\n" not in text}
    left = {text for text in told if promises.search(Replay(BEGAN).reword(text))}
    # A replay has no states, so that there is no last one.
    assert len(told) > len(left)
    assert set() == {text for text in left if "The last state was acknowledged after record" not in text}


@pytest.mark.parametrize(
    ("replay", "how"),
    [
        (Replay(BEGAN), " with --resume 2026-01-01T00:00:00Z."),
        (Replay(BEGAN + 500, resumed=BEGAN), " with --resume 2026-01-01T00:00:00Z."),
        (Replay(BEGAN, force=True), "."),
    ],
)
def test_replay_when_described_then_it_says_how_to_go_on(replay: Replay, how: str) -> None:
    """With the beginning of the first attempt; with --force nothing is superseded anyway."""
    rows = RejectedRows(count=1234, left_out=5, oldest=BEGAN - 60, newest=BEGAN, streams={StreamName("users"): "x"})
    assert (
        "Rejected records to send: 1,234, rejected from 2025-12-31T23:59:00Z to 2026-01-01T00:00:00Z; left out, for other"
        f" reasons: 5. If this is interrupted, run the same command again{how}"
    ) == replay.describe(rows)


def test_replay_when_there_is_nothing_to_send_then_it_says_so() -> None:
    """Rather than to send nothing without a word."""
    told = Replay(BEGAN).describe(RejectedRows(left_out=5))
    assert "There are no rejected records to send; left out, for other reasons: 5." == told


@pytest.mark.parametrize(("level", "text"), [("INFO", "Said."), ("WARN", "Warning: Said.")])
def test_log_when_a_person_reads_it_then_it_is_text(level: str, text: str) -> None:
    """What is a warning says so."""
    assert text == as_text(log_line(level, "Said."))  # type: ignore[arg-type] # one of the two


def test_log_when_reworded_then_its_level_stays() -> None:
    """And everything else that it says."""
    line = Replay(BEGAN).reword_line(log_line("WARN", "One. No state was acknowledged."))
    log = orjson.loads(line)["log"]
    assert "WARN" == log["level"]
    assert log["message"].startswith(
        "One. What was not delivered is still in the objects that it was read from. To go on,"
    )


@pytest.mark.parametrize(
    ("replay", "superseded"),
    [(Replay(BEGAN), True), (Replay(BEGAN, force=True), False), (Replay(BEGAN, resumed=BEGAN - 50), False)],
)
def test_replay_when_forced_or_resumed_then_newer_contacts_are_written(replay: Replay, *, superseded: bool) -> None:
    """The one writes all of them, the other those that were updated since it began."""
    known = KnownContact("c1", updated_at=int(BEGAN) - 10)
    assert superseded is replay.earlier.supersede(known, BEGAN - 100)
    assert not replay.earlier.supersede(known, math.inf)
