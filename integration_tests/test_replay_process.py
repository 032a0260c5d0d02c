"""`replay` as a person runs it: the process, boto3, an S3 over HTTP, and the local Intercom."""

from __future__ import annotations

import gzip
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from integration_tests.conftest import Workplace
from integration_tests.support.harness import TOKEN, record, to_lines
from integration_tests.support.local_s3 import KEYS, Fault, LocalS3, local_s3
from integration_tests.support.processes import ROOT
from integration_tests.support.replaying import row

DOCS = ROOT / "docs" / "intercom.md"
LONG_AGO = 1_767_225_600
NUMBERS = count(1)


@pytest.fixture(scope="module")
def s3() -> Iterator[LocalS3]:
    """Run one S3 for all tests of the module: moto takes seconds to load."""
    with local_s3() as running:
        yield running


@pytest.fixture
def section(s3: LocalS3) -> dict[str, Any]:
    """Make a bucket of the test's own, and the section of the configuration that names it."""
    s3.script = lambda _: None
    return s3.make_bucket(f"again-{os.getpid()}-{next(NUMBERS)}")


def event(user_id: str, number: int, **more: Any) -> dict[str, Any]:
    """A record of an event, told from others by its second."""
    return record("events", user_id=user_id, name="played", at=LONG_AGO + number, **more)


def replay(
    workplace: Workplace, *objects: str, environment: dict[str, str] | None = None, **sections: Any
) -> tuple[int, str]:
    """Run `replay`; return the exit code, and what a person reads: the output holds nothing else."""
    arguments = ("replay", "--config", workplace.config(**sections), "--catalog", workplace.catalog(), *objects)
    connector = workplace.start(*arguments, environment=environment)
    code = connector.finish()
    assert [] == connector.messages
    text = connector.stderr.decode()
    assert "Traceback" not in text
    return code, text


def rejected_in_a_sync(workplace: Workplace, s3: LocalS3, section: dict[str, Any], people: int) -> list[str]:
    """Let a sync reject two events of each of so many people; return the names of the objects."""
    messages = [event(f"person-{number % people}", number) for number in range(2 * people)]
    first = workplace.write(object_storage_config=section, delivery={"stop_after_rejected": 0})
    assert 0 == first.finish(to_lines(messages))
    assert ["unknown_user"] * 2 * people == [each["reason"] for each in s3.rows(section["s3_bucket_name"])]
    return [f"s3://{section['s3_bucket_name']}/{key}" for key in s3.objects(section["s3_bucket_name"])]


def seconds_of(workplace: Workplace) -> list[int]:
    """The events in Intercom, told by their seconds."""
    return sorted(each["created_at"] - LONG_AGO for each in workplace.intercom.dump()["events"])


@pytest.mark.parametrize("compression", ["No Compression", "GZIP"])
@pytest.mark.parametrize("by_prefix", [False, True])
def test_replay_when_the_cause_is_mended_then_the_rejected_records_are_in_intercom(
    workplace: Workplace, s3: LocalS3, section: dict[str, Any], compression: str, *, by_prefix: bool
) -> None:
    """Rejected in a sync, stored by it, read from the bucket again; what is rejected again is in another folder."""
    section = {**section, "compression": {"compression_type": compression}}
    objects = rejected_in_a_sync(workplace, s3, section, 5)
    before = s3.objects(section["s3_bucket_name"])
    workplace.intercom.seed({"contacts": [{"external_id": f"person-{number}"} for number in range(4)]})
    named = [objects[0].rpartition("events/")[0]] if by_prefix else objects
    code, text = replay(workplace, *named, object_storage_config=section)

    assert 0 == code, text
    assert [0, 1, 2, 3, 5, 6, 7, 8] == seconds_of(workplace)
    assert "Rejected records to send: 10, rejected from 20" in text
    assert 'Stream "events": read 10, delivered 8, filtered 0, duplicate 0, rejected 2 (unknown_user 2)' in text
    after = s3.objects(section["s3_bucket_name"])
    assert before == {key: after[key] for key in before}
    (new,) = set(after) - set(before)
    assert re.fullmatch(r"refused/intercom/replay-20\d\d-\d\d-\d\dT\d\d-\d\d-\d\dZ/events/.*\.jsonl(\.gz)?", new)
    assert (
        f"Rejected records stored: 2 (objects: 1) below s3://{section['s3_bucket_name']}/refused/intercom/rep" in text
    )


