"""The page of logs against what the connector says."""

from __future__ import annotations

import pathlib
import re

import pytest

from integration_tests.support.sample_logs import SAMPLES, lines_of, shape, shorten

PAGE = (pathlib.Path(__file__).resolve().parents[1] / "docs" / "logs.md").read_text(encoding="utf-8")
_PARTS = re.split(r"^## (.+)$", PAGE, flags=re.MULTILINE)
SHOWN = {
    title: re.findall(r"^```log\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)[0]
    for title, text in zip(_PARTS[1::2], _PARTS[2::2], strict=True)
}


def test_page_has_a_log_for_each_sample() -> None:
    """And none of anything else."""
    assert list(SAMPLES) == list(SHOWN)


@pytest.mark.parametrize("title", SAMPLES)
def test_log_on_the_page_is_what_the_connector_says(title: str) -> None:
    """But for numbers, times and the ids of requests."""
    said = [re.sub("request id [0-9a-f]+", "request id X", line) for line in shorten(lines_of(SAMPLES[title]()))]
    shown = [re.sub("request id [0-9a-f]+", "request id X", line) for line in SHOWN[title].splitlines()]

    assert list(map(shape, shown)) == list(map(shape, said))


def test_log_of_a_shared_quota_says_who_takes_it_and_that_calls_wait() -> None:
    """On the page, and in a sync: its progress is compared in nothing else."""
    said = lines_of(SAMPLES["A quota that others use"]())
    for lines in (said, SHOWN["A quota that others use"].splitlines()):
        (first, *_) = [line for line in lines if "Progress" in line]
        match = re.search(
            r"this sync used ([0-9.]+)% of that, other apps ([0-9.]+)%\. Calls wait for the quota\.", first
        )
        assert match is not None
        ours, others = map(float, match.groups())
        # 1,500 of 1,666 calls of a window are theirs; the time before the first of ours counts for nobody.
        assert 7 < ours < 10
        assert 85 < others < 91