def test_replay_when_rows_are_of_several_outcomes_then_it_reads_well_and_holds_no_personal_data(
    workplace: Workplace,
) -> None:
    """Every line on standard error is text; identities, names and the token are in none."""
    workplace.intercom.seed({"contacts": [{"external_id": "canary-known"}]})
    rows = [
        row(record("users", user_id="canary-known", name="canary name", email="canary@x.example"), LONG_AGO),
        row(event("canary-stranger", 1, note="canary note"), LONG_AGO, ordinal=2, message="canary message"),
        row(record("users", user_id=["canary"], name="canary name"), LONG_AGO, ordinal=3),
    ]
    path = workplace.folder / "rows.jsonl"
    path.write_bytes(b"".join(rows))
    code, text = replay(workplace, str(path))
    assert 0 == code
    assert [] == [secret for secret in (TOKEN, "canary") if secret in text]
    assert not any(line.startswith("{") for line in text.splitlines())
    assert "Warning: Rejected records were not stored again, since no storage is configured" in text
    assert "superseded 1" in text


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--reason", "unheard_of", "x"], 2, "choose from"),
        (["--resume", "yesterday", "x"], 2, "--resume"),
        ([], 2, "OBJECT"),
        (["none.jsonl"], 1, "none.jsonl cannot be read (No such file or directory): check its path."),
    ],
)
def test_arguments_when_wrong_then_the_person_is_told(
    workplace: Workplace, arguments: list[str], code: int, words: str
) -> None:
    """An unknown reason is answered with the known ones."""
    ended, text = replay(workplace, *arguments)
    assert code == ended
    assert words in text
    if "--reason" in arguments:
        assert "unknown_user" in text
        assert "identity_conflict" in text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_when_a_replay_is_under_way_then_it_ends_in_order_and_says_how_to_go_on(
    make_workplace: Any, number: signal.Signals
) -> None:
    """The exit code is the signal's; what is left is in the objects, and the same command goes on with --resume."""
    workplace = make_workplace(latency=0.05)
    workplace.intercom.seed({"contacts": [{"external_id": f"p{n}"} for n in range(300)]})
    path = workplace.folder / "rows.jsonl"
    path.write_bytes(b"".join(row(event(f"p{n}", n), time.time(), ordinal=n) for n in range(300)))
    connector = workplace.start(
        *("replay", "--config", workplace.config(delivery={"concurrency": 1}), "--catalog", workplace.catalog()),
        str(path),
    )
    while not workplace.intercom.dump()["events"]:
        time.sleep(0.02)
    connector.process.send_signal(number)
    assert 128 + number == connector.finish()
    text = connector.stderr.decode()
    (resume,) = set(re.findall(r"--resume (\S+Z)", text))
    assert "next sync" not in text
    # It has ended in order, and not at once.
    assert f"Stopped by {number.name}." in text
    assert f"To go on, run the same command again with --resume {resume}." in text
    assert 0 < len(seconds_of(workplace)) < 300

    code, text = replay(workplace, "--resume", resume, str(path))
    assert 0 == code, text
    assert list(range(300)) == sorted(set(seconds_of(workplace)))


def test_kill_when_a_replay_is_repeated_with_resume_then_every_person_is_as_their_last_row(
    make_workplace: Any,
) -> None:
    """Killed at some moment of the way, between the rows of people, and begun again as its first line has said."""
    workplace = make_workplace(latency=0.02)
    people = [f"p{n}" for n in range(40)]
    workplace.intercom.seed(
        {"contacts": [{"external_id": each, "name": "Ada Before", "updated_at": LONG_AGO} for each in people]}
    )
    rows = [
        row(record("users", user_id=each, name=f"Ada {turn}"), LONG_AGO + 100 * turn, ordinal=40 * turn + n)
        for turn in range(1, 4)
        for n, each in enumerate(people)
    ]
    path = workplace.folder / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(b"".join(rows)))
    connector = workplace.start(
        *("replay", "--config", workplace.config(delivery={"concurrency": 2}), "--catalog", workplace.catalog()),
        str(path),
    )
    while not any(each["name"] == "Ada 1" for each in workplace.intercom.dump()["contacts"]):
        time.sleep(0.02)
    connector.process.kill()
    connector.join()
    assert any(each["name"] != "Ada 3" for each in workplace.intercom.dump()["contacts"])

    (resume,) = re.findall(r"--resume (\S+Z)", connector.stderr.decode())
    code, text = replay(workplace, "--resume", resume, str(path))
    assert 0 == code, text
    assert {"Ada 3"} == {each["name"] for each in workplace.intercom.dump()["contacts"]}


def test_storage_when_reading_fails_for_passing_reasons_then_it_is_tried_again(
    workplace: Workplace, s3: LocalS3, section: dict[str, Any]
) -> None:
    """Slow down, and the page of a proxy."""
    objects = rejected_in_a_sync(workplace, s3, section, 2)
    workplace.intercom.seed({"contacts": [{"external_id": f"person-{number}"} for number in range(2)]})
    faults = iter([Fault("status"), Fault("html", 502)])
    s3.read_script = lambda: next(faults, None)
    code, text = replay(workplace, *objects, object_storage_config=section)
    s3.read_script = lambda: None
    assert 0 == code, text
    assert [0, 1, 2, 3] == seconds_of(workplace)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("folder/empty.jsonl", "folder/empty.jsonl: check its path."),
        ("folder", "check its name, which ends in / if it is a folder"),
    ],
)
def test_object_when_it_is_empty_or_not_there_then_the_person_is_told(
    workplace: Workplace, s3: LocalS3, section: dict[str, Any], name: str, words: str
) -> None:
    """Of one that is not there at once, and of a folder how to name it."""
    s3.put(section["s3_bucket_name"], "folder/empty.jsonl", b"")
    code, text = replay(workplace, f"s3://{section['s3_bucket_name']}/{name}", object_storage_config=section)
    assert 1 == code
    assert words in text


def test_storage_when_it_denies_reading_then_the_person_learns_which_permission_is_needed(
    workplace: Workplace, s3: LocalS3, section: dict[str, Any]
) -> None:
    """Nothing is sent, and neither keys nor the store's own text are told."""
    objects = rejected_in_a_sync(workplace, s3, section, 2)
    s3.read_script = lambda: Fault("status", 403, "AccessDenied")
    code, text = replay(workplace, *objects, object_storage_config=section)
    s3.read_script = lambda: None
    assert 1 == code
    assert "code AccessDenied" in text
    assert "s3:GetObject" in text
    assert [] == [secret for secret in (*KEYS, TOKEN, "canary message") if secret in text]


def test_documented_command_when_run_then_it_sends_the_records_again(
    workplace: Workplace, s3: LocalS3, section: dict[str, Any]
) -> None:
    """The line of the page is run as it stands, but for the bucket."""
    objects = rejected_in_a_sync(workplace, s3, section, 2)
    workplace.intercom.seed({"contacts": [{"external_id": f"person-{number}"} for number in range(2)]})
    page = DOCS.read_text(encoding="utf-8")
    part = page[page.index("### Send rejected records again") :]
    command = next(re.finditer(r"^```sh\n(destination-intercom replay .*?)^```$", part, re.MULTILINE | re.DOTALL))[1]
    command = command.replace("s3://airbyte-rejected/intercom/4711/", objects[0].rpartition("events/")[0])
    workplace.config(object_storage_config=section)
    script = workplace.folder / "bin" / "destination-intercom"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m destination_intercom.run "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    workplace.catalog()
    again = subprocess.run(
        ["sh", "-ec", command],
        cwd=workplace.folder,
        env={
            **os.environ,
            "PATH": f"{script.parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / "destination-intercom"),
        },
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert (0, b"") == (again.returncode, again.stdout)
    assert [0, 1, 2, 3] == seconds_of(workplace)


@pytest.mark.long
def test_memory_when_objects_are_large_then_it_stays_bounded(workplace: Workplace) -> None:
    """Twenty times as many rows take no more memory: an object is read piece by piece, and nothing of it is kept."""
    workplace.intercom.seed({"contacts": [{"external_id": "p1"}]})
    peaks = []
    for thousands in (1, 20):
        path = workplace.folder / f"{thousands}.jsonl.gz"
        bad = record("events", user_id="p1", name="played", at="never", filler="x" * 8_000)
        with gzip.open(path, "wb", compresslevel=1) as file:
            for number in range(thousands * 1000):
                file.write(row(bad, LONG_AGO, ordinal=number))
        connector = workplace.start(
            *("replay", "--config", workplace.config(delivery={"stop_after_rejected": 0})),
            *("--catalog", workplace.catalog(), str(path)),
        )
        peaks.append(_watch_peak(connector.process))
        assert 0 == connector.finish()
    assert peaks[1] - peaks[0] < 40, peaks


def _watch_peak(process: subprocess.Popen[bytes]) -> int:
    """Wait for the end of a process; return the most memory that it had, in megabytes."""
    peak = 0
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
            peak = int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) // 1024
        except (OSError, IndexError):
            pass
        time.sleep(0.02)
    return peak
